//! What would a cycle change?

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::{complain, say};
use super::{Exit, Global, Output, plan_file, render, session};
use crate::config::Config;
use crate::engine::{Drafted, Focus};
use crate::plan::{Bound, Unkept};

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
    /// Also write the whole plan to this new file, as jsonl: to look at it, to approve it, and for `sync --plan`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// This tenant has really lost so many people: believe its reading.
    #[arg(long, value_name = "TENANT")]
    shrunken: Vec<String>,
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
        Self { route: None, user: None, offline: false, show: 1, out: None, shrunken: Vec::new(), format: Format::Text }
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
    if let Some(path) = &arguments.out {
        plan_file::must_be_new(path)?;
    }
    let route = session::route(config, arguments.route.as_deref())?;
    let focus = Focus { route, user: arguments.user.clone(), offline: arguments.offline, ..Focus::default() };
    let focus = Focus { shrunken: session::tenants(config, &arguments.shrunken)?, ..focus };
    let drafted = session::looking(global, config, focus, async |cycle| cycle.dry_run().await).await?;
    show(&drafted, config, arguments, out).map_err(session::failed)?;
    if let Some(path) = &arguments.out {
        plan_file::save(&drafted, config, path)?;
    }
    Ok(exit(&drafted))
}

fn show(drafted: &Drafted, config: &Config, arguments: &Arguments, out: &mut Output) -> Result<(), Unkept> {
    match arguments.format {
        Format::Text => render::text(drafted, config, arguments.show, out)?,
        Format::Jsonl => render::lines(drafted, config, |line| out.line(format_args!("{line}")))?,
        Format::Json => {
            let mut lines = Vec::new();
            render::lines(drafted, config, |line| lines.push(line))?;
            let summary = lines.pop();
            let of = |kind: &str| -> Vec<_> { lines.iter().filter(|l| l["type"] == kind).collect() };
            let document = json!({ "changes": of("change"), "held": of("held"), "summary": summary });
            out.line(format_args!("{document:#}"));
        }
    }
    // What is found comes before what is wrong with it, also where both streams lead to one terminal.
    out.flush();
    complaints(drafted, "sync");
    Ok(())
}

/// What kept the plan from being whole, on stderr. `verb` carries it out.
pub(super) fn complaints(drafted: &Drafted, verb: &str) {
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
    if drafted.refusals.iter().any(|refusal| refusal.bound == Bound::Signatures) {
        let plan = if verb.starts_with("undo ") { verb } else { "plan" };
        say(format_args!(
            "hint: crosstie {plan} --out FILE, then crosstie approve FILE --key KEYFILE by the approvers, then crosstie sync --plan FILE"
        ));
    } else if !drafted.refusals.is_empty() {
        say(format_args!(
            "hint: look at the plan; if it is meant, let exactly it through: crosstie {verb} --approve {}",
            drafted.refused_digest
        ));
    }
}

fn exit(drafted: &Drafted) -> Exit {
    let held = drafted.plan.routes.iter().any(|r| !r.held.is_empty());
    let incomplete = held || !drafted.skipped.is_empty() || !drafted.readings.complete();
    let changes = if drafted.plan.is_empty() { Exit::Done } else { Exit::Changes };
    let refused = if drafted.refusals.is_empty() { Exit::Done } else { Exit::Refused };
    let incomplete = if incomplete { Exit::Incomplete } else { Exit::Done };
    changes.and(refused).and(incomplete)
}
