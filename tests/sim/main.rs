//! Does everything hold in histories that nobody thought of? One seed is one history, byte for byte.
//!
//! `cargo test --test sim` plays a smoke set; `cargo run --release --example simulate -- --seeds N --jobs 2` as many as
//! wanted.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test that calls them")]
#![allow(dead_code, reason = "the bench is shared with the tests of single cycles")]

mod act;
#[path = "../cycle/bench.rs"]
mod bench;
mod between;
mod fault;
mod generate;
mod laws;
mod operation;
mod play;
mod reference;
mod remembered;
mod report;
mod reproductions;
mod shape;
mod shrink;
mod smoke;
