//! What if code of ours gives up in the middle of it? One tenant rests, loudly, and nobody else notices.

use std::cell::Cell;
use std::rc::Rc;

use crosstie::engine::{Cycle, Event, Focus, Notice};
use crosstie::model::{Cursor, DeltaPage, Edits, NamedGroup, ObjectId, Selection, TenantName, Trigger};
use crosstie::ports::{
    DirectoryError, DirectoryRead, DirectoryWrite, Look, MemberOf, Pressure, Privileges, Write, Written,
};
use crosstie::store::{Door, Mode};

use super::bench::*;
use super::figures::{TWO_WRITES, refused};

/// Where code gives up, and how often still.
#[derive(Clone)]
struct Faults {
    tenant: &'static str,
    reading: bool,
    left: Rc<Cell<u32>>,
    /// So much later than the tenant answers a write its answer comes.
    late_seconds: u64,
    /// Code gives up over the answer that has this number.
    answer: Rc<Cell<Option<u32>>>,
}

impl Faults {
    fn new(tenant: &'static str, reading: bool, times: u32) -> Self {
        Self { tenant, reading, left: Rc::new(Cell::new(times)), late_seconds: 0, answer: Rc::default() }
    }
    fn strike(&self, tenant: &TenantName, reading: bool) {
        if tenant.as_str() == self.tenant && reading == self.reading && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            panic!("as the test wants it");
        }
    }
}

/// A door behind which code gives up.
struct Fragile(Writer, Faults);

impl DirectoryRead for Fragile {
    fn tenant(&self) -> &TenantName {
        self.0.tenant()
    }
    async fn delta_page(&self, selection: &Selection, from: &Cursor) -> Result<DeltaPage, DirectoryError> {
        self.1.strike(self.tenant(), true);
        self.0.delta_page(selection, from).await
    }
    async fn look(&self, selection: &Selection, objects: &[ObjectId]) -> Vec<Result<Look, DirectoryError>> {
        self.0.look(selection, objects).await
    }
    async fn find_by_address(
        &self,
        selection: &Selection,
        address: &str,
    ) -> Result<Vec<(ObjectId, Edits)>, DirectoryError> {
        self.0.find_by_address(selection, address).await
    }
    async fn group_members(&self, group: &str) -> Result<Vec<ObjectId>, DirectoryError> {
        self.0.group_members(group).await
    }
    async fn groups_of(&self, whose: MemberOf<'_>) -> Result<Vec<NamedGroup>, DirectoryError> {
        self.0.groups_of(whose).await
    }
    async fn privileges(&self, user: &ObjectId) -> Result<Privileges, DirectoryError> {
        self.0.privileges(user).await
    }
    async fn verified_domains(&self) -> Result<std::collections::BTreeSet<String>, DirectoryError> {
        self.0.verified_domains().await
    }
    /// Is asked for once with each answer to a write.
    fn pressure(&self) -> Option<Pressure> {
        let here = self.tenant().as_str() == self.1.tenant;
        if let Some(answer) = self.1.answer.get().filter(|_| here) {
            self.1.answer.set(answer.checked_sub(1).filter(|left| *left > 0));
            assert!(answer > 1, "as the test wants it");
        }
        self.0.pressure()
    }
}

impl DirectoryWrite for Fragile {
    async fn write(&self, request_id: &str, write: &Write) -> Result<Written, DirectoryError> {
        let written = self.0.write(request_id, write).await;
        // The tenant has done it, and nobody of us knows.
        self.1.strike(self.tenant(), false);
        if self.1.late_seconds > 0 {
            tokio::time::sleep(std::time::Duration::from_secs(self.1.late_seconds)).await;
        }
        written
    }
}

/// Three tenants, forty people in north, a cycle a minute.
fn busy() -> Bench {
    let bench = Bench::mesh(&["north", "south", "west"], TWO_WRITES);
    (0..40).for_each(|n| drop(bench.staff("north", &format!("n{n:02}"))));
    bench.configure("[schedule]\ncron = \"* * * * *\"\n");
    bench
}

fn rests(bench: &Bench, tenant: &str) -> Option<String> {
    bench.store(Mode::Look).breaker(&tenant.into(), Door::Writing).unwrap().map(|breaker| breaker.reason)
}

fn told(served: &Served) -> Vec<&str> {
    let word = |notice: &Notice| match notice {
        Notice::TenantLeftAlone(_) => "left alone",
        Notice::TenantBack(_) => "back",
        _ => "other",
    };
    served.notices.iter().map(word).collect()
}

