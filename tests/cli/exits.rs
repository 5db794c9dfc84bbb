//! Which exit code do scripts see, and what was done by then?

use std::process::Command;

use serde_json::json;

use super::support::{Place, Running, Sim, crosstie, status, teacher, text};

fn nothing_was_asked(sim: &Sim) {
    assert_eq!(sim.get("stats"), json!({}), "somebody was asked");
    assert!(sim.ledger().is_empty());
}

#[test]
fn usage_errors_are_64_and_touch_nothing() {
    let (place, sim) = Place::school(30);
    let routes = "north->south, north->west, south->north, south->west, west->north, west->south";
    let wrong: [(&[&str], &str); 12] = [
        (&["frobnicate"], "frobnicate"),
        (&[], "Usage"),
        (&["sync", "--frob"], "--frob"),
        (&["plan", "--route", "north->east"], routes),
        (&["sync", "--route", "north"], routes),
        (&["sync", "--route", "north->north"], routes),
        (&["log", "--since", "yesterday"], "2026-11-22"),
        (&["log", "--action", "explode"], "provision"),
        (&["log", "--run", "one"], "one"),
        (&["plan", "--format", "xml"], "jsonl"),
        (&["-q", "-v", "status"], "--quiet"),
        (&["eval", "Nonsense([x])"], "Nonsense"),
    ];
    for (arguments, part) in wrong {
        let done = place.run(arguments).code(64).says(part);
        assert!(done.out.is_empty(), "{arguments:?} printed {}", done.out);
    }
    for verb in ["plan", "sync", "status", "log", "check"] {
        let mut command = crosstie();
        command.args(["--config", "nowhere.toml", verb]).current_dir(place.folder.path());
        Running::start(command).end().code(64).says("nowhere.toml");
    }
    for asked in [&["--help"] as &[&str], &["--version"], &["plan", "--help"]] {
        assert!(!place.run(asked).code(0).out.is_empty());
    }
    assert!(place.state().is_empty());
    nothing_was_asked(&sim);
}

#[test]
fn a_missing_secret_is_64_and_nothing_is_sent() {
    let (place, sim) = Place::school(30);
    std::fs::remove_file(place.path("secrets/south")).unwrap();
    place.secret("west", "\n");
    for verb in ["plan", "sync"] {
        let done = place.run(&[verb]).code(64).says("tenant south").says("tenant west");
        assert!(done.out.is_empty());
    }
    assert!(place.state().is_empty(), "{:?}", place.state().keys());
    nothing_was_asked(&sim);
    // Looking at what is remembered needs no secret.
    place.run(&["status"]).code(0);
}

#[test]
fn a_wrong_secret_is_4_and_names_the_tenant() {
    let (place, sim) = Place::school(30);
    place.secret("south", "wrong");
    let done = place.run(&["sync"]).code(4).says("south").says("AADSTS7000215");
    assert!(!done.err.contains("wrong\n") && !done.err.contains("\"wrong\""), "{}", done.err);
    assert!(sim.ledger().iter().all(|w| w["tenant"] != "south"));
}

