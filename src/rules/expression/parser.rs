//! Is this an expression, and which one?

use std::ops::Range;

use super::check::{self, ErrorAt as _};
use super::functions::{self, Takes};
use super::lexer::{Lexeme, Token, lex};
use super::tree::{Kind, Node};
use super::{Dialect, ParseError};
use crate::model::Attribute;
use crate::rules::diagnostic::nearest;

/// The longest expression. The portal takes 10,000 characters; what fits there fits here.
pub(super) const SOURCE_CHARACTERS_MAX: usize = 10_000;

/// How deep calls and brackets may nest. The deepest expression in the vendor's guides has 9 levels; 64 leaves room,
/// and keeps recursion far from the end of any stack.
pub(super) const DEPTH_MAX: usize = 64;

/// Parses and checks names and numbers of arguments.
pub(super) fn parse(dialect: Dialect, source: &str) -> Result<Node, ParseError> {
    let whole = 0..source.len();
    if source.chars().count() > SOURCE_CHARACTERS_MAX {
        let message = format!("an expression has at most {SOURCE_CHARACTERS_MAX} characters");
        return Err(ParseError { message, span: whole, hint: None });
    }
    let lexemes = lex(dialect, source)?;
    if lexemes.is_empty() {
        let hint = Some("write \"\" for an empty text".to_owned());
        return Err(ParseError { message: "the expression is empty".to_owned(), span: whole, hint });
    }
    let mut parser = Parser { dialect, lexemes: &lexemes, at: 0, end: source.len(), depth: 0, takes: Takes::Any };
    let node = parser.comparison()?;
    if let Some(extra) = parser.next() {
        return Err(parser.leftover(extra));
    }
    check::whole(&node)?;
    Ok(node)
}

