//! Does the store keep what it must, whole or not at all? Real files, a real second look at them, and a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "modules of a test")]

mod bench;
mod erasures;
mod facts;
mod files;
mod keys;
mod log;
mod marks;
mod outbox;
mod pages;
mod person;
mod selections;
mod standing;
mod suspects;
mod upgrade;
mod writers;
mod writes;
