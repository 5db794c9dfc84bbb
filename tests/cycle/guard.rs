//! Does the guard see what one plan does not show: the day, one attribute, a home that has shrunk?

use crosstie::engine::Focus;
use crosstie::plan::Bound;
use serde_json::json;

use super::bench::{Bench, RULES};

fn bench(guard: &str, people: usize) -> Bench {
    let bench = Bench::mesh(&["north", "south"], &format!("{RULES}[guard]\n{guard}\n"));
    (0..people).for_each(|n| drop(bench.staff("north", &format!("p{n}"))));
    bench
}
fn deletes(bench: &Bench) -> usize {
    bench.writes().iter().filter(|entry| format!("{:?}", entry.kind) == "Delete").count()
}
fn leaves(bench: &Bench, n: usize) {
    let who = format!("p{n}@north.example");
    bench.tenant("north").edit_user(&who, &json!({ "employeeType": "Student" })).unwrap();
}
fn bounds(report: &crosstie::engine::Report) -> Vec<Bound> {
    report.drafted.refusals.iter().map(|refusal| refusal.bound.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn many_small_runs_may_not_do_what_one_may_not() {
    let bench = bench("deletes = { max = 3 }", 8);
    bench.settled_sync().await;
    for n in 0..3 {
        leaves(&bench, n);
        assert!(bounds(&bench.sync().await).is_empty());
        bench.wait(3_600).await;
    }
    leaves(&bench, 3);
    let report = bench.sync().await;
    assert_eq!(bounds(&report), [Bound::Day]);
    assert_eq!(report.drafted.refusals[0].planned, 4);
    assert_eq!(deletes(&bench), 3);
    // A person lets it through once, and what they let through does not stop the next one for a day.
    let digest = report.drafted.refused_digest.clone();
    bench.try_sync(Focus::default(), Some(&digest)).await.unwrap();
    assert_eq!(deletes(&bench), 4);
    leaves(&bench, 4);
    assert_eq!(bounds(&bench.sync().await), [Bound::Day], "the first three still count");
    bench.wait(21 * 3_600 + 60).await;
    assert!(bounds(&bench.sync().await).is_empty(), "a day after the first, it is one fewer");
    assert_eq!(deletes(&bench), 5);
}

#[tokio::test(start_paused = true)]
async fn many_small_runs_may_not_invite_more_people_than_one_may() {
    let bench = bench("provisions = { max = 2 }", 2);
    bench.settled_sync().await;
    bench.staff("north", "late");
    let report = bench.sync().await;
    assert_eq!(bounds(&report), [Bound::Day]);
    let refusal = report.drafted.refusals[0].to_string();
    assert!(refusal.contains("3 accounts to provision with those of the last 24 hours"), "{refusal}");
    assert!(bench.guests("south", "late@north.example").is_empty());
    bench.wait(24 * 3_600 + 60).await;
    assert!(bounds(&bench.sync().await).is_empty());
    assert_eq!(bench.guests("south", "late@north.example").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_attribute_and_promotions_and_invitations_have_limits_of_their_own() {
    let bench = bench("provisions = { max = 2 }\n[guard.attributes]\njobTitle = { max = 1 }", 2);
    bench.settled_sync().await;
    bench.wait(24 * 3_600 + 60).await;
    bench.staff("north", "one");
    bench.staff("north", "two");
    bench.staff("north", "three");
    let report = bench.sync().await;
    assert_eq!(bounds(&report), [Bound::Run]);
    assert!(
        report.drafted.refusals[0].to_string().contains("3 accounts to provision"),
        "{:?}",
        report.drafted.refusals
    );
    for who in ["one", "two", "three"] {
        bench
            .tenant("north")
            .edit_user(&format!("{who}@north.example"), &json!({ "employeeType": "Student" }))
            .unwrap();
    }
    for who in ["p0", "p1"] {
        bench.tenant("north").edit_user(&format!("{who}@north.example"), &json!({ "jobTitle": "Dean" })).unwrap();
    }
    let report = bench.sync().await;
    assert!(
        report.drafted.refusals[0].to_string().contains("2 accounts to update in jobTitle"),
        "{:?}",
        report.drafted.refusals
    );
}

#[tokio::test(start_paused = true)]
async fn many_small_runs_may_not_change_an_attribute_of_more_people_than_one_may() {
    let bench = bench("[guard.attributes]\njobTitle = { max = 2 }", 6);
    bench.settled_sync().await;
    let becomes = |n: usize, attribute: &str, value: &str| {
        let who = format!("p{n}@north.example");
        bench.tenant("north").edit_user(&who, &json!({ attribute: value })).unwrap();
    };
    for n in 0..2 {
        becomes(n, "jobTitle", "Dean");
        assert!(bounds(&bench.sync().await).is_empty());
        bench.wait(3_600).await;
    }
    // The same two people once more are not more people, and another attribute has no limit.
    becomes(1, "jobTitle", "Provost");
    becomes(2, "department", "Law");
    assert!(bounds(&bench.sync().await).is_empty());
    becomes(2, "jobTitle", "Dean");
    let report = bench.sync().await;
    assert_eq!(bounds(&report), [Bound::Day]);
    let refusal = report.drafted.refusals[0].to_string();
    assert!(refusal.contains("3 accounts to update in jobTitle with those of the last 24 hours"), "{refusal}");
    assert_ne!(bench.guest("south", "p2@north.example")["jobTitle"], "Dean", "nothing was written");
    // What a person lets through does not stop the next one, and a day later the first is forgotten.
    let digest = report.drafted.refused_digest.clone();
    bench.try_sync(Focus::default(), Some(&digest)).await.unwrap();
    becomes(3, "jobTitle", "Dean");
    assert_eq!(bounds(&bench.sync().await), [Bound::Day]);
    bench.wait(22 * 3_600 + 60).await;
    assert!(bounds(&bench.sync().await).is_empty());
}

/// A join writes attributes as an update does; an invitation does not count, but what follows its own update does.
#[tokio::test(start_paused = true)]
async fn a_days_limit_of_an_attribute_counts_joins_and_not_what_is_new() {
    let bench = bench("[guard.attributes]\njobTitle = { max = 1 }", 3);
    bench.settled_sync().await;
    super::ownership::old_guest(&bench, "south", "old@north.example", "Accepted");
    bench.staff("north", "old");
    let report = bench.sync().await;
    assert!(bounds(&report).is_empty() && report.drafted.refusals.is_empty());
    assert_eq!(bench.guest("south", "old@north.example")["jobTitle"], "Lecturer", "it was joined");
    bench.staff("north", "new");
    assert!(bounds(&bench.sync().await).is_empty(), "an invitation is no update");
    bench.tenant("north").edit_user("p0@north.example", &json!({ "jobTitle": "Dean" })).unwrap();
    assert_eq!(bounds(&bench.sync().await), [Bound::Day]);
}

#[tokio::test(start_paused = true)]
async fn a_days_limit_of_an_attribute_may_be_wider_than_that_of_one_run() {
    let guard = "[guard.attributes]\njobTitle = { max = 1 }\n[guard.day.attributes]\njobTitle = { max = 2 }";
    let bench = bench(guard, 4);
    bench.settled_sync().await;
    for n in 0..3 {
        let who = format!("p{n}@north.example");
        bench.tenant("north").edit_user(&who, &json!({ "jobTitle": "Dean" })).unwrap();
        let expected: &[Bound] = if n < 2 { &[] } else { &[Bound::Day] };
        assert_eq!(bounds(&bench.sync().await), expected, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_concluded_from_a_home_that_has_lost_half_of_its_people() {
    let bench = bench("deletes = { max = 1000, percent = 100 }\nshrinkage = 50", 24);
    bench.settled_sync().await;
    let all: Vec<String> = (0..13).map(|n| format!("p{n}@north.example")).collect();
    all.iter().for_each(|who| bench.tenant("north").soft_delete(who).unwrap());
    let report = bench.sync().await;
    let route = crosstie::model::RouteName::parse("north->south").unwrap();
    let why = &report.drafted.skipped[&route];
    assert!(why.contains("north has 11 people of its own, and had 24") && why.contains("--shrunken north"), "{why}");
    assert_eq!(deletes(&bench), 0);
    // It stays so, until somebody says that it is so.
    assert!(bench.sync().await.drafted.skipped.contains_key(&route));
    let shrunken = std::collections::BTreeSet::from(["north".into()]);
    let report = bench.try_sync(Focus { shrunken, ..Focus::default() }, None).await.unwrap();
    assert!(report.drafted.skipped.is_empty());
    assert_eq!(deletes(&bench), 13);
    assert!(bench.sync().await.drafted.skipped.is_empty());
}
