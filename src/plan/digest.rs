//! Which plan exactly did a person approve?

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::Plan;
use crate::model::{Action, Change, Held};

/// A change as one JSON object, the promised `jsonl` shape.
pub fn change_line(change: &Change) -> Json {
    let mut edits = serde_json::Map::new();
    for (attribute, (before, after)) in change.edits() {
        edits.insert(attribute.to_string(), json!({ "before": before, "after": after }));
    }
    json!({
        "type": "change",
        "route": change.route.to_string(),
        "action": change.action.kind(),
        "home": change.home,
        "account": change.action.account().map(|id| json!({ "tenant": change.route.target, "id": id })),
        "edits": edits,
        "why": change.why.as_str(),
        "rules": change.rules,
    })
}

/// A hold as one JSON object, the promised `jsonl` shape.
pub fn held_line(held: &Held) -> Json {
    json!({
        "type": "held",
        "route": held.route.to_string(),
        "home": held.home,
        "reason": held.hold.to_string(),
    })
}

/// `sha256:…` over routes, rules, changes and before-values; the order in which they were found does not matter.
pub fn digest(plan: &Plan) -> String {
    let routes = plan.routes.iter().map(|r| format!("route {} {}", r.route, r.fingerprint));
    // The address that is invited counts, mapped or not: who may sign in hangs on it.
    let invited = |c: &Change| match &c.action {
        Action::Provision { address, .. } => format!(" to {address}"),
        _ => String::new(),
    };
    // What a person cannot see is approved all the same: a plan with another hidden value is another plan.
    let hidden = |c: &Change| {
        let values: Vec<_> = c.unredacted().into_iter().filter(|(a, _)| c.redacted.contains(a)).collect();
        if values.is_empty() { String::new() } else { format!(" hidden {}", json!(values)) }
    };
    let changes = plan.routes.iter().flat_map(|r| &r.changes);
    let changes = changes.map(|c| format!("{}{}{}", change_line(c), invited(c), hidden(c)));
    let mut lines: Vec<String> = routes.chain(changes).collect();
    lines.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(b"crosstie plan v1\n");
    for line in lines {
        hash.update((line.len() as u64).to_be_bytes());
        hash.update(line.as_bytes());
    }
    let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}
