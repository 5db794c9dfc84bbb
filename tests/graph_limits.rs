//! What does the client make of a tenant's limits: of what a refusal says, of the load, and of its own share of reads?
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod graph_support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie::graph::{
    GraphClient, GraphWriter, Limits as GraphLimits, Proof, RequestIds, RouterTransport, Transport, TransportError,
    load_permille, resource_units, throttle,
};
use crosstie::model::{Cursor, Edit, ObjectId, Then, Timestamp};
use crosstie::ports::ThrottledOperations::{Read, ReadWrite, Write as Writes};
use crosstie::ports::{
    Clock, DirectoryRead, DirectoryWrite, Look, Pressure, Throttle, ThrottleScope, ThrottledOperations, Write,
};
use crosstie::sim::{App, Effect, Fault, Kind, Limit, LimitName, RetryAfter, TenantSpec, World, router};
use graph_support::*;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use tokio::time::Instant;

const SCOPE: &str = "x-ms-throttle-scope";
const LOAD: &str = "x-ms-throttle-limit-percentage";

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
}
fn said(scope: ThrottleScope, what: ThrottledOperations) -> Option<Throttle> {
    Some(Throttle { scope, what })
}
fn delete() -> Write {
    Write::Delete { account: ObjectId::new("u") }
}

#[test]
fn the_scope_of_a_throttle_is_read_in_any_case_and_rubbish_is_none() {
    use ThrottleScope::{Application, Tenant, TenantApplication};
    let table = [
        ("Tenant_Application/ReadWrite/9a3d526c/0785ef7c", said(TenantApplication, ReadWrite)),
        ("Tenant_Application/Read/9a3d526c/0785ef7c", said(TenantApplication, Read)),
        ("Tenant/Write/9a3d526c/0785ef7c", said(Tenant, Writes)),
        ("Application/Write/9a3d526c/0785ef7c", said(Application, Writes)),
        ("TENANT_APPLICATION/WRITE", said(TenantApplication, Writes)),
        (" tenant / readwrite / x", said(Tenant, ReadWrite)),
        ("tenant-application/read-write/a/b/c/d", said(TenantApplication, ReadWrite)),
        ("Tenant", None),
        ("Tenant/", None),
        ("Tenant/Everything/a/b", None),
        ("User/Read/a/b", None),
        ("/Write/a/b", None),
        ("9a3d526c/0785ef7c/Tenant/Write", None),
        ("", None),
        ("////", None),
    ];
    for (text, told) in table {
        assert_eq!(throttle(&headers(SCOPE, text)), told, "{text}");
    }
    assert_eq!(throttle(&HeaderMap::new()), None);
}

