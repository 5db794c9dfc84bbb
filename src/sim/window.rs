//! How much arrived in the last so many seconds, may one more pass, and how full was it ever?

use std::collections::VecDeque;

use super::limits::Limit;
use crate::model::Timestamp;

/// Arrivals of a stretch of time that ends now; what arrived in the same millisecond stands together.
#[derive(Debug, Default)]
struct Arrivals {
    entries: VecDeque<(Timestamp, u64)>,
    sum: u64,
}

impl Arrivals {
    /// What arrived a whole window ago counts no more.
    fn forget(&mut self, limit: Limit, now: Timestamp) {
        while let Some((at, weight)) = self.entries.front().copied()
            && at.plus_millis(limit.millis()) <= now
        {
            self.entries.pop_front();
            self.sum -= weight;
        }
    }
    fn add(&mut self, limit: Limit, now: Timestamp, weight: u64) {
        self.sum += weight;
        match self.entries.back_mut() {
            // Clocks may step back.
            Some((at, n)) if *at >= now => *n += weight,
            _ => self.entries.push_back((now, weight)),
        }
        // Whether one more passes is decided by the newest arrivals, as many as the limit allows; of an overrun window no
        // more than twice as many are kept.
        let keep = 2 * limit.count as u64;
        while let Some((_, oldest)) = self.entries.front().copied()
            && self.sum - oldest >= keep
        {
            self.entries.pop_front();
            self.sum -= oldest;
        }
    }
}

/// What one limit counts: the arrivals that it is judged by, and, beside them, how full it ever was.
///
/// The two are kept apart: whether something was refused, or whether refused attempts count, has no part in the peak.
#[derive(Debug, Default)]
pub(super) struct Meter {
    judged: Arrivals,
    seen: Arrivals,
    peak: Option<Fill>,
}

/// The fullest that a window was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) limit: Limit,
    pub(super) most: u64,
    pub(super) at: Timestamp,
}

impl Meter {
    /// Something has arrived, whatever becomes of it.
    pub(super) fn see(&mut self, limit: Limit, now: Timestamp, weight: u64) {
        if limit.count == 0 {
            return;
        }
        self.seen.forget(limit, now);
        self.seen.add(limit, now, weight);
        let fill = Fill { limit, most: self.seen.sum, at: now };
        // A peak belongs to its limit: another one begins anew.
        match &self.peak {
            Some(peak) if peak.limit == limit && peak.most >= fill.most => {}
            _ => self.peak = Some(fill),
        }
    }
    /// Milliseconds until so much would pass; `None` = now.
    pub(super) fn wait(&mut self, limit: Limit, now: Timestamp, weight: u64) -> Option<u64> {
        self.judged.forget(limit, now);
        let count = limit.count as u64;
        // What is heavier than the whole window passes when nothing else is in it.
        let mut over = (self.judged.sum + weight.min(count)).saturating_sub(count);
        if count == 0 || over == 0 {
            return None;
        }
        for (at, weight) in &self.judged.entries {
            over = over.saturating_sub(*weight);
            if over == 0 {
                return Some(at.plus_millis(limit.millis()).millis_since(now));
            }
        }
        None
    }
    /// It is to count from now on.
    pub(super) fn record(&mut self, limit: Limit, now: Timestamp, weight: u64) {
        if limit.count > 0 {
            self.judged.add(limit, now, weight);
        }
    }
    /// How full it is, in hundredths of the limit; 0 where there is none.
    pub(super) fn load_percent(&self, limit: Limit) -> u64 {
        (self.judged.sum * 100).checked_div(limit.count as u64).unwrap_or(0)
    }
    /// The fullest that it was.
    pub(super) fn peak(&self) -> Option<Fill> {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_window_holds_its_limit_and_frees_exactly_after_its_length() {
        let (limit, mut meter) = (Limit::new(2, 10), Meter::default());
        for at in [0, 4_000] {
            assert_eq!(meter.wait(limit, Timestamp(at), 1), None);
            meter.record(limit, Timestamp(at), 1);
        }
        assert_eq!(meter.wait(limit, Timestamp(4_000), 1), Some(6_000));
        assert_eq!(meter.wait(limit, Timestamp(9_999), 1), Some(1));
        assert_eq!(meter.wait(limit, Timestamp(10_000), 1), None);
    }

    #[test]
    fn refused_attempts_that_count_push_the_end_out() {
        let (limit, mut meter) = (Limit::new(1, 10), Meter::default());
        meter.record(limit, Timestamp(0), 1);
        meter.record(limit, Timestamp(3_000), 1);
        assert_eq!(meter.wait(limit, Timestamp(3_000), 1), Some(10_000));
        assert_eq!(meter.load_percent(limit), 200);
        assert_eq!(meter.load_percent(Limit::OFF), 0);
    }

    #[test]
    fn what_is_heavier_than_the_window_passes_alone() {
        let (limit, mut meter) = (Limit::new(2, 10), Meter::default());
        assert_eq!(meter.wait(limit, Timestamp(0), 5), None);
        meter.record(limit, Timestamp(0), 5);
        assert_eq!(meter.wait(limit, Timestamp(1), 5), Some(9_999));
        assert_eq!(meter.wait(limit, Timestamp(1), 1), Some(9_999));
        assert_eq!(meter.wait(limit, Timestamp(10_000), 5), None);
    }

    #[test]
    fn an_overrun_window_keeps_twice_its_limit_and_no_more() {
        let (limit, mut meter) = (Limit::new(10, 3_600), Meter::default());
        for at in 0..10_000 {
            meter.see(limit, Timestamp(at), 1);
            meter.record(limit, Timestamp(at), 1);
        }
        assert!(meter.judged.entries.len() <= 20 && meter.seen.entries.len() <= 20);
        assert_eq!(meter.peak().map(|p| p.most), Some(20));
        assert_eq!(meter.wait(limit, Timestamp(9_999), 1), Some(3_600_000 - 9), "as if everything were kept");
    }

    proptest! {
        /// Against the plain definition: everything that ever arrived, counted anew each time.
        #[test]
        fn a_meter_does_as_its_definition_says(arrivals in prop::collection::vec((0u64..3_000, 1u64..4), 1..80), refused_count: bool) {
            let (limit, mut meter, mut now) = (Limit::new(12, 5), Meter::default(), Timestamp(0));
            let mut judged: Vec<(u64, u64)> = Vec::new();
            let mut all = judged.clone();
            let inside = |list: &[(u64, u64)], now: u64| list.iter().filter(|(at, _)| at + 5_000 > now).map(|(_, n)| n).sum::<u64>();
            let mut most = 0;
            for (gap, weight) in arrivals {
                now = now.plus_millis(gap);
                all.push((now.0, weight));
                most = most.max(inside(&all, now.0));
                meter.see(limit, now, weight);
                let passes = |at: u64| inside(&judged, at) + weight <= 12;
                let wait = (0..=5_000).find(|ms| passes(now.0 + ms));
                prop_assert_eq!(meter.wait(limit, now, weight).unwrap_or(0), wait.unwrap_or(0));
                if wait == Some(0) || refused_count {
                    judged.push((now.0, weight));
                    meter.record(limit, now, weight);
                }
            }
            prop_assert_eq!(meter.peak().map(|p| p.most.min(24)), Some(most.min(24)));
        }
    }
}
