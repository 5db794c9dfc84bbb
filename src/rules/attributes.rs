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
use super::{Apply, Mapping, Source, WhenEmpty};
use crate::model::{Attribute, Value};

/// Reads the table. A dotted key (`employeeOrgData.division = …`) is a table inside a table to TOML, and one flat
/// attribute to us.
pub(super) fn read<'t>(reading: &mut Reading<'t>, section: &Section<'t>) -> BTreeMap<Attribute, Mapping> {
    let mut attributes = BTreeMap::new();
    let mut add = |reading: &mut Reading<'t>, name: &str, field: &Field<'t>| {
        let Some(mapping) = mapping(reading, name, field) else { return };
        if attributes.insert(Attribute::new(name), mapping).is_some() {
            let finding = Diagnostic::error("duplicate-key", format!("`{name}` is written twice"));
            reading.findings.push(finding.at(field.key_span.clone()).hint("keep one of the two"));
        }
    };
    for field in section.fields() {
        let prefix = match field.key {
            "employeeOrgData" => Some("employeeOrgData."),
            "onPremisesExtensionAttributes" => Some(""),
            _ => None,
        };
        match (prefix, field.value) {
            (Some(prefix), DeValue::Table(_)) => {
                let members = field.section(field.key.to_owned(), &mut reading.findings);
                for member in members.iter().flat_map(Section::fields) {
                    add(reading, &format!("{prefix}{}", member.key), &member);
                }
            }
            _ => add(reading, field.key, &field),
        }
    }
    attributes
}

fn writable(reading: &mut Reading<'_>, name: &str, span: Range<usize>) {
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
        return Some(Mapping { source, apply: Apply::Always, when_empty: WhenEmpty::Clear, unbounded });
    };
    let section = field.section(format!("the attribute `{name}`"), &mut reading.findings)?;
    let mut allowed = reading.allowed(&section);
    let mapping = from_table(reading, name, &section, &allowed);
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
    let applies = [("always", Apply::Always), ("on-change", Apply::OnChange), ("create", Apply::Create)];
    let apply = section.choice("apply", &applies, &mut reading.findings).unwrap_or(Apply::Always);
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
    Some(Mapping { source, apply, when_empty: when_empty.unwrap_or(WhenEmpty::Clear), unbounded })
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
    reading.invited(&target, Some(&expression), word.span.clone());
    let unbounded = match expression.as_constant() {
        Some(text) => fits(reading, &target, Value::Text(text.to_owned()), &word).is_some_and(|(_, large)| large),
        None => reading.sized(&target, &expression, &word, allowed),
    };
    Some((Source::Expression(expression), unbounded))
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
fn fits(reading: &mut Reading<'_>, target: &Attribute, value: Value, place: &Word<'_>) -> Option<(Value, bool)> {
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
            let boolean = property(target.as_str()).is_some_and(|p| p.kind == Kind::Bool);
            let value = if boolean { "true" } else { "[…]" };
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
