//! What does a receiver do? It checks the signature as the page on alerts says, and notes down what it takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::support::{Reply, Request, Server};

/// As long as a key should be, and as plain text: it must turn up nowhere.
pub const SECRET: &str = "canary-5d1f-webhook-secret-of-the-tests";

pub fn status(status: u16) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: String::new() }
}

/// One that takes everything.
pub fn taking() -> Server {
    Server::start(|_| status(204))
}

/// The event of a request, if it is signed and in its form.
#[track_caller]
pub fn event(request: &Request) -> Value {
    let header = |name: &str| request.header(name).unwrap_or_else(|| panic!("no {name} in {request:?}"));
    let (id, timestamp, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    assert_eq!(signature, sign(SECRET.as_bytes(), id, timestamp, &request.body));
    let seconds: u64 = timestamp.parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(seconds) < 300, "{timestamp}");
    assert_eq!(
        (request.method.as_str(), header("content-type")),
        ("POST", "application/cloudevents+json; charset=utf-8")
    );
    let event: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(event["id"], id);
    assert_eq!((&event["specversion"], &event["datacontenttype"]), (&"1.0".into(), &"application/json".into()));
    for name in ["source", "type", "subject", "time"] {
        assert!(event[name].as_str().is_some_and(|text| !text.is_empty()), "{name} of {event}");
    }
    assert!(request.body.len() < 20_000, "{} bytes", request.body.len());
    event
}

pub fn sign(key: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    let mac = mac.chain_update(format!("{id}.{timestamp}.{body}")).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(mac))
}

/// Everything that a receiver took, in order.
pub fn events(server: &Server) -> Vec<Value> {
    server.seen().iter().map(event).collect()
}

/// Of one type.
pub fn of_type(server: &Server, kind: &str) -> Vec<Value> {
    events(server).into_iter().filter(|e| e["type"] == format!("io.crosstie.{kind}")).collect()
}
