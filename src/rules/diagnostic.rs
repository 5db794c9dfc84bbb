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
