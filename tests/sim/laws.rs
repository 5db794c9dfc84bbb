//! What must always hold, and what must hold in the end? Judged from what the tenants saw and what the file says.

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{ActionKind, Timestamp};
use crosstie::sim::{Entry, Kind};
use crosstie::store::{LogEntry, Mode, Verified};
use serde_json::Value;

use crate::play::{Play, SECRET, Step, TIGHT};
use crate::reference::{Home, Standing};
use crate::remembered::Remembered;
use crate::shape::Leavers;

/// Laws that no history in one process can judge, with the tests that do.
pub(crate) const ELSEWHERE: [(&str, &str); 3] = [
    ("I18", "memory and open files: benches/real_time.rs; here only that every cycle ends (I22)"),
    ("I19", "exports and terminals: tests/cli/hostile.rs; here only that an entry is one line that reads back"),
    ("I21", "messages, environment and files of a process: tests/cli/secrets.rs; here the store and every request"),
];

/// Graph's documented window of one app's writes in one tenant.
const WINDOW_MILLIS: u64 = 150_000;
const WINDOW_WRITES: u64 = 3_000;
/// And of invitations.
const INVITATION_MILLIS: u64 = 5_000;
const INVITATIONS: u64 = 150;

/// What the laws remember from step to step.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) log: Vec<LogEntry>,
    /// For whom an account was made by us: home tenant and id, by target tenant and account.
    made_for: BTreeMap<(String, String), (String, String)>,
    /// Accounts of ours that the store forgot: they are found again by their address, as long as it is the person's.
    lost: BTreeSet<(String, String)>,
    /// Request ids whose record went with a store that was rolled back.
    forgotten: BTreeSet<String>,
    /// Which version of the home's value was written last, by target, account and attribute.
    versions: BTreeMap<(String, String, String), (String, usize)>,
    /// After which write what was spent may not be known: a clock was set, or the store is another one.
    pub(crate) loosened_after: Option<u64>,
}

impl Memory {
    /// The store is another one: what it does not know was forgotten.
    pub(crate) fn forget(&mut self, is: &Remembered, ledger: &[Entry]) {
        let known: BTreeSet<&str> =
            is.log.iter().map(|e| e.request_id.as_str()).chain(is.asked.keys().map(String::as_str)).collect();
        let ids = ledger.iter().filter_map(|e| e.client_request_id.clone());
        self.forgotten.extend(ids.filter(|id| !known.contains(id.as_str())));
        self.log.clone_from(&is.log);
        let tied = |key: &&(String, String)| {
            is.ties.iter().any(|((_, _, t), tie)| *t == key.0 && tie.account.as_ref() == Some(&key.1))
        };
        self.lost.extend(self.made_for.keys().filter(|key| !tied(key)).cloned());
        self.versions.clear();
    }
}

/// Home tenant and id.
type Person = (String, String);

/// Who asked for a write, and on which route, as the log or the open question says.
#[derive(Clone, Debug)]
struct Whose {
    home: (String, String),
    route: String,
    run: u64,
}

fn whose(memory: &Memory, is: &Remembered, entry: &Entry) -> Option<Whose> {
    let id = entry.client_request_id.as_deref()?;
    let logged = is.log.iter().chain(memory.log.iter().rev()).find(|e| e.request_id == id);
    let of_log = |e: &LogEntry| Whose {
        home: (e.home.tenant.clone(), e.home.id.to_string()),
        route: e.route.clone(),
        run: e.run,
    };
    logged.map(of_log).or_else(|| {
        let ask = is.asked.get(id)?;
        let home = (ask.home_tenant.clone(), ask.home.id.to_string());
        Some(Whose { home, route: ask.route().to_string(), run: ask.run.0 })
    })
}

/// Every law that holds at any moment.
pub(crate) fn always(play: &mut Play<'_>, step: Step) {
    let owners: Vec<Option<Whose>> = step.written.iter().map(|e| whose(&play.memory, &step.is, e)).collect();
    for (entry, owner) in step.written.iter().zip(&owners) {
        if let (Kind::Invite, true, Some(object), Some(owner)) = (entry.kind, entry.applied, &entry.object, owner) {
            let key = (entry.tenant.clone(), object.clone());
            play.memory.made_for.entry(key).or_insert_with(|| owner.home.clone());
        }
    }
    i1_one_account(play, &step);
    i3_windows(play);
    i5_recorded(play, &step, &owners);
    i6_log(play, &step);
    i9_guard(play, &step, &owners);
    i10_ownership(play, &step);
    i15_only_rules(play, &step, &owners);
    if let Some(planned) = &step.planned {
        i14_plan_is_run(play, &step, planned);
    }
    i16_identity(play, &step);
    i17_leavers_first(play, &step, &owners);
    play.memory.log.extend(step.is.log);
}

