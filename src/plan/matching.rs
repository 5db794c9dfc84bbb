//! Which account there is theirs?

use super::{Answer, Case, mapping};
use crate::model::{Attribute, Former, ObjectId, Observed, Presence, Standing, Tie, Timestamp, Value, folded};
use crate::rules::{MatchRung, Output, RuleSet};

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
    /// Not linked; the one that answers, or a deleted one that holds the address, belongs to somebody who is gone from home.
    Former(&'a Former),
    /// Not linked; these bear the user's stamp.
    Stamped(Vec<ObjectId>),
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
    let rung = |m: &MatchRung| Some((m.target.clone(), looked_for(m, home, now)?));
    rules.matches.iter().filter_map(rung).collect()
}

/// The value that one rung looks for, where it has one.
pub(super) fn looked_for(rung: &MatchRung, home: &Observed, now: Timestamp) -> Option<String> {
    match rung.source.evaluate(mapping::inputs(home, rung.target.as_str(), now)) {
        Ok(Output::Value(Some(Value::Text(text)))) if !text.trim().is_empty() => Some(folded(&text)),
        _ => None,
    }
}

/// Link first, then the stamp, then the ladder, then whoever holds the address, or did.
pub(super) fn situate(case: &Case) -> Situation<'_> {
    let asked = match case.link.as_ref().map(|l| &l.tie) {
        Some(Tie::Known { account, .. }) => return known(case, account),
        // The reading must have ended after the question left: before that, absence is no news.
        Some(Tie::Asked(asked)) if case.readings <= asked.reading => return Situation::Unsure,
        Some(Tie::Asked(_)) => true,
        None => false,
    };
    if !asked && !case.answers.stamped.is_empty() {
        return Situation::Stamped(ids(&case.answers.stamped.iter().collect::<Vec<_>>()));
    }
    let taken = |account: ObjectId| {
        let former = case.answers.former.iter().find(|former| former.account == account);
        former.map_or(Situation::Taken(account), Situation::Former)
    };
    match decider(case, asked) {
        Some((_, Situation::Taken(account))) => return taken(account),
        Some((_, situation)) => return situation,
        None => {}
    }
    match case.answers.address.first() {
        Some(one) if one.taken => taken(one.account.object.clone()),
        Some(one) => Situation::AddressInUse {
            account: one.account.object.clone(),
            native: one.account.standing() == Standing::Native,
        },
        None => match case.answers.former.iter().find(|former| former.deleted && !asked) {
            Some(former) => Situation::Former(former),
            None => Situation::Unmatched { asked },
        },
    }
}

/// Which question an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// Who holds the address?
    Address,
    /// The rung with this number, among those that have a value.
    Rung(usize),
}

/// The first question that any external account answers, and what follows from it.
pub(super) fn decider(case: &Case, asked: bool) -> Option<(Asking, Situation<'_>)> {
    // The address was free when we asked, so whoever holds it now is the one we asked for.
    let invited = asked.then_some((Asking::Address, &case.answers.address));
    let rungs = case.answers.rungs.iter().enumerate().map(|(n, rung)| (Asking::Rung(n), rung));
    invited.into_iter().chain(rungs).find_map(|(asking, answers)| {
        let situation = match external(answers).as_slice() {
            [] => return None,
            [one] if one.taken => Situation::Taken(one.account.object.clone()),
            [one] => Situation::Candidate { account: &one.account, ours: asking == Asking::Address },
            many => Situation::Disputed(ids(many)),
        };
        Some((asking, situation))
    })
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
