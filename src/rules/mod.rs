//! What did the admin write? A rule set as a value, checked: scope, match, attributes, leavers, guard.

mod advice;
mod allow;
mod attributes;
mod dates;
pub mod diagnostic;
pub mod entra;
pub mod expression;
mod fingerprint;
pub mod lints;
mod parse;
mod pattern;
pub mod properties;
mod scope;
pub mod table;
mod test_case;
mod test_file;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Attribute, Value};

pub use diagnostic::{Diagnostic, Severity};
pub use expression::{Dialect, EvalError, Expression, Inputs, Output, ParseError, Shape, Traced};
pub use parse::is_guid;
pub use pattern::Pattern;
pub use scope::{Clause, OPERATORS, Operator};
pub use test_case::{Expectation, ExpectedValue, Judgement, Leaving, TestCase};
pub use test_file::TEST_NOW;

/// One file of `sync-rules/`.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// The file's name without `.toml`.
    pub name: String,
    /// What it is for, in the admin's words.
    pub description: String,
    /// `userType` of accounts that are provisioned.
    pub account: AccountKind,
    /// Any of them takes the user; none at all takes every native user.
    pub scope: Vec<Scope>,
    /// How an account that exists already is found, in order of precedence.
    pub matches: Vec<MatchRung>,
    /// What each target attribute is made from.
    pub attributes: BTreeMap<Attribute, Mapping>,
    /// What happens to accounts of people who leave.
    pub leavers: Leavers,
    /// How much may change in one run without a person's approval.
    pub guard: Guard,
    /// SHA-256 (hex) of everything above that can change a decision: when it changes, everyone is considered anew.
    pub fingerprint: String,
    /// The text that it was read from, comments and all.
    pub text: String,
}

/// `Guest` or `Member`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// `userType = "Guest"`.
    Guest,
    /// `userType = "Member"`.
    Member,
}
impl AccountKind {
    /// Graph's word.
    pub fn user_type(self) -> &'static str {
        match self {
            AccountKind::Guest => "Guest",
            AccountKind::Member => "Member",
        }
    }
}

/// One `[[scope]]` table: all clauses hold, and the user is in one of the groups where any are named.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Clauses, all of which must hold.
    pub all: Vec<Clause>,
    /// Object ids of groups of the home tenant; membership of any one of them (transitive) is enough.
    pub groups: Vec<String>,
}

/// One `[[match]]`.
#[derive(Clone, Debug)]
pub struct MatchRung {
    /// The account's attribute.
    pub target: Attribute,
    /// What it must equal, ignoring case.
    pub source: Expression,
}

/// How one target attribute is made.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// From what.
    pub source: Source,
    /// When it is written.
    pub apply: Apply,
    /// What an empty result does.
    pub when_empty: WhenEmpty,
    /// The admin says that the attribute takes more than our list knows: values of any size are written.
    pub unbounded: bool,
}

/// From what a target attribute is made.
#[derive(Clone, Debug)]
pub enum Source {
    /// An expression over the home user.
    Expression(Expression),
    /// A TOML bool, integer or list.
    Constant(Value),
    /// Another home user (`[manager]`), resolved to that user's account in the target.
    Reference(Attribute),
}

/// When an attribute is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// Whenever it differs: local edits in the target are put right.
    Always,
    /// When the home's value changes; a local edit stays until then.
    OnChange,
    /// Once, when the account is provisioned.
    Create,
}
impl Apply {
    /// All of them with their words.
    pub const WORDS: [(&'static str, Apply); 3] =
        [("always", Apply::Always), ("on-change", Apply::OnChange), ("create", Apply::Create)];
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Apply::Always => "always",
            Apply::OnChange => "on-change",
            Apply::Create => "create",
        }
    }
}

/// What an empty result does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenEmpty {
    /// The target attribute is cleared.
    Clear,
    /// The target attribute stays as it is.
    Keep,
}

/// What happens to the account of somebody who left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaverAction {
    /// It is deleted (softly).
    Delete,
    /// It is blocked.
    Disable,
    /// It stays.
    Keep,
}

/// `[leavers]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leavers {
    /// The home user was deleted.
    pub deleted: LeaverAction,
    /// The home user is not in scope any more.
    pub out_of_scope: LeaverAction,
    /// The home user is blocked.
    pub disabled: LeaverAction,
    /// With [`LeaverAction::Delete`]: block now, delete after so many days.
    pub grace_days: u32,
}
impl Default for Leavers {
    fn default() -> Self {
        use LeaverAction::{Delete, Disable};
        Self { deleted: Delete, out_of_scope: Delete, disabled: Disable, grace_days: 0 }
    }
}

/// At most so many, and at most so many percent of the route's links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// A count.
    pub max: Option<u64>,
    /// A share of the linked population.
    pub percent: Option<u64>,
}

