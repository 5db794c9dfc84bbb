//! What became of a write that was never answered?

use std::collections::BTreeSet;

use super::observe::{Ended, Meanwhile};
use super::{Budgets, Cycle, EngineError, Event, steps};
use crate::model::{
    ActionKind, Attribute, DeltaItem, Edits, News, ObjectId, Observed, Outcome, Presence, REDACTED, Selection,
    Standing, TenantName, Timestamp, Value, WriteError, folded, same_value,
};
use crate::ports::{Clock, DirectoryError, DirectoryRead, Look};
use crate::store::{Ask, AskKind, LinkChange, LogEntry, Record, Store};

/// What a look at the tenant says of an unanswered write.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// It happened; this is what is there.
    Applied { account: Option<ObjectId>, learned: DeltaItem },
    /// No trace of it: it did not happen, or does not show yet.
    NoTrace,
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Reads a tenant to its end, and then settles what an earlier run left open about it: whatever happened to its writes
    /// had time to show. `under_way`: questions of this run, once the reading has ended.
    pub(super) async fn read_and_recover(
        &self,
        tenant: &TenantName,
        meanwhile: Meanwhile<'_>,
        under_way: impl FnOnce() -> BTreeSet<i64>,
    ) -> Ended {
        let mut ended = self.read(tenant, meanwhile).await;
        if ended.result.is_ok()
            && let Err(error) = self.recover(tenant, &under_way()).await
        {
            ended.result = Err(error);
        }
        ended
    }

    /// Settles every question about a tenant that an earlier run left open, before anything is asked again. Where that
    /// fails the tenant counts as unread: what was asked of it may have happened. `under_way`: questions of this run.
    async fn recover(&self, tenant: &TenantName, under_way: &BTreeSet<i64>) -> Result<(), EngineError> {
        for (id, ask) in self.store.open_asks(tenant)? {
            if under_way.contains(&id) {
                continue;
            }
            tracing::warn!(%tenant, request_id = %ask.request_id, "an earlier run ended before this write was answered; looking");
            let seen = self.trace(tenant, &ask).await?;
            self.settle_ask(tenant, id, &ask, seen)?;
        }
        Ok(())
    }

    /// One look for a write of an earlier run: whatever happened then had time to show, and the reading is over.
    async fn trace(&self, tenant: &TenantName, ask: &Ask) -> Result<Seen, EngineError> {
        let directory = self.door(tenant)?;
        let selection = self.config.selection(tenant);
        Ok(look_for(directory, self.store, &selection, ask).await?)
    }

    /// One entry for the unanswered write, with what could be found out.
    pub(super) fn settle_ask(&self, tenant: &TenantName, id: i64, ask: &Ask, seen: Seen) -> Result<(), EngineError> {
        let at = self.clock.now();
        let before = self.store.link(&ask.route(), &ask.home.id)?;
        let (outcome, account, learned, link) = match seen {
            Seen::Applied { account, learned } => {
                let link = steps::applied_link(ask, before.as_ref(), account.as_ref(), at);
                let outcome = match self.left_so_by(ask)? {
                    None => Outcome::Applied,
                    Some(earlier) => Outcome::Unknown(as_before(&earlier)),
                };
                (outcome, account, Some(learned), link)
            }
            Seen::NoTrace => (Outcome::Unknown(unanswered()), None, None, LinkChange::Same),
        };
        let tenant = self.config.tenants.get(tenant);
        let budgets = tenant.map(|t| Budgets::of(self.config, t).charged(ask.kind)).unwrap_or_default();
        (self.watch)(Event::Written { ask, outcome: &outcome });
        let record = Record { asked: Some(id), ask: ask.clone(), outcome, at, account, learned, link, budgets };
        self.store.record(record)?;
        Ok(())
    }
}

impl<D, C: Clock> Cycle<'_, D, C> {
    /// The request that had left the account as this one asks for, so short before it that readings may not have shown it
    /// yet: that the account is so proves nothing of this one then. `None` where the account was otherwise. Of an invitation: an
    /// earlier one of the same person, whose account may not have shown when it was looked for.
    fn left_so_by(&self, ask: &Ask) -> Result<Option<String>, EngineError> {
        if ask.kind == AskKind::Invite {
            let earlier = self.store.invited_lately(&ask.target_tenant, &ask.home.id, ask.at)?;
            return Ok(earlier.map(|entry| entry.request_id));
        }
        let lately = |account: &ObjectId| self.store.written_lately(&ask.target_tenant, account, ask.at);
        // Whoever's manager loses the account has none any more, without any write.
        if let [(Some(manager), None)] = ask.edits.values().collect::<Vec<_>>()[..]
            && ask.kind == AskKind::Manager
            && let Some(manager) = manager.as_text().map(ObjectId::new)
            && let Some(entry) = lately(&manager)?.first()
            && entry.action == ActionKind::Delete
        {
            return Ok(Some(entry.request_id.clone()));
        }
        match ask.account.as_ref() {
            Some(account) => Ok(left_so(ask, &lately(account)?)),
            None => Ok(None),
        }
    }
}

/// It may have happened, or not.
fn is_unknown(entry: &LogEntry) -> bool {
    entry.outcome == "unknown"
}

