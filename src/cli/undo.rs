//! How is taken back what a run did?

use std::path::PathBuf;

use clap::Args;

use super::output::{complain, say};
use super::sync::{self, Order};
use super::{Exit, Global, Output, plan, plan_file, render, session};
use crate::config::Config;
use crate::engine::{Drafted, Focus};
use crate::model::{RouteName, RunId, Trigger};
use crate::store::{Filter, Mode};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The run, as `status` and `log` number it.
    #[arg(value_name = "RUN")]
    run: u64,
    /// Only this person: home object id, user principal name, or account id.
    #[arg(long, value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write to no tenant, but the whole plan to this new file: to look at it, to approve it, and for `sync --plan`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Let the plan with this digest pass the guard, once.
    #[arg(long, value_name = "DIGEST", value_parser = sync::digest, conflicts_with_all = ["dry_run", "out"])]
    approve: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    session::online(global, async |config| undo(global, config, arguments, out).await)
}

async fn undo(global: &Global, config: &Config, arguments: &Arguments, out: &mut Output) -> Result<Exit, Exit> {
    if let Some(path) = &arguments.out {
        plan_file::must_be_new(path)?;
    }
    let due = routes(config, arguments)?.into_iter().collect();
    let (user, undo) = (arguments.user.clone(), Some(RunId(arguments.run)));
    let focus = Focus { due: Some(due), user, undo, ..Focus::default() };
    if arguments.dry_run || arguments.out.is_some() {
        let drafted = session::looking(global, config, focus, async |cycle| cycle.dry_run().await).await?;
        render::text(&drafted, config, render::SHOWN, out).map_err(session::failed)?;
        out.flush();
        plan::complaints(&drafted, &verb(arguments));
        sync::stale(&drafted.stale);
        if let Some(path) = &arguments.out {
            plan_file::save(&drafted, config, path)?;
        }
        return Ok(exit(&drafted));
    }
    let (trigger, approve) = (Trigger::Undo, arguments.approve.clone());
    let order = Order { focus, trigger, approve, take_over: false, verb: verb(arguments) };
    let ended = sync::carry_out(global, config, order, out).await;
    note(&ended);
    ended
}

/// What has to be known once something was taken back.
pub(super) fn note(ended: &Result<Exit, Exit>) {
    if matches!(ended, Ok(Exit::Done | Exit::Incomplete)) {
        say(format_args!(
            "note: the next cycle makes the same changes again, unless what led to them is put right first\n\
             hint: stop `crosstie run`, correct the rules or the home tenant, look at `crosstie plan`, and only then go on"
        ));
    }
}

fn verb(arguments: &Arguments) -> String {
    let user = arguments.user.as_ref().map(|user| format!(" --user {}", render::inert(user))).unwrap_or_default();
    format!("undo {}{user}", arguments.run)
}

/// The routes on which the run wrote anything. Others are not even read.
fn routes(config: &Config, arguments: &Arguments) -> Result<Vec<RouteName>, Exit> {
    let (run, mut routes) = (arguments.run, std::collections::BTreeSet::new());
    let filter = Filter { run: Some(run), user: arguments.user.clone(), ..Filter::default() };
    let store = session::store(config, Mode::Look)?;
    let each = |entry: crate::store::LogEntry| {
        routes.extend(RouteName::parse(&entry.route).filter(|_| entry.outcome == "applied"));
        true
    };
    store.log(&filter, each).map_err(session::failed)?;
    let (known, gone): (Vec<_>, Vec<_>) = routes.into_iter().partition(|route| config.route(route).is_some());
    for route in &gone {
        complain(format_args!("{route}: the configuration has no such route any more; nothing of it is taken back"));
    }
    if known.is_empty() {
        let whose = arguments.user.as_ref().map(|user| format!(" for {user:?}")).unwrap_or_default();
        complain(format_args!(
            "run {run} wrote nothing{whose} that could be taken back; nothing was read or written\n\
             hint: `crosstie status` lists the last runs, `crosstie log` what each of them wrote"
        ));
        return Err(Exit::Usage);
    }
    Ok(known)
}

fn exit(drafted: &Drafted) -> Exit {
    let changes = if drafted.plan.is_empty() { Exit::Done } else { Exit::Changes };
    let refused = if drafted.refusals.is_empty() { Exit::Done } else { Exit::Refused };
    let whole = drafted.stale.is_empty() && drafted.skipped.is_empty();
    changes.and(refused).and(if whole { Exit::Done } else { Exit::Incomplete })
}
