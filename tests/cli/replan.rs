//! What does an admin see who edits the rules?

use serde_json::{Value, json};

use super::support::Place;

const JOB_TITLE: &str = "jobTitle      = \"[jobTitle]\"";

fn edits<'a>(summary: &'a Value, route: &str) -> &'a Value {
    let changed = summary["rules_changed"].as_array().unwrap();
    changed.iter().find(|c| c["route"] == route).unwrap_or_else(|| panic!("{summary:#}"))
}

#[test]
fn an_edit_is_told_with_whom_it_touches_and_a_new_attribute_is_read() {
    let (place, sim) = Place::school(90);
    place.run(&["sync"]).code(0);
    let quiet = place.run(&["plan", "--format", "json"]).code(0).json();
    assert_eq!((&quiet["summary"]["rules_changed"], &quiet["summary"]["read_anew"]), (&json!([]), &json!({})));
    assert!(!place.run(&["plan"]).code(0).out.contains("rules changed"));

    // An edit of a line: counted from what is known.
    place.edit_rules(JOB_TITLE, "jobTitle = 'ToUpper([jobTitle])'");
    let titled = sim.staff("north").iter().filter(|u| u["jobTitle"].as_str().is_some_and(|t| !t.is_empty())).count();
    assert!(titled > 0);
    let asked = sim.get("stats");
    let told = place.run(&["plan", "--offline"]);
    assert_eq!(sim.get("stats"), asked, "an offline plan asked somebody");
    let whom = format!(
        "  north->south: touches {titled} people\n    ~ staff: attributes.jobTitle edited: touches {titled} people\n        \
         [jobTitle] -> ToUpper([jobTitle])\n"
    );
    assert!(told.out.contains("rules changed since the last sync\n") && told.out.contains(&whom), "{}", told.out);
    assert!(told.out.find("rules changed") < told.out.find(" route "), "before the totals");
    let summary = place.run(&["plan", "--offline", "--format", "jsonl"]).lines().pop().unwrap();
    assert_eq!(summary["rules_changed"].as_array().unwrap().len(), 6);
    let edit = json!({ "rules": "staff", "rule": "attributes.jobTitle", "edit": "edited", "before": "[jobTitle]",
                       "after": "ToUpper([jobTitle])", "people": titled, "come_in": 0, "leave": 0 });
    assert_eq!(
        *edits(&summary, "north->south"),
        json!({ "route": "north->south", "people": titled, "uncounted": null, "edits": [edit] })
    );

    // A new line needs a new attribute: not without a reading, and with one it is said which.
    place.edit_rules("jobTitle = 'ToUpper([jobTitle])'", &format!("{JOB_TITLE}\ncity = \"[city]\""));
    let told = place.run(&["plan", "--offline"]).code(4);
    assert!(told.out.contains("nothing could be planned"), "{}", told.out);
    let told = told.says("the rules ask for city, of which north was never asked, and for city, of which south was");
    told.says("hint: plan without --offline reads it");
    let anew =
        |tenant: &str| format!("the rules ask for city, of which {tenant} was never asked: reading {tenant} anew");
    let told = place.run(&["plan", "--format", "jsonl"]);
    for tenant in ["north", "south", "west"] {
        assert_eq!(told.err.matches(&anew(tenant)).count(), 1, "{}", told.err);
    }
    let summary = told.lines().pop().unwrap();
    assert_eq!(summary["read_anew"], json!({ "north": ["city"], "south": ["city"], "west": ["city"] }));
    let edit = &edits(&summary, "north->south")["edits"][0];
    assert_eq!(
        (&edit["rule"], &edit["edit"], &edit["before"]),
        (&json!("attributes.city"), &json!("added"), &Value::Null)
    );
    assert!(!place.run(&["-q", "plan"]).err.contains("anew"));
    let told = place.run(&["sync"]).says(&anew("north"));
    assert!(told.code == Some(0), "{}", told.err);
    let runs = place.run(&["status", "--format", "json"]).json();
    assert_eq!(runs["runs"][0]["summary"]["read_anew"]["north"], json!(["city"]));
    let settled = place.run(&["plan"]).code(0);
    assert!(!settled.out.contains("rules changed") && !settled.err.contains("anew"), "{}{}", settled.out, settled.err);
}

#[test]
fn long_lists_of_edits_are_cut_and_scopes_say_who_comes_and_goes() {
    let (place, sim) = Place::school(60);
    place.run(&["sync"]).code(0);
    place.edit_rules("^(Teacher|Staff)$", "^Teacher$");
    place.edit_rules("updates  = { percent = 50 }", "updates  = { percent = 60 }");
    let leave = sim.staff("north").iter().filter(|u| u["employeeType"] == "Staff").count();
    let told = place.run(&["plan", "--show", "1"]);
    let whom = format!("    ~ staff: scope edited: touches {leave} people ({leave} leave)\n");
    assert!(leave > 1 && told.out.contains(&whom), "{}", told.out);
    assert!(told.out.contains("    … and 1 more (--show 2 shows all)\n"), "{}", told.out);
    let told = place.run(&["plan", "--show", "2"]);
    let guard = "    ~ staff: guard.updates edited: judges plans, touches nobody\n        50 % -> 60 %\n";
    assert!(told.out.contains(guard), "{}", told.out);
}
