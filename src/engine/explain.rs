//! Why is this user treated so, and what becomes of it in the whole plan?

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::draft::Drafting;
use super::lanes::Job;
use super::membership::{self, Way};
use super::queue::{self, Queue};
use super::{Cycle, Drafted, EngineError, Focus, Readings, planned, write_windows};
use crate::config::Route;
use crate::model::{Action, ActionKind, Change, ObjectId, Origin, Person, RouteName, TenantName, Timestamp};
use crate::plan::explain::{CandidateSeen, Explanation, GroupSeen, Holder, Outcome};
use crate::plan::{self, Case, Due, RoutePlan, Unkept};
use crate::ports::{Clock, DirectoryRead};
use crate::quota;
use crate::store::{LogEntry, State, StoreError};

/// Entries of the change log that are told of one user on one route: the last life of an account fits.
const ENTRIES_SHOWN: usize = 5;

/// What is told of one person.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explained {
    /// As asked for.
    pub user: String,
    /// Nothing was read: it is told from what is remembered.
    pub offline: bool,
    /// The tenants that it rests on.
    pub tenants: Vec<TenantRead>,
    /// Accounts that were named instead of home users.
    pub followed: Vec<Followed>,
    /// In the order of the configuration.
    pub routes: Vec<RouteExplained>,
    /// Every tenant was read, and every route of the person planned.
    pub complete: bool,
}

/// How far a tenant has been read.
#[derive(Clone, Debug, Serialize)]
pub struct TenantRead {
    /// Its name.
    pub tenant: TenantName,
    /// End of the last reading that ran to its end, RFC 3339.
    pub read_at: Option<String>,
    /// Why it could not be read now.
    pub fault: Option<String>,
}

/// An account that was named, and whose it is.
#[derive(Clone, Debug, Serialize)]
pub struct Followed {
    /// Where the account is.
    pub tenant: TenantName,
    /// Its object id.
    pub account: String,
    /// The route of the link.
    pub route: String,
    /// The home user.
    pub home: Person,
}

/// One route for the person.
#[derive(Clone, Debug, Serialize)]
pub struct RouteExplained {
    /// What was weighed for this user alone.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// What becomes of it in the whole plan.
    pub plan: InPlan,
    /// How the last cycle left it, where that was not settled.
    pub unsettled: Option<State>,
    /// The last entries of the change log, the oldest first.
    pub log: Vec<LogEntry>,
}

/// What the whole plan makes of a decision.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InPlan {
    /// The change that stands in the plan.
    pub action: Option<ActionKind>,
    /// Held, by the decision itself or by what the whole plan shows.
    pub held: Option<String>,
    /// Nothing of the route is planned, or not this, because …
    pub not_planned: Option<String>,
    /// Limits of the guard that the route is over: none of its changes is written.
    pub refused: Vec<String>,
    /// The lane in which the change waits: `leavers`, `restores`, `updates`, `joins`, `provisions`, `references`.
    pub lane: Option<&'static str>,
    /// Changes of this plan that the target gets before it.
    pub before_it: Option<u64>,
    /// Object writes that it takes.
    pub writes: u64,
    /// Whole seconds that the target's quota makes it take until it is done, at the least.
    pub eta_seconds: Option<u64>,
    /// What may still come between.
    pub note: Option<&'static str>,
}

impl Explained {
    /// Somebody has to decide.
    pub fn is_held(&self) -> bool {
        self.routes.iter().any(|r| r.plan.held.is_some())
    }
    /// The guard keeps a change of this person from being made.
    pub fn is_refused(&self) -> bool {
        self.routes.iter().any(|r| r.plan.action.is_some() && !r.plan.refused.is_empty())
    }
}

/// A home user on a route.
struct Seat {
    route: Route,
    home: ObjectId,
}

/// What is remembered of it.
struct Gathered {
    case: Case,
    unsettled: Option<State>,
    log: Vec<LogEntry>,
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Reads as a dry run does, and tells everything about one person: object id or sign-in name of a home user, or of
    /// an account of one.
    ///
    /// # Errors
    /// Nobody of that name; the store's. What a tenant refuses is part of the answer.
    pub async fn explain_user(&self, user: &str) -> Result<Explained, EngineError> {
        let work = async {
            let readings = self.observe_all().await?;
            self.tell(user, readings).await
        };
        self.unless_stopped(work).await.unwrap_or_else(|| Ok(Explained::default()))
    }

