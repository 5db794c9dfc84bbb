//! Is a large home written before its first reading has ended, and does nothing come of it that the whole plan would not do?

use crosstie::engine::{Focus, Report};
use crosstie::model::ActionKind;
use crosstie::sim::{Effect, Fault, Kind, Limit};
use serde_json::json;

use super::bench::{Bench, RULES};
use super::knife::{Strike, Struck};

/// One page of the home takes so long.
const PAGE_SECONDS: u64 = 10;
const PEOPLE: usize = 12;
const ADDRESS: &str = "p00@north.example";

/// A large home, of which a page of three comes now and then, and an empty target.
fn large_home(rules: &str) -> Bench {
    let bench = quick_home(rules);
    let slow = Effect::Delay { millis: PAGE_SECONDS * 1_000 };
    bench.tenant("north").fault(Fault { kind: Some(Kind::Delta), ..Fault::always(slow) }).unwrap();
    bench
}

/// The same, and its pages come at once.
fn quick_home(rules: &str) -> Bench {
    let bench = Bench::mesh_in_memory(&["north", "south"], rules);
    (0..PEOPLE).for_each(|n| drop(bench.staff("north", &format!("p{n:02}"))));
    bench.ahead_after.set(3);
    bench
}

fn id(bench: &Bench, name: &str) -> String {
    bench.tenant("north").find_by_address(&format!("{name}@north.example"))[0]["id"].as_str().unwrap().to_owned()
}
fn invited(bench: &Bench) -> usize {
    bench.writes().iter().filter(|e| e.kind == Kind::Invite && e.applied).count()
}
fn pages(bench: &Bench) -> u64 {
    bench.world.counts()["north"].get(&Kind::Delta).copied().unwrap_or_default()
}

/// A sync, and how many pages of the home had been asked for when the first invitation was seen.
async fn sync(bench: &Bench, approved: Option<&str>) -> (Report, u64) {
    let seen = std::cell::Cell::new(None);
    let watch = async {
        while invited(bench) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        seen.set(Some(pages(bench)));
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = bench.try_sync(Focus::default(), approved) => report.unwrap(),
        () = watch => unreachable!("it has no end"),
    };
    (report, seen.get().unwrap_or_else(|| pages(bench)))
}

