//! Is everything told that is news, and nothing that is none?

use super::events::faults;
use super::*;
use crate::config::AlertKind;
use crate::engine::Failure;
use crate::model::Person as Someone;
use crate::notify::{RouteStoppage, TenantStoppage};
use crate::plan::{Bound, Counted, Refusal};
use crate::rules::Limit;

const AT: Timestamp = Timestamp(1_795_392_000_000);

fn route() -> RouteName {
    RouteName { home: "north".into(), target: "south".into() }
}
fn refused(kind: ActionKind) -> Refusal {
    let limit = Limit { max: Some(1), percent: None };
    let (counted, bound) = (Counted::Kind(kind), Bound::Run);
    Refusal { route: route(), rules: "staff".to_owned(), kind, counted, planned: 9, population: 30, limit, bound }
}
fn found(held: &[&str], head: u64) -> Found {
    let held: BTreeSet<ObjectId> = held.iter().map(|id| ObjectId::from(*id)).collect();
    let person = |id: &ObjectId| (id.clone(), format!("{id}@north.example"), "two accounts match".to_owned());
    let people = held.iter().map(person).collect();
    let (newcomers, held) = (BTreeMap::from([(route(), people)]), BTreeMap::from([(route(), held)]));
    let head = (head > 0).then(|| Head {
        at: "2026-11-27T06:00:09.120Z".to_owned(),
        store: "0f".repeat(16),
        run: 7,
        seq: head,
        hash: format!("sha256:{head}"),
        key: None,
        signature: None,
    });
    Found { head, held, newcomers, unended: Vec::new() }
}

/// Runs in a row: each is given what the one before noted.
struct Runs {
    noted: Announced,
    next: u64,
}
impl Runs {
    fn new() -> Self {
        Self { noted: Announced::default(), next: 1 }
    }
    /// Type and subject of what is told; `newcomers` is sorted out as [`Found::of`] does.
    fn run(&mut self, exit: Exit, report: &Report, whole: bool, mut found: Found) -> Vec<String> {
        for (route, people) in &mut found.newcomers {
            people.retain(|p| self.noted.newcomers(route, &found.held[route]).any(|id| *id == p.0));
        }
        let run = RunId(self.next);
        let (started_at, ended_at) = (AT.plus_seconds(self.next * 300), AT.plus_seconds(self.next * 300 + 9));
        let ended = Ended {
            source: "/crosstie",
            run,
            trigger: Trigger::Schedule,
            started_at,
            ended_at,
            exit,
            reason: None,
            report,
            whole,
        };
        let (alerts, noted) = of_run(&ended, &found, &self.noted);
        let again = of_run(&ended, &found, &self.noted);
        assert_eq!((&alerts, &noted), (&again.0, &again.1), "one run is one list of alerts, ids included");
        let text = serde_json::to_string(&noted).unwrap();
        assert_eq!(serde_json::from_str::<Announced>(&text).unwrap(), noted);
        (self.noted, self.next) = (noted, self.next + 1);
        alerts.iter().map(|a| format!("{} {}", a.event.kind, a.event.subject)).collect()
    }
}

#[test]
fn a_refusal_is_told_anew_when_it_is_of_another_kind_or_was_over_in_between() {
    let (mut runs, mut report) = (Runs::new(), Report::default());
    let told = ["io.crosstie.route.refused north->south"];
    report.drafted.refusals = vec![refused(ActionKind::Delete)];
    assert_eq!(runs.run(Exit::Refused, &report, true, found(&[], 0)), told);
    assert!(runs.run(Exit::Refused, &report, true, found(&[], 0)).is_empty());
    assert!(runs.run(Exit::Done, &Report::default(), false, found(&[], 0)).is_empty());
    assert!(runs.run(Exit::Refused, &report, true, found(&[], 0)).is_empty(), "a run about one user clears nothing");
    report.drafted.refusals.push(refused(ActionKind::Update));
    assert_eq!(runs.run(Exit::Refused, &report, true, found(&[], 0)), told);
    assert!(runs.run(Exit::Done, &Report::default(), true, found(&[], 0)).is_empty());
    assert_eq!(runs.run(Exit::Refused, &report, true, found(&[], 0)), told);
}

#[test]
fn whoever_is_held_on_is_no_news_and_whoever_comes_back_is() {
    let (mut runs, report) = (Runs::new(), Report::default());
    let told = ["io.crosstie.users.held north->south"];
    let mut held = |people: &[&str]| runs.run(Exit::Incomplete, &report, true, found(people, 0));
    assert_eq!(held(&["a", "b"]), told);
    assert!(held(&["a", "b"]).is_empty());
    assert!(held(&["b"]).is_empty());
    assert_eq!(held(&["b", "c"]), told, "as many as before, and another one");
    assert_eq!(held(&["a", "b"]), told);
}

