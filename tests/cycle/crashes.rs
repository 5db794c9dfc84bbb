//! What is left when the process dies right before or right after any exchange with a tenant?

use crosstie::sim::{Entry, Kind};
use serde_json::json;

use super::bench::{Bench, RULES};

/// No history of this small world has more half-exchanges.
const HALF_EXCHANGES_MAX: u32 = 400;

/// A world in which every kind of write is due: two joiners with a manager, a mover, a leaver, a return, a block.
async fn busy() -> Bench {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let people: Vec<String> = ["mover", "leaver", "gone", "blocked"].map(|n| bench.staff("north", n)).into();
    bench.settled_sync().await;
    bench.tenant("north").soft_delete(&people[2]).unwrap();
    bench.settled_sync().await;
    let boss = bench.staff("north", "boss");
    bench.person("north", "joiner", "Staff", &json!({ "manager": boss }));
    bench.tenant("north").edit_user(&people[0], &json!({ "jobTitle": "Dean" })).unwrap();
    bench.tenant("north").edit_user(&people[1], &json!({ "employeeType": "Student" })).unwrap();
    bench.tenant("north").restore(&people[2]).unwrap();
    bench.tenant("north").edit_user(&people[3], &json!({ "accountEnabled": false })).unwrap();
    bench
}

fn assert_as_wanted(bench: &Bench) {
    let account = |name: &str| bench.guest("south", &format!("{name}@north.example"));
    assert_eq!(account("mover")["jobTitle"], "Dean");
    assert!(bench.guests("south", "leaver@north.example").is_empty());
    assert_eq!(account("gone")["jobTitle"], "Lecturer");
    assert_eq!(account("blocked")["accountEnabled"], false);
    assert_eq!(account("joiner")["manager"], account("boss")["id"]);
    assert_eq!(bench.tenant("south").users().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_exchange_the_next_run_goes_on() {
    let mut deaths = 0;
    for half_exchanges in 1..HALF_EXCHANGES_MAX {
        let bench = busy().await;
        if bench.killed_sync(half_exchanges).await.is_some() {
            break;
        }
        deaths += 1;
        let report = bench.sync().await;
        assert!(report.complete(), "killed at {half_exchanges}: {report:#?}");
        assert_as_wanted(&bench);
        let drafted = bench.plan().await;
        assert!(drafted.plan.is_empty(), "killed at {half_exchanges}: {drafted:#?}");
        bench.assert_log_covers_ledger();
        let applied = |kind: Kind| bench.writes().iter().filter(|e: &&Entry| e.kind == kind && e.applied).count();
        assert_eq!(applied(Kind::Invite), 6, "killed at {half_exchanges}: nobody is invited twice");
    }
    assert!(deaths > 20, "only {deaths} deaths were tried");
}

#[tokio::test(start_paused = true)]
async fn killed_again_and_again_it_still_arrives() {
    for step in [3, 5, 7, 11] {
        let bench = busy().await;
        let mut runs = 0;
        while bench.killed_sync(step + runs).await.is_none() {
            runs += 1;
            assert!(runs < 200, "killed every {step} half-exchanges, it does not arrive");
        }
        bench.sync().await;
        assert_as_wanted(&bench);
        assert!(bench.plan().await.plan.is_empty());
        bench.assert_log_covers_ledger();
    }
}
