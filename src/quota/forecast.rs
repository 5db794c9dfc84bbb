//! When will all that waits have left, if every window gives what it can and answers come at once?

use super::{Ledger, Meter, Permit, Urgency};
use crate::model::Timestamp;

/// Moments that are gone through before the rest is told by the rule of three. At each one some window gives something
/// free again, and no two are closer than a bucket: this many are seven hours at the least, in a fraction of a second.
const MOMENTS_MAX: u32 = 100_000;

/// What waits in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// May it use a window to its last write?
    pub urgency: Urgency,
    /// Object writes.
    pub writes: u64,
    /// So many of them are invitations, each followed by its share of the others.
    pub invitations: u64,
}

/// One target: its windows as they are filled now, and its lanes in their order.
#[derive(Clone, Debug)]
pub struct Target {
    /// Windows of its object writes.
    pub writes: Meter,
    /// Windows of its invitations.
    pub invitations: Meter,
    /// What the app has spent in it, in order of time: whoever has had less of the app's window comes first.
    pub spent: Vec<(Timestamp, u32)>,
    /// Nothing is written into it before.
    pub from: Timestamp,
    /// What waits.
    pub lanes: Vec<Load>,
}

/// When the last write of each lane leaves: for each of the targets that share the windows of `app`, in their order.
/// A lane in which nothing waits is done when its turn comes.
///
/// Nothing is asked write by write: between two moments at which a window gives something free, all that may leave does.
/// It is what the meters would grant; networks only make it later.
pub fn forecast(now: Timestamp, app: Meter, targets: Vec<Target>) -> Vec<Vec<Timestamp>> {
    gone_through(now, app, targets, |_, _, _| {})
}

/// The same, and tells of each target when so many of its writes leave.
fn gone_through(
    now: Timestamp,
    mut app: Meter,
    targets: Vec<Target>,
    mut tell: impl FnMut(usize, Timestamp, u32),
) -> Vec<Vec<Timestamp>> {
    let mut courses: Vec<Course> = targets.into_iter().map(|target| Course::new(now, target, &app)).collect();
    for _ in 0..MOMENTS_MAX {
        let Some(at) = courses.iter().filter(|c| c.waits().is_some()).map(|c| c.next).min() else { break };
        moment(at, &mut app, &mut courses, &mut tell);
    }
    let open = courses.iter().filter(|c| c.waits().is_some()).count() as u64;
    courses.iter_mut().for_each(|course| course.rule_of_three(&app, open));
    courses.into_iter().map(|course| course.done).collect()
}

/// One target on its way.
struct Course {
    target: Target,
    /// Its part of the app's window.
    share: Option<Ledger>,
    /// It is of no use to look before.
    next: Timestamp,
    /// Writes of the lane in front that have left.
    written: u64,
    /// When each of the lanes before it was done.
    done: Vec<Timestamp>,
}

impl Course {
    fn new(now: Timestamp, mut target: Target, app: &Meter) -> Self {
        let share = app.ledgers.first().map(|ledger| {
            let mut share = Ledger { window: ledger.window, spent: std::collections::VecDeque::new(), used: 0 };
            target.spent.iter().for_each(|(bucket, writes)| share.spend(*bucket, *writes));
            share
        });
        target.lanes.iter_mut().for_each(|load| load.invitations = load.invitations.min(load.writes));
        let next = now.max(target.from);
        let mut course = Self { target, share, next, written: 0, done: Vec::new() };
        course.pass_what_is_done(next);
        course
    }

    /// The lane in front.
    fn waits(&self) -> Option<Load> {
        self.target.lanes.get(self.done.len()).copied()
    }

    fn pass_what_is_done(&mut self, at: Timestamp) {
        while self.waits().is_some_and(|load| self.written >= load.writes) {
            self.done.push(at);
            self.written = 0;
        }
    }

    fn used(&mut self, at: Timestamp) -> u64 {
        self.share.as_mut().map_or(0, |share| {
            share.forget(at);
            u64::from(share.used)
        })
    }

