//! How do changes reach one target? One worker, with its own lanes and its own meters.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::task::Poll;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::bulkheads::Streak;
use super::lanes::{Job, Lane, Lanes};
use super::recover::{self, Seen};
use super::run::{App, Run};
use super::steps::{self, Step};
use super::{Budgets, EngineError, Event};
use crate::config::Tenant;
use crate::model::{Action, Outcome, RouteName, Selection, TenantName, Tie, Timestamp};
use crate::ports::{Clock, DirectoryError, DirectoryWrite, Write, Written};
use crate::quota::{Learned, Meter, Permit};
use crate::store::{Ask, AskKind, Door, RoutePart, Word};

/// The most writes under way at once in one target. At 20 writes a second and answers within 1.2 s this fills the quota;
/// more would only lengthen the tail of unanswered writes after a crash.
const IN_FLIGHT_MAX: u64 = 24;
/// The least: one that is answered late must not stop the others.
const IN_FLIGHT_MIN: u64 = 2;
/// How long an answer is taken to take before there was one: what Graph takes on an ordinary day (guess).
const LATENCY_MILLIS: u64 = 400;
/// Of the latency that is reckoned with, the last answer is one part in so many.
const LATENCY_PARTS: u64 = 8;
/// Jobs that are looked at in one transaction: others want to write, too, and thousands may be planned anew.
const JOBS_A_TURN: usize = 1_000;
/// So many more for leavers, who must not wait until slow answers to others come.
const IN_FLIGHT_LEAVERS: usize = 2;

/// Whoever asks us to stop gets the writes that are under way finished, but not for longer than this: service managers
/// and people expect an end within five seconds.
const PATIENCE_SECONDS: u64 = 4;

/// One request under way.
enum Flight {
    Write { job: Job, asked: i64, ask: Ask, write: Write },
    Look { job: Job, asked: i64, ask: Ask, looks: u32, at: Timestamp },
}

/// Its end.
pub(super) enum Landing {
    Written {
        job: Job,
        asked: i64,
        ask: Ask,
        result: Result<Written, DirectoryError>,
    },
    /// `at`: when it began to look.
    Looked {
        job: Job,
        asked: i64,
        ask: Ask,
        looks: u32,
        at: Timestamp,
        seen: Result<Seen, DirectoryError>,
    },
}

/// What a worker does next.
enum Next {
    Fly(Box<Flight>),
    /// Of this job nothing leaves: it is over, or planned anew.
    Passed,
    Pause(Pause),
}

/// Why nothing more leaves now.
enum Pause {
    Wait(Option<Timestamp>),
    Idle,
    Over,
}

/// One target's worker: how it sends is told here, what it makes of the answers in `answers`.
pub(super) struct Worker<'r, D, C> {
    pub(super) run: &'r Run<'r, D, C>,
    pub(super) lanes: &'r Lanes,
    pub(super) tenant: &'r Tenant,
    pub(super) directory: &'r D,
    pub(super) selection: Selection,
    pub(super) writes: Meter,
    pub(super) invitations: Meter,
    pub(super) app: &'r RefCell<App>,
    /// What others leave of the tenant's windows.
    pub(super) learned: Learned,
    pub(super) learned_invitations: Learned,
    /// The tenant's last word on how full its limits are that was acted on.
    pub(super) heeded: Timestamp,
    pub(super) paused_until: Timestamp,
    /// Faults of writes that left before this belong to one that is counted already.
    pub(super) blip_until: Timestamp,
    /// How long answers take of late.
    latency_millis: u64,
    pub(super) faults: u32,
    pub(super) throttles: u32,
    pub(super) streaks: BTreeMap<(RouteName, RoutePart), Streak>,
    /// Nothing but faults came before: one write at a time, until one succeeds.
    pub(super) probing: bool,
    /// Until when answers are waited for after the order to stop.
    patience: Option<Timestamp>,
}

