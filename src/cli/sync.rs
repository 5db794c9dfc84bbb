//! How does one cycle go?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use super::one_run::{Errand, Told, one_run};
use super::output::{complain, say};
use super::{Exit, Global, Output, approve, outcome, plan, plan_file, render, session};
use crate::config::Config;
use crate::engine::{Cycle, EngineError, Focus, Report};
use crate::model::{ActionKind, Person, RouteName, RunId, Trigger};
use crate::plan::{Bound, Stale, Staleness};

#[derive(Args, Debug, Default)]
pub(super) struct Arguments {
    /// Only this route, written HOME->TARGET.
    #[arg(long, value_name = "H->T")]
    route: Option<String>,
    /// Only this home user: object id or user principal name.
    #[arg(long, value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Make exactly the changes of this file of `plan --out` or `undo --out` that are still due as they stand there.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["route", "user", "full"])]
    plan: Option<PathBuf>,
    /// Let the plan with this digest pass the guard, once.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    approve: Option<String>,
    /// Read every tenant from the start, whatever the watermarks say.
    #[arg(long)]
    full: bool,
    /// This tenant has really lost so many people: believe its reading.
    #[arg(long, value_name = "TENANT", conflicts_with = "plan")]
    shrunken: Vec<String>,
    /// Another machine that wrote this store is gone for good: do not wait until its place is free.
    #[arg(long)]
    take_over: bool,
}

