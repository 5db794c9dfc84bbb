//! What does a receiver hear while the program runs? Real processes, real stores, real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

use super::receiver::{SECRET, events, of_type, status, taking};
use super::support::{Place, Reply, Server, TENANTS, eventually, pause, status as answering, teacher, text};

/// Adds webhooks to a place's configuration: name, address, and what else stands in its table.
pub fn webhooks(place: &Place, hooks: &[(&str, &str, &str)]) {
    place.secret("webhook", &format!("{SECRET}\n"));
    let mut config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    for (name, url, more) in hooks {
        config +=
            &format!("[notify.webhooks.{name}]\nurl = \"{url}\"\nsecret = {{ file = \"secrets/webhook\" }}\n{more}\n");
    }
    place.write("crosstie.toml", &config);
}

/// A school with one receiver that takes everything.
fn with_receiver(people: usize) -> (Place, super::support::Sim, Server) {
    let (place, sim) = Place::school(people);
    let server = taking();
    webhooks(&place, &[("ops", &format!("{}/alerts", server.root), "")]);
    (place, sim, server)
}

/// A receiver whose answers can be changed; 0 is none at all, for a minute.
fn switched(first: u16) -> (Server, Arc<AtomicU16>) {
    let now = Arc::new(AtomicU16::new(first));
    let switch = Arc::clone(&now);
    let server = Server::start(move |_| {
        for _ in 0..6_000 {
            match now.load(Ordering::SeqCst) {
                0 => pause(10),
                code => return status(code),
            }
        }
        status(500)
    });
    (server, switch)
}

/// What waits, as `notify list` tells it.
pub fn waiting(place: &Place) -> Vec<Value> {
    place.run(&["notify", "list", "--format", "json"]).code(0).json()["waiting"].as_array().unwrap().clone()
}

/// Makes everything that waits due.
fn make_due(place: &Place) {
    let connection = rusqlite::Connection::open(place.db()).unwrap();
    connection.execute("UPDATE outbox SET next_at = 0", []).unwrap();
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| text(e, "id")).collect()
}

#[test]
fn the_end_of_the_change_log_is_told_whenever_it_has_moved() {
    let (place, sim, server) = with_receiver(60);
    place.run(&["sync"]).code(0);
    let told = events(&server);
    assert_eq!(told.len(), 1, "{told:#?}");
    let head = &told[0];
    assert_eq!(
        (text(head, "type"), text(head, "subject"), text(head, "source")),
        ("io.crosstie.log.head", "log", "/crosstie")
    );
    let verified = place.run(&["log", "verify"]).code(0).out;
    let (entries, hash) = (head["data"]["entries"].as_u64().unwrap(), text(&head["data"], "head"));
    assert!(verified.contains(&format!("{entries} entries, head {hash}")), "{verified}\n{head}");

    place.run(&["sync"]).code(0);
    assert_eq!(events(&server).len(), 1, "nothing was written, and there is nothing to tell");
    sim.add("north", &teacher("north", "newcomer"));
    place.run(&["sync"]).code(0);
    let told = of_type(&server, "log.head");
    assert_eq!(told.len(), 2);
    // The entry that was pinned first still stands in the log under that hash.
    assert_eq!(place.log()[usize::try_from(entries).unwrap() - 1]["hash"], hash);
    assert_ne!(told[1]["id"], told[0]["id"]);
    assert!(waiting(&place).is_empty());
}

