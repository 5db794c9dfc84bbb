//! Who waits for whom? A route waits for its own two tenants, and for no other.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::draft::Drafting;
use super::follow::ROUNDS_MAX;
use super::lanes;
use super::observe::{Ended, Meanwhile};
use super::queue::{self, Ticket};
use super::run::{Run, caught};
use super::schedule::Tick;
use super::{Cycle, Drafted, EngineError, Event, Readings, Report};
use crate::model::{ActionKind, RouteName, RunId, TenantName, Timestamp, Trigger};
use crate::plan::{self, People};
use crate::ports::{Clock, DirectoryWrite};
use crate::store::{Door, RoutePart, StoreError};

/// Tenants that are read within so many milliseconds of each other are planned together: one plan sees more than two, and
/// an idle reading takes less. Whoever takes longer is waited for by its own routes only.
const TOGETHER_MILLIS: u64 = 500;

/// So many changes of a quarantined route are let through at a time. One might be of a person who is refused for reasons
/// of their own.
const PROBES: usize = 3;

/// So long does the guard count together what it lets through within one run.
const COUNTED_SECONDS: u64 = 3_600;

/// What the feeder waited for.
enum Happened {
    Read(Ended),
    Staged(BTreeSet<TenantName>, Result<(), EngineError>),
    Followed(TenantName, Result<bool, EngineError>),
    Time,
    Changed,
    Stopped,
}

/// How far the readings and plans of a run have come.
struct Feeder<'f, D, C> {
    run: &'f Run<'f, D, C>,
    readings: Readings,
    reading: FuturesUnordered<LocalBoxFuture<'f, Ended>>,
    /// Tenants that are being read.
    under_way: BTreeSet<TenantName>,
    /// Routes that wait for their plan, and for which of their two tenants: each has to be read to its end once since. Where
    /// readings take longer than the schedule's pauses, one side may be read again already when the other one ends.
    open: BTreeMap<RouteName, BTreeSet<TenantName>>,
    working: FuturesUnordered<LocalBoxFuture<'f, Happened>>,
    /// Targets for which a plan is being made.
    planning: BTreeSet<TenantName>,
    /// Rounds of following up that each target may still have.
    rounds: BTreeMap<TenantName, u32>,
    together_until: Option<Timestamp>,
}

impl<D: DirectoryWrite, C: Clock> Cycle<'_, D, C> {
    /// One cycle. `approved`: the digest of a plan that may pass the guard; that plan is then waited for as a whole.
    ///
    /// # Errors
    /// The store's: from then on nothing is written any more, and what is known is kept.
    pub async fn sync(&self, trigger: Trigger, run: RunId, approved: Option<&str>) -> Result<Report, EngineError> {
        self.one_run(Run::new(self, trigger, run, false)?, approved).await
    }

    /// One cycle of a schedule. While its lanes drain the schedule goes on: each time it comes due the tenants of the
    /// routes that are due are read again, and what is new goes into the lanes, leavers first.
    ///
    /// # Errors
    /// As [`Cycle::sync`].
    pub async fn keep(&self, run: RunId) -> Result<Report, EngineError> {
        self.one_run(Run::new(self, Trigger::Schedule, run, true)?, None).await
    }

    async fn one_run(&self, run: Run<'_, D, C>, approved: Option<&str>) -> Result<Report, EngineError> {
        self.store.forget_claims()?;
        run.say_what_has_no_route()?;
        run.through(Feeder::new(&run).feed(approved)).await?;
        if run.polls && run.report.borrow().stopped {
            self.due_again(&(&self.route_names() | &*run.polled.borrow()))?;
        }
        let mut report = run.report.into_inner();
        if report.drafted.digest.is_empty() && !run.polls {
            report.drafted.seal_refused()?;
        }
        if !report.stopped {
            self.must_be_known(report.drafted.user_known)?;
        }
        report.waiting += report.withheld.values().sum::<u64>();
        Ok(report)
    }
}

impl<'f, D: DirectoryWrite, C: Clock> Feeder<'f, D, C> {
    fn new(run: &'f Run<'f, D, C>) -> Self {
        Self {
            run,
            readings: Readings::default(),
            reading: FuturesUnordered::new(),
            under_way: BTreeSet::new(),
            open: run.cycle.route_names().iter().map(waiting).collect(),
            working: FuturesUnordered::new(),
            planning: BTreeSet::new(),
            rounds: BTreeMap::new(),
            together_until: None,
        }
    }

