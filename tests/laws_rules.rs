//! What holds of every text, every expression and every user?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod expression_laws;

use std::path::Path;

use crosstie::model::{Attribute, Attributes, Value};
use crosstie::rules::{Clause, Dialect, Expression, OPERATORS, Operator, RuleSet};
use expression_laws::{lives_through, tried_out};
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        (-3i64..30).prop_map(Value::Integer),
        "[ -~äß]{0,8}".prop_map(Value::from),
        prop_oneof![Just("true"), Just("False"), Just("12"), Just("")].prop_map(Value::from),
        proptest::collection::vec("[a-c]{0,3}", 0..3).prop_map(Value::from),
    ]
}

fn users() -> impl Strategy<Value = Attributes> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(Attribute::from);
    proptest::collection::vec((name, value()), 0..4).prop_map(Attributes::from_iter)
}

/// Expressions that parse, or nearly: calls of all names with any arguments.
fn expressions() -> impl Strategy<Value = String> {
    let quoted = |t: String| format!("\"{}\"", t.replace('\\', "\\\\").replace('"', "\\\""));
    let leaf = prop_oneof![
        Just("[a]".to_owned()),
        Just("[b]".to_owned()),
        Just("[accountEnabled]".to_owned()),
        Just(String::new()),
        Just("IgnoreAttributeFlow".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        (0i64..40).prop_map(|n| n.to_string()),
        "[ -~é]{0,6}".prop_map(quoted),
        "[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-9:]{5})?".prop_map(quoted),
        prop::sample::select(vec![
            "d",
            "m",
            "yyyy",
            "ww",
            "n",
            "yyyy-MM-dd",
            "M/d/yyyy h:mm:ss tt",
            "(?<g>a+)|b",
            "g",
            "${g}"
        ])
        .prop_map(move |t| quoted(t.to_owned())),
        prop::sample::select(vec!["vbTextCompare", "UTF8", "True", "Now()", "Guid()"]).prop_map(str::to_owned),
    ];
    let mut all: Vec<&str> = Dialect::NAMED.into_iter().flat_map(|(_, dialect)| dialect.functions()).collect();
    all.push("Nope");
    leaf.prop_recursive(4, 32, 7, move |inner| {
        let call = (prop::sample::select(all.clone()), proptest::collection::vec(inner.clone(), 0..8))
            .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(",")));
        let sign = prop::sample::select(vec!["=", "<>", ">", ">=", "<", "<=", "&"]);
        let compare = (inner.clone(), sign, inner).prop_map(|(l, s, r)| format!("({l} {s} {r})"));
        prop_oneof![4 => call, 1 => compare]
    })
}

/// The generator is worth its name only while many of its expressions are taken.
#[test]
fn many_of_the_generated_expressions_are_sound() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (strategy, user) = (expressions(), Attributes::new());
    let sound = (0..1000).filter(|_| {
        let tree = strategy.new_tree(&mut runner).expect("an expression");
        lives_through(&proptest::strategy::ValueTree::current(&tree), &user)
    });
    assert!(sound.count() > 100, "the generator makes little that parses");
}

/// What fuzzing found worth keeping (`fuzz/`) is tried by every run of the tests.
#[test]
fn the_fuzzers_corpus_breaks_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/expression");
    let files = std::fs::read_dir(&folder).expect("the corpus").map(|entry| entry.expect("an entry").path());
    let sound = files.map(|file| std::fs::read(file).expect("a file")).filter(|data| tried_out(data)).count();
    assert!(sound >= 50, "only {sound} of the corpus are sound expressions");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_parser(source in "\\PC{0,60}", user in users()) {
        lives_through(&source, &user);
    }

    #[test]
    fn no_heap_of_signs_breaks_the_parser(source in "[\\[\\]()\",\\\\=<>&H0-9a-z\\-IF. ]{0,60}", user in users()) {
        lives_through(&source, &user);
    }

    #[test]
    fn an_expression_means_the_same_in_its_canonical_form(source in expressions(), user in users()) {
        lives_through(&source, &user);
    }

    #[test]
    fn faults_lie_inside_the_source(source in expressions()) {
        if let Err(error) = Expression::parse(&source) {
            prop_assert!(error.span.start <= error.span.end && error.span.end <= source.len(), "{error:?}");
            prop_assert!(source.get(error.span).is_some());
        }
    }

    #[test]
    fn clauses_are_total_and_nothing_but_is_null_holds_without_a_value(
        operator in prop::sample::select(OPERATORS.to_vec()),
        wanted in proptest::option::of(value()),
        user in users(),
    ) {
        if let Some(Ok(operator)) = Operator::new(operator, wanted) {
            let clause = |name: &str| Clause { attribute: name.into(), operator: operator.clone() };
            let _ = clause("a").holds(&user);
            prop_assert_eq!(clause("absent").holds(&user), operator.name() == "IS NULL");
            prop_assert!(clause("a").to_string().starts_with("a "));
        }
    }

    #[test]
    fn an_operator_and_its_opposite_never_both_hold(user in users(), wanted in "[a-z]{1,3}") {
        for (one, other) in [("EQUALS", "NOT EQUALS"), ("REGEX MATCH", "NOT REGEX MATCH"), ("&", "!&")] {
            let holds = |name: &str| match Operator::new(name, Some(Value::from(wanted.clone()))) {
                Some(Ok(operator)) => Clause { attribute: "a".into(), operator }.holds(&user),
                _ => false,
            };
            prop_assert!(!(holds(one) && holds(other)));
        }
    }

    #[test]
    fn no_text_breaks_the_rule_file(text in "\\PC{0,200}") {
        let _ = RuleSet::parse("x", &text);
    }

    #[test]
    fn no_mutilated_rule_file_breaks_it_either(at in 0usize..2000, length in 0usize..40, with in "\\PC{0,10}") {
        let whole = include_str!("../sync-rules/staff.toml");
        let floor = |mut i: usize| { while !whole.is_char_boundary(i) { i -= 1; } i };
        let (start, end) = (floor(at.min(whole.len())), floor((at + length).min(whole.len())));
        let text = format!("{}{with}{}", &whole[..start], &whole[end..]);
        if let Err(findings) = RuleSet::parse("x", &text) {
            prop_assert!(findings.iter().any(|f| f.is_error()));
            for span in findings.into_iter().filter_map(|f| f.span) {
                prop_assert!(span.start <= span.end && span.end <= text.len());
            }
        }
    }

    #[test]
    fn the_fingerprint_does_not_depend_on_the_order_of_attributes(
        lines in Just(vec!["city = '[city]'", "state = 'ToUpper([state])'", "jobTitle = { constant = 'x' }",
                           "manager = '[manager]'", "showInAddressList = true", "surname = '[surname]'"]).prop_shuffle()
    ) {
        let print = |lines: &[&str]| {
            RuleSet::parse("x", &format!("[attributes]\n{}\n", lines.join("\n"))).map(|(r, _)| r.fingerprint)
        };
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        prop_assert_eq!(print(&lines), print(&sorted));
    }
}
