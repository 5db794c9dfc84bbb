//! Is what was configured sound? Every file is read, and every mistake in all of them found, before anything runs.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::report::Report;
use super::secret::{environment, is_open_to_others};
use super::{
    Config, Credential, Schedule, SecretSource, Tenant, approval, change_log, limits, listen, notify, ownership,
    schedule, tenant, topology,
};
#[cfg(unix)]
use crate::model::FileMode;
use crate::rules::diagnostic::did_you_mean;
use crate::rules::table::{Section, Word, document};
use crate::rules::{Diagnostic, RuleSet};

/// The largest file that is read. Hundreds of tenants need less; what is larger is another file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where rule sets stand, beside the configuration.
pub(super) const RULES_DIR: &str = "sync-rules";

/// What was configured, with what is worth saying about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration, checked.
    pub config: Config,
    /// Warnings only.
    pub warnings: Report,
}

/// Reads the configuration and all rule sets that it names. Secrets are looked for in the process's environment; one that
/// is missing is a warning here, and an error to every verb that goes online.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    load_with(path, &environment)
}

/// The same, with another environment.
pub fn load_with(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err((message, hint)) => {
            let finding = Diagnostic { hint, ..Diagnostic::error("unreadable", message) };
            return Err(Report::of(path, "", vec![finding]));
        }
    };
    let mut findings = Vec::new();
    let Some(table) = document(&text, &mut findings) else { return Err(Report::of(path, &text, findings)) };
    let root = Section::root(&table, "crosstie.toml");
    root.only(
        &[
            "store",
            "schedule",
            "tenants",
            "topology",
            "route",
            "rules_dir",
            "limits",
            "listen",
            "notify",
            "approval",
            "log",
        ],
        &mut findings,
    );
    let folder = path.parent().unwrap_or(Path::new(""));
    let rules_dir = root.word("rules_dir", &mut findings).map_or(RULES_DIR, |word| word.text);
    let mut sets = RuleSets { folder: folder.join(rules_dir), known: BTreeMap::new(), report: Report::default() };

    let store = store(&root, folder, &mut findings);
    let (schedule, jitter_seconds) = match root.section("schedule", "[schedule]", &mut findings) {
        Some(section) => schedule::read(&section, &mut findings),
        None => (Schedule::default(), 0),
    };
    let app = limits::read_app(&root, &mut findings);
    let tenants = tenant::read(&root, folder, &mut findings);
    let mut routes = topology::read(&root, &tenants, &schedule, &mut sets, &mut findings);
    ownership::read(&root, &tenants, &mut routes, &mut findings);
    for (tenant, span) in tenants.values() {
        let found = tenant.iter().flat_map(|t| credential_warnings(t, environment));
        findings.extend(found.map(|finding| finding.at(span.clone())));
    }
    let notify = notify::read(&root, folder, environment, &mut findings);
    let listen = listen::read(&root, folder, environment, &mut findings);
    let approval = approval::read(&root, &mut findings);
    let log = change_log::read(&root, folder, environment, &mut findings);
    let report = Report::of(path, &text, findings).then(sets.report);
    if report.is_error() {
        return Err(report);
    }
    let tenants = tenants.into_iter().filter_map(|(name, (tenant, _))| Some((name, tenant?))).collect();
    let config = Config {
        path: path.to_owned(),
        digest: digest(&text),
        store,
        schedule,
        jitter_seconds,
        app,
        tenants,
        routes,
        listen,
        notify,
        approval,
        log,
    };
    Ok(Loaded { config, warnings: report })
}

/// `sha256:…` over the text of a file, as `sha256sum` finds it.
pub fn digest(text: &str) -> String {
    let hex: String = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Where the rule sets of a configuration stand, or will stand: it need not be there yet.
pub fn rules_dir(path: &Path) -> Result<PathBuf, Report> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if !path.exists() {
        return Ok(folder.join(RULES_DIR));
    }
    let mut findings = Vec::new();
    let text = read_text(path).map_err(|(message, hint)| {
        Report::of(path, "", vec![Diagnostic { hint, ..Diagnostic::error("unreadable", message) }])
    })?;
    let Some(table) = document(&text, &mut findings) else { return Err(Report::of(path, &text, findings)) };
    let dir =
        Section::root(&table, "crosstie.toml").word("rules_dir", &mut findings).map(|word| folder.join(word.text));
    if findings.is_empty() { Ok(dir.unwrap_or(folder.join(RULES_DIR))) } else { Err(Report::of(path, &text, findings)) }
}

