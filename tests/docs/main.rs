//! Is what the documentation shows true, and do `init`, `check` and `eval` keep what it promises?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod story;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crosstie::config::load_with;
use crosstie::rules::{Dialect, RuleSet};
use tempfile::TempDir;

/// Every document, and how many commands it shows at the least.
const DOCS: [(&str, &str, usize); 26] = [
    ("docs/configuration.md", include_str!("../../docs/configuration.md"), 0),
    ("docs/rules.md", include_str!("../../docs/rules.md"), 0),
    ("docs/expressions.md", include_str!("../../docs/expressions.md"), 1),
    ("README.md", include_str!("../../README.md"), 12),
    ("docs/README.md", include_str!("../../docs/README.md"), 0),
    ("docs/quickstart.md", include_str!("../../docs/quickstart.md"), 25),
    ("docs/real-tenants.md", include_str!("../../docs/real-tenants.md"), 4),
    ("docs/change-log.md", include_str!("../../docs/change-log.md"), 20),
    ("docs/architecture.md", include_str!("../../docs/architecture.md"), 0),
    ("docs/simulator.md", include_str!("../../docs/simulator.md"), 8),
    ("docs/rule-tests.md", include_str!("../../docs/rule-tests.md"), 6),
    ("docs/import.md", include_str!("../../docs/import.md"), 6),
    ("docs/explain.md", include_str!("../../docs/explain.md"), 18),
    ("docs/lints.md", include_str!("../../docs/lints.md"), 3),
    ("docs/properties.md", include_str!("../../docs/properties.md"), 0),
    ("docs/running.md", include_str!("../../docs/running.md"), 8),
    ("docs/alerts.md", include_str!("../../docs/alerts.md"), 16),
    ("docs/deploy/README.md", include_str!("../../docs/deploy/README.md"), 0),
    ("docs/doctor.md", include_str!("../../docs/doctor.md"), 8),
    ("docs/operations.md", include_str!("../../docs/operations.md"), 16),
    ("docs/approvals.md", include_str!("../../docs/approvals.md"), 22),
    ("docs/ownership.md", include_str!("../../docs/ownership.md"), 24),
    ("docs/reliability.md", include_str!("../../docs/reliability.md"), 0),
    ("docs/threat-model.md", include_str!("../../docs/threat-model.md"), 0),
    ("docs/performance.md", include_str!("../../docs/performance.md"), 0),
    ("docs/scale.md", include_str!("../../docs/scale.md"), 0),
];

/// All the set-up that a machine with Rust needs. More of it would be a promise broken.
const SET_UP: &str = "cargo run --release -- demo\ncargo test";

/// Promised, and not there yet. When one comes, the documents have to be told.
const NOT_YET: [&str; 0] = [];

/// A fenced block.
struct Block {
    /// What stands behind the fence.
    mark: String,
    /// The lines inside.
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(mark) = line.strip_prefix("```") {
            let inner: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            blocks.push(Block { mark: mark.to_owned(), text: inner.join("\n") });
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
        blocks(DOCS[0].1)[0].text.lines().skip_while(|l| !l.starts_with("[tenants")).collect::<Vec<_>>().join("\n");
    let tenants = base.split("[topology]").next().expect("tenants").to_owned();
    let mut tried = 0;
    for (name, doc, _) in DOCS {
        for Block { mark, text: inner } in blocks(doc) {
            tried += 1;
            match mark.as_str() {
                "toml rules" => {
                    let (_, warnings) = RuleSet::parse("x", &inner).unwrap_or_else(|f| panic!("{name}: {f:#?}"));
                    assert_eq!(warnings, [], "{name}");
                }
                "toml config" => sound(name, &inner),
                // Top-level keys stand before the first table, so the tenants go behind the part.
                "toml config-part" => {
                    let routes = inner.contains("[topology]") || inner.contains("[[route]]");
                    let route = "[[route]]\nhome = \"north\"\ntarget = \"south\"\nrules = \"staff\"\n";
                    sound(name, &format!("{inner}\n{}{tenants}", if routes { "" } else { route }));
                }
                // Tried by the tests below.
                "eval" | "eval connect" | "eval mim" | "eval refused" | "console" => {}
                "sh" if name == "README.md" => assert_eq!(inner, SET_UP, "the set-up is these two commands"),
                "sh" if ["docs/reliability.md", "docs/performance.md"].contains(&name) => {
                    inner.lines().for_each(|line| is_there(name, line))
                }
                "text" => {
                    let commands =
                        inner.lines().any(|l| ["$ ", "crosstie ", "cargo "].iter().any(|c| l.starts_with(c)));
                    assert!(!commands, "{name}: a command that nobody runs:\n{inner}");
                }
                _ if mark.contains(" file=") => {}
                // Tried by `src/cli/alerts/tests.rs`.
                "json event" => {}
                // Read by `src/cli/metrics/tests.rs`.
                "yaml" if name == "docs/operations.md" => {}
                // Tried by `tests/lints.rs`.
                _ if mark.starts_with("toml lint ") => {}
                other => panic!("{name}: nobody checks a block marked `{other}`"),
            }
        }
    }
    assert!(tried >= 40, "only {tried} blocks are left");
}

/// Tools for developers take longer than a test may: they are there, and whatever builds the tests builds them.
fn is_there(name: &str, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let path = match words.as_slice() {
        ["cargo", "run", "--release", "--example", example, ..] => format!("examples/{example}.rs"),
        ["cargo", "bench", "--bench", bench, ..] => format!("benches/{bench}.rs"),
        [path] => (*path).to_owned(),
        _ => panic!("{name}: nobody checks `{command}`"),
    };
    assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).is_file(), "{name}: no {path}");
}