async fn is_settled(bench: &Bench) {
    bench.sync().await;
    assert!(bench.plan().await.plan.is_empty());
    bench.assert_log_covers_ledger();
    assert_eq!(bench.tenant("west").users().len(), 40, "nobody has two accounts");
    assert_eq!(bench.tenant("south").users().len(), 40);
    assert_eq!(refused(bench), 0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_gives_up_takes_nobody_with_it_and_comes_back() {
    let (bench, faults) = (busy(), Faults::new("west", false, 1));
    let story = async {
        bench.wait(20).await;
        assert_eq!(bench.tenant("south").users().len(), 40, "the others go on");
        assert!(bench.tenant("west").users().len() < 40);
        assert!(rests(&bench, "west").unwrap().contains("internal error"));
        assert_eq!(rests(&bench, "south"), None);
        bench.wait(200).await;
        assert_eq!(rests(&bench, "west"), None);
    };
    let ((), served) = bench.serve_through(|door| Fragile(door, faults.clone()), story).await;
    assert!(served.broken_off.is_empty(), "{:?}", served.broken_off);
    assert_eq!(told(&served), ["left alone", "back"]);
    assert!(served.runs[0].crashed && !served.runs[0].complete(), "the run says so");
    assert!(
        served.runs[0].unwritten[&TenantName::from("west")].contains("report it"),
        "{:?}",
        served.runs[0].unwritten
    );
    assert!(!served.runs.last().unwrap().crashed);
    is_settled(&bench).await;
}

/// Answers that come at the same moment are recorded with one commit.
#[tokio::test(start_paused = true)]
async fn answers_that_come_with_one_over_which_it_gives_up_are_looked_up() {
    let (bench, mut faults) = (busy(), Faults::new("west", false, 0));
    (faults.late_seconds, faults.answer) = (1, Rc::new(Cell::new(Some(10))));
    let recorded = |bench: &Bench| -> Vec<String> {
        bench.log().into_iter().filter(|e| e.route.ends_with("west")).map(|e| e.outcome).collect()
    };
    let story = async {
        while faults.answer.get().is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let asked = bench.store(Mode::Look).open_asks(&"west".into()).unwrap().len();
        assert!(asked > 10 && recorded(&bench).is_empty(), "{asked} {:?}", recorded(&bench));
        bench.wait(200).await;
    };
    let ((), served) = bench.serve_through(|door| Fragile(door, faults.clone()), story).await;
    assert!(served.broken_off.is_empty(), "{:?}", served.broken_off);
    assert!(served.runs[0].crashed);
    assert!(recorded(&bench).iter().all(|outcome| outcome == "applied"), "{:?}", recorded(&bench));
    is_settled(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_again_and_again_is_left_out_of_its_run_and_comes_back_with_the_next() {
    let (bench, faults) = (busy(), Faults::new("west", false, 5));
    // A long run, so that the tenant is tried again within it.
    bench.configure("[tenants.south.limits]\nwrites = 10\nwindow_seconds = 60\n");
    let story = bench.wait(7_200);
    let ((), served) = bench.serve_through(|door| Fragile(door, faults.clone()), story).await;
    assert_eq!(faults.left.get(), 0);
    assert!(served.broken_off.is_empty(), "{:?}", served.broken_off);
    let crashed = served.runs.iter().filter(|run| run.crashed);
    assert!(crashed.clone().count() >= 1 && crashed.clone().all(|run| !run.complete()), "the runs say so");
    assert!(
        crashed
            .flat_map(|run| &run.unwritten)
            .all(|(tenant, why)| tenant.as_str() == "west" && why.contains("internal error"))
    );
    assert_eq!(told(&served), ["left alone", "back"]);
    is_settled(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_gives_up_leaves_that_tenant_unread_and_the_others_go_on() {
    let (bench, faults) = (busy(), Faults::new("west", true, 1));
    let story = async {
        bench.wait(20).await;
        assert_eq!(bench.tenant("south").users().len(), 40, "the others go on");
        assert_eq!(bench.tenant("west").users().len(), 0);
        bench.wait(100).await;
    };
    let ((), served) = bench.serve_through(|door| Fragile(door, faults.clone()), story).await;
    assert!(served.broken_off.is_empty(), "{:?}", served.broken_off);
    assert!(served.runs[0].crashed && served.runs[0].drafted.readings.unread.contains_key(&"west".into()));
    assert!(!served.runs.last().unwrap().crashed);
    is_settled(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_gives_up_ends_its_run_and_never_the_process() {
    let bench = busy();
    bench.sync().await;
    let late = bench.staff("north", "late");
    let config = bench.config();
    let directories = bench.directories(&config, 7);
    let store = bench.store(Mode::Write);
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let cycle = Cycle {
        config: &config,
        store: &store,
        clock: &bench.clock,
        directories: &directories,
        focus: Focus::default(),
        ahead_after: crosstie::engine::AHEAD_AFTER,
        request_ids: &|| "id".to_owned(),
        watch: &|event| assert!(!matches!(event, Event::Applying { .. }), "as the test wants it"),
        stop,
    };
    let run = store.begin_run(Trigger::Schedule, bench.clock.at()).unwrap();
    let error = cycle.keep(run).await.unwrap_err().to_string();
    assert!(error.contains("internal error") && error.contains("report it"), "{error}");
    drop(cycle);
    drop(store);
    assert!(bench.guests("south", &late).is_empty());
    bench.settled_sync().await;
    bench.guest("south", "late@north.example");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_tells_of_an_account_before_the_invitation_is_answered_takes_it_from_nobody() {
    let bench = busy();
    let late = Faults { late_seconds: 65, ..Faults::new("nobody", false, 0) };
    let (_, served) = bench.serve_through(|door| Fragile(door, late.clone()), bench.wait(1_500)).await;
    assert!(served.broken_off.is_empty() && served.notices.is_empty(), "{served:?}");
    assert!(bench.log().iter().all(|entry| entry.outcome == "applied"), "{:?}", bench.log());
    is_settled(&bench).await;
}
