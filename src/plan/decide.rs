//! What must change? One total match: the decision table of the whole product.

use std::collections::BTreeSet;

use super::mapping::{self, Unmapped, Wanted};
use super::matching::{self, Situation};
use super::scope::{self, Verdict};
use super::{Case, Considered, PlannedRoute, ownership, person};
use crate::model::{
    Action, Attribute, Attributes, Change, Edit, Edits, Hold, Link, ObjectId, Observed, Origin, Timestamp, Value, Why,
    edit_between, same_value,
};
use crate::rules::{LeaverAction, RuleSet};

/// A day in seconds, for `grace_days`.
pub(super) const DAY_SECONDS: u64 = 86_400;

/// The end of considering one case.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Make this change.
    Do(Change),
    /// Seen, not decidable.
    Hold(Hold),
    /// Nothing to do until something changes.
    Settled,
    /// Nothing to do before this instant.
    Waiting(Timestamp),
}

enum Step {
    Do(Action, Why),
    Hold(Hold),
    Settled,
    Waiting(Timestamp),
}

/// Scope, mapping and matching, brought together.
pub(super) fn decide(route: &PlannedRoute, case: &Case, now: Timestamp) -> Considered {
    let judged = scope::judge(route, &case.home, &case.member_of, case.link.as_ref());
    let Some(rules) = judged.rules else {
        return Considered { decision: Decision::Settled, link: None };
    };
    let situation = matching::situate(case);
    let wanted = match judged.verdict {
        Verdict::In | Verdict::Disabled => {
            let wanted = mapping::wanted(rules, &case.home, &case.answers, may_select(&situation), now);
            wanted.map(|wanted| ownership::stamped(route, &case.home, wanted))
        }
        Verdict::Out | Verdict::HomeRemoved | Verdict::NotOurs => Ok(Wanted::default()),
    };
    let step = table(judged.verdict, &situation, &wanted, case, rules, now);
    let link = remembered(judged.verdict, &situation, &step, wanted.ok().as_ref(), case, rules, now);
    let decision = match step {
        Step::Do(action, why) => match ownership::objection(route, case, &situation, &action) {
            Some(hold) => Decision::Hold(hold),
            None => Decision::Do(change(route, case, &situation, rules, action, why)),
        },
        Step::Hold(hold) => Decision::Hold(hold),
        Step::Settled => Decision::Settled,
        Step::Waiting(until) => Decision::Waiting(until),
    };
    Considered { decision, link }
}

/// Is a unique value chosen for this account? It is part of making one, and a joined account keeps its own.
pub(super) fn may_select(situation: &Situation<'_>) -> bool {
    !matches!(situation, Situation::Candidate { ours: false, .. })
}

/// Rows: what the rules say. Columns: where the user stands with the target.
fn table(
    verdict: Verdict,
    situation: &Situation<'_>,
    wanted: &Result<Wanted, Unmapped>,
    case: &Case,
    rules: &RuleSet,
    now: Timestamp,
) -> Step {
    let leaving = |account: &Observed| leave(verdict, account, case, rules, now);
    match (verdict, situation) {
        (Verdict::NotOurs, _) => Step::Settled,
        (_, Situation::Unsure) => Step::Hold(Hold::AwaitingReading),
        (Verdict::In, situation) => match wanted {
            Err(Unmapped::Ignored) => Step::Settled,
            Err(Unmapped::Unusable { attribute, reason }) => {
                Step::Hold(Hold::Unmappable { attribute: attribute.clone(), reason: reason.clone() })
            }
            Ok(wanted) => in_scope(situation, wanted, case, rules, now),
        },
        (Verdict::Disabled, Situation::Linked(account)) => match (leaving(account), wanted) {
            // Blocked as it should be; the rest of the account is still kept in step.
            (Step::Settled, Ok(wanted)) if is_compared(verdict, rules) => update(account, wanted, case),
            (step, _) => step,
        },
        (Verdict::Out | Verdict::HomeRemoved, Situation::Linked(account)) => leaving(account),
        // Already in deletedItems: it stays there, and the link stays so that a returning user is restored.
        (_, Situation::Lost { restorable: true, .. }) => Step::Settled,
        (_, Situation::Lost { restorable: false, .. }) => Step::Do(Action::Unlink, Why::AccountMissing),
        // We asked for it, the answer was lost, and meanwhile the user left: it is treated as any account of ours.
        (_, Situation::Candidate { account, ours: true }) => {
            let (account, edits) = (account.object.clone(), Edits::new());
            Step::Do(Action::Join { account, edits, origin: Origin::Provisioned }, reason(verdict))
        }
        (_, Situation::Unmatched { asked: true }) => Step::Do(Action::Unlink, reason(verdict)),
        // Never touch an account that is not ours.
        (
            Verdict::Disabled | Verdict::Out | Verdict::HomeRemoved,
            Situation::Candidate { ours: false, .. }
            | Situation::Disputed(_)
            | Situation::Taken(_)
            | Situation::Former(_)
            | Situation::Stamped(_)
            | Situation::AddressInUse { .. }
            | Situation::Unmatched { asked: false },
        ) => Step::Settled,
    }
}

