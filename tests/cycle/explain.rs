//! Does what is told of one person stand in the whole plan, and does the search for groups end?

use std::collections::BTreeMap;

use crosstie::model::{ActionKind, ObjectId, RouteName};
use crosstie::plan::explain::{Fate, Given, Outcome};
use crosstie::sim::Kind;
use serde_json::json;

use super::bench::{Bench, RULES};
use super::values;

const GROUP: &str = "2b1c0000-0000-4000-8000-0000000000ff";

/// Joiners, movers, leavers, people who are held for every reason, failures, and people to whom nothing happens.
async fn a_busy_mesh() -> Bench {
    let bench = Bench::mesh(&["north", "south", "west"], RULES);
    for n in 0..6 {
        bench.staff("north", &format!("n{n}"));
        bench.staff("south", &format!("s{n}"));
    }
    bench.person("west", "student", "Student", &json!({}));
    bench.settled_sync().await;
    let north = bench.tenant("north");
    north.edit_user("n0@north.example", &json!({ "jobTitle": "Dean" })).unwrap();
    north.edit_user("n1@north.example", &json!({ "accountEnabled": false })).unwrap();
    north.edit_user("n2@north.example", &json!({ "employeeType": "Student" })).unwrap();
    north.soft_delete("n3@north.example").unwrap();
    let lost = bench.guest("south", "n4@north.example")["id"].as_str().unwrap().to_owned();
    bench.tenant("south").soft_delete(&lost).unwrap();
    bench.staff("north", "joiner");
    bench.person("north", "one", "Staff", &json!({ "mail": "shared@north.example" }));
    bench.person("west", "two", "Staff", &json!({ "mail": "shared@north.example" }));
    bench.person("north", "double", "Staff", &json!({ "mail": "s1@south.example" }));
    bench.person("north", "late", "Staff", &json!({ "mail": "n0@north.example" }));
    let guest = |name: &str, mail: &str| {
        let user = json!({ "displayName": name, "mail": mail, "userType": "Guest", "creationType": "Invitation",
            "accountEnabled": true, "userPrincipalName": format!("{name}#EXT#@south.onmicrosoft.com") });
        bench.tenant("south").add_user(&user).unwrap()
    };
    bench.staff("north", "admin");
    let admin = guest("admin", "admin@north.example");
    let role = json!({ "id": GROUP, "displayName": "Reader", "role": true, "members": [admin] });
    bench.tenant("south").put_group(serde_json::from_value(role).unwrap()).unwrap();
    bench.staff("north", "guesty");
    guest("guesty", "guesty@north.example");
    bench
}

/// What the plan has for each person of each route: a change, or a hold.
type Lots = BTreeMap<(RouteName, ObjectId), Result<ActionKind, String>>;

