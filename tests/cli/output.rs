//! Can scripts and spreadsheets rely on what is printed, and terminals survive it?

use serde_json::{Value, json};

use super::support::{Place, Running, crosstie, teacher, text};

#[track_caller]
fn has_exactly(object: &Value, names: &[&str]) {
    let mut found: Vec<&str> =
        object.as_object().unwrap_or_else(|| panic!("{object}")).keys().map(String::as_str).collect();
    let mut wanted = names.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "in {object:#}");
}

#[test]
fn plans_have_the_promised_shape() {
    let (place, sim) = Place::school(90);
    let lines = place.run(&["plan", "--format", "jsonl", "--out", "plan.jsonl"]).code(2).lines();
    let saved = std::fs::read_to_string(place.path("plan.jsonl")).unwrap();
    let mut saved: Vec<Value> = saved.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let more = ["invites", "hidden", "basis", "fingerprints", "directories"];
    for line in &mut saved {
        line.as_object_mut().unwrap().retain(|key, _| !more.contains(&key.as_str()));
    }
    assert_eq!(saved, lines, "the file is the output, and what it takes to carry it out");
    let (summary, changes) = lines.split_last().unwrap();
    for change in changes {
        has_exactly(change, &["type", "route", "action", "home", "account", "edits", "why", "rules"]);
        has_exactly(&change["home"], &["id", "userPrincipalName"]);
        assert_eq!(change["type"], "change");
        match text(change, "action") {
            "provision" => assert!(change["account"].is_null()),
            _ => has_exactly(&change["account"], &["tenant", "id"]),
        }
        change["edits"].as_object().unwrap().values().for_each(|e| has_exactly(e, &["before", "after"]));
    }
    assert_eq!(summary["type"], "summary");
    assert!(text(summary, "digest").starts_with("sha256:") && text(summary, "digest").len() == 71);
    let counts = ["provision", "join", "update", "restore", "disable", "delete", "unlink", "held", "settled", "writes"];
    for route in summary["routes"].as_array().unwrap() {
        let of_route =
            |kind: &str| changes.iter().filter(|c| c["route"] == route["route"] && c["action"] == kind).count();
        for count in counts {
            assert!(route[count].is_u64(), "no {count} in {route}");
        }
        for kind in &counts[..7] {
            assert_eq!(route[kind], json!(of_route(kind)), "{kind} of {route}");
        }
        assert!(route["eta_seconds"].is_u64());
    }
    assert_eq!(summary["routes"].as_array().unwrap().len(), 6);

    let document = place.run(&["plan", "--format", "json"]).code(2).json();
    assert_eq!(document["changes"], json!(changes));
    assert_eq!(document["held"], json!([]));
    assert_eq!(document["summary"], *summary, "the same plan twice has one digest");

    let told = place.run(&["plan", "--show", "1"]).code(2).out;
    for part in ["north->south", "+ provision", "= join", "… and ", "writes take", text(summary, "digest")] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "colours without a terminal");
    assert!(sim.ledger().is_empty());
}

#[test]
fn plans_can_be_narrowed() {
    let (place, sim) = Place::school(90);
    let one = place.run(&["plan", "--route", "west->north", "--format", "jsonl"]).code(2).lines();
    assert!(one.len() > 1 && one[..one.len() - 1].iter().all(|l| l["route"] == "west->north"));
    let user = sim.staff("north").remove(1);
    for key in ["userPrincipalName", "id"] {
        let some = place.run(&["plan", "--user", text(&user, key), "--format", "jsonl"]).code(2).lines();
        assert_eq!(some.len(), 3, "two changes and a summary: {some:#?}");
        assert!(some[..2].iter().all(|l| l["home"]["id"] == user["id"]));
    }
    // Never read: no plan can be made of nothing.
    place.run(&["plan", "--offline"]).code(4).says("never read");
    place.run(&["sync"]).code(0);
    let asked = sim.get("stats");
    sim.edit("north", text(&user, "id"), &json!({ "jobTitle": "Dean" }));
    place.run(&["plan", "--offline"]).code(0);
    assert_eq!(sim.get("stats"), asked, "an offline plan asked somebody");
    let update = place.run(&["plan", "--format", "jsonl"]).code(2).lines();
    assert_eq!(update[0]["edits"], json!({ "jobTitle": { "before": user["jobTitle"], "after": "Dean" } }));
    assert_eq!(
        (&update[0]["action"], &update[0]["why"], &update[0]["rules"]),
        (&json!("update"), &json!("in scope"), &json!("staff"))
    );
}

