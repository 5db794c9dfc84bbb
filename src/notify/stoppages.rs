//! Which routes and tenants are left alone, and which are worked on again? Whoever runs the cycles tells it here.

use serde_json::json;

use super::event::{Alert, Occasion};
use crate::config::AlertKind;
use crate::model::{RouteName, TenantName, Timestamp};

/// A route's quarantine began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteStoppage {
    /// Which route.
    pub route: RouteName,
    /// `leavers` or `others`.
    pub part: String,
    /// When the quarantine began, also where it has ended now: it tells one quarantine from the next.
    pub since: Timestamp,
    /// The code of the error that met one person after the other.
    pub code: String,
    /// The same in words.
    pub reason: String,
}

/// A tenant's breaker opened or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantStoppage {
    /// Which tenant.
    pub tenant: TenantName,
    /// `reading` or `writing`.
    pub door: String,
    /// When the breaker opened, also where it has closed now.
    pub since: Timestamp,
    /// What came from the tenant last.
    pub reason: String,
}

/// What is new since the last run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stoppages {
    /// Routes that are left alone from now on.
    pub quarantined: Vec<RouteStoppage>,
    /// Routes that are worked on again.
    pub recovered: Vec<RouteStoppage>,
    /// Tenants that are left alone from now on.
    pub unreachable: Vec<TenantStoppage>,
    /// Tenants that are asked again.
    pub reachable: Vec<TenantStoppage>,
}

impl Stoppages {
    /// Each piece as an alert of `source`, at `at`.
    pub fn alerts(&self, source: &str, at: Timestamp) -> Vec<Alert> {
        let route = |kind: AlertKind, stoppage: &RouteStoppage| {
            let (subject, once) = (stoppage.route.to_string(), format!("{} since {}", stoppage.part, stoppage.since.0));
            let data = json!({
                "route": subject, "part": stoppage.part, "since": stoppage.since.rfc3339(), "code": stoppage.code,
                "reason": stoppage.reason,
            });
            Alert::new(kind, &Occasion { source, subject: &subject, once: &once, at }, data)
        };
        let tenant = |kind: AlertKind, stoppage: &TenantStoppage| {
            let (subject, once) = (stoppage.tenant.as_str(), format!("{} since {}", stoppage.door, stoppage.since.0));
            let data = json!({
                "tenant": subject, "door": stoppage.door, "since": stoppage.since.rfc3339(), "reason": stoppage.reason,
            });
            Alert::new(kind, &Occasion { source, subject, once: &once, at }, data)
        };
        let mut alerts = Vec::new();
        alerts.extend(self.unreachable.iter().map(|n| tenant(AlertKind::TenantUnreachable, n)));
        alerts.extend(self.quarantined.iter().map(|n| route(AlertKind::RouteQuarantined, n)));
        alerts.extend(self.reachable.iter().map(|n| tenant(AlertKind::TenantRecovered, n)));
        alerts.extend(self.recovered.iter().map(|n| route(AlertKind::RouteRecovered, n)));
        alerts
    }
}
