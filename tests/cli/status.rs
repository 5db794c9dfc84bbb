//! Does whoever looks see at once how things stand?

use serde_json::{Value, json};

use super::support::{Place, eventually, teacher};

fn status(place: &Place) -> Value {
    place.run(&["status", "--format", "json"]).code(0).json()
}
fn said(place: &Place) -> String {
    place.run(&["status"]).code(0).out
}
fn first(text: &str) -> &str {
    text.lines().next().unwrap()
}
fn lanes(status: &Value, target: &str) -> Vec<Value> {
    let targets = status["targets"].as_array().unwrap();
    targets.iter().find(|t| t["target"] == target).unwrap()["lanes"].as_array().unwrap().clone()
}

#[test]
fn the_first_line_says_whether_a_person_is_needed() {
    let (place, sim) = Place::school(60);
    assert_eq!(first(&said(&place)), "nothing was synchronised yet");
    assert_eq!((status(&place)["well"].clone(), status(&place)["needs"].clone()), (json!(false), json!([])));
    place.settle();
    assert_eq!(first(&said(&place)), "all well");
    assert_eq!(status(&place)["well"], true);

    // Two people at home with one address: nobody can know whose it is.
    for name in ["one", "other"] {
        let mut twin = teacher("north", name);
        twin["mail"] = json!("twins@north.fine-arts.example");
        sim.add("north", &twin);
    }
    place.run(&["sync"]).code(4);
    let text = said(&place);
    assert!(first(&text).starts_with("needs a person"), "{text}");
    let held = text.lines().find(|l| l.contains("held, for a person to decide")).unwrap_or_else(|| panic!("{text}"));
    assert!(held.starts_with("  north->"), "{held}");
    let told = status(&place);
    assert_eq!(told["well"], false);
    assert!(told["needs"][0]["what"].as_str().unwrap().contains("held"), "{}", told["needs"]);
    assert!(told["needs"][0]["hint"].as_str().unwrap().contains("crosstie explain"));
}

#[test]
fn what_waits_is_shown_while_it_is_written() {
    let (place, _sim) = Place::school(300);
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write("crosstie.toml", &(config + "[tenants.south.limits]\nwrites = 10\nwindow_seconds = 600\n"));
    assert!(lanes(&status(&place), "south").is_empty());
    let sync = place.start(&["sync"]);
    eventually("the window of south is used up", || {
        let told = status(&place);
        let left = told["budgets"].as_array().unwrap().iter().find(|b| b["tenant"] == "south").unwrap()["left"].clone();
        left == 0 && !lanes(&told, "south").is_empty()
    });
    let (told, text) = (status(&place), said(&place));
    sync.signal("TERM");
    sync.end().code(1);
    let lanes = lanes(&told, "south");
    let names: Vec<&str> = lanes.iter().map(|l| l["lane"].as_str().unwrap()).collect();
    let order = ["leavers", "restores", "updates", "joins", "provisions", "references"];
    let places: Vec<_> = names.iter().map(|n| order.iter().position(|o| o == n).unwrap()).collect();
    assert!(places.is_sorted() && names.contains(&"provisions"), "{names:?}");
    let pending = |told: &Value| -> u64 {
        let routes = told["routes"].as_array().unwrap().iter();
        routes
            .filter(|r| r["route"].as_str().unwrap().ends_with("->south"))
            .map(|r| r["pending"].as_u64().unwrap())
            .sum()
    };
    let changes: u64 = lanes.iter().map(|l| l["changes"].as_u64().unwrap()).sum();
    assert!(changes.abs_diff(pending(&told)) <= 1, "{told}");
    // Ten in ten minutes, and what waits is more than ten.
    let provisions = lanes.iter().find(|l| l["lane"] == "provisions").unwrap();
    let (writes, eta) = (provisions["writes"].as_u64().unwrap(), provisions["eta_seconds"].as_u64().unwrap());
    assert!(writes > 10 && eta > 600 && eta >= (writes / 10 - 1) * 600, "{provisions}");
    assert!(provisions["since"].is_string() && provisions["stopped"] == 0, "{provisions}");
    assert!(
        first(&text).starts_with("all well; ") && first(&text).contains(" changes wait, which take at least "),
        "{text}"
    );
    assert!(text.lines().any(|l| l.split_whitespace().take(2).eq(["south", "provisions"])), "{text}");
    // The documentation shows the same table.
    let head: Vec<&str> = text.lines().find(|l| l.contains(" lane ")).unwrap().split_whitespace().collect();
    let doc = include_str!("../../docs/operations.md");
    let shown: Vec<&str> = doc.lines().find(|l| l.starts_with(" into ")).unwrap().split_whitespace().collect();
    assert_eq!(head, shown);
    // A run that was cut short is said to be.
    let after = said(&place);
    assert!(after.contains("run 1 ended before everything was done"), "{after}");
}

