//! Do the commands in the documentation do what stands below them?
//!
//! A document is one story: its blocks are gone through in order, in one empty folder.
//!
//! - ```` ```console ````: a line `$ command` is run by `sh`; the lines below it are what it prints, stdout and stderr
//!   together. `…` in a line stands for any text, a line of its own `…` for any lines. A command ends with exit code
//!   0, unless the next one is `$ echo $?` and says otherwise. It goes on in the next line after `\` and within `'…'`.
//! - ```` ```toml file=PATH ```` (or any other language): the block is written to that file.
//! - `crosstie sim` without `--generate` goes on in the background, on a free port: `127.0.0.1:8400` in commands,
//!   files and expected outputs means that port. One that still runs is stopped first.
//! - `cargo run --release -- X` is run as `crosstie X`, without building again.
//! - `curl` is played by this test, so that the machine needs none; an answer of 400 or above fails.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use regex::Regex;
use tempfile::TempDir;

use super::Block;

/// The address that documents speak of.
const ADDRESS: &str = "127.0.0.1:8400";

pub(super) struct Story {
    name: String,
    /// `work` is where the reader is; `state` and `bin` are the stage behind.
    folder: TempDir,
    simulator: Option<Child>,
    address: String,
    files: Vec<PathBuf>,
    /// Of a command that failed: nobody has asked for its exit code yet.
    code: Option<(String, i32)>,
    /// Commands run so far.
    pub(super) commands: usize,
}

impl Story {
    pub(super) fn begin(name: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        for part in ["work", "state", "bin"] {
            fs::create_dir(folder.path().join(part)).expect("created");
        }
        symlink(assert_cmd::cargo::cargo_bin!("crosstie"), folder.path().join("bin/crosstie")).expect("linked");
        // Not every system has it under this name.
        let shim = "#!/bin/sh\nexec shasum -a 256 \"$@\"\n";
        if Command::new("sha256sum").arg("--version").output().is_err() {
            let path = folder.path().join("bin/sha256sum");
            fs::write(&path, shim).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        }
        let work = fs::canonicalize(folder.path().join("work")).expect("a path");
        fs::write(folder.path().join("state/cwd"), work.display().to_string()).expect("written");
        fs::write(folder.path().join("state/env"), "").expect("written");
        let (name, address) = (name.to_owned(), ADDRESS.to_owned());
        Self { name, folder, simulator: None, address, files: Vec::new(), code: None, commands: 0 }
    }

    /// Plays one block, where it is one that can be played.
    pub(super) fn play(&mut self, block: &Block) {
        if let Some((_, file)) = block.mark.split_once(" file=") {
            self.write(file, &block.text);
        } else if block.mark == "console" {
            let mut lines = block.text.lines().peekable();
            while let Some(line) = lines.next() {
                let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: no command: {line}", self.name));
                let mut command = command.to_owned();
                while command.ends_with('\\') || command.matches('\'').count() % 2 == 1 {
                    command = format!("{command}\n{}", lines.next().expect("the command goes on"));
                }
                let mut wanted = Vec::new();
                while let Some(line) = lines.next_if(|l| !l.starts_with("$ ")) {
                    wanted.push(line);
                }
                self.step(&command, &wanted);
            }
        }
    }

    /// Nothing is left open.
    pub(super) fn end(mut self) -> usize {
        self.settle_code();
        self.stop_simulator();
        self.commands
    }

    fn settle_code(&mut self) {
        if let Some((command, code)) = self.code.take() {
            panic!("{}: `{command}` ended with {code}, and the document does not say so", self.name);
        }
    }

    fn step(&mut self, command: &str, wanted: &[&str]) {
        self.commands += 1;
        if command == "echo $?" {
            let code = self.code.take().map_or(0, |(_, code)| code);
            assert_eq!(vec![code.to_string()], wanted, "{}: exit code", self.name);
            return;
        }
        self.settle_code();
        let command = command.replace("cargo run --release -- ", "crosstie ");
        let (output, code) = if command.starts_with("crosstie sim ") && !command.contains("--generate") {
            (self.simulate(&command), 0)
        } else {
            self.shell(&command)
        };
        if code != 0 {
            self.code = Some((command.clone(), code));
        }
        let output = output.replace(&self.address, ADDRESS);
        let output: Vec<&str> = output.lines().map(str::trim_end).collect();
        let whole = output.iter().map(|line| format!("{line}\n")).collect::<String>();
        let pattern = Regex::new(&pattern(wanted)).expect("a pattern");
        assert!(
            pattern.is_match(&whole),
            "{}: `{command}` ended with {code} and printed\n{whole}\n--- but the document says\n{}\n",
            self.name,
            wanted.join("\n")
        );
    }

