//! Is a cycle due when a person expects it, whatever the clocks of its zone do?
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Datelike, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use crosstie::config::{Schedule, delayed};
use crosstie::model::Timestamp;
use proptest::prelude::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule { cron: cron.to_owned(), time_zone: zone.to_owned() }
}
fn instant(text: &str) -> i64 {
    i64::try_from(Timestamp::parse(text).unwrap().0 / 1000).unwrap()
}
fn stamp(seconds: i64) -> Timestamp {
    Timestamp(u64::try_from(seconds).unwrap() * 1000)
}
fn offset(zone: Tz, at: i64) -> i64 {
    let utc = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

/// Everything that is due after `from`, up to `until`.
fn due(schedule: &Schedule, from: i64, until: i64) -> Vec<i64> {
    let (mut ticks, mut last) = (Vec::new(), stamp(from));
    while let Some(next) = schedule.next_after(last).filter(|next| *next <= stamp(until)) {
        assert!(next > last, "{schedule:?}: {} after {}", next.rfc3339(), last.rfc3339());
        ticks.push(i64::try_from(next.0 / 1000).unwrap());
        last = next;
    }
    ticks
}
/// The same, to read: UTC without the date where it is that of `from`.
fn shown(cron: &str, zone: &str, from: &str, until: &str) -> String {
    let ticks = due(&schedule(cron, zone), instant(from), instant(until));
    ticks.into_iter().map(|at| stamp(at).rfc3339()[11..16].to_owned()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_time_that_the_clocks_skip_is_due_once() {
    // London goes from 01:00 to 02:00 at 01:00 UTC on 29 March.
    let london = |cron| shown(cron, "Europe/London", "2026-03-29T00:00:00Z", "2026-03-29T03:30:00Z");
    assert_eq!(london("30 1 * * *"), "01:00");
    assert_eq!(london("*/10 1 * * *"), "01:00", "six times in one gap are one");
    assert_eq!(london("0,30 1-2 * * *"), "01:00 01:30", "02:00 is the end of the gap");
    assert_eq!(london("30 2 * * *"), "01:30");
    assert_eq!(
        london("30 * * * *"),
        "00:30 01:00 01:30 02:30 03:30",
        "half an hour late, and never an hour and a half"
    );
    assert_eq!(london("0 * * * *"), "01:00 02:00 03:00", "nothing is due twice at one instant");
    // Lord Howe moves its clocks by half an hour: 02:00 becomes 02:30 at 15:30 UTC.
    let lord_howe = |cron| shown(cron, "Australia/Lord_Howe", "2026-10-03T14:00:00Z", "2026-10-03T17:00:00Z");
    assert_eq!(lord_howe("15 2 * * *"), "15:30");
    assert_eq!(lord_howe("45 2 * * *"), "15:45");
    // Cairo skips from midnight to one at 22:00 UTC: there is no midnight on that day.
    let cairo = |cron| shown(cron, "Africa/Cairo", "2026-04-23T20:00:00Z", "2026-04-24T20:00:00Z");
    assert_eq!(cairo("0 0 * * *"), "22:00");
    assert_eq!(cairo("0 0 24 4 *"), "22:00");
    assert_eq!(cairo("59 0 * * FRI"), "22:00");
    assert_eq!(cairo("30 1 * * *"), "22:30");
    // Sao Paulo had such a midnight at 03:00 UTC, and Samoa slept through the whole of 30 December.
    let sao_paulo = shown("15 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z");
    assert_eq!(sao_paulo, "03:00 02:15");
    let samoa = |cron| shown(cron, "Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-31T12:00:00Z");
    assert_eq!(samoa("0 8 * * *"), "18:00 10:00 18:00", "made up for at the first instant of the 31st");
    assert_eq!(samoa("0 8 30 12 *"), "10:00");
}

#[test]
fn a_time_that_the_clocks_show_twice_is_due_once_where_its_hour_is_named() {
    // London goes from 02:00 back to 01:00 at 01:00 UTC on 25 October: 01:30 is at 00:30 and at 01:30 UTC.
    let london = |cron| shown(cron, "Europe/London", "2026-10-24T23:59:00Z", "2026-10-25T03:00:00Z");
    assert_eq!(london("30 1 * * *"), "00:30");
    assert_eq!(london("0,30 1,2 * * *"), "00:00 00:30 02:00 02:30");
    assert_eq!(london("30 0 * * *"), "");
    // And both times where the passing of time is meant.
    assert_eq!(london("30 * * * *"), "00:30 01:30 02:30");
    assert_eq!(london("*/30 0-5 * * *"), "00:00 00:30 01:00 01:30 02:00 02:30 03:00");
    assert_eq!(london("15 */1 * * *"), "00:15 01:15 02:15");
    let every_five = due(&schedule("*/5 * * * *", "Europe/London"), instant("2026-10-24"), instant("2026-10-26"));
    assert!(every_five.windows(2).all(|pair| pair[1] - pair[0] == 5 * MINUTE));
    // Lord Howe: 01:30 to 02:00 is shown twice.
    let lord_howe = |cron| shown(cron, "Australia/Lord_Howe", "2026-04-04T13:59:00Z", "2026-04-04T16:00:00Z");
    assert_eq!(lord_howe("45 1 * * *"), "14:45");
    assert_eq!(lord_howe("15,45 1 * * *"), "14:15 14:45");
    assert_eq!(lord_howe("45 * * * *"), "14:45 15:15", "15:45 would be 02:15 there");
    // With seconds, and asked in the middle of a second.
    let seconds = schedule("*/20 59 1 * * *", "Europe/London");
    assert_eq!(due(&seconds, instant("2026-10-25T00:00:00Z"), instant("2026-10-25T12:00:00Z")).len(), 3);
    let after = Timestamp(stamp(instant("2026-10-25T00:59:19Z")).0 + 999);
    assert_eq!(seconds.next_after(after).unwrap().rfc3339(), "2026-10-25T00:59:20.000Z");
}

#[test]
fn a_daily_time_comes_once_a_day_in_every_zone() {
    let (from, until) = (instant("2026-01-01T12:00:00Z"), instant("2027-01-01T12:00:00Z"));
    // Many names are of zones whose clocks do the same all year.
    let mut known = BTreeSet::new();
    for zone in chrono_tz::TZ_VARIANTS {
        if !known.insert((from - DAY..until + DAY).step_by(3_600).map(|at| offset(zone, at)).collect::<Vec<_>>()) {
            continue;
        }
        let daily = schedule("30 1 * * *", zone.name());
        let days: Vec<i64> =
            due(&daily, from, until).iter().map(|at| (at + offset(zone, *at)).div_euclid(DAY)).collect();
        assert!(days.windows(2).all(|pair| pair[1] == pair[0] + 1), "{zone}: {days:?}");
        assert_eq!(days.len(), 365, "{zone}");
    }
    assert!(known.len() > 60, "only {} zones", known.len());
}

#[test]
fn what_never_comes_due_is_told_soon_and_what_comes_seldom_is_found() {
    assert_eq!(schedule("0 0 30 2 *", "Europe/London").next_after(Timestamp(0)), None);
    assert_eq!(schedule("0 0 30 2 *", "UTC").next_after(Timestamp(u64::MAX)), None);
    assert_eq!(schedule("* * * * *", "UTC").next_after(Timestamp(u64::MAX)), None);
    let next = |cron, zone, from| schedule(cron, zone).next_after(stamp(instant(from))).unwrap().rfc3339();
    assert_eq!(next("0 12 29 2 MON", "America/New_York", "2026-01-01"), "2044-02-29T17:00:00.000Z");
    assert_eq!(next("30 2 8 3 *", "America/New_York", "2026-03-01"), "2026-03-08T07:00:00.000Z");
    // A year ahead, and within the hour, when the clocks will have gone back.
    assert_eq!(next("45 0-1 25 10 *", "Europe/London", "2026-10-25T00:50:00Z"), "2026-10-25T01:45:00.000Z");
    assert_eq!(next("45 0-1 25 10 *", "Europe/London", "2026-10-25T01:50:00Z"), "2027-10-24T23:45:00.000Z");
    assert_eq!(next("0 6 * * *", "Asia/Kolkata", "2026-01-01"), "2026-01-01T00:30:00.000Z");
}

#[test]
fn a_jitter_puts_a_tick_off_by_less_than_it_says() {
    let tick = stamp(instant("2026-01-01"));
    assert_eq!(delayed(tick, 0, 12_345), tick);
    let far = (0..100_000).map(|n: u64| delayed(tick, 7, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).millis_since(tick));
    let far: BTreeSet<u64> = far.collect();
    assert!(far.len() > 6_900 && *far.first().unwrap() < 3 && (6_997..7_000).contains(far.last().unwrap()));
}

/// What `ticks.rs` takes for granted. Every six hours would show a change that is taken back after half a day.
#[test]
fn no_zone_changes_its_clocks_and_back_within_a_day() {
    let (from, until) = (instant("2025-01-01"), instant("2036-01-01"));
    for zone in chrono_tz::TZ_VARIANTS {
        let (mut before, mut since) = (offset(zone, from), from - 2 * DAY);
        for at in (from..until).step_by(6 * 3_600) {
            let now = offset(zone, at);
            if now != before {
                assert!(at - since > DAY, "{zone}: {}", stamp(at).rfc3339());
                (before, since) = (now, at);
            }
        }
    }
}

/// One item of a field.
#[derive(Clone, Debug)]
enum Item {
    All(u32),
    Range(u32, u32, u32),
    From(u32, u32),
    Point(u32),
}
impl Item {
    fn has(&self, value: u32, last: u32) -> bool {
        match *self {
            Item::All(step) => (value - u32::from(last == 31)).is_multiple_of(step),
            Item::Range(a, b, step) => (a..=b).step_by(step as usize).any(|n| n == value),
            Item::From(a, step) => (a..=last).step_by(step as usize).any(|n| n == value),
            Item::Point(a) => a == value,
        }
    }
    fn is_one(&self, last: u32) -> bool {
        (u32::from(last == 31)..=last).filter(|n| self.has(*n, last)).count() < 2
    }
}
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::All(1) => f.write_str("*"),
            Item::All(step) => write!(f, "*/{step}"),
            Item::Range(a, b, 1) => write!(f, "{a}-{b}"),
            Item::Range(a, b, step) => write!(f, "{a}-{b}/{step}"),
            Item::From(a, step) => write!(f, "{a}/{step}"),
            Item::Point(a) => write!(f, "{a}"),
        }
    }
}

