//! What is left when the process dies, or its store fails, at any moment whatever? Here in a world of two tenants;
//! `cargo bench --bench kills` tries all of it in one of three.

use super::knife::{Lasting, Strike};
use super::small_world::{SmallWorld, TWO, Tally, everywhere};

/// Struck at each of these; answers what came of it.
fn at_every(strike: impl Fn(u32) -> Strike) -> Tally {
    let tally = everywhere(TWO, strike, (1, 1));
    eprintln!("{tally:?}");
    tally
}

#[test]
fn killed_at_every_exchange_the_next_run_goes_on() {
    assert!(at_every(Strike::Exchange).points > 30);
}

#[test]
fn killed_at_every_commit_the_next_run_goes_on() {
    assert!(at_every(Strike::Commit).points > 30);
}

#[test]
fn a_statement_that_fails() {
    let tally = everywhere(TWO, |n| Strike::Statement(n, Lasting::Once), (1, 41));
    eprintln!("{tally:?}");
}
#[test]
fn a_statement_that_fails_forever() {
    let tally = everywhere(TWO, |n| Strike::Statement(n, Lasting::ForEver), (1, 41));
    eprintln!("{tally:?}");
}
#[test]
fn refusal() {
    let tally = everywhere(TWO, |n| Strike::Refusal(n, Lasting::Once), (1, 3));
    eprintln!("{tally:?}");
    let tally = everywhere(TWO, |n| Strike::Refusal(n, Lasting::ForEver), (1, 3));
    eprintln!("{tally:?}");
}
#[test]
fn locked() {
    let tally = everywhere(TWO, |n| Strike::Locked(n, Lasting::Once), (1, 41));
    eprintln!("{tally:?}");
    let tally = everywhere(TWO, |n| Strike::Locked(n, Lasting::ForEver), (1, 41));
    eprintln!("{tally:?}");
}
#[test]
fn room() {
    let tally = everywhere(TWO, Strike::Room, (1, 1));
    eprintln!("{tally:?}");
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
