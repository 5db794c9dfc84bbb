//! Is anything taken out of the change log but by a tombstone, and can a tombstone be bent?

use std::collections::BTreeSet;

use crosstie::model::{ActionKind, ObjectId, RunId, Timestamp, Trigger};
use crosstie::store::{Circumstances, Event, Filter, Item, Record, Signer, Store, Verified, Words};
use rusqlite::types::Value as Sql;
use sha2::{Digest, Sha256};

use super::bench::*;

const COLUMNS: [&str; 9] = ["seq", "at", "run", "home", "target", "action", "outcome", "body", "hash"];
const DAY: u64 = 86_400_000;

fn words(at: Timestamp) -> Words<'static> {
    Words { at, host: "hall".to_owned(), user: "ada".to_owned(), reason: "request 17".to_owned(), signer: None }
}

fn person(n: u32) -> BTreeSet<(String, ObjectId)> {
    BTreeSet::from([("north".to_owned(), guid(n))])
}

/// Two people in turn, an entry a day, a run for every two.
fn written(folder: &Folder, entries: u32) -> Store {
    let store = folder.write();
    let mut run = RunId(0);
    for n in 1..=entries {
        if n % 2 == 1 {
            let circumstances = Circumstances {
                version: "0.1.0".to_owned(),
                host: "hall".to_owned(),
                user: "ada".to_owned(),
                config: format!("sha256:c{n}"),
                rules: [("staff".to_owned(), "sha256:50".to_owned())].into(),
            };
            run = store.begin_run_in(&circumstances, Trigger::Manual, NOW).unwrap();
        }
        let mut ask = ask(&guid(n % 2 + 1), Some(&guid(100 + n)));
        (ask.run, ask.action) = (run, if n == 4 { ActionKind::Delete } else { ActionKind::Update });
        store.record(Record { at: NOW.plus_millis(u64::from(n) * DAY), ..record(ask, None) }).unwrap();
    }
    store
}

fn entries(store: &Store) -> u64 {
    match store.verify_log().unwrap() {
        Verified::Whole { entries, .. } => entries,
        broken @ Verified::Broken { .. } => panic!("{broken:?}"),
    }
}

fn items(store: &Store) -> Vec<Item> {
    let mut items = Vec::new();
    let read = store.log_items(&Filter::default(), |item| {
        items.push(item);
        true
    });
    read.map(|()| items).unwrap()
}

/// A log from which both kinds were taken: 1 and 2 by age, then the texts of 4, 6 and 8, and one more write.
fn bereft(folder: &Folder) -> Store {
    let store = written(folder, 8);
    let retention = store.expire(NOW.plus_millis(3 * DAY), &words(NOW.plus_millis(9 * DAY))).unwrap().unwrap();
    assert_eq!((retention.seq, retention.event, retention.until.unwrap().seq), (9, Event::Retention, 2));
    let erasure = store.erase(&person(1), &words(NOW.plus_millis(9 * DAY))).unwrap().unwrap();
    assert_eq!(erasure.entries.iter().map(|e| e.seq).collect::<Vec<_>>(), [4, 6, 8]);
    store.record(Record { at: NOW.plus_millis(10 * DAY), ..record(ask(&guid(1), None), None) }).unwrap();
    assert_eq!(entries(&store), 11);
    store
}

