//! Which account may be tied to a person again, and what does the link say then?

use std::collections::BTreeSet;

use crosstie::model::{Attribute, Attributes, Link, Observed, Origin, Presence, Tie, Value};
use crosstie::plan::{Adoption, Answers, Case, adoption};

use super::world::{NOW, STAMP, asked, attributes, known, owned, present, route, route_name, stamping};

const RULES: &str = r#"
[[scope]]
all = [{ attribute = "department", operator = "EQUALS", value = "Maths" }]
[attributes]
jobTitle = { expression = "[jobTitle]", apply = "on-change" }
city = { expression = "[city]", apply = "on-change" }
displayName = "[displayName]"
[leavers]
disabled = "disable"
"#;

fn home(pairs: &[(&str, &str)]) -> Observed {
    let all = [("displayName", "Ada"), ("jobTitle", "Dev"), ("department", "Maths"), ("accountEnabled", "true")];
    present("home", &[&all[..], pairs].concat())
}

fn case(home: Observed, link: Option<Link>) -> Case {
    Case { home, member_of: BTreeSet::new(), link, account: None, answers: Answers::default(), readings: 1 }
}

fn guest(id: &str, borne: Option<Value>) -> Observed {
    let mut account = present(id, &[("userPrincipalName", "ada_north.example#EXT#@south.example")]);
    account.attributes.extend(borne.map(|stamp| (Attribute::from(STAMP), stamp)));
    account
}

fn why(adoption: Adoption) -> String {
    match adoption {
        Adoption::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

/// The link is that of an account that stood: in step, with the home's values as those that were last written.
fn made() -> Adoption {
    Adoption::Link(Link {
        route: route_name(),
        home: "home".into(),
        tie: Tie::Known { account: "account".into(), origin: Origin::Joined },
        rules: "staff".to_owned(),
        initialised: true,
        disabled_by_us: false,
        leaving_since: None,
        baseline: attributes(&[("jobTitle", "Dev")]),
        since: NOW,
    })
}

#[test]
fn a_person_who_has_a_link_keeps_it() {
    let with = |link| adoption(&owned(RULES), &case(home(&[]), Some(link)), &guest("account", None), false, NOW);
    assert_eq!(with(known("account", Origin::Provisioned)), Adoption::Linked);
    assert!(why(with(known("other", Origin::Provisioned))).contains("linked to another account, other"));
    assert!(why(with(asked("ada@north.example", 0))).contains("the answer is not known yet"));
}

#[test]
fn whoever_left_is_linked_only_where_leavers_are_asked_for() {
    let adopted = |home: &Observed, leavers| {
        adoption(&owned(RULES), &case(home.clone(), None), &guest("account", None), leavers, NOW)
    };
    let gone = |presence| Observed { presence, ..home(&[]) };
    for stays in [home(&[]), home(&[("accountEnabled", "false")])] {
        assert_eq!(adopted(&stays, false), made());
    }
    for (left, reason) in [
        (home(&[("department", "Art")]), "out of scope"),
        (gone(Presence::SoftDeleted), "gone from home"),
        (gone(Presence::Gone), "gone from home"),
    ] {
        assert!(why(adopted(&left, false)).contains(reason));
        assert_eq!(adopted(&left, true), made());
    }
    let external = home(&[("creationType", "Invitation")]);
    assert!(why(adopted(&external, true)).contains("external at home"));
}

#[test]
fn an_account_that_is_not_ours_to_write_is_linked_to_nobody() {
    let adopted = |account: &Observed| adoption(&owned(RULES), &case(home(&[]), None), account, true, NOW);
    let (own, foreign) = (stamping().value(&"HOME".into()), Value::from("payroll 17"));
    for borne in [None, Some(own)] {
        assert_eq!(adopted(&guest("account", borne)), made());
    }
    let deleted = Observed { presence: Presence::SoftDeleted, ..guest("account", None) };
    assert!(why(adopted(&deleted)).contains("it is deleted"));
    let native = Observed { attributes: Attributes::new(), ..guest("account", None) };
    assert!(why(adopted(&native)).contains("at home in the target"));
    assert!(why(adopted(&guest("break-glass", None))).contains("(as Break-Glass)"));
    let anothers = stamping().value(&"somebody".into());
    assert!(why(adopted(&guest("account", Some(anothers)))).contains("the stamp of user somebody"));
    assert!(why(adopted(&guest("account", Some(foreign.clone())))).contains("no stamp of crosstie"));
    // Where accounts bear no stamps, a text in the attribute says nothing.
    let unstamped = route(&[("staff", RULES)]);
    let account = guest("account", Some(foreign));
    assert_eq!(adoption(&unstamped, &case(home(&[]), None), &account, false, NOW), made());
}
