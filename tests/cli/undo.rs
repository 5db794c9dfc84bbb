//! Does it come back, what a run did?

use serde_json::{Value, json};

use super::approvals::{ask_for, keys};
use super::support::{Place, Sim, text};

fn account_ids(sim: &Sim, tenant: &str, people: &[String]) -> Vec<Value> {
    people.iter().map(|who| sim.account(tenant, who)["id"].clone()).collect()
}
fn people(sim: &Sim, tenant: &str) -> Vec<String> {
    sim.staff(tenant).iter().map(|u| text(u, "userPrincipalName").to_owned()).collect()
}
fn last_run(place: &Place) -> String {
    place.log().iter().map(|e| e["run"].as_u64().unwrap()).max().unwrap().to_string()
}

/// The issue's own criterion: a rule that was edited badly takes everybody's account, and they come back as they were.
#[test]
fn undo_of_a_run_that_deleted_fifty_accounts_brings_them_back() {
    let (place, sim) = Place::school(60);
    let names = (1..=25).map(|n| format!("teacher.{n}"));
    let leavers: Vec<String> = names.map(|n| text(&super::support::teacher("north", &n), "mail").to_owned()).collect();
    for who in &leavers {
        sim.add("north", &super::support::teacher("north", who.split_once('@').unwrap().0));
    }
    place.settle();
    let before = sim.everybody();
    let ids = [account_ids(&sim, "south", &leavers), account_ids(&sim, "west", &leavers)];
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 500, percent = 100 }");
    leavers.iter().for_each(|who| sim.edit("north", who, &json!({ "employeeType": "Student" })));
    place.run(&["sync"]).code(0);
    let run = last_run(&place);
    let gone = |sim: &Sim| leavers.iter().filter(|who| sim.accounts("south", who).is_empty()).count();
    assert_eq!(gone(&sim), 25);

    // Looking writes nothing.
    let since = sim.seq();
    let state = place.state();
    let shown = place.run(&["undo", &run, "--dry-run"]).code(2);
    assert!(shown.out.contains("+ restore") && shown.out.contains("(undo; rules staff)"), "{}", shown.out);
    assert_eq!((sim.seq(), place.state() == state), (since, true));

    place.run(&["undo", &run]).code(0).says("the next cycle makes the same changes again");
    assert_eq!(sim.ledger_since(since).iter().filter(|e| e["kind"] == "restore").count(), 50);
    assert_eq!([account_ids(&sim, "south", &leavers), account_ids(&sim, "west", &leavers)], ids);
    for who in &leavers {
        let account =
            |people: &[Value]| people.iter().find(|u| u["mail"] == who.as_str() && !super::support::native(u)).cloned();
        let (was, is) = (account(&before["south"]).unwrap(), sim.account("south", who));
        for attribute in ["displayName", "jobTitle", "department", "accountEnabled", "userType"] {
            assert_eq!(was[attribute], is[attribute], "{attribute} of {who}");
        }
    }
    let log = place.log();
    let undone: Vec<&Value> = log.iter().filter(|e| e["trigger"] == "undo").collect();
    assert!(undone.iter().all(|e| e["why"] == "undo"));
    assert_eq!(undone.iter().filter(|e| e["action"] == "restore").count(), 50);
    place.run(&["log", "verify"]).code(0);
    // Nothing is left to take back; and once the cause is put right, nothing is to be done.
    let since = sim.seq();
    assert!(place.run(&["undo", &run]).code(0).out.contains("nothing to do"));
    assert_eq!(sim.seq(), since);
    leavers.iter().for_each(|who| sim.edit("north", who, &json!({ "employeeType": "Teacher" })));
    let since = sim.seq();
    place.run(&["sync"]).code(0);
    let writes = sim.ledger_since(since);
    assert!(writes.iter().all(|e| e["kind"] != "delete" && e["kind"] != "invite"), "{writes:#?}");
}

#[test]
fn attributes_go_back_where_nobody_has_changed_them_since() {
    let (place, sim) = Place::school(60);
    place.settle();
    let people = people(&sim, "north");
    let (who, other) = (&people[0], &people[1]);
    let title = |sim: &Sim, who: &str| sim.account("south", who)["jobTitle"].clone();
    let was = title(&sim, who);
    place.edit_rules("updates  = { percent = 50 }", "updates  = { max = 1000 }");
    for who in [who, other] {
        sim.edit("north", who, &json!({ "jobTitle": "Dean", "department": null }));
    }
    place.run(&["sync"]).code(0);
    let run = last_run(&place);
    let of_other = sim.account("south", other)["id"].as_str().unwrap().to_owned();
    sim.edit("south", &of_other, &json!({ "jobTitle": "Local" }));
    let done = place.run(&["undo", &run, "--user", who]).code(0);
    assert!(done.out.contains("north->south: 1 update"), "{}", done.out);
    assert_eq!(title(&sim, who), was);
    assert!(!sim.account("south", who)["department"].is_null());
    assert_eq!(title(&sim, other), "Local", "somebody else");
    place.run(&["undo", &run]).code(4).says("jobTitle was changed since");
    assert_eq!(title(&sim, other), "Local");
    assert!(!sim.account("south", other)["department"].is_null(), "what nobody has changed goes back");
    place.run(&["undo", "99"]).code(64).says("run 99 wrote nothing");
}

