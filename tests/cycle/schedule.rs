//! Is a schedule kept for months? Leavers overtake, sick tenants rest, routes are quarantined and come back, and nobody
//! waits for anybody else.

use crosstie::engine::{Budgets, Notice};
use crosstie::model::Timestamp;
use crosstie::quota::Learned;
use crosstie::sim::{Effect, Fault, Kind};
use crosstie::store::{Breaker, Door, Mode, Quarantine, RoutePart, Throttled};
use serde_json::json;

use super::bench::*;

const EVERY_MINUTE: &str = "[schedule]\ncron = \"* * * * *\"\n";

fn limits(tenant: &str, writes: u32, seconds: u32) -> String {
    format!("[tenants.{tenant}.limits]\nwrites = {writes}\nwindow_seconds = {seconds}\n")
}

/// So many joiners wait in north, and south takes `writes` in `seconds`.
fn backlog(joiners: usize, writes: u32, seconds: u32) -> Bench {
    let bench = Bench::mesh(&["north", "south"], RULES);
    for n in 0..joiners {
        bench.staff("north", &format!("n{n}"));
    }
    bench.settings("north", |s| s.page_size = 500);
    bench.configure(&limits("south", writes, seconds));
    bench.configure(EVERY_MINUTE);
    bench.settings("south", |s| {
        s.limits.app_writes.count = writes as usize;
        s.limits.app_writes.seconds = u64::from(seconds);
    });
    bench
}

fn when(bench: &Bench, kind: Kind) -> Vec<Timestamp> {
    bench.writes().iter().filter(|e| e.kind == kind && e.status < 300).map(|e| e.at).collect()
}

