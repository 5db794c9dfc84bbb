//! What is to be done about an answer, and how long is a pause? The whole policy, as pure functions.

use http::HeaderMap;

use crate::model::Timestamp;
use crate::ports::Retry;

use super::load::decimal;
use super::transport::TransportErrorKind;

/// What was being done, as far as it decides what an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading; can be repeated at will.
    Read,
    /// Reading on from a link of a delta round, which can die.
    Resume,
    /// `POST /invitations`: a second one may make a second account.
    Invite,
    /// `PATCH`, `PUT`, `DELETE`, restore: a second one changes nothing more.
    Change,
}

impl Operation {
    fn reads(self) -> bool {
        matches!(self, Operation::Read | Operation::Resume)
    }
}

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The status; for an error inside a 200, the one that its code usually comes with.
    pub status: u16,
    /// Every code in the envelope, outermost first.
    pub codes: &'a [String],
    /// The outermost message.
    pub message: &'a str,
    /// `Retry-After` in milliseconds, bounded.
    pub retry_after: Option<u64>,
}

/// What it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub retry: Retry,
    /// The whole tenant wants a pause.
    pub throttled: bool,
}

/// Tries of one read, the first one included. With the pauses below: 15 s of patience, which rides out a replica's
/// restart; longer pauses are the engine's to make, because they hold up its lanes.
pub const TRIES_MAX: u32 = 5;
/// The first pause; each further one is twice as long (1, 2, 4, 8 s).
const FIRST_PAUSE_MILLIS: u64 = 1_000;
/// The longest `Retry-After` that is believed. Graph's windows are at most 5 min and refill continuously; a garbled or
/// hostile header must not stop a tenant for days.
pub const RETRY_AFTER_MILLIS_MAX: u64 = 120_000;

/// `Retry-After` in milliseconds: whole or decimal seconds (both seen from Graph) or a date. Anything else, negative
/// numbers included, counts as absent. A date is measured against the answer's own `Date` where there is one, so that a
/// wrong clock here does not matter.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name: http::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let wish = text(http::header::RETRY_AFTER)?;
    retry_after_text(wish, text(http::header::DATE).and_then(http_date).unwrap_or(now))
}

/// The same for a header's bare text, as items of a batch carry it.
pub(super) fn retry_after_text(wish: &str, now: Timestamp) -> Option<u64> {
    let millis = match decimal(wish) {
        // Saturates for absurd numbers; the bound below takes care of the rest.
        Some(seconds) => (seconds * 1000.0).ceil() as u64,
        None => http_date(wish)?.millis_since(now),
    };
    Some(millis.min(RETRY_AFTER_MILLIS_MAX))
}

pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    u64::try_from(date.timestamp_millis()).ok().map(Timestamp)
}

/// Until when a read pauses after its `try_number`-th try (from 1); `None` where it does not try again.
pub fn pause_until(try_number: u32, retry: Retry, now: Timestamp) -> Option<Timestamp> {
    let Retry::Again { not_before } = retry else { return None };
    if try_number >= TRIES_MAX {
        return None;
    }
    let growing = now.plus_millis(FIRST_PAUSE_MILLIS << try_number.saturating_sub(1).min(16));
    // A `Retry-After` of 0 does not shorten the pause: usage counts on while a tenant throttles.
    Some(growing.max(not_before.unwrap_or(growing)))
}

/// What a request without an answer means.
pub fn judge_transport(operation: Operation, kind: TransportErrorKind) -> Verdict {
    let retry = match (kind, operation.reads()) {
        (TransportErrorKind::NotSent, _) | (TransportErrorKind::Lost, true) => Retry::Again { not_before: None },
        (TransportErrorKind::Lost | TransportErrorKind::TooLarge, false) => Retry::LookAgain,
        // It would be as large again.
        (TransportErrorKind::TooLarge, true) => Retry::Never,
    };
    Verdict { retry, throttled: false }
}

/// What an answer that is not a success means.
pub fn judge(operation: Operation, failure: &Failure<'_>, now: Timestamp) -> Verdict {
    let not_before = failure.retry_after.map(|millis| now.plus_millis(millis));
    let again = Retry::Again { not_before };
    let is = |code: &str| failure.codes.iter().any(|c| c.eq_ignore_ascii_case(code));
    let throttled = is_throttled(failure);
    let retry = match failure.status {
        400 | 404 | 410 if must_start_over(failure) => match operation {
            Operation::Resume => Retry::StartOver,
            // Nothing was resumed, so asking the same again is starting over.
            _ => again,
        },
        _ if throttled => again,
        // The tenant says that it did nothing. Without its own words, it may be a front door that says so.
        503 if operation.reads() || !failure.codes.is_empty() => again,
        // Not implemented: it will not be so in a minute either.
        501 => Retry::Never,
        // 408 and 5xx come from front doors too, after the directory may have acted: what became of a write is looked up,
        // so that the change log never calls one failed that happened.
        408 | 500.. => match operation {
            Operation::Invite | Operation::Change => Retry::LookAgain,
            _ => again,
        },
        // A new account is not on every replica yet. Whether that explains it is for the engine to say: it knows the age.
        404 if operation == Operation::Change => again,
        400 if operation == Operation::Change && is("Directory_ObjectNotFound") => again,
        409 if is("Directory_ConcurrencyViolation") => again,
        // A reference to an account that is not on every replica yet.
        400 if failure.message.contains("Not a valid reference update") => again,
        // An item of a batch whose prerequisite failed; we name none, so it never ran.
        424 => again,
        _ => Retry::Never,
    };
    Verdict { retry, throttled }
}

fn is_throttled(failure: &Failure<'_>) -> bool {
    const CODES: [&str; 5] = [
        "TooManyRequests",
        "activityLimitReached",
        "throttledRequest",
        "Request_ThrottledTemporarily",
        "Request_ThrottledPermanently",
    ];
    failure.status == 429
        || (failure.status == 503 && failure.retry_after.is_some())
        || failure.codes.iter().any(|c| CODES.iter().any(|known| c.eq_ignore_ascii_case(known)))
}

/// A watermark is dead when the tenant says 410, or one of the codes that say so. Their case differs between services.
fn must_start_over(failure: &Failure<'_>) -> bool {
    failure.status == 410 || failure.codes.iter().any(|code| is_reset_code(code))
}

pub(super) fn is_reset_code(code: &str) -> bool {
    const CODES: [&str; 3] = ["syncStateNotFound", "syncStateInvalid", "Directory_ExpiredPageToken"];
    let resync = code.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("resync"));
    resync || CODES.iter().any(|known| code.eq_ignore_ascii_case(known))
}