#[test]
fn a_tenant_that_is_left_alone_and_people_who_fail_are_told_with_the_reason() {
    let (place, sim) = Place::school(60);
    place.settle();
    let denied = json!({ "kind": "delta", "effect": { "do": "status", "status": 403, "code": "Authorization_RequestDenied",
        "message": "Insufficient privileges\u{1b}[31m" } });
    sim.fault("south", &denied);
    place.run(&["sync"]).code(4);
    let once = said(&place);
    assert_eq!(first(&once), "all well", "a reading may fail:\n{once}");
    assert!(
        once.contains("south: reading may fail a few times before it is left alone; 1 failures in a row"),
        "{once}"
    );
    (0..2).for_each(|_| drop(place.run(&["sync"]).code(4)));
    let text = said(&place);
    assert!(text.contains("  south cannot be read since ") && text.contains("3 failures in a row"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let told = status(&place);
    let south = told["tenants"].as_array().unwrap().iter().find(|t| t["tenant"] == "south").unwrap();
    assert_eq!(south["breakers"]["reading"]["failures"], 3);
    assert!(south["breakers"]["reading"]["open_until"].as_str() > south["breakers"]["reading"]["since"].as_str());
    assert!(south["age_seconds"].is_u64() && south["breakers"]["writing"].is_null());
    sim.clear_faults();
    place.settle();
    assert_eq!(first(&said(&place)), "all well");

    let staff = sim.staff("north");
    let refuse =
        json!({ "kind": "patch", "effect": { "do": "status", "status": 400, "code": "Bad", "message": "no" } });
    sim.fault("south", &refuse);
    for person in &staff[..4] {
        sim.edit("north", person["id"].as_str().unwrap(), &json!({ "jobTitle": "Dean" }));
    }
    (0..2).for_each(|_| drop(place.run(&["sync"]).code(4)));
    let text = said(&place);
    assert!(text.contains("north->south: the changes of 4 people failed; the first is tried again in "), "{text}");
    let line = text.lines().find(|l| l.starts_with("  north->south failed ")).unwrap();
    assert!(line.contains(" and 1 more (2 times; again in 10 min): "), "the same reason is told once: {line}");
    let told = status(&place);
    let route = told["routes"].as_array().unwrap().iter().find(|r| r["route"] == "north->south").unwrap();
    assert_eq!((&route["failed"], &route["people"][0]["tries"]), (&json!(4), &json!(2)));
    assert!(route["next_try"].is_string() && route["people"][0]["next_try"].is_string());
}

#[test]
fn whoever_writes_is_told_where_the_store_says_so() {
    let (place, _sim) = Place::school(60);
    place.settle();
    assert_eq!((status(&place)["writer"].clone(), status(&place)["under_way"].clone()), (json!(null), json!(null)));
    let sql = |sql: &str| rusqlite::Connection::open(place.db()).unwrap().execute_batch(sql).unwrap();
    let writer = |seen: &str| {
        let row = json!({ "user": "svc", "host": "h\u{1b}", "pid": 17, "verb": "run", "since": "2026-11-27T09:00:00.000Z",
            "seen": seen });
        sql(&format!("INSERT OR REPLACE INTO meta (name, value) VALUES ('writer', '{row}')"));
    };
    writer("2999-01-01T00:00:00.000Z");
    sql("INSERT INTO runs (cause, started_at) VALUES ('schedule', 1795392000000)");
    let (text, told) = (said(&place), status(&place));
    assert_eq!(first(&text), "all well", "{text}");
    assert!(text.contains("\nwritten by svc@h\\u{1b}, process 17, run since 2026-11-27T09:00:00.000Z\n"), "{text}");
    assert!(text.contains("run 2 (schedule) 2026-11-23T00:00:00.000Z: under way for "), "{text}");
    assert_eq!((&told["under_way"], &told["writer"]["pid"]), (&json!(2), &json!(17)));
    writer("2026-01-01T00:00:00.000Z");
    let text = said(&place);
    assert!(text.contains("no sign of life for ") && text.contains("svc@h\\u{1b}, process 17"), "{text}");
    assert_eq!(status(&place)["well"], false);
}
