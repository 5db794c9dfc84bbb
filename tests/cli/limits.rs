//! What happens where the machine has fewer open files, threads or less memory to give than asked for? Whatever is begun ends
//! well or says why; nothing is lost, and without the limit it goes on.

#![allow(clippy::print_stdout, reason = "figures")]

use std::process::Command;

use serde_json::json;

use super::support::{Done, Place, Running, Sim, TENANTS, assert_log_matches, assert_mesh, crosstie, eventually};

/// Room for what a shell sets before it becomes the program.
fn under(place: &Place, limit: &str, verb: &str) -> Done {
    let program = crosstie().get_program().display().to_string();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limit} exec '{program}' {verb}")).current_dir(place.folder.path());
    Running::start(shell).end()
}

/// Everything that the tenants saw is in the log or asked, and the next runs bring everybody to where they should be.
fn goes_on(place: &Place, sim: &Sim, before: &std::collections::BTreeMap<String, Vec<serde_json::Value>>) {
    let status = place.run(&["status", "--format", "json"]).code(0).json();
    let unanswered = status["tenants"].as_array().unwrap().iter();
    let unanswered: u64 = unanswered.map(|t| t["unanswered"].as_u64().unwrap()).sum();
    let known = place.log().iter().filter(|e| e["request_id"] != json!("")).count() as u64;
    assert!(sim.ledger().len() as u64 <= known + unanswered, "wrote what it could not remember");
    place.settle();
    assert_mesh(sim, before);
    assert_log_matches(place, sim, false);
}

/// So that there is a middle to be caught in.
fn slow(sim: &Sim) {
    let slow = json!({ "method": "PATCH", "effect": { "do": "delay", "millis": 30 } });
    TENANTS.iter().for_each(|tenant| sim.fault(tenant, &slow));
}

#[test]
fn with_too_few_open_files_nothing_begins_and_it_says_so() {
    let (place, sim) = Place::school(30);
    for files in [8, 16, 63] {
        for verb in ["sync", "plan"] {
            under(&place, &format!("ulimit -n {files};"), verb)
                .code(1)
                .says(&format!("only {files} files may be open"))
                .says("hint: ");
        }
    }
    assert!(sim.ledger().is_empty() && !place.db().exists());
    println!("limits: 6 starts with too few open files, all refused");
    // What is needed at least is enough.
    under(&place, "ulimit -n 64;", "sync").code(0);
    // A limit that may be raised is raised.
    under(&place, "ulimit -S -n 16;", "plan").code(0);
}

#[test]
fn without_a_thread_nothing_begins_and_it_says_so() {
    let (place, sim) = Place::school(30);
    // No machine has so much room for a stack.
    for verb in ["sync", "plan"] {
        let done = under(&place, "RUST_MIN_STACK=100000000000000", verb).code(1).says("refuses a thread");
        assert!(!done.err.contains("panicked"), "{}", done.err);
    }
    assert!(sim.ledger().is_empty());
    println!("limits: 2 starts without a thread, both refused");
    place.run(&["sync"]).code(0);
}

/// Limits that come while it works: connections, and files of the store, cannot be opened any more. Nothing but that ends
/// the run early: what it could not reach is given up for this cycle.
#[test]
fn when_files_run_out_in_the_middle_it_ends_well_and_goes_on() {
    let mut struck = 0;
    for (files, seed) in [(3, "1"), (12, "2"), (20, "3")] {
        let (place, sim) = Place::school_with(60, &["--seed", seed]);
        let before = sim.everybody();
        slow(&sim);
        let sync = place.start(&["sync"]);
        eventually("writes", || sim.ledger().len() >= 6);
        let limit = format!("--nofile={files}:");
        assert!(Command::new("prlimit").args([&limit, "--pid", &sync.id().to_string()]).status().unwrap().success());
        // Connections that are open stay so: they are closed from the other side, and others have to be opened.
        let closes = json!({ "method": "PATCH", "effect": { "do": "drop", "applied": false } });
        TENANTS.iter().for_each(|tenant| sim.fault(tenant, &closes));
        let done = sync.end();
        assert!(matches!(done.code, Some(0 | 1 | 4)) && !done.err.contains("panicked"), "{done:?}");
        struck += u32::from(done.err.contains("Too many open files"));
        sim.clear_faults();
        goes_on(&place, &sim, &before);
    }
    assert!(struck > 0, "no limit was felt");
    println!("limits: open files taken away in the middle of 3 runs, felt by {struck}, nothing lost");
}

/// Memory that is not to be had ends a process on the spot: that is one more way to be killed.
#[test]
fn when_memory_runs_out_in_the_middle_nothing_is_lost() {
    let (mut ended, mut through) = (0, 0);
    for percent in [100, 101, 130, 400] {
        let (place, sim) = Place::school(60);
        let before = sim.everybody();
        slow(&sim);
        let sync = place.start(&["sync"]);
        eventually("writes", || sim.ledger().len() >= 6);
        let status = std::fs::read_to_string(format!("/proc/{}/status", sync.id())).unwrap();
        let size = status.lines().find_map(|l| l.strip_prefix("VmSize:")).unwrap();
        let bytes = size.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1_024 * percent / 100;
        let limit = format!("--as={bytes}:");
        assert!(Command::new("prlimit").args([&limit, "--pid", &sync.id().to_string()]).status().unwrap().success());
        let done = sync.end();
        assert!(!done.err.contains("panicked"), "{done:?}");
        match done.code {
            Some(0) => through += 1,
            Some(1 | 4) => ended += 1,
            None => {
                assert!(done.err.contains("memory allocation of"), "{done:?}");
                ended += 1;
            }
            other => panic!("{other:?}: {done:?}"),
        }
        sim.clear_faults();
        goes_on(&place, &sim, &before);
    }
    assert!(
        through >= 1 && ended >= 1,
        "{ended} ended early and {through} went through: no limit was felt, or none was wide"
    );
    println!(
        "limits: memory taken away in the middle of 4 runs: {ended} ended early, {through} went through, nothing lost"
    );
}
