//! What happens to a person's accounts from the first day to the last?

use crosstie::model::ActionKind;
use crosstie::sim::{Effect, Fault, Kind};
use serde_json::json;

use super::bench::{Bench, RULES};

const MESH: [&str; 3] = ["north", "south", "west"];

#[tokio::test(start_paused = true)]
async fn everyone_in_scope_has_one_account_elsewhere_with_the_mapped_attributes() {
    let bench = Bench::mesh(&MESH, RULES);
    for n in 0..12 {
        bench.staff("north", &format!("n{n}"));
        bench.staff("south", &format!("s{n}"));
    }
    bench.person("west", "student", "Student", &json!({}));
    let report = bench.settled_sync().await;
    assert_eq!(report.applied.values().sum::<u64>(), 24 * 2 * 2, "an invitation and an update each");
    for target in ["south", "west"] {
        let account = bench.guest(target, "n3@north.example");
        assert_eq!(account["displayName"], "n3");
        assert_eq!(account["jobTitle"], "Lecturer");
        assert_eq!(account["department"], "Dance");
        assert_eq!(account["userType"], "Member");
        assert!(bench.guests("north", "student@west.example").is_empty());
    }
    // Nobody is exported again, and nothing else was written.
    assert_eq!(bench.tenant("north").users().len(), 12 + 12);
    assert_eq!(bench.tenant("west").users().len(), 1 + 24);
    let writes = bench.writes().len();
    bench.settled_sync().await;
    assert_eq!(bench.writes().len(), writes, "a second cycle writes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_change_at_home_arrives_and_a_cleared_value_is_cleared() {
    let bench = Bench::mesh(&MESH, RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.tenant("north").edit_user(&ada, &json!({ "jobTitle": "Dean", "department": null })).unwrap();
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example");
    assert_eq!(account["jobTitle"], "Dean");
    assert!(account["department"].is_null(), "{account}");
    let last = bench.log().pop().unwrap();
    assert_eq!(last.action, ActionKind::Update);
    assert_eq!(last.edits["jobTitle"].before, Some("Lecturer".into()));
    assert_eq!(last.edits["jobTitle"].after, Some("Dean".into()));
    assert_eq!(last.edits["department"].after, None);
}

#[tokio::test(start_paused = true)]
async fn a_value_cleared_while_the_watermark_was_lost_is_cleared_too() {
    let bench = Bench::mesh(&MESH, RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.tenant("north").edit_user(&ada, &json!({ "department": null })).unwrap();
    bench.tenant("north").expire_links().unwrap();
    // A first round leaves cleared values out: only a look tells them from values that were merely left out.
    bench.settled_sync().await;
    assert!(bench.guest("south", "ada@north.example")["department"].is_null());
}

#[tokio::test(start_paused = true)]
async fn keep_leaves_the_targets_value_when_the_homes_is_gone() {
    let rules =
        RULES.replace("jobTitle = \"[jobTitle]\"", "jobTitle = { expression = \"[jobTitle]\", when_empty = \"keep\" }");
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.tenant("north").edit_user(&ada, &json!({ "jobTitle": null })).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["jobTitle"], "Lecturer");
}

#[tokio::test(start_paused = true)]
async fn local_edits_are_put_right_kept_until_a_change_or_left_alone_as_the_rule_says() {
    let rules = RULES
        .replace("jobTitle = \"[jobTitle]\"", "jobTitle = { expression = \"[jobTitle]\", apply = \"on-change\" }")
        .replace("department = \"[department]\"", "department = { expression = \"[department]\", apply = \"create\" }");
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example");
    assert_eq!((&account["jobTitle"], &account["department"]), (&json!("Lecturer"), &json!("Dance")));
    let id = account["id"].as_str().unwrap();
    let local = json!({ "displayName": "Local", "jobTitle": "Local", "department": "Local" });
    bench.tenant("south").edit_user(id, &local).unwrap();
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example");
    assert_eq!(account["displayName"], "ada", "always: put right");
    assert_eq!(account["jobTitle"], "Local", "on-change: stays until the home changes");
    assert_eq!(account["department"], "Local", "create: never written again");
    bench.tenant("north").edit_user(&ada, &json!({ "jobTitle": "Dean", "department": "Film" })).unwrap();
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example");
    assert_eq!(account["jobTitle"], "Dean");
    assert_eq!(account["department"], "Local");
}

#[tokio::test(start_paused = true)]
async fn managers_are_the_managers_own_accounts() {
    let bench = Bench::mesh(&MESH, RULES);
    let boss = bench.staff("north", "boss");
    let other = bench.staff("north", "other");
    let ada = bench.person("north", "ada", "Staff", &json!({ "manager": boss }));
    let intern = bench.person("north", "intern", "Staff", &json!({ "manager": ada }));
    bench.settled_sync().await;
    let id = |tenant: &str, name: &str| bench.guest(tenant, &format!("{name}@north.example"))["id"].clone();
    for tenant in ["south", "west"] {
        assert_eq!(bench.guest(tenant, "ada@north.example")["manager"], id(tenant, "boss"));
        assert_eq!(bench.guest(tenant, "intern@north.example")["manager"], id(tenant, "ada"));
    }
    bench.tenant("north").set_manager(&ada, Some(&other)).unwrap();
    bench.tenant("north").set_manager(&intern, None).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["manager"], id("south", "other"));
    assert!(bench.guest("south", "intern@north.example")["manager"].is_null());
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_scope_is_treated_by_the_leavers_rule_and_comes_back_whole() {
    let bench = Bench::mesh(&MESH, RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example")["id"].clone();
    bench.tenant("north").edit_user(&ada, &json!({ "employeeType": "Student" })).unwrap();
    bench.settled_sync().await;
    assert!(bench.guests("south", "ada@north.example").is_empty());
    assert!(bench.guests("west", "ada@north.example").is_empty());
    bench.tenant("north").edit_user(&ada, &json!({ "employeeType": "Staff", "jobTitle": "Back" })).unwrap();
    bench.settled_sync().await;
    let back = bench.guest("south", "ada@north.example");
    assert_eq!(back["id"], account, "restored, not invited anew");
    assert_eq!(back["jobTitle"], "Back");
    let kinds: Vec<ActionKind> = bench.log().iter().filter(|e| e.route == "north->south").map(|e| e.action).collect();
    use ActionKind::{Delete, Provision, Restore, Update};
    assert_eq!(kinds, [Provision, Update, Delete, Restore, Update]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_person_is_deleted_everywhere_and_a_restored_one_restored() {
    let bench = Bench::mesh(&MESH, RULES);
    let ada = bench.staff("north", "ada");
    let eve = bench.staff("north", "eve");
    bench.settled_sync().await;
    let accounts = || ["south", "west"].map(|tenant| bench.guest(tenant, "ada@north.example")["id"].clone());
    let before = accounts();
    bench.tenant("north").soft_delete(&ada).unwrap();
    bench.tenant("north").hard_delete(&eve).unwrap();
    bench.settled_sync().await;
    for tenant in ["south", "west"] {
        assert!(bench.guests(tenant, "ada@north.example").is_empty());
        assert!(bench.guests(tenant, "eve@north.example").is_empty());
    }
    bench.tenant("north").restore(&ada).unwrap();
    bench.settled_sync().await;
    assert_eq!(accounts(), before, "the same accounts, with all that they had");
    assert!(bench.guests("south", "eve@north.example").is_empty());
}

#[tokio::test(start_paused = true)]
async fn somebody_blocked_at_home_is_blocked_and_unblocked_but_only_by_us() {
    let scope = "{ attribute = \"accountEnabled\", operator = \"IS TRUE\" },";
    let rules = RULES.replace("all = [{", &format!("all = [{scope} {{"));
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.staff("north", "ada");
    let eve = bench.staff("north", "eve");
    bench.settled_sync().await;
    let blocked = bench.guest("south", "eve@north.example")["id"].as_str().unwrap().to_owned();
    bench.tenant("south").edit_user(&blocked, &json!({ "accountEnabled": false })).unwrap();
    for user in [&ada, &eve] {
        bench.tenant("north").edit_user(user, &json!({ "accountEnabled": false })).unwrap();
    }
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["accountEnabled"], false);
    for user in [&ada, &eve] {
        bench.tenant("north").edit_user(user, &json!({ "accountEnabled": true })).unwrap();
    }
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["accountEnabled"], true, "our block is lifted");
    assert_eq!(bench.guest("south", "eve@north.example")["accountEnabled"], false, "theirs stays");
}

#[tokio::test(start_paused = true)]
async fn with_a_grace_period_a_leaver_is_blocked_now_deleted_later_and_saved_by_a_return() {
    let rules = RULES.replace("[leavers]", "[leavers]\ngrace_days = 3");
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.staff("north", "ada");
    let eve = bench.staff("north", "eve");
    bench.settled_sync().await;
    for user in [&ada, &eve] {
        bench.tenant("north").edit_user(user, &json!({ "employeeType": "Student" })).unwrap();
    }
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["accountEnabled"], false);
    bench.tenant("north").edit_user(&ada, &json!({ "employeeType": "Staff" })).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3 * 86_400 - 3_600)).await;
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["accountEnabled"], true);
    assert_eq!(bench.guest("south", "eve@north.example")["accountEnabled"], false, "not due yet");
    tokio::time::sleep(std::time::Duration::from_secs(2 * 3_600)).await;
    bench.settled_sync().await;
    assert!(bench.guests("south", "eve@north.example").is_empty());
    bench.guest("south", "ada@north.example");
}

