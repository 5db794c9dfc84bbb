//! Which account is whose?

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::{self, signed, unsigned};
use super::observations::{mark_one, mark_reports};
use super::{Store, StoreError};
use crate::model::{Asked, Link, ObjectId, Origin, RouteName, TenantName, Tie, Timestamp};

/// What a write does to the link of the home user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It stays as it is.
    Same,
    /// This is the link now.
    Set(Link),
    /// There is none any more.
    Remove,
}

const COLUMNS: &str = "account, origin, asked_address, asked_at, asked_reading, rules, initialised, disabled_by_us, \
                       leaving_since, baseline, since";

impl Store {
    /// The link of a home user.
    ///
    /// # Errors
    /// SQLite's.
    pub fn link(&self, route: &RouteName, home: &ObjectId) -> Result<Option<Link>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM links WHERE route = ?1 AND home = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.route(route)?, codec::object(home)])?;
        rows.next()?.map(|r| read(r, route, home)).transpose()
    }

    /// Remembers what a consideration learned of a link, without any write.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remember_link(&self, link: &Link) -> Result<(), StoreError> {
        let (route, target) = (self.route(&link.route)?, self.tenant(&link.route.target)?.id);
        // The link and the count of links change together, also where no caller has opened a transaction.
        if self.connection.is_autocommit() {
            return self.transaction(|c| write(c, route, target, link));
        }
        write(&self.connection, route, target, link)
    }

    /// Links of the route with a known account.
    ///
    /// # Errors
    /// SQLite's.
    pub fn population(&self, route: &RouteName) -> Result<u64, StoreError> {
        Ok(self.link_counts(self.route(route)?)?.iter().sum())
    }

    /// Has anybody on the route a link, also one whose account is not known yet?
    ///
    /// # Errors
    /// SQLite's.
    pub fn has_links(&self, route: &RouteName) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM links WHERE route = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([self.route(route)?], |r| r.get(0))?)
    }

    /// Is the account some home user's, on whichever route into the tenant?
    ///
    /// # Errors
    /// SQLite's.
    pub fn is_linked(&self, target: &TenantName, account: &ObjectId) -> Result<bool, StoreError> {
        Ok(self.holder(self.tenant(target)?.id, account)?.is_some())
    }

    pub(super) fn change_link(
        &self,
        c: &Connection,
        route: &RouteName,
        home: &ObjectId,
        change: &LinkChange,
    ) -> Result<(), StoreError> {
        let (id, key) = (self.route(route)?, codec::object(home));
        let sql = "SELECT account FROM links WHERE route = ?1 AND home = ?2";
        let before = c
            .prepare_cached(sql)?
            .query_row(params![id, key], |r| r.get::<_, Option<Vec<u8>>>(0))
            .optional()?
            .flatten();
        let after = match change {
            LinkChange::Same => return Ok(()),
            LinkChange::Set(link) => {
                write(c, id, self.tenant(&route.target)?.id, link)?;
                link.account().map(codec::object)
            }
            LinkChange::Remove => {
                let origin = known_origin(c, id, &key)?;
                c.prepare_cached("DELETE FROM links WHERE route = ?1 AND home = ?2")?.execute(params![id, key])?;
                recount(c, id, origin, None)?;
                None
            }
        };
        mark_one(c, id, &key)?;
        if before != after {
            mark_reports(c, id, &key)?;
        }
        Ok(())
    }

    /// Links of the route with a known account: how many were provisioned, and how many joined.
    pub(super) fn link_counts(&self, route: i64) -> Result<[u64; 2], StoreError> {
        match noted_counts(&self.connection, route)? {
            Some(counts) => Ok(counts),
            None => counted(&self.connection, route),
        }
    }

    /// Whose account is it, on whichever route into the tenant?
    pub(super) fn holder(&self, target: i64, account: &ObjectId) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let sql = "SELECT route, home FROM links WHERE target = ?1 AND account = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![target, codec::object(account)], |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
    }
}

