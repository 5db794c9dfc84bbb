//! What does a process cost: wall time, CPU, memory?

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
/// other program. So it is started by a process that has just begun and holds next to nothing: see [`started`].
pub fn measured(command: Command, folder: &Path) -> Cost {
    let mut starter = Command::new(std::env::current_exe().expect("this program"));
    starter.args(["part", "start"]).arg(folder).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => starter.env(name, value),
            None => starter.env_remove(name),
        };
    }
    command.get_current_dir().into_iter().for_each(|at| {
        starter.current_dir(at);
    });
    let told = starter.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{starter:?}: {e}"));
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    // The exit code of a process that a signal has ended is -1.
    let numbers: Vec<i64> = told.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let [wall, cpu, rss, code] = numbers[..] else { panic!("{command:?}: the starter said {told:?}") };
    let err = std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
    let (wall, cpu) = (Duration::from_micros(wall.unsigned_abs()), Duration::from_micros(cpu.unsigned_abs()));
    Cost {
        wall,
        cpu,
        rss: rss.unsigned_abs(),
        code: i32::try_from(code).unwrap_or(-1),
        out: folder.join("stdout"),
        err,
    }
}

/// The starter's own part: microseconds of wall time and of CPU, bytes, and the exit code, on one line.
pub fn started(folder: &Path, program: &str, arguments: &[String]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    let cost = awaited(command, folder, |_| ());
    format!("{} {} {} {}", cost.wall.as_micros(), cost.cpu.as_micros(), cost.rss, cost.code)
}

/// Runs it and kills it as soon as `enough` says so. Its memory is not to be relied on where this process holds much.
pub fn stopped_when(command: Command, folder: &Path, mut enough: impl FnMut() -> bool) -> Cost {
    awaited(command, folder, |child| {
        while !enough() {
            assert!(child.try_wait().expect("a process").is_none(), "it ended before: see {}", folder.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().expect("a process");
    })
}

fn awaited(mut command: Command, folder: &Path, meanwhile: impl FnOnce(&mut Child)) -> Cost {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let file = |path: &Path| File::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
    let begun = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    meanwhile(&mut child);
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
