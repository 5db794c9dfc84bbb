//! What was done, and can it be trusted?

use clap::{Args, Subcommand, ValueEnum};

use super::output::{complain, say};
use super::{Exit, Global, Output, render, session};
use crate::model::{ActionKind, Timestamp};
use crate::store::{Filter, LogEntry, Mode, Store, Verified};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<LogVerb>,
    /// Only this person: home object id, user principal name, or account id.
    #[arg(long, value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Only this tenant, as home or target.
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Only this route, written HOME->TARGET.
    #[arg(long, value_name = "R")]
    route: Option<String>,
    /// Only this run.
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Not before: 2026-11-22 or 2026-11-22T04:35:00Z.
    #[arg(long, value_name = "T", value_parser = instant)]
    since: Option<Timestamp>,
    /// Not after; a date means until its end.
    #[arg(long, value_name = "T", value_parser = end)]
    until: Option<Timestamp>,
    /// Only this kind: provision, join, update, restore, disable, enable, delete, unlink.
    #[arg(long, value_name = "A", value_parser = action)]
    action: Option<ActionKind>,
    /// How entries are written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

#[derive(Subcommand, Debug)]
enum LogVerb {
    /// Checks the hash chain from the first entry to the last; names the first broken one.
    Verify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: one line a write, then its attributes.
    Text,
    /// One JSON object a line, with hashes.
    Jsonl,
    /// One row an attribute written; cells that a spreadsheet would run are made inert.
    Csv,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "neither a date (2026-11-22) nor an instant (2026-11-22T04:35:00Z)".to_owned())
}

/// An instant, or the last one of a day.
fn end(text: &str) -> Result<Timestamp, String> {
    const DAY_MILLIS: u64 = 86_400_000;
    let at = instant(text)?;
    Ok(if text.contains('T') { at } else { at.plus_millis(DAY_MILLIS - 1) })
}

fn action(text: &str) -> Result<ActionKind, String> {
    let names = || ActionKind::ALL.map(ActionKind::as_str).join(", ");
    ActionKind::parse(text).ok_or_else(|| format!("the actions are {}", names()))
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let mut done = || -> Result<Exit, Exit> {
        let config = session::configuration(global)?;
        let store = session::store(&config, Mode::Look)?;
        match arguments.verb {
            Some(LogVerb::Verify) => verify(&store, out),
            None => show(&store, arguments, out),
        }
    };
    done().unwrap_or_else(|exit| exit)
}

pub(super) fn verify(store: &Store, out: &mut Output) -> Result<Exit, Exit> {
    match store.verify_log().map_err(session::failed)? {
        Verified::Whole { entries, head } => {
            out.line(format_args!("the change log is whole: {entries} entries, head {head}"));
            Ok(Exit::Done)
        }
        Verified::Broken { seq, what } => {
            complain(format_args!(
                "the change log is broken at entry {seq}: {what}\nhint: entries before it can be trusted; compare with a \
                 backup or an exported copy"
            ));
            Ok(Exit::Failed)
        }
    }
}

fn show(store: &Store, arguments: &Arguments, out: &mut Output) -> Result<Exit, Exit> {
    let filter = Filter {
        user: arguments.user.clone(),
        tenant: arguments.tenant.clone(),
        route: arguments.route.clone(),
        run: arguments.run,
        since: arguments.since,
        until: arguments.until,
        action: arguments.action,
    };
    match arguments.format {
        Format::Text => entries(store, &filter, out, text),
        Format::Jsonl => entries(store, &filter, out, |entry, out| {
            if let Ok(line) = serde_json::to_string(entry) {
                out.line(format_args!("{line}"));
            }
        }),
        Format::Csv => csv(store, &filter, out),
    }
}

fn entries(
    store: &Store,
    filter: &Filter,
    out: &mut Output,
    each: impl Fn(&LogEntry, &mut Output),
) -> Result<Exit, Exit> {
    let mut found = false;
    let shown = store.log(filter, |entry| {
        found = true;
        each(&entry, out);
        !out.is_closed()
    });
    shown.map_err(session::failed)?;
    if !found {
        say(format_args!("no entry of the change log matches"));
    }
    Ok(Exit::Done)
}

pub(super) fn text(entry: &LogEntry, out: &mut Output) {
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

const COLUMNS: [&str; 17] = [
    "seq",
    "at",
    "run",
    "trigger",
    "route",
    "rules",
    "action",
    "home_id",
    "home_user",
    "account_id",
    "attribute",
    "before",
    "after",
    "why",
    "outcome",
    "error",
    "request_id",
];

fn csv(store: &Store, filter: &Filter, out: &mut Output) -> Result<Exit, Exit> {
    let mut fault = None;
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut *out);
    fault = writer.write_record(COLUMNS).err().or(fault);
    let shown = store.log(filter, |entry| {
        for row in rows(&entry) {
            if fault.is_none() {
                fault = writer.write_record(row.iter().map(|cell| harmless(cell))).err();
            }
        }
        fault.is_none()
    });
    shown.map_err(session::failed)?;
    fault = fault.or_else(|| writer.flush().err().map(csv::Error::from));
    fault.map_or(Ok(Exit::Done), |e| Err(session::failed(e)))
}

/// One row for each attribute; one with no attribute for a write that has none.
fn rows(entry: &LogEntry) -> Vec<[String; 17]> {
    let plain = |v: Option<&crate::model::Value>| v.map(ToString::to_string).unwrap_or_default();
    let row = |attribute: &str, before: String, after: String| {
        [
            entry.seq.to_string(),
            entry.at.clone(),
            entry.run.to_string(),
            format!("{:?}", entry.trigger).to_lowercase(),
            entry.route.clone(),
            entry.rules.clone(),
            entry.action.to_string(),
            entry.home.id.to_string(),
            entry.home.user_principal_name.clone().unwrap_or_default(),
            entry.account.as_ref().map(|a| a.id.to_string()).unwrap_or_default(),
            attribute.to_owned(),
            before,
            after,
            entry.why.clone(),
            entry.outcome.clone(),
            entry.error.as_ref().map(|e| format!("{}: {}", e.code, e.message)).unwrap_or_default(),
            entry.request_id.clone(),
        ]
    };
    if entry.edits.is_empty() {
        return vec![row("", String::new(), String::new())];
    }
    let edit = |(a, e): (&crate::model::Attribute, &crate::store::EditEntry)| {
        row(a.as_str(), plain(e.before.as_ref()), plain(e.after.as_ref()))
    };
    entry.edits.iter().map(edit).collect()
}

/// A cell that begins like a formula gets a quote before it, so that no spreadsheet runs it (OWASP ASVS 1.2.10).
fn harmless(cell: &str) -> String {
    let starts_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']);
    if starts_formula { format!("'{cell}") } else { cell.to_owned() }
}
