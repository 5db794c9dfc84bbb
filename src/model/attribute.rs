//! What can be known of a user, and what can be changed?

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};

use compact_str::CompactString;
use internment::Intern;
use litemap::LiteMap;
use serde::{Deserialize, Serialize};

/// A Graph user property by its own name (`displayName`), case-sensitive.
///
/// Members of complex properties are flat here: `extensionAttribute1` … `15` stand for
/// `onPremisesExtensionAttributes`, and `employeeOrgData.division` for a member of any other complex property.
///
/// Each name is kept once, until the process ends: there are as many as rules name and files hold, and everybody has them all.
/// What a tenant answers makes none: its names are looked up among those that were asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute(Intern<str>);

impl Attribute {
    /// Wraps the name as it is.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Intern::from(name.as_ref()))
    }
    /// The name as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// True of `manager`: its value is the id of another user, and differs between tenants.
    pub fn is_reference(&self) -> bool {
        self.as_str() == Self::MANAGER
    }

    /// The complex property that this is a member of. `extensionAttribute1` … `15` are none here: Graph keeps those that a
    /// write leaves out.
    pub fn complex(&self) -> Option<&str> {
        self.as_str().split_once('.').map(|(property, _)| property)
    }

    /// The one reference that delta queries track.
    pub const MANAGER: &'static str = "manager";
    /// May the person sign in?
    pub const ACCOUNT_ENABLED: &'static str = "accountEnabled";
    /// The name that signs in; a guest's holds `#EXT#`.
    pub const USER_PRINCIPAL_NAME: &'static str = "userPrincipalName";
    /// `Guest` or `Member`.
    pub const USER_TYPE: &'static str = "userType";
    /// `Invitation` for a guest.
    pub const CREATION_TYPE: &'static str = "creationType";
    /// `PendingAcceptance` or `Accepted` for a guest.
    pub const EXTERNAL_USER_STATE: &'static str = "externalUserState";
    /// The address that is invited.
    pub const MAIL: &'static str = "mail";
    /// The one attribute that an invitation can set beside the address and the type.
    pub const DISPLAY_NAME: &'static str = "displayName";
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<&str> for Attribute {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}
/// Lets a map keyed by attributes be asked with a plain name: order and hash are those of the name.
impl std::borrow::Borrow<str> for Attribute {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl Ord for Attribute {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}
impl PartialOrd for Attribute {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Hash for Attribute {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attribute({:?})", self.as_str())
    }
}
impl Serialize for Attribute {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl serde::de::Visitor<'_> for NameVisitor {
    type Value = Attribute;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an attribute")
    }
    fn visit_str<E>(self, name: &str) -> Result<Attribute, E> {
        Ok(Attribute::new(name))
    }
}

/// A value that is there. Null and absence are not values: see [`Edit`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text, dates included, as Graph sent it. Most of what directories hold is short, and lies in the value itself.
    Text(CompactString),
    /// A collection of texts, in Graph's order.
    List(Box<[String]>),
}

/// The forms of a value by their names, for what is no JSON and does not say what comes next.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Value")]
enum Told {
    Bool(bool),
    Integer(i64),
    Text(CompactString),
    List(Box<[String]>),
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return Told::serialize(self, to);
        }
        match self {
            Value::Bool(b) => b.serialize(to),
            Value::Integer(n) => n.serialize(to),
            Value::Text(text) => text.serialize(to),
            Value::List(items) => items.serialize(to),
        }
    }
}

/// By hand, because the derived one tries each variant in turn and makes an error for each that does not fit: every
/// attribute of every user passes here.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() { from.deserialize_any(ValueVisitor) } else { Told::deserialize(from) }
    }
}

struct ValueVisitor;

impl<'de> serde::de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, true, false or a list of texts")
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Integer(n))
    }
    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Value, E> {
        i64::try_from(n).map(Value::Integer).map_err(E::custom)
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }
    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::from(list))
    }
}

impl Value {
    /// The text, where this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
    /// True of `""` and `[]`: what Graph does not tell apart from null.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Bool(_) | Value::Integer(_) => false,
        }
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}
impl From<Vec<String>> for Value {
    fn from(items: Vec<String>) -> Self {
        Value::List(items.into())
    }
}
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Integer(n) => write!(f, "{n}"),
            Value::Text(text) => f.write_str(text),
            Value::List(items) => f.write_str(&items.join(", ")),
        }
    }
}

/// What is shown in place of a value that an expression hides (`Redact`).
pub const REDACTED: &str = "[Redacted]";

/// What is known of one user: an attribute that is not in the map has no value, or was never told.
pub type Attributes = LiteMap<Attribute, Value>;

/// One attribute's change. Absent from [`Edits`] means: leave it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    /// It has this value now.
    Set(Value),
    /// It has no value now (JSON null).
    Clear,
}

impl Edit {
    /// The value after the edit.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Edit::Set(value) => Some(value),
            Edit::Clear => None,
        }
    }
}

/// What was learned of a user, or what is to be written: the same shape, on purpose.
pub type Edits = LiteMap<Attribute, Edit>;

/// Do the two stand for the same stored value? `""`, `[]` and no value are one to Graph.
pub fn same_value(a: Option<&Value>, b: Option<&Value>) -> bool {
    let there = |v: Option<&Value>| v.filter(|v| !v.is_empty()).cloned();
    there(a) == there(b)
}

/// The edits that turn `from` into `to`, looking only at the `managed` attributes.
pub fn edits_between(from: &Attributes, to: &Attributes, managed: &BTreeSet<Attribute>) -> Edits {
    managed.iter().filter_map(|a| Some((a.clone(), edit_between(from, to, a)?))).collect()
}

/// The edit that turns one attribute of `from` into that of `to`; `None` where both have it alike.
pub fn edit_between(from: &Attributes, to: &Attributes, attribute: &Attribute) -> Option<Edit> {
    let value = to.get(attribute);
    if same_value(from.get(attribute), value) {
        return None;
    }
    Some(value.filter(|v| !v.is_empty()).map_or(Edit::Clear, |v| Edit::Set(v.clone())))
}

/// `attributes` with the edits made.
#[must_use]
pub fn edited(mut attributes: Attributes, edits: &Edits) -> Attributes {
    if attributes.is_empty() {
        attributes.reserve(edits.len());
    }
    for (attribute, edit) in edits {
        match edit {
            Edit::Set(value) => attributes.insert(attribute.clone(), value.clone()),
            Edit::Clear => attributes.remove(attribute),
        };
    }
    attributes
}

/// The form in which two texts are compared when accounts are matched: case is no difference.
pub fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}
