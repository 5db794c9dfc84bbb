//! What must be true after every history, read from the tenants themselves?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Place, Sim, TENANTS};

/// What the shipped rule set writes again and again, the manager aside.
const MAPPED: [&str; 9] = [
    "displayName",
    "givenName",
    "surname",
    "jobTitle",
    "department",
    "companyName",
    "employeeId",
    "employeeType",
    "officeLocation",
];
/// What an account has beside: made by the tenant, or written once.
const OWN: [&str; 19] = [
    "accountEnabled",
    "createdDateTime",
    "creationType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "id",
    "identities",
    "mail",
    "mailNickname",
    "manager",
    "otherMails",
    "proxyAddresses",
    "showInAddressList",
    "usageLocation",
    "userPrincipalName",
    "userType",
    "refreshTokensValidFromDateTime",
    "signInSessionsValidFromDateTime",
    "businessPhones",
];

pub type People = BTreeMap<String, Vec<Value>>;

pub fn native(user: &Value) -> bool {
    user["creationType"] != "Invitation"
}

pub fn in_scope(user: &Value) -> bool {
    native(user) && user["accountEnabled"] == true && ["Teacher", "Staff"].iter().any(|k| user["employeeType"] == *k)
}

/// Everybody in scope has exactly one account in each other tenant, with exactly the mapped values; nobody else got one.
#[track_caller]
pub fn assert_mesh(sim: &Sim, before: &People) {
    let now = sim.everybody();
    for (home, target) in pairs() {
        let people = &now[home];
        let taken: BTreeMap<&str, &Value> =
            people.iter().filter(|u| in_scope(u)).map(|u| (u["mail"].as_str().unwrap(), u)).collect();
        let by_id: BTreeMap<&str, &Value> = people.iter().map(|u| (u["id"].as_str().unwrap(), u)).collect();
        let account_of =
            |mail: &str| -> Vec<&Value> { now[target].iter().filter(|a| !native(a) && a["mail"] == mail).collect() };
        // A manager who was deleted is still written down in the tenant, and shown to nobody.
        let live: BTreeSet<&str> = now[target].iter().map(|a| a["id"].as_str().unwrap()).collect();
        for (mail, user) in &taken {
            let accounts = account_of(mail);
            assert_eq!(accounts.len(), 1, "{mail} of {home} has these accounts in {target}: {accounts:#?}");
            let boss = user["manager"].as_str().and_then(|id| by_id.get(id)).filter(|b| in_scope(b));
            let boss = boss.map(|b| account_of(b["mail"].as_str().unwrap())[0]["id"].clone());
            assert_account(&live, user, accounts[0], boss.as_ref(), find(before, target, accounts[0]));
        }
    }
    assert_nobody_else(before, &now);
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    TENANTS.into_iter().flat_map(|h| TENANTS.into_iter().filter(move |t| *t != h).map(move |t| (h, t)))
}

fn find<'a>(people: &'a People, tenant: &str, user: &Value) -> Option<&'a Value> {
    people[tenant].iter().find(|u| u["id"] == user["id"])
}

fn assert_account(live: &BTreeSet<&str>, user: &Value, account: &Value, boss: Option<&Value>, joined: Option<&Value>) {
    for name in MAPPED {
        assert_eq!(account[name], user[name], "{name} of {account:#}");
    }
    assert_eq!(account["showInAddressList"], true);
    let led_by = account["manager"].as_str().filter(|id| live.contains(id));
    assert_eq!(led_by, boss.and_then(Value::as_str), "manager of {account:#}");
    let mapped = |n: &str| MAPPED.contains(&n) || ["showInAddressList", "manager"].contains(&n);
    match joined {
        Some(before) => {
            for (name, value) in account.as_object().unwrap().iter().filter(|(n, _)| !mapped(n)) {
                assert_eq!(value, &before[name], "{name} of a joined account was written");
            }
        }
        None => {
            assert_eq!(account["userType"], "Member");
            assert_eq!(account["usageLocation"], user["usageLocation"]);
            let beside = |(n, v): &(&String, &Value)| !mapped(n) && !OWN.contains(&n.as_str()) && !v.is_null();
            let odd: Vec<_> = account.as_object().unwrap().iter().filter(beside).collect();
            assert!(odd.is_empty(), "more than the mapped attributes: {odd:?}");
        }
    }
}

