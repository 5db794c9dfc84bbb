//! What does each part of an expression give?

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::functions::{Argument, Evaluate, Takes};
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

/// A value in the middle of an evaluation, borrowed from the user or the expression where that is possible.
#[derive(Clone, Debug)]
pub(super) enum Given<'v> {
    Bool(bool),
    Integer(i64),
    Text(Cow<'v, str>),
    List(Cow<'v, [String]>),
}

impl<'v> From<&'v Value> for Given<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Bool(b) => Given::Bool(*b),
            Value::Integer(n) => Given::Integer(*n),
            Value::Text(text) => Given::Text(Cow::Borrowed(text)),
            Value::List(items) => Given::List(Cow::Borrowed(items)),
        }
    }
}
impl From<Value> for Given<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(b) => Given::Bool(b),
            Value::Integer(n) => Given::Integer(n),
            Value::Text(text) => Given::Text(Cow::Owned(text.into())),
            Value::List(items) => Given::List(Cow::Owned(items.into())),
        }
    }
}
impl From<Given<'_>> for Value {
    fn from(given: Given<'_>) -> Self {
        match given {
            Given::Bool(b) => Value::Bool(b),
            Given::Integer(n) => Value::Integer(n),
            Given::Text(text) => Value::Text(text.into()),
            Given::List(items) => Value::List(items.into()),
        }
    }
}

impl Given<'_> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Given::Text(text) => text.is_empty(),
            Given::List(items) => items.is_empty(),
            Given::Bool(_) | Given::Integer(_) => false,
        }
    }
    /// As one text: a list counts as its only item.
    pub(super) fn text(&self) -> Result<Cow<'_, str>, String> {
        match self {
            Given::Bool(b) => Ok(Cow::Borrowed(if *b { "True" } else { "False" })),
            Given::Integer(n) => Ok(Cow::Owned(n.to_string())),
            Given::Text(text) => Ok(Cow::Borrowed(text)),
            Given::List(items) => match items.as_ref() {
                [] => Ok(Cow::Borrowed("")),
                [one] => Ok(Cow::Borrowed(one)),
                many => Err(format!("here stand {} values, and one is needed: Join(\", \", …) makes one", many.len())),
            },
        }
    }
    fn bytes(&self) -> usize {
        match self {
            Given::Bool(_) | Given::Integer(_) => 1,
            Given::Text(text) => 1 + text.len(),
            Given::List(items) => 1 + items.iter().map(|i| 1 + i.len()).sum::<usize>(),
        }
    }
}

/// One evaluation, with what is left of its budget.
pub(super) struct Evaluation<'v> {
    pub(super) inputs: Inputs<'v>,
    left: usize,
    /// How often something was drawn: each draw is another one.
    pub(super) draws: u64,
    depth: usize,
    steps: Option<Vec<Traced>>,
}

impl<'v> Evaluation<'v> {
    pub(super) fn new(inputs: Inputs<'v>) -> Self {
        Self { inputs, left: WORK_BYTES_MAX, draws: 0, depth: 0, steps: None }
    }
    /// One that remembers how it went.
    pub(super) fn traced(inputs: Inputs<'v>) -> Self {
        Self { steps: Some(Vec::new()), ..Self::new(inputs) }
    }
    /// How it went, where it was asked to remember.
    pub(super) fn steps(self) -> Vec<Traced> {
        self.steps.unwrap_or_default()
    }

