//! Of a saved plan, is exactly that made which is still what it was?

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{
    Action, ActionKind, Attribute, Change, Edit, Edits, Held, Hold, Origin, Person, RouteName, RunId, Value, Why,
};
use crosstie::plan::{
    self, Changes, Due, Kept, Plan, RoutePlan, SavedPlan, Staleness, Unkept, adds_only_references, file_lines,
    undo_fingerprint,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::world::{attributes, route_name};

fn change(id: usize, title: &str) -> Change {
    let edits = Edits::from_iter([(Attribute::from("jobTitle"), Edit::Set(Value::from(title)))]);
    Change {
        route: route_name(),
        home: Person { id: format!("p{id}").as_str().into(), user_principal_name: format!("p{id}@north.example") },
        action: Action::Update { account: format!("a{id}").as_str().into(), edits },
        before: attributes(&[("jobTitle", "Dev")]),
        why: Why::InScope,
        rules: "staff".to_owned(),
        redacted: BTreeSet::new(),
    }
}
fn plan(changes: Vec<Change>) -> Plan {
    let known = |change: Change| Due { basis: Some("known".to_owned()), ..change.into() };
    Plan {
        routes: vec![RoutePlan {
            route: route_name(),
            fingerprint: "staff=1".to_owned(),
            changes: Changes::of(route_name(), changes.into_iter().map(known)).unwrap(),
            held: Vec::new(),
            settled: 0,
            population: 9,
        }],
    }
}
fn digest(plan: &Plan) -> String {
    plan::digest(plan).unwrap()
}
fn keep_to(
    saved: &SavedPlan,
    fresh: &Plan,
    unplanned: &BTreeMap<RouteName, String>,
    only: &BTreeSet<RouteName>,
) -> Kept {
    plan::keep_to(saved, fresh, unplanned, only).unwrap()
}
fn file(plan: &Plan) -> String {
    let (mut text, summary) = (String::new(), json!({ "type": "summary", "digest": digest(plan) }));
    file_lines(plan, &BTreeMap::new(), summary, |line| -> Result<(), Unkept> {
        text += &format!("{line}\n");
        Ok(())
    })
    .unwrap();
    text
}
fn saved(plan: &Plan) -> SavedPlan {
    SavedPlan::parse(&file(plan)).unwrap()
}
fn only() -> BTreeSet<RouteName> {
    BTreeSet::from([route_name()])
}

/// What may happen to a person between the plan and its approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Same,
    OtherValue,
    OtherBefore,
    OtherBasis,
    OtherKind,
    OtherAccount,
    Over,
    Held,
}
const FATES: [Fate; 8] = [
    Fate::Same,
    Fate::OtherValue,
    Fate::OtherBefore,
    Fate::OtherBasis,
    Fate::OtherKind,
    Fate::OtherAccount,
    Fate::Over,
    Fate::Held,
];

fn befall(plan: &mut RoutePlan, id: usize, fate: Fate) {
    let mut now = change(id, "Lead");
    let (home, account) = (now.home.id.clone(), now.action.account().cloned().unwrap());
    let mut basis = "known";
    plan.changes.retain(|due| due.change.home.id != home).unwrap();
    match fate {
        Fate::Same => {}
        Fate::OtherValue => now = change(id, "Head"),
        Fate::OtherBefore => now.before = attributes(&[("jobTitle", "Temp")]),
        Fate::OtherBasis => basis = "known otherwise",
        Fate::OtherKind => now.action = Action::Delete { account },
        Fate::OtherAccount => {
            let Action::Update { account, .. } = &mut now.action else { panic!() };
            *account = "another".into();
        }
        Fate::Over => return,
        Fate::Held => {
            return plan.held.push(Held { route: route_name(), home: now.home, hold: Hold::AwaitingReading });
        }
    }
    plan.changes.push(&Due { basis: Some(basis.to_owned()), ..now.into() }).unwrap();
}

