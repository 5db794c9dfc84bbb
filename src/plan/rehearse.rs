//! What do the rules make of a person, where nothing is known but the person?
//!
//! Nothing is judged here: the planner is asked about a target that is empty, and about one that holds the person's
//! account and nothing else.

use std::collections::BTreeSet;

use super::mapping::{self, Unmapped, Wanted};
use super::scope::{self, Verdict};
use super::{Answers, Case, Decision, PlannedRoute, Question, Resolved, consider, decide, question};
use crate::model::{Action, Attribute, Attributes, Link, Observed, Origin, Presence, Tie, Timestamp, Value};
use crate::rules::{AccountKind, Leaving, TestCase};

/// What the rules make of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// The rules' word.
    pub verdict: Verdict,
    /// The account that is made where there is none.
    pub made: Option<Made>,
    /// Values by which an account that stands already is found, in order of precedence.
    pub rungs: Vec<(Attribute, String)>,
    /// What the account is brought to and kept at, or why nothing of it is written.
    pub written: Result<Wanted, Unwritten>,
    /// What happens to the person's account, where it is one of a leaver.
    pub leaving: Option<Leaving>,
}

/// A new account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its `userType`.
    pub user_type: String,
    /// Who is invited.
    pub address: String,
}

/// Why no attribute is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// By the verdict: nobody here has an account that is kept in step.
    Left,
    /// By `IgnoreObjectFlow`.
    Ignored,
    /// It cannot be decided.
    Held(String),
}

/// Asks the planner about the person of a test case. Whomever the person refers to has an account there, and its id is that
/// of the home user: so a reference can be told from no reference without a second tenant.
pub fn rehearse(route: &PlannedRoute, test: &TestCase) -> Rehearsal {
    let presence = if test.deleted { Presence::SoftDeleted } else { Presence::Present };
    let home = Observed { object: "home".into(), presence, attributes: test.user.clone() };
    let (member_of, now) = (test.groups.clone(), test.now);
    let judged = scope::judge(route, &home, &member_of, None);
    let references = judged.rules.map(|rules| mapping::references(rules, &home)).unwrap_or_default();
    let references = references.into_iter().map(|whom| (whom.clone(), Resolved::To(whom))).collect();
    let Question { rungs, unique, .. } = question(route, &home, &member_of, None, now);
    // Nothing is taken in an empty target.
    let unique = unique.into_keys().map(|attribute| (attribute, BTreeSet::new())).collect();
    let answers = Answers { references, unique, ..Answers::default() };
    let wanted = judged.rules.map(|rules| mapping::wanted(rules, &home, &answers, true, now));
    let verdict = judged.verdict;
    let case = Case { home, member_of, link: None, account: None, answers, readings: 0 };

    let fresh = consider(route, &case, now).decision;
    let ended = match verdict {
        Verdict::In | Verdict::NotOurs => None,
        Verdict::Disabled | Verdict::Out | Verdict::HomeRemoved => Some(ended(route, case, now)),
    };
    let kept_in_step = verdict == Verdict::In || ended.is_some_and(|e| e.kept_in_step);
    let written = match (&fresh, wanted) {
        (Decision::Hold(hold), _) => Err(Unwritten::Held(hold.to_string())),
        (_, Some(Ok(wanted))) if kept_in_step => Ok(wanted),
        (_, Some(Err(Unmapped::Ignored))) if verdict == Verdict::In => Err(Unwritten::Ignored),
        _ => Err(Unwritten::Left),
    };
    let made = match fresh {
        Decision::Do(change) => made(change.action),
        Decision::Hold(_) | Decision::Settled | Decision::Waiting(_) => None,
    };
    Rehearsal { verdict, made, rungs, written, leaving: ended.map(|e| e.leaving) }
}

fn made(action: Action) -> Option<Made> {
    let Action::Provision { address, wanted } = action else { return None };
    let user_type = wanted.get(Attribute::USER_TYPE).and_then(Value::as_text);
    // What an invitation makes where it is not told otherwise.
    let user_type = user_type.unwrap_or(AccountKind::Guest.user_type()).to_owned();
    Some(Made { user_type, address })
}

/// How it ends for an account.
#[derive(Clone, Copy)]
struct Ended {
    leaving: Leaving,
    /// Its attributes are still written.
    kept_in_step: bool,
}

/// Gives the person an account that may sign in and has no attributes, and looks what becomes of it.
fn ended(route: &PlannedRoute, mut case: Case, now: Timestamp) -> Ended {
    let id = "account";
    let link = Link {
        route: route.name.clone(),
        home: case.home.object.clone(),
        tie: Tie::Known { account: id.into(), origin: Origin::Provisioned },
        rules: String::new(),
        initialised: false,
        disabled_by_us: false,
        leaving_since: None,
        baseline: Attributes::new(),
        since: now,
    };
    let account = |enabled: bool| {
        let attributes = Attributes::from_iter([(Attribute::from(Attribute::ACCOUNT_ENABLED), Value::Bool(enabled))]);
        Some(Observed { object: id.into(), presence: Presence::Present, attributes })
    };
    case.link = Some(link);
    case.account = account(true);
    let first = consider(route, &case, now);
    let ended = |leaving| Ended { leaving, kept_in_step: false };
    match first.decision {
        Decision::Do(change) if matches!(change.action, Action::Delete { .. }) => {
            return ended(Leaving::Delete { after_days: 0 });
        }
        Decision::Do(change) if matches!(change.action, Action::Disable { .. }) => {}
        Decision::Do(_) | Decision::Hold(_) | Decision::Settled | Decision::Waiting(_) => return ended(Leaving::Keep),
    }
    // Blocked, as the planner said; and then?
    case.link = first.link.or(case.link).map(|link| Link { disabled_by_us: true, ..link });
    case.account = account(false);
    match consider(route, &case, now).decision {
        Decision::Waiting(due) => ended(Leaving::Delete { after_days: due.seconds_since(now) / decide::DAY_SECONDS }),
        decision => {
            let updates = matches!(&decision, Decision::Do(c) if matches!(c.action, Action::Update { .. }));
            Ended { leaving: Leaving::Disable, kept_in_step: updates }
        }
    }
}
