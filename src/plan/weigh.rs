//! What does a plan keep of one person who was considered?

use super::{
    Case, Decision, Due, Foundation, Packed, PlannedRoute, Resolved, Unkept, claims, consider, hold_of, leaned_on,
};
use crate::model::{Attribute, Held, Link, ObjectId, Timestamp};

/// One person of a route, considered.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// The home user.
    pub home: ObjectId,
    /// Has a known account.
    pub is_linked: bool,
    /// The link, where what we remember of the person changes without a write.
    pub link: Option<Link>,
    /// What becomes of them.
    pub fate: Fate,
}

/// What becomes of a person.
#[derive(Clone, Debug)]
pub enum Fate {
    /// A change is due.
    Due {
        /// The change.
        packed: Box<Packed>,
        /// Values that nobody else may be given from now on.
        claims: Vec<(Attribute, String)>,
    },
    /// They are held.
    Held(Box<Held>),
    /// Nothing to do until something changes.
    Settled,
    /// Nothing to do before this instant.
    Waiting(Timestamp),
}

/// Considers one person. What it says hangs on nobody who is weighed before, unless values are chosen: see
/// [`chooses_values`].
///
/// # Errors
/// As [`Due::packed`].
pub fn weigh(route: &PlannedRoute, foundation: &Foundation, case: &Case, now: Timestamp) -> Result<Weighed, Unkept> {
    let considered = consider(route, case, now);
    let link = considered.link.as_ref().or(case.link.as_ref());
    let is_linked = link.is_some_and(|link| link.account().is_some());
    let fate = match considered.decision {
        Decision::Do(change) => {
            let unresolved = case.answers.references.iter().filter(|(_, to)| **to == Resolved::Nobody);
            let due = Due {
                awaited: unresolved.map(|(whom, _)| whom.clone()).collect(),
                leaned_on: change.matched_account().is_some().then(|| leaned_on(route, case, now)),
                basis: Some(foundation.basis(case)),
                is_provisioning: case.link.as_ref().is_some_and(|link| !link.initialised),
                change,
            };
            Fate::Due { packed: Box::new(due.packed()?), claims: claims(route, &due.change) }
        }
        Decision::Hold(hold) => Fate::Held(Box::new(hold_of(&route.name, &case.home, hold))),
        Decision::Settled => Fate::Settled,
        Decision::Waiting(until) => Fate::Waiting(until),
    };
    Ok(Weighed { home: case.home.object.clone(), is_linked, link: considered.link, fate })
}

/// Do the rules give values that nobody else has? Whoever is given one has to be known before the next person is asked about.
pub fn chooses_values(route: &PlannedRoute) -> bool {
    route.rules.iter().any(|rules| !rules.unique_attributes().is_empty())
}
