//! What was asked of a tenant, and what came of it?

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::codec::{signed, unsigned};
use super::log::{EditEntry, LogEntry, Party};
use super::{LinkChange, Store, StoreError, log, observations};
use crate::model::{
    ActionKind, Attribute, DeltaItem, ObjectId, Origin, Outcome, Person, RouteName, RunId, TenantName, Timestamp,
    Trigger, Value, redacted,
};
use crate::quota::Meter;

/// Which request is it?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskKind {
    /// No request: only the link changes.
    None,
    /// `POST /invitations`.
    Invite,
    /// `PATCH /users/{id}`.
    Patch,
    /// `PUT` or `DELETE …/manager/$ref`.
    Manager,
    /// `DELETE /users/{id}`.
    Delete,
    /// `POST …/restore`.
    Restore,
}

/// One write, with all that its change-log entry will say: kept from before it leaves until its outcome is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Of which run.
    pub run: RunId,
    /// What set the run off.
    pub trigger: Trigger,
    /// When it left.
    pub at: Timestamp,
    /// `client-request-id`.
    pub request_id: String,
    /// Home tenant.
    pub home_tenant: String,
    /// Target tenant.
    pub target_tenant: String,
    /// For whom.
    pub home: Person,
    /// Whose rule set.
    pub rules: String,
    /// As part of which change.
    pub action: ActionKind,
    /// Which request.
    pub kind: AskKind,
    /// On which account.
    pub account: Option<ObjectId>,
    /// For a join: how the account becomes ours.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// For an invitation: the address.
    pub address: Option<String>,
    /// What is written: before and after.
    pub edits: BTreeMap<Attribute, (Option<Value>, Option<Value>)>,
    /// Attributes whose values the change log may not show.
    #[serde(default)]
    pub redacted: BTreeSet<Attribute>,
    /// Why.
    pub why: String,
}

impl Ask {
    /// On which route.
    pub fn route(&self) -> RouteName {
        RouteName { home: self.home_tenant.as_str().into(), target: self.target_tenant.as_str().into() }
    }
}

/// The end of one write: everything that one transaction has to keep.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its row, where it was asked.
    pub asked: Option<i64>,
    /// What was asked.
    pub ask: Ask,
    /// What came of it.
    pub outcome: Outcome,
    /// When that was known.
    pub at: Timestamp,
    /// The account, where it is known now.
    pub account: Option<ObjectId>,
    /// What the answer taught us of the account.
    pub learned: Option<DeltaItem>,
    /// What becomes of the link.
    pub link: LinkChange,
    /// Budgets that it is charged to.
    pub budgets: Vec<String>,
}

impl Store {
    /// Keeps that a write is about to leave, with the link as it stands until the answer. It may leave once that is committed:
    /// see [`Store::in_one_commit`].
    ///
    /// # Errors
    /// SQLite's: the write must not leave then.
    pub fn ask(&self, ask: &Ask, link: &LinkChange) -> Result<i64, StoreError> {
        let body = serde_json::to_string(ask).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let route = ask.route();
        let target = self.tenant(&route.target)?.id;
        self.transaction(|c| {
            c.prepare_cached("INSERT INTO asked (target, body) VALUES (?1, ?2)")?.execute(params![target, body])?;
            let id = c.last_insert_rowid();
            self.change_link(c, &route, &ask.home.id, link)?;
            Ok(id)
        })
    }

