//! Which change goes next?

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::lanes::{Job, Lane, Whose, lane, part};
use super::steps;
use crate::model::{ActionKind, Change, ObjectId, RouteName, Timestamp};
use crate::plan::{self, Changes, Due, Place, Unkept};
use crate::store::{AskKind, RoutePart};

/// A change that waits as it was planned. A million may wait for a day: each lies with its plan until its turn comes.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    plan: Rc<Changes>,
    place: Place,
    home: ObjectId,
    kind: ActionKind,
    /// What it begins with.
    first: AskKind,
    claim: Option<u64>,
    serial: u64,
}

impl Ticket {
    fn new(plan: &Rc<Changes>, place: Place, change: &Change) -> Self {
        let (kind, first, claim) = (change.action.kind(), steps::first_kind(change), plan::claim_hash(change));
        Self { plan: plan.clone(), place, home: change.home.id.clone(), kind, first, claim, serial: 0 }
    }
    pub(super) fn route(&self) -> &RouteName {
        self.plan.route()
    }
    pub(super) fn home(&self) -> &ObjectId {
        &self.home
    }
    pub(super) fn whose(&self) -> Whose {
        (self.route().clone(), self.home.clone())
    }
    pub(super) fn part(&self) -> RoutePart {
        part(self.kind)
    }
    pub(super) fn change(&self) -> Result<Change, Unkept> {
        Ok(self.plan.at(self.place)?.change)
    }
}

/// Tickets of those changes of a plan that are `wanted`, in its order.
pub(super) fn tickets<E: From<Unkept>>(
    changes: Changes,
    mut wanted: impl FnMut(&Due) -> Result<bool, E>,
) -> Result<Vec<Ticket>, E> {
    let (changes, mut tickets) = (Rc::new(changes), Vec::new());
    for due in changes.places() {
        let (place, due) = due?;
        if wanted(&due)? {
            tickets.push(Ticket::new(&changes, place, &due.change));
        }
    }
    Ok(tickets)
}

/// Jobs that wait for a plan that is made anew, by part of their route.
pub(super) type Undone = BTreeMap<(RouteName, RoutePart), u64>;

/// What waits for its turn.
#[derive(Debug)]
enum Waiting {
    Planned(Ticket),
    /// It was begun, or follows from another.
    Begun(Box<Job>),
}

impl Waiting {
    fn home(&self) -> &ObjectId {
        match self {
            Waiting::Planned(ticket) => &ticket.home,
            Waiting::Begun(job) => &job.change.home.id,
        }
    }
    fn whose(&self) -> Whose {
        (self.route().clone(), self.home().clone())
    }
    fn route(&self) -> &RouteName {
        match self {
            Waiting::Planned(ticket) => ticket.route(),
            Waiting::Begun(job) => &job.change.route,
        }
    }
    fn lane(&self) -> Lane {
        match self {
            Waiting::Planned(ticket) => lane(ticket.kind, Some(ticket.first)),
            Waiting::Begun(job) => job.lane(),
        }
    }
    fn part(&self) -> RoutePart {
        match self {
            Waiting::Planned(ticket) => ticket.part(),
            Waiting::Begun(job) => part(job.change.action.kind()),
        }
    }
    /// Its question that no answer came to.
    fn looking(&self) -> Option<i64> {
        match self {
            Waiting::Planned(_) => None,
            Waiting::Begun(job) => job.looking.as_ref().map(|(asked, ..)| *asked),
        }
    }
    fn serial(&self) -> u64 {
        match self {
            Waiting::Planned(ticket) => ticket.serial,
            Waiting::Begun(job) => job.serial,
        }
    }
    fn claim(&self) -> Option<u64> {
        match self {
            Waiting::Planned(ticket) => ticket.claim,
            Waiting::Begun(job) => plan::claim_hash(&job.change),
        }
    }
    fn change(&self) -> Result<Change, Unkept> {
        match self {
            Waiting::Planned(ticket) => ticket.change(),
            Waiting::Begun(job) => Ok(job.change.clone()),
        }
    }
    fn into_job(self) -> Result<Job, Unkept> {
        match self {
            Waiting::Planned(ticket) => Ok(Job { serial: ticket.serial, ..Job::new(ticket.change()?, 0) }),
            Waiting::Begun(job) => Ok(*job),
        }
    }
}

/// Everything that waits for one target.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: BTreeMap<Lane, BTreeMap<RouteName, VecDeque<Waiting>>>,
    /// The route that was served last in each lane.
    served: BTreeMap<Lane, RouteName>,
    later: BTreeMap<(Timestamp, u64), Waiting>,
    /// The job of each person that counts. An older one is passed over when its turn comes.
    current: BTreeMap<RouteName, BTreeMap<ObjectId, u64>>,
    serial: u64,
}

