//! Does the program keep its promises as people run it? Real processes, real SQLite files, real signals, real sockets.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "real processes need real time, and servers that are no part of them threads"
)]

mod adopt;
mod approvals;
mod bad_configs;
mod change_log;
mod change_log_python;
mod crash;
mod credentials;
mod demo;
mod doctor;
mod eval;
mod exits;
mod explain;
mod first_sync;
mod hostile;
mod import;
mod kills;
mod leavers;
mod limits;
mod locks;
mod output;
mod replan;
mod rule_tests;
mod run;
mod secrets;
mod signals;
mod status;
mod stores;
mod support;
mod undo;
