//! Whose accounts are touched, and whose never?

use crosstie::model::Hold;
use serde_json::{Value, json};

use super::bench::{Bench, RULES};

/// A guest that stood before us.
pub(crate) fn old_guest(bench: &Bench, tenant: &str, mail: &str, state: &str) -> String {
    let (name, n) = (mail.replace('@', "_"), bench.tenant(tenant).users().len());
    bench
        .tenant(tenant)
        .add_user(&json!({
            "displayName": format!("old {mail}"), "mail": mail, "userType": "Guest", "creationType": "Invitation",
            "externalUserState": state, "accountEnabled": true,
            "userPrincipalName": format!("{name}{}#EXT#@{tenant}.onmicrosoft.com", if n > 1 { n.to_string() } else { String::new() }),
        }))
        .unwrap()
}

pub(crate) fn holds(report: &crosstie::engine::Report) -> Vec<Hold> {
    report.drafted.plan.routes.iter().flat_map(|r| r.held.iter().map(|h| h.hold.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_stands_already_is_joined_pending_or_not_ignoring_case() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.staff("north", "eve");
    let ada = old_guest(&bench, "south", "ADA@north.example", "PendingAcceptance");
    let eve = old_guest(&bench, "south", "eve@north.example", "Accepted");
    bench.settled_sync().await;
    assert_eq!(bench.tenant("south").users().len(), 2, "nobody was invited");
    for (id, name) in [(ada, "ada"), (eve, "eve")] {
        let account = bench.tenant("south").user(&id).unwrap();
        assert_eq!(account["displayName"], name);
        assert_eq!(account["userType"], "Guest", "a joined account keeps its type");
    }
}

#[tokio::test(start_paused = true)]
async fn two_accounts_that_match_are_held_and_untouched() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    let one = old_guest(&bench, "south", "ada@north.example", "Accepted");
    let two = old_guest(&bench, "south", "other@north.example", "Accepted");
    bench.tenant("south").edit_user(&two, &json!({ "mail": "ada@north.example" })).unwrap();
    let report = bench.sync().await;
    assert!(matches!(holds(&report).as_slice(), [Hold::Disputed(who)] if who.len() == 2), "{report:?}");
    assert!(!report.complete());
    assert!(bench.writes().is_empty());
    assert!(bench.tenant("south").user(&one).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_native_account_is_never_joined_nor_invited_over() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.person("south", "local", "Student", &json!({ "mail": "ada@north.example" }));
    let report = bench.sync().await;
    assert!(matches!(holds(&report).as_slice(), [Hold::AddressInUse { native: true, .. }]), "{report:?}");
    assert!(bench.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_match_rule_nothing_is_joined() {
    let start = RULES.find("[[match]]").unwrap();
    let end = RULES.find("[attributes]").unwrap();
    let rules = format!("{}{}", &RULES[..start], &RULES[end..]);
    let bench = Bench::mesh(&["north", "south"], &rules);
    bench.staff("north", "ada");
    old_guest(&bench, "south", "ada@north.example", "Accepted");
    let report = bench.sync().await;
    assert!(matches!(holds(&report).as_slice(), [Hold::AddressInUse { native: false, .. }]), "{report:?}");
    assert!(bench.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_administrators_account_is_never_joined() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    let account = old_guest(&bench, "south", "ada@north.example", "Accepted");
    let role = json!({ "id": "2b1c0000-0000-4000-8000-00000000000a", "displayName": "Global Administrator",
                       "role": true, "members": [account] });
    let role = serde_json::from_value(role).unwrap();
    bench.tenant("south").put_group(role).unwrap();
    let report = bench.sync().await;
    let held = holds(&report);
    assert!(
        matches!(held.as_slice(), [Hold::Privileged { roles, .. }] if roles.contains("Global Administrator")),
        "{held:?}"
    );
    assert!(bench.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_people_with_one_address_are_both_held() {
    let bench = Bench::mesh(&["north", "south", "west"], RULES);
    bench.person("north", "ada", "Staff", &json!({ "mail": "shared@north.example" }));
    bench.person("west", "eve", "Staff", &json!({ "mail": "Shared@north.example" }));
    let report = bench.sync().await;
    let shared = holds(&report).into_iter().filter(|h| matches!(h, Hold::SharedWith(_))).count();
    assert_eq!(shared, 2, "{report:?}");
    assert!(bench.guests("south", "shared@north.example").is_empty());
    // Looking at one of them alone, or at all but the other's tenant, does not make it theirs.
    let focus = |route: Option<&str>, user: Option<&str>| crosstie::engine::Focus {
        route: route.and_then(crosstie::model::RouteName::parse),
        user: user.map(str::to_owned),
        ..crosstie::engine::Focus::default()
    };
    bench.try_sync(focus(Some("north->south"), None), None).await.unwrap();
    bench.try_sync(focus(None, Some("eve@west.example")), None).await.unwrap();
    let down = crosstie::sim::Fault::always(crosstie::sim::Effect::status(503));
    bench.tenant("west").fault(down).unwrap();
    bench.sync().await;
    assert!(bench.guests("south", "shared@north.example").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_with_a_linked_persons_address_is_held() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.person("north", "twin", "Staff", &json!({ "mail": "ada@north.example" }));
    let report = bench.sync().await;
    assert!(matches!(holds(&report).as_slice(), [Hold::Taken { .. }]), "{report:?}");
    bench.guest("south", "ada@north.example");
}

#[tokio::test(start_paused = true)]
async fn bystanders_are_untouched_and_guests_are_never_exported() {
    let bench = Bench::mesh(&["north", "south", "west"], RULES);
    bench.staff("north", "ada");
    let partner = old_guest(&bench, "south", "partner@elsewhere.example", "Accepted");
    bench.tenant("south").edit_user(&partner, &json!({ "employeeType": "Staff" })).unwrap();
    let local = bench.person("south", "student", "Student", &json!({}));
    let before: Vec<Option<Value>> = [&partner, &local].map(|id| bench.tenant("south").user(id)).into();
    bench.settled_sync().await;
    let after: Vec<Option<Value>> = [&partner, &local].map(|id| bench.tenant("south").user(id)).into();
    assert_eq!(before, after);
    for tenant in ["north", "west"] {
        assert!(bench.guests(tenant, "partner@elsewhere.example").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_guard_stops_one_route_and_lets_exactly_the_approved_plan_through() {
    let rules = format!("{RULES}\n[guard]\ndeletes = {{ max = 2, percent = 100 }}\n");
    let bench = Bench::mesh(&["north", "south", "west"], &rules);
    let people: Vec<String> = (0..5).map(|n| bench.staff("north", &format!("n{n}"))).collect();
    let south = bench.staff("south", "s0");
    bench.settled_sync().await;
    for person in &people[..3] {
        bench.tenant("north").soft_delete(person).unwrap();
    }
    bench.tenant("south").edit_user(&south, &json!({ "jobTitle": "Dean" })).unwrap();
    let report = bench.sync().await;
    assert_eq!(report.drafted.refusals.len(), 2, "both routes from north");
    assert_eq!(bench.guest("north", "s0@south.example")["jobTitle"], "Dean", "the other routes go on");
    bench.guest("south", "n0@north.example");
    let digest = bench.plan().await.digest;
    let another = format!("sha256:{}", "0".repeat(64));
    let wrong = bench.try_sync(Default::default(), Some(&another)).await.unwrap();
    assert_eq!(wrong.drafted.refusals.len(), 2);
    // The digest of what was refused stays the same while the others go on.
    let refused = wrong.drafted.refused_digest.clone();
    assert_eq!(report.drafted.refused_digest, refused);
    bench.staff("south", "s1");
    let approved = bench.try_sync(Default::default(), Some(&refused)).await.unwrap();
    assert_ne!(approved.drafted.digest, digest);
    assert!(approved.complete(), "{approved:?}");
    assert!(bench.guests("south", "n0@north.example").is_empty());
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_block_that_comes_with_a_join_is_ours_to_lift() {
    let rules = RULES
        .replace("disabled = \"disable\"", "disabled = \"keep\"")
        .replace("manager = \"[manager]\"", "accountEnabled = \"[accountEnabled]\"");
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.person("north", "ada", "Staff", &json!({ "accountEnabled": false }));
    let account = old_guest(&bench, "south", "ada@north.example", "Accepted");
    bench.settled_sync().await;
    assert_eq!(bench.tenant("south").user(&account).unwrap()["accountEnabled"], false);
    bench.tenant("north").edit_user(&ada, &json!({ "accountEnabled": true })).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.tenant("south").user(&account).unwrap()["accountEnabled"], true);
}
