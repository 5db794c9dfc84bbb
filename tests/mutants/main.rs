//! Do the mutants still apply? `tests/mutants/run` breaks one law with each `*.patch` beside this file, and sees the test
//! fail that the patch names; here it is only seen that they have not rotted, and that every law has one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// `I1` to `I22`.
const LAWS: u32 = 22;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn patches() -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root().join("tests/mutants")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "patch"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines that a unified diff takes for there, hunk by hunk.
fn expected(patch: &str) -> Vec<Vec<&str>> {
    let mut hunks: Vec<Vec<&str>> = Vec::new();
    for line in patch.lines() {
        if line.starts_with("@@ ") {
            hunks.push(Vec::new());
        } else if let Some(hunk) = hunks.last_mut() {
            match line.split_at_checked(1) {
                Some((" " | "-", text)) => hunk.push(text),
                None => hunk.push(""),
                Some(("+", _)) => {}
                Some(other) => panic!("no line of a patch: {other:?}"),
            }
        }
    }
    hunks
}

fn holds(text: &str, hunk: &[&str]) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(hunk.len()).filter(|window| *window == hunk).count()
}

#[test]
fn every_mutant_still_applies_to_the_code() {
    for (path, patch) in patches() {
        let name = path.display();
        let file = patch.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("a file");
        assert!(file.starts_with("src/"), "{name} breaks {file}");
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{name}: {file}: {e}"));
        let hunks = expected(&patch);
        assert!(!hunks.is_empty(), "{name} changes nothing");
        for hunk in hunks {
            assert_eq!(holds(&text, &hunk), 1, "{name} does not apply to {file} any more: make it anew");
        }
    }
}

#[test]
fn every_law_has_a_mutant_and_every_mutant_a_test() {
    let mut laws = BTreeSet::new();
    for (path, patch) in patches() {
        let name = path.display();
        let field = |key: &str| patch.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let law = field("law: I").unwrap_or_else(|| panic!("{name} names no law"));
        let number: u32 = law.split(' ').next().and_then(|n| n.parse().ok()).expect("the law's number");
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(file.starts_with(&format!("i{number:02}-")), "{name} is called after another law");
        laws.insert(number);
        let judge = field("caught by: ").unwrap_or_else(|| panic!("{name} names no test"));
        let words: Vec<&str> = judge.split(' ').collect();
        let test = match words.as_slice() {
            ["--lib", _] => continue,
            ["--test", test, ..] => *test,
            other => panic!("{name}: {other:?}"),
        };
        let there = [format!("tests/{test}.rs"), format!("tests/{test}/main.rs")];
        assert!(there.iter().any(|file| root().join(file).exists()), "{name}: there is no test {test}");
    }
    assert_eq!(laws, (1..=LAWS).collect(), "laws without a mutant, or mutants of no law");
}
