//! Which instant does a text mean that comes without a format?
//!
//! ISO 8601 (`2021-06-30`, `2021-06-30+08:00`, `2009-06-15T01:45:30.5-07:00`, `2012-01-01 23:00`) and the month-first form
//! that date functions return (`8/25/2021 5:41:18 PM`). A time without an offset is UTC, a date without a time is midnight.

use super::{Date, assembled};

/// Longer than any date; a whole page is none.
const TEXT_BYTES_MAX: usize = 64;

/// The instant, or `None` where the text is no date in one of the forms above.
pub(in crate::rules) fn read(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut scan = Scan { rest: text };
    let date = scan.date()?;
    let time = scan.time()?;
    let offset = scan.offset()?;
    scan.rest.is_empty().then(|| assembled(date, time, offset))?
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = digits.contains(&length).then(|| self.rest.get(..length)?.parse().ok())?;
        self.rest = self.rest.get(length..)?;
        number
    }
    fn sign(&mut self, signs: &[char]) -> Option<char> {
        let sign = self.rest.chars().next().filter(|c| signs.contains(c))?;
        self.rest = self.rest.get(sign.len_utf8()..)?;
        Some(sign)
    }
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Year first with `-` or `/`, or month first with `/`.
    fn date(&mut self) -> Option<(i32, u32, u32)> {
        let year_first = self.rest.bytes().take_while(u8::is_ascii_digit).count() == 4;
        let (year, month, day) = if year_first {
            let year = self.number(4..=4)?;
            let sign = self.sign(&['-', '/'])?;
            let month = self.number(1..=2)?;
            self.sign(&[sign])?;
            (year, month, self.number(1..=2)?)
        } else {
            let month = self.number(1..=2)?;
            self.sign(&['/'])?;
            let day = self.number(1..=2)?;
            self.sign(&['/'])?;
            (self.number(4..=4)?, month, day)
        };
        Some((i32::try_from(year).ok()?, month, day))
    }

    /// Hours and minutes, with seconds, parts of seconds and AM or PM where they are there.
    fn time(&mut self) -> Option<(u32, u32, u32, u32)> {
        if self.sign(&['T', 't']).is_none() {
            self.skip_blanks();
            // What follows the blanks may be an offset.
            if !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                return Some((0, 0, 0, 0));
            }
        }
        let hour = self.number(1..=2)?;
        self.sign(&[':'])?;
        let minute = self.number(2..=2)?;
        let second = if self.sign(&[':']).is_some() { self.number(2..=2)? } else { 0 };
        let nanos = if self.sign(&['.', ',']).is_some() { self.fraction()? } else { 0 };
        let before = self.rest;
        self.skip_blanks();
        let half = self.rest.get(..2).map(str::to_ascii_uppercase);
        let hour = match half.as_deref() {
            Some(half @ ("AM" | "PM")) => {
                self.rest = self.rest.get(2..)?;
                (1..=12).contains(&hour).then_some(hour % 12 + if half == "PM" { 12 } else { 0 })?
            }
            _ => {
                self.rest = before;
                hour
            }
        };
        Some((hour, minute, second, nanos))
    }

    fn fraction(&mut self) -> Option<u32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        // .NET keeps seven digits and rounds; more than nine cannot be kept here.
        let kept = self.rest.get(..length.min(9)).filter(|d| !d.is_empty())?;
        self.rest = self.rest.get(length..)?;
        let scale = 10_u32.checked_pow(u32::try_from(9 - kept.len()).ok()?)?;
        Some(kept.parse::<u32>().ok()? * scale)
    }

    /// `Z`, `+08:00`, `-0800`, `-8`; minutes east of Greenwich.
    fn offset(&mut self) -> Option<i32> {
        self.skip_blanks();
        if self.rest.is_empty() || self.sign(&['Z', 'z']).is_some() {
            return Some(0);
        }
        let sign = if self.sign(&['+', '-'])? == '-' { -1 } else { 1 };
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (hours, minutes) = if digits == 4 {
            let both = self.number(4..=4)?;
            (both / 100, both % 100)
        } else {
            let hours = self.number(1..=2)?;
            (hours, if self.sign(&[':']).is_some() { self.number(2..=2)? } else { 0 })
        };
        // .NET's offsets end at 14 hours.
        let all = i32::try_from(hours * 60 + minutes).ok()?;
        (all <= 14 * 60 && minutes < 60).then_some(sign * all)
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn documented_forms_are_read_and_everything_else_is_not() {
        for (text, instant) in [
            ("2021-06-30", "2021-06-30T00:00:00Z"),
            ("2021-06-30+08:00", "2021-06-29T16:00:00Z"),
            ("2009-06-15T01:45:30-07:00", "2009-06-15T08:45:30Z"),
            ("8/25/2021 5:41:18 PM", "2021-08-25T17:41:18Z"),
            ("12/31/2025 12:00:00 AM", "2025-12-31T00:00:00Z"),
            ("12/25/2007", "2007-12-25T00:00:00Z"),
            ("2013-01-10 4:00 PM -8", "2013-01-11T00:00:00Z"),
            ("2012-01-01 23:00:00", "2012-01-01T23:00:00Z"),
            ("2025-12-31 23:59:59-05:00", "2026-01-01T04:59:59Z"),
            ("2025-12-31 -08:00", "2025-12-31T08:00:00Z"),
            (" 2021-06-30T10:00Z ", "2021-06-30T10:00:00Z"),
        ] {
            let read = read(text).map(|d| d.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
            assert_eq!(read.as_deref(), Some(instant), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2021-02-30",
            "2021-13-01",
            "25/12/2007",
            "2021-06-30T25:00",
            "13:00 PM",
            "2021-06-30 13:00 PM",
            "2021-06-30+15:00",
            "2021-06-30 x",
            "0000-01-01",
            "2021-06-30T",
            "2021-06-30T10:00:00.Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