#[test]
fn the_log_has_the_promised_shape_and_every_filter_filters() {
    let (place, sim) = Place::school(90);
    place.run(&["sync"]).code(0);
    let leaver = sim.staff("north").remove(2);
    sim.delete("north", text(&leaver, "id"));
    place.run(&["sync"]).code(0);
    let all = place.log();
    for entry in &all {
        let mut names = vec![
            "seq",
            "at",
            "run",
            "trigger",
            "route",
            "rules",
            "action",
            "home",
            "account",
            "edits",
            "why",
            "outcome",
            "request_id",
            "facts",
            "previous",
            "hash",
        ];
        if entry["outcome"] != "applied" {
            names.push("error");
        }
        has_exactly(entry, &names);
        has_exactly(&entry["home"], &["tenant", "id", "userPrincipalName"]);
        has_exactly(&entry["account"], &["tenant", "id"]);
    }
    let filtered = |arguments: &[&str], keeps: &dyn Fn(&Value) -> bool| {
        let mut command = vec!["log", "--format", "jsonl"];
        command.extend(arguments);
        let wanted: Vec<&Value> = all.iter().filter(|e| keeps(e)).collect();
        let found = place.run(&command).code(0).lines();
        assert!(found.iter().eq(wanted), "{arguments:?}");
        assert!(!found.is_empty() && found.len() < all.len(), "{arguments:?} keeps {} of {}", found.len(), all.len());
        found
    };
    let upper = text(&leaver, "userPrincipalName").to_uppercase();
    filtered(&["--user", text(&leaver, "id")], &|e| e["home"]["id"] == leaver["id"]);
    let of_leaver = filtered(&["--user", &upper], &|e| e["home"]["id"] == leaver["id"]);
    let account = of_leaver[0]["account"]["id"].as_str().unwrap().to_owned();
    filtered(&["--user", &account], &|e| e["account"]["id"] == account);
    filtered(&["--tenant", "south"], &|e| text(e, "route").contains("south"));
    filtered(&["--route", "west->south"], &|e| e["route"] == "west->south");
    filtered(&["--run", "2"], &|e| e["run"] == 2);
    filtered(&["--action", "delete"], &|e| e["action"] == "delete");
    let at = text(&all[all.len() / 2], "at").to_owned();
    filtered(&["--since", &at], &|e| text(e, "at") >= at.as_str());
    filtered(&["--until", &at], &|e| text(e, "at") <= at.as_str());
    // A date is the whole day, at either end.
    let (first, last) = (&text(&all[0], "at")[..10], &text(&all[all.len() - 1], "at")[..10]);
    assert_eq!(
        place.run(&["log", "--since", first, "--until", last, "--format", "jsonl"]).code(0).lines().len(),
        all.len()
    );
    filtered(&["--action", "provision", "--tenant", "west", "--run", "1"], &|e| {
        e["action"] == "provision" && text(e, "route").contains("west") && e["run"] == 1
    });
    let told = place.run(&["log", "--action", "delete"]).code(0).out;
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("delete") && told.contains(text(&leaver, "userPrincipalName")) && told.contains("applied"));
}

/// Names as an attacker with an account of his own would choose them.
const FORMULA: &str = "=cmd|' /C calc'!A0";
const ESCAPES: &str = "Mal\u{1b}[2J\u{1b}]0;owned\u{7}lory\u{9b}31m";
const REVERSED: &str = "Trent\u{202e}gnp.exe\u{2066}";
const BROKEN: &str = "line\r\n2026-11-23T00:00:00Z #1 run 1 forged \"quoted\", comma";

fn hostile_people(place: &Place, sim: &super::support::Sim) {
    place.edit_rules(
        "officeLocation = \"[officeLocation]\"",
        "officeLocation = \"[officeLocation]\"\nstate = \"[state]\"",
    );
    let mut one = teacher("north", "mallory");
    one["displayName"] = json!(ESCAPES);
    one["givenName"] = json!(FORMULA);
    one["jobTitle"] = json!("@SUM(1+1)*cmd");
    one["surname"] = json!("+1");
    one["employeeId"] = json!("-1+1");
    one["department"] = json!(BROKEN);
    one["officeLocation"] = json!(REVERSED);
    one["state"] = json!("\t=1+1");
    sim.add("north", &one);
    let mut held = teacher("north", "held");
    held["userPrincipalName"] = json!("held\u{1b}[31m\u{202e}@north.fine-arts.example");
    held["mail"] = sim.staff("south")[0]["mail"].clone();
    sim.add("north", &held);
}

fn assert_calm(what: &str, told: &str) {
    let wild =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = told.lines().find(|l| l.contains(wild));
    assert!(line.is_none(), "{what} printed {:?}", line.unwrap_or_default());
    assert!(
        !told.lines().any(|l| l.starts_with("2026-11-23T00:00:00Z #1 run 1 forged")),
        "{what} let a line be forged"
    );
}

