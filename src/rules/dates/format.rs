//! What does a .NET date format mean, read and written?

use chrono::{Datelike, Timelike};

use super::{Date, assembled};

/// Longer than any format that means one date.
const FORMAT_CHARACTERS_MAX: usize = 200;

/// Of two digits, up to here is this century: .NET's usual `TwoDigitYearMax`, 2049.
const THIS_CENTURY_MAX: i32 = 49;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A format, cut into its parts.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `yyyy`: a letter and how often it stands there.
    Field(char, usize),
    /// Everything that means itself.
    Literal(String),
}

impl Format {
    /// Reads a custom format (`yyyy-MM-dd`), or one of the standard ones, which have one letter.
    pub(in crate::rules) fn new(text: &str) -> Result<Self, String> {
        if text.chars().count() > FORMAT_CHARACTERS_MAX {
            return Err(format!("a date format has at most {FORMAT_CHARACTERS_MAX} characters"));
        }
        let mut signs = text.chars();
        if let (Some(only), None) = (signs.next(), signs.next()) {
            return standard(only).map_or_else(|| Err(format!("`{text}` is no standard date format")), Self::custom);
        }
        Self::custom(text)
    }

    fn custom(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                'd' | 'f' | 'F' | 'g' | 'h' | 'H' | 'K' | 'm' | 'M' | 's' | 't' | 'y' | 'z' => {
                    let mut count = 1;
                    while c != 'K' && rest.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    if matches!(c, 'f' | 'F') && count > 7 {
                        return Err("parts of a second have at most seven digits".to_owned());
                    }
                    parts.push(Part::Field(c, count));
                }
                '"' | '\'' => {
                    let mut literal = String::new();
                    loop {
                        match rest.next() {
                            Some(end) if end == c => break,
                            Some(other) => literal.push(other),
                            None => return Err(format!("the quote {c} in this date format is not closed")),
                        }
                    }
                    parts.push(Part::Literal(literal));
                }
                '\\' => match rest.next() {
                    Some(next) => parts.push(Part::Literal(next.to_string())),
                    None => return Err("this date format ends in a single backslash".to_owned()),
                },
                // Only says that one letter is meant as a custom format.
                '%' => {}
                other => parts.push(Part::Literal(other.to_string())),
            }
        }
        if parts.is_empty() {
            return Err("this date format is empty".to_owned());
        }
        Ok(Self(parts))
    }

    /// Can a date be read with it? A year there must be, and no part twice.
    pub(in crate::rules) fn readable(&self) -> Result<(), String> {
        let count = |letters: &[char]| {
            let named = |p: &&Part| matches!(p, Part::Field(c, n) if letters.contains(c) && !(*c == 'd' && *n > 2));
            self.0.iter().filter(named).count()
        };
        if count(&['y']) == 0 {
            return Err("a format to read dates with needs a year (yyyy)".to_owned());
        }
        let twice = [&['y'][..], &['M'], &['d'], &['h', 'H'], &['m'], &['s'], &['f', 'F'], &['t'], &['z', 'K']];
        match twice.into_iter().find(|letters| count(letters) > 1) {
            Some(letters) => Err(format!("`{}` stands twice in this date format", letters.iter().collect::<String>())),
            None => Ok(()),
        }
    }

    /// The date as text.
    pub(in crate::rules) fn written(&self, date: Date) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Field(letter, count) => out.push_str(&field(date, *letter, *count)),
            }
        }
        out
    }

    /// The date that the whole text means; blanks around it do not count where `blanks` says so.
    pub(in crate::rules) fn read(&self, text: &str, blanks: bool) -> Option<Date> {
        let mut read = Reading { rest: if blanks { text.trim() } else { text }, ..Reading::default() };
        for (i, part) in self.0.iter().enumerate() {
            match part {
                Part::Literal(literal) => read.rest = read.rest.strip_prefix(literal.as_str())?,
                Part::Field(letter, count) => {
                    // A number of any length ends where the next part begins, and not within a run of digits.
                    let tight = matches!(self.0.get(i + 1), Some(Part::Field(..)));
                    read.field(*letter, *count, tight)?;
                }
            }
        }
        read.rest.is_empty().then(|| read.date())?
    }
}

/// The custom format that a letter stands for, in the invariant culture with the month first.
fn standard(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "M/d/yyyy",
        'D' => "dddd, MMMM d, yyyy",
        'f' => "dddd, MMMM d, yyyy h:mm tt",
        'F' | 'U' => "dddd, MMMM d, yyyy h:mm:ss tt",
        'g' => "M/d/yyyy h:mm tt",
        'G' => "M/d/yyyy h:mm:ss tt",
        'm' | 'M' => "MMMM d",
        'o' | 'O' => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        'r' | 'R' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        's' => "yyyy-MM-ddTHH:mm:ss",
        't' => "h:mm tt",
        'T' => "h:mm:ss tt",
        'u' => "yyyy-MM-dd HH:mm:ssZ",
        'y' | 'Y' => "MMMM yyyy",
        _ => return None,
    })
}

