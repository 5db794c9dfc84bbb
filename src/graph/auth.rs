//! How does the app prove itself, and to whom may a token be shown?
//!
//! Client credentials, one resource, one tenant. A token is minted for one tenant, is checked to be that tenant's where
//! it can be read, and can be attached to nothing but an address of that tenant: there is no way to take it out.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use oauth2::basic::{
    BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenResponse, BasicTokenType,
};
use oauth2::{ClientId, ClientSecret, RequestTokenError, Scope, StandardRevocableToken, TokenResponse, TokenUrl};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::{TenantName, Timestamp};
use crate::ports::{Clock, Retry};

use super::certificate::Certificate;
use super::claims::Claims;
use super::error::{GraphError, bounded};
use super::identity::ManagedIdentity;
use super::origin::{GraphOrigin, GraphPath};
use super::retry::{Verdict, retry_after};
use super::transport::{Limits, Transport, TransportError, TransportErrorKind};

/// How the app proves itself.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A client secret.
    Secret(SecretString),
    /// A file with another identity provider's token; read anew for every token request, because it is rotated.
    AssertionFile(PathBuf),
    /// A certificate whose key signs an assertion for every token request.
    Certificate(Arc<Certificate>),
    /// The identity of the machine that we run on.
    Managed(ManagedIdentity),
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no token: {message}")]
pub struct TokenError {
    /// `AADSTS7000215`, or one of ours.
    pub code: String,
    /// Cleaned and bounded.
    pub message: String,
    /// The token endpoint's status.
    pub status: Option<u16>,
    /// The way out.
    pub hint: Option<&'static str>,
    /// It may go better in a while.
    pub transient: bool,
    /// `Retry-After` in milliseconds.
    pub retry_after: Option<u64>,
}

impl TokenError {
    fn ours(code: &str, message: impl Into<String>, hint: Option<&'static str>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self { code, message, status: None, hint, transient: false, retry_after: None }
    }

    pub(super) fn verdict(&self, now: Timestamp) -> Verdict {
        if !self.transient {
            return Verdict { retry: Retry::Never, throttled: false };
        }
        let not_before = self.retry_after.map(|millis| now.plus_millis(millis));
        Verdict { retry: Retry::Again { not_before }, throttled: self.status == Some(429) }
    }
}

/// Entra's error body. Its words may change, its codes may not.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct EntraError {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
    trace_id: String,
    correlation_id: String,
}
impl fmt::Display for EntraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error_description)
    }
}
impl oauth2::ErrorResponse for EntraError {}

type EntraClient = oauth2::Client<
    EntraError,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// A token for one tenant, and the only address that it is ever put to. Cannot be read, printed or sent elsewhere.
#[derive(Clone)]
pub(super) struct Token {
    origin: Arc<GraphOrigin>,
    serial: u64,
    header: HeaderValue,
    claims: Option<Claims>,
}

/// A token as it came, checked.
struct Minted {
    header: HeaderValue,
    claims: Option<Claims>,
    lifetime_seconds: u64,
}

impl Token {
    /// Addresses a request to `path` of the token's own origin and attaches the token, both at once. Nobody else can say where
    /// a token goes: a path names no host, and there is no other way to get the token out.
    pub(super) fn authorize(
        &self,
        path: &GraphPath,
        mut request: Request<Bytes>,
    ) -> Result<Request<Bytes>, GraphError> {
        *request.uri_mut() = self.origin.url(path).parse().map_err(|_| GraphError::NotAsked("an unusable address"))?;
        request.headers_mut().insert(header::AUTHORIZATION, self.header.clone());
        Ok(request)
    }

    /// What it says of itself, where it can be read.
    pub(super) fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }
}
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, [redacted])", self.origin.root())
    }
}

/// Takes a secret out of a text that somebody else wrote: a server that echoes what it was sent must not bring it into a
/// log. A text that was cut short may hold its beginning only.
fn without(text: &str, secret: &str, mark: &str) -> String {
    let Some(head) = secret.get(..HEAD_BYTES.min(secret.len())).filter(|head| !head.is_empty()) else {
        return text.to_owned();
    };
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, _)) = rest.split_once(head) {
        let found = rest.get(before.len()..).unwrap_or_default();
        let same = found.chars().zip(secret.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        out.push_str(before);
        out.push_str(mark);
        rest = found.get(same..).unwrap_or_default();
    }
    out + rest
}

/// So much of a secret is taken for it: no text has sixteen characters of one by chance.
const HEAD_BYTES: usize = 16;

#[derive(Debug, Default)]
struct State {
    held: Option<(Token, Timestamp)>,
    serial: u64,
    failures: u64,
    last_failure: Option<TokenError>,
}

