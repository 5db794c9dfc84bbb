//! What is left when the process dies, or its store fails, at any moment whatever? Here in a world of two tenants, and of
//! failing statements a sample; `cargo bench --bench kills` tries every one of them, in a world of three.

use super::knife::{Lasting, Strike};
use super::small_world::{SmallWorld, THREE, TWO, Tally, everywhere};

/// Of statements and commits that fail one in so many is tried here: a prime, so that no loop's pace hides behind it.
const SAMPLE: u32 = 43;
const REFUSED_SAMPLE: u32 = 7;
/// In a transaction that has begun to write nobody else can hold the file: most of these strike nothing.
const LOCKED_SAMPLE: u32 = 11;

/// Struck at each of these, once and for ever.
fn failing(strike: impl Fn(u32, Lasting) -> Strike, sample: u32) -> [Tally; 2] {
    // Not the same ones both times.
    [(Lasting::Once, 1), (Lasting::ForEver, 2)]
        .map(|(lasting, first)| everywhere(TWO, |n| strike(n, lasting), (first, sample)))
}

#[test]
fn killed_at_every_exchange_the_next_run_goes_on() {
    let tried = everywhere(TWO, Strike::Exchange, (1, 1));
    assert!(tried.points > 30 && tried.open > 30, "{tried:?}");
}

#[test]
fn killed_at_every_commit_before_it_the_next_run_goes_on() {
    let tried = everywhere(THREE, Strike::Commit, (1, 2));
    assert!(tried.points > 40 && tried.open > 20, "{tried:?}");
}

#[test]
fn killed_at_every_commit_after_it_the_next_run_goes_on() {
    let tried = everywhere(THREE, Strike::Commit, (2, 2));
    assert!(tried.points > 40 && tried.open > 20, "{tried:?}");
}

#[test]
fn a_statement_that_fails_ends_the_run_and_the_next_one_goes_on() {
    let [once, for_ever] = failing(Strike::Statement, SAMPLE);
    assert!(once.gave_up > 10 && for_ever.gave_up == for_ever.points, "{once:?} {for_ever:?}");
}

#[test]
fn a_commit_that_fails_ends_the_run_and_the_next_one_goes_on() {
    let [once, for_ever] = failing(Strike::Refusal, REFUSED_SAMPLE);
    assert!(once.gave_up == once.points && for_ever.gave_up == for_ever.points, "{once:?} {for_ever:?}");
}

#[test]
fn a_file_that_another_program_holds_ends_the_run_and_the_next_one_goes_on() {
    let [once, for_ever] = failing(Strike::Locked, LOCKED_SAMPLE);
    assert!(once.gave_up > 0 && for_ever.gave_up > 10, "{once:?} {for_ever:?}");
}

#[test]
fn a_disk_that_is_full_ends_the_run_and_the_next_one_goes_on() {
    let tried = everywhere(TWO, Strike::Room, (1, 1));
    assert!(tried.points > 2 && tried.gave_up == tried.points, "{tried:?}");
}

#[tokio::test(start_paused = true)]
async fn killed_again_and_again_it_still_arrives() {
    for step in [3, 5, 7, 11] {
        let world = SmallWorld::new(TWO).await;
        let mut runs = 0;
        while world.bench.killed_sync(step + runs).await.is_none() {
            runs += 1;
            assert!(runs < 200, "killed every {step} half-exchanges, it does not arrive");
        }
        world.judge().await;
    }
}
