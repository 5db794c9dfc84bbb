//! What becomes of accounts whose links are lost, and of addresses that somebody else has now?

use crosstie::engine::{Adopting, Adoptions, EngineError, Focus};
use crosstie::model::{ActionKind, Hold, Trigger};
use crosstie::store::Mode;
use serde_json::{Value, json};

use super::bench::{Bench, RULES};
use super::ownership::{holds, old_guest};

const STAMP: &str = "extensionAttribute15";

fn stamped(tenants: &[&str], rules: &str) -> Bench {
    let bench = Bench::mesh(tenants, rules);
    tenants.iter().for_each(|tenant| bench.reconfigure(tenant, &format!("stamp = {STAMP:?}")));
    bench
}

fn id(account: &Value) -> &str {
    account["id"].as_str().unwrap()
}

fn by_hand(user: &str, account: &str) -> Adopting {
    Adopting { by_hand: Some((user.to_owned(), account.to_owned())), ..Adopting::default() }
}

/// One process: `crosstie adopt`.
async fn adopt(bench: &Bench, adopting: &Adopting) -> Result<Adoptions, EngineError> {
    let (config, store) = (bench.config(), bench.store(Mode::Write));
    let run = store.begin_run(Trigger::Adopt, bench.clock.at()).unwrap();
    let writes = bench.writes().len();
    let found = bench
        .working(&config, &store, Focus::default(), async |cycle| {
            let found = cycle.find_adoptions(adopting).await?;
            cycle.record_adoptions(run, adopting.by_hand.is_some(), &found)?;
            Ok(found)
        })
        .await;
    assert_eq!(bench.writes().len(), writes, "it writes to no tenant");
    drop(store);
    bench.assert_log_is_whole();
    found
}

/// The store is gone, and with it every link; nobody has noticed before people moved and changed their addresses.
#[tokio::test(start_paused = true)]
async fn a_lost_store_is_made_again_without_duplicates_and_without_deletes() {
    let tenants = ["north", "south", "west"];
    let bench = stamped(&tenants, RULES);
    let mut people = Vec::new();
    for tenant in tenants {
        for n in 0..4 {
            people.push((tenant, bench.staff(tenant, &format!("p{n}"))));
        }
    }
    bench.settled_sync().await;
    let before: Vec<Vec<Value>> = tenants.map(|t| bench.tenant(t).users()).into();
    std::fs::remove_file(bench.file("crosstie.db")).unwrap();
    // An address under which no account would be found, and one that no match would ask about.
    bench.tenant("north").edit_user(&people[0].1, &json!({ "mail": "renamed@north.example" })).unwrap();
    let writes = bench.writes().len();
    let report = bench.sync().await;
    let held = holds(&report);
    assert_eq!(held.len(), 24, "each of twelve people in two tenants: {held:?}");
    assert!(held.iter().all(|hold| matches!(hold, Hold::Unadopted { .. })), "{held:?}");
    assert!(held[0].to_string().contains("crosstie adopt"), "{}", held[0]);
    assert_eq!(bench.writes().len(), writes, "nobody is invited twice");

    std::fs::remove_file(bench.file("crosstie.db")).unwrap();
    let found = adopt(&bench, &Adopting::default()).await.unwrap();
    assert!(found.is_whole() && found.count() == 24, "{found:#?}");
    let again = adopt(&bench, &Adopting::default()).await.unwrap();
    assert_eq!((again.count(), again.linked.values().sum::<u64>()), (0, 24), "once is enough");
    let log = bench.log();
    assert_eq!(log.len(), 24);
    assert!(log.iter().all(|e| e.action == ActionKind::Join && e.why.contains("stamp") && e.request_id.is_empty()));

    let report = bench.sync().await;
    assert!(report.complete() && report.applied.is_empty(), "{report:#?}");
    assert_eq!(bench.writes().len(), writes, "everything is as it was");
    let after: Vec<Vec<Value>> = tenants.map(|t| bench.tenant(t).users()).into();
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), after.iter().map(Vec::len).collect::<Vec<_>>());
    // And it goes on: a mover, a leaver.
    bench.tenant("north").edit_user(&people[1].1, &json!({ "jobTitle": "Dean" })).unwrap();
    bench.tenant("north").soft_delete(&people[2].1).unwrap();
    assert!(bench.sync().await.complete());
    assert_eq!(bench.guest("south", "p1@north.example")["jobTitle"], "Dean");
    assert!(bench.guests("south", "p2@north.example").is_empty());
}

