//! Is a plan safe, and is it the one that was approved? Guard, digest, and people who share an account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crosstie::model::{
    Action, ActionKind, Attribute, Change, Edit, Edits, Hold, ObjectId, Origin, Person, RouteName, Value, Why,
};
use crosstie::plan::{
    Changes, Claims, Due, Plan, Refusal, RoutePlan, digest, hold_shared, population_counts, refusals,
};
use crosstie::rules::RuleSet;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{attributes, route_name, rules};

fn person(id: &str) -> Person {
    Person { id: id.into(), user_principal_name: format!("{id}@north.example") }
}
fn change(id: &str, action: Action, before: &[(&str, &str)]) -> Change {
    let (home, before) = (person(id), attributes(before));
    Change {
        route: route_name(),
        home,
        action,
        before,
        why: Why::InScope,
        rules: "staff".to_owned(),
        redacted: BTreeSet::new(),
    }
}
fn set(name: &str, value: &str) -> Edits {
    Edits::from_iter([(Attribute::from(name), Edit::Set(Value::from(value)))])
}
fn of_kind(kind: ActionKind, id: &str) -> Change {
    let account = ObjectId::new(format!("account-{id}"));
    let action = match kind {
        ActionKind::Delete => Action::Delete { account },
        ActionKind::Disable => Action::Disable { account },
        _ => Action::Update { account, edits: set("jobTitle", "Lead") },
    };
    change(id, action, &[("jobTitle", "Dev")])
}
fn plan_of(route: RouteName, changes: Vec<Change>, population: u64) -> RoutePlan {
    let changes = changes.into_iter().map(|c| Change { route: route.clone(), ..c });
    RoutePlan {
        changes: Changes::of(route.clone(), changes).unwrap(),
        route,
        fingerprint: "staff=1".to_owned(),
        held: Vec::new(),
        settled: 0,
        population,
    }
}
fn many(kind: ActionKind, count: u64, population: u64) -> RoutePlan {
    plan_of(route_name(), (0..count).map(|n| of_kind(kind, &n.to_string())).collect(), population)
}
fn guarded(guard: &str) -> [Arc<RuleSet>; 1] {
    [rules("staff", &format!("[guard]\n{guard}\nminimum_population = 20\n"))]
}
const KINDS: [(ActionKind, &str); 3] =
    [(ActionKind::Delete, "deletes"), (ActionKind::Disable, "disables"), (ActionKind::Update, "updates")];

