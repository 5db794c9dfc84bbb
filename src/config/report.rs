//! How are findings shown to a person: which file, which line, which column, and what is the way out?

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::rules::Diagnostic;

/// Findings of one file that are kept: nobody corrects a thousand at once, and each is looked up in the file.
const FINDINGS_MAX: usize = 1_000;
/// Findings that are shown to a person at once.
const SHOWN_MAX: usize = 100;
/// Bytes of a line that is shown with a finding in it. Longer ones do not help to find it, and take their time.
const LINE_BYTES_MAX: usize = 2_000;

/// Findings over several files.
#[derive(Clone, Debug, Default)]
pub struct Report {
    files: Vec<File>,
    findings: Vec<(usize, Diagnostic)>,
}

#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    /// With secrets masked: this text is shown to people and ends up in logs.
    text: String,
}

/// A finding with its place, counted from 1.
#[derive(Clone, Debug)]
pub struct Located<'r> {
    /// The file, as it was opened.
    pub file: &'r Path,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// The finding.
    pub finding: &'r Diagnostic,
}

impl Report {
    /// A report on one text, for example an expression from the command line.
    pub fn of(path: impl Into<PathBuf>, text: &str, findings: Vec<Diagnostic>) -> Self {
        let mut report = Self::default();
        report.add(path.into(), text, findings);
        report
    }
    pub(super) fn add(&mut self, path: PathBuf, text: &str, mut findings: Vec<Diagnostic>) {
        if findings.len() > FINDINGS_MAX {
            // An error is never given up for a warning.
            findings.sort_by_key(|finding| finding.severity);
            findings.truncate(FINDINGS_MAX);
        }
        self.files.push(File { path, text: masked(text) });
        let file = self.files.len() - 1;
        self.findings.extend(findings.into_iter().map(|f| (file, f)));
    }
    /// Puts this report's files before the other's.
    #[must_use]
    pub(super) fn then(mut self, other: Report) -> Self {
        let offset = self.files.len();
        self.files.extend(other.files);
        self.findings.extend(other.findings.into_iter().map(|(file, f)| (file + offset, f)));
        self
    }
    /// True where something must be put right before anything runs.
    pub fn is_error(&self) -> bool {
        self.findings.iter().any(|(_, f)| f.is_error())
    }
    /// True where there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }
    /// How many errors, and how many warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.findings.iter().filter(|(_, f)| f.is_error()).count();
        (errors, self.findings.len() - errors)
    }
    /// All findings with their places, file by file in the order of lines.
    pub fn findings(&self) -> Vec<Located<'_>> {
        let mut located: Vec<(usize, Located<'_>)> = self
            .findings
            .iter()
            .filter_map(|(i, finding)| {
                let file = self.files.get(*i)?;
                let (line, column) = place(&file.text, finding.span.as_ref().map_or(0, |s| s.start));
                Some((*i, Located { file: &file.path, line, column, finding }))
            })
            .collect();
        located.sort_by_key(|(i, l)| (*i, l.line, l.column));
        located.into_iter().map(|(_, l)| l).collect()
    }

    /// As text for a terminal or a log: each finding with `file:line:column`, the line underlined, and its `hint:`.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        let findings = self.findings();
        for located in findings.iter().take(SHOWN_MAX) {
            let file = self.files.iter().find(|f| f.path == located.file);
            let source = file.map_or("", |f| f.text.as_str());
            let group = group(located, source);
            // Writing to a String does not fail.
            let _ = write!(text, "{}\n\n", renderer.render(&[group]));
        }
        if let Some(more) = findings.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            let _ = write!(text, "… and {more} more\n\n");
        }
        text
    }
}

fn group<'a>(located: &Located<'a>, source: &'a str) -> Group<'a> {
    let finding = located.finding;
    let level = if finding.is_error() { Level::ERROR } else { Level::WARNING };
    let title = level.primary_title(finding.message.as_str()).id(finding.id);
    let path = located.file.to_string_lossy().into_owned();
    let group = match &finding.span {
        Some(span) if !source.is_empty() && line_bytes(source, span.start) <= LINE_BYTES_MAX => {
            let annotation = AnnotationKind::Primary.span(first_line(source, span));
            title.element(Snippet::source(source).path(path).annotation(annotation))
        }
        _ => title.element(Origin::path(path).line(located.line).char_column(located.column)),
    };
    match &finding.hint {
        Some(hint) => group.element(Level::HELP.with_name(Some("hint")).message(hint.as_str())),
        None => group,
    }
}

