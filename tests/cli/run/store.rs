//! What does a schedule do while its store cannot be written? It stays, says so, and goes on when that is over.

use std::process::Command;

use super::*;

fn sql(place: &Place, sql: &str) {
    rusqlite::Connection::open(place.db()).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn on_a_full_disk_it_stays_and_goes_on_when_there_is_room() {
    let (place, sim) = school(90, OFTEN);
    let before = sim.everybody();
    slow(&sim, "PATCH", 50);
    let program = assert_cmd::cargo::cargo_bin!("crosstie").display().to_string();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("trap '' XFSZ; exec '{program}' run")).current_dir(place.folder.path());
    let mut run = Running::start(shell);
    // A limit on the size of files stands for a full disk. The store is larger by now, and the log of a test smaller.
    let room = |bytes: &str| {
        let set = Command::new("prlimit").args([&format!("--fsize={bytes}:"), "--pid", &run.id().to_string()]).status();
        assert!(set.unwrap().success());
    };
    eventually("writes", || sim.ledger().len() >= 10);
    room("131072");
    until_said(&run, "the cycle ended early");
    eventually("more tries", || lines_with(&run, "trying again soon") >= 2);
    room("unlimited");
    assert!(!run.has_ended(), "{}", run.said());
    assert!(run.said().contains("is the disk full"), "{}", run.said());
    until_said(&run, "the cycle has ended");
    let ended = lines_with(&run, "the cycle has ended");
    until_ended(&run, ended + 1);
    let done = stop(&place, run);
    assert!(!done.err.contains("panicked"), "{}", done.err);
    place.settle();
    assert_mesh(&sim, &before);
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_cycle_that_cannot_even_begin_is_tried_again_soon_and_keeps_nobody_from_stopping() {
    let (place, sim) = school(30, OFTEN);
    place.settle();
    sql(&place, "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'no room'); END;");
    let mover = promote(&sim, "north", "Dean");
    let run = place.start(&["run"]);
    eventually("two tries", || lines_with(&run, "no room") >= 2);
    sql(&place, "DROP TRIGGER full;");
    eventually("the promotion", || has_title(&sim, "south", &mover, "Dean"));
    sql(&place, "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'no room'); END;");
    let before = lines_with(&run, "no room");
    eventually("more tries", || lines_with(&run, "no room") >= before + 2);
    stop(&place, run);
    sql(&place, "DROP TRIGGER full;");
    assert_log_matches(&place, &sim, false);
}

#[test]
fn once_says_at_once_that_it_cannot_begin() {
    let (place, _sim) = school(30, SELDOM);
    place.settle();
    sql(&place, "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'no room'); END;");
    let done = place.start(&["run", "--once"]).end_within(SOON * 2).code(1).says("no room");
    assert!(!done.err.contains("trying again"), "{}", done.err);
}

#[test]
fn writes_that_cannot_be_recorded_end_the_cycle_and_not_the_process() {
    let (place, sim) = school(60, OFTEN);
    place.settle();
    sql(&place, "CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'no room'); END;");
    let mover = promote(&sim, "north", "Dean");
    let run = place.start(&["run"]);
    eventually("two cycles", || lines_with(&run, "the cycle ended early") >= 2);
    let line = run.said().lines().find(|l| l.contains("the cycle ended early")).unwrap().to_owned();
    assert!(line.contains("run{id=2}") && line.contains("ERROR") && line.contains("no room"), "{line}");
    sql(&place, "DROP TRIGGER full;");
    eventually("the end of it", || lines_with(&run, "the cycle has ended") >= 1);
    assert!(has_title(&sim, "south", &mover, "Dean"));
    stop(&place, run);
    assert_log_matches(&place, &sim, false);
    assert_eq!(unanswered(&place), 0);
}
