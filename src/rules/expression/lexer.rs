//! Which words and signs is the text of an expression made of?

use std::ops::Range;

use super::tree::Comparison;
use super::{Dialect, ParseError};

/// One word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Attribute(String),
    Text(String),
    Integer(i64),
    Open,
    Close,
    Comma,
    Compare(Comparison),
    /// `&` between two texts, where the dialect has it.
    Ampersand,
}

/// A token and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

/// Cuts the source into tokens.
pub(super) fn lex(dialect: Dialect, source: &str) -> Result<Vec<Lexeme>, ParseError> {
    let mut lexer = Lexer { source, at: 0, dialect };
    let mut lexemes = Vec::new();
    while let Some(c) = lexer.peek() {
        let start = lexer.at;
        if c.is_whitespace() {
            lexer.skip(c);
            continue;
        }
        let token = lexer.token(c)?;
        lexemes.push(Lexeme { token, span: start..lexer.at });
    }
    Ok(lexemes)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn skip(&mut self, c: char) {
        self.at += c.len_utf8();
    }
    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }
    fn error(&self, start: usize, message: impl Into<String>, hint: &str) -> ParseError {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        ParseError { message: message.into(), span: start..self.at, hint }
    }

    fn token(&mut self, c: char) -> Result<Token, ParseError> {
        let start = self.at;
        let single = match c {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = single {
            self.skip(c);
            return Ok(token);
        }
        match c {
            '"' => self.text(),
            '[' => self.attribute(),
            '=' | '<' | '>' => self.comparison(),
            '&' | '-' | '0'..='9' => self.number(),
            c if c.is_alphabetic() || c == '_' => {
                Ok(Token::Name(self.take_while(|c| c.is_alphanumeric() || c == '_').to_owned()))
            }
            _ => {
                self.skip(c);
                Err(self.error(start, format!("`{}` has no place here", c.escape_default()), stray_hint(c)))
            }
        }
    }

    fn text(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        self.skip('"');
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.skip(c);
            match (c, self.peek()) {
                ('"', _) => return Ok(Token::Text(text)),
                ('\\', Some(next @ ('\\' | '"'))) => {
                    self.skip(next);
                    text.push(next);
                }
                // An unknown escape keeps its backslash: documented expressions rely on it (`"\+"` in a pattern).
                _ => text.push(c),
            }
        }
        Err(self.error(start, "this text has no closing quote", "inside a text, a quote is written \\\""))
    }

    fn attribute(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        self.skip('[');
        let name = self.take_while(|c| !matches!(c, ']' | '[' | '"' | '(' | ')' | ',')).trim().to_owned();
        if self.peek() != Some(']') {
            return Err(self.error(start, "this attribute has no closing bracket", "write it as [name]"));
        }
        self.skip(']');
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if name.is_empty() || !name.chars().all(legal) {
            return Err(self.error(
                start,
                "this is no attribute name",
                "a name has letters, digits, `_`, `-`, and `.` before a member: [employeeOrgData.division]",
            ));
        }
        Ok(Token::Attribute(name))
    }

    fn comparison(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let comparison = match self.take_while(|c| matches!(c, '=' | '<' | '>')) {
            "=" => Comparison::Equal,
            "<>" => Comparison::NotEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            other => {
                let message = format!("`{other}` is no comparison");
                return Err(self.error(start, message, "comparisons are = <> > >= < <="));
            }
        };
        Ok(Token::Compare(comparison))
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let hex = self.rest().starts_with("&H") || self.rest().starts_with("&h");
        if !hex && self.peek() == Some('&') && self.dialect == Dialect::Connect {
            self.skip('&');
            return Ok(Token::Ampersand);
        }
        if hex {
            self.at += 2;
        } else if self.peek() == Some('-') {
            self.skip('-');
        } else if self.peek() == Some('&') {
            self.skip('&');
            if self.peek() == Some('&') {
                self.skip('&');
                return Err(self.error(start, "`&&` has no place here", "conditions are combined with And(a, b)"));
            }
            let hint = "texts are put together with Append(a, b) or Join(separator, a, b); hexadecimal is &H1F";
            return Err(self.error(start, "`&` has no place here", hint));
        }
        let digits = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        let written = self.source.get(start..self.at).unwrap_or_default();
        let number = if hex { i64::from_str_radix(digits, 16).ok() } else { written.parse().ok() };
        // `from_str_radix` would take a sign; `digits` cannot hold one.
        number.map(Token::Integer).ok_or_else(|| {
            self.error(
                start,
                format!("`{written}` is no whole number"),
                "whole numbers only; texts are quoted: \"1.5\"",
            )
        })
    }
}

fn stray_hint(c: char) -> &'static str {
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\'' | '`' => {
            "texts stand in straight double quotes: \"text\""
        }
        '!' => "write <> for \"is not\", or Not(…)",
        ';' => "arguments are separated by commas",
        '+' => "texts are put together with Append(a, b) or Join(separator, a, b)",
        ']' => "an attribute is written as [name]",
        _ => "",
    }
}
