//! What does an answer say, read strictly? And how is a change written down?
//!
//! Nothing here guesses: a page that holds one thing of the wrong shape is refused as a whole, because half a page that
//! looks whole would let the watermark pass over what the other half said.

mod edits;
mod list;
mod page;
mod plan;
mod user;

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

pub(super) use edits::{invitation_body, learned, manager_body, patch_body};
pub(super) use list::{BatchReply, Member, batch_body, batch_replies, read_members};
pub use page::{Page, parse_page};
pub(super) use page::{parse_look, parse_users};
pub use plan::Plan;

/// An answer that cannot be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer cannot be read: {0}")]
pub struct PageError(pub(super) String);

impl PageError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A part of an answer that is an object. What serde derives for a struct takes a list as well, its values by position:
/// nobody answers so, and what a list would have said is a guess.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

/// Checks UTF-8 once, so that the parser can borrow every text.
fn utf8(body: &[u8]) -> Result<&str, PageError> {
    std::str::from_utf8(body).map_err(|e| PageError::new(format!("invalid UTF-8 at byte {}", e.valid_up_to())))
}

fn json_error(error: &serde_json::Error) -> PageError {
    PageError::new(error.to_string())
}
