//! How fast is the whole, and how does it grow?
//!
//! `cargo run --release --example scale -- --people 1000000` serves simulated tenants as a process of their own, runs the
//! released program against them as an administrator would, and prints what that has cost: wall time, CPU, the most memory,
//! requests, bytes, size of the database. `cargo build --release` makes the program first. `--people` takes several numbers
//! (`10000,100000`), `--only B1,B3` picks benchmarks (B4 to B8, FIRST and SCHOOL are run only where they are named, at the
//! sizes of their targets, or with `--all`), `--repeat N` says how often each is run (3), `--dir DIR` where tenants and stores lie (`target/scale`), and `--out FILE` to which file the figures are added as JSON lines (`figures.jsonl` in that
//! folder). `--profile` lets Linux's `perf` look on and says of each run which functions have taken the time; its figures are
//! not kept. `--peers` runs beside us what is written with the libraries of others, and `benches/peers/setup` has installed;
//! B4 waits four minutes more with it, in real time.
//!
//! `… -- page [FIGURES [PAGE]]` puts the newest figures of `docs/performance.jsonl` into `docs/performance.md`, and draws how they
//! grow.

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
#[path = "scale/killed.rs"]
mod killed;
#[path = "scale/limits.rs"]
mod limits;
#[path = "scale/page.rs"]
mod page;
#[path = "scale/peers.rs"]
mod peers;
#[path = "scale/people.rs"]
mod people;
#[path = "scale/place.rs"]
mod place;
#[path = "scale/process.rs"]
mod process;
#[path = "scale/profile.rs"]
mod profile;
#[path = "scale/quota.rs"]
mod quota;
#[path = "scale/tenants.rs"]
mod tenants;
#[path = "scale/virtual_time.rs"]
mod virtual_time;
#[path = "scale/writing.rs"]
mod writing;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use benches::Bench;
use peers::Peers;

/// What is asked for.
struct Asked {
    people: Vec<usize>,
    only: Vec<String>,
    repeat: usize,
    dir: PathBuf,
    out: Option<PathBuf>,
    profiled: bool,
    peers: bool,
    all: bool,
}

/// Benchmarks of so many people as one likes, which are run where none are named.
const OF_ANY_SIZE: [&str; 5] = ["B1", "B2", "B3", "B9", "B10"];
/// Benchmarks that say themselves for how many people they are.
const OF_ONE_SIZE: [(&str, usize); 7] = [
    // The first of them: its memory is told rightly while this process holds little.
    ("FIRST", 1_000_000),
    ("B4", 20_000),
    ("B5", 10_000),
    ("B6", 5_000),
    ("B7", 8_000),
    ("B8", 100_000),
    ("SCHOOL", 2_160_000),
];
const PEOPLE: usize = 10_000;

impl Asked {
    /// For how many people what is run.
    fn runs(&self) -> Vec<(usize, Vec<String>)> {
        let any: Vec<String> = OF_ANY_SIZE.map(str::to_owned).into();
        let of_any_size = |name: &String| any.contains(name);
        let named = |all: &dyn Fn(&String) -> bool| self.only.iter().filter(|n| all(n)).cloned().collect::<Vec<_>>();
        let (sized, others) = (named(&of_any_size), named(&|name| !of_any_size(name)));
        let mut runs = Vec::new();
        let people = if self.people.is_empty() { vec![PEOPLE] } else { self.people.clone() };
        if self.only.is_empty() || !sized.is_empty() {
            let wanted = if sized.is_empty() { any.clone() } else { sized };
            runs.extend(people.iter().map(|n| (*n, wanted.clone())));
        }
        if self.all {
            runs.extend(OF_ONE_SIZE.map(|(name, people)| (people, vec![name.to_owned()])));
        }
        for name in others {
            let own = OF_ONE_SIZE.iter().find(|(n, _)| *n == name).map(|(_, people)| *people);
            let own = own.unwrap_or_else(|| panic!("no benchmark {name:?}: B1 to B10"));
            let sizes = if self.people.is_empty() { vec![own] } else { self.people.clone() };
            runs.extend(sizes.into_iter().map(|n| (n, vec![name.clone()])));
        }
        runs
    }
}

const HELP: &str = "--people N,M,…  --only B1,B2,…  --all  --repeat N  --dir DIR  --out FILE  --profile  --peers";

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let dir = PathBuf::from("target/scale");
    let (people, only, repeat, out) = (Vec::new(), Vec::new(), 3, None);
    let mut asked = Asked { people, only, repeat, out, dir, profiled: false, peers: false, all: false };
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--profile" => {
                asked.profiled = true;
                continue;
            }
            "--peers" => {
                asked.peers = true;
                continue;
            }
            "--all" => {
                asked.all = true;
                continue;
            }
            _ => {}
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
        [what, folder, program, arguments @ ..] if what == "start" => {
            println!("{}", process::started(Path::new(folder), program, arguments));
        }
        [what, root] if what == "raw" => println!("{}", limits::raw(root)),
        [what, root] if what == "typed" => println!("{}", limits::typed(root)),
        [what, root, folder] if what == "stored" => println!("{}", limits::stored(root, Path::new(folder))),
        [what, store, folder] if what == "recorded" => {
            println!("{}", limits::recorded(Path::new(store), Path::new(folder)));
        }
        [what, folder, n] if what == "people" => people::write(Path::new(folder), number(n)),
        [what, folder, n] if what == "links" => fill::links(Path::new(folder), number(n)),
        [what, folder, n] if what == "log" => fill::log(Path::new(folder), number(n)),
        [what, bench, n] if what == "virtual" => virtual_time::tell(bench, number(n)),
        other => panic!("no part {other:?}"),
    }
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("part", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return part(rest);
    }
    if arguments.first().is_some_and(|first| first == "page") {
        let [figures, page] = [(1, "docs/performance.jsonl"), (2, "docs/performance.md")]
            .map(|(place, usual)| PathBuf::from(arguments.get(place).map_or(usual, String::as_str)));
        page::write(&figures, &page);
        return ExitCode::SUCCESS;
    }
    let (asked, crosstie) = match asked(arguments.into_iter()).and_then(|a| Ok((a, process::crosstie()?))) {
        Ok(found) => found,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(64);
        }
    };
    std::fs::create_dir_all(&asked.dir).expect("a folder");
    let out = asked.out.clone().unwrap_or_else(|| asked.dir.join("figures.jsonl"));
    let circumstances = figures::circumstances();
    println!("{}, commit {}", circumstances["machine"].as_str().unwrap(), circumstances["commit"].as_str().unwrap());
    let peers = match asked.peers.then(Peers::ready).transpose() {
        Ok(peers) => peers.map(Rc::new),
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(64);
        }
    };
    let mut all = Vec::new();
    for (people, wanted) in asked.runs() {
        let dir = std::path::absolute(asked.dir.join(people.to_string())).expect("a path");
        let bench = Bench {
            people,
            repeat: asked.repeat,
            dir,
            crosstie: crosstie.clone(),
            profiled: asked.profiled,
            peers: peers.clone(),
        };
        let rows = bench.run(&|name| wanted.iter().any(|w| w == name));
        if !asked.profiled {
            figures::keep(&rows, &out, &circumstances);
        }
        println!("{}", figures::table(&rows));
        all.extend(rows);
    }
    if asked.runs().len() > 1 {
        println!("{}", figures::table(&all));
    }
    ExitCode::SUCCESS
}
