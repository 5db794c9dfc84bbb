//! What does the planner never do, whatever the case?

use std::collections::BTreeMap;
use std::sync::Arc;

use crosstie::model::{
    Action, Attribute, Attributes, Change, Edit, Edits, Observed, Presence, Standing, Tie, Value, same_value,
};
use crosstie::plan::{self, Answer, Decision};
use crosstie::rules::properties::is_clearable;
use crosstie::rules::{Apply, LeaverAction, RuleSet, WhenEmpty};
use proptest::prelude::*;

use super::world::{DAY, NOW, Scene, scenes};

/// Would any rule set take the person, blocked or not?
fn taken_by_some_rule(scene: &Scene) -> bool {
    let mut unblocked = scene.case.home.attributes.clone();
    if !scene.case.home.is_enabled() {
        unblocked.insert("accountEnabled".into(), Value::Bool(true));
    }
    let takes =
        |user: &Attributes| scene.route.rules.iter().any(|r| r.in_scope(user, |g| scene.case.member_of.contains(g)));
    takes(&unblocked) || takes(&scene.case.home.attributes)
}

fn written(action: &Action) -> Edits {
    match action {
        Action::Join { edits, .. } | Action::Update { edits, .. } => edits.clone(),
        _ => Edits::new(),
    }
}

fn rules_of<'a>(scene: &'a Scene, change: &Change) -> &'a Arc<RuleSet> {
    scene.route.rules.iter().find(|r| r.name == change.rules).expect("a change names a rule set of its route")
}

/// Is the account to be treated as one that is still being made?
fn being_made(scene: &Scene, action: &Action) -> bool {
    let link = scene.case.link.as_ref();
    match action {
        Action::Join { account, .. } => {
            let invited = |a: &Answer| a.account.object == *account;
            link.is_some_and(|l| matches!(l.tie, Tie::Asked(_))) && scene.case.answers.address.iter().any(invited)
        }
        _ => link.is_some_and(|l| !l.initialised),
    }
}

/// Only an account that is ours, or an external one that nobody has, is ever touched.
fn touches_only_what_is_ours(scene: &Scene, change: &Change) {
    let case = &scene.case;
    let linked = case.link.as_ref().and_then(|l| l.account());
    match &change.action {
        Action::Provision { address, wanted } => {
            assert!(linked.is_none(), "two accounts for one person");
            assert!(!address.trim().is_empty() && wanted.values().all(|v| !v.is_empty()));
            let holds = case.answers.address.iter().chain(case.answers.rungs.iter().flatten());
            assert!(holds.clone().all(|a| a.account.standing() == Standing::Native), "an account answers already");
            assert!(case.answers.address.is_empty(), "the address is held already");
        }
        Action::Join { account, .. } => {
            assert!(linked.is_none());
            let answers: Vec<&Answer> = case.answers.rungs.iter().flatten().chain(&case.answers.address).collect();
            let found = answers.iter().find(|a| a.account.object == *account).expect("it answers");
            assert_eq!(found.account.standing(), Standing::External, "a native account is joined");
            assert!(!found.taken, "another's account is joined");
        }
        Action::Unlink => assert!(case.link.is_some()),
        action => assert_eq!(action.account(), linked, "an account that is not ours"),
    }
    let lost = case.account.as_ref().filter(|a| a.presence != Presence::Present);
    if lost.is_some() {
        assert!(matches!(change.action, Action::Restore { .. } | Action::Unlink), "{:?}", change.action);
    }
}

fn edits_are_lawful(scene: &Scene, change: &Change, account: Option<&Observed>) {
    let rules = rules_of(scene, change);
    let initialised = !being_made(scene, &change.action);
    let unmapped = Attribute::from(Attribute::USER_TYPE);
    for (attribute, edit) in written(&change.action) {
        let mapping = rules.attributes.get(&attribute);
        assert!(mapping.is_some() || attribute == unmapped, "{attribute} is nobody's business");
        let create = mapping.map_or(attribute == unmapped, |m| m.apply == Apply::Create);
        assert!(!(create && initialised), "{attribute} is for new accounts only");
        assert_ne!((attribute.as_str(), &edit), (Attribute::ACCOUNT_ENABLED, &Edit::Set(Value::Bool(true))));
        if edit == Edit::Clear {
            assert!(is_clearable(&attribute), "{attribute} cannot be cleared");
            assert!(mapping.is_some_and(|m| m.when_empty == WhenEmpty::Clear), "{attribute} is kept");
        }
        let had = account.and_then(|a| a.attributes.get(&attribute));
        assert!(!same_value(had, edit.value()), "{attribute} has that value already");
        assert_eq!(change.before.get(&attribute), had, "{attribute}");
        let link = scene.case.link.as_ref().filter(|l| l.initialised && l.account().is_some());
        if let (Some(link), Some(Apply::OnChange)) = (link, mapping.map(|m| m.apply)) {
            assert!(
                !same_value(edit.value(), link.baseline.get(&attribute)),
                "{attribute}: a local edit is overwritten"
            );
        }
    }
}

