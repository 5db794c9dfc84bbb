//! What can one ask of the simulator itself, under `/_sim/`?
//!
//! No token, no limits, not in the ledger: this is for the hands of a test or a person. The listener is on loopback.

use serde_json::{Value, json};

use crate::sim::admin::Directory;
use crate::sim::fault::Fault;
use crate::sim::group::Group;
use crate::sim::limits::{Limit, LimitName};
use crate::sim::settings::Settings;
use crate::sim::world::{SimError, World};

use super::answer::{Answer, Payload};
use super::call::Call;

/// Users on a page of the control endpoint, where `top` says nothing.
const PAGE: usize = 1_000;

type Reply = Result<Value, SimError>;

pub(super) fn answer(world: &World, call: &Call) -> Answer {
    let parts: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    if let ("GET", ["ledger"]) = (call.method.as_str(), parts.as_slice()) {
        return ledger(world, call);
    }
    let body = match call.json() {
        Ok(body) => body,
        Err(refusal) => return Answer::json(400, json!({ "error": refusal.message })),
    };
    let reply = match parts.as_slice() {
        ["tenants", name, rest @ ..] if world.tenants().iter().any(|t| t == name) => {
            tenant(&world.tenant(name), (&call.method, rest), call, &body)
        }
        rest => whole(world, (&call.method, rest), &body),
    };
    match reply {
        Some(Ok(value)) => Answer::json(200, value),
        Some(Err(error)) => Answer::json(400, json!({ "error": error.to_string() })),
        None => Answer::json(404, json!({ "error": "no such control; see docs/simulator.md" })),
    }
}

fn ledger(world: &World, call: &Call) -> Answer {
    let since = call.option("since").and_then(|s| s.parse().ok()).unwrap_or(0);
    let mut text = String::new();
    for entry in world.ledger_since(call.option("tenant"), since) {
        text.push_str(&serde_json::to_string(&entry).unwrap_or_default());
        text.push('\n');
    }
    Answer::new(200, Payload::Text { content_type: "application/x-ndjson".to_owned(), text })
}

fn done(result: Result<(), SimError>) -> Reply {
    result.map(|()| json!({}))
}

fn read<T: serde::de::DeserializeOwned>(body: &Value) -> Result<T, SimError> {
    serde_json::from_value(body.clone()).map_err(|e| SimError::Edit(e.to_string()))
}

fn whole(world: &World, route: (&str, &[&str]), body: &Value) -> Option<Reply> {
    Some(match route {
        ("GET", ["tenants"]) => Ok(json!(world.describe())),
        ("GET", ["clock"]) => Ok(json!({ "now": world.now().rfc3339(), "millis": world.now().0 })),
        ("GET", ["stats"]) => Ok(json!(world.counts())),
        ("GET", ["traffic"]) => Ok(json!({ "sent": world.traffic() })),
        ("GET", ["peaks"]) => Ok(json!(world.peaks())),
        ("GET", ["throttled"]) => Ok(json!(world.throttled())),
        ("POST", ["save"]) => world.save_again().map(|folder| json!({ "saved": folder.display().to_string() })),
        ("POST", ["expire-tokens"]) => {
            world.void_tokens();
            Ok(json!({}))
        }
        ("PUT", ["app-limit"]) => limit(world, LimitName::EverywhereWrites, body),
        ("PUT", ["limits", name]) => match name.parse() {
            Ok(name) => limit(world, name, body),
            Err(problem) => Err(SimError::Edit(problem)),
        },
        ("PUT", ["base-url"]) => {
            world.set_base_url(body.get("root").and_then(Value::as_str));
            Ok(json!({}))
        }
        _ => return None,
    })
}

fn limit(world: &World, name: LimitName, body: &Value) -> Reply {
    let limit: Limit = read(body)?;
    world.limit(name, limit);
    Ok(json!(limit))
}

