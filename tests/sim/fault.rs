//! Which classes of faults are there, how often did each strike, and where are those tried that only processes can have?

use std::collections::BTreeMap;

/// F1 … F28 of the fault matrix, by number.
pub(crate) type Class = u8;

/// What each class is called.
pub(crate) const CLASSES: [(Class, &str); 28] = [
    (1, "death before or after an exchange"),
    (2, "asked to stop in mid-run"),
    (3, "429, outer and in a batch, with any Retry-After"),
    (4, "5xx, HTML, empty, 200 with an error"),
    (5, "answer lost, before or after the write"),
    (6, "slow, hanging, endless"),
    (7, "malformed JSON"),
    (8, "watermark expired, in every shape"),
    (9, "pages repeated, replayed, reordered, empty, looping"),
    (10, "links and redirects that lead away"),
    (11, "401, void tokens, another tenant's token"),
    (12, "403, invitations forbidden"),
    (13, "a home that shows nobody, a rule that takes nobody"),
    (14, "one address, two owners"),
    (15, "the life of a person at home"),
    (16, "the target's admin at an account"),
    (17, "replication lag"),
    (18, "batch answers: missing, extra, twice, reordered"),
    (19, "another app, lowered limits"),
    (20, "clock jumps"),
    (21, "a damaged store"),
    (22, "an older store, no store"),
    (23, "two writers"),
    (24, "limits on memory, files, threads"),
    (25, "hostile values"),
    (26, "bad configurations"),
    (27, "a forged change log"),
    (28, "rules edited between and within runs"),
];

/// Classes that a history in one process cannot have, with the tests that strike with them.
pub(crate) const ELSEWHERE: [(Class, &str); 1] = [(24, "tests/cli/limits.rs")];

/// How often each class struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) BTreeMap<Class, u64>);

impl Counts {
    pub(crate) fn add(&mut self, class: Class, times: u64) {
        if times > 0 {
            *self.0.entry(class).or_default() += times;
        }
    }
    pub(crate) fn extend(&mut self, other: &Counts) {
        other.0.iter().for_each(|(class, times)| self.add(*class, *times));
    }
    /// Classes that never struck and should have.
    pub(crate) fn missing(&self) -> Vec<Class> {
        let expected = |c: &Class| ELSEWHERE.iter().all(|(held, _)| held != c);
        CLASSES.iter().map(|(c, _)| *c).filter(expected).filter(|c| !self.0.contains_key(c)).collect()
    }
}
