//! Does the main job come out right, and does looking leave no trace?

use super::support::{Place, assert_bystanders, assert_log_matches, assert_mesh};

/// The whole path of a newcomer: sound, planned, made, settled.
fn story(people: usize) {
    let (place, sim) = Place::school(people);
    let before = sim.everybody();
    place.run(&["check"]).code(0);
    assert!(sim.get("stats").as_object().unwrap().is_empty(), "check asked somebody");

    let plan = place.run(&["plan", "--format", "jsonl"]).code(2).lines();
    assert!(sim.ledger().is_empty(), "a plan wrote");
    assert!(place.state().is_empty(), "a plan made {:?}", place.state().keys());

    place.run(&["sync"]).code(0);
    let state = place.state();
    let seq = sim.seq();
    place.run(&["plan"]).code(0);
    assert!(place.state() == state, "a plan left a trace in the store");
    place.run(&["status"]).code(0);
    place.run(&["log"]).code(0);
    place.run(&["plan", "--offline"]).code(0);
    assert!(place.state() == state, "reading left a trace in the store");
    place.run(&["sync"]).code(0);
    assert_eq!(sim.seq(), seq, "a second sync wrote");

    assert_mesh(&sim, &before);
    assert_bystanders(&sim, &before);
    assert_log_matches(&place, &sim, false);
    assert_plan_was_kept(&place, &plan);
}

/// What was made is what the plan had promised, by person and kind; and writes as many as it had counted.
fn assert_plan_was_kept(place: &Place, plan: &[serde_json::Value]) {
    let key = |e: &serde_json::Value| format!("{} {} {}", e["route"], e["action"], e["home"]["id"]);
    let planned: std::collections::BTreeSet<String> = plan.iter().filter(|l| l["type"] == "change").map(key).collect();
    let log = place.log();
    let made: std::collections::BTreeSet<String> =
        log.iter().filter(|e| e["action"] == "provision" || e["action"] == "join").map(key).collect();
    assert_eq!(made, planned);
    let routes = plan.last().unwrap()["routes"].as_array().unwrap().clone();
    let promised: u64 = routes.iter().map(|r| r["writes"].as_u64().unwrap()).sum();
    assert_eq!(log.len() as u64, promised, "writes in the plan and writes made");
}

#[test]
fn a_school_of_600_gets_its_accounts_and_nothing_else_changes() {
    story(600);
}

#[test]
fn a_school_of_2000_in_each_tenant_too() {
    story(6_000);
}
