//! Do two home users lead to one account?

use std::collections::{BTreeMap, BTreeSet};

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

/// Holds everyone who would provision the same address, or join the same account, in the same target: which of them is
/// meant cannot be known, and whoever came first would get the other's access.
///
/// `standing`: what people claim who are not in the plan. Answers those of them whose claim somebody in the plan shares.
pub fn hold_shared(plan: &mut Plan, standing: &Claims) -> BTreeSet<(RouteName, ObjectId)> {
    let mut claims = Claims::new();
    plan.routes.iter().flat_map(|r| &r.changes).for_each(|change| claim_of(change, &mut claims));
    let mut met = BTreeSet::new();
    for (key, all) in &mut claims {
        for (route, person) in standing.get(key).into_iter().flatten() {
            if all.insert((route.clone(), person.clone())) {
                met.insert((route.clone(), person.id.clone()));
            }
        }
    }
    for route in &mut plan.routes {
        let (target, name) = (route.route.target.clone(), route.route.clone());
        let held = &mut route.held;
        route.changes.retain(|change| {
            let Some(claim) = claim(&change.action) else { return true };
            let Some(all) = claims.get(&(target.clone(), claim)).filter(|all| all.len() > 1) else { return true };
            let others = all.iter().filter(|(r, p)| *r != name || p.id != change.home.id).map(|(_, p)| p.clone());
            let hold = Hold::SharedWith(others.collect());
            held.push(Held { route: name.clone(), home: change.home.clone(), hold });
            false
        });
    }
    met
}

fn claim(action: &Action) -> Option<String> {
    match action {
        Action::Provision { address, .. } => Some(format!("address {}", folded(address))),
        Action::Join { account, .. } => Some(format!("account {account}")),
        _ => None,
    }
}
