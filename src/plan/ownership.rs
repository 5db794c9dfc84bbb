//! May this account be written, and how does it say whose it is?

use std::collections::BTreeSet;

use super::mapping::Wanted;
use super::matching::{self, Asking};
use super::{Case, PlannedRoute, Situation, question};
use crate::model::{Action, Attribute, Edit, Hold, Observed, Ownership, Stamp, Timestamp, Value};

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

/// The addresses that a join by match leans on: the person's mail, or the sign-in name of whoever has none, and the value
/// by which the account was found, where that is an address: it may come from an attribute that anybody can write.
pub fn leaned_on(route: &PlannedRoute, case: &Case, now: Timestamp) -> BTreeSet<String> {
    let own =
        |name: &str| case.home.attributes.get(name).and_then(Value::as_text).filter(|text| !text.trim().is_empty());
    let person = own(Attribute::MAIL).or_else(|| own(Attribute::USER_PRINCIPAL_NAME)).unwrap_or_default().to_owned();
    let found = match matching::decider(case, false) {
        Some((Asking::Rung(n), _)) => {
            let asked = question(route, &case.home, &case.member_of, case.link.as_ref(), now);
            asked.rungs.into_iter().nth(n).map(|(_, value)| value)
        }
        _ => None,
    };
    found.filter(|value| domain_of(value).is_some()).into_iter().chain([person]).collect()
}

/// The domain of an address, in lower case. That of an invited sign-in name is the one that was invited:
/// `ada_north.example#EXT#@south.example` is of `north.example`, for no domain has an underscore.
pub fn domain_of(address: &str) -> Option<String> {
    let lower = address.trim().to_lowercase();
    let domain = match lower.split_once("#ext#") {
        Some((invited, _)) => invited.rsplit_once('_').map(|(_, domain)| domain),
        None => lower.rsplit_once('@').map(|(_, domain)| domain),
    };
    domain.filter(|domain| !domain.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::domain_of;

    #[test]
    fn the_domain_of_an_address_is_the_one_that_was_invited() {
        let cases = [
            ("Ada@North.example ", Some("north.example")),
            ("ada@x@evil.example", Some("evil.example")),
            ("a_b_north.example#EXT#@south.example", Some("north.example")),
            ("ada#ext#@north.example", None),
            ("N0000008", None),
            ("ada@", None),
            ("", None),
        ];
        for (address, domain) in cases {
            assert_eq!(domain_of(address).as_deref(), domain, "{address}");
        }
    }
}
