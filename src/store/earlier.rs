//! What did we write to an account, just before?

use rusqlite::params;

use super::codec::{self, signed};
use super::log::parse;
use super::observations::LAG_ALLOWANCE_SECONDS;
use super::{LogEntry, Store, StoreError};
use crate::model::{ActionKind, ObjectId, Timestamp};

impl Store {
    /// What was applied to the account, or may have been, since the lag allowance before this instant, the latest first:
    /// readings may not have shown it yet.
    ///
    /// # Errors
    /// SQLite's, and entries that cannot be read.
    pub fn written_lately(&self, target: &str, account: &ObjectId, at: Timestamp) -> Result<Vec<LogEntry>, StoreError> {
        self.lately(target, account, at, |entry| entry.account.as_ref().is_some_and(|a| a.id == *account))
    }

    /// The last invitation of the home user into the target since the lag allowance before this instant of which nobody knows
    /// whether it was made.
    ///
    /// # Errors
    /// SQLite's, and entries that cannot be read.
    pub fn invited_lately(&self, target: &str, home: &ObjectId, at: Timestamp) -> Result<Option<LogEntry>, StoreError> {
        let invites = |entry: &LogEntry| {
            entry.home.id == *home && entry.action == ActionKind::Provision && entry.outcome == "unknown"
        };
        Ok(self.lately(target, home, at, invites)?.into_iter().next())
    }

    /// The latest first; whose text does not name the object is passed over.
    fn lately(
        &self,
        target: &str,
        named: &ObjectId,
        at: Timestamp,
        counts: impl Fn(&LogEntry) -> bool,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let since = at.0.saturating_sub(LAG_ALLOWANCE_SECONDS * 1_000);
        let sql = "SELECT at, body FROM log WHERE target = ?1 AND outcome IN ('applied', 'unknown') ORDER BY seq DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (mut rows, mut found) = (statement.query(params![target])?, Vec::new());
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? < signed(since) {
                break;
            }
            let body = codec::text(row, 1)?;
            // Most entries are of somebody else, and need not be read.
            if !body.contains(named.as_str()) {
                continue;
            }
            let entry = parse(body)?;
            if counts(&entry) {
                found.push(entry);
            }
        }
        Ok(found)
    }
}