    async fn tell(&self, user: &str, readings: Readings) -> Result<Explained, EngineError> {
        let (seats, followed) = self.seats(user)?;
        if seats.is_empty() {
            return Err(self.nobody(user, &readings)?);
        }
        let tenants = self.tenants_read(&seats, &readings)?;
        // Gathered before the draft, which remembers what it learns: this is how things stand before the next cycle.
        let gathered = seats.iter().map(|seat| self.gather(seat)).collect::<Result<Vec<_>, _>>()?;
        let mut drafted = self.draft_everybody(readings).await?;
        let weighed = seats.iter().zip(gathered).map(|(seat, gathered)| self.weigh(seat, gathered));
        let mut routes = weighed.collect::<Result<Vec<_>, _>>()?;
        let places: Vec<InPlan> = seats.iter().map(|seat| self.place(seat, &drafted)).collect::<Result<_, _>>()?;
        for route in &mut drafted.plan.routes {
            let asked = |id: &ObjectId| seats.iter().any(|s| s.route.name == route.route && s.home == *id);
            route.changes.retain(|due| asked(&due.change.home.id))?;
        }
        if !self.focus.offline {
            self.hold_unfit_joins(&mut drafted.plan, &drafted.readings.domains).await?;
        }
        for ((seat, told), place) in seats.iter().zip(&mut routes).zip(places) {
            told.plan = self.in_plan(seat, &told.explanation, place, &drafted)?;
        }
        self.find_ways(&seats, &mut routes).await?;
        let planned = seats.iter().all(|seat| !drafted.skipped.contains_key(&seat.route.name));
        let complete = planned && tenants.iter().all(|t| t.fault.is_none());
        Ok(Explained { user: user.to_owned(), offline: self.focus.offline, tenants, followed, routes, complete })
    }

    /// The routes on which the person is somebody. An account leads back to its home user, and to that route alone.
    fn seats(&self, user: &str) -> Result<(Vec<Seat>, Vec<Followed>), EngineError> {
        let routes = self.routes();
        let mut wanted: BTreeSet<(RouteName, ObjectId)> = BTreeSet::new();
        let mut followed = Vec::new();
        for tenant in self.tenants() {
            let Some(object) = self.store.find_user(&tenant, user)? else { continue };
            let link = self.store.whose(&tenant, &object)?;
            if let Some((route, home)) = link.filter(|(route, _)| routes.iter().any(|r| r.name == *route)) {
                let account = object.to_string();
                let told =
                    Followed { tenant, account, route: route.to_string(), home: self.person(&route.home, &home)? };
                followed.push(told);
                wanted.insert((route, home));
                continue;
            }
            let from_here = routes.iter().filter(|r| r.name.home == tenant);
            wanted.extend(from_here.map(|r| (r.name.clone(), object.clone())));
        }
        let of_route = |route: &Route| -> Vec<Seat> {
            let here = wanted.iter().filter(|(name, _)| *name == route.name);
            here.map(|(_, home)| Seat { route: route.clone(), home: home.clone() }).collect()
        };
        Ok((routes.iter().flat_map(|route| of_route(route)).collect(), followed))
    }

    fn person(&self, tenant: &TenantName, user: &ObjectId) -> Result<Person, StoreError> {
        let known = self.store.observed(tenant, user)?;
        let name = known.map(|o| o.user_principal_name().to_owned()).unwrap_or_default();
        Ok(Person { id: user.clone(), user_principal_name: name })
    }

    /// Nobody is found: where was looked, and who might be meant.
    fn nobody(&self, user: &str, readings: &Readings) -> Result<EngineError, StoreError> {
        let (mut names, mut meant, mut strangers) = (Vec::new(), None, Vec::new());
        for tenant in self.tenants() {
            if self.store.find_user(&tenant, user)?.is_some() {
                strangers.push(tenant.to_string());
            }
            self.store.names(&tenant, |name, mail| {
                let is_short = name.split('@').next().is_some_and(|first| first.eq_ignore_ascii_case(user));
                if meant.is_none() && (is_short || mail.eq_ignore_ascii_case(user)) {
                    meant = Some(name.to_owned());
                }
                names.push(name.to_owned());
            })?;
        }
        let meant =
            meant.as_deref().or_else(|| crate::rules::diagnostic::nearest(user, names.iter().map(String::as_str)));
        let tenants: Vec<String> = self.tenants().iter().map(ToString::to_string).collect();
        let mut what = format!("no user {user:?} was found in {}", tenants.join(", "));
        if !strangers.is_empty() {
            let there = strangers.join(", ");
            what = format!("{user:?} is an account in {there} that is no home user's, and no route leads from there");
        }
        for (tenant, why) in &readings.unread {
            what += &format!("\n{tenant} could not be read: {why}");
        }
        let hint = meant.filter(|_| strangers.is_empty()).map_or_else(
            || "name the object id or user principal name of a home user, or of its account".to_owned(),
            |name| format!("did you mean {name:?}?"),
        );
        Ok(EngineError::NoSuch(format!("{what}\nhint: {hint}")))
    }

