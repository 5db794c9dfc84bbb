//! What was done for one person, in all tenants?

use std::collections::BTreeMap;

use super::{Format, exported};
use crate::cli::output::say;
use crate::cli::{Exit, Output, render, session};
use crate::model::ObjectId;
use crate::store::{Filter, LogEntry, Store};

/// What one target tenant has of a person.
struct There {
    accounts: Vec<ObjectId>,
    writes: u64,
    last: LogEntry,
}

pub(super) fn history(store: &Store, user: &str, format: Format, out: &mut Output) -> Result<Exit, Exit> {
    let people = store.people_named(user).map_err(session::failed)?;
    if people.is_empty() {
        say(format_args!("no entry of the change log is about {}", render::inert(user)));
        return Ok(Exit::Done);
    }
    let filter = Filter { people: Some(people), ..Filter::default() };
    if format == Format::Text {
        summary(store, &filter, out)?;
    }
    exported(store, &filter, format, out)
}

/// Who it is, and how things stand in each tenant by the log's last word.
fn summary(store: &Store, filter: &Filter, out: &mut Output) -> Result<(), Exit> {
    let mut names: BTreeMap<(String, ObjectId), Vec<String>> = BTreeMap::new();
    let mut there: BTreeMap<(String, ObjectId, String), There> = BTreeMap::new();
    let read = store.log(filter, |entry| {
        let who = (entry.home.tenant.clone(), entry.home.id.clone());
        let known = names.entry(who.clone()).or_default();
        if let Some(name) = entry.home.user_principal_name.clone().filter(|n| !n.is_empty() && !known.contains(n)) {
            known.push(name);
        }
        let target = entry.route.split_once("->").map_or("", |(_, target)| target).to_owned();
        let new = || There { accounts: Vec::new(), writes: 0, last: entry.clone() };
        let of = there.entry((who.0, who.1, target)).or_insert_with(new);
        of.writes += 1;
        if let Some(account) = entry.account.as_ref().map(|a| a.id.clone()).filter(|id| !of.accounts.contains(id)) {
            of.accounts.push(account);
        }
        of.last = entry;
        true
    });
    read.map_err(session::failed)?;
    for ((tenant, id), names) in &names {
        let names: Vec<String> = names.iter().map(|name| render::inert(name)).collect();
        out.line(format_args!("{}  {id} in {tenant}", names.join(", also ")));
        for ((_, _, target), of) in there.iter().filter(|((t, i, _), _)| t == tenant && i == id) {
            let accounts: Vec<String> = of.accounts.iter().map(|id| render::inert(id.as_str())).collect();
            let LogEntry { at, action, outcome, .. } = &of.last;
            let accounts = if accounts.is_empty() { "none".to_owned() } else { accounts.join(", ") };
            out.line(format_args!(
                "  in {target}: account {accounts}; {} entries, the last {at} {action} {outcome}",
                of.writes
            ));
        }
    }
    out.line(format_args!(""));
    Ok(())
}
