//! How many people a second does each pure room manage on one core? `cargo bench --bench rooms`
//!
//! Elements are people (pages, decisions), changes (digest) or permits (meter). Nothing here reads a file or asks a tenant: what
//! the whole reaches is measured by `cargo run --release --example scale`. Expressions have a benchmark of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(dead_code, unused_crate_dependencies, reason = "people are shared with the scale benchmark")]

#[path = "../examples/scale/people.rs"]
mod people;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use crosstie::graph::{Plan as PagePlan, parse_page};
use crosstie::model::{
    Attribute, Attributes, DeltaItem, Link, News, ObjectId, Observed, Origin, RouteName, Selection, Tie, Timestamp,
    Value,
};
use crosstie::plan::{self, Answers, Case, Changes, Decision, PlannedRoute, RoutePlan};
use crosstie::quota::{Meter, Permit, Urgency, Window};
use crosstie::rules::RuleSet;

const NOW: Timestamp = Timestamp(1_795_770_000_000);
/// As many as real tenants send on a page at most.
const PAGE: usize = 999;
/// What the rules of `people` read at home.
const SELECTED: [&str; 20] = [
    "accountEnabled",
    "city",
    "companyName",
    "country",
    "creationType",
    "department",
    "displayName",
    "employeeId",
    "employeeType",
    "externalUserState",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "postalCode",
    "preferredLanguage",
    "streetAddress",
    "surname",
    "userPrincipalName",
];

fn selection() -> Selection {
    Selection(SELECTED.iter().map(|name| Attribute::from(*name)).collect())
}