/// At most one live account that we made for one person in one target; no account of two people.
fn i1_one_account(play: &mut Play<'_>, step: &Step) {
    let mut live: BTreeMap<(String, (String, String)), Vec<String>> = BTreeMap::new();
    for ((tenant, object), home) in &play.memory.made_for {
        let at = play.tenants().iter().position(|t| t == tenant);
        let user = at.and_then(|at| step.after[at].users.get(object));
        let address = play.past.get(&home.1).and_then(|p| p.last()).map(|(_, h)| h.mail.to_lowercase());
        let has = user.and_then(|u| u["mail"].as_str()).map(str::to_lowercase);
        if play.memory.lost.contains(&(tenant.clone(), object.clone())) && has != address {
            continue;
        }
        if user.is_some_and(|u| u.get("deletedDateTime").is_none()) {
            live.entry((tenant.clone(), home.clone())).or_default().push(object.clone());
        }
    }
    if let Some((whose, accounts)) = live.into_iter().find(|(_, accounts)| accounts.len() > 1) {
        play.fail("I1", format!("two accounts of {whose:?}: {accounts:?}"));
    }
    let mut owners: BTreeMap<(&str, &str), &(String, String, String)> = BTreeMap::new();
    let mut shared = None;
    for (key, tie) in &step.is.ties {
        let Some(account) = &tie.account else { continue };
        if let Some(other) = owners.insert((&key.2, account), key) {
            shared = Some(format!("{other:?} and {key:?} share {account}"));
        }
    }
    if let Some(shared) = shared {
        play.fail("I1", shared);
    }
}

