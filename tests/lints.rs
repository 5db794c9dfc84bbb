//! Is everything found in a rule file that its list promises, and can the admin let it stand?
//!
//! Each `fixtures/lints/NAME.toml` is a rule set; `NAME.txt` has one line for each finding: `line:column severity id: part of
//! the message`. What is found and what is expected must be the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crosstie::model::Value;
use crosstie::rules::lints::{LINTS, Lint};
use crosstie::rules::properties::{Access, Kind, PROPERTIES, Property};
use crosstie::rules::{Diagnostic, RuleSet, Severity, Source};

const LINTS_PAGE: &str = include_str!("../docs/lints.md");
const PROPERTIES_PAGE: &str = include_str!("../docs/properties.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
/// Everything that is found, errors or not.
fn found(text: &str) -> Vec<Diagnostic> {
    RuleSet::parse("x", text).map_or_else(|findings| findings, |(_, warnings)| warnings)
}
fn ids(text: &str) -> Vec<&'static str> {
    found(text).iter().map(|f| f.id).collect()
}
fn parsed(text: &str) -> RuleSet {
    RuleSet::parse("x", text).unwrap_or_else(|findings| panic!("{text}\n{findings:#?}")).0
}

fn place(text: &str, finding: &Diagnostic) -> String {
    let at = finding.span.as_ref().map_or(0, |span| span.start);
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    format!("{}:{}", before.matches('\n').count() + 1, text[line_start..at].chars().count() + 1)
}

fn fixtures() -> Vec<PathBuf> {
    let entries =
        fs::read_dir(root().join("fixtures/lints")).expect("fixtures/lints").map(|e| e.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

#[test]
fn every_fixture_has_exactly_the_findings_that_are_expected() {
    assert!(fixtures().len() >= 10, "only {} fixtures are left", fixtures().len());
    for file in fixtures() {
        let name = file.display();
        let text = fs::read_to_string(&file).expect("a rule set");
        let expected = fs::read_to_string(file.with_extension("txt")).expect("what is expected");
        let findings = found(&text);
        let shown: Vec<String> = findings
            .iter()
            .map(|f| format!("{} {} {}: {}", place(&text, f), word(f.severity), f.id, f.message))
            .collect();
        let same = shown.len() == expected.lines().count()
            && shown.iter().zip(expected.lines()).all(|(shown, expected)| {
                let (head, part) = expected.split_once(": ").expect("a message after `: `");
                shown.starts_with(&format!("{head}: ")) && !part.is_empty() && shown[head.len()..].contains(part)
            });
        assert!(same, "{name}:\n{}", shown.join("\n"));
        for finding in findings {
            assert!(finding.hint.is_some(), "{name}: no way out of `{}`", finding.message);
        }
    }
}

/// Ids that stand in what fixtures expect.
fn shown_by_fixtures() -> BTreeSet<String> {
    let mut files: Vec<PathBuf> = fixtures().iter().map(|f| f.with_extension("txt")).collect();
    for folder in ["fixtures/bad", "fixtures/bad-tests"] {
        let entries = fs::read_dir(root().join(folder)).expect("broken files");
        files.extend(entries.map(|e| e.expect("an entry").path().join("expected.txt")));
    }
    let texts: Vec<String> = files.iter().map(|f| fs::read_to_string(f).expect("what is expected")).collect();
    let id = |line: &str| line.split(": ").next().and_then(|head| head.rsplit(' ').next()).map(str::to_owned);
    texts.iter().flat_map(|text| text.lines().filter_map(id)).collect()
}

/// The ids that the source gives findings, with how bad they are.
fn given_by_source(folder: &Path, pattern: &regex::Regex, into: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            given_by_source(&path, pattern, into);
        } else {
            let source = fs::read_to_string(&path).expect("source");
            for found in pattern.captures_iter(&source) {
                into.entry(found[2].to_owned()).or_default().insert(found[1].to_owned());
            }
        }
    }
}

