//! How are links made again for accounts that say whose they are, or that a person names?

use clap::Args;
use serde_json::{Value, json};

use super::one_run::{Errand, Told, one_run};
use super::output::{Format, complain, say};
use super::render::{SHOWN, inert, inert_json, inert_lines, one_line};
use super::{Exit, Global, Output, session};
use crate::config::Config;
use crate::engine::{Adopted, Adopting, Adoptions, Cycle, EngineError, Focus, Report};
use crate::model::{ActionKind, ObjectId, RouteName, RunId, Trigger};

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
    /// How what was found is written to stdout; as JSON all of it, not only the first of each route.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
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
    let (adopting, format) = (arguments.adopting(), arguments.format);
    if arguments.dry_run {
        let found =
            session::looking(global, config, focus, async |cycle| cycle.find_adoptions(&adopting).await).await?;
        show(&found, None, format, out);
        let changes = if found.count() > 0 { Exit::Changes } else { Exit::Done };
        return Ok(changes.and(exit(&found)));
    }
    let errand = Errand { verb: "adopt", trigger: Trigger::Adopt, focus, take_over: false, whole: false };
    let work = async |cycle: &Cycle<'_, _, _>, run| {
        let found = cycle.find_adoptions(&adopting).await?;
        cycle.record_adoptions(run, adopting.by_hand.is_some(), &found)?;
        Ok(found)
    };
    // No tenant is written to: connections that read are all that it is given.
    let doors = |readers| readers;
    one_run(global, config, errand, doors, work, |found, run, stopped| {
        let (report, exit, reason) = told(found, run, format, out);
        let exit = if stopped {
            exit.and(session::failed("stopped: what stands above was adopted, and nothing else"))
        } else {
            exit
        };
        (report, exit, reason)
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

fn told(found: Result<Adoptions, EngineError>, run: RunId, format: Format, out: &mut Output) -> Told {
    let report = Report { run: Some(run), ..Report::default() };
    match found {
        Ok(found) => {
            show(&found, Some(run), format, out);
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

/// `run`: the run that made the links; `None`: none were made.
fn show(found: &Adoptions, run: Option<RunId>, format: Format, out: &mut Output) {
    match format {
        Format::Json => out.line(format_args!("{}", inert_json(&format!("{:#}", document(found, run))))),
        Format::Text => text(found, run, out),
    }
    out.flush();
    for one in &found.refused {
        let (route, account, name) = (&one.route, &one.account, inert(&one.account_name));
        complain(format_args!("{route}: account {account} ({name}) is not adopted: {}", one_line(&one.why)));
    }
    for (route, why) in &found.skipped {
        complain(format_args!("{route}: nothing was adopted: {}", inert_lines(why)));
    }
    if run.is_some() && found.count() > 0 {
        say(format_args!("nothing was written to any tenant; `crosstie plan` shows what the next sync will do"));
    }
}

fn text(found: &Adoptions, run: Option<RunId>, out: &mut Output) {
    for (route, adopted) in &found.adopted {
        let (all, linked, refused) = (adopted.len(), linked(found, route), refused(found, route));
        let word = if run.is_none() { "to adopt" } else { "adopted" };
        out.line(format_args!("{route}: {all} {word}, {linked} linked already, {refused} refused"));
        for one in adopted.iter().take(SHOWN) {
            out.line(format_args!("  = {}", line(one)));
        }
        if let Some(more) = all.checked_sub(SHOWN).filter(|more| *more > 0) {
            out.line(format_args!("  … and {more} more"));
        }
    }
}

fn linked(found: &Adoptions, route: &RouteName) -> u64 {
    found.linked.get(route).copied().unwrap_or_default()
}

fn refused(found: &Adoptions, route: &RouteName) -> usize {
    found.refused.iter().filter(|one| one.route == *route).count()
}

fn line(one: &Adopted) -> String {
    let who =
        if one.home.user_principal_name.is_empty() { one.home.id.as_str() } else { &one.home.user_principal_name };
    let from = one.from.as_ref().map(|former| format!(", until now of {}", former.home.id)).unwrap_or_default();
    format!("{}  account {} ({}{from})", inert(who), one.account, inert(&one.account_name))
}

fn document(found: &Adoptions, run: Option<RunId>) -> Value {
    let account = |id: &ObjectId, name: &str| json!({ "id": id, "userPrincipalName": name });
    let route = |(route, adopted): (&RouteName, &Vec<Adopted>)| {
        let (linked, refused) = (linked(found, route), refused(found, route));
        json!({ "route": route.to_string(), "adopted": adopted.len(), "linked": linked, "refused": refused })
    };
    let adopted = |(route, one): (&RouteName, &Adopted)| {
        let from = one.from.as_ref().map(|f| json!({ "route": f.route.to_string(), "home": f.home }));
        json!({
            "route": route.to_string(),
            "home": one.home,
            "account": account(&one.account, &one.account_name),
            "from": from,
        })
    };
    let refused = |one: &crate::engine::NotAdopted| {
        let account = account(&one.account, &one.account_name);
        json!({ "route": one.route.to_string(), "account": account, "why": one.why })
    };
    let skipped = |(route, why): (&RouteName, &String)| json!({ "route": route.to_string(), "why": why });
    let all = found.adopted.iter().flat_map(|(route, adopted)| adopted.iter().map(move |one| (route, one)));
    json!({
        "run": run.map(|run| run.0),
        "routes": found.adopted.iter().map(route).collect::<Vec<_>>(),
        "adopted": all.map(adopted).collect::<Vec<_>>(),
        "refused": found.refused.iter().map(refused).collect::<Vec<_>>(),
        "skipped": found.skipped.iter().map(skipped).collect::<Vec<_>>(),
    })
}
