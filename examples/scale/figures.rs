//! What is told of a measurement, to people and to a file?

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::process::Cost;
use super::tenants::Seen;

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At the most so many seconds.
    Seconds(f64),
    /// At least so many a second.
    Rate(f64),
    /// A value, and how great it may be.
    Value(f64, f64),
    /// No more seconds than another program took beside us.
    AsFastAs(&'static str, f64),
    /// A value, and nobody has said how great it may be.
    Told(f64),
    /// Nobody has said.
    None,
}

/// One benchmark's outcome: the same run several times.
#[derive(Clone, Debug)]
pub struct Row {
    pub bench: &'static str,
    pub case: String,
    pub people: usize,
    /// What is counted: people, changes, entries.
    pub items: usize,
    pub costs: Vec<Cost>,
    /// What the tenants saw of one run.
    pub seen: Seen,
    pub stored: u64,
    pub target: Target,
    /// The most memory that one run may hold, bytes.
    pub rss_max: Option<u64>,
    /// Seconds that passed on a clock of their own, and what else is to be told.
    pub virtual_seconds: Option<f64>,
    pub said: String,
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Row {
    pub fn new(bench: &'static str, case: &str, people: usize, costs: Vec<Cost>) -> Self {
        let (case, items) = (case.to_owned(), people);
        Self {
            virtual_seconds: None,
            said: String::new(),
            bench,
            case,
            people,
            items,
            costs,
            seen: Seen::default(),
            stored: 0,
            target: Target::None,
            rss_max: None,
        }
    }
    pub fn seconds(&self) -> f64 {
        median(self.walls())
    }
    fn walls(&self) -> Vec<f64> {
        self.costs.iter().map(|c| c.wall.as_secs_f64()).collect()
    }
    pub fn rate(&self) -> f64 {
        self.items as f64 / self.seconds()
    }
    pub fn rss(&self) -> u64 {
        self.costs.iter().map(|c| c.rss).max().unwrap_or_default()
    }
    /// The figure as a part of its target: 1 is just enough, and what is too slow is above it.
    fn ratio(&self) -> Option<f64> {
        match self.target {
            Target::Seconds(most) => Some(self.seconds() / most),
            Target::Rate(least) => Some(least / self.rate()),
            Target::Value(value, most) => Some(value / most),
            Target::AsFastAs(_, seconds) => Some(self.seconds() / seconds),
            Target::Told(_) | Target::None => None,
        }
    }
    fn memory_ratio(&self) -> Option<f64> {
        self.rss_max.map(|most| self.rss() as f64 / most as f64)
    }
    fn target_text(&self) -> String {
        let time = match self.target {
            Target::Seconds(most) if most < 0.1 => format!("≤ {:.1} ms", most * 1e3),
            Target::Seconds(most) => format!("≤ {most:.2} s"),
            Target::Rate(least) => format!("≥ {:.0} k/s", least / 1e3),
            Target::Value(_, most) => format!("≤ {most}"),
            Target::AsFastAs(name, _) => format!("≥ {name}"),
            Target::Told(_) | Target::None => String::new(),
        };
        let memory = self.rss_max.map(|most| format!("≤ {:.0} MB", megabytes(most)));
        [Some(time).filter(|t| !t.is_empty()), memory].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
    fn json(&self, circumstances: &Value) -> Value {
        let walls = self.walls();
        let mut line = json!({
            "bench": self.bench, "case": self.case, "people": self.people, "items": self.items,
            "wall_s": self.seconds(), "runs": walls,
            "cpu_s": median(self.costs.iter().map(|c| c.cpu.as_secs_f64()).collect()),
            "rss_bytes": self.rss(), "per_s": self.rate(),
            "requests": self.seen.requests, "writes": self.seen.writes, "bytes": self.seen.bytes,
            "value": match self.target { Target::Value(value, _) | Target::Told(value) => json!(value), _ => Value::Null },
            "virtual_s": self.virtual_seconds, "said": self.said,
            "database_bytes": self.stored, "target": self.target_text(),
            "of_target": self.ratio(), "of_memory_target": self.memory_ratio(),
        });
        if let (Some(line), Some(more)) = (line.as_object_mut(), circumstances.as_object()) {
            line.extend(more.clone());
        }
        line
    }
}

pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Machine, commit and command: without them a figure says nothing.
pub fn circumstances() -> Value {
    let first = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let git = |arguments: &[&str]| {
        let out = Command::new("git").args(arguments).output();
        out.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default()
    };
    let edited = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    let commit = git(&["rev-parse", "--short", "HEAD"]) + if edited { "+" } else { "" };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory: f64 = first("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    json!({
        "machine": format!("{}, {cores} cores, {:.0} GB", first("/proc/cpuinfo", "model name"), memory / 1e6),
        "commit": commit, "at": super::fill::now().rfc3339(),
        "command": format!("cargo run --release --example scale -- {}", arguments.join(" ")),
    })
}

/// Appends one JSON object a line.
pub fn keep(rows: &[Row], file: &Path, circumstances: &Value) {
    let mut out =
        OpenOptions::new().append(true).create(true).open(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    rows.iter().for_each(|row| writeln!(out, "{}", row.json(circumstances)).unwrap());
}

pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "",
        "case",
        "people",
        "wall s",
        "min–max",
        "cpu s",
        "items/s",
        "RSS MB",
        "requests",
        "MB",
        "db MB",
        "target",
        "of it",
        "",
    ]);
    for row in rows {
        let walls = row.walls();
        let (least, most) = (walls.iter().copied().fold(f64::MAX, f64::min), walls.iter().copied().fold(0.0, f64::max));
        let cpu = median(row.costs.iter().map(|c| c.cpu.as_secs_f64()).collect());
        let of = |ratio: Option<f64>| ratio.map(|r| format!("{r:.2}"));
        let ratios: Vec<String> = [of(row.ratio()), of(row.memory_ratio())].into_iter().flatten().collect();
        let none = |text: String, empty: bool| if empty { String::new() } else { text };
        let cells = [
            row.bench.to_owned(),
            row.case.clone(),
            row.people.to_string(),
            format!("{:.3}", row.seconds()),
            format!("{least:.3}–{most:.3}"),
            format!("{cpu:.3}"),
            format!("{:.0}", row.rate()),
            format!("{:.1}", megabytes(row.rss())),
            none(row.seen.requests.to_string(), row.seen.requests == 0),
            none(format!("{:.1}", megabytes(row.seen.bytes)), row.seen.bytes == 0),
            none(format!("{:.1}", megabytes(row.stored)), row.stored == 0),
            row.target_text(),
            ratios.join(", "),
            row.said.clone(),
        ];
        let right = |(place, text): (usize, String)| {
            let side = if (2..=10).contains(&place) { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(side)
        };
        table.add_row(cells.into_iter().enumerate().map(right));
    }
    table.to_string()
}

/// A run of something that is no process of its own.
pub fn took(wall: Duration) -> Cost {
    Cost { wall, cpu: Duration::ZERO, rss: 0, code: 0, out: "".into(), err: String::new() }
}