/// The latest of these entries, which begin with the latest, if together they had left the account as is asked, or may have.
fn left_so(ask: &Ask, entries: &[LogEntry]) -> Option<String> {
    if matches!(ask.kind, AskKind::Delete | AskKind::Restore) {
        let is_end = |e: &&LogEntry| matches!(e.action, ActionKind::Delete | ActionKind::Restore);
        let same = |e: &LogEntry| (ask.kind == AskKind::Delete) == (e.action == ActionKind::Delete);
        let last = entries.iter().filter(is_end).find(|e| same(e) || !is_unknown(e))?;
        return same(last).then(|| last.request_id.clone());
    }
    let (mut open, mut last) = (ask.edits.clone(), None);
    for entry in entries {
        for (attribute, edit) in &entry.edits {
            let Some((_, after)) = open.get(attribute) else { continue };
            let hidden = edit.after.as_ref().and_then(Value::as_text) == Some(REDACTED);
            if !hidden && edit.after != *after {
                if is_unknown(entry) {
                    continue;
                }
                return None;
            }
            open.remove(attribute);
            last.get_or_insert_with(|| entry.request_id.clone());
        }
        if open.is_empty() {
            return last;
        }
    }
    None
}

fn unanswered() -> WriteError {
    let message = "no answer came, and the tenant shows no trace of the write".to_owned();
    WriteError { code: "Unanswered".to_owned(), message }
}

fn as_before(earlier: &str) -> WriteError {
    let message = format!(
        "no answer came; the account is as asked, and as request {earlier} shortly before had left it, or may have"
    );
    WriteError { code: "Unanswered".to_owned(), message }
}

/// One look for the trace of an unanswered write.
pub(super) async fn look_for<D: DirectoryRead>(
    directory: &D,
    store: &Store,
    selection: &Selection,
    ask: &Ask,
) -> Result<Seen, DirectoryError> {
    if ask.kind == AskKind::Invite {
        return find_invited(directory, store, selection, ask).await;
    }
    let Some(account) = ask.account.clone() else { return Ok(Seen::NoTrace) };
    let mut selection = selection.clone();
    selection.0.extend(ask.edits.keys().cloned());
    let mut looks = directory.look(&selection, std::slice::from_ref(&account)).await;
    let look = match looks.pop() {
        Some(look) => look?,
        None => return Ok(Seen::NoTrace),
    };
    let happened = match (&look, ask.kind) {
        (Look::Removed(_), AskKind::Delete) | (Look::Present(_), AskKind::Restore) => true,
        (Look::Present(edits), AskKind::Patch | AskKind::Manager) => shows(edits, ask),
        _ => false,
    };
    if happened {
        let learned = DeltaItem { object: account.clone(), news: look.news() };
        Ok(Seen::Applied { account: Some(account), learned })
    } else {
        Ok(Seen::NoTrace)
    }
}

fn shows(now: &Edits, ask: &Ask) -> bool {
    let has = |(a, (_, after)): (&Attribute, &(Option<Value>, Option<Value>))| {
        same_value(now.get(a).and_then(|e| e.value()), after.as_ref())
    };
    ask.edits.iter().all(has)
}

/// When a directory made an object.
const CREATED: &str = "createdDateTime";
/// An invitation is answered within a minute or given up, and clocks of machines that are looked after differ by seconds,
/// never by five minutes (Kerberos refuses those). An account that was made at any other time is somebody else's.
const MADE_WITHIN_MILLIS: u64 = 360_000;

/// The account of an unanswered invitation: external, nobody else's, made then, holding the address that was free when we
/// asked.
async fn find_invited<D: DirectoryRead>(
    directory: &D,
    store: &Store,
    selection: &Selection,
    ask: &Ask,
) -> Result<Seen, DirectoryError> {
    let address = ask.address.clone().unwrap_or_default();
    let tenant = directory.tenant();
    let mut selection = selection.clone();
    let created = Attribute::from(CREATED);
    selection.0.insert(created.clone());
    let found = match directory.find_by_address(&selection, &address).await {
        Ok(found) => found,
        // A directory that cannot be searched so: the next reading tells, and until then nothing is asked again.
        Err(error) if matches!(error.status, Some(400 | 501)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut accounts: Vec<DeltaItem> = Vec::new();
    for (object, mut edits) in found {
        let made_at = edits.remove(&created);
        let made_at = made_at.as_ref().and_then(|e| e.value()).and_then(Value::as_text).and_then(Timestamp::parse);
        if made_at.is_some_and(|at| at.0.abs_diff(ask.at.0) > MADE_WITHIN_MILLIS) {
            continue;
        }
        let item = DeltaItem { object: object.clone(), news: News::Seen(edits) };
        let observed = Observed::fold(None, &item);
        let linked = store.is_linked(tenant, &object).unwrap_or(true);
        let stands = observed.presence == Presence::Present && observed.standing() == Standing::External;
        if stands && !linked && holds(&observed, &address) {
            accounts.push(item);
        }
    }
    match (accounts.pop(), accounts.is_empty()) {
        (Some(learned), true) => Ok(Seen::Applied { account: Some(learned.object.clone()), learned }),
        _ => Ok(Seen::NoTrace),
    }
}

/// As mail, or in the sign-in name that an invitation makes.
fn holds(observed: &Observed, address: &str) -> bool {
    let mail = observed.attributes.get(Attribute::MAIL).and_then(Value::as_text).map(folded);
    let name = observed.user_principal_name().to_lowercase();
    let invited = name.split_once("#ext#").map(|(before, _)| before.to_owned());
    mail == Some(folded(address)) || invited == Some(folded(address).replace('@', "_"))
}
