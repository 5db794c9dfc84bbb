//! What do the store's tests share?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crosstie::model::{
    ActionKind, Attribute, Cursor, DeltaItem, DeltaPage, Edit, Edits, Link, News, ObjectId, Origin, Outcome, Ownership,
    Person, Removal, RouteName, Selection, TenantName, Then, Tie, Timestamp, Trigger, Value, WriteError,
};
use crosstie::plan::PlannedRoute;
use crosstie::rules::RuleSet;
use crosstie::store::{Ask, AskKind, Circumstances, LinkChange, Mode, Record, Round, Store, TenantSetup};

pub const NOW: Timestamp = Timestamp(1_795_392_000_000);
/// Longer than the allowance for readings that lag behind writes.
pub const LATER: Timestamp = Timestamp(NOW.0 + 16 * 60_000);

pub fn north() -> TenantName {
    "north".into()
}
pub fn south() -> TenantName {
    "south".into()
}
pub fn route() -> RouteName {
    RouteName { home: north(), target: south() }
}
pub fn back() -> RouteName {
    RouteName { home: south(), target: north() }
}
pub fn guid(n: u32) -> ObjectId {
    ObjectId::new(format!("{n:08x}-0000-4000-8000-000000000000"))
}

pub fn setups(keyed: &[&str]) -> [TenantSetup; 2] {
    [("north", 1), ("south", 2)].map(|(name, n)| TenantSetup {
        name: name.into(),
        directory: guid(n).to_string(),
        keyed: keyed.iter().map(|k| Attribute::from(*k)).collect::<BTreeSet<_>>(),
    })
}
pub fn set_up(store: Store) -> Store {
    store.set_up(&setups(&["mail", "otherMails"]), &[route(), back()]).unwrap();
    store
}
pub fn memory() -> Store {
    set_up(Store::in_memory().unwrap())
}

pub struct Folder {
    pub folder: tempfile::TempDir,
}
impl Folder {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("crosstie.db")
    }
    pub fn write(&self) -> Store {
        set_up(Store::open(&self.path(), Mode::Write).unwrap())
    }
    /// The file under somebody else's hands.
    pub fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub fn dump(path: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let line = |r: &rusqlite::Row<'_>| {
        let cells: Vec<String> =
            (0..columns).map(|i| format!("{:?}", r.get::<_, rusqlite::types::Value>(i).unwrap())).collect();
        Ok(cells.join(" | "))
    };
    statement.query_map([], line).unwrap().map(Result::unwrap).collect()
}

/// `""` clears, `a|b` is a list, `true` and `false` are Booleans.
pub fn edits(pairs: &[(&str, &str)]) -> Edits {
    let edit = |text: &str| match text {
        "" => Edit::Clear,
        "true" => Edit::Set(Value::Bool(true)),
        "false" => Edit::Set(Value::Bool(false)),
        list if list.contains('|') => Edit::Set(Value::List(list.split('|').map(str::to_owned).collect())),
        text => Edit::Set(text.into()),
    };
    pairs.iter().map(|(a, v)| (Attribute::from(*a), edit(v))).collect()
}
pub fn seen(object: &ObjectId, pairs: &[(&str, &str)]) -> DeltaItem {
    DeltaItem { object: object.clone(), news: News::Seen(edits(pairs)) }
}
pub fn removed(object: &ObjectId, removal: Removal) -> DeltaItem {
    DeltaItem { object: object.clone(), news: News::Removed(removal) }
}
pub fn more(items: Vec<DeltaItem>, link: &str) -> DeltaPage {
    DeltaPage { items, then: Then::More(link.to_owned()) }
}
pub fn done(items: Vec<DeltaItem>, link: &str) -> DeltaPage {
    DeltaPage { items, then: Then::Done(link.to_owned()) }
}

