//! Which functions are there, what do they take, and who evaluates them? One table a file, joined here.

mod choice;
mod test;
mod text;

use std::ops::Range;

use super::evaluate::{Evaluation, Stop};
use super::tree::Node;
use crate::model::Value;
use crate::rules::diagnostic::did_you_mean;

/// One function of the dialect.
pub(super) struct Function {
    /// Case-sensitive.
    pub(super) name: &'static str,
    /// As documentation writes it.
    pub(super) usage: &'static str,
    /// Fewest arguments.
    pub(super) least: usize,
    /// Most arguments.
    pub(super) most: usize,
    /// May an argument be left out between two commas?
    pub(super) empties: bool,
    /// What else can be known to be wrong before any user is looked at.
    pub(super) check: Option<Check>,
    /// How its value is found.
    pub(super) evaluate: Evaluate,
}

/// Looks at the arguments as written.
pub(super) type Check = fn(&[Node]) -> Result<(), String>;

/// An eager function's result, or what is wrong with which argument (an index past the last: with the call).
pub(super) type Evaluated = Result<Option<Value>, (String, usize)>;

/// When are the arguments looked at?
pub(super) enum Evaluate {
    /// All of them, before the function.
    Eager(fn(&[Argument]) -> Evaluated),
    /// Those that the function asks for: a branch not taken has no faults and no effect.
    Lazy(fn(&mut Evaluation<'_>, &[Node]) -> Result<Option<Value>, Stop>),
}

/// Where a function takes as many arguments as one likes.
pub(super) const ANY: usize = usize::MAX;

/// A value on its way into a function.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) value: Option<Value>,
    pub(super) span: Range<usize>,
}

impl Argument {
    /// One value: none is `""`, and a list counts as its only item.
    pub(super) fn single(&self) -> Result<Value, String> {
        match &self.value {
            None => Ok(Value::Text(String::new())),
            Some(Value::List(items)) => match items.as_slice() {
                [] => Ok(Value::Text(String::new())),
                [one] => Ok(Value::Text(one.clone())),
                many => Err(format!("here stand {} values, and one is needed: Join(\", \", …) makes one", many.len())),
            },
            Some(value) => Ok(value.clone()),
        }
    }
    /// As text: none is `""`, and Booleans are `True` and `False`, as .NET writes them.
    pub(super) fn text(&self) -> Result<String, String> {
        Ok(match self.single()? {
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            other => other.to_string(),
        })
    }
    /// As a whole number.
    pub(super) fn integer(&self) -> Result<i64, String> {
        match self.single()? {
            Value::Integer(n) => Ok(n),
            Value::Text(text) if text.trim().is_empty() => Err("a whole number is needed, and none is here".to_owned()),
            Value::Text(text) => text.trim().parse().map_err(|_| format!("`{}` is no whole number", short(&text))),
            Value::Bool(b) => Err(format!("`{b}` is no whole number")),
            Value::List(_) => Err("a list is no whole number".to_owned()),
        }
    }
    /// As a condition: no value is false, a number is true unless it is 0, texts are `true` and `false` in any case.
    pub(super) fn truth(&self) -> Result<bool, String> {
        match self.single()? {
            Value::Bool(b) => Ok(b),
            Value::Integer(n) => Ok(n != 0),
            Value::Text(text) if text.is_empty() || text.eq_ignore_ascii_case("false") => Ok(false),
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::Text(text) => Err(format!("`{}` is neither true nor false", short(&text))),
            Value::List(_) => Err("a list is neither true nor false".to_owned()),
        }
    }
    /// Neither a value nor text in it?
    pub(super) fn is_empty(&self) -> bool {
        self.value.as_ref().is_none_or(Value::is_empty)
    }
}

/// Messages quote values, but not whole ones.
fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

static TABLES: [&[Function]; 3] = [text::FUNCTIONS, choice::FUNCTIONS, test::FUNCTIONS];

/// Functions of the dialect that have no file here yet.
const NOT_YET: [&str; 30] = [
    "AltSecIdFromNetId",
    "AppRoleAssignments",
    "AppRoleAssignmentsComplex",
    "AssertiveAppRoleAssignmentsComplex",
    "BitAnd",
    "CBool",
    "CDate",
    "CStr",
    "Contains",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "Count",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "DefaultDomain",
    "FormatDateTime",
    "Guid",
    "IgnoreFlowIfNullOrEmpty",
    "InStr",
    "IsString",
    "Item",
    "NormalizeDiacritics",
    "Now",
    "NumFromDate",
    "PCase",
    "PadLeft",
    "PadRight",
    "RandomString",
    "Redact",
];
/// The rest of them.
const NOT_YET_EITHER: [&str; 6] =
    ["RemoveDuplicates", "SelectUniqueValue", "SingleAppRoleAssignment", "Split", "StripSpaces", "Word"];

/// The function of that name, or a complaint with a way out.
pub(super) fn find(name: &str) -> Result<&'static Function, (String, Option<String>)> {
    let mut all = TABLES.iter().flat_map(|t| t.iter());
    if let Some(function) = all.find(|f| f.name == name) {
        return Ok(function);
    }
    let known = || TABLES.iter().flat_map(|t| t.iter()).map(|f| f.name);
    if NOT_YET.contains(&name) || NOT_YET_EITHER.contains(&name) {
        let there: Vec<&str> = known().collect();
        return Err((format!("{name} is not supported yet"), Some(format!("supported are {}", there.join(", ")))));
    }
    let others = NOT_YET.into_iter().chain(NOT_YET_EITHER);
    let hint = did_you_mean(name, known().chain(others)).unwrap_or_else(|| {
        let there: Vec<&str> = known().collect();
        format!("supported are {}", there.join(", "))
    });
    Err((format!("there is no function `{}`", short(name)), Some(hint)))
}
