//! Who has to be looked at one by one? Nobody is gone because of something that was not read.

use crosstie::model::{ObjectId, Presence, Removal};
use crosstie::store::{LAG_ALLOWANCE_SECONDS, Record, Store};

use super::bench::*;

fn suspects(store: &Store) -> Vec<ObjectId> {
    store.suspects(&south(), LATER).unwrap()
}

#[test]
fn only_the_end_of_a_full_round_makes_suspects() {
    let store = memory();
    let all: Vec<_> = (1..5).map(|n| seen(&guid(n), &[("displayName", "A")])).collect();
    read(&store, &south(), true, all, NOW);
    // Cut short, and begun anew: nobody is in doubt before an end.
    for _ in 0..2 {
        let round = round(&store, &south(), true);
        store.record_page(&south(), &round, &more(vec![seen(&guid(1), &[("displayName", "A")])], "p2"), NOW).unwrap();
        assert!(suspects(&store).is_empty());
    }
    let progress = store.reading(&south()).unwrap().progress.unwrap();
    store
        .record_page(&south(), &progress.round, &done(vec![seen(&guid(2), &[("displayName", "A")])], "d"), NOW)
        .unwrap();
    assert_eq!(suspects(&store), [guid(3), guid(4)]);
    for n in [3, 4] {
        assert_eq!(store.observed(&south(), &guid(n)).unwrap().unwrap().presence, Presence::Present, "not gone");
    }
}

/// What a full round tells again costs no write for each of them, and yet whoever it leaves out is found.
#[test]
fn people_of_whom_a_full_round_tells_nothing_new_are_not_written_anew() {
    let folder = Folder::new();
    let store = folder.write();
    let all = || (1..9).map(|n| seen(&guid(n), &[("displayName", "A")])).collect::<Vec<_>>();
    read(&store, &south(), true, all(), NOW);
    let rows = || dump(&folder.path(), "SELECT * FROM observations ORDER BY object");
    let (before, kept) = (rows(), || dump(&folder.path(), "SELECT count(*) FROM mentions"));
    let next = round(&store, &south(), true);
    store.record_page(&south(), &next, &more(all()[..4].to_vec(), "p2"), LATER).unwrap();
    assert_eq!((rows(), kept()), (before.clone(), vec!["Integer(1)".to_owned()]));
    drop(store);
    let store = folder.write();
    store.record_page(&south(), &next, &done(all()[4..].to_vec(), "d"), LATER).unwrap();
    assert_eq!((rows(), kept()), (before, vec!["Integer(0)".to_owned()]));
    assert!(suspects(&store).is_empty());
    // One was left out, and comes again in a later round.
    read(&store, &south(), true, all()[1..].to_vec(), LATER);
    assert_eq!(suspects(&store), [guid(1)]);
    assert_eq!(store.natives(&south(), None, 1).unwrap(), [guid(2)], "nothing is concluded");
    read(&store, &south(), true, all()[2..].to_vec(), LATER);
    assert_eq!(suspects(&store), [guid(1), guid(2)]);
    read(&store, &south(), true, all(), LATER);
    assert!(suspects(&store).is_empty());
    // A write makes somebody doubtful whom every round has told of: they are considered all the same.
    store.doubt(&south(), &guid(1)).unwrap();
    assert_eq!((suspects(&store), store.natives(&south(), None, 1).unwrap()), (vec![guid(1)], vec![guid(1)]));
}

/// Whoever is to be forgotten is in no list of ids either.
#[test]
fn a_round_that_was_cut_short_begins_anew_when_people_are_forgotten() {
    let folder = Folder::new();
    let store = folder.write();
    let all = || vec![seen(&guid(1), &[]), seen(&guid(2), &[])];
    read(&store, &south(), true, all(), NOW);
    let next = round(&store, &south(), true);
    store.record_page(&south(), &next, &more(all(), "p2"), NOW).unwrap();
    assert_eq!(dump(&folder.path(), "SELECT count(*) FROM mentions"), ["Integer(1)"]);
    store.record_look(&south(), removed(&guid(1), Removal::Hard), NOW).unwrap();
    assert_eq!(store.forget_the_gone().unwrap(), 1);
    assert_eq!(dump(&folder.path(), "SELECT count(*) FROM mentions"), ["Integer(0)"]);
    let reading = store.reading(&south()).unwrap();
    assert_eq!((reading.progress, reading.link), (None, None), "the ids that it had are not known any more");
}

#[test]
fn a_round_that_began_before_counts_for_that_round_only() {
    let store = memory();
    read(&store, &south(), true, vec![seen(&guid(1), &[])], NOW);
    let cut = round(&store, &south(), true);
    store.record_page(&south(), &cut, &more(vec![seen(&guid(1), &[])], "p2"), NOW).unwrap();
    // The next full round does not mention it again.
    read(&store, &south(), true, vec![], NOW);
    assert_eq!(suspects(&store), [guid(1)]);
}

#[test]
fn a_short_round_makes_no_suspects_and_the_gone_are_beyond_doubt() {
    let store = memory();
    read(&store, &south(), true, vec![seen(&guid(1), &[]), seen(&guid(2), &[]), seen(&guid(3), &[])], NOW);
    read(&store, &south(), false, vec![seen(&guid(1), &[])], NOW);
    assert!(suspects(&store).is_empty());
    read(&store, &south(), false, vec![removed(&guid(2), Removal::Hard), removed(&guid(3), Removal::Soft)], NOW);
    read(&store, &south(), true, vec![seen(&guid(1), &[])], NOW);
    assert_eq!(suspects(&store), [guid(3)], "deletedItems is not a full round's business, so it is looked at");
}

