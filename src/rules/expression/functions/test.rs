//! Is there a value, and is it so?

use super::{Argument, Evaluate, Evaluated, Function};
use crate::model::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    one("IsNull", "IsNull(source)", is_null),
    one("IsNullOrEmpty", "IsNullOrEmpty(source)", is_null_or_empty),
    one("IsPresent", "IsPresent(source)", is_present),
    one("Not", "Not(condition)", not),
];

const fn one(name: &'static str, usage: &'static str, evaluate: fn(&[Argument]) -> Evaluated) -> Function {
    Function { name, usage, least: 1, most: 1, empties: false, check: None, evaluate: Evaluate::Eager(evaluate) }
}

fn bool(answer: bool) -> Evaluated {
    Ok(Some(Value::Bool(answer)))
}
fn is_null(arguments: &[Argument]) -> Evaluated {
    bool(arguments.iter().all(|a| a.value.is_none()))
}
fn is_null_or_empty(arguments: &[Argument]) -> Evaluated {
    bool(arguments.iter().all(Argument::is_empty))
}
fn is_present(arguments: &[Argument]) -> Evaluated {
    bool(!arguments.iter().all(Argument::is_empty))
}
/// A condition without a value is false, so its opposite is true.
fn not(arguments: &[Argument]) -> Evaluated {
    let truth = arguments.first().map_or(Ok(false), Argument::truth).map_err(|message| (message, 0))?;
    bool(!truth)
}
