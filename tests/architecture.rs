//! Does the house stand as its plan says? Floors, purity, and files that a person can read in one go.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::path::Path;

/// Rooms by floor. A room sees the floors below its own, and nothing else.
const FLOORS: [&[&str]; 6] = [
    &["model"],
    &["rules", "quota"],
    &["plan", "ports", "cores"],
    &["config", "store"],
    &["graph", "engine", "sim", "notify"],
    &["cli"],
];
/// Order is part of determinism, so unordered collections count as impure.
const PURE: [&str; 4] = ["model", "rules", "quota", "plan"];
const IMPURE_WORDS: [&str; 15] = [
    "async",
    "await",
    "tokio",
    "reqwest",
    "rusqlite",
    "tracing",
    "SystemTime",
    "Instant",
    "HashMap",
    "HashSet",
    "println",
    "eprintln",
    "dbg",
    "getrandom",
    "thread_rng",
];
const IMPURE_PATHS: [&str; 7] =
    ["std::fs", "std::env", "std::net", "std::process", "std::thread", "Utc::now", "Local::now"];
const FILE_LINES_MAX: usize = 499;
const FUNCTION_LINES_MAX: usize = 69;

/// A file below `src/`.
struct Source {
    /// `graph/wire/page.rs`.
    path: String,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// Everything that is wrong with one file.
fn complaints(source: &Source) -> Vec<String> {
    let tokens = without_tests(tokens(&source.text));
    let mut found = Vec::new();
    found.extend(length(source));
    found.extend(question(source, &tokens));
    found.extend(long_functions(&tokens));
    if !matches!(source.path.as_str(), "lib.rs" | "main.rs") {
        found.extend(floors(source, &tokens));
        found.extend(purity(source, &tokens));
    }
    found.into_iter().map(|what| format!("{}: {what}", source.path)).collect()
}

fn length(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES_MAX).then(|| format!("{lines} lines; at most {FILE_LINES_MAX}"))
}

/// The crate's own page tells the walk instead; a room without code has nothing to answer yet.
fn question(source: &Source, tokens: &[Token]) -> Option<String> {
    if source.path == "lib.rs" || tokens.is_empty() {
        return None;
    }
    let paragraph = source.text.lines().map_while(|line| line.strip_prefix("//! "));
    let asks = paragraph.clone().any(|line| line.contains('?'));
    (!asks).then(|| "the first paragraph of its doc asks no question".to_owned())
}

