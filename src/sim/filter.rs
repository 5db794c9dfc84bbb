//! What does a `$filter` mean, and which users can it hit?
//!
//! Texts compare ignoring case, as Graph's do. Filters on addresses and ids go by an index; others walk.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::property::{Catalogue, Key, MAIL, OTHER_MAILS, PROXY_ADDRESSES, Shape, UPN};
use super::refusal::Refusal;
use super::tenant::Tenant;
use super::user::{Datum, Face, bare_address};

/// A filter as a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Id(Vec<String>),
    Compare {
        field: Field,
        how: How,
        values: Vec<Value>,
    },
    /// `coll/any(x:x eq '…')`.
    AnyText {
        key: Key,
        how: How,
        value: String,
    },
    /// `identities/any(c:c/issuerAssignedId eq '…' and c/issuer eq '…')`.
    AnyObject {
        key: Key,
        members: Vec<(String, String)>,
    },
}

/// A property, or a member of a complex one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    key: Key,
    member: Option<String>,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Equal,
    StartsWith,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn malformed() -> Refusal {
    Refusal::bad("Invalid filter clause.")
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut all = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
        } else if matches!(c, '(' | ')' | ',' | ':') {
            chars.next();
            all.push(Token::Sign(c));
        } else if c == '\'' {
            chars.next();
            let mut literal = String::new();
            loop {
                match chars.next() {
                    Some('\'') if chars.peek() == Some(&'\'') => {
                        chars.next();
                        literal.push('\'');
                    }
                    Some('\'') => break,
                    Some(c) => literal.push(c),
                    None => return Err(malformed()),
                }
            }
            all.push(Token::Text(literal));
        } else {
            let mut word = String::new();
            while let Some(&c) = chars.peek()
                && !c.is_whitespace()
                && !matches!(c, '(' | ')' | ',' | ':' | '\'')
            {
                word.push(c);
                chars.next();
            }
            all.push(Token::Word(word));
        }
    }
    Ok(all)
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    catalogue: &'a Catalogue,
    depth: usize,
}

/// Parentheses inside parentheses; deeper ones are nobody's honest filter.
const DEPTH_MAX: usize = 20;

impl Filter {
    pub(super) fn parse(text: &str, catalogue: &Catalogue) -> Result<Filter, Refusal> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), catalogue, depth: 0 };
        let filter = parser.or()?;
        if parser.tokens.next().is_some() { Err(malformed()) } else { Ok(filter) }
    }
}