/// A page as a tenant answers it.
fn page() -> Vec<u8> {
    let people: Vec<String> = (0..PAGE).map(|n| people::person(n).to_string()).collect();
    let link = "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=a";
    format!(r#"{{"@odata.nextLink":"{link}","value":[{}]}}"#, people.join(",")).into_bytes()
}

fn items() -> Vec<DeltaItem> {
    parse_page(&page(), &PagePlan::new(&selection())).expect("a page").items
}

fn observed() -> Vec<Observed> {
    items().iter().map(|item| Observed::fold(None, item)).collect()
}

fn route() -> PlannedRoute {
    let text = people::rules(people::ALL, "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n");
    let rules = match RuleSet::parse("staff", &text) {
        Ok((rules, _)) => rules,
        Err(problems) => panic!("{problems:?}"),
    };
    let name = RouteName { home: "north".into(), target: "south".into() };
    PlannedRoute { name, rules: vec![Arc::new(rules)], ownership: Default::default() }
}

fn case(home: Observed, link: Option<Link>, account: Option<Observed>) -> Case {
    let answers = Answers { rungs: vec![Vec::new()], ..Answers::default() };
    Case { home, member_of: BTreeSet::new(), link, account, answers, readings: 1 }
}

/// Everybody new; everybody as they should be; everybody with another title.
fn cases(route: &PlannedRoute, people: &[Observed]) -> [Vec<Case>; 3] {
    let new: Vec<Case> = people.iter().map(|home| case(home.clone(), None, None)).collect();
    let linked = |change: &dyn Fn(&mut Attributes)| -> Vec<Case> {
        let linked = |case_of_new: &Case| {
            let mut wanted = match plan::consider(route, case_of_new, NOW).decision {
                Decision::Do(change) => match change.action {
                    crosstie::model::Action::Provision { wanted, .. } => wanted,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            };
            let mut set = |name: &str, value: Value| drop(wanted.insert(Attribute::from(name), value));
            set("userPrincipalName", Value::from("p_north.example#EXT#@south.example".to_owned()));
            set("accountEnabled", Value::Bool(true));
            change(&mut wanted);
            let object = ObjectId::new(case_of_new.home.object.as_str().replacen('8', "9", 1));
            let account = Observed { object: object.clone(), attributes: wanted, ..case_of_new.home.clone() };
            let link = Link {
                route: route.name.clone(),
                home: case_of_new.home.object.clone(),
                tie: Tie::Known { account: object, origin: Origin::Provisioned },
                rules: "staff".to_owned(),
                initialised: true,
                disabled_by_us: false,
                leaving_since: None,
                baseline: Attributes::new(),
                since: NOW,
            };
            case(case_of_new.home.clone(), Some(link), Some(account))
        };
        new.iter().map(linked).collect()
    };
    let title = |wanted: &mut Attributes| {
        drop(wanted.insert(Attribute::from("jobTitle"), Value::from("Dean".to_owned())));
    };
    let (equal, changed) = (linked(&|_| {}), linked(&title));
    [new, equal, changed]
}

fn timed<T>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, elements: usize, mut work: impl FnMut() -> T) {
    group.throughput(Throughput::Elements(elements as u64));
    group.bench_function(name, |b| b.iter(|| black_box(work())));
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading");
    let (page, wanted) = (page(), PagePlan::new(&selection()));
    timed(&mut group, "page parsed", PAGE, || parse_page(black_box(&page), &wanted).expect("a page"));
    let (items, known) = (items(), observed());
    timed(&mut group, "folded, new", PAGE, || -> Vec<Observed> {
        items.iter().map(|item| Observed::fold(None, item)).collect()
    });
    timed(&mut group, "folded, told again", PAGE, || -> Vec<Observed> {
        let both = known.iter().zip(&items);
        both.map(|(before, item)| Observed::fold(Some(before.clone()), item)).collect()
    });
    // What the two above cannot do without: copies of what they take.
    timed(&mut group, "baseline: items copied", PAGE, || items.clone());
    assert!(items.iter().all(|item| matches!(item.news, News::Seen(_))));
}

fn planning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("planning");
    let (route, people) = (route(), observed());
    let rules = route.rules.first().expect("rules");
    let in_scope = || people.iter().filter(|user| rules.in_scope(&user.attributes, |_| false)).count();
    assert_eq!(in_scope(), PAGE);
    timed(&mut group, "scope", PAGE, in_scope);
    let [new, equal, changed] = cases(&route, &people);
    let decide = |cases: &[Case]| -> usize {
        let decided = cases.iter().map(|case| plan::consider(&route, case, NOW).decision);
        decided.filter(|decision| matches!(decision, Decision::Do(_))).count()
    };
    assert_eq!((decide(&new), decide(&equal), decide(&changed)), (PAGE, 0, PAGE));
    timed(&mut group, "decided, new: mapped", PAGE, || decide(&new));
    timed(&mut group, "decided, linked and equal", PAGE, || decide(&equal));
    timed(&mut group, "decided, linked and changed", PAGE, || decide(&changed));
    let changes = new.iter().filter_map(|case| match plan::consider(&route, case, NOW).decision {
        Decision::Do(change) => Some(change),
        _ => None,
    });
    let one = RoutePlan {
        route: route.name.clone(),
        fingerprint: route.fingerprint(),
        changes: Changes::of(route.name.clone(), changes).expect("in memory"),
        held: Vec::new(),
        settled: 0,
        population: 0,
    };
    let whole = plan::Plan { routes: vec![one] };
    timed(&mut group, "digest", PAGE, || plan::digest(&whole));
}

fn meter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("quota");
    let windows = [
        Window { writes_max: 3_000, millis: 150_000 },
        Window { writes_max: 72_000, millis: 3_600_000 },
        Window { writes_max: 35_000, millis: 300_000 },
    ];
    const WRITES: usize = 10_000;
    timed(&mut group, "meter: asked and answered", WRITES, || {
        let (mut meter, mut now, mut granted) = (Meter::new(&windows), NOW, 0);
        while granted < WRITES {
            match meter.ask(now, Urgency::Ordinary) {
                Permit::Granted => {
                    meter.answered(now);
                    granted += 1;
                }
                Permit::WaitUntil(at) => now = at,
                Permit::WaitForAnswer => panic!("everything was answered"),
            }
        }
        granted
    });
}

criterion_group!(benches, reading, planning, meter);
criterion_main!(benches);
