//! What do the parts of one run share? Its lanes, its budgets, its report, and what the guard has let through.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;

use super::ahead::Ahead;
use super::apply::Worker;
use super::lanes::{Lanes, Whose};
use super::queue::{Ticket, Undone};
use super::{Budget, Budgets, Cycle, Drafted, EngineError, Report};
use crate::model::{RouteName, RunId, TenantName, Timestamp, Trigger};
use crate::plan::Unkept;
use crate::ports::{Clock, DirectoryWrite};
use crate::quota::{AppBudget, Learned};
use crate::store::{Door, RoutePart};

/// A worker that has died so often in one run dies of something that does not go away.
const CRASHES_MAX: u32 = 3;

/// The end of work for a tenant; `None`: code of ours gave up in it, which takes nothing else with it.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// One app's writes over all its tenants.
#[derive(Debug)]
pub(super) struct App {
    pub(super) budget: AppBudget,
    pub(super) learned: Learned,
    pub(super) paused_until: Timestamp,
}

/// People of a route by the guard's count: rule set and kind of change.
pub(super) type LetThrough = crate::plan::People;

/// One run.
pub(super) struct Run<'r, D, C> {
    pub(super) cycle: &'r Cycle<'r, D, C>,
    pub(super) trigger: Trigger,
    pub(super) id: RunId,
    /// It was set off by a schedule, which comes due again while the lanes drain.
    pub(super) polls: bool,
    pub(super) report: RefCell<Report>,
    /// By target.
    pub(super) lanes: BTreeMap<TenantName, Lanes>,
    /// By the name of the budget.
    apps: BTreeMap<String, RefCell<App>>,
    /// Whichever worker cannot remember any more sets it: nobody writes then.
    pub(super) halt: Cell<bool>,
    /// Nothing more is put into the lanes.
    pub(super) over: Cell<bool>,
    /// A worker has come to rest, or a route may be planned again.
    pub(super) changed: Notify,
    /// Routes whose whole plan is made or under way: from now on only what is new is considered.
    pub(super) whole: RefCell<BTreeSet<RouteName>>,
    /// Routes to be planned again, on what was read already.
    pub(super) again: RefCell<BTreeSet<RouteName>>,
    pub(super) quarantined: RefCell<BTreeSet<(RouteName, RoutePart)>>,
    /// Whom the guard has let through of late: many small steps count as one.
    pub(super) let_through: RefCell<BTreeMap<RouteName, LetThrough>>,
    /// Since when these are counted.
    pub(super) counted_since: RefCell<BTreeMap<RouteName, Timestamp>>,
    /// Routes that a person has let through.
    pub(super) approved: RefCell<BTreeSet<RouteName>>,
    /// Of people for whom several changes follow one another, those after the first.
    pub(super) later: RefCell<BTreeMap<Whose, VecDeque<Ticket>>>,
    /// People whose links this run has removed.
    pub(super) let_go: RefCell<BTreeSet<Whose>>,
    /// Routes for which the schedule has come due while the run was under way.
    pub(super) polled: RefCell<BTreeSet<RouteName>>,
    /// How many people each first reading under way has told of.
    pub(super) told: RefCell<BTreeMap<TenantName, u64>>,
    /// How far routes are planned ahead of such a reading; `None`: everything of the route waits for its end.
    pub(super) ahead: RefCell<BTreeMap<RouteName, Option<Ahead>>>,
}