    async fn feed(mut self, approved: Option<&'f str>) -> Result<(), EngineError> {
        self.read(self.run.cycle.tenants())?;
        loop {
            for route in std::mem::take(&mut *self.run.again.borrow_mut()) {
                self.open.entry(route).or_default();
            }
            self.plan_what_is_ready(approved);
            self.plan_ahead(approved)?;
            self.follow_where_idle();
            let tick = if self.run.polls { self.run.cycle.next_tick()? } else { None };
            if self.run.cycle.stopped() || self.is_over() {
                break;
            }
            match self.next(tick.as_ref().map(|tick| tick.at)).await {
                Happened::Read(ended) => self.note(ended)?,
                Happened::Staged(targets, result) => {
                    result?;
                    self.planning.retain(|target| !targets.contains(target));
                }
                Happened::Followed(target, filled) => {
                    let filled = filled?;
                    self.planning.remove(&target);
                    let left = self.rounds.entry(target).or_default();
                    *left = if filled { left.saturating_sub(1) } else { 0 };
                }
                Happened::Time => {
                    if let Some(tick) = tick.filter(|tick| tick.at <= self.run.cycle.clock.now()) {
                        self.poll(tick)?;
                    }
                }
                Happened::Changed => {}
                Happened::Stopped => break,
            }
        }
        self.run.report.borrow_mut().drafted.readings = self.readings;
        Ok(())
    }

