//! Does a file that an older crosstie made go on as if this one had made it?

use std::collections::BTreeSet;

use crosstie::store::{Mode, Remembered, Store, StoreError, Verified};

use super::bench::*;

/// The layout of version 1, to the letter.
const VERSION_1: &str = include_str!("version_1.sql");
/// A whole file of version 3, that a sync had made.
const VERSION_3: &str = include_str!("version_3.sql");
/// Columns that came later.
const LATER_COLUMNS: [(&str, &str); 6] = [
    ("tenants", "groups"),
    ("unsettled", "lane"),
    ("unsettled", "writes"),
    ("unsettled", "since"),
    ("unsettled", "tries"),
    ("unsettled", "not_before"),
];
/// Tables that came later.
const LATER_TABLES: [&str; 7] =
    ["mentions", "rule_texts", "route_rules", "breakers", "quarantines", "outbox", "run_facts"];

fn tables(folder: &Folder) -> Vec<String> {
    let all = dump(
        &folder.path(),
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    all.iter().map(|t| t.trim_start_matches("Text(\"").trim_end_matches("\")").to_owned()).collect()
}

/// Every row of every table that version 1 had, in the columns that it had.
fn rows(folder: &Folder) -> Vec<(String, Vec<String>)> {
    let columns = |table: &str| -> Vec<String> {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let names = dump(&folder.path(), &sql).into_iter();
        let names = names.map(|c| c.trim_start_matches("Text(\"").trim_end_matches("\")").to_owned());
        names.filter(|c| !LATER_COLUMNS.contains(&(table, c.as_str()))).collect()
    };
    let old = tables(folder).into_iter().filter(|t| !LATER_TABLES.contains(&t.as_str()));
    old.map(|t| (t.clone(), dump(&folder.path(), &format!("SELECT {} FROM {t}", columns(&t).join(", "))))).collect()
}

/// A file as version 1 left it: a reading that ended, one that was cut short, people, links, open questions, a log.
fn version_1() -> Folder {
    let folder = Folder::new();
    // What this version writes in columns of version 1 is what version 1 wrote.
    let store = folder.write();
    let people =
        vec![seen(&guid(1), &[("mail", "ada@north.example"), ("manager", guid(2).as_str())]), seen(&guid(2), &[])];
    read(&store, &north(), true, people, NOW);
    read(&store, &south(), true, vec![seen(&guid(101), &[("mail", "ada@north.example")])], NOW);
    store.record_members(&north(), "staff-group", &[guid(1)]).unwrap();
    store.record_members(&north(), "another-group", &[guid(1), guid(2)]).unwrap();
    tie(&store, &guid(1), &guid(101));
    store.ask(&ask(&guid(2), None), &crosstie::store::LinkChange::Same).unwrap();
    let run = store.begin_run(crosstie::model::Trigger::Manual, NOW).unwrap();
    store.end_run(run, LATER, 0, "{}").unwrap();
    let cut = round(&store, &south(), false);
    store.record_page(&south(), &cut, &more(vec![seen(&guid(102), &[])], "page2"), NOW).unwrap();
    drop(store);
    let old = Folder::new();
    let connection = old.sql();
    connection.execute_batch("PRAGMA foreign_keys = off").unwrap();
    connection.execute_batch(VERSION_1).unwrap();
    let from = folder.path().display().to_string();
    connection.execute("ATTACH ?1 AS new", [from]).unwrap();
    for table in tables(&old) {
        let sql = format!("SELECT group_concat(name) FROM pragma_table_info('{table}')");
        let columns: String = connection.query_row(&sql, [], |r| r.get(0)).unwrap();
        connection
            .execute_batch(&format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}"))
            .unwrap();
    }
    connection.execute_batch("DETACH new; PRAGMA application_id = 0x58544945; PRAGMA user_version = 1").unwrap();
    old
}

#[test]
fn a_version_1_file_is_upgraded_and_keeps_everything() {
    let folder = version_1();
    let before = rows(&folder);
    assert!(before.iter().filter(|(_, rows)| !rows.is_empty()).count() >= 11, "{before:#?}");
    let store = folder.write();
    drop(store);
    assert_eq!(rows(&folder), before);
    assert_eq!(dump(&folder.path(), "PRAGMA user_version"), ["Integer(6)"]);
    let store = folder.write();
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 1, .. }));
    assert_eq!(store.reading(&south()).unwrap().progress.unwrap().link, "page2");
    assert_eq!(store.link(&route(), &guid(1)).unwrap(), Some(link(&guid(1), &guid(101))));
    assert_eq!(store.open_asks(&south()).unwrap().len(), 1);
    // Nothing is known of the rules that it worked with; of groups, those that had members were asked for.
    assert_eq!(store.remembered_rules(&route()).unwrap(), []);
    let groups = |tenant| store.reading(&tenant).unwrap().groups;
    assert_eq!(groups(north()), BTreeSet::from(["another-group".to_owned(), "staff-group".to_owned()]));
    assert_eq!(groups(south()), BTreeSet::new());
}

