//! Is there a value, and is it so?

use super::super::Shape;
use super::super::evaluate::Given;
use super::{Argument, Evaluated, Function, Takes, truth};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::eager("IsNull", "IsNull(expression)", &[Takes::Any], Shape::Bool, is_null),
    Function::eager("IsNullOrEmpty", "IsNullOrEmpty(expression)", &[Takes::Any], Shape::Bool, is_null_or_empty),
    Function::eager("IsPresent", "IsPresent(expression)", &[Takes::Any], Shape::Bool, is_present),
    Function::eager("IsString", "IsString(expression)", &[Takes::Any], Shape::Bool, is_string),
    Function::eager("Not", "Not(condition)", &[Takes::Condition], Shape::Bool, not),
];

fn is_null(arguments: &[Argument<'_>]) -> Evaluated {
    truth(arguments.iter().all(|a| a.value.is_none()))
}
fn is_null_or_empty(arguments: &[Argument<'_>]) -> Evaluated {
    truth(arguments.iter().all(Argument::is_empty))
}
fn is_present(arguments: &[Argument<'_>]) -> Evaluated {
    truth(!arguments.iter().all(Argument::is_empty))
}
fn is_string(arguments: &[Argument<'_>]) -> Evaluated {
    truth(arguments.iter().all(|a| matches!(a.value, Some(Given::Text(_)))))
}
/// A condition without a value is false, so its opposite is true.
fn not(arguments: &[Argument<'_>]) -> Evaluated {
    let holds = arguments.first().map_or(Ok(false), Argument::truth).map_err(|message| (message, 0))?;
    truth(!holds)
}
