//! What ties a home user to an account?

use serde::{Deserialize, Serialize};

use super::{Attributes, ObjectId, RouteName, Timestamp};

/// How did the account become ours?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// We invited it.
    Provisioned,
    /// It stood already and was matched.
    Joined,
}

/// An invitation that left, and whose account is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The address that was invited.
    pub address: String,
    /// When.
    pub at: Timestamp,
    /// Readings of the target that had run to their end by then.
    pub reading: u64,
}

/// Committed before the first write of an account and settled after it, so that no crash and no lost answer can leave
/// an account that nobody remembers asking for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tie {
    /// Asked for, not yet answered.
    Asked(Asked),
    /// The account is known.
    Known {
        /// The account.
        account: ObjectId,
        /// How it became ours.
        origin: Origin,
    },
}

/// The tie between one home user and its account, and what we must remember to treat it rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Home and target.
    pub route: RouteName,
    /// The home user.
    pub home: ObjectId,
    /// The account, or the question for it.
    pub tie: Tie,
    /// The rule set that took the user last: its leavers rule treats the account when nobody takes the user any more.
    pub rules: String,
    /// The account has once been found as the rules want it (or it was joined). Until then it is still being provisioned:
    /// create-only attributes are written, and its updates are part of the provisioning.
    pub initialised: bool,
    /// We blocked the account, so we may unblock it.
    pub disabled_by_us: bool,
    /// The user left at this time; with a grace period the account is deleted that much later.
    pub leaving_since: Option<Timestamp>,
    /// For `apply = "on-change"`: the values that the home side had when they were last written or seen equal.
    pub baseline: Attributes,
    /// When the tie was made.
    pub since: Timestamp,
}

impl Link {
    /// The account, where it is known.
    pub fn account(&self) -> Option<&ObjectId> {
        match &self.tie {
            Tie::Known { account, .. } => Some(account),
            Tie::Asked(_) => None,
        }
    }
}