/// Mints, keeps and renews one tenant's token.
#[derive(Debug)]
pub(super) struct TokenSource {
    tenant: TenantName,
    tenant_id: String,
    client_id: String,
    proof: Proof,
    endpoint: TokenUrl,
    /// Where its tokens go, and nowhere else.
    origin: Arc<GraphOrigin>,
    scope: String,
    audience: String,
    /// Held across a request on purpose: whoever comes meanwhile waits for the one answer.
    state: tokio::sync::Mutex<State>,
    /// Failures so far, readable without waiting for the lock.
    failures: AtomicU64,
    /// The last token that was used was refused.
    refused: AtomicBool,
    /// The token that was shown last, readable without waiting for the lock.
    shown: Mutex<Option<Token>>,
}

/// Renewed so long before it ends (azure-sdk-for-rust does the same), but never before half of its life.
const RENEW_BEFORE_SECONDS: u64 = 300;
/// For an answer without `expires_in`, which Entra always sends.
const LIFETIME_SECONDS_UNSAID: u64 = 600;
/// Longer ones are not believed; Entra's longest are 28 h.
const LIFETIME_SECONDS_MAX: u64 = 28 * 3600;
/// A token with a thousand roles has some 64 KiB.
const LIMITS: Limits = Limits { body_bytes_max: 256 * 1024, deadline: Duration::from_secs(30) };
/// A service account's token has 1 to 2 KiB.
const ASSERTION_BYTES_MAX: u64 = 64 * 1024;
impl TokenSource {
    pub(super) fn new(tenant: &crate::config::Tenant, proof: Proof) -> Result<Self, GraphError> {
        let unusable = || GraphError::Setup(format!("{}: the graph root is not a usable address", tenant.name));
        let origin = GraphOrigin::new(&tenant.graph).ok_or_else(unusable)?;
        let endpoint = token_endpoint(&tenant.authority, &tenant.id)
            .ok_or_else(|| GraphError::Setup(format!("{}: the authority is not a usable address", tenant.name)))?;
        Ok(Self {
            tenant: tenant.name.clone(),
            tenant_id: tenant.id.clone(),
            client_id: tenant.client_id.clone(),
            proof,
            endpoint,
            scope: format!("{}/.default", origin.root()),
            audience: origin.root().to_owned(),
            origin: Arc::new(origin),
            state: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            shown: Mutex::default(),
        })
    }

    /// The tenant's Graph.
    pub(super) fn origin(&self) -> &GraphOrigin {
        &self.origin
    }

