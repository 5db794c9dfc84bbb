//! What does a token say of itself? Whose it is, what it is good for, how long, and what its app may do.
//!
//! Real tokens are JWTs. Their signature is Graph's to check; what is read here keeps a token that is wrong by its own
//! words from being shown to anybody, and tells `crosstie doctor` what was granted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::model::Timestamp;

/// What a token's claims say. Nothing in it gives access to anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The tenant that it is for.
    pub tid: Option<String>,
    /// The resource that it is for.
    pub aud: Option<String>,
    /// From then on it is worth nothing: seconds since 1970.
    pub exp: Option<u64>,
    /// When it was made: seconds since 1970.
    pub iat: Option<u64>,
    /// The application permissions that an administrator consented to; real tokens without any leave them out.
    pub roles: Vec<String>,
}

/// Microsoft Graph's app id in every cloud: v2 tokens name it as their audience.
const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";
/// What v1 tokens name as their audience, per cloud: also where the configured address is a stand-in for that Graph.
const GRAPH_ROOTS: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

/// What is wrong with a token: our code, what happened, and the way out.
pub(super) type Fault = (&'static str, &'static str, &'static str);

impl Claims {
    /// Reads them; `None` of a token that cannot be read. Opaque ones are as good, they only say nothing.
    pub(super) fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let bytes = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        let Ok(Value::Object(claims)) = serde_json::from_slice(&bytes) else { return None };
        let told = |name: &str| claims.get(name).filter(|value| !value.is_null());
        // A claim of another shape is not the one that was looked for: that is no reason to believe the token.
        let text = |name: &str| told(name).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let seconds = |name: &str| told(name).map(|v| v.as_u64().unwrap_or(0));
        let roles = told("roles").and_then(Value::as_array).into_iter().flatten();
        let roles = roles.filter_map(|role| role.as_str().map(str::to_owned)).collect();
        Some(Self { tid: text("tid"), aud: text("aud"), exp: seconds("exp"), iat: seconds("iat"), roles })
    }

    /// Is this a token of `tenant_id` for the Graph at `audience` that is still good? What it does not say is not held
    /// against it.
    pub(super) fn check(&self, tenant_id: &str, audience: &str, now: Timestamp) -> Result<(), Fault> {
        let same_tenant = self.tid.as_ref().is_none_or(|tid| tid.eq_ignore_ascii_case(tenant_id));
        // The endpoint may be addressed by a domain name; then a GUID in the token cannot be compared.
        if !same_tenant && uuid::Uuid::parse_str(tenant_id).is_ok() {
            let what = "the token endpoint gave a token of another tenant; it was not used";
            return Err(("WrongTenant", what, "check the tenant's id and authority"));
        }
        let for_graph = |aud: &str| {
            let aud = aud.trim_end_matches('/');
            let stands_in = !GRAPH_ROOTS.contains(&audience);
            aud.eq_ignore_ascii_case(audience)
                || aud.eq_ignore_ascii_case(GRAPH_APP_ID)
                || (stands_in && GRAPH_ROOTS.contains(&aud))
        };
        if !self.aud.as_deref().is_none_or(for_graph) {
            let what = "the token endpoint gave a token for another resource; it was not used";
            return Err(("WrongAudience", what, "check the tenant's graph address"));
        }
        if self.exp.is_some_and(|exp| exp.saturating_mul(1000) <= now.0) {
            let what = "the token endpoint gave a token that had expired by this machine's clock; it was not used";
            return Err(("TokenExpired", what, "set this machine's clock"));
        }
        Ok(())
    }
}
