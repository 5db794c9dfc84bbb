//! Who gets a token, and with which words is it refused?

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand_chacha::rand_core::RngCore;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::model::Timestamp;
use crate::sim::ledger::Kind;
use crate::sim::settings::TokenShape;
use crate::sim::tenant::App;
use crate::sim::world::{Grant, Reality};

use super::answer::{Answer, Ids};
use super::assertion;
use super::call::Call;

/// What real tokens live; documented.
pub(super) const TOKEN_SECONDS: u64 = 3599;
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) struct TokenRefusal {
    number: u32,
    error: &'static str,
    text: String,
}

pub(super) fn no(number: u32, error: &'static str, text: impl Into<String>) -> TokenRefusal {
    TokenRefusal { number, error, text: text.into() }
}

/// `POST /{tenant}/oauth2/v2.0/token`; `{tenant}` is the GUID or a domain.
pub(super) fn answer(state: &mut Reality, call: &Call, wanted: &str, ids: &Ids) -> Answer {
    let name = state.tenants.values().find(|t| t.spec.id.eq_ignore_ascii_case(wanted) || t.is_own_domain(wanted));
    let Some(name) = name.map(|t| t.name.clone()) else {
        let known = matches!(wanted, "common" | "consumers" | "organizations");
        let refusal = if known {
            no(9_001_023, "invalid_request", format!("The grant type is not supported over the /{wanted} endpoint."))
        } else {
            no(90_002, "invalid_request", format!("Tenant '{wanted}' not found. Check that it is the right cloud."))
        };
        return refused(&refusal, 400, ids);
    };
    state.ledger.count(&name, Kind::Token);
    let Some(tenant) = state.tenants.get_mut(&name) else { return Answer::empty(500) };
    let request = (call.method.as_str(), call.path.as_str(), Kind::Token);
    let (faults, rng) = (&mut tenant.faults, &mut tenant.rng);
    let struck = faults.strike(request, false, || crate::sim::tenant::draw(rng));
    let done = match &struck.effect {
        Some(effect) if !effect.applies() => Ok(None),
        _ => grant(&tenant.spec.apps, &tenant.spec.id, call, ids.now).map(Some),
    };
    let invalid_client_status = tenant.spec.settings.invalid_client_status;
    let answer = match done {
        Ok(Some((client_id, roles))) => {
            let scope = form_urlencoded::parse(&call.body).find(|(n, _)| n == "scope").map(|(_, v)| v.into_owned());
            let resource = scope.unwrap_or_default().trim_end_matches("/.default").to_owned();
            let token = give_out(state, &name, (client_id, roles), &resource, ids.now);
            let body = json!({ "token_type": "Bearer", "expires_in": TOKEN_SECONDS,
                               "ext_expires_in": TOKEN_SECONDS, "access_token": token });
            Answer::json(200, body)
        }
        Ok(None) => Answer::empty(503),
        Err(refusal) => {
            let status = if refusal.error == "invalid_client" { invalid_client_status } else { 400 };
            refused(&refusal, status, ids)
        }
    };
    super::effect::shape(answer, struck, call, ids)
}

/// Makes a token, and remembers what it stands for.
pub(super) fn give_out(
    state: &mut Reality,
    name: &str,
    (client_id, roles): (String, Vec<String>),
    resource: &str,
    now: Timestamp,
) -> String {
    let random = mint(state);
    let shape = state.tenants.get(name).map(|t| (t.spec.settings.tokens, t.spec.id.clone()));
    let token = match shape {
        Some((TokenShape::Jwt, tid)) => jwt(&tid, &client_id, &roles, resource, now, &random),
        _ => random,
    };
    let expires_at = now.plus_seconds(TOKEN_SECONDS);
    state.grants.retain(|_, g| g.expires_at > now);
    state.grants.insert(token.clone(), Grant { tenant: name.to_owned(), client_id, roles, expires_at });
    token
}

