//! How much of a window is left to us, when others use the same one? Learned from what the tenant says, and forgotten
//! again when it stops saying so.

use serde::{Deserialize, Serialize};

use super::Window;
use crate::model::Timestamp;

/// After a refusal the window stays a twentieth below what it held for so many of its lengths, before it grows again.
const HELD_WINDOWS: u64 = 2;
/// It grows back to just below what it held when it was refused, and stays there for so many lengths before it tries for
/// more. Whoever tries too soon is refused too often; twelve windows of 150 s are half an hour, in which another app's job
/// has a chance to end.
const CEILING_WINDOWS: u64 = 12;
/// Just below: one part in so many.
const BELOW: u32 = 64;
/// The first step by which it grows, and the least that it shrinks to: one write in so many. Each quiet window doubles
/// the step, so that a window that was refused at 70 % is whole again some ten windows later.
const STEP: u32 = 100;
/// Refusals within so many milliseconds tell of one thing: writes that were under way together.
const BLIP_MILLIS: u64 = 5_000;
/// Below this share of the limit, in thousandths, the tenant's word on how full it is changes nothing (Graph first says
/// it at 800).
const CROWDED: u32 = 900;
/// So much more than our own writes explain must be in a window before it is others who fill it: answers are some
/// seconds old, and our own count is later than the tenant's.
const UNEXPLAINED: u32 = 50;
/// What is left free of a window that others use too, so that their next writes do not meet ours at the limit.
const SPARED: u32 = 30;
/// The tenant's word is cut off to so many thousandths.
const GRAIN: u32 = 10;
/// A word older than one part in so many of the window tells no more what others have in it now.
const FRESH: u64 = 10;

/// How full a tenant's limits are by its own word, beside what we know ourselves; all in thousandths of a whole limit.
///
/// The word is about the fullest of all limits that a write counts for, and does not say which one that is.
#[derive(Clone, Copy, Debug)]
pub struct Crowding {
    /// What the tenant told.
    pub told: u32,
    /// How full our own writes make the window that is learned of.
    pub own: u32,
    /// How full we ourselves make the fullest limit of all.
    pub explained: u32,
    /// How much of the limit may be ours at all.
    pub share: u32,
    /// When the oldest of our own writes was made that the window holds.
    pub since: Timestamp,
}

/// What others have in a window that we have not watched for its whole length may still grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Watch {
    since: Timestamp,
    /// The last word.
    heard: Timestamp,
    /// What the window may hold of ours when we come back to it after a silence.
    back_at: Option<u32>,
}

/// What is known of one window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    window: Window,
    most: Option<u32>,
    held_until: Timestamp,
    step: u32,
    deaf_until: Timestamp,
    /// What it held when it was refused, and until when that is kept to.
    ceiling: Option<(u32, Timestamp)>,
    /// Of this process alone.
    #[serde(skip)]
    watch: Watch,
}

impl Learned {
    /// Nothing is known: the window is ours.
    pub fn new(window: Window) -> Self {
        let (never, watch) = (Timestamp(0), Watch::default());
        Self { window, most: None, held_until: never, step: 1, deaf_until: never, ceiling: None, watch }
    }

    /// What was learned before a restart, where it still holds: of this very window, and not from a clock that was ahead.
    pub fn resumed(self, window: Window, now: Timestamp) -> Self {
        let holds = self.held_until <= now.plus_millis(HELD_WINDOWS.saturating_mul(window.millis));
        if self.window == window && holds { self } else { Self::new(window) }
    }

    /// Which window it is.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The tenant refused a write after it had taken `used` in the window.
    ///
    /// What it took is about what there is. But a refusal can also be a tenant's bad minute, so that one never takes more
    /// than half.
    pub fn refused(&mut self, now: Timestamp, used: u32) {
        if now < self.deaf_until {
            return;
        }
        self.deaf_until = now.plus_millis(BLIP_MILLIS);
        let half = self.most.unwrap_or(self.window.writes_max) / 2;
        let until = now.plus_millis(CEILING_WINDOWS.saturating_mul(self.window.millis));
        self.ceiling = Some((used.max(half), until));
        self.shrink(now, (used - used / 20).max(half), HELD_WINDOWS);
    }

