//! The change log as it is exported: does it read back as what it says, with nothing in it that a spreadsheet would run?

use std::collections::BTreeMap;

use crosstie::cli::CsvRows;
use crosstie::model::{ActionKind, Attribute, ObjectId, Trigger, Value, WriteError};
use crosstie::store::{EditEntry, LogEntry, Party};

pub const WORDS: &[&str] = &[
    "\u{1e}",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1",
    "-1+1",
    "'",
    "'=1",
    "''=1",
    "\t=1",
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\"",
    "\"\"",
    ",",
    ";",
    "<script>",
    "\u{1b}[2J",
    "\u{202e}",
    "🎭",
    "\u{feff}",
    "null",
];

/// Texts between record separators are the fields of one entry, in the order of the columns, values last.
pub fn csv(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut texts = text.split('\u{1e}').map(str::to_owned);
    let mut next = || texts.next().unwrap_or_default();
    let error = WriteError { code: next(), message: next() };
    let mut entry = LogEntry {
        seq: 1,
        at: "2026-11-22T04:35:12.000Z".to_owned(),
        run: 1,
        trigger: Trigger::Manual,
        route: next(),
        rules: next(),
        action: ActionKind::Update,
        home: Party { tenant: "north".to_owned(), id: ObjectId::new(next()), user_principal_name: Some(next()) },
        account: Some(Party { tenant: "south".to_owned(), id: ObjectId::new(next()), user_principal_name: None }),
        edits: BTreeMap::new(),
        why: next(),
        outcome: "failed".to_owned(),
        error: Some(error),
        request_id: next(),
        facts: None,
        previous: String::new(),
        hash: String::new(),
    };
    while let Some(name) = texts.next() {
        let value = |text: Option<String>| text.filter(|t| t != "null").map(|t| Value::from(t.as_str()));
        let edit = EditEntry { before: value(texts.next()), after: value(texts.next()) };
        entry.edits.insert(Attribute::from(name.as_str()), edit);
    }
    one_line_of_json(&entry);
    let mut bytes = Vec::new();
    let mut rows = CsvRows::new(&mut bytes).unwrap();
    rows.add(&entry).unwrap();
    rows.end().unwrap();
    reads_back(&entry, &bytes);
    true
}

fn one_line_of_json(entry: &LogEntry) {
    let line = serde_json::to_string(entry).unwrap();
    assert!(!line.contains(['\n', '\r']), "{line:?}");
    assert_eq!(&serde_json::from_str::<LogEntry>(&line).unwrap(), entry);
}

/// What a spreadsheet runs when a cell begins with it.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0'];

/// What a cell stands for: a quote before what would be a formula without it was put there.
fn meant(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA) => rest,
        _ => cell,
    }
}

fn reads_back(entry: &LogEntry, bytes: &[u8]) {
    let mut reader = ::csv::ReaderBuilder::new().from_reader(bytes);
    let head = reader.headers().unwrap().clone();
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), entry.edits.len().max(1));
    let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut edits = entry.edits.iter();
    for row in &rows {
        assert_eq!(row.iter().find(|cell| cell.starts_with(FORMULA)), None, "an active cell in {row:?}");
        let edit = edits.next();
        let error = entry.error.as_ref().map(|e| format!("{}: {}", e.code, e.message)).unwrap_or_default();
        let columns = [
            ("route", entry.route.clone()),
            ("rules", entry.rules.clone()),
            ("home_id", entry.home.id.to_string()),
            ("home_user", entry.home.user_principal_name.clone().unwrap_or_default()),
            ("account_id", entry.account.as_ref().map(|a| a.id.to_string()).unwrap_or_default()),
            ("attribute", edit.map(|(a, _)| a.to_string()).unwrap_or_default()),
            ("before", edit.map(|(_, e)| text(&e.before)).unwrap_or_default()),
            ("after", edit.map(|(_, e)| text(&e.after)).unwrap_or_default()),
            ("why", entry.why.clone()),
            ("error", error),
            ("request_id", entry.request_id.clone()),
        ];
        for (name, written) in columns {
            let at = head.iter().position(|h| h == name).unwrap();
            assert_eq!(meant(&row[at]), written, "{name}");
        }
    }
}
