//! Do two home users lead to one account?

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Plan;
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
    plan.routes.iter().flat_map(|r| &r.changes).any(|change| claim(&change.action).is_some())
}

/// Holds everyone who would provision the same address, or join the same account, in the same target: which of them is
/// meant cannot be known, and whoever came first would get the other's access.
///
/// `standing`: what people claim who are not in the plan. Answers those of them whose claim somebody in the plan shares.
pub fn hold_shared(plan: &mut Plan, standing: &Claims) -> BTreeSet<(RouteName, ObjectId)> {
    let (mut sharers, met) = shared(plan, standing);
    for route in &mut plan.routes {
        let (name, held) = (route.route.clone(), &mut route.held);
        route.changes.retain(|change| {
            let Some(others) = sharers.remove(&(name.clone(), change.home.id.clone())) else { return true };
            held.push(Held { route: name.clone(), home: change.home.clone(), hold: Hold::SharedWith(others) });
            false
        });
    }
    met
}

/// Those in the plan whose claim others share, with these others; and those of the others who are not in the plan.
type Shared = (BTreeMap<(RouteName, ObjectId), Vec<Person>>, BTreeSet<(RouteName, ObjectId)>);

fn shared(plan: &Plan, standing: &Claims) -> Shared {
    // A first plan has a claim for each of its people, and next to nobody who shares one: only what two of them, or one of
    // the others, seem to claim is looked at. Two hashes that meet by chance do no harm.
    let all = || plan.routes.iter().flat_map(|r| &r.changes);
    let hash_of = |change: &Change| claim(&change.action).map(|claim| hash(&change.route.target, &claim));
    let others = standing.keys().map(|(target, claim)| hash(target, claim));
    let twice = met_twice(all().filter_map(hash_of).chain(others).collect());
    let mut claims: BTreeMap<(&TenantName, String), Vec<(&RouteName, &Person)>> = BTreeMap::new();
    for change in all().filter(|change| hash_of(change).is_some_and(|hash| twice.binary_search(&hash).is_ok())) {
        if let Some(claim) = claim(&change.action) {
            claims.entry((&change.route.target, claim)).or_default().push((&change.route, &change.home));
        }
    }
    let (mut sharers, mut met) = Shared::default();
    for ((target, claim), own) in claims {
        let mut all: BTreeSet<(&RouteName, &Person)> = own.iter().copied().collect();
        for (route, person) in standing.get(&(target.clone(), claim)).into_iter().flatten() {
            if all.insert((route, person)) {
                met.insert((route.clone(), person.id.clone()));
            }
        }
        for (route, person) in own.into_iter().filter(|_| all.len() > 1) {
            let others = all.iter().filter(|(r, p)| (*r, &p.id) != (route, &person.id)).map(|(_, p)| (*p).clone());
            sharers.insert((route.clone(), person.id.clone()), others.collect());
        }
    }
    (sharers, met)
}

fn hash(target: &TenantName, claim: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (target, claim).hash(&mut hasher);
    hasher.finish()
}

/// Those that are there more than once, in order.
fn met_twice(mut hashes: Vec<u64>) -> Vec<u64> {
    hashes.sort_unstable();
    let mut twice: Vec<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    twice.dedup();
    twice
}

fn claim(action: &Action) -> Option<String> {
    match action {
        Action::Provision { address, .. } => Some(format!("address {}", folded(address))),
        Action::Join { account, .. } => Some(format!("account {account}")),
        _ => None,
    }
}
