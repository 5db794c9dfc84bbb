//! Are quotas used up and never overrun, shared fairly, and left to others?

use crosstie::engine::budgets_left;
use crosstie::sim::{Effect, Fault, Kind};
use crosstie::store::Mode;

use super::bench::*;
use super::figures::*;

#[tokio::test(start_paused = true)]
async fn a_quota_is_used_up_to_one_part_in_fifty_and_never_overrun_also_by_a_restart() {
    let used = a_quota_is_used_up(Size::small(900)).await;
    assert!(used.ratio <= 1.02 && used.refused == 0, "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn what_another_app_takes_is_left_to_it_after_a_handful_of_refusals() {
    for announced in [false, true] {
        let used = a_foreign_app_takes_its_share(Size::small(1_200), announced).await;
        assert!(used.refused <= 5 && used.ratio <= 1.10, "announced: {announced}: {used:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leaver_is_gone_within_a_poll_and_five_seconds_however_many_wait() {
    let waited = a_leaver_behind(Size { writes: 100, window_seconds: 150, ..Size::small(1_500) }, 60).await;
    assert!(waited <= 65.0, "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn targets_of_one_app_share_its_budget_fairly() {
    let (unfair, used) = twelve_targets_of_one_app(
        Size { app_writes: 700, app_window_seconds: 60, writes: 60, window_seconds: 30, people: 120 },
        3,
    )
    .await;
    assert!(unfair <= 1.05, "most over least: {unfair}, {used:?}");
    assert!(used.refused == 0 && used.ratio <= 1.05, "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_hangs_costs_the_others_nothing() {
    let (well, hanging) = beside_a_tenant_that_hangs(Size::small(300)).await;
    assert!((hanging - well).abs() <= 1.0, "{well} s beside a tenant that is well, {hanging} s beside one that hangs");
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_the_process_was_killed_counts_as_spent() {
    let bench = Bench::mesh(&["north", "south"], TWO_WRITES);
    let size = Size { writes: 40, window_seconds: 20, ..Size::small(100) };
    size.configured(&bench, &["north", "south"], "* * * * *");
    (0..size.people).for_each(|n| drop(bench.staff("north", &format!("n{n}"))));
    for tenant in ["north", "south"] {
        bench
            .tenant(tenant)
            .fault(Fault { kind: Some(Kind::Delta), ..Fault::always(Effect::Delay { millis: 100 }) })
            .unwrap();
    }
    // Answers that do not come while the process lives.
    let hang = Fault { kind: Some(Kind::Invite), ..Fault::always(Effect::Hang { applied: true }) };
    bench.tenant("south").fault(hang).unwrap();
    for _ in 0..6 {
        bench.serve_until_killed(3).await;
    }
    assert!(bench.store(Mode::Look).open_asks(&"south".into()).unwrap().len() >= 2, "nothing was under way");
    bench.tenant("south").clear_faults(Some(2)).unwrap();
    bench.serve(bench.wait(120)).await;
    assert_eq!(bench.tenant("south").users().len(), size.people);
    fullest(&bench);
    assert_eq!(refused(&bench), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_tenant_asks_for_outlives_the_cycle_and_is_shown() {
    let bench = Bench::mesh(&["north", "south"], TWO_WRITES);
    (0..40).for_each(|n| drop(bench.staff("north", &format!("n{n}"))));
    let mut full = Effect::status(429);
    if let Effect::Status { retry_after, .. } = &mut full {
        *retry_after = Some("100".to_owned());
    }
    bench.tenant("south").fault(Fault { skip: 9, ..Fault::next(1, Kind::Invite, full) }).unwrap();
    bench.stopped_sync(5_000).await;
    let (before, asked) = (bench.clock.at(), bench.writes().len());
    assert!(asked >= 10 && bench.writes().iter().any(|w| w.status == 429), "{asked}");
    let config = bench.config();
    let south = budgets_left(&config, &bench.store(Mode::Look), before).unwrap();
    let south: Vec<_> = south.iter().filter(|b| b.tenant.as_str() == "south" && b.paused_until.is_some()).collect();
    assert_eq!(south.len(), 1, "one budget pauses: {south:?}");
    assert!(south[0].most.is_some_and(|most| most < south[0].window.writes_max), "{south:?}");
    bench.settled_sync().await;
    let after = bench.writes()[asked].at;
    assert!(after.millis_since(bench.clock.start()) >= 100_000, "asked again before the pause was over: {after:?}");
    assert!(after >= before);
}

#[tokio::test(start_paused = true)]
async fn invitations_that_use_up_their_own_limit_slow_down_nothing_else() {
    let bench = Bench::mesh(&["north", "south"], TWO_WRITES);
    Size::full(0).configured(&bench, &["north", "south"], "* * * * *");
    (0..400).for_each(|n| drop(bench.staff("north", &format!("n{n}"))));
    bench.tenant("south").fault(Fault::always(Effect::Delay { millis: 10 })).unwrap();
    bench.sync().await;
    assert_eq!(bench.tenant("south").users().len(), 400);
    // 150 at once, and 150 more every five seconds.
    let last = bench.writes().iter().map(|w| w.at).max().unwrap();
    assert!(last.millis_since(bench.clock.start()) <= 20_000, "{last:?}");
    assert_eq!(refused(&bench), 0);
}
