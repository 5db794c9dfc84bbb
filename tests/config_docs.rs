//! Is what the documentation shows true, and do `init`, `check` and `eval` keep what it promises?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crosstie::config::load_with;
use crosstie::rules::RuleSet;
use tempfile::TempDir;

const DOCS: [(&str, &str); 3] = [
    ("configuration.md", include_str!("../docs/configuration.md")),
    ("rules.md", include_str!("../docs/rules.md")),
    ("expressions.md", include_str!("../docs/expressions.md")),
];

/// Fenced blocks: what stands behind the fence, and the lines inside.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(mark) = line.strip_prefix("```") {
            let inner: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            blocks.push((mark.to_owned(), inner.join("\n")));
        }
    }
    blocks
}

fn crosstie(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("crosstie"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CROSSTIE_CONFIG")
        .output()
        .expect("crosstie starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

#[test]
fn every_block_of_the_documentation_is_known_and_sound() {
    let base: String =
        blocks(DOCS[0].1)[0].1.lines().skip_while(|l| !l.starts_with("[tenants")).collect::<Vec<_>>().join("\n");
    let tenants = base.split("[topology]").next().expect("tenants").to_owned();
    let mut tried = 0;
    for (name, doc) in DOCS {
        for (mark, inner) in blocks(doc) {
            tried += 1;
            match mark.as_str() {
                "toml rules" => {
                    let (_, warnings) = RuleSet::parse("x", &inner).unwrap_or_else(|f| panic!("{name}: {f:#?}"));
                    assert_eq!(warnings, [], "{name}");
                }
                "toml config" => sound(name, &inner),
                // Top-level keys stand before the first table, so the tenants go behind the part.
                "toml config-part" => sound(name, &format!("{inner}\n{tenants}")),
                "eval" | "json user" | "text" => {}
                other => panic!("{name}: nobody checks a block marked `{other}`"),
            }
        }
    }
    assert!(tried >= 12, "only {tried} blocks are left");
}

fn sound(name: &str, config: &str) {
    let folder = TempDir::new().expect("a folder");
    for rules in ["sync-rules", "rules"] {
        fs::create_dir(folder.path().join(rules)).expect("created");
        for set in ["staff", "contractors"] {
            let file = folder.path().join(rules).join(format!("{set}.toml"));
            fs::write(file, include_str!("../sync-rules/staff.toml")).expect("written");
        }
    }
    let path = folder.path().join("crosstie.toml");
    fs::write(&path, config).expect("written");
    let loaded = load_with(&path, &|_| Some("there".to_owned()));
    if let Err(report) = loaded {
        panic!("{name}: {}", report.render(false));
    }
}

#[test]
fn every_expression_of_the_documentation_gives_what_stands_beside_it() {
    let folder = TempDir::new().expect("a folder");
    let blocks = blocks(DOCS[2].1);
    let user = blocks.iter().find(|(mark, _)| mark == "json user").expect("a user");
    fs::write(folder.path().join("user.json"), &user.1).expect("written");
    let mut tried = 0;
    for line in blocks.iter().filter(|(mark, _)| mark == "eval").flat_map(|(_, inner)| inner.lines()) {
        let (expression, wanted) = line.rsplit_once(" => ").expect("`expression => result`");
        let output = crosstie(folder.path(), &["eval", expression.trim(), "--user", "user.json"]);
        assert_eq!(text(&output.stdout), wanted.trim(), "{expression}: {}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
        tried += 1;
    }
    assert!(tried >= 30, "only {tried} expressions are left");
}

/// Every id that the source gives a finding is explained.
#[test]
fn every_finding_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let pattern = regex::Regex::new(r#"Diagnostic::(?:error|warning)\(\s*"([a-z-]+)""#).expect("a pattern");
    let mut ids = BTreeSet::new();
    for room in ["rules", "config", "cli"] {
        for entry in fs::read_dir(root.join(room)).expect("a room") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "rs") {
                let source = fs::read_to_string(path).expect("source");
                ids.extend(pattern.captures_iter(&source).map(|c| c[1].to_owned()));
            }
        }
    }
    assert!(ids.len() > 40, "{ids:?}");
    for id in ids {
        assert!(DOCS[0].1.contains(&format!("`{id}`")), "docs/configuration.md does not explain `{id}`");
    }
}

#[test]
fn what_init_writes_passes_check_and_is_never_overwritten() {
    for arguments in [&["init"] as &[&str], &["init", "mesh"], &["init", "hub"]] {
        let folder = TempDir::new().expect("a folder");
        let first = crosstie(folder.path(), arguments);
        assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
        let check = crosstie(folder.path(), &["check"]);
        assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
        assert!(text(&check.stdout).starts_with("crosstie.toml is sound: 2 tenants"), "{}", text(&check.stdout));

        fs::write(folder.path().join("crosstie.toml"), "mine").expect("written");
        fs::write(folder.path().join("sync-rules/staff.toml"), "mine").expect("written");
        let second = crosstie(folder.path(), arguments);
        assert_eq!(second.status.code(), Some(64));
        assert!(text(&second.stderr).contains("hint:"));
        fs::remove_file(folder.path().join("crosstie.toml")).expect("removed");
        let third = crosstie(folder.path(), arguments);
        assert_eq!(third.status.code(), Some(0));
        assert_eq!(fs::read_to_string(folder.path().join("sync-rules/staff.toml")).expect("kept"), "mine");
    }
}

#[test]
fn init_and_check_follow_the_config_option() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(crosstie(folder.path(), &["--config", "a/b.toml", "init", "hub"]).status.code(), Some(0));
    assert!(folder.path().join("a/sync-rules/staff.toml").is_file());
    let output = crosstie(folder.path(), &["check", "--config", "a/b.toml", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["sound"], true);
    assert_eq!(document["routes"][0]["route"], "south->north");
    assert_eq!(document["findings"][0]["id"], "missing-secret");
}

#[test]
fn eval_says_where_a_fault_is_and_how_bad() {
    let folder = TempDir::new().expect("a folder");
    let parse = crosstie(folder.path(), &["eval", "Join(\" \", Uppr([a]))"]);
    assert_eq!(parse.status.code(), Some(64));
    assert!(text(&parse.stderr).contains("EXPR:1:11"), "{}", text(&parse.stderr));
    assert!(parse.stdout.is_empty());
    let evaluation = crosstie(folder.path(), &["eval", "Left(\"a\", [n])"]);
    assert_eq!(evaluation.status.code(), Some(1));
    assert!(text(&evaluation.stderr).contains("EXPR:1:11"), "{}", text(&evaluation.stderr));
    fs::write(folder.path().join("list.json"), "[1]").expect("written");
    for user in ["absent.json", "list.json"] {
        let output = crosstie(folder.path(), &["eval", "[a]", "--user", user]);
        assert_eq!(output.status.code(), Some(64), "{user}");
    }
}
