//! Are the limits of an import kept at their edges, and its small print right?

use crosstie::rules::RuleSet;
use crosstie::rules::entra::{Answer, ImportError, Part, translate};
use serde_json::{Value as Json, json};

use super::{clause, from, group, import, mapping, row, schema, schema_with, with};

#[test]
fn limits_hold_at_their_edges() {
    let city = || from("city", "[city]");
    let rows = |count: usize| translate(&schema(&vec![city(); count]).to_string(), &[]);
    let clauses = |count: usize| {
        let clauses = vec![clause("department", "EQUALS", &["A"]); count];
        translate(&schema_with(&[city()], json!({ "groups": [group("g", &clauses)] })).to_string(), &[])
    };
    let many = |error: Option<ImportError>| matches!(error, Some(ImportError::TooMany { max: 1_000, .. }));
    for (count, refused) in [(1_000, false), (1_001, true), (1_002, true)] {
        assert_eq!(many(rows(count).err()), refused, "{count} rows");
        assert_eq!(many(clauses(count).err()), refused, "{count} clauses");
    }
    // A title stands twice in the rule set, so that an odd length needs the rule's name, which stands there once.
    let titled = |mapping_name: usize, rule_name: usize| {
        let mut schema = schema(&[city()]);
        mapping(&mut schema)["name"] = json!("m".repeat(mapping_name));
        schema["synchronizationRules"][0]["name"] = json!("r".repeat(rule_name));
        translate(&schema.to_string(), &[])
    };
    let most = 1024 * 1024;
    let missing = most - titled(1, 1).expect("a rule set").rules.len();
    let longest = |more: usize| titled(1 + missing / 2, 1 + missing % 2 + more);
    assert_eq!(longest(0).expect("a rule set").rules.len(), most);
    assert!(matches!(longest(1), Err(ImportError::TooLong)));
}

#[test]
fn what_is_neither_schema_nor_job_has_no_rules() {
    let refused = |text: &str| translate(text, &[]).expect_err(text);
    assert!(matches!(refused("{\"id\": \"x\"}"), ImportError::NoRules));
    assert!(matches!(refused("{\"templateId\": \"x\"}"), ImportError::Job));
}

#[test]
fn what_accounts_are_made_as_is_a_note_where_no_row_says_it() {
    let noted = |rows: &[Json]| import(&schema(rows)).0.rows.iter().any(|r| r.from == "no row");
    assert!(noted(&[from("city", "[city]")]));
    assert!(!noted(&[from("userType", "\"Member\"")]));
    assert!(!noted(&[from("userType", "[userType]")]));
}

#[test]
fn a_constant_that_is_written_once_stays_so() {
    for (flow, wanted) in [
        ("Always", "showInAddressList = true"),
        ("ObjectAddOnly", "showInAddressList = { constant = true, apply = \"create\" }"),
    ] {
        let (import, _) = import(&schema(&[with(from("showInAddressList", "\"True\""), "flowType", json!(flow))]));
        assert!(import.rules.lines().any(|line| line == wanted), "{}", import.rules);
    }
}

#[test]
fn clauses_are_told_apart() {
    let scope = |clauses: &[Json]| schema_with(&[from("city", "[city]")], json!({ "groups": [group("g", clauses)] }));
    // What the service's own template asks is always so.
    let (made, rules) = import(&scope(&[clause("alternativeSecurityIds", "EQUALS", &["None"])]));
    assert_eq!(row(&made, Part::Scope, "g").answer, Answer::BuiltIn);
    assert_eq!(rules.scope.len(), 1);
    // The word alone is a value like others.
    let (_, rules) = import(&scope(&[clause("department", "EQUALS", &["None"])]));
    assert_eq!(rules.scope[0].all[0].to_string(), "department EQUALS \"None\"");
    for (operator, why) in [
        ("IsMemberOf", "membership is no clause"),
        ("MEMBER_OF", "membership is no clause"),
        ("SOUNDS LIKE", "there is no operator `SOUNDS LIKE`"),
    ] {
        let (made, _) = import(&scope(&[clause("department", operator, &["A"])]));
        assert!(row(&made, Part::Scope, "g").why.as_deref().is_some_and(|w| w.contains(why)), "{operator}");
        // Nothing of the group is left but the table that takes nobody.
        assert_eq!(made.rules.matches("[[scope]]\n").count(), 1, "{}", made.rules);
    }
}

#[test]
fn a_source_without_an_expression_is_left_out_with_the_reason() {
    for kind in ["Function", "Constant", "Attribute"] {
        let source = json!({ "type": kind });
        let (made, _) = import(&schema(&[with(from("city", ""), "source", source)]));
        let row = row(&made, Part::Attribute, "city");
        assert_eq!(row.why.as_deref(), Some("the source has no expression"), "{kind}");
    }
}

/// What nobody sees in a text is written so that it is seen.
#[test]
fn what_hides_is_written_out() {
    for (hidden, written) in [('\u{200b}', "\\u200B"), ('\u{202e}', "\\u202E"), ('\u{7f}', "\\u007F")] {
        let department = format!("A{hidden}B");
        let scope = json!({ "groups": [group("g", &[clause("department", "EQUALS", &[&department])])] });
        let (made, rules) = import(&schema_with(&[from("city", "[city]")], scope));
        assert!(made.rules.contains(&format!("\"A{written}B\"")), "{}", made.rules);
        assert!(!made.rules.contains(hidden));
        assert_eq!(rules.scope[0].all[0].to_string(), format!("department EQUALS \"{department}\""));
        assert!(RuleSet::parse("imported", &made.rules).is_ok());
    }
}
