//! Is this text a file of rule tests, and which cases are in it? Every mistake is found at once.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::attributes::{fits, flat, writable};
use super::diagnostic::{Diagnostic, did_you_mean};
use super::lints;
use super::parse::{Reading, constant};
use super::table::{Field, Section, Word, document};
use super::test_case::{Expectation, ExpectedValue, Judgement, Leaving, TestCase};
use super::{AccountKind, Apply};
use crate::model::{Attribute, Attributes, Timestamp, Value};

/// What `Now()` gives where a file does not say: 2026-01-01T00:00:00Z. Any instant would do, as long as it is always the
/// same one and documented: a test that passes today passes tomorrow.
pub const TEST_NOW: Timestamp = Timestamp(1_767_225_600_000);

impl TestCase {
    /// Reads one file `NAME.test.toml`.
    ///
    /// With the cases come warnings; without them, everything that was found, errors and warnings.
    pub fn parse_all(text: &str) -> Result<(Vec<TestCase>, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut reading = Reading::of(text);
        let Some(table) = document(text, &mut reading.findings) else { return Err(reading.findings) };
        let cases = reading.test_file(&Section::root(&table, "a file of rule tests"));
        reading.findings.retain(|finding| !is_for_rules_only(finding));
        reading.findings.sort_by_key(|f| f.span.as_ref().map(|s| s.start));
        if reading.findings.iter().any(Diagnostic::is_error) {
            return Err(reading.findings);
        }
        Ok((cases, reading.findings))
    }
}

/// What a rule set may let stand is its own affair, and its tests have to speak of it. A slip of the pen is theirs.
fn is_for_rules_only(finding: &Diagnostic) -> bool {
    let slips = ["unknown-attribute", "impossible-value"];
    lints::find(finding.id).is_some_and(|lint| lint.may_be_allowed) && !slips.contains(&finding.id)
}

impl<'t> Reading<'t> {
    fn test_file(&mut self, root: &Section<'t>) -> Vec<TestCase> {
        root.only(&["now", "user", "case"], &mut self.findings);
        let now = self.instant(root).unwrap_or(TEST_NOW);
        let everybody = match root.section("user", "[user]", &mut self.findings) {
            Some(section) => self.person(&section),
            None => BTreeMap::new(),
        };
        if root.field("case").is_none() {
            let finding = Diagnostic::error("no-case", "no case is in this file, so it tests nothing");
            let hint = "add one: [[case]] with `name`, `user` and `expect`";
            self.findings.push(finding.hint(hint));
        }
        let sections = root.sections("case", "[[case]]", &mut self.findings);
        let mut names = BTreeSet::new();
        let mut cases = Vec::new();
        for section in &sections {
            let Some(case) = self.case(section, now, &everybody) else { continue };
            if !names.insert(case.name.clone()) {
                let message = format!("another case is called `{}` too", case.name);
                let span = section.field("name").map_or(section.span.clone(), |f| f.span);
                let finding = Diagnostic::error("duplicate-case", message).at(span);
                self.findings.push(finding.hint("say what is different about this one"));
            }
            cases.push(case);
        }
        cases
    }

    fn case(&mut self, section: &Section<'t>, now: Timestamp, everybody: &Person) -> Option<TestCase> {
        section.only(&["name", "now", "user", "groups", "deleted", "expect"], &mut self.findings);
        let name = section.required("name", &mut self.findings);
        let now = self.instant(section).unwrap_or(now);
        let mut person = everybody.clone();
        match section.field("user") {
            Some(_) => {
                let own = section.section("user", "`user`", &mut self.findings);
                person.extend(own.map(|own| self.person(&own)).unwrap_or_default());
            }
            None if everybody.is_empty() => self.findings.push(section.missing("user")),
            None => {}
        }
        let groups = self.member_of(section);
        let deleted = self.truth(section, "deleted").unwrap_or(false);
        let expect = match section.field("expect") {
            Some(_) => section.section("expect", "`expect`", &mut self.findings).map(|e| self.expectation(&e)),
            None => {
                self.findings.push(section.missing("expect"));
                None
            }
        };
        let mut user: Attributes = person.into_iter().filter_map(|(a, v)| Some((a, v?))).collect();
        // As in Graph, where every user has it: a case is about a block only where it says so.
        user.entry(Attribute::from(Attribute::ACCOUNT_ENABLED)).or_insert(Value::Bool(true));
        let before = self.file.get(..section.span.start).unwrap_or_default();
        Some(TestCase {
            name: name?.text.to_owned(),
            line: before.matches('\n').count() + 1,
            now,
            user,
            groups,
            deleted,
            expect: expect?,
        })
    }

