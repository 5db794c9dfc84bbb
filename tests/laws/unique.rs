//! When is a value chosen that nobody else may have, and whose is it from then on?

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{
    Action, ActionKind, Attribute, Attributes, Change, Edit, Edits, Hold, Link, Observed, Origin, Value, Why,
};
use crosstie::plan::{self, Answer, Answers, Case, Decision, PlannedRoute};

use super::world::{NOW, attributes, known, present, route, route_name};

const RULES: &str = r#"
[[match]]
target = "mail"
source = "[mail]"
[attributes]
jobTitle = "[jobTitle]"
mailNickname = 'SelectUniqueValue([surname], Append([surname], "1"))'
"#;

fn nickname() -> Attribute {
    "mailNickname".into()
}

fn home() -> Observed {
    present("home", &[("mail", "ada@north.example"), ("jobTitle", "Dev"), ("surname", "Smith")])
}

fn asked(link: Option<&Link>) -> BTreeMap<Attribute, Vec<String>> {
    plan::question(&route(&[("staff", RULES)]), &home(), &BTreeSet::new(), link, NOW).unique
}

/// Asked is who is being made, by whatever name the link goes, and nobody else.
#[test]
fn a_value_is_looked_up_for_whoever_is_being_made() {
    let choices = BTreeMap::from([(nickname(), vec!["Smith".to_owned(), "Smith1".to_owned()])]);
    let mut link = known("account", Origin::Provisioned);
    assert_eq!(asked(None), choices);
    assert_eq!(asked(Some(&link)), BTreeMap::new(), "it has its own");
    link.initialised = false;
    assert_eq!(asked(Some(&link)), choices, "the attributes of an invited account come after it");
}

fn decided(taken: &[&str], rung: Vec<Answer>, link: Option<Link>, account: Option<Observed>) -> Decision {
    let taken = BTreeMap::from([(nickname(), taken.iter().map(|name| (*name).to_owned()).collect())]);
    let answers = Answers { rungs: vec![rung], unique: taken, ..Answers::default() };
    let case = Case { home: home(), member_of: BTreeSet::new(), link, account, answers, readings: 1 };
    let route: PlannedRoute = route(&[("staff", RULES)]);
    plan::consider(&route, &case, NOW).decision
}

/// What follows where `Smith` is somebody else's.
fn written(rung: Vec<Answer>, link: Option<Link>, account: Option<Observed>) -> Attributes {
    let Decision::Do(change) = decided(&["smith"], rung, link, account) else { return Attributes::new() };
    let sets = |(attribute, edit): (Attribute, Edit)| edit.value().map(|value| (attribute, value.clone()));
    match change.action {
        Action::Provision { wanted, .. } => wanted,
        Action::Join { edits, .. } | Action::Update { edits, .. } => edits.into_iter().filter_map(sets).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_chosen_while_an_account_is_made_and_a_joined_one_keeps_its_own() {
    let chosen = Some(Value::from("Smith1"));
    let guest = [("userPrincipalName", "ada_north.example#EXT#@south.example"), ("mailNickname", "ada")];
    let account = present("account", &guest);
    assert_eq!(written(Vec::new(), None, None).get("mailNickname"), chosen.as_ref());
    let joined = written(vec![Answer { account: account.clone(), taken: false }], None, None);
    assert_eq!((joined.get("mailNickname"), joined.get("jobTitle")), (None, Some(&"Dev".into())));
    // Whoever keeps an own one is in nobody's way, also where every choice is taken.
    let all = ["smith", "smith1"];
    let joins = decided(&all, vec![Answer { account: account.clone(), taken: false }], None, None);
    assert!(matches!(&joins, Decision::Do(change) if change.action.kind() == ActionKind::Join), "{joins:?}");
    let held = decided(&all, Vec::new(), None, None);
    assert!(
        matches!(&held, Decision::Hold(Hold::Unmappable { attribute, .. }) if *attribute == nickname()),
        "{held:?}"
    );
    let mut link = known("account", Origin::Provisioned);
    link.initialised = false;
    assert_eq!(written(Vec::new(), Some(link), Some(account)).get("mailNickname"), chosen.as_ref());
}

fn claimed(action: Action, rules: &str) -> Vec<(Attribute, String)> {
    let route = route(&[("others", "[attributes]\njobTitle = '[jobTitle]'"), ("staff", RULES)]);
    let (home, before, why, rules) = (plan::person(&home()), Attributes::new(), Why::InScope, rules.to_owned());
    // A value that nobody may see is claimed as any other is.
    let redacted = BTreeSet::from([nickname()]);
    plan::claims(&route, &Change { route: route_name(), home, action, before, why, rules, redacted })
}

#[test]
fn who_gets_a_value_claims_it_in_whatever_letters() {
    let mine = vec![(nickname(), "smith1".to_owned())];
    let wanted = attributes(&[("mailNickname", " Smith1"), ("jobTitle", "Dev")]);
    let provision = Action::Provision { address: "ada@north.example".to_owned(), wanted };
    assert_eq!(claimed(provision.clone(), "staff"), mine);
    assert_eq!(claimed(provision, "others"), [], "under other rules it is chosen by nobody");
    let update =
        |edit: Edit| Action::Update { account: "account".into(), edits: Edits::from_iter([(nickname(), edit)]) };
    assert_eq!(claimed(update(Edit::Set("Smith1".into())), "staff"), mine);
    assert_eq!(claimed(update(Edit::Clear), "staff"), []);
    assert_eq!(claimed(Action::Delete { account: "account".into() }, "staff"), []);
}
