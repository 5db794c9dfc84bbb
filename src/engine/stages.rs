//! Who waits for whom? A route waits for its own two tenants, and for no other.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::pin::pin;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::observe::Ended;
use super::{Cycle, Drafted, EngineError, Readings, Report};
use crate::model::{RouteName, RunId, TenantName, Timestamp, Trigger};
use crate::plan;
use crate::ports::{Clock, DirectoryWrite};

/// Tenants that are read within so many milliseconds of each other are planned together: one plan sees more than two, and
/// an idle reading takes less. Whoever takes longer is waited for by its own routes only.
const TOGETHER_MILLIS: u64 = 500;

impl<D: DirectoryWrite, C: Clock> Cycle<'_, D, C> {
    /// One cycle. `approved`: the digest of a plan that may pass the guard; that plan is then waited for as a whole.
    ///
    /// # Errors
    /// The store's: from then on nothing is written any more, and what is known is kept.
    pub async fn sync(&self, trigger: Trigger, run: RunId, approved: Option<&str>) -> Result<Report, EngineError> {
        let mut report = Report { run: Some(run), ..Report::default() };
        let tenants = self.tenants();
        let mut open = self.route_names();
        let mut reading: FuturesUnordered<_> = tenants.iter().map(|t| self.read(t)).collect();
        let (mut readings, mut ended) = (Readings::default(), BTreeSet::new());
        let mut together_until: Option<Timestamp> = None;
        while !open.is_empty() {
            let ready = ready(&open, &ended);
            let now = self.clock.now();
            if ready.is_empty() || (ended.len() < tenants.len() && together_until.is_none_or(|at| now < at)) {
                if !ready.is_empty() && approved.is_none() {
                    together_until.get_or_insert(now.plus_millis(TOGETHER_MILLIS));
                }
                match self.unless_stopped(self.next_end(&mut reading, together_until)).await {
                    Some(Some(one)) => self.note(one, &mut readings, &mut ended)?,
                    Some(None) => {}
                    None => {
                        report.stopped = true;
                        break;
                    }
                }
                continue;
            }
            let late = RefCell::new(Vec::new());
            let others = async {
                while let Some(one) = reading.next().await {
                    late.borrow_mut().push(one);
                }
            };
            let stage = pin!(self.stage(readings.clone(), &ready, trigger, run, approved));
            let done = match select(stage, pin!(others)).await {
                Either::Left((done, _)) => done?,
                Either::Right(((), stage)) => stage.await?,
            };
            absorb(&mut report, done);
            open.retain(|route| !ready.contains(route));
            for one in late.into_inner() {
                self.note(one, &mut readings, &mut ended)?;
            }
            together_until = None;
            if report.stopped {
                break;
            }
        }
        report.drafted.readings = readings;
        Ok(report)
    }

    /// The next tenant that was read to its end, or could not be; `None` once the others are not to be kept waiting.
    async fn next_end(
        &self,
        reading: &mut FuturesUnordered<impl Future<Output = Ended>>,
        until: Option<Timestamp>,
    ) -> Option<Ended> {
        let timer = async {
            match until {
                Some(at) => self.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        match select(reading.next(), pin!(timer)).await {
            Either::Left((one, _)) => one,
            Either::Right(_) => None,
        }
    }

    /// Recovers, plans, guards and applies these routes, on what was read.
    async fn stage(
        &self,
        mut readings: Readings,
        only: &BTreeSet<RouteName>,
        trigger: Trigger,
        run: RunId,
        approved: Option<&str>,
    ) -> Result<Report, EngineError> {
        let mut report = Report::default();
        let before_writing = async {
            self.recover(&mut readings, only).await?;
            self.draft(readings, only, true).await
        };
        // Looks and drafts are idempotent: what is dropped is done again by the next run.
        let Some(drafted) = self.unless_stopped(before_writing).await else {
            report.stopped = true;
            return Ok(report);
        };
        let mut drafted = drafted?;
        let readings = drafted.readings.clone();
        let digests = [drafted.digest.as_str(), drafted.refused_digest.as_str()];
        if approved.is_some_and(|approved| digests.contains(&approved)) {
            drafted.refusals.clear();
        }
        let refused: BTreeSet<RouteName> = drafted.refusals.iter().map(|r| r.route.clone()).collect();
        let passed = drafted.plan.routes.iter().filter(|r| !refused.contains(&r.route));
        self.remember_rules(passed.clone().map(|r| &r.route))?;
        let changes = passed.flat_map(|r| r.changes.clone()).collect();
        report.drafted = drafted;
        self.apply(changes, trigger, run, &mut report).await?;
        let allowed: BTreeSet<RouteName> = only.difference(&refused).cloned().collect();
        self.follow_up(trigger, run, readings, &allowed, &mut report).await?;
        Ok(report)
    }
}

/// Routes whose two tenants have both been read to the end, or could not be.
fn ready(open: &BTreeSet<RouteName>, ended: &BTreeSet<TenantName>) -> BTreeSet<RouteName> {
    open.iter().filter(|r| ended.contains(&r.home) && ended.contains(&r.target)).cloned().collect()
}

/// A stage's part of the whole report.
fn absorb(report: &mut Report, mut stage: Report) {
    let Drafted { plan, skipped, refusals, .. } = std::mem::take(&mut stage.drafted);
    let drafted = &mut report.drafted;
    drafted.plan.routes.extend(plan.routes);
    drafted.skipped.extend(skipped);
    drafted.refusals.extend(refusals);
    drafted.digest = plan::digest(&drafted.plan);
    drafted.refused_digest = plan::digest(&drafted.refused());
    report.add(stage);
}
