//! What does each mapping give, what has the account, and is it written?

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Secrets, shown};
use crate::model::{
    Action, Attribute, Edit, Link, ObjectId, Observed, Origin, REDACTED, Stamping, Timestamp, Value, folded,
};
use crate::plan::decide::{self, Decision};
use crate::plan::mapping::{self, Treated, Unmapped, Wanted};
use crate::plan::matching::{self, Situation};
use crate::plan::ownership;
use crate::plan::scope::{Judged, Verdict};
use crate::plan::{Case, PlannedRoute, Resolved};
use crate::rules::expression::Traced;
use crate::rules::{Apply, Expression, Inputs, Mapping, Output, RuleSet, Source, WhenEmpty};

/// One line of `[attributes]` for this user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeSeen {
    /// The account's attribute.
    pub target: Attribute,
    /// What it is made from, as written.
    pub source: String,
    /// `expression`, `constant`, `reference`, `account` for the type that `account = "…"` names, or `stamp` for what says
    /// whose the account is.
    pub kind: &'static str,
    /// `always`, `on-change` or `create`.
    pub apply: &'static str,
    /// `clear` or `keep`.
    pub when_empty: &'static str,
    /// What it read of the home user.
    pub inputs: BTreeMap<Attribute, Option<Value>>,
    /// The parts of the expression and what they gave, in the order in which they were evaluated.
    pub steps: Vec<StepSeen>,
    /// Whom a reference means.
    pub reference: Option<ReferenceSeen>,
    /// What it gives.
    pub result: Given,
    /// What the account has.
    pub account: Option<Value>,
    /// It is part of the change.
    pub written: bool,
    /// What becomes of it.
    pub fate: Fate,
    /// In words.
    pub says: String,
}

/// One part of an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepSeen {
    /// How many calls it stands within.
    pub depth: usize,
    /// The part, in canonical form.
    pub part: String,
    /// What it gave.
    pub result: Given,
}

/// A value, or why there is none; in JSON as `crosstie eval` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Given {
    /// A value, or none.
    Value(Option<Value>),
    /// Left out of the flow.
    Ignored {
        /// `attribute` or `object`.
        #[serde(rename = "$ignore")]
        ignore: &'static str,
    },
    /// No usable value.
    Fault {
        /// What is wrong.
        #[serde(rename = "$error")]
        error: String,
    },
}

/// Whom a reference means, and what that is in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReferenceSeen {
    /// The home user referred to.
    pub home: String,
    /// That user's sign-in name, where it was looked up.
    #[serde(rename = "userPrincipalName")]
    pub user_principal_name: Option<String>,
    /// `account`, `nobody` or `pending`.
    pub resolved: &'static str,
}

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Part of the change.
    Written,
    /// The account has it already.
    Same,
    /// `apply = "create"`, and the account is no new one.
    CreateOnly,
    /// `apply = "on-change"`, and the home's value has not changed.
    UnchangedAtHome,
    /// No value, and `when_empty = "keep"`.
    KeptEmpty,
    /// No value, and Graph takes no null for it.
    NotClearable,
    /// No value, and a new account has none anyway.
    Empty,
    /// `IgnoreAttributeFlow`.
    Ignored,
    /// `IgnoreObjectFlow`: the whole user is left out.
    ObjectIgnored,
    /// The account that the reference leads to is on its way.
    Pending,
    /// `accountEnabled = true` lifts no block.
    NeverUnblocks,
    /// No usable value: the user is held.
    Unusable,
    /// Nothing is compared, or not yet.
    NotCompared,
}

/// With which account are the values compared?
enum Against<'a> {
    /// With none, because …
    Nothing(&'static str),
    /// With one that is about to be made.
    New,
    /// With this one.
    Account { account: &'a Observed, link: Option<&'a Link>, joining: bool },
}