fn store(root: &Section<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> PathBuf {
    let usual = folder.join("crosstie.db");
    let Some(section) = root.section("store", "[store]", findings) else { return usual };
    section.only(&["path"], findings);
    let Some(field) = section.field("path") else { return usual };
    let Some(word) = section.required("path", findings) else { return usual };
    let path = folder.join(word.text);
    if path.is_dir() {
        let message = format!("the store is a file, and {} is a folder", path.display());
        findings.push(Diagnostic::error("store", message).at(field.span).hint("name a file in it: `crosstie.db`"));
    }
    path
}

fn credential_warnings(tenant: &Tenant, environment: &dyn Fn(&str) -> Option<String>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if let Err(error) = tenant.credential.try_out(environment) {
        let finding = Diagnostic::warning("missing-secret", format!("no credential for `{}`: {error}", tenant.name));
        findings.push(finding.hint("verbs that go online will refuse to start without it"));
    }
    match &tenant.credential {
        Credential::Secret(source) => findings.extend(open_secret(source)),
        Credential::Certificate(source) => {
            findings.extend(open_secret(&SecretSource::File(source.pem.clone())));
            findings.extend(source.password.as_ref().and_then(open_secret));
        }
        Credential::FederatedToken(_) | Credential::ManagedIdentity { .. } => {}
    }
    findings
}

/// The warning that a secret lies in a file that others may read.
pub(super) fn open_secret(source: &SecretSource) -> Option<Diagnostic> {
    let SecretSource::File(path) = source else { return None };
    let message = format!("others on this system may read the secret in {}", path.display());
    let finding = Diagnostic::warning("open-secret", message).hint("chmod 600 it, and renew the secret");
    is_open_to_others(path).then_some(finding)
}

/// Whoever can change what is configured, or the rules, owns every target. A group may work on them together; always false
/// where the system has no such permissions.
#[cfg(unix)]
fn may_be_changed_by_anybody(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    FileMode(metadata.permissions().mode()).anybody_may_write()
}
#[cfg(not(unix))]
fn may_be_changed_by_anybody(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// The text of a file, or what is wrong with it and the way out.
pub(super) fn read_text(path: &Path) -> Result<String, (String, Option<String>)> {
    let shown = path.display();
    let no = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            (format!("there is no file {shown}"), Some("`crosstie init` writes a first configuration".to_owned()))
        }
        _ => (format!("cannot read {shown}: {error}"), None),
    };
    if std::fs::metadata(path).map_err(no)?.is_dir() {
        return Err((format!("{shown} is a folder"), Some(format!("name the file in it: {shown}/crosstie.toml"))));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(no)?;
    if may_be_changed_by_anybody(&file.metadata().map_err(no)?) {
        let way_out = "look at it again, then chmod o-w it";
        return Err((format!("anybody on this system may change {shown}"), Some(way_out.to_owned())));
    }
    // One byte more than allowed, to see that there is more; the file may also grow while it is read.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(no)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err((format!("{shown} is larger than 1 MiB"), Some("is it the right file?".to_owned())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        (format!("{shown} is not UTF-8 from line {line} on"), Some("save it as UTF-8".to_owned()))
    })
}

/// The rule sets that were asked for, each read once.
pub(super) struct RuleSets {
    folder: PathBuf,
    known: BTreeMap<String, Option<Arc<RuleSet>>>,
    report: Report,
}

impl RuleSets {
    /// The rule set of that name. What is wrong inside its file goes to that file's findings.
    pub(super) fn get(&mut self, word: &Word<'_>, findings: &mut Vec<Diagnostic>) -> Option<Arc<RuleSet>> {
        if let Some(message) = name_fault(word.text) {
            let hint = "the file's name without `.toml`: letters, digits, `-`, `_` and `.`";
            findings.push(Diagnostic::error("rules-name", message).at(word.span.clone()).hint(hint));
            return None;
        }
        if let Some(known) = self.known.get(word.text) {
            return known.clone();
        }
        let path = self.folder.join(format!("{}.toml", word.text));
        let found = match read_text(&path) {
            Ok(text) => {
                let (rules, list) = match RuleSet::parse(word.text, &text) {
                    Ok((rules, warnings)) => (Some(Arc::new(rules)), warnings),
                    Err(findings) => (None, findings),
                };
                self.report.add(path, &text, list);
                rules
            }
            Err((message, hint)) => {
                let hint = did_you_mean(word.text, self.there().iter().map(String::as_str)).or(hint);
                let hint = if path.exists() { hint } else { self.absent(hint) };
                let finding = Diagnostic::error("rules-file", message).at(word.span.clone());
                findings.push(Diagnostic { hint, ..finding });
                None
            }
        };
        self.known.insert(word.text.to_owned(), found.clone());
        found
    }

    /// Names of the rule sets that there are.
    fn there(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            Some(entry.ok()?.file_name().to_str()?.strip_suffix(".toml")?.to_owned())
        };
        let mut names: Vec<String> = entries.filter_map(name).filter(|n| name_fault(n).is_none()).collect();
        names.sort();
        names
    }

    fn absent(&self, near: Option<String>) -> Option<String> {
        let there = self.there();
        match near {
            Some(near) if near.starts_with("did you mean") => Some(near),
            _ if there.is_empty() => Some(format!("rule sets stand in {}", self.folder.display())),
            _ => Some(format!("in {} there are {}", self.folder.display(), there.join(", "))),
        }
    }
}

/// What is wrong with the name of a rule set. Names lead to files: nothing in them may lead elsewhere.
pub fn name_fault(name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(legal) {
        return Some("this is no name of a rule set".to_owned());
    }
    if name.ends_with(".toml") || name.ends_with(".test") {
        return Some(format!("`{name}` is no name of a rule set"));
    }
    None
}
