//! What else is known of one person: whose account is it, what became of the last attempt, and who might be meant?

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::codec;
use super::{LogEntry, Store, StoreError, log};
use crate::model::{Attribute, ObjectId, RouteName, TenantName, Value, folded};

/// Why a home user is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// `pending`, `held`, `failed` or `waiting`; empty where nobody has considered the user since something changed.
    pub state: String,
    /// The reason, as the last cycle put it.
    pub detail: String,
}

impl Store {
    /// The home user whose account it is, and the route.
    ///
    /// # Errors
    /// SQLite's.
    pub fn whose(&self, target: &TenantName, account: &ObjectId) -> Result<Option<(RouteName, ObjectId)>, StoreError> {
        let Some((id, home)) = self.holder(self.tenant(target)?.id, account)? else { return Ok(None) };
        let route = self.routes.borrow().iter().find(|(_, known)| **known == id).map(|(name, _)| name.clone());
        route.map(|route| Ok((route, codec::object_id(&home)?))).transpose()
    }

    /// Present accounts of a tenant whose value of the attribute, without regard to case, begins so; in the order of these
    /// values. Only of attributes by which accounts are looked up.
    ///
    /// # Errors
    /// SQLite's.
    pub fn bearers(
        &self,
        tenant: &TenantName,
        attribute: &Attribute,
        prefix: &str,
    ) -> Result<Vec<ObjectId>, StoreError> {
        let sql = "SELECT object FROM keys WHERE tenant = ?1 AND attribute = ?2 AND value >= ?3 AND value < ?4 \
                   ORDER BY value, object";
        let prefix = folded(prefix);
        // No text that begins with the prefix comes after this one.
        let end = format!("{prefix}{}", char::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![self.tenant(tenant)?.id, attribute.as_str(), prefix, end])?;
        let mut objects = Vec::new();
        while let Some(row) = rows.next()? {
            objects.push(codec::object_id(&row.get::<_, Vec<u8>>(0)?)?);
        }
        Ok(objects)
    }

    /// Why the user is not settled; `None` of one who is, and of a stranger.
    ///
    /// # Errors
    /// SQLite's.
    pub fn state_of(&self, route: &RouteName, home: &ObjectId) -> Result<Option<State>, StoreError> {
        let sql = "SELECT state, detail FROM unsettled WHERE route = ?1 AND home = ?2";
        let read = |r: &rusqlite::Row<'_>| Ok(State { state: r.get(0)?, detail: r.get(1)? });
        let row = params![self.route(route)?, codec::object(home)];
        Ok(self.connection.prepare_cached(sql)?.query_row(row, read).optional()?)
    }

    /// The last entries of the change log for the user on the route, the oldest of them first.
    ///
    /// # Errors
    /// SQLite's; an entry that cannot be read.
    pub fn last_entries(
        &self,
        route: &RouteName,
        home: &ObjectId,
        at_most: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        // From the end, and without reading what cannot be about the user: the log is as long as the store is old.
        let sql = "SELECT body, hash FROM log WHERE home = ?1 AND target = ?2 AND instr(body, ?3) ORDER BY seq DESC";
        let quoted = serde_json::to_string(home).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![route.home.as_str(), route.target.as_str(), quoted])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()?.filter(|_| entries.len() < at_most) {
            let entry = log::parse(&row.get::<_, String>(0)?)?;
            if entry.home.id == *home {
                entries.push(LogEntry { hash: row.get(1)?, ..entry });
            }
        }
        entries.reverse();
        Ok(entries)
    }

    /// Hands sign-in name and mail of every present user of a tenant to `each`. Rare and by hand: a scan.
    ///
    /// # Errors
    /// SQLite's.
    pub fn names(&self, tenant: &TenantName, mut each: impl FnMut(&str, &str)) -> Result<(), StoreError> {
        let sql = "SELECT attributes FROM observations WHERE tenant = ?1 AND presence = 0 ORDER BY external, object";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([self.tenant(tenant)?.id])?;
        while let Some(row) = rows.next()? {
            let attributes = codec::read_attributes(&row.get::<_, String>(0)?)?;
            let text = |name: &str| attributes.get(name).and_then(Value::as_text).unwrap_or_default();
            each(text(Attribute::USER_PRINCIPAL_NAME), text(Attribute::MAIL));
        }
        Ok(())
    }
}
