//! Which single writes make up a change, and what does each one's answer teach us?

use std::collections::{BTreeMap, VecDeque};

use crate::model::{
    Action, ActionKind, Asked, Attribute, Attributes, Change, DeltaItem, Edit, Edits, Link, News, ObjectId, Origin,
    Removal, Tie, Timestamp, Value,
};
use crate::ports::{Invitation, Write, Written};
use crate::rules::properties::is_sensitive;
use crate::store::{Ask, AskKind, LinkChange};

/// One write of a change: one request, one permit, one entry of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// `None`: only the link changes.
    pub(super) write: Option<Write>,
    /// What it writes.
    pub(super) edits: Edits,
}

impl Step {
    pub(super) fn kind(&self) -> AskKind {
        match &self.write {
            None => AskKind::None,
            Some(Write::Invite(_)) => AskKind::Invite,
            Some(Write::Patch { .. }) => AskKind::Patch,
            Some(Write::SetManager { .. }) => AskKind::Manager,
            Some(Write::Delete { .. }) => AskKind::Delete,
            Some(Write::Restore { .. }) => AskKind::Restore,
        }
    }
    /// The step in two, where it mixes sensitive properties with others: when a write that holds some is denied, the
    /// others are written without them.
    pub(super) fn split(&self) -> Option<[Step; 2]> {
        let Some(Write::Patch { account, .. }) = &self.write else { return None };
        let part = |wanted: bool| -> Edits {
            let edits = self.edits.iter().filter(|(a, _)| is_sensitive(a) == wanted);
            edits.map(|(a, e)| (a.clone(), e.clone())).collect()
        };
        let (plain, delicate) = (part(false), part(true));
        (!plain.is_empty() && !delicate.is_empty()).then(|| [patch(account, plain), patch(account, delicate)])
    }
}

fn patch(account: &ObjectId, edits: Edits) -> Step {
    Step { write: Some(Write::Patch { account: account.clone(), edits: edits.clone() }), edits }
}

fn enabled(account: &ObjectId, value: bool) -> Step {
    let edit = Edit::Set(Value::Bool(value));
    patch(account, Edits::from_iter([(Attribute::from(Attribute::ACCOUNT_ENABLED), edit)]))
}

/// Which the first of [`steps`] is, without making them.
pub(super) fn first_kind(change: &Change) -> AskKind {
    match &change.action {
        Action::Provision { .. } => AskKind::Invite,
        Action::Join { edits, .. } | Action::Update { edits, .. } => match edits.keys().find(|a| !a.is_reference()) {
            Some(_) => AskKind::Patch,
            None if edits.is_empty() => AskKind::None,
            None => AskKind::Manager,
        },
        Action::Disable { .. } | Action::Enable { .. } => AskKind::Patch,
        Action::Restore { .. } => AskKind::Restore,
        Action::Delete { .. } => AskKind::Delete,
        Action::Unlink => AskKind::None,
    }
}

/// The writes of a change, in order; there is at least one step.
pub(super) fn steps(change: &Change) -> VecDeque<Step> {
    let bare = |write| VecDeque::from([Step { write: Some(write), edits: Edits::new() }]);
    match &change.action {
        Action::Provision { address, wanted } => {
            let text = |name: &str| wanted.get(name).and_then(Value::as_text).map(str::to_owned);
            let user_type = text(Attribute::USER_TYPE).unwrap_or_else(|| "Guest".to_owned());
            let display_name = text(Attribute::DISPLAY_NAME);
            let mut edits = Edits::from_iter([
                (Attribute::from(Attribute::MAIL), Edit::Set(Value::from(address.as_str()))),
                (Attribute::from(Attribute::USER_TYPE), Edit::Set(Value::from(user_type.as_str()))),
            ]);
            if let Some(name) = &display_name {
                edits.insert(Attribute::from(Attribute::DISPLAY_NAME), Edit::Set(Value::from(name.as_str())));
            }
            let invitation = Invitation { address: address.clone(), display_name, user_type };
            VecDeque::from([Step { write: Some(Write::Invite(invitation)), edits }])
        }
        Action::Join { account, edits, .. } | Action::Update { account, edits } => {
            let mut steps = written(account, edits);
            if steps.is_empty() {
                steps.push_back(Step { write: None, edits: Edits::new() });
            }
            steps
        }
        Action::Disable { account } => VecDeque::from([enabled(account, false)]),
        Action::Enable { account } => VecDeque::from([enabled(account, true)]),
        Action::Restore { account } => bare(Write::Restore { account: account.clone() }),
        Action::Delete { account } => bare(Write::Delete { account: account.clone() }),
        Action::Unlink => VecDeque::from([Step { write: None, edits: Edits::new() }]),
    }
}

