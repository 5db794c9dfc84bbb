//! Which accounts does nobody write but their owner: those put out of reach, and those that say whose they are?

use crosstie::model::{ActionKind, Hold, RouteName, Stamp};
use crosstie::sim::{Effect, Fault};
use crosstie::store::Mode;
use serde_json::{Value, json};

use super::bench::{Bench, RULES};
use super::ownership::{holds, old_guest};

const STAMP: &str = "extensionAttribute15";

/// What an account bears; null where nothing.
fn stamp(account: &Value) -> Value {
    account["onPremisesExtensionAttributes"][STAMP].clone()
}

fn stamp_of(tenant: u32, home: &str) -> String {
    format!("crosstie:v1:6f1c0d3e-0000-4000-8000-{tenant:012}:{home}")
}

/// Nothing happens to an account that is on the list, by whichever name; the others go on, and it is told why.
#[tokio::test(start_paused = true)]
async fn a_protected_account_is_never_joined_updated_blocked_or_deleted() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let people = ["boss", "mover", "leaver", "blocked", "lost", "free"].map(|name| bench.staff("north", name));
    let [_, mover, leaver, blocked, lost, free] = &people;
    let boss = old_guest(&bench, "south", "boss@north.example", "Accepted");
    let protect = |entries: &[String]| {
        let list = entries.iter().map(|e| format!("{e:?}")).collect::<Vec<_>>().join(", ");
        bench.reconfigure("south", &format!("protected = [{list}]"));
    };
    protect(&[boss.to_uppercase()]);
    let report = bench.sync().await;
    let held = holds(&report);
    assert!(matches!(held.as_slice(), [Hold::Protected { account, .. }] if account.as_str() == boss), "{held:?}");
    assert_eq!(bench.tenant("south").user(&boss).unwrap()["displayName"], "old boss@north.example");

    let account = |name: &str| bench.guest("south", &format!("{name}@north.example"));
    let names: Vec<String> = ["mover", "leaver", "blocked", "lost"]
        .map(|name| account(name)["userPrincipalName"].as_str().unwrap().to_lowercase())
        .into();
    protect(&[vec![boss.clone()], names].concat());
    let north = bench.tenant("north");
    north.edit_user(mover, &json!({ "jobTitle": "Dean" })).unwrap();
    north.edit_user(free, &json!({ "jobTitle": "Dean" })).unwrap();
    north.soft_delete(leaver).unwrap();
    north.edit_user(blocked, &json!({ "accountEnabled": false })).unwrap();
    let gone = account("lost")["id"].as_str().unwrap().to_owned();
    bench.tenant("south").soft_delete(&gone).unwrap();
    let _ = lost;
    let report = bench.sync().await;
    let held = holds(&report);
    assert_eq!(held.len(), 5, "{held:?}");
    assert!(held.iter().all(|hold| matches!(hold, Hold::Protected { .. })), "{held:?}");
    assert_eq!(account("free")["jobTitle"], "Dean", "the others go on");
    assert_eq!(account("mover")["jobTitle"], "Lecturer");
    assert_eq!(account("blocked")["accountEnabled"], true);
    account("leaver");
    assert!(bench.guests("south", "lost@north.example").is_empty(), "nothing is brought back");

    protect(&[]);
    bench.settled_sync().await;
    assert_eq!(account("mover")["jobTitle"], "Dean");
    assert!(bench.guests("south", "leaver@north.example").is_empty());
    account("lost");
}

/// It comes with the first update after the invitation, and costs no write of its own.
#[tokio::test(start_paused = true)]
async fn an_account_says_whose_it_is_from_its_first_update_on() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.reconfigure("south", &format!("stamp = {STAMP:?}"));
    let (ada, eve) = (bench.staff("north", "ada"), bench.staff("north", "eve"));
    let joined = old_guest(&bench, "south", "eve@north.example", "Accepted");
    bench
        .tenant("south")
        .edit_user(&joined, &json!({ "onPremisesExtensionAttributes": { "extensionAttribute1": "kept" } }))
        .unwrap();
    let south = bench.staff("south", "sue");
    bench.settled_sync().await;
    let account = |name: &str| bench.guest("south", &format!("{name}@north.example"));
    assert_eq!(stamp(&account("ada")), stamp_of(1, &ada));
    assert_eq!(stamp(&account("eve")), stamp_of(1, &eve));
    assert_eq!(account("eve")["onPremisesExtensionAttributes"]["extensionAttribute1"], "kept");
    assert_eq!(stamp(&bench.guest("north", "sue@south.example")), Value::Null, "north asks for none");
    let _ = south;
    // An invitation and one update for ada, one update for eve; the same for sue, in north.
    assert_eq!(bench.writes().len(), 5, "{:#?}", bench.writes());

    // Taken off by hand: it comes back.
    bench.tenant("south").edit_user(&joined, &json!({ "onPremisesExtensionAttributes": { STAMP: null } })).unwrap();
    bench.settled_sync().await;
    assert_eq!(stamp(&account("eve")), stamp_of(1, &eve));
}