impl<'r, D, C: Clock> Run<'r, D, C> {
    pub(super) fn new(
        cycle: &'r Cycle<'r, D, C>,
        trigger: Trigger,
        id: RunId,
        polls: bool,
    ) -> Result<Self, EngineError> {
        let (store, config, now) = (cycle.store, cycle.config, cycle.clock.now());
        let mut apps: BTreeMap<String, RefCell<App>> = BTreeMap::new();
        for tenant in config.tenants.values() {
            let budgets = Budgets::of(config, tenant);
            let (name, window) = (&budgets.app.name, budgets.app.windows[0]);
            if !apps.contains_key(name) {
                let mut budget = AppBudget::new(window);
                budget.remember_all(now, store.spent(name)?);
                let (paused_until, learned) = budgets.app.throttled(store, now)?;
                let app = App { budget, learned, paused_until };
                apps.insert(name.clone(), RefCell::new(app));
            }
            if let Some(app) = apps.get(name) {
                let mut spent = store.spent(&budgets.writes.name)?;
                let open = budgets.unanswered(&budgets.app, store, &tenant.name, cycle.clock.now())?;
                spent.extend(open);
                let mut app = app.borrow_mut();
                app.budget.remember_all(now, open);
                app.budget.remember(tenant.name.as_str(), now, &spent);
            }
        }
        let targets = config.routes.iter().map(|r| (r.name.target.clone(), Lanes::default()));
        Ok(Self {
            cycle,
            trigger,
            id,
            polls,
            report: RefCell::new(Report { run: Some(id), ..Report::default() }),
            lanes: targets.collect(),
            apps,
            halt: Cell::new(false),
            over: Cell::new(false),
            changed: Notify::new(),
            whole: RefCell::default(),
            again: RefCell::default(),
            quarantined: RefCell::new(quarantined(cycle)?),
            let_through: RefCell::default(),
            counted_since: RefCell::default(),
            approved: RefCell::default(),
            later: RefCell::default(),
            let_go: RefCell::default(),
            polled: RefCell::default(),
            told: RefCell::default(),
            ahead: RefCell::default(),
        })
    }

    pub(super) fn app(&self, budget: &Budget) -> Option<&RefCell<App>> {
        self.apps.get(&budget.name)
    }

    /// Questions of this run that are open.
    pub(super) fn under_way(&self, tenant: &TenantName) -> BTreeSet<i64> {
        self.lanes.get(tenant).map(|lanes| lanes.asks.borrow().clone()).unwrap_or_default()
    }

    /// Nothing waits and nothing flies, anywhere.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes.values().all(|lanes| lanes.idle.get())
    }

    /// Puts changes into their target's lanes.
    pub(super) fn fill(&self, target: &TenantName, tickets: Vec<Ticket>) {
        let (Some(lanes), now) = (self.lanes.get(target), self.cycle.clock.now()) else { return };
        if tickets.is_empty() {
            return;
        }
        if lanes.dead.get() {
            let mut undone = Undone::new();
            for ticket in &tickets {
                *undone.entry((ticket.route().clone(), ticket.part())).or_default() += 1;
            }
            return self.withhold(undone);
        }
        if let Some(tenant) = self.cycle.config.tenants.get(target)
            && let Some(app) = self.app(&Budgets::of(self.cycle.config, tenant).app)
        {
            app.borrow_mut().budget.wants(target.as_str(), now);
        }
        let mut queue = lanes.queue.borrow_mut();
        tickets.into_iter().for_each(|ticket| queue.enter_planned(ticket));
        lanes.resting.set(false);
        lanes.idle.set(false);
        lanes.woken.notify_one();
    }

    /// These wait until their routes are planned anew.
    pub(super) fn withhold(&self, undone: Undone) {
        let mut report = self.report.borrow_mut();
        for (part, jobs) in undone {
            *report.withheld.entry(part).or_default() += jobs;
        }
    }

    /// A stage's part of the whole report.
    pub(super) fn absorb(&self, only: &BTreeSet<RouteName>, drafted: Drafted) -> Result<(), Unkept> {
        let Drafted { plan, skipped, refusals, stale, user_known, digest, refused_digest, .. } = drafted;
        let mut report = self.report.borrow_mut();
        let all = &mut report.drafted;
        // What several stages refused together is put down at the end.
        let alone = all.plan.routes.is_empty() && !self.polls;
        (all.digest, all.refused_digest) = if alone { (digest, refused_digest) } else { <(String, String)>::default() };
        all.user_known |= user_known;
        all.skipped.retain(|route, _| !only.contains(route));
        all.skipped.extend(skipped);
        all.refusals.retain(|refusal| !only.contains(&refusal.route));
        all.refusals.extend(refusals);
        all.stale.extend(stale);
        for mut part in plan.routes {
            if self.polls {
                // Months of changes are in the change log, not in memory.
                drop(part.changes.taken());
            }
            match all.plan.routes.iter_mut().find(|r| r.route == part.route) {
                Some(known) => {
                    if known.changes.is_empty() {
                        known.changes = part.changes.taken();
                    }
                    part.changes.dues().try_for_each(|due| known.changes.push(&due?))?;
                    known.held.retain(|held| !part.held.iter().any(|new| new.home.id == held.home.id));
                    known.held.append(&mut part.held);
                }
                None => all.plan.routes.push(part),
            }
        }
        if let Some(saved) = &self.cycle.focus.saved {
            (all.digest, all.refused_digest) = (saved.digest.clone(), saved.digest.clone());
        }
        Ok(())
    }

    /// Nothing more will be put in.
    pub(super) fn close(&self) {
        self.over.set(true);
        self.lanes.values().for_each(|lanes| lanes.woken.notify_one());
    }
}