proptest! {
    /// Whoever is as they were is served, everybody else is told of, and nobody comes in.
    #[test]
    fn exactly_what_is_as_it_was_is_kept(fates in proptest::collection::vec(select(&FATES[..]), 1..8), newcomers in 0usize..3) {
        let old = plan((0..fates.len()).map(|id| change(id, "Lead")).collect());
        let mut now = old.clone();
        for (id, fate) in fates.iter().enumerate() {
            befall(&mut now.routes[0], id, *fate);
        }
        for n in 0..newcomers {
            now.routes[0].changes.push(&change(100 + n, "Lead").into()).unwrap();
        }
        let kept = keep_to(&saved(&old), &now, &BTreeMap::new(), &only());
        let changes = kept.plan.routes[0].changes.all().unwrap();
        let people = |wanted: &dyn Fn(Fate) -> bool| -> BTreeSet<String> {
            (0..fates.len()).filter(|id| wanted(fates[*id])).map(|id| format!("p{id}")).collect()
        };
        let made: BTreeSet<String> = changes.iter().map(|c| c.home.id.to_string()).collect();
        let told: BTreeSet<String> = kept.stale.iter().map(|s| s.home.id.to_string()).collect();
        prop_assert_eq!(made, people(&|fate| fate == Fate::Same));
        prop_assert_eq!(told, people(&|fate| fate != Fate::Same));
        prop_assert_eq!(kept.others, newcomers as u64);
        prop_assert!(changes.iter().all(|c| *c == change(c.home.id.as_str()[1..].parse().unwrap(), "Lead")));
        for stale in &kept.stale {
            let fate = fates[stale.home.id.as_str()[1..].parse::<usize>().unwrap()];
            let fits = match fate {
                Fate::OtherValue | Fate::OtherBefore => stale.why == Staleness::Values(vec!["jobTitle".to_owned()]),
                Fate::OtherBasis | Fate::OtherAccount => stale.why == Staleness::Values(Vec::new()),
                Fate::OtherKind => matches!(stale.why, Staleness::Another(_)),
                Fate::Over => stale.why == Staleness::Over,
                Fate::Held => matches!(stale.why, Staleness::Held(_)),
                Fate::Same => false,
            };
            prop_assert!(fits, "{:?}: {:?}", fate, stale);
        }
    }

    /// A file of which one letter was changed is none, unless the letter says nothing of what is done.
    #[test]
    fn a_file_that_was_changed_is_refused(people in 1usize..4, at in any::<prop::sample::Index>(), to in "[a-z0-9]") {
        let old = plan((0..people).map(|id| change(id, "Lead")).collect());
        let text = file(&old);
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != text);
        if let Ok(read) = SavedPlan::parse(&changed) {
            let kept = keep_to(&read, &old, &BTreeMap::new(), &only());
            prop_assert_eq!((digest(&kept.plan), kept.stale.len(), kept.others), (digest(&old), 0, 0));
        }
    }
}

#[test]
fn lines_may_stand_in_any_order_and_none_may_be_missing() {
    let old = plan((0..3).map(|id| change(id, "Lead")).collect());
    let text = file(&old);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(0, 2);
    assert_eq!(SavedPlan::parse(&lines.join("\n")).unwrap().digest, digest(&old));
    for missing in 0..lines.len() {
        let mut some = lines.clone();
        some.remove(missing);
        assert!(SavedPlan::parse(&some.join("\n")).is_err(), "without line {missing}");
    }
    lines.insert(1, lines[0]);
    assert!(SavedPlan::parse(&lines.join("\n")).is_err(), "a line twice");
}

#[test]
fn other_rules_and_routes_that_were_not_planned_keep_nothing() {
    let old = plan(vec![change(0, "Lead"), change(1, "Lead")]);
    let mut other = old.clone();
    other.routes[0].fingerprint = "staff=2".to_owned();
    let kept = keep_to(&saved(&old), &other, &BTreeMap::new(), &only());
    assert!(kept.plan.is_empty());
    assert!(kept.stale.len() == 2 && kept.stale.iter().all(|s| s.why == Staleness::Rules));
    let why = BTreeMap::from([(route_name(), "south is down".to_owned())]);
    let kept = keep_to(&saved(&old), &Plan::default(), &why, &only());
    assert!(
        kept.stale.len() == 2 && kept.stale.iter().all(|s| s.why == Staleness::Unplanned("south is down".to_owned()))
    );
    let kept = keep_to(&saved(&old), &old, &BTreeMap::new(), &BTreeSet::new());
    assert!(kept.stale.is_empty(), "of routes that are not asked for nothing is said: {:?}", kept.stale);
}

