//! What takes back what was done to one account, as far as it is still as it was left?

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Action, ActionKind, Attribute, Attributes, Change, Edit, Edits, Link, ObjectId, Observed, Person, Presence,
    REDACTED, RouteName, Value, Why, same_value,
};

/// One write that was made, by the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// As part of which change.
    pub action: ActionKind,
    /// On which account.
    pub account: Option<ObjectId>,
    /// Before and after.
    pub edits: BTreeMap<Attribute, (Option<Value>, Option<Value>)>,
    /// Whose rule set asked for it.
    pub rules: String,
}

/// The way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inverse {
    /// In the order in which they have to be made.
    pub changes: Vec<Change>,
    /// What stays as it is, each with the reason.
    pub left: Vec<(ActionKind, String)>,
}

/// What a run did to one account, taken together.
#[derive(Default)]
struct Sum {
    made: bool,
    deleted: bool,
    restored: bool,
    /// What each attribute had first, and has had last.
    edits: BTreeMap<Attribute, (Option<Value>, Option<Value>)>,
}

impl Sum {
    fn of(done: &[&Done]) -> Self {
        let mut sum = Sum::default();
        for write in done {
            match write.action {
                ActionKind::Provision => sum.made = true,
                ActionKind::Delete => (sum.deleted, sum.restored) = (!sum.restored, false),
                ActionKind::Restore => (sum.restored, sum.deleted) = (!sum.deleted, false),
                _ => {}
            }
            for (attribute, (before, after)) in &write.edits {
                let known = sum.edits.entry(attribute.clone()).or_insert((before.clone(), None));
                known.1.clone_from(after);
            }
        }
        sum
    }
}

/// The way back for one person on one route. `done` is what one run did, in its order; `account` is what the link leads to,
/// as it was read last.
pub fn inverse(
    route: &RouteName,
    home: &Person,
    done: &[Done],
    link: Option<&Link>,
    account: Option<&Observed>,
) -> Inverse {
    let mut inverse = Inverse::default();
    let Some(first) = done.iter().find(|write| write.action != ActionKind::Unlink) else {
        inverse
            .left
            .push((ActionKind::Unlink, "nothing was written; who is in scope is linked again anyway".to_owned()));
        return inverse;
    };
    let linked = link.and_then(Link::account);
    let writes: Vec<&Done> = done.iter().filter(|w| w.account.is_some() && w.account.as_ref() == linked).collect();
    let (Some(account), false) = (account, writes.is_empty()) else {
        inverse.left.push((first.action, "the account is not tied to the person any more".to_owned()));
        return inverse;
    };
    let (sum, object) = (Sum::of(&writes), account.object.clone());
    let rules = writes.last().map(|write| write.rules.clone()).unwrap_or_default();
    let mut add = |action: Action, before: Attributes| {
        let (route, home, rules) = (route.clone(), home.clone(), rules.clone());
        inverse.changes.push(Change { route, home, action, before, why: Why::Undo, rules, redacted: BTreeSet::new() });
    };
    let stands = account.presence == Presence::Present;
    if sum.made || sum.restored {
        // It was not there before.
        match stands {
            true => add(Action::Delete { account: object }, Attributes::new()),
            false => inverse.left.push((first.action, "the account is gone already".to_owned())),
        }
        return inverse;
    }
    match account.presence {
        Presence::Present => {}
        Presence::SoftDeleted if sum.deleted => add(Action::Restore { account: object.clone() }, Attributes::new()),
        Presence::SoftDeleted => {
            inverse.left.push((first.action, "the account was deleted since".to_owned()));
            return inverse;
        }
        Presence::Gone => {
            inverse.left.push((first.action, "the account is gone for good, and cannot be restored".to_owned()));
            return inverse;
        }
    }
    let (edits, before, blocked) = put_back(&sum, account, &mut inverse.left);
    let enabled =
        |value: bool| Attributes::from_iter([(Attribute::from(Attribute::ACCOUNT_ENABLED), Value::Bool(value))]);
    match blocked {
        Some(true) => add(Action::Disable { account: object.clone() }, enabled(true)),
        Some(false) => add(Action::Enable { account: object.clone() }, enabled(false)),
        None => {}
    }
    if !edits.is_empty() {
        add(Action::Update { account: object, edits }, before);
    }
    inverse
}

/// Attributes that still have what the run gave them get back what they had; also, whether the account is to be blocked
/// (`Some(true)`) or unblocked.
fn put_back(sum: &Sum, account: &Observed, left: &mut Vec<(ActionKind, String)>) -> (Edits, Attributes, Option<bool>) {
    let (mut edits, mut before, mut blocked) = (Edits::new(), Attributes::new(), None);
    let hidden = |value: &Option<Value>| value.as_ref().and_then(Value::as_text) == Some(REDACTED);
    for (attribute, (first, last)) in &sum.edits {
        if hidden(first) || hidden(last) {
            left.push((ActionKind::Update, format!("{attribute}: its values are not in the log")));
            continue;
        }
        let now = account.attributes.get(attribute);
        if same_value(first.as_ref(), last.as_ref()) || same_value(now, first.as_ref()) {
            continue;
        }
        if !same_value(now, last.as_ref()) {
            left.push((ActionKind::Update, format!("{attribute} was changed since")));
            continue;
        }
        if attribute.as_str() == Attribute::ACCOUNT_ENABLED {
            blocked = Some(first.as_ref() == Some(&Value::Bool(false)));
            continue;
        }
        edits.insert(attribute.clone(), first.clone().map_or(Edit::Clear, Edit::Set));
        if let Some(now) = now {
            before.insert(attribute.clone(), now.clone());
        }
    }
    (edits, before, blocked)
}
