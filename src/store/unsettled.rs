//! Who is not settled, why, and since when?

use rusqlite::{OptionalExtension, params};

use super::codec::{self, signed, unsigned};
use super::observations::mark_one;
use super::{Store, StoreError};
use crate::model::{ObjectId, RouteName, Timestamp};

/// Whom is it about?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Everybody who is not settled.
    All,
    /// Whoever something has happened to since they were last considered, or whose time has come at this instant. What is
    /// planned or held stays so.
    News(Timestamp),
}

/// The last word about somebody for whom a change was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is to be made.
    Stands,
    /// Something has happened since: the person has to be considered again.
    News,
    /// The person is held, or in a grace period: it must not be made.
    Withdrawn,
}

/// A change that waits to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What kind of change: `provision`, `delete`, ….
    pub action: String,
    /// In which lane of its target.
    pub lane: String,
    /// How many object writes it takes in all.
    pub writes: u64,
}

impl Store {
    /// Nothing to do for this user until something changes.
    ///
    /// # Errors
    /// SQLite's.
    pub fn settle(&self, route: &RouteName, home: &ObjectId) -> Result<(), StoreError> {
        let sql = "DELETE FROM unsettled WHERE route = ?1 AND home = ?2";
        self.connection.prepare_cached(sql)?.execute(params![self.route(route)?, codec::object(home)])?;
        Ok(())
    }

    /// This user has to be considered again.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unsettle(&self, route: &RouteName, home: &ObjectId) -> Result<(), StoreError> {
        mark_one(&self.connection, self.route(route)?, &codec::object(home))
    }

    /// What the last word about this user makes of a change that was planned for it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn word_on(&self, route: &RouteName, home: &ObjectId) -> Result<Word, StoreError> {
        let sql = "SELECT state FROM unsettled WHERE route = ?1 AND home = ?2";
        let row = params![self.route(route)?, codec::object(home)];
        let state: Option<String> = self.connection.prepare_cached(sql)?.query_row(row, |r| r.get(0)).optional()?;
        Ok(match state.as_deref() {
            Some("pending" | "failed") => Word::Stands,
            Some("held" | "waiting") => Word::Withdrawn,
            // Something has happened since, or somebody found nothing to do.
            _ => Word::News,
        })
    }

    /// Why this user is not settled: `held` or `waiting`, with a reason for `status`.
    ///
    /// # Errors
    /// SQLite's.
    pub fn explain_unsettled(
        &self,
        route: &RouteName,
        home: &ObjectId,
        state: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO unsettled (route, home, state, detail) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET state = ?3, detail = ?4, lane = '', writes = 0, since = 0, not_before = 0";
        let row = params![self.route(route)?, codec::object(home), state, detail];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// A change waits for this user. Whoever is put off stays so, and a change that waited before in the same lane keeps
    /// its age.
    ///
    /// # Errors
    /// SQLite's.
    pub fn pend(
        &self,
        route: &RouteName,
        home: &ObjectId,
        pending: &Pending,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO unsettled (route, home, state, detail, lane, writes, since) \
                   VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6) \
                   ON CONFLICT DO UPDATE SET state = 'pending', detail = ?3, lane = ?4, writes = ?5, not_before = 0, \
                   since = CASE WHEN lane = ?4 AND since > 0 THEN since ELSE ?6 END \
                   WHERE NOT (state = 'failed' AND not_before > ?6)";
        let Pending { action, lane, writes } = pending;
        let row = params![self.route(route)?, codec::object(home), action, lane, signed(*writes), signed(now.0)];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// The change for this user has failed once more. `pause_seconds` tells how long it waits after so many times.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_off(
        &self,
        route: &RouteName,
        home: &ObjectId,
        why: &str,
        now: Timestamp,
        pause_seconds: impl FnOnce(u32) -> u64,
    ) -> Result<(), StoreError> {
        let tries = self.tries(route, home)?.saturating_add(1);
        let sql = "INSERT INTO unsettled (route, home, state, detail, tries, not_before) \
                   VALUES (?1, ?2, 'failed', ?3, ?4, ?5) \
                   ON CONFLICT DO UPDATE SET state = 'failed', detail = ?3, tries = ?4, not_before = ?5, \
                   lane = '', writes = 0, since = 0";
        let not_before = now.plus_seconds(pause_seconds(tries));
        let row = params![self.route(route)?, codec::object(home), why, tries, signed(not_before.0)];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// How often in a row the changes for this user have failed.
    ///
    /// # Errors
    /// SQLite's.
    pub fn tries(&self, route: &RouteName, home: &ObjectId) -> Result<u32, StoreError> {
        let sql = "SELECT tries FROM unsettled WHERE route = ?1 AND home = ?2";
        let row = params![self.route(route)?, codec::object(home)];
        let tries: Option<i64> = self.connection.prepare_cached(sql)?.query_row(row, |r| r.get(0)).optional()?;
        Ok(u32::try_from(tries.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// Until when this user's failed change is left alone; `None`: it may be tried.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_off_until(
        &self,
        route: &RouteName,
        home: &ObjectId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT not_before FROM unsettled WHERE route = ?1 AND home = ?2 AND state = 'failed' \
                   AND not_before > ?3";
        let row = params![self.route(route)?, codec::object(home), signed(now.0)];
        let until: Option<i64> = self.connection.prepare_cached(sql)?.query_row(row, |r| r.get(0)).optional()?;
        Ok(until.map(|at| Timestamp(unsigned(at))))
    }

    /// Failed changes are tried again with the next cycle, as if for the first time: those of one user (on the given route
    /// or on all), of a route, or all of them. Answers how many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn try_again(&self, route: Option<&RouteName>, home: Option<&ObjectId>) -> Result<u64, StoreError> {
        let route = route.map(|route| self.route(route)).transpose()?;
        let sql = "UPDATE unsettled SET tries = 0, not_before = 0 WHERE state = 'failed' AND tries + not_before > 0 \
                   AND (?1 IS NULL OR route = ?1) AND (?2 IS NULL OR home = ?2)";
        let changed = self.connection.prepare_cached(sql)?.execute(params![route, home.map(codec::object)])?;
        Ok(changed as u64)
    }
}
