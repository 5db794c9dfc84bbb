//! Which parts does a cycle run on in these tests? All real ones: the client, the store's file, the simulator's router;
//! only the time is paused.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use crosstie::config::{self, Config, Credential};
use crosstie::engine::{AHEAD_AFTER, Cycle, Drafted, EngineError, Event, Explained, Focus, Notice, Report};
use crosstie::graph::{GraphClient, GraphWriter, Proof, RequestIds, RouterTransport};
use crosstie::model::{TenantName, Timestamp, Trigger};
use crosstie::ports::{Clock, DirectoryWrite};
use crosstie::sim::{App, Directory, Entry, Settings, TenantSpec, World, router};
use crosstie::store::{Filter, LogEntry, Mode, Store, StoreError, TenantSetup, Verified};
use serde_json::{Value, json};

/// 2026-11-23T00:00:00Z.
const START: Timestamp = Timestamp(1_795_392_000_000);

#[derive(Clone, Copy, Debug)]
pub(crate) struct TestClock {
    start: tokio::time::Instant,
}

thread_local! {
    /// By how many milliseconds the process's clock is off the tenants'.
    static OFF: Cell<i64> = const { Cell::new(0) };
}

impl TestClock {
    pub(crate) fn start(&self) -> Timestamp {
        START
    }
    /// The tenants' time.
    pub(crate) fn true_now(&self) -> Timestamp {
        START.plus_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap())
    }
    /// From now on the process's clock is so much off the tenants'.
    #[allow(dead_code, reason = "only histories set clocks")]
    pub(crate) fn set_off(millis: i64) {
        OFF.set(millis);
    }
    pub(crate) fn at(&self) -> Timestamp {
        self.now()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.true_now().0.saturating_add_signed(OFF.get()))
    }
    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(Duration::from_millis(at.millis_since(self.now()))).await;
    }
}

pub(crate) const RULES: &str = r#"
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
manager = "[manager]"
[leavers]
deleted = "delete"
out_of_scope = "delete"
disabled = "disable"
"#;

/// The simulator's router, and a knife: the process can be made to die right before or right after an exchange.
#[derive(Clone)]
pub(crate) struct Wire {
    router: RouterTransport,
    /// Half-exchanges until death: an odd count dies before sending, an even one after the answer came.
    left: std::rc::Rc<Cell<Option<u32>>>,
    pub(crate) death: Death,
    /// Addresses of all requests that left.
    asked: std::rc::Rc<RefCell<Vec<String>>>,
    pub(crate) meddler: std::rc::Rc<RefCell<Option<Box<dyn Meddler>>>>,
}

/// What one exchange came to.
pub(crate) type Answered = Result<http::Response<bytes::Bytes>, crosstie::graph::TransportError>;

/// Somebody between us and the tenants.
pub(crate) trait Meddler {
    /// An answer in place of the tenant's: the request does not arrive.
    fn instead(&mut self, request: &http::Request<bytes::Bytes>) -> Option<Answered>;
    /// What becomes of the tenant's answer.
    fn answer(&mut self, uri: &http::Uri, answer: Answered) -> Answered;
}

/// Whether the process is dead. Whoever is part of it looks here before doing anything that others could see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Death(Arc<AtomicBool>);

