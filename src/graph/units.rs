//! May we ask now? Resource units in a sliding window, and what each request costs.
//!
//! Graph gives an app so many units in each tenant for any ten seconds (3,500 in the smallest tenants), and every
//! request costs some, writes too. The tenant counts a request somewhere between our sending it and our reading its
//! answer, so what is under way counts without end, and what was answered from the moment of its answer on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use tokio::sync::{Mutex, Notify};

use crate::model::Timestamp;
use crate::ports::Clock;

/// "Microsoft Graph service-specific throttling limits", copy of 2026-02-06: resource units per 10 seconds.
const WINDOW_MILLIS: u64 = 10_000;
/// One part in so many is left for writes, so that they never wait behind reads: of the smallest share that is 350 units
/// in ten seconds, and the quota of writes itself lets no more than 200 of them through.
const PART_OF_WRITES: u32 = 10;
/// "Any identity path not listed": a `POST`, `PATCH`, `PUT` or `DELETE` costs one unit beside one write.
pub(super) const WRITE_UNITS: u32 = 1;

/// What reading an address costs by the documented table, in resource units. The answer says it better, where it does.
pub fn read_units(address: &str) -> u32 {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let last = path.rsplit('/').next().unwrap_or_default();
    let is = |name: &str| last.eq_ignore_ascii_case(name);
    let base = match () {
        () if is("users") || is("memberOf") || is("transitiveMemberOf") => 2,
        () if is("members") => 3,
        () if is("transitiveMembers") => 5,
        () => 1,
    };
    let option = |name: &str| {
        let named = |o: &str| {
            ["$", "%24"].iter().any(|sign| o.strip_prefix(sign).is_some_and(|o| o.eq_ignore_ascii_case(name)))
        };
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(o, _)| named(o)).map(|(_, value)| value)
    };
    let small = option("top").and_then(|top| top.parse::<u32>().ok()).is_some_and(|top| top < 20);
    let minus = i32::from(option("select").is_some()) + i32::from(small);
    let units = base - minus + i32::from(option("expand").is_some());
    units.max(1).unsigned_abs()
}

/// The answer to the question.
#[derive(Debug, PartialEq, Eq)]
enum Permit {
    /// Go; it counts as under way.
    Granted,
    /// Not before this instant.
    WaitUntil(Timestamp),
    /// So much is under way that some of it has to be answered first.
    WaitForAnswer,
}

/// What was spent, as values.
#[derive(Debug, Default)]
struct Ledger {
    spent: VecDeque<(Timestamp, u32)>,
    used: u64,
    under_way: u64,
    /// Spent since it was last asked.
    untold: u64,
}

impl Ledger {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, units)) = self.spent.front().copied()
            && at.plus_millis(WINDOW_MILLIS) <= now
        {
            self.used -= u64::from(units);
            self.spent.pop_front();
        }
    }
    fn ask(&mut self, now: Timestamp, units: u32, most: u32) -> Permit {
        self.forget(now);
        // What is dearer than the whole window goes alone.
        let wanted = u64::from(units.min(most)) + self.used + self.under_way;
        let mut over = wanted.saturating_sub(u64::from(most));
        if over == 0 {
            self.under_way += u64::from(units);
            return Permit::Granted;
        }
        for (at, units) in &self.spent {
            over = over.saturating_sub(u64::from(*units));
            if over == 0 {
                return Permit::WaitUntil(at.plus_millis(WINDOW_MILLIS));
            }
        }
        Permit::WaitForAnswer
    }
    fn spend(&mut self, at: Timestamp, units: u32) {
        self.used += u64::from(units);
        match self.spent.back_mut() {
            // Clocks may step back; the later instant is the safe one.
            Some((last, n)) if *last >= at => *n = n.saturating_add(units),
            _ => self.spent.push_back((at, units)),
        }
    }
    fn answered(&mut self, now: Timestamp, reckoned: u32, told: u32) {
        self.under_way = self.under_way.saturating_sub(u64::from(reckoned));
        self.untold += u64::from(told);
        self.spend(now, told);
    }
    /// The newest of what was spent was reckoned wrong.
    fn correct(&mut self, reckoned: u32, told: u32) {
        let Some((_, newest)) = self.spent.back_mut() else { return };
        let right = newest.saturating_sub(reckoned).saturating_add(told);
        self.used = (self.used + u64::from(right)).saturating_sub(u64::from(*newest));
        *newest = right;
        self.untold = (self.untold + u64::from(told)).saturating_sub(u64::from(reckoned));
    }
}

