//! Does the store tell how things stand, without walking over everybody?

use crosstie::model::{Asked, Link, Origin, RouteName, Tie, Timestamp};
use crosstie::store::{Breaker, Door, LinkChange, Mode, Pending, Record, RouteStatus, StatusReport, Store};
use proptest::prelude::*;

use super::bench::*;

fn status(store: &Store) -> StatusReport {
    store.status(&[north(), south()], &[route(), back()]).unwrap()
}
fn of(store: &Store, name: &RouteName) -> RouteStatus {
    status(store).routes.into_iter().find(|r| r.name == *name).unwrap()
}
fn counts(store: &Store, name: &RouteName) -> [u64; 3] {
    let route = of(store, name);
    [route.links, route.provisioned, route.joined]
}

/// The link of home user `n`: 0 asked for, 1 provisioned, 2 joined.
fn tied(name: &RouteName, n: u32, kind: u8) -> Link {
    let tie = match kind {
        0 => Tie::Asked(Asked { address: "a@b.c".to_owned(), at: NOW, reading: 1 }),
        1 => Tie::Known { account: guid(n + 1_000), origin: Origin::Provisioned },
        _ => Tie::Known { account: guid(n + 1_000), origin: Origin::Joined },
    };
    Link { route: name.clone(), tie, ..link(&guid(n), &guid(n + 1_000)) }
}
fn change(store: &Store, name: &RouteName, n: u32, link: LinkChange) {
    let mut ask = ask(&guid(n), None);
    (ask.home_tenant, ask.target_tenant) = (name.home.to_string(), name.target.to_string());
    store.record(Record { link, ..record(ask, None) }).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Whatever happens to links, through whichever door, and wherever the notes began: the count is what a walk finds.
    #[test]
    fn links_are_counted_as_they_come_and_go(
        steps in prop::collection::vec((any::<bool>(), 0u32..6, 0u8..6), 1..40), forgotten in 0usize..40,
    ) {
        let folder = Folder::new();
        let (store, sql) = (folder.write(), folder.sql());
        for (place, (there, n, what)) in steps.into_iter().enumerate() {
            if place == forgotten {
                // As a file is that was written before there were notes.
                sql.execute("DELETE FROM meta WHERE name LIKE 'links %'", []).unwrap();
            }
            // Two routes never share an account.
            let (name, n) = if there { (route(), n) } else { (back(), n + 100) };
            match what {
                0..=2 => change(&store, &name, n, LinkChange::Set(tied(&name, n, what))),
                3 => change(&store, &name, n, LinkChange::Remove),
                4 => store.remember_link(&tied(&name, n, 1)).unwrap(),
                _ => store.together(|| store.remember_link(&tied(&name, n, 2))).unwrap(),
            }
            let walk = "SELECT count(*), count(*) FILTER (WHERE origin = 0), count(*) FILTER (WHERE origin = 1) FROM links l \
                       JOIN routes r ON r.id = l.route JOIN tenants t ON t.id = r.home WHERE account IS NOT NULL AND t.name = ?1";
            for name in [route(), back()] {
                let walked = sql.query_row(walk, [name.home.as_str()], |r| {
                    Ok([0, 1, 2].map(|i| r.get::<_, u32>(i).map(u64::from).unwrap()))
                });
                prop_assert_eq!(counts(&store, &name), walked.unwrap());
                prop_assert_eq!(store.population(&name).unwrap(), counts(&store, &name)[0]);
            }
        }
    }
}

#[test]
fn nobody_walks_over_links_to_see_how_things_stand() {
    let folder = Folder::new();
    let store = folder.write();
    (1..9).for_each(|n| change(&store, &route(), n, LinkChange::Set(tied(&route(), n, 1 + (n % 2) as u8))));
    change(&store, &back(), 100, LinkChange::Set(tied(&back(), 100, 1)));
    drop(store);
    // What is not there cannot be walked over.
    folder.sql().execute_batch("PRAGMA foreign_keys = off; DROP TABLE links").unwrap();
    let store = Store::open(&folder.path(), Mode::Look).unwrap();
    store.get_to_know(&setups(&["mail"]), &[route(), back()]).unwrap();
    assert_eq!((counts(&store, &route()), counts(&store, &back())), ([8, 4, 4], [1, 1, 0]));
}

