//! Which functions are there, what do they take, and who evaluates them? One table a file, joined here.

mod choice;
mod connect;
mod convert;
mod date;
mod draw;
mod list;
mod replace;
mod test;
mod text;

use std::borrow::Cow;
use std::ops::Range;

use compact_str::CompactString;

use super::evaluate::{Evaluation, Given, Stop};
use super::tree::Node;
use super::{Dialect, Shape};
use crate::model::Value;
use crate::rules::diagnostic::{did_you_mean, nearest};

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
    /// What each argument has to be; the last one speaks for all further ones.
    pub(super) takes: &'static [Takes],
    /// What comes out.
    pub(super) gives: Shape,
    /// What else can be known to be wrong before any user is looked at.
    pub(super) check: Option<Check>,
    /// How its value is found.
    pub(super) evaluate: Evaluate,
}

/// What an argument has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Any,
    Text,
    Number,
    Condition,
    Date,
    /// `"d"`, `"m"` …
    Interval,
    /// A culture's name in quotes.
    Culture,
    /// A pattern in quotes.
    Pattern,
    /// One of these words, without quotes.
    Word(&'static [&'static str]),
}

/// Looks at the arguments as written: what is wrong, and with which of them (an index past the last: with the call).
pub(super) type Check = fn(&[Node]) -> Result<(), Fault>;

/// What is wrong with which argument (an index past the last: with the call).
pub(super) type Fault = (String, usize);

/// An eager function's result.
pub(super) type Evaluated = Result<Option<Value>, Fault>;