/// `[guard]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Accounts deleted.
    pub deletes: Limit,
    /// Accounts blocked.
    pub disables: Limit,
    /// Accounts updated.
    pub updates: Limit,
    /// Accounts invited.
    pub provisions: Limit,
    /// Accounts of which `userType` becomes `Member`.
    pub promotions: Limit,
    /// Accounts of which this one attribute is updated.
    pub attributes: BTreeMap<Attribute, Limit>,
    /// The same over 24 hours, together with what was done in them.
    pub day: Day,
    /// Percentages say nothing below this many links.
    pub minimum_population: u64,
    /// By more percent than this no tenant shrinks from one cycle to the next: its reading is not believed then.
    pub shrinkage: u64,
}

/// `[guard.day]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Accounts deleted.
    pub deletes: Limit,
    /// Accounts blocked.
    pub disables: Limit,
    /// Accounts updated.
    pub updates: Limit,
    /// Accounts invited.
    pub provisions: Limit,
    /// Accounts of which `userType` becomes `Member`.
    pub promotions: Limit,
    /// Accounts of which this one attribute is updated.
    pub attributes: BTreeMap<Attribute, Limit>,
}

/// Nobody loses half of a directory in a day's work; a broken export or a wrong filter does (guess).
const SHRINKAGE_PERCENT: u64 = 50;

impl Default for Guard {
    fn default() -> Self {
        let (both, none) = (Limit { max: Some(500), percent: Some(10) }, Limit::default());
        Self {
            deletes: both,
            disables: both,
            updates: Limit { max: None, percent: Some(50) },
            provisions: none,
            promotions: none,
            attributes: BTreeMap::new(),
            // Many small runs may not do what one may not.
            day: Day { deletes: both, disables: both, ..Day::default() },
            minimum_population: 20,
            shrinkage: SHRINKAGE_PERCENT,
        }
    }
}

impl RuleSet {
    /// Home attributes that any clause, match or mapping reads.
    pub fn home_attributes(&self) -> BTreeSet<Attribute> {
        let rungs = self.matches.iter().flat_map(|m| m.source.attributes());
        let mapped = self.attributes.values().flat_map(|m| match &m.source {
            Source::Expression(e) => e.attributes(),
            Source::Reference(a) => BTreeSet::from([a.clone()]),
            Source::Constant(_) => BTreeSet::new(),
        });
        self.scope_attributes().chain(rungs).chain(mapped).collect()
    }
    /// Home attributes that the scope asks about.
    pub fn scope_attributes(&self) -> impl Iterator<Item = Attribute> {
        self.scope.iter().flat_map(|s| s.all.iter().map(|c| c.attribute.clone()))
    }
    /// Target attributes that any match compares or any mapping writes, and those that are written along.
    pub fn target_attributes(&self) -> BTreeSet<Attribute> {
        let along = self.attributes.keys().flat_map(properties::written_along);
        self.matches.iter().map(|m| m.target.clone()).chain(self.attributes.keys().cloned()).chain(along).collect()
    }
    /// Target attributes whose values no plan and no log may show (`Redact`).
    pub fn redacted(&self) -> BTreeSet<Attribute> {
        self.made_by(Expression::redacts)
    }
    /// Target attributes for which a value is chosen that nobody else has (`SelectUniqueValue`).
    pub fn unique_attributes(&self) -> BTreeSet<Attribute> {
        self.made_by(Expression::selects_unique)
    }
    fn made_by(&self, asks: impl Fn(&Expression) -> bool) -> BTreeSet<Attribute> {
        let made = |m: &Mapping| matches!(&m.source, Source::Expression(e) if asks(e));
        self.attributes.iter().filter(|(_, m)| made(m)).map(|(a, _)| a.clone()).collect()
    }
    /// Does any of its expressions give another result as time goes by (`Now`)?
    pub fn asks_the_time(&self) -> bool {
        // What is written once is asked once.
        let mut mapped = self.attributes.values().filter(|m| m.apply != Apply::Create);
        let asks = |m: &Mapping| matches!(&m.source, Source::Expression(e) if e.asks_the_time());
        mapped.any(asks) || self.matches.iter().any(|m| m.source.asks_the_time())
    }
    /// Home attributes that an expression, or a match, reads whose value may not be shown.
    pub fn secret(&self) -> BTreeSet<Attribute> {
        let mapped = self.attributes.values().filter_map(|m| match &m.source {
            Source::Expression(e) => Some(e),
            Source::Constant(_) | Source::Reference(_) => None,
        });
        let all = mapped.chain(self.matches.iter().map(|m| &m.source));
        all.filter(|e| e.redacts()).flat_map(Expression::attributes).collect()
    }
    /// Groups of the home tenant that any scope table names.
    pub fn groups(&self) -> BTreeSet<String> {
        self.scope.iter().flat_map(|s| s.groups.iter().cloned()).collect()
    }
}
