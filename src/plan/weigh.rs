//! What does a plan keep of one person who was considered?

use std::collections::BTreeSet;

use super::{Case, Decision, Foundation, PlannedRoute, Resolved, claims, consider, hold_of, leaned_on};
use crate::model::{Attribute, Change, Held, Link, ObjectId, Timestamp};

/// One person of a route, considered.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// The home user.
    pub home: ObjectId,
    /// Has a known account.
    pub is_linked: bool,
    /// That account is still being provisioned.
    pub is_provisioning: bool,
    /// The link, where what we remember of the person changes without a write.
    pub link: Option<Link>,
    /// What becomes of them.
    pub fate: Fate,
}

/// What becomes of a person.
#[derive(Clone, Debug)]
pub enum Fate {
    /// This change is due.
    Due(Box<Due>),
    /// They are held.
    Held(Box<Held>),
    /// Nothing to do until something changes.
    Settled,
    /// Nothing to do before this instant.
    Waiting(Timestamp),
}

/// A change with what a plan says of it beside.
#[derive(Clone, Debug)]
pub struct Due {
    /// The change.
    pub change: Change,
    /// To whom it refers who has no account yet.
    pub awaited: BTreeSet<ObjectId>,
    /// Of a join by match: see [`leaned_on`].
    pub leaned_on: Option<BTreeSet<String>>,
    /// See [`Foundation::basis`].
    pub basis: String,
    /// Values that nobody else may be given from now on.
    pub claims: Vec<(Attribute, String)>,
}

/// Considers one person. What it says hangs on nobody who is weighed before, unless values are chosen: see
/// [`chooses_values`].
pub fn weigh(route: &PlannedRoute, foundation: &Foundation, case: &Case, now: Timestamp) -> Weighed {
    let considered = consider(route, case, now);
    let link = considered.link.as_ref().or(case.link.as_ref());
    let is_linked = link.is_some_and(|link| link.account().is_some());
    let fate = match considered.decision {
        Decision::Do(change) => {
            let unresolved = case.answers.references.iter().filter(|(_, to)| **to == Resolved::Nobody);
            Fate::Due(Box::new(Due {
                awaited: unresolved.map(|(whom, _)| whom.clone()).collect(),
                leaned_on: change.matched_account().is_some().then(|| leaned_on(route, case, now)),
                basis: foundation.basis(case),
                claims: claims(route, &change),
                change,
            }))
        }
        Decision::Hold(hold) => Fate::Held(Box::new(hold_of(&route.name, &case.home, hold))),
        Decision::Settled => Fate::Settled,
        Decision::Waiting(until) => Fate::Waiting(until),
    };
    let is_provisioning = case.link.as_ref().is_some_and(|link| !link.initialised);
    Weighed { home: case.home.object.clone(), is_linked, is_provisioning, link: considered.link, fate }
}

/// Do the rules give values that nobody else has? Whoever is given one has to be known before the next person is asked about.
pub fn chooses_values(route: &PlannedRoute) -> bool {
    route.rules.iter().any(|rules| !rules.unique_attributes().is_empty())
}