#[test]
fn who_is_not_settled_is_counted_by_state_and_lane() {
    let store = memory();
    read(&store, &north(), true, vec![seen(&guid(5), &[("userPrincipalName", "eve@north.example")])], NOW);
    settle_all(&store);
    let pend = |n: u32, lane: &str, writes, at| {
        let pending = Pending { action: "x".to_owned(), lane: lane.to_owned(), writes };
        store.pend(&route(), &guid(n), &pending, at).unwrap();
    };
    pend(1, "leavers", 1, LATER);
    pend(2, "leavers", 1, NOW);
    pend(3, "provisions", 3, NOW);
    store.explain_unsettled(&route(), &guid(4), "held", "two accounts match").unwrap();
    store.put_off(&route(), &guid(5), "no", NOW, |_| 600).unwrap();
    store.put_off(&route(), &guid(6), "no", NOW, |_| 60).unwrap();
    store.explain_unsettled(&route(), &guid(7), "waiting", &LATER.rfc3339()).unwrap();
    store.explain_unsettled(&route(), &guid(8), "waiting", &NOW.rfc3339()).unwrap();
    store.unsettle(&route(), &guid(9)).unwrap();
    let told = of(&store, &route());
    assert_eq!([told.pending, told.held, told.failed, told.waiting, told.unseen], [3, 1, 2, 2, 1]);
    let lanes: Vec<_> = told.lanes.iter().map(|(name, l)| (name.as_str(), l.changes, l.writes, l.since)).collect();
    assert_eq!(lanes, [("leavers", 2, 2, Some(NOW)), ("provisions", 1, 3, Some(NOW))]);
    assert_eq!(told.next_try, Some(NOW.plus_seconds(60)));
    assert_eq!(told.waiting_until, Some(NOW.rfc3339()));
    let people: Vec<_> = told.people.iter().map(|p| (p.state.as_str(), p.tries, p.next_try)).collect();
    let (ten, one) = (NOW.plus_seconds(600), NOW.plus_seconds(60));
    assert_eq!(people, [("held", 0, None), ("failed", 1, Some(ten)), ("failed", 1, Some(one))]);
    assert_eq!(told.people[1].home, "eve@north.example");
    // Asked for by hand, they are tried with the next cycle.
    store.try_again(None, None).unwrap();
    assert_eq!((of(&store, &route()).next_try, of(&store, &route()).people[1].next_try), (None, None));
    assert_eq!(of(&store, &back()).pending, 0);
}

#[test]
fn many_are_counted_and_some_are_named() {
    let store = memory();
    for n in 0..70 {
        store.explain_unsettled(&route(), &guid(n), "held", "why").unwrap();
    }
    let told = of(&store, &route());
    assert_eq!((told.held, told.people.len()), (70, 50));
}

#[test]
fn rests_refusals_and_writers_are_told() {
    let folder = Folder::new();
    let store = folder.write();
    let breaker = Breaker { failures: 3, since: NOW, open_until: LATER, reason: "no".to_owned() };
    store.open_breaker(&south(), Door::Writing, &breaker).unwrap();
    let told = status(&store);
    assert!(told.tenants[0].breakers.is_empty());
    assert_eq!(told.tenants[1].breakers, [(Door::Writing, breaker)].into());
    let json = serde_json::to_value(&told.tenants[1]).unwrap();
    assert_eq!(json["breakers"]["writing"]["open_until"], LATER.rfc3339());

    assert_eq!(of(&store, &route()).refused, None);
    store.guarded(&route(), &[], NOW).unwrap();
    store.guarded(&route(), &["9 to delete".to_owned()], NOW).unwrap();
    store.guarded(&route(), &["10 to delete".to_owned()], LATER).unwrap();
    let refused = of(&store, &route()).refused.unwrap();
    assert_eq!((refused.since, refused.why), (NOW.rfc3339(), vec!["10 to delete".to_owned()]));
    assert_eq!(of(&store, &back()).refused, None);
    store.guarded(&route(), &[], LATER).unwrap();
    assert_eq!(of(&store, &route()).refused, None);

    assert_eq!(status(&store).writer, None);
    let say = |text: &str| {
        folder.sql().execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('writer', ?1)", [text]).unwrap();
    };
    say(r#"{"user":"svc","host":"h","pid":7,"boot":"b","verb":"run","since":"s","seen":"t","more":1}"#);
    let writer = status(&store).writer.unwrap();
    assert_eq!((writer.user.as_str(), writer.pid, writer.verb.as_str()), ("svc", 7, "run"));
    say("nonsense");
    assert_eq!(status(&store).writer, None);
}

#[test]
fn the_last_run_that_was_not_cut_short_and_the_end_of_the_log() {
    let store = memory();
    assert_eq!((store.last_success().unwrap(), store.log_head().unwrap()), (None, None));
    for (seconds, code) in [(1, 0), (2, 3), (3, 4), (4, 1)] {
        let run = store.begin_run(crosstie::model::Trigger::Schedule, NOW).unwrap();
        store.end_run(run, NOW.plus_seconds(seconds), code, "{}").unwrap();
    }
    store.begin_run(crosstie::model::Trigger::Schedule, NOW).unwrap();
    assert_eq!(store.last_success().unwrap(), Some(Timestamp(NOW.0 + 3_000)));
    tie(&store, &guid(1), &guid(101));
    let entry = store.record(record(ask(&guid(1), Some(&guid(101))), None)).unwrap();
    assert_eq!(store.log_head().unwrap(), Some((2, entry.hash)));
}