    /// The value of a part.
    pub(super) fn value(&mut self, node: &'v Node) -> Result<Option<Given<'v>>, Stop> {
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

    fn given(&mut self, node: &'v Node) -> Result<Option<Given<'v>>, Stop> {
        let value = match &node.kind {
            Kind::Attribute(attribute) => self.inputs.user.get(attribute).map(Given::from),
            Kind::Text(text) => Some(Given::Text(Cow::Borrowed(text))),
            Kind::Pattern(pattern) => Some(Given::Text(Cow::Borrowed(pattern.as_str()))),
            Kind::Word(word) => Some(Given::Text(Cow::Borrowed(word))),
            Kind::Integer(n) => Some(Given::Integer(*n)),
            Kind::Bool(b) => Some(Given::Bool(*b)),
            Kind::Empty => None,
            Kind::IgnoreAttribute => return Err(Stop::IgnoreAttribute),
            Kind::IgnoreObject => return Err(Stop::IgnoreObject),
            Kind::Compare(comparison, left, right) => {
                let (left, right) = (self.argument(left)?, self.argument(right)?);
                Some(Given::Bool(compare(*comparison, &left, &right)?))
            }
            Kind::Call(function, nodes) => match function.evaluate {
                Evaluate::Lazy(evaluate) => evaluate(self, nodes)?,
                Evaluate::Eager(evaluate) => {
                    let arguments = nodes.iter().map(|n| self.argument(n)).collect::<Result<Vec<_>, _>>()?;
                    let fault = |(message, i): (String, usize)| {
                        let span = arguments.get(i).map_or(node.span.clone(), |a| a.span.clone());
                        EvalError { message: format!("{}: {message}", function.name), span }
                    };
                    evaluate(&arguments).map_err(fault)?.map(Given::from)
                }
            },
        };
        self.charge(value.as_ref().map_or(1, Given::bytes), &node.span)?;
        Ok(value)
    }

    /// The value of a part, with its place.
    pub(super) fn argument(&mut self, node: &'v Node) -> Result<Argument<'v>, Stop> {
        Ok(Argument { value: self.value(node)?, span: node.span.clone() })
    }

    /// Takes so much from the budget.
    pub(super) fn charge(&mut self, bytes: usize, span: &Range<usize>) -> Result<(), EvalError> {
        match self.left.checked_sub(bytes) {
            // One byte stands for the value itself: its text may be as long as the bound.
            Some(left) if bytes <= 1 + TEXT_BYTES_MAX => {
                self.left = left;
                Ok(())
            }
            _ => Err(EvalError { message: "the result is too long".to_owned(), span: span.clone() }),
        }
    }
}

/// Can a constant be what its place takes? The same words as at run time.
pub(super) fn fits(takes: Takes, constant: &Argument<'_>) -> Result<(), String> {
    use crate::rules::dates::{self, Interval};
    match takes {
        Takes::Any | Takes::Text | Takes::Culture | Takes::Pattern | Takes::Word(_) => Ok(()),
        Takes::Number => constant.integer().map(drop),
        Takes::Condition => constant.truth().map(drop),
        Takes::Interval => Interval::new(&constant.text()?).map(drop),
        Takes::Date => {
            let text = constant.text()?;
            dates::read(&text).map(drop).ok_or_else(|| super::functions::no_date(&text))
        }
    }
}

/// Numbers compare as numbers where both sides are numbers or read like ones; a Boolean compares with the words `true`
/// and `false` in any case; everything else compares as text, exactly. No value is the same as `""`, and is neither
/// greater nor less than anything.
fn compare(comparison: Comparison, left: &Argument<'_>, right: &Argument<'_>) -> Result<bool, EvalError> {
    let text = |a: &Argument<'_>| {
        let text = a.text().map(Cow::into_owned);
        text.map_err(|message| EvalError { message, span: a.span.clone() })
    };
    let truth = |a: &Argument<'_>| match a.value {
        Some(Given::Bool(b)) => Some(b),
        _ => None,
    };
    let whole = |a: &Argument<'_>| matches!(a.value, Some(Given::Integer(_)));
    let (a, b) = (text(left)?, text(right)?);
    if let Some((truth, other)) = truth(left).map(|t| (t, &b)).or_else(|| truth(right).map(|t| (t, &a))) {
        let same = other.eq_ignore_ascii_case(if truth { "true" } else { "false" });
        return Ok(match comparison {
            Comparison::Equal => same,
            Comparison::NotEqual => !same,
            _ => false,
        });
    }
    let asks_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let order = match (number(&a), number(&b)) {
        // `"007" = "7"` is a question about texts; `"10" > "9"` is one about numbers.
        (Some(x), Some(y)) if asks_order || whole(left) || whole(right) => x.cmp(&y),
        _ => a.cmp(&b),
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
