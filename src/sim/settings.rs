//! How does this tenant behave where real ones differ, or misbehave?

use serde::{Deserialize, Serialize};

use super::limits::{Foreign, Limits};
use super::policies::Policies;

/// Everything that can be set on one tenant while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Users on a delta page. Real tenants choose it, and do not say.
    pub page_size: usize,
    /// Shapes and shifts of delta rounds.
    pub delta: DeltaSettings,
    /// How far replicas stay behind.
    pub lag: Lag,
    /// What becomes of invitations.
    pub invitations: InvitationSettings,
    /// Sliding windows.
    pub limits: Limits,
    /// Other apps in the same tenant.
    pub foreign: Foreign,
    /// The status of a token refusal with `invalid_client`: documented as 400, recorded as 401.
    pub invalid_client_status: u16,
    /// What its bearer tokens look like.
    pub tokens: TokenShape,
    /// Cross-tenant access settings, and the directory's size.
    pub policies: Policies,
}

/// What bearer tokens look like. Nobody verifies their signature but the tenant that gave them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenShape {
    /// As real ones: a JWT with `tid`, `aud`, `exp` and `roles`.
    #[default]
    Jwt,
    /// A text that nothing can be read from.
    Opaque,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            page_size: 100,
            delta: DeltaSettings::default(),
            lag: Lag::default(),
            invitations: InvitationSettings::default(),
            limits: Limits::default(),
            foreign: Foreign::default(),
            invalid_client_status: 401,
            tokens: TokenShape::default(),
            policies: Policies::default(),
        }
    }
}

/// Shapes and shifts of delta rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeltaSettings {
    /// Tell cleared properties as null in a first round too. Real first rounds leave them out.
    pub first_round_nulls: bool,
    /// Tell soft-deleted users as `@removed` in a first round too.
    pub first_round_removed: bool,
    /// The chance that a page is empty and only leads on. Never two in a row.
    pub empty_page_chance: f64,
    /// The chance, per user, that the next page repeats it.
    pub duplicate_chance: f64,
    /// Shuffle each page.
    pub reorder: bool,
    /// Tell the last so many changes again in each round that resumes.
    pub replay: usize,
    /// How long a link lives. Directory objects: 7 days.
    pub token_days: u64,
    /// The status of an expired link: 400 by the announcement of 2020, 410 elsewhere.
    pub expired_status: u16,
}

impl Default for DeltaSettings {
    fn default() -> Self {
        DeltaSettings {
            first_round_nulls: false,
            first_round_removed: true,
            empty_page_chance: 0.0,
            duplicate_chance: 0.0,
            reorder: false,
            replay: 0,
            token_days: 7,
            expired_status: 410,
        }
    }
}

/// How far replicas stay behind. Each changed object draws its own lag between the two bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lag {
    /// Least lag of a change, in milliseconds.
    pub min_millis: u64,
    /// Greatest lag of a change, in milliseconds; 0 = none.
    pub max_millis: u64,
    /// Do `GET`s and lists show the lagging state as well, or delta rounds only?
    pub reads: bool,
    /// So long after an invitation, every request on the new account answers 404.
    pub created_millis: u64,
}

/// What becomes of invitations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationSettings {
    /// `allowInvitesFrom` of the authorization policy. Anything but `everyone` and `adminsGuestInvitersAndAllMembers`
    /// refuses an app (observed, not documented).
    pub allow_from: String,
    /// Domains that cross-tenant access settings block; `"*"` = all.
    pub blocked_domains: Vec<String>,
    /// Answer 201, and make nothing.
    pub silent: bool,
    /// Guests count as redeemed at once.
    pub redeemed: bool,
}

impl Default for InvitationSettings {
    fn default() -> Self {
        InvitationSettings {
            allow_from: "everyone".to_owned(),
            blocked_domains: Vec::new(),
            silent: false,
            redeemed: false,
        }
    }
}
