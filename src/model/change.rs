//! What should happen, why, and what did?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Attribute, Attributes, Edits, ObjectId, Origin, REDACTED, RouteName, Value};

/// The kinds of change, as the plan and the change log name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// A new account by invitation.
    Provision,
    /// An account that stands already becomes ours.
    Join,
    /// Attributes are written.
    Update,
    /// An account comes back from deletedItems.
    Restore,
    /// The account is blocked.
    Disable,
    /// The account that we blocked is unblocked.
    Enable,
    /// The account goes to deletedItems.
    Delete,
    /// The link goes; no account is touched.
    Unlink,
}

impl ActionKind {
    /// All of them, in the order in which tables show them.
    pub const ALL: [ActionKind; 8] = [
        ActionKind::Provision,
        ActionKind::Join,
        ActionKind::Update,
        ActionKind::Restore,
        ActionKind::Disable,
        ActionKind::Enable,
        ActionKind::Delete,
        ActionKind::Unlink,
    ];
    /// The word in plans, logs and filters.
    pub fn as_str(self) -> &'static str {
        match self {
            ActionKind::Provision => "provision",
            ActionKind::Join => "join",
            ActionKind::Update => "update",
            ActionKind::Restore => "restore",
            ActionKind::Disable => "disable",
            ActionKind::Enable => "enable",
            ActionKind::Delete => "delete",
            ActionKind::Unlink => "unlink",
        }
    }
    /// The kind of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A change with what it takes to carry it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Invite `address`; `wanted` is everything that the account shall have in the end.
    Provision {
        /// The address to invite.
        address: String,
        /// What the account shall look like, `userType` included.
        wanted: Attributes,
    },
    /// Link the account, and write the edits.
    Join {
        /// The account.
        account: ObjectId,
        /// What differs.
        edits: Edits,
        /// Joined; or provisioned, where it is the one that an unanswered invitation of ours made.
        origin: Origin,
    },
    /// Write the edits.
    Update {
        /// The account.
        account: ObjectId,
        /// What differs.
        edits: Edits,
    },
    /// Bring it back from deletedItems.
    Restore {
        /// The account.
        account: ObjectId,
    },
    /// Block it.
    Disable {
        /// The account.
        account: ObjectId,
    },
    /// Unblock it.
    Enable {
        /// The account.
        account: ObjectId,
    },
    /// Delete it (softly: the tenant keeps it for 30 days).
    Delete {
        /// The account.
        account: ObjectId,
    },
    /// Forget the link.
    Unlink,
}

impl Action {
    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        match self {
            Action::Provision { .. } => ActionKind::Provision,
            Action::Join { .. } => ActionKind::Join,
            Action::Update { .. } => ActionKind::Update,
            Action::Restore { .. } => ActionKind::Restore,
            Action::Disable { .. } => ActionKind::Disable,
            Action::Enable { .. } => ActionKind::Enable,
            Action::Delete { .. } => ActionKind::Delete,
            Action::Unlink => ActionKind::Unlink,
        }
    }
    /// The account that it touches, where one stands.
    pub fn account(&self) -> Option<&ObjectId> {
        match self {
            Action::Join { account, .. }
            | Action::Update { account, .. }
            | Action::Restore { account }
            | Action::Disable { account }
            | Action::Enable { account }
            | Action::Delete { account } => Some(account),
            Action::Provision { .. } | Action::Unlink => None,
        }
    }
    /// The address that it invites.
    pub fn address(&self) -> Option<&str> {
        match self {
            Action::Provision { address, .. } => Some(address),
            _ => None,
        }
    }
}

/// Why a change is planned. The text is part of plans and of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Why {
    /// The rules take the user.
    InScope,
    /// The rules took the user once, and do not any more.
    OutOfScope,
    /// Blocked at home.
    HomeDisabled,
    /// Deleted at home.
    HomeDeleted,
    /// The account that the link names is not there.
    AccountMissing,
    /// The grace period of a leaver is over.
    GraceOver,
    /// A person takes back what a run did.
    Undo,
}

