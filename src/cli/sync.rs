//! How does one cycle go?

use std::collections::BTreeMap;

use clap::Args;
use tracing::Instrument;

use super::alerts::{self, Ended};
use super::clock::SystemClock;
use super::output::complain;
use super::post::Outgoing;
use super::progress::Progress;
use super::{Exit, Global, Output, chronicle, outcome, plan, render, session};
use crate::config::Config;
use crate::engine::{Cycle, EngineError, Focus, Report, longest_window_millis};
use crate::graph::RequestIds;
use crate::model::{ActionKind, RouteName, RunId, Trigger};
use crate::notify::Bell;
use crate::ports::Clock;

#[derive(Args, Debug, Default)]
pub(super) struct Arguments {
    /// Only this route, written HOME->TARGET.
    #[arg(long, value_name = "H->T")]
    route: Option<String>,
    /// Only this home user: object id or user principal name.
    #[arg(long, value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Let the plan with this digest pass the guard, once.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    approve: Option<String>,
    /// Read every tenant from the start, whatever the watermarks say.
    #[arg(long)]
    full: bool,
    /// Another machine that wrote this store is gone for good: do not wait until its place is free.
    #[arg(long)]
    take_over: bool,
}

fn digest(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    let whole = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if whole {
        Ok(text.to_owned())
    } else {
        Err("a digest is sha256: and 64 hexadecimal digits; `plan` prints it".to_owned())
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    session::online(global, async |config| cycle(global, config, arguments, out).await)
}

/// One cycle on an open runtime: what `sync` does, and the demo.
pub(super) async fn cycle(
    global: &Global,
    config: &Config,
    arguments: &Arguments,
    out: &mut Output,
) -> Result<Exit, Exit> {
    let route = session::route(config, arguments.route.as_deref())?;
    let focus = Focus { route, user: arguments.user.clone(), full: arguments.full, ..Focus::default() };
    let clock = SystemClock::start();
    let directories = session::writers(config, session::connect(config, clock)?);
    let outgoing = Outgoing::open(config)?;
    let store = session::store_to_write(config, "sync", arguments.take_over, &clock)?;
    session::remember_units(config, &store, &directories).map_err(session::failed)?;
    let (progress, ids) = (Progress::new(global), RequestIds::random().map_err(session::failed)?);
    let bell = Bell::default();
    store.forget_spent(clock.now(), longest_window_millis(config)).map_err(session::failed)?;
    let (whole, started_at) = (focus.route.is_none() && focus.user.is_none(), clock.now());
    let run = store.begin_run(Trigger::Manual, started_at).map_err(session::failed)?;
    session::until_stopped(async |stop| {
        let cycle = Cycle {
            config,
            store: &store,
            clock: &clock,
            directories: &directories,
            focus,
            request_ids: &|| ids.next_id(),
            watch: &|event| {
                progress.hear(&event);
                alerts::hear(config, &store, &bell, clock.now(), &event);
            },
            stop: stop.clone(),
        };
        let work = async {
            let work = cycle.sync(Trigger::Manual, run, arguments.approve.as_deref());
            let result = session::alive(&store, &clock, work).instrument(chronicle::span(run)).await;
            progress.clear();
            // Where the store is somebody else's by now, nothing more is written to it, not even that this run is over.
            let result = result.map_err(session::failed)?;
            let (report, exit, reason) = told(result, run, arguments, out);
            let (trigger, ended_at, report) = (Trigger::Manual, clock.now(), &report);
            let source = config.notify.source.as_str();
            let ended = Ended { source, run, trigger, started_at, ended_at, exit, reason, report, whole };
            outcome::end(config, &store, &clock, &outgoing, &ended).await
        };
        outgoing.beside(&store, &clock, &bell, stop, work).await
    })
    .await
}

/// Says how it went: the report, the exit code, and why it ended early where it did.
fn told(
    result: Result<Report, EngineError>,
    run: RunId,
    arguments: &Arguments,
    out: &mut Output,
) -> (Report, Exit, Option<String>) {
    match result {
        Ok(report) => {
            show(&report, out);
            let exit = exit(&report, arguments.approve.as_deref());
            (report, exit, None)
        }
        Err(error) => {
            let exit = session::failed(format_args!(
                "{error}\nrun {run} ended early; everything that was answered is recorded, and the next run goes on"
            ));
            (Report { run: Some(run), ..Report::default() }, exit, Some(error.to_string()))
        }
    }
}

fn show(report: &Report, out: &mut Output) {
    let mut routes: Vec<_> = report.drafted.plan.routes.iter().map(|r| &r.route).collect();
    routes.sort();
    for route in routes {
        out.line(format_args!("{route}: {}", what_came_of(report, route)));
    }
    for held in report.drafted.plan.routes.iter().flat_map(|r| &r.held).take(render::SHOWN) {
        let who = render::inert(&held.home.user_principal_name);
        out.line(format_args!("{}: held {who}: {}", held.route, render::inert(&held.hold.to_string())));
    }
    out.flush();
    plan::complaints(&report.drafted);
    failures(report);
    for (tenant, why) in &report.unwritten {
        complain(format_args!("{tenant} was given up for this cycle: {why}"));
    }
    for ((route, part), why) in &report.quarantined {
        complain(format_args!(
            "{route}: {} are quarantined: {why}\nhint: put right what is refused; the next cycle lets a few changes through to see",
            part.as_str()
        ));
    }
    if report.waiting > 0 {
        complain(format_args!("{} changes wait for the next cycle", report.waiting));
    }
}

/// The same fault of many people is told once, with their names.
fn failures(report: &Report) {
    let mut by_error: BTreeMap<(&RouteName, ActionKind, &str), Vec<String>> = BTreeMap::new();
    for failure in &report.failed {
        let key = (&failure.route, failure.action, failure.error.as_str());
        by_error.entry(key).or_default().push(render::inert(&failure.home.user_principal_name));
    }
    for ((route, action, error), people) in by_error {
        let mut names = people.iter().take(render::SHOWN).cloned().collect::<Vec<_>>().join(", ");
        if people.len() > render::SHOWN {
            names += &format!(" and {} more (crosstie log has them all)", people.len() - render::SHOWN);
        }
        complain(format_args!("{route}: {action} of {names} failed: {error}"));
    }
}

/// What came of one route, in a few words.
fn what_came_of(report: &Report, route: &RouteName) -> String {
    if report.drafted.refusals.iter().any(|r| r.route == *route) {
        return "refused by the guard, nothing was written".to_owned();
    }
    let made = |kind: ActionKind| report.applied.get(&(route.clone(), kind)).map(|n| format!("{n} {kind}"));
    let mut words: Vec<String> = ActionKind::ALL.into_iter().filter_map(made).collect();
    let failed = report.failed.iter().filter(|f| f.route == *route).count();
    if failed > 0 {
        words.push(format!("{failed} failed"));
    }
    if words.is_empty() { "nothing to do".to_owned() } else { words.join(", ") }
}

fn exit(report: &Report, approved: Option<&str>) -> Exit {
    if let Some(digest) = approved.filter(|_| !report.drafted.refusals.is_empty()) {
        complain(format_args!(
            "the plan is not the one that was approved ({digest}): its digest is now {}",
            report.drafted.refused_digest
        ));
    }
    let exit = outcome::exit(report);
    if report.stopped { exit.and(Exit::Failed) } else { exit }
}
