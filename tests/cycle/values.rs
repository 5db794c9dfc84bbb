//! Do values that are chosen, drawn or hidden reach the accounts, and only them?

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::ActionKind;
use crosstie::sim::{Effect, Fault, Kind};
use serde_json::json;

use super::bench::Bench;

/// A mail nickname that nobody else has, a GUID, and a hidden employee id.
pub(super) const RULES: &str = r#"
account = "member"
[[scope]]
all = [{ attribute = "employeeType", operator = "EQUALS", value = "Staff" }]
[[match]]
target = "mail"
source = "[mail]"
[attributes]
displayName = "[displayName]"
mailNickname = 'SelectUniqueValue([surname], Append([surname], "1"), Append([surname], "2"))'
extensionAttribute1 = 'Guid()'
employeeId = 'Redact([employeeId])'
"#;

fn nickname(bench: &Bench, who: &str) -> String {
    bench.guest("south", &format!("{who}@north.example"))["mailNickname"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn smiths(bench: &Bench, names: &[&str]) {
    for name in names {
        bench.person("north", name, "Staff", &json!({ "surname": "Smith", "employeeId": "4711" }));
    }
}

#[tokio::test(start_paused = true)]
async fn people_of_one_name_get_values_of_their_own_and_keep_them() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    // Somebody of the target's own has the second choice, in other letters.
    bench.person("south", "local", "Student", &json!({ "mailNickname": "SMITH1" }));
    smiths(&bench, &["ada", "eve"]);
    bench.settled_sync().await;
    let got: BTreeSet<String> = ["ada", "eve"].iter().map(|who| nickname(&bench, who)).collect();
    assert_eq!(got, ["Smith".to_owned(), "Smith2".to_owned()].into());
    // A third one finds no choice left: held with the reason, and nothing is written for her.
    smiths(&bench, &["zoe"]);
    let report = bench.sync().await;
    let reason =
        report.drafted.plan.routes.iter().flat_map(|r| &r.held).map(|h| h.hold.to_string()).collect::<String>();
    assert!(reason.contains("all candidates are taken in the target: Smith, Smith1, Smith2"), "{reason}");
    assert!(bench.guests("south", "zoe@north.example").is_empty());
    // One becomes free: it is hers, and the others keep theirs.
    let local = bench.tenant("south").users().into_iter().find(|u| u["mailNickname"] == "SMITH1").unwrap();
    bench.tenant("south").edit_user(local["id"].as_str().unwrap(), &json!({ "mailNickname": "local" })).unwrap();
    bench.settled_sync().await;
    assert_eq!(nickname(&bench, "zoe"), "Smith1");
    let all: BTreeSet<String> = ["ada", "eve", "zoe"].iter().map(|who| nickname(&bench, who)).collect();
    assert_eq!(all.len(), 3);
}

/// Both are invited before either has its value: the choice made for one must count for the other all the same.
#[tokio::test(start_paused = true)]
async fn nobody_gets_a_value_that_is_on_its_way_to_somebody_else() {
    for failing in [Kind::Patch, Kind::Invite] {
        let bench = Bench::mesh(&["north", "south", "west"], RULES);
        smiths(&bench, &["ada", "eve"]);
        bench.person("west", "joe", "Staff", &json!({ "surname": "smith", "employeeId": "1" }));
        bench.tenant("south").fault(Fault::next(6, failing, Effect::status(400))).unwrap();
        let first = bench.sync().await;
        assert!(!first.complete(), "nobody was in the way");
        for _ in 0..5 {
            bench.sync().await;
        }
        bench.settled_sync().await;
        let accounts = bench.tenant("south").users();
        let names: Vec<String> = accounts
            .iter()
            .filter_map(|u| Some(u["mailNickname"].as_str()?.to_lowercase()))
            .filter(|n| n.starts_with("smith"))
            .collect();
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!((names.len(), different.len()), (3, 3), "{names:?}");
        // Nor was it ever written for two, not even for a moment.
        let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in bench.log().into_iter().filter(|e| e.outcome == "applied" && e.route.ends_with("south")) {
            if let Some(Some(value)) = entry.edits.get("mailNickname").map(|e| e.after.clone()) {
                written.entry(value.to_string().to_lowercase()).or_default().insert(entry.home.id.to_string());
            }
        }
        assert!(written.values().all(|people| people.len() == 1), "{written:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_joined_account_keeps_its_own_value_though_all_choices_are_taken() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    for name in ["Smith", "Smith1", "Smith2"] {
        bench.person("south", name, "Student", &json!({ "mailNickname": name }));
    }
    smiths(&bench, &["ada"]);
    let account = json!({ "userType": "Guest", "creationType": "Invitation", "externalUserState": "Accepted",
        "userPrincipalName": "ada_north.example#EXT#@south.example", "mail": "ada@north.example",
        "displayName": "Ada", "mailNickname": "ada" });
    bench.tenant("south").add_user(&account).unwrap();
    let report = bench.settled_sync().await;
    assert_eq!(report.applied.keys().map(|(_, kind)| *kind).collect::<Vec<_>>(), [ActionKind::Join]);
    assert_eq!(nickname(&bench, "ada"), "ada");
}

#[tokio::test(start_paused = true)]
async fn what_is_drawn_is_drawn_once_and_differs_from_person_to_person() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    smiths(&bench, &["ada", "eve"]);
    let (first, second) = (bench.plan().await.digest, bench.plan().await.digest);
    assert_eq!(first, second, "a plan can be approved by its digest");
    bench.settled_sync().await;
    let drawn = |who: &str| {
        bench.guest("south", &format!("{who}@north.example"))["onPremisesExtensionAttributes"]["extensionAttribute1"]
            .clone()
    };
    assert_ne!(drawn("ada"), drawn("eve"));
    assert_eq!(drawn("ada").as_str().map(str::len), Some(36));
    bench
        .tenant("south")
        .edit_user(
            bench.guest("south", "ada@north.example")["id"].as_str().unwrap(),
            &json!({ "onPremisesExtensionAttributes": { "extensionAttribute1": "tampered" } }),
        )
        .unwrap();
    let before = drawn("eve");
    bench.settled_sync().await;
    assert_eq!(drawn("ada").as_str().map(str::len), Some(36), "put right");
    assert_eq!(drawn("eve"), before);
}

/// The value flows; neither the plan nor the change log shows it, and the digest covers it all the same.
#[tokio::test(start_paused = true)]
async fn a_redacted_value_flows_and_no_log_shows_it() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let ada = bench.person("north", "ada", "Staff", &json!({ "surname": "Smith", "employeeId": "sesame-1" }));
    let planned = bench.plan().await;
    let shown = |drafted: &crosstie::engine::Drafted| -> String {
        drafted
            .plan
            .routes
            .iter()
            .flat_map(|r| r.changes.all().unwrap())
            .map(|c| crosstie::plan::change_line(&c).to_string())
            .collect()
    };
    assert!(shown(&planned).contains("[Redacted]") && !shown(&planned).contains("sesame"), "{}", shown(&planned));
    bench.tenant("north").edit_user(&ada, &json!({ "employeeId": "sesame-2" })).unwrap();
    assert_ne!(bench.plan().await.digest, planned.digest, "another hidden value is another plan");
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["employeeId"], "sesame-2");
    bench.tenant("north").edit_user(&ada, &json!({ "employeeId": "sesame-3" })).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["employeeId"], "sesame-3");
    bench.tenant("north").edit_user(&ada, &json!({ "employeeId": null })).unwrap();
    bench.settled_sync().await;
    let log = bench.log();
    let last = log.last().unwrap();
    assert_eq!(last.edits["employeeId"].before, Some("[Redacted]".into()));
    assert_eq!(last.edits["employeeId"].after, None, "that it was cleared is no secret");
    assert!(!serde_json::to_string(&log).unwrap().contains("sesame"));
}

