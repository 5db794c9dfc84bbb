//! What does an alert say of a run?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ended, Person, SHOWN_MAX};
use crate::cli::Exit;
use crate::cli::heads::Head;
use crate::config::AlertKind;
use crate::engine::{Failure, Report};
use crate::model::{ActionKind, RouteName, RunId, Timestamp};
use crate::notify::{Alert, Occasion};
use crate::store::RunRow;

/// Characters of one reason. With the bound on how many are spelt out, an event stays under the 20 kB that Standard Webhooks
/// recommends.
const REASON_CHARACTERS_MAX: usize = 300;

/// A run ended early, or something of it failed. The one thing that is left to tell where nothing can be put down any more.
pub(in crate::cli) fn failed(ended: &Ended<'_>) -> Alert {
    let report = ended.report;
    let reasons: Vec<String> = match (&ended.reason, ended.exit) {
        (Some(reason), _) => vec![bounded(reason)],
        // Code of ours gave up: that is told with the tenant in which it did.
        (None, Exit::Failed) if !report.crashed => vec!["it was stopped before everything was done".to_owned()],
        (None, _) => faults(report).values().take(SHOWN_MAX).map(|reason| bounded(reason)).collect(),
    };
    let failure = |f: &Failure| json!({ "route": f.route.to_string(), "action": f.action, "user": f.home, "error": bounded(&f.error) });
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
    about_run(ended, ended.run, ended.started_at, data)
}

/// An earlier run never ended.
pub(super) fn never_ended(ended: &Ended<'_>, run: &RunRow) -> Alert {
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
    about_run(ended, run.id, run.started_at, data)
}

/// The guard refused a route's plan.
pub(super) fn refused(ended: &Ended<'_>, route: &str) -> Alert {
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
    about_route(ended, AlertKind::RouteRefused, route, data)
}

/// Some of those who are held on a route were not held before.
pub(super) fn held(ended: &Ended<'_>, route: &RouteName, held: usize, new: usize, people: &[Person]) -> Alert {
    let person =
        |(id, name, reason): &Person| json!({ "id": id, "userPrincipalName": name, "reason": bounded(reason) });
    let (people, name): (Vec<Value>, _) = (people.iter().map(person).collect(), route.to_string());
    let data = json!({ "run": ended.run, "route": name, "held": held, "new": new, "people": people });
    about_route(ended, AlertKind::UsersHeld, &name, data)
}

/// The change log has a new end.
pub(super) fn log_head(ended: &Ended<'_>, head: &Head) -> Alert {
    let Head { store, seq, hash, key, signature, .. } = head;
    let mut data = json!({ "run": ended.run, "entries": seq, "head": hash, "store": store });
    if let (Some(key), Some(signature), Value::Object(fields)) = (key, signature, &mut data) {
        fields.insert("key".to_owned(), json!(key));
        fields.insert("signature".to_owned(), json!(signature));
    }
    // The hash: an entry of that number in a log that was put back to an older state is another one.
    let occasion = Occasion { source: ended.source, subject: "log", once: hash, at: ended.ended_at };
    Alert::new(AlertKind::LogHead, &occasion, data)
}

/// `run` may be an earlier one than that which tells of it: told by whomever, it is the same event.
fn about_run(ended: &Ended<'_>, run: RunId, started: Timestamp, data: Value) -> Alert {
    let (subject, once) = (format!("run/{run}"), started.0.to_string());
    let occasion = Occasion { source: ended.source, subject: &subject, once: &once, at: ended.ended_at };
    Alert::new(AlertKind::RunFailed, &occasion, data)
}

fn about_route(ended: &Ended<'_>, kind: AlertKind, route: &str, data: Value) -> Alert {
    let once = format!("run {} of {}", ended.run, ended.started_at.0);
    Alert::new(kind, &Occasion { source: ended.source, subject: route, once: &once, at: ended.ended_at }, data)
}

/// What failed in a run that went on to its end, each with the reason. Who is held, and what waits, has not failed.
pub(super) fn faults(report: &Report) -> BTreeMap<String, String> {
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
    let mut failed: BTreeMap<(&RouteName, ActionKind), usize> = BTreeMap::new();
    for failure in &report.failed {
        *failed.entry((&failure.route, failure.action)).or_default() += 1;
    }
    for ((route, action), n) in failed {
        faults.insert(format!("{route} {action} failed"), format!("{route}: {n} {action} failed"));
    }
    faults
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= REASON_CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(REASON_CHARACTERS_MAX).chain(['…']).collect()
}
