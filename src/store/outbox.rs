//! Which alerts has no receiver confirmed yet?

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::{signed, unsigned};
use super::{Store, StoreError, run_facts};
use crate::model::{RunId, Timestamp};

/// In `meta`: what has been told of already, as whoever makes alerts wrote it down.
const ANNOUNCED: &str = "announced";

/// The columns of [`WaitingAlert`], in its order.
const COLUMNS: &str = "id, hook, event, body, created_at, tries, next_at, error";

/// An alert for one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    /// The receiver's name in the configuration.
    pub hook: String,
    /// The event's own id.
    pub event: String,
    /// What is posted, byte for byte.
    pub body: String,
}

/// One that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingAlert {
    /// Its place in the queue; a receiver's alerts go out in this order.
    pub id: i64,
    /// The receiver's name.
    pub hook: String,
    /// The event's own id.
    pub event: String,
    /// What is posted.
    pub body: String,
    /// Since when it waits.
    pub created_at: Timestamp,
    /// Attempts that failed.
    pub tries: u32,
    /// Not tried before.
    pub next_at: Timestamp,
    /// What came of the last attempt; empty before the first.
    pub error: String,
}

/// What waits for one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookStatus {
    /// The receiver's name, as it was when the alerts were made.
    pub webhook: String,
    /// How many alerts wait.
    pub waiting: u64,
    /// Since when the oldest does.
    pub oldest: Timestamp,
    /// Attempts at the oldest that failed.
    pub tries: u32,
    /// When the oldest is tried again.
    pub next_at: Timestamp,
    /// What came of the last attempt at it; empty before the first.
    pub error: String,
}

/// How a run ended, and what is told of it.
#[derive(Clone, Debug, Default)]
pub struct RunEnd<'a> {
    /// The exit code that it led to.
    pub exit_code: u8,
    /// What it did, as a JSON object.
    pub summary: &'a str,
    /// What is told of it, and to whom.
    pub alerts: &'a [NewAlert],
    /// What has been told of with that: the next run reads it in [`Store::announced`].
    pub announced: Option<&'a str>,
}

impl Store {
    /// A run has ended: that, its alerts and the note of what was told of, all of it or nothing. A run ends once: where it
    /// had ended before, nothing is changed.
    ///
    /// # Errors
    /// SQLite's.
    pub fn end_run_with(&self, run: RunId, now: Timestamp, end: &RunEnd<'_>) -> Result<(), StoreError> {
        self.transaction(|c| {
            let sql = "UPDATE runs SET ended_at = ?2, exit_code = ?3, summary = ?4 WHERE id = ?1 AND ended_at IS NULL";
            if c.execute(sql, params![signed(run.0), signed(now.0), end.exit_code, end.summary])? == 0 {
                return Ok(());
            }
            run_facts::let_go(c, run)?;
            insert(c, end.alerts, now)?;
            end.announced.map_or(Ok(()), |text| Self::set_meta(c, ANNOUNCED, text))
        })
    }

    /// Alerts that do not wait for the end of a run. One that waits already is not put in again.
    ///
    /// # Errors
    /// SQLite's.
    pub fn enqueue_alerts(&self, alerts: &[NewAlert], now: Timestamp) -> Result<(), StoreError> {
        self.transaction(|c| insert(c, alerts, now))
    }

    /// How far a run has come that has not ended: what it did, and what is told of it so far.
    ///
    /// # Errors
    /// SQLite's.
    pub fn note_progress(&self, run: RunId, now: Timestamp, so_far: &RunEnd<'_>) -> Result<(), StoreError> {
        self.transaction(|c| {
            let sql = "UPDATE runs SET summary = ?2 WHERE id = ?1 AND ended_at IS NULL";
            c.execute(sql, params![signed(run.0), so_far.summary])?;
            insert(c, so_far.alerts, now)?;
            so_far.announced.map_or(Ok(()), |text| Self::set_meta(c, ANNOUNCED, text))
        })
    }

    /// What [`Store::end_run_with`] was last given as told of.
    ///
    /// # Errors
    /// SQLite's.
    pub fn announced(&self) -> Result<Option<String>, StoreError> {
        Self::meta(&self.connection, ANNOUNCED)
    }

    /// The alert whose turn it is at this receiver, due or not.
    ///
    /// # Errors
    /// SQLite's.
    pub fn first_alert(&self, hook: &str) -> Result<Option<WaitingAlert>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE hook = ?1 ORDER BY id LIMIT 1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([hook], waiting).optional()?)
    }

    /// Its receiver has confirmed it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn alert_delivered(&self, id: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// An attempt failed; the next one is not made before `next_at`.
    ///
    /// # Errors
    /// SQLite's.
    pub fn alert_put_off(&self, id: i64, next_at: Timestamp, error: &str) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET tries = tries + 1, next_at = ?2, error = ?3 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute(params![id, signed(next_at.0), error])?;
        Ok(())
    }

    /// What waits, by receiver, those included that the configuration does not name any more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn outbox_status(&self) -> Result<Vec<HookStatus>, StoreError> {
        let sql = "SELECT o.hook, n.waiting, o.created_at, o.tries, o.next_at, o.error FROM outbox o \
                   JOIN (SELECT hook, count(*) AS waiting, min(id) AS first FROM outbox GROUP BY hook) n ON n.first = o.id \
                   ORDER BY o.hook";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |r| {
            Ok(HookStatus {
                webhook: r.get(0)?,
                waiting: unsigned(r.get(1)?),
                oldest: Timestamp(unsigned(r.get(2)?)),
                tries: r.get(3)?,
                next_at: Timestamp(unsigned(r.get(4)?)),
                error: r.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Hands every alert that waits to `each`, receiver by receiver, in the order in which they go out.
    ///
    /// # Errors
    /// SQLite's.
    pub fn waiting_alerts(&self, hook: Option<&str>, mut each: impl FnMut(WaitingAlert)) -> Result<(), StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE ?1 IS NULL OR hook = ?1 ORDER BY hook, id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        for alert in statement.query_map([hook], waiting)? {
            each(alert?);
        }
        Ok(())
    }

    /// Forgets what waits for a receiver; answers how many alerts that were.
    ///
    /// # Errors
    /// SQLite's.
    pub fn drop_alerts(&self, hook: &str) -> Result<u64, StoreError> {
        Ok(self.connection.execute("DELETE FROM outbox WHERE hook = ?1", [hook])? as u64)
    }
}

fn insert(c: &Connection, alerts: &[NewAlert], now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO outbox (hook, event, body, created_at, next_at) SELECT ?1, ?2, ?3, ?4, ?4 \
               WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE hook = ?1 AND event = ?2)";
    let mut statement = c.prepare_cached(sql)?;
    for alert in alerts {
        statement.execute(params![alert.hook, alert.event, alert.body, signed(now.0)])?;
    }
    Ok(())
}

fn waiting(r: &Row<'_>) -> rusqlite::Result<WaitingAlert> {
    Ok(WaitingAlert {
        id: r.get(0)?,
        hook: r.get(1)?,
        event: r.get(2)?,
        body: r.get(3)?,
        created_at: Timestamp(unsigned(r.get(4)?)),
        tries: r.get(5)?,
        next_at: Timestamp(unsigned(r.get(6)?)),
        error: r.get(7)?,
    })
}
