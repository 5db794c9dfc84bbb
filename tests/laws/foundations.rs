//! On what does a change hang, and by which lines and marks is it known again?

use std::collections::BTreeSet;

use crosstie::model::{
    Action, Attribute, Change, Edit, Edits, Hold, Link, Observed, Origin, Presence, Stamping, Tie, Timestamp, Value,
    Why,
};
use crosstie::plan::{self, Answers, Case, Foundation, PlannedRoute, change_line, held_line, undo_basis};
use serde_json::json;

use super::world::{DAY, GROUP, NOW, asked, attributes, known, present, route, route_name};

const RULES: &str = r#"
[[match]]
target = "employeeId"
source = "[employeeId]"
[attributes]
jobTitle = { expression = "[jobTitle]", apply = "on-change" }
"#;

fn stamped() -> PlannedRoute {
    let mut route = route(&[("staff", RULES)]);
    route.ownership.stamping = Some(Stamping { attribute: "extensionAttribute15".into(), home: "tenant".into() });
    route
}

fn case() -> Case {
    Case {
        home: present("home", &[("jobTitle", "Dev"), ("employeeId", "7")]),
        member_of: BTreeSet::new(),
        link: Some(known("account", Origin::Joined)),
        account: Some(present("account", &[("jobTitle", "Lead")])),
        answers: Answers::default(),
        readings: 1,
    }
}

fn with(mut observed: Observed, attribute: &str) -> Observed {
    observed.attributes.insert(attribute.into(), "other".into());
    observed
}

fn relinked(change: impl FnOnce(&mut Link)) -> Option<Link> {
    let mut link = known("account", Origin::Joined);
    change(&mut link);
    Some(link)
}

#[test]
fn a_basis_is_another_one_exactly_where_something_relevant_is() {
    let foundation = Foundation::of(&stamped());
    let basis = |change: &dyn Fn(&mut Case)| {
        let mut case = case();
        change(&mut case);
        foundation.basis(&case)
    };
    let same = basis(&|_| {});
    let home = |name: &'static str| basis(&move |case: &mut Case| case.home = with(case.home.clone(), name));
    let account =
        |name: &'static str| basis(&move |case: &mut Case| case.account = case.account.take().map(|a| with(a, name)));
    let laws = ["userPrincipalName", "accountEnabled", "userType", "mail"];
    let mut others: Vec<String> = laws.iter().flat_map(|name| [home(name), account(name)]).collect();
    others.extend(["jobTitle", "employeeId"].iter().flat_map(|name| [home(name), account(name)]));
    others.push(account("extensionAttribute15"));
    others.push(basis(&|case| case.member_of.extend([GROUP.to_owned()])));
    others.push(basis(&|case| case.home.presence = Presence::SoftDeleted));
    others.push(basis(&|case| case.account = None));
    others.push(basis(&|case| case.link = None));
    others.push(basis(&|case| case.link = Some(asked("ada@north.example", 0))));
    others.push(basis(&|case| case.link = Some(asked("eve@north.example", 0))));
    others.push(basis(&|case| case.link = relinked(|l| l.tie = known("another", Origin::Joined).tie)));
    others.push(basis(&|case| case.link = relinked(|l| l.initialised = false)));
    others.push(basis(&|case| case.link = relinked(|l| l.disabled_by_us = true)));
    others.push(basis(&|case| case.link = relinked(|l| l.baseline = attributes(&[("jobTitle", "Dev")]))));
    let count = others.len();
    let all: BTreeSet<String> = others.into_iter().chain([same.clone()]).collect();
    assert_eq!(all.len(), count + 1, "each is another one than all the others");
    assert!(all.iter().all(|basis| basis.starts_with("sha256:")));
    for still in [
        home("city"),
        home("extensionAttribute15"),
        account("city"),
        account("externalUserState"),
        basis(&|case| case.link = relinked(|l| l.since = NOW)),
        basis(&|case| case.link = relinked(|l| l.rules = "others".to_owned())),
    ] {
        assert_eq!(still, same);
    }
}

