//! Does a real process keep on a real clock what `schedule` promises in virtual time? Ninety seconds, with windows of ten.
//!
//! `cargo bench --bench real_time`: `crosstie run` against `crosstie sim`, both as processes, over sockets. One home with more
//! people than the quota can provision in the time, two targets on one client id, a kill -9, a leaver, a target that hangs,
//! another app in the other one. Prints the figures and fails where a promise is broken.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    unreachable_pub,
    reason = "a report on real processes in real time, and helpers of tests"
)]
#![allow(unused_crate_dependencies, reason = "the package's other targets use them")]

#[path = "../tests/cli/support/mod.rs"]
#[allow(unused_imports, reason = "other tests use more of it")]
mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Place, Running, Sim, pause};

/// Graph's 3,000 in 150 s and 35,000 in 300 s at the same rates, in windows of ten seconds; for the app so many that two
/// targets have to share.
const WRITES: u64 = 200;
const APP_WRITES: u64 = 300;
const WINDOW_SECONDS: u64 = 10;
const POLL_SECONDS: u64 = 5;
/// More than can be provisioned in the time: two writes each into two targets.
const PEOPLE: usize = 4_000;
/// Three tenths of a target's quota.
const FOREIGN_PER_SECOND: u64 = 6;

const HOME: &str = "home";
const TARGETS: [&str; 2] = ["left", "right"];

const RULES: &str = r#"
account = "member"
[[scope]]
all = [{ attribute = "employeeType", operator = "EQUALS", value = "Staff" }]
[attributes]
displayName = "[displayName]"
jobTitle = "[jobTitle]"
[leavers]
deleted = "delete"
"#;

/// Both targets are reached with one client id.
fn client(tenant: &str) -> u32 {
    if tenant == HOME { 1 } else { 2 }
}

fn id(n: u32) -> String {
    format!("6f1c0d3e-0000-4000-8000-{n:012}")
}

fn fixture(place: &Place) {
    for (n, tenant) in (1..).zip([HOME, "left", "right"]) {
        place.write(
            &format!("tenants/{tenant}/tenant.toml"),
            &format!(
                "id = \"{}\"\ndisplay_name = \"{tenant}\"\ninitial_domain = \"{tenant}.onmicrosoft.com\"\ndomains = \
                 [\"{tenant}.example\"]\n[[app]]\nclient_id = \"0b9b0d64-0000-4000-8000-{:012}\"\nsecret = \"secret\"\nroles = \
                 [\"User.ReadWrite.All\", \"User.Invite.All\", \"Directory.Read.All\"]\n[settings]\npage_size = 999\n",
                id(n),
                client(tenant)
            ),
        );
    }
    let person = |n: usize| {
        let mail = format!("p{n:05}@{HOME}.example");
        json!({ "id": format!("11111111-0000-4000-8000-{n:012}"), "displayName": format!("Person {n}"), "mail": mail,
                "userPrincipalName": mail, "userType": "Member", "accountEnabled": true, "employeeType": "Staff",
                "jobTitle": "Lecturer" })
    };
    let people: String = (0..PEOPLE).map(|n| person(n).to_string() + "\n").collect();
    place.write(&format!("tenants/{HOME}/users.jsonl"), &people);
}

fn configure(place: &Place, root: &str) {
    let mut text = format!(
        "[store]\npath = \"state/crosstie.db\"\n[limits]\napp_writes = {APP_WRITES}\napp_window_seconds = \
         {WINDOW_SECONDS}\n[schedule]\ncron = \"*/{POLL_SECONDS} * * * * *\"\n[topology]\nkind = \"hub\"\nhub = \
         \"{HOME}\"\nspokes = [\"left\", \"right\"]\ndirection = \"out\"\nrules = \"staff\"\n"
    );
    for (n, tenant) in (1..).zip([HOME, "left", "right"]) {
        text += &format!(
            "[tenants.{tenant}]\nid = \"{}\"\nclient_id = \"0b9b0d64-0000-4000-8000-{:012}\"\nclient_secret = {{ file = \
             \"secrets/{tenant}\" }}\nauthority = \"{root}\"\ngraph = \"{root}\"\n[tenants.{tenant}.limits]\nwrites = \
             {WRITES}\nwindow_seconds = {WINDOW_SECONDS}\n",
            id(n),
            client(tenant)
        );
        place.secret(tenant, "secret\n");
    }
    place.write("crosstie.toml", &text);
    place.write("sync-rules/staff.toml", RULES);
    std::fs::create_dir_all(place.path("state")).unwrap();
}

