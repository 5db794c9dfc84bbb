//! What time is it, really?

use std::time::Duration;

use crate::model::Timestamp;
use crate::ports::Clock;

/// Nobody sleeps longer without looking at the clock: timers stand still while a machine is asleep, and time does not.
const NAP: Duration = Duration::from_secs(10);

/// The wall clock at the start, and from there on one that only ever goes on: a wall clock that is set while we run can
/// neither open a quota window early nor send us to sleep for a year.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemClock {
    wall: Timestamp,
    start: tokio::time::Instant,
    /// How long the machine had been asleep by then.
    slept: Duration,
}

impl SystemClock {
    pub(super) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the world's time comes in")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self { wall, start: tokio::time::Instant::now(), slept: slept() }
    }
}

/// How long the machine has been asleep since it was started: timers and `Instant` leave that out.
#[cfg(target_os = "linux")]
fn slept() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    use std::sync::atomic::{AtomicU64, Ordering};
    /// It only grows. What passes between the two readings makes one look smaller, and never larger.
    static LONGEST_MILLIS: AtomicU64 = AtomicU64::new(0);
    let millis = |time: rustix::time::Timespec| u64::try_from(time.tv_sec * 1_000 + time.tv_nsec / 1_000_000);
    let with_sleep = millis(clock_gettime(ClockId::Boottime)).unwrap_or(0);
    let without = millis(clock_gettime(ClockId::Monotonic)).unwrap_or(0);
    let seen = with_sleep.saturating_sub(without);
    Duration::from_millis(LONGEST_MILLIS.fetch_max(seen, Ordering::Relaxed).max(seen))
}

/// Elsewhere the clock is as late as the machine slept, until the process is started again.
#[cfg(not(target_os = "linux"))]
fn slept() -> Duration {
    Duration::ZERO
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = (self.start.elapsed() + slept().saturating_sub(self.slept)).as_millis();
        self.wall.plus_millis(u64::try_from(passed).unwrap_or(u64::MAX))
    }
    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let wait = Duration::from_millis(at.millis_since(self.now()));
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait.min(NAP)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_goes_on_and_nobody_wakes_early() {
        let clock = SystemClock::start();
        let begun = clock.now();
        let until = begun.plus_millis(30);
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
        clock.sleep_until(begun).await;
    }
}
