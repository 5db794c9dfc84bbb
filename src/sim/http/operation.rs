//! Which operation does a path name, what may do it, and what does it cost?

use serde_json::Value;

use crate::sim::ledger::Kind;

use super::call::Call;

/// Every operation that is simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Delta,
    ListUsers,
    GetUser(String),
    PatchUser(String),
    DeleteUser(String),
    GetManager(String),
    SetManager(String),
    ClearManager(String),
    MemberOf {
        user: String,
        transitive: bool,
        cast: Option<String>,
    },
    ListGroups,
    Group(String),
    Members {
        group: String,
        transitive: bool,
        cast: Option<String>,
    },
    GroupMemberOf {
        group: String,
        transitive: bool,
        cast: Option<String>,
    },
    ListDeleted,
    GetDeleted(String),
    Restore(String),
    PurgeDeleted(String),
    Invite,
    Organization,
    AuthorizationPolicy,
    /// Of the beta version: the directory's size.
    Size,
    AccessPolicy,
    AccessDefault,
    Partner(String),
    PartnerSync(String),
    Batch,
    Unknown,
}

const USER_READERS: &[&str] =
    &["User.Read.All", "User.ReadWrite.All", "User.ReadUpdate.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const USER_WRITERS: &[&str] = &["User.ReadWrite.All", "User.ReadUpdate.All", "Directory.ReadWrite.All"];
const MANAGER_WRITERS: &[&str] = &["User.ReadWrite.All", "Directory.ReadWrite.All"];
const USER_DELETERS: &[&str] = &["User.ReadWrite.All", "User.DeleteRestore.All"];
const INVITERS: &[&str] = &["User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"];
const GROUP_READERS: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const ORGANIZATION_READERS: &[&str] =
    &["Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const ACCESS_READERS: &[&str] = &["Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess"];
const POLICY_READERS: &[&str] = &["Policy.Read.All", "Policy.ReadWrite.Authorization"];

impl Operation {
    pub(super) fn read(call: &Call) -> Operation {
        let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let rest = match parts.as_slice() {
            ["v1.0", rest @ ..] => rest,
            ["beta", "organization"] if call.method == "GET" => return Operation::Size,
            _ => return Operation::Unknown,
        };
        let own = |text: &str| text.to_owned();
        let method = call.method.as_str();
        match (method, rest) {
            ("GET", ["users", "delta" | "microsoft.graph.delta"]) => Operation::Delta,
            ("GET", ["users"]) => Operation::ListUsers,
            ("GET", ["users", id]) => Operation::GetUser(own(id)),
            ("PATCH", ["users", id]) => Operation::PatchUser(own(id)),
            ("DELETE", ["users", id]) => Operation::DeleteUser(own(id)),
            ("GET", ["users", id, "manager"] | ["users", id, "manager", "$ref"]) => Operation::GetManager(own(id)),
            ("PUT", ["users", id, "manager", "$ref"]) => Operation::SetManager(own(id)),
            ("DELETE", ["users", id, "manager", "$ref"]) => Operation::ClearManager(own(id)),
            ("GET", ["users", id, of @ ("memberOf" | "transitiveMemberOf"), cast @ ..]) if cast.len() <= 1 => {
                let cast = cast.first().map(|c| own(c));
                Operation::MemberOf { user: own(id), transitive: *of == "transitiveMemberOf", cast }
            }
            ("GET", ["groups"]) => Operation::ListGroups,
            ("GET", ["groups", id, of @ ("memberOf" | "transitiveMemberOf"), cast @ ..]) if cast.len() <= 1 => {
                let cast = cast.first().map(|c| own(c));
                Operation::GroupMemberOf { group: own(id), transitive: *of == "transitiveMemberOf", cast }
            }
            ("GET", ["groups" | "directoryRoles", id]) => Operation::Group(own(id)),
            ("GET", ["groups" | "directoryRoles", id, of @ ("members" | "transitiveMembers"), cast @ ..])
                if cast.len() <= 1 =>
            {
                let cast = cast.first().map(|c| own(c));
                Operation::Members { group: own(id), transitive: *of == "transitiveMembers", cast }
            }
            ("GET", ["directory", "deletedItems", "microsoft.graph.user"]) => Operation::ListDeleted,
            (_, ["directory", "deletedItems", "microsoft.graph.user", rest @ ..])
            | (_, ["directory", "deletedItems", rest @ ..]) => match (method, rest) {
                ("GET", [id]) => Operation::GetDeleted(own(id)),
                ("POST", [id, "restore" | "microsoft.graph.restore"]) => Operation::Restore(own(id)),
                ("DELETE", [id]) => Operation::PurgeDeleted(own(id)),
                _ => Operation::Unknown,
            },
            ("POST", ["invitations"]) => Operation::Invite,
            ("GET", ["organization"]) => Operation::Organization,
            ("GET", ["policies", "authorizationPolicy"]) => Operation::AuthorizationPolicy,
            ("GET", ["policies", "crossTenantAccessPolicy"]) => Operation::AccessPolicy,
            ("GET", ["policies", "crossTenantAccessPolicy", "default"]) => Operation::AccessDefault,
            ("GET", ["policies", "crossTenantAccessPolicy", "partners", id]) => Operation::Partner(own(id)),
            ("GET", ["policies", "crossTenantAccessPolicy", "partners", id, "identitySynchronization"]) => {
                Operation::PartnerSync(own(id))
            }
            ("POST", ["$batch"]) => Operation::Batch,
            _ => Operation::Unknown,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Operation::Delta => Kind::Delta,
            Operation::ListUsers => Kind::List,
            Operation::GetUser(_) | Operation::GetManager(_) => Kind::Get,
            Operation::PatchUser(_) => Kind::Patch,
            Operation::DeleteUser(_) | Operation::PurgeDeleted(_) => Kind::Delete,
            Operation::SetManager(_) | Operation::ClearManager(_) => Kind::Manager,
            Operation::MemberOf { .. }
            | Operation::GroupMemberOf { .. }
            | Operation::ListGroups
            | Operation::Group(_)
            | Operation::Members { .. } => Kind::Groups,
            Operation::ListDeleted | Operation::GetDeleted(_) => Kind::Deleted,
            Operation::Restore(_) => Kind::Restore,
            Operation::Invite => Kind::Invite,
            Operation::Organization
            | Operation::AuthorizationPolicy
            | Operation::Size
            | Operation::AccessPolicy
            | Operation::AccessDefault
            | Operation::Partner(_)
            | Operation::PartnerSync(_) => Kind::Policy,
            Operation::Batch => Kind::Batch,
            Operation::Unknown => Kind::Other,
        }
    }

    /// Any one of these app roles will do.
    pub(super) fn roles(&self) -> &'static [&'static str] {
        match self {
            Operation::Delta
            | Operation::ListUsers
            | Operation::GetUser(_)
            | Operation::GetManager(_)
            | Operation::MemberOf { .. }
            | Operation::ListDeleted
            | Operation::GetDeleted(_) => USER_READERS,
            Operation::PatchUser(_) => USER_WRITERS,
            Operation::SetManager(_) | Operation::ClearManager(_) => MANAGER_WRITERS,
            Operation::DeleteUser(_) | Operation::Restore(_) => USER_DELETERS,
            Operation::ListGroups
            | Operation::Group(_)
            | Operation::Members { .. }
            | Operation::GroupMemberOf { .. } => GROUP_READERS,
            Operation::Invite => INVITERS,
            Operation::Organization | Operation::Size => ORGANIZATION_READERS,
            Operation::AccessPolicy | Operation::AccessDefault | Operation::Partner(_) | Operation::PartnerSync(_) => {
                ACCESS_READERS
            }
            Operation::AuthorizationPolicy => POLICY_READERS,
            Operation::PurgeDeleted(_) | Operation::Batch | Operation::Unknown => &[],
        }
    }

    /// Whoever may read users but no groups is told of a group that it is there: its type and its id, and nulls.
    pub(super) fn veil(&self, roles: &[String], body: &mut Option<Value>) {
        let listed = matches!(self, Operation::MemberOf { .. } | Operation::GroupMemberOf { .. });
        if !listed || GROUP_READERS.iter().any(|reader| roles.iter().any(|role| role == reader)) {
            return;
        }
        let items = body.as_mut().and_then(|body| body["value"].as_array_mut());
        for item in items.into_iter().flatten().filter(|item| item["@odata.type"] == "#microsoft.graph.group") {
            for (name, value) in item.as_object_mut().into_iter().flatten() {
                if !matches!(name.as_str(), "@odata.type" | "id") {
                    *value = Value::Null;
                }
            }
        }
    }

    /// The object that the path names.
    pub(super) fn object(&self) -> Option<&str> {
        match self {
            Operation::PatchUser(id)
            | Operation::DeleteUser(id)
            | Operation::SetManager(id)
            | Operation::ClearManager(id)
            | Operation::Restore(id)
            | Operation::PurgeDeleted(id) => Some(id),
            _ => None,
        }
    }

    /// It counts as a write: what is not simulated does so, too ("any identity path not listed").
    pub(super) fn asks_for_change(&self, call: &Call) -> bool {
        let kind = self.kind();
        kind.is_write() || (kind == Kind::Other && call.method != "GET")
    }

    /// Resource units, by the table of the throttling page.
    pub(super) fn cost(&self, call: &Call) -> i64 {
        let base = match self {
            Operation::ListUsers | Operation::MemberOf { .. } | Operation::GroupMemberOf { .. } => 2,
            Operation::Members { transitive: false, .. } => 3,
            Operation::Members { transitive: true, .. } => 5,
            _ => 1,
        };
        let small = call.option("$top").and_then(|t| t.parse::<u32>().ok()).is_some_and(|t| t < 20);
        let minus = i64::from(call.option("$select").is_some()) + i64::from(small);
        (base - minus + i64::from(call.option("$expand").is_some())).max(1)
    }
}
