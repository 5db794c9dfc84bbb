//! Which doors lead to the world? A dry run is not a flag: it is holding only the reading door.

use std::collections::BTreeSet;
use std::future::Future;

use crate::model::{
    Cursor, DeltaPage, Edits, NamedGroup, News, ObjectId, Removal, Selection, TenantName, Timestamp, WriteError,
};

/// What to do after an error. A property of the error, not of the call site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before somebody has changed something.
    Never,
    /// The same again; not before this instant where the tenant named one.
    Again {
        /// The tenant's own wish (`Retry-After`), bounded by the client.
        not_before: Option<Timestamp>,
    },
    /// The watermark is dead (410, `syncStateNotFound`, `resyncRequired`): the reading starts over.
    StartOver,
    /// It may be there already or not be there yet (a write's answer was lost): look before asking again.
    LookAgain,
}

/// Whose share of a limit is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThrottleScope {
    /// All apps' in this tenant.
    Tenant,
    /// This app's in this tenant.
    TenantApplication,
    /// This app's in all tenants.
    Application,
}

/// Which requests have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThrottledOperations {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Both.
    ReadWrite,
}

/// What a throttled answer says of its limit (`x-ms-throttle-scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Whose share.
    pub scope: ThrottleScope,
    /// Of what.
    pub what: ThrottledOperations,
}

/// How much of a limit is used up, by the tenant's own word (`x-ms-throttle-limit-percentage`): the fullest of those that a
/// write counts for which is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// In thousandths: told from 800 on, throttling begins at 1,000, and 1,800 refuses four of five.
    pub permille: u32,
    /// How full our own requests made the limit of resource units then, in thousandths: writes count for it, too.
    pub reading: u32,
    /// When it was told.
    pub at: Timestamp,
}

/// Why a directory did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tenant}: {doing}: {} ({}){}", detail.message, detail.code, way_out(hint.as_deref()))]
pub struct DirectoryError {
    /// Which tenant.
    pub tenant: TenantName,
    /// What was being done, in words: `reading users`.
    pub doing: String,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Graph's code and message, or the transport's.
    pub detail: WriteError,
    /// The way out, where there is one that a person can take.
    pub hint: Option<String>,
    /// What to do about it.
    pub retry: Retry,
    /// True of 429 and of 503 with `Retry-After`: the whole tenant wants a pause, not only this object.
    pub throttled: bool,
    /// Whose limit it was; `None` where the tenant did not say so, or nothing was throttled. Then it is to be taken for
    /// this app's share in this tenant, and for the kind of request that met it.
    pub throttle: Option<Throttle>,
    /// The `client-request-id` that we sent, `""` where none was.
    pub request_id: String,
}

fn way_out(hint: Option<&str>) -> String {
    hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

impl DirectoryError {
    /// The object is not there (404): deleted, or not yet visible on the replica that answered.
    pub fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }
    /// The directory says itself that there is no such object. A 404 in other words may be a front door's, or that of a
    /// tenant which cannot read its own company information (`Directory_ObjectNotFound`): from those nothing follows.
    pub fn proves_absence(&self) -> bool {
        self.is_not_found() && self.detail.code.eq_ignore_ascii_case("Request_ResourceNotFound")
    }
}

/// What an invitation made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// The account.
    pub account: ObjectId,
    /// What the answer says of it: userPrincipalName, userType, mail, displayName, externalUserState.
    pub learned: Edits,
}

/// What to invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// `invitedUserEmailAddress`.
    pub address: String,
    /// `invitedUserDisplayName`.
    pub display_name: Option<String>,
    /// `invitedUserType`: `Guest` or `Member`.
    pub user_type: String,
}

