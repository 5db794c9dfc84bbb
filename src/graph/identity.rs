//! How does a machine of Azure's get a token without any secret? It asks an address that only it can reach.
//!
//! Two forms: the metadata service of virtual machines (IMDS), and the address that App Service, Functions and Container
//! Apps give each process in its environment, together with a header that proves that it is the process.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::model::Timestamp;

use super::auth::TokenError;
use super::error::bounded;
use super::retry::retry_after;
use super::transport::{Limits, Transport};

/// The metadata service's address: link-local, the same on every virtual machine.
const IMDS: &str = "http://169.254.169.254";
const IMDS_PATH: &str = "/metadata/identity/oauth2/token";
/// The version that both forms know.
const API_VERSION: &str = "2019-08-01";
/// Where Azure's SDKs look for the other address and for its header.
const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";
/// What Azure's SDKs look at for a stand-in of the metadata service.
const AUTHORITY_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// As for other token endpoints.
const LIMITS: Limits = Limits { body_bytes_max: 256 * 1024, deadline: Duration::from_secs(30) };

/// Where this machine's identity is asked for.
#[derive(Clone)]
pub struct ManagedIdentity {
    url: Url,
    header: (HeaderName, SecretString),
    client_id: Option<String>,
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagedIdentity({} at {})", self.client_id.as_deref().unwrap_or("its own"), self.url)
    }
}

#[derive(Deserialize)]
struct Told {
    access_token: String,
    /// Seconds since 1970, as a text (documented) or as a number.
    expires_on: Value,
}

impl ManagedIdentity {
    /// The one of this process, by its environment. `client_id` chooses among those that were assigned to the machine.
    pub fn of(client_id: Option<String>, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (address, header) = match (environment(ENDPOINT), environment(HEADER)) {
            (Some(endpoint), Some(secret)) => {
                (endpoint, (HeaderName::from_static("x-identity-header"), SecretString::from(secret)))
            }
            _ => {
                let host = environment(AUTHORITY_HOST).unwrap_or_else(|| IMDS.to_owned());
                let address = format!("{}{IMDS_PATH}", host.trim_end_matches('/'));
                (address, (HeaderName::from_static("metadata"), SecretString::from("true")))
            }
        };
        let url = Url::parse(&address).map_err(|error| format!("the managed identity's address is none: {error}"))?;
        Ok(Self { url, header, client_id })
    }

    /// A token for `resource`, and for how many seconds it is good.
    pub(super) async fn token(
        &self,
        transport: &impl Transport,
        resource: &str,
        now: Timestamp,
    ) -> Result<(SecretString, u64), TokenError> {
        let answer = transport.send(self.request(resource)?, LIMITS).await;
        let answer = answer.map_err(|error| TokenError {
            transient: true,
            ..no("IdentityEndpoint", format!("the identity endpoint did not answer: {error}"))
        })?;
        let status = answer.status().as_u16();
        if !answer.status().is_success() {
            let retry_after = retry_after(answer.headers(), now);
            return Err(TokenError { status: Some(status), retry_after, ..self.refused(status, answer.body()) });
        }
        // The parser's own words could quote the token.
        let unreadable = || no("IdentityEndpoint", "the identity endpoint's answer cannot be read".to_owned());
        let told: Told = serde_json::from_slice(answer.body()).map_err(|_| unreadable())?;
        let until = told.expires_on.as_u64().or_else(|| told.expires_on.as_str()?.trim().parse().ok());
        let seconds = until.ok_or_else(unreadable)?.saturating_sub(now.0 / 1000);
        Ok((SecretString::from(told.access_token), seconds))
    }

    fn request(&self, resource: &str) -> Result<Request<Bytes>, TokenError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("api-version", API_VERSION).append_pair("resource", resource);
        if let Some(id) = &self.client_id {
            url.query_pairs_mut().append_pair("client_id", id);
        }
        let unusable = || no("IdentityEndpoint", "the managed identity's address or header is not usable".to_owned());
        let mut secret = HeaderValue::from_str(self.header.1.expose_secret()).map_err(|_| unusable())?;
        secret.set_sensitive(true);
        let request = Request::builder().method(Method::GET).uri(url.as_str());
        let request = request.header(&self.header.0, secret).header(header::ACCEPT, "application/json");
        request.body(Bytes::new()).map_err(|_| unusable())
    }

    fn refused(&self, status: u16, body: &[u8]) -> TokenError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let words = said("error_description").replace(self.header.1.expose_secret(), "[secret]");
        // By Azure's SDKs: 404 and 410 while the service is updated, the others as everywhere.
        let transient = matches!(status, 404 | 410 | 429) || status >= 500;
        let hint = (status == 400).then_some(
            "no such identity is assigned to this machine: assign one, and name its client id if it is not the \
             machine's own",
        );
        let message = format!("the identity endpoint answered {status}: {}", bounded(&words, 300));
        TokenError { transient, hint, ..no("IdentityEndpoint", message) }
    }
}

fn no(code: &str, message: String) -> TokenError {
    TokenError { code: code.to_owned(), message, status: None, hint: None, transient: false, retry_after: None }
}
