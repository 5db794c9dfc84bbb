//! When is a tenant, a route or a person left alone, for how long, and what brings them back?

use super::run::Run;
use super::{EngineError, Event, Notice, Stoppage};
use crate::model::{ObjectId, RouteName, TenantName, Timestamp};
use crate::ports::Clock;
use crate::store::{AskKind, Breaker, Door, Quarantine, RoutePart};

/// A target that answers nothing but faults is left alone for a while. Five blips, with the looks and pauses between
/// them, are half a minute or more without a single success.
pub(super) const FAULTS_MAX: u32 = 5;
/// So many times in a row told to wait, without a single success between.
pub(super) const THROTTLES_MAX: u32 = 12;
/// So many readings in a row that came to nothing: each has been tried for a quarter of a minute by then.
const READINGS_MAX: u32 = 3;
/// What the same refusal of one person after the other must weigh before it is the route's, without a single success
/// between. Only people count who had not failed before.
const STREAK_MAX: u32 = 100;
/// An invitation concerns nobody who stands there already: ten denials are the app's.
const DENIED_INVITATION: u32 = 10;
/// A tenant has a handful of global administrators and some dozens of others (Microsoft advises fewer than five and ten),
/// changes of whom are denied to apps; a hundred in a row are more.
const DENIED_CHANGE: u32 = 1;
/// Whatever else twenty-five people in a row are refused for with the same code is in a rule, not in them.
const REFUSED: u32 = 4;

/// Doubles from `first` with each further time, up to `most`.
fn doubled(first: u64, times_before: u32, most: u64) -> u64 {
    first.saturating_mul(1u64.checked_shl(times_before).unwrap_or(u64::MAX)).min(most)
}

/// Is it to be waited for that instant? One that is further off than any pause is long was written down by a clock that ran
/// ahead, and is none.
pub(super) fn is_awaited(until: Timestamp, now: Timestamp, seconds_max: u64) -> bool {
    until > now && until <= now.plus_seconds(seconds_max)
}

/// Seconds that a tenant is left alone after it failed so many times in a row: 1, 2, 4, 8, 15, 15, … minutes. The longest
/// is what a leaver has to wait for when a tenant comes back just after a probe.
pub fn rest_seconds(failures: u32) -> u64 {
    doubled(60, failures.saturating_sub(1), 900)
}

/// Seconds until a quarantined route is probed again: 5, 10, 20, 40, 60, 60, … minutes. What is wrong with it is for a
/// person to put right, who need not wait: `crosstie retry`.
pub fn probe_seconds(probes: u32) -> u64 {
    doubled(300, probes, 3_600)
}

/// Seconds that a person's change waits after it has failed in so many cycles in a row: none, then 10, 20, 40, … minutes
/// up to half a day.
pub fn put_off_seconds(tries: u32) -> u64 {
    if tries <= 1 { 0 } else { doubled(600, tries - 2, 43_200) }
}

/// How often in a row a tenant may fail at this door before it is left alone: a reading a few times, a target that nothing
/// but faults come from has failed often enough by then.
pub fn failures_allowed(door: Door) -> u32 {
    if door == Door::Reading { READINGS_MAX } else { 1 }
}

/// How much a refusal says of the route, as against the person.
pub(super) fn weight(status: Option<u16>, kind: AskKind) -> u32 {
    match (status, kind) {
        (Some(403), AskKind::Invite) => DENIED_INVITATION,
        (Some(403), _) => DENIED_CHANGE,
        _ => REFUSED,
    }
}

/// The same refusal, one person after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Streak {
    code: String,
    score: u32,
    people: u32,
}

impl Streak {
    /// One more person. Answers how many it were, once it is too many.
    pub(super) fn add(&mut self, code: &str, weight: u32) -> Option<u32> {
        if self.code != code {
            *self = Self { code: code.to_owned(), score: 0, people: 0 };
        }
        self.score = self.score.saturating_add(weight);
        self.people += 1;
        (self.score >= STREAK_MAX).then_some(self.people)
    }
}

