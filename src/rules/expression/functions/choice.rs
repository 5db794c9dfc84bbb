//! Which of several values is it? Only the branch that is taken is evaluated.

use super::super::evaluate::{Evaluation, Given, Stop};
use super::super::tree::{Kind, Node};
use super::super::{EvalError, Shape};
use super::{ANY, Fault, Function, Takes};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::lazy("Coalesce", "Coalesce(source1, source2, …)", &[Takes::Any], Shape::Any, coalesce)
        .to(ANY)
        .with_empties(),
    Function::lazy(
        "IIF",
        "IIF(condition, valueIfTrue, valueIfFalse)",
        &[Takes::Condition, Takes::Any, Takes::Any],
        Shape::Any,
        iif,
    )
    .with_empties(),
    Function::lazy(
        "Switch",
        "Switch(source, default, key1, value1, key2, value2, …)",
        &[Takes::Any, Takes::Any],
        Shape::Any,
        switch,
    )
    .to(ANY)
    .with_empties()
    .checked(keys_have_values),
    Function::lazy("And", "And(condition1, condition2, …)", &[Takes::Condition], Shape::Bool, and).to(ANY),
    Function::lazy("Or", "Or(condition1, condition2, …)", &[Takes::Condition], Shape::Bool, or).to(ANY),
    Function::lazy(
        "IgnoreFlowIfNullOrEmpty",
        "IgnoreFlowIfNullOrEmpty(expression)",
        &[Takes::Any],
        Shape::Any,
        ignore_if_empty,
    ),
    Function::lazy("Redact", "Redact(source)", &[Takes::Any], Shape::Any, redact),
    Function::lazy(
        "SelectUniqueValue",
        "SelectUniqueValue(uniqueValueRule1, uniqueValueRule2, …)",
        &[Takes::Text, Takes::Text],
        Shape::Text,
        select_unique,
    )
    .to(ANY),
    Function::lazy("Error", "Error(message)", &[Takes::Text], Shape::Any, error),
];

type Value<'v> = Result<Option<Given<'v>>, Stop>;

/// The first source that has a value and is not `""`; the last one as it is.
fn coalesce<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let mut last = None;
    for node in nodes {
        let argument = evaluation.argument(node)?;
        if !argument.is_empty() {
            return Ok(argument.value);
        }
        last = argument.value;
    }
    Ok(last)
}

pub(super) fn truth<'v>(evaluation: &mut Evaluation<'v>, node: &'v Node) -> Result<bool, Stop> {
    let argument = evaluation.argument(node)?;
    argument.truth().map_err(|message| EvalError { message, span: argument.span.clone() }.into())
}

fn iif<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let [condition, yes, no] = nodes else { return Ok(None) };
    if truth(evaluation, condition)? { evaluation.value(yes) } else { evaluation.value(no) }
}

fn keys_have_values(arguments: &[Node]) -> Result<(), Fault> {
    // The vendor's page says that these are no sources; the answer of such a Switch would be its default.
    if let Some(Node { kind: Kind::Call(source, _), .. }) = arguments.first()
        && matches!(source.name, "IsNull" | "IsNullOrEmpty" | "IsPresent" | "IsString")
    {
        let message = format!("{} gives true or false, and is no source of a Switch: IIF(…) asks", source.name);
        return Err((message, 0));
    }
    if arguments.len() % 2 == 1 {
        return Err(("the last key of this Switch has no value".to_owned(), arguments.len() - 1));
    }
    Ok(())
}

/// Keys are compared exactly, as texts. Where no key is the same, blanks at the end do not count: the vendor's own
/// examples need it. A Boolean finds `true` in any case.
fn switch<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let [source, default, pairs @ ..] = nodes else { return Ok(None) };
    let source = evaluation.argument(source)?;
    let fault = |message, span| Stop::from(EvalError { message, span });
    let boolean = matches!(source.value, Some(Given::Bool(_)));
    let wanted = source.text().map_err(|message| fault(message, source.span.clone()))?;
    let mut nearly = None;
    for pair in pairs.chunks_exact(2) {
        let [key, value] = pair else { continue };
        let key = evaluation.argument(key)?;
        let text = key.text().map_err(|message| fault(message, key.span.clone()))?;
        if text == wanted || boolean && text.eq_ignore_ascii_case(&wanted) {
            return evaluation.value(value);
        }
        if nearly.is_none() && text.trim_end() == wanted.trim_end() {
            nearly = Some(value);
        }
    }
    evaluation.value(nearly.unwrap_or(default))
}

fn and<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    for node in nodes {
        if !truth(evaluation, node)? {
            return Ok(Some(Given::Bool(false)));
        }
    }
    Ok(Some(Given::Bool(true)))
}

fn or<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    for node in nodes {
        if truth(evaluation, node)? {
            return Ok(Some(Given::Bool(true)));
        }
    }
    Ok(Some(Given::Bool(false)))
}

fn ignore_if_empty<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let [source] = nodes else { return Ok(None) };
    let argument = evaluation.argument(source)?;
    if argument.is_empty() { Err(Stop::IgnoreAttribute) } else { Ok(argument.value) }
}

/// The value flows; whoever writes it to a log asks `Expression::redacts` first.
fn redact<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let [source] = nodes else { return Ok(None) };
    evaluation.value(source)
}

/// The first candidate that is not somebody else's in the target. Candidates without a value are passed over.
fn select_unique<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let mut taken = Vec::new();
    for node in nodes {
        let argument = evaluation.argument(node)?;
        let text = argument.text().map_err(|message| EvalError { message, span: argument.span.clone() })?;
        if text.trim().is_empty() {
            continue;
        }
        if !(evaluation.inputs.is_taken)(&text) {
            return Ok(argument.value);
        }
        taken.push(super::short(&text));
    }
    let message = match taken.as_slice() {
        [] => "SelectUniqueValue: no candidate has a value".to_owned(),
        taken => format!("SelectUniqueValue: all candidates are taken in the target: {}", taken.join(", ")),
    };
    let span = nodes.first().map_or(0..0, |n| n.span.start..nodes.last().map_or(n.span.end, |l| l.span.end));
    Err(EvalError { message, span }.into())
}

/// The admin's own words for what must not be: the user is held with them.
fn error<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Value<'v> {
    let Some(node) = nodes.first() else { return Ok(None) };
    let argument = evaluation.argument(node)?;
    let text = argument.text().map_err(|message| EvalError { message, span: argument.span.clone() })?;
    Err(EvalError { message: text.into_owned(), span: argument.span.clone() }.into())
}

/// `SelectUniqueValue` asks the target: nothing that is made from its answer could be asked for.
pub(in super::super) const UNIQUE: &str = "SelectUniqueValue";
