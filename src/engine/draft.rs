//! What would this cycle change?

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Serialize;

use super::lanes::{self, Lanes, Whose};
use super::run::LetThrough;
use super::{Cycle, Drafted, EngineError, Readings, planned, write_windows};
use crate::config::{Config, Route};
use crate::cores;
use crate::model::{ActionKind, Attribute, Change, ObjectId, RouteName, Selection, TenantName, Timestamp};
use crate::plan::{
    self, Case, Changes, Claims, Fate, Foundation, Plan, PlannedRoute, RoutePlan, Shelf, Unkept, Weighed,
};
use crate::ports::{Clock, DirectoryRead};
use crate::quota;
use crate::store::{Among, Reading, StoreError};

/// Cases gathered in one transaction.
pub(super) const CASES_AT_ONCE: u32 = 1_000;
/// Of these, as many as another core weighs at a time: half a millisecond's work, hundreds of times what handing it over
/// takes.
const CASES_A_JOB: usize = 50;
/// Threads that weigh. What is known of people is looked up by one, which takes about as long as to weigh them: more than a
/// few would have nothing to do.
const WEIGHERS_MAX: usize = 3;

/// Lanes by target, and whom the guard has let through: what surrounds a plan that is made while others are carried out.
pub(super) type Around<'x> = (&'x BTreeMap<TenantName, Lanes>, &'x RefCell<BTreeMap<RouteName, LetThrough>>);

/// Which draft is it?
pub(super) struct Drafting<'x> {
    /// The routes to plan.
    pub(super) only: &'x BTreeSet<RouteName>,
    /// Routes whose plan is under way already: only what is new there is considered.
    pub(super) news_of: BTreeSet<RouteName>,
    pub(super) around: Option<Around<'x>>,
    /// This draft is what `status` tells of.
    pub(super) tells: bool,
    /// Where the plans of its routes lie, all of them in one file: a mesh has hundreds of routes.
    pub(super) shelf: Rc<dyn Shelf>,
}

impl Drafting<'_> {
    fn among(&self, route: &RouteName, now: Timestamp) -> Among {
        if self.news_of.contains(route) { Among::News(now) } else { Among::All }
    }
    /// What becomes of the person is told by an answer that has not come yet.
    fn is_busy(&self, route: &RouteName, home: &ObjectId) -> bool {
        let lanes = self.around.and_then(|(lanes, _)| lanes.get(&route.target));
        lanes.is_some_and(|lanes| lanes.busy.borrow().contains_key(&(route.clone(), home.clone())))
    }
    pub(super) fn let_through(&self) -> BTreeMap<RouteName, LetThrough> {
        self.around.map(|(_, people)| people.borrow().clone()).unwrap_or_default()
    }
    /// What jobs in the lanes claim that the plan claims too, of people who are not in the plan.
    fn claims(&self, plan: &Plan) -> Result<Claims, Unkept> {
        let mut standing = Claims::new();
        let Some((all, _)) = self.around.filter(|_| plan::claims_anything(plan)) else { return Ok(standing) };
        if all.values().all(|lanes| lanes.queue.borrow().is_empty() && lanes.busy.borrow().is_empty()) {
            return Ok(standing);
        }
        let (mut wanted, mut planned) = (BTreeSet::new(), BTreeSet::new());
        for due in plan.routes.iter().flat_map(|r| r.changes.dues()) {
            let change = due?.change;
            wanted.extend(plan::claim_hash(&change));
            planned.insert((change.route, change.home.id));
        }
        for lanes in all.values() {
            let (queue, busy) = (lanes.queue.borrow(), lanes.busy.borrow());
            let mut meets = |change: &Change| {
                let own = plan::claim_hash(change).filter(|claim| wanted.contains(claim));
                if own.is_some() && !planned.contains(&(change.route.clone(), change.home.id.clone())) {
                    plan::claim_of(change, &mut standing);
                }
            };
            queue.changes_that_claim(&wanted)?.iter().for_each(&mut meets);
            busy.values().for_each(meets);
        }
        Ok(standing)
    }
    /// Leaves out for whom something was asked meanwhile: the plan has not seen it. Answers who they are.
    fn drop_touched(&self, plan: &mut Plan) -> Result<Vec<Whose>, Unkept> {
        let mut dropped = Vec::new();
        let Some((lanes, _)) = self.around else { return Ok(dropped) };
        for route in &mut plan.routes {
            let Some(lanes) = lanes.get(&route.route.target) else { continue };
            let touched = lanes.touched.borrow();
            if touched.is_empty() {
                continue;
            }
            let name = route.route.clone();
            let mut is_fresh = |home: &ObjectId| {
                let whose = (name.clone(), home.clone());
                let is_old = touched.contains(&whose);
                dropped.extend(is_old.then_some(whose));
                !is_old
            };
            route.changes.retain(|due| is_fresh(&due.change.home.id))?;
            route.held.retain(|held| is_fresh(&held.home.id));
        }
        Ok(dropped)
    }
    /// The person's job must not be done.
    fn withdraw(&self, whose: &Whose) {
        if let Some(lanes) = self.around.and_then(|(lanes, _)| lanes.get(&whose.0.target)) {
            lanes.queue.borrow_mut().leave(whose);
        }
    }
}

