//! Is a token minted, kept, renewed and shown as it must be? And does no secret get out?
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod graph_support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crosstie::graph::{Proof, TransportError};
use crosstie::model::Cursor;
use crosstie::ports::{DirectoryError, DirectoryRead, DirectoryWrite, Retry, Write};
use graph_support::*;

fn page() -> Answered {
    answer(200, &format!(r#"{{"value":[],"@odata.deltaLink":"{ROOT}/v1.0/users/delta?$deltatoken=1"}}"#))
}
async fn read(house: &House) -> Result<(), DirectoryError> {
    house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.map(|_| ())
}
fn jwt(claims: &str) -> String {
    format!("{}.{}.sig", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
}
fn refusal(error: &str, number: u64) -> Answered {
    let text = format!("AADSTS{number}: no, {SECRET} is not it. Trace ID: 1");
    answer(
        401,
        &format!(
            r#"{{"error":"{error}","error_description":"{text}","error_codes":[{number}],"trace_id":"t-1",
            "correlation_id":"c-1","timestamp":"2026-01-01 00:00:00Z","error_uri":"https://x"}}"#
        ),
    )
}

#[tokio::test]
async fn a_token_is_kept_and_renewed_five_minutes_early() {
    let house = House::new((0..3).map(|_| page()));
    read(&house).await.unwrap();
    house.clock.0.set(house.clock.0.get() + (3599 - 301) * 1000);
    read(&house).await.unwrap();
    assert_eq!(house.script.token_requests.borrow().len(), 1);
    house.clock.0.set(house.clock.0.get() + 1000);
    read(&house).await.unwrap();
    assert_eq!(house.script.token_requests.borrow().len(), 2);
    assert_eq!(house.seen()[2].authorization, "Bearer token-2");
}

#[tokio::test]
async fn many_who_ask_at_once_cost_one_token() {
    let house = House::new((0..5).map(|_| page()));
    let all = futures_util::future::join_all((0..5).map(|_| read(&house))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(house.script.token_requests.borrow().len(), 1);

    let house = House::new([]);
    house.script.tokens.borrow_mut().push_back(refusal("invalid_client", 7000222));
    let all = futures_util::future::join_all((0..5).map(|_| read(&house))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(house.script.token_requests.borrow().len(), 1, "a failure is shared by those who waited for it");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let expired =
        || answer(401, &error("InvalidAuthenticationToken", "Lifetime validation failed, Bearer token-1 token-2"));
    let house = House::new([expired(), answer(204, "")]);
    // A write is not asked again behind the back of those who count them.
    let error = house.writer.write("i", &Write::Delete { account: "u".into() }).await.unwrap_err();
    assert_eq!((error.retry, error.status), (Retry::Again { not_before: None }, Some(401)));
    assert!(!error.to_string().contains("token-1"), "an echoed token is taken out: {error}");
    house.writer.write("i", &Write::Delete { account: "u".into() }).await.unwrap();
    let tokens: Vec<String> = house.seen().into_iter().map(|s| s.authorization).collect();
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-2"]);

    let house = House::new([expired(), expired(), answer(204, "")]);
    let error = house.writer.write("i", &Write::Delete { account: "u".into() }).await.unwrap_err();
    assert_eq!(error.retry, Retry::Again { not_before: None });
    let error = house.writer.write("i", &Write::Delete { account: "u".into() }).await.unwrap_err();
    assert_eq!((error.retry, error.status), (Retry::Never, Some(401)), "two in a row are no accident");
    house.writer.write("i", &Write::Delete { account: "u".into() }).await.unwrap();

    let house = House::new([expired(), expired()]);
    let error = read(&house).await.unwrap_err();
    assert_eq!((error.retry, error.status), (Retry::Never, Some(401)));
    assert!(!error.to_string().contains("token-2"), "an echoed token is taken out: {error}");
    assert!(error.to_string().contains("hint:"));
}

#[tokio::test]
async fn tokens_of_others_are_refused_before_use() {
    let other = "99999999-2222-3333-4444-555555555555";
    let cases = [
        (jwt(&format!(r#"{{"tid":"{other}","aud":"{ROOT}"}}"#)), "WrongTenant"),
        (jwt(&format!(r#"{{"tid":"{TENANT_ID}","aud":"https://vault.example"}}"#)), "WrongAudience"),
        (jwt(&format!(r#"{{"tid":"{TENANT_ID}","aud":"{ROOT}","exp":1795322112}}"#)), "TokenExpired"),
        ("a token\\nwith: breaks".to_owned(), "TokenUnusable"),
    ];
    for (bad, code) in cases {
        let house = House::new([]);
        house.script.tokens.borrow_mut().push_back(token(&bad, 3599));
        let error = read(&house).await.unwrap_err();
        assert_eq!((error.detail.code.as_str(), error.retry), (code, Retry::Never));
        assert!(house.seen().is_empty(), "nothing went to Graph");
    }
    for good in [
        jwt(&format!(r#"{{"tid":"{}","aud":"{ROOT}/"}}"#, TENANT_ID.to_uppercase())),
        jwt(&format!(r#"{{"tid":"{TENANT_ID}","aud":"00000003-0000-0000-c000-000000000000"}}"#)),
        jwt(&format!(r#"{{"tid":"{TENANT_ID}","aud":"{ROOT}","exp":1795322113}}"#)),
        jwt("not json"),
        "opaque".to_owned(),
    ] {
        let house = House::new([page()]);
        house.script.tokens.borrow_mut().push_back(token(&good, 3599));
        read(&house).await.unwrap();
    }
}

/// A token that says it ends earlier than its answer does is believed.
#[tokio::test]
async fn a_token_is_used_no_longer_than_it_says_itself() {
    let house = House::new((0..3).map(|_| page()));
    let seconds = house.clock.0.get() / 1000;
    house.script.tokens.borrow_mut().push_back(token(&jwt(&format!(r#"{{"exp":{}}}"#, seconds + 400)), 3599));
    for (passed, asked) in [(0, 1), (199, 1), (200, 2)] {
        house.clock.0.set((seconds + passed) * 1000);
        read(&house).await.unwrap();
        assert_eq!(house.script.token_requests.borrow().len(), asked, "after {passed} s");
    }
}

#[tokio::test]
async fn refusals_come_with_a_way_out_and_without_the_secret() {
    let table = [
        (7000215, "invalid_client", "copy the secret's value"),
        (7000222, "invalid_client", "expired"),
        (700016, "unauthorized_client", "not known in this tenant"),
        (90002, "invalid_request", "no such tenant"),
        (500133, "invalid_client", "clock"),
        (70021, "invalid_request", "federated credential"),
        (7000112, "unauthorized_client", "disabled"),
    ];
    for (number, error, hint) in table {
        let house = House::new([]);
        house.script.tokens.borrow_mut().push_back(refusal(error, number));
        let error = read(&house).await.unwrap_err();
        assert_eq!(error.detail.code, format!("AADSTS{number}"));
        assert_eq!((error.retry, error.status), (Retry::Never, Some(401)));
        assert!(error.to_string().contains("hint:") && error.to_string().contains(hint), "{error}");
        assert!(!format!("{error} {error:?} {:?}", house.writer).contains(SECRET));
    }
    assert!(!format!("{:?}", Proof::Secret(SECRET.to_owned().into())).contains(SECRET));
}

#[tokio::test]
async fn passing_trouble_at_the_token_endpoint_passes() {
    let house = House::new([page()]);
    let busy = [
        refusal("temporarily_unavailable", 90033),
        answer(503, "<html>"),
        answer_with(429, ("retry-after", "5"), ""),
        Err(TransportError::lost("reset")),
    ];
    house.script.tokens.borrow_mut().extend(busy);
    read(&house).await.unwrap();
    assert_eq!(house.clock.pauses(), [1000, 2000, 5000, 8000]);

    for broken in
        [answer(200, "<html>"), answer(302, ""), answer(200, r#"{"access_token":"canary-token","expires_in":"x"}"#)]
    {
        let house = House::new([]);
        house.script.tokens.borrow_mut().push_back(broken);
        let error = read(&house).await.unwrap_err();
        assert_eq!(error.retry, Retry::Never);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_federated_token_is_read_anew_each_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let house = House::with_proof(Proof::AssertionFile(file.path().to_owned()), [page(), page()]);
    assert_eq!(read(&house).await.unwrap_err().detail.code, "AssertionFile", "empty");
    for assertion in ["first", "second"] {
        std::fs::write(file.path(), format!("{assertion}\n")).unwrap();
        house.clock.0.set(house.clock.0.get() + 4_000_000);
        read(&house).await.unwrap();
        let body = house.script.token_requests.borrow().last().unwrap().body.clone();
        assert!(body.contains(&format!("client_assertion={assertion}")), "{body}");
        assert!(body.contains("client_assertion_type=urn%3Aietf") && body.contains("client_id=app-1"));
        assert!(!body.contains("client_secret"));
    }
    let house = House::with_proof(Proof::AssertionFile("/nonexistent/token".into()), []);
    assert!(read(&house).await.unwrap_err().to_string().contains("hint:"));
}
