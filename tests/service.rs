//! Does the service manager hear what it has to, and can it start us? Real sockets, and the units that ship.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crosstie::cli::Service;

/// Not a test: what the tests below run in a process of its own, because a process is told of its service manager by its
/// environment.
#[test]
#[ignore = "run by the other tests"]
fn the_service() {
    let service = Service::start();
    println!("period {:?}", service.watchdog_period());
    service.ready("next cycle at 12:00");
    service.status("north->south: 3 of 9\nREADY=1\u{1b}[31m");
    service.alive();
    service.reloading();
    service.ready("reloaded");
    service.stopping("finishing 2 writes");
}

/// Runs it, and gives what it printed.
fn service(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_service", "--ignored", "--nocapture", "--test-threads=1"]);
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(name);
    }
    let done = command.envs(environment.iter().copied()).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stdout));
    text(&done.stdout)
}
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every datagram that the manager hears, its lines in order.
fn heard(environment: &[(&str, &str)]) -> (Vec<Vec<String>>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let printed = service(&[environment, &[("NOTIFY_SOCKET", path.to_str().unwrap())]].concat());
    let mut all = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(length) = socket.recv(&mut buffer) {
        all.push(text(&buffer[..length]).lines().map(str::to_owned).collect());
    }
    (all, printed)
}

#[test]
fn the_manager_hears_each_state_in_one_datagram() {
    let (heard, printed) = heard(&[("WATCHDOG_USEC", "120000000")]);
    assert!(printed.contains("period Some(60s)"), "{printed}");
    let status = |text: &str| format!("STATUS={text}");
    let one = |line: &str| vec![line.to_owned()];
    assert_eq!(heard[0], ["READY=1".to_owned(), status("next cycle at 12:00")]);
    assert_eq!(heard[1], [status("north->south: 3 of 9 READY=1 [31m")], "a status cannot say more than a status");
    assert_eq!(heard[2], one("WATCHDOG=1"));
    assert_eq!((heard[3].len(), heard[3][0].as_str()), (2, "RELOADING=1"));
    let at: u64 = heard[3][1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(at > 0);
    assert_eq!(heard[4], ["READY=1".to_owned(), status("reloaded")]);
    assert_eq!(heard[5], ["STOPPING=1".to_owned(), status("finishing 2 writes")]);
    assert_eq!(heard.len(), 6);
}

#[test]
fn without_a_watchdog_or_with_somebody_elses_no_sign_of_life_is_given() {
    for environment in [&[][..], &[("WATCHDOG_USEC", "0")], &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]] {
        let (heard, printed) = heard(environment);
        assert!(printed.contains("period None"), "{printed}");
        assert_eq!(heard.len(), 5, "{environment:?}");
        assert!(!heard.concat().iter().any(|line| line.starts_with("WATCHDOG")), "{heard:?}");
    }
}