/// A text that nobody can guess.
fn mint(state: &mut Reality) -> String {
    let mut bytes = [0; 48];
    state.rng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// As real tokens look: claims that anybody can read, and a signature that only the tenant can check. Here that is a text
/// that nobody can guess, and the whole token is known or it is not.
fn jwt(tid: &str, client_id: &str, roles: &[String], resource: &str, now: Timestamp, signature: &str) -> String {
    let seconds = now.0 / 1000;
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "simulated" });
    let mut claims = json!({
        "aud": resource, "iss": format!("https://sts.windows.net/{tid}/"),
        "iat": seconds, "nbf": seconds, "exp": seconds + TOKEN_SECONDS,
        "appid": client_id, "idtyp": "app", "tid": tid, "ver": "1.0",
    });
    // Real tokens of apps without any role have no such claim.
    if !roles.is_empty() {
        claims["roles"] = json!(roles);
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn refused(refusal: &TokenRefusal, status: u16, ids: &Ids) -> Answer {
    let timestamp = ids.now.rfc3339();
    let timestamp = timestamp.split('.').next().unwrap_or_default().replace('T', " ");
    let TokenRefusal { number, error, text } = refusal;
    let description = format!(
        "AADSTS{number}: {text} Trace ID: {} Correlation ID: {} Timestamp: {timestamp}Z",
        ids.request, ids.client
    );
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": format!("{timestamp}Z"),
        "trace_id": ids.request,
        "correlation_id": ids.client,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    Answer::json(status, body)
}

/// The app's client id and roles, where its credential holds.
fn grant(apps: &[App], tenant_id: &str, call: &Call, now: Timestamp) -> Result<(String, Vec<String>), TokenRefusal> {
    let form: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty());
    if field("grant_type") != Some("client_credentials") {
        return Err(no(70_003, "unsupported_grant_type", "The app requested an unsupported grant type."));
    }
    let scope = field("scope").unwrap_or_default();
    if scope.split_whitespace().count() != 1 || !scope.ends_with("/.default") {
        return Err(no(70_011, "invalid_scope", format!("The provided value for scope '{scope}' is not valid.")));
    }
    let basic = basic(call);
    let client_id = field("client_id").map(str::to_owned).or_else(|| basic.as_ref().map(|(id, _)| id.clone()));
    let client_id = client_id.ok_or_else(|| no(900_144, "invalid_request", "The body must contain 'client_id'."))?;
    let app = apps.iter().find(|a| a.client_id.eq_ignore_ascii_case(&client_id)).ok_or_else(|| {
        let text = format!("Application with identifier '{client_id}' was not found in the directory.");
        no(700_016, "unauthorized_client", text)
    })?;
    if app.disabled {
        return Err(no(7_000_112, "unauthorized_client", format!("Application '{client_id}' is disabled.")));
    }
    let secret = field("client_secret").map(str::to_owned).or_else(|| basic.map(|(_, secret)| secret));
    match (secret, field("client_assertion")) {
        (Some(secret), _) if !app.secret.is_empty() && app.secret == secret => {}
        (Some(_), _) => return Err(no(7_000_215, "invalid_client", "Invalid client secret provided.")),
        (None, Some(assertion)) if field("client_assertion_type") == Some(JWT_BEARER) => {
            assertion::check(app, tenant_id, assertion, now)?;
        }
        (None, _) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(no(7_000_218, "invalid_client", text));
        }
    }
    Ok((app.client_id.clone(), app.roles.clone()))
}

/// RFC 6749, 2.3.1: both halves are form-encoded before they are joined.
fn basic(call: &Call) -> Option<(String, String)> {
    let encoded = call.header("authorization")?.strip_prefix("Basic ")?;
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    let plain = |text: &str| {
        form_urlencoded::parse(format!("v={text}").as_bytes()).next().map_or_else(String::new, |(_, v)| v.into_owned())
    };
    Some((plain(id), plain(secret)))
}