#[tokio::test(start_paused = true)]
async fn an_account_purged_in_the_target_is_made_anew() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.settled_sync().await;
    let first = bench.guest("south", "ada@north.example")["id"].as_str().unwrap().to_owned();
    bench.tenant("south").soft_delete(&first).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["id"], json!(first), "restored from deletedItems");
    bench.tenant("south").hard_delete(&first).unwrap();
    bench.settled_sync().await;
    assert_ne!(bench.guest("south", "ada@north.example")["id"], json!(first));
}

#[tokio::test(start_paused = true)]
async fn groups_decide_scope_through_nested_groups_too() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let ada = bench.staff("north", "ada");
    bench.staff("north", "eve");
    let (outer, inner) = ("2b1c0000-0000-4000-8000-000000000001", "2b1c0000-0000-4000-8000-000000000002");
    let group = |id: &str, members: Vec<String>| {
        serde_json::from_value(json!({ "id": id, "displayName": id, "members": members })).unwrap()
    };
    bench.tenant("north").put_group(group(inner, vec![ada.clone()])).unwrap();
    bench.tenant("north").put_group(group(outer, vec![inner.to_owned()])).unwrap();
    // A mesh shares its rule set: south has a group of its own, and neither knows the other's.
    let south = "2b1c0000-0000-4000-8000-000000000003";
    bench.tenant("south").put_group(group(south, Vec::new())).unwrap();
    bench.write_rules("staff", &RULES.replace("[[match]]", &format!("groups = [\"{outer}\", \"{south}\"]\n[[match]]")));
    bench.settled_sync().await;
    bench.guest("south", "ada@north.example");
    assert!(bench.guests("south", "eve@north.example").is_empty());
    bench.tenant("north").set_member(inner, &ada, false).unwrap();
    bench.settled_sync().await;
    assert!(bench.guests("south", "ada@north.example").is_empty(), "left the group, left the scope");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_disappears_deletes_nobody() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let (ada, eve) = (bench.staff("north", "ada"), bench.staff("north", "eve"));
    let [group, other] = ["2b1c0000-0000-4000-8000-000000000001", "2b1c0000-0000-4000-8000-000000000002"];
    let made = |id: &str, members: Vec<String>| {
        serde_json::from_value(json!({ "id": id, "displayName": "all", "members": members })).unwrap()
    };
    bench.tenant("north").put_group(made(group, vec![ada])).unwrap();
    bench.tenant("north").put_group(made(other, vec![eve])).unwrap();
    bench.tenant("south").put_group(made(group, Vec::new())).unwrap();
    let groups = format!("groups = [\"{group}\", \"{other}\"]\n[[match]]");
    bench.write_rules("staff", &RULES.replace("[[match]]", &groups));
    bench.settled_sync().await;
    bench.tenant("north").remove_group(group).unwrap();
    let report = bench.sync().await;
    assert!(
        report.drafted.skipped.contains_key(&crosstie::model::RouteName::parse("north->south").unwrap()),
        "{:?}",
        report.drafted.skipped
    );
    bench.guest("south", "ada@north.example");
}

