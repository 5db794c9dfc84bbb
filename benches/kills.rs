//! At how many moments can the process die, or its store fail, and what is broken then? Nothing may be.
//!
//! `cargo bench --bench kills` tries every exchange, commit and statement of a small world of three tenants, each in a world of
//! its own, and then kills real processes two hundred times. It prints the figures, and fails where a law is broken. A word
//! behind it (`-- statement`) runs only the lines whose name holds it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    unreachable_pub,
    reason = "a report on real processes in real time, and helpers of tests"
)]
#![allow(unused_crate_dependencies, reason = "the package's other targets use them")]

#[path = "../tests/cycle/bench.rs"]
mod bench;
#[path = "../tests/cycle/figures.rs"]
mod figures;
#[path = "../tests/cli/kills.rs"]
mod kills;
#[path = "../tests/cycle/knife.rs"]
mod knife;
#[path = "../tests/cycle/small_world.rs"]
mod small_world;
#[path = "../tests/cli/support/mod.rs"]
#[allow(unused_imports, reason = "other tests use more of it")]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use kills::{Killed, Lag, School, killed};
use knife::{Lasting, Strike};
use small_world::{THREE, Tally, everywhere};

/// How many worlds are tried at once: what the machine has, and no more than would get in each other's way.
const JOBS_MAX: usize = 8;

/// What real processes go through: 200 kills in all.
const SCHOOLS: [School; 5] = [
    School { page_size: 3, seed: 101, kills: 40, slow_millis: 0, lag: Lag::None },
    School { page_size: 100, seed: 102, kills: 40, slow_millis: 40, lag: Lag::None },
    School { page_size: 20, seed: 103, kills: 60, slow_millis: 10, lag: Lag::None },
    School { page_size: 20, seed: 104, kills: 30, slow_millis: 10, lag: Lag::Changes },
    School { page_size: 7, seed: 105, kills: 30, slow_millis: 10, lag: Lag::Accounts },
];

/// What the last argument asks for.
fn asked_for(line: &str) -> bool {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    wanted.is_empty() || wanted.iter().any(|w| line.contains(w.as_str()))
}

/// Works through all of it and prints one line; answers whether every law was kept.
fn line<T>(name: &str, work: impl FnOnce() -> T, tell: impl FnOnce(T) -> String) -> bool {
    if !asked_for(name) {
        return true;
    }
    let begun = Instant::now();
    let done = catch_unwind(AssertUnwindSafe(work));
    let (seconds, kept) = (begun.elapsed().as_secs(), done.is_ok());
    match done {
        Ok(done) => println!("kept   {name}: {}; violations 0 ({seconds} s)", tell(done)),
        Err(_) => println!("BROKEN {name}: see above ({seconds} s)"),
    }
    kept
}

/// Every point of the small world, in as many threads as the machine has.
fn struck(name: &str, strike: impl Fn(u32) -> Strike + Sync) -> bool {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(JOBS_MAX) as u32;
    let work = || {
        std::thread::scope(|scope| {
            let (strike, mut all) = (&strike, Tally::default());
            let jobs: Vec<_> =
                (1..=jobs).map(|first| scope.spawn(move || everywhere(THREE, strike, (first, jobs)))).collect();
            jobs.into_iter().for_each(|job| all += job.join().unwrap());
            all
        })
    };
    line(name, work, |Tally { points, gave_up, open }| {
        format!("{points} points, {gave_up} runs said so and gave up, {open} writes left open and cleared up")
    })
}

fn real_kills() -> bool {
    let work = || {
        let mut all = Killed::default();
        SCHOOLS.into_iter().for_each(|school| all += killed(school));
        all
    };
    line("kill -9 of real processes", work, |all| {
        let Killed { kills, alive, mid_write, open, open_left, repeats, writes } = all;
        format!(
            "{kills} rounds, {alive} found the process alive, {mid_write} between a write and its answer ({open} writes), \
             {open_left} questions left open, {repeats} writes repeated of {writes}"
        )
    })
}

fn main() -> std::process::ExitCode {
    use Lasting::{ForEver, Once};
    let kept = [
        struck("died before or after an exchange", Strike::Exchange),
        struck("died before or after a commit", Strike::Commit),
        struck("a commit failed, once", |n| Strike::Refusal(n, Once)),
        struck("a commit failed, and each one after it", |n| Strike::Refusal(n, ForEver)),
        struck("a statement failed, once", |n| Strike::Statement(n, Once)),
        struck("a statement failed, and each one after it", |n| Strike::Statement(n, ForEver)),
        struck("the file was locked for one statement", |n| Strike::Locked(n, Once)),
        struck("the file was locked from a statement on", |n| Strike::Locked(n, ForEver)),
        struck("the disk was full, at each page", Strike::Room),
        real_kills(),
    ];
    if kept.iter().all(|kept| *kept) { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
