//! Of which attributes, and which groups, is something known?

use std::collections::BTreeSet;

use crosstie::model::{Attribute, ObjectId, Removal, Selection, TenantName};
use crosstie::store::Store;

use super::bench::*;

fn names(names: &[&str]) -> Selection {
    Selection(names.iter().map(|n| Attribute::from(*n)).collect())
}
fn full(store: &Store, tenant: &TenantName, asked: &[&str], items: Vec<crosstie::model::DeltaItem>) {
    let round = store.begin_round(tenant, true, &names(asked), NOW).unwrap();
    store.record_page(tenant, &round, &done(items, "next"), NOW).unwrap();
}
fn known(store: &Store) -> Selection {
    store.reading(&north()).unwrap().selection
}
fn attributes(store: &Store, object: &ObjectId) -> Vec<String> {
    let observed = store.observed(&north(), object).unwrap().unwrap();
    observed.attributes.iter().map(|(a, v)| format!("{a}={v}")).collect()
}

#[test]
fn a_full_round_knows_nothing_of_what_it_does_not_ask_for() {
    let store = memory();
    assert_eq!(known(&store), names(&[]));
    full(&store, &north(), &["city", "mail"], vec![seen(&guid(1), &[("city", "Leeds"), ("mail", "a@x")])]);
    assert_eq!(known(&store), names(&["city", "mail"]));
    // From its first page on what it leaves out is not known of everybody, and what it is the first to ask for not yet.
    let round = store.begin_round(&north(), true, &names(&["mail", "state"]), NOW).unwrap();
    assert_eq!(known(&store), names(&["mail"]));
    store.record_page(&north(), &round, &more(vec![seen(&guid(2), &[("state", "York")])], "p2"), NOW).unwrap();
    assert_eq!(known(&store), names(&["mail"]));
    assert_eq!(attributes(&store, &guid(1)), ["city=Leeds", "mail=a@x"], "not mentioned yet");
    let page = done(vec![seen(&guid(1), &[("mail", "a@x"), ("state", "York")])], "next");
    store.record_page(&north(), &round, &page, NOW).unwrap();
    assert_eq!(known(&store), names(&["mail", "state"]));
    assert_eq!(attributes(&store, &guid(1)), ["mail=a@x", "state=York"], "the city is forgotten");
    assert!(store.suspects(&north(), LATER).unwrap().is_empty(), "and nobody is in doubt for it");
}

#[test]
fn a_short_round_keeps_all_that_its_link_tells() {
    let store = memory();
    full(&store, &north(), &["city", "mail"], vec![seen(&guid(1), &[("city", "Leeds"), ("mail", "a@x")])]);
    let round = store.begin_round(&north(), false, &names(&["city", "mail"]), NOW).unwrap();
    assert_eq!(known(&store), names(&["city", "mail"]));
    store.record_page(&north(), &round, &done(vec![seen(&guid(1), &[("mail", "b@x")])], "next"), NOW).unwrap();
    assert_eq!(attributes(&store, &guid(1)), ["city=Leeds", "mail=b@x"]);
    assert_eq!(known(&store), names(&["city", "mail"]));
}

#[test]
fn whoever_was_cut_off_in_mid_round_and_asked_again_is_whole_again() {
    let store = memory();
    full(&store, &north(), &["city", "mail"], vec![seen(&guid(1), &[("city", "Leeds"), ("mail", "a@x")])]);
    let narrow = store.begin_round(&north(), true, &names(&["mail"]), NOW).unwrap();
    store.record_page(&north(), &narrow, &more(vec![seen(&guid(1), &[("mail", "a@x")])], "p2"), NOW).unwrap();
    assert_eq!((attributes(&store, &guid(1)), known(&store)), (vec!["mail=a@x".to_owned()], names(&["mail"])));
    // The rules ask for the city again: nothing that was forgotten meanwhile may be taken for empty.
    full(&store, &north(), &["city", "mail"], vec![seen(&guid(1), &[("city", "Leeds"), ("mail", "a@x")])]);
    assert_eq!(known(&store), names(&["city", "mail"]));
    assert_eq!(attributes(&store, &guid(1)), ["city=Leeds", "mail=a@x"]);
}

#[test]
fn of_whom_a_full_round_said_nothing_nothing_is_concluded_before_a_look() {
    let store = memory();
    let all = |n| seen(&guid(n), &[("mail", "a@x")]);
    full(&store, &north(), &["mail"], vec![all(1), all(2), all(3)]);
    notice(&store, route(), "rules");
    assert_eq!(unsettled(&store, &route()).len(), 3);
    // A new attribute: the two that it does not mention may well have one.
    let with = vec![seen(&guid(1), &[("mail", "a@x"), ("city", "Leeds")])];
    full(&store, &north(), &["city", "mail"], with);
    notice(&store, route(), "other rules");
    assert_eq!(unsettled(&store, &route()), [guid(1)]);
    assert_eq!(store.natives(&north(), None, 10).unwrap(), [guid(1)]);
    store.record_look(&north(), seen(&guid(2), &[("mail", "a@x"), ("city", "York")]), NOW).unwrap();
    store.record_look(&north(), removed(&guid(3), Removal::Hard), NOW).unwrap();
    assert_eq!(unsettled(&store, &route()), [guid(1), guid(2), guid(3)]);
    assert_eq!(store.natives(&north(), None, 2).unwrap(), [guid(1), guid(2)]);
    assert_eq!(store.natives(&north(), Some(&guid(2)), 2).unwrap(), [guid(3)]);
}

#[test]
fn guests_are_no_natives_and_neither_are_other_tenants_people() {
    let store = memory();
    full(
        &store,
        &north(),
        &["userPrincipalName"],
        vec![
            seen(&guid(1), &[("userPrincipalName", "ada@north.example")]),
            seen(&guid(2), &[("userPrincipalName", "x#EXT#@north.example")]),
        ],
    );
    full(&store, &south(), &["mail"], vec![seen(&guid(3), &[])]);
    assert_eq!(store.natives(&north(), None, 10).unwrap(), [guid(1)]);
}

#[test]
fn groups_are_known_that_were_asked_for_whether_they_have_members_or_not() {
    let store = memory();
    let groups = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<String>>();
    let asked = |names: &[&str]| {
        store.record_groups(&north(), &groups(names)).unwrap();
        store.reading(&north()).unwrap().groups
    };
    assert_eq!(store.reading(&north()).unwrap().groups, groups(&[]));
    for some in [&["a", "b"] as &[&str], &["b"], &[]] {
        assert_eq!(asked(some), groups(some));
    }
}
