//! Which windows is a write charged to?

use super::bulkheads::is_awaited;
use super::retry::WISH_MAX_SECONDS;
use crate::config::{Config, Limits, Tenant};
use crate::model::{TenantName, Timestamp};
use crate::quota::{Learned, Meter, Window};
use crate::store::{AskKind, Store, StoreError};

/// Resource units are counted in any ten seconds (Graph throttling limits, 2026-02).
const UNITS_MILLIS: u64 = 10_000;

/// Writes that are counted together, in all of these windows at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name in the store.
    pub name: String,
    /// The shortest first.
    pub windows: Vec<Window>,
}

/// Everything that writes into one tenant are charged to.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Object writes of this app in the tenant.
    pub writes: Budget,
    /// Invitations of all apps in the tenant.
    pub invitations: Budget,
    /// Object writes of this app over all tenants: whoever uses the same client id shares it.
    pub app: Budget,
    /// Resource units of this app in the tenant, which reads cost, and writes a little.
    pub units: Budget,
}

/// What is left in one window of a tenant's budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetLeft {
    /// Whose.
    pub tenant: TenantName,
    /// Which budget, by the word of [`Budgets::named`].
    pub budget: &'static str,
    /// Which window.
    pub window: Window,
    /// Writes, invitations or units that are left in it.
    pub left: u32,
    /// What all may hold that others leave of it, where they use it, too.
    pub most: Option<u32>,
    /// The tenant has asked for a pause of whatever is charged to it.
    pub paused_until: Option<Timestamp>,
}

/// What is left in every window of every tenant's budgets.
///
/// # Errors
/// The store's.
pub fn budgets_left(config: &Config, store: &Store, now: Timestamp) -> Result<Vec<BudgetLeft>, StoreError> {
    let mut all = Vec::new();
    for tenant in config.tenants.values() {
        let budgets = Budgets::of(config, tenant);
        for (word, budget) in budgets.clone().named() {
            let (paused, mut learned) = budget.throttled(store, now)?;
            let mut meter = budget.meter(store, now)?;
            meter.remember(now, budgets.unanswered(&budget, store, &tenant.name, now)?);
            for (place, (window, left)) in meter.left(now).into_iter().enumerate() {
                let most = learned.most(now).filter(|_| place == 0);
                let left =
                    most.map_or(left, |most| left.saturating_sub(window.writes_max - most.min(window.writes_max)));
                let paused_until = Some(paused).filter(|until| place == 0 && *until > now);
                let tenant = tenant.name.clone();
                all.push(BudgetLeft { tenant, budget: word, window, left, most, paused_until });
            }
        }
    }
    Ok(all)
}

impl Budget {
    /// Its windows, filled with what the store remembers as spent.
    pub(super) fn meter(&self, store: &Store, now: Timestamp) -> Result<Meter, StoreError> {
        let mut meter = Meter::new(&self.windows);
        meter.remember(now, store.spent(&self.name)?);
        Ok(meter)
    }

    /// Until when the tenant wants a pause, and what others leave of the first window.
    pub(super) fn throttled(&self, store: &Store, now: Timestamp) -> Result<(Timestamp, Learned), StoreError> {
        let Some(window) = self.windows.first().copied() else { return Err(StoreError::Damaged(self.name.clone())) };
        Ok(match store.throttled(&self.name)? {
            Some(t) => {
                let awaited = is_awaited(t.paused_until, now, WISH_MAX_SECONDS);
                (if awaited { t.paused_until } else { Timestamp(0) }, t.learned.resumed(window, now))
            }
            None => (Timestamp(0), Learned::new(window)),
        })
    }
}

impl Budgets {
    /// The budgets of a tenant.
    pub fn of(config: &Config, tenant: &Tenant) -> Self {
        let (id, app) = (tenant.id.to_lowercase(), tenant.client_id.to_lowercase());
        let limits = &tenant.limits;
        let invitations =
            Window { writes_max: limits.shared(limits.invitations), millis: millis(limits.invitations_window_seconds) };
        let everywhere = Window { writes_max: config.app.writes, millis: millis(config.app.window_seconds) };
        Self {
            writes: Budget { name: format!("writes {app} in {id}"), windows: write_windows(limits).to_vec() },
            invitations: Budget { name: format!("invitations in {id}"), windows: vec![invitations] },
            app: Budget { name: format!("writes {app} everywhere"), windows: vec![everywhere] },
            units: Budget {
                name: format!("units {app} in {id}"),
                windows: vec![Window { writes_max: limits.shared(limits.reads), millis: UNITS_MILLIS }],
            },
        }
    }

    /// All of them, each with the word that people know it by.
    pub fn named(self) -> [(&'static str, Budget); 4] {
        [("writes", self.writes), ("invitations", self.invitations), ("app", self.app), ("reads", self.units)]
    }

    /// Writes of one of these budgets that were asked of the tenant and never answered, because the process was killed or
    /// the worker died: each may have been carried out. They left before `now`, and count as if it were now; `None`: there
    /// are none.
    pub(super) fn unanswered(
        &self,
        budget: &Budget,
        store: &Store,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Option<(Timestamp, u32)>, StoreError> {
        let charged = |kind| self.clone().charged(kind).contains(&budget.name);
        let asks = store.open_asks(tenant)?.into_iter().filter(|(_, ask)| charged(ask.kind)).count();
        let writes = u32::try_from(asks).unwrap_or(u32::MAX);
        Ok((writes > 0).then_some((Meter::bucket(now), writes)))
    }

    /// The names of those that a write of this kind is charged to.
    pub(super) fn charged(self, kind: AskKind) -> Vec<String> {
        match kind {
            AskKind::None => Vec::new(),
            AskKind::Invite => vec![self.writes.name, self.app.name, self.invitations.name],
            _ => vec![self.writes.name, self.app.name],
        }
    }
}

/// The windows of a target's object writes.
pub fn write_windows(limits: &Limits) -> [Window; 2] {
    [
        Window { writes_max: limits.shared(limits.writes), millis: millis(limits.window_seconds) },
        Window { writes_max: limits.shared(limits.writes_per_hour), millis: 3_600_000 },
    ]
}

/// The longest window of any budget, in milliseconds.
pub fn longest_window_millis(config: &Config) -> u64 {
    let budgets = config.tenants.values().flat_map(|tenant| Budgets::of(config, tenant).named());
    budgets.flat_map(|(_, budget)| budget.windows).map(|w| w.millis).max().unwrap_or(0)
}

fn millis(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}
