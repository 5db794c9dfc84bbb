//! Which changes of a saved plan may still be made?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::Value as Json;

use super::digest::{self, digest_of, line_hash};
use super::{Due, Place, Plan, RoutePlan, Unkept};
use crate::model::{
    Action, ActionKind, Attribute, Change, Held, ObjectId, Person, RouteName, RunId, TenantName, Value,
};

/// Whose change.
type Whose = (RouteName, ObjectId);

/// A plan as a file holds it, whole: its digest is that of its content.
#[derive(Clone, Debug)]
pub struct SavedPlan {
    /// `sha256:…` of the plan.
    pub digest: String,
    /// The tenants of its routes, each with the id of its directory.
    pub tenants: BTreeMap<TenantName, String>,
    /// Fingerprints of the rules of each route.
    pub routes: BTreeMap<RouteName, String>,
    /// The run that it takes back; `None`: it carries out rules.
    pub undo: Option<RunId>,
    /// One for each person, but for what takes back several writes.
    changes: BTreeMap<Whose, Vec<SavedChange>>,
}

/// What stands in the place of rules where a run is taken back: the digest is of one run's undo, and no other's.
const UNDO: &str = "undo=";

/// The fingerprint of what takes back a run.
pub fn undo_fingerprint(run: RunId) -> String {
    format!("{UNDO}{run}")
}

/// The run that a file takes back. Nothing carries out rules on one route and takes back on another.
fn undone(routes: &BTreeMap<RouteName, String>) -> Result<Option<RunId>, String> {
    let run = |fingerprint: &String| fingerprint.strip_prefix(UNDO).and_then(|run| run.parse().ok()).map(RunId);
    let runs: BTreeSet<Option<RunId>> = routes.values().map(run).collect();
    if runs.len() > 1 {
        return Err("its routes are of different runs".to_owned());
    }
    Ok(runs.into_iter().next().flatten())
}

/// One line of it.
#[derive(Clone, Debug)]
struct SavedChange {
    shown: Shown,
    line: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Shown {
    route: String,
    action: ActionKind,
    home: Person,
    #[serde(default)]
    edits: BTreeMap<Attribute, Pair>,
    #[serde(default)]
    hidden: BTreeMap<Attribute, [Option<String>; 2]>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Pair {
    before: Option<Value>,
    after: Option<Value>,
}

#[derive(Deserialize)]
struct Summary {
    digest: String,
    #[serde(default)]
    fingerprints: BTreeMap<String, String>,
    #[serde(default)]
    directories: BTreeMap<String, String>,
}

/// Why a change of a saved plan is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// The rules of the route are others by now.
    Rules,
    /// Nothing is to be done for the person any more.
    Over,
    /// The person is held by now, for this reason.
    Held(String),
    /// Another change would be made now.
    Another(ActionKind),
    /// The same kind of change, with other values before or after of these attributes; where none is named, something else
    /// that is known of the person has changed.
    Values(Vec<String>),
    /// The route could not be planned, for this reason.
    Unplanned(String),
    /// It cannot be taken back, for this reason.
    NotUndone(String),
}

impl fmt::Display for Staleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Staleness::Rules => f.write_str("the rules of the route have changed since"),
            Staleness::Over => f.write_str("it would not be made any more"),
            Staleness::Held(why) => write!(f, "the person is held now: {why}"),
            Staleness::Another(kind) => write!(f, "the change would now be another one: {kind}"),
            Staleness::Values(which) if which.is_empty() => {
                f.write_str("what is known of the person has changed since")
            }
            Staleness::Values(which) => write!(f, "it has changed since: {}", which.join(", ")),
            Staleness::NotUndone(why) => f.write_str(why),
            Staleness::Unplanned(why) => write!(f, "the route could not be planned: {why}"),
        }
    }
}

/// A change of a saved plan that is not made, because it is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// On which route.
    pub route: RouteName,
    /// For whom.
    pub home: Person,
    /// Which kind.
    pub action: ActionKind,
    /// Why.
    pub why: Staleness,
}