    /// How many writes its own windows let go at this instant; where none, when it is worth looking again.
    fn may(&mut self, load: Load, at: Timestamp) -> Result<u32, Timestamp> {
        let mut most = u64::from(self.target.writes.room(at, load.urgency)).min(load.writes - self.written);
        let invited = load.invited(self.written);
        if load.invitations > 0 {
            let room = u64::from(self.target.invitations.room(at, load.urgency));
            most = most.min(load.reach(invited + room).saturating_sub(self.written));
        }
        if let Some(most) = u32::try_from(most).ok().filter(|most| *most > 0) {
            return Ok(most);
        }
        let mut looks = vec![self.target.writes.look(at, load.urgency)];
        if load.invited(self.written + 1) > invited {
            looks.push(self.target.invitations.look(at, load.urgency));
        }
        Err(looks.into_iter().map(|permit| until(permit, at)).max().unwrap_or(at))
    }

    /// So many writes leave, and are answered at once.
    fn leave(&mut self, load: Load, at: Timestamp, writes: u32) {
        let invited = load.invited(self.written);
        self.written += u64::from(writes);
        let invitations = u32::try_from(load.invited(self.written) - invited).unwrap_or(writes);
        self.target.writes.pass(at, writes);
        self.target.invitations.pass(at, invitations);
        if let Some(share) = &mut self.share {
            share.spend(Meter::bucket(at), writes);
        }
        self.pass_what_is_done(at);
    }

    /// What is left after so many moments takes as long as the slowest of its windows makes it, of the app's window an
    /// equal part.
    fn rule_of_three(&mut self, app: &Meter, open: u64) {
        while let Some(load) = self.waits() {
            let rest = load.writes - self.written;
            let invitations = load.invitations - load.invited(self.written);
            let own = self.target.writes.takes_millis(rest, load.urgency);
            let own = own.max(self.target.invitations.takes_millis(invitations, load.urgency));
            let all = app.takes_millis(rest.saturating_mul(open), load.urgency);
            self.next = self.next.plus_millis(own.max(all));
            self.done.push(self.next);
            self.written = 0;
        }
    }
}

impl Load {
    /// Invitations among the first so many writes: spread evenly, the first write is one.
    fn invited(&self, written: u64) -> u64 {
        let (written, all) = (u128::from(written), u128::from(self.writes.max(1)));
        u64::try_from((written * u128::from(self.invitations)).div_ceil(all)).unwrap_or(u64::MAX)
    }
    /// The most writes that hold no more than so many invitations.
    fn reach(&self, invited: u64) -> u64 {
        let reach = u128::from(invited) * u128::from(self.writes) / u128::from(self.invitations.max(1));
        u64::try_from(reach).unwrap_or(u64::MAX)
    }
}

/// Everything that happens at one instant: who may write does, leavers first, and what the app's window does not give to
/// all is shared so that nobody gets ahead.
fn moment(at: Timestamp, app: &mut Meter, courses: &mut [Course], tell: &mut impl FnMut(usize, Timestamp, u32)) {
    loop {
        let mut wishes: Vec<(usize, Load, u32)> = Vec::new();
        for (place, course) in courses.iter_mut().enumerate().filter(|(_, course)| course.next <= at) {
            let Some(load) = course.waits() else { continue };
            match course.may(load, at) {
                Ok(most) => wishes.push((place, load, most)),
                Err(until) => course.next = until,
            }
        }
        if wishes.is_empty() {
            return;
        }
        for urgency in [Urgency::Urgent, Urgency::Ordinary] {
            let of_it = wishes.iter().filter(|(_, load, _)| load.urgency == urgency);
            let equals: Vec<(usize, Load, u32)> = of_it.copied().collect();
            let claims: Vec<(u64, u32)> =
                equals.iter().map(|(place, _, most)| (courses[*place].used(at), *most)).collect();
            let given = shared(app.room(at, urgency), &claims);
            for ((place, load, most), writes) in equals.into_iter().zip(given) {
                if writes > 0 {
                    app.pass(at, writes);
                    courses[place].leave(load, at, writes);
                    tell(place, at, writes);
                }
                if writes < most {
                    courses[place].next = until(app.look(at, urgency), at);
                }
            }
        }
    }
}

