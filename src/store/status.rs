//! How do things stand?

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::codec::{self, unsigned};
use super::{Store, StoreError};
use crate::model::{ObjectId, RouteName, TenantName, Timestamp};

/// At most so many held or failed people are listed by name; all are counted.
const LISTED_MAX: u32 = 50;

/// A tenant's watermark.
#[derive(Clone, Debug, Serialize)]
pub struct TenantStatus {
    /// Its name.
    pub tenant: TenantName,
    /// End of the last reading that ran to its end, RFC 3339.
    pub read_at: Option<String>,
    /// Milliseconds since 1970 of the same.
    #[serde(skip)]
    pub read: Option<Timestamp>,
    /// Readings that ran to their end.
    pub readings: u64,
    /// A reading was cut short, and goes on with the next cycle.
    pub interrupted: bool,
    /// Writes whose answer is not known.
    pub unanswered: u64,
}

/// One person who is not settled, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Unsettled {
    /// The home user.
    pub home: String,
    /// `held` or `failed`.
    pub state: String,
    /// Why.
    pub detail: String,
}

/// A route's links and what waits.
#[derive(Clone, Debug, Serialize)]
pub struct RouteStatus {
    /// Its name.
    pub route: String,
    /// Links with a known account.
    pub links: u64,
    /// Of these, provisioned by us.
    pub provisioned: u64,
    /// Of these, joined.
    pub joined: u64,
    /// Changes that are planned and not made yet.
    pub pending: u64,
    /// Seen, not decidable.
    pub held: u64,
    /// Tried, and refused by the tenant.
    pub failed: u64,
    /// Within a grace period.
    pub waiting: u64,
    /// Not considered yet.
    pub unseen: u64,
    /// The first of those held or failed.
    pub people: Vec<Unsettled>,
}

/// Everything that `status` shows of the store.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// By name.
    pub tenants: Vec<TenantStatus>,
    /// In the order of the configuration.
    pub routes: Vec<RouteStatus>,
}

impl Store {
    /// How things stand. Nothing here walks over all users.
    ///
    /// # Errors
    /// SQLite's.
    pub fn status(&self, tenants: &[TenantName], routes: &[RouteName]) -> Result<StatusReport, StoreError> {
        let tenants = tenants.iter().map(|t| self.tenant_status(t)).collect::<Result<_, _>>()?;
        let routes = routes.iter().map(|r| self.route_status(r)).collect::<Result<_, _>>()?;
        Ok(StatusReport { tenants, routes })
    }

    /// Home users who are held on a route.
    ///
    /// # Errors
    /// SQLite's; an id that cannot be read.
    pub fn held(&self, route: &RouteName) -> Result<BTreeSet<ObjectId>, StoreError> {
        let sql = "SELECT home FROM unsettled WHERE route = ?1 AND state = 'held'";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([self.route(route)?], |r| r.get::<_, Vec<u8>>(0))?;
        rows.map(|home| codec::object_id(&home?)).collect()
    }

    /// Sign-in name and reason of one who is not settled.
    ///
    /// # Errors
    /// SQLite's.
    pub fn why_unsettled(&self, route: &RouteName, home: &ObjectId) -> Result<Option<(String, String)>, StoreError> {
        let sql = "SELECT coalesce(o.attributes ->> '$.userPrincipalName', ''), u.detail FROM unsettled u \
                   LEFT JOIN observations o ON o.tenant = ?3 AND o.object = u.home WHERE u.route = ?1 AND u.home = ?2";
        let row = params![self.route(route)?, codec::object(home), self.tenant(&route.home)?.id];
        Ok(self.connection.prepare_cached(sql)?.query_row(row, |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
    }

    fn tenant_status(&self, tenant: &TenantName) -> Result<TenantStatus, StoreError> {
        let reading = self.reading(tenant)?;
        Ok(TenantStatus {
            tenant: tenant.clone(),
            read_at: reading.read_at.map(Timestamp::rfc3339),
            read: reading.read_at,
            readings: reading.readings,
            interrupted: reading.progress.is_some(),
            unanswered: self.open_asks(tenant)?.len() as u64,
        })
    }

    fn route_status(&self, route: &RouteName) -> Result<RouteStatus, StoreError> {
        let id = self.route(route)?;
        let count = |sql: &str, value: &dyn rusqlite::ToSql| -> Result<u64, StoreError> {
            Ok(unsigned(self.connection.prepare_cached(sql)?.query_row(params![id, value], |r| r.get(0))?))
        };
        let links = "SELECT count(*) FROM links WHERE route = ?1 AND account IS NOT NULL AND origin = ?2";
        let states = "SELECT count(*) FROM unsettled WHERE route = ?1 AND state = ?2";
        let (provisioned, joined) = (count(links, &0)?, count(links, &1)?);
        let sql = "SELECT o.attributes ->> '$.userPrincipalName', hex(u.home), u.state, u.detail FROM unsettled u \
                   JOIN routes r ON r.id = u.route \
                   LEFT JOIN observations o ON o.tenant = r.home AND o.object = u.home \
                   WHERE u.route = ?1 AND u.state IN ('held', 'failed') ORDER BY u.home LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let people = statement.query_map(params![id, LISTED_MAX], |r| {
            let home = r.get::<_, Option<String>>(0)?;
            let home = home.map_or_else(|| r.get::<_, String>(1), Ok)?;
            Ok(Unsettled { home, state: r.get(2)?, detail: r.get(3)? })
        })?;
        Ok(RouteStatus {
            route: route.to_string(),
            links: provisioned + joined,
            provisioned,
            joined,
            pending: count(states, &"pending")?,
            held: count(states, &"held")?,
            failed: count(states, &"failed")?,
            waiting: count(states, &"waiting")?,
            unseen: count(states, &"")?,
            people: people.collect::<Result<_, _>>()?,
        })
    }
}
