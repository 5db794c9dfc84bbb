//! Where does what the rules make of a person differ from what a test expects?

use std::fmt::Write as _;

use serde_json::json;

use super::rehearse::{Rehearsal, Unwritten};
use super::{Verdict, Wanted};
use crate::model::{Attribute, Value, folded, same_value};
use crate::rules::{Apply, Expectation, ExpectedValue, Judgement, RuleSet};

/// One expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is compared: `scope`, `account`, or the name of an attribute.
    pub of: String,
    /// What the test says.
    pub expected: String,
    /// What the rules make.
    pub found: String,
}

/// The word of test files for it.
pub fn judgement(verdict: Verdict) -> Judgement {
    match verdict {
        Verdict::In => Judgement::In,
        Verdict::Disabled => Judgement::Disabled,
        Verdict::Out => Judgement::Out,
        Verdict::HomeRemoved => Judgement::Deleted,
        Verdict::NotOurs => Judgement::External,
    }
}

/// Everything that differs, in the order of the documentation. Compared is what the test names, and nothing else.
pub fn differences(expect: &Expectation, rules: &RuleSet, rehearsal: &Rehearsal) -> Vec<Difference> {
    let mut differing = Differing { rehearsal, found: Vec::new() };
    differing.account(expect);
    differing.matches(expect);
    match &rehearsal.written {
        Ok(wanted) => differing.attributes(expect, rules, wanted),
        Err(_) => differing.unwritten(expect),
    }
    differing.end(expect);
    differing.found
}

struct Differing<'a> {
    rehearsal: &'a Rehearsal,
    found: Vec<Difference>,
}

