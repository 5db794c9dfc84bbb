//! How is a TOML table read so that every mistake in it is found at once, each with its place?

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, did_you_mean};

/// A table of the file, with its place and the name that messages give it.
#[derive(Clone, Debug)]
pub struct Section<'t> {
    table: &'t DeTable<'t>,
    /// Bytes of its header, or of the whole inline table.
    pub span: Range<usize>,
    /// As a person would write it: `[tenants.north]`.
    pub name: String,
}

/// A text of the file, with its place (quotes included).
#[derive(Clone, Debug)]
pub struct Word<'t> {
    /// The text.
    pub text: &'t str,
    /// Its bytes.
    pub span: Range<usize>,
}

/// A value of the file, with the places of key and value.
#[derive(Clone, Debug)]
pub struct Field<'t> {
    /// The key.
    pub key: &'t str,
    /// The key's bytes.
    pub key_span: Range<usize>,
    /// The value.
    pub value: &'t DeValue<'t>,
    /// The value's bytes.
    pub span: Range<usize>,
}

/// Whoever reads twenty has seen that it is no TOML; the parser goes on to find one at every character of such a line.
const SYNTAX_ERRORS_MAX: usize = 20;

/// Parses the text of a file. Syntax errors end the reading, but a key written twice does not hide what else is wrong.
pub fn document<'t>(text: &'t str, findings: &mut Vec<Diagnostic>) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut readable = true;
    for error in errors.into_iter().take(SYNTAX_ERRORS_MAX) {
        let twice = error.message().contains("duplicate key");
        readable &= twice;
        let finding = if twice {
            let key = error.span().and_then(|span| text.get(span)).unwrap_or_default().trim();
            Diagnostic::error("duplicate-key", format!("the key `{key}` is written twice")).hint("keep one of the two")
        } else {
            let hint = "a key is written `key = value`, texts stand in quotes, a table begins with [name]";
            Diagnostic::error("syntax", error.message()).hint(hint)
        };
        findings.push(Diagnostic { span: error.span(), ..finding });
    }
    readable.then_some(table)
}

/// What messages call the type of a value.
pub fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a Boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl<'t> Field<'t> {
    fn new(key: &'t Spanned<toml::de::DeString<'t>>, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { key: key.get_ref(), key_span: key.span(), value: value.get_ref(), span: value.span() }
    }
    /// An error that says which type the value should have.
    pub fn should_be(&self, wanted: &str) -> Diagnostic {
        let message = format!("`{}` must be {wanted}, and is {}", self.key, type_name(self.value));
        let example = match wanted {
            "a text" => "\"…\"",
            "a whole number" => "10",
            "a table" => "{ … }",
            _ => "[\"…\", \"…\"]",
        };
        Diagnostic::error("wrong-type", message).at(self.span.clone()).hint(format!("write `{} = {example}`", self.key))
    }
    /// The value as text.
    pub fn word(&self, findings: &mut Vec<Diagnostic>) -> Option<Word<'t>> {
        match self.value {
            DeValue::String(text) => Some(Word { text, span: self.span.clone() }),
            _ => {
                findings.push(self.should_be("a text"));
                None
            }
        }
    }
    /// The value as a whole number in a range.
    pub fn integer(&self, range: RangeInclusive<i64>, findings: &mut Vec<Diagnostic>) -> Option<i64> {
        let Some(number) = self.value.as_integer() else {
            findings.push(self.should_be("a whole number"));
            return None;
        };
        let number = i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| range.contains(n));
        if number.is_none() {
            let message = format!("`{}` must be from {} to {}", self.key, range.start(), range.end());
            let hint = "correct the number, or remove the line to have the default";
            findings.push(Diagnostic::error("out-of-range", message).at(self.span.clone()).hint(hint));
        }
        number
    }
    /// The value as texts: a list of them, or one alone where `or_one` allows it.
    pub fn words(&self, or_one: bool, findings: &mut Vec<Diagnostic>) -> Option<Vec<Word<'t>>> {
        let wanted = if or_one { "a text or a list of texts" } else { "a list of texts" };
        match self.value {
            DeValue::String(text) if or_one => Some(vec![Word { text, span: self.span.clone() }]),
            DeValue::Array(items) => {
                let mut words = Vec::new();
                let mut sound = true;
                for item in items {
                    match item.get_ref() {
                        DeValue::String(text) => words.push(Word { text, span: item.span() }),
                        other => {
                            let message = format!("`{}` must be {wanted}, and here is {}", self.key, type_name(other));
                            let finding = Diagnostic::error("wrong-type", message).at(item.span());
                            findings.push(finding.hint(format!("write `{} = [\"…\", \"…\"]`", self.key)));
                            sound = false;
                        }
                    }
                }
                sound.then_some(words)
            }
            _ => {
                findings.push(self.should_be(wanted));
                None
            }
        }
    }
    /// The value as a table.
    pub fn section(&self, name: String, findings: &mut Vec<Diagnostic>) -> Option<Section<'t>> {
        match self.value {
            DeValue::Table(table) => Some(Section { table, span: self.span.clone(), name }),
            _ => {
                findings.push(self.should_be("a table"));
                None
            }
        }
    }
}

