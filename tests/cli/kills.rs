//! Which laws does a kill at any instant leave whole? Real processes, killed at moments drawn from a seed: a few of them for
//! `cargo test`, and many for `cargo bench --bench kills`.

use serde_json::{Value, json};

use super::support::{Place, Sim, TENANTS, assert_log_matches, assert_mesh, eventually, pause, teacher, text};

/// No sync of the school lasts longer, by far: what is drawn below it hits every part of one. A build for tests is slower.
const LONG_MILLIS: u64 = if cfg!(debug_assertions) { 900 } else { 250 };

/// The latest that a change shows where changes show late: longer than a sync takes.
const LAG_MILLIS_MAX: u64 = 700;

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
        if n.is_multiple_of(3) { Moment::Millis(5 + draw(LONG_MILLIS)) } else { Moment::Writes(draw(40) as usize) }
    };
    (0..count).map(&mut one).collect()
}

/// Starts a sync and kills it; answers whether it was alive.
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

/// Where, and on whom, processes are killed.
#[derive(Clone, Copy, Debug)]
pub struct School {
    /// How many items a page of a tenant has.
    pub page_size: usize,
    /// One seed is one list of moments, and one school.
    pub seed: u64,
    /// A day has one kill or two.
    pub kills: usize,
    /// How late answers to writes come, so that many kills fall between a write and its answer.
    pub slow_millis: u64,
    /// Whether changes show at once in what the tenants tell, or how late.
    pub lag: Lag,
}

/// How late does a change show?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// At once.
    None,
    /// Changes come late in delta queries.
    Changes,
    /// New accounts cannot be read at first.
    Accounts,
}

impl Lag {
    fn settings(self) -> Option<Value> {
        match self {
            Lag::None => None,
            Lag::Changes => Some(json!({ "min_millis": 50, "max_millis": LAG_MILLIS_MAX })),
            Lag::Accounts => Some(json!({ "min_millis": 0, "max_millis": 300, "reads": true, "created_millis": 400 })),
        }
    }
}

/// What came of killing. All laws held: whoever breaks one panics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Killed {
    /// Processes that were started and killed.
    pub kills: usize,
    /// Among them those that had not ended yet.
    pub alive: usize,
    /// Kills between a write and the record of its answer.
    pub mid_write: usize,
    /// Writes that were asked and not answered at that moment.
    pub open: u64,
    /// Questions that nobody could answer after the next runs.
    pub open_left: u64,
    /// Writes that had been made already and were made again.
    pub repeats: usize,
    /// Writes that the tenants saw.
    pub writes: usize,
}

impl std::ops::AddAssign for Killed {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.alive += other.alive;
        self.mid_write += other.mid_write;
        self.open += other.open;
        self.open_left += other.open_left;
        self.repeats += other.repeats;
        self.writes += other.writes;
    }
}

/// Days with a kill in each, or two, and after each day all laws judged.
pub fn killed(school: School) -> Killed {
    let School { page_size, seed, kills, slow_millis, lag } = school;
    let (place, sim) = Place::school_with(90, &["--page-size", &page_size.to_string(), "--seed", &seed.to_string()]);
    // The guard counts what was let through within 24 hours, and weeks pass here in minutes.
    let rules = std::fs::read_to_string(place.path("sync-rules/staff.toml")).unwrap();
    place.write("sync-rules/staff.toml", &rules.replace("percent = 10 }", "percent = 100 }"));
    for tenant in TENANTS {
        if let Some(lag) = lag.settings() {
            sim.settings(tenant, &json!({ "lag": lag }));
        }
        for method in ["POST", "PATCH", "PUT", "DELETE"].into_iter().filter(|_| slow_millis > 0) {
            let slow = json!({ "do": "delay", "millis": slow_millis });
            sim.fault(tenant, &json!({ "method": method, "path": "/users", "effect": slow }));
            sim.fault(tenant, &json!({ "method": method, "path": "/invitations", "effect": slow }));
        }
    }
    let before = sim.everybody();
    let mut all = Killed::default();
    let mut moments = moments(seed, kills).into_iter();
    for day in 0.. {
        let Some(moment) = moments.next() else { break };
        let (since, again) = (sim.seq(), if day % 2 == 1 { moments.next() } else { None });
        if day > 0 {
            a_day(&sim, day);
            if lag == Lag::Changes {
                // By then about half of the day shows, so that there is something to write, and the rest comes while it is written.
                pause(LAG_MILLIS_MAX / 2);
            }
        }
        for moment in [Some(moment), again].into_iter().flatten() {
            all.kills += 1;
            all.alive += usize::from(kill_at(&place, &sim, moment));
            let open = unanswered(&place);
            all.open += open;
            all.mid_write += usize::from(open > 0);
        }
        looking_leaves_no_trace(&place);
        every_write_is_known(&place, &sim);
        converge(&place, lag != Lag::None);
        assert_log_matches(&place, &sim, lag != Lag::None);
        assert_mesh(&sim, &before);
        all.repeats += repeats(&sim.ledger_since(since));
        let left = unanswered(&place);
        all.open_left += left;
        assert_eq!(left, 0, "questions left open after {moment:?} on day {day} of {school:?}");
    }
    all.writes = sim.ledger().len();
    all
}

/// Questions that are open.
fn unanswered(place: &Place) -> u64 {
    let status = place.run(&["status", "--format", "json"]).code(0).json();
    status["tenants"].as_array().unwrap().iter().map(|t| t["unanswered"].as_u64().unwrap()).sum()
}

/// Writes of one day that say the same of the same object again: nobody changes twice a day.
fn repeats(ledger: &[Value]) -> usize {
    let made = ledger.iter().filter(|write| write["applied"] == true);
    let whole = |write: &Value| ["tenant", "method", "path", "body"].map(|name| write[name].to_string());
    let mut seen = std::collections::BTreeSet::new();
    made.filter(|write| !seen.insert(whole(write))).count()
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
    let open = unanswered(place);
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
