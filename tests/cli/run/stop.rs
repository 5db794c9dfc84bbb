//! Does it end soon and in order, whatever it is at, and does the next process go on?

use serde_json::json;

use super::*;
use crate::support::{People, pause};

/// A full window in each tenant, most people waiting for the next one, and answers that take a while.
fn full_lanes() -> (Place, Sim, People, Running) {
    let (place, sim) = school(90, SELDOM);
    let before = sim.everybody();
    let narrow = limits(&sim, 20, 60);
    configure(&place, &sim, SELDOM, &narrow);
    slow(&sim, "PATCH", 150);
    let run = place.start(&["run"]);
    eventually("full windows", || sim.ledger().len() >= 50);
    (place, sim, before, run)
}

#[test]
fn with_full_lanes_it_ends_in_order_and_the_next_process_goes_on_at_once() {
    for signal in ["TERM", "INT"] {
        let (place, sim, before, run) = full_lanes();
        run.signal(signal);
        run.end_within(SOON).code(0).says("stopping").says("stopped");
        assert_eq!(std::fs::read_to_string(place.path("state/crosstie.db-lock")).unwrap(), "");
        assert_eq!(unanswered(&place), 0, "what was under way was not waited for");
        assert_log_matches(&place, &sim, false);
        no_window_was_over(&sim);
        let last = runs(&place).pop().unwrap();
        assert_eq!(last["exit_code"], 4, "{last}");
        assert!(last["summary"]["waiting"].as_u64().unwrap() > 20, "{last}");
        // No tick is due for years: it goes on because the last one was cut short.
        sim.clear_faults();
        let wide = limits(&sim, 3_000, 150);
        configure(&place, &sim, SELDOM, &wide);
        let run = place.start(&["run"]);
        until_ended(&run, 1);
        stop(&place, run);
        assert_mesh(&sim, &before);
        assert_log_matches(&place, &sim, false);
        place.run(&["plan"]).code(0);
    }
}

#[test]
fn beside_a_tenant_that_hangs_it_ends_soon_and_its_last_writes_are_found_out_later() {
    for kind in ["patch", "invite", "delta"] {
        let (place, sim) = school(60, SELDOM);
        let before = sim.everybody();
        sim.fault("west", &json!({ "kind": kind, "effect": { "do": "hang", "applied": true } }));
        let run = place.start(&["run"]);
        if kind == "delta" {
            eventually("writes of the others", || sim.ledger().len() > 10);
        } else {
            let hangs = |w: &Value| w["tenant"] == "west" && w["kind"] == kind;
            eventually("a write that is not answered", || sim.ledger().iter().any(hangs));
        }
        stop(&place, run);
        assert_eq!(unanswered(&place) > 0, kind != "delta", "an answer that never came was not kept as a question");
        sim.clear_faults();
        let run = place.start(&["run"]);
        until_ended(&run, 1);
        stop(&place, run);
        place.run(&["plan"]).code(0);
        assert_eq!(unanswered(&place), 0);
        assert_mesh(&sim, &before);
        assert_log_matches(&place, &sim, false);
    }
}

#[test]
fn a_signal_while_it_stops_already_is_neither_lost_nor_deadly() {
    let hanging = || {
        let (place, sim) = school(30, SELDOM);
        sim.fault("west", &json!({ "method": "PATCH", "effect": { "do": "hang", "applied": true } }));
        let run = place.start(&["run"]);
        eventually("a write that is not answered", || {
            sim.ledger().iter().any(|w| w["tenant"] == "west" && w["method"] == "PATCH")
        });
        (place, sim, run)
    };
    // People press Ctrl-C twice; it must not be killed in the middle of a record.
    let (place, _sim, run) = hanging();
    run.signal("INT");
    until_said(&run, "stopping");
    run.signal("INT");
    run.signal("TERM");
    run.end_within(SOON).code(0).says("stopped");
    place.run(&["log", "verify"]).code(0);
    // A reload waits for what is under way as well, and the order to stop comes meanwhile.
    let (place, _sim, run) = hanging();
    run.signal("HUP");
    until_said(&run, "stopping");
    stop(&place, run);
    place.run(&["log", "verify"]).code(0);
}

#[test]
fn idle_it_ends_at_once() {
    let (place, _sim) = school(30, SELDOM);
    let run = place.start(&["-vv", "run"]);
    until_said(&run, "waiting for the next cycle");
    pause(50);
    stop(&place, run);
}

#[test]
fn once_that_is_stopped_has_not_done_what_it_was_to_do() {
    let (place, sim) = school(90, SELDOM);
    slow(&sim, "PATCH", 150);
    let run = place.start(&["run", "--once"]);
    eventually("some writes", || sim.ledger().len() > 10);
    run.signal("TERM");
    run.end_within(SOON).code(1);
    assert_log_matches(&place, &sim, false);
}
