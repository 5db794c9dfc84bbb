//! Is every tampering with the change log found, at the first entry that is wrong?

use crosstie::model::{ActionKind, Outcome, Timestamp, Trigger};
use crosstie::store::{Filter, LogEntry, Record, Store, Verified};
use sha2::{Digest, Sha256};

use super::bench::*;

const ENTRIES: u32 = 5;

fn written(folder: &Folder) -> Store {
    let store = folder.write();
    for n in 1..=ENTRIES {
        let mut ask = ask(&guid(n), Some(&guid(n + 100)));
        ask.run = crosstie::model::RunId(u64::from(n));
        if n == 3 {
            ask.action = ActionKind::Delete;
        }
        let outcome = if n == 2 { Outcome::Failed(refused()) } else { Outcome::Applied };
        store.record(Record { outcome, at: NOW.plus_seconds(u64::from(n)), ..record(ask, None) }).unwrap();
    }
    store
}

/// Somebody else's SQL on the file of a whole log; what a verification says then.
fn after(sql: &str) -> (u64, String) {
    let folder = Folder::new();
    let store = written(&folder);
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 5, .. }));
    folder.sql().execute_batch(sql).unwrap();
    match store.verify_log().unwrap() {
        Verified::Broken { seq, what } => (seq, what),
        whole @ Verified::Whole { .. } => panic!("{sql}: {whole:?}"),
    }
}

#[test]
fn an_edited_entry_is_named() {
    assert_eq!(after("UPDATE log SET body = replace(body, 'Lead', 'Boss') WHERE seq = 3").0, 3);
    assert_eq!(after("UPDATE log SET hash = 'sha256:0' WHERE seq = 2").0, 2);
    for column in
        ["at = at + 1", "run = 9", "home = 'west'", "target = 'west'", "action = 'join'", "outcome = 'unknown'"]
    {
        let (seq, what) = after(&format!("UPDATE log SET {column} WHERE seq = 4"));
        assert_eq!(seq, 4, "{column}");
        assert!(what.contains("columns"), "{column}: {what}");
    }
}

#[test]
fn deleted_swapped_and_renumbered_entries_are_named() {
    assert_eq!(after("DELETE FROM log WHERE seq = 1").0, 1);
    assert_eq!(after("DELETE FROM log WHERE seq = 3").0, 3);
    assert_eq!(after("DELETE FROM log WHERE seq = 3; UPDATE log SET seq = seq - 1 WHERE seq > 3").0, 3);
    let swap = "UPDATE log SET seq = 99 WHERE seq = 2; UPDATE log SET seq = 2 WHERE seq = 3; \
                UPDATE log SET seq = 3 WHERE seq = 99";
    assert_eq!(after(swap).0, 2);
    let contents =
        "UPDATE log AS a SET body = b.body, hash = b.hash FROM log AS b WHERE a.seq + b.seq = 5 AND a.seq IN (2, 3)";
    assert_eq!(after(contents).0, 2);
}

#[test]
fn a_cut_tail_is_named() {
    let (seq, what) = after("DELETE FROM log WHERE seq > 3");
    assert_eq!(seq, 4);
    assert!(what.contains("up to entry 5"), "{what}");
    assert_eq!(after("DELETE FROM log").0, 1);
    assert_eq!(after("DELETE FROM meta WHERE name = 'log_head'").0, 5);
    assert_eq!(after("UPDATE meta SET value = 'nonsense' WHERE name = 'log_head'").0, 5);
}

/// A long log is checked in batches, on several cores: whatever comes to light first, the first wrong entry is named.
#[test]
fn of_many_wrong_entries_the_first_is_named() {
    const MANY: u64 = 1_200;
    let folder = Folder::new();
    let store = folder.write();
    let run = store.begin_run_in(&circumstances(), Trigger::Manual, NOW).unwrap();
    let late = store.begin_run_in(&circumstances(), Trigger::Manual, NOW).unwrap();
    for n in 1..=MANY {
        let mut ask = ask(&guid(7), None);
        ask.run = if n < 900 { run } else { late };
        store.record(record(ask, None)).unwrap();
    }
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: MANY, .. }));
    // From the end to the beginning, each time one more.
    for (sql, first) in [
        ("DELETE FROM log WHERE seq = 1200", 1200),
        ("UPDATE log SET at = at + 1 WHERE seq = 1199", 1199),
        ("DELETE FROM log WHERE seq = 1100", 1100),
        ("UPDATE log SET body = replace(body, 'Lead', 'Boss') WHERE seq = 1024", 1024),
        ("DELETE FROM run_facts WHERE run = 2", 900),
        ("UPDATE log SET hash = 'sha256:0' WHERE seq = 700", 700),
        ("UPDATE log SET outcome = 'failed' WHERE seq = 513", 513),
        ("UPDATE log SET body = '{}' WHERE seq = 512", 512),
        ("UPDATE log SET body = 'sha256:0' WHERE seq = 257", 257),
        ("UPDATE log SET run = 9 WHERE seq = 256", 256),
        ("UPDATE log SET target = '' WHERE seq = 255", 255),
        ("UPDATE run_facts SET body = '' WHERE run = 1", 1),
    ] {
        folder.sql().execute_batch(sql).unwrap();
        assert_eq!(broken_at(&store), first, "{sql}");
    }
}

