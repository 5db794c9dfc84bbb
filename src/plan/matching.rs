//! Which account there is theirs?

use super::{Answer, Case, mapping};
use crate::model::{Attribute, ObjectId, Observed, Presence, Standing, Tie, Timestamp, Value, folded};
use crate::rules::{Output, RuleSet};

/// Where a home user stands with the target.
#[derive(Clone, Debug)]
pub enum Situation<'a> {
    /// Linked, and the account stands.
    Linked(&'a Observed),
    /// Linked, but the account is in deletedItems (restorable) or gone.
    Lost {
        /// The account.
        account: ObjectId,
        /// In deletedItems.
        restorable: bool,
    },
    /// Not linked; exactly one external account answers, and nobody has it.
    Candidate {
        /// The account.
        account: &'a Observed,
        /// We asked for it, and the answer was lost.
        ours: bool,
    },
    /// Not linked; several accounts answer.
    Disputed(Vec<ObjectId>),
    /// Not linked; the one that answers is another home user's.
    Taken(ObjectId),
    /// Not linked; an account that no match rule joins holds the address.
    AddressInUse {
        /// The account.
        account: ObjectId,
        /// At home in the target.
        native: bool,
    },
    /// Not linked; nobody answers.
    Unmatched {
        /// We did ask once, and it did not come to be.
        asked: bool,
    },
    /// We asked, and have not read the target to the end since.
    Unsure,
}

/// The match ladder for this user: rungs without a value are left out.
pub(super) fn rungs(rules: &RuleSet, home: &Observed, now: Timestamp) -> Vec<(Attribute, String)> {
    let rung = |m: &crate::rules::MatchRung| match m.source.evaluate(mapping::inputs(home, m.target.as_str(), now)) {
        Ok(Output::Value(Some(Value::Text(text)))) if !text.trim().is_empty() => {
            Some((m.target.clone(), folded(&text)))
        }
        _ => None,
    };
    rules.matches.iter().filter_map(rung).collect()
}

/// Link first, then the ladder, then whoever holds the address.
pub(super) fn situate(case: &Case) -> Situation<'_> {
    let asked = match case.link.as_ref().map(|l| &l.tie) {
        Some(Tie::Known { account, .. }) => return known(case, account),
        // The reading must have ended after the question left: before that, absence is no news.
        Some(Tie::Asked(asked)) if case.readings <= asked.reading => return Situation::Unsure,
        Some(Tie::Asked(_)) => true,
        None => false,
    };
    if asked {
        // The address was free when we asked, so whoever holds it now is the one we asked for.
        match external(&case.answers.address).as_slice() {
            [] => {}
            [one] if one.taken => return Situation::Taken(one.account.object.clone()),
            [one] => return Situation::Candidate { account: &one.account, ours: true },
            many => return Situation::Disputed(ids(many)),
        }
    }
    for rung in &case.answers.rungs {
        match external(rung).as_slice() {
            [] => {}
            [one] if one.taken => return Situation::Taken(one.account.object.clone()),
            [one] => return Situation::Candidate { account: &one.account, ours: false },
            many => return Situation::Disputed(ids(many)),
        }
    }
    match case.answers.address.first() {
        Some(one) if one.taken => Situation::Taken(one.account.object.clone()),
        Some(one) => Situation::AddressInUse {
            account: one.account.object.clone(),
            native: one.account.standing() == Standing::Native,
        },
        None => Situation::Unmatched { asked },
    }
}

fn known<'a>(case: &'a Case, account: &ObjectId) -> Situation<'a> {
    match &case.account {
        Some(observed) if observed.presence == Presence::Present => Situation::Linked(observed),
        Some(observed) => {
            Situation::Lost { account: account.clone(), restorable: observed.presence == Presence::SoftDeleted }
        }
        None => Situation::Lost { account: account.clone(), restorable: false },
    }
}

fn external(answers: &[Answer]) -> Vec<&Answer> {
    answers.iter().filter(|a| a.account.standing() == Standing::External).collect()
}

fn ids(answers: &[&Answer]) -> Vec<ObjectId> {
    answers.iter().map(|a| a.account.object.clone()).collect()
}