#[test]
fn the_list_is_what_the_source_finds_and_fixtures_show() {
    let pattern = regex::Regex::new(r#"Diagnostic::(error|warning)\(\s*"([a-z-]+)""#).expect("a pattern");
    let mut given = BTreeMap::new();
    given_by_source(&root().join("src/rules"), &pattern, &mut given);
    let listed: BTreeMap<String, BTreeSet<String>> =
        LINTS.iter().map(|l| (l.id.to_owned(), BTreeSet::from([word(l.severity).to_owned()]))).collect();
    assert_eq!(given, listed, "left: what src/rules gives; right: what src/rules/lints.rs lists");
    assert_eq!(listed.len(), LINTS.len(), "an id is listed twice");
    let shown = shown_by_fixtures();
    for lint in LINTS {
        assert!(shown.contains(lint.id), "no fixture shows `{}`", lint.id);
    }
}

#[test]
fn the_page_has_the_whole_list_and_nothing_else() {
    let row = |l: &Lint| {
        let allowed = if l.may_be_allowed { "yes" } else { "no" };
        format!("| `{}` | {} | {allowed} | {} |", l.id, word(l.severity), l.meaning)
    };
    let wanted: Vec<String> = LINTS.iter().map(row).collect();
    let shown: Vec<&str> = LINTS_PAGE.lines().filter(|l| l.starts_with("| `")).collect();
    assert_eq!(shown, wanted, "docs/lints.md should have these rows:\n{}", wanted.join("\n"));
}

/// The examples of the page: a fence ```` ```toml lint ID ````.
fn examples() -> Vec<(String, String)> {
    let mut lines = LINTS_PAGE.lines();
    let mut examples = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(id) = line.strip_prefix("```toml lint ") {
            let text: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            examples.push((id.to_owned(), format!("{}\n", text.join("\n"))));
        }
    }
    examples
}

#[test]
fn each_example_of_the_page_has_its_finding_which_can_be_allowed() {
    // Examples are short, and short rule sets map no names.
    let beside = |id: &str| if id == "no-display-name" { "" } else { "no-display-name" };
    for (id, text) in examples() {
        let others: Vec<_> = ids(&text).into_iter().filter(|found| *found != beside(&id)).collect();
        assert_eq!(others, [id.as_str()], "{text}");
        let allowed = format!("allow = [\"{id}\"]\n{text}");
        let left: Vec<_> = ids(&allowed).into_iter().filter(|found| *found != beside(&id)).collect();
        assert!(left.is_empty(), "{left:?} in {allowed}");
    }
    let shown: BTreeSet<String> = examples().into_iter().map(|(id, _)| id).collect();
    let wanted: BTreeSet<String> = LINTS.iter().filter(|l| l.may_be_allowed).map(|l| l.id.to_owned()).collect();
    assert_eq!(shown, wanted);
    for id in wanted {
        assert!(LINTS_PAGE.contains(&format!("\n### `{id}`\n")), "docs/lints.md has no section on `{id}`");
    }
}

/// The right line or table, and no other.
#[test]
fn a_finding_is_allowed_where_it_says_so_and_nowhere_else() {
    let one = "[attributes]\ndisplayName = '[displayName]'\n\
               city = { expression = '[displayName]', allow = ['may-be-too-long'] }\nstate = '[displayName]'\n";
    let left = found(one);
    assert_eq!(left.iter().map(|f| (f.id, place(one, f))).collect::<Vec<_>>(), [("may-be-too-long", "4:9".to_owned())]);
    let matches = "[[match]]\ntarget = 'city'\nsource = '[city]'\nallow = ['weak-match']\n\
                   [[match]]\ntarget = 'state'\nsource = '[state]'\n";
    assert_eq!(ids(matches), ["weak-match"]);
    let scope = "[[scope]]\nall = [{ attribute = 'userType', operator = 'EQUALS', value = 'Robot' }]\n\
                 allow = ['impossible-value']\n";
    assert_eq!(ids(scope), [""; 0]);
    let member = "[attributes]\ndisplayName = '[displayName]'\n\
                  onPremisesExtensionAttributes.extensionAttribute1 = \
                  { expression = '[extension_0b9b0d64000040008000000000000001_x]', allow = ['extension'] }\n";
    assert_eq!(ids(member), [""; 0]);
}

#[test]
fn an_idle_permission_is_told_only_where_the_rest_is_sound() {
    let idle =
        "allow = ['other-mails']\n[attributes]\ndisplayName = { expression = '[displayName]', allow = ['too-long'] }\n";
    assert_eq!(ids(idle), ["idle-allow", "idle-allow"]);
    assert_eq!(ids(&format!("{idle}city = '[city'\n")), ["expression"], "the fault may hide what is allowed");
    let twice = "[attributes]\ndisplayName = '[displayName]'\n\
                 showInAddressList = { constant = true, allow = ['address-list', 'address-list'] }\n";
    assert_eq!(ids(twice), ["idle-allow"]);
    let both = "allow = ['address-list']\n[attributes]\ndisplayName = '[displayName]'\n\
                showInAddressList = { constant = true, allow = ['address-list'] }\n";
    assert_eq!(ids(both), ["idle-allow"], "the nearer one counts");
}

