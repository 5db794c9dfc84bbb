//! Whom does each edit of the rules touch?

use super::mapping::{self, Unmapped};
use super::rule_edits::{Part, RuleEdit, rule_edits};
use super::scope::{self, Judged, Verdict};
use super::{Case, PlannedRoute, decide, matching};
use crate::model::{Attribute, Observed, Presence, Timestamp, Value, same_value};
use crate::rules::{Apply, LeaverAction, RuleSet, Source};

/// What an edit means to one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The account is to be another, or is treated in another way.
    Touched,
    /// The rule set did not take the person before.
    ComesIn,
    /// The rule set does not take the person any more.
    Leaves,
}

/// The rules of a route as they were and as they are.
#[derive(Clone, Debug)]
pub struct Comparison {
    old: PlannedRoute,
    new: PlannedRoute,
    edits: Vec<Edited>,
}

#[derive(Clone, Debug)]
struct Edited {
    difference: RuleEdit,
    /// The rule set before and after, of its attributes only the one that was edited.
    alone: Option<(RuleSet, RuleSet)>,
}

/// What one rule makes of one attribute of one person: `None` where it leaves it alone.
type Made = Result<Option<Option<Value>>, Unmapped>;

impl Comparison {
    /// What has become of `old`?
    pub fn new(old: PlannedRoute, new: PlannedRoute) -> Self {
        let edited = |difference: RuleEdit| {
            let alone = match &difference.part {
                Part::Attribute(attribute) => {
                    let of = |route: &PlannedRoute| route.rules.iter().find(|r| r.name == difference.rules).cloned();
                    of(&old).zip(of(&new)).map(|(old, new)| (alone(&old, attribute), alone(&new, attribute)))
                }
                _ => None,
            };
            Edited { difference, alone }
        };
        let edits = rule_edits(&old.rules, &new.rules).into_iter().map(edited).collect();
        Self { old, new, edits }
    }

    /// Every edit, in the order in which [`Comparison::touches`] numbers them.
    pub fn rule_edits(&self) -> impl ExactSizeIterator<Item = &RuleEdit> {
        self.edits.iter().map(|e| &e.difference)
    }

    /// Which of the edits touch this person, and how? The case is that of the new rules. Whoever was settled and is touched
    /// by none is settled still.
    pub fn touches(&self, case: &Case, now: Timestamp) -> Vec<(usize, Touch)> {
        let judged = |route| scope::judge(route, &case.home, &case.member_of, case.link.as_ref());
        let person = Person { case, now, old: judged(&self.old), new: judged(&self.new) };
        self.edits.iter().enumerate().filter_map(|(n, edit)| Some((n, person.touch(edit)?))).collect()
    }
}

fn alone(rules: &RuleSet, attribute: &Attribute) -> RuleSet {
    let mut alone = rules.clone();
    alone.attributes.retain(|a, _| a == attribute);
    alone
}

struct Person<'a> {
    case: &'a Case,
    now: Timestamp,
    old: Judged<'a>,
    new: Judged<'a>,
}

/// The rule set that takes the person, blocked or not.
fn taken_by<'a>(judged: &Judged<'a>) -> Option<&'a str> {
    let takes = matches!(judged.verdict, Verdict::In | Verdict::Disabled);
    judged.rules.filter(|_| takes).map(|r| r.name.as_str())
}

/// The rule set whose word counts for the person, in scope or not.
fn spoken_by<'a>(judged: &Judged<'a>) -> Option<&'a str> {
    judged.rules.map(|r| r.name.as_str())
}