#[tokio::test(start_paused = true)]
async fn a_leaver_overtakes_everyone_who_waits_within_one_poll() {
    let bench = backlog(0, 200, 60);
    let leaver = bench.staff("north", "leaver");
    bench.settled_sync().await;
    for n in 0..900 {
        bench.staff("north", &format!("n{n}"));
    }
    let story = async {
        bench.wait(150).await;
        bench.tenant("north").soft_delete(&leaver).unwrap();
        bench.wait(65).await;
        assert_eq!(when(&bench, Kind::Delete).len(), 1, "gone within a poll of a minute and five seconds");
        assert!(when(&bench, Kind::Invite).len() < 600, "while most joiners wait");
    };
    let ((), served) = bench.serve(story).await;
    assert!(served.notices.is_empty(), "{:?}", served.notices);
    assert!(bench.writes().iter().all(|e| e.status != 429));
    // Nothing is lost by being cut short: the next process makes the rest.
    bench.settled_sync().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_changes_while_waiting_is_made_as_they_are_then() {
    let bench = backlog(200, 100, 60);
    let last = bench.staff("north", "zoe");
    let gone = bench.staff("north", "gone");
    let story = async {
        bench.wait(5).await;
        bench.tenant("north").edit_user(&last, &json!({ "jobTitle": "Dean" })).unwrap();
        bench.tenant("north").soft_delete(&gone).unwrap();
        bench.wait(600).await;
    };
    let ((), served) = bench.serve(story).await;
    assert_eq!(bench.guest("south", "zoe@north.example")["jobTitle"], "Dean");
    let titles = bench.writes().iter().filter(|e| e.body["jobTitle"] == "Lecturer").count();
    assert!(titles <= 201, "nobody is written twice");
    let invited = bench.writes().iter().any(|e| e.body["invitedUserEmailAddress"] == "gone@north.example");
    if !invited {
        assert!(bench.guests("south", "gone@north.example").is_empty());
    }
    assert!(served.runs.iter().all(|run| run.failed.is_empty()));
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn two_people_who_come_to_share_an_address_while_one_waits_are_both_held() {
    let bench = backlog(300, 100, 60);
    let story = async {
        bench.wait(5).await;
        // Somebody of the 300 who has not been invited yet, and a newcomer with the same address.
        let invited: Vec<_> = bench.writes().iter().map(|e| e.body["invitedUserEmailAddress"].clone()).collect();
        let waits = (0..300).find(|n| !invited.contains(&json!(format!("n{n}@north.example")))).unwrap();
        let address = format!("n{waits}@north.example");
        bench.person("north", "twin", "Staff", &json!({ "mail": address }));
        bench.wait(70).await;
        address
    };
    let (address, _) = bench.serve(story).await;
    bench.sync().await;
    assert!(bench.guests("south", &address).is_empty(), "nobody can know whose it is");
    assert_eq!(bench.plan().await.plan.routes.iter().map(|r| r.held.len()).sum::<usize>(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_small_steps_do_not_pass_the_guard_either() {
    let rules = RULES.to_owned() + "[guard]\ndeletes = { max = 5 }\n";
    let bench = Bench::mesh(&["north", "south"], &rules);
    let people: Vec<String> = (0..40).map(|n| bench.staff("north", &format!("n{n}"))).collect();
    bench.settled_sync().await;
    bench.configure(&limits("south", 300, 600));
    bench.configure(EVERY_MINUTE);
    bench.wait(700).await;
    (0..400).for_each(|n| drop(bench.staff("north", &format!("joiner{n}"))));
    let story = async {
        bench.wait(30).await;
        for three in people[..12].chunks(3) {
            three.iter().for_each(|id| bench.tenant("north").soft_delete(id).unwrap());
            bench.wait(120).await;
        }
    };
    let ((), served) = bench.serve(story).await;
    assert_eq!(when(&bench, Kind::Delete).len(), 3, "the second three are one too many");
    assert!(served.notices.iter().any(|n| matches!(n, Notice::RouteRefused(_))), "{:?}", served.notices);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_only_fails_is_left_alone_probed_and_taken_back() {
    let (bench, _) = populated_with(EVERY_MINUTE);
    let sick = Fault { kind: Some(Kind::Invite), ..Fault::always(Effect::status(500)) };
    bench.tenant("west").fault(sick).unwrap();
    let story = async {
        bench.wait(1_200).await;
        let asked = bench.writes().iter().filter(|e| e.tenant == "west").count();
        bench.tenant("west").clear_faults(None).unwrap();
        bench.wait(1_000).await;
        asked
    };
    let (asked, served) = bench.serve(story).await;
    assert!(asked < 60, "{asked} writes into a sick tenant in twenty minutes");
    let first = |tenant: &str| bench.writes().iter().find(|e| e.tenant == tenant && e.status < 300).unwrap().at;
    assert!(first("south").millis_since(bench.clock.start()) < 2_000, "the others do not wait");
    let about_west = |n: &&Notice| matches!(n, Notice::TenantLeftAlone(s) | Notice::TenantBack(s) if s.what.as_str() == "west" && s.part == Door::Writing);
    let told: Vec<&Notice> = served.notices.iter().filter(about_west).collect();
    assert!(matches!(told[..], [Notice::TenantLeftAlone(_), Notice::TenantBack(_)]), "{told:?}");
    bench.guest("west", "n0@north.example");
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_cannot_be_read_rests_for_growing_pauses_and_comes_back() {
    let (bench, _) = populated_with(EVERY_MINUTE);
    bench.tenant("west").fault(Fault { kind: Some(Kind::Delta), ..Fault::always(Effect::status(503)) }).unwrap();
    let story = async {
        bench.wait(3_600).await;
        bench.tenant("west").clear_faults(None).unwrap();
        bench.wait(1_000).await;
    };
    let ((), served) = bench.serve(story).await;
    let told: Vec<&Notice> = served.notices.iter().collect();
    let reading = |n: &&Notice| matches!(n, Notice::TenantLeftAlone(s) if s.part == Door::Reading);
    assert_eq!(told.iter().filter(|n| reading(n)).count(), 1, "{told:?}");
    assert!(matches!(told[..], [_, Notice::TenantBack(_)]), "{told:?}");
    let tries = bench.world.counts()["west"][&Kind::Delta];
    assert!(tries < 60, "asked {tries} times in an hour");
    bench.guest("west", "n0@north.example");
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_refusal_of_one_after_the_other_quarantines_the_route_and_leavers_still_go() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let leaver = bench.staff("north", "leaver");
    bench.settled_sync().await;
    bench.configure(EVERY_MINUTE);
    (0..40).for_each(|n| drop(bench.staff("north", &format!("n{n:02}"))));
    bench.settings("south", |s| s.invitations.allow_from = "none".to_owned());
    let story = async {
        bench.wait(200).await;
        bench.tenant("north").soft_delete(&leaver).unwrap();
        bench.wait(1_000).await;
        let refused = bench.writes().iter().filter(|e| e.kind == Kind::Invite && e.status == 403).count();
        assert_eq!(when(&bench, Kind::Delete).len(), 1, "a refused invitation stops no deletion");
        let store = bench.store(Mode::Look);
        let route = crosstie::model::RouteName::parse("north->south").unwrap();
        let quarantine = store.quarantines(&route).unwrap().remove(&RoutePart::Others).unwrap();
        assert!(quarantine.reason.contains("10 people in a row"), "{}", quarantine.reason);
        bench.settings("south", |s| s.invitations.allow_from = "everyone".to_owned());
        bench.wait(1_000).await;
        refused
    };
    let (refused, served) = bench.serve(story).await;
    assert!((10..=38).contains(&refused), "ten, those under way then, and a probe now and then: {refused}");
    let told: Vec<&Notice> = served.notices.iter().collect();
    assert!(matches!(told[..], [Notice::RouteQuarantined(_), Notice::RouteBack(_)]), "{told:?}");
    (0..40).for_each(|n| drop(bench.guest("south", &format!("n{n:02}@north.example"))));
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn people_who_are_refused_for_ever_do_not_quarantine_those_who_come_after() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.configure(EVERY_MINUTE);
    (0..30).for_each(|n| drop(bench.staff("north", &format!("x{n:02}"))));
    let refuse = Fault { kind: Some(Kind::Invite), ..Fault::next(30, Kind::Invite, Effect::status(400)) };
    bench.tenant("south").fault(refuse).unwrap();
    let story = async {
        bench.wait(400).await;
        bench.staff("north", "fine");
        bench.wait(4_000).await;
    };
    let ((), _) = bench.serve(story).await;
    bench.guest("south", "fine@north.example");
}

#[tokio::test(start_paused = true)]
async fn one_person_who_fails_waits_longer_each_time_and_nobody_else_does() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.configure(EVERY_MINUTE);
    bench.staff("north", "ada");
    let eve = bench.staff("north", "eve");
    bench.settled_sync().await;
    let account = bench.guest("south", "eve@north.example")["id"].as_str().unwrap().to_owned();
    let refuse = Fault { path: Some(format!("/users/{account}")), ..Fault::always(Effect::status(403)) };
    bench.tenant("south").fault(refuse).unwrap();
    bench.tenant("north").edit_user(&eve, &json!({ "jobTitle": "Dean" })).unwrap();
    let tried = || bench.writes().iter().filter(|e| e.status == 403).count();
    let story = async {
        bench.wait(6 * 3_600).await;
        let in_six_hours = tried();
        assert!((6..=9).contains(&in_six_hours), "tried {in_six_hours} times in six hours of minutes");
        bench.tenant("south").clear_faults(None).unwrap();
        // A change at home is a new fact: she is tried at once.
        bench.tenant("north").edit_user(&eve, &json!({ "jobTitle": "Provost" })).unwrap();
        bench.wait(65).await;
        assert_eq!(bench.guest("south", "eve@north.example")["jobTitle"], "Provost");
    };
    let ((), served) = bench.serve(story).await;
    assert!(served.notices.is_empty());
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_made_up_for_once() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.configure("[schedule]\ncron = \"0 * * * *\"\n");
    bench.staff("north", "ada");
    let ((), served) = bench.serve(bench.wait(10)).await;
    assert_eq!(served.runs.len(), 1, "the first cycle begins at once");
    let ((), served) = bench.serve(bench.wait(1_800)).await;
    assert_eq!(served.runs.len(), 0, "half past: nothing is due");
    bench.wait(5 * 3_600).await;
    let ((), served) = bench.serve(bench.wait(60)).await;
    assert_eq!(served.runs.len(), 1, "five ticks were missed, and one is made up for");
}

fn populated_with(more: &str) -> (Bench, Vec<String>) {
    let (bench, people) = super::faults::populated();
    bench.configure(more);
    (bench, people)
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_ends_when_nobody_is_left_who_could_be_refused() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.configure(EVERY_MINUTE);
    let people: Vec<String> = (0..12).map(|n| bench.staff("north", &format!("n{n:02}"))).collect();
    bench.settings("south", |s| s.invitations.allow_from = "none".to_owned());
    let story = async {
        bench.wait(70).await;
        people.iter().for_each(|id| drop(bench.tenant("north").edit_user(id, &json!({ "employeeType": "Student" }))));
        bench.wait(400).await;
    };
    let ((), served) = bench.serve(story).await;
    let told: Vec<&Notice> = served.notices.iter().collect();
    assert!(matches!(told[..], [Notice::RouteQuarantined(_), Notice::RouteBack(_)]), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_ran_ahead_makes_nobody_wait_for_the_instants_it_wrote_down() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.configure(EVERY_MINUTE);
    bench.staff("north", "ada");
    bench.settled_sync().await;
    let (now, far) = (bench.clock.at(), bench.clock.at().plus_seconds(400 * 86_400));
    let store = bench.store(Mode::Write);
    let breaker = Breaker { failures: 9, since: now, open_until: far, reason: "faults".to_owned() };
    for door in [Door::Reading, Door::Writing] {
        store.open_breaker(&"south".into(), door, &breaker).unwrap();
    }
    let reason = "the same refusal".to_owned();
    let quarantine = Quarantine { since: now, probes: 0, probe_at: far, code: String::new(), reason };
    let route = crosstie::model::RouteName::parse("north->south").unwrap();
    store.quarantine(&route, RoutePart::Others, &quarantine).unwrap();
    let config = bench.config();
    let budgets = Budgets::of(&config, &config.tenants[&"south".into()]);
    let mut learned = Learned::new(budgets.writes.windows[0]);
    learned.refused(far, 100);
    store.remember_throttled(&budgets.writes.name, &Throttled { paused_until: far, learned }).unwrap();
    drop(store);
    bench.staff("north", "bob");
    bench.serve(bench.wait(130)).await;
    bench.guest("south", "bob@north.example");
    bench.assert_settled().await;
}
