//! How does the change log look on a page that can be mailed, printed and opened years later?

use std::fmt::Write as _;

use super::lines;
use crate::cli::{Output, render};
use crate::store::{Erased, Item, LogEntry};

/// No script, nothing loaded from anywhere: what a tenant calls its people is shown, and nothing else.
const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<title>crosstie change log</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { position: sticky; top: 0; background: #fff }
tr.failed td, tr.unknown td { background: #fde8e8 }
tr.tombstone td { background: #eee }
small { color: #555 }
</style>
</head>
<body>
<h1>Change log</h1>
<table>
<thead><tr><th>#</th><th>time (UTC)</th><th>run</th><th>route</th><th>action</th><th>person, account</th><th>attributes</th><th>why</th><th>outcome</th></tr></thead>
<tbody>";
const FOOT: &str = "</tbody>\n</table>\n</body>\n</html>";

pub(super) fn begin(out: &mut Output) {
    out.line(format_args!("{HEAD}"));
}

pub(super) fn end(out: &mut Output) {
    out.line(format_args!("{FOOT}"));
}

pub(super) fn row(item: &Item, out: &mut Output) {
    match item {
        Item::Write(entry) => out.line(format_args!("{}", write(entry))),
        Item::Erased(Erased { seq, at, run, route, action, outcome, .. }) => {
            let (at, route, outcome) = (shown(at), shown(route), shown(outcome));
            out.line(format_args!(
                "<tr><td>{seq}</td><td>{at}</td><td>{run}</td><td>{route}</td><td>{action}</td><td>(erased)</td><td></td><td></td><td>{outcome}</td></tr>"
            ));
        }
        Item::Tombstone(tombstone) => {
            let (seq, at, said) = (tombstone.seq, shown(&tombstone.at), shown(&lines::in_words(tombstone)));
            out.line(format_args!(
                "<tr class=\"tombstone\"><td>{seq}</td><td>{at}</td><td colspan=\"7\">{said}</td></tr>"
            ));
        }
    }
}

fn write(entry: &LogEntry) -> String {
    let name = entry.home.user_principal_name.as_deref().filter(|name| !name.is_empty());
    let name = shown(name.unwrap_or(entry.home.id.as_str()));
    let account = entry.account.as_ref().map(|a| format!("<br><small>{}</small>", shown(a.id.as_str())));
    let mut edits = String::new();
    for (attribute, edit) in &entry.edits {
        let (before, after) = (render::value(edit.before.as_ref()), render::value(edit.after.as_ref()));
        // Writing to a text does not fail.
        let _ = write!(edits, "{}: {} → {}<br>", shown(attribute.as_str()), shown(&before), shown(&after));
    }
    let error = entry.error.as_ref().map(|e| format!("<br><small>{} ({})</small>", shown(&e.message), shown(&e.code)));
    let class = if matches!(entry.outcome.as_str(), "failed" | "unknown") { entry.outcome.as_str() } else { "applied" };
    format!(
        "<tr class=\"{class}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{name}{}</td><td>{edits}</td><td>{}</td><td>{}{}</td></tr>",
        entry.seq,
        shown(&entry.at),
        entry.run,
        shown(&entry.route),
        entry.action,
        account.unwrap_or_default(),
        shown(&entry.why),
        shown(&entry.outcome),
        error.unwrap_or_default()
    )
}

/// Text of a directory as text of the page, and never as a part of it.
fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in render::inert(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
