//! How do things stand?

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::clock::SystemClock;
use super::output::Format;
use super::{Exit, Global, Output, render, session};
use crate::config::Config;
use crate::engine::Budgets;
use crate::model::Timestamp;
use crate::ports::Clock;
use crate::quota::{Meter, Window};
use crate::store::{Mode, RunRow, StatusReport, Store, StoreError};

/// Runs that are shown.
const RUNS_SHOWN: u32 = 5;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How it is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let mut shown = || -> Result<Exit, Exit> {
        let config = session::configuration(global)?;
        let store = session::store(&config, Mode::Look)?;
        session::runtime()?.block_on(async {
            let now = SystemClock::start().now();
            show(&config, &store, now, arguments.format, out).map_err(session::failed)
        })?;
        Ok(Exit::Done)
    };
    shown().unwrap_or_else(|exit| exit)
}

/// What is left in each window of a tenant's budgets.
struct Left {
    tenant: String,
    budget: &'static str,
    windows: Vec<(Window, u32)>,
}

fn show(config: &Config, store: &Store, now: Timestamp, format: Format, out: &mut Output) -> Result<(), StoreError> {
    let tenants: Vec<_> = config.tenants.keys().cloned().collect();
    let routes: Vec<_> = config.routes.iter().map(|r| r.name.clone()).collect();
    let report = store.status(&tenants, &routes)?;
    let runs = store.last_runs(RUNS_SHOWN)?;
    let mut left = Vec::new();
    for tenant in config.tenants.values() {
        for (word, budget) in Budgets::of(config, tenant).named() {
            let mut meter = Meter::new(&budget.windows);
            meter.remember(store.spent(&budget.name)?);
            left.push(Left { tenant: tenant.name.to_string(), budget: word, windows: meter.left(now) });
        }
    }
    match format {
        Format::Json => out.line(format_args!("{:#}", document(&report, &left, &runs))),
        Format::Text => text(&report, &left, &runs, now, out),
    }
    Ok(())
}

fn document(report: &StatusReport, left: &[Left], runs: &[RunRow]) -> Value {
    let budgets: Vec<Value> = left
        .iter()
        .flat_map(|l| {
            l.windows.iter().map(|(w, n)| {
                json!({ "tenant": l.tenant, "budget": l.budget, "limit": w.writes_max,
                        "window_seconds": w.millis / 1000, "left": n })
            })
        })
        .collect();
    let runs: Vec<Value> = runs
        .iter()
        .map(|r| {
            json!({
                "run": r.id,
                "trigger": r.trigger,
                "started_at": r.started_at.rfc3339(),
                "ended_at": r.ended_at.map(Timestamp::rfc3339),
                "exit_code": r.exit_code,
                "summary": serde_json::from_str::<Value>(&r.summary).unwrap_or(Value::Null),
            })
        })
        .collect();
    json!({ "tenants": report.tenants, "routes": report.routes, "budgets": budgets, "runs": runs })
}

fn plain_table(head: &[&str], left_aligned: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec());
    for column in table.column_iter_mut().skip(left_aligned) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn text(report: &StatusReport, left: &[Left], runs: &[RunRow], now: Timestamp, out: &mut Output) {
    let mut tenants = plain_table(&["tenant", "read", "readings", "unanswered", "budget left"], 2);
    for t in &report.tenants {
        let read = t.read.map_or("never".to_owned(), |at| format!("{} ago", render::duration(now.seconds_since(at))));
        let read = if t.interrupted { format!("{read}, interrupted") } else { read };
        let budget = left.iter().find(|l| l.tenant == t.tenant.as_str() && l.budget == "writes");
        let budget: Vec<String> = budget
            .map(|l| {
                l.windows.iter().map(|(w, n)| format!("{n} of {} / {} s", w.writes_max, w.millis / 1000)).collect()
            })
            .unwrap_or_default();
        tenants.add_row([
            t.tenant.to_string(),
            read,
            t.readings.to_string(),
            t.unanswered.to_string(),
            budget.join(", "),
        ]);
    }
    out.line(format_args!("{tenants}\n"));
    let head = ["route", "links", "provisioned", "joined", "pending", "held", "failed", "waiting", "unseen"];
    let mut routes = plain_table(&head, 1);
    for r in &report.routes {
        let numbers = [r.links, r.provisioned, r.joined, r.pending, r.held, r.failed, r.waiting, r.unseen];
        let mut row = vec![r.route.clone()];
        row.extend(numbers.map(|n| n.to_string()));
        routes.add_row(row);
    }
    out.line(format_args!("{routes}"));
    for route in &report.routes {
        for person in &route.people {
            let (home, detail) = (render::inert(&person.home), render::inert(&person.detail));
            out.line(format_args!("  {} {} {home}: {detail}", route.route, person.state));
        }
    }
    out.line(format_args!(""));
    for run in runs {
        let end = match (run.ended_at, run.exit_code) {
            (Some(at), Some(code)) => {
                format!("exit {code} after {}", render::duration(at.seconds_since(run.started_at)))
            }
            _ => "not ended: under way, or killed".to_owned(),
        };
        out.line(format_args!("run {} ({}) {}: {end}", run.id, run.trigger, run.started_at.rfc3339()));
    }
}
