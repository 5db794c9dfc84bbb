//! Is what was asked kept before it leaves, and its end in one piece?

use crosstie::model::{ActionKind, Asked, Attributes, Link, Origin, Outcome, Presence, Tie, Timestamp, Trigger, Value};
use crosstie::quota::{BUCKET_MILLIS, Meter};
use crosstie::store::{AskKind, Filter, LinkChange, Record, Store, StoreError, Verified};

use super::bench::*;

fn entries(store: &Store) -> u64 {
    match store.verify_log().unwrap() {
        Verified::Whole { entries, .. } => entries,
        broken @ Verified::Broken { .. } => panic!("{broken:?}"),
    }
}

#[test]
fn a_question_is_open_until_its_end_is_recorded() {
    let folder = Folder::new();
    let store = folder.write();
    let mut invite = ask(&guid(1), None);
    (invite.action, invite.kind, invite.address) = (ActionKind::Provision, AskKind::Invite, Some("a@x".to_owned()));
    let asked = Asked { address: "a@x".to_owned(), at: NOW, reading: 3 };
    let tie = Link { tie: Tie::Asked(asked), ..link(&guid(1), &guid(101)) };
    let id = store.ask(&invite, &LinkChange::Set(tie.clone())).unwrap();
    drop(store);
    let store = folder.write();
    assert_eq!(store.open_asks(&south()).unwrap(), [(id, invite.clone())]);
    assert!(store.open_asks(&north()).unwrap().is_empty());
    assert_eq!(store.link(&route(), &guid(1)).unwrap(), Some(tie));
    assert_eq!((store.population(&route()).unwrap(), entries(&store)), (0, 0));
    let learned = Some(seen(&guid(101), &[("mail", "a@x"), ("accountEnabled", "true")]));
    let set = LinkChange::Set(link(&guid(1), &guid(101)));
    let account = Some(guid(101));
    let entry = store.record(Record { learned, link: set, account, ..record(invite, Some(id)) }).unwrap();
    assert_eq!((entry.seq, entry.outcome.as_str(), entry.action), (1, "applied", ActionKind::Provision));
    assert_eq!(entry.account.unwrap().id, guid(101));
    drop(store);
    let store = folder.write();
    assert!(store.open_asks(&south()).unwrap().is_empty());
    assert_eq!(store.link(&route(), &guid(1)).unwrap(), Some(link(&guid(1), &guid(101))));
    assert_eq!(store.observed(&south(), &guid(101)).unwrap().unwrap().presence, Presence::Present);
    assert_eq!(store.spent("writes").unwrap(), [(Meter::bucket(NOW), 1)]);
    assert_eq!((store.population(&route()).unwrap(), entries(&store)), (1, 1));
}

#[test]
fn what_is_in_one_commit_is_kept_as_a_whole_or_not_at_all() {
    let folder = Folder::new();
    let store = folder.write();
    let ask_for = |n| store.ask(&ask(&guid(n), Some(&guid(100 + n))), &LinkChange::Set(link(&guid(n), &guid(100 + n))));
    let wall = || StoreError::Damaged("wall".to_owned());
    let failed = store.in_one_commit(|| {
        let id = ask_for(1)?;
        store.record(record(ask(&guid(1), Some(&guid(101))), Some(id)))?;
        ask_for(2)?;
        Err::<(), _>(wall())
    });
    assert!(matches!(failed, Err(StoreError::Damaged(what)) if what == "wall"));
    assert!(store.open_asks(&south()).unwrap().is_empty());
    assert_eq!((store.population(&route()).unwrap(), entries(&store)), (0, 0));
    let nested = store.in_one_commit(|| store.in_one_commit(|| ask_for(1)));
    assert!(matches!(nested, Err(StoreError::Misused(_))), "what leaves after it would not be committed: {nested:?}");
    // A part of it that fails takes the rest with it, whoever passes over that.
    let passed_over = store.in_one_commit(|| {
        ask_for(1)?;
        let part = store.together(|| ask_for(2).and_then(|_| Err::<i64, _>(wall())));
        assert!(part.is_err());
        ask_for(3)
    });
    assert!(matches!(passed_over, Err(StoreError::TakenBack)), "{passed_over:?}");
    assert!(store.open_asks(&south()).unwrap().is_empty());
    store.in_one_commit(|| ask_for(1).and_then(|_| ask_for(3))).unwrap();
    drop(store);
    let store = folder.write();
    let open: Vec<_> = store.open_asks(&south()).unwrap().into_iter().map(|(_, ask)| ask.home.id).collect();
    assert_eq!((open, store.population(&route()).unwrap()), (vec![guid(1), guid(3)], 2));
}

#[test]
fn every_part_of_a_record_fails_together() {
    for table in ["spent", "observations", "links", "log", "meta"] {
        let folder = Folder::new();
        let store = folder.write();
        let id = store.ask(&ask(&guid(1), Some(&guid(101))), &LinkChange::Same).unwrap();
        let verbs = ["INSERT", "UPDATE"].map(|verb| {
            format!("CREATE TRIGGER wall_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'wall'); END;")
        });
        folder.sql().execute_batch(&verbs.concat()).unwrap();
        let end = Record {
            learned: Some(seen(&guid(101), &[("mail", "a@x")])),
            link: LinkChange::Set(link(&guid(1), &guid(101))),
            ..record(ask(&guid(1), Some(&guid(101))), Some(id))
        };
        assert!(store.record(end.clone()).unwrap_err().to_string().contains("wall"), "{table}");
        assert_eq!(store.open_asks(&south()).unwrap().len(), 1, "{table}");
        assert_eq!(store.spent("writes").unwrap(), [], "{table}");
        assert_eq!(store.link(&route(), &guid(1)).unwrap(), None, "{table}");
        assert_eq!(store.observed(&south(), &guid(101)).unwrap(), None, "{table}");
        assert_eq!((entries(&store), unsettled(&store, &route()).len()), (0, 0), "{table}");
        folder.sql().execute_batch("DROP TRIGGER wall_INSERT; DROP TRIGGER wall_UPDATE").unwrap();
        store.record(end).unwrap();
        assert_eq!((entries(&store), store.open_asks(&south()).unwrap().len()), (1, 0), "{table}");
    }
}

