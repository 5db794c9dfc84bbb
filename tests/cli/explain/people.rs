//! Is every kind of person told rightly: in, out, blocked, external, joined, disputed, in step?

use serde_json::{Value, json};

use super::{attribute, clauses, guest, rungs, says, told};
use crate::support::{Place, someone_without_reports, teacher, text};

#[test]
fn a_joiner_is_told_from_clause_to_lane_and_nothing_is_written() {
    let (place, sim) = Place::school(60);
    let ada = sim.add("north", &teacher("north", "ada"));
    let route = told(&place, "ada@north.fine-arts.example", "north->south", 0);
    assert_eq!(
        (&route["verdict"], &route["rules"], &route["home"]["id"]),
        (&json!("in scope"), &json!("staff"), &json!(ada))
    );
    let seen: Vec<(&str, &Value, &Value)> =
        clauses(&route).iter().map(|c| (text(c, "attribute"), &c["seen"], &c["holds"])).collect();
    assert_eq!(
        seen,
        [("accountEnabled", &json!(true), &json!(true)), ("employeeType", &json!("Teacher"), &json!(true))]
    );
    assert_eq!(rungs(&route)[0]["value"], "ada@north.fine-arts.example");
    assert_eq!((&rungs(&route)[0]["candidates"], &route["account"]["situation"]), (&json!([]), &json!("unmatched")));
    let title = attribute(&route, "jobTitle");
    assert_eq!(
        (&title["inputs"]["jobTitle"], &title["result"], &title["written"]),
        (&json!("Lecturer"), &json!("Lecturer"), &json!(true))
    );
    assert_eq!(attribute(&route, "userType")["source"], "account = \"member\"");
    assert_eq!((&route["decision"]["outcome"], &route["decision"]["action"]), (&json!("change"), &json!("provision")));
    assert_eq!((&route["plan"]["lane"], &route["plan"]["writes"]), (&json!("provisions"), &json!(2)));
    assert_eq!(route["log"], json!([]));

    // The whole plan has it with the same edits, and as many changes in all as stand before and behind.
    let plan = place.run(&["plan", "--route", "north->south", "--format", "jsonl"]).code(2).lines();
    let mine = plan.iter().find(|l| l["home"]["id"] == json!(ada)).unwrap();
    assert_eq!(mine["edits"], route["decision"]["edits"]);
    assert!(route["plan"]["before_it"].as_u64().unwrap() < plan.len() as u64 - 1);

    let done = place.run(&["explain", &ada]).code(0);
    let out = says(
        done,
        &[
            "north->south ada@north.fine-arts.example: in scope",
            "a new account is invited (in scope); waits in lane provisions",
            "yes employeeType REGEX MATCH \"^(Teacher|Staff)$\", seen \"Teacher\"",
            "looking for \"ada@north.fine-arts.example\": nobody answers",
            "the address to invite",
            "free: nobody holds it",
            "~ jobTitle = [jobTitle] gives \"Lecturer\"; written: the account is new",
            "the change log has nothing about this user",
        ],
    );
    assert!(out.contains("north->west") && !out.contains("south->") && !out.contains('\u{1b}'), "{out}");
    assert!(sim.ledger().is_empty(), "something was written");
    assert!(place.state().is_empty(), "something was remembered");
}

