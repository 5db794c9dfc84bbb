//! Who writes this store, and is that one still alive?
//!
//! Two things keep a second writer out. A lock of the operating system on the file `…-lock`: it is free again the moment
//! its holder dies. And a row in the store: it says who writes, and it is all there is between two machines that share a
//! filesystem which does not pass locks on. The lock file holds the same as one line, for whoever cannot open the store.

use std::cell::RefCell;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::open::{beside, file_error, private};
use super::{Store, StoreError};
use crate::model::Timestamp;

/// How often a writer gives a sign of life, in seconds: a commit a minute is nothing beside those of any cycle.
pub const HEARTBEAT_SECONDS: u64 = 60;
/// A writer on another machine that gave no sign of life for this long, in seconds, is gone. It has one minute from beat to
/// beat, and its clock may be five minutes off ours (more than that, and token endpoints refuse what it signs); the other
/// four are for a disk that stalls. A dead machine costs no more than two cycles of five minutes.
const SILENCE_SECONDS_MAX: u64 = 600;
/// In `meta`: the writer, as JSON.
const WRITER: &str = "writer";
/// What is read of a lock file: a host name has at most 255 bytes, and the rest is short.
const LINE_BYTES_MAX: u64 = 512;

/// A process that writes, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// On whose behalf.
    pub user: String,
    /// On which machine; in a container, the container's name.
    pub host: String,
    /// The process's number there.
    pub pid: u32,
    /// A name of the time since the machine was last started, where it gives one: another name after each start, and the
    /// same in all of its containers.
    pub boot: Option<String>,
    /// What it does: `sync` or `run`.
    pub verb: String,
    /// A person says that whoever wrote on another machine is gone for good.
    #[serde(skip)]
    pub takes_over: bool,
}

/// A writer, and what the store remembers of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOn {
    /// Who.
    #[serde(flatten)]
    pub writer: Writer,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// Its last sign of life, RFC 3339 in UTC.
    pub seen: String,
}

impl fmt::Display for SignedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Writer { user, host, pid, verb, .. } = &self.writer;
        f.write_str(&printable(&format!("{user}@{host}, process {pid}, {verb} since {}", self.since)))
    }
}

/// Why somebody who never signed off is taken to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Its machine is ours and was not restarted: the lock is free, so the process is dead.
    Died,
    /// Its machine was restarted since.
    Restarted,
    /// It is on another machine, and gave no sign of life for so many seconds.
    Silent(u64),
    /// It is on another machine, and a person says that it is gone.
    Declared,
}

/// Somebody whose place was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Who it was; `None` where what the store remembers cannot be read.
    pub from: Option<SignedOn>,
    /// Why it is taken to be gone.
    pub gone: Gone,
}

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.gone {
            Gone::Died => "its process died".to_owned(),
            Gone::Restarted => "its machine was restarted".to_owned(),
            Gone::Silent(seconds) => format!("no sign of life for {} minutes", seconds / 60),
            Gone::Declared => "taken over as asked".to_owned(),
        };
        match &self.from {
            Some(from) => write!(f, "the last one to write the store did not end in order ({from}): {why}"),
            None => write!(f, "the last one to write the store did not end in order: {why}"),
        }
    }
}

/// Control characters come out as spaces: what is said about a process ends up on terminals.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Held as long as the store is open to be written.
pub(super) struct Claim {
    path: String,
    lock: File,
    /// What our row holds, where we said who we are.
    row: RefCell<Option<String>>,
    taken_over: Option<TakenOver>,
}

impl Claim {
    /// The file that was locked is still the one that others would find. Deleted or replaced, it is nobody's any more: what
    /// is written to it is lost, and whoever comes next is let in.
    fn is_in_place(&self) -> bool {
        let name = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.lock.metadata().map(name);
        let there = std::fs::metadata(beside(Path::new(&self.path), "-lock")).map(name);
        let file = Path::new(&self.path).exists();
        file && matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }
}

