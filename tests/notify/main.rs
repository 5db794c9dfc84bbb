//! Is everybody told, in order, signed, and without holding anything up?
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "real processes need real time, and receivers that are no part of them threads"
)]

mod delivery;
mod page;
mod receiver;
mod refusals;
mod stories;
#[path = "../cli/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the command line, which need more of it")]
mod support;
