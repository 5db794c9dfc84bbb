//! What does the quota allow, and how near do we come to it? Hours pass in seconds here: the real client, a real store and the
//! simulator in one process, whose clock jumps wherever everybody waits.

#[path = "../../tests/cycle/bench.rs"]
mod bench;
#[path = "../../tests/cycle/figures.rs"]
mod figures;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use bench::Bench;
use crosstie::sim::Kind;
use figures::{Size, TWO_WRITES, Used};

/// Graph's quota of one app in one tenant: so many writes in any stretch of so many seconds.
const WINDOW: (usize, usize) = (3_000, 150);
/// Two writes a guest: the invitation, and what it cannot carry.
const WRITES: usize = 2;
/// Accounts that each tenant of a larger mesh gets at the least: enough that no first burst hides how the rest is paced.
const GUESTS: usize = 10_000;

/// Invitations into one tenant: so many in any stretch of so many seconds.
const INVITATIONS: (usize, usize) = (150, 5);

/// The longest window of all: an hour.
const LONGEST_WINDOW_SECONDS: u64 = 3_600;

/// Seconds that nobody can undercut who finds all windows empty and writes so much, `guests` included, each of whom takes
/// `WRITES` and comes last: whole windows of writes at once, and in the last one only as many guests as may be invited
/// meanwhile.
fn bound(writes: usize, guests: usize) -> f64 {
    let windows = writes.saturating_sub(1) / WINDOW.0;
    let guests_left = ((writes - windows * WINDOW.0) / WRITES).min(guests);
    let seconds = windows * WINDOW.1 + guests_left.saturating_sub(1) / INVITATIONS.0 * INVITATIONS.1;
    seconds.max(1) as f64
}

/// One story's outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    pub case: String,
    /// Virtual seconds.
    pub seconds: f64,
    /// What is compared with its target: a share of the bound, or seconds.
    pub value: f64,
    pub most: f64,
    pub said: String,
}

/// The stories of one benchmark, told as JSON lines.
pub fn tell(bench: &str, size: usize) {
    let tell = |told: Told| println!("{}", serde_json::to_string(&told).unwrap());
    match bench {
        "B4" => {
            tell(paused(quota(size)));
            tell(paused(foreign(size)));
        }
        "B6" => [2, 3, 5, 8, 12, 20]
            .into_iter()
            .for_each(|tenants| tell(paused(mesh(tenants, size.min(GUESTS.div_ceil(tenants - 1)))))),
        "B8" => tell(paused(leaver(size))),
        "SCHOOL" => school(size).into_iter().for_each(tell),
        other => panic!("no story of {other}"),
    }
}

pub fn paused<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(story)
}

fn told(case: String, used: &Used, most: f64) -> Told {
    let said = format!("{} times 429, fullest window {:.1} %", used.refused, used.fullest * 100.0);
    // A single refusal breaks the promise, whatever the time was.
    let value = if used.refused == 0 { used.ratio } else { f64::INFINITY };
    Told { case, seconds: used.seconds, value, most, said }
}

async fn quota(people: usize) -> Told {
    told(
        format!("{people} guests, all windows, killed halfway"),
        &figures::a_quota_is_used_up(Size::full(people)).await,
        1.02,
    )
}

async fn foreign(people: usize) -> Told {
    told(
        format!("{people} guests, a foreign app takes 30 %"),
        &figures::a_foreign_app_takes_its_share(Size::full(people), true).await,
        1.02,
    )
}

async fn leaver(people: usize) -> Told {
    let seconds = figures::a_leaver_behind(Size::full(people), 60).await;
    let case = format!("leaver behind {people} pending creates, polled every 60 s");
    Told { case, seconds, value: seconds, most: 65.0, said: "until the account is deleted".to_owned() }
}

