//! Does a clause hold for a user?

use std::borrow::Cow;
use std::fmt;

use super::diagnostic::nearest;
use super::pattern::Pattern;
use super::{RuleSet, Scope};
use crate::model::{Attribute, Attributes, Value};

/// The 14 operators of Entra scoping filters, with the value compared to.
///
/// An attribute without a value (or with an empty one) fails every clause but `IS NULL`: `NOT EQUALS` and
/// `NOT REGEX MATCH` say nothing of what is not there. A list fails every clause but `IS NULL` and `IS NOT NULL`.
#[derive(Clone, Debug)]
pub enum Operator {
    /// `EQUALS`: exactly, case-sensitive.
    Equals(Value),
    /// `NOT EQUALS`
    NotEquals(Value),
    /// `IS TRUE`
    IsTrue,
    /// `IS FALSE`
    IsFalse,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
    /// `REGEX MATCH`: the pattern is found somewhere in the value, as .NET's `IsMatch` does it; `^` and `$` anchor it.
    RegexMatch(Pattern),
    /// `NOT REGEX MATCH`
    NotRegexMatch(Pattern),
    /// `Greater_Than`: whole numbers on both sides.
    GreaterThan(i64),
    /// `Greater_Than_OR_EQUALS`
    GreaterThanOrEquals(i64),
    /// `Includes`: the text is somewhere in the value, case-sensitive.
    Includes(String),
    /// `ENDS_WITH`
    EndsWith(String),
    /// `&`: the value is one of the members, exactly.
    OneOf(Vec<String>),
    /// `!&`: it is none of them.
    NoneOf(Vec<String>),
}

/// The names as written in rule files.
pub const OPERATORS: [&str; 14] = [
    "EQUALS",
    "NOT EQUALS",
    "IS TRUE",
    "IS FALSE",
    "IS NULL",
    "IS NOT NULL",
    "REGEX MATCH",
    "NOT REGEX MATCH",
    "Greater_Than",
    "Greater_Than_OR_EQUALS",
    "Includes",
    "ENDS_WITH",
    "&",
    "!&",
];

/// What other tools call them, and what people try. Compared without signs and ignoring case.
const OTHER_OPERATORS: &[(&str, &str)] = &[
    ("=", "EQUALS"),
    ("==", "EQUALS"),
    ("EQ", "EQUALS"),
    ("IS", "EQUALS"),
    ("!=", "NOT EQUALS"),
    ("<>", "NOT EQUALS"),
    ("NE", "NOT EQUALS"),
    ("IS NOT", "NOT EQUALS"),
    ("TRUE", "IS TRUE"),
    ("FALSE", "IS FALSE"),
    ("NULL", "IS NULL"),
    ("EMPTY", "IS NULL"),
    ("IS EMPTY", "IS NULL"),
    ("NOT NULL", "IS NOT NULL"),
    ("NOT EMPTY", "IS NOT NULL"),
    ("IS NOT EMPTY", "IS NOT NULL"),
    ("IS PRESENT", "IS NOT NULL"),
    ("REGEX", "REGEX MATCH"),
    ("MATCH", "REGEX MATCH"),
    ("MATCHES", "REGEX MATCH"),
    ("LIKE", "REGEX MATCH"),
    ("STARTS WITH", "REGEX MATCH"),
    ("NOT REGEX", "NOT REGEX MATCH"),
    ("NOT MATCH", "NOT REGEX MATCH"),
    (">", "Greater_Than"),
    ("GT", "Greater_Than"),
    (">=", "Greater_Than_OR_EQUALS"),
    ("GE", "Greater_Than_OR_EQUALS"),
    ("GREATER OR EQUALS", "Greater_Than_OR_EQUALS"),
    ("CONTAINS", "Includes"),
    ("SUFFIX", "ENDS_WITH"),
    ("IN", "&"),
    ("ONE OF", "&"),
    ("NOT IN", "!&"),
    ("NONE OF", "!&"),
];

/// A hint for an operator that does not exist.
pub(super) fn suggestion(word: &str) -> String {
    // `IS_TRUE`, `is-true` and `IsTrue` are `IS TRUE`; of a sign nothing else is left.
    let plain = |text: &str| -> String {
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        if letters.is_empty() { text.trim().to_owned() } else { letters.to_ascii_lowercase() }
    };
    let meant = plain(word);
    let spelled = OPERATORS.into_iter().find(|name| plain(name) == meant);
    let called = || OTHER_OPERATORS.iter().find(|(theirs, _)| plain(theirs) == meant).map(|(_, name)| *name);
    match spelled.or_else(called).or_else(|| nearest(word, OPERATORS)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("operators are {}", OPERATORS.join(", ")),
    }
}

/// One `{ attribute, operator, value }`.
#[derive(Clone, Debug)]
pub struct Clause {
    /// What is looked at.
    pub attribute: Attribute,
    /// How it is compared, with the value compared to.
    pub operator: Operator,
}

