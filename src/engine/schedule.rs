//! When does the schedule come due, and for which routes?

use std::collections::{BTreeMap, BTreeSet};

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
        let mut last = BTreeMap::new();
        for route in &self.config.routes {
            if let Some(at) = self.store.last_tick(&route.name)? {
                last.insert(route.name.clone(), at);
            }
        }
        Ok(self.config.next_tick(&last, self.clock.now()).map(|(at, routes)| Tick { at, routes }))
    }

    /// Whether the last run never came to its end, because its process was killed: then every route is due at once, and not
    /// with the next tick.
    ///
    /// # Errors
    /// The store's.
    pub fn pick_up(&self) -> Result<bool, EngineError> {
        let killed = self.store.last_runs(1)?.iter().any(|run| run.ended_at.is_none());
        if killed {
            self.due_again(&self.config.routes.iter().map(|r| r.name.clone()).collect())?;
        }
        Ok(killed)
    }

    /// These routes' cycle was cut short: it goes on as soon as somebody keeps the schedule again.
    pub(super) fn due_again(&self, routes: &BTreeSet<RouteName>) -> Result<(), EngineError> {
        Ok(self.store.together(|| routes.iter().try_for_each(|route| self.store.forget_tick(route)))?)
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
