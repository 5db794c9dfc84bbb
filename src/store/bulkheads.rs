//! Which tenants are left alone for a while, and which routes are quarantined or refused by the guard?

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::codec::{rfc3339, signed, unsigned};
use super::{Store, StoreError};
use crate::model::{RouteName, TenantName, Timestamp};

/// Which side of a tenant?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// Its users are read.
    Reading,
    /// Accounts are written into it.
    Writing,
}

impl Door {
    /// As the store, logs and metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Reading => "reading",
            Door::Writing => "writing",
        }
    }
}

/// A tenant from which nothing but faults came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// How often in a row.
    pub failures: u32,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// Nothing is asked of it before.
    #[serde(serialize_with = "rfc3339")]
    pub open_until: Timestamp,
    /// The last fault.
    pub reason: String,
}

/// Which part of a route? A refused invitation never stops a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoutePart {
    /// Deletions, blocks, links that end.
    Leavers,
    /// Everything else.
    Others,
}

impl RoutePart {
    /// As the store, logs and metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            RoutePart::Leavers => "leavers",
            RoutePart::Others => "others",
        }
    }
    fn read(text: &str) -> Self {
        if text == "leavers" { RoutePart::Leavers } else { RoutePart::Others }
    }
}

/// A route on which the same error met one person after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// Probes that failed.
    pub probes: u32,
    /// When one change is let through to see whether it works again.
    #[serde(serialize_with = "rfc3339")]
    pub probe_at: Timestamp,
    /// The error's code.
    pub code: String,
    /// The error, and how many it met.
    pub reason: String,
}

/// A route of which the guard let nothing through when it was planned last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// The limits that its plan is over.
    pub why: Vec<String>,
}

/// In `meta`: that the guard refused the route.
fn refused_name(route: &RouteName) -> String {
    format!("refused {route}")
}

