//! Does the simulator keep the laws that real tenants keep?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use crosstie::model::Timestamp;
use crosstie::sim::{App, DroppedAnswer, Effect, Entry, Fault, Group, Kind, Limit, Limits, TenantSpec, World, router};
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

/// 2026-11-22T00:00:00Z.
const START: u64 = 1_795_305_600_000;
const NORTH: &str = "6f1c0d3e-0000-4000-8000-000000000001";
const CLIENT: &str = "0b9b0d64-0000-4000-8000-000000000001";

/// One tenant, one app, a clock that stands until told.
struct Bench {
    world: Arc<World>,
    clock: Arc<AtomicU64>,
    token: String,
}

struct Got {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
    dropped: bool,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
    fn ids(&self) -> Vec<&str> {
        self.body["value"].as_array().unwrap().iter().map(|u| u["id"].as_str().unwrap()).collect()
    }
    fn link(&self) -> String {
        let link = self.body.get("@odata.nextLink").or(self.body.get("@odata.deltaLink")).unwrap();
        link.as_str().unwrap().to_owned()
    }
    fn is_last(&self) -> bool {
        self.body.get("@odata.deltaLink").is_some()
    }
}

fn app(roles: &[&str]) -> App {
    App {
        client_id: CLIENT.into(),
        secret: "north-secret".into(),
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        ..App::default()
    }
}

async fn send(world: &Arc<World>, request: Request<Body>) -> Got {
    let response = router(Arc::clone(world)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let dropped = parts.extensions.get::<DroppedAnswer>().is_some();
    let bytes = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(_) if dropped => Default::default(),
        Err(error) => panic!("{error}"),
    };
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Got { status: parts.status.as_u16(), headers: parts.headers, body, text, dropped }
}

async fn token(world: &Arc<World>, form: &str) -> Got {
    let request = Request::post(format!("http://sim/{NORTH}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    send(world, request).await
}

const GOOD_FORM: &str = "client_id=0b9b0d64-0000-4000-8000-000000000001&client_secret=north-secret\
    &scope=http%3A%2F%2Fsim%2F.default&grant_type=client_credentials";

impl Bench {
    async fn new() -> Bench {
        Bench::with_roles(&["User.ReadWrite.All", "User.Invite.All", "GroupMember.Read.All", "Policy.Read.All"]).await
    }
    async fn with_roles(roles: &[&str]) -> Bench {
        let clock = Arc::new(AtomicU64::new(START));
        let hand = Arc::clone(&clock);
        let world = World::new(Arc::new(move || Timestamp(hand.load(Ordering::SeqCst))), 7);
        world.add_tenant(
            "north",
            TenantSpec {
                id: NORTH.into(),
                display_name: "North".into(),
                initial_domain: "north.onmicrosoft.com".into(),
                domains: vec!["north.example".into()],
                extensions: Vec::new(),
                contacts: ["contact@south.example".to_owned()].into(),
                change: 0,
                apps: vec![app(roles)],
                settings: Default::default(),
            },
        );
        let world = Arc::new(world);
        let got = token(&world, GOOD_FORM).await;
        assert_eq!(got.status, 200, "{}", got.text);
        assert_eq!(got.body["expires_in"], 3599);
        let token = got.body["access_token"].as_str().unwrap().to_owned();
        Bench { world, clock, token }
    }
    fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
    fn north(&self) -> crosstie::sim::Directory<'_> {
        self.world.tenant("north")
    }
    fn add(&self, nickname: &str) -> String {
        let address = format!("{nickname}@north.example");
        let user = json!({ "displayName": nickname, "userPrincipalName": address, "mail": address,
                           "accountEnabled": true, "userType": "Member" });
        self.north().add_user(&user).unwrap()
    }
    async fn call_with(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Got {
        let uri = if path.starts_with("http") { path.to_owned() } else { format!("http://sim/v1.0{path}") };
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        send(&self.world, request.body(body).unwrap()).await
    }
    async fn call(&self, method: &str, path: &str, body: Value) -> Got {
        self.call_with(method, path, body, &[]).await
    }
    async fn get(&self, path: &str) -> Got {
        self.call("GET", path, Value::Null).await
    }
    async fn invite(&self, address: &str) -> Got {
        let body = json!({ "invitedUserEmailAddress": address, "inviteRedirectUrl": "https://app.example",
                           "invitedUserType": "Member", "invitedUserDisplayName": "Ada" });
        self.call("POST", "/invitations", body).await
    }
    /// Reads a round to its end: all items, and the delta link.
    async fn round(&self, from: &str) -> (Vec<Value>, String) {
        let (mut items, mut link) = (Vec::new(), from.to_owned());
        for _ in 0..1000 {
            let got = self.get(&link).await;
            assert_eq!(got.status, 200, "{}", got.text);
            items.extend(got.body["value"].as_array().unwrap().iter().cloned());
            if got.is_last() {
                return (items, got.link());
            }
            link = got.link();
        }
        panic!("the round does not end");
    }
}

const FIRST: &str = "/users/delta?$select=displayName,jobTitle,accountEnabled,manager";

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
async fn a_first_round_leaves_out_what_was_never_set_and_what_was_cleared() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (items, link) = bench.round(FIRST).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true })]);
    // Set, then cleared: told as null by a later round, by a first one only where asked for.
    bench.north().edit_user(&id, &json!({ "jobTitle": "Dev" })).unwrap();
    bench.north().edit_user(&id, &json!({ "jobTitle": null })).unwrap();
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true, "jobTitle": null })]);
    assert_eq!(bench.round(FIRST).await.0[0].get("jobTitle"), None);
    bench.north().settings(|s| s.delta.first_round_nulls = true).unwrap();
    assert_eq!(bench.round(FIRST).await.0[0].get("jobTitle"), Some(&Value::Null));
    // A read tells null for everything selected.
    assert_eq!(bench.get(&format!("/users/{id}?$select=city")).await.body["city"], Value::Null);
}

