//! What is told, and in which form? CloudEvents 1.0 in structured JSON; `docs/alerts.md` shows one of each type.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::AlertKind;
use crate::model::Timestamp;

/// What a body of this form is called on the wire.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// The type of an event that was asked for by hand.
pub const TEST_TYPE: &str = "io.crosstie.test";
/// Hashed before what makes an event's id.
const DOMAIN: &[u8] = b"crosstie event v1\n";
/// Bytes of the hash that make the id: as many as a GUID has.
const ID_BYTES: usize = 16;

/// One event. Field order is the order of the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `1.0`.
    pub specversion: String,
    /// The same for the same event, however often it is made or sent.
    pub id: String,
    /// Which installation speaks.
    pub source: String,
    /// `io.crosstie.…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: a route, a tenant, a run, the log.
    pub subject: String,
    /// When it happened, RFC 3339 in UTC.
    pub time: String,
    /// Of `data`.
    pub datacontenttype: String,
    /// What is to be known; its members depend on the type.
    pub data: Value,
}

/// What an event is about, and what tells it from the next one of its type about the same.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Which installation speaks.
    pub source: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// What happens but once: a run with its start, an entry's number, the beginning of an outage.
    pub once: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The CloudEvents type of a kind.
pub fn type_of(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::RunFailed => "io.crosstie.run.failed",
        AlertKind::RouteRefused => "io.crosstie.route.refused",
        AlertKind::RouteQuarantined => "io.crosstie.route.quarantined",
        AlertKind::RouteRecovered => "io.crosstie.route.recovered",
        AlertKind::TenantUnreachable => "io.crosstie.tenant.unreachable",
        AlertKind::TenantRecovered => "io.crosstie.tenant.recovered",
        AlertKind::UsersHeld => "io.crosstie.users.held",
        AlertKind::LogHead => "io.crosstie.log.head",
    }
}

/// An event with its kind, by which it is decided who hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What can be told of.
    pub kind: AlertKind,
    /// What is told.
    pub event: Event,
}

impl Alert {
    /// An alert of a kind.
    pub fn new(kind: AlertKind, occasion: &Occasion<'_>, data: Value) -> Self {
        Self { kind, event: Event::of(kind, occasion, data) }
    }
}

impl Event {
    /// An event of a kind.
    pub fn of(kind: AlertKind, occasion: &Occasion<'_>, data: Value) -> Self {
        Self::typed(type_of(kind), occasion, data)
    }

    /// One that says nothing but that alerts arrive.
    pub fn test(occasion: &Occasion<'_>) -> Self {
        Self::typed(TEST_TYPE, occasion, serde_json::json!({ "message": "alerts of crosstie arrive here" }))
    }

    fn typed(kind: &str, occasion: &Occasion<'_>, data: Value) -> Self {
        let Occasion { source, subject, once, at } = *occasion;
        Self {
            specversion: "1.0".to_owned(),
            id: id(&[source, kind, subject, once]),
            source: source.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            time: at.rfc3339(),
            datacontenttype: "application/json".to_owned(),
            data,
        }
    }

    /// What is posted.
    ///
    /// # Errors
    /// None that can come up: every member is text or JSON already.
    pub fn body(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// Lower-case hexadecimal: no full stop in it, which Standard Webhooks asks for.
fn id(parts: &[&str]) -> String {
    let mut hash = Sha256::new().chain_update(DOMAIN);
    for part in parts {
        // The length first: no two lists of parts run together to the same text.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(ID_BYTES).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn occasion<'a>(subject: &'a str, once: &'a str) -> Occasion<'a> {
        Occasion { source: "/crosstie", subject, once, at: Timestamp(1_795_392_000_000) }
    }

    #[test]
    fn the_same_event_has_the_same_id_and_no_other_has() {
        let of = |kind, subject, once| Event::of(kind, &occasion(subject, once), json!({}));
        let one = of(AlertKind::RunFailed, "run/1", "a");
        let again =
            Event { data: json!({}), ..Event::of(AlertKind::RunFailed, &occasion("run/1", "a"), json!({ "n": 1 })) };
        assert_eq!(one, again, "what is told of it does not make it another one");
        let mut ids = BTreeSet::from([one.id.clone(), Event::test(&occasion("run/1", "a")).id]);
        for (_, kind) in AlertKind::NAMED {
            for (subject, once) in [("run/1", "b"), ("run/1b", ""), ("run/", "1b"), ("", "run/1b")] {
                assert!(ids.insert(of(kind, subject, once).id), "{kind:?} {subject} {once}");
            }
        }
        let elsewhere = Occasion { source: "/other", ..occasion("run/1", "a") };
        assert!(ids.insert(Event::of(AlertKind::RunFailed, &elsewhere, json!({})).id));
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn a_body_has_what_cloudevents_asks_for() {
        let event = Event::of(AlertKind::LogHead, &occasion("log", "7"), json!({ "entries": 7 }));
        let body = event.body().unwrap();
        let start = r#"{"specversion":"1.0","id":""#;
        let end = r#"","source":"/crosstie","type":"io.crosstie.log.head","subject":"log","time":"2026-11-23T00:00:00.000Z","datacontenttype":"application/json","data":{"entries":7}}"#;
        assert!(body.starts_with(start) && body.ends_with(end), "{body}");
        assert_eq!(serde_json::from_str::<Event>(&body).unwrap(), event);
    }

    #[test]
    fn every_kind_has_a_type_and_a_name_of_its_own() {
        let types: BTreeSet<&str> = AlertKind::NAMED.iter().map(|(_, kind)| type_of(*kind)).collect();
        assert_eq!(types.len(), AlertKind::NAMED.len());
        for (name, kind) in AlertKind::NAMED {
            assert_eq!(kind.as_str(), name);
            assert_eq!(type_of(kind), format!("io.crosstie.{}", name.replace('-', ".")));
        }
    }
}
