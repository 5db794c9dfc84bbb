//! Do some hundreds of seeds hold every law, and is one seed one history?

use crate::fault::Counts;
use crate::generate::history;
use crate::operation::History;
use crate::play::play;
use crate::shrink::shrink;

/// Seeds of the smoke set, over all parts.
const SEEDS: u64 = 200;

fn smoke(part: u64, parts: u64) {
    let mut struck = Counts::default();
    for seed in (1..=SEEDS).filter(|s| s % parts == part) {
        let history = history(seed);
        let outcome = play(&history);
        struck.extend(&outcome.struck);
        if let Some(broken) = outcome.broken {
            let (small, smaller) = shrink(&history, &broken.law);
            panic!("seed {seed}, step {}: {} {}\n\n{small}\n{smaller:#?}", broken.step, broken.law, broken.what);
        }
    }
}

#[test]
fn even_seeds_hold_every_law() {
    smoke(0, 2);
}
#[test]
fn odd_seeds_hold_every_law() {
    smoke(1, 2);
}

#[test]
fn one_seed_is_one_history_byte_for_byte() {
    for seed in 1..=6 {
        let text = history(seed).to_string();
        let again: History = text.parse().unwrap();
        assert_eq!(again, history(seed), "a history reads back as it was written");
        let (first, second) = (play(&again), play(&again));
        assert!(!first.transcript.is_empty());
        assert_eq!(first.transcript, second.transcript, "seed {seed}");
        assert_eq!(first.struck, second.struck);
    }
}
