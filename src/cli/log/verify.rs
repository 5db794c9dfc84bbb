//! Is the change log whole, and the one that it was when its heads were put down?

use std::path::Path;

use serde_json::Value;

use super::lines;
use crate::cli::heads::Head;
use crate::cli::output::complain;
use crate::cli::{Exit, Output, keys, plan_file, render, session};
use crate::config::Config;
use crate::store::{Store, StoreError, TakenOut, Tombstone, Verified};

/// Twenty years of a run every five minutes.
const BYTES_MAX: u64 = 1 << 30;

pub(super) fn run(config: &Config, store: &Store, heads: Option<&Path>, out: &mut Output) -> Result<Exit, Exit> {
    // Read first: what cannot be read is a usage error, whatever the log is like.
    let known = heads.map(|path| read(path).map(|heads| (path, heads))).transpose()?;
    let (verified, taken_out, stones) = store.walk_log().map_err(session::failed)?;
    let exit = tell(&verified, out);
    if exit != Exit::Done {
        return Ok(exit);
    }
    let trusted = keys::trusted(config);
    let exit = tombstones(&stones, &taken_out, &trusted, out)?;
    let Some((path, heads)) = known.filter(|_| exit != Exit::Failed) else { return Ok(exit) };
    for (line, head) in &heads {
        if let Some(what) = fault(store, head, &taken_out, &trusted).map_err(session::failed)? {
            complain(format_args!(
                "{}:{line}: the change log is not the one of which run {} put down the end at {}: {what}\n\
                 hint: compare with a backup or an exported copy; the last head that fits bounds what can be trusted",
                path.display(),
                head.run,
                render::inert(&head.at)
            ));
            return Ok(Exit::Failed);
        }
    }
    if let Some((_, last)) = heads.last() {
        let (n, seq, run, at) = (heads.len(), last.seq, last.run, render::inert(&last.at));
        let signed = if trusted.is_empty() { "" } else { ", all signed" };
        out.line(format_args!("it goes through {n} heads{signed}, the last of run {run} at {at}: entry {seq}"));
    }
    Ok(exit)
}

pub(in crate::cli) fn verify(store: &Store, out: &mut Output) -> Result<Exit, Exit> {
    Ok(tell(&store.verify_log().map_err(session::failed)?, out))
}

fn tell(verified: &Verified, out: &mut Output) -> Exit {
    match verified {
        Verified::Whole { entries, head } => {
            out.line(format_args!("the change log is whole: {entries} entries, head {head}"));
            Exit::Done
        }
        Verified::Broken { seq, what } => {
            complain(format_args!(
                "the change log is broken at entry {seq}: {what}\nhint: entries before it can be trusted; compare with a \
                 backup or an exported copy"
            ));
            Exit::Failed
        }
    }
}

/// Says what was taken out of a whole log, and whether somebody who may stands for it.
fn tombstones(stones: &[Tombstone], taken_out: &TakenOut, trusted: &[String], out: &mut Output) -> Result<Exit, Exit> {
    let mut exit = Exit::Done;
    if let Some(until) = &taken_out.until {
        out.line(format_args!("entries 1 to {} were taken out, as the log itself says", until.seq));
    }
    if !taken_out.entries.is_empty() {
        out.line(format_args!("the texts of {} entries were erased, as the log itself says", taken_out.entries.len()));
    }
    for tombstone in stones {
        let message = tombstone.message().map_err(session::failed)?;
        let (seq, said) = (tombstone.seq, lines::in_words(tombstone));
        match (&tombstone.key, &tombstone.signature) {
            (Some(key), Some(signature)) if !keys::has_signed(key, &message, signature) => {
                complain(format_args!("entry {seq} bears a signature that is not over what it says: {said}"));
                return Ok(Exit::Failed);
            }
            (Some(key), Some(_)) if trusted.is_empty() || keys::is_among(key, trusted) => {}
            (None, None) if trusted.is_empty() => {}
            _ => {
                complain(format_args!(
                    "entry {seq} is not signed by a key of [log]: {said}\nhint: ask that user whether it was them"
                ));
                exit = Exit::Incomplete;
            }
        }
    }
    Ok(exit)
}

/// Why a whole log is another one than that of which this was the end.
fn fault(store: &Store, head: &Head, taken_out: &TakenOut, trusted: &[String]) -> Result<Option<String>, StoreError> {
    if let Some(what) = head.fault(trusted) {
        return Ok(Some(format!("that head cannot be trusted: {what}")));
    }
    let ours = store.store_id()?;
    if head.store != ours {
        let theirs = render::inert(&head.store);
        return Ok(Some(format!("it was the log of store {theirs}, and this is store {ours}")));
    }
    let last = store.log_head()?.map_or(0, |(last, _)| last);
    if head.seq > last {
        let what =
            format!("it had {} entries, and now has {last}: its end was cut off, or this is an older copy", head.seq);
        return Ok(Some(what));
    }
    let hash = match &taken_out.until {
        // With entries that are gone there is nothing to compare it with.
        Some(until) if head.seq < until.seq => return Ok(None),
        Some(until) if head.seq == until.seq => Some(until.hash.clone()),
        _ => store.log_hash(head.seq)?,
    };
    match hash {
        Some(hash) if hash == head.hash => Ok(None),
        _ => Ok(Some(format!("entry {} is another one now: it, or something before it, was written anew", head.seq))),
    }
}

/// Every head of the file, with its line.
fn read(path: &Path) -> Result<Vec<(usize, Head)>, Exit> {
    let refused = |why: String| {
        complain(format_args!("{}: {why}\nnothing was verified", path.display()));
        Exit::Usage
    };
    let text = plan_file::text(path, BYTES_MAX).map_err(refused)?;
    let mut heads = Vec::new();
    for (n, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let value: Option<Value> = serde_json::from_str(line).ok();
        let head = value.and_then(of_event).ok_or_else(|| refused(format!(
                "line {n} is no head of a change log\nhint: a line that a crash cut short may be taken out; no other one"
            )))?;
        heads.push((n, head));
    }
    if heads.is_empty() {
        return Err(refused("there is no head in it".to_owned()));
    }
    Ok(heads)
}

/// A line of the file of heads, or the event that tells of the same.
fn of_event(value: Value) -> Option<Head> {
    if value["type"] != "io.crosstie.log.head" {
        return serde_json::from_value(value).ok();
    }
    let text = |field: &Value| field.as_str().map(str::to_owned);
    let data = &value["data"];
    Some(Head {
        at: text(&value["time"])?,
        store: text(&data["store"])?,
        run: data["run"].as_u64()?,
        seq: data["entries"].as_u64()?,
        hash: text(&data["head"])?,
        key: text(&data["key"]),
        signature: text(&data["signature"]),
    })
}