impl<'t> Section<'t> {
    /// The whole file.
    pub fn root(table: &'t Spanned<DeTable<'t>>, name: &str) -> Self {
        Self { table: table.get_ref(), span: 0..0, name: name.to_owned() }
    }
    /// All fields, in the order of their places.
    pub fn fields(&self) -> Vec<Field<'t>> {
        let mut fields: Vec<Field<'t>> = self.table.iter().map(|(k, v)| Field::new(k, v)).collect();
        fields.sort_by_key(|f| f.key_span.start);
        fields
    }
    /// True where nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
    /// The field of that key.
    pub fn field(&self, key: &str) -> Option<Field<'t>> {
        self.table.get_key_value(key).map(|(k, v)| Field::new(k, v))
    }
    /// Complains of every key that is not one of these.
    pub fn only(&self, known: &[&str], findings: &mut Vec<Diagnostic>) {
        for field in self.fields() {
            if !known.contains(&field.key) {
                let hint = did_you_mean(field.key, known.iter().copied());
                let hint = hint.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
                let message = format!("unknown key `{}` in {}", field.key, self.name);
                findings.push(Diagnostic::error("unknown-key", message).at(field.key_span).hint(hint));
            }
        }
    }
    /// The text of that key, where it is there.
    pub fn word(&self, key: &str, findings: &mut Vec<Diagnostic>) -> Option<Word<'t>> {
        self.field(key)?.word(findings)
    }
    /// The text of that key, which must be there and not empty.
    pub fn required(&self, key: &str, findings: &mut Vec<Diagnostic>) -> Option<Word<'t>> {
        let Some(field) = self.field(key) else {
            findings.push(self.missing(key));
            return None;
        };
        let word = field.word(findings)?;
        if word.text.trim().is_empty() {
            let finding = Diagnostic::error("empty", format!("`{key}` is empty")).at(word.span);
            findings.push(finding.hint(format!("write `{key} = \"…\"`")));
            return None;
        }
        Some(word)
    }
    /// The complaint that a key is not there.
    pub fn missing(&self, key: &str) -> Diagnostic {
        let finding = Diagnostic::error("missing-key", format!("`{key}` is missing in {}", self.name));
        finding.at(self.span.clone()).hint(format!("add `{key} = …`"))
    }
    /// The whole number of that key, where it is there.
    pub fn integer(&self, key: &str, range: RangeInclusive<i64>, findings: &mut Vec<Diagnostic>) -> Option<i64> {
        self.field(key)?.integer(range, findings)
    }
    /// The value that one of these words stands for, where the key is there.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], findings: &mut Vec<Diagnostic>) -> Option<T> {
        let word = self.word(key, findings)?;
        let found = choices.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
        if found.is_none() {
            let names = || choices.iter().map(|(name, _)| *name);
            let all = names().collect::<Vec<_>>().join(" | ");
            let message = format!("`{key}` is {all}, and not `{}`", word.text);
            let finding = Diagnostic::error("unknown-word", message).at(word.span);
            findings.push(match did_you_mean(word.text, names()) {
                Some(hint) => finding.hint(hint),
                None => finding.hint(format!("write one of {all}")),
            });
        }
        found
    }
    /// The table of that key, where it is there.
    pub fn section(&self, key: &str, name: &str, findings: &mut Vec<Diagnostic>) -> Option<Section<'t>> {
        self.field(key)?.section(name.to_owned(), findings)
    }
    /// The tables of that key: `[[key]]`, or a list of inline tables.
    pub fn sections(&self, key: &str, name: &str, findings: &mut Vec<Diagnostic>) -> Vec<Section<'t>> {
        let Some(field) = self.field(key) else { return Vec::new() };
        let DeValue::Array(items) = field.value else {
            let finding = field.should_be("a list of tables");
            findings.push(finding.at(field.key_span).hint(format!("write {name} with two brackets")));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section { table, span: item.span(), name: name.to_owned() }),
                other => {
                    let message = format!("`{key}` must hold tables, and here is {}", type_name(other));
                    let finding = Diagnostic::error("wrong-type", message).at(item.span());
                    findings.push(finding.hint("a table is written { key = value, … }"));
                }
            }
        }
        sections
    }
}

