//! What does an administrator see of tests of rules, and what do they need to run?

use std::path::Path;

use super::support::{Done, Running, crosstie};

const RULES: &str = include_str!("../../sync-rules/staff.toml");
const TESTS: &str = include_str!("../../sync-rules/staff.test.toml");

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn rules_test(folder: &Path, arguments: &[&str]) -> Done {
    let mut command = crosstie();
    command.args(["rules", "test"]).args(arguments).current_dir(folder);
    Running::start(command).end()
}

#[test]
fn rules_are_tested_without_configuration_and_nothing_is_written() {
    let place = folder(&[("sync-rules/staff.toml", RULES), ("sync-rules/staff.test.toml", TESTS)]);
    let done = rules_test(place.path(), &[]).code(0);
    assert!(done.err.is_empty(), "{}", done.err);
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines.first(), Some(&"running 14 tests of staff"));
    assert_eq!(lines[1], "test staff: a teacher is invited as a member, with these attributes and no others ... ok");
    assert_eq!(lines.last(), Some(&"14 passed, 0 failed"));
    let there: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(there, ["sync-rules"]);
}

#[test]
fn a_failure_is_shown_as_a_difference_with_its_place_and_is_1() {
    let slip = RULES.replace("jobTitle      = \"[jobTitle]\"", "jobTitle = \"[department]\"");
    let slip = slip.replace("disabled     = \"disable\"", "disabled = \"delete\"").replace("Teacher|", "");
    assert_eq!(slip.matches("[department]").count(), 2);
    let place = folder(&[("sync-rules/staff.toml", &slip), ("sync-rules/staff.test.toml", TESTS)]);
    let done = rules_test(place.path(), &["staff"]).code(1);
    assert!(!done.out.contains('\u{1b}'), "colours without a terminal");
    for part in [
        "test staff: a teacher is invited as a member, with these attributes and no others ... FAILED\n",
        "test staff: a student gets no account, and loses one ... ok\n",
        "failures (- expected, + what the rules make):\n",
        "sync-rules/staff.test.toml:20 staff: a teacher is invited as a member, with these attributes and no others\n  \
         - scope: \"in\"\n  + scope: \"out\"\n  - account: \"member\"\n  + account: \"none\" (scope is \"out\")\n",
        "  + attributes: none (scope is \"out\")\n",
        "\n9 passed, 5 failed\n",
    ] {
        assert!(done.out.contains(part), "no `{part}` in\n{}", done.out);
    }
    let document = rules_test(place.path(), &["--format", "json"]).code(1).json();
    assert_eq!((&document["passed"], &document["failed"]), (&9.into(), &5.into()));
    let first = &document["tests"][0];
    assert_eq!((&first["rules"], &first["line"], &first["passed"]), (&"staff".into(), &20.into(), &false.into()));
    assert_eq!(first["file"], "sync-rules/staff.test.toml");
    let difference = serde_json::json!({ "of": "scope", "expected": "\"in\"", "found": "\"out\"" });
    assert_eq!(first["differences"][0], difference);
}

#[test]
fn each_kind_of_expectation_has_its_difference() {
    let rules = r#"
[[match]]
target = "mail"
source = "[mail]"
[attributes]
displayName = "[displayName]"
city = 'IIF([city] = "", "", Left([city], [state]))'
department = { expression = "[department]", apply = "on-change" }
country = 'IIF([country] = "", IgnoreObjectFlow, [country])'
[leavers]
deleted = "delete"
grace_days = 30
"#;
    let tests = r#"
[user]
displayName = "Ada"
mail = "ada@north.example"
department = "Maths"
country = "GB"
[[case]]
name = "written"
user = {}
[case.expect]
invited = "eve@north.example"
match = { mail = "", employeeId = "7" }
attributes = { department = { value = "Art", apply = "always" }, displayName = "" , officeLocation = "x"}
kept = ["city"]
exactly = true
[[case]]
name = "held"
user = { city = "London", state = "many" }
expect = { account = "guest", held = "no such reason" }
[[case]]
name = "left out"
user = { country = "" }
expect = { account = "guest", attributes = { city = "" }, held = "any" }
[[case]]
name = "grace"
deleted = true
expect = { leaver = "delete after 7 days" }
"#;
    let held = tests.replace(", held = \"no such reason\"", "").replace(", held = \"any\"", "");
    let place = folder(&[("sync-rules/a.toml", rules), ("sync-rules/a.test.toml", &held)]);
    let done = rules_test(place.path(), &[]).code(1);
    for part in [
        "- invited: \"eve@north.example\"\n  + invited: \"ada@north.example\"\n",
        "- match mail: not looked for\n  + match mail: \"ada@north.example\"\n",
        "- match employeeId: \"7\"\n  + match employeeId: not looked for\n",
        "- department: \"Art\", apply = \"always\"\n  + department: \"Maths\", apply = \"on-change\"\n",
        "- displayName: \"\" (no value)\n  + displayName: \"Ada\"\n",
        "- officeLocation: \"x\"\n  + officeLocation: kept as it is (nothing in [attributes] makes it)\n",
        "- city: kept as it is\n  + city: \"\" (no value)\n",
        "- country: not written (`exactly`)\n  + country: \"GB\"\n",
        "- account: \"guest\"\n  + account: \"none\" (held: city: ",
        "- account: \"guest\"\n  + account: \"none\" (IgnoreObjectFlow)\n",
        "- attributes: city\n  + attributes: none (IgnoreObjectFlow)\n",
        "- leaver: \"delete after 7 days\"\n  + leaver: \"delete after 30 days\"\n",
        "0 passed, 4 failed\n",
    ] {
        assert!(done.out.contains(part), "no `{part}` in\n{}", done.out);
    }
    // To be held and to have an account at once is no expectation.
    std::fs::write(place.path().join("sync-rules/a.test.toml"), tests).unwrap();
    let done = rules_test(place.path(), &[]).code(64).says("contradiction").says("a.test.toml:19:10");
    assert!(done.out.is_empty());
    let held = held.replace("account = \"guest\" }", "held = \"no such reason\" }");
    std::fs::write(place.path().join("sync-rules/a.test.toml"), held).unwrap();
    let done = rules_test(place.path(), &[]).code(1);
    assert!(done.out.contains("- held: \"no such reason\"\n  + held: \"city: "), "{}", done.out);
}

