//! How is taken back what a run did?

use std::collections::{BTreeMap, VecDeque};

use super::draft::Drafting;
use super::lanes::Whose;
use super::queue::Ticket;
use super::run::Run;
use super::{Cycle, Drafted, EngineError, Readings};
use crate::model::{Change, ObjectId, Person, RouteName, RunId};
use crate::plan::{self, Changes, Done, Due, RoutePlan, Stale, Staleness, Unkept};
use crate::ports::{Clock, DirectoryRead};
use crate::store::{Filter, LogEntry};

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// The inverse of what a run did, as far as things are still as it left them. Only the target has to be known for it:
    /// what is taken back may have come of a home that cannot be read.
    pub(super) fn draft_undo(&self, readings: Readings, drafting: &Drafting<'_>) -> Result<Drafted, EngineError> {
        let mut drafted = Drafted { readings, user_known: true, ..Drafted::default() };
        let Some(run) = self.focus.undo else { return Ok(drafted) };
        let mut done: BTreeMap<RouteName, BTreeMap<ObjectId, (Person, Vec<Done>)>> = BTreeMap::new();
        let filter = Filter { run: Some(run.0), user: self.focus.user.clone(), ..Filter::default() };
        self.store.log(&filter, |entry| {
            if entry.outcome == "applied"
                && let Some(route) = RouteName::parse(&entry.route).filter(|route| drafting.only.contains(route))
            {
                let (home, what) = of_entry(entry);
                done.entry(route).or_default().entry(home.id.clone()).or_insert((home, Vec::new())).1.push(what);
            }
            true
        })?;
        for (route, people) in done {
            match drafted.readings.unread.get(&route.target).cloned() {
                Some(why) => drop(drafted.skipped.insert(route, why)),
                None => {
                    let plan = self.undo_route(run, (&route, &people), drafting, &mut drafted.stale)?;
                    drafted.plan.routes.push(plan);
                }
            }
        }
        for plan in drafted.plan.routes.iter().filter(|_| drafting.tells) {
            self.store.together(|| self.explain(plan))?;
        }
        drafted.refusals = self.refusals(&drafted.plan, &drafting.let_through())?;
        drafted.seal()?;
        Ok(drafted)
    }

    fn undo_route(
        &self,
        run: RunId,
        (route, people): (&RouteName, &BTreeMap<ObjectId, (Person, Vec<Done>)>),
        drafting: &Drafting<'_>,
        stale: &mut Vec<Stale>,
    ) -> Result<RoutePlan, EngineError> {
        let mut draft = RoutePlan {
            route: route.clone(),
            fingerprint: plan::undo_fingerprint(run),
            changes: Changes::new(route.clone(), Some(drafting.shelf.clone())),
            held: Vec::new(),
            settled: 0,
            population: self.store.population(route)?,
        };
        let ownership = self.config.route(route).map(|r| r.ownership.clone()).unwrap_or_default();
        for (home, (person, done)) in people {
            let link = self.store.link(route, home)?;
            let account = match link.as_ref().and_then(|link| link.account()) {
                Some(account) => self.store.observed(&route.target, account)?,
                None => None,
            };
            let mut undone = plan::inverse(route, person, done, link.as_ref(), account.as_ref());
            let written = done.iter().flat_map(|write| write.edits.keys().cloned()).collect();
            let basis = plan::undo_basis(account.as_ref(), link.as_ref(), &written);
            if let Some(hold) = account.as_ref().and_then(|a| plan::protected(&ownership, a)) {
                undone.left.extend(undone.changes.drain(..).map(|change| (change.action.kind(), hold.to_string())));
            }
            for change in undone.changes {
                draft.changes.push(&Due { basis: Some(basis.clone()), ..Due::from(change) })?;
            }
            let left = |(action, why): (_, String)| Stale {
                route: route.clone(),
                home: person.clone(),
                action,
                why: Staleness::NotUndone(why),
            };
            stale.extend(undone.left.into_iter().map(left));
        }
        Ok(draft)
    }
}

fn of_entry(entry: LogEntry) -> (Person, Done) {
    let LogEntry { home, account, edits, action, rules, .. } = entry;
    let person = Person { id: home.id, user_principal_name: home.user_principal_name.unwrap_or_default() };
    let edits = edits.into_iter().map(|(attribute, edit)| (attribute, (edit.before, edit.after))).collect();
    (person, Done { action, account: account.map(|account| account.id), edits, rules })
}

impl<D, C: Clock> Run<'_, D, C> {
    /// The first change of each person; the others follow when it was made.
    pub(super) fn one_at_a_time(&self, tickets: Vec<Ticket>) -> Vec<Ticket> {
        if self.cycle.focus.undo.is_none() {
            return tickets;
        }
        let (mut first, mut later) = (Vec::new(), self.later.borrow_mut());
        for ticket in tickets {
            match later.get_mut(&ticket.whose()) {
                Some(queue) => queue.push_back(ticket),
                None => {
                    later.insert(ticket.whose(), VecDeque::new());
                    first.push(ticket);
                }
            }
        }
        first
    }

    /// The next change of a person for whom one was made.
    pub(super) fn next_of(&self, whose: &Whose) -> Result<Option<Change>, Unkept> {
        let next = self.later.borrow_mut().get_mut(whose).and_then(VecDeque::pop_front);
        next.map(|ticket| ticket.change()).transpose()
    }
}
