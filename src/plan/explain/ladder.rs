//! Which account was looked for, which ones answered, and what became of each?

use serde::Serialize;

use super::{Secrets, presence, standing, words};
use crate::model::{Attribute, Link, Observed, Origin, Person, REDACTED, Standing, Tie, Timestamp, Value};
use crate::plan::matching::{self, Asking, Situation};
use crate::plan::scope::{Judged, Verdict};
use crate::plan::{Answer, Case, mapping};
use crate::rules::{MatchRung, RuleSet};

/// Where the user stands with the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountStory {
    /// `linked`, `lost`, `candidate`, `disputed`, `taken`, `former`, `stamped`, `address in use`, `unmatched`, `unsure`;
    /// `not looked for` of somebody for whom nobody asks.
    pub situation: &'static str,
    /// In words.
    pub says: String,
    /// The tie to the account.
    pub link: Option<LinkSeen>,
    /// The account that the link knows.
    pub account: Option<AccountSeen>,
    /// How an account was looked for; null where that was not needed.
    pub ladder: Option<Ladder>,
}

/// The tie to the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkSeen {
    /// The account, null while the answer to an invitation is not known.
    pub account: Option<String>,
    /// `provisioned` or `joined`.
    pub origin: Option<Origin>,
    /// RFC 3339.
    pub since: String,
    /// The rule set that took the user last.
    pub rules: String,
    /// The account has once been found as the rules want it.
    pub initialised: bool,
    /// crosstie blocked it, and may unblock it.
    pub disabled_by_us: bool,
    /// Since when the user leaves.
    pub leaving_since: Option<String>,
    /// The invitation whose answer is not known.
    pub asked: Option<AskedSeen>,
}

/// An invitation whose answer is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskedSeen {
    /// The address that was invited.
    pub address: String,
    /// RFC 3339.
    pub at: String,
}

/// An account of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountSeen {
    /// Its object id.
    pub id: String,
    /// Its sign-in name.
    #[serde(rename = "userPrincipalName")]
    pub user_principal_name: String,
    /// `Guest` or `Member`.
    #[serde(rename = "userType")]
    pub user_type: Option<String>,
    /// `native` or `external`.
    pub standing: &'static str,
    /// `present`, `in deletedItems`, `gone`.
    pub presence: &'static str,
    /// May not sign in.
    pub blocked: bool,
}

/// The match ladder, and who holds the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ladder {
    /// `[[match]]`, in order.
    pub rungs: Vec<RungSeen>,
    /// The address that would be invited, or was.
    pub address: RungSeen,
}

/// One question to the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RungSeen {
    /// The attribute of the account.
    pub target: Attribute,
    /// What it must equal, as written; null for the address.
    pub source: Option<String>,
    /// The value that was looked for, without regard to case.
    pub value: Option<String>,
    /// It is the question that settled which account it is.
    pub decides: bool,
    /// Who answers.
    pub candidates: Vec<CandidateSeen>,
    /// In words.
    pub says: String,
}

/// One account that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateSeen {
    /// Which.
    #[serde(flatten)]
    pub account: AccountSeen,
    /// What became of it.
    pub fate: CandidateFate,
    /// It is linked to another home user.
    pub taken: bool,
    /// To whom, where that was looked up.
    pub taken_by: Option<Holder>,
    /// In words.
    pub says: &'static str,
}

/// Another home user who has the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// On which route.
    pub route: String,
    /// Who.
    #[serde(flatten)]
    pub home: Person,
}

/// What became of an account that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CandidateFate {
    /// It is the account.
    Match,
    /// Another home user has it: held.
    Taken,
    /// One of several: held.
    Disputed,
    /// At home in the target: never joined.
    Native,
    /// It holds the address, and no rung joins it: held.
    HoldsAddress,
    /// An earlier question settled it.
    NotReached,
}

pub(super) fn story(judged: &Judged<'_>, case: &Case, secrets: &Secrets, now: Timestamp) -> AccountStory {
    let known = case.link.as_ref().is_some_and(|l| l.account().is_some());
    let looked_for = judged.verdict != Verdict::NotOurs && (judged.verdict == Verdict::In || case.link.is_some());
    let situation = matching::situate(case);
    let ladder = judged.rules.filter(|_| looked_for && !known).map(|r| climb(r, case, &situation, secrets, now));
    let (name, says) = match looked_for {
        true => (words::situation_name(&situation), words::situation(&situation)),
        false => ("not looked for", words::not_looked_for(judged.verdict)),
    };
    AccountStory {
        situation: name,
        says,
        link: case.link.as_ref().map(|l| link(l, secrets)),
        account: case.account.as_ref().map(account),
        ladder,
    }
}

fn link(link: &Link, secrets: &Secrets) -> LinkSeen {
    let (id, origin, asked) = match &link.tie {
        Tie::Known { account, origin } => (Some(account.to_string()), Some(*origin), None),
        Tie::Asked(asked) => {
            let address = secrets.address(&asked.address);
            (None, None, Some(AskedSeen { address, at: asked.at.rfc3339() }))
        }
    };
    LinkSeen {
        account: id,
        origin,
        since: link.since.rfc3339(),
        rules: link.rules.clone(),
        initialised: link.initialised,
        disabled_by_us: link.disabled_by_us,
        leaving_since: link.leaving_since.map(Timestamp::rfc3339),
        asked,
    }
}

