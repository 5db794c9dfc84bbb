//! What is wrong with what was written, where, and what is the way out?

use std::ops::Range;

/// How bad is it?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing runs until it is put right.
    Error,
    /// It runs; it may not do what was meant.
    Warning,
}

/// One finding in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Stable name, e.g. `unknown-key`; documented in `docs/configuration.md`.
    pub id: &'static str,
    /// What is wrong.
    pub message: String,
    /// Bytes of the file that it is about; `None` where it is about the file as a whole.
    pub span: Option<Range<usize>>,
    /// The way out.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error about the file as a whole, until [`Diagnostic::at`] says where.
    pub fn error(id: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, id, message: message.into(), span: None, hint: None }
    }
    /// A warning about the file as a whole, until [`Diagnostic::at`] says where.
    pub fn warning(id: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(id, message) }
    }
    /// The same, about these bytes.
    #[must_use]
    pub fn at(self, span: Range<usize>) -> Self {
        Self { span: Some(span), ..self }
    }
    /// The same, with a way out.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
    /// Does it stop everything?
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Long words are no slips of the pen; this also bounds the work.
const WORD_CHARACTERS_MAX: usize = 64;

/// The candidate that was probably meant: the same but for case, or a few letters off.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.to_lowercase().chars().collect();
    if letters.is_empty() || letters.len() > WORD_CHARACTERS_MAX {
        return None;
    }
    // A third of the letters wrong is still a slip; more is another word.
    let allowed = (letters.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (distance(&letters, &c.to_lowercase().chars().collect::<Vec<_>>()), c))
        .filter(|(d, _)| *d <= allowed)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// `did you mean …?`, where a candidate is near.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|c| format!("did you mean `{c}`?"))
}

/// Letters to insert, drop, change, or swap with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut older: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut least = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                least = least.min(at(&older, j - 1) + 1);
            }
            next.push(least);
        }
        older = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_the_word_and_another_word_finds_none() {
        let words = ["tenants", "topology", "displayName"];
        assert_eq!(nearest("tenant", words), Some("tenants"));
        assert_eq!(nearest("topolgy", words), Some("topology"));
        assert_eq!(nearest("displayname", words), Some("displayName"));
        assert_eq!(nearest("suoth", ["south", "north"]), Some("south"));
        assert_eq!(nearest("secret", words), None);
        assert_eq!(nearest("", words), None);
    }
}
