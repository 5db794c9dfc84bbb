//! Is this text a rule set, and which one? Every mistake is found at once.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::allow::Allowed;
use super::attributes;
use super::diagnostic::{Diagnostic, did_you_mean};
use super::expression::{Dialect, Expression};
use super::fingerprint::fingerprint;
use super::properties::{Kind, Known, Property, look_up, property, suggestion};
use super::scope::{self, Operator};
use super::table::{Section, Word, document};
use super::{AccountKind, Clause, Day, Guard, LeaverAction, Leavers, Limit, Mapping, MatchRung, RuleSet, Scope};
use crate::model::{Attribute, Value};

/// Longer than any real case, short enough that no sum of dates overflows.
const GRACE_DAYS_MAX: i64 = 3_650;

/// What is read, and what was found on the way.
pub(super) struct Reading<'t> {
    /// In which dialect its expressions are written.
    pub(super) dialect: Dialect,
    /// The whole file, to find places inside texts.
    pub(super) file: &'t str,
    pub(super) findings: Vec<Diagnostic>,
    /// What the file allows everywhere.
    pub(super) everywhere: Vec<Allowed>,
    /// What was allowed somewhere and did not occur there.
    pub(super) idle: Vec<Allowed>,
}

impl RuleSet {
    /// Reads one file of `sync-rules/`. `name` is the file's name without `.toml`.
    ///
    /// With the rule set come warnings; without it, everything that was found, errors and warnings.
    pub fn parse(name: &str, text: &str) -> Result<(RuleSet, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut reading = Reading::of(text);
        let Some(table) = document(text, &mut reading.findings) else { return Err(reading.findings) };
        let rules = reading.rules(name, &Section::root(&table, "a rule set"));
        reading.findings.sort_by_key(|f| f.span.as_ref().map(|s| s.start));
        if reading.findings.iter().any(Diagnostic::is_error) {
            return Err(reading.findings);
        }
        Ok((rules, reading.findings))
    }
}

impl<'t> Reading<'t> {
    /// Nothing was found yet.
    pub(super) fn of(file: &'t str) -> Self {
        let (everywhere, idle) = (Vec::new(), Vec::new());
        Self { dialect: Dialect::default(), file, findings: Vec::new(), everywhere, idle }
    }

    fn rules(&mut self, name: &str, root: &Section<'t>) -> RuleSet {
        let known = ["description", "dialect", "account", "allow", "scope", "match", "attributes", "leavers", "guard"];
        root.only(&known, &mut self.findings);
        self.everywhere = self.allowed(root);
        let description = root.word("description", &mut self.findings).map(|w| w.text.to_owned());
        let kinds = [("guest", AccountKind::Guest), ("member", AccountKind::Member)];
        let account = root.choice("account", &kinds, &mut self.findings);
        self.dialect = root.choice("dialect", &Dialect::NAMED, &mut self.findings).unwrap_or_default();
        let scope = root.sections("scope", "[[scope]]", &mut self.findings);
        let scope = scope.iter().map(|section| self.scope(section)).collect();
        let matches = root.sections("match", "[[match]]", &mut self.findings);
        let matches = matches.iter().filter_map(|section| self.rung(section)).collect();
        let attributes = match root.section("attributes", "[attributes]", &mut self.findings) {
            Some(section) => attributes::read(self, &section),
            None => std::collections::BTreeMap::new(),
        };
        let (leavers, guard) = (self.leavers(root), self.guard(root, &attributes));
        let mut rules = RuleSet {
            name: name.to_owned(),
            description: description.unwrap_or_default(),
            // What an invitation makes where it is not told otherwise, and the lesser right.
            account: account.unwrap_or(AccountKind::Guest),
            scope,
            matches,
            attributes,
            leavers,
            guard,
            fingerprint: String::new(),
            text: self.file.to_owned(),
        };
        rules.fingerprint = fingerprint(&rules);
        let mut everywhere = std::mem::take(&mut self.everywhere);
        self.silence(0, &mut everywhere);
        self.whole(root, &rules);
        self.silence(0, &mut everywhere);
        self.done_with(everywhere);
        self.idle();
        rules
    }