/// Turned on later, accounts that are ours already get theirs.
#[tokio::test(start_paused = true)]
async fn a_stamp_that_is_asked_for_later_comes_to_everybody() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.reconfigure("south", &format!("stamp = {STAMP:?}"));
    bench.settled_sync().await;
    assert_eq!(stamp(&bench.guest("south", "ada@north.example")), stamp_of(1, &ada));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_bears_anothers_stamp_is_held_and_untouched() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.reconfigure("south", &format!("stamp = {STAMP:?}"));
    let ada = bench.staff("north", "ada");
    bench.staff("north", "eve");
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example")["id"].as_str().unwrap().to_owned();
    let set = |id: &str, text: &str| {
        bench.tenant("south").edit_user(id, &json!({ "onPremisesExtensionAttributes": { STAMP: text } })).unwrap();
    };
    set(&account, &stamp_of(3, &ada));
    bench.tenant("north").soft_delete(&ada).unwrap();
    // And one that would be joined.
    bench.staff("north", "tom");
    let tom = old_guest(&bench, "south", "tom@north.example", "Accepted");
    set(&tom, &stamp_of(1, &ada));
    let report = bench.sync().await;
    let held = holds(&report);
    assert_eq!(held.len(), 2, "{held:?}");
    assert!(held.iter().all(|h| matches!(h, Hold::Stamped { stamp: Stamp::Of { .. }, .. })), "{held:?}");
    assert!(bench.tenant("south").user(&account).is_some(), "not even deleted");
    assert_eq!(stamp(&bench.tenant("south").user(&account).unwrap()), stamp_of(3, &ada));
    assert_eq!(bench.tenant("south").user(&tom).unwrap()["displayName"], "old tom@north.example");
}

/// A text of somebody else is not written over, but it keeps nobody's access alive.
#[tokio::test(start_paused = true)]
async fn a_foreign_text_is_kept_and_hinders_no_revocation() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let (ada, eve) = (bench.staff("north", "ada"), bench.staff("north", "eve"));
    bench.settled_sync().await;
    for name in ["ada", "eve"] {
        let account = bench.guest("south", &format!("{name}@north.example"))["id"].as_str().unwrap().to_owned();
        let text = json!({ "onPremisesExtensionAttributes": { STAMP: "payroll 17" } });
        bench.tenant("south").edit_user(&account, &text).unwrap();
    }
    bench.reconfigure("south", &format!("stamp = {STAMP:?}"));
    bench.tenant("north").soft_delete(&ada).unwrap();
    bench.tenant("north").edit_user(&eve, &json!({ "jobTitle": "Dean" })).unwrap();
    let report = bench.sync().await;
    let held = holds(&report);
    assert!(matches!(held.as_slice(), [Hold::Stamped { stamp: Stamp::Foreign, .. }]), "{held:?}");
    assert!(!held[0].to_string().contains("payroll"), "what others write there is not ours to tell");
    assert!(bench.guests("south", "ada@north.example").is_empty());
    let eve = bench.guest("south", "eve@north.example");
    assert_eq!((stamp(&eve), &eve["jobTitle"]), (json!("payroll 17"), &json!("Lecturer")));
}

/// A person of north whose mail is of a domain that north has not shown to be its own.
#[tokio::test(start_paused = true)]
async fn nobody_is_joined_under_an_address_that_is_not_the_homes_own() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.person("north", "mallory", "Staff", &json!({ "mail": "ceo@partner.example" }));
    bench.staff("north", "ada");
    let ceo = old_guest(&bench, "south", "ceo@partner.example", "Accepted");
    old_guest(&bench, "south", "ada@north.example", "Accepted");
    let report = bench.sync().await;
    let held = holds(&report);
    assert!(
        matches!(held.as_slice(), [Hold::Unverified { account, address, unread: None }]
            if account.as_str() == ceo && address == "ceo@partner.example"),
        "{held:?}"
    );
    assert_eq!(bench.tenant("south").user(&ceo).unwrap()["displayName"], "old ceo@partner.example");
    assert_eq!(bench.guest("south", "ada@north.example")["displayName"], "ada", "the others go on");
    let asked = |uris: Vec<String>| uris.iter().filter(|uri| uri.contains("/organization")).count();
    assert_eq!(asked(bench.asked()), 1, "north's domains, once");
    bench.sync().await;
    assert_eq!(asked(bench.asked()), 1, "the one who is held is looked at again");
    bench.tenant("south").soft_delete(&ceo).unwrap();
    bench.sync().await;
    assert_eq!(asked(bench.asked()), 0, "nothing hangs on them");
}

