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
    // 512-byte blocks in sh, a soft limit that can be lifted later: room for the readings, not for all of the writes.
    let program = assert_cmd::cargo::cargo_bin!("crosstie").display().to_string();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -S -f 900; exec '{program}' run"));
    shell.current_dir(place.folder.path());
    let mut run = Running::start(shell);
    until_said(&run, "the cycle ended early");
    let written = sim.ledger().len();
    assert!(written > 0, "the limit never struck in the middle of the writes");
    eventually("another try", || {
        lines_with(&run, "the cycle ended early") >= 2 || lines_with(&run, "trying again") >= 1
    });
    assert!(!run.has_ended(), "{}", run.said());
    assert!(run.said().contains("is the disk full"), "{}", run.said());
    let lifted = Command::new("prlimit").args(["--fsize=unlimited:unlimited", "--pid", &run.id().to_string()]).status();
    assert!(lifted.unwrap().success());
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
    place.start(&["run", "--once"]).end_within(SOON * 2).code(1).says("no room");
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