/// Most of the instants that any stretch of this length holds.
fn fullest(at: &[Timestamp], millis: u64) -> u64 {
    let (mut first, mut most) = (0, 0);
    for (last, now) in at.iter().enumerate() {
        while now.0 - at[first].0 >= millis {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most as u64
}

/// No window is over its limit, whatever happened to us.
fn i3_windows(play: &mut Play<'_>) {
    let loosened = play.memory.loosened_after;
    let ledger = play.bench.world.ledger();
    for tenant in play.tenants() {
        let own = ledger.iter().filter(|e| e.tenant == *tenant && loosened.is_none_or(|seq| e.seq > seq));
        let (mut all, mut invitations) = (Vec::new(), Vec::new());
        for entry in own {
            all.push(entry.at);
            if entry.kind == Kind::Invite {
                invitations.push(entry.at);
            }
        }
        let most = fullest(&all, WINDOW_MILLIS);
        play.out.fullest = play.out.fullest.max(most);
        let (writes_max, window) = play.tight().unwrap_or((WINDOW_WRITES, WINDOW_MILLIS));
        let most = fullest(&all, window);
        if most > writes_max {
            play.fail("I3", format!("{most} writes into {tenant} within {window} ms, {writes_max} are allowed"));
        }
        let most = fullest(&invitations, INVITATION_MILLIS);
        if most > INVITATIONS {
            play.fail("I3", format!("{most} invitations into {tenant} within {INVITATION_MILLIS} ms"));
        }
    }
}

/// Every write that a tenant saw was meant before it left, and has at most one outcome.
fn i5_recorded(play: &mut Play<'_>, step: &Step, owners: &[Option<Whose>]) {
    for (entry, owner) in step.written.iter().zip(owners) {
        if owner.is_none() {
            play.fail("I5", format!("nothing is known of a write: {entry:?}"));
        }
    }
    let mut ids = BTreeSet::new();
    let all = play.memory.log.iter().chain(&step.is.log);
    let twice = all.filter(|e| !e.request_id.is_empty()).find(|e| !ids.insert(e.request_id.as_str())).cloned();
    if let Some(entry) = twice {
        play.fail("I5", format!("two outcomes of one write: {entry:?}"));
    }
}

/// An entry says what happened, the chain goes on where it ended, and no entry is of nothing.
fn i6_log(play: &mut Play<'_>, step: &Step) {
    let ledger: BTreeMap<String, Entry> =
        play.bench.world.ledger().into_iter().filter_map(|e| Some((e.client_request_id.clone()?, e))).collect();
    let mut previous = play.memory.log.last().cloned();
    for entry in &step.is.log {
        let follows = previous.as_ref().is_none_or(|p| entry.previous == p.hash && entry.seq == p.seq + 1);
        if !follows {
            play.fail("I6", format!("the log does not go on where it ended: {entry:?}"));
        }
        previous = Some(entry.clone());
        let line = serde_json::to_string(entry).unwrap();
        if line.chars().any(char::is_control) || serde_json::from_str::<LogEntry>(&line).ok().as_ref() != Some(entry) {
            play.fail("I19", format!("an entry is not one line that reads back: {line}"));
        }
        if entry.request_id.is_empty() {
            continue;
        }
        let seen = ledger.get(&entry.request_id);
        let agrees = match (entry.outcome.as_str(), seen) {
            ("unknown", _) => true,
            ("applied", Some(seen)) => seen.applied || is_no_op(seen) || is_so_already(play, step, seen),
            ("failed", Some(seen)) => !seen.applied,
            ("failed", None) => true,
            // The store was put back to before its own invitation: what is found there is that one's.
            // And an account that somebody else made at the very time of an invitation that was never answered is taken for
            // what that one made: nothing tells them apart.
            ("applied", None) => is_found_again(play, entry) || is_of_that_time(play, step, entry),
            _ => false,
        };
        if !agrees {
            play.fail("I6", format!("the log says {entry:?}, and the tenant saw {seen:?}"));
        }
        i6_values(play, step, entry, seen);
    }
    let cut = play.memory.log.last().map(|e| e.seq);
    if step.is.log.is_empty() && play.bench.file("crosstie.db").exists() && step.was.log.len() > step.is.log.len() {
        play.fail("I6", format!("the log ends before entry {cut:?}"));
    }
}

/// An account that we made for this person, in a record that is gone.
fn is_found_again(play: &Play<'_>, entry: &LogEntry) -> bool {
    let Some(account) = &entry.account else { return false };
    let key = (account.tenant.clone(), account.id.to_string());
    let made_for = play.memory.made_for.get(&key);
    let is_theirs = made_for == Some(&(entry.home.tenant.clone(), entry.home.id.to_string()));
    entry.action == ActionKind::Provision && is_theirs && play.memory.lost.contains(&key)
}

/// Made by somebody else within minutes of the question that nobody answered.
fn is_of_that_time(play: &Play<'_>, step: &Step, entry: &LogEntry) -> bool {
    let (Some(account), Some(ask)) = (&entry.account, step.was.asked.get(&entry.request_id)) else { return false };
    let at = play.tenants().iter().position(|t| *t == account.tenant);
    let user = at.and_then(|at| step.after[at].users.get(account.id.as_str()));
    let made_at = user.and_then(|u| u["createdDateTime"].as_str()).and_then(Timestamp::parse);
    entry.action == ActionKind::Provision && made_at.is_some_and(|made_at| made_at.0.abs_diff(ask.at.0) <= 360_000)
}

/// The tenant changed nothing, because it was so already.
fn is_no_op(seen: &Entry) -> bool {
    (200..300).contains(&seen.status)
}

/// Its answer said nothing of what was done, and the account is as was asked.
fn is_so_already(play: &Play<'_>, step: &Step, seen: &Entry) -> bool {
    let at = play.tenants().iter().position(|t| *t == seen.tenant);
    let user = at.zip(seen.object.as_ref()).and_then(|(at, object)| step.after[at].users.get(object));
    let is_so = match (seen.kind, user) {
        (Kind::Patch, Some(user)) => {
            seen.body.as_object().is_some_and(|b| b.iter().all(|(k, v)| user.get(k) == Some(v)))
        }
        (Kind::Delete, user) => user.is_none_or(|u| u.get("deletedDateTime").is_some()),
        (Kind::Restore, Some(user)) => user.get("deletedDateTime").is_none(),
        // A manager in deletedItems is nobody's.
        (Kind::Manager, _) => true,
        _ => false,
    };
    (seen.status >= 500 || seen.dropped) && is_so
}

/// Before and after are the tenant's own.
fn i6_values(play: &mut Play<'_>, step: &Step, entry: &LogEntry, seen: Option<&Entry>) {
    let Some(seen) = seen.filter(|s| s.kind == Kind::Patch && s.applied && !s.dropped) else { return };
    let at = play.tenants().iter().position(|t| *t == seen.tenant);
    let first = step.written.iter().find(|e| e.object == seen.object && e.applied);
    let is_first = first.is_some_and(|f| f.seq == seen.seq);
    for (attribute, edit) in &entry.edits {
        let after = edit.after.as_ref().map(|v| serde_json::to_value(v).unwrap()).unwrap_or_default();
        let told = seen.body.get(attribute.as_str()).cloned();
        if told.as_ref().is_some_and(|t| *t != after) {
            play.fail("I6", format!("the log says that {attribute} became {after}, and {told:?} was written"));
        }
        let Some(at) = at.filter(|at| is_first && !play.is_murky(*at) && play.lasting.is_empty()) else { continue };
        let object = seen.object.clone().unwrap_or_default();
        let Some(user) = step.before[at].users.get(&object) else { continue };
        let had = user.get(attribute.as_str()).cloned().unwrap_or_default();
        let before = edit.before.as_ref().map(|v| serde_json::to_value(v).unwrap()).unwrap_or_default();
        if had != before {
            play.fail("I6", format!("the log says that {attribute} was {before}, and it was {had}: {entry:?}"));
        }
    }
}

fn leaver_write(entry: &Entry) -> Option<&'static str> {
    match entry.kind {
        Kind::Delete => Some("delete"),
        Kind::Patch if entry.body["accountEnabled"] == false => Some("disable"),
        _ => None,
    }
}

/// Nobody loses an account who should have one, and never more in one run than the guard allows without a person.
fn i9_guard(play: &mut Play<'_>, step: &Step, owners: &[Option<Whose>]) {
    let mut people: BTreeMap<(u64, String, &str), BTreeSet<Person>> = BTreeMap::new();
    for (entry, owner) in step.written.iter().zip(owners).filter(|(e, _)| e.applied) {
        let (Some(kind), Some(owner)) = (leaver_write(entry), owner) else { continue };
        people.entry((owner.run, owner.route.clone(), kind)).or_default().insert(owner.home.clone());
        let home = play.tenants().iter().position(|t| *t == owner.home.0);
        let murky = home.is_none_or(|home| play.is_murky(home));
        let Some((_, now)) = play.past.get(&owner.home.1).and_then(|p| p.last()).cloned() else { continue };
        if now.standing(play.shape) == Standing::In && !murky {
            play.fail("I9", format!("somebody in scope lost the account: {now:?} by {entry:?}"));
        }
        if kind == "delete" && play.shape.leavers == Leavers::Keep && !murky {
            play.fail("I9", format!("the rules keep accounts, and one was deleted: {entry:?}"));
        }
    }
    if play.shape.guarded
        && !step.approved
        && step.single
        && let Some((what, people)) = people.into_iter().find(|(_, people)| people.len() > 1)
    {
        play.fail("I9", format!("{what:?} met {} people, the guard allows one", people.len()));
    }
}

/// Attributes that a rule of ours ever names, and what the directory keeps itself.
const OURS: [&str; 12] = [
    "displayName",
    "jobTitle",
    "department",
    "companyName",
    "manager",
    "accountEnabled",
    "deletedDateTime",
    "userType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "creationType",
    "identities",
];

/// Whatever changed in a tenant during a step is an account that is ours, in an attribute that a rule names.
fn i10_ownership(play: &mut Play<'_>, step: &Step) {
    for (at, tenant) in play.tenants().iter().enumerate() {
        for (id, before) in &step.before[at].users {
            let after = step.after[at].users.get(id);
            if after == Some(before) {
                continue;
            }
            let tied = |ties: &crate::remembered::Ties| {
                ties.iter().any(|((_, _, t), tie)| t == tenant && tie.account.as_ref() == Some(id))
            };
            let made = play.memory.made_for.contains_key(&((*tenant).to_owned(), id.clone()));
            // A join whose answer never came is an open question, and no link yet.
            let asked = |ask: &crosstie::store::Ask| {
                ask.target_tenant == *tenant && ask.account.as_ref().is_some_and(|a| a.as_str() == id)
            };
            let open = step.is.asked.values().chain(step.was.asked.values()).any(asked);
            if !made && !open && !tied(&step.was.ties) && !tied(&step.is.ties) {
                play.fail("I10", format!("{tenant}: an account that is not ours was changed: {before} {after:?}"));
                continue;
            }
            let Some(after) = after else {
                play.fail("I10", format!("{tenant}: an account was purged: {before}"));
                continue;
            };
            let changed = changed(before, after);
            if let Some(name) = changed.iter().find(|name| !OURS.contains(&name.as_str())) {
                play.fail("I15", format!("{tenant}: {name} of {id} is in no rule and was changed"));
            }
        }
    }
    let hub = play.history.hub;
    if let Some(entry) = step.written.iter().find(|e| hub && e.tenant != play.tenants()[0]) {
        play.fail("I11", format!("a tenant that is a home only was written: {entry:?}"));
    }
}

fn changed(before: &Value, after: &Value) -> BTreeSet<String> {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let names = before.keys().chain(after.keys()).cloned();
    names.filter(|name| before.get(name) != after.get(name)).collect()
}

/// Only attributes of a rule are written, with values that the home has; an older value never follows a newer one.
fn i15_only_rules(play: &mut Play<'_>, step: &Step, owners: &[Option<Whose>]) {
    for (entry, owner) in step.written.iter().zip(owners).filter(|(e, _)| e.applied && e.kind == Kind::Patch) {
        let (Some(body), Some(owner), Some(object)) = (entry.body.as_object(), owner, &entry.object) else { continue };
        for (name, value) in body {
            if !["displayName", "jobTitle", "department", "companyName", "accountEnabled", "userType"]
                .contains(&name.as_str())
            {
                play.fail("I15", format!("{name} is in no rule and was written: {entry:?}"));
            }
            let Some(past) = play.past.get(&owner.home.1) else { continue };
            let written = value.as_str().map(str::to_owned);
            let had = |h: &Home| match name.as_str() {
                "displayName" => h.name == written,
                "jobTitle" => h.title == written,
                "department" => h.department == written,
                _ => true,
            };
            let Some(version) = past.iter().rposition(|(_, h)| had(h)) else {
                play.fail("I15", format!("{name} was written with a value that the home never had: {entry:?}"));
                continue;
            };
            let key = (entry.tenant.clone(), object.clone(), name.clone());
            let last = play.memory.versions.get(&key).filter(|(home, _)| *home == owner.home.1).map_or(0, |(_, n)| *n);
            if version < last {
                play.fail("I8", format!("{name} went back to an older value of the home: {entry:?}"));
            }
            play.memory.versions.insert(key, (owner.home.1.clone(), version.max(last)));
        }
    }
}

/// What a cycle did right after a dry run is what that said, and the references that follow from it. What it found out of a
/// request that an earlier run left open, that run did.
fn i14_plan_is_run(play: &mut Play<'_>, step: &Step, planned: &BTreeSet<(String, String)>) {
    let own = |e: &&LogEntry| !e.request_id.is_empty() && !step.was.asked.contains_key(&e.request_id);
    for entry in step.is.log.iter().filter(own) {
        let whose = (entry.route.clone(), entry.home.id.to_string());
        let follows = entry.edits.keys().all(|a| a.as_str() == "manager") && !entry.edits.is_empty();
        if !planned.contains(&whose) && !follows && step.calm {
            play.fail("I14", format!("it was not planned: {entry:?}"));
        }
    }
}

/// An account that was made for one person is never another's.
fn i16_identity(play: &mut Play<'_>, step: &Step) {
    for ((home, id, target), tie) in &step.is.ties {
        let Some(account) = &tie.account else { continue };
        let made_for = play.memory.made_for.get(&(target.clone(), account.clone()));
        let other = made_for.filter(|made| **made != (home.clone(), id.clone())).cloned();
        let released = other.as_ref().is_some_and(|other| {
            // Its first owner may have been released: joined by the address it is then anybody's who matches.
            !step.is.ties.contains_key(&(other.0.clone(), other.1.clone(), target.clone())) && tie.joined
        });
        if let Some(other) = other.filter(|_| !released) {
            play.fail("I16", format!("the account {account} was made for {other:?} and is {home}/{id}'s now"));
        }
    }
}

/// On one route, nobody is invited before everybody has left who should.
fn i17_leavers_first(play: &mut Play<'_>, step: &Step, owners: &[Option<Whose>]) {
    if !step.calm || !step.single {
        return;
    }
    let mut invited: BTreeSet<&str> = BTreeSet::new();
    let mut seen: BTreeSet<&(String, String)> = BTreeSet::new();
    for (entry, owner) in step.written.iter().zip(owners) {
        let Some(owner) = owner else { continue };
        let fresh = seen.insert(&owner.home);
        let known = step.was.ties.contains_key(&(owner.home.0.clone(), owner.home.1.clone(), entry.tenant.clone()));
        if leaver_write(entry).is_some() && fresh && known && invited.contains(owner.route.as_str()) {
            return play.fail("I17", format!("somebody was invited before {entry:?}"));
        }
        if entry.kind == Kind::Invite {
            invited.insert(&owner.route);
        }
    }
}

/// What must hold once everything has come to rest.
pub(crate) fn finally(play: &mut Play<'_>) {
    if play.broken.is_some() {
        return;
    }
    let is = play.remember();
    if let Some(ask) = is.asked.values().next() {
        play.fail("I5", format!("a write has no outcome: {ask:?}"));
    }
    let store = play.bench.store(Mode::Look);
    let verified = store.verify_log().unwrap();
    drop(store);
    match verified {
        Verified::Whole { entries, .. } if entries == play.memory.log.len() as u64 => {}
        other => play.fail("I6", format!("the log holds {} entries: {other:?}", play.memory.log.len())),
    }
    let logged: BTreeMap<&str, &LogEntry> = play.memory.log.iter().map(|e| (e.request_id.as_str(), e)).collect();
    let lost = play.bench.world.ledger().into_iter().find(|e| {
        let id = e.client_request_id.as_deref().unwrap_or_default();
        !play.memory.forgotten.contains(id) && !logged.contains_key(id)
    });
    if let Some(entry) = lost {
        play.fail("I5", format!("a write has no entry: {entry:?}"));
    }
    i21_secrets(play);
}

/// No secret, token, or value of no rule lies in the store.
fn i21_secrets(play: &mut Play<'_>) {
    let file = std::fs::read(play.bench.file("crosstie.db")).unwrap_or_default();
    let all = String::from_utf8_lossy(&file);
    let watch = play.between.0.borrow();
    let tokens = watch.tokens.keys().cloned();
    let secrets: Vec<String> =
        tokens.chain([SECRET.to_owned(), "inviteRedeemUrl".to_owned(), "/redeem?".to_owned()]).collect();
    let canaries = watch.canaries.clone();
    drop(watch);
    if let Some(found) = secrets.iter().find(|s| all.contains(s.as_str())) {
        play.fail("I21", format!("{found} lies in the store"));
    }
    if let Some(found) = canaries.iter().find(|s| all.contains(s.as_str())) {
        play.fail("I13", format!("{found} lies in the store, and no rule names it"));
    }
}

impl Play<'_> {
    /// Fewer writes than usual, and the window's length.
    fn tight(&self) -> Option<(u64, u64)> {
        let (writes, seconds) = TIGHT;
        self.history.tight.then_some((u64::from(writes), u64::from(seconds) * 1_000))
    }
}

