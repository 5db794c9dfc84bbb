//! Is this plan safe to apply unattended?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{Due, RoutePlan, Unkept};
use crate::model::{Action, ActionKind, Attribute, Change, Edit, Edits, ObjectId, RouteName, Value};
use crate::rules::{Guard, Limit, RuleSet};

/// What the guard counts people by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// One kind of change.
    Kind(ActionKind),
    /// Updates of this attribute.
    Attribute(Attribute),
    /// Accounts that become members.
    Promotion,
}

/// People of a route whose changes the guard counts, by rule set.
pub type People = BTreeMap<(String, Counted), BTreeSet<ObjectId>>;

/// Which limit a plan is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// That of one run.
    Run,
    /// That of 24 hours.
    Day,
    /// More changes in all than are made without signatures.
    Signatures,
}

/// One limit that a route's plan is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which route.
    pub route: RouteName,
    /// Whose guard.
    pub rules: String,
    /// Of which kind.
    pub kind: ActionKind,
    /// What was counted.
    pub counted: Counted,
    /// How many are planned.
    pub planned: u64,
    /// Links with a known account on the route.
    pub population: u64,
    /// The limit.
    pub limit: Limit,
    /// Which one it is.
    pub bound: Bound,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, rules, kind, counted, planned, population, limit, bound } = self;
        if *bound == Bound::Signatures {
            let above = limit.max.unwrap_or_default();
            return write!(
                f,
                "{route}: {planned} changes in all; above {above} [approval] asks for a signed plan file"
            );
        }
        match counted {
            Counted::Kind(_) => write!(f, "{route}: {planned} accounts to {kind}")?,
            Counted::Attribute(attribute) => write!(f, "{route}: {planned} accounts to update in {attribute}")?,
            Counted::Promotion => write!(f, "{route}: {planned} accounts to make members")?,
        }
        if *bound == Bound::Day {
            f.write_str(" with those of the last 24 hours,")?;
        }
        write!(f, " of {population} linked; guard of rule set {rules:?} allows")?;
        match (limit.max, limit.percent) {
            (Some(max), Some(percent)) => write!(f, " {max} and {percent} %"),
            (Some(max), None) => write!(f, " {max}"),
            (None, Some(percent)) => write!(f, " {percent} %"),
            (None, None) => write!(f, " any number"),
        }
    }
}

/// As what the guard counts the person of a change.
///
/// Not counted is what finishes a provisioning (the guard had its say then), and a reference that is filled in for the
/// first time: a manager's account came to be, nothing of the account's own is lost.
pub(super) fn counted(due: &Due) -> Vec<Counted> {
    let change = &due.change;
    if let Action::Update { edits, .. } = &change.action {
        let fills_references = edits.keys().all(|a| a.is_reference() && !change.before.contains_key(a));
        if fills_references || due.is_provisioning {
            return Vec::new();
        }
    }
    let mut counted = vec![Counted::Kind(counted_as(change))];
    if let Action::Update { edits, .. } | Action::Join { edits, .. } = &change.action {
        counted.extend(edits.keys().map(|attribute| Counted::Attribute(attribute.clone())));
        if promotes(edits) {
            counted.push(Counted::Promotion);
        }
    }
    counted
}

/// People whose changes the guard counts, by rule set and by what is counted; all at once: where there are few.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn guarded(plan: &RoutePlan) -> Result<People, Unkept> {
    let mut people = People::new();
    for due in plan.changes.dues() {
        count_in(&due?, &mut people);
    }
    Ok(people)
}

/// Those of `before` whose changes the guard counts in the plan, too.
fn met(plan: &RoutePlan, before: &People) -> Result<People, Unkept> {
    let mut met = People::new();
    if before.is_empty() {
        return Ok(met);
    }
    for due in plan.changes.dues() {
        let due = due?;
        let whats = counted(&due).into_iter().map(|what| (due.change.rules.clone(), what));
        for what in whats.filter(|what| before.get(what).is_some_and(|people| people.contains(&due.change.home.id))) {
            met.entry(what).or_default().insert(due.change.home.id.clone());
        }
    }
    Ok(met)
}

