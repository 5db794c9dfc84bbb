//! What can be known to be wrong with an expression before any user is looked at?

use std::ops::Range;

use super::evaluate::{Evaluation, Stop, fits};
use super::functions::{self, Argument, Evaluate, Fault, Function, Takes};
use super::parser::error;
use super::tree::{Comparison, Kind, Node};
use super::{Inputs, ParseError, Shape};
use crate::model::{Attributes, Timestamp};
use crate::rules::properties::{self, Known};

/// A message becomes a fault with a place.
pub(super) trait ErrorAt {
    fn at(self, span: Range<usize>) -> ParseError;
}
impl<T: Into<String>> ErrorAt for T {
    fn at(self, span: Range<usize>) -> ParseError {
        error(self, span, "")
    }
}

/// What a part gives, as far as that can be known.
pub(super) fn shape(node: &Node) -> Shape {
    match &node.kind {
        Kind::Attribute(attribute) => match properties::look_up(attribute.as_str()) {
            Known::Property(property) => match property.kind {
                properties::Kind::Text | properties::Kind::Reference => Shape::Text,
                properties::Kind::Bool => Shape::Bool,
                properties::Kind::List => Shape::List,
            },
            _ => Shape::Any,
        },
        Kind::Text(_) | Kind::Pattern(_) | Kind::Word(_) => Shape::Text,
        Kind::Integer(_) => Shape::Number,
        Kind::Bool(_) | Kind::Compare(..) => Shape::Bool,
        Kind::Call(function, arguments) => branches(function, arguments),
        Kind::Empty | Kind::IgnoreAttribute | Kind::IgnoreObject => Shape::Any,
    }
}

/// A choice gives what all its branches give.
fn branches(function: &Function, arguments: &[Node]) -> Shape {
    let values: Vec<&Node> = match function.name {
        "IIF" => arguments.iter().skip(1).collect(),
        "Coalesce" | "Redact" | "IgnoreFlowIfNullOrEmpty" => arguments.iter().collect(),
        _ => return function.gives,
    };
    let mut shapes = values.into_iter().filter(|n| !n.is_empty()).map(shape);
    let first = shapes.next().unwrap_or(Shape::Any);
    if shapes.all(|other| other == first) { first } else { Shape::Any }
}

/// Checks number, kinds and constants of the arguments, and that only those are left empty that may be.
pub(super) fn call(
    function: &'static Function,
    mut arguments: Vec<Node>,
    span: Range<usize>,
    name: Range<usize>,
) -> Result<Node, ParseError> {
    // Documented expressions end in spare commas: `ToLower([a], )`.
    while arguments.last().is_some_and(Node::is_empty)
        && (arguments.len() > function.most || !function.empties && arguments.len() > function.least)
    {
        arguments.pop();
    }
    let usage = format!("it is written {}", function.usage);
    let given = arguments.len();
    if given < function.least || given > function.most {
        let arguments = |n: usize| if n == 1 { "1 argument".to_owned() } else { format!("{n} arguments") };
        let message = if given < function.least {
            format!("{} takes at least {}, here it has {given}", function.name, arguments(function.least))
        } else {
            format!("{} takes at most {}, here it has {given}", function.name, arguments(function.most))
        };
        return Err(error(message, name, &usage));
    }
    if !function.empties
        && let Some(i) = arguments.iter().position(Node::is_empty)
    {
        return Err(error(format!("argument {} of {} is missing", i + 1, function.name), span, &usage));
    }
    let place = |arguments: &[Node], i: usize| arguments.get(i).map_or(span.clone(), |a| a.span.clone());
    for (i, argument) in arguments.iter().enumerate() {
        let fault = suits(function.takes_at(i), argument);
        fault.map_err(|message| error(format!("{}: {message}", function.name), argument.span.clone(), &usage))?;
    }
    if let Some(check) = function.check {
        check(&arguments).map_err(|(message, i): Fault| error(message, place(&arguments, i), &usage))?;
    }
    if function.takes.contains(&Takes::Pattern) {
        functions::prepared(&mut arguments).map_err(|(message, i)| error(message, place(&arguments, i), &usage))?;
    }
    let node = Node { kind: Kind::Call(function, arguments), span };
    constant_holds(&node, &usage)?;
    Ok(node)
}

