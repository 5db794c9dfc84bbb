//! Is a schedule kept by a real process, whatever it is sent and whoever works beside it?

mod beside;
mod kills;
mod logs;
mod reload;
mod stop;
mod store;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Done, Place, Running, Sim, TENANTS, assert_log_matches, assert_mesh, eventually, teacher, text};

/// Every other second.
const OFTEN: &str = "*/2 * * * * *";
/// On the next leap day: whatever happens in a test, no tick made it happen.
const SELDOM: &str = "0 0 4 29 2 *";
/// The promise of a stop.
const SOON: Duration = Duration::from_secs(5);

/// A school with a schedule.
fn school(people: usize, cron: &str) -> (Place, Sim) {
    let (place, sim) = Place::school(people);
    configure(&place, &sim, cron, "");
    (place, sim)
}

/// Writes the configuration anew.
fn configure(place: &Place, sim: &Sim, cron: &str, more: &str) {
    place.configure(&[&sim.root; 3]);
    add_to_config(place, &format!("[schedule]\ncron = \"{cron}\"\n{more}"));
}

fn add_to_config(place: &Place, more: &str) {
    let text = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    place.write("crosstie.toml", &(text + more));
}

/// So many writes in so many seconds into each tenant, as the tenants see it too.
fn limits(sim: &Sim, writes: u32, seconds: u32) -> String {
    sim.control("PUT", "limits/app-writes", &json!({ "count": writes, "seconds": seconds }));
    let one = |t: &str| format!("[tenants.{t}.limits]\nwrites = {writes}\nwindow_seconds = {seconds}\n");
    TENANTS.iter().map(|t| one(t)).collect()
}

fn slow(sim: &Sim, method: &str, millis: u64) {
    for tenant in TENANTS {
        sim.fault(tenant, &json!({ "method": method, "effect": { "do": "delay", "millis": millis } }));
    }
}

fn lines_with(run: &Running, part: &str) -> usize {
    run.said().lines().filter(|line| line.contains(part)).count()
}

/// Waits until so many cycles have come to their end.
#[track_caller]
fn until_ended(run: &Running, cycles: usize) {
    eventually("the end of a cycle", || lines_with(run, "the cycle has ended") >= cycles);
}

#[track_caller]
fn until_said(run: &Running, part: &str) {
    eventually(part, || lines_with(run, part) > 0);
}

/// The last runs, oldest first.
fn runs(place: &Place) -> Vec<Value> {
    let mut runs = place.run(&["status", "--format", "json"]).code(0).json()["runs"].as_array().unwrap().clone();
    runs.reverse();
    runs
}

fn unanswered(place: &Place) -> u64 {
    let status = place.run(&["status", "--format", "json"]).code(0).json();
    status["tenants"].as_array().unwrap().iter().map(|t| t["unanswered"].as_u64().unwrap()).sum()
}

/// SIGTERM, and an end in order: soon, with everything recorded, and the store free.
#[track_caller]
fn stop(place: &Place, run: Running) -> Done {
    run.signal("TERM");
    let done = run.end_within(SOON).code(0).says("stopped");
    assert_eq!(std::fs::read_to_string(place.path("state/crosstie.db-lock")).unwrap(), "", "the lock is not free");
    done
}

/// No window of any tenant was ever over, and nobody was told to wait.
#[track_caller]
fn no_window_was_over(sim: &Sim) {
    for peak in sim.get("peaks").as_array().unwrap() {
        assert!(peak["most"].as_u64() <= peak["limit"]["count"].as_u64(), "over: {peak}");
    }
    assert_eq!(sim.get("throttled"), json!([]));
}

/// Somebody of a tenant gets this title.
fn promote(sim: &Sim, tenant: &str, title: &str) -> String {
    let somebody = sim.staff(tenant).remove(3);
    sim.edit(tenant, text(&somebody, "id"), &json!({ "jobTitle": title }));
    text(&somebody, "mail").to_owned()
}

fn has_title(sim: &Sim, tenant: &str, mail: &str, title: &str) -> bool {
    sim.accounts(tenant, mail).iter().any(|account| account["jobTitle"] == title)
}

