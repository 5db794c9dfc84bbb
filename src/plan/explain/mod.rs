//! Why is this user treated so? The steps of [`super::consider`] told one by one, as values; none is decided here.

mod attributes;
mod ladder;
mod scope;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::scope::{Judged, Verdict};
use super::{Case, Decision, PlannedRoute, matching, person};
use crate::model::{
    Action, ActionKind, Attribute, Change, Observed, Person, Presence, REDACTED, Standing, Timestamp, Value,
};

pub use attributes::{AttributeSeen, Fate, Given, ReferenceSeen, StepSeen};
pub use ladder::{
    AccountSeen, AccountStory, AskedSeen, CandidateFate, CandidateSeen, Holder, Ladder, LinkSeen, RungSeen,
};
pub use scope::{ClauseSeen, GroupSeen, RuleSetSeen, TableSeen};

/// Everything that was weighed for one home user on one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// `home->target`.
    pub route: String,
    /// Who.
    pub home: HomeSeen,
    /// What the rules say, in words: `in scope`, `blocked at home`, `out of scope`, `deleted at home`, `external`.
    pub verdict: &'static str,
    /// Why they say so.
    pub because: String,
    /// The rule set that speaks for the user.
    pub rules: Option<String>,
    /// Each rule set of the route, in order.
    pub scope: Vec<RuleSetSeen>,
    /// Which account there is theirs, and how it was looked for.
    pub account: AccountStory,
    /// What each mapping gives; empty where nobody asked.
    pub attributes: Vec<AttributeSeen>,
    /// What follows, for this user alone.
    pub decision: Told,
}

/// The home user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HomeSeen {
    /// Id and sign-in name.
    #[serde(flatten)]
    pub person: Person,
    /// `present`, `in deletedItems`, `gone`.
    pub presence: &'static str,
    /// `native` or `external`.
    pub standing: &'static str,
    /// May not sign in at home.
    pub blocked: bool,
    /// `userType`, and whatever shows that the user was invited.
    pub evidence: BTreeMap<Attribute, Option<Value>>,
}

/// The decision, and in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Which.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// In words.
    pub says: String,
}

/// A decision as scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// A change is due.
    Change(ChangeSeen),
    /// Seen, not decidable.
    Hold {
        /// Why.
        reason: String,
    },
    /// Nothing to do until something changes.
    Settled,
    /// Nothing to do before this instant.
    Waiting {
        /// RFC 3339.
        until: String,
    },
}

/// What would be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeSeen {
    /// Which kind.
    pub action: ActionKind,
    /// Why.
    pub why: &'static str,
    /// On which account, where one stands.
    pub account: Option<String>,
    /// For a provision: whom it invites.
    pub address: Option<String>,
    /// Before and after.
    pub edits: BTreeMap<Attribute, EditSeen>,
}

/// Before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EditSeen {
    /// What the account has.
    pub before: Option<Value>,
    /// What it shall have.
    pub after: Option<Value>,
}

/// What may not be shown of this user.
struct Secrets {
    /// Home attributes.
    read: BTreeSet<Attribute>,
    /// Target attributes.
    made: BTreeSet<Attribute>,
}

impl Secrets {
    fn of(route: &PlannedRoute) -> Self {
        let read = route.rules.iter().flat_map(|r| r.secret()).collect();
        Self { read, made: route.rules.iter().flat_map(|r| r.redacted()).collect() }
    }
    fn home(&self, attribute: &str, value: Option<&Value>) -> Option<Value> {
        shown(self.read.contains(attribute), value)
    }
    fn target(&self, attribute: &str, value: Option<&Value>) -> Option<Value> {
        shown(self.made.contains(attribute), value)
    }
    /// An invited address is the account's mail, made from the home's.
    fn address(&self, address: &str) -> String {
        let hidden = self.made.contains(Attribute::MAIL) || self.read.contains(Attribute::MAIL);
        if hidden { REDACTED.to_owned() } else { address.to_owned() }
    }
}

/// The value, or that there is one which may not be shown.
fn shown(hidden: bool, value: Option<&Value>) -> Option<Value> {
    value.map(|v| if hidden { REDACTED.into() } else { v.clone() })
}

/// Explains what [`super::consider`] decides of the same case.
pub fn explain(route: &PlannedRoute, case: &Case, now: Timestamp) -> Explanation {
    let judged = super::scope::judge(route, &case.home, &case.member_of, case.link.as_ref());
    let decision = super::consider(route, case, now).decision;
    let secrets = Secrets::of(route);
    let rules = judged.rules.map(|r| r.name.clone());
    let attributes = attributes::seen(route, &judged, case, &decision, &secrets, now);
    let left_out = attributes.iter().any(|a| a.fate == Fate::ObjectIgnored);
    Explanation {
        route: route.name.to_string(),
        home: home(&case.home),
        verdict: words::verdict(judged.verdict),
        because: words::because(&judged, case),
        scope: scope::seen(route, case, rules.as_deref().filter(|_| is_taken(judged.verdict)), &secrets),
        account: ladder::story(&judged, case, &secrets, now),
        attributes,
        decision: told(&judged, case, &decision, left_out, &secrets),
        rules,
    }
}

/// Does the rule set that speaks take the user? (Else it is the one that did last.)
fn is_taken(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::In | Verdict::Disabled)
}

fn home(user: &Observed) -> HomeSeen {
    let names = [Attribute::USER_TYPE].into_iter().chain(user.marks_of_an_invitation());
    HomeSeen {
        person: person(user),
        presence: presence(user.presence),
        standing: standing(user.standing()),
        blocked: !user.is_enabled(),
        evidence: names.map(|name| (Attribute::from(name), user.attributes.get(name).cloned())).collect(),
    }
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Present => "present",
        Presence::SoftDeleted => "in deletedItems",
        Presence::Gone => "gone",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Native => "native",
        Standing::External => "external",
    }
}

fn told(judged: &Judged<'_>, case: &Case, decision: &Decision, left_out: bool, secrets: &Secrets) -> Told {
    let (outcome, says) = match decision {
        Decision::Do(change) => (Outcome::Change(change_seen(change, secrets)), words::change(change)),
        Decision::Hold(hold) => {
            let reason = hold.to_string();
            (Outcome::Hold { reason: reason.clone() }, format!("held: {reason}"))
        }
        Decision::Settled => {
            let says = words::settled(judged, &matching::situate(case), left_out);
            (Outcome::Settled, says.to_owned())
        }
        Decision::Waiting(until) => (Outcome::Waiting { until: until.rfc3339() }, words::waiting(*until)),
    };
    Told { outcome, says }
}

fn change_seen(change: &Change, secrets: &Secrets) -> ChangeSeen {
    let edit = |(a, (before, after)): (Attribute, (Option<Value>, Option<Value>))| {
        let (before, after) = (secrets.target(a.as_str(), before.as_ref()), secrets.target(a.as_str(), after.as_ref()));
        (a, EditSeen { before, after })
    };
    let address = match &change.action {
        Action::Provision { address, .. } => Some(secrets.address(address)),
        _ => None,
    };
    ChangeSeen {
        action: change.action.kind(),
        why: change.why.as_str(),
        account: change.action.account().map(ToString::to_string),
        address,
        edits: change.edits().into_iter().map(edit).collect(),
    }
}
