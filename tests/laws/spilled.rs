//! Does it make any difference to a plan that it does not fit into memory?

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

use crosstie::model::{Action, ActionKind, Attribute, Change, Edit, Edits, Origin, Person, RouteName, Value, Why};
use crosstie::plan::{
    Changes, Claims, Due, Plan, RoutePlan, Shelf, digest, guarded, hold_shared, population_counts, refusals,
};
use proptest::prelude::*;

use super::world::{attributes, route_name, rules};

/// More than a plan holds in memory: half a megabyte of changes, and of the hashes of their lines.
const MANY: usize = 20_000;

#[derive(Debug, Default)]
struct Counted {
    bytes: RefCell<Vec<u8>>,
    taken: RefCell<u64>,
    held: Cell<usize>,
}
impl Shelf for Counted {
    fn put(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut all = self.bytes.borrow_mut();
        all.extend_from_slice(bytes);
        Ok((all.len() - bytes.len()) as u64)
    }
    fn take(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        *self.taken.borrow_mut() += 1;
        let at = usize::try_from(at).unwrap();
        Ok(self.bytes.borrow()[at..at + length].to_vec())
    }
    fn held(&self) -> &Cell<usize> {
        &self.held
    }
}

fn action(n: usize) -> Action {
    let account = format!("a{n}");
    let edits = Edits::from_iter([
        (Attribute::from("jobTitle"), Edit::Set(Value::from(format!("title {}", n % 7)))),
        (Attribute::from("otherMails"), Edit::Set(Value::from(vec![format!("{n}@a"), format!("{n}@b")]))),
        (Attribute::from("mobilePhone"), Edit::Clear),
    ]);
    match n % 5 {
        0 => Action::Delete { account: account.as_str().into() },
        1 => Action::Update { account: account.as_str().into(), edits },
        2 => Action::Join { account: account.as_str().into(), edits, origin: Origin::Joined },
        // The last two hundred want what others want.
        _ => Action::Provision { address: format!("p{}@x", n % (MANY - 200)), wanted: attributes(&[("mail", "m")]) },
    }
}

fn due(n: usize) -> Due {
    let change = Change {
        route: route_name(),
        home: Person { id: format!("p{n:06}").as_str().into(), user_principal_name: format!("p{n}@north.example") },
        action: action(n),
        before: [(Attribute::from("accountEnabled"), Value::Bool(n.is_multiple_of(2)))].into_iter().collect(),
        why: Why::InScope,
        rules: "staff".to_owned(),
        redacted: BTreeSet::from(["mobilePhone".into()]),
    };
    Due {
        change,
        basis: (!n.is_multiple_of(3)).then(|| format!("basis {n}")),
        awaited: (n % 4 == 1).then(|| format!("p{:06}", n + 1).as_str().into()).into_iter().collect(),
        leaned_on: (n % 5 == 2).then(|| BTreeSet::from([format!("{n}@x")])),
        is_provisioning: n % 11 == 1,
    }
}

fn plan(changes: Changes) -> RoutePlan {
    let (route, fingerprint, held) = (route_name(), "staff=1".to_owned(), Vec::new());
    RoutePlan { route, fingerprint, changes, held, settled: 0, population: 10 }
}

fn told(plan: &RoutePlan) -> impl PartialEq + std::fmt::Debug + use<> {
    let rules = [rules("staff", "[guard]\ndeletes = { max = 3 }\n")];
    let counts: Vec<u64> = ActionKind::ALL.iter().map(|kind| plan.changes.count(*kind)).collect();
    let refused = refusals(plan, &rules, &guarded(plan).unwrap()).unwrap();
    let digest = digest(&Plan { routes: vec![plan.clone()] }).unwrap();
    (counts, plan.changes.writes(), plan.references_to_follow().unwrap(), refused, population_counts(plan), digest)
}