/// The story's clock, and what it found.
struct Story {
    place: Place,
    sim: Sim,
    begun: Instant,
    broken: usize,
}

impl Story {
    fn until(&self, second: u64) {
        let at = self.begun + Duration::from_secs(second);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
    }
    fn tell(&mut self, what: &str, figure: &str, kept: bool) {
        self.broken += usize::from(!kept);
        let second = self.begun.elapsed().as_secs();
        println!("{} {second:>3} s  {what}: {figure}", if kept { "kept  " } else { "BROKEN" });
    }
    /// Writes that the target has carried out or refused by now.
    fn writes(&self, target: &str) -> u64 {
        let stats = self.sim.get("stats");
        let kinds = stats[target].as_object().cloned().unwrap_or_default();
        let count = |kind: &str| kinds.get(kind).and_then(Value::as_u64).unwrap_or(0);
        ["invite", "patch", "manager", "delete", "restore"].iter().map(|kind| count(kind)).sum()
    }
    fn refused(&self) -> u64 {
        let told = self.sim.get("throttled");
        told.as_array().unwrap().iter().map(|limit| limit["refused"].as_u64().unwrap()).sum()
    }
    /// The fullest share of any window of ours that is, or was.
    fn fullest(&self) -> f64 {
        let peaks = self.sim.get("peaks");
        let own = peaks.as_array().unwrap().iter().filter(|p| p["window"] != "tenant-writes");
        let share = |p: &Value| p["most"].as_f64().unwrap() / p["limit"]["count"].as_f64().unwrap().max(1.0);
        own.map(share).fold(0.0, f64::max)
    }
    /// How much of what the quota allows came in so many seconds after a full window.
    fn part_of(&self, writes: u64, per_window: u64, seconds: f64) -> f64 {
        writes as f64 * WINDOW_SECONDS as f64 / (per_window as f64 * seconds)
    }
}

