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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{RouteName, RunId};
    use crate::store::{Breaker, Quarantine, Refused, RoutePart};

    const NOW: Timestamp = Timestamp(1_795_392_000_000);

    fn ago(seconds: u64) -> Timestamp {
        Timestamp(NOW.0 - seconds * 1_000)
    }
    fn tenant(name: &str, read: Option<Timestamp>) -> TenantStatus {
        TenantStatus {
            tenant: name.into(),
            read_at: None,
            read,
            readings: 1,
            interrupted: false,
            unanswered: 0,
            breakers: BTreeMap::new(),
        }
    }
    fn route(name: &str) -> RouteStatus {
        RouteStatus {
            route: name.to_owned(),
            name: RouteName::parse(name).unwrap(),
            links: 9,
            provisioned: 9,
            joined: 0,
            pending: 5,
            lanes: BTreeMap::new(),
            held: 0,
            failed: 0,
            next_try: None,
            waiting: 3,
            waiting_until: None,
            unseen: 2,
            refused: None,
            quarantined: BTreeMap::new(),
            people: Vec::new(),
        }
    }
    fn well() -> StatusReport {
        let (tenants, routes) = (vec![tenant("north", Some(ago(60)))], vec![route("north->south")]);
        StatusReport { tenants, routes, writer: None }
    }
    fn run(id: u64, exit_code: Option<u8>) -> RunRow {
        RunRow {
            id: RunId(id),
            trigger: "schedule".to_owned(),
            started_at: ago(60),
            ended_at: exit_code.map(|_| NOW),
            exit_code,
            summary: String::new(),
        }
    }
    fn breaker(failures: u32) -> Breaker {
        Breaker { failures, since: ago(120), open_until: NOW, reason: "no\nhint: ask".to_owned() }
    }
    /// What is needed after one edit of what is well.
    fn after(edit: impl FnOnce(&mut StatusReport)) -> Vec<String> {
        let mut report = well();
        edit(&mut report);
        let needs = of(&report, &[run(1, Some(0))], NOW);
        assert!(needs.iter().all(|need| !need.hint.is_empty()));
        needs.into_iter().map(|need| need.what).collect()
    }

    #[test]
    fn work_under_way_needs_nobody() {
        for runs in [vec![], vec![run(2, None), run(1, Some(4))], vec![run(2, Some(3)), run(1, Some(1))]] {
            assert_eq!(of(&well(), &runs, NOW), []);
        }
    }

    #[test]
    fn a_run_that_was_cut_short_is_told_until_one_ends_otherwise() {
        let needs = of(&well(), &[run(3, None), run(2, Some(1)), run(1, Some(0))], NOW);
        assert_eq!(needs[0].what, "run 2 ended before everything was done");
    }

    #[test]
    fn a_tenant_is_told_of_once_it_is_left_alone() {
        let broken = |door, failures| after(|r| drop(r.tenants[0].breakers.insert(door, breaker(failures))));
        assert!(broken(Door::Reading, 2).is_empty());
        assert_eq!(broken(Door::Reading, 3), ["north cannot be read since 2 min, 3 failures in a row: no; hint: ask"]);
        assert_eq!(broken(Door::Writing, 1), ["north takes no writes since 2 min, 1 failures in a row: no; hint: ask"]);
    }

    #[test]
    fn a_watermark_is_told_of_when_it_is_too_old_and_nothing_else_said_so() {
        let aged = |seconds| after(|r| r.tenants[0].read = Some(ago(seconds)));
        assert!(aged(STALE_SECONDS - 1).is_empty());
        assert_eq!(aged(STALE_SECONDS), ["north was last read 48 h 0 min ago"]);
        assert!(after(|r| r.tenants[0].read = None).is_empty(), "never: a new tenant");
        let both = after(|r| {
            r.tenants[0].read = Some(ago(STALE_SECONDS));
            r.tenants[0].breakers.insert(Door::Reading, breaker(9));
        });
        assert_eq!(both.len(), 1);
    }

    #[test]
    fn routes_and_people_are_told_of_in_the_order_of_urgency() {
        let quarantine = Quarantine {
            since: ago(600),
            probes: 1,
            probe_at: NOW,
            code: "x".to_owned(),
            reason: "the same refusal met 10 people in a row: no".to_owned(),
        };
        let needs = after(|r| {
            let route = &mut r.routes[0];
            (route.held, route.failed, route.next_try) = (1, 12, Some(NOW.plus_seconds(60)));
            route.refused = Some(Refused { since: "s".to_owned(), why: vec!["a".to_owned(), "b".to_owned()] });
            route.quarantined.insert(RoutePart::Others, quarantine);
            let (user, host, verb) = ("u".to_owned(), "h".to_owned(), "run".to_owned());
            let seen = ago(SILENT_SECONDS).rfc3339();
            r.writer = Some(WriterStatus { user, host, pid: 7, verb, since: "s".to_owned(), seen });
        });
        let wanted = [
            "no sign of life for 10 min from whoever writes the store (u@h, process 7, run since s)",
            "the guard refuses north->south, nothing of it is written: a; b",
            "north->south is quarantined (others) since 10 min: the same refusal met 10 people in a row: no",
            "north->south: the changes of 12 people failed; the first is tried again in 60 s",
            "north->south: 1 person held, for a person to decide",
        ];
        assert_eq!(needs, wanted);
        let soon = after(|r| (r.routes[0].failed, r.routes[0].next_try) = (1, Some(ago(5))));
        assert_eq!(
            soon,
            ["north->south: the changes of 1 person failed; the first is tried again with the next cycle"]
        );
    }
}