#[test]
fn load_and_cost_are_believed_within_reason() {
    let load = |text: &str| load_permille(&HeaderValue::from_str(text).unwrap());
    for (text, permille) in [("0.8", 800), ("0.85", 850), (" 1.0 ", 1_000), ("1.8", 1_800), ("1", 1_000), ("2", 2_000)]
    {
        assert_eq!(load(text), Some(permille), "{text}");
    }
    for text in
        ["", "-0.9", "+0.9", "NaN", "inf", "1e0", "0,9", "80%", "2.01", "85", "1000000000000000000", ".", "1.1.1"]
    {
        assert_eq!(load(text), None, "{text}");
    }
    let units = |text: &str| resource_units(&headers("x-ms-resource-unit", text));
    assert_eq!((units("1"), units(" 5 "), units("100")), (Some(1), Some(5), Some(100)));
    for text in ["0", "-1", "101", "1.5", "many", "", "99999999999999999999"] {
        assert_eq!(units(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>().prop_filter("a header", |b| *b >= 32 && *b != 127), 0..60)) {
        let value = HeaderValue::from_bytes(&bytes).unwrap();
        let _ = load_permille(&value);
        let mut headers = HeaderMap::new();
        headers.insert(SCOPE, value.clone());
        headers.insert("x-ms-resource-unit", value);
        let _ = (throttle(&headers), resource_units(&headers));
    }
}

#[tokio::test]
async fn a_throttled_answer_says_whose_limit_it_was() {
    let ask = |status, scope: &'static str| async move {
        let house = House::new([answer_with(status, (SCOPE, scope), "")]);
        house.writer.write("i", &delete()).await.unwrap_err()
    };
    let error = ask(429, "Application/Write/a/t").await;
    assert_eq!((error.throttled, error.throttle), (true, said(ThrottleScope::Application, Writes)));
    let error = ask(429, "whatever").await;
    assert_eq!((error.throttled, error.throttle), (true, None));
    let error = ask(404, "Application/Write/a/t").await;
    assert_eq!((error.throttled, error.throttle), (false, None), "nothing was throttled");

    // Items of a batch carry headers of their own.
    let item = |scope: &str| {
        format!(
            r#"{{"id":"2","status":429,"headers":{{"Retry-After":"1","X-MS-Throttle-Scope":{scope}}},
                "body":{{"error":{{"code":"TooManyRequests","message":"x"}}}}}}"#
        )
    };
    for (scope, told) in [
        (r#""Tenant/ReadWrite/a/t""#, said(ThrottleScope::Tenant, ReadWrite)),
        ("7", None),
        (r#"["Tenant/ReadWrite"]"#, None),
    ] {
        let first = format!(r#"{{"responses":[{{"id":"1","status":200,"body":{{"id":"a"}}}},{}]}}"#, item(scope));
        let alone = format!(r#"{{"responses":[{}]}}"#, item(scope).replace(r#""id":"2""#, r#""id":"1""#));
        let house = House::new([answer(200, &first)].into_iter().chain((0..4).map(|_| answer(200, &alone))));
        let looks = house.writer.look(&selection(&[]), &[ObjectId::new("a"), ObjectId::new("b")]).await;
        assert!(matches!(looks[0], Ok(Look::Present(_))));
        let error = looks[1].as_ref().unwrap_err();
        assert_eq!((error.throttled, error.throttle), (true, told), "{scope}");
    }
}

#[tokio::test]
async fn throttled_answers_to_reads_are_counted_and_those_to_writes_are_not() {
    let item = |n: u8, status| format!(r#"{{"id":"{n}","status":{status},"body":{{"id":"a"}}}}"#);
    let batch = |items: &[String]| format!(r#"{{"responses":[{}]}}"#, items.join(","));
    // One alone is asked plainly; whoever has been answered is asked no more.
    let house = House::new([
        answer(429, ""),
        answer(200, &batch(&[item(1, 429), item(2, 500)])),
        answer(200, &batch(&[item(1, 200), item(2, 500)])),
        answer(200, &batch(&[item(1, 200)])),
        answer_with(429, (SCOPE, "Tenant_Application/Read/a/t"), ""),
    ]);
    let counted = || house.writer.reader().throttled_reads();
    assert_eq!(counted(), 0);
    let looks = house.writer.look(&selection(&[]), &[ObjectId::new("a"), ObjectId::new("a")]).await;
    assert!(matches!(looks[..], [Ok(Look::Present(_)), Ok(Look::Present(_))]), "{looks:?}");
    assert_eq!(counted(), 2, "a batch, and an item of one");
    house.writer.write("i", &delete()).await.unwrap_err();
    assert_eq!(counted(), 2);
}

#[tokio::test]
async fn pressure_is_what_the_last_write_was_told() {
    let load = |status, load: &'static str| answer_with(status, (LOAD, load), "");
    let house = House::new([
        load(204, "0.85"),
        load(204, "1e9"),
        answer(503, "<html>"),
        load(429, "1.2"),
        answer(204, ""),
        load(204, "0.9"),
        answer_with(
            200,
            (LOAD, "1.5"),
            r#"{"value":[],"@odata.deltaLink":"https://graph.example/v1.0/users/delta?$deltatoken=1"}"#,
        ),
    ]);
    let write = async || {
        let _ = house.writer.write("i", &delete()).await;
        house.clock.0.set(house.clock.0.get() + 1_000);
        house.writer.pressure().map(|p| p.permille)
    };
    assert_eq!(house.writer.pressure(), None);
    let start = Clock::now(&house.clock);
    assert_eq!(write().await, Some(850));
    assert_eq!(write().await, Some(850), "an absurd load is no load");
    assert_eq!(house.writer.pressure(), Some(Pressure { permille: 850, reading: 0, at: start }));
    assert_eq!(write().await, Some(850), "a front door's silence says nothing");
    assert_eq!(write().await, Some(1_200));
    assert_eq!(write().await, None, "a write that was carried out in silence does");
    assert_eq!(write().await, Some(900));
    house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    assert_eq!(house.writer.pressure().map(|p| p.permille), Some(900), "a read's load is that of reads");
    assert_eq!(house.writer.reader().pressure(), house.writer.pressure());
}

fn page(user: &str) -> Answered {
    answer(
        200,
        &format!(
            r#"{{"value":[{{"id":"{user}"}}],"@odata.deltaLink":"https://graph.example/v1.0/users/delta?$deltatoken=1"}}"#
        ),
    )
}

#[tokio::test]
async fn reads_wait_for_their_share_and_leave_a_tenth_to_writes() {
    let house = House::with_reads(100, (0..190).map(|n| if n == 90 { answer(204, "") } else { page("u") }));
    let read = async |times: usize| {
        for _ in 0..times {
            house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
        }
    };
    read(90).await;
    assert!(house.clock.pauses().is_empty(), "90 units of 100 are for reads");
    house.writer.write("i", &delete()).await.unwrap();
    assert!(house.clock.pauses().is_empty(), "a write does not wait behind reads");
    read(1).await;
    assert_eq!(house.clock.pauses(), [10_000]);
    house.clock.0.set(house.clock.0.get() + 4_000);
    read(89).await;
    assert_eq!(house.clock.pauses(), [10_000]);
    read(1).await;
    assert_eq!(house.clock.pauses(), [10_000, 6_000], "the one of four seconds ago goes first");
    assert_eq!(house.writer.take_units(), 90 + 1 + 1 + 89 + 1);
    assert_eq!(house.writer.take_units(), 0);
}

#[tokio::test]
async fn the_answer_says_better_what_a_read_has_cost() {
    let told = |units: &'static str| {
        let mut answer = page("u")?;
        answer.headers_mut().insert("x-ms-resource-unit", HeaderValue::from_static(units));
        Ok(answer)
    };
    for (units, spent) in [("5", 5), ("0", 1), ("5000", 1), ("-3", 1), ("many", 1)] {
        let house = House::new([told(units)]);
        house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
        assert_eq!(house.writer.take_units(), spent, "{units}");
    }
    // Of a batch each item says it for itself; one that does not is taken for what the table says.
    let item =
        |n: u32, headers: &str| format!(r#"{{"id":"{n}","status":200,"headers":{headers},"body":{{"id":"u{n}"}}}}"#);
    let body = format!(
        r#"{{"responses":[{},{},{}]}}"#,
        item(3, "{}"),
        item(1, r#"{"X-MS-Resource-Unit":"7"}"#),
        item(2, r#"{"x-ms-resource-unit":3}"#)
    );
    let house = House::new([answer_with(200, ("x-ms-resource-unit", "50"), &body)]);
    let users: Vec<ObjectId> = (1..=3).map(|n| ObjectId::new(format!("u{n}"))).collect();
    assert!(house.writer.look(&selection(&["mail"]), &users).await.iter().all(Result::is_ok));
    assert_eq!(house.writer.take_units(), 7 + 3 + 1);
    // Refused and lost ones have cost something, too.
    let house = House::new([answer(429, ""), Err(TransportError::lost("reset")), page("u")]);
    house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    assert_eq!(house.writer.take_units(), 3);
}

#[tokio::test]
async fn what_was_spent_before_a_restart_is_not_spent_again() {
    let house = House::with_reads(100, (0..131).map(|_| page("u")));
    let now = Clock::now(&house.clock);
    // Long ago; five seconds ago; and an instant that has not come yet, of a clock that was wrong.
    let spent = [(Timestamp(now.0 - 60_000), 90), (Timestamp(now.0 - 5_000), 40), (now.plus_seconds(7_200), 10)];
    house.writer.reader().remember_units(&spent);
    for _ in 0..40 {
        house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    }
    assert!(house.clock.pauses().is_empty());
    house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    assert_eq!(house.clock.pauses(), [5_000]);
    assert_eq!(house.writer.take_units(), 41, "what is remembered is not told as news");
    house.clock.0.set(house.clock.0.get() + 10_000);
    for _ in 0..90 {
        house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    }
    assert_eq!(house.clock.pauses(), [5_000], "nothing can have been spent in the future");
}

/// A tenant in virtual time: remembers when each read arrived, and throttles the first.
#[derive(Clone)]
struct Throttling {
    arrivals: Rc<RefCell<Vec<(u64, String)>>>,
    start: Instant,
    first: Rc<RefCell<Option<Answered>>>,
}
impl Transport for Throttling {
    async fn send(&self, request: http::Request<bytes::Bytes>, _: GraphLimits) -> Answered {
        if request.uri().path().ends_with("/token") {
            return token("token", 3_599);
        }
        let at = u64::try_from(self.start.elapsed().as_millis()).unwrap();
        self.arrivals.borrow_mut().push((at, request.uri().path().to_owned()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(first) = self.first.borrow_mut().take() {
            return first;
        }
        match request.uri().path() {
            "/v1.0/users/delta" => page("u"),
            "/v1.0/$batch" => answer(
                200,
                r#"{"responses":[{"id":"1","status":200,"body":{"id":"a"}},{"id":"2","status":200,"body":{"id":"b"}}]}"#,
            ),
            _ => answer(204, ""),
        }
    }
}
#[derive(Clone)]
struct VirtualClock(Instant);
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_322_112_000).plus_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(Duration::from_millis(at.millis_since(Clock::now(self)))).await;
    }
}

/// When everything arrived: what comes at once meets `first` at 0.1 s, everything else comes at 1 s.
async fn throttled_at_once(first: Answered, looks_first: bool) -> Vec<(u64, String)> {
    let start = Instant::now();
    let tenant = Throttling { arrivals: Rc::default(), start, first: Rc::new(RefCell::new(Some(first))) };
    let proof = Proof::Secret(SECRET.to_owned().into());
    let (clock, ids) = (VirtualClock(start), RequestIds::seeded(1));
    let writer = GraphWriter::new(GraphClient::new(&tenant_at(ROOT), proof, tenant.clone(), clock, ids).unwrap());
    let mail = selection(&["mail"]);
    let after = async |seconds: bool| tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
    let page = async || {
        after(looks_first).await;
        writer.delta_page(&mail, &Cursor::Start).await.unwrap();
    };
    let looks = async || {
        after(!looks_first).await;
        let looks = writer.look(&mail, &[ObjectId::new("a"), ObjectId::new("b")]).await;
        assert!(looks.iter().all(Result::is_ok));
    };
    let write = async || {
        after(true).await;
        writer.write("i", &delete()).await.unwrap();
    };
    tokio::join!(page(), looks(), write());
    let mut arrivals = tenant.arrivals.borrow().clone();
    arrivals.sort();
    arrivals
}

#[tokio::test(start_paused = true)]
async fn a_throttled_read_pauses_every_read_of_the_tenant_and_no_write() {
    let refused = |scope: &str, retry_after: &str| {
        let mut answer = answer_with(429, ("retry-after", retry_after), "")?;
        if !scope.is_empty() {
            answer.headers_mut().insert(SCOPE, HeaderValue::from_str(scope).unwrap());
        }
        Ok(answer)
    };
    let at =
        |arrivals: &[(u64, String)], path: &str| arrivals.iter().rfind(|(_, p)| p == path).map(|(at, _)| *at).unwrap();
    for scope in ["", "Tenant_Application/Read/a/t", "Tenant/ReadWrite/a/t", "rubbish"] {
        let arrivals = throttled_at_once(refused(scope, "30"), false).await;
        assert_eq!(at(&arrivals, "/v1.0/users/delta"), 30_100, "{scope}");
        assert_eq!(at(&arrivals, "/v1.0/$batch"), 30_100, "the looks wait, too: {scope}");
        assert_eq!(at(&arrivals, "/v1.0/users/u"), 1_000, "{scope}");
    }
    let arrivals = throttled_at_once(refused("Tenant_Application/Write/a/t", "30"), false).await;
    assert_eq!(at(&arrivals, "/v1.0/$batch"), 1_000, "a throttle of writes is no read's concern");
    // An item of a batch speaks for all reads, too.
    let item = r#"{"responses":[{"id":"2","status":200,"body":{"id":"b"}},
        {"id":"1","status":429,"headers":{"Retry-After":"30"},"body":null}]}"#;
    let arrivals = throttled_at_once(answer(200, item), true).await;
    assert_eq!((at(&arrivals, "/v1.0/$batch"), at(&arrivals, "/v1.0/users/delta")), (30_100, 30_100));
    assert_eq!(at(&arrivals, "/v1.0/users/u"), 1_000);
    // However absurd the wish, two minutes are the end of it.
    for wish in ["1000000000000000000", "Sun, 22 Nov 2099 04:00:00 GMT"] {
        let arrivals = throttled_at_once(refused("", wish), false).await;
        assert_eq!(at(&arrivals, "/v1.0/$batch"), 120_100, "{wish}");
    }
    for wish in ["-5", "soon", "NaN", "0", ""] {
        let arrivals = throttled_at_once(refused("", wish), false).await;
        assert_eq!(at(&arrivals, "/v1.0/$batch"), 1_100, "{wish}: the first pause of our own");
    }
}

/// A simulated tenant of forty users in virtual time, its answers a second late, and a client that believes in `reads`
/// units in ten seconds.
async fn simulated(reads: u32) -> (Arc<crosstie::sim::World>, SimulatedWriter, Vec<ObjectId>) {
    let start = Instant::now();
    let clock = VirtualClock(start);
    let world = World::new(Arc::new(move || Clock::now(&VirtualClock(start))), 1);
    let roles = ["User.ReadWrite.All", "GroupMember.Read.All"].map(str::to_owned).to_vec();
    let app = App { client_id: "app-1".to_owned(), secret: SECRET.to_owned(), roles, ..App::default() };
    let initial_domain = "hub.onmicrosoft.example".to_owned();
    world.add_tenant(
        "hub",
        TenantSpec { id: TENANT_ID.to_owned(), initial_domain, apps: vec![app], ..TenantSpec::default() },
    );
    world.set_base_url(Some(ROOT));
    let hub = world.tenant("hub");
    let add = |_| ObjectId::new(hub.add_user(&serde_json::json!({ "displayName": "x" })).unwrap());
    let users: Vec<ObjectId> = (0..40).map(add).collect();
    hub.settings(|s| (s.limits.app_units, s.page_size) = (Some(Limit::new(400, 10)), 5)).unwrap();
    hub.fault(Fault::always(Effect::Delay { millis: 1_000 })).unwrap();
    let world = Arc::new(world);
    let limits = crosstie::config::Limits { reads, ..Default::default() };
    let tenant = crosstie::config::Tenant { authority: ROOT.parse().unwrap(), limits, ..tenant_at(ROOT) };
    let proof = Proof::Secret(SECRET.to_owned().into());
    let transport = RouterTransport::new(router(world.clone()));
    let ids = RequestIds::seeded(1);
    let client = GraphClient::new(&tenant, proof, transport, clock, ids).unwrap();
    (world, GraphWriter::new(client), users)
}
type SimulatedWriter = GraphWriter<RouterTransport, VirtualClock>;

/// Looks, searches, pages and writes, many at a time; every one of them has to succeed.
async fn traffic(writer: &SimulatedWriter, users: &[ObjectId]) {
    let mail = selection(&["mail", "manager"]);
    let looks = async || {
        for _ in 0..20 {
            assert!(writer.look(&mail, users).await.iter().all(Result::is_ok));
        }
    };
    let searches = async || {
        for n in 0..30 {
            writer.find_by_address(&mail, &format!("a{n}@b.example")).await.unwrap();
        }
    };
    let pages = async || {
        let mut from = Cursor::Start;
        while let Then::More(link) = writer.delta_page(&mail, &from).await.unwrap().then {
            from = Cursor::Link(link);
        }
    };
    let writes = async || {
        for user in users {
            let edits = [("jobTitle".into(), Edit::Set("x".into()))].into_iter().collect();
            writer
                .write("11111111-1111-1111-1111-111111111111", &Write::Patch { account: user.clone(), edits })
                .await
                .unwrap();
        }
    };
    tokio::join!(looks(), looks(), looks(), searches(), searches(), pages(), pages(), writes());
}

#[tokio::test(start_paused = true)]
async fn no_window_of_units_is_overrun_and_little_of_it_is_wasted() {
    let (world, writer, users) = simulated(400).await;
    let start = Instant::now();
    traffic(&writer, &users).await;
    assert_eq!(world.throttled(), []);
    let peak = world.peaks().into_iter().find(|p| p.window == LimitName::AppUnits).unwrap();
    assert!((330..=400).contains(&peak.most), "{peak:?}");
    // Everything here costs one unit: 2,400 looks, 60 searches, 40 writes, and pages.
    let counts = &world.counts()["hub"];
    let asked: u64 = counts.iter().filter(|(k, _)| !matches!(k, Kind::Token | Kind::Batch)).map(|(_, n)| n).sum();
    assert_eq!(writer.take_units(), asked);
    // Nobody can be faster than the window; of ours, reads have 360 units in ten seconds, and each answer takes one more.
    let (seconds, fastest, ours) = (start.elapsed().as_secs(), (asked - 400) / 40, asked * 11 / 360);
    assert!(seconds >= fastest && seconds <= ours * 5 / 4, "{seconds} s for {asked} units; {fastest} s, {ours} s");
}

#[tokio::test(start_paused = true)]
async fn who_believes_in_too_much_is_throttled_and_gets_there_all_the_same() {
    for flavour in [RetryAfter::Integer, RetryAfter::Decimal, RetryAfter::Date] {
        let (world, writer, users) = simulated(3_500).await;
        world.tenant("hub").settings(|s| s.limits.retry_after = flavour).unwrap();
        let mail = selection(&["mail"]);
        let looks = async || assert!(writer.look(&mail, &users).await.iter().all(Result::is_ok), "{flavour:?}");
        tokio::join!(looks(), looks(), looks(), looks(), looks(), looks());
        tokio::join!(looks(), looks(), looks(), looks(), looks(), looks());
        let refused: u64 = world.throttled().iter().map(|t| t.refused).sum();
        assert!((1..=150).contains(&refused), "{flavour:?}: {refused}");
    }
}