/// One tenant's share: every request of its client asks here first.
#[derive(Debug)]
pub(super) struct Share {
    units_max: u32,
    ledger: RefCell<Ledger>,
    /// Reads go in the order in which they came: a batch is not overtaken for ever by single looks.
    turn: Mutex<()>,
    answered: Notify,
    /// The tenant asked for a pause of all reads.
    paused_until: Cell<Timestamp>,
}

impl Share {
    pub(super) fn new(units_max: u32) -> Self {
        Self {
            units_max,
            ledger: RefCell::default(),
            turn: Mutex::const_new(()),
            answered: Notify::const_new(),
            paused_until: Cell::default(),
        }
    }

    /// Waits until a read may leave.
    pub(super) async fn read<'a, C: Clock>(&'a self, clock: &'a C, units: u32) -> UnderWay<'a, C> {
        let _turn = self.turn.lock().await;
        loop {
            let until = self.paused_until.get();
            if until > clock.now() {
                clock.sleep_until(until).await;
                continue;
            }
            let under_way = self.leave(clock, units, self.units_max - self.units_max / PART_OF_WRITES).await;
            // While it waited, another answer may have asked for a pause.
            if self.paused_until.get() <= clock.now() {
                return under_way;
            }
            under_way.unused();
        }
    }

    /// Waits until a write may leave; that is at once, unless something else has used up the whole window.
    pub(super) async fn write<'a, C: Clock>(&'a self, clock: &'a C) -> UnderWay<'a, C> {
        self.leave(clock, WRITE_UNITS, self.units_max).await
    }

    async fn leave<'a, C: Clock>(&'a self, clock: &'a C, units: u32, most: u32) -> UnderWay<'a, C> {
        loop {
            let permit = self.ledger.borrow_mut().ask(clock.now(), units, most);
            match permit {
                Permit::Granted => return UnderWay { share: self, clock, units, told: units },
                Permit::WaitUntil(at) => clock.sleep_until(at).await,
                Permit::WaitForAnswer => self.answered.notified().await,
            }
        }
    }

    /// How much of the window is used up, in thousandths.
    pub(super) fn filled(&self, now: Timestamp) -> u32 {
        let mut ledger = self.ledger.borrow_mut();
        ledger.forget(now);
        let used = (ledger.used + ledger.under_way).saturating_mul(1_000) / u64::from(self.units_max.max(1));
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// No read leaves before `until`; a pause that was asked for already is not shortened.
    pub(super) fn pause_reads(&self, until: Timestamp) {
        self.paused_until.set(self.paused_until.get().max(until));
    }

    /// The request that was answered last has cost something else than was reckoned.
    pub(super) fn correct(&self, reckoned: u32, told: u32) {
        self.ledger.borrow_mut().correct(reckoned, told);
        self.answered.notify_waiters();
    }

    /// What was spent since the last call.
    pub(super) fn take(&self) -> u64 {
        std::mem::take(&mut self.ledger.borrow_mut().untold)
    }

    /// Takes over what was spent before a restart. Nothing can have been spent later than now, whatever the clock said.
    pub(super) fn remember(&self, spent: &[(Timestamp, u32)], now: Timestamp) {
        let mut ledger = self.ledger.borrow_mut();
        spent.iter().for_each(|(at, units)| ledger.spend((*at).min(now), *units));
    }
}

/// A request under way. Answered, lost or given up, it has cost what it costs.
#[derive(Debug)]
pub(super) struct UnderWay<'a, C: Clock> {
    share: &'a Share,
    clock: &'a C,
    units: u32,
    told: u32,
}

