//! Does the doctor say what is wrong, with whichever tenant, and write nothing at all?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Done, Place, Sim, TENANTS, files};

/// `{"tenant north/clock": {…}}`.
fn by_name(done: &Done) -> BTreeMap<String, Value> {
    let document = done.json();
    let mut all = BTreeMap::new();
    for (kind, list) in [("tenant", "tenants"), ("route", "routes")] {
        for part in document[list].as_array().unwrap() {
            for check in part["checks"].as_array().unwrap() {
                let name = format!("{} {}", part[kind].as_str().unwrap(), check["check"].as_str().unwrap());
                assert!(all.insert(name, check.clone()).is_none());
            }
        }
    }
    all
}
#[track_caller]
fn is(checks: &BTreeMap<String, Value>, name: &str, verdict: &str, part: &str) {
    let check = checks.get(name).unwrap_or_else(|| panic!("no {name}: {checks:#?}"));
    assert!(
        check["verdict"] == verdict && check.to_string().contains(part),
        "{name}: {check}; expected {verdict} {part}"
    );
}

/// Gives every app these permissions, before the simulator starts.
fn granted(people: usize, roles: &[&str], sim: &[&str]) -> (Place, Sim) {
    let (place, first) = Place::school(people);
    drop(first);
    for tenant in TENANTS {
        let path = place.tenants().join(tenant).join("tenant.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let from = text.find("roles = [").unwrap();
        let to = from + text[from..].find(']').unwrap() + 1;
        std::fs::write(&path, format!("{}roles = {}{}", &text[..from], json!(roles), &text[to..])).unwrap();
    }
    let sim = Sim::start(&place.tenants(), sim);
    place.configure(&[&sim.root; 3]);
    (place, sim)
}

const ENOUGH: [&str; 6] = [
    "User.Invite.All",
    "User.ReadWrite.All",
    "User.Read.All",
    "GroupMember.Read.All",
    "Policy.Read.All",
    "Organization.Read.All",
];

fn open() -> Value {
    let default = json!({"redeems_inbound": true, "redeems_outbound": true});
    json!({"policies": {"default": default}})
}

#[test]
fn a_house_in_order_passes_and_nothing_is_written() {
    let (place, sim) = granted(40, &ENOUGH, &[]);
    place.run(&["sync"]).code(0);
    TENANTS.iter().for_each(|t| sim.settings(t, &open()));
    let (seq, before) = (sim.seq(), files(place.folder.path()));
    let done = place.run(&["doctor", "--format", "json"]).code(0);
    let document = done.json();
    assert_eq!((&document["failed"], &document["warnings"]), (&json!(0), &json!(0)), "{document:#}");
    let checks = by_name(&done);
    // Three tenants with ten checks each, six routes with four.
    assert_eq!((checks.len(), &document["ok"]), (3 * 10 + 6 * 4, &json!(54)), "{checks:#?}");
    is(&checks, "north token", "ok", "6f1c0d3e-0000-4000-8000-000000000001, for 59 minutes");
    let text = place.run(&["doctor"]).code(0);
    assert!(text.out.ends_with("54 checks: 0 failed, 0 warnings; nothing was written\n"), "{}", text.out);
    assert_eq!(sim.ledger_since(seq), [] as [Value; 0], "no tenant saw a write");
    assert_eq!(files(place.folder.path()), before, "store, configuration and secrets are as they were");
}

#[test]
fn a_credential_that_can_only_read_is_enough_for_asking() {
    let (place, sim) = granted(40, &["User.Read.All", "Policy.Read.All", "Organization.Read.All"], &[]);
    let before = files(place.folder.path());
    let done = place.run(&["doctor", "--format", "json"]).code(4);
    let checks = by_name(&done);
    let failed: Vec<&String> = checks.iter().filter(|(_, c)| c["verdict"] == "failed").map(|(name, _)| name).collect();
    assert_eq!(failed, ["north permissions", "south permissions", "west permissions"], "every question was answered");
    is(&checks, "north permissions", "failed", "User.Invite.All (inviting)");
    assert_eq!(sim.ledger(), [] as [Value; 0], "not one request that asks for a change");
    assert_eq!(files(place.folder.path()), before, "and no store was made");
}

/// Whoever only looks needs an app that can only look: proven by apps that can do nothing else.
#[test]
fn a_dry_run_takes_no_permission_but_to_read() {
    let (place, sim) = granted(40, &["User.Read.All", "GroupMember.Read.All", "Organization.Read.All"], &[]);
    let path = place.path("crosstie.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, config.replace("client_secret", "stamp = \"extensionAttribute15\"\nclient_secret")).unwrap();
    let before = sim.everybody();
    let who = sim.staff("north")[0]["userPrincipalName"].as_str().unwrap().to_owned();
    let planned = place.run(&["plan", "--out", "plan.jsonl"]).code(2);
    assert!(planned.err.is_empty(), "nothing was missing: {}", planned.err);
    for look in [&["explain", &who][..], &["adopt", "--dry-run"], &["plan", "--user", &who]] {
        let looked = place.run(look);
        assert!(!looked.err.contains("Authorization_RequestDenied"), "{look:?}: {}", looked.err);
    }
    assert_eq!(sim.ledger(), [] as [Value; 0], "not one request that asks for a change");
    // Such an app can do no more than that.
    place.run(&["sync"]).code(4).says("Authorization_RequestDenied");
    assert!(sim.everybody() == before, "somebody was changed");
}

#[test]
fn whatever_is_wrong_is_said_of_whom_it_concerns() {
    let (place, sim) = Place::school(40);
    let blocked = json!([{"tenant_id": "6f1c0d3e-0000-4000-8000-000000000001", "sync_inbound": true,
        "access": {"inbound": "blocked", "redeems_inbound": true}}]);
    sim.settings("south", &json!({"policies": {"partners": blocked, "objects_max": 3}}));
    sim.settings("north", &json!({"policies": {"default": {"outbound": "partly", "redeems_outbound": true}}}));
    sim.settings("west", &json!({"invitations": {"allow_from": "none"}, "tokens": "opaque"}));
    let done = place.run(&["doctor", "--format", "json"]).code(4);
    let checks = by_name(&done);
    is(&checks, "north->south inbound", "failed", "the target does not let");
    is(&checks, "west->south inbound", "ok", "");
    is(&checks, "south->north inbound", "ok", "");
    is(&checks, "north->south outbound", "warning", "some");
    is(&checks, "south->north outbound", "ok", "");
    is(&checks, "north->south automatic redemption", "ok", "both sides");
    is(&checks, "north->west automatic redemption", "warning", "the target does not");
    is(&checks, "north->south other synchronization", "warning", "undo each other");
    is(&checks, "south->north other synchronization", "ok", "");
    is(&checks, "south directory quota", "failed", "of 3 objects, 0 left");
    is(&checks, "west invitations", "failed", "none");
    is(&checks, "north invitations", "ok", "everyone");
    is(&checks, "west permissions", "warning", "cannot be read");
    // The made-up school's apps may read the whole directory.
    is(&checks, "north least privilege", "warning", "Directory.Read.All");
}

#[test]
fn one_tenant_without_a_token_hides_no_other() {
    let (place, sim) = Place::school(40);
    place.secret("south", "not the secret\n");
    std::fs::remove_file(place.path("secrets/west")).unwrap();
    let done = place.run(&["doctor", "--format", "json"]).code(4);
    let checks = by_name(&done);
    is(&checks, "south token", "failed", "copy the secret's value");
    is(&checks, "west credential", "failed", "secrets/west");
    is(&checks, "north delta", "ok", "");
    is(&checks, "south->north inbound", "ok", "");
    is(&checks, "south->north outbound", "warning", "home could not be asked");
    assert!(!checks.contains_key("south delta") && !checks.contains_key("west token"), "{checks:#?}");
    assert!(!done.out.contains("not the secret") && !done.err.contains("not the secret"));
    drop(sim);
    let text = place.run(&["doctor"]).code(4);
    assert!(text.out.contains("failed   token"), "{}", text.out);
}

#[test]
fn a_configuration_that_is_not_sound_asks_nobody() {
    let (place, sim) = Place::school(40);
    place.write("crosstie.toml", "[store]\npath = \"x.db\"\n");
    let done = place.run(&["doctor"]).code(64);
    assert_eq!(done.out, "");
    assert_eq!(sim.get("stats").as_object().map(serde_json::Map::len), Some(0), "{}", sim.get("stats"));
}

#[test]
fn an_entry_of_the_protected_list_that_means_nobody_is_told() {
    let (place, sim) = Place::school(40);
    let known = &sim.staff("south")[0];
    let (id, name) = (known["id"].as_str().unwrap(), known["userPrincipalName"].as_str().unwrap());
    let path = place.path("crosstie.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let absent = "00000000-0000-4000-8000-00000000dead";
    let list = format!("protected = [{id:?}, {:?}, {absent:?}]\nclient_secret", name.to_uppercase());
    std::fs::write(&path, config.replace("client_secret", &list)).unwrap();
    let checks = by_name(&place.run(&["doctor", "--format", "json"]).code(0));
    is(&checks, "south protected accounts", "warning", &format!("1 of 3 name no account of this tenant: {absent}"));
    is(&checks, "south protected accounts", "warning", "best by object id");
    is(&checks, "north protected accounts", "warning", "3 of 3");
    std::fs::write(&path, config.replace("client_secret", &format!("protected = [{id:?}]\nclient_secret"))).unwrap();
    let checks = by_name(&place.run(&["doctor", "--format", "json"]).code(0));
    is(&checks, "south protected accounts", "ok", "1 account on the list");
}

#[test]
fn groups_that_rules_name_are_looked_for_at_home() {
    let (place, sim) = Place::school(40);
    let body = json!({ "id": "2b1c0000-0000-4000-8000-000000000007", "displayName": "Everybody", "members": [] });
    sim.control("POST", "tenants/north/groups", &body);
    sim.control("POST", "tenants/south/groups", &body);
    let other = "2b1c0000-0000-4000-8000-000000000009";
    let named = format!("[[scope]]\ngroups = [{}, {other:?}]\n", body["id"]);
    place.edit_rules("[[scope]]\n", &named);
    let checks = by_name(&place.run(&["doctor", "--format", "json"]).code(4));
    is(&checks, "north groups", "ok", &format!("taken for another home's: {other}"));
    is(&checks, "west groups", "failed", &format!("none of the groups that rules name is here: {}", text(&body)));
}

fn text(group: &Value) -> &str {
    group["id"].as_str().unwrap()
}
