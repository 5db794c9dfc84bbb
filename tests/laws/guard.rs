//! May many small runs do what one may not? Whatever is done in whichever portions, and of whatever kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crosstie::model::{Action, ActionKind, Attribute, Change, Edit, Edits, Person, Value, Why};
use crosstie::plan::{Counted, People, RoutePlan, guarded, refusals, refusals_of_a_day};
use crosstie::rules::RuleSet;
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
    let set = |attribute: &str, value: Value| Edits::from([(Attribute::from(attribute), Edit::Set(value))]);
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

fn plan(changes: Vec<Change>) -> RoutePlan {
    RoutePlan {
        route: route_name(),
        fingerprint: "staff=1".to_owned(),
        changes,
        held: Vec::new(),
        settled: 0,
        population: 1_000,
        awaited: BTreeMap::new(),
        still_provisioning: BTreeSet::new(),
        basis: BTreeMap::new(),
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
            let now = guarded(&plan);
            let mut with_it = day.clone();
            for (what, people) in now.clone() {
                with_it.entry(what).or_default().extend(people);
            }
            // Let through is exactly what one run might have done together with all that the day has brought.
            let is_let_through = refusals(&plan, &rules, &People::new()).is_empty()
                && refusals_of_a_day(&plan, &rules, &day).is_empty();
            prop_assert_eq!(is_let_through, fits(&with_it, &now), "{:?} after {:?}", plan.changes, day);
            if is_let_through {
                day = with_it;
            }
        }
        prop_assert!(fits(&day, &day), "{day:?}");
    }
}