impl Operator {
    /// The operator of that name with its value; `Err` says what is wrong with the value. `None`: no such operator.
    pub fn new(name: &str, value: Option<Value>) -> Option<Result<Self, String>> {
        if !OPERATORS.contains(&name) {
            return None;
        }
        Some(match (name, value) {
            ("IS TRUE", None) => Ok(Operator::IsTrue),
            ("IS FALSE", None) => Ok(Operator::IsFalse),
            ("IS NULL", None) => Ok(Operator::IsNull),
            ("IS NOT NULL", None) => Ok(Operator::IsNotNull),
            ("IS TRUE" | "IS FALSE" | "IS NULL" | "IS NOT NULL", Some(_)) => Err(format!("{name} takes no value")),
            (_, None) => Err(format!("{name} needs a value")),
            (_, Some(value)) => Self::with_value(name, value),
        })
    }

    fn with_value(name: &str, value: Value) -> Result<Self, String> {
        let kind = kind_of(&value);
        match (name, value) {
            (_, Value::Text(text)) if text.is_empty() => {
                Err(format!("{name} \"\" holds for nobody: an empty attribute fails it; IS NULL finds those"))
            }
            ("EQUALS", value @ (Value::Text(_) | Value::Integer(_))) => Ok(Operator::Equals(value)),
            ("NOT EQUALS", value @ (Value::Text(_) | Value::Integer(_))) => Ok(Operator::NotEquals(value)),
            ("EQUALS" | "NOT EQUALS", Value::Bool(_)) => {
                Err(format!("{name} compares texts and whole numbers; for Booleans there are IS TRUE and IS FALSE"))
            }
            ("EQUALS" | "NOT EQUALS", Value::List(_)) => {
                Err(format!("{name} compares with one value; `&` and `!&` take a list"))
            }
            ("REGEX MATCH", Value::Text(text)) => Pattern::new(&text).map(Operator::RegexMatch),
            ("NOT REGEX MATCH", Value::Text(text)) => Pattern::new(&text).map(Operator::NotRegexMatch),
            ("Greater_Than", Value::Integer(n)) => Ok(Operator::GreaterThan(n)),
            ("Greater_Than_OR_EQUALS", Value::Integer(n)) => Ok(Operator::GreaterThanOrEquals(n)),
            ("Greater_Than" | "Greater_Than_OR_EQUALS", _) => {
                Err(format!("{name} compares whole numbers, and the value is {kind}"))
            }
            ("Includes", Value::Text(text)) => Ok(Operator::Includes(text.into())),
            ("ENDS_WITH", Value::Text(text)) => Ok(Operator::EndsWith(text.into())),
            ("&", value) => members(name, value).map(Operator::OneOf),
            ("!&", value) => members(name, value).map(Operator::NoneOf),
            _ => Err(format!("{name} needs a text, and the value is {kind}")),
        }
    }

    /// How a clause with this operator is written.
    pub(super) fn example(name: &str) -> String {
        let value = match name {
            "IS TRUE" | "IS FALSE" | "IS NULL" | "IS NOT NULL" => {
                return format!("as in {{ …, operator = \"{name}\" }}");
            }
            "Greater_Than" | "Greater_Than_OR_EQUALS" => "100",
            "REGEX MATCH" | "NOT REGEX MATCH" => "\"^(Teacher|Staff)$\"",
            "ENDS_WITH" => "\"@north.example\"",
            "&" | "!&" => "\"Teacher; Staff\"",
            _ => "\"Sales\"",
        };
        format!("as in {{ …, operator = \"{name}\", value = {value} }}")
    }
    /// The name as written in rule files.
    pub fn name(&self) -> &'static str {
        let place = match self {
            Operator::Equals(_) => 0,
            Operator::NotEquals(_) => 1,
            Operator::IsTrue => 2,
            Operator::IsFalse => 3,
            Operator::IsNull => 4,
            Operator::IsNotNull => 5,
            Operator::RegexMatch(_) => 6,
            Operator::NotRegexMatch(_) => 7,
            Operator::GreaterThan(_) => 8,
            Operator::GreaterThanOrEquals(_) => 9,
            Operator::Includes(_) => 10,
            Operator::EndsWith(_) => 11,
            Operator::OneOf(_) => 12,
            Operator::NoneOf(_) => 13,
        };
        OPERATORS[place]
    }

    /// The value compared to, as it can be written in a rule file.
    pub fn value(&self) -> Option<Value> {
        match self {
            Operator::IsTrue | Operator::IsFalse | Operator::IsNull | Operator::IsNotNull => None,
            Operator::Equals(value) | Operator::NotEquals(value) => Some(value.clone()),
            Operator::RegexMatch(pattern) | Operator::NotRegexMatch(pattern) => Some(pattern.as_str().into()),
            Operator::GreaterThan(n) | Operator::GreaterThanOrEquals(n) => Some(Value::Integer(*n)),
            Operator::Includes(text) | Operator::EndsWith(text) => Some(text.as_str().into()),
            Operator::OneOf(members) | Operator::NoneOf(members) => Some(members.clone().into()),
        }
    }

    /// Texts that are compared with the whole value of an attribute.
    pub(super) fn whole_values(&self) -> Vec<String> {
        match self {
            Operator::Equals(value) | Operator::NotEquals(value) => vec![value.to_string()],
            Operator::OneOf(members) | Operator::NoneOf(members) => members.clone(),
            _ => Vec::new(),
        }
    }

    /// Does it hold for a value that is there?
    pub(super) fn holds(&self, value: &Value) -> bool {
        let text = || match value {
            Value::Text(text) => Some(Cow::Borrowed(text.as_str())),
            Value::Integer(n) => Some(Cow::Owned(n.to_string())),
            Value::Bool(b) => Some(Cow::Owned(b.to_string())),
            Value::List(_) => None,
        };
        let same = |t: &str, wanted: &Value| wanted.as_text().map_or_else(|| t == wanted.to_string(), |w| t == w);
        let asked = |question: &dyn Fn(&str) -> bool| text().is_some_and(|t| question(&t));
        let number = || match value {
            Value::Integer(n) => Some(*n),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Bool(_) | Value::List(_) => None,
        };
        match self {
            Operator::IsNull => false,
            Operator::IsNotNull => true,
            Operator::IsTrue => *value == Value::Bool(true),
            Operator::IsFalse => *value == Value::Bool(false),
            Operator::Equals(wanted) => asked(&|t| same(t, wanted)),
            Operator::NotEquals(wanted) => asked(&|t| !same(t, wanted)),
            Operator::RegexMatch(pattern) => asked(&|t| pattern.is_match(t)),
            Operator::NotRegexMatch(pattern) => asked(&|t| !pattern.is_match(t)),
            Operator::GreaterThan(least) => number().is_some_and(|n: i64| n > *least),
            Operator::GreaterThanOrEquals(least) => number().is_some_and(|n: i64| n >= *least),
            Operator::Includes(part) => asked(&|t| t.contains(part.as_str())),
            Operator::EndsWith(end) => asked(&|t| t.ends_with(end.as_str())),
            Operator::OneOf(members) => asked(&|t| members.iter().any(|m| m == t)),
            Operator::NoneOf(members) => asked(&|t| members.iter().all(|m| m != t)),
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a Boolean",
        Value::Integer(_) => "a whole number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
    }
}

