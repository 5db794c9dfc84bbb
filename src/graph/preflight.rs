//! What does a tenant say before anything is done in it? Questions about its settings, each asked once.
//!
//! These are the questions of `crosstie doctor`. No try is repeated: how it stands now is what is asked.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::Selection;
use crate::ports::{Clock, DirectoryError};

use super::claims::Claims;
use super::client::{BODY_BYTES_MAX, Call, GraphClient, PAGE_BYTES_MAX};
use super::error::{Asking, GraphError};
use super::origin::{GraphPath, LinkError};
use super::retry::Operation;
use super::transport::Transport;
use super::wire::{PageError, Plan};

/// What a tenant is, by its own words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its GUID.
    pub id: String,
    /// Its domains that are verified.
    #[serde(default)]
    pub verified_domains: Vec<VerifiedDomain>,
}

/// A domain that a tenant has shown to be its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDomain {
    /// Its name.
    pub name: String,
    /// The one that the tenant was born with.
    #[serde(default)]
    pub is_initial: bool,
}

/// How large a directory is, in objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct DirectorySize {
    /// Objects that count, deleted ones included.
    pub used: u64,
    /// As many as it may hold.
    pub total: u64,
}

/// Who a setting lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody, to every application.
    Everybody,
    /// Some people, or some applications.
    Some,
    /// Nobody.
    Nobody,
}

/// What a tenant allows another one, as far as it is said at this level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// B2B collaboration, from there to here.
    pub inbound: Option<Reach>,
    /// B2B collaboration, from here to there.
    pub outbound: Option<Reach>,
    /// People from there redeem their invitations without being asked.
    pub redeems_inbound: Option<bool>,
    /// People from here do so there.
    pub redeems_outbound: Option<bool>,
}

