//! Which runs were there?

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{signed, unsigned};
use super::{Circumstances, RunFacts, Store, StoreError, run_facts};
use crate::model::{RunId, Timestamp, Trigger};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its number.
    pub id: RunId,
    /// What set it off.
    pub trigger: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None`: it is under way, or was killed.
    pub ended_at: Option<Timestamp>,
    /// The exit code that it led to.
    pub exit_code: Option<u8>,
    /// What it did, as a JSON object.
    pub summary: String,
}

impl Store {
    /// A run begins.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin_run(&self, trigger: Trigger, now: Timestamp) -> Result<RunId, StoreError> {
        begin(&self.connection, trigger, now)
    }

    /// The same, of a run that says what it is: entries of the change log will name it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin_run_in(
        &self,
        circumstances: &Circumstances,
        trigger: Trigger,
        now: Timestamp,
    ) -> Result<RunId, StoreError> {
        self.transaction(|c| {
            let run = begin(c, trigger, now)?;
            run_facts::put_down(c, &RunFacts::of(c, run, trigger, now, circumstances)?)?;
            Ok(run)
        })
    }

    /// A person has let the run's plan through. What it writes is theirs from then on, also if it is killed: the run's facts
    /// name them, and every entry of the change log that follows names these facts.
    ///
    /// # Errors
    /// SQLite's.
    pub fn note_approval(&self, run: RunId, digest: &str, by: &[String]) -> Result<(), StoreError> {
        let text = serde_json::to_string(by).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let sql =
            "UPDATE runs SET summary = json_set(summary, '$.approved', ?2, '$.approved_by', json(?3)) WHERE id = ?1";
        self.transaction(|c| {
            c.execute(sql, params![signed(run.0), digest, text])?;
            run_facts::approve(c, run, digest, by)
        })
    }

    /// A run has ended.
    ///
    /// # Errors
    /// SQLite's.
    pub fn end_run(&self, run: RunId, now: Timestamp, exit_code: u8, summary: &str) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET ended_at = ?2, exit_code = ?3, summary = ?4 WHERE id = ?1";
        self.connection.execute(sql, params![signed(run.0), signed(now.0), exit_code, summary])?;
        Ok(())
    }

    /// When the last run ended that was not cut short: whose exit code is not 1.
    ///
    /// # Errors
    /// SQLite's.
    pub fn last_success(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT ended_at FROM runs WHERE ended_at IS NOT NULL AND exit_code <> 1 ORDER BY id DESC LIMIT 1";
        let ended: Option<i64> = self.connection.prepare_cached(sql)?.query_row([], |r| r.get(0)).optional()?;
        Ok(ended.map(|at| Timestamp(unsigned(at))))
    }

    /// The last runs, newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn last_runs(&self, at_most: u32) -> Result<Vec<RunRow>, StoreError> {
        let sql = "SELECT id, cause, started_at, ended_at, exit_code, summary FROM runs ORDER BY id DESC LIMIT ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([at_most], row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Runs between these two that began and never ended, the last `at_most` of them, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unended_runs(&self, after: RunId, before: RunId, at_most: u32) -> Result<Vec<RunRow>, StoreError> {
        let sql = "SELECT id, cause, started_at, ended_at, exit_code, summary FROM runs \
                   WHERE ended_at IS NULL AND id > ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![signed(after.0), signed(before.0), at_most], row)?;
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        rows.reverse();
        Ok(rows)
    }
}

fn begin(c: &Connection, trigger: Trigger, now: Timestamp) -> Result<RunId, StoreError> {
    let cause = match trigger {
        Trigger::Manual => "manual",
        Trigger::Schedule => "schedule",
        Trigger::Undo => "undo",
        Trigger::Adopt => "adopt",
    };
    let sql = "INSERT INTO runs (cause, started_at) VALUES (?1, ?2)";
    c.execute(sql, params![cause, signed(now.0)])?;
    Ok(RunId(unsigned(c.last_insert_rowid())))
}

fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: RunId(unsigned(r.get(0)?)),
        trigger: r.get(1)?,
        started_at: Timestamp(unsigned(r.get(2)?)),
        ended_at: r.get::<_, Option<i64>>(3)?.map(|n| Timestamp(unsigned(n))),
        exit_code: r.get(4)?,
        summary: r.get(5)?,
    })
}
