//! Does it answer whoever asks, whoever else asks, and whatever they send? On real sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;

use super::super::Exit;
use super::super::metrics::Metrics;
use super::super::metrics::tests::{Page, clock};
use super::seats::{REQUEST_BYTES_MAX, SEATS_MAX};
use super::{ListenError, Listener, SILENT_SECONDS_MAX, Shared, Token, wanted};
use crate::config::{Listen, SecretSource};

const TOKEN: &str = "a token that nobody guesses";
/// Longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    _listener: Listener,
    address: SocketAddr,
    shared: Arc<Shared>,
    time: Arc<AtomicU64>,
}

fn place(token: Option<&str>) -> Place {
    place_at("127.0.0.1:0", token)
}

fn place_at(address: &str, token: Option<&str>) -> Place {
    let token = token.map(|token| Token::of(&SecretString::from(token)));
    let address = address.parse().unwrap();
    placed(|shared| Listener::start(address, token, shared).unwrap())
}

fn placed(start: impl FnOnce(Arc<Shared>) -> (Listener, SocketAddr)) -> Place {
    let (time, now) = clock();
    let shared = Arc::new(Shared::new(Metrics::new(now)));
    let (listener, address) = start(Arc::clone(&shared));
    Place { _listener: listener, address, shared, time }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Place {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.address.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
    /// Sends what is given and reads to the end; nothing where there was no answer.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // Whoever is refused early may find the door closed.
        let _ = stream.write_all(bytes);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        String::from_utf8(all).unwrap()
    }
    fn ask(&self, method: &str, path: &str, header: &str) -> Answer {
        let text = self.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n").as_bytes());
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }
    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }
    fn with(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &format!("Authorization: Bearer {token}\r\n"))
    }
    fn pass(&self, seconds: u64) {
        self.time.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }
}

#[test]
fn it_lives_until_the_main_loop_is_silent_and_again_when_it_beats() {
    let place = place(None);
    assert_eq!((place.get("/healthz").status, place.get("/healthz").body.as_str()), (200, "ok\n"));
    place.pass(SILENT_SECONDS_MAX - 1);
    assert_eq!(place.get("/healthz").status, 200);
    place.pass(1);
    let stalled = place.get("/healthz");
    assert_eq!((stalled.status, stalled.body.as_str()), (503, "the main loop gave no sign of life for 60 s\n"));
    place.shared.beat();
    assert_eq!(place.get("/healthz").status, 200);
}

#[test]
fn it_is_ready_once_it_says_so_and_says_why_it_is_not() {
    let place = place(None);
    let first = place.get("/readyz");
    assert_eq!((first.status, first.body.as_str()), (503, "the first cycle has not ended\n"));
    place.shared.ready(Ok(()));
    assert_eq!((place.get("/readyz").status, place.get("/readyz").body.as_str()), (200, "ready\n"));
    let why = ["south could not be read: HTTP/1.1 200 OK\r\n\r\nready".to_owned(), "x".repeat(100_000)];
    place.shared.ready(Err(why.to_vec()));
    let not = place.get("/readyz");
    assert_eq!(not.status, 503);
    assert!(not.body.starts_with("south could not be read: HTTP/1.1 200 OK\\u{d}\\u{a}"), "{}", not.body);
    assert!(not.body.lines().count() == 2 && not.body.len() < 1_000, "{}", not.body);
    place.shared.ready(Err(Vec::new()));
    assert_eq!(place.get("/readyz").status, 503);
    place.shared.ready(Err(vec!["no".to_owned(); 10_000]));
    assert_eq!(place.get("/readyz").body.lines().count(), 50);
    // Whoever does not live is not ready.
    place.shared.ready(Ok(()));
    place.pass(SILENT_SECONDS_MAX);
    assert_eq!(place.get("/readyz").status, 503);
}

#[test]
fn metrics_are_openmetrics_and_say_so() {
    let place = place(None);
    let answer = place.get("/metrics");
    assert_eq!(answer.status, 200);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{}", answer.head);
    place.pass(7);
    let page = Page::of(&place.get("/metrics?whatever=1").body);
    assert_eq!(page.value("crosstie_heartbeat_age_seconds", &[]), 7.0);
}