    /// Writes that left and were never answered: after a crash, or after a lost answer.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open_asks(&self, target: &TenantName) -> Result<Vec<(i64, Ask)>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, body FROM asked WHERE target = ?1 ORDER BY id")?;
        let rows = statement.query_map([self.tenant(target)?.id], |r| Ok((r.get(0)?, r.get::<_, String>(1)?)))?;
        let mut asks = Vec::new();
        for row in rows {
            let (id, body) = row?;
            let ask = serde_json::from_str(&body).map_err(|e| StoreError::Damaged(format!("an open question: {e}")))?;
            asks.push((id, ask));
        }
        Ok(asks)
    }

    /// One transaction: the change-log entry, the link, the quota spent, and what the answer taught us.
    ///
    /// # Errors
    /// SQLite's; nothing of it is kept then, and the question stays open.
    pub fn record(&self, record: Record) -> Result<LogEntry, StoreError> {
        let route = record.ask.route();
        let target = self.tenant(&route.target)?;
        self.transaction(|c| {
            if let Some(id) = record.asked {
                c.prepare_cached("DELETE FROM asked WHERE id = ?1")?.execute([id])?;
            }
            for budget in &record.budgets {
                spend(c, budget, record.at, 1)?;
            }
            if let Some(item) = &record.learned {
                observations::learn(c, &target, item, record.at)?;
            }
            self.change_link(c, &route, &record.ask.home.id, &record.link)?;
            log::append(c, entry(&record), record.at)
        })
    }

    /// A budget has been charged with something that no change log tells of: reads.
    ///
    /// # Errors
    /// SQLite's.
    pub fn spend(&self, budget: &str, at: Timestamp, units: u32) -> Result<(), StoreError> {
        spend(&self.connection, budget, at, units)
    }

    /// What a budget has spent within the windows, in order of time.
    ///
    /// # Errors
    /// SQLite's.
    pub fn spent(&self, budget: &str) -> Result<Vec<(Timestamp, u32)>, StoreError> {
        let sql = "SELECT bucket, writes FROM spent WHERE budget = ?1 ORDER BY bucket";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([budget], |r| {
            let writes = u32::try_from(r.get::<_, i64>(1)?).unwrap_or(u32::MAX);
            Ok((Timestamp(unsigned(r.get(0)?)), writes))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets what no window remembers, the longest of which has this length; as much again is kept for clocks that step.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_spent(&self, now: Timestamp, longest_window_millis: u64) -> Result<(), StoreError> {
        let old = signed(now.0.saturating_sub(longest_window_millis.saturating_mul(2)));
        self.connection.execute("DELETE FROM spent WHERE bucket < ?1", [old])?;
        Ok(())
    }
}

fn spend(c: &Connection, budget: &str, at: Timestamp, units: u32) -> Result<(), StoreError> {
    let sql = "INSERT INTO spent (budget, bucket, writes) VALUES (?1, ?2, ?3) \
               ON CONFLICT DO UPDATE SET writes = writes + ?3";
    c.prepare_cached(sql)?.execute(params![budget, signed(Meter::bucket(at).0), units])?;
    Ok(())
}

fn entry(record: &Record) -> LogEntry {
    let ask = &record.ask;
    let (outcome, error) = match &record.outcome {
        Outcome::Applied => ("applied", None),
        Outcome::Failed(error) => ("failed", Some(error.clone())),
        Outcome::Unknown(error) => ("unknown", Some(error.clone())),
    };
    let edit = |(a, pair): (&Attribute, &(Option<Value>, Option<Value>))| {
        let pair = pair.clone();
        let (before, after) = if ask.redacted.contains(a) { redacted(pair) } else { pair };
        (a.clone(), EditEntry { before, after })
    };
    let account = record.account.clone().or_else(|| ask.account.clone());
    LogEntry {
        seq: 0,
        at: record.at.rfc3339(),
        run: ask.run.0,
        trigger: ask.trigger,
        route: ask.route().to_string(),
        rules: ask.rules.clone(),
        action: ask.action,
        home: Party {
            tenant: ask.home_tenant.clone(),
            id: ask.home.id.clone(),
            user_principal_name: Some(ask.home.user_principal_name.clone()),
        },
        account: account.map(|id| Party { tenant: ask.target_tenant.clone(), id, user_principal_name: None }),
        edits: ask.edits.iter().map(edit).collect(),
        why: ask.why.clone(),
        outcome: outcome.to_owned(),
        error,
        request_id: ask.request_id.clone(),
        facts: None,
        previous: String::new(),
        hash: String::new(),
    }
}
