//! May an account that a match has found be joined? What only the tenants can say of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::stream::{self, StreamExt};

use super::{Cycle, EngineError, planned};
use crate::model::{Action, Change, Held, Hold, ObjectId, Origin, TenantName};
use crate::plan::{self, Plan, RoutePlan};
use crate::ports::{Clock, DirectoryRead, Privileges};

/// Look-ups under way at once; reads are cheap, and joins are rare after the first cycle.
const LOOKUPS_AT_ONCE: usize = 8;

/// The verified domains of home tenants, or why they could not be read: asked for where a join hangs on them, and once
/// for each reading of the tenant, whatever number of plans is made of it.
pub(super) type Domains = Rc<RefCell<BTreeMap<TenantName, Result<BTreeSet<String>, String>>>>;

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// A match leans on an address, and whoever can write an address at home would otherwise steer an account of somebody
    /// else: so the address has to be of a domain that the home has shown to be its own, and an administrator's account,
    /// or one that could become one by way of its groups, is never joined at all.
    pub(super) async fn hold_unfit_joins(&self, plan: &mut Plan, domains: &Domains) -> Result<(), EngineError> {
        for route in &mut plan.routes {
            let joins: Vec<(ObjectId, ObjectId)> = route.changes.iter().filter_map(matched_account).collect();
            if joins.is_empty() {
                continue;
            }
            self.read_domains(&route.route.home, domains).await;
            let (mut left, mut unfit) = (Vec::new(), BTreeMap::new());
            for (home, account) in joins {
                match self.unverified(route, &home, &account, domains)? {
                    Some(hold) => drop(unfit.insert(home, hold)),
                    None => left.push((home, account)),
                }
            }
            let target = route.route.target.clone();
            let looks = stream::iter(left.into_iter().map(|(home, account)| {
                let target = target.clone();
                async move { (home, self.privileges(&target, &account).await, account) }
            }));
            let found: Vec<_> = looks.buffer_unordered(LOOKUPS_AT_ONCE).collect().await;
            for (home, roles, account) in found {
                if let Some(roles) = roles {
                    unfit.insert(home, Hold::Privileged { account, roles });
                }
            }
            hold_joins(route, unfit);
        }
        Ok(())
    }

    async fn read_domains(&self, home: &TenantName, domains: &Domains) {
        if domains.borrow().contains_key(home) {
            return;
        }
        let read = match self.door(home) {
            Ok(directory) => directory.verified_domains().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        domains.borrow_mut().insert(home.clone(), read);
    }

    /// Is some address that the join leans on not of a verified domain of the home?
    fn unverified(
        &self,
        route: &RoutePlan,
        home: &ObjectId,
        account: &ObjectId,
        domains: &Domains,
    ) -> Result<Option<Hold>, EngineError> {
        let Some(configured) = self.config.route(&route.route) else { return Ok(None) };
        let (planned, now) = (planned(configured), self.clock.now());
        let case = self.store.case(&planned, home, now)?;
        let known = domains.borrow();
        let verified = known.get(&route.route.home);
        let is_verified = |address: &String| match verified {
            Some(Ok(domains)) => plan::domain_of(address).is_some_and(|domain| domains.contains(&domain)),
            Some(Err(_)) | None => false,
        };
        let leaned_on = plan::leaned_on(&planned, &case, now);
        let Some(address) = leaned_on.into_iter().find(|address| !is_verified(address)) else { return Ok(None) };
        let unread = verified.and_then(|read| read.as_ref().err()).cloned();
        Ok(Some(Hold::Unverified { account: account.clone(), address, unread }))
    }

    /// What speaks against joining the account; `None`: nothing.
    pub(super) async fn privileges(&self, target: &TenantName, account: &ObjectId) -> Option<String> {
        let directory = match self.door(target) {
            Ok(directory) => directory,
            Err(error) => return Some(error.to_string()),
        };
        match directory.privileges(account).await {
            Ok(privileges) => objection(target, &privileges),
            Err(error) => Some(format!("its directory roles could not be read: {error}")),
        }
    }
}

fn objection(target: &TenantName, privileges: &Privileges) -> Option<String> {
    let Privileges { roles, groups, hidden } = privileges;
    match () {
        () if !roles.is_empty() => Some(format!("it holds a directory role ({})", roles.join(", "))),
        () if !groups.is_empty() => {
            Some(format!("it is in a group that directory roles can be given to ({})", groups.join(", ")))
        }
        () if *hidden > 0 => Some(format!(
            "it is in groups of which {target} does not tell whether directory roles can be given to them ({hidden})\n\
             hint: grant the app GroupMember.Read.All in {target}"
        )),
        () => None,
    }
}

/// The account that a match would join. One that our own unanswered invitation made is nobody else's.
fn matched_account(change: &Change) -> Option<(ObjectId, ObjectId)> {
    match &change.action {
        Action::Join { account, origin: Origin::Joined, .. } => Some((change.home.id.clone(), account.clone())),
        _ => None,
    }
}

fn hold_joins(plan: &mut RoutePlan, mut unfit: BTreeMap<ObjectId, Hold>) {
    let RoutePlan { route, changes, held, .. } = plan;
    changes.retain(|change| {
        let hold = matched_account(change).and_then(|(home, _)| unfit.remove(&home));
        let Some(hold) = hold else { return true };
        held.push(Held { route: route.clone(), home: change.home.clone(), hold });
        false
    });
}
