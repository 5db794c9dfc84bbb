//! What does each part of an expression give?

use std::cmp::Ordering;
use std::ops::Range;

use super::functions::{Argument, Evaluate};
use super::tree::{Comparison, Kind, Node};
use super::{EvalError, Inputs, Traced, ended};
use crate::model::Value;

/// The longest text that any part may give. Graph's longest user property is far below; a chain of Replace calls
/// would otherwise multiply without end.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// All that one evaluation may read and make. Every part is evaluated at most once, so that steps are bounded by the
/// length of the source; this bounds what the steps can carry.
const WORK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why an evaluation ends before its end.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Error(EvalError),
    IgnoreAttribute,
    IgnoreObject,
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Stop::Error(error)
    }
}

/// One evaluation, with what is left of its budget.
pub(super) struct Evaluation<'a> {
    pub(super) inputs: Inputs<'a>,
    left: usize,
    depth: usize,
    steps: Option<Vec<Traced>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        Self { inputs, left: WORK_BYTES_MAX, depth: 0, steps: None }
    }
    /// One that remembers how it went.
    pub(super) fn traced(inputs: Inputs<'a>) -> Self {
        Self { steps: Some(Vec::new()), ..Self::new(inputs) }
    }
    /// How it went, where it was asked to remember.
    pub(super) fn steps(self) -> Vec<Traced> {
        self.steps.unwrap_or_default()
    }

    /// The value of a part.
    pub(super) fn value(&mut self, node: &Node) -> Result<Option<Value>, Stop> {
        let composed = matches!(node.kind, Kind::Call(..) | Kind::Compare(..));
        if self.steps.is_none() || !composed {
            return self.given(node);
        }
        self.depth += 1;
        let value = self.given(node);
        self.depth -= 1;
        let result = ended(value.clone()).map_err(|error| error.message);
        let step = Traced { depth: self.depth, part: node.kind.to_string(), result };
        self.steps.get_or_insert_default().push(step);
        value
    }

    fn given(&mut self, node: &Node) -> Result<Option<Value>, Stop> {
        let value = match &node.kind {
            Kind::Attribute(attribute) => self.inputs.user.get(attribute).cloned(),
            Kind::Text(text) => Some(Value::Text(text.clone())),
            Kind::Integer(n) => Some(Value::Integer(*n)),
            Kind::Empty => None,
            Kind::IgnoreAttribute => return Err(Stop::IgnoreAttribute),
            Kind::IgnoreObject => return Err(Stop::IgnoreObject),
            Kind::Compare(comparison, left, right) => {
                let (left, right) = (self.argument(left)?, self.argument(right)?);
                Some(Value::Bool(compare(*comparison, &left, &right)?))
            }
            Kind::Call(function, nodes) => match function.evaluate {
                Evaluate::Lazy(evaluate) => evaluate(self, nodes)?,
                Evaluate::Eager(evaluate) => {
                    let mut arguments = Vec::with_capacity(nodes.len());
                    for argument in nodes {
                        arguments.push(self.argument(argument)?);
                    }
                    evaluate(&arguments).map_err(|(message, i)| {
                        let span = arguments.get(i).map_or(node.span.clone(), |a| a.span.clone());
                        EvalError { message: format!("{}: {message}", function.name), span }
                    })?
                }
            },
        };
        self.charge(value.as_ref(), &node.span)?;
        Ok(value)
    }

    /// The value of a part, with its place.
    pub(super) fn argument(&mut self, node: &Node) -> Result<Argument, Stop> {
        Ok(Argument { value: self.value(node)?, span: node.span.clone() })
    }

    fn charge(&mut self, value: Option<&Value>, span: &Range<usize>) -> Result<(), EvalError> {
        let bytes = match value {
            None | Some(Value::Bool(_) | Value::Integer(_)) => 1,
            Some(Value::Text(text)) => 1 + text.len(),
            Some(Value::List(items)) => 1 + items.iter().map(|i| 1 + i.len()).sum::<usize>(),
        };
        match self.left.checked_sub(bytes) {
            Some(left) if bytes <= TEXT_BYTES_MAX => {
                self.left = left;
                Ok(())
            }
            _ => Err(EvalError { message: "the result is too long".to_owned(), span: span.clone() }),
        }
    }
}

/// Numbers compare as numbers where both sides are numbers or read like ones; a Boolean compares with the words `true`
/// and `false` in any case; everything else compares as text, exactly. No value is the same as `""`, and is neither
/// greater nor less than anything.
fn compare(comparison: Comparison, left: &Argument, right: &Argument) -> Result<bool, EvalError> {
    let single = |a: &Argument| a.single().map_err(|message| EvalError { message, span: a.span.clone() });
    let (a, b) = (single(left)?, single(right)?);
    let order = match (&a, &b) {
        (Value::Bool(x), y) | (y, Value::Bool(x)) => {
            let same = same_truth(*x, y);
            return Ok(match comparison {
                Comparison::Equal => same,
                Comparison::NotEqual => !same,
                _ => false,
            });
        }
        (Value::Integer(_), _) | (_, Value::Integer(_)) => match (number(&a), number(&b)) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => a.to_string().cmp(&b.to_string()),
        },
        _ => match (number(&a), number(&b), comparison) {
            // `"007" = "7"` is a question about texts; `"10" > "9"` is one about numbers.
            (Some(x), Some(y), c) if !matches!(c, Comparison::Equal | Comparison::NotEqual) => x.cmp(&y),
            _ => a.to_string().cmp(&b.to_string()),
        },
    };
    let there = !a.is_empty() && !b.is_empty();
    Ok(match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Greater => there && order == Ordering::Greater,
        Comparison::GreaterOrEqual => there && order != Ordering::Less,
        Comparison::Less => there && order == Ordering::Less,
        Comparison::LessOrEqual => there && order != Ordering::Greater,
    })
}

fn same_truth(truth: bool, other: &Value) -> bool {
    match other {
        Value::Bool(b) => *b == truth,
        Value::Text(text) => text.eq_ignore_ascii_case(if truth { "true" } else { "false" }),
        Value::Integer(_) | Value::List(_) => false,
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(n) => Some(*n),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Bool(_) | Value::List(_) => None,
    }
}