impl Death {
    pub(crate) fn strike(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    pub(crate) fn is_here(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
    /// Takes it away again; answers whether it was there.
    fn ends(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
    /// Comes back once the process is dead: whatever strikes it does so while the process is polled.
    async fn comes(&self) {
        std::future::poll_fn(|_| if self.is_here() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl Wire {
    async fn maybe_die(&self) {
        match self.left.get() {
            Some(1) => {
                self.left.set(None);
                self.death.strike();
            }
            Some(n) => self.left.set(Some(n - 1)),
            None => {}
        }
        if self.death.is_here() {
            // Nothing more leaves.
            std::future::pending::<()>().await;
        }
    }
}

impl crosstie::graph::Transport for Wire {
    async fn send(
        &self,
        request: http::Request<bytes::Bytes>,
        limits: crosstie::graph::Limits,
    ) -> Result<http::Response<bytes::Bytes>, crosstie::graph::TransportError> {
        self.maybe_die().await;
        self.asked.borrow_mut().push(request.uri().to_string());
        let uri = request.uri().clone();
        let instead = self.meddler.borrow_mut().as_mut().and_then(|m| m.instead(&request));
        let mut answer = match instead {
            Some(answer) => answer,
            None => self.router.send(request, limits).await,
        };
        if let Some(meddler) = self.meddler.borrow_mut().as_mut() {
            answer = meddler.answer(&uri, answer);
        }
        self.maybe_die().await;
        answer
    }
}

pub(crate) struct Bench {
    pub(crate) world: Arc<World>,
    pub(crate) clock: TestClock,
    folder: tempfile::TempDir,
    pub(crate) transport: Wire,
    /// Makes each process draw other request ids.
    processes: RefCell<u64>,
    /// So many people has a first reading told of before anybody is invited ahead of its end.
    pub(crate) ahead_after: Cell<u64>,
}

/// What a process told that kept a schedule.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) runs: Vec<Report>,
    pub(crate) notices: Vec<Notice>,
    /// Why runs ended before their end.
    pub(crate) broken_off: Vec<String>,
}

/// How a bench is made, where it is not as usual.
pub(crate) struct Make<'a> {
    pub(crate) seed: u64,
    pub(crate) secret: &'a str,
    /// Where its folder lies; the system's choice where none is given.
    pub(crate) beside: Option<&'a std::path::Path>,
    /// The number of the app that reaches the tenant of this number.
    pub(crate) app: fn(u32) -> u32,
    /// Scheme and host of the tenant of this number.
    pub(crate) root: fn(u32) -> String,
}

impl Default for Make<'_> {
    fn default() -> Self {
        Self { seed: 7, secret: "s3cret", beside: None, app: |n| n, root: |_| "http://localhost".to_owned() }
    }
}

pub(crate) type Writer = GraphWriter<Wire, TestClock>;

impl Bench {
    /// A mesh of these tenants under one rule set.
    pub(crate) fn mesh(tenants: &[&str], rules: &str) -> Self {
        Self::new(tenants, &mesh_of(tenants), &[("staff", rules)])
    }

    /// The same where the store's file lies in memory, if the system has such a folder: processes die here and machines do
    /// not, so that it makes no difference but time.
    pub(crate) fn mesh_in_memory(tenants: &[&str], rules: &str) -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let make = Make { beside: memory.is_dir().then_some(memory), ..Make::default() };
        Self::made(tenants, &mesh_of(tenants), &[("staff", rules)], &make)
    }

    pub(crate) fn new(tenants: &[&str], topology: &str, rules: &[(&str, &str)]) -> Self {
        Self::made(tenants, topology, rules, &Make::default())
    }

    /// All tenants are reached by one app.
    pub(crate) fn of_one_app(tenants: &[&str], topology: &str, rules: &[(&str, &str)]) -> Self {
        Self::made(tenants, topology, rules, &Make { app: |_| 1, ..Make::default() })
    }

    pub(crate) fn made(tenants: &[&str], topology: &str, rules: &[(&str, &str)], make: &Make<'_>) -> Self {
        OFF.set(0);
        let folder = make.beside.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
        std::fs::create_dir(folder.path().join("sync-rules")).unwrap();
        let start = tokio::time::Instant::now();
        let clock = TestClock { start };
        let world = Arc::new(World::new(Arc::new(move || clock.true_now()), make.seed));
        let mut text = String::from("[store]\npath = \"crosstie.db\"\n");
        for (n, tenant) in (1u32..).zip(tenants) {
            let id = format!("6f1c0d3e-0000-4000-8000-{n:012}");
            let client = format!("0b9b0d64-0000-4000-8000-{:012}", (make.app)(n));
            let root = (make.root)(n);
            std::fs::write(folder.path().join(format!("{tenant}.secret")), make.secret).unwrap();
            text += &format!(
                "[tenants.{tenant}]\nid = \"{id}\"\nclient_id = \"{client}\"\nclient_secret = {{ file = \
                 \"{tenant}.secret\" }}\nauthority = \"{root}\"\ngraph = \"{root}\"\n"
            );
            world.add_tenant(tenant, spec(tenant, id, client, make.secret));
        }
        let bench = Self {
            transport: Wire {
                router: RouterTransport::new(router(Arc::clone(&world))),
                left: std::rc::Rc::default(),
                death: Death::default(),
                asked: std::rc::Rc::default(),
                meddler: std::rc::Rc::default(),
            },
            world,
            clock,
            folder,
            processes: RefCell::new(0),
            ahead_after: Cell::new(AHEAD_AFTER),
        };
        std::fs::write(bench.file("crosstie.toml"), text + topology).unwrap();
        for (name, rules) in rules {
            bench.write_rules(name, rules);
        }
        bench
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn write_rules(&self, name: &str, rules: &str) {
        std::fs::write(self.file(&format!("sync-rules/{name}.toml")), rules).unwrap();
    }
    pub(crate) fn config(&self) -> Config {
        config::load(&self.file("crosstie.toml")).unwrap_or_else(|r| panic!("{}", r.render(false))).config
    }
    pub(crate) fn store(&self, mode: Mode) -> Store {
        self.try_store(mode, |_| {}).unwrap()
    }
    /// `prepare` gets the store before anything is written to it.
    fn try_store(&self, mode: Mode, prepare: impl FnOnce(&mut Store)) -> Result<Store, StoreError> {
        let config = self.config();
        let mut store = Store::open(&config.store, mode)?;
        prepare(&mut store);
        let setup = |t: &config::Tenant| {
            let keyed = config.key_attributes(&t.name);
            TenantSetup { name: t.name.clone(), directory: t.id.clone(), keyed }
        };
        let setups: Vec<_> = config.tenants.values().map(setup).collect();
        let routes: Vec<_> = config.routes.iter().map(|r| r.name.clone()).collect();
        match mode {
            Mode::Look => store.get_to_know(&setups, &routes)?,
            Mode::Write | Mode::Copy => store.set_up(&setups, &routes)?,
        }
        Ok(store)
    }
    pub(crate) fn directories(&self, config: &Config, seed: u64) -> BTreeMap<TenantName, Writer> {
        let connect = |t: &config::Tenant| {
            let proof = match &t.credential {
                Credential::Secret(source) => Proof::Secret(source.read().unwrap()),
                Credential::FederatedToken(path) => Proof::AssertionFile(path.clone()),
                other => panic!("these tests bring no {other:?}"),
            };
            let ids = RequestIds::seeded(seed);
            let client = GraphClient::new(t, proof, self.transport.clone(), self.clock, ids).unwrap();
            (t.name.clone(), GraphWriter::new(client))
        };
        config.tenants.values().map(connect).collect()
    }

    /// One process: opens everything, runs one cycle, closes everything.
    pub(crate) async fn try_sync(&self, focus: Focus, approved: Option<&str>) -> Result<Report, EngineError> {
        let (_keep, stop) = tokio::sync::watch::channel(false);
        self.sync_until(focus, approved, stop).await
    }
    async fn sync_until(
        &self,
        focus: Focus,
        approved: Option<&str>,
        stop: tokio::sync::watch::Receiver<bool>,
    ) -> Result<Report, EngineError> {
        self.process(focus, approved, stop, |_| {}).await
    }
    async fn process(
        &self,
        focus: Focus,
        approved: Option<&str>,
        stop: tokio::sync::watch::Receiver<bool>,
        prepare: impl FnOnce(&mut Store),
    ) -> Result<Report, EngineError> {
        let process = self.processes.replace_with(|n| *n + 1);
        let config = self.config();
        let directories = self.directories(&config, process);
        let store = self.try_store(Mode::Write, prepare)?;
        let ids = RequestIds::seeded(1_000 + process);
        let run = store.begin_run(Trigger::Manual, self.clock.now())?;
        let cycle = Cycle {
            config: &config,
            store: &store,
            clock: &self.clock,
            directories: &directories,
            focus,
            ahead_after: self.ahead_after.get(),
            request_ids: &|| ids.next_id(),
            watch: &|_| {},
            stop,
        };
        cycle.sync(Trigger::Manual, run, approved).await
    }
    /// A process that keeps a schedule, as `run` does, until the story is told. Answers what it told of each of its runs.
    pub(crate) async fn serve<T>(&self, story: impl Future<Output = T>) -> (T, Served) {
        let (told, served) = self.serve_through(|door| door, story).await;
        assert!(served.broken_off.is_empty(), "{:?}", served.broken_off);
        (told, served)
    }
    /// The same through other doors than the tenants' own.
    pub(crate) async fn serve_through<D: DirectoryWrite, T>(
        &self,
        door: impl Fn(Writer) -> D,
        story: impl Future<Output = T>,
    ) -> (T, Served) {
        let process = self.processes.replace_with(|n| *n + 1);
        let config = self.config();
        let directories = self.directories(&config, process).into_iter().map(|(t, own)| (t, door(own))).collect();
        let store = self.store(Mode::Write);
        let ids = RequestIds::seeded(1_000 + process);
        let (asking, stop) = tokio::sync::watch::channel(false);
        let (runs, notices) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let (broken_off, mut first) = (RefCell::new(Vec::new()), true);
        let watch = |event: Event<'_>| {
            if let Event::Notice(notice) = event {
                notices.borrow_mut().push(notice.clone());
            }
        };
        let keep = async {
            while !*stop.borrow() {
                let cycle = Cycle {
                    config: &config,
                    store: &store,
                    clock: &self.clock,
                    directories: &directories,
                    focus: Focus::default(),
                    ahead_after: self.ahead_after.get(),
                    request_ids: &|| ids.next_id(),
                    watch: &watch,
                    stop: stop.clone(),
                };
                if std::mem::take(&mut first) {
                    cycle.pick_up().unwrap();
                }
                let tick = cycle.next_tick().unwrap().unwrap();
                let mut told = stop.clone();
                let stopped = std::pin::pin!(told.wait_for(|stop| *stop));
                let due = std::pin::pin!(self.clock.sleep_until(tick.at));
                if let futures_util::future::Either::Right(_) = futures_util::future::select(due, stopped).await {
                    break;
                }
                cycle.ticked(&tick.routes).unwrap();
                let cycle = Cycle { focus: Focus { due: Some(tick.routes), ..Focus::default() }, ..cycle };
                let run = store.begin_run(Trigger::Schedule, self.clock.now()).unwrap();
                let ended = cycle.keep(run).await;
                store.end_run(run, self.clock.now(), 0, "{}").unwrap();
                match ended {
                    Ok(report) => runs.borrow_mut().push(report),
                    Err(error) => broken_off.borrow_mut().push(error.to_string()),
                }
            }
        };
        let tell = async {
            let told = story.await;
            asking.send(true).unwrap();
            told
        };
        let (told, ()) = futures_util::future::join(tell, keep).await;
        let broken_off = broken_off.into_inner();
        (told, Served { runs: runs.into_inner(), notices: notices.into_inner(), broken_off })
    }
    /// The same, killed after so many seconds: what is under way then is lost.
    pub(crate) async fn serve_until_killed(&self, seconds: u64) {
        let process = std::pin::pin!(self.serve(std::future::pending::<()>()));
        let death = std::pin::pin!(self.wait(seconds));
        futures_util::future::select(process, death).await;
    }
    /// Lets so much time pass.
    pub(crate) async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    /// Adds lines to the configuration.
    pub(crate) fn configure(&self, more: &str) {
        let text = std::fs::read_to_string(self.file("crosstie.toml")).unwrap();
        std::fs::write(self.file("crosstie.toml"), text + more).unwrap();
    }
    /// Gives a tenant's table this line, in place of one with the same key.
    pub(crate) fn reconfigure(&self, tenant: &str, line: &str) {
        let text = std::fs::read_to_string(self.file("crosstie.toml")).unwrap();
        let (key, head) = (line.split(" = ").next().unwrap(), format!("[tenants.{tenant}]\n"));
        let (before, after) = text.split_once(&head).unwrap();
        let (own, rest) = after.split_once("\n[").unwrap();
        let own: Vec<&str> = own.lines().filter(|l| !l.starts_with(&format!("{key} = "))).collect();
        let text = format!("{before}{head}{line}\n{}\n[{rest}", own.join("\n"));
        std::fs::write(self.file("crosstie.toml"), text).unwrap();
    }
    pub(crate) async fn sync(&self) -> Report {
        self.try_sync(Focus::default(), None).await.unwrap()
    }
    /// A process that is asked to stop after so many milliseconds.
    pub(crate) async fn stopped_sync(&self, after_millis: u64) -> Report {
        self.try_stopped_sync(after_millis).await.unwrap()
    }
    pub(crate) async fn try_stopped_sync(&self, after_millis: u64) -> Result<Report, EngineError> {
        let (asking, stop) = tokio::sync::watch::channel(false);
        let ask = async {
            tokio::time::sleep(Duration::from_millis(after_millis)).await;
            // Nobody listens any more where the cycle ended before.
            let _ = asking.send(true);
        };
        futures_util::future::join(self.sync_until(Focus::default(), None, stop), ask).await.0
    }
    /// A process that is killed after so many half-exchanges; `None` where it got to its end before.
    pub(crate) async fn killed_sync(&self, half_exchanges: u32) -> Option<Report> {
        self.killed(half_exchanges, self.sync()).await
    }
    /// Any process, killed likewise.
    pub(crate) async fn killed<T>(&self, half_exchanges: u32, work: impl Future<Output = T>) -> Option<T> {
        self.transport.left.set(Some(half_exchanges));
        let ended = self.mortal(work).await;
        self.transport.left.set(None);
        ended
    }
    /// Work of a process that something may happen to; `None` where it died of it.
    async fn mortal<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let ended = {
            let (process, dead) = (std::pin::pin!(work), std::pin::pin!(self.transport.death.comes()));
            match futures_util::future::select(process, dead).await {
                futures_util::future::Either::Left((ended, _)) => Some(ended),
                futures_util::future::Either::Right(_) => None,
            }
        };
        // Whoever was struck and came to an end all the same only found out that nothing works any more.
        if self.transport.death.ends() { None } else { ended }
    }
    /// A process that something may happen to; `None` where it died of it. `prepare` gets the store before anything is
    /// written to it.
    pub(crate) async fn mortal_sync(&self, prepare: impl FnOnce(&mut Store)) -> Option<Result<Report, EngineError>> {
        let (_keep, stop) = tokio::sync::watch::channel(false);
        self.mortal(self.process(Focus::default(), None, stop, prepare)).await
    }
    /// Addresses of the requests that left since this was asked last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.transport.asked.borrow_mut())
    }
    /// What was selected by the full rounds that began since [`Bench::asked`] was asked last.
    pub(crate) fn begun(&self) -> Vec<String> {
        let select = |uri: String| {
            let (_, select) =
                uri.split_once("users/delta?%24select=").or_else(|| uri.split_once("users/delta?$select="))?;
            Some(select.replace("%2C", ","))
        };
        self.asked().into_iter().filter_map(select).collect()
    }
    /// A dry run.
    pub(crate) async fn plan(&self) -> Drafted {
        self.plan_of(Focus::default()).await
    }
    pub(crate) async fn plan_offline(&self) -> Drafted {
        self.plan_of(Focus { offline: true, ..Focus::default() }).await
    }
    pub(crate) async fn plan_of(&self, focus: Focus) -> Drafted {
        let drafted = self.looking(focus, async |cycle| cycle.dry_run().await).await.unwrap();
        assert_eq!(drafted.digest, crosstie::plan::digest(&drafted.plan).unwrap(), "however many cores it was made on");
        drafted
    }
    /// What is told of one person.
    pub(crate) async fn explain(&self, user: &str) -> Explained {
        self.looking(Focus::default(), async |cycle| cycle.explain_user(user).await).await.unwrap()
    }
    /// A process that reads tenants and writes the store.
    pub(crate) async fn working<T>(
        &self,
        config: &Config,
        store: &Store,
        focus: Focus,
        work: impl AsyncFnOnce(&Cycle<'_, Reader<'_>, TestClock>) -> T,
    ) -> T {
        let directories = self.directories(config, self.processes.replace_with(|n| *n + 1));
        let readers: BTreeMap<_, _> = directories.iter().map(|(name, d)| (name.clone(), Reader(d.reader()))).collect();
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let cycle = Cycle {
            config,
            store,
            clock: &self.clock,
            directories: &readers,
            focus,
            ahead_after: self.ahead_after.get(),
            request_ids: &String::new,
            watch: &|_| {},
            stop,
        };
        work(&cycle).await
    }
    /// A process that only looks; asserts that it wrote to nobody and left the store byte-identical.
    async fn looking<T>(&self, focus: Focus, work: impl AsyncFnOnce(&Cycle<'_, Reader<'_>, TestClock>) -> T) -> T {
        let before = (std::fs::read(self.file("crosstie.db")).ok(), self.world.ledger().len());
        let config = self.config();
        let directories = self.directories(&config, 999);
        let readers: BTreeMap<_, _> = directories.iter().map(|(n, d)| (n.clone(), d.reader())).collect();
        let readers: BTreeMap<TenantName, Reader<'_>> = readers.into_iter().map(|(n, r)| (n, Reader(r))).collect();
        let store = self.store(Mode::Copy);
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let cycle = Cycle {
            config: &config,
            store: &store,
            clock: &self.clock,
            directories: &readers,
            focus,
            ahead_after: self.ahead_after.get(),
            request_ids: &String::new,
            watch: &|_| {},
            stop,
        };
        let found = work(&cycle).await;
        drop(store);
        let after = (std::fs::read(self.file("crosstie.db")).ok(), self.world.ledger().len());
        assert!(before == after, "a dry run left a trace");
        found
    }
    /// A cycle that must do everything that is due, after which planning again changes nothing.
    pub(crate) async fn settled_sync(&self) -> Report {
        let report = self.sync().await;
        assert!(report.complete(), "{report:#?}");
        self.assert_settled().await;
        report
    }
    pub(crate) async fn assert_settled(&self) {
        let drafted = self.plan().await;
        assert!(drafted.skipped.is_empty(), "{:?}", drafted.skipped);
        let changes: Vec<_> = drafted.plan.routes.iter().flat_map(|r| r.changes.all().unwrap()).collect();
        assert!(changes.is_empty(), "planning again changes something: {changes:#?}");
        self.assert_log_matches_ledger();
    }
    /// Every write that a tenant saw has exactly one entry; an entry for a write that never left says `unknown`.
    pub(crate) fn assert_log_covers_ledger(&self) {
        let entries = self.log();
        let ledger = self.world.ledger();
        for write in &ledger {
            let id = write.client_request_id.as_deref().unwrap_or("");
            let own: Vec<_> = entries.iter().filter(|e| e.request_id == id).collect();
            assert_eq!(own.len(), 1, "entries of {write:?}");
            assert!(own[0].outcome == "unknown" || (own[0].outcome == "applied") == write.applied, "{own:?} {write:?}");
        }
        let seen = |id: &str| ledger.iter().any(|w| w.client_request_id.as_deref() == Some(id));
        for entry in entries.iter().filter(|e| !e.request_id.is_empty() && !seen(&e.request_id)) {
            assert_eq!(entry.outcome, "unknown", "{entry:?}");
        }
    }
    /// Every write that a tenant saw has exactly one entry, and every entry of a request was a write that left.
    pub(crate) fn assert_log_matches_ledger(&self) {
        self.assert_log_is_whole();
        let entries = self.log();
        let mut logged: Vec<(&str, bool)> = entries
            .iter()
            .filter(|e| !e.request_id.is_empty())
            .map(|e| (e.request_id.as_str(), e.outcome == "applied"))
            .collect();
        let ledger = self.world.ledger();
        let mut seen: Vec<(&str, bool)> =
            ledger.iter().map(|e| (e.client_request_id.as_deref().unwrap_or(""), e.applied)).collect();
        logged.sort_unstable();
        seen.sort_unstable();
        assert_eq!(logged, seen, "change log and ledger differ");
    }
    /// Its hashes chain.
    pub(crate) fn assert_log_is_whole(&self) {
        let verified = self.store(Mode::Look).verify_log().unwrap();
        assert!(matches!(verified, Verified::Whole { .. }), "{verified:?}");
    }
    pub(crate) fn log(&self) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        self.store(Mode::Look)
            .log(&Filter::default(), |e| {
                entries.push(e);
                true
            })
            .unwrap();
        entries
    }
    pub(crate) fn tenant(&self, name: &str) -> Directory<'_> {
        self.world.tenant(name)
    }
    pub(crate) fn staff(&self, tenant: &str, name: &str) -> String {
        self.person(tenant, name, "Staff", &json!({}))
    }
    /// A native user `name@tenant.example`; `more` overrides.
    pub(crate) fn person(&self, tenant: &str, name: &str, kind: &str, more: &Value) -> String {
        let mail = format!("{name}@{tenant}.example");
        let mut user = json!({
            "displayName": name, "mail": mail, "userPrincipalName": mail, "employeeType": kind, "userType": "Member",
            "accountEnabled": true, "jobTitle": "Lecturer", "department": "Dance",
        });
        let more = more.as_object().unwrap();
        user.as_object_mut().unwrap().extend(more.clone());
        self.tenant(tenant).add_user(&user).unwrap()
    }
    /// External accounts of the tenant that hold the address.
    pub(crate) fn guests(&self, tenant: &str, address: &str) -> Vec<Value> {
        let holds = |u: &Value| u["mail"].as_str().is_some_and(|m| m.eq_ignore_ascii_case(address));
        self.tenant(tenant).users().into_iter().filter(|u| holds(u) && u["creationType"] == "Invitation").collect()
    }
    /// The one account of this address.
    pub(crate) fn guest(&self, tenant: &str, address: &str) -> Value {
        let mut guests = self.guests(tenant, address);
        assert_eq!(guests.len(), 1, "accounts of {address} in {tenant}: {guests:#?}");
        guests.remove(0)
    }
    pub(crate) fn writes(&self) -> Vec<Entry> {
        self.world.ledger()
    }
    pub(crate) fn settings(&self, tenant: &str, change: impl FnOnce(&mut Settings)) {
        self.tenant(tenant).settings(change).unwrap();
    }
}