#[test]
fn only_get_and_head_of_three_pages() {
    let place = place(None);
    for path in ["/", "/metrics/", "//metrics", "/METRICS", "/healthz%20", "/../metrics", "/%2e%2e/healthz"] {
        assert_eq!(place.get(path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let answer = place.ask(method, "/metrics", "Content-Length: 0\r\n");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: get, head"), "{}", answer.head);
    }
    let (head, get) = (place.ask("HEAD", "/metrics", ""), place.get("/metrics"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.head.contains(&format!("content-length: {}", get.body.len())), "{}", head.head);
    for part in ["connection: close", "cache-control: no-store", "x-content-type-options: nosniff"] {
        assert!(get.head.contains(part), "{}", get.head);
    }
    // As old clients and probes ask.
    assert!(place.send(b"GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200"));
}

#[test]
fn with_a_token_numbers_take_it_and_probes_on_this_machine_do_not() {
    let place = place(Some(TOKEN));
    assert_eq!((place.get("/healthz").status, place.get("/readyz").status), (200, 503));
    assert_eq!(place.with("/metrics", TOKEN).status, 200);
    let lower = format!("aUtHoRiZaTiOn: bearer {TOKEN}\r\n");
    assert_eq!(place.ask("GET", "/metrics", &lower).status, 200, "the scheme's case says nothing");
    for header in [
        String::new(),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: {TOKEN}\r\n"),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("Authorization: Bearer {TOKEN}x\r\n"),
        format!("Authorization: Bearer {}\r\n", TOKEN.to_uppercase()),
        format!("Authorization: Bearer {TOKEN}, Bearer {TOKEN}\r\n"),
        format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\n"),
        format!("Cookie: {TOKEN}\r\n"),
    ] {
        let answer = place.ask("GET", "/metrics", &header);
        assert_eq!((answer.status, answer.body.as_str()), (401, "unauthorized\n"), "{header}");
        assert!(answer.head.contains("www-authenticate: bearer"));
    }
    for path in [format!("/metrics?token={}", TOKEN.replace(' ', "%20")), "/anything".to_owned()] {
        assert_eq!(place.get(&path).status, 401, "{path}: what is there is nobody's business");
    }
    assert_eq!(place.ask("POST", "/metrics", "Content-Length: 0\r\n").status, 401);
}

#[test]
fn on_any_other_address_everything_takes_the_token() {
    let shared = Arc::new(Shared::new(Metrics::new(clock().1)));
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:0"] {
        let refused = Listener::start(address.parse().unwrap(), None, Arc::clone(&shared)).map(|(_, at)| at);
        let error = refused.expect_err(address);
        assert!(matches!(error, ListenError::NeedsToken(_)) && error.to_string().contains("hint:"), "{error}");
    }
    let place = place_at("0.0.0.0:0", Some(TOKEN));
    for path in ["/healthz", "/readyz", "/metrics", "/"] {
        assert_eq!(place.get(path).status, 401, "{path}");
    }
    assert_eq!((place.with("/healthz", TOKEN).status, place.with("/readyz", TOKEN).status), (200, 503));
    assert_eq!(place.with("/metrics", TOKEN).status, 200);
}

#[test]
fn an_address_that_is_taken_is_an_error_and_a_dropped_listener_lets_it_go() {
    let first = place(None);
    let address = first.address;
    let again = Listener::start(address, None, Arc::clone(&first.shared)).map(|(_, at)| at).unwrap_err();
    assert!(matches!(again, ListenError::System(..)) && again.to_string().contains(&address.to_string()), "{again}");
    let slow = first.connect();
    drop(first);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more, and nobody was waited for");
    drop(slow);
    place_at(&address.to_string(), None);
}

#[test]
fn whoever_is_slow_holds_up_nobody() {
    let place = place(None);
    // More than there are seats, each with a request that never ends.
    let mut slow: Vec<TcpStream> = (0..SEATS_MAX * 3)
        .map(|n| {
            let mut stream = place.connect();
            let part = &b"GET /metrics HTTP/1.1\r\nX: "[..if n + 1 == SEATS_MAX * 3 { 26 } else { n % 26 }];
            stream.write_all(part).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(place.get("/healthz").status, 200);
        slow.iter_mut().for_each(|stream| drop(stream.write_all(b"x")));
    }
    // Those who came first have lost their seats; the last ones still have theirs.
    let mut first = Vec::new();
    let _ = slow[0].read_to_end(&mut first);
    assert!(!String::from_utf8_lossy(&first).contains(" 200 "), "{first:?}");
    let last = slow.last_mut().unwrap();
    last.write_all(b"\r\n\r\n").unwrap();
    let mut answer = String::new();
    last.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_connection_ends_after_its_time_whatever_is_sent() {
    let lasts = Duration::from_millis(500);
    let place = placed(|shared| Listener::begin("127.0.0.1:0".parse().unwrap(), None, shared, lasts).unwrap());
    let mut drip = place.connect();
    drip.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
    let mut silent = place.connect();
    let (ended, waits) = std::sync::mpsc::channel();
    let dripping = drip.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut dripping = dripping;
            while waits.recv_timeout(Duration::from_millis(20)).is_err() && dripping.write_all(b"x").is_ok() {}
        });
        // Both are closed by the other side: reading comes to an end before the test's own patience does.
        for stream in [&mut drip, &mut silent] {
            let mut all = Vec::new();
            let end = stream.read_to_end(&mut all);
            let timed_out = |e: &std::io::Error| e.kind() == std::io::ErrorKind::WouldBlock;
            assert!(!end.as_ref().is_err_and(timed_out), "{end:?}");
            assert!(!String::from_utf8_lossy(&all).contains(" 200 "));
        }
        let _ = ended.send(());
    });
}

