//! What does Azure answer a machine that asks for its own identity's token?
//!
//! `GET /metadata/identity/oauth2/token` with `Metadata: true`, and `GET /msi/token` with `X-IDENTITY-HEADER`, whatever
//! it says: in the simulator every machine is every identity's.

use serde_json::json;

use crate::sim::ledger::Kind;
use crate::sim::tenant::{App, Managed};
use crate::sim::world::Reality;

use super::answer::{Answer, Ids};
use super::call::Call;
use super::token::{TOKEN_SECONDS, give_out};

pub(super) fn answer(state: &mut Reality, call: &Call, ids: &Ids) -> Answer {
    let refused = |error: &str, text: &str| Answer::json(400, json!({ "error": error, "error_description": text }));
    let header = if call.path.starts_with("/msi") { "x-identity-header" } else { "metadata" };
    if call.header(header).is_none_or(str::is_empty) {
        return refused("invalid_request", "Required metadata header not specified");
    }
    let Some(resource) = call.option("resource").filter(|_| call.option("api-version").is_some()) else {
        return refused("invalid_request", "Required query variables 'api-version' and 'resource' are missing");
    };
    let wanted = |app: &&App| match (call.option("client_id"), app.managed_identity) {
        (Some(id), Some(_)) => app.client_id.eq_ignore_ascii_case(id),
        (None, Some(kind)) => kind == Managed::System,
        (_, None) => false,
    };
    let found = state.tenants.values().find_map(|t| Some((t.name.clone(), t.spec.apps.iter().find(wanted)?.clone())));
    let Some((name, app)) = found.filter(|(_, app)| !app.disabled) else {
        return refused("invalid_request", "Identity not found");
    };
    state.ledger.count(&name, Kind::Token);
    let expires_on = ids.now.0 / 1000 + TOKEN_SECONDS;
    let token = give_out(state, &name, (app.client_id, app.roles), resource, ids.now);
    Answer::json(
        200,
        json!({ "access_token": token, "expires_on": expires_on.to_string(), "resource": resource, "token_type": "Bearer" }),
    )
}
