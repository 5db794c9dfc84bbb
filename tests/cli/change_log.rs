//! Does the change log say who did what under which rules, and is it found out whoever bends it?

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crosstie::model::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::support::{Place, Sim, text};

pub fn key(place: &Place, name: &str) -> String {
    place.run(&["approve", "--new-key", name]).code(0).out.trim().to_owned()
}

pub fn add_to_config(place: &Place, more: &str) {
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write("crosstie.toml", &format!("{config}{more}\n"));
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>())
}

/// Somebody with all of the program's knowledge, and the store in their hands: one entry is another one from now on, and
/// every hash after it is right.
fn forge(db: &Path, seq: i64, edit: impl Fn(&str) -> String) {
    let c = Connection::open(db).unwrap();
    let mut statement = c.prepare("SELECT seq, body, hash FROM log WHERE seq >= ?1 ORDER BY seq").unwrap();
    let rows =
        statement.query_map([seq], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?, r.get::<_, String>(2)?)));
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    let mut replaced: Option<(String, String)> = None;
    for (n, body, was) in rows {
        if !body.starts_with('{') {
            continue;
        }
        let mut body = if n == seq { edit(&body) } else { body };
        if let Some((old, new)) = &replaced {
            body = body.replace(old, new);
        }
        let hash = sha256(format!("crosstie change log v1\n{body}").as_bytes());
        c.execute("UPDATE log SET body = ?2, hash = ?3 WHERE seq = ?1", rusqlite::params![n, body, hash]).unwrap();
        c.execute("UPDATE meta SET value = ?1 WHERE name = 'log_head'", [format!("{n} {hash}")]).unwrap();
        replaced = Some((was, hash));
    }
}

fn cut(db: &Path, to: i64) {
    let c = Connection::open(db).unwrap();
    c.execute("DELETE FROM log WHERE seq > ?1", [to]).unwrap();
    let hash: String = c.query_row("SELECT hash FROM log WHERE seq = ?1", [to], |r| r.get(0)).unwrap();
    c.execute("UPDATE meta SET value = ?1 WHERE name = 'log_head'", [format!("{to} {hash}")]).unwrap();
}

fn heads(place: &Place) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path("heads.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn promote(sim: &Sim, n: usize, title: &str) -> String {
    let who = text(&sim.staff("north")[n], "userPrincipalName").to_owned();
    sim.edit("north", &who, &json!({ "jobTitle": title }));
    who
}