/// Takes the operating system's lock.
pub(super) fn lock(path: &Path) -> Result<Claim, StoreError> {
    let lock_path = beside(path, "-lock");
    let mut lock = private(&lock_path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
    let path = path.display().to_string();
    match lock.try_lock() {
        Ok(()) => Ok(Claim { path, lock, row: RefCell::new(None), taken_over: None }),
        Err(TryLockError::WouldBlock) => {
            let mut line = Vec::new();
            let _ = (&mut lock).take(LINE_BYTES_MAX).read_to_end(&mut line);
            let holder = printable(String::from_utf8_lossy(&line).trim());
            Err(StoreError::Locked { path, holder })
        }
        Err(TryLockError::Error(source)) => Err(file_error(&lock_path, source)),
    }
}

impl Claim {
    /// Looks for somebody who never signed off, on a connection that leaves no trace.
    pub(super) fn look_around(&mut self, c: &Connection, writer: &Writer, now: Timestamp) -> Result<(), StoreError> {
        let Some(text) = Store::meta(c, WRITER)? else { return Ok(()) };
        let Ok(from) = serde_json::from_str::<SignedOn>(&text) else {
            self.taken_over = Some(TakenOver { from: None, gone: Gone::Died });
            return Ok(());
        };
        match gone(&from, writer, now) {
            Ok(gone) => self.taken_over = Some(TakenOver { from: Some(from), gone }),
            Err(silent_seconds) => {
                let (path, minutes) = (self.path.clone(), SILENCE_SECONDS_MAX / 60);
                return Err(StoreError::LockedElsewhere { path, holder: from.to_string(), silent_seconds, minutes });
            }
        }
        Ok(())
    }

    /// Says who we are, in the store and in the lock file.
    pub(super) fn sign_on(&mut self, c: &Connection, who: Option<(&Writer, Timestamp)>) -> Result<(), StoreError> {
        let mut line = format!("process {}", std::process::id());
        if let Some((writer, now)) = who {
            let signed_on = SignedOn { writer: writer.clone(), since: now.rfc3339(), seen: now.rfc3339() };
            let text = json(&signed_on)?;
            Store::set_meta(c, WRITER, &text)?;
            line = signed_on.to_string();
            self.row.replace(Some(text));
        }
        let written = self.lock.set_len(0).and_then(|()| writeln!(self.lock, "{line}"));
        written.map_err(|e| file_error(Path::new(&self.path), e))
    }

    /// Leaves nothing behind, except where somebody else has taken over: then it is theirs.
    pub(super) fn sign_off(&self, c: &Connection) {
        if let Some(row) = self.row.take() {
            let removed = c.execute("DELETE FROM meta WHERE name = ?1 AND value = ?2", [WRITER, &row]);
            // Where it fails, the next one finds a writer that died: nothing worse.
            if removed.unwrap_or(0) == 0 {
                return;
            }
        }
        let _ = self.lock.set_len(0);
    }
}

/// Is somebody gone who never signed off? Where not: for how many seconds it has given no sign of life.
fn gone(from: &SignedOn, writer: &Writer, now: Timestamp) -> Result<Gone, u64> {
    let known = |name: &Option<String>| name.as_ref().is_some_and(|n| !n.is_empty());
    let both = known(&from.writer.boot) && known(&writer.boot);
    // Containers of one machine have names of their own, and its locks.
    if both && from.writer.boot == writer.boot {
        return Ok(Gone::Died);
    }
    if from.writer.host == writer.host {
        return Ok(if both { Gone::Restarted } else { Gone::Died });
    }
    let silent = Timestamp::parse(&from.seen).map_or(0, |seen| now.seconds_since(seen));
    match silent {
        _ if writer.takes_over => Ok(Gone::Declared),
        SILENCE_SECONDS_MAX.. => Ok(Gone::Silent(silent)),
        _ => Err(silent),
    }
}

fn json(signed_on: &SignedOn) -> Result<String, StoreError> {
    serde_json::to_string(signed_on).map_err(|e| StoreError::Damaged(e.to_string()))
}

impl Store {
    /// Gives a sign of life: to be called every [`HEARTBEAT_SECONDS`] while the store is open to be written.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`] where somebody else writes by now, [`StoreError::Gone`] where the file is not the one that
    /// was opened any more: then nothing more must be written. SQLite's errors.
    pub fn heartbeat(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(claim) = &self.claim else { return Ok(()) };
        if !claim.is_in_place() {
            return Err(StoreError::Gone { path: claim.path.clone() });
        }
        let Some(was) = claim.row.borrow().clone() else { return Ok(()) };
        let mut signed_on: SignedOn = serde_json::from_str(&was).map_err(|e| StoreError::Damaged(e.to_string()))?;
        signed_on.seen = now.rfc3339();
        let row = json(&signed_on)?;
        let sql = "UPDATE meta SET value = ?3 WHERE name = ?1 AND value = ?2";
        if self.connection.prepare_cached(sql)?.execute([WRITER, &was, &row])? == 0 {
            let holder = self.writer()?.map_or_else(|| "nobody now".to_owned(), |other| other.to_string());
            return Err(StoreError::TakenOver { path: claim.path.clone(), holder });
        }
        claim.row.replace(Some(row));
        Ok(())
    }

    /// Who writes the store now, or died while it did.
    ///
    /// # Errors
    /// SQLite's.
    pub fn writer(&self) -> Result<Option<SignedOn>, StoreError> {
        let text = Self::meta(&self.connection, WRITER)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Whose place we took when the store was opened, where the last writer had not signed off.
    pub fn taken_over(&self) -> Option<&TakenOver> {
        self.claim.as_ref()?.taken_over.as_ref()
    }
}
