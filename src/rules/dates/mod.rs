//! How do dates come out of texts and go back into them, as .NET and Visual Basic do it?

mod format;
mod read;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};

pub(super) use format::Format;
pub(super) use read::read;

/// An instant in UTC: the dialect's dates know no zone of their own.
pub(super) type Date = DateTime<Utc>;

/// What date functions return: month first, as in the vendor's documentation.
pub(super) const RETURNED: &str = "M/d/yyyy h:mm:ss tt";

/// 100 nanoseconds, the unit of Active Directory's times, in a second.
const TICKS_A_SECOND: i64 = 10_000_000;
/// Seconds from 1601, where Active Directory's times begin, to 1970.
const SECONDS_FROM_1601: i64 = 11_644_473_600;

/// The parts of `interval` in `DateAdd` and `DateDiff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interval {
    Year,
    Month,
    Day,
    Week,
    Hour,
    Minute,
    Second,
}

impl Interval {
    /// `yyyy`, `m`, `d`, `ww`, `h`, `n` or `s`.
    pub(super) fn new(word: &str) -> Result<Self, String> {
        Ok(match word {
            "yyyy" => Interval::Year,
            "m" => Interval::Month,
            "d" => Interval::Day,
            "ww" => Interval::Week,
            "h" => Interval::Hour,
            "n" => Interval::Minute,
            "s" => Interval::Second,
            _ => return Err(format!("`{word}` is no interval: yyyy, m, d, ww, h, n (minutes) or s")),
        })
    }
}

/// The date so many intervals later; days past the end of a month become its last day. `None`: past the years 1 to 9999.
pub(super) fn add(date: Date, interval: Interval, count: i64) -> Option<Date> {
    let months = |n: i64| {
        let months = Months::new(u32::try_from(n.unsigned_abs()).ok()?);
        if n < 0 { date.checked_sub_months(months) } else { date.checked_add_months(months) }
    };
    let days = |n: i64| {
        let days = Days::new(n.unsigned_abs());
        if n < 0 { date.checked_sub_days(days) } else { date.checked_add_days(days) }
    };
    let seconds = |n: i64, each: i64| date.checked_add_signed(TimeDelta::try_seconds(n.checked_mul(each)?)?);
    let later = match interval {
        Interval::Year => months(count.checked_mul(12)?),
        Interval::Month => months(count),
        Interval::Week => days(count.checked_mul(7)?),
        Interval::Day => days(count),
        Interval::Hour => seconds(count, 3600),
        Interval::Minute => seconds(count, 60),
        Interval::Second => seconds(count, 1),
    };
    later.filter(|d| in_range(*d))
}

/// How many intervals from one to the other. Years, months, days and weeks count the boundaries between them, weeks
/// beginning on Sunday; hours, minutes and seconds count what has passed in full.
pub(super) fn difference(from: Date, to: Date, interval: Interval) -> i64 {
    let months = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month0());
    let day = |d: Date| i64::from(d.date_naive().num_days_from_ce());
    // Day 0 of the common era is a Sunday: 1 January of year 1 was a Monday.
    let sunday = |d: Date| day(d).div_euclid(7);
    let passed = to.signed_duration_since(from);
    match interval {
        Interval::Year => i64::from(to.year()) - i64::from(from.year()),
        Interval::Month => months(to) - months(from),
        Interval::Day => day(to) - day(from),
        Interval::Week => sunday(to) - sunday(from),
        Interval::Hour => passed.num_hours(),
        Interval::Minute => passed.num_minutes(),
        Interval::Second => passed.num_seconds(),
    }
}

/// From Active Directory's number: 100 nanoseconds since 1601.
pub(super) fn from_ticks(ticks: i64) -> Option<Date> {
    let (seconds, rest) = (ticks.div_euclid(TICKS_A_SECOND), ticks.rem_euclid(TICKS_A_SECOND));
    let nanos = u32::try_from(rest * 100).ok()?;
    DateTime::from_timestamp(seconds - SECONDS_FROM_1601, nanos).filter(|d| in_range(*d))
}

/// To Active Directory's number.
pub(super) fn to_ticks(date: Date) -> i64 {
    let whole = (date.timestamp() + SECONDS_FROM_1601) * TICKS_A_SECOND;
    whole + i64::from(date.timestamp_subsec_nanos() / 100)
}

/// Year, month, day and time of day; `None` where there is no such day.
fn assembled(date: (i32, u32, u32), time: (u32, u32, u32, u32), offset_minutes: i32) -> Option<Date> {
    let day = NaiveDate::from_ymd_opt(date.0, date.1, date.2)?;
    let local = day.and_hms_nano_opt(time.0, time.1, time.2, time.3)?;
    let utc = local.checked_sub_signed(TimeDelta::minutes(i64::from(offset_minutes)))?.and_utc();
    Some(utc).filter(|d| in_range(*d))
}

/// .NET's years.
fn in_range(date: Date) -> bool {
    (1..=9999).contains(&date.year())
}
