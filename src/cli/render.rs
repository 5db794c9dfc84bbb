//! How does a plan look to a person?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::{Output, changed};
use crate::config::Config;
use crate::engine::{Drafted, Readings, RouteSummary, summaries};
use crate::model::{ActionKind, Change, Value};
use crate::plan::{self, Due, Unkept};

/// Changes of one kind and route that are spelled out unless asked otherwise; more would hide what matters.
pub(super) const SHOWN: usize = 10;

/// Control characters, and marks that reorder text: what a terminal would act on instead of showing it.
fn is_wild(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders
}

/// Text from a directory, made safe for a terminal: control characters and marks that reorder text are spelled out.
pub(super) fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_wild(c) {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same for words of ours that hold such text, and keep their line ends.
pub(super) fn inert_lines(text: &str) -> String {
    text.split('\n').map(inert).collect::<Vec<_>>().join("\n")
}

/// The same on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split('\n').map(inert).collect::<Vec<_>>().join("; ")
}

/// The same for a JSON document. Outside its texts stands nothing wild but line ends, so that it says what it said.
pub(super) fn inert_json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for c in document.chars() {
        if is_wild(c) && c != '\n' {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A value in quotes; nothing for no value.
pub(super) fn value(value: Option<&Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Value::Text(text)) => format!("\"{}\"", inert(text)),
        Some(Value::List(items)) => format!("[{}]", items.iter().map(|i| inert(i)).collect::<Vec<_>>().join(", ")),
        Some(other) => other.to_string(),
    }
}

/// Seconds as people say them: `45 s`, `12 min`, `2 h 58 min`.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=5_399 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn mark(kind: ActionKind) -> (&'static str, Style) {
    let colour = |c: AnsiColor| Style::new().fg_color(Some(c.into()));
    match kind {
        ActionKind::Provision | ActionKind::Restore | ActionKind::Enable => ("+", colour(AnsiColor::Green)),
        ActionKind::Join => ("=", colour(AnsiColor::Cyan)),
        ActionKind::Update => ("~", colour(AnsiColor::Yellow)),
        ActionKind::Disable | ActionKind::Delete | ActionKind::Unlink => ("-", colour(AnsiColor::Red)),
    }
}

/// The plan as text: by route, attribute by attribute, then totals.
pub(super) fn text(drafted: &Drafted, config: &Config, show: usize, out: &mut Output) -> Result<(), Unkept> {
    for route in &drafted.plan.routes {
        if route.changes.is_empty() && route.held.is_empty() {
            continue;
        }
        let bold = Style::new().bold();
        out.line(format_args!("{bold}{}{bold:#}", route.route));
        for kind in ActionKind::ALL {
            let all = route.changes.count(kind);
            let shown = usize::try_from(all).map_or(show, |all| all.min(show));
            let is_of_kind = |due: &Result<Due, _>| due.as_ref().map_or(true, |due| due.change.action.kind() == kind);
            // No further than to the last of them.
            for due in route.changes.dues().filter(is_of_kind).take(shown) {
                change(&due?.change, out);
            }
            if all > shown as u64 {
                let more = all - shown as u64;
                out.line(format_args!("  … and {more} more to {kind} (--show {all} shows all)"));
            }
        }
        for held in route.held.iter().take(show) {
            let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
            let who = inert(&held.home.user_principal_name);
            out.line(format_args!("  {yellow}? held{yellow:#} {who}  {}", one_line(&held.hold.to_string())));
        }
        if let Some(more) = route.held.len().checked_sub(show).filter(|n| *n > 0) {
            out.line(format_args!("  … and {more} more held (--show {} shows all)", route.held.len()));
        }
        out.line(format_args!(""));
    }
    changed::text(&drafted.rules_changed, show, out);
    let totals = summaries(&drafted.plan, config)?;
    if totals.is_empty() {
        out.line(format_args!("nothing could be planned"));
        return Ok(());
    }
    out.line(format_args!("{}", table(&totals)));
    bounds(&totals, config, out);
    out.line(format_args!("digest {}", drafted.digest));
    Ok(())
}