impl Parser<'_> {
    fn is_word(&mut self, wanted: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(wanted))
    }
    fn sign(&mut self, wanted: char) -> Result<(), Refusal> {
        if self.tokens.next() == Some(Token::Sign(wanted)) { Ok(()) } else { Err(malformed()) }
    }
    fn word(&mut self) -> Result<String, Refusal> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(malformed()),
        }
    }
    fn text(&mut self) -> Result<String, Refusal> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(text),
            _ => Err(malformed()),
        }
    }

    fn or(&mut self) -> Result<Filter, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(malformed());
        }
        let mut all = vec![self.and()?];
        while self.is_word("or") {
            self.tokens.next();
            all.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::Or(all) })
    }
    fn and(&mut self) -> Result<Filter, Refusal> {
        let mut all = vec![self.one()?];
        while self.is_word("and") {
            self.tokens.next();
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }
    fn one(&mut self) -> Result<Filter, Refusal> {
        if self.tokens.peek() == Some(&Token::Sign('(')) {
            self.tokens.next();
            let inner = self.or()?;
            self.sign(')')?;
            return Ok(inner);
        }
        let word = self.word()?;
        match word.to_ascii_lowercase().as_str() {
            "startswith" => self.starts_with(),
            "not" | "endswith" | "contains" => Err(Refusal::unsupported("Unsupported Query.")),
            lower => match lower.strip_suffix("/any") {
                Some(_) => self.any(&word[..word.len() - "/any".len()]),
                None => self.comparison(&word),
            },
        }
    }
    fn starts_with(&mut self) -> Result<Filter, Refusal> {
        self.sign('(')?;
        let name = self.word()?;
        let field = self.field(&name)?;
        self.sign(',')?;
        let value = self.text()?;
        self.sign(')')?;
        Ok(Filter::Compare { field, how: How::StartsWith, values: vec![Value::from(value)] })
    }
    fn field(&self, name: &str) -> Result<Field, Refusal> {
        let (name, member) = match name.split_once('/') {
            Some((name, member)) => (name, Some(member.to_owned())),
            None => (name, None),
        };
        let key = self.catalogue.find_loosely(name).ok_or_else(|| {
            Refusal::bad(format!("Could not find a property named '{name}' on type 'microsoft.graph.user'."))
        })?;
        Ok(Field { key, member })
    }
    fn comparison(&mut self, name: &str) -> Result<Filter, Refusal> {
        let operator = self.word()?.to_ascii_lowercase();
        let values = match operator.as_str() {
            "eq" => vec![self.literal()?],
            "in" => {
                self.sign('(')?;
                let mut values = vec![self.literal()?];
                while self.tokens.peek() == Some(&Token::Sign(',')) {
                    self.tokens.next();
                    values.push(self.literal()?);
                }
                self.sign(')')?;
                values
            }
            _ => return Err(Refusal::unsupported("Unsupported Query.")),
        };
        if name.eq_ignore_ascii_case("id") {
            return Ok(Filter::Id(values.iter().filter_map(Value::as_str).map(str::to_owned).collect()));
        }
        let field = self.field(name)?;
        let plain = self.catalogue.property(field.key).is_none_or(|p| matches!(p.shape, Shape::Text | Shape::Bool));
        if !plain && field.member.is_none() {
            return Err(malformed());
        }
        Ok(Filter::Compare { field, how: How::Equal, values })
    }
    fn literal(&mut self) -> Result<Value, Refusal> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(Value::from(text)),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                // Bare words: dates and GUIDs.
                _ => Ok(Value::from(word)),
            },
            _ => Err(malformed()),
        }
    }
    fn any(&mut self, name: &str) -> Result<Filter, Refusal> {
        let key = self.field(name)?.key;
        self.sign('(')?;
        let variable = self.word()?;
        self.sign(':')?;
        let mut members = Vec::new();
        loop {
            let mut how = How::Equal;
            let path = if self.is_word("startswith") {
                how = How::StartsWith;
                self.tokens.next();
                self.sign('(')?;
                let path = self.word()?;
                self.sign(',')?;
                path
            } else {
                let path = self.word()?;
                if !self.word()?.eq_ignore_ascii_case("eq") {
                    return Err(Refusal::unsupported("Unsupported Query."));
                }
                path
            };
            let value = self.text()?;
            if how == How::StartsWith {
                self.sign(')')?;
            }
            if path == variable {
                self.sign(')')?;
                return Ok(Filter::AnyText { key, how, value });
            }
            let member = path.strip_prefix(&format!("{variable}/")).ok_or_else(malformed)?;
            members.push((member.to_owned(), value));
            if self.is_word("and") {
                self.tokens.next();
            } else {
                self.sign(')')?;
                return Ok(Filter::AnyObject { key, members });
            }
        }
    }
}

impl Filter {
    /// Is it true of this user?
    pub(super) fn holds(&self, id: Uuid, face: &Face) -> bool {
        match self {
            Filter::And(all) => all.iter().all(|f| f.holds(id, face)),
            Filter::Or(all) => all.iter().any(|f| f.holds(id, face)),
            Filter::Id(ids) => ids.iter().any(|text| Uuid::parse_str(text) == Ok(id)),
            Filter::Compare { field, how, values } => {
                let datum = face.get(field.key).unwrap_or(&Datum::Null);
                let actual = match (&field.member, datum) {
                    (Some(member), Datum::Json(value)) => value.get(member).cloned().unwrap_or_default(),
                    (Some(_), _) => Value::Null,
                    (None, datum) => datum.json(),
                };
                values.iter().any(|wanted| matches_value(&actual, wanted, *how))
            }
            Filter::AnyText { key, how, value } => face.texts(*key).iter().any(|text| matches_text(text, value, *how)),
            Filter::AnyObject { key, members } => match face.get(*key) {
                Some(Datum::Json(value)) => value.as_array().is_some_and(|items| {
                    items.iter().any(|item| {
                        members.iter().all(|(member, wanted)| {
                            item.get(member).and_then(Value::as_str).is_some_and(|t| t.eq_ignore_ascii_case(wanted))
                        })
                    })
                }),
                _ => false,
            },
        }
    }

