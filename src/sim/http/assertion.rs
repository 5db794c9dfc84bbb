//! Is this signed text the app's own, or one of the issuer that it trusts?

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, Encode as _};

use crate::model::Timestamp;
use crate::sim::tenant::App;

use super::token::{TokenRefusal, no};

/// Entra tolerates clocks that are five minutes off.
const SKEW_SECONDS: u64 = 300;

/// A JWT, taken apart.
struct Jwt<'a> {
    header: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        // Signatures that nobody verifies need be none.
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        Some(Jwt { header: part(header)?, claims: part(claims)?, signed, signature })
    }
    fn head(&self, name: &str) -> &str {
        self.header.get(name).and_then(Value::as_str).unwrap_or_default()
    }
    fn claim(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }
    fn seconds(&self, name: &str) -> Option<u64> {
        self.claims.get(name).and_then(Value::as_u64)
    }
    /// Signed by the key of this certificate, by the algorithm that it says.
    fn is_signed_by(&self, certificate: &Certificate) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.head("alg") {
            "PS256" => &RSA_PSS_2048_8192_SHA256,
            "RS256" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let key = certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
        UnparsedPublicKey::new(algorithm, key).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

pub(super) fn check(app: &App, tenant_id: &str, assertion: &str, now: Timestamp) -> Result<(), TokenRefusal> {
    let malformed = || no(50_027, "invalid_request", "JWT token is invalid or malformed.");
    let jwt = Jwt::read(assertion).ok_or_else(malformed)?;
    let (seconds, late) =
        (now.0 / 1000, no(500_133, "invalid_client", "Assertion is not within its valid time range."));
    let early = jwt.seconds("nbf").is_some_and(|from| from > seconds + SKEW_SECONDS);
    if early || jwt.seconds("exp").is_some_and(|exp| exp <= seconds) {
        return Err(late);
    }
    if let Some(known) = &app.federated
        && known.issuer == jwt.claim("iss")
        && known.subject == jwt.claim("sub")
    {
        return match &known.certificate_pem {
            Some(pem) if !read(pem).is_some_and(|certificate| jwt.is_signed_by(&certificate)) => {
                Err(no(50_013, "invalid_client", "Assertion failed signature validation."))
            }
            _ => Ok(()),
        };
    }
    if !jwt.claim("iss").eq_ignore_ascii_case(&app.client_id) {
        return Err(no(70_021, "invalid_client", "No matching federated identity record found for the assertion."));
    }
    let unknown = || no(700_027, "invalid_client", "The certificate with identifier used to sign is not registered.");
    if !jwt.claim("aud").contains(tenant_id) || jwt.claim("sub") != jwt.claim("iss") {
        return Err(unknown());
    }
    match &app.certificate_pem {
        Some(pem) => own(&jwt, &read(pem).ok_or_else(unknown)?, tenant_id),
        None if app.certificate.as_ref().is_some_and(|c| *c == jwt.head("x5t#S256")) => Ok(()),
        None => Err(unknown()),
    }
}

/// With the certificate itself everything is checked that is documented.
fn own(jwt: &Jwt<'_>, certificate: &Certificate, tenant_id: &str) -> Result<(), TokenRefusal> {
    let unknown = || no(700_027, "invalid_client", "The certificate with identifier used to sign is not registered.");
    let der = certificate.to_der().map_err(|_| unknown())?;
    let named = match jwt.head("alg") {
        "PS256" => jwt.head("x5t#S256") == URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)),
        _ => jwt.head("x5t") == URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)),
    };
    let whole = !jwt.claim("jti").is_empty() && jwt.seconds("exp").is_some() && jwt.seconds("nbf").is_some();
    if !named || !whole || !jwt.claim("aud").ends_with(&format!("/{tenant_id}/oauth2/v2.0/token")) {
        return Err(unknown());
    }
    match jwt.is_signed_by(certificate) {
        true => Ok(()),
        false => Err(no(50_012, "invalid_client", "Authentication failed: the signature is not valid.")),
    }
}

fn read(pem: &str) -> Option<Certificate> {
    Certificate::from_pem(pem).ok()
}