impl Differing<'_> {
    fn compare(&mut self, of: impl Into<String>, same: bool, expected: impl Into<String>, found: impl Into<String>) {
        if !same {
            self.found.push(Difference { of: of.into(), expected: expected.into(), found: found.into() });
        }
    }

    fn account(&mut self, expect: &Expectation) {
        let judged = judgement(self.rehearsal.verdict);
        if let Some(scope) = expect.scope {
            self.compare("scope", scope == judged, quoted(scope.as_str()), quoted(judged.as_str()));
        }
        let made = self.rehearsal.made.as_ref();
        let none = || format!("\"none\"{}", self.reason());
        if let Some(kind) = expect.account {
            let kind = kind.map(|k| k.user_type().to_ascii_lowercase());
            let user_type = made.map(|m| m.user_type.to_ascii_lowercase());
            let found = user_type.as_deref().map_or_else(none, quoted);
            self.compare("account", kind == user_type, quoted(kind.as_deref().unwrap_or("none")), found);
        }
        if let Some(invited) = &expect.invited {
            let address = made.map(|m| m.address.as_str());
            let found = address.map_or_else(|| format!("nobody{}", self.reason()), quoted);
            self.compare("invited", address == Some(invited), quoted(invited), found);
        }
    }

    /// Why nothing is made or written, for the side of the diff that says what is there.
    fn reason(&self) -> String {
        match &self.rehearsal.written {
            Err(Unwritten::Held(reason)) => format!(" (held: {reason})"),
            Err(Unwritten::Ignored) => " (IgnoreObjectFlow)".to_owned(),
            // Where attributes are written and no account is made, the person is blocked at home.
            Err(Unwritten::Left) | Ok(_) => format!(" (scope is \"{}\")", judgement(self.rehearsal.verdict).as_str()),
        }
    }

    fn matches(&mut self, expect: &Expectation) {
        for (attribute, value) in &expect.matches {
            let of_it = self.rehearsal.rungs.iter().filter(|(a, _)| a == attribute);
            let all: Vec<&str> = of_it.map(|(_, value)| value.as_str()).collect();
            let wanted = folded(value);
            let same = if wanted.is_empty() { all.is_empty() } else { all.contains(&wanted.as_str()) };
            let found = match all.as_slice() {
                [] => "not looked for".to_owned(),
                values => values.iter().map(|v| quoted(v)).collect::<Vec<_>>().join(", "),
            };
            let expected = if wanted.is_empty() { "not looked for".to_owned() } else { quoted(value) };
            self.compare(format!("match {attribute}"), same, expected, found);
        }
    }

    fn attributes(&mut self, expect: &Expectation, rules: &RuleSet, wanted: &Wanted) {
        for (attribute, expected) in &expect.attributes {
            let managed = wanted.managed.contains(attribute);
            let value = wanted.values.get(attribute);
            let apply = apply(wanted, attribute);
            let same = managed
                && expected.value.as_ref().is_none_or(|v| same_value(Some(v), value))
                && expected.apply.is_none_or(|a| a == apply);
            let found = match (managed, rules.attributes.contains_key(attribute)) {
                (true, _) => written(expected.value.as_ref().map(|_| value), expected.apply.map(|_| apply)),
                (false, true) => "kept as it is".to_owned(),
                (false, false) => "kept as it is (nothing in [attributes] makes it)".to_owned(),
            };
            self.compare(attribute.as_str(), same, shown(expected), found);
        }
        let makes = |attribute: &Attribute| rules.attributes.contains_key(attribute);
        for attribute in &expect.kept {
            let managed = wanted.managed.contains(attribute) && makes(attribute);
            let found = written(Some(wanted.values.get(attribute)), None);
            self.compare(attribute.as_str(), !managed, "kept as it is", found);
        }
        if expect.exactly {
            let named = |a: &Attribute| expect.attributes.contains_key(a) || expect.kept.contains(a);
            // `userType` that no line makes is the kind of account, which has an expectation of its own.
            for attribute in wanted.managed.iter().filter(|a| makes(a) && !named(a)) {
                let found = written(Some(wanted.values.get(attribute)), None);
                self.compare(attribute.as_str(), false, "not written (`exactly`)", found);
            }
        }
    }

    /// One line for all of them: each alone would say the same.
    fn unwritten(&mut self, expect: &Expectation) {
        let named: Vec<&str> = expect.attributes.keys().chain(&expect.kept).map(Attribute::as_str).collect();
        self.compare("attributes", named.is_empty(), named.join(", "), format!("none{}", self.reason()));
    }

    fn end(&mut self, expect: &Expectation) {
        if let Some(leaver) = expect.leaver {
            let found = self
                .rehearsal
                .leaving
                .map_or_else(|| format!("stays{}", self.reason()), |leaving| quoted(&leaving.to_string()));
            self.compare("leaver", self.rehearsal.leaving == Some(leaver), quoted(&leaver.to_string()), found);
        }
        if let Some(part) = &expect.held {
            let reason = match &self.rehearsal.written {
                Err(Unwritten::Held(reason)) => Some(reason.as_str()),
                _ => None,
            };
            let found = reason.map_or_else(|| "not held".to_owned(), quoted);
            self.compare("held", reason.is_some_and(|r| r.contains(part.as_str())), quoted(part), found);
        }
    }
}

fn apply(wanted: &Wanted, attribute: &Attribute) -> Apply {
    if wanted.create_only.contains(attribute) {
        Apply::Create
    } else if wanted.on_change.contains(attribute) {
        Apply::OnChange
    } else {
        Apply::Always
    }
}

/// As test files write it; control characters and quotes are escaped, so that a difference can be seen.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn shown(expected: &ExpectedValue) -> String {
    written(expected.value.as_ref().map(Some), expected.apply)
}

/// What is compared of an attribute: its value, when it is written, or both.
fn written(value: Option<Option<&Value>>, apply: Option<Apply>) -> String {
    let mut text = match value {
        Some(Some(value)) if !value.is_empty() => json!(value).to_string(),
        Some(_) => "\"\" (no value)".to_owned(),
        None => String::new(),
    };
    if let Some(apply) = apply {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String does not fail.
        let _ = write!(text, "{comma}apply = \"{}\"", apply.as_str());
    }
    text
}
