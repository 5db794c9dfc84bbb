//! May this account be written, and how does it say whose it is?

use super::mapping::Wanted;
use super::{Case, PlannedRoute, Situation};
use crate::model::{Action, Attribute, Edit, Hold, Observed, Ownership, Stamp};

/// What the account shall look like, with its stamp.
pub(super) fn stamped(route: &PlannedRoute, home: &Observed, mut wanted: Wanted) -> Wanted {
    if let Some(stamping) = &route.ownership.stamping {
        wanted.values.insert(stamping.attribute.clone(), stamping.value(&home.object));
        wanted.managed.insert(stamping.attribute.clone());
    }
    wanted
}

/// What speaks against a write of an account that stands or stood; `None`: nothing.
pub(super) fn objection(route: &PlannedRoute, case: &Case, situation: &Situation<'_>, action: &Action) -> Option<Hold> {
    // Nothing is written to an account that is only invited, and forgetting a link touches nobody.
    action.account()?;
    let account = match situation {
        Situation::Linked(account) | Situation::Candidate { account, .. } => account,
        _ => case.account.as_ref()?,
    };
    protected(&route.ownership, account).or_else(|| borne(route, case, account, action))
}

/// Why nothing may be done to an account that somebody has put out of reach; `None`: nobody has.
pub fn protected(ownership: &Ownership, account: &Observed) -> Option<Hold> {
    let entry = ownership.protected.covers(account)?.to_owned();
    Some(Hold::Protected { account: account.object.clone(), entry })
}

/// An account that bears another's stamp is not written at all. A text of somebody else is not written over, but it keeps
/// nobody's access alive: blocks and deletions go on.
fn borne(route: &PlannedRoute, case: &Case, account: &Observed, action: &Action) -> Option<Hold> {
    let stamping = route.ownership.stamping.as_ref()?;
    let stamp = stamping.read(account);
    let objects = match &stamp {
        Stamp::None => false,
        Stamp::Of { .. } => !stamping.names(&stamp, &case.home.object),
        Stamp::Foreign => writes(action, &stamping.attribute),
    };
    objects.then(|| Hold::Stamped { account: account.object.clone(), attribute: stamping.attribute.clone(), stamp })
}

fn writes(action: &Action, attribute: &Attribute) -> bool {
    match action {
        Action::Join { edits, .. } | Action::Update { edits, .. } => {
            edits.get(attribute).is_some_and(|edit| matches!(edit, Edit::Set(_)))
        }
        _ => false,
    }
}
