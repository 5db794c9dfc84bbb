//! How much of a quota is used, and who waits for whom? Stories with figures: small ones for `cargo test`, and the same at
//! full size for `cargo bench --bench schedule`.

use crosstie::model::Timestamp;
use crosstie::sim::{Effect, Fault, Kind, Limit, LimitName};
use serde_json::json;

use super::bench::*;

/// Two writes a person: the invitation, and what it cannot carry.
pub(crate) const TWO_WRITES: &str = r#"
account = "member"
[[scope]]
all = [{ attribute = "employeeType", operator = "EQUALS", value = "Staff" }]
[attributes]
displayName = "[displayName]"
jobTitle = "[jobTitle]"
[leavers]
deleted = "delete"
"#;

/// A quota and how many people it is used on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) people: usize,
    pub(crate) writes: u32,
    pub(crate) window_seconds: u32,
    pub(crate) app_writes: u32,
    pub(crate) app_window_seconds: u32,
}

impl Size {
    /// What Graph allows.
    pub(crate) fn full(people: usize) -> Self {
        Self { people, writes: 3_000, window_seconds: 150, app_writes: 35_000, app_window_seconds: 300 }
    }
    /// A hundredth of it, in a tenth of the time.
    pub(crate) fn small(people: usize) -> Self {
        Self { people, writes: 300, window_seconds: 15, app_writes: 3_500, app_window_seconds: 30 }
    }
    fn rate(&self) -> f64 {
        f64::from(self.writes) / f64::from(self.window_seconds)
    }
    pub(crate) fn configured(&self, bench: &Bench, tenants: &[&str], cron: &str) {
        let mut text = format!(
            "[limits]\napp_writes = {}\napp_window_seconds = {}\n[schedule]\ncron = \"{cron}\"\n",
            self.app_writes, self.app_window_seconds
        );
        let (count, seconds) = (self.writes as usize, u64::from(self.window_seconds));
        for tenant in tenants {
            text += &format!(
                "[tenants.{tenant}.limits]\nwrites = {}\nwindow_seconds = {}\n",
                self.writes, self.window_seconds
            );
            bench.settings(tenant, |s| {
                s.page_size = 1_000;
                s.limits.app_writes = Limit::new(count, seconds);
            });
        }
        bench.configure(&text);
        let everywhere = Limit::new(self.app_writes as usize, u64::from(self.app_window_seconds));
        bench.world.limit(LimitName::EverywhereWrites, everywhere);
    }
}

fn people(bench: &Bench, tenant: &str, n: usize) {
    (0..n).for_each(|n| drop(bench.staff(tenant, &format!("{tenant}{n:06}"))));
}

fn seconds(bench: &Bench, at: Timestamp) -> f64 {
    at.millis_since(bench.clock.start()) as f64 / 1_000.0
}

pub(crate) fn refused(bench: &Bench) -> u64 {
    bench.world.throttled().iter().map(|t| t.refused).sum()
}

/// No window of any tenant or app was ever fuller than it may be; answers the fullest share of a limit.
pub(crate) fn fullest(bench: &Bench) -> f64 {
    let mut fullest = 0.0;
    for peak in bench.world.peaks().into_iter().filter(|p| p.limit.count > 0) {
        let share = peak.most as f64 / peak.limit.count as f64;
        assert!(share <= 1.0, "over its limit: {peak:?}");
        fullest = f64::max(fullest, share);
    }
    fullest
}

/// Serves until so many accounts stand in each target, asked now and then; only once enough were invited are they counted.
async fn until_provisioned(bench: &Bench, targets: &[&str], people: usize) {
    let invited = |t: &str| bench.world.counts().get(t).and_then(|kinds| kinds.get(&Kind::Invite)).copied();
    let enough = |t: &str| invited(t).unwrap_or(0) >= people as u64 && bench.tenant(t).users().len() >= people;
    while !targets.iter().all(|t| enough(t)) {
        bench.wait(10).await;
    }
}

/// What came of using a quota.
#[derive(Debug)]
#[allow(dead_code, reason = "the bench prints all of it")]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    /// Over what the quota lets nobody undercut.
    pub(crate) ratio: f64,
    pub(crate) refused: u64,
    pub(crate) fullest: f64,
}

/// Everybody is provisioned with two writes, with a process that is killed in the middle of it.
pub(crate) async fn a_quota_is_used_up(size: Size) -> Used {
    let bench = Bench::mesh(&["north", "south"], TWO_WRITES);
    people(&bench, "north", size.people);
    size.configured(&bench, &["north", "south"], "*/5 * * * *");
    let bound = 2.0 * size.people as f64 / size.rate();
    bench.serve_until_killed((bound / 2.0) as u64).await;
    bench.serve(until_provisioned(&bench, &["south"], size.people)).await;
    bench.sync().await;
    bench.assert_settled().await;
    let writes: Vec<_> = bench.writes().into_iter().filter(|e| e.status < 300).collect();
    let last = seconds(&bench, writes.iter().map(|e| e.at).max().unwrap());
    assert_eq!(bench.tenant("south").users().len(), size.people, "nobody has two accounts");
    let (seconds, refused, fullest) = (last, refused(&bench), fullest(&bench));
    Used { seconds, ratio: seconds / bound, refused, fullest }
}