#[tokio::test]
async fn a_round_tells_selected_changes_only() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench.north().edit_user(&id, &json!({ "city": "Leeds" })).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [] as [Value; 0]);
    bench.north().edit_user(&id, &json!({ "jobTitle": "Dev" })).unwrap();
    let minimal = bench.call_with("GET", &link, Value::Null, &[("prefer", "return=minimal")]).await;
    assert_eq!(minimal.body["value"], json!([{ "id": id, "jobTitle": "Dev" }]));
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true, "jobTitle": "Dev" })]);
}

#[tokio::test]
async fn removals_are_told_soft_then_hard_and_a_restored_user_is_whole_again() {
    let bench = Bench::new().await;
    let (id, other) = (bench.add("ada"), bench.add("bob"));
    let (_, link) = bench.round(FIRST).await;
    bench.north().soft_delete(&id).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "@removed": { "reason": "changed" } })]);
    // A first round may tell it as well.
    assert_eq!(bench.round(FIRST).await.0.len(), 2);
    bench.north().settings(|s| s.delta.first_round_removed = false).unwrap();
    assert_eq!(bench.round(FIRST).await.0.len(), 1);
    bench.north().restore(&id).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true })]);
    bench.north().soft_delete(&id).unwrap();
    bench.pass(30 * 24 * 3600);
    bench.north().hard_delete(&other).unwrap();
    // Bearer tokens and links have died meanwhile; the tenant itself tells.
    assert_eq!(bench.north().user(&id), None);
    let _ = link;
}

#[tokio::test]
async fn a_purged_user_is_told_as_deleted() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench.north().hard_delete(&id).unwrap();
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "@removed": { "reason": "deleted" } })]);
    assert_eq!(bench.round(FIRST).await.0, [] as [Value; 0]);
}

