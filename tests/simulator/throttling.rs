//! Is every window enforced, told truly, and watched by somebody who does not do the enforcing?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use crosstie::model::Timestamp;
use crosstie::sim::{
    App, Effect, Fault, Foreign, ForeignCounts, Kind, Limit, LimitName, Limits, RetryAfter, TenantSpec, World,
};
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bench::{Bench, CLIENT, GOOD_FORM, Got, START, send, token};

fn most(world: &World, window: LimitName) -> Option<u64> {
    world.peaks().iter().find(|p| p.window == window).map(|p| p.most)
}
fn refused(world: &World) -> Vec<(LimitName, u64)> {
    world.throttled().iter().map(|t| (t.window, t.refused)).collect()
}

/// Two tenants that have the same two apps.
struct Pair {
    world: Arc<World>,
    clock: Arc<AtomicU64>,
    tokens: Vec<String>,
    users: [String; 2],
}

const TENANTS: [&str; 2] = ["north", "south"];
const APPS: [&str; 2] = [CLIENT, "0b9b0d64-0000-4000-8000-000000000002"];

impl Pair {
    async fn new(limits: Limits) -> Pair {
        let clock = Arc::new(AtomicU64::new(START));
        let hand = Arc::clone(&clock);
        let world = World::new(Arc::new(move || Timestamp(hand.load(Ordering::SeqCst))), 7);
        let apps: Vec<App> = APPS
            .iter()
            .map(|client| App {
                client_id: (*client).to_owned(),
                secret: "s".to_owned(),
                roles: vec!["User.ReadWrite.All".to_owned()],
                ..App::default()
            })
            .collect();
        for (n, name) in TENANTS.iter().enumerate() {
            let id = format!("6f1c0d3e-0000-4000-8000-00000000000{n}");
            let initial_domain = format!("{name}.onmicrosoft.com");
            world.add_tenant(name, TenantSpec { id, initial_domain, apps: apps.clone(), ..TenantSpec::default() });
            world.tenant(name).settings(|s| s.limits = limits.clone()).unwrap();
        }
        let user = |name: &str| world.tenant(name).add_user(&json!({ "displayName": "x" })).unwrap();
        let users = TENANTS.map(user);
        let world = Arc::new(world);
        let mut tokens = Vec::new();
        for tenant in 0..2 {
            for app in APPS {
                let form = format!(
                    "client_id={app}&client_secret=s&scope=http%3A%2F%2Fsim%2F.default&grant_type=client_credentials"
                );
                let address = format!("http://sim/6f1c0d3e-0000-4000-8000-00000000000{tenant}/oauth2/v2.0/token");
                let got = send(&world, Request::post(address).body(Body::from(form)).unwrap()).await;
                tokens.push(got.body["access_token"].as_str().unwrap().to_owned());
            }
        }
        Pair { world, clock, tokens, users }
    }
    async fn ask(&self, tenant: usize, app: usize, method: &str, path: &str, body: Value) -> Got {
        let bearer = format!("Bearer {}", self.tokens[tenant * 2 + app]);
        let request = Request::builder().method(method).uri(format!("http://sim/v1.0{path}"));
        send(&self.world, request.header("authorization", bearer).body(Body::from(body.to_string())).unwrap()).await
    }
    /// One step of any traffic; gives the resource units that it cost.
    async fn act(&self, (tenant, app, what): (usize, usize, u8)) -> u64 {
        let user = format!("/users/{}", self.users[tenant]);
        let title = json!({ "jobTitle": "x" });
        let got = match what {
            0..=4 => self.ask(tenant, app, "PATCH", &user, title).await,
            5 => {
                let invitation =
                    json!({ "invitedUserEmailAddress": "a@b.example", "inviteRedirectUrl": "https://x.example" });
                self.ask(tenant, app, "POST", "/invitations", invitation).await
            }
            // What nobody may do, and what is not simulated, counts all the same.
            6 => self.ask(tenant, app, "DELETE", "/directory/deletedItems/x", Value::Null).await,
            7 => self.ask(tenant, app, "POST", "/users", title).await,
            8 => {
                let typed = json!({ "Content-Type": "application/json" });
                let patch = |n: u8| json!({ "id": n.to_string(), "method": "PATCH", "url": user, "headers": typed, "body": title });
                let get = json!({ "id": "9", "method": "GET", "url": "/users?$top=50" });
                let items = json!({ "requests": [patch(1), get, patch(2)] });
                let got = self.ask(tenant, app, "POST", "/$batch", items).await;
                let units = |r: &Value| r["headers"]["x-ms-resource-unit"].as_str().unwrap().parse::<u64>().unwrap();
                return got.body["responses"].as_array().unwrap().iter().map(units).sum();
            }
            _ => self.ask(tenant, app, "GET", "/users", Value::Null).await,
        };
        got.header("x-ms-resource-unit").parse().unwrap()
    }
}

