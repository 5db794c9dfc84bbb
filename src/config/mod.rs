//! Which tenants, routes and limits are there? `crosstie.toml` and its rule sets, read and checked as one.

mod approval;
mod change_log;
mod cloud;
mod credential;
mod cron_fields;
mod limits;
mod listen;
mod load;
mod notify;
mod ownership;
mod report;
mod rule_tests;
mod schedule;
mod secret;
mod tenant;
mod ticks;
mod topology;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::model::{Attribute, Ownership, RouteName, Selection, TenantName};
use crate::rules::RuleSet;

pub use approval::{Approval, KEY_PREFIX, public_key};
pub use change_log::ChangeLog;
pub use cloud::Cloud;
pub use listen::{Listen, is_loopback, listen_address};
pub use load::{Loaded, digest, load, load_with, name_fault, rules_dir};
pub use notify::{AlertKind, Notify, Webhook};
pub use report::{Located, Report};
pub use rule_tests::{RuleTests, Suite, rule_tests};
pub use secret::{SecretError, environment, read_file};
pub use ticks::delayed;

/// Everything that was configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from.
    pub path: PathBuf,
    /// `sha256:…` over the bytes of that file, as they were read.
    pub digest: String,
    /// The store's file.
    pub store: PathBuf,
    /// When `crosstie run` starts its cycles, for routes that say nothing themselves.
    pub schedule: Schedule,
    /// By how many seconds at most a cycle is put off (see [`delayed`]); 0: not at all.
    pub jitter_seconds: u32,
    /// For every app.
    pub app: AppLimit,
    /// By name.
    pub tenants: BTreeMap<TenantName, Tenant>,
    /// In the order of the file; every pair once.
    pub routes: Vec<Route>,
    /// Who is told of what happens.
    pub notify: Notify,
    /// Where `crosstie run` tells how it is.
    pub listen: Listen,
    /// Who has to sign before much is changed; `None`: nobody.
    pub approval: Option<Approval>,
    /// What becomes of the change log besides the store's own copy.
    pub log: ChangeLog,
}

/// When `crosstie run` starts its cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Five fields, or six with seconds.
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
    /// A certificate and its key.
    Certificate(CertificateSource),
    /// The identity that Azure gives the machine that we run on.
    ManagedIdentity {
        /// Of one that was assigned to the machine; `None` for its own.
        client_id: Option<String>,
    },
}

/// Where a certificate and its key are found, and how they sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSource {
    /// A PEM file with both.
    pub pem: PathBuf,
    /// What the key is encrypted with.
    pub password: Option<SecretSource>,
    /// How assertions are signed.
    pub algorithm: SigningAlgorithm,
}

/// How an assertion is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSA-PSS, the certificate named by its SHA-256: what Microsoft asks for.
    Ps256,
    /// RSA PKCS#1 1.5, the certificate named by its SHA-1: for authorities that know nothing else.
    Rs256,
}

impl SigningAlgorithm {
    /// Its name in the configuration and in a JWT.
    pub fn name(self) -> &'static str {
        match self {
            SigningAlgorithm::Ps256 => "PS256",
            SigningAlgorithm::Rs256 => "RS256",
        }
    }
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
    /// Invitations in any window of `invitations_window_seconds`.
    pub invitations: u32,
    /// That window's length.
    pub invitations_window_seconds: u32,
    /// How much of all of these is ours, in thousandths.
    pub share_permille: u32,
    /// Resource units in any ten seconds. Reads leave a tenth of them to writes.
    pub reads: u32,
}

/// `[limits]`: one app's object writes over all its tenants, in any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppLimit {
    /// Object writes.
    pub writes: u32,
    /// The window's length.
    pub window_seconds: u32,
}

/// A route with its rule sets.
#[derive(Clone, Debug)]
pub struct Route {
    /// Home and target.
    pub name: RouteName,
    /// The first whose scope takes a user has that user.
    pub rules: Vec<Arc<RuleSet>>,
    /// Where it is due at other times than the rest.
    pub schedule: Option<Schedule>,
    /// Which of the target's accounts may be written.
    pub ownership: Ownership,
}