#[tokio::test]
async fn manager_delta_is_there_only_when_the_manager_changed() {
    let bench = Bench::new().await;
    let (id, boss, chief) = (bench.add("ada"), bench.add("bob"), bench.add("eve"));
    let (items, link) = bench.round(FIRST).await;
    assert!(items.iter().all(|i| i.get("manager@delta").is_none()));
    bench.north().set_manager(&id, Some(&boss)).unwrap();
    let (items, link) = bench.round(&link).await;
    let element = |id: &str| json!({ "@odata.type": "#microsoft.graph.user", "id": id });
    assert_eq!(items[0]["manager@delta"], json!([element(&boss)]));
    bench.north().edit_user(&id, &json!({ "jobTitle": "Dev" })).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items[0].get("manager@delta"), None);
    bench.north().set_manager(&id, Some(&chief)).unwrap();
    let (items, link) = bench.round(&link).await;
    let mut gone = element(&boss);
    gone["@removed"] = json!({ "reason": "deleted" });
    assert_eq!(items[0]["manager@delta"], json!([element(&chief), gone]));
    // A reader that did not select it hears nothing.
    let (_, blind) = bench.round("/users/delta?$select=displayName").await;
    bench.north().set_manager(&id, None).unwrap();
    assert_eq!(bench.round(&blind).await.0, [] as [Value; 0]);
    let (items, _) = bench.round(&link).await;
    assert_eq!(items[0]["manager@delta"][0]["@removed"]["reason"], "deleted");
}

#[tokio::test]
async fn pages_hold_everybody_whatever_their_shape() {
    let bench = Bench::new().await;
    let mut wanted: Vec<String> = (0..57).map(|n| bench.add(&format!("user{n}"))).collect();
    bench
        .north()
        .settings(|s| {
            s.page_size = 10;
            s.delta.empty_page_chance = 0.4;
            s.delta.duplicate_chance = 0.3;
            s.delta.reorder = true;
        })
        .unwrap();
    let (items, link) = bench.round(FIRST).await;
    let mut ids: Vec<String> = items.iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() > wanted.len(), "nobody was told twice");
    ids.sort();
    ids.dedup();
    wanted.sort();
    assert_eq!(ids, wanted);
    // Replay: the last changes again, though nothing happened.
    bench.north().settings(|s| s.delta.replay = 3).unwrap();
    let (mut again, _) = bench.round(&link).await;
    again.sort_by_key(|i| i["id"].to_string());
    again.dedup();
    assert_eq!(again.len(), 3);
}

#[tokio::test]
async fn who_changes_while_a_round_is_read_is_not_missed() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..6).map(|n| bench.add(&format!("user{n}"))).collect();
    bench.north().settings(|s| s.page_size = 2).unwrap();
    let page = bench.get(FIRST).await;
    bench.north().edit_user(&ids[5], &json!({ "jobTitle": "Dev" })).unwrap();
    bench.north().soft_delete(&ids[0]).unwrap();
    let (rest, link) = bench.round(&page.link()).await;
    let told: Vec<&str> = rest.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert!(told.contains(&ids[5].as_str()));
    let last = rest.iter().rfind(|i| i["id"] == json!(ids[0])).unwrap();
    assert_eq!(last["@removed"]["reason"], "changed");
    assert_eq!(bench.round(&link).await.0, [] as [Value; 0]);
}