#[test]
fn an_upgraded_file_has_the_layout_of_a_new_one() {
    let (old, new) = (version_1(), Folder::new());
    drop((old.write(), new.write()));
    assert_eq!(tables(&old), tables(&new));
    for table in tables(&new) {
        for about in ["table_xinfo", "index_list", "foreign_key_list"] {
            let sql = format!("SELECT * FROM pragma_{about}('{table}') ORDER BY 2");
            let seq = |rows: Vec<String>| -> BTreeSet<String> {
                // The order in which indices were made says nothing.
                let cut = |r: String| if about == "index_list" { r.split_once(" | ").unwrap().1.to_owned() } else { r };
                rows.into_iter().map(cut).collect()
            };
            assert_eq!(seq(dump(&old.path(), &sql)), seq(dump(&new.path(), &sql)), "{about} of {table}");
        }
    }
    let strict = "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' ORDER BY name";
    assert_eq!(dump(&old.path(), strict), dump(&new.path(), strict));
}

#[test]
fn whoever_only_looks_at_an_older_file_leaves_it_as_it_is() {
    let folder = version_1();
    let before = std::fs::read(folder.path()).unwrap();
    for mode in [Mode::Look, Mode::Copy] {
        let store = Store::open(&folder.path(), mode).unwrap();
        store.get_to_know(&setups(&["mail", "otherMails"]), &[route(), back()]).unwrap();
        assert_eq!(store.reading(&north()).unwrap().readings, 1, "{mode:?}");
        assert_eq!(store.remembered_rules(&route()).unwrap(), [], "{mode:?}");
        assert_eq!(store.status(&[north()], &[route()]).unwrap().routes[0].links, 1);
        drop(store);
        assert_eq!(std::fs::read(folder.path()).unwrap(), before, "{mode:?}");
    }
}

#[test]
fn an_upgrade_that_fails_leaves_the_older_file() {
    let folder = version_1();
    folder.sql().execute_batch("CREATE TABLE route_rules (something TEXT)").unwrap();
    let rows = |f: &Folder| (dump(&f.path(), "SELECT * FROM tenants"), dump(&f.path(), "PRAGMA user_version"));
    let before = rows(&folder);
    let error = Store::open(&folder.path(), Mode::Write).err().unwrap();
    assert!(matches!(error, StoreError::Sqlite { .. }) && error.to_string().contains("route_rules"), "{error}");
    assert_eq!(rows(&folder), before);
}

