//! How does a test ask a simulated tenant?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use crosstie::model::Timestamp;
use crosstie::sim::{App, Directory, DroppedAnswer, TenantSpec, World, router};
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

/// 2026-11-22T00:00:00Z.
pub(crate) const START: u64 = 1_795_305_600_000;
pub(crate) const NORTH: &str = "6f1c0d3e-0000-4000-8000-000000000001";
pub(crate) const CLIENT: &str = "0b9b0d64-0000-4000-8000-000000000001";

/// One tenant, one app, a clock that stands until told.
pub(crate) struct Bench {
    pub(crate) world: Arc<World>,
    pub(crate) clock: Arc<AtomicU64>,
    pub(crate) token: String,
}

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) dropped: bool,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.body["value"].as_array().unwrap().iter().map(|u| u["id"].as_str().unwrap()).collect()
    }
    pub(crate) fn link(&self) -> String {
        let link = self.body.get("@odata.nextLink").or(self.body.get("@odata.deltaLink")).unwrap();
        link.as_str().unwrap().to_owned()
    }
    pub(crate) fn is_last(&self) -> bool {
        self.body.get("@odata.deltaLink").is_some()
    }
}

pub(crate) fn app(roles: &[&str]) -> App {
    App {
        client_id: CLIENT.into(),
        secret: "north-secret".into(),
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        ..App::default()
    }
}

pub(crate) async fn send(world: &Arc<World>, request: Request<Body>) -> Got {
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

pub(crate) async fn token(world: &Arc<World>, form: &str) -> Got {
    let request = Request::post(format!("http://sim/{NORTH}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    send(world, request).await
}

pub(crate) const GOOD_FORM: &str = "client_id=0b9b0d64-0000-4000-8000-000000000001&client_secret=north-secret\
    &scope=http%3A%2F%2Fsim%2F.default&grant_type=client_credentials";

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::with_roles(&["User.ReadWrite.All", "User.Invite.All", "GroupMember.Read.All", "Policy.Read.All"]).await
    }
    pub(crate) async fn with_roles(roles: &[&str]) -> Bench {
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
    /// The same world with a token that lives.
    pub(crate) async fn with_new_token(self) -> Bench {
        let got = token(&self.world, GOOD_FORM).await;
        Bench { token: got.body["access_token"].as_str().unwrap().to_owned(), ..self }
    }
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
    pub(crate) fn north(&self) -> Directory<'_> {
        self.world.tenant("north")
    }
    pub(crate) fn add(&self, nickname: &str) -> String {
        let address = format!("{nickname}@north.example");
        let user = json!({ "displayName": nickname, "userPrincipalName": address, "mail": address,
                           "accountEnabled": true, "userType": "Member" });
        self.north().add_user(&user).unwrap()
    }
    pub(crate) async fn call_with(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Got {
        let uri = if path.starts_with("http") { path.to_owned() } else { format!("http://sim/v1.0{path}") };
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        send(&self.world, request.body(body).unwrap()).await
    }
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Got {
        self.call_with(method, path, body, &[]).await
    }
    pub(crate) async fn get(&self, path: &str) -> Got {
        self.call("GET", path, Value::Null).await
    }
    pub(crate) async fn invite(&self, address: &str) -> Got {
        let body = json!({ "invitedUserEmailAddress": address, "inviteRedirectUrl": "https://app.example",
                           "invitedUserType": "Member", "invitedUserDisplayName": "Ada" });
        self.call("POST", "/invitations", body).await
    }
    /// Reads a round to its end: all items, and the delta link.
    pub(crate) async fn round(&self, from: &str) -> (Vec<Value>, String) {
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
