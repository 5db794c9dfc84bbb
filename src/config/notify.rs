//! Whom do we tell of what happens, and with which secret is it signed?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use url::Url;

use super::load::open_secret;
use super::secret::environment;
use super::{Config, SecretError, SecretSource, tenant};
use crate::rules::Diagnostic;
use crate::rules::diagnostic::did_you_mean;
use crate::rules::table::{Field, Section};

/// What can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// A run ended early, or something of it failed.
    RunFailed,
    /// The guard refused a route's plan.
    RouteRefused,
    /// A route is left alone, because the same error met one person after the other.
    RouteQuarantined,
    /// It is worked on again.
    RouteRecovered,
    /// A tenant is left alone, because nothing but faults came from it.
    TenantUnreachable,
    /// It is asked again.
    TenantRecovered,
    /// Somebody is held who was not held before.
    UsersHeld,
    /// The change log has a new end.
    LogHead,
}

impl AlertKind {
    /// All of them, with their names in the configuration.
    pub const NAMED: [(&str, AlertKind); 8] = [
        ("run-failed", AlertKind::RunFailed),
        ("route-refused", AlertKind::RouteRefused),
        ("route-quarantined", AlertKind::RouteQuarantined),
        ("route-recovered", AlertKind::RouteRecovered),
        ("tenant-unreachable", AlertKind::TenantUnreachable),
        ("tenant-recovered", AlertKind::TenantRecovered),
        ("users-held", AlertKind::UsersHeld),
        ("log-head", AlertKind::LogHead),
    ];
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::NAMED.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// `[notify]`.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Which installation speaks: the `source` of every event.
    pub source: String,
    /// By name.
    pub webhooks: BTreeMap<String, Webhook>,
}

/// One receiver.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The key.
    pub name: String,
    /// Where alerts are posted. Its path may be as good as a password: only [`Webhook::origin`] is shown.
    pub url: Url,
    /// What they are signed with. A reference only: no secret is held here.
    pub secret: SecretSource,
    /// What it wants to hear of.
    pub events: BTreeSet<AlertKind>,
}

/// Where nothing else is configured. A URI reference, as CloudEvents wants it.
const SOURCE: &str = "/crosstie";
/// The longest `source`: it stands in every event.
const SOURCE_CHARACTERS_MAX: usize = 200;
/// What Standard Webhooks asks of a symmetric secret at the least.
const KEY_BYTES_MIN: usize = 24;
/// Before the base64 of a secret, by the same convention.
const ENCODED: &str = "whsec_";
/// The way out where a name is unknown or too long.
const NAME_HINT: &str = "for example [notify.webhooks.operations]";

impl Default for Notify {
    fn default() -> Self {
        Self { source: SOURCE.to_owned(), webhooks: BTreeMap::new() }
    }
}

impl Webhook {
    /// Scheme, host and port: all that is ever shown of the address.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The key that its alerts are signed with: the bytes that a secret `whsec_…` encodes, those of any other as they are.
    ///
    /// # Errors
    /// The secret is not to be had, or is no base64 behind `whsec_`.
    pub fn key(&self) -> Result<SecretSlice<u8>, SecretError> {
        self.key_with(&environment)
    }

    fn key_with(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<SecretSlice<u8>, SecretError> {
        let secret: SecretString = self.secret.read_with(environment)?;
        let Some(encoded) = secret.expose_secret().strip_prefix(ENCODED) else {
            return Ok(SecretSlice::from(secret.expose_secret().as_bytes().to_vec()));
        };
        // Whoever copies a secret may lose the `=` at its end; the bytes are the same.
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        match GeneralPurpose::new(&STANDARD, lenient).decode(encoded) {
            Ok(bytes) if !bytes.is_empty() => Ok(SecretSlice::from(bytes)),
            _ => Err(SecretError::NotBase64(self.secret.place())),
        }
    }

    /// What is worth saying about its secret.
    pub(super) fn warnings(&self, environment: &dyn Fn(&str) -> Option<String>) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        match self.key_with(environment) {
            Err(error) => {
                let message = format!("no secret for webhook `{}`: {error}", self.name);
                let finding = Diagnostic::warning("missing-secret", message);
                findings.push(finding.hint("verbs that go online will refuse to start without it"));
            }
            Ok(key) if key.expose_secret().len() < KEY_BYTES_MIN => {
                let message = format!("the secret of webhook `{}` has less than {KEY_BYTES_MIN} bytes", self.name);
                let hint = "whoever sees one alert can try short secrets until one fits: make a long random one";
                findings.push(Diagnostic::warning("weak-secret", message).hint(hint));
            }
            Ok(_) => {}
        }
        findings.extend(open_secret(&self.secret));
        findings
    }
}

