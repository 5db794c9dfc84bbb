//! How do things stand, to somebody who looks at a terminal?

use comfy_table::{CellAlignment, Table, presets};

use super::super::Output;
use super::super::render::{duration, inert, one_line};
use super::Shown;
use crate::engine::{BudgetLeft, failures_allowed};
use crate::model::Timestamp;
use crate::store::{RouteStatus, RunRow, TenantStatus, Unsettled, WriterStatus};

/// People with the same reason that are told by name.
const NAMES_MAX: usize = 3;
/// Of a window that has no more left than one in so many, it is said.
const NEARLY_USED_UP: u32 = 20;

pub(super) fn write(shown: &Shown, out: &mut Output) {
    verdict(shown, out);
    tenants(shown, out);
    routes(shown, out);
    lanes(shown, out);
    out.line(format_args!(""));
    if let Some(writer) = &shown.standing.report.writer {
        out.line(format_args!("written by {}", self::writer(writer)));
    }
    shown.runs.iter().for_each(|run| out.line(format_args!("{}", run_line(shown, run))));
}

/// The one line for whoever reads no more.
fn verdict(shown: &Shown, out: &mut Output) {
    let waits: u64 = shown.ahead.iter().flat_map(|t| &t.lanes).map(|lane| lane.all.changes).sum();
    let done_at = shown.ahead.iter().filter_map(super::TargetAhead::done_at).max();
    let waits = match (waits, done_at) {
        (0, _) => String::new(),
        (n, None) => format!("; {n} changes wait"),
        (n, Some(at)) => format!("; {n} changes wait, which take at least {}", seconds(at, shown.now)),
    };
    if !shown.needs.is_empty() {
        out.line(format_args!("needs a person{waits}"));
        for need in &shown.needs {
            out.line(format_args!("  {}\n    hint: {}", need.what, need.hint));
        }
    } else if shown.is_new() {
        out.line(format_args!(
            "nothing was synchronised yet\n    hint: `crosstie plan` shows what a first sync would do"
        ));
    } else {
        out.line(format_args!("all well{waits}"));
    }
    out.line(format_args!(""));
}

fn seconds(at: Timestamp, now: Timestamp) -> String {
    duration(at.millis_since(now).div_ceil(1_000).max(1))
}

fn plain_table(head: &[&str], left_aligned: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec());
    for column in table.column_iter_mut().skip(left_aligned) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn left(budget: &BudgetLeft) -> String {
    format!("{} of {} / {} s", budget.left, budget.window.writes_max, budget.window.millis / 1_000)
}

fn budgets<'s>(shown: &'s Shown, tenant: &'s TenantStatus) -> impl Iterator<Item = &'s BudgetLeft> {
    shown.standing.budgets.iter().filter(|b| b.tenant == tenant.tenant)
}

fn tenants(shown: &Shown, out: &mut Output) {
    let mut table = plain_table(&["tenant", "read", "readings", "unanswered", "budget left"], 2);
    for t in &shown.standing.report.tenants {
        let ago = |at| format!("{} ago", duration(shown.now.seconds_since(at)));
        let read = t.read.map_or("never".to_owned(), ago);
        let read = if t.interrupted { format!("{read}, interrupted") } else { read };
        let writes: Vec<String> = budgets(shown, t).filter(|b| b.budget == "writes").map(left).collect();
        table.add_row([
            t.tenant.to_string(),
            read,
            t.readings.to_string(),
            t.unanswered.to_string(),
            writes.join(", "),
        ]);
    }
    out.line(format_args!("{table}"));
    for t in &shown.standing.report.tenants {
        let is_scarce = |b: &&BudgetLeft| b.budget != "writes" && b.left <= b.window.writes_max / NEARLY_USED_UP;
        for scarce in budgets(shown, t).filter(is_scarce) {
            out.line(format_args!("  {}: {}: {}", t.tenant, scarce.budget, left(scarce)));
        }
        budgets(shown, t).for_each(|budget| throttled(budget, shown.now, out));
        breakers(t, shown.now, out);
    }
    out.line(format_args!(""));
}

/// The tenant has refused something for its quota.
fn throttled(budget: &BudgetLeft, now: Timestamp, out: &mut Output) {
    let BudgetLeft { tenant, budget: name, window, most, paused_until, .. } = budget;
    if let Some(until) = paused_until {
        let (until, wait) = (until.rfc3339(), duration(until.seconds_since(now)));
        out.line(format_args!("  {tenant}: {name}: the tenant wants a pause until {until}, {wait} more"));
    }
    if let Some(most) = most {
        let (max, seconds) = (window.writes_max, window.millis / 1_000);
        out.line(format_args!("  {tenant}: {name}: others use the limit too, and leave {most} of {max} / {seconds} s"));
    }
}

