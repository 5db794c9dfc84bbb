//! Does `import` write a rule set that the other verbs take, once and never over another, and say what it lost?

use std::path::Path;

use serde_json::json;

use super::support::{Place, Running, crosstie};

const DEFAULT: &str = include_str!("../../fixtures/entra-schema/default/schema.json");
const CUSTOMISED: &str = include_str!("../../fixtures/entra-schema/customised/schema.json");

fn place() -> Place {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    place.write("default.json", DEFAULT);
    place.write("customised.json", CUSTOMISED);
    place
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap()
}

#[test]
fn an_import_is_listed_row_by_row_and_written_once() {
    let place = place();
    let done = place.run(&["import", "entra-schema", "default.json"]).code(0);
    assert_eq!(
        read(&place, "sync-rules/entra-imported.toml"),
        include_str!("../../fixtures/entra-schema/default/expected.toml")
    );
    for part in [
        " built in      IsSoftDeleted",
        " translated    telephoneNumber",
        "businessPhones = { expression = \"[businessPhones]\"",
        "29 rows: 22 translated, 6 built in, 1 switched off\n",
        "note: who is assigned",
        "entra-imported.toml\n",
    ] {
        assert!(done.out.contains(part), "no `{part}` in\n{}", done.out);
    }
    assert!(done.err.is_empty(), "{}", done.err);
    let second = place.run(&["import", "entra-schema", "customised.json"]).code(64).says("is there already");
    assert!(second.out.is_empty());
    let other = place.run(&["import", "entra-schema", "customised.json", "--name", "harbour"]).code(4);
    assert!(other.out.contains(" not translated  extensionAttribute1") && other.out.contains("11 not translated"));
    assert_eq!(
        read(&place, "sync-rules/entra-imported.toml"),
        include_str!("../../fixtures/entra-schema/default/expected.toml")
    );
}

/// What is imported can be used: a plan is made with it, and after a sync nothing is left to do.
#[test]
fn an_imported_rule_set_works() {
    let (place, sim) = Place::school(30);
    place.write("schema.json", DEFAULT);
    std::fs::remove_file(place.path("sync-rules/staff.toml")).unwrap();
    place.run(&["import", "entra-schema", "schema.json", "--name", "staff"]).code(0);
    place.run(&["check"]).code(0);
    place.settle();
    let north: Vec<_> = sim.users("north").into_iter().filter(super::support::native).collect();
    assert!(north.len() > 3);
    for user in north {
        let account = sim.account("south", user["mail"].as_str().unwrap());
        for attribute in ["displayName", "department", "jobTitle", "surname", "city"] {
            assert_eq!(account[attribute], user[attribute], "{attribute} of {user}");
        }
    }
}

#[test]
fn the_rule_set_goes_where_it_is_told() {
    let place = place();
    let expected = include_str!("../../fixtures/entra-schema/default/expected.toml");
    place.run(&["import", "entra-schema", "default.json", "--out", "some/where.toml"]).code(0);
    assert_eq!(read(&place, "some/where.toml"), expected);
    place.run(&["import", "entra-schema", "default.json", "--out", "some/where.toml"]).code(64).says("hint:");
    let out = place.run(&["import", "entra-schema", "default.json", "--out", "-"]).code(0).says("29 rows:");
    assert_eq!(out.out, expected);
    assert!(!place.path("sync-rules").exists());
    // Where the configuration says the rule sets are.
    place.write("crosstie.toml", "rules_dir = \"rules\"\n");
    place.run(&["import", "entra-schema", "default.json", "--name", "x"]).code(0);
    assert_eq!(read(&place, "rules/x.toml"), expected);
    for broken in ["rules_dir = ", "rules_dir = 5\n"] {
        place.write("crosstie.toml", broken);
        place.run(&["import", "entra-schema", "default.json", "--name", "y"]).code(64).says("--out FILE");
    }
    for name in ["../x", "x.toml", "", "x.test", ".x"] {
        place.run(&["import", "entra-schema", "default.json", "--name", name]).code(64).says("--name");
    }
}

