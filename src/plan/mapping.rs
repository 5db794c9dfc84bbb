//! What should the account look like?

use std::collections::{BTreeMap, BTreeSet};

use super::{Answers, Resolved};
use crate::model::{Attribute, Attributes, ObjectId, Observed, Timestamp, Value, folded};
use crate::rules::properties::{fitted, is_clearable, typed};
use crate::rules::{Apply, Expression, Inputs, Mapping, Output, RuleSet, Source, WhenEmpty};

/// What an invitation itself sets; everything else follows as an update.
pub const INVITED_WITH: [&str; 3] = [Attribute::DISPLAY_NAME, Attribute::USER_TYPE, Attribute::MAIL];

/// What the rules make of a home user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Attributes that shall have a value.
    pub values: Attributes,
    /// Attributes that the rules decide about for this user; one that is here and not in `values` shall be empty.
    pub managed: BTreeSet<Attribute>,
    /// Managed attributes that are written only while the account is being provisioned.
    pub create_only: BTreeSet<Attribute>,
    /// Managed attributes that are written only when the home's value changes.
    pub on_change: BTreeSet<Attribute>,
}

/// Why there is no [`Wanted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unmapped {
    /// The rules leave this user out of the flow for now (`IgnoreObjectFlow`).
    Ignored,
    /// An expression gave no usable value.
    Unusable { attribute: Attribute, reason: String },
}

/// What an expression may see when it makes that attribute of a home user's account.
///
/// The time is the beginning of the day (UTC): a plan can be approved and made again within the day, and looking again a
/// second later changes nothing.
///
/// Draws depend on the person and the attribute alone, so that planning again changes nothing.
pub(super) fn inputs<'a>(home: &'a Observed, target: &'a str, now: Timestamp) -> Inputs<'a> {
    Inputs { seed: [home.object.as_str(), target], ..Inputs::new(&home.attributes, now.day()) }
}

/// Values that have to be free in the target, by attribute: what `SelectUniqueValue` chooses among for this user.
pub(super) fn candidates(rules: &RuleSet, home: &Observed, now: Timestamp) -> BTreeMap<Attribute, Vec<String>> {
    let asked = |(target, mapping): (&Attribute, &Mapping)| match &mapping.source {
        Source::Expression(e) if e.selects_unique() => {
            // An expression with a fault asks for nothing here, and holds the user when it is evaluated.
            Some((target.clone(), e.candidates(inputs(home, target.as_str(), now)).unwrap_or_default()))
        }
        _ => None,
    };
    rules.attributes.iter().filter_map(asked).collect()
}

/// Applies every mapping of the rule set to the home user. `select`: unique values are chosen for this account.
pub(super) fn wanted(
    rules: &RuleSet,
    home: &Observed,
    answers: &Answers,
    select: bool,
    now: Timestamp,
) -> Result<Wanted, Unmapped> {
    let mut wanted = Wanted::default();
    for (target, mapping) in &rules.attributes {
        let Treated::Managed(value) = treated(target, mapping, home, answers, select, now)? else { continue };
        wanted.managed.insert(target.clone());
        match mapping.apply {
            Apply::Always => {}
            Apply::OnChange => drop(wanted.on_change.insert(target.clone())),
            Apply::Create => drop(wanted.create_only.insert(target.clone())),
        }
        if let Some(value) = value {
            wanted.values.insert(target.clone(), value);
        }
    }
    let user_type = Attribute::from(Attribute::USER_TYPE);
    if !rules.attributes.contains_key(&user_type) {
        // `account` is the type of accounts that are provisioned; later it is the target's own affair.
        wanted.values.insert(user_type.clone(), rules.account.user_type().into());
        wanted.managed.insert(user_type.clone());
        wanted.create_only.insert(user_type);
    }
    Ok(wanted)
}

/// What one mapping does to the account of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Treated {
    /// It shall have this value, or none.
    Managed(Option<Value>),
    /// Left out of the flow (`IgnoreAttributeFlow`), or a reference that cannot be told yet.
    LeftAlone,
    /// A unique value is chosen once, while the account is made, and a joined account has its own.
    ChosenBefore,
    /// No value, and the rules keep what is there.
    Kept,
    /// No value, and Graph takes no null for it: it stays as it is.
    NotClearable,
}

