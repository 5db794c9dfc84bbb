//! At which instants is a cycle due, where clocks skip an hour in spring and show one twice in autumn?

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::cron_fields::Fields;
use super::{Config, Route, Schedule};
use crate::model::{RouteName, Timestamp};

/// Offsets are compared a day apart: no zone has changed its clocks and changed them back within a day since 1970, and none
/// is going to (`no_zone_changes_its_clocks_and_back_within_a_day` in `tests/schedule.rs` looks ahead).
const DAY_SECONDS: i64 = 86_400;

impl Schedule {
    /// The first instant after `after` at which a cycle is due; `None` where there is none before the year 2100, the end
    /// of what the cron crate counts.
    ///
    /// - A time that the clocks skip is due at the first instant after it, and several in one gap are due once.
    /// - A time that they show twice is due the first time, where its hour is named by a number. Where a wildcard, a step
    ///   or a range names the hour, it is due both times: `*/5 * * * *` pauses for no hour.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        Ticks::of(self).ok()?.next_after(after)
    }
}

/// A tick, put off by less than `jitter_seconds`: where a thousand installations have the same schedule, they need not
/// knock at the same second. `draw` is any random number; without a jitter it does not matter.
#[must_use]
pub const fn delayed(tick: Timestamp, jitter_seconds: u32, draw: u64) -> Timestamp {
    match draw.checked_rem(jitter_seconds as u64 * 1000) {
        Some(millis) => tick.plus_millis(millis),
        None => tick,
    }
}

impl Config {
    /// When this route is due: its own schedule, or that of all.
    pub fn schedule_of<'a>(&'a self, route: &'a Route) -> &'a Schedule {
        route.schedule.as_ref().unwrap_or(&self.schedule)
    }
    /// The next instant at which any route is due, with all the routes that are due by then; each counted from its own last
    /// tick, and a route that never had one is due at once.
    ///
    /// The instant may be past: ticks that were missed are made up for once, however many they were.
    pub fn next_tick(
        &self,
        last: &BTreeMap<RouteName, Timestamp>,
        now: Timestamp,
    ) -> Option<(Timestamp, BTreeSet<RouteName>)> {
        // Most routes share a schedule and their last tick.
        let mut asked: BTreeMap<(&str, &str, Timestamp), Option<Timestamp>> = BTreeMap::new();
        let mut due: Vec<(Timestamp, &RouteName)> = Vec::new();
        for route in &self.routes {
            let Some(last) = last.get(&route.name) else {
                due.push((now, &route.name));
                continue;
            };
            // A clock that was set back must not stop a schedule until it has caught up.
            let (schedule, from) = (self.schedule_of(route), (*last).min(now));
            let key = (schedule.cron.as_str(), schedule.time_zone.as_str(), from);
            let at = *asked.entry(key).or_insert_with(|| schedule.next_after(from));
            due.extend(at.map(|at| (at, &route.name)));
        }
        let first = due.iter().map(|(at, _)| *at).min()?;
        let until = first.max(now);
        Some((first, due.into_iter().filter(|(at, _)| *at <= until).map(|(_, name)| name.clone()).collect()))
    }
}

/// A schedule that has been read. All its numbers are whole seconds: instants since 1970, and civil times as if they were
/// UTC.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    fields: Fields,
    zone: Tz,
}

impl Ticks {
    /// Reads it, or says what is wrong.
    pub(super) fn of(schedule: &Schedule) -> Result<Self, String> {
        let zone = Tz::from_str(&schedule.time_zone);
        let zone = zone.map_err(|_| format!("there is no time zone `{}`", schedule.time_zone))?;
        Ok(Self { fields: Fields::read(&schedule.cron)?, zone })
    }

    /// Goes from one change of the clocks to the next: between two, civil times and instants differ by one offset.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = i64::try_from(after.0 / 1000).ok()?;
        // Everything up to `over` is over; `offset` is in force at `known`, and until the next change.
        let (mut over, mut known, mut offset) = (after, after, self.offset(after)?);
        loop {
            let civil = self.next_civil(over + offset)?;
            let instant = civil - offset;
            match self.next_change(known, instant) {
                None if self.is_repetition(civil, instant) => (over, known) = (instant, instant),
                None => return timestamp(instant),
                Some((at, new)) => {
                    // Forwards, the clocks skip what lies before `at + new`. Backwards, that is no time to come.
                    if civil < at + new {
                        return timestamp(at);
                    }
                    (over, known, offset) = (at - 1, at, new);
                }
            }
        }
    }

    fn next_civil(&self, after: i64) -> Option<i64> {
        let after = DateTime::from_timestamp(after, 0)?;
        Some(self.fields.civil.after(&after).next()?.timestamp())
    }

    /// Seconds to be added to the instant to have the civil time.
    fn offset(&self, instant: i64) -> Option<i64> {
        let offset = self.zone.offset_from_utc_datetime(&naive(instant)?);
        Some(i64::from(offset.fix().local_minus_utc()))
    }

    /// The first instant after `known`, up to `until`, at which another offset is in force, and that offset.
    fn next_change(&self, known: i64, until: i64) -> Option<(i64, i64)> {
        let offset = self.offset(known)?;
        let (mut low, mut high) = (known, known);
        while self.offset(high)? == offset {
            if high >= until {
                return None;
            }
            (low, high) = (high, until.min(high + DAY_SECONDS));
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.offset(middle)? == offset { low = middle } else { high = middle }
        }
        Some((high, self.offset(high)?))
    }

    /// Do the clocks show a time for the second time that is meant once?
    fn is_repetition(&self, civil: i64, instant: i64) -> bool {
        let hour = u32::try_from(civil.rem_euclid(DAY_SECONDS) / 3600).unwrap_or_default();
        if self.fields.recurring.contains(&hour) {
            return false;
        }
        match naive(civil).map(|civil| self.zone.offset_from_local_datetime(&civil)) {
            Some(MappedLocalTime::Ambiguous(first, _)) => civil - i64::from(first.fix().local_minus_utc()) < instant,
            _ => false,
        }
    }
}

fn naive(seconds: i64) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp(seconds, 0)?.naive_utc())
}

fn timestamp(seconds: i64) -> Option<Timestamp> {
    u64::try_from(seconds).ok().map(|seconds| Timestamp(seconds.saturating_mul(1000)))
}