/// A process that dies between asking and the answer leaves the open question behind: recovery compares real values.
#[tokio::test(start_paused = true)]
async fn a_redacted_value_survives_a_kill_at_every_exchange() {
    for half in 1..80 {
        let bench = Bench::mesh(&["north", "south"], RULES);
        smiths(&bench, &["ada", "eve"]);
        let lived = bench.killed_sync(half).await.is_some();
        let report = bench.sync().await;
        assert!(report.complete(), "killed at {half}: {report:#?}");
        assert!(bench.plan().await.plan.is_empty(), "killed at {half}: planning again changes something");
        bench.assert_log_covers_ledger();
        let names: BTreeSet<String> = ["ada", "eve"].iter().map(|who| nickname(&bench, who)).collect();
        assert_eq!(names.len(), 2, "killed at {half}");
        assert_eq!(bench.guest("south", "ada@north.example")["employeeId"], "4711");
        assert!(!serde_json::to_string(&bench.log()).unwrap().contains("4711"), "killed at {half}");
        if lived {
            assert!(half > 15, "killed too late to matter: {half}");
            return;
        }
    }
    panic!("no run lived to its end");
}

/// Nothing changes at home, and the answer is another all the same: the day has come.
#[tokio::test(start_paused = true)]
async fn a_rule_that_asks_the_time_is_asked_again_each_day() {
    let starts = r#"IIF(DateDiff("d", Now(), CDate([employeeHireDate])) > 0, "starts soon", [jobTitle])"#;
    let rules = RULES.replace("[attributes]", &format!("[attributes]\njobTitle = '{starts}'"));
    let bench = Bench::mesh(&["north", "south"], &rules);
    // The clock stands at 2026-11-23T00:00:00Z.
    bench.person("north", "ada", "Staff", &json!({ "surname": "Smith", "employeeHireDate": "2026-11-25T00:00:00Z" }));
    bench.settled_sync().await;
    let title = || bench.guest("south", "ada@north.example")["jobTitle"].clone();
    assert_eq!(title(), "starts soon");
    tokio::time::advance(std::time::Duration::from_secs(86_400)).await;
    let writes = bench.writes().len();
    bench.settled_sync().await;
    assert_eq!((title(), bench.writes().len()), (json!("starts soon"), writes));
    tokio::time::advance(std::time::Duration::from_secs(86_400)).await;
    bench.settled_sync().await;
    assert_eq!(title(), "Lecturer");
}

