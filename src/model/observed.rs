//! What do we know of one user of one tenant?

use super::{Attribute, Attributes, DeltaItem, News, ObjectId, Removal, Value, edited};

/// Is the object there?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// It stands.
    Present,
    /// In the tenant's deletedItems; can be restored.
    SoftDeleted,
    /// Gone for good.
    Gone,
}

/// Where is the person at home?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// In this tenant.
    Native,
    /// Elsewhere: the account was invited.
    External,
}

/// Our best knowledge of one user: an observation, never an intention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Whose.
    pub object: ObjectId,
    /// Is it there?
    pub presence: Presence,
    /// Attributes that some rule or law reads or writes; kept for a soft-deleted user, emptied for a gone one.
    pub attributes: Attributes,
}

impl Observed {
    /// Folds one item of news into what was known. Folding the same item twice gives the same knowledge.
    #[must_use]
    pub fn fold(before: Option<Observed>, item: &DeltaItem) -> Observed {
        let gone = before.as_ref().is_some_and(|b| b.presence == Presence::Gone);
        let known = before.map(|b| b.attributes).unwrap_or_default();
        let (presence, attributes) = match &item.news {
            // Gone for good: that it was soft-deleted before is old news, in whichever order the two are told.
            News::Removed(Removal::Soft) if gone => (Presence::Gone, known),
            News::Seen(edits) => (Presence::Present, edited(known, edits)),
            News::Removed(Removal::Soft) => (Presence::SoftDeleted, known),
            News::Removed(Removal::Hard) => (Presence::Gone, Attributes::new()),
        };
        Observed { object: item.object.clone(), presence, attributes }
    }

    /// External by any of the marks that an invitation leaves: `#EXT#` in the user principal name, a creation type
    /// of `Invitation`, or a redemption state. `userType` says nothing of it: members can be external, guests native.
    pub fn standing(&self) -> Standing {
        if self.marks_of_an_invitation().next().is_some() { Standing::External } else { Standing::Native }
    }

    /// The attributes that can bear such a mark.
    pub const MARKED: [&'static str; 3] =
        [Attribute::CREATION_TYPE, Attribute::EXTERNAL_USER_STATE, Attribute::USER_PRINCIPAL_NAME];

    /// Those that bear one.
    pub fn marks_of_an_invitation(&self) -> impl Iterator<Item = &'static str> {
        let is_mark = |name: &str, text: &str| match name {
            Attribute::CREATION_TYPE => text.eq_ignore_ascii_case("Invitation"),
            Attribute::EXTERNAL_USER_STATE => !text.is_empty(),
            _ => text.as_bytes().windows(5).any(|five| five.eq_ignore_ascii_case(b"#EXT#")),
        };
        let text = |name: &str| self.attributes.get(name).and_then(Value::as_text);
        Self::MARKED.into_iter().filter(move |name| text(name).is_some_and(|text| is_mark(name, text)))
    }

    /// The user principal name, or `""` where none was told.
    pub fn user_principal_name(&self) -> &str {
        self.attributes.get(Attribute::USER_PRINCIPAL_NAME).and_then(Value::as_text).unwrap_or_default()
    }

    /// False only where the tenant said so.
    pub fn is_enabled(&self) -> bool {
        self.attributes.get(Attribute::ACCOUNT_ENABLED) != Some(&Value::Bool(false))
    }
}
