//! What does a failing rule test say: what was expected, what is there instead, and why?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crosstie::model::Value;
use crosstie::plan::{PlannedRoute, differences, rehearse};
use crosstie::rules::{
    AccountKind, Apply, Expectation, ExpectedValue, Judgement, Leaving, RuleSet, TEST_NOW, TestCase,
};

use super::world::{attributes, route_name, rules};

const RULES: &str = r#"
account = "member"
[[scope]]
all = [{ attribute = "department", operator = "NOT EQUALS", value = "Art" }]
[[match]]
target = "mail"
source = "[mail]"
[attributes]
displayName = "[displayName]"
jobTitle = { expression = "[jobTitle]", apply = "on-change" }
city = { expression = "[city]", when_empty = "keep" }
usageLocation = { expression = '"GB"', apply = "create" }
mailNickname = 'SelectUniqueValue([displayName], Append([displayName], "1"))'
department = 'Switch([department], [department], "Hidden", IgnoreObjectFlow)'
[leavers]
disabled = "disable"
out_of_scope = "delete"
grace_days = 30
"#;

/// Everything that is said, a line each: what, expected, found.
fn told(user: &[(&str, &str)], expect: Expectation) -> Vec<[String; 3]> {
    let rules: Arc<RuleSet> = rules("staff", RULES);
    let all = [("displayName", "Ada"), ("department", "Maths"), ("mail", "Ada@north.example")];
    let named = |name: &str| user.iter().any(|(other, _)| *other == name);
    let test = TestCase {
        name: "Ada".to_owned(),
        line: 1,
        now: TEST_NOW,
        user: attributes(
            &all.into_iter().filter(|(name, _)| !named(name)).chain(user.iter().copied()).collect::<Vec<_>>(),
        ),
        groups: BTreeSet::new(),
        deleted: false,
        expect,
    };
    let route = PlannedRoute { name: route_name(), rules: vec![rules.clone()], ownership: Default::default() };
    let found = differences(&test.expect, &rules, &rehearse(&route, &test));
    found.into_iter().map(|d| [d.of, d.expected, d.found]).collect()
}

/// Ada is expected, and is a member who is invited.
fn ada() -> Expectation {
    Expectation {
        scope: Some(Judgement::In),
        account: Some(Some(AccountKind::Member)),
        invited: Some("Ada@north.example".to_owned()),
        ..Expectation::default()
    }
}

fn valued(name: &str, value: Option<&str>, apply: Option<Apply>) -> Expectation {
    let value = value.map(Value::from);
    Expectation {
        attributes: BTreeMap::from([(name.into(), ExpectedValue { value, apply })]),
        ..Expectation::default()
    }
}

#[test]
fn whoever_has_no_account_has_a_reason() {
    assert_eq!(told(&[], ada()), [[""; 3]; 0]);
    let scope = |judged: &str| ["scope".to_owned(), "\"in\"".to_owned(), format!("{judged:?}")];
    let none = |reason: &str| {
        let account = ["account".to_owned(), "\"member\"".to_owned(), format!("\"none\"{reason}")];
        [account, ["invited".to_owned(), "\"Ada@north.example\"".to_owned(), format!("nobody{reason}")]]
    };
    let art = told(&[("department", "Art")], ada());
    assert_eq!(art, [&[scope("out")][..], &none(" (scope is \"out\")")].concat());
    let blocked = told(&[("accountEnabled", "false")], ada());
    assert_eq!(blocked, [&[scope("disabled")][..], &none(" (scope is \"disabled\")")].concat());
    assert_eq!(told(&[("department", "Hidden")], ada()), none(" (IgnoreObjectFlow)"));
    let blocked = told(&[("department", "Hidden"), ("accountEnabled", "false")], ada());
    assert_eq!(blocked, [&[scope("disabled")][..], &none(" (scope is \"disabled\")")].concat(), "that comes first");
    let held = told(&[("displayName", "")], Expectation { held: Some("needs one".to_owned()), ..ada() });
    assert_eq!(held, none(" (held: displayName: no value, and every account needs one)"));
    let other = Expectation { held: Some("taken".to_owned()), ..Expectation::default() };
    let all = "\"displayName: no value, and every account needs one\"";
    assert_eq!(told(&[("displayName", "")], other.clone()), [["held", "\"taken\"", all]]);
    assert_eq!(told(&[], other), [["held", "\"taken\"", "not held"]]);
}

