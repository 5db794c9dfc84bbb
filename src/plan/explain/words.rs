//! How are verdicts, situations and decisions put to a person?

use super::ladder::{CandidateFate, CandidateSeen};
use crate::model::{Action, Change, ObjectId, Origin, Presence, Timestamp, Value};
use crate::plan::Case;
use crate::plan::matching::Situation;
use crate::plan::scope::{Judged, Verdict};
use crate::rules::LeaverAction;

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::In => "in scope",
        Verdict::Disabled => "blocked at home",
        Verdict::Out => "out of scope",
        Verdict::HomeRemoved => "deleted at home",
        Verdict::NotOurs => "external",
    }
}

pub(super) fn because(judged: &Judged<'_>, case: &Case) -> String {
    let rules = judged.rules.map_or("", |r| r.name.as_str());
    match judged.verdict {
        Verdict::In if case.home.is_enabled() => format!("rule set {rules} takes the user"),
        Verdict::In => format!("rule set {rules} takes the user, blocked at home or not"),
        Verdict::Disabled => {
            format!("rule set {rules} would take the user, who is blocked at home: its rule for blocked people applies")
        }
        Verdict::Out => format!("no rule set of the route takes the user{}", last_had(case, rules)),
        Verdict::HomeRemoved if case.home.presence == Presence::SoftDeleted => {
            format!("the user is in the home tenant's deletedItems{}", last_had(case, rules))
        }
        Verdict::HomeRemoved => format!("the user is gone from the home tenant{}", last_had(case, rules)),
        Verdict::NotOurs => {
            let mark = |name| {
                let value = case.home.attributes.get(name).map(Value::to_string).unwrap_or_default();
                format!("{name} is \"{value}\"")
            };
            let marks: Vec<String> = case.home.marks_of_an_invitation().map(mark).collect();
            format!("external in its own home tenant ({}): never exported, whatever a rule says", marks.join(", "))
        }
    }
}

fn last_had(case: &Case, rules: &str) -> String {
    let leaves = case.link.is_some();
    if leaves { format!("; [leavers] of rule set {rules} says what becomes of the account") } else { String::new() }
}

pub(super) fn situation_name(situation: &Situation<'_>) -> &'static str {
    match situation {
        Situation::Linked(_) => "linked",
        Situation::Lost { .. } => "lost",
        Situation::Candidate { .. } => "candidate",
        Situation::Disputed(_) => "disputed",
        Situation::Taken(_) => "taken",
        Situation::Former(_) => "former",
        Situation::Stamped(_) => "stamped",
        Situation::AddressInUse { .. } => "address in use",
        Situation::Unmatched { .. } => "unmatched",
        Situation::Unsure => "unsure",
    }
}

pub(super) fn situation(situation: &Situation<'_>) -> String {
    match situation {
        Situation::Linked(account) => format!("linked to account {}, which stands", account.object),
        Situation::Lost { account, restorable: true } => {
            format!("linked to account {account}, which is in the target's deletedItems")
        }
        Situation::Lost { account, restorable: false } => format!("linked to account {account}, which is gone"),
        Situation::Candidate { account, ours: true } => {
            format!("account {} holds the address that crosstie invited: it is the one asked for", account.object)
        }
        Situation::Candidate { account, ours: false } => {
            format!("not linked; account {} is the one external account that answers", account.object)
        }
        Situation::Disputed(accounts) => format!("not linked; {} external accounts answer", accounts.len()),
        Situation::Taken(account) => format!("not linked; account {account} answers, and is another home user's"),
        Situation::Former(former) if former.deleted => {
            format!(
                "not linked; account {} in the target's deletedItems holds the address, and was somebody else's",
                former.account
            )
        }
        Situation::Former(former) => {
            format!("not linked; account {} answers, and belongs to somebody who is gone from home", former.account)
        }
        Situation::Stamped(accounts) => {
            let ids: Vec<&str> = accounts.iter().map(ObjectId::as_str).collect();
            format!("not linked, and bearing the user's stamp: account {}", ids.join(", "))
        }
        Situation::AddressInUse { account, native: true } => {
            format!("not linked; account {account} of the target itself holds the address")
        }
        Situation::AddressInUse { account, native: false } => {
            format!("not linked; account {account} holds the address, and no [[match]] finds it")
        }
        Situation::Unmatched { asked: true } => {
            "an invitation left, its answer was lost, and the account did not come to be".to_owned()
        }
        Situation::Unmatched { asked: false } => "not linked; no account answers".to_owned(),
        Situation::Unsure => {
            "an invitation left, its answer was lost, and the target was not read to its end since".to_owned()
        }
    }
}

pub(super) fn not_looked_for(verdict: Verdict) -> String {
    match verdict {
        Verdict::NotOurs => "no account is looked for: external users get none".to_owned(),
        _ => "no account is looked for: the user has none of ours, and gets none".to_owned(),
    }
}

pub(super) fn rung(has_value: bool, candidates: &[CandidateSeen], decides: bool) -> String {
    match (has_value, candidates) {
        (false, _) => "not looked for: the source gives no text".to_owned(),
        (true, []) => "nobody answers".to_owned(),
        (true, some) => format!("answered by {}{}", accounts(some.len()), what_follows(some, decides)),
    }
}

pub(super) fn address(has_value: bool, candidates: &[CandidateSeen], decides: bool) -> String {
    match (has_value, candidates) {
        (false, _) => "there is no address to invite".to_owned(),
        (true, []) => "free: nobody holds it".to_owned(),
        (true, some) => format!("held by {}{}", accounts(some.len()), what_follows(some, decides)),
    }
}

fn what_follows(candidates: &[CandidateSeen], decides: bool) -> &'static str {
    match (decides, candidates.iter().any(|c| c.fate == CandidateFate::NotReached)) {
        (true, _) => ": this settles it",
        (false, true) => ", not looked at",
        (false, false) => ", not to be joined",
    }
}

