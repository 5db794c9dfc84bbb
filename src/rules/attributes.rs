//! What does `[attributes]` say each target attribute is made from?

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::allow::Allowed;
use super::diagnostic::Diagnostic;
use super::parse::{Reading, constant};
use super::properties::{
    Access, Excess, Kind, Known, Property, is_clearable, is_not_for_apps, look_up, property, typed,
};
use super::table::{Field, Section, Word};
use super::{Apply, Expression, Mapping, Shape, Source, WhenEmpty};
use crate::model::{Attribute, Value};

/// Reads the table.
pub(super) fn read<'t>(reading: &mut Reading<'t>, section: &Section<'t>) -> BTreeMap<Attribute, Mapping> {
    let mut attributes = BTreeMap::new();
    for (name, field) in flat(section, &mut reading.findings) {
        let Some(mapping) = mapping(reading, &name, &field) else { continue };
        if attributes.insert(Attribute::new(name.as_str()), mapping).is_some() {
            let finding = Diagnostic::error("duplicate-key", format!("`{name}` is written twice"));
            reading.findings.push(finding.at(field.key_span.clone()).hint("keep one of the two"));
        }
    }
    attributes
}

/// The fields under the names that rules use. A dotted key (`employeeOrgData.division = …`) is a table inside a table to
/// TOML, and one flat attribute to us.
pub(super) fn flat<'t>(section: &Section<'t>, findings: &mut Vec<Diagnostic>) -> Vec<(String, Field<'t>)> {
    let mut fields = Vec::new();
    for field in section.fields() {
        let prefix = match field.key {
            "employeeOrgData" => Some("employeeOrgData."),
            "onPremisesExtensionAttributes" => Some(""),
            _ => None,
        };
        match (prefix, field.value) {
            (Some(prefix), DeValue::Table(_)) => {
                let members = field.section(field.key.to_owned(), findings);
                fields.extend(members.iter().flat_map(Section::fields).map(|m| (format!("{prefix}{}", m.key), m)));
            }
            _ => fields.push((field.key.to_owned(), field)),
        }
    }
    fields
}

pub(super) fn writable(reading: &mut Reading<'_>, name: &str, span: Range<usize>) {
    if is_not_for_apps(name) {
        let message = format!("only a signed-in person may write `{name}`, and crosstie is an app");
        let finding = Diagnostic::error("app-only", message).at(span.clone());
        reading.findings.push(finding.or_allow("remove the line"));
    }
    match look_up(name) {
        Known::Property(Property { access: Access::ReadOnly(why), .. }) => {
            let finding = Diagnostic::error("read-only", format!("`{name}` cannot be written: {why}"));
            reading.findings.push(finding.at(span).or_allow("remove the line"));
        }
        _ => {
            reading.readable(name, span.clone());
            reading.written(name, span);
        }
    }
}

/// One line, with what it allows applied to what is found in it.
fn mapping<'t>(reading: &mut Reading<'t>, name: &str, field: &Field<'t>) -> Option<Mapping> {
    let from = reading.findings.len();
    writable(reading, name, field.key_span.clone());
    let DeValue::Table(_) = field.value else {
        let (source, unbounded) = match field.value {
            DeValue::String(_) => from_expression(reading, name, field, &[])?,
            _ => from_constant(reading, name, field)?,
        };
        let mapping = Mapping { source, apply: Apply::Always, when_empty: WhenEmpty::Clear, unbounded };
        asks_the_time(reading, name, &mapping, field.key_span.clone());
        return Some(chosen_once(reading, name, mapping, None));
    };
    let section = field.section(format!("the attribute `{name}`"), &mut reading.findings)?;
    let mut allowed = reading.allowed(&section);
    let mapping = from_table(reading, name, &section, &allowed);
    if let Some(mapping) = &mapping {
        asks_the_time(reading, name, mapping, field.key_span.clone());
    }
    reading.silence(from, &mut allowed);
    reading.done_with(allowed);
    mapping
}

