//! Which world is small enough that everything that can happen to a process in it can be tried? Three tenants with three
//! people each, for each of whom another kind of write is due; `cargo test` takes two tenants.

use crosstie::engine::EngineError;
use crosstie::sim::{Entry, Kind, Limit};
use crosstie::store::Mode;
use serde_json::json;

use super::bench::{Bench, RULES};
use super::figures::{fullest, refused};
use super::knife::{Strike, Struck};

pub(crate) const TWO: &[&str] = &["north", "south"];
#[allow(dead_code, reason = "the bench takes them")]
pub(crate) const THREE: &[&str] = &["north", "south", "west"];

/// So few writes are allowed in so many seconds that every run has to wait for its window, and one that forgot what was
/// spent before it died would be refused.
const WRITES: u32 = 8;
const WINDOW_SECONDS: u32 = 20;
/// No process of these worlds has so many statements, commits or exchanges: more, and it does not come to an end.
const POINTS_MAX: u32 = 100_000;

/// The world, and what is wanted in it.
pub(crate) struct SmallWorld {
    pub(crate) bench: Bench,
    tenants: &'static [&'static str],
    /// The account that stood there before and is joined.
    known: String,
}

impl SmallWorld {
    /// Due in every other tenant: a mover, a return, a leaver; a block, one lifted, one who leaves the scope; a newcomer,
    /// another one with the first as manager, and a third whose account stands in one tenant already.
    pub(crate) async fn new(tenants: &'static [&'static str]) -> Self {
        let bench = Bench::mesh_in_memory(tenants, RULES);
        for tenant in tenants {
            bench.configure(&format!(
                "[tenants.{tenant}.limits]\nwrites = {WRITES}\nwindow_seconds = {WINDOW_SECONDS}\n"
            ));
            bench.settings(tenant, |s| s.limits.app_writes = Limit::new(WRITES as usize, u64::from(WINDOW_SECONDS)));
        }
        let [one, two, three] = homes(tenants);
        let [mover, gone, leaver] = ["mover", "gone", "leaver"].map(|n| bench.staff(one, n));
        let [blocked, lifted, outgoing] = ["blocked", "lifted", "outgoing"].map(|n| bench.staff(two, n));
        bench.sync().await;
        bench.tenant(one).soft_delete(&gone).unwrap();
        bench.tenant(two).edit_user(&lifted, &json!({ "accountEnabled": false })).unwrap();
        bench.sync().await;
        bench.tenant(one).edit_user(&mover, &json!({ "jobTitle": "Dean" })).unwrap();
        bench.tenant(one).restore(&gone).unwrap();
        bench.tenant(one).soft_delete(&leaver).unwrap();
        bench.tenant(two).edit_user(&blocked, &json!({ "accountEnabled": false })).unwrap();
        bench.tenant(two).edit_user(&lifted, &json!({ "accountEnabled": true })).unwrap();
        bench.tenant(two).edit_user(&outgoing, &json!({ "employeeType": "Student" })).unwrap();
        let boss = bench.staff(three, "boss");
        bench.person(three, "joiner", "Staff", &json!({ "manager": boss }));
        bench.staff(three, "known");
        let mail = format!("known@{three}.example");
        let known = bench.tenant(tenants[0]).add_user(&json!({
            "displayName": "known", "mail": mail, "userType": "Guest", "creationType": "Invitation",
            "externalUserState": "Accepted", "userPrincipalName": "known#EXT#@north.onmicrosoft.com",
        }));
        Self { bench, tenants, known: known.unwrap() }
    }

    /// Everybody is as the homes and the rules want it.
    fn assert_as_wanted(&self) {
        let (bench, [one, two, three]) = (&self.bench, homes(self.tenants));
        let mut invited = 0;
        for target in self.tenants {
            let of = |name: &str, home: &str| bench.guest(target, &format!("{name}@{home}.example"));
            let none =
                |name: &str, home: &str| assert!(bench.guests(target, &format!("{name}@{home}.example")).is_empty());
            if *target != one {
                assert_eq!(of("mover", one)["jobTitle"], "Dean");
                assert_eq!(of("gone", one)["jobTitle"], "Lecturer");
                none("leaver", one);
                invited += 3;
            }
            if *target != two {
                assert_eq!(of("blocked", two)["accountEnabled"], false);
                assert_eq!(of("lifted", two)["accountEnabled"], true);
                none("outgoing", two);
                invited += 3;
            }
            if *target != three {
                assert_eq!(of("joiner", three)["manager"], of("boss", three)["id"]);
                let known = of("known", three);
                assert_eq!(known["jobTitle"], "Lecturer");
                assert_eq!(*target == self.tenants[0], known["id"] == self.known.as_str());
                invited += if *target == self.tenants[0] { 2 } else { 3 };
            }
            let (own, others) =
                (|home: &str| usize::from(*target == home) * 3, |home: &str| usize::from(*target != home));
            let natives = own(one) - usize::from(*target == one) + own(two) + own(three);
            let guests = 2 * others(one) + 2 * others(two) + 3 * others(three);
            assert_eq!(bench.tenant(target).users().len(), natives + guests, "accounts in {target}");
        }
        let is_invitation = |e: &&Entry| e.kind == Kind::Invite && e.applied;
        assert_eq!(bench.writes().iter().filter(is_invitation).count(), invited, "nobody is invited twice");
    }

    /// Whatever happened: each write that a tenant saw was written down before it left.
    fn assert_nothing_unrecorded(&self) -> usize {
        let (store, log) = (self.bench.store(Mode::Look), self.bench.log());
        let open = self.tenants.iter().flat_map(|t| store.open_asks(&(*t).into()).unwrap());
        let open: Vec<String> = open.map(|(_, ask)| ask.request_id).collect();
        for write in self.bench.writes() {
            let id = write.client_request_id.as_deref().unwrap_or_default();
            let known = log.iter().any(|e| e.request_id == id) || open.iter().any(|open| open == id);
            assert!(known, "nothing was written down before this left: {write:?}");
        }
        open.len()
    }

    /// What must be true once the next process has had its run.
    pub(crate) async fn judge(&self) {
        let report = self.bench.sync().await;
        assert!(report.complete(), "{report:#?}");
        self.assert_as_wanted();
        let drafted = self.bench.plan().await;
        assert!(
            drafted.plan.is_empty() && drafted.skipped.is_empty(),
            "planning again changes something: {drafted:#?}"
        );
        self.bench.assert_log_covers_ledger();
        self.bench.assert_log_is_whole();
        assert_eq!(self.assert_nothing_unrecorded(), 0, "questions are left open");
        assert_eq!(refused(&self.bench), 0, "a window was over");
        assert!(fullest(&self.bench) > 0.5, "no window was ever near its limit: this judges nothing");
    }
}

