//! Who is tested, and what must the rule set make of them?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{AccountKind, Apply};
use crate::model::{Attribute, Attributes, Timestamp, Value};

/// One `[[case]]` of a file `NAME.test.toml`.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// What it shows, in the admin's words.
    pub name: String,
    /// The line of the file where it begins.
    pub line: usize,
    /// What `Now()` gives.
    pub now: Timestamp,
    /// The home user's attributes.
    pub user: Attributes,
    /// Home groups that the user is in, directly or through others.
    pub groups: BTreeSet<String>,
    /// Deleted at home.
    pub deleted: bool,
    /// What must come out. What is not named is not compared.
    pub expect: Expectation,
}

/// What a case says must come out.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// Whom the rules take them for.
    pub scope: Option<Judgement>,
    /// The account that is made where there is none yet; `Some(None)`: none is made.
    pub account: Option<Option<AccountKind>>,
    /// The address that is invited.
    pub invited: Option<String>,
    /// Values by which an account that stands already is found; `""`: it is not looked for by this attribute.
    pub matches: BTreeMap<Attribute, String>,
    /// What the account's attributes are brought to.
    pub attributes: BTreeMap<Attribute, ExpectedValue>,
    /// Attributes that the rules leave as they are.
    pub kept: BTreeSet<Attribute>,
    /// No attribute is written beside [`Expectation::attributes`].
    pub exactly: bool,
    /// What happens to the account of such a person.
    pub leaver: Option<Leaving>,
    /// A part of the reason why nothing can be decided.
    pub held: Option<String>,
}

/// What is expected of one attribute.
#[derive(Clone, Debug, Default)]
pub struct ExpectedValue {
    /// The value, where it is compared; an empty one stands for none.
    pub value: Option<Value>,
    /// When it is written, where that is compared.
    pub apply: Option<Apply>,
}

/// For whom the rules take a person, in the words of test files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// In scope.
    In,
    /// Not in scope.
    Out,
    /// Would be in scope, and is blocked at home.
    Disabled,
    /// Deleted at home.
    Deleted,
    /// External in its own home tenant.
    External,
}

impl Judgement {
    /// All of them with their words.
    pub const WORDS: [(&'static str, Judgement); 5] = [
        ("in", Judgement::In),
        ("out", Judgement::Out),
        ("disabled", Judgement::Disabled),
        ("deleted", Judgement::Deleted),
        ("external", Judgement::External),
    ];
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Judgement::In => "in",
            Judgement::Out => "out",
            Judgement::Disabled => "disabled",
            Judgement::Deleted => "deleted",
            Judgement::External => "external",
        }
    }
}

/// What happens to the account of somebody who left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It stays.
    Keep,
    /// It is blocked.
    Disable,
    /// It is deleted; with a grace period it is blocked first, and deleted so many days later.
    Delete {
        /// 0: at once.
        after_days: u64,
    },
}

impl Leaving {
    /// Reads what [`Leaving`] is shown as: `delete after 30 days`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "keep" => Some(Leaving::Keep),
            "disable" => Some(Leaving::Disable),
            "delete" => Some(Leaving::Delete { after_days: 0 }),
            _ => {
                let (days, unit) = text.strip_prefix("delete after ")?.split_once(' ')?;
                let after_days = days.parse().ok().filter(|days| *days > 0)?;
                matches!(unit, "day" | "days").then_some(Leaving::Delete { after_days })
            }
        }
    }
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leaving::Keep => f.write_str("keep"),
            Leaving::Disable => f.write_str("disable"),
            Leaving::Delete { after_days: 0 } => f.write_str("delete"),
            Leaving::Delete { after_days: 1 } => f.write_str("delete after 1 day"),
            Leaving::Delete { after_days } => write!(f, "delete after {after_days} days"),
        }
    }
}
