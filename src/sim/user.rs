//! How is one user kept, small enough that two million fit?

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::property::{Catalogue, Key, MAIL, OTHER_MAILS, PROXY_ADDRESSES, Shape, UPN};
use crate::model::Timestamp;

/// A change that no replica shows yet: it gets its number when it is published.
pub(super) const PENDING: u32 = u32::MAX;

/// A value as it is kept. `Null` is "was set once, and cleared": a delta round tells it, a never-set one it does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Datum {
    Null,
    Bool(bool),
    Text(Arc<str>),
    Texts(Box<[Arc<str>]>),
    Json(Box<Value>),
}

impl Datum {
    /// Reads a JSON value of the property's shape; `None` where the shape is another.
    pub(super) fn read(value: &Value, key: Key, catalogue: &mut Catalogue) -> Option<Datum> {
        let shape = catalogue.property(key).map(|p| p.shape);
        Some(match (value, shape) {
            (Value::Null, _) => Datum::Null,
            (Value::Bool(b), Some(Shape::Bool) | None) => Datum::Bool(*b),
            (Value::String(text), Some(Shape::Text) | None) => Datum::Text(catalogue.text(key, text)),
            (Value::Array(items), Some(Shape::Texts)) => {
                let texts: Option<Box<[Arc<str>]>> = items.iter().map(|i| i.as_str().map(Arc::from)).collect();
                Datum::Texts(texts?)
            }
            (Value::Object(_), Some(Shape::Object)) | (Value::Array(_), Some(Shape::Objects)) => {
                Datum::Json(Box::new(value.clone()))
            }
            (_, None) => Datum::Json(Box::new(value.clone())),
            _ => return None,
        })
    }
    pub(super) fn json(&self) -> Value {
        match self {
            Datum::Null => Value::Null,
            Datum::Bool(b) => Value::Bool(*b),
            Datum::Text(text) => Value::from(&**text),
            Datum::Texts(texts) => texts.iter().map(|t| Value::from(&**t)).collect(),
            Datum::Json(value) => (**value).clone(),
        }
    }
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Datum::Null => true,
            Datum::Texts(texts) => texts.is_empty(),
            Datum::Bool(_) | Datum::Text(_) | Datum::Json(_) => false,
        }
    }
}

/// One property's value, and the number of the change that gave it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Datum,
    pub(super) changed: u32,
    pub(super) key: Key,
}

/// Is the user there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Live,
    /// In deletedItems since then.
    Deleted(Timestamp),
    /// Purged: only the id is remembered, so that delta rounds can tell.
    Gone,
}

/// The manager, and the one before: a delta round tells both when it changed.
#[derive(Clone, Debug)]
pub(super) struct ManagerLink {
    pub(super) now: Option<Uuid>,
    pub(super) before: Option<Uuid>,
    pub(super) changed: u32,
}

/// What a replica can know of a user.
#[derive(Clone, Debug)]
pub(super) struct Face {
    pub(super) state: State,
    /// The change that made or restored it: a reader that stood before it gets the whole object.
    pub(super) born: u32,
    pub(super) entries: Vec<Entry>,
    pub(super) manager: Option<Box<ManagerLink>>,
}

