//! Is an alert there as soon as its run has ended, and until it was taken?

use crosstie::model::{RunId, Trigger};
use crosstie::store::{NewAlert, RunEnd, Store, WaitingAlert};

use super::bench::*;

fn alert(hook: &str, event: &str) -> NewAlert {
    NewAlert { hook: hook.to_owned(), event: event.to_owned(), body: format!("{{\"id\":\"{event}\"}}") }
}
fn waiting(store: &Store) -> Vec<WaitingAlert> {
    let mut all = Vec::new();
    store.waiting_alerts(None, |alert| all.push(alert)).unwrap();
    all
}
fn names(store: &Store) -> Vec<String> {
    waiting(store).into_iter().map(|a| format!("{} {}", a.hook, a.event)).collect()
}
fn ended(store: &Store, run: RunId) -> bool {
    store.last_runs(9).unwrap().into_iter().any(|r| r.id == run && r.ended_at.is_some())
}

#[test]
fn the_end_of_a_run_and_its_alerts_come_together_or_not_at_all() {
    let folder = Folder::new();
    let store = folder.write();
    let run = store.begin_run(Trigger::Schedule, NOW).unwrap();
    let alerts = [alert("b", "1"), alert("a", "1"), alert("b", "2"), alert("b", "1")];
    let end = RunEnd { exit_code: 4, summary: "{\"failed\":1}", alerts: &alerts, announced: Some("note") };
    folder
        .sql()
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON outbox WHEN NEW.event = '2' BEGIN SELECT RAISE(FAIL, 'full'); END",
        )
        .unwrap();
    assert!(store.end_run_with(run, LATER, &end).unwrap_err().to_string().contains("full"));
    assert!(!ended(&store, run) && waiting(&store).is_empty() && store.announced().unwrap().is_none());

    folder.sql().execute_batch("DROP TRIGGER full").unwrap();
    store.end_run_with(run, LATER, &end).unwrap();
    assert!(ended(&store, run));
    assert_eq!(names(&store), ["a 1", "b 1", "b 2"], "each event once for each receiver, in order");
    assert_eq!(store.announced().unwrap().as_deref(), Some("note"));
    let row = &store.last_runs(1).unwrap()[0];
    assert_eq!((row.exit_code, row.summary.as_str(), row.trigger.as_str()), (Some(4), "{\"failed\":1}", "schedule"));
    // What was taken does not come back with a run that ends twice.
    waiting(&store).iter().for_each(|a| store.alert_delivered(a.id).unwrap());
    store.end_run_with(run, LATER, &RunEnd { announced: Some("other"), exit_code: 0, ..end }).unwrap();
    assert!(waiting(&store).is_empty());
    assert_eq!(
        (store.announced().unwrap().as_deref(), store.last_runs(1).unwrap()[0].exit_code),
        (Some("note"), Some(4))
    );
}

#[test]
fn a_receiver_has_its_own_queue_and_a_file_keeps_it() {
    let folder = Folder::new();
    let store = folder.write();
    store.enqueue_alerts(&[alert("a", "1"), alert("b", "1"), alert("a", "2")], NOW).unwrap();
    let first = store.first_alert("a").unwrap().unwrap();
    assert_eq!((first.event.as_str(), first.tries, first.next_at, first.error.as_str()), ("1", 0, NOW, ""));
    store.alert_put_off(first.id, LATER, "answered 500").unwrap();
    drop(store);
    let store = folder.write();
    let first = store.first_alert("a").unwrap().unwrap();
    let expected = WaitingAlert {
        id: first.id,
        hook: "a".to_owned(),
        event: "1".to_owned(),
        body: "{\"id\":\"1\"}".to_owned(),
        created_at: NOW,
        tries: 1,
        next_at: LATER,
        error: "answered 500".to_owned(),
    };
    assert_eq!(first, expected, "put off, it keeps its place");
    let status = store.outbox_status().unwrap();
    let counts: Vec<_> = status.iter().map(|s| (s.webhook.as_str(), s.waiting, s.tries, s.error.as_str())).collect();
    assert_eq!(counts, [("a", 2, 1, "answered 500"), ("b", 1, 0, "")]);
    store.alert_delivered(first.id).unwrap();
    assert_eq!(names(&store), ["a 2", "b 1"]);
    assert_eq!(store.drop_alerts("a").unwrap(), 1);
    assert_eq!(names(&store), ["b 1"]);
    assert_eq!(store.first_alert("a").unwrap(), None);
}

#[test]
fn runs_that_never_ended_are_found_between_two_others() {
    let store = memory();
    let runs: Vec<RunId> = (0..6).map(|_| store.begin_run(Trigger::Manual, NOW).unwrap()).collect();
    for n in [0, 3] {
        store.end_run_with(runs[n], LATER, &RunEnd::default()).unwrap();
    }
    let found = |at_most| {
        let rows = store.unended_runs(runs[0], runs[5], at_most).unwrap();
        rows.into_iter().map(|r| r.id.0).collect::<Vec<_>>()
    };
    assert_eq!(found(9), [2, 3, 5]);
    assert_eq!(found(2), [3, 5]);
}

#[test]
fn who_is_held_is_told_with_name_and_reason() {
    let store = memory();
    let people = vec![seen(&guid(1), &[("userPrincipalName", "ada@north.example")]), seen(&guid(2), &[])];
    read(&store, &north(), true, people, NOW);
    assert!(store.held(&route()).unwrap().is_empty());
    for n in [1, 2, 3] {
        store.explain_unsettled(&route(), &guid(n), "held", &format!("reason {n}")).unwrap();
    }
    store.explain_unsettled(&route(), &guid(3), "failed", "no").unwrap();
    assert_eq!(store.held(&route()).unwrap(), [guid(1), guid(2)].into());
    assert!(store.held(&back()).unwrap().is_empty());
    let why = |n| store.why_unsettled(&route(), &guid(n)).unwrap();
    let told = |name: &str, reason: &str| Some((name.to_owned(), reason.to_owned()));
    assert_eq!(why(1), told("ada@north.example", "reason 1"));
    assert_eq!((why(2), why(3), why(4)), (told("", "reason 2"), told("", "no"), None));
}

#[test]
fn the_head_of_the_log_is_its_last_entry() {
    let store = memory();
    assert_eq!(store.log_head().unwrap(), None);
    tie(&store, &guid(1), &guid(101));
    tie(&store, &guid(2), &guid(102));
    let crosstie::store::Verified::Whole { entries, head } = store.verify_log().unwrap() else { panic!("broken") };
    assert_eq!(store.log_head().unwrap(), Some((entries, head)));
    assert_eq!(entries, 2);
}
