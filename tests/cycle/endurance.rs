//! What is forgotten when routes go, people are refused for ever, or a tenant is slow? Nothing, and nobody else waits.

use crosstie::sim::{Effect, Fault, Kind};
use serde_json::json;

use super::bench::{Bench, RULES};
use super::faults::populated;

#[tokio::test(start_paused = true)]
async fn a_route_that_comes_back_has_missed_nothing() {
    let route =
        |home: &str, target: &str| format!("[[route]]\nhome = \"{home}\"\ntarget = \"{target}\"\nrules = \"staff\"\n");
    let both = route("north", "south") + &route("north", "west");
    let bench = Bench::new(&["north", "south", "west"], &both, &[("staff", RULES)]);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    let text = std::fs::read_to_string(bench.file("crosstie.toml")).unwrap();
    std::fs::write(bench.file("crosstie.toml"), text.replace(&route("north", "south"), "")).unwrap();
    bench.tenant("north").soft_delete(&ada).unwrap();
    bench.settled_sync().await;
    bench.guest("south", "ada@north.example");
    assert!(bench.guests("west", "ada@north.example").is_empty());
    std::fs::write(bench.file("crosstie.toml"), text).unwrap();
    bench.settled_sync().await;
    assert!(bench.guests("south", "ada@north.example").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_question_of_a_route_that_is_gone_is_settled_all_the_same() {
    let route =
        |home: &str, target: &str| format!("[[route]]\nhome = \"{home}\"\ntarget = \"{target}\"\nrules = \"staff\"\n");
    let both = route("north", "south") + &route("south", "north");
    let bench = Bench::new(&["north", "south"], &both, &[("staff", RULES)]);
    bench.staff("north", "ada");
    // Two tokens, three pages: then the invitation leaves, and its answer finds nobody.
    let mut half_exchanges = 1;
    while bench.writes().is_empty() {
        assert!(bench.killed_sync(half_exchanges).await.is_none());
        half_exchanges += 1;
    }
    let text = std::fs::read_to_string(bench.file("crosstie.toml")).unwrap();
    std::fs::write(bench.file("crosstie.toml"), text.replace(&route("north", "south"), "")).unwrap();
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    bench.assert_log_covers_ledger();
}

#[tokio::test(start_paused = true)]
async fn a_refused_invitation_does_not_forget_an_earlier_one_that_was_never_answered() {
    let start = RULES.find("[[match]]").unwrap();
    let end = RULES.find("[attributes]").unwrap();
    let rules = format!("{}{}", &RULES[..start], &RULES[end..]);
    let bench = Bench::mesh(&["north", "south"], &rules);
    bench.staff("north", "ada");
    // Applied, unanswered, and in no reading for a while.
    bench.settings("south", |s| {
        s.lag.created_millis = 100_000;
        (s.lag.min_millis, s.lag.max_millis) = (100_000, 100_001);
    });
    bench.tenant("south").fault(Fault::next(1, Kind::Invite, Effect::Drop { applied: true })).unwrap();
    bench.sync().await;
    bench.tenant("south").fault(Fault::next(1, Kind::Invite, Effect::status(400))).unwrap();
    bench.sync().await;
    tokio::time::sleep(std::time::Duration::from_secs(200)).await;
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    assert_eq!(bench.guest("south", "ada@north.example")["jobTitle"], "Lecturer");
    assert!(bench.plan().await.plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn status_tells_who_failed_until_it_goes_well() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.tenant("north").edit_user(&ada, &json!({ "jobTitle": "Dean" })).unwrap();
    let refusal =
        bench.tenant("south").fault(Fault { kind: Some(Kind::Patch), ..Fault::always(Effect::status(400)) }).unwrap();
    let report = bench.sync().await;
    assert_eq!(report.failed.len(), 1);
    let route = crosstie::model::RouteName::parse("north->south").unwrap();
    let status = || {
        let store = bench.store(crosstie::store::Mode::Look);
        store.status(&[], std::slice::from_ref(&route)).unwrap().routes.remove(0)
    };
    assert_eq!((status().failed, status().pending, status().people.len()), (1, 0, 1));
    bench.tenant("south").clear_faults(Some(refusal)).unwrap();
    bench.settled_sync().await;
    assert_eq!((status().failed, status().pending), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_person_denied_for_ever_does_not_keep_the_others_from_theirs() {
    let rules = RULES.replace("manager = \"[manager]\"", "mobilePhone = \"[mobilePhone]\"");
    let bench = Bench::mesh(&["north", "south"], &(rules + "[guard]\nupdates = { percent = 100 }\n"));
    let people: Vec<String> = (0..20).map(|n| bench.staff("north", &format!("n{n}"))).collect();
    bench.settled_sync().await;
    let accounts: Vec<String> = (0..20)
        .map(|n| bench.guest("south", &format!("n{n}@north.example"))["id"].as_str().unwrap().to_owned())
        .collect();
    let role = json!({ "id": "2b1c0000-0000-4000-8000-00000000000a", "displayName": "Helpdesk Administrator",
                       "role": true, "members": accounts });
    bench.tenant("south").put_group(serde_json::from_value(role).unwrap()).unwrap();
    for person in &people {
        bench.tenant("north").edit_user(person, &json!({ "mobilePhone": "+44 2" })).unwrap();
    }
    for n in 0..20 {
        bench.staff("north", &format!("joiner{n}"));
    }
    let report = bench.sync().await;
    assert!(report.unwritten.is_empty(), "{:?}", report.unwritten);
    for n in 0..20 {
        bench.guest("south", &format!("joiner{n}@north.example"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_tenant_is_waited_for_by_its_own_routes_only() {
    let slow = Fault { kind: Some(Kind::Delta), ..Fault::always(Effect::Delay { millis: 30_000 }) };
    for effect in [slow, Fault::always(Effect::status(503))] {
        let (bench, _) = populated();
        bench.tenant("west").fault(effect).unwrap();
        let start = bench.clock.start();
        bench.sync().await;
        let first = bench.writes().first().unwrap().at.millis_since(start);
        assert!(first < 2_000, "the first write came after {first} ms");
        let (north, south) = (bench.guest("south", "n0@north.example"), bench.guest("north", "s0@south.example"));
        assert_eq!((&north["jobTitle"], &south["jobTitle"]), (&json!("Lecturer"), &json!("Lecturer")));
        bench.tenant("west").clear_faults(None).unwrap();
        bench.sync().await;
        bench.guest("west", "n0@north.example");
        assert!(bench.plan().await.plan.is_empty());
        bench.assert_log_covers_ledger();
    }
}
