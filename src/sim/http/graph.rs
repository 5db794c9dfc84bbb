//! Which gates does a Graph request pass, and in which order?
//!
//! Token → windows → faults → roles → the law itself → faults that bend the answer → ledger. A request that the windows
//! refuse is never struck by a fault.

use serde_json::Value;

use crate::model::Timestamp;
use crate::sim::ledger::Entry;
use crate::sim::refusal::Refusal;
use crate::sim::tenant::draw;
use crate::sim::world::{Grant, Reality};

use super::answer::{Answer, Ids, Payload};
use super::call::Call;
use super::operation::Operation;
use super::{batch, effect, reads, throttle, writes};

/// What a request that was carried out gives.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// A body that is written out already; `body` is none then.
    pub(super) written: Option<Vec<u8>>,
    /// The object that a write made or changed.
    pub(super) object: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// False of a write that only says that it was done.
    pub(super) applied: bool,
}

impl Done {
    pub(super) fn body(status: u16, body: Value) -> Self {
        Done { body: Some(body), ..Done::of(status) }
    }
    /// The members of `head`, and `value` with these items, which are JSON already.
    pub(super) fn page(head: &Value, items: &[Vec<u8>]) -> Self {
        let mut written = head.to_string().into_bytes();
        written.reserve(items.iter().map(|item| item.len() + 1).sum::<usize>() + 16);
        // Its last brace gives way to one more member.
        written.pop();
        written.extend_from_slice(b",\"value\":[");
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                written.push(b',');
            }
            written.extend_from_slice(item);
        }
        written.extend_from_slice(b"]}");
        Done { written: Some(written), ..Done::of(200) }
    }
    pub(super) fn nothing(object: String) -> Self {
        Done { object: Some(object), ..Done::of(204) }
    }
    fn of(status: u16) -> Self {
        Done { status, body: None, written: None, object: None, headers: Vec::new(), applied: true }
    }
}

/// A request on its own.
pub(super) fn answer(state: &mut Reality, call: &Call, ids: &Ids) -> Answer {
    let operation = Operation::read(call);
    let grant = match bearer(state, call, ids.now) {
        Ok(grant) => grant,
        Err(refusal) => {
            let nobody =
                Grant { tenant: String::new(), client_id: String::new(), roles: Vec::new(), expires_at: ids.now };
            let answer = refusal.answer(ids);
            state.ledger.count("", operation.kind());
            note(state, &nobody, (call, &operation), &answer, ids, Fate::default());
            return answer;
        }
    };
    if operation == Operation::Batch {
        return batch::answer(state, &grant, call, ids);
    }
    one(state, &grant, call, ids, false)
}

fn bearer(state: &Reality, call: &Call, now: Timestamp) -> Result<Grant, Refusal> {
    let refusal = |message: &str| Refusal::new(401, "InvalidAuthenticationToken", message);
    let header = call.header("authorization").ok_or_else(|| refusal("Access token is empty."))?;
    let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| refusal("Access token is empty."))?;
    let grant = state.grants.get(token.trim()).ok_or_else(|| refusal("IDX14100: JWT is not well formed."))?;
    if grant.expires_at <= now || !state.tenants.contains_key(&grant.tenant) {
        return Err(refusal("Lifetime validation failed, the token is expired."));
    }
    Ok(grant.clone())
}

/// What became of a write.
#[derive(Debug, Default)]
struct Fate {
    object: Option<String>,
    applied: bool,
    batch: bool,
}

/// One request, or one item of a batch.
pub(super) fn one(state: &mut Reality, grant: &Grant, call: &Call, ids: &Ids, batch: bool) -> Answer {
    let operation = Operation::read(call);
    let kind = operation.kind();
    state.ledger.count(&grant.tenant, kind);
    let mut fate = Fate { batch, ..Fate::default() };
    let Some(tenant) = state.tenants.get_mut(&grant.tenant) else { return Answer::empty(404) };
    tenant.settle(ids.now);
    let told = throttle::told(state, grant, call, &operation, ids.now);
    let Some(tenant) = state.tenants.get_mut(&grant.tenant) else { return Answer::empty(404) };
    let answer = if let Some(refusal) = told.refusal {
        refusal.answer(ids)
    } else {
        let has_token = ["$skiptoken", "$deltatoken"].iter().any(|n| call.option(n).is_some_and(|t| !t.is_empty()));
        let (faults, rng) = (&mut tenant.faults, &mut tenant.rng);
        let struck = faults.strike((&call.method, call.short_path(), kind), has_token, || draw(rng));
        let carried_out = struck.effect.as_ref().is_none_or(crate::sim::fault::Effect::applies);
        let answer = if carried_out {
            match allowed(&operation, grant).and_then(|()| perform(tenant, &operation, call, ids.now)) {
                Ok(mut done) => {
                    operation.veil(&grant.roles, &mut done.body);
                    fate.applied = kind.is_write() && done.applied;
                    fate.object.clone_from(&done.object);
                    dressed(done)
                }
                Err(refusal) => refusal.answer(ids),
            }
        } else {
            Answer::empty(503)
        };
        effect::shape(answer, struck, call, ids)
    };
    let mut answer = answer.with_header("x-ms-resource-unit", operation.cost(call).to_string());
    answer.headers.extend(told.load.map(|load| ("x-ms-throttle-limit-percentage".to_owned(), load)));
    note(state, grant, (call, &operation), &answer, ids, fate);
    answer
}

fn dressed(done: Done) -> Answer {
    let payload = match (done.written, done.body) {
        (Some(written), _) => Payload::Written(written),
        (None, Some(body)) => Payload::Json(body),
        (None, None) => Payload::Empty,
    };
    let mut answer = Answer::new(done.status, payload);
    answer.headers = done.headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    answer
}

fn allowed(operation: &Operation, grant: &Grant) -> Result<(), Refusal> {
    match operation {
        Operation::Unknown => Err(Refusal::bad("Resource not found for the segment, or not simulated.")),
        Operation::Batch => Err(Refusal::bad("A batch cannot hold a batch.")),
        // Documented: purging a deleted user takes a signed-in person.
        Operation::PurgeDeleted(_) => Err(Refusal::denied()),
        _ if operation.roles().iter().any(|role| grant.roles.iter().any(|r| r == role)) => Ok(()),
        _ => Err(Refusal::denied()),
    }
}

fn perform(
    tenant: &mut crate::sim::tenant::Tenant,
    operation: &Operation,
    call: &Call,
    now: Timestamp,
) -> Result<Done, Refusal> {
    if operation.kind().is_write() {
        writes::perform(tenant, operation, call, now)
    } else {
        reads::perform(tenant, operation, call, now)
    }
}

/// Every request that asks for a change stands in the ledger, whatever became of it.
fn note(
    state: &mut Reality,
    grant: &Grant,
    (call, operation): (&Call, &Operation),
    answer: &Answer,
    ids: &Ids,
    fate: Fate,
) {
    if !operation.asks_for_change(call) {
        return;
    }
    let kind = operation.kind();
    let entry = Entry {
        seq: 0,
        at: ids.now,
        tenant: grant.tenant.clone(),
        app: grant.client_id.clone(),
        method: call.method.clone(),
        path: call.short_path().to_owned(),
        kind,
        object: fate.object.or_else(|| operation.object().map(str::to_owned)),
        client_request_id: call.header("client-request-id").map(str::to_owned),
        body: call.json().unwrap_or(Value::Null),
        status: answer.status,
        applied: fate.applied,
        dropped: answer.dropped,
        batch: fate.batch,
    };
    state.ledger.write(entry);
}