fn from_table<'t>(
    reading: &mut Reading<'t>,
    name: &str,
    section: &Section<'t>,
    allowed: &[Allowed],
) -> Option<Mapping> {
    section.only(&["expression", "constant", "when_empty", "apply", "allow"], &mut reading.findings);
    let apply = section.choice("apply", &Apply::WORDS, &mut reading.findings).unwrap_or(Apply::Always);
    let empties = [("clear", WhenEmpty::Clear), ("keep", WhenEmpty::Keep)];
    let when_empty = section.choice("when_empty", &empties, &mut reading.findings);
    if let Some(field) = section.field("when_empty").filter(|_| when_empty == Some(WhenEmpty::Clear))
        && !is_clearable(&Attribute::new(name))
    {
        reading.cannot_clear(name, field.span);
    }
    let (source, unbounded) = match (section.field("expression"), section.field("constant")) {
        (Some(expression), None) => from_expression(reading, name, &expression, allowed)?,
        (None, Some(constant)) => from_constant(reading, name, &constant)?,
        (Some(_), Some(constant)) => {
            let finding = Diagnostic::error("two-sources", format!("`{name}` has an expression and a constant"));
            reading.findings.push(finding.at(constant.key_span).hint("keep one of the two"));
            return None;
        }
        (None, None) => {
            reading.findings.push(section.missing("expression"));
            return None;
        }
    };
    let when_empty = when_empty.unwrap_or(WhenEmpty::Clear);
    let mapping = Mapping { source, apply, when_empty, unbounded };
    Some(chosen_once(reading, name, mapping, section.field("apply")))
}

/// What changes by itself has to be looked at again for everybody, and may be written for everybody.
fn asks_the_time(reading: &mut Reading<'_>, name: &str, mapping: &Mapping, span: Range<usize>) {
    let asks = matches!(&mapping.source, Source::Expression(e) if e.asks_the_time());
    if asks && mapping.apply != Apply::Create {
        let message = format!("`{name}` depends on the time: everybody is looked at again each day");
        let finding = Diagnostic::warning("asks-the-time", message).at(span);
        reading.findings.push(finding.or_allow("write `apply = \"create\"` to ask once"));
    }
}

/// A value that nobody else has is chosen while the account is made, and stays: asked again, it would be the account's own.
fn chosen_once(reading: &mut Reading<'_>, name: &str, mapping: Mapping, said: Option<Field<'_>>) -> Mapping {
    if !matches!(&mapping.source, Source::Expression(e) if e.selects_unique()) {
        return mapping;
    }
    if let Some(field) = said.filter(|_| mapping.apply != Apply::Create) {
        let message =
            format!("SelectUniqueValue chooses once, when the account is made, and `{name}` is applied later");
        let finding = Diagnostic::error("unique-apply", message).at(field.span);
        reading.findings.push(finding.hint("write `apply = \"create\"`, or leave it out"));
    }
    Mapping { apply: Apply::Create, ..mapping }
}

/// The source, and whether its values may be of any size.
fn from_expression<'t>(
    reading: &mut Reading<'t>,
    name: &str,
    field: &Field<'t>,
    allowed: &[Allowed],
) -> Option<(Source, bool)> {
    let word = field.word(&mut reading.findings)?;
    let target = Attribute::new(name);
    let expression = reading.expression(&word, target.is_reference())?;
    if target.is_reference() {
        return match expression.as_attribute() {
            Some(source) if source.is_reference() => Some((Source::Reference(source.clone()), false)),
            _ => {
                let message = format!("`{name}` is another user's account, and no expression makes one");
                let finding = Diagnostic::error("reference", message).at(word.span);
                reading.findings.push(finding.hint("write `manager = \"[manager]\"`, or remove the line"));
                None
            }
        };
    }
    gives_what_fits(reading, &target, &expression, &word);
    reading.invited(&target, Some(&expression), word.span.clone());
    let unbounded = match expression.as_constant() {
        Some(text) => fits(reading, &target, Value::from(text), &word).is_some_and(|(_, large)| large),
        None => reading.sized(&target, &expression, &word, allowed),
    };
    Some((Source::Expression(expression), unbounded))
}

/// What can be known of an expression's result before any user is looked at.
fn gives_what_fits(reading: &mut Reading<'_>, target: &Attribute, expression: &Expression, word: &Word<'_>) {
    let kind = match look_up(target.as_str()) {
        Known::Property(property) => property.kind,
        _ => return,
    };
    let complaint = match (kind, expression.shape()) {
        (Kind::Bool, Shape::Number) => Some("is true or false, and this is a number: CBool(…) makes one of it"),
        (Kind::Bool, Shape::Date) => Some("is true or false, and this is a date"),
        (Kind::Bool, Shape::List) => Some("is true or false, and this is a list"),
        (Kind::List, Shape::Bool) => Some("is a list of texts, and this is true or false"),
        _ => None,
    };
    let unique = expression.selects_unique();
    let complaint = match target.as_str() {
        Attribute::MAIL if unique => {
            Some("is where the invitation goes: an address that is made up until it is free has no reader")
        }
        _ if unique && kind != Kind::Text => Some("is no text, and SelectUniqueValue chooses a text"),
        _ => complaint,
    };
    if let Some(complaint) = complaint {
        let finding = Diagnostic::error("expression-type", format!("`{target}` {complaint}")).at(word.span.clone());
        reading.findings.push(finding.hint("write an expression that gives what the attribute takes"));
        return;
    }
    if let Some((what, way)) = other_kind(target, kind, expression) {
        let message = format!("`{target}` {what}: people for whom that does not fit are held");
        let finding = Diagnostic::warning("other-kind", message).at(word.span.clone());
        reading.findings.push(finding.or_allow(way));
    }
}

