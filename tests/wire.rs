//! Is an answer read strictly? Absent is not null, one wrong thing refuses the page, and nothing makes the reader fall.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use crosstie::graph::{
    GraphError, Operation, Page, Plan, RETRY_AFTER_MILLIS_MAX, TransportErrorKind, judge_transport, parse_page,
    pause_until, retry_after,
};
use crosstie::model::{Attribute, Edit, Edits, News, Removal, Selection, Timestamp, Value};
use crosstie::ports::Retry;
use http::HeaderMap;
use proptest::prelude::*;

fn plan(names: &[&str]) -> Plan {
    Plan::new(&Selection(names.iter().map(|n| (*n).into()).collect()))
}
fn parse(items: &str, names: &[&str]) -> Result<Page, GraphError> {
    parse_page(format!(r#"{{"value":[{items}]}}"#).as_bytes(), &plan(names))
}
fn one(item: &str, names: &[&str]) -> News {
    parse(item, names).unwrap().items.remove(0).news
}
fn seen(edits: &[(&str, Edit)]) -> News {
    News::Seen(edits.iter().map(|(name, edit)| ((*name).into(), edit.clone())).collect())
}
fn set(text: &str) -> Edit {
    Edit::Set(text.into())
}

#[test]
fn the_documented_rounds_are_read() {
    let body = br##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users",
        "@odata.deltaLink":"https://graph.microsoft.com/v1.0/users/delta?$deltatoken=a",
        "value":[{"displayName":"Testuser7","givenName":"Joe","surname":"Doe","id":"25dcffff"},
                 {"id":"8ffff70c","@removed":{"reason":"changed"}},{"@removed":{"reason":"deleted"},"id":"9"}]}"##;
    let page = parse_page(body, &plan(&["displayName", "mail"])).unwrap();
    assert_eq!(page.delta.as_deref(), Some("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=a"));
    assert_eq!(page.next, None);
    let news: Vec<News> = page.items.into_iter().map(|i| i.news).collect();
    assert_eq!(
        news,
        [seen(&[("displayName", set("Testuser7"))]), News::Removed(Removal::Soft), News::Removed(Removal::Hard)]
    );
}

#[test]
fn values_keep_their_kind_and_absence_is_not_null() {
    let names = ["a", "extensionAttribute1", "extensionAttribute2", "org.division", "manager"];
    let list = |items: &[&str]| Edit::Set(Value::List(items.iter().map(|i| (*i).to_owned()).collect()));
    let cases = [
        (r#""a":null"#, vec![("a", Edit::Clear)]),
        (r#""b":1"#, vec![]),
        (r#""a":"""#, vec![("a", set(""))]),
        (r#""a":"\u00e9\n\u0000""#, vec![("a", set("é\n\0"))]),
        (r#""a":true"#, vec![("a", Edit::Set(Value::Bool(true)))]),
        (r#""a":-7"#, vec![("a", Edit::Set(Value::Integer(-7)))]),
        (r#""a":1.5"#, vec![("a", set("1.5"))]),
        (r#""a":18446744073709551615"#, vec![("a", set("18446744073709551615"))]),
        (r#""a":["x","y"]"#, vec![("a", list(&["x", "y"]))]),
        (r#""a":[]"#, vec![("a", list(&[]))]),
        (
            r#""onPremisesExtensionAttributes":{"extensionAttribute1":null,"extensionAttribute3":"z"}"#,
            vec![("extensionAttribute1", Edit::Clear)],
        ),
        (
            r#""onPremisesExtensionAttributes":null"#,
            vec![("extensionAttribute1", Edit::Clear), ("extensionAttribute2", Edit::Clear)],
        ),
        (r#""org":{"division":"d","costCenter":{"deep":[1]}}"#, vec![("org.division", set("d"))]),
        (r##""manager@delta":[{"@odata.type":"#microsoft.graph.user","id":"m"}]"##, vec![("manager", set("m"))]),
        (r#""manager@delta":[{"id":"o","@removed":{"reason":"deleted"}},{"id":"m"}]"#, vec![("manager", set("m"))]),
        (r#""manager@delta":[{"id":"m"},{"id":"o","@removed":{"reason":"deleted"}}]"#, vec![("manager", set("m"))]),
        (r#""manager@delta":[{"id":"o","@removed":{"reason":"deleted"}}]"#, vec![("manager", Edit::Clear)]),
        (r#""manager@delta":[]"#, vec![]),
        (r#""manager":{"id":"m"}"#, vec![("manager", set("m"))]),
        (r#""@removed":null,"a":"x""#, vec![("a", set("x"))]),
        (r#""unselected":{"deep":[{"er":[1e400,"\ud83d\ude00"]}]}"#, vec![]),
    ];
    for (properties, edits) in cases {
        assert_eq!(one(&format!(r#"{{"id":"u",{properties}}}"#), &names), seen(&edits), "{properties}");
    }
    // Only the exact word says gone for good.
    for reason in [r#"{"reason":"Deleted"}"#, r#"{"reason":"purged"}"#, "{}", r#"{"reason":null}"#] {
        assert_eq!(one(&format!(r#"{{"id":"u","@removed":{reason}}}"#), &names), News::Removed(Removal::Soft));
    }
}

#[test]
fn one_wrong_thing_refuses_the_page() {
    let names = ["a", "extensionAttribute1", "manager"];
    let wrong = [
        r#"{"a":"x"}"#,
        r#"{"id":""}"#,
        r#"{"id":7}"#,
        r#"{"id":null}"#,
        r#"{"id":"u","id":"v"}"#,
        r#"{"id":"u","a":"x","a":"y"}"#,
        r#"{"id":"u","a":{"b":1}}"#,
        r#"{"id":"u","a":[1]}"#,
        r#"{"id":"u","a":[null]}"#,
        r#"{"id":"u","a":"\ud800"}"#,
        r#"{"id":"u","a":1e999}"#,
        r#"{"id":"u","a":tru}"#,
        r#"{"id":"u","@removed":"changed"}"#,
        r#"{"id":"u","@removed":{"reason":7}}"#,
        r#"{"id":"u","@removed":{"reason":"deleted"},"@removed":null}"#,
        r#"{"id":"u","onPremisesExtensionAttributes":"x"}"#,
        r#"{"id":"u","onPremisesExtensionAttributes":{"extensionAttribute1":{}}}"#,
        r#"{"id":"u","manager@delta":{"id":"m"}}"#,
        r#"{"id":"u","manager@delta":[{}]}"#,
        r#"{"id":"u","manager@delta":[{"id":"m"},{"id":"n"}]}"#,
        r#"{"id":"u","manager":"m"}"#,
        r#"{"id":"u"}}"#,
        r#"{"id":"u""#,
        "null",
        "[]",
        "7",
    ];
    for item in wrong {
        let error = parse(&format!(r#"{{"id":"fine"}},{item}"#), &names).unwrap_err();
        assert!(matches!(error, GraphError::Page(_)), "{item}: {error}");
    }
    let error = parse(r#"{"id":"u","a":{"b":1}}"#, &names).unwrap_err().to_string();
    assert!(error.contains("a: invalid type: map"), "names the property: {error}");
}

#[test]
fn bodies_that_are_no_page_are_refused() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let huge = format!(r#"{{"value":[{{"id":"u","a":{}}}]}}"#, deep("[", "]"));
    let skipped = format!(r#"{{"x":{},"value":[]}}"#, deep(r#"{"a":"#, "}").replace(":}", ":0}"));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"<html>".to_vec(),
        b"{}".to_vec(),
        br#"{"value":null}"#.to_vec(),
        br#"{"value":{}}"#.to_vec(),
        br#"{"value":[],"value":[]}"#.to_vec(),
        br#"{"value":[],"@odata.nextLink":7}"#.to_vec(),
        br#"{"value":[],"@odata.nextLink":"a","@odata.nextLink":"b"}"#.to_vec(),
        br#"{"value":[]} x"#.to_vec(),
        b"{\"value\":[{\"id\":\"\xff\"}]}".to_vec(),
        huge.into_bytes(),
    ];
    for body in bodies {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert!(matches!(parse_page(&body, &plan(&["a"])), Err(GraphError::Page(_))), "{start}");
    }
    // Depth that nobody reads costs nothing, whether it is taken or refused.
    let _ = parse_page(skipped.as_bytes(), &plan(&["a"]));
    let refusal = parse_page(br#"{"error":{"code":"syncStateNotFound","message":"m\u001b[31m"}}"#, &plan(&[]));
    let Err(GraphError::Answer(answer)) = refusal else { panic!() };
    assert_eq!((answer.code.as_str(), answer.message.as_str()), ("syncStateNotFound", "m [31m"));
}

#[test]
fn retry_after_is_believed_within_reason() {
    let now = Timestamp::parse("2026-11-22T04:35:12Z").unwrap();
    let wish = |wish: &str, date: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", wish.parse().unwrap());
        if let Some(date) = date {
            headers.insert("date", date.parse().unwrap());
        }
        retry_after(&headers, now)
    };
    let table = [
        ("3", Some(3_000)),
        ("2.128", Some(2_128)),
        (" 7 ", Some(7_000)),
        ("0", Some(0)),
        ("1000000000", Some(RETRY_AFTER_MILLIS_MAX)),
        ("99999999999999999999999999", Some(RETRY_AFTER_MILLIS_MAX)),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("inf", None),
        ("NaN", None),
        (".", None),
        ("1.2.3", None),
        ("-0", None),
        ("+3", None),
        ("-2.128", None),
        ("1000000000000000000", Some(RETRY_AFTER_MILLIS_MAX)),
        ("0.0001", Some(1)),
        ("-inf", None),
        ("infinity", None),
        ("1E3", None),
        ("0x10", None),
        ("3 seconds", None),
        ("3, 4", None),
        ("Sun, 22 Nov 2026 04:35:12 GMT", Some(0)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Sun, 32 Nov 2026 04:35:20 GMT", None),
        ("2026-11-22T04:35:20Z", None),
        ("Sun, 22 Nov 2026 04:35:20 GMT", Some(8_000)),
        ("Sun, 22 Nov 2026 04:00:00 GMT", Some(0)),
        ("Sun, 22 Nov 2099 04:00:00 GMT", Some(RETRY_AFTER_MILLIS_MAX)),
    ];
    for (text, millis) in table {
        assert_eq!(wish(text, None), millis, "{text}");
    }
    let theirs = Some("Sun, 22 Nov 2026 09:00:00 GMT");
    assert_eq!(wish("Sun, 22 Nov 2026 09:00:05 GMT", theirs), Some(5_000), "measured against the tenant's clock");
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}

#[test]
fn pauses_grow_and_end() {
    let now = Timestamp(1_000_000);
    let again = |not_before| Retry::Again { not_before };
    let pause = |n, retry| pause_until(n, retry, now).map(|at| at.millis_since(now));
    let growing: Vec<_> = (1..=6).map(|n| pause(n, again(None))).collect();
    assert_eq!(growing, [Some(1_000), Some(2_000), Some(4_000), Some(8_000), None, None]);
    assert_eq!(pause(1, again(Some(now))), Some(1_000), "0 does not shorten it");
    assert_eq!(pause(1, again(Some(now.plus_seconds(9)))), Some(9_000));
    for never in [Retry::Never, Retry::StartOver, Retry::LookAgain] {
        assert_eq!(pause(1, never), None);
    }
    let kinds = [TransportErrorKind::NotSent, TransportErrorKind::Lost, TransportErrorKind::TooLarge];
    let judged = |operation| kinds.map(|kind| judge_transport(operation, kind).retry);
    assert_eq!(judged(Operation::Resume), [again(None), again(None), Retry::Never]);
    assert_eq!(judged(Operation::Invite), [again(None), Retry::LookAgain, Retry::LookAgain]);
}

/// JSON near to a page: right keys, any values.
fn near_page() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f32>().prop_map(|n| n.to_string()),
        ".{0,8}".prop_map(|s| serde_json::to_string(&s).unwrap()),
        Just(r#""\ud800""#.to_owned()),
    ];
    let key = prop_oneof![
        Just("id"),
        Just("a"),
        Just("@removed"),
        Just("reason"),
        Just("manager@delta"),
        Just("value"),
        Just("error"),
        Just("@odata.nextLink"),
        Just("onPremisesExtensionAttributes"),
        Just("extensionAttribute1"),
    ];
    let json = scalar.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<String> = fields.iter().map(|(k, v)| format!(r#""{k}":{v}"#)).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    });
    prop::collection::vec(json, 0..4).prop_map(|items| format!(r#"{{"value":[{}]}}"#, items.join(",")))
}

fn told() -> impl Strategy<Value = Option<Edit>> {
    prop_oneof![
        Just(None),
        Just(Some(Edit::Clear)),
        any::<bool>().prop_map(|b| Some(Edit::Set(Value::Bool(b)))),
        any::<i64>().prop_map(|n| Some(Edit::Set(Value::Integer(n)))),
        any::<String>().prop_map(|s| Some(Edit::Set(Value::from(s)))),
        prop::collection::vec(any::<String>(), 0..3).prop_map(|l| Some(Edit::Set(Value::from(l)))),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_page(&bytes, &plan(&["a", "manager", "extensionAttribute1"]));
    }

    #[test]
    fn no_json_makes_the_reader_panic(body in near_page(), cut in 0.0..=1.0_f64) {
        let plan = plan(&["a", "manager", "extensionAttribute1"]);
        if let Ok(page) = parse_page(body.as_bytes(), &plan) {
            prop_assert!(page.items.iter().all(|item| !item.object.as_str().is_empty()));
        }
        let cut = (body.len() as f64 * cut) as usize;
        if cut < body.len() {
            prop_assert!(parse_page(&body.as_bytes()[..cut], &plan).is_err());
        }
    }

    #[test]
    fn what_was_told_is_what_is_read(told in prop::collection::vec(told(), 4)) {
        let names = ["alpha", "beta", "extensionAttribute7", "org.unit"];
        let mut user = serde_json::json!({"id": "u", "other": [1, {"alpha": 2}]});
        let mut expected = Edits::new();
        for (name, edit) in names.iter().zip(&told) {
            let Some(edit) = edit else { continue };
            expected.insert(Attribute::from(*name), edit.clone());
            let value = edit.value().map_or(serde_json::Value::Null, |v| serde_json::to_value(v).unwrap());
            match *name {
                "extensionAttribute7" => user["onPremisesExtensionAttributes"][name] = value,
                "org.unit" => user["org"]["unit"] = value,
                name => user[name] = value,
            }
        }
        prop_assert_eq!(one(&user.to_string(), &names), News::Seen(expected));
    }
}
