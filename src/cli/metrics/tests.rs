//! Is the page what monitoring systems expect, and does it say what is so?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regex::Regex;

use super::super::Exit;
use super::{Metrics, Now};
use crate::config::{Config, load_with};
use crate::engine::{Event, standing};
use crate::model::{ActionKind, Origin, Outcome, Person, RouteName, RunId, Tie, Timestamp, Trigger, WriteError};
use crate::store::{
    Ask, AskKind, Breaker, Door, LinkChange, Pending, Quarantine, Record, RoutePart, Store, TenantSetup,
};

/// 2026-11-23T00:00:00Z.
const NOW: Timestamp = Timestamp(1_795_392_000_000);

/// A page that keeps the rules of OpenMetrics' text format, taken apart.
#[derive(Debug)]
pub(in crate::cli) struct Page {
    /// By name: the kind, and every sample.
    families: BTreeMap<String, (String, Vec<Sample>)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Page {
    /// Takes a page apart; whatever breaks a rule ends the test.
    #[track_caller]
    pub(in crate::cli) fn of(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text:?}"));
        let head = Regex::new(r"^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$").unwrap();
        let mut families: BTreeMap<String, (String, Vec<Sample>)> = BTreeMap::new();
        let mut current: Option<(String, BTreeMap<String, String>)> = None;
        for line in body.lines() {
            assert!(!line.trim().is_empty() && line == line.trim_end(), "{line:?}");
            if let Some(found) = head.captures(line) {
                let name = found[2].to_owned();
                if current.as_ref().is_none_or(|(n, _)| *n != name) {
                    assert!(!families.contains_key(&name), "{name} stands in two places");
                    current = Some((name.clone(), BTreeMap::new()));
                }
                let (_, heads) = current.as_mut().unwrap();
                assert!(!families.contains_key(&name), "{line}: after the samples");
                assert!(heads.insert(found[1].to_owned(), found[3].to_owned()).is_none(), "{line}: twice");
                continue;
            }
            let (name, heads) = current.as_ref().unwrap_or_else(|| panic!("{line}: of no family"));
            let sample = sample(line);
            assert_eq!(kind_of(&heads["TYPE"], name, &sample.name), Some(()), "{line}: of {name}");
            assert!(heads["HELP"].ends_with('.'), "{name} is not explained");
            if let Some(unit) = heads.get("UNIT") {
                assert!(name.ends_with(&format!("_{unit}")), "{name} in {unit}");
            }
            let family = families.entry(name.clone()).or_insert_with(|| (heads["TYPE"].clone(), Vec::new()));
            let same = |s: &Sample| s.name == sample.name && s.labels == sample.labels;
            assert!(!family.1.iter().any(same), "{line}: twice");
            family.1.push(sample);
        }
        families.values().filter(|(kind, _)| kind == "histogram").for_each(|(_, samples)| histogram(samples));
        families
            .values()
            .filter(|(kind, _)| kind == "info")
            .for_each(|(_, s)| assert!(s.iter().all(|s| s.value == 1.0)));
        Self { families }
    }

    /// The value of one sample; labels written `a=b`.
    #[track_caller]
    pub(in crate::cli) fn value(&self, name: &str, labels: &[&str]) -> f64 {
        self.maybe(name, labels).unwrap_or_else(|| panic!("no {name} {labels:?} in {:#?}", self.families.keys()))
    }

    fn maybe(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|l| l.split_once('=').unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut all = self.families.values().flat_map(|(_, samples)| samples);
        all.find(|s| s.name == name && s.labels == labels).map(|s| s.value)
    }

    fn names(&self) -> BTreeSet<String> {
        self.families.values().flat_map(|(_, samples)| samples.iter().map(|s| s.name.clone())).collect()
    }

    fn samples(&self) -> usize {
        self.families.values().map(|(_, samples)| samples.len()).sum()
    }
}

/// May a family of this kind have a sample of that name?
fn kind_of(kind: &str, family: &str, sample: &str) -> Option<()> {
    let suffixes: &[&str] = match kind {
        "gauge" => &[""],
        "counter" => &["_total"],
        "info" => &["_info"],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => return None,
    };
    suffixes.contains(&sample.strip_prefix(family)?).then_some(())
}

