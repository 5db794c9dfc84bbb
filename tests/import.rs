//! Does an imported rule set say what the exported schema says, and does the list say what it does not say?
//!
//! Each folder of `fixtures/entra-schema/` has a schema, the rule set that it becomes (`expected.toml`) and what became of
//! each row (`expected.txt`: `answer | part | name | why`). `…` stands for words that are the parser's own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crosstie::model::{Attribute, Attributes, Timestamp, Value};
use crosstie::rules::entra::{Answer, Import, ImportError, Part, Row, SCHEMA_BYTES_MAX, translate};
use crosstie::rules::{
    AccountKind, Apply, Expression, Inputs, LeaverAction, Mapping, Operator, Output, RuleSet, Source, WhenEmpty,
};
use proptest::prelude::*;
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

#[test]
fn flow_types_are_kept_or_reported() {
    let department = |flow: &str| with(from("department", "[department]"), "flowType", json!(flow));
    for (flow, answer, apply) in [
        ("Always", Answer::Translated, Some(Apply::Always)),
        ("objectAddOnly", Answer::Translated, Some(Apply::Create)),
        ("AttributeAddOnly", Answer::Partly, Some(Apply::Create)),
        ("ValueAddOnly", Answer::NotTranslated, None),
        ("MultiValueAddOnly", Answer::NotTranslated, None),
        ("Sometimes", Answer::NotTranslated, None),
    ] {
        let (import, rules) = import(&schema(&[department(flow)]));
        assert_eq!(row(&import, Part::Attribute, "department").answer, answer, "{flow}");
        assert_eq!(rules.attributes.get("department").map(|m| m.apply), apply, "{flow}");
    }
    for (behavior, answer) in [("FlowAlways", Answer::Translated), ("Never", Answer::NotTranslated)] {
        let (import, _) = import(&schema(&[with(department("Always"), "flowBehavior", json!(behavior))]));
        assert_eq!(row(&import, Part::Attribute, "department").answer, answer, "{behavior}");
    }
}

#[test]
fn operations_that_are_off_stay_off() {
    let rows = [
        from("department", "[department]"),
        from("accountEnabled", "[accountEnabled]"),
        from("IsSoftDeleted", "[IsSoftDeleted]"),
        from("userType", "\"Member\""),
    ];
    let of = |flows: Json| {
        let mut schema = schema(&rows);
        mapping(&mut schema)["flowTypes"] = flows;
        schema
    };
    let all = (LeaverAction::Delete, LeaverAction::Delete, LeaverAction::Disable);
    let kept = (LeaverAction::Keep, LeaverAction::Keep, LeaverAction::Disable);
    for (flows, apply, leavers, whole) in [
        (json!(null), Apply::Always, all, true),
        (json!("add,UPDATE, Delete"), Apply::Always, all, true),
        (json!("Add, Update"), Apply::Always, kept, false),
        (json!("Add, Delete"), Apply::Create, (all.0, all.1, LeaverAction::Keep), true),
    ] {
        let (import, rules) = import(&of(flows.clone()));
        assert_eq!(rules.attributes["department"].apply, apply, "{flows}");
        let found = (rules.leavers.deleted, rules.leavers.out_of_scope, rules.leavers.disabled);
        assert_eq!(found, leavers, "{flows}");
        assert_eq!(import.is_whole(), whole, "{flows}: {:#?}", import.rows);
        // Without Update nobody's type is changed later.
        assert_eq!(rules.attributes.contains_key("userType"), apply == Apply::Always, "{flows}");
        assert_eq!(rules.account, AccountKind::Member);
    }
    for flows in ["Update, Delete", "None", ""] {
        let error = translate(&of(json!(flows)).to_string(), &[]).expect_err("nobody is made");
        assert!(matches!(error, ImportError::MakesNobody { .. }), "{flows}: {error}");
    }
    let error = translate(&of(json!("Add, Vanish")).to_string(), &[]).expect_err("no such word");
    assert!(error.to_string().contains("Vanish"));
}

