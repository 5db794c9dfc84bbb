//! In which order does it all happen? Observe, draft, guard, apply: doors and decisions meet here, none is taken.

mod adopt;
mod ahead;
mod answers;
mod apply;
mod budgets;
mod bulkheads;
mod draft;
mod explain;
mod follow;
mod guard;
mod impact;
mod joins;
mod lanes;
mod membership;
mod observe;
mod queue;
mod recover;
mod retry;
mod run;
mod saved;
mod schedule;
mod stages;
mod standing;
mod steps;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::sync::watch;

use self::draft::Drafting;
use crate::config::{Config, Route};
use crate::model::{ActionKind, Attribute, Outcome, Person, RouteName, RunId, TenantName, Timestamp};
use crate::plan::{self, Plan, PlannedRoute, Refusal, SavedPlan, Stale, Unkept};
use crate::ports::{Clock, DirectoryError, DirectoryRead};
use crate::store::{Ask, Door, RoutePart, Store, StoreError};

pub use adopt::{Adopted, Adopting, Adoptions, NotAdopted};
pub use ahead::AHEAD_AFTER;
pub use budgets::{Budget, BudgetLeft, Budgets, budgets_left, longest_window_millis, write_windows};
pub use bulkheads::{failures_allowed, probe_seconds, put_off_seconds, rest_seconds};
pub use draft::{RouteSummary, summaries};
pub use explain::{Explained, Followed, InPlan, RouteExplained, TenantRead};
pub use impact::{RulesChanged, Touched};
pub use lanes::Lane;
pub use retry::pause_seconds;
pub use schedule::Tick;
pub use standing::{LaneAhead, Standing, TargetAhead, ahead, standing};

/// What ends a whole cycle.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing can be remembered: no further write may leave.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A tenant could not be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A reading made no sense.
    #[error("{tenant}: {what}")]
    Reading {
        /// Which tenant.
        tenant: TenantName,
        /// What was odd.
        what: String,
    },
    /// Asked for by name, and not there.
    #[error("{0}")]
    NoSuch(String),
    /// Code of ours gave up.
    #[error(
        "{0}: an internal error ended what was under way there; what is not recorded is looked up before anything is asked again\nhint: please report it with the lines before this one"
    )]
    Crashed(TenantName),
}

impl From<Unkept> for EngineError {
    fn from(error: Unkept) -> Self {
        Self::Store(error.into())
    }
}

/// What is left alone for a while, or was.
#[derive(Clone, Debug, PartialEq)]
pub struct Stoppage<Whole, Part> {
    /// Which one.
    pub what: Whole,
    /// Which side of it.
    pub part: Part,
    /// Since when: tells one stoppage from the next.
    pub since: Timestamp,
    /// The code of the error that met one person after the other; empty of tenants.
    pub code: String,
    /// The last error.
    pub reason: String,
}

/// What somebody should hear of who is not watching.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Nothing but faults came from a tenant.
    TenantLeftAlone(Stoppage<TenantName, Door>),
    /// It works again.
    TenantBack(Stoppage<TenantName, Door>),
    /// The same refusal met one person after the other.
    RouteQuarantined(Stoppage<RouteName, RoutePart>),
    /// It works again.
    RouteBack(Stoppage<RouteName, RoutePart>),
    /// The guard wants a person to look first.
    RouteRefused(Refusal),
}

/// Which part of the work?
#[derive(Clone, Debug, Default)]
pub struct Focus {
    /// Only this route.
    pub route: Option<RouteName>,
    /// Only these routes: those for which a schedule has come due.
    pub due: Option<BTreeSet<RouteName>>,
    /// Only this home user (object id or sign-in name).
    pub user: Option<String>,
    /// Read everything anew, whatever the watermarks say.
    pub full: bool,
    /// Read nothing: plan from what is remembered.
    pub offline: bool,
    /// Of what is planned, only what this plan has too.
    pub saved: Option<Arc<SavedPlan>>,
    /// Who has signed that plan: enough approvers, or nobody.
    pub signed_by: Vec<String>,
    /// Nothing is planned: what this run did is taken back.
    pub undo: Option<RunId>,
    /// Tenants that have become so small, and are believed.
    pub shrunken: BTreeSet<TenantName>,
}

impl Focus {
    /// Of a route that is planned, everything is: what is found says something of the route.
    fn takes_whole_routes(&self) -> bool {
        self.user.is_none() && self.saved.is_none() && self.undo.is_none()
    }
}