fn sample(line: &str) -> Sample {
    let whole = Regex::new(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$").unwrap();
    let found = whole.captures(line).unwrap_or_else(|| panic!("no sample: {line:?}"));
    let one = Regex::new(r#"^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)"#).unwrap();
    let (mut labels, mut rest) = (BTreeMap::new(), found.get(2).map_or("", |m| m.as_str()));
    while !rest.is_empty() {
        let label = one.captures(rest).unwrap_or_else(|| panic!("no label: {rest:?}"));
        assert!(labels.insert(label[1].to_owned(), label[2].to_owned()).is_none(), "{line}: twice {}", &label[1]);
        rest = &rest[label[0].len()..];
    }
    let value = found[3].parse().unwrap_or_else(|_| panic!("no number: {line}"));
    Sample { name: found[1].to_owned(), labels, value }
}

/// Buckets in their order, each with all that is in the ones before.
fn histogram(samples: &[Sample]) {
    let of = |suffix: &str| samples.iter().filter(|s| s.name.ends_with(suffix)).collect::<Vec<_>>();
    let bound = |s: &Sample| s.labels["le"].parse::<f64>().unwrap();
    let buckets = of("_bucket");
    assert!(buckets.windows(2).all(|w| bound(w[0]) < bound(w[1]) && w[0].value <= w[1].value), "{buckets:?}");
    assert!(bound(buckets[buckets.len() - 1]).is_infinite());
    assert_eq!(buckets[buckets.len() - 1].value, of("_count")[0].value);
    assert_eq!(of("_sum").len(), 1);
}

/// A clock that a test sets.
pub(in crate::cli) fn clock() -> (Arc<AtomicU64>, Now) {
    let time = Arc::new(AtomicU64::new(NOW.0));
    let now = Arc::clone(&time);
    (time, Arc::new(move || Timestamp(now.load(Ordering::Relaxed))))
}

struct Place {
    config: Config,
    store: Store,
    _folder: tempfile::TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sync-rules")).unwrap();
    std::fs::write(folder.path().join("sync-rules/staff.toml"), "account = \"member\"\n").unwrap();
    let mut text = String::new();
    for (n, tenant) in ["north", "south"].iter().enumerate() {
        text += &format!(
            "[tenants.{tenant}]\nid = \"6f1c0d3e-0000-4000-8000-00000000000{n}\"\n\
             client_id = \"0b9b0d64-0000-4000-8000-00000000000{n}\"\nclient_secret = {{ env = \"X\" }}\n"
        );
    }
    text += "[topology]\nkind = \"mesh\"\ntenants = [\"north\", \"south\"]\nrules = \"staff\"\n";
    let path = folder.path().join("crosstie.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = load_with(&path, &|_| Some("x".to_owned()));
    let config = loaded.unwrap_or_else(|report| panic!("{}", report.render(false))).config;
    let store = Store::in_memory().unwrap();
    let setup = |t: &crate::config::Tenant| TenantSetup {
        name: t.name.clone(),
        directory: t.id.clone(),
        keyed: BTreeSet::new(),
    };
    let setups: Vec<_> = config.tenants.values().map(setup).collect();
    let routes: Vec<_> = config.routes.iter().map(|r| r.name.clone()).collect();
    store.set_up(&setups, &routes).unwrap();
    Place { config, store, _folder: folder }
}

fn route() -> RouteName {
    RouteName::parse("north->south").unwrap()
}

fn ask(user: &str) -> Ask {
    Ask {
        run: RunId(1),
        trigger: Trigger::Schedule,
        at: NOW,
        request_id: "r".to_owned(),
        home_tenant: "north".to_owned(),
        target_tenant: "south".to_owned(),
        home: Person { id: user.into(), user_principal_name: format!("{user}@north.example") },
        rules: "staff".to_owned(),
        action: ActionKind::Provision,
        kind: AskKind::Invite,
        account: Some(format!("account of {user}").as_str().into()),
        origin: None,
        address: None,
        edits: BTreeMap::new(),
        redacted: BTreeSet::new(),
        why: "in scope".to_owned(),
    }
}

fn refused() -> Outcome {
    Outcome::Failed(WriteError { code: "no".to_owned(), message: "no to secret-ada@north.example".to_owned() })
}

/// Something of everything: an account, changes that wait, people held and failed, a tenant that rests, a quarantine, a
/// refusal, an entry of the change log, a run.
fn eventful() -> Place {
    let place = place();
    let (store, route) = (&place.store, route());
    let link = crate::model::Link {
        route: route.clone(),
        home: "ada".into(),
        tie: Tie::Known { account: "account".into(), origin: Origin::Provisioned },
        rules: "staff".to_owned(),
        initialised: true,
        disabled_by_us: false,
        leaving_since: None,
        baseline: Default::default(),
        since: NOW,
    };
    let budgets = crate::engine::Budgets::of(&place.config, &place.config.tenants[&route.target]).named();
    let record = Record {
        asked: None,
        ask: ask("ada"),
        outcome: Outcome::Applied,
        at: NOW,
        account: None,
        learned: None,
        link: LinkChange::Set(link),
        budgets: vec![budgets[0].1.name.clone()],
    };
    store.record(record).unwrap();
    let pend = |who: &str, lane: &str, writes, at| {
        let pending = Pending { action: "x".to_owned(), lane: lane.to_owned(), writes };
        store.pend(&route, &who.into(), &pending, at).unwrap();
    };
    pend("bob", "provisions", 3, NOW);
    pend("eve", "provisions", 2, NOW);
    pend("kim", "leavers", 1, Timestamp(NOW.0 - 60_000));
    pend("lee", "leavers", 1, Timestamp(NOW.0 - 5_000));
    store.explain_unsettled(&route, &"held".into(), "held", "two accounts match: secret-ada@north.example").unwrap();
    store.put_off(&route, &"sad".into(), "no", NOW, |_| 600).unwrap();
    let breaker = |failures| Breaker {
        failures,
        since: NOW,
        open_until: NOW.plus_seconds(60),
        reason: "secret-ada@north.example".to_owned(),
    };
    store.open_breaker(&route.home, Door::Reading, &breaker(1)).unwrap();
    store.open_breaker(&route.target, Door::Writing, &breaker(1)).unwrap();
    let quarantine =
        Quarantine { since: NOW, probes: 0, probe_at: NOW, code: "403".to_owned(), reason: "no".to_owned() };
    store.quarantine(&route, RoutePart::Others, &quarantine).unwrap();
    store.guarded(&route, &["500 accounts to delete".to_owned()], NOW).unwrap();
    let run = store.begin_run(Trigger::Schedule, NOW).unwrap();
    store.end_run(run, NOW.plus_seconds(2), 4, "{}").unwrap();
    place
}

/// A page with every metric there is.
fn full_page() -> (Metrics, Arc<AtomicU64>, Place) {
    let (place, (time, now)) = (eventful(), clock());
    let metrics = Metrics::new(now);
    metrics.refresh(&standing(&place.config, &place.store, NOW).unwrap(), NOW);
    metrics.hear(&Event::Written { ask: &ask("ada"), outcome: &Outcome::Applied });
    metrics.outbox([("ops".to_owned(), 3)]);
    metrics.cycle_ended(2.5, Exit::Incomplete);
    (metrics, time, place)
}

fn page(metrics: &Metrics) -> Page {
    Page::of(&metrics.render().unwrap())
}

#[test]
fn a_page_says_what_the_store_says() {
    let (metrics, _, _place) = full_page();
    let page = page(&metrics);
    let value = |name: &str, labels: &[&str]| page.value(&format!("crosstie_{name}"), labels);
    assert_eq!(value("build_info", &[concat!("version=", env!("CARGO_PKG_VERSION"))]), 1.0);
    let north_south = |name| value(name, &["route=north->south"]);
    assert_eq!(["links", "pending_changes", "held_people", "failed_people"].map(north_south), [1.0, 4.0, 1.0, 1.0]);
    assert_eq!((north_south("refused"), value("refused", &["route=south->north"])), (1.0, 0.0));
    let quarantined = |part| value("quarantined", &["route=north->south", part]);
    assert_eq!((quarantined("part=others"), quarantined("part=leavers")), (1.0, 0.0));
    let lane = |name: &str, lane| value(name, &["target=south", lane]);
    assert_eq!((lane("lane_depth", "lane=provisions"), lane("lane_writes", "lane=provisions")), (2.0, 5.0));
    assert_eq!((lane("lane_depth", "lane=leavers"), lane("lane_depth", "lane=references")), (2.0, 0.0));
    assert_eq!(value("lane_depth", &["target=north", "lane=leavers"]), 0.0);
    assert_eq!(value("oldest_leaver_age_seconds", &["target=south"]), 60.0);
    assert_eq!(value("oldest_leaver_age_seconds", &["target=north"]), 0.0);
    // A reading may fail a few times before the tenant is left alone.
    assert_eq!(value("breaker_open", &["tenant=south", "door=writing"]), 1.0);
    assert_eq!(value("breaker_open", &["tenant=north", "door=reading"]), 0.0);
    let budget = |name: &str| value(name, &["tenant=south", "budget=writes", "window_seconds=150"]);
    assert_eq!((budget("budget_left"), budget("budget_limit")), (2_999.0, 3_000.0));
    assert_eq!(value("log_entries", &[]), 1.0);
    assert!(page.families["crosstie_log_head"].1[0].labels["hash"].starts_with("sha256:"));
    assert_eq!(value("outbox_alerts", &["webhook=ops"]), 3.0);
    assert_eq!(value("unanswered_writes", &["tenant=south"]), 0.0);
}

#[test]
fn ages_grow_while_nothing_happens() {
    let (metrics, time, place) = full_page();
    let ages = || {
        let page = page(&metrics);
        let names =
            ["heartbeat_age_seconds", "snapshot_age_seconds"].map(|n| page.value(&format!("crosstie_{n}"), &[]));
        let north = page.value("crosstie_watermark_age_seconds", &["tenant=north"]);
        let leaver = page.value("crosstie_oldest_leaver_age_seconds", &["target=south"]);
        [names[0], names[1], north, leaver]
    };
    assert_eq!(ages(), [0.0, 0.0, 0.0, 60.0], "a tenant that was never read is as old as the process");
    time.store(NOW.0 + 90_500, Ordering::Relaxed);
    assert_eq!(ages(), [90.5, 90.5, 90.5, 150.5]);
    metrics.beat();
    assert_eq!(metrics.silent_seconds(), 0);
    metrics.refresh(&standing(&place.config, &place.store, NOW).unwrap(), NOW.plus_seconds(90));
    assert_eq!(ages()[..2], [0.0, 0.5]);
}

#[test]
fn what_happens_is_counted_by_words_that_are_bounded() {
    let (metrics, _, _place) = full_page();
    let count = |metrics: &Metrics, outcome: &str| {
        let labels = ["route=north->south", "action=provision", &format!("outcome={outcome}")];
        page(metrics).maybe("crosstie_changes_total", &labels).unwrap_or(0.0)
    };
    metrics.hear(&Event::Written { ask: &ask("eve"), outcome: &refused() });
    let samples = page(&metrics).samples();
    for n in 0..50 {
        metrics.hear(&Event::Written { ask: &ask(&format!("user{n}")), outcome: &refused() });
    }
    assert_eq!((count(&metrics, "applied"), count(&metrics, "failed"), count(&metrics, "unknown")), (1.0, 51.0, 0.0));
    assert_eq!(page(&metrics).samples(), samples, "more people are no more series");
    let text = metrics.render().unwrap();
    assert!(!text.contains("secret-ada") && !text.contains("@north.example"), "{text}");
}

#[test]
fn throttled_answers_are_counted_once_also_where_connections_are_made_anew() {
    let (metrics, _, _place) = full_page();
    let count = |operation: &str| {
        let labels = ["tenant=south", &format!("operation={operation}")];
        page(&metrics).value("crosstie_throttled_answers_total", &labels)
    };
    assert_eq!((count("read"), count("write")), (0.0, 0.0), "there before the first, so that it is a rise");
    let south = "south".into();
    metrics.hear(&Event::Throttled { tenant: &south });
    for (all, counted) in [(2, 2.0), (2, 2.0), (5, 5.0), (1, 6.0), (3, 8.0)] {
        metrics.reads_throttled(&south, all);
        assert_eq!((count("read"), count("write")), (counted, 1.0), "{all}");
    }
}

#[test]
fn cycles_are_counted_by_exit_code_and_timed() {
    let (time, now) = clock();
    let metrics = Metrics::new(now);
    let cycles = |code: &str| page(&metrics).value("crosstie_cycles_total", &[&format!("exit_code={code}")]);
    assert_eq!(["0", "1", "3", "4"].map(cycles), [0.0; 4]);
    let ended = || page(&metrics).maybe("crosstie_last_successful_cycle_timestamp_seconds", &[]);
    metrics.cycle_ended(0.5, Exit::Failed);
    assert_eq!(ended(), None);
    for (exit, seconds) in [(Exit::Done, 1.5), (Exit::Refused, 400.0), (Exit::Incomplete, 1e6)] {
        time.fetch_add(1_000, Ordering::Relaxed);
        metrics.cycle_ended(seconds, exit);
        assert_eq!(ended().unwrap() * 1_000.0, time.load(Ordering::Relaxed) as f64);
    }
    assert_eq!(["0", "1", "3", "4"].map(cycles), [1.0; 4]);
    let page = page(&metrics);
    let bucket = |le: &str| page.value("crosstie_cycle_duration_seconds_bucket", &[&format!("le={le}")]);
    assert_eq!(["1.0", "2.0", "300.0", "900.0", "43200.0", "+Inf"].map(bucket), [1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
    // What an earlier process has done is known from the store, and never takes back what this one did.
    let (place, later) = (eventful(), ended());
    metrics.refresh(&standing(&place.config, &place.store, NOW).unwrap(), NOW);
    assert_eq!(ended(), later);
}

/// The checker is worth what it refuses.
#[test]
fn a_page_that_breaks_a_rule_is_refused() {
    let fine = "# HELP a_seconds A.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds{b=\"c\"} 1.5\n# EOF\n";
    assert_eq!(Page::of(fine).value("a_seconds", &["b=c"]), 1.5);
    let broken = [
        fine.replace("# EOF\n", ""),
        fine.replace("# EOF\n", "# EOF\n# EOF\n"),
        fine.replace("# TYPE a_seconds gauge\n", ""),
        fine.replace("gauge", "counter"),
        fine.replace("seconds seconds", "seconds minutes"),
        fine.replace("a_seconds{b=\"c\"} 1.5\n", "a_seconds{b=\"c\"} 1.5\na_seconds{b=\"c\"} 2\n"),
        fine.replace("{b=\"c\"}", "{b=\"c\",b=\"d\"}"),
        fine.replace("{b=\"c\"}", "{b=\"c\"d\"}"),
        fine.replace("1.5", "x"),
        fine.replace("A.", ""),
        fine.replace("# EOF", "\n# EOF"),
    ];
    for page in broken {
        let text = page.clone();
        assert!(std::panic::catch_unwind(move || Page::of(&text)).is_err(), "{page}");
    }
}

/// The page of documentation explains every metric, and its alert rules name none that is not there.
#[test]
fn the_documentation_knows_every_metric_and_no_other() {
    let doc = include_str!("../../../docs/operations.md");
    let (metrics, ..) = full_page();
    let there = page(&metrics).names();
    let table = Regex::new(r"(?m)^\| `(crosstie_\w+)").unwrap();
    let explained: BTreeSet<String> = table.captures_iter(doc).map(|c| c[1].to_owned()).collect();
    let of_histogram = |name: &str| name.starts_with("crosstie_cycle_duration_seconds_");
    let wanted: BTreeSet<String> = there.iter().filter(|n| !of_histogram(n)).cloned().collect();
    let mut explained_alone = explained.clone();
    assert!(explained_alone.remove("crosstie_cycle_duration_seconds"));
    assert_eq!(explained_alone, wanted);
    let rules: Vec<&str> = doc.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(rules.len() >= 8, "{rules:?}");
    let name = Regex::new(r"\bcrosstie_\w+").unwrap();
    for rule in rules {
        assert!(name.is_match(rule), "{rule}: about nothing of ours");
        for found in name.find_iter(rule) {
            assert!(there.contains(found.as_str()), "{rule}: there is no {}", found.as_str());
        }
    }
}
