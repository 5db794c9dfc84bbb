//! In which form do values lie in the file?

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::{fmt, io};

use rusqlite::Row;
use serde::Serializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use uuid::Uuid;

use super::StoreError;
use crate::model::{Attribute, Attributes, Edits, ObjectId, Presence, Timestamp, Value};

/// Never part of UTF-8: marks an id that is stored as text.
const TEXT: u8 = 0xff;

/// A GUID in its usual form takes 16 bytes; any other text is kept as it is, behind a mark and never 16 bytes long.
pub(super) fn object(id: &ObjectId) -> Vec<u8> {
    let text = id.as_str();
    if let Ok(guid) = Uuid::try_parse(text)
        && guid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text
    {
        return guid.as_bytes().to_vec();
    }
    let mut bytes = vec![TEXT];
    bytes.extend_from_slice(text.as_bytes());
    if bytes.len() == 16 {
        bytes.push(TEXT);
    }
    bytes
}

/// Back from [`object`].
pub(super) fn object_id(bytes: &[u8]) -> Result<ObjectId, StoreError> {
    if let Ok(guid) = Uuid::from_slice(bytes) {
        return Ok(ObjectId::new(guid.hyphenated().to_string()));
    }
    let text = bytes.strip_prefix(&[TEXT]).map(|b| b.strip_suffix(&[TEXT]).unwrap_or(b));
    match text.map(std::str::from_utf8) {
        Some(Ok(text)) => Ok(ObjectId::from(text)),
        _ => Err(StoreError::Damaged("an object id is neither a GUID nor text".to_owned())),
    }
}

/// JSON with sorted keys: equal attributes are equal text.
pub(super) fn attributes(attributes: &Attributes) -> Result<String, StoreError> {
    let mut json = Vec::new();
    let written = write_object(attributes.iter(), &mut json).map_err(|e| e.to_string());
    written.and_then(|()| String::from_utf8(json).map_err(|e| e.to_string())).map_err(StoreError::Damaged)
}

/// Are these the values that the edits set? `text` is as [`attributes`] has it, and what the edits would be there is compared
/// with it piece by piece and written down nowhere: in a full round everybody passes here.
pub(super) fn sets_exactly(edits: &Edits, text: &str) -> bool {
    let values = edits.iter().filter_map(|(attribute, edit)| Some((attribute, edit.value()?)));
    let mut rest = Rest(text.as_bytes());
    if text.contains('\\') {
        return write_object(values, &mut rest).is_ok() && rest.0.is_empty();
    }
    // Nothing in it is escaped, so that each text stands in it as it is, between two quotes. One that has a quote itself may
    // look like several texts there; then there are fewer of them than quotes.
    let (mut before, mut quotes) = (b'{', 0);
    for (attribute, value) in values {
        if !(rest.takes(&[before, b'"']) && rest.takes(attribute.as_str().as_bytes()) && rest.takes(b"\":")) {
            return false;
        }
        quotes += 2;
        let is_same = match value {
            Value::Text(text) => {
                quotes += 2;
                rest.takes(b"\"") && rest.takes(text.as_bytes()) && rest.takes(b"\"")
            }
            other => {
                quotes += if let Value::List(texts) = other { 2 * texts.len() } else { 0 };
                serde_json::to_writer(&mut rest, other).is_ok()
            }
        };
        if !is_same {
            return false;
        }
        before = b',';
    }
    (before == b',' || rest.takes(b"{")) && rest.0 == b"}" && quotes == quotes_in(text)
}

fn quotes_in(text: &str) -> usize {
    // So many that a byte can count them, which goes sixteen at a time.
    let count = |part: &[u8]| part.iter().map(|byte| u8::from(*byte == b'"')).sum::<u8>();
    text.as_bytes().chunks(usize::from(u8::MAX)).map(|part| usize::from(count(part))).sum()
}

/// What was not compared yet.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    /// Takes what the rest begins with, and nothing else.
    #[inline]
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let rest = self.0.strip_prefix(bytes);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

impl io::Write for Rest<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.takes(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both maps are sorted. Left to itself, an empty one would be written as a list.
fn write_object<'v>(
    values: impl Iterator<Item = (&'v Attribute, &'v Value)>,
    to: impl io::Write,
) -> serde_json::Result<()> {
    serde_json::Serializer::new(to).collect_map(values)
}

/// Back from [`attributes`].
pub(super) fn read_attributes(text: &str) -> Result<Attributes, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Damaged(format!("attributes of an observation: {e}")))
}

/// The same, and only those that are needed.
pub(super) fn read_some(text: &str, needed: &BTreeSet<Attribute>) -> Result<Attributes, StoreError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let some = json.deserialize_any(Picked(needed)).and_then(|some| json.end().map(|()| some));
    some.map_err(|e| StoreError::Damaged(format!("attributes of an observation: {e}")))
}

/// Reads these attributes and passes over the others.
struct Picked<'n>(&'n BTreeSet<Attribute>);

