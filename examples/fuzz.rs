//! How long does everything that comes from outside stand up to made-up input?
//!
//! `cargo run --release --example fuzz -- --seconds 60` gives each target of `tests/fuzz/targets/` a minute and prints a
//! line for each. An input that breaks a law is written to `fuzz/artifacts/`, and the exit code is 1. It is a driver without
//! instruments; `cargo +nightly fuzz run NAME` takes the same targets and corpora, and sees which lines are reached.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers"
)]

#[path = "../tests/fuzz/hostile.rs"]
mod hostile;
#[path = "../tests/fuzz/mutate.rs"]
mod mutate;
#[path = "../tests/fuzz/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mutate::{Mutator, corpus};
use targets::{ALL, Target};

/// One input may take so long, in an optimized build on a busy machine. What takes longer could be made to take for ever.
const ONE_INPUT_MAX: Duration = Duration::from_secs(2);

#[derive(Parser)]
struct Arguments {
    /// For how long each target is tried.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What the inputs are made from: the same seed makes the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target; may be given more than once.
    #[arg(long)]
    target: Vec<String>,
    /// Tries this one input out, and nothing else.
    #[arg(long, requires = "target")]
    input: Option<std::path::PathBuf>,
}

#[derive(Default)]
struct Tally {
    tried: u64,
    taken: u64,
    bytes: u64,
    slowest: Duration,
    broken: u64,
}

#[expect(clippy::disallowed_methods, reason = "how long it takes on this machine is what is asked")]
fn now() -> Instant {
    Instant::now()
}

fn tried(target: &Target, input: &[u8], tally: &mut Tally) -> bool {
    let begin = now();
    let taken = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = now() - begin;
    tally.tried += 1;
    tally.bytes += input.len() as u64;
    tally.slowest = tally.slowest.max(took);
    if taken.is_err() || took > ONE_INPUT_MAX {
        tally.broken += 1;
        kept(target, input, taken.is_err(), took);
    }
    let taken = taken.unwrap_or(false);
    tally.taken += u64::from(taken);
    taken
}

/// Written down, so that it becomes a seed of the corpus and a test with a name.
fn kept(target: &Target, input: &[u8], fell: bool, took: Duration) {
    use sha2::{Digest, Sha256};
    let name: String = Sha256::digest(input).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/artifacts").join(target.name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, input).unwrap();
    let why = if fell { "a law does not hold".to_owned() } else { format!("it took {took:?}") };
    println!("{:<12} BROKEN: {why}: {}", target.name, path.display());
}

fn drive(target: &Target, arguments: &Arguments) -> Tally {
    let mut tally = Tally::default();
    let seeds: Vec<Vec<u8>> = corpus(target.name).into_iter().map(|(_, bytes)| bytes).collect();
    let mut mutator = Mutator::new(arguments.seed, seeds.clone(), target.words);
    for input in seeds.into_iter().chain(hostile::inputs(target.name)) {
        if tried(target, &input, &mut tally) {
            mutator.keep(input);
        }
    }
    let end = now() + Duration::from_secs(arguments.seconds);
    // Whoever finds the same fault a thousand times has found it once.
    while now() < end && tally.broken < 10 {
        let input = mutator.next_input();
        if tried(target, &input, &mut tally) {
            mutator.keep(input);
        }
    }
    tally
}

/// The most memory that this process has held so far, where the system tells.
fn memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(other) = arguments.target.iter().find(|name| targets::named(name).is_none()) {
        let names = ALL.map(|target| target.name).join(", ");
        eprintln!("there is no target `{other}`\nhint: the targets are {names}");
        return ExitCode::from(64);
    }
    let asked = |target: &Target| arguments.target.is_empty() || arguments.target.iter().any(|n| n == target.name);
    if let (Some(path), Some(target)) = (&arguments.input, ALL.into_iter().find(|t| asked(t))) {
        let taken = (target.run)(&std::fs::read(path).unwrap());
        println!("{:<12} {}", target.name, if taken { "taken" } else { "refused" });
        return ExitCode::SUCCESS;
    }
    println!("target            inputs        taken    MiB  slowest  memory  broken");
    let mut all = Tally::default();
    for target in ALL.into_iter().filter(asked) {
        let tally = drive(&target, &arguments);
        let (mib, memory) = (tally.bytes / 1_048_576, memory_kib().unwrap_or_default() / 1_024);
        let slowest = tally.slowest.as_millis();
        let Tally { tried, taken, broken, .. } = tally;
        println!("{:<12} {tried:>11} {taken:>12} {mib:>6} {slowest:>5} ms {memory:>3} MiB {broken:>7}", target.name);
        all.tried += tried;
        all.broken += broken;
    }
    println!("{:<12} {:>11}{:>38}", "all", all.tried, all.broken);
    if all.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
