//! What is the shortest history that still breaks the same law?

use crate::operation::History;
use crate::play::{Broken, play};

/// Plays that a shrinking may take: some seconds.
const PLAYS_MAX: u32 = 600;

/// Delta debugging over the list of operations.
pub(crate) fn shrink(history: &History, law: &str) -> (History, Option<Broken>) {
    let (mut best, mut plays) = (history.clone(), 0);
    let mut broken = None;
    let mut size = best.operations.len().div_ceil(2).max(1);
    loop {
        let (mut from, mut smaller) = (0, false);
        while from < best.operations.len() && plays < PLAYS_MAX {
            let mut tried = best.clone();
            tried.operations.drain(from..(from + size).min(best.operations.len()));
            plays += 1;
            match play(&tried).broken.filter(|b| b.law == law) {
                Some(found) => {
                    (best, broken, smaller) = (tried, Some(found), true);
                }
                None => from += size,
            }
        }
        if plays >= PLAYS_MAX || (size == 1 && !smaller) {
            return (best, broken);
        }
        size = size.div_ceil(2).max(1);
    }
}
