//! What happens where two processes meet at one store?

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::support::{Place, Running, Sim, TENANTS, assert_log_matches, eventually, files, text};

#[test]
fn a_second_sync_says_who_is_at_work_and_readers_are_let_in() {
    let (place, sim) = Place::school(90);
    for tenant in TENANTS {
        sim.fault(tenant, &json!({ "method": "PATCH", "effect": { "do": "delay", "millis": 1_500 } }));
    }
    let mut first = place.command(&["sync"]);
    first.env("USER", "ada");
    let mut first = Running::start(first);
    eventually("the first write", || !sim.ledger().is_empty());
    let who = format!("ada@{}, process {}, sync since 20", host(), first.id());
    for _ in 0..2 {
        place.run(&["sync"]).code(1).says("in use by another crosstie").says(&who);
        // A person cannot declare a process dead that is not.
        place.run(&["sync", "--take-over"]).code(1).says(&who);
    }
    place.run(&["status"]).code(0);
    place.run(&["log", "verify"]).code(0);
    place.run(&["log", "--format", "jsonl"]).code(0).lines();
    place.run(&["plan", "--offline"]);
    let plan = place.run(&["plan"]);
    assert!(matches!(plan.code, Some(0 | 2)), "{plan:?}");
    assert!(!first.has_ended(), "too quick to be disturbed");
    // It need not be slow any more.
    sim.clear_faults();
    first.end().code(0);
    place.settle();
    assert_log_matches(&place, &sim, false);
}

/// As the program is told it.
fn host() -> String {
    let told = std::process::Command::new("uname").arg("-n").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}
fn sql(place: &Place, sql: &str) {
    assert_eq!(rusqlite::Connection::open(place.db()).unwrap().execute(sql, []).unwrap(), 1, "{sql}");
}
/// Every file of the store, without the marks that readers make for each other and that mean nothing afterwards.
fn kept(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    place.state().into_iter().filter(|(path, _)| !path.display().to_string().ends_with("-shm")).collect()
}
/// A sync that is killed in the middle of its writes.
fn killed(place: &Place, sim: &Sim) {
    let before = sim.ledger().len();
    for tenant in TENANTS {
        sim.fault(tenant, &json!({ "method": "PATCH", "effect": { "do": "delay", "millis": 150 } }));
    }
    let sync = place.start(&["sync"]);
    eventually("a write", || sim.ledger().len() > before);
    sync.kill();
    sim.clear_faults();
}

#[test]
fn a_lock_whose_holder_is_dead_is_no_lock() {
    let (place, sim) = Place::school(60);
    killed(&place, &sim);
    let line = std::fs::read_to_string(place.path("state/crosstie.db-lock")).unwrap();
    assert!(line.contains("sync since 20"), "{line}");
    // Who only looks finds the row of the dead, and leaves it to the next writer.
    let before = kept(&place);
    place.run(&["plan", "--offline"]);
    place.run(&["plan"]).code(2);
    place.run(&["status"]).code(0);
    assert!(kept(&place) == before, "looking has changed the store");
    let done = place.run(&["sync"]).code(0).says("did not end in order").says("its process died");
    assert!(done.err.contains(line.trim()), "{}", done.err);
    assert_eq!(std::fs::read_to_string(place.path("state/crosstie.db-lock")).unwrap(), "");
    let done = place.run(&["sync"]).code(0);
    assert!(!done.err.contains("did not end"), "{}", done.err);
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_restart_of_the_machine_is_told_from_a_process_that_died() {
    let (place, sim) = Place::school(60);
    killed(&place, &sim);
    sql(&place, "UPDATE meta SET value = json_set(value, '$.boot', 'an earlier one') WHERE name = 'writer'");
    place.run(&["sync"]).code(0).says("its machine was restarted");
    place.settle();
}

#[test]
fn a_writer_on_another_machine_keeps_everybody_out_until_it_was_silent_for_long_or_is_declared_gone() {
    let (place, sim) = Place::school(60);
    let elsewhere =
        "UPDATE meta SET value = json_set(value, '$.boot', 'theirs', '$.host', 'vm8') WHERE name = 'writer'";
    killed(&place, &sim);
    sql(&place, elsewhere);
    let (before, asked) = (kept(&place), sim.ledger().len());
    place.run(&["sync"]).code(1).says("on another machine").says("@vm8, process").says("crosstie sync --take-over");
    assert!(kept(&place) == before, "being refused has changed the store");
    assert_eq!(sim.ledger().len(), asked);
    place.run(&["status"]).code(0);
    place.run(&["plan"]).code(2);
    place.run(&["sync", "--take-over"]).code(0).says("taken over as asked");
    place.settle();

    let user = sim.staff("north")[0]["id"].as_str().unwrap().to_owned();
    sim.edit("north", &user, &json!({ "jobTitle": "Writer" }));
    killed(&place, &sim);
    sql(&place, elsewhere);
    sql(&place, "UPDATE meta SET value = json_set(value, '$.seen', '2026-01-01T00:00:00Z') WHERE name = 'writer'");
    place.run(&["sync"]).code(0).says("no sign of life for").says("@vm8, process");
    place.settle();
    assert_log_matches(&place, &sim, false);
}

/// Each sync opens the store, writes it, tidies it up and closes it: every moment of that is met by somebody who looks.
#[test]
fn whoever_only_looks_is_let_in_at_any_moment_of_a_writer() {
    let (place, sim) = Place::school(60);
    place.settle();
    let people: Vec<String> = sim.staff("north").iter().take(6).map(|u| text(u, "id").to_owned()).collect();
    let name = text(&sim.staff("north")[0], "userPrincipalName").to_owned();
    let over = AtomicBool::new(false);
    let looked = AtomicUsize::new(0);
    let verbs: [&[&str]; 5] = [
        &["status", "--format", "json"],
        &["log", "verify"],
        &["plan", "--offline"],
        &["log", "--format", "jsonl"],
        &["explain", &name, "--offline"],
    ];
    std::thread::scope(|threads| {
        let (over, looked, verbs, place) = (&over, &looked, &verbs, &place);
        threads.spawn(move || {
            while !over.load(Ordering::SeqCst) {
                for verb in verbs {
                    let done = place.run(verb);
                    assert!(matches!(done.code, Some(0 | 2)), "{verb:?}: {done:?}");
                    looked.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        // A look that failed ends its thread, and is told when all have ended.
        let mut round = 0;
        while looked.load(Ordering::SeqCst) < 60 && round < 60 {
            round += 1;
            for id in &people {
                sim.edit("north", id, &json!({ "department": format!("Department {round}") }));
            }
            place.run(&["sync"]).code(0);
        }
        over.store(true, Ordering::SeqCst);
    });
    place.settle();
    assert_log_matches(&place, &sim, false);
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