/// Applies one mapping.
pub(super) fn treated(
    target: &Attribute,
    mapping: &Mapping,
    home: &Observed,
    answers: &Answers,
    select: bool,
    now: Timestamp,
) -> Result<Treated, Unmapped> {
    let value = match made(target, mapping, home, answers, select, now)? {
        Made::Value(value) => value.filter(|v| !v.is_empty()),
        Made::LeftAlone => return Ok(Treated::LeftAlone),
        Made::ChosenBefore => return Ok(Treated::ChosenBefore),
    };
    if value.is_some() {
        return Ok(Treated::Managed(value));
    }
    if target.as_str() == Attribute::DISPLAY_NAME {
        let reason = "no value, and every account needs one".to_owned();
        return Err(Unmapped::Unusable { attribute: target.clone(), reason });
    }
    Ok(match mapping.when_empty {
        WhenEmpty::Keep => Treated::Kept,
        WhenEmpty::Clear if !is_clearable(target) => Treated::NotClearable,
        WhenEmpty::Clear => Treated::Managed(None),
    })
}

enum Made {
    Value(Option<Value>),
    LeftAlone,
    ChosenBefore,
}

fn made(
    target: &Attribute,
    mapping: &Mapping,
    home: &Observed,
    answers: &Answers,
    select: bool,
    now: Timestamp,
) -> Result<Made, Unmapped> {
    match &mapping.source {
        Source::Constant(value) => Ok(Made::Value(Some(value.clone()))),
        Source::Reference(attribute) => {
            let Some(whom) = home.attributes.get(attribute).and_then(Value::as_text) else {
                return Ok(Made::Value(None));
            };
            match answers.references.get(&ObjectId::from(whom)) {
                Some(Resolved::To(account)) => Ok(Made::Value(Some(account.as_str().into()))),
                Some(Resolved::Nobody) => Ok(Made::Value(None)),
                Some(Resolved::Pending) | None => Ok(Made::LeftAlone),
            }
        }
        Source::Expression(expression) if expression.selects_unique() => match answers.unique.get(target) {
            Some(taken) if select => {
                let is_taken = |value: &str| taken.contains(&folded(value));
                result(
                    target,
                    mapping,
                    expression,
                    Inputs { is_taken: &is_taken, ..inputs(home, target.as_str(), now) },
                )
            }
            _ => Ok(Made::ChosenBefore),
        },
        Source::Expression(expression) => result(target, mapping, expression, inputs(home, target.as_str(), now)),
    }
}

fn result(
    target: &Attribute,
    mapping: &Mapping,
    expression: &Expression,
    inputs: Inputs<'_>,
) -> Result<Made, Unmapped> {
    let fitted = if mapping.unbounded { typed } else { fitted };
    let unusable = |reason: String| {
        // A message may quote the value.
        let reason = if expression.redacts() { "no usable value (redacted)".to_owned() } else { reason };
        Unmapped::Unusable { attribute: target.clone(), reason }
    };
    match expression.evaluate(inputs) {
        Ok(Output::Value(value)) => value.map(|v| fitted(target, v)).transpose().map(Made::Value).map_err(unusable),
        Ok(Output::IgnoreAttribute) => Ok(Made::LeftAlone),
        Ok(Output::IgnoreObject) => Err(Unmapped::Ignored),
        Err(error) => Err(unusable(error.message)),
    }
}

/// Home users that the rules refer to for this user.
pub(super) fn references(rules: &RuleSet, home: &Observed) -> BTreeSet<ObjectId> {
    let whom = |m: &Mapping| match &m.source {
        Source::Reference(a) => home.attributes.get(a).and_then(Value::as_text).map(ObjectId::from),
        Source::Expression(_) | Source::Constant(_) => None,
    };
    rules.attributes.values().filter_map(whom).collect()
}

/// The address that an invitation goes to: the mapped `mail`, else the home user's mail, else its sign-in name.
pub(super) fn address(rules: &RuleSet, home: &Observed, now: Timestamp) -> Option<String> {
    let text = |v: Option<Value>| match v {
        Some(Value::Text(t)) if !t.trim().is_empty() => Some(t.trim().to_owned()),
        _ => None,
    };
    let mapped = rules.attributes.get(Attribute::MAIL).and_then(|m| match &m.source {
        Source::Expression(e) => match e.evaluate(inputs(home, Attribute::MAIL, now)) {
            Ok(Output::Value(value)) => text(value),
            _ => None,
        },
        Source::Constant(_) | Source::Reference(_) => None,
    });
    let own = |name: &str| text(home.attributes.get(name).cloned());
    mapped.or_else(|| own(Attribute::MAIL)).or_else(|| own(Attribute::USER_PRINCIPAL_NAME))
}