pub(super) fn seen(
    route: &PlannedRoute,
    judged: &Judged<'_>,
    case: &Case,
    decision: &Decision,
    secrets: &Secrets,
    now: Timestamp,
) -> Vec<AttributeSeen> {
    let rules = match (judged.rules, judged.verdict) {
        (Some(rules), Verdict::In | Verdict::Disabled) => rules,
        _ => return Vec::new(),
    };
    let situation = matching::situate(case);
    let select = decide::may_select(&situation);
    let wanted = mapping::wanted(rules, &case.home, &case.answers, select, now).ok();
    let wanted = wanted.map(|wanted| ownership::stamped(route, &case.home, wanted));
    let against = against(judged.verdict, rules, &situation, case, decision, wanted.is_some());
    let teller = Teller { rules, case, secrets, wanted, against, select, now };
    let mapped = rules.attributes.iter().map(|(target, mapping)| teller.mapping(target, mapping));
    let stamp = route.ownership.stamping.as_ref().map(|stamping| teller.stamp(stamping));
    mapped.chain(teller.account_type()).chain(stamp).collect()
}

/// Compared is where an attribute could be written: the other decisions do not look at attributes.
fn against<'a>(
    verdict: Verdict,
    rules: &RuleSet,
    situation: &Situation<'a>,
    case: &'a Case,
    decision: &Decision,
    mappable: bool,
) -> Against<'a> {
    let action = match decision {
        Decision::Hold(_) => return Against::Nothing("nothing is written: the user is held"),
        Decision::Waiting(_) => return Against::Nothing("nothing is written: the user is leaving"),
        Decision::Settled => None,
        Decision::Do(change) => Some(&change.action),
    };
    let linked = |account| Against::Account { account, link: case.link.as_ref(), joining: false };
    match (action, situation) {
        (Some(Action::Provision { .. }), _) => Against::New,
        (Some(Action::Join { origin, .. }), Situation::Candidate { account, .. }) if verdict == Verdict::In => {
            Against::Account { account, link: None, joining: *origin == Origin::Joined }
        }
        (Some(Action::Update { .. }), Situation::Linked(account)) => linked(account),
        (None, Situation::Linked(account)) if decide::is_compared(verdict, rules) && mappable => linked(account),
        (None, Situation::Linked(_)) if !mappable => {
            Against::Nothing("nothing is written: the user is left out of the flow")
        }
        (None, Situation::Linked(_)) => Against::Nothing("nothing is written: the rules keep the account as it is"),
        (None, _) => Against::Nothing("nothing is written: there is no account to keep in step"),
        (Some(Action::Restore { .. }), _) => Against::Nothing("not yet: the account comes back first"),
        (Some(Action::Enable { .. }), _) => Against::Nothing("not yet: the account is unblocked first"),
        (Some(_), _) => Against::Nothing("nothing is written: the user is leaving"),
    }
}

struct Teller<'a> {
    rules: &'a RuleSet,
    case: &'a Case,
    secrets: &'a Secrets,
    wanted: Option<Wanted>,
    against: Against<'a>,
    /// Unique values are chosen for this account.
    select: bool,
    now: Timestamp,
}

