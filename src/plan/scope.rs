//! Should this user have an account there, and which rule set says so?

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PlannedRoute;
use crate::model::{Attribute, Attributes, Link, Observed, Presence, Standing, Value};
use crate::rules::{LeaverAction, RuleSet};

/// The rules' word on a home user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An account, kept in step.
    In,
    /// Blocked at home, and would be in scope if it were not: the leavers rule for blocked people.
    Disabled,
    /// No account, or the leavers rule where there is one.
    Out,
    /// Deleted at home.
    HomeRemoved,
    /// External in its own home tenant: never exported, never touched.
    NotOurs,
}

/// A verdict with the rule set that speaks.
pub(super) struct Judged<'a> {
    pub(super) verdict: Verdict,
    pub(super) rules: Option<&'a Arc<RuleSet>>,
}

/// An account that is itself external is never exported again: this is what keeps a mesh from echoing. It is a law of
/// the product, not a line that an admin could forget to write.
pub(super) fn judge<'a>(
    route: &'a PlannedRoute,
    home: &Observed,
    member_of: &BTreeSet<String>,
    link: Option<&Link>,
) -> Judged<'a> {
    let had = || route.rules_named(link.map_or("", |l| l.rules.as_str()));
    if home.standing() == Standing::External {
        return Judged { verdict: Verdict::NotOurs, rules: None };
    }
    if home.presence != Presence::Present {
        return Judged { verdict: Verdict::HomeRemoved, rules: had() };
    }
    let takes = |user: &Attributes| route.rules.iter().find(|r| r.in_scope(user, |group| member_of.contains(group)));
    if home.is_enabled() {
        return match takes(&home.attributes) {
            Some(rules) => Judged { verdict: Verdict::In, rules: Some(rules) },
            None => Judged { verdict: Verdict::Out, rules: had() },
        };
    }
    // A scope that asks for enabled people must not turn a block into "left": the rule for blocked people is the
    // more specific one, so the scope is asked about the person as if not blocked.
    match takes(&unblocked(home)) {
        // A scope may ask for blocked people, and then means them.
        None => match takes(&home.attributes) {
            Some(rules) => Judged { verdict: Verdict::In, rules: Some(rules) },
            None => Judged { verdict: Verdict::Out, rules: had() },
        },
        Some(rules) if rules.leavers.disabled == LeaverAction::Keep => match takes(&home.attributes) {
            Some(rules) => Judged { verdict: Verdict::In, rules: Some(rules) },
            None => Judged { verdict: Verdict::Disabled, rules: Some(rules) },
        },
        Some(rules) => Judged { verdict: Verdict::Disabled, rules: Some(rules) },
    }
}

/// The home user as if not blocked.
pub(super) fn unblocked(home: &Observed) -> Attributes {
    let mut enabled = home.attributes.clone();
    enabled.insert(Attribute::from(Attribute::ACCOUNT_ENABLED), Value::Bool(true));
    enabled
}
