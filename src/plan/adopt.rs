//! May an account that says whose it is, or that a person names, be tied to a home user again?

use super::mapping;
use super::ownership::protected;
use super::scope::{self, Verdict};
use super::{Case, PlannedRoute};
use crate::model::{Attributes, Link, Observed, Origin, Presence, Stamp, Standing, Tie, Timestamp};

/// What becomes of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// This link is made.
    Link(Link),
    /// It is there.
    Linked,
    /// None is made, because …
    Refused(String),
}

/// The tie between the home user of the case and the account. Nothing is written to the account because of it: it counts
/// as finished, so that what is written once is not written again, and a value that is written when it changes at home
/// stays as it is until it does. `leavers`: also people who have left, whom the leavers rule then treats.
pub fn adoption(route: &PlannedRoute, case: &Case, account: &Observed, leavers: bool, now: Timestamp) -> Adoption {
    let refused = |why: &str| Adoption::Refused(why.to_owned());
    match case.link.as_ref().map(|link| &link.tie) {
        Some(Tie::Known { account: known, .. }) if *known == account.object => return Adoption::Linked,
        Some(Tie::Known { account: known, .. }) => {
            return Adoption::Refused(format!("its person is linked to another account, {known}"));
        }
        Some(Tie::Asked(_)) => return refused("its person was invited, and the answer is not known yet: sync first"),
        None => {}
    }
    if let Some(why) = unfit(route, case, account) {
        return Adoption::Refused(why);
    }
    let judged = scope::judge(route, &case.home, &case.member_of, None);
    let rules = match (judged.verdict, judged.rules) {
        (Verdict::In | Verdict::Disabled, Some(rules)) => rules,
        (Verdict::Out, Some(rules)) if leavers => rules,
        (Verdict::HomeRemoved, Some(rules)) if leavers => rules,
        (Verdict::Out, _) => {
            return refused("its person is out of scope: --leavers links it, for the leavers rule to treat");
        }
        (Verdict::HomeRemoved, _) => {
            return refused("its person is gone from home: --leavers links it, for the leavers rule to treat");
        }
        _ => return refused("its person is external at home, and has no account of ours"),
    };
    let wanted = mapping::wanted(rules, &case.home, &case.answers, false, now).unwrap_or_default();
    let last = |a: &_| wanted.values.get(a).map(|v| (Clone::clone(a), v.clone()));
    let baseline: Attributes = wanted.on_change.iter().filter_map(last).collect();
    Adoption::Link(Link {
        route: route.name.clone(),
        home: case.home.object.clone(),
        tie: Tie::Known { account: account.object.clone(), origin: Origin::Joined },
        rules: rules.name.clone(),
        initialised: true,
        // Whoever blocked it: nobody knows any more, and a block that may be the target's own stays.
        disabled_by_us: false,
        leaving_since: None,
        baseline,
        since: now,
    })
}

/// What speaks against the account itself.
fn unfit(route: &PlannedRoute, case: &Case, account: &Observed) -> Option<String> {
    if account.presence != Presence::Present {
        return Some("it is deleted: restore it in the target first".to_owned());
    }
    if account.standing() == Standing::Native {
        return Some("it is at home in the target: native accounts are nobody's but the target's".to_owned());
    }
    if let Some(hold) = protected(&route.ownership, account) {
        return Some(hold.to_string());
    }
    let stamping = route.ownership.stamping.as_ref()?;
    let stamp = stamping.read(account);
    let anothers = match &stamp {
        Stamp::None => false,
        Stamp::Of { .. } => !stamping.names(&stamp, &case.home.object),
        Stamp::Foreign => true,
    };
    anothers.then(|| format!("it bears {stamp} in {}: clear that there first, if you are sure", stamping.attribute))
}
