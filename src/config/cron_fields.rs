//! What do the fields of a cron expression mean? Admins write them as Unix does; the cron crate reads them in its own way.

use std::collections::BTreeSet;
use std::str::FromStr;

use cron::TimeUnitSpec;

/// A cron expression in the crate's terms: civil times, in no zone.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// Matches civil times. Never to be asked in a time zone: there it loses times that clocks skip.
    pub(super) civil: cron::Schedule,
    /// Hours that a wildcard, a step or a range names, not a number alone.
    pub(super) recurring: BTreeSet<u32>,
}

impl Fields {
    /// Reads five fields, or six that begin with seconds; or says what is wrong.
    pub(super) fn read(cron: &str) -> Result<Self, String> {
        let fields = six_fields(cron)?;
        let no = |_| format!("`{cron}` is no cron expression");
        let civil = cron::Schedule::from_str(&fields.join(" ")).map_err(no)?;
        let hours = fields.get(2).map(String::as_str).unwrap_or_default();
        Ok(Self { civil, recurring: hours.split(',').flat_map(recurring).collect() })
    }
}

/// The hours of one item between commas, where it is not written as one hour: who names an hour as a number means one
/// run on the day, who writes `*`, `*/2` or `0-6` means the passing of time.
fn recurring(item: &str) -> BTreeSet<u32> {
    let alone = cron::Schedule::from_str(&format!("0 0 {item} * * *"));
    let hours: BTreeSet<u32> = alone.map(|s| s.hours().iter().collect()).unwrap_or_default();
    if hours.len() > 1 { hours } else { BTreeSet::new() }
}

/// Seconds first, and weekdays from 1 = Sunday, as the cron crate wants them. Admins write five fields, and weekdays as
/// Unix counts them, 0 or 7 = Sunday; six fields begin with seconds.
fn six_fields(cron: &str) -> Result<[String; 6], String> {
    let mut fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() == 5 {
        fields.insert(0, "0");
    }
    let [seconds, minutes, hours, days, months, weekdays] = fields.as_slice() else {
        return Err(format!("a schedule has five fields, or six with seconds, and not {}", fields.len()));
    };
    let weekdays: Result<Vec<String>, String> = weekdays.split(',').map(weekday_item).collect();
    let weekdays = weekdays?.join(",");
    Ok([seconds, minutes, hours, days, months, &weekdays.as_str()].map(|field| (*field).to_owned()))
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
    use super::{Fields, six_fields};

    #[test]
    fn weekdays_are_those_of_unix() {
        let days = |cron: &str| six_fields(cron).map(|fields| fields[5].clone());
        assert_eq!(days("* * * * 5-7").as_deref(), Ok("1,6,7"));
        assert_eq!(days("* * * * */2").as_deref(), Ok("1,3,5,7"));
        assert_eq!(days("* * * * fri-MON").as_deref(), Ok("1,2,6,7"));
        assert!(days("* * * * 8").is_err() && days("* * *").is_err());
    }

    #[test]
    fn hours_recur_where_no_single_hour_is_named() {
        let recurring = |hours: &str| Fields::read(&format!("0 {hours} * * *")).unwrap().recurring;
        assert_eq!(recurring("*").len(), 24);
        assert_eq!(recurring("*/8"), [0, 8, 16].into());
        assert_eq!(recurring("1-3"), [1, 2, 3].into());
        assert_eq!(recurring("20/2"), [20, 22].into());
        assert_eq!(recurring("1,5-6,12"), [5, 6].into());
        for fixed in ["1", "1,2,3", "1-1", "23/2"] {
            assert!(recurring(fixed).is_empty(), "{fixed}");
        }
    }
}