    /// An RFC 3339 instant or a date, as a text or as TOML writes it.
    fn instant(&mut self, section: &Section<'t>) -> Option<Timestamp> {
        let field = section.field("now")?;
        let text = match field.value {
            DeValue::Datetime(date) => date.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => {
                self.findings.push(field.should_be("a text"));
                return None;
            }
        };
        let parsed = Timestamp::parse(&text);
        if parsed.is_none() {
            let finding = Diagnostic::error("instant", format!("`{text}` is no instant")).at(field.span);
            self.findings.push(finding.hint("write it with its offset: now = \"2026-11-01T09:00:00Z\", or a date"));
        }
        parsed
    }

    fn truth(&mut self, section: &Section<'t>, key: &str) -> Option<bool> {
        let field = section.field(key)?;
        let truth = field.value.as_bool();
        if truth.is_none() {
            self.findings.push(field.should_be("true or false").hint(format!("write `{key} = true`")));
        }
        truth
    }

    fn member_of(&mut self, section: &Section<'t>) -> BTreeSet<String> {
        let words = section.field("groups").and_then(|f| f.words(false, &mut self.findings)).unwrap_or_default();
        self.group_ids(&words);
        words.iter().map(|word| word.text.to_ascii_lowercase()).collect()
    }

    /// Attributes as Graph returns them: complex properties nested or flat, `manager` by its id.
    fn person(&mut self, section: &Section<'t>) -> Person {
        let mut person = Person::new();
        for (name, field) in flat(section, &mut self.findings) {
            self.readable(&name, field.key_span.clone());
            let field = match field.value {
                DeValue::Table(_) if name == Attribute::MANAGER => {
                    let Some(manager) = field.section("`manager`".to_owned(), &mut self.findings) else { continue };
                    manager.only(&["id"], &mut self.findings);
                    let Some(id) = manager.field("id") else {
                        self.findings.push(manager.missing("id"));
                        continue;
                    };
                    id
                }
                _ => field,
            };
            if let Some(value) = self.value(&name, &field) {
                self.put(&mut person, &name, &field, Some(value).filter(|v| !v.is_empty()));
            }
        }
        person
    }

    /// A value in the type of its attribute.
    fn value(&mut self, name: &str, field: &Field<'t>) -> Option<Value> {
        let attribute = Attribute::new(name);
        let reference = attribute.is_reference();
        match constant(field.value) {
            Some(Value::Text(id)) if reference => Some(Value::Text(id)),
            // No value fits every type.
            Some(value) if value.is_empty() => Some(value),
            Some(value) if !reference => {
                let place = Word { text: "", span: field.span.clone() };
                fits(self, &attribute, value, &place).map(|(value, _)| value)
            }
            _ => {
                let finding = match field.value {
                    _ if reference => field.should_be("a text"),
                    DeValue::Array(_) => {
                        let message = format!("the list `{}` must hold texts only", field.key);
                        Diagnostic::error("wrong-type", message).at(field.span.clone())
                    }
                    _ => field.should_be("a text, a Boolean, a whole number or a list of texts"),
                };
                self.findings.push(finding.hint(format!("write `{name} = \"…\"`; or true, 5, [\"a\", \"b\"]")));
                None
            }
        }
    }

    fn put<T>(&mut self, into: &mut BTreeMap<Attribute, T>, name: &str, field: &Field<'t>, value: T) {
        if into.insert(Attribute::new(name), value).is_some() {
            let finding = Diagnostic::error("duplicate-key", format!("`{name}` is written twice"));
            self.findings.push(finding.at(field.key_span.clone()).hint("keep one of the two"));
        }
    }

    fn expectation(&mut self, section: &Section<'t>) -> Expectation {
        let known = ["scope", "account", "invited", "match", "attributes", "kept", "exactly", "leaver", "held"];
        section.only(&known, &mut self.findings);
        let kinds = [("member", Some(AccountKind::Member)), ("guest", Some(AccountKind::Guest)), ("none", None)];
        let text = |reading: &mut Self, key: &str| {
            section.field(key)?;
            section.required(key, &mut reading.findings).map(|word| word.text.to_owned())
        };
        let expect = Expectation {
            scope: section.choice("scope", &Judgement::WORDS, &mut self.findings),
            account: section.choice("account", &kinds, &mut self.findings),
            invited: text(self, "invited"),
            matches: self.matches(section),
            attributes: self.expected_values(section),
            kept: self.kept(section),
            exactly: self.truth(section, "exactly").unwrap_or(false),
            leaver: self.leaver(section),
            held: text(self, "held"),
        };
        if section.is_empty() {
            let finding = Diagnostic::error("empty", "this case expects nothing").at(section.span.clone());
            self.findings.push(finding.hint(format!("say what must come out: {}", known.join(", "))));
        }
        self.contradictions(section, &expect);
        expect
    }

