//! Does a stranger with nothing but Python and `docs/change-log.md` find what we find?

use std::io::Write as _;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::change_log::{SIGNED, age, with_a_leaver};
use super::support::{Place, text};

const PAGE: &str = include_str!("../../docs/change-log.md");

/// The page's block that is to be written to this file.
fn block(file: &str) -> &'static str {
    let mark = format!("```python file={file}\n");
    PAGE.split_once(&mark).unwrap().1.split_once("\n```").unwrap().0
}

/// Exit code and what was said, on both streams.
fn python(place: &Place, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new("python3");
    command.args(arguments).current_dir(place.folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap_or_else(|e| {
        panic!("this test runs the verifier of docs/change-log.md and needs python3 (3.9 or later) on the path: {e}")
    });
    // Who has seen enough reads no further.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let done = process.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.success(), said.trim_end().to_owned())
}

fn jsonl(place: &Place, verb: &[&str]) -> String {
    place.run(&[verb, &["--format", "jsonl"]].concat()).code(0).out
}

/// The page's verifier on what the program exports now.
fn verified(place: &Place) -> (bool, String) {
    place.write("runs.jsonl", &jsonl(place, &["log", "runs"]));
    python(place, &["verify.py", "runs.jsonl"], &jsonl(place, &["log"]))
}

#[track_caller]
fn agrees(place: &Place) {
    let ours = place.run(&["log", "verify"]).code(0).out;
    let ours = ours.lines().next().unwrap().strip_prefix("the change log is ").unwrap().to_owned();
    assert_eq!(verified(place), (true, ours));
}

fn ready(log: &str) -> (Place, super::support::Sim, String) {
    let (place, sim, who) = with_a_leaver(log);
    place.write("verify.py", block("verify.py"));
    place.write("forge.py", &block("forge.py").replace("\"crosstie.db\"", "\"state/crosstie.db\""));
    (place, sim, who)
}

#[test]
fn it_is_short_and_finds_every_edit() {
    assert!(block("verify.py").lines().count() <= 30);
    let (place, _sim, _) = ready(SIGNED);
    agrees(&place);
    let log = jsonl(&place, &["log"]);
    let lines: Vec<&str> = log.lines().collect();
    let found = |lines: &[&str], said: &str| {
        let (fine, told) = python(&place, &["verify.py", "runs.jsonl"], &(lines.join("\n") + "\n"));
        assert!(!fine && told.contains(said), "{said}: {told}");
    };
    let edited = lines[4].replace("in scope", "my idea");
    found(&[&lines[..4], &[&edited], &lines[5..]].concat(), "broken at entry 5");
    found(&[&lines[..4], &lines[5..]].concat(), "broken at entry 5");
    found(&[&lines[..4], &[lines[5], lines[4]], &lines[6..]].concat(), "broken at entry 5");
    found(&lines[1..], "no entry says so");
    // A cut tail is whole, and has another head.
    let (fine, told) = python(&place, &["verify.py"], &lines[..9].join("\n"));
    let hash = serde_json::from_str::<Value>(lines[8]).unwrap()["hash"].clone();
    assert_eq!((fine, told), (true, format!("whole: 9 entries, head {}", hash.as_str().unwrap())));
    // What is known of runs.
    let runs = jsonl(&place, &["log", "runs"]);
    place.write("runs.jsonl", &runs.replace("\"manual\"", "\"undo\""));
    found(&lines, "are other facts now");
    place.write("runs.jsonl", &runs.lines().skip(1).map(|l| format!("{l}\n")).collect::<String>());
    found(&lines, "broken at entry 1: the facts of its run are missing");
}

#[test]
fn the_pages_forger_is_found_by_the_heads_alone() {
    let (place, _sim, _) = ready(SIGNED);
    assert!(jsonl(&place, &["log"]).contains("Main 144"), "nothing to forge");
    assert!(python(&place, &["forge.py"], "").0);
    agrees(&place);
    place.run(&["log", "verify", "--head", "heads.jsonl"]).code(1).says("is another one now");
}

#[test]
fn it_knows_what_was_taken_out_in_order_and_what_was_not() {
    let (place, sim, who) = ready(&format!("{SIGNED}\nkeep = \"400d\""));
    age(&place, 1);
    sim.edit("north", text(&sim.staff("north")[3], "id"), &json!({ "jobTitle": "Provost" }));
    place.run(&["sync"]).code(0);
    let begins = place.log()[0]["seq"].as_u64().unwrap();
    assert!(begins > 1);
    agrees(&place);
    place.run(&["log", "erase", &who, "--reason", "request 17"]).code(0);
    agrees(&place);
    let whole = std::fs::read(place.db()).unwrap();
    let found = |sql: &str, said: &str| {
        Connection::open(place.db()).unwrap().execute_batch(sql).unwrap();
        let (fine, told) = verified(&place);
        assert!(!fine && told.contains(said), "{sql}: {told}");
        std::fs::write(place.db(), &whole).unwrap();
    };
    found("UPDATE log SET outcome = 'failed' WHERE body LIKE 'sha256:%'", "no entry says so");
    let unsaid = "(SELECT max(seq) - 2 FROM log)";
    found(
        &format!("UPDATE log SET body = (SELECT p.hash FROM log p WHERE p.seq = log.seq - 1) WHERE seq = {unsaid}"),
        "no entry says so",
    );
    found("UPDATE log SET body = replace(body, 'request 17', 'request 18') WHERE home = ''", "broken at entry");
    found(&format!("DELETE FROM log WHERE seq = {begins}"), "no entry says so");
    let log = jsonl(&place, &["log"]);
    let (fine, told) = python(&place, &["verify.py"], &log.replace("\"until\":{\"seq\":", "\"until\":{\"seq\":1"));
    assert!(!fine && told.contains("broken at entry"), "{told}");
    let without = log.lines().take_while(|l| !l.contains("\"event\":\"retention\"")).collect::<Vec<_>>().join("\n");
    let (fine, told) = python(&place, &["verify.py"], &without);
    assert!(!fine && told.contains("no entry says so"), "{told}");
}