#[test]
fn the_first_cycle_begins_at_once_and_the_next_one_is_not_due_for_long() {
    let (place, sim) = school(60, SELDOM);
    let before = sim.everybody();
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    assert_mesh(&sim, &before);
    stop(&place, run);
    // The store remembers that the tick is done.
    promote(&sim, "north", "Dean");
    let seen = sim.seq();
    let run = place.start(&["-vv", "run"]);
    until_said(&run, "waiting for the next cycle");
    let done = stop(&place, run);
    assert!(!done.err.contains("a cycle begins"), "{}", done.err);
    assert_eq!(sim.seq(), seen);
    assert_log_matches(&place, &sim, false);
}

#[test]
fn cycles_come_when_the_schedule_says_one_a_tick() {
    let (place, sim) = school(30, OFTEN);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let mover = promote(&sim, "north", "Dean");
    eventually("the promotion", || has_title(&sim, "south", &mover, "Dean") && has_title(&sim, "west", &mover, "Dean"));
    until_ended(&run, 4);
    stop(&place, run);
    let runs = runs(&place);
    let begun: Vec<i64> = runs.iter().map(|run| millis(text(run, "started_at"))).collect();
    let ticks: BTreeSet<i64> = begun.iter().map(|at| at / 2_000).collect();
    // The first of all was due at once; it may lie in the same two seconds as the next.
    assert!(ticks.len() + 1 >= begun.len(), "cycles between ticks: {runs:#?}");
    assert!(runs.iter().all(|run| run["trigger"] == "schedule" && run["exit_code"] == 0), "{runs:#?}");
    assert_log_matches(&place, &sim, false);
}

fn millis(rfc3339: &str) -> i64 {
    use std::str::FromStr as _;
    chrono::DateTime::<chrono::FixedOffset>::from_str(rfc3339).unwrap().timestamp_millis()
}

#[test]
fn once_is_one_cycle_with_the_exit_codes_of_sync() {
    let (place, sim) = school(90, SELDOM);
    place.run(&["run", "--once"]).code(0);
    assert!(!place.log().is_empty() && place.log().iter().all(|e| e["trigger"] == "schedule"));
    place.run(&["plan"]).code(0);
    // It asks no schedule.
    let mover = promote(&sim, "west", "Dean");
    place.run(&["run", "--once"]).code(0);
    assert!(has_title(&sim, "north", &mover, "Dean"));

    let mover = promote(&sim, "west", "Provost");
    sim.fault("north", &json!({ "kind": "patch", "times": 1, "effect": { "do": "status", "status": 400 } }));
    place.run(&["run", "--once"]).code(4).says("changes failed");
    place.run(&["run", "--once"]).code(0);
    assert!(has_title(&sim, "north", &mover, "Provost"));

    place.edit_rules("deletes  = { max = 500, percent = 10 }", "deletes  = { max = 0 }");
    sim.delete("north", text(&sim.staff("north")[0], "id"));
    let since = sim.seq();
    place.run(&["run", "--once"]).code(3).says("the guard refused the route");
    assert!(sim.ledger_since(since).is_empty());

    std::fs::remove_file(place.path("secrets/south")).unwrap();
    place.run(&["run", "--once"]).code(64).says("tenant south");
    place.run(&["run"]).code(64).says("tenant south");
    let codes: Vec<Value> = runs(&place).iter().map(|run| run["exit_code"].clone()).collect();
    assert_eq!(codes, [0, 0, 4, 0, 3].map(Value::from));
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_schedule_of_ones_own_is_kept_by_its_route_alone() {
    let (place, sim) = school(30, SELDOM);
    let own = "[[route]]\nhome = \"north\"\ntarget = \"south\"\nschedule = { cron = \"*/2 * * * * *\" }\n";
    add_to_config(&place, own);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let (one, two) = (promote(&sim, "north", "Dean"), promote(&sim, "south", "Dean"));
    eventually("the promotion", || has_title(&sim, "south", &one, "Dean"));
    sim.add("north", &teacher("north", "newcomer"));
    eventually("the newcomer", || !sim.accounts("south", "newcomer@north.fine-arts.example").is_empty());
    stop(&place, run);
    assert!(!has_title(&sim, "west", &one, "Dean") && !has_title(&sim, "north", &two, "Dean"));
    assert!(sim.accounts("west", "newcomer@north.fine-arts.example").is_empty());
    place.settle();
    assert_log_matches(&place, &sim, false);
}