#[test]
fn leavers_are_never_deleted_where_the_schema_does_not_say_so() {
    let (import, rules) = import(&schema(&[from("department", "[department]")]));
    assert_eq!((rules.leavers.deleted, rules.leavers.out_of_scope), (LeaverAction::Keep, LeaverAction::Keep));
    assert_eq!(rules.leavers.disabled, LeaverAction::Disable);
    assert_eq!(row(&import, Part::Leavers, "deleted, out_of_scope").answer, Answer::Partly);
    assert_eq!(row(&import, Part::Leavers, "disabled").answer, Answer::Partly);
    // Neither is anybody a member by chance, or an account joined by chance.
    assert_eq!(rules.account, AccountKind::Guest);
    assert!(rules.matches.is_empty());
    assert!(import.notes.iter().any(|n| n.contains("alternativeSecurityIds")), "{:?}", import.notes);
    // Something else than the service's own source is no way to say it.
    let (import, rules) = self::import(&schema(&[
        from("IsSoftDeleted", "Not([accountEnabled])"),
        with(from("accountEnabled", "\"True\""), "flowType", json!("Always")),
        with(from("alternativeSecurityIds", "[mail]"), "matchingPriority", json!(1)),
    ]));
    assert_eq!(rules.leavers.deleted, LeaverAction::Keep);
    for name in ["IsSoftDeleted", "accountEnabled", "alternativeSecurityIds"] {
        assert_eq!(row(&import, Part::Attribute, name).answer, Answer::NotTranslated, "{name}");
    }
}

#[test]
fn account_enabled_is_the_leavers_rule() {
    let enabled = |flow: &str| with(from("accountEnabled", "[accountEnabled]"), "flowType", json!(flow));
    for (flow, action) in [("Always", LeaverAction::Disable), ("ObjectAddOnly", LeaverAction::Keep)] {
        let (import, rules) = import(&schema(&[enabled(flow)]));
        assert_eq!(rules.leavers.disabled, action, "{flow}");
        assert_eq!(row(&import, Part::Attribute, "accountEnabled").answer, Answer::BuiltIn);
        assert!(!rules.attributes.contains_key("accountEnabled"));
    }
}

#[test]
fn user_types_become_the_account() {
    for (source, flow, account, mapped) in [
        ("\"Member\"", "ObjectAddOnly", AccountKind::Member, false),
        ("\"guest\"", "ObjectAddOnly", AccountKind::Guest, false),
        ("\"Member\"", "Always", AccountKind::Member, true),
        ("IIF([department] = \"X\", \"Guest\", \"Member\")", "Always", AccountKind::Guest, true),
    ] {
        let (import, rules) = import(&schema(&[with(from("userType", source), "flowType", json!(flow))]));
        assert_eq!(rules.account, account, "{source}");
        assert_eq!(rules.attributes.contains_key("userType"), mapped, "{source}");
        let part = if mapped { Part::Attribute } else { Part::Account };
        assert_eq!(row(&import, part, "userType").answer, Answer::Translated, "{source}");
    }
    let (import, rules) = import(&schema(&[from("userType", "\"Visitor\"")]));
    assert_eq!(row(&import, Part::Attribute, "userType").answer, Answer::NotTranslated);
    assert_eq!(rules.account, AccountKind::Guest);
}

#[test]
fn names_of_the_portal_become_graphs_everywhere() {
    let (_, rules) = import(&schema_with(
        &[
            from(
                "mobile",
                "Join(\"/\", [mobile], ([TelephoneNumber]), \"[mobile] stays\", [physicalDeliveryOfficeName])",
            ),
            with(from("ExtensionAttribute7", "[facsimileTelephoneNumber]"), "matchingPriority", json!(1)),
        ],
        json!({ "groups": [group("g", &[clause("mobile", "IS NOT NULL", &[])])] }),
    ));
    let source = |name: &str| match &rules.attributes[name].source {
        Source::Expression(expression) => expression.source().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        source("mobilePhone"),
        "Join(\"/\", [mobilePhone], [businessPhones], \"[mobile] stays\", [officeLocation])"
    );
    assert_eq!(source("extensionAttribute7"), "[faxNumber]");
    assert_eq!(rules.matches[0].target.as_str(), "extensionAttribute7");
    assert_eq!(rules.scope[0].all[0].attribute.as_str(), "mobilePhone");
}

