//! Who is considered again, and who is left in peace? Everyone whom a change concerns, and nobody else.

use std::collections::BTreeSet;

use crosstie::model::{ObjectId, Removal, Standing};
use crosstie::plan::Resolved;
use crosstie::store::{Among, LinkChange, Pending, Record, Store, Word};

use super::bench::*;

const GUEST: (&str, &str) = ("userPrincipalName", "ada_north.example#EXT#@south.example");

/// Ada (1), her manager (2) and Eve (3) at home; accounts 101 to 103; everybody settled.
fn settled() -> Store {
    let store = memory();
    let home = |n: u32, manager: &str| seen(&guid(n), &[("displayName", "x"), ("manager", manager)]);
    read(&store, &north(), true, vec![home(1, guid(2).as_str()), home(2, ""), home(3, "")], NOW);
    read(&store, &south(), true, (101..104).map(|n| seen(&guid(n), &[GUEST])).collect(), NOW);
    for n in 1..4 {
        tie(&store, &guid(n), &guid(n + 100));
    }
    notice(&store, route(), "staff=1");
    notice(&store, back(), "staff=1");
    settle_all(&store);
    store
}
fn marked(store: &Store) -> Vec<ObjectId> {
    unsettled(store, &route())
}

#[test]
fn a_change_at_home() {
    let store = settled();
    read(&store, &north(), false, vec![seen(&guid(3), &[("displayName", "y")])], NOW);
    assert_eq!(marked(&store), [guid(3)]);
    assert!(unsettled(&store, &back()).is_empty());
    settle_all(&store);
    read(&store, &north(), false, vec![removed(&guid(1), Removal::Soft)], NOW);
    assert_eq!(marked(&store), [guid(1)]);
    settle_all(&store);
    read(&store, &north(), false, vec![seen(&guid(7), &[])], NOW);
    assert_eq!(marked(&store), [guid(7)], "a newcomer");
}

#[test]
fn external_people_at_home_are_nobodys_business_until_they_change_sides() {
    let store = settled();
    read(&store, &north(), false, vec![seen(&guid(8), &[("userPrincipalName", "x#EXT#@north.example")])], NOW);
    assert_eq!(marked(&store), []);
    assert_eq!(store.count_present(&north(), Standing::External).unwrap(), 1);
    read(&store, &north(), false, vec![seen(&guid(8), &[("userPrincipalName", "x@north.example")])], NOW);
    assert_eq!(marked(&store), [guid(8)]);
    settle_all(&store);
    read(&store, &north(), false, vec![seen(&guid(8), &[("userPrincipalName", "x#EXT#@north.example")])], NOW);
    assert_eq!(marked(&store), [guid(8)], "the last time");
}

#[test]
fn a_change_of_the_account() {
    let store = settled();
    read(&store, &south(), false, vec![seen(&guid(103), &[("displayName", "local")])], NOW);
    assert_eq!(marked(&store), [guid(3)]);
}

#[test]
fn a_managers_account_that_comes_or_goes_concerns_the_reports() {
    let store = settled();
    read(&store, &south(), false, vec![seen(&guid(102), &[("displayName", "local")])], NOW);
    assert_eq!(marked(&store), [guid(2)], "its name is nothing to the reports");
    settle_all(&store);
    for removal in [Removal::Soft, Removal::Hard] {
        read(&store, &south(), false, vec![removed(&guid(102), removal)], NOW);
        assert_eq!(marked(&store), [guid(1), guid(2)]);
        settle_all(&store);
    }
    read(&store, &south(), false, vec![seen(&guid(102), &[GUEST])], NOW);
    assert_eq!(marked(&store), [guid(1), guid(2)]);
}

#[test]
fn a_managers_account_that_a_reading_tells_of_for_the_first_time_concerns_the_reports() {
    let store = settled();
    // Tied before anything was heard of the account itself: the reference waits.
    let remove = Record { link: LinkChange::Remove, ..record(ask(&guid(2), None), None) };
    store.record(remove).unwrap();
    tie(&store, &guid(2), &guid(202));
    settle_all(&store);
    assert_eq!(manager_of_ada(&store), Resolved::Pending);
    read(&store, &south(), false, vec![seen(&guid(202), &[GUEST])], NOW);
    assert_eq!(manager_of_ada(&store), Resolved::To(guid(202)));
    assert_eq!(marked(&store), [guid(1), guid(2)]);
}

fn manager_of_ada(store: &Store) -> Resolved {
    let case = store.case(&planned(route(), "[attributes]\nmanager = \"[manager]\"\n"), &guid(1), NOW).unwrap();
    case.answers.references[&guid(2)].clone()
}