    /// The text without the token, see [`without`].
    pub(super) fn scrub(&self, text: &str) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let bearer = shown.as_ref().and_then(|token| token.header.to_str().ok()).unwrap_or_default();
        without(text, bearer.strip_prefix("Bearer ").unwrap_or(bearer), "[token]")
    }

    /// The token, minted anew where none is fresh. However many ask at once, one request leaves; when it fails, all
    /// who waited for it get its error.
    pub(super) async fn token(&self, transport: &impl Transport, clock: &impl Clock) -> Result<Token, TokenError> {
        let failures_seen = self.failures.load(Ordering::Relaxed);
        let mut state = self.state.lock().await;
        if let Some((token, fresh_until)) = &state.held
            && clock.now() < *fresh_until
        {
            return Ok(token.clone());
        }
        if state.failures > failures_seen
            && let Some(error) = &state.last_failure
        {
            return Err(error.clone());
        }
        state.held = None;
        let asked_at = clock.now();
        match self.mint(transport, asked_at).await {
            Ok(Minted { header, claims, lifetime_seconds }) => {
                state.serial += 1;
                let token = Token { origin: Arc::clone(&self.origin), serial: state.serial, header, claims };
                let margin = RENEW_BEFORE_SECONDS.min(lifetime_seconds / 2);
                *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
                state.held = Some((token.clone(), asked_at.plus_seconds(lifetime_seconds - margin)));
                Ok(token)
            }
            Err(error) => {
                state.failures += 1;
                self.failures.store(state.failures, Ordering::Relaxed);
                state.last_failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// The tenant refused this token: it is not used again. A newer one that somebody minted meanwhile stays. Answers
    /// whether it is worth asking again with the next one: not where that is the second to be refused in a row.
    pub(super) async fn discard(&self, refused: &Token) -> bool {
        let mut state = self.state.lock().await;
        if state.held.as_ref().is_some_and(|(held, _)| held.serial == refused.serial) {
            state.held = None;
            return !self.refused.swap(true, Ordering::Relaxed);
        }
        true
    }
    /// The tenant took the token.
    pub(super) fn works(&self) {
        self.refused.store(false, Ordering::Relaxed);
    }

    async fn mint(&self, transport: &impl Transport, now: Timestamp) -> Result<Minted, TokenError> {
        if let Proof::Managed(identity) = &self.proof {
            let (token, seconds) = identity.token(transport, &self.audience, now).await?;
            return self.accept(token.expose_secret(), Some(seconds), now);
        }
        let mut client = EntraClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_type(oauth2::AuthType::RequestBody)
            .set_token_uri(self.endpoint.clone());
        let mut assertion = None;
        match &self.proof {
            Proof::Secret(secret) => {
                client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
            }
            Proof::AssertionFile(path) => assertion = Some(read_assertion(path)?),
            Proof::Certificate(certificate) => {
                let signed = certificate.assertion(self.endpoint.as_str(), &self.client_id, now);
                let unsigned = |error| TokenError::ours("Certificate", format!("the certificate: {error}"), None);
                assertion = Some(signed.map_err(unsigned)?);
            }
            // It was asked above.
            Proof::Managed(_) => {}
        }
        let mut request = client.exchange_client_credentials().add_scope(Scope::new(self.scope.clone()));
        if let Some(assertion) = &assertion {
            request = request
                .add_extra_param("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                .add_extra_param("client_assertion", assertion.expose_secret());
        }
        let answered = RefCell::new(None);
        let send = |request: oauth2::HttpRequest| async {
            let path = request.uri().path().to_owned();
            let answer = transport.send(request.map(Bytes::from), LIMITS).await;
            let status = answer.as_ref().map(|answer| answer.status().as_u16()).ok();
            let why = answer.as_ref().err().map(|error| error.message.as_str());
            tracing::debug!(tenant = %self.tenant, path, status, why, "a token was asked for");
            let answer = answer?;
            answered.replace(Some((answer.status().as_u16(), retry_after(answer.headers(), now))));
            Ok::<_, TransportError>(answer.map(|body| body.to_vec()))
        };
        let outcome = request.request_async(&send).await;
        let (status, retry_after) = answered.take().unzip();
        let token = outcome.map_err(|error| TokenError {
            status,
            retry_after: retry_after.flatten(),
            ..self.explain(error, status)
        })?;
        if token.token_type() != &BasicTokenType::Bearer {
            let what = "the token endpoint gave a token that is not a bearer";
            return Err(TokenError::ours("TokenUnusable", what, None));
        }
        self.accept(token.access_token().secret(), token.expires_in().map(|d| d.as_secs()), now)
    }

    /// Checks a token that came, and makes it ready for use.
    fn accept(&self, token: &str, lifetime_seconds: Option<u64>, now: Timestamp) -> Result<Minted, TokenError> {
        let unusable = || TokenError::ours("TokenUnusable", "the token cannot stand in a header", None);
        // RFC 6750, 2.1: visible ASCII without spaces. Headers take more, and nobody could read it back out of one.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable());
        }
        let claims = Claims::read(token);
        let checked = claims.as_ref().map_or(Ok(()), |claims| claims.check(&self.tenant_id, &self.audience, now));
        checked.map_err(|(code, what, hint)| TokenError::ours(code, what, Some(hint)))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unusable())?;
        header.set_sensitive(true);
        let lifetime = lifetime_seconds.unwrap_or(LIFETIME_SECONDS_UNSAID);
        // Whichever ends it earlier.
        let own = claims.as_ref().and_then(|claims| claims.exp).map(|exp| exp.saturating_sub(now.0 / 1000));
        let lifetime = lifetime.min(own.unwrap_or(lifetime));
        Ok(Minted { header, claims, lifetime_seconds: lifetime.min(LIFETIME_SECONDS_MAX) })
    }

    fn explain(&self, error: RequestTokenError<TransportError, EntraError>, status: Option<u16>) -> TokenError {
        let server_side = status.is_some_and(|s| s == 429 || s == 408 || s >= 500);
        // A page of some proxy, with whichever status: the status says more than the page.
        let said = status.filter(|s| *s >= 300).map_or(String::new(), |s| format!(" (status {s})"));
        let unreadable = |what: &str| match status {
            Some(status) if server_side => TokenError {
                transient: true,
                ..TokenError::ours("TokenEndpoint", format!("the token endpoint answered {status}"), None)
            },
            _ => TokenError::ours("TokenEndpoint", format!("{what}{said}"), Some("is the authority's address right?")),
        };
        match error {
            RequestTokenError::Request(error) => TokenError {
                // Asking for a token changes nothing, so a lost answer is no different from a request that never left.
                transient: error.kind != TransportErrorKind::TooLarge,
                ..TokenError::ours("TokenEndpoint", format!("the token endpoint did not answer: {error}"), None)
            },
            RequestTokenError::ServerResponse(error) => self.explain_refusal(&error, server_side),
            // The parser's own words could quote the token.
            RequestTokenError::Parse(..) => unreadable("the token endpoint's answer cannot be read"),
            RequestTokenError::Other(_) => unreadable("the token endpoint gave no usable answer"),
        }
    }

    fn explain_refusal(&self, error: &EntraError, server_side: bool) -> TokenError {
        const TRANSIENT: [u64; 4] = [90024, 90033, 90055, 90090];
        let number = error.error_codes.first().copied().or_else(|| code_in(&error.error_description));
        let clean = |text: &str| match &self.proof {
            Proof::Secret(secret) => without(text, secret.expose_secret(), "[secret]"),
            Proof::AssertionFile(_) | Proof::Certificate(_) | Proof::Managed(_) => text.to_owned(),
        };
        let code = number.map_or_else(|| bounded(&clean(&error.error), 80), |n| format!("AADSTS{n}"));
        let text = clean(if error.error_description.is_empty() { &error.error } else { &error.error_description });
        let trace = bounded(&clean(&error.trace_id), 40);
        let trace = if trace.is_empty() { trace } else { format!(" (trace {trace})") };
        TokenError {
            transient: server_side
                || error.error == "temporarily_unavailable"
                || number.is_some_and(|n| TRANSIENT.contains(&n)),
            ..TokenError::ours(&code, format!("{}{trace}", bounded(&text, 300)), number.and_then(hint))
        }
    }
}

fn token_endpoint(authority: &Url, tenant_id: &str) -> Option<TokenUrl> {
    if tenant_id.is_empty() || matches!(tenant_id, "." | "..") {
        return None;
    }
    let mut url = authority.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend([tenant_id, "oauth2", "v2.0", "token"]);
    TokenUrl::new(url.into()).ok()
}

fn read_assertion(path: &std::path::Path) -> Result<SecretString, TokenError> {
    let unreadable = |why: String| {
        let hint = Some("the platform writes this file (AZURE_FEDERATED_TOKEN_FILE); is workload identity set up?");
        TokenError::ours("AssertionFile", format!("{}: {why}", path.display()), hint)
    };
    let length = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if length > ASSERTION_BYTES_MAX {
        return Err(unreadable(format!("larger than {ASSERTION_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    match text.trim() {
        "" => Err(unreadable("empty".to_owned())),
        token => Ok(SecretString::from(token)),
    }
}

/// `AADSTS7000215: …` where `error_codes` is missing.
fn code_in(description: &str) -> Option<u64> {
    let digits = description.split_once("AADSTS")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// What an admin does about the codes that are seen in practice.
fn hint(code: u64) -> Option<&'static str> {
    Some(match code {
        7000215 => "the client secret is wrong; copy the secret's value, not its id",
        7000222 => "the client secret has expired; make a new one in the app registration",
        7000218 => "no credential reached the token endpoint; check the tenant's credential",
        700016 => "the app is not known in this tenant: check tenant and client id, and give the app consent there",
        7000112 => "the app is disabled in this tenant; enable its enterprise application",
        90002 | 900023 => "no such tenant at this authority: check the tenant's id and its cloud",
        90038 | 900382 | 900432 => "the tenant belongs to another cloud: check the authority and the graph address",
        500011 | 70011 | 28002 => "the graph address does not fit the authority's cloud",
        50012 | 50013 | 700027 => "the assertion's signature was not accepted",
        500133 => "the assertion is outside its time of validity: check this machine's clock",
        70021 | 700211 | 700213 => {
            "no federated credential of the app fits the assertion's issuer, subject and audience"
        }
        90094 | 65001 => "an administrator of this tenant has to consent to the app",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderValue, Request, header};

    use super::super::origin::{Collection, GraphOrigin};
    use super::{Arc, Token};

    #[test]
    fn a_token_and_its_address_are_attached_together_or_not_at_all() {
        let origin = |root: &str| Arc::new(GraphOrigin::new(&root.parse().unwrap()).unwrap());
        let (own, other) = (origin("https://graph.example"), origin("https://evil.example/deep/"));
        let header = HeaderValue::from_static("Bearer xyz");
        let token = Token { origin: own, serial: 1, header: header.clone(), claims: None };
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = "https://elsewhere.example/".parse().unwrap();
        // Neither the request's own address nor the origin that a path was built or admitted by has a say.
        let sent = token.authorize(&other.build(&["users"], &[]).unwrap(), request).unwrap();
        assert_eq!(sent.uri(), "https://graph.example/v1.0/users", "wherever it was to go before");
        let link =
            other.admit("https://evil.example/deep/v1.0/users/delta?$skiptoken=@a", Collection::UsersDelta).unwrap();
        let sent = token.authorize(&link, Request::new(Bytes::new())).unwrap();
        assert_eq!(sent.uri(), "https://graph.example/v1.0/users/delta?$skiptoken=@a");
        assert_eq!(sent.headers()[header::AUTHORIZATION], header);
        assert_eq!(format!("{token:?}"), "Token(https://graph.example, [redacted])");
    }
}
