//! Does an explanation say what the planner does? Every generated case is explained, and each part of what is told is
//! held against the decision, the scope's own verdicts and the edits.

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{Action, Attribute, Hold, Observed, Presence, Standing, Tie, Value};
use crosstie::plan::explain::{CandidateFate, CandidateSeen, Explanation, Fate, Given, Ladder, Outcome, RuleSetSeen};
use crosstie::plan::{self, Decision, Question, explain};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::world::{GROUP, NOW, STAMP, Scene, known, present, route, scenes, stamping};

fn told(scene: &Scene) -> Explanation {
    explain(&scene.route, &scene.case, NOW)
}

fn decided(scene: &Scene) -> Decision {
    plan::consider(&scene.route, &scene.case, NOW).decision
}

/// The decision that is told is the one that is taken, word for word.
fn the_decision_is_the_planners(told: &Explanation, decision: &Decision) {
    match (&told.decision.outcome, decision) {
        (Outcome::Change(seen), Decision::Do(change)) => {
            assert_eq!((seen.action, seen.why), (change.action.kind(), change.why.as_str()));
            assert_eq!(seen.account.as_deref(), change.action.account().map(|a| a.as_str()));
            assert_eq!(told.rules.as_deref(), Some(change.rules.as_str()));
            let edits: BTreeMap<_, _> =
                seen.edits.iter().map(|(a, e)| (a.clone(), (e.before.clone(), e.after.clone()))).collect();
            assert_eq!(edits, change.edits());
            let address = match &change.action {
                Action::Provision { address, .. } => Some(address),
                _ => None,
            };
            assert_eq!(seen.address.as_ref(), address);
        }
        (Outcome::Hold { reason }, Decision::Hold(hold)) => assert_eq!(*reason, hold.to_string()),
        (Outcome::Settled, Decision::Settled) => {}
        (Outcome::Waiting { until }, Decision::Waiting(at)) => assert_eq!(*until, at.rfc3339()),
        (told, taken) => panic!("{told:?} was told, and {taken:?} is the decision"),
    }
    assert!(!told.decision.says.is_empty() && !told.because.is_empty());
}

/// Clauses make tables, tables make rule sets, and the first rule set that takes the user makes the verdict.
fn the_clauses_make_the_verdict(scene: &Scene, told: &Explanation) {
    let home = &scene.case.home;
    for set in &told.scope {
        for table in &set.tables {
            let in_a_group = table.groups.is_empty() || table.groups.iter().any(|g| g.member);
            assert_eq!(table.takes, in_a_group && table.clauses.iter().all(|c| c.holds));
            let unblocked = table.clauses.iter().map(|c| c.holds_unblocked).collect::<Option<Vec<bool>>>();
            let unblocked = unblocked.map(|clauses| in_a_group && clauses.into_iter().all(|c| c));
            assert_eq!(table.takes_unblocked, unblocked.filter(|_| !home.is_enabled()));
            for clause in &table.clauses {
                assert_eq!(clause.seen.as_ref(), home.attributes.get(&clause.attribute));
            }
        }
        let all = set.tables.is_empty();
        assert_eq!(set.takes, all || set.tables.iter().any(|t| t.takes));
        let unblocked = all || set.tables.iter().any(|t| t.takes_unblocked == Some(true));
        assert_eq!(set.takes_unblocked, (!home.is_enabled()).then_some(unblocked));
    }
    let first = |takes: fn(&RuleSetSeen) -> bool| told.scope.iter().find(|s| takes(s));
    let now = first(|s| s.takes);
    let (verdict, has) = match (home.standing(), home.presence, home.is_enabled()) {
        (Standing::External, ..) => ("external", None),
        (_, presence, _) if presence != Presence::Present => ("deleted at home", None),
        (_, _, true) if now.is_some() => ("in scope", now),
        (_, _, true) => ("out of scope", None),
        (_, _, false) => match first(|s| s.takes_unblocked == Some(true)) {
            None if now.is_some() => ("in scope", now),
            None => ("out of scope", None),
            Some(set) => {
                let rules = scene.route.rules.iter().find(|r| r.name == set.rules).expect("a rule set of the route");
                let keeps = rules.leavers.disabled == crosstie::rules::LeaverAction::Keep;
                if keeps && now.is_some() { ("in scope", now) } else { ("blocked at home", Some(set)) }
            }
        },
    };
    assert_eq!(told.verdict, verdict);
    let said: Vec<&str> = told.scope.iter().filter(|s| s.has).map(|s| s.rules.as_str()).collect();
    assert_eq!(said, has.map(|s| s.rules.as_str()).into_iter().collect::<Vec<_>>());
    assert!(has.is_none() || told.rules.as_deref() == has.map(|s| s.rules.as_str()));
    assert_eq!(told.home.standing == "external", told.home.evidence.len() > 1, "{:?}", told.home.evidence);
}