/// A leaver's account is treated as the rules say, and never before its time.
fn leavers_are_lawful(scene: &Scene, change: &Change) {
    let rules = rules_of(scene, change);
    let home = &scene.case.home;
    let removed = home.presence != Presence::Present;
    let action = match (removed, taken_by_some_rule(scene)) {
        (true, _) => rules.leavers.deleted,
        (false, false) => rules.leavers.out_of_scope,
        (false, true) => rules.leavers.disabled,
    };
    let link = scene.case.link.as_ref();
    match &change.action {
        Action::Delete { .. } => {
            assert_eq!(action, LeaverAction::Delete);
            let days = u64::from(rules.leavers.grace_days);
            let since = link.and_then(|l| l.leaving_since);
            assert!(days == 0 || since.is_some_and(|s| NOW.0 >= s.0 + days * DAY), "too early");
        }
        Action::Disable { .. } => {
            assert!(
                action == LeaverAction::Disable || (action == LeaverAction::Delete && rules.leavers.grace_days > 0)
            );
        }
        Action::Enable { .. } => {
            assert!(link.is_some_and(|l| l.disabled_by_us), "a block of the target's own admin is lifted");
            assert!(home.is_enabled() && !removed, "somebody who is blocked at home is let in");
        }
        _ => return,
    }
    if !matches!(change.action, Action::Enable { .. }) {
        assert!(removed || !home.is_enabled() || !taken_by_some_rule(scene), "somebody in scope is sent away");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_law_is_broken_in_any_case(scene in scenes()) {
        let considered = plan::consider(&scene.route, &scene.case, NOW);
        let again = plan::consider(&scene.route, &scene.case, NOW);
        prop_assert_eq!(format!("{considered:?}"), format!("{again:?}"), "the same case, another decision");
        let case = &scene.case;
        if let Some(link) = &considered.link {
            let before = case.link.as_ref().expect("nothing is remembered of nobody");
            prop_assert_eq!((&link.tie, &link.home, &link.route), (&before.tie, &before.home, &before.route));
            prop_assert_ne!(link, before);
            prop_assert!(link.initialised || !before.initialised);
            prop_assert!(!link.disabled_by_us || before.disabled_by_us, "considering blocks nobody");
        }
        let mut known_in_part = case.home.clone();
        let needed = plan::wanting_hangs_on(&scene.route);
        known_in_part.attributes.retain(|attribute, _| needed.contains(attribute));
        let wanted = |home| plan::wants_account(&scene.route, home, &case.member_of);
        prop_assert_eq!(wanted(&known_in_part), wanted(&case.home), "it hangs on more than {:?}", needed);
        if case.link.is_none() && !plan::wants_account(&scene.route, &case.home, &case.member_of) {
            let is_settled = matches!(considered.decision, Decision::Settled) && considered.link.is_none();
            prop_assert!(is_settled, "nobody would consider this person: {:?}", considered.decision);
            let asked = plan::question(&scene.route, &case.home, &case.member_of, None, NOW);
            prop_assert_eq!(asked, plan::Question::default());
        }
        let Decision::Do(change) = considered.decision else { return Ok(()) };
        prop_assert_eq!(case.home.standing(), Standing::Native, "an external user is exported");
        let ours = case.link.is_some();
        let leaves = case.home.presence != Presence::Present || !taken_by_some_rule(&scene);
        prop_assert!(ours || !leaves, "out of scope and not ours");
        let unread = |l: &crosstie::model::Link| matches!(&l.tie, Tie::Asked(a) if a.reading >= case.readings);
        prop_assert!(!case.link.as_ref().is_some_and(unread), "guessed before the target was read");
        touches_only_what_is_ours(&scene, &change);
        let answers = case.answers.rungs.iter().flatten().chain(&case.answers.address).map(|a| &a.account);
        let mut accounts = case.account.iter().chain(answers);
        let account = accounts.find(|a| Some(&a.object) == change.action.account());
        edits_are_lawful(&scene, &change, account);
        leavers_are_lawful(&scene, &change);
    }

    /// Nothing is looked up for somebody whose account is known, and nothing but references for anybody settled.
    #[test]
    fn linked_users_ask_for_no_candidates(scene in scenes()) {
        let case = &scene.case;
        let question = plan::question(&scene.route, &case.home, &case.member_of, case.link.as_ref(), NOW);
        if case.link.as_ref().is_some_and(|l| l.account().is_some()) {
            prop_assert!(question.rungs.is_empty() && question.address.is_none());
        }
        if case.home.standing() == Standing::External || (case.link.is_none() && !taken_by_some_rule(&scene)) {
            prop_assert_eq!(question, plan::Question::default());
        }
    }
}

/// The generator reaches every kind of decision: a law that is never tried proves nothing.
#[test]
fn every_kind_of_decision_comes_up() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..2_500 {
        let scene = scenes().new_tree(&mut runner).expect("a scene").current();
        let name = match plan::consider(&scene.route, &scene.case, NOW).decision {
            Decision::Do(change) => change.action.kind().to_string(),
            Decision::Hold(hold) => format!("{hold:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
            Decision::Settled => "settled".to_owned(),
            Decision::Waiting(_) => "waiting".to_owned(),
        };
        *seen.entry(name).or_default() += 1;
    }
    let all = "provision join update restore disable enable delete unlink settled waiting Disputed Taken AddressInUse \
         AwaitingReading Unmappable";
    for name in all.split_whitespace() {
        assert!(seen.get(name).is_some_and(|n| *n >= 3), "{name} hardly comes up: {seen:?}");
    }
}
