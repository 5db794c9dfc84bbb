//! What is left when the disk is full in the middle of a page, or of the record of a write?

use std::collections::{BTreeMap, BTreeSet};

use super::{Ask, AskKind, LinkChange, Mode, Record, Store, StoreError, TenantSetup, Verified};
use crate::model::{
    ActionKind, DeltaItem, DeltaPage, Edit, Edits, News, ObjectId, Outcome, Person, RouteName, RunId, Selection, Then,
    Timestamp, Trigger,
};

const NOW: Timestamp = Timestamp(1_795_392_000_000);

fn set_up(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("crosstie.db"), Mode::Write).unwrap();
    let setup = |name: &str| TenantSetup {
        name: name.into(),
        directory: format!("directory of {name}"),
        keyed: BTreeSet::from(["mail".into()]),
    };
    let route = RouteName { home: "north".into(), target: "south".into() };
    store.set_up(&[setup("north"), setup("south")], &[route]).unwrap();
    store
}

/// The file must not grow any more; SQLite then answers as it does on a full disk.
fn fill(store: &Store) {
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    store.connection.pragma_update(None, "max_page_count", pages).unwrap();
}

fn item(n: usize, name: &str) -> DeltaItem {
    let object = ObjectId::new(format!("user {n}"));
    DeltaItem { object, news: News::Seen(Edits::from_iter([("displayName".into(), Edit::Set(name.into()))])) }
}

fn record(asked: Option<i64>, length: usize) -> Record {
    let ask = Ask {
        run: RunId(1),
        trigger: Trigger::Manual,
        at: NOW,
        request_id: "r".to_owned(),
        home_tenant: "north".to_owned(),
        target_tenant: "south".to_owned(),
        home: Person { id: "ada".into(), user_principal_name: "x".repeat(length) },
        rules: "staff".to_owned(),
        action: ActionKind::Update,
        kind: AskKind::Patch,
        account: Some("account".into()),
        origin: None,
        address: None,
        edits: BTreeMap::new(),
        redacted: BTreeSet::new(),
        why: "in scope".to_owned(),
    };
    Record {
        asked,
        account: None,
        ask,
        outcome: Outcome::Applied,
        at: NOW,
        learned: Some(item(0, "learned")),
        link: LinkChange::Remove,
        budgets: vec!["writes".to_owned()],
    }
}

fn is_full(error: &StoreError) {
    assert!(error.to_string().contains("full"), "{error}");
}

#[test]
fn a_page_is_not_kept_by_halves() {
    let folder = tempfile::tempdir().unwrap();
    let store = set_up(&folder);
    let round = store.begin_round(&"north".into(), true, &Selection::default(), NOW).unwrap();
    fill(&store);
    let items: Vec<DeltaItem> = (0..500).map(|n| item(n, &"x".repeat(500))).collect();
    let page = DeltaPage { items, then: Then::More("page 2".to_owned()) };
    is_full(&store.record_page(&"north".into(), &round, &page, NOW).unwrap_err());
    assert_eq!(store.reading(&"north".into()).unwrap().progress, None);
    assert_eq!(store.observed(&"north".into(), &"user 0".into()).unwrap(), None);
    drop(store);
    // Room again: the same page goes in.
    let store = set_up(&folder);
    store.record_page(&"north".into(), &round, &page, NOW).unwrap();
    assert!(store.observed(&"north".into(), &"user 499".into()).unwrap().is_some());
}

#[test]
fn a_write_that_cannot_be_recorded_stays_an_open_question() {
    let folder = tempfile::tempdir().unwrap();
    let store = set_up(&folder);
    let asked = store.ask(&record(None, 1).ask, &LinkChange::Same).unwrap();
    fill(&store);
    is_full(&store.record(record(Some(asked), 100_000)).unwrap_err());
    is_full(&store.ask(&record(None, 100_000).ask, &LinkChange::Same).unwrap_err());
    assert_eq!(store.open_asks(&"south".into()).unwrap().len(), 1);
    assert_eq!(store.spent("writes").unwrap(), []);
    assert_eq!(store.observed(&"south".into(), &"user 0".into()).unwrap(), None);
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 0, .. }));
    drop(store);
    let store = set_up(&folder);
    assert_eq!(store.open_asks(&"south".into()).unwrap().len(), 1);
    store.record(record(Some(asked), 100_000)).unwrap();
    assert_eq!(store.open_asks(&"south".into()).unwrap(), []);
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 1, .. }));
}

/// SQLite takes back the whole transaction where a statement of its own finds the disk full, and goes on without one. Somebody
/// may have passed over the error.
#[test]
fn of_one_commit_in_which_the_disk_was_full_nothing_is_kept_whoever_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = set_up(&folder);
    let (small, route) = (record(None, 1), RouteName { home: "north".into(), target: "south".into() });
    let mark = |n: usize| store.unsettle(&route, &ObjectId::new(format!("{n} {}", "x".repeat(2_000))));
    fill(&store);
    let passed_over = |work: &dyn Fn() -> Result<(), StoreError>| {
        let kept = store.in_one_commit(|| {
            store.ask(&small.ask, &LinkChange::Same)?;
            is_full(&work().unwrap_err());
            Ok::<_, StoreError>(())
        });
        assert!(matches!(kept, Err(StoreError::TakenBack)), "{kept:?}");
        assert_eq!(store.open_asks(&"south".into()).unwrap(), []);
    };
    passed_over(&|| (0..200).try_for_each(mark));
    passed_over(&|| store.together(|| (0..200).try_for_each(mark)));
}