#[tokio::test(start_paused = true)]
async fn a_purge_told_out_of_order_is_still_a_purge() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.settled_sync().await;
    let first = bench.guest("south", "ada@north.example")["id"].as_str().unwrap().to_owned();
    bench.tenant("south").soft_delete(&first).unwrap();
    bench.tenant("south").hard_delete(&first).unwrap();
    let removed = |reason: &str| json!({ "id": first, "@removed": { "reason": reason } });
    let mut page = Effect::status(200);
    if let Effect::Status { body, content_type, .. } = &mut page {
        let link = "http://localhost/v1.0/users/delta?$deltatoken=bm90aGluZw";
        let value = [removed("changed"), removed("deleted"), removed("changed")];
        *body = Some(json!({ "value": value, "@odata.deltaLink": link }).to_string());
        *content_type = Some("application/json".to_owned());
    }
    bench.tenant("south").fault(Fault::next(1, Kind::Delta, page)).unwrap();
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    assert_ne!(bench.guest("south", "ada@north.example")["id"], json!(first));
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_scope_may_ask_for_blocked_people() {
    let scope = "{ attribute = \"accountEnabled\", operator = \"IS FALSE\" },";
    let rules = RULES
        .replace("all = [{", &format!("all = [{scope} {{"))
        .replace("disabled = \"disable\"", "disabled = \"keep\"");
    let bench = Bench::mesh(&["north", "south"], &rules);
    bench.staff("north", "ada");
    bench.person("north", "eve", "Staff", &json!({ "accountEnabled": false }));
    bench.settled_sync().await;
    assert!(bench.guests("south", "ada@north.example").is_empty());
    bench.guest("south", "eve@north.example");
}

