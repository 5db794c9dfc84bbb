//! Is the file opened, locked, refused and copied as it should be?

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crosstie::store::{Mode, Store, StoreError, Writer};

use super::bench::*;

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
/// Everything in the folder but locks and shared memory, which say nothing.
fn files(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder.folder.path())
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| !p.to_string_lossy().ends_with("-shm"))
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), bytes(&p)))
        .collect();
    all.sort();
    all
}
fn refused(path: &Path, mode: Mode) -> StoreError {
    match Store::open(path, mode) {
        Ok(_) => panic!("{mode:?} opened {}", path.display()),
        Err(error) => error,
    }
}

#[test]
fn a_second_writer_is_locked_out_and_readers_are_not() {
    let folder = Folder::new();
    let first = folder.write();
    let error = refused(&folder.path(), Mode::Write);
    let StoreError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder, &format!("process {}", std::process::id()));
    assert!(error.to_string().contains("hint:"));
    for mode in [Mode::Copy, Mode::Look] {
        set_up_or_look(Store::open(&folder.path(), mode).unwrap(), mode);
    }
    drop(first);
    folder.write();
}
fn set_up_or_look(store: Store, mode: Mode) -> Store {
    match mode {
        Mode::Look => store.get_to_know(&setups(&["mail", "otherMails"]), &[route(), back()]).unwrap(),
        _ => return set_up(store),
    }
    store
}

#[test]
fn newer_older_and_foreign_files_are_refused_unchanged() {
    let spoil = |sql: &str| {
        let folder = Folder::new();
        drop(folder.write());
        let connection = folder.sql();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        folder
    };
    for mode in [Mode::Write, Mode::Copy, Mode::Look] {
        let newer = spoil("PRAGMA user_version = 99");
        let before = bytes(&newer.path());
        assert!(matches!(refused(&newer.path(), mode), StoreError::Newer { found: 99, .. }), "{mode:?}");
        assert_eq!(bytes(&newer.path()), before, "{mode:?}");
        let foreign = spoil("PRAGMA application_id = 7");
        let before = bytes(&foreign.path());
        assert!(matches!(refused(&foreign.path(), mode), StoreError::NotAStore { .. }), "{mode:?}");
        assert_eq!(bytes(&foreign.path()), before, "{mode:?}");
        let text = Folder::new();
        std::fs::write(text.path(), "no database, but long enough to be taken for one. ".repeat(40)).unwrap();
        let before = bytes(&text.path());
        let error = refused(&text.path(), mode);
        assert!(error.to_string().contains("crosstie.db"), "{mode:?}: {error}");
        assert_eq!(bytes(&text.path()), before, "{mode:?}");
    }
    assert!(matches!(refused(&spoil("PRAGMA user_version = 0").path(), Mode::Write), StoreError::Damaged(_)));
}

#[test]
fn a_name_that_moves_to_another_directory_is_refused() {
    let folder = Folder::new();
    let store = folder.write();
    let mut other = setups(&["mail"]);
    other[1].directory = guid(99).to_string();
    for result in [store.set_up(&other, &[]), store.get_to_know(&other, &[])] {
        assert!(matches!(result, Err(StoreError::OtherDirectory { .. })), "{result:?}");
    }
    let mut same = setups(&["mail", "otherMails"]);
    same[1].directory = same[1].directory.to_uppercase();
    store.set_up(&same, &[route()]).unwrap();
}

#[test]
fn a_copy_can_be_changed_at_will_and_the_file_stays_as_it_is() {
    let folder = Folder::new();
    let store = folder.write();
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "a@x")])], NOW);
    drop(store);
    let before = files(&folder);
    for mode in [Mode::Copy, Mode::Look] {
        let store = set_up_or_look(Store::open(&folder.path(), mode).unwrap(), mode);
        assert!(store.observed(&north(), &guid(1)).unwrap().is_some());
        if mode == Mode::Copy {
            read(&store, &north(), true, vec![seen(&guid(2), &[])], NOW);
            tie(&store, &guid(1), &guid(101));
        }
        drop(store);
        assert_eq!(files(&folder), before, "{mode:?}");
    }
}

