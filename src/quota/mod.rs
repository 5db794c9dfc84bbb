//! May we write now? Exact sliding windows held as values; the caller brings the time.

mod forecast;
mod learned;
mod shared;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

pub use forecast::{Load, Target, forecast};
pub use learned::{Crowding, Learned};
pub use shared::AppBudget;

/// Spent writes are remembered in buckets of this many milliseconds, each at its *end*, so that rounding only ever
/// makes us later. A quarter of a second costs at most 0.17 % of the 150 s window and keeps an hour at 14,400 buckets.
pub const BUCKET_MILLIS: u64 = 250;

/// Of every window one write in so many is kept back for what is urgent. A window that a burst has filled gives nothing
/// free until the burst is as old as the window is long; a leaver must not wait for that. One in a hundred (30 of Graph's
/// 3,000) are more leavers than most organisations have in two and a half minutes, and cost 1 % of the speed.
const KEPT_BACK: u32 = 100;

/// How much does a write matter?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It may wait, and leaves a little of every window to those that may not.
    Ordinary,
    /// Somebody's access ends: it may use a window to its last write.
    Urgent,
}

/// At most so many writes in any stretch of so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The most that any stretch may hold; at least 1.
    pub writes_max: u32,
    /// The length of the stretch.
    pub millis: u64,
}

/// The answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Go; it counts as under way until [`Meter::answered`].
    Granted,
    /// Not before this instant.
    WaitUntil(Timestamp),
    /// So many are under way that one of them has to be answered first.
    WaitForAnswer,
}

#[derive(Clone, Debug)]
struct Ledger {
    window: Window,
    spent: VecDeque<(Timestamp, u32)>,
    used: u32,
}

impl Ledger {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, writes)) = self.spent.front().copied() {
            if at.plus_millis(self.window.millis) > now {
                break;
            }
            self.used -= writes;
            self.spent.pop_front();
        }
    }
    fn spend(&mut self, bucket: Timestamp, writes: u32) {
        self.used += writes;
        match self.spent.back_mut() {
            // Clocks may step back; the later bucket is the safe one.
            Some((at, n)) if *at >= bucket => *n += writes,
            _ => self.spent.push_back((bucket, writes)),
        }
    }
    /// What the window may hold for this urgency. `squeezed`: less than is allowed, because others use it too.
    fn most(&self, urgency: Urgency, squeezed: Option<u32>) -> u32 {
        let max = squeezed.map_or(self.window.writes_max, |most| most.clamp(1, self.window.writes_max));
        let kept_back = if urgency == Urgency::Ordinary { max / KEPT_BACK } else { 0 };
        max - kept_back
    }
    fn permit(&self, in_flight: u32, urgency: Urgency, squeezed: Option<u32>) -> Permit {
        if self.used + in_flight < self.most(urgency, squeezed) {
            return Permit::Granted;
        }
        match self.spent.front() {
            Some((at, _)) => Permit::WaitUntil(at.plus_millis(self.window.millis)),
            None => Permit::WaitForAnswer,
        }
    }
}

/// The windows of one budget, all of which must allow a write.
///
/// The tenant counts a write somewhere between our sending it and our reading its answer. A write under way is
/// therefore counted without end, and an answered one from the moment of its answer: whatever the network does to the
/// arrival times, no window of the tenant's ever holds more than the limit.
#[derive(Clone, Debug)]
pub struct Meter {
    ledgers: Vec<Ledger>,
    in_flight: u32,
    squeezed: Option<u32>,
}

impl Meter {
    /// An unused budget.
    pub fn new(windows: &[Window]) -> Self {
        let ledger = |w: &Window| Ledger { window: *w, spent: VecDeque::new(), used: 0 };
        Self { ledgers: windows.iter().map(ledger).collect(), in_flight: 0, squeezed: None }
    }

    /// The bucket to remember a write under that was answered at `now`.
    pub fn bucket(now: Timestamp) -> Timestamp {
        Timestamp((now.0 / BUCKET_MILLIS + 1) * BUCKET_MILLIS)
    }