/// What is broken is told: as many histories break a law as the page names, and nothing else was broken.
#[test]
fn the_figures_of_reliability_hide_nothing() {
    let page = include_str!("../../docs/reliability.md");
    let (_, figures) = page.split_once("<!-- figures -->").expect("a beginning");
    let (figures, rest) = figures.split_once("<!-- end of figures -->").expect("an end");
    let (_, open) = rest.split_once("## Known, and open").expect("a list");
    let named = open.split("\n## ").next().map_or(0, |list| list.lines().filter(|l| l.starts_with("- seed ")).count());
    assert!(figures.contains(&format!("| laws broken | {named} |")), "{named} are named:\n{figures}");
    for word in ["BROKEN", "SURVIVES", "FAILED", "-dirty", "no commit"] {
        assert!(!figures.contains(word), "{word} in the figures");
    }
}

fn sound(name: &str, config: &str) {
    let folder = TempDir::new().expect("a folder");
    for rules in ["sync-rules", "rules"] {
        fs::create_dir(folder.path().join(rules)).expect("created");
        for set in ["staff", "contractors"] {
            let file = folder.path().join(rules).join(format!("{set}.toml"));
            fs::write(file, include_str!("../../sync-rules/staff.toml")).expect("written");
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
    let user = blocks.iter().find(|b| b.mark.starts_with("json ")).expect("a user");
    fs::write(folder.path().join("user.json"), &user.text).expect("written");
    let mut tried = 0;
    let mut called: BTreeSet<(&str, &str)> = BTreeSet::new();
    for block in blocks.iter().filter(|b| b.mark == "eval" || b.mark.starts_with("eval ")) {
        let dialect = block.mark.strip_prefix("eval ").unwrap_or("provisioning");
        if dialect == "refused" {
            for line in block.text.lines() {
                let (expression, why) = line.rsplit_once(" => ").expect("`expression => part of the message`");
                let output = crosstie(folder.path(), &["eval", expression.trim(), "--user", "user.json"]);
                assert_eq!(output.status.code(), Some(64), "{expression}: {}", text(&output.stdout));
                assert!(text(&output.stderr).contains(why.trim()), "{expression}: {}", text(&output.stderr));
                tried += 1;
            }
            continue;
        }
        for line in block.text.lines() {
            let (expression, wanted) = line.rsplit_once(" => ").expect("`expression => result`");
            let arguments = ["--user", "user.json", "--now", "2026-11-27T09:00:00Z", "--dialect", dialect];
            let output = crosstie(folder.path(), &[&["eval", expression.trim()], &arguments[..]].concat());
            assert_eq!(text(&output.stdout), wanted.trim(), "{expression}: {}", text(&output.stderr));
            assert_eq!(output.status.code(), Some(0));
            tried += 1;
            let names = expression.split('(').filter_map(|part| part.rsplit(|c: char| !c.is_alphanumeric()).next());
            called.extend(names.map(|name| (dialect, name)));
        }
    }
    assert!(tried >= 100, "only {tried} expressions are left");
    let shared: BTreeSet<&str> = Dialect::Provisioning.functions().into_iter().collect();
    for (name, dialect) in Dialect::NAMED {
        for function in dialect.functions() {
            let shown = called.contains(&(name, function))
                || shared.contains(function) && called.contains(&("provisioning", function));
            assert!(shown, "no example of {function} ({name})");
        }
    }
}

/// Every id that the source gives a finding in the configuration is explained; those of rule files are seen to by
/// `tests/lints.rs`.
#[test]
fn every_finding_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let pattern = regex::Regex::new(r#"Diagnostic::(?:error|warning)\(\s*"([a-z-]+)""#).expect("a pattern");
    let mut ids = BTreeSet::new();
    for file in ["rules/table.rs", "config", "cli"] {
        let path = root.join(file);
        let files: Vec<_> = match fs::read_dir(&path) {
            Ok(entries) => entries.map(|e| e.expect("an entry").path()).collect(),
            Err(_) => vec![path],
        };
        for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
            let source = fs::read_to_string(path).expect("source");
            ids.extend(pattern.captures_iter(&source).map(|c| c[1].to_owned()));
        }
    }
    // `eval` speaks of expressions in the words of rule files.
    ids.remove("expression");
    assert!(ids.len() > 30, "{ids:?}");
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
        let tests = crosstie(folder.path(), &["rules", "test"]);
        assert_eq!(tests.status.code(), Some(0), "{}", text(&tests.stderr));
        assert!(
            tests.stderr.is_empty() && text(&tests.stdout).ends_with(" passed, 0 failed"),
            "{}",
            text(&tests.stdout)
        );

        fs::write(folder.path().join("crosstie.toml"), "mine").expect("written");
        fs::write(folder.path().join("sync-rules/staff.toml"), "mine").expect("written");
        let second = crosstie(folder.path(), arguments);
        assert_eq!(second.status.code(), Some(64));
        assert!(text(&second.stderr).contains("hint:"));
        fs::remove_file(folder.path().join("crosstie.toml")).expect("removed");
        let third = crosstie(folder.path(), arguments);
        assert_eq!(third.status.code(), Some(0));
        assert_eq!(fs::read_to_string(folder.path().join("sync-rules/staff.toml")).expect("kept"), "mine");

        // Tests are never overwritten, and those of our rule set are not put beside somebody's own.
        let tests = folder.path().join("sync-rules/staff.test.toml");
        fs::remove_file(folder.path().join("crosstie.toml")).expect("removed");
        fs::remove_file(&tests).expect("removed");
        assert_eq!(crosstie(folder.path(), arguments).status.code(), Some(0));
        assert!(!tests.exists());
        fs::write(&tests, "mine").expect("written");
        fs::remove_file(folder.path().join("crosstie.toml")).expect("removed");
        fs::remove_file(folder.path().join("sync-rules/staff.toml")).expect("removed");
        assert_eq!(crosstie(folder.path(), arguments).status.code(), Some(0));
        assert_eq!(fs::read_to_string(&tests).expect("kept"), "mine");
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

fn told(document: &str) {
    let (name, text, least) = DOCS.into_iter().find(|d| d.0 == document).expect("a document");
    let mut story = story::Story::begin(name);
    blocks(text).iter().for_each(|block| story.play(block));
    let commands = story.end();
    assert!(commands >= least, "{name}: only {commands} commands are left");
}

/// Runs the demo, too.
#[test]
fn the_readme_tells_what_happens() {
    told("README.md");
    assert_eq!(blocks(DOCS[3].1).iter().filter(|b| b.mark == "sh").count(), 1, "one block sets everything up");
}

#[test]
fn the_quickstart_tells_what_happens() {
    told("docs/quickstart.md");
}

#[test]
fn the_page_on_real_tenants_tells_what_happens() {
    told("docs/real-tenants.md");
}

#[test]
fn the_page_on_the_change_log_tells_what_happens() {
    told("docs/change-log.md");
}

#[test]
fn the_page_on_explain_tells_what_happens() {
    told("docs/explain.md");
}

#[test]
fn the_page_on_the_simulator_tells_what_happens() {
    told("docs/simulator.md");
}

#[test]
fn the_page_on_alerts_tells_what_happens() {
    told("docs/alerts.md");
}

#[test]
fn the_page_on_operations_tells_what_happens() {
    told("docs/operations.md");
}

#[test]
fn the_page_on_approvals_tells_what_happens() {
    told("docs/approvals.md");
}

#[test]
fn the_page_on_importing_tells_what_happens() {
    told("docs/import.md");
}

#[test]
fn all_other_documents_tell_what_happens() {
    for document in [
        "docs/configuration.md",
        "docs/rules.md",
        "docs/rule-tests.md",
        "docs/expressions.md",
        "docs/README.md",
        "docs/architecture.md",
        "docs/lints.md",
        "docs/properties.md",
        "docs/deploy/README.md",
    ] {
        told(document);
    }
}

/// Commands named in the middle of a sentence: the verb is there, and so are its options.
#[test]
fn every_command_that_is_named_exists() {
    let folder = TempDir::new().expect("a folder");
    let pattern = regex::Regex::new("`crosstie ([^`]+)`").expect("a pattern");
    let mut tried = 0;
    for (name, doc, _) in DOCS {
        for found in pattern.captures_iter(doc) {
            let words: Vec<&str> = found[1].split_whitespace().collect();
            // What is hashed or signed before a text of the change log is no command.
            if words[0].starts_with("--") || ["change", "tombstone"].contains(&words[0]) || NOT_YET.contains(&words[0])
            {
                continue;
            }
            let help = text(&crosstie(folder.path(), &[words[0], "--help"]).stdout);
            assert!(!help.is_empty(), "{name}: there is no `crosstie {}`", words[0]);
            for option in words.iter().filter(|w| w.starts_with("--")) {
                let option = option.trim_end_matches(|c: char| !c.is_alphanumeric());
                assert!(help.contains(option), "{name}: `{}` has no {option}", &found[0]);
            }
            tried += 1;
        }
    }
    assert!(tried >= 10, "only {tried} commands are named");
}

#[test]
fn what_is_called_missing_is_missing() {
    let folder = TempDir::new().expect("a folder");
    for verb in NOT_YET {
        let output = crosstie(folder.path(), &[verb]);
        assert_eq!(output.status.code(), Some(64), "`{verb}` is there now: take it off the lists of what is not");
        assert!(DOCS[3].1.contains(&format!("`{verb}")), "README.md does not say that `{verb}` is not there yet");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pattern = regex::Regex::new(r"\]\(([^)#\s]*)(?:#([^)]*))?\)").expect("a pattern");
    for (name, doc, _) in DOCS {
        for found in pattern.captures_iter(doc).filter(|f| !f[1].starts_with("http")) {
            let base = root.join(name);
            let file = if found[1].is_empty() { base } else { base.parent().expect("a folder").join(&found[1]) };
            assert!(file.exists(), "{name}: {} leads nowhere", &found[0]);
            let Some(anchor) = found.get(2) else { continue };
            let there = fs::read_to_string(&file).expect("a document");
            let headings = there.lines().filter(|l| l.starts_with('#')).map(slug);
            assert!(headings.into_iter().any(|s| s == anchor.as_str()), "{name}: {} leads to no heading", &found[0]);
        }
    }
}

/// A law is only as good as its test.
#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pattern = regex::Regex::new(r"`(\w+)` in `([\w/.]+\.rs)`").expect("a pattern");
    let mut tried = 0;
    for (name, doc, _) in DOCS {
        for found in pattern.captures_iter(doc) {
            let source =
                fs::read_to_string(root.join(&found[2])).unwrap_or_else(|e| panic!("{name}: {}: {e}", &found[2]));
            assert!(source.contains(&format!("fn {}(", &found[1])), "{name}: {}", &found[0]);
            tried += 1;
        }
    }
    assert!(tried >= 10, "only {tried} tests are named");
}

/// As GitHub makes an anchor of a heading.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every table of exit codes says the same as the source.
#[test]
fn the_exit_codes_are_those_of_the_source() {
    use crosstie::cli::Exit;
    for exit in [Exit::Done, Exit::Failed, Exit::Changes, Exit::Refused, Exit::Incomplete, Exit::Usage] {
        assert!(DOCS[3].1.contains(&format!("\n| {} |", exit.code())), "README.md does not list {}", exit.code());
    }
}
