//! What does a process cost: wall time, CPU, memory?

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// What one run of a process has cost.
#[derive(Clone, Debug)]
pub struct Cost {
    pub wall: Duration,
    /// User and system time together.
    pub cpu: Duration,
    /// The most memory that it ever held, bytes.
    pub rss: u64,
    pub code: i32,
    pub out: PathBuf,
    pub err: String,
}

impl Cost {
    /// Fails where the process ended otherwise.
    pub fn expect(self, code: i32) -> Self {
        let out = std::fs::read_to_string(&self.out).unwrap_or_default();
        let tail: String = out.chars().rev().take(2_000).collect::<Vec<_>>().into_iter().rev().collect();
        assert_eq!(self.code, code, "exit code; stdout ends:\n{tail}\nstderr:\n{}", self.err);
        self
    }
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }
}

/// Runs it to its end; its output goes into files in `folder`, never through a pipe that somebody has to empty.
///
/// The kernel counts the memory of whoever starts a process as the child's, up to the moment when the child becomes the
/// other program. So whatever is large is done in processes of their own, and this one stays small.
pub fn measured(mut command: Command, folder: &Path) -> Cost {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let file = |path: &Path| File::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
    let begun = Instant::now();
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let used = child.wait4().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let wall = begun.elapsed();
    let usage = used.rusage;
    Cost {
        wall,
        cpu: usage.utime + usage.stime,
        rss: usage.maxrss,
        code: used.status.code().unwrap_or(-1),
        out,
        err: std::fs::read_to_string(err).unwrap_or_default(),
    }
}

/// The program beside this example, in the same target folder.
pub fn crosstie() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|e| format!("cannot tell where this program is: {e}"))?;
    let target = this.parent().and_then(Path::parent).map(|folder| folder.join("crosstie"));
    match target {
        Some(path) if path.is_file() => Ok(path),
        other => Err(format!(
            "there is no program {}: nothing was measured\nhint: cargo build --release",
            other.unwrap_or_default().display()
        )),
    }
}
