//! Do two home users lead to one account?

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, RoutePlan, Unkept, hash_of};
use crate::model::{Action, Change, Held, Hold, ObjectId, Person, RouteName, TenantName, folded};

/// Who is about to get which address or account, by target.
pub type Claims = BTreeMap<(TenantName, String), BTreeSet<(RouteName, Person)>>;

/// Adds what a change claims, if anything.
pub fn claim_of(change: &Change, claims: &mut Claims) {
    if let Some(claim) = claim(&change.action) {
        let key = (change.route.target.clone(), claim);
        claims.entry(key).or_default().insert((change.route.clone(), change.home.clone()));
    }
}

/// Does anybody in the plan claim anything?
pub fn claims_anything(plan: &Plan) -> bool {
    plan.routes.iter().any(|route| route.changes.claim_anything())
}

/// A hash of what a change claims, if anything: changes with different ones claim different things.
pub fn claim_hash(change: &Change) -> Option<u64> {
    claim(&change.action).map(|claim| hash(&change.route.target, &claim))
}

/// Holds everyone who would provision the same address, or join the same account, in the same target: which of them is
/// meant cannot be known, and whoever came first would get the other's access.
///
/// `standing`: what people claim who are not in the plan. Answers those of them whose claim somebody in the plan shares.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn hold_shared(plan: &mut Plan, standing: &Claims) -> Result<BTreeSet<(RouteName, ObjectId)>, Unkept> {
    let (mut sharers, met) = shared(plan, standing)?;
    let with_sharers: BTreeSet<RouteName> = sharers.keys().map(|(route, _)| route.clone()).collect();
    for route in plan.routes.iter_mut().filter(|plan| with_sharers.contains(&plan.route)) {
        let RoutePlan { route, changes, held, .. } = route;
        changes.retain(|due| {
            let Some(others) = sharers.remove(&(route.clone(), due.change.home.id.clone())) else { return true };
            held.push(Held { route: route.clone(), home: due.change.home.clone(), hold: Hold::SharedWith(others) });
            false
        })?;
    }
    Ok(met)
}

/// Those in the plan whose claim others share, with these others; and those of the others who are not in the plan.
type Shared = (BTreeMap<(RouteName, ObjectId), Vec<Person>>, BTreeSet<(RouteName, ObjectId)>);

fn shared(plan: &Plan, standing: &Claims) -> Result<Shared, Unkept> {
    // A first plan has a claim for each of its people, and next to nobody who shares one: only what two of them, or one of
    // the others, seem to claim is looked at. Two hashes that meet by chance do no harm.
    let changes: u64 = plan.routes.iter().map(|route| route.changes.len()).sum();
    let twice = met_twice(plan, standing, changes.div_ceil(SORTED_AT_ONCE).max(1))?;
    let mut claims: BTreeMap<(TenantName, String), Vec<(RouteName, Person)>> = BTreeMap::new();
    for due in plan.routes.iter().filter(|_| !twice.is_empty()).flat_map(|route| route.changes.dues()) {
        let Change { route, home, action, .. } = due?.change;
        if let Some(claim) = claim(&action).filter(|claim| twice.contains(&hash(&route.target, claim))) {
            claims.entry((route.target.clone(), claim)).or_default().push((route, home));
        }
    }
    let (mut sharers, mut met) = Shared::default();
    for (claim, own) in claims {
        let mut all: BTreeSet<&(RouteName, Person)> = own.iter().collect();
        for other in standing.get(&claim).into_iter().flatten() {
            if all.insert(other) {
                met.insert((other.0.clone(), other.1.id.clone()));
            }
        }
        for (route, person) in own.iter().filter(|_| all.len() > 1) {
            let others = all.iter().filter(|(r, p)| (r, &p.id) != (route, &person.id)).map(|(_, p)| p.clone());
            sharers.insert((route.clone(), person.id.clone()), others.collect());
        }
    }
    Ok((sharers, met))
}

fn hash(target: &TenantName, claim: &str) -> u64 {
    hash_of(&(target, claim))
}

/// Hashes that are sorted at a time: 1 MB.
const SORTED_AT_ONCE: u64 = 1 << 17;

/// What is claimed more than once, found in so many parts.
fn met_twice(plan: &Plan, standing: &Claims, parts: u64) -> Result<BTreeSet<u64>, Unkept> {
    let others: Vec<u64> = standing.keys().map(|(target, claim)| hash(target, claim)).collect();
    let mut twice = BTreeSet::new();
    for part in 0..parts {
        let is_of_part = |hash: &u64| hash % parts == part;
        let mut some: Vec<u64> = others.iter().copied().filter(is_of_part).collect();
        for block in plan.routes.iter().flat_map(|route| route.changes.claims()) {
            some.extend(block?.into_iter().filter(is_of_part));
        }
        some.sort_unstable();
        twice.extend(some.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
    }
    Ok(twice)
}

fn claim(action: &Action) -> Option<String> {
    match action {
        Action::Provision { address, .. } => Some(format!("address {}", folded(address))),
        Action::Join { account, .. } => Some(format!("account {account}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Changes;
    use super::*;
    use crate::model::{Attributes, Why};

    #[test]
    fn what_is_claimed_twice_is_found_in_any_number_of_parts() {
        let route = RouteName::parse("a->b").unwrap();
        let invited = |n: u32| Change {
            route: route.clone(),
            home: Person { id: n.to_string().as_str().into(), user_principal_name: String::new() },
            action: Action::Provision { address: format!("{}@x", n % 290), wanted: Attributes::new() },
            before: Attributes::new(),
            why: Why::InScope,
            rules: "r".to_owned(),
            redacted: BTreeSet::new(),
        };
        let changes = Changes::of(route.clone(), (0..300).map(invited)).unwrap();
        let (name, fingerprint) = (route.clone(), String::new());
        let one = RoutePlan { route: name, fingerprint, changes, held: Vec::new(), settled: 0, population: 0 };
        let plan = Plan { routes: vec![one] };
        let mut standing = Claims::new();
        claim_of(&invited(100), &mut standing);
        claim_of(&Change { home: invited(400).home, ..invited(289) }, &mut standing);
        let expected: BTreeSet<u64> = (0..10).chain([100, 289]).filter_map(|n| claim_hash(&invited(n))).collect();
        assert_eq!(expected.len(), 12);
        for parts in [1, 2, 3, 7, 300] {
            assert_eq!(met_twice(&plan, &standing, parts).unwrap(), expected, "{parts}");
        }
    }
}
