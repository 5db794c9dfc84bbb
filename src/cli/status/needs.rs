//! What does a person have to see to?

use super::super::Exit;
use super::super::render::{duration, one_line};
use crate::engine::failures_allowed;
use crate::model::Timestamp;
use crate::store::{Door, RouteStatus, RunRow, StatusReport, TenantStatus, WriterStatus};

/// A watermark that is as old as this, in seconds, is nobody's schedule any more. It is given up at six days, and everything
/// read anew: two leave four for a person to see it.
const STALE_SECONDS: u64 = 2 * 86_400;
/// Whoever writes gives a sign of life every minute; after ten minutes without one, another machine takes over.
const SILENT_SECONDS: u64 = 600;

/// One thing, most urgent first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) what: String,
    /// The way out.
    pub(super) hint: String,
}

fn need(what: String, hint: impl Into<String>) -> Need {
    Need { what, hint: hint.into() }
}

/// Everything that does not get well by itself, or has not for too long.
pub(super) fn of(report: &StatusReport, runs: &[RunRow], now: Timestamp) -> Vec<Need> {
    let mut needs = Vec::new();
    needs.extend(report.writer.as_ref().and_then(|writer| silent(writer, now)));
    needs.extend(ended_early(runs));
    needs.extend(report.tenants.iter().flat_map(|tenant| left_alone(tenant, now)));
    needs.extend(report.routes.iter().filter_map(refused));
    needs.extend(report.routes.iter().flat_map(|route| quarantined(route, now)));
    needs.extend(report.tenants.iter().filter_map(|tenant| stale(tenant, now)));
    needs.extend(report.routes.iter().filter_map(|route| failed(route, now)));
    needs.extend(report.routes.iter().filter_map(held));
    needs
}

fn silent(writer: &WriterStatus, now: Timestamp) -> Option<Need> {
    let silent = now.seconds_since(Timestamp::parse(&writer.seen)?);
    (silent >= SILENT_SECONDS).then(|| {
        let (who, ago) = (super::text::writer(writer), duration(silent));
        let what = format!("no sign of life for {ago} from whoever writes the store ({who})");
        need(what, "where it is dead, whoever runs next goes on from what it had committed; where it hangs, restart it")
    })
}

/// The last run that has ended, where it ended before its time.
fn ended_early(runs: &[RunRow]) -> Option<Need> {
    let last = runs.iter().find(|run| run.ended_at.is_some())?;
    (last.exit_code == Some(Exit::Failed.code())).then(|| {
        need(
            format!("run {} ended before everything was done", last.id),
            "its own output says why; the next run goes on where it ended",
        )
    })
}

fn left_alone(tenant: &TenantStatus, now: Timestamp) -> Vec<Need> {
    let broken = tenant.breakers.iter().filter(|(door, breaker)| breaker.failures >= failures_allowed(**door));
    broken
        .map(|(door, breaker)| {
            let (name, since) = (&tenant.tenant, duration(now.seconds_since(breaker.since)));
            let done = match door {
                Door::Reading => "cannot be read",
                Door::Writing => "takes no writes",
            };
            let reason = one_line(&breaker.reason);
            let what = format!("{name} {done} since {since}, {} failures in a row: {reason}", breaker.failures);
            need(what, "it is tried again by itself; `crosstie retry` tries it with the next cycle")
        })
        .collect()
}

fn refused(route: &RouteStatus) -> Option<Need> {
    let refused = route.refused.as_ref()?;
    let (name, why) = (&route.route, refused.why.iter().map(|why| one_line(why)).collect::<Vec<_>>().join("; "));
    Some(need(
        format!("the guard refuses {name}, nothing of it is written: {why}"),
        format!(
            "look at `crosstie plan --route '{name}'`; if it is meant, `crosstie sync --approve DIGEST` lets it through"
        ),
    ))
}

fn quarantined(route: &RouteStatus, now: Timestamp) -> Vec<Need> {
    let name = &route.route;
    let parts = route.quarantined.iter();
    parts
        .map(|(part, quarantine)| {
            let (since, reason) = (duration(now.seconds_since(quarantine.since)), one_line(&quarantine.reason));
            let what = format!("{name} is quarantined ({}) since {since}: {reason}", part.as_str());
            need(
                what,
                format!("put right what is refused; `crosstie retry --route '{name}'` tries it with the next cycle"),
            )
        })
        .collect()
}

fn stale(tenant: &TenantStatus, now: Timestamp) -> Option<Need> {
    let age = now.seconds_since(tenant.read?);
    // Where it cannot be read, that was said already.
    let said = tenant.breakers.get(&Door::Reading).is_some_and(|b| b.failures >= failures_allowed(Door::Reading));
    (age >= STALE_SECONDS && !said).then(|| {
        let what = format!("{} was last read {} ago", tenant.tenant, duration(age));
        need(
            what,
            "does `crosstie run` still run? A watermark that is six days old is given up, and everybody read anew",
        )
    })
}

fn failed(route: &RouteStatus, now: Timestamp) -> Option<Need> {
    (route.failed > 0).then(|| {
        let wait = route.next_try.map(|at| at.seconds_since(now)).filter(|wait| *wait > 0);
        let next = wait.map_or("with the next cycle".to_owned(), |wait| format!("in {}", duration(wait)));
        let (name, people) = (&route.route, people(route.failed));
        let what = format!("{name}: the changes of {people} failed; the first is tried again {next}");
        need(what, format!("the reasons stand below; `crosstie retry --route '{name}'` does not wait"))
    })
}

fn held(route: &RouteStatus) -> Option<Need> {
    let what = format!("{}: {} held, for a person to decide", route.route, people(route.held));
    (route.held > 0).then(|| need(what, "the reasons stand below; `crosstie explain USER` says more"))
}

fn people(n: u64) -> String {
    if n == 1 { "1 person".to_owned() } else { format!("{n} people") }
}