fn read(r: &Row<'_>, route: &RouteName, home: &ObjectId) -> Result<Link, StoreError> {
    let time = |i| r.get::<_, i64>(i).map(|n| Timestamp(unsigned(n)));
    let tie = match r.get::<_, Option<Vec<u8>>>(0)? {
        Some(account) => {
            let origin = if r.get::<_, i64>(1)? == 0 { Origin::Provisioned } else { Origin::Joined };
            Tie::Known { account: codec::object_id(&account)?, origin }
        }
        None => Tie::Asked(Asked {
            address: r.get::<_, Option<String>>(2)?.unwrap_or_default(),
            at: time(3)?,
            reading: unsigned(r.get(4)?),
        }),
    };
    Ok(Link {
        route: route.clone(),
        home: home.clone(),
        tie,
        rules: r.get(5)?,
        initialised: r.get(6)?,
        disabled_by_us: r.get(7)?,
        leaving_since: r.get::<_, Option<i64>>(8)?.map(|n| Timestamp(unsigned(n))),
        baseline: codec::read_attributes(&r.get::<_, String>(9)?)?,
        since: time(10)?,
    })
}

/// In `meta`: how many links of a route have a known account, `PROVISIONED JOINED`. Whoever asks how things stand need not
/// walk over all of them.
fn counts_name(route: i64) -> String {
    format!("links {route}")
}

/// `None`: nothing was noted yet, or nothing that can be read.
fn noted_counts(c: &Connection, route: i64) -> Result<Option<[u64; 2]>, StoreError> {
    let text = Store::meta(c, &counts_name(route))?;
    let counts = text.as_deref().and_then(|text| text.split_once(' '));
    Ok(counts.and_then(|(provisioned, joined)| Some([provisioned.parse().ok()?, joined.parse().ok()?])))
}

fn counted(c: &Connection, route: i64) -> Result<[u64; 2], StoreError> {
    let sql = "SELECT count(*) FILTER (WHERE origin = 0), count(*) FILTER (WHERE origin = 1) FROM links \
               WHERE route = ?1 AND account IS NOT NULL";
    let row = |r: &Row<'_>| Ok([unsigned(r.get(0)?), unsigned(r.get(1)?)]);
    Ok(c.prepare_cached(sql)?.query_row([route], row)?)
}

/// Where the link's account is known: 0 provisioned, 1 joined.
fn known_origin(c: &Connection, route: i64, home: &[u8]) -> Result<Option<usize>, StoreError> {
    let sql = "SELECT origin FROM links WHERE route = ?1 AND home = ?2 AND account IS NOT NULL";
    let origin: Option<i64> = c.prepare_cached(sql)?.query_row(params![route, home], |r| r.get(0)).optional()?;
    Ok(origin.map(|origin| usize::from(origin != 0)))
}

/// Notes that a link of one kind has become one of another, after it has. Without a note they are all counted, once.
fn recount(c: &Connection, route: i64, before: Option<usize>, after: Option<usize>) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    let counts = match noted_counts(c, route)? {
        None => counted(c, route)?,
        Some(mut counts) => {
            before.and_then(|kind| counts.get_mut(kind)).into_iter().for_each(|n| *n = n.saturating_sub(1));
            after.and_then(|kind| counts.get_mut(kind)).into_iter().for_each(|n| *n += 1);
            counts
        }
    };
    Store::set_meta(c, &counts_name(route), &format!("{} {}", counts[0], counts[1]))
}

fn write(c: &Connection, route: i64, target: i64, link: &Link) -> Result<(), StoreError> {
    let key = codec::object(&link.home);
    let before = known_origin(c, route, &key)?;
    let (account, origin, asked) = match &link.tie {
        Tie::Known { account, origin } => (Some(codec::object(account)), i64::from(*origin == Origin::Joined), None),
        Tie::Asked(asked) => (None, 0, Some(asked)),
    };
    let sql = "INSERT INTO links (route, home, target, account, origin, asked_address, asked_at, asked_reading, rules, \
               initialised, disabled_by_us, leaving_since, baseline, since) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
               ON CONFLICT (route, home) DO UPDATE SET account = ?4, origin = ?5, asked_address = ?6, asked_at = ?7, \
               asked_reading = ?8, rules = ?9, initialised = ?10, disabled_by_us = ?11, leaving_since = ?12, \
               baseline = ?13, since = ?14";
    c.prepare_cached(sql)?.execute(params![
        route,
        key,
        target,
        account,
        origin,
        asked.map(|a| &a.address),
        asked.map_or(0, |a| signed(a.at.0)),
        asked.map_or(0, |a| signed(a.reading)),
        link.rules,
        link.initialised,
        link.disabled_by_us,
        link.leaving_since.map(|t| signed(t.0)),
        codec::attributes(&link.baseline)?,
        signed(link.since.0),
    ])?;
    let known = matches!(link.tie, Tie::Known { .. });
    recount(c, route, before, known.then_some(usize::from(origin != 0)))
}
