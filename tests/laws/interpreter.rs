//! What does a tenant look like after a change? A second, simple reading of what the changes mean, sharing no code with
//! the one that carries them out.

use crosstie::model::{Action, Attribute, Attributes, Edit, Edits, Link, Observed, Origin, Presence, Timestamp, Value};
use crosstie::plan::{self, Answer, Case, Considered, Decision, PlannedRoute, Resolved};

use super::world::{Scene, answer, known};

/// A home user, its link, and the accounts of the target.
pub struct Stage {
    pub route: PlannedRoute,
    pub case: Case,
    pub tenant: Vec<Answer>,
    pub boss: Resolved,
    pub now: Timestamp,
}

impl Stage {
    pub fn new(scene: Scene, now: Timestamp) -> Self {
        let Scene { route, case, .. } = scene;
        let mut tenant: Vec<Answer> = Vec::new();
        for found in case.answers.rungs.iter().flatten().chain(&case.answers.address) {
            if tenant.iter().all(|a| a.account.object != found.account.object) {
                tenant.push(found.clone());
            }
        }
        tenant.extend(case.account.iter().map(|own| Answer { account: own.clone(), taken: false }));
        let boss = case.answers.references.values().next().cloned().unwrap_or(Resolved::Nobody);
        Self { route, case, tenant, boss, now }
    }

    /// What the planner says, with what it wants remembered.
    pub fn consider(&mut self) -> Considered {
        let case = &mut self.case;
        let account = case.link.as_ref().and_then(|l| l.account()).cloned();
        case.account =
            account.and_then(|id| self.tenant.iter().find(|a| a.account.object == id)).map(|a| a.account.clone());
        let question = plan::question(&self.route, &case.home, &case.member_of, case.link.as_ref(), self.now);
        case.answers = answer(&question, &self.tenant, &self.boss);
        let considered = plan::consider(&self.route, case, self.now);
        if considered.link.is_some() {
            case.link.clone_from(&considered.link);
        }
        considered
    }

    /// Makes the change.
    pub fn apply(&mut self, action: &Action) {
        match action {
            Action::Provision { address, wanted } => self.invite(address, wanted),
            Action::Join { account, edits, origin } => {
                let link = known(account.as_str(), *origin);
                let blocked = edits.get("accountEnabled") == Some(&Edit::Set(Value::Bool(false)));
                self.case.link = Some(Link { initialised: *origin == Origin::Joined, disabled_by_us: blocked, ..link });
                self.write(account.as_str(), edits);
            }
            Action::Update { account, edits } => self.write(account.as_str(), edits),
            Action::Disable { account } => self.write(account.as_str(), &enabled(false)),
            Action::Enable { account } => self.write(account.as_str(), &enabled(true)),
            Action::Restore { account } => self.account(account.as_str()).presence = Presence::Present,
            Action::Delete { account } => self.account(account.as_str()).presence = Presence::SoftDeleted,
            Action::Unlink => self.case.link = None,
        }
    }

    fn invite(&mut self, address: &str, wanted: &Attributes) {
        let id = format!("invited{}", self.tenant.len());
        let mut attributes = Attributes::from_iter([
            ("mail".into(), Value::from(address)),
            ("userPrincipalName".into(), "ada_north.example#EXT#@south.example".into()),
            ("accountEnabled".into(), Value::Bool(true)),
            ("userType".into(), "Guest".into()),
        ]);
        for told in ["displayName", "userType"] {
            if let Some(value) = wanted.get(told) {
                attributes.insert(told.into(), value.clone());
            }
        }
        let account = Observed { object: id.as_str().into(), presence: Presence::Present, attributes };
        self.tenant.push(Answer { account, taken: false });
        self.case.link = Some(Link { initialised: false, ..known(&id, Origin::Provisioned) });
    }

    fn account(&mut self, id: &str) -> &mut Observed {
        let found = self.tenant.iter_mut().find(|a| a.account.object.as_str() == id);
        &mut found.expect("an account that stands, or stood").account
    }

    fn write(&mut self, id: &str, edits: &Edits) {
        let account = self.account(id);
        assert_eq!(account.presence, Presence::Present, "nothing is written on an account that is not there");
        for (attribute, edit) in edits {
            match edit {
                Edit::Set(value) => drop(account.attributes.insert(attribute.clone(), value.clone())),
                Edit::Clear => drop(account.attributes.remove(attribute)),
            }
        }
        if let Some(Edit::Set(Value::Bool(on))) = edits.get(Attribute::ACCOUNT_ENABLED) {
            self.case.link.as_mut().expect("a link").disabled_by_us = !on;
        }
    }

    /// Plans and applies until nothing is to be done; the actions on the way, and the last word.
    pub fn run(&mut self) -> (Vec<Action>, Decision) {
        let mut actions = Vec::new();
        loop {
            match self.consider().decision {
                Decision::Do(change) => {
                    self.apply(&change.action);
                    actions.push(change.action);
                    assert!(actions.len() < 20, "it never ends: {actions:#?}");
                }
                last => return (actions, last),
            }
        }
    }
}

fn enabled(on: bool) -> Edits {
    Edits::from_iter([(Attribute::ACCOUNT_ENABLED.into(), Edit::Set(Value::Bool(on)))])
}