/// What happens, for progress bars.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A tenant is read from the start, because the rules need attributes that it was not asked for before.
    Anew {
        /// Which tenant.
        tenant: &'a TenantName,
        /// Which attributes.
        attributes: &'a BTreeSet<Attribute>,
    },
    /// A page of a tenant was read.
    Page {
        /// Which tenant.
        tenant: &'a TenantName,
        /// Items on it.
        items: usize,
    },
    /// A tenant was read to the end, or could not be.
    Read {
        /// Which tenant.
        tenant: &'a TenantName,
    },
    /// So many changes are about to be made.
    Applying {
        /// How many.
        changes: usize,
    },
    /// A change reached its end, good or bad.
    Finished {
        /// On which route.
        route: &'a RouteName,
        /// Which kind.
        action: ActionKind,
    },
    /// A write has ended.
    Written {
        /// What was asked.
        ask: &'a Ask,
        /// What came of it.
        outcome: &'a Outcome,
    },
    /// A tenant told us to wait.
    Throttled {
        /// Which tenant.
        tenant: &'a TenantName,
    },
    /// Something that whoever does not watch should hear of.
    Notice(&'a Notice),
    /// How far a long run has come.
    Progress(&'a Report),
    /// A target makes us wait.
    Waiting {
        /// Which tenant.
        tenant: &'a TenantName,
        /// Until when.
        until: Timestamp,
    },
}

/// Everything that a cycle needs, none of it global.
pub struct Cycle<'a, D, C> {
    /// What was configured.
    pub config: &'a Config,
    /// What is remembered.
    pub store: &'a Store,
    /// Time.
    pub clock: &'a C,
    /// A door to each tenant. For a dry run these can only read.
    pub directories: &'a BTreeMap<TenantName, D>,
    /// Which part of the work.
    pub focus: Focus,
    /// So many people has a tenant's first reading told of before anybody is invited ahead of its end: [`AHEAD_AFTER`].
    pub ahead_after: u64,
    /// Makes `client-request-id`s.
    pub request_ids: &'a dyn Fn() -> String,
    /// Hears of progress.
    pub watch: &'a dyn Fn(Event<'_>),
    /// True: finish what is under way, begin nothing.
    pub stop: watch::Receiver<bool>,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Tenants that were not read to the end, with the reason.
    pub unread: BTreeMap<TenantName, String>,
    /// Home tenants whose groups could not be read, with the reason.
    pub groupless: BTreeMap<TenantName, String>,
    /// Users that are in doubt and could not be looked at.
    pub doubtful: BTreeMap<TenantName, u64>,
    /// Tenants that were read from the start, and for the sake of which attributes.
    pub anew: BTreeMap<TenantName, BTreeSet<Attribute>>,
    /// Home tenants' verified domains, where a join hung on them.
    domains: joins::Domains,
}

impl Readings {
    /// Nothing is missing.
    pub fn complete(&self) -> bool {
        self.unread.is_empty() && self.groupless.is_empty() && self.doubtful.is_empty()
    }
    /// The tenant is read anew.
    fn forget(&mut self, tenant: &TenantName) {
        self.unread.remove(tenant);
        self.groupless.remove(tenant);
        self.doubtful.remove(tenant);
        self.domains.borrow_mut().remove(tenant);
    }
    /// Why a route cannot be planned on what was read; `None` where it can.
    fn obstacle(&self, route: &Route) -> Option<String> {
        let name = &route.name;
        let groups = || self.groupless.get(&name.home).filter(|_| !route.groups().is_empty());
        self.unread.get(&name.home).or_else(|| self.unread.get(&name.target)).or_else(groups).cloned()
    }
}

/// A plan, and what kept it from being whole.
#[derive(Clone, Debug, Default)]
pub struct Drafted {
    /// What would be written; after a sync only what was refused still has its changes: the others went into the lanes, and
    /// what came of them stands in the change log.
    pub plan: Plan,
    /// Routes that could not be planned, with the reason.
    pub skipped: BTreeMap<RouteName, String>,
    /// What was read.
    pub readings: Readings,
    /// Whom the edits of the rules since the last sync touch. Only a dry run tells.
    pub rules_changed: Vec<RulesChanged>,
    /// Limits that routes are over.
    pub refusals: Vec<Refusal>,
    /// Changes of a saved plan, or of a run that is taken back, that are not made because things are not what they were.
    pub stale: Vec<Stale>,
    /// `sha256:…` of the plan; empty after a run in which routes were planned one after the other.
    pub digest: String,
    /// `sha256:…` of the routes that the guard refused alone: it stays the same while the other routes go on.
    pub refused_digest: String,
    /// The user who was asked for by name was found; true where none was.
    pub user_known: bool,
}

impl Drafted {
    /// Puts down the digests of what is planned.
    fn seal(&mut self) -> Result<(), Unkept> {
        self.digest = plan::digest(&self.plan)?;
        if self.refused().count() == self.plan.routes.len() {
            self.refused_digest.clone_from(&self.digest);
            return Ok(());
        }
        self.seal_refused()
    }
    /// Puts down the digest of the routes that the guard refused.
    fn seal_refused(&mut self) -> Result<(), Unkept> {
        self.refused_digest = plan::digest_of_routes(self.refused())?;
        Ok(())
    }
    fn refused(&self) -> impl Iterator<Item = &plan::RoutePlan> + Clone {
        self.plan.routes.iter().filter(|r| self.refusals.iter().any(|refusal| refusal.route == r.route))
    }
}