fn in_scope(situation: &Situation<'_>, wanted: &Wanted, case: &Case, rules: &RuleSet, now: Timestamp) -> Step {
    match situation {
        Situation::Linked(account) => update(account, wanted, case),
        Situation::Lost { account, restorable: true } => {
            Step::Do(Action::Restore { account: account.clone() }, Why::AccountMissing)
        }
        Situation::Lost { restorable: false, .. } => Step::Do(Action::Unlink, Why::AccountMissing),
        Situation::Candidate { account, ours } => {
            let origin = if *ours { Origin::Provisioned } else { Origin::Joined };
            let edits = edits(account, wanted, None, origin == Origin::Joined);
            Step::Do(Action::Join { account: account.object.clone(), edits, origin }, Why::InScope)
        }
        Situation::Disputed(who) => Step::Hold(Hold::Disputed(who.clone())),
        Situation::Taken(account) => Step::Hold(Hold::Taken { account: account.clone() }),
        Situation::Former(former) => Step::Hold(Hold::Former((*former).clone())),
        Situation::Stamped(accounts) => Step::Hold(Hold::Unadopted { accounts: accounts.clone() }),
        Situation::AddressInUse { account, native } => {
            Step::Hold(Hold::AddressInUse { account: account.clone(), native: *native })
        }
        Situation::Unmatched { .. } => match mapping::address(rules, &case.home, now) {
            Some(address) => Step::Do(Action::Provision { address, wanted: wanted.values.clone() }, Why::InScope),
            None => Step::Hold(Hold::Unmappable {
                attribute: Attribute::from(Attribute::MAIL),
                reason: "neither mail nor userPrincipalName to invite".to_owned(),
            }),
        },
        Situation::Unsure => Step::Hold(Hold::AwaitingReading),
    }
}

fn update(account: &Observed, wanted: &Wanted, case: &Case) -> Step {
    let Some(link) = &case.link else { return Step::Settled };
    let target = account.object.clone();
    let mapped = wanted.values.get(Attribute::ACCOUNT_ENABLED);
    let may_sign_in = mapped.map_or(case.home.is_enabled(), |v| *v == Value::Bool(true));
    // Only what we blocked is unblocked: a block set in the target stays until its own admin lifts it.
    if !account.is_enabled() && link.disabled_by_us && may_sign_in && case.home.is_enabled() {
        return Step::Do(Action::Enable { account: target }, Why::InScope);
    }
    let edits = edits(account, wanted, Some(link), false);
    if edits.is_empty() { Step::Settled } else { Step::Do(Action::Update { account: target, edits }, Why::InScope) }
}

/// What must be written to bring the account to what is wanted.
pub(super) fn edits(account: &Observed, wanted: &Wanted, link: Option<&Link>, joining: bool) -> Edits {
    let edit = |a: &Attribute| match fate(a, account, wanted, link, joining) {
        Fate::Written(edit) => Some((a.clone(), edit)),
        Fate::Past | Fate::UnchangedAtHome | Fate::Same | Fate::NeverUnblocks => None,
    };
    whole(wanted.managed.iter().filter_map(edit).collect(), account)
}

/// What becomes of a managed attribute of an account that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is written.
    Written(Edit),
    /// For new accounts only, and this one is none (any more).
    Past,
    /// Written when the home's value changes, and it has not.
    UnchangedAtHome,
    /// The account has it.
    Same,
    /// `accountEnabled = true` is no edit: who may lift a block is decided elsewhere.
    NeverUnblocks,
}

/// `apply = "create"` counts while the account is being provisioned and never for a joined one; `on-change` compares
/// with the home's last value, so that a local edit stays (three-way); `accountEnabled = true` is never written here.
pub(super) fn fate(
    attribute: &Attribute,
    account: &Observed,
    wanted: &Wanted,
    link: Option<&Link>,
    joining: bool,
) -> Fate {
    let initialised = link.filter(|l| l.initialised);
    if (joining || initialised.is_some()) && wanted.create_only.contains(attribute) {
        return Fate::Past;
    }
    let value = wanted.values.get(attribute);
    if wanted.on_change.contains(attribute) && initialised.is_some_and(|l| same_value(l.baseline.get(attribute), value))
    {
        return Fate::UnchangedAtHome;
    }
    match edit_between(&account.attributes, &wanted.values, attribute) {
        None => Fate::Same,
        Some(Edit::Set(Value::Bool(true))) if attribute.as_str() == Attribute::ACCOUNT_ENABLED => Fate::NeverUnblocks,
        Some(edit) => Fate::Written(edit),
    }
}

/// Is an account that stands kept in step? Somebody blocked and kept is not compared at all.
pub(super) fn is_compared(verdict: Verdict, rules: &RuleSet) -> bool {
    verdict == Verdict::In || (verdict == Verdict::Disabled && rules.leavers.disabled == LeaverAction::Disable)
}

