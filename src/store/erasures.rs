//! What was taken out of the change log, who did that, and does what is left still hang together?

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::codec::{signed, unsigned};
use super::log::{self, LogEntry};
use super::{Filter, Store, StoreError};
use crate::model::{ActionKind, ObjectId, Timestamp};

/// Signed before every tombstone: no other text of ours can pass for one.
const DOMAIN: &str = "crosstie tombstone v1\n";
/// What is wrong with an entry that should not be there.
pub(super) const THERE_AGAIN: &str = "a tombstone says that it was taken out, and it is there";
/// In the columns of a tombstone, where a write has its home tenant: no tenant is called so.
pub(super) const NO_TENANT: &str = "";

/// Why something was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// What entries say of a person is gone; that they were there is not.
    Erasure,
    /// Entries are gone from the beginning on, because they were old enough.
    Retention,
}

impl Event {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Event::Erasure => "erasure",
            Event::Retention => "retention",
        }
    }
}

/// What is left of an entry whose text is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Its number.
    pub seq: u64,
    /// When its outcome was known, RFC 3339 in UTC.
    pub at: String,
    /// Of which run.
    pub run: u64,
    /// On which route.
    pub route: String,
    /// What.
    pub action: ActionKind,
    /// `applied`, `failed` or `unknown`.
    pub outcome: String,
    /// Hash of the entry before, as its text named it: without that, the entry before could be made anew.
    pub previous: String,
    /// The hash over the text that it had.
    pub hash: String,
}

/// An entry by number and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The number.
    pub seq: u64,
    /// The hash.
    pub hash: String,
}

/// The entry of the change log that says what was taken out of it. Field order is that of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Its own number.
    pub seq: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Why.
    pub event: Event,
    /// Of which store.
    pub store: String,
    /// On which machine.
    pub host: String,
    /// Who did it, as the system names them.
    pub user: String,
    /// In their words.
    pub reason: String,
    /// Of an erasure: what is left of each entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Erased>,
    /// Of a retention: the last entry that is gone, and with it all before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Place>,
    /// Whose signature it bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The signature, over [`Tombstone::message`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Hash of the entry before.
    pub previous: String,
    /// Hash of this entry; not part of what is hashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl Tombstone {
    /// What was taken out, by whom and why. Host, user and reason stand in it as they were written.
    pub fn says(&self) -> String {
        let Self { host, user, reason, entries, until, .. } = self;
        let what = match until {
            Some(until) => format!("entries up to {} were taken out", until.seq),
            None => format!("the texts of {} entries were taken out", entries.len()),
        };
        format!("{what} by {user} on {host} ({reason})")
    }
    /// What is signed: its text without signature and hash.
    ///
    /// # Errors
    /// None that are known: every field can be written.
    pub fn message(&self) -> Result<String, StoreError> {
        let bare = Self { signature: None, hash: String::new(), ..self.clone() };
        Ok(format!("{DOMAIN}{}", text(&bare)?))
    }
}

/// One line of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A write.
    Write(Box<LogEntry>),
    /// A write whose text is gone.
    Erased(Erased),
    /// Something was taken out.
    Tombstone(Box<Tombstone>),
}

/// Who takes something out, when, and why.
#[derive(Clone, Debug)]
pub struct Words<'w> {
    /// When.
    pub at: Timestamp,
    /// On which machine.
    pub host: String,
    /// Who.
    pub user: String,
    /// Why.
    pub reason: String,
    /// The key that tombstones are signed with, where there is one.
    pub signer: Option<Signer<'w>>,
}

/// A key that signs.
#[derive(Clone)]
pub struct Signer<'w> {
    /// Its public half, as it is written in a configuration.
    pub key: String,
    /// Makes a signature over a text.
    pub sign: &'w dyn Fn(&str) -> String,
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key)
    }
}

fn text(tombstone: &Tombstone) -> Result<String, StoreError> {
    serde_json::to_string(tombstone).map_err(|e| StoreError::Damaged(e.to_string()))
}

fn parse(body: &str) -> Result<Tombstone, StoreError> {
    serde_json::from_str(body).map_err(|e| StoreError::Damaged(format!("a tombstone of the change log: {e}")))
}

/// The line of a row `seq, at, run, home, target, action, outcome, body, hash`.
pub(super) fn item(row: &Row<'_>) -> Result<Item, StoreError> {
    let (body, hash): (String, String) = (row.get(7)?, row.get(8)?);
    if row.get_ref(3)?.as_str().is_ok_and(|home| home == NO_TENANT) {
        return Ok(Item::Tombstone(Box::new(Tombstone { hash, ..parse(&body)? })));
    }
    if is_gone(&body) {
        return left(row).map(Item::Erased);
    }
    Ok(Item::Write(Box::new(LogEntry { hash, ..log::parse(&body)? })))
}

/// Where a text was, only the hash of the entry before is left.
fn is_gone(body: &str) -> bool {
    !body.starts_with('{')
}

