//! What time is it, really?

use std::time::Duration;

use crate::model::Timestamp;
use crate::ports::Clock;

/// The wall clock at the start, and the monotonic one from there on: a wall clock that is set while we run can neither
/// open a quota window early nor send us to sleep for a year.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemClock {
    wall: Timestamp,
    start: tokio::time::Instant,
}

impl SystemClock {
    pub(super) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the world's time comes in")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self { wall, start: tokio::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = self.start.elapsed().as_millis();
        self.wall.plus_millis(u64::try_from(passed).unwrap_or(u64::MAX))
    }
    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.millis_since(self.now());
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}