#[test]
fn what_is_allowed_is_used_as_it_is_written() {
    let rules = parsed(
        "[attributes]\ndisplayName = '[displayName]'\n\
         ageGroup = { expression = '[ageGroup]', allow = ['read-only'] }\n\
         employeeHireDate = { constant = '2026-01-01', allow = ['app-only'] }\n\
         businessPhones = { constant = ['1', '2'], allow = ['too-many'] }\n\
         userType = { constant = 'Visitor', allow = ['impossible-value', 'account-type'] }\n\
         employeeId = { expression = '\"a very long number\"', allow = ['too-long'] }\n",
    );
    assert!(matches!(&rules.attributes["ageGroup"].source, Source::Expression(e) if e.source() == "[ageGroup]"));
    let constant = |name: &str| match &rules.attributes[name].source {
        Source::Constant(value) => value.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(constant("employeeHireDate"), Value::from("2026-01-01"));
    assert_eq!(constant("businessPhones"), Value::from(vec!["1".to_owned(), "2".to_owned()]));
    assert_eq!(constant("userType"), Value::from("Visitor"));
    let unbounded = |name: &str| rules.attributes[name].unbounded;
    assert!(unbounded("employeeId") && unbounded("businessPhones"));
    assert!(!unbounded("displayName") && !unbounded("ageGroup"));
}

/// On an expression, `too-long` lifts the limit; `may-be-too-long` only says that it is known.
#[test]
fn a_limit_is_lifted_or_lived_with() {
    let rules = |id: &str, everywhere: bool| {
        let (top, own) = if everywhere {
            (format!("allow = ['{id}']\n"), String::new())
        } else {
            (String::new(), format!(", allow = ['{id}']"))
        };
        let text = format!(
            "{top}[attributes]\ndisplayName = '[displayName]'\n\
             department = {{ expression = 'Append([department], \" - North\")'{own} }}\n"
        );
        assert_eq!(ids(&text), [""; 0], "{text}");
        parsed(&text)
    };
    for everywhere in [false, true] {
        assert!(rules("too-long", everywhere).attributes["department"].unbounded);
        assert!(!rules("may-be-too-long", everywhere).attributes["department"].unbounded);
    }
}

#[test]
fn permissions_change_no_fingerprint() {
    let print = |text: &str| parsed(text).fingerprint;
    let base = print("[attributes]\nshowInAddressList = true\ndepartment = 'Append([department], \"x\")'\n");
    for same in [
        "allow = ['address-list']\n[attributes]\nshowInAddressList = true\ndepartment = 'Append([department], \"x\")'\n",
        "[attributes]\nshowInAddressList = { constant = true, allow = ['address-list'] }\n\
         department = { expression = 'Append([department], \"x\")', allow = ['too-long'] }\n",
    ] {
        assert_eq!(print(same), base, "{same}");
    }
}

#[test]
fn operators_are_found_by_what_people_write() {
    let hint = |operator: &str| {
        let text = format!("[[scope]]\nall = [{{ attribute = 'mail', operator = '{operator}', value = 'x' }}]\n");
        let findings = found(&text);
        assert_eq!(findings.iter().map(|f| f.id).collect::<Vec<_>>(), ["unknown-operator"], "{operator}");
        findings[0].hint.clone().expect("a hint")
    };
    let meant = [
        ("equals", "EQUALS"),
        ("Equal", "EQUALS"),
        ("==", "EQUALS"),
        ("<>", "NOT EQUALS"),
        ("NOT_EQUALS", "NOT EQUALS"),
        ("IS_TRUE", "IS TRUE"),
        ("isTrue", "IS TRUE"),
        ("is null", "IS NULL"),
        ("NOT NULL", "IS NOT NULL"),
        ("REGEX", "REGEX MATCH"),
        ("regex_match", "REGEX MATCH"),
        ("NOT_REGEX_MATCH", "NOT REGEX MATCH"),
        ("GreaterThan", "Greater_Than"),
        ("GREATER_THAN", "Greater_Than"),
        ("GREATER_THAN_OR_EQUALS", "Greater_Than_OR_EQUALS"),
        (">=", "Greater_Than_OR_EQUALS"),
        ("INCLUDES", "Includes"),
        ("contains", "Includes"),
        ("EndsWith", "ENDS_WITH"),
        ("in", "&"),
        ("not in", "!&"),
    ];
    for (written, meant) in meant {
        assert_eq!(hint(written), format!("did you mean `{meant}`?"), "{written}");
    }
    assert!(hint("xyzzy").starts_with("operators are EQUALS, "));
}

#[test]
fn attributes_and_keys_are_found_by_what_people_write() {
    let hint = |line: &str| {
        let findings = found(&format!("{line}\n"));
        let finding = findings.iter().find(|f| matches!(f.id, "unknown-attribute" | "unknown-key"));
        finding.unwrap_or_else(|| panic!("{line}: {findings:#?}")).hint.clone().expect("a hint")
    };
    let cases = [
        ("[attributes]\ndisplayname = '[mail]'", "did you mean `displayName`?"),
        ("[attributes]\ntelephoneNumber = '[mail]'", "Graph calls it `businessPhones`"),
        ("[attributes]\nMobile = '[mail]'", "Graph calls it `mobilePhone`"),
        ("[attributes]\ncity = '[l]'", "Graph calls it `city`"),
        ("[attributes]\ncity = '[ExtensionAttribute4]'", "did you mean `extensionAttribute4`?"),
        (
            "[attributes]\ncity = '[onPremisesExtensionAttributes.extensionAttribute4]'",
            "write `extensionAttribute4` alone",
        ),
        ("[[match]]\ntarget = 'email'\nsource = '[mail]'", "Graph calls it `mail`"),
        ("[[scope]]\nall = [{ attribute = 'UserType', operator = 'IS NULL' }]", "did you mean `userType`?"),
        ("[attributes]\ncity = { expression = '[city]', whenEmpty = 'keep' }", "did you mean `when_empty`?"),
        ("alow = []", "did you mean `allow`?"),
    ];
    for (line, wanted) in cases {
        assert_eq!(hint(line), wanted, "{line}");
    }
}

fn takes(property: &Property) -> String {
    let length = property.length_max.map(|n| format!("{n} characters"));
    let items = property.items_max.map(|n| if n == 1 { "1 item".to_owned() } else { format!("{n} items") });
    let values = (!property.values.is_empty()).then(|| property.values.join(", "));
    match (items, length, values) {
        (Some(items), Some(length), _) => format!("{items} of {length} each"),
        (items, length, values) => items.or(length).or(values).unwrap_or_default(),
    }
}

fn kind(property: &Property) -> &'static str {
    match property.kind {
        Kind::Text => "text",
        Kind::Bool => "Boolean",
        Kind::List => "list of texts",
        Kind::Reference => "another user",
    }
}