fn main() -> std::process::ExitCode {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    fixture(&place);
    let app = format!("app-writes={WRITES}/{WINDOW_SECONDS}");
    let everywhere = format!("everywhere-writes={APP_WRITES}/{WINDOW_SECONDS}");
    let sim = Sim::start(&place.tenants(), &["--limit", &app, "--limit", &everywhere]);
    configure(&place, &sim.root);
    let mut story = Story { place, sim, begun: Instant::now(), broken: 0 };
    let run = story.place.start(&["run"]);

    let run = one_budget_for_two(&mut story, run);
    a_leaver(&mut story);
    a_target_hangs(&mut story);
    another_app(&mut story);
    the_end(&mut story, run);
    if story.broken == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// Until 30 s: both targets on one budget, killed at 12 s and started again at once.
fn one_budget_for_two(story: &mut Story, run: Running) -> Running {
    story.until(12);
    run.kill();
    let run = story.place.start(&["run"]);
    story.until(30);
    let writes = TARGETS.map(|t| story.writes(t));
    let (least, most) = (writes.iter().min().unwrap(), writes.iter().max().unwrap());
    let unfair = *most as f64 / (*least).max(1) as f64;
    story.tell(
        "two tenants on one client id",
        &format!("{writes:?} writes, most over least {unfair:.3}"),
        unfair <= 1.05,
    );
    let part = story.part_of(writes.iter().sum(), APP_WRITES, 30.0);
    story.tell("quota used, killed once", &format!("{:.1} % of the rate", part * 100.0), part >= 0.95);
    let refused = story.refused();
    story.tell("429s", &refused.to_string(), refused == 0);
    run
}

/// From 30 s.
fn a_leaver(story: &mut Story) {
    let leaver = "p00000@home.example";
    story.sim.account("left", leaver);
    let left_at = Instant::now();
    story.sim.delete(HOME, leaver);
    let promised = Duration::from_secs(POLL_SECONDS + 5);
    while TARGETS.iter().any(|t| !story.sim.accounts(t, leaver).is_empty()) && left_at.elapsed() < 2 * promised {
        pause(50);
    }
    let took = left_at.elapsed();
    let waiting = PEOPLE - story.sim.users("left").len();
    let figure = format!("gone everywhere after {:.1} s, with {waiting} people waiting", took.as_secs_f64());
    story.tell("a leaver", &figure, took <= promised && waiting * 2 > PEOPLE);
}

/// From 42 s: one target answers nothing at all; the other gets what both had, as far as its own quota goes.
fn a_target_hangs(story: &mut Story) {
    story.until(42);
    story.sim.fault("right", &json!({ "effect": { "do": "hang", "applied": false } }));
    // A window later nothing that both had is counted any more.
    story.until(42 + WINDOW_SECONDS);
    let before = story.writes("left");
    story.until(42 + 2 * WINDOW_SECONDS);
    let part = story.part_of(story.writes("left") - before, WRITES, WINDOW_SECONDS as f64);
    let figure = format!("the other gets {:.1} % of its own quota", part * 100.0);
    story.tell("a target that hangs", &figure, part >= 0.95);
}

/// From 62 s: another app writes into the target as well.
fn another_app(story: &mut Story) {
    let before = story.refused();
    let limit = json!({ "count": WRITES, "seconds": WINDOW_SECONDS });
    story.sim.settings(
        "left",
        &json!({ "limits": { "tenant_writes": limit }, "foreign": { "writes_per_second": FOREIGN_PER_SECOND } }),
    );
    let written = story.writes("left");
    story.until(92);
    let refused = story.refused() - before;
    let rest = WRITES - FOREIGN_PER_SECOND * WINDOW_SECONDS;
    let part = story.part_of(story.writes("left") - written, rest, 30.0);
    let figure = format!("{refused} times 429 in 30 s, and {:.1} % of what is left is used", part * 100.0);
    story.tell("another app takes 30 %", &figure, refused <= 8 && part >= 0.85);
}

fn the_end(story: &mut Story, run: Running) {
    let asked_at = Instant::now();
    run.signal("TERM");
    let done = run.end_within(Duration::from_secs(10));
    let took = asked_at.elapsed().as_secs_f64();
    story.tell("SIGTERM", &format!("exit code {:?} after {took:.1} s", done.code), done.code == Some(0) && took <= 5.0);
    let fullest = story.fullest();
    story.tell("the fullest window", &format!("{:.1} %", fullest * 100.0), fullest <= 1.0);
    if std::env::var_os("DBG").is_some() {
        let led = story.sim.ledger();
        let t0 = led[0]["at"].as_u64().unwrap();
        for t in TARGETS {
            let mut per = vec![0; 110];
            for e in led.iter().filter(|e| e["tenant"] == t) {
                per[((e["at"].as_u64().unwrap() - t0) / 1000) as usize] += 1;
            }
            println!("{t} {per:?}");
        }
        println!("{}", done.err);
    }
    the_log(story);
}

/// The log is whole, and holds an entry for every write that a tenant saw but for those that are open questions still.
fn the_log(story: &mut Story) {
    story.place.run(&["log", "verify"]).code(0);
    let logged: BTreeSet<String> =
        story.place.log().iter().map(|e| support::text(e, "request_id").to_owned()).collect();
    let missing =
        story.sim.ledger().iter().filter(|w| !logged.contains(support::text(w, "clientRequestId"))).count() as u64;
    let status = story.place.run(&["status", "--format", "json"]).code(0).json();
    let open: u64 = status["tenants"].as_array().unwrap().iter().map(|t| t["unanswered"].as_u64().unwrap()).sum();
    let figure =
        format!("{} entries, a whole chain; {missing} writes without one, {open} questions open", logged.len());
    story.tell("the change log", &figure, missing <= open);
}
