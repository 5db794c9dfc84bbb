//! May one more request pass now?
//!
//! Windows slide: a request counts for exactly the window's length after its arrival. Numbers: "Microsoft Graph
//! service-specific throttling limits", copy of 2026-02-06.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// So many requests in any stretch of so many seconds. `count = 0` switches the limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests that pass.
    pub count: usize,
    /// In a window of this length.
    pub seconds: u64,
}

impl Limit {
    /// A limit of `count` requests in `seconds`.
    pub const fn new(count: usize, seconds: u64) -> Self {
        Limit { count, seconds }
    }
    /// No limit.
    pub const OFF: Limit = Limit::new(0, 1);
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
    /// Does a refused attempt use up the window as well? "Usage keeps being counted while throttled": yes by default.
    pub refused_count: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            app_writes: Limit::new(3_000, 150),
            app_writes_hour: Limit::new(72_000, 3_600),
            tenant_writes: Limit::new(18_000, 300),
            invitations: Limit::new(150, 5),
            refused_count: true,
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
            refused_count: true,
        }
    }
}

/// Writes of one app over all tenants, in 5 minutes.
pub(super) const APP_EVERYWHERE: Limit = Limit::new(35_000, 300);

/// The arrivals that one limit still counts.
#[derive(Debug, Default)]
pub(super) struct Window {
    arrivals: VecDeque<Timestamp>,
}

impl Window {
    /// Milliseconds until the next request would pass; `None` = now.
    pub(super) fn wait(&mut self, limit: Limit, now: Timestamp) -> Option<u64> {
        let length = limit.seconds.saturating_mul(1000);
        while self.arrivals.front().is_some_and(|first| now.0 >= first.0.saturating_add(length)) {
            self.arrivals.pop_front();
        }
        if limit.count == 0 || self.arrivals.len() < limit.count {
            return None;
        }
        // One passes once fewer than `count` are left: when the one at this place has gone.
        let last_to_go = self.arrivals.get(self.arrivals.len() - limit.count)?;
        Some(last_to_go.0.saturating_add(length).saturating_sub(now.0))
    }
    pub(super) fn record(&mut self, limit: Limit, now: Timestamp) {
        if limit.count > 0 {
            self.arrivals.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_limit_and_frees_exactly_after_its_length() {
        let (limit, mut window) = (Limit::new(2, 10), Window::default());
        for at in [0, 4_000] {
            assert_eq!(window.wait(limit, Timestamp(at)), None);
            window.record(limit, Timestamp(at));
        }
        assert_eq!(window.wait(limit, Timestamp(4_000)), Some(6_000));
        assert_eq!(window.wait(limit, Timestamp(9_999)), Some(1));
        assert_eq!(window.wait(limit, Timestamp(10_000)), None);
    }

    #[test]
    fn refused_attempts_that_count_push_the_end_out() {
        let (limit, mut window) = (Limit::new(1, 10), Window::default());
        window.record(limit, Timestamp(0));
        window.record(limit, Timestamp(3_000));
        assert_eq!(window.wait(limit, Timestamp(3_000)), Some(10_000));
    }
}