#[test]
fn every_entry_names_its_run_and_that_its_files_and_its_approvers() {
    let (place, sim) = Place::school(40);
    place.settle();
    let signers = [key(&place, "ada.pem"), key(&place, "bo.pem")];
    let list = format!("{:?}", signers);
    add_to_config(&place, &format!("[approval]\nrequired_above = 0\nneeded = 2\napprovers = {list}"));
    promote(&sim, 0, "Dean");
    place.run(&["plan", "--out", "plan.jsonl"]).code(3);
    for name in ["ada.pem", "bo.pem"] {
        place.run(&["approve", "plan.jsonl", "--key", name]).code(0);
    }
    place.run(&["sync", "--plan", "plan.jsonl"]).code(0);

    let log = place.log();
    let runs = place.run(&["log", "runs", "--format", "jsonl"]).code(0).lines();
    let facts = |entry: &Value| {
        let found = runs.iter().find(|run| run["hash"] == entry["facts"]).unwrap_or_else(|| panic!("{entry}"));
        found["facts"].clone()
    };
    let (first, last) = (facts(&log[0]), facts(log.last().unwrap()));
    let config = std::fs::read(place.path("crosstie.toml")).unwrap();
    let rules = std::fs::read(place.path("sync-rules/staff.toml")).unwrap();
    assert_eq!((first["run"].as_u64(), text(&first, "trigger")), (Some(1), "manual"));
    assert_eq!((&last["config"], &last["rules"]), (&json!(sha256(&config)), &json!({ "staff": sha256(&rules) })));
    assert_ne!(first["config"], last["config"]);
    assert!(first.get("approved").is_none(), "{first}");
    let mut by: Vec<&str> = last["approved"]["by"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect();
    let mut expected: Vec<&str> = signers.iter().map(String::as_str).collect();
    by.sort_unstable();
    expected.sort_unstable();
    assert_eq!(by, expected);
    assert!(!text(&last, "host").is_empty() && !text(&last, "user").is_empty());
    // The hash is that of the text, as anybody can find out.
    let line = place.run(&["log", "runs", "--format", "jsonl"]).out.lines().next().unwrap().to_owned();
    let body = line.split_once("\"facts\":").unwrap().1.strip_suffix('}').unwrap();
    let hash = sha256(format!("crosstie run facts v1\n{body}").as_bytes());
    assert!(line.starts_with(&format!("{{\"hash\":\"{hash}\",")), "{line}");

    let seq = log.last().unwrap()["seq"].to_string();
    let shown = place.run(&["log", "show", &seq]).code(0).out;
    for said in
        [signers[0].as_str(), signers[1].as_str(), "configuration sha256:", "rules staff sha256:", "hash     sha256:"]
    {
        assert!(shown.contains(said), "no {said} in\n{shown}");
    }
    let shown = place.run(&["log", "show", &seq, "--format", "json"]).code(0).json();
    assert_eq!((&shown["entry"], &shown["facts"]), (log.last().unwrap(), &last));
    place.run(&["log", "show", "9999"]).code(64).says("no entry 9999");

    // Who approved is somebody else now.
    place.run(&["log", "verify"]).code(0);
    let sql = format!("UPDATE run_facts SET body = replace(body, '{}', '{}')", signers[0], signers[1]);
    Connection::open(place.db()).unwrap().execute_batch(&sql).unwrap();
    place.run(&["log", "verify"]).code(1).says("the facts of its run").says("were changed");
}

#[test]
fn a_log_that_is_whole_and_not_what_it_was_is_found_by_its_heads() {
    let (place, sim) = Place::school(40);
    let public = key(&place, "log.pem");
    add_to_config(&place, "[log]\nheads = \"heads.jsonl\"\nsign_with = { file = \"log.pem\" }");
    place.run(&["sync"]).code(0);
    let older = std::fs::read(place.db()).unwrap();
    promote(&sim, 1, "Dean");
    place.run(&["sync"]).code(0);
    let heads = heads(&place);
    assert_eq!(heads.len(), 2);
    assert_eq!(std::fs::metadata(place.path("heads.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    let (log, last) = (place.log(), &heads[1]);
    assert_eq!((&last["seq"], &last["hash"]), (&log.last().unwrap()["seq"], &log.last().unwrap()["hash"]));
    assert_eq!((last["run"].as_u64(), &last["key"]), (Some(2), &json!(public)));
    let verify = || place.run(&["log", "verify", "--head", "heads.jsonl"]);
    let whole = verify().code(0);
    assert!(whole.out.contains("it goes through 2 heads, all signed, the last of run 2"), "{}", whole.out);
    let newest = std::fs::read(place.db()).unwrap();
    let put_back = |bytes: &[u8]| std::fs::write(place.db(), bytes).unwrap();
    let bent_but_whole = |what: &str, said: &str| {
        place.run(&["log", "verify"]).code(0);
        let found = verify().code(1);
        assert!(found.err.contains(said), "{what}: {}", found.err);
        put_back(&newest);
    };
    put_back(&older);
    bent_but_whole("an older copy", "this is an older copy");
    cut(&place.db(), last["seq"].as_i64().unwrap() - 1);
    bent_but_whole("a cut tail", "its end was cut off");
    forge(&place.db(), 3, |body| body.replace("\"in scope\"", "\"my idea\""));
    bent_but_whole("an edit", "heads.jsonl:1: ");
    // After the first head, and before the second: the first still fits.
    forge(&place.db(), last["seq"].as_i64().unwrap(), |body| body.replace("Dean", "King"));
    bent_but_whole("an edit of the last", "heads.jsonl:2: ");

    // Another store with a log of its own.
    std::fs::remove_dir_all(place.path("state")).unwrap();
    std::fs::create_dir(place.path("state")).unwrap();
    place.run(&["sync"]).code(0);
    bent_but_whole("another store", "it was the log of store");

    // The heads themselves.
    let all = std::fs::read_to_string(place.path("heads.jsonl")).unwrap();
    let two = all.lines().take(2).collect::<Vec<_>>().join("\n");
    let with = |heads: &str| {
        place.write("other.jsonl", heads);
        place.run(&["log", "verify", "--head", "other.jsonl"])
    };
    with(&two).code(0);
    let (at, hash) = (text(last, "at"), text(last, "hash"));
    let fields = [("\"run\":2", "\"run\":3"), (at, "2026-01-01T00:00:00.000Z"), (hash, text(&heads[0], "hash"))];
    let seqs = heads.iter().map(|head| format!("\"seq\":{}", head["seq"])).collect::<Vec<_>>();
    for (is, other) in fields.into_iter().chain([(seqs[1].as_str(), seqs[0].as_str())]) {
        let line = two.lines().last().unwrap().replace(is, other);
        with(&line).code(1).says("its signature is not over what it says");
    }
    let cut_at = two.find(",\"key\"").unwrap();
    with(&format!("{}}}\n", &two[..cut_at])).code(1).says("it is not signed");
    with("").code(64).says("there is no head in it");
    with("{\"seq\":1}").code(64).says("line 1 is no head");
    // By a key that nobody named.
    key(&place, "other.pem");
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write("crosstie.toml", &config.replace("log.pem", "other.pem"));
    with(&two).code(1).says("that is no key of [log]");
    // Where the public half is named, the private one need not be there.
    place.write(
        "crosstie.toml",
        &config.replace("sign_with = { file = \"log.pem\" }", &format!("signers = [\"{public}\"]")),
    );
    with(&two).code(0);
    std::fs::set_permissions(place.path("other.jsonl"), std::fs::Permissions::from_mode(0o666)).unwrap();
    place.run(&["log", "verify", "--head", "other.jsonl"]).code(64).says("others can write to it");
}

#[test]
fn a_head_that_cannot_be_put_down_is_told_of_and_a_key_that_is_none_keeps_everything_from_starting() {
    let (place, sim) = Place::school(30);
    add_to_config(&place, "[log]\nheads = \"nowhere/heads.jsonl\"\n");
    place.run(&["sync"]).code(4).says("the change log's end after run 1 was not added").says("nowhere/heads.jsonl");
    place.run(&["plan"]).code(0);
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write("log.pem", "-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----\n");
    place.write("crosstie.toml", &format!("{config}sign_with = {{ file = \"log.pem\" }}\n"));
    let seen = sim.seq();
    promote(&sim, 0, "Dean");
    let refused = place.run(&["sync"]).code(64).says("the key of [log] is no Ed25519 key");
    assert!(!refused.err.contains("PRIVATE"), "{}", refused.err);
    assert_eq!(sim.seq(), seen);
    // A torn line does not take the next one with it.
    place.write("crosstie.toml", &config.replace("nowhere/", ""));
    place.write("heads.jsonl", "{\"at\":\"20");
    place.run(&["sync"]).code(0);
    let text = std::fs::read_to_string(place.path("heads.jsonl")).unwrap();
    assert_eq!((text.lines().count(), text.ends_with("}\n")), (2, true), "{text}");
}

#[test]
fn the_event_of_a_new_end_is_a_head_as_good_as_the_files() {
    let (place, _sim) = Place::school(30);
    key(&place, "log.pem");
    place.write("hook", "0123456789012345678901234567\n");
    std::fs::set_permissions(place.path("hook"), std::fs::Permissions::from_mode(0o600)).unwrap();
    add_to_config(
        &place,
        "[log]\nheads = \"heads.jsonl\"\nsign_with = { file = \"log.pem\" }\n[notify.webhooks.audit]\n\
         url = \"http://127.0.0.1:9/\"\nsecret = { file = \"hook\" }\nevents = [\"log-head\"]",
    );
    place.run(&["sync"]).code(0);
    let waiting = Connection::open(place.db()).unwrap();
    let body: String = waiting.query_row("SELECT body FROM outbox", [], |r| r.get(0)).unwrap();
    let event: Value = serde_json::from_str(&body).unwrap();
    let head = &heads(&place)[0];
    let fields = ["store", "key", "signature"].map(|name| (&event["data"][name], &head[name]));
    assert!(fields.iter().all(|(event, head)| event == head && head.is_string()), "{event} {head}");
    place.write("events.jsonl", &format!("{body}\n"));
    place.run(&["log", "verify", "--head", "events.jsonl"]).code(0);
    cut(&place.db(), 5);
    place.run(&["log", "verify", "--head", "events.jsonl"]).code(1).says("its end was cut off");
}

#[test]
fn a_persons_history_is_found_by_any_name_in_all_tenants_and_outcomes_are_filtered() {
    let (place, sim) = Place::school(40);
    place.settle();
    let who = promote(&sim, 2, "Dean");
    let person = sim.staff("north").into_iter().find(|u| u["userPrincipalName"] == who).unwrap();
    let (id, mail) = (text(&person, "id").to_owned(), text(&person, "mail").to_owned());
    let account = sim.account("west", &mail)["id"].as_str().unwrap().to_owned();
    sim.edit("north", &id, &json!({ "userPrincipalName": "renamed@north.fine-arts.example" }));
    sim.fault("south", &json!({ "kind": "patch", "times": 1, "effect": { "do": "status", "status": 400 } }));
    place.run(&["sync"]).code(4);
    place.run(&["sync"]).code(0);
    let history = |name: &str| place.run(&["log", "history", name, "--format", "jsonl"]).code(0).lines();
    let all: Vec<Value> = place.log().into_iter().filter(|e| e["home"]["id"] == id).collect();
    assert!(all.len() >= 6, "{all:#?}");
    for name in [&id, &who, "renamed@north.fine-arts.example", &account, &who.to_uppercase()] {
        assert_eq!(history(name), all, "{name}");
    }
    let said = place.run(&["log", "history", &who]).code(0).out;
    for part in ["in south: account ", &format!("in west: account {account}"), "also renamed@"] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
    place.run(&["log", "history", "nobody@nowhere.example"]).code(0).says("no entry of the change log");
    let failed = place.run(&["log", "--outcome", "failed", "--format", "jsonl"]).code(0).lines();
    assert!(failed.len() == 1 && failed[0]["outcome"] == "failed", "{failed:#?}");
    place.run(&["log", "--outcome", "good"]).code(64);
}

/// Everything that lies in the store's folder.
fn bytes(place: &Place) -> Vec<u8> {
    place.state().into_values().flatten().collect()
}

fn holds(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

/// A school in which somebody's title was once a word that is nowhere else, and the person has left.
pub fn with_a_leaver(log: &str) -> (Place, Sim, String) {
    let (place, sim) = Place::school(40);
    key(&place, "log.pem");
    add_to_config(&place, log);
    place.run(&["sync"]).code(0);
    let person = super::support::someone_without_reports(&sim, "north");
    let (id, who) = (text(&person, "id").to_owned(), text(&person, "userPrincipalName").to_owned());
    for title in ["Thereminist", "Dean"] {
        sim.edit("north", &id, &json!({ "jobTitle": title }));
        place.run(&["sync"]).code(0);
    }
    (place, sim, who)
}

/// Whoever no tenant has any more is forgotten with what the log says of them, and where something stays it is told why.
#[test]
fn whoever_no_tenant_has_any_more_is_forgotten_wholly() {
    let (place, sim) = Place::school(40);
    place.write("hook", "0123456789012345678901234567\n");
    std::fs::set_permissions(place.path("hook"), std::fs::Permissions::from_mode(0o600)).unwrap();
    add_to_config(
        &place,
        "[notify.webhooks.audit]\nurl = \"http://127.0.0.1:9/\"\nsecret = { file = \"hook\" }\nevents = [\"users-held\"]",
    );
    place.settle();
    let person = super::support::someone_without_reports(&sim, "north");
    let (id, who) = (text(&person, "id").to_owned(), text(&person, "userPrincipalName").to_owned());
    let accounts = ["south", "west"].map(|tenant| (tenant, text(&sim.account(tenant, &who), "id").to_owned()));
    // An alert that nobody takes names the person.
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    let list = format!("protected = [{:?}]\nclient_secret", accounts[0].1);
    place.write("crosstie.toml", &config.replace("client_secret", &list));
    sim.edit("north", &id, &json!({ "jobTitle": "Dean" }));
    place.run(&["sync"]).code(4);
    let alert = || -> String {
        Connection::open(place.db()).unwrap().query_row("SELECT body FROM outbox", [], |r| r.get(0)).unwrap()
    };
    assert!(alert().contains(&who), "{}", alert());
    place.write("crosstie.toml", &config);

    sim.delete("north", &id);
    place.run(&["sync"]).code(0);
    let erase = ["log", "erase", &who, "--reason", "request 17"];
    let erased = place.run(&erase).code(0).says("note: heads, exports and backups");
    assert!(erased.out.contains("took the person out of 1 alert that"), "{}", erased.out);
    for (tenant, object) in accounts.iter().chain([&("north", id.clone())]) {
        let kept =
            format!("what {tenant} says of {object} is remembered: it is deleted, and its tenant can still restore it");
        assert!(erased.err.contains(&kept), "no {kept} in\n{}", erased.err);
    }
    let told: Value = serde_json::from_str(&alert()).unwrap();
    let people = told["data"].to_string();
    assert!(people.contains("(erased)") && !people.contains(&who) && !people.contains(&id), "{told:#}");
    assert!(holds(&bytes(&place), &who), "the tenants could still bring them back");

    for (tenant, object) in accounts.iter().chain([&("north", id.clone())]) {
        sim.control("DELETE", &format!("tenants/{tenant}/users/{object}?hard=true"), &Value::Null);
    }
    // As long as a link leads there it is not known yet that nothing comes of it.
    let other = text(&sim.staff("north")[0], "userPrincipalName").to_owned();
    place.run(&["sync", "--user", &other]).code(0);
    let tied = place.run(&["log", "erase", &id, "--reason", "request 17"]).code(0);
    for (tenant, object) in accounts.iter().chain([&("north", id.clone())]) {
        let kept = format!("what {tenant} says of {object} is remembered: it is tied to");
        assert!(tied.err.contains(&kept), "no {kept} in\n{}", tied.err);
    }
    place.run(&["sync"]).code(0);
    let others = place.run(&["status", "--format", "json"]).json()["tenants"].clone();
    let erased = place.run(&["log", "erase", &id, "--reason", "request 17"]).code(0);
    assert!(!erased.err.contains("is remembered"), "{}", erased.err);
    assert!(!holds(&bytes(&place), &who), "it is nowhere any more");
    let known = |object: &str| -> i64 {
        let sql = "SELECT count(*) FROM observations WHERE object = unhex(replace(?1, '-', ''))";
        Connection::open(place.db()).unwrap().query_row(sql, [object], |r| r.get(0)).unwrap()
    };
    assert_eq!((known(&id), known(&accounts[0].1), known(&accounts[1].1)), (0, 0, 0));
    assert_eq!(place.run(&["status", "--format", "json"]).json()["tenants"], others, "nobody else is forgotten");
    place.run(&["log", "verify"]).code(0);
    let since = sim.seq();
    place.run(&["sync"]).code(0);
    place.run(&["sync", "--full"]).code(0);
    assert_eq!(sim.seq(), since, "and nothing comes of it");
}

pub const SIGNED: &str = "[log]\nheads = \"heads.jsonl\"\nsign_with = { file = \"log.pem\" }";

#[test]
fn a_person_is_erased_and_the_chain_and_its_heads_still_hold() {
    let (place, sim, who) = with_a_leaver(SIGNED);
    let before = place.log();
    let of_person = before.iter().filter(|e| e["home"]["userPrincipalName"] == who).count();
    assert!(of_person >= 8 && holds(&bytes(&place), "Thereminist"));
    let dry = place.run(&["log", "erase", &who, "--reason", "request 17", "--dry-run"]).code(0);
    assert!(dry.out.starts_with(&format!("{of_person} entries are about ")), "{}", dry.out);
    assert_eq!(place.log(), before);
    place.run(&["log", "erase", &who]).code(64);
    place.run(&["log", "erase", &who, "--reason", "a\nb"]).code(64);

    let erased = place.run(&["log", "erase", &who, "--reason", "request 17"]).code(0);
    assert!(erased.out.starts_with(&format!("erased {of_person} entries; the signed entry ")), "{}", erased.out);
    assert!(!holds(&bytes(&place), "Thereminist"), "its traces lie in the file");
    let said = place.run(&["log", "verify", "--head", "heads.jsonl"]).code(0).out;
    assert!(said.contains(&format!("the texts of {of_person} entries were erased")), "{said}");
    let after = place.log();
    assert_eq!(after.len(), before.len() + 1);
    for (was, is) in before.iter().zip(&after) {
        if was["home"]["userPrincipalName"] != who {
            assert_eq!(was, is);
            continue;
        }
        let same = ["seq", "at", "run", "route", "action", "outcome", "hash"].map(|name| was[name] == is[name]);
        assert!(same.iter().all(|same| *same) && is["erased"] == true && is.get("edits").is_none(), "{is}");
    }
    let tombstone = after.last().unwrap();
    assert_eq!((text(tombstone, "event"), text(tombstone, "reason")), ("erasure", "request 17"));
    assert!(!tombstone.to_string().contains(&who), "it names who was erased: {tombstone}");
    for (verb, part) in
        [("text", "(erased) applied"), ("html", "(erased)"), ("csv", "seq,at,run"), ("ocsf", "\"class_uid\"")]
    {
        let shown = place.run(&["log", "--format", verb]).code(0).out;
        assert!(shown.contains(part) && !shown.contains("Thereminist"), "{verb}: {shown}");
    }
    // A spreadsheet and a security information system are told of what is left, and that and why something is gone.
    let csv = place.run(&["log", "--format", "csv"]).code(0).out;
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
    let of = |seq: &Value| rows.iter().filter(|row| row[0].parse().ok() == seq.as_u64()).collect::<Vec<_>>();
    let events = place.run(&["log", "--format", "ocsf"]).code(0).lines();
    assert_eq!(events.len(), after.len());
    for (entry, event) in after.iter().zip(&events).filter(|(entry, _)| entry["erased"] == true) {
        let row = of(&entry["seq"]);
        assert!(row.len() == 1 && row[0].len() == 17, "{row:?}");
        let cells = [4, 6, 13, 14].map(|n| row[0][n].to_owned());
        assert_eq!(cells, [text(entry, "route"), text(entry, "action"), "(erased)", text(entry, "outcome")]);
        assert_eq!((&event["class_uid"], &event["user"]["name"]), (&json!(3001), &json!("(erased)")));
        assert_eq!((&event["metadata"]["uid"], &event["unmapped"]["erased"]), (&entry["hash"], &json!(true)));
    }
    let (row, event) = (of(&tombstone["seq"]), events.last().unwrap());
    assert!(row[0][6] == *"erasure" && row[0][13].ends_with("(request 17)"), "{row:?}");
    assert_eq!((&event["class_uid"], &event["type_uid"]), (&json!(1008), &json!(100_802)));
    assert_eq!((&event["metadata"]["uid"], &event["status_detail"]), (&tombstone["hash"], &json!("request 17")));
    assert_eq!(event["unmapped"]["entries"].as_array().unwrap().len(), of_person);
    place.run(&["log", "history", &who]).code(0).says("no entry");
    let shown = place.run(&["log", "show", &tombstone["seq"].to_string()]).code(0).out;
    assert!(shown.contains("erasure: the texts of") && shown.contains("(request 17)"), "{shown}");
    // It goes on: the person is written to again, and undo and explain live with what is gone.
    sim.edit(
        "north",
        text(&sim.staff("north").into_iter().find(|u| u["userPrincipalName"] == who).unwrap(), "id"),
        &json!({ "jobTitle": "Provost" }),
    );
    place.run(&["sync"]).code(0);
    place.run(&["explain", &who]).code(0);
    place.run(&["undo", "2", "--dry-run"]);
    place.run(&["log", "verify", "--head", "heads.jsonl"]).code(0);
}

#[test]
fn what_is_taken_out_without_a_tombstone_or_beside_it_is_found() {
    let (place, _sim, who) = with_a_leaver(SIGNED);
    let whole = std::fs::read(place.db()).unwrap();
    let sql = |sql: &str| Connection::open(place.db()).unwrap().execute_batch(sql).unwrap();
    let last = place.log().len() as i64;
    sql("UPDATE log SET body = '' WHERE seq = 3");
    place.run(&["log", "verify"]).code(1).says("entry 3: its text is gone, and no tombstone says so");
    std::fs::write(place.db(), &whole).unwrap();
    sql("DELETE FROM log WHERE seq <= 3");
    place.run(&["log", "verify"]).code(1).says("entry 1 is missing");
    std::fs::write(place.db(), &whole).unwrap();

    place.run(&["log", "erase", &who, "--reason", "request 17"]).code(0);
    let erased = std::fs::read(place.db()).unwrap();
    let found = |change: &str, said: &str| {
        sql(change);
        let found = place.run(&["log", "verify"]).code(1);
        assert!(found.err.contains(said), "{change}: {}", found.err);
        std::fs::write(place.db(), &erased).unwrap();
    };
    let of_erased = "(SELECT seq FROM log WHERE body LIKE 'sha256:%' LIMIT 1)";
    for change in
        ["at = at + 1", "run = 9", "action = 'unlink'", "outcome = 'failed'", "home = 'south'", "hash = 'sha256:0'"]
    {
        found(
            &format!("UPDATE log SET {change} WHERE seq = {of_erased}"),
            "what is left of it is not what its tombstone says",
        );
    }
    found(&format!("UPDATE log SET body = '{{}}' WHERE seq = {of_erased}"), "it was taken out, and it is there");
    found(&format!("DELETE FROM log WHERE seq = {of_erased}"), "is missing");
    found(
        "UPDATE log SET body = replace(body, 'request 17', 'request 18') WHERE home = ''",
        "its text does not have its hash",
    );
    // Whose entries come first hangs on who was answered first.
    let of_others = "(SELECT seq FROM log WHERE body LIKE '{%' LIMIT 2)";
    let change = format!("UPDATE log SET body = '' WHERE seq IN {of_others}");
    found(&change, "its text is gone, and no tombstone says so");
    found(&format!("DELETE FROM log WHERE seq = {}", last + 1), "no tombstone says so");

    // Whoever knows all that can make a tombstone; not with our key.
    forge(&place.db(), last + 1, |body| body.replace("request 17", "request 18"));
    place.run(&["log", "verify"]).code(1).says("bears a signature that is not over what it says");
    std::fs::write(place.db(), &erased).unwrap();
    forge(&place.db(), last + 1, |body| {
        let (from, to) = (body.find(",\"key\"").unwrap(), body.rfind(",\"previous\"").unwrap());
        format!("{}{}", &body[..from], &body[to..])
    });
    place.run(&["log", "verify"]).code(4).says("is not signed by a key of [log]");
}

/// All of a run is older by 500 days, and the chain is as it would have been then. Answers its last entry.
pub fn age(place: &Place, run: i64) -> i64 {
    const DAY_MILLIS: u64 = 86_400_000;
    let c = Connection::open(place.db()).unwrap();
    let mut statement = c.prepare("SELECT seq, at FROM log WHERE run = ?1 ORDER BY seq").unwrap();
    let rows = statement.query_map([run], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?))).unwrap();
    let rows: Vec<(i64, i64)> = rows.map(Result::unwrap).collect();
    for (seq, at) in &rows {
        let was = Timestamp(at.unsigned_abs());
        let aged = Timestamp(was.0 - 500 * DAY_MILLIS);
        let sql = "UPDATE log SET at = ?2, body = replace(body, ?3, ?4) WHERE seq = ?1";
        let values = rusqlite::params![seq, aged.0.cast_signed(), was.rfc3339(), aged.rfc3339()];
        c.execute(sql, values).unwrap();
    }
    forge(&place.db(), rows[0].0, str::to_owned);
    rows.last().unwrap().0
}

#[test]
fn old_entries_go_by_policy_and_what_is_left_is_still_a_chain() {
    let (place, sim, _) =
        with_a_leaver("[log]\nheads = \"heads.jsonl\"\nsign_with = { file = \"log.pem\" }\nkeep = \"400d\"");
    let first = age(&place, 1);
    std::fs::remove_file(place.path("heads.jsonl")).unwrap();
    place.run(&["log", "verify"]).code(0);
    let facts = place.run(&["log", "runs", "--format", "jsonl"]).code(0).lines().len();
    promote(&sim, 3, "Provost");
    place.run(&["sync"]).code(0);
    let said = place.run(&["log", "verify", "--head", "heads.jsonl"]).code(0).out;
    assert!(said.contains(&format!("entries 1 to {first} were taken out")), "{said}");
    let after = place.log();
    assert_eq!(after[0]["seq"], first + 1);
    let tombstone = after.last().unwrap();
    assert_eq!((text(tombstone, "event"), &tombstone["until"]["seq"]), ("retention", &json!(first)));
    assert_eq!(heads(&place)[0]["hash"], tombstone["hash"], "the head is told with it");
    assert_eq!(place.run(&["log", "runs", "--format", "jsonl"]).code(0).lines().len(), facts, "one came, one went");
    // Once is enough for a day.
    promote(&sim, 3, "Dean");
    place.run(&["sync"]).code(0);
    let again = place.log();
    assert_eq!(again.iter().filter(|e| e["event"] == "retention").count(), 1);
    place.run(&["log", "verify", "--head", "heads.jsonl"]).code(0);

    let whole = std::fs::read(place.db()).unwrap();
    let found = |change: &str, said: &str| {
        Connection::open(place.db()).unwrap().execute_batch(change).unwrap();
        let found = place.run(&["log", "verify"]).code(1);
        assert!(found.err.contains(said), "{change}: {}", found.err);
        std::fs::write(place.db(), &whole).unwrap();
    };
    found(&format!("DELETE FROM log WHERE seq = {}", first + 1), &format!("entry {} is missing", first + 1));
    let row = format!(
        "INSERT INTO log SELECT 1, at, run, home, target, action, outcome, body, hash FROM log WHERE seq = {}",
        first + 1
    );
    found(&row, "it was taken out, and it is there");
    let tombstones = "DELETE FROM log WHERE home = ''";
    found(tombstones, "entry 1 is missing");
}

/// What a mean directory may call its people.
#[test]
fn exports_for_browsers_and_security_systems_say_what_the_log_says_and_run_nothing() {
    let (place, sim) = Place::school(30);
    place.run(&["sync"]).code(0);
    let mean = "</td><script>alert(1)</script>\" onload='x' &amp;\u{202e}";
    let who = promote(&sim, 0, mean);
    sim.fault("south", &json!({ "kind": "patch", "times": 1, "effect": { "do": "status", "status": 400 } }));
    place.run(&["sync"]).code(4);
    let page = place.run(&["log", "--format", "html"]).code(0).out;
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script") && !page.contains('\u{202e}'));
    let log = place.log();
    assert_eq!(page.matches("<tr class=\"").count(), log.len());
    for policy in ["default-src 'none'", "charset=\"utf-8\""] {
        assert!(page.contains(policy), "{policy}");
    }

    let events = place.run(&["log", "--format", "ocsf"]).code(0).lines();
    assert_eq!(events.len(), log.len());
    for (event, entry) in events.iter().zip(&log) {
        let activity = match text(entry, "action") {
            "provision" => 1,
            "enable" => 2,
            "disable" => 5,
            "delete" => 6,
            _ => 99,
        };
        let status = if entry["outcome"] == "applied" { 1 } else { 2 };
        assert_eq!((&event["class_uid"], &event["category_uid"]), (&json!(3001), &json!(3)));
        assert_eq!((&event["activity_id"], &event["type_uid"]), (&json!(activity), &json!(300_100 + activity)));
        assert_eq!((&event["status_id"], &event["metadata"]["uid"]), (&json!(status), &entry["hash"]));
        let at = Timestamp::parse(text(entry, "at")).unwrap();
        assert_eq!((&event["time"], &event["user"]["uid"]), (&json!(at.0), &entry["account"]["id"]));
        assert_eq!(event["user"]["name"], entry["home"]["userPrincipalName"]);
        assert_eq!(event["unmapped"]["edits"], entry["edits"]);
        assert!(event["metadata"]["version"] == "1.3.0" && event["severity_id"] == 1, "{event}");
    }
    let failed = events.iter().find(|e| e["status"] == "Failure").unwrap();
    assert!(failed["user"]["name"] == who && failed["status_code"].is_string(), "{failed}");
}