/// What is left of a saved plan.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Changes that are as they were.
    pub plan: Plan,
    /// The others.
    pub stale: Vec<Stale>,
    /// Changes that are due by now, and that the saved plan does not have.
    pub others: u64,
}

/// A plan as a file holds it: what is shown of it, and all that is needed to know it again. `summary` comes last.
///
/// # Errors
/// Those of `each`, and of the shelf on which the plan lies.
pub fn file_lines<E: From<Unkept>>(
    plan: &Plan,
    directories: &BTreeMap<TenantName, String>,
    mut summary: Json,
    mut each: impl FnMut(&Json) -> Result<(), E>,
) -> Result<(), E> {
    for route in &plan.routes {
        for due in route.changes.dues() {
            let due = due?;
            each(&digest::plan_line(&due.change, due.basis.as_ref()))?;
        }
        for held in &route.held {
            each(&digest::held_line(held))?;
        }
    }
    let named = |(name, text): (String, &String)| (name, Json::from(text.as_str()));
    if let Json::Object(fields) = &mut summary {
        let rules = plan.routes.iter().map(|route| named((route.route.to_string(), &route.fingerprint)));
        fields.insert("fingerprints".to_owned(), Json::Object(rules.collect()));
        let directories = directories.iter().map(|(tenant, id)| named((tenant.to_string(), id)));
        fields.insert("directories".to_owned(), Json::Object(directories.collect()));
    }
    each(&summary)
}

impl SavedPlan {
    /// Reads a plan file.
    ///
    /// # Errors
    /// What is wrong with it, for people: no plan at all, cut short, or not what its digest says.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut changes, mut summary) = (BTreeMap::<Whose, Vec<SavedChange>>::new(), None);
        for (n, line) in (1..).zip(text.lines()) {
            let broken = |what: &str| format!("line {n} {what}");
            if summary.is_some() {
                return Err(broken("stands behind the summary"));
            }
            let line: Json = serde_json::from_str(line).map_err(|e| broken(&format!("is no JSON object: {e}")))?;
            match line["type"].as_str() {
                Some("change") => {
                    let shown: Shown =
                        serde_json::from_value(line.clone()).map_err(|e| broken(&format!("is no change: {e}")))?;
                    let route = RouteName::parse(&shown.route).ok_or_else(|| broken("names no route"))?;
                    let whose = (route, shown.home.id.clone());
                    let of_person = changes.entry(whose).or_default();
                    if of_person.iter().any(|known| known.shown.action == shown.action) {
                        return Err(broken("is the second change of its kind of one person"));
                    }
                    of_person.push(SavedChange { shown, line: line.to_string() });
                }
                Some("held") => {}
                Some("summary") => {
                    let read: Summary =
                        serde_json::from_value(line).map_err(|e| broken(&format!("is no summary: {e}")))?;
                    summary = Some(read);
                }
                _ => return Err(broken("is no line of a plan")),
            }
        }
        let Some(summary) = summary else { return Err("it has no summary at its end: it was cut short".to_owned()) };
        let mut routes = BTreeMap::new();
        for (route, fingerprint) in summary.fingerprints {
            let name = RouteName::parse(&route).ok_or_else(|| format!("{route:?} is no route"))?;
            routes.insert(name, fingerprint);
        }
        if let Some((route, _)) = changes.keys().find(|(route, _)| !routes.contains_key(route)) {
            return Err(format!("it has changes of {route}, and does not say under which rules"));
        }
        let undo = undone(&routes)?;
        if undo.is_none() && changes.values().any(|of_person| of_person.len() > 1) {
            return Err("it has several changes of one person".to_owned());
        }
        let lines = changes.values().flatten().map(|change| line_hash(&change.line));
        let digest = digest_of(routes.iter().map(|(route, f)| (route.to_string(), f.as_str())), lines);
        if digest != summary.digest {
            return Err(format!("its digest is {digest}, and it says {}: it was changed", summary.digest));
        }
        let tenants = summary.directories.into_iter().map(|(name, id)| (name.as_str().into(), id)).collect();
        Ok(Self { digest, tenants, routes, undo, changes })
    }

    /// How many changes it has, unlinks aside: these write nothing.
    pub fn writing_changes(&self) -> u64 {
        self.changes.values().flatten().filter(|change| change.shown.action != ActionKind::Unlink).count() as u64
    }

    /// How many changes of each kind, by route.
    pub fn counts(&self) -> BTreeMap<&RouteName, BTreeMap<ActionKind, u64>> {
        let mut counts: BTreeMap<&RouteName, BTreeMap<ActionKind, u64>> = BTreeMap::new();
        for (route, change) in self.changes.iter().flat_map(|((route, _), all)| all.iter().map(move |c| (route, c))) {
            *counts.entry(route).or_default().entry(change.shown.action).or_default() += 1;
        }
        counts
    }

    /// Does this change finish what the plan begins? An invitation is followed by the attributes that the plan shows, and
    /// a new or joined account by references to other accounts, which may have come to be since.
    pub fn completes(&self, change: &Change) -> bool {
        let (Action::Update { edits, .. }, Some(saved)) = (&change.action, self.change_of(change)) else {
            return false;
        };
        match saved.shown.action {
            ActionKind::Join => edits.keys().all(Attribute::is_reference),
            ActionKind::Provision => {
                let hidden = digest::hidden(change);
                change.edits().iter().all(|(attribute, (_, after))| {
                    let promised = saved.shown.edits.get(attribute).map(|pair| &pair.after) == Some(after);
                    let last = |all: &BTreeMap<Attribute, [Option<String>; 2]>| all.get(attribute)?[1].clone();
                    attribute.is_reference() || (promised && last(&hidden) == last(&saved.shown.hidden))
                })
            }
            _ => false,
        }
    }

    /// What it has for the person of this change, where that is one change.
    fn change_of(&self, change: &Change) -> Option<&SavedChange> {
        self.changes_of(change).first()
    }

    fn changes_of(&self, change: &Change) -> &[SavedChange] {
        self.changes.get(&(change.route.clone(), change.home.id.clone())).map_or(&[], Vec::as_slice)
    }
}

