//! How far has each tenant been read?

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{signed, unsigned};
use super::mentions;
use super::{Store, StoreError, observations};
use crate::model::{Attribute, DeltaPage, Selection, TenantName, Then, Timestamp};

/// Where a tenant's reading stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Delta link of the last reading that ran to its end.
    pub link: Option<String>,
    /// Attributes of which everybody's value is known: those that the link was issued for. While a full round is under
    /// way, there is no link, and these are what that round and the last one have in common.
    pub selection: Selection,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// A reading that was cut short.
    pub progress: Option<Progress>,
    /// Readings that ran to their end.
    pub readings: u64,
    /// End of the last of them.
    pub read_at: Option<Timestamp>,
    /// Groups whose members the last of them asked for.
    pub groups: BTreeSet<String>,
}

/// Where a reading that was cut short goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The next page.
    pub link: String,
    /// The round that it belongs to.
    pub round: Round,
}

/// A reading under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// From nothing, not from a watermark: whoever it does not mention has to be looked at.
    pub full: bool,
    /// Full rounds begun by the time it began.
    pub number: u64,
    /// What it asks for.
    pub selection: Selection,
    /// When it began.
    pub began: Timestamp,
}

fn names(selection: &Selection) -> String {
    let names: Vec<&str> = selection.0.iter().map(Attribute::as_str).collect();
    names.join(",")
}

fn selection(names: &str) -> Selection {
    Selection(names.split(',').filter(|n| !n.is_empty()).map(Attribute::from).collect())
}

/// In `meta`, with a tenant's name behind it: how many people of its own it had when its routes were planned last.
const SIZE: &str = "natives:";

impl Store {
    /// How many people of its own a tenant has: present, and not external.
    ///
    /// # Errors
    /// SQLite's.
    pub fn size(&self, tenant: &TenantName) -> Result<u64, StoreError> {
        let id = self.tenant(tenant)?.id;
        noted_size(&self.connection, id)?.map_or_else(|| counted_size(&self.connection, id), Ok)
    }

    /// How many it had when a cycle was last made on its reading; `None` before the first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remembered_size(&self, tenant: &TenantName) -> Result<Option<u64>, StoreError> {
        let known = Self::meta(&self.connection, &format!("{SIZE}{tenant}"))?;
        Ok(known.and_then(|text| text.parse().ok()))
    }

    /// A cycle was made on a reading that had so many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remember_size(&self, tenant: &TenantName, people: u64) -> Result<(), StoreError> {
        if self.remembered_size(tenant)? == Some(people) {
            return Ok(());
        }
        Self::set_meta(&self.connection, &format!("{SIZE}{tenant}"), &people.to_string())
    }
}

/// In `meta`: how many people of its own a tenant has, so that a cycle in which nothing happens need not walk over them.
fn size_name(tenant: i64) -> String {
    format!("present {tenant}")
}

fn noted_size(c: &Connection, tenant: i64) -> Result<Option<u64>, StoreError> {
    Ok(Store::meta(c, &size_name(tenant))?.and_then(|text| text.parse().ok()))
}

fn counted_size(c: &Connection, tenant: i64) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM observations WHERE tenant = ?1 AND presence = 0 AND external = 0";
    Ok(unsigned(c.prepare_cached(sql)?.query_row([tenant], |r| r.get(0))?))
}

/// Notes by how much a tenant's size has changed, after it has. Without a note they are all counted, once.
pub(super) fn resize(c: &Connection, tenant: i64, by: i64) -> Result<(), StoreError> {
    if by == 0 {
        return Ok(());
    }
    let size = match noted_size(c, tenant)? {
        Some(size) => size.saturating_add_signed(by),
        None => counted_size(c, tenant)?,
    };
    Store::set_meta(c, &size_name(tenant), &size.to_string())
}

