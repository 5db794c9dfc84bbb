//! What does the log say of a run that nobody watches?
//!
//! One line an event, each readable alone; what a tenant said is in fields, where a line end cannot make two lines of it.

use std::collections::{BTreeMap, BTreeSet};

use super::Exit;
use crate::config;
use crate::engine::{EngineError, Notice, Report};
use crate::model::{ActionKind, Attribute, RouteName, RunId, TenantName};

/// Findings that one line names; `crosstie check` shows all, each with its place in the file.
const FINDINGS_MAX: usize = 3;

/// Lines of these are shown without `-v`.
macro_rules! tell {
    ($level:ident, $($what:tt)+) => { tracing::$level!(target: "crosstie::run", $($what)+) };
}
pub(super) use tell;

/// Every line of a run is told within it, and so names it. As important as the most important of them: at no verbosity is a
/// line shown without the run that it belongs to.
pub(super) fn span(run: RunId) -> tracing::Span {
    tracing::error_span!(target: "crosstie::run", "run", id = run.0)
}

/// Findings in few words: errors where there are some, warnings else.
pub(super) fn brief(report: &config::Report) -> String {
    let findings = report.findings();
    let found: Vec<_> = findings.iter().filter(|l| l.finding.is_error() == report.is_error()).collect();
    let one = |l: &&config::Located<'_>| {
        let place = format!("{}:{}:{}", l.file.display(), l.line, l.column);
        let hint = l.finding.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        format!("{place}: {}{hint}", l.finding.message)
    };
    let mut all = found.iter().take(FINDINGS_MAX).map(one).collect::<Vec<_>>().join("; ");
    if found.len() > FINDINGS_MAX {
        all += &format!("; and {} more", found.len() - FINDINGS_MAX);
    }
    all
}

/// A configuration that is sound and odd.
pub(super) fn warned(warnings: &config::Report) {
    let why = brief(warnings);
    tell!(warn, why, "the configuration is sound, and `crosstie check` warns");
}

/// A tenant is read from the start because the rules ask for more than before.
pub(super) fn read_anew(tenant: &TenantName, attributes: &BTreeSet<Attribute>) {
    let attributes = attributes.iter().map(Attribute::as_str).collect::<Vec<_>>().join(", ");
    tell!(info, %tenant, attributes, "the rules ask for more than the tenant was asked for: reading it anew");
}

/// A run has ended: one line with what came of it, and one for each thing that is not as it should be.
pub(super) fn ended(report: &Report, exit: Exit, seconds: u64) {
    for (tenant, why) in &report.drafted.readings.unread {
        tell!(warn, %tenant, why, "the tenant was not read to its end; its routes wait");
    }
    for (route, why) in report.drafted.skipped.iter().filter(|(r, _)| !unread(report, r)) {
        tell!(warn, %route, why, "the route was not planned");
    }
    for (tenant, users) in &report.drafted.readings.doubtful {
        tell!(warn, %tenant, users, "users could not be looked at; nothing was concluded about them");
    }
    for refusal in &report.drafted.refusals {
        let why = refusal.to_string();
        tell!(warn, route = %refusal.route, why, "the guard refused the route; `crosstie plan` shows what it would write");
    }
    for (tenant, why) in &report.unwritten {
        tell!(warn, %tenant, why, "nothing more is written into the tenant for a while");
    }
    for ((route, part), why) in &report.quarantined {
        tell!(warn, %route, part = part.as_str(), why, "the route is quarantined but for a probe now and then");
    }
    let mut failures: BTreeMap<(&RouteName, ActionKind, &str), u64> = BTreeMap::new();
    for failure in &report.failed {
        *failures.entry((&failure.route, failure.action, &failure.error)).or_default() += 1;
    }
    for ((route, action, why), people) in failures {
        tell!(warn, %route, %action, people, why, "changes failed; `crosstie status` names the people");
    }
    let mut applied: BTreeMap<ActionKind, u64> = BTreeMap::new();
    for ((_, kind), n) in &report.applied {
        *applied.entry(*kind).or_default() += n;
    }
    let applied: Vec<String> = applied.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let applied = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
    let held: usize = report.drafted.plan.routes.iter().map(|r| r.held.len()).sum();
    let (failed, waiting, exit) = (report.failed.len(), report.waiting, exit.code());
    let postponed: u64 = report.postponed.values().sum();
    tell!(info, exit, seconds, applied, failed, held, waiting, postponed, "the cycle has ended");
}

fn unread(report: &Report, route: &RouteName) -> bool {
    let unread = &report.drafted.readings.unread;
    unread.contains_key(&route.home) || unread.contains_key(&route.target)
}

/// A run ended before its end.
pub(super) fn broke_off(error: &EngineError) {
    let why = error.to_string();
    tell!(error, why, "the cycle ended early; the next one looks up what is not recorded, and goes on");
}

/// Something that should be known before the run ends.
pub(super) fn heard(notice: &Notice) {
    match notice {
        Notice::RouteRefused(refusal) => {
            let why = refusal.to_string();
            tell!(warn, route = %refusal.route, why, "the guard refused the route; nothing of it is written");
        }
        Notice::TenantBack(s) => tell!(info, tenant = %s.what, door = s.part.as_str(), "the tenant works again"),
        Notice::RouteBack(s) => tell!(info, route = %s.what, part = s.part.as_str(), "the route works again"),
        // The engine has said it, with more detail, where it decided it.
        Notice::TenantLeftAlone(_) | Notice::RouteQuarantined(_) => {}
    }
}
