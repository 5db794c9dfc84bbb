//! Who are we, for somebody who finds the store in use?

use std::os::unix::fs::MetadataExt;

use crate::config::{self, Config};
use crate::store::{Circumstances, Writer};

/// Linux's name of the time since it was started: random, and the same in all containers.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// This process, about to write the store.
pub(super) fn writer(verb: &str, takes_over: bool) -> Writer {
    Writer {
        user: user(),
        host: host(),
        pid: std::process::id(),
        boot: std::fs::read_to_string(BOOT_ID).ok().map(|text| text.trim().to_owned()),
        verb: verb.to_owned(),
        takes_over,
    }
}

/// What a run of this process says of itself in the change log.
pub(super) fn circumstances(config: &Config) -> Circumstances {
    let rules = config.routes.iter().flat_map(|route| &route.rules);
    Circumstances {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: host(),
        user: user(),
        config: config.digest.clone(),
        rules: rules.map(|rules| (rules.name.clone(), config::digest(&rules.text))).collect(),
    }
}

pub(super) fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// A name where the surroundings give one, as a login and systemd do; else the number that Linux knows us by. It is for
/// people to ask around, and nothing is decided by it.
pub(super) fn user() -> String {
    let name = ["USER", "LOGNAME"].into_iter().filter_map(config::environment).find(|name| !name.is_empty());
    let number = || std::fs::metadata("/proc/self").map(|process| format!("uid {}", process.uid()));
    name.map_or_else(|| number().unwrap_or_else(|_| "somebody".to_owned()), |name| name.chars().take(64).collect())
}