#[test]
fn many_at_once_are_all_answered() {
    let place = place(None);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(place.get("/metrics").status, 200)));
        }
    });
}

#[test]
fn garbage_is_refused_and_the_next_one_is_answered() {
    let place = place(None);
    let long = vec![b'a'; REQUEST_BYTES_MAX * 2];
    let headers: String = (0..500).map(|n| format!("X{n}: y\r\n")).collect();
    let cases: Vec<Vec<u8>> = vec![
        b"\0\x01\x02\xff\xfe\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"PRI * HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /metrics HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /metrics HTTP/1.1\r\nBad Header: x\r\n\r\n".to_vec(),
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec(),
        [b"GET /".as_slice(), &long, b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat(),
        [b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ".as_slice(), &long, b"\r\n\r\n"].concat(),
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes(),
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_vec(),
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n".to_vec(),
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_vec(),
        long,
    ];
    for case in cases {
        let answer = place.send(&case);
        assert!(!answer.contains(" 200 "), "{:?}: {answer}", String::from_utf8_lossy(&case[..case.len().min(80)]));
        assert_eq!(place.get("/healthz").status, 200);
    }
    // Somebody who goes away in the middle of a request.
    place.connect().write_all(b"GET /metr").unwrap();
    let cut = place.connect();
    cut.shutdown(Shutdown::Both).unwrap();
    assert_eq!(place.get("/healthz").status, 200);
}

#[test]
fn nothing_hides_behind_a_request() {
    let place = place(Some(TOKEN));
    let inner = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let length = inner.len();
    for request in [
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n{inner}"),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{inner}"),
        format!(
            "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n{inner}{inner}"),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n{inner}"),
    ] {
        let answers = place.send(request.as_bytes());
        assert!(
            answers.matches("HTTP/1.1 ").count() <= 1 && !answers.contains("crosstie_"),
            "{request}\n---\n{answers}"
        );
    }
}

#[test]
fn where_it_listens_is_configured_and_the_option_goes_first() {
    let loaded = |listen: Listen| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sync-rules")).unwrap();
        std::fs::write(folder.path().join("sync-rules/staff.toml"), "account = \"member\"\n").unwrap();
        let tenant = |n: u8| {
            format!(
                "[tenants.t{n}]\nid = \"6f1c0d3e-0000-4000-8000-00000000000{n}\"\nclient_id = \
                 \"0b9b0d64-0000-4000-8000-00000000000{n}\"\nclient_secret = {{ env = \"X\" }}\n"
            )
        };
        let route = "[[route]]\nhome = \"t1\"\ntarget = \"t2\"\nrules = \"staff\"\n";
        let path = folder.path().join("crosstie.toml");
        std::fs::write(&path, tenant(1) + &tenant(2) + route).unwrap();
        let mut config = crate::config::load_with(&path, &|_| Some("x".to_owned())).unwrap().config;
        assert_eq!(config.listen, Listen::default());
        config.listen = listen;
        config
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let at = |text: &str| Some(text.parse::<SocketAddr>().unwrap());
    let (secret, missing) = (SecretSource::File(file), SecretSource::File(folder.path().join("nothing")));
    let nowhere = loaded(Listen::default());
    assert!(wanted(&nowhere, None).unwrap().is_none());
    let (address, token) = wanted(&nowhere, Some("localhost:9")).unwrap().unwrap();
    assert!(address == at("127.0.0.1:9").unwrap() && token.is_none());
    for wrong in ["9464", ":9464", "127.0.0.1", "example.com:80", "127.0.0.1:99999", "http://127.0.0.1:1", ""] {
        assert_eq!(wanted(&nowhere, Some(wrong)).err(), Some(Exit::Usage), "{wrong}");
    }
    assert_eq!(wanted(&nowhere, Some("0.0.0.0:1")).err(), Some(Exit::Usage), "it needs a token");
    let somewhere = loaded(Listen { address: at("127.0.0.1:1"), token: Some(secret) });
    assert_eq!(wanted(&somewhere, None).unwrap().unwrap().0, at("127.0.0.1:1").unwrap());
    let (address, token) = wanted(&somewhere, Some("0.0.0.0:2")).unwrap().unwrap();
    assert_eq!(address, at("0.0.0.0:2").unwrap());
    assert!(token.unwrap().fits(TOKEN.as_bytes()), "the line's end is none of it");
    let tokenless = loaded(Listen { address: at("127.0.0.1:1"), token: Some(missing) });
    assert_eq!(wanted(&tokenless, None).err(), Some(Exit::Usage), "a token that is not there is not left out");
}
