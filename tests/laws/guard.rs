//! May many small runs do what one may not? Whatever is done in whichever portions, and of whatever kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crosstie::model::{Action, ActionKind, Attribute, Change, Edit, Edits, Origin, Person, RouteName, Value, Why};
use crosstie::plan::{
    Bound, Changes, Counted, Due, People, Refusal, RoutePlan, asks_for_the_day, guarded, refusals, refusals_of_a_day,
    unsigned,
};
use crosstie::rules::{Limit, RuleSet};
use proptest::prelude::*;

use super::world::{attributes, route_name};

/// What is limited, each to so many people.
const MAX: u64 = 3;

fn rules() -> Vec<Arc<RuleSet>> {
    let text = "[attributes]\njobTitle = \"[jobTitle]\"\ndepartment = \"[department]\"\nuserType = '\"Member\"'\n\
                [guard]\ndeletes = { max = 3 }\ndisables = { max = 3 }\nprovisions = { max = 3 }\npromotions = { max = 3 }\n\
                [guard.attributes]\njobTitle = { max = 3 }\ndepartment = { max = 3 }\n";
    let (rules, _) = RuleSet::parse("staff", text).unwrap();
    vec![Arc::new(rules)]
}

/// A change of the person: which kind, by number.
fn change(person: usize, kind: usize) -> Change {
    let account = || format!("a{person}").as_str().into();
    let set = |attribute: &str, value: Value| Edits::from_iter([(Attribute::from(attribute), Edit::Set(value))]);
    let update = |edits| Action::Update { account: account(), edits };
    let action = match kind {
        0 => Action::Delete { account: account() },
        1 => Action::Disable { account: account() },
        2 => update(set("accountEnabled", Value::Bool(false))),
        3 => update(set("jobTitle", "Dean".into())),
        4 => update(set("department", "Law".into())),
        5 => update(set("userType", "member".into())),
        6 => update(set("jobTitle", "Dean".into()).into_iter().chain(set("department", "Law".into())).collect()),
        _ => Action::Provision { address: format!("p{person}@north.example"), wanted: attributes(&[]) },
    };
    Change {
        route: route_name(),
        home: Person { id: format!("p{person}").as_str().into(), user_principal_name: String::new() },
        action,
        before: attributes(&[("jobTitle", "Dev"), ("department", "Art"), ("userType", "Guest")]),
        why: Why::InScope,
        rules: "staff".to_owned(),
        redacted: BTreeSet::new(),
    }
}

fn plan<D: Into<Due>>(changes: Vec<D>) -> RoutePlan {
    RoutePlan {
        route: route_name(),
        fingerprint: "staff=1".to_owned(),
        changes: Changes::of(route_name(), changes).unwrap(),
        held: Vec::new(),
        settled: 0,
        population: 1_000,
    }
}

/// Is there a limit for it, in a run as in a day?
fn is_limited(what: &Counted) -> bool {
    match what {
        Counted::Kind(kind) => *kind != ActionKind::Update,
        Counted::Attribute(attribute) => matches!(attribute.as_str(), "jobTitle" | "department"),
        Counted::Promotion => true,
    }
}

/// How many people of each.
fn fits(people: &People, of: &People) -> bool {
    let counted = people.iter().filter(|(what, _)| is_limited(&what.1) && of.contains_key(*what));
    counted.into_iter().all(|(_, people)| people.len() as u64 <= MAX)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn in_whichever_portions_a_day_brings_no_more_than_one_run_may(
        runs in proptest::collection::vec(proptest::collection::btree_map(0..12_usize, 0..8_usize, 1..4), 1..12),
    ) {
        let rules = rules();
        let mut day = People::new();
        for run in &runs {
            let plan = plan(run.iter().map(|(person, kind)| change(*person, *kind)).collect());
            let now = guarded(&plan).unwrap();
            let mut with_it = day.clone();
            for (what, people) in now.clone() {
                with_it.entry(what).or_default().extend(people);
            }
            // Let through is exactly what one run might have done together with all that the day has brought.
            let is_let_through = refusals(&plan, &rules, &People::new()).unwrap().is_empty()
                && refusals_of_a_day(&plan, &rules, &day).unwrap().is_empty();
            prop_assert_eq!(is_let_through, fits(&with_it, &now), "{:?} after {:?}", plan.changes, day);
            if is_let_through {
                day = with_it;
            }
        }
        prop_assert!(fits(&day, &day), "{day:?}");
    }
}

