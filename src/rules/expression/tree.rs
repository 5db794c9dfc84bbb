//! What is an expression made of?

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::functions::Function;
use crate::model::Attribute;
use crate::rules::pattern::Pattern;

/// A part of an expression, with the bytes of the source that it came from.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// The kinds of parts.
#[derive(Clone)]
pub(super) enum Kind {
    /// `[name]`
    Attribute(Attribute),
    /// `"text"`
    Text(String),
    /// A text that is a pattern, ready to be matched.
    Pattern(Pattern),
    /// A bare word that a function knows: `vbTextCompare`.
    Word(&'static str),
    /// `12`, `-1`, `&H1F`
    Integer(i64),
    /// `True`, `False`, in dialects that have such words.
    Bool(bool),
    /// Nothing between two commas: no value.
    Empty,
    /// `Name(arguments)`
    Call(&'static Function, Vec<Node>),
    /// `left = right`
    Compare(Comparison, Box<Node>, Box<Node>),
    /// `IgnoreAttributeFlow`
    IgnoreAttribute,
    /// `IgnoreObjectFlow`
    IgnoreObject,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
        }
    }
}

impl Node {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.kind, Kind::Empty)
    }
    /// Collects the attributes that are read here and below. Depth is bounded by the parser.
    pub(super) fn collect(&self, found: &mut BTreeSet<Attribute>) {
        match &self.kind {
            Kind::Attribute(attribute) => {
                found.insert(attribute.clone());
            }
            Kind::Call(_, arguments) => arguments.iter().for_each(|a| a.collect(found)),
            Kind::Compare(_, left, right) => {
                left.collect(found);
                right.collect(found);
            }
            _ => {}
        }
    }
    /// Every place that reads an attribute.
    pub(super) fn places(&self, found: &mut Vec<(Attribute, Range<usize>)>) {
        match &self.kind {
            Kind::Attribute(attribute) => found.push((attribute.clone(), self.span.clone())),
            Kind::Call(_, arguments) => arguments.iter().for_each(|a| a.places(found)),
            Kind::Compare(_, left, right) => {
                left.places(found);
                right.places(found);
            }
            _ => {}
        }
    }
    /// Is the function of that name called here or below?
    pub(super) fn calls(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Call(function, arguments) => function.name == name || arguments.iter().any(|a| a.calls(name)),
            Kind::Compare(_, left, right) => left.calls(name) || right.calls(name),
            _ => false,
        }
    }
    /// The first place that reads `attribute`.
    pub(super) fn find(&self, attribute: &str) -> Option<Range<usize>> {
        match &self.kind {
            Kind::Attribute(a) => (a.as_str() == attribute).then(|| self.span.clone()),
            Kind::Call(_, arguments) => arguments.iter().find_map(|a| a.find(attribute)),
            Kind::Compare(_, left, right) => left.find(attribute).or_else(|| right.find(attribute)),
            _ => None,
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The canonical form: parsing it gives the same tree, and spaces that say nothing are gone.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Attribute(name) => write!(f, "[{name}]"),
            Kind::Text(text) => quoted(f, text),
            Kind::Pattern(pattern) => quoted(f, pattern.as_str()),
            Kind::Word(word) => f.write_str(word),
            Kind::Bool(b) => f.write_str(if *b { "True" } else { "False" }),
            Kind::Integer(n) => write!(f, "{n}"),
            Kind::Empty => Ok(()),
            Kind::Call(function, arguments) => {
                write!(f, "{}(", function.name)?;
                for (i, argument) in arguments.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", argument.kind)?;
                }
                f.write_str(")")
            }
            Kind::Compare(comparison, left, right) => {
                write!(f, "({} {} {})", left.kind, comparison.sign(), right.kind)
            }
            Kind::IgnoreAttribute => f.write_str("IgnoreAttributeFlow"),
            Kind::IgnoreObject => f.write_str("IgnoreObjectFlow"),
        }
    }
}