#[test]
fn the_way_back_hangs_on_what_was_written_and_on_the_link() {
    let written = BTreeSet::from([Attribute::from("jobTitle")]);
    let link = known("account", Origin::Joined);
    let basis = |account: Option<&Observed>, link: Option<&Link>| undo_basis(account, link, &written);
    let account = present("account", &[("jobTitle", "Lead")]);
    let same = basis(Some(&account), Some(&link));
    for other in [
        basis(Some(&with(account.clone(), "jobTitle")), Some(&link)),
        basis(Some(&with(account.clone(), "mail")), Some(&link)),
        basis(Some(&Observed { presence: Presence::SoftDeleted, ..account.clone() }), Some(&link)),
        basis(None, Some(&link)),
        basis(Some(&account), None),
    ] {
        assert_ne!(other, same);
    }
    assert_eq!(basis(Some(&with(account.clone(), "city")), Some(&link)), same);
}

#[test]
fn a_change_and_a_hold_are_lines_of_a_promised_shape() {
    let Tie::Known { account, .. } = known("account", Origin::Joined).tie else { unreachable!() };
    let home = plan::person(&present("home", &[("userPrincipalName", "ada@north.example")]));
    let edits = Edits::from_iter([("jobTitle".into(), Edit::Set(Value::from("Lead"))), ("pin".into(), Edit::Clear)]);
    let change = Change {
        route: route_name(),
        home: home.clone(),
        action: Action::Update { account, edits },
        before: attributes(&[("pin", "4711")]),
        why: Why::InScope,
        rules: "staff".to_owned(),
        redacted: BTreeSet::from(["pin".into()]),
    };
    let person = json!({ "id": "home", "userPrincipalName": "ada@north.example" });
    let line = json!({
        "type": "change", "route": "north->south", "action": "update", "why": "in scope", "rules": "staff", "home": person,
        "account": { "id": "account", "tenant": "south" },
        "edits": {
            "jobTitle": { "before": null, "after": "Lead" },
            "pin": { "before": "[Redacted]", "after": null },
        },
    });
    assert_eq!(change_line(&change), line);
    let provision = Change {
        action: Action::Provision { address: "ada@north.example".to_owned(), wanted: attributes(&[]) },
        ..change
    };
    assert_eq!(change_line(&provision)["account"], json!(null));
    let held = plan::hold_of(
        &route_name(),
        &present("home", &[("userPrincipalName", "ada@north.example")]),
        Hold::AwaitingReading,
    );
    let reason = Hold::AwaitingReading.to_string();
    assert_eq!(held_line(&held), json!({ "type": "held", "route": "north->south", "home": person, "reason": reason }));
}

/// Whoever is settled is asked again when the rules change, and each day where they ask the time.
#[test]
fn rules_that_ask_the_time_have_a_mark_for_each_day() {
    let marks = |expression: &str, at: Timestamp| {
        let plain =
            route(&[("others", "[attributes]\n"), ("staff", &format!("[attributes]\njobTitle = '{expression}'"))]);
        (plain.marks(at), plain.fingerprint())
    };
    let noon = Timestamp(NOW.day().0 + DAY / 2);
    let (plain, fingerprint) = marks("[jobTitle]", noon);
    assert_eq!(plain, fingerprint);
    assert_eq!(marks("[jobTitle]", Timestamp(noon.0 + DAY)).0, plain);
    let asking = |at: u64| marks("FormatDateTime(Now(), , \"M/d/yyyy\", \"yyyy\")", Timestamp(at)).0;
    let today = asking(noon.0);
    assert_ne!(today, marks("FormatDateTime(Now(), , \"M/d/yyyy\", \"yyyy\")", noon).1);
    assert_eq!([asking(NOW.day().0), asking(NOW.day().0 + DAY - 1)], [today.clone(), today.clone()]);
    assert!(asking(noon.0 + DAY) != today && asking(noon.0 - DAY) != today);
}
