//! How are several values counted, cut and picked?

use std::collections::BTreeSet;

use super::super::Shape;
use super::super::tree::{Kind, Node};
use super::{Argument, Evaluated, Fault, Function, Takes, integer_of, items_of, number, some, text_of};
use crate::model::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::eager("Count", "Count(attribute)", &[Takes::Any], Shape::Number, count),
    Function::eager("Item", "Item(attribute, index)", &[Takes::Any, Takes::Number], Shape::Text, item)
        .checked(counts_from_one),
    Function::eager("RemoveDuplicates", "RemoveDuplicates(attribute)", &[Takes::Any], Shape::List, without_duplicates),
    Function::eager("Split", "Split(source, delimiter)", &[Takes::Text, Takes::Text], Shape::List, split)
        .checked(has_delimiter),
];

fn count(arguments: &[Argument<'_>]) -> Evaluated {
    number(items_of(arguments, 0)?.len())
}

const FROM_ONE: &str = "counts from 1";

fn counts_from_one(arguments: &[Node]) -> Result<(), Fault> {
    match arguments.get(1).map(|a| &a.kind) {
        Some(Kind::Integer(n)) if *n < 1 => Err((format!("Item {FROM_ONE}"), 1)),
        _ => Ok(()),
    }
}
/// Past the end there is no value.
fn item(arguments: &[Argument<'_>]) -> Evaluated {
    let items = items_of(arguments, 0)?;
    let at = integer_of(arguments, 1)?.checked_sub(1).and_then(|n| usize::try_from(n).ok());
    let Some(at) = at else { return Err((FROM_ONE.to_owned(), 1)) };
    items.get(at).map_or(Ok(None), |item| some(item.as_str()))
}

/// The first of equal items stays, in its place.
fn without_duplicates(arguments: &[Argument<'_>]) -> Evaluated {
    let items = items_of(arguments, 0)?;
    let mut seen = BTreeSet::new();
    Ok(Some(Value::List(items.iter().filter(|item| seen.insert(item.as_str())).cloned().collect())))
}

fn has_delimiter(arguments: &[Node]) -> Result<(), Fault> {
    match arguments.get(1).map(|a| &a.kind) {
        Some(Kind::Text(text)) if text.is_empty() => Err(("Split needs a delimiter that is not empty".to_owned(), 1)),
        _ => Ok(()),
    }
}
/// Blanks around the pieces go, and so do empty pieces: a directory stores neither.
fn split(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, delimiter) = (text_of(arguments, 0)?, text_of(arguments, 1)?);
    if delimiter.is_empty() {
        return Err(("the delimiter is empty".to_owned(), 1));
    }
    let pieces = text.split(delimiter.as_ref()).map(str::trim).filter(|piece| !piece.is_empty());
    Ok(Some(Value::List(pieces.map(str::to_owned).collect())))
}
