//! How long is waited before the same is tried again?

use crate::model::Timestamp;
use crate::ports::{DirectoryError, Retry};

/// A new account shows up on all replicas within seconds, rarely minutes: six tries over about a minute see nearly all
/// of them, and the next cycle sees the rest. Workers are free meanwhile.
pub(super) const TRIES_MAX: u32 = 6;
/// Looks at an account whose write was not answered, before the outcome is called unknown: 1 + 2 + 4 + 8 s.
pub(super) const LOOKS_MAX: u32 = 4;
/// The longest pause between two tries; the pauses before it double.
const PAUSE_MAX_SECONDS: u64 = 30;
/// The tenant's own wish is followed up to here: two quota windows. Longer ones end the target's cycle instead.
pub(super) const WISH_MAX_SECONDS: u64 = 300;
/// Seconds to wait after the `tries`-th try: 1, 2, 4, 8, 16, 30, 30, …
pub fn pause_seconds(tries: u32) -> u64 {
    let doubled = 1u64.checked_shl(tries.saturating_sub(1)).unwrap_or(PAUSE_MAX_SECONDS);
    doubled.min(PAUSE_MAX_SECONDS)
}

/// When to try again: the tenant's wish where it has one (bounded), else our own growing pause.
pub(super) fn again_at(error: &DirectoryError, tries: u32, now: Timestamp) -> Timestamp {
    let own = now.plus_seconds(pause_seconds(tries));
    match error.retry {
        Retry::Again { not_before: Some(wish) } => wish.max(own).min(now.plus_seconds(WISH_MAX_SECONDS)),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::pause_seconds;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let pauses: Vec<u64> = (1..9).map(pause_seconds).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pause_seconds(0), 1);
        assert_eq!(pause_seconds(u32::MAX), 30);
    }
}