/// Is the change what was planned, but for references to accounts that have come to be since?
pub fn adds_only_references(planned: &Change, mut now: Change) -> bool {
    let promised: BTreeSet<Attribute> = planned.edits().into_keys().collect();
    let stays = |attribute: &Attribute| promised.contains(attribute) || !attribute.is_reference();
    match &mut now.action {
        Action::Provision { wanted, .. } => wanted.retain(|attribute, _| stays(attribute)),
        Action::Join { edits, .. } | Action::Update { edits, .. } => edits.retain(|attribute, _| stays(attribute)),
        _ => {}
    }
    now.before.retain(|attribute, _| stays(attribute));
    *planned == now
}

/// Of a saved plan's changes on the routes `only`, those that a plan made now has too, exactly; and why the others are not
/// made. Nothing that the saved plan does not have is kept. `unplanned`: routes that could not be planned, with the reason.
///
/// # Errors
/// Those of the shelf on which the fresh plan lies.
pub fn keep_to(
    saved: &SavedPlan,
    fresh: &Plan,
    unplanned: &BTreeMap<RouteName, String>,
    only: &BTreeSet<RouteName>,
) -> Result<Kept, Unkept> {
    let mut kept = Kept::default();
    let mut planned: BTreeMap<&RouteName, Fresh<'_>> = BTreeMap::new();
    for plan in &fresh.routes {
        let fresh = Fresh::new(plan, saved)?;
        kept.others += fresh.others;
        planned.insert(&plan.route, fresh);
    }
    let mut stands: BTreeSet<(&Whose, ActionKind)> = BTreeSet::new();
    let all = saved.changes.iter().filter(|(whose, _)| only.contains(&whose.0));
    for (whose, change) in all.flat_map(|(whose, all)| all.iter().map(move |change| (whose, change))) {
        let why = match planned.get(&whose.0) {
            Some(fresh) => fresh.staleness(saved, whose, change)?,
            None => {
                let unread = || "it was not read to its end".to_owned();
                Some(Staleness::Unplanned(unplanned.get(&whose.0).cloned().unwrap_or_else(unread)))
            }
        };
        match why {
            None => {
                stands.insert((whose, change.shown.action));
            }
            Some(why) => {
                let (route, home, action) = (whose.0.clone(), change.shown.home.clone(), change.shown.action);
                kept.stale.push(Stale { route, home, action, why });
            }
        }
    }
    for plan in &fresh.routes {
        let mut changes = plan.changes.clone();
        let whose = |c: &Change| (c.route.clone(), c.home.id.clone());
        changes.retain(|Due { change, .. }| stands.contains(&(&whose(change), change.action.kind())))?;
        // Whoever is held is no part of it: where the saved plan had a change, that one is told of.
        kept.plan.routes.push(RoutePlan { changes, held: Vec::new(), ..plan.clone() });
    }
    Ok(kept)
}

