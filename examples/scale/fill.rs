//! How does a store come to hold a million links, or a log of a million entries, without a quota's forty hours?
//!
//! Links are remembered through the store's own door, for people and accounts that `crosstie sync` itself has read before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crosstie::config::{self, Config};
use crosstie::model::{
    ActionKind, Attribute, Attributes, Link, ObjectId, Origin, Outcome, Person, RouteName, RunId, Tie, Timestamp,
    Trigger, Value,
};
use crosstie::store::{Ask, AskKind, Circumstances, LinkChange, Mode, Record, Store, TenantSetup};

use super::people;

/// Links in one transaction.
const AT_ONCE: usize = 20_000;
/// Entries of one run: as many as a run of a quarter of an hour writes.
const RUN: usize = 20_000;

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn open(folder: &Path) -> (Config, Store) {
    let loaded = config::load(&folder.join("crosstie.toml")).unwrap_or_else(|r| panic!("{}", r.render(false)));
    let config = loaded.config;
    let mut store = Store::open(&config.store, Mode::Write).expect("a store");
    // Whoever fills it can fill it again.
    store.sqlite().pragma_update(None, "synchronous", "off").expect("a setting");
    let setup = |t: &config::Tenant| {
        let keyed = config.key_attributes(&t.name);
        TenantSetup { name: t.name.clone(), directory: t.id.clone(), keyed }
    };
    let setups: Vec<TenantSetup> = config.tenants.values().map(setup).collect();
    let routes: Vec<RouteName> = config.routes.iter().map(|r| r.name.clone()).collect();
    store.set_up(&setups, &routes).expect("set up");
    (config, store)
}

/// Everybody is tied to the account that is theirs.
pub fn links(folder: &Path, people: usize) {
    let (config, store) = open(folder);
    let planned = config.routes.first().expect("a route");
    let (route, since) = (planned.name.clone(), now());
    // They are no news: whom an edit of the rules touches is another question, and not asked here.
    let texts: Vec<(&str, &str)> = planned.rules.iter().map(|r| (r.name.as_str(), r.text.as_str())).collect();
    store.remember_rules(&route, &texts).expect("rules");
    let link = |n: usize| Link {
        route: route.clone(),
        home: ObjectId::new(people::home_id(n)),
        tie: Tie::Known { account: ObjectId::new(people::account_id(n)), origin: Origin::Provisioned },
        rules: "staff".to_owned(),
        initialised: true,
        disabled_by_us: false,
        leaving_since: None,
        baseline: Attributes::new(),
        since,
    };
    for from in (0..people).step_by(AT_ONCE) {
        let all = from..people.min(from + AT_ONCE);
        store.together(|| all.clone().try_for_each(|n| store.remember_link(&link(n)))).expect("links");
    }
}

/// Updates of everybody in turn, each with its entry in the log.
pub fn log(folder: &Path, entries: usize) {
    let (config, store) = open(folder);
    let (route, begun) = (config.routes.first().expect("a route").name.clone(), now());
    let circumstances = Circumstances {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: "bench".to_owned(),
        user: "bench".to_owned(),
        config: "sha256:none".to_owned(),
        rules: BTreeMap::new(),
    };
    let mut run = RunId(0);
    for n in 0..entries {
        let at = begun.plus_millis(n as u64 * 50);
        if n % RUN == 0 {
            run = store.begin_run_in(&circumstances, Trigger::Schedule, at).expect("a run");
        }
        let text = |text: String| Some(Value::from(text));
        let edits = [
            ("department", text("North - Dance".to_owned()), text(format!("North - {}", n % 7))),
            ("jobTitle", text("Tutor".to_owned()), text(format!("Lecturer {}", n % 9))),
        ];
        let ask = Ask {
            run,
            trigger: Trigger::Schedule,
            at,
            request_id: people::home_id(n + entries),
            home_tenant: route.home.to_string(),
            target_tenant: route.target.to_string(),
            home: Person {
                id: ObjectId::new(people::home_id(n)),
                user_principal_name: format!("person{n:07}@north.example"),
            },
            rules: "staff".to_owned(),
            action: ActionKind::Update,
            kind: AskKind::Patch,
            account: Some(ObjectId::new(people::account_id(n))),
            origin: None,
            address: None,
            edits: edits.into_iter().map(|(a, before, after)| (Attribute::from(a), (before, after))).collect(),
            redacted: BTreeSet::new(),
            why: "in scope".to_owned(),
        };
        let account = ask.account.clone();
        let record = Record {
            asked: None,
            ask,
            outcome: Outcome::Applied,
            at,
            account,
            learned: None,
            link: LinkChange::Same,
            budgets: Vec::new(),
        };
        store.record(record).expect("an entry");
    }
}
