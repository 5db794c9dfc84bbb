//! What do the plan as a whole, the last cycle, other rule sets, and people who mean harm make of it?

use serde_json::{Value, json};

use super::{attribute, guest, rungs, says, told};
use crate::support::{Done, Place, native, someone_without_reports, status, teacher, text};

#[test]
fn what_the_whole_plan_makes_of_a_person_is_told() {
    let (place, sim) = Place::school(90);
    place.settle();
    // Two people, one address.
    let mut twins = [teacher("north", "twin"), teacher("north", "other")];
    twins[1]["mail"] = twins[0]["mail"].clone();
    let twins = twins.map(|twin| sim.add("north", &twin));
    let shared = told(&place, &twins[0], "north->south", 4);
    assert_eq!((&shared["decision"]["action"], &shared["plan"]["lane"]), (&json!("provision"), &Value::Null));
    assert!(text(&shared["plan"], "held").contains("shares its address or account with other@"), "{shared:#}");
    twins.iter().for_each(|twin| sim.delete("north", twin));

    // The account is another's already.
    let owner = someone_without_reports(&sim, "north");
    let mut late = teacher("north", "late");
    late["mail"] = owner["mail"].clone();
    let late = sim.add("north", &late);
    let taken = told(&place, &late, "north->south", 4);
    let candidate = &rungs(&taken)[0]["candidates"][0];
    assert_eq!(
        (&candidate["fate"], &candidate["taken_by"]["userPrincipalName"]),
        (&json!("taken"), &owner["userPrincipalName"])
    );
    says(
        place.run(&["explain", &late, "--route", "north->south"]).code(4),
        &[&format!("it is another home user's ({} on north->south)", text(&owner, "userPrincipalName"))],
    );
    place.run(&["sync"]).code(4);
    assert_eq!(told(&place, &late, "north->south", 4)["unsettled"]["state"], "held");
    sim.delete("north", &late);
    place.settle();

    // Leavers go first, and the guard stops the route.
    let staff = sim.staff("north");
    let leavers: Vec<&Value> = staff.iter().filter(|u| u["id"] != owner["id"]).take(3).collect();
    sim.edit("north", text(&owner, "id"), &json!({ "jobTitle": "Dean" }));
    leavers.iter().for_each(|u| sim.delete("north", text(u, "id")));
    let behind = told(&place, text(&owner, "id"), "north->south", 0);
    assert!(behind["plan"]["before_it"].as_u64().unwrap() >= 3, "{:#}", behind["plan"]);
    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 2 }");
    for user in [text(&owner, "id"), text(leavers[0], "id")] {
        let refused = told(&place, user, "north->south", 3);
        let limits = refused["plan"]["refused"].as_array().unwrap();
        assert!(limits.len() == 1 && limits[0].as_str().unwrap().contains("3 accounts to delete"), "{limits:?}");
        assert_eq!(refused["plan"]["before_it"], Value::Null);
        says(
            place.run(&["explain", user, "--route", "north->south"]).code(3),
            &[
                "=> would be: account",
                "but the guard refuses the route, and nothing of it is written: north->south: 3 accounts to delete",
            ],
        );
    }
}

#[test]
fn who_waits_or_failed_is_told_with_what_came_between() {
    let (place, sim) = Place::school(60);
    place.settle();
    let user = someone_without_reports(&sim, "north");
    let (id, mail) = (text(&user, "id"), text(&user, "mail"));
    sim.edit("north", id, &json!({ "jobTitle": "Dean" }));
    sim.fault("south", &json!({ "kind": "patch", "effect": { "do": "status", "status": 400, "code": "Request_BadRequest", "message": "no" } }));
    place.run(&["sync"]).code(4);
    sim.clear_faults();
    let failed = told(&place, id, "north->south", 0);
    assert_eq!(failed["unsettled"]["state"], "failed");
    let last = failed["log"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["outcome"], &last["error"]["code"]), (&json!("failed"), &json!("Request_BadRequest")));
    says(
        place.run(&["explain", mail]).code(0),
        &["left failed by the last cycle", "failed: no (Request_BadRequest): jobTitle"],
    );
    place.settle();

    place.edit_rules("grace_days   = 0", "grace_days   = 7");
    sim.edit("north", id, &json!({ "employeeType": "Student" }));
    place.settle();
    let waiting = told(&place, id, "north->south", 0);
    assert_eq!((&waiting["verdict"], &waiting["decision"]["outcome"]), (&json!("out of scope"), &json!("waiting")));
    assert_eq!(waiting["unsettled"]["detail"], waiting["decision"]["until"]);
    assert!(waiting["account"]["link"]["leaving_since"].is_string());

    // A tenant that cannot be read: told from what is remembered, and said so.
    sim.fault("south", &status(501));
    let done = place
        .run(&["explain", id, "--route", "north->south", "--format", "json"])
        .code(4)
        .says("told from what is remembered, because south");
    let document = done.json();
    assert!(document["tenants"][1]["fault"].is_string() && document["tenants"][0]["fault"].is_null(), "{document:#}");
    assert!(document["routes"][0]["plan"]["not_planned"].is_string());
}