/// Half of a run is done, and somebody adopts before the next one: what became of its open questions is found out, and an
/// account that it made is nobody's find.
#[tokio::test(start_paused = true)]
async fn an_adoption_right_after_a_killed_run_takes_nobody_twice() {
    let (mut lost, mut exchange) = (0, 0);
    loop {
        exchange += 1;
        let bench = stamped(&["north", "south"], RULES);
        let people: Vec<String> = (0..3).map(|n| bench.staff("north", &format!("p{n}"))).collect();
        let ended = bench.killed_sync(exchange).await.is_some();
        let open = bench.store(Mode::Write).open_asks(&"south".into()).unwrap().len();
        lost += usize::from(open > 0);
        let found = adopt(&bench, &Adopting::default()).await.unwrap();
        assert!(found.is_whole() && found.count() == 0, "killed at {exchange}: {found:#?}");
        assert!(bench.sync().await.complete(), "killed at {exchange}");
        for n in 0..people.len() {
            assert_eq!(bench.guests("south", &format!("p{n}@north.example")).len(), 1, "killed at {exchange}");
        }
        assert_eq!(bench.plan().await.plan.routes.iter().map(|route| route.changes.len()).sum::<u64>(), 0);
        bench.assert_log_covers_ledger();
        if ended {
            break;
        }
    }
    assert!(lost > 2, "kills left questions open {lost} times");
}

/// What a stamp alone does not decide.
#[tokio::test(start_paused = true)]
async fn what_is_doubtful_is_refused_with_the_reason() {
    let bench = stamped(&["north", "south"], RULES);
    let names = ["twice", "admin", "out", "gone", "native", "fine"];
    let people = names.map(|name| bench.staff("north", name));
    bench.settled_sync().await;
    let account = |name: &str| id(&bench.guest("south", &format!("{name}@north.example"))).to_owned();
    let accounts = names.map(account);
    std::fs::remove_file(bench.file("crosstie.db")).unwrap();
    let stamp = |n: u32, id: &str| json!({ STAMP: format!("crosstie:v1:6f1c0d3e-0000-4000-8000-{n:012}:{id}") });
    let bear = |account: &str, stamp: Value| {
        bench.tenant("south").edit_user(account, &json!({ "onPremisesExtensionAttributes": stamp })).unwrap();
    };
    let twin = old_guest(&bench, "south", "twin@elsewhere.example", "Accepted");
    bear(&twin, stamp(1, &people[0]));
    let role = json!({ "id": "2b1c0000-0000-4000-8000-00000000000a", "displayName": "Global Administrator",
                       "role": true, "members": [accounts[1]] });
    bench.tenant("south").put_group(serde_json::from_value(role).unwrap()).unwrap();
    bench.tenant("north").edit_user(&people[2], &json!({ "employeeType": "Student" })).unwrap();
    bench.tenant("north").hard_delete(&people[3]).unwrap();
    let local = bench.person("south", "local", "Student", &json!({}));
    bear(&accounts[4], json!({ STAMP: null }));
    bear(&local, stamp(1, &people[4]));
    // Another home's, and a text of somebody else: none of ours, and not even mentioned.
    let strange = old_guest(&bench, "south", "strange@elsewhere.example", "Accepted");
    bear(&strange, stamp(9, &people[5]));

    let found = adopt(&bench, &Adopting::default()).await.unwrap();
    assert_eq!(found.count(), 1, "{found:#?}");
    let why = |account: &str| {
        let mut all = found.refused.iter().filter(|r| r.account.as_str() == account);
        let why = all.next().map(|r| r.why.clone()).unwrap_or_default();
        assert!(all.next().is_none());
        why
    };
    for (account, part) in [
        (&accounts[0], "2 accounts bear this stamp"),
        (&twin, "2 accounts bear this stamp"),
        (&accounts[1], "Global Administrator"),
        (&accounts[2], "out of scope"),
        (&accounts[3], "gone from home"),
        (&local, "at home in the target"),
    ] {
        assert!(why(account).contains(part), "{account}: {:?} does not say {part:?}", why(account));
    }
    assert_eq!(found.refused.len(), 6, "{found:#?}");
    assert_eq!(why(&strange), "");

    // Whoever asks for it has the leavers treated by the rules, with the next sync.
    let found = adopt(&bench, &Adopting { leavers: true, ..Adopting::default() }).await.unwrap();
    assert_eq!((found.count(), found.linked.values().sum::<u64>()), (2, 1), "{found:#?}");
    bench.sync().await;
    let stands = |n: usize| bench.tenant("south").users().iter().any(|user| id(user) == accounts[n]);
    assert!(!stands(2) && !stands(3) && stands(5));
}

