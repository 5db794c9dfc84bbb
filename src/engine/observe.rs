//! What has changed in each tenant?

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::future::join_all;

use super::lanes::Lanes;
use super::{Budgets, Cycle, EngineError, Event, Readings};
use crate::model::{Attribute, Cursor, DeltaItem, DeltaPage, News, Presence, Selection, TenantName, Then};
use crate::ports::{Clock, DirectoryError, DirectoryRead, Retry};
use crate::store::Round;

/// Directory delta links live seven days (delta query overview); a day before that we do not rely on them any more.
const LINK_TRUSTED_SECONDS: u64 = 6 * 86_400;
/// Resets within one reading: a tenant that resets its own fresh links has to be left alone until the next cycle.
const RESETS_MAX: u32 = 3;
/// Users looked at in one go: 25 full batches of 20.
const LOOKED_AT_ONCE: usize = 500;

/// How the reading of a tenant ended.
pub(super) struct Ended {
    pub(super) tenant: TenantName,
    /// Attributes for whose sake it was read from the start.
    anew_for: BTreeSet<Attribute>,
    /// Users in doubt, and why its groups are not known where they are not.
    pub(super) result: Result<(u64, Result<(), String>), EngineError>,
}

impl Ended {
    /// Code of ours gave up in it.
    pub(super) fn crashed(tenant: TenantName) -> Self {
        let result = Err(EngineError::Crashed(tenant.clone()));
        Self { tenant, anew_for: BTreeSet::new(), result }
    }
}

/// What goes on while a tenant is read.
#[derive(Clone, Copy, Default)]
pub(super) struct Meanwhile<'x> {
    /// Into which something may be written.
    pub(super) lanes: Option<&'x Lanes>,
    /// Hears after each page but the last how many items it had.
    pub(super) paged: Option<&'x dyn Fn(usize)>,
}

/// Where a reading begins.
struct Start {
    round: Round,
    cursor: Cursor,
    /// Attributes for whose sake it begins with nothing.
    anew_for: BTreeSet<Attribute>,
}

