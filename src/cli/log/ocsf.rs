//! How is a line of the change log told to a security information system? As OCSF 1.3: a write as Account Change, and that
//! something was taken out as Event Log Activity.

use serde_json::{Value, json};

use crate::model::{ActionKind, Timestamp};
use crate::store::{Erased, Item, LogEntry, Party, Tombstone};

/// Of the schema that the events keep to: <https://schema.ocsf.io/1.3.0/classes/account_change>.
const VERSION: &str = "1.3.0";
const LOG_NAME: &str = "crosstie change log";
/// Category Identity & Access Management, and its class Account Change.
const CATEGORY: u64 = 3;
const CLASS: u64 = 3_001;
/// Category System Activity, and its class Event Log Activity: <https://schema.ocsf.io/1.3.0/classes/event_log_actvity>.
const SYSTEM: u64 = 1;
const EVENT_LOG: u64 = 1_008;
/// Its activity for what is deleted from a log.
const DELETE: u64 = 2;
/// What the schema has no activity for is `Other`, under our own name.
const OTHER: u64 = 99;

/// The activity's number and name.
fn activity(action: ActionKind) -> (u64, &'static str) {
    match action {
        ActionKind::Provision => (1, "Create"),
        ActionKind::Enable => (2, "Enable"),
        ActionKind::Disable => (5, "Disable"),
        ActionKind::Delete => (6, "Delete"),
        ActionKind::Join => (OTHER, "Join"),
        ActionKind::Update => (OTHER, "Update"),
        ActionKind::Restore => (OTHER, "Restore"),
        ActionKind::Unlink => (OTHER, "Unlink"),
    }
}

fn status(outcome: &str) -> (u64, &'static str) {
    match outcome {
        "applied" => (1, "Success"),
        "failed" => (2, "Failure"),
        _ => (0, "Unknown"),
    }
}

fn metadata(seq: u64, at: &str, hash: &str) -> Value {
    json!({
        "log_name": LOG_NAME,
        "original_time": at,
        "product": { "name": "crosstie", "vendor_name": "crosstie", "version": env!("CARGO_PKG_VERSION") },
        "sequence": seq,
        "uid": hash,
        "version": VERSION,
    })
}

/// One line of the log.
pub(super) fn of(item: &Item) -> Value {
    match item {
        Item::Write(entry) => event(entry),
        Item::Erased(erased) => bare(erased),
        Item::Tombstone(tombstone) => taken_out(tombstone),
    }
}

/// A write whose text is gone: that it was, and of nobody.
fn bare(erased: &Erased) -> Value {
    let Erased { seq, at, run, route, action, outcome, previous, hash } = erased;
    let (id, name) = activity(*action);
    let (status_id, status) = status(outcome);
    let target = route.split_once("->").map_or("", |(_, target)| target);
    json!({
        "activity_id": id,
        "activity_name": name,
        "actor": { "app_name": "crosstie" },
        "category_name": "Identity & Access Management",
        "category_uid": CATEGORY,
        "class_name": "Account Change",
        "class_uid": CLASS,
        "message": format!("{action} on {route}: {outcome} (erased)"),
        "metadata": metadata(*seq, at, hash),
        "severity": "Informational",
        "severity_id": 1,
        "status": status,
        "status_id": status_id,
        "time": Timestamp::parse(at).map(|at| at.0),
        "type_name": format!("Account Change: {}", type_of(id, name)),
        "type_uid": CLASS * 100 + id,
        "unmapped": { "action": action, "erased": true, "previous": previous, "route": route, "run": run },
        // The schema asks for a name or a number, and both are gone.
        "user": { "domain": target, "name": "(erased)" },
    })
}

fn taken_out(tombstone: &Tombstone) -> Value {
    let Tombstone { seq, at, event, host, user, reason, until, entries, key, previous, hash, .. } = tombstone;
    let gone: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    json!({
        "activity_id": DELETE,
        "activity_name": "Delete",
        "actor": { "app_name": "crosstie", "user": { "name": user } },
        "category_name": "System Activity",
        "category_uid": SYSTEM,
        "class_name": "Event Log Activity",
        "class_uid": EVENT_LOG,
        "device": { "hostname": host, "type_id": 0 },
        "log_name": LOG_NAME,
        "message": format!("{}: {}", event.as_str(), tombstone.says()),
        "metadata": metadata(*seq, at, hash),
        "severity": "Informational",
        "severity_id": 1,
        "status": "Success",
        "status_detail": reason,
        "status_id": 1,
        "time": Timestamp::parse(at).map(|at| at.0),
        "type_name": "Event Log Activity: Delete",
        "type_uid": EVENT_LOG * 100 + DELETE,
        "unmapped": { "entries": gone, "event": event, "key": key, "previous": previous, "until": until },
    })
}

fn type_of(id: u64, name: &'static str) -> &'static str {
    if id == OTHER { "Other" } else { name }
}

fn event(entry: &LogEntry) -> Value {
    let (id, name) = activity(entry.action);
    let (status_id, status) = status(&entry.outcome);
    let mut event = json!({
        "activity_id": id,
        "activity_name": name,
        "actor": { "app_name": "crosstie" },
        "category_name": "Identity & Access Management",
        "category_uid": CATEGORY,
        "class_name": "Account Change",
        "class_uid": CLASS,
        "message": format!("{} on {}: {} ({})", entry.action, entry.route, entry.outcome, entry.why),
        "metadata": metadata(entry.seq, &entry.at, &entry.hash),
        "severity": "Informational",
        "severity_id": 1,
        "status": status,
        "status_id": status_id,
        "time": Timestamp::parse(&entry.at).map(|at| at.0),
        "type_name": format!("Account Change: {}", type_of(id, name)),
        "type_uid": CLASS * 100 + id,
        "unmapped": {
            "action": entry.action, "edits": entry.edits, "facts": entry.facts, "home": entry.home,
            "previous": entry.previous, "route": entry.route, "rules": entry.rules, "run": entry.run,
            "trigger": entry.trigger, "why": entry.why,
        },
        "user": user(entry),
    });
    if let Value::Object(fields) = &mut event {
        if let Some(error) = &entry.error {
            fields.insert("status_code".to_owned(), json!(error.code));
            fields.insert("status_detail".to_owned(), json!(error.message));
        }
        if let Some(metadata) = fields.get_mut("metadata").filter(|_| !entry.request_id.is_empty()) {
            metadata["correlation_uid"] = json!(entry.request_id);
        }
    }
    event
}

/// The account that was written, under the name of the person whose it is.
fn user(entry: &LogEntry) -> Value {
    let target = entry.route.split_once("->").map_or("", |(_, target)| target);
    let mut user = json!({ "domain": target });
    if let Some(name) = entry.home.user_principal_name.as_ref().filter(|name| !name.is_empty()) {
        user["name"] = json!(name);
    }
    match &entry.account {
        Some(Party { id, .. }) => user["uid"] = json!(id),
        // Of no account yet: the schema asks for a name or a number, and a sign-in name may not be known.
        None if user.get("name").is_none() => user["name"] = json!(entry.home.id),
        None => {}
    }
    user
}
