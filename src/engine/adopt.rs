//! Which accounts say that they are ours, and are linked to nobody?
//!
//! For a store that was lost, and for a person who decides by hand whose an account is. Tenants are only read, and only links
//! are written: each with an entry in the change log.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use super::{Cycle, EngineError, planned};
use crate::config::Route;
use crate::model::{
    ActionKind, Former, Link, ObjectId, Observed, Origin, Outcome, Person, Presence, RouteName, RunId, Stamp, Trigger,
};
use crate::plan::{self, Adoption};
use crate::ports::{Clock, DirectoryRead};
use crate::store::{Ask, AskKind, LinkChange, Record};

/// Look-ups of privileges under way at once: a lost store has as many as there are accounts, and reads are cheap.
const LOOKUPS_AT_ONCE: usize = 8;

/// What is to be adopted.
#[derive(Clone, Debug, Default)]
pub struct Adopting {
    /// One account for one home user, each by id or sign-in name; `None`: whatever bears a stamp.
    pub by_hand: Option<(String, String)>,
    /// Accounts of people who have left as well.
    pub leavers: bool,
}

/// One account with the home user that it is tied to.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Who.
    pub home: Person,
    /// The account.
    pub account: ObjectId,
    /// Its sign-in name.
    pub account_name: String,
    /// Whose it was, where a person hands it over.
    pub from: Option<Former>,
    /// The tie.
    pub link: Link,
}

/// One account that is not adopted.
#[derive(Clone, Debug)]
pub struct NotAdopted {
    /// On which route.
    pub route: RouteName,
    /// The account.
    pub account: ObjectId,
    /// Its sign-in name.
    pub account_name: String,
    /// Why not.
    pub why: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Adoptions {
    /// By route; also of routes on which there are none.
    pub adopted: BTreeMap<RouteName, Vec<Adopted>>,
    /// Accounts that are linked as they say, by route.
    pub linked: BTreeMap<RouteName, u64>,
    /// Accounts that are not adopted.
    pub refused: Vec<NotAdopted>,
    /// Routes that nothing can be said of, with the reason.
    pub skipped: BTreeMap<RouteName, String>,
}

impl Adoptions {
    /// Nothing was left undone.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.skipped.is_empty()
    }
    /// How many there are.
    pub fn count(&self) -> usize {
        self.adopted.values().map(Vec::len).sum()
    }
    fn refuse(&mut self, route: &RouteName, account: &Observed, why: impl Into<String>) {
        let (account, account_name) = (account.object.clone(), account.user_principal_name().to_owned());
        self.refused.push(NotAdopted { route: route.clone(), account, account_name, why: why.into() });
    }
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Reads the tenants, and finds the accounts to adopt. No link is made.
    ///
    /// # Errors
    /// The store's; somebody or some account named by hand that is not there.
    pub async fn find_adoptions(&self, adopting: &Adopting) -> Result<Adoptions, EngineError> {
        let work = async {
            let readings = self.observe_all().await?;
            let mut found = Adoptions::default();
            for route in self.routes() {
                let obstacle = readings.obstacle(&route);
                let obstacle = if obstacle.is_none() { self.shrunken(&route.name.home)? } else { obstacle };
                match obstacle {
                    Some(why) => drop(found.skipped.insert(route.name.clone(), why)),
                    None => drop(found.adopted.insert(route.name.clone(), Vec::new())),
                }
            }
            match &adopting.by_hand {
                Some((user, account)) => self.adopt_by_hand(user, account, adopting.leavers, &mut found)?,
                None => {
                    for route in self.routes() {
                        if found.adopted.contains_key(&route.name) {
                            self.adopt_stamped(&route, adopting.leavers, &mut found)?;
                        }
                    }
                }
            }
            self.refuse_privileged(&mut found).await;
            Ok(found)
        };
        self.unless_stopped(work).await.unwrap_or_else(|| Ok(Adoptions::default()))
    }

    fn adopt_stamped(&self, route: &Route, leavers: bool, found: &mut Adoptions) -> Result<(), EngineError> {
        let Some(stamping) = &route.ownership.stamping else { return Ok(()) };
        let target = &route.name.target;
        let mut by_home: BTreeMap<ObjectId, Vec<Observed>> = BTreeMap::new();
        for object in self.store.bearers(target, &stamping.attribute, &stamping.prefix())? {
            let Some(account) = self.store.observed(target, &object)? else { continue };
            if let Stamp::Of { home, .. } = stamping.read(&account) {
                by_home.entry(home).or_default().push(account);
            }
        }
        for (home, accounts) in by_home {
            match accounts.as_slice() {
                [account] => self.adopt_one(route, &home, account, leavers, found)?,
                many => {
                    let ids: Vec<&str> = many.iter().map(|account| account.object.as_str()).collect();
                    let why = format!("{} accounts bear this stamp: {}", many.len(), ids.join(", "));
                    many.iter().for_each(|account| found.refuse(&route.name, account, why.clone()));
                }
            }
        }
        Ok(())
    }