#[test]
fn what_a_run_made_is_guarded_like_any_other_deletion() {
    let (place, sim) = Place::school(60);
    place.settle();
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 0 }");
    sim.add("north", &super::support::teacher("north", "late.comer"));
    place.run(&["sync"]).code(0);
    let (run, since) = (last_run(&place), sim.seq());
    let refused = place.run(&["undo", &run]).code(3);
    assert_eq!(sim.seq(), since);
    let digest = refused.err.split("--approve ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    place.run(&["undo", &run, "--approve", &digest]).code(0);
    assert!(sim.accounts("south", "late.comer@north.fine-arts.example").is_empty());
    let deleted = sim.ledger_since(since);
    assert!(deleted.iter().all(|e| e["kind"] == "delete"), "{deleted:#?}");
    assert_eq!(deleted.len(), 2);
}

/// Above the number an undo takes signatures as any other plan does, and of it exactly that is made which is still so.
#[test]
fn an_undo_is_written_to_a_file_signed_and_carried_out_as_it_stands_there() {
    let (place, sim) = Place::school(60);
    place.settle();
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 500, percent = 100 }");
    let leavers = people(&sim, "north").split_off(4);
    leavers.iter().for_each(|who| sim.edit("north", who, &json!({ "employeeType": "Student" })));
    place.run(&["sync"]).code(0);
    let (run, since) = (last_run(&place), sim.seq());
    let public = keys(&place, &["ada.key"]);
    ask_for(&place, 3, 1, &public);
    let hint = format!("crosstie undo {run} --out FILE");
    place.run(&["undo", &run]).code(3).says(&hint);
    let planned = place.run(&["undo", &run, "--out", "undo.jsonl"]).code(3);
    let digest = planned.out.lines().rev().find_map(|l| l.strip_prefix("digest ")).unwrap().to_owned();
    place.run(&["undo", &run, "--approve", &digest]).code(3);
    place.run(&["sync", "--plan", "undo.jsonl"]).code(3).says("1 more of these are missing");
    place.run(&["undo", &run, "--out", "undo.jsonl"]).code(64).says("left as it is");
    assert_eq!(sim.seq(), since, "nothing was written so far");

    // Whose undo it is stands in the digest, so that no signature can be used for that of another run.
    let file = std::fs::read_to_string(place.path("undo.jsonl")).unwrap();
    place.secret("../other.jsonl", &file.replace(&format!("undo={run}"), "undo=1"));
    place.run(&["approve", "other.jsonl", "--key", "ada.key"]).code(64).says("it was changed");

    let signed = place.run(&["approve", "undo.jsonl", "--key", "ada.key"]).code(0);
    assert!(signed.out.starts_with(&format!("takes back what run {run} did:\n")), "{}", signed.out);
    // One came back in the meantime, and the rule that was wrong is put right: the signed undo is still what it was.
    let id =
        place.log().iter().find(|e| e["route"] == "north->south" && e["action"] == "delete").unwrap()["account"]["id"]
            .clone();
    sim.restore("south", id.as_str().unwrap());
    place.edit_rules("deletes  = { max = 500, percent = 100 }", "deletes  = { max = 500, percent = 10 }");
    let since = sim.seq();
    let done = place.run(&["sync", "--plan", "undo.jsonl"]).code(4);
    let done = done.says("would not be made any more").says("the next cycle makes the same changes again");
    assert!(!done.err.contains("the rules of the route have changed"), "{}", done.err);
    let writes = sim.ledger_since(since);
    assert!(writes.iter().all(|e| e["kind"] == "restore"), "{writes:#?}");
    assert_eq!(writes.len(), 2 * leavers.len() - 1);
    let log = place.log();
    assert!(log.iter().rev().take(writes.len()).all(|e| e["trigger"] == "undo" && e["why"] == "undo"));
    let status = place.run(&["status", "--format", "json"]).json();
    assert_eq!(status["runs"][0]["summary"]["approved_by"], json!(public), "{status:#}");
    place.run(&["log", "verify"]).code(0);
}

/// What a person edited since is not deleted with what a run had made: somebody has begun to work with that account.
#[test]
fn an_undo_in_a_file_leaves_accounts_that_are_not_what_they_were() {
    let (place, sim) = Place::school(60);
    place.settle();
    let who =
        ["late.comer", "later.comer"].map(|name| text(&super::support::teacher("north", name), "mail").to_owned());
    who.iter()
        .for_each(|who| drop(sim.add("north", &super::support::teacher("north", who.split_once('@').unwrap().0))));
    place.run(&["sync"]).code(0);
    let run = last_run(&place);
    place.run(&["undo", &run, "--out", "undo.jsonl"]).code(2);
    let id = sim.account("south", &who[0])["id"].as_str().unwrap().to_owned();
    sim.edit("south", &id, &json!({ "displayName": "Known Here" }));
    let since = sim.seq();
    place.run(&["sync", "--plan", "undo.jsonl"]).code(4).says(&format!("delete of {} was refused", who[0]));
    let gone = sim.ledger_since(since);
    assert!(gone.len() == 3 && gone.iter().all(|e| e["kind"] == "delete"), "{gone:#?}");
    assert_eq!(sim.account("south", &who[0])["displayName"], "Known Here");
}
