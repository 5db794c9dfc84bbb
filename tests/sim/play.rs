//! How is one history played? Operations one after the other on the real parts, the laws after each, and at the end, when
//! all faults have stopped, whether everything has come to where it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use crosstie::engine::{EngineError, Focus, Report};
use crosstie::model::Timestamp;
use crosstie::sim::Entry;
use futures_util::FutureExt;
use serde_json::Value;

use crate::bench::{Bench, Make, TestClock};
use crate::between::{Between, Watch};
use crate::fault::{Class, Counts};
use crate::laws;
use crate::operation::{History, Op};
use crate::reference::{self, Home, Target};
use crate::remembered::{self, Remembered};
use crate::shape::{Leavers, Shape};

pub(crate) const TENANTS: [&str; 3] = ["north", "south", "west"];
pub(crate) const SECRET: &str = "s3cret-canary-of-the-app";
/// Writes and seconds of a window that a small world fills.
pub(crate) const TIGHT: (u16, u16) = (12, 30);
/// Of so many histories all but one invite ahead of the end of first readings, which worlds so small are too small for.
const NEVER_AHEAD: u64 = 4;
/// No cycle of so small a world takes longer: every wait has an end.
const CYCLE_HOURS_MAX: u64 = 24;
/// Cycles that may pass after the last fault until nothing is left to do.
const CYCLES_TO_CONVERGE_MAX: u32 = 12;
/// So long after replicas lagged for the last time may old news still come.
const MURKY_MILLIS: u64 = 3_600_000;

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// `I1` … `I22`.
    pub(crate) law: String,
    /// After which operation, from 1; 0 where it showed at the end.
    pub(crate) step: usize,
    pub(crate) what: String,
}

/// How a history went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) broken: Option<Broken>,
    pub(crate) struck: Counts,
    pub(crate) steps: u64,
    pub(crate) cycles: u64,
    pub(crate) virtual_millis: u64,
    pub(crate) writes: u64,
    pub(crate) kills: u64,
    pub(crate) requests: u64,
    /// Most writes of one app in one tenant in any 150 s.
    pub(crate) fullest: u64,
    /// Ledger, log and report as text: two plays of one history give the same.
    pub(crate) transcript: String,
}

/// A world fault that still waits.
pub(crate) struct Waiting {
    pub(crate) class: Class,
    pub(crate) left: u32,
}

/// A person at home, by tenant and number.
pub(crate) type Who = (u8, u8);

pub(crate) struct Play<'h> {
    pub(crate) history: &'h History,
    pub(crate) bench: Bench,
    pub(crate) between: Between,
    /// The id that each person has now.
    pub(crate) people: BTreeMap<Who, String>,
    /// What was true of each home user, since when.
    pub(crate) past: BTreeMap<String, Vec<(Timestamp, Home)>>,
    pub(crate) shapes: Vec<(Timestamp, Shape)>,
    pub(crate) shape: Shape,
    pub(crate) out: Outcome,
    pub(crate) waiting: BTreeMap<(usize, u64), Waiting>,
    /// Settings that make faults as long as they stand: tenant and class.
    pub(crate) lasting: BTreeMap<(usize, Class), ()>,
    /// Until when a tenant may show old news.
    pub(crate) murky_until: BTreeMap<usize, Timestamp>,
    pub(crate) memory: laws::Memory,
    pub(crate) backup: Option<Vec<u8>>,
    /// By how many seconds the process's clock is off.
    pub(crate) clock_off: i64,
    pub(crate) broken: Option<Broken>,
    pub(crate) step: usize,
    pub(crate) told: String,
}

/// What the laws see of one step of the engine.
pub(crate) struct Step {
    /// Users of each tenant before it.
    pub(crate) before: Vec<Target>,
    pub(crate) after: Vec<Target>,
    pub(crate) written: Vec<Entry>,
    pub(crate) was: Remembered,
    pub(crate) is: Remembered,
    /// Planned right before, where that was asked.
    pub(crate) planned: Option<BTreeSet<(String, String)>>,
    /// A person has let the plan through.
    pub(crate) approved: bool,
    /// No fault of any kind stood.
    pub(crate) calm: bool,
    /// One process with one run.
    pub(crate) single: bool,
}

