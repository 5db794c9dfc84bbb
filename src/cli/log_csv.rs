//! How is the change log written as rows that a spreadsheet shows and does not run?

use std::io::Write;

use crate::model::{Attribute, Value};
use crate::store::{EditEntry, Erased, Item, LogEntry, Tombstone};

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

    /// Adds a line of the log, whatever it is: a write whose text is gone says what is left of it, and a tombstone who took
    /// something out, and why.
    ///
    /// # Errors
    /// The writer's.
    pub fn add_item(&mut self, item: &Item) -> Result<(), csv::Error> {
        let row = match item {
            Item::Write(entry) => return self.add(entry),
            Item::Erased(erased) => bare(erased),
            Item::Tombstone(tombstone) => taken_out(tombstone),
        };
        self.0.write_record(row.iter().map(|cell| harmless(cell)))
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// The writer's.
    pub fn end(mut self) -> Result<(), csv::Error> {
        Ok(self.0.flush()?)
    }
}

/// The cells of a row by the names of their columns; the others are empty.
fn row_of<const N: usize>(cells: [(&str, String); N]) -> [String; 17] {
    COLUMNS
        .map(|column| cells.iter().find(|(name, _)| *name == column).map(|(_, cell)| cell.clone()).unwrap_or_default())
}

fn bare(erased: &Erased) -> [String; 17] {
    let Erased { seq, at, run, route, action, outcome, .. } = erased;
    row_of([
        ("seq", seq.to_string()),
        ("at", at.clone()),
        ("run", run.to_string()),
        ("route", route.clone()),
        ("action", action.to_string()),
        ("why", "(erased)".to_owned()),
        ("outcome", outcome.clone()),
    ])
}

fn taken_out(tombstone: &Tombstone) -> [String; 17] {
    row_of([
        ("seq", tombstone.seq.to_string()),
        ("at", tombstone.at.clone()),
        ("action", tombstone.event.as_str().to_owned()),
        ("why", tombstone.says()),
    ])
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
