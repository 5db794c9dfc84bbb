//! Which write goes next?

use std::collections::{BTreeMap, VecDeque};

use super::steps::{self, Step};
use crate::model::{ActionKind, Asked, Change, RouteName, Timestamp};
use crate::store::{Ask, AskKind};

/// In the order in which a target gets them: who leaves never waits behind who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Leavers,
    Restores,
    Updates,
    Joins,
    Provisions,
    References,
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
    /// What went wrong with a step; the others are still tried.
    pub(super) failed: Option<String>,
}

impl Job {
    pub(super) fn new(change: Change, generation: u32) -> Self {
        let steps = steps::steps(&change);
        Self { change, steps, tries: 0, looking: None, asked_before: None, generation, failed: None }
    }
    pub(super) fn lane(&self) -> Lane {
        match (self.change.action.kind(), self.steps.front().map(Step::kind)) {
            (ActionKind::Delete | ActionKind::Disable | ActionKind::Unlink, _) => Lane::Leavers,
            (ActionKind::Restore | ActionKind::Enable, _) => Lane::Restores,
            (_, Some(AskKind::Manager)) => Lane::References,
            (ActionKind::Update, _) => Lane::Updates,
            (ActionKind::Join, _) => Lane::Joins,
            (ActionKind::Provision, _) => Lane::Provisions,
        }
    }
    /// It will invite with its next write.
    pub(super) fn invites(&self) -> bool {
        self.looking.is_none() && self.steps.front().map(Step::kind) == Some(AskKind::Invite)
    }
    /// Its next move is a request that the target counts as a write.
    pub(super) fn writes(&self) -> bool {
        self.looking.is_none() && self.steps.front().is_some_and(|s| s.write.is_some())
    }
}

/// Everything that waits for one target.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: BTreeMap<Lane, BTreeMap<RouteName, VecDeque<Job>>>,
    /// The route that was served last in each lane.
    served: BTreeMap<Lane, RouteName>,
    later: BTreeMap<(Timestamp, u64), Job>,
    serial: u64,
}

impl Queue {
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
    /// The first lane that has anything, its routes in turn.
    pub(super) fn pop(&mut self) -> Option<Job> {
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
    /// Everything that is left, ready or not.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        let ready = std::mem::take(&mut self.ready).into_values().flat_map(BTreeMap::into_values).flatten();
        let later = std::mem::take(&mut self.later).into_values();
        ready.chain(later).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Attribute, Edit, Edits, Person, Value, Why};

    fn job(route: &str, who: &str, action: Action) -> Job {
        let change = Change {
            route: RouteName::parse(route).unwrap(),
            home: Person { id: who.into(), user_principal_name: who.to_owned() },
            action,
            before: BTreeMap::new(),
            why: Why::InScope,
            rules: "r".to_owned(),
            redacted: std::collections::BTreeSet::new(),
        };
        Job::new(change, 0)
    }
    fn provision() -> Action {
        Action::Provision { address: "a@b.c".to_owned(), wanted: BTreeMap::new() }
    }
    fn order(mut queue: Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).map(|j| j.change.home.id.to_string()).collect()
    }

    #[test]
    fn leavers_go_before_joiners_whenever_they_come() {
        let mut queue = Queue::default();
        queue.push(job("a->t", "joiner", provision()));
        queue.push(job("a->t", "leaver", Action::Delete { account: "x".into() }));
        let manager = Edits::from([(Attribute::from("manager"), Edit::Set(Value::from("m")))]);
        queue.push(job("a->t", "report", Action::Update { account: "y".into(), edits: manager }));
        let title = Edits::from([(Attribute::from("jobTitle"), Edit::Clear)]);
        queue.push(job("a->t", "mover", Action::Update { account: "z".into(), edits: title }));
        assert_eq!(order(queue), ["leaver", "mover", "joiner", "report"]);
    }

    #[test]
    fn routes_take_turns_within_a_lane() {
        let mut queue = Queue::default();
        for (route, who) in [("a->t", "a1"), ("a->t", "a2"), ("a->t", "a3"), ("b->t", "b1"), ("c->t", "c1")] {
            queue.push(job(route, who, provision()));
        }
        assert_eq!(order(queue), ["a1", "b1", "c1", "a2", "a3"]);
    }

    #[test]
    fn who_waits_comes_back_when_due_and_not_before() {
        let mut queue = Queue::default();
        queue.push_later(job("a->t", "later", provision()), Timestamp(5));
        queue.wake(Timestamp(4));
        assert!(queue.pop().is_none());
        assert_eq!(queue.next_due(), Some(Timestamp(5)));
        queue.wake(Timestamp(5));
        assert_eq!(order(queue), ["later"]);
    }
}
