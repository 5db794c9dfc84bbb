//! What should change? Pure, one user of one route at a time: same case in, same decision out.

mod adopt;
mod ahead;
mod changes;
mod conflict;
mod decide;
mod differ;
mod digest;
pub mod explain;
mod guard;
mod impact;
mod mapping;
mod matching;
mod ownership;
mod pile;
mod rehearse;
mod rule_edits;
mod saved;
mod scope;
mod undo;
mod weigh;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::model::{
    Action, ActionKind, Attribute, Change, Edits, Former, Held, Hold, Link, ObjectId, Observed, Ownership, Person,
    RouteName, Timestamp, Value, folded,
};
use crate::rules::RuleSet;

pub use adopt::{Adoption, adoption};
pub use ahead::invites_singly;
pub use changes::{Changes, Due, Packed};
pub use conflict::{Claims, claim_hash, claim_of, claims_anything, hold_shared};
pub use decide::Decision;
pub use differ::{Difference, differences, judgement};
pub use digest::{Foundation, LineHash, change_line, digest, digest_of_routes, held_line, plan_line, undo_basis};
pub use explain::explain;
pub use guard::{
    Bound, Counted, People, Refusal, asks_for_the_day, count_in, counted_as, guarded, population_counts, refusals,
    refusals_of_a_day, unsigned,
};
pub use impact::{Comparison, Touch};
pub use mapping::{INVITED_WITH, Wanted};
pub use matching::Situation;
pub use ownership::{domain_of, leaned_on, protected};
pub use pile::{Place, Shelf, Unkept};
pub use rehearse::{Made, Rehearsal, Unwritten, rehearse};
pub use rule_edits::{Part, RuleEdit};
pub use saved::{Kept, SavedPlan, Stale, Staleness, adds_only_references, file_lines, keep_to, undo_fingerprint};
pub use scope::Verdict;
pub use undo::{Done, Inverse, inverse};
pub use weigh::{Fate, Weighed, chooses_values, weigh};

/// A route as the planner sees it.
#[derive(Clone, Debug)]
pub struct PlannedRoute {
    /// Home and target.
    pub name: RouteName,
    /// The first whose scope takes a user has that user.
    pub rules: Vec<Arc<RuleSet>>,
    /// Which of the target's accounts may be written.
    pub ownership: Ownership,
}

impl PlannedRoute {
    /// Changes whenever any rule set of the route does, or the stamp: then everyone is considered anew. Whoever is
    /// protected has no part in it: people who are held are looked at in every cycle, and nothing is due to the others.
    pub fn fingerprint(&self) -> String {
        let rules = self.rules.iter().map(|r| format!("{}={}", r.name, r.fingerprint));
        let stamp = self.ownership.stamping.iter().map(|s| format!("stamp={}:{}", s.attribute, s.home));
        rules.chain(stamp).collect::<Vec<_>>().join(";")
    }
    /// While this stays the same, whoever is settled stays settled. Rules that ask the time give others answers by
    /// themselves: under these everybody is considered anew each day (UTC), as hire dates and their like need it.
    pub fn marks(&self, now: Timestamp) -> String {
        let rules = self.fingerprint();
        if self.rules.iter().any(|r| r.asks_the_time()) { format!("{rules};day={}", now.day().0) } else { rules }
    }
    /// The rule set of that name, or the first: a route has at least one.
    fn rules_named(&self, name: &str) -> Option<&Arc<RuleSet>> {
        self.rules.iter().find(|r| r.name == name).or_else(|| self.rules.first())
    }
}

/// An account that answers a question, and whether another home user has it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The account.
    pub account: Observed,
    /// Linked to another home user, on whichever route.
    pub taken: bool,
}

/// What a reference to another home user leads to in the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// That user's account.
    To(ObjectId),
    /// That user has no account there.
    Nobody,
    /// That user's account is on its way, or in deletedItems: leave the reference as it is.
    Pending,
}