#[test]
fn what_an_expression_cannot_say_is_left_out_with_the_reason() {
    for (target, source, part) in [
        ("department", "AppRoleAssignmentsComplex([appRoleAssignments])", "AppRoleAssignmentsComplex"),
        ("department", "Nonsense([department])", "Nonsense"),
        ("department", "Left([department]", ""),
        ("department", "[netId]", "netId"),
        ("department", "Append([department], [IsSoftDeleted])", "[leavers]"),
        ("department", "[departmint]", "`department`"),
        ("department", "[signInActivity]", "track"),
        ("departmint", "[department]", "`department`"),
        ("objectId", "[objectId]", "objectId"),
        ("manager", "[mail]", ""),
        ("department", "[manager]", ""),
        ("showInAddressList", "\"perhaps\"", "perhaps"),
        ("usageLocation", "\"England\"", "two capital letters"),
        ("department", "\"\"", "empty"),
    ] {
        let (import, rules) = import(&schema(&[from(target, source), from("city", "[city]")]));
        let lost = row(&import, Part::Attribute, target);
        assert_eq!(lost.answer, Answer::NotTranslated, "{source}");
        assert!(lost.why.as_deref().is_some_and(|why| !why.is_empty() && why.contains(part)), "{source}: {lost:?}");
        assert_eq!(rules.attributes.keys().map(Attribute::as_str).collect::<Vec<_>>(), ["city"], "{source}");
        assert!(import.rules.contains(&format!("# NOT TRANSLATED  {target}: {source}\n#   ")), "{}", import.rules);
    }
}

#[test]
fn sources_may_be_written_in_every_way_that_graph_has() {
    let source = |source: Json| json!({ "targetAttributeName": "department", "source": source });
    for (json, wanted) in [
        (json!({ "expression": "[city]", "name": "city", "type": "Attribute", "parameters": [] }), "[city]"),
        (json!({ "name": "city", "type": "Attribute" }), "[city]"),
        (json!({ "expression": null, "name": "city", "type": "attribute", "parameters": null }), "[city]"),
        (json!({ "expression": "Left([city], 3)" }), "Left([city], 3)"),
        (json!({ "expression": "\"North\"", "name": "North", "type": "Constant" }), "constant North"),
        (json!({ "expression": "North", "name": "North", "type": "Constant" }), "constant North"),
        (json!({ "name": "North", "type": "Constant" }), "constant North"),
        (json!({ "expression": "\"North\"", "type": "Function" }), "constant North"),
        (json!({ "expression": "North", "name": "South", "type": "Constant" }), "lost"),
        (json!({ "name": "Left", "type": "Function", "parameters": [{ "key": "source" }] }), "lost"),
        (json!({ "expression": "[city]", "type": "Oracle" }), "lost"),
        (json!({}), "lost"),
        (json!(null), "lost"),
    ] {
        let (import, rules) = import(&schema(&[source(json.clone())]));
        let found = match rules.attributes.get("department").map(|m| &m.source) {
            Some(Source::Expression(expression)) => expression.source().to_owned(),
            Some(Source::Constant(value)) => format!("constant {value}"),
            Some(Source::Reference(_)) => "a reference".to_owned(),
            None => "lost".to_owned(),
        };
        assert_eq!(found, wanted, "{json}");
        let answer = row(&import, Part::Attribute, "department").answer;
        assert_eq!(answer == Answer::NotTranslated, wanted == "lost", "{json}");
    }
}

