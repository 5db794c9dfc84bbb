//! A damaged store: is its change log called whole only where it says what was written, and does nothing fall?
//!
//! The bytes are what befalls the file of a log of five entries: see [`Harm`].

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crosstie::model::{
    ActionKind, Attribute, ObjectId, Outcome, Person, RouteName, RunId, Timestamp, Trigger, Value, WriteError,
};
use crosstie::store::{Ask, AskKind, Filter, LinkChange, LogEntry, Mode, Record, Store, TenantSetup, Verified};

pub const WORDS: &[&str] = &[
    "\0\0\0",
    "\u{1}\0\u{10}",
    "\u{2}\u{1}\u{2}",
    "\u{3}\u{2}\u{6}5",
    "\u{4}\u{3}\u{1}",
    "\u{5}\u{1}\u{2}",
    "\u{6}\u{2}\u{3}",
    "\u{7}5 sha256:",
    "SQLite format 3\0",
    "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "{\"seq\":",
    "log_head",
];

const ENTRIES: u64 = 5;
/// Each is a statement on its own: what is slow with more of them is the harming, not the file.
const HARMS_MAX: usize = 1_000;
const NOW: Timestamp = Timestamp(1_795_392_000_000);

/// A store with a whole log: its file, and its entries as they were written.
struct Whole {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    entries: Vec<LogEntry>,
    /// Number and hash at the end, after each entry.
    heads: Vec<String>,
}

thread_local! {
    static WHOLE: OnceCell<Whole> = const { OnceCell::new() };
}

fn set_up(store: &Store) {
    let setup = |name: &str, n: u32| TenantSetup {
        name: name.into(),
        directory: format!("{n:08x}-0000-4000-8000-000000000000"),
        keyed: BTreeSet::from(["mail".into()]),
    };
    let route = RouteName { home: "north".into(), target: "south".into() };
    store.set_up(&[setup("north", 1), setup("south", 2)], &[route]).unwrap();
}

fn record(n: u64) -> Record {
    let account = Some(ObjectId::new(format!("{n:08x}-0000-4000-8000-0000000000ff")));
    let edit = (Some(Value::from("Dev")), Some(Value::from(format!("Lead {n}").as_str())));
    let ask = Ask {
        run: RunId(n),
        trigger: Trigger::Manual,
        at: NOW,
        request_id: format!("r-{n}"),
        home_tenant: "north".to_owned(),
        target_tenant: "south".to_owned(),
        home: Person { id: ObjectId::new(format!("u-{n}")), user_principal_name: "ada@north.example".to_owned() },
        rules: "staff".to_owned(),
        action: if n == 3 { ActionKind::Delete } else { ActionKind::Update },
        kind: AskKind::Patch,
        account: account.clone(),
        origin: None,
        address: None,
        edits: BTreeMap::from([(Attribute::from("jobTitle"), edit)]),
        redacted: BTreeSet::new(),
        why: "in scope".to_owned(),
    };
    let refused = WriteError { code: "Request_BadRequest".to_owned(), message: "no".to_owned() };
    let outcome = if n == 2 { Outcome::Failed(refused) } else { Outcome::Applied };
    let at = NOW.plus_seconds(n);
    Record { asked: None, account, ask, outcome, at, learned: None, link: LinkChange::Same, budgets: Vec::new() }
}

fn whole() -> Whole {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crosstie.db");
    let store = Store::open(&path, Mode::Write).unwrap();
    set_up(&store);
    let mut heads = vec![String::new()];
    for n in 1..=ENTRIES {
        let entry = store.record(record(n)).unwrap();
        heads.push(format!("{} {}", entry.seq, entry.hash));
    }
    let entries = entries(&store).unwrap();
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    Whole { folder, bytes, entries, heads }
}

fn entries(store: &Store) -> Option<Vec<LogEntry>> {
    let mut entries = Vec::new();
    let read = store.log(&Filter::default(), |entry| {
        entries.push(entry);
        entries.len() < 10_000
    });
    read.ok().map(|()| entries)
}

pub fn log(data: &[u8]) -> bool {
    WHOLE.with(|cell| {
        let whole = cell.get_or_init(whole_once);
        let path = whole.folder.path().join("damaged.db");
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(whole.folder.path().join(format!("damaged.db{suffix}")));
        }
        harmed(whole, data, &path);
        judged(whole, &path, data.len() % 8 == 7)
    })
}
fn whole_once() -> Whole {
    whole()
}