/// The most that any window of this length has held.
fn by_force(arrivals: &[(u64, u64)], seconds: u64) -> u64 {
    let inside = |start: u64| {
        arrivals.iter().filter(|(at, _)| *at >= start && *at < start + seconds * 1000).map(|(_, n)| n).sum()
    };
    arrivals.iter().map(|(at, _)| inside(*at)).max().unwrap_or(0)
}

/// Few enough to be met often, and far enough apart that each is the one that refuses now and then.
fn small(refused_count: bool) -> Limits {
    Limits {
        app_writes: Limit::new(12, 20),
        app_writes_hour: Limit::new(40, 200),
        tenant_writes: Limit::new(20, 40),
        invitations: Limit::new(3, 5),
        app_units: Some(Limit::new(14, 10)),
        refused_count,
        ..Limits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The peaks are what one gets by counting the ledger by hand, whatever was refused and whatever refusals count for.
    #[test]
    fn peaks_are_what_the_ledger_holds(
        steps in prop::collection::vec((0u64..4_000, 0usize..2, 0usize..2, 0u8..12, 0u64..3), 40..120),
        refused_count: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pair = Pair::new(small(refused_count)).await;
            pair.world.limit(LimitName::EverywhereWrites, Limit::new(25, 30));
            pair.world.limit(LimitName::EverywhereUnits, Limit::new(40, 20));
            let mut units: Vec<(u64, u64, usize, usize)> = Vec::new();
            let mut foreign: [Vec<(u64, u64)>; 2] = Default::default();
            for (gap, tenant, app, what, others) in steps {
                let now = pair.clock.fetch_add(gap, Ordering::SeqCst) + gap;
                units.push((now, pair.act((tenant, app, what)).await, tenant, app));
                if others == 2 {
                    pair.world.tenant(TENANTS[tenant]).foreign_writes(others).unwrap();
                    foreign[tenant].push((now, others));
                }
            }
            let ledger = pair.world.ledger();
            let writes = |tenant: Option<usize>, app: Option<usize>, kind: Option<Kind>| -> Vec<(u64, u64)> {
                let ours = ledger.iter().filter(|e| tenant.is_none_or(|t| e.tenant == TENANTS[t]));
                let ours = ours.filter(|e| app.is_none_or(|a| e.app == APPS[a]) && kind.is_none_or(|k| e.kind == k));
                ours.map(|e| (e.at.0, 1)).collect()
            };
            let spent = |tenant: Option<usize>, app: usize| -> Vec<(u64, u64)> {
                let ours = units.iter().filter(|u| u.3 == app && tenant.is_none_or(|t| t == u.2));
                ours.map(|(at, n, ..)| (*at, *n)).collect()
            };
            let mut expected = BTreeMap::new();
            let mut expect = |window: LimitName, tenant: Option<usize>, app: Option<usize>, arrivals: &[(u64, u64)], limit: Limit| {
                if !arrivals.is_empty() {
                    let key = (window, tenant.map(|t| TENANTS[t].to_owned()), app.map(|a| APPS[a].to_owned()));
                    expected.insert(key, by_force(arrivals, limit.seconds).min(2 * limit.count as u64));
                }
            };
            let limits = small(refused_count);
            for (t, others) in foreign.iter().enumerate() {
                for a in 0..2 {
                    let (tenant, app) = (Some(t), Some(a));
                    expect(LimitName::AppWrites, tenant, app, &writes(tenant, app, None), limits.app_writes);
                    expect(LimitName::AppWritesHour, tenant, app, &writes(tenant, app, None), limits.app_writes_hour);
                    expect(LimitName::AppUnits, tenant, app, &spent(tenant, a), Limit::new(14, 10));
                }
                let all = [writes(Some(t), None, None), others.clone()].concat();
                expect(LimitName::TenantWrites, Some(t), None, &all, limits.tenant_writes);
                expect(LimitName::Invitations, Some(t), None, &writes(Some(t), None, Some(Kind::Invite)), limits.invitations);
            }
            for a in 0..2 {
                expect(LimitName::EverywhereWrites, None, Some(a), &writes(None, Some(a), None), Limit::new(25, 30));
                expect(LimitName::EverywhereUnits, None, Some(a), &spent(None, a), Limit::new(40, 20));
            }
            let peaks = pair.world.peaks();
            // Of an overrun window, units come in more than ones: up to a request's cost beyond twice the limit is kept.
            let seen: BTreeMap<_, _> = peaks
                .into_iter()
                .map(|p| ((p.window, p.tenant, p.app), p.most.min(2 * p.limit.count as u64)))
                .collect();
            assert_eq!(seen, expected);
            // And every refusal of a limit stands in the counts.
            let answered = ledger.iter().filter(|e| e.status == 429).count() as u64;
            let of_writes = pair.world.throttled().iter().filter(|t| t.window != LimitName::AppUnits && t.window != LimitName::EverywhereUnits).map(|t| t.refused).sum::<u64>();
            let all: u64 = pair.world.throttled().iter().map(|t| t.refused).sum();
            assert!(of_writes <= answered && answered <= all, "{of_writes} {answered} {all}");
        });
    }
}

