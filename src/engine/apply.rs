//! How do changes reach their targets? One worker a target, each with its own lanes and its own meter.

use std::cell::Cell;
use std::collections::BTreeMap;

use futures_util::future::{Either, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::lanes::{Job, Queue};
use super::recover::{self, Seen};
use super::steps::{self, Step};
use super::{Cycle, EngineError, Event, Report, budgets};
use crate::config::Tenant;
use crate::model::{Action, Change, Outcome, RunId, Selection, TenantName, Tie, Timestamp, Trigger};
use crate::ports::{Clock, DirectoryError, DirectoryWrite, Write, Written};
use crate::quota::{Meter, Permit};
use crate::store::Ask;

/// Writes under way at once in one target. At 20 writes a second and answers within 400 ms this fills the quota; more
/// would only lengthen the tail of unanswered writes after a crash.
const IN_FLIGHT_MAX: usize = 8;

/// Whoever asks us to stop gets the writes that are under way finished, but not for longer than this: service managers
/// and people expect an end within five seconds.
const PATIENCE_SECONDS: u64 = 4;

/// One request under way.
enum Flight {
    Write { job: Job, asked: i64, ask: Ask, write: Write },
    Look { job: Job, asked: i64, ask: Ask, looks: u32 },
}

/// Its end.
pub(super) enum Landing {
    Written { job: Job, asked: i64, ask: Ask, result: Result<Written, DirectoryError> },
    Looked { job: Job, asked: i64, ask: Ask, looks: u32, seen: Result<Seen, DirectoryError> },
}

/// What a worker does next.
enum Next {
    Fly(Box<Flight>),
    Wait(Option<Timestamp>),
    Over,
}

/// One target's worker: how it sends is told here, what it makes of the answers in `answers`.
pub(super) struct Worker<'a, 'b, D, C> {
    pub(super) cycle: &'a Cycle<'b, D, C>,
    pub(super) tenant: &'a Tenant,
    pub(super) directory: &'a D,
    pub(super) selection: Selection,
    pub(super) trigger: Trigger,
    pub(super) run: RunId,
    pub(super) queue: Queue,
    pub(super) writes: Meter,
    pub(super) invitations: Meter,
    pub(super) paused_until: Timestamp,
    /// Faults of writes that left before this belong to one that is counted already.
    pub(super) blip_until: Timestamp,
    pub(super) faults: u32,
    pub(super) denials: u32,
    pub(super) throttles: u32,
    pub(super) given_up: Option<String>,
    /// Until when answers are waited for after the order to stop.
    pub(super) patience: Option<Timestamp>,
    pub(super) tally: Report,
    /// Set by whichever worker cannot remember any more: nobody writes then.
    pub(super) halt: &'a Cell<bool>,
}

impl<D: DirectoryWrite, C: Clock> Cycle<'_, D, C> {
    /// Makes the changes. Targets do not wait for each other.
    pub(super) async fn apply(
        &self,
        changes: Vec<Change>,
        trigger: Trigger,
        run: RunId,
        report: &mut Report,
    ) -> Result<(), EngineError> {
        (self.watch)(Event::Applying { changes: changes.len() });
        let mut by_target: BTreeMap<TenantName, Vec<Change>> = BTreeMap::new();
        for change in changes {
            by_target.entry(change.route.target.clone()).or_default().push(change);
        }
        let halt = Cell::new(false);
        let mut workers = Vec::new();
        for (target, changes) in by_target {
            workers.push(self.worker(&target, changes, trigger, run, &halt)?);
        }
        let mut first_error = None;
        for done in join_all(workers.into_iter().map(Worker::run)).await {
            match done {
                Ok(tally) => report.add(tally),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        report.stopped |= self.stopped();
        first_error.map_or(Ok(()), Err)
    }

    fn worker<'a>(
        &'a self,
        target: &TenantName,
        changes: Vec<Change>,
        trigger: Trigger,
        run: RunId,
        halt: &'a Cell<bool>,
    ) -> Result<Worker<'a, 'a, D, C>, EngineError> {
        let missing = || EngineError::NoSuch(format!("no tenant {target}"));
        let tenant = self.config.tenants.get(target).ok_or_else(missing)?;
        let [writes, invitations] = budgets(tenant);
        let meter = |(name, windows): (String, Vec<_>)| -> Result<Meter, EngineError> {
            let mut meter = Meter::new(&windows);
            meter.remember(self.store.spent(&name)?);
            Ok(meter)
        };
        let mut queue = Queue::default();
        changes.into_iter().for_each(|c| queue.push(Job::new(c, 0)));
        Ok(Worker {
            cycle: self,
            tenant,
            directory: self.door(target)?,
            selection: self.config.selection(target),
            trigger,
            run,
            queue,
            writes: meter(writes)?,
            invitations: meter(invitations)?,
            paused_until: Timestamp(0),
            blip_until: Timestamp(0),
            faults: 0,
            denials: 0,
            throttles: 0,
            given_up: None,
            patience: None,
            tally: Report::default(),
            halt,
        })
    }
}

impl<D: DirectoryWrite, C: Clock> Worker<'_, '_, D, C> {
    async fn run(mut self) -> Result<Report, EngineError> {
        let result = self.work().await;
        if result.is_err() {
            self.halt.set(true);
        }
        if let Some(why) = self.given_up.take() {
            self.tally.unwritten.insert(self.tenant.name.clone(), why);
        }
        result.map(|()| self.tally)
    }

    async fn work(&mut self) -> Result<(), EngineError> {
        let (directory, store, selection) = (self.directory, self.cycle.store, self.selection.clone());
        let mut flying = FuturesUnordered::new();
        let mut stop = self.cycle.stop.clone();
        loop {
            match self.next(flying.len())? {
                Next::Fly(flight) => {
                    flying.push(fly(directory, store, &selection, *flight));
                    continue;
                }
                Next::Over if flying.is_empty() => return Ok(()),
                Next::Over => {
                    let patience = *self.patience.get_or_insert(self.cycle.clock.now().plus_seconds(PATIENCE_SECONDS));
                    let bored = async {
                        if !self.cycle.stopped() {
                            std::future::pending::<()>().await;
                        }
                        self.cycle.clock.sleep_until(patience).await;
                    };
                    match select(flying.next(), std::pin::pin!(bored)).await {
                        Either::Left((Some(landing), _)) => self.land(landing)?,
                        // The questions stay open in the store, and the next run finds out what became of them.
                        Either::Left((None, _)) | Either::Right(_) => return Ok(()),
                    }
                }
                Next::Wait(until) => {
                    let landed = async {
                        match flying.next().await {
                            Some(landing) => landing,
                            None => std::future::pending().await,
                        }
                    };
                    let timer = async {
                        match until {
                            Some(at) => self.cycle.clock.sleep_until(at).await,
                            None => std::future::pending().await,
                        }
                    };
                    let (timer, landed) = (std::pin::pin!(timer), std::pin::pin!(landed));
                    let stopped = std::pin::pin!(super::asked_to_stop(&mut stop));
                    if let Either::Left((landing, _)) = select(landed, select(timer, stopped)).await {
                        self.land(landing)?;
                    }
                }
            }
        }
    }

    fn next(&mut self, flying: usize) -> Result<Next, EngineError> {
        loop {
            let now = self.cycle.clock.now();
            self.queue.wake(now);
            if self.given_up.is_some() || self.cycle.stopped() || self.halt.get() {
                self.tally.waiting += self.queue.drain().len() as u64;
                return Ok(Next::Over);
            }
            if flying >= IN_FLIGHT_MAX {
                return Ok(Next::Wait(None));
            }
            let Some(job) = self.queue.pop() else {
                let due = self.queue.next_due();
                return Ok(if due.is_none() && flying == 0 { Next::Over } else { Next::Wait(due) });
            };
            if let Some((asked, ask, looks)) = job.looking.clone() {
                return Ok(Next::Fly(Box::new(Flight::Look { job, asked, ask, looks })));
            }
            if let Some(until) = self.obstacle(&job, now) {
                self.queue.push_front(job);
                (self.cycle.watch)(Event::Waiting { tenant: &self.tenant.name, until });
                let due = self.queue.next_due();
                return Ok(Next::Wait(Some(due.map_or(until, |d| d.min(until)))));
            }
            if let Some(flight) = self.depart(job, now)? {
                return Ok(Next::Fly(Box::new(flight)));
            }
        }
    }

    /// Until when the job's write may not leave; takes the permits where it may.
    fn obstacle(&mut self, job: &Job, now: Timestamp) -> Option<Timestamp> {
        if !job.writes() {
            return None;
        }
        if self.paused_until > now {
            return Some(self.paused_until);
        }
        let mut looks = vec![self.writes.look(now)];
        if job.invites() {
            looks.push(self.invitations.look(now));
        }
        let until = |permit: &Permit| match permit {
            Permit::Granted => None,
            Permit::WaitUntil(at) => Some(*at),
            // An answer will wake the worker; this is only the longest that it may sleep.
            Permit::WaitForAnswer => Some(now.plus_seconds(1)),
        };
        let wait = looks.iter().filter_map(until).max();
        if wait.is_none() {
            self.writes.ask(now);
            if job.invites() {
                self.invitations.ask(now);
            }
        }
        wait
    }

    /// Commits the question and hands out the request; a step without one is recorded at once.
    fn depart(&mut self, mut job: Job, now: Timestamp) -> Result<Option<Flight>, EngineError> {
        let Some(step) = job.steps.front().cloned() else {
            self.finish(job)?;
            return Ok(None);
        };
        let ask = self.ask(&job, &step, now);
        let before = self.cycle.store.link(&ask.route(), &ask.home.id)?;
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
        let readings = self.cycle.store.reading(&self.tenant.name)?.readings;
        let asked = self.cycle.store.ask(&ask, &steps::asked_link(&ask, before.as_ref(), readings))?;
        Ok(Some(Flight::Write { job, asked, ask, write }))
    }

    fn ask(&self, job: &Job, step: &Step, now: Timestamp) -> Ask {
        let change = &job.change;
        let address = match &step.write {
            Some(Write::Invite(invitation)) => Some(invitation.address.clone()),
            _ => None,
        };
        Ask {
            run: self.run,
            trigger: self.trigger,
            at: now,
            request_id: step.write.as_ref().map(|_| (self.cycle.request_ids)()).unwrap_or_default(),
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
        Flight::Look { job, asked, ask, looks } => {
            let seen = recover::look_for(directory, store, selection, &ask).await;
            Landing::Looked { job, asked, ask, looks, seen }
        }
    }
}
