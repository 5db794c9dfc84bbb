//! Who has used up how much of which limit, who was refused, and what do other apps take?

use std::collections::BTreeMap;

use serde::Serialize;

use super::limits::{Everywhere, Limit, LimitName, Limits};
use super::tenant::Tenant;
use super::window::{Fill, Meter};
use super::world::{Reality, World};
use crate::model::Timestamp;

/// One app in one tenant.
#[derive(Debug, Default)]
pub(super) struct AppMeters {
    writes: Meter,
    writes_hour: Meter,
    units: Meter,
}

/// One tenant.
#[derive(Debug, Default)]
pub(super) struct TenantMeters {
    apps: BTreeMap<String, AppMeters>,
    writes: Meter,
    invitations: Meter,
    steady: Steady,
    foreign: ForeignCounts,
}

/// One app in all tenants.
#[derive(Debug, Default)]
pub(super) struct EverywhereMeters {
    writes: Meter,
    units: Meter,
}

/// The fullest that one limit's window ever was, whatever was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Which limit.
    pub window: LimitName,
    /// Of which tenant; absent = of all together.
    pub tenant: Option<String>,
    /// For which app; absent = for all together, foreign ones included.
    pub app: Option<String>,
    /// The most requests, or resource units, that any stretch of the window's length has held. Stops at twice the limit.
    pub most: u64,
    /// The limit at that time; a peak begins anew with a new limit.
    pub limit: Limit,
    /// When it was so full for the first time.
    pub at: Timestamp,
}

/// Requests that one limit has refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Throttled {
    /// Which limit: of several full ones, the one that frees last.
    pub window: LimitName,
    /// In which tenant.
    pub tenant: String,
    /// Which app's.
    pub app: String,
    /// How many.
    pub refused: u64,
}

/// Writes of other apps so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ForeignCounts {
    /// That arrived.
    pub writes: u64,
    /// Of these, refused.
    pub refused: u64,
}

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) window: LimitName,
    pub(super) wait_millis: u64,
}

/// A request, as the limits see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Resource units that it costs.
    pub(super) units: u64,
    pub(super) writes: bool,
    pub(super) invites: bool,
}

/// What the limits made of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    pub(super) full: Option<Full>,
    /// The fullest of its windows, in hundredths of the limit.
    pub(super) load_percent: u64,
}

struct Charge<'a> {
    window: LimitName,
    limit: Limit,
    weight: u64,
    meter: &'a mut Meter,
}