pub(super) fn digest(text: &str) -> Result<String, String> {
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

/// What is to be carried out.
pub(super) struct Order {
    pub(super) focus: Focus,
    pub(super) trigger: Trigger,
    /// The digest of a plan that may pass the guard.
    pub(super) approve: Option<String>,
    pub(super) take_over: bool,
    /// The verb with the options that lead here again.
    pub(super) verb: String,
}

/// One cycle on an open runtime: what `sync` does, and the demo.
pub(super) async fn cycle(
    global: &Global,
    config: &Config,
    arguments: &Arguments,
    out: &mut Output,
) -> Result<Exit, Exit> {
    let route = session::route(config, arguments.route.as_deref())?;
    let saved = arguments.plan.as_deref().map(|path| plan_file::load(path, config)).transpose()?;
    let (mut verb, mut approve, mut signed_by) = ("sync".to_owned(), arguments.approve.clone(), Vec::new());
    if let (Some(path), Some(saved)) = (&arguments.plan, &saved) {
        verb = format!("sync --plan {}", path.display());
        signed_by = approve::signed_by(path, saved, config.approval.as_ref())?;
        approve = (!signed_by.is_empty()).then(|| saved.digest.clone()).or(approve);
    }
    // Other routes are not even read.
    let due = saved.as_ref().map(|saved| saved.routes.keys().cloned().collect());
    let shrunken = session::tenants(config, &arguments.shrunken)?;
    let (user, full) = (arguments.user.clone(), arguments.full);
    let undo = saved.as_ref().and_then(|saved| saved.undo);
    let trigger = if undo.is_some() { Trigger::Undo } else { Trigger::Manual };
    let focus = Focus { route, due, user, full, saved, signed_by, shrunken, undo, ..Focus::default() };
    let order = Order { focus, trigger, approve, take_over: arguments.take_over, verb };
    let ended = carry_out(global, config, order, out).await;
    if undo.is_some() {
        super::undo::note(&ended);
    }
    ended
}

/// One run, whatever it is for.
pub(super) async fn carry_out(global: &Global, config: &Config, order: Order, out: &mut Output) -> Result<Exit, Exit> {
    let Order { focus, trigger, approve, take_over, verb } = order;
    let name = if trigger == Trigger::Undo { "undo" } else { "sync" };
    let whole = focus.route.is_none() && focus.user.is_none() && focus.saved.is_none() && focus.undo.is_none();
    let errand = Errand { verb: name, trigger, focus, take_over, whole };
    let approve = approve.as_deref();
    let doors = |readers| session::writers(config, readers);
    let work = async |cycle: &Cycle<'_, _, _>, run| cycle.sync(trigger, run, approve).await;
    one_run(global, config, errand, doors, work, |result, run, _| told(result, run, &verb, approve, out)).await
}

/// Says how it went: the report, the exit code, and why it ended early where it did.
fn told(result: Result<Report, EngineError>, run: RunId, verb: &str, approved: Option<&str>, out: &mut Output) -> Told {
    match result {
        Ok(report) => {
            show(&report, verb, out);
            let exit = exit(&report, approved);
            (report, exit, None)
        }
        Err(error) => {
            let exit = session::failed(format_args!(
                "{error}\nrun {run} ended early; the next one looks up what is not recorded, and goes on"
            ));
            (Report { run: Some(run), ..Report::default() }, exit, Some(error.to_string()))
        }
    }
}

fn show(report: &Report, verb: &str, out: &mut Output) {
    let planned = report.drafted.plan.routes.iter().map(|r| &r.route);
    // What was made ahead of a plan is told of also where that never came.
    let routes: BTreeSet<_> = planned.chain(report.applied.keys().map(|(route, _)| route)).collect();
    for route in routes {
        out.line(format_args!("{route}: {}", what_came_of(report, route)));
    }
    for held in report.drafted.plan.routes.iter().flat_map(|r| &r.held).take(render::SHOWN) {
        let who = render::inert(&held.home.user_principal_name);
        out.line(format_args!("{}: held {who}: {}", held.route, render::one_line(&held.hold.to_string())));
    }
    out.flush();
    plan::complaints(&report.drafted, verb);
    stale(&report.drafted.stale);
    if report.left_out > 0 {
        say(format_args!("{} more changes are due that the plan does not have; they were left alone", report.left_out));
    }
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

/// What is not made because things are not what they were: all of it, for somebody has approved it.
pub(super) fn stale(all: &[Stale]) {
    let who = |home: &Person| match render::inert(&home.user_principal_name) {
        name if name.is_empty() => home.id.to_string(),
        name => name,
    };
    for Stale { route, home, action, why } in all {
        let said = render::inert(&why.to_string());
        let what = if matches!(why, Staleness::NotUndone(_)) { "is not taken back" } else { "was refused" };
        complain(format_args!("{route}: {action} of {} {what}: {said}", who(home)));
    }
    let refused = all.iter().filter(|stale| !matches!(stale.why, Staleness::NotUndone(_))).count();
    if refused > 0 {
        say(format_args!(
            "{refused} changes of the plan were not made, because they are not what was looked at\nhint: make a new plan for what is due now"
        ));
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
    let is_refused = report.drafted.refusals.iter().any(|r| r.route == *route);
    let made = |kind: ActionKind| report.applied.get(&(route.clone(), kind)).map(|n| format!("{n} {kind}"));
    let mut words: Vec<String> = ActionKind::ALL.into_iter().filter_map(made).collect();
    let failed = report.failed.iter().filter(|f| f.route == *route).count();
    if failed > 0 {
        words.push(format!("{failed} failed"));
    }
    match (is_refused, words.is_empty()) {
        (true, true) => "refused by the guard, nothing was written".to_owned(),
        (true, false) => format!("{}; the rest was refused by the guard", words.join(", ")),
        (false, true) => "nothing to do".to_owned(),
        (false, false) => words.join(", "),
    }
}

fn exit(report: &Report, approved: Option<&str>) -> Exit {
    let guarded = report.drafted.refusals.iter().any(|refusal| refusal.bound != Bound::Signatures);
    if let Some(digest) = approved.filter(|_| guarded) {
        complain(format_args!(
            "the plan is not the one that was approved ({digest}): its digest is now {}",
            report.drafted.refused_digest
        ));
    }
    let exit = outcome::exit(report);
    if report.stopped { exit.and(Exit::Failed) } else { exit }
}
