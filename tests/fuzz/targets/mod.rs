//! Which input from outside can be made up by somebody else, and what must hold of each, whatever stands in it?
//!
//! One target a file. A target is a plain function over bytes that panics where a law does not hold; it is driven by
//! `tests/fuzz/` (a few seconds in `cargo test`), by `examples/fuzz.rs` (for as long as one likes, with figures) and by
//! `fuzz/` (libFuzzer, which sees which lines are reached).
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "whoever drives takes what it needs; a law that does not hold ends it"
)]

pub mod answers;
pub mod config;
pub mod csv;
pub mod import;
pub mod link;
pub mod log;
pub mod page;
pub mod rules;

#[path = "../../expression_laws/mod.rs"]
mod expression_laws;

/// What becomes of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Tries its laws out; answers whether the input was taken for a sound one (or for a damaged file: whole).
    pub run: fn(&[u8]) -> bool,
    /// Pieces of its language, for whoever makes inputs up.
    pub words: &'static [&'static str],
}

/// Every target.
pub const ALL: [Target; 11] = [
    Target { name: "page", run: page::page, words: page::WORDS },
    Target { name: "batch", run: answers::batch, words: answers::BATCH_WORDS },
    Target { name: "error", run: answers::error, words: answers::ERROR_WORDS },
    Target { name: "token", run: answers::token, words: answers::TOKEN_WORDS },
    Target { name: "config", run: config::config, words: config::WORDS },
    Target { name: "rules", run: rules::rules, words: rules::WORDS },
    Target { name: "expression", run: expression_laws::tried_out, words: rules::EXPRESSION_WORDS },
    Target { name: "link", run: link::link, words: link::WORDS },
    Target { name: "log", run: log::log, words: log::WORDS },
    Target { name: "csv", run: csv::csv, words: csv::WORDS },
    Target { name: "import", run: import::import, words: import::WORDS },
];

/// The target of that name.
pub fn named(name: &str) -> Option<Target> {
    ALL.into_iter().find(|target| target.name == name)
}