/// One change that did not come to be.
#[derive(Clone, Debug)]
pub struct Failure {
    /// On which route.
    pub route: RouteName,
    /// For whom.
    pub home: Person,
    /// Which kind.
    pub action: ActionKind,
    /// Why.
    pub error: String,
}

/// How a cycle went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The run's number.
    pub run: Option<RunId>,
    /// What was planned.
    pub drafted: Drafted,
    /// Changes made, by route and kind.
    pub applied: BTreeMap<(RouteName, ActionKind), u64>,
    /// Changes that did not come to be.
    pub failed: Vec<Failure>,
    /// Targets that were given up for this cycle, with the reason.
    pub unwritten: BTreeMap<TenantName, String>,
    /// Changes that wait for the next cycle.
    pub waiting: u64,
    /// Those among them that wait for a tenant or a quarantined route to work again.
    pub withheld: BTreeMap<(RouteName, RoutePart), u64>,
    /// Changes that failed before and are not tried yet.
    pub postponed: BTreeMap<RouteName, u64>,
    /// Quarantined parts of routes, with the reason.
    pub quarantined: BTreeMap<(RouteName, RoutePart), String>,
    /// The digest that a person let through, and who signed for it.
    pub approved: Option<(String, Vec<String>)>,
    /// Changes that are due, and that the saved plan does not have: they were left alone.
    pub left_out: u64,
    /// Code of ours gave up somewhere.
    pub crashed: bool,
    /// Somebody asked us to stop.
    pub stopped: bool,
}

impl Report {
    /// Everything that was due was done.
    pub fn complete(&self) -> bool {
        self.drafted.readings.complete()
            && self.drafted.skipped.is_empty()
            && self.drafted.plan.routes.iter().all(|r| r.held.is_empty())
            && self.failed.is_empty()
            && self.drafted.stale.is_empty()
            && self.unwritten.is_empty()
            && self.waiting == 0
            && self.postponed.values().all(|n| *n == 0)
            && self.quarantined.is_empty()
    }
}

impl<D, C: Clock> Cycle<'_, D, C> {
    /// The routes that this cycle is about.
    pub fn routes(&self) -> Vec<Rc<Route>> {
        let wanted = |r: &&Route| {
            let due = self.focus.due.as_ref().is_none_or(|due| due.contains(&r.name));
            due && self.focus.route.as_ref().is_none_or(|only| *only == r.name)
        };
        self.config.routes.iter().filter(wanted).map(|r| Rc::new(r.clone())).collect()
    }
    fn route_names(&self) -> BTreeSet<RouteName> {
        self.routes().iter().map(|r| r.name.clone()).collect()
    }
    fn tenants(&self) -> BTreeSet<TenantName> {
        self.routes().iter().flat_map(|r| [r.name.home.clone(), r.name.target.clone()]).collect()
    }
    fn must_be_known(&self, known: bool) -> Result<(), EngineError> {
        let Some(user) = self.focus.user.as_ref().filter(|_| !known) else { return Ok(()) };
        let hint = "hint: name the object id or user principal name at home";
        Err(EngineError::NoSuch(format!("no home user {user:?} was found\n{hint}")))
    }
    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }
    /// The work's end; `None` where somebody asked us to stop before.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.clone();
        let (work, stopped) = (std::pin::pin!(work), std::pin::pin!(asked_to_stop(&mut stop)));
        match select(work, stopped).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// The dry run: everything that a cycle does up to the writing door.
    ///
    /// # Errors
    /// The store's. What a tenant refuses is part of the answer.
    pub async fn dry_run(&self) -> Result<Drafted, EngineError> {
        let work = async {
            let readings = self.observe_all().await?;
            self.store.forget_claims()?;
            let (only, news_of) = (&self.route_names(), BTreeSet::new());
            let drafting = Drafting { only, news_of, around: None, tells: false, shelf: self.store.shelf() };
            if self.focus.undo.is_some() {
                return self.draft_undo(readings, &drafting);
            }
            let mut drafted = self.draft(readings, drafting).await?;
            self.must_be_known(drafted.user_known)?;
            drafted.rules_changed = self.rules_changed(&drafted)?;
            Ok(drafted)
        };
        // Whoever asked us to stop does not want half a plan.
        self.unless_stopped(work).await.unwrap_or_else(|| Ok(Drafted::default()))
    }
}

/// Comes back once somebody asks us to stop. Where nobody can any more, never.
async fn asked_to_stop(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The planner's view of a configured route.
pub fn planned(route: &Route) -> PlannedRoute {
    plan::PlannedRoute { name: route.name.clone(), rules: route.rules.clone(), ownership: route.ownership.clone() }
}
