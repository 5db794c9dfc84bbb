//! How do changes reach their targets? One worker a target, each with its own lanes and its own meter.

use std::cell::Cell;
use std::collections::BTreeMap;

use futures_util::future::{Either, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::follow::GENERATIONS_MAX;
use super::lanes::{Job, Queue};
use super::recover::{self, Seen, charged};
use super::retry::{self, DENIALS_MAX, FAULTS_MAX, LOOKS_MAX, THROTTLES_MAX, TRIES_MAX};
use super::steps::{self, Step};
use super::{Cycle, EngineError, Event, Failure, Report, budgets};
use crate::config::Tenant;
use crate::model::{
    Change, DeltaItem, ObjectId, Outcome, Presence, RunId, Selection, Standing, TenantName, Timestamp, Trigger,
    WriteError,
};
use crate::ports::{Clock, DirectoryError, DirectoryWrite, Retry, Write, Written};
use crate::quota::{Meter, Permit};
use crate::store::{Ask, AskKind, LAG_ALLOWANCE_SECONDS, LinkChange, Record};

/// Writes under way at once in one target. At 20 writes a second and answers within 400 ms this fills the quota; more
/// would only lengthen the tail of unanswered writes after a crash.
const IN_FLIGHT_MAX: usize = 8;

/// One request under way.
enum Flight {
    Write { job: Job, asked: i64, ask: Ask, write: Write },
    Look { job: Job, asked: i64, ask: Ask, looks: u32 },
}

/// Its end.
enum Landing {
    Written { job: Job, asked: i64, ask: Ask, result: Result<Written, DirectoryError> },
    Looked { job: Job, asked: i64, ask: Ask, looks: u32, seen: Result<Seen, DirectoryError> },
}

/// What a worker does next.
enum Next {
    Fly(Box<Flight>),
    Wait(Option<Timestamp>),
    Over,
}

struct Worker<'a, 'b, D, C> {
    cycle: &'a Cycle<'b, D, C>,
    tenant: &'a Tenant,
    directory: &'a D,
    selection: Selection,
    trigger: Trigger,
    run: RunId,
    queue: Queue,
    writes: Meter,
    invitations: Meter,
    paused_until: Timestamp,
    faults: u32,
    denials: u32,
    throttles: u32,
    given_up: Option<String>,
    tally: Report,
    /// Set by whichever worker cannot remember any more: nobody writes then.
    halt: &'a Cell<bool>,
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
                Ok(tally) => merge(report, tally),
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
            faults: 0,
            denials: 0,
            throttles: 0,
            given_up: None,
            tally: Report::default(),
            halt,
        })
    }
}

