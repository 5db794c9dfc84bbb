//! How does the app prove itself in a tenant? One credential, and never a secret in the file.

use std::path::Path;

use toml::de::DeValue;

use super::secret::place;
use super::tenant::secret;
use super::{CertificateSource, Credential, SigningAlgorithm};
use crate::rules::table::{Field, Section};
use crate::rules::{Diagnostic, is_guid};

/// Keys of `[tenants.NAME]` that name a credential.
pub(super) const CREDENTIALS: [&str; 4] =
    ["client_secret", "client_certificate", "federated_token", "managed_identity"];

/// The tenant's one credential.
pub(super) fn read(section: &Section<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Option<Credential> {
    let given: Vec<Field<'_>> = CREDENTIALS.iter().filter_map(|key| section.field(key)).collect();
    let field = match given.as_slice() {
        [] => {
            let message = format!("no credential in {}", section.name);
            let hint = "add one, for example `client_secret = { env = \"NAME\" }`";
            findings.push(Diagnostic::error("missing-credential", message).at(section.span.clone()).hint(hint));
            return None;
        }
        [one] => one,
        [first, second, ..] => {
            let message = format!("`{}` beside `{}`: a tenant has exactly one credential", second.key, first.key);
            findings.push(Diagnostic::error("two-credentials", message).at(second.key_span.clone()).hint("keep one"));
            return None;
        }
    };
    match field.key {
        "client_secret" => secret(field, folder, findings).map(Credential::Secret),
        "client_certificate" => certificate(field, folder, findings).map(Credential::Certificate),
        "federated_token" => {
            let section = field.section("federated_token".to_owned(), findings)?;
            section.only(&["file"], findings);
            let file = section.required("file", findings)?;
            Some(Credential::FederatedToken(place(folder, file.text)))
        }
        _ => managed_identity(field, findings),
    }
}

/// `{ file = "north.pem", password = { env = … }, algorithm = "PS256" }`.
fn certificate(field: &Field<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Option<CertificateSource> {
    let section = field.section("client_certificate".to_owned(), findings)?;
    section.only(&["file", "password", "algorithm"], findings);
    let algorithms = [SigningAlgorithm::Ps256, SigningAlgorithm::Rs256].map(|a| (a.name(), a));
    let algorithm = match section.field("algorithm") {
        Some(_) => section.choice("algorithm", &algorithms, findings)?,
        None => SigningAlgorithm::Ps256,
    };
    let password = match section.field("password") {
        Some(field) => Some(secret(&field, folder, findings)?),
        None => None,
    };
    let file = section.required("file", findings)?;
    Some(CertificateSource { pem: place(folder, file.text), password, algorithm })
}

/// `true` for the machine's own identity, `{ client_id = … }` for one that was assigned to it.
fn managed_identity(field: &Field<'_>, findings: &mut Vec<Diagnostic>) -> Option<Credential> {
    if let DeValue::Boolean(yes) = field.value {
        if *yes {
            return Some(Credential::ManagedIdentity { client_id: None });
        }
        let finding = Diagnostic::error("missing-credential", "`managed_identity` is no credential where it is false");
        findings.push(finding.at(field.span.clone()).hint("write `managed_identity = true`, or another credential"));
        return None;
    }
    let section = field.section("managed_identity".to_owned(), findings)?;
    section.only(&["client_id"], findings);
    let id = section.required("client_id", findings)?;
    if is_guid(id.text) {
        return Some(Credential::ManagedIdentity { client_id: Some(id.text.to_owned()) });
    }
    let finding = Diagnostic::error("client-id", "a managed identity's client id is a GUID");
    findings.push(finding.at(id.span).hint("Managed identities: \"Client ID\"; or write `managed_identity = true`"));
    None
}
