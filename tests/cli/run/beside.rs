//! Who may work beside a running schedule, and what does a word to it do?

use std::process::Command;

use super::*;

fn host() -> String {
    let told = Command::new("uname").arg("-n").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_second_writer_is_told_who_keeps_the_schedule_and_whoever_looks_is_let_in() {
    let (place, sim) = school(90, OFTEN);
    let narrow = limits(&sim, 20, 4);
    configure(&place, &sim, OFTEN, &narrow);
    let mut command = place.command(&["run"]);
    command.env("USER", "ada");
    let mut run = Running::start(command);
    eventually("the first write", || !sim.ledger().is_empty());
    let who = format!("ada@{}, process {}, run since 20", host(), run.id());
    for verb in [&["run"] as &[&str], &["sync"], &["run", "--once"], &["run", "--take-over"]] {
        place.run(verb).code(1).says("in use by another crosstie").says(&who);
    }
    let name = text(&sim.staff("north")[0], "userPrincipalName").to_owned();
    let ended = || lines_with(&run, "the cycle has ended");
    let mut looked = 0;
    while ended() == 0 || looked < 3 {
        place.run(&["status"]).code(0);
        place.run(&["status", "--format", "json"]).code(0).json();
        place.run(&["log", "--format", "jsonl"]).code(0).lines();
        place.run(&["log", "verify"]).code(0);
        for verb in
            [&["plan"] as &[&str], &["plan", "--offline"], &["explain", &name], &["explain", &name, "--offline"]]
        {
            let done = place.run(verb);
            let known = if verb.contains(&"--offline") { [0, 2, 4] } else { [0, 2, 2] };
            assert!(done.code.is_some_and(|code| known.contains(&code)), "{verb:?}: {done:?}");
        }
        looked += 1;
    }
    assert!(!run.has_ended());
    stop(&place, run);
    place.settle();
    no_window_was_over(&sim);
    assert_log_matches(&place, &sim, false);
}

/// Lets so many whole cycles pass.
#[track_caller]
fn pass(run: &Running, cycles: usize) {
    let before = lines_with(run, "the cycle has ended");
    until_ended(run, before + cycles + 1);
}

#[test]
fn who_failed_twice_waits_until_a_person_says_otherwise() {
    let (place, sim) = school(30, OFTEN);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let mover = text(&sim.staff("north")[3], "mail").to_owned();
    let account = text(&sim.account("south", &mover), "id").to_owned();
    let refuse = json!({ "path": format!("/users/{account}"), "method": "PATCH",
                         "effect": { "do": "status", "status": 400, "code": "Request_BadRequest" } });
    sim.fault("south", &refuse);
    promote(&sim, "north", "Dean");
    let tried = || sim.ledger().iter().filter(|w| w["status"] == 400).count();
    eventually("two tries", || tried() == 2);
    pass(&run, 1);
    sim.clear_faults();
    pass(&run, 1);
    assert!(tried() == 2 && !has_title(&sim, "south", &mover, "Dean"), "did not wait");
    place.run(&["retry", "--user", "nobody@north.fine-arts.example"]).code(1).says("no home user").says("hint");
    place.run(&["retry", "--route", "north->east"]).code(64).says("north->south");
    // Nobody waits on the other routes.
    let others = place.run(&["retry", "--route", "south->west"]).code(0);
    assert_eq!(others.out.trim(), "nothing waits that could be tried again");
    let done = place.run(&["retry", "--user", &mover]).code(0);
    assert_eq!(done.out.trim(), "tried again with the next cycle: 1 failed change");
    eventually("the promotion", || has_title(&sim, "south", &mover, "Dean"));
    stop(&place, run);
    place.settle();
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_quarantined_route_is_probed_at_once_when_a_person_says_so() {
    let (place, sim) = school(30, OFTEN);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let allow = |who: &str| sim.settings("south", &json!({ "invitations": { "allow_from": who } }));
    allow("none");
    for n in 0..14 {
        sim.add("north", &teacher("north", &format!("newcomer{n}")));
    }
    until_said(&run, "the route is quarantined");
    // What was under way then has its answer.
    pass(&run, 1);
    allow("everyone");
    pass(&run, 1);
    let there = || {
        (0..14).filter(|n| !sim.accounts("south", &format!("newcomer{n}@north.fine-arts.example")).is_empty()).count()
    };
    assert_eq!(there(), 0, "did not wait");
    let done = place.run(&["retry", "--route", "north->south"]).code(0);
    assert_eq!(done.out.trim(), "tried again with the next cycle: 1 quarantined route");
    eventually("all of them", || there() == 14);
    until_said(&run, "the route works again");
    stop(&place, run);
    place.settle();
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_tenant_that_is_left_alone_is_asked_at_once_when_a_person_says_so() {
    let (place, sim) = school(30, OFTEN);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    sim.fault("west", &json!({ "kind": "token", "effect": { "do": "status", "status": 400, "body": "{}" } }));
    sim.control("POST", "expire-tokens", &Value::Null);
    until_said(&run, "the tenant is left alone for a while");
    sim.clear_faults();
    let mover = promote(&sim, "north", "Dean");
    eventually("the promotion", || has_title(&sim, "south", &mover, "Dean"));
    pass(&run, 1);
    assert!(!has_title(&sim, "west", &mover, "Dean"), "did not wait");
    let done = place.run(&["retry"]).code(0);
    assert_eq!(done.out.trim(), "tried again with the next cycle: 1 tenant left alone");
    eventually("the promotion in west", || has_title(&sim, "west", &mover, "Dean"));
    until_said(&run, "the tenant works again");
    stop(&place, run);
    place.settle();
}

#[test]
fn without_a_store_nothing_waits() {
    let (place, _sim) = school(30, SELDOM);
    let done = place.run(&["retry"]).code(0);
    assert!(done.out.contains("there is no store yet"), "{}", done.out);
    place.run(&["retry", "--user", "somebody"]).code(0);
    assert!(place.state().is_empty(), "retry made a store");
}