impl Queue {
    /// A new job; an older one of the same person counts no more.
    pub(super) fn enter(&mut self, mut job: Job) {
        job.serial = self.counts_now(job.whose());
        self.push(job);
    }
    /// The same of a change as it was planned.
    pub(super) fn enter_planned(&mut self, mut ticket: Ticket) {
        ticket.serial = self.counts_now(ticket.whose());
        let waiting = Waiting::Planned(ticket);
        self.lane_of(&waiting).push_back(waiting);
    }
    fn counts_now(&mut self, (route, home): Whose) -> u64 {
        self.serial += 1;
        self.current.entry(route).or_default().insert(home, self.serial);
        self.serial
    }
    fn counting(&self, route: &RouteName, home: &ObjectId) -> Option<u64> {
        self.current.get(route)?.get(home).copied()
    }
    /// The person's job is over, or must not be done any more. Answers whether there was one.
    pub(super) fn leave(&mut self, (route, home): &Whose) -> bool {
        self.current.get_mut(route).and_then(|people| people.remove(home)).is_some()
    }
    /// Jobs of one part of a route must not be done any more. Answers how many there were.
    pub(super) fn leave_route(&mut self, route: &RouteName, only: Option<RoutePart>) -> u64 {
        let goes = |waiting: &&Waiting| {
            let of_part = only.is_none_or(|only| waiting.part() == only);
            waiting.route() == route && of_part && waiting.looking().is_none()
        };
        let all: Vec<Whose> = self.waiting().filter(goes).map(Waiting::whose).collect();
        all.iter().filter(|whose| self.leave(whose)).count() as u64
    }
    /// Everything that waits and counts.
    fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        let ready = self.ready.values().flat_map(BTreeMap::values).flatten();
        ready.chain(self.later.values()).filter(|waiting| self.counts(waiting))
    }
    /// Nothing waits that counts.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().next().is_none()
    }
    /// So many wait, or more.
    pub(super) fn has_as_many_as(&self, many: usize) -> bool {
        self.waiting().take(many).count() == many
    }
    /// What waits, and claims what has one of these hashes.
    pub(super) fn changes_that_claim(&self, hashes: &BTreeSet<u64>) -> Result<Vec<Change>, Unkept> {
        let claims = |waiting: &&Waiting| waiting.claim().is_some_and(|claim| hashes.contains(&claim));
        self.waiting().filter(claims).map(Waiting::change).collect()
    }
    /// A question that was not answered is looked into, whatever was planned since.
    fn counts(&self, waiting: &Waiting) -> bool {
        let counting = || self.counting(waiting.route(), waiting.home());
        waiting.looking().is_some() || counting() == Some(waiting.serial())
    }
    /// This job is over. Where there is a newer one of the same person, that one stays.
    pub(super) fn over(&mut self, job: &Job) {
        if self.counting(&job.change.route, &job.change.home.id) == Some(job.serial) {
            self.leave(&job.whose());
        }
    }
    /// The lane whose turn it is.
    pub(super) fn first_lane(&self) -> Option<Lane> {
        self.ready.iter().find(|(_, routes)| !routes.is_empty()).map(|(lane, _)| *lane)
    }
    pub(super) fn push(&mut self, job: Job) {
        let waiting = Waiting::Begun(Box::new(job));
        self.lane_of(&waiting).push_back(waiting);
    }
    pub(super) fn push_front(&mut self, job: Job) {
        self.put_first(Waiting::Begun(Box::new(job)));
    }
    fn put_first(&mut self, waiting: Waiting) {
        self.lane_of(&waiting).push_front(waiting);
    }
    fn lane_of(&mut self, waiting: &Waiting) -> &mut VecDeque<Waiting> {
        self.ready.entry(waiting.lane()).or_default().entry(waiting.route().clone()).or_default()
    }
    /// Not before `at`; no worker waits for it.
    pub(super) fn push_later(&mut self, job: Job, at: Timestamp) {
        self.serial += 1;
        self.later.insert((at, self.serial), Waiting::Begun(Box::new(job)));
    }
    /// The first job that counts.
    pub(super) fn pop(&mut self) -> Result<Option<Job>, Unkept> {
        while let Some(waiting) = self.pop_any() {
            if self.counts(&waiting) {
                return waiting.into_job().map(Some);
            }
        }
        Ok(None)
    }
    /// The first lane that has anything, its routes in turn.
    fn pop_any(&mut self) -> Option<Waiting> {
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
            let waiting = entry.remove();
            self.put_first(waiting);
        }
    }
    /// When the next one's time comes.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(at, _)| *at)
    }
    /// Nothing waits any more. Answers what is left undone: how many jobs of which parts, and the open questions of some.
    pub(super) fn clear(&mut self) -> (Undone, Vec<(i64, Whose)>) {
        let mut left = Undone::new();
        for waiting in self.waiting() {
            *left.entry((waiting.route().clone(), waiting.part())).or_default() += 1;
        }
        let question = |waiting: &Waiting| waiting.looking().map(|asked| (asked, waiting.whose()));
        let questions = self.waiting().filter_map(question).collect();
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
        std::iter::from_fn(|| queue.pop().unwrap()).map(|j| j.change.home.id.to_string()).collect()
    }

    #[test]
    fn what_a_change_begins_with_and_takes_is_known_before_its_steps_are_made() {
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
            let job = job("a->t", "p", action);
            let changes = Changes::of(job.change.route.clone(), [job.change.clone()]).unwrap();
            let mut queue = Queue::default();
            for ticket in tickets(changes, |_| Ok::<_, Unkept>(true)).unwrap() {
                assert_eq!((ticket.first, ticket.part()), (job.steps[0].kind(), job.lane().part()), "{:?}", job.change);
                queue.enter_planned(ticket);
            }
            assert_eq!(queue.first_lane(), Some(job.lane()));
            let begun = queue.pop().unwrap().unwrap();
            assert_eq!((&begun.change, &begun.steps), (&job.change, &job.steps));
            let writes = job.steps.iter().filter(|step| step.write.is_some()).count() as u64;
            assert_eq!(plan::writes_in_all(&job.change), writes, "{:?}", job.change);
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
        let job = queue.pop().unwrap().unwrap();
        queue.push_later(job, Timestamp(5));
        queue.wake(Timestamp(4));
        assert!(queue.pop().unwrap().is_none());
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
        assert_eq!(queue.waiting().count(), 2);
        let first = queue.pop().unwrap().unwrap();
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
        assert!(queue.pop().unwrap().is_none());
    }
}