#[test]
fn the_guard_refuses_with_3_until_exactly_this_plan_is_approved() {
    let (place, sim) = Place::school(90);
    place.settle();
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 2 }");
    let staff = sim.staff("north");
    staff.iter().take(3).for_each(|u| sim.delete("north", text(u, "id")));
    let mover = sim.staff("west").remove(4);
    sim.edit("west", text(&mover, "id"), &json!({ "jobTitle": "Dean" }));

    // 3 before 2.
    let plan = place.run(&["plan", "--format", "jsonl"]).code(3).says("3 accounts to delete");
    let digest = text(plan.lines().last().unwrap(), "digest").to_owned();
    let of_refused = text(plan.lines().last().unwrap(), "refused_digest").to_owned();
    assert!(plan.err.contains(&format!("--approve {of_refused}")), "{}", plan.err);
    let since = sim.seq();
    place.run(&["sync"]).code(3);
    assert!(sim.ledger_since(since).iter().all(|w| w["kind"] != "delete"), "deleted without approval");
    assert_eq!(sim.account("north", text(&mover, "mail"))["jobTitle"], "Dean", "other routes had to wait");

    // Approved was another plan: the mover is done by now.
    place.run(&["sync", "--approve", &digest]).code(3).says("not the one that was approved");
    place.run(&["sync", "--approve", &format!("sha256:{}", "0".repeat(64))]).code(3);
    place.run(&["sync", "--approve", "sha256:00"]).code(64);
    // The digest of what was refused is still the same.
    assert_eq!(
        text(place.run(&["plan", "--format", "jsonl"]).code(3).lines().last().unwrap(), "refused_digest"),
        of_refused
    );
    assert!(sim.ledger_since(since).iter().all(|w| w["kind"] != "delete"));
    let digest = place.digest();
    sim.delete("north", text(&staff[3], "id"));
    place.run(&["sync", "--approve", &digest]).code(3);
    assert!(sim.ledger_since(since).iter().all(|w| w["kind"] != "delete"), "more than was approved");
    place.run(&["sync", "--approve", &place.digest()]).code(0);
    assert_eq!(sim.ledger_since(since).iter().filter(|w| w["kind"] == "delete").count(), 8);
    place.run(&["plan"]).code(0);
}

#[test]
fn held_people_are_4_and_3_goes_before_4_goes_before_2() {
    let (place, sim) = Place::school(90);
    place.settle();
    let native = sim.staff("south").remove(0);
    let mut double = teacher("north", "double");
    double["mail"] = native["mail"].clone();
    sim.add("north", &double);
    let held = place.run(&["plan", "--format", "json"]).code(4).json();
    assert_eq!(held["held"].as_array().unwrap().len(), 2, "{held:#}");
    assert!(text(&held["held"][0], "reason").contains("native accounts are never joined"));
    let since = sim.seq();
    assert!(place.run(&["sync"]).code(4).out.contains("held"));
    assert!(sim.ledger_since(since).is_empty(), "somebody else's account was touched");
    place.run(&["plan"]).code(4);
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 0 }");
    sim.delete("west", text(&sim.staff("west")[0], "id"));
    place.run(&["plan"]).code(3);
    place.run(&["sync"]).code(3);
    // 1 before 3: the plan cannot be written to where it shall be.
    place.run(&["plan", "--out", "no/such/folder/plan.jsonl"]).code(1).says("no/such/folder");
    // 64 before everything.
    place.run(&["plan", "--route", "a->b"]).code(64);
}

#[test]
fn an_approval_does_not_hide_a_tenant_that_is_down() {
    let (place, sim) = Place::school(30);
    place.run(&["sync"]).code(0);
    sim.fault("west", &json!({ "kind": "token", "effect": { "do": "status", "status": 400, "body": "{}" } }));
    sim.control("POST", "expire-tokens", &json!(null));
    place.run(&["plan"]).code(4).says("west");
    sim.clear_faults();
    sim.fault("west", &status(501));
    place.run(&["plan"]).code(4).says("west");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (place, _sim) = Place::school(600);
    let program = assert_cmd::cargo::cargo_bin!("crosstie").display().to_string();
    let piped = |verb: &str| {
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(format!("'{program}' {verb} | head -1; exit ${{PIPESTATUS[0]}}"));
        shell.current_dir(place.folder.path()).env_remove("CROSSTIE_CONFIG");
        Running::start(shell).end()
    };
    let plan = piped("plan --format jsonl").code(2);
    assert!(plan.err.is_empty(), "{}", plan.err);
    place.run(&["sync"]).code(0);
    for verb in ["log --format jsonl", "log --format csv", "log", "status"] {
        let done = piped(verb).code(0);
        assert!(done.err.is_empty() && done.out.lines().count() == 1, "{verb}: {done:?}");
    }
}

#[test]
fn output_that_cannot_be_written_is_1() {
    let (place, _sim) = Place::school(30);
    for verb in ["check", "plan"] {
        let mut shell = Command::new("sh");
        let program = assert_cmd::cargo::cargo_bin!("crosstie").display().to_string();
        shell.arg("-c").arg(format!("exec '{program}' {verb} > /dev/full")).current_dir(place.folder.path());
        Running::start(shell).end().code(1).says("standard output");
    }
}