fn tenant(directory: &Directory<'_>, route: (&str, &[&str]), call: &Call, body: &Value) -> Option<Reply> {
    Some(match route {
        (_, ["users", ..]) => return users(directory, route, call, body),
        (_, ["groups", ..]) => return groups(directory, route, body),
        ("GET", ["deleted"]) => Ok(json!(directory.deleted_users())),
        ("GET", ["settings"]) => directory.settings(|_| ()).map(|s| json!(s)),
        ("PATCH", ["settings"]) => patch_settings(directory, body),
        ("GET", ["foreign"]) => directory.foreign_counts().map(|counts| json!(counts)),
        ("POST", ["foreign"]) => match body.get("writes").and_then(Value::as_u64) {
            Some(writes) => directory.foreign_writes(writes).map(|refused| json!({ "refused": refused })),
            None => Err(SimError::Edit("say how many: {\"writes\": 100}".to_owned())),
        },
        ("PUT", ["contacts", address]) => done(directory.set_contact(address, true)),
        ("DELETE", ["contacts", address]) => done(directory.set_contact(address, false)),
        ("GET", ["faults"]) => Ok(json!(directory.faults())),
        ("POST", ["faults"]) => read::<Fault>(body).and_then(|f| directory.fault(f)).map(|id| json!({ "id": id })),
        ("DELETE", ["faults"]) => done(directory.clear_faults(None)),
        ("DELETE", ["faults", id]) => match id.parse() {
            Ok(id) => done(directory.clear_faults(Some(id))),
            Err(_) => Err(SimError::Edit(format!("'{id}' is no number of a fault"))),
        },
        ("POST", ["expire-links"]) => done(directory.expire_links()),
        ("PUT", ["extensions", name]) => done(directory.add_extension(name)),
        _ => return None,
    })
}

fn users(directory: &Directory<'_>, route: (&str, &[&str]), call: &Call, body: &Value) -> Option<Reply> {
    let shown = |id: &str| directory.user(id).ok_or_else(|| SimError::Edit(format!("no user '{id}'")));
    let then = |id: &str, result: Result<(), SimError>| result.and_then(|()| shown(id));
    Some(match route {
        ("GET", ["users"]) => match call.option("address") {
            Some(address) => Ok(json!(directory.find_by_address(address))),
            None => {
                let number =
                    |name: &str, default: usize| call.option(name).and_then(|n| n.parse().ok()).unwrap_or(default);
                Ok(json!(directory.users_page(number("skip", 0), number("top", PAGE))))
            }
        },
        ("POST", ["users"]) => directory.add_user(body).and_then(|id| shown(&id)),
        ("GET", ["users", id]) => shown(id),
        ("PATCH", ["users", id]) => then(id, directory.edit_user(id, body)),
        ("DELETE", ["users", id]) if call.option("hard") == Some("true") => done(directory.hard_delete(id)),
        ("DELETE", ["users", id]) => done(directory.soft_delete(id)),
        ("POST", ["users", id, "restore"]) => then(id, directory.restore(id)),
        ("POST", ["users", id, "redeem"]) => then(id, directory.redeem(id)),
        ("PUT", ["users", id, "manager"]) => {
            then(id, directory.set_manager(id, body.get("id").and_then(Value::as_str)))
        }
        _ => return None,
    })
}

fn groups(directory: &Directory<'_>, route: (&str, &[&str]), body: &Value) -> Option<Reply> {
    Some(match route {
        ("GET", ["groups"]) => Ok(json!(directory.groups())),
        ("POST", ["groups"]) => {
            let mut body = body.clone();
            if body.get("id").is_none() {
                body["id"] = json!(uuid::Uuid::nil().to_string());
            }
            read::<Group>(&body).and_then(|g| directory.put_group(g)).map(|id| json!({ "id": id }))
        }
        ("DELETE", ["groups", id]) => done(directory.remove_group(id)),
        ("PUT", ["groups", id, "members", member]) => done(directory.set_member(id, member, true)),
        ("DELETE", ["groups", id, "members", member]) => done(directory.set_member(id, member, false)),
        _ => return None,
    })
}

/// A merge patch: objects are merged, everything else is replaced.
fn patch_settings(directory: &Directory<'_>, body: &Value) -> Reply {
    fn merge(into: &mut Value, from: &Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (name, value) in from {
                    merge(into.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from.clone(),
        }
    }
    let mut merged = json!(directory.settings(|_| ())?);
    merge(&mut merged, body);
    let wanted: Settings = read(&merged)?;
    directory.settings(|s| *s = wanted).map(|s| json!(s))
}
