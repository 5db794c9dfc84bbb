//! Who can be invited before everybody at home is read?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::draft::{CASES_AT_ONCE, Drafting};
use super::queue::Ticket;
use super::run::Run;
use super::{Cycle, EngineError, Event, lanes, planned, queue};
use crate::config::Route;
use crate::model::{Action, Change, ObjectId, RouteName, Selection, TenantName};
use crate::plan::{self, Decision, Due, Plan, PlannedRoute, RoutePlan};
use crate::ports::{Clock, DirectoryRead, DirectoryWrite};
use crate::store::{Door, StoreError};

/// A home that is smaller is read to its end within minutes, and its plan is made as a whole. More people than these keep a
/// target busy for half an hour (3,000 writes in 150 s, two for each of them).
pub const AHEAD_AFTER: u64 = 20_000;
/// While this many changes wait in a target, nobody is planned ahead for it: they take it 50 s, and to ask about the next
/// people takes less.
const ENOUGH: usize = 500;
/// Questions under way at once: as many as a home answers without noticing, beside its reading.
const QUESTIONS_AT_ONCE: usize = 8;

/// How far a route is planned ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// Up to where people were considered, in the order in which they came.
    after: i64,
    /// People told of by the time that there was nobody left to consider.
    told: u64,
}

impl<D, C: Clock> Run<'_, D, C> {
    /// Is this the tenant's first reading that comes to its end? Of any other nothing is planned ahead.
    pub(super) fn is_first_reading(&self, tenant: &TenantName) -> Result<bool, EngineError> {
        let first = self.cycle.store.reading(tenant)?.readings == 0;
        if !first {
            self.told.borrow_mut().remove(tenant);
        }
        Ok(first)
    }

    /// A first reading under way has told of so many more.
    pub(super) fn paged(&self, home: &TenantName, items: usize) {
        *self.told.borrow_mut().entry(home.clone()).or_default() += items as u64;
        self.changed.notify_one();
    }

    fn told(&self, home: &TenantName) -> u64 {
        self.told.borrow().get(home).copied().unwrap_or_default()
    }

    /// Whether people of the route, the home of which is being read for the first time and the target of which was read,
    /// shall be planned now: there are new ones, the target has little to do, and nothing of the route has to wait for all.
    pub(super) fn may_go_ahead(&self, route: &RouteName) -> Result<bool, EngineError> {
        let (told, Some(lanes)) = (self.told(&route.home), self.lanes.get(&route.target)) else { return Ok(false) };
        let is_resting = lanes.resting.get() || lanes.dead.get();
        if told < self.cycle.ahead_after.max(1) || is_resting || lanes.queue.borrow().has_as_many_as(ENOUGH) {
            return Ok(false);
        }
        if !self.ahead.borrow().contains_key(route) {
            let whether = self.cycle.invites_singly(route)?.then(Ahead::default);
            self.ahead.borrow_mut().insert(route.clone(), whether);
        }
        let is_new = self.ahead.borrow().get(route).copied().flatten().is_some_and(|ahead| ahead.told < told);
        let is_quarantined = || self.quarantined.borrow().iter().any(|(quarantined, _)| quarantined == route);
        Ok(is_new && !is_quarantined() && self.left_alone(&route.target, Door::Writing)?.is_none())
    }
}