/// Graph replaces a complex property as a whole: the account's own values of its other members are written along.
fn whole(mut edits: Edits, account: &Observed) -> Edits {
    let touched: BTreeSet<String> = edits.keys().filter_map(|a| a.complex().map(str::to_owned)).collect();
    if touched.is_empty() {
        return edits;
    }
    for (attribute, value) in &account.attributes {
        if attribute.complex().is_some_and(|complex| touched.contains(complex)) {
            edits.entry(attribute.clone()).or_insert_with(|| Edit::Set(value.clone()));
        }
    }
    edits
}

fn reason(verdict: Verdict) -> Why {
    match verdict {
        Verdict::In => Why::InScope,
        Verdict::Disabled => Why::HomeDisabled,
        Verdict::Out | Verdict::NotOurs => Why::OutOfScope,
        Verdict::HomeRemoved => Why::HomeDeleted,
    }
}

pub(super) fn leaver_action(verdict: Verdict, rules: &RuleSet) -> LeaverAction {
    match verdict {
        Verdict::Disabled => rules.leavers.disabled,
        Verdict::HomeRemoved => rules.leavers.deleted,
        Verdict::Out => rules.leavers.out_of_scope,
        Verdict::In | Verdict::NotOurs => LeaverAction::Keep,
    }
}

/// The leavers rule for an account that stands.
fn leave(verdict: Verdict, account: &Observed, case: &Case, rules: &RuleSet, now: Timestamp) -> Step {
    let target = account.object.clone();
    let disable = |account: ObjectId| Step::Do(Action::Disable { account }, reason(verdict));
    match leaver_action(verdict, rules) {
        LeaverAction::Keep => Step::Settled,
        LeaverAction::Disable if account.is_enabled() => disable(target),
        LeaverAction::Disable => Step::Settled,
        LeaverAction::Delete if rules.leavers.grace_days == 0 => {
            Step::Do(Action::Delete { account: target }, reason(verdict))
        }
        LeaverAction::Delete => {
            let since = case.link.as_ref().and_then(|l| l.leaving_since).unwrap_or(now);
            let due = since.plus_seconds(u64::from(rules.leavers.grace_days) * DAY_SECONDS);
            if now >= due {
                Step::Do(Action::Delete { account: target }, Why::GraceOver)
            } else if account.is_enabled() {
                disable(target)
            } else {
                Step::Waiting(due)
            }
        }
    }
}

/// The link with what this consideration has to remember; `None` where that is what it says already.
fn remembered(
    verdict: Verdict,
    situation: &Situation<'_>,
    step: &Step,
    wanted: Option<&Wanted>,
    case: &Case,
    rules: &RuleSet,
    now: Timestamp,
) -> Option<Link> {
    let link = case.link.as_ref()?;
    let mut after = link.clone();
    let stays = matches!(verdict, Verdict::In | Verdict::Disabled);
    if stays {
        after.rules.clone_from(&rules.name);
    }
    let leaves = leaver_action(verdict, rules) == LeaverAction::Delete && rules.leavers.grace_days > 0;
    after.leaving_since = if leaves { link.leaving_since.or(Some(now)) } else { None };
    let Situation::Linked(account) = situation else { return (after != *link).then_some(after) };
    // Whoever lifted our block: a later one is not ours.
    if account.is_enabled() {
        after.disabled_by_us = false;
    }
    // In step with the home: from here on the account is no longer being provisioned, and a later local edit of an
    // on-change attribute can be told from a change at home.
    if let (Step::Settled, true, Some(wanted)) = (step, is_compared(verdict, rules), wanted) {
        after.initialised = true;
        after.baseline = baseline(link, wanted, account);
    }
    (after != *link).then_some(after)
}

/// The home's values of on-change attributes, as last written or seen equal.
fn baseline(link: &Link, wanted: &Wanted, account: &Observed) -> Attributes {
    let value = |a: &Attribute| {
        let wanted = wanted.values.get(a);
        let equal = same_value(account.attributes.get(a), wanted);
        let value = if equal { wanted } else { link.baseline.get(a) };
        value.map(|v| (a.clone(), v.clone()))
    };
    wanted.on_change.iter().filter_map(value).collect()
}

fn change(
    route: &PlannedRoute,
    case: &Case,
    situation: &Situation<'_>,
    rules: &RuleSet,
    action: Action,
    why: Why,
) -> Change {
    let account = match situation {
        Situation::Linked(account) | Situation::Candidate { account, .. } => Some(*account),
        _ => case.account.as_ref(),
    };
    let written: Vec<Attribute> = match &action {
        Action::Join { edits, .. } | Action::Update { edits, .. } => edits.keys().cloned().collect(),
        Action::Disable { .. } | Action::Enable { .. } => vec![Attribute::from(Attribute::ACCOUNT_ENABLED)],
        Action::Provision { .. } | Action::Restore { .. } | Action::Delete { .. } | Action::Unlink => Vec::new(),
    };
    let had = |a: &Attribute| account.and_then(|o| o.attributes.get(a)).map(|v| (a.clone(), v.clone()));
    let before: Attributes = written.iter().filter_map(had).collect();
    let (route, home) = (route.name.clone(), person(&case.home));
    Change { route, home, action, before, why, rules: rules.name.clone(), redacted: rules.redacted() }
}
