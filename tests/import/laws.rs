//! What holds of every schema, whatever an admin typed into it?

use crosstie::model::{Attribute, Attributes, Timestamp, Value};
use crosstie::rules::entra::{Answer, Part};
use crosstie::rules::{Apply, Expression, Inputs, Mapping, Operator, Output, Source, WhenEmpty};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{clause, from, group, import, mapping, schema, schema_with, with};

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
        .into_iter()
        .collect();
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
        Meant::Direct(name) => assert_eq!(Some(given(&user)), user.get(*name).map(ToString::to_string)),
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
