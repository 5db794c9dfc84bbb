//! Does each row become what it meant, or a reason?

use std::collections::BTreeMap;

use crosstie::model::{Attribute, Attributes, Timestamp, Value};
use crosstie::rules::entra::{Answer, ImportError, Part, translate};
use crosstie::rules::{AccountKind, Apply, Inputs, LeaverAction, Output, Source};
use serde_json::{Value as Json, json};

use super::{clause, from, group, import, mapping, row, schema, schema_with, with};

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
    // Without Update the service fills nothing later, and a rule that writes once says all of it.
    let once = [
        with(from("department", "[department]"), "flowType", json!("AttributeAddOnly")),
        with(from("city", "[city]"), "defaultValue", json!("Here")),
        json!({ "targetAttributeName": "state", "defaultValue": "There" }),
    ];
    let mut schema_once = schema(&once);
    mapping(&mut schema_once)["flowTypes"] = json!("Add, Delete");
    for name in ["department", "city", "state"] {
        let (import, rules) = import(&schema_once);
        assert_eq!(row(&import, Part::Attribute, name).answer, Answer::Translated, "{name}");
        assert_eq!(rules.attributes[name].apply, Apply::Create);
    }
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
    let (import, rules) = super::import(&schema(&[
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
        ("department", "[signInActivity]", "signInActivity"),
        ("departmint", "[department]", "`department`"),
        ("objectId", "[objectId]", "objectId"),
        ("userPrincipalName", "Replace([userPrincipalName], \"a\", , , \"b\", , )", "the target makes the name"),
        ("alternativeSecurityIds", "[mail]", "something else"),
        ("manager", "[mail]", ""),
        ("department", "[manager]", ""),
        ("showInAddressList", "\"perhaps\"", ""),
        ("usageLocation", "\"England\"", ""),
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

    let (import, rules) = super::import(&schema(&[with_default("Always")]));
    assert_eq!(row(&import, Part::Attribute, "department").answer, Answer::Partly);
    let Source::Expression(made) = &rules.attributes["department"].source else { panic!("an expression") };
    assert_eq!(made.source(), "[department]");
    // No source: the service fills what is empty, at any time.
    let row_of = json!({ "targetAttributeName": "department", "source": null, "defaultValue": "X" });
    let (import, rules) = super::import(&schema(&[row_of]));
    assert_eq!(row(&import, Part::Attribute, "department").answer, Answer::Partly);
    assert_eq!(rules.attributes["department"].apply, Apply::Create);
}

#[test]
fn matches_stand_in_the_order_of_their_priority() {
    let at =
        |target: &str, source: &str, priority: i64| with(from(target, source), "matchingPriority", json!(priority));
    let (import, rules) = import(&schema(&[
        at("employeeId", "[employeeId]", 3),
        at("alternativeSecurityIds", "AltSecidFromNetid( [netid] )", 2),
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
    // What comes to the same is written once.
    let (_, rules) = super::import(&schema(&[
        at("alternativeSecurityIds", "AltSecIdFromNetId([netId])", 1),
        at("mail", "[mail]", 2),
    ]));
    assert_eq!(rules.matches.len(), 1);
}
