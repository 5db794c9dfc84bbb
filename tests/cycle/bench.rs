//! Which parts does a cycle run on in these tests? All real ones: the client, the store's file, the simulator's router;
//! only the time is paused.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crosstie::config::{self, Config, Credential};
use crosstie::engine::{Cycle, Drafted, EngineError, Event, Explained, Focus, Notice, Report};
use crosstie::graph::{GraphClient, GraphWriter, Proof, RequestIds, RouterTransport};
use crosstie::model::{Attribute, TenantName, Timestamp, Trigger};
use crosstie::ports::{Clock, DirectoryWrite};
use crosstie::sim::{App, Directory, Entry, Settings, TenantSpec, World, router};
use crosstie::store::{Filter, LogEntry, Mode, Store, TenantSetup, Verified};
use serde_json::{Value, json};

/// 2026-11-23T00:00:00Z.
const START: Timestamp = Timestamp(1_795_392_000_000);

#[derive(Clone, Copy, Debug)]
pub(crate) struct TestClock {
    start: tokio::time::Instant,
}

impl TestClock {
    pub(crate) fn start(&self) -> Timestamp {
        START
    }
    pub(crate) fn at(&self) -> Timestamp {
        self.now()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        START.plus_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap())
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
    dead: std::rc::Rc<tokio::sync::Notify>,
    /// Addresses of all requests that left.
    asked: std::rc::Rc<RefCell<Vec<String>>>,
}

impl Wire {
    async fn maybe_die(&self) {
        match self.left.get() {
            Some(1) => {
                self.left.set(Some(0));
                self.dead.notify_one();
                std::future::pending::<()>().await;
            }
            // Dead already: nothing more leaves.
            Some(0) => std::future::pending().await,
            Some(n) => self.left.set(Some(n - 1)),
            None => {}
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
        let answer = self.router.send(request, limits).await;
        self.maybe_die().await;
        answer
    }
}

pub(crate) struct Bench {
    pub(crate) world: Arc<World>,
    pub(crate) clock: TestClock,
    folder: tempfile::TempDir,
    transport: Wire,
    /// Makes each process draw other request ids.
    processes: RefCell<u64>,
}

/// What a process told that kept a schedule.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) runs: Vec<Report>,
    pub(crate) notices: Vec<Notice>,
    /// Why runs ended before their end.
    pub(crate) broken_off: Vec<String>,
}

pub(crate) type Writer = GraphWriter<Wire, TestClock>;

impl Bench {
    /// A mesh of these tenants under one rule set.
    pub(crate) fn mesh(tenants: &[&str], rules: &str) -> Self {
        let names: Vec<String> = tenants.iter().map(|t| format!("{t:?}")).collect();
        let topology = format!("[topology]\nkind = \"mesh\"\ntenants = [{}]\nrules = \"staff\"\n", names.join(", "));
        Self::new(tenants, &topology, &[("staff", rules)])
    }

    pub(crate) fn new(tenants: &[&str], topology: &str, rules: &[(&str, &str)]) -> Self {
        Self::with_apps(tenants, topology, rules, |n| n)
    }

    /// All tenants are reached by one app.
    pub(crate) fn of_one_app(tenants: &[&str], topology: &str, rules: &[(&str, &str)]) -> Self {
        Self::with_apps(tenants, topology, rules, |_| 1)
    }

