//! A configuration: does one that checks clean load, alike each time, and work? And does no finding repeat a secret?

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crosstie::config::load_with;
use crosstie::graph::GraphOrigin;
use crosstie::model::Timestamp;

pub const WORDS: &[&str] = &[
    "[store]\npath = \"crosstie.db\"\n",
    "[tenants.north]\n",
    "[tenants.south]\n",
    "id = \"6f1c0d3e-0000-4000-8000-000000000001\"\n",
    "client_id = \"0b9b0d64-0000-4000-8000-000000000001\"\n",
    "client_secret = { env = \"NORTH_SECRET\" }\n",
    "client_secret = { file = \"secret\" }\n",
    "client_secret = \"not-a-real-secret\"\n",
    "client_secret = not-a-real-secret\n",
    "graph = \"http://127.0.0.1:8400\"\n",
    "graph = \"https://graph.example/base\"\n",
    "authority = \"https://login.example\"\n",
    "cloud = \"global\"\n",
    "[topology]\n",
    "kind = \"mesh\"\n",
    "kind = \"hub\"\n",
    "tenants = [\"north\", \"south\"]\n",
    "rules = \"staff\"\n",
    "[[route]]\nfrom = \"north\"\nto = \"south\"\nrules = [\"staff\"]\n",
    "[schedule]\ncron = \"*/5 * * * *\"\ntime_zone = \"Europe/Berlin\"\n",
    "cron = \"0 0 30 2 *\"\n",
    "[limits]\napp_writes = 1\n",
    "[tenants.north.limits]\n",
    "window_seconds = 0\n",
    "share = \"50%\"\n",
    "[listen]\naddress = \"127.0.0.1:9000\"\n",
    "[[notify.webhook]]\nurl = \"https://hooks.example/x\"\n",
    "rules_dir = \"..\"\n",
    "'''",
    "\\u0000",
    "\u{feff}",
    "#",
    "\n",
    "=",
    "[[",
    "}",
];

/// Stands for a secret that somebody typed into the file. No name may hold it: what is underlined is masked by its place.
const CANARY: &str = "not-a-real-secret";

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// The bytes are `crosstie.toml`; one rule set stands beside it.
pub fn config(data: &[u8]) -> bool {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("sync-rules")).unwrap();
            let staff = "[attributes]\ndisplayName = \"[displayName]\"\n";
            std::fs::write(folder.path().join("sync-rules/staff.toml"), staff).unwrap();
            folder
        });
        let path = folder.path().join("crosstie.toml");
        std::fs::write(&path, data).unwrap();
        read(&path, &String::from_utf8_lossy(data))
    })
}

fn read(path: &std::path::Path, text: &str) -> bool {
    let environment = |name: &str| name.ends_with("_SECRET").then(|| "there".to_owned());
    let (first, again) = (load_with(path, &environment), load_with(path, &environment));
    assert_eq!(format!("{first:?}"), format!("{again:?}"), "the same file, read twice");
    let report = match &first {
        Ok(loaded) => &loaded.warnings,
        Err(report) => report,
    };
    assert_eq!(report.is_error(), first.is_err(), "refused without a reason, or taken in spite of one");
    let lines = text.lines().count() + 1;
    for located in report.findings() {
        assert!((1..=lines.max(2)).contains(&located.line), "{located:?}");
        assert!(located.column >= 1 && !located.finding.message.trim().is_empty(), "{located:?}");
    }
    let shown = report.render(false);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    if typed_as_a_value(text) {
        assert!(!shown.contains(CANARY), "a secret was repeated:\n{shown}");
    }
    let Ok(loaded) = first else { return false };
    let config = loaded.config;
    assert!(config.tenants.len() >= 2 && !config.routes.is_empty());
    for (name, tenant) in &config.tenants {
        assert_eq!(name, &tenant.name);
        assert!(GraphOrigin::new(&tenant.graph).is_some(), "{name}: {}", tenant.graph);
        for address in [&tenant.graph, &tenant.authority] {
            let host = address.host_str().unwrap_or_default();
            let loopback = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
            assert!(address.scheme() == "https" || (address.scheme() == "http" && loopback), "{address}");
            assert!(address.username().is_empty() && address.password().is_none(), "{address}");
        }
        assert!(tenant.limits.writes > 0 && tenant.limits.window_seconds > 0 && tenant.limits.share_permille > 0);
    }
    let mut pairs = BTreeSet::new();
    for route in &config.routes {
        assert!(pairs.insert(route.name.clone()), "{} twice", route.name);
        assert_ne!(route.name.home, route.name.target);
        assert!(config.tenants.contains_key(&route.name.home) && config.tenants.contains_key(&route.name.target));
        assert!(!route.rules.is_empty());
        let after = Timestamp(1_795_322_112_000);
        let due = config.schedule_of(route).next_after(after);
        assert!(due.is_some_and(|at| at > after), "{} is never due", route.name);
    }
    true
}

/// Does the canary stand as the whole value of a key that holds a secret? Elsewhere it is a word like others: a name that
/// is not known has to be named.
fn typed_as_a_value(text: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix("client_secret = ").is_some_and(|value| value.trim_matches(['"', '\'']).trim() == CANARY)
    }) && text.matches(CANARY).count() == 1
}