/// Totals of one route's plan: the promised summary.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RouteSummary {
    /// `home->target`.
    pub route: String,
    /// Accounts to invite.
    pub provision: u64,
    /// Accounts to join.
    pub join: u64,
    /// Accounts to update.
    pub update: u64,
    /// Accounts to restore.
    pub restore: u64,
    /// Accounts to block.
    pub disable: u64,
    /// Accounts to unblock.
    pub enable: u64,
    /// Accounts to delete.
    pub delete: u64,
    /// Links to forget.
    pub unlink: u64,
    /// People held.
    pub held: u64,
    /// Linked people to whom nothing happens.
    pub settled: u64,
    /// Object writes that it takes.
    pub writes: u64,
    /// Whole seconds that the target's quota makes it take at the least.
    pub eta_seconds: u64,
}

/// The totals of each route.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn summaries(plan: &Plan, config: &Config) -> Result<Vec<RouteSummary>, Unkept> {
    plan.routes.iter().map(|r| summary(r, config)).collect()
}

fn summary(plan: &RoutePlan, config: &Config) -> Result<RouteSummary, Unkept> {
    let count = |kind| plan.changes.count(kind);
    let writes = plan.changes.writes() + plan.references_to_follow()?;
    let windows = config.tenants.get(&plan.route.target).map(|t| write_windows(&t.limits));
    Ok(RouteSummary {
        route: plan.route.to_string(),
        provision: count(ActionKind::Provision),
        join: count(ActionKind::Join),
        update: count(ActionKind::Update),
        restore: count(ActionKind::Restore),
        disable: count(ActionKind::Disable),
        enable: count(ActionKind::Enable),
        delete: count(ActionKind::Delete),
        unlink: count(ActionKind::Unlink),
        held: plan.held.len() as u64,
        settled: plan.settled,
        writes,
        eta_seconds: windows.map_or(0, |w| quota::eta_seconds(&w, writes)),
    })
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Plans every route on which both tenants were read to the end: absence is not a fact before.
    ///
    /// The other routes into the same targets are drafted too, from what is remembered, for what they claim: an address
    /// that two people share is nobody's, also while one of the two is not looked at.
    pub(super) async fn draft(&self, readings: Readings, drafting: Drafting<'_>) -> Result<Drafted, EngineError> {
        let (mut drafted, only) = (Drafted { readings, ..Drafted::default() }, drafting.only);
        let targets: BTreeSet<&TenantName> = only.iter().map(|r| &r.target).collect();
        let mut others = Vec::new();
        for route in self.config.routes.iter().filter(|r| targets.contains(&r.name.target)) {
            let (seen, unknown) = self.remembered(route)?;
            let known = unknown.is_none();
            let obstacle = drafted.readings.obstacle(route).or(unknown);
            let shrunken = if obstacle.is_none() { self.shrunken(&route.name.home)? } else { None };
            let obstacle = obstacle.or(shrunken);
            if only.contains(&route.name) && obstacle.is_none() && seen {
                drafted.plan.routes.push(self.draft_route(route, true, &drafting).await?);
                continue;
            }
            if seen {
                others.push((route, known));
            }
            if let Some(why) = obstacle.filter(|_| only.contains(&route.name)) {
                drafted.skipped.insert(route.name.clone(), why);
            }
        }
        self.hold_shared(&mut drafted.plan, others, &drafting).await?;
        drafted.user_known = self.keep_the_user(&mut drafted.plan)?;
        if !self.focus.offline {
            self.hold_unfit_joins(&mut drafted.plan, &drafted.readings.domains).await?;
        }
        for (route, home) in drafting.drop_touched(&mut drafted.plan)? {
            self.store.unsettle(&route, &home)?;
        }
        if drafting.tells {
            drafted.plan.routes.iter().try_for_each(|plan| self.store.together(|| self.explain(plan)))?;
        }
        drafted.refusals = self.refusals(&drafted.plan, &drafting.let_through())?;
        drafted.seal()?;
        Ok(drafted)
    }

    /// Were both tenants of the route ever read to their ends, and what do its rules need that was not asked for then?
    pub(super) fn remembered(&self, route: &Route) -> Result<(bool, Option<String>), StoreError> {
        let (home, target) = (self.store.reading(&route.name.home)?, self.store.reading(&route.name.target)?);
        Ok((home.readings > 0 && target.readings > 0, unknown(route, &home, &target)))
    }

    /// Holds whoever claims what somebody else claims too, in this plan, in the lanes, or on one of the `others`.
    pub(super) async fn hold_shared(
        &self,
        plan: &mut Plan,
        others: Vec<(&Route, bool)>,
        drafting: &Drafting<'_>,
    ) -> Result<(), EngineError> {
        let mut standing = drafting.claims(plan)?;
        // Nobody can share what nobody claims.
        if plan::claims_anything(plan) {
            for (route, known) in others {
                let other = self.draft_route(route, known, drafting).await?;
                for due in other.changes.dues() {
                    plan::claim_of(&due?.change, &mut standing);
                }
            }
        }
        for (route, home) in plan::hold_shared(plan, &standing)? {
            drafting.withdraw(&(route.clone(), home.clone()));
            self.store.unsettle(&route, &home)?;
        }
        Ok(())
    }

    /// The plan of a route with nobody in it.
    pub(super) fn blank(&self, planned: &PlannedRoute, drafting: &Drafting<'_>) -> Result<RoutePlan, StoreError> {
        Ok(RoutePlan {
            route: planned.name.clone(),
            fingerprint: planned.fingerprint(),
            changes: Changes::new(planned.name.clone(), Some(drafting.shelf.clone())),
            held: Vec::new(),
            settled: 0,
            population: self.store.population(&planned.name)?,
        })
    }

    /// `known`: all that the rules need is. Drafted without, it is as if nobody had a value, or nobody were in a group: good
    /// for what it claims and for nothing else, so nothing of it is remembered.
    async fn draft_route(&self, route: &Route, known: bool, drafting: &Drafting<'_>) -> Result<RoutePlan, EngineError> {
        let planned = planned(route);
        let foundation = Foundation::of(&planned);
        self.store.notice_rules(&planned, &planned.marks(self.clock.now()))?;
        let mut draft = self.blank(&planned, drafting)?;
        // Of the people in the draft, those who have a known account: the rest of the population is settled.
        let mut linked = 0;
        let mut after: Option<ObjectId> = None;
        loop {
            let among = drafting.among(&route.name, self.clock.now());
            let mut some = self.store.unsettled(&route.name, among, after.as_ref(), CASES_AT_ONCE)?;
            let Some(last) = some.last() else { break };
            after = Some(last.clone());
            some.retain(|home| !drafting.is_busy(&route.name, home));
            self.store.together(|| {
                linked += self.consider(&planned, &foundation, &some, known, &mut draft)?;
                Ok::<_, StoreError>(())
            })?;
            // Others write and read meanwhile, and whoever asks us to stop is heard.
            tokio::task::yield_now().await;
        }
        draft.settled = draft.population.saturating_sub(linked);
        Ok(draft)
    }

    /// Only the user who is asked for by name. Answers whether that user is at home in one of the tenants that were read;
    /// where none was nobody can tell. Somebody settled has nothing due, asked for or not.
    fn keep_the_user(&self, plan: &mut Plan) -> Result<bool, EngineError> {
        let Some(user) = &self.focus.user else { return Ok(true) };
        let mut known = plan.routes.is_empty();
        for route in &mut plan.routes {
            let home = self.store.find_user(&route.route.home, user)?;
            known |= home.is_some();
            route.changes.retain(|due| Some(&due.change.home.id) == home.as_ref())?;
            route.held.retain(|h| Some(&h.home.id) == home.as_ref());
        }
        Ok(known)
    }

    /// Considers these people, in their order. What is known of some is looked up while others are weighed on other cores.
    /// Answers how many with a known account are in the draft by that.
    fn consider(
        &self,
        route: &PlannedRoute,
        foundation: &Foundation,
        people: &[ObjectId],
        known: bool,
        draft: &mut RoutePlan,
    ) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let at_once = if plan::chooses_values(route) { 1 } else { CASES_A_JOB };
        // With a single job there is nothing to do meanwhile.
        let helpers = if people.len() > CASES_A_JOB && at_once > 1 { WEIGHERS_MAX } else { 0 };
        // The cases come back: memory goes quickest where it came from.
        let weigh = |cases: Vec<Case>| -> (Result<Vec<Weighed>, Unkept>, Vec<Case>) {
            (cases.iter().map(|case| plan::weigh(route, foundation, case, now)).collect(), cases)
        };
        cores::in_order(helpers, weigh, |line| {
            let mut linked = 0;
            for some in people.chunks(at_once) {
                let cases = some.iter().map(|home| self.store.case(route, home, now));
                line.hand_over(cases.collect::<Result<_, _>>()?);
                while let Some((weighed, _)) = line.ready() {
                    linked += self.take(route, weighed?, known, draft)?;
                }
            }
            while let Some((weighed, _)) = line.next_answer() {
                linked += self.take(route, weighed?, known, draft)?;
            }
            Ok(linked)
        })
    }

    /// Takes into the draft, and remembers, what becomes of people. Answers how many with a known account are in it by that.
    fn take(
        &self,
        route: &PlannedRoute,
        weighed: Vec<Weighed>,
        known: bool,
        draft: &mut RoutePlan,
    ) -> Result<u64, StoreError> {
        let mut linked = 0;
        for Weighed { home, is_linked, link, fate } in weighed {
            if let Some(link) = link.filter(|_| known) {
                self.store.remember_link(&link)?;
            }
            match fate {
                Fate::Due { packed, claims } => {
                    linked += u64::from(is_linked);
                    // The next to be considered must choose other values than this change gives.
                    for (attribute, value) in claims {
                        self.store.claim(&route.name, &home, &attribute, &value)?;
                    }
                    draft.changes.put(&packed)?;
                }
                Fate::Held(held) => {
                    linked += u64::from(is_linked);
                    draft.held.push(*held);
                }
                Fate::Settled | Fate::Waiting(_) if !known => {}
                Fate::Settled => self.store.settle(&route.name, &home)?,
                Fate::Waiting(until) => {
                    self.store.explain_unsettled(&route.name, &home, "waiting", &until.rfc3339())?;
                }
            }
        }
        Ok(linked)
    }

    pub(super) fn explain(&self, plan: &RoutePlan) -> Result<(), StoreError> {
        let now = self.clock.now();
        for due in plan.changes.dues() {
            let change = due?.change;
            self.store.pend(&plan.route, &change.home.id, &lanes::pending(&change), now)?;
        }
        for held in &plan.held {
            self.store.explain_unsettled(&plan.route, &held.home.id, "held", &held.hold.to_string())?;
        }
        Ok(())
    }
}

/// What the rules need to know and no reading has asked for; `None` where nothing is missing. After a reading to the end
/// nothing is: this is for plans that are made without one.
fn unknown(route: &Route, home_reading: &Reading, target_reading: &Reading) -> Option<String> {
    let name = &route.name;
    let lack = |reading: &Reading, needed: Selection| reading.selection.lacks(&needed);
    let sides = [
        (&name.home, lack(home_reading, route.home_selection())),
        (&name.target, lack(target_reading, route.target_selection())),
    ];
    let names = |lacking: &BTreeSet<Attribute>| lacking.iter().map(Attribute::as_str).collect::<Vec<_>>().join(", ");
    let attributes = sides.iter().filter(|(_, lacking)| !lacking.is_empty());
    let mut missing: Vec<String> = attributes
        .map(|(tenant, lacking)| format!("for {}, of which {tenant} was never asked", names(lacking)))
        .collect();
    let (groups, home) = (route.groups(), &name.home);
    let strange = groups.difference(&home_reading.groups);
    missing.extend(strange.map(|g| format!("for the members of group {g}, of which {home} was never asked")));
    let missing = missing.join(", and ");
    (!missing.is_empty()).then(|| format!("the rules ask {missing}\nhint: plan without --offline reads it"))
}
