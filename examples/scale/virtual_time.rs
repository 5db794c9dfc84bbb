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

/// Graph's quota of one app in one tenant, a second.
const RATE: f64 = 20.0;
/// Two writes a guest: the invitation, and what it cannot carry.
const WRITES: f64 = 2.0;

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
        "B6" => [2, 3, 5, 8, 12, 20].into_iter().for_each(|tenants| tell(paused(mesh(tenants, size)))),
        "B8" => tell(paused(leaver(size))),
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
    let mut used = figures::a_foreign_app_takes_its_share(Size::full(people), true).await;
    let refused = std::mem::take(&mut used.refused);
    let mut told = told(format!("{people} guests, a foreign app takes 30 %"), &used, 1.02);
    told.said = format!("{refused} times 429");
    told
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
    let bound = WRITES * guests as f64 / RATE;
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

/// What somebody of the School of Fine Arts is.
fn member(tenant: &str, n: usize, kind: &str) -> serde_json::Value {
    let mail = format!("{}{n:06}@{tenant}.example", kind.to_lowercase());
    json!({
        "displayName": format!("{kind} {n} of {tenant}"), "mail": mail, "userPrincipalName": mail, "userType": "Member",
        "employeeType": kind, "accountEnabled": true, "jobTitle": "Lecturer", "department": "Dance",
    })
}
