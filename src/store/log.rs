//! What was done, and can the record be trusted?

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::codec::{signed, unsigned};
use super::erasures::{self, Item};
use super::filter::{Filter, passes, sql_of};
use super::{Store, StoreError, run_facts};
use crate::model::{ActionKind, Attribute, ObjectId, RouteName, Timestamp, Trigger, Value, WriteError};

/// Hashed before every entry: no other text of ours can pass for an entry.
const DOMAIN: &[u8] = b"crosstie change log v1\n";
/// What the first entry names as its predecessor.
pub(super) const GENESIS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// What an entry names as its predecessor where there are some, and the record of the last one is gone: no hash is this one.
const HEADLESS: &str = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
/// In `meta`: number and hash of the last entry. A log whose tail was cut does not end there.
pub(super) const HEAD: &str = "log_head";

/// Every column of the log, in the order in which it is read.
pub(super) const COLUMNS: &str = "seq, at, run, home, target, action, outcome, body, hash";

/// Before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditEntry {
    /// What the account had, as far as we knew.
    pub before: Option<Value>,
    /// What was written.
    pub after: Option<Value>,
}

/// A user or account in an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// In which tenant.
    pub tenant: String,
    /// Its object id there.
    pub id: ObjectId,
    /// Its sign-in name, for home users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
}

/// One write that was tried. Field order is the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Counted up by one, without gaps.
    pub seq: u64,
    /// When its outcome was known, RFC 3339 in UTC.
    pub at: String,
    /// Of which run.
    pub run: u64,
    /// What set the run off.
    pub trigger: Trigger,
    /// On which route.
    pub route: String,
    /// Whose rule set asked for it.
    pub rules: String,
    /// What.
    pub action: ActionKind,
    /// For whom.
    pub home: Party,
    /// On which account, where one is known.
    pub account: Option<Party>,
    /// What was written.
    pub edits: BTreeMap<Attribute, EditEntry>,
    /// Why.
    pub why: String,
    /// `applied`, `failed` or `unknown`.
    pub outcome: String,
    /// For `failed` and `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<WriteError>,
    /// Our `client-request-id`; empty where no request was needed.
    pub request_id: String,
    /// Hash of the run's [`RunFacts`](super::RunFacts); entries that an older crosstie wrote have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<String>,
    /// Hash of the entry before.
    pub previous: String,
    /// Hash of this entry; not part of what is hashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

pub(super) fn hash(body: &str) -> String {
    hash_in(DOMAIN, body)
}

/// `sha256:…` over a text that only stands for what `domain` says.
pub(super) fn hash_in(domain: &[u8], body: &str) -> String {
    format!("sha256:{:x}", Sha256::new().chain_update(domain).chain_update(body.as_bytes()).finalize())
}

/// `17 sha256:…`
pub(super) fn parse_head(text: &str) -> Option<(u64, String)> {
    let (seq, hash) = text.split_once(' ')?;
    Some((seq.parse().ok()?, hash.to_owned()))
}

/// One row of the log.
pub(super) struct Row<'r> {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) run: u64,
    pub(super) home: &'r str,
    pub(super) target: &'r str,
    pub(super) action: &'r str,
    pub(super) outcome: &'r str,
    pub(super) body: &'r str,
    pub(super) hash: &'r str,
}

/// Number of the next entry, and the hash that it names as the one before.
pub(super) fn next(c: &Connection) -> Result<(u64, String), StoreError> {
    let sql = "SELECT seq FROM log ORDER BY seq DESC LIMIT 1";
    let last: Option<i64> = c.prepare_cached(sql)?.query_row([], |r| r.get(0)).optional()?;
    let last = last.map_or(0, unsigned);
    // What we wrote last is where the chain goes on, whatever stands in the table: an entry after a cut or a forged tail
    // must not mend the chain, and neither may one after a lost record of its end.
    let (seq, previous) = match Store::meta(c, HEAD)? {
        Some(text) => parse_head(&text).unwrap_or((last, HEADLESS.to_owned())),
        None if last == 0 => (0, GENESIS.to_owned()),
        None => (last, HEADLESS.to_owned()),
    };
    Ok((seq.max(last) + 1, previous))
}

pub(super) fn insert(c: &Connection, row: &Row<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO log (seq, at, run, home, target, action, outcome, body, hash) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let Row { seq, at, run, home, target, action, outcome, body, hash } = row;
    let (number, at, run) = (signed(*seq), signed(at.0), signed(*run));
    c.prepare_cached(sql)?.execute(params![number, at, run, home, target, action, outcome, body, hash])?;
    Store::set_meta(c, HEAD, &format!("{seq} {hash}"))
}

/// Appends; `entry.seq`, `facts`, `previous` and `hash` are filled in here.
pub(super) fn append(c: &Connection, mut entry: LogEntry, at: Timestamp) -> Result<LogEntry, StoreError> {
    (entry.seq, entry.previous) = next(c)?;
    entry.facts = run_facts::named(c, entry.run)?;
    entry.hash = String::new();
    let body = serde_json::to_string(&entry).map_err(|e| StoreError::Damaged(e.to_string()))?;
    entry.hash = hash(&body);
    let (home, target) = entry.route.split_once("->").unwrap_or((entry.route.as_str(), ""));
    let LogEntry { seq, run, action, outcome, hash, .. } = &entry;
    insert(c, &Row { seq: *seq, at, run: *run, home, target, action: action.as_str(), outcome, body: &body, hash })?;
    Ok(entry)
}

