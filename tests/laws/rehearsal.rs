//! Do rule tests say what the planner does, and would they notice if a shipped rule set said something else?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crosstie::model::{Observed, Presence, Timestamp};
use crosstie::plan::{PlannedRoute, Rehearsal, Verdict, differences, judgement, rehearse};
use crosstie::rules::{
    AccountKind, Expectation, ExpectedValue, Judgement, LeaverAction, Leaving, RuleSet, TEST_NOW, TestCase,
};
use proptest::prelude::*;

use super::world::{home_users, route_name, rules_text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sync-rules")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn cases(text: &str) -> Vec<TestCase> {
    let (cases, warnings) = TestCase::parse_all(text).unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(warnings, []);
    cases
}

fn rehearsed(rules: &RuleSet, case: &TestCase) -> Rehearsal {
    let rules = vec![Arc::new(rules.clone())];
    rehearse(&PlannedRoute { name: route_name(), rules, ownership: Default::default() }, case)
}

/// Names of the cases that fail.
fn failed<'a>(rules: &RuleSet, cases: &'a [TestCase]) -> Vec<&'a str> {
    let fails = |case: &&TestCase| !differences(&case.expect, rules, &rehearsed(rules, case)).is_empty();
    cases.iter().filter(fails).map(|case| case.name.as_str()).collect()
}

#[test]
fn every_shipped_rule_set_has_tests_and_passes_them() {
    let mut tried = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".toml").filter(|name| !name.ends_with(".test")) else { continue };
        let (rules, _) = RuleSet::parse(name, &read(&file)).unwrap();
        let cases = cases(&read(&format!("{name}.test.toml")));
        assert!(cases.len() >= 10, "{name} has only {} tests", cases.len());
        assert!(failed(&rules, &cases).is_empty(), "{name}: {:?}", failed(&rules, &cases));
        tried += 1;
    }
    assert!(tried >= 1);
}

/// Rule sets that differ from the shipped one in one thing, with what was changed.
fn slips(text: &str) -> Vec<(String, String)> {
    let mut slips = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut section = "";
    for (at, line) in lines.iter().enumerate() {
        let with = |other: String| {
            let mut all: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
            all[at] = other;
            all.join("\n")
        };
        if line.starts_with('[') {
            section = line;
        }
        let code = line.split(" #").next().unwrap();
        // The clause on blocks says nothing beside `disabled = "disable"`: the scope is asked as if nobody was blocked. Nor
        // does `when_empty = "keep"` where Graph takes no null, as for both attributes that have it: it is not swapped.
        if code.starts_with('#') || !code.contains('=') || code.contains("accountEnabled") || section == "[guard]" {
            continue;
        }
        if section == "[attributes]" || code.trim_start().starts_with('{') {
            slips.push((format!("without: {code}"), with(String::new())));
        }
        let swaps = [
            ("\"member\"", "\"guest\""),
            ("\"delete\"", "\"keep\""),
            ("\"delete\"", "\"disable\""),
            ("\"disable\"", "\"keep\""),
            ("\"disable\"", "\"delete\""),
            ("grace_days   = 0", "grace_days = 7"),
            (", apply = \"create\"", ""),
            (", apply = \"create\"", ", apply = \"on-change\""),
            ("[", "[city] # ["),
            ("= \"[", "= \"[city]\" # ["),
            ("\"mail\"", "\"employeeId\""),
            ("= \"[mail]\"", "= \"[userPrincipalName]\""),
            ("true", "false"),
            ("REGEX MATCH", "NOT REGEX MATCH"),
            ("^(", "("),
            (")$", ")"),
            ("Teacher|", ""),
            ("|Staff", ""),
            ("^(", "(?i)^("),
            ("Staff", "Staff|Student"),
        ];
        for (from, to) in swaps.into_iter().filter(|(from, _)| code.contains(from)) {
            let other = code.replacen(from, to, 1);
            slips.push((format!("{code} -> {other}"), with(other)));
        }
    }
    slips
}

#[test]
fn no_slip_in_the_shipped_rule_set_passes_its_tests() {
    let text = read("staff.toml");
    let cases = cases(&read("staff.test.toml"));
    let (shipped, _) = RuleSet::parse("staff", &text).unwrap();
    let mut tried = 0;
    for (what, text) in slips(&text) {
        // What is no rule set any more is caught earlier; what decides nothing needs no test.
        let Ok((rules, _)) = RuleSet::parse("staff", &text) else { continue };
        if rules.fingerprint == shipped.fingerprint {
            continue;
        }
        assert!(!failed(&rules, &cases).is_empty(), "every test passes with {what}");
        tried += 1;
    }
    assert!(tried >= 40, "only {tried} slips were tried");
}

fn case_of(home: &Observed, groups: &[String]) -> TestCase {
    TestCase {
        name: "generated".to_owned(),
        line: 1,
        now: TEST_NOW,
        user: home.attributes.clone(),
        groups: groups.iter().cloned().collect(),
        deleted: home.presence != Presence::Present,
        expect: Expectation::default(),
    }
}

/// What `[leavers]` says, as its documentation reads.
fn documented(rules: &RuleSet, verdict: Verdict) -> Option<Leaving> {
    let action = match verdict {
        Verdict::In | Verdict::NotOurs => return None,
        Verdict::Disabled => rules.leavers.disabled,
        Verdict::Out => rules.leavers.out_of_scope,
        Verdict::HomeRemoved => rules.leavers.deleted,
    };
    Some(match action {
        LeaverAction::Keep => Leaving::Keep,
        LeaverAction::Disable => Leaving::Disable,
        LeaverAction::Delete => Leaving::Delete { after_days: u64::from(rules.leavers.grace_days) },
    })
}

