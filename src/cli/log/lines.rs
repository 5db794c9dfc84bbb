//! How is one line of the change log written for people, and for programs?

use serde_json::json;

use crate::cli::{Output, render};
use crate::store::{Erased, Item, LogEntry, Tombstone};

/// For people: one line a write, then its attributes.
pub(in crate::cli) fn text(entry: &LogEntry, out: &mut Output) {
    let who = entry.home.user_principal_name.as_deref().filter(|n| !n.is_empty());
    let who = render::inert(who.unwrap_or(entry.home.id.as_str()));
    let error = entry.error.as_ref().map(|e| format!(": {} ({})", render::inert(&e.message), render::inert(&e.code)));
    out.line(format_args!(
        "{} #{} run {} {} {} {who} ({}) {}{}",
        entry.at,
        entry.seq,
        entry.run,
        entry.route,
        entry.action,
        entry.why,
        entry.outcome,
        error.unwrap_or_default()
    ));
    for (attribute, edit) in &entry.edits {
        let (before, after) = (render::value(edit.before.as_ref()), render::value(edit.after.as_ref()));
        out.line(format_args!("    {attribute}: {before} -> {after}"));
    }
}

pub(super) fn item_text(item: &Item, out: &mut Output) {
    match item {
        Item::Write(entry) => text(entry, out),
        Item::Erased(Erased { seq, at, run, route, action, outcome, .. }) => {
            out.line(format_args!("{at} #{seq} run {run} {route} {action} (erased) {outcome}"));
        }
        Item::Tombstone(tombstone) => {
            let Tombstone { at, seq, .. } = tombstone.as_ref();
            out.line(format_args!("{at} #{seq} {}", in_words(tombstone)));
        }
    }
}

/// What a tombstone says.
pub(super) fn in_words(tombstone: &Tombstone) -> String {
    format!("{}: {}", tombstone.event.as_str(), render::inert(&tombstone.says()))
}

/// For programs: one JSON object, with its hash at the end.
pub(super) fn json(item: &Item) -> serde_json::Result<String> {
    match item {
        Item::Write(entry) => serde_json::to_string(entry),
        Item::Tombstone(tombstone) => serde_json::to_string(tombstone),
        Item::Erased(erased) => {
            let Erased { seq, at, run, route, action, outcome, previous, hash } = erased;
            let [at, route, outcome, previous, hash] =
                [at, route, outcome, previous, hash].map(|text| json!(text).to_string());
            Ok(format!(
                "{{\"seq\":{seq},\"at\":{at},\"run\":{run},\"route\":{route},\"action\":\"{action}\",\"outcome\":{outcome},\"erased\":true,\"previous\":{previous},\"hash\":{hash}}}"
            ))
        }
    }
}
