//! How is it told, to people and to machines?

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::super::Output;
use super::super::check::count;
use super::super::render::{inert, inert_json};
use super::{Check, Report, Verdict};

/// As wide as the longest name of a check.
const NAME_WIDTH: usize = 21;

pub(super) fn text(report: &Report, out: &mut Output) {
    let parts = [("tenant", &report.tenants), ("route", &report.routes)];
    for (kind, (name, checks)) in parts.into_iter().flat_map(|(kind, all)| all.iter().map(move |one| (kind, one))) {
        out.line(format_args!("{kind} {name}"));
        checks.iter().for_each(|check| line(check, out));
        out.line(format_args!(""));
    }
    let (failed, warnings) = (report.count(Verdict::Failed), report.count(Verdict::Warning));
    let all = failed + warnings + report.count(Verdict::Ok);
    out.line(format_args!(
        "{}: {failed} failed, {}; nothing was written",
        count(all, "check"),
        count(warnings, "warning")
    ));
}

fn line(check: &Check, out: &mut Output) {
    let colour = match check.verdict {
        Verdict::Ok => AnsiColor::Green,
        Verdict::Warning => AnsiColor::Yellow,
        Verdict::Failed => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let (word, name) = (check.verdict.word(), check.name);
    // What a tenant wrote stands in it: nothing of it may steer a terminal.
    out.line(format_args!("  {style}{word:<7}{style:#}  {name:<NAME_WIDTH$}  {}", inert(&check.found)));
    if let Some(hint) = &check.hint {
        out.line(format_args!("{:NAME_WIDTH$}{:13}hint: {}", "", "", inert(hint)));
    }
}

pub(super) fn json(report: &Report, out: &mut Output) {
    let check = |check: &Check| json!({ "check": check.name, "verdict": check.verdict.word(), "found": check.found, "hint": check.hint });
    let all = |kind: &str, parts: &[(String, Vec<Check>)]| -> Vec<Value> {
        let part = |(name, checks): &(String, Vec<Check>)| json!({ kind: name, "checks": checks.iter().map(check).collect::<Vec<_>>() });
        parts.iter().map(part).collect()
    };
    let document = json!({
        "failed": report.count(Verdict::Failed),
        "warnings": report.count(Verdict::Warning),
        "ok": report.count(Verdict::Ok),
        "tenants": all("tenant", &report.tenants),
        "routes": all("route", &report.routes),
    });
    out.line(format_args!("{}", inert_json(&document.to_string())));
}