/// What the columns still say.
fn left(row: &Row<'_>) -> Result<Erased, StoreError> {
    let action: String = row.get(5)?;
    Ok(Erased {
        seq: unsigned(row.get(0)?),
        at: Timestamp(unsigned(row.get(1)?)).rfc3339(),
        run: unsigned(row.get(2)?),
        route: format!("{}->{}", row.get::<_, String>(3)?, row.get::<_, String>(4)?),
        action: ActionKind::parse(&action).ok_or_else(|| StoreError::Damaged(format!("no action {action:?}")))?,
        outcome: row.get(6)?,
        previous: row.get(7)?,
        hash: row.get(8)?,
    })
}

/// Everything that tombstones say is gone.
#[derive(Clone, Debug, Default)]
pub struct TakenOut {
    /// Up to here, this one included, no entry is left.
    pub until: Option<Place>,
    /// What is left of single entries, and which tombstone says so.
    pub entries: BTreeMap<u64, (Erased, u64)>,
}

impl TakenOut {
    /// What stands where the log begins: the number and the hash before its first entry.
    pub(super) fn beginning(&self) -> Option<(u64, String)> {
        self.until.as_ref().map(|place| (place.seq, place.hash.clone()))
    }

    /// Is there no entry of this number any more?
    pub(super) fn holds(&self, seq: u64) -> bool {
        self.until.as_ref().is_some_and(|until| seq <= until.seq)
    }

    /// What is wrong with a row, given the hash of the row before, as far as tombstones speak of it? The outer `None`: they do
    /// not.
    pub(super) fn fault(&self, row: &Row<'_>, previous: &str) -> Result<Option<Option<String>>, StoreError> {
        let seq = unsigned(row.get(0)?);
        let gone = row.get_ref(7)?.as_str().is_ok_and(is_gone);
        let what = match self.entries.get(&seq) {
            None if !gone => return Ok(None),
            None => "its text is gone, and no tombstone says so",
            Some(_) if !gone => THERE_AGAIN,
            Some((erased, by)) if *by <= seq || left(row).ok().as_ref() != Some(erased) => {
                "what is left of it is not what its tombstone says"
            }
            Some((erased, _)) if erased.previous != previous => "it does not follow from the entry before",
            Some(_) => return Ok(Some(None)),
        };
        Ok(Some(Some(what.to_owned())))
    }
}

/// What is wrong with the row of a tombstone, given the hash of the row before?
pub(super) fn fault(row: &Row<'_>, previous: &str) -> Result<Option<String>, StoreError> {
    let body: String = row.get(7)?;
    if log::hash(&body) != row.get::<_, String>(8)? {
        return Ok(Some("its text does not have its hash".to_owned()));
    }
    let Ok(tombstone) = parse(&body) else { return Ok(Some("its text is no entry".to_owned())) };
    if tombstone.previous != previous {
        return Ok(Some("it does not follow from the entry before".to_owned()));
    }
    let same = tombstone.seq == unsigned(row.get(0)?)
        && tombstone.at == Timestamp(unsigned(row.get(1)?)).rfc3339()
        && row.get::<_, i64>(2)? == 0
        && row.get::<_, String>(4)?.is_empty()
        && tombstone.event.as_str() == row.get::<_, String>(5)?
        && row.get::<_, String>(6)?.is_empty();
    Ok((!same).then(|| "its columns do not say what its text says".to_owned()))
}

fn bury(c: &Connection, words: &Words<'_>, mut tombstone: Tombstone) -> Result<Tombstone, StoreError> {
    (tombstone.seq, tombstone.previous) = log::next(c)?;
    if let Some(signer) = &words.signer {
        tombstone.key = Some(signer.key.clone());
        tombstone.signature = Some((signer.sign)(&tombstone.message()?));
    }
    let body = text(&tombstone)?;
    tombstone.hash = log::hash(&body);
    let row = log::Row {
        seq: tombstone.seq,
        at: words.at,
        run: 0,
        home: NO_TENANT,
        target: "",
        action: tombstone.event.as_str(),
        outcome: "",
        body: &body,
        hash: &tombstone.hash,
    };
    log::insert(c, &row)?;
    Ok(tombstone)
}

impl Store {
    fn tombstone(&self, event: Event, words: &Words<'_>) -> Result<Tombstone, StoreError> {
        Ok(Tombstone {
            seq: 0,
            at: words.at.rfc3339(),
            event,
            store: self.store_id()?,
            host: words.host.clone(),
            user: words.user.clone(),
            reason: words.reason.clone(),
            entries: Vec::new(),
            until: None,
            key: None,
            signature: None,
            previous: String::new(),
            hash: String::new(),
        })
    }