#[test]
fn nobody_of_that_name_is_1_with_the_places_and_a_guess() {
    let (place, sim) = Place::school(30);
    sim.add("north", &teacher("north", "ada"));
    let guess = "did you mean \"ada@north.fine-arts.example\"?";
    let nobody = place
        .run(&["explain", "adda@north.fine-arts.example"])
        .code(1)
        .says("was found in north, south, west")
        .says(guess);
    assert!(nobody.out.is_empty());
    place.run(&["explain", "ada"]).code(1).says(guess);
    place.run(&["explain", "Zebedee"]).code(1).says("hint: name the object id or user principal name");
    place.run(&["explain", "ada@north.fine-arts.example", "--route", "south->west"]).code(1).says("in south, west");
    place.run(&["explain", "ada@north.fine-arts.example", "--offline"]).code(1).says("never read");
    place.run(&["explain", "ada@north.fine-arts.example", "--route", "north->east"]).code(64).says("north->south");
    place.run(&["explain"]).code(64).says("USER");
    // Mixed case, as people paste it.
    place.run(&["explain", "ADA@North.fine-arts.example"]).code(0);
    let id = sim.staff("north").remove(0);
    place.run(&["explain", &text(&id, "id").to_uppercase()]).code(0);
    assert!(sim.ledger().is_empty() && place.state().is_empty());
}

#[test]
fn several_rule_sets_are_told_in_order() {
    let (place, sim) = Place::school(30);
    let ada = sim.add("north", &teacher("north", "ada"));
    place.write("sync-rules/first.toml", "[[scope]]\nall = [{ attribute = \"department\", operator = \"EQUALS\", value = \"Music\" }]\n[attributes]\ndisplayName = \"[displayName]\"\n");
    place.write("sync-rules/last.toml", "[attributes]\ndisplayName = \"[displayName]\"\n");
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write(
        "crosstie.toml",
        &format!("{config}[[route]]\nhome = \"north\"\ntarget = \"south\"\nrules = [\"first\", \"staff\", \"last\"]\n"),
    );
    let route = told(&place, &ada, "north->south", 0);
    let sets: Vec<(&str, &Value, &Value)> =
        route["scope"].as_array().unwrap().iter().map(|s| (text(s, "rules"), &s["takes"], &s["has"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(sets, [("first", &no, &no), ("staff", &yes, &yes), ("last", &yes, &no)]);
    says(
        place.run(&["explain", &ada, "--route", "north->south"]).code(0),
        &[
            "rule set first does not take the user",
            "no department EQUALS \"Music\", seen \"Dance\"",
            "rule set staff takes the user",
            "rule set last would take the user too; another rule set comes first",
        ],
    );
}

const WILD: &str = "Mal\u{1b}[2J\u{1b}]0;owned\u{7}lory\u{9b}31m \u{202e}gnp.exe\u{2066}\r\n=> forged";

#[test]
fn hostile_names_come_out_inert() {
    let (place, sim) = Place::school(30);
    let mut user = teacher("north", "mallory");
    for name in ["displayName", "givenName", "jobTitle", "department", "officeLocation"] {
        user[name] = json!(WILD);
    }
    user["userPrincipalName"] = json!("mallory\u{1b}[31m\u{202e}@north.fine-arts.example");
    let mallory = sim.add("north", &user);
    let group = json!({ "id": "00000000-0000-0000-0000-000000000000", "displayName": WILD, "members": [mallory] });
    let group = text(&sim.control("POST", "tenants/north/groups", &group), "id").to_owned();
    place.edit_rules("[[scope]]\n", &format!("[[scope]]\ngroups = [\"{group}\"]\n"));
    place.edit_rules("jobTitle      = \"[jobTitle]\"", "jobTitle = 'Join(\" \", ToUpper([jobTitle]), [department])'");
    let account = guest(&sim, "south", "mallory", "mallory@north.fine-arts.example");
    sim.edit("south", &account, &json!({ "jobTitle": WILD }));
    let calm = |done: &Done| {
        let wild =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let printed = format!("{}{}", done.out, done.err);
        assert!(!printed.contains(wild), "{printed:?}");
        assert!(!printed.lines().any(|l| l.trim_start().starts_with("=> forged")), "a line was forged:\n{printed}");
    };
    let route = ["--route", "north->south"];
    let done = place.run(&[&["explain", &mallory], &route[..]].concat());
    calm(&done);
    assert!(done.out.contains("\\u{1b}[2J") && done.out.contains("\\u{202e}"), "{}", done.out);
    let done = place.run(&[&["explain", &mallory, "--format", "json"], &route[..]].concat());
    calm(&done);
    let document = done.json();
    assert_eq!(attribute(&document["routes"][0], "givenName")["result"], WILD, "JSON says what it is");
    place.run(&["sync", "--route", "north->south"]);
    calm(&place.run(&[&["explain", &mallory, "--offline"], &route[..]].concat()));
    // Not found: what is guessed is a name, too.
    calm(&place.run(&["explain", "mallory"]).code(1));
    calm(&place.run(&["explain", WILD]).code(1));
    assert!(sim.users("south").iter().any(|u| !native(u)));
}