impl Config {
    /// Webhooks whose secret is not to be had right now, as [`Config::missing_secrets`] tells of tenants.
    pub fn missing_webhook_secrets(&self) -> Vec<(String, SecretError)> {
        let hooks = self.notify.webhooks.values();
        hooks.filter_map(|hook| hook.key().err().map(|error| (hook.name.clone(), error))).collect()
    }
}

/// Reads `[notify]`.
pub(super) fn read(
    root: &Section<'_>,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    findings: &mut Vec<Diagnostic>,
) -> Notify {
    let mut notify = Notify::default();
    let Some(section) = root.section("notify", "[notify]", findings) else { return notify };
    section.only(&["source", "webhooks"], findings);
    notify.source = source(&section, findings).unwrap_or(notify.source);
    let Some(webhooks) = section.section("webhooks", "[notify.webhooks]", findings) else { return notify };
    for field in webhooks.fields() {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if field.key.is_empty() || field.key.len() > 64 || !field.key.chars().all(legal) {
            let message = "a webhook's name is 1 to 64 letters, digits, `-`, `_` or `.`";
            let finding = Diagnostic::error("webhook-name", message).at(field.key_span.clone());
            findings.push(finding.hint(NAME_HINT));
        }
        let Some(webhook) = webhook(&field, folder, findings) else { continue };
        findings.extend(webhook.warnings(environment).into_iter().map(|f| f.at(field.key_span.clone())));
        notify.webhooks.insert(field.key.to_owned(), webhook);
    }
    notify
}

/// CloudEvents: a URI reference that is not empty.
fn source(section: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Option<String> {
    section.field("source")?;
    let word = section.required("source", findings)?;
    let visible = word.text.bytes().all(|b| b.is_ascii_graphic()) && word.text.len() <= SOURCE_CHARACTERS_MAX;
    let base = Url::parse("https://crosstie.example").ok()?;
    if visible && base.join(word.text).is_ok() {
        return Some(word.text.to_owned());
    }
    let message = format!("`source` is a URI or a path, without blanks, of at most {SOURCE_CHARACTERS_MAX} characters");
    let finding = Diagnostic::error("url", message).at(word.span);
    findings.push(finding.hint("write a name for this installation, such as \"/crosstie/main\""));
    None
}

fn webhook(field: &Field<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Option<Webhook> {
    let section = field.section(format!("[notify.webhooks.{}]", field.key), findings)?;
    section.only(&["url", "secret", "events"], findings);
    let url = section.required("url", findings).and_then(|word| tenant::url("url", &word, false, findings));
    let secret = match section.field("secret") {
        Some(field) => tenant::secret(&field, folder, findings),
        None => {
            let hint = "alerts are signed: add `secret = { env = \"NAME\" }` or `secret = { file = \"PATH\" }`";
            findings.push(section.missing("secret").hint(hint));
            None
        }
    };
    let events = events(&section, findings);
    Some(Webhook { name: field.key.to_owned(), url: url?, secret: secret?, events: events? })
}

fn events(section: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Option<BTreeSet<AlertKind>> {
    let names = || AlertKind::NAMED.into_iter().map(|(name, _)| name);
    let all = || names().collect::<Vec<_>>().join(", ");
    let Some(field) = section.field("events") else { return Some(AlertKind::NAMED.map(|(_, kind)| kind).into()) };
    let words = field.words(false, findings)?;
    if words.is_empty() {
        let finding = Diagnostic::error("empty", "`events` is empty: nothing would ever be sent").at(field.span);
        findings.push(finding.hint(format!("remove it to hear of everything, or name some of {}", all())));
        return None;
    }
    let (mut kinds, mut sound) = (BTreeSet::new(), true);
    for word in words {
        if let Some((_, kind)) = AlertKind::NAMED.into_iter().find(|(name, _)| *name == word.text) {
            kinds.insert(kind);
            continue;
        }
        let hint = did_you_mean(word.text, names()).unwrap_or_else(|| format!("the events are {}", all()));
        let message = format!("there is no event `{}`", word.text);
        findings.push(Diagnostic::error("unknown-word", message).at(word.span).hint(hint));
        sound = false;
    }
    sound.then_some(kinds)
}