impl Teller<'_> {
    fn mapping(&self, target: &Attribute, mapping: &Mapping) -> AttributeSeen {
        let treated = mapping::treated(target, mapping, &self.case.home, &self.case.answers, self.select, self.now);
        let (fate, says) = self.fate(target, mapping, &treated);
        let (mut inputs, mut steps, mut reference) = (BTreeMap::new(), Vec::new(), None);
        let (source, kind, result) = match &mapping.source {
            Source::Constant(value) => (literal(value), "constant", Given::Value(Some(value.clone()))),
            Source::Reference(attribute) => {
                let whom = self.case.home.attributes.get(attribute);
                inputs.insert(attribute.clone(), self.secrets.home(attribute.as_str(), whom));
                reference = whom.and_then(Value::as_text).map(|whom| self.reference(whom));
                (format!("[{attribute}]"), "reference", given(&treated))
            }
            Source::Expression(expression) => {
                inputs = self.read_by(expression);
                let result = self.trace(target, expression, &treated, &mut steps);
                (expression.source().to_owned(), "expression", result)
            }
        };
        AttributeSeen {
            target: target.clone(),
            source,
            kind,
            apply: apply(mapping.apply),
            when_empty: when_empty(mapping.when_empty),
            inputs,
            steps,
            reference,
            result,
            account: self.account(target),
            written: fate == Fate::Written,
            fate,
            says,
        }
    }

    /// Where nothing is mapped to `userType`, new accounts get the one that `account` names.
    fn account_type(&self) -> Option<AttributeSeen> {
        let target = Attribute::from(Attribute::USER_TYPE);
        if self.rules.attributes.contains_key(&target) {
            return None;
        }
        let value = Value::from(self.rules.account.user_type());
        let source = format!("account = \"{}\"", self.rules.account.user_type().to_lowercase());
        Some(self.unmapped(target, source, "account", value, (Apply::Create, WhenEmpty::Keep)))
    }

    /// What says whose the account is.
    fn stamp(&self, stamping: &Stamping) -> AttributeSeen {
        let (target, value) = (stamping.attribute.clone(), stamping.value(&self.case.home.object));
        let source = format!("stamp = \"{target}\"");
        self.unmapped(target, source, "stamp", value, (Apply::Always, WhenEmpty::Clear))
    }

    /// What no mapping makes.
    fn unmapped(
        &self,
        target: Attribute,
        source: String,
        kind: &'static str,
        value: Value,
        (applied, emptied): (Apply, WhenEmpty),
    ) -> AttributeSeen {
        let (fate, says) = self.managed(&target, Some(&value));
        AttributeSeen {
            source,
            kind,
            apply: apply(applied),
            when_empty: when_empty(emptied),
            inputs: BTreeMap::new(),
            steps: Vec::new(),
            reference: None,
            result: Given::Value(Some(value)),
            account: self.account(&target),
            written: fate == Fate::Written,
            fate,
            says,
            target,
        }
    }

    fn account(&self, target: &Attribute) -> Option<Value> {
        let account = match &self.against {
            Against::Account { account, .. } => Some(*account),
            Against::New => None,
            Against::Nothing(_) => self.case.account.as_ref(),
        };
        self.secrets.target(target.as_str(), account.and_then(|a| a.attributes.get(target)))
    }

    fn read_by(&self, expression: &Expression) -> BTreeMap<Attribute, Option<Value>> {
        let hides = expression.redacts();
        let read = |a: Attribute| {
            let value = self.case.home.attributes.get(&a);
            let value = if hides { shown(true, value) } else { self.secrets.home(a.as_str(), value) };
            (a, value)
        };
        expression.attributes().into_iter().map(read).collect()
    }

    /// The steps, and the result as it came out or, where it was made to fit the attribute, as it fits.
    fn trace(
        &self,
        target: &Attribute,
        expression: &Expression,
        treated: &Result<Treated, Unmapped>,
        steps: &mut Vec<StepSeen>,
    ) -> Given {
        // Nothing is chosen again, so there is nothing to tell of how.
        if *treated == Ok(Treated::ChosenBefore) {
            return given(treated);
        }
        let hides = self.secrets.made.contains(target);
        // Exactly what the planner lets the expression see.
        let taken = self.case.answers.unique.get(target);
        let is_taken = |value: &str| taken.is_some_and(|taken| taken.contains(&folded(value)));
        let seen = mapping::inputs(&self.case.home, target.as_str(), self.now);
        let (result, traced) = expression.trace(Inputs { is_taken: &is_taken, ..seen });
        steps.extend(traced.into_iter().map(|step| told(step, hides)));
        let came_out = match result {
            Ok(output) => given_by(output),
            Err(error) => Given::Fault { error: error.message },
        };
        let given = match treated {
            Ok(Treated::Managed(Some(_))) | Err(Unmapped::Unusable { .. }) => given(treated),
            _ => came_out,
        };
        if hides { given.hidden() } else { given }
    }

    fn reference(&self, whom: &str) -> ReferenceSeen {
        let resolved = match self.case.answers.references.get(&ObjectId::from(whom)) {
            Some(Resolved::To(_)) => "account",
            Some(Resolved::Nobody) => "nobody",
            Some(Resolved::Pending) | None => "pending",
        };
        ReferenceSeen { home: whom.to_owned(), user_principal_name: None, resolved }
    }

    fn fate(&self, target: &Attribute, mapping: &Mapping, treated: &Result<Treated, Unmapped>) -> (Fate, String) {
        let is_reference = matches!(mapping.source, Source::Reference(_));
        let (fate, says) = match treated {
            Ok(Treated::Managed(value)) => return self.managed(target, value.as_ref()),
            Ok(Treated::LeftAlone) if is_reference => {
                (Fate::Pending, "left as it is: that user's account is on its way or in deletedItems")
            }
            Ok(Treated::LeftAlone) => (Fate::Ignored, "left as it is: the expression leaves it out of the flow"),
            Ok(Treated::ChosenBefore) => {
                (Fate::CreateOnly, "left as it is: a unique value is chosen once, for an account that is being made")
            }
            Ok(Treated::Kept) => (Fate::KeptEmpty, "left as it is: no value, and when_empty = \"keep\""),
            Ok(Treated::NotClearable) => {
                (Fate::NotClearable, "left as it is: no value, and Graph does not let it be cleared")
            }
            Err(Unmapped::Ignored) => (Fate::ObjectIgnored, "IgnoreObjectFlow: the whole user is left out of the flow"),
            Err(Unmapped::Unusable { .. }) => (Fate::Unusable, "no usable value: the user is held"),
        };
        (fate, says.to_owned())
    }

    fn managed(&self, target: &Attribute, value: Option<&Value>) -> (Fate, String) {
        let (fate, says) = match (&self.against, &self.wanted) {
            (Against::Nothing(why), _) => (Fate::NotCompared, *why),
            (_, None) => (Fate::NotCompared, "nothing is written: another attribute has no usable value"),
            (Against::New, _) if value.is_some() => (Fate::Written, "written: the account is new"),
            (Against::New, _) => (Fate::Empty, "no value, and a new account has none"),
            (Against::Account { account, link, joining }, Some(wanted)) => {
                match decide::fate(target, account, wanted, *link, *joining) {
                    decide::Fate::Written(Edit::Set(_)) => (Fate::Written, "written: the account has another value"),
                    decide::Fate::Written(Edit::Clear) => (Fate::Written, "cleared: no value, and the account has one"),
                    decide::Fate::Past => (Fate::CreateOnly, "only new accounts get it"),
                    decide::Fate::UnchangedAtHome => (
                        Fate::UnchangedAtHome,
                        "left as it is: apply = \"on-change\", and the home's value is as it was",
                    ),
                    decide::Fate::Same if value.is_none() => (Fate::Same, "the account has none either"),
                    decide::Fate::Same => (Fate::Same, "the account has it"),
                    decide::Fate::NeverUnblocks => (
                        Fate::NeverUnblocks,
                        "left as it is: a block set in the target stays until its own admin lifts it",
                    ),
                }
            }
        };
        (fate, says.to_owned())
    }
}

