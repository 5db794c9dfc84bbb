//! Which limits has a tenant, and in which words does it tell of them?
//!
//! Windows slide: a request counts for exactly the window's length after its arrival. Numbers: "Microsoft Graph
//! service-specific throttling limits", copy of 2026-02-06.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// So much in any stretch of so many seconds. `count = 0` switches the limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests, or resource units, that pass.
    pub count: usize,
    /// In a window of this length.
    pub seconds: u64,
}

impl Limit {
    /// A limit of `count` in `seconds`.
    pub const fn new(count: usize, seconds: u64) -> Self {
        Limit { count, seconds }
    }
    /// No limit.
    pub const OFF: Limit = Limit::new(0, 1);
    pub(super) fn millis(self) -> u64 {
        self.seconds.saturating_mul(1000)
    }
}

impl FromStr for Limit {
    type Err = String;
    /// `300/15` is 300 in 15 seconds; `off` is no limit.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Limit::OFF);
        }
        let parts = text.split_once('/').and_then(|(n, s)| Some(Limit::new(n.parse().ok()?, s.parse().ok()?)));
        parts.filter(|l| l.seconds > 0).ok_or_else(|| format!("'{text}' is no limit: 300/15 is 300 in 15 seconds"))
    }
}

/// The limits that are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitName {
    /// Writes of one app in one tenant.
    AppWrites,
    /// The same, in an hour.
    AppWritesHour,
    /// Writes of all apps in one tenant.
    TenantWrites,
    /// Invitations of all apps in one tenant.
    Invitations,
    /// Resource units of one app in one tenant.
    AppUnits,
    /// Writes of one app in all tenants.
    EverywhereWrites,
    /// Resource units of one app in all tenants.
    EverywhereUnits,
}

impl LimitName {
    /// All of them.
    pub const ALL: [LimitName; 7] = [
        LimitName::AppWrites,
        LimitName::AppWritesHour,
        LimitName::TenantWrites,
        LimitName::Invitations,
        LimitName::AppUnits,
        LimitName::EverywhereWrites,
        LimitName::EverywhereUnits,
    ];
    /// `app-writes`, as reports and the command line call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitName::AppWrites => "app-writes",
            LimitName::AppWritesHour => "app-writes-hour",
            LimitName::TenantWrites => "tenant-writes",
            LimitName::Invitations => "invitations",
            LimitName::AppUnits => "app-units",
            LimitName::EverywhereWrites => "everywhere-writes",
            LimitName::EverywhereUnits => "everywhere-units",
        }
    }
    /// Counts resource units, not writes.
    pub(super) const fn counts_units(self) -> bool {
        matches!(self, LimitName::AppUnits | LimitName::EverywhereUnits)
    }
    /// The first part of `x-ms-throttle-scope`.
    pub(super) const fn scope(self) -> &'static str {
        match self {
            LimitName::AppWrites | LimitName::AppWritesHour | LimitName::AppUnits => "Tenant_Application",
            LimitName::TenantWrites | LimitName::Invitations => "Tenant",
            LimitName::EverywhereWrites | LimitName::EverywhereUnits => "Application",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LimitName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = LimitName::ALL.map(LimitName::as_str).join(", ");
        let named = LimitName::ALL.into_iter().find(|name| name.as_str() == text);
        named.ok_or_else(|| format!("'{text}' is no limit; there are {known}"))
    }
}

/// How a throttled answer says when to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAfter {
    /// Whole seconds, as the documentation says.
    #[default]
    Integer,
    /// `2.128`, as one documented example had it.
    Decimal,
    /// An HTTP date, as HTTP allows.
    Date,
    /// Not at all, as some services of Graph do.
    Absent,
    /// Numbers and words that nobody can keep to, one after the other.
    Absurd,
}

/// The limits of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Writes of one app in this tenant.
    pub app_writes: Limit,
    /// The same, in an hour.
    pub app_writes_hour: Limit,
    /// Writes of all apps in this tenant.
    pub tenant_writes: Limit,
    /// Invitations of all apps in this tenant.
    pub invitations: Limit,
    /// Resource units of one app in this tenant; absent = by the number of its users.
    pub app_units: Option<Limit>,
    /// Does a refused attempt use up the window as well? "Usage keeps being counted while throttled": yes by default.
    pub refused_count: bool,
    /// Tell the load in `x-ms-throttle-limit-percentage` once it is above 0.8? Documented, so yes by default; one tester
    /// never saw it, so nobody may depend on it.
    pub announce_load: bool,
    /// The text of `Retry-After`.
    pub retry_after: RetryAfter,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            app_writes: Limit::new(3_000, 150),
            app_writes_hour: Limit::new(72_000, 3_600),
            tenant_writes: Limit::new(18_000, 300),
            invitations: Limit::new(150, 5),
            app_units: None,
            refused_count: true,
            announce_load: true,
            retry_after: RetryAfter::Integer,
        }
    }
}

impl Limits {
    /// Nothing is limited.
    pub fn off() -> Self {
        Limits {
            app_writes: Limit::OFF,
            app_writes_hour: Limit::OFF,
            tenant_writes: Limit::OFF,
            invitations: Limit::OFF,
            app_units: Some(Limit::OFF),
            ..Limits::default()
        }
    }
    /// Resource units of one app, in a tenant of so many users.
    pub(super) fn units(&self, users: usize) -> Limit {
        let by_size = match users {
            ..50 => 3_500,
            50..=500 => 5_000,
            _ => 8_000,
        };
        self.app_units.unwrap_or(Limit::new(by_size, 10))
    }
}

/// What one app may do in all tenants together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Everywhere {
    pub(super) writes: Limit,
    pub(super) units: Limit,
}

impl Default for Everywhere {
    fn default() -> Self {
        Everywhere { writes: Limit::new(35_000, 300), units: Limit::new(150_000, 20) }
    }
}

/// What other apps take of the tenant's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Foreign {
    /// Writes a second, evenly, from now on.
    pub writes_per_second: f64,
}
