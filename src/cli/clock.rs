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
    start: Duration,
}

impl SystemClock {
    pub(super) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the world's time comes in")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self { wall, start: going_on() }
    }
}

/// Time that has passed since some instant, the time included in which the machine was asleep.
#[cfg(target_os = "linux")]
fn going_on() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Elsewhere a machine that was asleep is as late as it slept until the process is started again.
#[cfg(not(target_os = "linux"))]
fn going_on() -> Duration {
    static START: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(tokio::time::Instant::now).elapsed()
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = going_on().saturating_sub(self.start).as_millis();
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
