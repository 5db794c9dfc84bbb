//! How many expressions are evaluated in a second on one core? `cargo bench --bench expressions`
//!
//! Elements are expressions. `default mapping` is what Microsoft's service maps before anybody changes it: attributes passed
//! on as they are. `working mapping` is what admins add to it: names put together, choices, patterns, dates. `baseline` only
//! looks the same attributes up and copies them: what no evaluator can be faster than.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crosstie::model::{Attribute, Attributes, Timestamp, Value};
use crosstie::rules::{Expression, Inputs, Output, RuleSet, Source};

const DEFAULT: &str = include_str!("../sync-rules/entra-default.toml");

/// One of each kind that the vendor's guides are made of.
const WORKING: [&str; 10] = [
    r#"Join(" ", [givenName], [surname])"#,
    r#"ToLower(NormalizeDiacritics(StripSpaces(Join(".", [givenName], [surname]))))"#,
    r#"Join("@", Left([mailNickname], 20), "contoso.com")"#,
    r#"Switch([country], "other", "United Kingdom", "GB", "France", "FR", "Germany", "DE")"#,
    r#"IIF(And([accountEnabled], IsPresent([department])), [department], "none")"#,
    r#"Replace([businessPhones], , "[()\\s-]+", , "", , )"#,
    r#"Replace([userPrincipalName], , "(?<name>.*)@(?<domain>.*)", , "${name}", , )"#,
    r#"Coalesce([preferredName], [displayName], "nobody")"#,
    r#"PCase([city])"#,
    r#"FormatDateTime([employeeHireDate], , "yyyy-MM-ddTHH:mm:ssZ", "dd.MM.yyyy")"#,
];

fn person() -> Attributes {
    [
        ("userPrincipalName", "zoe.loevelace@north.example"),
        ("mail", "zoe.loevelace@north.example"),
        ("mailNickname", "zoe.loevelace"),
        ("displayName", "Zoë Løvelace"),
        ("givenName", "Zoë"),
        ("surname", "Løvelace"),
        ("jobTitle", "Head of analysis"),
        ("department", "Analysis"),
        ("employeeId", "0042"),
        ("streetAddress", "12 St James's Square"),
        ("city", "LONDON"),
        ("state", "England"),
        ("postalCode", "SW1Y 4LE"),
        ("country", "United Kingdom"),
        ("preferredLanguage", "en-GB"),
        ("employeeHireDate", "2026-11-27T09:00:00Z"),
    ]
    .into_iter()
    .map(|(name, value)| (Attribute::from(name), Value::from(value)))
    .chain([
        ("businessPhones".into(), Value::from(vec!["+44 (20) 7946-0958".to_owned()])),
        ("accountEnabled".into(), Value::Bool(true)),
    ])
    .collect()
}

fn evaluated(bench: &mut Criterion, name: &str, expressions: &[Expression]) {
    let user = person();
    let inputs = Inputs::new(&user, Timestamp(1_795_770_000_000));
    for expression in expressions {
        let result = expression.evaluate(inputs).expect("a sound expression");
        assert!(matches!(result, Output::Value(Some(_))), "{expression} gives nothing");
    }
    let mut group = bench.benchmark_group(name);
    group.throughput(Throughput::Elements(expressions.len() as u64));
    group.bench_function("evaluated", |b| {
        b.iter(|| {
            for expression in expressions {
                let _ = black_box(expression.evaluate(black_box(inputs)));
            }
        });
    });
    let read: Vec<Attribute> = expressions.iter().filter_map(|e| e.attributes().into_iter().next()).collect();
    group.throughput(Throughput::Elements(read.len() as u64));
    group.bench_function("baseline", |b| {
        b.iter(|| {
            for attribute in &read {
                black_box(black_box(&user).get(attribute).cloned());
            }
        });
    });
    let sources: Vec<&str> = expressions.iter().map(Expression::source).collect();
    group.throughput(Throughput::Elements(sources.len() as u64));
    group.bench_function("parsed", |b| {
        b.iter(|| {
            for source in &sources {
                let _ = black_box(Expression::parse(black_box(source)));
            }
        });
    });
    group.finish();
}

fn expressions(bench: &mut Criterion) {
    let (rules, _) = RuleSet::parse("entra-default", DEFAULT).expect("the shipped rule set");
    let mapped: Vec<Expression> = rules
        .attributes
        .into_values()
        .filter_map(|mapping| match mapping.source {
            Source::Expression(expression) => Some(expression),
            Source::Constant(_) | Source::Reference(_) => None,
        })
        .collect();
    evaluated(bench, "default mapping", &mapped);
    let working: Vec<Expression> = WORKING.iter().map(|s| Expression::parse(s).expect("an expression")).collect();
    evaluated(bench, "working mapping", &working);
}

criterion_group!(benches, expressions);
criterion_main!(benches);
