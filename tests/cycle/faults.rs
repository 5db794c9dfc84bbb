//! What is lost, doubled or deleted by mistake when things go wrong? Nothing.

use crosstie::engine::Focus;
use crosstie::model::ActionKind;
use crosstie::sim::{Effect, Fault, Kind};
use crosstie::store::{AskKind, Mode};
use serde_json::json;

use super::bench::{Bench, RULES};

const MESH: [&str; 3] = ["north", "south", "west"];

pub(crate) fn populated() -> (Bench, Vec<String>) {
    let bench = Bench::mesh(&MESH, RULES);
    let people = (0..8).map(|n| bench.staff("north", &format!("n{n}"))).collect();
    bench.staff("south", "s0");
    bench.staff("west", "w0");
    (bench, people)
}

fn deletes(bench: &Bench) -> usize {
    bench.writes().iter().filter(|e| e.kind == Kind::Delete).count()
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_mid_round_deletes_nobody_and_loses_nothing() {
    for effect in [Effect::Resync, Effect::Expired] {
        let (bench, people) = populated();
        bench.settled_sync().await;
        bench.tenant("north").edit_user(&people[0], &json!({ "jobTitle": "Dean" })).unwrap();
        bench.tenant("north").soft_delete(&people[1]).unwrap();
        let fault = Fault { skip: 0, ..Fault::next(1, Kind::Delta, effect) };
        bench.tenant("north").fault(fault).unwrap();
        bench.settings("north", |s| s.delta.empty_page_chance = 0.5);
        bench.settled_sync().await;
        assert_eq!(deletes(&bench), 2, "the one leaver, in two targets");
        assert_eq!(bench.guest("south", "n0@north.example")["jobTitle"], "Dean");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_the_middle_of_a_first_round_starts_it_over() {
    let (bench, _) = populated();
    bench.tenant("north").fault(Fault { skip: 2, ..Fault::next(1, Kind::Delta, Effect::Resync) }).unwrap();
    bench.settled_sync().await;
    assert_eq!(deletes(&bench), 0);
    bench.guest("south", "n7@north.example");
}

#[tokio::test(start_paused = true)]
async fn someone_deleted_for_good_while_the_watermark_was_lost_is_deleted_and_nobody_else() {
    let (bench, people) = populated();
    bench.settled_sync().await;
    bench.tenant("north").hard_delete(&people[2]).unwrap();
    bench.tenant("north").expire_links().unwrap();
    bench.settled_sync().await;
    assert_eq!(deletes(&bench), 2);
    assert!(bench.guests("south", "n2@north.example").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_down_for_ever_loses_nobody_and_delays_nobody() {
    let (bench, people) = populated();
    bench.settled_sync().await;
    bench.tenant("west").fault(Fault::always(Effect::throttled(503, "1"))).unwrap();
    bench.tenant("north").soft_delete(&people[0]).unwrap();
    bench.staff("south", "joiner");
    let before = bench.tenant("west").users().len();
    let report = bench.sync().await;
    assert!(report.drafted.readings.unread.contains_key(&"west".into()));
    assert!(!report.complete());
    assert_eq!(deletes(&bench), 1, "in south, where it is due");
    bench.guest("north", "joiner@south.example");
    assert_eq!(bench.tenant("west").users().len(), before);
    bench.tenant("west").clear_faults(None).unwrap();
    bench.settled_sync().await;
    bench.guest("west", "joiner@south.example");
    assert!(bench.guests("west", "n0@north.example").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_home_that_breaks_off_after_an_empty_first_page_deletes_nobody() {
    let (bench, _) = populated();
    bench.settled_sync().await;
    bench.tenant("north").expire_links().unwrap();
    bench.settings("north", |s| s.delta.empty_page_chance = 1.0);
    let down = Fault { skip: 2, kind: Some(Kind::Delta), ..Fault::always(Effect::status(503)) };
    bench.tenant("north").fault(down).unwrap();
    let report = bench.sync().await;
    assert!(report.drafted.readings.unread.contains_key(&"north".into()), "{report:?}");
    assert_eq!(deletes(&bench), 0);
    bench.tenant("north").clear_faults(None).unwrap();
    bench.settled_sync().await;
    assert_eq!(deletes(&bench), 0);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_looked_up_before_anything_is_asked_twice() {
    for kind in [Kind::Invite, Kind::Patch, Kind::Manager] {
        for applied in [true, false] {
            let bench = Bench::mesh(&["north", "south"], RULES);
            let boss = bench.staff("north", "boss");
            bench.person("north", "ada", "Staff", &json!({ "manager": boss }));
            bench.tenant("south").fault(Fault::next(1, kind, Effect::Drop { applied })).unwrap();
            let report = bench.sync().await;
            if !report.complete() {
                bench.sync().await;
            }
            let ada = bench.guest("south", "ada@north.example");
            let boss = bench.guest("south", "boss@north.example");
            assert_eq!(ada["manager"], boss["id"], "{kind:?} {applied}");
            assert_eq!(ada["jobTitle"], "Lecturer");
            let drafted = bench.plan().await;
            assert!(drafted.plan.is_empty(), "{kind:?} {applied}: {drafted:#?}");
            let applied_writes = bench.writes().iter().filter(|e| e.applied).count();
            assert_eq!(applied_writes, 5, "{kind:?} {applied}: two invitations, two updates, one manager");
            let entries = bench.log();
            assert_eq!(entries.iter().filter(|e| e.outcome == "applied").count(), 5, "{entries:#?}");
            assert_eq!(entries.iter().filter(|e| e.outcome == "unknown").count(), usize::from(!applied));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_delete_or_restore_is_looked_up_too() {
    for applied in [true, false] {
        let bench = Bench::mesh(&["north", "south"], RULES);
        let ada = bench.staff("north", "ada");
        bench.settled_sync().await;
        bench.tenant("north").soft_delete(&ada).unwrap();
        bench.tenant("south").fault(Fault::next(1, Kind::Delete, Effect::Drop { applied })).unwrap();
        bench.sync().await;
        assert!(bench.guests("south", "ada@north.example").is_empty());
        bench.tenant("north").restore(&ada).unwrap();
        bench.tenant("south").fault(Fault::next(1, Kind::Restore, Effect::Drop { applied })).unwrap();
        bench.sync().await;
        bench.guest("south", "ada@north.example");
        assert!(bench.plan().await.plan.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_front_door_that_fails_after_the_write_makes_no_false_entry() {
    for kind in [Kind::Invite, Kind::Patch, Kind::Delete] {
        let bench = Bench::mesh(&["north", "south"], RULES);
        let eve = bench.staff("north", "eve");
        bench.settled_sync().await;
        bench.staff("north", "ada");
        bench.tenant("north").soft_delete(&eve).unwrap();
        let mut answer = Effect::status(502);
        if let Effect::Status { applied, .. } = &mut answer {
            *applied = true;
        }
        bench.tenant("south").fault(Fault::next(1, kind, answer)).unwrap();
        bench.settled_sync().await;
        assert!(bench.log().iter().all(|e| e.outcome == "applied"), "{kind:?}: {:#?}", bench.log());
        assert_eq!(bench.writes().len(), 5, "{kind:?}: nothing was written twice");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_obeyed_and_nothing_is_lost_by_it() {
    let (bench, _) = populated();
    let throttle = Fault { times: Some(3), ..Fault::next(3, Kind::Invite, Effect::throttled(429, "2.5")) };
    bench.tenant("south").fault(throttle).unwrap();
    bench.settled_sync().await;
    bench.guest("south", "n7@north.example");
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_windows_are_never_overrun_by_us() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    for n in 0..400 {
        bench.staff("north", &format!("n{n}"));
    }
    bench.settings("north", |s| s.page_size = 200);
    let text = std::fs::read_to_string(bench.file("crosstie.toml")).unwrap();
    let limits = "[tenants.south.limits]\nwrites = 100\nwindow_seconds = 30\nwrites_per_hour = 72000\n";
    std::fs::write(bench.file("crosstie.toml"), text + limits).unwrap();
    bench.settings("south", |s| {
        s.limits.app_writes.count = 100;
        s.limits.app_writes.seconds = 30;
    });
    let start = tokio::time::Instant::now();
    bench.settled_sync().await;
    assert!(bench.writes().iter().all(|e| e.status != 429), "no 429 was provoked");
    // 800 writes at 100 in 30 s take 240 s, of which a burst at the end could save one window; 1 % is kept for leavers.
    let took = start.elapsed().as_secs();
    assert!((210..=244).contains(&took), "took {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_nothing_of_what_was_spent() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    let text = std::fs::read_to_string(bench.file("crosstie.toml")).unwrap();
    let limits = "[tenants.south.limits]\nwrites = 50\nwindow_seconds = 60\nwrites_per_hour = 72000\n";
    std::fs::write(bench.file("crosstie.toml"), text + limits).unwrap();
    bench.settings("south", |s| {
        s.limits.app_writes.count = 50;
        s.limits.app_writes.seconds = 60;
    });
    for n in 0..45 {
        bench.staff("north", &format!("n{n}"));
        if n % 15 == 14 {
            bench.settled_sync().await;
        }
    }
    assert!(bench.writes().iter().all(|e| e.status != 429), "three processes, one window");
    // Nor does a death: what was under way counts from when the next run found out.
    for n in 45..60 {
        bench.staff("north", &format!("n{n}"));
    }
    bench.killed_sync(9).await;
    bench.sync().await;
    assert!(bench.writes().iter().all(|e| e.status != 429));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_shows_late_gets_its_attributes_in_the_same_run() {
    let (bench, _) = populated();
    for tenant in MESH {
        bench.settings(tenant, |s| s.lag.created_millis = 6_000);
    }
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    assert_eq!(bench.guest("south", "n0@north.example")["jobTitle"], "Lecturer");
    bench.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_never_becomes_an_account_is_asked_again() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.settings("south", |s| s.invitations.silent = true);
    let report = bench.sync().await;
    assert!(!report.complete());
    bench.settings("south", |s| s.invitations.silent = false);
    tokio::time::sleep(std::time::Duration::from_secs(1_000)).await;
    bench.sync().await;
    bench.sync().await;
    assert_eq!(bench.guest("south", "ada@north.example")["jobTitle"], "Lecturer");
    assert!(bench.plan().await.plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn leavers_go_before_joiners() {
    let (bench, people) = populated();
    bench.settled_sync().await;
    let before = bench.writes().len();
    for n in 0..30 {
        bench.staff("north", &format!("joiner{n}"));
    }
    bench.tenant("north").soft_delete(&people[5]).unwrap();
    bench.settled_sync().await;
    for tenant in ["south", "west"] {
        let writes = bench.writes();
        let into = |e: &&crosstie::sim::Entry| e.tenant == tenant;
        assert_eq!(writes[before..].iter().find(into).unwrap().kind, Kind::Delete);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_may_repeat_replay_and_reorder() {
    let (bench, people) = populated();
    for tenant in MESH {
        bench.settings(tenant, |s| {
            s.delta.duplicate_chance = 0.5;
            s.delta.reorder = true;
            s.delta.replay = 5;
            s.delta.empty_page_chance = 0.3;
        });
    }
    bench.settled_sync().await;
    let writes = bench.writes().len();
    bench.settled_sync().await;
    assert_eq!(bench.writes().len(), writes, "replays cost no write");
    bench.tenant("north").edit_user(&people[3], &json!({ "jobTitle": "Dean" })).unwrap();
    bench.settled_sync().await;
    assert_eq!(bench.guest("west", "n3@north.example")["jobTitle"], "Dean");
}

#[tokio::test(start_paused = true)]
async fn a_full_reading_without_news_writes_nothing() {
    let (bench, _) = populated();
    bench.settled_sync().await;
    let writes = bench.writes().len();
    let full = Focus { full: true, ..Focus::default() };
    let report = bench.try_sync(full, None).await.unwrap();
    assert!(report.complete());
    assert_eq!(bench.writes().len(), writes);
}

#[tokio::test(start_paused = true)]
async fn one_attribute_denied_does_not_lose_the_others() {
    let rules = RULES.replace("manager = \"[manager]\"", "mobilePhone = \"[mobilePhone]\"");
    let bench = Bench::mesh(&["north", "south"], &rules);
    let ada = bench.person("north", "ada", "Staff", &json!({ "mobilePhone": "+44 1" }));
    bench.settled_sync().await;
    let account = bench.guest("south", "ada@north.example")["id"].as_str().unwrap().to_owned();
    let role = json!({ "id": "2b1c0000-0000-4000-8000-00000000000a", "displayName": "Helpdesk Administrator",
                       "role": true, "members": [account] });
    bench.tenant("south").put_group(serde_json::from_value(role).unwrap()).unwrap();
    bench.tenant("north").edit_user(&ada, &json!({ "mobilePhone": "+44 2", "jobTitle": "Dean" })).unwrap();
    let report = bench.sync().await;
    assert_eq!(report.failed.len(), 1);
    let account = bench.guest("south", "ada@north.example");
    assert_eq!((&account["jobTitle"], &account["mobilePhone"]), (&json!("Dean"), &json!("+44 1")));
    bench.assert_log_matches_ledger();
}

#[tokio::test(start_paused = true)]
async fn only_the_route_or_the_user_that_was_asked_for_is_touched() {
    let (bench, people) = populated();
    let focus = Focus { route: Some("north->west").and_then(crosstie::model::RouteName::parse), ..Focus::default() };
    bench.try_sync(focus, None).await.unwrap();
    assert!(bench.guests("south", "n0@north.example").is_empty());
    bench.guest("west", "n0@north.example");
    let focus = Focus { user: Some("N3@north.example".to_owned()), ..Focus::default() };
    let report = bench.try_sync(focus, None).await.unwrap();
    assert_eq!(bench.guests("south", "n3@north.example").len(), 1, "{report:?}");
    assert!(bench.guests("south", "n0@north.example").is_empty());
    assert!(report.applied.keys().any(|(_, kind)| *kind == ActionKind::Provision));
    let _ = people;
}

#[tokio::test(start_paused = true)]
async fn a_full_round_that_mentions_nobody_deletes_nobody() {
    let (bench, people) = populated();
    bench.settled_sync().await;
    let writes = bench.writes().len();
    bench.tenant("north").soft_delete(&people[4]).unwrap();
    bench.tenant("north").expire_links().unwrap();
    // A replica that lost its contents: a first page that is the last one, and empty.
    let mut empty = Effect::status(200);
    if let Effect::Status { body, content_type, .. } = &mut empty {
        let link = "http://localhost/v1.0/users/delta?$deltatoken=bm90aGluZw";
        *body = Some(json!({ "value": [], "@odata.deltaLink": link }).to_string());
        *content_type = Some("application/json".to_owned());
    }
    // The first request resumes and is told that its link has expired; the second one starts over.
    bench.tenant("north").fault(Fault { skip: 1, ..Fault::next(1, Kind::Delta, empty) }).unwrap();
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    assert_eq!(deletes(&bench), 2, "the one who is really gone, in two targets");
    assert_eq!(bench.writes().len(), writes + 2);
    // The made-up link means nothing to the tenant: the next reading starts over.
    bench.settled_sync().await;
    assert_eq!(bench.writes().len(), writes + 2);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_we_asked_for_is_ours_even_if_it_shows_only_in_the_next_reading() {
    let start = RULES.find("[[match]]").unwrap();
    let end = RULES.find("[attributes]").unwrap();
    let rules = format!("{}{}", &RULES[..start], &RULES[end..]);
    let bench = Bench::mesh(&["north", "south"], &rules);
    bench.staff("north", "ada");
    bench.settings("south", |s| s.lag.created_millis = 40_000);
    bench.tenant("south").fault(Fault::next(1, Kind::Invite, Effect::Drop { applied: true })).unwrap();
    let report = bench.sync().await;
    assert_eq!(report.failed.len(), 1, "nobody can see yet whether it happened");
    let report = bench.sync().await;
    assert!(report.complete(), "{report:?}");
    let account = bench.guest("south", "ada@north.example");
    assert_eq!((&account["jobTitle"], &account["userType"]), (&json!("Lecturer"), &json!("Member")));
    let outcomes: Vec<String> = bench.log().iter().map(|e| format!("{} {}", e.action, e.outcome)).collect();
    assert_eq!(outcomes.iter().filter(|o| *o == "provision unknown").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|o| *o == "join applied").count(), 1, "{outcomes:?}");
    assert!(bench.plan().await.plan.is_empty());
}

/// What an earlier run asked is looked for by a dry run as by a sync, or the two would say different things.
#[tokio::test(start_paused = true)]
async fn a_dry_run_finds_out_what_became_of_a_lost_invitation() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    bench.staff("north", "ada");
    bench.settings("south", |s| (s.lag.min_millis, s.lag.max_millis) = (600_000, 600_001));
    for half_exchanges in 1.. {
        assert!(bench.killed_sync(half_exchanges).await.is_none(), "no run died of a lost answer");
        if bench.writes().len() == 1 {
            break;
        }
    }
    let planned = bench.plan().await.plan;
    let kinds: Vec<_> = planned.routes.iter().flat_map(|r| r.changes.all().unwrap()).map(|c| c.action.kind()).collect();
    assert_eq!(kinds, [crosstie::model::ActionKind::Update]);
    let report = bench.sync().await;
    assert_eq!(report.applied.keys().map(|(_, kind)| *kind).collect::<Vec<_>>(), kinds);
    assert!(bench.plan().await.plan.is_empty());
}

/// A kill took the answer to a delete, and looks lagged behind it. Asked again, it met nobody, and another kill took that answer
/// too: then the account was gone, and the log said `applied` of the second one.
#[tokio::test(start_paused = true)]
async fn of_two_deletes_that_were_never_answered_the_one_that_met_nobody_is_not_called_applied() {
    let mut met_nobody = 0;
    'first: for first in 1.. {
        for second in 1.. {
            let bench = Bench::mesh(&["north", "south"], RULES);
            let ada = bench.staff("north", "ada");
            bench.settled_sync().await;
            bench.tenant("north").soft_delete(&ada).unwrap();
            bench.settings("south", |s| {
                s.lag.reads = true;
                (s.lag.min_millis, s.lag.max_millis) = (60_000, 60_001);
            });
            if bench.killed_sync(first).await.is_some() {
                break 'first;
            }
            if deletes(&bench) == 0 {
                break;
            }
            if bench.killed_sync(second).await.is_some() {
                break;
            }
            bench.wait(120).await;
            bench.sync().await;
            bench.assert_log_covers_ledger();
            met_nobody += usize::from(bench.writes().iter().any(|e| e.kind == Kind::Delete && e.status == 404));
            bench.settings("south", |s| s.lag = crosstie::sim::Lag::default());
            bench.sync().await;
            assert!(bench.guests("south", "ada@north.example").is_empty());
            assert!(bench.plan().await.plan.is_empty());
        }
    }
    assert!(met_nobody > 0);
}

/// A kill took the answer to an invitation, and its account did not show yet. The person was invited again, and another kill came
/// before that left: then the account showed, and the log said `applied` of the second one, which no tenant has ever seen.
#[tokio::test(start_paused = true)]
async fn of_two_invitations_the_one_that_never_left_is_not_called_applied() {
    let mut never_left = 0;
    'first: for first in 1.. {
        for second in 1.. {
            let bench = Bench::mesh(&["north", "south"], RULES);
            bench.staff("north", "ada");
            let invited = || bench.writes().iter().filter(|e| e.kind == Kind::Invite).count();
            bench.settings("south", |s| {
                (s.lag.reads, s.lag.created_millis) = (true, 40_000);
                (s.lag.min_millis, s.lag.max_millis) = (40_000, 40_001);
            });
            if bench.killed_sync(first).await.is_some() {
                break 'first;
            }
            if invited() == 0 {
                break;
            }
            if bench.killed_sync(second).await.is_some() {
                break;
            }
            let asked = bench.store(Mode::Look).open_asks(&"south".into()).unwrap();
            let invites = asked.iter().filter(|(_, ask)| ask.kind == AskKind::Invite);
            let seen = |id: &str| bench.writes().iter().any(|e| e.client_request_id.as_deref() == Some(id));
            let not_left = invites.filter(|(_, ask)| !seen(&ask.request_id)).count();
            bench.wait(60).await;
            bench.sync().await;
            bench.assert_log_covers_ledger();
            never_left += not_left;
            bench.sync().await;
            assert_eq!(bench.guests("south", "ada@north.example").len(), 1);
            assert!(bench.plan().await.plan.is_empty());
        }
    }
    assert!(never_left > 0);
}

/// Many answers are lost at once, and then the target cannot be reached at all: not even to be looked at.
#[tokio::test(start_paused = true)]
async fn a_target_that_vanishes_with_many_questions_open_is_left_alone_within_minutes() {
    let bench = Bench::mesh(&["north", "south"], RULES);
    (0..40).for_each(|n| drop(bench.staff("north", &format!("n{n}"))));
    let gone = |kind, skip| Fault { kind: Some(kind), skip, ..Fault::always(Effect::Drop { applied: true }) };
    bench.tenant("south").fault(gone(Kind::Invite, 36)).unwrap();
    bench.tenant("south").fault(gone(Kind::List, 0)).unwrap();
    let start = tokio::time::Instant::now();
    let report = bench.sync().await;
    let took = start.elapsed().as_secs();
    assert!(report.unwritten.contains_key(&"south".into()), "{report:?}");
    assert!(took < 60, "{took} s: each question is looked into four times, for a quarter of a minute each");
    bench.tenant("south").clear_faults(None).unwrap();
    bench.settled_sync().await;
    bench.guest("south", "n39@north.example");
    bench.assert_log_covers_ledger();
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_ends_within_five_seconds_and_the_next_run_goes_on() {
    for (kind, delay) in [(Kind::Invite, 20_000), (Kind::Invite, 2_000), (Kind::Delta, 60_000)] {
        let (bench, _) = populated();
        bench
            .tenant("south")
            .fault(Fault { kind: Some(kind), ..Fault::always(Effect::Delay { millis: delay }) })
            .unwrap();
        let start = tokio::time::Instant::now();
        let report = bench.stopped_sync(1_000).await;
        assert!(report.stopped);
        let took = start.elapsed().as_millis();
        assert!(took < 6_000, "{kind:?} {delay}: {took} ms");
        bench.tenant("south").clear_faults(None).unwrap();
        let report = bench.sync().await;
        assert!(report.complete(), "{report:?}");
        assert!(bench.plan().await.plan.is_empty());
        bench.guest("south", "n7@north.example");
        bench.assert_log_covers_ledger();
    }
}
