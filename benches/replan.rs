//! How fast are 40 mappings planned anew over 100,000 people, from the replica alone?
//!
//! `cargo bench --bench replan`. A real store in a real file, the real planner, and tenants that must not be asked: any
//! request would end the run. `CROSSTIE_BENCH_PEOPLE` makes it another number of people.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crosstie::config::{self, Config};
use crosstie::engine::{Cycle, Drafted, Focus};
use crosstie::model::{
    Attribute, Attributes, Cursor, DeltaItem, DeltaPage, Edit, Edits, Link, NamedGroup, News, ObjectId, Origin,
    RouteName, Selection, TenantName, Then, Tie, Timestamp, Value,
};
use crosstie::plan::{self, PlannedRoute};
use crosstie::ports::{Clock, DirectoryError, DirectoryRead, Look, MemberOf};
use crosstie::store::{Mode, Store, TenantSetup};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_795_392_000_000);
/// Users on a page: as many as real tenants send at most.
const PAGE: usize = 999;

/// Stands for both tenants: whoever asks it anything has broken the promise.
struct Silent(TenantName);

impl DirectoryRead for Silent {
    fn tenant(&self) -> &TenantName {
        &self.0
    }
    async fn delta_page(&self, _: &Selection, _: &Cursor) -> Result<DeltaPage, DirectoryError> {
        panic!("{} was read", self.0)
    }
    async fn look(&self, _: &Selection, _: &[ObjectId]) -> Vec<Result<Look, DirectoryError>> {
        panic!("{} was looked at", self.0)
    }
    async fn find_by_address(&self, _: &Selection, _: &str) -> Result<Vec<(ObjectId, Edits)>, DirectoryError> {
        panic!("{} was searched", self.0)
    }
    async fn group_members(&self, _: &str) -> Result<Vec<ObjectId>, DirectoryError> {
        panic!("{} was asked for members", self.0)
    }
    async fn groups_of(&self, _: MemberOf<'_>) -> Result<Vec<NamedGroup>, DirectoryError> {
        panic!("{} was asked for groups", self.0)
    }
    async fn privileges(&self, _: &ObjectId) -> Result<crosstie::ports::Privileges, DirectoryError> {
        Ok(crosstie::ports::Privileges::default())
    }
    async fn verified_domains(&self) -> Result<std::collections::BTreeSet<String>, DirectoryError> {
        Ok(std::collections::BTreeSet::new())
    }
}

struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        NOW
    }
    async fn sleep_until(&self, _: Timestamp) {}
}

/// 40 lines: most as they come, some of the kinds that tenants write.
fn mappings() -> String {
    let plain = [
        "displayName",
        "givenName",
        "surname",
        "jobTitle",
        "city",
        "country",
        "employeeId",
        "employeeType",
        "faxNumber",
        "mobilePhone",
        "officeLocation",
        "postalCode",
        "preferredDataLocation",
        "preferredLanguage",
        "state",
        "streetAddress",
        "usageLocation",
        "businessPhones",
        "employeeOrgData.division",
        "employeeOrgData.costCenter",
    ];
    let mut lines: String = plain.map(|a| format!("{a} = '[{a}]'\n")).concat();
    for n in 1..=15 {
        let _ = writeln!(lines, "extensionAttribute{n} = '[extensionAttribute{n}]'");
    }
    lines
        + "department = 'Join(\" - \", \"North\", [department])'\n\
             companyName = 'Switch([country], \"School\", \"United Kingdom\", \"School UK\", \"Germany\", \"Schule\")'\n\
             mailNickname = 'ToLower(Replace([mail], \"@north.example\", , , \"\", , ))'\n\
             showInAddressList = true\n\
             manager = '[manager]'\n"
}

fn rules(mappings: &str) -> String {
    format!(
        "account = \"member\"\n[[scope]]\nall = [\n  {{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }},\n  \
         {{ attribute = \"employeeType\", operator = \"REGEX MATCH\", value = \"^(Teacher|Staff)$\" }},\n]\n\
         [[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n[attributes]\n{mappings}[guard]\nupdates = {{ percent = 100 }}\n"
    )
}

fn guid(kind: u32, n: usize) -> ObjectId {
    ObjectId::new(format!("{kind:08x}-0000-4000-8000-{n:012x}"))
}

