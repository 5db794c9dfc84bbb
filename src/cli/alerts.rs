//! What is worth telling of a run that has ended?

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Exit;
use crate::config::{AlertKind, Config, Notify};
use crate::engine::Report;
use crate::model::{ActionKind, ObjectId, RouteName, RunId, Timestamp, Trigger};
use crate::notify::{Alert, Occasion, Stoppages};
use crate::store::{NewAlert, RunRow, Store, StoreError};

/// People, failures and reasons that one event spells out; all are counted. With the bound below it stays well under the
/// 20 kB that Standard Webhooks recommends.
const SHOWN_MAX: usize = 20;
/// Characters of one reason.
const REASON_CHARACTERS_MAX: usize = 300;
/// Runs that never ended, of which one run tells: where each is killed there are many, and they say the same.
const UNENDED_MAX: u32 = 5;

/// A run that has ended.
pub(super) struct Ended<'a> {
    pub(super) run: RunId,
    pub(super) trigger: Trigger,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) exit: Exit,
    /// Why it ended early, where it did.
    pub(super) reason: Option<String>,
    pub(super) report: &'a Report,
    /// It was about everybody on every route: what it does not mention is over.
    pub(super) whole: bool,
    pub(super) stoppages: &'a Stoppages,
}

/// What was told of already. Kept with the end of each run, so that a run that was killed has told nothing, and the next one
/// tells of the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Announced {
    /// The last run.
    run: u64,
    /// The change log's last entry.
    head: u64,
    /// Who is held, by route.
    held: BTreeMap<String, BTreeSet<ObjectId>>,
    /// What the guard refuses, by route.
    refused: BTreeMap<String, BTreeSet<ActionKind>>,
    /// What failed in runs that went on to their end.
    faults: BTreeSet<String>,
}

/// Somebody who is held, with the sign-in name and the reason.
type Person = (ObjectId, String, String);

/// What is found when a run has ended.
#[derive(Default)]
pub(super) struct Found {
    head: Option<(u64, String)>,
    held: BTreeMap<RouteName, BTreeSet<ObjectId>>,
    /// Some of those who were not held before.
    newcomers: BTreeMap<RouteName, Vec<Person>>,
    /// Runs before this one that never ended.
    unended: Vec<RunRow>,
}

