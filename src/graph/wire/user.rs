//! What does one user in an answer say? Only what was selected is kept; the rest is skipped without a copy.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::{Attribute, Edit, Edits, ObjectId, Removal, Value};

use super::plan::{Field, Plan};

/// Real ids are GUIDs of 36 characters.
const ID_BYTES_MAX: usize = 256;

/// One item as it was told.
#[derive(Debug, Default)]
pub(super) struct RawUser {
    pub(super) id: Option<ObjectId>,
    pub(super) removed: Option<Removal>,
    pub(super) edits: Edits,
}

/// Reads one user by a plan.
pub(super) struct UserSeed<'s, 'p>(pub(super) &'s mut Names<'p>);

/// Of the names that items have, so many are remembered. Users have fewer properties.
const NAMES_MAX: usize = 64;

/// What the names in items stand for. Most items have the same ones in the same order, and so they are looked for behind the
/// one before.
pub(super) struct Names<'p> {
    plan: &'p Plan,
    known: Vec<(String, Key<'p>)>,
    next: usize,
}

/// What a key of the item stands for.
#[derive(Clone, Copy)]
enum Key<'p> {
    Id,
    Removed,
    /// `manager@delta`: changes of the relationship.
    ManagerChanges(&'p Attribute),
    /// `manager`, expanded.
    Manager(&'p Attribute),
    Plain(&'p Attribute),
    Members(&'p str, &'p BTreeMap<String, Attribute>),
    Unknown,
}

impl<'p> Names<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        Self { plan, known: Vec::new(), next: 0 }
    }

    fn key(&mut self, name: &str) -> Key<'p> {
        let (before, behind) = self.known.split_at(self.next);
        let find = |names: &[(String, Key<'p>)]| names.iter().position(|(known, _)| known == name);
        if let Some(place) = find(behind).map(|place| before.len() + place).or_else(|| find(before)) {
            self.next = place + 1;
            return self.known[place].1;
        }
        let key = self.plan.key(name);
        if self.known.len() < NAMES_MAX {
            self.known.push((name.to_owned(), key));
            self.next = self.known.len();
        }
        key
    }
}

impl Plan {
    fn key(&self, name: &str) -> Key<'_> {
        let manager = || self.manager.as_ref();
        match name {
            "id" => Key::Id,
            "@removed" => Key::Removed,
            "manager@delta" => manager().map_or(Key::Unknown, Key::ManagerChanges),
            "manager" => manager().map_or(Key::Unknown, Key::Manager),
            _ => match self.fields.get_key_value(name) {
                Some((_, Field::Plain(attribute))) => Key::Plain(attribute),
                Some((name, Field::Members(members))) => Key::Members(name, members),
                None => Key::Unknown,
            },
        }
    }
}

struct KeySeed<'s, 'p>(&'s mut Names<'p>);

impl<'de, 'p> DeserializeSeed<'de> for KeySeed<'_, 'p> {
    type Value = Key<'p>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'p>, D::Error> {
        deserializer.deserialize_str(self)
    }
}
impl<'p> Visitor<'_> for KeySeed<'_, 'p> {
    type Value = Key<'p>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Key<'p>, E> {
        Ok(self.0.key(name))
    }
}

impl<'de> DeserializeSeed<'de> for UserSeed<'_, '_> {
    type Value = RawUser;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawUser, D::Error> {
        deserializer.deserialize_map(self)
    }
}
impl<'de> Visitor<'de> for UserSeed<'_, '_> {
    type Value = RawUser;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawUser, A::Error> {
        // In one piece: a page has a thousand of them.
        let mut user = RawUser { edits: Edits::with_capacity(self.0.plan.size), ..RawUser::default() };
        let mut removed_seen = false;
        while let Some(key) = map.next_key_seed(KeySeed(&mut *self.0))? {
            match key {
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Id => {
                    let id = map.next_value_seed(IdSeed)?;
                    once(user.id.replace(id).is_none(), "id")?;
                }
                Key::Removed => {
                    once(!removed_seen, "@removed")?;
                    removed_seen = true;
                    user.removed = map.next_value_seed(RemovedSeed)?;
                }
                Key::Plain(attribute) => {
                    let edit = map.next_value_seed(ValueSeed).map_err(|e| about(attribute.as_str(), &e))?;
                    tell(&mut user.edits, attribute, edit)?;
                }
                Key::Members(name, members) => {
                    map.next_value_seed(MembersSeed(members, &mut user.edits)).map_err(|e| about(name, &e))?;
                }
                Key::Manager(attribute) => {
                    let target = map.next_value_seed(TargetSeed).map_err(|e| about("manager", &e))?;
                    let edit = target.map_or(Edit::Clear, |t| Edit::Set(Value::from(t.id.as_str())));
                    tell(&mut user.edits, attribute, edit)?;
                }
                Key::ManagerChanges(attribute) => {
                    let told = map.next_value_seed(ManagerChangesSeed).map_err(|e| about("manager@delta", &e))?;
                    if let Some(edit) = told {
                        tell(&mut user.edits, attribute, edit)?;
                    }
                }
            }
        }
        Ok(user)
    }
}

fn once<E: Error>(first: bool, name: &str) -> Result<(), E> {
    // Which one counts would be a guess.
    if first { Ok(()) } else { Err(E::custom(format_args!("{name} is told twice"))) }
}