#[test]
fn a_question_that_cannot_be_kept_leaves_no_link() {
    let folder = Folder::new();
    let store = folder.write();
    let wall = "CREATE TRIGGER wall BEFORE INSERT ON links BEGIN SELECT RAISE(ABORT, 'wall'); END";
    folder.sql().execute_batch(wall).unwrap();
    let set = LinkChange::Set(link(&guid(1), &guid(101)));
    assert!(store.ask(&ask(&guid(1), None), &set).is_err());
    assert!(store.open_asks(&south()).unwrap().is_empty());
}

#[test]
fn two_people_never_share_an_account() {
    let store = memory();
    tie(&store, &guid(1), &guid(101));
    let second = Record { link: LinkChange::Set(link(&guid(2), &guid(101))), ..record(ask(&guid(2), None), None) };
    assert!(store.record(second.clone()).is_err());
    assert_eq!((entries(&store), store.link(&route(), &guid(2)).unwrap()), (1, None));
    assert!(store.remember_link(&link(&guid(2), &guid(101))).is_err());
    // In another tenant the same id is another account; questions without an account do not collide.
    let asked = |n| Link {
        tie: Tie::Asked(Asked { address: "a@x".to_owned(), at: NOW, reading: 0 }),
        ..link(&guid(n), &guid(101))
    };
    store.remember_link(&asked(3)).unwrap();
    store.remember_link(&asked(4)).unwrap();
    store.record(Record { link: LinkChange::Remove, ..record(ask(&guid(1), None), None) }).unwrap();
    store.record(second).unwrap();
}

#[test]
fn a_link_comes_back_as_it_was() {
    let store = memory();
    let full = Link {
        tie: Tie::Known { account: "not a guid".into(), origin: Origin::Joined },
        disabled_by_us: true,
        leaving_since: None,
        baseline: Attributes::from_iter([
            ("a".into(), Value::from(vec!["x".to_owned()])),
            ("b".into(), Value::Bool(false)),
            ("c".into(), Value::Integer(-7)),
        ]),
        since: Timestamp(1),
        ..link(&guid(1), &guid(101))
    };
    for link in [full.clone(), Link { initialised: false, disabled_by_us: false, leaving_since: Some(NOW), ..full }] {
        store.remember_link(&link).unwrap();
        assert_eq!(store.link(&route(), &guid(1)).unwrap(), Some(link));
    }
    assert_eq!(store.link(&back(), &guid(1)).unwrap(), None);
    assert!(unsettled(&store, &route()).is_empty(), "remembering is no change");
}

#[test]
fn spent_writes_gather_in_buckets_and_are_forgotten_after_every_window() {
    let store = memory();
    let spend = |at: Timestamp, budgets: &[&str]| {
        let budgets = budgets.iter().map(|b| (*b).to_owned()).collect();
        store.record(Record { at, budgets, ..record(ask(&guid(1), None), None) }).unwrap();
    };
    spend(NOW, &["writes", "invitations"]);
    spend(NOW.plus_millis(BUCKET_MILLIS - 1), &["writes"]);
    spend(NOW.plus_millis(BUCKET_MILLIS), &["writes"]);
    spend(NOW, &[]);
    let buckets = [(NOW.plus_millis(BUCKET_MILLIS), 2), (NOW.plus_millis(2 * BUCKET_MILLIS), 1)];
    assert_eq!(store.spent("writes").unwrap(), buckets);
    assert_eq!(store.spent("invitations").unwrap().len(), 1);
    // An hour's window still sees them after an hour.
    store.forget_spent(NOW.plus_seconds(3_600), 3_600_000).unwrap();
    assert_eq!(store.spent("writes").unwrap(), buckets);
    store.forget_spent(NOW.plus_seconds(3 * 3_600), 3_600_000).unwrap();
    assert!(store.spent("writes").unwrap().is_empty());
}

#[test]
fn failures_and_unknown_ends_are_kept_with_their_error() {
    let store = memory();
    for outcome in [Outcome::Failed(refused()), Outcome::Unknown(refused())] {
        let entry = store.record(Record { outcome, ..record(ask(&guid(1), Some(&guid(101))), None) }).unwrap();
        assert_eq!(entry.error, Some(refused()));
        assert!(matches!(entry.outcome.as_str(), "failed" | "unknown"));
    }
    let mut seen = Vec::new();
    let filter = Filter { user: Some("ADA@north.example".to_owned()), ..Filter::default() };
    store
        .log(&filter, |entry| {
            seen.push(entry.outcome);
            true
        })
        .unwrap();
    assert_eq!(seen, ["failed", "unknown"]);
}

#[test]
fn runs_count_up_and_show_who_was_killed() {
    let store = memory();
    let first = store.begin_run(Trigger::Manual, NOW).unwrap();
    let second = store.begin_run(Trigger::Schedule, LATER).unwrap();
    store.end_run(first, LATER, 4, "{}").unwrap();
    let runs = store.last_runs(10).unwrap();
    assert_eq!((runs[0].id, runs[1].id, first.0 + 1), (second, first, second.0));
    assert_eq!((runs[0].ended_at, runs[1].ended_at, runs[1].exit_code), (None, Some(LATER), Some(4)));
    assert_eq!((runs[0].trigger.as_str(), runs[0].started_at), ("schedule", LATER));
}