    fn matches(&mut self, section: &Section<'t>) -> BTreeMap<Attribute, String> {
        let mut matches = BTreeMap::new();
        let Some(section) = section.section("match", "`match`", &mut self.findings) else { return matches };
        for (name, field) in flat(&section, &mut self.findings) {
            self.readable(&name, field.key_span.clone());
            if let Some(word) = field.word(&mut self.findings) {
                self.put(&mut matches, &name, &field, word.text.to_owned());
            }
        }
        matches
    }

    fn expected_values(&mut self, section: &Section<'t>) -> BTreeMap<Attribute, ExpectedValue> {
        let mut values = BTreeMap::new();
        let Some(section) = section.section("attributes", "`attributes`", &mut self.findings) else { return values };
        for (name, field) in flat(&section, &mut self.findings) {
            writable(self, &name, field.key_span.clone());
            let expected = match field.value {
                DeValue::Table(_) => self.detailed(&name, &field),
                _ => self.value(&name, &field).map(|value| ExpectedValue { value: Some(value), apply: None }),
            };
            if let Some(expected) = expected {
                self.put(&mut values, &name, &field, expected);
            }
        }
        values
    }

    /// `{ value = "GB", apply = "create" }`.
    fn detailed(&mut self, name: &str, field: &Field<'t>) -> Option<ExpectedValue> {
        let section = field.section(format!("the attribute `{name}`"), &mut self.findings)?;
        section.only(&["value", "apply"], &mut self.findings);
        let apply = section.choice("apply", &Apply::WORDS, &mut self.findings);
        let value = match section.field("value") {
            Some(value) => Some(self.value(name, &value)?),
            None => None,
        };
        if section.is_empty() {
            self.findings.push(section.missing("value"));
        }
        Some(ExpectedValue { value, apply })
    }

    fn kept(&mut self, section: &Section<'t>) -> BTreeSet<Attribute> {
        let words = section.field("kept").and_then(|f| f.words(false, &mut self.findings)).unwrap_or_default();
        words.iter().for_each(|word| self.readable(word.text, word.span.clone()));
        words.iter().map(|word| Attribute::new(word.text)).collect()
    }

    fn leaver(&mut self, section: &Section<'t>) -> Option<Leaving> {
        let word = section.word("leaver", &mut self.findings)?;
        let leaver = Leaving::parse(word.text);
        if leaver.is_none() {
            let all = "keep | disable | delete | delete after N days";
            let message = format!("`leaver` is {all}, and not `{}`", word.text);
            let hint = did_you_mean(word.text, ["keep", "disable", "delete"]);
            let finding = Diagnostic::error("unknown-word", message).at(word.span);
            self.findings.push(finding.hint(hint.unwrap_or_else(|| format!("write one of {all}"))));
        }
        leaver
    }

    /// What no rule set could ever fulfil is a mistake of the test.
    fn contradictions(&mut self, section: &Section<'t>, expect: &Expectation) {
        let made = matches!(expect.account, Some(Some(_))) || expect.invited.is_some();
        let sought = expect.matches.values().any(|value| !value.trim().is_empty());
        let written = !expect.attributes.is_empty() || !expect.kept.is_empty();
        let left = matches!(expect.scope, Some(Judgement::Out | Judgement::Deleted | Judgement::External));
        let mut complaints = Vec::new();
        if let Some(scope) = expect.scope.filter(|scope| *scope != Judgement::In) {
            let who = scope.as_str();
            if made || sought {
                complaints.push(format!("no account is looked for or made where `scope` is \"{who}\""));
            }
            if written && left {
                complaints.push(format!("no attribute is written where `scope` is \"{who}\""));
            }
            if expect.held.is_some() {
                complaints.push(format!("nobody is held whose `scope` is \"{who}\""));
            }
        }
        if expect.leaver.is_some()
            && let Some(scope) = expect.scope.filter(|s| matches!(s, Judgement::In | Judgement::External))
        {
            complaints.push(format!("nobody leaves whose `scope` is \"{}\"", scope.as_str()));
        }
        if expect.held.is_some() && (made || written || expect.leaver.is_some()) {
            complaints.push("nothing happens to the account of a person who is held".to_owned());
        }
        if let Some(both) = expect.kept.iter().find(|a| expect.attributes.contains_key(*a)) {
            complaints.push(format!("`{both}` cannot be written and kept as it is"));
        }
        for complaint in complaints {
            let finding = Diagnostic::error("contradiction", complaint).at(section.span.clone());
            self.findings.push(finding.hint("no rule set can pass this case: drop one of the two expectations"));
        }
    }
}

/// Attributes, and those that a case takes away from what everybody has: `""` and `[]` stand for no value.
type Person = BTreeMap<Attribute, Option<Value>>;