/// How long is the line in which this place lies?
fn line_bytes(source: &str, at: usize) -> usize {
    let (before, after) = source.as_bytes().split_at(at.min(source.len()));
    let end = |byte: &u8| *byte == b'\n';
    let before = before.iter().rev().position(end).unwrap_or(before.len());
    before + after.iter().position(end).unwrap_or(after.len())
}

/// The part of a span on its first line, and at least one character where there is one: a table that runs over twenty
/// lines is shown by its head.
fn first_line(source: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start), floor(span.end));
    let line = source.get(start..end).unwrap_or_default();
    let end = line.find('\n').map_or(end.max(start), |n| start + n);
    if end > start {
        return start..end;
    }
    let next = source.get(start..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n');
    start..start + next.map_or(0, char::len_utf8)
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The text with every value under `client_secret` or `client_certificate`, or `secret` of a webhook, covered, except names of variables and files. A secret that was
/// written into the file by mistake must not be carried on by our own complaint about it. Bytes keep their places.
///
/// Twice, because each sees what the other cannot: by lines what is no TOML, by the parsed table what other lines hold.
fn masked(text: &str) -> String {
    let shown = masked_by_lines(text);
    let mut secrets = Vec::new();
    collect(DeTable::parse_recoverable(text).0.get_ref(), &CREDENTIALS, false, &mut secrets);
    let mut bytes = shown.into_bytes();
    for span in secrets {
        for byte in bytes.iter_mut().take(span.end).skip(span.start).filter(|b| **b != b'\n') {
            *byte = b'*';
        }
    }
    // Spans begin and end between characters, so this is still UTF-8; if it ever were not, showing less is right.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Keys of a tenant below which a secret may stand by mistake: the secret itself, a key's password, a whole PEM.
const CREDENTIALS: [&str; 2] = ["client_secret", "client_certificate"];
/// Words that are such keys, or could be, on a line of their own.
const WORDS: [&str; 2] = ["secret", "password"];

/// Places of values below the key of secrets that may be secrets. The parser bounds how deep tables nest.
fn collect(table: &DeTable<'_>, secret: &[&str], inside: bool, secrets: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        // Elsewhere somebody may have a tenant of that name.
        let secret = if key.get_ref() == "notify" { &["secret"] } else { secret };
        let inside = inside || secret.contains(&key.get_ref().as_ref());
        let named = match (key.get_ref().as_ref(), value.get_ref()) {
            ("env", DeValue::String(name)) => is_variable(name),
            ("file", DeValue::String(_)) => true,
            _ => false,
        };
        if !named {
            collect_value(value, secret, inside, secrets);
        }
    }
}

fn collect_value(value: &Spanned<DeValue<'_>>, secret: &[&str], inside: bool, secrets: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, secret, inside, secrets),
        DeValue::Array(items) => items.iter().for_each(|item| collect_value(item, secret, inside, secrets)),
        _ if inside => secrets.push(value.span()),
        _ => {}
    }
}

fn masked_by_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut covering: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        if let Some(quotes) = covering {
            let end = rest.find(quotes).unwrap_or(rest.len());
            cover(&mut shown, rest.get(..end).unwrap_or_default());
            rest = rest.get(end..).unwrap_or_default();
            if rest.is_empty() {
                continue;
            }
            covering = None;
        } else if let Some(after) = secret_key(line) {
            // The key itself may stand in quotes.
            let quoted = line.get(after..).is_some_and(|tail| tail.starts_with(['"', '\'']));
            let (head, tail) = line.split_at(after + usize::from(quoted));
            shown.push_str(head);
            covering = cover_values(&mut shown, tail);
            continue;
        }
        shown.push_str(rest);
    }
    shown
}

/// Where the key of a secret ends on this line: `client_secret` wherever it stands, `secret` where it can be a key.
fn secret_key(line: &str) -> Option<usize> {
    let whole = |(at, word): &(usize, &str)| {
        let (before, after) = line.split_at(*at);
        let after = after.get(word.len()..).unwrap_or_default().trim_start_matches(['"', '\'']).trim_start();
        let before = before.trim_end_matches(['"', '\'']);
        let begins = before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || ".{,[#".contains(c));
        begins && after.starts_with(['=', '.', ']', ':', '"', '\'', '{'])
    };
    let ends = |(at, word): (usize, &str)| at + word.len();
    let client = CREDENTIALS.iter().filter_map(|word| line.match_indices(word).map(ends).next()).min();
    client.or_else(|| WORDS.iter().filter_map(|word| line.match_indices(word).find(whole).map(ends)).min())
}