    async fn next(&mut self, tick: Option<Timestamp>) -> Happened {
        let clock = self.run.cycle.clock;
        let mut stop = self.run.cycle.stop.clone();
        let until = self.together_until.into_iter().chain(tick).min();
        let timer = async {
            match until {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = super::asked_to_stop(&mut stop) => Happened::Stopped,
            Some(ended) = self.reading.next() => Happened::Read(ended),
            Some(happened) = self.working.next() => happened,
            () = self.run.changed.notified() => Happened::Changed,
            () = timer => Happened::Time,
        }
    }

    /// Nothing is read, planned, written, or could follow.
    fn is_over(&self) -> bool {
        self.reading.is_empty() && self.open.is_empty() && self.working.is_empty() && self.run.is_idle()
    }

    /// The schedule has come due while the lanes drain.
    fn poll(&mut self, Tick { routes, .. }: Tick) -> Result<(), EngineError> {
        let cycle = self.run.cycle;
        cycle.ticked(&routes)?;
        tracing::debug!(routes = routes.len(), "the schedule came due: reading again while the lanes drain");
        for route in &routes {
            let idle = self.run.lanes.get(&route.target).is_some_and(|lanes| lanes.idle.get());
            if idle && !self.planning.contains(&route.target) {
                // Nothing waits there: a whole plan costs nothing, and looks again at whoever is held.
                self.run.whole.borrow_mut().remove(route);
            }
            self.run.count_anew(route, idle);
        }
        let tenants = routes.iter().flat_map(|r| [r.home.clone(), r.target.clone()]);
        let tenants = tenants.filter(|t| !self.under_way.contains(t)).collect();
        self.run.polled.borrow_mut().extend(routes.iter().cloned());
        for (route, sides) in routes.iter().map(waiting) {
            self.open.entry(route).or_insert(sides);
        }
        self.read(tenants)?;
        (cycle.watch)(Event::Progress(&self.run.report.borrow()));
        Ok(())
    }

    fn read(&mut self, tenants: BTreeSet<TenantName>) -> Result<(), EngineError> {
        for tenant in tenants {
            if let Some(why) = self.run.left_alone(&tenant, Door::Reading)? {
                self.readings.unread.insert(tenant.clone(), why);
                self.has_ended(&tenant);
                continue;
            }
            self.under_way.insert(tenant.clone());
            let run = self.run;
            let first = run.is_first_reading(&tenant)?;
            self.reading.push(Box::pin(async move {
                let (under_way, paged) = (|| run.under_way(&tenant), |items| run.paged(&tenant, items));
                let paged: Option<&dyn Fn(usize)> = if first { Some(&paged) } else { None };
                let meanwhile = Meanwhile { lanes: run.lanes.get(&tenant), paged };
                let read = run.cycle.read_and_recover(&tenant, meanwhile, under_way);
                caught(read).await.unwrap_or_else(|| Ended::crashed(tenant.clone()))
            }));
        }
        Ok(())
    }

    fn note(&mut self, ended: Ended) -> Result<(), EngineError> {
        let tenant = ended.tenant.clone();
        self.under_way.remove(&tenant);
        if let Err(error @ EngineError::Crashed(_)) = &ended.result {
            tracing::error!(%tenant, "{error}");
            self.run.report.borrow_mut().crashed = true;
        }
        // What the last reading came to holds until this one has ended.
        self.readings.forget(&tenant);
        self.run.cycle.note(ended, &mut self.readings)?;
        self.has_ended(&tenant);
        match self.readings.unread.get(&tenant) {
            Some(why) => self.run.failed_at(&tenant, Door::Reading, why),
            None => self.run.worked_at(&tenant, Door::Reading),
        }
    }

    fn has_ended(&mut self, tenant: &TenantName) {
        for sides in self.open.values_mut() {
            sides.remove(tenant);
        }
    }

    /// Begins the plans of routes whose two tenants have both been read, or could not be: those into one target together.
    fn plan_what_is_ready(&mut self, approved: Option<&'f str>) {
        let read = self.open.iter().filter(|(_, sides)| sides.is_empty()).map(|(route, _)| route);
        let ready: BTreeSet<RouteName> = read.filter(|r| !self.planning.contains(&r.target)).cloned().collect();
        if ready.is_empty() || (approved.is_some() && ready.len() < self.open.len()) {
            self.together_until = None;
            return;
        }
        let now = self.run.cycle.clock.now();
        if !self.reading.is_empty() && *self.together_until.get_or_insert(now.plus_millis(TOGETHER_MILLIS)) > now {
            return;
        }
        self.together_until = None;
        let mut stages: BTreeMap<Option<TenantName>, BTreeSet<RouteName>> = BTreeMap::new();
        for route in ready {
            self.open.remove(&route);
            // What is approved is the plan as a whole.
            let target = route.target.clone();
            stages.entry(approved.is_none().then_some(target)).or_default().insert(route);
        }
        for routes in stages.into_values() {
            let targets: BTreeSet<TenantName> = routes.iter().map(|r| r.target.clone()).collect();
            self.planning.extend(targets.iter().cloned());
            self.rounds.extend(targets.iter().map(|t| (t.clone(), ROUNDS_MAX)));
            let (run, readings) = (self.run, self.readings.clone());
            self.working.push(Box::pin(async move {
                let staged = caught(run.stage(readings, &routes, approved)).await;
                let crashed = || routes.first().map_or(Ok(()), |route| Err(EngineError::Crashed(route.target.clone())));
                Happened::Staged(targets, staged.unwrap_or_else(crashed))
            }));
        }
    }

    /// Begins plans of people whom a first reading has told of so far. What is approved is the plan as a whole.
    fn plan_ahead(&mut self, approved: Option<&str>) -> Result<(), EngineError> {
        for (route, sides) in self.open.iter().filter(|_| approved.is_none()) {
            let only_home = sides.iter().eq([&route.home]) && self.under_way.contains(&route.home);
            let ready = only_home && !self.readings.unread.contains_key(&route.target);
            if ready && !self.planning.contains(&route.target) && self.run.may_go_ahead(route)? {
                self.planning.insert(route.target.clone());
                let (run, route) = (self.run, route.clone());
                self.working.push(Box::pin(async move {
                    let done = caught(run.go_ahead(&route)).await;
                    let crashed = || Err(EngineError::Crashed(route.target.clone()));
                    Happened::Staged([route.target.clone()].into(), done.unwrap_or_else(crashed))
                }));
            }
        }
        Ok(())
    }

    /// What follows from the changes that were made: references to accounts that came to be.
    fn follow_where_idle(&mut self) {
        for (target, lanes) in &self.run.lanes {
            let may = self.rounds.get(target).is_some_and(|left| *left > 0);
            if may && lanes.idle.get() && !lanes.resting.get() && self.planning.insert(target.clone()) {
                let (run, readings) = (self.run, self.readings.clone());
                self.working.push(Box::pin(async move {
                    let followed = caught(run.follow_up(target, readings)).await;
                    Happened::Followed(
                        target.clone(),
                        followed.unwrap_or_else(|| Err(EngineError::Crashed(target.clone()))),
                    )
                }));
            }
        }
    }
}

/// A route waits for both of its tenants.
fn waiting(route: &RouteName) -> (RouteName, BTreeSet<TenantName>) {
    (route.clone(), [route.home.clone(), route.target.clone()].into())
}

impl<D: DirectoryWrite, C: Clock> Run<'_, D, C> {
    /// Plans, guards, and fills the lanes, for these routes and on what was read.
    async fn stage(
        &self,
        readings: Readings,
        only: &BTreeSet<RouteName>,
        approved: Option<&str>,
    ) -> Result<(), EngineError> {
        let cycle = self.cycle;
        let news_of: BTreeSet<RouteName> = self.whole.borrow().intersection(only).cloned().collect();
        let known = news_of.clone();
        let around = Some((&self.lanes, &self.let_through));
        only.iter().filter_map(|r| self.lanes.get(&r.target)).for_each(|lanes| lanes.touched.borrow_mut().clear());
        let drafting = Drafting { only, news_of, around, tells: true, shelf: cycle.store.shelf() };
        let mut drafted = match cycle.focus.undo {
            Some(_) => cycle.draft_undo(readings, &drafting)?,
            None => cycle.draft(readings, drafting).await?,
        };
        self.keep_to_the_saved(&mut drafted, only)?;
        self.heed_the_approval(&mut drafted, approved)?;
        let refused: BTreeSet<RouteName> = drafted.refusals.iter().map(|r| r.route.clone()).collect();
        for route in &refused {
            self.stop_route(route);
        }
        self.note_the_guard(&drafted)?;
        for refusal in &drafted.refusals {
            (cycle.watch)(Event::Notice(&super::Notice::RouteRefused(refusal.clone())));
        }
        let passed: Vec<&plan::RoutePlan> =
            drafted.plan.routes.iter().filter(|r| !refused.contains(&r.route)).collect();
        let worked_with = passed.iter().filter(|r| cycle.focus.saved.is_none() || !r.changes.is_empty());
        if cycle.focus.undo.is_none() {
            cycle.remember_rules(worked_with.map(|r| &r.route))?;
        }
        cycle.remember_sizes(passed.iter().filter(|_| cycle.focus.takes_whole_routes()).map(|r| &r.route))?;
        let mut admitted: BTreeMap<TenantName, Vec<Ticket>> = BTreeMap::new();
        for plan in drafted.plan.routes.iter_mut().filter(|r| !refused.contains(&r.route)) {
            self.whole.borrow_mut().insert(plan.route.clone());
            let (guarded, tickets) = self.admit(plan, known.contains(&plan.route))?;
            self.count(&plan.route, guarded, &tickets);
            let tickets = self.one_at_a_time(tickets);
            // Of a million there shall be no second list.
            match admitted.entry(plan.route.target.clone()).or_default() {
                all if all.is_empty() => *all = tickets,
                all => all.extend(tickets),
            }
        }
        (cycle.watch)(Event::Applying { changes: admitted.values().map(Vec::len).sum() });
        self.absorb(only, drafted)?;
        for (target, tickets) in admitted {
            self.fill(&target, tickets);
        }
        Ok(())
    }