#[test]
fn somebody_newly_held_is_told_of_once() {
    let (place, sim, server) = with_receiver(60);
    place.run(&["sync"]).code(0);
    let clash = |name: &str| {
        let newcomer = teacher("north", name);
        sim.add("north", &newcomer);
        let mut native = teacher("south", &format!("{name}.native"));
        native["mail"] = newcomer["mail"].clone();
        native["employeeType"] = json!("Student");
        sim.add("south", &native);
    };
    clash("ada");
    for _ in 0..2 {
        place.run(&["sync"]).code(4);
    }
    let told = of_type(&server, "users.held");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(text(&told[0], "subject"), "north->south");
    let data = &told[0]["data"];
    assert_eq!((&data["held"], &data["new"], &data["run"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!(text(&data["people"][0], "userPrincipalName"), "ada@north.fine-arts.example");
    assert!(text(&data["people"][0], "reason").contains("native accounts are never joined"), "{data}");

    clash("bob");
    place.run(&["sync"]).code(4);
    let told = of_type(&server, "users.held");
    assert_eq!(told.len(), 2);
    let data = &told[1]["data"];
    assert_eq!((&data["held"], &data["new"], data["people"].as_array().unwrap().len()), (&json!(2), &json!(1), 1));
    assert_eq!(text(&data["people"][0], "userPrincipalName"), "bob@north.fine-arts.example");
    assert!(of_type(&server, "run.failed").is_empty(), "who is held has not failed");
}

#[test]
fn a_refusal_of_the_guard_is_told_with_the_digest_that_lets_it_through() {
    let (place, _sim, server) = with_receiver(90);
    place.edit_rules("deletes  = { max = 500,", "deletes  = { max = 1,");
    place.settle();
    place.edit_rules("(Teacher|Staff)", "Staff");
    for _ in 0..2 {
        place.run(&["sync"]).code(3);
    }
    let told = of_type(&server, "route.refused");
    assert_eq!(told.len(), 6, "each route once, although two runs were refused: {told:#?}");
    let mut routes: Vec<&str> = told.iter().map(|e| text(e, "subject")).collect();
    routes.sort_unstable();
    routes.dedup();
    assert_eq!(routes.len(), 6);
    let limit = &told[0]["data"]["limits"][0];
    let (planned, linked) = (limit["planned"].as_u64().unwrap(), limit["linked"].as_u64().unwrap());
    assert!(1 < planned && planned <= linked, "{limit}");
    assert_eq!((text(limit, "rules"), text(limit, "action")), ("staff", "delete"));
    assert_eq!((&limit["max"], &limit["percent"]), (&json!(1), &json!(10)));
    place.run(&["sync", "--approve", text(&told[0]["data"], "digest")]).code(0);
    // It was let through, so the next refusal is news again.
    place.edit_rules("^Staff$", "^Nobody$");
    place.run(&["sync"]).code(3);
    assert_eq!(of_type(&server, "route.refused").len(), 12);
}

#[test]
fn what_fails_is_told_when_it_begins_and_a_run_that_ends_early_always() {
    let (place, sim, server) = with_receiver(60);
    place.run(&["sync"]).code(0);
    sim.fault("north", &answering(401));
    sim.add("south", &teacher("south", "newcomer"));
    sim.fault("west", &json!({ "kind": "invite", "times": 2, "effect": { "do": "status", "status": 400 } }));
    for _ in 0..2 {
        place.run(&["sync"]).code(4);
    }
    let told = of_type(&server, "run.failed");
    assert_eq!(told.len(), 1, "{told:#?}");
    let data = &told[0]["data"];
    assert_eq!((text(&told[0], "subject"), &data["exit_code"], &data["failed"]), ("run/2", &json!(4), &json!(1)));
    let reasons = data["reasons"].to_string();
    assert!(
        reasons.contains("north could not be read") && reasons.contains("south->west: 1 provision failed"),
        "{reasons}"
    );
    assert_eq!(text(&data["failures"][0], "route"), "south->west");
    assert_eq!(text(&data["failures"][0]["user"], "userPrincipalName"), "newcomer@south.fine-arts.example");

    sim.clear_faults();
    place.run(&["sync"]).code(0);
    sim.fault("north", &answering(401));
    place.run(&["sync", "--route", "south->west"]).code(0);
    place.run(&["sync"]).code(4);
    place.run(&["sync", "--route", "south->west"]).code(0);
    place.run(&["sync"]).code(4);
    assert_eq!(of_type(&server, "run.failed").len(), 2, "a run about one route says nothing about the others");

    sim.clear_faults();
    sim.add("north", &teacher("north", "another"));
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON log BEGIN SELECT RAISE(FAIL, 'no room for it'); END";
    rusqlite::Connection::open(place.db()).unwrap().execute_batch(broken).unwrap();
    for n in [3, 4] {
        place.run(&["sync"]).code(1);
        let told = of_type(&server, "run.failed");
        assert_eq!((told.len(), &told[n - 1]["data"]["exit_code"]), (n, &json!(1)));
        assert!(told[n - 1]["data"]["reasons"].to_string().contains("no room for it"), "{told:#?}");
    }
}

#[test]
fn a_run_that_cannot_put_its_end_down_is_told_of_all_the_same() {
    let (place, _sim, server) = with_receiver(30);
    place.run(&["sync"]).code(0);
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON runs BEGIN SELECT RAISE(FAIL, 'no room for it'); END";
    rusqlite::Connection::open(place.db()).unwrap().execute_batch(broken).unwrap();
    place.run(&["sync"]).code(1).says("no room for it");
    let told = of_type(&server, "run.failed");
    assert_eq!(told.len(), 1);
    assert!(told[0]["data"]["reasons"].to_string().contains("no room for it"), "{told:#?}");
    rusqlite::Connection::open(place.db()).unwrap().execute_batch("DROP TRIGGER broken").unwrap();
    place.run(&["sync"]).code(0);
    let told = of_type(&server, "run.failed");
    assert_eq!((told.len(), text(&told[0], "id")), (2, text(&told[1], "id")), "the next run tells of the same");
}

#[test]
fn a_receiver_that_hangs_keeps_no_run_from_its_work() {
    let (place, sim) = Place::school(30);
    let (hangs, _switch) = switched(0);
    let works = taking();
    let urls = [&hangs, &works].map(|s| format!("{}/alerts", s.root));
    webhooks(&place, &[("hangs", &urls[0], ""), ("works", &urls[1], "")]);
    place
        .run(&["sync"])
        .code(0)
        .says("webhook hangs: 1 alert still to be sent, with a later run")
        .says("no answer yet");
    assert_eq!(events(&works).len(), 1);
    let left = waiting(&place);
    assert_eq!((left.len(), &left[0]["webhook"], &left[0]["tries"]), (1, &json!("hangs"), &json!(1)));

    // And one that hangs from the beginning of a run: that goes on beside it.
    make_due(&place);
    sim.add("north", &teacher("north", "newcomer"));
    place.run(&["sync"]).code(0);
    assert_eq!(hangs.seen().len(), 2);
    assert_eq!(events(&works).len(), 2);
    assert_eq!(sim.accounts("west", "newcomer@north.fine-arts.example").len(), 1);
    let runs = place.run(&["status", "--format", "json"]).code(0).json();
    let time = |name: &str| chrono::DateTime::parse_from_rfc3339(text(&runs["runs"][0], name)).unwrap();
    let took = time("ended_at") - time("started_at");
    assert!(took.num_seconds() < 10, "the run took {took}: it waited for the attempt to end");
    // Put off, it is not waited for again.
    let before = hangs.seen().len();
    place.run(&["sync"]).code(0).says("webhook hangs: 2 alerts still to be sent");
    assert_eq!(hangs.seen().len(), before);
}

#[test]
fn stopped_while_it_waits_for_receivers_a_run_ends_as_it_ended() {
    let (place, _sim) = Place::school(30);
    let (hangs, _switch) = switched(0);
    webhooks(&place, &[("ops", &hangs.root, "")]);
    let run = place.start(&["sync"]);
    eventually("the end of the run", || place.db().exists() && waiting(&place).len() == 1);
    run.signal("TERM");
    run.end().code(0).says("webhook ops: 1 alert still to be sent");
    assert_eq!(waiting(&place).len(), 1);
}

#[test]
fn what_is_refused_is_sent_again_by_a_later_run_under_the_same_id() {
    let (place, _sim) = Place::school(30);
    let (server, switch) = switched(500);
    webhooks(&place, &[("ops", &server.root, "")]);
    place.run(&["sync"]).code(0).says("webhook ops: 1 alert still to be sent").says("answered 500");
    place.run(&["notify", "list"]).code(0);
    let shown = place.run(&["notify", "list"]).code(0).out;
    assert!(shown.contains("webhook ops: 1 alert still to be sent") && shown.contains("answered 500"), "{shown}");
    switch.store(204, Ordering::SeqCst);
    place.run(&["sync"]).code(0);
    assert_eq!(server.seen().len(), 1, "it is not due yet");
    make_due(&place);
    let done = place.run(&["sync"]).code(0);
    assert!(!done.err.contains("still to be sent"), "{}", done.err);
    let told = events(&server);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    assert!(waiting(&place).is_empty());
    assert_eq!(place.run(&["notify", "list"]).code(0).out, "no alert is still to be sent\n");
}

#[test]
fn a_redirect_is_not_followed() {
    let (place, _sim) = Place::school(30);
    let elsewhere = taking();
    let to = format!("{}/elsewhere", elsewhere.root);
    let moved = Server::start(move |_| Reply::Answer {
        status: 307,
        headers: vec![("Location".to_owned(), to.clone())],
        body: String::new(),
    });
    webhooks(&place, &[("ops", &moved.root, "")]);
    place.run(&["sync"]).code(0).says("answered 307; redirects are not followed");
    place.run(&["notify", "test"]).code(1).says("answered 307; redirects are not followed");
    assert_eq!(moved.seen().len(), 2);
    assert!(elsewhere.seen().is_empty());
    assert_eq!(waiting(&place).len(), 1);
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let (place, _sim) = Place::school(30);
    let endless = Server::start(|_| Reply::Endless);
    webhooks(&place, &[("ops", &endless.root, "")]);
    place.run(&["sync"]).code(0);
    assert!(waiting(&place).is_empty(), "it said 200, and that is all that counts");
}

#[test]
fn killed_between_its_end_and_the_delivery_a_run_loses_no_alert() {
    let (place, sim) = Place::school(60);
    let (server, switch) = switched(0);
    webhooks(&place, &[("ops", &server.root, "")]);
    let mut told: Vec<Value> = Vec::new();
    for round in 0..3 {
        sim.add("north", &teacher("north", &format!("newcomer{round}")));
        make_due_if_there(&place);
        let seen = server.seen().len();
        let run = place.start(&["sync"]);
        eventually("an attempt", || server.seen().len() > seen);
        if round > 0 {
            eventually("the end of the run", || waiting(&place).len() > told.len());
        }
        run.kill();
        let waits: Vec<Value> = waiting(&place).into_iter().map(|w| w["event"].clone()).collect();
        assert_eq!(&waits[..told.len()], &told[..], "what waited before waits on, as it was");
        assert!(waits.len() > told.len());
        told = waits;
    }
    let attempts = events(&server);
    assert!(attempts.iter().all(|e| *e == told[0]), "the first alert is tried until it is taken");
    switch.store(204, Ordering::SeqCst);
    make_due(&place);
    let seen = server.seen().len();
    place.run(&["sync"]).code(0);
    let taken = events(&server).split_off(seen);
    assert_eq!(ids(&taken), ids(&told), "all of them, once, in their order");
    assert!(waiting(&place).is_empty());
}

fn make_due_if_there(place: &Place) {
    if place.db().exists() {
        make_due(place);
    }
}

#[test]
fn a_run_that_was_killed_is_told_of_by_the_next_one() {
    let (place, sim, server) = with_receiver(60);
    sim.fault("south", &json!({ "method": "PATCH", "effect": { "do": "delay", "millis": 300 } }));
    let run = place.start(&["sync"]);
    eventually("a write", || !sim.ledger().is_empty());
    run.kill();
    sim.clear_faults();
    for _ in 0..2 {
        place.run(&["sync"]).code(0);
    }
    let told = of_type(&server, "run.failed");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((text(&told[0], "subject"), &told[0]["data"]["exit_code"]), ("run/1", &Value::Null));
    assert!(told[0]["data"]["reasons"].to_string().contains("never ended"));
    let heads = of_type(&server, "log.head");
    assert_eq!(heads.len(), 1, "what the killed run wrote is told with the next end of the log");
    assert_eq!(heads[0]["data"]["entries"], place.log().len());
}

#[test]
fn each_receiver_hears_of_what_it_asked_for() {
    let (place, sim) = Place::school(60);
    let (auditor, ops) = (taking(), taking());
    let own = "events = [\"log-head\"]";
    let most =
        "events = [\"run-failed\", \"users-held\", \"route-refused\"]\n[notify]\nsource = \"urn:example:school\"";
    webhooks(&place, &[("auditor", &auditor.root, own), ("ops", &ops.root, most)]);
    place.run(&["sync"]).code(0);
    sim.fault("north", &answering(503));
    sim.add("west", &teacher("west", "newcomer"));
    place.run(&["sync"]).code(4);
    let types = |server: &Server| events(server).iter().map(|e| text(e, "type").to_owned()).collect::<Vec<_>>();
    assert_eq!(types(&auditor), ["io.crosstie.log.head", "io.crosstie.log.head"]);
    assert_eq!(types(&ops), ["io.crosstie.run.failed"]);
    assert_eq!(events(&ops)[0]["source"], "urn:example:school");
}

#[test]
fn with_every_tenant_down_the_alert_still_arrives() {
    let (place, sim, server) = with_receiver(30);
    for tenant in TENANTS {
        sim.fault(tenant, &answering(401));
    }
    place.run(&["sync"]).code(4);
    let told = events(&server);
    assert_eq!(told.iter().map(|e| text(e, "type")).collect::<Vec<_>>(), ["io.crosstie.run.failed"]);
    assert_eq!(told[0]["data"]["reasons"].as_array().unwrap().len(), 3);
}
