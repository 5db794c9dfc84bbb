//! Which plan exactly did a person approve?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Case, Plan, PlannedRoute};
use crate::model::{Action, Attribute, Change, Held, Link, Observed, Tie, Value};

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

/// A change as one line of a plan file: the same, and what else makes it this change and no other.
///
/// `invites` is the address that is invited, mapped or not: who may sign in hangs on it. `hidden` holds hashes of values
/// that nobody may see: a plan with another hidden value is another plan. `basis` stands for what was known of the person.
pub fn plan_line(change: &Change, basis: Option<&String>) -> Json {
    let mut line = change_line(change);
    let Json::Object(fields) = &mut line else { return line };
    if let Action::Provision { address, .. } = &change.action {
        fields.insert("invites".to_owned(), json!(address));
    }
    let hidden = hidden(change);
    if !hidden.is_empty() {
        fields.insert("hidden".to_owned(), json!(hidden));
    }
    if let Some(basis) = basis {
        fields.insert("basis".to_owned(), json!(basis));
    }
    line
}

/// For each redacted attribute the hashes of its values before and after.
pub(super) fn hidden(change: &Change) -> BTreeMap<Attribute, [Option<String>; 2]> {
    let all = change.unredacted().into_iter().filter(|(attribute, _)| change.redacted.contains(attribute));
    let of = |attribute: &Attribute, value: Option<Value>| {
        let whose = json!([change.route.to_string(), change.home.id, attribute, value]);
        value.map(|_| hash("crosstie hidden value v1", [whose.to_string()]))
    };
    all.map(|(attribute, (before, after))| {
        let hashes = [of(&attribute, before), of(&attribute, after)];
        (attribute, hashes)
    })
    .collect()
}

/// `sha256:…` over routes, rules, changes and before-values; the order in which they were found does not matter.
pub fn digest(plan: &Plan) -> String {
    let routes = plan.routes.iter().map(|r| (r.route.to_string(), r.fingerprint.as_str()));
    let lines = plan.routes.iter().flat_map(|r| r.changes.iter().map(|c| plan_line(c, r.basis.get(&c.home.id))));
    digest_of(routes, lines.map(|line| line.to_string()))
}

/// The same of what a file says.
pub(super) fn digest_of<'a>(
    routes: impl Iterator<Item = (String, &'a str)>,
    lines: impl Iterator<Item = String>,
) -> String {
    let routes = routes.map(|(route, fingerprint)| format!("route {route} {fingerprint}"));
    let mut lines: Vec<String> = routes.chain(lines).collect();
    lines.sort_unstable();
    hash("crosstie plan v2", lines)
}

/// What was known of a person when their change was planned, as far as the rules read or write it: all that a decision
/// about them can hang on. Whether a guest has redeemed the invitation is not part of it, nor when a link was made.
pub fn basis(route: &PlannedRoute, case: &Case) -> String {
    let home = known(&case.home, route.rules.iter().flat_map(|r| r.home_attributes()).collect());
    let stamp = route.ownership.stamping.iter().map(|stamping| stamping.attribute.clone());
    let written = route.rules.iter().flat_map(|r| r.target_attributes()).chain(stamp).collect();
    let account = case.account.as_ref().map(|account| known(account, written));
    let link = case.link.as_ref().map(tied);
    hash("crosstie basis v1", [json!([home, case.member_of, account, link]).to_string()])
}

/// What was known of an account when it was planned to take back what was done to it: `written` are the attributes that were.
/// Neither home nor rules are part of it: what has gone wrong there is often put right in the meantime.
pub fn undo_basis(account: Option<&Observed>, link: Option<&Link>, written: BTreeSet<Attribute>) -> String {
    let account = account.map(|account| known(account, written));
    hash("crosstie undo basis v1", [json!([account, link.map(tied)]).to_string()])
}

/// Attributes that decisions about anybody hang on, whatever the rules say.
const LAWS: [&str; 4] =
    [Attribute::USER_PRINCIPAL_NAME, Attribute::ACCOUNT_ENABLED, Attribute::USER_TYPE, Attribute::MAIL];

fn known(observed: &Observed, relevant: BTreeSet<Attribute>) -> Json {
    let counts = |a: &Attribute| LAWS.contains(&a.as_str()) || relevant.contains(a);
    let attributes: BTreeMap<_, _> = observed.attributes.iter().filter(|(a, _)| counts(a)).collect();
    json!([observed.object, format!("{:?}", observed.presence), attributes])
}

fn tied(link: &Link) -> Json {
    let tie = match &link.tie {
        Tie::Known { account, origin } => json!([account, origin]),
        Tie::Asked(asked) => json!([asked.address]),
    };
    json!([tie, link.initialised, link.disabled_by_us, link.baseline])
}

/// Every piece goes in with its length, so that no two different lists read alike.
fn hash(domain: &str, pieces: impl IntoIterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    hash.update(b"\n");
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece.as_bytes());
    }
    let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}