fn written(account: &ObjectId, edits: &Edits) -> VecDeque<Step> {
    let (references, plain): (Edits, Edits) =
        edits.iter().map(|(a, e)| (a.clone(), e.clone())).partition(|(a, _)| a.is_reference());
    let mut steps = VecDeque::new();
    if !plain.is_empty() {
        steps.push_back(patch(account, plain));
    }
    for (attribute, edit) in references {
        let manager = edit.value().and_then(Value::as_text).map(ObjectId::from);
        let write = Write::SetManager { account: account.clone(), manager };
        steps.push_back(Step { write: Some(write), edits: Edits::from_iter([(attribute, edit)]) });
    }
    steps
}

/// Before and after of what a step writes, for its entry.
pub(super) fn shown(change: &Change, step: &Step) -> BTreeMap<Attribute, (Option<Value>, Option<Value>)> {
    let pair = |(a, e): (&Attribute, &Edit)| (a.clone(), (change.before.get(a).cloned(), e.value().cloned()));
    step.edits.iter().map(pair).collect()
}

/// The link from before an invitation leaves until it is answered.
pub(super) fn asked_link(ask: &Ask, before: Option<&Link>, readings: u64) -> LinkChange {
    if ask.kind != AskKind::Invite {
        return LinkChange::Same;
    }
    let asked = Asked { address: ask.address.clone().unwrap_or_default(), at: ask.at, reading: readings };
    let fresh = fresh_link(ask, Tie::Asked(asked.clone()), ask.at);
    LinkChange::Set(Link { tie: Tie::Asked(asked), ..before.cloned().unwrap_or(fresh) })
}

fn fresh_link(ask: &Ask, tie: Tie, at: Timestamp) -> Link {
    Link {
        route: ask.route(),
        home: ask.home.id.clone(),
        tie,
        rules: ask.rules.clone(),
        initialised: false,
        disabled_by_us: false,
        leaving_since: None,
        baseline: Attributes::new(),
        since: at,
    }
}

/// The link after a write that the tenant confirmed.
pub(super) fn applied_link(ask: &Ask, before: Option<&Link>, account: Option<&ObjectId>, at: Timestamp) -> LinkChange {
    let blocks = ask.edits.get(Attribute::ACCOUNT_ENABLED).and_then(|(_, after)| after.clone());
    let known = |origin| {
        let tie = Tie::Known { account: account.cloned()?, origin };
        let link = fresh_link(ask, tie, at);
        let blocked = blocks == Some(Value::Bool(false));
        Some(Link { initialised: origin == Origin::Joined, disabled_by_us: blocked, ..link })
    };
    let set = |link: Option<Link>| link.map_or(LinkChange::Same, LinkChange::Set);
    let with_block = |by_us| before.map(|l| Link { disabled_by_us: by_us, ..l.clone() });
    match (ask.action, before.map(|l| &l.tie)) {
        (ActionKind::Provision, _) => set(known(Origin::Provisioned)),
        (ActionKind::Unlink, _) => LinkChange::Remove,
        (ActionKind::Join, None | Some(Tie::Asked(_))) => set(known(ask.origin.unwrap_or(Origin::Joined))),
        _ => match blocks {
            Some(Value::Bool(false)) => set(with_block(true)),
            Some(Value::Bool(true)) => set(with_block(false)),
            _ => LinkChange::Same,
        },
    }
}

/// The link after a write that the tenant refused: an invitation that is known not to have happened leaves no tie, but an
/// earlier one that was never answered stays an open question.
pub(super) fn refused_link(ask: &Ask, asked_before: Option<&Asked>, now: Option<&Link>) -> LinkChange {
    match (ask.kind, asked_before, now) {
        (AskKind::Invite, Some(asked), Some(link)) => {
            LinkChange::Set(Link { tie: Tie::Asked(asked.clone()), ..link.clone() })
        }
        (AskKind::Invite, _, _) => LinkChange::Remove,
        _ => LinkChange::Same,
    }
}

/// It gives the account a manager (and does not take one away).
pub(super) fn sets_manager(ask: &Ask) -> bool {
    ask.kind == AskKind::Manager && ask.edits.values().any(|(_, after)| after.is_some())
}

/// What a confirmed write teaches us of the account.
pub(super) fn learned(ask: &Ask, written: &Written) -> Option<DeltaItem> {
    let item = |object: ObjectId, news| Some(DeltaItem { object, news });
    match (written, ask.kind) {
        (Written::Invited(invited), _) => item(invited.account.clone(), News::Seen(invited.learned.clone())),
        (Written::Done, AskKind::Delete) => item(ask.account.clone()?, News::Removed(Removal::Soft)),
        (Written::Done, AskKind::None) => None,
        (Written::Done, _) => {
            let edit = |(a, (_, after)): (&Attribute, &(Option<Value>, Option<Value>))| {
                (a.clone(), after.clone().map_or(Edit::Clear, Edit::Set))
            };
            item(ask.account.clone()?, News::Seen(ask.edits.iter().map(edit).collect()))
        }
    }
}