/// Plays a history on a runtime of its own.
pub(crate) fn play(history: &History) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let step = std::rc::Rc::new(std::cell::Cell::new(0));
    // The world begins inside: outside, its first instant would be the machine's.
    let whole = async { Play::new(history).whole(step.clone()).await };
    let played = runtime.block_on(AssertUnwindSafe(whole).catch_unwind());
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned())).unwrap_or_default();
        let law = if text.contains("left a trace") { "I14" } else { "panic" };
        let broken = Broken { law: law.to_owned(), step: step.get(), what: text };
        Outcome { broken: Some(broken), ..Outcome::default() }
    })
}

fn root(n: u32) -> String {
    format!("http://localhost:{}", 8400 + n)
}

fn topology(tenants: &[&str], history: &History) -> String {
    let mut schedule = "[schedule]\ncron = \"*/5 * * * *\"\n".to_owned();
    let (writes, seconds) = TIGHT;
    for tenant in tenants.iter().filter(|_| history.tight) {
        schedule += &format!("[tenants.{tenant}.limits]\nwrites = {writes}\nwindow_seconds = {seconds}\n");
    }
    let quoted = |names: &[&str]| names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    if history.hub {
        let spokes = quoted(&tenants[1..]);
        return format!(
            "{schedule}[topology]\nkind = \"hub\"\nhub = \"{}\"\nspokes = [{spokes}]\nrules = \"staff\"\n",
            tenants[0]
        );
    }
    format!("{schedule}[topology]\nkind = \"mesh\"\ntenants = [{}]\nrules = \"staff\"\n", quoted(tenants))
}

impl<'h> Play<'h> {
    fn new(history: &'h History) -> Self {
        let tenants = &TENANTS[..usize::from(history.tenants.clamp(2, 3))];
        let shape = Shape::of(history.rules);
        let shared = std::path::Path::new("/dev/shm");
        let make = Make {
            seed: history.seed,
            secret: SECRET,
            beside: shared.is_dir().then_some(shared),
            app: if history.one_app { |_| 1 } else { |n| n },
            root,
        };
        let bench = Bench::made(tenants, &topology(tenants, history), &[("staff", &shape.text())], &make);
        if !history.seed.is_multiple_of(NEVER_AHEAD) {
            bench.ahead_after.set(1);
        }
        if history.operations.iter().any(|op| matches!(op, Op::Clock { seconds } if *seconds > 0)) {
            // To a clock that is ahead every readable token is over, and it is refused until the clock is set right: there
            // would be nothing to see of what a clock does to windows, pauses and schedules.
            tenants.iter().for_each(|t| bench.settings(t, |s| s.tokens = crosstie::sim::TokenShape::Opaque));
        }
        let numbers: Vec<usize> = (0..tenants.len()).collect();
        let homes_of = |target: &usize| {
            let into = |home: &&usize| *home != target && (!history.hub || *target == 0);
            numbers.iter().filter(into).copied().collect()
        };
        let watch = Watch {
            hosts: (1..).zip(tenants).map(|(n, _)| root(n).replace("http://", "")).collect(),
            homes_of: numbers.iter().map(homes_of).collect(),
            canaries: tenants.iter().map(|t| format!("canary-of-{t}")).collect(),
            domains: tenants.iter().map(|t| format!("{t}.example")).collect(),
            secret: SECRET.to_owned(),
            ..Watch::default()
        };
        let between = Between(std::rc::Rc::new(std::cell::RefCell::new(watch)));
        *bench.transport.meddler.borrow_mut() = Some(Box::new(between.clone()));
        let now = bench.clock.true_now();
        let mut made = Self {
            history,
            bench,
            between,
            people: BTreeMap::new(),
            past: BTreeMap::new(),
            shapes: vec![(now, shape)],
            shape,
            out: Outcome::default(),
            waiting: BTreeMap::new(),
            lasting: BTreeMap::new(),
            murky_until: BTreeMap::new(),
            memory: laws::Memory::default(),
            backup: None,
            clock_off: 0,
            broken: None,
            step: 0,
            told: String::new(),
        };
        made.calm();
        made
    }