    fn adopt_by_hand(
        &self,
        user: &str,
        account: &str,
        leavers: bool,
        found: &mut Adoptions,
    ) -> Result<(), EngineError> {
        let mut seats = Vec::new();
        for route in self.routes() {
            let home = self.store.find_user(&route.name.home, user)?;
            let there = self.store.find_user(&route.name.target, account)?;
            if let (Some(home), Some(there)) = (home, there) {
                seats.push((route, home, there));
            }
        }
        let (route, home, there) = match seats.as_slice() {
            [one] => one,
            [] => {
                let hint = "hint: object ids or user principal names; the user at home, the account in the target";
                let what = format!("no route leads from a home user {user:?} to an account {account:?}\n{hint}");
                return Err(EngineError::NoSuch(what));
            }
            many => {
                let names: Vec<String> = many.iter().map(|(route, ..)| route.name.to_string()).collect();
                let what = format!("both are found on several routes\nhint: --route, one of {}", names.join(", "));
                return Err(EngineError::NoSuch(what));
            }
        };
        if found.skipped.contains_key(&route.name) {
            return Ok(());
        }
        let Some(account) = self.store.observed(&route.name.target, there)? else { return Ok(()) };
        self.adopt_one(route, home, &account, leavers, found)
    }

    fn adopt_one(
        &self,
        route: &Route,
        home: &ObjectId,
        account: &Observed,
        leavers: bool,
        found: &mut Adoptions,
    ) -> Result<(), EngineError> {
        let (name, now) = (&route.name, self.clock.now());
        let case = self.store.case(&planned(route), home, now)?;
        let mut from = None;
        if let Some((of, whose)) = self.store.whose(&name.target, &account.object)?
            && (of != *name || whose != *home)
        {
            let holder = self.store.observed(&of.home, &whose)?;
            if holder.as_ref().is_some_and(|person| person.presence == Presence::Present) {
                found.refuse(name, account, format!("it is linked to another home user, {whose} ({of})"));
                return Ok(());
            }
            let user_principal_name = holder.map(|h| h.user_principal_name().to_owned()).unwrap_or_default();
            let person = Person { id: whose, user_principal_name };
            from = Some(Former { account: account.object.clone(), route: of, home: person, deleted: false });
        }
        match plan::adoption(&planned(route), &case, account, leavers, now) {
            Adoption::Linked => *found.linked.entry(name.clone()).or_default() += 1,
            Adoption::Refused(why) => found.refuse(name, account, why),
            Adoption::Link(link) => {
                let (home, account_name) = (plan::person(&case.home), account.user_principal_name().to_owned());
                let account = account.object.clone();
                let adopted = Adopted { home, account, account_name, from, link };
                found.adopted.entry(name.clone()).or_default().push(adopted);
            }
        }
        Ok(())
    }

    /// An administrator's account is nobody's but the target's, whatever it bears and whoever says so.
    async fn refuse_privileged(&self, found: &mut Adoptions) {
        for (route, adopted) in std::mem::take(&mut found.adopted) {
            let target = &route.target;
            let looks = adopted.into_iter().map(async |one| (self.privileges(target, &one.account).await, one));
            let looked: Vec<_> = stream::iter(looks).buffered(LOOKUPS_AT_ONCE).collect().await;
            let mut left = Vec::new();
            for (why, one) in looked {
                match why {
                    None => left.push(one),
                    Some(why) => {
                        let (route, Adopted { account, account_name, .. }) = (route.clone(), one);
                        found.refused.push(NotAdopted { route, account, account_name, why });
                    }
                }
            }
            found.adopted.insert(route, left);
        }
    }
}

impl<D, C: Clock> Cycle<'_, D, C> {
    /// Makes the links that were found, one transaction and one entry each.
    ///
    /// # Errors
    /// The store's: what was made until then is made.
    pub fn record_adoptions(&self, run: RunId, by_hand: bool, found: &Adoptions) -> Result<(), EngineError> {
        for one in found.adopted.values().flatten() {
            if let Some(former) = &one.from {
                let why = "handed over by hand";
                self.record_link(run, &former.route, &former.home, one, (ActionKind::Unlink, why), LinkChange::Remove)?;
            }
            let why = if by_hand { "adopted by hand" } else { "adopted by its stamp" };
            let link = LinkChange::Set(one.link.clone());
            self.record_link(run, &one.link.route, &one.home, one, (ActionKind::Join, why), link)?;
        }
        Ok(())
    }

    fn record_link(
        &self,
        run: RunId,
        route: &RouteName,
        home: &Person,
        one: &Adopted,
        (action, why): (ActionKind, &str),
        link: LinkChange,
    ) -> Result<(), EngineError> {
        let at = self.clock.now();
        let ask = Ask {
            run,
            trigger: Trigger::Adopt,
            at,
            request_id: String::new(),
            home_tenant: route.home.to_string(),
            target_tenant: route.target.to_string(),
            home: home.clone(),
            rules: one.link.rules.clone(),
            action,
            kind: AskKind::None,
            account: Some(one.account.clone()),
            origin: (action == ActionKind::Join).then_some(Origin::Joined),
            address: None,
            edits: BTreeMap::new(),
            redacted: std::collections::BTreeSet::new(),
            why: why.to_owned(),
        };
        let account = Some(one.account.clone());
        let (outcome, learned, budgets) = (Outcome::Applied, None, Vec::new());
        self.store.record(Record { asked: None, ask, outcome, at, account, learned, link, budgets })?;
        Ok(())
    }
}