#[test]
fn faults_are_told_when_they_begin_and_a_failed_run_always() {
    let (mut runs, mut report) = (Runs::new(), Report::default());
    let told = |n: u64| vec![format!("io.crosstie.run.failed run/{n}")];
    let fault = |name: &str| {
        let home = Someone { id: name.into(), user_principal_name: name.to_owned() };
        Failure { route: route(), home, action: ActionKind::Update, error: "no".to_owned() }
    };
    report.drafted.readings.unread.insert("north".into(), "503".to_owned());
    report.drafted.skipped.insert(route(), "north: 503".to_owned());
    assert_eq!(faults(&report).len(), 1, "a route that waits for its tenant is no second fault");
    assert_eq!(runs.run(Exit::Incomplete, &report, true, found(&[], 0)), told(1));
    report.drafted.readings.unread.insert("north".into(), "timed out".to_owned());
    assert!(runs.run(Exit::Incomplete, &report, true, found(&[], 0)).is_empty(), "the same, in other words");
    report.failed = vec![fault("a"), fault("b")];
    assert_eq!(runs.run(Exit::Refused, &report, true, found(&[], 0)), told(3), "whatever the exit code is");
    assert_eq!(runs.run(Exit::Failed, &Report::default(), true, found(&[], 0)), told(4));
    assert!(runs.run(Exit::Incomplete, &report, true, found(&[], 0)).is_empty(), "a run that broke off clears nothing");
    assert!(runs.run(Exit::Done, &Report::default(), true, found(&[], 0)).is_empty());
    assert_eq!(runs.run(Exit::Incomplete, &report, true, found(&[], 0)), told(7));
}

#[test]
fn the_log_is_told_of_when_it_has_grown() {
    let (mut runs, report) = (Runs::new(), Report::default());
    let told = ["io.crosstie.log.head log"];
    let mut head = |n| runs.run(Exit::Done, &report, true, found(&[], n));
    assert!(head(0).is_empty());
    assert_eq!(head(7), told);
    assert!(head(7).is_empty());
    assert_eq!(head(8), told);
}

#[test]
fn what_is_told_stays_small() {
    let mut report = Report::default();
    let person = |n: usize| Someone { id: format!("{n:036}").as_str().into(), user_principal_name: "x".repeat(113) };
    let failure =
        |n| Failure { route: route(), home: person(n), action: ActionKind::Provision, error: "e".repeat(9_000) };
    report.failed = (0..5_000).map(failure).collect();
    for n in 0..400 {
        report.unwritten.insert(format!("tenant{n}").as_str().into(), "w".repeat(9_000));
    }
    let (run, trigger, exit, whole) = (RunId(1), Trigger::Manual, Exit::Incomplete, true);
    let ended = Ended {
        source: "/crosstie",
        run,
        trigger,
        started_at: AT,
        ended_at: AT,
        exit,
        reason: None,
        report: &report,
        whole,
    };
    let alert = failed(&ended);
    assert_eq!(alert.event.data["failed"], 5_000);
    assert!(alert.event.body().unwrap().len() < 20_000);
    let early = failed(&Ended { reason: Some("r".repeat(90_000)), exit: Exit::Failed, ..ended });
    assert_eq!(early.event.id, alert.event.id);
    assert!(early.event.body().unwrap().len() < 12_000);
}

#[test]
fn stoppages_are_told_to_those_who_want_them() {
    let route = |part: &str, since: u64| RouteStoppage {
        route: route(),
        part: part.to_owned(),
        since: AT.plus_seconds(since),
        code: "Request_BadRequest".to_owned(),
        reason: "no".to_owned(),
    };
    let tenant = |door: &str| TenantStoppage {
        tenant: "north".into(),
        door: door.to_owned(),
        since: AT,
        reason: "503".to_owned(),
    };
    let stoppages = Stoppages {
        quarantined: vec![route("leavers", 0), route("others", 0), route("others", 1)],
        recovered: vec![route("others", 0)],
        unreachable: vec![tenant("reading"), tenant("writing")],
        reachable: vec![tenant("reading")],
    };
    let alerts = stoppages.alerts("/crosstie", AT);
    let ids: BTreeSet<&str> = alerts.iter().map(|a| a.event.id.as_str()).collect();
    assert_eq!((alerts.len(), ids.len()), (7, 7));
    let later = stoppages.alerts("/crosstie", AT.plus_seconds(60));
    assert!(later.iter().zip(&alerts).all(|(a, b)| a.event.id == b.event.id), "told again it is still the same");
    let config = |events: &[AlertKind]| crate::config::Webhook {
        name: "ops".to_owned(),
        url: "https://ops.example/".parse().unwrap(),
        secret: crate::config::SecretSource::Env("OPS".to_owned()),
        events: events.iter().copied().collect(),
    };
    let rows = |events: &[AlertKind]| {
        let notify = Notify { webhooks: [("ops".to_owned(), config(events))].into(), ..Notify::default() };
        addressed(&notify, &alerts).unwrap().len()
    };
    assert_eq!(rows(&AlertKind::NAMED.map(|(_, kind)| kind)), 7);
    assert_eq!(rows(&[AlertKind::RouteQuarantined, AlertKind::LogHead]), 3);
    assert_eq!(rows(&[AlertKind::LogHead]), 0);
}