/// A schedule in the words of its definition.
#[derive(Clone, Debug)]
struct Spec {
    minutes: Vec<Item>,
    hours: Vec<Item>,
    days: Vec<Item>,
    weekdays: Vec<u32>,
}
impl Spec {
    fn cron(&self) -> String {
        let field = |items: &[Item]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let weekdays: Vec<String> = self.weekdays.iter().map(ToString::to_string).collect();
        let weekdays = if weekdays.is_empty() { "*".to_owned() } else { weekdays.join(",") };
        format!("{} {} {} * {weekdays}", field(&self.minutes), field(&self.hours), field(&self.days))
    }
    fn takes(&self, civil: i64) -> bool {
        let at = DateTime::from_timestamp(civil, 0).unwrap();
        let weekday = at.weekday().num_days_from_sunday();
        self.minutes.iter().any(|item| item.has(at.minute(), 59))
            && self.hours.iter().any(|item| item.has(at.hour(), 23))
            && self.days.iter().any(|item| item.has(at.day(), 31))
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|day| day % 7 == weekday))
    }
    fn recurs(&self, civil: i64) -> bool {
        let hour = DateTime::from_timestamp(civil, 0).unwrap().hour();
        self.hours.iter().any(|item| item.has(hour, 23) && !item.is_one(23))
    }
    /// The definition, minute by minute: what `next_after` must come to.
    fn due(&self, zone: Tz, from: i64, until: i64) -> Vec<i64> {
        let (mut ticks, mut shown) = (BTreeSet::new(), BTreeSet::new());
        for at in (from - DAY..=until).step_by(60) {
            let (civil, before) = (at + offset(zone, at), at - MINUTE + offset(zone, at - MINUTE));
            let skipped = (before + MINUTE..civil).step_by(60).any(|civil| self.takes(civil));
            let first = shown.insert(civil);
            if skipped || self.takes(civil) && (first || self.recurs(civil)) {
                ticks.insert(at);
            }
        }
        ticks.into_iter().filter(|at| *at > from).collect()
    }
}