/// What is said to be written is the change's edits, before and after; the others have a reason that fits.
fn the_written_attributes_are_the_edits(scene: &Scene, told: &Explanation, decision: &Decision) {
    let written: BTreeMap<&Attribute, (Option<Value>, Option<Value>)> = told
        .attributes
        .iter()
        .filter(|a| a.written)
        .map(|a| match &a.result {
            Given::Value(value) => (&a.target, (a.account.clone(), value.clone().filter(|v| !v.is_empty()))),
            other => panic!("{} is written, and gives {other:?}", a.target),
        })
        .collect();
    let change = match decision {
        Decision::Do(change) => Some(change),
        Decision::Hold(_) | Decision::Settled | Decision::Waiting(_) => None,
    };
    let edits = match change.map(|c| (&c.action, c.edits())) {
        Some((Action::Provision { .. } | Action::Join { .. } | Action::Update { .. }, edits)) => edits,
        _ => BTreeMap::new(),
    };
    assert_eq!(written, edits.iter().map(|(a, e)| (a, e.clone())).collect());
    for seen in &told.attributes {
        assert_eq!(seen.written, seen.fate == Fate::Written, "{}", seen.target);
        let is_empty = matches!(&seen.result, Given::Value(v) if v.as_ref().is_none_or(Value::is_empty));
        match seen.fate {
            Fate::KeptEmpty => assert!(is_empty && seen.when_empty == "keep"),
            Fate::NotClearable | Fate::Empty => assert!(is_empty, "{seen:?}"),
            Fate::CreateOnly => assert_eq!(seen.apply, "create"),
            Fate::UnchangedAtHome => assert_eq!(seen.apply, "on-change"),
            Fate::Ignored => assert_eq!(seen.result, Given::Ignored { ignore: "attribute" }),
            Fate::ObjectIgnored => assert_eq!(seen.result, Given::Ignored { ignore: "object" }),
            Fate::Unusable => assert!(matches!(seen.result, Given::Fault { .. }), "{seen:?}"),
            Fate::Pending => assert_eq!(seen.reference.as_ref().map(|r| r.resolved), Some("pending")),
            Fate::Written | Fate::Same | Fate::NeverUnblocks | Fate::NotCompared => {}
        }
        for (attribute, value) in &seen.inputs {
            assert_eq!(value.as_ref(), scene.case.home.attributes.get(attribute), "an input of {}", seen.target);
        }
    }
    let targets: BTreeSet<&Attribute> = told.attributes.iter().map(|a| &a.target).collect();
    assert_eq!(targets.len(), told.attributes.len(), "an attribute is told twice");
    assert_eq!(told.attributes.is_empty(), !matches!(told.verdict, "in scope" | "blocked at home"));
    let stamps = scene.route.ownership.stamping.is_some() && !told.attributes.is_empty();
    assert_eq!(told.attributes.iter().filter(|a| a.kind == "stamp").count(), usize::from(stamps));
}

fn with_fate(ladder: &Ladder, fate: CandidateFate) -> BTreeSet<String> {
    let all = ladder.rungs.iter().chain([&ladder.address]).flat_map(|r| &r.candidates);
    all.filter(|c: &&CandidateSeen| c.fate == fate).map(|c| c.account.id.clone()).collect()
}

