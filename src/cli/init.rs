//! What does a first configuration look like?

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Args, ValueEnum};

use super::output::complain;
use super::{Exit, Global, Output};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The topology to begin with.
    #[arg(value_enum, default_value_t = Topology::Mesh)]
    topology: Topology,
    /// The rule set to begin with.
    #[arg(long, value_enum, default_value_t = Rules::Staff, value_name = "RULES")]
    rules: Rules,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Rules {
    /// Teachers and staff, as members.
    Staff,
    /// The default mapping of Microsoft's cross-tenant synchronization.
    EntraDefault,
}

impl Rules {
    pub(super) fn name(self) -> &'static str {
        match self {
            Rules::Staff => "staff",
            Rules::EntraDefault => "entra-default",
        }
    }
    /// The files that ship with the source, so that they cannot drift from what is tested.
    pub(super) fn text(self) -> &'static str {
        match self {
            Rules::Staff => include_str!("../../sync-rules/staff.toml"),
            Rules::EntraDefault => include_str!("../../sync-rules/entra-default.toml"),
        }
    }
    /// Their tests.
    pub(super) fn tests(self) -> &'static str {
        match self {
            Rules::Staff => include_str!("../../sync-rules/staff.test.toml"),
            Rules::EntraDefault => include_str!("../../sync-rules/entra-default.test.toml"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topology {
    /// Every tenant to every other.
    Mesh,
    /// Spokes to one hub.
    Hub,
}

const HEAD: &str = r#"# Which tenants there are, and which of them crosstie keeps in step.
# Put in your own ids, set the two secrets, then: crosstie check

[store]
path = "crosstie.db"                      # what crosstie remembers; relative to this file

[schedule]                                # when `crosstie run` starts a cycle; not for `sync`
cron = "*/5 * * * *"                      # minute hour day month weekday
time_zone = "UTC"                         # IANA name, e.g. "Europe/London"

# The key is the tenant's name everywhere: on the command line, in logs, in the change log.
[tenants.north]
id = "00000000-0000-4000-8000-00000000000a"          # Entra admin center, Overview: Tenant ID
client_id = "00000000-0000-4000-8000-0000000000a1"   # App registrations: Application (client) ID
client_secret = { env = "NORTH_SECRET" }  # or { file = "secrets/north" }; a secret is never written here
# federated_token = { file = "/var/run/secrets/token" }   # instead of a secret
# cloud = "global"                        # global | us-gov | us-gov-dod | china
# redirect_url = "https://myapplications.microsoft.com"   # where invited people land

# [tenants.north.limits]                  # the defaults: what the vendor allows one app
# writes = 3000
# window_seconds = 150
# writes_per_hour = 72000
# reads = 3500                            # resource units in 10 seconds

[tenants.south]
id = "00000000-0000-4000-8000-00000000000b"
client_id = "00000000-0000-4000-8000-0000000000b1"
client_secret = { env = "SOUTH_SECRET" }

"#;

const MESH: &str = r#"[topology]
kind = "mesh"                             # every tenant to every other
tenants = ["north", "south"]
rules = "staff"                           # sync-rules/staff.toml
"#;

const HUB: &str = r#"[topology]
kind = "hub"
hub = "north"
spokes = ["south"]
direction = "in"                          # in: spokes -> hub | out: hub -> spokes | both
rules = "staff"                           # sync-rules/staff.toml
"#;

const TAIL: &str = r#"
# A route of its own. For a pair of the topology it replaces the topology's rule set.
# [[route]]
# home = "south"
# target = "north"
# rules = ["contractors", "staff"]        # the first rule set whose scope takes a user has that user
"#;

/// Never overwrites: a configuration that stands is a usage error (64), and nothing is written. A rule set that stands
/// is kept, and gets no tests: they are those of another one.
pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let config = &global.config;
    let chosen = arguments.rules;
    let folder = config.parent().unwrap_or(Path::new("")).join("sync-rules");
    let (rules, tests) =
        (folder.join(format!("{}.toml", chosen.name())), folder.join(format!("{}.test.toml", chosen.name())));
    if config.exists() {
        let hint = "name another file with --config, or remove this one";
        complain(format_args!("{} is there already; nothing was written\nhint: {hint}", config.display()));
        return Exit::Usage;
    }
    let topology = match arguments.topology {
        Topology::Mesh => MESH,
        Topology::Hub => HUB,
    };
    // The templates speak of the rule set that is theirs unless another is asked for.
    let text = format!("{HEAD}{topology}{TAIL}").replace(Rules::Staff.name(), chosen.name());
    let tests = (!rules.exists()).then_some((tests.as_path(), chosen.tests()));
    for (path, text) in
        [Some((rules.as_path(), chosen.text())), tests, Some((config.as_path(), &text))].into_iter().flatten()
    {
        match write_new(path, text) {
            Ok(true) => out.line(format_args!("wrote {}", path.display())),
            Ok(false) => out.line(format_args!("kept {}, which was there already", path.display())),
            Err(error) => {
                complain(format_args!("cannot write {}: {error}", path.display()));
                return Exit::Failed;
            }
        }
    }
    out.line(format_args!("next: put in your tenants' ids, then `crosstie check` and `crosstie rules test`"));
    Exit::Done
}

/// False where the file was there already, even if it came this very moment.
pub(super) fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
