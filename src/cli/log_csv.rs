//! How is the change log written as rows that a spreadsheet shows and does not run?

use std::io::Write;

use crate::model::{Attribute, Value};
use crate::store::{EditEntry, LogEntry};

const COLUMNS: [&str; 17] = [
    "seq",
    "at",
    "run",
    "trigger",
    "route",
    "rules",
    "action",
    "home_id",
    "home_user",
    "account_id",
    "attribute",
    "before",
    "after",
    "why",
    "outcome",
    "error",
    "request_id",
];

/// The rows of `log --format csv`, one for each attribute that was written.
pub struct CsvRows<W: Write>(csv::Writer<W>);

impl<W: Write> CsvRows<W> {
    /// Begins with the names of the columns.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(to: W) -> Result<Self, csv::Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to);
        writer.write_record(COLUMNS)?;
        Ok(Self(writer))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The writer's.
    pub fn add(&mut self, entry: &LogEntry) -> Result<(), csv::Error> {
        rows(entry).into_iter().try_for_each(|row| self.0.write_record(row.iter().map(|cell| harmless(cell))))
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// The writer's.
    pub fn end(mut self) -> Result<(), csv::Error> {
        Ok(self.0.flush()?)
    }
}

/// One row for each attribute; one with no attribute for a write that has none.
fn rows(entry: &LogEntry) -> Vec<[String; 17]> {
    let plain = |v: Option<&Value>| v.map(ToString::to_string).unwrap_or_default();
    let row = |attribute: &str, before: String, after: String| {
        [
            entry.seq.to_string(),
            entry.at.clone(),
            entry.run.to_string(),
            format!("{:?}", entry.trigger).to_lowercase(),
            entry.route.clone(),
            entry.rules.clone(),
            entry.action.to_string(),
            entry.home.id.to_string(),
            entry.home.user_principal_name.clone().unwrap_or_default(),
            entry.account.as_ref().map(|a| a.id.to_string()).unwrap_or_default(),
            attribute.to_owned(),
            before,
            after,
            entry.why.clone(),
            entry.outcome.clone(),
            entry.error.as_ref().map(|e| format!("{}: {}", e.code, e.message)).unwrap_or_default(),
            entry.request_id.clone(),
        ]
    };
    if entry.edits.is_empty() {
        return vec![row("", String::new(), String::new())];
    }
    let edit = |(a, e): (&Attribute, &EditEntry)| row(a.as_str(), plain(e.before.as_ref()), plain(e.after.as_ref()));
    entry.edits.iter().map(edit).collect()
}

/// A cell that begins like a formula gets a quote before it, so that no spreadsheet runs it (OWASP ASVS 1.2.10). So does
/// one that has quotes before such a beginning already: whoever takes one away again has what was written.
fn harmless(cell: &str) -> String {
    let unquoted = cell.trim_start_matches('\'');
    if unquoted.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