fn with(person: usize, action: impl FnOnce(Edits) -> Action, edits: &[(&str, Value)]) -> Change {
    let edits = edits.iter().map(|(name, value)| (Attribute::from(*name), Edit::Set(value.clone()))).collect();
    Change { action: action(edits), ..change(person, 0) }
}

fn updated(edits: &[(&str, Value)]) -> Change {
    with(1, |edits| Action::Update { account: "a1".into(), edits }, edits)
}

#[test]
fn each_change_is_counted_as_all_that_it_is() {
    let counted =
        |change: Change| -> Vec<Counted> { guarded(&plan(vec![change])).unwrap().into_keys().map(|k| k.1).collect() };
    let (kind, of) = (Counted::Kind, |name: &str| Counted::Attribute(name.into()));
    let join = |edits: Edits| Action::Join { account: "a1".into(), edits, origin: Origin::Joined };
    assert_eq!(counted(change(1, 0)), [kind(ActionKind::Delete)]);
    let block = [kind(ActionKind::Disable), of("accountEnabled")];
    assert_eq!(counted(updated(&[("accountEnabled", Value::Bool(false))])), block, "a block is a block");
    let title = [kind(ActionKind::Update), of("jobTitle")];
    assert_eq!(counted(updated(&[("jobTitle", "Dean".into())])), title);
    let member = ("userType", Value::from("member"));
    let promotion = [of("userType"), Counted::Promotion];
    assert_eq!(counted(updated(std::slice::from_ref(&member))), [&[kind(ActionKind::Update)][..], &promotion].concat());
    assert_eq!(counted(with(1, join, &[member])), [&[kind(ActionKind::Join)][..], &promotion].concat());
    assert_eq!(counted(updated(&[("userType", "Guest".into())])), [kind(ActionKind::Update), of("userType")]);
    // A manager's account came to be; another manager is an update as any other.
    let mut manager = updated(&[("manager", "a2".into())]);
    assert_eq!(counted(manager.clone()), []);
    manager.before.extend(attributes(&[("manager", "a3")]));
    assert_eq!(counted(manager), [kind(ActionKind::Update), of("manager")]);
    // What finishes a provisioning is counted with it; that the account goes is not.
    let changes = [updated(&[("jobTitle", "Dean".into())]), change(2, 0)];
    let provisioning = plan(changes.map(|change| Due { is_provisioning: true, ..change.into() }).to_vec());
    assert_eq!(
        guarded(&provisioning).unwrap().into_keys().collect::<Vec<_>>(),
        [("staff".to_owned(), kind(ActionKind::Delete))]
    );
}

fn limited(guard: &str) -> Vec<Arc<RuleSet>> {
    vec![Arc::new(RuleSet::parse("staff", &format!("[guard]\n{guard}")).unwrap().0)]
}

/// A day's limit is told of where it says something that the run's does not.
#[test]
fn a_limit_of_a_day_is_told_once() {
    let rules = limited(
        "updates = { max = 2, percent = 50 }\ndeletes = { max = 5 }\n[guard.day]\nupdates = { max = 2, percent = 50 }\ndeletes = { max = 1 }\n",
    );
    let told = |kind: usize, before: &People| {
        let refused = refusals_of_a_day(&plan((0..3).map(|person| change(person, kind)).collect()), &rules, before);
        refused.unwrap().into_iter().map(|r| (r.kind, r.planned, r.limit.max, r.bound)).collect::<Vec<_>>()
    };
    assert_eq!(told(3, &People::new()), [], "three updates are over the run's limit already");
    assert_eq!(told(0, &People::new()), [(ActionKind::Delete, 3, Some(1), Bound::Day)]);
    let before = guarded(&plan([2, 7].map(|person| change(person, 3)).to_vec())).unwrap();
    assert_eq!(told(3, &before), [(ActionKind::Update, 4, Some(2), Bound::Day)], "p2 is one person");
}

