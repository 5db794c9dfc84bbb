//! What is known of one person beside the observation: whose account, which state, which entries, which names?

use crosstie::model::{Attribute, ObjectId, Removal};
use crosstie::store::{Mode, State, Store};

use super::bench::*;

#[test]
fn an_account_leads_back_to_its_home_user_on_whichever_route() {
    let store = memory();
    let (ada, account) = (guid(1), guid(2));
    assert_eq!(store.whose(&south(), &account).unwrap(), None);
    tie(&store, &ada, &account);
    assert_eq!(store.whose(&south(), &account).unwrap(), Some((route(), ada)));
    assert_eq!(store.whose(&north(), &account).unwrap(), None, "the same id in another tenant is another object");
}

#[test]
fn the_state_is_the_last_word_about_the_user() {
    let store = memory();
    let ada = guid(1);
    assert_eq!(store.state_of(&route(), &ada).unwrap(), None);
    read(&store, &north(), true, vec![seen(&ada, &[("userPrincipalName", "ada@north.example")])], NOW);
    notice(&store, route(), "rules");
    let state = |state: &str, detail: &str| Some(State { state: state.to_owned(), detail: detail.to_owned() });
    assert_eq!(store.state_of(&route(), &ada).unwrap(), state("", ""));
    store.explain_unsettled(&route(), &ada, "held", "2 accounts match").unwrap();
    assert_eq!(store.state_of(&route(), &ada).unwrap(), state("held", "2 accounts match"));
    assert_eq!(store.state_of(&back(), &ada).unwrap(), None);
    store.settle(&route(), &ada).unwrap();
    assert_eq!(store.state_of(&route(), &ada).unwrap(), None);
}

#[test]
fn the_last_entries_are_the_users_own_and_the_newest() {
    let folder = Folder::new();
    let store = folder.write();
    let (ada, eve) = (guid(1), guid(3));
    for n in 0..12 {
        let home = if n % 2 == 0 { &ada } else { &eve };
        let mut ask = ask(home, Some(&guid(100 + n)));
        // Eve's entries name Ada: as her manager.
        ask.edits.insert(Attribute::from("manager"), (None, Some(ada.as_str().into())));
        store.record(record(ask, None)).unwrap();
    }
    let seqs = |store: &Store, home: &ObjectId, most| -> Vec<u64> {
        store.last_entries(&route(), home, most).unwrap().iter().map(|e| e.seq).collect()
    };
    assert_eq!(seqs(&store, &ada, 3), [7, 9, 11]);
    assert_eq!(seqs(&store, &eve, 100), [2, 4, 6, 8, 10, 12]);
    assert_eq!(seqs(&store, &guid(9), 5), Vec::<u64>::new());
    assert!(store.last_entries(&back(), &ada, 5).unwrap().is_empty());
    let last = store.last_entries(&route(), &ada, 1).unwrap().remove(0);
    assert!(last.hash.starts_with("sha256:") && last.previous.starts_with("sha256:"));
    drop(store);
    // Looking needs no more than a look.
    let store = Store::open(&folder.path(), Mode::Look).unwrap();
    store.get_to_know(&setups(&["mail"]), &[route(), back()]).unwrap();
    assert_eq!(seqs(&store, &ada, 2), [9, 11]);
}

#[test]
fn names_are_those_of_present_users() {
    let store = memory();
    let item = |n: u32, name: &str| seen(&guid(n), &[("userPrincipalName", name), ("mail", "x@y.example")]);
    read(&store, &north(), true, vec![item(1, "ada@north.example"), item(2, "eve@north.example")], NOW);
    read(
        &store,
        &north(),
        false,
        vec![removed(&guid(2), Removal::Soft), seen(&guid(3), &[("mail", "m@y.example")])],
        NOW,
    );
    let mut names = Vec::new();
    store.names(&north(), |name, mail| names.push((name.to_owned(), mail.to_owned()))).unwrap();
    let pair = |name: &str, mail: &str| (name.to_owned(), mail.to_owned());
    assert_eq!(names, [pair("ada@north.example", "x@y.example"), pair("", "m@y.example")]);
}
