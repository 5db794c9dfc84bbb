//! How does each write request read its body, and what does it answer?

use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::Timestamp;
use crate::sim::refusal::Refusal;
use crate::sim::tenant::Tenant;

use super::call::Call;
use super::graph::Done;
use super::operation::Operation;

pub(super) fn perform(
    tenant: &mut Tenant,
    operation: &Operation,
    call: &Call,
    now: Timestamp,
) -> Result<Done, Refusal> {
    match operation {
        Operation::Invite => {
            let (mut body, id) = tenant.invite(&call.json()?, now)?;
            body["@odata.context"] = json!(format!("{}/v1.0/$metadata#invitations/$entity", call.root));
            Ok(Done { object: Some(id.to_string()), applied: tenant.slot(id).is_some(), ..Done::body(201, body) })
        }
        Operation::PatchUser(key) => {
            let slot = tenant.reach(key, now)?;
            let Value::Object(fields) = call.json()? else {
                return Err(Refusal::bad("Unable to read JSON request payload: an object is expected."));
            };
            tenant.patch(slot, &fields, now)?;
            Ok(done(tenant, slot))
        }
        Operation::SetManager(key) => {
            let slot = tenant.reach(key, now)?;
            let body = call.json()?;
            let manager = reference(&body).ok_or_else(|| Refusal::bad("Not a valid reference update"))?;
            let manager_slot = tenant.reach(&manager.to_string(), now);
            manager_slot.and_then(|_| tenant.set_manager(slot, Some(manager), now))?;
            Ok(done(tenant, slot))
        }
        Operation::ClearManager(key) => {
            let slot = tenant.reach(key, now)?;
            if !tenant.set_manager(slot, None, now)? {
                return Err(Refusal::not_found(key));
            }
            Ok(done(tenant, slot))
        }
        Operation::DeleteUser(key) => {
            let slot = tenant.reach(key, now)?;
            tenant.delete_as_app(slot, now)?;
            Ok(done(tenant, slot))
        }
        Operation::Restore(id) => {
            let slot = tenant.restore_as_app(id, now)?;
            let user = tenant.user(slot).ok_or_else(|| Refusal::not_found(id))?;
            let mut body = tenant.show(user, &user.face, &tenant.selected(None, None)?);
            let context = format!("{}/v1.0/$metadata#directoryObjects/$entity", call.root);
            body.insert("@odata.context".to_owned(), json!(context));
            body.insert("@odata.type".to_owned(), json!("#microsoft.graph.user"));
            Ok(Done { object: Some(user.id.to_string()), ..Done::body(200, Value::Object(body)) })
        }
        _ => Err(Refusal::denied()),
    }
}

fn done(tenant: &Tenant, slot: u32) -> Done {
    Done::nothing(tenant.user(slot).map_or_else(String::new, |u| u.id.to_string()))
}

/// The id at the end of `@odata.id`: `…/users/{id}` or `…/directoryObjects/{id}`, on whatever host.
fn reference(body: &Value) -> Option<Uuid> {
    let link = body.get("@odata.id")?.as_str()?;
    let (rest, id) = link.trim_end_matches('/').rsplit_once('/')?;
    let collection = rest.rsplit('/').next()?;
    if !matches!(collection, "users" | "directoryObjects") {
        return None;
    }
    Uuid::parse_str(id).ok()
}