    /// The tenants of the person's routes. Groups count at home, where rules name them.
    fn tenants_read(&self, seats: &[Seat], readings: &Readings) -> Result<Vec<TenantRead>, StoreError> {
        let by_groups = seats.iter().filter(|s| !s.route.groups().is_empty());
        let homes: BTreeSet<&TenantName> = by_groups.map(|s| &s.route.name.home).collect();
        let all: BTreeSet<&TenantName> =
            seats.iter().flat_map(|s| [&s.route.name.home, &s.route.name.target]).collect();
        let read = |tenant: &TenantName| {
            let groups = readings.groupless.get(tenant).filter(|_| homes.contains(tenant));
            let fault = readings.unread.get(tenant).or(groups).cloned();
            let doubt =
                |n: &u64| format!("{tenant}: {n} users could not be looked at; nothing was concluded about them");
            let fault = fault.or_else(|| readings.doubtful.get(tenant).map(doubt));
            let read_at = self.store.reading(tenant)?.read_at.map(Timestamp::rfc3339);
            Ok(TenantRead { tenant: tenant.clone(), read_at, fault })
        };
        all.into_iter().map(read).collect()
    }

    fn gather(&self, seat: &Seat) -> Result<Gathered, StoreError> {
        let name = &seat.route.name;
        Ok(Gathered {
            case: self.store.case(&planned(&seat.route), &seat.home, self.clock.now())?,
            unsettled: self.store.state_of(name, &seat.home)?,
            log: self.store.last_entries(name, &seat.home, ENTRIES_SHOWN)?,
        })
    }

    fn weigh(&self, seat: &Seat, gathered: Gathered) -> Result<RouteExplained, StoreError> {
        let (route, now) = (planned(&seat.route), self.clock.now());
        let Gathered { mut case, unsettled, log } = gathered;
        // Which values are free depends on what the plan gives to others.
        case.answers.unique.extend(self.store.case(&route, &seat.home, now)?.answers.unique);
        let mut explanation = plan::explain(&route, &case, now);
        let ladder = explanation.account.ladder.iter_mut();
        let rungs = ladder.flat_map(|l| l.rungs.iter_mut().chain(std::iter::once(&mut l.address)));
        for candidate in rungs.flat_map(|r| &mut r.candidates).filter(|c| c.taken) {
            candidate.taken_by = self.holder(&route.name, candidate)?;
        }
        for reference in explanation.attributes.iter_mut().filter_map(|a| a.reference.as_mut()) {
            let person = self.person(&route.name.home, &reference.home.as_str().into())?;
            reference.user_principal_name = Some(person.user_principal_name).filter(|n| !n.is_empty());
        }
        Ok(RouteExplained { explanation, plan: InPlan::default(), unsettled, log })
    }

    fn holder(&self, route: &RouteName, candidate: &CandidateSeen) -> Result<Option<Holder>, StoreError> {
        let account = ObjectId::from(candidate.account.id.as_str());
        let Some((by, home)) = self.store.whose(&route.target, &account)? else { return Ok(None) };
        Ok(Some(Holder { route: by.to_string(), home: self.person(&by.home, &home)? }))
    }

    /// The draft of a dry run, without asking for the directory roles of everybody who would be joined.
    async fn draft_everybody(&self, readings: Readings) -> Result<Drafted, EngineError> {
        let quiet = Cycle {
            config: self.config,
            store: self.store,
            clock: self.clock,
            directories: self.directories,
            focus: Focus { user: None, offline: true, ..self.focus.clone() },
            ahead_after: self.ahead_after,
            request_ids: self.request_ids,
            watch: self.watch,
            stop: self.stop.clone(),
        };
        let (only, news_of) = (&self.route_names(), BTreeSet::new());
        quiet.draft(readings, Drafting { only, news_of, around: None, tells: false, shelf: self.store.shelf() }).await
    }