#[test]
fn who_is_in_step_is_told_with_its_log_and_no_byte_changes() {
    let (place, sim) = Place::school(60);
    place.settle();
    let user = someone_without_reports(&sim, "north");
    let (mail, id) = (text(&user, "mail").to_owned(), text(&user, "id").to_owned());
    let (before, since) = (place.state(), sim.seq());
    let route = told(&place, &mail, "north->south", 0);
    assert_eq!((&route["decision"]["outcome"], &route["account"]["situation"]), (&json!("settled"), &json!("linked")));
    assert_eq!(route["account"]["ladder"], Value::Null);
    assert_eq!(route["account"]["account"]["id"], sim.account("south", &mail)["id"]);
    assert_eq!(
        (&attribute(&route, "jobTitle")["fate"], &attribute(&route, "usageLocation")["fate"]),
        (&json!("same"), &json!("create-only"))
    );
    let log = place.run(&["log", "--user", &id, "--route", "north->south", "--format", "jsonl"]).code(0).lines();
    assert!(log.len() <= 5 && !log.is_empty(), "{log:#?}");
    assert_eq!(route["log"], json!(log), "the last entries are the log's");
    says(
        place.run(&["explain", &mail]).code(0),
        &["in step: nothing to write", "link: ", "what happened last", "applied: "],
    );
    assert_eq!(sim.seq(), since);
    assert!(place.state() == before, "explaining changed the store");

    // Offline: the same, from what is remembered, and nobody is asked.
    let asked = sim.get("stats");
    sim.edit("north", &id, &json!({ "jobTitle": "Dean" }));
    let offline =
        place.run(&["explain", &id, "--offline", "--route", "north->south", "--format", "json"]).code(0).json();
    assert_eq!((&offline["offline"], &offline["routes"][0]["decision"]), (&json!(true), &route["decision"]));
    assert!(text(&offline["tenants"][0], "read_at").ends_with('Z'));
    says(place.run(&["explain", &id, "--offline"]).code(0), &["from what is remembered; last read: north 2"]);
    assert_eq!(sim.get("stats"), asked, "offline asked somebody");
    let route = told(&place, &id, "north->south", 0);
    let title = attribute(&route, "jobTitle");
    assert_eq!(
        (&title["account"], &title["result"], &title["fate"]),
        (&user["jobTitle"], &json!("Dean"), &json!("written"))
    );
    assert_eq!(
        (&route["plan"]["lane"], &route["plan"]["before_it"], &route["plan"]["writes"]),
        (&json!("updates"), &json!(0), &json!(1))
    );
    assert!(place.state() == before);

    // An account leads back to its home user, by either name.
    let account = sim.account("south", &mail);
    for name in ["id", "userPrincipalName"] {
        let followed = place.run(&["explain", text(&account, name), "--format", "json"]).code(0).json();
        assert_eq!(
            followed["followed"],
            json!([{ "tenant": "south", "account": account["id"], "route": "north->south", "home": { "id": id, "userPrincipalName": mail } }])
        );
        assert_eq!(followed["routes"].as_array().unwrap().len(), 1);
        assert_eq!(followed["routes"][0], told(&place, &id, "north->south", 0));
    }
    says(
        place.run(&["explain", text(&account, "id")]).code(0),
        &[&format!("in south is the account of {mail} on north->south")],
    );
}

#[test]
fn who_is_out_blocked_external_or_deleted_is_told_why() {
    let (place, sim) = Place::school(60);
    let mut student = teacher("north", "student");
    student["employeeType"] = json!("Student");
    sim.add("north", &student);
    let mut nobody = teacher("north", "untyped");
    nobody.as_object_mut().unwrap().remove("employeeType");
    sim.add("north", &nobody);
    let out = told(&place, "student@north.fine-arts.example", "north->south", 0);
    assert_eq!(
        (&out["verdict"], &clauses(&out)[1]["holds"], &clauses(&out)[1]["seen"]),
        (&json!("out of scope"), &json!(false), &json!("Student"))
    );
    assert_eq!((&out["account"]["situation"], &out["attributes"]), (&json!("not looked for"), &json!([])));
    let empty = told(&place, "untyped@north.fine-arts.example", "north->south", 0);
    assert!(text(clauses(&empty)[1], "note").contains("an empty attribute fails every operator but IS NULL"));

    place.settle();
    let user = someone_without_reports(&sim, "north");
    let id = text(&user, "id");
    sim.edit("north", id, &json!({ "accountEnabled": false }));
    let blocked = told(&place, id, "north->south", 0);
    assert_eq!((&blocked["verdict"], &blocked["home"]["blocked"]), (&json!("blocked at home"), &json!(true)));
    assert_eq!(
        (&clauses(&blocked)[0]["holds"], &clauses(&blocked)[0]["holds_unblocked"]),
        (&json!(false), &json!(true))
    );
    assert_eq!((&blocked["decision"]["action"], &blocked["plan"]["lane"]), (&json!("disable"), &json!("leavers")));
    let told_text = says(
        place.run(&["explain", id]).code(0),
        &[
            "no accountEnabled IS TRUE, seen false (yes, if not blocked at home)",
            "is blocked (disabled at home); waits in lane leavers first of all",
        ],
    );
    assert!(told_text.contains("blocked at home"), "{told_text}");
    sim.delete("north", id);
    let gone = told(&place, id, "north->south", 0);
    assert_eq!(
        (&gone["verdict"], &gone["home"]["presence"], &gone["decision"]["action"]),
        (&json!("deleted at home"), &json!("in deletedItems"), &json!("delete"))
    );

    // A guest of elsewhere, who is nobody's account.
    let stranger = guest(&sim, "south", "stranger", "stranger@elsewhere.example");
    let external = told(&place, &stranger, "south->north", 0);
    assert_eq!((&external["verdict"], &external["home"]["standing"]), (&json!("external"), &json!("external")));
    assert_eq!(external["home"]["evidence"]["creationType"], "Invitation");
    assert!(text(&external["home"]["evidence"], "userPrincipalName").contains("#EXT#"));
    says(
        place.run(&["explain", &stranger]).code(0),
        &["never exported, whatever a rule says", "creationType is \"Invitation\""],
    );
}