/// Names of members, at every depth; of a list those of its first item.
fn shape(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Object};
    match value {
        Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Array(items) => items.iter().take(1).map(shape).collect(),
        _ => serde_json::Value::Null,
    }
}

/// One event of each type, each with something in every list.
fn one_of_each() -> Vec<crate::notify::Event> {
    let mut report = Report::default();
    let home = Someone { id: "a".into(), user_principal_name: "a@north.example".to_owned() };
    report.failed = vec![Failure { route: route(), home, action: ActionKind::Provision, error: "no".to_owned() }];
    report.drafted.refusals = vec![refused(ActionKind::Delete)];
    let (since, reason) = (AT, "no".to_owned());
    let quarantined = RouteStoppage {
        route: route(),
        part: "others".to_owned(),
        since,
        code: "x".to_owned(),
        reason: reason.clone(),
    };
    let unreachable = TenantStoppage { tenant: "north".into(), door: "reading".to_owned(), since, reason };
    let stoppages = Stoppages {
        quarantined: vec![quarantined.clone()],
        recovered: vec![quarantined],
        unreachable: vec![unreachable.clone()],
        reachable: vec![unreachable],
    };
    let ended = Ended {
        source: "/crosstie",
        run: RunId(7),
        trigger: Trigger::Manual,
        started_at: AT,
        ended_at: AT,
        exit: Exit::Refused,
        reason: None,
        report: &report,
        whole: true,
    };
    let (mut alerts, _) = of_run(&ended, &found(&["a"], 57), &Announced::default());
    alerts.extend(stoppages.alerts("/crosstie", AT));
    let killed = RunRow {
        id: RunId(6),
        trigger: "manual".to_owned(),
        started_at: AT,
        ended_at: None,
        exit_code: None,
        summary: String::new(),
    };
    let killed = super::events::never_ended(&ended, &killed).event;
    assert_eq!(
        shape(&killed.data).as_object().unwrap().keys().collect::<Vec<_>>(),
        shape(&failed(&ended).event.data).as_object().unwrap().keys().collect::<Vec<_>>(),
        "one type has one shape"
    );
    alerts.into_iter().map(|alert| alert.event).collect()
}

#[test]
fn the_page_on_alerts_shows_each_type_as_it_is() {
    let page = include_str!("../../../docs/alerts.md");
    let blocks = page.split("```json event\n").skip(1).map(|b| b.split_once("```").unwrap().0);
    let shown: Vec<crate::notify::Event> = blocks.map(|b| serde_json::from_str(b).unwrap()).collect();
    let mut seen = 0;
    for event in one_of_each() {
        assert!(page.contains(&format!("`{}`", event.kind)), "{} is not named", event.kind);
        // What begins and what ends it look alike, and the page shows one of the two.
        let alike = event.kind.replace(".route.recovered", ".route.quarantined").replace("recovered", "unreachable");
        let example = shown.iter().find(|e| e.kind == alike).unwrap_or_else(|| panic!("no example of {}", event.kind));
        assert_eq!(shape(&example.data), shape(&event.data), "{}", event.kind);
        assert_eq!(example.subject.split('/').next(), event.subject.split('/').next());
        seen += 1;
    }
    assert_eq!(seen, AlertKind::NAMED.len());
    assert!(AlertKind::NAMED.iter().all(|(name, _)| page.contains(&format!("`{name}`"))));
}

#[test]
fn a_run_in_which_code_of_ours_gave_up_has_failed_and_says_so() {
    let why = crate::engine::EngineError::Crashed("west".into()).to_string();
    let unwritten = BTreeMap::from([("west".into(), why)]);
    let report = Report { crashed: true, unwritten, ..Report::default() };
    let exit = crate::cli::outcome::exit(&report);
    assert_eq!(exit, Exit::Failed);
    let ended = Ended {
        source: "/crosstie",
        run: RunId(1),
        trigger: Trigger::Schedule,
        started_at: AT,
        ended_at: AT,
        exit,
        reason: None,
        report: &report,
        whole: true,
    };
    let told = failed(&ended).event.body().unwrap();
    assert!(told.contains("west was given up") && told.contains("internal error"), "{told}");
    assert!(!told.contains("stopped"), "{told}");
}
