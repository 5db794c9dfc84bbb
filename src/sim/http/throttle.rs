//! In which words does a tenant tell of its limits?

use crate::model::Timestamp;
use crate::sim::fault::usual;
use crate::sim::ledger::Kind;
use crate::sim::limits::RetryAfter;
use crate::sim::meters::{Full, Load};
use crate::sim::refusal::Refusal;
use crate::sim::world::{Grant, Reality};

use super::answer::http_date;
use super::call::Call;
use super::operation::Operation;

/// Nobody can come back so early, so late, or then.
const ABSURD: [&str; 6] = ["-1", "1000000000000000000", "soon", "NaN", "1e9", ""];

/// What the limits have to say of a request.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) refusal: Option<Refusal>,
    /// `x-ms-throttle-limit-percentage`.
    pub(super) load: Option<String>,
}

/// Every request uses up resource units; one that asks for a change also uses up writes, whether it can be carried out
/// or not.
pub(super) fn told(state: &mut Reality, grant: &Grant, call: &Call, operation: &Operation, now: Timestamp) -> Told {
    let load = Load {
        units: operation.cost(call).unsigned_abs(),
        writes: operation.asks_for_change(call),
        invites: operation.kind() == Kind::Invite,
    };
    let met = state.meet(&grant.tenant, &grant.client_id, load, now);
    let refusals = state.throttled.values().sum();
    let Some(tenant) = state.tenants.get(&grant.tenant) else { return Told::default() };
    let limits = &tenant.spec.settings.limits;
    // Above 0.8 of the limit, up to 1.8, where four of five are refused.
    let announced = limits.announce_load && met.load_percent > 80;
    let load_header = announced.then(|| {
        let percent = met.load_percent.min(180);
        format!("{}.{:02}", percent / 100, percent % 100)
    });
    let refusal = met.full.map(|full| refusal(full, load, grant, &tenant.spec.id, limits.retry_after, (now, refusals)));
    Told { refusal, load: load_header }
}

fn refusal(
    full: Full,
    load: Load,
    grant: &Grant,
    tenant: &str,
    retry_after: RetryAfter,
    (now, refusals): (Timestamp, u64),
) -> Refusal {
    let units = full.window.counts_units();
    let what = match (units, load.writes) {
        (true, false) => "Read",
        // Units are used up by both.
        (true, true) => "ReadWrite",
        (false, _) => "Write",
    };
    let information = if units { "ResourceUnitLimitExceeded" } else { "WriteLimitExceeded" };
    let seconds = full.wait_millis.div_ceil(1_000).max(1);
    let wish = match retry_after {
        RetryAfter::Integer => Some(seconds.to_string()),
        RetryAfter::Decimal => Some(format!("{}.{:03}", full.wait_millis / 1_000, full.wait_millis % 1_000)),
        // Dates have whole seconds: the first one that is late enough.
        RetryAfter::Date => Some(http_date(Timestamp(now.plus_millis(full.wait_millis).0.div_ceil(1_000) * 1_000))),
        RetryAfter::Absent => None,
        RetryAfter::Absurd => Some(ABSURD[(refusals % ABSURD.len() as u64) as usize].to_owned()),
    };
    let mut refusal = usual(429);
    refusal.headers.extend(wish.map(|wish| ("retry-after", wish)));
    let scope = format!("{}/{what}/{}/{tenant}", full.window.scope(), grant.client_id);
    refusal.headers.push(("x-ms-throttle-scope", scope));
    refusal.headers.push(("x-ms-throttle-information", information.to_owned()));
    refusal
}