    /// What the guard says of each route, for `status`. Of one person's changes alone it says nothing of the route.
    fn note_the_guard(&self, drafted: &Drafted) -> Result<(), EngineError> {
        let (store, now) = (self.cycle.store, self.cycle.clock.now());
        for plan in drafted.plan.routes.iter().filter(|_| self.cycle.focus.takes_whole_routes()) {
            let why = drafted.refusals.iter().filter(|refusal| refusal.route == plan.route);
            let why: Vec<String> = why.map(ToString::to_string).collect();
            store.guarded(&plan.route, &why, now)?;
        }
        Ok(())
    }

    /// The guard counts whom it lets through for an hour, so that many small steps of one run are one large one: a backlog
    /// that takes longer does not make it refuse what separate cycles would do. Where nothing waits each plan stands alone.
    fn count_anew(&self, route: &RouteName, idle: bool) {
        let now = self.cycle.clock.now();
        let since = self.counted_since.borrow().get(route).copied();
        if idle || since.is_some_and(|since| now.seconds_since(since) >= COUNTED_SECONDS) {
            self.let_through.borrow_mut().remove(route);
            self.counted_since.borrow_mut().remove(route);
        }
    }

    fn count(&self, route: &RouteName, guarded: People, admitted: &[Ticket]) {
        let homes: BTreeSet<_> = admitted.iter().map(Ticket::home).collect();
        let mut all = self.let_through.borrow_mut();
        let people = all.entry(route.clone()).or_default();
        for (what, new) in guarded {
            people.entry(what).or_default().extend(new.into_iter().filter(|home| homes.contains(home)));
        }
        let now = self.cycle.clock.now();
        self.counted_since.borrow_mut().entry(route.clone()).or_insert(now);
    }

