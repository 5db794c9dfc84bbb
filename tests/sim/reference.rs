//! What should every target look like, given homes and rules? A second opinion that shares no code with the planner.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::remembered::Ties;
use crate::shape::{Leavers, Shape};

/// A home user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) tenant: String,
    pub(crate) id: String,
    /// Neither deleted nor gone.
    pub(crate) live: bool,
    pub(crate) enabled: bool,
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) mail: String,
    pub(crate) manager: Option<String>,
}

/// What the rules say of a home user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    In,
    Blocked,
    Left,
}

pub(crate) fn text(user: &Value, name: &str) -> Option<String> {
    user[name].as_str().map(str::to_owned)
}

impl Home {
    /// Of Graph's JSON; `None` is somebody who is gone.
    pub(crate) fn of(tenant: &str, id: &str, user: Option<&Value>) -> Self {
        let gone = Self { tenant: tenant.to_owned(), id: id.to_owned(), ..Self::default() };
        let Some(user) = user else { return gone };
        Self {
            live: user.get("deletedDateTime").is_none(),
            enabled: user["accountEnabled"] != false,
            kind: text(user, "employeeType").unwrap_or_default(),
            name: text(user, "displayName"),
            title: text(user, "jobTitle"),
            department: text(user, "department"),
            mail: text(user, "mail").unwrap_or_default(),
            manager: text(user, "manager"),
            ..gone
        }
    }
    pub(crate) fn standing(&self, shape: Shape) -> Standing {
        let scoped = shape.scope.is_none_or(|kinds| kinds.contains(&self.kind.as_str()));
        match (self.live && scoped, self.enabled || shape.leavers == Leavers::Keep) {
            (false, _) => Standing::Left,
            (true, true) => Standing::In,
            (true, false) => Standing::Blocked,
        }
    }
    /// The value that an account of this person should have; `None`: no value. The outer `None`: nothing is asked of it.
    pub(crate) fn wanted(&self, shape: Shape, attribute: &str) -> Option<Option<String>> {
        match attribute {
            "displayName" => Some(self.name.clone()),
            "jobTitle" if self.title.is_none() && shape.keeps_title => None,
            "jobTitle" => Some(self.title.clone()),
            "department" if shape.department && !shape.on_change => Some(self.department.clone()),
            "companyName" if !shape.department => Some(Some("College".to_owned())),
            _ => None,
        }
    }
}

/// One target as it is: users by id, deleted ones among them, and who holds a directory role there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) users: BTreeMap<String, Value>,
    pub(crate) admins: BTreeSet<String>,
}

fn is_live(user: &Value) -> bool {
    user.get("deletedDateTime").is_none()
}
fn is_external(user: &Value) -> bool {
    user["creationType"] == "Invitation" || user["userPrincipalName"].as_str().is_some_and(|n| n.contains("#EXT#"))
}
fn holds(user: &Value, address: &str) -> bool {
    let is = |v: &Value| {
        let bare = v.as_str().map(|t| t.trim_start_matches("SMTP:").trim_start_matches("smtp:").to_lowercase());
        bare.is_some_and(|t| t == address.to_lowercase())
    };
    let listed = |name: &str| user[name].as_array().is_some_and(|all| all.iter().any(is));
    is(&user["mail"]) || is(&user["userPrincipalName"]) || listed("otherMails") || listed("proxyAddresses")
}

