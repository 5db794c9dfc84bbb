//! Does it come to rest? Planning, applying and planning again ends, and stays at its end.

use crosstie::model::{Action, ActionKind, Presence, Standing};
use crosstie::plan::Decision;
use proptest::prelude::*;

use super::interpreter::Stage;
use super::world::{NOW, scenes};

/// Unlink, provision, enable, update; one more for an update that had to wait for a restore.
const CHANGES_MAX: usize = 5;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn applying_and_planning_again_comes_to_rest(scene in scenes()) {
        let mut stage = Stage::new(scene, NOW);
        let (actions, last) = stage.run();
        prop_assert!(actions.len() <= CHANGES_MAX, "{:#?}", actions);
        let kinds: Vec<ActionKind> = actions.iter().map(Action::kind).collect();
        for pair in kinds.windows(2) {
            prop_assert!(pair[0] != pair[1], "the same twice in a row: {:?}", kinds);
        }
        let again = stage.consider();
        prop_assert_eq!(format!("{:?}", again.decision), format!("{last:?}"));
        prop_assert!(again.link.is_none(), "there is always more to remember: {:?}", again.link);
        // A person has at most one account that stands and is ours, and whoever is settled in scope has one.
        let invited = stage.tenant.iter().filter(|a| a.account.object.as_str().starts_with("invited"));
        prop_assert!(invited.count() <= 1);
        if let Decision::Waiting(until) = last {
            prop_assert!(until > NOW);
            stage.now = until;
            let (actions, _) = stage.run();
            prop_assert_eq!(actions.iter().map(Action::kind).collect::<Vec<_>>(), [ActionKind::Delete]);
        }
    }

    /// Bystanders' accounts are as they were, whatever happens to the person's own.
    #[test]
    fn bystanders_stay_as_they_are(scene in scenes()) {
        let mut stage = Stage::new(scene, NOW);
        let before = stage.tenant.clone();
        let own = |s: &Stage| s.case.link.as_ref().and_then(|l| l.account()).cloned();
        let first = own(&stage);
        let (_, _) = stage.run();
        let last = own(&stage);
        for (was, is) in before.iter().zip(&stage.tenant) {
            let id = Some(&was.account.object);
            let bystander = was.taken || was.account.standing() == Standing::Native && id != first.as_ref();
            if bystander || (id != first.as_ref() && id != last.as_ref()) {
                prop_assert_eq!(&was.account, &is.account);
            }
        }
    }

    /// Somebody who leaves and comes back has the same account, standing, and no block of ours on it.
    #[test]
    fn whoever_returns_finds_the_account_again(scene in scenes()) {
        let mut stage = Stage::new(scene, NOW);
        let home = stage.case.home.clone();
        stage.run();
        let there = stage.case.account.as_ref().is_some_and(|a| a.presence != Presence::Gone);
        let Some(account) = stage.case.link.as_ref().and_then(|l| l.account()).cloned() else { return Ok(()) };
        if !there || home.presence == Presence::Gone {
            return Ok(());
        }
        stage.case.home.presence = Presence::SoftDeleted;
        stage.run();
        stage.case.home = home.clone();
        stage.run();
        let link = stage.case.link.as_ref();
        let stays = link.and_then(|l| l.account()).cloned();
        prop_assert_eq!(stays, Some(account.clone()));
        // At rest again as before: leaving and returning is no change.
        prop_assert!(!matches!(stage.consider().decision, Decision::Do(_)));
    }
}