/// Gives `room` to those who have used so much and want so much more: whoever has used the least comes first, until it
/// has caught up with the next.
fn shared(room: u32, claims: &[(u64, u32)]) -> Vec<u32> {
    let wanted: u64 = claims.iter().map(|(_, more)| u64::from(*more)).sum();
    if wanted <= u64::from(room) {
        return claims.iter().map(|(_, more)| *more).collect();
    }
    let up_to = |level: u64, (used, more): &(u64, u32)| level.saturating_sub(*used).min(u64::from(*more));
    let given = |level: u64| claims.iter().map(|claim| up_to(level, claim)).sum::<u64>();
    // The highest level that all can reach together.
    let (mut low, mut high) = (0, claims.iter().map(|(used, more)| used + u64::from(*more)).max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if given(middle) <= u64::from(room) { low = middle } else { high = middle - 1 }
    }
    // What is left is less than one for each that would go on.
    let mut left = u64::from(room) - given(low);
    let mut give = |claim: &(u64, u32)| {
        let more = u64::from(left > 0 && up_to(low + 1, claim) > up_to(low, claim));
        left -= more;
        u32::try_from(up_to(low, claim) + more).unwrap_or(claim.1)
    };
    claims.iter().map(&mut give).collect()
}

/// Always later than now.
fn until(permit: Permit, at: Timestamp) -> Timestamp {
    let soonest = at.plus_millis(1);
    match permit {
        Permit::WaitUntil(until) => until.max(soonest),
        Permit::Granted | Permit::WaitForAnswer => soonest,
    }
}

impl Meter {
    /// How many writes may leave at this instant, one right after the other.
    fn room(&mut self, now: Timestamp, urgency: Urgency) -> u32 {
        let in_flight = self.in_flight;
        let room = |ledger: &mut Ledger| {
            ledger.forget(now);
            ledger.most(urgency, None).saturating_sub(ledger.used + in_flight)
        };
        self.ledgers.iter_mut().map(room).min().unwrap_or(u32::MAX)
    }

    /// So many writes leave and are answered at this instant.
    fn pass(&mut self, now: Timestamp, writes: u32) {
        if writes > 0 {
            let bucket = Self::bucket(now);
            self.ledgers.iter_mut().for_each(|ledger| ledger.spend(bucket, writes));
        }
    }

    /// How long so many writes take in the long run.
    fn takes_millis(&self, writes: u64, urgency: Urgency) -> u64 {
        let takes = |ledger: &Ledger| {
            let (most, millis) = (ledger.most(urgency, None).max(1), ledger.window.millis);
            u64::try_from(u128::from(writes) * u128::from(millis) / u128::from(most)).unwrap_or(u64::MAX)
        };
        self.ledgers.iter().map(takes).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AppBudget, BUCKET_MILLIS, Window};
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const GRAPH: [Window; 2] =
        [Window { writes_max: 3_000, millis: 150_000 }, Window { writes_max: 72_000, millis: 3_600_000 }];
    const INVITATIONS: Window = Window { writes_max: 150, millis: 5_000 };
    const APP: Window = Window { writes_max: 35_000, millis: 300_000 };

    fn load(urgency: Urgency, writes: u64, invitations: u64) -> Load {
        Load { urgency, writes, invitations }
    }

    fn meter(windows: &[Window], spent: &[(u64, u32)]) -> Meter {
        let mut meter = Meter::new(windows);
        meter.remember(spent.iter().map(|(ago, writes)| (Meter::bucket(Timestamp(NOW.0 - ago)), *writes)));
        meter
    }

