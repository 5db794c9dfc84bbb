//! Does the way back lead to where it began, and nowhere else?

use crosstie::model::{
    Action, ActionKind, Attribute, Attributes, Edit, Link, ObjectId, Observed, Origin, Person, Presence, Tie,
    Timestamp, Value,
};
use crosstie::plan::{Done, Inverse, inverse};
use proptest::prelude::*;
use proptest::sample::select;

use super::world::route_name;

const NAMES: [&str; 2] = ["jobTitle", "department"];

fn person() -> Person {
    Person { id: "ada".into(), user_principal_name: "ada@north.example".to_owned() }
}
fn link(account: &str) -> Link {
    Link {
        route: route_name(),
        home: "ada".into(),
        tie: Tie::Known { account: account.into(), origin: Origin::Provisioned },
        rules: "staff".to_owned(),
        initialised: true,
        disabled_by_us: false,
        leaving_since: None,
        baseline: Attributes::new(),
        since: Timestamp(0),
    }
}
fn observed(presence: Presence, attributes: &Attributes) -> Observed {
    Observed { object: "a".into(), presence, attributes: attributes.clone() }
}
fn done(action: ActionKind, edits: &[(&str, Option<Value>, Option<Value>)]) -> Done {
    let edits = edits.iter().map(|(a, before, after)| (Attribute::from(*a), (before.clone(), after.clone()))).collect();
    Done { action, account: Some(ObjectId::from("a")), edits, rules: "staff".to_owned() }
}
fn back(done: &[Done], presence: Presence, attributes: &Attributes) -> Inverse {
    inverse(&route_name(), &person(), done, Some(&link("a")), Some(&observed(presence, attributes)))
}

/// The state of an account: values, whether it may sign in, whether it stands.
#[derive(Clone, Debug, PartialEq)]
struct Account {
    attributes: Attributes,
    stands: bool,
}
impl Account {
    fn set(&mut self, name: &str, value: Option<Value>) {
        let name = Attribute::from(name);
        match value {
            Some(value) => drop(self.attributes.insert(name, value)),
            None => drop(self.attributes.remove(&name)),
        }
    }
    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Update { edits, .. } => {
                for (name, edit) in edits {
                    assert!(self.stands, "nobody writes what is deleted");
                    self.set(
                        name.as_str(),
                        match edit {
                            Edit::Set(value) => Some(value.clone()),
                            Edit::Clear => None,
                        },
                    );
                }
            }
            Action::Enable { .. } => self.set("accountEnabled", Some(Value::Bool(true))),
            Action::Disable { .. } => self.set("accountEnabled", Some(Value::Bool(false))),
            Action::Delete { .. } => self.stands = false,
            Action::Restore { .. } => self.stands = true,
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    /// Whatever one run did to an account, the inverse brings back what was before.
    #[test]
    fn the_inverse_leads_back(moves in proptest::collection::vec((select(vec!["title", "department", "block", "life"]), select(vec![None, Some("x"), Some("y")])), 1..7), enabled in any::<bool>()) {
        let enabled = Attributes::from_iter([(Attribute::from("accountEnabled"), Value::Bool(enabled))]);
        let first = Account { attributes: enabled, stands: true };
        let (mut account, mut made) = (first.clone(), Vec::new());
        for (what, value) in moves {
            let get = |account: &Account, name: &str| account.attributes.get(name).cloned();
            match what {
                "life" => {
                    account.stands = !account.stands;
                    made.push(done(if account.stands { ActionKind::Restore } else { ActionKind::Delete }, &[]));
                }
                _ if !account.stands => {}
                "block" => {
                    let before = get(&account, "accountEnabled");
                    let after = Some(Value::Bool(before == Some(Value::Bool(false))));
                    account.set("accountEnabled", after.clone());
                    let kind = if after == Some(Value::Bool(true)) { ActionKind::Enable } else { ActionKind::Disable };
                    made.push(done(kind, &[("accountEnabled", before, after)]));
                }
                what => {
                    let name = NAMES[usize::from(what == "department")];
                    let (before, after) = (get(&account, name), value.map(Value::from));
                    account.set(name, after.clone());
                    made.push(done(ActionKind::Update, &[(name, before, after)]));
                }
            }
        }
        prop_assume!(!made.is_empty());
        let presence = if account.stands { Presence::Present } else { Presence::SoftDeleted };
        let inverse = back(&made, presence, &account.attributes);
        prop_assert!(inverse.left.is_empty(), "{:?}", inverse.left);
        inverse.changes.iter().for_each(|change| account.carry_out(&change.action));
        prop_assert_eq!(account, first);
    }
}