/// The parts of routes that are quarantined, by what the store says.
fn quarantined<D, C>(cycle: &Cycle<'_, D, C>) -> Result<BTreeSet<(RouteName, RoutePart)>, EngineError> {
    let mut all = BTreeSet::new();
    for route in &cycle.config.routes {
        let parts = cycle.store.quarantines(&route.name)?.into_keys();
        all.extend(parts.map(|part| (route.name.clone(), part)));
    }
    Ok(all)
}

impl<D: DirectoryWrite, C: Clock> Run<'_, D, C> {
    /// The run: `feed` fills the lanes, a worker a target empties them.
    pub(super) async fn through(&self, feed: impl Future<Output = Result<(), EngineError>>) -> Result<(), EngineError> {
        let mut workers = FuturesUnordered::new();
        for (target, lanes) in &self.lanes {
            workers.push(self.worker(target, lanes));
        }
        let mut first_error = None;
        let mut note = |result: Result<(), EngineError>| {
            if let Err(error) = result {
                self.halt.set(true);
                self.close();
                first_error.get_or_insert(error);
            }
        };
        let mut feed = std::pin::pin!(feed.fuse());
        let mut fed = false;
        loop {
            if fed {
                match workers.next().await {
                    Some(result) => note(result),
                    None => break,
                }
                continue;
            }
            match select(&mut feed, workers.next()).await {
                Either::Left((result, _)) => {
                    note(result);
                    fed = true;
                    self.close();
                }
                Either::Right((Some(result), _)) => {
                    note(result);
                    // Without anything remembered, or with nobody to write, more reading is of no use.
                    fed = self.halt.get();
                }
                Either::Right((None, _)) => {
                    note((&mut feed).await);
                    break;
                }
            }
        }
        self.report.borrow_mut().stopped |= self.cycle.stopped();
        first_error.map_or(Ok(()), Err)
    }

    /// A worker that dies of a fault of ours takes nobody with it: its tenant is left alone for a while, loudly.
    async fn worker(&self, target: &TenantName, lanes: &Lanes) -> Result<(), EngineError> {
        // Whoever dies so often is not started again in this run.
        for _ in 0..CRASHES_MAX {
            let work = async { Worker::new(self, target, lanes)?.work().await };
            match caught(work).await {
                Some(result) => return result,
                None => self.crashed(target, lanes)?,
            }
        }
        lanes.dead.set(true);
        lanes.idle.set(true);
        self.changed.notify_one();
        Ok(())
    }

    fn crashed(&self, target: &TenantName, lanes: &Lanes) -> Result<(), EngineError> {
        let why = EngineError::Crashed(target.clone()).to_string();
        tracing::error!(%target, "{why}");
        let (undone, _) = lanes.queue.borrow_mut().clear();
        self.withhold(undone);
        if let Some(tenant) = self.cycle.config.tenants.get(target)
            && let Some(app) = self.app(&Budgets::of(self.cycle.config, tenant).app)
        {
            app.borrow_mut().budget.forsaken(target.as_str(), self.cycle.clock.now());
        }
        // What is not recorded has not happened.
        *self.quarantined.borrow_mut() = quarantined(self.cycle)?;
        // What was under way is an open question now, and looked into before anything is asked again.
        lanes.busy.borrow_mut().clear();
        lanes.asks.borrow_mut().clear();
        lanes.resting.set(true);
        self.whole.borrow_mut().retain(|route| route.target != *target);
        let mut report = self.report.borrow_mut();
        report.unwritten.insert(target.clone(), why.clone());
        report.crashed = true;
        drop(report);
        self.failed_at(target, Door::Writing, &why)
    }
}