#[test]
fn the_list_is_there_for_scripts() {
    let place = place();
    let group = "2b1c0000-0000-4000-8000-000000000001";
    let arguments = ["import", "entra-schema", "customised.json", "--format", "json", "--group", group];
    let document = place.run(&arguments).code(4).json();
    assert_eq!(document["counts"]["not_translated"], 11);
    assert_eq!(document["notes"], json!([]));
    assert_eq!(document["rules"], read(&place, "sync-rules/entra-imported.toml"));
    assert!(document["file"].as_str().unwrap().ends_with("entra-imported.toml"));
    let row = document["rows"].as_array().unwrap().iter().find(|r| r["name"] == "jobTitle").unwrap();
    assert_eq!((&row["part"], &row["answer"]), (&json!("attribute"), &json!("partly")));
    assert!(
        row["why"].as_str().unwrap().contains("Colleague") && row["written"].as_str().unwrap().contains("[jobTitle]")
    );
    let document =
        place.run(&["import", "entra-schema", "default.json", "--out", "-", "--format", "json"]).code(0).json();
    assert_eq!(document["file"], json!(null));
}

#[test]
fn bad_input_is_64_and_writes_nothing() {
    let place = place();
    place.write("job.json", r#"{"id": "x", "templateId": "Azure2Azure"}"#);
    place.write("broken.json", "{\n  \"synchronizationRules\": [\n");
    place.write("escapes.json", "{\"synchronizationRules\": \"\\u001b[2J\"}");
    place.write("off.json", &DEFAULT.replace("\"enabled\": true", "\"enabled\": false"));
    std::fs::write(place.path("utf16.json"), [0xff, 0xfe, b'{', 0]).unwrap();
    std::fs::write(place.path("large.json"), vec![b' '; 2 * 1024 * 1024 + 1]).unwrap();
    std::fs::write(
        place.path("fits.json"),
        [DEFAULT.as_bytes(), &vec![b' '; 2 * 1024 * 1024 - DEFAULT.len()]].concat(),
    )
    .unwrap();
    for (file, part) in [
        ("nowhere.json", "cannot read nowhere.json"),
        (".", "cannot read ."),
        ("job.json", "/schema"),
        ("broken.json", "at 3:0"),
        ("escapes.json", "no synchronization schema"),
        ("off.json", "switched off"),
        ("utf16.json", "UTF-8"),
        ("large.json", "larger than 2 MiB"),
        ("-", "standard input: this is no JSON"),
    ] {
        let done = place.run(&["import", "entra-schema", file]).code(64).says(part);
        assert!(done.out.is_empty() && !done.err.contains('\u{1b}'), "{file}: {}", done.err);
    }
    place.run(&["import", "entra-schema", "default.json", "--group", "Teachers"]).code(64).says("Object ID");
    for usage in [&["import"] as &[&str], &["import", "okta", "default.json"], &["import", "entra-schema"]] {
        place.run(usage).code(64);
    }
    assert!(!place.path("sync-rules").exists());
    place.run(&["import", "entra-schema", "fits.json"]).code(0);
}

/// Names in a schema are somebody's input: no terminal is told what to do by them.
#[test]
fn hostile_names_reach_no_terminal_raw() {
    let place = place();
    let hostile = CUSTOMISED
        .replace("favouriteColour]", "\\u001b[2J\\u202e]")
        .replace("People of a group", "line\\r\\nforged \\u0007")
        .replace("Staff of the harbour", "\\u001b]0;owned\\u0007\\n[[scope]]");
    place.write("hostile.json", &hostile);
    let done = place.run(&["import", "entra-schema", "hostile.json"]).code(4);
    let text = done.out + &done.err + &read(&place, "sync-rules/entra-imported.toml");
    let wild = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(wild) && text.contains("\\u{1b}"), "{text}");
    assert!(!text.lines().any(|l| l.starts_with("forged")), "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("[[scope]]")).count(), 2, "{text}");
}

#[test]
fn init_begins_with_the_default_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = crosstie();
        command.args(arguments).current_dir(folder.path()).env("NORTH_SECRET", "x").env("SOUTH_SECRET", "x");
        Running::start(command).end()
    };
    let done = run(&["init", "hub", "--rules", "entra-default"]).code(0);
    assert!(done.out.contains("sync-rules/entra-default.toml"), "{}", done.out);
    let checked = run(&["check"]).code(0);
    assert!(checked.out.contains("south->north  entra-default"), "{}", checked.out);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("sync-rules/entra-default.toml");
    let written = std::fs::read_to_string(folder.path().join("sync-rules/entra-default.toml")).unwrap();
    assert_eq!(written, std::fs::read_to_string(shipped).unwrap());
    run(&["init", "--rules", "nonsense"]).code(64).says("entra-default");
}