fn name<'n>(names: &[&'n str], at: usize, short: bool) -> &'n str {
    let name = names.get(at).copied().unwrap_or_default();
    if short { name.get(..3).unwrap_or(name) } else { name }
}

fn field(date: Date, letter: char, count: usize) -> String {
    let padded = |n: u32, width: usize| format!("{n:0width$}");
    let two = |n: u32| padded(n, count.min(2));
    let year = u32::try_from(date.year()).unwrap_or(0);
    let (_, twelve) = date.hour12();
    match (letter, count) {
        ('y', 1 | 2) => padded(year % 100, count),
        ('y', _) => padded(year, count),
        ('M', 3) => name(&MONTHS, date.month0() as usize, true).to_owned(),
        ('M', 4..) => name(&MONTHS, date.month0() as usize, false).to_owned(),
        ('M', _) => two(date.month()),
        ('d', 3) => name(&DAYS, date.weekday().num_days_from_sunday() as usize, true).to_owned(),
        ('d', 4..) => name(&DAYS, date.weekday().num_days_from_sunday() as usize, false).to_owned(),
        ('d', _) => two(date.day()),
        ('H', _) => two(date.hour()),
        ('h', _) => two(twelve),
        ('m', _) => two(date.minute()),
        ('s', _) => two(date.second()),
        ('f', n) => fraction(date, n),
        ('F', n) => fraction(date, n).trim_end_matches('0').to_owned(),
        ('t', 1) => (if date.hour() < 12 { "A" } else { "P" }).to_owned(),
        ('t', _) => (if date.hour() < 12 { "AM" } else { "PM" }).to_owned(),
        ('z', 1) => "+0".to_owned(),
        ('z', 2) => "+00".to_owned(),
        ('z', _) => "+00:00".to_owned(),
        ('K', _) => "Z".to_owned(),
        ('g', _) => "A.D.".to_owned(),
        _ => String::new(),
    }
}

fn fraction(date: Date, digits: usize) -> String {
    let all = format!("{:09}", date.nanosecond() % 1_000_000_000);
    all.get(..digits).unwrap_or(&all).to_owned()
}

/// What was read so far.
#[derive(Default)]
struct Reading<'a> {
    rest: &'a str,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
    minute: u32,
    second: u32,
    nanos: u32,
    afternoon: Option<bool>,
    offset: i32,
}