    /// The guard has refused it: what waits of it is not made either.
    fn stop_route(&self, route: &RouteName) {
        self.whole.borrow_mut().remove(route);
        if let Some(lanes) = self.lanes.get(&route.target) {
            lanes.queue.borrow_mut().leave_route(route, None);
        }
    }

    /// A quarantined part of which a whole plan has nothing to write any more has nobody who could be refused.
    fn forgive_where_nothing_is_left(&self, plan: &plan::RoutePlan) -> Result<(), EngineError> {
        for part in [RoutePart::Leavers, RoutePart::Others] {
            if !ActionKind::ALL.iter().any(|kind| lanes::part(*kind) == part && plan.changes.count(*kind) > 0) {
                self.route_works(&plan.route, part)?;
            }
        }
        Ok(())
    }

    /// Those changes of a plan that may be tried now: not those of whoever is put off, and of a quarantined part a few, to
    /// see whether it works again: of people who have not failed before, where there are any. The plan has none of them any
    /// more. Beside them everybody who is not put off, by what the guard counts them as.
    fn admit(&self, plan: &mut plan::RoutePlan, only_news: bool) -> Result<(People, Vec<Ticket>), EngineError> {
        if !only_news && self.cycle.focus.takes_whole_routes() {
            self.forgive_where_nothing_is_left(plan)?;
        }
        let route = &plan.route;
        let whole = |part| (route.clone(), part);
        let mut report = self.report.borrow_mut();
        if !only_news {
            report.withheld.retain(|(r, _), _| r != route);
        }
        let left_alone = self.left_alone(&route.target, Door::Writing)?;
        let (mut put_off, mut guarded) = (0, People::new());
        let mut tickets = queue::tickets(plan.changes.taken(), |due| {
            let is_put_off = self.is_put_off(route, &due.change.home.id)?;
            put_off += u64::from(is_put_off);
            if !is_put_off {
                plan::count_in(due, &mut guarded);
            }
            Ok::<_, EngineError>(!is_put_off)
        })?;
        if !only_news {
            report.postponed.insert(route.clone(), put_off);
        }
        let mut parts: BTreeMap<RoutePart, u64> = BTreeMap::new();
        tickets.iter().for_each(|ticket| *parts.entry(ticket.part()).or_default() += 1);
        for (part, many) in parts {
            if let Some(why) = &left_alone {
                report.unwritten.insert(route.target.clone(), why.clone());
                report.withheld.insert(whole(part), many);
                tickets.retain(|ticket| ticket.part() != part);
                self.whole.borrow_mut().remove(route);
            } else if let Some((may_probe, reason)) = self.may_probe(route, part)? {
                report.quarantined.insert(whole(part), reason);
                let probes = if may_probe { PROBES } else { 0 };
                report.withheld.insert(whole(part), many.saturating_sub(probes as u64));
                self.leave_probes(&mut tickets, part, probes)?;
                self.whole.borrow_mut().remove(route);
            }
        }
        Ok((guarded, tickets))
    }

    /// Of this part only so many: those who have failed least.
    fn leave_probes(&self, tickets: &mut Vec<Ticket>, part: RoutePart, probes: usize) -> Result<(), StoreError> {
        let of_part = tickets.iter().enumerate().filter(|(_, ticket)| ticket.part() == part);
        let tries = of_part.map(|(n, ticket)| Ok((self.cycle.store.tries(ticket.route(), ticket.home())?, n)));
        let mut tries: Vec<(u32, usize)> = tries.collect::<Result<_, StoreError>>()?;
        tries.sort_unstable();
        let stay: BTreeSet<usize> = tries.into_iter().take(probes).map(|(_, n)| n).collect();
        let mut numbers = 0..;
        tickets.retain(|ticket| {
            let number = numbers.next();
            ticket.part() != part || number.is_some_and(|number| stay.contains(&number))
        });
        Ok(())
    }
}
