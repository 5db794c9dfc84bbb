//! When does the schedule come due, and for which routes?

use std::collections::BTreeSet;

use super::{Cycle, EngineError};
use crate::model::{RouteName, Timestamp};
use crate::ports::Clock;

/// The next time that a schedule comes due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When. It may be past: what was missed is made up for once, however often it was.
    pub at: Timestamp,
    /// The routes that are due then.
    pub routes: BTreeSet<RouteName>,
}

impl<D, C: Clock> Cycle<'_, D, C> {
    /// The next tick, counted for each route from the last that the store remembers; a route that never had one is due
    /// at once. `None`: no schedule ever comes due again.
    ///
    /// # Errors
    /// The store's.
    pub fn next_tick(&self) -> Result<Option<Tick>, EngineError> {
        let now = self.clock.now();
        let mut due: Vec<(Timestamp, RouteName)> = Vec::new();
        for route in &self.config.routes {
            let at = match self.store.last_tick(&route.name)? {
                // A clock that was set back must not stop the schedule until it has caught up.
                Some(last) => self.config.schedule.next_after(last.min(now)),
                None => Some(now),
            };
            due.extend(at.map(|at| (at, route.name.clone())));
        }
        let Some(first) = due.iter().map(|(at, _)| *at).min() else { return Ok(None) };
        let until = first.max(now);
        let routes = due.into_iter().filter(|(at, _)| *at <= until).map(|(_, route)| route).collect();
        Ok(Some(Tick { at: first, routes }))
    }

    /// These routes' turn has come.
    ///
    /// # Errors
    /// The store's.
    pub fn ticked(&self, routes: &BTreeSet<RouteName>) -> Result<(), EngineError> {
        let now = self.clock.now();
        Ok(self.store.together(|| routes.iter().try_for_each(|route| self.store.ticked(route, now)))?)
    }
}
