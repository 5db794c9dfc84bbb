//! Who has to sign before much is changed?

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::rules::Diagnostic;
use crate::rules::table::{Section, Word};

/// `[approval]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// A run that writes more changes than this needs signatures.
    pub required_above: u64,
    /// How many different approvers have to sign.
    pub needed: usize,
    /// Who may: public keys as they are written, `ed25519:` and base64.
    pub approvers: Vec<String>,
}

/// What a public key begins with.
pub const KEY_PREFIX: &str = "ed25519:";
/// Bytes of an Ed25519 public key (RFC 8032).
const KEY_BYTES: usize = 32;

/// The bytes of a public key as it is written; `None`: it is none.
pub fn public_key(text: &str) -> Option<[u8; KEY_BYTES]> {
    STANDARD.decode(text.strip_prefix(KEY_PREFIX)?).ok()?.try_into().ok()
}

/// Reads `[approval]`.
pub(super) fn read(root: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Option<Approval> {
    let section = root.section("approval", "[approval]", findings)?;
    section.only(&["required_above", "approvers", "needed"], findings);
    for key in ["required_above", "approvers"] {
        if section.field(key).is_none() {
            findings.push(section.missing(key));
        }
    }
    let count = |n: i64| u64::try_from(n).ok();
    let required_above = section.integer("required_above", 0..=i64::MAX, findings).and_then(count)?;
    let field = section.field("approvers")?;
    let words = field.words(false, findings)?;
    let mut approvers: Vec<String> = Vec::new();
    for word in &words {
        match fault(word, &approvers) {
            Some(message) => findings.push(
                Diagnostic::error("approver", message)
                    .at(word.span.clone())
                    .hint("`crosstie approve --new-key FILE` makes a key and prints its public half"),
            ),
            None => approvers.push(word.text.to_owned()),
        }
    }
    let most = i64::try_from(words.len()).unwrap_or(i64::MAX);
    if most == 0 {
        let message = "nobody may approve";
        findings.push(Diagnostic::error("approver", message).at(field.span).hint("name at least one public key"));
        return None;
    }
    let needed = match section.field("needed") {
        None => 1,
        Some(_) => usize::try_from(section.integer("needed", 1..=most, findings)?).ok()?,
    };
    Some(Approval { required_above, needed, approvers })
}

fn fault(word: &Word<'_>, known: &[String]) -> Option<String> {
    let Some(key) = public_key(word.text) else { return Some(format!("`{}` is no public key", word.text)) };
    let twice = known.iter().any(|other| public_key(other) == Some(key));
    twice.then(|| "this key stands here twice".to_owned())
}