#[tokio::test]
async fn reading_costs_units_and_is_refused_as_reading() {
    let bench = Bench::new().await;
    bench.add("ada");
    bench.north().settings(|s| s.limits.app_units = Some(Limit::new(5, 10))).unwrap();
    for path in ["/users", "/users?$select=id", "/users/delta?$select=id", "/users/ada@north.example"] {
        assert_eq!(bench.get(path).await.status, 200, "{path}");
    }
    bench.pass(1);
    // 2 + 1 + 1 + 1 are spent, and refused attempts cost as well.
    let got = bench.get("/users").await;
    assert_eq!((got.status, got.header("retry-after"), got.header("x-ms-resource-unit")), (429, "9", "2"));
    let scope = format!("Tenant_Application/Read/{CLIENT}/{}", crate::bench::NORTH);
    assert_eq!(got.header("x-ms-throttle-scope"), scope);
    assert_eq!(got.header("x-ms-throttle-information"), "ResourceUnitLimitExceeded");
    let got = bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": "x" })).await;
    assert_eq!(got.status, 429, "a write costs a unit, too");
    assert!(got.header("x-ms-throttle-scope").starts_with("Tenant_Application/ReadWrite/"));
    assert_eq!(refused(&bench.world), [(LimitName::AppUnits, 2)]);
    assert_eq!(most(&bench.world, LimitName::AppUnits), Some(8));
    // Items of a batch are counted one by one; the batch itself costs nothing.
    bench.pass(20);
    let get = |n: u32| json!({ "id": n.to_string(), "method": "GET", "url": "/users?$select=id" });
    let got = bench.call("POST", "/$batch", json!({ "requests": (1..=7).map(get).collect::<Vec<_>>() })).await;
    let answers = got.body["responses"].as_array().unwrap();
    let mut statuses: Vec<u64> = answers.iter().map(|a| a["status"].as_u64().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!((got.status, statuses), (200, vec![200, 200, 200, 200, 200, 429, 429]));
    let throttled = answers.iter().find(|a| a["status"] == 429).unwrap();
    assert_eq!(
        (&throttled["headers"]["Retry-After"], &throttled["headers"]["x-ms-throttle-scope"]),
        (&json!("10"), &json!(scope))
    );
    // Over all tenants together.
    bench.north().settings(|s| s.limits.app_units = Some(Limit::OFF)).unwrap();
    bench.world.limit(LimitName::EverywhereUnits, Limit::new(1, 20));
    bench.pass(20);
    assert_eq!(bench.get("/users?$select=id").await.status, 200);
    let got = bench.get("/users?$select=id").await;
    assert!(got.header("x-ms-throttle-scope").starts_with("Application/Read/"));
}

#[tokio::test]
async fn of_several_full_windows_the_one_that_frees_last_is_told() {
    let limits = |minute: Limit, hour: Limit| Limits { tenant_writes: minute, app_writes: hour, ..Limits::off() };
    let long = Limit::new(1, 600);
    let short = Limit::new(1, 60);
    for (limits, scope, window) in [
        (limits(short, long), "Tenant_Application/", LimitName::AppWrites),
        (limits(long, short), "Tenant/", LimitName::TenantWrites),
    ] {
        let bench = Bench::new().await;
        bench.add("ada");
        bench.north().settings(|s| s.limits = limits).unwrap();
        let write = async || bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": "x" })).await;
        assert_eq!(write().await.status, 204);
        let got = write().await;
        assert_eq!(got.header("retry-after"), "600");
        assert!(got.header("x-ms-throttle-scope").starts_with(scope));
        assert_eq!(refused(&bench.world), [(window, 1)]);
    }
}

#[tokio::test]
async fn larger_tenants_give_more_units() {
    let bench = Bench::new().await;
    let limit = async |bench: &Bench| {
        assert_eq!(bench.get("/users?$select=id&$top=1").await.status, 200);
        bench.world.peaks().iter().find(|p| p.window == LimitName::AppUnits).map(|p| p.limit)
    };
    let mut users = 0;
    for (count, units) in [(1, 3_500), (49, 3_500), (50, 5_000), (500, 5_000), (501, 8_000)] {
        while users < count {
            users += 1;
            bench.add(&format!("user{users}"));
        }
        assert_eq!(limit(&bench).await, Some(Limit::new(units, 10)), "{count} users");
    }
    bench.north().soft_delete("user7@north.example").unwrap();
    assert_eq!(limit(&bench).await, Some(Limit::new(5_000, 10)), "who is deleted does not count");
    bench.north().settings(|s| s.limits.app_units = Some(Limit::new(9, 1))).unwrap();
    assert_eq!(limit(&bench).await, Some(Limit::new(9, 1)));
}

#[tokio::test]
async fn the_load_is_told_above_four_fifths_and_only_where_it_is_wanted() {
    let bench = Bench::new().await;
    bench.add("ada");
    bench.north().settings(|s| s.limits = Limits { app_writes: Limit::new(10, 60), ..Limits::off() }).unwrap();
    let mut told = Vec::new();
    for n in 0..20 {
        let got = bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": format!("x{n}") })).await;
        told.push(got.header("x-ms-throttle-limit-percentage").to_owned());
        assert_eq!(got.status == 429, n >= 10);
    }
    let expected = [
        "", "", "", "", "", "", "", "", "0.90", "1.00", "1.10", "1.20", "1.30", "1.40", "1.50", "1.60", "1.70", "1.80",
    ];
    assert_eq!(told[..18], expected);
    assert_eq!(told[18..], ["1.80", "1.80"], "that is where the documentation ends");
    assert_eq!(bench.get("/users").await.header("x-ms-throttle-limit-percentage"), "", "reads are not loaded");
    bench.north().settings(|s| s.limits.announce_load = false).unwrap();
    let got = bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": "y" })).await;
    assert_eq!((got.status, got.header("x-ms-throttle-limit-percentage")), (429, ""));
    // Reads tell of their own limit.
    bench.north().settings(|s| s.limits = Limits { app_units: Some(Limit::new(10, 60)), ..Limits::off() }).unwrap();
    bench.pass(60);
    for _ in 0..4 {
        assert_eq!(bench.get("/users").await.header("x-ms-throttle-limit-percentage"), "");
    }
    assert_eq!(bench.get("/users").await.header("x-ms-throttle-limit-percentage"), "1.00");
}

#[tokio::test]
async fn each_way_of_saying_when_to_come_back_is_kept_to() {
    for (flavour, wishes) in [
        (RetryAfter::Integer, vec!["9"]),
        (RetryAfter::Decimal, vec!["8.766"]),
        (RetryAfter::Date, vec!["Sun, 22 Nov 2026 00:00:11 GMT"]),
        (RetryAfter::Absent, vec![""]),
        (RetryAfter::Absurd, vec!["1000000000000000000", "soon", "NaN", "1e9", "", "-1", "1000000000000000000"]),
    ] {
        let bench = Bench::new().await;
        bench.add("ada");
        bench
            .north()
            .settings(|s| {
                s.limits = Limits {
                    app_writes: Limit::new(1, 10),
                    retry_after: flavour,
                    refused_count: false,
                    ..Limits::off()
                };
            })
            .unwrap();
        let write = async || bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": "x" })).await;
        bench.clock.fetch_add(500, Ordering::SeqCst);
        assert_eq!(write().await.status, 204);
        bench.clock.fetch_add(1_234, Ordering::SeqCst);
        for wish in wishes {
            let got = write().await;
            assert_eq!((got.status, got.header("retry-after")), (429, wish), "{flavour:?}");
        }
        // The truth, whatever was said.
        bench.clock.fetch_add(8_765, Ordering::SeqCst);
        assert_eq!(write().await.status, 429);
        bench.clock.fetch_add(1, Ordering::SeqCst);
        assert_eq!(write().await.status, 204);
    }
}

#[tokio::test]
async fn foreign_apps_use_up_the_tenants_share_and_nothing_else() {
    let bench = Bench::new().await;
    bench.add("ada");
    bench.north().settings(|s| s.limits.tenant_writes = Limit::new(10, 300)).unwrap();
    let write = async || bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": "x" })).await;
    assert_eq!(bench.north().foreign_writes(7).unwrap(), 0);
    for _ in 0..3 {
        assert_eq!(write().await.status, 204);
    }
    let got = write().await;
    assert_eq!(got.status, 429);
    assert!(got.header("x-ms-throttle-scope").starts_with("Tenant/Write/"));
    assert_eq!(bench.north().foreign_writes(4).unwrap(), 4);
    assert_eq!(bench.north().foreign_counts().unwrap(), ForeignCounts { writes: 11, refused: 4 });
    assert_eq!(refused(&bench.world), [(LimitName::TenantWrites, 1)], "foreign refusals are not ours");
    assert_eq!(most(&bench.world, LimitName::TenantWrites), Some(15));
    assert_eq!(most(&bench.world, LimitName::AppWrites), Some(4), "our own share holds our own writes");
    assert_eq!(bench.world.ledger().len(), 4);
}

/// Foreign writes that arrived after `looks` at these instants, in milliseconds from the start.
async fn steady(per_second: f64, looks: &[u64]) -> ForeignCounts {
    let bench = Bench::new().await;
    bench
        .north()
        .settings(|s| {
            s.limits.tenant_writes = Limit::new(30, 20);
            s.foreign = Foreign { writes_per_second: per_second };
        })
        .unwrap();
    for at in looks {
        bench.clock.store(START + at, Ordering::SeqCst);
        bench.world.peaks();
    }
    bench.north().foreign_counts().unwrap()
}

#[tokio::test]
async fn steady_foreign_writes_come_at_their_own_instants_whoever_looks() {
    let counts = |writes, refused| ForeignCounts { writes, refused };
    for (rate, whole) in [
        (0.0, counts(0, 0)),
        (-1.0, counts(0, 0)),
        (f64::NAN, counts(0, 0)),
        (0.7, counts(42, 0)),
        (1.5, counts(90, 0)),
    ] {
        assert_eq!(steady(rate, &[60_000]).await, whole, "{rate}");
    }
    // Two a second in a window that lets 1.5 pass: thirty go through in the first 15 s, and as refused ones count, no more.
    let once = steady(2.0, &[60_000]).await;
    assert_eq!(once, counts(120, 90));
    let often: Vec<u64> = (1..=600).map(|n| n * 100).collect();
    assert_eq!(steady(2.0, &often).await, once, "looking changes nothing");
    assert_eq!(steady(2.0, &[1, 333, 334, 9_999, 59_999, 60_000]).await, once);
    assert_eq!(steady(2.0, &[499]).await, counts(0, 0));
    assert_eq!(steady(2.0, &[500]).await, counts(1, 0));
    // Every third of a second, on the first whole millisecond after it.
    let bench = Bench::new().await;
    let north = bench.north();
    north.settings(|s| s.foreign.writes_per_second = 3.0).unwrap();
    for (millis, writes) in [(333, 0), (334, 1), (666, 1), (667, 2), (999, 2), (1_000, 3)] {
        bench.clock.store(START + millis, Ordering::SeqCst);
        assert_eq!(north.foreign_counts().unwrap().writes, writes, "{millis}");
    }
    bench.pass(1);
    let peak = bench.world.peaks().pop().unwrap();
    assert_eq!((peak.most, peak.at), (6, Timestamp(START + 2_000)));
    north.settings(|s| s.limits.tenant_writes = Limit::new(30, 1)).unwrap();
    bench.clock.fetch_add(400, Ordering::SeqCst);
    let peak = bench.world.peaks().pop().unwrap();
    assert_eq!((peak.most, peak.at, peak.limit), (3, Timestamp(START + 2_334), Limit::new(30, 1)), "begun anew");
    // A new rate counts from its edit on.
    let bench = Bench::new().await;
    let north = bench.north();
    for (rate, writes) in [(1.0, 10), (3.0, 40), (0.0, 40), (0.5, 45)] {
        north.settings(|s| s.foreign.writes_per_second = rate).unwrap();
        bench.pass(10);
        assert_eq!(north.foreign_counts().unwrap().writes, writes, "{rate}");
    }
    assert_eq!(most(&bench.world, LimitName::TenantWrites), Some(45));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_hangs_never_comes() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    bench.north().fault(Fault::next(1, Kind::Patch, Effect::Hang { applied: true })).unwrap();
    bench.north().fault(Fault::next(1, Kind::Get, Effect::Hang { applied: false })).unwrap();
    let a_week = std::time::Duration::from_secs(7 * 24 * 3600);
    let path = format!("/users/{id}");
    let write = bench.call("PATCH", &path, json!({ "jobTitle": "x" }));
    assert!(tokio::time::timeout(a_week, write).await.is_err());
    assert_eq!(bench.north().user(&id).unwrap()["jobTitle"], "x", "it was done all the same");
    let entry = &bench.world.ledger()[0];
    assert!(entry.applied && entry.dropped);
    let read = json!({ "requests": [{ "id": "1", "method": "GET", "url": path }] });
    assert!(
        tokio::time::timeout(a_week, bench.call("POST", "/$batch", read)).await.is_err(),
        "one item holds up its batch"
    );
    // Nobody else is held up.
    let bench = bench.with_new_token().await;
    assert_eq!(bench.get(&path).await.status, 200);
}

#[tokio::test]
async fn over_a_socket_a_hanging_connection_stays_open() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let bench = Bench::new().await;
    bench.north().fault(Fault::next(1, Kind::List, Effect::Hang { applied: false })).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = crosstie::sim::serve(listener, Arc::clone(&bench.world), std::future::pending());
    let head = format!("GET /v1.0/users HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer {}\r\n\r\n", bench.token);
    let client = async {
        let mut hanging = tokio::net::TcpStream::connect(address).await.unwrap();
        hanging.write_all(head.as_bytes()).await.unwrap();
        // The fault is spent once the first request has arrived.
        while !bench.north().faults().is_empty() {
            tokio::task::yield_now().await;
        }
        let mut other = tokio::net::TcpStream::connect(address).await.unwrap();
        other.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = [0; 15];
        other.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"HTTP/1.1 200 OK");
        let nothing = hanging.try_read(&mut bytes).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "neither an answer nor an end");
    };
    tokio::select! { () = client => {}, ended = served => panic!("{ended:?}") }
}

