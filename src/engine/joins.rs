//! May an account that a match has found be joined? What only the tenants can say of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Cycle, EngineError};
use crate::model::{ActionKind, Held, Hold, ObjectId, Person, RouteName, TenantName};
use crate::plan::{self, Due, Plan, RoutePlan, Unkept};
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
            let is_matched = |due: &Result<Due, _>| due.as_ref().map_or(true, |d| d.change.matched_account().is_some());
            if route.changes.count(ActionKind::Join) == 0
                || route.changes.dues().find(is_matched).transpose()?.is_none()
            {
                continue;
            }
            self.read_domains(&route.route.home, domains).await;
            let name = &route.route;
            // One after the other out of the plan: there may be a million.
            let looks = stream::iter(route.changes.dues()).map(|due| async move {
                let due = due?;
                Ok::<_, Unkept>(self.unfit(name, &due, domains).await.map(|hold| (due.change.home.id, hold)))
            });
            let unfit: BTreeMap<ObjectId, Hold> =
                looks.buffer_unordered(LOOKUPS_AT_ONCE).try_filter_map(async |unfit| Ok(unfit)).try_collect().await?;
            hold_joins(route, unfit)?;
        }
        Ok(())
    }

    /// Why the person is held, if the change is a join that must not be.
    async fn unfit(&self, route: &RouteName, due: &Due, domains: &Domains) -> Option<Hold> {
        let account = due.change.matched_account()?;
        if let Some(hold) = unverified(&route.home, &due.change.home, account, due.leaned_on.as_ref(), domains) {
            return Some(hold);
        }
        let roles = self.privileges(&route.target, account).await?;
        Some(Hold::Privileged { account: account.clone(), roles })
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

/// Is some address that the join leans on not of a verified domain of the home? One of which it is not known on what it leans
/// is held too.
fn unverified(
    tenant: &TenantName,
    home: &Person,
    account: &ObjectId,
    leaned_on: Option<&BTreeSet<String>>,
    domains: &Domains,
) -> Option<Hold> {
    let known = domains.borrow();
    let verified = known.get(tenant);
    let is_verified = |address: &&String| match verified {
        Some(Ok(domains)) => plan::domain_of(address).is_some_and(|domain| domains.contains(&domain)),
        Some(Err(_)) | None => false,
    };
    let address = match leaned_on {
        Some(addresses) => addresses.iter().find(|address| !is_verified(address))?,
        None => &home.user_principal_name,
    };
    let unread = verified.and_then(|read| read.as_ref().err()).cloned();
    Some(Hold::Unverified { account: account.clone(), address: address.clone(), unread })
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

fn hold_joins(plan: &mut RoutePlan, mut unfit: BTreeMap<ObjectId, Hold>) -> Result<(), Unkept> {
    let RoutePlan { route, changes, held, .. } = plan;
    if unfit.is_empty() {
        return Ok(());
    }
    changes.retain(|Due { change, .. }| {
        let hold = change.matched_account().and_then(|_| unfit.remove(&change.home.id));
        let Some(hold) = hold else { return true };
        held.push(Held { route: route.clone(), home: change.home.clone(), hold });
        false
    })?;
    Ok(())
}