impl<D: DirectoryRead, C: Clock> Cycle<'_, D, C> {
    /// Reads every tenant once, whatever number of routes it takes part in, all of them at the same time. Nothing of this
    /// run is under way: every question that is open about them an earlier run has left.
    pub(super) async fn observe_all(&self) -> Result<Readings, EngineError> {
        let mut readings = Readings::default();
        if self.focus.offline {
            return self.offline_readings();
        }
        let tenants = self.tenants();
        for one in join_all(tenants.iter().map(|t| self.read_and_recover(t, Meanwhile::default(), BTreeSet::new))).await
        {
            self.note(one, &mut readings)?;
        }
        Ok(readings)
    }

    /// Reads one tenant to its end: users, those in doubt, groups.
    pub(super) async fn read(&self, tenant: &TenantName, meanwhile: Meanwhile<'_>) -> Ended {
        let mut anew_for = BTreeSet::new();
        let read = async {
            let start = self.resume(tenant)?;
            anew_for.clone_from(&start.anew_for);
            if !anew_for.is_empty() {
                (self.watch)(Event::Anew { tenant, attributes: &anew_for });
            }
            let doubtful = self.observe(tenant, start, meanwhile).await?;
            Ok((doubtful, self.observe_groups(tenant).await?))
        };
        let result = match (read.await, self.keep_units(tenant)) {
            (result, Ok(())) => result,
            (_, Err(error)) => Err(error),
        };
        Ended { tenant: tenant.clone(), anew_for, result }
    }

    /// What a reading's end says of what is known now.
    pub(super) fn note(
        &self,
        Ended { tenant, anew_for, result }: Ended,
        readings: &mut Readings,
    ) -> Result<(), EngineError> {
        (self.watch)(Event::Read { tenant: &tenant });
        if !anew_for.is_empty() {
            readings.anew.insert(tenant.clone(), anew_for);
        }
        match result {
            Ok((doubtful, groups)) => {
                if doubtful > 0 {
                    readings.doubtful.insert(tenant.clone(), doubtful);
                }
                if let Err(why) = groups {
                    readings.groupless.insert(tenant, why);
                }
            }
            Err(EngineError::Store(error)) => return Err(error.into()),
            Err(error) => {
                readings.unread.insert(tenant, error.to_string());
            }
        }
        Ok(())
    }

    /// Without reading, a tenant counts as read once it has been read to its end.
    fn offline_readings(&self) -> Result<Readings, EngineError> {
        let mut readings = Readings::default();
        for tenant in self.tenants() {
            if self.store.reading(&tenant)?.readings == 0 {
                let why = format!("{tenant} was never read to its end\nhint: plan without --offline reads it");
                readings.unread.insert(tenant, why);
            }
        }
        Ok(readings)
    }

    /// One reading; answers how many users stay in doubt.
    async fn observe(&self, tenant: &TenantName, start: Start, meanwhile: Meanwhile<'_>) -> Result<u64, EngineError> {
        let directory = self.door(tenant)?;
        let Start { mut round, mut cursor, .. } = start;
        let (mut resets, mut seen) = (0, BTreeSet::new());
        loop {
            match directory.delta_page(&round.selection, &cursor).await {
                Ok(page) => {
                    let (tenant_name, items) = (tenant, page.items.len());
                    if let Some(lanes) = meanwhile.lanes {
                        self.note_who_appears(tenant, &page, lanes)?;
                    }
                    // The disk is waited for once.
                    self.store.together(|| {
                        self.store.record_page(tenant, &round, &page, self.clock.now())?;
                        self.keep_units(tenant)
                    })?;
                    tracing::info!(%tenant, items, full = round.full, "read a page");
                    (self.watch)(Event::Page { tenant: tenant_name, items });
                    match page.then {
                        Then::Done(_) => break,
                        Then::More(link) if seen.insert(fingerprint(&link)) => {
                            cursor = Cursor::Link(link);
                            if let Some(paged) = meanwhile.paged {
                                paged(items);
                                // Pages may come without any wait between them.
                                tokio::task::yield_now().await;
                            }
                        }
                        Then::More(_) => {
                            let what = "a nextLink leads back to a page of the same reading".to_owned();
                            return Err(EngineError::Reading { tenant: tenant.clone(), what });
                        }
                    }
                }
                Err(error) if is_dead(&cursor, &error) && resets < RESETS_MAX => {
                    tracing::info!(%tenant, code = error.detail.code, "the watermark is dead: reading everything anew");
                    resets += 1;
                    seen.clear();
                    round = self.store.begin_round(tenant, true, &self.asked_anew(tenant)?, self.clock.now())?;
                    cursor = Cursor::Start;
                }
                // An attribute that only the former rules read may be one that the tenant has no more.
                Err(error)
                    if is_refused_selection(&cursor, &error) && round.selection != self.config.selection(tenant) =>
                {
                    let needed = self.config.selection(tenant);
                    round = self.store.begin_round(tenant, true, &needed, self.clock.now())?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.look_at_suspects(tenant, &round.selection).await
    }

    /// The tenant may tell of an account before it answers the invitation that has made it.
    fn note_who_appears(&self, tenant: &TenantName, page: &DeltaPage, lanes: &Lanes) -> Result<(), EngineError> {
        let mut appeared = lanes.appeared.borrow_mut();
        if lanes.asks.borrow().is_empty() {
            appeared.clear();
            return Ok(());
        }
        for item in page.items.iter().filter(|item| matches!(item.news, News::Seen(_))) {
            let known = self.store.observed(tenant, &item.object)?;
            if known.is_none_or(|known| known.presence != Presence::Present) {
                appeared.insert(item.object.clone());
            }
        }
        Ok(())
    }

    /// Where the reading goes on: from an interrupted one, from the watermark, or from nothing.
    ///
    /// A link tells what it was issued for, whatever the rules need by now. As long as that is enough it is gone on with,
    /// and all that it tells is kept in step: an attribute that comes back into the rules costs no reading. Only one that
    /// the link does not tell of makes the reading begin anew, for of such an attribute nobody's value is known.
    fn resume(&self, tenant: &TenantName) -> Result<Start, EngineError> {
        let (now, needed) = (self.clock.now(), self.config.selection(tenant));
        let reading = self.store.reading(tenant)?;
        let fresh = |since: crate::model::Timestamp| now.seconds_since(since) < LINK_TRUSTED_SECONDS;
        // In a first reading, and in one that somebody ordered, everything is new.
        let again = !self.focus.full && reading.readings > 0;
        let anew_for = if again { reading.selection.lacks(&needed) } else { BTreeSet::new() };
        let goes_on = |round, link| Ok(Start { round, cursor: Cursor::Link(link), anew_for: BTreeSet::new() });
        if !self.focus.full {
            if let Some(progress) = reading.progress
                && progress.round.selection.covers(&needed)
                && fresh(progress.round.began)
            {
                return goes_on(progress.round, progress.link);
            }
            if let Some(link) = reading.link
                && reading.selection.covers(&needed)
                && fresh(reading.issued_at)
            {
                return goes_on(self.store.begin_round(tenant, false, &reading.selection, now)?, link);
            }
        }
        let round = self.store.begin_round(tenant, true, &self.asked_anew(tenant)?, now)?;
        Ok(Start { round, cursor: Cursor::Start, anew_for })
    }

    /// What a tenant that is read from the start is asked for: what the rules need, and until a sync has worked with them
    /// also what those of the last one read at home, or nobody could tell any more whom the edit of the rules touches.
    /// Whoever wants everything read anew wants nothing kept.
    fn asked_anew(&self, tenant: &TenantName) -> Result<Selection, EngineError> {
        let mut selection = self.config.selection(tenant);
        if !self.focus.full {
            selection.0.extend(self.read_by_former_rules(tenant)?);
        }
        Ok(selection)
    }

    /// Absence is no proof: users that a full round did not mention, or mentioned without a value that was known, are
    /// asked for by name before anything is concluded.
    async fn look_at_suspects(&self, tenant: &TenantName, selection: &Selection) -> Result<u64, EngineError> {
        let directory = self.door(tenant)?;
        let suspects = self.store.suspects(tenant, self.clock.now())?;
        let mut doubtful = 0;
        for some in suspects.chunks(LOOKED_AT_ONCE) {
            let looks = directory.look(selection, some).await;
            for (object, look) in some.iter().zip(looks) {
                match look {
                    Ok(look) => {
                        let item = DeltaItem { object: object.clone(), news: look.news() };
                        self.store.record_look(tenant, item, self.clock.now())?;
                    }
                    Err(error) => {
                        let (code, why) = (&error.detail.code, &error.detail.message);
                        tracing::warn!(%tenant, user = object.as_str(), code, why, "could not look at a user: nothing is concluded");
                        doubtful += 1;
                    }
                }
            }
        }
        Ok(doubtful)
    }

    /// Members of the groups that rules name. `Err` inside: they could not be read, and nothing is concluded.
    ///
    /// A rule set of a mesh names groups of several tenants, each of which is there in one only. A group that was never
    /// seen here is another tenant's; one that had members and is gone is a fault, not a reason to delete its members'
    /// accounts; and a tenant that has none of the groups is asked for the wrong ones.
    async fn observe_groups(&self, tenant: &TenantName) -> Result<Result<(), String>, EngineError> {
        let (groups, mut strangers) = (self.config.home_groups(tenant), Vec::new());
        for group in &groups {
            match self.door(tenant)?.group_members(group).await {
                Ok(members) => self.store.record_members(tenant, group, &members)?,
                Err(error) if error.proves_absence() && !self.store.has_members(tenant, group)? => {
                    tracing::info!(%tenant, group, "no such group here: taken for another tenant's");
                    strangers.push(error);
                }
                Err(error) => return Ok(Err(format!("group {group}: {error}"))),
            }
        }
        let all_strange = strangers.len() == groups.len();
        if !all_strange || groups.is_empty() {
            self.store.record_groups(tenant, &groups)?;
        }
        Ok(strangers.pop().filter(|_| all_strange).map_or(Ok(()), |error| Err(error.to_string())))
    }

    /// What was asked has cost resource units, and a restart must not forget them.
    fn keep_units(&self, tenant: &TenantName) -> Result<(), EngineError> {
        let units = u32::try_from(self.door(tenant)?.take_units()).unwrap_or(u32::MAX);
        if let Some(configured) = self.config.tenants.get(tenant).filter(|_| units > 0) {
            let name = Budgets::of(self.config, configured).units.name;
            self.store.spend(&name, self.clock.now(), units)?;
        }
        Ok(())
    }

    pub(super) fn door(&self, tenant: &TenantName) -> Result<&D, EngineError> {
        self.directories.get(tenant).ok_or_else(|| EngineError::NoSuch(format!("no connection to tenant {tenant}")))
    }
}

/// Nothing more can be read from here. A link that the tenant calls a bad request is as dead as an expired one, and a
/// full round is always safe.
fn is_dead(cursor: &Cursor, error: &DirectoryError) -> bool {
    let bad_link = matches!(cursor, Cursor::Link(_)) && error.status == Some(400);
    error.retry == Retry::StartOver || bad_link
}

/// The tenant does not know what it was asked for.
fn is_refused_selection(cursor: &Cursor, error: &DirectoryError) -> bool {
    matches!(cursor, Cursor::Start) && error.status == Some(400)
}

fn fingerprint(link: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    link.hash(&mut hasher);
    hasher.finish()
}