/// Everything that is not as it should be on the route `home -> name`.
pub(crate) fn differences(
    (home, name): (&str, &str),
    shape: Shape,
    homes: &BTreeMap<String, Home>,
    target: &Target,
    ties: &Ties,
) -> Vec<String> {
    let mut odd = Vec::new();
    let tie_of = |id: &str| ties.get(&(home.to_owned(), id.to_owned(), name.to_owned()));
    let account_of = |id: &str| {
        let tie = tie_of(id)?;
        Some((tie, target.users.get(tie.account.as_ref()?).filter(|u| is_live(u))?))
    };
    let was_admin = |id: &str| tie_of(id).and_then(|t| t.account.as_ref()).is_some_and(|a| target.admins.contains(a));
    for person in homes.values().filter(|h| h.tenant == home) {
        let found = account_of(&person.id);
        let who = format!("{home}->{name}: {} ({})", person.mail, person.id);
        let is_admin = found.is_some_and(|(_, u)| target.admins.contains(u["id"].as_str().unwrap_or_default()));
        match (person.standing(shape), found) {
            (Standing::In, Some((tie, account))) => {
                for attribute in ["displayName", "jobTitle", "department", "companyName"] {
                    let Some(wanted) = person.wanted(shape, attribute) else { continue };
                    let has = text(account, attribute);
                    if has != wanted {
                        odd.push(format!("{who}: {attribute} is {has:?} and should be {wanted:?}"));
                    }
                }
                if shape.manager {
                    let boss = person.manager.as_ref().and_then(|m| account_of(m)).map(|(_, b)| b["id"].clone());
                    // A manager in deletedItems is nobody's.
                    let is_there = |id: &str| target.users.get(id).is_some_and(is_live);
                    let has = account.get("manager").filter(|m| m.as_str().is_some_and(is_there)).cloned();
                    if (person.manager.is_none() || boss.is_some()) && has != boss {
                        odd.push(format!("{who}: manager is {has:?} and should be {boss:?}"));
                    }
                }
                if account["accountEnabled"] == false && tie.disabled_by_us && person.enabled && !is_admin {
                    odd.push(format!("{who}: is still blocked by us"));
                }
            }
            // An administrator's account is brought back by an administrator alone.
            (Standing::In, None) if was_admin(&person.id) => {}
            // The target refuses addresses of its own domains.
            (Standing::In, None) if person.mail.to_lowercase().ends_with(&format!("@{name}.example")) => {}
            (Standing::In, None) => {
                odd.extend(missing(person, shape, homes, target, ties).map(|w| format!("{who}: {w}")))
            }
            (Standing::Blocked, Some((_, account))) if account["accountEnabled"] != false && !is_admin => {
                odd.push(format!("{who}: is blocked at home, and the account is not"));
            }
            (Standing::Left, Some((_, account))) if !is_admin => match shape.leavers {
                Leavers::Delete | Leavers::Grace => odd.push(format!("{who}: has left, and the account is there")),
                Leavers::Disable if account["accountEnabled"] != false => {
                    odd.push(format!("{who}: has left, and the account is not blocked"));
                }
                Leavers::Disable | Leavers::Keep => {}
            },
            _ => {}
        }
    }
    odd
}

/// Why somebody in scope has no account, if there is no good reason.
fn missing(
    person: &Home,
    shape: Shape,
    homes: &BTreeMap<String, Home>,
    target: &Target,
    ties: &Ties,
) -> Option<String> {
    let rival = |h: &Home| {
        h.id != person.id && h.standing(shape) != Standing::Left && h.mail.eq_ignore_ascii_case(&person.mail)
    };
    if homes.values().any(rival) || person.mail.is_empty() {
        return None;
    }
    // Somebody who is gone had the address: whoever has it now is held as long as that account is there, deleted or not.
    let invited = format!("{}#ext#", person.mail.to_lowercase().replace('@', "_"));
    let had = |u: &Value| {
        let name = text(u, "userPrincipalName").unwrap_or_default().to_lowercase();
        holds(u, &person.mail) || name.contains(&invited)
    };
    let is_gone = |home: &str| !homes.get(home).is_some_and(|h| h.live);
    let former =
        |u: &Value| ties.iter().any(|((_, home, _), t)| t.account.as_deref() == u["id"].as_str() && is_gone(home));
    if target.users.values().any(|u| had(u) && former(u)) {
        return None;
    }
    let live: Vec<&Value> = target.users.values().filter(|u| is_live(u)).collect();
    let taken = |u: &Value| ties.values().any(|t| t.account.as_deref() == u["id"].as_str());
    let guests: Vec<&&Value> = live.iter().filter(|u| is_external(u) && text(u, "mail").is_some()).collect();
    let guests: Vec<&&&Value> =
        guests.iter().filter(|u| u["mail"].as_str().is_some_and(|m| m.eq_ignore_ascii_case(&person.mail))).collect();
    match guests.as_slice() {
        [one] if shape.matches && !taken(one) && !target.admins.contains(one["id"].as_str().unwrap_or_default()) => {
            Some(format!("the account {} is theirs and was not joined", one["id"]))
        }
        [] if !live.iter().any(|u| holds(u, &person.mail)) => Some("has no account".to_owned()),
        _ => None,
    }
}
