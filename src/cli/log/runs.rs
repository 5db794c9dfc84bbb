//! Which runs does the change log know, and who stands for them?

use crate::cli::{Exit, Output, render, session};
use crate::store::{RunFacts, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON object a line: the hash that entries name, and the facts, byte for byte as they were hashed.
    Jsonl,
}

pub(super) fn show(store: &Store, format: Format, out: &mut Output) -> Result<Exit, Exit> {
    let shown = store.all_run_facts(|run, hash, body| {
        match (format, store.run_facts(hash)) {
            // A hash is made of nothing that JSON would escape.
            (Format::Jsonl, _) => out.line(format_args!("{{\"hash\":\"{hash}\",\"facts\":{body}}}")),
            (Format::Text, Ok(Some(facts))) => text(&facts, "", out),
            (Format::Text, _) => out.line(format_args!("run {run}: its facts are not what they were ({hash})")),
        }
        !out.is_closed()
    });
    shown.map_err(session::failed)?;
    Ok(Exit::Done)
}

/// A run in some lines.
pub(super) fn text(facts: &RunFacts, indent: &str, out: &mut Output) {
    let RunFacts { run, started_at, version, config, .. } = facts;
    let trigger = format!("{:?}", facts.trigger).to_lowercase();
    let (user, host) = (render::inert(&facts.user), render::inert(&facts.host));
    out.line(format_args!("{indent}run {run} ({trigger}) begun {started_at} by {user} on {host}, crosstie {version}"));
    out.line(format_args!("{indent}  store {}", facts.store));
    out.line(format_args!("{indent}  configuration {config}"));
    for (name, hash) in &facts.rules {
        out.line(format_args!("{indent}  rules {} {hash}", render::inert(name)));
    }
    let Some(approved) = &facts.approved else { return };
    out.line(format_args!("{indent}  approved {}", approved.digest));
    for approver in &approved.by {
        out.line(format_args!("{indent}    signed by {}", render::inert(approver)));
    }
}