impl Store {
    /// Hands every write that passes the filter to `each`, in order, until it returns false. Those whose text was erased are
    /// left out.
    ///
    /// # Errors
    /// SQLite's; an entry that cannot be read.
    pub fn log(&self, filter: &Filter, mut each: impl FnMut(LogEntry) -> bool) -> Result<(), StoreError> {
        self.log_items(filter, |item| match item {
            Item::Write(entry) => each(*entry),
            Item::Erased(_) | Item::Tombstone(_) => true,
        })
    }

    /// The same, with what is left of erased entries, and what says so where nothing is asked for that it has none of.
    ///
    /// # Errors
    /// SQLite's; an entry that cannot be read.
    pub fn log_items(&self, filter: &Filter, mut each: impl FnMut(Item) -> bool) -> Result<(), StoreError> {
        let (condition, values) = sql_of(filter);
        let sql = format!("SELECT {COLUMNS} FROM log WHERE {condition} ORDER BY seq");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let item = erasures::item(row)?;
            if passes(&item, filter) && !each(item) {
                break;
            }
        }
        Ok(())
    }

    /// The hash of the entry with this number, as the store has it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn log_hash(&self, seq: u64) -> Result<Option<String>, StoreError> {
        let sql = "SELECT hash FROM log WHERE seq = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([signed(seq)], |r| r.get(0)).optional()?)
    }

    /// The entry with this number.
    ///
    /// # Errors
    /// SQLite's; an entry that cannot be read.
    pub fn log_item(&self, seq: u64) -> Result<Option<Item>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM log WHERE seq = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([signed(seq)])?;
        rows.next()?.map(erasures::item).transpose()
    }

    /// Everybody at home who is meant by an object id, a sign-in name or the id of an account, whichever they had when an
    /// entry was written: tenant and object id.
    ///
    /// # Errors
    /// SQLite's; an entry that cannot be read.
    pub fn people_named(&self, user: &str) -> Result<BTreeSet<(String, ObjectId)>, StoreError> {
        let mut people = BTreeSet::new();
        let filter = Filter { user: Some(user.to_owned()), ..Filter::default() };
        self.log(&filter, |entry| {
            people.insert((entry.home.tenant, entry.home.id));
            true
        })?;
        Ok(people)
    }

    /// Hands every write on the route that was made since, oldest first, to `each`: of runs that no person let through, and
    /// of these kinds.
    ///
    /// # Errors
    /// SQLite's; an entry that cannot be read.
    pub fn applied_since(
        &self,
        route: &RouteName,
        since: Timestamp,
        kinds: &[ActionKind],
        mut each: impl FnMut(LogEntry),
    ) -> Result<(), StoreError> {
        // The log is as long as the store is old, and has no index but its order: entries are in the order of time.
        let sql = "SELECT body, at, action FROM log WHERE home = ?1 AND target = ?2 AND outcome = 'applied' AND body LIKE '{%' \
                   AND run NOT IN (SELECT id FROM runs WHERE json_extract(summary, '$.approved') IS NOT NULL \
                   AND id >= (SELECT run FROM log WHERE seq > ?3 ORDER BY seq LIMIT 1)) \
                   AND seq > ?3 ORDER BY seq";
        let after = signed(self.first_since(since)?.saturating_sub(1));
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![route.home.as_str(), route.target.as_str(), after])?;
        while let Some(row) = rows.next()? {
            let (at, action): (i64, String) = (row.get(1)?, row.get(2)?);
            if unsigned(at) >= since.0 && ActionKind::parse(&action).is_some_and(|kind| kinds.contains(&kind)) {
                each(parse(&row.get::<_, String>(0)?)?);
            }
        }
        Ok(())
    }

    /// The number of the first entry that is not older; one behind the last where all are.
    fn first_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        let edge = |sql: &str| -> Result<u64, StoreError> {
            Ok(unsigned(self.connection.prepare_cached(sql)?.query_row([], |r| r.get(0))?))
        };
        let mut low = edge("SELECT COALESCE(MIN(seq), 1) FROM log")?;
        let mut high = edge("SELECT COALESCE(MAX(seq), 0) + 1 FROM log")?;
        let sql = "SELECT at FROM log WHERE seq >= ?1 ORDER BY seq LIMIT 1";
        while low < high {
            let middle = low.midpoint(high);
            let at: Option<i64> =
                self.connection.prepare_cached(sql)?.query_row([signed(middle)], |r| r.get(0)).optional()?;
            if at.is_some_and(|at| unsigned(at) < since.0) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Number and hash of the last entry; `None` before the first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn log_head(&self) -> Result<Option<(u64, String)>, StoreError> {
        Ok(Self::meta(&self.connection, HEAD)?.as_deref().and_then(parse_head))
    }
}

pub(super) fn parse(body: &str) -> Result<LogEntry, StoreError> {
    serde_json::from_str(body).map_err(|e| StoreError::Damaged(format!("a change-log entry: {e}")))
}