/// The last 24 hours are looked up for what is planned and limited, and for nothing else.
#[test]
fn the_day_is_asked_about_what_is_planned_and_limited() {
    let rules = limited(
        "[guard.day]\ndisables = { max = 2 }\n[guard.day.attributes]\njobTitle = { max = 2 }\ncity = { max = 2 }\n",
    );
    let asked = |kind| asks_for_the_day(&plan(vec![change(1, kind)]), &rules);
    assert_eq!(asked(2), BTreeSet::from([Counted::Kind(ActionKind::Disable)]));
    assert_eq!(asked(3), BTreeSet::from([Counted::Attribute("jobTitle".into())]));
    assert_eq!(asked(4), BTreeSet::new());
}

/// Above so many changes in all, of every route and of the run's earlier steps, each route that has any is refused.
#[test]
fn changes_of_all_routes_together_ask_for_signatures() {
    let back = RouteName { home: "south".into(), target: "north".into() };
    let on = |route: &RouteName, changes: Vec<Change>, population| RoutePlan {
        route: route.clone(),
        population,
        changes: Changes::of(route.clone(), changes).unwrap(),
        ..plan(Vec::<Change>::new())
    };
    let unlink = Change { action: Action::Unlink, ..change(9, 0) };
    let plans = [
        on(&route_name(), vec![change(1, 0), change(2, 3), unlink.clone()], 70),
        on(&back, vec![change(1, 1)], 30),
        on(&RouteName { home: "west".into(), target: "north".into() }, vec![unlink.clone()], 10),
    ];
    let before = |changes: Vec<Change>| BTreeMap::from([(route_name(), guarded(&plan(changes)).unwrap())]);
    let unsigned = |before: &BTreeMap<_, _>, above| unsigned(&plans, before, above).unwrap();
    assert_eq!(unsigned(&BTreeMap::new(), 3), []);
    assert_eq!(unsigned(&before(vec![change(1, 0), unlink]), 3), [], "the same person, and nobody");
    let told = |refused: Vec<Refusal>| -> Vec<(RouteName, u64, u64, Option<u64>)> {
        assert!(refused.iter().all(|r| r.bound == Bound::Signatures));
        refused.into_iter().map(|r| (r.route, r.planned, r.population, r.limit.max)).collect()
    };
    assert_eq!(told(unsigned(&BTreeMap::new(), 2)), [(route_name(), 3, 70, Some(2)), (back.clone(), 3, 30, Some(2))]);
    let four = told(unsigned(&before(vec![change(8, 0)]), 3));
    assert_eq!(four, [(route_name(), 4, 70, Some(3)), (back, 4, 30, Some(3))]);
}

#[test]
fn a_refusal_says_what_is_over_which_limit() {
    let refusal = |counted, max, percent, bound| {
        let (route, rules, kind) = (route_name(), "staff".to_owned(), ActionKind::Update);
        Refusal { route, rules, kind, counted, planned: 7, population: 90, limit: Limit { max, percent }, bound }
            .to_string()
    };
    let end = "of 90 linked; guard of rule set \"staff\" allows";
    let update = || Counted::Kind(ActionKind::Update);
    assert_eq!(
        refusal(update(), Some(3), Some(5), Bound::Run),
        format!("north->south: 7 accounts to update {end} 3 and 5 %")
    );
    assert_eq!(
        refusal(Counted::Attribute("jobTitle".into()), Some(3), None, Bound::Run),
        format!("north->south: 7 accounts to update in jobTitle {end} 3")
    );
    assert_eq!(
        refusal(Counted::Promotion, None, Some(5), Bound::Day),
        format!("north->south: 7 accounts to make members with those of the last 24 hours, {end} 5 %")
    );
    assert_eq!(
        refusal(update(), Some(3), None, Bound::Signatures),
        "north->south: 7 changes in all; above 3 [approval] asks for a signed plan file"
    );
}