fn assert_nobody_else(before: &People, now: &People) {
    for (tenant, people) in now {
        let others = now.iter().filter(|(t, _)| *t != tenant).flat_map(|(_, p)| p);
        let welcome: BTreeSet<&str> = others.filter(|u| in_scope(u)).map(|u| u["mail"].as_str().unwrap()).collect();
        for user in people.iter().filter(|u| find(before, tenant, u).is_none() && !native(u)) {
            let mail = user["mail"].as_str().unwrap_or_default();
            assert!(welcome.contains(mail), "{mail} got an account in {tenant}");
        }
    }
}

/// Who is nobody's account is as before: native users, guests of elsewhere.
#[track_caller]
pub fn assert_bystanders(sim: &Sim, before: &People) {
    let now = sim.everybody();
    for (tenant, people) in before {
        let others = before.iter().filter(|(t, _)| *t != tenant).flat_map(|(_, p)| p);
        let taken: BTreeSet<&str> = others.filter(|u| in_scope(u)).map(|u| u["mail"].as_str().unwrap()).collect();
        for user in people.iter().filter(|u| native(u) || !taken.contains(u["mail"].as_str().unwrap_or_default())) {
            assert_eq!(find(&now, tenant, user), Some(user), "a bystander in {tenant} changed");
        }
    }
}

/// Every write that a tenant saw has exactly one entry; `blind`: an answer may have been lost for good, so that an entry
/// may say `unknown` of a write that was applied. So may one whose answer a kill took, where a write of ours before it had
/// left the account as it asked: then nothing that can be seen tells the two apart.
#[track_caller]
pub fn assert_log_matches(place: &Place, sim: &Sim, blind: bool) {
    place.run(&["log", "verify"]).code(0);
    let entries = place.log();
    let mut logged: BTreeMap<String, String> = BTreeMap::new();
    for entry in &entries {
        let id = entry["request_id"].as_str().unwrap().to_owned();
        if !id.is_empty() {
            let twice = logged.insert(id.clone(), entry["outcome"].as_str().unwrap().to_owned());
            assert!(twice.is_none(), "two entries of request {id}");
        }
    }
    let ledger = sim.ledger();
    for write in &ledger {
        let id = write["clientRequestId"].as_str().unwrap();
        let outcome = logged.remove(id).unwrap_or_else(|| panic!("no entry of the write {write}"));
        let error = entries.iter().find(|e| e["request_id"] == id).map_or(&Value::Null, |e| &e["error"]);
        let right = match write["applied"].as_bool().unwrap() {
            true => {
                outcome == "applied"
                    || (outcome == "unknown" && (blind || left_so_before(write, error, &entries, &ledger)))
            }
            false => outcome != "applied",
        };
        assert!(right, "the log says {outcome} of {write}: {error}");
    }
    for (id, outcome) in logged {
        assert_ne!(outcome, "applied", "request {id} was never seen by a tenant");
    }
    let seqs: Vec<u64> = entries.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "gaps in {seqs:?}");
}

/// How long a write is under way in these tests, on a busy machine.
const UNDER_WAY_MILLIS: u64 = 1_000;

/// Whether the entry's error names an earlier write that was made to this account, or took the account of a manager away; or
/// one of which the log cannot say whether it was.
fn left_so_before(write: &Value, error: &Value, entries: &[Value], ledger: &[Value]) -> bool {
    let message = error["message"].as_str().unwrap_or_default();
    let own = entries.iter().find(|e| e["request_id"] == write["clientRequestId"]);
    // Of an invitation whose account never showed the log knows whose it was.
    let of_person = |e: &Value| {
        e["account"].is_null()
            && own.is_some_and(|own| own["home"]["id"] == e["home"]["id"] && own["route"] == e["route"])
    };
    let of_it = |e: &&Value| {
        (of_person(e) || e["account"]["id"] == write["object"]) && e["outcome"] == "unknown" && e["request_id"] != ""
    };
    if entries.iter().filter(of_it).any(|e| message.contains(e["request_id"].as_str().unwrap())) {
        return true;
    }
    let names = |earlier: &&Value| message.contains(earlier["clientRequestId"].as_str().unwrap());
    ledger.iter().find(names).is_some_and(|earlier| {
        let at = |write: &Value| write["at"].as_u64().unwrap();
        let same = earlier["object"] == write["object"];
        let led = write["kind"] == "manager" && earlier["method"] == "DELETE" && earlier["kind"] != "manager";
        // Those of two people may be under way at once, and reach the tenant in the other order.
        let before =
            earlier["seq"].as_u64() < write["seq"].as_u64() || (led && at(earlier) <= at(write) + UNDER_WAY_MILLIS);
        before && earlier["applied"] == true && earlier["tenant"] == write["tenant"] && (same || led)
    })
}
