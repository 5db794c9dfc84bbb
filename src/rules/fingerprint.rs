//! Did anything change that can change a decision?

use sha2::{Digest, Sha256};

use super::{LeaverAction, RuleSet, Source, WhenEmpty};
use crate::model::Value;

/// Changed whenever the form below, or the meaning of anything in it, changes: then everyone is considered anew.
const FORM: &str = "crosstie rule set 2";

/// SHA-256 (hex) over a canonical form. Left out are name and description, which decide nothing, and the guard, which
/// judges a whole plan and no user.
pub(super) fn fingerprint(rules: &RuleSet) -> String {
    let mut form = Form(Sha256::new());
    form.put(FORM);
    form.put(rules.account.user_type());
    form.list(rules.scope.len());
    for scope in &rules.scope {
        form.list(scope.all.len());
        scope.all.iter().for_each(|clause| form.clause(clause));
        form.list(scope.groups.len());
        scope.groups.iter().for_each(|group| form.put(group));
    }
    form.list(rules.matches.len());
    for rung in &rules.matches {
        form.put(rung.target.as_str());
        form.expression(&rung.source);
    }
    // A sorted map: the order in the file says nothing.
    form.list(rules.attributes.len());
    for (attribute, mapping) in &rules.attributes {
        form.put(attribute.as_str());
        match &mapping.source {
            Source::Expression(expression) => form.expression(expression),
            Source::Reference(attribute) => form.pair("reference", attribute.as_str()),
            Source::Constant(value) => form.value(value),
        }
        form.put(mapping.apply.as_str());
        form.put(match mapping.when_empty {
            WhenEmpty::Clear => "clear",
            WhenEmpty::Keep => "keep",
        });
    }
    for action in [rules.leavers.deleted, rules.leavers.out_of_scope, rules.leavers.disabled] {
        form.put(match action {
            LeaverAction::Delete => "delete",
            LeaverAction::Disable => "disable",
            LeaverAction::Keep => "keep",
        });
    }
    form.put(&rules.leavers.grace_days.to_string());
    form.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every piece goes in with its length, so that no two different forms read alike.
struct Form(Sha256);

impl Form {
    fn put(&mut self, text: &str) {
        self.list(text.len());
        self.0.update(text.as_bytes());
    }
    fn list(&mut self, length: usize) {
        self.0.update(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }
    fn expression(&mut self, expression: &super::Expression) {
        let kind = match expression.dialect() {
            super::Dialect::Provisioning => "expression",
            super::Dialect::Connect => "connect expression",
            super::Dialect::IdentityManager => "mim expression",
        };
        self.pair(kind, &expression.to_string());
    }
    fn pair(&mut self, kind: &str, text: &str) {
        self.put(kind);
        self.put(text);
    }
    fn clause(&mut self, clause: &super::Clause) {
        use super::Operator as O;
        self.pair(clause.attribute.as_str(), clause.operator.name());
        match &clause.operator {
            O::IsTrue | O::IsFalse | O::IsNull | O::IsNotNull => {}
            O::Equals(value) | O::NotEquals(value) => self.value(value),
            O::RegexMatch(pattern) | O::NotRegexMatch(pattern) => self.put(pattern.as_str()),
            O::GreaterThan(n) | O::GreaterThanOrEquals(n) => self.put(&n.to_string()),
            O::Includes(text) | O::EndsWith(text) => self.put(text),
            O::OneOf(members) | O::NoneOf(members) => {
                self.list(members.len());
                members.iter().for_each(|member| self.put(member));
            }
        }
    }
    fn value(&mut self, value: &Value) {
        match value {
            Value::Bool(b) => self.pair("bool", &b.to_string()),
            Value::Integer(n) => self.pair("integer", &n.to_string()),
            Value::Text(text) => self.pair("text", text),
            Value::List(items) => {
                self.put("list");
                self.list(items.len());
                items.iter().for_each(|item| self.put(item));
            }
        }
    }
}