    fn shell(&mut self, command: &str) -> (String, i32) {
        let state = self.folder.path().join("state");
        let script = format!(
            "exec 2>&1\n. \"$STATE/env\"\ncd \"$(cat \"$STATE/cwd\")\" || exit 99\n\
             curl() {{ for a; do printf '%s\\0' \"$a\"; done > \"$STATE/curl\"; }}\n\
             {}\ncode=$?\nexport -p > \"$STATE/env\"\npwd > \"$STATE/cwd\"\nexit $code\n",
            self.here(command)
        );
        let output = self.sh(&script).output().expect("sh starts");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let asked = state.join("curl");
        if let Ok(arguments) = fs::read_to_string(&asked) {
            fs::remove_file(asked).expect("removed");
            let arguments: Vec<&str> = arguments.trim_end_matches('\0').split('\0').collect();
            return (self.curl(&arguments), 0);
        }
        (printed, output.status.code().unwrap_or(-1))
    }

    fn sh(&self, script: &str) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the shell finds its tools where this process would")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = vec![self.folder.path().join("bin")];
        places.extend(std::env::split_paths(&path));
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("STATE", self.folder.path().join("state"));
        command.env("PATH", std::env::join_paths(places).expect("a path")).env_remove("CROSSTIE_CONFIG");
        command.env("RUST_BACKTRACE", "0").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }

    /// Starts the simulator and answers its first line.
    fn simulate(&mut self, command: &str) -> String {
        self.stop_simulator();
        let mut command = command.replace(ADDRESS, "127.0.0.1:0");
        if !command.contains("--listen") {
            command += " --listen 127.0.0.1:0";
        }
        let script = format!(". \"$STATE/env\"\ncd \"$(cat \"$STATE/cwd\")\" || exit 99\nexec {command}");
        let mut child = self.sh(&script).stdout(Stdio::piped()).spawn().expect("sh starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a first line");
        self.simulator = Some(child);
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("{}: {line:?}", self.name)).to_owned();
        let environment = self.folder.path().join("state/env");
        for file in self.files.iter().chain([&environment]) {
            let text = fs::read_to_string(file).expect("a file that was written");
            fs::write(file, text.replace(&self.address, &address)).expect("written");
        }
        self.address = address;
        line
    }

    fn stop_simulator(&mut self) {
        if let Some(mut child) = self.simulator.take() {
            let stopped = self.sh(&format!("kill -TERM {}", child.id())).status().expect("sh starts");
            let ended = child.wait().expect("it ends");
            assert!(stopped.success() && ended.success(), "{}: the simulator ended with {ended}", self.name);
        }
    }

    fn here(&self, text: &str) -> String {
        text.replace(ADDRESS, &self.address)
    }

    fn write(&mut self, file: &str, text: &str) {
        let folder = fs::read_to_string(self.folder.path().join("state/cwd")).expect("a folder");
        let path = PathBuf::from(folder.trim_end()).join(file);
        fs::write(&path, self.here(&format!("{text}\n"))).expect("written");
        self.files.push(path);
    }

    /// As much of curl as the documents need.
    fn curl(&self, arguments: &[&str]) -> String {
        let (mut method, mut body, mut url) = (None, None, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "-s" => {}
                "-X" => method = rest.next().copied(),
                "-d" => body = rest.next().copied(),
                other if !other.starts_with('-') && url.is_none() => url = Some(other),
                other => panic!("{}: this test's curl does not know {other:?}", self.name),
            }
        }
        let url = url.and_then(|u| u.strip_prefix("http://")).expect("an address");
        let (host, path) = url.split_once('/').expect("a path");
        let method = method.unwrap_or(if body.is_some() { "POST" } else { "GET" });
        let body = body.unwrap_or_default();
        let mut stream = TcpStream::connect(host).unwrap_or_else(|e| panic!("{}: {host}: {e}", self.name));
        write!(stream, "{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status: u16 = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        assert!(status < 400, "{}: {method} /{path}: {answer}", self.name);
        body.to_owned()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if let Some(mut child) = self.simulator.take() {
            // Only where a step failed: nobody is left to hear of it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What is wanted, as one pattern over all lines.
fn pattern(wanted: &[&str]) -> String {
    let line = |line: &&str| match line.trim() {
        "…" => "(?:[^\\n]*\\n)*".to_owned(),
        _ => line.trim_end().split('…').map(regex::escape).collect::<Vec<_>>().join("[^\\n]*") + "\\n",
    };
    format!("^{}$", wanted.iter().map(line).collect::<String>())
}
