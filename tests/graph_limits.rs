//! What does the client make of a tenant's limits: of what a refusal says, of the load, and of its own share of reads?
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod graph_support;

use crosstie::graph::{load_permille, resource_units, throttle};
use crosstie::model::{Cursor, ObjectId};
use crosstie::ports::ThrottledOperations::{Read, ReadWrite, Write as Writes};
use crosstie::ports::{
    DirectoryRead, DirectoryWrite, Look, Pressure, Throttle, ThrottleScope, ThrottledOperations, Write,
};
use graph_support::*;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

const SCOPE: &str = "x-ms-throttle-scope";
const LOAD: &str = "x-ms-throttle-limit-percentage";

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
}
fn said(scope: ThrottleScope, what: ThrottledOperations) -> Option<Throttle> {
    Some(Throttle { scope, what })
}
fn delete() -> Write {
    Write::Delete { account: ObjectId::new("u") }
}

#[test]
fn the_scope_of_a_throttle_is_read_in_any_case_and_rubbish_is_none() {
    use ThrottleScope::{Application, Tenant, TenantApplication};
    let table = [
        ("Tenant_Application/ReadWrite/9a3d526c/0785ef7c", said(TenantApplication, ReadWrite)),
        ("Tenant_Application/Read/9a3d526c/0785ef7c", said(TenantApplication, Read)),
        ("Tenant/Write/9a3d526c/0785ef7c", said(Tenant, Writes)),
        ("Application/Write/9a3d526c/0785ef7c", said(Application, Writes)),
        ("TENANT_APPLICATION/WRITE", said(TenantApplication, Writes)),
        (" tenant / readwrite / x", said(Tenant, ReadWrite)),
        ("tenant-application/read-write/a/b/c/d", said(TenantApplication, ReadWrite)),
        ("Tenant", None),
        ("Tenant/", None),
        ("Tenant/Everything/a/b", None),
        ("User/Read/a/b", None),
        ("/Write/a/b", None),
        ("9a3d526c/0785ef7c/Tenant/Write", None),
        ("", None),
        ("////", None),
    ];
    for (text, told) in table {
        assert_eq!(throttle(&headers(SCOPE, text)), told, "{text}");
    }
    assert_eq!(throttle(&HeaderMap::new()), None);
}

#[test]
fn load_and_cost_are_believed_within_reason() {
    let load = |text: &str| load_permille(&HeaderValue::from_str(text).unwrap());
    for (text, permille) in [("0.8", 800), ("0.85", 850), (" 1.0 ", 1_000), ("1.8", 1_800), ("1", 1_000), ("2", 2_000)]
    {
        assert_eq!(load(text), Some(permille), "{text}");
    }
    for text in
        ["", "-0.9", "+0.9", "NaN", "inf", "1e0", "0,9", "80%", "2.01", "85", "1000000000000000000", ".", "1.1.1"]
    {
        assert_eq!(load(text), None, "{text}");
    }
    let units = |text: &str| resource_units(&headers("x-ms-resource-unit", text));
    assert_eq!((units("1"), units(" 5 "), units("100")), (Some(1), Some(5), Some(100)));
    for text in ["0", "-1", "101", "1.5", "many", "", "99999999999999999999"] {
        assert_eq!(units(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>().prop_filter("a header", |b| *b >= 32 && *b != 127), 0..60)) {
        let value = HeaderValue::from_bytes(&bytes).unwrap();
        let _ = load_permille(&value);
        let mut headers = HeaderMap::new();
        headers.insert(SCOPE, value.clone());
        headers.insert("x-ms-resource-unit", value);
        let _ = (throttle(&headers), resource_units(&headers));
    }
}

#[tokio::test]
async fn a_throttled_answer_says_whose_limit_it_was() {
    let ask = |status, scope: &'static str| async move {
        let house = House::new([answer_with(status, (SCOPE, scope), "")]);
        house.writer.write("i", &delete()).await.unwrap_err()
    };
    let error = ask(429, "Application/Write/a/t").await;
    assert_eq!((error.throttled, error.throttle), (true, said(ThrottleScope::Application, Writes)));
    let error = ask(429, "whatever").await;
    assert_eq!((error.throttled, error.throttle), (true, None));
    let error = ask(404, "Application/Write/a/t").await;
    assert_eq!((error.throttled, error.throttle), (false, None), "nothing was throttled");

    // Items of a batch carry headers of their own.
    let item = |scope: &str| {
        format!(
            r#"{{"id":"2","status":429,"headers":{{"Retry-After":"1","X-MS-Throttle-Scope":{scope}}},
                "body":{{"error":{{"code":"TooManyRequests","message":"x"}}}}}}"#
        )
    };
    for (scope, told) in [
        (r#""Tenant/ReadWrite/a/t""#, said(ThrottleScope::Tenant, ReadWrite)),
        ("7", None),
        (r#"["Tenant/ReadWrite"]"#, None),
    ] {
        let first = format!(r#"{{"responses":[{{"id":"1","status":200,"body":{{"id":"a"}}}},{}]}}"#, item(scope));
        let alone = format!(r#"{{"responses":[{}]}}"#, item(scope).replace(r#""id":"2""#, r#""id":"1""#));
        let house = House::new([answer(200, &first)].into_iter().chain((0..4).map(|_| answer(200, &alone))));
        let looks = house.writer.look(&selection(&[]), &[ObjectId::new("a"), ObjectId::new("b")]).await;
        assert!(matches!(looks[0], Ok(Look::Present(_))));
        let error = looks[1].as_ref().unwrap_err();
        assert_eq!((error.throttled, error.throttle), (true, told), "{scope}");
    }
}

#[tokio::test]
async fn pressure_is_what_the_last_write_was_told() {
    let load = |status, load: &'static str| answer_with(status, (LOAD, load), "");
    let house = House::new([
        load(204, "0.85"),
        load(204, "1e9"),
        answer(503, "<html>"),
        load(429, "1.2"),
        answer(204, ""),
        load(204, "0.9"),
        answer_with(
            200,
            (LOAD, "1.5"),
            r#"{"value":[],"@odata.deltaLink":"https://graph.example/v1.0/users/delta?$deltatoken=1"}"#,
        ),
    ]);
    let write = async || {
        let _ = house.writer.write("i", &delete()).await;
        house.clock.0.set(house.clock.0.get() + 1_000);
        house.writer.pressure().map(|p| p.permille)
    };
    assert_eq!(house.writer.pressure(), None);
    let start = crosstie::ports::Clock::now(&house.clock);
    assert_eq!(write().await, Some(850));
    assert_eq!(write().await, Some(850), "an absurd load is no load");
    assert_eq!(house.writer.pressure(), Some(Pressure { permille: 850, at: start }));
    assert_eq!(write().await, Some(850), "a front door's silence says nothing");
    assert_eq!(write().await, Some(1_200));
    assert_eq!(write().await, None, "a write that was carried out in silence does");
    assert_eq!(write().await, Some(900));
    house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    assert_eq!(house.writer.pressure().map(|p| p.permille), Some(900), "a read's load is that of reads");
    assert_eq!(house.writer.reader().pressure(), house.writer.pressure());
}