#[test]
fn a_log_that_a_killed_process_left_is_read_and_stays_as_it_is() {
    let folder = Folder::new();
    let store = folder.write();
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "a@x")])], NOW);
    // As after a kill: what was committed last is in the write-ahead log only.
    let left = Folder::new();
    let wal = |f: &Folder| f.folder.path().join("crosstie.db-wal");
    std::fs::copy(folder.path(), left.path()).unwrap();
    std::fs::copy(wal(&folder), wal(&left)).unwrap();
    drop(store);
    assert!(std::fs::metadata(wal(&left)).unwrap().len() > 0);
    let before = files(&left);
    for mode in [Mode::Copy, Mode::Look, Mode::Copy] {
        let store = set_up_or_look(Store::open(&left.path(), mode).unwrap(), mode);
        assert!(store.observed(&north(), &guid(1)).unwrap().is_some(), "{mode:?}");
        drop(store);
        assert_eq!(files(&left), before, "{mode:?}");
    }
    let store = left.write();
    assert!(store.observed(&north(), &guid(1)).unwrap().is_some());
}

/// The first change of a new file, which turns its write-ahead log on, is in a rollback journal. Who only reads may not take it
/// back, and who wants to write reads first.
#[test]
fn a_file_whose_maker_was_killed_before_it_had_a_log_is_an_empty_store_and_becomes_one() {
    // The header of SQLite's file format, 3: nothing was in the file before, so that no page is to be put back.
    let mut header = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    for number in [0_u32, 0x1234_5678, 0, 512, 4_096] {
        header.extend(number.to_be_bytes());
    }
    header.resize(512, 0);
    let journal = |folder: &Folder| folder.folder.path().join("crosstie.db-journal");
    let folder = Folder::new();
    folder.sql().pragma_update(None, "journal_mode", "wal").unwrap();
    std::fs::write(journal(&folder), &header).unwrap();
    let before = files(&folder);
    assert_eq!(before.len(), 2, "the file and its journal");
    for mode in [Mode::Look, Mode::Copy] {
        let store = Store::open(&folder.path(), mode).unwrap();
        store.get_to_know(&setups(&["mail"]), &[route()]).unwrap();
        assert_eq!(store.population(&route()).unwrap(), 0);
        drop(store);
        assert_eq!(files(&folder), before, "{mode:?}");
    }
    assert!(Store::open_beside(&folder.path()).unwrap().is_none());
    let (user, host, verb) = ("ada".to_owned(), "vm7".to_owned(), "sync".to_owned());
    let writer = Writer { user, host, pid: 1, boot: None, verb, takes_over: false };
    drop(Store::open_as(&folder.path(), &writer, NOW).unwrap());
    assert!(!journal(&folder).exists());
    // One that has something in it is not taken for an empty one.
    let folder = Folder::new();
    drop(set_up(folder.write()));
    std::fs::write(journal(&folder), &header).unwrap();
    for mode in [Mode::Look, Mode::Copy] {
        refused(&folder.path(), mode);
    }
}

#[test]
fn a_file_that_is_missing_is_an_empty_store_to_look_at() {
    let folder = Folder::new();
    for mode in [Mode::Look, Mode::Copy] {
        let store = Store::open(&folder.path(), mode).unwrap();
        store.get_to_know(&setups(&["mail"]), &[route()]).unwrap();
        assert_eq!(store.reading(&north()).unwrap(), crosstie::store::Reading::default());
        assert_eq!(store.population(&route()).unwrap(), 0);
        assert_eq!(store.status(&[north()], &[route()]).unwrap().routes[0].links, 0);
    }
    assert!(files(&folder).is_empty(), "nothing was made");
}

#[test]
fn only_the_owner_can_read_what_is_made() {
    let folder = Folder::new();
    let store = folder.write();
    read(&store, &north(), true, vec![], NOW);
    for suffix in ["", "-wal", "-lock"] {
        let mut name = folder.path().into_os_string();
        name.push(suffix);
        let mode = std::fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{suffix:?} {mode:o}");
    }
}

#[test]
fn a_path_with_signs_that_mean_something_in_a_url_is_that_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b?c#d%20ä&mode=memory.db");
    let store = set_up(Store::open(&path, Mode::Write).unwrap());
    read(&store, &north(), true, vec![seen(&guid(1), &[])], NOW);
    drop(store);
    let store = set_up(Store::open(&path, Mode::Copy).unwrap());
    assert!(store.observed(&north(), &guid(1)).unwrap().is_some());
}

#[test]
fn a_place_that_is_none_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&folder.path().join("missing/crosstie.db"), Mode::Write);
    assert!(error.to_string().contains("missing/crosstie.db"), "{error}");
}
