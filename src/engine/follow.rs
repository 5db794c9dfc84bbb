//! What follows from a change that was made?

use std::collections::BTreeSet;

use super::{Cycle, EngineError, Readings, Report, planned};
use crate::model::{Action, ActionKind, Change, ObjectId, RouteName, RunId, Trigger};
use crate::plan::{self, Decision};
use crate::ports::{Clock, DirectoryRead, DirectoryWrite};
use crate::store::StoreError;

/// Provision, update, update of references, settled: four rounds reach everyone; one more is for the unforeseen.
const ROUNDS_MAX: u32 = 5;
/// An account needs at most: unlink, provision, enable, update, settle.
pub(super) const GENERATIONS_MAX: u32 = 6;

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Considers a home user again after one of its changes was made; answers the change that follows in this run.
    ///
    /// A block or a deletion never follows by itself: the guard of the next cycle has its say first.
    pub(super) fn again(&self, done: &Change) -> Result<Option<Change>, StoreError> {
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
                let kind = change.action.kind();
                explain("pending", kind.as_str())?;
                if !matches!(kind, ActionKind::Delete | ActionKind::Disable | ActionKind::Join) {
                    return Ok(Some(change));
                }
            }
        }
        Ok(None)
    }
}

impl<D: DirectoryWrite, C: Clock> Cycle<'_, D, C> {
    /// References to accounts that this run has made, until none is left.
    pub(super) async fn follow_up(
        &self,
        trigger: Trigger,
        run: RunId,
        readings: Readings,
        allowed: &BTreeSet<RouteName>,
        report: &mut Report,
    ) -> Result<(), EngineError> {
        for _ in 0..ROUNDS_MAX {
            if self.stopped() || report.stopped {
                break;
            }
            let Some(drafted) = self.unless_stopped(self.draft(readings.clone(), allowed, false)).await else { break };
            let drafted = drafted?;
            let tried: BTreeSet<(RouteName, ObjectId)> =
                report.failed.iter().map(|f| (f.route.clone(), f.home.id.clone())).collect();
            let mut changes = Vec::new();
            for route in &drafted.plan.routes {
                let fresh = |c: &&Change| {
                    follows(c, &route.still_provisioning)
                        && !tried.contains(&(c.route.clone(), c.home.id.clone()))
                        && !report.unwritten.contains_key(&c.route.target)
                };
                changes.extend(route.changes.iter().filter(fresh).cloned());
            }
            if changes.is_empty() {
                break;
            }
            self.apply(changes, trigger, run, report).await?;
        }
        Ok(())
    }
}

/// Part of a provisioning, or a reference and nothing else.
fn follows(change: &Change, still_provisioning: &BTreeSet<ObjectId>) -> bool {
    match &change.action {
        Action::Update { edits, .. } => {
            still_provisioning.contains(&change.home.id) || edits.keys().all(|a| a.is_reference())
        }
        _ => false,
    }
}
