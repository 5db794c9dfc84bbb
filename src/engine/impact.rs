//! The rules were edited: whom does that touch, and when does it count as known?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Cycle, Drafted, EngineError, draft, planned};
use crate::config::Route;
use crate::model::{Attribute, ObjectId, RouteName, Selection, TenantName};
use crate::plan::{Comparison, Part, PlannedRoute, RuleEdit, Touch};
use crate::ports::Clock;
use crate::rules::{Diagnostic, RuleSet};
use crate::store::{Remembered, StoreError};

/// The edits of one route's rules since the last sync, and whom they touch.
#[derive(Clone, Debug)]
pub struct RulesChanged {
    /// Which route.
    pub route: RouteName,
    /// The edits.
    pub edits: Vec<Touched>,
    /// People whom any of them touches; each counts once.
    pub people: u64,
    /// Why nobody could be counted; the numbers say nothing then.
    pub uncounted: Option<String>,
}

/// One edit, and whom it touches.
#[derive(Clone, Debug)]
pub struct Touched {
    /// The edit.
    pub difference: RuleEdit,
    /// Everybody whom it touches.
    pub people: u64,
    /// Of these, people whom the rule set did not take before.
    pub come_in: u64,
    /// Of these, people whom the rule set does not take any more.
    pub leave: u64,
}

/// The rule sets of a former sync, or why this crosstie cannot read them any more.
type FormerRules = Result<Vec<Arc<RuleSet>>, String>;

/// Rule sets of former syncs that were read already, by name and text: many routes share one.
#[derive(Default)]
struct Former(BTreeMap<(String, String), Result<Arc<RuleSet>, String>>);

impl Former {
    fn rules(&mut self, remembered: Vec<Remembered>) -> FormerRules {
        let mut one = |Remembered { name, text }: Remembered| {
            let read = |(name, text): &(String, String)| match RuleSet::parse(name, text) {
                Ok((rules, _)) => Ok(Arc::new(rules)),
                Err(findings) => {
                    let fault = findings.iter().find(|f| f.is_error()).map(|f: &Diagnostic| f.message.clone());
                    let fault = fault.unwrap_or_default();
                    Err(format!("rule set {name}, as the last sync read it, is none to this crosstie: {fault}"))
                }
            };
            let key = (name, text);
            let known = self.0.get(&key).cloned();
            known.unwrap_or_else(|| self.0.entry(key.clone()).or_insert(read(&key)).clone())
        };
        remembered.into_iter().map(&mut one).collect()
    }
}

fn texts(route: &Route) -> Vec<(&str, &str)> {
    route.rules.iter().map(|r| (r.name.as_str(), r.text.as_str())).collect()
}

impl<D, C: Clock> Cycle<'_, D, C> {
    /// These routes were planned, and nothing keeps their changes from being written: their rules are the known ones from
    /// now on. Whoever looks at one person only has not worked with them.
    pub(super) fn remember_rules<'r>(
        &self,
        passed: impl Iterator<Item = &'r RouteName> + Clone,
    ) -> Result<(), EngineError> {
        if self.focus.user.is_some() {
            return Ok(());
        }
        let passed: BTreeSet<&RouteName> = passed.collect();
        for route in self.config.routes.iter().filter(|r| passed.contains(&r.name)) {
            self.store.remember_rules(&route.name, &texts(route))?;
        }
        Ok(())
    }

    /// What the rules of the last sync read of this tenant's people, where they are not the rules of today.
    pub(super) fn read_by_former_rules(&self, tenant: &TenantName) -> Result<BTreeSet<Attribute>, EngineError> {
        let (mut former, mut read) = (Former::default(), BTreeSet::new());
        for route in self.config.routes.iter().filter(|r| r.name.home == *tenant) {
            if let Some(Ok(rules)) = self.former_rules(route, &mut former)? {
                read.extend(rules.iter().flat_map(|r| r.home_attributes()));
            }
        }
        Ok(read)
    }

    /// The rules of the last sync, where there was one and they were others.
    fn former_rules(&self, route: &Route, former: &mut Former) -> Result<Option<FormerRules>, EngineError> {
        if self.store.remembers_rules(&route.name, &texts(route))? {
            return Ok(None);
        }
        let remembered = self.store.remembered_rules(&route.name)?;
        Ok((!remembered.is_empty()).then(|| former.rules(remembered)))
    }

    /// Every route of the plan whose rules were edited since its last sync, with whom that touches. It costs a look at
    /// everybody at home there, and where no rule was edited nothing.
    pub(super) fn rules_changed(&self, drafted: &Drafted) -> Result<Vec<RulesChanged>, EngineError> {
        let (mut former, mut changed) = (Former::default(), Vec::new());
        if self.focus.user.is_some() {
            return Ok(changed);
        }
        let planned: BTreeSet<&RouteName> = drafted.plan.routes.iter().map(|r| &r.route).collect();
        for route in self.config.routes.iter().filter(|r| planned.contains(&r.name)) {
            match self.former_rules(route, &mut former)? {
                None => {}
                Some(Err(why)) => changed.push(uncounted(route, why)),
                Some(Ok(rules)) => changed.extend(self.route_changed(route, rules)?),
            }
        }
        Ok(changed)
    }

    fn route_changed(&self, route: &Route, old: Vec<Arc<RuleSet>>) -> Result<Option<RulesChanged>, EngineError> {
        let read = Selection(old.iter().flat_map(|r| r.home_attributes()).collect());
        let new = planned(route);
        let comparison = Comparison::new(PlannedRoute { rules: old, ..new.clone() }, new.clone());
        let untouched = |d: &RuleEdit| Touched { difference: d.clone(), people: 0, come_in: 0, leave: 0 };
        let edits: Vec<Touched> = comparison.rule_edits().map(untouched).collect();
        if edits.is_empty() {
            return Ok(None);
        }
        let mut changed = RulesChanged { edits, ..uncounted(route, String::new()) };
        let unknown = self.store.reading(&route.name.home)?.selection.lacks(&read);
        if !unknown.is_empty() {
            let names: Vec<&str> = unknown.iter().map(Attribute::as_str).collect();
            let (names, home) = (names.join(", "), &route.name.home);
            changed.uncounted = Some(format!("the rules before read {names}, which is no longer known of {home}"));
            return Ok(Some(changed));
        }
        changed.uncounted = None;
        if changed.edits.iter().any(|e| !matches!(e.difference.part, Part::Guard(_))) {
            self.count(&new, &comparison, &mut changed)?;
        }
        Ok(Some(changed))
    }

    fn count(
        &self,
        route: &PlannedRoute,
        comparison: &Comparison,
        changed: &mut RulesChanged,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        let mut after: Option<ObjectId> = None;
        loop {
            let some = self.store.natives(&route.name.home, after.as_ref(), draft::CASES_AT_ONCE)?;
            let Some(last) = some.last() else { return Ok(()) };
            after = Some(last.clone());
            self.store.together(|| {
                for home in &some {
                    let touches = comparison.touches(&self.store.case(route, home, now)?, now);
                    changed.people += u64::from(!touches.is_empty());
                    for (n, touch) in touches {
                        if let Some(edit) = changed.edits.get_mut(n) {
                            edit.people += 1;
                            edit.come_in += u64::from(touch == Touch::ComesIn);
                            edit.leave += u64::from(touch == Touch::Leaves);
                        }
                    }
                }
                Ok::<_, StoreError>(())
            })?;
        }
    }
}

fn uncounted(route: &Route, why: String) -> RulesChanged {
    RulesChanged { route: route.name.clone(), edits: Vec::new(), people: 0, uncounted: Some(why) }
}
