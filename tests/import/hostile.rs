//! Is what is no schema refused, with what is missing?

use crosstie::rules::entra::{ImportError, SCHEMA_BYTES_MAX, translate};
use serde_json::{Value as Json, json};

use super::{from, import, schema};

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
