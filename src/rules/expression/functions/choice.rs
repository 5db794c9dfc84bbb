//! Which of several values is it? Only the branch that is taken is evaluated.

use super::super::EvalError;
use super::super::evaluate::{Evaluation, Stop};
use super::super::tree::Node;
use super::{ANY, Evaluate, Function};
use crate::model::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    lazy("Coalesce", "Coalesce(source1, source2, …)", 1, ANY, coalesce),
    lazy("IIF", "IIF(condition, valueIfTrue, valueIfFalse)", 3, 3, iif),
    Function {
        check: Some(keys_have_values),
        ..lazy("Switch", "Switch(source, default, key1, value1, key2, value2, …)", 2, ANY, switch)
    },
    Function { empties: false, ..lazy("And", "And(condition1, condition2, …)", 1, ANY, and) },
    Function { empties: false, ..lazy("Or", "Or(condition1, condition2, …)", 1, ANY, or) },
];

type Lazily = fn(&mut Evaluation<'_>, &[Node]) -> Result<Option<Value>, Stop>;

const fn lazy(name: &'static str, usage: &'static str, least: usize, most: usize, evaluate: Lazily) -> Function {
    Function { name, usage, least, most, empties: true, check: None, evaluate: Evaluate::Lazy(evaluate) }
}

/// The first source that has a value and is not `""`; the last one as it is.
fn coalesce(evaluation: &mut Evaluation<'_>, nodes: &[Node]) -> Result<Option<Value>, Stop> {
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

fn truth(evaluation: &mut Evaluation<'_>, node: &Node) -> Result<bool, Stop> {
    let argument = evaluation.argument(node)?;
    argument.truth().map_err(|message| EvalError { message, span: argument.span }.into())
}

fn iif(evaluation: &mut Evaluation<'_>, nodes: &[Node]) -> Result<Option<Value>, Stop> {
    let [condition, yes, no] = nodes else { return Ok(None) };
    if truth(evaluation, condition)? { evaluation.value(yes) } else { evaluation.value(no) }
}

fn keys_have_values(arguments: &[Node]) -> Result<(), String> {
    if arguments.len() % 2 == 1 {
        return Err("the last key of this Switch has no value".to_owned());
    }
    Ok(())
}

/// Keys are compared exactly, as texts. Where no key is the same, blanks at the end do not count: the vendor's own
/// examples need it. A Boolean finds `true` in any case.
fn switch(evaluation: &mut Evaluation<'_>, nodes: &[Node]) -> Result<Option<Value>, Stop> {
    let [source, default, pairs @ ..] = nodes else { return Ok(None) };
    let source = evaluation.argument(source)?;
    let fault = |message, span| Stop::from(EvalError { message, span });
    let boolean = matches!(source.value, Some(Value::Bool(_)));
    let wanted = source.text().map_err(|message| fault(message, source.span))?;
    let mut nearly = None;
    for pair in pairs.chunks_exact(2) {
        let [key, value] = pair else { continue };
        let key = evaluation.argument(key)?;
        let text = key.text().map_err(|message| fault(message, key.span))?;
        if text == wanted || boolean && text.eq_ignore_ascii_case(&wanted) {
            return evaluation.value(value);
        }
        if nearly.is_none() && text.trim_end() == wanted.trim_end() {
            nearly = Some(value);
        }
    }
    evaluation.value(nearly.unwrap_or(default))
}

fn and(evaluation: &mut Evaluation<'_>, nodes: &[Node]) -> Result<Option<Value>, Stop> {
    for node in nodes {
        if !truth(evaluation, node)? {
            return Ok(Some(Value::Bool(false)));
        }
    }
    Ok(Some(Value::Bool(true)))
}

fn or(evaluation: &mut Evaluation<'_>, nodes: &[Node]) -> Result<Option<Value>, Stop> {
    for node in nodes {
        if truth(evaluation, node)? {
            return Ok(Some(Value::Bool(true)));
        }
    }
    Ok(Some(Value::Bool(false)))
}