fn mesh_of(tenants: &[&str]) -> String {
    let names: Vec<String> = tenants.iter().map(|t| format!("{t:?}")).collect();
    format!("[topology]\nkind = \"mesh\"\ntenants = [{}]\nrules = \"staff\"\n", names.join(", "))
}

fn spec(name: &str, id: String, client_id: String, secret: &str) -> TenantSpec {
    let roles = ["User.ReadWrite.All", "User.Invite.All", "GroupMember.Read.All", "Directory.Read.All"];
    let app = App { client_id, secret: secret.to_owned(), roles: roles.map(str::to_owned).to_vec(), ..App::default() };
    TenantSpec {
        id,
        display_name: name.to_owned(),
        initial_domain: format!("{name}.onmicrosoft.com"),
        domains: vec![format!("{name}.example")],
        extensions: Vec::new(),
        contacts: std::collections::BTreeSet::new(),
        change: 0,
        apps: vec![app],
        settings: Settings { page_size: 3, ..Settings::default() },
    }
}

/// The reading door alone: a dry run cannot hold more.
pub(crate) struct Reader<'a>(&'a GraphClient<Wire, TestClock>);

impl crosstie::ports::DirectoryRead for Reader<'_> {
    fn tenant(&self) -> &TenantName {
        self.0.tenant()
    }
    async fn delta_page(
        &self,
        selection: &crosstie::model::Selection,
        from: &crosstie::model::Cursor,
    ) -> Result<crosstie::model::DeltaPage, crosstie::ports::DirectoryError> {
        self.0.delta_page(selection, from).await
    }
    async fn look(
        &self,
        selection: &crosstie::model::Selection,
        objects: &[crosstie::model::ObjectId],
    ) -> Vec<Result<crosstie::ports::Look, crosstie::ports::DirectoryError>> {
        self.0.look(selection, objects).await
    }
    async fn find_by_address(
        &self,
        selection: &crosstie::model::Selection,
        address: &str,
    ) -> Result<Vec<(crosstie::model::ObjectId, crosstie::model::Edits)>, crosstie::ports::DirectoryError> {
        self.0.find_by_address(selection, address).await
    }
    async fn group_members(
        &self,
        group: &str,
    ) -> Result<Vec<crosstie::model::ObjectId>, crosstie::ports::DirectoryError> {
        self.0.group_members(group).await
    }
    async fn groups_of(
        &self,
        whose: crosstie::ports::MemberOf<'_>,
    ) -> Result<Vec<crosstie::model::NamedGroup>, crosstie::ports::DirectoryError> {
        self.0.groups_of(whose).await
    }
    async fn privileges(
        &self,
        user: &crosstie::model::ObjectId,
    ) -> Result<crosstie::ports::Privileges, crosstie::ports::DirectoryError> {
        self.0.privileges(user).await
    }
    async fn verified_domains(&self) -> Result<std::collections::BTreeSet<String>, crosstie::ports::DirectoryError> {
        self.0.verified_domains().await
    }
}