impl Reading<'_> {
    fn date(&self) -> Option<Date> {
        let hour = match (self.hour.unwrap_or(0), self.afternoon) {
            (hour, None) => hour,
            (hour, Some(_)) if hour > 12 => return None,
            (hour, Some(afternoon)) => hour % 12 + if afternoon { 12 } else { 0 },
        };
        let date = (self.year?, self.month.unwrap_or(1), self.day.unwrap_or(1));
        assembled(date, (hour, self.minute, self.second, self.nanos), self.offset)
    }

    fn take(&mut self, length: usize) -> Option<&str> {
        let taken = self.rest.get(..length)?;
        self.rest = self.rest.get(length..)?;
        Some(taken)
    }
    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if length < least {
            return None;
        }
        self.take(length)?.parse().ok()
    }
    /// One or two digits where the format has one letter, exactly two where it has two.
    fn short(&mut self, count: usize) -> Option<u32> {
        self.number(count.min(2), 2)
    }
    fn one_of(&mut self, names: &[&str], short: bool) -> Option<usize> {
        let begins = |name: &str| {
            let there = self.rest.get(..name.len())?;
            there.eq_ignore_ascii_case(name).then_some(name.len())
        };
        let (at, length) = (0..names.len()).find_map(|i| Some((i, begins(name(names, i, short))?)))?;
        self.take(length)?;
        Some(at)
    }

    fn field(&mut self, letter: char, count: usize, tight: bool) -> Option<()> {
        match (letter, count) {
            ('y', 1 | 2) => {
                let year = i32::try_from(self.short(count)?).ok()?;
                self.year = Some(if year <= THIS_CENTURY_MAX { 2000 + year } else { 1900 + year });
            }
            // Where digits follow, the year takes no more than its own.
            ('y', n) => self.year = Some(i32::try_from(self.number(n, if tight { n } else { n.max(4) })?).ok()?),
            ('M', 1 | 2) => self.month = Some(self.short(count)?),
            ('M', n) => self.month = Some(u32::try_from(self.one_of(&MONTHS, n == 3)?).ok()? + 1),
            ('d', 1 | 2) => self.day = Some(self.short(count)?),
            // A weekday says nothing that the date does not say.
            ('d', n) => drop(self.one_of(&DAYS, n == 3)?),
            ('H' | 'h', _) => {
                let hour = self.short(count)?;
                if letter == 'h' && !(1..=12).contains(&hour) {
                    return None;
                }
                self.hour = Some(hour);
            }
            ('m', _) => self.minute = self.short(count)?,
            ('s', _) => self.second = self.short(count)?,
            ('f', n) => self.nanos = self.fraction(n, n)?,
            ('F', n) => self.nanos = self.fraction(0, n)?,
            ('t', n) => {
                let word = self.take(n.min(2))?.to_ascii_uppercase();
                self.afternoon = Some(match word.as_str() {
                    "A" | "AM" => false,
                    "P" | "PM" => true,
                    _ => return None,
                });
            }
            ('K', _) if self.rest.is_empty() => {}
            ('K' | 'z', _) if self.rest.starts_with(['Z', 'z']) => drop(self.take(1)?),
            ('K', _) => self.offset = self.zone(3)?,
            ('z', n) => self.offset = self.zone(n)?,
            ('g', _) => drop(self.one_of(&["A.D.", "AD"], false)?),
            _ => return None,
        }
        Some(())
    }

    fn fraction(&mut self, least: usize, most: usize) -> Option<u32> {
        let before = self.rest.len();
        let number = if least == 0 && !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            0
        } else {
            self.number(least.max(1), most)?
        };
        let digits = u32::try_from(before - self.rest.len()).ok()?;
        Some(number * 10_u32.checked_pow(9_u32.checked_sub(digits)?)?)
    }

    /// Minutes east of Greenwich: `-8`, `-08` or `-08:00`.
    fn zone(&mut self, count: usize) -> Option<i32> {
        let sign = match self.take(1)? {
            "+" => 1,
            "-" => -1,
            _ => return None,
        };
        let hours = self.number(if count == 1 { 1 } else { 2 }, 2)?;
        let minutes = if count >= 3 {
            self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
            self.number(2, 2)?
        } else {
            0
        };
        let all = i32::try_from(hours * 60 + minutes).ok()?;
        (minutes < 60 && all <= 14 * 60).then_some(sign * all)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;
    use crate::rules::dates::read;

    fn reformatted(text: &str, from: &str, to: &str) -> Option<String> {
        let from = Format::new(from).unwrap();
        from.readable().unwrap();
        Some(Format::new(to).unwrap().written(from.read(text, true)?))
    }

    #[test]
    fn what_a_format_writes_it_reads() {
        let date = read("2024-02-29T15:04:05Z").unwrap();
        for text in [
            "yyyy-MM-dd HH:mm:ss",
            "yyyyMMddHHmmss.fZ",
            "M/d/yyyy h:mm:ss tt",
            "dddd, MMMM d, yyyy h:mm:ss tt",
            "ddd dd MMM yy HH\\hmm'm'ss.FFF",
            "yyyy-MM-ddTHH:mm:sszzz",
            "o",
            "u",
        ] {
            let format = Format::new(text).unwrap();
            assert_eq!(format.read(&format.written(date), false), Some(date), "{text}: {}", format.written(date));
        }
    }

    #[test]
    fn formats_are_dotnets() {
        let to =
            |text: &str| reformatted("2024-02-29T15:04:05.1234567Z", "yyyy-MM-ddTHH:mm:ss.fffffffK", text).unwrap();
        assert_eq!(to("d"), "2/29/2024");
        assert_eq!(to("%d"), "29");
        assert_eq!(to("D"), "Thursday, February 29, 2024");
        assert_eq!(to("r"), "Thu, 29 Feb 2024 15:04:05 GMT");
        assert_eq!(to("yy yyyyy h hh H t tt"), "24 02024 3 03 15 P PM");
        assert_eq!(to("ss.fff FFFFFFF"), "05.123 1234567");
        assert_eq!(to("z zz zzz K"), "+0 +00 +00:00 Z");
        assert_eq!(reformatted("20150123105347.1Z", "yyyyMMddHHmmss.fZ", "yyyy-MM-dd").unwrap(), "2015-01-23");
        assert_eq!(reformatted("2025-12-31-08:00", "yyyy-MM-ddzzz", "yyyy-MM-dd HH").unwrap(), "2025-12-31 08");
        assert_eq!(reformatted("31.12.49", "dd.MM.yy", "yyyy").unwrap(), "2049");
        assert_eq!(reformatted("31.12.50", "dd.MM.yy", "yyyy").unwrap(), "1950");
        for (text, format) in [("2024-2-29", "yyyy-MM-dd"), ("2023-02-29", "yyyy-MM-dd"), ("2024-02-29x", "yyyy-MM-dd")]
        {
            assert_eq!(reformatted(text, format, "d"), None, "{text}");
        }
        for wrong in ["", "x", "yyyy'", "ffffffff", "yyyy\\"] {
            assert!(Format::new(wrong).is_err(), "{wrong}");
        }
        assert!(Format::new("HH:mm").unwrap().readable().is_err());
        assert!(Format::new("yyyy MM MM").unwrap().readable().is_err());
    }
}