#[test]
fn rule_sets_are_found_where_the_configuration_says_and_by_name() {
    let other = "[[case]]\nname = \"anybody\"\nuser = {}\nexpect = { scope = \"in\" }\n";
    let place = folder(&[
        // Nothing else of it is read: no tenant and no secret is needed.
        ("crosstie.toml", "rules_dir = \"rules\"\n[tenants.north]\nid = \"nothing\"\n"),
        ("rules/staff.toml", RULES),
        ("rules/staff.test.toml", TESTS),
        ("rules/everybody.toml", "description = \"everybody\"\n"),
        ("rules/everybody.test.toml", other),
        ("rules/guests.toml", "account = \"guest\"\n"),
        ("sync-rules/elsewhere.test.toml", "no TOML"),
    ]);
    let done = rules_test(place.path(), &[]).code(0);
    assert!(
        done.out
            .starts_with("running 1 test of everybody\ntest everybody: anybody ... ok\n\nrunning 14 tests of staff\n")
    );
    assert!(done.out.ends_with("untested: there is no rules/guests.test.toml\n15 passed, 0 failed\n"), "{}", done.out);
    let one = rules_test(place.path(), &["everybody"]).code(0);
    assert!(one.out.ends_with("\n1 passed, 0 failed\n") && !one.out.contains("staff") && !one.out.contains("untested"));
    let json = rules_test(place.path(), &["--format", "json"]).code(0).json();
    assert_eq!(json["missing"], serde_json::json!(["rules/guests.test.toml"]));

    rules_test(place.path(), &["guests"]).code(64).says("has no tests").says("guests.test.toml");
    rules_test(place.path(), &["staf"]).code(64).says("did you mean `staff`?");
    rules_test(place.path(), &["../sync-rules/elsewhere"]).code(64).says("there is no rule set");
    // A configuration that was named has to be there.
    rules_test(place.path(), &["--config", "nowhere.toml"]).code(64).says("there is no file nowhere.toml");
    let mut command = crosstie();
    command.args(["rules", "test"]).current_dir(place.path()).env("CROSSTIE_CONFIG", "nowhere.toml");
    Running::start(command).end().code(64).says("nowhere.toml");
    // One that is no TOML may say where rules stand, and nobody knows where.
    std::fs::write(place.path().join("crosstie.toml"), "rules_dir = rules").unwrap();
    rules_test(place.path(), &[]).code(64).says("crosstie.toml:1:13");
    rules_test(tempfile::tempdir().unwrap().path(), &[]).code(64).says("cannot read sync-rules");
    let mut bare = crosstie();
    bare.arg("rules");
    Running::start(bare).end().code(64).says("test");
}

#[test]
fn a_warning_does_not_stop_the_tests() {
    let tests = "[[case]]\nname = \"a slip\"\nuser = { displayname = \"Ada\" }\nexpect = { scope = \"in\" }\n";
    let place = folder(&[("sync-rules/a.toml", ""), ("sync-rules/a.test.toml", tests)]);
    let done = rules_test(place.path(), &[]).code(0).says("did you mean `displayName`?").says("a.test.toml:3:10");
    assert!(done.out.ends_with("1 passed, 0 failed\n"));
}
