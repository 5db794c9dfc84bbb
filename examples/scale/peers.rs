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

/// Scripts that `benches/peers/setup` has made ready.
pub struct Peers {
    folder: PathBuf,
    scripts: PathBuf,
}

impl Peers {
    pub fn ready() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (folder, scripts) = (root.join("target/peers"), root.join("benches/peers"));
        if !folder.join("python/bin/python").is_file() || !folder.join("node_modules").is_dir() {
            let folder = folder.display();
            return Err(format!("the peers are not set up in {folder}\nhint: benches/peers/setup installs them"));
        }
        // Node looks for what a script imports beside the script.
        let script = "graph_client.mjs";
        std::fs::copy(scripts.join(script), folder.join(script)).map_err(|e| format!("cannot copy {script}: {e}"))?;
        Ok(Self { folder, scripts })
    }

    fn run(&self, script: &str, words: &[&str], tenants: &Tenants, into: &Path) -> Cost {
        let python = script.ends_with(".py");
        let mut command = Command::new(if python { self.folder.join("python/bin/python") } else { "node".into() });
        command.arg(if python { self.scripts.join(script) } else { self.folder.join(script) }).args(words);
        command.env("ROOT", &tenants.root).env("SELECT", SELECT).env("SECRET", people::SECRET);
        for (which, tenant) in [("HOME", "north"), ("TARGET", "south")] {
            command.env(format!("{which}_TENANT"), people::tenant_id(tenant));
            command.env(format!("{which}_CLIENT"), people::client_id(tenant));
        }
        measured(command, into).expect(0)
    }
}

const SCRIPTS: [(&str, &str); 2] = [("plain httpx", "plain_httpx.py"), ("JavaScript client", "graph_client.mjs")];

impl Bench {
    /// Each script in turn, as often as we are run ourselves.
    pub fn peers(&self, peers: &Peers, tenants: &Tenants, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
        let mut rows = Vec::new();
        let kept = |script: &str| self.dir.join(format!("{script}.json")).display().to_string();
        let mut turn = |bench: &'static str, what: &str, words: &dyn Fn(&str) -> Vec<String>| {
            let mut costs = [Vec::new(), Vec::new()];
            for _ in 0..self.repeat {
                for ((_, script), costs) in SCRIPTS.iter().zip(&mut costs) {
                    let words = words(script);
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    costs.push(peers.run(script, &words, tenants, &self.dir));
                }
            }
            for ((name, _), costs) in SCRIPTS.iter().zip(costs) {
                rows.push(self.row(bench, &format!("peer: {name}, {what}"), costs));
            }
        };
        if wanted("B1") {
            turn("B1", "read and map", &|_| vec!["read".to_owned()]);
        }
        if wanted("B2") {
            turn("B2", "read both and plan", &|_| vec!["plan".to_owned()]);
        }
        if wanted("B3") {
            for (_, script) in SCRIPTS {
                peers.run(script, &["remember", &kept(script)], tenants, &self.dir);
            }
            turn("B3", "idle cycle", &|script| vec!["cycle".to_owned(), kept(script)]);
        }
        if wanted("B1") && self.people <= SDK_PEOPLE_MAX {
            say("Microsoft's Python SDK, once");
            let cost = peers.run("graph_sdk.py", &[], tenants, &self.dir);
            rows.push(self.row("B1", "peer: Python SDK, read and map", vec![cost]));
        }
        rows
    }
}