    fn with_apps(tenants: &[&str], topology: &str, rules: &[(&str, &str)], app: impl Fn(u32) -> u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sync-rules")).unwrap();
        let start = tokio::time::Instant::now();
        let clock = TestClock { start };
        let world = Arc::new(World::new(Arc::new(move || clock.now()), 7));
        let mut text = String::from("[store]\npath = \"crosstie.db\"\n");
        for (n, tenant) in (1u32..).zip(tenants) {
            let id = format!("6f1c0d3e-0000-4000-8000-{n:012}");
            let client = format!("0b9b0d64-0000-4000-8000-{:012}", app(n));
            std::fs::write(folder.path().join(format!("{tenant}.secret")), "s3cret").unwrap();
            text += &format!(
                "[tenants.{tenant}]\nid = \"{id}\"\nclient_id = \"{client}\"\nclient_secret = {{ file = \
                 \"{tenant}.secret\" }}\nauthority = \"http://localhost\"\ngraph = \"http://localhost\"\n"
            );
            world.add_tenant(tenant, spec(tenant, id, client));
        }
        let bench = Self {
            transport: Wire {
                router: RouterTransport::new(router(Arc::clone(&world))),
                left: std::rc::Rc::default(),
                dead: std::rc::Rc::default(),
                asked: std::rc::Rc::default(),
            },
            world,
            clock,
            folder,
            processes: RefCell::new(0),
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
        let config = self.config();
        let store = Store::open(&config.store, mode).unwrap();
        let setup = |t: &config::Tenant| {
            let mut keyed = config.key_attributes(&t.name);
            keyed.insert(Attribute::from(Attribute::MAIL));
            TenantSetup { name: t.name.clone(), directory: t.id.clone(), keyed }
        };
        let setups: Vec<_> = config.tenants.values().map(setup).collect();
        let routes: Vec<_> = config.routes.iter().map(|r| r.name.clone()).collect();
        match mode {
            Mode::Look => store.get_to_know(&setups, &routes).unwrap(),
            Mode::Write | Mode::Copy => store.set_up(&setups, &routes).unwrap(),
        }
        store
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
        let process = self.processes.replace_with(|n| *n + 1);
        let config = self.config();
        let directories = self.directories(&config, process);
        let store = self.store(Mode::Write);
        let ids = RequestIds::seeded(1_000 + process);
        let run = store.begin_run(Trigger::Manual, self.clock.now()).unwrap();
        let cycle = Cycle {
            config: &config,
            store: &store,
            clock: &self.clock,
            directories: &directories,
            focus,
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
    pub(crate) async fn sync(&self) -> Report {
        self.try_sync(Focus::default(), None).await.unwrap()
    }
    /// A process that is asked to stop after so many milliseconds.
    pub(crate) async fn stopped_sync(&self, after_millis: u64) -> Report {
        let (asking, stop) = tokio::sync::watch::channel(false);
        let ask = async {
            tokio::time::sleep(Duration::from_millis(after_millis)).await;
            asking.send(true).unwrap();
        };
        futures_util::future::join(self.sync_until(Focus::default(), None, stop), ask).await.0.unwrap()
    }
    /// A process that is killed after so many half-exchanges; `None` where it got to its end before.
    pub(crate) async fn killed_sync(&self, half_exchanges: u32) -> Option<Report> {
        self.transport.left.set(Some(half_exchanges));
        let (process, dead) = (std::pin::pin!(self.sync()), std::pin::pin!(self.transport.dead.notified()));
        let ended = futures_util::future::select(process, dead).await;
        self.transport.left.set(None);
        match ended {
            futures_util::future::Either::Left((report, _)) => Some(report),
            futures_util::future::Either::Right(_) => None,
        }
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
        self.looking(focus, async |cycle| cycle.dry_run().await).await.unwrap()
    }
    /// What is told of one person.
    pub(crate) async fn explain(&self, user: &str) -> Explained {
        self.looking(Focus::default(), async |cycle| cycle.explain_user(user).await).await.unwrap()
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
        let changes: Vec<_> = drafted.plan.routes.iter().flat_map(|r| &r.changes).collect();
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
        let store = self.store(Mode::Look);
        assert!(matches!(store.verify_log().unwrap(), Verified::Whole { .. }));
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

fn spec(name: &str, id: String, client_id: String) -> TenantSpec {
    let roles = ["User.ReadWrite.All", "User.Invite.All", "GroupMember.Read.All", "Directory.Read.All"];
    let app =
        App { client_id, secret: "s3cret".to_owned(), roles: roles.map(str::to_owned).to_vec(), ..App::default() };
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
    async fn directory_roles(
        &self,
        user: &crosstie::model::ObjectId,
    ) -> Result<Vec<String>, crosstie::ports::DirectoryError> {
        self.0.directory_roles(user).await
    }
}