fn tell<E: Error>(edits: &mut Edits, attribute: &Attribute, edit: Edit) -> Result<(), E> {
    once(edits.insert(attribute.clone(), edit).is_none(), attribute.as_str())
}

fn about<E: Error>(name: &str, error: &E) -> E {
    E::custom(format_args!("{name}: {error}"))
}

struct IdSeed;
impl<'de> DeserializeSeed<'de> for IdSeed {
    type Value = ObjectId;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ObjectId, D::Error> {
        deserializer.deserialize_str(self)
    }
}
impl Visitor<'_> for IdSeed {
    type Value = ObjectId;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object id")
    }
    fn visit_str<E: Error>(self, id: &str) -> Result<ObjectId, E> {
        // Ids go into addresses and logs.
        if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) {
            return Err(E::custom("not an object id"));
        }
        Ok(ObjectId::new(id))
    }
}

/// `{"reason": "changed" | "deleted"}`. Only the exact word `deleted` says gone for good: whoever is taken for softly
/// deleted by mistake is looked at again, whoever is taken for gone is forgotten.
struct RemovedSeed;
impl<'de> DeserializeSeed<'de> for RemovedSeed {
    type Value = Option<Removal>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for RemovedSeed {
    type Value = Option<Removal>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reason of removal")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut reason = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == "reason" {
                once(reason.is_none(), "reason")?;
                reason = Some(map.next_value_seed(ValueSeed)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match reason {
            Some(Edit::Set(Value::Text(reason))) if reason == "deleted" => Ok(Some(Removal::Hard)),
            None | Some(Edit::Clear | Edit::Set(Value::Text(_))) => Ok(Some(Removal::Soft)),
            Some(Edit::Set(_)) => Err(A::Error::custom("@removed: the reason is not a text")),
        }
    }
}

/// A property's value, as far as the model can hold it: scalars and lists of texts.
struct ValueSeed;
impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Edit;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Edit, D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for ValueSeed {
    type Value = Edit;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a text, a number, true, false or a list of texts")
    }
    fn visit_unit<E: Error>(self) -> Result<Edit, E> {
        Ok(Edit::Clear)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Edit, E> {
        Ok(Edit::Set(Value::Bool(value)))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Edit, E> {
        Ok(Edit::Set(Value::Integer(value)))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Edit, E> {
        Ok(Edit::Set(i64::try_from(value).map_or_else(|_| Value::from(value.to_string()), Value::Integer)))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Edit, E> {
        // No property of a user is a fraction; should one become so, its digits are kept, and an exponent stays one: written
        // out, `1e300` would take sixty times the room that it takes in the page.
        Ok(Edit::Set(Value::from(serde_json::Number::from_f64(value).map_or_else(String::new, |n| n.to_string()))))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Edit, E> {
        Ok(Edit::Set(Value::from(value)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Edit, A::Error> {
        let mut items = Vec::new();
        // A value would do for a text where a number is too large for the model, or a fraction.
        while let Some(item) = seq.next_element::<serde_json::Value>()? {
            match item {
                serde_json::Value::String(text) => items.push(text),
                _ => return Err(A::Error::custom("a list of something else than texts")),
            }
        }
        Ok(Edit::Set(Value::from(items)))
    }
}

/// A complex property, of which some members were selected.
struct MembersSeed<'s>(&'s BTreeMap<String, Attribute>, &'s mut Edits);
impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for MembersSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null or an object")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        // The whole is null, and so is every member.
        self.0.values().try_for_each(|attribute| tell(self.1, attribute, Edit::Clear))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.0.get(key.as_ref()) {
                Some(attribute) => {
                    let edit = map.next_value_seed(ValueSeed).map_err(|e| about(attribute.as_str(), &e))?;
                    tell(self.1, attribute, edit)?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Another user that is pointed at.
struct Target {
    id: ObjectId,
    removed: bool,
}
/// `{"id": …}`, or null.
struct TargetSeed;
impl<'de> DeserializeSeed<'de> for TargetSeed {
    type Value = Option<Target>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for TargetSeed {
    type Value = Option<Target>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null or a reference")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut removed) = (None, false);
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match key.as_ref() {
                "id" => once(id.replace(map.next_value_seed(IdSeed)?).is_none(), "id")?,
                "@removed" => removed |= map.next_value_seed(RemovedSeed)?.is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let id = id.ok_or_else(|| A::Error::custom("a reference without an id"))?;
        Ok(Some(Target { id, removed }))
    }
}

/// `manager@delta`: whoever is in it without `@removed` is the manager; if there are only removed ones, nobody is. An
/// empty list says nothing.
struct ManagerChangesSeed;
impl<'de> DeserializeSeed<'de> for ManagerChangesSeed {
    type Value = Option<Edit>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for ManagerChangesSeed {
    type Value = Option<Edit>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of references")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut told = None;
        while let Some(target) = seq.next_element_seed(TargetSeed)? {
            let Some(target) = target else { return Err(A::Error::custom("a reference that is null")) };
            let now = Edit::Set(Value::from(target.id.as_str()));
            match (&told, target.removed) {
                (Some(Edit::Set(_)), true) => {}
                (_, true) => told = Some(Edit::Clear),
                // A user has one manager: two of them would have to be guessed between.
                (Some(before @ Edit::Set(_)), false) if *before != now => {
                    return Err(A::Error::custom("two managers at once"));
                }
                (_, false) => told = Some(now),
            }
        }
        Ok(told)
    }
}