impl Announced {
    /// What the last run noted. A note that cannot be read is none: telling twice is better than not at all.
    pub(super) fn of(store: &Store) -> Result<Self, StoreError> {
        let text = store.announced()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn newcomers<'a>(&'a self, route: &RouteName, held: &'a BTreeSet<ObjectId>) -> impl Iterator<Item = &'a ObjectId> {
        let before = self.held.get(&route.to_string());
        held.iter().filter(move |who| before.is_none_or(|before| !before.contains(who)))
    }
}

impl Found {
    pub(super) fn of(store: &Store, config: &Config, run: RunId, before: &Announced) -> Result<Self, StoreError> {
        let mut found = Self { head: store.log_head()?, ..Self::default() };
        for route in config.routes.iter().map(|r| &r.name) {
            let held = store.held(route)?;
            let mut people = Vec::new();
            for who in before.newcomers(route, &held).take(SHOWN_MAX) {
                let (name, reason) = store.why_unsettled(route, who)?.unwrap_or_default();
                people.push((who.clone(), name, reason));
            }
            found.newcomers.insert(route.clone(), people);
            found.held.insert(route.clone(), held);
        }
        // Where nothing was noted yet, all but the run just before this one is no news any more.
        let after = if before.run == 0 { run.0.saturating_sub(2) } else { before.run };
        found.unended = store.unended_runs(RunId(after), run, UNENDED_MAX)?;
        Ok(found)
    }
}

/// What is told of a run, and what has been told of with it.
pub(super) fn of_run(source: &str, ended: &Ended<'_>, found: &Found, before: &Announced) -> (Vec<Alert>, Announced) {
    let faults = faults(ended.report);
    let mut alerts: Vec<Alert> = found.unended.iter().map(|run| never_ended(source, run, ended.ended_at)).collect();
    if ended.exit == Exit::Failed || faults.keys().any(|fault| !before.faults.contains(fault)) {
        alerts.push(failed(source, ended));
    }
    let refused = refused_kinds(ended.report);
    for (route, kinds) in &refused {
        let known = before.refused.get(route);
        if kinds.iter().any(|kind| known.is_none_or(|known| !known.contains(kind))) {
            alerts.push(refusal(source, ended, route));
        }
    }
    alerts.extend(ended.stoppages.alerts(source, ended.ended_at));
    for (route, people) in found.newcomers.iter().filter(|(_, people)| !people.is_empty()) {
        alerts.push(held(source, ended, found, before, route, people));
    }
    let head = found.head.as_ref().filter(|(entries, _)| *entries > before.head);
    alerts.extend(head.map(|(entries, hash)| log_head(source, ended, *entries, hash)));

    let whole = ended.whole && ended.exit != Exit::Failed;
    let mut after = if whole { Announced::default() } else { before.clone() };
    after.run = ended.run.0;
    after.head = found.head.as_ref().map_or(0, |(entries, _)| *entries);
    after.held = found.held.iter().map(|(route, held)| (route.to_string(), held.clone())).collect();
    after.held.retain(|_, held| !held.is_empty());
    after.faults.extend(faults.into_keys());
    for (route, kinds) in refused {
        after.refused.entry(route).or_default().extend(kinds);
    }
    (alerts, after)
}

/// What goes into the outbox at the end of a run, and the note of what has been told of with it.
pub(super) fn rows(
    config: &Config,
    store: &Store,
    ended: &Ended<'_>,
) -> Result<(Vec<NewAlert>, Option<String>), StoreError> {
    let before = Announced::of(store)?;
    let found = Found::of(store, config, ended.run, &before)?;
    let (alerts, after) = of_run(&config.notify.source, ended, &found, &before);
    let note = serde_json::to_string(&after).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok((addressed(&config.notify, &alerts)?, Some(note)))
}

/// The alerts as rows of the outbox: one for each webhook that wants it.
fn addressed(notify: &Notify, alerts: &[Alert]) -> Result<Vec<NewAlert>, StoreError> {
    let mut rows = Vec::new();
    for alert in alerts {
        let body = alert.event.body().map_err(|e| StoreError::Damaged(e.to_string()))?;
        for hook in notify.webhooks.values().filter(|hook| hook.events.contains(&alert.kind)) {
            rows.push(NewAlert { hook: hook.name.clone(), event: alert.event.id.clone(), body: body.clone() });
        }
    }
    Ok(rows)
}

/// The one thing that is left to tell where nothing can be put down any more.
pub(super) fn failed(source: &str, ended: &Ended<'_>) -> Alert {
    let report = ended.report;
    let reasons: Vec<String> = match (&ended.reason, ended.exit) {
        (Some(reason), _) => vec![bounded(reason)],
        (None, Exit::Failed) => vec!["it was stopped before everything was done".to_owned()],
        (None, _) => faults(report).values().take(SHOWN_MAX).map(|reason| bounded(reason)).collect(),
    };
    let failure = |f: &crate::engine::Failure| json!({ "route": f.route.to_string(), "action": f.action, "user": f.home, "error": bounded(&f.error) });
    let failures: Vec<Value> = report.failed.iter().take(SHOWN_MAX).map(failure).collect();
    let data = json!({
        "run": ended.run,
        "trigger": ended.trigger,
        "started_at": ended.started_at.rfc3339(),
        "ended_at": ended.ended_at.rfc3339(),
        "exit_code": ended.exit.code(),
        "reasons": reasons,
        "failed": report.failed.len(),
        "failures": failures,
    });
    about_run(source, AlertKind::RunFailed, ended.run, ended.started_at, ended.ended_at, data)
}

fn never_ended(source: &str, run: &RunRow, at: Timestamp) -> Alert {
    let data = json!({
        "run": run.id,
        "trigger": run.trigger,
        "started_at": run.started_at.rfc3339(),
        "ended_at": null,
        "exit_code": null,
        "reasons": ["it never ended: it was killed, or the machine went down; a later run has gone on from there"],
        "failed": 0,
        "failures": [],
    });
    about_run(source, AlertKind::RunFailed, run.id, run.started_at, at, data)
}

fn refusal(source: &str, ended: &Ended<'_>, route: &str) -> Alert {
    let drafted = &ended.report.drafted;
    let limits: Vec<Value> = drafted
        .refusals
        .iter()
        .filter(|r| r.route.to_string() == route)
        .map(|r| {
            json!({
                "rules": r.rules, "action": r.kind, "planned": r.planned, "linked": r.population,
                "max": r.limit.max, "percent": r.limit.percent,
            })
        })
        .collect();
    let data = json!({ "run": ended.run, "route": route, "limits": limits, "digest": drafted.refused_digest });
    about_route(source, AlertKind::RouteRefused, ended, route, data)
}

fn held(
    source: &str,
    ended: &Ended<'_>,
    found: &Found,
    before: &Announced,
    route: &RouteName,
    people: &[Person],
) -> Alert {
    let all = found.held.get(route);
    let new = all.map_or(0, |all| before.newcomers(route, all).count());
    let person =
        |(id, name, reason): &Person| json!({ "id": id, "userPrincipalName": name, "reason": bounded(reason) });
    let people: Vec<Value> = people.iter().map(person).collect();
    let name = route.to_string();
    let data = json!({
        "run": ended.run, "route": name, "held": all.map_or(0, BTreeSet::len), "new": new, "people": people,
    });
    about_route(source, AlertKind::UsersHeld, ended, &name, data)
}

fn log_head(source: &str, ended: &Ended<'_>, entries: u64, hash: &str) -> Alert {
    let data = json!({ "run": ended.run, "entries": entries, "head": hash });
    // The hash: an entry of that number in a log that was put back to an older state is another one.
    Alert::new(AlertKind::LogHead, &Occasion { source, subject: "log", once: hash, at: ended.ended_at }, data)
}

fn about_run(source: &str, kind: AlertKind, run: RunId, started: Timestamp, at: Timestamp, data: Value) -> Alert {
    let (subject, once) = (format!("run/{run}"), started.0.to_string());
    Alert::new(kind, &Occasion { source, subject: &subject, once: &once, at }, data)
}

fn about_route(source: &str, kind: AlertKind, ended: &Ended<'_>, route: &str, data: Value) -> Alert {
    let once = format!("run {} of {}", ended.run, ended.started_at.0);
    Alert::new(kind, &Occasion { source, subject: route, once: &once, at: ended.ended_at }, data)
}

/// What failed in a run that went on to its end, each with the reason. Who is held, and what waits, has not failed.
fn faults(report: &Report) -> BTreeMap<String, String> {
    let (drafted, readings) = (&report.drafted, &report.drafted.readings);
    let mut faults = BTreeMap::new();
    for (tenant, why) in &readings.unread {
        faults.insert(format!("{tenant} unread"), format!("{tenant} could not be read: {why}"));
    }
    for (tenant, why) in &readings.groupless {
        faults.insert(format!("{tenant} groupless"), format!("the groups of {tenant} could not be read: {why}"));
    }
    for (tenant, users) in &readings.doubtful {
        faults.insert(format!("{tenant} doubtful"), format!("{tenant}: {users} users could not be looked at"));
    }
    for (tenant, why) in &report.unwritten {
        faults.insert(format!("{tenant} unwritten"), format!("{tenant} was given up for this cycle: {why}"));
    }
    let silent = |tenant| readings.unread.contains_key(tenant) || readings.groupless.contains_key(tenant);
    for (route, why) in drafted.skipped.iter().filter(|(r, _)| !silent(&r.home) && !silent(&r.target)) {
        faults.insert(format!("{route} skipped"), format!("{route} was not planned: {why}"));
    }
    let mut failed: BTreeMap<&RouteName, usize> = BTreeMap::new();
    for failure in &report.failed {
        *failed.entry(&failure.route).or_default() += 1;
    }
    for (route, n) in failed {
        faults.insert(format!("{route} failed"), format!("{route}: {n} changes failed"));
    }
    faults
}

fn refused_kinds(report: &Report) -> BTreeMap<String, BTreeSet<ActionKind>> {
    let mut refused: BTreeMap<String, BTreeSet<ActionKind>> = BTreeMap::new();
    for refusal in &report.drafted.refusals {
        refused.entry(refusal.route.to_string()).or_default().insert(refusal.kind);
    }
    refused
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= REASON_CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(REASON_CHARACTERS_MAX).chain(['…']).collect()
}
