//! Had a write of ours asked for the same, just before?

use rusqlite::params;

use super::codec::signed;
use super::log::parse;
use super::observations::LAG_ALLOWANCE_SECONDS;
use super::{Ask, AskKind, LogEntry, Store, StoreError};
use crate::model::{ActionKind, ObjectId, REDACTED, Timestamp, Value};

impl Store {
    /// The request that had left the account as this one asks for, so short before it that readings may not have shown
    /// it yet: that the account is so proves nothing of this one then. `None` of an invitation, and where the account was
    /// otherwise.
    ///
    /// # Errors
    /// SQLite's, and entries that cannot be read.
    pub fn asked_before(&self, ask: &Ask) -> Result<Option<String>, StoreError> {
        let Some(account) = ask.account.as_ref().filter(|_| ask.kind != AskKind::Invite) else { return Ok(None) };
        // Whoever's manager loses the account has none any more, without any write.
        if let [(Some(manager), None)] = ask.edits.values().collect::<Vec<_>>()[..]
            && ask.kind == AskKind::Manager
            && let Some(manager) = manager.as_text().map(ObjectId::new)
            && let Some(entry) = self.written_lately(&ask.target_tenant, &manager, ask.at)?.first()
            && entry.action == ActionKind::Delete
        {
            return Ok(Some(entry.request_id.clone()));
        }
        let (mut open, mut last) = (ask.edits.clone(), None);
        for entry in self.written_lately(&ask.target_tenant, account, ask.at)? {
            if matches!(ask.kind, AskKind::Delete | AskKind::Restore) {
                let same = (ask.kind == AskKind::Delete) == (entry.action == ActionKind::Delete);
                match entry.action {
                    ActionKind::Delete | ActionKind::Restore => return Ok(same.then_some(entry.request_id)),
                    _ => continue,
                }
            }
            for (attribute, edit) in &entry.edits {
                let Some((_, after)) = open.get(attribute) else { continue };
                let hidden = edit.after.as_ref().and_then(Value::as_text) == Some(REDACTED);
                if !hidden && edit.after != *after {
                    return Ok(None);
                }
                open.remove(attribute);
                last.get_or_insert_with(|| entry.request_id.clone());
            }
            if open.is_empty() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    /// What was applied to the account within the lag allowance before this instant, the latest first.
    fn written_lately(&self, target: &str, account: &ObjectId, at: Timestamp) -> Result<Vec<LogEntry>, StoreError> {
        let since = at.0.saturating_sub(LAG_ALLOWANCE_SECONDS * 1_000);
        let sql = "SELECT at, body FROM log WHERE target = ?1 AND outcome = 'applied' ORDER BY seq DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (mut rows, mut found) = (statement.query(params![target])?, Vec::new());
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? < signed(since) {
                break;
            }
            let body = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            // Most entries are of somebody else, and need not be read.
            if !body.contains(account.as_str()) {
                continue;
            }
            let entry = parse(body)?;
            if entry.account.as_ref().is_some_and(|a| a.id == *account) {
                found.push(entry);
            }
        }
        Ok(found)
    }
}
