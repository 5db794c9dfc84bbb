//! What has to be read again when the rules change? Only what no reading has asked for, and until then nothing is
//! concluded from not knowing it.

use crosstie::engine::{Drafted, Focus};
use crosstie::model::{ActionKind, RouteName};
use crosstie::sim::{Effect, Fault, Kind};
use serde_json::json;

use super::bench::{Bench, RULES};

const PAIR: [&str; 2] = ["north", "south"];

fn with_line(line: &str) -> String {
    RULES.replace("[attributes]", &format!("[attributes]\n{line}"))
}
fn anew(drafted: &Drafted) -> Vec<String> {
    let names = |a: &std::collections::BTreeSet<crosstie::model::Attribute>| {
        a.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    drafted.readings.anew.iter().map(|(tenant, a)| format!("{tenant}: {}", names(a))).collect()
}
fn changes(drafted: &Drafted) -> Vec<ActionKind> {
    drafted.plan.routes.iter().flat_map(|r| r.changes.all().unwrap()).map(|c| c.action.kind()).collect()
}

#[tokio::test(start_paused = true)]
async fn rules_that_need_less_go_on_with_the_watermark_and_may_need_it_again() {
    let bench = Bench::mesh(&PAIR, RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    assert_eq!(bench.begun().len(), 2);
    let less = RULES.replace("department = \"[department]\"\n", "");
    bench.write_rules("staff", &less);
    let drafted = bench.plan().await;
    assert!(drafted.plan.is_empty() && anew(&drafted).is_empty(), "{drafted:?}");
    bench.settled_sync().await;
    // Nobody needs it now, and the link tells it all the same.
    bench.tenant("north").edit_user(&ada, &json!({ "department": "Film", "jobTitle": "Dean" })).unwrap();
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example");
    assert_eq!((&account["department"], &account["jobTitle"]), (&json!("Dance"), &json!("Dean")));
    bench.tenant("north").edit_user(&ada, &json!({ "department": null })).unwrap();
    bench.settled_sync().await;
    bench.write_rules("staff", RULES);
    // Cleared at home meanwhile, and known to be: no reading from the start is needed to see that.
    let drafted = bench.plan_offline().await;
    assert_eq!(changes(&drafted), [ActionKind::Update]);
    bench.settled_sync().await;
    assert!(bench.guest("south", "ada@north.example")["department"].is_null());
    assert_eq!(bench.begun(), [] as [String; 0], "no tenant was read from the start again");
}

#[tokio::test(start_paused = true)]
async fn a_look_asks_for_all_that_the_link_tells() {
    let bench = Bench::mesh(&PAIR, RULES);
    let ada = bench.staff("north", "ada");
    bench.settled_sync().await;
    // In doubt while the rules need less than the link tells: the look must not leave the rest unasked.
    bench.tenant("north").edit_user(&ada, &json!({ "department": null, "jobTitle": null })).unwrap();
    bench.tenant("north").expire_links().unwrap();
    bench.tenant("north").fault(Fault { kind: Some(Kind::Get), ..Fault::always(Effect::status(503)) }).unwrap();
    bench.sync().await;
    bench.tenant("north").clear_faults(None).unwrap();
    bench.write_rules("staff", &RULES.replace("department = \"[department]\"\n", ""));
    bench.settled_sync().await;
    assert!(bench.guest("south", "ada@north.example")["jobTitle"].is_null());
    bench.asked();
    bench.write_rules("staff", RULES);
    bench.settled_sync().await;
    assert!(bench.guest("south", "ada@north.example")["department"].is_null());
    assert_eq!(bench.begun(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_new_attribute_is_named_and_read_from_the_tenants_that_need_it() {
    let route = |home: &str, target: &str, rules: &str| {
        format!("[[route]]\nhome = \"{home}\"\ntarget = \"{target}\"\nrules = \"{rules}\"\n")
    };
    let routes = route("north", "south", "staff") + &route("west", "south", "others");
    let bench = Bench::new(&["north", "south", "west"], &routes, &[("staff", RULES), ("others", RULES)]);
    bench.person("north", "ada", "Staff", &json!({ "city": "Leeds" }));
    bench.staff("north", "eve");
    bench.staff("west", "wim");
    bench.settled_sync().await;
    bench.asked();
    bench.write_rules("staff", &with_line("city = \"[city]\""));
    let drafted = bench.plan().await;
    assert_eq!(anew(&drafted), ["north: city", "south: city"]);
    assert_eq!(changes(&drafted), [ActionKind::Update], "who has no city has nothing coming");
    let begun = bench.begun();
    assert!(begun.len() == 2 && begun.iter().all(|select| select.split(',').any(|a| a == "city")), "{begun:?}");
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    assert_eq!(anew(&report.drafted), ["north: city", "south: city"]);
    assert_eq!(bench.guest("south", "ada@north.example")["city"], "Leeds");
    bench.asked();
    bench.assert_settled().await;
    assert_eq!(bench.begun(), [] as [String; 0], "once");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_breaks_off_while_it_is_asked_for_a_new_attribute_loses_nobody() {
    let scope = RULES
        .replace("\"employeeType\", operator = \"EQUALS\", value = \"Staff\"", "\"city\", operator = \"IS NOT NULL\"");
    let bench = Bench::mesh(&PAIR, RULES);
    for n in 0..8 {
        bench.person("north", &format!("n{n}"), "Staff", &json!({ "city": "Leeds" }));
    }
    bench.settled_sync().await;
    let writes = bench.writes().len();
    bench.write_rules("staff", &scope);
    // One page, and no more.
    let down = Fault { skip: 1, kind: Some(Kind::Delta), ..Fault::always(Effect::status(503)) };
    bench.tenant("north").fault(down).unwrap();
    let report = bench.sync().await;
    assert_eq!(anew(&report.drafted), ["north: city", "south: city"]);
    assert_eq!(report.drafted.skipped.len(), 2);
    assert!(report.drafted.plan.routes.is_empty());
    // Half of them have no city as far as anybody knows: that is not knowing, and no plan is made of it.
    assert!(bench.plan().await.plan.routes.is_empty());
    let drafted = bench.plan_offline().await;
    assert!(drafted.skipped.contains_key(&RouteName::parse("north->south").unwrap()), "{drafted:?}");
    assert!(drafted.plan.is_empty(), "{drafted:?}");
    bench.tenant("north").clear_faults(None).unwrap();
    bench.asked();
    let report = bench.settled_sync().await;
    assert!(report.drafted.readings.anew.is_empty(), "it goes on where it broke off");
    assert_eq!(bench.begun(), [] as [String; 0]);
    assert_eq!(bench.writes().len(), writes, "and nobody left");
}

#[tokio::test(start_paused = true)]
async fn what_was_never_asked_for_is_not_planned_offline_and_the_rest_is() {
    let route = |home: &str, target: &str, rules: &str| {
        format!("[[route]]\nhome = \"{home}\"\ntarget = \"{target}\"\nrules = \"{rules}\"\n")
    };
    let routes = route("north", "south", "staff") + &route("south", "north", "others");
    let bench = Bench::new(&PAIR, &routes, &[("staff", RULES), ("others", RULES)]);
    bench.person("north", "ada", "Staff", &json!({ "city": "Leeds" }));
    bench.staff("south", "sam");
    bench.settled_sync().await;
    bench.asked();
    bench.write_rules("staff", &with_line("city = \"[city]\""));
    bench.write_rules("others", &RULES.replace("\"[jobTitle]\"", "'ToUpper([jobTitle])'"));
    let drafted = bench.plan_offline().await;
    let skipped: Vec<_> = drafted.skipped.iter().map(|(r, why)| format!("{r}: {why}")).collect();
    assert_eq!(
        skipped,
        [
            "north->south: the rules ask for city, of which north was never asked, and for city, of which south was never \
          asked\nhint: plan without --offline reads it"
        ]
    );
    assert_eq!(drafted.plan.routes.len(), 1);
    assert_eq!(changes(&drafted), [ActionKind::Update], "the other route");
    assert_eq!(bench.asked(), [] as [String; 0]);
    // A plan forgets what it reads; a sync does not.
    bench.plan().await;
    assert_eq!(bench.plan_offline().await.skipped.len(), 1);
    bench.settled_sync().await;
    bench.asked();
    let drafted = bench.plan_offline().await;
    assert!(drafted.skipped.is_empty() && drafted.plan.is_empty(), "{drafted:?}");
    assert_eq!(bench.asked(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_was_never_asked_for_is_not_empty() {
    let bench = Bench::mesh(&PAIR, RULES);
    let ada = bench.staff("north", "ada");
    let (group, south) = ("2b1c0000-0000-4000-8000-000000000001", "2b1c0000-0000-4000-8000-000000000003");
    let put = |tenant: &str, id: &str, members: &[&String]| {
        let group = json!({ "id": id, "displayName": id, "members": members });
        bench.tenant(tenant).put_group(serde_json::from_value(group).unwrap()).unwrap();
    };
    put("north", group, &[&ada]);
    put("south", south, &[]);
    bench.settled_sync().await;
    bench.write_rules("staff", &RULES.replace("[[match]]", &format!("groups = [\"{group}\", \"{south}\"]\n[[match]]")));
    let drafted = bench.plan_offline().await;
    assert!(drafted.plan.routes.is_empty(), "{drafted:?}");
    let why = &drafted.skipped[&RouteName::parse("north->south").unwrap()];
    assert!(why.contains(&format!("the members of group {group}, of which north was never asked")), "{why}");
    bench.settled_sync().await;
    let drafted = bench.plan_offline().await;
    assert!(drafted.skipped.is_empty() && drafted.plan.is_empty(), "{drafted:?}");
    bench.guest("south", "ada@north.example");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_looked_at_is_not_taken_for_somebody_without_the_new_attribute() {
    let bench = Bench::mesh(&PAIR, RULES);
    let ada = bench.person("north", "ada", "Staff", &json!({ "city": "Leeds" }));
    bench.person("north", "eve", "Staff", &json!({ "city": "York" }));
    bench.settled_sync().await;
    // In deletedItems, so the full round says nothing of her; and nobody can look there either.
    bench.settings("north", |s| s.delta.first_round_removed = false);
    bench.tenant("north").soft_delete(&ada).unwrap();
    let scope = "\"city\", operator = \"IS NOT NULL\"";
    let rules = RULES.replace("\"employeeType\", operator = \"EQUALS\", value = \"Staff\"", scope);
    bench.write_rules("staff", &rules.replace("deleted = \"delete\"", "deleted = \"keep\""));
    let down =
        bench.tenant("north").fault(Fault { kind: Some(Kind::Get), ..Fault::always(Effect::status(503)) }).unwrap();
    for _ in 0..2 {
        let report = bench.sync().await;
        assert_eq!(report.drafted.readings.doubtful.len(), 1);
        let changes = changes(&report.drafted);
        assert!(changes.is_empty(), "{changes:?}");
    }
    bench.tenant("north").clear_faults(Some(down)).unwrap();
    bench.settled_sync().await;
    bench.guest("south", "ada@north.example");
}

#[tokio::test(start_paused = true)]
async fn read_from_the_start_by_order_a_tenant_is_asked_for_no_more_than_the_rules_need() {
    let bench = Bench::mesh(&PAIR, RULES);
    bench.staff("north", "ada");
    bench.settled_sync().await;
    bench.write_rules("staff", &RULES.replace("department = \"[department]\"\n", ""));
    bench.asked();
    bench.try_sync(Focus { full: true, ..Focus::default() }, None).await.unwrap();
    let begun = bench.begun();
    assert!(begun.len() == 2 && begun.iter().all(|select| !select.contains("department")), "{begun:?}");
    let store = bench.store(crosstie::store::Mode::Look);
    for ada in store.natives(&"north".into(), None, 10).unwrap() {
        let known = store.observed(&"north".into(), &ada).unwrap().unwrap();
        assert!(!known.attributes.contains_key("department") && known.attributes.contains_key("jobTitle"), "{known:?}");
    }
    drop(store);
    bench.write_rules("staff", RULES);
    assert_eq!(bench.plan_offline().await.skipped.len(), 2, "it would have to be read again");
    let report = bench.settled_sync().await;
    assert_eq!(anew(&report.drafted), ["north: department", "south: department"]);
}

#[tokio::test(start_paused = true)]
async fn what_only_the_former_rules_read_and_the_tenant_has_no_more_is_not_insisted_on() {
    let bench = Bench::mesh(&PAIR, RULES);
    bench.person("north", "ada", "Staff", &json!({ "city": "Leeds" }));
    bench.settled_sync().await;
    let connection = rusqlite::Connection::open(bench.file("crosstie.db")).unwrap();
    connection.execute_batch("UPDATE rule_texts SET text = replace(text, '[department]', '[gone]')").unwrap();
    drop(connection);
    bench.write_rules("staff", &with_line("city = \"[city]\""));
    bench.asked();
    let report = bench.settled_sync().await;
    assert_eq!(anew(&report.drafted), ["north: city", "south: city"]);
    assert_eq!(bench.guest("south", "ada@north.example")["city"], "Leeds");
    let begun = bench.begun();
    assert_eq!((begun.len(), begun.iter().filter(|select| select.contains("gone")).count()), (4, 2), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_two_share_is_nobodys_while_one_of_them_is_asked_for_more() {
    let bench = Bench::mesh(&["north", "south", "west"], RULES);
    bench.staff("north", "nan");
    bench.staff("west", "wim");
    bench.settled_sync().await;
    bench.person("north", "ada", "Staff", &json!({ "mail": "shared@north.example" }));
    bench.person("west", "eve", "Staff", &json!({ "mail": "Shared@north.example" }));
    // West knows of eve, and breaks off while it is asked for cities.
    let focus = Focus { route: RouteName::parse("west->south"), ..Focus::default() };
    bench.tenant("south").fault(Fault { kind: Some(Kind::Invite), ..Fault::always(Effect::status(400)) }).unwrap();
    bench.try_sync(focus, None).await.unwrap();
    bench.tenant("south").clear_faults(None).unwrap();
    bench.write_rules("staff", &with_line("city = \"[city]\""));
    bench.tenant("west").fault(Fault::always(Effect::status(503))).unwrap();
    bench.sync().await;
    assert!(bench.guests("south", "shared@north.example").is_empty(), "ada alone is not told from eve");
    bench.tenant("west").clear_faults(None).unwrap();
    let report = bench.sync().await;
    let holds = report.drafted.plan.routes.iter().flat_map(|r| &r.held);
    let shared = holds.filter(|h| matches!(h.hold, crosstie::model::Hold::SharedWith(_)));
    assert_eq!(shared.count(), 2, "{report:?}");
    assert_eq!(anew(&report.drafted), ["west: city"], "said again, since nothing came of it");
}