/// What fits some people and not others, with the way out.
fn other_kind(target: &Attribute, kind: Kind, expression: &Expression) -> Option<(&'static str, &'static str)> {
    let read = expression.as_attribute().and_then(|a| property(a.as_str()));
    let several = expression.shape() == Shape::List && read.is_none_or(|p| p.items_max != Some(1));
    let takes_one = kind == Kind::Text || property(target.as_str()).is_some_and(|p| p.items_max == Some(1));
    match (kind, expression.shape()) {
        (Kind::Text | Kind::List, Shape::List) if several && takes_one => {
            Some(("holds one value, and this gives any number", "write `Join(\"; \", …)` or `Item(…, 1)`"))
        }
        (Kind::Bool, Shape::Text) if read.is_some() => Some((
            "is true or false, and this is a text",
            "write a comparison: `IIF([…] = \"x\", \"True\", \"False\")`",
        )),
        (Kind::Text, Shape::Bool) => Some((
            "is a text, and this is true or false, written `True` and `False`",
            "write `IIF(…, \"yes\", \"no\")`",
        )),
        _ => None,
    }
}

fn from_constant<'t>(reading: &mut Reading<'t>, name: &str, field: &Field<'t>) -> Option<(Source, bool)> {
    let target = Attribute::new(name);
    let Some(value) = constant(field.value) else {
        let finding = match field.value {
            DeValue::Array(_) => {
                Diagnostic::error("wrong-type", format!("the list `{}` must hold texts only", field.key))
            }
            _ => field.should_be("an expression, a Boolean, a whole number or a list of texts"),
        };
        let hint = format!("an expression: `{name} = '\"text\"'`; or true, 5, [\"a\", \"b\"]");
        reading.findings.push(finding.at(field.span.clone()).hint(hint));
        return None;
    };
    if target.is_reference() {
        let finding = Diagnostic::error("reference", format!("`{name}` is another user's account, not a constant"));
        reading.findings.push(finding.at(field.span.clone()).hint("write `manager = \"[manager]\"`"));
        return None;
    }
    reading.invited(&target, None, field.span.clone());
    let place = Word { text: "", span: field.span.clone() };
    fits(reading, &target, value, &place).map(|(value, unbounded)| (Source::Constant(value), unbounded))
}

/// The constant in the type of its attribute, and whether it is larger than the attribute takes; or a complaint.
pub(super) fn fits(
    reading: &mut Reading<'_>,
    target: &Attribute,
    value: Value,
    place: &Word<'_>,
) -> Option<(Value, bool)> {
    let typed = typed(target, value).and_then(|value| match (target.as_str(), &value) {
        ("usageLocation", Value::Text(text)) if text == "UK" => {
            Err("the United Kingdom's code in ISO 3166 is GB".to_owned())
        }
        ("usageLocation", Value::Text(text)) if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_uppercase()) => {
            Err("a usage location is two capital letters (ISO 3166)".to_owned())
        }
        _ => Ok(value),
    });
    let value = match typed {
        Ok(value) => value,
        Err(why) => {
            let finding = Diagnostic::error("constant-type", format!("this does not fit `{target}`: {why}"));
            let value = match property(target.as_str()).map(|p| p.kind) {
                Some(Kind::Bool) => "true",
                Some(Kind::List) => "[…]",
                _ => "…",
            };
            reading
                .findings
                .push(finding.at(place.span.clone()).hint(format!("write a value that fits: `{target} = {value}`")));
            return None;
        }
    };
    let Some(property) = property(target.as_str()) else { return Some((value, false)) };
    if let Value::Text(text) = &value
        && !(text.is_empty() || property.values.is_empty())
        && let Err((message, meant)) = property.possible(text)
    {
        reading.impossible(message, meant, place.span.clone());
    }
    let excess = property.within(&value).err();
    if let Some(excess) = &excess {
        let finding = match excess {
            Excess::Length { .. } => Diagnostic::error("too-long", excess.to_string()).or_allow("shorten it"),
            Excess::Items { .. } => Diagnostic::error("too-many", excess.to_string()).or_allow("leave some out"),
        };
        reading.findings.push(finding.at(place.span.clone()));
    }
    Some((value, excess.is_some()))
}
