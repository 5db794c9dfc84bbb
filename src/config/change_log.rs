//! Who is shown each new end of the change log, with whose signature, and for how long are entries kept?

use std::path::{Path, PathBuf};

use super::load::open_secret;
use super::{SecretSource, approval, tenant};
use crate::rules::Diagnostic;
use crate::rules::table::{Field, Section};

/// `[log]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeLog {
    /// To which file each run adds the log's end.
    pub heads: Option<PathBuf>,
    /// The private key that ends and erasures are signed with. A reference only: no key is held here.
    pub sign_with: Option<SecretSource>,
    /// Public keys whose signature counts, as they are written; that of `sign_with` counts beside them.
    pub signers: Vec<String>,
    /// How many days entries are kept; `None`: for ever.
    pub keep_days: Option<u32>,
}

/// The shortest time that entries are kept: the guard counts a day back, and a deleted account comes back by its entry within
/// the 30 days that a tenant keeps it.
const KEEP_DAYS_MIN: u32 = 31;

/// Reads `[log]`.
pub(super) fn read(
    root: &Section<'_>,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    findings: &mut Vec<Diagnostic>,
) -> ChangeLog {
    let mut log = ChangeLog::default();
    let Some(section) = root.section("log", "[log]", findings) else { return log };
    section.only(&["heads", "sign_with", "signers", "keep"], findings);
    log.heads = heads(&section, folder, findings);
    if let Some(field) = section.field("sign_with") {
        log.sign_with = tenant::secret(&field, folder, findings);
        if let Some(source) = &log.sign_with {
            if let Err(error) = source.read_with(environment) {
                let finding = Diagnostic::warning("missing-secret", format!("no key for `[log]`: {error}"));
                let hint = "verbs that go online will refuse to start without it";
                findings.push(finding.at(field.key_span.clone()).hint(hint));
            }
            findings.extend(open_secret(source).map(|finding| finding.at(field.key_span.clone())));
        }
    }
    if let Some(words) = section.field("signers").and_then(|field| field.words(false, findings)) {
        for word in words {
            match approval::public_key(word.text) {
                Some(_) => log.signers.push(word.text.to_owned()),
                None => {
                    let message = format!("`{}` is no public key", word.text);
                    let hint = "`crosstie approve --new-key FILE` makes a key and prints its public half";
                    findings.push(Diagnostic::error("signer", message).at(word.span).hint(hint));
                }
            }
        }
    }
    log.keep_days = section.field("keep").and_then(|field| keep(&field, findings));
    log
}

fn heads(section: &Section<'_>, folder: &Path, findings: &mut Vec<Diagnostic>) -> Option<PathBuf> {
    let field = section.field("heads")?;
    let path = folder.join(field.word(findings)?.text);
    if path.is_dir() || path == folder {
        let message = format!("the heads go to a file, and {} is a folder", path.display());
        findings.push(Diagnostic::error("heads", message).at(field.span).hint("name a file in it: `heads.jsonl`"));
        return None;
    }
    Some(path)
}

/// `400d`: whole days.
fn keep(field: &Field<'_>, findings: &mut Vec<Diagnostic>) -> Option<u32> {
    let word = field.word(findings)?;
    let days = word.text.strip_suffix('d').and_then(|n| n.parse::<u32>().ok());
    let days = days.filter(|days| (KEEP_DAYS_MIN..=36_500).contains(days));
    if days.is_none() {
        let message = format!("`keep` is a number of days from {KEEP_DAYS_MIN} on, and not `{}`", word.text);
        let hint = "write it as `\"400d\"`, or remove the line to keep every entry";
        findings.push(Diagnostic::error("keep", message).at(word.span).hint(hint));
    }
    days
}
