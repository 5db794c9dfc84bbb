//! Can a run be killed at any instant, and the next one goes on?

use super::kills::{Killed, Lag, School, killed};

const SCHOOL: School = School { page_size: 3, seed: 11, kills: 9, slow_millis: 0, lag: Lag::None };

/// The kills met what they were meant to meet.
#[track_caller]
fn assert_hit(killed: Killed, alive: usize) {
    assert!(killed.alive >= alive, "too few kills found the process alive: {killed:?}");
}

#[test]
fn kill_9_loses_and_doubles_nothing_on_tiny_pages() {
    assert_hit(killed(SCHOOL), 5);
}

#[test]
fn kill_9_loses_and_doubles_nothing_between_writes_and_their_answers() {
    let killed = killed(School { page_size: 100, seed: 12, slow_millis: 60, ..SCHOOL });
    assert_hit(killed, 6);
    assert!(killed.mid_write >= 3, "too few kills fell between a write and its answer: {killed:?}");
}

#[test]
fn kill_9_loses_and_doubles_nothing_where_changes_show_late() {
    assert_hit(killed(School { page_size: 20, seed: 13, kills: 5, slow_millis: 30, lag: Lag::Changes }), 3);
}

#[test]
fn kill_9_loses_and_doubles_nothing_where_accounts_show_late() {
    assert_hit(killed(School { page_size: 7, seed: 14, kills: 5, slow_millis: 30, lag: Lag::Accounts }), 3);
}