async fn lots(bench: &Bench) -> Lots {
    let drafted = bench.plan().await;
    let mut lots = Lots::new();
    for route in drafted.plan.routes {
        let changes = route.changes.all().unwrap();
        let changes = changes.iter().map(|c| (c.home.id.clone(), Ok(c.action.kind())));
        let held = route.held.iter().map(|h| (h.home.id.clone(), Err(h.hold.to_string())));
        lots.extend(changes.chain(held).map(|(home, lot)| ((route.route.clone(), home), lot)));
    }
    lots
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_each_person_is_what_the_whole_plan_has() {
    let bench = a_busy_mesh().await;
    let lots = lots(&bench).await;
    let kinds: std::collections::BTreeSet<String> =
        lots.values().map(|lot| lot.as_ref().map_or("held".to_owned(), ToString::to_string)).collect();
    let all = ["provision", "join", "update", "restore", "disable", "delete", "held"];
    assert!(all.iter().all(|kind| kinds.contains(*kind)), "{kinds:?}");
    let mut seen = 0;
    for tenant in ["north", "south", "west"] {
        let people = bench.tenant(tenant).users().into_iter().chain(bench.tenant(tenant).deleted_users());
        for user in people.filter(|u| u["creationType"] != "Invitation") {
            let told = bench.explain(user["id"].as_str().unwrap()).await;
            assert_eq!(told.routes.len(), 2, "{user}");
            let mut places = Vec::new();
            for route in &told.routes {
                let key =
                    (RouteName::parse(&route.explanation.route).unwrap(), route.explanation.home.person.id.clone());
                let lot = lots.get(&key);
                let (action, held) = (route.plan.action, route.plan.held.clone());
                assert_eq!(lot, action.map(Ok).or(held.map(Err)).as_ref(), "{}", route.explanation.decision.says);
                assert_eq!(route.plan.lane.is_some(), matches!(lot, Some(Ok(_))));
                assert_eq!(route.plan.before_it.is_some(), matches!(lot, Some(Ok(_))));
                places.extend(route.plan.before_it);
                seen += usize::from(lot.is_some());
            }
            assert!(places.iter().all(|place| *place < lots.len() as u64));
        }
    }
    assert_eq!(seen, lots.len(), "somebody of the plan was not told of");
}

/// Every change into a target has a place of its own, and leavers stand before whoever comes. A place may be that of
/// somebody who is held for a directory role: only the person who is asked about has the roles looked up.
#[tokio::test(start_paused = true)]
async fn the_places_are_in_the_order_of_the_lanes() {
    let bench = a_busy_mesh().await;
    let (mut places, mut privileged) = (BTreeMap::new(), 0);
    for ((route, home), lot) in lots(&bench).await {
        if route.target.as_str() != "south" {
            continue;
        }
        privileged += u64::from(lot.is_err_and(|why| why.contains("directory role")));
        let told = bench.explain(home.as_str()).await;
        let told = told.routes.into_iter().find(|r| r.explanation.route == route.to_string()).unwrap();
        if let Some(place) = told.plan.before_it {
            assert!(places.insert(place, told.plan.lane.unwrap()).is_none(), "two changes in one place");
        }
    }
    assert_eq!(privileged, 1);
    assert_eq!(places.keys().max().unwrap() + 1, places.len() as u64 + privileged);
    let order = ["leavers", "restores", "updates", "joins", "provisions", "references"];
    let lanes: Vec<usize> = places.values().map(|lane| order.iter().position(|o| o == lane).unwrap()).collect();
    assert!(lanes.is_sorted() && lanes.first() == Some(&0) && lanes.last() == Some(&4), "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn the_search_for_groups_ends_where_the_way_is_too_far() {
    let rules = RULES.replace("[[scope]]", &format!("[[scope]]\ngroups = [\"{GROUP}\"]"));
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.staff("north", "ada");
    let north = bench.tenant("north");
    let group = |id: &str, members: &[&str]| {
        let group = json!({ "id": id, "displayName": "G", "members": members });
        north.put_group(serde_json::from_value(group).unwrap()).unwrap()
    };
    let nth = |n: usize| format!("2b1c0000-0000-4000-8000-{n:012}");
    (0..150).for_each(|n| drop(group(&nth(n), &[&ada])));
    group(GROUP, &[&nth(149)]);
    let asked = || bench.world.counts().values().filter_map(|kinds| kinds.get(&Kind::Groups)).sum::<u64>();
    let way = async || {
        let before = asked();
        let told = bench.explain(&ada).await;
        let asked = asked() - before;
        let group = told.routes[0].explanation.scope[0].tables[0].groups[0].clone();
        assert!(group.member && told.routes[0].explanation.verdict == "in scope");
        (group, asked)
    };
    let (near, _) = way().await;
    assert_eq!(
        near.path.map(|way| way.iter().map(|g| g.id.clone()).collect::<Vec<_>>()),
        Some(vec![nth(149), GROUP.into()])
    );
    (150..260).for_each(|n| drop(group(&nth(n), &[&ada])));
    group(GROUP, &[&nth(259)]);
    let (far, asked) = way().await;
    assert_eq!(far.path, None);
    assert!(far.note.unwrap().contains("the first 200 groups"));
    assert!(asked <= 220, "{asked} questions about groups");
}

/// What the plan gives to one counts for the other, and what is hidden stays so.
#[tokio::test(start_paused = true)]
async fn chosen_and_hidden_values_are_told_as_the_plan_has_them() {
    let bench = Bench::mesh(&["north", "south"], values::RULES);
    values::smiths(&bench, &["ada", "eve"]);
    let drafted = bench.plan().await;
    let mut names = std::collections::BTreeSet::new();
    for change in drafted.plan.routes.iter().flat_map(|r| r.changes.all().unwrap()) {
        let told = bench.explain(change.home.id.as_str()).await;
        let route = &told.routes[0].explanation;
        let Outcome::Change(seen) = &route.decision.outcome else { panic!("{route:?}") };
        let edits: BTreeMap<_, _> =
            seen.edits.iter().map(|(a, e)| (a.clone(), (e.before.clone(), e.after.clone()))).collect();
        assert_eq!(edits, change.edits());
        names.insert(seen.edits["mailNickname"].after.clone());
        let hidden = route.attributes.iter().find(|a| a.target.as_str() == "employeeId").unwrap();
        assert_eq!(hidden.result, Given::Value(Some("[Redacted]".into())));
        assert!(!serde_json::to_string(&told).unwrap().contains("4711"));
    }
    assert_eq!(names.len(), 2, "two people were told of one value");
    bench.settled_sync().await;
    let told = bench.explain("ada@north.example").await;
    let nickname = told.routes[0].explanation.attributes.iter().find(|a| a.target.as_str() == "mailNickname").unwrap();
    assert_eq!((nickname.fate, nickname.written), (Fate::CreateOnly, false));
    assert!(names.contains(&nickname.account), "{nickname:?}");
    assert!(!serde_json::to_string(&told).unwrap().contains("4711"), "in the log, perhaps");
}