impl<D, C: Clock> Cycle<'_, D, C> {
    /// Whether nobody's invitation on the route hangs on who else is at home. Where there are links, somebody may have to
    /// leave, and goes first; what has to be looked at by a person is looked at as a whole.
    fn invites_singly(&self, name: &RouteName) -> Result<bool, EngineError> {
        let looked_at = self.config.approval.is_some() || !self.focus.takes_whole_routes();
        let singly = self.config.route(name).is_some_and(|route| plan::invites_singly(&route.rules));
        Ok(singly && !looked_at && !self.store.has_links(name)?)
    }
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Invitations of the next people whom the reading has told of. Everything else about them waits for the whole plan:
    /// they are neither held nor settled by this. Answers where the next ones begin too, `None` where nobody was left.
    async fn draft_ahead(
        &self,
        route: &Route,
        after: i64,
        drafting: &Drafting<'_>,
    ) -> Result<(Vec<Ticket>, Option<i64>), EngineError> {
        let (planned, target) = (planned(route), &route.name.target);
        let (people, place) = self.store.arrived(&planned, after, CASES_AT_ONCE)?;
        let mut draft = self.blank(&planned, drafting)?;
        self.store.together(|| people.iter().try_for_each(|home| self.consider_ahead(&planned, home, &mut draft)))?;
        let mut others = Vec::new();
        for other in self.config.routes.iter().filter(|other| other.name.target == *target && other.name != route.name)
        {
            let (seen, unknown) = self.remembered(other)?;
            if seen {
                others.push((other, unknown.is_none()));
            }
        }
        let mut plan = Plan { routes: vec![draft] };
        self.hold_shared(&mut plan, others, drafting).await?;
        let mut draft = plan.routes.remove(0);
        let changes = draft.changes.all()?;
        let rivalled = self.rivalled(&route.name.home, &changes).await;
        let left = rivalled.iter().chain(draft.held.iter().map(|held| &held.home.id));
        self.store.together(|| left.into_iter().try_for_each(|home| self.store.unsettle(&route.name, home)))?;
        let is_nobodys = |due: &Due| Ok::<_, EngineError>(!rivalled.contains(&due.change.home.id));
        Ok((queue::tickets(draft.changes.taken(), is_nobodys)?, place))
    }

    fn consider_ahead(&self, route: &PlannedRoute, home: &ObjectId, draft: &mut RoutePlan) -> Result<(), StoreError> {
        let now = self.clock.now();
        let case = self.store.case(route, home, now)?;
        if case.link.is_none()
            && let Decision::Do(change) = plan::consider(route, &case, now).decision
            && matches!(change.action, Action::Provision { .. })
        {
            self.store.pend(&route.name, home, &lanes::pending(&change), now)?;
            draft.changes.push(&Due::from(change))?;
        }
        Ok(())
    }

    /// People whose address somebody else at home has too, by the home's own word: whoever that is may not have been told of
    /// yet. Of whom it does not tell, nothing is known.
    async fn rivalled(&self, home: &TenantName, changes: &[Change]) -> BTreeSet<ObjectId> {
        let only_ids = Selection::default();
        let ask = async |change: &Change| {
            let (Some(address), Ok(directory)) = (change.action.address(), self.door(home)) else { return true };
            let found = directory.find_by_address(&only_ids, address).await;
            found.map_or(true, |found| found.iter().any(|(object, _)| *object != change.home.id))
        };
        let asked = stream::iter(changes).map(|change| async { (change.home.id.clone(), ask(change).await) });
        let answers: BTreeMap<ObjectId, bool> = asked.buffer_unordered(QUESTIONS_AT_ONCE).collect().await;
        answers.into_iter().filter_map(|(whose, rivalled)| rivalled.then_some(whose)).collect()
    }
}

impl<D: DirectoryWrite, C: Clock> Run<'_, D, C> {
    /// Plans the next people of a route ahead of the end of its home's reading, and fills the lanes.
    pub(super) async fn go_ahead(&self, name: &RouteName) -> Result<(), EngineError> {
        let known = self.ahead.borrow().get(name).copied().flatten();
        let (Some(mut ahead), Some(route)) = (known, self.cycle.config.route(name)) else { return Ok(()) };
        let (told, only) = (self.told(&name.home), BTreeSet::from([name.clone()]));
        let around = Some((&self.lanes, &self.let_through));
        let shelf = self.cycle.store.shelf();
        let drafting = Drafting { only: &only, news_of: BTreeSet::new(), around, tells: false, shelf };
        let (tickets, place) = self.cycle.draft_ahead(route, ahead.after, &drafting).await?;
        match place {
            Some(place) => ahead.after = place,
            None => ahead.told = told,
        }
        self.ahead.borrow_mut().insert(name.clone(), Some(ahead));
        (self.cycle.watch)(Event::Applying { changes: tickets.len() });
        self.fill(&name.target, tickets);
        Ok(())
    }
}
