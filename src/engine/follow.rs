//! What follows from a change that was made?

use std::collections::BTreeSet;

use super::draft::Drafting;
use super::run::Run;
use super::{Cycle, EngineError, Readings, lanes, planned, queue};
use crate::model::{Action, ActionKind, Attribute, Change, Held, ObjectId, RouteName, TenantName};
use crate::plan::{self, Decision, Due};
use crate::ports::{Clock, DirectoryRead, DirectoryWrite};
use crate::store::StoreError;

/// Provision, update, update of references, settled: four rounds reach everyone; one more is for the unforeseen.
pub(super) const ROUNDS_MAX: u32 = 5;
/// An account needs at most: unlink, provision, enable, update, settle.
pub(super) const GENERATIONS_MAX: u32 = 6;

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Considers a home user again: after one of its changes was made, or because something happened to it while the
    /// change `planned` waited. Answers the change that is to be made now, in this run.
    ///
    /// A block, a deletion or a join that was not planned never follows by itself: the guard has its say first, with the
    /// next plan. Nor does a provisioning: whether two people now want one address shows only when all are planned.
    pub(super) fn again(&self, done: &Change, planned_change: Option<&Change>) -> Result<Option<Change>, StoreError> {
        let Some(route) = self.config.routes.iter().find(|r| r.name == done.route) else { return Ok(None) };
        let (route, now) = (planned(route), self.clock.now());
        let home = &done.home.id;
        let case = self.store.case(&route, home, now)?;
        let considered = plan::consider(&route, &case, now);
        if let Some(link) = &considered.link {
            self.store.remember_link(link)?;
        }
        let explain = |state: &str, detail: &str| self.store.explain_unsettled(&route.name, home, state, detail);
        match considered.decision {
            Decision::Settled => self.store.settle(&route.name, home)?,
            Decision::Hold(hold) => explain("held", &hold.to_string())?,
            Decision::Waiting(until) => explain("waiting", &until.rfc3339())?,
            Decision::Do(change) => {
                let kind = plan::counted_as(&change);
                let guarded =
                    matches!(kind, ActionKind::Delete | ActionKind::Disable | ActionKind::Join | ActionKind::Provision);
                let was_let_through = |p: &Change| {
                    plan::counted_as(p) == kind
                        && p.action.account() == change.action.account()
                        && p.action.address() == change.action.address()
                };
                // What finishes a provisioning was let through with it.
                let is_new =
                    change.action.kind() == ActionKind::Update && case.link.as_ref().is_some_and(|l| !l.initialised);
                if !guarded || is_new || planned_change.is_some_and(was_let_through) {
                    self.store.pend(&route.name, home, &lanes::pending(&change), now)?;
                    return Ok(Some(change));
                }
                self.store.unsettle(&route.name, home)?;
            }
        }
        Ok(None)
    }
}

impl<D: DirectoryWrite, C: Clock> Run<'_, D, C> {
    /// What follows in a target whose lanes are empty: references to accounts that this run has made, and new accounts of
    /// people whose lost ones it has let go. Answers whether there was anything.
    pub(super) async fn follow_up(&self, target: &TenantName, readings: Readings) -> Result<bool, EngineError> {
        if let Some(lanes) = self.lanes.get(target) {
            lanes.touched.borrow_mut().clear();
        }
        let into = self.whole.borrow().iter().filter(|r| r.target == *target).cloned().collect();
        let (only, news_of): (BTreeSet<RouteName>, BTreeSet<RouteName>) = (into, self.whole.borrow().clone());
        let around = Some((&self.lanes, &self.let_through));
        let shelf = self.cycle.store.shelf();
        let drafting = Drafting { only: &only, news_of, around, tells: false, shelf };
        let drafted = self.cycle.draft(readings, drafting).await?;
        let failed: BTreeSet<(RouteName, ObjectId)> =
            self.report.borrow().failed.iter().map(|f| (f.route.clone(), f.home.id.clone())).collect();
        let (mut all, now) = (Vec::new(), self.cycle.clock.now());
        for mut route in drafted.plan.routes {
            let fresh = |due: &Due| {
                let c = &due.change;
                let refused = drafted.refusals.iter().any(|r| r.route == c.route);
                let is_anew = c.action.kind() == ActionKind::Provision
                    && !refused
                    && self.let_go.borrow().contains(&(c.route.clone(), c.home.id.clone()));
                (is_anew || follows(due))
                    && self.may_follow(c)
                    && !failed.contains(&(c.route.clone(), c.home.id.clone()))
            };
            all.extend(queue::tickets(route.changes.taken(), |due| {
                let follows = fresh(due);
                if follows {
                    let change = &due.change;
                    self.cycle.store.pend(&change.route, &change.home.id, &lanes::pending(change), now)?;
                }
                Ok::<_, EngineError>(follows)
            })?);
            // Whoever is held was looked at again because something else happened: held is still the word on them.
            let hold = |held: &Held| {
                self.cycle.store.explain_unsettled(&route.route, &held.home.id, "held", &held.hold.to_string())
            };
            self.cycle.store.together(|| route.held.iter().try_for_each(hold))?;
        }
        let any = !all.is_empty();
        self.fill(target, all);
        Ok(any)
    }
}

/// Part of a provisioning, or a reference and nothing else.
fn follows(due: &Due) -> bool {
    match &due.change.action {
        Action::Update { edits, .. } => due.is_provisioning || edits.keys().all(Attribute::is_reference),
        _ => false,
    }
}