proptest! {
    /// Refused exactly where a count is over its limit, or a share is and the population is large enough to have one.
    #[test]
    fn the_guard_refuses_exactly_what_is_over(kind in select(&KINDS[..]), planned in 0u64..30, population in 0u64..60, max in 0u64..30, percent in 0u64..=100) {
        let (kind, key) = kind;
        let rules = guarded(&format!("{key} = {{ max = {max}, percent = {percent} }}"));
        let plan = many(kind, planned, population);
        let refused = refusals(&plan, &rules, &BTreeMap::new()).unwrap();
        let over = planned > max || (population >= 20 && planned * 100 > population * percent);
        prop_assert_eq!(refused.iter().any(|r| r.kind == kind), over);
        for refusal in &refused {
            prop_assert_eq!((refusal.kind, refusal.planned, refusal.population), (kind, planned, population));
        }
        let others = plan.changes.all().unwrap().into_iter().map(|c| Change { rules: "others".to_owned(), ..c });
        let foreign = plan_of(route_name(), others.collect(), population);
        prop_assert!(refusals(&foreign, &rules, &BTreeMap::new()).unwrap().is_empty(), "another rule set's changes");
    }

    /// The digest knows a plan by what is in it, not by the order in which it was found.
    #[test]
    fn the_digest_does_not_depend_on_order(ids in proptest::collection::btree_set("[a-z]{1,3}", 1..8), seed in any::<u64>()) {
        let kinds = [ActionKind::Delete, ActionKind::Disable, ActionKind::Update];
        let changes: Vec<Change> = ids.iter().enumerate().map(|(n, id)| of_kind(kinds[n % 3], id)).collect();
        let back = RouteName { home: "south".into(), target: "north".into() };
        let both = |a: Vec<Change>, b: Vec<Change>| [plan_of(route_name(), a, 1), plan_of(back.clone(), b, 1)];
        let routes = both(changes.clone(), changes.clone());
        let mut shuffled = changes.clone();
        let turn = usize::try_from(seed % shuffled.len() as u64).unwrap();
        shuffled.rotate_left(turn);
        shuffled.reverse();
        let mut turned = both(shuffled, changes);
        turned.reverse();
        let digest = |routes: [RoutePlan; 2]| digest(&Plan { routes: routes.to_vec() }).unwrap();
        prop_assert_eq!(digest(routes), digest(turned));
    }

    /// Everyone who shares an address or an account in one target is held, and names exactly the others.
    #[test]
    fn sharing_is_symmetrical(claims in proptest::collection::vec((select(vec!["north->south", "west->south", "south->north"]), select(vec!["a", "A ", "b", "c", "join1", "join2"])), 0..10)) {
        let mut routes: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
        let mut claim_of: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
        for (n, (route, claim)) in claims.iter().enumerate() {
            let id = format!("p{n}");
            let action = match claim.strip_prefix("join") {
                Some(account) => Action::Join { account: account.into(), edits: Edits::new(), origin: Origin::Joined },
                None => Action::Provision { address: (*claim).to_owned(), wanted: attributes(&[]) },
            };
            let key = if claim.starts_with("join") { (*claim).to_owned() } else { claim.trim().to_lowercase() };
            let target = route.split("->").nth(1).unwrap().to_owned();
            claim_of.insert(((*route).to_owned(), id.clone()), (target, key));
            routes.entry(route).or_default().push(change(&id, action, &[]));
        }
        let all = routes.into_iter().map(|(r, changes)| plan_of(RouteName::parse(r).unwrap(), changes, 1)).collect();
        let mut plan = Plan { routes: all };
        hold_shared(&mut plan, &Claims::new()).unwrap();
        let mut seen = 0;
        for route in &plan.routes {
            let name = route.route.to_string();
            let sharers = |id: &str| -> BTreeSet<String> {
                let mine = &claim_of[&(name.clone(), id.to_owned())];
                claim_of.iter().filter(|((r, p), c)| *c == mine && (*r != name || p != id)).map(|((_, p), _)| p.clone()).collect()
            };
            for change in route.changes.all().unwrap() {
                seen += 1;
                prop_assert!(sharers(change.home.id.as_str()).is_empty());
            }
            for held in &route.held {
                seen += 1;
                let Hold::SharedWith(others) = &held.hold else { panic!("{held:?}") };
                let others: BTreeSet<String> = others.iter().map(|p| p.id.to_string()).collect();
                prop_assert_eq!(others, sharers(held.home.id.as_str()));
                prop_assert!(!sharers(held.home.id.as_str()).is_empty());
            }
        }
        prop_assert_eq!(seen, claims.len(), "nobody is lost");
    }
}

fn refused(plan: &RoutePlan, rules: &[Arc<RuleSet>]) -> Vec<Refusal> {
    refusals(plan, rules, &BTreeMap::new()).unwrap()
}

#[test]
fn at_a_limit_is_not_over_it_and_below_the_minimum_shares_say_nothing() {
    for (kind, key) in KINDS {
        let rules = guarded(&format!("{key} = {{ max = 5, percent = 10 }}"));
        let over = |planned, population| !refused(&many(kind, planned, population), &rules).is_empty();
        assert!(!over(5, 1_000) && over(6, 1_000), "{key}");
        assert!(!over(2, 20) && over(3, 20) && over(3, 29) && !over(3, 30), "{key}");
        assert!(!over(5, 19), "{key}");
    }
    let usual = [rules("staff", "")];
    assert!(!refused(&many(ActionKind::Update, 50, 100), &usual).iter().any(|r| r.kind == ActionKind::Update));
    assert!(refused(&many(ActionKind::Update, 51, 100), &usual).iter().any(|r| r.kind == ActionKind::Update));
    assert!(refused(&many(ActionKind::Delete, 501, 1_000_000), &usual).iter().any(|r| r.kind == ActionKind::Delete));
}

