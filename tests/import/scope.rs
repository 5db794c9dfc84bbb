//! Does the imported scope take whom the schema takes, and never more?

use crosstie::rules::entra::{Answer, Part, translate};
use crosstie::rules::{Operator, RuleSet};
use serde_json::json;

use super::{clause, fixture, from, group, import, row, schema_with};

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