#[test]
fn an_account_of_another_kind_and_values_by_which_it_is_found() {
    let expect = Expectation {
        account: Some(None),
        invited: Some("ada@south.example".to_owned()),
        matches: BTreeMap::from([
            ("employeeId".into(), "7".to_owned()),
            ("mail".into(), String::new()),
            ("otherMails".into(), String::new()),
        ]),
        ..Expectation::default()
    };
    let found = BTreeMap::from([("mail".into(), " ADA@north.example".to_owned())]);
    assert_eq!(told(&[], Expectation { matches: found, ..ada() }), [[""; 3]; 0]);
    let expected = [
        ["account", "\"none\"", "\"member\""],
        ["invited", "\"ada@south.example\"", "\"Ada@north.example\""],
        ["match employeeId", "\"7\"", "not looked for"],
        ["match mail", "not looked for", "\"ada@north.example\""],
    ];
    assert_eq!(told(&[], expect), expected);
}

#[test]
fn an_attribute_is_compared_in_what_the_test_names_of_it() {
    let title = |value, apply| told(&[("jobTitle", "Dev")], valued("jobTitle", value, apply));
    assert_eq!(title(Some("Dev"), Some(Apply::OnChange)), [[""; 3]; 0]);
    assert_eq!(title(Some("Lead"), None), [["jobTitle", "\"Lead\"", "\"Dev\""]]);
    assert_eq!(title(Some(""), None), [["jobTitle", "\"\" (no value)", "\"Dev\""]]);
    assert_eq!(title(None, Some(Apply::Create)), [["jobTitle", "apply = \"create\"", "apply = \"on-change\""]]);
    let both = ["jobTitle", "\"Lead\", apply = \"always\"", "\"Dev\", apply = \"on-change\""];
    assert_eq!(title(Some("Lead"), Some(Apply::Always)), [both]);
    assert_eq!(told(&[], valued("jobTitle", Some("Dev"), None)), [["jobTitle", "\"Dev\"", "\"\" (no value)"]]);
    let always = ["usageLocation", "apply = \"always\"", "apply = \"create\""];
    assert_eq!(told(&[], valued("usageLocation", None, Some(Apply::Always))), [always]);
    let create = ["displayName", "apply = \"create\"", "apply = \"always\""];
    assert_eq!(told(&[], valued("displayName", None, Some(Apply::Create))), [create]);
    assert_eq!(told(&[], valued("city", Some(""), None)), [["city", "\"\" (no value)", "kept as it is"]]);
    // In an empty target every choice is free.
    let nickname = |value, apply| told(&[], valued("mailNickname", value, apply));
    assert_eq!(nickname(Some("Ada"), Some(Apply::Create)), [[""; 3]; 0]);
    assert_eq!(nickname(Some("Ada1"), None), [["mailNickname", "\"Ada1\"", "\"Ada\""]]);
    let unmade = ["state", "\"Kent\"", "kept as it is (nothing in [attributes] makes it)"];
    assert_eq!(told(&[], valued("state", Some("Kent"), None)), [unmade]);
}

#[test]
fn what_is_kept_is_not_written_and_exactly_means_nothing_else() {
    let kept = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    let expect = Expectation { kept: kept(&["city", "displayName", "state", "userType"]), ..Expectation::default() };
    assert_eq!(told(&[], expect), [["displayName", "kept as it is", "\"Ada\""]]);
    let expect = Expectation { exactly: true, kept: kept(&["city"]), ..valued("jobTitle", Some(""), None) };
    let others = [
        ("department", "\"Maths\""),
        ("displayName", "\"Ada\""),
        ("mailNickname", "\"Ada\""),
        ("usageLocation", "\"GB\""),
    ];
    assert_eq!(told(&[], expect), others.map(|(name, value)| [name, "not written (`exactly`)", value]));
}

/// Where nothing is written, one line says so for all that the test names.
#[test]
fn attributes_of_whoever_is_not_written_are_told_of_together() {
    let expect = || Expectation { kept: BTreeSet::from(["city".into()]), ..valued("jobTitle", Some("Dev"), None) };
    let line = ["attributes", "jobTitle, city", "none (scope is \"out\")"];
    assert_eq!(told(&[("department", "Art")], expect()), [line]);
    assert_eq!(told(&[("department", "Art")], Expectation::default()), [[""; 3]; 0]);
}

#[test]
fn how_it_ends_is_compared() {
    let leaver =
        |user: &[(&str, &str)], leaving| told(user, Expectation { leaver: Some(leaving), ..Expectation::default() });
    let month = Leaving::Delete { after_days: 30 };
    assert_eq!(leaver(&[("department", "Art")], month), [[""; 3]; 0]);
    let other = ["leaver", "\"disable\"", "\"delete after 30 days\""];
    assert_eq!(leaver(&[("department", "Art")], Leaving::Disable), [other]);
    let stays = ["leaver", "\"delete after 30 days\"", "stays (scope is \"in\")"];
    assert_eq!(leaver(&[], month), [stays]);
}
