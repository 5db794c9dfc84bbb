//! A page of users: is it believed as a whole or not at all, and does it say what the bytes say?

use std::collections::BTreeSet;

use crosstie::graph::{Page, Plan, parse_page};
use crosstie::model::{Attribute, Edit, News, Removal, Selection, Value};
use serde_json::Value as Json;

pub const WORDS: &[&str] = &[
    "{\"value\":[",
    "]}",
    "\"id\":\"",
    "\"@removed\":{\"reason\":\"deleted\"}",
    "\"@removed\":{\"reason\":\"changed\"}",
    "\"mail\":null",
    "\"mail\":",
    "\"manager@delta\":[{\"id\":\"m\"}]",
    "\"manager\":{\"id\":\"m\"}",
    "\"otherMails\":[\"",
    "\"accountEnabled\":true",
    "\"onPremisesExtensionAttributes\":{\"extensionAttribute1\":",
    "\"employeeOrgData\":null",
    "\"employeeOrgData\":{\"division\":",
    "\"@odata.nextLink\":\"https://graph.example/v1.0/users/delta?$skiptoken=a\"",
    "\"@odata.deltaLink\":\"https://graph.example/v1.0/users/delta?$deltatoken=a\"",
    "\"error\":{\"code\":\"",
    "1e300",
    "18446744073709551615",
    "-9223372036854775808",
    "\\ud800",
    "\\u0000",
    "\\u202e",
    "null",
    ",",
    "}",
    "{",
    "[",
];

const PLAIN: [&str; 4] = ["mail", "displayName", "accountEnabled", "otherMails"];

fn selection() -> Selection {
    let names = PLAIN.into_iter().chain(["extensionAttribute1", "employeeOrgData.division", "manager"]);
    Selection(names.map(Attribute::from).collect())
}

pub fn page(body: &[u8]) -> bool {
    let plan = Plan::new(&selection());
    let first = parse_page(body, &plan);
    assert_eq!(first, parse_page(body, &plan), "the same bytes, read twice");
    let page = match first {
        Ok(page) => page,
        Err(error) => {
            assert!(error.to_string().len() <= body.len() + 1_000, "an error that is longer than what it is about");
            return false;
        }
    };
    // What is kept is bounded by what came: a number may be written out, and takes no more than some digits then.
    assert!(kept(&page) <= 16 + body.len() * 8, "{} bytes kept of {}", kept(&page), body.len());
    a_part_is_no_page(body, &plan);
    says_what_the_bytes_say(&page, body);
    true
}

fn kept(page: &Page) -> usize {
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(String::len).sum(),
        Value::Bool(_) | Value::Integer(_) => 0,
    };
    let item = |news: &News| match news {
        News::Seen(edits) => edits.values().filter_map(Edit::value).map(value).sum(),
        News::Removed(_) => 0,
    };
    let links = page.next.iter().chain(&page.delta).map(String::len).sum::<usize>();
    links + page.items.iter().map(|i| i.object.as_str().len() + item(&i.news)).sum::<usize>()
}

/// A page that was cut short anywhere is refused.
fn a_part_is_no_page(body: &[u8], plan: &Plan) {
    let end = body.iter().rposition(|b| *b == b'}').unwrap_or_default();
    for sixteenth in 0..16 {
        let part = &body[..end * sixteenth / 16];
        assert!(parse_page(part, plan).is_err(), "{sixteenth}/16 of the page was taken for a page");
    }
}

/// Read by another reader, where that can (it goes less deep).
fn says_what_the_bytes_say(page: &Page, body: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Json>(body) else { return };
    let link = |name: &str| json[name].as_str().map(str::to_owned);
    assert_eq!(page.next, link("@odata.nextLink"));
    assert_eq!(page.delta, link("@odata.deltaLink"));
    let users = json["value"].as_array().expect("a page is a list of users");
    assert_eq!(page.items.len(), users.len(), "items were lost or made up");
    for (item, user) in page.items.iter().zip(users) {
        assert_eq!(Some(item.object.as_str()), user["id"].as_str());
        match &item.news {
            News::Removed(removal) => {
                let hard = user["@removed"]["reason"].as_str() == Some("deleted");
                assert_eq!(*removal == Removal::Hard, hard, "who is gone for good?");
            }
            News::Seen(edits) => {
                assert!(user["@removed"].is_null(), "a removed user was taken for one that stands");
                let selected: BTreeSet<Attribute> = selection().0.into_iter().collect();
                assert!(edits.keys().all(|a| selected.contains(a)), "an attribute that was not selected was kept");
                for name in PLAIN {
                    told(edits.get(&Attribute::from(name)), user.get(name), name);
                }
                let member = |name: &str, member: &str| match user.get(name) {
                    None => None,
                    Some(Json::Null) => Some(Json::Null),
                    Some(whole) => whole.get(member).cloned(),
                };
                let extension = member("onPremisesExtensionAttributes", "extensionAttribute1");
                told(edits.get(&Attribute::from("extensionAttribute1")), extension.as_ref(), "extensionAttribute1");
                let division = member("employeeOrgData", "division");
                told(edits.get(&Attribute::from("employeeOrgData.division")), division.as_ref(), "division");
            }
        }
    }
}

/// Absent is not told, null is cleared, and a value is that value.
fn told(edit: Option<&Edit>, json: Option<&Json>, name: &str) {
    match (edit, json) {
        (None, None) | (Some(Edit::Clear), Some(Json::Null)) => {}
        (Some(Edit::Set(Value::Text(text))), Some(Json::String(told))) => assert_eq!(text, told, "{name}"),
        (Some(Edit::Set(Value::Bool(is))), Some(Json::Bool(told))) => assert_eq!(is, told, "{name}"),
        (Some(Edit::Set(Value::Integer(n))), Some(Json::Number(told))) => assert_eq!(Some(*n), told.as_i64(), "{name}"),
        // Beyond whole numbers of 64 bits the digits are kept.
        (Some(Edit::Set(Value::Text(text))), Some(Json::Number(told))) => {
            assert!(told.as_i64().is_none(), "{name}: {told} became a text");
            assert_eq!(text.parse::<f64>().ok(), told.as_f64(), "{name}");
        }
        (Some(Edit::Set(Value::List(items))), Some(Json::Array(told))) => {
            let told: Option<Vec<&str>> = told.iter().map(Json::as_str).collect();
            assert_eq!(told.as_ref().map(|t| t.iter().map(|s| s.to_string()).collect()), Some(items.clone()), "{name}");
        }
        (edit, json) => panic!("{name}: {json:?} was read as {edit:?}"),
    }
}