/// Can the argument be what its place takes, for some user at least?
fn suits(takes: Takes, argument: &Node) -> Result<(), String> {
    if let Takes::Word(words) = takes {
        let sound = matches!(argument.kind, Kind::Word(_) | Kind::Empty);
        return if sound { Ok(()) } else { Err(format!("here stands one of the words {}", words.join(", "))) };
    }
    if let Some(constant) = constant(argument) {
        return fits(takes, &constant);
    }
    match (takes, shape(argument)) {
        (Takes::Number, Shape::Bool) => Err("a whole number is needed, and this is true or false".to_owned()),
        (Takes::Number, Shape::Date) => {
            Err("a whole number is needed, and this is a date: DateDiff(…) counts".to_owned())
        }
        (Takes::Condition, Shape::Date) => Err("a condition is needed, and this is a date".to_owned()),
        (Takes::Date, Shape::Bool) => Err("a date is needed, and this is true or false".to_owned()),
        (Takes::Date, Shape::Number) => Err("a date is needed, and this is a number".to_owned()),
        (Takes::Interval, Shape::Bool | Shape::Number | Shape::List | Shape::Date) => {
            Err("an interval is needed: \"yyyy\", \"m\", \"d\", \"ww\", \"h\", \"n\" or \"s\"".to_owned())
        }
        _ => Ok(()),
    }
}

/// The argument as a value, where it is written out.
fn constant(node: &Node) -> Option<Argument<'_>> {
    let value = match &node.kind {
        Kind::Text(text) => super::evaluate::Given::Text(text.as_str().into()),
        Kind::Integer(n) => super::evaluate::Given::Integer(*n),
        Kind::Bool(b) => super::evaluate::Given::Bool(*b),
        _ => return None,
    };
    Some(Argument { value: Some(value), span: node.span.clone() })
}

/// A call that reads nothing of the user gives the same for everybody: where that is a fault, it is one now.
fn constant_holds(node: &Node, usage: &str) -> Result<(), ParseError> {
    let Kind::Call(Function { evaluate: Evaluate::Eager(_), .. }, arguments) = &node.kind else { return Ok(()) };
    if !arguments.iter().all(|a| constant(a).is_some() || matches!(a.kind, Kind::Word(_) | Kind::Empty)) {
        return Ok(());
    }
    let nobody = Attributes::new();
    match Evaluation::new(Inputs::new(&nobody, Timestamp(0))).value(node) {
        Err(Stop::Error(fault)) => Err(error(fault.message, fault.span, usage)),
        _ => Ok(()),
    }
}

/// Can the comparison ever say something?
pub(super) fn comparison(sign: Comparison, left: &Node, right: &Node, span: Range<usize>) -> Result<(), ParseError> {
    let orders = !matches!(sign, Comparison::Equal | Comparison::NotEqual);
    match (shape(left), shape(right)) {
        (Shape::Date, _) | (_, Shape::Date) if orders => {
            let hint = "DateDiff(\"d\", a, b) > 0 asks whether b is the later one";
            Err(error("dates are texts here, and text order is not theirs", span, hint))
        }
        (Shape::Bool, _) | (_, Shape::Bool) if orders => {
            Err(error("true and false are neither greater nor less than anything", span, "compare with = or <>"))
        }
        (Shape::Bool, Shape::Number | Shape::Date | Shape::List)
        | (Shape::Number | Shape::Date | Shape::List, Shape::Bool) => {
            Err(error("this is never equal: one side is true or false", span, "compare with \"true\" or \"false\""))
        }
        _ => match (never(left, right)).or_else(|| never(right, left)) {
            Some((message, hint)) => Err(error(message, span, hint)),
            None => Ok(()),
        },
    }
}

/// A constant that the other side never gives.
fn never(side: &Node, constant: &Node) -> Option<(&'static str, &'static str)> {
    let Kind::Text(text) = &constant.kind else { return None };
    let word = text.trim();
    match shape(side) {
        Shape::Bool
            if !word.eq_ignore_ascii_case("true") && !word.eq_ignore_ascii_case("false") && !text.is_empty() =>
        {
            Some(("this is never equal: one side is true or false", "compare with \"true\" or \"false\""))
        }
        Shape::Number if matches!(side.kind, Kind::Call(..)) && word.parse::<i64>().is_err() && !text.is_empty() => {
            Some(("this is never equal: one side is a whole number", "compare with a number"))
        }
        _ => None,
    }
}

/// What can only be said of the expression as a whole.
pub(super) fn whole(root: &Node) -> Result<(), ParseError> {
    let inner = match &root.kind {
        Kind::Call(function, arguments) if function.name == functions::UNIQUE => nested(arguments),
        _ => nested(std::slice::from_ref(root)),
    };
    match inner {
        Some(span) => {
            let message = format!("{} stands alone at the top: nothing can be made from its answer", functions::UNIQUE);
            Err(error(message, span, "put the other functions into its candidates"))
        }
        None => Ok(()),
    }
}

fn nested(nodes: &[Node]) -> Option<Range<usize>> {
    nodes.iter().find_map(|node| match &node.kind {
        Kind::Call(function, _) if function.name == functions::UNIQUE => Some(node.span.clone()),
        Kind::Call(_, arguments) => nested(arguments),
        Kind::Compare(_, left, right) => {
            nested(std::slice::from_ref(left)).or_else(|| nested(std::slice::from_ref(right)))
        }
        _ => None,
    })
}