impl Word<'_> {
    /// Where bytes `part` of the text stand in the file, between whatever quotes and behind whatever escapes; the whole text
    /// where that cannot be told.
    pub fn part(&self, file: &str, part: Range<usize>) -> Range<usize> {
        let Some(written) = file.get(self.span.clone()) else { return self.span.clone() };
        let places = places(written).filter(|(text, _)| text == self.text);
        let place = |at: usize| Some(self.span.start + *places.as_ref()?.1.get(at)?);
        place(part.start).zip(place(part.end)).map_or(self.span.clone(), |(start, end)| start..end)
    }
}

/// A TOML text as it is meant, and for each of its bytes (and its end) where it stands in what was written.
fn places(written: &str) -> Option<(String, Vec<usize>)> {
    let quotes =
        ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| written.starts_with(*q) && written.len() >= 2 * q.len())?;
    let end = written.len() - quotes.len();
    let mut at = quotes.len();
    // A line end right behind three quotes is no part of the text.
    if quotes.len() == 3 {
        let rest = written.get(at..)?;
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let (mut text, mut places) = (String::new(), Vec::new());
    while at < end {
        let rest = written.get(at..end)?;
        let c = rest.chars().next()?;
        let (meant, length) =
            if c == '\\' && quotes.starts_with('"') { escape(rest)? } else { (Some(c), c.len_utf8()) };
        if let Some(meant) = meant {
            text.push(meant);
            places.resize(text.len(), at);
        }
        at += length;
    }
    places.push(end);
    Some((text, places))
}

/// What an escape stands for, and how long it is; one before a line end stands for nothing, and takes the blanks behind it.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let letter = rest.chars().nth(1)?;
    let code = |digits: usize| {
        let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 2 + digits))
    };
    match letter {
        'b' => Some((Some('\u{8}'), 2)),
        't' => Some((Some('\t'), 2)),
        'n' => Some((Some('\n'), 2)),
        'f' => Some((Some('\u{c}'), 2)),
        'r' => Some((Some('\r'), 2)),
        'e' => Some((Some('\u{1b}'), 2)),
        '"' | '\\' => Some((Some(letter), 2)),
        'x' => code(2),
        'u' => code(4),
        'U' => code(8),
        c if c.is_whitespace() => Some((None, 1 + rest.get(1..)?.len() - rest.get(1..)?.trim_start().len())),
        _ => None,
    }
}