async fn assert_everybody_is_there(bench: &Bench) {
    (0..PEOPLE).for_each(|n| drop(bench.guest("south", &format!("p{n:02}@north.example"))));
    assert_eq!(invited(bench), PEOPLE);
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_invitation_leaves_before_the_last_page_is_asked_for() {
    let bench = large_home(RULES);
    let boss = id(&bench, "p11");
    bench.tenant("north").edit_user(&id(&bench, "p00"), &json!({ "manager": boss })).unwrap();
    let (report, asked) = sync(&bench, None).await;
    assert!(report.complete(), "{report:#?}");
    assert!(asked < 3 && pages(&bench) >= 4, "of {} pages {asked} had been asked for", pages(&bench));
    assert_eq!(
        report.applied[&(crosstie::model::RouteName::parse("north->south").unwrap(), ActionKind::Provision)],
        PEOPLE as u64
    );
    let (report, boss) = (bench.guest("south", ADDRESS), bench.guest("south", "p11@north.example"));
    assert_eq!(report["manager"], boss["id"], "references follow once everybody is read");
    assert_everybody_is_there(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_begins_before_the_last_page_too() {
    let bench = large_home(RULES);
    bench.configure("[schedule]\ncron = \"* * * * *\"\n");
    let story = async {
        bench.wait(2 * PAGE_SECONDS + 5).await;
        assert!(invited(&bench) > 0 && pages(&bench) < 4);
        bench.wait(600).await;
    };
    bench.serve(story).await;
    bench.tenant("north").clear_faults(None).unwrap();
    assert_everybody_is_there(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_hangs_on_everybody_waits_for_everybody() {
    let found_by = |source: &str| RULES.replace("source = \"[mail]\"", source);
    let mapped = |line: &str| RULES.replace("[attributes]", &format!("[attributes]\n{line}"));
    let everyone =
        "[approval]\nrequired_above = 100\napprovers = [\"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]\n";
    let waits = [
        (format!("{RULES}[guard]\nprovisions = {{ max = 100 }}\n"), ""),
        (format!("{RULES}[guard.day]\nprovisions = {{ max = 100 }}\n"), ""),
        (found_by("source = 'ToLower([mail])'"), ""),
        (RULES.replace("target = \"mail\"", "target = \"employeeId\""), ""),
        (mapped("mail = 'ToLower([mail])'"), ""),
        (mapped("mailNickname = 'SelectUniqueValue([jobTitle], [mailNickname], [department])'"), ""),
        (RULES.to_owned(), everyone),
    ];
    for (rules, config) in &waits {
        let bench = large_home(rules);
        bench.configure(config);
        let (_, asked) = sync(&bench, None).await;
        assert_eq!(asked, pages(&bench), "{rules}{config}");
    }
    let goes = [
        RULES.to_owned(),
        mapped("mail = \"[mail]\""),
        found_by("source = \"[userPrincipalName]\""),
        format!("{RULES}[guard]\ndeletes = {{ max = 1 }}\n"),
    ];
    for rules in &goes {
        let bench = large_home(rules);
        let (_, asked) = sync(&bench, None).await;
        assert!(asked < pages(&bench), "{rules}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_was_approved_is_carried_out_as_a_whole() {
    let bench = large_home(RULES);
    let digest = bench.plan().await.digest;
    let before = pages(&bench);
    let (report, asked) = sync(&bench, Some(&digest)).await;
    assert!(report.complete(), "{report:#?}");
    assert_eq!(asked, pages(&bench), "{before} pages were the plan's");
    assert_everybody_is_there(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn an_address_that_somebody_on_a_later_page_has_too_is_nobodys() {
    // As mail, and as the sign-in name of somebody without any.
    for rival in [json!({ "mail": ADDRESS }), json!({ "mail": null, "userPrincipalName": ADDRESS })] {
        let bench = large_home(RULES);
        bench
            .tenant("north")
            .edit_user(&id(&bench, "p00"), &json!({ "userPrincipalName": "other@north.example" }))
            .unwrap();
        bench.tenant("north").edit_user(&id(&bench, "p11"), &rival).unwrap();
        let planned = bench.plan().await;
        let (report, _) = sync(&bench, None).await;
        assert!(invited(&bench) == PEOPLE - 2 && bench.guests("south", ADDRESS).is_empty(), "{rival}");
        for drafted in [&planned, &report.drafted, &bench.plan().await] {
            let route = drafted.plan.routes.iter().find(|r| r.route.home.as_str() == "north").unwrap();
            assert_eq!(route.held.len(), 2, "{rival}: {:?}", route.held);
        }
        bench.assert_settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_the_home_cannot_be_asked_about_waits_for_the_whole_plan() {
    let bench = large_home(RULES);
    bench.tenant("north").fault(Fault { kind: Some(Kind::List), ..Fault::always(Effect::status(400)) }).unwrap();
    let (report, asked) = sync(&bench, None).await;
    assert!(report.complete(), "{report:#?}");
    assert_eq!(asked, pages(&bench));
    assert_everybody_is_there(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_of_again_before_their_turn_is_looked_at_again() {
    // One write for each person, and one write in so long.
    let name_only =
        RULES.lines().filter(|line| !["jobTitle", "department", "manager"].iter().any(|n| line.starts_with(n)));
    let bench = large_home(&name_only.collect::<Vec<_>>().join("\n"));
    bench.configure("[tenants.south.limits]\nwrites = 1\nwindow_seconds = 160\n");
    bench.settings("south", |s| s.limits.app_writes = Limit::new(1, 160));
    let others: Vec<String> = (0..30).map(|n| bench.person("north", &format!("s{n}"), "Student", &json!({}))).collect();
    let story = async {
        bench.wait(PAGE_SECONDS + 5).await;
        assert_eq!(invited(&bench), 1);
        bench.tenant("north").edit_user(&id(&bench, "p01"), &json!({ "employeeType": "Student" })).unwrap();
        bench.wait(85).await;
        let again = |id: &String| bench.tenant("north").edit_user(id, &json!({ "employeeType": "Guest" })).unwrap();
        others.iter().take(12).for_each(again);
        bench.wait(75).await;
        assert_eq!((invited(&bench), pages(&bench) < 19), (2, true), "the next one's turn has come");
    };
    let (report, ()) = futures_util::future::join(bench.sync(), story).await;
    assert!(report.complete(), "{report:#?}");
    assert_eq!(invited(&bench), PEOPLE - 1);
    assert!(bench.guests("south", "p01@north.example").is_empty());
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_invited_and_leaves_before_the_reading_ends_loses_the_account_with_the_whole_plan() {
    let bench = large_home(RULES);
    let story = async {
        bench.wait(PAGE_SECONDS + 5).await;
        assert_eq!(invited(&bench), 3);
        bench.tenant("north").edit_user(&id(&bench, "p01"), &json!({ "employeeType": "Student" })).unwrap();
        bench.tenant("north").edit_user(&id(&bench, "p02"), &json!({ "jobTitle": "Dean" })).unwrap();
    };
    let (report, ()) = futures_util::future::join(bench.sync(), story).await;
    assert!(report.complete(), "{report:#?}");
    assert!(bench.guests("south", "p01@north.example").is_empty());
    assert_eq!(bench.guest("south", "p02@north.example")["jobTitle"], "Dean");
    assert_eq!(invited(&bench), PEOPLE);
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_has_to_begin_anew_invites_nobody_twice() {
    let bench = large_home(RULES);
    let resync = Fault { skip: 2, ..Fault::next(1, Kind::Delta, Effect::Resync) };
    bench.tenant("north").fault(resync).unwrap();
    let (report, asked) = sync(&bench, None).await;
    assert!(report.complete() && asked < pages(&bench), "{asked}: {report:#?}");
    assert_everybody_is_there(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_small_home_is_planned_as_a_whole() {
    let bench = large_home(RULES);
    bench.ahead_after.set(100);
    let (_, asked) = sync(&bench, None).await;
    assert_eq!(asked, pages(&bench));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_has_enough_to_do_is_planned_no_further_ahead() {
    let bench = large_home(RULES);
    (0..800).for_each(|n| drop(bench.staff("north", &format!("q{n:03}"))));
    bench.settings("north", |s| s.page_size = 100);
    bench.configure("[tenants.south.limits]\nwrites = 1\nwindow_seconds = 3600\n");
    let report = bench.stopped_sync(85_000).await;
    assert!(report.stopped && pages(&bench) >= 8, "{report:#?}");
    let asked = bench.world.counts()["north"][&Kind::List];
    assert!((500..=600).contains(&asked), "{asked} people were planned");
}

#[tokio::test(start_paused = true)]
async fn where_somebody_may_have_to_leave_everybody_is_waited_for() {
    let bench = large_home(RULES);
    bench.tenant("south").fault(Fault { skip: 5, ..Fault::always(Effect::Hang { applied: false }) }).unwrap();
    tokio::select! {
        _ = bench.sync() => panic!("it came to its end"),
        () = bench.wait(PAGE_SECONDS + 5) => {}
    }
    let made: Vec<_> = bench.writes().into_iter().filter(|e| e.kind == Kind::Invite && e.applied).collect();
    assert!(!made.is_empty() && made.len() < PEOPLE);
    bench.tenant("south").clear_faults(None).unwrap();
    bench.tenant("north").edit_user(&id(&bench, "p00"), &json!({ "employeeType": "Student" })).unwrap();
    bench.sync().await;
    let kinds: Vec<Kind> = bench.writes().iter().skip(made.len()).map(|e| e.kind).collect();
    let first = |kind| kinds.iter().position(|k| *k == kind);
    assert!(first(Kind::Delete).unwrap() < first(Kind::Invite).unwrap(), "{kinds:?}");
    bench.settled_sync().await;
}

/// What must hold once the next process has had its run.
async fn judge(bench: &Bench) {
    let report = bench.sync().await;
    assert!(report.complete(), "{report:#?}");
    (0..PEOPLE).for_each(|n| drop(bench.guest("south", &format!("p{n:02}@north.example"))));
    assert_eq!(invited(bench), PEOPLE, "somebody was invited twice");
    let drafted = bench.plan().await;
    assert!(drafted.plan.is_empty() && drafted.skipped.is_empty(), "planning again changes something: {drafted:#?}");
    bench.assert_log_covers_ledger();
    bench.assert_log_is_whole();
}

/// Struck at 1, 1 + `step`, …, each time in a new world, until a process gets to its end. Answers how often it had invited
/// somebody by then, and the home was not read to its end.
fn everywhere(strike: impl Fn(u32) -> Strike, step: usize) -> u32 {
    let mut ahead = 0;
    for nth in (1..10_000).step_by(step) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let hit = runtime.block_on(async {
            let bench = quick_home(RULES);
            let Struck { hit, .. } = bench.struck_sync(strike(nth)).await;
            let store = bench.store(crosstie::store::Mode::Look);
            ahead += u32::from(!bench.writes().is_empty() && store.reading(&"north".into()).unwrap().readings == 0);
            drop(store);
            judge(&bench).await;
            hit
        });
        if !hit {
            return ahead;
        }
    }
    panic!("it has no end");
}

#[test]
fn killed_at_every_exchange_while_it_is_ahead_nobody_is_invited_twice() {
    let ahead = everywhere(Strike::Exchange, 1);
    assert!(ahead > 10, "{ahead}");
}

#[test]
fn killed_at_commits_while_it_is_ahead_nobody_is_invited_twice() {
    let ahead = everywhere(Strike::Commit, 3);
    assert!(ahead > 5, "{ahead}");
}
