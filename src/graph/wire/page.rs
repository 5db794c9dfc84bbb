//! What does a page of users say, and where does it go on?

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::graph::error::{GraphError, error_inside};
use crate::model::{DeltaItem, Edit, Edits, News, ObjectId};

use super::plan::Plan;
use super::user::{Names, RawUser, UserSeed};
use super::{PageError, json_error, utf8};

/// A page, its links not yet checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the tenant's order.
    pub items: Vec<DeltaItem>,
    /// `@odata.nextLink`.
    pub next: Option<String>,
    /// `@odata.deltaLink`.
    pub delta: Option<String>,
}

/// Reads a page of users, keeping what the plan selects. All of it is right, or none of it is taken.
pub fn parse_page(body: &[u8], plan: &Plan) -> Result<Page, GraphError> {
    let text = utf8(body)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let raw = PageSeed(plan).deserialize(&mut json).and_then(|page| json.end().map(|()| page));
    let raw = match raw {
        Ok(raw) => raw,
        Err(error) => return Err(refusal_or(body, json_error(&error))),
    };
    let Some(items) = raw.items else {
        return Err(refusal_or(body, PageError::new("no value")));
    };
    let items = items.into_iter().map(item).collect::<Result<_, _>>()?;
    Ok(Page { items, next: raw.next, delta: raw.delta })
}

/// Reads one user's own answer: every selected attribute is mentioned, what is missing as `Clear`.
pub(in crate::graph) fn parse_look(body: &[u8], plan: &Plan) -> Result<(ObjectId, Edits), GraphError> {
    let text = utf8(body)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let raw = UserSeed(&mut Names::of(plan)).deserialize(&mut json).and_then(|user| json.end().map(|()| user));
    match raw {
        Ok(RawUser { id: Some(id), mut edits, .. }) => {
            complete(&mut edits, plan);
            if let Some(manager) = &plan.manager {
                edits.entry(manager.clone()).or_insert(Edit::Clear);
            }
            Ok((id, edits))
        }
        Ok(_) => Err(refusal_or(body, PageError::new("a user without an id"))),
        Err(error) => Err(refusal_or(body, json_error(&error))),
    }
}

/// Users of a listing, and the link to more of them.
pub(in crate::graph) type Users = (Vec<(ObjectId, Edits)>, Option<String>);

/// Reads a page of a listing: as a delta page, but every selected attribute is mentioned (a listing names nulls), the
/// manager excepted, which a listing does not tell.
pub(in crate::graph) fn parse_users(body: &[u8], plan: &Plan) -> Result<Users, GraphError> {
    let page = parse_page(body, plan)?;
    let mut users = Vec::with_capacity(page.items.len());
    for item in page.items {
        let News::Seen(mut edits) = item.news else {
            return Err(PageError::new("a removed user in a listing").into());
        };
        complete(&mut edits, plan);
        users.push((item.object, edits));
    }
    Ok((users, page.next))
}

fn complete(edits: &mut Edits, plan: &Plan) {
    for attribute in plan.attributes() {
        if !edits.contains_key(attribute) {
            edits.insert(attribute.clone(), Edit::Clear);
        }
    }
}

/// Some front doors wrap a refusal in a 200.
fn refusal_or(body: &[u8], error: PageError) -> GraphError {
    error_inside(200, body).map_or(GraphError::Page(error), GraphError::Answer)
}

fn item(user: RawUser) -> Result<DeltaItem, PageError> {
    let object = user.id.ok_or_else(|| PageError::new("an item without an id"))?;
    // Whatever else an item with `@removed` tells, the user is not there.
    let news = user.removed.map_or(News::Seen(user.edits), News::Removed);
    Ok(DeltaItem { object, news })
}

#[derive(Default)]
struct RawPage {
    items: Option<Vec<RawUser>>,
    next: Option<String>,
    delta: Option<String>,
}

struct PageSeed<'p>(&'p Plan);
impl<'de> DeserializeSeed<'de> for PageSeed<'_> {
    type Value = RawPage;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawPage, D::Error> {
        deserializer.deserialize_map(self)
    }
}
impl<'de> Visitor<'de> for PageSeed<'_> {
    type Value = RawPage;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawPage, A::Error> {
        let mut page = RawPage::default();
        let twice = |name: &str| A::Error::custom(format_args!("{name} is told twice"));
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "value" => {
                    if page.items.replace(map.next_value_seed(ItemsSeed(self.0))?).is_some() {
                        return Err(twice("value"));
                    }
                }
                "@odata.nextLink" => link(&mut page.next, map.next_value()?).map_err(|()| twice("nextLink"))?,
                "@odata.deltaLink" => link(&mut page.delta, map.next_value()?).map_err(|()| twice("deltaLink"))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(page)
    }
}

/// Null is as good as absent.
fn link(slot: &mut Option<String>, told: Option<String>) -> Result<(), ()> {
    match (told, slot.is_some()) {
        (None, _) => Ok(()),
        (Some(_), true) => Err(()),
        (told, false) => {
            *slot = told;
            Ok(())
        }
    }
}

struct ItemsSeed<'p>(&'p Plan);
impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = Vec<RawUser>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}
impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = Vec<RawUser>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut users, mut names) = (Vec::new(), Names::of(self.0));
        while let Some(user) = seq.next_element_seed(UserSeed(&mut names))? {
            users.push(user);
        }
        Ok(users)
    }
}
