//! Is a plan that somebody has looked at carried out as they saw it, and by nobody who may not?

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::support::{Place, Sim, text};

/// What the log says was applied in the last run, as `action mail`.
fn applied(place: &Place) -> Vec<String> {
    let log = place.log();
    let last = log.iter().map(|e| e["run"].as_u64().unwrap()).max().unwrap();
    let of_last = log.iter().filter(|e| e["run"] == last && e["outcome"] == "applied");
    of_last.map(|e| format!("{} {}", text(e, "action"), text(&e["home"], "userPrincipalName"))).collect()
}

fn people(sim: &Sim, tenant: &str) -> Vec<String> {
    sim.staff(tenant).iter().map(|u| text(u, "userPrincipalName").to_owned()).collect()
}

/// The issue's own criterion.
#[test]
fn a_plan_approved_yesterday_with_three_people_changed_since_applies_all_but_those_three_and_says_so() {
    let (place, sim) = Place::school(120);
    place.settle();
    let people = people(&sim, "north");
    for who in &people[..7] {
        sim.edit("north", who, &json!({ "jobTitle": "Dean" }));
    }
    place.edit_rules("updates  = { percent = 50 }", "updates  = { max = 1000 }");
    let planned = place.run(&["plan", "--out", "plan.jsonl"]).code(2);
    let text_of = || std::fs::read_to_string(place.path("plan.jsonl")).unwrap();
    assert_eq!(std::fs::metadata(place.path("plan.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(planned.out.contains("digest sha256:"));
    let in_file = text_of();
    assert_eq!(in_file.lines().count(), 7 * 2 + 1, "{in_file}");

    // The night: one is renamed to another title, one leaves, one had the title put right at home; and somebody new moves.
    sim.edit("north", &people[0], &json!({ "jobTitle": "Provost" }));
    sim.delete("north", &people[1]);
    sim.edit("south", sim.account("south", &people[2])["id"].as_str().unwrap(), &json!({ "jobTitle": "Local" }));
    sim.edit("west", sim.account("west", &people[2])["id"].as_str().unwrap(), &json!({ "jobTitle": "Local" }));
    sim.edit("north", &people[8], &json!({ "jobTitle": "Rector" }));

    let since = sim.seq();
    let synced = place.run(&["sync", "--plan", "plan.jsonl"]).code(4);
    let made = applied(&place);
    let expected: Vec<String> =
        people[3..7].iter().flat_map(|who| [format!("update {who}"), format!("update {who}")]).collect();
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(sorted(made), sorted(expected), "{}", synced.err);
    assert_eq!(sim.ledger_since(since).len(), 8, "nothing but what the file has was written");
    for who in &people[..3] {
        assert!(synced.err.contains(&format!("update of {who} was refused")), "{}", synced.err);
    }
    assert!(synced.err.contains("it has changed since: jobTitle"), "{}", synced.err);
    assert!(synced.err.contains("the change would now be another one: delete"), "{}", synced.err);
    assert!(synced.err.contains("6 changes of the plan were not made"), "{}", synced.err);
    assert!(synced.err.contains("left alone"), "{}", synced.err);
    assert_eq!(sim.account("south", &people[2])["jobTitle"], "Local");
    // A second time it has nothing left to do; what is due now is for a new plan.
    let since = sim.seq();
    let again = place.run(&["sync", "--plan", "plan.jsonl"]).code(4);
    assert!(again.err.contains("14 changes of the plan were not made"), "{}", again.err);
    assert_eq!(sim.seq(), since);
    place.settle();
}

#[test]
fn a_first_sync_from_a_plan_file_makes_whole_accounts() {
    let (place, sim) = Place::school(60);
    let before = sim.everybody();
    place.run(&["plan", "--out", "first.jsonl"]).code(2);
    place.run(&["sync", "--plan", "first.jsonl"]).code(0);
    place.run(&["plan"]).code(0);
    super::support::assert_mesh(&sim, &before);
}

#[test]
fn a_file_that_is_not_what_it_was_is_refused_before_anything_is_read() {
    let (place, sim) = Place::school(30);
    place.run(&["plan", "--out", "plan.jsonl"]).code(2);
    let good = std::fs::read_to_string(place.path("plan.jsonl")).unwrap();
    // It takes nobody's place, nor follows a link.
    place.run(&["plan", "--out", "plan.jsonl"]).code(64).says("left as it is");
    std::os::unix::fs::symlink("elsewhere.jsonl", place.path("link.jsonl")).unwrap();
    place.run(&["plan", "--out", "link.jsonl"]).code(64).says("left as it is");
    std::os::unix::fs::symlink("plan.jsonl", place.path("to-plan.jsonl")).unwrap();
    place.run(&["sync", "--plan", "to-plan.jsonl"]).code(64);

    let seen = sim.seq();
    let refused = |content: &str, why: &str| {
        place.write("bad.jsonl", content);
        place.run(&["sync", "--plan", "bad.jsonl"]).code(64).says(why);
    };
    refused(&good.replacen("fine-arts.example", "evil.example", 1), "it was changed");
    refused(good.lines().next().unwrap(), "cut short");
    refused("{}", "is no line of a plan");
    refused("no plan", "is no JSON object");
    let directory = "6f1c0d3e-0000-4000-8000-000000000001";
    assert!(good.contains(directory));
    refused(&good.replace(directory, "6f1c0d3e-0000-4000-8000-000000000009"), "of another configuration");
    std::fs::set_permissions(place.path("plan.jsonl"), std::fs::Permissions::from_mode(0o666)).unwrap();
    place.run(&["sync", "--plan", "plan.jsonl"]).code(64).says("others can write to it");
    place.run(&["sync", "--plan", "plan.jsonl", "--route", "north->south"]).code(64);
    assert_eq!(sim.seq(), seen);
    assert!(!place.path("state/crosstie.db").exists(), "nothing was opened");
}

/// Rules that were edited since make every change of the route another one.
#[test]
fn under_other_rules_nothing_of_the_plan_is_made() {
    let (place, sim) = Place::school(30);
    place.run(&["plan", "--out", "plan.jsonl"]).code(2);
    place.edit_rules("disabled     = \"disable\"", "disabled     = \"keep\"");
    place.run(&["sync", "--plan", "plan.jsonl"]).code(4).says("the rules of the route have changed since");
    assert!(sim.ledger().is_empty());
}

#[test]
fn a_guarded_plan_file_needs_its_digest_too() {
    let (place, sim) = Place::school(90);
    place.settle();
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 0 }");
    sim.delete("north", &people(&sim, "north")[1]);
    place.run(&["plan", "--out", "plan.jsonl"]).code(3);
    let since = sim.seq();
    let refused = place.run(&["sync", "--plan", "plan.jsonl"]).code(3);
    assert_eq!(sim.seq(), since);
    let digest = refused.err.split("--approve ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(refused.err.contains("crosstie sync --plan plan.jsonl --approve"), "{}", refused.err);
    place.run(&["sync", "--plan", "plan.jsonl", "--approve", &format!("sha256:{}", "0".repeat(64))]).code(3);
    assert_eq!(sim.seq(), since);
    place.run(&["sync", "--plan", "plan.jsonl", "--approve", &digest]).code(0);
    assert_eq!(sim.ledger_since(since).iter().filter(|e| e["kind"] == "delete").count(), 2);
    let status = place.run(&["status", "--format", "json"]).json();
    assert!(status.to_string().contains(&format!("\"approved\":\"{digest}\"")), "{status:#}");
}

pub(crate) fn keys(place: &Place, names: &[&str]) -> Vec<String> {
    let key = |name: &&str| {
        let public = place.run(&["approve", "--new-key", name]).code(0).out.trim().to_owned();
        assert_eq!(std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777, 0o600);
        public
    };
    names.iter().map(key).collect()
}
pub(crate) fn ask_for(place: &Place, above: u64, needed: usize, approvers: &[String]) {
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    let more = format!("[approval]\nrequired_above = {above}\nneeded = {needed}\napprovers = {}\n", json!(approvers));
    place.write("crosstie.toml", &format!("{config}\n{more}"));
}

#[test]
fn above_a_number_two_people_have_to_sign_and_both_are_put_down() {
    let (place, sim) = Place::school(30);
    let public = keys(&place, &["ada.key", "eve.key", "mallory.key"]);
    ask_for(&place, 3, 2, &public[..2]);
    // Neither a plain sync, nor a schedule, nor an approval by digest goes around it.
    let planned = place.run(&["plan", "--out", "plan.jsonl"]).code(3);
    let digest = planned.out.lines().rev().find_map(|l| l.strip_prefix("digest ")).unwrap().to_owned();
    for verb in [&["sync"][..], &["run", "--once"], &["sync", "--approve", &digest]] {
        place.run(verb).code(3);
    }
    place.run(&["sync", "--plan", "plan.jsonl"]).code(3).says(&public[0]);
    place.run(&["sync", "--plan", "plan.jsonl", "--approve", &digest]).code(3).says("2 more of these");
    assert!(sim.ledger().is_empty());

    place.run(&["approve", "plan.jsonl", "--key", "ada.key"]).code(0);
    // The same person twice, or somebody else, is nobody more.
    place.run(&["approve", "plan.jsonl", "--key", "ada.key"]).code(64);
    place.run(&["approve", "plan.jsonl", "--key", "mallory.key"]).code(0);
    let refused = place.run(&["sync", "--plan", "plan.jsonl"]).code(3);
    assert!(
        refused.err.contains("is none of the approvers") && refused.err.contains("1 more of these"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains(&format!("\n  {}", public[0])), "who has signed is not missing: {}", refused.err);
    // A signature says nothing of another plan, and cannot be passed off as somebody else's.
    let approval = |mark: &str| {
        std::fs::read_dir(place.folder.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.to_string_lossy().ends_with(".approval"))
            .find(|p| std::fs::read_to_string(p).unwrap().contains(mark))
            .unwrap()
    };
    let of_ada = std::fs::read_to_string(approval(&public[0])).unwrap();
    place.write("plan.jsonl.forged.approval", &of_ada.replace(&public[0], &public[1]));
    place.run(&["sync", "--plan", "plan.jsonl"]).code(3).says("its signature is not that of its approver");
    assert!(sim.ledger().is_empty());

    std::fs::remove_file(place.path("plan.jsonl.forged.approval")).unwrap();
    std::fs::remove_file(approval(&public[2])).unwrap();
    place.run(&["approve", "plan.jsonl", "--key", "eve.key"]).code(0);
    place.run(&["sync", "--plan", "plan.jsonl"]).code(0);
    assert!(!sim.ledger().is_empty());
    let status = place.run(&["status", "--format", "json"]).json();
    let run: &Value =
        status["runs"].as_array().unwrap().iter().find(|r| !r["summary"]["approved_by"].is_null()).unwrap();
    let mut by: Vec<&str> =
        run["summary"]["approved_by"].as_array().unwrap().iter().map(|b| b.as_str().unwrap()).collect();
    let mut expected: Vec<&str> = public[..2].iter().map(String::as_str).collect();
    by.sort_unstable();
    expected.sort_unstable();
    assert_eq!(by, expected);
    assert_eq!(run["summary"]["approved"], digest);
}

#[test]
fn what_is_no_key_signs_nothing() {
    let (place, _sim) = Place::school(30);
    keys(&place, &["ada.key"]);
    place.run(&["plan", "--out", "plan.jsonl"]).code(2);
    place.run(&["approve", "--new-key", "ada.key"]).code(64).says("left as it is");
    place.write("open.key", &std::fs::read_to_string(place.path("ada.key")).unwrap());
    std::fs::set_permissions(place.path("open.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    place.run(&["approve", "plan.jsonl", "--key", "open.key"]).code(64).says("others can read it");
    place.secret("no-key", "secret\n");
    place.run(&["approve", "plan.jsonl", "--key", "secrets/no-key"]).code(64).says("no Ed25519 key");
    place.run(&["approve", "plan.jsonl"]).code(64);
    ask_for(&place, 3, 2, &["ed25519:AAAA".to_owned()]);
    place.run(&["check"]).code(64).says("is no public key");
}

/// What would follow from a change of the file, and does not stand in it, is left to the next cycle.
#[test]
fn nothing_follows_that_the_file_does_not_have() {
    let (place, sim) = Place::school(60);
    place.settle();
    let leaver = super::support::someone_without_reports(&sim, "north");
    let (who, id) = (text(&leaver, "userPrincipalName"), text(&leaver, "id"));
    sim.delete("north", id);
    place.settle();
    sim.restore("north", id);
    sim.edit("north", id, &json!({ "jobTitle": "Dean" }));
    place.run(&["plan", "--out", "plan.jsonl"]).code(2);
    let since = sim.seq();
    place.run(&["sync", "--plan", "plan.jsonl"]).code(0);
    let kinds: Vec<String> = sim.ledger_since(since).iter().map(|e| text(e, "kind").to_owned()).collect();
    assert_eq!(kinds, ["restore", "restore"]);
    assert_ne!(sim.account("south", who)["jobTitle"], "Dean");
    place.settle();
    assert_eq!(sim.account("south", who)["jobTitle"], "Dean");
}
