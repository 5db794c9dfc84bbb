//! What does an expression give for a user? Parsed once with spans, evaluated totally and within bounds.

mod check;
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
use evaluate::{Evaluation, Given, Stop};
use tree::{Kind, Node};

/// In which dialect is an expression written?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Entra provisioning: what attribute mappings of the portal are written in.
    #[default]
    Provisioning,
    /// Entra Connect's synchronization rules: `&` joins texts, and some functions take other arguments.
    Connect,
    /// Microsoft Identity Manager: some functions have other names.
    IdentityManager,
}

impl Dialect {
    /// All of them, by the names that rule files and `eval` know.
    pub const NAMED: [(&'static str, Dialect); 3] =
        [("provisioning", Dialect::Provisioning), ("connect", Dialect::Connect), ("mim", Dialect::IdentityManager)];

    /// The names of its functions.
    pub fn functions(self) -> Vec<&'static str> {
        functions::all(self).map(|f| f.name).collect()
    }
}

/// What an expression gives, as far as that is known before any user is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Anything.
    Any,
    /// One text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Bool,
    /// A date, in the text form that date functions return.
    Date,
    /// Any number of texts.
    List,
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Expression {
    dialect: Dialect,
    source: String,
    root: Node,
}

/// Everything that an evaluation may see: a plan is reproducible because nothing else is.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The home user.
    pub user: &'a Attributes,
    /// What `Now()` gives; in a plan the beginning of its day, so that it can be made again.
    pub now: Timestamp,
    /// What `Guid()` and `RandomString()` are drawn from, usually a person and an attribute: the same seed gives the same
    /// values, so that planning again changes nothing.
    pub seed: [&'a str; 2],
    /// Is this value somebody else's in the target already? Asked by `SelectUniqueValue`.
    pub is_taken: &'a dyn Fn(&str) -> bool,
}

impl<'a> Inputs<'a> {
    /// A user and a time; nothing is drawn from, and nothing is taken.
    pub fn new(user: &'a Attributes, now: Timestamp) -> Self {
        Self { user, now, seed: ["", ""], is_taken: &|_| false }
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
    /// Parses and checks an expression of the provisioning dialect.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        Self::parse_in(Dialect::Provisioning, source)
    }
    /// Parses and checks names, numbers and kinds of arguments, patterns and date formats.
    pub fn parse_in(dialect: Dialect, source: &str) -> Result<Self, ParseError> {
        let root = parser::parse(dialect, source)?;
        Ok(Self { dialect, source: source.to_owned(), root })
    }
    /// In which dialect it is written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
    /// What it gives, as far as that is known.
    pub fn shape(&self) -> Shape {
        check::shape(&self.root)
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
    /// The same with other names for the attributes that it reads; everything else stays as it was written.
    pub fn renamed(&self, name: impl Fn(&str) -> Option<String>) -> Result<Self, ParseError> {
        let mut places = Vec::new();
        self.root.places(&mut places);
        let mut source = self.source.clone();
        // From the end, so that the places before stay where they are.
        places.sort_by_key(|(_, span)| std::cmp::Reverse(span.start));
        for (attribute, span) in places {
            if let Some(new) = name(attribute.as_str()).filter(|new| new != attribute.as_str()) {
                source.replace_range(span, &format!("[{new}]"));
            }
        }
        Self::parse(&source)
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
    /// Does it ask the target which value is free (`SelectUniqueValue`)?
    pub fn selects_unique(&self) -> bool {
        matches!(&self.root.kind, Kind::Call(function, _) if function.name == functions::UNIQUE)
    }
    /// Does its result change by itself (`Now`)?
    pub fn asks_the_time(&self) -> bool {
        self.root.calls("Now")
    }
    /// What `SelectUniqueValue` would ask for, in order; candidates without a value are left out.
    pub fn candidates(&self, inputs: Inputs<'_>) -> Result<Vec<String>, EvalError> {
        let Kind::Call(_, nodes) = &self.root.kind else { return Ok(Vec::new()) };
        let mut evaluation = Evaluation::new(inputs);
        let mut candidates = Vec::new();
        for node in nodes.iter().filter(|_| self.selects_unique()) {
            match evaluation.argument(node) {
                Ok(argument) => {
                    let text = argument.text();
                    let text = text.map_err(|message| EvalError { message, span: argument.span.clone() })?;
                    candidates.extend((!text.trim().is_empty()).then(|| text.into_owned()));
                }
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::IgnoreAttribute | Stop::IgnoreObject) => return Ok(Vec::new()),
            }
        }
        Ok(candidates)
    }
}

fn ended(value: Result<Option<Given<'_>>, Stop>) -> Result<Output, EvalError> {
    match value {
        Ok(value) => Ok(Output::Value(value.map(Value::from))),
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
