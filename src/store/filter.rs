//! Which entries of the change log are asked for?

use std::collections::BTreeSet;

use rusqlite::types::Value as Sql;

use super::codec::signed;
use super::erasures::Item;
use super::log::{LogEntry, Party};
use crate::model::{ActionKind, ObjectId, Timestamp};

/// Which entries?
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Id or sign-in name of the home user, or id of the account.
    pub user: Option<String>,
    /// As home or target.
    pub tenant: Option<String>,
    /// `home->target`.
    pub route: Option<String>,
    /// A run.
    pub run: Option<u64>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// A kind.
    pub action: Option<ActionKind>,
    /// `applied`, `failed` or `unknown`.
    pub outcome: Option<String>,
    /// Only for these home users: tenant and object id.
    pub people: Option<BTreeSet<(String, ObjectId)>>,
}

/// A condition on the columns, and its values.
pub(super) fn sql_of(filter: &Filter) -> (String, Vec<Sql>) {
    let (mut parts, mut values) = (vec!["1".to_owned()], Vec::new());
    let mut add = |column: &str, value: Sql| {
        values.push(value);
        parts.push(column.replace('?', &format!("?{}", values.len())));
    };
    let time = |t: Timestamp| Sql::Integer(signed(t.0));
    if let Some(tenant) = &filter.tenant {
        add("? IN (home, target)", Sql::Text(tenant.clone()));
    }
    if let Some(route) = &filter.route {
        add("home || '->' || target = ?", Sql::Text(route.clone()));
    }
    if let Some(run) = filter.run {
        add("run = ?", Sql::Integer(signed(run)));
    }
    if let Some(since) = filter.since {
        add("at >= ?", time(since));
    }
    if let Some(until) = filter.until {
        add("at <= ?", time(until));
    }
    if let Some(action) = filter.action {
        add("action = ?", Sql::Text(action.as_str().to_owned()));
    }
    if let Some(outcome) = &filter.outcome {
        add("outcome = ?", Sql::Text(outcome.clone()));
    }
    (parts.join(" AND "), values)
}

/// Whom it is about, columns do not say.
pub(super) fn passes(item: &Item, filter: &Filter) -> bool {
    match item {
        Item::Write(entry) => is_of(entry, filter),
        // It is about nobody whom anybody could name.
        Item::Erased(_) | Item::Tombstone(_) => filter.user.is_none() && filter.people.is_none(),
    }
}

fn is_of(entry: &LogEntry, filter: &Filter) -> bool {
    if let Some(people) = &filter.people
        && !people.contains(&(entry.home.tenant.clone(), entry.home.id.clone()))
    {
        return false;
    }
    let Some(user) = filter.user.as_deref() else { return true };
    let named = |p: &Party| {
        p.id.as_str().eq_ignore_ascii_case(user)
            || p.user_principal_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(user))
    };
    named(&entry.home) || entry.account.as_ref().is_some_and(named)
}