    /// The tenant says how full it is.
    pub fn crowded(&mut self, now: Timestamp, word: &Crowding) {
        let Crowding { told, own, explained, share, since } = *word;
        let watched = self.watched(now, since);
        if told < CROWDED || told <= own.max(explained).saturating_add(UNEXPLAINED) {
            return;
        }
        let whole = u64::from(self.window.writes_max) * 1_000 / u64::from(share.max(1));
        let beside = |others: u64| {
            let room = 1_000u64.saturating_sub(others).saturating_sub(u64::from(SPARED));
            u32::try_from(room * whole / 1_000).unwrap_or(u32::MAX)
        };
        let most = beside(u64::from(told - own));
        if most < self.most.unwrap_or(self.window.writes_max) {
            self.shrink(now, most, 1);
        }
        if watched < self.window.millis {
            // Jobs begin together, at the full hour: others may have begun when we did, and will take more in a whole window.
            // Nobody says so while we wait for room, and whoever comes back too soon is refused. A guess takes half at most.
            let grown = u64::from(told - own + GRAIN) * self.window.millis / watched.max(1);
            let half = self.most.unwrap_or(self.window.writes_max) / 2;
            self.watch.back_at = Some(beside(grown).max(half));
        }
    }

    /// The tenant has taken a write and said nothing: it is not full, and nothing need be feared.
    pub fn at_ease(&mut self) {
        self.watch.back_at = None;
    }

    /// For how long we have watched others, by now.
    fn watched(&mut self, now: Timestamp, since: Timestamp) -> u64 {
        if now >= self.watch.since.plus_millis(self.window.millis) {
            self.watch.back_at = None;
        }
        if now >= self.watch.heard.plus_millis(self.window.millis.saturating_mul(2)) {
            self.watch = Watch { since, heard: now, back_at: None };
        }
        self.watch.heard = now;
        now.millis_since(self.watch.since)
    }

    fn shrink(&mut self, now: Timestamp, most: u32, windows: u64) {
        self.step = self.first_step();
        self.most = Some(most.clamp(self.step, self.window.writes_max.max(1)));
        self.held_until = now.plus_millis(windows.saturating_mul(self.window.millis));
    }

    /// How much the window may hold now; `None`: as much as it is allowed to.
    pub fn most(&mut self, now: Timestamp) -> Option<u32> {
        while let Some(most) = self.most
            && now >= self.held_until
        {
            let kept_to = self.ceiling.filter(|(_, until)| self.held_until < *until);
            let ceiling = kept_to.map_or(u32::MAX, |(held, _)| held - held / BELOW);
            let grown = most.saturating_add(self.step).min(ceiling.max(most));
            self.step = if grown == ceiling { self.first_step() } else { self.step.saturating_mul(2) };
            self.most = Some(grown).filter(|grown| *grown < self.window.writes_max);
            self.held_until = self.held_until.plus_millis(self.window.millis.max(1));
        }
        let Watch { since, heard, back_at } = self.watch;
        let silent = now >= heard.plus_millis(self.window.millis / FRESH);
        let young = now < since.plus_millis(self.window.millis.saturating_mul(2));
        let back_at = back_at.filter(|_| silent && young);
        [self.most, back_at].into_iter().flatten().min()
    }

