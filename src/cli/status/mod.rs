//! How do things stand?

mod needs;
mod text;

use clap::Args;
use serde_json::{Value, json};

use super::clock::SystemClock;
use super::output::Format;
use super::{Exit, Global, Output, render, session};
use crate::config::Config;
use crate::engine::{Standing, TargetAhead, ahead, standing};
use crate::model::Timestamp;
use crate::ports::Clock;
use crate::store::{Mode, RunRow, Store, StoreError};
use needs::Need;

/// Runs that are shown.
const RUNS_SHOWN: u32 = 5;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How it is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

/// Everything that is shown, at one moment.
struct Shown {
    now: Timestamp,
    standing: Standing,
    ahead: Vec<TargetAhead>,
    /// The last ones, newest first.
    runs: Vec<RunRow>,
    needs: Vec<Need>,
}

impl Shown {
    fn of(config: &Config, store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let standing = standing(config, store, now)?;
        let ahead = ahead(config, store, &standing.report, now)?;
        let runs = store.last_runs(RUNS_SHOWN)?;
        let needs = needs::of(&standing.report, &runs, now);
        Ok(Self { now, standing, ahead, runs, needs })
    }

    /// Nothing was ever read, and nothing tried.
    fn is_new(&self) -> bool {
        self.runs.is_empty() && self.standing.report.tenants.iter().all(|t| t.read.is_none())
    }

    /// The run that somebody is at.
    fn under_way(&self) -> Option<&RunRow> {
        let writes = self.standing.report.writer.is_some();
        self.runs.first().filter(|run| writes && run.ended_at.is_none())
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let mut shown = || -> Result<Exit, Exit> {
        let config = session::configuration(global)?;
        let store = session::store(&config, Mode::Look)?;
        session::runtime()?.block_on(async {
            let shown = Shown::of(&config, &store, SystemClock::start().now()).map_err(session::failed)?;
            match arguments.format {
                Format::Json => out.line(format_args!("{}", render::inert_json(&format!("{:#}", document(&shown))))),
                Format::Text => text::write(&shown, out),
            }
            Ok(Exit::Done)
        })
    };
    shown().unwrap_or_else(|exit| exit)
}

fn document(shown: &Shown) -> Value {
    let (report, now) = (&shown.standing.report, shown.now);
    let tenants: Vec<Value> = report
        .tenants
        .iter()
        .map(|tenant| {
            let mut told = json!(tenant);
            told["age_seconds"] = json!(tenant.read.map(|at| now.seconds_since(at)));
            told
        })
        .collect();
    let budgets: Vec<Value> = shown
        .standing
        .budgets
        .iter()
        .map(|b| {
            json!({ "tenant": b.tenant, "budget": b.budget, "limit": b.window.writes_max,
                    "window_seconds": b.window.millis / 1000, "left": b.left, "others_leave": b.most,
                    "paused_until": b.paused_until.map(Timestamp::rfc3339) })
        })
        .collect();
    let head = shown.standing.head.as_ref().map(|(entries, hash)| json!({ "entries": entries, "head": hash }));
    json!({
        "well": shown.needs.is_empty() && !shown.is_new(),
        "needs": shown.needs.iter().map(|need| json!({ "what": need.what, "hint": need.hint })).collect::<Vec<_>>(),
        "tenants": tenants,
        "routes": report.routes,
        "targets": shown.ahead.iter().map(|target| target_document(target, now)).collect::<Vec<_>>(),
        "budgets": budgets,
        "log": head,
        "writer": report.writer,
        "under_way": shown.under_way().map(|run| run.id),
        "runs": shown.runs.iter().map(run_document).collect::<Vec<_>>(),
    })
}

fn target_document(target: &TargetAhead, now: Timestamp) -> Value {
    let seconds = |at: Timestamp| at.millis_since(now).div_ceil(1_000).max(1);
    let lanes: Vec<Value> = target
        .lanes
        .iter()
        .map(|lane| {
            json!({
                "lane": lane.lane.name(),
                "changes": lane.all.changes,
                "writes": lane.all.writes,
                "since": lane.all.since.map(Timestamp::rfc3339),
                "oldest_seconds": lane.all.since.map(|at| now.seconds_since(at)),
                "stopped": lane.stopped,
                "eta_seconds": lane.done_at.map(seconds),
            })
        })
        .collect();
    json!({ "target": target.target, "lanes": lanes, "eta_seconds": target.done_at().map(seconds) })
}

fn run_document(run: &RunRow) -> Value {
    json!({
        "run": run.id,
        "trigger": run.trigger,
        "started_at": run.started_at.rfc3339(),
        "ended_at": run.ended_at.map(Timestamp::rfc3339),
        "exit_code": run.exit_code,
        "summary": serde_json::from_str::<Value>(&run.summary).unwrap_or(Value::Null),
    })
}
