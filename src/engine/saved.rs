//! How is exactly a saved plan carried out?

use std::collections::{BTreeMap, BTreeSet};

use super::apply::Worker;
use super::lanes::Job;
use super::run::Run;
use super::{Drafted, EngineError};
use crate::model::{Change, RouteName};
use crate::plan::{self, Bound, Plan, Stale, Staleness, Unkept};
use crate::ports::{Clock, DirectoryWrite};

impl<D, C: Clock> Run<'_, D, C> {
    /// Of what is planned now, only what the saved plan has too; what it has besides is told of as stale.
    pub(super) fn keep_to_the_saved(
        &self,
        drafted: &mut Drafted,
        only: &BTreeSet<RouteName>,
    ) -> Result<(), EngineError> {
        let Some(saved) = &self.cycle.focus.saved else { return Ok(()) };
        let kept = plan::keep_to(saved, &drafted.plan, &drafted.skipped, only)?;
        drafted.plan = kept.plan;
        drafted.stale = kept.stale;
        // The guard counts what would be written, and that is less now.
        drafted.refusals = self.cycle.refusals(&drafted.plan, &self.let_through.borrow())?;
        // What a person approved is the file as a whole.
        (drafted.digest, drafted.refused_digest) = (saved.digest.clone(), saved.digest.clone());
        // What else could be taken back is not due.
        if saved.undo.is_none() {
            self.report.borrow_mut().left_out += kept.others;
        }
        Ok(())
    }

    /// A plan that a person let through passes the guard; signatures are asked for all the same.
    pub(super) fn heed_the_approval(&self, drafted: &mut Drafted, approved: Option<&str>) -> Result<(), EngineError> {
        let digests = [drafted.digest.as_str(), drafted.refused_digest.as_str()];
        if let Some(digest) = approved.filter(|approved| digests.contains(approved)) {
            let by = &self.cycle.focus.signed_by;
            if !drafted.refusals.is_empty() || !by.is_empty() {
                self.cycle.store.note_approval(self.id, digest, by)?;
                self.report.borrow_mut().approved = Some((digest.to_owned(), by.clone()));
            }
            let refused = drafted.refusals.iter().filter(|refusal| refusal.bound != Bound::Signatures);
            self.approved.borrow_mut().extend(refused.map(|refusal| refusal.route.clone()));
        }
        let approved = self.approved.borrow();
        drafted.refusals.retain(|r| r.bound == Bound::Signatures || !approved.contains(&r.route));
        Ok(())
    }

    /// Changes of routes that there are no more.
    pub(super) fn say_what_has_no_route(&self) -> Result<(), Unkept> {
        let Some(saved) = &self.cycle.focus.saved else { return Ok(()) };
        let known = self.cycle.route_names();
        let gone: BTreeSet<RouteName> = saved.routes.keys().filter(|route| !known.contains(route)).cloned().collect();
        let why = |route: &RouteName| (route.clone(), "the configuration has no such route".to_owned());
        let reasons: BTreeMap<RouteName, String> = gone.iter().map(why).collect();
        let kept = plan::keep_to(saved, &Plan::default(), &reasons, &gone)?;
        self.report.borrow_mut().drafted.stale.extend(kept.stale);
        Ok(())
    }

    /// May this change be made in this run, although no plan had it when the run began? Beside a saved plan nothing is
    /// made but what finishes its own changes; the next cycle finds the rest.
    pub(super) fn may_follow(&self, change: &Change) -> bool {
        // What is taken back must not be done again at once.
        if self.cycle.focus.undo.is_some() {
            return false;
        }
        self.cycle.focus.saved.as_ref().is_none_or(|saved| saved.completes(change))
    }
}

impl<D: DirectoryWrite, C: Clock> Worker<'_, D, C> {
    /// Something has happened to this person since the change was planned: it is made as it was, or not at all.
    pub(super) fn still_as_planned(&mut self, job: &Job, now: Option<&Change>) -> bool {
        let run = self.run;
        let still = |now: &Change| plan::adds_only_references(&job.change, now.clone()) || run.may_follow(now);
        if run.cycle.focus.saved.is_none() || now.is_some_and(still) {
            return true;
        }
        if job.generation == 0 && job.begun.is_none() {
            let Change { route, home, action, .. } = &job.change;
            let why = now.map_or(Staleness::Over, |now| Staleness::Another(now.action.kind()));
            let stale = Stale { route: route.clone(), home: home.clone(), action: action.kind(), why };
            run.report.borrow_mut().drafted.stale.push(stale);
        }
        false
    }
}