fn items(last: u32) -> impl Strategy<Value = Vec<Item>> {
    let first = u32::from(last == 31);
    let step = 1..=(last / 2);
    let item = prop_oneof![
        2 => step.clone().prop_map(Item::All),
        2 => (first..=last, first..=last, step.clone()).prop_map(|(a, b, step)| Item::Range(a.min(b), a.max(b), step)),
        1 => (first..=last, step).prop_map(|(a, step)| Item::From(a, step)),
        4 => (first..=last).prop_map(Item::Point),
    ];
    proptest::collection::vec(item, 1..4)
}
/// Hours near the changes of the clocks come up more often than others.
fn hours() -> impl Strategy<Value = Vec<Item>> {
    let near = prop_oneof![
        Just(Item::All(1)),
        (0u32..4).prop_map(Item::Point),
        (22u32..24).prop_map(Item::Point),
        (0u32..3, 1u32..6).prop_map(|(a, length)| Item::Range(a, a + length, 1)),
    ];
    prop_oneof![3 => proptest::collection::vec(near, 1..3), 1 => items(23)]
}
fn specs() -> impl Strategy<Value = Spec> {
    let days = prop_oneof![4 => Just(vec![Item::All(1)]), 1 => items(31)];
    let weekdays = prop_oneof![4 => Just(Vec::new()), 1 => proptest::collection::vec(0u32..=7, 1..4)];
    (items(59), hours(), days, weekdays).prop_map(|(minutes, hours, days, weekdays)| Spec {
        minutes,
        hours,
        days,
        weekdays,
    })
}
/// Zones whose clocks do something that others do not, and all the rest.
fn zones() -> impl Strategy<Value = Tz> {
    let known = [
        "Europe/London",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Africa/Cairo",
        "Africa/Casablanca",
        "America/Nuuk",
        "America/Havana",
        "Antarctica/Troll",
        "Pacific/Kwajalein",
    ];
    let known = known.map(|name| name.parse::<Tz>().unwrap());
    prop_oneof![proptest::sample::select(known.to_vec()), proptest::sample::select(&chrono_tz::TZ_VARIANTS[..])]
}
/// A change of the clocks in that year, where there is one. (The very first ones, of local mean time, are not to the minute.)
fn change(zone: Tz, year: i64, last: bool) -> Option<i64> {
    let from = instant("1980-01-01") + year * 365 * DAY;
    let mut days =
        (from..from + 366 * DAY).step_by(DAY as usize).filter(|day| offset(zone, *day) != offset(zone, day + DAY));
    let day = if last { days.last() } else { days.next() }?;
    (day..=day + DAY).step_by(60).find(|at| offset(zone, at - MINUTE) != offset(zone, *at))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..Default::default() })]

    /// Around a change of the clocks, and where nothing happens.
    #[test]
    fn what_is_due_is_what_the_definition_says(
        spec in specs(), zone in zones(), year in 0..57i64, last in any::<bool>(), apart in -20 * 60i64..20 * 60,
    ) {
        let middle = change(zone, year, last).unwrap_or(instant("2026-03-29"));
        let (from, until) = (middle - 4 * HOUR + apart, middle + 5 * HOUR);
        let from = from - from.rem_euclid(MINUTE);
        let wanted = spec.due(zone, from, until);
        let found = due(&schedule(&spec.cron(), zone.name()), from, until);
        let show = |ticks: &[i64]| ticks.iter().map(|at| stamp(*at).rfc3339()).collect::<Vec<_>>();
        prop_assert_eq!(show(&found), show(&wanted), "{} in {}", spec.cron(), zone);
    }
}
