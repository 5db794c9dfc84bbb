//! Is what is forecast what the meters grant?

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
    meter
        .remember(Timestamp(NOW.0), spent.iter().map(|(ago, writes)| (Meter::bucket(Timestamp(NOW.0 - ago)), *writes)));
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
    let done = forecast(NOW, Meter::new(&[APP]), vec![target(&[narrow], &[load(Urgency::Ordinary, 10_000_000, 0)])]);
    let days = done[0][0].seconds_since(NOW) / 86_400;
    assert!((9_999_000..10_000_100).contains(&days), "{days} days");
    let done = forecast(NOW, Meter::new(&[APP]), vec![target(&GRAPH, &[load(Urgency::Ordinary, u64::MAX, u64::MAX)])]);
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

/// One window for all that is asked for here: so many writes in ten seconds.
fn ten_seconds(writes_max: u32) -> Window {
    Window { writes_max, millis: 10_000 }
}

#[test]
fn whoever_has_had_less_of_the_apps_window_goes_first() {
    let wants = |spent: &[(u64, u32)]| Target {
        spent: spent.iter().map(|(ago, n)| (Meter::bucket(Timestamp(NOW.0 - ago)), *n)).collect(),
        ..target(&[ten_seconds(100)], &[load(Urgency::Urgent, 40, 0)])
    };
    let before = [(5_000, 60)];
    let done = forecast(NOW, meter(&[ten_seconds(100)], &before), vec![wants(&before), wants(&[])]);
    assert_eq!([done[0][0].millis_since(NOW), done[1][0].millis_since(NOW)], [5_000 + BUCKET_MILLIS, 0]);
    assert_eq!(shared(5, &[(0, 10)]), [5], "of a fresh window as well");
}

#[test]
fn leavers_of_one_target_go_before_joiners_of_another() {
    let wants = |urgency| target(&[ten_seconds(100)], &[load(urgency, 10, 0)]);
    let done = forecast(NOW, Meter::new(&[ten_seconds(10)]), vec![wants(Urgency::Ordinary), wants(Urgency::Urgent)]);
    assert_eq!([done[0][0].millis_since(NOW), done[1][0].millis_since(NOW)], [10_000 + BUCKET_MILLIS, 0]);
}

#[test]
fn only_invitations_wait_for_the_window_of_invitations() {
    let full = meter(&[ten_seconds(1)], &[(0, 1)]);
    let none = Target { invitations: full, ..target(&GRAPH, &[load(Urgency::Ordinary, 5, 0)]) };
    assert_eq!(forecast(NOW, Meter::new(&[APP]), vec![none]), [[NOW]]);
    // The first of the two is the invitation, and the other waits for its own window alone.
    let own = Window { writes_max: 1, millis: 1_000 };
    let one = Meter::new(&[ten_seconds(1)]);
    let two = Target { invitations: one, ..target(&[own], &[load(Urgency::Ordinary, 2, 1)]) };
    let done = forecast(NOW, Meter::new(&[APP]), vec![two]);
    assert_eq!(done[0][0].millis_since(NOW), 1_000 + BUCKET_MILLIS);
}

#[test]
fn what_is_under_way_takes_its_room() {
    let mut writes = Meter::new(&[ten_seconds(2)]);
    assert_eq!(writes.ask(NOW, Urgency::Urgent), Permit::Granted);
    let waits = Target { writes, ..target(&[], &[load(Urgency::Urgent, 2, 0)]) };
    let done = forecast(NOW, Meter::new(&[APP]), vec![waits]);
    assert_eq!(done[0][0].millis_since(NOW), 10_000 + BUCKET_MILLIS);
}
