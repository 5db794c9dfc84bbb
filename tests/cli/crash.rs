//! Can a run be killed at any instant, and the next one goes on?

use serde_json::{Value, json};

use super::support::{
    Place, Sim, TENANTS, assert_bystanders, assert_log_matches, assert_mesh, eventually, pause, teacher, text,
};

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many milliseconds after its start.
    Millis(u64),
    /// Once the tenants saw so many writes of it.
    Writes(usize),
}

/// Moments drawn from a seed: one seed is one list.
fn moments(seed: u64, count: usize) -> Vec<Moment> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut one = |n: usize| {
        if n % 3 == 0 { Moment::Millis(20 + draw(900)) } else { Moment::Writes(draw(40) as usize) }
    };
    (0..count).map(&mut one).collect()
}

fn kill_at(place: &Place, sim: &Sim, moment: Moment) -> bool {
    let since = sim.seq();
    let mut sync = place.start(&["sync"]);
    match moment {
        Moment::Millis(millis) => pause(millis),
        Moment::Writes(n) => {
            eventually("the writes or the end", || sim.ledger_since(since).len() > n || sync.has_ended());
        }
    }
    let was_alive = !sync.has_ended();
    sync.kill();
    was_alive
}

/// A day in the school: somebody comes, many move, one leaves.
fn a_day(sim: &Sim, day: usize) {
    for tenant in TENANTS {
        let staff = sim.staff(tenant);
        for user in staff.iter().skip(1).step_by(2) {
            let title = json!({ "jobTitle": format!("Title of day {day}"), "department": Value::Null });
            sim.edit(tenant, text(user, "id"), &title);
        }
        sim.add(tenant, &teacher(tenant, &format!("joiner{day}")));
    }
    let tenant = TENANTS[day % 3];
    let leaver = sim.staff(tenant).into_iter().find(|u| u["employeeType"] == "Teacher").unwrap();
    sim.delete(tenant, text(&leaver, "id"));
}

/// Days with a kill in each; answers how often the process was alive when it was struck.
fn days(page_size: usize, seed: u64, count: usize, lag: Option<&Value>) -> usize {
    let (place, sim) = Place::school_with(90, &["--page-size", &page_size.to_string(), "--seed", &seed.to_string()]);
    if let Some(lag) = lag {
        TENANTS.iter().for_each(|t| sim.settings(t, &json!({ "lag": lag })));
    }
    let before = sim.everybody();
    let mut struck = 0;
    for (day, moment) in moments(seed, count).into_iter().enumerate() {
        if day > 0 {
            a_day(&sim, day);
        }
        struck += usize::from(kill_at(&place, &sim, moment));
        if day % 2 == 1 {
            struck += usize::from(kill_at(&place, &sim, Moment::Writes(3)));
        }
        looking_leaves_no_trace(&place);
        every_write_is_known(&place, &sim);
        converge(&place, lag.is_some());
        assert_log_matches(&place, &sim, lag.is_some());
        assert_mesh(&sim, &before);
        let status = place.run(&["status", "--format", "json"]).code(0).json();
        let open: u64 = status["tenants"].as_array().unwrap().iter().map(|t| t["unanswered"].as_u64().unwrap()).sum();
        assert_eq!(open, 0, "questions left open after {moment:?}");
    }
    if count == 1 {
        assert_bystanders(&sim, &before);
    }
    struck
}

/// With what a killed process left beside the file: write-ahead log, its index, the lock.
fn looking_leaves_no_trace(place: &Place) {
    let before = place.state();
    for arguments in [&["plan"] as &[&str], &["status"], &["log"]] {
        let done = place.run(arguments);
        assert!(matches!(done.code, Some(0 | 2 | 4)), "{arguments:?} after a kill: {done:?}");
    }
    let after = place.state();
    assert!(before.keys().eq(after.keys()), "{:?} became {:?}", before.keys(), after.keys());
    for (path, bytes) in &before {
        // The index of the write-ahead log is shared memory: readers may mark themselves in it.
        let is_index = path.extension().is_some_and(|e| e == "db-shm");
        assert!(is_index || after[path] == *bytes, "{} changed", path.display());
    }
}

/// Before anything goes on: each write that a tenant saw has its entry, or stands as an open question.
fn every_write_is_known(place: &Place, sim: &Sim) {
    let status = place.run(&["status", "--format", "json"]).code(0).json();
    let open: u64 = status["tenants"].as_array().unwrap().iter().map(|t| t["unanswered"].as_u64().unwrap()).sum();
    let entries = place.log().iter().filter(|e| e["request_id"] != "").count() as u64;
    let seen = sim.ledger().len() as u64;
    assert!(seen <= entries + open, "{seen} writes, {entries} entries and {open} open questions");
}

fn converge(place: &Place, lagging: bool) {
    if !lagging {
        return place.settle();
    }
    for _ in 0..8 {
        let sync = place.run(&["sync"]);
        assert!(matches!(sync.code, Some(0 | 4)), "{sync:?}");
        pause(300);
        if sync.code == Some(0) && place.run(&["plan"]).code == Some(0) {
            return;
        }
    }
    panic!("not settled: {:?}", place.run(&["plan", "--show", "3"]));
}

#[test]
fn kill_9_loses_and_doubles_nothing_on_tiny_pages() {
    assert!(days(3, 11, 8, None) >= 6, "too few kills found the process alive");
}

#[test]
fn kill_9_loses_and_doubles_nothing_on_large_pages() {
    assert!(days(100, 12, 8, None) >= 6, "too few kills found the process alive");
}

#[test]
fn kill_9_loses_and_doubles_nothing_where_changes_show_late() {
    let lag = json!({ "min_millis": 50, "max_millis": 700 });
    assert!(days(20, 13, 4, Some(&lag)) >= 3, "too few kills found the process alive");
}

#[test]
fn kill_9_loses_and_doubles_nothing_where_accounts_show_late() {
    let lag = json!({ "min_millis": 0, "max_millis": 300, "reads": true, "created_millis": 400 });
    assert!(days(7, 14, 4, Some(&lag)) >= 3, "too few kills found the process alive");
}