impl<C: Clock> UnderWay<'_, C> {
    /// It was answered; `told` is what the answer says that it cost.
    pub(super) fn answered(mut self, told: Option<u32>) {
        self.told = told.unwrap_or(self.units);
    }
    /// It did not leave after all.
    fn unused(mut self) {
        self.told = 0;
    }
}

impl<C: Clock> Drop for UnderWay<'_, C> {
    fn drop(&mut self) {
        self.share.ledger.borrow_mut().answered(self.clock.now(), self.units, self.told);
        self.share.answered.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Requests of any cost arrive at any instant between asking and answer: no window is ever overrun there, and
        /// everyone leaves in the end.
        #[test]
        fn no_window_is_ever_overrun(steps in prop::collection::vec((0u64..4_000, 0u64..3_000, 0u64..=100, 1u32..=6, 0u32..=6), 1..150)) {
            const MOST: u32 = 20;
            let (mut ledger, mut now, mut arrivals) = (Ledger::default(), Timestamp(1_000_000), Vec::new());
            let mut open: VecDeque<(Timestamp, u32, u32)> = VecDeque::new();
            let answer = |ledger: &mut Ledger, open: &mut VecDeque<(Timestamp, u32, u32)>, now: Timestamp| {
                while let Some((at, reckoned, told)) = open.front().copied() && at <= now {
                    ledger.answered(at, reckoned, told);
                    open.pop_front();
                }
            };
            for (pause, latency, share, units, told) in steps {
                now = now.plus_millis(pause);
                // The answer says what the tenant has counted; never more than was reckoned, or nobody could keep it.
                let counted = told.clamp(1, units);
                loop {
                    answer(&mut ledger, &mut open, now);
                    match ledger.ask(now, units, MOST) {
                        Permit::Granted => break,
                        Permit::WaitUntil(at) => { prop_assert!(at > now); now = at; }
                        Permit::WaitForAnswer => now = now.max(open.front().map(|o| o.0).ok_or_else(|| TestCaseError::fail("nothing is under way"))?),
                    }
                }
                arrivals.push((now.0 + latency * share / 100, u64::from(counted)));
                // Answers come in the order of asking.
                let at = now.plus_millis(latency).max(open.back().map_or(now, |o| o.0));
                open.push_back((at, units, counted));
            }
            for (start, _) in &arrivals {
                let inside: u64 = arrivals.iter().filter(|(a, _)| a >= start && *a < start + WINDOW_MILLIS).map(|(_, n)| n).sum();
                prop_assert!(inside <= u64::from(MOST), "{inside}");
            }
        }
    }

    #[test]
    fn what_is_under_way_counts_until_it_is_answered_and_the_answer_corrects_it() {
        let (mut ledger, now) = (Ledger::default(), Timestamp(50_000));
        assert_eq!(ledger.ask(now, 4, 10), Permit::Granted);
        assert_eq!(ledger.ask(now, 6, 10), Permit::Granted);
        assert_eq!(ledger.ask(now.plus_seconds(60), 1, 10), Permit::WaitForAnswer);
        ledger.answered(now, 6, 2);
        assert_eq!(ledger.ask(now, 4, 10), Permit::Granted);
        assert_eq!(ledger.ask(now, 1, 10), Permit::WaitUntil(now.plus_millis(WINDOW_MILLIS)));
        ledger.answered(now.plus_millis(1), 4, 4);
        ledger.correct(4, 1);
        assert_eq!((ledger.used, ledger.under_way, ledger.untold), (3, 4, 3));
        assert_eq!(ledger.ask(now.plus_millis(1), 3, 10), Permit::Granted);
        let free = now.plus_millis(WINDOW_MILLIS);
        assert_eq!(ledger.ask(Timestamp(free.0 - 1), 1, 10), Permit::WaitUntil(free));
        assert_eq!(ledger.ask(free, 2, 10), Permit::Granted);
    }

    #[test]
    fn a_clock_that_steps_back_makes_nothing_younger() {
        let (mut ledger, now) = (Ledger::default(), Timestamp(50_000));
        ledger.spend(now, 6);
        ledger.spend(now.plus_seconds(4), 2);
        ledger.spend(now, 2);
        let free = now.plus_seconds(4).plus_millis(WINDOW_MILLIS);
        assert_eq!(ledger.ask(now.plus_millis(WINDOW_MILLIS), 7, 10), Permit::WaitUntil(free));
        assert_eq!(ledger.spent.len(), 1);
    }

    /// Virtual time.
    struct Paused(tokio::time::Instant);
    impl Clock for Paused {
        fn now(&self) -> Timestamp {
            Timestamp(1_000_000).plus_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap())
        }
        async fn sleep_until(&self, at: Timestamp) {
            sleep(at.millis_since(self.now())).await;
        }
    }
    impl Paused {
        fn passed(&self) -> u64 {
            self.now().0 - 1_000_000
        }
    }
    async fn sleep(millis: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_overtaken_for_ever() {
        let (clock, share) = (Paused(tokio::time::Instant::now()), Share::new(100));
        // A crowd that always wants one more, and never all at the same time; a batch wants twenty at once.
        let small = async |n: u64| {
            sleep(37 * n).await;
            while clock.passed() < 120_000 {
                drop(share.read(&clock, 1).await);
                sleep(100).await;
            }
        };
        let batch = async {
            sleep(5_000).await;
            drop(share.read(&clock, 20).await);
            clock.passed()
        };
        let crowd = futures_util::future::join_all((0..60).map(small));
        let (served, _) = futures_util::future::join(batch, crowd).await;
        assert!(served < 15_000, "after {served} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_those_who_wait_already_and_is_not_shortened() {
        let (clock, share) = (Paused(tokio::time::Instant::now()), Share::new(100));
        drop(share.read(&clock, 90).await);
        let throttled = async {
            sleep(5_000).await;
            share.pause_reads(clock.now().plus_seconds(60));
            share.pause_reads(clock.now().plus_seconds(1));
            drop(share.write(&clock).await);
            clock.passed()
        };
        let read = async {
            drop(share.read(&clock, 1).await);
            clock.passed()
        };
        assert_eq!(futures_util::future::join(throttled, read).await, (5_000, 65_000), "the write does not wait");
        assert_eq!(share.take(), 92, "what was granted and not used has cost nothing");
    }

    #[test]
    fn what_is_dearer_than_the_window_goes_alone() {
        let (mut ledger, now) = (Ledger::default(), Timestamp(50_000));
        assert_eq!(ledger.ask(now, 50, 10), Permit::Granted);
        assert_eq!(ledger.ask(now, 1, 10), Permit::WaitForAnswer);
        ledger.answered(now, 50, 50);
        assert_eq!(ledger.ask(now, 50, 10), Permit::WaitUntil(now.plus_millis(WINDOW_MILLIS)));
    }

    #[test]
    fn the_table_is_the_documented_one() {
        let table = [
            ("https://graph.example/v1.0/users?$filter=x&$select=id", 1),
            ("https://graph.example/v1.0/users", 2),
            ("/users/u?$select=id&$expand=manager($select=id)", 1),
            ("/users/u?$expand=manager", 2),
            ("/users/delta?$deltatoken=x", 1),
            ("/users/microsoft.graph.delta()?$deltatoken=x", 1),
            ("/groups/g/transitiveMembers?$select=id&$top=999", 4),
            ("/groups/g/transitiveMembers?%24select=id&%24skiptoken=x", 4),
            ("/groups/g/transitiveMembers?$Select=id&$top=19", 3),
            ("/groups/g/members", 3),
            ("/users/u/memberOf?$select=id", 1),
            ("/users/u/memberOf", 2),
            ("/users/u/transitiveMemberOf", 2),
            ("/directory/deletedItems/u", 1),
        ];
        for (address, units) in table {
            assert_eq!(read_units(address), units, "{address}");
        }
    }
}