#[test]
fn groups_are_told_with_the_way_up_to_them() {
    let (place, sim) = Place::school(60);
    let ada = sim.add("north", &teacher("north", "ada"));
    let group = |name: &str, members: &[&str]| -> String {
        let group = json!({ "id": "00000000-0000-0000-0000-000000000000", "displayName": name, "members": members });
        text(&sim.control("POST", "tenants/north/groups", &group), "id").to_owned()
    };
    let maths = group("Maths teachers", &[&ada]);
    let other = group("Choir", &[&ada]);
    let all = group("All teachers", &[&maths, &other]);
    let top = group("Everybody", &[&all]);
    // A circle, which no search may run in.
    sim.control("PUT", &format!("tenants/north/groups/{maths}/members/{top}"), &Value::Null);
    place.edit_rules("[[scope]]\n", &format!("[[scope]]\ngroups = [\"{}\", \"{other}\"]\n", top.to_uppercase()));
    let of = |route: &Value| route["scope"][0]["tables"][0]["groups"].clone();
    let groups = of(&told(&place, &ada, "north->south", 0));
    let path: Vec<&str> = groups[0]["path"].as_array().unwrap().iter().map(|g| text(g, "displayName")).collect();
    assert_eq!(path.len(), 3, "{groups:#}");
    assert!(["Maths teachers", "Choir"].contains(&path[0]) && path[1..] == ["All teachers", "Everybody"], "{path:?}");
    assert_eq!(
        (&groups[0]["member"], &groups[1]["path"]),
        (&json!(true), &json!([{ "id": other, "displayName": "Choir" }]))
    );
    says(
        place.run(&["explain", &ada, "--route", "north->south"]).code(0),
        &[&format!("-> All teachers ({all}) -> Everybody ({top})")],
    );

    // Out by group alone.
    let eve = sim.add("north", &teacher("north", "eve"));
    let route = told(&place, &eve, "north->south", 0);
    assert_eq!(
        (&route["verdict"], &of(&route)[0]["member"], &of(&route)[0]["path"]),
        (&json!("out of scope"), &json!(false), &Value::Null)
    );
    assert!(clauses(&route).iter().all(|c| c["holds"] == true));
    says(place.run(&["explain", &eve, "--route", "north->south"]).code(0), &[&format!("no a member of group {top}")]);

    // Only the tenant knows the way.
    // The other homes have no such group, which is a complaint about them.
    place.run(&["sync", "--route", "north->south"]).code(4);
    let offline =
        place.run(&["explain", &ada, "--route", "north->south", "--offline", "--format", "json"]).code(0).json();
    assert_eq!(of(&offline["routes"][0])[0]["note"], "the way is not known offline");
    place.edit_rules(&format!("\"{other}\"]"), "\"11111111-0000-4000-8000-000000000000\"]");
    let stranger =
        place.run(&["explain", &ada, "--route", "north->south", "--offline", "--format", "json"]).code(4).json();
    assert!(text(&of(&stranger["routes"][0])[1], "note").contains("never read"), "{stranger:#}");
    assert_eq!(stranger["complete"], false, "the rules ask for what was never read");
    place.edit_rules("\"11111111-0000-4000-8000-000000000000\"]", &format!("\"{other}\"]"));
    sim.fault("north", &json!({ "kind": "groups", "effect": { "do": "status", "status": 403 } }));
    let faulty = place.run(&["explain", &ada, "--route", "north->south"]);
    sim.clear_faults();
    assert_eq!(faulty.code, Some(4), "{faulty:?}");
    sim.fault("north", &json!({ "path": format!("/users/{ada}/memberOf"), "effect": { "do": "status", "status": 403, "code": "Authorization_RequestDenied" } }));
    let refused = of(&told(&place, &ada, "north->south", 0));
    assert_eq!((&refused[0]["member"], &refused[0]["path"]), (&json!(true), &Value::Null));
    assert!(text(&refused[0], "note").contains("Authorization_RequestDenied"), "{refused:#}");
}

