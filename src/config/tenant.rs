//! Which directories are there, how do we reach them, and how do we prove ourselves?

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;
use url::{Host, Url};

use super::report::is_variable;
use super::secret::place;
use super::{Cloud, SecretSource, Tenant, credential, limits};
use crate::model::TenantName;
use crate::rules::table::{Field, Section, Word};
use crate::rules::{Diagnostic, is_guid};

/// Where an invited person lands who redeems nothing in particular: the list of their apps.
const REDIRECT_URL: &str = "https://myapplications.microsoft.com";

/// The tenants that could be read, with the place of each one's key.
pub(super) type Tenants = BTreeMap<TenantName, (Option<Tenant>, Range<usize>)>;

/// Reads `[tenants]`. A tenant with a fault stays in the map, so that routes that name it are not called wrong as well.
pub(super) fn read(root: &Section<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Tenants {
    let mut tenants = Tenants::new();
    let Some(section) = root.section("tenants", "[tenants]", findings) else {
        if root.field("tenants").is_none() {
            let finding = Diagnostic::error("missing-key", "no tenant is defined");
            findings.push(finding.hint("add a table [tenants.NAME] for each directory, or start with `crosstie init`"));
        }
        return tenants;
    };
    for field in section.fields() {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if field.key.is_empty() || field.key.len() > 64 || !field.key.chars().all(legal) || field.key.contains("->") {
            let finding =
                Diagnostic::error("tenant-name", "a tenant's name is 1 to 64 letters, digits, `-`, `_` or `.`");
            findings.push(finding.at(field.key_span.clone()).hint("for example [tenants.north]"));
        }
        let name = TenantName::new(field.key);
        let tenant = field
            .section(format!("[tenants.{}]", field.key), findings)
            .and_then(|section| tenant(&name, &section, folder, findings));
        tenants.insert(name, (tenant, field.key_span));
    }
    same_directory(&section, &tenants, findings);
    tenants
}

/// One directory under two names would be synchronised with itself.
fn same_directory(section: &Section<'_>, tenants: &Tenants, findings: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(String, Url), &TenantName> = BTreeMap::new();
    for (name, (tenant, span)) in tenants {
        let Some(tenant) = tenant else { continue };
        let key = (tenant.id.to_ascii_lowercase(), tenant.authority.clone());
        if let Some(first) = seen.get(&key) {
            let message = format!("`{name}` and `{first}` are the same directory: {}", tenant.id);
            let id = section.field(name.as_str()).and_then(|f| f.section(String::new(), &mut Vec::new()));
            let place = id.and_then(|s| s.field("id")).map_or(span.clone(), |f| f.span);
            findings.push(Diagnostic::error("same-tenant", message).at(place).hint("each directory is named once"));
        } else {
            seen.insert(key, name);
        }
    }
}

const KEYS: [&str; 13] = [
    "id",
    "cloud",
    "client_id",
    "client_secret",
    "client_certificate",
    "federated_token",
    "managed_identity",
    "redirect_url",
    "authority",
    "graph",
    "limits",
    "protected",
    "stamp",
];

fn tenant(name: &TenantName, section: &Section<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Option<Tenant> {
    section.only(&KEYS, findings);
    let id = section.required("id", findings).and_then(|word| tenant_id(&word, findings));
    let client_id = section.required("client_id", findings).and_then(|word| client_id(&word, findings));
    let credential = credential::read(section, folder, findings);
    let cloud = section.choice("cloud", &Cloud::ALL.map(|cloud| (cloud.name(), cloud)), findings);
    let cloud = cloud.unwrap_or(Cloud::Global);
    let mut root = |key: &str, preset: &str| match section.word(key, findings) {
        Some(word) => url(key, &word, true, findings),
        None => Url::parse(preset).ok(),
    };
    let (authority, graph) = (root("authority", cloud.authority()), root("graph", cloud.graph()));
    let redirect_url = match section.word("redirect_url", findings) {
        // Kept as written: the trailing slash that a parser adds is one more thing to differ in an audit log.
        Some(word) => url("redirect_url", &word, false, findings).map(|_| word.text.to_owned()),
        None => Some(REDIRECT_URL.to_owned()),
    };
    let limits = limits::read(name, section, findings);
    Some(Tenant {
        name: name.clone(),
        id: id?,
        client_id: client_id?,
        credential: credential?,
        redirect_url: redirect_url?,
        authority: authority?,
        graph: graph?,
        limits,
    })
}

fn tenant_id(word: &Word<'_>, findings: &mut Vec<Diagnostic>) -> Option<String> {
    let label = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_domain = word.text.contains('.') && word.text.split('.').all(label);
    if is_guid(word.text) || is_domain {
        return Some(word.text.to_owned());
    }
    let finding = Diagnostic::error("tenant-id", "a tenant's id is a GUID, or one of its domain names");
    findings.push(finding.at(word.span.clone()).hint("Entra admin center, Overview: \"Tenant ID\""));
    None
}

fn client_id(word: &Word<'_>, findings: &mut Vec<Diagnostic>) -> Option<String> {
    if is_guid(word.text) {
        return Some(word.text.to_owned());
    }
    let finding = Diagnostic::error("client-id", "an app's id is a GUID");
    findings.push(finding.at(word.span.clone()).hint("App registrations: \"Application (client) ID\""));
    None
}

/// The place of a secret: `{ env = … }` or `{ file = … }`.
pub(super) fn secret(field: &Field<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Option<SecretSource> {
    let hint =
        "name the place instead: `{ env = \"NAME\" }` or `{ file = \"PATH\" }`; and renew the secret, it was seen";
    if let DeValue::String(_) = field.value {
        let finding = Diagnostic::error("secret-in-file", "a secret is never written in this file");
        findings.push(finding.at(field.span.clone()).hint(hint));
        return None;
    }
    let section = field.section(field.key.to_owned(), findings)?;
    section.only(&["env", "file"], findings);
    match (section.word("env", findings), section.word("file", findings)) {
        (Some(env), None) if is_variable(env.text) => Some(SecretSource::Env(env.text.to_owned())),
        (Some(env), None) => {
            let finding = Diagnostic::error("variable-name", "this is no name of an environment variable");
            findings
                .push(finding.at(env.span).hint("letters, digits and `_`; the secret itself is never written here"));
            None
        }
        (None, Some(file)) if !file.text.is_empty() => Some(SecretSource::File(place(folder, file.text))),
        (Some(_), Some(file)) => {
            let finding = Diagnostic::error("two-credentials", "a secret is in one place: `env` or `file`");
            findings.push(finding.at(file.span).hint("keep one"));
            None
        }
        _ => {
            if section.field("env").is_none() {
                let message = format!("{} names no place", field.key);
                let finding = Diagnostic::error("missing-credential", message);
                findings
                    .push(finding.at(field.span.clone()).hint("write `{ env = \"NAME\" }` or `{ file = \"PATH\" }`"));
            }
            None
        }
    }
}

/// An address that we send to. Tokens and alerts travel there, so it is https, or http that never leaves this machine.
pub(super) fn url(key: &str, word: &Word<'_>, is_root: bool, findings: &mut Vec<Diagnostic>) -> Option<Url> {
    let complaint = match Url::parse(word.text) {
        Err(error) => Some((format!("`{key}` is no URL: {error}"), "write it as https://host")),
        Ok(url) => {
            let loopback = match url.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            };
            if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
                let message = format!("`{key}` must be https; http is for loopback addresses only");
                Some((message, "use https, or http on 127.0.0.1, [::1] or localhost"))
            } else if !url.username().is_empty() || url.password().is_some() {
                Some((format!("`{key}` must not hold a user name or a password"), "remove what stands before `@`"))
            } else if is_root && (url.query().is_some() || url.fragment().is_some() || url.path() != "/") {
                let hint = "the host alone: the client adds /v1.0 and the token path itself";
                Some((format!("`{key}` is a root, without path, query or fragment"), hint))
            } else {
                return Some(url);
            }
        }
    };
    if let Some((message, hint)) = complaint {
        findings.push(Diagnostic::error("url", message).at(word.span.clone()).hint(hint));
    }
    None
}