fn long_functions(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let named = tokens.get(at + 1).is_some_and(|t| is_word(&t.text));
        if token.text != "fn" || !named {
            continue;
        }
        let mut depth = 0_i32;
        let mut body = None;
        for (offset, token) in tokens[at..].iter().enumerate() {
            match token.text.as_str() {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                "{" if depth == 0 => {
                    body = Some(at + offset);
                    break;
                }
                ";" if depth == 0 => break,
                _ => {}
            }
        }
        let Some(open) = body else { continue };
        let lines = tokens[closing(tokens, open)].line - token.line + 1;
        if lines > FUNCTION_LINES_MAX {
            let name = &tokens[at + 1].text;
            found.push(format!("line {}: fn {name} has {lines} lines; at most {FUNCTION_LINES_MAX}", token.line));
        }
    }
    found
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}
fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// `graph/wire/page.rs` is `[graph, wire, page]`, `graph/mod.rs` is `[graph]`.
fn module(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

fn floors(source: &Source, tokens: &[Token]) -> Vec<String> {
    let here = room(&source.path);
    let Some(here_floor) = floor(here) else { return vec![format!("the room {here} stands on no floor")] };
    let mut found = BTreeSet::new();
    for (line, path) in paths(tokens, &module(&source.path)) {
        let Some(there) = path.first() else { continue };
        let fine = match floor(there) {
            _ if there == here => true,
            // The doors are made of nouns and of nothing else.
            Some(there_floor) => there_floor < here_floor && (here != "ports" || there == "model"),
            // Something that lib.rs itself would hold: there is nothing.
            None => false,
        };
        if !fine {
            found.insert(format!("line {line}: {here} must not see {there}"));
        }
    }
    found.into_iter().collect()
}

fn purity(source: &Source, tokens: &[Token]) -> Vec<String> {
    if !PURE.contains(&room(&source.path)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for token in tokens.iter().filter(|t| IMPURE_WORDS.contains(&t.text.as_str())) {
        found.push(format!("line {}: {} in a pure room", token.line, token.text));
    }
    for (at, token) in tokens.iter().enumerate() {
        let starts = at == 0 || tokens[at - 1].text != "::";
        if starts && is_word(&token.text) {
            for path in expanded(tokens, at, Vec::new()).0 {
                let path = path.join("::");
                if IMPURE_PATHS
                    .iter()
                    .any(|p| path == *p || path.starts_with(&format!("{p}::")) || path.ends_with(&format!("::{p}")))
                {
                    found.push(format!("line {}: {path} in a pure room", token.line));
                }
            }
        }
    }
    found
}

/// Every path that starts with `crate`, `self` or `super`, from the crate's root, groups written out.
fn paths(tokens: &[Token], module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let starts = at == 0 || tokens[at - 1].text != "::";
        if starts && matches!(token.text.as_str(), "crate" | "self" | "super") {
            let (expanded, _) = expanded(tokens, at, module.to_vec());
            found.extend(expanded.into_iter().map(|path| (token.line, path)));
        }
    }
    found
}

/// Writes out the path that starts at `at`, relative to `base`; also gives where it ends.
fn expanded(tokens: &[Token], mut at: usize, mut base: Vec<String>) -> (Vec<Vec<String>>, usize) {
    let text = |at: usize| tokens.get(at).map_or("", |t| t.text.as_str());
    loop {
        match text(at) {
            "{" => {
                let mut all = Vec::new();
                at += 1;
                while !matches!(text(at), "}" | "") {
                    let (paths, end) = expanded(tokens, at, base.clone());
                    all.extend(paths);
                    // `x as y` and the comma after it.
                    at = end.max(at + 1);
                    while !matches!(text(at), "," | "}" | "") {
                        at += 1;
                    }
                    at += usize::from(text(at) == ",");
                }
                return (all, at + 1);
            }
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            word if is_word(word) || word == "*" => base.push(word.to_owned()),
            _ => return (vec![base], at),
        }
        if text(at + 1) != "::" {
            return (vec![base], at + 1);
        }
        at += 2;
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The index of the brace that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len() - 1
}

/// Takes out what stands under `#[cfg(test)]`: tests may look where they like.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marked = tokens[at..].iter().map(|t| t.text.as_str()).take(mark.len()).eq(mark);
        if marked {
            let end = tokens[at..].iter().position(|t| t.text == "{" || t.text == ";").map_or(tokens.len(), |o| at + o);
            at = if tokens.get(end).is_some_and(|t| t.text == "{") { closing(&tokens, end) + 1 } else { end + 1 };
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Words, `::` and single signs. Comments and the insides of texts are left out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let peek = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let start = at;
        let c = peek(at);
        if c == '/' && peek(at + 1) == '/' {
            while at < chars.len() && peek(at) != '\n' {
                at += 1;
            }
        } else if c == '/' && peek(at + 1) == '*' {
            at = end_of_comment(&chars, at);
        } else if let Some(end) = end_of_text(&chars, at) {
            at = end;
        } else if c.is_alphanumeric() || c == '_' {
            while peek(at).is_alphanumeric() || peek(at) == '_' {
                at += 1;
            }
            found.push(Token { text: chars[start..at].iter().collect(), line });
        } else {
            at += if c == ':' && peek(at + 1) == ':' { 2 } else { 1 };
            if !c.is_whitespace() {
                found.push(Token { text: chars[start..at].iter().collect(), line });
            }
        }
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn end_of_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// Where a text or character literal that starts here ends; `None` where none does. A lifetime is not one.
fn end_of_text(chars: &[char], at: usize) -> Option<usize> {
    let peek = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|p| {
        let after = at + p.len();
        chars[at..].iter().take(p.len()).copied().eq(p.chars())
            && (peek(after) == '"' || (p.ends_with('r') && peek(after) == '#') || (*p == "b" && peek(after) == '\''))
    });
    if let Some(prefix) = prefix.filter(|p| p.ends_with('r')) {
        let mut open = at + prefix.len();
        let hashes = chars[open..].iter().take_while(|c| **c == '#').count();
        open += hashes;
        if peek(open) != '"' {
            return None;
        }
        let ends = |at: &usize| {
            chars[*at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
        };
        return Some((open + 1..chars.len()).find(ends).map_or(chars.len(), |end| end + 1 + hashes));
    }
    let open = at + prefix.map_or(0, str::len);
    let quote = peek(open);
    let lifetime = quote == '\'' && peek(open + 1) != '\\' && peek(open + 2) != '\'';
    if (quote != '"' && quote != '\'') || lifetime {
        return None;
    }
    let mut end = open + 1;
    while end < chars.len() && peek(end) != quote {
        end += if peek(end) == '\\' { 2 } else { 1 };
    }
    Some(end + 1)
}

fn house() -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, into: &mut Vec<Source>) {
        let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, root, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                into.push(Source { path: name, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    walk(&root, &root, &mut sources);
    sources
}

#[test]
fn the_house_stands_as_planned() {
    let sources = house();
    assert!(sources.len() > 20, "found only {} files", sources.len());
    let found: Vec<String> = sources.iter().flat_map(complaints).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Where a token is attached, the request is addressed as well, to its own tenant: nobody else names the header.
#[test]
fn a_token_is_attached_in_one_place() {
    let named = |source: &Source| {
        let words = without_tests(tokens(&source.text));
        words
            .iter()
            .filter(|word| word.text.eq_ignore_ascii_case("authorization") && word.text != "Authorization")
            .count()
    };
    // The simulated tenant and our own listener are who reads it.
    let reads = |s: &Source| room(&s.path) == "sim" || s.path.starts_with("cli/listen/");
    let all: Vec<(String, usize)> =
        house().into_iter().filter(|s| !reads(s)).map(|s| (s.path.clone(), named(&s))).collect();
    let found: Vec<_> = all.into_iter().filter(|(_, times)| *times > 0).collect();
    assert_eq!(found, [("graph/auth.rs".to_owned(), 1)]);
}

fn judged(path: &str, code: &str) -> Vec<String> {
    complaints(&Source { path: path.to_owned(), text: format!("//! Why?\n{code}") })
}

#[test]
fn every_broken_law_is_seen() {
    let bad = [
        ("model/x.rs", "use crate::rules::Expression;", "model must not see rules"),
        ("rules/x.rs", "use crate::quota::Meter;", "rules must not see quota"),
        ("rules/deep/x.rs", "use super::super::super::plan::X;", "rules must not see plan"),
        ("rules/mod.rs", "use super::plan;", "rules must not see plan"),
        ("plan/mod.rs", "use crate::{model::Edit, ports::{Clock, Retry}};", "plan must not see ports"),
        ("plan/x.rs", "use super::{Y, super::{store as s, model}};", "plan must not see store"),
        ("ports.rs", "fn f(x: crate::rules::RuleSet) {}", "ports must not see rules"),
        ("store/x.rs", "use crate::config::Config;", "store must not see config"),
        ("graph/x.rs", "use crate::{\n model,\n engine,\n};", "graph must not see engine"),
        ("engine/x.rs", "impl X { fn f() { crate::graph::f() } }", "engine must not see graph"),
        ("sim/http/x.rs", "use crate::graph::*;", "sim must not see graph"),
        ("engine/x.rs", "use crate::cli::Exit;", "engine must not see cli"),
        ("notify/x.rs", "use crate::graph::HttpTransport;", "notify must not see graph"),
        ("cli/x.rs", "use crate::Thing;", "cli must not see Thing"),
        ("extra/mod.rs", "struct X;", "stands on no floor"),
        ("model/x.rs", "async fn f() {}", "async in a pure room"),
        ("plan/x.rs", "fn f() { g().await }", "await in a pure room"),
        ("rules/x.rs", "use std::collections::{BTreeMap, HashMap};", "HashMap in a pure room"),
        ("quota.rs", "use std::{fmt, fs::File};", "std::fs::File in a pure room"),
        ("quota.rs", "fn f() { let x = std::env::var(y); }", "std::env::var in a pure room"),
        ("model/x.rs", "fn f() { chrono::Utc::now(); }", "chrono::Utc::now in a pure room"),
        ("model/x.rs", "fn f() { println!() }", "println in a pure room"),
    ];
    for (path, code, complaint) in bad {
        let found = judged(path, code);
        assert!(found.len() == 1 && found[0].contains(complaint), "{path}: {code}\n{found:?}");
    }
    let long = |lines: usize| format!("fn long(\n) {{\n{}}}", "    x();\n".repeat(lines - 3));
    assert!(judged("cli/x.rs", &long(70))[0].contains("fn long has 70 lines"));
    assert!(judged("cli/x.rs", &long(69)).is_empty());
    assert!(judged("cli/x.rs", &"struct X;\n".repeat(499))[0].contains("500 lines"));
    assert!(judged("cli/x.rs", &"struct X;\n".repeat(498)).is_empty());
    for silent in ["struct X;", "// Why?\nstruct X;", "//! Because.\n//!\n//! Why?\nstruct X;", "\n//! Why?\nstruct X;"]
    {
        let found = complaints(&Source { path: "cli/x.rs".to_owned(), text: silent.to_owned() });
        assert!(found.len() == 1 && found[0].contains("asks no question"), "{silent}: {found:?}");
    }
}

#[test]
fn what_is_allowed_is_left_alone() {
    let good =
        [
            ("model/x.rs", "// use crate::rules; async HashMap\n/* std::fs /* tokio */ println */ struct X;"),
            ("model/x.rs", r###"const A: &str = "crate::cli async"; const B: &str = r#"HashMap " tokio"#;"###),
            (
                "model/x.rs",
                r#"fn f<'a>(c: char) -> bool { c == '"' || c == '\'' || c == 'x' } struct Y<'async>(&'a str);"#
                    .split(" struct")
                    .next()
                    .unwrap(),
            ),
            ("model/x.rs", "#[cfg(test)]\nmod tests {\n use std::collections::HashMap; use crate::cli; }"),
            (
                "rules/x.rs",
                "use crate::model::{self, Edit}; use super::Scope; pub(super) struct X; pub(in crate::rules) fn f() {}",
            ),
            ("plan/x.rs", "use crate::{model, quota::Meter, rules::{RuleSet, Scope}};"),
            ("ports.rs", "use crate::model::Edit; fn f() -> impl Future<Output = ()>;"),
            ("graph/wire/x.rs", "use super::super::error::E; use crate::{config, ports::Clock}; use std::fs;"),
            ("cli/x.rs", "use crate::{engine, graph, sim};"),
            ("lib.rs", "pub mod cli;"),
            ("main.rs", "fn main() { crosstie::cli::main() }"),
        ];
    for (path, code) in good {
        assert_eq!(judged(path, code), Vec::<String>::new(), "{code}");
    }
}