/// Everything known about one home user on one route, as values.
#[derive(Clone, Debug)]
pub struct Case {
    /// The home user.
    pub home: Observed,
    /// Home groups, named by the route's rules, that the user is in.
    pub member_of: BTreeSet<String>,
    /// The tie to its account.
    pub link: Option<Link>,
    /// The account that the link knows.
    pub account: Option<Observed>,
    /// What [`question`] asked for.
    pub answers: Answers,
    /// Readings of the target that have run to their end.
    pub readings: u64,
}

/// What must be looked up in the target before a case can be judged. Empty for users with a known account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Match ladder, in order of precedence: an attribute and the folded value that it must have.
    pub rungs: Vec<(Attribute, String)>,
    /// The address that would be invited.
    pub address: Option<String>,
    /// Other home users that the user refers to.
    pub references: BTreeSet<ObjectId>,
    /// The stamp that the user's account bears, where accounts are stamped: the attribute, and the folded value.
    pub stamp: Option<(Attribute, String)>,
    /// Values that may be somebody else's already, by the attribute that one of them shall be chosen for.
    pub unique: BTreeMap<Attribute, Vec<String>>,
}

/// The answers to a [`Question`].
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// For each rung: present accounts, native ones too.
    pub rungs: Vec<Vec<Answer>>,
    /// Present accounts that hold the address.
    pub address: Vec<Answer>,
    /// Present accounts that bear the user's stamp.
    pub stamped: Vec<Answer>,
    /// Accounts among those above, and deleted ones that hold the address, that belong to people who are gone from home.
    pub former: Vec<Former>,
    /// By home user.
    pub references: BTreeMap<ObjectId, Resolved>,
    /// Of the values asked for, those that are somebody else's, ignoring case.
    pub unique: BTreeMap<Attribute, BTreeSet<String>>,
}

/// A decision, and the link as it shall be remembered from now on.
#[derive(Clone, Debug)]
pub struct Considered {
    /// What to do.
    pub decision: Decision,
    /// The link, where what we remember of the person changes without a write.
    pub link: Option<Link>,
}

/// A plan for one route.
#[derive(Clone, Debug)]
pub struct RoutePlan {
    /// Which route.
    pub route: RouteName,
    /// Fingerprint of its rules.
    pub fingerprint: String,
    /// In the order in which people were considered.
    pub changes: Changes,
    /// Seen, not decidable.
    pub held: Vec<Held>,
    /// Linked users to whom nothing happens.
    pub settled: u64,
    /// Links with a known account, before any change.
    pub population: u64,
}

/// What would be written.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One for each route that could be planned.
    pub routes: Vec<RoutePlan>,
}

impl RoutePlan {
    /// References that this plan's own provisions and joins will make possible: writes that follow in the same run.
    ///
    /// # Errors
    /// Those of the shelf.
    pub fn references_to_follow(&self) -> Result<u64, Unkept> {
        if !self.changes.awaits() {
            return Ok(0);
        }
        // Few people are awaited by many. By hashes: where two meet by chance, a write more or less is foretold.
        let (mut awaited, mut follow): (BTreeMap<u64, u64>, u64) = (BTreeMap::new(), 0);
        for due in self.changes.dues() {
            due?.awaited.iter().for_each(|whom| *awaited.entry(hash_of(whom)).or_default() += 1);
        }
        for due in self.changes.dues() {
            let change = due?.change;
            if matches!(change.action.kind(), ActionKind::Provision | ActionKind::Join) {
                follow += awaited.remove(&hash_of(&change.home.id)).unwrap_or_default();
            }
        }
        Ok(follow)
    }
}

/// For what is looked up by its hash within one plan.
fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Plan {
    /// True where nothing would change.
    pub fn is_empty(&self) -> bool {
        self.routes.iter().all(|r| r.changes.is_empty())
    }
}

