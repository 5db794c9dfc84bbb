//! What does an answer say of the tenant's limits? The scope of a throttle, the load, the cost; rubbish says nothing.
//!
//! All of it is advice: no document promises these headers, and one tester never saw the load told at all. What cannot
//! be read is as good as absent.

use http::{HeaderMap, HeaderValue};

use crate::ports::{Throttle, ThrottleScope, ThrottledOperations};

pub(super) const SCOPE: &str = "x-ms-throttle-scope";
pub(super) const LOAD: &str = "x-ms-throttle-limit-percentage";
pub(super) const UNITS: &str = "x-ms-resource-unit";

/// The documented load ends at 1.8 (four of five requests are refused); a number beyond 2 is some other number.
const LOAD_PERMILLE_MAX: f64 = 2_000.0;
/// The dearest documented request costs 6 units (transitive members, expanded); a number beyond this is some other
/// number, and believing it would stop all reading for the length of a window.
const UNITS_MAX: u32 = 100;

/// Which requests a throttled answer is about: `Tenant_Application/Read/{app}/{tenant}`, in any case. `None` where the
/// header is missing or says anything else.
pub fn throttle(headers: &HeaderMap) -> Option<Throttle> {
    throttle_text(headers.get(SCOPE)?.to_str().ok()?)
}

/// The same for a header's bare text, as items of a batch carry it.
pub(super) fn throttle_text(text: &str) -> Option<Throttle> {
    let word = |part: &str| -> String {
        part.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
    };
    let mut parts = text.split('/').map(word);
    let scope = match parts.next()?.as_str() {
        "tenant" => ThrottleScope::Tenant,
        "tenantapplication" => ThrottleScope::TenantApplication,
        "application" => ThrottleScope::Application,
        _ => return None,
    };
    let what = match parts.next()?.as_str() {
        "read" => ThrottledOperations::Read,
        "write" => ThrottledOperations::Write,
        "readwrite" => ThrottledOperations::ReadWrite,
        _ => return None,
    };
    Some(Throttle { scope, what })
}

/// The load in thousandths of the limit: `0.85` is 850, and throttling begins at 1,000.
pub fn load_permille(value: &HeaderValue) -> Option<u32> {
    let permille = decimal(value.to_str().ok()?.trim())? * 1_000.0;
    (permille <= LOAD_PERMILLE_MAX).then_some(permille.round() as u32)
}

/// What a request has cost, in resource units.
pub fn resource_units(headers: &HeaderMap) -> Option<u32> {
    resource_units_text(headers.get(UNITS)?.to_str().ok()?)
}

/// The same for a header's bare text, as items of a batch carry it.
pub(super) fn resource_units_text(text: &str) -> Option<u32> {
    let units = text.trim().parse().ok()?;
    (1..=UNITS_MAX).contains(&units).then_some(units)
}

/// Digits with at most one point: no sign, no exponent, no `NaN`, no `inf`.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}