impl Face {
    pub(super) fn new() -> Self {
        Face { state: State::Live, born: PENDING, entries: Vec::new(), manager: None }
    }
    pub(super) fn entry(&self, key: Key) -> Option<&Entry> {
        self.entries.binary_search_by_key(&key, |e| e.key).ok().map(|place| &self.entries[place])
    }
    pub(super) fn get(&self, key: Key) -> Option<&Datum> {
        self.entry(key).map(|e| &e.value)
    }
    pub(super) fn text(&self, key: Key) -> &str {
        match self.get(key) {
            Some(Datum::Text(text)) => text,
            _ => "",
        }
    }
    pub(super) fn texts(&self, key: Key) -> &[Arc<str>] {
        match self.get(key) {
            Some(Datum::Texts(texts)) => texts,
            _ => &[],
        }
    }
    /// Sets the value; true where that changed anything. Clearing what was never set changes nothing.
    pub(super) fn set(&mut self, key: Key, value: Datum) -> bool {
        match self.entries.binary_search_by_key(&key, |e| e.key) {
            Ok(place) if self.entries[place].value == value => false,
            Ok(place) => {
                self.entries[place] = Entry { value, changed: PENDING, key };
                true
            }
            Err(_) if value.is_nothing() => false,
            Err(place) => {
                self.entries.insert(place, Entry { value, changed: PENDING, key });
                true
            }
        }
    }
    pub(super) fn manager(&self) -> Option<Uuid> {
        self.manager.as_ref().and_then(|link| link.now)
    }
    /// True where that changed anything.
    pub(super) fn set_manager(&mut self, manager: Option<Uuid>) -> bool {
        let before = self.manager();
        if before == manager {
            return false;
        }
        self.manager = Some(Box::new(ManagerLink { now: manager, before, changed: PENDING }));
        true
    }
    /// Gives every unpublished change this number.
    pub(super) fn stamp(&mut self, number: u32) {
        for entry in &mut self.entries {
            if entry.changed == PENDING {
                entry.changed = number;
            }
        }
        if let Some(link) = &mut self.manager
            && link.changed == PENDING
        {
            link.changed = number;
        }
        if self.born == PENDING {
            self.born = number;
        }
    }
    /// Invited from elsewhere? `#EXT#` is the mark that an invitation leaves in the name and nobody can take away.
    pub(super) fn is_external(&self) -> bool {
        self.text(*UPN).to_ascii_uppercase().contains("#EXT#")
    }
    /// Every address that finds this user, in lower case, `smtp:` taken off.
    pub(super) fn addresses(&self) -> Vec<String> {
        let mut found: Vec<String> = [*MAIL, *UPN].map(|key| self.text(key).to_lowercase()).into();
        found.extend(self.texts(*OTHER_MAILS).iter().map(|t| t.to_lowercase()));
        found.extend(self.texts(*PROXY_ADDRESSES).iter().map(|t| bare_address(t)));
        found.retain(|a| !a.is_empty());
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// `SMTP:Ada@x.org` → `ada@x.org`.
pub(super) fn bare_address(proxy: &str) -> String {
    let lower = proxy.to_lowercase();
    lower.strip_prefix("smtp:").map(str::to_owned).unwrap_or(lower)
}

/// One user.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: Uuid,
    /// Where it stands in the change index; 0 = nowhere yet.
    pub(super) changed: u32,
    pub(super) face: Face,
    /// What lagging replicas still show: `Some(None)` = nothing at all.
    pub(super) shadow: Option<Box<Option<Face>>>,
}

impl User {
    /// What a delta round may know now.
    pub(super) fn seen(&self) -> Option<&Face> {
        match &self.shadow {
            Some(shadow) => shadow.as_ref().as_ref(),
            None => Some(&self.face),
        }
    }
}

/// Stands in JSON as it is. Every byte is looked at, for a search that could end early would take longer.
fn is_plain(text: &str) -> bool {
    !text.bytes().fold(false, |bad, b| bad | (b < b' ') | (b == b'"') | (b == b'\\'))
}

/// The same as `shown`, written out.
pub(super) fn write_shown(out: &mut Vec<u8>, name: &str, value: &Datum, shape: Option<Shape>) {
    let written = match value {
        Datum::Text(text) if is_plain(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
            Ok(())
        }
        Datum::Text(text) => serde_json::to_writer(&mut *out, &**text),
        Datum::Bool(value) => serde_json::to_writer(&mut *out, value),
        other => serde_json::to_writer(&mut *out, &shown(name, Some(other), shape)),
    };
    // Texts and trees of values always have a JSON form, and a buffer takes whatever comes.
    debug_assert!(written.is_ok());
}

/// The JSON of one property as answers show it.
pub(super) fn shown(name: &str, value: Option<&Datum>, shape: Option<Shape>) -> Value {
    match (name, value) {
        // Always all fifteen members, null where empty.
        ("onPremisesExtensionAttributes", value) => {
            let mut all: Map<String, Value> =
                (1..=15).map(|n| (format!("extensionAttribute{n}"), Value::Null)).collect();
            if let Some(Datum::Json(value)) = value
                && let Some(members) = value.as_object()
            {
                all.extend(members.clone());
            }
            Value::Object(all)
        }
        // Never told again.
        ("passwordProfile", _) => Value::Null,
        (_, Some(value)) if !value.is_nothing() => value.json(),
        _ if matches!(shape, Some(Shape::Texts | Shape::Objects)) => json!([]),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::{Datum, Shape, write_shown};

    #[test]
    fn what_is_written_out_is_what_is_shown() {
        let texts = ["", "Ada", "Zoë Løvelace", "a \"b\"", "a\\b", "tab\there", "\u{1}", "\u{7f}", "line\nend"];
        let texts = texts.map(|text| Datum::Text(text.into()));
        for value in texts.into_iter().chain([Datum::Null, Datum::Bool(true), Datum::Texts(["x\"y".into()].into())]) {
            let mut out = Vec::new();
            write_shown(&mut out, "displayName", &value, Some(Shape::Text));
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), value.json(), "{value:?}");
        }
    }
}