/// Covers what stands in quotes on this line; returns the quotes that are still open at its end.
fn cover_values<'a>(shown: &mut String, line: &'a str) -> Option<&'a str> {
    let mut rest = line;
    // Without quotes it is no TOML, and may be a secret all the same.
    let bare = rest.trim_start().strip_prefix('=').map(str::trim_start).filter(|v| !v.starts_with(['"', '\'', '{']));
    if let Some(value) = bare {
        let (head, tail) = rest.split_at(rest.len() - value.len());
        shown.push_str(head);
        cover(shown, tail);
        return None;
    }
    while let Some(open) = rest.find(['"', '\'']) {
        let (head, tail) = rest.split_at(open);
        let (before, comment) = match head.find('#') {
            Some(_) => ("", true),
            None => (head.trim_end().trim_end_matches('=').trim_end(), false),
        };
        let one = tail.get(..1).unwrap_or_default();
        let three = tail.get(..3).filter(|t| *t == one.repeat(3));
        let quotes = three.unwrap_or(one);
        let inner = tail.get(quotes.len()..).unwrap_or_default();
        let end = inner.find(quotes);
        let (value, after) = inner.split_at(end.unwrap_or(inner.len()));
        shown.push_str(head);
        shown.push_str(quotes);
        let named = before.ends_with("env") && is_variable(value) || before.ends_with("file");
        if named && !comment {
            shown.push_str(value);
        } else {
            cover(shown, value);
        }
        if end.is_none() {
            return three;
        }
        shown.push_str(quotes);
        rest = after.get(quotes.len()..).unwrap_or_default();
    }
    shown.push_str(rest);
    None
}

fn cover(shown: &mut String, secret: &str) {
    shown.extend(secret.bytes().map(|b| if b == b'\n' { '\n' } else { '*' }));
}

/// Could it be the name of an environment variable? Secrets hardly ever are: `~`, `.`, `-` and the like are in them.
pub(super) fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_secret_written_by_mistake_is_covered_and_places_stay() {
        let covered = [
            "client_secret = \"s3cr3t~x\"\n",
            "client_secret = 's3cr3t~x'",
            "client_secret = { value = \"s3cr3t~x\" }",
            "client_secret = { env = \"s3cr3t~x\" } # \"s3cr3t~x\"",
            "client_secret = \"s3cr3t~x",
            "client_secret = \"\"\"\ns3cr3t~x\n\"\"\"\nid = \"kept\"\n",
            "tenants.north.client_secret=\"s3cr3t~x\"",
            "client_secret = s3cr3t~x\nid = \"kept\"",
            "client_secret =s3cr3t~x'y'",
            "\"client_secret\" = \"s3cr3t~x\"",
            "'client_secret' = 's3cr3t~x' ]",
            "[tenants.north.client_secret]\nvalue = \"s3cr3t~x\"\nenv = 's3cr3t~x'\nid = [\"s3cr3t~x\"]\n[kept]\n",
            "\"client\\u005fsecret\" = { a = { b = \"s3cr3t~x\" } }",
            "secret = \"s3cr3t~x\"",
            "secret = s3cr3t~x\nid = \"kept\"",
            "[notify.webhooks.ops]\nurl = \"kept\"\n  'secret'='s3cr3t~x'",
            "notify.webhooks.ops.secret = \"\"\"\ns3cr3t~x\"\"\"",
            "[notify.webhooks]\nops = { url = 'kept', secret = { value = \"s3cr3t~x\" } }",
            "[notify.webhooks.ops.secret]\nvalue = \"s3cr3t~x\"",
            "[notify.webhooks.ops]\n\"\\u0073ecret\" = [\"s3cr3t~x\"]",
        ];
        for text in covered {
            let shown = masked(text);
            assert!(!shown.contains("s3cr3t"), "{shown}");
            assert_eq!(shown.len(), text.len());
            assert_eq!(shown.contains("kept"), text.contains("kept"));
        }
        for kept in [
            "client_secret = { env = \"NORTH_SECRET\" }\nclient_secret = { file = \"secrets/north\" }\n",
            "[notify.webhooks.ops]\nurl = \"https://x.example\"\nsecret = { env = \"OPS\" }\nevents = [\"log-head\"]\n",
            "[tenants.secret]\nid = \"a.example\"\n[store]\npath = \"secret/crosstie.db\"\n",
        ] {
            assert_eq!(masked(kept), kept);
        }
    }
}
