//! How fast is the whole, and how does it grow?
//!
//! `cargo run --release --example scale -- --people 1000000` serves simulated tenants as a process of their own, runs the
//! released program against them as an administrator would, and prints what that has cost: wall time, CPU, the most memory,
//! requests, bytes, size of the database. `cargo build --release` makes the program first. `--people` takes several numbers
//! (`10000,100000`), `--only B1,B3` picks benchmarks, `--repeat N` says how often each is run (3), `--dir DIR` where tenants
//! and stores lie (`target/scale`), and `--out FILE` to which file the figures are added as JSON lines (`figures.jsonl` in that folder). `--profile` lets Linux's `perf` look on, and says of each run which functions have taken the time; its figures are
//! not kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    dead_code,
    unreachable_pub,
    reason = "a report on real processes in real time"
)]
#![allow(unused_crate_dependencies, reason = "the package's other targets use them")]

#[path = "scale/benches.rs"]
mod benches;
#[path = "scale/figures.rs"]
mod figures;
#[path = "scale/fill.rs"]
mod fill;
#[path = "../tests/cli/support/http.rs"]
mod http;
#[path = "scale/limits.rs"]
mod limits;
#[path = "scale/people.rs"]
mod people;
#[path = "scale/place.rs"]
mod place;
#[path = "scale/process.rs"]
mod process;
#[path = "scale/profile.rs"]
mod profile;
#[path = "scale/tenants.rs"]
mod tenants;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use benches::Bench;

/// What is asked for.
struct Asked {
    people: Vec<usize>,
    only: Vec<String>,
    repeat: usize,
    dir: PathBuf,
    out: Option<PathBuf>,
    profiled: bool,
}

const HELP: &str = "--people N,M,…  --only B1,B2,…  --repeat N  --dir DIR  --out FILE  --profile";

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let dir = PathBuf::from("target/scale");
    let mut asked = Asked { people: vec![10_000], only: Vec::new(), repeat: 3, out: None, dir, profiled: false };
    while let Some(name) = arguments.next() {
        if name == "--profile" {
            asked.profiled = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value\nhint: {HELP}"))?;
        let number = |text: &str| text.replace('_', "").parse::<usize>().map_err(|_| format!("{text:?} is no number"));
        match name.as_str() {
            "--people" => asked.people = value.split(',').map(number).collect::<Result<_, _>>()?,
            "--only" => asked.only = value.split(',').map(str::to_uppercase).collect(),
            "--repeat" => asked.repeat = number(&value)?.max(1),
            "--dir" => asked.dir = value.into(),
            "--out" => asked.out = Some(value.into()),
            other => return Err(format!("no option {other:?}\nhint: {HELP}")),
        }
    }
    Ok(asked)
}

/// Work that is done in a process of its own, so that the measuring one stays small.
fn part(arguments: &[String]) -> ExitCode {
    let number = |text: &String| text.parse::<usize>().expect("a number");
    match arguments {
        [what, root] if what == "raw" => println!("{}", limits::raw(root)),
        [what, root] if what == "typed" => println!("{}", limits::typed(root)),
        [what, folder, n] if what == "people" => people::write(Path::new(folder), number(n)),
        [what, folder, n] if what == "links" => fill::links(Path::new(folder), number(n)),
        [what, folder, n] if what == "log" => fill::log(Path::new(folder), number(n)),
        other => panic!("no part {other:?}"),
    }
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("part", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return part(rest);
    }
    let (asked, crosstie) = match asked(arguments.into_iter()).and_then(|a| Ok((a, process::crosstie()?))) {
        Ok(found) => found,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(64);
        }
    };
    std::fs::create_dir_all(&asked.dir).expect("a folder");
    let out = asked.out.unwrap_or_else(|| asked.dir.join("figures.jsonl"));
    let circumstances = figures::circumstances();
    println!("{}, commit {}", circumstances["machine"].as_str().unwrap(), circumstances["commit"].as_str().unwrap());
    let mut all = Vec::new();
    for people in &asked.people {
        let dir = std::path::absolute(asked.dir.join(people.to_string())).expect("a path");
        let bench =
            Bench { people: *people, repeat: asked.repeat, dir, crosstie: crosstie.clone(), profiled: asked.profiled };
        let wanted = |name: &str| asked.only.is_empty() || asked.only.iter().any(|o| o == name);
        let rows = bench.run(&wanted);
        if !asked.profiled {
            figures::keep(&rows, &out, &circumstances);
        }
        println!("{}", figures::table(&rows));
        all.extend(rows);
    }
    if asked.people.len() > 1 {
        println!("{}", figures::table(&all));
    }
    ExitCode::SUCCESS
}
