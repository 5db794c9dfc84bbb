//! How is a write told to a security information system? As OCSF 1.3, class Account Change.

use serde_json::{Value, json};

use crate::model::{ActionKind, Timestamp};
use crate::store::{LogEntry, Party};

/// Of the schema that the events keep to: <https://schema.ocsf.io/1.3.0/classes/account_change>.
const VERSION: &str = "1.3.0";
/// Category Identity & Access Management, and its class Account Change.
const CATEGORY: u64 = 3;
const CLASS: u64 = 3_001;
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

/// One event.
pub(super) fn event(entry: &LogEntry) -> Value {
    let (id, name) = activity(entry.action);
    let (status_id, status) = match entry.outcome.as_str() {
        "applied" => (1, "Success"),
        "failed" => (2, "Failure"),
        _ => (0, "Unknown"),
    };
    let type_name = if id == OTHER { "Other" } else { name };
    let mut event = json!({
        "activity_id": id,
        "activity_name": name,
        "actor": { "app_name": "crosstie" },
        "category_name": "Identity & Access Management",
        "category_uid": CATEGORY,
        "class_name": "Account Change",
        "class_uid": CLASS,
        "message": format!("{} on {}: {} ({})", entry.action, entry.route, entry.outcome, entry.why),
        "metadata": {
            "log_name": "crosstie change log",
            "original_time": entry.at,
            "product": { "name": "crosstie", "vendor_name": "crosstie", "version": env!("CARGO_PKG_VERSION") },
            "sequence": entry.seq,
            "uid": entry.hash,
            "version": VERSION,
        },
        "severity": "Informational",
        "severity_id": 1,
        "status": status,
        "status_id": status_id,
        "time": Timestamp::parse(&entry.at).map(|at| at.0),
        "type_name": format!("Account Change: {type_name}"),
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