/// The ladder asks what the planner asks, and what it says of the candidates is what was decided about them.
fn the_ladder_leads_to_the_account(scene: &Scene, told: &Explanation, decision: &Decision) {
    let case = &scene.case;
    let question = plan::question(&scene.route, &case.home, &case.member_of, case.link.as_ref(), NOW);
    let Some(ladder) = &told.account.ladder else {
        assert_eq!((&question.rungs, &question.address), (&Vec::new(), &None), "{told:?}");
        return;
    };
    let looked_for: Vec<(Attribute, String)> =
        ladder.rungs.iter().filter_map(|r| Some((r.target.clone(), r.value.clone()?))).collect();
    assert_eq!(looked_for, question.rungs);
    let folded = ladder.address.value.as_deref().map(crosstie::model::folded);
    assert_eq!(folded, question.address);
    let given: Vec<Vec<&str>> = case.answers.rungs.iter().map(|r| ids(r.iter().map(|a| &a.account))).collect();
    let seen = ladder.rungs.iter().filter(|r| r.value.is_some());
    let seen: Vec<Vec<&str>> = seen.map(|r| r.candidates.iter().map(|c| c.account.id.as_str()).collect()).collect();
    assert_eq!(seen, given);
    let questions = || ladder.rungs.iter().chain([&ladder.address]);
    assert!(questions().filter(|r| r.decides).count() <= 1, "two questions decide");
    for rung in questions() {
        let touched = |c: &CandidateSeen| !matches!(c.fate, CandidateFate::Native | CandidateFate::NotReached);
        assert_eq!(rung.candidates.iter().any(touched), rung.decides, "{rung:?}");
    }
    let one = |id: &str| BTreeSet::from([id.to_owned()]);
    let all = |ids: &[crosstie::model::ObjectId]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    match decision {
        Decision::Do(change) => match &change.action {
            Action::Join { account, .. } => assert_eq!(with_fate(ladder, CandidateFate::Match), one(account.as_str())),
            Action::Provision { .. } => assert!(questions().all(|r| !r.decides)),
            _ => {}
        },
        Decision::Hold(Hold::Disputed(who)) => assert_eq!(with_fate(ladder, CandidateFate::Disputed), all(who)),
        Decision::Hold(Hold::Taken { account }) => {
            assert_eq!(with_fate(ladder, CandidateFate::Taken), one(account.as_str()));
        }
        Decision::Hold(Hold::AddressInUse { account, .. }) => {
            assert_eq!(with_fate(ladder, CandidateFate::HoldsAddress), one(account.as_str()));
        }
        Decision::Hold(Hold::AwaitingReading) => assert!(questions().all(|r| !r.decides)),
        _ => {}
    }
}

fn ids<'a>(accounts: impl Iterator<Item = &'a Observed>) -> Vec<&'a str> {
    accounts.map(|a| a.object.as_str()).collect()
}

/// The same where accounts say whose they are: this one may bear no stamp, that of the person, of somebody else, or another
/// text.
fn stamped(mut scene: Scene, stamp: u8) -> Scene {
    let stamping = stamping();
    let borne = match stamp {
        0 => return scene,
        1 => None,
        2 => Some(stamping.value(&scene.case.home.object)),
        3 => Some(stamping.value(&"somebody".into())),
        _ => Some("payroll 17".into()),
    };
    if let (Some(account), Some(borne)) = (&mut scene.case.account, borne) {
        account.attributes.insert(STAMP.into(), borne);
    }
    scene.route.ownership.stamping = Some(stamping);
    scene
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_explanation_says_what_the_planner_does(scene in scenes(), stamp in 0..5_u8) {
        let scene = stamped(scene, stamp);
        let (told, decision) = (told(&scene), decided(&scene));
        the_decision_is_the_planners(&told, &decision);
        the_clauses_make_the_verdict(&scene, &told);
        the_written_attributes_are_the_edits(&scene, &told, &decision);
        the_ladder_leads_to_the_account(&scene, &told, &decision);
        let link = scene.case.link.as_ref();
        prop_assert_eq!(told.account.link.is_some(), link.is_some());
        let asked = link.is_some_and(|l| matches!(l.tie, Tie::Asked(_)));
        prop_assert_eq!(told.account.link.as_ref().is_some_and(|l| l.asked.is_some()), asked);
        let json = serde_json::to_value(&told).expect("JSON");
        prop_assert_eq!(json, serde_json::to_value(explain(&scene.route, &scene.case, NOW)).expect("JSON"));
    }
}

/// The generator reaches every fate of an attribute and of a candidate: a law that is never tried proves nothing.
#[test]
fn every_fate_comes_up() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..2_500 {
        let scene = scenes().new_tree(&mut runner).expect("a scene").current();
        let told = told(&scene);
        let rungs = told.account.ladder.iter().flat_map(|l| l.rungs.iter().chain([&l.address]));
        let candidates = rungs.flat_map(|r| &r.candidates).map(|c| format!("{:?}", c.fate));
        let attributes = told.attributes.iter().map(|a| format!("{:?}", a.fate));
        let words = [told.verdict.to_owned(), told.account.situation.to_owned()];
        for name in attributes.chain(candidates).chain(words) {
            *seen.entry(name).or_default() += 1;
        }
    }
    let fates = "Written Same CreateOnly UnchangedAtHome KeptEmpty NotClearable Empty Ignored ObjectIgnored Pending \
                 NeverUnblocks Unusable NotCompared Match Taken Disputed Native HoldsAddress NotReached";
    let words = ["in scope", "blocked at home", "out of scope", "deleted at home", "external", "linked", "lost"];
    let more = ["candidate", "disputed", "taken", "address in use", "unmatched", "unsure", "not looked for"];
    for name in fates.split_whitespace().chain(words).chain(more) {
        assert!(seen.get(name).is_some_and(|n| *n >= 3), "{name} hardly comes up: {seen:?}");
    }
}

