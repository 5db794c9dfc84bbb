//! What does one page of a tenant's changes say?

use std::collections::BTreeSet;

use super::{Attribute, Edits, ObjectId};

/// The attributes that a tenant is asked for: derived from the rules, part of every watermark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(pub BTreeSet<Attribute>);

impl Selection {
    /// What is needed and not in here. Of such an attribute nothing is known: that it has no value, least of all.
    pub fn lacks(&self, needed: &Selection) -> BTreeSet<Attribute> {
        needed.0.difference(&self.0).cloned().collect()
    }
    /// Is everything in here that is needed?
    pub fn covers(&self, needed: &Selection) -> bool {
        needed.0.is_subset(&self.0)
    }
    /// What is in both.
    #[must_use]
    pub fn shared(&self, other: &Selection) -> Selection {
        Selection(self.0.intersection(&other.0).cloned().collect())
    }
}

/// How is an object gone?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// `@removed.reason = "changed"`: in deletedItems, can be restored for 30 days.
    Soft,
    /// `@removed.reason = "deleted"`: gone for good.
    Hard,
}

/// What one item of a page tells. A property that the item does not mention is not in the map: absent is not null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The user stands; these attributes were mentioned, null as [`super::Edit::Clear`].
    Seen(Edits),
    /// The user is removed.
    Removed(Removal),
}

/// One item of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaItem {
    /// Whose news this is.
    pub object: ObjectId,
    /// The news.
    pub news: News,
}

/// Where a reading goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// From nothing: a full round.
    Start,
    /// From a link that the tenant gave: the next page of this round, or the watermark of the last one.
    Link(String),
}

/// One page of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaPage {
    /// In the tenant's order; the same object may appear again.
    pub items: Vec<DeltaItem>,
    /// Where it goes on.
    pub then: Then,
}

/// What follows a page?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// `@odata.nextLink`: more of this round.
    More(String),
    /// `@odata.deltaLink`: the round is over, and the next one resumes here.
    Done(String),
}