#[test]
fn a_link_that_comes_or_goes_concerns_the_person_and_the_reports() {
    let store = settled();
    store.record(Record { link: LinkChange::Remove, ..record(ask(&guid(2), None), None) }).unwrap();
    assert_eq!(marked(&store), [guid(1), guid(2)]);
    assert_eq!(manager_of_ada(&store), Resolved::Nobody);
    settle_all(&store);
    tie(&store, &guid(2), &guid(102));
    assert_eq!(marked(&store), [guid(1), guid(2)]);
    settle_all(&store);
    // The same account with other memories: the person only.
    let mut link = store.link(&route(), &guid(2)).unwrap().unwrap();
    link.disabled_by_us = true;
    store.record(Record { link: LinkChange::Set(link), ..record(ask(&guid(2), None), None) }).unwrap();
    assert_eq!(marked(&store), [guid(2)]);
    settle_all(&store);
    store.record(record(ask(&guid(2), None), None)).unwrap();
    assert_eq!(marked(&store), [], "a write that changes no link and teaches nothing");
}

#[test]
fn people_who_join_or_leave_a_group() {
    let store = settled();
    store.record_members(&north(), "g", &[guid(1), guid(2)]).unwrap();
    assert_eq!(marked(&store), [guid(1), guid(2)]);
    assert!(store.has_members(&north(), "g").unwrap() && !store.has_members(&north(), "h").unwrap());
    settle_all(&store);
    store.record_members(&north(), "g", &[guid(2), guid(3)]).unwrap();
    assert_eq!(marked(&store), [guid(1), guid(3)]);
    settle_all(&store);
    store.record_members(&north(), "g", &[guid(3), guid(2)]).unwrap();
    assert_eq!(marked(&store), []);
    let planned = planned(route(), "[attributes]\n");
    let of = |n| store.case(&planned, &guid(n), NOW).unwrap().member_of;
    assert_eq!((of(1), of(2)), (BTreeSet::new(), BTreeSet::from(["g".to_owned()])));
}

#[test]
fn other_rules_concern_everybody_native_and_everybody_linked_once() {
    let store = settled();
    read(&store, &north(), false, vec![seen(&guid(8), &[("userPrincipalName", "x#EXT#@north.example")])], NOW);
    // Ada has changed sides; her account is still ours.
    read(&store, &north(), false, vec![seen(&guid(1), &[("userPrincipalName", "ada#EXT#@north.example")])], NOW);
    settle_all(&store);
    notice(&store, route(), "staff=1");
    assert_eq!(marked(&store), []);
    notice(&store, route(), "staff=2");
    assert_eq!(marked(&store), [guid(1), guid(2), guid(3)]);
    settle_all(&store);
    notice(&store, route(), "staff=2");
    assert_eq!(marked(&store), []);
}

/// Whoever the rules do not want is left in peace, unless there is an account, or a word that other rules led to.
#[test]
fn of_people_whom_the_rules_do_not_want_only_those_are_marked_to_whom_something_may_be_due() {
    let store = settled();
    let staff = |n: u32, text: &str| seen(&guid(n), &[("department", text)]);
    let home = vec![staff(4, "staff"), staff(5, "pupils"), staff(6, "pupils"), staff(7, "staff"), staff(8, "pupils")];
    read(&store, &north(), false, home, NOW);
    read(&store, &north(), false, vec![removed(&guid(7), Removal::Soft)], NOW);
    store.record_members(&north(), guid(77).as_str(), &[guid(8)]).unwrap();
    settle_all(&store);
    store.explain_unsettled(&route(), &guid(6), "held", "two accounts match").unwrap();
    let only_staff =
        "[[scope]]\nall = [{ attribute = \"department\", operator = \"EQUALS\", value = \"staff\" }]\n[attributes]\n";
    store.notice_rules(&planned(route(), only_staff), "staff=2").unwrap();
    // 1 to 3 have links, 4 is wanted; 5 is a pupil, and so is 6, who was held before; 7 is wanted, and gone.
    assert_eq!(marked(&store), [guid(1), guid(2), guid(3), guid(4), guid(6)]);
    assert_eq!(store.word_on(&route(), &guid(6)).unwrap(), Word::News);
    settle_all(&store);
    let with_group = format!("[[scope]]\ngroups = [\"{}\"]\n[attributes]\n", guid(77));
    store.notice_rules(&planned(route(), &with_group), "staff=3").unwrap();
    assert_eq!(marked(&store), [guid(1), guid(2), guid(3), guid(8)]);
    settle_all(&store);
    // Whoever comes to be wanted is a case by that.
    read(&store, &north(), false, vec![staff(5, "staff"), seen(&guid(7), &[])], NOW);
    assert_eq!(marked(&store), [guid(5), guid(7)]);
}

#[test]
fn the_unsettled_come_in_order_and_in_pages() {
    let store = settled();
    notice(&store, route(), "staff=2");
    let first = store.unsettled(&route(), Among::All, None, 2).unwrap();
    assert_eq!(first, [guid(1), guid(2)]);
    assert_eq!(store.unsettled(&route(), Among::All, first.last(), 2).unwrap(), [guid(3)]);
    assert_eq!(store.unsettled(&route(), Among::All, Some(&guid(3)), 2).unwrap(), []);
}

