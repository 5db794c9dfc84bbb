//! What was a run, under which configuration and rules, and who stands for it?

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::codec::{signed, unsigned};
use super::log::hash_in;
use super::{Store, StoreError};
use crate::model::{RunId, Timestamp, Trigger};

/// Hashed before the facts of every run: no other text of ours can pass for them.
const DOMAIN: &[u8] = b"crosstie run facts v1\n";
/// In `meta`: tells this store from any other, and is never changed.
const STORE_ID: &str = "store_id";

/// What a process knows of a run when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The program's version.
    pub version: String,
    /// The machine.
    pub host: String,
    /// Who started the process, as the system names them.
    pub user: String,
    /// `sha256:…` over the bytes of the configuration file.
    pub config: String,
    /// `sha256:…` over the bytes of each rule set's file, by the rule set's name.
    pub rules: BTreeMap<String, String>,
}

/// The plan that a person let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Its digest.
    pub digest: String,
    /// Public keys of those who signed it; none where the digest alone was named.
    pub by: Vec<String>,
}

/// A run, as the entries of the change log that it wrote name it: by the hash of this. Field order is that of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Which run.
    pub run: u64,
    /// What set it off.
    pub trigger: Trigger,
    /// RFC 3339 in UTC.
    pub started_at: String,
    /// Which store: 32 hexadecimal digits, drawn when it was made.
    pub store: String,
    /// The program's version.
    pub version: String,
    /// The machine.
    pub host: String,
    /// Who started the process.
    pub user: String,
    /// Hash of the configuration file.
    pub config: String,
    /// Hash of each rule set's file.
    pub rules: BTreeMap<String, String>,
    /// The plan that a person let through, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

impl RunFacts {
    pub(super) fn of(
        c: &Connection,
        run: RunId,
        trigger: Trigger,
        now: Timestamp,
        circumstances: &Circumstances,
    ) -> Result<Self, StoreError> {
        let Circumstances { version, host, user, config, rules } = circumstances.clone();
        let store = Store::meta(c, STORE_ID)?.unwrap_or_default();
        let started_at = now.rfc3339();
        Ok(Self { run: run.0, trigger, started_at, store, version, host, user, config, rules, approved: None })
    }

    fn parse(body: &str) -> Result<Self, StoreError> {
        serde_json::from_str(body).map_err(|e| StoreError::Damaged(format!("the facts of a run: {e}")))
    }
}

/// The hash of the run's last facts; `None` of a run that said nothing of itself.
pub(super) fn of(c: &Connection, run: u64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT hash FROM run_facts WHERE run = ?1 ORDER BY place DESC LIMIT 1";
    Ok(c.prepare_cached(sql)?.query_row([signed(run)], |r| r.get(0)).optional()?)
}

/// The same, for an entry that is about to name it.
pub(super) fn named(c: &Connection, run: u64) -> Result<Option<String>, StoreError> {
    let Some(hash) = of(c, run)? else { return Ok(None) };
    c.prepare_cached("UPDATE run_facts SET named = 1 WHERE hash = ?1 AND named = 0")?.execute([&hash])?;
    Ok(Some(hash))
}

/// A run has ended: what no entry names goes, or a schedule that finds nothing to do would fill the store with it. Where writes
/// are still to be answered, entries may come.
pub(super) fn let_go(c: &Connection, run: RunId) -> Result<(), StoreError> {
    let sql = "DELETE FROM run_facts WHERE run = ?1 AND named = 0 AND NOT EXISTS (SELECT 1 FROM asked)";
    c.execute(sql, [signed(run.0)])?;
    Ok(())
}

fn body(c: &Connection, hash: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT body FROM run_facts WHERE hash = ?1";
    Ok(c.prepare_cached(sql)?.query_row([hash], |r| r.get(0)).optional()?)
}

/// From now on these are the run's facts. Former ones stay: entries name them.
pub(super) fn put_down(c: &Connection, facts: &RunFacts) -> Result<(), StoreError> {
    let body = serde_json::to_string(facts).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let hash = hash_in(DOMAIN, &body);
    if of(c, facts.run)?.as_ref() == Some(&hash) {
        return Ok(());
    }
    let sql = "INSERT INTO run_facts (run, place, hash, body) \
               SELECT ?1, coalesce(max(place), 0) + 1, ?2, ?3 FROM run_facts WHERE run = ?1";
    c.execute(sql, params![signed(facts.run), hash, body])?;
    Ok(())
}

pub(super) fn approve(c: &Connection, run: RunId, digest: &str, by: &[String]) -> Result<(), StoreError> {
    let Some(hash) = of(c, run.0)? else { return Ok(()) };
    let body = body(c, &hash)?.ok_or_else(|| StoreError::Damaged(format!("the facts of run {run} are missing")))?;
    let approved = Some(Approved { digest: digest.to_owned(), by: by.to_vec() });
    put_down(c, &RunFacts { approved, ..RunFacts::parse(&body)? })
}

/// Facts that were found to be what they were: many entries in a row name the same ones.
pub(super) struct Checked<'c> {
    connection: &'c Connection,
    last: Option<(String, u64)>,
}

impl<'c> Checked<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, last: None }
    }

    /// What is wrong with the facts that an entry of this run names?
    pub(super) fn fault(&mut self, hash: Option<&str>, named_by: u64) -> Result<Option<String>, StoreError> {
        let Some(hash) = hash else { return Ok(None) };
        if self.last.as_ref().is_some_and(|(known, run)| known == hash && *run == named_by) {
            return Ok(None);
        }
        let fault = |what: &str| Ok(Some(format!("the facts of its run, {hash}, {what}")));
        let Some(body) = body(self.connection, hash)? else { return fault("are missing") };
        if hash_in(DOMAIN, &body) != hash {
            return fault("were changed");
        }
        match RunFacts::parse(&body) {
            Ok(facts) if facts.run == named_by => {
                self.last = Some((hash.to_owned(), named_by));
                Ok(None)
            }
            _ => fault("are those of another run"),
        }
    }
}

impl Store {
    /// What tells this store from any other.
    ///
    /// # Errors
    /// SQLite's.
    pub fn store_id(&self) -> Result<String, StoreError> {
        Ok(Self::meta(&self.connection, STORE_ID)?.unwrap_or_default())
    }

    /// The facts with this hash; `None` where there are none, or they are not what they were.
    ///
    /// # Errors
    /// SQLite's.
    pub fn run_facts(&self, hash: &str) -> Result<Option<RunFacts>, StoreError> {
        let body = body(&self.connection, hash)?.filter(|body| hash_in(DOMAIN, body) == hash);
        Ok(body.and_then(|body| RunFacts::parse(&body).ok()))
    }

    /// Hands the facts of every run to `each`, run by run: the hash, and the text that was hashed.
    ///
    /// # Errors
    /// SQLite's.
    pub fn all_run_facts(&self, mut each: impl FnMut(RunId, &str, &str) -> bool) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare("SELECT run, hash, body FROM run_facts ORDER BY run, place")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (run, hash, body): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if !each(RunId(unsigned(run)), &hash, &body) {
                break;
            }
        }
        Ok(())
    }
}