/// An entry that anybody who knows the format could make: its hash is right.
fn forged(folder: &Folder, seq: i64) {
    let sql = folder.sql();
    let (body, previous): (String, String) = sql
        .query_row("SELECT body, (SELECT hash FROM log WHERE seq = ?1 - 1) FROM log WHERE seq = 5", [seq], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    let mut entry: LogEntry = serde_json::from_str(&body).unwrap();
    (entry.seq, entry.previous) = (seq.unsigned_abs(), previous);
    entry.why = "forged".to_owned();
    let body = serde_json::to_string(&entry).unwrap();
    let digest = Sha256::new().chain_update(b"crosstie change log v1\n").chain_update(body.as_bytes()).finalize();
    let hash: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    let insert =
        "INSERT OR REPLACE INTO log SELECT ?1, at, run, home, target, action, outcome, ?2, ?3 FROM log WHERE seq = 5";
    sql.execute(insert, rusqlite::params![seq, body, format!("sha256:{hash}")]).unwrap();
}

fn broken_at(store: &Store) -> u64 {
    match store.verify_log().unwrap() {
        Verified::Broken { seq, .. } => seq,
        whole @ Verified::Whole { .. } => panic!("{whole:?}"),
    }
}

#[test]
fn a_forged_entry_with_a_right_hash_is_named_wherever_it_stands() {
    for (seq, first_bad) in [(6, 6), (5, 5), (3, 4)] {
        let folder = Folder::new();
        let store = written(&folder);
        forged(&folder, seq);
        assert_eq!(broken_at(&store), first_bad, "forged as {seq}");
    }
}

#[test]
fn going_on_after_a_tampering_does_not_mend_the_chain() {
    type Tampering = (&'static str, fn(&Folder), u64);
    let tamper: [Tampering; 4] = [
        ("a cut tail", |f| f.sql().execute_batch("DELETE FROM log WHERE seq > 3").unwrap(), 4),
        ("an emptied log", |f| f.sql().execute_batch("DELETE FROM log").unwrap(), 1),
        ("one more", |f| forged(f, 6), 7),
        ("another last", |f| forged(f, 5), 6),
    ];
    for (what, tamper, first_bad) in tamper {
        let folder = Folder::new();
        drop(written(&folder));
        tamper(&folder);
        let store = folder.write();
        let seq = store.record(record(ask(&guid(1), None), None)).unwrap().seq;
        assert!(seq > u64::from(ENTRIES), "{what}: a number is used twice");
        store.record(record(ask(&guid(1), None), None)).unwrap();
        assert_eq!(broken_at(&store), first_bad, "{what}");
    }
}

#[test]
fn an_empty_log_is_whole_and_a_head_kept_elsewhere_tells_the_same_log() {
    let folder = Folder::new();
    assert!(matches!(memory().verify_log().unwrap(), Verified::Whole { entries: 0, .. }));
    let store = written(&folder);
    let head = store.verify_log().unwrap();
    drop(store);
    let store = folder.write();
    assert_eq!(store.verify_log().unwrap(), head);
    store.record(record(ask(&guid(1), None), None)).unwrap();
    assert_ne!(store.verify_log().unwrap(), head);
}

#[test]
fn every_filter_keeps_what_it_names() {
    let folder = Folder::new();
    let store = written(&folder);
    let found = |filter: Filter| {
        let mut seqs: Vec<u64> = Vec::new();
        store
            .log(&filter, |entry| {
                seqs.push(entry.seq);
                true
            })
            .unwrap();
        seqs
    };
    let all = Filter::default;
    let text = |t: &str| Some(t.to_owned());
    let at = |n: u64| Some(Timestamp(NOW.0 + n * 1_000));
    assert_eq!(found(all()), [1, 2, 3, 4, 5]);
    assert_eq!(found(Filter { user: text(&guid(2).as_str().to_uppercase()), ..all() }), [2]);
    assert_eq!(found(Filter { user: text(guid(103).as_str()), ..all() }), [3]);
    assert_eq!(found(Filter { tenant: text("south"), ..all() }).len(), 5);
    assert_eq!(found(Filter { tenant: text("west"), ..all() }), [0u64; 0]);
    assert_eq!(found(Filter { route: text("north->south"), ..all() }).len(), 5);
    assert_eq!(found(Filter { route: text("south->north"), ..all() }), [0u64; 0]);
    assert_eq!(found(Filter { run: Some(4), ..all() }), [4]);
    assert_eq!(found(Filter { since: at(2), until: at(4), ..all() }), [2, 3, 4]);
    assert_eq!(found(Filter { action: Some(ActionKind::Delete), ..all() }), [3]);
    assert_eq!(found(Filter { action: Some(ActionKind::Delete), run: Some(1), ..all() }), [0u64; 0]);
    let mut first = Vec::new();
    store
        .log(&all(), |entry| {
            first.push(entry.seq);
            entry.seq < 2
        })
        .unwrap();
    assert_eq!(first, [1, 2]);
}
