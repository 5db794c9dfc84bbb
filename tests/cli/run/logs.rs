//! Can the log of a schedule be read by people and by machines, line by line, for months?

use super::*;

/// Longer than any line has to be, and short enough for every collector of logs.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Messages and names as somebody sends them who wants to be read.
fn hostile(place: &Place, sim: &Sim) {
    place.run(&["sync"]).code(0);
    let loud = format!("first\nsecond\r\u{1b}[2J\u{1b}[31mred \u{9b}31m\u{202e}{}", "x".repeat(10_000));
    for tenant in TENANTS {
        let refuse = json!({ "kind": "patch", "times": 2,
                             "effect": { "do": "status", "status": 400, "code": "a\nb", "message": loud } });
        sim.fault(tenant, &refuse);
    }
    promote(sim, "north", "Dean");
    let mut odd = teacher("south", "odd");
    odd["userPrincipalName"] = json!(format!("two\nlines\u{1b}[31m{}@south.fine-arts.example", "y".repeat(20_000)));
    sim.add("south", &odd);
    sim.fault(
        "west",
        &json!({ "kind": "delta", "times": 1, "effect": { "do": "status", "status": 400, "message": loud } }),
    );
}

#[test]
fn a_line_is_one_event_whatever_a_tenant_says() {
    for verbosity in ["-q", "-vvv"] {
        let (place, sim) = school(30, SELDOM);
        hostile(&place, &sim);
        let done = place.run(&[verbosity, "run", "--once"]);
        assert!(matches!(done.code, Some(0 | 4)), "{done:?}");
        assert!(done.out.is_empty(), "{}", done.out);
        assert!(verbosity == "-q" || done.err.contains("yyyyyyyy"), "the loud one was not told of: {}", done.err);
        for line in done.err.lines() {
            let mut words = line.split_whitespace();
            let (at, level) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            assert!(at.starts_with("20") && at.ends_with('Z'), "{verbosity}: no line of its own: {line:?}");
            assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level), "{line:?}");
            assert!(line.len() <= LINE_BYTES_MAX, "{verbosity}: {} bytes: {line:.200}", line.len());
            let unseen = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            assert!(!line.contains(unseen), "{verbosity}: {line:?}");
        }
    }
}

fn objects(text: &str) -> Vec<Value> {
    let object = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.lines().map(object).collect()
}

#[test]
fn json_lines_are_objects_and_those_of_a_run_name_it() {
    for verbosity in ["-q", "-vv"] {
        let (place, sim) = school(30, SELDOM);
        hostile(&place, &sim);
        let done = place.run(&["--log-format", "json", verbosity, "run", "--once"]);
        assert!(matches!(done.code, Some(0 | 4)), "{done:?}");
        assert!(done.err.lines().all(|line| line.len() <= LINE_BYTES_MAX), "a line of {verbosity} is too long");
        for event in objects(&done.err) {
            assert!(event["timestamp"].is_string() && event["level"].is_string(), "{event}");
            assert!(event["fields"]["message"].is_string(), "{event}");
            let message = text(&event["fields"], "message");
            let of_run = !["keeping the schedule", "an alert", "stop"].iter().any(|part| message.contains(part));
            if of_run {
                assert_eq!(event["span"]["name"], "run", "{event}");
                assert_eq!(event["span"]["id"], 2, "{event}");
            }
        }
    }
}

#[test]
fn levels_say_what_help_says() {
    let help = help();
    let said = |verbosity: &[&str]| {
        let (place, sim) = school(30, SELDOM);
        sim.fault("west", &json!({ "kind": "patch", "times": 1, "effect": { "do": "status", "status": 400 } }));
        place.run(&[verbosity, &["run", "--once"]].concat()).code(4).err
    };
    // Errors only: one person who was refused is none.
    let quiet = said(&["-q"]);
    assert!(quiet.is_empty(), "{quiet}");
    let normal = said(&[]);
    for part in ["keeping the schedule", "a cycle begins", "changes failed", "the cycle has ended"] {
        assert_eq!(normal.lines().filter(|l| l.contains(part)).count(), 1, "{part}:\n{normal}");
    }
    assert_eq!(normal.lines().count(), 4, "{normal}");
    let pages = said(&["-v"]);
    assert!(pages.contains("read a page") && pages.contains("action=provision"), "{pages}");
    assert!(!pages.contains("DEBUG"), "{pages}");
    let requests = said(&["-vv"]);
    let of = |path: &str| requests.lines().filter(|l| l.contains("DEBUG") && l.contains(path)).count();
    assert!(of("/v1.0/users/delta") >= 3 && of("/v1.0/invitations") >= 3 && of("oauth2/v2.0/token") >= 3, "{requests}");
    for part in ["-v says each page and write", "-vv each request", "Errors only"] {
        assert!(help.contains(part), "{help}");
    }
}

fn help() -> String {
    let help = Running::start({
        let mut command = crate::support::crosstie();
        command.args(["run", "--help"]);
        command
    });
    help.end().code(0).out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_run_is_named_at_every_verbosity_also_in_text() {
    let (place, sim) = school(30, OFTEN);
    sim.fault("west", &json!({ "kind": "patch", "times": 1, "effect": { "do": "status", "status": 400 } }));
    let run = place.start(&["run"]);
    until_ended(&run, 3);
    let done = stop(&place, run);
    let of_runs = ["a cycle begins", "changes failed", "the cycle has ended"];
    let mut named = BTreeSet::new();
    for line in done.err.lines().filter(|line| of_runs.iter().any(|part| line.contains(part))) {
        let (_, rest) = line.split_once("run{id=").unwrap_or_else(|| panic!("no run in {line}"));
        named.insert(rest.split_once('}').unwrap().0.to_owned());
    }
    assert!(["1", "2", "3"].iter().all(|id| named.contains(*id)), "{named:?}");
}

#[track_caller]
fn says(done: &Done, part: &str) {
    assert!(objects(&done.err).iter().any(|event| event["fields"].to_string().contains(part)), "{}", done.err);
}

#[test]
fn what_goes_wrong_at_the_start_is_json_too_where_that_was_asked_for() {
    let (place, sim) = school(30, SELDOM);
    std::fs::remove_file(place.path("secrets/south")).unwrap();
    let done = place.run(&["--log-format", "json", "run"]).code(64);
    says(&done, "tenant south");
    place.secret("south", "south-secret\n");
    place.edit_rules("\"[jobTitle]\"", "\"[jobTitle\"");
    let done = place.run(&["--log-format", "json", "-q", "run"]).code(64);
    says(&done, "staff.toml:");
    place.edit_rules("\"[jobTitle\"", "\"[jobTitle]\"");
    slow(&sim, "PATCH", 100);
    let first = place.start(&["run"]);
    eventually("the first write", || !sim.ledger().is_empty());
    let done = place.run(&["--log-format", "json", "run"]).code(1);
    says(&done, "in use");
    first.kill();
    let done = place.run(&["--log-format", "json", "run", "--once"]).code(0);
    says(&done, "process died");
}
