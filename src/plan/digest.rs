//! Which plan exactly did a person approve?

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Case, Plan, PlannedRoute, RoutePlan, Unkept};
use crate::model::{
    ActionKind, Attribute, Change, Held, Link, ObjectId, Observed, Person, REDACTED, TenantName, Tie, Value,
};

/// A change as one line of a plan. Fields, here and below, stand in the order of their names: as in a JSON object that was
/// read back from a file.
#[derive(Serialize)]
struct Line<'a> {
    account: Option<Account<'a>>,
    action: ActionKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'a str>,
    edits: Edits<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hidden: BTreeMap<Attribute, [Option<String>; 2]>,
    home: &'a Person,
    #[serde(skip_serializing_if = "Option::is_none")]
    invites: Option<&'a str>,
    route: String,
    rules: &'a str,
    r#type: &'static str,
    why: &'static str,
}

#[derive(Serialize)]
struct Account<'a> {
    id: &'a ObjectId,
    tenant: &'a TenantName,
}

/// What a change writes, with what may be shown of it.
struct Edits<'a>(&'a Change);

impl Serialize for Edits<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.pairs().into_iter().map(|(attribute, [before, after])| {
            let hidden = self.0.redacted.contains(attribute);
            let shown =
                |value: Option<_>| value.map(|v| if hidden { Shown::Hidden(REDACTED) } else { Shown::Value(v) });
            (attribute, Pair { after: shown(after), before: shown(before) })
        }))
    }
}

#[derive(Serialize)]
struct Pair<'a> {
    after: Option<Shown<'a>>,
    before: Option<Shown<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Hidden(&'static str),
    Value(&'a Value),
}

impl<'a> Line<'a> {
    fn new(change: &'a Change) -> Self {
        let account = change.action.account().map(|id| Account { id, tenant: &change.route.target });
        Self {
            account,
            action: change.action.kind(),
            basis: None,
            edits: Edits(change),
            hidden: BTreeMap::new(),
            home: &change.home,
            invites: None,
            route: change.route.to_string(),
            rules: &change.rules,
            r#type: "change",
            why: change.why.as_str(),
        }
    }

    /// `invites` is the address that is invited, mapped or not: who may sign in hangs on it. `hidden` holds hashes of values
    /// that nobody may see: a plan with another hidden value is another plan. `basis` stands for what was known of the
    /// person.
    fn of_plan(change: &'a Change, basis: Option<&'a String>) -> Self {
        let (invites, hidden) = (change.action.address(), hidden(change));
        Self { invites, hidden, basis: basis.map(String::as_str), ..Self::new(change) }
    }
}

/// A change as one JSON object, the promised `jsonl` shape.
pub fn change_line(change: &Change) -> Json {
    json!(Line::new(change))
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
pub fn plan_line(change: &Change, basis: Option<&String>) -> Json {
    json!(Line::of_plan(change, basis))
}

/// For each redacted attribute the hashes of its values before and after.
pub(super) fn hidden(change: &Change) -> BTreeMap<Attribute, [Option<String>; 2]> {
    let mut hidden = BTreeMap::new();
    if change.redacted.is_empty() {
        return hidden;
    }
    let of = |attribute: &str, value: Option<&Value>| {
        let whose = (change.route.to_string(), &change.home.id, attribute, value);
        value.map(|_| hash("crosstie hidden value v1", [text(&whose).as_bytes()]))
    };
    for (attribute, pair) in change.pairs().into_iter().filter(|(attribute, _)| change.redacted.contains(*attribute)) {
        hidden.insert(attribute.into(), pair.map(|value| of(attribute, value)));
    }
    hidden
}

/// `sha256:…` over routes, rules, changes and before-values; the order in which they were found does not matter.
///
/// # Errors
/// Those of the shelf on which the plan lies.
pub fn digest(plan: &Plan) -> Result<String, Unkept> {
    digest_of_routes(plan.routes.iter())
}

/// Hashes that are sorted at a time: 2 MB. Those of a plan of a million lines are gone through sixteen times, which takes a
/// hundredth of the time that the plan takes.
const SORTED_AT_ONCE: u64 = 1 << 16;

/// The same of some routes.
///
/// # Errors
/// Those of the shelf on which they lie.
pub fn digest_of_routes<'p>(plans: impl Iterator<Item = &'p RoutePlan> + Clone) -> Result<String, Unkept> {
    let lines: u64 = plans.clone().map(|plan| plan.changes.len()).sum();
    let parts = lines.div_ceil(SORTED_AT_ONCE).next_power_of_two().min(256);
    in_parts(plans, parts as u16)
}

/// `parts`: 1, 2, 4 … 256. By their first byte: hashes are spread evenly.
fn in_parts<'p>(plans: impl Iterator<Item = &'p RoutePlan> + Clone, parts: u16) -> Result<String, Unkept> {
    let routes: Vec<LineHash> = plans.clone().map(|r| route_hash(&r.route.to_string(), &r.fingerprint)).collect();
    let mut whole = Pieces::new(PLAN);
    for part in 0..parts {
        let is_of_part = |hash: &LineHash| u16::from(hash[0]) * parts / 256 == part;
        let mut some: Vec<LineHash> = routes.iter().copied().filter(is_of_part).collect();
        for block in plans.clone().flat_map(|plan| plan.changes.lines()) {
            some.extend(block?.into_iter().filter(is_of_part));
        }
        some.sort_unstable();
        some.iter().for_each(|hash| whole.add(hash));
    }
    Ok(whole.end())
}

/// The same of what a file says. What is sorted are the hashes of its lines.
pub(super) fn digest_of<'a>(
    routes: impl Iterator<Item = (String, &'a str)>,
    lines: impl IntoIterator<Item = LineHash>,
) -> String {
    let routes = routes.map(|(route, fingerprint)| route_hash(&route, fingerprint));
    let mut hashes: Vec<LineHash> = routes.chain(lines).collect();
    hashes.sort_unstable();
    hash(PLAN, hashes)
}