fn told(step: Traced, hides: bool) -> StepSeen {
    let result = match step.result {
        Ok(output) => given_by(output),
        Err(error) => Given::Fault { error },
    };
    StepSeen { depth: step.depth, part: step.part, result: if hides { result.hidden() } else { result } }
}

fn given(treated: &Result<Treated, Unmapped>) -> Given {
    match treated {
        Ok(Treated::Managed(value)) => Given::Value(value.clone()),
        Ok(Treated::LeftAlone | Treated::ChosenBefore | Treated::Kept | Treated::NotClearable) => Given::Value(None),
        Err(Unmapped::Ignored) => Given::Ignored { ignore: "object" },
        Err(Unmapped::Unusable { reason, .. }) => Given::Fault { error: reason.clone() },
    }
}

fn given_by(output: Output) -> Given {
    match output {
        Output::Value(value) => Given::Value(value),
        Output::IgnoreAttribute => Given::Ignored { ignore: "attribute" },
        Output::IgnoreObject => Given::Ignored { ignore: "object" },
    }
}

impl Given {
    /// That there is something, and nothing of it.
    fn hidden(self) -> Self {
        match self {
            Given::Value(value) => Given::Value(shown(true, value.as_ref())),
            Given::Fault { .. } => Given::Fault { error: REDACTED.to_owned() },
            Given::Ignored { .. } => self,
        }
    }
}

fn apply(apply: Apply) -> &'static str {
    match apply {
        Apply::Always => "always",
        Apply::OnChange => "on-change",
        Apply::Create => "create",
    }
}

fn when_empty(when_empty: WhenEmpty) -> &'static str {
    match when_empty {
        WhenEmpty::Clear => "clear",
        WhenEmpty::Keep => "keep",
    }
}

/// A constant as a rule file writes it.
fn literal(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| value.to_string())
}
