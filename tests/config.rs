//! Does a sound configuration become the tenants, routes and selections that it means?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crosstie::config::{Config, Credential, Limits, Loaded, SecretSource, load_with};
use crosstie::model::{Attribute, RouteName, TenantName, Timestamp};
use tempfile::TempDir;

const TENANTS: &str = r#"
[tenants.north]
id = "6f1c0d3e-0000-4000-8000-000000000001"
client_id = "0b9b0d64-0000-4000-8000-000000000001"
client_secret = { env = "NORTH" }

[tenants.south]
id = "south.example"
cloud = "us-gov-dod"
client_id = "0b9b0d64-0000-4000-8000-000000000002"
client_secret = { file = "secret" }

[tenants.west]
id = "6f1c0d3e-0000-4000-8000-000000000003"
client_id = "0b9b0d64-0000-4000-8000-000000000003"
federated_token = { file = "token" }
authority = "http://127.0.0.1:8400"
graph = "http://[::1]:8400"
limits = { writes = 10 }
"#;

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let rules = folder.path().join("sync-rules");
    fs::create_dir(&rules).expect("created");
    fs::write(rules.join("staff.toml"), include_str!("../sync-rules/staff.toml")).expect("written");
    let contractors = "account = \"guest\"\n[[scope]]\ngroups = [\"2b1c0000-0000-4000-8000-00000000000A\"]\n\
                       [[match]]\ntarget = \"extensionAttribute5\"\nsource = \"[employeeId]\"\n\
                       [attributes]\ncity = '[extensionAttribute7]'\n";
    fs::write(rules.join("contractors.toml"), contractors).expect("written");
    for secret in ["secret", "token"] {
        fs::write(folder.path().join(secret), "s3cr3t\r\n").expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder.path().join(secret), fs::Permissions::from_mode(0o600)).expect("closed");
        }
    }
    folder
}

fn load_in(folder: &Path, text: &str) -> Loaded {
    let path = folder.join("crosstie.toml");
    fs::write(&path, text).expect("written");
    let environment = |name: &str| (name == "NORTH").then(|| "s3cr3t".to_owned());
    load_with(&path, &environment).unwrap_or_else(|report| panic!("{}", report.render(false)))
}

fn loaded(routes: &str) -> Config {
    let folder = folder();
    let loaded = load_in(folder.path(), &format!("{TENANTS}\n{routes}"));
    loaded.config
}

fn routes(config: &Config) -> Vec<String> {
    let names = |r: &crosstie::config::Route| r.rules.iter().map(|s| s.name.clone()).collect::<Vec<_>>().join("+");
    config.routes.iter().map(|r| format!("{} {}", r.name, names(r))).collect()
}

const MESH: &str = "[topology]\nkind = \"mesh\"\ntenants = [\"north\", \"south\", \"west\"]\nrules = \"staff\"\n";

#[test]
fn a_mesh_has_every_ordered_pair_once() {
    let config = loaded(MESH);
    let wanted = ["north->south", "north->west", "south->north", "south->west", "west->north", "west->south"];
    assert_eq!(routes(&config), wanted.map(|name| format!("{name} staff")));
}

#[test]
fn a_hub_reads_in_writes_out_or_both() {
    let hub = |direction: &str| {
        let text = "[topology]\nkind = \"hub\"\nhub = \"north\"\nspokes = [\"south\", \"west\"]\nrules = [\"staff\"]\n";
        routes(&loaded(&format!("{text}{direction}")))
    };
    let (inward, outward) = (["south->north staff", "west->north staff"], ["north->south staff", "north->west staff"]);
    assert_eq!(hub(""), inward);
    assert_eq!(hub("direction = \"in\"\n"), inward);
    assert_eq!(hub("direction = \"out\"\n"), outward);
    assert_eq!(hub("direction = \"both\"\n"), [inward, outward].concat());
}

#[test]
fn a_route_of_its_own_replaces_its_pair_in_place_or_is_added() {
    let route = "[[route]]\nhome = \"south\"\ntarget = \"north\"\nrules = [\"contractors\", \"staff\"]\n";
    let config = loaded(&format!("{MESH}{route}"));
    assert_eq!(config.routes.len(), 6);
    assert_eq!(routes(&config)[2], "south->north contractors+staff");
    assert_eq!(routes(&loaded(route)), ["south->north contractors+staff"]);
}