#[test]
fn the_rules_of_each_routes_last_sync_are_remembered_and_no_others() {
    let folder = Folder::new();
    let store = folder.write();
    let texts = || dump(&folder.path(), "SELECT text FROM rule_texts ORDER BY text");
    assert_eq!(store.remembered_rules(&route()).unwrap(), []);
    assert!(
        !store.remembers_rules(&route(), &[("staff", "a")]).unwrap() && store.remembers_rules(&route(), &[]).unwrap()
    );
    for route in [route(), back()] {
        store.remember_rules(&route, &[("staff", "a"), ("guests", "b")]).unwrap();
    }
    assert_eq!(texts().len(), 2, "routes share their texts");
    let remembered = |name: &str, text: &str| Remembered { name: name.to_owned(), text: text.to_owned() };
    assert_eq!(store.remembered_rules(&route()).unwrap(), [remembered("staff", "a"), remembered("guests", "b")]);
    assert!(store.remembers_rules(&route(), &[("staff", "a"), ("guests", "b")]).unwrap());
    for other in [
        &[("staff", "a")] as &[(&str, &str)],
        &[("guests", "b"), ("staff", "a")],
        &[("staff", "a "), ("guests", "b")],
        &[("staff", "a"), ("guest", "b")],
        &[],
    ] {
        assert!(!store.remembers_rules(&route(), other).unwrap(), "{other:?}");
    }
    store.remember_rules(&route(), &[("staff", "c")]).unwrap();
    assert_eq!(texts().len(), 3, "the way back still has both");
    store.remember_rules(&back(), &[("staff", "c")]).unwrap();
    assert_eq!(texts(), ["Text(\"c\")"], "what no route needs is gone");
    drop(store);
    assert_eq!(folder.write().remembered_rules(&back()).unwrap(), [remembered("staff", "c")]);
}

fn version_3() -> Folder {
    let folder = Folder::new();
    let connection = folder.sql();
    connection.execute_batch("PRAGMA foreign_keys = off").unwrap();
    connection.execute_batch(VERSION_3).unwrap();
    connection.execute_batch("PRAGMA application_id = 0x58544945; PRAGMA user_version = 3").unwrap();
    folder
}

#[test]
fn the_change_log_of_a_version_3_file_is_whole_before_and_after_and_goes_on() {
    let folder = version_3();
    let whole = |store: &Store, n: u64| {
        let verified = store.verify_log().unwrap();
        assert!(matches!(&verified, Verified::Whole { entries, .. } if *entries == n), "{verified:?}");
    };
    whole(&Store::open(&folder.path(), Mode::Look).unwrap(), 29);
    let log = |f: &Folder| dump(&f.path(), "SELECT * FROM log ORDER BY seq");
    let before = log(&folder);
    let store = Store::open(&folder.path(), Mode::Write).unwrap();
    assert_eq!(log(&folder), before);
    whole(&store, 29);
    assert_eq!(wrote(&store, 1).unwrap().facts, None);
    let id = store.store_id().unwrap();
    assert_eq!(id.len(), 32);
    drop(store);
    let tables = |f: &Folder| dump(&f.path(), "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let new = Folder::new();
    drop(new.write());
    assert_eq!(tables(&folder), tables(&new));
    let columns = |f: &Folder| dump(&f.path(), "SELECT * FROM pragma_table_xinfo('run_facts')");
    assert_eq!(columns(&folder), columns(&new));
    let store = Store::open(&folder.path(), Mode::Write).unwrap();
    assert_eq!(store.store_id().unwrap(), id);
    whole(&store, 29);
}

/// Version 5 told whom the last full round had left out by comparing its number with the row's; 6 says so in the row.
#[test]
fn whom_the_last_full_round_left_out_is_still_known_after_the_upgrade_from_version_5() {
    let folder = Folder::new();
    let store = folder.write();
    let all = || (1..4).map(|n| seen(&guid(n), &[("displayName", "A")])).collect::<Vec<_>>();
    read(&store, &north(), true, all(), NOW);
    read(&store, &north(), true, all()[1..].to_vec(), NOW);
    store.doubt(&north(), &guid(2)).unwrap();
    drop(store);
    // As version 5 had it: 1 was told of by the first round only, the others by both.
    let five = "DROP TABLE mentions; PRAGMA user_version = 5; \
                UPDATE observations SET round = CASE WHEN round = 0 THEN 1 ELSE 2 END";
    folder.sql().execute_batch(five).unwrap();
    let store = folder.write();
    assert_eq!(dump(&folder.path(), "PRAGMA user_version"), ["Integer(6)"]);
    assert_eq!(
        store.natives(&north(), None, 9).unwrap(),
        [guid(2), guid(3)],
        "nothing is concluded of whom it left out"
    );
    assert_eq!(store.suspects(&north(), LATER).unwrap(), [guid(1), guid(2)]);
}