#[test]
fn every_candidate_is_told_with_what_became_of_it() {
    let (place, sim) = Place::school(60);
    let ada = sim.add("north", &teacher("north", "ada"));
    let mail = "ada@north.fine-arts.example";
    let one = guest(&sim, "south", "ada-one", mail);
    let joined = told(&place, &ada, "north->south", 0);
    let candidate = &rungs(&joined)[0]["candidates"][0];
    assert_eq!(
        (&candidate["id"], &candidate["fate"], &candidate["userType"], &candidate["standing"]),
        (&json!(one), &json!("match"), &json!("Guest"), &json!("external"))
    );
    assert_eq!((&joined["decision"]["action"], &joined["plan"]["lane"]), (&json!("join"), &json!("joins")));
    assert_eq!(attribute(&joined, "userType")["fate"], "create-only");
    says(
        place.run(&["explain", &ada, "--route", "north->south"]).code(0),
        &[
            &format!("account {one} is joined (in scope)"),
            "answered by 1 account: this settles it",
            "the account: external, the only one that answers, and nobody's",
        ],
    );

    // A holder of a directory role is never joined, which only the tenant can tell.
    let role = json!({ "id": "00000000-0000-0000-0000-000000000000", "displayName": "User Administrator", "role": true, "members": [one] });
    let role = text(&sim.control("POST", "tenants/south/groups", &role), "id").to_owned();
    let privileged = told(&place, &ada, "north->south", 4);
    assert!(text(&privileged["plan"], "held").contains("User Administrator"), "{privileged:#}");
    assert_eq!((&privileged["decision"]["action"], &privileged["plan"]["lane"]), (&json!("join"), &Value::Null));
    sim.control("DELETE", &format!("tenants/south/groups/{role}"), &Value::Null);

    let two = guest(&sim, "south", "ada-two", mail);
    let disputed = told(&place, &ada, "north->south", 4);
    let fates: Vec<(&Value, &Value)> =
        rungs(&disputed)[0]["candidates"].as_array().unwrap().iter().map(|c| (&c["id"], &c["fate"])).collect();
    assert_eq!(fates.len(), 2);
    assert!([&one, &two].iter().all(|id| fates.contains(&(&json!(id), &json!("disputed")))), "{fates:?}");
    assert_eq!(
        (&disputed["decision"]["outcome"], &attribute(&disputed, "jobTitle")["fate"]),
        (&json!("hold"), &json!("not-compared"))
    );
    says(
        place.run(&["explain", &ada, "--route", "north->south"]).code(4),
        &["=> held: 2 accounts match", "it is not the only one that answers"],
    );

    // A native account holds the address.
    let resident = sim.staff("south").remove(0);
    let mut double = teacher("north", "double");
    double["mail"] = resident["mail"].clone();
    let double = sim.add("north", &double);
    let held = told(&place, &double, "north->south", 4);
    let address = &held["account"]["ladder"]["address"];
    assert_eq!(
        (&address["candidates"][0]["fate"], &address["candidates"][0]["standing"], &address["decides"]),
        (&json!("holds-address"), &json!("native"), &json!(true))
    );
    assert_eq!(rungs(&held)[0]["candidates"][0]["fate"], "native");
    says(place.run(&["explain", &double, "--route", "north->south"]).code(4), &["native accounts are never joined"]);
}