#[test]
fn the_page_of_properties_says_what_the_source_knows() {
    let mark = |is: bool| if is { "yes" } else { "" };
    let (mut written, mut read) = (Vec::new(), Vec::new());
    // Fifteen rows alike would say no more than one.
    let shown = |p: &&Property| {
        p.kind != Kind::Reference && (!p.name.starts_with("extensionAttribute") || p.name == "extensionAttribute1")
    };
    for p in PROPERTIES.iter().filter(shown) {
        let name = match p.name {
            "extensionAttribute1" => "`extensionAttribute1` to `extensionAttribute15`".to_owned(),
            name => format!("`{name}`"),
        };
        let why = match p.access {
            Access::Writable | Access::NotClearable => {
                let cleared = mark(p.access == Access::Writable);
                let (sensitive, key) = (mark(p.sensitive), mark(p.key));
                let cells = format!("| {name} | {} | {} | {cleared} | {sensitive} | {key} |", kind(p), takes(p));
                written.push(cells);
                continue;
            }
            Access::ReadOnly(why) => why,
            Access::NotByApps => "only a signed-in person may write it",
        };
        read.push(format!("| {name} | {} | {why} | {} |", kind(p), mark(p.key)));
    }
    let head = "| property | holds | takes | cleared | sensitive | match |\n|---|---|---|---|---|---|";
    let table = format!("{head}\n{}\n", written.join("\n").replace("|  |", "| |").replace("|  |", "| |"));
    assert!(PROPERTIES_PAGE.contains(&table), "docs/properties.md should have this table:\n{table}");
    let head = "| property | holds | why | match |\n|---|---|---|---|";
    let table = format!("{head}\n{}\n", read.join("\n").replace("|  |", "| |"));
    assert!(PROPERTIES_PAGE.contains(&table), "docs/properties.md should have this table:\n{table}");
}