/// When are the arguments looked at?
pub(super) enum Evaluate {
    /// All of them, before the function.
    Eager(fn(&[Argument<'_>]) -> Evaluated),
    /// Those that the function asks for: a branch not taken has no faults and no effect.
    Lazy(for<'v> fn(&mut Evaluation<'v>, &'v [Node]) -> Result<Option<Given<'v>>, Stop>),
}

/// Where a function takes as many arguments as one likes.
pub(super) const ANY: usize = usize::MAX;

/// A fault of the call as a whole.
pub(super) const CALL: usize = usize::MAX;

impl Function {
    const fn eager(
        name: &'static str,
        usage: &'static str,
        takes: &'static [Takes],
        gives: Shape,
        evaluate: fn(&[Argument<'_>]) -> Evaluated,
    ) -> Self {
        let evaluate = Evaluate::Eager(evaluate);
        let (least, most) = (takes.len(), takes.len());
        Self { name, usage, least, most, empties: false, takes, gives, check: None, evaluate }
    }
    const fn lazy(
        name: &'static str,
        usage: &'static str,
        takes: &'static [Takes],
        gives: Shape,
        evaluate: for<'v> fn(&mut Evaluation<'v>, &'v [Node]) -> Result<Option<Given<'v>>, Stop>,
    ) -> Self {
        let evaluate = Evaluate::Lazy(evaluate);
        let (least, most) = (takes.len(), takes.len());
        Self { name, usage, least, most, empties: false, takes, gives, check: None, evaluate }
    }
    const fn from(mut self, least: usize) -> Self {
        self.least = least;
        self
    }
    const fn to(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
    const fn with_empties(mut self) -> Self {
        self.empties = true;
        self
    }
    const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
    /// What the argument at that place has to be.
    pub(super) fn takes_at(&self, i: usize) -> Takes {
        self.takes.get(i).or(self.takes.last()).copied().unwrap_or(Takes::Any)
    }
}

/// A value on its way into a function.
#[derive(Debug)]
pub(super) struct Argument<'v> {
    pub(super) value: Option<Given<'v>>,
    pub(super) span: Range<usize>,
}

impl Argument<'_> {
    /// Neither a value nor text in it?
    pub(super) fn is_empty(&self) -> bool {
        self.value.as_ref().is_none_or(Given::is_empty)
    }
    /// As text: none is `""`, and Booleans are `True` and `False`, as .NET writes them.
    pub(super) fn text(&self) -> Result<Cow<'_, str>, String> {
        self.value.as_ref().map_or(Ok(Cow::Borrowed("")), Given::text)
    }
    /// As a whole number.
    pub(super) fn integer(&self) -> Result<i64, String> {
        if let Some(Given::Integer(n)) = &self.value {
            return Ok(*n);
        }
        let text = self.text()?;
        match text.trim() {
            "" => Err("a whole number is needed, and none is here".to_owned()),
            digits => digits.parse().map_err(|_| format!("`{}` is no whole number", short(&text))),
        }
    }
    /// As a condition: no value is false, a number is true unless it is 0, texts are `true` and `false` in any case.
    pub(super) fn truth(&self) -> Result<bool, String> {
        match &self.value {
            Some(Given::Bool(b)) => Ok(*b),
            Some(Given::Integer(n)) => Ok(*n != 0),
            _ => {
                let text = self.text()?;
                match text.trim() {
                    "" => Ok(false),
                    word if word.eq_ignore_ascii_case("false") => Ok(false),
                    word if word.eq_ignore_ascii_case("true") => Ok(true),
                    word => word
                        .parse::<i64>()
                        .map(|n| n != 0)
                        .map_err(|_| format!("`{}` is neither true nor false", short(&text))),
                }
            }
        }
    }
    /// Its items: a list's own, a single value as the only one.
    pub(super) fn items(&self) -> Result<Cow<'_, [String]>, String> {
        match &self.value {
            Some(Given::List(items)) => Ok(Cow::Borrowed(items)),
            _ if self.is_empty() => Ok(Cow::Borrowed(&[])),
            _ => Ok(Cow::Owned(vec![self.text()?.into_owned()])),
        }
    }
}

/// The text of the argument at that place; `""` where it was left out.
fn text_of<'s>(arguments: &'s [Argument<'_>], i: usize) -> Result<Cow<'s, str>, Fault> {
    arguments.get(i).map_or(Ok(Cow::Borrowed("")), Argument::text).map_err(|message| (message, i))
}
/// The whole number at that place.
fn integer_of(arguments: &[Argument<'_>], i: usize) -> Result<i64, Fault> {
    arguments.get(i).map_or(Ok(0), Argument::integer).map_err(|message| (message, i))
}
/// The items at that place.
fn items_of<'s>(arguments: &'s [Argument<'_>], i: usize) -> Result<Cow<'s, [String]>, Fault> {
    arguments.get(i).map_or(Ok(Cow::Borrowed(&[][..])), Argument::items).map_err(|message| (message, i))
}
/// Single characters, each of which is looked for in every character of a text: few, so that this stays cheap.
fn signs_of<'s>(arguments: &'s [Argument<'_>], i: usize) -> Result<Cow<'s, str>, Fault> {
    const SIGNS_MAX: usize = 256;
    let signs = text_of(arguments, i)?;
    if signs.chars().nth(SIGNS_MAX).is_some() {
        return Err((format!("at most {SIGNS_MAX} characters are taken here"), i));
    }
    Ok(signs)
}
fn some(text: impl Into<CompactString>) -> Evaluated {
    Ok(Some(Value::Text(text.into())))
}
fn number(n: impl TryInto<i64>) -> Evaluated {
    n.try_into().map(|n| Some(Value::Integer(n))).map_err(|_| ("the number is too large".to_owned(), CALL))
}
fn truth(answer: bool) -> Evaluated {
    Ok(Some(Value::Bool(answer)))
}

pub(super) use choice::UNIQUE;
pub(super) use date::no_date;
pub(super) use replace::prepared;

/// Messages quote values, but not whole ones.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// The provisioning dialect, and what goes beyond it.
static TABLES: [&[Function]; 8] = [
    text::FUNCTIONS,
    choice::FUNCTIONS,
    test::FUNCTIONS,
    convert::FUNCTIONS,
    date::FUNCTIONS,
    draw::FUNCTIONS,
    list::FUNCTIONS,
    replace::FUNCTIONS,
];

const ROLES: &str = "roles of an application belong to that application's provisioning, and accounts in another tenant \
                     have none: remove the mapping";

/// Names that Entra knows and that mean nothing here, each with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("AppRoleAssignments", ROLES),
    ("AppRoleAssignmentsComplex", ROLES),
    ("AssertiveAppRoleAssignmentsComplex", ROLES),
    ("SingleAppRoleAssignment", ROLES),
    ("AltSecIdFromNetId", "netId is not offered to apps, and crosstie keeps links of its own: remove the mapping"),
    ("DefaultDomain", "a rule set serves any number of targets: write the domain in quotes"),
    ("IsNothing", "it is not documented: IsNull(…) or IsNullOrEmpty(…) asks whether there is a value"),
    ("Prepend", "it is not documented: Append(\"prefix\", [attribute]) puts one text before another"),
    ("NormalizeDiacriticsByCulture", "it is not documented by example: NormalizeDiacritics(…) needs no culture"),
];

/// What other languages and dialects call a function.
const ELSEWHERE: &[(&str, &str)] = &[
    ("Concat", "Join"),
    ("Concatenate", "Join"),
    ("If", "IIF"),
    ("IsEmpty", "IsNullOrEmpty"),
    ("LCase", "ToLower"),
    ("Length", "Len"),
    ("Lower", "ToLower"),
    ("LowerCase", "ToLower"),
    ("ProperCase", "PCase"),
    ("Substring", "Mid"),
    ("UCase", "ToUpper"),
    ("Upper", "ToUpper"),
    ("UpperCase", "ToUpper"),
];

/// All functions that a dialect has.
pub(super) fn all(dialect: Dialect) -> impl Iterator<Item = &'static Function> {
    let own = connect::of(dialect);
    let shadowed = |f: &&'static Function| own.iter().all(|mine| mine.name != f.name);
    own.iter().chain(TABLES.iter().flat_map(|table| table.iter()).filter(move |f| shadowed(f)))
}

/// The function of that name, or a complaint with a way out.
pub(super) fn find(dialect: Dialect, name: &str) -> Result<&'static Function, (String, Option<String>)> {
    if let Some(function) = all(dialect).find(|f| f.name == name) {
        return Ok(function);
    }
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err((
            format!("{name} is not supported, because {}", why.split(": ").next().unwrap_or(why)),
            why.split_once(": ").map(|(_, way_out)| way_out.to_owned()),
        ));
    }
    let known = || all(dialect).map(|f| f.name).chain(REFUSED.iter().map(|(name, _)| *name));
    let called = |name: &str| {
        ELSEWHERE.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| format!("did you mean `{ours}`?"))
    };
    let nearly = || nearest(name, ELSEWHERE.iter().map(|(theirs, _)| *theirs)).and_then(called);
    // Who writes another language's name means that one, whatever is a few letters off: `Substring` is no `IsString`.
    let hint = called(name).or_else(|| did_you_mean(name, known())).or_else(nearly).unwrap_or_else(|| {
        let mut names: Vec<&str> = all(dialect).map(|f| f.name).collect();
        names.sort_unstable();
        format!("functions are {}", names.join(", "))
    });
    Err((format!("there is no function `{}`", short(name)), Some(hint)))
}