/// What the digest of a plan is one of.
const PLAN: &str = "crosstie plan v3";

fn route_hash(route: &str, fingerprint: &str) -> LineHash {
    line_hash(&format!("route {route} {fingerprint}"))
}

/// What stands for a change in a digest.
pub(super) fn line_of(change: &Change, basis: Option<&String>) -> LineHash {
    line_hash(&text(&Line::of_plan(change, basis)))
}

/// SHA-256 over a line of a plan.
pub type LineHash = [u8; 32];

pub(super) fn line_hash(line: &str) -> LineHash {
    Sha256::digest(line).into()
}

/// As JSON. Nothing here holds what JSON has no form for.
fn text(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_else(|_| json!(what).to_string())
}

/// What is relevant of a route's people, for [`Foundation::basis`].
pub struct Foundation {
    home: BTreeSet<Attribute>,
    account: BTreeSet<Attribute>,
}

impl Foundation {
    /// What the rules of a route read at home, and read or write in the target.
    pub fn of(route: &PlannedRoute) -> Self {
        let stamp = route.ownership.stamping.iter().map(|stamping| stamping.attribute.clone());
        Self {
            home: route.rules.iter().flat_map(|r| r.home_attributes()).collect(),
            account: route.rules.iter().flat_map(|r| r.target_attributes()).chain(stamp).collect(),
        }
    }

    /// What was known of a person when their change was planned, as far as the rules read or write it: all that a decision
    /// about them can hang on. Whether a guest has redeemed the invitation is not part of it, nor when a link was made.
    pub fn basis(&self, case: &Case) -> String {
        let home = known(&case.home, &self.home);
        let account = case.account.as_ref().map(|account| known(account, &self.account));
        let link = case.link.as_ref().map(tied);
        hash("crosstie basis v1", [text(&(home, &case.member_of, account, link)).as_bytes()])
    }
}

/// What was known of an account when it was planned to take back what was done to it: `written` are the attributes that were.
/// Neither home nor rules are part of it: what has gone wrong there is often put right in the meantime.
pub fn undo_basis(account: Option<&Observed>, link: Option<&Link>, written: &BTreeSet<Attribute>) -> String {
    let account = account.map(|account| known(account, written));
    hash("crosstie undo basis v1", [text(&(account, link.map(tied))).as_bytes()])
}

/// Attributes that decisions about anybody hang on, whatever the rules say.
const LAWS: [&str; 4] =
    [Attribute::USER_PRINCIPAL_NAME, Attribute::ACCOUNT_ENABLED, Attribute::USER_TYPE, Attribute::MAIL];

fn known<'o>(observed: &'o Observed, relevant: &BTreeSet<Attribute>) -> impl Serialize + use<'o> {
    let counts = |a: &Attribute| LAWS.contains(&a.as_str()) || relevant.contains(a);
    let attributes: BTreeMap<_, _> = observed.attributes.iter().filter(|(a, _)| counts(a)).collect();
    (&observed.object, format!("{:?}", observed.presence), attributes)
}

fn tied(link: &Link) -> impl Serialize {
    let tie = match &link.tie {
        Tie::Known { account, origin } => json!([account, origin]),
        Tie::Asked(asked) => json!([asked.address]),
    };
    (tie, link.initialised, link.disabled_by_us, &link.baseline)
}

fn hash(domain: &str, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Pieces::new(domain);
    pieces.into_iter().for_each(|piece| hash.add(piece));
    hash.end()
}

/// A hash over pieces. Every one goes in with its length, so that no two different lists read alike.
struct Pieces(Sha256);

impl Pieces {
    fn new(domain: &str) -> Self {
        Self(Sha256::new().chain_update(domain.as_bytes()).chain_update(b"\n"))
    }
    fn add(&mut self, piece: impl AsRef<[u8]>) {
        self.0.update((piece.as_ref().len() as u64).to_be_bytes());
        self.0.update(piece.as_ref());
    }
    fn end(self) -> String {
        format!("sha256:{:x}", self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Changes, Plan, RoutePlan};
    use super::*;
    use crate::model::{Action, Attributes, RouteName, Why};

    #[test]
    fn in_however_many_parts_the_hashes_are_sorted_the_digest_is_the_same() {
        let changes = |route: &RouteName, people: u32| {
            let of = |n: u32| Change {
                route: route.clone(),
                home: Person { id: n.to_string().as_str().into(), user_principal_name: String::new() },
                action: Action::Unlink,
                before: Attributes::new(),
                why: Why::OutOfScope,
                rules: "r".to_owned(),
                redacted: BTreeSet::new(),
            };
            Changes::of(route.clone(), (0..people).map(of)).unwrap()
        };
        let route = |name: &str, people| {
            let route = RouteName::parse(name).unwrap();
            let (changes, fingerprint) = (changes(&route, people), "f".to_owned());
            RoutePlan { route, fingerprint, changes, held: Vec::new(), settled: 0, population: 0 }
        };
        let plan = Plan { routes: vec![route("a->b", 700), route("b->a", 0), route("c->a", 5)] };
        let lines = plan.routes.iter().flat_map(|r| r.changes.lines()).flat_map(Result::unwrap);
        let whole = digest_of(plan.routes.iter().map(|r| (r.route.to_string(), r.fingerprint.as_str())), lines);
        for parts in [1, 2, 8, 128, 256] {
            assert_eq!(in_parts(plan.routes.iter(), parts).unwrap(), whole, "{parts}");
        }
        assert_eq!(digest(&plan).unwrap(), whole);
    }
}