#[test]
fn a_plan_that_lies_on_a_shelf_says_what_one_in_memory_says() {
    let (shelf, all) = (Rc::new(Counted::default()), || (0..MANY).map(due));
    let mut away = Changes::new(route_name(), Some(shelf.clone()));
    all().for_each(|due| away.push(&due).unwrap());
    assert!(shelf.bytes.borrow().len() > 1 << 20, "half of it is not in memory");
    let held = plan(Changes::of(route_name(), all()).unwrap());
    let away = plan(away);
    assert!(away.changes.dues().map(Result::unwrap).eq(all()));
    assert_eq!(told(&away), told(&held));

    // In order, next to nothing is read twice; and each is found where it lies.
    let places: Vec<_> = away.changes.places().map(Result::unwrap).collect();
    *shelf.taken.borrow_mut() = 0;
    for (place, due) in &places {
        assert_eq!(away.changes.at(*place).unwrap(), *due);
    }
    let blocks = *shelf.taken.borrow();
    assert!((1..MANY as u64 / 20).contains(&blocks), "{blocks}");

    let shared = |plan: RoutePlan| {
        let mut plan = Plan { routes: vec![plan] };
        assert!(hold_shared(&mut plan, &Claims::new()).unwrap().is_empty());
        let held: Vec<_> = plan.routes[0].held.iter().map(|held| (held.home.clone(), held.hold.to_string())).collect();
        (held, digest(&plan).unwrap(), plan.routes[0].changes.len())
    };
    let (of_shelf, of_memory) = (shared(away), shared(held));
    assert_eq!(of_shelf.0.len() as u64 + of_shelf.2, MANY as u64);
    assert!(of_shelf.0.len() > 100, "{}", of_shelf.0.len());
    assert_eq!(of_shelf, of_memory);
}

#[test]
fn all_routes_of_a_draft_hold_no_more_in_memory_than_one() {
    let shelf = Rc::new(Counted::default());
    let routes: Vec<Changes> = (0..50)
        .map(|_| {
            let mut changes = Changes::new(route_name(), Some(shelf.clone()));
            (0..MANY / 50).for_each(|n| changes.push(&due(n)).unwrap());
            changes
        })
        .collect();
    assert!(shelf.held.get() <= 1 << 19, "{}", shelf.held.get());
    assert!(shelf.bytes.borrow().len() > 1 << 20, "{}", shelf.bytes.borrow().len());
    for changes in &routes {
        assert!(changes.dues().map(Result::unwrap).eq((0..MANY / 50).map(due)));
    }
}

#[test]
fn a_plan_is_put_down_again_only_where_somebody_goes() {
    let (shelf, all) = (Rc::new(Counted::default()), || (0..MANY).map(due));
    let mut changes = Changes::new(route_name(), Some(shelf.clone()));
    all().for_each(|due| changes.push(&due).unwrap());
    let before = shelf.bytes.borrow().len();
    changes.retain(|_| true).unwrap();
    assert_eq!((shelf.bytes.borrow().len(), changes.len()), (before, MANY as u64));
    let last = due(MANY - 1);
    changes.retain(|due| *due != last).unwrap();
    assert!(shelf.bytes.borrow().len() > before);
    assert!(changes.dues().map(Result::unwrap).eq(all().take(MANY - 1)));
}

proptest! {
    #[test]
    fn what_is_taken_out_counts_no_more(ids in proptest::collection::btree_set(0..600_usize, 0..60), out in proptest::collection::btree_set(0..600_usize, 0..60)) {
        let goes = |due: &Due| out.contains(&due.change.home.id.as_str()[1..].parse::<usize>().unwrap());
        let mut changes = Changes::of(route_name(), ids.iter().map(|n| due(*n))).unwrap();
        changes.retain(|due| !goes(due)).unwrap();
        let stay = ids.difference(&out).map(|n| due(*n));
        prop_assert_eq!(told(&plan(changes.clone())), told(&plan(Changes::of(route_name(), stay).unwrap())));
        let whole = changes.taken();
        prop_assert!(changes.is_empty() && changes.all().unwrap().is_empty());
        prop_assert_eq!(whole.all().unwrap().len(), ids.difference(&out).count());
    }
}

#[derive(Debug, Default)]
struct Full(Cell<usize>);
impl Shelf for Full {
    fn put(&self, _: &[u8]) -> io::Result<u64> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn take(&self, _: u64, _: usize) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
    fn held(&self) -> &Cell<usize> {
        &self.0
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_kept_stays() {
    let mut changes =
        Changes::new(RouteName { home: "north".into(), target: "south".into() }, Some(Rc::new(Full::default())));
    let (error, kept) = (0..).find_map(|n| Some((changes.push(&due(n)).err()?, n))).unwrap();
    assert!(error.to_string().contains("is the disk full or failing?"), "{error}");
    assert_eq!((changes.len(), changes.all().unwrap().len()), (kept as u64, kept));
}
