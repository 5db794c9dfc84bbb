//! What was asked of the tenants, and what was done?

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Timestamp;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A token was asked for.
    Token,
    /// A page of users/delta.
    Delta,
    /// A list of users.
    List,
    /// One user, or one user's manager.
    Get,
    /// Groups and roles, their members, a user's memberships.
    Groups,
    /// deletedItems.
    Deleted,
    /// Organization and policies.
    Policy,
    /// A batch itself; its items count as what they are.
    Batch,
    /// A write: an invitation.
    Invite,
    /// A write: properties of a user.
    Patch,
    /// A write: a user's manager, set or cleared.
    Manager,
    /// A write: a user to deletedItems, or out of it for good.
    Delete,
    /// A write: a user back from deletedItems.
    Restore,
    /// A path or method that is not simulated.
    Other,
}

impl Kind {
    /// Does it ask for a change? `Other` counts as such when its method does.
    pub fn is_write(self) -> bool {
        matches!(self, Kind::Invite | Kind::Patch | Kind::Manager | Kind::Delete | Kind::Restore)
    }
}

/// One write request, as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counted up from 1 over all tenants.
    pub seq: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// Into which tenant; `""` where the token named none.
    pub tenant: String,
    /// By which app.
    pub app: String,
    /// HTTP method.
    pub method: String,
    /// Path, without the host and the version.
    pub path: String,
    /// What it is about.
    pub kind: Kind,
    /// The object: from the path, or the one that an invitation made.
    pub object: Option<String>,
    /// The caller's `client-request-id`.
    pub client_request_id: Option<String>,
    /// The body, null where there was none.
    pub body: Value,
    /// The status that was answered, or would have been.
    pub status: u16,
    /// Did the directory change accordingly?
    pub applied: bool,
    /// Was the answer lost on its way?
    pub dropped: bool,
    /// Was it an item of a batch?
    pub batch: bool,
}

/// Requests of one tenant by kind.
pub type Counts = BTreeMap<Kind, u64>;

/// Kept entries; the oldest go first. 400,000 are more than any test writes, and about 200 MB at worst.
const ENTRIES_MAX: usize = 400_000;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: VecDeque<Entry>,
    seen: u64,
    counts: BTreeMap<String, Counts>,
}

impl Ledger {
    pub(super) fn write(&mut self, mut entry: Entry) {
        self.seen += 1;
        entry.seq = self.seen;
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
    pub(super) fn count(&mut self, tenant: &str, kind: Kind) {
        if !self.counts.contains_key(tenant) {
            self.counts.insert(tenant.to_owned(), Counts::new());
        }
        if let Some(counts) = self.counts.get_mut(tenant) {
            *counts.entry(kind).or_default() += 1;
        }
    }
    /// Entries after `since`, of one tenant or all.
    pub(super) fn read(&self, tenant: Option<&str>, since: u64) -> impl Iterator<Item = &Entry> {
        let tenant = tenant.map(str::to_owned);
        let start = self.entries.partition_point(|e| e.seq <= since);
        self.entries.range(start..).filter(move |e| tenant.as_deref().is_none_or(|t| t == e.tenant))
    }
    pub(super) fn last_seq(&self) -> u64 {
        self.seen
    }
    /// The answer to everything after `since` was lost with its batch.
    pub(super) fn mark_dropped(&mut self, since: u64) {
        let start = self.entries.partition_point(|e| e.seq <= since);
        self.entries.range_mut(start..).for_each(|e| e.dropped = true);
    }
    pub(super) fn counts(&self) -> &BTreeMap<String, Counts> {
        &self.counts
    }
}
