//! How do things stand?

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::codec::{self, maybe_rfc3339, unsigned};
use super::{Breaker, Door, Quarantine, Refused, RoutePart, Store, StoreError};
use crate::model::{ObjectId, RouteName, TenantName, Timestamp};

/// At most so many held or failed people are listed by name; all are counted.
const LISTED_MAX: u32 = 50;
/// In `meta`: who writes the store, as JSON.
const WRITER: &str = "writer";

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
    /// Its doors at which nothing but faults came last.
    pub breakers: BTreeMap<Door, Breaker>,
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
    /// How often in a row it failed.
    pub tries: u32,
    /// Where it failed: it is not tried before. Nothing: with the next cycle.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub next_try: Option<Timestamp>,
}

/// What waits in one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InLane {
    /// Changes.
    pub changes: u64,
    /// Object writes that they take in all.
    pub writes: u64,
    /// Since when the oldest waits.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub since: Option<Timestamp>,
}

/// A route's links and what waits.
#[derive(Clone, Debug, Serialize)]
pub struct RouteStatus {
    /// Its name.
    pub route: String,
    /// Home and target.
    #[serde(skip)]
    pub name: RouteName,
    /// Links with a known account.
    pub links: u64,
    /// Of these, provisioned by us.
    pub provisioned: u64,
    /// Of these, joined.
    pub joined: u64,
    /// Changes that are planned and not made yet.
    pub pending: u64,
    /// The same by the lane in which they wait.
    pub lanes: BTreeMap<String, InLane>,
    /// Seen, not decidable.
    pub held: u64,
    /// Tried, and refused by the tenant.
    pub failed: u64,
    /// When the first of those who failed is tried again; where somebody is tried with the next cycle, nothing.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub next_try: Option<Timestamp>,
    /// Within a grace period.
    pub waiting: u64,
    /// When the first of these grace periods ends, RFC 3339.
    pub waiting_until: Option<String>,
    /// Not considered yet.
    pub unseen: u64,
    /// The guard let nothing of it through when it was planned last.
    pub refused: Option<Refused>,
    /// Parts of it that are stopped, but for a probe now and then.
    pub quarantined: BTreeMap<RoutePart, Quarantine>,
    /// The first of those held or failed.
    pub people: Vec<Unsettled>,
}

/// Who writes the store. It was opened to be written, and not closed again: at work, or dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterStatus {
    /// On whose behalf.
    #[serde(default)]
    pub user: String,
    /// On which machine.
    #[serde(default)]
    pub host: String,
    /// The process's number there.
    #[serde(default)]
    pub pid: u32,
    /// What it does.
    #[serde(default)]
    pub verb: String,
    /// Since when, RFC 3339.
    #[serde(default)]
    pub since: String,
    /// Its last sign of life, RFC 3339.
    #[serde(default)]
    pub seen: String,
}

/// Everything that `status` shows of the store.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// By name.
    pub tenants: Vec<TenantStatus>,
    /// In the order of the configuration.
    pub routes: Vec<RouteStatus>,
    /// Who writes it.
    pub writer: Option<WriterStatus>,
}

/// What `unsettled` holds of one route: by state, and of pending changes by lane.
#[derive(Debug, Default)]
struct Counts {
    states: BTreeMap<String, u64>,
    lanes: BTreeMap<String, InLane>,
    next_try: Option<Timestamp>,
    waiting_until: Option<String>,
}

fn try_at(not_before: i64) -> Option<Timestamp> {
    (not_before > 0).then_some(Timestamp(unsigned(not_before)))
}

impl Counts {
    fn of(&self, state: &str) -> u64 {
        self.states.get(state).copied().unwrap_or(0)
    }
}

