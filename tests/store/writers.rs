//! Does one process write at a time, does everybody hear who, and is room made where that one is dead?

use std::sync::atomic::{AtomicBool, Ordering};

use crosstie::model::Timestamp;
use crosstie::store::{Gone, HEARTBEAT_SECONDS, Mode, SignedOn, Store, StoreError, TakenOver, Writer};

use super::bench::*;

fn ada() -> Writer {
    let (user, host, verb) = ("ada".to_owned(), "vm7".to_owned(), "run".to_owned());
    Writer { user, host, pid: 4_711, boot: Some("boot 1".to_owned()), verb, takes_over: false }
}
fn open_as(folder: &Folder, writer: &Writer, now: Timestamp) -> Result<Store, StoreError> {
    Store::open_as(&folder.path(), writer, now)
}
fn opened(folder: &Folder, writer: &Writer, now: Timestamp) -> Store {
    set_up(open_as(folder, writer, now).unwrap_or_else(|e| panic!("{e}")))
}
fn error(result: Result<Store, StoreError>) -> StoreError {
    result.err().expect("it was opened")
}
fn line(folder: &Folder) -> String {
    std::fs::read_to_string(folder.folder.path().join("crosstie.db-lock")).unwrap()
}
fn row(folder: &Folder) -> Option<String> {
    let sql = "SELECT value FROM meta WHERE name = 'writer'";
    folder.sql().query_row(sql, [], |r| r.get(0)).ok()
}
/// A store that somebody wrote who died in the middle of it, with the line in the lock file.
fn left_by(writer: &Writer, seen: Timestamp) -> Folder {
    let folder = Folder::new();
    let store = opened(&folder, writer, seen);
    let left = (row(&folder).unwrap(), line(&folder));
    drop(store);
    folder.sql().execute("INSERT INTO meta VALUES ('writer', ?1)", [&left.0]).unwrap();
    std::fs::write(folder.folder.path().join("crosstie.db-lock"), left.1).unwrap();
    folder
}
fn minutes(n: u64) -> Timestamp {
    NOW.plus_seconds(n * 60)
}

#[test]
fn who_writes_is_told_while_it_lasts() {
    let folder = Folder::new();
    let store = opened(&folder, &ada(), NOW);
    let who = format!("ada@vm7, process 4711, run since {}", NOW.rfc3339());
    assert_eq!(line(&folder), format!("{who}\n"));
    assert_eq!(store.taken_over(), None);
    let look = Store::open(&folder.path(), Mode::Look).unwrap();
    let writer = look.writer().unwrap().unwrap();
    assert_eq!((&writer.writer, writer.to_string()), (&ada(), who.clone()));
    for result in [open_as(&folder, &ada(), NOW), Store::open(&folder.path(), Mode::Write)] {
        let error = error(result);
        assert!(matches!(&error, StoreError::Locked { holder, .. } if *holder == who), "{error}");
        assert!(error.to_string().contains("ada@vm7, process 4711, run since") && error.to_string().contains("hint:"));
    }
    store.heartbeat(minutes(1)).unwrap();
    let seen = look.writer().unwrap().unwrap();
    assert_eq!(seen, SignedOn { seen: minutes(1).rfc3339(), ..writer });
    store.heartbeat(minutes(2)).unwrap();
    drop(store);
    assert_eq!((row(&folder), line(&folder)), (None, String::new()));
    assert_eq!(look.writer().unwrap(), None);
    drop(opened(&folder, &ada(), minutes(3)));
}

#[test]
fn who_does_not_say_who_it_is_is_locked_out_all_the_same() {
    let folder = Folder::new();
    let store = folder.write();
    assert_eq!(line(&folder), format!("process {}\n", std::process::id()));
    store.heartbeat(NOW).unwrap();
    assert_eq!(row(&folder), None);
    assert!(matches!(error(open_as(&folder, &ada(), NOW)), StoreError::Locked { .. }));
}

#[test]
fn a_writer_that_died_makes_room_at_once() {
    let other = |change: fn(&mut Writer)| {
        let mut writer = ada();
        change(&mut writer);
        writer
    };
    let cases = [
        (other(|_| {}), Gone::Died),
        // Containers of one machine: another name, the same boot.
        (other(|w| w.host = "container 2".to_owned()), Gone::Died),
        (other(|w| w.boot = Some("boot 2".to_owned())), Gone::Restarted),
        // A machine that does not name its boots.
        (other(|w| w.boot = None), Gone::Died),
        (other(|w| w.boot = Some(String::new())), Gone::Died),
    ];
    for (writer, gone) in cases {
        let folder = left_by(&ada(), NOW);
        let store = opened(&folder, &writer, NOW);
        let taken = store.taken_over().unwrap();
        assert_eq!((taken.gone, &taken.from.as_ref().unwrap().writer), (gone, &ada()), "{writer:?}");
        assert!(taken.to_string().contains("ada@vm7, process 4711, run since"), "{taken}");
        assert_eq!(store.writer().unwrap().unwrap().writer, writer);
        drop(store);
        assert_eq!((row(&folder), line(&folder)), (None, String::new()));
    }
}

