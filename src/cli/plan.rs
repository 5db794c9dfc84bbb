//! What would a cycle change?

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::{complain, say};
use super::{Exit, Global, Output, render, session};
use crate::config::Config;
use crate::engine::{Drafted, Focus};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Only this route, written HOME->TARGET.
    #[arg(long, value_name = "H->T")]
    route: Option<String>,
    /// Only this home user: object id or user principal name.
    #[arg(long, value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Read nothing: plan from what the store remembers.
    #[arg(long)]
    offline: bool,
    /// Changes of one kind and route that the text spells out; the totals count all.
    #[arg(long, value_name = "N", default_value_t = render::SHOWN)]
    show: usize,
    /// Also write the whole plan to this file, as jsonl.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How the plan is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: by route, attribute by attribute, then totals.
    Text,
    /// One JSON document.
    Json,
    /// One JSON object a line: changes, holds, then a summary.
    Jsonl,
}

impl Arguments {
    /// Everything, as text, with one example of each kind and route.
    pub(super) fn in_short() -> Self {
        Self { route: None, user: None, offline: false, show: 1, out: None, format: Format::Text }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    session::online(global, async |config| dry_run(global, config, arguments, out).await)
}

/// The dry run on an open runtime: what `plan` does, and the demo.
pub(super) async fn dry_run(
    global: &Global,
    config: &Config,
    arguments: &Arguments,
    out: &mut Output,
) -> Result<Exit, Exit> {
    let route = session::route(config, arguments.route.as_deref())?;
    let focus = Focus { route, user: arguments.user.clone(), offline: arguments.offline, ..Focus::default() };
    let drafted = session::looking(global, config, focus, async |cycle| cycle.dry_run().await).await?;
    show(&drafted, config, arguments, out);
    if let Some(path) = &arguments.out {
        save(&drafted, config, path).map_err(|e| session::failed(format_args!("{}: {e}", path.display())))?;
    }
    Ok(exit(&drafted))
}

fn show(drafted: &Drafted, config: &Config, arguments: &Arguments, out: &mut Output) {
    match arguments.format {
        Format::Text => render::text(drafted, config, arguments.show, out),
        Format::Jsonl => render::lines(drafted, config, |line| out.line(format_args!("{line}"))),
        Format::Json => {
            let mut lines = Vec::new();
            render::lines(drafted, config, |line| lines.push(line));
            let summary = lines.pop();
            let of = |kind: &str| -> Vec<_> { lines.iter().filter(|l| l["type"] == kind).collect() };
            let document = json!({ "changes": of("change"), "held": of("held"), "summary": summary });
            out.line(format_args!("{document:#}"));
        }
    }
    // What is found comes before what is wrong with it, also where both streams lead to one terminal.
    out.flush();
    complaints(drafted);
}

/// What kept the plan from being whole, on stderr.
pub(super) fn complaints(drafted: &Drafted) {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (route, why) in &drafted.skipped {
        by_reason.entry(why).or_default().push(route.to_string());
    }
    for (why, routes) in by_reason {
        complain(format_args!("not planned: {}, because {why}", routes.join(", ")));
    }
    for (tenant, users) in &drafted.readings.doubtful {
        complain(format_args!("{tenant}: {users} users could not be looked at; nothing was concluded about them"));
    }
    for refusal in &drafted.refusals {
        complain(format_args!("{refusal}"));
    }
    if !drafted.refusals.is_empty() {
        say(format_args!(
            "hint: look at the plan; if it is meant, let exactly it through: crosstie sync --approve {}",
            drafted.refused_digest
        ));
    }
}

/// Written beside its place and moved there, so that no half plan is ever found.
fn save(drafted: &Drafted, config: &Config, path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = folder.join(name);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let mut file = BufWriter::new(file);
    let mut fault = None;
    render::lines(drafted, config, |line| {
        if fault.is_none() {
            fault = writeln!(file, "{line}").err();
        }
    });
    fault.map_or(Ok(()), Err)?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&beside, path)
}

fn exit(drafted: &Drafted) -> Exit {
    let held = drafted.plan.routes.iter().any(|r| !r.held.is_empty());
    let incomplete = held || !drafted.skipped.is_empty() || !drafted.readings.complete();
    let changes = if drafted.plan.is_empty() { Exit::Done } else { Exit::Changes };
    let refused = if drafted.refusals.is_empty() { Exit::Done } else { Exit::Refused };
    let incomplete = if incomplete { Exit::Incomplete } else { Exit::Done };
    changes.and(refused).and(incomplete)
}
