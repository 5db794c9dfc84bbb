//! When?

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. Only a `Clock` (see `ports`) makes one from the real world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// Milliseconds in a day.
const DAY_MILLIS: u64 = 86_400_000;

impl Timestamp {
    /// This instant and `milliseconds` more; saturates at the end of time.
    #[must_use]
    pub const fn plus_millis(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
    /// This instant and `seconds` more; saturates at the end of time.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        self.plus_millis(seconds.saturating_mul(1000))
    }
    /// The beginning of its day, UTC.
    #[must_use]
    pub const fn day(self) -> Self {
        Self(self.0 - self.0 % DAY_MILLIS)
    }
    /// Milliseconds from `earlier` to here, 0 where `earlier` is later (clocks jump).
    pub const fn millis_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
    /// Seconds from `earlier` to here, rounded down, 0 where `earlier` is later.
    pub const fn seconds_since(self, earlier: Timestamp) -> u64 {
        self.millis_since(earlier) / 1000
    }
    /// RFC 3339 in UTC with milliseconds, as the change log prints it: `2026-11-22T04:35:12.345Z`.
    pub fn rfc3339(self) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        match chrono::DateTime::from_timestamp_millis(millis) {
            Some(t) => t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            None => format!("+{}ms", self.0),
        }
    }
    /// Reads an RFC 3339 instant, or a bare UTC date `2026-11-22` as its first instant.
    pub fn parse(text: &str) -> Option<Self> {
        let millis = match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(t) => t.timestamp_millis(),
            Err(_) => {
                let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()
            }
        };
        u64::try_from(millis).ok().map(Self)
    }
}