impl Person<'_> {
    fn touch(&self, edit: &Edited) -> Option<Touch> {
        let RuleEdit { rules: name, part, before, .. } = &edit.difference;
        let name = name.as_str();
        let touched = |yes: bool| yes.then_some(Touch::Touched);
        let stays = taken_by(&self.old) == Some(name) && taken_by(&self.new) == Some(name);
        match part {
            Part::RuleSet => self.moved(name, before.is_none()),
            Part::Scope => match (taken_by(&self.old) == Some(name), taken_by(&self.new) == Some(name)) {
                (false, true) => Some(Touch::ComesIn),
                (true, false) => Some(Touch::Leaves),
                (true, true) | (false, false) => touched(self.is_judged_otherwise()),
            },
            Part::Order => {
                let moves = taken_by(&self.old) != taken_by(&self.new);
                touched(moves || self.is_judged_otherwise() || self.is_treated_otherwise())
            }
            Part::Account => touched(stays && self.is_being_made() && self.has_no_mapped_type()),
            Part::Match => {
                let speaks = spoken_by(&self.old) == Some(name) && spoken_by(&self.new) == Some(name);
                touched(speaks && self.is_looked_up_otherwise())
            }
            Part::Attribute(attribute) => {
                let alone = edit.alone.as_ref().filter(|_| stays && self.is_kept_in_step());
                touched(alone.is_some_and(|(old, new)| self.is_made_otherwise(old, new, attribute)))
            }
            Part::Leavers(key) => touched(self.is_left_otherwise(name, key)),
            Part::Guard(_) => None,
        }
    }

    /// The route has the rule set now, or has it no more.
    fn moved(&self, name: &str, added: bool) -> Option<Touch> {
        let (without, with) = if added { (&self.old, &self.new) } else { (&self.new, &self.old) };
        if taken_by(with) == Some(name) {
            return Some(if added { Touch::ComesIn } else { Touch::Leaves });
        }
        let other_word = spoken_by(with) == Some(name) && spoken_by(without) != Some(name);
        let otherwise = self.is_judged_otherwise() || (other_word && self.is_treated_otherwise());
        otherwise.then_some(Touch::Touched)
    }

    /// Blocked at home and taken by the same rule set as before; but all of them together say whether the block counts.
    fn is_judged_otherwise(&self) -> bool {
        let taker = taken_by(&self.old);
        taker.is_some() && taker == taken_by(&self.new) && self.old.verdict != self.new.verdict
    }

    fn account(&self) -> Option<&Observed> {
        self.case.account.as_ref().filter(|a| a.presence == Presence::Present)
    }

    /// The leavers rule that treats the account, where one does.
    fn treatment(judged: &Judged<'_>) -> Option<(LeaverAction, u32)> {
        let rules = judged.rules.filter(|_| judged.verdict != Verdict::In)?;
        let action = decide::leaver_action(judged.verdict, rules);
        Some((action, if action == LeaverAction::Delete { rules.leavers.grace_days } else { 0 }))
    }
    fn is_treated_otherwise(&self) -> bool {
        let treated = self.account().is_some() && Self::treatment(&self.old) != Self::treatment(&self.new);
        treated || (self.is_asked_for() && self.is_looked_up_otherwise())
    }

    fn is_left_otherwise(&self, name: &str, key: &str) -> bool {
        let says = |judged: &Judged<'_>, verdict| spoken_by(judged) == Some(name) && judged.verdict == verdict;
        let now_says = |verdict| self.account().is_some() && says(&self.new, verdict);
        match key {
            "deleted" => now_says(Verdict::HomeRemoved),
            "out_of_scope" => now_says(Verdict::Out),
            "disabled" => {
                let was = says(&self.old, Verdict::Disabled);
                let is = says(&self.new, Verdict::Disabled);
                // Whoever has no account is touched where being blocked begins to count, or no longer does.
                (was || is) && (self.account().is_some() || self.old.verdict != self.new.verdict)
            }
            _ => {
                let deletes = matches!(Self::treatment(&self.new), Some((LeaverAction::Delete, _)));
                self.account().is_some() && deletes && spoken_by(&self.new) == Some(name)
            }
        }
    }

    fn is_being_made(&self) -> bool {
        self.case.link.as_ref().is_none_or(|l| !l.initialised)
    }

    fn has_no_mapped_type(&self) -> bool {
        self.new.rules.is_some_and(|r| !r.attributes.contains_key(Attribute::USER_TYPE))
    }

    /// An invitation that was never answered is looked after, whoever the person is by now.
    fn is_asked_for(&self) -> bool {
        self.case.link.as_ref().is_some_and(|l| l.account().is_none())
    }

    /// Has no account yet, and another one may be found now.
    fn is_looked_up_otherwise(&self) -> bool {
        let looks = self.is_asked_for() || (self.case.link.is_none() && self.new.verdict == Verdict::In);
        let rungs = |judged: &Judged<'_>| judged.rules.map(|r| matching::rungs(r, &self.case.home, self.now));
        looks && rungs(&self.old) != rungs(&self.new)
    }

    /// Who is blocked is compared only where the account is blocked too, and nobody blocked gets one.
    fn is_kept_in_step(&self) -> bool {
        let linked = self.case.link.as_ref().is_some_and(|l| l.account().is_some());
        let blocks = self.new.rules.is_some_and(|r| r.leavers.disabled == LeaverAction::Disable);
        self.new.verdict == Verdict::In || (linked && blocks)
    }

    /// The mapping gives another value, none any more, or is written because it is applied otherwise.
    fn is_made_otherwise(&self, old: &RuleSet, new: &RuleSet, attribute: &Attribute) -> bool {
        let (before, after) = match (self.made(old, attribute), self.made(new, attribute)) {
            (Ok(before), Ok(after)) => (before, after),
            (before, after) => return before.err() != after.err(),
        };
        match (self.is_past(old, attribute), self.is_past(new, attribute)) {
            (was_past, true) => !was_past && before.flatten().is_some(),
            (true, false) => self.writes(new, attribute),
            (false, false) => match (before, after) {
                (None, None) => false,
                (Some(value), None) => value.is_some(),
                (None, Some(value)) => value.is_some() || self.account().is_some_and(|a| has(a, attribute)),
                (Some(before), Some(after)) if !same_value(before.as_ref(), after.as_ref()) => true,
                (Some(_), Some(_)) => self.writes(new, attribute) && !self.writes(old, attribute),
            },
        }
    }

    /// Written once, and that was then. Whether a block of ours may be lifted is asked of the mapping all the same.
    fn is_past(&self, rules: &RuleSet, attribute: &Attribute) -> bool {
        let once = rules.attributes.get(attribute).is_some_and(|m| m.apply == Apply::Create);
        let initialised = self.case.link.as_ref().is_some_and(|l| l.initialised);
        once && initialised && attribute.as_str() != Attribute::ACCOUNT_ENABLED
    }

    fn made(&self, rules: &RuleSet, attribute: &Attribute) -> Made {
        let Some(mapping) = rules.attributes.get(attribute) else { return Ok(None) };
        // Who the manager is counts here, not how far the manager's account is.
        if let Source::Reference(source) = &mapping.source {
            return Ok(Some(self.case.home.attributes.get(source).cloned()));
        }
        let wanted = mapping::wanted(rules, &self.case.home, &self.case.answers, true, self.now)?;
        Ok(wanted.managed.contains(attribute).then(|| wanted.values.get(attribute).cloned()))
    }

    fn writes(&self, rules: &RuleSet, attribute: &Attribute) -> bool {
        let (Some(account), link) = (self.account(), self.case.link.as_ref()) else { return false };
        let wanted = mapping::wanted(rules, &self.case.home, &self.case.answers, true, self.now);
        wanted.is_ok_and(|wanted| decide::edits(account, &wanted, link, false).contains_key(attribute))
    }
}

fn has(account: &Observed, attribute: &Attribute) -> bool {
    account.attributes.get(attribute).is_some_and(|v| !v.is_empty())
}