    pub(crate) fn tenants(&self) -> &'static [&'static str] {
        &TENANTS[..usize::from(self.history.tenants.clamp(2, 3))]
    }
    /// Home and target by number.
    pub(crate) fn routes(&self) -> Vec<(usize, usize)> {
        let n = self.tenants().len();
        let pairs = (0..n).flat_map(|home| (0..n).map(move |target| (home, target)));
        pairs.filter(|(home, target)| home != target && (!self.history.hub || *target == 0)).collect()
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.bench.clock.true_now()
    }
    pub(crate) fn fail(&mut self, law: &str, what: impl Into<String>) {
        let step = self.step;
        self.broken.get_or_insert(Broken { law: law.to_owned(), step, what: what.into() });
    }
    pub(crate) fn is_murky(&self, tenant: usize) -> bool {
        self.murky_until.get(&tenant).is_some_and(|until| self.now() < *until)
    }
    pub(crate) fn murky(&mut self, tenant: usize) {
        let until = self.now().plus_millis(MURKY_MILLIS);
        self.murky_until.insert(tenant, until);
    }
    fn is_calm(&self) -> bool {
        let lies = self.between.0.borrow().lies.is_empty();
        lies && self.waiting.is_empty() && self.lasting.is_empty() && self.murky_until.is_empty()
    }

    async fn whole(mut self, at: std::rc::Rc<std::cell::Cell<usize>>) -> Outcome {
        for (n, op) in self.history.operations.iter().enumerate() {
            self.step = n + 1;
            at.set(self.step);
            self.out.steps += 1;
            self.act(op).await;
            self.note_homes();
            let seen = self.between.0.borrow().broken.first().cloned();
            if let Some((law, what)) = seen {
                self.fail(law, what);
            }
            if self.broken.is_some() {
                break;
            }
        }
        at.set(0);
        if self.broken.is_none() {
            self.step = 0;
            self.finally().await;
        }
        self.ended()
    }

    fn ended(mut self) -> Outcome {
        let ledger = self.bench.world.ledger();
        self.out.writes = ledger.len() as u64;
        self.out.virtual_millis = self.now().millis_since(self.bench.clock.start());
        let watch = self.between.0.borrow();
        self.out.requests = watch.requests;
        self.out.struck.extend(&watch.struck);
        drop(watch);
        let log: Vec<String> = self.memory.log.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
        self.out.transcript = format!("{}\n{}\n{}", serde_json::to_string(&ledger).unwrap(), log.join("\n"), self.told);
        self.out.broken = self.broken.clone();
        self.out
    }

    fn home_of(&self, tenant: &str, id: &str) -> Home {
        let directory = self.bench.tenant(tenant);
        let mut home = Home::of(tenant, id, directory.user(id).as_ref());
        // A manager in deletedItems is nobody's.
        let is_there = |id: &String| directory.user(id).is_some_and(|u| u.get("deletedDateTime").is_none());
        home.manager = home.manager.filter(is_there);
        home
    }
    /// Remembers what is true of every home user from now on.
    fn note_homes(&mut self) {
        let now = self.now();
        for ((t, _), id) in &self.people {
            let tenant = self.tenants()[usize::from(*t)];
            let home = self.home_of(tenant, id);
            let past = self.past.entry(id.clone()).or_default();
            if past.last().is_none_or(|(_, was)| *was != home) {
                past.push((now, home));
            }
        }
        // Who was replaced is gone, or lies in deletedItems.
        let replaced: Vec<String> =
            self.past.keys().filter(|id| !self.people.values().any(|p| p == *id)).cloned().collect();
        for id in replaced {
            let tenant = self.past[&id].last().map(|(_, h)| h.tenant.clone()).unwrap_or_default();
            let home = self.home_of(&tenant, &id);
            if let Some(past) = self.past.get_mut(&id)
                && past.last().is_none_or(|(_, was)| *was != home)
            {
                past.push((now, home));
            }
        }
    }
    pub(crate) fn homes(&self) -> BTreeMap<String, Home> {
        self.past.iter().filter_map(|(id, past)| Some((id.clone(), past.last()?.1.clone()))).collect()
    }

    pub(crate) fn look(&self) -> Vec<Target> {
        let target = |name: &&str| {
            let directory = self.bench.tenant(name);
            let all = directory.users().into_iter().chain(directory.deleted_users());
            let users = all.map(|u| (u["id"].as_str().unwrap_or_default().to_owned(), u)).collect();
            let roles = directory.groups().into_iter().filter(|g| g.role);
            let admins = roles.flat_map(|g| g.members).map(|m| m.to_string()).collect();
            Target { users, admins }
        };
        self.tenants().iter().map(target).collect()
    }
    pub(crate) fn remember(&self) -> Remembered {
        remembered::read(&self.bench.file("crosstie.db"), &self.memory.log).unwrap()
    }

    /// One step of the engine, with the laws after it.
    pub(crate) async fn engine<T>(&mut self, work: impl AsyncFnOnce(&Bench) -> T, kind: Kind) -> T {
        let before = self.look();
        let was = self.remember();
        let since = self.bench.world.ledger().last().map_or(0, |e| e.seq);
        let calm = self.is_calm();
        let done = work(&self.bench).await;
        self.out.cycles += 1;
        for (_, class) in self.lasting.keys().copied().collect::<Vec<_>>() {
            self.out.struck.add(class, 1);
        }
        self.count_struck();
        let is = self.remember();
        let written = self.bench.world.ledger_since(None, since);
        let Kind { planned, approved, single } = kind;
        let step = Step { before, after: self.look(), written, was, is, planned, approved, calm, single };
        laws::always(self, step);
        done
    }

    /// How often the tenants' faults struck since they were asked last.
    fn count_struck(&mut self) {
        for (t, name) in self.tenants().iter().enumerate() {
            let faults: BTreeMap<u64, u32> =
                self.bench.tenant(name).faults().iter().map(|f| (f.id, f.times.unwrap_or(0))).collect();
            for ((_, id), waiting) in self.waiting.iter_mut().filter(|((of, _), _)| *of == t) {
                let left = faults.get(id).copied().unwrap_or(0);
                self.out.struck.add(waiting.class, u64::from(waiting.left - left));
                waiting.left = left;
            }
        }
        self.waiting.retain(|_, w| w.left > 0);
    }

    /// What a cycle told; an error of its own ends the history.
    pub(crate) fn note(
        &mut self,
        ended: Result<Result<Report, EngineError>, tokio::time::error::Elapsed>,
    ) -> Option<Report> {
        match ended {
            Err(_) => self.fail("I22", format!("a cycle did not end within {CYCLE_HOURS_MAX} h")),
            Ok(Err(error)) => self.fail("I22", format!("a cycle broke off: {error}")),
            Ok(Ok(report)) => {
                if report.crashed {
                    self.fail("I22", format!("a worker gave up: {report:#?}"));
                }
                self.told += &format!("{:?} {:?} {}\n", report.applied, report.unwritten, report.waiting);
                return Some(report);
            }
        }
        None
    }
    pub(crate) async fn cycle(&mut self, focus: Focus, approved: Option<&str>, kind: Kind) -> Option<Report> {
        let limit = Duration::from_secs(CYCLE_HOURS_MAX * 3_600);
        let work = async |bench: &Bench| tokio::time::timeout(limit, bench.try_sync(focus, approved)).await;
        let ended = self.engine(work, kind).await;
        self.note(ended)
    }
    /// A dry run, and the cycle that a person lets it through with, where the guard refused it.
    pub(crate) async fn approve(&mut self, report: &Report) {
        let digest = report.drafted.refused_digest.clone();
        self.cycle(Focus::default(), Some(&digest), Kind { approved: true, ..Kind::default() }).await;
    }

    /// All faults have stopped. Within some cycles everything is as it should be, and stays so.
    async fn finally(&mut self) {
        self.calm();
        let day = self.shapes.iter().any(|(_, s)| s.leavers == Leavers::Grace);
        let mut left = String::new();
        for round in 0..CYCLES_TO_CONVERGE_MAX {
            self.bench.wait(if round == 0 { MURKY_MILLIS / 1_000 + 60 } else { 1_200 }).await;
            if round == 2 && day {
                self.bench.wait(26 * 3_600 + self.clock_fell_back_by()).await;
            }
            self.murky_until.clear();
            let Some(report) = self.cycle(Focus::default(), None, Kind::default()).await else { return };
            if !report.drafted.refusals.is_empty() {
                self.approve(&report).await;
            }
            if self.broken.is_some() {
                return;
            }
            if day && round < 2 {
                continue;
            }
            left = self.left_over().await;
            if left.is_empty() {
                break;
            }
        }
        if !left.is_empty() {
            return self.fail("I4", format!("after {CYCLES_TO_CONVERGE_MAX} cycles without faults: {left}"));
        }
        self.judge_the_end();
        // First what is new, then everything anew.
        for full in [false, true] {
            if self.broken.is_some() {
                return;
            }
            let written = self.bench.world.ledger().len();
            self.cycle(Focus { full, ..Focus::default() }, None, Kind::default()).await;
            // Whoever is refused for ever is tried with every cycle that somebody starts by hand.
            let mut more = self.bench.world.ledger().split_off(written);
            more.retain(|e| e.applied);
            if !more.is_empty() {
                self.fail("I7", format!("nothing had changed, and reading (full: {full}) wrote {more:#?}"));
            }
            laws::i2_nothing_was_missed(self);
        }
        laws::finally(self);
    }

    /// By how many seconds the clock is behind what it once showed: a day that it began then is as much longer.
    fn clock_fell_back_by(&self) -> u64 {
        let shown = self.history.operations.iter().map(|op| if let Op::Clock { seconds } = op { *seconds } else { 0 });
        u64::try_from(shown.max().unwrap_or(0) - self.clock_off).unwrap_or(0)
    }

    /// Changes that a plan still has, other than those of accounts that no app may touch.
    async fn left_over(&mut self) -> String {
        let drafted = self.bench.plan().await;
        let targets = self.look();
        let admin = |c: &crosstie::model::Change| {
            let target = self.tenants().iter().position(|t| *t == c.route.target.as_str());
            let account = c.action.account().map(ToString::to_string);
            target.zip(account).is_some_and(|(t, a)| targets[t].admins.contains(&a))
        };
        // Somebody whose address is of the target's own domain is refused there for ever.
        let refused = |c: &crosstie::model::Change| match &c.action {
            crosstie::model::Action::Provision { address, .. } => {
                address.to_lowercase().ends_with(&format!("@{}.example", c.route.target))
            }
            _ => false,
        };
        let changes =
            drafted.plan.routes.iter().flat_map(|r| r.changes.all().unwrap()).filter(|c| !admin(c) && !refused(c));
        let changes: Vec<String> = changes.map(|c| format!("{c:?}")).collect();
        let skipped: Vec<String> = drafted.skipped.iter().map(|(r, why)| format!("{r}: {why}")).collect();
        [changes, skipped].concat().join("\n")
    }

    fn judge_the_end(&mut self) {
        let (mut homes, targets, ties) = (self.homes(), self.look(), self.remember().ties);
        // Whoever else is native somewhere is a home user as well.
        for (tenant, target) in self.tenants().iter().zip(&targets) {
            let natives = target.users.iter().filter(|(_, u)| u["creationType"] != "Invitation");
            for (id, _) in natives {
                homes.entry(id.clone()).or_insert_with(|| self.home_of(tenant, id));
            }
        }
        for (home, target) in self.routes() {
            let names = (self.tenants()[home], self.tenants()[target]);
            let odd = reference::differences(names, self.shape, &homes, &targets[target], &ties);
            if let Some(odd) = odd.first() {
                self.fail("I4", format!("the reference says otherwise: {odd}"));
            }
        }
    }

    /// From now on what was spent before may not be known.
    pub(crate) fn loosen(&mut self) {
        self.memory.loosened_after = Some(self.bench.world.ledger().last().map_or(0, |e| e.seq));
    }
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        // What was spent is older by a clock that was set forward: nobody can know better.
        if seconds > self.clock_off {
            self.loosen();
        }
        self.clock_off = seconds;
        TestClock::set_off(seconds * 1_000);
    }
    pub(crate) fn user(&self, tenant: usize, id: &str) -> Option<Value> {
        self.bench.tenant(self.tenants()[tenant]).user(id)
    }
}

/// Which kind of step is it?
pub(crate) struct Kind {
    pub(crate) planned: Option<BTreeSet<(String, String)>>,
    pub(crate) approved: bool,
    pub(crate) single: bool,
}

impl Default for Kind {
    fn default() -> Self {
        Self { planned: None, approved: false, single: true }
    }
}

impl Op {
    /// Does the engine run in it?
    pub(crate) fn is_engine(&self) -> bool {
        matches!(
            self,
            Op::Cycle {}
                | Op::Full {}
                | Op::Planned {}
                | Op::Approve {}
                | Op::Crash { .. }
                | Op::Stop { .. }
                | Op::Serve { .. }
                | Op::ServeKilled { .. }
        )
    }
}