fn merge(report: &mut Report, tally: Report) {
    for (key, n) in tally.applied {
        *report.applied.entry(key).or_insert(0) += n;
    }
    report.failed.extend(tally.failed);
    report.unwritten.extend(tally.unwritten);
    report.waiting += tally.waiting;
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
                    if let Some(landing) = flying.next().await {
                        self.land(landing)?;
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
                self.tally.waiting += self.leave_for_later()?;
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
            address,
            edits: steps::shown(change, step),
            why: change.why.to_string(),
        }
    }

    fn land(&mut self, landing: Landing) -> Result<(), EngineError> {
        match landing {
            Landing::Written { job, asked, ask, result } => {
                let now = self.cycle.clock.now();
                self.writes.answered(now);
                if ask.kind == AskKind::Invite {
                    self.invitations.answered(now);
                }
                match result {
                    Ok(written) => self.applied(job, asked, ask, written),
                    Err(error) if error.retry == Retry::LookAgain => self.look_later(job, asked, ask, &error),
                    Err(error) => self.refused(job, asked, ask, &error),
                }
            }
            Landing::Looked { job, asked, ask, looks, seen } => self.looked(job, asked, ask, looks, seen),
        }
    }

    fn applied(&mut self, mut job: Job, asked: i64, ask: Ask, written: Written) -> Result<(), EngineError> {
        (self.faults, self.denials, self.throttles) = (0, 0, 0);
        let now = self.cycle.clock.now();
        let before = self.cycle.store.link(&ask.route(), &ask.home.id)?;
        let account = match &written {
            Written::Invited(invited) => Some(invited.account.clone()),
            Written::Done => ask.account.clone(),
        };
        if let (Written::Invited(_), Some(account)) = (&written, &account)
            && let Some(message) = self.existed_before(account)?
        {
            let error = WriteError { code: "AccountExistedBefore".to_owned(), message };
            job.failed = Some(error.message.clone());
            let link = steps::refused_link(&ask);
            self.record(Some(asked), ask, Outcome::Failed(error), Some(account.clone()), None, link)?;
            return self.finish(job);
        }
        let link = steps::applied_link(&ask, before.as_ref(), account.as_ref(), now);
        let learned = steps::learned(&ask, &written);
        self.record(Some(asked), ask, Outcome::Applied, account, learned, link)?;
        job.steps.pop_front();
        job.tries = 0;
        self.go_on(job)
    }

    /// An invitation of an address that somebody there has already answers with that account. Nothing was made, and the
    /// account is neither provisioned nor joined: it stays untouched.
    fn existed_before(&self, account: &ObjectId) -> Result<Option<String>, EngineError> {
        if self.cycle.store.is_linked(&self.tenant.name, account)? {
            return Ok(Some(format!("the invitation answered with account {account}, which another home user has")));
        }
        let known = self.cycle.store.observed(&self.tenant.name, account)?;
        let native = known.is_some_and(|o| o.presence == Presence::Present && o.standing() == Standing::Native);
        Ok(native.then(|| format!("the invitation answered with account {account} of the target itself")))
    }

    fn look_later(&mut self, mut job: Job, asked: i64, ask: Ask, error: &DirectoryError) -> Result<(), EngineError> {
        tracing::warn!(tenant = %self.tenant.name, user = %ask.home.user_principal_name, "{error}: looking whether it happened");
        self.fault(error);
        job.looking = Some((asked, ask, 0));
        self.queue.push_later(job, self.cycle.clock.now().plus_seconds(retry::pause_seconds(1)));
        Ok(())
    }

    fn looked(
        &mut self,
        mut job: Job,
        asked: i64,
        ask: Ask,
        looks: u32,
        seen: Result<Seen, DirectoryError>,
    ) -> Result<(), EngineError> {
        let applied = matches!(seen, Ok(Seen::Applied { .. }));
        if !applied && looks + 1 < LOOKS_MAX {
            let at = self.cycle.clock.now().plus_seconds(retry::pause_seconds(looks + 2));
            job.looking = Some((asked, ask, looks + 1));
            self.queue.push_later(job, at);
            return Ok(());
        }
        job.looking = None;
        let Ok(seen) = seen else {
            // Nothing could be seen at all: the question stays open for the next run.
            job.failed = Some("no answer came, and the tenant could not be looked at".to_owned());
            return self.finish(job);
        };
        self.cycle.settle_ask(&self.tenant.name, asked, &ask, seen)?;
        job.tries += 1;
        if applied {
            *self.tally.applied.entry((ask.route(), ask.action)).or_insert(0) += 1;
            job.steps.pop_front();
            return self.go_on(job);
        }
        if ask.kind != AskKind::Invite && job.tries < TRIES_MAX {
            // Every other write may be repeated: doing it twice is doing it once.
            self.queue.push(job);
            return Ok(());
        }
        job.failed = Some("no answer came; the next cycle looks again before asking again".to_owned());
        self.finish(job)
    }

    fn refused(&mut self, mut job: Job, asked: i64, ask: Ask, error: &DirectoryError) -> Result<(), EngineError> {
        let now = self.cycle.clock.now();
        let link = steps::refused_link(&ask);
        let kind = ask.kind;
        self.record(Some(asked), ask, Outcome::Failed(error.detail.clone()), None, None, link)?;
        self.fault(error);
        let not_found = error.is_not_found() && kind != AskKind::Invite;
        if error.throttled {
            self.paused_until = self.paused_until.max(retry::again_at(error, self.throttles, now));
            self.queue.push_front(job);
            return Ok(());
        }
        job.tries += 1;
        let young = self.is_young(&job.change, now)?;
        let worth = matches!(error.retry, Retry::Again { .. }) || (not_found && young);
        if worth && job.tries < TRIES_MAX {
            self.queue.push_later(job.clone(), retry::again_at(error, job.tries, now));
            return Ok(());
        }
        if not_found && !young {
            return self.missing(job);
        }
        if error.status == Some(403)
            && let Some(step) = job.steps.front()
            && let Some(parts) = step.split()
        {
            job.steps.pop_front();
            parts.into_iter().rev().for_each(|part| job.steps.push_front(part));
            job.tries = 0;
            self.queue.push_front(job);
            return Ok(());
        }
        tracing::error!(tenant = %self.tenant.name, user = %job.change.home.user_principal_name, action = %job.change.action.kind(), "{error}");
        job.failed = Some(error.to_string());
        job.steps.pop_front();
        job.tries = 0;
        self.go_on(job)
    }

    /// The account of a link is not there any more: the next consideration says what follows.
    fn missing(&mut self, mut job: Job) -> Result<(), EngineError> {
        job.steps.clear();
        if let Some(account) = job.change.action.account() {
            self.cycle.store.doubt(&self.tenant.name, account)?;
        }
        job.failed = Some("the account is not there; the next cycle looks for it".to_owned());
        self.finish(job)
    }

    /// Accounts may not show on all replicas for a while after they were made.
    fn is_young(&self, change: &Change, now: Timestamp) -> Result<bool, EngineError> {
        let link = self.cycle.store.link(&change.route, &change.home.id)?;
        Ok(link.is_some_and(|l| now.seconds_since(l.since) < LAG_ALLOWANCE_SECONDS))
    }

    /// Counts faults that are the target's and not one person's; too many in a row, and it is left alone.
    fn fault(&mut self, error: &DirectoryError) {
        let denied = matches!(error.status, Some(401 | 403));
        let sick = !denied && (error.status.is_none_or(|s| s >= 500) || error.retry == Retry::LookAgain);
        if error.throttled {
            self.throttles += 1;
        } else if denied {
            self.denials += 1;
        } else if sick {
            self.faults += 1;
        } else {
            (self.faults, self.denials, self.throttles) = (0, 0, 0);
        }
        if self.throttles >= THROTTLES_MAX || self.denials >= DENIALS_MAX || self.faults >= FAULTS_MAX {
            self.given_up.get_or_insert_with(|| error.to_string());
        }
    }

    /// The next step of the job, or its end.
    fn go_on(&mut self, job: Job) -> Result<(), EngineError> {
        if job.steps.is_empty() {
            return self.finish(job);
        }
        self.queue.push(job);
        Ok(())
    }

    fn finish(&mut self, job: Job) -> Result<(), EngineError> {
        let change = &job.change;
        (self.cycle.watch)(Event::Finished { route: &change.route, action: change.action.kind() });
        if let Some(error) = job.failed {
            self.cycle.store.explain_unsettled(&change.route, &change.home.id, "failed", &error)?;
            let (route, home) = (change.route.clone(), change.home.clone());
            self.tally.failed.push(Failure { route, home, action: change.action.kind(), error });
            return Ok(());
        }
        if let Some(next) = self.cycle.again(change)? {
            if job.generation < GENERATIONS_MAX {
                self.queue.push(Job::new(next, job.generation + 1));
            } else {
                self.tally.waiting += 1;
            }
        }
        Ok(())
    }

    fn leave_for_later(&mut self) -> Result<u64, EngineError> {
        let left = self.queue.drain();
        Ok(left.len() as u64)
    }

    fn record(
        &mut self,
        asked: Option<i64>,
        ask: Ask,
        outcome: Outcome,
        account: Option<ObjectId>,
        learned: Option<DeltaItem>,
        link: LinkChange,
    ) -> Result<(), EngineError> {
        if outcome == Outcome::Applied {
            *self.tally.applied.entry((ask.route(), ask.action)).or_insert(0) += 1;
        }
        let (at, budgets) = (self.cycle.clock.now(), charged(self.tenant, ask.kind));
        tracing::info!(tenant = %self.tenant.name, user = %ask.home.user_principal_name, action = %ask.action, request_id = %ask.request_id, ?outcome, "write");
        self.cycle.store.record(Record { asked, ask, outcome, at, account, learned, link, budgets })?;
        Ok(())
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
