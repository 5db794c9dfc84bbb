//! How do things stand, and when will what waits be done?

use std::collections::BTreeMap;

use super::{BudgetLeft, Budgets, Lane, budgets_left};
use crate::config::Config;
use crate::model::{TenantName, Timestamp};
use crate::quota::{self, Load, Target};
use crate::store::{Breaker, Door, InLane, RouteStatus, StatusReport, Store, StoreError};

/// Everything that `status` and metrics show.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What the store says of tenants and routes.
    pub report: StatusReport,
    /// What is left of each budget.
    pub budgets: Vec<BudgetLeft>,
    /// Number and hash of the change log's last entry.
    pub head: Option<(u64, String)>,
    /// When the last cycle ended that was not cut short.
    pub succeeded_at: Option<Timestamp>,
}

/// How things stand now, by the store.
///
/// # Errors
/// The store's.
pub fn standing(config: &Config, store: &Store, now: Timestamp) -> Result<Standing, StoreError> {
    let tenants: Vec<TenantName> = config.tenants.keys().cloned().collect();
    let routes: Vec<_> = config.routes.iter().map(|r| r.name.clone()).collect();
    let (report, budgets) = (store.status(&tenants, &routes)?, budgets_left(config, store, now)?);
    Ok(Standing { report, budgets, head: store.log_head()?, succeeded_at: store.last_success()? })
}

/// What waits in one lane of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneAhead {
    /// Which lane.
    pub lane: Lane,
    /// All that waits in it, of all routes.
    pub all: InLane,
    /// Changes among them that are not made now: the guard refused their route, it is quarantined, or a tenant of it is not
    /// read. No estimate counts them.
    pub stopped: u64,
    /// When the last of the others will have left at the earliest; `None` where there are none.
    pub done_at: Option<Timestamp>,
}

/// What waits for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetAhead {
    /// Which tenant.
    pub target: TenantName,
    /// Lanes in which something waits, in their order.
    pub lanes: Vec<LaneAhead>,
}

impl TargetAhead {
    /// When all that is made now will have left.
    pub fn done_at(&self) -> Option<Timestamp> {
        self.lanes.iter().filter_map(|lane| lane.done_at).max()
    }
}

/// When what waits will have left, target by target: in the order of the lanes, as quickly as the windows of all budgets
/// still allow, and not before the tenant is written into again.
///
/// # Errors
/// The store's.
pub fn ahead(
    config: &Config,
    store: &Store,
    report: &StatusReport,
    now: Timestamp,
) -> Result<Vec<TargetAhead>, StoreError> {
    let mut all: Vec<TargetAhead> = Vec::new();
    // Those that share an app's windows are told of together.
    let mut apps: BTreeMap<String, Vec<(usize, Target)>> = BTreeMap::new();
    for tenant in config.tenants.values() {
        let routes: Vec<&RouteStatus> = report.routes.iter().filter(|r| r.name.target == tenant.name).collect();
        if routes.is_empty() {
            continue;
        }
        let budgets = Budgets::of(config, tenant);
        let (mut lanes, mut loads) = (Vec::new(), Vec::new());
        for lane in Lane::ALL {
            let (ahead, load) = of_lane(lane, &routes, report, now);
            if ahead.all.changes > 0 {
                lanes.push(ahead);
                loads.push(load);
            }
        }
        let (paused_until, _) = budgets.writes.throttled(store, now)?;
        let left_alone = left_alone_until(report, &tenant.name, Door::Writing);
        let target = Target {
            writes: budgets.writes.meter(store, now)?,
            invitations: budgets.invitations.meter(store, now)?,
            spent: store.spent(&budgets.writes.name)?,
            from: left_alone.map_or(now, |until| until.max(now)).max(paused_until),
            lanes: loads,
        };
        apps.entry(budgets.app.name).or_default().push((all.len(), target));
        all.push(TargetAhead { target: tenant.name.clone(), lanes });
    }
    for tenant in config.tenants.values() {
        let app = Budgets::of(config, tenant).app;
        let Some(of_app) = apps.remove(&app.name) else { continue };
        let (places, targets): (Vec<usize>, Vec<Target>) = of_app.into_iter().unzip();
        for (place, done) in places.into_iter().zip(quota::forecast(now, app.meter(store, now)?, targets)) {
            for (lane, at) in all[place].lanes.iter_mut().zip(done) {
                lane.done_at = (lane.all.changes > lane.stopped).then_some(at);
            }
        }
    }
    Ok(all)
}

/// What waits in one lane of all routes into a target, and how much of it is to be written.
fn of_lane(lane: Lane, routes: &[&RouteStatus], report: &StatusReport, now: Timestamp) -> (LaneAhead, Load) {
    let mut ahead = LaneAhead { lane, all: InLane::default(), stopped: 0, done_at: None };
    let mut load = Load { urgency: lane.urgency(), writes: 0, invitations: 0 };
    for route in routes {
        let Some(here) = route.lanes.get(lane.name()) else { continue };
        ahead.all.changes += here.changes;
        ahead.all.writes += here.writes;
        ahead.all.since = [ahead.all.since, here.since].into_iter().flatten().min();
        if is_stopped(route, lane, report, now) {
            ahead.stopped += here.changes;
            continue;
        }
        load.writes += here.writes;
        load.invitations += if lane == Lane::Provisions { here.changes } else { 0 };
    }
    (ahead, load)
}

/// Nothing of the lane is made, whatever the windows allow.
fn is_stopped(route: &RouteStatus, lane: Lane, report: &StatusReport, now: Timestamp) -> bool {
    let unread = |tenant| left_alone_until(report, tenant, Door::Reading).is_some_and(|until| until > now);
    route.refused.is_some()
        || route.quarantined.contains_key(&lane.part())
        || unread(&route.name.home)
        || unread(&route.name.target)
}

fn left_alone_until(report: &StatusReport, tenant: &TenantName, door: Door) -> Option<Timestamp> {
    let breaker: Option<&Breaker> = report.tenants.iter().find(|t| t.tenant == *tenant)?.breakers.get(&door);
    breaker.map(|breaker| breaker.open_until)
}