/// A plan that holds the time can be made again, and so approved by its digest.
#[tokio::test(start_paused = true)]
async fn a_plan_that_holds_the_time_is_the_same_all_day() {
    let rules = RULES.replace("[attributes]", "[attributes]\nextensionAttribute2 = 'Now()'");
    let bench = Bench::mesh(&["north", "south"], &rules);
    smiths(&bench, &["ada"]);
    let first = bench.plan().await.digest;
    tokio::time::advance(std::time::Duration::from_secs(3 * 3600)).await;
    assert_eq!(bench.plan().await.digest, first);
    bench.settled_sync().await;
    let written =
        || bench.guest("south", "ada@north.example")["onPremisesExtensionAttributes"]["extensionAttribute2"].clone();
    assert_eq!(written(), "11/23/2026 12:00:00 AM");
    tokio::time::advance(std::time::Duration::from_secs(86_400)).await;
    bench.settled_sync().await;
    assert_eq!(written(), "11/24/2026 12:00:00 AM");
}

/// A tenant may quote what it refuses: the change log, the report and what `status` tells do not.
#[tokio::test(start_paused = true)]
async fn a_message_that_quotes_a_redacted_value_is_cut() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.person("north", "ada", "Staff", &json!({ "surname": "Smith", "employeeId": "sesame-1" }));
    let mut refusal = Effect::status(400);
    if let Effect::Status { message, .. } = &mut refusal {
        *message = Some("Invalid value 'sesame-1' specified for property 'employeeId'".to_owned());
    }
    bench.tenant("south").fault(Fault::next(1, Kind::Patch, refusal)).unwrap();
    let report = bench.sync().await;
    assert!(report.failed.iter().any(|f| f.error.contains("Invalid value '[Redacted]'")), "{:?}", report.failed);
    let log = serde_json::to_string(&bench.log()).unwrap();
    assert!(log.contains("Invalid value '[Redacted]'") && !log.contains("sesame"), "{log}");
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["employeeId"], "sesame-1");
}