struct Parser<'a> {
    dialect: Dialect,
    lexemes: &'a [Lexeme],
    at: usize,
    end: usize,
    depth: usize,
    /// What the argument has to be that is read just now: some are bare words.
    takes: Takes,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.lexemes.get(self.at).map(|l| &l.token)
    }
    fn next(&mut self) -> Option<&'a Lexeme> {
        let lexeme = self.lexemes.get(self.at)?;
        self.at += 1;
        Some(lexeme)
    }
    /// Where the next token is, or the end of the source.
    fn here(&self) -> Range<usize> {
        self.lexemes.get(self.at).map_or(self.end..self.end, |l| l.span.clone())
    }

    fn comparison(&mut self) -> Result<Node, ParseError> {
        let left = self.sum()?;
        let Some(Token::Compare(comparison)) = self.peek() else { return Ok(left) };
        self.at += 1;
        let right = self.sum()?;
        if let Some(Token::Compare(_)) = self.peek() {
            let hint = "combine them: And([a] = \"x\", [b] = \"y\")";
            return Err(error("comparisons cannot be chained", self.here(), hint));
        }
        let span = left.span.start..right.span.end;
        check::comparison(*comparison, &left, &right, span.clone())?;
        Ok(Node { kind: Kind::Compare(*comparison, Box::new(left), Box::new(right)), span })
    }

    /// Texts put together by `&`, where the dialect has it.
    fn sum(&mut self) -> Result<Node, ParseError> {
        let mut pieces = vec![self.operand()?];
        while self.peek() == Some(&Token::Ampersand) {
            self.at += 1;
            pieces.push(self.operand()?);
        }
        let sum = |left: Node, right: Node| {
            let span = left.span.start..right.span.end;
            let append = functions::find(self.dialect, "Append").map_err(|(m, _)| m.at(span.clone()))?;
            Ok(Node { kind: Kind::Call(append, vec![left, right]), span })
        };
        // Balanced, so that a long sum is not a deep one.
        while pieces.len() > 1 {
            let mut halves = Vec::with_capacity(pieces.len().div_ceil(2));
            let mut rest = pieces.into_iter();
            while let Some(left) = rest.next() {
                halves.push(match rest.next() {
                    Some(right) => sum(left, right)?,
                    None => left,
                });
            }
            pieces = halves;
        }
        pieces.pop().ok_or_else(|| "a value is missing here".at(self.here()))
    }

    fn operand(&mut self) -> Result<Node, ParseError> {
        let here = self.here();
        let Some(lexeme) = self.next() else {
            return Err(error("the expression ends too early", here, ""));
        };
        let span = lexeme.span.clone();
        let kind = match &lexeme.token {
            Token::Attribute(name) => Kind::Attribute(Attribute::new(name.as_str())),
            Token::Text(text) => Kind::Text(text.clone()),
            Token::Integer(n) => Kind::Integer(*n),
            Token::Name(name) => return self.name(name, span),
            Token::Open => {
                self.enter(&span)?;
                let mut inner = self.comparison()?;
                self.depth -= 1;
                let end = self.close("this bracket is not closed", &span)?;
                inner.span = span.start..end;
                return Ok(inner);
            }
            Token::Close | Token::Comma | Token::Compare(_) | Token::Ampersand => {
                return Err(error("a value is missing here", span, "an empty text is written \"\""));
            }
        };
        Ok(Node { kind, span })
    }

    fn enter(&mut self, span: &Range<usize>) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("calls and brackets nest at most {DEPTH_MAX} deep");
            return Err(error(message, span.clone(), ""));
        }
        Ok(())
    }

    fn close(&mut self, complaint: &str, opened: &Range<usize>) -> Result<usize, ParseError> {
        match self.next() {
            Some(Lexeme { token: Token::Close, span }) => Ok(span.end),
            Some(extra) => Err(self.leftover(extra)),
            None => Err(error(complaint, opened.clone(), "")),
        }
    }

    /// A word is a function's name before `(`, and otherwise one of two words that stand alone.
    fn name(&mut self, name: &str, span: Range<usize>) -> Result<Node, ParseError> {
        if self.peek() == Some(&Token::Open) {
            let function = functions::find(self.dialect, name).map_err(|(message, hint)| ParseError {
                message,
                span: span.clone(),
                hint,
            })?;
            self.at += 1;
            self.enter(&span)?;
            let (arguments, end) = self.arguments(&span, |i| function.takes_at(i))?;
            self.depth -= 1;
            return check::call(function, arguments, span.start..end, span);
        }
        let word = match self.takes {
            Takes::Word(words) => words.iter().find(|word| **word == name),
            _ => None,
        };
        let kind = match name {
            "IgnoreAttributeFlow" => Kind::IgnoreAttribute,
            "IgnoreObjectFlow" => Kind::IgnoreObject,
            "True" | "False" if self.dialect == Dialect::Connect => Kind::Bool(name == "True"),
            _ if let Some(word) = word => Kind::Word(word),
            _ => {
                let message = format!("`{name}` is neither a text, nor an attribute, nor a call");
                let words = ["IgnoreAttributeFlow", "IgnoreObjectFlow"];
                let functions = self.dialect.functions();
                let hint = match nearest(name, words.into_iter().chain(functions)) {
                    Some(word) if words.contains(&word) => format!("did you mean `{word}`?"),
                    Some(function) => format!("did you mean `{function}(…)`?"),
                    None => format!("a text is written \"{name}\", an attribute [{name}], a call {name}(…)"),
                };
                return Err(error(message, span, &hint));
            }
        };
        Ok(Node { kind, span })
    }

    /// Arguments up to and with the closing bracket. Nothing between two commas is an argument without a value.
    fn arguments(
        &mut self,
        opened: &Range<usize>,
        takes: impl Fn(usize) -> Takes,
    ) -> Result<(Vec<Node>, usize), ParseError> {
        let mut arguments = Vec::new();
        if self.peek() == Some(&Token::Close) {
            let end = self.close("", opened)?;
            return Ok((arguments, end));
        }
        loop {
            let here = self.here();
            match self.peek() {
                Some(Token::Comma | Token::Close) => {
                    arguments.push(Node { kind: Kind::Empty, span: here.start..here.start });
                }
                _ => {
                    let before = std::mem::replace(&mut self.takes, takes(arguments.len()));
                    arguments.push(self.comparison()?);
                    self.takes = before;
                }
            }
            match self.next() {
                Some(Lexeme { token: Token::Comma, .. }) => {}
                Some(Lexeme { token: Token::Close, span }) => return Ok((arguments, span.end)),
                Some(extra) => return Err(self.leftover(extra)),
                None => return Err(error("the list of arguments is not closed", opened.clone(), "add `)`")),
            }
        }
    }

    /// A token that cannot follow what stands before it.
    fn leftover(&self, extra: &Lexeme) -> ParseError {
        let hint = match &extra.token {
            Token::Name(word) if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") => {
                "conditions are combined with And(a, b) and Or(a, b)"
            }
            Token::Name(word) if ["eq", "is", "like"].iter().any(|w| word.eq_ignore_ascii_case(w)) => {
                "comparisons are = <> > >= < <=, and Contains(a, b) looks for a part"
            }
            Token::Name(word) if ["ne", "not"].iter().any(|w| word.eq_ignore_ascii_case(w)) => {
                "write <> for \"is not\", or Not(…)"
            }
            Token::Close => "there is one `)` too many",
            _ => "arguments are separated by commas",
        };
        error("this cannot follow what stands before it", extra.span.clone(), hint)
    }
}

pub(super) fn error(message: impl Into<String>, span: Range<usize>, hint: &str) -> ParseError {
    ParseError { message: message.into(), span, hint: (!hint.is_empty()).then(|| hint.to_owned()) }
}