/// A route's plan as it is made now, by person.
struct Fresh<'a> {
    plan: &'a RoutePlan,
    /// Of people of whom the saved plan has something.
    places: BTreeMap<ObjectId, Vec<Place>>,
    /// Changes of all others.
    others: u64,
    held: BTreeMap<&'a ObjectId, &'a Held>,
}

impl<'a> Fresh<'a> {
    fn new(plan: &'a RoutePlan, saved: &SavedPlan) -> Result<Self, Unkept> {
        let (mut places, mut others) = (BTreeMap::<ObjectId, Vec<Place>>::new(), 0);
        for due in plan.changes.places() {
            let (place, Due { change, .. }) = due?;
            match saved.changes_of(&change) {
                [] => others += 1,
                _ => places.entry(change.home.id).or_default().push(place),
            }
        }
        let held = plan.held.iter().map(|held| (&held.home.id, held)).collect();
        Ok(Self { plan, places, others, held })
    }

    /// Why the change is not what it was; `None`: it is.
    fn staleness(&self, saved: &SavedPlan, whose: &Whose, change: &SavedChange) -> Result<Option<Staleness>, Unkept> {
        if saved.routes.get(&whose.0) != Some(&self.plan.fingerprint) {
            return Ok(Some(Staleness::Rules));
        }
        if let Some(held) = self.held.get(&whose.1) {
            return Ok(Some(Staleness::Held(held.hold.to_string())));
        }
        let places = self.places.get(&whose.1).map_or(&[][..], Vec::as_slice);
        let of_person: Vec<Due> = places.iter().map(|place| self.plan.changes.at(*place)).collect::<Result<_, _>>()?;
        let Some(due) = of_person.iter().find(|due| due.change.action.kind() == change.shown.action) else {
            // What takes back several writes has another change beside this one: that is not what has become of it.
            let other = of_person.first().filter(|_| saved.undo.is_none());
            return Ok(Some(other.map_or(Staleness::Over, |other| Staleness::Another(other.change.action.kind()))));
        };
        let now = &due.change;
        let line = digest::plan_line(now, due.basis.as_ref()).to_string();
        if line == change.line {
            return Ok(None);
        }
        let edits: BTreeMap<Attribute, Pair> =
            now.edits().into_iter().map(|(a, (before, after))| (a, Pair { before, after })).collect();
        let (hidden, shown) = (digest::hidden(now), &change.shown);
        let all: BTreeSet<&Attribute> = edits.keys().chain(shown.edits.keys()).collect();
        let differs = |a: &&Attribute| edits.get(*a) != shown.edits.get(*a) || hidden.get(*a) != shown.hidden.get(*a);
        Ok(Some(Staleness::Values(all.into_iter().filter(differs).map(ToString::to_string).collect())))
    }
}
