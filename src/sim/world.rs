//! Which tenants are there, and what may a test do to them?
//!
//! A [`World`] is shared by the HTTP face and by tests: both take its one lock for the length of a request or an edit,
//! never across an `await`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;

use super::admin::Directory;
use super::ledger::{Counts, Entry, Ledger};
use super::limits::{Everywhere, Limit, LimitName};
use super::meters::EverywhereMeters;
use super::tenant::{Tenant, TenantSpec, seeded};
use crate::model::Timestamp;

/// Where the world's time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What can go wrong outside the simulated laws.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file says what no tenant can be.
    #[error("{}: {problem}", path.display())]
    Content {
        /// Which file, with the line where one is to blame.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No such tenant, user, group, or a value that does not fit.
    #[error("{0}")]
    Edit(String),
}

/// Several simulated tenants.
pub struct World {
    clock: Clock,
    pub(super) state: Mutex<Reality>,
    /// Bytes of the bodies that were answered.
    sent: AtomicU64,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// Everything that the lock guards.
pub(super) struct Reality {
    pub(super) seed: u64,
    pub(super) tenants: BTreeMap<String, Tenant>,
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) ledger: Ledger,
    pub(super) rng: ChaCha8Rng,
    /// What each app has done in all tenants together.
    pub(super) app_meters: BTreeMap<String, EverywhereMeters>,
    pub(super) everywhere: Everywhere,
    /// Requests that were refused, by limit, tenant and app.
    pub(super) throttled: BTreeMap<(LimitName, String, String), u64>,
    /// Where links point to, where the request's own host shall not count.
    pub(super) base_url: Option<String>,
    /// The folder that it was loaded from, or saved to.
    pub(super) folder: Option<PathBuf>,
}

/// What a bearer token stands for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) tenant: String,
    pub(super) client_id: String,
    pub(super) roles: Vec<String>,
    pub(super) expires_at: Timestamp,
}

impl World {
    /// An empty world.
    pub fn new(clock: Clock, seed: u64) -> Self {
        let reality = Reality {
            seed,
            tenants: BTreeMap::new(),
            grants: BTreeMap::new(),
            ledger: Ledger::default(),
            rng: seeded(seed, ""),
            app_meters: BTreeMap::new(),
            everywhere: Everywhere::default(),
            throttled: BTreeMap::new(),
            base_url: None,
            folder: None,
        };
        World { clock, state: Mutex::new(reality), sent: AtomicU64::new(0) }
    }
    /// The world's time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
    pub(super) fn lock(&self) -> MutexGuard<'_, Reality> {
        // A panic of one test thread must not hide what the next one would have found.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new, empty tenant. One of the same name is replaced.
    pub fn add_tenant(&self, name: &str, spec: TenantSpec) {
        let mut state = self.lock();
        let tenant = Tenant::new(name, spec, state.seed);
        state.tenants.insert(name.to_owned(), tenant);
    }
    /// The names of the tenants, in order.
    pub fn tenants(&self) -> Vec<String> {
        self.lock().tenants.keys().cloned().collect()
    }
    /// Edits of one tenant, as its own admin would make them.
    pub fn tenant(&self, name: &str) -> Directory<'_> {
        Directory { world: self, name: name.to_owned() }
    }
    /// The write requests seen so far, in order.
    pub fn ledger(&self) -> Vec<Entry> {
        self.ledger_since(None, 0)
    }
    /// The write requests with a number above `since`, of one tenant or of all.
    pub fn ledger_since(&self, tenant: Option<&str>, since: u64) -> Vec<Entry> {
        self.lock().ledger.read(tenant, since).cloned().collect()
    }
    /// How many requests of each kind each tenant has seen, reads included.
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        self.lock().ledger.counts().clone()
    }
    /// Bytes of all bodies that were answered, those of control requests left out.
    pub fn traffic(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
    pub(super) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
    /// The writes of one app over all tenants (default 35,000 in 5 minutes).
    pub fn limit_apps(&self, limit: Limit) {
        self.limit(LimitName::EverywhereWrites, limit);
    }
    /// Scheme and host of all links; `None` = the host that the request names.
    pub fn set_base_url(&self, root: Option<&str>) {
        self.lock().base_url = root.map(|r| r.trim_end_matches('/').to_owned());
    }
    /// Every bearer token is void from now on.
    pub fn void_tokens(&self) {
        self.lock().grants.clear();
    }
}
