//! What does a target's worker make of an answer?

use super::apply::{Landing, Worker};
use super::bulkheads::{self, FAULTS_MAX, THROTTLES_MAX};
use super::follow::GENERATIONS_MAX;
use super::lanes::{Fault, Job};
use super::recover::Seen;
use super::retry::{self, LOOKS_MAX, TRIES_MAX};
use super::{Budgets, EngineError, Event, Failure, steps};
use crate::model::{
    ActionKind, Change, DeltaItem, ObjectId, Outcome, Presence, REDACTED, Timestamp, Value, WriteError,
};
use crate::ports::{
    Clock, DirectoryError, DirectoryWrite, Retry, Throttle, ThrottleScope, ThrottledOperations, Written,
};
use crate::quota::Crowding;
use crate::store::{Ask, AskKind, Door, LAG_ALLOWANCE_SECONDS, LinkChange, Record, Throttled};

impl<D: DirectoryWrite, C: Clock> Worker<'_, D, C> {
    pub(super) fn land(&mut self, landing: Landing) -> Result<(), EngineError> {
        match landing {
            Landing::Written { job, asked, ask, result } => {
                self.answered(ask.kind);
                self.note_latency(ask.at);
                let result = result.map_err(|error| without_secrets(error, &ask));
                if !matches!(&result, Err(error) if error.retry == Retry::LookAgain) {
                    self.told(&job, asked);
                }
                match result {
                    Ok(written) => self.applied(job, asked, ask, written),
                    Err(error) if error.retry == Retry::LookAgain => self.look_later(job, asked, ask, &error),
                    Err(error) => self.refused(job, asked, ask, &error),
                }
            }
            Landing::Looked { job, asked, ask, looks, at, seen } => {
                // Whoever cannot even be looked at fails like one who cannot be written to: with many questions open, looking
                // for each in turn would take hours.
                if let Err(error) = &seen {
                    self.fault(error, at)?;
                }
                self.looked(job, asked, ask, looks, seen)
            }
        }
    }

    /// The write is charged as of now, whatever came of it.
    fn answered(&mut self, kind: AskKind) {
        let now = self.now();
        self.writes.answered(now);
        self.app.borrow_mut().budget.answered(self.tenant.name.as_str(), now);
        if kind == AskKind::Invite {
            self.invitations.answered(now);
        }
        self.heed_pressure(now);
    }

    /// What became of the write is known: others may plan for this person again.
    fn told(&self, job: &Job, asked: i64) {
        self.lanes.touched.borrow_mut().insert(job.whose());
        self.lanes.busy.borrow_mut().remove(&job.whose());
        self.lanes.asks.borrow_mut().remove(&asked);
    }

    fn applied(&mut self, mut job: Job, asked: i64, ask: Ask, written: Written) -> Result<(), EngineError> {
        self.works(&job)?;
        let now = self.now();
        let before = self.run.cycle.store.link(&ask.route(), &ask.home.id)?;
        let account = match &written {
            Written::Invited(invited) => Some(invited.account.clone()),
            Written::Done => ask.account.clone(),
        };
        if let (Written::Invited(_), Some(account)) = (&written, &account)
            && let Some(message) = self.existed_before(&job, account)?
        {
            let error = WriteError { code: "AccountExistedBefore".to_owned(), message };
            job.failed = Some(Fault::ours(error.message.clone()));
            let link = steps::refused_link(&ask, job.asked_before.as_ref(), before.as_ref());
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

    /// The target takes writes, and those of this route.
    fn works(&mut self, job: &Job) -> Result<(), EngineError> {
        (self.faults, self.throttles) = (0, 0);
        if std::mem::take(&mut self.probing) {
            self.run.worked_at(&self.tenant.name, Door::Writing)?;
            self.run.report.borrow_mut().unwritten.remove(&self.tenant.name);
        }
        let (route, part) = (&job.change.route, job.lane().part());
        self.streaks.remove(&(route.clone(), part));
        self.run.route_works(route, part)
    }

    /// An invitation of an address that somebody there has already answers with that account. Nothing was made, and the
    /// account is neither provisioned nor joined: it stays untouched.
    fn existed_before(&self, job: &Job, account: &ObjectId) -> Result<Option<String>, EngineError> {
        let store = self.run.cycle.store;
        if store.is_linked(&self.tenant.name, account)? {
            return Ok(Some(format!("the invitation answered with account {account}, which another home user has")));
        }
        let known = store.observed(&self.tenant.name, account)?;
        if self.lanes.appeared.borrow_mut().remove(account) {
            return Ok(None);
        }
        let stood = known.is_some_and(|o| o.presence == Presence::Present) && job.asked_before.is_none();
        Ok(stood.then(|| {
            format!("the invitation answered with account {account}, which stood before and which no [[match]] joins")
        }))
    }

    fn look_later(&mut self, mut job: Job, asked: i64, ask: Ask, error: &DirectoryError) -> Result<(), EngineError> {
        tracing::info!(tenant = %self.tenant.name, user = ask.home.user_principal_name, code = error.detail.code, "no answer came: looking whether it happened");
        self.fault(error, ask.at)?;
        job.looking = Some((asked, ask, 0));
        let at = self.now().plus_seconds(retry::pause_seconds(1));
        self.lanes.queue.borrow_mut().push_later(job, at);
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
            let at = self.now().plus_seconds(retry::pause_seconds(looks + 2));
            job.looking = Some((asked, ask, looks + 1));
            self.lanes.queue.borrow_mut().push_later(job, at);
            return Ok(());
        }
        job.looking = None;
        self.told(&job, asked);
        let Ok(seen) = seen else {
            // Nothing could be seen at all: the question stays open for the next run.
            job.failed = Some(Fault::ours("no answer came, and the tenant could not be looked at"));
            return self.finish(job);
        };
        self.run.cycle.settle_ask(&self.tenant.name, asked, &ask, seen)?;
        job.tries += 1;
        if applied {
            self.works(&job)?;
            self.count(&ask);
            job.steps.pop_front();
            return self.go_on(job);
        }
        if ask.kind != AskKind::Invite && job.tries < TRIES_MAX {
            // Every other write may be repeated: doing it twice is doing it once.
            self.lanes.queue.borrow_mut().push(job);
            return Ok(());
        }
        job.failed = Some(Fault::ours("no answer came; the next cycle looks again before asking again"));
        self.finish(job)
    }

    fn refused(&mut self, mut job: Job, asked: i64, ask: Ask, error: &DirectoryError) -> Result<(), EngineError> {
        let now = self.now();
        let now_linked = self.run.cycle.store.link(&ask.route(), &ask.home.id)?;
        let link = steps::refused_link(&ask, job.asked_before.as_ref(), now_linked.as_ref());
        let (kind, sets_manager, asked_at) = (ask.kind, steps::sets_manager(&ask), ask.at);
        self.record(Some(asked), ask, Outcome::Failed(error.detail.clone()), None, None, link)?;
        self.fault(error, asked_at)?;
        let not_found = error.is_not_found() && kind != AskKind::Invite;
        if error.throttled {
            let until = self.throttled(error, kind, now)?;
            // It is the first again when the pause is over; of a pause that is not of writes it waits out its own.
            let of_reads = matches!(error.throttle, Some(Throttle { what: ThrottledOperations::Read, .. }));
            let mut queue = self.lanes.queue.borrow_mut();
            if of_reads {
                queue.push_later(job, until)
            } else {
                queue.push_front(job)
            }
            return Ok(());
        }
        job.tries += 1;
        let young = self.is_young(&job.change, now)?;
        // A manager's account may be the young one; its absence says nothing of the account that reports to it.
        // And deletedItems tells at once.
        let young = young && kind != AskKind::Restore;
        let not_yet = not_found && (young || sets_manager);
        let worth = if not_found { not_yet } else { matches!(error.retry, Retry::Again { .. }) };
        if worth && job.tries < TRIES_MAX {
            let at = retry::again_at(error, job.tries, now);
            self.lanes.queue.borrow_mut().push_later(job, at);
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
            self.lanes.queue.borrow_mut().push_front(job);
            return Ok(());
        }
        let (code, weight) = (Some(error.detail.code.clone()), bulkheads::weight(error.status, kind));
        job.failed = Some(Fault { message: error.to_string(), code, weight });
        job.steps.pop_front();
        job.tries = 0;
        self.go_on(job)
    }

    /// The tenant wants a pause, and perhaps leaves us less than we thought. Whose limit it was decides who pauses: where
    /// it is the app's over all tenants, the others wait as well; where it is one of reads, no write does.
    fn throttled(&mut self, error: &DirectoryError, kind: AskKind, now: Timestamp) -> Result<Timestamp, EngineError> {
        let until = retry::again_at(error, self.throttles, now);
        (self.run.cycle.watch)(Event::Throttled { tenant: &self.tenant.name });
        let (tenant, why, pause) = (&self.tenant.name, &error.detail.message, until.rfc3339());
        tracing::warn!(%tenant, until = pause, scope = ?error.throttle, why, "the tenant wants a pause of writes");
        let budgets = Budgets::of(self.run.cycle.config, self.tenant);
        let (budget, paused_until, learned) = match error.throttle {
            Some(Throttle { what: ThrottledOperations::Read, .. }) => return Ok(until),
            Some(Throttle { scope: ThrottleScope::Application, .. }) => {
                let mut app = self.app.borrow_mut();
                app.paused_until = app.paused_until.max(until);
                let taken = app.budget.meter().answered_within(now).saturating_sub(1);
                app.learned.refused(now, taken);
                (budgets.app, app.paused_until, app.learned.clone())
            }
            _ => {
                self.paused_until = self.paused_until.max(until);
                // Which of the two windows was full is not said; the fuller one it is.
                if kind == AskKind::Invite && self.invitations.filled(now) > self.writes.filled(now) {
                    let taken = self.invitations.answered_within(now).saturating_sub(1);
                    self.learned_invitations.refused(now, taken);
                    (budgets.invitations, self.paused_until, self.learned_invitations.clone())
                } else {
                    // All but the refused one itself: what else is under way will be refused too.
                    let taken = self.writes.answered_within(now).saturating_sub(1);
                    self.learned.refused(now, taken);
                    (budgets.writes, self.paused_until, self.learned.clone())
                }
            }
        };
        // The next cycle heeds it as well, and `status` tells it.
        self.run.cycle.store.remember_throttled(&budget.name, &Throttled { paused_until, learned })?;
        Ok(until)
    }

    /// What the tenant says of how full its limits are: others may use them up before we are refused.
    fn heed_pressure(&mut self, now: Timestamp) {
        let pressure = self.directory.pressure();
        if pressure.is_none() {
            self.learned.at_ease();
        }
        if let Some(pressure) = pressure.filter(|p| p.at > self.heeded) {
            self.heeded = pressure.at;
            let share = self.tenant.limits.share_permille;
            let of_whole = |filled: u32| filled * share / 1_000;
            let app = self.app.borrow_mut().budget.meter().fullest(now);
            let own = of_whole(self.writes.filled(now));
            let explained = of_whole(self.writes.fullest(now)).max(app).max(pressure.reading);
            let since = self.writes.oldest(now);
            let word = Crowding { told: pressure.permille, own, explained, share, since };
            self.learned.crowded(now, &word);
            let (tenant, most) = (&self.tenant.name, self.learned.most(now));
            tracing::debug!(%tenant, ?word, ?most, "the tenant tells how full its limits are");
        }
    }

    /// The account of a link is not there any more: the next consideration says what follows.
    fn missing(&mut self, mut job: Job) -> Result<(), EngineError> {
        job.steps.clear();
        if let Some(account) = job.change.action.account() {
            self.run.cycle.store.doubt(&self.tenant.name, account)?;
        }
        job.failed = Some(Fault::ours("the account is not there; the next cycle looks for it"));
        self.finish(job)
    }

    /// Accounts may not show on all replicas for a while after they were made.
    fn is_young(&self, change: &Change, now: Timestamp) -> Result<bool, EngineError> {
        let link = self.run.cycle.store.link(&change.route, &change.home.id)?;
        Ok(link.is_some_and(|l| now.seconds_since(l.since) < LAG_ALLOWANCE_SECONDS))
    }

    /// Counts faults that are the target's and not one person's; too many in a row, and it is left alone.
    ///
    /// Whatever was under way when one fault showed belongs to the same blip and counts once. A refused token is the
    /// tenant's, a denied change is the route's or the person's.
    fn fault(&mut self, error: &DirectoryError, asked_at: Timestamp) -> Result<(), EngineError> {
        let denied = error.status == Some(403);
        // A token that was over says nothing of the tenant: the next request has a fresh one.
        if error.status == Some(401) && matches!(error.retry, Retry::Again { .. }) {
            return Ok(());
        }
        let sick = error.status.is_none_or(|s| s >= 500 || s == 401) || error.retry == Retry::LookAgain;
        if !(error.throttled || (sick && !denied)) {
            (self.faults, self.throttles) = (0, 0);
            return Ok(());
        }
        if asked_at >= self.blip_until {
            self.blip_until = self.now();
            *(if error.throttled { &mut self.throttles } else { &mut self.faults }) += 1;
        }
        let too_many = self.throttles >= THROTTLES_MAX || self.faults >= FAULTS_MAX || (self.probing && sick);
        if too_many && !self.lanes.resting.get() {
            self.rest(&error.to_string())?;
        }
        Ok(())
    }

    /// From now on nothing is written into the tenant, until it has been left alone for a while.
    fn rest(&mut self, why: &str) -> Result<(), EngineError> {
        (self.faults, self.throttles, self.probing) = (0, 0, true);
        self.lanes.resting.set(true);
        let target = &self.tenant.name;
        self.run.whole.borrow_mut().retain(|route| route.target != *target);
        self.run.report.borrow_mut().unwritten.insert(target.clone(), why.to_owned());
        self.run.failed_at(target, Door::Writing, why)
    }

    /// Something has happened to this person since the change was planned.
    pub(super) fn reconsider(&mut self, job: Job) -> Result<(), EngineError> {
        self.lanes.queue.borrow_mut().over(&job);
        let generation = job.generation + u32::from(job.begun.is_some());
        let next = self.run.cycle.again(&job.change, Some(&job.change))?;
        if self.still_as_planned(&job, next.as_ref())
            && let Some(next) = next
        {
            self.follow(next, generation);
        }
        Ok(())
    }

    fn follow(&mut self, next: Change, generation: u32) {
        if generation <= GENERATIONS_MAX {
            self.lanes.queue.borrow_mut().enter(Job::new(next, generation));
        } else {
            self.run.report.borrow_mut().waiting += 1;
        }
    }

    /// The next step of the job, or its end.
    pub(super) fn go_on(&mut self, job: Job) -> Result<(), EngineError> {
        if job.steps.is_empty() {
            return self.finish(job);
        }
        self.lanes.queue.borrow_mut().push(job);
        Ok(())
    }

    pub(super) fn finish(&mut self, job: Job) -> Result<(), EngineError> {
        let (change, store) = (&job.change, self.run.cycle.store);
        (self.run.cycle.watch)(Event::Finished { route: &change.route, action: change.action.kind() });
        self.lanes.queue.borrow_mut().over(&job);
        let Some(fault) = &job.failed else {
            if change.action.kind() == ActionKind::Unlink {
                self.run.let_go.borrow_mut().insert(job.whose());
            }
            let next = self.run.cycle.again(change, None)?.filter(|next| self.run.may_follow(next));
            if let Some(next) = self.run.next_of(&job.whose())?.or(next) {
                self.follow(next, job.generation + 1);
            }
            return Ok(());
        };
        let (route, home, now) = (&change.route, &change.home, self.now());
        store.put_off(route, &home.id, &fault.message, now, bulkheads::put_off_seconds)?;
        let failure = Failure {
            route: route.clone(),
            home: home.clone(),
            action: change.action.kind(),
            error: fault.message.clone(),
        };
        self.run.report.borrow_mut().failed.push(failure);
        let part = job.lane().part();
        if self.run.quarantined.borrow().contains(&(route.clone(), part)) {
            return self.run.probe_failed(route, part, job.begun);
        }
        let first_time = store.tries(route, &home.id)? <= 1;
        if let Some(code) = fault.code.as_ref().filter(|_| first_time) {
            let streak = self.streaks.entry((route.clone(), part)).or_default();
            if let Some(people) = streak.add(code, fault.weight) {
                self.run.quarantine(route, part, people, fault)?;
            }
        }
        Ok(())
    }

    fn count(&self, ask: &Ask) {
        *self.run.report.borrow_mut().applied.entry((ask.route(), ask.action)).or_insert(0) += 1;
    }

    pub(super) fn record(
        &mut self,
        asked: Option<i64>,
        ask: Ask,
        outcome: Outcome,
        account: Option<ObjectId>,
        learned: Option<DeltaItem>,
        link: LinkChange,
    ) -> Result<(), EngineError> {
        if outcome == Outcome::Applied {
            self.count(&ask);
        }
        let cycle = self.run.cycle;
        let (at, budgets) = (self.now(), Budgets::of(cycle.config, self.tenant).charged(ask.kind));
        (cycle.watch)(Event::Written { ask: &ask, outcome: &outcome });
        let (user, action) = (&ask.home.user_principal_name, ask.action);
        let (became, code) = match &outcome {
            Outcome::Applied => ("applied", ""),
            Outcome::Failed(error) => ("failed", error.code.as_str()),
            Outcome::Unknown(error) => ("unknown", error.code.as_str()),
        };
        // Names are data: as bare values they could end the line and begin another.
        tracing::info!(tenant = %self.tenant.name, user, %action, request_id = ask.request_id, outcome = became, code, "write");
        cycle.store.record(Record { asked, ask, outcome, at, account, learned, link, budgets })?;
        Ok(())
    }
}

/// Shorter values would be found by chance, everywhere in a message.
const SECRET_CHARACTERS_MIN: usize = 4;

/// A tenant may quote what it refuses, and what is redacted stands in no log, message or list of failures.
fn without_secrets(mut error: DirectoryError, ask: &Ask) -> DirectoryError {
    let hidden = ask.edits.iter().filter(|(a, _)| ask.redacted.contains(*a)).flat_map(|(_, (b, a))| b.iter().chain(a));
    let mut texts: Vec<String> = hidden
        .flat_map(|value| match value {
            Value::List(items) => items.to_vec(),
            value => vec![value.to_string()],
        })
        .filter(|text| !text.is_empty())
        .collect();
    // A value within another one goes after it.
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let message = &mut error.detail.message;
    for text in texts {
        if !message.contains(&text) {
            continue;
        }
        *message = if text.chars().count() >= SECRET_CHARACTERS_MIN {
            message.replace(&text, REDACTED)
        } else {
            REDACTED.to_owned()
        };
    }
    error
}
