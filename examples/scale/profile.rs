//! Where does the time go? `perf`, the kernel's own sampler, looks on; the program needs no other build for it.

use std::path::Path;
use std::process::Command;

/// Samples a second: enough for shares of some per cent in a run of a second, and some hundred MB in one of a minute.
const SAMPLES: &str = "299";
/// Bytes of stack that each sample keeps: whoever called whom is found in them afterwards.
const STACK: &str = "dwarf,16384";
/// Functions that are told.
const TOLD: usize = 45;

/// The program under `perf record`.
pub fn sampled(program: &Path, samples: &Path) -> Command {
    let mut command = Command::new("perf");
    command.args(["record", "-q", "-F", SAMPLES, "--call-graph", STACK, "-o"]).arg(samples).arg("--").arg(program);
    command
}

/// Functions with the share of all time that they and what they call have taken, the largest first.
pub fn told(samples: &Path) -> String {
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--children", "-g", "none", "--no-inline", "-i"]).arg(samples);
    let out = report.output().expect("perf");
    let ours =
        ["crosstie::", "rusqlite", "sqlite3", "serde_json", "malloc", "free", "memmove", "fsync", "write", "recv"];
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#') && ours.iter().any(|part| line.contains(part)));
    lines.take(TOLD).map(|line| format!("{}\n", line.trim_end())).collect()
}
