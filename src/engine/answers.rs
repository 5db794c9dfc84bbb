//! What does a target's worker make of an answer?

use super::apply::{Landing, Worker};
use super::follow::GENERATIONS_MAX;
use super::lanes::Job;
use super::recover::{Seen, charged};
use super::retry::{self, DENIALS_MAX, DENIED_INVITATIONS_MAX, FAULTS_MAX, LOOKS_MAX, THROTTLES_MAX, TRIES_MAX};
use super::{EngineError, Event, Failure, steps};
use crate::model::{Change, DeltaItem, ObjectId, Outcome, Presence, REDACTED, Timestamp, Value, WriteError};
use crate::ports::{Clock, DirectoryError, DirectoryWrite, Retry, Written};
use crate::store::{Ask, AskKind, LAG_ALLOWANCE_SECONDS, LinkChange, Record};

impl<D: DirectoryWrite, C: Clock> Worker<'_, '_, D, C> {
    pub(super) fn land(&mut self, landing: Landing) -> Result<(), EngineError> {
        match landing {
            Landing::Written { job, asked, ask, result } => {
                let now = self.cycle.clock.now();
                self.writes.answered(now);
                if ask.kind == AskKind::Invite {
                    self.invitations.answered(now);
                }
                match result.map_err(|error| without_secrets(error, &ask)) {
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
            && let Some(message) = self.existed_before(&job, account)?
        {
            let error = WriteError { code: "AccountExistedBefore".to_owned(), message };
            job.failed = Some(error.message.clone());
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

    /// An invitation of an address that somebody there has already answers with that account. Nothing was made, and the
    /// account is neither provisioned nor joined: it stays untouched.
    fn existed_before(&self, job: &Job, account: &ObjectId) -> Result<Option<String>, EngineError> {
        let store = self.cycle.store;
        if store.is_linked(&self.tenant.name, account)? {
            return Ok(Some(format!("the invitation answered with account {account}, which another home user has")));
        }
        let known = store.observed(&self.tenant.name, account)?;
        let stood = known.is_some_and(|o| o.presence == Presence::Present) && job.asked_before.is_none();
        Ok(stood.then(|| {
            format!("the invitation answered with account {account}, which stood before and which no [[match]] joins")
        }))
    }

    fn look_later(&mut self, mut job: Job, asked: i64, ask: Ask, error: &DirectoryError) -> Result<(), EngineError> {
        tracing::info!(tenant = %self.tenant.name, user = %ask.home.user_principal_name, code = error.detail.code, "no answer came: looking whether it happened");
        self.fault(error, ask.kind, ask.at);
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
        let now_linked = self.cycle.store.link(&ask.route(), &ask.home.id)?;
        let link = steps::refused_link(&ask, job.asked_before.as_ref(), now_linked.as_ref());
        let (kind, sets_manager, asked_at) = (ask.kind, steps::sets_manager(&ask), ask.at);
        self.record(Some(asked), ask, Outcome::Failed(error.detail.clone()), None, None, link)?;
        self.fault(error, kind, asked_at);
        let not_found = error.is_not_found() && kind != AskKind::Invite;
        if error.throttled {
            self.paused_until = self.paused_until.max(retry::again_at(error, self.throttles, now));
            self.queue.push_front(job);
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
    ///
    /// Whatever was under way when one fault showed belongs to the same blip and counts once. A denied invitation or a
    /// refused token says more of the app than a denied change of one account, which may be an administrator's.
    fn fault(&mut self, error: &DirectoryError, kind: AskKind, asked_at: Timestamp) {
        let denied = matches!(error.status, Some(401 | 403));
        let sick = !denied && (error.status.is_none_or(|s| s >= 500) || error.retry == Retry::LookAgain);
        if !(error.throttled || denied || sick) {
            (self.faults, self.denials, self.throttles) = (0, 0, 0);
            return;
        }
        if denied {
            let of_the_app = kind == AskKind::Invite || error.status == Some(401);
            self.denials += if of_the_app { DENIALS_MAX / DENIED_INVITATIONS_MAX } else { 1 };
        } else if asked_at >= self.blip_until {
            self.blip_until = self.cycle.clock.now();
            *(if error.throttled { &mut self.throttles } else { &mut self.faults }) += 1;
        }
        if self.throttles >= THROTTLES_MAX || self.denials >= DENIALS_MAX || self.faults >= FAULTS_MAX {
            self.given_up.get_or_insert_with(|| error.to_string());
        }
    }

    /// The next step of the job, or its end.
    pub(super) fn go_on(&mut self, job: Job) -> Result<(), EngineError> {
        if job.steps.is_empty() {
            return self.finish(job);
        }
        self.queue.push(job);
        Ok(())
    }

    pub(super) fn finish(&mut self, job: Job) -> Result<(), EngineError> {
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
            *self.tally.applied.entry((ask.route(), ask.action)).or_insert(0) += 1;
        }
        let (at, budgets) = (self.cycle.clock.now(), charged(self.tenant, ask.kind));
        tracing::info!(tenant = %self.tenant.name, user = %ask.home.user_principal_name, action = %ask.action, request_id = %ask.request_id, ?outcome, "write");
        self.cycle.store.record(Record { asked, ask, outcome, at, account, learned, link, budgets })?;
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
            Value::List(items) => items.clone(),
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