/// One request arrives at all windows that it counts for.
fn charge(charges: &mut [Charge<'_>], now: Timestamp, refused_count: bool) -> Met {
    let full = |charges: &mut [Charge<'_>]| {
        let wait =
            |c: &mut Charge<'_>| Some(Full { window: c.window, wait_millis: c.meter.wait(c.limit, now, c.weight)? });
        charges.iter_mut().filter_map(wait).max_by_key(|f| f.wait_millis)
    };
    charges.iter_mut().for_each(|c| c.meter.see(c.limit, now, c.weight));
    let refused = full(charges).is_some();
    if !refused || refused_count {
        charges.iter_mut().for_each(|c| c.meter.record(c.limit, now, c.weight));
    }
    // Asked again: the refused attempt may itself have pushed the end out.
    let full = if refused { full(charges) } else { None };
    Met { full, load_percent: charges.iter().map(|c| c.meter.load_percent(c.limit)).max().unwrap_or(0) }
}

impl Reality {
    /// A request of `app` arrives at `tenant`.
    pub(super) fn meet(&mut self, tenant: &str, app: &str, load: Load, now: Timestamp) -> Met {
        let Some(at) = self.tenants.get_mut(tenant) else { return Met::default() };
        let (limits, users) = (&at.spec.settings.limits, at.live);
        let ours = at.meters.apps.entry(app.to_owned()).or_default();
        let everywhere = self.app_meters.entry(app.to_owned()).or_default();
        let one = |window, limit, weight, meter| Charge { window, limit, weight, meter };
        let mut charges = vec![
            one(LimitName::AppUnits, limits.units(users), load.units, &mut ours.units),
            one(LimitName::EverywhereUnits, self.everywhere.units, load.units, &mut everywhere.units),
        ];
        if load.writes {
            charges.push(one(LimitName::AppWrites, limits.app_writes, 1, &mut ours.writes));
            charges.push(one(LimitName::AppWritesHour, limits.app_writes_hour, 1, &mut ours.writes_hour));
            charges.push(one(LimitName::TenantWrites, limits.tenant_writes, 1, &mut at.meters.writes));
            charges.push(one(LimitName::EverywhereWrites, self.everywhere.writes, 1, &mut everywhere.writes));
        }
        if load.invites {
            charges.push(one(LimitName::Invitations, limits.invitations, 1, &mut at.meters.invitations));
        }
        let met = charge(&mut charges, now, limits.refused_count);
        if let Some(full) = met.full {
            *self.throttled.entry((full.window, tenant.to_owned(), app.to_owned())).or_insert(0) += 1;
        }
        met
    }
}

/// Writes of other apps that come evenly, as time passes.
#[derive(Debug, Default)]
struct Steady {
    per_second: f64,
    since: Timestamp,
    sent: u64,
    settled_at: Option<Timestamp>,
}

/// A rate beyond this is no app's.
const FOREIGN_PER_SECOND_MAX: f64 = 10_000.0;

impl Tenant {
    /// One write of another app arrives; true where it passes. Other apps have app limits of their own, which nobody
    /// here feels: only the tenant's is shared.
    fn foreign_write(&mut self, at: Timestamp) -> bool {
        let (limits, meters) = (&self.spec.settings.limits, &mut self.meters);
        let (window, limit) = (LimitName::TenantWrites, limits.tenant_writes);
        let met =
            charge(&mut [Charge { window, limit, weight: 1, meter: &mut meters.writes }], at, limits.refused_count);
        meters.foreign.writes += 1;
        meters.foreign.refused += u64::from(met.full.is_some());
        met.full.is_none()
    }

    /// So many writes of another app arrive at once; how many were refused?
    pub(super) fn foreign_writes(&mut self, writes: u64, now: Timestamp) -> u64 {
        (0..writes).map(|_| u64::from(!self.foreign_write(now))).sum()
    }

    /// Everything that other apps have written until now, each write at its own instant.
    pub(super) fn settle_foreign(&mut self, now: Timestamp) {
        let wanted = self.spec.settings.foreign.writes_per_second;
        let per_second = if wanted.is_nan() { 0.0 } else { wanted.clamp(0.0, FOREIGN_PER_SECOND_MAX) };
        let steady = &mut self.meters.steady;
        let settled_at = steady.settled_at.unwrap_or(now);
        // The rate can only have changed at the last look, since every edit settles first.
        if per_second != steady.per_second {
            *steady = Steady { per_second, since: settled_at, sent: 0, settled_at: None };
        }
        steady.settled_at = Some(now.max(settled_at));
        if per_second == 0.0 {
            return;
        }
        let (since, sent) = (steady.since, steady.sent);
        let due = (now.millis_since(since) as f64 * per_second / 1_000.0) as u64;
        steady.sent = due.max(sent);
        for n in sent + 1..=due {
            let millis = (n as f64 * 1_000.0 / per_second).ceil() as u64;
            self.foreign_write(since.plus_millis(millis).min(now));
        }
    }

    pub(super) fn foreign_counts(&self) -> ForeignCounts {
        self.meters.foreign
    }

    fn peaks(&self, into: &mut Vec<Peak>) {
        let mut told = |window, app: Option<&String>, meter: &Meter| {
            into.extend(meter.peak().map(|fill| peak(window, Some(&self.name), app, fill)));
        };
        for (app, meters) in &self.meters.apps {
            told(LimitName::AppWrites, Some(app), &meters.writes);
            told(LimitName::AppWritesHour, Some(app), &meters.writes_hour);
            told(LimitName::AppUnits, Some(app), &meters.units);
        }
        told(LimitName::TenantWrites, None, &self.meters.writes);
        told(LimitName::Invitations, None, &self.meters.invitations);
    }
}

fn peak(window: LimitName, tenant: Option<&String>, app: Option<&String>, fill: Fill) -> Peak {
    Peak { window, tenant: tenant.cloned(), app: app.cloned(), most: fill.most, limit: fill.limit, at: fill.at }
}

impl World {
    /// The fullest that every window ever was, counted from arrivals alone: refused attempts stand in it, and so do
    /// foreign writes in the tenant's. Limits that are off are not watched.
    pub fn peaks(&self) -> Vec<Peak> {
        let now = self.now();
        let mut state = self.lock();
        let mut peaks = Vec::new();
        for tenant in state.tenants.values_mut() {
            tenant.settle(now);
            tenant.peaks(&mut peaks);
        }
        for (app, meters) in &state.app_meters {
            for (window, meter) in
                [(LimitName::EverywhereWrites, &meters.writes), (LimitName::EverywhereUnits, &meters.units)]
            {
                peaks.extend(meter.peak().map(|fill| peak(window, None, Some(app), fill)));
            }
        }
        peaks
    }
    /// Requests that the limits have refused so far. Faults that answer 429 are not among them, nor foreign writes.
    pub fn throttled(&self) -> Vec<Throttled> {
        let told = |((window, tenant, app), refused): (&(LimitName, String, String), &u64)| Throttled {
            window: *window,
            tenant: tenant.clone(),
            app: app.clone(),
            refused: *refused,
        };
        self.lock().throttled.iter().map(told).collect()
    }
    /// Sets one limit, in every tenant where each has its own.
    pub fn limit(&self, name: LimitName, limit: Limit) {
        let now = self.now();
        let mut state = self.lock();
        for tenant in state.tenants.values_mut() {
            tenant.settle(now);
            let limits: &mut Limits = &mut tenant.spec.settings.limits;
            match name {
                LimitName::AppWrites => limits.app_writes = limit,
                LimitName::AppWritesHour => limits.app_writes_hour = limit,
                LimitName::TenantWrites => limits.tenant_writes = limit,
                LimitName::Invitations => limits.invitations = limit,
                LimitName::AppUnits => limits.app_units = Some(limit),
                LimitName::EverywhereWrites | LimitName::EverywhereUnits => {}
            }
        }
        let everywhere: &mut Everywhere = &mut state.everywhere;
        match name {
            LimitName::EverywhereWrites => everywhere.writes = limit,
            LimitName::EverywhereUnits => everywhere.units = limit,
            _ => {}
        }
    }
}
