//! When is the next cycle due?

use std::str::FromStr;

use chrono::DateTime;
use chrono_tz::Tz;

use super::Schedule;
use crate::model::Timestamp;
use crate::rules::Diagnostic;
use crate::rules::diagnostic::did_you_mean;
use crate::rules::table::Section;

impl Default for Schedule {
    /// Every five minutes: what admins know from hosted provisioning is forty, and a quiet cycle costs one request a
    /// tenant.
    fn default() -> Self {
        Self { cron: "*/5 * * * *".to_owned(), time_zone: "UTC".to_owned() }
    }
}

/// A moment that any schedule is tried from: whether it ever comes due must not depend on when one asks.
const TRIED_FROM: Timestamp = Timestamp(1_767_225_600_000); // 2026-01-01T00:00:00Z

impl Schedule {
    /// The first instant after `after` at which a cycle is due.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = Tz::from_str(&self.time_zone).ok()?;
        let schedule = cron::Schedule::from_str(&seven_fields(&self.cron).ok()?).ok()?;
        let after = DateTime::from_timestamp_millis(i64::try_from(after.0).ok()?)?.with_timezone(&zone);
        let next = schedule.after(&after).next()?;
        u64::try_from(next.timestamp_millis()).ok().map(Timestamp)
    }
}

/// Reads `[schedule]`.
pub(super) fn read(section: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Schedule {
    let mut schedule = Schedule::default();
    section.only(&["cron", "time_zone"], findings);
    if let Some(word) = section.word("time_zone", findings) {
        match Tz::from_str(word.text) {
            Ok(_) => schedule.time_zone = word.text.to_owned(),
            Err(_) => {
                let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
                let hint = did_you_mean(word.text, names);
                let message = format!("there is no time zone `{}`", word.text);
                let finding = Diagnostic::error("time-zone", message).at(word.span);
                findings.push(finding.hint(hint.unwrap_or_else(|| "IANA names, such as Europe/London".to_owned())));
            }
        }
    }
    if let Some(word) = section.word("cron", findings) {
        let hint = "minute hour day month weekday, for example */5 * * * * for every five minutes";
        let mut complain = |message: String| {
            findings.push(Diagnostic::error("cron", message).at(word.span.clone()).hint(hint));
        };
        match seven_fields(word.text).and_then(|fields| {
            cron::Schedule::from_str(&fields).map_err(|_| format!("`{}` is no cron expression", word.text))
        }) {
            Err(message) => complain(message),
            Ok(_) => {
                schedule.cron = word.text.to_owned();
                if schedule.next_after(TRIED_FROM).is_none() {
                    complain(format!("`{}` never comes due", word.text));
                }
            }
        }
    }
    schedule
}

/// The expression as the cron crate reads it: seconds first, and weekdays from 1 = Sunday. Admins write five fields, and
/// weekdays as Unix counts them, 0 or 7 = Sunday; six fields begin with seconds.
fn seven_fields(cron: &str) -> Result<String, String> {
    let mut fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() == 5 {
        fields.insert(0, "0");
    }
    let [seconds, minutes, hours, days, months, weekdays] = fields.as_slice() else {
        return Err(format!("a schedule has five fields, or six with seconds, and not {}", fields.len()));
    };
    let weekdays: Result<Vec<String>, String> = weekdays.split(',').map(weekday_item).collect();
    Ok(format!("{seconds} {minutes} {hours} {days} {months} {}", weekdays?.join(",")))
}

/// One item between commas: `*`, `1`, `MON`, `1-5`, each with an optional `/step`.
fn weekday_item(item: &str) -> Result<String, String> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let wrong = || format!("`{item}` is no weekday: 0 to 7 with Sunday at 0 and 7, or SUN to SAT");
    let step: usize = step.map_or(Ok(1), str::parse).map_err(|_| wrong())?;
    if step == 0 {
        return Err(wrong());
    }
    let (first, last) = match range {
        "*" | "?" if step == 1 => return Ok("*".to_owned()),
        "*" | "?" => (0, 6),
        _ => match range.split_once('-') {
            Some((first, last)) => (weekday(first).ok_or_else(wrong)?, weekday(last).ok_or_else(wrong)?),
            None if item.contains('/') => (weekday(range).ok_or_else(wrong)?, 6),
            None => weekday(range).map(|d| (d, d)).ok_or_else(wrong)?,
        },
    };
    // FRI-MON runs over the end of the week.
    let last = if last < first { last + 7 } else { last };
    let mut days: Vec<u32> = (first..=last).step_by(step).map(|day| day % 7 + 1).collect();
    days.sort_unstable();
    days.dedup();
    Ok(days.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
}

fn weekday(word: &str) -> Option<u32> {
    const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let named = NAMES.iter().position(|name| name.eq_ignore_ascii_case(word)).and_then(|n| u32::try_from(n).ok());
    named.or_else(|| word.parse().ok().filter(|n| *n <= 7))
}

#[cfg(test)]
mod tests {
    use super::{Schedule, Timestamp, seven_fields};

    fn next(cron: &str, zone: &str, after: &str) -> Option<String> {
        let schedule = Schedule { cron: cron.to_owned(), time_zone: zone.to_owned() };
        schedule.next_after(Timestamp::parse(after)?).map(Timestamp::rfc3339)
    }

    #[test]
    fn weekdays_are_those_of_unix() {
        // 2026-11-23 is a Monday.
        for monday in ["0 6 * * 1", "0 6 * * MON", "0 6 * * 1-1", "0 0 6 * * 1", "0 6 * * mon"] {
            assert_eq!(next(monday, "UTC", "2026-11-18").as_deref(), Some("2026-11-23T06:00:00.000Z"), "{monday}");
        }
        for sunday in ["0 6 * * 0", "0 6 * * 7", "0 6 * * SUN"] {
            assert_eq!(next(sunday, "UTC", "2026-11-18").as_deref(), Some("2026-11-22T06:00:00.000Z"), "{sunday}");
        }
        assert_eq!(seven_fields("* * * * 5-7").as_deref(), Ok("0 * * * * 1,6,7"));
        assert_eq!(seven_fields("* * * * */2").as_deref(), Ok("0 * * * * 1,3,5,7"));
        assert!(seven_fields("* * * * 8").is_err() && seven_fields("* * *").is_err());
    }

    #[test]
    fn a_time_zone_moves_the_hour_with_the_season() {
        let at = |after| next("0 6 * * *", "Europe/London", after);
        assert_eq!(at("2026-01-10").as_deref(), Some("2026-01-10T06:00:00.000Z"));
        assert_eq!(at("2026-07-10").as_deref(), Some("2026-07-10T05:00:00.000Z"));
        assert_eq!(next("0 0 30 2 *", "UTC", "2026-01-01"), None);
    }
}