    fn first_step(&self) -> u32 {
        (self.window.writes_max / STEP).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::super::{Meter, Permit, Urgency};
    use super::*;

    const ENTRA: Window = Window { writes_max: 3_000, millis: 150_000 };
    const START: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn one_blip_counts_once_and_a_bad_minute_takes_half_at_most() {
        let mut learned = Learned::new(ENTRA);
        assert_eq!(learned.most(START), None);
        (0..8).for_each(|_| learned.refused(START, 2_100));
        assert_eq!(learned.most(START), Some(1_995));
        let mut learned = Learned::new(ENTRA);
        learned.refused(START, 3);
        assert_eq!(learned.most(START), Some(1_500));
        learned.refused(START.plus_seconds(6), 3);
        assert_eq!(learned.most(START.plus_seconds(6)), Some(750));
        (2..20).for_each(|n| learned.refused(START.plus_seconds(6 * n), 0));
        assert_eq!(learned.most(START.plus_seconds(120)), Some(30), "a little is always tried");
    }

    #[test]
    fn it_grows_back_in_doubling_steps_and_is_forgotten() {
        let mut learned = Learned::new(ENTRA);
        learned.refused(START, 2_100);
        let at = |windows: u64| START.plus_seconds(150 * windows);
        let mut seen: Vec<Option<u32>> = (0..24).map(|n| learned.most(at(n))).collect();
        seen.dedup();
        // Up to just below what was refused, and half an hour after that beyond it.
        let most = [
            Some(1_995),
            Some(2_025),
            Some(2_068),
            Some(2_098),
            Some(2_158),
            Some(2_278),
            Some(2_518),
            Some(2_998),
            None,
        ];
        assert_eq!(seen, most);
        // Whoever asks late sees the same.
        let mut late = Learned::new(ENTRA);
        late.refused(START, 2_100);
        assert_eq!(late.most(at(6)), Some(2_068));
        assert_eq!(late.most(at(1_000_000)), None);
    }

    #[test]
    fn a_crowded_window_is_left_to_the_others_before_it_refuses() {
        let mut learned = Learned::new(ENTRA);
        let word = |told, own, explained| Crowding { told, own, explained, share: 1_000, since: Timestamp(0) };
        learned.crowded(START, &word(1_000, 990, 0));
        learned.crowded(START, &word(880, 100, 0));
        assert_eq!(learned.most(START), None, "our own writes explain it, or it is not full");
        learned.crowded(START, &word(990, 105, 993));
        assert_eq!(learned.most(START), None, "another limit is full, and by our own doing");
        // 666 are ours; the other 284 are somebody else's.
        learned.crowded(START, &word(950, 666, 120));
        assert_eq!(learned.most(START), Some(2_058));
        learned.crowded(START, &word(1_800, 3, 3));
        assert_eq!(learned.most(START), Some(30));
    }

    #[test]
    fn others_crowd_a_share_of_a_window_only_where_they_need_more_than_the_rest() {
        let share = Window { writes_max: 2_100, ..ENTRA };
        let mut learned = Learned::new(share);
        // Ours is full, which is 700 of the limit; others use 220, and 50 are free beside what is spared.
        learned.crowded(START, &Crowding { told: 920, own: 700, explained: 700, share: 700, since: Timestamp(0) });
        assert_eq!(learned.most(START), None);
        learned.crowded(START, &Crowding { told: 990, own: 500, explained: 500, share: 700, since: Timestamp(0) });
        assert_eq!(learned.most(START), Some(1_440));
    }

    #[test]
    fn each_bound_is_where_it_is_said_to_be() {
        let mut learned = Learned::new(ENTRA);
        learned.refused(START, 3);
        learned.refused(START.plus_millis(BLIP_MILLIS - 1), 3);
        assert_eq!(learned.most(START), Some(1_500), "one blip");
        learned.refused(START.plus_millis(BLIP_MILLIS), 3);
        assert_eq!(learned.most(START.plus_millis(BLIP_MILLIS)), Some(750), "and the next");

        let word = |told, own| Crowding { told, own, explained: own, share: 1_000, since: Timestamp(0) };
        let mut learned = Learned::new(ENTRA);
        learned.crowded(START, &word(900, 100));
        assert_eq!(learned.most(START), Some(510), "the first word that counts");
        // The same word again changes nothing, and holds nothing back.
        learned.crowded(START.plus_seconds(100), &word(900, 100));
        assert_eq!(learned.most(START.plus_seconds(149)), Some(510));
        assert_eq!(learned.most(START.plus_seconds(150)), Some(540));

        let mut learned = Learned::new(ENTRA);
        learned.refused(START, 2_100);
        let at = |windows: u64| START.plus_seconds(150 * windows);
        let most = [11, 12, 13].map(|n| learned.most(at(n)));
        assert_eq!(most, [Some(2_068), Some(2_098), Some(2_158)], "twelve windows below what was refused");

        let hundred = Window { writes_max: 100, millis: 150_000 };
        let mut learned = Learned::new(hundred);
        learned.refused(START, 70);
        let grown: Vec<_> = (12..18).map(|n| learned.most(at(n))).collect();
        let doubling = [Some(70), Some(72), Some(76), Some(84), None, None];
        assert_eq!(grown, doubling, "what is whole again is not learned any more");
    }

    #[test]
    fn what_was_learned_is_resumed_for_the_same_window_and_not_from_a_clock_that_was_ahead() {
        let mut learned = Learned::new(ENTRA);
        learned.refused(START, 2_100);
        let most = |window, now| learned.clone().resumed(window, now).most(now);
        assert_eq!(most(ENTRA, START), Some(1_995));
        assert_eq!(most(ENTRA, START.plus_seconds(10)), Some(1_995));
        assert_eq!(most(ENTRA, Timestamp(START.0 - 1)), None, "it was learned later than now");
        let other = Window { writes_max: 2_100, ..ENTRA };
        assert_eq!(learned.clone().resumed(other, START), Learned::new(other));
    }

    #[test]
    fn whoever_may_have_begun_with_us_is_expected_to_have_grown_when_we_come_back() {
        let at = |seconds| START.plus_seconds(seconds);
        let word = |told, own| Crowding { told, own, explained: own, share: 1_000, since: START };
        let mut learned = Learned::new(ENTRA);
        learned.crowded(at(50), &word(980, 896));
        assert_eq!([50, 64].map(|s| learned.most(at(s))), [Some(2_658); 2], "the word is fresh");
        // 94 in 50 s are 282 in 150.
        assert_eq!([65, 299].map(|s| learned.most(at(s))), [Some(2_064); 2], "and now it is old");
        assert_eq!(learned.clone().most(at(300)), Some(2_688), "after two windows nothing of it is left");
        let mut eased = learned.clone();
        eased.at_ease();
        assert_eq!(eased.most(at(199)), Some(2_688));
        let mut known = learned.clone();
        known.crowded(at(150), &word(850, 600));
        assert_eq!(known.most(at(199)), Some(2_688), "they were watched for a whole window");
        learned.crowded(at(149), &word(980, 600));
        assert_eq!([150, 164].map(|s| learned.most(at(s))), [Some(1_770), Some(1_734)]);

        let mut learned = Learned::new(ENTRA);
        learned.crowded(at(10), &word(980, 700));
        assert_eq!(learned.most(at(25)), Some(1_035), "a guess takes half at most");
    }

    /// Another app takes `foreign` writes in each window, evenly, since so many seconds before us; we write up to `pace` in a
    /// quarter of a second (invitations allow 15), and beyond 800 the tenant tells how full it is. How many of our writes were
    /// taken in so many windows, and how many were refused?
    fn beside(foreign: u64, earlier: u64, pace: u32, windows: u64) -> (u32, u32) {
        let (mut meter, mut learned) = (Meter::new(&[ENTRA]), Learned::new(ENTRA));
        let (mut theirs, mut ours) = (VecDeque::new(), VecDeque::<Timestamp>::new());
        let (mut taken, mut refused, mut foreign_sent) = (0, 0, 0);
        for quarter in 0..windows * ENTRA.millis / 250 {
            let now = START.plus_millis(quarter * 250);
            while foreign_sent < (quarter * 250 + earlier * 1_000) * foreign / ENTRA.millis {
                foreign_sent += 1;
                let sent = foreign_sent * ENTRA.millis / foreign;
                theirs.push_back(Timestamp(START.0 - earlier * 1_000 + sent));
            }
            for arrivals in [&mut theirs, &mut ours] {
                while arrivals.front().is_some_and(|at| at.plus_millis(ENTRA.millis) <= now) {
                    arrivals.pop_front();
                }
            }
            meter.squeeze(learned.most(now));
            for _ in 0..pace {
                if meter.ask(now, Urgency::Ordinary) != Permit::Granted {
                    break;
                }
                meter.answered(now);
                ours.push_back(now);
                let held = u32::try_from(theirs.len() + ours.len()).unwrap();
                if held > ENTRA.writes_max {
                    refused += 1;
                    learned.refused(now, meter.answered_within(now) - 1);
                    break;
                }
                taken += 1;
                let told = held * 100 / ENTRA.writes_max * 10;
                if told <= 800 {
                    learned.at_ease();
                } else {
                    let (own, since) = (meter.filled(now), meter.oldest(now));
                    learned.crowded(now, &Crowding { told, own, explained: own, share: 1_000, since });
                    meter.squeeze(learned.most(now));
                }
            }
        }
        (taken, refused)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Also when it began with us, and took most of it while a window that we had filled told us nothing; and when it was
        /// there before, that costs next to nothing.
        #[test]
        fn another_app_that_is_told_of_is_not_met_at_the_limit(foreign in 600u64..1_500, earlier in 0u64..300, pace in 5u32..=15) {
            let (taken, refused) = beside(foreign, earlier, pace, 6);
            prop_assert_eq!(refused, 0);
            let left = 6 * (3_000 - u32::try_from(foreign).unwrap());
            prop_assert!(taken >= left / 100 * 93, "{} of {}", taken, left);
        }
    }
}
