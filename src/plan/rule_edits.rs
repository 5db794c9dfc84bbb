//! What is not as it was in the rules of a route?

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::Attribute;
use crate::rules::{Apply, Guard, LeaverAction, Limit, Mapping, MatchRung, RuleSet, Scope, Source, WhenEmpty};

/// A part of the rules that can be edited by itself, named as it is written in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The whole rule set: the route has it now, or has it no more.
    RuleSet,
    /// The order of the route's rule sets.
    Order,
    /// `account`.
    Account,
    /// Every `[[scope]]`.
    Scope,
    /// Every `[[match]]`.
    Match,
    /// One line of `[attributes]`.
    Attribute(Attribute),
    /// One key of `[leavers]`.
    Leavers(&'static str),
    /// One key of `[guard]`, which judges whole plans and touches nobody.
    Guard(&'static str),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::RuleSet => f.write_str("rule set"),
            Part::Order => f.write_str("order"),
            Part::Account => f.write_str("account"),
            Part::Scope => f.write_str("scope"),
            Part::Match => f.write_str("match"),
            Part::Attribute(attribute) => write!(f, "attributes.{attribute}"),
            Part::Leavers(key) => write!(f, "leavers.{key}"),
            Part::Guard(key) => write!(f, "guard.{key}"),
        }
    }
}

/// One edit of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleEdit {
    /// In which rule set; of the order: those there are now.
    pub rules: String,
    /// What was edited.
    pub part: Part,
    /// How it read; `None`: it was not there.
    pub before: Option<String>,
    /// How it reads; `None`: it is there no more.
    pub after: Option<String>,
}

impl RuleEdit {
    /// `added`, `removed` or `edited`.
    pub fn verb(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "edited",
        }
    }
}