/// Deleted at home, and made anew under the same address: another person to us, in whichever order things are seen.
#[tokio::test(start_paused = true)]
async fn a_person_made_anew_inherits_nothing_silently() {
    for grace in [0, 30] {
        let rules = format!("{RULES}grace_days = {grace}\n");
        let bench = Bench::mesh(&["north", "south"], &rules);
        let old = bench.staff("north", "ada");
        bench.settled_sync().await;
        let account = id(&bench.guest("south", "ada@north.example")).to_owned();
        bench.tenant("north").hard_delete(&old).unwrap();
        let new = bench.person("north", "ada", "Staff", &json!({ "displayName": "another ada" }));
        for cycle in 0..3 {
            let held = holds(&bench.sync().await);
            let [Hold::Former(former)] = held.as_slice() else { panic!("{held:?}") };
            assert_eq!((former.account.as_str(), former.home.id.as_str()), (account.as_str(), old.as_str()));
            assert_eq!(former.deleted, grace == 0 && cycle > 0);
            assert!(held[0].to_string().contains("crosstie adopt"), "{}", held[0]);
        }
        let invited = |e: &&crosstie::sim::Entry| e.kind == crosstie::sim::Kind::Invite;
        assert_eq!(bench.writes().iter().filter(invited).count(), 1);
        if grace == 0 {
            // One way out: the old account is deleted for good, and a new one is made.
            bench.tenant("south").hard_delete(&account).unwrap();
            let report = bench.sync().await;
            assert!(report.complete(), "{report:#?}");
            let fresh = bench.guest("south", "ada@north.example");
            assert_ne!(id(&fresh), account);
            assert_eq!(fresh["displayName"], "another ada");
        } else {
            // The other: somebody says that it is hers.
            let found = adopt(&bench, &by_hand(&new, &account)).await.unwrap();
            assert!(found.is_whole() && found.count() == 1, "{found:#?}");
            let log: Vec<_> =
                bench.log().into_iter().rev().take(2).map(|e| (e.action, e.home.id.to_string())).collect();
            assert_eq!(log, [(ActionKind::Join, new.clone()), (ActionKind::Unlink, old.clone())]);
            let report = bench.sync().await;
            assert!(report.complete(), "{report:#?}");
            let hers = bench.guest("south", "ada@north.example");
            assert_eq!((id(&hers), &hers["displayName"]), (account.as_str(), &json!("another ada")));
        }
        bench.assert_settled().await;
    }
}

