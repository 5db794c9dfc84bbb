//! What becomes of a file that is no store, a sick one, or of a place where nothing can be kept?

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::support::{Place, Running, Sim, assert_log_matches, assert_mesh};

const VERBS: [&[&str]; 6] = [&["sync"], &["plan"], &["plan", "--offline"], &["status"], &["log"], &["log", "verify"]];

/// Every verb says what is wrong, leaves the file as it is, and asks nobody.
fn refused(place: &Place, sim: &Sim, part: &str) {
    let (before, asked) = (std::fs::read(place.db()).unwrap(), sim.seq());
    for verb in VERBS {
        let done = place.run(verb).code(1).says(part).says("crosstie.db");
        assert!(!done.err.contains("panicked"), "{}", done.err);
        assert!(std::fs::read(place.db()).unwrap() == before, "{verb:?} changed the file");
    }
    assert_eq!(sim.seq(), asked, "wrote to a tenant");
}

fn database(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn a_file_that_is_no_store_is_refused_and_untouched() {
    let (place, sim) = Place::school(30);
    std::fs::write(place.db(), "Dear diary, this is no database.\n".repeat(200)).unwrap();
    refused(&place, &sim, "not a database");
    std::fs::remove_file(place.db()).unwrap();
    database(&place.db(), "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup');");
    refused(&place, &sim, "not a crosstie store");
}

#[test]
fn a_newer_store_is_refused_and_untouched() {
    let (place, sim) = Place::school(30);
    place.settle();
    database(&place.db(), "PRAGMA user_version = 99;");
    refused(&place, &sim, "schema version 99");
}

#[test]
fn a_store_that_lost_its_tail_is_an_error_and_nobody_is_written_to() {
    let (place, sim) = Place::school(30);
    place.settle();
    let bytes = std::fs::read(place.db()).unwrap();
    std::fs::write(place.db(), &bytes[..bytes.len() / 2]).unwrap();
    let seq = sim.seq();
    for verb in VERBS {
        let done = place.run(verb);
        assert!(!done.err.contains("panicked"), "{verb:?}: {}", done.err);
        if matches!(verb, ["sync"] | ["log", "verify"]) {
            done.code(1);
        }
    }
    assert_eq!(sim.seq(), seq);
}

#[test]
fn a_file_that_a_killed_first_run_left_empty_is_an_empty_store() {
    let (place, _sim) = Place::school(30);
    std::fs::write(place.db(), "").unwrap();
    place.run(&["status"]).code(0);
    place.run(&["log", "verify"]).code(0);
    place.run(&["plan"]).code(2);
    assert_eq!(std::fs::read(place.db()).unwrap(), b"");
    // The write-ahead mode is set before the tables are made: a file of one page and nothing in it.
    database(&place.db(), "PRAGMA journal_mode = wal;");
    place.run(&["plan"]).code(2);
    place.settle();
}

#[test]
fn a_name_that_moved_to_another_directory_is_refused() {
    let (place, sim) = Place::school(30);
    place.settle();
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write(
        "crosstie.toml",
        &config.replace("6f1c0d3e-0000-4000-8000-000000000002", "6f1c0d3e-0000-4000-8000-00000000000f"),
    );
    let seq = sim.seq();
    for verb in VERBS {
        place.run(verb).code(1).says("south").says("was directory");
    }
    assert_eq!(sim.seq(), seq);
}

#[test]
fn a_store_that_cannot_be_made_is_1_and_nobody_is_written_to() {
    let (place, sim) = Place::school(30);
    // Holds for whoever runs this, unlike the permissions of a folder.
    std::fs::remove_dir_all(place.path("state")).unwrap();
    place.write("state", "a file where the folder should be");
    place.run(&["sync"]).code(1).says("state/crosstie.db");
    std::fs::remove_file(place.path("state")).unwrap();
    place.run(&["sync"]).code(1).says("state/crosstie.db");
    std::fs::create_dir_all(place.path("state/crosstie.db-lock")).unwrap();
    place.run(&["sync"]).code(1).says("crosstie.db-lock");
    std::fs::create_dir_all(place.db()).unwrap();
    place.run(&["sync"]).code(64).says("is a folder");
    assert!(sim.ledger().is_empty());
}

/// A limit on the size of files stands for a full disk: every write beyond it fails.
#[test]
fn where_nothing_more_can_be_kept_nothing_more_is_written() {
    let (place, sim) = Place::school(90);
    let before = sim.everybody();
    let program = assert_cmd::cargo::cargo_bin!("crosstie").display().to_string();
    // 512-byte blocks in sh: room for the readings, not for all of the writes.
    for blocks in [300, 700, 1_000] {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' sync"));
        shell.current_dir(place.folder.path());
        let done = Running::start(shell).end();
        assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
        assert!(!done.err.contains("panicked"), "{}", done.err);
        if done.code == Some(1) {
            assert!(done.err.contains("crosstie.db") || done.err.contains("store"), "{}", done.err);
        }
        let status = place.run(&["status", "--format", "json"]).code(0).json();
        let unanswered = status["tenants"].as_array().unwrap().iter();
        let unanswered: u64 = unanswered.map(|t| t["unanswered"].as_u64().unwrap()).sum();
        let known = place.log().iter().filter(|e| e["request_id"] != json!("")).count() as u64;
        assert!(sim.ledger().len() as u64 <= known + unanswered, "wrote what it could not remember");
    }
    place.settle();
    assert_mesh(&sim, &before);
    assert_log_matches(&place, &sim, false);
}
