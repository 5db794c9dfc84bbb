//! Where does a store of the measured program lie, and how is the program called there?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::people;
use super::process::{Cost, measured};
use super::profile;

/// No limit of the program's own holds a benchmark of its speed up.
const UNLIMITED: &str = "writes = 1000000\nwrites_per_hour = 100000000\ninvitations = 1000000\nreads = 1000000\n";

/// A folder with a configuration, rules and a store.
pub struct Place {
    pub folder: PathBuf,
    crosstie: PathBuf,
    /// Say of each run where its time went: `perf` looks on.
    profiled: bool,
}

impl Place {
    /// A fresh one for the route `north->target`; what stood there is gone.
    pub fn new(folder: PathBuf, crosstie: &Path, root: &str, target: &str, profiled: bool) -> Self {
        Self::limited(folder, crosstie, root, target, profiled, UNLIMITED)
    }
    /// The same, with these limits in both tenants.
    pub fn limited(folder: PathBuf, crosstie: &Path, root: &str, target: &str, profiled: bool, limits: &str) -> Self {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sync-rules")).unwrap();
        let tenant = |name: &str| {
            format!(
                "[tenants.{name}]\nid = \"{}\"\nclient_id = \"{}\"\nclient_secret = {{ env = \"SCALE_SECRET\" }}\nauthority = \
                 \"{root}\"\ngraph = \"{root}\"\n[tenants.{name}.limits]\n{limits}",
                people::tenant_id(name),
                people::client_id(name)
            )
        };
        let text = format!(
            "{}{}[limits]\napp_writes = 100000000\n[[route]]\nhome = \"north\"\ntarget = \"{target}\"\nrules = \"staff\"\n",
            tenant("north"),
            tenant(target)
        );
        fs::write(folder.join("crosstie.toml"), text).unwrap();
        Self { folder, crosstie: crosstie.to_owned(), profiled }
    }
    pub fn rules(&self, more: &str) -> &Self {
        self.rules_for(people::ALL, more)
    }
    pub fn rules_for(&self, who: &str, more: &str) -> &Self {
        fs::write(self.folder.join("sync-rules/staff.toml"), people::rules(who, more)).unwrap();
        self
    }
    /// The program, called here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.called(Command::new(&self.crosstie), arguments)
    }
    fn called(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.current_dir(&self.folder).env_remove("CROSSTIE_CONFIG").env("SCALE_SECRET", people::SECRET);
        command.arg("-q").args(arguments);
        command
    }
    /// Runs it and waits for its end, without a look at where the time goes.
    pub fn prepare(&self, arguments: &[&str]) -> Cost {
        measured(self.command(arguments), &self.folder)
    }
    /// Runs the program here and waits for its end.
    pub fn run(&self, arguments: &[&str]) -> Cost {
        if !self.profiled {
            return self.prepare(arguments);
        }
        let samples = self.folder.join("samples");
        let command = self.called(profile::sampled(&self.crosstie, &samples), arguments);
        let cost = measured(command, &self.folder);
        if self.profiled {
            println!("\n{}: crosstie {}\n{}", self.folder.display(), arguments.join(" "), profile::told(&samples));
        }
        cost
    }
    pub fn forget_store(&self) {
        for end in ["", "-wal", "-shm", "-lock"] {
            let _ = fs::remove_file(self.folder.join(format!("crosstie.db{end}")));
        }
    }
    /// Bytes of the database and of what stands beside it.
    pub fn stored(&self) -> u64 {
        let size = |end: &&str| fs::metadata(self.folder.join(format!("crosstie.db{end}"))).map_or(0, |m| m.len());
        ["", "-wal"].iter().map(size).sum()
    }
}
