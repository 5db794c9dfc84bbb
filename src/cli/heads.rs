//! Where does the change log end, for somebody who keeps that where nobody here can bend it?

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use aws_lc_rs::signature::Ed25519KeyPair;
use serde::{Deserialize, Serialize};

use super::keys;
use crate::config::Config;
use crate::model::{RunId, Timestamp};
use crate::store::Store;

/// Signed before every head: no other text of ours can pass for one.
const DOMAIN: &str = "crosstie change log head v1";

/// The end of the change log at the end of a run. Field order is that of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// When the run ended, RFC 3339 in UTC.
    pub(super) at: String,
    /// Of which store.
    pub(super) store: String,
    pub(super) run: u64,
    /// Number and hash of the last entry.
    pub(super) seq: u64,
    pub(super) hash: String,
    /// Who signs, and the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
}

impl Head {
    /// The end as it is now; `None` where there is no entry yet.
    pub(super) fn of(store: &Store, run: RunId, at: Timestamp) -> Result<Option<Self>, crate::store::StoreError> {
        let Some((seq, hash)) = store.log_head()? else { return Ok(None) };
        let (at, store) = (at.rfc3339(), store.store_id()?);
        Ok(Some(Self { at, store, run: run.0, seq, hash, key: None, signature: None }))
    }

    /// What a signature is over.
    fn message(&self) -> String {
        let Self { at, store, run, seq, hash, .. } = self;
        format!("{DOMAIN}\n{store}\n{seq}\n{hash}\n{run}\n{at}\n")
    }

    pub(super) fn signed(mut self, key: Option<&Ed25519KeyPair>) -> Self {
        self.signature = key.map(|key| keys::sign(key, &self.message()));
        self.key = key.map(keys::name);
        self
    }

    /// Is its signature, where it has one, over what it says? And where keys count, is it by one of them?
    pub(super) fn fault(&self, trusted: &[String]) -> Option<String> {
        match (&self.key, &self.signature) {
            (Some(key), Some(signature)) if !keys::has_signed(key, &self.message(), signature) => {
                Some("its signature is not over what it says: it was changed".to_owned())
            }
            (Some(key), Some(_)) if !trusted.is_empty() && !keys::is_among(key, trusted) => {
                Some(format!("it is signed by {key}, and that is no key of [log]"))
            }
            (Some(_), Some(_)) => None,
            (None, None) if trusted.is_empty() => None,
            _ => Some("it is not signed, and [log] names keys that sign".to_owned()),
        }
    }
}

/// Adds the log's end to the file of `[log]`, where one is named; or says why that was not to be.
pub(super) fn export(config: &Config, store: &Store, run: RunId, at: Timestamp) -> Result<(), String> {
    let Some(path) = &config.log.heads else { return Ok(()) };
    let lost = |why: String| {
        format!(
            "{}: the change log's end after run {run} was not added: {why}\nhint: the log itself is as it should be; the next run adds its end",
            path.display()
        )
    };
    let key = keys::of_the_log(config).map_err(lost)?;
    let Some(head) = Head::of(store, run, at).map_err(|e| lost(e.to_string()))? else { return Ok(()) };
    let line = serde_json::to_string(&head.signed(key.as_ref())).map_err(|e| lost(e.to_string()))?;
    let added = || -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        // A line that a crash cut short stays a line of its own.
        let torn = if file.metadata()?.len() == 0 { "" } else { torn(&mut file)? };
        file.write_all(format!("{torn}{line}\n").as_bytes())?;
        file.sync_all()
    };
    added().map_err(|e| lost(e.to_string()))
}

/// What ends a last line that has no end.
fn torn(file: &mut File) -> io::Result<&'static str> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(if last == *b"\n" { "" } else { "\n" })
}