/// How many object writes a change leads to in all, the updates that follow a provisioning included.
pub fn writes_in_all(change: &Change) -> u64 {
    let references = |attributes: &mut dyn Iterator<Item = &Attribute>| -> u64 {
        attributes.filter(|a| a.is_reference()).count() as u64
    };
    let edited = |edits: &Edits| {
        let references = references(&mut edits.keys());
        u64::from(edits.len() as u64 > references) + references
    };
    match &change.action {
        Action::Provision { wanted, .. } => {
            let more = wanted.keys().any(|a| !a.is_reference() && !INVITED_WITH.contains(&a.as_str()));
            1 + u64::from(more) + references(&mut wanted.keys())
        }
        Action::Join { edits, .. } | Action::Update { edits, .. } => edited(edits),
        Action::Restore { .. } | Action::Disable { .. } | Action::Enable { .. } | Action::Delete { .. } => 1,
        Action::Unlink => 0,
    }
}

/// Shall there be an account for this home user? Nothing is ever due to somebody who has no link and shall have none.
pub fn wants_account(route: &PlannedRoute, home: &Observed, member_of: &BTreeSet<String>) -> bool {
    scope::judge(route, home, member_of, None).verdict == Verdict::In
}

/// The attributes that the answer of [`wants_account`] hangs on: of somebody who has them alike it is the same.
pub fn wanting_hangs_on(route: &PlannedRoute) -> BTreeSet<Attribute> {
    let laws = Observed::MARKED.into_iter().chain([Attribute::ACCOUNT_ENABLED]).map(Attribute::from);
    route.rules.iter().flat_map(|rules| rules.scope_attributes()).chain(laws).collect()
}

/// What the store must look up before [`consider`] can judge.
pub fn question(
    route: &PlannedRoute,
    home: &Observed,
    member_of: &BTreeSet<String>,
    link: Option<&Link>,
    now: Timestamp,
) -> Question {
    let judged = scope::judge(route, home, member_of, link);
    let Some(rules) = judged.rules else { return Question::default() };
    let references = match judged.verdict {
        Verdict::In | Verdict::Disabled => mapping::references(rules, home),
        _ => BTreeSet::new(),
    };
    let chooses = judged.verdict == Verdict::In && link.is_none_or(|l| !l.initialised);
    let unique = if chooses { mapping::candidates(rules, home, now) } else { BTreeMap::new() };
    if link.is_some_and(|l| l.account().is_some()) {
        return Question { references, unique, ..Question::default() };
    }
    let wants_account = judged.verdict == Verdict::In || link.is_some();
    if !wants_account {
        return Question::default();
    }
    let asked = link.and_then(|l| match &l.tie {
        crate::model::Tie::Asked(asked) => Some(asked.address.clone()),
        crate::model::Tie::Known { .. } => None,
    });
    Question {
        rungs: matching::rungs(rules, home, now),
        address: asked.or_else(|| mapping::address(rules, home, now)).map(|a| folded(&a)),
        stamp: route.ownership.stamping.as_ref().map(|stamping| {
            let value = stamping.value(&home.object);
            (stamping.attribute.clone(), value.as_text().map(folded).unwrap_or_default())
        }),
        references,
        unique,
    }
}

/// The unique values that a change gives to an account: nobody else may choose them from now on.
pub fn claims(route: &PlannedRoute, change: &Change) -> Vec<(Attribute, String)> {
    let Some(rules) = route.rules_named(&change.rules) else { return Vec::new() };
    let unique = rules.unique_attributes();
    let mut claims = Vec::new();
    for (attribute, [_, after]) in change.pairs() {
        if let (Some(attribute), Some(Value::Text(value))) = (unique.get(attribute), after) {
            claims.push((attribute.clone(), folded(value)));
        }
    }
    claims
}

/// What should happen to this user's account on this route?
pub fn consider(route: &PlannedRoute, case: &Case, now: Timestamp) -> Considered {
    decide::decide(route, case, now)
}

/// How people know the home user.
pub fn person(home: &Observed) -> Person {
    Person { id: home.object.clone(), user_principal_name: home.user_principal_name().to_owned() }
}

/// A change or a hold of one considered case, as the plan lists it.
pub fn hold_of(route: &RouteName, home: &Observed, hold: Hold) -> Held {
    Held { route: route.clone(), home: person(home), hold }
}
