//! What happens where two processes meet at one store?

use serde_json::json;

use super::support::{Place, TENANTS, assert_log_matches, eventually, files};

#[test]
fn a_second_sync_says_who_is_at_work_and_readers_are_let_in() {
    let (place, sim) = Place::school(90);
    for tenant in TENANTS {
        sim.fault(tenant, &json!({ "method": "PATCH", "effect": { "do": "delay", "millis": 150 } }));
    }
    let mut first = place.start(&["sync"]);
    eventually("the first write", || !sim.ledger().is_empty());
    let who = format!("process {}", first.id());
    for _ in 0..2 {
        place.run(&["sync"]).code(1).says("in use by another crosstie").says(&who);
    }
    place.run(&["status"]).code(0);
    place.run(&["log", "verify"]).code(0);
    place.run(&["log", "--format", "jsonl"]).code(0).lines();
    place.run(&["plan", "--offline"]);
    let plan = place.run(&["plan"]);
    assert!(matches!(plan.code, Some(0 | 2)), "{plan:?}");
    assert!(!first.has_ended(), "too quick to be disturbed");
    first.end().code(0);
    place.settle();
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_lock_whose_holder_is_dead_is_no_lock() {
    let (place, sim) = Place::school(30);
    let sync = place.start(&["sync"]);
    eventually("the first write", || !sim.ledger().is_empty());
    sync.kill();
    assert!(place.path("state/crosstie.db-lock").exists());
    place.settle();
}

#[test]
fn files_of_the_store_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, sim) = Place::school(30);
    for tenant in TENANTS {
        sim.fault(tenant, &json!({ "method": "PATCH", "effect": { "do": "delay", "millis": 100 } }));
    }
    let private = |wanted: &[&str]| {
        let all = files(&place.path("state"));
        for path in all.keys() {
            let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{} has mode {mode:o}", path.display());
        }
        for name in wanted {
            assert!(all.keys().any(|p| p.ends_with(name)), "no {name}");
        }
    };
    let sync = place.start(&["sync"]);
    eventually("the first write", || !sim.ledger().is_empty());
    private(&["crosstie.db", "crosstie.db-wal", "crosstie.db-shm", "crosstie.db-lock"]);
    sync.end().code(0);
    place.run(&["plan", "--out", "state/plan.jsonl"]).code(0);
    private(&["crosstie.db", "plan.jsonl"]);
}
