//! How are texts cut, joined and changed?

use super::super::evaluate::TEXT_BYTES_MAX;
use super::super::tree::{Kind, Node};
use super::{ANY, Argument, Evaluate, Evaluated, Function};
use crate::model::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    plain("Append", "Append(source, suffix)", 2, 2, append),
    Function { empties: true, ..plain("Join", "Join(separator, source1, source2, …)", 2, ANY, join) },
    Function {
        empties: true,
        check: Some(only_plain_replace),
        ..plain("Replace", "Replace(source, oldValue, , , replacementValue, , )", 5, 7, replace)
    },
    Function { check: Some(no_special_culture), ..plain("ToLower", "ToLower(source)", 1, 2, to_lower) },
    Function { check: Some(no_special_culture), ..plain("ToUpper", "ToUpper(source)", 1, 2, to_upper) },
    plain("Trim", "Trim(source)", 1, 1, trim),
    plain("Len", "Len(source)", 1, 1, len),
    plain("Left", "Left(source, count)", 2, 2, left),
    plain("Right", "Right(source, count)", 2, 2, right),
    Function { check: Some(starts_at_one), ..plain("Mid", "Mid(source, start, length)", 3, 3, mid) },
];

const fn plain(
    name: &'static str,
    usage: &'static str,
    least: usize,
    most: usize,
    evaluate: fn(&[Argument]) -> Evaluated,
) -> Function {
    Function { name, usage, least, most, empties: false, check: None, evaluate: Evaluate::Eager(evaluate) }
}

fn text_of(arguments: &[Argument], i: usize) -> Result<String, (String, usize)> {
    arguments.get(i).map_or(Ok(String::new()), Argument::text).map_err(|message| (message, i))
}
fn integer_of(arguments: &[Argument], i: usize) -> Result<i64, (String, usize)> {
    arguments.get(i).map_or(Ok(0), Argument::integer).map_err(|message| (message, i))
}
fn some(text: String) -> Evaluated {
    Ok(Some(Value::Text(text)))
}

/// A text under construction that stops before it outgrows the bound.
struct Builder(String);

impl Builder {
    fn push(&mut self, piece: &str) -> Result<(), (String, usize)> {
        if self.0.len() + piece.len() > TEXT_BYTES_MAX {
            return Err(("the result is too long".to_owned(), usize::MAX));
        }
        self.0.push_str(piece);
        Ok(())
    }
}

fn append(arguments: &[Argument]) -> Evaluated {
    let mut result = Builder(text_of(arguments, 0)?);
    result.push(&text_of(arguments, 1)?)?;
    some(result.0)
}

/// Empty sources are skipped, lists give their items one by one.
fn join(arguments: &[Argument]) -> Evaluated {
    let separator = text_of(arguments, 0)?;
    let mut result = Builder(String::new());
    let mut first = true;
    for (i, argument) in arguments.iter().enumerate().skip(1) {
        let pieces = match &argument.value {
            Some(Value::List(items)) => items.clone(),
            _ => vec![text_of(arguments, i)?],
        };
        for piece in pieces.iter().filter(|p| !p.is_empty()) {
            if !first {
                result.push(&separator)?;
            }
            result.push(piece)?;
            first = false;
        }
    }
    some(result.0)
}

/// Of the five modes, the one that replaces every exact occurrence.
fn only_plain_replace(arguments: &[Node]) -> Result<(), String> {
    let there = |i: usize| arguments.get(i).is_some_and(|a| !a.is_empty());
    let modes = [(2, "regexPattern"), (3, "regexGroupName"), (5, "replacementAttributeName"), (6, "template")];
    if let Some((_, name)) = modes.into_iter().find(|(i, _)| there(*i)) {
        return Err(format!("Replace with a {name} is not supported yet; plain oldValue and replacementValue are"));
    }
    for (i, name) in [(0, "source"), (1, "oldValue"), (4, "replacementValue")] {
        if !there(i) {
            return Err(format!("Replace needs a {name}"));
        }
    }
    match arguments.get(1).map(|a| &a.kind) {
        Some(Kind::Text(old)) if old.is_empty() => Err("Replace needs an oldValue that is not empty".to_owned()),
        _ => Ok(()),
    }
}

fn replace(arguments: &[Argument]) -> Evaluated {
    let (source, old, new) = (text_of(arguments, 0)?, text_of(arguments, 1)?, text_of(arguments, 4)?);
    if old.is_empty() {
        return some(source);
    }
    let mut result = Builder(String::new());
    for (i, piece) in source.split(old.as_str()).enumerate() {
        if i > 0 {
            result.push(&new)?;
        }
        result.push(piece)?;
    }
    some(result.0)
}

/// Letters change as in the invariant culture; cultures in which they change otherwise are refused, not ignored.
fn no_special_culture(arguments: &[Node]) -> Result<(), String> {
    match arguments.get(1).map(|a| &a.kind) {
        None | Some(Kind::Empty) => Ok(()),
        Some(Kind::Text(culture)) => {
            let language = culture.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
            if matches!(language.as_str(), "tr" | "az" | "lt") {
                return Err(format!("the culture `{culture}` is not supported yet"));
            }
            Ok(())
        }
        Some(_) => Err("the culture must be a text in quotes".to_owned()),
    }
}

/// One letter for one letter, as .NET does it: `ß` stays, although its capital form has two letters.
fn to_lower(arguments: &[Argument]) -> Evaluated {
    let simple = |c: char| {
        let mut lower = c.to_lowercase();
        if lower.len() == 1 { lower.next().unwrap_or(c) } else { c }
    };
    some(text_of(arguments, 0)?.chars().map(simple).collect())
}
fn to_upper(arguments: &[Argument]) -> Evaluated {
    let simple = |c: char| {
        let mut upper = c.to_uppercase();
        if upper.len() == 1 { upper.next().unwrap_or(c) } else { c }
    };
    some(text_of(arguments, 0)?.chars().map(simple).collect())
}

fn trim(arguments: &[Argument]) -> Evaluated {
    some(text_of(arguments, 0)?.trim().to_owned())
}
fn len(arguments: &[Argument]) -> Evaluated {
    let count = text_of(arguments, 0)?.chars().count();
    Ok(Some(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))))
}

/// A negative count means: all of it.
fn count_of(arguments: &[Argument], i: usize) -> Result<usize, (String, usize)> {
    Ok(usize::try_from(integer_of(arguments, i)?).unwrap_or(usize::MAX))
}
fn left(arguments: &[Argument]) -> Evaluated {
    let count = count_of(arguments, 1)?;
    some(text_of(arguments, 0)?.chars().take(count).collect())
}
fn right(arguments: &[Argument]) -> Evaluated {
    let (text, count) = (text_of(arguments, 0)?, count_of(arguments, 1)?);
    let skipped = text.chars().count().saturating_sub(count);
    some(text.chars().skip(skipped).collect())
}

fn starts_at_one(arguments: &[Node]) -> Result<(), String> {
    match arguments.get(1).map(|a| &a.kind) {
        Some(Kind::Integer(n)) if *n < 1 => Err("Mid counts from 1".to_owned()),
        _ => Ok(()),
    }
}
fn mid(arguments: &[Argument]) -> Evaluated {
    let start = integer_of(arguments, 1)?;
    let Some(skipped) = start.checked_sub(1).and_then(|n| usize::try_from(n).ok()) else {
        return Err(("counts from 1".to_owned(), 1));
    };
    let length = count_of(arguments, 2)?;
    some(text_of(arguments, 0)?.chars().skip(skipped).take(length).collect())
}