#[test]
fn while_lanes_drain_only_what_is_new_is_considered() {
    let store = settled();
    let news = |now| store.unsettled(&route(), Among::News(now), None, 9).unwrap();
    notice(&store, route(), "staff=2");
    assert_eq!(news(NOW).len(), 3, "nobody was considered under these rules");
    let pending = Pending { action: "update".to_owned(), lane: "updates".to_owned(), writes: 1 };
    store.pend(&route(), &guid(1), &pending, NOW).unwrap();
    store.explain_unsettled(&route(), &guid(2), "held", "two accounts match").unwrap();
    store.explain_unsettled(&route(), &guid(3), "waiting", &LATER.rfc3339()).unwrap();
    assert_eq!(news(NOW), []);
    assert_eq!(news(LATER), [guid(3)], "whose grace is over");
    // News makes each of them a case again, whatever was said of it before.
    for n in 1..4 {
        assert_ne!(store.word_on(&route(), &guid(n)).unwrap(), Word::News);
        read(&store, &north(), false, vec![seen(&guid(n), &[("displayName", "new")])], NOW);
        assert_eq!(store.word_on(&route(), &guid(n)).unwrap(), Word::News);
    }
    assert_eq!(news(NOW), [guid(1), guid(2), guid(3)]);
    let status = store.status(&[north()], &[route()]).unwrap();
    assert_eq!((status.routes[0].held, status.routes[0].unseen, status.routes[0].links), (0, 3, 3));
}

#[test]
fn whoever_fails_is_put_off_longer_each_time_and_tried_at_once_when_something_changes_or_somebody_asks() {
    let store = settled();
    let until = |n: u32, now| store.put_off_until(&route(), &guid(n), now).unwrap();
    let pause = |tries: u32| u64::from(tries) * 100;
    for (tries, seconds) in [(1, 100), (2, 200), (3, 300)] {
        store.put_off(&route(), &guid(1), "refused", NOW, pause).unwrap();
        assert_eq!(store.tries(&route(), &guid(1)).unwrap(), tries);
        assert_eq!(until(1, NOW), Some(NOW.plus_seconds(seconds)));
    }
    // A plan that has the change again does not forget that it waits.
    let pending = Pending { action: "update".to_owned(), lane: "updates".to_owned(), writes: 1 };
    store.pend(&route(), &guid(1), &pending, NOW).unwrap();
    assert_eq!(until(1, NOW.plus_seconds(299)), Some(NOW.plus_seconds(300)));
    assert_eq!(until(1, NOW.plus_seconds(300)), None);
    read(&store, &north(), false, vec![seen(&guid(1), &[("displayName", "new")])], NOW);
    assert_eq!(until(1, NOW), None, "other facts");
    store.put_off(&route(), &guid(1), "refused", NOW, pause).unwrap();
    store.put_off(&route(), &guid(2), "refused", NOW, pause).unwrap();
    assert_eq!(store.try_again(None, Some(&guid(3))).unwrap(), 0);
    assert_eq!(store.try_again(Some(&back()), None).unwrap(), 0);
    assert_eq!(store.try_again(Some(&route()), Some(&guid(1))).unwrap(), 1);
    assert_eq!((until(1, NOW), until(2, NOW)), (None, Some(NOW.plus_seconds(100))));
    assert_eq!(store.tries(&route(), &guid(1)).unwrap(), 0);
    assert_eq!(store.try_again(None, None).unwrap(), 1);
    assert_eq!(until(2, NOW), None);
}

/// A configuration that is read anew is set up on the store that is open already.
#[test]
fn a_route_that_was_left_out_for_a_while_has_everybody_considered_anew() {
    let store = settled();
    store.set_up(&setups(&["mail"]), &[route()]).unwrap();
    read(&store, &south(), false, vec![seen(&guid(9), &[("displayName", "y")])], NOW);
    assert_eq!(unsettled(&store, &back()), [], "nobody is marked for a route that is not there");
    store.set_up(&setups(&["mail"]), &[route(), back()]).unwrap();
    notice(&store, back(), "staff=1");
    assert!(unsettled(&store, &back()).contains(&guid(9)), "who came meanwhile is never looked at");
    // The one that stayed has lost nothing, and has nobody looked at without need.
    notice(&store, route(), "staff=1");
    assert_eq!(marked(&store), []);
}

#[test]
fn a_set_up_that_is_refused_leaves_the_former_one_in_force() {
    let store = settled();
    let mut moved = setups(&["mail"]);
    moved[1].directory = "another".to_owned();
    let refused = store.set_up(&moved, &[route()]).unwrap_err();
    assert!(refused.to_string().contains("south"), "{refused}");
    read(&store, &north(), false, vec![seen(&guid(3), &[("displayName", "y")])], NOW);
    assert_eq!(marked(&store), [guid(3)], "a change at home is not noticed any more");
    read(&store, &south(), false, vec![seen(&guid(9), &[("displayName", "y")])], NOW);
    assert_eq!(unsettled(&store, &back()), [guid(9)]);
}
