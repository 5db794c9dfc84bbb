//! How did a run go: as an exit code, and for the store?

use std::collections::BTreeMap;

use serde_json::json;

use super::alerts::{self, Ended};
use super::clock::SystemClock;
use super::output::complain;
use super::post::Outgoing;
use super::{Exit, heads, log, render, session};
use crate::config::Config;
use crate::engine::Report;
use crate::store::{RunEnd, Store, StoreError};

/// What a whole cycle leads to.
pub(super) fn exit(report: &Report) -> Exit {
    let exit = if report.complete() && !report.stopped { Exit::Done } else { Exit::Incomplete };
    let exit = if report.drafted.refusals.is_empty() { exit } else { exit.and(Exit::Refused) };
    if report.crashed { exit.and(Exit::Failed) } else { exit }
}

/// Puts down that the run has ended, together with what is told of it. Its exit code never depends on alerts.
pub(super) async fn end(
    config: &Config,
    store: &Store,
    clock: &SystemClock,
    outgoing: &Outgoing,
    ended: &Ended<'_>,
) -> Result<Exit, Exit> {
    // Before the end is told of anywhere: what is told is the end with that.
    let retained = log::retain(config, store, ended.ended_at).err().map_or(Exit::Done, |_| Exit::Incomplete);
    let summary = summary(ended.report);
    let put_down = || -> Result<(), StoreError> {
        let end = RunEnd { exit_code: ended.exit.code(), summary: &summary, ..RunEnd::default() };
        if outgoing.is_closed() {
            return store.end_run_with(ended.run, ended.ended_at, &end);
        }
        let (rows, announced) = alerts::rows(config, store, ended)?;
        store.end_run_with(ended.run, ended.ended_at, &RunEnd { alerts: &rows, announced: announced.as_deref(), ..end })
    };
    let Err(error) = put_down() else {
        let shown = heads::export(config, store, ended.run, ended.ended_at);
        let shown = shown.map_or_else(
            |why| {
                complain(format_args!("{why}"));
                Exit::Incomplete
            },
            |()| Exit::Done,
        );
        return Ok(ended.exit.and(retained).and(shown));
    };
    let (exit, reason) = (session::failed(&error), Some(error.to_string()));
    let alert = alerts::failed(&Ended { exit, reason, ..*ended });
    outgoing.directly(clock, config, &alert).await;
    Err(exit)
}

/// Puts down how far a long run has come, with what is to be told of it by now.
pub(super) fn progress(
    config: &Config,
    store: &Store,
    outgoing: &Outgoing,
    so_far: &Ended<'_>,
) -> Result<(), StoreError> {
    let (run, now, summary) = (so_far.run, so_far.ended_at, summary(so_far.report));
    let note = RunEnd { summary: &summary, ..RunEnd::default() };
    if outgoing.is_closed() {
        return store.note_progress(run, now, &note);
    }
    let (rows, announced) = alerts::rows(config, store, so_far)?;
    store.note_progress(run, now, &RunEnd { alerts: &rows, announced: announced.as_deref(), ..note })
}

fn summary(report: &Report) -> String {
    let mut applied: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for ((route, kind), n) in &report.applied {
        applied.entry(route.to_string()).or_default().insert(kind.as_str(), *n);
    }
    let held: usize = report.drafted.plan.routes.iter().map(|r| r.held.len()).sum();
    let mut summary = json!({
        "applied": applied,
        "failed": report.failed.len(),
        "held": held,
        "stale": report.drafted.stale.len(),
        "waiting": report.waiting,
        "unread": report.drafted.readings.unread.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "read_anew": render::read_anew(&report.drafted.readings),
        "unwritten": report.unwritten.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "refused": report.drafted.refusals.iter().map(|r| r.route.to_string()).collect::<Vec<_>>(),
    });
    if let (Some((digest, by)), serde_json::Value::Object(fields)) = (&report.approved, &mut summary) {
        fields.insert("approved".to_owned(), json!(digest));
        fields.insert("approved_by".to_owned(), json!(by));
    }
    summary.to_string()
}