impl Store {
    /// How things stand. It walks over whoever is not settled, as every plan does, and over nobody else: links are counted
    /// as they come and go.
    ///
    /// # Errors
    /// SQLite's.
    pub fn status(&self, tenants: &[TenantName], routes: &[RouteName]) -> Result<StatusReport, StoreError> {
        // One moment of the file: somebody else may write in between.
        let moment = self.connection.is_autocommit().then(|| self.connection.unchecked_transaction());
        let _moment = moment.transpose()?;
        let tenants = tenants.iter().map(|t| self.tenant_status(t)).collect::<Result<_, _>>()?;
        let routes = routes.iter().map(|r| self.route_status(r)).collect::<Result<_, _>>()?;
        // A row that cannot be read says nothing, and must not keep the rest from being shown.
        let writer = Self::meta(&self.connection, WRITER)?.and_then(|text| serde_json::from_str(&text).ok());
        Ok(StatusReport { tenants, routes, writer })
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
        let mut breakers = BTreeMap::new();
        for door in [Door::Reading, Door::Writing] {
            breakers.extend(self.breaker(tenant, door)?.map(|breaker| (door, breaker)));
        }
        Ok(TenantStatus {
            tenant: tenant.clone(),
            read_at: reading.read_at.map(Timestamp::rfc3339),
            read: reading.read_at,
            readings: reading.readings,
            interrupted: reading.progress.is_some(),
            unanswered: self.open_asks(tenant)?.len() as u64,
            breakers,
        })
    }

    fn route_status(&self, route: &RouteName) -> Result<RouteStatus, StoreError> {
        let id = self.route(route)?;
        let [provisioned, joined] = self.link_counts(id)?;
        let counts = self.unsettled_counts(id)?;
        let (held, failed) = (counts.of("held"), counts.of("failed"));
        Ok(RouteStatus {
            route: route.to_string(),
            name: route.clone(),
            links: provisioned + joined,
            provisioned,
            joined,
            pending: counts.of("pending"),
            held,
            failed,
            waiting: counts.of("waiting"),
            unseen: counts.of(""),
            refused: self.refused(route)?,
            quarantined: self.quarantines(route)?,
            // Whoever looks for the first of nobody walks over everybody.
            people: if held + failed > 0 { self.people(id)? } else { Vec::new() },
            lanes: counts.lanes,
            next_try: counts.next_try,
            waiting_until: counts.waiting_until,
        })
    }

    fn unsettled_counts(&self, route: i64) -> Result<Counts, StoreError> {
        let sql = "SELECT state, lane, count(*), sum(writes), min(since) FILTER (WHERE since > 0), min(not_before), \
                   min(detail) FILTER (WHERE state = 'waiting') FROM unsettled WHERE route = ?1 GROUP BY state, lane";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([route])?;
        let mut counts = Counts::default();
        while let Some(row) = rows.next()? {
            let (state, lane): (String, String) = (row.get(0)?, row.get(1)?);
            let changes = unsigned(row.get(2)?);
            *counts.states.entry(state.clone()).or_default() += changes;
            match state.as_str() {
                "pending" => {
                    let since = row.get::<_, Option<i64>>(4)?.map(|at| Timestamp(unsigned(at)));
                    counts.lanes.insert(lane, InLane { changes, writes: unsigned(row.get(3)?), since });
                }
                "failed" => counts.next_try = try_at(row.get(5)?),
                "waiting" => counts.waiting_until = row.get(6)?,
                _ => {}
            }
        }
        Ok(counts)
    }

    fn people(&self, route: i64) -> Result<Vec<Unsettled>, StoreError> {
        let sql = "SELECT o.attributes ->> '$.userPrincipalName', hex(u.home), u.state, u.detail, u.tries, u.not_before \
                   FROM unsettled u JOIN routes r ON r.id = u.route \
                   LEFT JOIN observations o ON o.tenant = r.home AND o.object = u.home \
                   WHERE u.route = ?1 AND u.state IN ('held', 'failed') ORDER BY u.home LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let people = statement.query_map(params![route, LISTED_MAX], |r| {
            let home = r.get::<_, Option<String>>(0)?;
            let home = home.map_or_else(|| r.get::<_, String>(1), Ok)?;
            let state: String = r.get(2)?;
            let next_try = try_at(r.get(5)?).filter(|_| state == "failed");
            let tries = u32::try_from(r.get::<_, i64>(4)?).unwrap_or(u32::MAX);
            Ok(Unsettled { home, state, detail: r.get(3)?, tries, next_try })
        })?;
        Ok(people.collect::<Result<_, _>>()?)
    }
}
