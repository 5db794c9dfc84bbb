//! Which values that must be unique does nobody else have, and who is about to get them?

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::codec;
use super::{Store, StoreError};
use crate::model::{Attribute, ObjectId, RouteName, TenantName, folded};

/// Lives as long as the connection: a claim is part of a plan, and plans are made anew each cycle.
pub(super) fn set_up(c: &Connection) -> Result<(), StoreError> {
    c.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS claims (
           target INTEGER NOT NULL, attribute TEXT NOT NULL, value TEXT NOT NULL,
           route INTEGER NOT NULL, home BLOB NOT NULL,
           PRIMARY KEY (target, attribute, value)
         ) WITHOUT ROWID",
    )?;
    Ok(())
}

impl Store {
    /// Nothing is claimed any more: a new plan begins.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_claims(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM claims")?.execute([])?;
        Ok(())
    }

    /// This home user is about to get the value: from now on it counts as taken for everybody else.
    ///
    /// # Errors
    /// SQLite's.
    pub fn claim(
        &self,
        route: &RouteName,
        home: &ObjectId,
        attribute: &Attribute,
        value: &str,
    ) -> Result<(), StoreError> {
        let (target, home) = (self.tenant(&route.target)?.id, codec::object(home));
        let route = self.route(route)?;
        let before = "DELETE FROM claims WHERE target = ?1 AND attribute = ?2 AND route = ?3 AND home = ?4";
        self.connection.prepare_cached(before)?.execute(params![target, attribute.as_str(), route, home])?;
        let sql = "INSERT OR REPLACE INTO claims (target, attribute, value, route, home) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.connection.prepare_cached(sql)?.execute(params![
            target,
            attribute.as_str(),
            folded(value),
            route,
            home
        ])?;
        Ok(())
    }

    /// Of these values, those that another account of the target has, or that another home user is about to get there;
    /// ignoring case. `own` is the account that they are asked for, where it stands already.
    pub(super) fn taken(
        &self,
        route: &RouteName,
        home: &ObjectId,
        own: Option<&ObjectId>,
        attribute: &Attribute,
        values: &[String],
    ) -> Result<BTreeSet<String>, StoreError> {
        let tenant: &TenantName = &route.target;
        let target = self.tenant(tenant)?.id;
        let (route, home, own) = (self.route(route)?, codec::object(home), own.map(codec::object));
        let sql = "SELECT EXISTS (SELECT 1 FROM keys WHERE tenant = ?1 AND attribute = ?2 AND value = ?3 AND object IS NOT ?4) \
                   OR EXISTS (SELECT 1 FROM claims WHERE target = ?1 AND attribute = ?2 AND value = ?3 \
                   AND NOT (route = ?5 AND home = ?6))";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut taken = BTreeSet::new();
        for value in values.iter().map(|value| folded(value)) {
            let row = params![target, attribute.as_str(), value, own, route, home];
            if statement.query_row(row, |r| r.get(0))? {
                taken.insert(value);
            }
        }
        Ok(taken)
    }
}