/// Everybody of each tenant gets an account in every other one.
async fn mesh(tenants: usize, people: usize) -> Told {
    let names: Vec<String> = (0..tenants).map(|n| format!("t{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bench = Bench::mesh_in_memory(&names, TWO_WRITES);
    for tenant in &names {
        (0..people).for_each(|n| drop(bench.staff(tenant, &format!("{tenant}p{n:05}"))));
    }
    Size::full(people).configured(&bench, &names, "*/5 * * * *");
    let report = bench.sync().await;
    assert!(report.complete(), "somebody was left out");
    // First rounds that began: each tenant is read once, however many routes lead from it.
    let readings = bench.begun().len();
    assert_eq!(readings, tenants, "each tenant is read once");
    let seconds = bench.clock.true_now().millis_since(bench.clock.start()) as f64 / 1e3;
    let guests = (tenants - 1) * people;
    let bound = bound(WRITES * guests, guests);
    let invited: BTreeMap<String, u64> = bench
        .world
        .counts()
        .into_iter()
        .map(|(tenant, kinds)| (tenant, kinds.get(&Kind::Invite).copied().unwrap_or(0)))
        .collect();
    assert!(names.iter().all(|t| invited.get(*t) == Some(&(guests as u64))), "{invited:?}");
    let (refused, fullest) = (figures::refused(&bench), figures::fullest(&bench));
    let used = Used { seconds, ratio: seconds / bound, refused, fullest };
    told(format!("mesh of {tenants}, {people} people each"), &used, 1.03)
}

/// Everybody in all three regions, and how many of them the rules take: 160,000 of 2,160,000.
const REGIONS: [&str; 3] = ["north", "south", "west"];
const STAFF_OF: (usize, usize) = (160, 2_160);
/// Only staff; all of a day's leavers may go at once.
const SCHOOL: &str = r#"
account = "member"
[[scope]]
all = [{ attribute = "employeeType", operator = "EQUALS", value = "Staff" }]
[[match]]
target = "mail"
source = "[mail]"
[attributes]
displayName = "[displayName]"
jobTitle = "[jobTitle]"
department = "[department]"
[leavers]
deleted = "delete"
[guard]
deletes = { max = 5000, percent = 10 }
updates = { percent = 50 }
"#;

/// The School of Fine Arts: its first sync, and a normal day after it.
fn school(people: usize) -> Vec<Told> {
    paused(async {
        let bench = Bench::mesh_in_memory(&REGIONS, SCHOOL);
        let (each, staff) = (people / REGIONS.len(), people / REGIONS.len() * STAFF_OF.0 / STAFF_OF.1);
        let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for region in REGIONS {
            for n in 0..each {
                let kind = if n < staff { "Staff" } else { "Student" };
                let id = bench.person(region, &format!("{}{n:06}", kind.to_lowercase()), kind, &json!({}));
                if n < staff {
                    ids.entry(region).or_default().push(id);
                }
            }
        }
        Size::full(people).configured(&bench, &REGIONS, "*/5 * * * *");
        vec![first_sync(&bench, people, staff).await, normal_day(&bench, &ids).await]
    })
}

async fn first_sync(bench: &Bench, people: usize, staff: usize) -> Told {
    assert!(bench.sync().await.complete(), "somebody was left out");
    let readings = bench.begun().len();
    assert_eq!(readings, REGIONS.len(), "each region is read once");
    let seconds = bench.clock.true_now().millis_since(bench.clock.start()) as f64 / 1e3;
    let guests = (REGIONS.len() - 1) * staff;
    for region in REGIONS {
        assert_eq!(guests_of(bench, region), guests, "accounts in {region}");
    }
    let bound = bound(WRITES * guests, guests);
    let used =
        Used { seconds, ratio: seconds / bound, refused: figures::refused(bench), fullest: figures::fullest(bench) };
    let staff = staff * REGIONS.len();
    told(
        format!("School of Fine Arts, {people} people, {staff} in scope: first sync, no student anywhere else"),
        &used,
        1.02,
    )
}

/// One in a hundred comes, one goes, five get another title.
async fn normal_day(bench: &Bench, ids: &BTreeMap<&str, Vec<String>>) -> Told {
    // The first sync has ended in the middle of a window, which its writes still fill: the day begins when they are forgotten.
    bench.wait(LONGEST_WINDOW_SECONDS).await;
    // Writes, and guests among those who take them.
    let mut expected = BTreeMap::new();
    for (region, ids) in ids {
        let tenant = bench.tenant(region);
        let some = ids.len() / 100;
        ids.iter().take(some).for_each(|id| tenant.soft_delete(id).unwrap());
        let movers = ids.iter().skip(some).take(5 * some);
        movers.for_each(|id| tenant.edit_user(id, &json!({ "jobTitle": "Dean" })).unwrap());
        (0..some).for_each(|n| drop(bench.staff(region, &format!("new{n:06}"))));
        for other in REGIONS.iter().filter(|other| *other != region) {
            // Two for each who comes, one for each who goes or moves.
            let (writes, guests) = expected.entry(*other).or_insert((0, 0));
            *writes += WRITES * some + some + 5 * some;
            *guests += some;
        }
    }
    let before = bench.clock.true_now();
    assert!(bench.sync().await.complete(), "somebody was left out");
    let seconds = bench.clock.true_now().millis_since(before) as f64 / 1e3;
    let (writes, guests) = expected.values().max().copied().unwrap_or_default();
    let bound = bound(writes, guests);
    bench.sync().await;
    let (refused, fullest) = (figures::refused(bench), figures::fullest(bench));
    told(
        "a normal day: 1 % come, 1 % go, 5 % move".to_owned(),
        &Used { seconds, ratio: seconds / bound, refused, fullest },
        1.02,
    )
}

/// Accounts that the region holds for people of others; fails where one of them is a student's.
fn guests_of(bench: &Bench, region: &str) -> usize {
    const AT_ONCE: usize = 50_000;
    let (mut guests, mut from) = (0, 0);
    loop {
        let page = bench.tenant(region).users_page(from, AT_ONCE);
        if page.is_empty() {
            return guests;
        }
        from += AT_ONCE;
        for guest in page.iter().filter(|user| user["creationType"] == "Invitation") {
            assert!(guest["mail"].as_str().is_some_and(|mail| mail.starts_with("staff")), "{guest} in {region}");
            guests += 1;
        }
    }
}