/// The members of `&`: a TOML list, or a text cut at `;` and `,`, blanks around each member dropped. Whole members are
/// compared, not parts: `"Sales"` is not in `"Presales;Marketing"`.
fn members(name: &str, value: Value) -> Result<Vec<String>, String> {
    let members: Vec<String> = match value {
        Value::Text(text) => text.split([';', ',']).map(|m| m.trim().to_owned()).filter(|m| !m.is_empty()).collect(),
        Value::List(items) => items.into_iter().filter(|m| !m.is_empty()).collect(),
        Value::Integer(n) => vec![n.to_string()],
        Value::Bool(_) => Vec::new(),
    };
    if members.is_empty() {
        return Err(format!("{name} needs members: a list, or a text cut at `;` and `,`"));
    }
    Ok(members)
}

impl Clause {
    /// Does it hold?
    pub fn holds(&self, user: &Attributes) -> bool {
        match user.get(&self.attribute) {
            Some(value) if !value.is_empty() => self.operator.holds(value),
            _ => matches!(self.operator, Operator::IsNull),
        }
    }
}

/// As in the rule file: `department EQUALS "Sales"`.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attribute, self.operator.name())?;
        match &self.operator {
            Operator::IsTrue | Operator::IsFalse | Operator::IsNull | Operator::IsNotNull => Ok(()),
            Operator::Equals(Value::Integer(n)) | Operator::NotEquals(Value::Integer(n)) => write!(f, " {n}"),
            Operator::Equals(value) | Operator::NotEquals(value) => write!(f, " \"{value}\""),
            Operator::RegexMatch(pattern) | Operator::NotRegexMatch(pattern) => write!(f, " \"{}\"", pattern.as_str()),
            Operator::GreaterThan(n) | Operator::GreaterThanOrEquals(n) => write!(f, " {n}"),
            Operator::Includes(text) | Operator::EndsWith(text) => write!(f, " \"{text}\""),
            Operator::OneOf(members) | Operator::NoneOf(members) => write!(f, " \"{}\"", members.join("; ")),
        }
    }
}

impl Scope {
    /// Do all clauses hold, and is the user in one of the groups where any are named?
    pub fn takes(&self, user: &Attributes, is_member: impl Fn(&str) -> bool) -> bool {
        self.all.iter().all(|clause| clause.holds(user))
            && (self.groups.is_empty() || self.groups.iter().any(|group| is_member(group)))
    }
}

impl RuleSet {
    /// Does any scope table take the user? A rule set without scope tables takes everybody.
    ///
    /// That external users are never exported is law, not rule: the planner sees to it.
    pub fn in_scope(&self, user: &Attributes, is_member: impl Fn(&str) -> bool) -> bool {
        self.scope.is_empty() || self.scope.iter().any(|scope| scope.takes(user, &is_member))
    }
}
