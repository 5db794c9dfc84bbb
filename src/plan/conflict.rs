//! Do two home users lead to one account?

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::model::{Action, Held, Hold, Person, RouteName, TenantName, folded};

/// Holds everyone who would provision the same address, or join the same account, in the same target: which of them is
/// meant cannot be known, and whoever came first would get the other's access.
pub fn hold_shared(plan: &mut Plan) {
    let mut claims: BTreeMap<(TenantName, String), BTreeSet<(RouteName, Person)>> = BTreeMap::new();
    for change in plan.routes.iter().flat_map(|r| &r.changes) {
        if let Some(claim) = claim(&change.action) {
            let key = (change.route.target.clone(), claim);
            claims.entry(key).or_default().insert((change.route.clone(), change.home.clone()));
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
}

fn claim(action: &Action) -> Option<String> {
    match action {
        Action::Provision { address, .. } => Some(format!("address {}", folded(address))),
        Action::Join { account, .. } => Some(format!("account {account}")),
        _ => None,
    }
}
