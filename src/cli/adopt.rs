//! How are links made again for accounts that say whose they are, or that a person names?

use clap::Args;
use tracing::Instrument;

use super::alerts::Ended;
use super::clock::SystemClock;
use super::output::{complain, say};
use super::post::Outgoing;
use super::progress::Progress;
use super::render::{SHOWN, inert, inert_lines, one_line};
use super::{Exit, Global, Output, chronicle, identity, outcome, session};
use crate::config::Config;
use crate::engine::{Adopted, Adopting, Adoptions, Cycle, EngineError, Focus, Report};
use crate::graph::RequestIds;
use crate::model::{ActionKind, RouteName, RunId, Trigger};
use crate::notify::Bell;
use crate::ports::Clock;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Only this route, written HOME->TARGET.
    #[arg(long, value_name = "H->T")]
    route: Option<String>,
    /// This home user gets the account that --account names: object id or user principal name.
    #[arg(long, value_name = "U", requires = "account", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// The account in the target: object id or user principal name.
    #[arg(long, value_name = "A", requires = "user", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// Accounts of people who have left home or the scope as well: the next sync treats them by the leavers rule.
    #[arg(long)]
    leavers: bool,
    /// Show what would be linked, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    fn adopting(&self) -> Adopting {
        Adopting { by_hand: self.user.clone().zip(self.account.clone()), leavers: self.leavers }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    session::online(global, async |config| adopt(global, config, arguments, out).await)
}

async fn adopt(global: &Global, config: &Config, arguments: &Arguments, out: &mut Output) -> Result<Exit, Exit> {
    let route = session::route(config, arguments.route.as_deref())?;
    stamps(config, route.as_ref(), arguments)?;
    let focus = Focus { route, ..Focus::default() };
    let adopting = arguments.adopting();
    if arguments.dry_run {
        let found =
            session::looking(global, config, focus, async |cycle| cycle.find_adoptions(&adopting).await).await?;
        show(&found, true, out);
        let changes = if found.count() > 0 { Exit::Changes } else { Exit::Done };
        return Ok(changes.and(exit(&found)));
    }
    let clock = SystemClock::start();
    let directories = session::connect(config, clock)?;
    let outgoing = Outgoing::open(config)?;
    let store = session::store_to_write(config, "adopt", false, &clock)?;
    let (progress, ids, bell) =
        (Progress::new(global), RequestIds::random().map_err(session::failed)?, Bell::default());
    let started_at = clock.now();
    let begun = store.begin_run_in(&identity::circumstances(config), Trigger::Adopt, started_at);
    let run = begun.map_err(session::failed)?;
    session::until_stopped(async |stop| {
        let cycle = Cycle {
            config,
            store: &store,
            clock: &clock,
            directories: &directories,
            focus,
            request_ids: &|| ids.next_id(),
            watch: &|event| progress.hear(&event),
            stop: stop.clone(),
        };
        let work = async {
            let work = async {
                let found = cycle.find_adoptions(&adopting).await?;
                cycle.record_adoptions(run, adopting.by_hand.is_some(), &found)?;
                Ok(found)
            };
            let found = session::alive(&store, &clock, work).instrument(chronicle::span(run)).await;
            progress.clear();
            let (report, exit, reason) = told(found.map_err(session::failed)?, run, out);
            let exit = if *stop.borrow() {
                exit.and(session::failed("stopped: what stands above was adopted, and nothing else"))
            } else {
                exit
            };
            let (ended_at, report, source) = (clock.now(), &report, config.notify.source.as_str());
            let trigger = Trigger::Adopt;
            let ended = Ended { source, run, trigger, started_at, ended_at, exit, reason, report, whole: false };
            outcome::end(config, &store, &clock, &outgoing, &ended).await
        };
        outgoing.beside(&store, &clock, &bell, stop.clone(), work).await
    })
    .await
}

/// Without a stamp nothing says whose an account is.
fn stamps(config: &Config, route: Option<&RouteName>, arguments: &Arguments) -> Result<(), Exit> {
    let mut routes = config.routes.iter().filter(|r| route.is_none_or(|only| r.name == *only));
    if arguments.user.is_some() || routes.any(|route| route.ownership.stamping.is_some()) {
        return Ok(());
    }
    complain(format_args!(
        "no target has a stamp, so that no account says whose it is; nothing was read or written\n\
         hint: write `stamp = \"extensionAttribute15\"` in the target's table, or name one account: --user U --account A"
    ));
    Err(Exit::Usage)
}

fn told(found: Result<Adoptions, EngineError>, run: RunId, out: &mut Output) -> (Report, Exit, Option<String>) {
    let report = Report { run: Some(run), ..Report::default() };
    match found {
        Ok(found) => {
            show(&found, false, out);
            let counts = found.adopted.iter().filter(|(_, adopted)| !adopted.is_empty());
            let applied = counts.map(|(route, adopted)| ((route.clone(), ActionKind::Join), adopted.len() as u64));
            (Report { applied: applied.collect(), ..report }, exit(&found), None)
        }
        Err(error) => {
            let exit = session::failed(format_args!("{error}\nlinks that were made are in the change log"));
            (report, exit, Some(error.to_string()))
        }
    }
}

fn exit(found: &Adoptions) -> Exit {
    if found.is_whole() { Exit::Done } else { Exit::Incomplete }
}

fn show(found: &Adoptions, dry: bool, out: &mut Output) {
    for (route, adopted) in &found.adopted {
        let (all, linked) = (adopted.len(), found.linked.get(route).copied().unwrap_or_default());
        let refused = found.refused.iter().filter(|one| one.route == *route).count();
        let word = if dry { "to adopt" } else { "adopted" };
        out.line(format_args!("{route}: {all} {word}, {linked} linked already, {refused} refused"));
        for one in adopted.iter().take(SHOWN) {
            out.line(format_args!("  = {}", line(one)));
        }
        if let Some(more) = all.checked_sub(SHOWN).filter(|more| *more > 0) {
            out.line(format_args!("  … and {more} more"));
        }
    }
    out.flush();
    for one in &found.refused {
        let (route, account, name) = (&one.route, &one.account, inert(&one.account_name));
        complain(format_args!("{route}: account {account} ({name}) is not adopted: {}", one_line(&one.why)));
    }
    for (route, why) in &found.skipped {
        complain(format_args!("{route}: nothing was adopted: {}", inert_lines(why)));
    }
    if !dry && found.count() > 0 {
        say(format_args!("nothing was written to any tenant; `crosstie plan` shows what the next sync will do"));
    }
}

fn line(one: &Adopted) -> String {
    let who =
        if one.home.user_principal_name.is_empty() { one.home.id.as_str() } else { &one.home.user_principal_name };
    let from = one.from.as_ref().map(|former| format!(", until now of {}", former.home.id)).unwrap_or_default();
    format!("{}  account {} ({}{from})", inert(who), one.account, inert(&one.account_name))
}