/// Another app takes three tenths of the tenant's quota, all the time. `announced`: the tenant tells how full it is.
pub(crate) async fn a_foreign_app_takes_its_share(size: Size, announced: bool) -> Used {
    let bench = Bench::mesh(&["north", "south"], TWO_WRITES);
    people(&bench, "north", size.people);
    size.configured(&bench, &["north", "south"], "*/5 * * * *");
    let foreign = size.rate() * 0.3;
    bench.settings("south", |s| {
        s.limits.tenant_writes = s.limits.app_writes;
        s.limits.announce_load = announced;
        s.foreign.writes_per_second = foreign;
    });
    bench.serve(until_provisioned(&bench, &["south"], size.people)).await;
    bench.sync().await;
    let last = seconds(&bench, bench.writes().iter().map(|e| e.at).max().unwrap());
    let bound = 2.0 * size.people as f64 / (size.rate() * 0.7);
    let own = bench.writes().iter().filter(|e| e.status == 429).count() as u64;
    Used { seconds: last, ratio: last / bound, refused: own, fullest: 1.0 }
}

/// Seconds from somebody's deletion at home to that of the account, while everybody else waits to be provisioned.
pub(crate) async fn a_leaver_behind(size: Size, poll_seconds: u64) -> f64 {
    let bench = Bench::mesh(&["north", "south"], TWO_WRITES);
    size.configured(&bench, &["north", "south"], &format!("*/{} * * * *", poll_seconds / 60));
    let leaver = bench.staff("north", "leaver");
    bench.sync().await;
    people(&bench, "north", size.people);
    let story = async {
        // Into the stretch in which a burst has used up the window.
        bench.wait(2 * poll_seconds + u64::from(size.window_seconds) / 3).await;
        let left = bench.clock.at();
        bench.tenant("north").soft_delete(&leaver).unwrap();
        bench.wait(poll_seconds + 30).await;
        left
    };
    let (left, _) = bench.serve(story).await;
    let deletes: Vec<_> = bench.writes().into_iter().filter(|e| e.kind == Kind::Delete).collect();
    assert_eq!(deletes.len(), 1, "nobody else is deleted");
    let waiting = size.people - bench.tenant("south").users().len();
    assert!(waiting * 2 > size.people, "most people wait: {waiting}");
    assert_eq!(refused(&bench), 0);
    deletes[0].at.millis_since(left) as f64 / 1_000.0
}

/// Writes into each of twelve targets that one app serves, in `windows` of the app's windows; the most over the least.
pub(crate) async fn twelve_targets_of_one_app(size: Size, windows: u64) -> (f64, Used) {
    let spokes: Vec<String> = (0..12).map(|n| format!("spoke{n:02}")).collect();
    let names: Vec<&str> = std::iter::once("hub").chain(spokes.iter().map(String::as_str)).collect();
    let quoted: Vec<String> = spokes.iter().map(|s| format!("{s:?}")).collect();
    let topology = format!(
        "[topology]\nkind = \"hub\"\nhub = \"hub\"\nspokes = [{}]\ndirection = \"out\"\nrules = \"staff\"\n",
        quoted.join(", ")
    );
    let bench = Bench::of_one_app(&names, &topology, &[("staff", TWO_WRITES)]);
    people(&bench, "hub", size.people);
    size.configured(&bench, &names, "*/5 * * * *");
    let length = windows * u64::from(size.app_window_seconds);
    bench.serve(bench.wait(length)).await;
    let writes = bench.writes();
    let until = bench.clock.start().plus_seconds(length);
    let count = |t: &&String| writes.iter().filter(|e| e.tenant == **t && e.at <= until).count();
    let counts: Vec<usize> = spokes.iter().map(|t| count(&t)).collect();
    let (least, most) = (*counts.iter().min().unwrap(), *counts.iter().max().unwrap());
    assert!(least < size.people * 2, "none of them has come to its end: {counts:?}");
    let all: usize = counts.iter().sum();
    let bound = windows * u64::from(size.app_writes);
    let used = Used {
        seconds: length as f64,
        ratio: bound as f64 / all as f64,
        refused: refused(&bench),
        fullest: fullest(&bench),
    };
    (most as f64 / least as f64, used)
}

/// Seconds until everybody has an account in south, with a west that is well, and with one that answers nothing at all.
pub(crate) async fn beside_a_tenant_that_hangs(size: Size) -> (f64, f64) {
    let mut took = Vec::new();
    for hangs in [false, true] {
        let bench = Bench::mesh(&["north", "south", "west"], TWO_WRITES);
        people(&bench, "north", size.people);
        size.configured(&bench, &["north", "south", "west"], "* * * * *");
        if hangs {
            bench.tenant("west").fault(Fault::always(Effect::Hang { applied: false })).unwrap();
        }
        let story = async {
            until_provisioned(&bench, &["south"], size.people).await;
            bench.wait(30).await;
            // A mover reaches south as quickly.
            let id = bench.staff("north", "late");
            bench.wait(70).await;
            assert_eq!(bench.guests("south", "late@north.example").len(), 1, "hangs: {hangs}");
            bench.tenant("north").edit_user(&id, &json!({ "jobTitle": "Dean" })).unwrap();
            bench.wait(3_600).await;
        };
        bench.serve(story).await;
        let into_south = bench.writes().into_iter().filter(|e| e.tenant == "south").map(|e| e.at).max();
        took.push(seconds(&bench, into_south.unwrap()));
        assert_eq!(bench.guest("south", "late@north.example")["jobTitle"], "Dean");
        assert!(refused(&bench) == 0);
    }
    (took[0], took[1])
}
