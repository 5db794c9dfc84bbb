//! Is this plan safe to apply unattended?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::RoutePlan;
use crate::model::{Action, ActionKind, Attribute, Change, Edit, ObjectId, RouteName, Value};
use crate::rules::{Limit, RuleSet};

/// One limit that a route's plan is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which route.
    pub route: RouteName,
    /// Whose guard.
    pub rules: String,
    /// Of which kind.
    pub kind: ActionKind,
    /// How many are planned.
    pub planned: u64,
    /// Links with a known account on the route.
    pub population: u64,
    /// The limit.
    pub limit: Limit,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, rules, kind, planned, population, limit } = self;
        write!(f, "{route}: {planned} accounts to {kind} of {population} linked; guard of rule set {rules:?} allows")?;
        match (limit.max, limit.percent) {
            (Some(max), Some(percent)) => write!(f, " {max} and {percent} %"),
            (Some(max), None) => write!(f, " {max}"),
            (None, Some(percent)) => write!(f, " {percent} %"),
            (None, None) => write!(f, " any number"),
        }
    }
}

/// People whose changes the guard counts, by rule set and kind.
///
/// Not counted is what finishes a provisioning (the guard had its say then), and a reference that is filled in for the
/// first time: a manager's account came to be, nothing of the account's own is lost.
pub fn guarded(plan: &RoutePlan) -> BTreeMap<(String, ActionKind), BTreeSet<ObjectId>> {
    let mut people: BTreeMap<(String, ActionKind), BTreeSet<ObjectId>> = BTreeMap::new();
    let counted = |c: &&Change| match &c.action {
        Action::Update { edits, .. } => {
            let fills_references = edits.keys().all(|a| a.is_reference() && !c.before.contains_key(a));
            !fills_references && !plan.still_provisioning.contains(&c.home.id)
        }
        _ => true,
    };
    for change in plan.changes.iter().filter(counted) {
        people.entry((change.rules.clone(), counted_as(change))).or_default().insert(change.home.id.clone());
    }
    people
}

/// How many these are.
pub fn population_counts(plan: &RoutePlan) -> BTreeMap<(String, ActionKind), u64> {
    guarded(plan).into_iter().map(|(what, people)| (what, people.len() as u64)).collect()
}

/// As what the guard counts a change: a block is a block, also where a mapping of `accountEnabled` brings it.
pub fn counted_as(change: &Change) -> ActionKind {
    let blocks = Edit::Set(Value::Bool(false));
    match &change.action {
        Action::Update { edits, .. } if edits.get(Attribute::ACCOUNT_ENABLED) == Some(&blocks) => ActionKind::Disable,
        other => other.kind(),
    }
}

/// Every limit that the plan is over. Over any of them, nothing of the route is written.
///
/// `before`: whom the guard has let through in the same run. Many small steps are one large one.
pub fn refusals(
    plan: &RoutePlan,
    rules: &[Arc<RuleSet>],
    before: &BTreeMap<(String, ActionKind), BTreeSet<ObjectId>>,
) -> Vec<Refusal> {
    let people = guarded(plan);
    let mut refusals = Vec::new();
    for set in rules {
        let guard = &set.guard;
        let limits = [
            (ActionKind::Delete, guard.deletes),
            (ActionKind::Disable, guard.disables),
            (ActionKind::Update, guard.updates),
        ];
        for (kind, limit) in limits {
            let what = (set.name.clone(), kind);
            let Some(now) = people.get(&what) else { continue };
            let earlier = before.get(&what).map_or(0, |before| before.difference(now).count());
            let planned = (now.len() + earlier) as u64;
            let over_count = limit.max.is_some_and(|max| planned > max);
            let over_share = plan.population >= guard.minimum_population
                && limit.percent.is_some_and(|percent| planned * 100 > plan.population * percent);
            if over_count || over_share {
                let (route, rules) = (plan.route.clone(), set.name.clone());
                refusals.push(Refusal { route, rules, kind, planned, population: plan.population, limit });
            }
        }
    }
    refusals
}
