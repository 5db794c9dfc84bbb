//! What is worth telling of a run that has ended?

mod events;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::heads::Head;
use super::{Exit, keys};
use crate::config::{Config, Notify};
use crate::engine::{Event, Notice, Report, Stoppage};
use crate::model::{ActionKind, ObjectId, RouteName, RunId, TenantName, Timestamp, Trigger};
use crate::notify::{Alert, Bell, RouteStoppage, Stoppages, TenantStoppage};
use crate::store::{Door, NewAlert, RoutePart, RunRow, Store, StoreError};

pub(super) use events::failed;

/// People, failures and reasons that one event spells out; all are counted.
const SHOWN_MAX: usize = 20;
/// Runs that never ended, of which one run tells: where each is killed there are many, and they say the same.
const UNENDED_MAX: u32 = 5;

/// A run that has ended.
pub(super) struct Ended<'a> {
    /// Which installation speaks.
    pub(super) source: &'a str,
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
}

/// What was told of already. Kept with the end of each run, so that a run that was killed has told nothing, and the next one
/// tells of the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Announced {
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
struct Found {
    head: Option<Head>,
    held: BTreeMap<RouteName, BTreeSet<ObjectId>>,
    /// Some of those who were not held before.
    newcomers: BTreeMap<RouteName, Vec<Person>>,
    /// Runs before this one that never ended.
    unended: Vec<RunRow>,
}

impl Announced {
    /// What the last run noted. A note that cannot be read is none: telling twice is better than not at all.
    fn of(store: &Store) -> Result<Self, StoreError> {
        let text = store.announced()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn newcomers<'a>(&'a self, route: &RouteName, held: &'a BTreeSet<ObjectId>) -> impl Iterator<Item = &'a ObjectId> {
        let before = self.held.get(&route.to_string());
        held.iter().filter(move |who| before.is_none_or(|before| !before.contains(who)))
    }
}

impl Found {
    fn of(store: &Store, config: &Config, ended: &Ended<'_>, before: &Announced) -> Result<Self, StoreError> {
        let run = ended.run;
        // A key that is not to be had is told of where the run ends; the head alone is better than none.
        let key = keys::of_the_log(config).ok().flatten();
        let head = Head::of(store, run, ended.ended_at)?.map(|head| head.signed(key.as_ref()));
        let mut found = Self { head, ..Self::default() };
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
fn of_run(ended: &Ended<'_>, found: &Found, before: &Announced) -> (Vec<Alert>, Announced) {
    let faults = events::faults(ended.report);
    let mut alerts: Vec<Alert> = found.unended.iter().map(|run| events::never_ended(ended, run)).collect();
    if ended.exit == Exit::Failed || faults.keys().any(|fault| !before.faults.contains(fault)) {
        alerts.push(failed(ended));
    }
    let refused = refused_kinds(ended.report);
    for (route, kinds) in &refused {
        let known = before.refused.get(route);
        if kinds.iter().any(|kind| known.is_none_or(|known| !known.contains(kind))) {
            alerts.push(events::refused(ended, route));
        }
    }
    for (route, people) in found.newcomers.iter().filter(|(_, people)| !people.is_empty()) {
        if let Some(held) = found.held.get(route) {
            let new = before.newcomers(route, held).count();
            alerts.push(events::held(ended, route, held.len(), new, people));
        }
    }
    let head = found.head.as_ref().filter(|head| head.seq > before.head);
    alerts.extend(head.map(|head| events::log_head(ended, head)));

    let whole = ended.whole && ended.exit != Exit::Failed;
    let mut after = if whole { Announced::default() } else { before.clone() };
    after.run = ended.run.0;
    after.head = found.head.as_ref().map_or(0, |head| head.seq);
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
    let found = Found::of(store, config, ended, &before)?;
    let (alerts, after) = of_run(ended, &found, &before);
    let note = serde_json::to_string(&after).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok((addressed(&config.notify, &alerts)?, Some(note)))
}

/// Puts into the outbox at once what does not wait for the end of a run: something is left alone from now on, or works
/// again.
pub(super) fn hear(config: &Config, store: &Store, bell: &Bell, at: Timestamp, event: &Event<'_>) {
    let Event::Notice(notice) = event else { return };
    let alerts = stoppages(notice).alerts(&config.notify.source, at);
    match addressed(&config.notify, &alerts).and_then(|rows| store.enqueue_alerts(&rows, at)) {
        Ok(()) => bell.ring(),
        // The engine meets the same store with its next step, and ends the run.
        Err(error) => tracing::error!(error = error.to_string(), "an alert could not be kept"),
    }
}

fn stoppages(notice: &Notice) -> Stoppages {
    let tenant = |s: &Stoppage<TenantName, Door>| TenantStoppage {
        tenant: s.what.clone(),
        door: s.part.as_str().to_owned(),
        since: s.since,
        reason: s.reason.clone(),
    };
    let route = |s: &Stoppage<RouteName, RoutePart>| RouteStoppage {
        route: s.what.clone(),
        part: s.part.as_str().to_owned(),
        since: s.since,
        code: s.code.clone(),
        reason: s.reason.clone(),
    };
    let none = Stoppages::default();
    match notice {
        Notice::TenantLeftAlone(s) => Stoppages { unreachable: vec![tenant(s)], ..none },
        Notice::TenantBack(s) => Stoppages { reachable: vec![tenant(s)], ..none },
        Notice::RouteQuarantined(s) => Stoppages { quarantined: vec![route(s)], ..none },
        Notice::RouteBack(s) => Stoppages { recovered: vec![route(s)], ..none },
        // Told with what else is known of the run.
        Notice::RouteRefused(_) => none,
    }
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

fn refused_kinds(report: &Report) -> BTreeMap<String, BTreeSet<ActionKind>> {
    let mut refused: BTreeMap<String, BTreeSet<ActionKind>> = BTreeMap::new();
    for refusal in &report.drafted.refusals {
        refused.entry(refusal.route.to_string()).or_default().insert(refusal.kind);
    }
    refused
}
