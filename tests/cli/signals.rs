//! Does a run that is asked to stop do so soon, and the next one go on?

use std::time::Duration;

use serde_json::json;

use super::support::{Place, Sim, TENANTS, assert_log_matches, assert_mesh, eventually};

/// The promise of a stop.
const SOON: Duration = Duration::from_secs(5);

fn slow(sim: &Sim, method: &str, millis: u64) {
    for tenant in TENANTS {
        sim.fault(tenant, &json!({ "method": method, "effect": { "do": "delay", "millis": millis } }));
    }
}

#[test]
fn asked_to_stop_a_sync_finishes_what_is_under_way_and_the_next_goes_on() {
    for signal in ["TERM", "INT"] {
        let (place, sim) = Place::school(90);
        let before = sim.everybody();
        slow(&sim, "PATCH", 150);
        let sync = place.start(&["sync"]);
        eventually("some writes", || sim.ledger().len() > 10);
        sync.signal(signal);
        let done = sync.end_within(SOON).code(1).says("stopping");
        assert!(done.err.contains("wait for the next cycle"), "{}", done.err);
        let status = place.run(&["status", "--format", "json"]).code(0).json();
        assert!(status["tenants"].as_array().unwrap().iter().all(|t| t["unanswered"] == 0), "{status:#}");
        assert_eq!(status["runs"][0]["exit_code"], 1);
        let planned = place.run(&["plan"]);
        assert!(planned.code == Some(2), "all was done before the signal: {planned:?}");
        sim.clear_faults();
        place.settle();
        assert_mesh(&sim, &before);
        assert_log_matches(&place, &sim, false);
    }
}

#[test]
fn asked_to_stop_while_reading_a_sync_stops_and_the_reading_goes_on_later() {
    let (place, sim) = Place::school_with(90, &["--page-size", "2"]);
    slow(&sim, "GET", 60);
    let sync = place.start(&["sync"]);
    eventually("some pages", || sim.get("stats")["north"]["delta"].as_u64().unwrap_or(0) > 3);
    sync.signal("TERM");
    sync.end_within(SOON).code(1);
    assert!(sim.ledger().is_empty());
    sim.clear_faults();
    place.settle();
}

#[test]
fn asked_to_stop_a_plan_says_that_it_is_not_whole() {
    let (place, sim) = Place::school_with(90, &["--page-size", "2"]);
    slow(&sim, "GET", 60);
    let plan = place.start(&["plan"]);
    eventually("some pages", || sim.get("stats")["north"]["delta"].as_u64().unwrap_or(0) > 3);
    plan.signal("INT");
    let done = plan.end_within(SOON).code(1).says("nothing was written");
    assert!(done.out.is_empty(), "half a plan: {}", done.out);
    assert!(place.state().is_empty());
}