fn of_tenant(tenant: &TenantName, door: Door, breaker: &Breaker) -> Stoppage<TenantName, Door> {
    let Breaker { since, reason, .. } = breaker;
    Stoppage { what: tenant.clone(), part: door, since: *since, code: String::new(), reason: reason.clone() }
}

fn of_route(route: &RouteName, part: RoutePart, quarantine: &Quarantine) -> Stoppage<RouteName, RoutePart> {
    let Quarantine { since, code, reason, .. } = quarantine;
    Stoppage { what: route.clone(), part, since: *since, code: code.clone(), reason: reason.clone() }
}

impl<D, C: Clock> Run<'_, D, C> {
    fn tell(&self, notice: &Notice) {
        (self.cycle.watch)(Event::Notice(notice));
    }

    /// The tenant failed once more at this door. A reading may fail a few times before it is left alone.
    pub(super) fn failed_at(&self, tenant: &TenantName, door: Door, reason: &str) -> Result<(), EngineError> {
        let (store, now) = (self.cycle.store, self.cycle.clock.now());
        let before = store.breaker(tenant, door)?;
        let failures = before.as_ref().map_or(0, |b| b.failures).saturating_add(1);
        let allowed = failures_allowed(door);
        let rest = failures.checked_sub(allowed).map_or(0, |over| rest_seconds(over + 1));
        let since = before.map_or(now, |b| b.since);
        let (open_until, reason) = (now.plus_seconds(rest), reason.to_owned());
        let breaker = Breaker { failures, since, open_until, reason };
        store.open_breaker(tenant, door, &breaker)?;
        if rest > 0 {
            let (until, reason) = (open_until.rfc3339(), &breaker.reason);
            tracing::warn!(%tenant, door = door.as_str(), failures, until, reason, "the tenant is left alone for a while");
        }
        if failures == allowed {
            self.tell(&Notice::TenantLeftAlone(of_tenant(tenant, door, &breaker)));
        }
        Ok(())
    }

    /// Something worked at this door.
    pub(super) fn worked_at(&self, tenant: &TenantName, door: Door) -> Result<(), EngineError> {
        let before = self.cycle.store.breaker(tenant, door)?;
        if self.cycle.store.close_breaker(tenant, door)? {
            tracing::info!(%tenant, door = door.as_str(), "the tenant works again");
            if let Some(breaker) = before.filter(|b| b.failures >= failures_allowed(door)) {
                self.tell(&Notice::TenantBack(of_tenant(tenant, door, &breaker)));
            }
        }
        Ok(())
    }

    /// Why nothing is asked of the tenant now; `None`: it may be. Whoever starts a cycle by hand wants it tried.
    pub(super) fn left_alone(&self, tenant: &TenantName, door: Door) -> Result<Option<String>, EngineError> {
        if !self.polls {
            return Ok(None);
        }
        let breaker = self.cycle.store.breaker(tenant, door)?;
        let now = self.cycle.clock.now();
        let open = breaker.filter(|b| is_awaited(b.open_until, now, rest_seconds(u32::MAX)));
        Ok(open.map(|b| {
            let (failures, until, reason) = (b.failures, b.open_until.rfc3339(), b.reason);
            format!("{tenant} is left alone until {until} after {failures} failures: {reason}")
        }))
    }

    /// The same refusal met `people` on this part of the route: it is stopped, but for a probe now and then.
    pub(super) fn quarantine(
        &self,
        route: &RouteName,
        part: RoutePart,
        people: u32,
        fault: &super::lanes::Fault,
    ) -> Result<(), EngineError> {
        let now = self.cycle.clock.now();
        let code = fault.code.clone().unwrap_or_default();
        let reason = format!("the same refusal met {people} people in a row: {}", fault.message);
        tracing::warn!(%route, part = part.as_str(), code, reason, "the route is quarantined");
        let probe_at = now.plus_seconds(probe_seconds(0));
        let quarantine = Quarantine { since: now, probes: 0, probe_at, code, reason };
        self.cycle.store.quarantine(route, part, &quarantine)?;
        self.quarantined.borrow_mut().insert((route.clone(), part));
        self.report.borrow_mut().quarantined.insert((route.clone(), part), quarantine.reason.clone());
        if let Some(lanes) = self.lanes.get(&route.target) {
            let left = lanes.queue.borrow_mut().leave_route(route, Some(part));
            self.withhold([((route.clone(), part), left)].into());
        }
        self.whole.borrow_mut().remove(route);
        self.tell(&Notice::RouteQuarantined(of_route(route, part, &quarantine)));
        Ok(())
    }

    /// A change of a quarantined part came to nothing: the next probe is later. One that had left before is no probe, and
    /// those that left together are one.
    pub(super) fn probe_failed(
        &self,
        route: &RouteName,
        part: RoutePart,
        begun: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let now = self.cycle.clock.now();
        let quarantine = self.cycle.store.quarantines(route)?.remove(&part);
        if let Some(mut quarantine) =
            quarantine.filter(|q| begun.is_some_and(|begun| begun > q.since && begun >= q.probe_at))
        {
            quarantine.probes = quarantine.probes.saturating_add(1);
            quarantine.probe_at = now.plus_seconds(probe_seconds(quarantine.probes));
            self.cycle.store.quarantine(route, part, &quarantine)?;
        }
        Ok(())
    }

    /// A change of the route was made: if this part of it was quarantined, the rest may follow at once.
    pub(super) fn route_works(&self, route: &RouteName, part: RoutePart) -> Result<(), EngineError> {
        let key = (route.clone(), part);
        if !self.quarantined.borrow_mut().remove(&key) {
            return Ok(());
        }
        let quarantine = self.cycle.store.quarantines(route)?.remove(&part);
        self.cycle.store.lift_quarantine(route, part)?;
        self.report.borrow_mut().quarantined.remove(&key);
        tracing::info!(%route, part = part.as_str(), "the route works again");
        if let Some(quarantine) = quarantine {
            self.tell(&Notice::RouteBack(of_route(route, part, &quarantine)));
        }
        self.whole.borrow_mut().remove(route);
        self.again.borrow_mut().insert(route.clone());
        self.changed.notify_one();
        Ok(())
    }

    /// Whether a quarantined part may be probed now, and why it is quarantined; `None`: it is not.
    pub(super) fn may_probe(&self, route: &RouteName, part: RoutePart) -> Result<Option<(bool, String)>, EngineError> {
        let (quarantine, now) = (self.cycle.store.quarantines(route)?.remove(&part), self.cycle.clock.now());
        let waits = |q: &Quarantine| is_awaited(q.probe_at, now, probe_seconds(u32::MAX));
        Ok(quarantine.map(|q| (!self.polls || !waits(&q), q.reason)))
    }

    /// Whether a failed change of this person has to wait. Whoever starts a cycle by hand wants it tried.
    pub(super) fn is_put_off(&self, route: &RouteName, home: &ObjectId) -> Result<bool, EngineError> {
        let now = self.cycle.clock.now();
        let until = if self.polls { self.cycle.store.put_off_until(route, home, now)? } else { None };
        Ok(until.is_some_and(|until| is_awaited(until, now, put_off_seconds(u32::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert_eq!([1, 2, 3, 4, 5, 6, u32::MAX].map(rest_seconds), [60, 120, 240, 480, 900, 900, 900]);
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(probe_seconds), [300, 600, 1_200, 2_400, 3_600, 3_600]);
        assert_eq!([0, 1, 2, 3, 4, 9, u32::MAX].map(put_off_seconds), [0, 0, 600, 1_200, 2_400, 43_200, 43_200]);
    }

    #[test]
    fn a_streak_is_of_one_code_and_counts_by_what_it_says() {
        let count = |weight| {
            (1..200).find_map(|_| None::<u32>).or_else(|| {
                let mut streak = Streak::default();
                (0..200).find_map(|_| streak.add("x", weight))
            })
        };
        let weights =
            [weight(Some(403), AskKind::Invite), weight(Some(403), AskKind::Patch), weight(Some(400), AskKind::Patch)];
        assert_eq!(weights.map(count), [Some(10), Some(100), Some(25)]);
        let mut streak = Streak::default();
        assert!((0..200).all(|n| streak.add(if n % 24 == 0 { "y" } else { "x" }, REFUSED).is_none()));
    }
}