    /// The users that an index names; `None` = it could be anybody.
    pub(super) fn candidates(&self, tenant: &Tenant) -> Option<BTreeSet<u32>> {
        match self {
            Filter::Or(all) => {
                let mut union = BTreeSet::new();
                for filter in all {
                    union.extend(filter.candidates(tenant)?);
                }
                Some(union)
            }
            Filter::And(all) => all.iter().find_map(|f| f.candidates(tenant)),
            Filter::Id(ids) => Some(ids.iter().filter_map(|id| tenant.slot(Uuid::parse_str(id).ok()?)).collect()),
            Filter::Compare { field, how, values } if field.key == *MAIL || field.key == *UPN => {
                let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                Some(texts?.into_iter().flat_map(|t| by_address(tenant, t, *how)).collect())
            }
            Filter::AnyText { key, how, value } if *key == *OTHER_MAILS || *key == *PROXY_ADDRESSES => {
                Some(by_address(tenant, &bare_address(value), *how).into_iter().collect())
            }
            Filter::Compare { .. } | Filter::AnyText { .. } | Filter::AnyObject { .. } => None,
        }
    }
}

fn by_address(tenant: &Tenant, address: &str, how: How) -> Vec<u32> {
    let lower = address.to_lowercase();
    match how {
        How::Equal => tenant.with_address(&lower),
        How::StartsWith => tenant.with_address_prefix(&lower).into_iter().collect(),
    }
}

fn matches_text(actual: &str, wanted: &str, how: How) -> bool {
    match how {
        How::Equal => actual.to_lowercase() == wanted.to_lowercase(),
        How::StartsWith => actual.to_lowercase().starts_with(&wanted.to_lowercase()),
    }
}

fn matches_value(actual: &Value, wanted: &Value, how: How) -> bool {
    match (actual, wanted) {
        (Value::String(actual), Value::String(wanted)) => matches_text(actual, wanted, how),
        (actual, wanted) => how == How::Equal && actual == wanted,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where it fails")]
mod tests {
    use super::*;

    fn holds(filter: &str) -> bool {
        let mut catalogue = Catalogue::default();
        let mut face = Face::new();
        let values = serde_json::json!({
            "mail": "Ada.O'Neil@north.example", "accountEnabled": true, "otherMails": ["ada@home.example"],
            "identities": [{ "issuer": "x", "issuerAssignedId": "y" }],
            "onPremisesExtensionAttributes": { "extensionAttribute1": "one" },
        });
        for (name, value) in values.as_object().unwrap() {
            let key = catalogue.find(name).unwrap();
            let datum = Datum::read(value, key, &mut catalogue).unwrap();
            face.set(key, datum);
        }
        Filter::parse(filter, &catalogue).unwrap().holds(Uuid::from_u128(7), &face)
    }

    #[test]
    fn filters_mean_what_they_say() {
        assert!(holds("mail eq 'ada.o''neil@NORTH.example'"));
        assert!(!holds("mail eq 'ada'"));
        assert!(holds("startswith(mail,'ada') and accountEnabled eq true"));
        assert!(!holds("startsWith(mail,'bob') and accountEnabled eq true"));
        assert!(holds("mail eq 'x' or (otherMails/any(x:x eq 'ADA@home.example'))"));
        assert!(holds("id in ('00000000-0000-0000-0000-000000000007', 'z')"));
        assert!(holds("identities/any(c:c/issuerAssignedId eq 'y' and c/issuer eq 'x')"));
        assert!(!holds("identities/any(c:c/issuerAssignedId eq 'y' and c/issuer eq 'z')"));
        assert!(holds("onPremisesExtensionAttributes/extensionAttribute1 eq 'one'"));
        assert!(holds("jobTitle eq null"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let catalogue = Catalogue::default();
        for bad in
            ["", "mail", "mail eq", "mail eq 'a", "mail ne 'a'", "not mail eq 'a'", "nothing eq 'a'", "(mail eq 'a'"]
        {
            assert!(Filter::parse(bad, &catalogue).is_err(), "{bad}");
        }
        assert!(Filter::parse(&"(".repeat(100_000), &catalogue).is_err());
    }
}