    /// Takes out what the change log says of these people: tenant and object id at home. That something was written, when,
    /// on which route and how it ended stays, and so does the chain. `None` where it says nothing of them. The file holds traces
    /// until [`Store::scrub`].
    ///
    /// # Errors
    /// SQLite's; nothing is taken out then.
    pub fn erase(
        &self,
        people: &BTreeSet<(String, ObjectId)>,
        words: &Words<'_>,
    ) -> Result<Option<Tombstone>, StoreError> {
        let filter = Filter { people: Some(people.clone()), ..Filter::default() };
        let mut entries = Vec::new();
        self.log(&filter, |e| {
            let LogEntry { seq, at, run, route, action, outcome, previous, hash, .. } = e;
            entries.push(Erased { seq, at, run, route, action, outcome, previous, hash });
            true
        })?;
        if entries.is_empty() {
            return Ok(None);
        }
        let tombstone = Tombstone { entries, ..self.tombstone(Event::Erasure, words)? };
        let tombstone = self.transaction(|c| {
            for erased in &tombstone.entries {
                c.prepare_cached("UPDATE log SET body = ?2 WHERE seq = ?1")?
                    .execute(params![signed(erased.seq), erased.previous])?;
            }
            bury(c, words, tombstone)
        })?;
        Ok(Some(tombstone))
    }

    /// Takes the traces of what is gone out of the file: what SQLite has put out of use lies in it until it is made anew, and in
    /// the write-ahead log.
    ///
    /// # Errors
    /// SQLite's: it takes as much room again as the file has, and nobody else in the middle of reading it.
    pub fn scrub(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("VACUUM")?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Takes out the entries from the first one on that are older than `before`. `None` where none is.
    ///
    /// # Errors
    /// SQLite's; nothing is taken out then.
    pub fn expire(&self, before: Timestamp, words: &Words<'_>) -> Result<Option<Tombstone>, StoreError> {
        // Not by halves: were one entry's time wrong, newer ones could go with it.
        let sql = "SELECT seq FROM log WHERE at >= ?1 ORDER BY seq LIMIT 1";
        let kept: Option<i64> = self.connection.query_row(sql, [signed(before.0)], |r| r.get(0)).optional()?;
        let last = match kept {
            Some(kept) => unsigned(kept).saturating_sub(1),
            None => self.log_head()?.map_or(0, |(last, _)| last),
        };
        let Some(hash) = self.log_hash(last)? else { return Ok(None) };
        let until = Some(Place { seq: last, hash });
        let tombstone = Tombstone { until, ..self.tombstone(Event::Retention, words)? };
        self.connection.pragma_update(None, "secure_delete", true)?;
        let done = self.transaction(|c| {
            c.execute("DELETE FROM log WHERE seq <= ?1", [signed(last)])?;
            let oldest = "(SELECT min(run) FROM log WHERE run > 0)";
            c.execute_batch(&format!("DELETE FROM run_facts WHERE run < {oldest}"))?;
            bury(c, words, tombstone)
        });
        self.connection.pragma_update(None, "secure_delete", false)?;
        done.map(Some)
    }

    /// When the first entry that is left was written.
    ///
    /// # Errors
    /// SQLite's.
    pub fn log_begins(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT at FROM log ORDER BY seq LIMIT 1";
        let at: Option<i64> = self.connection.query_row(sql, [], |r| r.get(0)).optional()?;
        Ok(at.map(|at| Timestamp(unsigned(at))))
    }

    /// Every tombstone, in order.
    ///
    /// # Errors
    /// SQLite's; one that cannot be read.
    pub(super) fn tombstones(&self) -> Result<Vec<Tombstone>, StoreError> {
        let mut statement = self.connection.prepare("SELECT body, hash FROM log WHERE home = ?1 ORDER BY seq")?;
        let rows = statement.query_map([NO_TENANT], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
        let mut tombstones = Vec::new();
        for row in rows {
            let (body, hash) = row?;
            tombstones.push(Tombstone { hash, ..parse(&body)? });
        }
        Ok(tombstones)
    }

    /// What tombstones say is gone. One that cannot be read says nothing: whoever walks the chain meets it.
    ///
    /// # Errors
    /// SQLite's.
    pub(super) fn taken_out(&self) -> Result<TakenOut, StoreError> {
        let mut taken = TakenOut::default();
        let mut statement = self.connection.prepare("SELECT body, seq FROM log WHERE home = ?1 ORDER BY seq")?;
        let mut rows = statement.query(params![NO_TENANT])?;
        while let Some(row) = rows.next()? {
            let Ok(body) = row.get::<_, String>(0) else { continue };
            let (Ok(tombstone), seq) = (parse(&body), unsigned(row.get(1)?)) else { continue };
            for erased in tombstone.entries {
                taken.entries.insert(erased.seq, (erased, seq));
            }
            // The last word holds: an earlier one is about less.
            if let Some(until) = tombstone.until.filter(|until| until.seq < seq) {
                taken.until = Some(until);
            }
        }
        Ok(taken)
    }
}