fn time(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<Timestamp> {
    r.get::<_, i64>(i).map(|n| Timestamp(unsigned(n)))
}

impl Store {
    /// The tenant's breaker, if it is not whole.
    ///
    /// # Errors
    /// SQLite's.
    pub fn breaker(&self, tenant: &TenantName, door: Door) -> Result<Option<Breaker>, StoreError> {
        let sql = "SELECT failures, since, open_until, reason FROM breakers WHERE tenant = ?1 AND door = ?2";
        let row = params![self.tenant(tenant)?.id, door.as_str()];
        let read = |r: &rusqlite::Row<'_>| {
            let failures = u32::try_from(r.get::<_, i64>(0)?).unwrap_or(u32::MAX);
            Ok(Breaker { failures, since: time(r, 1)?, open_until: time(r, 2)?, reason: r.get(3)? })
        };
        Ok(self.connection.prepare_cached(sql)?.query_row(row, read).optional()?)
    }

    /// From now on the tenant is left alone like this.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open_breaker(&self, tenant: &TenantName, door: Door, breaker: &Breaker) -> Result<(), StoreError> {
        let sql = "INSERT INTO breakers (tenant, door, failures, since, open_until, reason) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                   ON CONFLICT DO UPDATE SET failures = ?3, since = ?4, open_until = ?5, reason = ?6";
        let (since, until) = (signed(breaker.since.0), signed(breaker.open_until.0));
        let row = params![self.tenant(tenant)?.id, door.as_str(), breaker.failures, since, until, breaker.reason];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// The tenant works again. Answers whether it did not before.
    ///
    /// # Errors
    /// SQLite's.
    pub fn close_breaker(&self, tenant: &TenantName, door: Door) -> Result<bool, StoreError> {
        let sql = "DELETE FROM breakers WHERE tenant = ?1 AND door = ?2";
        let row = params![self.tenant(tenant)?.id, door.as_str()];
        Ok(self.connection.prepare_cached(sql)?.execute(row)? > 0)
    }

    /// The quarantined parts of a route.
    ///
    /// # Errors
    /// SQLite's.
    pub fn quarantines(&self, route: &RouteName) -> Result<BTreeMap<RoutePart, Quarantine>, StoreError> {
        let sql = "SELECT part, since, probes, probe_at, code, reason FROM quarantines WHERE route = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([self.route(route)?], |r| {
            let probes = u32::try_from(r.get::<_, i64>(2)?).unwrap_or(u32::MAX);
            let (code, reason) = (r.get(4)?, r.get(5)?);
            let quarantine = Quarantine { since: time(r, 1)?, probes, probe_at: time(r, 3)?, code, reason };
            Ok((RoutePart::read(&r.get::<_, String>(0)?), quarantine))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// From now on this part of the route is quarantined like this.
    ///
    /// # Errors
    /// SQLite's.
    pub fn quarantine(&self, route: &RouteName, part: RoutePart, quarantine: &Quarantine) -> Result<(), StoreError> {
        let sql = "INSERT INTO quarantines (route, part, since, probes, probe_at, code, reason) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                   ON CONFLICT DO UPDATE SET since = ?3, probes = ?4, probe_at = ?5, code = ?6, reason = ?7";
        let Quarantine { since, probes, probe_at, code, reason } = quarantine;
        let (since, probe_at) = (signed(since.0), signed(probe_at.0));
        let row = params![self.route(route)?, part.as_str(), since, probes, probe_at, code, reason];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// The route works again. Answers whether it did not before.
    ///
    /// # Errors
    /// SQLite's.
    pub fn lift_quarantine(&self, route: &RouteName, part: RoutePart) -> Result<bool, StoreError> {
        let sql = "DELETE FROM quarantines WHERE route = ?1 AND part = ?2";
        Ok(self.connection.prepare_cached(sql)?.execute(params![self.route(route)?, part.as_str()])? > 0)
    }

    /// The quarantined part is probed with the next cycle. Answers whether it is quarantined and would have waited.
    ///
    /// # Errors
    /// SQLite's.
    pub fn probe_now(&self, route: &RouteName, part: RoutePart) -> Result<bool, StoreError> {
        let sql = "UPDATE quarantines SET probe_at = 0, probes = 0 WHERE route = ?1 AND part = ?2 AND probe_at > 0";
        Ok(self.connection.prepare_cached(sql)?.execute(params![self.route(route)?, part.as_str()])? > 0)
    }

    /// The tenant is asked again with the next cycle. Answers whether it would have waited.
    ///
    /// # Errors
    /// SQLite's.
    pub fn rest_no_longer(&self, tenant: &TenantName, door: Door) -> Result<bool, StoreError> {
        let sql = "UPDATE breakers SET open_until = 0 WHERE tenant = ?1 AND door = ?2 AND open_until > 0";
        Ok(self.connection.prepare_cached(sql)?.execute(params![self.tenant(tenant)?.id, door.as_str()])? > 0)
    }

    /// The guard's last word on the route, where it was a refusal.
    ///
    /// # Errors
    /// SQLite's.
    pub fn refused(&self, route: &RouteName) -> Result<Option<Refused>, StoreError> {
        let text = Self::meta(&self.connection, &refused_name(route))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The guard has looked at the route: `why` it refuses it; nothing where it lets it through.
    ///
    /// # Errors
    /// SQLite's.
    pub fn guarded(&self, route: &RouteName, why: &[String], now: Timestamp) -> Result<(), StoreError> {
        let before = self.refused(route)?;
        if why.is_empty() {
            let sql = "DELETE FROM meta WHERE name = ?1";
            // Mostly there is nothing to forget, and then nothing is written.
            return match before {
                None => Ok(()),
                Some(_) => self.connection.execute(sql, [refused_name(route)]).map(drop).map_err(StoreError::from),
            };
        }
        let since = before.map_or_else(|| now.rfc3339(), |before| before.since);
        let refused = Refused { since, why: why.to_vec() };
        let text = serde_json::to_string(&refused).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Self::set_meta(&self.connection, &refused_name(route), &text)
    }

    /// When a schedule last came due for the route.
    ///
    /// # Errors
    /// SQLite's.
    pub fn last_tick(&self, route: &RouteName) -> Result<Option<Timestamp>, StoreError> {
        let text = Self::meta(&self.connection, &format!("tick {route}"))?;
        Ok(text.and_then(|text| text.parse().ok()).map(Timestamp))
    }

    /// It is as if a schedule had never come due for the route.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_tick(&self, route: &RouteName) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM meta WHERE name = ?1")?.execute([format!("tick {route}")])?;
        Ok(())
    }

    /// A schedule has come due for the route.
    ///
    /// # Errors
    /// SQLite's.
    pub fn ticked(&self, route: &RouteName, at: Timestamp) -> Result<(), StoreError> {
        Self::set_meta(&self.connection, &format!("tick {route}"), &at.0.to_string())
    }
}