#[test]
fn what_is_left_says_what_it_said() {
    let folder = Folder::new();
    let store = bereft(&folder);
    let kinds: Vec<(u64, &str)> = items(&store)
        .iter()
        .map(|item| match item {
            Item::Write(entry) => (entry.seq, "write"),
            Item::Erased(erased) => (erased.seq, if erased.action == ActionKind::Delete { "delete" } else { "erased" }),
            Item::Tombstone(tombstone) => (tombstone.seq, tombstone.event.as_str()),
        })
        .collect();
    let expected = [
        (3, "write"),
        (4, "delete"),
        (5, "write"),
        (6, "erased"),
        (7, "write"),
        (8, "erased"),
        (9, "retention"),
        (10, "erasure"),
        (11, "write"),
    ];
    assert_eq!(kinds, expected);
    // Who asks for writes gets writes, and for a person nobody's.
    let found = |filter: Filter| {
        let mut seqs: Vec<u64> = Vec::new();
        store
            .log_items(&filter, |item| {
                seqs.push(match item {
                    Item::Write(entry) => entry.seq,
                    Item::Erased(erased) => erased.seq,
                    Item::Tombstone(tombstone) => tombstone.seq,
                });
                true
            })
            .unwrap();
        seqs
    };
    assert_eq!(found(Filter { tenant: Some("north".to_owned()), ..Filter::default() }), [3, 4, 5, 6, 7, 8, 11]);
    assert_eq!(found(Filter { people: Some(person(1)), ..Filter::default() }), [11]);
    assert_eq!(found(Filter { action: Some(ActionKind::Delete), ..Filter::default() }), [4]);
    let mut runs = BTreeSet::new();
    store.all_run_facts(|run, _, _| runs.insert(run.0)).unwrap();
    assert_eq!(runs, BTreeSet::from([2, 3, 4]), "the first run's went with its entries");
    // The guard and explain go on with what is there.
    let mut counted = 0;
    store.applied_since(&route(), NOW, &ActionKind::ALL, |_| counted += 1).unwrap();
    assert_eq!((counted, store.last_entries(&route(), &guid(1), 9).unwrap().len()), (4, 1));
    // Nothing more is to be taken.
    assert_eq!(store.erase(&person(7), &words(LATER)).unwrap(), None);
    assert_eq!(store.expire(NOW.plus_millis(3 * DAY), &words(LATER)).unwrap(), None);
    assert_eq!(entries(&store), 11);
}

/// Every cell of every row, changed a little or to what any other row has there.
#[test]
fn no_cell_of_a_log_with_tombstones_can_be_changed_unseen() {
    let folder = Folder::new();
    let store = bereft(&folder);
    let seqs: Vec<i64> = (3..=11).collect();
    let cell = |seq: i64, column: &str| -> Sql {
        folder.sql().query_row(&format!("SELECT {column} FROM log WHERE seq = ?1"), [seq], |r| r.get(0)).unwrap()
    };
    let (mut tried, mut unseen) = (0, Vec::new());
    for column in COLUMNS {
        for seq in &seqs {
            let was = cell(*seq, column);
            let mut others: Vec<Sql> = seqs.iter().map(|other| cell(*other, column)).filter(|v| *v != was).collect();
            others.push(match &was {
                Sql::Integer(n) => Sql::Integer(n + 100),
                Sql::Text(text) => Sql::Text(format!("{text} ")),
                other => panic!("{other:?}"),
            });
            for new in others {
                let change = folder.sql();
                let update = |from: i64, value: &Sql| {
                    let sql = format!("UPDATE OR IGNORE log SET {column} = ?2 WHERE seq = ?1");
                    change.execute(&sql, rusqlite::params![from, value]).unwrap()
                };
                // A number that is taken is not given twice.
                if update(*seq, &new) == 0 {
                    continue;
                }
                tried += 1;
                if matches!(store.verify_log().unwrap(), Verified::Whole { .. }) {
                    unseen.push(format!("{column} of {seq}: {was:?} -> {new:?}"));
                }
                let at = if column == "seq" {
                    let Sql::Integer(n) = new else { panic!() };
                    n
                } else {
                    *seq
                };
                assert_eq!(update(at, &was), 1);
            }
        }
    }
    assert!(unseen.is_empty() && tried > 150, "{tried}: {unseen:#?}");
    assert_eq!(entries(&store), 11, "all is as it was");
}