impl Why {
    /// The words in plans and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::InScope => "in scope",
            Why::OutOfScope => "out of scope",
            Why::HomeDisabled => "disabled at home",
            Why::HomeDeleted => "deleted at home",
            Why::AccountMissing => "account missing",
            Why::GraceOver => "grace period over",
            Why::Undo => "undo",
        }
    }
}
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who a change is about, as people know them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The home user's object id.
    pub id: ObjectId,
    /// Its user principal name, `""` where unknown.
    pub user_principal_name: String,
}

/// One change of one account, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// On which route.
    pub route: RouteName,
    /// For whom.
    pub home: Person,
    /// What.
    pub action: Action,
    /// What the account had, for each attribute that the action writes (absent: no value).
    pub before: Attributes,
    /// Why.
    pub why: Why,
    /// The rule set that asked for it.
    pub rules: String,
    /// Attributes whose values no plan and no log may show.
    pub redacted: BTreeSet<Attribute>,
}

/// The pair as plans and logs may show it: where there is a value, its place is shown and not the value.
pub fn redacted(pair: (Option<Value>, Option<Value>)) -> (Option<Value>, Option<Value>) {
    let hidden = |value: Option<Value>| value.map(|_| Value::from(REDACTED));
    (hidden(pair.0), hidden(pair.1))
}

impl Change {
    /// The account that a match would join. One that our own unanswered invitation made is nobody else's.
    pub fn matched_account(&self) -> Option<&ObjectId> {
        match &self.action {
            Action::Join { account, origin: Origin::Joined, .. } => Some(account),
            _ => None,
        }
    }
    /// Before and after of each attribute that the change writes, as plans and logs show them.
    pub fn edits(&self) -> BTreeMap<Attribute, (Option<Value>, Option<Value>)> {
        let shown = |(attribute, pair)| {
            let pair = if self.redacted.contains(&attribute) { redacted(pair) } else { pair };
            (attribute, pair)
        };
        self.unredacted().into_iter().map(shown).collect()
    }
    /// The same with every value: for digests, never to be shown.
    pub fn unredacted(&self) -> BTreeMap<Attribute, (Option<Value>, Option<Value>)> {
        let owned = |(a, [before, after]): (&str, [Option<&Value>; 2])| (a.into(), (before.cloned(), after.cloned()));
        self.pairs().into_iter().map(owned).collect()
    }
    /// Before and after of each attribute, in the order of their names, with every value.
    pub(crate) fn pairs(&self) -> Vec<(&str, [Option<&Value>; 2])> {
        let enabled = |after: &'static Value| {
            let a = Attribute::ACCOUNT_ENABLED;
            vec![(a, [self.before.get(a), Some(after)])]
        };
        match &self.action {
            Action::Provision { wanted, .. } => wanted.iter().map(|(a, v)| (a.as_str(), [None, Some(v)])).collect(),
            Action::Join { edits, .. } | Action::Update { edits, .. } => {
                edits.iter().map(|(a, e)| (a.as_str(), [self.before.get(a), e.value()])).collect()
            }
            Action::Disable { .. } => enabled(&Value::Bool(false)),
            Action::Enable { .. } => enabled(&Value::Bool(true)),
            Action::Restore { .. } | Action::Delete { .. } | Action::Unlink => Vec::new(),
        }
    }
}

/// What set a run off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// `crosstie sync`.
    Manual,
    /// `crosstie run`.
    Schedule,
    /// `crosstie undo`.
    Undo,
    /// `crosstie adopt`.
    Adopt,
}

/// Why a write did not happen, as the change log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteError {
    /// Graph's most specific error code, or one of ours for the transport.
    pub code: String,
    /// Graph's message, bounded.
    pub message: String,
}

/// How did a write end?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The tenant confirmed it.
    Applied,
    /// The tenant refused it, or it never left.
    Failed(WriteError),
    /// No answer came, and a look at the tenant could not tell.
    Unknown(WriteError),
}
