//! Which rule set takes the user, clause by clause?

use serde::Serialize;

use super::Secrets;
use crate::model::{Attribute, Attributes, NamedGroup, Value};
use crate::plan::scope::unblocked;
use crate::plan::{Case, PlannedRoute};
use crate::rules::{Clause, Operator, RuleSet, Scope};

/// One rule set of the route. Of somebody blocked at home, `…_unblocked` says what held if the person were not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleSetSeen {
    /// Its name.
    pub rules: String,
    /// It takes the user as the user is.
    pub takes: bool,
    /// It would take the user if not blocked at home; null where the user is not.
    pub takes_unblocked: Option<bool>,
    /// It is the one that has the user: the first that takes.
    pub has: bool,
    /// Its `[[scope]]` tables, any of which takes; none at all takes every native user.
    pub tables: Vec<TableSeen>,
}

/// One `[[scope]]` table: every clause holds, and the user is in one of the groups where any are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSeen {
    /// It takes the user as the user is.
    pub takes: bool,
    /// The same for the user if not blocked.
    pub takes_unblocked: Option<bool>,
    /// Its clauses, all of which must hold.
    pub clauses: Vec<ClauseSeen>,
    /// Its groups, one of which is enough.
    pub groups: Vec<GroupSeen>,
}

/// One clause and what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClauseSeen {
    /// What is looked at.
    pub attribute: Attribute,
    /// How it is compared.
    pub operator: &'static str,
    /// What it is compared to.
    pub value: Option<Value>,
    /// What the user has.
    pub seen: Option<Value>,
    /// It holds for the user as the user is.
    pub holds: bool,
    /// The same for the user if not blocked.
    pub holds_unblocked: Option<bool>,
    /// What may be surprising about it.
    pub note: Option<&'static str>,
}

/// One group that a table names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupSeen {
    /// Its object id in the home tenant.
    pub id: String,
    /// The user is in it, directly or through other groups.
    pub member: bool,
    /// From the user's own group up to this one, where that was asked and found.
    pub path: Option<Vec<NamedGroup>>,
    /// Why no path is known, or why the user may not be in it.
    pub note: Option<String>,
}

/// `has`: the rule set that takes the user.
pub(super) fn seen(route: &PlannedRoute, case: &Case, has: Option<&str>, secrets: &Secrets) -> Vec<RuleSetSeen> {
    let unblocked = (!case.home.is_enabled()).then(|| unblocked(&case.home));
    let people = People { case, unblocked: unblocked.as_ref(), secrets };
    route.rules.iter().map(|rules| people.rule_set(rules, has == Some(rules.name.as_str()))).collect()
}

/// The user, and the same one not blocked.
struct People<'a> {
    case: &'a Case,
    unblocked: Option<&'a Attributes>,
    secrets: &'a Secrets,
}

impl People<'_> {
    fn is_member(&self, group: &str) -> bool {
        self.case.member_of.contains(group)
    }
    fn both(&self, question: impl Fn(&Attributes) -> bool) -> (bool, Option<bool>) {
        (question(&self.case.home.attributes), self.unblocked.map(&question))
    }

    fn rule_set(&self, rules: &RuleSet, has: bool) -> RuleSetSeen {
        let (takes, takes_unblocked) = self.both(|user| rules.in_scope(user, |g| self.is_member(g)));
        let tables = rules.scope.iter().map(|table| self.table(table)).collect();
        RuleSetSeen { rules: rules.name.clone(), takes, takes_unblocked, has, tables }
    }

    fn table(&self, table: &Scope) -> TableSeen {
        let (takes, takes_unblocked) = self.both(|user| table.takes(user, |g| self.is_member(g)));
        let group = |id: &String| GroupSeen { id: id.clone(), member: self.is_member(id), path: None, note: None };
        let clauses = table.all.iter().map(|clause| self.clause(clause)).collect();
        TableSeen { takes, takes_unblocked, clauses, groups: table.groups.iter().map(group).collect() }
    }

    fn clause(&self, clause: &Clause) -> ClauseSeen {
        let (holds, holds_unblocked) = self.both(|user| clause.holds(user));
        let value = self.case.home.attributes.get(&clause.attribute);
        let note = match value {
            _ if holds => None,
            None => Some("no value: an empty attribute fails every operator but IS NULL"),
            Some(value) if value.is_empty() => Some("empty: an empty attribute fails every operator but IS NULL"),
            Some(Value::List(_)) if !matches!(clause.operator, Operator::IsNull) => {
                Some("a list fails every operator but IS NULL and IS NOT NULL")
            }
            Some(_) => None,
        };
        ClauseSeen {
            attribute: clause.attribute.clone(),
            operator: clause.operator.name(),
            value: clause.operator.value(),
            seen: self.secrets.home(clause.attribute.as_str(), value),
            holds,
            holds_unblocked,
            note,
        }
    }
}