    fn target(windows: &[Window], lanes: &[Load]) -> Target {
        Target {
            writes: Meter::new(windows),
            invitations: Meter::new(&[INVITATIONS]),
            spent: Vec::new(),
            from: Timestamp(0),
            lanes: lanes.to_vec(),
        }
    }

    /// Asks the meters write by write, as a worker does.
    fn one_by_one(mut app: Meter, mut target: Target) -> Vec<Timestamp> {
        let mut at = NOW.max(target.from);
        let mut done = Vec::new();
        for load in &target.lanes {
            for n in 0..load.writes {
                let invites =
                    ((n + 1) * load.invitations).div_ceil(load.writes) > (n * load.invitations).div_ceil(load.writes);
                loop {
                    let mut looks = vec![target.writes.look(at, load.urgency), app.look(at, load.urgency)];
                    if invites {
                        looks.push(target.invitations.look(at, load.urgency));
                    }
                    let wait = looks.iter().filter_map(|permit| match permit {
                        Permit::Granted => None,
                        Permit::WaitUntil(until) => Some(*until),
                        Permit::WaitForAnswer => unreachable!("answers come at once"),
                    });
                    let Some(until) = wait.max() else { break };
                    at = until;
                }
                for meter in [&mut target.writes, &mut app] {
                    assert_eq!(meter.ask(at, load.urgency), Permit::Granted);
                    meter.answered(at);
                }
                if invites {
                    assert_eq!(target.invitations.ask(at, load.urgency), Permit::Granted);
                    target.invitations.answered(at);
                }
            }
            done.push(at);
        }
        done
    }

    fn window() -> impl Strategy<Value = Window> {
        (1u32..240, 1u64..40).prop_map(|(writes_max, n)| Window { writes_max, millis: n * BUCKET_MILLIS })
    }
    /// Milliseconds ago, and how many; in order of time.
    fn spent() -> impl Strategy<Value = Vec<(u64, u32)>> {
        prop::collection::vec((0u64..12_000, 1u32..30), 0..12).prop_map(|mut spent| {
            spent.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
            spent
        })
    }
    fn lanes() -> impl Strategy<Value = Vec<Load>> {
        let lane = (any::<bool>(), 0u64..150, 0u64..160).prop_map(|(urgent, writes, invitations)| {
            let urgency = if urgent { Urgency::Urgent } else { Urgency::Ordinary };
            load(urgency, writes, invitations.min(writes))
        });
        prop::collection::vec(lane, 0..5)
    }