#[test]
fn where_nobody_listens_nothing_is_said_and_nothing_fails() {
    service(&[]);
    service(&[("NOTIFY_SOCKET", "/nonexistent/socket")]);
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy")
}
fn unit(name: &str) -> String {
    std::fs::read_to_string(deploy().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}
const UNITS: [&str; 3] = ["crosstie.service", "crosstie-sync.service", "crosstie-sync.timer"];

/// The settings of a unit by section, in order. Lists of the sections that we use: what systemd.unit(5), systemd.service(5),
/// systemd.exec(5), systemd.resource-control(5) and systemd.timer(5) know of them.
fn settings(unit: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in unit.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            Some(name) => name.clone_into(&mut section),
            None => {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
                found.push((section.clone(), key.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

const KNOWN: [(&str, &str); 4] = [
    ("Unit", "Description Documentation Wants After StartLimitIntervalSec StartLimitBurst"),
    (
        "Service",
        "Type NotifyAccess ExecStart ExecReload User Group StateDirectory StateDirectoryMode UMask LoadCredential \
         WatchdogSec Restart RestartSec RestartPreventExitStatus SuccessExitStatus TimeoutStartSec TimeoutStopSec \
         NoNewPrivileges CapabilityBoundingSet AmbientCapabilities ProtectSystem ProtectHome PrivateTmp PrivateDevices \
         ProtectClock ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectControlGroups \
         ProtectProc RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality \
         MemoryDenyWriteExecute SystemCallArchitectures SystemCallFilter SystemCallErrorNumber MemoryMax TasksMax \
         LimitCORE WorkingDirectory Environment",
    ),
    ("Timer", "OnCalendar Persistent RandomizedDelaySec AccuracySec Unit"),
    ("Install", "WantedBy"),
];

/// What is wrong with a unit, as far as that can be told without systemd.
fn faults(unit: &str) -> Vec<String> {
    let known: BTreeMap<&str, BTreeSet<&str>> =
        KNOWN.into_iter().map(|(section, keys)| (section, keys.split_whitespace().collect())).collect();
    let switches = ["NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "Persistent"];
    let mut faults = Vec::new();
    for (section, key, value) in settings(unit) {
        match known.get(section.as_str()) {
            None => faults.push(format!("no section [{section}]")),
            Some(keys) if !keys.contains(key.as_str()) => faults.push(format!("no setting {key} in [{section}]")),
            Some(_) if switches.contains(&key.as_str()) && !["yes", "no"].contains(&value.as_str()) => {
                faults.push(format!("{key} is yes or no, and not {value}"));
            }
            Some(_) if key.ends_with("Sec") && value.parse::<u32>().is_err() && value != "infinity" => {
                faults.push(format!("{key} is a number of seconds, and not {value}"));
            }
            Some(_) => {}
        }
    }
    faults
}

/// The same, as systemd sees it, where it is there. The program is put where the tests have it.
fn verified(folder: &Path) -> Option<Output> {
    let units = UNITS.map(|name| folder.join(name));
    Command::new("systemd-analyze").arg("verify").arg("--man=no").args(units).output().ok()
}
fn laid_out(folder: &Path, change: impl Fn(&str) -> String) {
    let program = assert_cmd::cargo::cargo_bin!("crosstie").display().to_string();
    for name in UNITS {
        let text = unit(name).replace("/usr/local/bin/crosstie", &program);
        std::fs::write(folder.join(name), change(&text)).unwrap();
    }
}

#[test]
fn the_units_are_sound() {
    for name in UNITS {
        assert_eq!(faults(&unit(name)), Vec::<String>::new(), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    laid_out(folder.path(), str::to_owned);
    let Some(done) = verified(folder.path()) else { return };
    // Other units of the machine may be complained of; ours may not.
    let said = text(&done.stderr);
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("crosstie")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

/// A check that cannot fail is none.
#[test]
fn a_unit_that_is_spoilt_is_noticed() {
    let spoilt = [
        ("ProtectSystem=", "ProtectSytem="),
        ("[Service]", "[Servic]"),
        ("NoNewPrivileges=yes", "NoNewPrivileges=perhaps"),
        ("TimeoutStopSec=10", "TimeoutStopSec=ten"),
    ];
    for (from, to) in spoilt {
        let change = |text: &str| text.replace(from, to);
        let text = unit("crosstie.service");
        assert!(text.contains(from), "there is no {from}");
        assert!(!faults(&change(&text)).is_empty(), "{to} is not noticed");
        let folder = tempfile::tempdir().unwrap();
        laid_out(folder.path(), change);
        if let Some(done) = verified(folder.path()) {
            assert!(text_of(&done).contains("crosstie.service"), "systemd does not notice {to}: {}", text_of(&done));
        }
    }
}
fn text_of(done: &Output) -> String {
    text(&done.stderr)
}

/// What the units promise is what the program keeps: the words of its command line, its exit codes, its own times.
#[test]
fn the_units_say_what_is_so() {
    let value = |unit: &str, wanted: &str| {
        let all = settings(unit).into_iter().filter(|(_, key, _)| key == wanted).map(|(_, _, value)| value);
        all.collect::<Vec<_>>().join(" | ")
    };
    let (run, sync) = (unit("crosstie.service"), unit("crosstie-sync.service"));
    assert!(value(&run, "ExecStart").starts_with("/usr/local/bin/crosstie --config /etc/crosstie/crosstie.toml run"));
    assert_eq!(value(&sync, "ExecStart"), "/usr/local/bin/crosstie --config /etc/crosstie/crosstie.toml sync");
    assert_eq!(value(&run, "RestartPreventExitStatus"), crosstie::cli::Exit::Usage.code().to_string());
    // Five seconds are promised, and twice that is given.
    assert_eq!(value(&run, "TimeoutStopSec"), "10");
    assert!(value(&run, "WatchdogSec").parse::<u64>().unwrap() >= 60);
    // Both live in the same walls.
    let walls = |unit: &str| {
        let outside = ["Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "TimeoutStartSec"];
        let of_service = settings(unit).into_iter().filter(|(section, key, _)| {
            section == "Service" && !outside.contains(&key.as_str()) && !key.starts_with("Restart")
                || key.starts_with("Restrict")
        });
        of_service.collect::<Vec<_>>()
    };
    assert_eq!(walls(&run), walls(&sync));
    assert!(walls(&run).len() > 25);
    // What the page on deploying shows is what the files say.
    let page = unit("README.md");
    for name in ["crosstie.service", "crosstie-sync.timer", "Containerfile"] {
        assert!(page.contains(&format!("({name})")), "README.md does not lead to {name}");
    }
}

/// The image is built from what the program is made of: everything that the sources take in, and what the manifest names.
#[test]
fn the_image_is_built_from_all_that_the_program_is_made_of() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = unit("Containerfile");
    let copied: Vec<&str> = recipe
        .lines()
        .filter_map(|l| l.strip_prefix("COPY "))
        .filter(|l| !l.starts_with("--from"))
        .flat_map(|l| l.rsplit_once(' ').unwrap().0.split(' '))
        .collect();
    assert!(copied.iter().all(|name| root.join(name).exists()), "{copied:?}");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let benches = manifest.lines().any(|l| l == "[[bench]]");
    assert_eq!(copied.contains(&"benches"), benches, "cargo wants every target of the manifest to be there");
    let pattern = regex::Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let mut folders = vec![root.join("src")];
    let mut tried = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Only built to be tested.
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            for found in pattern.captures_iter(&std::fs::read_to_string(&path).unwrap()) {
                let file = folder.join(&found[1]).canonicalize().unwrap();
                let inside = file.strip_prefix(root.canonicalize().unwrap()).unwrap().to_owned();
                let there = copied.iter().any(|name| inside.starts_with(name));
                assert!(there, "{} is not copied into the image", inside.display());
                tried += 1;
            }
        }
    }
    assert!(tried > 5, "only {tried} files are taken in");
    assert!(recipe.contains("USER 65532:65532") && !recipe.contains("\nADD ") && !recipe.contains("COPY . "));
}

/// A configuration that names files of the service manager is read in each unit, and told of elsewhere.
#[test]
fn files_that_the_manager_hands_over_are_secrets_like_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("sync-rules")).unwrap();
    std::fs::create_dir_all(path("credentials")).unwrap();
    std::fs::write(path("sync-rules/staff.toml"), include_str!("../sync-rules/staff.toml")).unwrap();
    let tenant = |n: u32, credential: &str| {
        format!(
            "[tenants.t{n}]\nid = \"6f1c0d3e-0000-4000-8000-00000000000{n}\"\nclient_id = \
             \"0b9b0d64-0000-4000-8000-00000000000{n}\"\n{credential}\n"
        )
    };
    let topology = "[topology]\nkind = \"mesh\"\ntenants = [\"t1\", \"t2\"]\nrules = \"staff\"\n";
    let secret = tenant(1, "client_secret = { file = \"$CREDENTIALS_DIRECTORY/north\" }");
    let token = tenant(2, "federated_token = { file = \"$CREDENTIALS_DIRECTORY/token\" }");
    std::fs::write(path("crosstie.toml"), format!("{secret}{token}{topology}")).unwrap();
    for name in ["north", "token"] {
        std::fs::write(path("credentials").join(name), "a secret\n").unwrap();
        // As systemd makes them.
        std::fs::set_permissions(path("credentials").join(name), std::fs::Permissions::from_mode(0o440)).unwrap();
    }
    let check = |credentials: Option<&Path>| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("crosstie"));
        command.arg("check").current_dir(folder.path()).env_remove("CREDENTIALS_DIRECTORY");
        credentials.map(|folder| command.env("CREDENTIALS_DIRECTORY", folder));
        let done = command.output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        text(&done.stderr)
    };
    assert_eq!(check(Some(&path("credentials"))), "");
    let outside = check(None);
    assert!(outside.contains("no credential for `t1`: cannot read $CREDENTIALS_DIRECTORY/north"), "{outside}");
    assert!(outside.contains("no credential for `t2`: cannot read $CREDENTIALS_DIRECTORY/token"), "{outside}");
    // Elsewhere such permissions are worth a word.
    std::fs::write(
        path("crosstie.toml"),
        format!("{secret}{token}{topology}").replace("$CREDENTIALS_DIRECTORY", "credentials"),
    )
    .unwrap();
    assert!(check(Some(&path("other"))).contains("others on this system may read"));
    assert!(check(Some(Path::new(""))).contains("others on this system may read"));
}
