//! Does every entry name the run that it came from, and is nothing of that bent unseen?

use crosstie::model::{RunId, Trigger};
use crosstie::store::{Filter, Store, Verified};

use super::bench::*;

fn write(store: &Store, run: RunId) -> Option<String> {
    let ask = crosstie::store::Ask { run, ..ask(&guid(1), Some(&guid(101))) };
    store.record(record(ask, None)).unwrap().facts
}

#[test]
fn an_entry_names_the_facts_of_its_run_and_after_an_approval_who_approved() {
    let folder = Folder::new();
    let store = folder.write();
    let silent = store.begin_run(Trigger::Manual, NOW).unwrap();
    assert_eq!(write(&store, silent), None, "a run that says nothing of itself");
    store.note_approval(silent, "sha256:d0", &[]).unwrap();
    let run = store.begin_run_in(&circumstances(), Trigger::Undo, NOW).unwrap();
    let before = write(&store, run).unwrap();
    let signers = ["ed25519:A".to_owned(), "ed25519:B".to_owned()];
    store.note_approval(run, "sha256:d1", &signers).unwrap();
    store.note_approval(run, "sha256:d1", &signers).unwrap();
    let after = write(&store, run).unwrap();
    let facts = |hash: &str| store.run_facts(hash).unwrap().unwrap();
    assert_eq!(facts(&before).approved, None);
    let approved = facts(&after).approved.unwrap();
    assert_eq!((approved.digest.as_str(), approved.by.as_slice()), ("sha256:d1", &signers[..]));
    let known = facts(&after);
    assert_eq!((known.run, known.trigger, known.started_at), (run.0, Trigger::Undo, NOW.rfc3339()));
    assert_eq!((known.host, known.user, known.config), ("hall".into(), "ada".into(), "sha256:c0".into()));
    assert_eq!((known.rules, known.store), (circumstances().rules, store.store_id().unwrap()));
    let mut all = 0;
    store
        .all_run_facts(|_, _, _| {
            all += 1;
            true
        })
        .unwrap();
    assert_eq!(all, 2);
    // A run that was killed: whoever records its last write later names its facts, and not their own.
    let next = store.begin_run_in(&circumstances(), Trigger::Manual, LATER).unwrap();
    assert_eq!(write(&store, run).unwrap(), after);
    assert_ne!(write(&store, next).unwrap(), after);
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 5, .. }));
}

#[test]
fn facts_that_were_changed_taken_away_or_swapped_are_found_at_the_first_entry_that_names_them() {
    let whole = |sql: &str| {
        let folder = Folder::new();
        let store = folder.write();
        let first = store.begin_run_in(&circumstances(), Trigger::Manual, NOW).unwrap();
        write(&store, first);
        let second = store.begin_run_in(&circumstances(), Trigger::Manual, NOW).unwrap();
        write(&store, second);
        write(&store, second);
        assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 3, .. }));
        folder.sql().execute_batch(sql).unwrap();
        match store.verify_log().unwrap() {
            Verified::Broken { seq, what } => (seq, what),
            whole @ Verified::Whole { .. } => panic!("{sql}: {whole:?}"),
        }
    };
    for (sql, said) in [
        ("UPDATE run_facts SET body = replace(body, 'ada', 'bob') WHERE run = 2", "were changed"),
        ("DELETE FROM run_facts WHERE run = 2", "are missing"),
    ] {
        let (seq, what) = whole(sql);
        assert!(seq == 2 && what.contains(said), "{sql}: {seq} {what}");
    }
    assert_eq!(whole("UPDATE run_facts SET hash = hash || '0' WHERE run = 1").0, 1);
}

#[test]
fn what_no_entry_names_goes_with_the_end_of_its_run_and_nothing_else_does() {
    let folder = Folder::new();
    let store = folder.write();
    let known = || {
        let mut runs = Vec::new();
        store
            .all_run_facts(|run, _, _| {
                runs.push(run.0);
                true
            })
            .unwrap();
        runs
    };
    let begin = || store.begin_run_in(&circumstances(), Trigger::Schedule, NOW).unwrap();
    let end = |run| store.end_run_with(run, LATER, &crosstie::store::RunEnd::default()).unwrap();
    let idle = begin();
    assert_eq!(known(), [1]);
    end(idle);
    assert_eq!(known(), [0u64; 0], "a schedule that finds nothing to do leaves nothing");
    let busy = begin();
    write(&store, busy);
    // Approved and never written under: only what an entry names stays.
    store.note_approval(busy, "sha256:d1", &[]).unwrap();
    assert_eq!(known(), [2, 2]);
    end(busy);
    assert_eq!(known(), [2]);
    // Its only write is not answered yet: the next run puts it down, in this one's name.
    let cut = begin();
    let asked = crosstie::store::Ask { run: cut, ..ask(&guid(3), None) };
    let id = store.ask(&asked, &crosstie::store::LinkChange::Same).unwrap();
    end(cut);
    assert_eq!(known(), [2, 3]);
    assert!(store.record(record(asked, Some(id))).unwrap().facts.is_some());
    assert!(matches!(store.verify_log().unwrap(), Verified::Whole { entries: 2, .. }));
}

#[test]
fn each_store_has_a_name_of_its_own_and_keeps_it() {
    let (one, other) = (Folder::new(), Folder::new());
    let id = one.write().store_id().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_ne!(other.write().store_id().unwrap(), id);
    assert_eq!(one.write().store_id().unwrap(), id);
}

#[test]
fn outcomes_people_and_numbers_are_filtered() {
    let folder = Folder::new();
    let store = folder.write();
    for n in 1..=3 {
        let ask = ask(&guid(n % 2), Some(&guid(100 + n)));
        let outcome =
            if n == 2 { crosstie::model::Outcome::Failed(refused()) } else { crosstie::model::Outcome::Applied };
        store.record(crosstie::store::Record { outcome, ..record(ask, None) }).unwrap();
    }
    let found = |filter: Filter| {
        let mut seqs: Vec<u64> = Vec::new();
        store
            .log(&filter, |e| {
                seqs.push(e.seq);
                true
            })
            .unwrap();
        seqs
    };
    let outcome = |word: &str| Filter { outcome: Some(word.to_owned()), ..Filter::default() };
    assert_eq!((found(outcome("failed")), found(outcome("applied"))), (vec![2], vec![1, 3]));
    // By an account that the person had once, everything of that person.
    let people = store.people_named(guid(101).as_str()).unwrap();
    assert_eq!(people.iter().map(|(tenant, id)| (tenant.as_str(), id)).collect::<Vec<_>>(), [("north", &guid(1))]);
    assert_eq!(found(Filter { people: Some(people), ..Filter::default() }), [1, 3]);
    assert_eq!(store.people_named("nobody").unwrap().len(), 0);
    assert_eq!(wrote(&store, 2).unwrap().outcome, "failed");
    assert_eq!(wrote(&store, 4), None);
}
