//! How is taken out of the change log what may not stay in it, so that it can still be verified?

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::cli::check::count;
use crate::cli::clock::SystemClock;
use crate::cli::output::{complain, say};
use crate::cli::{Exit, Output, identity, keys, render, session};
use crate::config::Config;
use crate::model::Timestamp;
use crate::ports::Clock;
use crate::store::{Mode, Signer, Store, Tombstone, Traces, Words};

const DAY_MILLIS: u64 = 86_400_000;
/// Characters of a reason: it stays in the log, and is no place for a story.
const REASON_CHARACTERS_MAX: usize = 200;

/// A reason as it may stand in the log for good.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_CHARACTERS_MAX || text.chars().any(char::is_control) {
        return Err(format!("a reason is one line of 1 to {REASON_CHARACTERS_MAX} characters"));
    }
    Ok(text.to_owned())
}

/// Does `work` with the words of whoever took something out, signed where there is a key.
fn with_words<T>(
    key: Option<&Ed25519KeyPair>,
    at: Timestamp,
    reason: &str,
    work: impl FnOnce(&Words<'_>) -> Result<T, Exit>,
) -> Result<T, Exit> {
    let sign = |text: &str| key.map(|key| keys::sign(key, text)).unwrap_or_default();
    let signer = key.map(|key| Signer { key: keys::name(key), sign: &sign });
    let (host, user) = (identity::host(), identity::user());
    work(&Words { at, host, user, reason: reason.to_owned(), signer })
}

pub(super) fn erase(config: &Config, user: &str, reason: &str, dry_run: bool, out: &mut Output) -> Result<Exit, Exit> {
    let key = keys::of_the_log(config).map_err(|why| {
        complain(format_args!("{why}\nnothing was erased"));
        Exit::Usage
    })?;
    let clock = SystemClock::start();
    let store = if dry_run {
        session::store(config, Mode::Look)?
    } else {
        session::store_to_write(config, "log erase", false, &clock)?
    };
    let people = store.people_named(user).map_err(session::failed)?;
    if people.len() > 1 {
        let ids: Vec<String> = people.iter().map(|(tenant, id)| format!("{id} in {tenant}")).collect();
        complain(format_args!(
            "{} people are called so: {}\nnothing was erased\nhint: name one of them by the object id",
            people.len(),
            ids.join(", ")
        ));
        return Err(Exit::Usage);
    }
    let filter = crate::store::Filter { people: Some(people.clone()), ..Default::default() };
    let mut entries = 0_u64;
    store
        .log(&filter, |_| {
            entries += 1;
            true
        })
        .map_err(session::failed)?;
    if dry_run {
        out.line(format_args!("{entries} entries are about {}; nothing was erased", render::inert(user)));
        return Ok(Exit::Done);
    }
    let traces = store.traces(&people, user).map_err(session::failed)?;
    if entries == 0 {
        out.line(format_args!("no entry is about {}", render::inert(user)));
        return forget(&store, &traces, out).and(scrub(&store));
    }
    let erased =
        with_words(key.as_ref(), clock.now(), reason, |words| store.erase(&people, words).map_err(session::failed))?;
    if let Some(Tombstone { seq, hash, key, .. }) = erased {
        let signed = if key.is_some() { "signed " } else { "" };
        out.line(format_args!("erased {entries} entries; the {signed}entry {seq} says so, {hash}"));
    }
    forget(&store, &traces, out)?;
    say(format_args!("note: heads, exports and backups that were made before are not touched"));
    scrub(&store)
}

/// What the store knows besides: it goes, where nobody has it any more, and is told of where it stays.
fn forget(store: &Store, traces: &Traces, out: &mut Output) -> Result<Exit, Exit> {
    store.forget_the_gone().map_err(session::failed)?;
    let alerts = store.erase_in_alerts(&traces.names).map_err(session::failed)?;
    if alerts > 0 {
        out.line(format_args!("took the person out of {} that no receiver has taken yet", count(alerts, "alert")));
    }
    out.flush();
    for (tenant, object) in &traces.seats {
        if let Some(stays) = store.stays(tenant, object).map_err(session::failed)? {
            say(format_args!("note: what {tenant} says of {object} is remembered: it {}", stays.as_str()));
        }
    }
    Ok(Exit::Done)
}

/// Also where nothing was left to erase: an earlier one may have come no further.
fn scrub(store: &Store) -> Result<Exit, Exit> {
    store.scrub().map(|()| Exit::Done).map_err(|error| {
        session::failed(format_args!(
            "{error}\nthe store's file was not made anew: it may hold traces of what was erased\nhint: the same command tries that again"
        ))
    })
}

/// Takes out what is older than `[log] keep` says, at most once a day: each time leaves an entry.
pub(in crate::cli) fn retain(config: &Config, store: &Store, now: Timestamp) -> Result<(), Exit> {
    let Some(days) = config.log.keep_days else { return Ok(()) };
    let Some(before) = now.0.checked_sub(u64::from(days) * DAY_MILLIS).map(Timestamp) else { return Ok(()) };
    let begins = store.log_begins().map_err(session::failed)?;
    if begins.is_none_or(|begins| begins.0 + DAY_MILLIS > before.0) {
        return Ok(());
    }
    let key = keys::of_the_log(config).map_err(session::failed)?;
    with_words(key.as_ref(), now, &format!("keep = {days}d"), |words| {
        store.expire(before, words).map(drop).map_err(session::failed)
    })
}
