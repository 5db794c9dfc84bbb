//! Is what `status` tells of work, refusals and rests what then happens?

use crosstie::engine::{Focus, Lane, Standing, TargetAhead, ahead, standing};
use crosstie::model::{RouteName, Timestamp};
use crosstie::ports::Clock;
use crosstie::sim::{Effect, Fault, Kind};
use crosstie::store::{Door, Mode, RouteStatus};

use super::bench::*;

fn look(bench: &Bench) -> (Standing, Vec<TargetAhead>) {
    let (config, store, now) = (bench.config(), bench.store(Mode::Look), bench.clock.now());
    let standing = standing(&config, &store, now).unwrap();
    let ahead = ahead(&config, &store, &standing.report, now).unwrap();
    (standing, ahead)
}

fn into<'a>(ahead: &'a [TargetAhead], target: &str) -> &'a TargetAhead {
    ahead.iter().find(|t| t.target.as_str() == target).unwrap()
}

fn route<'a>(standing: &'a Standing, name: &str) -> &'a RouteStatus {
    standing.report.routes.iter().find(|r| r.route == name).unwrap()
}

/// When the last write into the tenant arrived.
fn last_write(bench: &Bench, tenant: &str) -> Timestamp {
    bench.writes().iter().filter(|w| w.tenant == tenant).map(|w| w.at).max().unwrap()
}