#[tokio::test]
async fn links_expire_after_seven_days_or_when_told() {
    let mut bench = Bench::new().await;
    bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench.pass(7 * 24 * 3600 - 1);
    bench.token = token(&bench.world, GOOD_FORM).await.body["access_token"].as_str().unwrap().to_owned();
    let (_, fresh) = bench.round(&link).await;
    bench.pass(1);
    let got = bench.get(&link).await;
    assert_eq!((got.status, got.code()), (410, "syncStateNotFound"));
    bench.north().settings(|s| s.delta.expired_status = 400).unwrap();
    assert_eq!(bench.get(&link).await.status, 400);
    assert_eq!(bench.get(&fresh).await.status, 200);
    bench.north().expire_links().unwrap();
    assert_eq!(bench.get(&fresh).await.code(), "syncStateNotFound");
    bench.north().fault(Fault::next(1, Kind::Delta, Effect::Resync)).unwrap();
    // A first request carries no token: it is not struck.
    let (_, link) = bench.round(FIRST).await;
    let got = bench.get(&link).await;
    assert_eq!(got.status, 410);
    assert!(got.header("location").ends_with("/users/delta?$deltatoken="));
    let (items, _) = bench.round(&got.header("location").to_owned()).await;
    assert_eq!(items.len(), 1);
}

#[tokio::test]
async fn delta_options_follow_the_documentation() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..3).map(|n| bench.add(&format!("user{n}"))).collect();
    for bad in ["$select=nothing", "$select=displayName,skills", "$skiptoken=abc", "$filter=mail eq 'a'"] {
        let got = bench.get(&format!("/users/delta?{}", bad.replace(' ', "%20"))).await;
        assert_eq!(got.status, 400, "{bad}");
    }
    // $top is ignored; the long name is an alias; token names ignore case.
    let got = bench.get("/users/microsoft.graph.delta()?$top=1&$select=displayName").await;
    assert_eq!(got.ids().len(), 3);
    let link = got.link().replace("$deltatoken", "$DeltaToken");
    assert_eq!(bench.get(&link).await.status, 200);
    assert_eq!(bench.get(&format!("{link}&$select=mail")).await.status, 400);
    let latest = bench.get("/users/delta?$deltaToken=latest").await;
    assert_eq!((latest.ids().len(), latest.is_last()), (0, true));
    let only = bench.get(&format!("/users/delta?$filter=id%20eq%20'{}'", ids[1])).await;
    assert_eq!(only.ids(), [&ids[1]]);
    let many: Vec<String> = (0..51).map(|_| format!("id eq '{}'", ids[0])).collect();
    let got = bench.get(&format!("/users/delta?$filter={}", many.join(" or ").replace(' ', "%20"))).await;
    assert_eq!(got.status, 400);
    // Nothing selected: the default set, absent where never set.
    let default = bench.get("/users/delta").await;
    let mut names: Vec<&String> = default.body["value"][0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["displayName", "id", "mail", "userPrincipalName"]);
}

#[tokio::test]
async fn lagging_replicas_show_the_state_before() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench
        .north()
        .settings(|s| {
            s.lag.min_millis = 5_000;
            s.lag.max_millis = 5_000;
            s.lag.reads = true;
        })
        .unwrap();
    let got = bench.call("PATCH", &format!("/users/{id}"), json!({ "jobTitle": "Dev" })).await;
    assert_eq!(got.status, 204);
    let bob = bench.add("bob");
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [] as [Value; 0]);
    assert_eq!(bench.round(FIRST).await.0.len(), 1);
    assert_eq!(bench.get(&format!("/users/{id}")).await.body["jobTitle"], Value::Null);
    bench.pass(5);
    let (items, _) = bench.round(&link).await;
    let told: Vec<&str> = items.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert_eq!(told, [&id, &bob]);
    assert_eq!(bench.get(&format!("/users/{id}")).await.body["jobTitle"], "Dev");
}