#[test]
fn what_finishes_a_provisioning_and_first_managers_are_not_counted() {
    let manager = |before: &[(&str, &str)], more: Edits| {
        let mut edits = set("manager", "boss");
        edits.extend(more);
        change("a", Action::Update { account: "x".into(), edits }, before)
    };
    let counted = |change: Change| {
        let plan = plan_of(route_name(), vec![change], 1);
        population_counts(&plan).values().sum::<u64>()
    };
    assert_eq!(counted(manager(&[], Edits::new())), 0, "a manager's account came to be");
    assert_eq!(counted(manager(&[("manager", "old")], Edits::new())), 1, "another manager is a change");
    assert_eq!(counted(manager(&[], set("jobTitle", "Lead"))), 1, "and so is whatever comes with it");
    let due = |kind, id| Due { is_provisioning: true, ..of_kind(kind, id).into() };
    let dues = [due(ActionKind::Update, "a"), due(ActionKind::Delete, "b")];
    let making = RoutePlan { changes: Changes::of(route_name(), dues).unwrap(), ..plan_of(route_name(), vec![], 1) };
    let counts = population_counts(&making);
    assert_eq!(counts, BTreeMap::from([(("staff".to_owned(), ActionKind::Delete), 1)]), "a deletion always counts");
}

#[test]
fn the_digest_changes_with_anything_that_a_person_approved() {
    let base =
        change("a", Action::Update { account: "x".into(), edits: set("jobTitle", "Lead") }, &[("jobTitle", "Dev")]);
    let wanted = attributes(&[("displayName", "Ada")]);
    let invite = |address: &str| Action::Provision { address: address.to_owned(), wanted: wanted.clone() };
    let of = |changes: Vec<Change>| digest(&Plan { routes: vec![plan_of(route_name(), changes, 1)] }).unwrap();
    let mut digests = vec![
        of(vec![]),
        of(vec![base.clone()]),
        of(vec![base.clone(), base.clone()]),
        of(vec![Change { before: attributes(&[("jobTitle", "Boss")]), ..base.clone() }]),
        of(vec![Change { before: attributes(&[]), ..base.clone() }]),
        of(vec![Change {
            action: Action::Update { account: "x".into(), edits: set("jobTitle", "Boss") },
            ..base.clone()
        }]),
        of(vec![Change {
            action: Action::Update { account: "y".into(), edits: set("jobTitle", "Lead") },
            ..base.clone()
        }]),
        of(vec![Change {
            action: Action::Join { account: "x".into(), edits: set("jobTitle", "Lead"), origin: Origin::Joined },
            ..base.clone()
        }]),
        of(vec![Change { home: person("b"), ..base.clone() }]),
        of(vec![Change { why: Why::OutOfScope, ..base.clone() }]),
        of(vec![Change { rules: "others".to_owned(), ..base.clone() }]),
        of(vec![Change { action: invite("ada@north.example"), ..base.clone() }]),
        of(vec![Change { action: invite("eve@north.example"), ..base.clone() }]),
        of(vec![Change { action: Action::Delete { account: "x".into() }, ..base.clone() }]),
        of(vec![Change { action: Action::Disable { account: "x".into() }, ..base.clone() }]),
        of(vec![Change {
            action: Action::Disable { account: "x".into() },
            before: attributes(&[("accountEnabled", "true")]),
            ..base.clone()
        }]),
    ];
    let mut rules = plan_of(route_name(), vec![base], 1);
    rules.fingerprint = "staff=2".to_owned();
    digests.push(digest(&Plan { routes: vec![rules] }).unwrap());
    let all = digests.len();
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), all, "{digests:#?}");
    assert!(digests.iter().all(|d| d.starts_with("sha256:") && d.len() == 71));
}

#[test]
fn references_that_follow_are_those_to_accounts_in_this_plan() {
    let provision = Action::Provision { address: "a".to_owned(), wanted: attributes(&[]) };
    let join = Action::Join { account: "x".into(), edits: Edits::new(), origin: Origin::Joined };
    let delete = Action::Delete { account: "y".into() };
    let whom = |ids: &[&str]| ids.iter().map(|id| ObjectId::from(*id)).collect::<BTreeSet<_>>();
    let waits = |id, ids: &[&str]| Due { awaited: whom(ids), ..of_kind(ActionKind::Update, id).into() };
    let mut dues = vec![waits("a", &["boss"]), waits("b", &["boss", "chief"]), waits("c", &["left", "stranger"])];
    let others = [change("boss", provision, &[]), change("chief", join, &[]), change("left", delete, &[])];
    dues.extend(others.map(Due::from));
    let plan = RoutePlan { changes: Changes::of(route_name(), dues).unwrap(), ..plan_of(route_name(), vec![], 1) };
    assert_eq!(plan.references_to_follow().unwrap(), 3);
}
