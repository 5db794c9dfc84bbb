//! Is every mistake refused, with its place and a way out?
//!
//! Each folder of `fixtures/bad/` is one broken configuration. Its `expected.txt` has one line for each finding:
//! `file:line:column severity id: part of the message`. What is found and what is expected must be the same. Each folder of
//! `fixtures/bad-tests/` is the same for `rules test`, whose files no other verb reads.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn check(folder: &Path, arguments: &[&str]) -> Output {
    crosstie(folder, &[&["check"], arguments].concat())
}

fn crosstie(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("crosstie"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CROSSTIE_CONFIG")
        .env("NORTH_SECRET", "there")
        .env("SOUTH_SECRET", "there")
        .output()
        .expect("crosstie starts")
}

fn folders() -> Vec<PathBuf> {
    folders_in("fixtures/bad")
}

fn folders_in(root: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).expect("fixtures").map(|e| e.expect("an entry").path()).collect();
    folders.sort();
    folders
}

/// The lines of `expected.txt`: place, severity and id; part of the message.
fn expected(folder: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join("expected.txt")).expect("expected.txt");
    let parts = text.lines().map(|line| line.split_once(": ").expect("a message after `: `"));
    parts.map(|(place, part)| (place.to_owned(), part.to_owned())).collect()
}

/// What was found, in the same form, with the hint.
fn found(output: &Output) -> Vec<(String, String, Option<String>)> {
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_ne!(document["sound"], true);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let finding = |f: &Value| {
        let place = format!("{}:{}:{}", text(&f["file"]), f["line"], f["column"]);
        let head = format!("{place} {} {}", text(&f["severity"]), text(&f["id"]));
        (head, text(&f["message"]), f["hint"].as_str().map(str::to_owned))
    };
    document["findings"].as_array().expect("findings").iter().map(finding).collect()
}

#[test]
fn every_broken_configuration_is_refused_with_exactly_what_is_expected() {
    let folders = folders();
    assert!(folders.len() >= 60, "only {} broken configurations are left", folders.len());
    for folder in folders {
        let name = folder.display();
        let output = check(&folder, &["--format", "json"]);
        assert_eq!(output.status.code(), Some(64), "{name}");
        exactly(&folder, &output);
    }
}

/// What is found is what is expected, with a way out.
fn exactly(folder: &Path, output: &Output) {
    let (name, found, expected) = (folder.display(), found(output), expected(folder));
    assert!(!expected.is_empty(), "{name} expects nothing");
    assert_eq!(found.len(), expected.len(), "{name}: found {found:#?}");
    for ((place, message, hint), (wanted, part)) in found.iter().zip(&expected) {
        assert_eq!(place, wanted, "{name}");
        assert!(!part.is_empty() && message.contains(part.as_str()), "{name}: no `{part}` in `{message}`");
        assert!(hint.is_some(), "{name}: no way out of `{message}`");
    }
}

#[test]
fn every_broken_file_of_rule_tests_is_refused_with_exactly_what_is_expected() {
    let folders = folders_in("fixtures/bad-tests");
    assert!(folders.len() >= 14, "only {} broken files of rule tests are left", folders.len());
    let mut seen = BTreeSet::new();
    for folder in folders {
        let name = folder.display();
        let output = crosstie(&folder, &["rules", "test", "--format", "json"]);
        assert_eq!(output.status.code(), Some(64), "{name}");
        exactly(&folder, &output);
        let shown = crosstie(&folder, &["rules", "test"]);
        assert_eq!(shown.status.code(), Some(64), "{name}");
        assert!(shown.stdout.is_empty(), "{name}: data beside errors");
        let shown = String::from_utf8(shown.stderr).expect("UTF-8");
        for (place, part) in expected(&folder) {
            let (at, id) = place.split_once(' ').expect("a place");
            assert!(shown.contains(at) && shown.contains(&part), "{name}: no `{at}`, `{part}` in\n{shown}");
            seen.extend(id.rsplit(' ').next().map(str::to_owned));
        }
    }
    for kind in ["contradiction", "duplicate-case", "instant", "no-case", "no-tests", "rules-file", "unknown-word"] {
        assert!(seen.contains(kind), "no broken file of rule tests shows `{kind}`");
    }
}

#[test]
fn a_person_sees_file_line_column_and_hint() {
    for folder in folders() {
        let name = folder.display();
        let output = check(&folder, &[]);
        let shown = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(64), "{name}");
        assert!(output.stdout.is_empty(), "{name}: data beside errors");
        for (place, part) in expected(&folder) {
            let place = place.split(' ').next().expect("a place");
            assert!(shown.contains(place), "{name}: no `{place}` in\n{shown}");
            assert!(shown.contains(&part), "{name}: no `{part}` in\n{shown}");
        }
        assert!(shown.contains("hint: "), "{name}: no hint in\n{shown}");
        assert!(!shown.contains('\u{1b}'), "{name}: colours without a terminal");
    }
}

#[test]
fn a_secret_in_the_file_is_never_repeated() {
    let mut tried = 0;
    for folder in folders() {
        let text = std::fs::read_to_string(folder.join("crosstie.toml")).expect("crosstie.toml");
        if !text.contains("not-a-real-secret") {
            continue;
        }
        tried += 1;
        for arguments in [&[] as &[&str], &["--format", "json"], &["-vv"]] {
            let output = check(&folder, arguments);
            let all = [output.stdout, output.stderr].concat();
            assert!(!String::from_utf8_lossy(&all).contains("not-a-real-secret"), "{}", folder.display());
        }
    }
    assert!(tried >= 3);
}

/// Every kind of error in `crosstie.toml` has a case, and some of rule files (`tests/lints.rs` sees to those); what needs a
/// special file has its own test below.
#[test]
fn every_kind_of_error_has_its_case() {
    let of = |folder: PathBuf| expected(&folder).into_iter().map(|(place, _)| place);
    let seen: BTreeSet<String> =
        folders().into_iter().flat_map(of).filter_map(|place| place.rsplit(' ').next().map(str::to_owned)).collect();
    let kinds = "client-id clause-type clause-value constant-type cron duplicate-key duplicate-route duplicate-rules \
         duplicate-tenant empty empty-scope expression group-id match-type missing-credential missing-key no-route \
         not-tracked out-of-range out-of-reach protected read-only reference rules-file rules-name same-tenant secret-in-file \
         self-pair stamp syntax tenant-id tenant-name time-zone too-few-tenants two-credentials two-sources unknown-attribute \
         unknown-key unknown-operator unknown-tenant unknown-word url variable-name webhook-name wrong-type";
    for kind in kinds.split_whitespace() {
        assert!(seen.contains(kind), "no broken configuration shows `{kind}`");
    }
}

#[test]
fn files_that_are_no_configuration_are_refused_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |part: &str| {
        let output = check(folder.path(), &[]);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{shown}");
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    };
    let file = folder.path().join("crosstie.toml");
    refused("there is no file crosstie.toml");
    std::fs::write(&file, b"# one\n# \xff\n").expect("written");
    refused("not UTF-8 from line 2");
    std::fs::write(&file, "#".repeat(1024 * 1024 + 1)).expect("written");
    refused("larger than 1 MiB");
    std::fs::write(&file, "").expect("written");
    refused("no tenant is defined");
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("a folder");
    refused("is a folder");
}
