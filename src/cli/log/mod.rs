//! What was done, and can it be trusted?

mod erase;
mod html;
mod lines;
mod ocsf;
mod one;
mod person;
mod runs;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::log_csv::CsvRows;
use super::output::{Format as Shape, say};
use super::{Exit, Global, Output, session};
use crate::model::{ActionKind, Timestamp};
use crate::store::{Filter, Item, Mode, Store};

pub(super) use erase::retain;
pub(super) use lines::text;
pub(super) use verify::verify;

/// How a write can end, as entries say it.
const OUTCOMES: [&str; 3] = ["applied", "failed", "unknown"];

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
    /// Only what ended so: applied, failed or unknown.
    #[arg(long, value_name = "O", value_parser = clap::builder::PossibleValuesParser::new(OUTCOMES))]
    outcome: Option<String>,
    /// How entries are written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

#[derive(Subcommand, Debug)]
enum LogVerb {
    /// Checks the hash chain from the first entry to the last; names the first broken one.
    Verify {
        /// And whether the log goes through every head in this file: one that `[log] heads` wrote, or events `log-head`, one a
        /// line. Finds a log that was cut, put back to an older copy, or made anew as a whole.
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
    },
    /// Everything that is known of one entry, and of the run that wrote it.
    Show {
        /// Its number.
        #[arg(value_name = "SEQ")]
        seq: u64,
        /// How it is written to stdout.
        #[arg(long, value_enum, default_value_t = Shape::Text, value_name = "FORMAT")]
        format: Shape,
    },
    /// What was done for one person in all tenants, under whichever name.
    History {
        /// Home object id, user principal name (also a former one), or account id.
        #[arg(value_name = "USER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        user: String,
        /// How it is written to stdout.
        #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
        format: Format,
    },
    /// Takes out what entries say of one person: names, values, reasons. When something was written, on which route, and how
    /// it ended stays, the chain can still be verified, and an entry says who took it out.
    Erase {
        /// Home object id, user principal name (also a former one), or account id.
        #[arg(value_name = "USER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        user: String,
        /// Why: it stays in the log for good, so it names nobody; the number of a request, for example.
        #[arg(long, value_name = "TEXT", value_parser = erase::reason)]
        reason: String,
        /// Say how many entries it would be, and erase nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Which runs wrote entries or were approved: configuration, rules, host, user and approvers.
    Runs {
        /// How it is written to stdout.
        #[arg(long, value_enum, default_value_t = runs::Format::Text, value_name = "FORMAT")]
        format: runs::Format,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: one line a write, then its attributes.
    Text,
    /// One JSON object a line, with hashes.
    Jsonl,
    /// One row an attribute written; cells that a spreadsheet would run are made inert.
    Csv,
    /// A page for a browser, whole in itself: it runs and loads nothing.
    Html,
    /// One OCSF event a line (class Account Change): for security information systems.
    Ocsf,
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
        if let Some(LogVerb::Erase { user, reason, dry_run }) = &arguments.verb {
            return erase::erase(&config, user, reason, *dry_run, out);
        }
        let store = session::store(&config, Mode::Look)?;
        match &arguments.verb {
            Some(LogVerb::Verify { head }) => verify::run(&config, &store, head.as_deref(), out),
            Some(LogVerb::Show { seq, format }) => one::show(&store, *seq, *format, out),
            Some(LogVerb::History { user, format }) => person::history(&store, user, *format, out),
            Some(LogVerb::Runs { format }) => runs::show(&store, *format, out),
            // Answered above: it writes.
            Some(LogVerb::Erase { .. }) => Err(Exit::Usage),
            None => show(&store, arguments, out),
        }
    };
    done().unwrap_or_else(|exit| exit)
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
        outcome: arguments.outcome.clone(),
        people: None,
    };
    exported(store, &filter, arguments.format, out)
}

/// Writes the entries that pass the filter.
fn exported(store: &Store, filter: &Filter, format: Format, out: &mut Output) -> Result<Exit, Exit> {
    match format {
        Format::Text => items(store, filter, out, lines::item_text),
        Format::Jsonl => items(store, filter, out, |item, out| {
            if let Ok(line) = lines::json(item) {
                out.line(format_args!("{line}"));
            }
        }),
        Format::Csv => csv(store, filter, out),
        Format::Html => {
            html::begin(out);
            let exit = items(store, filter, out, html::row)?;
            html::end(out);
            Ok(exit)
        }
        Format::Ocsf => items(store, filter, out, |item, out| {
            out.line(format_args!("{}", ocsf::of(item)));
        }),
    }
}

fn items(store: &Store, filter: &Filter, out: &mut Output, each: impl Fn(&Item, &mut Output)) -> Result<Exit, Exit> {
    let mut found = false;
    let shown = store.log_items(filter, |item| {
        found = true;
        each(&item, out);
        !out.is_closed()
    });
    shown.map_err(session::failed)?;
    if !found {
        say(format_args!("no entry of the change log matches"));
    }
    Ok(Exit::Done)
}

fn csv(store: &Store, filter: &Filter, out: &mut Output) -> Result<Exit, Exit> {
    let mut rows = CsvRows::new(&mut *out).map_err(session::failed)?;
    let mut fault = None;
    let shown = store.log_items(filter, |item| {
        fault = rows.add_item(&item).err();
        fault.is_none()
    });
    shown.map_err(session::failed)?;
    fault.map_or_else(|| rows.end(), Err).map_or_else(|e| Err(session::failed(e)), |()| Ok(Exit::Done))
}