/// Adds the person of a change to those whom the guard counts.
pub fn count_in(due: &Due, people: &mut People) {
    for what in counted(due) {
        people.entry((due.change.rules.clone(), what)).or_default().insert(due.change.home.id.clone());
    }
}

fn promotes(edits: &Edits) -> bool {
    let member = |value: &Value| value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("Member"));
    edits.get(Attribute::USER_TYPE).and_then(Edit::value).is_some_and(member)
}

/// How many people there are of each kind of change.
pub fn population_counts(plan: &RoutePlan) -> BTreeMap<(String, ActionKind), u64> {
    let count = |((rules, what), people): (&(String, Counted), &u64)| match what {
        Counted::Kind(kind) => Some(((rules.clone(), *kind), *people)),
        Counted::Attribute(_) | Counted::Promotion => None,
    };
    plan.changes.guarded().iter().filter_map(count).collect()
}

/// As what the guard counts a change: a block is a block, also where a mapping of `accountEnabled` brings it.
pub fn counted_as(change: &Change) -> ActionKind {
    let blocks = Edit::Set(Value::Bool(false));
    match &change.action {
        Action::Update { edits, .. } if edits.get(Attribute::ACCOUNT_ENABLED) == Some(&blocks) => ActionKind::Disable,
        other => other.kind(),
    }
}

fn limits(guard: &Guard) -> Vec<(Counted, Limit)> {
    let mut limits = vec![
        (Counted::Kind(ActionKind::Delete), guard.deletes),
        (Counted::Kind(ActionKind::Disable), guard.disables),
        (Counted::Kind(ActionKind::Update), guard.updates),
        (Counted::Kind(ActionKind::Provision), guard.provisions),
        (Counted::Promotion, guard.promotions),
    ];
    let of = |(attribute, limit): (&Attribute, &Limit)| (Counted::Attribute(attribute.clone()), *limit);
    limits.extend(guard.attributes.iter().map(of));
    limits
}

fn limits_of_a_day(guard: &Guard) -> Vec<(Counted, Limit)> {
    let day = &guard.day;
    let all = [
        (Counted::Kind(ActionKind::Delete), day.deletes),
        (Counted::Kind(ActionKind::Disable), day.disables),
        (Counted::Kind(ActionKind::Update), day.updates),
        (Counted::Kind(ActionKind::Provision), day.provisions),
        (Counted::Promotion, day.promotions),
    ];
    let of = |(attribute, limit): (&Attribute, &Limit)| (Counted::Attribute(attribute.clone()), *limit);
    let all = all.into_iter().chain(day.attributes.iter().map(of));
    all.filter(|(_, limit)| *limit != Limit::default()).collect()
}

/// Every limit of one run that the plan is over. Over any of them, nothing of the route is written.
///
/// `before`: whom the guard has let through in the same run. Many small steps are one large one.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn refusals(plan: &RoutePlan, rules: &[Arc<RuleSet>], before: &People) -> Result<Vec<Refusal>, Unkept> {
    over(plan, rules, before, Bound::Run)
}

/// Every limit of a day that the plan is over. `before`: whom the last 24 hours have changed, unless a person let it through.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn refusals_of_a_day(plan: &RoutePlan, rules: &[Arc<RuleSet>], before: &People) -> Result<Vec<Refusal>, Unkept> {
    over(plan, rules, before, Bound::Day)
}

/// What the limits of a day count, of what is planned: of nothing else the last 24 hours have to be looked up.
pub fn asks_for_the_day(plan: &RoutePlan, rules: &[Arc<RuleSet>]) -> BTreeSet<Counted> {
    let people = plan.changes.guarded();
    let limits =
        rules.iter().flat_map(|set| limits_of_a_day(&set.guard).into_iter().map(|(what, _)| (&set.name, what)));
    limits.filter(|(set, what)| people.contains_key(&((*set).clone(), what.clone()))).map(|(_, what)| what).collect()
}

