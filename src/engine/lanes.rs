//! Which kinds of write go before which, and what is a change on its way?

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::Notify;

use super::queue::Queue;
use super::steps::{self, Step};
use crate::model::{ActionKind, Asked, Change, ObjectId, RouteName, Timestamp};
use crate::plan;
use crate::quota::Urgency;
use crate::store::{Ask, AskKind, Pending, RoutePart};

/// In the order in which a target gets them: who leaves never waits behind who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Accounts that are deleted or blocked, links that end.
    Leavers,
    /// Accounts that are restored or unblocked.
    Restores,
    /// Attributes of accounts that stand.
    Updates,
    /// Accounts that are taken over.
    Joins,
    /// Accounts that are made.
    Provisions,
    /// References from one account to another.
    References,
}

impl Lane {
    /// All of them, in their order.
    pub const ALL: [Lane; 6] =
        [Lane::Leavers, Lane::Restores, Lane::Updates, Lane::Joins, Lane::Provisions, Lane::References];
    /// As people, the store and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Leavers => "leavers",
            Lane::Restores => "restores",
            Lane::Updates => "updates",
            Lane::Joins => "joins",
            Lane::Provisions => "provisions",
            Lane::References => "references",
        }
    }
    /// Who leaves may use the last of a quota window.
    pub(super) fn urgency(self) -> Urgency {
        if self == Lane::Leavers { Urgency::Urgent } else { Urgency::Ordinary }
    }
    /// The part of its route that a quarantine would stop.
    pub(super) fn part(self) -> RoutePart {
        if self == Lane::Leavers { RoutePart::Leavers } else { RoutePart::Others }
    }
}

/// Where a change waits, and what it takes, as `status` tells it.
pub(super) fn pending(change: &Change) -> Pending {
    let kind = change.action.kind();
    Pending {
        action: kind.as_str().to_owned(),
        lane: lane(kind, Some(steps::first_kind(change))).name().to_owned(),
        writes: plan::writes_in_all(change),
    }
}

pub(super) fn lane(kind: ActionKind, first: Option<AskKind>) -> Lane {
    match (kind, first) {
        (ActionKind::Delete | ActionKind::Disable | ActionKind::Unlink, _) => Lane::Leavers,
        (ActionKind::Restore | ActionKind::Enable, _) => Lane::Restores,
        (_, Some(AskKind::Manager)) => Lane::References,
        (ActionKind::Update, _) => Lane::Updates,
        (ActionKind::Join, _) => Lane::Joins,
        (ActionKind::Provision, _) => Lane::Provisions,
    }
}

/// What went wrong with a step.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// For people.
    pub(super) message: String,
    /// The tenant's code, where the tenant refused it: the same one for many people is not the people's fault.
    pub(super) code: Option<String>,
    /// How much it says of the route, as against the person.
    pub(super) weight: u32,
}

impl Fault {
    /// Nothing that the tenant said of this person or of us.
    pub(super) fn ours(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None, weight: 0 }
    }
}

/// A change on its way.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) steps: VecDeque<Step>,
    /// Attempts of the step in front.
    pub(super) tries: u32,
    /// A write whose answer was lost, and how often the tenant was looked at for it.
    pub(super) looking: Option<(i64, Ask, u32)>,
    /// An earlier invitation of the same person was never answered: the account that answers now may be that one's.
    pub(super) asked_before: Option<Asked>,
    /// Changes that this one follows from.
    pub(super) generation: u32,
    /// When the first of its writes left.
    pub(super) begun: Option<Timestamp>,
    /// What went wrong with a step; the others are still tried.
    pub(super) failed: Option<Fault>,
    /// Tells the job that counts from an older one of the same person.
    pub(super) serial: u64,
}

/// The part of its route that a quarantine of such a change would stop.
pub(super) fn part(kind: ActionKind) -> RoutePart {
    lane(kind, None).part()
}

/// Whose job it is.
pub(super) type Whose = (RouteName, ObjectId);

impl Job {
    pub(super) fn new(change: Change, generation: u32) -> Self {
        let (steps, begun, failed, serial) = (steps::steps(&change), None, None, 0);
        Self { change, steps, tries: 0, looking: None, asked_before: None, generation, begun, failed, serial }
    }
    fn next_kind(&self) -> Option<AskKind> {
        self.steps.front().map(Step::kind)
    }
    pub(super) fn lane(&self) -> Lane {
        lane(self.change.action.kind(), self.next_kind())
    }
    pub(super) fn whose(&self) -> Whose {
        (self.change.route.clone(), self.change.home.id.clone())
    }
    /// It will invite with its next write.
    pub(super) fn invites(&self) -> bool {
        self.looking.is_none() && self.next_kind() == Some(AskKind::Invite)
    }
    /// Its next move is a request that the target counts as a write.
    pub(super) fn writes(&self) -> bool {
        self.looking.is_none() && self.next_kind().is_some_and(|kind| kind != AskKind::None)
    }
}

/// One target's lanes, as its worker and whoever fills them see them.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub(super) queue: RefCell<Queue>,
    /// People for whom a write is under way, or being looked for: what becomes of them is told by its answer.
    pub(super) busy: RefCell<BTreeMap<Whose, Change>>,
    /// Open questions of this run; those of the store that are not here are an earlier run's.
    pub(super) asks: RefCell<BTreeSet<i64>>,
    /// People for whom something was asked since the plan that is being made was begun: what it says of them is old.
    pub(super) touched: RefCell<BTreeSet<Whose>>,
    /// Accounts that a reading told of for the first time while questions were open: an invitation that is answered with one
    /// of them has made it.
    pub(super) appeared: RefCell<BTreeSet<ObjectId>>,
    /// Something was put in, or nothing will be any more.
    pub(super) woken: Notify,
    /// Nothing waits and nothing flies.
    pub(super) idle: Cell<bool>,
    /// The tenant is left alone: what comes in goes out again until somebody fills the lanes anew.
    pub(super) resting: Cell<bool>,
    /// Nobody empties them any more in this run.
    pub(super) dead: Cell<bool>,
}