#[test]
fn hostile_names_reach_no_terminal_raw() {
    let (place, sim) = Place::school(30);
    hostile_people(&place, &sim);
    let plan = place.run(&["-v", "plan", "--show", "1000"]);
    assert_calm("plan", &(plan.out + &plan.err));
    sim.fault(
        "south",
        &json!({ "kind": "patch", "times": 3, "effect": { "do": "status", "status": 400,
        "code": "Bad\u{1b}[31m", "message": format!("{ESCAPES} {REVERSED} {BROKEN}") } }),
    );
    let sync = place.run(&["-vv", "sync"]);
    assert_calm("sync", &(sync.out + &sync.err));
    for verb in [&["status"] as &[&str], &["log"]] {
        let done = place.run(verb).code(0);
        assert_calm(verb[0], &(done.out + &done.err));
    }
    place.settle_with_holds();
    let log = place.run(&["log"]).out;
    assert!(log.contains("\\u{1b}[2J") && log.contains("\\u{202e}") && log.contains("\\u{d}\\u{a}"), "{log}");
}

#[test]
fn csv_is_inert_and_parses_back() {
    let (place, sim) = Place::school(30);
    hostile_people(&place, &sim);
    place.run(&["sync"]).code(4);
    let csv = place.run(&["log", "--format", "csv"]).code(0).out;
    let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
    let head = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| head.iter().position(|h| h == name).unwrap();
    for row in &rows {
        let active = |cell: &&str| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '|', '%']);
        assert_eq!(row.iter().find(active), None, "an active cell in {row:?}");
    }
    let after = |attribute: &str| -> String {
        let mine = |r: &&csv::StringRecord| {
            r[column("home_user")].starts_with("mallory@") && &r[column("attribute")] == attribute
        };
        rows.iter().find(mine).unwrap_or_else(|| panic!("no row of {attribute}"))[column("after")].to_owned()
    };
    for (attribute, value) in [
        ("givenName", FORMULA),
        ("jobTitle", "@SUM(1+1)*cmd"),
        ("surname", "+1"),
        ("employeeId", "-1+1"),
        ("state", "\t=1+1"),
    ] {
        assert_eq!(after(attribute), format!("'{value}"), "{attribute}");
    }
    assert_eq!(after("department"), BROKEN, "line ends, quotes and commas come back as they were");
    // Every attribute of every entry has its row.
    let expected: usize = place.log().iter().map(|e| e["edits"].as_object().unwrap().len().max(1)).sum();
    assert_eq!(rows.len(), expected);
}

#[test]
fn status_tells_how_things_stand() {
    let (place, sim) = Place::school(90);
    let never = place.run(&["status", "--format", "json"]).code(0).json();
    assert_eq!(never["runs"], json!([]));
    assert!(place.run(&["status"]).code(0).out.contains("never"));
    place.run(&["sync"]).code(0);
    let status = place.run(&["status", "--format", "json"]).code(0).json();
    let keys = ["well", "needs", "tenants", "routes", "targets", "budgets", "log", "writer", "under_way", "runs"];
    has_exactly(&status, &keys);
    assert_eq!(status["log"]["entries"], json!(place.log().len()));
    let staff = sim.staff("north").len();
    let route = status["routes"].as_array().unwrap().iter().find(|r| r["route"] == "north->south").unwrap();
    assert_eq!(route["links"], json!(staff));
    assert_eq!(route["provisioned"].as_u64().unwrap() + route["joined"].as_u64().unwrap(), staff as u64);
    for state in ["pending", "held", "failed", "waiting"] {
        assert_eq!(route[state], 0, "{state}");
    }
    let writes = sim.ledger().iter().filter(|w| w["tenant"] == "south").count() as u64;
    let budget = status["budgets"].as_array().unwrap().iter();
    let left = budget.clone().find(|b| b["tenant"] == "south" && b["budget"] == "writes").unwrap();
    assert_eq!(left["left"].as_u64().unwrap(), left["limit"].as_u64().unwrap() - writes);
    assert_eq!((&status["runs"][0]["exit_code"], &status["runs"][0]["trigger"]), (&json!(0), &json!("manual")));
    let told = place.run(&["status"]).code(0).out;
    assert!(told.contains("north->south") && told.contains("run 1 (manual)") && told.contains("exit 0"), "{told}");
}

#[test]
fn expressions_can_be_tried() {
    let folder = tempfile::tempdir().unwrap();
    let user = folder.path().join("user.json");
    std::fs::write(&user, json!({ "givenName": "Ada", "surname": "Lovelace" }).to_string()).unwrap();
    let eval = |expression: &str| {
        let mut command = crosstie();
        command.args(["eval", expression, "--user"]).arg(&user).current_dir(folder.path());
        Running::start(command).end()
    };
    for (expression, result) in [
        ("Join(\" \", [givenName], [surname])", json!("Ada Lovelace")),
        ("[nobody]", json!(null)),
        ("\"a\u{1b}b\"", json!("a\u{1b}b")),
    ] {
        assert_eq!(eval(expression).code(0).json(), result, "{expression}");
    }
    assert!(!eval("\"a\u{1b}b\"").out.contains('\u{1b}'));
    eval("Join(").code(64).says("EXPR:1");
}
