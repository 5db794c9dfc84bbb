//! What does the guard have to know beside the plan? The last day, the home's size, and who has signed.

use std::collections::{BTreeMap, BTreeSet};

use super::run::LetThrough;
use super::{Cycle, EngineError};
use crate::config::Route;
use crate::model::{ActionKind, Attribute, ObjectId, RouteName, TenantName, Value};
use crate::plan::{self, Counted, People, Plan, Refusal};
use crate::ports::Clock;
use crate::store::{LogEntry, StoreError};

/// A rolling day.
const DAY_SECONDS: u64 = 86_400;

impl<D, C: Clock> Cycle<'_, D, C> {
    /// Every limit that the plan is over: of a run, of the last 24 hours, and of what is done without signatures.
    pub(super) fn refusals(
        &self,
        plan: &Plan,
        let_through: &BTreeMap<RouteName, LetThrough>,
    ) -> Result<Vec<Refusal>, StoreError> {
        let (mut refusals, none) = (Vec::new(), LetThrough::new());
        for route in &self.config.routes {
            let Some(plan) = plan.routes.iter().find(|p| p.route == route.name) else { continue };
            let before = let_through.get(&route.name).unwrap_or(&none);
            refusals.extend(plan::refusals(plan, &route.rules, before)?);
            let asked = plan::asks_for_the_day(plan, &route.rules);
            if !asked.is_empty() {
                let day = self.last_day(route, &asked)?;
                refusals.extend(plan::refusals_of_a_day(plan, &route.rules, &day)?);
            }
        }
        if let Some(approval) = self.config.approval.as_ref().filter(|_| self.focus.signed_by.is_empty()) {
            refusals.extend(plan::unsigned(&plan.routes, let_through, approval.required_above)?);
        }
        Ok(refusals)
    }

    /// Whom the last 24 hours have changed on the route, by the change log. What a person let through is not counted: it was
    /// looked at, and would stop everything else for a day.
    fn last_day(&self, route: &Route, asked: &BTreeSet<Counted>) -> Result<People, StoreError> {
        let now = self.clock.now();
        let since = crate::model::Timestamp(now.0.saturating_sub(DAY_SECONDS * 1_000));
        // Updates are by far the most of the log, and are looked through only where something that they may be is counted.
        let alone = |what: &Counted| matches!(what, Counted::Kind(ActionKind::Delete | ActionKind::Provision));
        let kinds: &[ActionKind] = if asked.iter().all(alone) {
            &[ActionKind::Delete, ActionKind::Provision]
        } else {
            &[ActionKind::Delete, ActionKind::Disable, ActionKind::Update, ActionKind::Join, ActionKind::Provision]
        };
        let (mut people, mut made) = (People::new(), BTreeSet::<ObjectId>::new());
        self.store.applied_since(&route.name, since, kinds, |entry| {
            if entry.action == ActionKind::Provision {
                made.insert(entry.home.id.clone());
            }
            let counted = counted(&entry);
            // What finishes an invitation is part of it, and that is one update: whatever follows is counted as of anybody.
            if entry.action == ActionKind::Update && !counted.is_empty() && made.remove(&entry.home.id) {
                return;
            }
            for counted in counted {
                people.entry((entry.rules.clone(), counted)).or_default().insert(entry.home.id.clone());
            }
        })?;
        Ok(people)
    }

    /// Why the last reading of a tenant is not believed: far more of its people are missing than ever leave at once.
    pub(super) fn shrunken(&self, home: &TenantName) -> Result<Option<String>, StoreError> {
        let Some(before) = self.store.remembered_size(home)? else { return Ok(None) };
        if self.focus.shrunken.contains(home) {
            return Ok(None);
        }
        let now = self.store.size(home)?;
        let (allowed, minimum) = self.shrinkage(home);
        let lost = before.saturating_sub(now);
        let is_shrunken = before >= minimum && lost * 100 > before * allowed;
        Ok(is_shrunken.then(|| {
            format!(
                "{home} has {now} people of its own, and had {before}: more than {allowed} % are missing, so that nothing \
                 is concluded from it\nhint: where that is so, say it once: crosstie sync --shrunken {home}"
            )
        }))
    }

    /// The strictest of the routes that leave the tenant: by how many percent it may shrink, and from how many people on.
    fn shrinkage(&self, home: &TenantName) -> (u64, u64) {
        let leaving = self.config.routes.iter().filter(|route| route.name.home == *home);
        let guards = leaving.flat_map(|route| &route.rules).map(|rules| &rules.guard);
        let all = guards.map(|guard| (guard.shrinkage, guard.minimum_population));
        all.fold((100, u64::MAX), |(percent, minimum), (p, m)| (percent.min(p), minimum.min(m)))
    }

    /// What these homes are like now is what the next readings are compared with.
    pub(super) fn remember_sizes<'r>(&self, routes: impl Iterator<Item = &'r RouteName>) -> Result<(), EngineError> {
        let homes: BTreeSet<&TenantName> = routes.map(|route| &route.home).collect();
        for home in homes {
            self.store.remember_size(home, self.store.size(home)?)?;
        }
        Ok(())
    }
}

/// What the guard counts a write as that was made.
fn counted(entry: &LogEntry) -> Vec<Counted> {
    let after = |name: &str| entry.edits.get(name).and_then(|edit| edit.after.as_ref());
    let edited = || {
        let member = after(Attribute::USER_TYPE).and_then(Value::as_text);
        let promoted = member.is_some_and(|text| text.eq_ignore_ascii_case("Member"));
        let attributes = entry.edits.keys().map(|attribute| Counted::Attribute(attribute.clone()));
        attributes.chain(promoted.then_some(Counted::Promotion))
    };
    match entry.action {
        ActionKind::Update => {
            let fills = |(a, edit): (&Attribute, &crate::store::EditEntry)| a.is_reference() && edit.before.is_none();
            if entry.edits.iter().all(fills) {
                return Vec::new();
            }
            let blocks = after(Attribute::ACCOUNT_ENABLED) == Some(&Value::Bool(false));
            let kind = if blocks { ActionKind::Disable } else { ActionKind::Update };
            std::iter::once(Counted::Kind(kind)).chain(edited()).collect()
        }
        ActionKind::Join => std::iter::once(Counted::Kind(ActionKind::Join)).chain(edited()).collect(),
        kind => vec![Counted::Kind(kind)],
    }
}
