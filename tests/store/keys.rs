//! Is everybody found who can be found, and nobody else?

use crosstie::model::{ObjectId, Presence, Removal};
use crosstie::plan::Case;
use crosstie::store::Store;

use super::bench::*;

const RULES: &str = "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n\
                     [[match]]\ntarget = \"otherMails\"\nsource = \"[mail]\"\n[attributes]\n";

fn case(store: &Store, home: &ObjectId) -> Case {
    store.case(&planned(route(), RULES), home, NOW).unwrap()
}
fn answers(store: &Store) -> [Vec<ObjectId>; 3] {
    let answers = case(store, &guid(1)).answers;
    let ids = |a: &[crosstie::plan::Answer]| a.iter().map(|a| a.account.object.clone()).collect::<Vec<_>>();
    [ids(&answers.rungs[0]), ids(&answers.rungs[1]), ids(&answers.address)]
}
fn ada() -> Store {
    let store = memory();
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "Ada@North.example")])], NOW);
    store
}

#[test]
fn accounts_are_found_ignoring_case_by_mail_other_mails_and_invited_name() {
    let store = ada();
    let accounts = vec![
        seen(&guid(101), &[("mail", "ADA@north.EXAMPLE")]),
        seen(&guid(102), &[("otherMails", "x@y|ada@north.example")]),
        seen(&guid(103), &[("userPrincipalName", "Ada_north.example#ext#@south.example")]),
        seen(&guid(104), &[("mail", "eve@north.example")]),
    ];
    read(&store, &south(), true, accounts, NOW);
    assert_eq!(answers(&store), [vec![guid(101)], vec![guid(102)], vec![guid(101), guid(103)]]);
}

/// A tenant that no route enters pays for no keys; once one does, everybody there is found.
#[test]
fn whoever_is_known_of_a_tenant_that_becomes_a_target_is_found() {
    let store = Store::in_memory().unwrap();
    let with_south = |keyed: &[&str]| {
        let [north, _] = setups(&[]);
        let [_, south] = setups(keyed);
        store.set_up(&[north, south], &[route(), back()]).unwrap();
    };
    with_south(&[]);
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "ada@north.example")])], NOW);
    let accounts = vec![
        seen(&guid(101), &[("mail", "ada@north.example")]),
        seen(&guid(102), &[("userPrincipalName", "ada_north.example#EXT#@south.example")]),
    ];
    read(&store, &south(), true, accounts, NOW);
    read(&store, &south(), false, vec![seen(&guid(103), &[("mail", "ada@north.example")])], NOW);
    assert_eq!(answers(&store)[2], []);
    with_south(&["mail"]);
    assert_eq!(answers(&store)[2], [guid(101), guid(102), guid(103)]);
    with_south(&[]);
    assert_eq!(answers(&store)[2], []);
}

#[test]
fn who_is_removed_or_renamed_is_no_longer_found_and_who_returns_is() {
    let store = ada();
    read(&store, &south(), true, vec![seen(&guid(101), &[("mail", "ada@north.example")])], NOW);
    for removal in [Removal::Soft, Removal::Hard] {
        read(&store, &south(), false, vec![removed(&guid(101), removal)], NOW);
        assert_eq!(answers(&store)[0], []);
        read(&store, &south(), false, vec![seen(&guid(101), &[("mail", "ada@north.example")])], NOW);
        assert_eq!(answers(&store)[0], [guid(101)]);
    }
    read(&store, &south(), false, vec![seen(&guid(101), &[("mail", "")])], NOW);
    assert_eq!(answers(&store)[0], []);
}

#[test]
fn taken_means_another_home_users_on_whichever_route() {
    let store = ada();
    read(&store, &south(), true, vec![seen(&guid(101), &[("mail", "ada@north.example")])], NOW);
    assert!(!case(&store, &guid(1)).answers.rungs[0][0].taken);
    tie(&store, &guid(2), &guid(101));
    assert!(case(&store, &guid(1)).answers.rungs[0][0].taken);
    assert!(store.is_linked(&south(), &guid(101)).unwrap() && !store.is_linked(&north(), &guid(101)).unwrap());
}

#[test]
fn other_match_attributes_make_the_keys_anew() {
    let folder = Folder::new();
    let store = folder.write();
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "ada@north.example")])], NOW);
    read(&store, &south(), true, vec![seen(&guid(101), &[("mail", "ada@north.example"), ("employeeId", "7")])], NOW);
    drop(store);
    let store = Store::open(&folder.path(), crosstie::store::Mode::Write).unwrap();
    store.set_up(&setups(&["employeeId"]), &[route(), back()]).unwrap();
    let keys = dump(&folder.path(), "SELECT attribute, value FROM keys WHERE tenant = 2");
    assert_eq!(keys, ["Text(\"employeeId\") | Text(\"7\")"]);
    store.set_up(&setups(&["mail", "otherMails"]), &[route(), back()]).unwrap();
    assert_eq!(answers(&store)[0], [guid(101)]);
}

#[test]
fn a_person_is_found_by_id_or_name_native_first() {
    let store = memory();
    let people = vec![
        seen(&guid(1), &[("userPrincipalName", "Ada@north.example")]),
        seen(&guid(2), &[("userPrincipalName", "x#EXT#@north.example")]),
    ];
    read(&store, &north(), true, people, NOW);
    assert_eq!(store.find_user(&north(), "ADA@NORTH.example").unwrap(), Some(guid(1)));
    assert_eq!(store.find_user(&north(), guid(2).as_str()).unwrap(), Some(guid(2)));
    assert_eq!(store.find_user(&north(), "nobody").unwrap(), None);
}

#[test]
fn nobody_of_whom_nothing_was_heard_counts_as_there() {
    let store = memory();
    let case = case(&store, &guid(77));
    assert_eq!((case.home.presence, case.link.is_none(), case.readings), (Presence::Gone, true, 0));
}