/// What our laws need of every user: who the person is at home, whether the account is theirs, and whether it is blocked.
const LAWFUL: [&str; 6] = [
    Attribute::USER_PRINCIPAL_NAME,
    Attribute::ACCOUNT_ENABLED,
    Attribute::USER_TYPE,
    Attribute::CREATION_TYPE,
    Attribute::EXTERNAL_USER_STATE,
    Attribute::MAIL,
];

fn lawful(more: impl Iterator<Item = Attribute>) -> Selection {
    Selection(LAWFUL.into_iter().map(Attribute::from).chain(more).collect())
}

impl Route {
    /// What must be known of each home user: what the rules read, and what our laws need.
    pub fn home_selection(&self) -> Selection {
        lawful(self.rules.iter().flat_map(|rules| rules.home_attributes()))
    }
    /// What must be known of each account: what the rules compare or write, and what our laws need.
    pub fn target_selection(&self) -> Selection {
        lawful(self.rules.iter().flat_map(|rules| rules.target_attributes()).chain(self.stamp()))
    }
    /// The attribute in which accounts say whose they are.
    fn stamp(&self) -> Option<Attribute> {
        self.ownership.stamping.as_ref().map(|stamping| stamping.attribute.clone())
    }
    /// Groups of the home tenant that the rules name.
    pub fn groups(&self) -> BTreeSet<String> {
        self.rules.iter().flat_map(|rules| rules.groups()).collect()
    }
}

impl Config {
    /// What a tenant is asked for: what the rules of its routes read or write there, and what our laws need.
    pub fn selection(&self, tenant: &TenantName) -> Selection {
        let home = self.leaving(tenant).flat_map(|rules| rules.home_attributes());
        let target = self.entering(tenant).flat_map(|rules| rules.target_attributes());
        lawful(home.chain(target).chain(self.stamps(tenant)))
    }
    /// Attributes by whose values this tenant's accounts are looked up: mail, those of some `[[match]]`, those for which a
    /// value is chosen that nobody else has, and the stamp. None where no route enters it: nobody's account is there.
    pub fn key_attributes(&self, tenant: &TenantName) -> BTreeSet<Attribute> {
        let keys = |rules: &Arc<RuleSet>| {
            let matched = rules.matches.iter().map(|m| m.target.clone());
            matched.chain(rules.unique_attributes()).collect::<Vec<_>>()
        };
        let own = self.entering(tenant).flat_map(keys).chain(self.stamps(tenant));
        let is_target = self.routes.iter().any(|route| route.name.target == *tenant);
        own.chain(is_target.then(|| Attribute::from(Attribute::MAIL))).collect()
    }
    /// The attribute in which this tenant's accounts say whose they are.
    fn stamps(&self, tenant: &TenantName) -> impl Iterator<Item = Attribute> {
        self.routes.iter().filter(move |r| r.name.target == *tenant).filter_map(Route::stamp)
    }
    /// Accounts of this tenant that are never written; nobody's where no route enters it.
    pub fn protected(&self, tenant: &TenantName) -> impl Iterator<Item = &str> {
        self.routes.iter().find(|r| r.name.target == *tenant).into_iter().flat_map(|r| r.ownership.protected.entries())
    }
    /// Groups of this tenant whose members some scope asks for.
    pub fn home_groups(&self, tenant: &TenantName) -> BTreeSet<String> {
        self.leaving(tenant).flat_map(|rules| rules.groups()).collect()
    }
    /// The route of that name.
    pub fn route(&self, name: &RouteName) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == *name)
    }
    /// Rule sets of the routes that leave this tenant.
    fn leaving(&self, tenant: &TenantName) -> impl Iterator<Item = &Arc<RuleSet>> {
        self.routes.iter().filter(move |r| r.name.home == *tenant).flat_map(|r| &r.rules)
    }
    /// Rule sets of the routes that enter this tenant.
    fn entering(&self, tenant: &TenantName) -> impl Iterator<Item = &Arc<RuleSet>> {
        self.routes.iter().filter(move |r| r.name.target == *tenant).flat_map(|r| &r.rules)
    }
}