fn accounts(n: usize) -> String {
    if n == 1 { "1 account".to_owned() } else { format!("{n} accounts") }
}

pub(super) fn candidate(fate: CandidateFate) -> &'static str {
    match fate {
        CandidateFate::Match => "the account: external, the only one that answers, and nobody's",
        CandidateFate::Taken => "not taken: it is another home user's",
        CandidateFate::Disputed => "not taken: it is not the only one that answers",
        CandidateFate::Native => "not taken: at home in the target, and native accounts are never joined",
        CandidateFate::HoldsAddress => "not taken: it holds the address, and no [[match]] joins it",
        CandidateFate::NotReached => "not looked at: settled by another question, or by none yet",
    }
}

pub(super) fn waiting(until: Timestamp) -> String {
    format!("the account is blocked, and deleted after {} unless the user comes back", until.rfc3339())
}

pub(super) fn change(change: &Change) -> String {
    let account = change.action.account().map(ToString::to_string).unwrap_or_default();
    let what = match &change.action {
        Action::Provision { .. } => "a new account is invited".to_owned(),
        Action::Join { origin: Origin::Joined, .. } => format!("account {account} is joined"),
        Action::Join { origin: Origin::Provisioned, .. } => {
            format!("account {account}, which crosstie had asked for, is linked")
        }
        Action::Update { .. } => format!("account {account} is updated"),
        Action::Restore { .. } => format!("account {account} is restored from deletedItems"),
        Action::Disable { .. } => format!("account {account} is blocked"),
        Action::Enable { .. } => format!("account {account}, which crosstie had blocked, is unblocked"),
        Action::Delete { .. } => format!("account {account} is deleted"),
        Action::Unlink => "the link is forgotten; no account is touched".to_owned(),
    };
    format!("{what} ({})", change.why)
}

/// Why nothing is due. `left_out`: an expression leaves the whole user out of the flow.
pub(super) fn settled(judged: &Judged<'_>, situation: &Situation<'_>, left_out: bool) -> &'static str {
    let disabled = judged.rules.map(|r| r.leavers.disabled);
    match (judged.verdict, situation) {
        (Verdict::NotOurs, _) => "external users are left alone",
        (Verdict::In, _) if left_out => "the rules leave the user out of the flow for now (IgnoreObjectFlow)",
        (Verdict::In, Situation::Linked(account)) if !account.is_enabled() => {
            "in step: nothing to write; the account is blocked in the target"
        }
        (Verdict::In, _) => "in step: nothing to write",
        (Verdict::Disabled, Situation::Linked(_)) if disabled == Some(LeaverAction::Keep) => {
            "the rules keep the accounts of blocked people as they are"
        }
        (_, Situation::Linked(account)) if !account.is_enabled() => "the account is blocked already, as the rules want",
        (_, Situation::Linked(_)) => "the rules keep the accounts of people who left",
        (_, Situation::Lost { restorable: true, .. }) => {
            "the account is in deletedItems already, and stays there until the user comes back"
        }
        _ => "no account of ours, and none is made: nothing to do",
    }
}