/// No change was lost: before anything is read anew, what is remembered of everybody is what the tenants say.
pub(crate) fn i2_nothing_was_missed(play: &mut Play<'_>) {
    let (is, targets) = (play.remember(), play.look());
    for (tenant, target) in play.tenants().iter().zip(&targets) {
        let seen: BTreeMap<&String, &Value> = is
            .observed
            .iter()
            .filter(|((t, _), _)| t == tenant)
            .filter_map(|((_, o), a)| Some((o, a.as_ref()?)))
            .collect();
        let live: BTreeMap<&String, &Value> =
            target.users.iter().filter(|(_, u)| u.get("deletedDateTime").is_none()).collect();
        if let Some(id) = live.keys().find(|id| !seen.contains_key(**id)) {
            play.fail("I2", format!("{tenant}: {id} was never seen: {}", live[*id]));
        }
        for (id, attributes) in seen {
            let Some(user) = live.get(id) else {
                play.fail("I2", format!("{tenant}: {id} is not there any more, and nobody noticed: {attributes}"));
                continue;
            };
            for name in ["displayName", "jobTitle", "mail", "accountEnabled"] {
                let (has, known) =
                    (user.get(name).unwrap_or(&Value::Null), attributes.get(name).unwrap_or(&Value::Null));
                if has != known {
                    play.fail("I2", format!("{tenant}: {name} of {id} is {has}, and {known} is remembered"));
                }
            }
        }
    }
}