    fn scope(&mut self, section: &Section<'t>) -> Scope {
        let from = self.findings.len();
        section.only(&["all", "groups", "allow"], &mut self.findings);
        let clauses = section.sections("all", "a clause", &mut self.findings);
        let all: Vec<Clause> = clauses.iter().filter_map(|clause| self.clause(clause)).collect();
        let groups = section.field("groups").and_then(|f| f.words(false, &mut self.findings)).unwrap_or_default();
        self.group_ids(&groups);
        if clauses.is_empty() && groups.is_empty() {
            let finding = Diagnostic::error("empty-scope", "this [[scope]] takes everybody: it has no clause");
            let hint = "add `all = [ … ]` or `groups = [ … ]`, or remove every [[scope]] to take all native users";
            self.findings.push(finding.at(section.span.clone()).hint(hint));
        }
        self.allow_in(section, from);
        Scope { all, groups: groups.iter().map(|g| g.text.to_ascii_lowercase()).collect() }
    }

    /// Complains of every word that is no group's object id.
    pub(super) fn group_ids(&mut self, groups: &[Word<'t>]) {
        for group in groups.iter().filter(|group| !is_guid(group.text)) {
            let message = "a group is named by its object id";
            let finding = Diagnostic::error("group-id", message).at(group.span.clone());
            self.findings.push(finding.hint("copy the group's Object ID from the home tenant: 8-4-4-4-12 digits"));
        }
    }

    fn clause(&mut self, section: &Section<'t>) -> Option<Clause> {
        section.only(&["attribute", "operator", "value"], &mut self.findings);
        let attribute = section.required("attribute", &mut self.findings);
        let operator = section.required("operator", &mut self.findings);
        let value = match section.field("value") {
            None => None,
            Some(field) => match constant(field.value) {
                Some(value) => Some((value, field.span)),
                None => {
                    self.findings.push(field.should_be("a text, a whole number or a list of texts"));
                    return None;
                }
            },
        };
        let (attribute, word) = (attribute?, operator?);
        let place = value.as_ref().map_or(word.span.clone(), |(_, span)| span.clone());
        let operator = match Operator::new(word.text, value.map(|(value, _)| value)) {
            Some(Ok(operator)) => operator,
            Some(Err(message)) => {
                let finding = Diagnostic::error("clause-value", message).at(place);
                self.findings.push(finding.hint(Operator::example(word.text)));
                return None;
            }
            None => {
                let message = format!("there is no operator `{}`", word.text);
                let hint = scope::suggestion(word.text);
                self.findings.push(Diagnostic::error("unknown-operator", message).at(word.span).hint(hint));
                return None;
            }
        };
        if self.comparable(&attribute, &operator) {
            self.likely(attribute.text, &operator, place);
        }
        Some(Clause { attribute: Attribute::new(attribute.text), operator })
    }

    /// Can this operator ever hold for that attribute?
    fn comparable(&mut self, attribute: &Word<'t>, operator: &Operator) -> bool {
        self.readable(attribute.text, attribute.span.clone());
        let Some(Property { kind, .. }) = property(attribute.text) else { return true };
        let truth = matches!(operator, Operator::IsTrue | Operator::IsFalse);
        let presence = matches!(operator, Operator::IsNull | Operator::IsNotNull);
        let complaint = match kind {
            Kind::Reference => Some("refers to another user, and scopes look at values".to_owned()),
            Kind::List if !presence => Some(format!("is a list, and {} looks at one value", operator.name())),
            Kind::Bool if !presence && !truth => Some("is a Boolean: use IS TRUE or IS FALSE".to_owned()),
            Kind::Text if truth => Some(format!("is a text: use EQUALS instead of {}", operator.name())),
            _ => None,
        };
        if let Some(complaint) = &complaint {
            let hint = match kind {
                Kind::Bool => "as in { attribute = \"accountEnabled\", operator = \"IS TRUE\" }",
                Kind::Text => "as in { attribute = \"department\", operator = \"EQUALS\", value = \"Sales\" }",
                Kind::List | Kind::Reference => "ask for another attribute, or for membership: groups = [\"…\"]",
            };
            let message = format!("`{}` {complaint}", attribute.text);
            self.findings.push(Diagnostic::error("clause-type", message).at(attribute.span.clone()).hint(hint));
        }
        complaint.is_none()
    }

    fn rung(&mut self, section: &Section<'t>) -> Option<MatchRung> {
        let from = self.findings.len();
        section.only(&["target", "source", "allow"], &mut self.findings);
        let target = section.required("target", &mut self.findings);
        let source = section.required("source", &mut self.findings).and_then(|word| self.expression(&word, false));
        if let Some(target) = &target {
            self.target(target);
            self.matched(target, source.as_ref());
        }
        self.allow_in(section, from);
        Some(MatchRung { target: Attribute::new(target?.text), source: source? })
    }

    /// Can the attribute of an account be compared with a text?
    fn target(&mut self, target: &Word<'t>) {
        self.readable(target.text, target.span.clone());
        if let Some(Property { kind: Kind::Bool | Kind::Reference, .. }) = property(target.text) {
            let message = format!("`{}` is no text, and matching compares texts", target.text);
            let finding = Diagnostic::error("match-type", message).at(target.span.clone());
            self.findings.push(finding.hint("mail, otherMails and employeeId are texts that few accounts share"));
        }
    }

    /// Complains where a name cannot be read of a user, or is not known.
    pub(super) fn readable(&mut self, name: &str, span: std::ops::Range<usize>) {
        match look_up(name) {
            Known::Property(_) => {}
            Known::Extension => {
                let message = "Graph refuses to read the users of a tenant that does not have this directory extension";
                let finding = Diagnostic::warning("extension", message).at(span);
                self.findings.push(finding.or_allow("see that every tenant of the route knows the app in its name"));
            }
            Known::NotTracked => {
                let message = format!("`{name}` cannot be used in a rule: delta queries do not track it");
                self.findings.push(Diagnostic::error("not-tracked", message).at(span).hint("use another attribute"));
            }
            Known::OutOfReach(why) => {
                let message = format!("`{name}` cannot be used in a rule: {why}");
                self.findings.push(Diagnostic::error("out-of-reach", message).at(span).hint("use another attribute"));
            }
            Known::No => {
                let message = format!("no user property is known by the name `{name}`");
                let finding = Diagnostic::warning("unknown-attribute", message).at(span);
                let hint =
                    suggestion(name).unwrap_or_else(|| "names are case-sensitive, as in Microsoft Graph".to_owned());
                self.findings.push(finding.hint(hint));
            }
        }
    }

    /// Parses an expression that stands in the file; faults inside it get their own place.
    pub(super) fn expression(&mut self, word: &Word<'t>, may_refer: bool) -> Option<Expression> {
        let expression = match Expression::parse_in(self.dialect, word.text) {
            Ok(expression) => expression,
            Err(error) => {
                let span = word.part(self.file, error.span);
                let finding = Diagnostic::error("expression", error.message).at(span);
                self.findings.push(Diagnostic { hint: error.hint, ..finding });
                return None;
            }
        };
        for attribute in expression.attributes() {
            let inner = expression.span_of(attribute.as_str()).unwrap_or(0..word.text.len());
            let span = word.part(self.file, inner);
            if attribute.is_reference() && !may_refer {
                let finding = Diagnostic::error("reference", "only the attribute `manager` may be made from [manager]");
                let hint = "[manager] is another user, not a text; write `manager = \"[manager]\"`";
                self.findings.push(finding.at(span).hint(hint));
            } else {
                self.readable(attribute.as_str(), span);
            }
        }
        self.compared(&expression, word);
        Some(expression)
    }

    fn leavers(&mut self, root: &Section<'t>) -> Leavers {
        let mut leavers = Leavers::default();
        let Some(section) = root.section("leavers", "[leavers]", &mut self.findings) else { return leavers };
        section.only(&["deleted", "out_of_scope", "disabled", "grace_days"], &mut self.findings);
        let actions =
            [("delete", LeaverAction::Delete), ("disable", LeaverAction::Disable), ("keep", LeaverAction::Keep)];
        let mut action =
            |key: &str, usual: LeaverAction| section.choice(key, &actions, &mut self.findings).unwrap_or(usual);
        leavers.deleted = action("deleted", leavers.deleted);
        leavers.out_of_scope = action("out_of_scope", leavers.out_of_scope);
        leavers.disabled = action("disabled", leavers.disabled);
        if let Some(days) = section.integer("grace_days", 0..=GRACE_DAYS_MAX, &mut self.findings) {
            leavers.grace_days = u32::try_from(days).unwrap_or(0);
        }
        let deletes = [leavers.deleted, leavers.out_of_scope, leavers.disabled].contains(&LeaverAction::Delete);
        if let Some(field) = section.field("grace_days").filter(|_| leavers.grace_days > 0 && !deletes) {
            let finding = Diagnostic::warning("idle-grace", "grace_days says nothing here: no leaver is deleted");
            self.findings.push(finding.at(field.key_span).hint("set `deleted` or `out_of_scope` to \"delete\""));
        }
        leavers
    }

    fn guard(&mut self, root: &Section<'t>, written: &BTreeMap<Attribute, Mapping>) -> Guard {
        let mut guard = Guard::default();
        let Some(section) = root.section("guard", "[guard]", &mut self.findings) else { return guard };
        let known = [
            "deletes",
            "disables",
            "updates",
            "provisions",
            "promotions",
            "attributes",
            "day",
            "minimum_population",
            "shrinkage",
        ];
        section.only(&known, &mut self.findings);
        guard.deletes = self.limit(&section, "deletes", guard.deletes);
        guard.disables = self.limit(&section, "disables", guard.disables);
        guard.updates = self.limit(&section, "updates", guard.updates);
        guard.provisions = self.limit(&section, "provisions", guard.provisions);
        guard.promotions = self.limit(&section, "promotions", guard.promotions);
        guard.attributes = self.attribute_limits(&section, "[guard.attributes]", BTreeMap::new(), written);
        guard.day = self.day(&section, &guard, written);
        let population = section.integer("minimum_population", 0..=i64::MAX, &mut self.findings);
        guard.minimum_population = population.and_then(|n| u64::try_from(n).ok()).unwrap_or(guard.minimum_population);
        let shrinkage = section.integer("shrinkage", 0..=100, &mut self.findings);
        guard.shrinkage = shrinkage.and_then(|n| u64::try_from(n).ok()).unwrap_or(guard.shrinkage);
        guard
    }

    /// Where a day's limit is not written, it is that of one run: many small ones may not do what one may not. It is not so of
    /// updates in all: their usual limit is there where nobody has thought of one, and the log of a whole day, in which they
    /// are by far the most, would be read in every cycle.
    fn day(&mut self, section: &Section<'t>, of_run: &Guard, mapped: &BTreeMap<Attribute, Mapping>) -> Day {
        let mut day = Day {
            deletes: of_run.deletes,
            disables: of_run.disables,
            provisions: of_run.provisions,
            promotions: of_run.promotions,
            attributes: of_run.attributes.clone(),
            ..Day::default()
        };
        let Some(written) = section.section("day", "[guard.day]", &mut self.findings) else { return day };
        let known = ["deletes", "disables", "updates", "provisions", "promotions", "attributes"];
        written.only(&known, &mut self.findings);
        day.deletes = self.limit(&written, "deletes", day.deletes);
        day.disables = self.limit(&written, "disables", day.disables);
        day.updates = self.limit(&written, "updates", day.updates);
        day.provisions = self.limit(&written, "provisions", day.provisions);
        day.promotions = self.limit(&written, "promotions", day.promotions);
        day.attributes = self.attribute_limits(&written, "[guard.day.attributes]", day.attributes, mapped);
        day
    }

    fn attribute_limits(
        &mut self,
        section: &Section<'t>,
        name: &str,
        mut limits: BTreeMap<Attribute, Limit>,
        mapped: &BTreeMap<Attribute, Mapping>,
    ) -> BTreeMap<Attribute, Limit> {
        let Some(written) = section.section("attributes", name, &mut self.findings) else { return limits };
        for field in written.fields() {
            let attribute = Attribute::from(field.key);
            let usual = limits.get(&attribute).copied().unwrap_or_default();
            let limit = self.limit(&written, field.key, usual);
            // A stamp is written beside the rules, and is one of these.
            if !mapped.contains_key(&attribute) && !field.key.starts_with("extensionAttribute") {
                let what = format!("no mapping writes `{attribute}`: this limit says nothing");
                let near = did_you_mean(field.key, mapped.keys().map(Attribute::as_str));
                let hint =
                    near.unwrap_or_else(|| "name an attribute of [attributes], or take the limit out".to_owned());
                self.findings.push(Diagnostic::warning("idle-guard", what).at(field.key_span).or_allow(&hint));
            }
            limits.insert(attribute, limit);
        }
        limits
    }

    /// What is not written keeps its usual value: a narrower percentage must not lift the count.
    fn limit(&mut self, guard: &Section<'t>, key: &str, usual: Limit) -> Limit {
        let Some(section) = guard.section(key, &format!("[guard] {key}"), &mut self.findings) else { return usual };
        section.only(&["max", "percent"], &mut self.findings);
        let max = section.integer("max", 0..=i64::MAX, &mut self.findings).and_then(|n| u64::try_from(n).ok());
        let percent = section.integer("percent", 0..=100, &mut self.findings).and_then(|n| u64::try_from(n).ok());
        Limit { max: max.or(usual.max), percent: percent.or(usual.percent) }
    }
}

/// A TOML Boolean, whole number, text or list of texts as a value.
pub(super) fn constant(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Boolean(b) => Some(Value::Bool(*b)),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(Value::Integer),
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map(Value::from)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// 8-4-4-4-12 hexadecimal digits.
pub fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == lengths.len()
        && groups.iter().zip(lengths).all(|(g, n)| g.len() == n && g.bytes().all(|b| b.is_ascii_hexdigit()))
}
