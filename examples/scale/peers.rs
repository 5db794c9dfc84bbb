//! What would an administrator run instead, and how fast is that here, against the same tenants in the same run?

use std::path::{Path, PathBuf};
use std::process::Command;

use super::benches::{Bench, say};
use super::figures::Row;
use super::limits::SELECT;
use super::people;
use super::process::{Cost, measured};
use super::tenants::Tenants;

/// Microsoft's Python SDK reads so slowly, and as slowly from the first page to the last, that a million people would take hours.
const SDK_PEOPLE_MAX: usize = 10_000;

/// Scripts and a program that `benches/peers/setup` has made ready.
pub struct Peers {
    folder: PathBuf,
    scripts: PathBuf,
}

impl Peers {
    pub fn ready() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (folder, scripts) = (root.join("target/peers"), root.join("benches/peers"));
        let files = ["python/bin/python", GRAPH_RS];
        if !files.iter().all(|file| folder.join(file).is_file()) || !folder.join("node_modules").is_dir() {
            let folder = folder.display();
            return Err(format!("the peers are not set up in {folder}\nhint: benches/peers/setup installs them"));
        }
        // Node looks for what a script imports beside the script.
        let script = "graph_client.mjs";
        std::fs::copy(scripts.join(script), folder.join(script)).map_err(|e| format!("cannot copy {script}: {e}"))?;
        Ok(Self { folder, scripts })
    }

    fn command(&self, script: &str) -> Command {
        let (program, script) = match script.rsplit_once('.') {
            Some((_, "py")) => (self.folder.join("python/bin/python"), self.scripts.join(script)),
            Some((_, "mjs")) => ("node".into(), self.folder.join(script)),
            _ => return Command::new(self.folder.join(script)),
        };
        let mut command = Command::new(program);
        command.arg(script);
        command
    }

    /// A peer, called to do so with `north` and the target.
    pub fn called(&self, script: &str, words: &[&str], tenants: &Tenants, target: &str) -> Command {
        let mut command = self.command(script);
        command.args(words).env("ROOT", &tenants.root).env("SELECT", SELECT).env("SECRET", people::SECRET);
        for (which, tenant) in [("HOME", "north"), ("TARGET", target)] {
            command.env(format!("{which}_TENANT"), people::tenant_id(tenant));
            command.env(format!("{which}_CLIENT"), people::client_id(tenant));
        }
        command
    }

    pub fn run(&self, script: &str, words: &[&str], tenants: &Tenants, target: &str, into: &Path) -> Cost {
        measured(self.called(script, words, tenants, target), into).expect(0)
    }

    /// Everybody into the tenant that holds nobody, by the peer that writes.
    pub fn provision(&self, tenants: &Tenants, into: &Path) -> Cost {
        self.run(GRAPH_RS, &["provision"], tenants, "void", into)
    }
}

/// Where the setup has cargo put it.
pub const GRAPH_RS: &str = "graph_rs/release/graph_rs";
/// The peer that writes as fast as it can.
pub const WRITER: &str = "graph-rs-sdk";
pub const HTTPX: (&str, &str) = ("plain httpx", "plain_httpx.py");
pub const JAVASCRIPT: (&str, &str) = ("JavaScript client", "graph_client.mjs");
/// The first two plan as well.
const SCRIPTS: [(&str, &str); 3] = [HTTPX, JAVASCRIPT, (WRITER, GRAPH_RS)];

impl Bench {
    /// Each script in turn, as often as we are run ourselves.
    pub fn peers(&self, peers: &Peers, tenants: &Tenants, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
        let mut rows = Vec::new();
        let kept = |script: &str| self.dir.join(format!("{script}.json")).display().to_string();
        let [planners @ .., _] = &SCRIPTS;
        let mut turn = |bench, scripts: &[(&str, &str)], what: &str, words: &dyn Fn(&str) -> Vec<String>| {
            let mut costs = vec![Vec::new(); scripts.len()];
            for _ in 0..self.repeat {
                for ((_, script), costs) in scripts.iter().zip(&mut costs) {
                    let words = words(script);
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    costs.push(peers.run(script, &words, tenants, "south", &self.dir));
                }
            }
            for ((name, _), costs) in scripts.iter().zip(costs) {
                rows.push(self.row(bench, &format!("peer: {name}, {what}"), costs));
            }
        };
        if wanted("B1") {
            turn("B1", &SCRIPTS, "read and map", &|_| vec!["read".to_owned()]);
        }
        if wanted("B2") {
            turn("B2", planners, "read both and plan", &|_| vec!["plan".to_owned()]);
        }
        if wanted("B3") {
            for (_, script) in planners {
                peers.run(script, &["remember", &kept(script)], tenants, "south", &self.dir);
            }
            turn("B3", planners, "idle cycle", &|script| vec!["cycle".to_owned(), kept(script)]);
        }
        if wanted("B1") && self.people <= SDK_PEOPLE_MAX {
            say("Microsoft's Python SDK, once");
            let cost = peers.run("graph_sdk.py", &[], tenants, "south", &self.dir);
            rows.push(self.row("B1", "peer: Python SDK, read and map", vec![cost]));
        }
        rows
    }
}
