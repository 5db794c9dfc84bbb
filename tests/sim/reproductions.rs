//! Which faults were found by a seed, and what is the shortest history of each?

use crate::operation::History;
use crate::play::play;

fn holds(text: &str) {
    let history: History = text.parse().unwrap();
    let broken = play(&history).broken;
    assert_eq!(broken, None, "{history}");
}

/// A 503 without the tenant's own words was taken for "did nothing", and the log said `failed` of a delete that happened.
#[test]
fn a_front_door_that_is_unavailable_says_nothing_of_the_write() {
    for body in ["html", "empty"] {
        holds(&format!(
            "world seed=47 tenants=2 hub=false one_app=false tight=false rules=0
             add t=1 p=0
             cycle
             soft-delete t=1 p=0
             refuse t=0 on=delete status=503 times=1 body={body} applied=true
             cycle"
        ));
    }
}