/// Values that nobody may see are told apart all the same, and stand nowhere in the file.
#[test]
fn a_hidden_value_counts_and_is_not_shown() {
    let hidden = |title| {
        let mut change = change(0, title);
        change.redacted = BTreeSet::from([Attribute::from("jobTitle")]);
        plan(vec![change])
    };
    let (old, now) = (hidden("Secretly Lead"), hidden("Secretly Head"));
    assert!(!file(&old).contains("Secretly") && !file(&old).contains("Dev"));
    let kept = keep_to(&saved(&old), &now, &BTreeMap::new(), &only());
    assert_eq!(kept.stale[0].why, Staleness::Values(vec!["jobTitle".to_owned()]));
    assert!(keep_to(&saved(&old), &old, &BTreeMap::new(), &only()).stale.is_empty());
}

/// An invitation is finished with what the plan shows, and with nothing else.
#[test]
fn only_what_the_plan_shows_completes_an_invitation() {
    let provision = |wanted| Change {
        action: Action::Provision { address: "p0@north.example".to_owned(), wanted },
        before: attributes(&[]),
        ..change(0, "")
    };
    let file = saved(&plan(vec![provision(attributes(&[("jobTitle", "Lead")]))]));
    let of = |name: &str, value: &str| Change {
        action: Action::Update {
            account: "new".into(),
            edits: Edits::from_iter([(Attribute::from(name), Edit::Set(Value::from(value)))]),
        },
        ..change(0, "")
    };
    assert!(file.completes(&of("jobTitle", "Lead")));
    assert!(file.completes(&of("manager", "somebody")));
    assert!(!file.completes(&of("jobTitle", "Head")));
    assert!(!file.completes(&of("department", "Lead")));
    assert!(!file.completes(&Change { home: change(1, "").home, ..of("jobTitle", "Lead") }), "somebody else");
    assert!(!file.completes(&Change { action: Action::Delete { account: "new".into() }, ..change(0, "") }));
}

#[test]
fn a_reference_that_came_to_be_is_added_and_nothing_else_is() {
    let planned = change(1, "Lead");
    let with = |attribute: &str, value: &str| {
        let mut now = planned.clone();
        let Action::Update { edits, .. } = &mut now.action else { unreachable!() };
        edits.insert(attribute.into(), Edit::Set(Value::from(value)));
        now
    };
    assert!(adds_only_references(&planned, planned.clone()));
    assert!(adds_only_references(&planned, with("manager", "a7")));
    assert!(!adds_only_references(&planned, with("department", "Dance")));
    assert!(!adds_only_references(&planned, with("jobTitle", "Dean")));
    // One that was planned already stays what it was.
    assert!(!adds_only_references(&with("manager", "a7"), with("manager", "a8")));
    assert!(!adds_only_references(&with("manager", "a7"), planned.clone()));
}

/// What takes back a run may have several changes of one person, and each of them stands or falls alone.
#[test]
fn each_change_of_an_undo_stands_or_falls_alone() {
    let mut restore = change(0, "Lead");
    (restore.action, restore.before) = (Action::Restore { account: "a0".into() }, attributes(&[]));
    let both = |title: &str| vec![restore.clone(), change(0, title)];
    assert!(SavedPlan::parse(&file(&plan(both("Lead")))).unwrap_err().contains("several changes of one person"));

    let undo = |changes| {
        let mut undo = plan(changes);
        undo.routes[0].fingerprint = undo_fingerprint(RunId(7));
        undo
    };
    let old = saved(&undo(both("Lead")));
    assert_eq!((old.undo, old.writing_changes()), (Some(RunId(7)), 2));
    assert_eq!(saved(&plan(vec![change(0, "Lead")])).undo, None);
    let kept = |now: &Plan| {
        let kept = keep_to(&old, now, &BTreeMap::new(), &only());
        let made: Vec<_> = kept.plan.routes[0].changes.all().unwrap().iter().map(|c| c.action.kind()).collect();
        let told: Vec<_> = kept.stale.into_iter().map(|s| (s.action, s.why)).collect();
        (made, told, kept.others)
    };
    use ActionKind::{Restore, Update};
    assert_eq!(kept(&undo(both("Lead"))), (vec![Restore, Update], vec![], 0));
    let values = Staleness::Values(vec!["jobTitle".to_owned()]);
    assert_eq!(kept(&undo(both("Head"))), (vec![Restore], vec![(Update, values)], 0));
    assert_eq!(kept(&undo(vec![change(0, "Lead")])), (vec![Update], vec![(Restore, Staleness::Over)], 0));
    // The same changes, for another run: not what was looked at.
    let mut other = undo(both("Lead"));
    other.routes[0].fingerprint = undo_fingerprint(RunId(8));
    assert_eq!(kept(&other).0, []);

    // A file whose digest was made for it, of two runs: nobody made it here.
    let mut mixed = undo(vec![change(0, "Lead")]);
    let route = RouteName::parse("east->west").unwrap();
    mixed.routes.push(RoutePlan {
        changes: Changes::new(route.clone(), None),
        route,
        fingerprint: undo_fingerprint(RunId(8)),
        ..mixed.routes[0].clone()
    });
    assert!(SavedPlan::parse(&file(&mixed)).unwrap_err().contains("of different runs"));
}

