//! Does `explain` tell of every kind of person what is the case, and leave everything as it is?

mod people;
mod whole;

use serde_json::{Value, json};

use super::support::{Done, Place, Sim};

/// The route of an explanation as JSON.
#[track_caller]
fn told(place: &Place, user: &str, route: &str, code: i32) -> Value {
    let done = place.run(&["explain", user, "--route", route, "--format", "json"]).code(code);
    let document = done.json();
    let routes = document["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 1, "{document:#}");
    assert_eq!(routes[0]["route"], route);
    routes[0].clone()
}

/// The same as text, in which each of the parts stands. Lines fit a narrow window but where a single word does not.
#[track_caller]
fn says(done: Done, parts: &[&str]) -> String {
    let flat = done.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(flat.contains(part), "no `{part}` in\n{}", done.out);
    }
    for line in done.out.lines().filter(|l| l.chars().count() > 100) {
        assert_eq!(line.split_whitespace().count(), 1, "too wide: {line}");
    }
    done.out
}

fn clauses(route: &Value) -> Vec<&Value> {
    route["scope"][0]["tables"][0]["clauses"].as_array().unwrap().iter().collect()
}
fn attribute<'a>(route: &'a Value, name: &str) -> &'a Value {
    let mut all = route["attributes"].as_array().unwrap().iter();
    all.find(|a| a["target"] == name).unwrap_or_else(|| panic!("no {name} in {route:#}"))
}
fn rungs(route: &Value) -> &Value {
    &route["account"]["ladder"]["rungs"]
}

/// An external account that stood there before.
fn guest(sim: &Sim, tenant: &str, name: &str, mail: &str) -> String {
    let upn = format!("{name}_elsewhere.example#EXT#@{tenant}finearts.onmicrosoft.com");
    let user = json!({ "displayName": name, "userType": "Guest", "mail": mail, "userPrincipalName": upn,
        "mailNickname": name, "accountEnabled": true, "creationType": "Invitation", "externalUserState": "Accepted" });
    sim.add(tenant, &user)
}