/// One object write: each is one request, one permit of the meter and one entry of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// `POST /invitations`.
    Invite(Invitation),
    /// `PATCH /users/{id}`; never holds a reference.
    Patch {
        /// The account.
        account: ObjectId,
        /// The fields.
        edits: Edits,
    },
    /// `PUT` or `DELETE /users/{id}/manager/$ref`.
    SetManager {
        /// The account.
        account: ObjectId,
        /// The manager's account in the same tenant, `None` to clear.
        manager: Option<ObjectId>,
    },
    /// `DELETE /users/{id}`.
    Delete {
        /// The account.
        account: ObjectId,
    },
    /// `POST /directory/deletedItems/{id}/restore`.
    Restore {
        /// The account.
        account: ObjectId,
    },
}

/// What a write's answer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The invitation's account.
    Invited(Invited),
    /// Done, and nothing more is said.
    Done,
}

/// What a look at one user shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It stands; every selected attribute is mentioned, null as `Clear` (unlike in a delta page).
    Present(Edits),
    /// It is in deletedItems, or nowhere.
    Removed(Removal),
}

impl Look {
    /// The same as an item of news.
    pub fn news(self) -> News {
        match self {
            Look::Present(edits) => News::Seen(edits),
            Look::Removed(removal) => News::Removed(removal),
        }
    }
}

/// What makes a user an administrator, or could.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// Directory roles, by their names.
    pub roles: Vec<String>,
    /// Groups that directory roles can be given to, by their names.
    pub groups: Vec<String>,
    /// Groups of which the tenant tells nothing but that they are there: any of them may be one of those.
    pub hidden: usize,
}

/// Whose memberships?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOf<'a> {
    /// A user's, by object id.
    User(&'a str),
    /// A group's, by object id: groups may stand in groups.
    Group(&'a str),
}

/// Reading one tenant. Everything that `plan` is given.
pub trait DirectoryRead {
    /// Which tenant this is.
    fn tenant(&self) -> &TenantName;
    /// One page of the users' delta round. `selection` counts only for [`Cursor::Start`]: a link holds its own.
    fn delta_page(
        &self,
        selection: &Selection,
        from: &Cursor,
    ) -> impl Future<Output = Result<DeltaPage, DirectoryError>>;
    /// Looks at users one by one (`GET /users/{id}`, and deletedItems where that is a 404), in the order asked.
    fn look(
        &self,
        selection: &Selection,
        objects: &[ObjectId],
    ) -> impl Future<Output = Vec<Result<Look, DirectoryError>>>;
    /// Users that hold this address as mail, other mail or user principal name, invited or own, with the selected attributes.
    fn find_by_address(
        &self,
        selection: &Selection,
        address: &str,
    ) -> impl Future<Output = Result<Vec<(ObjectId, Edits)>, DirectoryError>>;
    /// The transitive members of a group that are users.
    fn group_members(&self, group: &str) -> impl Future<Output = Result<Vec<ObjectId>, DirectoryError>>;
    /// The groups that a user or a group is in directly.
    fn groups_of(&self, whose: MemberOf<'_>) -> impl Future<Output = Result<Vec<NamedGroup>, DirectoryError>>;
    /// What makes the user an administrator, or could: directly or through groups.
    fn privileges(&self, user: &ObjectId) -> impl Future<Output = Result<Privileges, DirectoryError>>;
    /// Names of the domains that the tenant has shown to be its own, in lower case.
    fn verified_domains(&self) -> impl Future<Output = Result<BTreeSet<String>, DirectoryError>>;
    /// How full the limits of writes are, by the last answer to a write that told it; `None` once a write was carried out
    /// and nothing was told any more. Advice: many tenants never tell.
    fn pressure(&self) -> Option<Pressure> {
        None
    }
    /// Resource units that were spent since the last call, for whoever remembers them over a restart.
    fn take_units(&self) -> u64 {
        0
    }
}

/// Writing one tenant.
pub trait DirectoryWrite: DirectoryRead {
    /// One write, one attempt. `request_id` goes out as `client-request-id` and stands in the change log.
    fn write(&self, request_id: &str, write: &Write) -> impl Future<Output = Result<Written, DirectoryError>>;
}

/// Time.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Comes back at `at` or a little later; at once where that is past.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()>;
}

impl<C: Clock> Clock for &C {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> {
        (**self).sleep_until(at)
    }
}