/// Who is held is in the file for whoever reads it, and no part of what is approved.
#[test]
fn who_is_held_is_told_of_and_nothing_is_approved_for_them() {
    let mut old = plan(vec![change(0, "Lead"), change(1, "Lead")]);
    befall(&mut old.routes[0], 1, Fate::Held);
    let text = file(&old);
    assert!(text.lines().any(|line| line.contains("\"type\":\"held\"") && line.contains("p1@north.example")), "{text}");
    let read = SavedPlan::parse(&text).unwrap();
    assert_eq!((&read.digest, read.writing_changes()), (&digest(&old), 1));
    let kept = keep_to(&read, &old, &BTreeMap::new(), &only());
    assert!(kept.plan.routes[0].held.is_empty() && kept.stale.is_empty(), "{kept:?}");
}

#[test]
fn changes_are_counted_by_route_and_kind() {
    let unlink = Change { action: Action::Unlink, ..change(0, "Lead") };
    let mut all = plan(vec![unlink, change(1, "Lead"), change(2, "Lead"), change(3, "Lead")]);
    befall(&mut all.routes[0], 2, Fate::OtherKind);
    let (read, route) = (saved(&all), route_name());
    let kinds = BTreeMap::from([(ActionKind::Update, 2), (ActionKind::Delete, 1), (ActionKind::Unlink, 1)]);
    assert_eq!((read.counts(), read.writing_changes()), (BTreeMap::from([(&route, kinds)]), 3));
    assert!(!all.is_empty() && plan(Vec::new()).is_empty() && Plan::default().is_empty());
}

/// A joined account is finished by references to accounts that have come to be, and a new one gets these with the rest.
#[test]
fn only_references_complete_a_join_or_are_added_to_an_invitation() {
    let join = Change {
        action: Action::Join { account: "a0".into(), edits: Edits::new(), origin: Origin::Joined },
        before: attributes(&[]),
        ..change(0, "")
    };
    let file = saved(&plan(vec![join]));
    let update = |name: &str| {
        let edits = Edits::from_iter([(Attribute::from(name), Edit::Set(Value::from("b")))]);
        Change { action: Action::Update { account: "a0".into(), edits }, ..change(0, "") }
    };
    assert!(file.completes(&update("manager")) && !file.completes(&update("jobTitle")));
    let invited = |pairs| Change {
        action: Action::Provision { address: "p0@north.example".to_owned(), wanted: attributes(pairs) },
        before: attributes(&[]),
        ..change(0, "")
    };
    let planned = invited(&[("jobTitle", "Lead")]);
    assert!(adds_only_references(&planned, invited(&[("jobTitle", "Lead"), ("manager", "a7")])));
    assert!(!adds_only_references(&planned, invited(&[("jobTitle", "Lead"), ("city", "Leeds")])));
}

#[test]
fn why_a_change_is_not_made_is_said_in_words() {
    let said = [
        (Staleness::Rules, "the rules of the route have changed since"),
        (Staleness::Over, "it would not be made any more"),
        (Staleness::Held("a reason".to_owned()), "the person is held now: a reason"),
        (Staleness::Another(ActionKind::Delete), "the change would now be another one: delete"),
        (Staleness::Values(Vec::new()), "what is known of the person has changed since"),
        (Staleness::Values(vec!["city".to_owned(), "mail".to_owned()]), "it has changed since: city, mail"),
        (Staleness::NotUndone("a reason".to_owned()), "a reason"),
        (Staleness::Unplanned("south is down".to_owned()), "the route could not be planned: south is down"),
    ];
    said.iter().for_each(|(why, words)| assert_eq!(why.to_string(), *words));
}