#[tokio::test]
async fn the_control_endpoint_tells_and_sets_it_all() {
    let bench = Bench::new().await;
    bench.add("ada");
    let control = async |method: &str, path: &str, body: Value| {
        bench.call(method, &format!("http://sim/_sim/{path}"), body).await
    };
    let limit = json!({ "count": 2, "seconds": 15 });
    assert_eq!(control("PUT", "limits/app-writes", limit.clone()).await.body, limit);
    assert_eq!(control("PUT", "limits/writes", limit.clone()).await.status, 400);
    assert_eq!(control("PUT", "app-limit", json!({ "count": 70, "seconds": 300 })).await.status, 200);
    let settings =
        json!({ "foreign": { "writes_per_second": 0.5 }, "limits": { "retry_after": "date", "announce_load": false } });
    assert_eq!(control("PATCH", "tenants/north/settings", settings).await.status, 200);
    assert_eq!(control("POST", "tenants/north/foreign", json!({ "writes": 4 })).await.body, json!({ "refused": 0 }));
    assert_eq!(control("POST", "tenants/north/foreign", json!({})).await.status, 400);
    bench.pass(4);
    for status in [204, 204, 429] {
        let got = bench.call("PATCH", "/users/ada@north.example", json!({ "jobTitle": "x" })).await;
        assert_eq!(got.status, status);
    }
    assert_eq!(control("GET", "tenants/north/foreign", Value::Null).await.body, json!({ "writes": 6, "refused": 0 }));
    let throttled = json!([{ "window": "app-writes", "tenant": "north", "app": CLIENT, "refused": 1 }]);
    assert_eq!(control("GET", "throttled", Value::Null).await.body, throttled);
    let peaks = control("GET", "peaks", Value::Null).await.body;
    let at = START + 4_000;
    let expected =
        json!({ "window": "app-writes", "tenant": "north", "app": CLIENT, "most": 3, "limit": limit, "at": at });
    assert!(peaks.as_array().unwrap().contains(&expected), "{peaks}");
    let everywhere = json!({ "window": "everywhere-writes", "tenant": null, "app": CLIENT, "most": 3,
                             "limit": { "count": 70, "seconds": 300 }, "at": at });
    assert!(peaks.as_array().unwrap().contains(&everywhere), "{peaks}");
    let got = token(&bench.world, GOOD_FORM).await;
    assert_eq!(got.status, 200, "tokens are another service's");
}

#[test]
fn limits_are_written_as_counts_and_seconds() {
    assert_eq!("300/15".parse(), Ok(Limit::new(300, 15)));
    assert_eq!("off".parse(), Ok(Limit::OFF));
    for bad in ["300", "300/", "/15", "300/0", "-1/5", "300/1.5", ""] {
        assert!(bad.parse::<Limit>().is_err(), "{bad}");
    }
    for name in LimitName::ALL {
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(json!(name), json!(name.as_str()));
    }
    assert!("writes".parse::<LimitName>().unwrap_err().contains("app-writes, app-writes-hour, "));
}
