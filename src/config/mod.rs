//! Which tenants, routes and limits are there? `crosstie.toml` and its rule sets, read and checked as one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::model::{RouteName, Selection, TenantName};
use crate::rules::RuleSet;

/// Everything that was configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from.
    pub path: PathBuf,
    /// The store's file.
    pub store: PathBuf,
    /// For `crosstie run`.
    pub schedule: Schedule,
    /// By name.
    pub tenants: BTreeMap<TenantName, Tenant>,
    /// In the order of the file; every pair once.
    pub routes: Vec<Route>,
}

/// When `crosstie run` starts its cycles.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Five or six fields.
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
}

/// One directory.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The key.
    pub name: TenantName,
    /// Its GUID.
    pub id: String,
    /// The app's id in it.
    pub client_id: String,
    /// How the app proves itself. References only: no secret is held here.
    pub credential: Credential,
    /// `inviteRedirectUrl` when this tenant is a target.
    pub redirect_url: String,
    /// Root of the token endpoint.
    pub authority: Url,
    /// Root of Graph, without the version.
    pub graph: Url,
    /// How fast we may write.
    pub limits: Limits,
}

/// Where a credential is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A client secret.
    Secret(SecretSource),
    /// A token that another identity provider wrote to a file; read anew for every token request.
    FederatedToken(PathBuf),
}

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; trailing line ends are cut.
    File(PathBuf),
}

/// `[tenants.NAME.limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Object writes in any window of `window_seconds`.
    pub writes: u32,
    /// The window's length.
    pub window_seconds: u32,
    /// Object writes in any hour.
    pub writes_per_hour: u32,
}

/// A route with its rule sets.
#[derive(Clone, Debug)]
pub struct Route {
    /// Home and target.
    pub name: RouteName,
    /// The first whose scope takes a user has that user.
    pub rules: Vec<Arc<RuleSet>>,
}

impl Config {
    /// What a tenant is asked for: what the rules of its routes read or write there, and what our laws need.
    pub fn selection(&self, _tenant: &TenantName) -> Selection {
        todo!()
    }
}