    /// Takes over what was spent before a restart; `spent` in order of time. Nothing can have been spent later than now,
    /// whatever the clock said.
    pub fn remember(&mut self, now: Timestamp, spent: impl IntoIterator<Item = (Timestamp, u32)>) {
        let latest = Self::bucket(now);
        for (bucket, writes) in spent.into_iter().filter(|(_, writes)| *writes > 0) {
            self.ledgers.iter_mut().for_each(|l| l.spend(bucket.min(latest), writes));
        }
    }

    /// May one write leave now? Granted, it is under way at once.
    pub fn ask(&mut self, now: Timestamp, urgency: Urgency) -> Permit {
        let permit = self.look(now, urgency);
        if permit == Permit::Granted {
            self.in_flight += 1;
        }
        permit
    }

    /// The same question without taking the permit.
    pub fn look(&mut self, now: Timestamp, urgency: Urgency) -> Permit {
        let in_flight = self.in_flight;
        let mut until = None;
        for (place, ledger) in self.ledgers.iter_mut().enumerate() {
            ledger.forget(now);
            match ledger.permit(in_flight, urgency, self.squeezed.filter(|_| place == 0)) {
                Permit::Granted => {}
                Permit::WaitUntil(at) => until = until.max(Some(at)),
                Permit::WaitForAnswer => return Permit::WaitForAnswer,
            }
        }
        until.map_or(Permit::Granted, Permit::WaitUntil)
    }

    /// How full its first window is, in thousandths, writes under way included.
    pub fn filled(&mut self, now: Timestamp) -> u32 {
        self.left(now).first().map_or(0, filled)
    }

    /// How full its fullest window is, in thousandths.
    pub fn fullest(&mut self, now: Timestamp) -> u32 {
        self.left(now).iter().map(filled).max().unwrap_or(0)
    }

    /// Until told otherwise the first window holds no more than this; `None`: as much as it is allowed to.
    pub fn squeeze(&mut self, writes_max: Option<u32>) {
        self.squeezed = writes_max;
    }

    /// Writes in the first window, those under way included.
    pub fn used(&mut self, now: Timestamp) -> u32 {
        self.answered_within(now) + self.in_flight
    }

    /// Writes in the first window that have been answered.
    pub fn answered_within(&mut self, now: Timestamp) -> u32 {
        self.ledgers.first_mut().map_or(0, |ledger| {
            ledger.forget(now);
            ledger.used
        })
    }

    /// When the oldest write was answered that the first window holds; now, where it holds none.
    pub fn oldest(&mut self, now: Timestamp) -> Timestamp {
        let oldest = |ledger: &mut Ledger| {
            ledger.forget(now);
            ledger.spent.front().map(|(at, _)| *at)
        };
        self.ledgers.first_mut().and_then(oldest).unwrap_or(now).min(now)
    }

    /// A write that was granted has been answered, or will never be: it is spent as of now.
    pub fn answered(&mut self, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let bucket = Self::bucket(now);
        self.ledgers.iter_mut().for_each(|l| l.spend(bucket, 1));
    }

    /// For each window: how many writes are left in it now.
    pub fn left(&mut self, now: Timestamp) -> Vec<(Window, u32)> {
        let in_flight = self.in_flight;
        let left = |l: &mut Ledger| {
            l.forget(now);
            (l.window, l.window.writes_max.saturating_sub(l.used + in_flight))
        };
        self.ledgers.iter_mut().map(left).collect()
    }
}

fn filled((window, left): &(Window, u32)) -> u32 {
    1_000 - left.saturating_mul(1_000) / window.writes_max.max(1)
}