fn breakers(tenant: &TenantStatus, now: Timestamp, out: &mut Output) {
    for (door, breaker) in &tenant.breakers {
        let (wait, until) = (breaker.open_until.seconds_since(now), breaker.open_until.rfc3339());
        let then = match (breaker.failures >= failures_allowed(*door), wait) {
            (false, _) => "may fail a few times before it is left alone".to_owned(),
            (true, 0) => "is tried with the next cycle".to_owned(),
            (true, wait) => format!("is left alone until {until}, {} more", duration(wait)),
        };
        let (name, door, failures) = (&tenant.tenant, door.as_str(), breaker.failures);
        let reason = one_line(&breaker.reason);
        out.line(format_args!("  {name}: {door} {then}; {failures} failures in a row: {reason}"));
    }
}

fn routes(shown: &Shown, out: &mut Output) {
    let head = ["route", "links", "provisioned", "joined", "pending", "held", "failed", "waiting", "unseen"];
    let mut table = plain_table(&head, 1);
    for r in &shown.standing.report.routes {
        let numbers = [r.links, r.provisioned, r.joined, r.pending, r.held, r.failed, r.waiting, r.unseen];
        let mut row = vec![r.route.clone()];
        row.extend(numbers.map(|n| n.to_string()));
        table.add_row(row);
    }
    out.line(format_args!("{table}"));
    shown.standing.report.routes.iter().for_each(|route| stopped(route, shown.now, out));
    shown.standing.report.routes.iter().for_each(|route| people(route, shown.now, out));
}

fn stopped(route: &RouteStatus, now: Timestamp, out: &mut Output) {
    let name = &route.route;
    if let Some(refused) = &route.refused {
        out.line(format_args!("  {name} refused by the guard since {}", inert(&refused.since)));
    }
    for (part, quarantine) in &route.quarantined {
        let (part, since, probes) = (part.as_str(), quarantine.since.rfc3339(), quarantine.probes);
        let next = match quarantine.probe_at.seconds_since(now) {
            0 => "with the next cycle".to_owned(),
            wait => format!("in {}", duration(wait)),
        };
        out.line(format_args!("  {name} {part} quarantined since {since}; {probes} probes failed, the next {next}"));
    }
    if let Some(until) = &route.waiting_until {
        out.line(format_args!("  {name} the first grace period ends {}", inert(until)));
    }
}

/// The same reason of many people is told once, with some of their names.
fn people(route: &RouteStatus, now: Timestamp, out: &mut Output) {
    let mut groups: Vec<Vec<&Unsettled>> = Vec::new();
    for person in &route.people {
        let same = |group: &&mut Vec<&Unsettled>| {
            group.first().is_some_and(|first| first.state == person.state && first.detail == person.detail)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(person),
            None => groups.push(vec![person]),
        }
    }
    for group in groups {
        let Some(first) = group.first() else { continue };
        let names: Vec<String> = group.iter().take(NAMES_MAX).map(|person| inert(&person.home)).collect();
        let more = group.len().saturating_sub(NAMES_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (tries, next) = (group.iter().map(|p| p.tries).max(), group.iter().filter_map(|p| p.next_try).min());
        let tried = match (tries.unwrap_or(0), next.map(|at| at.seconds_since(now)).filter(|wait| *wait > 0)) {
            (0 | 1, None) => String::new(),
            (tries, None) => format!(" ({tries} times; again with the next cycle)"),
            (tries, Some(wait)) => format!(" ({tries} times; again in {})", duration(wait)),
        };
        let (name, state, detail) = (&route.route, &first.state, one_line(&first.detail));
        out.line(format_args!("  {name} {state} {}{more}{tried}: {detail}", names.join(", ")));
    }
    let more = (route.held + route.failed).saturating_sub(route.people.len() as u64);
    if more > 0 {
        out.line(format_args!("  {} {more} more are held or failed", route.route));
    }
}

/// What waits, in the order in which each target gets it.
fn lanes(shown: &Shown, out: &mut Output) {
    let head = ["into", "lane", "changes", "writes", "oldest", "stopped", "takes"];
    let mut table = plain_table(&head, 2);
    for target in &shown.ahead {
        for lane in &target.lanes {
            let none = || "-".to_owned();
            table.add_row([
                target.target.to_string(),
                lane.lane.name().to_owned(),
                lane.all.changes.to_string(),
                lane.all.writes.to_string(),
                lane.all.since.map_or_else(none, |at| duration(shown.now.seconds_since(at))),
                lane.stopped.to_string(),
                lane.done_at.map_or_else(none, |at| seconds(at, shown.now)),
            ]);
        }
    }
    if !table.is_empty() {
        out.line(format_args!("\n{table}"));
    }
}

/// As one says who somebody is.
pub(super) fn writer(writer: &WriterStatus) -> String {
    let WriterStatus { user, host, pid, verb, since, .. } = writer;
    inert(&format!("{user}@{host}, process {pid}, {verb} since {since}"))
}

fn run_line(shown: &Shown, run: &RunRow) -> String {
    let end = match (run.ended_at, run.exit_code) {
        (Some(at), Some(code)) => format!("exit {code} after {}", duration(at.seconds_since(run.started_at))),
        _ if shown.under_way().is_some_and(|under_way| under_way.id == run.id) => {
            format!("under way for {}", duration(shown.now.seconds_since(run.started_at)))
        }
        _ => "not ended: under way, or killed".to_owned(),
    };
    format!("run {} ({}) {}: {end}", run.id, run.trigger, run.started_at.rfc3339())
}