fn change(change: &Change, out: &mut Output) {
    let kind = change.action.kind();
    let (sign, style) = mark(kind);
    let account = change.action.account().map(|a| format!("  account {a}")).unwrap_or_default();
    let who = inert(&change.home.user_principal_name);
    let who = if who.is_empty() { change.home.id.to_string() } else { who };
    out.line(format_args!("  {style}{sign} {kind}{style:#} {who}{account}  ({}; rules {})", change.why, change.rules));
    if kind == ActionKind::Provision {
        // A new account has no before: its attributes read best as one list.
        let made: Vec<String> =
            change.edits().iter().map(|(a, (_, after))| format!("{a} {}", value(after.as_ref()))).collect();
        out.line(format_args!("      {}", made.join(", ")));
        return;
    }
    for (attribute, (before, after)) in change.edits() {
        out.line(format_args!("      {attribute}: {} -> {}", value(before.as_ref()), value(after.as_ref())));
    }
}

fn table(totals: &[RouteSummary]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let head = [
        "route",
        "provision",
        "join",
        "update",
        "restore",
        "disable",
        "enable",
        "delete",
        "unlink",
        "held",
        "settled",
        "writes",
        "takes",
    ];
    table.set_header(head);
    for t in totals {
        let numbers = [
            t.provision,
            t.join,
            t.update,
            t.restore,
            t.disable,
            t.enable,
            t.delete,
            t.unlink,
            t.held,
            t.settled,
            t.writes,
        ];
        let mut row = vec![t.route.clone()];
        row.extend(numbers.map(|n| n.to_string()));
        row.push(duration(t.eta_seconds));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// How long the quota of each target makes it take, all routes into it together.
fn bounds(totals: &[RouteSummary], config: &Config, out: &mut Output) {
    let mut writes: BTreeMap<&str, u64> = BTreeMap::new();
    for total in totals {
        if let Some((_, target)) = total.route.split_once("->") {
            *writes.entry(target).or_insert(0) += total.writes;
        }
    }
    for (target, writes) in writes.into_iter().filter(|(_, n)| *n > 0) {
        let Some(tenant) = config.tenants.get(&target.into()) else { continue };
        let windows = crate::engine::write_windows(&tenant.limits);
        let takes = duration(crate::quota::eta_seconds(&windows, writes));
        let limits = tenant.limits;
        out.line(format_args!(
            "{target}: {writes} writes take {takes} at {} in {} s",
            limits.writes, limits.window_seconds
        ));
    }
}

/// One line a change, one a hold, then the summary.
pub(super) fn lines(drafted: &Drafted, config: &Config, mut each: impl FnMut(serde_json::Value)) -> Result<(), Unkept> {
    for route in &drafted.plan.routes {
        for due in route.changes.dues() {
            each(plan::change_line(&due?.change));
        }
        route.held.iter().for_each(|h| each(plan::held_line(h)));
    }
    each(summary(drafted, config)?);
    Ok(())
}

/// The promised summary.
pub(super) fn summary(drafted: &Drafted, config: &Config) -> Result<serde_json::Value, Unkept> {
    let skipped: BTreeMap<String, &String> = drafted.skipped.iter().map(|(r, why)| (r.to_string(), why)).collect();
    let refused: Vec<String> = drafted.refusals.iter().map(ToString::to_string).collect();
    Ok(json!({
        "type": "summary",
        "digest": drafted.digest,
        "routes": summaries(&drafted.plan, config)?,
        "skipped": skipped,
        "refused": refused,
        "refused_digest": (!refused.is_empty()).then_some(&drafted.refused_digest),
        "rules_changed": changed::document(&drafted.rules_changed),
        "read_anew": read_anew(&drafted.readings),
    }))
}

/// Tenants that were read from the start, each with the attributes for whose sake.
pub(super) fn read_anew(readings: &Readings) -> serde_json::Value {
    readings.anew.iter().map(|(tenant, attributes)| (tenant.to_string(), json!(attributes))).collect()
}
