//! What would surprise the admin later, although the file says clearly what to do?

use std::ops::Range;

use super::allow::{Allowed, allows};
use super::diagnostic::Diagnostic;
use super::expression::Expression;
use super::parse::Reading;
use super::properties::{Kind, Property, property};
use super::scope::Operator;
use super::table::{Section, Word};
use super::{RuleSet, Source};
use crate::model::{Attribute, Value};

/// What the person is known by at home, and can be invited at.
const OWN_ADDRESSES: [&str; 2] = [Attribute::MAIL, Attribute::USER_PRINCIPAL_NAME];

/// What the sign-in names of all external accounts hold.
const EXTERNAL_MARK: &str = "#EXT#";

impl<'t> Reading<'t> {
    /// Writing this property has consequences that its name does not tell.
    pub(super) fn written(&mut self, name: &str, span: Range<usize>) {
        let finding = match name {
            "otherMails" => {
                let message =
                    "`otherMails` is written as a whole: addresses that the target's own admins added are lost";
                Diagnostic::warning("other-mails", message)
                    .or_allow("leave the line out: an invitation writes the invited address there itself")
            }
            "showInAddressList" => {
                let message =
                    "Graph's documentation asks not to write `showInAddressList`: Exchange may show something else";
                Diagnostic::warning("address-list", message).or_allow("leave the line out")
            }
            _ => return,
        };
        self.findings.push(finding.at(span));
    }

    /// Can an expression give more than its property takes? True where the admin says that it takes more.
    pub(super) fn sized(
        &mut self,
        target: &Attribute,
        expression: &Expression,
        word: &Word<'t>,
        own: &[Allowed],
    ) -> bool {
        let Some(property) = property(target.as_str()) else { return false };
        let lifted = |id: &str| allows(own, id) || allows(&self.everywhere, id);
        let (long, many) = (lifted("too-long"), lifted("too-many"));
        let (span, mut found) = (word.span.clone(), Vec::new());
        let longest = expression.length_max(&length_at_home);
        if let Some(max) = property.length_max.filter(|max| longest.is_none_or(|longest| longest > *max)) {
            let name = property.name;
            if long {
                // Silenced by the list that lifts the limit; where nothing can be too long, the list is idle.
                found.push(Diagnostic::error("too-long", format!("`{name}` takes {max} characters")).at(span.clone()));
            } else if let Some(longest) = longest {
                let message = format!("this can give {longest} characters, and `{name}` takes {max}");
                // A code that is cut is another code.
                let way = match name {
                    "usageLocation" => "make a code of two letters of it, with `Switch`".to_owned(),
                    _ => format!("cut it: `Left(…, {max})`"),
                };
                found.push(Diagnostic::warning("may-be-too-long", message).or_allow(&way).at(span.clone()));
            }
        }
        if let Some(max) = property.items_max.filter(|_| many) {
            found.push(Diagnostic::error("too-many", format!("`{}` takes {max} values", property.name)).at(span));
        }
        let unbounded = found.iter().any(Diagnostic::is_error);
        self.findings.extend(found);
        unbounded
    }

    /// An invitation goes to the mapped `mail`: who else would answer it?
    pub(super) fn invited(&mut self, target: &Attribute, expression: Option<&Expression>, span: Range<usize>) {
        if target.as_str() != Attribute::MAIL {
            return;
        }
        let read = expression.map(Expression::attributes).unwrap_or_default();
        let message = match read.iter().find(|a| !OWN_ADDRESSES.contains(&a.as_str())) {
            Some(other) => {
                format!("the mapped `mail` is the address that is invited, and [{other}] need not be the person's own")
            }
            None if read.is_empty() => {
                "the mapped `mail` is the address that is invited, and here it is one for all".to_owned()
            }
            None => return,
        };
        let finding = Diagnostic::warning("invited-address", message).at(span);
        self.findings.push(finding.or_allow("write `mail = \"[mail]\"`, or leave the line out"));
    }

    /// `when_empty = "clear"` was written, and Graph takes no null.
    pub(super) fn cannot_clear(&mut self, name: &str, span: Range<usize>) {
        let outcome = match name {
            Attribute::DISPLAY_NAME => "a person without one is held",
            _ => "an empty result leaves it as it is",
        };
        let finding = Diagnostic::warning("cannot-clear", format!("Graph cannot clear `{name}`: {outcome}")).at(span);
        self.findings.push(finding.or_allow("remove `when_empty`"));
    }