fn over(plan: &RoutePlan, rules: &[Arc<RuleSet>], before: &People, bound: Bound) -> Result<Vec<Refusal>, Unkept> {
    let again = met(plan, before)?;
    let mut refusals = Vec::new();
    for set in rules {
        let limits = if bound == Bound::Day { limits_of_a_day(&set.guard) } else { limits(&set.guard) };
        for (counted, limit) in limits {
            let what = (set.name.clone(), counted);
            let Some(now) = plan.changes.guarded().get(&what) else { continue };
            let many = |people: &People| people.get(&what).map_or(0, BTreeSet::len) as u64;
            let earlier = many(before) - many(&again);
            // A day's limit says nothing that the run's does not, where the day has brought nothing else.
            if bound == Bound::Day && earlier == 0 && limits_same(&set.guard, &what.1, limit) {
                continue;
            }
            let planned = now + earlier;
            let over_count = limit.max.is_some_and(|max| planned > max);
            let over_share = plan.population >= set.guard.minimum_population
                && limit.percent.is_some_and(|percent| planned * 100 > plan.population * percent);
            if over_count || over_share {
                let kind = match &what.1 {
                    Counted::Kind(kind) => *kind,
                    Counted::Attribute(_) | Counted::Promotion => ActionKind::Update,
                };
                let (route, (rules, counted), bound) = (plan.route.clone(), what, bound.clone());
                let population = plan.population;
                refusals.push(Refusal { route, rules, kind, counted, planned, population, limit, bound });
            }
        }
    }
    Ok(refusals)
}

fn limits_same(guard: &Guard, counted: &Counted, limit: Limit) -> bool {
    limits(guard).iter().any(|(what, of_run)| what == counted && *of_run == limit)
}

/// Does it count towards signatures? Unlinks write nothing.
pub(super) fn is_signed(what: &Counted) -> bool {
    matches!(what, Counted::Kind(kind) if *kind != ActionKind::Unlink)
}

/// The routes of a plan that asks for signatures: it has more changes than are made without, together with those that were
/// let through in the same run.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn unsigned(plans: &[RoutePlan], before: &BTreeMap<RouteName, People>, above: u64) -> Result<Vec<Refusal>, Unkept> {
    let mut others: BTreeSet<(&RouteName, ObjectId)> = BTreeSet::new();
    for (route, people) in before {
        let counted = people.iter().filter(|((_, what), _)| is_signed(what));
        others.extend(counted.flat_map(|(_, people)| people.iter().map(move |home| (route, home.clone()))));
    }
    let mut kinds: BTreeMap<&RouteName, ActionKind> = BTreeMap::new();
    for plan in plans {
        for (_, what) in plan.changes.guarded().keys() {
            if let Counted::Kind(kind) = what
                && is_signed(what)
            {
                kinds.entry(&plan.route).or_insert(*kind);
            }
        }
        if others.is_empty() {
            continue;
        }
        for due in plan.changes.dues() {
            let due = due?;
            if counted(&due).iter().any(is_signed) {
                others.remove(&(&plan.route, due.change.home.id));
            }
        }
    }
    let planned = plans.iter().map(|plan| plan.changes.signed()).sum::<u64>() + others.len() as u64;
    if planned <= above {
        return Ok(Vec::new());
    }
    let refusal = |(route, kind): (&RouteName, ActionKind)| Refusal {
        route: route.clone(),
        rules: String::new(),
        kind,
        counted: Counted::Kind(kind),
        planned,
        population: plans.iter().find(|plan| plan.route == *route).map_or(0, |plan| plan.population),
        limit: Limit { max: Some(above), percent: None },
        bound: Bound::Signatures,
    };
    Ok(kinds.into_iter().map(refusal).collect())
}