#[test]
fn a_route_of_other_times_keeps_its_rules_and_the_zone_of_all() {
    let all = "[schedule]\ncron = \"0 6 * * *\"\ntime_zone = \"Europe/London\"\njitter_seconds = 90\n";
    let route = |home: &str, more: &str| format!("[[route]]\nhome = \"{home}\"\ntarget = \"north\"\n{more}\n");
    let south = route("south", "schedule = { cron = \"0 * * * *\" }");
    let west =
        route("west", "rules = \"contractors\"\n[route.schedule]\ncron = \"0 6 * * *\"\ntime_zone = \"Asia/Tokyo\"");
    let config = loaded(&format!("{all}{MESH}{south}{west}"));
    assert_eq!(routes(&config)[2], "south->north staff");
    assert_eq!(routes(&config)[4], "west->north contractors");
    assert_eq!(config.jitter_seconds, 90);
    let of = |name: &str| {
        let schedule = config.schedule_of(config.route(&RouteName::parse(name).expect("a route")).expect("a route"));
        format!("{} {}", schedule.cron, schedule.time_zone)
    };
    assert_eq!(of("north->south"), "0 6 * * * Europe/London");
    assert_eq!(of("south->north"), "0 * * * * Europe/London");
    assert_eq!(of("west->north"), "0 6 * * * Asia/Tokyo");

    let at = |text: &str| Timestamp::parse(text).expect("an instant");
    let next = |last: &str, now: &str| {
        let last = config.routes.iter().map(|r| (r.name.clone(), at(last))).collect();
        let (tick, due) = config.next_tick(&last, at(now)).expect("a tick");
        (tick.rfc3339(), due.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let (south, west) = ("south->north", "west->north");
    let of_six = "north->south north->west south->north south->west west->south";
    let told = |at: &str, routes: &str| (at.to_owned(), routes.to_owned());
    let (four, five, six) = ("2026-07-01T04:00:00Z", "2026-07-01T05:00:00Z", "2026-07-01T06:00:00.000Z");
    assert_eq!(next(four, four), told("2026-07-01T05:00:00.000Z", of_six));
    assert_eq!(next(five, five), told(six, south));
    assert_eq!(next("2026-07-01T20:30:00Z", four).1, of_six, "a clock that was put back waits for nothing");
    // Ticks that were missed are made up for once, those of whoever has none are not.
    let (tick, due) = next("2026-07-01T06:30:00Z", "2026-07-01T22:30:00Z");
    assert_eq!((tick.as_str(), due), ("2026-07-01T07:00:00.000Z", format!("{south} {west}")));
    let (_, all) = config.next_tick(&BTreeMap::new(), at(four)).expect("a tick");
    assert_eq!(all.len(), 6, "whoever never had a turn has one at once");
}

#[test]
fn a_jitter_as_long_as_a_pause_is_a_warning() {
    let folder = folder();
    let warnings = |schedule: &str| {
        load_in(folder.path(), &format!("[schedule]\n{schedule}\n{TENANTS}\n{MESH}")).warnings.render(false)
    };
    let shown = warnings("jitter_seconds = 300");
    assert!(shown.contains("put off by up to 300 s, and come due 300 s apart"), "{shown}");
    // Twice a day, and close together once.
    assert!(warnings("cron = \"0,10 6 * * *\"\njitter_seconds = 600").contains("600 s apart"));
    for fine in ["jitter_seconds = 299", "jitter_seconds = 0", "cron = \"0 6 * * *\"\njitter_seconds = 80000"] {
        assert_eq!(warnings(fine), "", "{fine}");
    }
}

#[test]
fn a_tenant_is_asked_for_what_its_routes_and_our_laws_need() {
    let config = loaded("[[route]]\nhome = \"north\"\ntarget = \"west\"\nrules = \"contractors\"\n");
    let asked =
        |tenant: &str| -> Vec<String> { config.selection(&tenant.into()).0.iter().map(ToString::to_string).collect() };
    let laws = ["accountEnabled", "creationType", "externalUserState", "mail", "userPrincipalName", "userType"];
    let with = |more: &[&str]| {
        let mut all: Vec<String> = laws.iter().chain(more).map(|s| (*s).to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(asked("north"), with(&["employeeId", "extensionAttribute7"]));
    assert_eq!(asked("west"), with(&["city", "extensionAttribute5"]));
    assert_eq!(asked("south"), with(&[]));
    let west = TenantName::from("west");
    let looked_up = [Attribute::from("extensionAttribute5"), Attribute::from("mail")];
    assert_eq!(config.key_attributes(&west).into_iter().collect::<Vec<_>>(), looked_up);
    assert!(config.key_attributes(&"north".into()).is_empty(), "no route enters it");
    let groups: Vec<String> = config.home_groups(&"north".into()).into_iter().collect();
    assert_eq!(groups, ["2b1c0000-0000-4000-8000-00000000000a"]);
    assert!(config.home_groups(&west).is_empty());
    let name = RouteName::parse("north->west").expect("a route");
    assert_eq!(config.route(&name).map(|r| &r.name), Some(&name));
    assert!(config.route(&RouteName { home: west, target: "north".into() }).is_none());
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = loaded(MESH);
    assert_eq!((config.schedule.cron.as_str(), config.schedule.time_zone.as_str()), ("*/5 * * * *", "UTC"));
    assert!(config.store.ends_with("crosstie.db"));
    let tenant = |name: &str| &config.tenants[&TenantName::from(name)];
    assert_eq!(tenant("north").authority.as_str(), "https://login.microsoftonline.com/");
    assert_eq!(tenant("north").graph.as_str(), "https://graph.microsoft.com/");
    assert_eq!(tenant("north").redirect_url, "https://myapplications.microsoft.com");
    assert_eq!(
        tenant("north").limits,
        Limits { writes: 3000, window_seconds: 150, writes_per_hour: 72_000, reads: 3_500, ..Limits::default() }
    );
    assert_eq!(tenant("west").limits, Limits { writes: 10, ..Limits::default() });
    assert_eq!(tenant("south").graph.as_str(), "https://dod-graph.microsoft.us/");
    assert_eq!(tenant("west").graph.as_str(), "http://[::1]:8400/");
    assert_eq!(tenant("north").credential, Credential::Secret(SecretSource::Env("NORTH".to_owned())));
}

#[test]
fn secrets_are_read_from_their_place_and_missing_ones_are_told() {
    use secrecy::ExposeSecret as _;
    let folder = folder();
    let Loaded { config, warnings } = load_in(folder.path(), &format!("{TENANTS}\n{MESH}"));
    assert!(warnings.is_empty(), "{}", warnings.render(false));
    let Credential::Secret(source) = &config.tenants[&TenantName::from("south")].credential else { panic!("a secret") };
    assert_eq!(source.read().expect("a secret").expose_secret(), "s3cr3t");
    assert!(!format!("{config:?}").contains("s3cr3t"));
    let missing = |config: &Config| config.missing_secrets().iter().map(|(t, _)| t.to_string()).collect::<Vec<_>>();
    assert_eq!(missing(&config), ["north"], "the process has no such variable");

    fs::write(folder.path().join("secret"), "\n").expect("written");
    fs::remove_file(folder.path().join("token")).expect("removed");
    assert_eq!(missing(&config), ["north", "south", "west"]);
    let warnings = load_in(folder.path(), &format!("{TENANTS}\n{MESH}")).warnings;
    assert_eq!(warnings.counts(), (0, 2));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let secret = folder.path().join("secret");
        fs::write(&secret, "s3cr3t").expect("written");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).expect("opened");
        let shown = load_in(folder.path(), &format!("{TENANTS}\n{MESH}")).warnings.render(false);
        assert!(shown.contains("others on this system may read"), "{shown}");
    }
}

/// As many bytes as a key should have, and their base64.
const KEY: [u8; 24] = *b"abcdefghijklmnopqrstuvw?";
const ENCODED: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnc/";

/// A webhook whose secret lies in a file with this text.
fn with_webhook(secret: &str, more: &str) -> (TempDir, Loaded) {
    let folder = folder();
    fs::write(folder.path().join("token"), "t0ken").expect("written");
    let file = folder.path().join("secret");
    fs::write(file, secret).expect("written");
    let hook = format!(
        "{more}\n[notify.webhooks.ops]\nurl = \"https://hooks.example/a/b?c=d\"\nsecret = {{ file = \"secret\" }}\n"
    );
    let loaded = load_in(folder.path(), &format!("{TENANTS}\n{MESH}\n{hook}"));
    (folder, loaded)
}

#[test]
fn a_webhook_hears_of_everything_unless_it_says_what() {
    use crosstie::config::AlertKind;
    let (_folder, loaded) = with_webhook("k", "");
    let notify = &loaded.config.notify;
    assert_eq!(notify.source, "/crosstie");
    let ops = &notify.webhooks["ops"];
    assert_eq!((ops.url.as_str(), ops.origin().as_str()), ("https://hooks.example/a/b?c=d", "https://hooks.example"));
    assert_eq!(ops.events, AlertKind::NAMED.map(|(_, kind)| kind).into());

    let auditor = "[notify]\nsource = \"urn:example:main\"\n[notify.webhooks.auditor]\nurl = \"http://[::1]:9/\"\n\
                   secret = { env = \"NORTH\" }\nevents = [\"log-head\", \"run-failed\", \"log-head\"]\n";
    let (_folder, loaded) = with_webhook("k", auditor);
    let notify = &loaded.config.notify;
    assert_eq!(notify.source, "urn:example:main");
    assert_eq!(notify.webhooks["auditor"].events, [AlertKind::RunFailed, AlertKind::LogHead].into());
    assert_eq!(notify.webhooks.len(), 2);
    assert!(self::loaded(MESH).notify.webhooks.is_empty(), "without [notify] there is nobody to tell");
}

#[test]
fn the_key_of_a_webhook_is_what_its_secret_encodes_or_is() {
    use secrecy::ExposeSecret as _;
    let key = |secret: &str| {
        let (folder, loaded) = with_webhook(secret, "");
        let key = loaded.config.notify.webhooks["ops"].key();
        (folder, key.map(|k| k.expose_secret().to_vec()), loaded)
    };
    let whole = format!("whsec_{ENCODED}\n");
    for secret in [whole.as_str(), "abcdefghijklmnopqrstuvw?"] {
        let (_folder, key, loaded) = key(secret);
        assert_eq!(key.expect("a key"), KEY, "{secret}");
        assert!(!loaded.warnings.render(false).contains("webhook"), "{}", loaded.warnings.render(false));
        assert!(!format!("{:?}", loaded.config).contains(ENCODED));
    }
    let (_folder, padded, loaded) = key("whsec_YWJj\n");
    assert_eq!(padded.expect("a key"), b"abc");
    assert!(
        loaded.warnings.render(false).contains("`ops` has less than 24 bytes"),
        "{}",
        loaded.warnings.render(false)
    );
    for secret in ["whsec_YWI=", "whsec_YWI"] {
        assert_eq!(key(secret).1.expect("a key"), b"ab", "what fills up base64 may get lost on the way");
    }
    for broken in ["whsec_", "whsec_s3cr3t!", "\n"] {
        let (_folder, key, loaded) = key(broken);
        let error = key.expect_err(broken).to_string();
        let shown = loaded.warnings.render(false);
        assert!(shown.contains("no secret for webhook `ops`"), "{shown}");
        assert!(!error.contains("s3cr3t") && !shown.contains("s3cr3t"), "{error}\n{shown}");
        let missing = loaded.config.missing_webhook_secrets();
        assert_eq!(missing.iter().map(|(hook, _)| hook.as_str()).collect::<Vec<_>>(), ["ops"]);
    }
}

#[test]
fn where_to_listen_is_read_with_its_token() {
    use crosstie::config::{Listen, is_loopback, listen_address};
    let folder = folder();
    let listen = |more: &str| {
        let Loaded { config, warnings } = load_in(folder.path(), &format!("{TENANTS}\n{MESH}\n{more}"));
        (config.listen, warnings.render(false))
    };
    assert_eq!(listen("").0, Listen::default(), "nowhere");
    let usual = Some("127.0.0.1:9464".parse().expect("an address"));
    assert_eq!(listen("[listen]\n"), (Listen { address: usual, token: None }, String::new()));
    for (text, address) in
        [("localhost:1", "127.0.0.1:1"), ("[::1]:0", "[::1]:0"), ("127.9.9.9:65535", "127.9.9.9:65535")]
    {
        let address = Some(address.parse().expect("an address"));
        assert_eq!(listen(&format!("[listen]\naddress = \"{text}\"\n")).0.address, address, "{text}");
    }
    let anywhere = "[listen]\naddress = \"0.0.0.0:9464\"\ntoken = ";
    let (there, warnings) = listen(&format!("{anywhere}{{ env = \"NORTH\" }}\n"));
    assert_eq!((there.token, warnings.as_str()), (Some(SecretSource::Env("NORTH".to_owned())), ""));
    let (_, warnings) = listen(&format!("{anywhere}{{ env = \"NOWHERE\" }}\n"));
    assert!(warnings.contains("no token for `[listen]`") && warnings.contains("NOWHERE"), "{warnings}");
    fs::write(folder.path().join("open"), "t0ken").expect("written");
    let (_, warnings) = listen(&format!("{anywhere}{{ file = \"open\" }}\n"));
    assert!(warnings.contains("others on this system may read") && !warnings.contains("t0ken"), "{warnings}");
    for (address, loopback) in [
        ("127.0.0.1:1", true),
        ("127.255.0.1:1", true),
        ("[::1]:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("0.0.0.0:1", false),
        ("[::]:1", false),
        ("10.0.0.1:1", false),
        ("[::ffff:10.0.0.1]:1", false),
        ("[::127.0.0.1]:1", false),
    ] {
        assert_eq!(is_loopback(listen_address(address).expect("an address")), loopback, "{address}");
    }
}

#[test]
fn a_tenant_that_no_route_touches_is_a_warning() {
    let folder = folder();
    let text = format!("{TENANTS}\n[[route]]\nhome = \"north\"\ntarget = \"south\"\nrules = \"staff\"\n");
    let shown = load_in(folder.path(), &text).warnings.render(false);
    assert!(shown.contains("no route leads from or to `west`"), "{shown}");
}

/// A rule set's warning comes with its own file, and the report names every place.
#[test]
fn warnings_of_rule_sets_name_their_file() {
    let folder = folder();
    let rules = "[attributes]\ncitty = \"[city]\"\ndisplayName = \"[displayName]\"\n";
    fs::write(folder.path().join("sync-rules/staff.toml"), rules).expect("written");
    let warnings = load_in(folder.path(), &format!("{TENANTS}\n{MESH}")).warnings;
    let findings = warnings.findings();
    assert_eq!(findings.len(), 1, "once, although six routes use it");
    assert!(findings[0].file.ends_with("sync-rules/staff.toml"));
    assert_eq!((findings[0].line, findings[0].column), (2, 1));
    assert!(warnings.render(false).contains("staff.toml:2:1"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    /// Whatever happens to a file, it is read or refused: no panic, and every place lies inside.
    #[test]
    fn no_mutilated_configuration_breaks_the_loader(at in 0usize..1200, length in 0usize..60, with in "\\PC{0,12}") {
        let whole = format!("{TENANTS}\n{MESH}");
        let floor = |mut i: usize| { while !whole.is_char_boundary(i) { i -= 1; } i };
        let (start, end) = (floor(at.min(whole.len())), floor((at + length).min(whole.len())));
        let folder = folder();
        let path = folder.path().join("crosstie.toml");
        fs::write(&path, format!("{}{with}{}", &whole[..start], &whole[end..])).expect("written");
        let report = match load_with(&path, &|_| None) {
            Ok(loaded) => { assert!(!loaded.warnings.is_error()); loaded.warnings }
            Err(report) => { assert!(report.is_error()); report }
        };
        let shown = report.render(true) + &report.render(false);
        for located in report.findings() {
            assert!(shown.contains(&format!(":{}:{}", located.line, located.column)), "{shown}");
        }
    }
}
