//! Who gets in, how often, and what is remembered of it?

use axum::body::Body;
use crosstie::sim::{App, Effect, Fault, Federated, Kind, Limit, Limits, TenantSpec};
use http::Request;
use serde_json::{Value, json};

use crate::bench::{Bench, CLIENT, GOOD_FORM, NORTH, app, send, token};

#[tokio::test]
async fn tokens_are_refused_in_the_documented_words() {
    let bench = Bench::new().await;
    for (from, to, status, error, number) in [
        ("north-secret", "wrong", 401, "invalid_client", 7_000_215),
        ("&client_secret=north-secret", "", 401, "invalid_client", 7_000_218),
        ("0b9b0d64", "ffffffff", 400, "unauthorized_client", 700_016),
        (".default", "other", 400, "invalid_scope", 70_011),
        ("client_credentials", "password", 400, "unsupported_grant_type", 70_003),
    ] {
        let got = token(&bench.world, &GOOD_FORM.replace(from, to)).await;
        assert_eq!((got.status, got.body["error"].as_str()), (status, Some(error)), "{}", got.text);
        assert_eq!(got.body["error_codes"], json!([number]));
        assert!(got.body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{number}: ")));
    }
    let request = Request::post("http://sim/nowhere.example/oauth2/v2.0/token").body(Body::from(GOOD_FORM)).unwrap();
    assert_eq!(send(&bench.world, request).await.body["error_codes"], json!([90_002]));
}

#[tokio::test]
async fn basic_and_assertions_stand_in_for_a_secret_in_the_body() {
    let bench = Bench::new().await;
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{CLIENT}:north-secret"));
    let ask = async |form: String, basic: Option<&str>| {
        let mut request = Request::post(format!("http://sim/{NORTH}/oauth2/v2.0/token"));
        if let Some(basic) = basic {
            request = request.header("authorization", format!("Basic {basic}"));
        }
        send(&bench.world, request.body(Body::from(form)).unwrap()).await
    };
    let grant = "grant_type=client_credentials&scope=http%3A%2F%2Fsim%2F.default";
    assert_eq!(ask(grant.to_owned(), Some(&basic)).await.status, 200);
    let assertion = |issuer: &str, subject: &str| {
        let claims = json!({ "iss": issuer, "sub": subject, "aud": "x", "exp": 4_000_000_000_u64 }).to_string();
        let token = format!("{}.{}.c2ln", encode(br#"{"alg":"RS256"}"#), encode(claims.as_bytes()));
        format!(
            "{grant}&client_id={CLIENT}&client_assertion={token}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        )
    };
    let got = ask(assertion("https://idp.example", "crosstie"), None).await;
    assert_eq!(got.body["error_codes"], json!([70_021]));
    let federated =
        Federated { issuer: "https://idp.example".into(), subject: "crosstie".into(), certificate_pem: None };
    let registered = App { federated: Some(federated), secret: String::new(), ..app(&["User.Read.All"]) };
    let spec = TenantSpec { id: NORTH.into(), apps: vec![registered], ..TenantSpec::default() };
    bench.world.add_tenant("north", spec);
    assert_eq!(ask(assertion("https://idp.example", "crosstie"), None).await.status, 200);
    assert_eq!(ask(assertion("https://idp.example", "other"), None).await.status, 401);
    // An app without a secret is not let in by an empty one.
    let empty = format!("{grant}&client_id={CLIENT}&client_secret=");
    assert_eq!(ask(empty, None).await.body["error_codes"], json!([7_000_218]));
}

#[tokio::test]
async fn a_bearer_token_lives_3599_seconds() {
    let bench = Bench::new().await;
    bench.pass(3598);
    assert_eq!(bench.get("/users").await.status, 200);
    bench.pass(1);
    let got = bench.get("/users").await;
    assert_eq!((got.status, got.code()), (401, "InvalidAuthenticationToken"));
}

#[tokio::test]
async fn roles_decide_what_an_app_may_do() {
    let bench = Bench::with_roles(&["User.Read.All"]).await;
    let id = bench.add("ada");
    assert_eq!(bench.get("/users").await.status, 200);
    for (method, path) in [("PATCH", format!("/users/{id}")), ("DELETE", format!("/users/{id}"))] {
        let got = bench.call(method, &path, json!({ "jobTitle": "x" })).await;
        assert_eq!((got.status, got.code()), (403, "Authorization_RequestDenied"));
    }
    assert_eq!(bench.invite("a@b.example").await.status, 403);
    assert_eq!(bench.get("/organization").await.status, 403);
    assert!(bench.world.ledger().iter().all(|e| !e.applied && e.status == 403));
}

#[tokio::test]
async fn the_write_window_refuses_at_its_limit_and_frees_when_it_has_passed() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    bench.north().settings(|s| s.limits.app_writes = Limit::new(3, 150)).unwrap();
    let path = format!("/users/{id}");
    let mut n = 0;
    let mut write = async || {
        n += 1;
        bench.call("PATCH", &path, json!({ "jobTitle": format!("Dev {n}") })).await
    };
    for _ in 0..3 {
        assert_eq!(write().await.status, 204);
        bench.pass(10);
    }
    let got = write().await;
    assert_eq!((got.status, got.code()), (429, "TooManyRequests"));
    // The refused one counts as well: of four, two must have left.
    assert_eq!(got.header("retry-after"), "130");
    assert!(got.header("x-ms-throttle-scope").starts_with("Tenant_Application/Write/"));
    assert_eq!(got.header("x-ms-throttle-information"), "WriteLimitExceeded");
    assert_eq!(got.body["error"]["innerError"]["status"], "429");
    bench.pass(129);
    assert_eq!(bench.get(&path).await.status, 200, "reads pass");
    bench.pass(1);
    assert_eq!(write().await.status, 204);
    let ledger = bench.world.ledger();
    assert_eq!(ledger.iter().map(|e| (e.status, e.applied)).collect::<Vec<_>>().len(), 5);
    assert_eq!(ledger.iter().filter(|e| e.status == 429 && !e.applied).count(), 1);
}

#[tokio::test]
async fn every_window_counts_what_it_is_for() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let path = format!("/users/{id}");
    bench.north().settings(|s| s.limits = Limits { invitations: Limit::new(1, 5), ..Limits::off() }).unwrap();
    assert_eq!(bench.invite("a@south.example").await.status, 201);
    assert_eq!(bench.invite("b@south.example").await.status, 429);
    assert_eq!(bench.call("PATCH", &path, json!({ "jobTitle": "a" })).await.status, 204);
    bench.pass(10);
    assert_eq!(bench.invite("b@south.example").await.status, 201);
    for (limits, scope) in [
        (Limits { app_writes_hour: Limit::new(1, 3600), ..Limits::off() }, "Tenant_Application/"),
        (Limits { tenant_writes: Limit::new(1, 300), ..Limits::off() }, "Tenant/"),
    ] {
        bench.pass(4000);
        let token = token(&bench.world, GOOD_FORM).await.body["access_token"].as_str().unwrap().to_owned();
        let bench = Bench { token, world: bench.world.clone(), clock: bench.clock.clone() };
        bench.north().settings(|s| s.limits = limits).unwrap();
        assert_eq!(bench.call("PATCH", &path, json!({ "jobTitle": "b" })).await.status, 204);
        let got = bench.call("DELETE", &path, Value::Null).await;
        assert_eq!(got.status, 429);
        assert!(got.header("x-ms-throttle-scope").starts_with(scope));
    }
    let bench = Bench::new().await;
    bench.world.limit_apps(Limit::new(1, 300));
    assert_eq!(bench.invite("a@south.example").await.status, 201);
    let got = bench.invite("b@south.example").await;
    assert!(got.header("x-ms-throttle-scope").starts_with("Application/"));
}

#[tokio::test]
async fn a_lost_answer_leaves_its_change_behind() {
    let bench = Bench::new().await;
    bench.north().fault(Fault::next(1, Kind::Invite, Effect::Drop { applied: true })).unwrap();
    let got = bench.invite("a@south.example").await;
    assert!(got.dropped);
    assert_eq!(bench.north().users().len(), 1);
    bench.north().fault(Fault::next(1, Kind::Invite, Effect::Drop { applied: false })).unwrap();
    assert!(bench.invite("b@south.example").await.dropped);
    assert_eq!(bench.north().users().len(), 1);
    assert!(!bench.invite("b@south.example").await.dropped);
    let seen: Vec<(bool, bool)> = bench.world.ledger().iter().map(|e| (e.applied, e.dropped)).collect();
    assert_eq!(seen, [(true, true), (false, true), (true, false)]);
}

#[tokio::test]
async fn faults_strike_where_and_as_often_as_they_are_told() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let path = format!("/users/{id}");
    let north = bench.north();
    let slow = Effect::throttled(503, "2.5");
    north.fault(Fault { skip: 1, times: Some(1), method: Some("GET".into()), ..Fault::always(slow) }).unwrap();
    assert_eq!(bench.get(&path).await.status, 200);
    let got = bench.get(&path).await;
    assert_eq!((got.status, got.header("retry-after"), got.code()), (503, "2.5", "Directory_ReplicaUnavailable"));
    assert_eq!(bench.get(&path).await.status, 200);
    // Done all the same, and answered with a page of HTML.
    let html: Fault = serde_json::from_value(json!({ "kind": "patch", "times": 1,
        "effect": { "do": "status", "status": 500, "body": "<html>", "applied": true } }))
    .unwrap();
    north.fault(html).unwrap();
    let got = bench.call("PATCH", &path, json!({ "jobTitle": "Dev" })).await;
    assert_eq!((got.status, got.text.as_str(), got.header("content-type")), (500, "<html>", "text/html"));
    assert_eq!(north.user(&id).unwrap()["jobTitle"], "Dev");
    assert_eq!((bench.world.ledger()[0].status, bench.world.ledger()[0].applied), (500, true));
    // Links that lead astray.
    north.settings(|s| s.page_size = 1).unwrap();
    bench.add("bob");
    let foreign = Effect::ForeignLink { root: "https://evil.example".into() };
    north.fault(Fault::next(1, Kind::Delta, foreign)).unwrap();
    assert!(bench.get("/users/delta").await.link().starts_with("https://evil.example/v1.0/users/delta?$skiptoken="));
    north.fault(Fault::next(1, Kind::Delta, Effect::Loop)).unwrap();
    assert_eq!(bench.get("/users/delta").await.link(), "http://sim/v1.0/users/delta");
    north.fault(Fault::next(1, Kind::Delta, Effect::Malformed)).unwrap();
    let got = bench.get("/users/delta").await;
    assert!(got.status == 200 && got.body.is_null() && !got.text.is_empty());
    // Down: nothing answers but this, tokens neither.
    north.fault(Fault::always(Effect::status(503))).unwrap();
    assert_eq!(bench.get("/users").await.status, 503);
    assert_eq!(token(&bench.world, GOOD_FORM).await.status, 503);
    north.clear_faults(None).unwrap();
    assert_eq!(bench.get("/users").await.status, 200);
    // Chance: some, not all.
    north.fault(Fault::sometimes(0.5, None, Effect::status(500))).unwrap();
    let mut failed = 0;
    for _ in 0..100 {
        failed += u32::from(bench.get(&path).await.status == 500);
    }
    assert!((30..70).contains(&failed), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_takes_virtual_time_only() {
    let bench = Bench::new().await;
    bench.north().fault(Fault::always(Effect::Delay { millis: 60_000 })).unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(bench.get("/users").await.status, 200);
    assert_eq!(before.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn the_ledger_holds_every_write_and_the_counts_every_request() {
    let bench = Bench::new().await;
    let id = bench.invite("a@south.example").await.body["invitedUser"]["id"].as_str().unwrap().to_owned();
    let path = format!("/users/{id}");
    let mark = [("client-request-id", "4d5b63c2-0000-4000-8000-000000000000")];
    let got = bench.call_with("PATCH", &path, json!({ "jobTitle": "Dev" }), &mark).await;
    assert_eq!(got.header("client-request-id"), mark[0].1);
    assert!(got.header("request-id").len() == 36 && got.header("date") == "Sun, 22 Nov 2026 00:00:00 GMT");
    bench.get(&path).await;
    bench.call("DELETE", &path, Value::Null).await;
    bench.call("POST", "/users", json!({ "displayName": "x" })).await;
    let seen: Vec<Value> = bench.world.ledger().iter().map(|e| json!([e.seq, e.kind, e.status, e.applied])).collect();
    let want =
        json!([[1, "invite", 201, true], [2, "patch", 204, true], [3, "delete", 204, true], [4, "other", 400, false]]);
    assert_eq!(Value::from(seen), want);
    let patch = &bench.world.ledger_since(Some("north"), 1)[0];
    assert_eq!((patch.object.as_deref(), patch.client_request_id.as_deref()), (Some(id.as_str()), Some(mark[0].1)));
    assert_eq!(patch.body, json!({ "jobTitle": "Dev" }));
    let counts = &bench.world.counts()["north"];
    assert_eq!((counts[&Kind::Token], counts[&Kind::Get], counts.get(&Kind::Delta)), (1, 1, None));
    let text = bench.call("GET", "http://sim/_sim/ledger?tenant=north&since=3", Value::Null).await.text;
    assert_eq!(text.lines().count(), 1);
}
