//! What shall not wait until its pause is over?

use clap::Args;

use super::check::count;
use super::{Exit, Global, Output, session};
use crate::config::Config;
use crate::model::RouteName;
use crate::store::{Door, RoutePart, Store, StoreError};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Only this home user: object id or user principal name.
    #[arg(long, value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Only this route, written HOME->TARGET: its failed people, its quarantine, and its two tenants.
    #[arg(long, value_name = "H->T")]
    route: Option<String>,
}

/// How much there was.
#[derive(Default)]
struct Tried {
    people: u64,
    routes: u64,
    tenants: u64,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let mut retried = || -> Result<Exit, Exit> {
        let config = session::configuration(global)?;
        let route = session::route(&config, arguments.route.as_deref())?;
        let Some(store) = session::store_beside(&config)? else {
            out.line(format_args!("nothing waits: there is no store yet"));
            return Ok(Exit::Done);
        };
        let tried = match &arguments.user {
            Some(user) => one(&config, &store, route.as_ref(), user)?,
            None => store.together(|| all(&config, &store, route.as_ref())).map_err(session::failed)?,
        };
        let Tried { people, routes, tenants } = tried;
        if people + routes + tenants == 0 {
            out.line(format_args!("nothing waits that could be tried again"));
        } else {
            let count = |n: u64, thing| count(usize::try_from(n).unwrap_or(usize::MAX), thing);
            let what = [
                (people, count(people, "failed change")),
                (routes, count(routes, "quarantined route")),
                (tenants, count(tenants, "tenant") + " left alone"),
            ];
            let what: Vec<String> = what.into_iter().filter(|(n, _)| *n > 0).map(|(_, what)| what).collect();
            out.line(format_args!("tried again with the next cycle: {}", what.join(", ")));
        }
        Ok(Exit::Done)
    };
    retried().unwrap_or_else(|exit| exit)
}

fn one(config: &Config, store: &Store, route: Option<&RouteName>, user: &str) -> Result<Tried, Exit> {
    let (mut tried, mut known) = (Tried::default(), false);
    let routes = config.routes.iter().map(|r| &r.name).filter(|name| route.is_none_or(|only| only == *name));
    for name in routes {
        let Some(home) = store.find_user(&name.home, user).map_err(session::failed)? else { continue };
        known = true;
        tried.people += store.try_again(Some(name), Some(&home)).map_err(session::failed)?;
    }
    if known {
        return Ok(tried);
    }
    Err(session::failed(format_args!(
        "no home user {user:?} was found\nhint: name the object id or user principal name at home"
    )))
}

fn all(config: &Config, store: &Store, route: Option<&RouteName>) -> Result<Tried, StoreError> {
    let mut tried = Tried::default();
    for name in config.routes.iter().map(|r| &r.name).filter(|name| route.is_none_or(|only| only == *name)) {
        tried.people += store.try_again(Some(name), None)?;
        for part in [RoutePart::Leavers, RoutePart::Others] {
            tried.routes += u64::from(store.probe_now(name, part)?);
        }
        for (tenant, door) in
            [(&name.home, Door::Reading), (&name.target, Door::Reading), (&name.target, Door::Writing)]
        {
            tried.tenants += u64::from(store.rest_no_longer(tenant, door)?);
        }
    }
    Ok(tried)
}