/// Nothing is looked up for somebody whose account is known: the ladder is not shown, and the link is.
#[test]
fn a_linked_user_has_a_link_and_no_ladder() {
    let route = route(&[(
        "staff",
        "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n[attributes]\njobTitle = \"[jobTitle]\"",
    )]);
    let home = present("home", &[("mail", "ada@north.example"), ("jobTitle", "Dev")]);
    let case = plan::Case {
        home,
        member_of: BTreeSet::from([GROUP.to_owned()]),
        link: Some(known("account", crosstie::model::Origin::Joined)),
        account: Some(present("account", &[("jobTitle", "Lead")])),
        answers: plan::Answers::default(),
        readings: 1,
    };
    assert_eq!(plan::question(&route, &case.home, &case.member_of, case.link.as_ref(), NOW), Question::default());
    let told = explain(&route, &case, NOW);
    assert_eq!(told.account.ladder, None);
    assert_eq!((told.account.situation, told.scope[0].tables.len()), ("linked", 0));
    let title = told.attributes.iter().find(|a| a.target.as_str() == "jobTitle").expect("a mapping");
    assert_eq!((title.account.clone(), title.fate), (Some("Lead".into()), Fate::Written));
    assert_eq!(title.inputs, BTreeMap::from([("jobTitle".into(), Some("Dev".into()))]));
}

/// What `Redact` reads and gives is shown nowhere, whoever else looks at it: clauses, rungs, inputs, steps, edits, faults.
#[test]
fn hidden_values_are_hidden_in_every_part() {
    const RULES: &str = r#"
        [[scope]]
        all = [{ attribute = "employeeId", operator = "Includes", value = "-" }]
        [[match]]
        target = "employeeId"
        source = "[employeeId]"
        [attributes]
        employeeId = 'Redact(Join("/", ToLower([employeeId]), "x"))'
        jobTitle = 'IIF(IsPresent([employeeId]), [jobTitle], "none")'
        mail = 'Redact([mail])'
    "#;
    let home = present("home", &[("employeeId", "CANARY-1"), ("jobTitle", "Dev"), ("mail", "canary-2@north.example")]);
    let account = present("account", &[("employeeId", "canary-3"), ("jobTitle", "Lead"), ("mail", "Canary-4")]);
    let link = || Some(known("account", crosstie::model::Origin::Provisioned));
    let broken = RULES.replace("Redact(Join(\"/\", ToLower([employeeId]), \"x\"))", "Redact(CDate([employeeId]))");
    for (rules, link, hidden) in [(RULES, link(), 9), (RULES, None, 9), (broken.as_str(), link(), 5)] {
        let route = route(&[("staff", rules)]);
        let case = plan::Case {
            home: home.clone(),
            member_of: BTreeSet::new(),
            account: link.as_ref().map(|_| account.clone()),
            link,
            answers: plan::Answers::default(),
            readings: 1,
        };
        let told = serde_json::to_string_pretty(&explain(&route, &case, NOW)).expect("JSON");
        assert!(!told.to_lowercase().contains("canary"), "{told}");
        assert!(told.matches("[Redacted]").count() >= hidden, "{told}");
        assert!(told.contains("\"Dev\""), "what is not hidden is shown: {told}");
    }
}

/// An address that is invited is made from the home's mail, and is the account's: hidden where either is.
#[test]
fn an_address_is_hidden_where_a_mail_is() {
    let address = |rules: &str| {
        let home = present("home", &[("mail", "ada@north.example"), ("employeeId", "7")]);
        let (link, account, answers) = (None, None, plan::Answers::default());
        let case = plan::Case { home, member_of: BTreeSet::new(), link, account, answers, readings: 1 };
        let told = explain(&route(&[("staff", &format!("[attributes]\n{rules}\n"))]), &case, NOW);
        let Outcome::Change(change) = told.decision.outcome else { panic!("{:?}", told.decision) };
        (change.address, told.account.ladder.and_then(|ladder| ladder.address.value))
    };
    let shown = |address: &str| (Some(address.to_owned()), Some(address.to_owned()));
    assert_eq!(address("jobTitle = '[employeeId]'"), shown("ada@north.example"));
    assert_eq!(address("jobTitle = 'Redact([mail])'"), shown("[Redacted]"));
    assert_eq!(address("mail = 'Redact(Append([employeeId], \"@west.example\"))'"), shown("[Redacted]"));
}
