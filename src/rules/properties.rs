//! Which properties does a user have, of which type and length, and which of them may a rule write?

mod catalogue;

use std::fmt;

use crate::model::{Attribute, Value};

use super::diagnostic::nearest;
pub use catalogue::PROPERTIES;
use catalogue::{NOT_BY_APPS, NOT_TRACKED, OTHER_NAMES, OUT_OF_REACH};

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, dates included.
    Text,
    /// `true` or `false`.
    Bool,
    /// Several texts.
    List,
    /// Another user.
    Reference,
}

/// May a rule write it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Yes.
    Writable,
    /// Yes, but Graph takes no null for it.
    NotClearable,
    /// No, and this is why, or what does it instead.
    ReadOnly(&'static str),
    /// No: only a signed-in person may write it.
    NotByApps,
}

/// One property of a user.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Graph's name, or ours for a member of a complex property.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// May a rule write it?
    pub access: Access,
    /// The longest text that it takes (see [`length`]); of a list, the longest item. `None`: documented nowhere.
    pub length_max: Option<usize>,
    /// Of a list, the most items that it takes. `None`: documented nowhere.
    pub items_max: Option<usize>,
    /// The only texts that it can have; none here: any text.
    pub values: &'static [&'static str],
    /// On an account with a directory role, Graph lets only an app with a role of its own write it.
    pub sensitive: bool,
    /// Few accounts share a value, so that matching on it finds one person.
    pub key: bool,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// A property.
    Property(&'static Property),
    /// A directory extension, `extension_{app}_{name}`: type and access are its tenant's business.
    Extension,
    /// It exists, and delta queries do not track it.
    NotTracked,
    /// It exists, and no rule can use it.
    OutOfReach(&'static str),
    /// Not in our list: a slip of the pen, or newer than the list.
    No,
}

/// What is known of this name? Names are case-sensitive.
pub fn look_up(name: &str) -> Known {
    if let Some(property) = PROPERTIES.binary_search_by(|p| p.name.cmp(name)).ok().and_then(|at| PROPERTIES.get(at)) {
        return Known::Property(property);
    }
    if NOT_TRACKED.contains(&name) {
        return Known::NotTracked;
    }
    if let Some((_, why)) = OUT_OF_REACH.iter().find(|(n, _)| *n == name) {
        return Known::OutOfReach(why);
    }
    // The app's id without dashes: 32 hexadecimal digits.
    let extension = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_'));
    match extension {
        Some((app, own)) if app.len() == 32 && app.bytes().all(|b| b.is_ascii_hexdigit()) && !own.is_empty() => {
            Known::Extension
        }
        _ => Known::No,
    }
}

/// A hint for a name that is not in the list.
pub fn suggestion(name: &str) -> Option<String> {
    let other = OTHER_NAMES.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
    // `onPremisesExtensionAttributes.extensionAttribute1`, as other tools write it.
    let member = name.strip_prefix("onPremisesExtensionAttributes.").and_then(property);
    let near = || nearest(name, PROPERTIES.iter().map(|p| p.name));
    match other {
        Some((_, graph)) => Some(format!("Graph calls it `{graph}`")),
        None if member.is_some() => member.map(|m| format!("write `{}` alone", m.name)),
        None => near().map(|n| format!("did you mean `{n}`?")),
    }
}

/// The property of that name.
pub fn property(name: &str) -> Option<&'static Property> {
    match look_up(name) {
        Known::Property(property) => Some(property),
        _ => None,
    }
}

/// May only a signed-in person write it?
pub fn is_not_for_apps(name: &str) -> bool {
    NOT_BY_APPS.contains(&name)
}

/// Is writing it a "sensitive action": denied to an app on an account with a directory role?
pub fn is_sensitive(attribute: &Attribute) -> bool {
    property(attribute.as_str()).is_some_and(|p| p.sensitive)
}

/// The members of the complex property that the attribute belongs to: Graph empties those that a write leaves out.
pub fn written_along(attribute: &Attribute) -> impl Iterator<Item = Attribute> {
    let prefix = attribute.complex().map(|complex| format!("{complex}."));
    let member = move |name: &str| prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix.as_str()));
    PROPERTIES.iter().map(|p| p.name).filter(move |name| member(name)).map(Attribute::from)
}

/// Does Graph take null for it? True also of what is not in the list.
pub fn is_clearable(attribute: &Attribute) -> bool {
    !matches!(look_up(attribute.as_str()), Known::Property(Property { access: Access::NotClearable, .. }))
}

/// How long a text is to Graph: in UTF-16 code units, in which the vendor's platform counts what its documentation calls
/// characters. A letter beyond the first 65,536 characters counts twice.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A value that is larger than its property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// A text, or an item of a list, is too long.
    Length {
        /// Which property.
        property: &'static str,
        /// How long, by [`length`].
        is: usize,
        /// How many characters that is.
        characters: usize,
        /// How long it may be.
        max: usize,
    },
    /// A list has too many items.
    Items {
        /// Which property.
        property: &'static str,
        /// How many items.
        are: usize,
        /// How many there may be.
        max: usize,
    },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Excess::Length { property, is, characters, max } if is == characters => {
                write!(f, "{is} characters, and {property} takes {max}")
            }
            Excess::Length { property, is, characters, max } => {
                write!(f, "{characters} characters, which count as {is} in UTF-16, and {property} takes {max}")
            }
            Excess::Items { property, are, max } => write!(f, "{are} values, and {property} takes {max}"),
        }
    }
}