/// The expectation that exactly this outcome meets.
fn expectation(outcome: &Rehearsal, rules: &RuleSet) -> Expectation {
    let kind = |user_type: &str| if user_type == "Member" { AccountKind::Member } else { AccountKind::Guest };
    let mut expect = Expectation {
        scope: Some(judgement(outcome.verdict)),
        account: Some(outcome.made.as_ref().map(|made| kind(&made.user_type))),
        invited: outcome.made.as_ref().map(|made| made.address.clone()),
        matches: outcome.rungs.iter().cloned().collect(),
        leaver: outcome.leaving,
        exactly: true,
        ..Expectation::default()
    };
    let Ok(wanted) = &outcome.written else { return expect };
    for attribute in rules.attributes.keys() {
        if !wanted.managed.contains(attribute) {
            expect.kept.insert(attribute.clone());
            continue;
        }
        let apply = rules.attributes[attribute].apply;
        let value = Some(wanted.values.get(attribute).cloned().unwrap_or_else(|| "".into()));
        expect.attributes.insert(attribute.clone(), ExpectedValue { value, apply: Some(apply) });
    }
    expect
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// The planner, asked about an account that stands, does what `[leavers]` says.
    #[test]
    fn leavers_end_as_their_table_says(text in rules_text(), home in home_users()) {
        let (rules, _) = RuleSet::parse("staff", &text).unwrap();
        let outcome = rehearsed(&rules, &case_of(&home, &[]));
        prop_assert_eq!(outcome.leaving, documented(&rules, outcome.verdict));
        let stays = outcome.verdict == Verdict::In || outcome.leaving == Some(Leaving::Disable) && outcome.verdict == Verdict::Disabled;
        prop_assert!(stays || outcome.written.is_err());
        prop_assert_eq!(outcome.made.is_some(), outcome.verdict == Verdict::In && outcome.written.is_ok());
    }

    /// An expectation that says what happens is met, and one that says anything else is not.
    #[test]
    fn a_test_passes_where_it_says_what_happens_and_nowhere_else(text in rules_text(), home in home_users()) {
        let (rules, _) = RuleSet::parse("staff", &text).unwrap();
        let outcome = rehearsed(&rules, &case_of(&home, &[]));
        let right = expectation(&outcome, &rules);
        prop_assert_eq!(differences(&right, &rules, &outcome), []);

        let wrong = |change: &dyn Fn(&mut Expectation)| {
            let mut expect = right.clone();
            change(&mut expect);
            differences(&expect, &rules, &outcome).len()
        };
        for (_, word) in Judgement::WORDS.into_iter().filter(|(_, word)| Some(*word) != right.scope) {
            prop_assert_eq!(wrong(&|e| e.scope = Some(word)), 1);
        }
        for kind in [None, Some(AccountKind::Guest), Some(AccountKind::Member)] {
            prop_assert_eq!(wrong(&|e| e.account = Some(kind)), usize::from(Some(kind) != right.account));
        }
        prop_assert_eq!(wrong(&|e| e.leaver = Some(Leaving::Delete { after_days: 8 })), 1);
        prop_assert_eq!(wrong(&|e| e.held = Some("no such reason".to_owned())), 1);
        prop_assert_eq!(wrong(&|e| e.invited = Some("eve@nowhere.example".to_owned())), 1);
        prop_assert_eq!(wrong(&|e| drop(e.matches.insert("city".into(), "x".to_owned()))), 1);
        for attribute in right.attributes.keys() {
            let value = ExpectedValue { value: Some("nobody's".into()), apply: None };
            prop_assert_eq!(wrong(&|e| drop(e.attributes.insert(attribute.clone(), value.clone()))), 1);
            // `exactly`: nothing is written that is not named.
            prop_assert_eq!(wrong(&|e| drop(e.attributes.remove(attribute))), 1);
        }
        for attribute in &right.kept {
            let value = ExpectedValue { value: Some("nobody's".into()), apply: None };
            prop_assert_eq!(wrong(&|e| drop(e.attributes.insert(attribute.clone(), value.clone()))), 1);
        }
    }

    /// The words of test files are read as they are shown.
    #[test]
    fn every_end_of_a_leaver_has_its_words(after_days in 0u64..4_000) {
        for leaving in [Leaving::Keep, Leaving::Disable, Leaving::Delete { after_days }] {
            prop_assert_eq!(Leaving::parse(&leaving.to_string()), Some(leaving));
        }
    }
}

#[test]
fn the_usual_instant_is_the_one_that_is_documented() {
    assert_eq!(Timestamp::parse("2026-01-01T00:00:00Z"), Some(TEST_NOW));
    let of = |text: &str| cases(text).iter().map(|case| case.now.rfc3339()).collect::<Vec<_>>();
    let case = |name: &str, now: &str| {
        format!("[[case]]\nname = \"{name}\"\n{now}\nuser = {{}}\nexpect = {{ scope = \"in\" }}\n")
    };
    assert_eq!(of(&case("usual", "")), ["2026-01-01T00:00:00.000Z"]);
    let (files, own) = (case("the file's", ""), case("its own", "now = \"2026-12-24\""));
    let both = of(&format!("now = 2026-11-01T09:00:00+01:00\n{files}{own}"));
    assert_eq!(both, ["2026-11-01T08:00:00.000Z", "2026-12-24T00:00:00.000Z"]);
}
