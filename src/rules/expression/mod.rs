//! What does an expression give for a user? Parsed once with spans, evaluated totally and within bounds.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::model::{Attribute, Attributes, Timestamp, Value};

/// A parsed expression of the Entra provisioning dialect.
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
}

/// Everything that an evaluation may see: a plan is reproducible because nothing else is.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The home user.
    pub user: &'a Attributes,
    /// The plan's frozen time.
    pub now: Timestamp,
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
        Ok(Self { source: source.to_owned() })
    }
    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }
    /// Attributes that it reads.
    pub fn attributes(&self) -> BTreeSet<Attribute> {
        todo!()
    }
    /// Its result for a user.
    pub fn evaluate(&self, _inputs: Inputs<'_>) -> Result<Output, EvalError> {
        todo!()
    }
}
