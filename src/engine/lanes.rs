//! Which write goes next?

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::Notify;

use super::steps::{self, Step};
use crate::model::{ActionKind, Asked, Change, ObjectId, RouteName, Timestamp};
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
        writes: steps::writes_in_all(change),
    }
}

fn lane(kind: ActionKind, first: Option<AskKind>) -> Lane {
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
    /// Empty until its turn comes: a million may wait, and these hold once more what they write.
    pub(super) steps: VecDeque<Step>,
    /// What they will begin with, until then.
    first: Option<AskKind>,
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
    serial: u64,
}

/// Jobs that wait for a plan that is made anew, by part of their route.
pub(super) type Undone = BTreeMap<(RouteName, RoutePart), u64>;

/// The part of its route that a quarantine of this change would stop.
pub(super) fn part(change: &Change) -> RoutePart {
    lane(change.action.kind(), None).part()
}

/// Whose job it is.
pub(super) type Whose = (RouteName, ObjectId);

impl Job {
    pub(super) fn new(change: Change, generation: u32) -> Self {
        let first = Some(steps::first_kind(&change));
        let (steps, begun, failed, serial) = (VecDeque::new(), None, None, 0);
        Self { change, steps, first, tries: 0, looking: None, asked_before: None, generation, begun, failed, serial }
    }
    fn next_kind(&self) -> Option<AskKind> {
        self.first.or_else(|| self.steps.front().map(Step::kind))
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

/// Everything that waits for one target.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: BTreeMap<Lane, BTreeMap<RouteName, VecDeque<Job>>>,
    /// The route that was served last in each lane.
    served: BTreeMap<Lane, RouteName>,
    later: BTreeMap<(Timestamp, u64), Job>,
    /// The job of each person that counts. An older one is passed over when its turn comes.
    current: BTreeMap<Whose, u64>,
    serial: u64,
}

impl Queue {
    /// A new job; an older one of the same person counts no more.
    pub(super) fn enter(&mut self, mut job: Job) {
        self.serial += 1;
        job.serial = self.serial;
        self.current.insert(job.whose(), job.serial);
        self.push(job);
    }
    /// The person's job is over, or must not be done any more. Answers whether there was one.
    pub(super) fn leave(&mut self, whose: &Whose) -> bool {
        self.current.remove(whose).is_some()
    }
    /// Jobs of one part of a route must not be done any more. Answers how many there were.
    pub(super) fn leave_route(&mut self, route: &RouteName, only: Option<RoutePart>) -> u64 {
        let goes = |job: &Job| {
            let of_part = only.is_none_or(|only| part(&job.change) == only);
            job.change.route == *route && of_part && job.looking.is_none()
        };
        let all: Vec<Whose> = self.jobs().filter(|job| goes(job)).map(Job::whose).collect();
        all.iter().filter(|whose| self.leave(whose)).count() as u64
    }
    /// Every job that waits and counts.
    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        let ready = self.ready.values().flat_map(BTreeMap::values).flatten();
        ready.chain(self.later.values()).filter(|job| self.counts(job))
    }
    /// A question that was not answered is looked into, whatever was planned since.
    fn counts(&self, job: &Job) -> bool {
        job.looking.is_some() || self.current.get(&job.whose()) == Some(&job.serial)
    }
    /// This job is over. Where there is a newer one of the same person, that one stays.
    pub(super) fn over(&mut self, job: &Job) {
        let whose = job.whose();
        if self.current.get(&whose) == Some(&job.serial) {
            self.current.remove(&whose);
        }
    }
    /// The lane whose turn it is.
    pub(super) fn first_lane(&self) -> Option<Lane> {
        self.ready.iter().find(|(_, routes)| !routes.is_empty()).map(|(lane, _)| *lane)
    }
    pub(super) fn push(&mut self, job: Job) {
        self.lane_of(&job).push_back(job);
    }
    pub(super) fn push_front(&mut self, job: Job) {
        self.lane_of(&job).push_front(job);
    }
    fn lane_of(&mut self, job: &Job) -> &mut VecDeque<Job> {
        self.ready.entry(job.lane()).or_default().entry(job.change.route.clone()).or_default()
    }
    /// Not before `at`; no worker waits for it.
    pub(super) fn push_later(&mut self, job: Job, at: Timestamp) {
        self.serial += 1;
        self.later.insert((at, self.serial), job);
    }
    /// The first job that counts.
    pub(super) fn pop(&mut self) -> Option<Job> {
        loop {
            let mut job = self.pop_any()?;
            if self.counts(&job) {
                if job.first.take().is_some() {
                    job.steps = steps::steps(&job.change);
                }
                return Some(job);
            }
        }
    }
    /// The first lane that has anything, its routes in turn.
    fn pop_any(&mut self) -> Option<Job> {
        let (lane, routes) = self.ready.iter_mut().find(|(_, routes)| !routes.is_empty())?;
        let last = self.served.get(lane);
        let after = last.and_then(|last| routes.keys().find(|r| *r > last));
        let route = after.or_else(|| routes.keys().next())?.clone();
        let jobs = routes.get_mut(&route)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            routes.remove(&route);
        }
        self.served.insert(*lane, route);
        job
    }
    /// Whose time has come is ready.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let job = entry.remove();
            self.push_front(job);
        }
    }
    /// When the next one's time comes.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(at, _)| *at)
    }
    /// Nothing waits any more. Answers what is left undone: how many jobs of which parts, and the open questions of some.
    pub(super) fn clear(&mut self) -> (Undone, Vec<(i64, Whose)>) {
        let mut left = Undone::new();
        for job in self.jobs() {
            *left.entry((job.change.route.clone(), part(&job.change))).or_default() += 1;
        }
        let question = |job: &Job| job.looking.as_ref().map(|(asked, ..)| (*asked, job.whose()));
        let questions = self.jobs().filter_map(question).collect();
        self.ready.clear();
        self.later.clear();
        self.current.clear();
        (left, questions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Attribute, Attributes, Edit, Edits, Origin, Person, Value, Why};

    fn job(route: &str, who: &str, action: Action) -> Job {
        let change = Change {
            route: RouteName::parse(route).unwrap(),
            home: Person { id: who.into(), user_principal_name: who.to_owned() },
            action,
            before: Attributes::new(),
            why: Why::InScope,
            rules: "r".to_owned(),
            redacted: std::collections::BTreeSet::new(),
        };
        Job::new(change, 0)
    }
    fn provision() -> Action {
        Action::Provision { address: "a@b.c".to_owned(), wanted: Attributes::new() }
    }
    fn order(mut queue: Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).map(|j| j.change.home.id.to_string()).collect()
    }

    #[test]
    fn what_a_job_begins_with_is_known_before_its_steps_are_made() {
        let (title, manager) = ((Attribute::from("jobTitle"), Edit::Clear), (Attribute::from("manager"), Edit::Clear));
        let account = || "x".into();
        let mut actions = vec![
            provision(),
            Action::Restore { account: account() },
            Action::Disable { account: account() },
            Action::Enable { account: account() },
            Action::Delete { account: account() },
            Action::Unlink,
        ];
        for edits in [vec![], vec![title.clone()], vec![manager.clone()], vec![title, manager]] {
            let edits = Edits::from_iter(edits);
            actions.push(Action::Update { account: account(), edits: edits.clone() });
            actions.push(Action::Join { account: account(), edits, origin: Origin::Joined });
        }
        for action in actions {
            let mut queue = Queue::default();
            queue.enter(job("a->t", "p", action));
            let known = queue.jobs().next().and_then(Job::next_kind);
            let begun = queue.pop().unwrap();
            assert_eq!((known, begun.first), (begun.steps.front().map(Step::kind), None), "{:?}", begun.change);
        }
    }

    #[test]
    fn leavers_go_before_joiners_whenever_they_come() {
        let mut queue = Queue::default();
        queue.enter(job("a->t", "joiner", provision()));
        queue.enter(job("a->t", "leaver", Action::Delete { account: "x".into() }));
        let manager = Edits::from_iter([(Attribute::from("manager"), Edit::Set(Value::from("m")))]);
        queue.enter(job("a->t", "report", Action::Update { account: "y".into(), edits: manager }));
        let title = Edits::from_iter([(Attribute::from("jobTitle"), Edit::Clear)]);
        queue.enter(job("a->t", "mover", Action::Update { account: "z".into(), edits: title }));
        assert_eq!(order(queue), ["leaver", "mover", "joiner", "report"]);
    }

    #[test]
    fn routes_take_turns_within_a_lane() {
        let mut queue = Queue::default();
        for (route, who) in [("a->t", "a1"), ("a->t", "a2"), ("a->t", "a3"), ("b->t", "b1"), ("c->t", "c1")] {
            queue.enter(job(route, who, provision()));
        }
        assert_eq!(order(queue), ["a1", "b1", "c1", "a2", "a3"]);
    }

    #[test]
    fn who_waits_comes_back_when_due_and_not_before() {
        let mut queue = Queue::default();
        queue.enter(job("a->t", "later", provision()));
        let job = queue.pop().unwrap();
        queue.push_later(job, Timestamp(5));
        queue.wake(Timestamp(4));
        assert!(queue.pop().is_none());
        assert_eq!(queue.next_due(), Some(Timestamp(5)));
        queue.wake(Timestamp(5));
        assert_eq!(order(queue), ["later"]);
    }

    #[test]
    fn whoever_is_planned_anew_has_one_job_and_it_is_the_newer() {
        let mut queue = Queue::default();
        queue.enter(job("a->t", "p", provision()));
        queue.enter(job("a->t", "q", provision()));
        queue.enter(job("a->t", "p", Action::Delete { account: "x".into() }));
        assert_eq!(queue.jobs().count(), 2);
        let first = queue.pop().unwrap();
        assert_eq!((first.change.home.id.as_str(), first.lane()), ("p", Lane::Leavers));
        assert_eq!(order(queue), ["q"]);
    }

    #[test]
    fn a_quarantine_takes_its_part_of_the_route_and_no_more() {
        let mut queue = Queue::default();
        queue.enter(job("a->t", "joiner", provision()));
        queue.enter(job("a->t", "leaver", Action::Delete { account: "x".into() }));
        queue.enter(job("b->t", "other", provision()));
        assert_eq!(queue.leave_route(&RouteName::parse("a->t").unwrap(), Some(RoutePart::Others)), 1);
        let (undone, questions) = queue.clear();
        assert_eq!((undone.len(), undone.values().sum::<u64>(), questions.len()), (2, 2, 0));
        assert!(queue.pop().is_none());
    }
}
