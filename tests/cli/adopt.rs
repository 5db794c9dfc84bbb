//! Does a lost store come back from what the accounts say, and is whoever asks for too much told so?

use std::fs;

use serde_json::{Value, json};

use super::support::{Place, Sim, text};

/// Every target stamps.
fn stamping() -> (Place, Sim) {
    let (place, sim) = Place::school(40);
    let path = place.path("crosstie.toml");
    let config = fs::read_to_string(&path).unwrap();
    let stamped = config.replace("client_secret", "stamp = \"extensionAttribute15\"\nclient_secret");
    assert_ne!(config, stamped);
    fs::write(path, stamped).unwrap();
    (place, sim)
}

fn lose_the_store(place: &Place) {
    for name in ["state/crosstie.db", "state/crosstie.db-wal", "state/crosstie.db-shm"] {
        let _ = fs::remove_file(place.path(name));
    }
}

#[test]
fn a_lost_store_is_rebuilt_by_one_command() {
    let (place, sim) = stamping();
    place.settle();
    let before = sim.everybody();
    lose_the_store(&place);
    let since = sim.seq();
    // Looking makes no store, and says what there is.
    let looked = place.run(&["adopt", "--dry-run"]).code(2);
    assert!(looked.out.contains(" to adopt, 0 linked already, 0 refused"), "{}", looked.out);
    assert!(!place.path("state/crosstie.db").exists());

    let adopted = place.run(&["adopt", "--format", "json"]).code(0).says("nothing was written to any tenant").json();
    let log = place.log();
    assert_eq!((&adopted["run"], adopted["adopted"].as_array().unwrap().len()), (&log[0]["run"], log.len()));
    assert!(log.iter().all(|e| e["trigger"] == "adopt" && e["action"] == "join" && e["why"] == "adopted by its stamp"));
    assert!(place.run(&["adopt"]).code(0).out.contains(": 0 adopted, "), "once is enough");
    place.run(&["plan"]).code(0);
    place.run(&["sync"]).code(0);
    assert_eq!((sim.seq(), sim.everybody() == before), (since, true), "nothing was written to any tenant");
    place.run(&["log", "verify"]).code(0);
}

#[test]
fn what_is_not_adopted_is_told_and_what_makes_no_sense_refused() {
    let (place, sim) = stamping();
    place.settle();
    lose_the_store(&place);
    let staff = sim.staff("north");
    let leaver = text(&staff[0], "userPrincipalName").to_owned();
    sim.edit("north", &leaver, &json!({ "employeeType": "Student" }));
    let route = ["--route", "north->south"];
    let found = place.run(&[&["adopt", "--dry-run", "--format", "json"], &route[..]].concat()).code(4).json();
    let all = found["routes"][0]["adopted"].as_u64().unwrap();
    assert!(all > 0 && found["adopted"].as_array().unwrap().len() as u64 == all, "{found:#}");
    assert_eq!((&found["routes"][0]["refused"], &found["refused"][0]["route"]), (&json!(1), &json!("north->south")));
    assert!(found["refused"][0]["why"].as_str().unwrap().contains("out of scope: --leavers"), "{found:#}");
    let told = place.run(&[&["adopt"], &route[..]].concat()).code(4);
    assert!(
        told.out.contains(", 1 refused") && told.err.contains("out of scope: --leavers"),
        "{}{}",
        told.out,
        told.err
    );
    assert!(!told.out.contains("south->north"), "only that route: {}", told.out);
    // A machine is told the same, and all of it.
    let found =
        place.run(&[&["adopt", "--leavers", "--dry-run", "--format", "json"], &route[..]].concat()).code(2).json();
    assert_eq!(
        (&found["run"], &found["refused"], &found["skipped"]),
        (&Value::Null, &json!([]), &json!([])),
        "{found:#}"
    );
    assert_eq!(found["routes"][0]["adopted"], 1);
    let account = sim.account("south", &leaver);
    let one = json!({
        "route": "north->south",
        "home": { "id": staff[0]["id"], "userPrincipalName": leaver },
        "account": { "id": account["id"], "userPrincipalName": account["userPrincipalName"] },
        "from": null,
    });
    assert_eq!(found["adopted"], json!([one]), "{found:#}");
    let told = place.run(&[&["adopt", "--leavers"], &route[..]].concat()).code(0);
    assert!(told.out.contains("north->south: 1 adopted"), "{}", told.out);
    place.run(&["adopt", "--user", &leaver]).code(64);
    place.run(&["adopt", "--user", "nobody", "--account", "nobody"]).code(1).says("no route leads from a home user");
    place.run(&["adopt", "--route", "north->nowhere"]).code(64);

    let (place, _sim) = Place::school(40);
    place.run(&["adopt"]).code(64).says("no target has a stamp");
    assert!(!place.path("state/crosstie.db").exists(), "nothing was written");
}