/// How long `writes` take at the least from an unused budget, in whole seconds.
pub fn eta_seconds(windows: &[Window], writes: u64) -> u64 {
    let slowest = |w: &Window| {
        let full = writes.saturating_sub(1) / u64::from(w.writes_max.max(1));
        full * w.millis / 1000
    };
    let waits = windows.iter().map(slowest).max().unwrap_or(0);
    waits + u64::from(writes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: [Window; 2] = [Window { writes_max: 3, millis: 1_000 }, Window { writes_max: 5, millis: 4_000 }];

    proptest! {
        /// Each write arrives at the tenant at any instant between asking and answer; no window there is ever overrun,
        /// and the meter always grants in the end.
        #[test]
        fn no_window_is_ever_overrun_wherever_arrivals_fall(steps in prop::collection::vec((0u64..900, 0u64..400, 0u64..=100), 1..120)) {
            let mut meter = Meter::new(&SMALL);
            let (mut now, mut arrivals, mut waits) = (Timestamp(1_000_000), Vec::new(), 0);
            for (pause, latency, share) in steps {
                now = now.plus_millis(pause);
                loop {
                    match meter.ask(now, Urgency::Ordinary) {
                        Permit::Granted => break,
                        Permit::WaitUntil(at) => { prop_assert!(at > now); now = at; }
                        Permit::WaitForAnswer => unreachable!("answers come at once here"),
                    }
                    waits += 1;
                    prop_assert!(waits < 2_000);
                }
                arrivals.push(now.0 + latency * share / 100);
                now = now.plus_millis(latency);
                meter.answered(now);
            }
            for window in SMALL {
                for start in &arrivals {
                    let inside = arrivals.iter().filter(|a| **a >= *start && **a < start + window.millis).count();
                    prop_assert!(inside <= window.writes_max as usize, "{inside} in {window:?}");
                }
            }
        }

        /// A restart forgets nothing: a meter rebuilt from its buckets answers as the one that lived on.
        #[test]
        fn a_rebuilt_meter_answers_alike(gaps in prop::collection::vec(0u64..700, 1..60)) {
            let (mut meter, mut now, mut rows) = (Meter::new(&SMALL), Timestamp(5_000_000), Vec::new());
            for gap in gaps {
                now = now.plus_millis(gap);
                if meter.ask(now, Urgency::Ordinary) == Permit::Granted {
                    meter.answered(now);
                    rows.push((Meter::bucket(now), 1));
                }
                let mut rebuilt = Meter::new(&SMALL);
                rebuilt.remember(now, rows.iter().copied());
                prop_assert_eq!(rebuilt.look(now, Urgency::Urgent), meter.look(now, Urgency::Urgent));
            }
        }
    }

    #[test]
    fn writes_under_way_count_until_they_are_answered() {
        let mut meter = Meter::new(&SMALL[..1]);
        let start = Timestamp(10_000);
        for _ in 0..3 {
            assert_eq!(meter.ask(start, Urgency::Ordinary), Permit::Granted);
        }
        assert_eq!(meter.ask(start.plus_seconds(3_600), Urgency::Ordinary), Permit::WaitForAnswer);
        meter.answered(start.plus_seconds(3_600));
        assert!(matches!(meter.ask(start.plus_seconds(3_600), Urgency::Ordinary), Permit::WaitUntil(_)));
        assert_eq!(meter.ask(start.plus_seconds(3_602), Urgency::Ordinary), Permit::Granted);
    }

    #[test]
    fn the_eta_is_the_bound_that_the_quota_sets() {
        let entra = [Window { writes_max: 3_000, millis: 150_000 }, Window { writes_max: 72_000, millis: 3_600_000 }];
        assert_eq!(eta_seconds(&entra, 0), 0);
        assert_eq!(eta_seconds(&entra, 3_000), 1);
        assert_eq!(eta_seconds(&entra, 3_001), 151);
        assert_eq!(eta_seconds(&entra, 72_001), 3_601);
    }

    #[test]
    fn the_last_of_a_window_is_kept_for_what_is_urgent() {
        let mut meter = Meter::new(&[Window { writes_max: 200, millis: 150_000 }]);
        let start = Timestamp(1_000_000);
        let mut take = |at: Timestamp, urgency| {
            let granted = meter.ask(at, urgency) == Permit::Granted;
            if granted {
                meter.answered(at);
            }
            granted
        };
        assert_eq!((0..300).filter(|_| take(start, Urgency::Ordinary)).count(), 198);
        assert_eq!((0..300).filter(|_| take(start, Urgency::Urgent)).count(), 2, "and not one more than the window");
        assert!(take(start.plus_seconds(151), Urgency::Ordinary));
    }

    #[test]
    fn a_squeezed_window_holds_less_and_never_more_than_it_may() {
        let mut meter = Meter::new(&SMALL);
        let mut granted = |squeezed, at: Timestamp| {
            meter.squeeze(squeezed);
            let n = (0..9).filter(|_| meter.ask(at, Urgency::Urgent) == Permit::Granted).count();
            (0..n).for_each(|_| meter.answered(at));
            n
        };
        assert_eq!(granted(Some(2), Timestamp(10_000)), 2);
        assert_eq!(granted(Some(0), Timestamp(20_000)), 1, "one at least");
        assert_eq!(granted(Some(99), Timestamp(30_000)), 3, "the window itself");
        assert_eq!(granted(None, Timestamp(40_000)), 3);
    }

    #[test]
    fn a_meter_tells_how_full_its_windows_are() {
        let mut meter =
            Meter::new(&[Window { writes_max: 4, millis: 1_000 }, Window { writes_max: 10, millis: 4_000 }]);
        let start = Timestamp(10_000);
        let told = |meter: &mut Meter, at| {
            let left = meter.left(at).iter().map(|(_, left)| *left).collect::<Vec<_>>();
            (left, meter.filled(at), meter.fullest(at), meter.used(at))
        };
        assert_eq!(told(&mut meter, start), (vec![4, 10], 0, 0, 0));
        assert_eq!(meter.ask(start, Urgency::Ordinary), Permit::Granted);
        assert_eq!(meter.look(start, Urgency::Ordinary), Permit::Granted, "a look takes nothing");
        assert_eq!(told(&mut meter, start), (vec![3, 9], 250, 250, 1), "one that is under way counts");
        meter.answered(start);
        assert_eq!(meter.ask(start, Urgency::Ordinary), Permit::Granted);
        assert_eq!(told(&mut meter, start), (vec![2, 8], 500, 500, 2), "and so does one that was answered");
        meter.answered(start);
        assert_eq!(told(&mut meter, start.plus_millis(1_250)), (vec![4, 8], 0, 200, 0));
        let mut none = Meter::new(&[]);
        assert_eq!(told(&mut none, start), (vec![], 0, 0, 0));
        assert_eq!(none.look(start, Urgency::Ordinary), Permit::Granted);
    }

    #[test]
    fn only_the_first_window_is_squeezed() {
        let mut meter = Meter::new(&SMALL);
        meter.squeeze(Some(1));
        for second in 0..4 {
            let at = Timestamp(10_000 + second * 1_250);
            assert_eq!(meter.ask(at, Urgency::Urgent), Permit::Granted, "{second}");
            meter.answered(at);
            assert!(matches!(meter.look(at, Urgency::Urgent), Permit::WaitUntil(_)), "{second}");
        }
    }

    /// An hour of Graph's writes is kept in no more entries than it has buckets, and a bucket without writes says nothing.
    #[test]
    fn writes_of_one_bucket_are_one_entry() {
        let (mut meter, at) = (Meter::new(&SMALL), Timestamp(10_000));
        for _ in 0..3 {
            meter.answered(at);
        }
        meter.answered(Timestamp(9_000));
        assert_eq!(meter.ledgers[0].spent, [(Meter::bucket(at), 4)], "and the later bucket is the safe one");
        let mut resumed = Meter::new(&SMALL);
        resumed.remember(at, [(Timestamp(9_500), 0), (Timestamp(99_000), 1)]);
        assert_eq!(resumed.ledgers[0].spent, [(Meter::bucket(at), 1)], "nothing was spent later than now");
    }
}