#[test]
fn defaults_are_given_only_where_the_service_gives_them() {
    let with_default = |flow: &str| {
        with(with(from("department", "[department]"), "flowType", json!(flow)), "defaultValue", json!("a \"b\\"))
    };
    let (import, rules) = import(&schema(&[with_default("ObjectAddOnly")]));
    assert_eq!(row(&import, Part::Attribute, "department").answer, Answer::Translated);
    let Source::Expression(made) = &rules.attributes["department"].source else { panic!("an expression") };
    let given = |json: &str| {
        let user: BTreeMap<String, Value> = serde_json::from_str(json).expect("a user");
        let user: Attributes = user.into_iter().map(|(name, value)| (Attribute::new(name), value)).collect();
        made.evaluate(Inputs::new(&user, Timestamp(0))).expect("a value")
    };
    assert_eq!(given("{}"), Output::Value(Some("a \"b\\".into())));
    assert_eq!(given(r#"{"department": "Dance"}"#), Output::Value(Some("Dance".into())));

    let (import, rules) = self::import(&schema(&[with_default("Always")]));
    assert_eq!(row(&import, Part::Attribute, "department").answer, Answer::Partly);
    let Source::Expression(made) = &rules.attributes["department"].source else { panic!("an expression") };
    assert_eq!(made.source(), "[department]");
    // No source: the service fills what is empty, at any time.
    let row_of = json!({ "targetAttributeName": "department", "source": null, "defaultValue": "X" });
    let (import, rules) = self::import(&schema(&[row_of]));
    assert_eq!(row(&import, Part::Attribute, "department").answer, Answer::Partly);
    assert_eq!(rules.attributes["department"].apply, Apply::Create);
}

#[test]
fn matches_stand_in_the_order_of_their_priority() {
    let at =
        |target: &str, source: &str, priority: i64| with(from(target, source), "matchingPriority", json!(priority));
    let (import, rules) = import(&schema(&[
        at("employeeId", "[employeeId]", 3),
        at("alternativeSecurityIds", "AltSecidFromNetid([netid])", 2),
        at("mail", "Replace([mail], \"@a\", , , \"@b\", , )", 0),
        at("otherMails", "[mail]", 1),
        at("userPrincipalName", "[userPrincipalName]", 4),
        at("accountEnabled", "[accountEnabled]", 5),
        at("city", "\"X\"", 6),
        at("state", "[state]", -1),
    ]));
    let rungs: Vec<_> = rules.matches.iter().map(|m| (m.target.as_str(), m.source.source())).collect();
    // Where the address is made, accounts carry what was made.
    let mail = "Replace([mail], \"@a\", , , \"@b\", , )";
    assert_eq!(rungs, [("otherMails", "[mail]"), ("mail", mail), ("employeeId", "[employeeId]")]);
    for name in ["userPrincipalName", "accountEnabled", "city"] {
        assert_eq!(row(&import, Part::Match, name).answer, Answer::NotTranslated, "{name}");
    }
    assert_eq!(row(&import, Part::Match, "alternativeSecurityIds").answer, Answer::BuiltIn);
}

#[test]
fn operators_are_known_in_every_spelling() {
    for (written, values, wanted) in [
        ("EQUALS", vec!["A"], "department EQUALS \"A\""),
        ("NOT_EQUALS", vec!["A"], "department NOT EQUALS \"A\""),
        ("IS NULL", vec![], "department IS NULL"),
        ("ISNOTNULL", vec![""], "department IS NOT NULL"),
        ("is_not_null", vec![], "department IS NOT NULL"),
        ("REGEX MATCH", vec![".*\\@domain.com"], "department REGEX MATCH \".*\\@domain.com\""),
        ("NOT REGEX MATCH", vec!["a'b\"c"], "department NOT REGEX MATCH \"a'b\"c\""),
        ("GREATER_THAN", vec![" 12 "], "department Greater_Than 12"),
        ("Greater_Than_OR_EQUALS", vec!["-3"], "department Greater_Than_OR_EQUALS -3"),
        ("INCLUDES", vec!["A"], "department Includes \"A\""),
        ("ENDS_WITH", vec!["A"], "department ENDS_WITH \"A\""),
        ("&", vec!["A; B"], "department & \"A; B\""),
        ("!&", vec!["A"], "department !& \"A\""),
    ] {
        let scope = json!({ "groups": [group("g", &[clause("department", written, &values)])] });
        let (import, rules) = import(&schema_with(&[from("city", "[city]")], scope));
        assert_eq!(rules.scope[0].all[0].to_string(), wanted, "{written}");
        assert_eq!(row(&import, Part::Scope, "g").answer, Answer::Translated);
    }
    let (_, rules) = import(&schema_with(
        &[from("city", "[city]")],
        json!({ "groups": [group("g", &[clause("accountEnabled", "IS TRUE", &[]), clause("accountEnabled", "Is False", &[])])] }),
    ));
    assert!(matches!(rules.scope[0].all[0].operator, Operator::IsTrue));
    assert!(matches!(rules.scope[0].all[1].operator, Operator::IsFalse));
}

/// A filter that cannot be kept never makes the scope wider.
#[test]
fn no_scope_is_wider_than_the_schemas() {
    let sound = clause("department", "EQUALS", &["A"]);
    let lost = [
        clause("department", "EQUALS", &["A", "B"]),
        clause("department", "EQUALS", &[]),
        clause("department", "EQUALS", &[""]),
        clause("department", "IS NULL", &["A"]),
        clause("department", "Greater_Than", &["A"]),
        clause("department", "IsMemberOf", &["A"]),
        clause("department", "SOUNDS LIKE", &["A"]),
        clause("department", "REGEX MATCH", &["(?=a)"]),
        clause("department", "IS TRUE", &[]),
        clause("departmint", "EQUALS", &["A"]),
        clause("alternativeSecurityIds", "EQUALS", &["Some"]),
        json!({ "operatorName": "EQUALS", "targetOperand": { "values": ["A"] } }),
        json!({ "sourceOperandName": "department" }),
    ];
    let rows = [from("city", "[city]")];
    let nobody = |rules: &RuleSet| {
        let clauses: Vec<String> = rules.scope.iter().flat_map(|s| &s.all).map(ToString::to_string).collect();
        assert_eq!(clauses, ["userPrincipalName IS NULL"]);
    };
    for clause in &lost {
        // With others in its group: the whole group goes. The other group stays.
        let groups = [group("bad", &[sound.clone(), clause.clone()]), group("good", std::slice::from_ref(&sound))];
        let (import, rules) = import(&schema_with(&rows, json!({ "groups": groups })));
        assert_eq!(rules.scope.len(), 1, "{clause}");
        assert_eq!(row(&import, Part::Scope, "bad").answer, Answer::NotTranslated, "{clause}");
        assert_eq!(row(&import, Part::Scope, "good").answer, Answer::Translated, "{clause}");
        let alone = [group("bad", &[sound.clone(), clause.clone()])];
        nobody(&self::import(&schema_with(&rows, json!({ "groups": alone }))).1);
        // A filter over all groups.
        for set in ["inputFilterGroups", "categoryFilterGroups"] {
            let scope = json!({ "groups": [group("good", std::slice::from_ref(&sound))], set: alone });
            let (import, rules) = self::import(&schema_with(&rows, scope));
            nobody(&rules);
            assert_eq!(row(&import, Part::Scope, &format!("{set}: bad")).answer, Answer::NotTranslated);
            assert!(import.rules.contains("# [[scope]]  # good\n"), "{}", import.rules);
        }
    }
    for filter in ["containerFilter", "groupFilter"] {
        let mut schema = schema_with(&rows, json!({ "groups": [group("good", std::slice::from_ref(&sound))] }));
        for nothing in [json!(null), json!({ "includedGroups": [], "@odata.type": "x" })] {
            schema["synchronizationRules"][0][filter] = nothing;
            assert_eq!(import(&schema).1.scope[0].all.len(), 2, "{filter}");
        }
        schema["synchronizationRules"][0][filter] =
            json!({ "includedGroups": ["2b1c0000-0000-4000-8000-000000000001"] });
        nobody(&import(&schema).1);
    }
    nobody(&import(&schema_with(&rows, json!({ "groups": [group("empty", &[])] }))).1);
}

#[test]
fn internal_members_only_as_with_the_service() {
    for scope in [json!(null), json!({ "groups": [] }), json!({})] {
        let (_, rules) = import(&schema_with(&[from("city", "[city]")], scope));
        let clauses: Vec<String> = rules.scope[0].all.iter().map(ToString::to_string).collect();
        assert_eq!((rules.scope.len(), clauses), (1, vec!["userType EQUALS \"Member\"".to_owned()]));
    }
    let text = fixture("customised").to_string();
    let ids = ["2B1C0000-0000-4000-8000-000000000001", "2b1c0000-0000-4000-8000-000000000002"].map(str::to_owned);
    let import = translate(&text, &ids).expect("a rule set");
    let (rules, _) = RuleSet::parse("imported", &import.rules).expect("sound");
    assert_eq!(rules.scope.len(), 2);
    assert!(rules.scope.iter().all(|s| s.groups.len() == 2 && s.all.len() > 1));
    assert_eq!(import.notes, [] as [String; 0], "who is assigned was said");
    let error = translate(&text, &["Teachers".to_owned()]).expect_err("no id");
    assert!(error.hint().is_some_and(|h| h.contains("Object ID")), "{error}");
}

#[test]
fn bad_input_is_refused_with_what_is_missing() {
    let of = |mappings: Json| json!({ "synchronizationRules": [{ "objectMappings": mappings }] }).to_string();
    let users = |mut extra: Json| {
        for (key, value) in [("sourceObjectName", "User"), ("targetObjectName", "User")] {
            extra[key] = json!(value);
        }
        extra
    };
    let rows = json!([from("city", "[city]")]);
    let on = users(json!({ "name": "one", "attributeMappings": rows }));
    let off = users(json!({ "enabled": false, "attributeMappings": rows }));
    let many: Vec<Json> = (0..1001).map(|_| from("city", "[city]")).collect();
    let deep = "[".repeat(100_000);
    let cases = [
        ("".to_owned(), "no JSON"),
        ("hello".to_owned(), "no JSON, at 1:1"),
        ("{\"synchronizationRules\": [".to_owned(), "no JSON"),
        (deep.clone(), "no synchronization schema"),
        (format!("{{\"synchronizationRules\": {deep}"), "at 1:"),
        ("[]".to_owned(), "an object"),
        (format!("[{}, null, null]", json!([])), "an object"),
        (of(json!([users(json!({ "attributeMappings": rows, "scope": [null, null, null] }))])), "an object"),
        ("null".to_owned(), "synchronization schema"),
        ("{}".to_owned(), "`synchronizationRules` is missing"),
        ("{\"synchronizationRules\": null}".to_owned(), "`synchronizationRules` is missing"),
        ("{\"id\": \"x\", \"templateId\": \"Azure2Azure\"}".to_owned(), "a synchronization job"),
        ("{\"value\": [{\"templateId\": \"Azure2Azure\"}]}".to_owned(), "a synchronization job"),
        ("{\"synchronizationRules\": {}}".to_owned(), "no synchronization schema, at 1:"),
        ("{\"synchronizationRules\": [null]}".to_owned(), "no synchronization schema, at 1:"),
        ("{\"synchronizationRules\": [], \"synchronizationRules\": []}".to_owned(), "duplicate field"),
        (of(json!([])), "maps no users"),
        (of(json!([{ "sourceObjectName": "Group", "targetObjectName": "Group" }])), "only Group -> Group"),
        (of(json!([{ "sourceObjectName": "User" }])), "User -> ?"),
        (of(json!([off])), "switched off"),
        (of(json!([on, on])), "one, one"),
        (of(json!([users(json!({ "attributeMappings": [] }))])), "attributeMappings"),
        (of(json!([users(json!({ "attributeMappings": many }))])), "more than 1000 rows"),
        (of(json!([users(json!({ "attributeMappings": [1] }))])), "no synchronization schema"),
        (
            of(json!([users(json!({ "attributeMappings": [{ "matchingPriority": "first" }] }))])),
            "no synchronization schema",
        ),
        (of(json!([users(json!({ "attributeMappings": [{ "source": "[city]" }] }))])), "no synchronization schema"),
        (of(json!([users(json!({ "attributeMappings": rows, "scope": [] }))])), "no synchronization schema"),
        (of(json!([on])).replace("\"matchingPriority\":0", "\"matchingPriority\":1e400"), "at 1:"),
        (of(json!([on])).replace("\"matchingPriority\":0", "\"matchingPriority\":99999999999999999999"), "at 1:"),
    ];
    for (text, part) in cases {
        let shown: String = text.chars().take(100).collect();
        let error = translate(&text, &[]).expect_err(&shown);
        assert!(error.to_string().contains(part), "{shown}: {error}");
        assert!(error.hint().is_some(), "{shown}: {error}");
    }
    // Parts that nobody reads may be as deep as they like, and null is as good as absent.
    let nested = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let text = format!("\u{feff}{{\"directories\": {nested}, {}", of(json!([on])).trim_start_matches('{'));
    assert!(translate(&text, &[]).expect("a rule set").rules.contains("city"));
}

#[test]
fn a_rule_set_that_nobody_could_read_again_is_not_made() {
    // Comments and lines together are longer than the schema's rows: still no longer than what is read again.
    let long = format!("\"{}\"", "x".repeat(9_000));
    let rows: Vec<Json> = (1..=15).map(|n| from(&format!("extensionAttribute{n}"), &long)).collect();
    let (import, _) = import(&schema(&rows));
    assert!(import.rules.len() > 100_000);
    let rows: Vec<Json> = (0..900).map(|n| from(&format!("unknown{n}"), &format!("[{}]", "x".repeat(1_500)))).collect();
    let text = schema(&rows).to_string();
    assert!((text.len() as u64) < SCHEMA_BYTES_MAX);
    assert_eq!(translate(&text, &[]).expect_err("too long"), ImportError::TooLong);
}

/// Texts that an admin may have typed, and some that nobody would.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,12}",
        "\\PC{1,8}",
        prop::collection::vec(
            prop::sample::select(vec![
                "'",
                "\"",
                "\\",
                "\n",
                "\r\n",
                "\t",
                "\u{0}",
                "\u{7f}",
                "\u{85}",
                "\u{2028}",
                "\u{202e}",
                "#",
                "[[scope]]",
                "'''",
                "\"\"\"",
                "]",
                "}",
                "=",
                "a",
                "é",
                "\u{1f600}",
                "\\u0041",
                "\u{feff}",
                "…",
            ]),
            1..8
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// One row, and the mapping that it must become.
#[derive(Clone, Debug)]
enum Meant {
    Constant(String),
    Direct(&'static str),
    Joined(String, String),
    Defaulted(String),
}

const TARGETS: [&str; 8] = [
    "department",
    "city",
    "state",
    "companyName",
    "jobTitle",
    "extensionAttribute1",
    "employeeOrgData.division",
    "faxNumber",
];

fn meant() -> impl Strategy<Value = Meant> {
    prop_oneof![
        nasty().prop_map(Meant::Constant),
        prop::sample::select(vec!["city", "surname", "extensionAttribute3"]).prop_map(Meant::Direct),
        (nasty(), nasty()).prop_map(|(a, b)| Meant::Joined(a, b)),
        nasty().prop_map(Meant::Defaulted),
    ]
}

fn says(meant: &Meant, mapping: &Mapping) {
    let user: Attributes = [("city", "C"), ("surname", "S"), ("extensionAttribute3", "E")]
        .map(|(name, value)| (Attribute::from(name), Value::from(value)))
        .into();
    let given = |user: &Attributes| match &mapping.source {
        Source::Constant(value) => value.to_string(),
        Source::Expression(expression) => match expression.evaluate(Inputs::new(user, Timestamp(0))) {
            Ok(Output::Value(Some(value))) => value.to_string(),
            other => panic!("{other:?}"),
        },
        Source::Reference(_) => panic!("a reference"),
    };
    match meant {
        Meant::Constant(text) => assert_eq!(given(&user), *text),
        Meant::Direct(name) => assert_eq!(given(&user), user[*name].to_string()),
        Meant::Joined(a, b) => assert_eq!(given(&user), format!("{b}{a}S")),
        Meant::Defaulted(default) => {
            assert_eq!(given(&Attributes::new()), *default);
            assert_eq!(given(&user), "C");
            assert_eq!(mapping.apply, Apply::Create);
        }
    }
    let constant = matches!(mapping.source, Source::Constant(_));
    assert_eq!(mapping.when_empty, if constant { WhenEmpty::Clear } else { WhenEmpty::Keep });
}

fn as_row(target: &str, meant: &Meant) -> Json {
    match meant {
        Meant::Constant(text) => json!({ "targetAttributeName": target, "source": { "type": "Constant", "name": text,
            "expression": quoted(text) } }),
        Meant::Direct(name) => from(target, &format!("[{name}]")),
        Meant::Joined(a, b) => from(target, &format!("Append({}, Append({}, [surname]))", quoted(b), quoted(a))),
        Meant::Defaulted(default) => {
            with(with(from(target, "[city]"), "flowType", json!("ObjectAddOnly")), "defaultValue", json!(default))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The way there and back: what is written is read as it was meant, whatever the texts are.
    #[test]
    fn what_is_written_says_the_same(
        meant in prop::collection::vec(meant(), 1..=TARGETS.len()),
        filters in prop::collection::vec((nasty(), prop::collection::vec((0_usize..4, nasty()), 1..4)), 0..4),
        titles in (nasty(), nasty()),
        lost in (nasty(), nasty()),
    ) {
        let operators = ["EQUALS", "NOT EQUALS", "INCLUDES", "ENDS_WITH"];
        let groups: Vec<Json> = filters
            .iter()
            .map(|(name, clauses)| {
                let clauses: Vec<Json> =
                    clauses.iter().map(|(operator, value)| clause("surname", operators[*operator], &[value])).collect();
                group(name, &clauses)
            })
            .collect();
        let mut rows: Vec<Json> = TARGETS.iter().zip(&meant).map(|(target, meant)| as_row(target, meant)).collect();
        // Whatever stands in a row that is left out cannot get out of its comment.
        rows.push(from(&format!("{}?", lost.0), &lost.1));
        let mut schema = schema_with(&rows, json!({ "groups": groups }));
        schema["synchronizationRules"][0]["name"] = json!(titles.0);
        mapping(&mut schema)["name"] = json!(titles.1);
        let (import, rules) = import(&schema);

        prop_assert_eq!(rules.attributes.len(), meant.len());
        for (target, meant) in TARGETS.iter().zip(&meant) {
            says(meant, &rules.attributes[*target]);
        }
        prop_assert_eq!(rules.scope.len(), filters.len().max(1));
        for (scope, (_, clauses)) in rules.scope.iter().zip(&filters) {
            prop_assert_eq!(scope.all.len(), clauses.len() + 1);
            for (clause, (operator, wanted)) in scope.all.iter().zip(clauses) {
                let found = match (&clause.operator, operator) {
                    (Operator::Equals(value), 0) | (Operator::NotEquals(value), 1) => value.to_string(),
                    (Operator::Includes(text), 2) | (Operator::EndsWith(text), 3) => text.clone(),
                    other => panic!("{other:?}"),
                };
                prop_assert_eq!(&found, wanted);
            }
        }
        // What a terminal or an editor would show otherwise than it is stands in the file spelled out.
        let wild = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2028}');
        prop_assert!(!import.rules.contains(wild));
        prop_assert!(import.rows.iter().any(|r| r.answer == Answer::NotTranslated));
    }

    /// Any text at all is a rule set or an error, and never a panic.
    #[test]
    fn any_source_lives_through(source in "\\PC{0,40}", target in "\\PC{0,20}") {
        let (import, _) = import(&schema(&[from(&target, &source), from("city", &source)]));
        prop_assert_eq!(import.rows.iter().filter(|r| r.part == Part::Attribute).count(), 3);
        if let Ok(expression) = Expression::parse(&source) {
            let renamed = expression.renamed(|_| None).expect("the same");
            prop_assert_eq!(renamed.source(), expression.source());
        }
    }
}