/// Graph empties what a write of `employeeOrgData` leaves out.
#[tokio::test(start_paused = true)]
async fn a_complex_property_is_written_as_a_whole() {
    let both = "employeeOrgData.division = \"[employeeOrgData.division]\"\n\
                employeeOrgData.costCenter = \"[employeeOrgData.costCenter]\"\n";
    let one = "employeeOrgData.division = \"[employeeOrgData.division]\"\n";
    for (mapped, center) in [(both, "C1"), (one, "Local")] {
        let bench = Bench::mesh(&["north", "south"], &RULES.replace("jobTitle = \"[jobTitle]\"\n", mapped));
        let data = json!({ "employeeOrgData": { "division": "Arts", "costCenter": "C1" } });
        let ada = bench.person("north", "ada", "Staff", &data);
        bench.settled_sync().await;
        let account = bench.guest("south", "ada@north.example");
        if mapped == one {
            let local = json!({ "employeeOrgData": { "division": "Arts", "costCenter": "Local" } });
            bench.tenant("south").edit_user(account["id"].as_str().unwrap(), &local).unwrap();
        }
        let moved = json!({ "employeeOrgData": { "division": "Film", "costCenter": "C1" } });
        bench.tenant("north").edit_user(&ada, &moved).unwrap();
        bench.settled_sync().await;
        let account = bench.guest("south", "ada@north.example");
        assert_eq!(account["employeeOrgData"], json!({ "division": "Film", "costCenter": center }));
    }
}