impl Access {
    /// Where this level says nothing, what `other` says.
    #[must_use]
    pub fn or(self, other: Access) -> Access {
        Access {
            inbound: self.inbound.or(other.inbound),
            outbound: self.outbound.or(other.outbound),
            redeems_inbound: self.redeems_inbound.or(other.redeems_inbound),
            redeems_outbound: self.redeems_outbound.or(other.redeems_outbound),
        }
    }
}

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sized {
    directory_size_quota: Option<DirectorySize>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    allow_invites_from: String,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessPolicy {
    #[serde(default)]
    allowed_cloud_endpoints: Vec<String>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessBody {
    b2b_collaboration_inbound: Option<Side>,
    b2b_collaboration_outbound: Option<Side>,
    automatic_user_consent_settings: Option<Consent>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consent {
    inbound_allowed: Option<bool>,
    outbound_allowed: Option<bool>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Side {
    users_and_groups: Option<Targets>,
    applications: Option<Targets>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    access_type: String,
    #[serde(default)]
    targets: Vec<Target>,
}
#[derive(Deserialize)]
struct Target {
    target: String,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Synchronization {
    user_sync_inbound: Option<SyncInbound>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncInbound {
    #[serde(default)]
    is_sync_allowed: bool,
}

impl Targets {
    /// `allowed` for all, `blocked` for all, or something for some: a list that allows some blocks the others.
    fn reach(&self) -> Reach {
        let all = ["AllUsers", "AllApplications"];
        let everybody = self.targets.iter().any(|t| all.iter().any(|name| t.target.eq_ignore_ascii_case(name)));
        match (self.access_type.eq_ignore_ascii_case("allowed"), everybody) {
            (true, true) => Reach::Everybody,
            (false, true) => Reach::Nobody,
            (_, false) => Reach::Some,
        }
    }
}

impl Side {
    fn reach(&self) -> Option<Reach> {
        let parts = [&self.users_and_groups, &self.applications];
        let told: Vec<Reach> = parts.into_iter().flatten().map(Targets::reach).collect();
        let any = |reach: Reach| told.contains(&reach);
        match () {
            () if told.is_empty() => None,
            () if any(Reach::Nobody) => Some(Reach::Nobody),
            () if any(Reach::Some) => Some(Reach::Some),
            () => Some(Reach::Everybody),
        }
    }
}

impl From<AccessBody> for Access {
    fn from(body: AccessBody) -> Self {
        let consent = body.automatic_user_consent_settings.as_ref();
        Access {
            inbound: body.b2b_collaboration_inbound.as_ref().and_then(Side::reach),
            outbound: body.b2b_collaboration_outbound.as_ref().and_then(Side::reach),
            redeems_inbound: consent.and_then(|c| c.inbound_allowed),
            redeems_outbound: consent.and_then(|c| c.outbound_allowed),
        }
    }
}

const fn asking(doing: &'static str, permission: &'static str) -> Asking {
    Asking { doing, operation: Operation::Read, permission, body_bytes_max: BODY_BYTES_MAX }
}
const TOKEN: Asking = asking("asking for a token", "");
const ORGANIZATION: Asking = asking("reading the tenant's domains", "Organization.Read.All");
const SIZE: Asking = asking("reading the directory's size", "Organization.Read.All");
const INVITATIONS: Asking = asking("reading who may invite", "Policy.Read.All");
const ACCESS: Asking = asking("reading cross-tenant access settings", "Policy.Read.All");
const USERS: Asking = Asking { body_bytes_max: PAGE_BYTES_MAX, ..asking("reading a page of users", "User.Read.All") };

const ACCOUNTS: Asking = asking("looking for protected accounts", "User.Read.All");
const NAMED_GROUPS: Asking = asking("looking for groups that rules name", "GroupMember.Read.All");

/// Graph's version that tells the directory's size; v1.0 does not have it.
const BETA: &str = "beta";
const ACCESS_POLICY: [&str; 2] = ["policies", "crossTenantAccessPolicy"];

impl<T: Transport, C: Clock> GraphClient<T, C> {
    /// Gets a token, and tells its claims; `None` of one that cannot be read.
    pub async fn token_claims(&self) -> Result<Option<Claims>, DirectoryError> {
        self.claims().await.map_err(|error| self.told(error.into(), TOKEN, ""))
    }
    /// How far ahead of ours the tenant's clock was when it last answered, in milliseconds; good to a second. `None` where
    /// its answers had no date.
    pub fn clock_ahead_millis(&self) -> Option<i64> {
        self.clock_ahead.get()
    }
    /// What the tenant is.
    pub async fn organization(&self) -> Result<Organization, DirectoryError> {
        let query = [("$select", "id,verifiedDomains")];
        let list: List<Organization> = self.ask(ORGANIZATION, self.origin().build(&["organization"], &query)).await?;
        self.only(list, ORGANIZATION)
    }
    /// The same where something hangs on it: tried again like every reading.
    pub(super) async fn organization_for_sure(&self) -> Result<Organization, DirectoryError> {
        let url = self.origin().build(&["organization"], &[("$select", "id,verifiedDomains")]);
        let url = url.map_err(|error| self.told(error.into(), ORGANIZATION, ""))?;
        let (body, id) = self.read(ORGANIZATION, url).await?;
        let list = serde_json::from_slice(&body);
        let list =
            list.map_err(|_| self.told(PageError::new("an answer of another shape").into(), ORGANIZATION, &id))?;
        self.only(list, ORGANIZATION)
    }
    /// How large the directory is; `None` where the tenant does not tell.
    pub async fn directory_size(&self) -> Result<Option<DirectorySize>, DirectoryError> {
        let query = [("$select", "id,directorySizeQuota")];
        let list = self.ask(SIZE, self.origin().build_in(BETA, &["organization"], &query)).await?;
        self.only(list, SIZE).map(|sized: Sized| sized.directory_size_quota)
    }
    /// `allowInvitesFrom` of the authorization policy.
    pub async fn allow_invites_from(&self) -> Result<String, DirectoryError> {
        let url = self.origin().build(&["policies", "authorizationPolicy"], &[]);
        self.ask(INVITATIONS, url).await.map(|policy: Authorization| policy.allow_invites_from)
    }
    /// Other clouds that B2B collaboration is open to, by Microsoft's names of them.
    pub async fn allowed_clouds(&self) -> Result<Vec<String>, DirectoryError> {
        let policy: AccessPolicy = self.ask(ACCESS, self.origin().build(&ACCESS_POLICY, &[])).await?;
        Ok(policy.allowed_cloud_endpoints)
    }
    /// What the tenant allows the tenant of that id, its settings for all others included.
    pub async fn access_of(&self, partner: &str) -> Result<Access, DirectoryError> {
        let [policies, policy] = ACCESS_POLICY;
        let all: AccessBody = self.ask(ACCESS, self.origin().build(&[policies, policy, "default"], &[])).await?;
        let url = self.origin().build(&[policies, policy, "partners", partner], &[]);
        let own = match self.ask::<AccessBody>(ACCESS, url).await {
            Ok(own) => own.into(),
            Err(error) if error.is_not_found() => Access::default(),
            Err(error) => return Err(error),
        };
        Ok(own.or(all.into()))
    }
    /// May the tenant of that id write people into this one by Microsoft's own cross-tenant synchronization?
    pub async fn allows_sync_from(&self, partner: &str) -> Result<bool, DirectoryError> {
        let [policies, policy] = ACCESS_POLICY;
        let url = self.origin().build(&[policies, policy, "partners", partner, "identitySynchronization"], &[]);
        match self.ask::<Synchronization>(ACCESS, url).await {
            Ok(told) => Ok(told.user_sync_inbound.is_some_and(|sync| sync.is_sync_allowed)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
    /// Of accounts by object id or user principal name, those of which the tenant says itself that they are not there.
    pub async fn absent_accounts<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<&'n str>, DirectoryError> {
        self.absent(ACCOUNTS, "users", names.collect()).await
    }
    /// The same of groups, by object id.
    pub async fn absent_groups<'n>(&self, ids: impl Iterator<Item = &'n str>) -> Result<Vec<&'n str>, DirectoryError> {
        self.absent(NAMED_GROUPS, "groups", ids.collect()).await
    }
    async fn absent<'n>(&self, asking: Asking, set: &str, names: Vec<&'n str>) -> Result<Vec<&'n str>, DirectoryError> {
        let url = |name: &&str| self.origin().build(&[set, name], &[("$select", "id")]);
        let urls: Result<Vec<GraphPath>, LinkError> = names.iter().map(url).collect();
        let urls = urls.map_err(|error| self.told(error.into(), asking, ""))?;
        let mut absent = Vec::new();
        for (name, answer) in names.into_iter().zip(self.read_many(asking, &urls).await) {
            match answer {
                Ok(_) => {}
                Err(error) if error.proves_absence() => absent.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(absent)
    }
    /// Reads one user with these attributes: whether the listing of users answers at all.
    pub async fn users_readable(&self, selection: &Selection) -> Result<(), DirectoryError> {
        let select = Plan::new(selection).select();
        let url = self.origin().build(&["users"], &[("$select", &select), ("$top", "1")]);
        self.ask(USERS, url).await.map(|_: List<serde::de::IgnoredAny>| ())
    }

    async fn ask<B: DeserializeOwned>(
        &self,
        asking: Asking,
        url: Result<GraphPath, LinkError>,
    ) -> Result<B, DirectoryError> {
        let id = self.next_id();
        let asked = async {
            let answer = self.once(&Call::get(url?, asking.body_bytes_max), &id).await?;
            let body: Bytes = answer.into_body();
            // The parser's own words could quote what stands there.
            serde_json::from_slice(&body).map_err(|_| GraphError::from(PageError::new("an answer of another shape")))
        };
        asked.await.map_err(|error| self.told(error, asking, &id))
    }

    fn only<B>(&self, list: List<B>, asking: Asking) -> Result<B, DirectoryError> {
        let missing = || self.told(PageError::new("no organization in the answer").into(), asking, "");
        list.value.into_iter().next().ok_or_else(missing)
    }
}