/// Whose homes these are: mover, return, leaver; blocks and who leaves the scope; newcomers.
fn homes(tenants: &'static [&'static str]) -> [&'static str; 3] {
    [tenants[0], tenants[1], tenants[tenants.len() - 1]]
}

/// What came of trying.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Points at which a process was struck, each in a world of its own.
    pub(crate) points: u64,
    /// Processes that said so and gave up.
    pub(crate) gave_up: u64,
    /// Writes of which nobody knew whether they had happened.
    pub(crate) open: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.points += other.points;
        self.gave_up += other.gave_up;
        self.open += other.open;
    }
}

/// One world, struck once and judged. `None`: its process got to its end before.
fn tried(tenants: &'static [&'static str], strike: Strike) -> Option<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = SmallWorld::new(tenants).await;
        let Struck { hit, ended } = world.bench.struck_sync(strike).await;
        let mut tally = Tally { points: 1, ..Tally::default() };
        tally.open = world.assert_nothing_unrecorded() as u64;
        match &ended {
            None => {}
            Some(Ok(report)) => {
                assert!(!report.crashed, "code of ours gave up: {report:#?}");
                if report.complete() {
                    world.assert_as_wanted();
                }
            }
            Some(Err(error)) => {
                assert!(matches!(error, EngineError::Store(_)), "{error:?}");
                assert_says_why(strike, &error.to_string());
                tally.gave_up = 1;
            }
        }
        world.judge().await;
        hit.then_some(tally)
    })
}

/// What people are told.
fn assert_says_why(strike: Strike, said: &str) {
    let (why, hint) = match strike {
        Strike::Room(_) => ("is full", "\nhint: is the disk full"),
        Strike::Locked(..) => ("locked", "\nhint: another program holds the file"),
        Strike::Statement(..) => ("interrupted", ""),
        Strike::Refusal(..) => ("constraint failed", ""),
        Strike::Exchange(_) | Strike::Commit(_) => ("a dead process says nothing", ""),
    };
    assert!(said.contains(why) && said.contains(hint), "{said}");
}

/// Struck at 1, 2, 3, …, each time in a new world, until a process gets to its end. With others: every `of`-th, from `first`.
pub(crate) fn everywhere(
    tenants: &'static [&'static str],
    strike: impl Fn(u32) -> Strike,
    (first, of): (u32, u32),
) -> Tally {
    let mut all = Tally::default();
    for nth in (first..POINTS_MAX).step_by(of as usize) {
        let strike = strike(nth);
        let work = std::panic::AssertUnwindSafe(|| tried(tenants, strike));
        match std::panic::catch_unwind(work) {
            Ok(Some(tally)) => all += tally,
            Ok(None) => return all,
            Err(_) => panic!("broken by {strike:?} in a world of {tenants:?}: see above"),
        }
    }
    panic!("after {POINTS_MAX} points still not at the end");
}