    /// Which changes does the target get first, on the routes that the guard lets through?
    fn place(&self, seat: &Seat, drafted: &Drafted) -> Result<InPlan, Unkept> {
        let is_mine = |c: &Change| c.route == seat.route.name && c.home.id == seat.home;
        let refused = |r: &&RoutePlan| drafted.refusals.iter().any(|refusal| refusal.route == r.route);
        let mut queue = Queue::default();
        let into = drafted.plan.routes.iter().filter(|r| r.route.target == seat.route.name.target && !refused(r));
        for route in into {
            let all = queue::tickets(route.changes.clone(), |_| Ok::<_, Unkept>(true))?;
            all.into_iter().for_each(|ticket| queue.enter_planned(ticket));
        }
        let (mut before, mut writes) = (0, 0);
        while let Some(job) = queue.pop()? {
            let own = plan::writes_in_all(&job.change);
            if is_mine(&job.change) {
                let windows = self.config.tenants.get(&seat.route.name.target).map(|t| write_windows(&t.limits));
                let eta_seconds = windows.map(|w| quota::eta_seconds(&w, writes + own));
                return Ok(InPlan { before_it: Some(before), writes: own, eta_seconds, ..InPlan::default() });
            }
            before += 1;
            writes += own;
        }
        Ok(InPlan::default())
    }

    fn in_plan(&self, seat: &Seat, told: &Explanation, place: InPlan, drafted: &Drafted) -> Result<InPlan, Unkept> {
        let name = &seat.route.name;
        if let Some(why) = drafted.skipped.get(name) {
            let held = match &told.decision.outcome {
                Outcome::Hold { reason } => Some(reason.clone()),
                _ => None,
            };
            return Ok(InPlan { held, not_planned: Some(why.clone()), ..InPlan::default() });
        }
        let route = drafted.plan.routes.iter().find(|r| r.route == *name);
        let held = route.and_then(|r| r.held.iter().find(|h| h.home.id == seat.home));
        if let Some(held) = held {
            return Ok(InPlan { held: Some(held.hold.to_string()), ..InPlan::default() });
        }
        let mut all = route.into_iter().flat_map(|r| r.changes.dues());
        let is_mine = |due: &Result<Due, _>| due.as_ref().map_or(true, |due| due.change.home.id == seat.home);
        let Some(Due { change, .. }) = all.find(is_mine).transpose()? else {
            let due = matches!(told.decision.outcome, Outcome::Change(_));
            let why = "nothing that is known of the user has changed since the last cycle settled it; \
                       the next change of anything brings it up";
            return Ok(InPlan { not_planned: due.then(|| why.to_owned()), ..InPlan::default() });
        };
        let refusals = drafted.refusals.iter().filter(|r| r.route == *name);
        let by_match = matches!(change.action, Action::Join { origin: Origin::Joined, .. });
        Ok(InPlan {
            action: Some(change.action.kind()),
            refused: refusals.map(ToString::to_string).collect(),
            writes: plan::writes_in_all(&change),
            lane: Some(Job::new(change, 0).lane().name()),
            note: (by_match && self.focus.offline)
                .then_some("the account's directory roles are read online: with any, the user would be held"),
            ..place
        })
    }

    /// Through which groups the person is in those that scopes name.
    async fn find_ways(&self, seats: &[Seat], routes: &mut [RouteExplained]) -> Result<(), StoreError> {
        let mut known: BTreeMap<(TenantName, ObjectId), BTreeMap<String, Way>> = BTreeMap::new();
        let mut wanted: BTreeMap<(TenantName, ObjectId), BTreeSet<String>> = BTreeMap::new();
        for (seat, told) in seats.iter().zip(routes.iter_mut()) {
            let groups = groups(&mut told.explanation).filter(|g| g.member).map(|g| g.id.clone());
            wanted.entry((seat.route.name.home.clone(), seat.home.clone())).or_default().extend(groups);
        }
        if !self.focus.offline {
            for (who, groups) in wanted.iter().filter(|(_, groups)| !groups.is_empty()) {
                let Ok(directory) = self.door(&who.0) else { continue };
                known.insert(who.clone(), membership::ways_up(directory, who.1.as_str(), groups).await);
            }
        }
        for (seat, told) in seats.iter().zip(routes) {
            let ways = known.get(&(seat.route.name.home.clone(), seat.home.clone()));
            for group in groups(&mut told.explanation) {
                if !group.member {
                    let unknown = !self.store.has_members(&seat.route.name.home, &group.id)?;
                    group.note =
                        unknown.then(|| "no member of it is known: never read, empty, or not there".to_owned());
                    continue;
                }
                match ways.and_then(|ways| ways.get(&group.id)) {
                    Some(Way::Known(way)) => group.path = Some(way.clone()),
                    Some(Way::Unknown(why)) => group.note = Some(why.clone()),
                    None => group.note = Some("the way is not known offline".to_owned()),
                }
            }
        }
        Ok(())
    }
}

/// The groups that scopes name.
fn groups(told: &mut Explanation) -> impl Iterator<Item = &mut GroupSeen> {
    told.scope.iter_mut().flat_map(|s| &mut s.tables).flat_map(|t| &mut t.groups)
}
