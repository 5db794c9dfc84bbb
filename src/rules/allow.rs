//! Which findings did the admin let stand, and does each permission silence one?

use std::ops::Range;

use super::diagnostic::{Diagnostic, did_you_mean};
use super::lints::{self, LINTS};
use super::parse::Reading;
use super::table::Section;

/// One id in an `allow` list.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    id: &'static str,
    span: Range<usize>,
    used: bool,
}

impl<'t> Reading<'t> {
    /// The `allow` list of a table. Ids that do not exist or cannot be allowed are complained of, and left out.
    pub(super) fn allowed(&mut self, section: &Section<'t>) -> Vec<Allowed> {
        let words = section.field("allow").and_then(|f| f.words(false, &mut self.findings)).unwrap_or_default();
        let mut allowed = Vec::new();
        for word in words {
            match lints::find(word.text) {
                Some(lint) if lint.may_be_allowed => {
                    allowed.push(Allowed { id: lint.id, span: word.span, used: false });
                }
                Some(lint) => {
                    let message = format!("`{}` cannot be allowed: {}", lint.id, lint.meaning);
                    let hint = "remove it here, and put right what the finding is about";
                    self.findings.push(Diagnostic::error("cannot-allow", message).at(word.span).hint(hint));
                }
                None => {
                    let ids = || LINTS.iter().filter(|l| l.may_be_allowed).map(|l| l.id);
                    let hint = did_you_mean(word.text, ids()).unwrap_or_else(|| {
                        format!("findings that can be allowed: {}", ids().collect::<Vec<_>>().join(", "))
                    });
                    let message = format!("there is no finding `{}`", word.text);
                    self.findings.push(Diagnostic::error("unknown-lint", message).at(word.span).hint(hint));
                }
            }
        }
        allowed
    }

    /// Takes out the findings from `from` on that are allowed.
    pub(super) fn silence(&mut self, from: usize, allowed: &mut [Allowed]) {
        let late = self.findings.split_off(from.min(self.findings.len()));
        for finding in late {
            match allowed.iter_mut().find(|a| a.id == finding.id) {
                Some(allowed) => allowed.used = true,
                None => self.findings.push(finding),
            }
        }
    }

    /// Remembers what silenced nothing; [`Reading::idle`] tells of it.
    pub(super) fn done_with(&mut self, allowed: Vec<Allowed>) {
        self.idle.extend(allowed.into_iter().filter(|a| !a.used));
    }

    /// Reads a table's own `allow` list, and lets it silence what was found in the table: everything from `from` on.
    pub(super) fn allow_in(&mut self, section: &Section<'t>, from: usize) {
        let found = self.findings.len();
        let mut allowed = self.allowed(section);
        // Complaints about the list itself stand behind what the list is about, and none of them can be allowed.
        self.silence(from.min(found), &mut allowed);
        self.done_with(allowed);
    }

    /// Complains of what silenced nothing. Only where no error stands: a line that could not be read had no chance.
    pub(super) fn idle(&mut self) {
        if self.findings.iter().any(Diagnostic::is_error) {
            return;
        }
        for Allowed { id, span, .. } in std::mem::take(&mut self.idle) {
            let finding = Diagnostic::warning("idle-allow", format!("there is no `{id}` here to allow")).at(span);
            self.findings.push(finding.hint("remove it, so that it does not hide what comes later"));
        }
    }
}

/// Is that id among them?
pub(super) fn allows(allowed: &[Allowed], id: &str) -> bool {
    allowed.iter().any(|a| a.id == id)
}