/// Somebody who is only out of scope, or whose account somebody deletes by hand, is nobody else.
#[tokio::test(start_paused = true)]
async fn whoever_comes_back_has_their_own_account_back() {
    let bench = stamped(&["north", "south"], RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    let account = id(&bench.guest("south", "ada@north.example")).to_owned();
    bench.tenant("north").soft_delete(&ada).unwrap();
    bench.sync().await;
    assert!(bench.guests("south", "ada@north.example").is_empty());
    bench.tenant("north").restore(&ada).unwrap();
    bench.settled_sync().await;
    assert_eq!(id(&bench.guest("south", "ada@north.example")), account);
}

#[tokio::test(start_paused = true)]
async fn by_hand_goes_what_no_match_may_but_nothing_that_is_the_targets_own() {
    let bench = stamped(&["north", "south"], RULES);
    let mallory = bench.person("north", "mallory", "Staff", &json!({ "mail": "ceo@partner.example" }));
    let ceo = old_guest(&bench, "south", "ceo@partner.example", "Accepted");
    let local = bench.person("south", "local", "Student", &json!({}));
    let eve = bench.staff("north", "eve");
    assert!(matches!(holds(&bench.sync().await).as_slice(), [Hold::Unverified { .. }]));
    for (user, account, part) in [
        (mallory.as_str(), local.as_str(), "at home in the target"),
        (&mallory, id(&bench.guest("south", "eve@north.example")), "linked to another home user"),
        (&eve, &ceo, "linked to another account"),
    ] {
        let found = adopt(&bench, &by_hand(user, account)).await.unwrap();
        assert!(found.count() == 0 && found.refused[0].why.contains(part), "{found:#?}");
    }
    bench.reconfigure("south", &format!("protected = [{ceo:?}]"));
    let found = adopt(&bench, &by_hand(&mallory, &ceo)).await.unwrap();
    assert!(found.count() == 0 && found.refused[0].why.contains("protected"), "{found:#?}");
    bench.reconfigure("south", "protected = []");
    assert!(adopt(&bench, &by_hand("nobody@north.example", &ceo)).await.is_err());
    let found = adopt(&bench, &by_hand("mallory@north.example", &ceo)).await.unwrap();
    assert_eq!(found.count(), 1, "{found:#?}");
    let report = bench.sync().await;
    assert!(report.complete(), "{report:#?}");
    assert_eq!(bench.tenant("south").user(&ceo).unwrap()["displayName"], "mallory");
}

/// A value that is written when it changes at home, and was changed in the target, outlives the loss.
#[tokio::test(start_paused = true)]
async fn adoption_overwrites_no_local_edit() {
    let rules = RULES
        .replace("jobTitle = \"[jobTitle]\"", "jobTitle = { expression = \"[jobTitle]\", apply = \"on-change\" }")
        .replace("department = \"[department]\"", "department = { expression = \"[department]\", apply = \"create\" }");
    let bench = stamped(&["north", "south"], &rules);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    let account = id(&bench.guest("south", "ada@north.example")).to_owned();
    let local = json!({ "jobTitle": "Guest lecturer", "department": "Opera" });
    bench.tenant("south").edit_user(&account, &local).unwrap();
    std::fs::remove_file(bench.file("crosstie.db")).unwrap();
    adopt(&bench, &Adopting::default()).await.unwrap();
    let report = bench.sync().await;
    assert!(report.complete() && report.applied.is_empty(), "{report:#?}");
    let has = |name: &str| bench.tenant("south").user(&account).unwrap()[name].clone();
    assert_eq!((has("jobTitle"), has("department")), (json!("Guest lecturer"), json!("Opera")));
    bench.tenant("north").edit_user(&ada, &json!({ "jobTitle": "Dean" })).unwrap();
    assert!(bench.sync().await.complete());
    assert_eq!(has("jobTitle"), "Dean");
}