/// Whoever knows how hashes are made has only one that fits: also of an entry that stands before one whose text is gone, and
/// before a tombstone.
#[test]
fn no_entry_of_a_log_with_tombstones_can_be_made_anew_with_a_right_hash() {
    for seq in [3_u32, 5, 7, 9, 10] {
        let folder = Folder::new();
        let store = bereft(&folder);
        let sql = folder.sql();
        let read = |c: &rusqlite::Row<'_>| c.get::<_, String>(0);
        let body = sql.query_row("SELECT body FROM log WHERE seq = ?1", [seq], read).unwrap();
        let body = body.replace("in scope", "my idea").replace("request 17", "request 18");
        let digest = Sha256::new().chain_update(b"crosstie change log v1\n").chain_update(body.as_bytes()).finalize();
        let hash: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        let update = "UPDATE log SET body = ?2, hash = ?3 WHERE seq = ?1";
        sql.execute(update, rusqlite::params![seq, body, format!("sha256:{hash}")]).unwrap();
        match store.verify_log().unwrap() {
            Verified::Broken { seq: at, what } => {
                assert!(at == u64::from(seq) + 1 && what.contains("does not follow"), "{seq}: {at}: {what}");
            }
            whole @ Verified::Whole { .. } => panic!("{seq}: {whole:?}"),
        }
    }
}

#[test]
fn no_row_of_a_log_with_tombstones_can_be_taken_or_given_unseen() {
    for sql in (3..=11).map(|seq| format!("DELETE FROM log WHERE seq = {seq}")).chain([
        "DELETE FROM log WHERE seq < 5".to_owned(),
        "DELETE FROM log WHERE seq > 9".to_owned(),
        "DELETE FROM log WHERE home = ''".to_owned(),
        "INSERT INTO log SELECT 2, at, run, home, target, action, outcome, body, hash FROM log WHERE seq = 3"
            .to_owned(),
        "INSERT INTO log SELECT 2, at, run, home, target, action, outcome, body, hash FROM log WHERE seq = 4"
            .to_owned(),
        "INSERT INTO log SELECT 12, at, run, home, target, action, outcome, body, hash FROM log WHERE seq = 10"
            .to_owned(),
    ]) {
        let folder = Folder::new();
        let store = bereft(&folder);
        folder.sql().execute_batch(&sql).unwrap();
        let verified = store.verify_log().unwrap();
        assert!(matches!(verified, Verified::Broken { .. }), "{sql}: {verified:?}");
    }
}

#[test]
fn a_tombstone_is_signed_over_everything_that_it_says() {
    let folder = Folder::new();
    let store = written(&folder, 4);
    let sign = |text: &str| format!("over {} bytes", text.len());
    let signer = Some(Signer { key: "ed25519:A".to_owned(), sign: &sign });
    let tombstone = store.erase(&person(1), &Words { signer, ..words(LATER) }).unwrap().unwrap();
    let message = tombstone.message().unwrap();
    assert_eq!(tombstone.signature, Some(format!("over {} bytes", message.len())));
    let body: String = folder.sql().query_row("SELECT body FROM log WHERE home = ''", [], |r| r.get(0)).unwrap();
    let (before, after) = body.split_once("\"signature\":").unwrap();
    let after = after.split_once("\",").unwrap().1;
    assert_eq!(message, format!("crosstie tombstone v1\n{before}{after}"), "a stranger makes it of the text");
    assert!(message.contains("request 17") && message.contains(&tombstone.previous));
    assert!(message.contains("\"key\":\"ed25519:A\"") && message.contains(&store.store_id().unwrap()));
    assert_eq!(store.walk_log().unwrap().2, [tombstone]);
}

#[test]
fn all_may_be_too_old_and_the_log_goes_on_behind_what_says_so() {
    let folder = Folder::new();
    let store = written(&folder, 3);
    let late = NOW.plus_millis(500 * DAY);
    assert_eq!(store.expire(NOW, &words(late)).unwrap(), None);
    assert_eq!(store.expire(late, &words(late)).unwrap().unwrap().until.unwrap().seq, 3);
    assert_eq!((entries(&store), store.log_begins().unwrap()), (4, Some(late)));
    store.record(Record { at: late, ..record(ask(&guid(1), None), None) }).unwrap();
    // Later the tombstone itself is old, and another one says it all.
    let later = late.plus_millis(500 * DAY);
    assert_eq!(store.expire(later, &words(later)).unwrap().unwrap().until.unwrap().seq, 5);
    assert_eq!((entries(&store), store.walk_log().unwrap().2.len()), (6, 1));
}