fn limits(tenant: &str, writes: u32, seconds: u32) -> String {
    format!("[tenants.{tenant}.limits]\nwrites = {writes}\nwindow_seconds = {seconds}\n")
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_done_when_it_was_told() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    (0..250).for_each(|n| drop(bench.staff("north", &format!("n{n}"))));
    bench.configure(&limits("south", 60, 60));
    bench.configure("[schedule]\ncron = \"0 * * * *\"\n");
    let story = async {
        let mut told = Vec::new();
        for _ in 0..4 {
            bench.wait(97).await;
            let (standing, ahead) = look(&bench);
            let lanes = &into(&ahead, "south").lanes;
            let waits: u64 = lanes.iter().map(|lane| lane.all.changes).sum();
            assert_eq!(waits, route(&standing, "north->south").pending);
            assert!(lanes.iter().all(|lane| lane.stopped == 0 && lane.all.since.is_some()), "{lanes:?}");
            assert!(into(&ahead, "north").lanes.is_empty());
            let provisions = lanes.iter().find(|lane| lane.lane == Lane::Provisions).unwrap();
            assert_eq!(provisions.all.writes, provisions.all.changes * 2);
            told.push((bench.clock.now(), into(&ahead, "south").done_at().unwrap()));
        }
        bench.wait(1_200).await;
        told
    };
    let (told, _) = bench.serve(story).await;
    let done = last_write(&bench, "south");
    for (at, told) in told {
        let (real, told) = (done.seconds_since(at), told.seconds_since(at));
        assert!(real.abs_diff(told) <= 2 + real / 50, "told {told} s, took {real} s");
    }
    let (standing, ahead) = look(&bench);
    assert!(ahead.iter().all(|t| t.lanes.is_empty() && t.done_at().is_none()));
    let there = route(&standing, "north->south");
    assert_eq!((there.links, there.provisioned, there.pending, there.unseen), (250, 250, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_until_the_guard_lets_the_route_through() {
    let rules = RULES.to_owned() + "[guard]\ndeletes = { max = 2 }\n";
    let bench = Bench::mesh(&["north", "south"], &rules);
    let people: Vec<String> = (0..6).map(|n| bench.staff("north", &format!("n{n}"))).collect();
    bench.settled_sync().await;
    assert_eq!(route(&look(&bench).0, "north->south").refused, None);
    people[..4].iter().for_each(|id| bench.tenant("north").soft_delete(id).unwrap());
    let began = bench.clock.now();
    let digest = bench.sync().await.drafted.refused_digest;
    let (standing, ahead) = look(&bench);
    let refused = route(&standing, "north->south").refused.clone().unwrap();
    assert!(refused.why.len() == 1 && refused.why[0].contains("4 accounts to delete"), "{refused:?}");
    assert!(Timestamp::parse(&refused.since).unwrap() >= began);
    let lane = &into(&ahead, "south").lanes[0];
    assert_eq!((lane.lane, lane.all.changes, lane.stopped, lane.done_at), (Lane::Leavers, 4, 4, None));

    bench.wait(100).await;
    // One person alone is within the limit, and that says nothing of the route.
    let focus = Focus { user: Some(people[5].clone()), ..Focus::default() };
    bench.try_sync(focus, None).await.unwrap();
    bench.sync().await;
    assert_eq!(route(&look(&bench).0, "north->south").refused, Some(refused), "since the first time");
    bench.try_sync(Focus::default(), Some(&digest)).await.unwrap();
    let (standing, ahead) = look(&bench);
    assert_eq!(route(&standing, "north->south").refused, None);
    assert!(into(&ahead, "south").lanes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_before_a_tenant_is_written_into_again() {
    let (bench, _) = super::faults::populated();
    bench.configure("[schedule]\ncron = \"* * * * *\"\n");
    bench.tenant("west").fault(Fault { kind: Some(Kind::Invite), ..Fault::always(Effect::status(500)) }).unwrap();
    let story = async {
        bench.wait(400).await;
        let (standing, ahead) = look(&bench);
        let west = standing.report.tenants.iter().find(|t| t.tenant.as_str() == "west").unwrap();
        (west.breakers[&Door::Writing].open_until, into(&ahead, "west").clone())
    };
    let ((open_until, west), _) = bench.serve(story).await;
    assert!(west.lanes.iter().map(|l| l.all.changes).sum::<u64>() > 0, "{west:?}");
    assert!(west.done_at().unwrap() >= open_until, "{west:?} and {open_until:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_tenant_that_is_not_read_is_stopped() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    (0..300).for_each(|n| drop(bench.staff("north", &format!("n{n}"))));
    bench.configure(&limits("south", 50, 60));
    bench.configure("[schedule]\ncron = \"* * * * *\"\n");
    bench.serve(bench.wait(30)).await;
    let sick = Fault { kind: Some(Kind::Delta), ..Fault::always(Effect::status(403)) };
    bench.tenant("north").fault(sick).unwrap();
    let story = async {
        bench.wait(300).await;
        look(&bench)
    };
    let ((standing, ahead), _) = bench.serve(story).await;
    assert!(standing.report.tenants.iter().any(|t| t.breakers.contains_key(&Door::Reading)));
    let lanes = &into(&ahead, "south").lanes;
    let waits = lanes.iter().find(|lane| lane.lane == Lane::Provisions).unwrap();
    assert_eq!((waits.stopped, waits.done_at), (waits.all.changes, None), "{lanes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quarantined_part_is_stopped_and_the_other_is_not() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let leavers: Vec<String> = (0..3).map(|n| bench.staff("north", &format!("leaver{n}"))).collect();
    bench.settled_sync().await;
    (0..40).for_each(|n| drop(bench.staff("north", &format!("n{n:02}"))));
    bench.settings("south", |s| s.invitations.allow_from = "none".to_owned());
    bench.configure("[schedule]\ncron = \"* * * * *\"\n");
    let story = async {
        bench.wait(100).await;
        // Leavers who cannot be deleted for the moment wait, and are not stopped.
        let busy = Fault { kind: Some(Kind::Delete), ..Fault::always(Effect::status(503)) };
        bench.tenant("south").fault(busy).unwrap();
        leavers.iter().for_each(|id| bench.tenant("north").soft_delete(id).unwrap());
        bench.wait(25).await;
        look(&bench)
    };
    let ((standing, ahead), _) = bench.serve(story).await;
    assert_eq!(route(&standing, "north->south").quarantined.len(), 1);
    let lanes = &into(&ahead, "south").lanes;
    let of = |lane| lanes.iter().find(|l| l.lane == lane).unwrap_or_else(|| panic!("no {lane:?} in {lanes:?}"));
    assert_eq!((of(Lane::Provisions).stopped, of(Lane::Provisions).done_at), (of(Lane::Provisions).all.changes, None));
    assert_eq!((of(Lane::Leavers).all.changes, of(Lane::Leavers).stopped), (3, 0));
    assert!(of(Lane::Leavers).done_at.is_some());
    let held = RouteName::parse("north->south").unwrap();
    assert_eq!(route(&standing, "north->south").name, held);
}