    proptest! {
        /// Whatever the windows, whatever is in them, and whatever waits: the meters, asked one write after the other, give
        /// the same instant for every lane.
        #[test]
        fn it_is_what_the_meters_grant_one_by_one(
            windows in prop::collection::vec(window(), 1..4), invitations in window(), app in window(),
            before in (spent(), spent(), spent()), lanes in lanes(), from in 0u64..9_000,
        ) {
            let target = Target {
                writes: meter(&windows, &before.0),
                invitations: meter(&[invitations], &before.1),
                spent: Vec::new(),
                from: Timestamp(NOW.0 + from - 3_000),
                lanes,
            };
            let app = meter(&[app], &before.2);
            prop_assert_eq!(forecast(NOW, app.clone(), vec![target.clone()]), vec![one_by_one(app, target)]);
        }

        /// Several targets: every write leaves, lanes end in their order, and no window of anybody's is ever overrun.
        #[test]
        fn together_they_overrun_no_window(
            own in window(), app in window(), all in prop::collection::vec((lanes(), spent()), 1..5),
        ) {
            let mut everywhere: Vec<(u64, u32)> = all.iter().flat_map(|(_, spent)| spent.clone()).collect();
            everywhere.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
            let buckets = |spent: &[(u64, u32)]| -> Vec<(Timestamp, u32)> {
                spent.iter().map(|(ago, n)| (Meter::bucket(Timestamp(NOW.0 - ago)), *n)).collect()
            };
            let targets: Vec<Target> = all.iter().map(|(lanes, spent)| Target {
                writes: meter(&[own], spent), spent: buckets(spent), ..target(&[], lanes)
            }).collect();
            let mut left: Vec<(usize, Timestamp, u32)> = Vec::new();
            let done = gone_through(NOW, meter(&[app], &everywhere), targets, |n, at, writes| left.push((n, at, writes)));
            for (n, (lanes, _)) in all.iter().enumerate() {
                let of_it: u64 = left.iter().filter(|(of, ..)| *of == n).map(|(_, _, writes)| u64::from(*writes)).sum();
                prop_assert_eq!(of_it, lanes.iter().map(|l| l.writes).sum::<u64>());
                prop_assert!(done[n].is_sorted() && done[n].len() == lanes.len());
                prop_assert!(done[n].iter().all(|at| *at >= NOW));
            }
            let full = |window: Window, of: Option<usize>| left.iter().all(|(_, start, _)| {
                let inside = |at: &Timestamp| *at >= *start && at.0 < start.0 + window.millis;
                let sum: u32 = left.iter().filter(|(n, at, _)| inside(at) && of.is_none_or(|of| of == *n)).map(|l| l.2).sum();
                sum <= window.writes_max
            });
            prop_assert!(full(app, None) && (0..all.len()).all(|n| full(own, Some(n))));
        }

        /// What is given is all there is, to nobody more than is wanted, and nobody who has used more gets what another
        /// one who has used less still wants.
        #[test]
        fn what_is_shared_goes_to_whoever_has_used_the_least(
            room in 0u32..200, claims in prop::collection::vec((0u64..100, 0u32..80), 1..6),
        ) {
            let given = shared(room, &claims);
            let wanted: u32 = claims.iter().map(|c| c.1).sum();
            prop_assert_eq!(given.iter().sum::<u32>(), wanted.min(room));
            for ((used, more), got) in claims.iter().zip(&given) {
                prop_assert!(got <= more);
                let behind = |((u, m), g): (&(u64, u32), &u32)| g < m && u + u64::from(*g) + 1 < used + u64::from(*got);
                prop_assert!(*got == 0 || !claims.iter().zip(&given).any(behind), "{claims:?} {given:?}");
            }
        }
    }

    #[test]
    fn a_fresh_quota_of_graphs_gives_a_backlog_what_the_bound_says() {
        let joiners = load(Urgency::Ordinary, 40_000, 20_000);
        let done = forecast(NOW, Meter::new(&[APP]), vec![target(&GRAPH, &[joiners])]);
        let (takes, bound) = (done[0][0].millis_since(NOW), super::super::eta_seconds(&GRAPH, 40_000) * 1_000);
        // One in a hundred is kept back for leavers, and a bucket is lost in each window.
        assert!((bound..bound * 102 / 100).contains(&takes), "{takes} ms of {bound}");
    }

    #[test]
    fn leavers_go_at_once_and_the_kept_back_reserve_is_theirs() {
        let lanes = [load(Urgency::Urgent, 30, 0), load(Urgency::Ordinary, 1, 0)];
        let full = Target { writes: meter(&GRAPH, &[(100_000, 2_970)]), ..target(&GRAPH, &lanes) };
        let done = forecast(NOW, Meter::new(&[APP]), vec![full]);
        assert_eq!(done[0][0], NOW);
        assert_eq!(done[0][1].millis_since(NOW), 50_000 + BUCKET_MILLIS);
    }

    #[test]
    fn a_target_that_rests_begins_when_it_may() {
        let later = Target { from: NOW.plus_seconds(600), ..target(&GRAPH, &[load(Urgency::Ordinary, 5, 0)]) };
        assert_eq!(forecast(NOW, Meter::new(&[APP]), vec![later]), [[NOW.plus_seconds(600)]]);
    }