    /// Could a match take somebody else's account, or nobody's?
    pub(super) fn matched(&mut self, target: &Word<'t>, source: Option<&Expression>) {
        if let Some(Property { name, kind: Kind::Text | Kind::List, key: false, .. }) = property(target.text) {
            let message = format!("many accounts can have the same `{name}`: this may join somebody else's");
            let way = "match on mail, otherMails, proxyAddresses or employeeId";
            self.findings.push(Diagnostic::warning("weak-match", message).at(target.span.clone()).or_allow(way));
        }
        let Some(source) = source else { return };
        let read = source.attributes();
        if read.is_empty() {
            let message = "this gives the same value for everybody, who then compete for one account";
            let finding = Diagnostic::warning("weak-match", message).at(target.span.clone());
            self.findings.push(finding.or_allow("make `source` from an attribute of the person"));
        }
        let own = !read.is_empty() && read.iter().all(|a| OWN_ADDRESSES.contains(&a.as_str()));
        if target.text == Attribute::USER_PRINCIPAL_NAME && own && !source.source().contains(EXTERNAL_MARK) {
            let message =
                "an external account's userPrincipalName is `name_home.example#EXT#@…`, never the person's own";
            let finding = Diagnostic::warning("match-never", message).at(target.span.clone());
            self.findings.push(finding.or_allow("match on mail, otherMails or proxyAddresses"));
        }
    }

    /// Does a clause ask for a value that its attribute cannot have?
    pub(super) fn likely(&mut self, attribute: &str, operator: &Operator, span: Range<usize>) {
        let Some(property) = property(attribute) else { return };
        let complaint = operator.whole_values().iter().find_map(|value| property.possible(value).err());
        if let Some((message, meant)) =
            complaint.or_else(|| unlikely(property, operator).map(|message| (message, None)))
        {
            self.impossible(message, meant, span);
        }
    }

    /// Do the comparisons inside an expression?
    pub(super) fn compared(&mut self, expression: &Expression, word: &Word<'t>) {
        for compared in expression.comparisons() {
            let Some(property) = property(compared.attribute.as_str()) else { continue };
            if let Err((message, meant)) = property.possible(&compared.value) {
                let span = word.part(self.file, compared.span);
                self.impossible(message, meant, span);
            }
        }
    }

    pub(super) fn impossible(&mut self, message: String, meant: Option<&str>, span: Range<usize>) {
        let way =
            meant.map_or("use a value that it can have".to_owned(), |m| format!("write `{m}`, if that was meant"));
        self.findings.push(Diagnostic::error("impossible-value", message).at(span).or_allow(&way));
    }

    /// What only shows when the whole rule set is seen. Not worth saying while a line is wrong.
    pub(super) fn whole(&mut self, root: &Section<'t>, rules: &RuleSet) {
        if self.findings.iter().any(Diagnostic::is_error) {
            return;
        }
        // Without findings: whatever is wrong with the section was found before.
        let Some(section) = root.section("attributes", "[attributes]", &mut Vec::new()) else { return };
        if !rules.attributes.is_empty() && !rules.attributes.contains_key(Attribute::DISPLAY_NAME) {
            let message = "`displayName` is not mapped: new accounts are named after the address that was invited";
            let finding = Diagnostic::warning("no-display-name", message).at(section.span.clone());
            self.findings.push(finding.or_allow("add `displayName = \"[displayName]\"`"));
        }
        let mapped = rules.attributes.get(Attribute::USER_TYPE).map(|mapping| &mapping.source);
        let constant = match mapped {
            Some(Source::Expression(expression)) => expression.as_constant(),
            Some(Source::Constant(Value::Text(text))) => Some(text.as_str()),
            _ => None,
        };
        let account = rules.account.user_type();
        if let (Some(mapped), Some(field)) = (constant.filter(|c| *c != account), section.field(Attribute::USER_TYPE)) {
            let message = format!("`account` makes every account a {account}, and this makes it a {mapped}");
            let way = format!("write `account = \"{}\"` and remove the line", mapped.to_lowercase());
            self.findings.push(Diagnostic::warning("account-type", message).at(field.key_span).or_allow(&way));
        }
    }
}

/// How long an attribute of a home user can be. A list has no length as a text.
fn length_at_home(attribute: &Attribute) -> Option<usize> {
    let property = property(attribute.as_str())?;
    match property.kind {
        Kind::Bool => Some("False".len()),
        Kind::Text if !property.values.is_empty() => property.values.iter().map(|v| v.len()).max(),
        Kind::Text => property.length_max,
        Kind::List | Kind::Reference => None,
    }
}

/// Why an operator that looks at parts of a text never holds, or always.
fn unlikely(property: &Property, operator: &Operator) -> Option<String> {
    let name = property.name;
    if let Operator::Includes(part) | Operator::EndsWith(part) = operator
        && property.values.is_empty()
    {
        return property.possible(part).err().map(|(message, _)| message);
    }
    if property.values.is_empty() || matches!(operator, Operator::IsNull | Operator::IsNotNull) {
        return None;
    }
    let all = || property.values.join(", ");
    let holds = |value: &&&str| operator.holds(&Value::from(**value));
    let number = property.values.iter().filter(holds).count();
    match operator {
        _ if number == 0 => Some(format!("this holds for no value that `{name}` can have: {}", all())),
        Operator::NotRegexMatch(_) if number == property.values.len() => {
            Some(format!("this holds for every value that `{name}` can have: {}", all()))
        }
        _ => None,
    }
}