/// The home user with the number `n`.
fn person(n: usize) -> Attributes {
    let mut user = Attributes::new();
    let mut set = |name: &str, value: Value| drop(user.insert(Attribute::from(name), value));
    let text = |value: String| Value::from(value);
    set("userPrincipalName", text(format!("person{n}@north.example")));
    set("mail", text(format!("person{n}@north.example")));
    set("displayName", text(format!("Person {n} of Many")));
    set("givenName", text(format!("Person {n}")));
    set("surname", text("of Many".to_owned()));
    set("accountEnabled", Value::Bool(true));
    set("userType", text("Member".to_owned()));
    set("jobTitle", text(["Tutor", "Lecturer", "Head of Ceramics", "Librarian"][n % 4].to_owned()));
    set("department", text(["Painting", "Library", "Dance"][n % 3].to_owned()));
    set("employeeType", text(["Teacher", "Staff"][n % 2].to_owned()));
    set("employeeId", text(format!("E{n:07}")));
    set("city", text(["Leeds", "York", "Lisbon"][n % 3].to_owned()));
    set("country", text(["United Kingdom", "Germany", "Portugal"][n % 3].to_owned()));
    set("usageLocation", text(["GB", "DE", "PT"][n % 3].to_owned()));
    set("preferredLanguage", text("en-GB".to_owned()));
    set("officeLocation", text(format!("Room {}", n % 900)));
    set("businessPhones", Value::from(vec![format!("+44 20 {n:07}")]));
    if n.is_multiple_of(2) {
        set("mobilePhone", text(format!("+44 7{n:09}")));
    }
    for extension in 1..=8 {
        set(&format!("extensionAttribute{extension}"), text(format!("value {extension} of {n}")));
    }
    if n > 0 {
        set("manager", text(guid(1, n / 20).to_string()));
    }
    user
}

fn edits(attributes: &Attributes) -> Edits {
    attributes.iter().map(|(a, v)| (a.clone(), Edit::Set(v.clone()))).collect()
}

/// A store after its first sync: everybody has an account that is as it should be.
struct School {
    folder: TempDir,
    people: usize,
}

impl School {
    fn new(people: usize) -> Self {
        let school = Self { folder: TempDir::new().expect("a folder"), people };
        std::fs::create_dir(school.path().join("sync-rules")).expect("a folder");
        let tenant = |name: &str, n: u32| {
            format!(
                "[tenants.{name}]\nid = \"6f1c0d3e-0000-4000-8000-{n:012}\"\nclient_id = \
                 \"0b9b0d64-0000-4000-8000-{n:012}\"\nclient_secret = {{ file = \"none\" }}\n"
            )
        };
        let route = "[[route]]\nhome = \"north\"\ntarget = \"south\"\nrules = \"staff\"\n";
        let text = tenant("north", 1) + &tenant("south", 2) + route;
        std::fs::write(school.path().join("crosstie.toml"), text).expect("written");
        school.write_rules(&mappings());
        school.fill();
        school
    }
    fn path(&self) -> &Path {
        self.folder.path()
    }
    fn write_rules(&self, mappings: &str) {
        std::fs::write(self.path().join("sync-rules/staff.toml"), rules(mappings)).expect("written");
    }
    fn config(&self) -> Config {
        config::load(&self.path().join("crosstie.toml")).unwrap_or_else(|r| panic!("{}", r.render(false))).config
    }
    fn store(&self, config: &Config, mode: Mode) -> Store {
        let store = Store::open(&config.store, mode).expect("a store");
        let keyed = BTreeSet::from([Attribute::from("mail")]);
        let setup =
            |t: &config::Tenant| TenantSetup { name: t.name.clone(), directory: t.id.clone(), keyed: keyed.clone() };
        let setups: Vec<TenantSetup> = config.tenants.values().map(setup).collect();
        let routes: Vec<RouteName> = config.routes.iter().map(|r| r.name.clone()).collect();
        store.set_up(&setups, &routes).expect("set up");
        store
    }

