//! Does an imported rule set say what the exported schema says, and does the list say what it does not say?
//!
//! Each folder of `fixtures/entra-schema/` has a schema, the rule set that it becomes (`expected.toml`) and what became of
//! each row (`expected.txt`: `answer | part | name | why`). `…` stands for words that are the parser's own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod details;
mod hostile;
mod laws;
mod rows;
mod scope;

use std::path::{Path, PathBuf};

use crosstie::rules::entra::{Import, Part, Row, translate};
use crosstie::rules::{AccountKind, Apply, LeaverAction, RuleSet, Source};
use serde_json::{Value as Json, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/entra-schema").join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn fixture(name: &str) -> Json {
    serde_json::from_str(&read(&folder(name).join("schema.json"))).expect("a schema")
}

#[track_caller]
fn import(schema: &Json) -> (Import, RuleSet) {
    let import = translate(&schema.to_string(), &[]).expect("a rule set");
    let (rules, _) = RuleSet::parse("imported", &import.rules).expect("sound");
    (import, rules)
}

/// A schema with one mapping of users.
fn schema(rows: &[Json]) -> Json {
    schema_with(rows, json!(null))
}
fn schema_with(rows: &[Json], scope: Json) -> Json {
    json!({ "synchronizationRules": [{ "name": "R", "objectMappings": [{
        "name": "M", "enabled": true, "flowTypes": "Add, Update, Delete", "sourceObjectName": "User",
        "targetObjectName": "User", "scope": scope, "attributeMappings": rows }] }] })
}
fn mapping(schema: &mut Json) -> &mut Json {
    &mut schema["synchronizationRules"][0]["objectMappings"][0]
}
fn from(target: &str, expression: &str) -> Json {
    json!({ "targetAttributeName": target, "flowType": "Always", "matchingPriority": 0,
            "source": { "expression": expression, "type": "Function" } })
}
fn with(mut row: Json, key: &str, value: Json) -> Json {
    row[key] = value;
    row
}
fn clause(attribute: &str, operator: &str, values: &[&str]) -> Json {
    json!({ "sourceOperandName": attribute, "operatorName": operator, "targetOperand": { "values": values } })
}
fn group(name: &str, clauses: &[Json]) -> Json {
    json!({ "name": name, "clauses": clauses })
}

#[track_caller]
fn row<'i>(import: &'i Import, part: Part, name: &str) -> &'i Row {
    let found = import.rows.iter().find(|r| r.part == part && r.name == name);
    found.unwrap_or_else(|| panic!("no {part:?} {name} in {:#?}", import.rows))
}

/// Line by line; `…` stands for any text.
fn assert_like(what: &str, found: &str, wanted: &str) {
    let pattern: Vec<String> =
        wanted.lines().map(|l| l.split('…').map(regex::escape).collect::<Vec<_>>().join(".*")).collect();
    for (i, (line, pattern)) in found.lines().zip(&pattern).enumerate() {
        let fits = regex::Regex::new(&format!("^{pattern}$")).expect("a pattern").is_match(line);
        assert!(fits, "{what}:{}: found\n{line}\nwanted\n{}", i + 1, wanted.lines().nth(i).unwrap_or_default());
    }
    assert_eq!(found.lines().count(), pattern.len(), "{what}: number of lines in\n{found}");
}

#[test]
fn every_schema_of_the_fixtures_becomes_what_is_expected() {
    for name in ["default", "customised", "powershell"] {
        let import = translate(&read(&folder(name).join("schema.json")), &[]).expect("a rule set");
        let list: String = import
            .rows
            .iter()
            .map(|r| format!("{:?} | {:?} | {} | {}\n", r.answer, r.part, r.name, r.why.as_deref().unwrap_or("-")))
            .collect();
        let expected = folder(if name == "powershell" { "default" } else { name });
        assert_like(&format!("{name}/expected.txt"), &list, &read(&expected.join("expected.txt")));
        assert_like(&format!("{name}/expected.toml"), &import.rules, &read(&expected.join("expected.toml")));
        assert_eq!(import.is_whole(), name != "customised");
    }
}

/// The shipped rule set, Microsoft's published table and an export that nobody changed say one and the same.
#[test]
fn the_shipped_default_is_the_default() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sync-rules/entra-default.toml"));
    let (shipped, _) = RuleSet::parse("entra-default", &text).expect("sound");
    let (_, imported) = import(&fixture("default"));
    assert_eq!(shipped.fingerprint, imported.fingerprint);

    let table: Json = serde_json::from_str(&read(&folder("defaults.json"))).expect("the table");
    let rows = table["default_mapping"].as_array().expect("rows");
    assert_eq!(rows.len(), 22);
    let mut left = shipped.attributes.clone();
    for row in rows {
        let (target, source) = (row["target"].as_str().expect("a target"), row["source"].as_str().expect("a source"));
        let built_in = ["alternativeSecurityIds", "IsSoftDeleted", "accountEnabled", "userPrincipalName", "userType"];
        if built_in.contains(&target) {
            continue;
        }
        let ours = |name: &str| name.replace("telephoneNumber", "businessPhones");
        let mapping = left.remove(ours(target).as_str()).unwrap_or_else(|| panic!("no {target}"));
        assert_eq!(mapping.apply, Apply::Always, "{target}");
        match &mapping.source {
            Source::Expression(expression) => assert_eq!(expression.source(), ours(source)),
            Source::Reference(attribute) => assert_eq!(format!("[{attribute}]"), source),
            Source::Constant(value) => assert_eq!(format!("\"{value}\""), source),
        }
    }
    assert!(left.is_empty(), "more than Microsoft maps: {left:?}");
    assert_eq!(shipped.account, AccountKind::Member);
    let leavers = (shipped.leavers.deleted, shipped.leavers.out_of_scope, shipped.leavers.disabled);
    assert_eq!(leavers, (LeaverAction::Delete, LeaverAction::Delete, LeaverAction::Disable));
}