#[test]
fn a_writer_on_another_machine_is_left_alone_until_it_was_silent_for_long() {
    let bob = Writer { user: "bob".into(), host: "vm8".into(), boot: Some("boot 9".into()), ..ada() };
    let folder = left_by(&ada(), NOW);
    let before = folder_bytes(&folder);
    // A clock behind that of the other machine counts as no silence at all.
    for (now, silent) in
        [(NOW, 0), (minutes(9), 540), (Timestamp(NOW.0 - 3_600_000), 0), (Timestamp(NOW.0 + 599_999), 599)]
    {
        let error = error(open_as(&folder, &bob, now));
        let StoreError::LockedElsewhere { holder, silent_seconds, .. } = &error else { panic!("{error}") };
        assert_eq!((*silent_seconds, holder.contains("ada@vm7, process 4711, run since")), (silent, true), "{error}");
        assert!(error.to_string().contains("10 minutes after") && error.to_string().contains("--take-over"), "{error}");
        assert_eq!(folder_bytes(&folder), before, "something was changed");
    }
    let declared = open_as(&folder, &Writer { takes_over: true, ..bob.clone() }, NOW).unwrap();
    assert_eq!(declared.taken_over().unwrap().gone, Gone::Declared);
    drop(declared);
    let folder = left_by(&ada(), NOW);
    let store = opened(&folder, &bob, minutes(10));
    assert_eq!(store.taken_over().unwrap().gone, Gone::Silent(600));
    assert!(store.taken_over().unwrap().to_string().contains("no sign of life for 10 minutes"));
    const { assert!(HEARTBEAT_SECONDS * 5 < 600, "a few beats may be missed") };
    // Two machines that do not name their boots are two machines.
    for boot in [None, Some(String::new())] {
        let (ada, bob) = (Writer { boot: boot.clone(), ..ada() }, Writer { boot, ..bob.clone() });
        let error = error(open_as(&left_by(&ada, NOW), &bob, NOW));
        assert!(matches!(error, StoreError::LockedElsewhere { .. }), "{error}");
    }
    // The file lock is still a lock, whatever a person says.
    let error = error(open_as(&folder, &Writer { takes_over: true, ..ada() }, minutes(11)));
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
}
fn folder_bytes(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder.folder.path()).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = entries.map(|p| (p.display().to_string(), std::fs::read(p).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn whoever_was_taken_for_dead_hears_of_it_and_spoils_nothing() {
    let folder = Folder::new();
    let store = opened(&folder, &ada(), NOW);
    // As on a filesystem that does not pass locks on: another machine writes the row and the line.
    let bob = Writer { user: "bob\u{1b}[31m\n".into(), host: "vm8".into(), ..ada() };
    let signed_on = SignedOn { writer: bob, since: minutes(10).rfc3339(), seen: minutes(10).rfc3339() };
    let theirs = serde_json::to_string(&signed_on).unwrap();
    folder.sql().execute("UPDATE meta SET value = ?1 WHERE name = 'writer'", [&theirs]).unwrap();
    std::fs::write(folder.folder.path().join("crosstie.db-lock"), format!("{signed_on}\n")).unwrap();
    let error = store.heartbeat(minutes(11)).unwrap_err();
    let StoreError::TakenOver { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder, &format!("bob [31m @vm8, process 4711, run since {}", minutes(10).rfc3339()));
    drop(store);
    assert_eq!((row(&folder), line(&folder)), (Some(theirs), format!("{signed_on}\n")));
}

#[test]
fn a_row_that_nobody_can_read_locks_nobody_out() {
    let folder = Folder::new();
    drop(folder.write());
    folder.sql().execute("INSERT INTO meta VALUES ('writer', 'somebody')", []).unwrap();
    let store = opened(&folder, &ada(), NOW);
    assert_eq!(store.taken_over(), Some(&TakenOver { from: None, gone: Gone::Died }));
    assert_eq!(store.writer().unwrap().unwrap().writer, ada());
}

/// Who looks while nobody writes has to see it when somebody begins: the file changes under its feet.
#[test]
fn a_look_that_began_before_the_writer_did_sees_a_whole_store() {
    let folder = Folder::new();
    read(&folder.write(), &north(), true, vec![seen(&guid(1), &[])], NOW);
    let look = Store::open(&folder.path(), Mode::Look).unwrap();
    look.get_to_know(&setups(&["mail", "otherMails"]), &[route(), back()]).unwrap();
    assert!(look.observed(&north(), &guid(1)).unwrap().is_some());
    for round in 1..4 {
        let people: Vec<_> = (1..=400 * round).map(|n| seen(&guid(n), &[("mail", &"x".repeat(300))])).collect();
        read(&opened(&folder, &ada(), NOW), &north(), true, people, NOW.plus_seconds(u64::from(round)));
        for n in [1, 200, 400 * round] {
            assert!(look.observed(&north(), &guid(n)).unwrap().is_some(), "{n} in round {round}");
        }
        assert_eq!(look.status(&[north()], &[route()]).unwrap().tenants[0].readings, u64::from(round) + 1);
    }
    drop(look);
    let left: Vec<_> = folder_bytes(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// A copy in several steps begins anew where somebody wrote between two of them.
#[test]
fn a_copy_beside_somebody_who_writes_all_the_time_comes_to_an_end() {
    let folder = Folder::new();
    let store = opened(&folder, &ada(), NOW);
    // Some steps of copying, 16 MiB each.
    let people: Vec<_> = (1..=9_000).map(|n| seen(&guid(n), &[("displayName", &"x".repeat(6_000))])).collect();
    read(&store, &north(), true, people, NOW);
    drop(store);
    assert!(std::fs::metadata(folder.path()).unwrap().len() > 40 << 20);
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let writer = folder.sql();
            while !over.load(Ordering::SeqCst) {
                writer.execute("UPDATE tenants SET read_at = read_at + 1", []).unwrap();
            }
        });
        for _ in 0..3 {
            let copy = set_up(Store::open(&folder.path(), Mode::Copy).unwrap());
            assert!(copy.observed(&north(), &guid(9_000)).unwrap().is_some());
        }
        over.store(true, Ordering::SeqCst);
    });
}