pub fn selection() -> Selection {
    let names = ["displayName", "mail", "manager", "department", "otherMails", "userPrincipalName"];
    Selection(names.into_iter().map(Attribute::from).collect())
}
pub fn round(store: &Store, tenant: &TenantName, full: bool) -> Round {
    store.begin_round(tenant, full, &selection(), NOW).unwrap()
}
/// A whole reading in one page.
pub fn read(store: &Store, tenant: &TenantName, full: bool, items: Vec<DeltaItem>, now: Timestamp) {
    let round = round(store, tenant, full);
    store.record_page(tenant, &round, &done(items, "next"), now).unwrap();
}
pub fn cursor(store: &Store, tenant: &TenantName) -> Cursor {
    let reading = store.reading(tenant).unwrap();
    reading.progress.map(|p| p.link).or(reading.link).map_or(Cursor::Start, Cursor::Link)
}

pub fn link(home: &ObjectId, account: &ObjectId) -> Link {
    Link {
        route: route(),
        home: home.clone(),
        tie: Tie::Known { account: account.clone(), origin: Origin::Provisioned },
        rules: "staff".to_owned(),
        initialised: true,
        disabled_by_us: false,
        leaving_since: Some(NOW),
        baseline: [("jobTitle".into(), "Dev".into())].into_iter().collect(),
        since: NOW,
    }
}
pub fn ask(home: &ObjectId, account: Option<&ObjectId>) -> Ask {
    Ask {
        run: crosstie::model::RunId(7),
        trigger: Trigger::Manual,
        at: NOW,
        request_id: "r-1".to_owned(),
        home_tenant: "north".to_owned(),
        target_tenant: "south".to_owned(),
        home: Person { id: home.clone(), user_principal_name: "ada@north.example".to_owned() },
        rules: "staff".to_owned(),
        action: ActionKind::Update,
        kind: AskKind::Patch,
        account: account.cloned(),
        origin: None,
        address: None,
        edits: BTreeMap::from([("jobTitle".into(), (Some("Dev".into()), Some("Lead".into())))]),
        redacted: Default::default(),
        why: "in scope".to_owned(),
    }
}
pub fn record(ask: Ask, asked: Option<i64>) -> Record {
    Record {
        asked,
        account: ask.account.clone(),
        ask,
        outcome: Outcome::Applied,
        at: NOW,
        learned: None,
        link: LinkChange::Same,
        budgets: vec!["writes".to_owned()],
    }
}
pub fn refused() -> WriteError {
    WriteError { code: "Request_BadRequest".to_owned(), message: "no".to_owned() }
}
/// Ties them, with one entry of the log.
pub fn tie(store: &Store, home: &ObjectId, account: &ObjectId) {
    let record = Record { link: LinkChange::Set(link(home, account)), ..record(ask(home, Some(account)), None) };
    store.record(record).unwrap();
}
pub fn unsettled(store: &Store, route: &RouteName) -> Vec<ObjectId> {
    store.unsettled(route, crosstie::store::Among::All, None, 1_000).unwrap()
}
pub fn circumstances() -> Circumstances {
    Circumstances {
        version: "0.1.0".to_owned(),
        host: "hall".to_owned(),
        user: "ada".to_owned(),
        config: "sha256:c0".to_owned(),
        rules: BTreeMap::from([("staff".to_owned(), "sha256:50".to_owned())]),
    }
}
/// A route as it is planned, under these rules.
pub fn planned(route: RouteName, rules: &str) -> PlannedRoute {
    let rules = RuleSet::parse("staff", rules).unwrap().0;
    PlannedRoute { name: route, rules: vec![Arc::new(rules)], ownership: Ownership::default() }
}
/// The route goes by rules with this fingerprint now, that take everybody.
pub fn notice(store: &Store, route: RouteName, fingerprint: &str) {
    store.notice_rules(&planned(route, "[attributes]\n"), fingerprint).unwrap();
}
pub fn settle_all(store: &Store) {
    for route in [route(), back()] {
        for home in unsettled(store, &route) {
            store.settle(&route, &home).unwrap();
        }
    }
}
/// The write with this number.
pub fn wrote(store: &Store, seq: u64) -> Option<crosstie::store::LogEntry> {
    match store.log_item(seq).unwrap()? {
        crosstie::store::Item::Write(entry) => Some(*entry),
        other => panic!("{other:?}"),
    }
}
