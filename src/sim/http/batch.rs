//! What does a batch answer?
//!
//! Items run in the order in which they stand; their answers come back shuffled. An item whose answer is lost takes
//! the answer of the whole batch with it.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::sim::delta::shuffle;
use crate::sim::ledger::Kind;
use crate::sim::refusal::Refusal;
use crate::sim::tenant::draw;
use crate::sim::world::{Grant, Reality};

use super::answer::{Answer, Ids, Payload};
use super::call::Call;
use super::{effect, graph};

/// Requests in one batch; documented.
const ITEMS_MAX: usize = 20;

struct Item {
    id: String,
    call: Call,
    after: Vec<String>,
}

pub(super) fn answer(state: &mut Reality, grant: &Grant, call: &Call, ids: &Ids) -> Answer {
    state.ledger.count(&grant.tenant, Kind::Batch);
    let Some(tenant) = state.tenants.get_mut(&grant.tenant) else { return Answer::empty(404) };
    let (faults, rng) = (&mut tenant.faults, &mut tenant.rng);
    let struck = faults.strike((&call.method, call.short_path(), Kind::Batch), false, || draw(rng));
    if struck.effect.as_ref().is_some_and(|e| !e.applies()) {
        return effect::shape(Answer::empty(503), struck, call, ids);
    }
    let items = match read(call) {
        Ok(items) => items,
        Err(refusal) => return effect::shape(refusal.answer(ids), struck, call, ids),
    };
    let first_seq = state.ledger.last_seq();
    let mut failed = BTreeSet::new();
    let (mut responses, mut delay_millis, mut dropped, mut hangs) = (Vec::new(), 0, false, false);
    for item in items {
        let answer = if item.after.iter().any(|id| failed.contains(id)) {
            let message = "The request was not run because a request that it depends on failed.";
            Refusal::new(424, "FailedDependency", message).answer(ids)
        } else {
            graph::one(state, grant, &item.call, ids, true)
        };
        if answer.status >= 400 {
            failed.insert(item.id.clone());
        }
        delay_millis = delay_millis.max(answer.delay_millis);
        dropped |= answer.dropped;
        hangs |= answer.hangs;
        responses.push(response(item.id, answer));
    }
    if let Some(tenant) = state.tenants.get_mut(&grant.tenant) {
        shuffle(&mut responses, &mut tenant.rng);
    }
    let mut answer = Answer::json(200, json!({ "responses": responses }));
    answer.delay_millis = delay_millis;
    (answer.dropped, answer.hangs) = (dropped, hangs);
    let answer = effect::shape(answer, struck, call, ids);
    if answer.dropped {
        state.ledger.mark_dropped(first_seq);
    }
    answer
}

fn response(id: String, answer: Answer) -> Value {
    let mut headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            let name = if name == "retry-after" { "Retry-After" } else { name };
            (name.to_owned(), json!(value))
        })
        .collect();
    let body = match answer.payload.opened() {
        Payload::Empty | Payload::Written(_) => Value::Null,
        Payload::Json(value) => {
            headers.insert("Content-Type".to_owned(), json!("application/json"));
            value
        }
        Payload::Text { content_type, text } => {
            headers.insert("Content-Type".to_owned(), json!(content_type));
            json!(text)
        }
    };
    json!({ "id": id, "status": answer.status, "headers": headers, "body": body })
}

fn malformed(problem: impl Into<String>) -> Refusal {
    Refusal::new(400, "BadRequest", problem)
}

fn read(call: &Call) -> Result<Vec<Item>, Refusal> {
    let body = call.json()?;
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.ok_or_else(|| malformed("Invalid batch payload format."))?;
    if requests.is_empty() || requests.len() > ITEMS_MAX {
        return Err(malformed(format!(
            "Number of batch request steps is {}; it must be between 1 and the maximum value of {ITEMS_MAX}.",
            requests.len()
        )));
    }
    let mut known = BTreeSet::new();
    let mut items = Vec::with_capacity(requests.len());
    for request in requests {
        let item = read_item(call, request)?;
        if item.after.iter().any(|id| !known.contains(id)) {
            return Err(malformed("A request depends on one that is not before it."));
        }
        if !known.insert(item.id.clone()) {
            return Err(malformed(format!("Request id '{}' is used twice.", item.id)));
        }
        items.push(item);
    }
    Ok(items)
}

fn read_item(call: &Call, request: &Value) -> Result<Item, Refusal> {
    let text = |name: &str| {
        let value = request.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        value.ok_or_else(|| malformed(format!("A batch request needs '{name}', a text.")))
    };
    let (id, method, url) = (text("id")?, text("method")?, text("url")?);
    let mut headers = BTreeMap::new();
    for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
        headers.insert(name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned());
    }
    let body = match request.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(_) if !headers.contains_key("content-type") => {
            return Err(malformed(format!("Request '{id}' has a body but no Content-Type header.")));
        }
        Some(Value::String(text)) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            Bytes::from(
                bytes.map_err(|_| malformed(format!("The body of request '{id}' is neither JSON nor base64.")))?,
            )
        }
        Some(body) => Bytes::from(body.to_string()),
    };
    let after = match request.get("dependsOn") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) => return Err(malformed(format!("'dependsOn' of request '{id}' is no list."))),
    };
    Ok(Item { id: id.to_owned(), call: call.item(method, url, headers, body), after })
}
