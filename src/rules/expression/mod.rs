//! What does an expression give for a user? Parsed once with spans, evaluated totally and within bounds.

mod comparisons;
mod evaluate;
mod functions;
mod length;
mod lexer;
mod parser;
mod tree;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::model::{Attribute, Attributes, Timestamp, Value};
pub use comparisons::Compared;
use evaluate::{Evaluation, Stop};
use tree::{Kind, Node};

/// A parsed expression of the Entra provisioning dialect.
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
    root: Node,
}

/// Everything that an evaluation may see: a plan is reproducible because nothing else is.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The home user.
    pub user: &'a Attributes,
    /// The plan's frozen time.
    pub now: Timestamp,
    /// What `Guid()` and `RandomString()` are drawn from: the same seed gives the same values, so that planning again
    /// changes nothing.
    pub seed: &'a str,
    /// Is this value somebody else's in the target already? Asked by `SelectUniqueValue`.
    pub is_taken: &'a dyn Fn(&str) -> bool,
}

impl<'a> Inputs<'a> {
    /// A user and a time; nothing is drawn from, and nothing is taken.
    pub fn new(user: &'a Attributes, now: Timestamp) -> Self {
        Self { user, now, seed: "", is_taken: &|_| false }
    }
}

/// One part of an expression and what it gave, in the order in which the parts were evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// How many calls it stands within.
    pub depth: usize,
    /// The part, in canonical form.
    pub part: String,
    /// What it gave, or why it gave nothing.
    pub result: Result<Output, String>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A value, or none.
    Value(Option<Value>),
    /// The attribute is left out of the flow.
    IgnoreAttribute,
    /// The whole user is left out of the flow.
    IgnoreObject,
}

/// Why an expression has no result for this user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What went wrong, in words.
    pub message: String,
    /// Where in the source (bytes).
    pub span: Range<usize>,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong, in words.
    pub message: String,
    /// Where in the source (bytes).
    pub span: Range<usize>,
    /// The way out, where there is one.
    pub hint: Option<String>,
}

impl Expression {
    /// Parses and checks names and numbers of arguments.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let root = parser::parse(source)?;
        Ok(Self { source: source.to_owned(), root })
    }
    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }
    /// Attributes that it reads.
    pub fn attributes(&self) -> BTreeSet<Attribute> {
        let mut found = BTreeSet::new();
        self.root.collect(&mut found);
        found
    }
    /// Where it first reads the attribute of that name (bytes of the source).
    pub fn span_of(&self, attribute: &str) -> Option<Range<usize>> {
        self.root.find(attribute)
    }
    /// The attribute, where the whole expression is `[attribute]`.
    pub fn as_attribute(&self) -> Option<&Attribute> {
        match &self.root.kind {
            Kind::Attribute(attribute) => Some(attribute),
            _ => None,
        }
    }
    /// The text, where the whole expression is `"text"`.
    pub fn as_constant(&self) -> Option<&str> {
        match &self.root.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
    /// Its result for a user.
    pub fn evaluate(&self, inputs: Inputs<'_>) -> Result<Output, EvalError> {
        ended(Evaluation::new(inputs).value(&self.root))
    }
    /// Its result for a user, and how it came about. A part that gave an attribute or a constant is not listed.
    pub fn trace(&self, inputs: Inputs<'_>) -> (Result<Output, EvalError>, Vec<Traced>) {
        let mut evaluation = Evaluation::traced(inputs);
        let result = ended(evaluation.value(&self.root));
        (result, evaluation.steps())
    }
    /// Does it hide its value from logs (`Redact`)?
    pub fn redacts(&self) -> bool {
        self.root.calls("Redact")
    }
}

fn ended(value: Result<Option<Value>, Stop>) -> Result<Output, EvalError> {
    match value {
        Ok(value) => Ok(Output::Value(value)),
        Err(Stop::IgnoreAttribute) => Ok(Output::IgnoreAttribute),
        Err(Stop::IgnoreObject) => Ok(Output::IgnoreObject),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// The canonical form: two expressions that differ only in spaces are written alike.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root.kind)
    }
}