#[test]
fn other_tenants_are_not_concerned() {
    let store = memory();
    read(&store, &north(), true, vec![seen(&guid(1), &[])], NOW);
    read(&store, &south(), true, vec![], NOW);
    assert!(store.suspects(&north(), LATER).unwrap().is_empty());
}

#[test]
fn a_known_value_that_a_full_round_leaves_out_is_in_doubt() {
    let store = memory();
    let told = [("displayName", "A"), ("department", "Maths"), ("city", "Leeds")];
    read(&store, &south(), true, vec![seen(&guid(1), &told)], NOW);
    // `city` is not asked for any more: no doubt about that.
    read(&store, &south(), true, vec![seen(&guid(1), &[("displayName", "A"), ("department", "Art")])], NOW);
    assert!(suspects(&store).is_empty());
    read(&store, &south(), true, vec![seen(&guid(1), &[("displayName", "A")])], NOW);
    assert_eq!(suspects(&store), [guid(1)]);
    assert_eq!(store.observed(&south(), &guid(1)).unwrap().unwrap().attributes.get("department"), Some(&"Art".into()));
    // A short round that mentions the user says nothing of the value in doubt; a look does.
    read(&store, &south(), false, vec![seen(&guid(1), &[("displayName", "B")])], NOW);
    assert_eq!(suspects(&store), [guid(1)]);
    store.record_look(&south(), seen(&guid(1), &[("department", ""), ("displayName", "B")]), NOW).unwrap();
    assert!(suspects(&store).is_empty());
    assert!(!store.observed(&south(), &guid(1)).unwrap().unwrap().attributes.contains_key("department"));
    // Null is a mention.
    read(&store, &south(), true, vec![seen(&guid(1), &[("displayName", "")])], LATER);
    assert!(suspects(&store).is_empty());
}

fn promised(store: &Store, account: &ObjectId) {
    let learned = Some(seen(account, &[("mail", "a@x")]));
    store.record(Record { learned, ..record(ask(&guid(1), Some(account)), None) }).unwrap();
}

#[test]
fn what_only_a_writes_answer_told_of_is_not_doubted_for_a_quarter_of_an_hour() {
    let store = memory();
    promised(&store, &guid(9));
    let at = |seconds: u64| store.suspects(&south(), NOW.plus_seconds(seconds)).unwrap();
    assert!(at(0).is_empty() && at(LAG_ALLOWANCE_SECONDS - 1).is_empty());
    assert_eq!(at(LAG_ALLOWANCE_SECONDS), [guid(9)]);
    // A full round that began before it was visible does not make it older.
    read(&store, &south(), true, vec![], NOW);
    assert!(at(60).is_empty());
    // Once a reading has mentioned it, it is like anybody.
    read(&store, &south(), false, vec![seen(&guid(9), &[("mail", "a@x")])], NOW);
    assert!(at(LAG_ALLOWANCE_SECONDS).is_empty());
    read(&store, &south(), true, vec![], NOW);
    assert_eq!(at(0), [guid(9)], "confirmed accounts have no allowance");
}

#[test]
fn a_doubt_is_looked_at_at_once_and_ends_with_the_look() {
    let store = memory();
    promised(&store, &guid(9));
    store.doubt(&south(), &guid(9)).unwrap();
    assert_eq!(store.suspects(&south(), NOW).unwrap(), [guid(9)]);
    store.record_look(&south(), removed(&guid(9), Removal::Soft), NOW).unwrap();
    assert!(suspects(&store).is_empty());
    assert_eq!(store.observed(&south(), &guid(9)).unwrap().unwrap().presence, Presence::SoftDeleted);
}

/// Readings lag: one that began before the look, or is answered by a server that has not caught up, says less than the look.
#[test]
fn a_reading_that_contradicts_a_fresh_look_has_the_user_looked_at_again() {
    let store = memory();
    let title = |title: &'static str| seen(&guid(1), &[("displayName", "A"), ("department", title)]);
    let known = || {
        let observed = store.observed(&south(), &guid(1)).unwrap().unwrap();
        observed.attributes.get("department").and_then(|v| v.as_text()).map(str::to_owned)
    };
    read(&store, &south(), true, vec![title("old")], NOW);
    read(&store, &south(), true, vec![], NOW);
    store.record_look(&south(), title("new"), NOW).unwrap();
    for (full, now) in [(false, NOW), (true, NOW), (false, NOW.plus_seconds(LAG_ALLOWANCE_SECONDS - 1))] {
        read(&store, &south(), full, vec![title("old")], now);
        assert_eq!((known().unwrap().as_str(), suspects(&store)), ("new", vec![guid(1)]));
        store.record_look(&south(), title("new"), NOW).unwrap();
        // What agrees with the look raises no doubt, and does not make the look younger.
        read(&store, &south(), full, vec![title("new")], now);
        assert!(suspects(&store).is_empty());
    }
    for news in [removed(&guid(1), Removal::Soft), removed(&guid(1), Removal::Hard)] {
        read(&store, &south(), false, vec![news], NOW);
        assert_eq!((known().unwrap().as_str(), suspects(&store)), ("new", vec![guid(1)]));
        store.record_look(&south(), title("new"), NOW).unwrap();
    }
    read(&store, &south(), false, vec![title("newer")], NOW.plus_seconds(LAG_ALLOWANCE_SECONDS));
    assert_eq!((known().unwrap().as_str(), suspects(&store)), ("newer", vec![]));
}
