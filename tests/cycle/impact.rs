//! When the rules were edited, how many people does a plan say it touches, and when does it stop saying so?

use crosstie::engine::{Drafted, Focus, RulesChanged};
use serde_json::json;

use super::bench::{Bench, RULES};

const PAIR: [&str; 2] = ["north", "south"];

/// `route: rule edit people/come in/leave`, one for each edit, behind the people of the route.
fn told(drafted: &Drafted) -> Vec<String> {
    let edits = |r: &RulesChanged| {
        let one = |e: &crosstie::engine::Touched| {
            format!("{} {} {}/{}/{}", e.difference.part, e.difference.verb(), e.people, e.come_in, e.leave)
        };
        r.edits.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    drafted.rules_changed.iter().map(|r| format!("{}: {} by {}", r.route, r.people, edits(r))).collect()
}

fn school() -> Bench {
    let bench = Bench::mesh(&PAIR, RULES);
    for n in 0..6 {
        let title = if n < 4 { json!("Lecturer") } else { json!(null) };
        bench.person("north", &format!("n{n}"), "Staff", &json!({ "jobTitle": title }));
    }
    bench.person("north", "student", "Student", &json!({}));
    bench.staff("south", "s0");
    bench
}

#[tokio::test(start_paused = true)]
async fn every_edit_is_told_with_whom_it_touches_until_a_sync_has_worked_with_it() {
    let bench = school();
    assert_eq!(told(&bench.plan().await), [] as [String; 0], "there was no sync yet");
    bench.settled_sync().await;
    assert_eq!(told(&bench.plan().await), [] as [String; 0]);
    let edited = RULES
        .replace("jobTitle = \"[jobTitle]\"", "jobTitle = 'ToUpper([jobTitle])'")
        .replace("department = \"[department]\"\n", "")
        .replace("operator = \"EQUALS\", value = \"Staff\"", "operator = \"IS NOT NULL\"")
        .replace("disabled = \"disable\"", "disabled = \"keep\"\n[guard]\nupdates = { percent = 100 }");
    bench.write_rules("staff", &edited);
    let all = [
        "north->south: 7 by scope edited 1/1/0, attributes.department removed 6/0/0, attributes.jobTitle edited 4/0/0, \
         leavers.disabled edited 0/0/0, guard.updates edited 0/0/0",
        "south->north: 1 by scope edited 0/0/0, attributes.department removed 1/0/0, attributes.jobTitle edited 1/0/0, \
         leavers.disabled edited 0/0/0, guard.updates edited 0/0/0",
    ];
    bench.asked();
    // A plan says it as often as it is asked, with or without a reading.
    assert_eq!(told(&bench.plan().await), all);
    assert_eq!(bench.begun(), [] as [String; 0]);
    let drafted = bench.plan_offline().await;
    assert_eq!(told(&drafted), all);
    assert_eq!(bench.asked(), [] as [String; 0]);
    let planned = drafted.plan.routes.iter().map(|r| r.changes.len()).collect::<Vec<_>>();
    assert_eq!(planned, [5, 1], "four titles and a newcomer; one title");
    // One route, and then the other.
    let focus = |route: &str| Focus { route: crosstie::model::RouteName::parse(route), ..Focus::default() };
    assert_eq!(told(&bench.plan_of(focus("south->north")).await), all[1..]);
    bench.try_sync(focus("south->north"), None).await.unwrap();
    assert_eq!(told(&bench.plan().await), all[..1]);
    let user = Focus { user: Some("n0@north.example".to_owned()), ..Focus::default() };
    assert_eq!(told(&bench.plan_of(user.clone()).await), [] as [String; 0], "about one person only");
    bench.try_sync(user, None).await.unwrap();
    let after = told(&bench.plan().await);
    assert_eq!(after, all[..1], "one person's sync is no sync of the route");
    bench.settled_sync().await;
    assert_eq!(told(&bench.plan().await), [] as [String; 0]);
    bench.write_rules("staff", &format!("# A word to whoever reads this.\n{edited}"));
    assert_eq!(told(&bench.plan().await), [] as [String; 0], "a comment is no edit");
}

#[tokio::test(start_paused = true)]
async fn rules_that_the_guard_refuses_are_not_the_known_ones_before_somebody_lets_them_through() {
    let guarded = format!("{RULES}[guard]\ndeletes = {{ max = 2, percent = 100 }}\n");
    let bench = school();
    bench.write_rules("staff", &guarded);
    bench.settled_sync().await;
    let narrow = guarded.replace("value = \"Staff\"", "value = \"Student\"");
    bench.write_rules("staff", &narrow);
    let told_then = ["north->south: 7 by scope edited 7/1/6", "south->north: 1 by scope edited 1/0/1"];
    assert_eq!(told(&bench.plan().await), told_then);
    let refused = bench.sync().await;
    assert_eq!(refused.drafted.refusals.len(), 1, "of the way there");
    assert_eq!(told(&bench.plan().await), told_then[..1], "the way back went through");
    let digest = bench.plan().await.digest;
    bench.try_sync(Focus::default(), Some(&digest)).await.unwrap();
    assert_eq!(told(&bench.plan().await), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_attribute_that_replaces_another_is_counted_with_both() {
    let bench = school();
    for n in 0..3 {
        let id =
            bench.person("north", &format!("x{n}"), "Staff", &json!({ "city": "Leeds", "employeeId": format!("{n}") }));
        assert!(!id.is_empty());
    }
    let city = RULES.replace(
        "{ attribute = \"employeeType\"",
        "{ attribute = \"city\", operator = \"IS NOT NULL\" }, { attribute = \"employeeType\"",
    );
    bench.write_rules("staff", &city);
    bench.settled_sync().await;
    bench.tenant("north").edit_user("x2@north.example", &json!({ "employeeId": null })).unwrap();
    bench.asked();
    // The rules do not read the city any more, and who had one must be known to tell who leaves.
    bench.write_rules("staff", &city.replace("\"city\"", "\"employeeId\""));
    assert_eq!(
        told(&bench.plan().await),
        ["north->south: 1 by scope edited 1/0/1", "south->north: 0 by scope edited 0/0/0"]
    );
    let begun = bench.begun();
    assert!(begun.iter().all(|s| s.contains("employeeId") && s.contains("city")), "{begun:?}");
    bench.settled_sync().await;
    assert!(bench.guests("south", "x2@north.example").is_empty());
    bench.guest("south", "x0@north.example");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_counted_is_not_guessed() {
    let guarded = format!("{RULES}[guard]\ndeletes = {{ max = 2, percent = 100 }}\n");
    let bench = school();
    bench.write_rules("staff", &guarded);
    bench.settled_sync().await;
    // Refused, and read anew by order: what the former rules read is forgotten.
    bench.write_rules(
        "staff",
        &guarded.replace(
            "\"employeeType\", operator = \"EQUALS\", value = \"Staff\"",
            "\"city\", operator = \"IS NOT NULL\"",
        ),
    );
    bench.try_sync(Focus { full: true, ..Focus::default() }, None).await.unwrap();
    let drafted = bench.plan().await;
    let north = &drafted.rules_changed[0];
    assert_eq!(
        north.uncounted.as_deref(),
        Some("the rules before read employeeType, which is no longer known of north")
    );
    assert_eq!(north.edits.len(), 1);
    assert_eq!(drafted.plan.routes.len(), 2, "and the plan is made all the same");
    // A text that this crosstie takes for no rule set.
    let connection = rusqlite::Connection::open(bench.file("crosstie.db")).unwrap();
    connection.execute_batch("UPDATE rule_texts SET text = replace(text, 'EQUALS', 'RESEMBLES')").unwrap();
    drop(connection);
    let drafted = bench.plan().await;
    let why = drafted.rules_changed[0].uncounted.as_deref().unwrap_or_default();
    assert!(why.contains("rule set staff, as the last sync read it") && why.contains("RESEMBLES"), "{why}");
    assert!(drafted.rules_changed[0].edits.is_empty());
    assert_eq!(drafted.plan.routes.len(), 2);
}

/// 40 lines of attributes.
fn forty() -> String {
    let attributes = [
        "displayName",
        "jobTitle",
        "department",
        "city",
        "companyName",
        "country",
        "employeeId",
        "employeeType",
        "faxNumber",
        "givenName",
        "mobilePhone",
        "officeLocation",
        "postalCode",
        "preferredDataLocation",
        "preferredLanguage",
        "state",
        "streetAddress",
        "surname",
        "usageLocation",
        "mailNickname",
        "employeeOrgData.division",
        "employeeOrgData.costCenter",
        "businessPhones",
        "showInAddressList",
        "manager",
    ];
    let lines = attributes.into_iter().map(|a| format!("{a} = \"[{a}]\"\n"));
    let extensions = (1..16).map(|n| format!("extensionAttribute{n} = \"[extensionAttribute{n}]\"\n"));
    let lines: Vec<String> = lines.chain(extensions).collect();
    assert_eq!(lines.len(), 40);
    let start = RULES.find("[attributes]\n").unwrap();
    let end = RULES.find("[leavers]").unwrap();
    let guard = "[guard]\nupdates = { percent = 100 }\n";
    format!("{}[attributes]\n{}{}{guard}", &RULES[..start], lines.concat(), &RULES[end..])
}

/// Half of them have a mobile phone.
#[tokio::test(start_paused = true)]
async fn forty_mappings_are_planned_anew_over_thousands_without_a_request() {
    const PEOPLE: usize = 2_000;
    let rules = forty();
    let route = "[[route]]\nhome = \"north\"\ntarget = \"south\"\nrules = \"staff\"\n";
    let bench = Bench::new(&PAIR, route, &[("staff", &rules)]);
    for tenant in PAIR {
        bench.settings(tenant, |s| s.page_size = 500);
    }
    for n in 0..PEOPLE {
        let phone = if n % 2 == 0 { json!("+44 1") } else { json!(null) };
        let more =
            json!({ "mobilePhone": phone, "onPremisesExtensionAttributes": { "extensionAttribute7": format!("{n}") } });
        bench.person("north", &format!("n{n}"), "Staff", &more);
        // The accounts stand already, and are as they should be: the first sync only joins them.
        let mut guest = more.clone();
        guest.as_object_mut().unwrap().extend([
            ("creationType".to_owned(), json!("Invitation")),
            ("externalUserState".to_owned(), json!("Accepted")),
            ("mail".to_owned(), json!(format!("n{n}@north.example"))),
            ("userPrincipalName".to_owned(), json!(format!("n{n}_north.example#EXT#@south.onmicrosoft.com"))),
        ]);
        bench.person("south", &format!("n{n}"), "Staff", &guest);
    }
    let report = bench.sync().await;
    assert!(report.complete(), "{:?}", report.failed);
    bench.asked();
    let before = bench.world.counts();
    bench.write_rules(
        "staff",
        &rules.replace("\"[mobilePhone]\"", "'Replace([mobilePhone], \"+44\", , , \"0044\", , )'"),
    );
    let drafted = bench.plan_offline().await;
    assert_eq!(told(&drafted), ["north->south: 1000 by attributes.mobilePhone edited 1000/0/0"]);
    assert_eq!(drafted.plan.routes[0].changes.len(), 1_000);
    let change = &drafted.plan.routes[0].changes.all().unwrap()[0];
    assert_eq!(change.edits().len(), 1);
    assert_eq!((bench.asked(), bench.world.counts()), (Vec::new(), before));
}