/// `a, b or c`.
fn words(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// The value as the attribute can hold it: in its type ([`Property::typed`]), and not larger than it takes
/// ([`Property::within`]).
///
/// What is not in the list passes as it is. An error says in words what does not fit.
pub fn fitted(attribute: &Attribute, value: Value) -> Result<Value, String> {
    let Some(property) = property(attribute.as_str()) else { return Ok(value) };
    let value = property.typed(value)?;
    property.within(&value).map_err(|excess| excess.to_string())?;
    Ok(value)
}

/// The same for a value of any size: the admin knows better than our list how much the property takes.
pub fn typed(attribute: &Attribute, value: Value) -> Result<Value, String> {
    match property(attribute.as_str()) {
        Some(property) => property.typed(value),
        None => Ok(value),
    }
}

impl Property {
    /// The value in the type that the property has in Graph: `"True"` for a Boolean, one text for a list of one.
    pub fn typed(&self, value: Value) -> Result<Value, String> {
        match (self.kind, value) {
            (Kind::Bool, Value::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            (Kind::Bool, Value::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            (Kind::Bool, value @ Value::Bool(_)) => Ok(value),
            // "" is how an expression says "none", whatever the type.
            (_, Value::Text(text)) if text.is_empty() => Ok(Value::Text(text)),
            (Kind::Bool, other) => Err(format!("`{other}` is neither true nor false")),
            (Kind::Text, Value::Bool(b)) => Ok(Value::from(if b { "True" } else { "False" })),
            (Kind::Text, Value::Integer(n)) => Ok(Value::from(n.to_string())),
            (Kind::Text, Value::List(items)) => match <[String; 1]>::try_from(items.into_vec()) {
                Ok([one]) => Ok(Value::from(one)),
                Err(items) if items.is_empty() => Ok(Value::from("")),
                Err(items) => Err(format!("{} values, where one fits", items.len())),
            },
            (Kind::List, Value::Text(text)) => Ok(Value::from(vec![text.into_string()])),
            (Kind::List, Value::Bool(_) | Value::Integer(_)) => Err("a list of texts is needed".to_owned()),
            (Kind::Text | Kind::List | Kind::Reference, value) => Ok(value),
        }
    }

    /// Is there room for the value in it?
    pub fn within(&self, value: &Value) -> Result<(), Excess> {
        let fits = |text: &str| match self.length_max {
            // No text has more UTF-16 units than bytes: most need no counting.
            Some(max) if text.len() > max && length(text) > max => {
                let (is, characters) = (length(text), text.chars().count());
                Err(Excess::Length { property: self.name, is, characters, max })
            }
            _ => Ok(()),
        };
        match value {
            Value::Text(text) => fits(text),
            Value::List(items) => match self.items_max {
                Some(max) if items.len() > max => Err(Excess::Items { property: self.name, are: items.len(), max }),
                _ => items.iter().try_for_each(|item| fits(item)),
            },
            Value::Bool(_) | Value::Integer(_) => Ok(()),
        }
    }

    /// Can it have this text? If not: why, and the value that was probably meant.
    pub fn possible(&self, text: &str) -> Result<(), (String, Option<&'static str>)> {
        let name = self.name;
        if !self.values.is_empty() && !self.values.contains(&text) {
            let meant = nearest(text, self.values.iter().copied());
            return Err((format!("`{name}` is {}, and never `{text}`", words(self.values)), meant));
        }
        match self.length_max {
            Some(max) if length(text) > max => {
                Err((format!("`{name}` has at most {max} characters, and here stand {}", length(text)), None))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_bisection_and_stand_in_one_list_only() {
        assert!(PROPERTIES.windows(2).all(|pair| pair[0].name < pair[1].name));
        let others = NOT_TRACKED.iter().chain(OUT_OF_REACH.iter().map(|(name, _)| name));
        for name in others {
            assert!(property(name).is_none(), "{name} stands in two lists");
        }
        for (theirs, graph) in OTHER_NAMES {
            assert!(!matches!(look_up(graph), Known::No), "{theirs} leads to {graph}, which is unknown");
            assert!(matches!(look_up(theirs), Known::No), "{theirs} is Graph's own name");
        }
        for name in NOT_BY_APPS {
            let known = look_up(name);
            let marked = matches!(known, Known::Property(Property { access: Access::NotByApps, .. }));
            assert!(marked || matches!(known, Known::NotTracked), "{name}: {known:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_told_with_both_numbers() {
        let told = |name: &str, value: Value| fitted(&name.into(), value).expect_err(name);
        assert_eq!(told("department", "x".repeat(72).as_str().into()), "72 characters, and department takes 64");
        let emoji = "😀".repeat(9);
        assert_eq!(
            told("employeeId", emoji.as_str().into()),
            "9 characters, which count as 18 in UTF-16, and employeeId takes 16"
        );
        let two = Value::from(vec!["1".to_owned(), "2".to_owned()]);
        assert_eq!(told("businessPhones", two), "2 values, and businessPhones takes 1");
        let long = Value::from(vec!["a".to_owned(), "b".repeat(251)]);
        assert_eq!(told("otherMails", long.clone()), "251 characters, and otherMails takes 250");
        assert_eq!(typed(&"otherMails".into(), long.clone()), Ok(long));
        for fits in ["x".repeat(64), "é".repeat(64), "😀".repeat(32)] {
            assert!(fitted(&"department".into(), fits.as_str().into()).is_ok(), "{fits}");
        }
    }
}