/// `data` as a list of harms, each a kind, two numbers, and for some a length and that many bytes.
fn harmed(whole: &Whole, data: &[u8], path: &Path) {
    let mut bytes = whole.bytes.clone();
    let mut rest = data;
    let mut statements: Vec<(String, Vec<u8>)> = Vec::new();
    let take = |rest: &mut &[u8], n: usize| {
        let (taken, left) = rest.split_at(n.min(rest.len()));
        *rest = left;
        taken.to_vec()
    };
    let mut harms = 0..HARMS_MAX;
    while let ([kind, a, b, ..], Some(_)) = (rest, harms.next()) {
        let (kind, a, b) = (*kind, *a, *b);
        rest = &rest[3..];
        let row = i64::from(a % 7);
        match kind % 8 {
            // Bytes of the file, anywhere.
            0 => {
                let more = take(&mut rest, 1).first().copied().unwrap_or_default();
                let new = take(&mut rest, usize::from(more % 32) + 1);
                let at = (usize::from(a) << 8 | usize::from(b)) * bytes.len().max(1) / 65_536;
                for (old, new) in bytes.iter_mut().skip(at).zip(new) {
                    *old = new;
                }
            }
            // The end of the file is gone.
            1 => bytes.truncate((usize::from(a) << 8 | usize::from(b)) * bytes.len() / 65_536),
            // A page stands in another's place, or an empty one.
            2 => page(&mut bytes, usize::from(a), usize::from(b)),
            // Somebody's SQL: a column of an entry, another row's, a number.
            3 => {
                let length = usize::from(take(&mut rest, 1).first().copied().unwrap_or_default());
                let column = COLUMNS[usize::from(b) % COLUMNS.len()];
                let new = take(&mut rest, length);
                statements.push((format!("UPDATE OR IGNORE log SET {column} = ?1 WHERE seq = {row}"), new));
            }
            4 => statements.push((format!("DELETE FROM log WHERE seq >= {row} AND seq <= {}", b % 7), Vec::new())),
            5 => {
                let column = COLUMNS[usize::from(b) % COLUMNS.len()];
                let other = usize::from(b) / COLUMNS.len() % 7;
                let from = format!("(SELECT {column} FROM log WHERE seq = {other})");
                statements.push((format!("UPDATE OR IGNORE log SET {column} = {from} WHERE seq = {row}"), Vec::new()));
            }
            6 => {
                let to = b % 9;
                statements.push((format!("UPDATE OR IGNORE log SET seq = {to} WHERE seq = {row}"), Vec::new()));
            }
            // The record of the log's end: an older one, or any text.
            _ => {
                let length = usize::from(b % 96);
                let text = match whole.heads.get(usize::from(a)) {
                    Some(head) => head.clone().into_bytes(),
                    None => take(&mut rest, length),
                };
                statements.push(("UPDATE meta SET value = ?1 WHERE name = 'log_head'".to_owned(), text));
            }
        }
    }
    std::fs::write(path, &bytes).unwrap();
    if statements.is_empty() {
        return;
    }
    // A file that is damaged too far takes no statement: then the damage stands alone.
    let Ok(connection) = rusqlite::Connection::open(path) else { return };
    // Nothing is lost with this file, and a disk that is waited for is most of the time.
    let _ = connection.pragma_update(None, "synchronous", "off");
    for (sql, new) in statements {
        let value = match String::from_utf8(new) {
            Ok(text) => rusqlite::types::Value::Text(text),
            Err(bytes) => rusqlite::types::Value::Blob(bytes.into_bytes()),
        };
        let _ = if sql.contains("?1") { connection.execute(&sql, [value]) } else { connection.execute(&sql, []) };
    }
}

const COLUMNS: [&str; 8] = ["at", "run", "home", "target", "action", "outcome", "body", "hash"];
/// SQLite's page where nothing else is asked for.
const PAGE: usize = 4_096;

fn page(bytes: &mut [u8], to: usize, from: usize) {
    let pages = bytes.len() / PAGE;
    if pages == 0 {
        return;
    }
    let source = if from % 4 == 3 { vec![0; PAGE] } else { bytes[from % pages * PAGE..][..PAGE].to_vec() };
    bytes[to % pages * PAGE..][..PAGE].copy_from_slice(&source);
}

/// Opened as `log verify` does, and where `goes_on`, as the next run does.
fn judged(whole: &Whole, path: &Path, goes_on: bool) -> bool {
    let verdict = verdict(whole, path, Mode::Look);
    if goes_on {
        going_on_mends_nothing(whole, path, verdict == Some(true));
    }
    verdict == Some(true)
}

/// Whole, broken, or (`None`) not to be read at all.
fn verdict(whole: &Whole, path: &Path, mode: Mode) -> Option<bool> {
    let store = Store::open(path, mode).ok()?;
    let verified = store.verify_log().ok()?;
    // A file that was emptied is an empty store: its log is whole, and says so with its number.
    let Verified::Whole { entries: count, head } = verified else { return Some(false) };
    let read = entries(&store).unwrap_or_else(|| panic!("whole, and cannot be read"));
    assert_eq!(read.len() as u64, count, "whole, and holds another number of entries");
    let same = read.iter().zip(&whole.entries).all(|(read, written)| read == written);
    assert!(same && read.len() <= whole.entries.len(), "whole, and says something else than was written: {read:?}");
    if let Some(last) = read.last() {
        assert_eq!(last.hash, head);
    }
    if let Some(known) = store.log_head().ok()? {
        assert_eq!((known.0, &known.1), (count, &head));
    }
    Some(count == ENTRIES)
}

/// What was cut or forged stays so, whatever is written after it.
fn going_on_mends_nothing(whole: &Whole, path: &Path, was_whole: bool) {
    let Ok(store) = Store::open(path, Mode::Write) else { return };
    let before = store.verify_log();
    let setups = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| set_up(&store)));
    if setups.is_err() || store.record(record(9)).is_err() {
        return;
    }
    match (before, store.verify_log()) {
        (Ok(Verified::Broken { seq, what }), Ok(Verified::Whole { .. })) => {
            panic!("an entry more mended what was broken at {seq}: {what}")
        }
        (_, Ok(Verified::Whole { entries: count, .. })) => {
            let read = entries(&store).expect("whole, and cannot be read");
            assert_eq!(read.len() as u64, count);
            assert!(!was_whole || read[..whole.entries.len()] == whole.entries[..]);
        }
        _ => {}
    }
}