    fn fill(&self) {
        let config = self.config();
        let store = self.store(&config, Mode::Write);
        let route = config.routes.first().expect("a route");
        let home = |n: usize| (guid(1, n), person(n));
        self.read(&store, &config, &route.name.home, &home);
        // What an account holds, the planner says itself: that of somebody whom it would provision.
        let planned =
            PlannedRoute { name: route.name.clone(), rules: route.rules.clone(), ownership: route.ownership.clone() };
        let account = |n: usize| {
            let case = store.case(&planned, &guid(1, n), NOW).expect("a case");
            let mut made = match plan::consider(&planned, &case, NOW).decision {
                plan::Decision::Do(change) => match change.action {
                    crosstie::model::Action::Provision { wanted, .. } => wanted,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            };
            let mut set = |name: &str, value: Value| drop(made.insert(Attribute::from(name), value));
            set("mail", Value::from(format!("person{n}@north.example")));
            set("userPrincipalName", Value::from(format!("person{n}_north.example#EXT#@south.example")));
            set("accountEnabled", Value::Bool(true));
            if n > 0 {
                set("manager", Value::from(guid(2, n / 20).to_string()));
            }
            (guid(2, n), made)
        };
        self.read(&store, &config, &route.name.target, &account);
        let link = |n: usize| Link {
            route: route.name.clone(),
            home: guid(1, n),
            tie: Tie::Known { account: guid(2, n), origin: Origin::Provisioned },
            rules: "staff".to_owned(),
            initialised: true,
            disabled_by_us: false,
            leaving_since: None,
            baseline: Attributes::new(),
            since: NOW,
        };
        store.together(|| (0..self.people).try_for_each(|n| store.remember_link(&link(n)))).expect("links");
        let texts: Vec<(&str, &str)> = route.rules.iter().map(|r| (r.name.as_str(), r.text.as_str())).collect();
        store.remember_rules(&route.name, &texts).expect("rules");
        // A first plan on the store itself settles everybody.
        let drafted = drafted(&config, &store);
        assert!(
            drafted.plan.is_empty() && drafted.skipped.is_empty(),
            "{:?}",
            drafted.plan.routes.first().map(|r| r.changes.all())
        );
    }

    fn read(
        &self,
        store: &Store,
        config: &Config,
        tenant: &TenantName,
        user: &dyn Fn(usize) -> (ObjectId, Attributes),
    ) {
        let round = store.begin_round(tenant, true, &config.selection(tenant), NOW).expect("a round");
        let mut from = 0;
        while from < self.people {
            let to = self.people.min(from + PAGE);
            let item = |n: usize| {
                let (object, attributes) = user(n);
                DeltaItem { object, news: News::Seen(edits(&attributes)) }
            };
            let items = (from..to).map(item).collect();
            let link = format!("page {to}");
            let then = if to == self.people { Then::Done(link) } else { Then::More(link) };
            store.record_page(tenant, &round, &DeltaPage { items, then }, NOW).expect("a page");
            from = to;
        }
    }

    /// `crosstie plan --offline`, from reading the configuration to the last number.
    fn plan(&self) -> Drafted {
        let config = self.config();
        let store = self.store(&config, Mode::Copy);
        drafted(&config, &store)
    }
}

fn drafted(config: &Config, store: &Store) -> Drafted {
    let directories: BTreeMap<TenantName, Silent> =
        config.tenants.keys().map(|name| (name.clone(), Silent(name.clone()))).collect();
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let cycle = Cycle {
        config,
        store,
        clock: &Frozen,
        directories: &directories,
        focus: Focus { offline: true, ..Focus::default() },
        ahead_after: crosstie::engine::AHEAD_AFTER,
        request_ids: &String::new,
        watch: &|_| {},
        stop,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(cycle.dry_run()).expect("a plan")
}

fn people() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration of its own")]
    let people = std::env::var("CROSSTIE_BENCH_PEOPLE");
    people.ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

fn timed<R>(
    group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    people: usize,
    work: impl Fn() -> R,
) {
    group.bench_function(BenchmarkId::new(name, people), |b| b.iter(|| black_box(work())));
}

fn replan(criterion: &mut Criterion) {
    let people = people();
    let school = School::new(people);
    let mut group = criterion.benchmark_group("replan");
    group.sample_size(10).measurement_time(Duration::from_secs(60)).throughput(Throughput::Elements(people as u64));

    // The floor: the copy of the store that every plan works on.
    timed(&mut group, "copy of the store", people, || school.store(&school.config(), Mode::Copy));
    // The planner alone, on cases that are at hand.
    let config = school.config();
    let route = config.routes.first().expect("a route");
    let planned =
        PlannedRoute { name: route.name.clone(), rules: route.rules.clone(), ownership: route.ownership.clone() };
    let store = school.store(&config, Mode::Copy);
    let cases: Vec<plan::Case> =
        (0..people.min(1_000)).map(|n| store.case(&planned, &guid(1, n), NOW).expect("a case")).collect();
    timed(&mut group, "planner alone", people, || {
        (0..people)
            .filter_map(|n| cases.get(n % cases.len()))
            .for_each(|case| drop(plan::consider(&planned, case, NOW)));
    });
    timed(&mut group, "rules as they were", people, || {
        let drafted = school.plan();
        assert!(drafted.plan.is_empty() && drafted.rules_changed.is_empty());
    });
    let edited = mappings().replace("'[mobilePhone]'", "'Replace([mobilePhone], \"+44\", , , \"0044\", , )'");
    school.write_rules(&edited);
    let touched = people.div_ceil(2) as u64;
    timed(&mut group, "one mapping of 40 edited", people, || {
        let drafted = school.plan();
        let changes: u64 = drafted.plan.routes.iter().map(|r| r.changes.len()).sum();
        assert_eq!((changes, drafted.rules_changed.iter().map(|r| r.people).sum::<u64>()), (touched, touched));
    });
    group.finish();
}

criterion_group!(benches, replan);
criterion_main!(benches);