impl Store {
    /// Where the tenant's reading stands.
    ///
    /// # Errors
    /// SQLite's.
    pub fn reading(&self, tenant: &TenantName) -> Result<Reading, StoreError> {
        let id = self.tenant(tenant)?.id;
        let sql = "SELECT link, selection, issued_at, next_link, next_full, next_selection, next_at, round, readings, \
                   read_at, groups FROM tenants WHERE id = ?1";
        let row = |r: &rusqlite::Row<'_>| {
            let text = |i| r.get::<_, String>(i);
            let time = |i| r.get::<_, i64>(i).map(|n| Timestamp(unsigned(n)));
            let round = Round {
                full: r.get(4)?,
                number: unsigned(r.get(7)?),
                selection: selection(&text(5)?),
                began: time(6)?,
            };
            Ok(Reading {
                link: r.get(0)?,
                selection: selection(&text(1)?),
                issued_at: time(2)?,
                progress: r.get::<_, Option<String>>(3)?.map(|link| Progress { link, round }),
                readings: unsigned(r.get(8)?),
                read_at: Some(time(9)?).filter(|t| t.0 > 0),
                groups: text(10)?.split(',').filter(|g| !g.is_empty()).map(str::to_owned).collect(),
            })
        };
        let found = self.connection.prepare_cached(sql)?.query_row([id], row).optional()?;
        Ok(found.unwrap_or_default())
    }

    /// Readings of the tenant that ran to their end.
    ///
    /// # Errors
    /// SQLite's.
    pub(super) fn readings(&self, tenant: &TenantName) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT readings FROM tenants WHERE id = ?1")?;
        let found = statement.query_row([self.tenant(tenant)?.id], |r| r.get(0)).optional()?;
        Ok(found.map_or(0, unsigned))
    }

    /// Remembers which groups were asked for: of any other, nobody knows who is in it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record_groups(&self, tenant: &TenantName, groups: &BTreeSet<String>) -> Result<(), StoreError> {
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let sql = "UPDATE tenants SET groups = ?2 WHERE id = ?1 AND groups <> ?2";
        self.connection.execute(sql, params![self.tenant(tenant)?.id, names.join(",")])?;
        Ok(())
    }

    /// A reading begins. A full one forgets the watermark, and nothing else: nobody is gone before it has ended. What it
    /// does not ask for is not known of everybody from here on.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin_round(
        &self,
        tenant: &TenantName,
        full: bool,
        selection: &Selection,
        now: Timestamp,
    ) -> Result<Round, StoreError> {
        let id = self.tenant(tenant)?.id;
        self.transaction(|c| {
            if full {
                let sql = "SELECT selection FROM tenants WHERE id = ?1";
                let known = self::selection(&c.query_row(sql, [id], |r| r.get::<_, String>(0))?);
                let sql = "UPDATE tenants SET link = NULL, next_link = NULL, round = round + 1, selection = ?2 \
                           WHERE id = ?1";
                c.execute(sql, params![id, names(&known.shared(selection))])?;
                mentions::clear(c, id)?;
            }
            let number: i64 = c.query_row("SELECT round FROM tenants WHERE id = ?1", [id], |r| r.get(0))?;
            Ok(Round { full, number: unsigned(number), selection: selection.clone(), began: now })
        })
    }

    /// One transaction: the page's news and the place to go on from move together. On the last page of a full round,
    /// whoever it did not mention becomes a suspect: to be looked at, not gone.
    ///
    /// # Errors
    /// SQLite's; nothing of the page is kept then.
    pub fn record_page(
        &self,
        tenant: &TenantName,
        round: &Round,
        page: &DeltaPage,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = self.tenant(tenant)?;
        let first = round.full && self.readings(tenant)? == 0;
        self.transaction(|c| {
            observations::learn_page(c, &row, (round, first), &page.items, now)?;
            match &page.then {
                Then::More(link) => go_on(c, row.id, round, link),
                Then::Done(link) => {
                    if first {
                        observations::first_reading_ended(c, &row)?;
                    }
                    finish(c, row.id, round, link, now)
                }
            }
        })
    }
}

fn go_on(c: &Connection, tenant: i64, round: &Round, link: &str) -> Result<(), StoreError> {
    let sql = "UPDATE tenants SET next_link = ?2, next_full = ?3, next_selection = ?4, next_at = ?5 WHERE id = ?1";
    c.prepare_cached(sql)?.execute(params![
        tenant,
        link,
        round.full,
        names(&round.selection),
        signed(round.began.0)
    ])?;
    Ok(())
}

fn finish(c: &Connection, tenant: i64, round: &Round, link: &str, now: Timestamp) -> Result<(), StoreError> {
    if round.full {
        mentions::doubt_the_others(c, tenant, round)?;
    }
    let sql = "UPDATE tenants SET link = ?2, selection = ?3, issued_at = ?4, read_at = ?4, readings = readings + 1, \
               next_link = NULL WHERE id = ?1";
    c.prepare_cached(sql)?.execute(params![tenant, link, names(&round.selection), signed(now.0)])?;
    Ok(())
}