/// The value by which the account is found counts as well: anybody could have written it.
#[tokio::test(start_paused = true)]
async fn an_address_out_of_another_attribute_is_no_way_around() {
    let rules = RULES.replace("source = \"[mail]\"", "source = \"[faxNumber]\"");
    let bench = Bench::mesh(&["north", "south"], &rules);
    bench.person("north", "mallory", "Staff", &json!({ "faxNumber": "ceo@partner.example" }));
    let ceo = old_guest(&bench, "south", "ceo@partner.example", "Accepted");
    let held = holds(&bench.sync().await);
    assert!(matches!(held.as_slice(), [Hold::Unverified { account, .. }] if account.as_str() == ceo), "{held:?}");
    assert!(bench.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_the_homes_domains_cannot_be_read_nobody_is_joined() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.staff("north", "eve");
    old_guest(&bench, "south", "ada@north.example", "Accepted");
    let mut denied = Fault::always(Effect::status(403));
    denied.path = Some("/organization".to_owned());
    bench.tenant("north").fault(denied).unwrap();
    let held = holds(&bench.sync().await);
    assert!(matches!(held.as_slice(), [Hold::Unverified { unread: Some(_), .. }]), "{held:?}");
    let told = held[0].to_string();
    assert!(told.contains("north") && told.contains("hint: ") && told.contains("Organization.Read.All"), "{told}");
    bench.guest("south", "eve@north.example");
    bench.tenant("north").clear_faults(None).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["displayName"], "ada");
}

/// Directly, or through a group that is in it; an ordinary group hinders nobody.
#[tokio::test(start_paused = true)]
async fn whoever_is_in_a_group_that_roles_can_be_given_to_is_never_joined() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let mut accounts = Vec::new();
    for name in ["direct", "nested", "plain"] {
        bench.staff("north", name);
        accounts.push(old_guest(&bench, "south", &format!("{name}@north.example"), "Accepted"));
    }
    let group = |n: u32, name: &str, takes_roles: bool, members: &[&String]| {
        let group = json!({ "id": format!("2b1c0000-0000-4000-8000-{n:012}"), "displayName": name,
                            "isAssignableToRole": takes_roles, "members": members });
        bench.tenant("south").put_group(serde_json::from_value(group).unwrap()).unwrap()
    };
    let inner = group(1, "Inner", false, &[&accounts[1]]);
    group(2, "Keys", true, &[&accounts[0], &inner]);
    group(3, "Choir", false, &[&accounts[2]]);
    let held = holds(&bench.sync().await);
    let in_keys = |hold: &Hold| matches!(hold, Hold::Privileged { roles, .. } if roles.contains("group") && roles.contains("Keys"));
    assert!(held.len() == 2 && held.iter().all(in_keys), "{held:?}");
    assert_eq!(bench.guest("south", "plain@north.example")["displayName"], "plain");
    assert_eq!(bench.guest("south", "direct@north.example")["displayName"], "old direct@north.example");
}

/// Something else happened to whoever is held: a manager's account came to be, in the same run.
#[tokio::test(start_paused = true)]
async fn whoever_is_held_is_told_of_as_held_also_when_looked_at_again() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let boss = bench.staff("north", "boss");
    let ada = bench.person("north", "ada", "Staff", &json!({ "manager": boss }));
    let account = old_guest(&bench, "south", "ada@north.example", "Accepted");
    bench.reconfigure("south", &format!("protected = [{account:?}]"));
    assert_eq!(holds(&bench.sync().await).len(), 1);
    let route = RouteName::parse("north->south").unwrap();
    let state = bench.store(Mode::Look).state_of(&route, &ada.as_str().into()).unwrap().unwrap();
    assert_eq!(state.state, "held", "{state:?}");
    assert!(state.detail.contains("protected"), "{state:?}");
}

/// However many targets there are, each with a plan of its own.
#[tokio::test(start_paused = true)]
async fn the_homes_domains_are_read_once_in_a_cycle() {
    let bench = Bench::mesh(&["north", "south", "west"], RULES);
    for (target, name) in [("south", "ada"), ("south", "eve"), ("west", "ada")] {
        old_guest(&bench, target, &format!("{name}@north.example"), "Accepted");
    }
    ["ada", "eve"].iter().for_each(|name| drop(bench.staff("north", name)));
    let report = bench.settled_sync().await;
    let joins: u64 = report.applied.iter().filter(|((_, kind), _)| *kind == ActionKind::Join).map(|(_, n)| n).sum();
    assert_eq!(joins, 3);
    assert_eq!(bench.asked().iter().filter(|uri| uri.contains("/organization")).count(), 1);
}