#[test]
fn what_somebody_has_changed_since_stays() {
    let text = |t: &str| Some(Value::from(t));
    let made = [done(ActionKind::Update, &[("jobTitle", text("a"), text("b")), ("department", text("c"), text("d"))])];
    let now = Attributes::from_iter([
        (Attribute::from("jobTitle"), Value::from("local")),
        (Attribute::from("department"), Value::from("d")),
    ]);
    let inverse = back(&made, Presence::Present, &now);
    let [change] = inverse.changes.as_slice() else { panic!("{inverse:?}") };
    let edits: Vec<_> = change.edits().into_iter().map(|(a, pair)| (a.to_string(), pair)).collect();
    assert_eq!(edits, [("department".to_owned(), (text("d"), text("c")))]);
    assert_eq!(inverse.left, [(ActionKind::Update, "jobTitle was changed since".to_owned())]);
}

/// Nothing is said of what is as it was, whoever brought it back, and a value is guessed from neither side of a hidden one.
#[test]
fn what_is_as_it_was_needs_no_way_back() {
    let (text, hidden) = (|t: &str| Some(Value::from(t)), Some(Value::from(crosstie::model::REDACTED)));
    let title = |first: Option<Value>, last: Option<Value>, now: &str| {
        let now = Attributes::from_iter([(Attribute::from("jobTitle"), Value::from(now))]);
        let inverse = back(&[done(ActionKind::Update, &[("jobTitle", first, last)])], Presence::Present, &now);
        (inverse.changes.len(), inverse.left.into_iter().map(|(_, why)| why).collect::<Vec<_>>())
    };
    assert_eq!(title(text("a"), text("b"), "b"), (1, vec![]));
    assert_eq!(title(text("a"), text("b"), "a"), (0, vec![]), "put back by somebody");
    assert_eq!(title(text("a"), text("a"), "b"), (0, vec![]), "the run left it as it was");
    let unknown = || vec!["jobTitle: its values are not in the log".to_owned()];
    assert_eq!(title(hidden.clone(), text("b"), "b"), (0, unknown()));
    assert_eq!(title(text("a"), hidden, "b"), (0, unknown()));
}

#[test]
fn who_was_deleted_since_stays_deleted_and_who_was_restored_is_deleted_again() {
    let kinds = |inverse: &Inverse| inverse.changes.iter().map(|c| c.action.kind()).collect::<Vec<_>>();
    let written = [done(ActionKind::Update, &[("jobTitle", None, Some(Value::from("b")))])];
    let since = back(&written, Presence::SoftDeleted, &Attributes::new());
    assert_eq!(
        (kinds(&since), since.left),
        (vec![], vec![(ActionKind::Update, "the account was deleted since".to_owned())])
    );
    let restored = back(&[done(ActionKind::Restore, &[])], Presence::Present, &Attributes::new());
    assert_eq!((kinds(&restored), restored.left), (vec![ActionKind::Delete], vec![]));
}

#[test]
fn an_account_of_nobody_or_of_somebody_else_is_left_alone() {
    let made = [done(ActionKind::Delete, &[])];
    let account = observed(Presence::SoftDeleted, &Attributes::new());
    for (link, account) in [(None, Some(&account)), (Some(link("other")), Some(&account)), (Some(link("a")), None)] {
        let inverse = inverse(&route_name(), &person(), &made, link.as_ref(), account);
        assert!(inverse.changes.is_empty() && inverse.left.len() == 1, "{inverse:?}");
    }
    let gone = back(&made, Presence::Gone, &Attributes::new());
    assert!(gone.changes.is_empty() && gone.left[0].1.contains("gone for good"), "{gone:?}");
}

#[test]
fn what_a_run_invited_is_deleted_and_hidden_values_are_not_guessed() {
    let made = [
        done(ActionKind::Provision, &[("mail", None, Some(Value::from("ada@north.example")))]),
        done(ActionKind::Update, &[("jobTitle", None, Some(Value::from("b")))]),
    ];
    let inverse = back(&made, Presence::Present, &Attributes::new());
    assert!(
        matches!(inverse.changes.as_slice(), [change] if change.action.kind() == ActionKind::Delete),
        "{inverse:?}"
    );
    let hidden = Some(Value::from(crosstie::model::REDACTED));
    let inverse =
        back(&[done(ActionKind::Update, &[("city", hidden.clone(), hidden)])], Presence::Present, &Attributes::new());
    assert!(inverse.changes.is_empty() && inverse.left[0].1.contains("not in the log"), "{inverse:?}");
}