impl<'r, D: DirectoryWrite, C: Clock> Worker<'r, D, C> {
    pub(super) fn new(run: &'r Run<'r, D, C>, target: &TenantName, lanes: &'r Lanes) -> Result<Self, EngineError> {
        let (cycle, missing) = (run.cycle, || EngineError::NoSuch(format!("no tenant {target}")));
        let tenant = cycle.config.tenants.get(target).ok_or_else(missing)?;
        let budgets = Budgets::of(cycle.config, tenant);
        let meter = |budget: &super::Budget| -> Result<Meter, EngineError> {
            let mut meter = budget.meter(cycle.store, cycle.clock.now())?;
            meter.remember(cycle.clock.now(), budgets.unanswered(budget, cycle.store, target, cycle.clock.now())?);
            Ok(meter)
        };
        let (paused_until, learned) = budgets.writes.throttled(cycle.store, cycle.clock.now())?;
        let (paused_invitations_until, learned_invitations) =
            budgets.invitations.throttled(cycle.store, cycle.clock.now())?;
        Ok(Worker {
            run,
            lanes,
            tenant,
            directory: cycle.door(target)?,
            selection: cycle.config.selection(target),
            writes: meter(&budgets.writes)?,
            invitations: meter(&budgets.invitations)?,
            app: run.app(&budgets.app).ok_or_else(missing)?,
            learned,
            learned_invitations,
            heeded: Timestamp(0),
            paused_until: paused_until.max(paused_invitations_until),
            blip_until: Timestamp(0),
            latency_millis: LATENCY_MILLIS,
            faults: 0,
            throttles: 0,
            streaks: BTreeMap::new(),
            probing: cycle.store.breaker(target, Door::Writing)?.is_some(),
            patience: None,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.run.cycle.clock.now()
    }

    pub(super) async fn work(&mut self) -> Result<(), EngineError> {
        let (directory, store, selection) = (self.directory, self.run.cycle.store, self.selection.clone());
        let (mut flying, mut landed) = (FuturesUnordered::new(), Vec::new());
        let mut stop = self.run.cycle.stop.clone();
        loop {
            let (flights, pause) = self.turn(std::mem::take(&mut landed), flying.len())?;
            // Nothing leaves before it is polled, and so before what was asked is committed.
            flying.extend(flights.into_iter().map(|flight| fly(directory, store, &selection, flight)));
            // Answers may be there at once; others want their turn all the same.
            tokio::task::coop::consume_budget().await;
            match pause {
                Pause::Idle => {
                    self.lanes.idle.set(true);
                    self.run.changed.notify_one();
                    if self.run.over.get() {
                        return Ok(());
                    }
                    let stopped = std::pin::pin!(super::asked_to_stop(&mut stop));
                    select(std::pin::pin!(self.lanes.woken.notified()), stopped).await;
                }
                Pause::Over if flying.is_empty() => {
                    self.lanes.idle.set(true);
                    self.run.changed.notify_one();
                    return Ok(());
                }
                Pause::Over => {
                    let patience = *self.patience.get_or_insert(self.now().plus_seconds(PATIENCE_SECONDS));
                    let bored = async {
                        if !self.run.cycle.stopped() {
                            std::future::pending::<()>().await;
                        }
                        self.run.cycle.clock.sleep_until(patience).await;
                    };
                    match select(std::pin::pin!(landings(&mut flying)), std::pin::pin!(bored)).await {
                        Either::Left((landings, _)) => landed = landings,
                        // The questions stay open in the store, and the next run finds out what became of them.
                        Either::Right(_) => return Ok(()),
                    }
                }
                Pause::Wait(until) => {
                    let others = async {
                        let timer = async {
                            match until {
                                Some(at) => self.run.cycle.clock.sleep_until(at).await,
                                None => std::future::pending().await,
                            }
                        };
                        let stopped = std::pin::pin!(super::asked_to_stop(&mut stop));
                        let woken = std::pin::pin!(self.lanes.woken.notified());
                        select(std::pin::pin!(timer), select(stopped, woken)).await;
                    };
                    let landings = std::pin::pin!(landings(&mut flying));
                    if let Either::Left((landings, _)) = select(landings, std::pin::pin!(others)).await {
                        landed = landings;
                    }
                }
            }
        }
    }

    /// What the answers teach, and what leaves next, in one commit, however many there are: a disk may well be slower than a
    /// quota. Where it fails, it is as if the process had died before: the questions are open, and looked into.
    fn turn(&mut self, landed: Vec<Landing>, flying: usize) -> Result<(Vec<Flight>, Pause), EngineError> {
        let (store, now) = (self.run.cycle.store, self.now());
        self.lanes.queue.borrow_mut().wake(now);
        let is_quiet = landed.is_empty() && self.lanes.queue.borrow().first_lane().is_none();
        let all = || {
            landed.into_iter().try_for_each(|landing| self.land(landing))?;
            let mut flights = Vec::new();
            for _ in 0..JOBS_A_TURN {
                match self.next(flying + flights.len())? {
                    Next::Fly(flight) => flights.push(*flight),
                    Next::Passed => {}
                    Next::Pause(pause) => return Ok((flights, pause)),
                }
            }
            Ok((flights, Pause::Wait(Some(now))))
        };
        if is_quiet { all() } else { store.in_one_commit(all) }
    }

    /// Looks at the job whose turn it is.
    fn next(&mut self, flying: usize) -> Result<Next, EngineError> {
        let now = self.now();
        if self.run.cycle.stopped() || self.run.halt.get() {
            self.leave_the_rest();
            return Ok(Next::Pause(Pause::Over));
        }
        if self.lanes.resting.get() {
            self.leave_the_rest();
            return Ok(Next::Pause(if flying == 0 { Pause::Idle } else { Pause::Wait(None) }));
        }
        let mut queue = self.lanes.queue.borrow_mut();
        queue.wake(now);
        if flying >= self.room(queue.first_lane(), now) {
            return Ok(Next::Pause(Pause::Wait(None)));
        }
        let Some(job) = queue.pop()? else {
            let due = queue.next_due();
            let is_idle = due.is_none() && flying == 0;
            return Ok(Next::Pause(if is_idle { Pause::Idle } else { Pause::Wait(due) }));
        };
        drop(queue);
        if let Some((asked, ask, looks)) = job.looking.clone() {
            return Ok(Next::Fly(Box::new(Flight::Look { job, asked, ask, looks, at: now })));
        }
        let word = self.run.cycle.store.word_on(&job.change.route, &job.change.home.id)?;
        match word {
            _ if job.failed.is_some() || self.run.cycle.focus.undo.is_some() => {}
            Word::Stands => {}
            Word::News => {
                self.reconsider(job)?;
                return Ok(Next::Passed);
            }
            Word::Withdrawn => {
                self.lanes.queue.borrow_mut().over(&job);
                return Ok(Next::Passed);
            }
        }
        if let Some(until) = self.obstacle(&job, now) {
            let mut queue = self.lanes.queue.borrow_mut();
            queue.push_front(job);
            (self.run.cycle.watch)(Event::Waiting { tenant: &self.tenant.name, until });
            let due = queue.next_due();
            return Ok(Next::Pause(Pause::Wait(Some(due.map_or(until, |d| d.min(until))))));
        }
        Ok(self.depart(job, now)?.map_or(Next::Passed, |flight| Next::Fly(Box::new(flight))))
    }

    /// What waits is left to the next plan: it is made anew from what is known then.
    pub(super) fn leave_the_rest(&mut self) {
        let (undone, questions) = self.lanes.queue.borrow_mut().clear();
        self.run.withhold(undone);
        for (asked, whose) in questions {
            self.lanes.asks.borrow_mut().remove(&asked);
            self.lanes.busy.borrow_mut().remove(&whose);
        }
    }

    /// How many writes may be under way: what the quota's rate needs at the latency seen, and as much again to catch up
    /// with. Whatever is under way when a limit is met is refused with it, so that it shall not be more; where others use
    /// the quota too and the limit is bound to be met, there is no catching up.
    fn room(&mut self, lane: Option<Lane>, now: Timestamp) -> usize {
        if self.probing {
            return 1;
        }
        let squeezed = self.learned.most(now);
        let window = self.learned.window();
        let most = u64::from(squeezed.unwrap_or(window.writes_max.saturating_mul(2)));
        let needed = most.saturating_mul(self.latency_millis).div_ceil(window.millis.max(1));
        let room = usize::try_from(needed.clamp(IN_FLIGHT_MIN, IN_FLIGHT_MAX)).unwrap_or(1);
        if lane == Some(Lane::Leavers) { room + IN_FLIGHT_LEAVERS } else { room }
    }

    /// An answer came after so long.
    pub(super) fn note_latency(&mut self, asked_at: Timestamp) {
        let last = self.now().millis_since(asked_at);
        self.latency_millis = (self.latency_millis * (LATENCY_PARTS - 1) + last) / LATENCY_PARTS;
    }

    /// Until when the job's write may not leave; takes the permits where it may.
    fn obstacle(&mut self, job: &Job, now: Timestamp) -> Option<Timestamp> {
        if !job.writes() {
            return None;
        }
        let (urgency, tenant) = (job.lane().urgency(), self.tenant.name.as_str());
        let mut app = self.app.borrow_mut();
        let pause = self.paused_until.max(app.paused_until);
        if pause > now {
            return Some(pause);
        }
        self.writes.squeeze(self.learned.most(now));
        self.invitations.squeeze(self.learned_invitations.most(now));
        let mut looks = vec![self.writes.look(now, urgency)];
        if job.invites() {
            looks.push(self.invitations.look(now, urgency));
        }
        if looks.iter().all(|permit| *permit == Permit::Granted) {
            let most = app.learned.most(now);
            app.budget.meter().squeeze(most);
            looks.push(app.budget.look(tenant, now, urgency));
        }
        let until = |permit: &Permit| match permit {
            Permit::Granted => None,
            Permit::WaitUntil(at) => Some(*at),
            // An answer will wake the worker; this is only the longest that it may sleep.
            Permit::WaitForAnswer => Some(now.plus_seconds(1)),
        };
        let wait = looks.iter().filter_map(until).max();
        if wait.is_none() {
            self.writes.ask(now, urgency);
            app.budget.take(tenant, now);
            if job.invites() {
                self.invitations.ask(now, urgency);
            }
        }
        wait
    }

    /// Permits that were taken for a write that does not leave: it is charged all the same, which is the safe side.
    fn give_back(&mut self, kind: AskKind, now: Timestamp) {
        self.writes.answered(now);
        self.app.borrow_mut().budget.answered(self.tenant.name.as_str(), now);
        if kind == AskKind::Invite {
            self.invitations.answered(now);
        }
    }

    /// Keeps the question and hands out the request, which leaves after the commit; a step without one is recorded at once.
    fn depart(&mut self, mut job: Job, now: Timestamp) -> Result<Option<Flight>, EngineError> {
        let Some(step) = job.steps.front().cloned() else {
            self.finish(job)?;
            return Ok(None);
        };
        let (ask, store) = (self.ask(&job, &step, now), self.run.cycle.store);
        let before = store.link(&ask.route(), &ask.home.id)?;
        if ask.kind == AskKind::Invite && before.as_ref().is_some_and(|l| l.account().is_some()) {
            // Whoever has an account is not invited, whatever was planned.
            self.give_back(ask.kind, now);
            self.reconsider(job)?;
            return Ok(None);
        }
        let Some(write) = step.write else {
            let link = steps::applied_link(&ask, before.as_ref(), ask.account.as_ref(), now);
            self.record(None, ask, Outcome::Applied, None, None, link)?;
            job.steps.pop_front();
            self.go_on(job)?;
            return Ok(None);
        };
        job.asked_before = before.as_ref().and_then(|l| match &l.tie {
            Tie::Asked(asked) => Some(asked.clone()),
            Tie::Known { .. } => None,
        });
        job.begun.get_or_insert(now);
        self.lanes.touched.borrow_mut().insert(job.whose());
        let readings = store.reading(&self.tenant.name)?.readings;
        let asked = store.ask(&ask, &steps::asked_link(&ask, before.as_ref(), readings))?;
        self.lanes.busy.borrow_mut().insert(job.whose(), job.change.clone());
        self.lanes.asks.borrow_mut().insert(asked);
        Ok(Some(Flight::Write { job, asked, ask, write }))
    }

    fn ask(&self, job: &Job, step: &Step, now: Timestamp) -> Ask {
        let change = &job.change;
        let address = match &step.write {
            Some(Write::Invite(invitation)) => Some(invitation.address.clone()),
            _ => None,
        };
        Ask {
            run: self.run.id,
            trigger: self.run.trigger,
            at: now,
            request_id: step.write.as_ref().map(|_| (self.run.cycle.request_ids)()).unwrap_or_default(),
            home_tenant: change.route.home.to_string(),
            target_tenant: change.route.target.to_string(),
            home: change.home.clone(),
            rules: change.rules.clone(),
            action: change.action.kind(),
            kind: step.kind(),
            account: change.action.account().cloned(),
            origin: match &change.action {
                Action::Join { origin, .. } => Some(*origin),
                _ => None,
            },
            address,
            edits: steps::shown(change, step),
            redacted: change.redacted.clone(),
            why: change.why.to_string(),
        }
    }
}

/// The answers that are there, once there is one.
async fn landings<F: Future<Output = Landing>>(flying: &mut FuturesUnordered<F>) -> Vec<Landing> {
    poll_fn(|context| {
        let mut landings = Vec::new();
        while let Poll::Ready(Some(landing)) = flying.poll_next_unpin(context) {
            landings.push(landing);
        }
        if landings.is_empty() { Poll::Pending } else { Poll::Ready(landings) }
    })
    .await
}

async fn fly<D: DirectoryWrite>(
    directory: &D,
    store: &crate::store::Store,
    selection: &Selection,
    flight: Flight,
) -> Landing {
    match flight {
        Flight::Write { job, asked, ask, write } => {
            let result = directory.write(&ask.request_id, &write).await;
            Landing::Written { job, asked, ask, result }
        }
        Flight::Look { job, asked, ask, looks, at } => {
            let seen = recover::look_for(directory, store, selection, &ask).await;
            Landing::Looked { job, asked, ask, looks, at, seen }
        }
    }
}
