//! How many histories hold every law?
//!
//! `cargo run --release --example simulate -- --seeds N --jobs 2` plays the histories of seeds 1 … N (`--from S` begins
//! elsewhere), writes a report (`--report FILE`, JSON; beside it the table for the docs) and ends with 1 where a law is
//! broken, with the seed, the step, the law and the shortest history that breaks it. `--seed S` plays one and prints it;
//! `--history FILE` plays a text. `--transcript FILE` before these two keeps what the tenants saw and what the log says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "a report, and helpers of tests"
)]
#![allow(unused_crate_dependencies, reason = "the package's other targets use them")]

#[path = "../tests/sim/act.rs"]
mod act;
#[path = "../tests/cycle/bench.rs"]
mod bench;
#[path = "../tests/sim/between.rs"]
mod between;
#[path = "../tests/sim/fault.rs"]
mod fault;
#[path = "../tests/sim/generate.rs"]
mod generate;
#[path = "../tests/sim/laws.rs"]
mod laws;
#[path = "../tests/sim/operation.rs"]
mod operation;
#[path = "../tests/sim/play.rs"]
mod play;
#[path = "../tests/sim/reference.rs"]
mod reference;
#[path = "../tests/sim/remembered.rs"]
mod remembered;
#[path = "../tests/sim/report.rs"]
mod report;
#[path = "../tests/sim/shape.rs"]
mod shape;
#[path = "../tests/sim/shrink.rs"]
mod shrink;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use operation::History;
use report::Totals;

/// The history of a seed or a text, played and told.
fn one(history: &History, quiet: bool, transcript: Option<&Path>) -> ExitCode {
    if !quiet {
        println!("{history}");
    }
    let outcome = play::play(history);
    if let Some(path) = transcript {
        std::fs::write(path, &outcome.transcript).unwrap();
    }
    match outcome.broken {
        None => {
            println!("kept: {} cycles, {} writes, {:?}", outcome.cycles, outcome.writes, outcome.struck.0);
            ExitCode::SUCCESS
        }
        Some(broken) => {
            println!("BROKEN {} after step {}: {}", broken.law, broken.step, broken.what);
            let (small, found) = shrink::shrink(history, &broken.law);
            println!("\nthe shortest history:\n{small}");
            if let Some(found) = found {
                println!("BROKEN {} after step {}: {}", found.law, found.step, found.what);
            }
            ExitCode::FAILURE
        }
    }
}

struct Asked {
    seeds: u64,
    from: u64,
    jobs: u64,
    report: Option<PathBuf>,
    /// Go on after so many broken seeds.
    most: u64,
}

fn many(asked: &Asked) -> ExitCode {
    let (next, totals) = (AtomicU64::new(asked.from), Mutex::new(Totals::default()));
    let end = asked.from + asked.seeds;
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || totals.lock().unwrap().broken.len() as u64 >= asked.most {
                return;
            }
            let outcome = play::play(&generate::history(seed));
            let mut totals = totals.lock().unwrap();
            if let Some(broken) = &outcome.broken {
                let what: String = broken.what.chars().take(300).collect();
                eprintln!("seed {seed}: BROKEN {} after step {}: {what}", broken.law, broken.step);
            }
            totals.add(seed, outcome);
            if totals.seeds % 100 == 0 {
                eprintln!("{} of {} seeds, {} broken", totals.seeds, asked.seeds, totals.broken.len());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..asked.jobs {
            scope.spawn(work);
        }
        work();
    });
    let totals = totals.into_inner().unwrap();
    println!("{}", totals.table());
    if let Some(path) = &asked.report {
        std::fs::write(path, totals.json()).unwrap();
        std::fs::write(path.with_extension("md"), totals.table()).unwrap();
    }
    if let Some((seed, _)) = totals.broken.first() {
        println!("seed {seed}:");
        one(&generate::history(*seed), true, None);
        return ExitCode::FAILURE;
    }
    // A few seeds cannot strike with everything.
    let missing = totals.struck.missing();
    if !missing.is_empty() && asked.seeds >= 1_000 {
        println!("a failed report: these classes of faults never struck: {missing:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let mut asked = Asked { seeds: 1_000, from: 1, jobs: 1, report: None, most: 1 };
    let mut transcript = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{name} wants a number, not {value:?}"));
        match name.as_str() {
            "--seeds" => asked.seeds = number(),
            "--from" => asked.from = number(),
            "--jobs" => asked.jobs = number(),
            "--broken-max" => asked.most = number(),
            "--report" => asked.report = Some(value.into()),
            "--transcript" => transcript = Some(PathBuf::from(value)),
            "--seed" => return one(&generate::history(number()), false, transcript.as_deref()),
            "--history" => {
                let text = std::fs::read_to_string(&value).unwrap_or_else(|e| panic!("{value}: {e}"));
                return one(&text.parse().unwrap_or_else(|e| panic!("{value}: {e}")), false, transcript.as_deref());
            }
            other => panic!("no option {other:?}: --seeds N --from S --jobs J --report FILE --seed S --history FILE"),
        }
    }
    // Panics are laws broken, and told as such.
    std::panic::set_hook(Box::new(|_| {}));
    many(&asked)
}