pub(super) fn account(observed: &Observed) -> AccountSeen {
    AccountSeen {
        id: observed.object.to_string(),
        user_principal_name: observed.user_principal_name().to_owned(),
        user_type: observed.attributes.get(Attribute::USER_TYPE).and_then(Value::as_text).map(str::to_owned),
        standing: standing(observed.standing()),
        presence: presence(observed.presence),
        blocked: !observed.is_enabled(),
    }
}

/// The rungs that have a value are the ones that were asked, in the same order.
fn climb(rules: &RuleSet, case: &Case, situation: &Situation<'_>, secrets: &Secrets, now: Timestamp) -> Ladder {
    let asked = case.link.as_ref().is_some_and(|l| matches!(l.tie, Tie::Asked(_)));
    let unsure = matches!(situation, Situation::Unsure | Situation::Stamped(_));
    let decider = matching::decider(case, asked).map(|(asking, _)| asking).filter(|_| !unsure);
    let told = |asking: Asking, answers: &[Answer]| -> Vec<CandidateSeen> {
        let place = Place { asking, decider, unsure, situation };
        answers.iter().enumerate().map(|(n, answer)| place.candidate(n, answer)).collect()
    };
    let mut with_value = 0..;
    let rungs = rules.matches.iter().map(|rung| {
        let value = matching::looked_for(rung, &case.home, now);
        let asking = value.as_ref().and_then(|_| with_value.next()).map(Asking::Rung);
        let answers = match asking {
            Some(Asking::Rung(n)) => case.answers.rungs.get(n).map(Vec::as_slice).unwrap_or_default(),
            Some(Asking::Address) | None => &[],
        };
        let candidates = asking.map(|asking| told(asking, answers)).unwrap_or_default();
        let decides = asking.is_some() && asking == decider;
        seen(rung, value, candidates, decides, secrets)
    });
    Ladder { rungs: rungs.collect(), address: address(rules, case, decider, told, secrets, now) }
}

fn seen(
    rung: &MatchRung,
    value: Option<String>,
    candidates: Vec<CandidateSeen>,
    decides: bool,
    secrets: &Secrets,
) -> RungSeen {
    let hidden = rung.source.redacts() || rung.source.attributes().iter().any(|a| secrets.read.contains(a));
    let says = words::rung(value.is_some(), &candidates, decides);
    let value = value.map(|v| if hidden { REDACTED.to_owned() } else { v });
    let source = Some(rung.source.source().to_owned());
    RungSeen { target: rung.target.clone(), source, value, decides, candidates, says }
}

fn address(
    rules: &RuleSet,
    case: &Case,
    decider: Option<Asking>,
    told: impl Fn(Asking, &[Answer]) -> Vec<CandidateSeen>,
    secrets: &Secrets,
    now: Timestamp,
) -> RungSeen {
    let asked = case.link.as_ref().and_then(|l| match &l.tie {
        Tie::Asked(asked) => Some(asked.address.clone()),
        Tie::Known { .. } => None,
    });
    let value = asked.or_else(|| mapping::address(rules, &case.home, now));
    let candidates = told(Asking::Address, &case.answers.address);
    let decides = decider == Some(Asking::Address)
        || candidates.iter().any(|c| matches!(c.fate, CandidateFate::Taken | CandidateFate::HoldsAddress));
    let says = words::address(value.is_some(), &candidates, decides);
    let value = value.map(|v| secrets.address(&v));
    RungSeen { target: Attribute::from(Attribute::MAIL), source: None, value, decides, candidates, says }
}

/// Where a candidate stands on the ladder.
struct Place<'a> {
    asking: Asking,
    decider: Option<Asking>,
    unsure: bool,
    situation: &'a Situation<'a>,
}

impl Place<'_> {
    fn candidate(&self, n: usize, answer: &Answer) -> CandidateSeen {
        let fate = self.fate(n, answer);
        let says = words::candidate(fate);
        CandidateSeen { account: account(&answer.account), fate, taken: answer.taken, taken_by: None, says }
    }

    fn fate(&self, n: usize, answer: &Answer) -> CandidateFate {
        let native = answer.account.standing() == Standing::Native;
        if self.unsure {
            return CandidateFate::NotReached;
        }
        if self.decider.is_none() && self.asking == Asking::Address {
            // Whoever holds the address is in the way; the first of them is named.
            return match (n, self.situation) {
                (0, Situation::Taken(_) | Situation::Former(_)) => CandidateFate::Taken,
                (0, _) => CandidateFate::HoldsAddress,
                _ => CandidateFate::NotReached,
            };
        }
        if self.decider == Some(self.asking) && !native {
            return match self.situation {
                Situation::Candidate { .. } => CandidateFate::Match,
                Situation::Disputed(_) => CandidateFate::Disputed,
                _ => CandidateFate::Taken,
            };
        }
        if native { CandidateFate::Native } else { CandidateFate::NotReached }
    }
}
