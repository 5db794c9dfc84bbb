//! Which of Replace's five modes is meant, and what does it give?

use super::super::evaluate::{Evaluation, Given, Stop};
use super::super::tree::{Kind, Node};
use super::super::{EvalError, Shape};
use super::text::Builder;
use super::{Argument, CALL, Evaluated, Fault, Function, Takes, some, text_of};
use crate::rules::pattern::{Pattern, group};

pub(super) static FUNCTIONS: &[Function] = &[Function::lazy(
    "Replace",
    "Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, template)",
    &[Takes::Any, Takes::Text, Takes::Pattern, Takes::Text, Takes::Text, Takes::Any, Takes::Text],
    Shape::Text,
    replace,
)
.from(5)
.with_empties()
.checked(one_mode)];

const SOURCE: usize = 0;
const OLD: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const NEW: usize = 4;
const OTHER: usize = 5;
const TEMPLATE: usize = 6;

/// Which arguments are given says which mode is meant; every other combination means nothing.
fn one_mode(arguments: &[Node]) -> Result<(), Fault> {
    let there = |i: usize| arguments.get(i).is_some_and(|a| !a.is_empty());
    if !there(SOURCE) {
        return Err(("Replace needs a source".to_owned(), SOURCE));
    }
    let given: Vec<usize> = (OLD..=TEMPLATE).filter(|i| there(*i)).collect();
    let modes: [&[usize]; 5] =
        [&[OLD, NEW], &[OLD, TEMPLATE], &[PATTERN, NEW], &[PATTERN, GROUP, NEW], &[PATTERN, GROUP, OTHER]];
    if !modes.contains(&given.as_slice()) {
        let message = "these arguments of Replace do not go together: there are oldValue + replacementValue, oldValue + \
                       template, regexPattern + replacementValue, regexPattern + regexGroupName + replacementValue, and \
                       regexPattern + regexGroupName + replacementAttributeName";
        return Err((message.to_owned(), CALL));
    }
    match arguments.get(OLD).map(|a| &a.kind) {
        Some(Kind::Text(old)) if old.is_empty() => Err(("Replace needs an oldValue that is not empty".to_owned(), OLD)),
        _ => Ok(()),
    }
}

/// The call with its pattern compiled, once for all users.
pub(in super::super) fn prepared(arguments: &mut [Node]) -> Result<(), Fault> {
    let Some(node) = arguments.get_mut(PATTERN).filter(|node| !node.is_empty()) else { return Ok(()) };
    let Kind::Text(source) = &node.kind else {
        return Err(("the pattern must be a text in quotes".to_owned(), PATTERN));
    };
    let pattern = Pattern::new(source).map_err(|message| (message, PATTERN))?;
    if let Some(Kind::Text(name)) = arguments.get(GROUP).map(|a| &a.kind)
        && !pattern.has_group(name)
    {
        return Err((format!("the pattern has no group `{name}`: write (?<{name}>…)"), GROUP));
    }
    if let Some(node) = arguments.get_mut(PATTERN) {
        node.kind = Kind::Pattern(pattern);
    }
    Ok(())
}

fn replace<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Result<Option<Given<'v>>, Stop> {
    let mut arguments = Vec::with_capacity(nodes.len());
    for node in nodes {
        arguments.push(evaluation.argument(node)?);
    }
    let fault = |(message, i): Fault| {
        let span = arguments.get(i).or(arguments.first()).map_or(0..0, |a| a.span.clone());
        EvalError { message: format!("Replace: {message}"), span }
    };
    let there = |i: usize| nodes.get(i).is_some_and(|n| !n.is_empty());
    let result = match nodes.get(PATTERN).map(|n| &n.kind) {
        Some(Kind::Pattern(pattern)) if there(OTHER) => by_other(pattern, &arguments).map_err(fault)?,
        Some(Kind::Pattern(pattern)) => {
            let subject = text_of(&arguments, SOURCE).map_err(fault)?;
            let span = nodes.first().map_or(0..0, |n| n.span.clone());
            let mut charge = |bytes: usize| evaluation.charge(bytes, &span);
            let name = there(GROUP).then(|| text_of(&arguments, GROUP)).transpose().map_err(fault)?;
            let new = text_of(&arguments, NEW).map_err(fault)?;
            matches_replaced(pattern, &subject, name.as_deref(), &new, &mut charge, &fault)?
        }
        _ if there(TEMPLATE) => plain(&arguments, TEMPLATE, SOURCE).map_err(fault)?,
        _ => plain(&arguments, SOURCE, NEW).map_err(fault)?,
    };
    Ok(result.map(Given::from))
}

/// Every exact occurrence of the old value in one text gives way to another.
fn plain(arguments: &[Argument<'_>], within: usize, new: usize) -> Evaluated {
    replaced(&text_of(arguments, within)?, &text_of(arguments, OLD)?, &text_of(arguments, new)?)
}
pub(super) fn replaced(text: &str, old: &str, new: &str) -> Evaluated {
    if old.is_empty() {
        return some(text);
    }
    let mut result = Builder::default();
    for (i, piece) in text.split(old).enumerate() {
        if i > 0 {
            result.push(new)?;
        }
        result.push(piece)?;
    }
    some(result.0)
}

/// The source where it has a value; otherwise what the group finds in the other attribute.
fn by_other(pattern: &Pattern, arguments: &[Argument<'_>]) -> Evaluated {
    let source = text_of(arguments, SOURCE)?;
    if !source.is_empty() {
        return some(source);
    }
    let (name, other) = (text_of(arguments, GROUP)?, text_of(arguments, OTHER)?);
    let captures = pattern.captures_at(&other, 0);
    some(captures.and_then(|c| group(&c, &name)).map_or("", |m| m.as_str()))
}

/// Every match in turn, as .NET finds them: an empty one may stand right behind another. Each look costs as much as the
/// text that is left, so that a pattern that matches everywhere is paid for.
fn matches_replaced(
    pattern: &Pattern,
    text: &str,
    name: Option<&str>,
    new: &str,
    charge: &mut dyn FnMut(usize) -> Result<(), EvalError>,
    fault: &dyn Fn(Fault) -> EvalError,
) -> Result<Option<crate::model::Value>, EvalError> {
    let mut result = Builder::default();
    let (mut at, mut copied) = (0, 0);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    while at <= text.len() {
        charge(1 + text.len() - at)?;
        let Some(captures) = pattern.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        let (from, to, put) = match name {
            None => (whole.start(), whole.end(), pattern.expanded(new, &captures)),
            Some(name) => match group(&captures, name) {
                Some(found) => (found.start(), found.end(), new.to_owned()),
                None => (whole.end(), whole.end(), String::new()),
            },
        };
        result.push(part(copied, from)).map_err(fault)?;
        result.push(&put).map_err(fault)?;
        copied = to;
        at = if whole.end() > whole.start() {
            whole.end()
        } else {
            whole.end() + text.get(whole.end()..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        };
    }
    result.push(part(copied, text.len())).map_err(fault)?;
    some(result.0).map_err(fault)
}