/// Every edit that leads from the old rule sets of a route to the new ones. Comments, descriptions and the order of lines
/// say nothing.
pub(super) fn rule_edits(old: &[Arc<RuleSet>], new: &[Arc<RuleSet>]) -> Vec<RuleEdit> {
    let named = |sets: &[Arc<RuleSet>], name: &str| sets.iter().find(|r| r.name == name).cloned();
    let mut found = Vec::new();
    for set in new {
        match named(old, &set.name) {
            Some(before) => of_set(&before, set, &mut found),
            None => found.push(rule_edit(set, Part::RuleSet, None, Some(set.name.clone()))),
        }
    }
    for set in old.iter().filter(|r| named(new, &r.name).is_none()) {
        found.push(rule_edit(set, Part::RuleSet, Some(set.name.clone()), None));
    }
    let common = |sets: &[Arc<RuleSet>], others: &[Arc<RuleSet>]| {
        let names = sets.iter().filter(|r| named(others, &r.name).is_some()).map(|r| r.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let (before, after) = (common(old, new), common(new, old));
    if before != after {
        let rules = after.clone();
        found.push(RuleEdit { rules, part: Part::Order, before: Some(before), after: Some(after) });
    }
    found
}

fn rule_edit(set: &RuleSet, part: Part, before: Option<String>, after: Option<String>) -> RuleEdit {
    RuleEdit { rules: set.name.clone(), part, before, after }
}

fn of_set(old: &RuleSet, new: &RuleSet, found: &mut Vec<RuleEdit>) {
    let mut edited = |part: Part, same: bool, before: Option<String>, after: Option<String>| {
        if !same {
            found.push(rule_edit(new, part, before, after));
        }
    };
    let kinds = [old, new].map(|r| Some(r.account.user_type().to_ascii_lowercase()));
    let [before, after] = kinds;
    edited(Part::Account, old.account == new.account, before, after);
    // What a clause compares with is told apart by its debugging form only: a list of one, and the text of its one item.
    let same = format!("{:?}", old.scope) == format!("{:?}", new.scope);
    edited(Part::Scope, same, Some(scope(&old.scope)), Some(scope(&new.scope)));
    let (before, after) = (ladder(&old.matches), ladder(&new.matches));
    edited(Part::Match, before == after, before, after);
    let mut names: Vec<&Attribute> = old.attributes.keys().chain(new.attributes.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (before, after) = (old.attributes.get(name), new.attributes.get(name));
        let same = before.zip(after).is_some_and(|(b, a)| same_mapping(b, a));
        edited(Part::Attribute(name.clone()), same, before.map(mapping), after.map(mapping));
    }
    let (before, after) = (leavers(old), leavers(new));
    for ((key, before), (_, after)) in before.into_iter().zip(after) {
        edited(Part::Leavers(key), before == after, Some(before), Some(after));
    }
    for ((key, before), (_, after)) in guard(&old.guard).into_iter().zip(guard(&new.guard)) {
        edited(Part::Guard(key), before == after, Some(before), Some(after));
    }
}

fn scope(tables: &[Scope]) -> String {
    let table = |scope: &Scope| {
        let clauses = scope.all.iter().map(ToString::to_string);
        let groups = (!scope.groups.is_empty()).then(|| format!("in group {}", scope.groups.join(" or ")));
        clauses.chain(groups).collect::<Vec<_>>().join(" and ")
    };
    match tables {
        [] => "every native user".to_owned(),
        [one] => table(one),
        many => many.iter().map(|t| format!("({})", table(t))).collect::<Vec<_>>().join(" or "),
    }
}

fn ladder(matches: &[MatchRung]) -> Option<String> {
    let rungs: Vec<String> = matches.iter().map(|m| format!("{} = {}", m.target, m.source)).collect();
    (!rungs.is_empty()).then(|| rungs.join(", then "))
}

fn same_mapping(old: &Mapping, new: &Mapping) -> bool {
    let source = match (&old.source, &new.source) {
        (Source::Expression(a), Source::Expression(b)) => a.dialect() == b.dialect() && a.to_string() == b.to_string(),
        (Source::Constant(a), Source::Constant(b)) => a == b,
        (Source::Reference(a), Source::Reference(b)) => a == b,
        _ => false,
    };
    source && old.apply == new.apply && old.when_empty == new.when_empty
}

/// What it is made from, and what it does otherwise than most.
fn mapping(mapping: &Mapping) -> String {
    let source = match &mapping.source {
        Source::Expression(expression) => expression.to_string(),
        Source::Constant(value) => value.to_string(),
        Source::Reference(attribute) => format!("[{attribute}]"),
    };
    let apply = match mapping.apply {
        Apply::Always => None,
        Apply::OnChange => Some("apply on-change"),
        Apply::Create => Some("apply create"),
    };
    let when_empty = match mapping.when_empty {
        WhenEmpty::Clear => None,
        WhenEmpty::Keep => Some("when_empty keep"),
    };
    let words: Vec<&str> = apply.into_iter().chain(when_empty).collect();
    if words.is_empty() { source } else { format!("{source} ({})", words.join(", ")) }
}

fn leavers(rules: &RuleSet) -> [(&'static str, String); 4] {
    let leavers = rules.leavers;
    let word = |action| match action {
        LeaverAction::Delete => "delete".to_owned(),
        LeaverAction::Disable => "disable".to_owned(),
        LeaverAction::Keep => "keep".to_owned(),
    };
    [
        ("deleted", word(leavers.deleted)),
        ("out_of_scope", word(leavers.out_of_scope)),
        ("disabled", word(leavers.disabled)),
        ("grace_days", leavers.grace_days.to_string()),
    ]
}

fn guard(guard: &Guard) -> [(&'static str, String); 14] {
    let limit = |limit: Limit| match (limit.max, limit.percent) {
        (Some(max), Some(percent)) => format!("{max} and {percent} %"),
        (Some(max), None) => max.to_string(),
        (None, Some(percent)) => format!("{percent} %"),
        (None, None) => "any number".to_owned(),
    };
    // Where nobody wrote one, it follows the other.
    let daily = |day, of_run| if day == of_run { "as in one run".to_owned() } else { limit(day) };
    let of_attribute = |(attribute, of): (&Attribute, &Limit)| format!("{attribute}: {}", limit(*of));
    let attributes = |all: &BTreeMap<Attribute, Limit>| all.iter().map(of_attribute).collect::<Vec<_>>().join(", ");
    [
        ("deletes", limit(guard.deletes)),
        ("disables", limit(guard.disables)),
        ("updates", limit(guard.updates)),
        ("provisions", limit(guard.provisions)),
        ("promotions", limit(guard.promotions)),
        ("attributes", attributes(&guard.attributes)),
        ("day.deletes", daily(guard.day.deletes, guard.deletes)),
        ("day.disables", daily(guard.day.disables, guard.disables)),
        ("day.updates", limit(guard.day.updates)),
        ("day.provisions", daily(guard.day.provisions, guard.provisions)),
        ("day.promotions", daily(guard.day.promotions, guard.promotions)),
        (
            "day.attributes",
            if guard.day.attributes == guard.attributes {
                "as in one run".to_owned()
            } else {
                attributes(&guard.day.attributes)
            },
        ),
        ("minimum_population", guard.minimum_population.to_string()),
        ("shrinkage", format!("{} %", guard.shrinkage)),
    ]
}