#[tokio::test]
async fn an_invitation_makes_a_guest_as_documented() {
    let bench = Bench::new().await;
    let got = bench.invite("Ada.Lovelace@south.example").await;
    assert_eq!(got.status, 201, "{}", got.text);
    let principal = "Ada.Lovelace_south.example#EXT#@north.onmicrosoft.com";
    assert_eq!(got.body["invitedUser"]["userPrincipalName"], principal);
    assert_eq!(got.body["status"], "PendingAcceptance");
    let id = got.body["invitedUser"]["id"].as_str().unwrap();
    let select = "creationType,externalUserState,userType,mail,otherMails,proxyAddresses,accountEnabled,displayName";
    let escaped = principal.replace('#', "%23");
    let user = bench.get(&format!("/users/{escaped}?$select={select}")).await;
    let mut want = json!({
        "id": id, "creationType": "Invitation", "externalUserState": "PendingAcceptance", "userType": "Member",
        "mail": "Ada.Lovelace@south.example", "otherMails": ["Ada.Lovelace@south.example"],
        "proxyAddresses": ["SMTP:Ada.Lovelace@south.example"], "accountEnabled": true, "displayName": "Ada",
    });
    want["@odata.context"] = user.body["@odata.context"].clone();
    assert_eq!(user.body, want);
    // Again: the same account, and no second one.
    let again = bench.invite("ada.lovelace@SOUTH.example").await;
    assert_eq!((again.status, again.body["invitedUser"]["id"].as_str()), (201, Some(id)));
    assert_eq!(bench.north().users().len(), 1);
    // A contact owns the address: no mail.
    let got = bench.invite("contact@south.example").await;
    let guest = bench.north().user(got.body["invitedUser"]["id"].as_str().unwrap()).unwrap();
    assert_eq!((guest.get("mail"), &guest["otherMails"]), (None, &json!(["contact@south.example"])));
}

#[tokio::test]
async fn invitations_are_refused_for_the_documented_reasons() {
    let bench = Bench::new().await;
    bench.add("ada");
    for bad in
        ["ada@north.example", "new@north.example", "o'neil@south.example", "a+b@south.example", ".a@b.example", "x"]
    {
        assert_eq!(bench.invite(bad).await.status, 400, "{bad}");
    }
    let body = json!({ "invitedUserEmailAddress": "a@south.example" });
    assert_eq!(bench.call("POST", "/invitations", body).await.status, 400);
    bench.north().settings(|s| s.invitations.blocked_domains = vec!["south.example".into()]).unwrap();
    assert_eq!(bench.invite("a@south.example").await.status, 403);
    bench.north().settings(|s| s.invitations.allow_from = "adminsAndGuestInviters".into()).unwrap();
    let got = bench.invite("a@west.example").await;
    assert_eq!(got.status, 403);
    assert!(got.text.contains("Guest invitations not allowed for your company."));
    let policy = bench.get("/policies/authorizationPolicy").await;
    assert_eq!(policy.body["allowInvitesFrom"], "adminsAndGuestInviters");
    bench.north().settings(|s| s.invitations = Default::default()).unwrap();
    let id = bench.invite("a@west.example").await.body["invitedUser"]["id"].as_str().unwrap().to_owned();
    bench.north().edit_user(&id, &json!({ "accountEnabled": false })).unwrap();
    assert!(bench.invite("a@west.example").await.text.contains("account is blocked from signing in"));
    // Silent: the answer is as good as any, and there is nobody.
    bench.north().settings(|s| s.invitations.silent = true).unwrap();
    let got = bench.invite("b@west.example").await;
    assert_eq!(got.status, 201);
    assert_eq!(bench.get(&format!("/users/{}", got.body["invitedUser"]["id"].as_str().unwrap())).await.status, 404);
}

#[tokio::test]
async fn a_new_account_is_not_found_for_a_while() {
    let bench = Bench::new().await;
    bench.north().settings(|s| s.lag.created_millis = 3_000).unwrap();
    let id = bench.invite("a@south.example").await.body["invitedUser"]["id"].as_str().unwrap().to_owned();
    let path = format!("/users/{id}");
    let got = bench.call("PATCH", &path, json!({ "jobTitle": "Dev" })).await;
    assert_eq!((got.status, got.code()), (404, "Request_ResourceNotFound"));
    bench.pass(3);
    assert_eq!(bench.call("PATCH", &path, json!({ "jobTitle": "Dev" })).await.status, 204);
}
