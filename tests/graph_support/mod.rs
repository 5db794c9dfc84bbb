//! What do the client's tests stand on? A clock that jumps, and a transport that answers from a script.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, reason = "tests take what they need")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use crosstie::config::{Credential, Limits as Quota, SecretSource, Tenant};
use crosstie::graph::{GraphClient, GraphWriter, Limits, Proof, RequestIds, Transport, TransportError};
use crosstie::model::{Selection, Timestamp};
use crosstie::ports::Clock;
use http::{Request, Response};
use secrecy::SecretString;

pub const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
pub const SECRET: &str = "canary-secret-7Kq";
pub const ROOT: &str = "https://graph.example";

/// Sleeping moves the time and takes none.
#[derive(Clone, Debug)]
pub struct JumpingClock(pub Rc<Cell<u64>>, pub Rc<RefCell<Vec<u64>>>);
impl Default for JumpingClock {
    fn default() -> Self {
        // 2026-11-22T04:35:12Z
        Self(Rc::new(Cell::new(1_795_322_112_000)), Rc::default())
    }
}
impl JumpingClock {
    /// Pauses so far, in milliseconds.
    pub fn pauses(&self) -> Vec<u64> {
        self.1.borrow().clone()
    }
}
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.get())
    }
    async fn sleep_until(&self, at: Timestamp) {
        self.1.borrow_mut().push(at.millis_since(self.now()));
        self.0.set(at.0.max(self.0.get()));
    }
}

pub type Answered = Result<Response<Bytes>, TransportError>;

/// One request as it left.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub uri: String,
    pub authorization: String,
    pub request_id: String,
    pub body: String,
}

/// Answers from two queues; the token endpoint says `token-N` where its queue is empty.
#[derive(Debug, Default)]
pub struct Script {
    pub graph: RefCell<VecDeque<Answered>>,
    pub tokens: RefCell<VecDeque<Answered>>,
    pub seen: RefCell<Vec<Seen>>,
    pub token_requests: RefCell<Vec<Seen>>,
}

impl Transport for Rc2 {
    async fn send(&self, request: Request<Bytes>, _: Limits) -> Answered {
        // Lets others come in between, as a network would.
        tokio::task::yield_now().await;
        let text = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let seen = Seen {
            method: request.method().to_string(),
            uri: request.uri().to_string(),
            authorization: text("authorization"),
            request_id: text("client-request-id"),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        };
        let script = &self.0;
        if request.uri().path().ends_with("/oauth2/v2.0/token") {
            script.token_requests.borrow_mut().push(seen);
            let minted = script.token_requests.borrow().len();
            let next = script.tokens.borrow_mut().pop_front();
            return next.unwrap_or_else(|| token(&format!("token-{minted}"), 3599));
        }
        script.seen.borrow_mut().push(seen);
        script.graph.borrow_mut().pop_front().expect("the script is at its end")
    }
}

/// The transport's handle.
#[derive(Clone, Debug)]
pub struct Rc2(pub Rc<Script>);

pub fn answer(status: u16, body: &str) -> Answered {
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_owned()))
        .unwrap())
}
pub fn answer_with(status: u16, header: (&str, &str), body: &str) -> Answered {
    let mut answer = answer(status, body)?;
    let name: http::HeaderName = header.0.parse().unwrap();
    answer.headers_mut().insert(name, header.1.parse().unwrap());
    Ok(answer)
}
pub fn token(token: &str, expires_in: u64) -> Answered {
    answer(200, &format!(r#"{{"token_type":"Bearer","expires_in":{expires_in},"access_token":"{token}"}}"#))
}
pub fn error(code: &str, message: &str) -> String {
    format!(r#"{{"error":{{"code":"{code}","message":"{message}","innerError":{{"date":"2021-05-18T19:03:10"}}}}}}"#)
}

pub fn tenant_at(root: &str) -> Tenant {
    Tenant {
        name: "hub".into(),
        id: TENANT_ID.to_owned(),
        client_id: "app-1".to_owned(),
        credential: Credential::Secret(SecretSource::Env("UNUSED".to_owned())),
        redirect_url: "https://myapps.example".to_owned(),
        authority: (if root == ROOT { "https://login.example" } else { root }).parse().unwrap(),
        graph: root.parse().unwrap(),
        limits: Quota::default(),
    }
}

pub struct House {
    pub script: Rc<Script>,
    pub clock: JumpingClock,
    pub writer: GraphWriter<Rc2, JumpingClock>,
}
impl House {
    pub fn new(answers: impl IntoIterator<Item = Answered>) -> Self {
        Self::with_proof(Proof::Secret(SecretString::from(SECRET)), answers)
    }
    pub fn with_proof(proof: Proof, answers: impl IntoIterator<Item = Answered>) -> Self {
        Self::of(&tenant_at(ROOT), proof, answers)
    }
    /// In a tenant that gives so many resource units.
    pub fn with_reads(reads: u32, answers: impl IntoIterator<Item = Answered>) -> Self {
        let tenant = Tenant { limits: Quota { reads, ..Quota::default() }, ..tenant_at(ROOT) };
        Self::of(&tenant, Proof::Secret(SecretString::from(SECRET)), answers)
    }
    fn of(tenant: &Tenant, proof: Proof, answers: impl IntoIterator<Item = Answered>) -> Self {
        let script = Rc::new(Script { graph: RefCell::new(answers.into_iter().collect()), ..Script::default() });
        let clock = JumpingClock::default();
        let ids = RequestIds::seeded(7);
        let client = GraphClient::new(tenant, proof, Rc2(script.clone()), clock.clone(), ids).unwrap();
        Self { script, clock, writer: GraphWriter::new(client) }
    }
    pub fn seen(&self) -> Vec<Seen> {
        self.script.seen.borrow().clone()
    }
    pub fn uris(&self) -> Vec<String> {
        self.seen().into_iter().map(|s| s.uri).collect()
    }
}

pub fn selection(names: &[&str]) -> Selection {
    Selection(names.iter().map(|n| (*n).into()).collect())
}