    #[test]
    fn twelve_targets_of_one_app_take_three_times_as_long_as_one() {
        let wanted = load(Urgency::Ordinary, 60_000, 0);
        let alone = forecast(NOW, Meter::new(&[APP]), vec![target(&GRAPH, &[wanted])]);
        let together = forecast(NOW, Meter::new(&[APP]), vec![target(&GRAPH, &[wanted]); 12]);
        let takes: Vec<u64> = together.iter().map(|done| done[0].seconds_since(NOW)).collect();
        assert!(takes.iter().max().unwrap() - takes.iter().min().unwrap() <= 1, "{takes:?}");
        // 20 a second alone; 35,000 in five minutes are 117 a second for all twelve.
        let times = takes[0] as f64 / alone[0][0].seconds_since(NOW) as f64;
        assert!((1.9..2.2).contains(&times), "{times}");
    }

    /// Against the budget that workers ask, which shares by letting whoever is behind go first.
    #[test]
    fn unequal_targets_of_one_app_end_when_its_budget_lets_them() {
        let (app, own) = (Window { writes_max: 350, millis: 3_000 }, Window { writes_max: 100, millis: 1_500 });
        let wanted = [300u64, 900, 1_500, 1_500, 2_400, 3_000];
        let targets = wanted.map(|writes| target(&[own], &[load(Urgency::Ordinary, writes, 0)]));
        let told = forecast(NOW, Meter::new(&[app]), targets.to_vec());
        let mut budget = AppBudget::new(app);
        (0..wanted.len()).for_each(|n| budget.wants(&n.to_string(), NOW));
        let mut workers: Vec<(Meter, u64, Timestamp)> = wanted.map(|n| (Meter::new(&[own]), n, NOW)).to_vec();
        let mut at = NOW;
        while workers.iter().any(|(_, rest, _)| *rest > 0) {
            for (n, (meter, rest, done)) in workers.iter_mut().enumerate() {
                let name = n.to_string();
                while *rest > 0
                    && meter.look(at, Urgency::Ordinary) == Permit::Granted
                    && budget.look(&name, at, Urgency::Ordinary) == Permit::Granted
                {
                    meter.ask(at, Urgency::Ordinary);
                    budget.take(&name, at);
                    meter.answered(at);
                    budget.answered(&name, at);
                    (*rest, *done) = (*rest - 1, at);
                }
            }
            at = at.plus_millis(10);
        }
        for ((_, _, done), told) in workers.iter().zip(told) {
            let (real, told) = (done.millis_since(NOW), told[0].millis_since(NOW));
            assert!(told.abs_diff(real) <= 500 + real / 50, "told {told} ms, took {real} ms");
        }
    }

    #[test]
    fn a_backlog_of_centuries_is_told_as_quickly_as_one_of_hours() {
        let narrow = Window { writes_max: 1, millis: 86_400_000 };
        let done =
            forecast(NOW, Meter::new(&[APP]), vec![target(&[narrow], &[load(Urgency::Ordinary, 10_000_000, 0)])]);
        let days = done[0][0].seconds_since(NOW) / 86_400;
        assert!((9_999_000..10_000_100).contains(&days), "{days} days");
        let done =
            forecast(NOW, Meter::new(&[APP]), vec![target(&GRAPH, &[load(Urgency::Ordinary, u64::MAX, u64::MAX)])]);
        assert!(done[0][0] > NOW.plus_seconds(1 << 40));
    }

    #[test]
    fn the_rule_of_three_goes_on_as_the_moments_did() {
        // Every bucket of the window gives a little: as many moments as there can be.
        let spread: Vec<(u64, u32)> = (0..600).rev().map(|n| (n * BUCKET_MILLIS, 5)).collect();
        let busy =
            |writes| Target { writes: meter(&GRAPH, &spread), ..target(&GRAPH, &[load(Urgency::Ordinary, writes, 0)]) };
        let takes = |writes| forecast(NOW, Meter::new(&[APP]), vec![busy(writes)])[0][0].seconds_since(NOW);
        let (short, long) = (takes(400_000), takes(4_000_000));
        assert!((short * 99 / 10..short * 101 / 10).contains(&long), "{short} s and {long} s");
    }
}