impl<'de> Visitor<'de> for Picked<'_> {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut some = Attributes::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match self.0.get(name.as_ref()) {
                Some(attribute) => drop(some.insert(attribute.clone(), map.next_value()?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(some)
    }
    /// As a version wrote nobody's values.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Attributes, A::Error> {
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Attributes::new()),
            Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }
}

/// A column that holds bytes, where it lies.
pub(super) fn bytes<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r [u8], StoreError> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
}

/// A column that holds text, where it lies.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, StoreError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

pub(super) fn presence(presence: Presence) -> i64 {
    match presence {
        Presence::Present => 0,
        Presence::SoftDeleted => 1,
        Presence::Gone => 2,
    }
}

pub(super) fn read_presence(n: i64) -> Result<Presence, StoreError> {
    match n {
        0 => Ok(Presence::Present),
        1 => Ok(Presence::SoftDeleted),
        2 => Ok(Presence::Gone),
        _ => Err(StoreError::Damaged(format!("presence {n} of an observation"))),
    }
}

/// SQLite keeps signed numbers; times and counters never reach the sign.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Back from [`signed`].
pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// An instant as reports say it.
pub(super) fn rfc3339<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.rfc3339())
}

/// The same where there may be none.
pub(super) fn maybe_rfc3339<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Edit;
    use proptest::prelude::*;

    #[test]
    fn nobodys_values_are_an_object_too() {
        assert_eq!(attributes(&Attributes::new()).unwrap(), "{}");
        assert!(sets_exactly(&Edits::new(), "{}") && !sets_exactly(&Edits::new(), "[]"));
        // As a version wrote it that left it to the map.
        assert_eq!(read_attributes("[]").unwrap(), Attributes::new());
        assert_eq!(read_some("[]", &BTreeSet::new()).unwrap(), Attributes::new());
        assert!(read_some("[1]", &BTreeSet::new()).is_err() && read_some("{} x", &BTreeSet::new()).is_err());
    }

    #[test]
    fn a_text_that_looks_like_several_is_one() {
        let several = Attributes::from_iter([("a".into(), "x".into()), ("b".into(), "y".into())]);
        let text = attributes(&several).unwrap();
        let sets = |value: &str| Edits::from_iter([(Attribute::from("a"), Edit::Set(value.into()))]);
        assert_eq!(text, r#"{"a":"x","b":"y"}"#);
        assert!(!sets_exactly(&sets(r#"x","b":"y"#), &text));
        // And one that looks like another one's escapes.
        let newline = attributes(&Attributes::from_iter([("a".into(), "\n".into())])).unwrap();
        assert!(sets_exactly(&sets("\n"), &newline) && !sets_exactly(&sets("\\n"), &newline));
        let list = Value::from(vec!["x".to_owned(), "\"".to_owned(), "y".to_owned()]);
        let lists = |values: &[&str]| {
            let list = Value::from(values.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            attributes(&Attributes::from_iter([("a".into(), list)])).unwrap()
        };
        let sets = Edits::from_iter([(Attribute::from("a"), Edit::Set(list))]);
        assert!(sets_exactly(&sets, &lists(&["x", "\"", "y"])) && !sets_exactly(&sets, &lists(&["x", "", "y"])));
    }

    fn some_values() -> impl Strategy<Value = Attributes> {
        let value = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            "\\PC{0,40}".prop_map(Value::from),
            // What JSON is made of.
            "[a\",:{}\\\\\n]{0,12}".prop_map(Value::from),
            prop::collection::vec("\\PC{0,6}", 0..3).prop_map(Value::from),
        ];
        prop::collection::btree_map("[a-e\"é]{1,2}", value, 0..6)
            .prop_map(|map| map.into_iter().map(|(name, value)| (Attribute::new(name), value)).collect())
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(values in some_values(), other in some_values()) {
            let text = attributes(&values).unwrap();
            prop_assert_eq!(read_attributes(&text).unwrap(), values.clone());
            let needed: BTreeSet<Attribute> = other.keys().cloned().collect();
            let mut some = values.clone();
            some.retain(|attribute, _| needed.contains(attribute));
            prop_assert_eq!(read_some(&text, &needed).unwrap(), some);
            let edits = |values: &Attributes| -> Edits {
                let cleared = other.keys().filter(|a| !values.contains_key(*a)).map(|a| (a.clone(), Edit::Clear));
                values.iter().map(|(a, v)| (a.clone(), Edit::Set(v.clone()))).chain(cleared).collect()
            };
            prop_assert!(sets_exactly(&edits(&values), &text));
            prop_assert_eq!(sets_exactly(&edits(&other), &text), other == values);
        }
        #[test]
        fn every_id_comes_back(text in "\\PC{0,40}") {
            let id = ObjectId::new(text);
            prop_assert_eq!(object_id(&object(&id)).unwrap(), id);
        }
        #[test]
        fn every_guid_takes_sixteen_bytes(bytes in prop::array::uniform16(0u8..)) {
            let id = ObjectId::new(Uuid::from_bytes(bytes).hyphenated().to_string());
            prop_assert_eq!(object(&id).len(), 16);
            prop_assert_eq!(object_id(&object(&id)).unwrap(), id);
        }
    }
}
