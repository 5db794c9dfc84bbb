//! What must hold of every user, every rule set and every account? The pure core under generated cases, and its decision
//! table cell by cell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "modules of a test")]

mod adopting;
mod attributes;
mod details;
mod differing;
mod edits;
mod ends;
mod explain;
mod foundations;
mod guard;
mod impact;
mod interpreter;
mod ledger;
mod memory;
mod nouns;
mod owners;
mod plans;
mod rehearsal;
mod saved;
mod spilled;
mod table;
mod undo;
mod unique;
mod verdicts;
mod words;
mod world;
