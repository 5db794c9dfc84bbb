//! Do the laws of the wire hold on a real socket? A hand-made server, a real HTTP client, hostile answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod graph_support;

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use crosstie::graph::{
    GraphClient, GraphWriter, HttpTransport, Limits, Proof, RequestIds, RouterTransport, Transport, TransportErrorKind,
};
use crosstie::model::Cursor;
use crosstie::ports::{DirectoryRead, DirectoryWrite, Invitation, Retry, Write};
use graph_support::{JumpingClock, SECRET, selection, tenant_at};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
enum Reply {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, then nothing for ever.
    Stall(Vec<u8>),
    /// The connection is closed without a word.
    Close,
}

struct Server {
    listener: TcpListener,
    /// Requests as they came, head and body.
    seen: RefCell<Vec<String>>,
}

impl Server {
    async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), seen: RefCell::default() }
    }
    fn root(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }
    fn writer(&self) -> GraphWriter<HttpTransport, JumpingClock> {
        let proof = Proof::Secret(SECRET.to_owned().into());
        let (transport, clock) = (HttpTransport::new().unwrap(), JumpingClock::default());
        let ids = RequestIds::random().unwrap();
        GraphWriter::new(GraphClient::new(&tenant_at(&self.root()), proof, transport, clock, ids).unwrap())
    }
    /// Serves one connection after the other, one request each, until `client` has ended.
    async fn serve<R>(&self, answer: impl Fn(&str) -> Reply, client: impl Future<Output = R>) -> R {
        let server = async {
            let mut stalled = Vec::new();
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                let reply = answer(&request);
                self.seen.borrow_mut().push(request);
                match reply {
                    // A client that has read enough hangs up while we write; that is its right.
                    Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
                    Reply::Stall(bytes) => {
                        stream.write_all(&bytes).await.unwrap();
                        stalled.push(stream);
                    }
                    Reply::Close => {}
                }
            }
        };
        tokio::select! { ended = client => ended, () = server => unreachable!() }
    }
    /// The same, with the token endpoint working.
    async fn serve_graph<R>(&self, answer: impl Fn(&str) -> Reply, client: impl Future<Output = R>) -> R {
        let with_token = |request: &str| {
            if request.contains("/oauth2/v2.0/token") {
                return ok(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"canary-token"}"#);
            }
            answer(request)
        };
        self.serve(with_token, client).await
    }
    fn graph_requests(&self) -> Vec<String> {
        self.seen.borrow().iter().filter(|r| !r.contains("/oauth2/")).cloned().collect()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    Reply::Bytes([head.as_bytes(), body].concat())
}
fn ok(body: &str) -> Reply {
    reply("200 OK", "", body.as_bytes())
}
fn invite() -> Write {
    Write::Invite(Invitation { address: "a@b.c".to_owned(), display_name: None, user_type: "Guest".to_owned() })
}
const LIMITS: Limits = Limits { body_bytes_max: 1024 * 1024, deadline: Duration::from_secs(5) };
fn get(root: &str) -> Request<Bytes> {
    Request::get(format!("{root}/x")).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn redirects_and_foreign_links_get_no_token() {
    let (server, stranger) = (Server::new().await, Server::new().await);
    let writer = server.writer();
    let location = format!("location: {}/v1.0/users/delta\r\n", stranger.root());
    let link = format!(r#"{{"value":[],"@odata.nextLink":"{}/v1.0/users/delta?$skiptoken=1"}}"#, stranger.root());
    let everything = selection(&["mail"]);
    let asking = async {
        for _ in 0..2 {
            let error = writer.delta_page(&everything, &Cursor::Start).await.unwrap_err();
            assert_eq!(error.retry, Retry::Never, "{error}");
        }
        let error = writer.write("i", &invite()).await.unwrap_err();
        assert_eq!((error.retry, error.status), (Retry::Never, Some(307)));
    };
    let count = RefCell::new(0);
    let answer = |_: &str| {
        *count.borrow_mut() += 1;
        match *count.borrow() {
            1 => reply("302 Found", &location, b""),
            2 => ok(&link),
            _ => reply("307 Temporary Redirect", &location, b""),
        }
    };
    let strange = |_: &str| panic!("the stranger was asked");
    stranger.serve(strange, server.serve_graph(answer, asking)).await;
    assert_eq!(server.graph_requests().len(), 3);
    assert!(server.graph_requests().iter().all(|r| r.contains("authorization: Bearer canary-token")));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_looked_for() {
    let server = Server::new().await;
    let writer = server.writer();
    let cut: fn() -> Reply =
        || Reply::Bytes(b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{\"invitedUser\"".to_vec());
    for fault in [|| Reply::Close, cut] {
        let error = server.serve_graph(|_| fault(), writer.write("i", &invite())).await.unwrap_err();
        assert_eq!((error.retry, error.detail.code.as_str()), (Retry::LookAgain, "AnswerLost"), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert_eq!(server.graph_requests().len(), 2, "one request each, none sent again");

    let restore = Write::Restore { account: "u".into() };
    let restored = writer.write("i", &restore);
    server.serve_graph(|_| reply("200 OK", "", b"{}"), restored).await.unwrap();
    let sent = server.graph_requests().pop().unwrap();
    assert!(sent.starts_with("POST /v1.0/directory/deletedItems/u/restore HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("content-length: 0") && sent.contains("user-agent: crosstie/"), "{sent}");
}

#[tokio::test]
async fn a_write_that_never_left_can_be_repeated() {
    let server = Server::new().await;
    let writer = server.writer();
    let delete = Write::Delete { account: "u".into() };
    let first = writer.write("i", &delete);
    server.serve_graph(|_| reply("204 No Content", "", b""), first).await.unwrap();
    drop(server);
    let error = writer.write("i", &invite()).await.unwrap_err();
    assert_eq!((error.retry, error.detail.code.as_str()), (Retry::Again { not_before: None }, "NotSent"), "{error}");

    let transport = HttpTransport::new().unwrap();
    let error = transport.send(get("http://192.0.2.1"), LIMITS).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NotSent, "no token in clear text: {error}");
}

#[tokio::test]
async fn slow_answers_meet_the_deadline() {
    let transport = HttpTransport::new().unwrap();
    let limits = Limits { deadline: Duration::from_millis(300), ..LIMITS };
    let slow: [fn() -> Reply; 3] = [
        || Reply::Stall(Vec::new()),
        || Reply::Stall(b"HTTP/1.1 200 OK\r\nx-".to_vec()),
        || Reply::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
    ];
    for answer in slow {
        let server = Server::new().await;
        let error = server.serve(|_| answer(), transport.send(get(&server.root()), limits)).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Lost, "{error}");
    }
}

/// `gzip` of so many `a`s: one literal, then matches of 258 at distance 1, in one block with fixed codes.
fn gzip_bomb(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut buffer, mut filled) = (0_u32, 0);
    let mut put = |value: u32, count: u32| {
        buffer |= value << filled;
        filled += count;
        while filled >= 8 {
            out.push(buffer as u8);
            buffer >>= 8;
            filled -= 8;
        }
    };
    let huffman = |code: u32, count: u32| code.reverse_bits() >> (32 - count);
    put(0b011, 3);
    put(huffman(0x30 + u32::from(b'a'), 8), 8);
    for _ in 0..bytes / 258 {
        put(huffman(0b1100_0101, 8), 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 7);
    out
}

#[tokio::test]
async fn large_answers_are_cut_off() {
    let transport = HttpTransport::new().unwrap();
    let server = Server::new().await;
    let root = server.root();
    let send = || transport.send(get(&root), LIMITS);

    let large = vec![b' '; LIMITS.body_bytes_max + 1];
    let error = server.serve(|_| reply("200 OK", "", &large), send()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::TooLarge);
    let fits = server.serve(|_| reply("200 OK", "", &large[1..]), send()).await.unwrap();
    assert_eq!(fits.body().len(), LIMITS.body_bytes_max);

    let bomb = gzip_bomb(64 * 1024 * 1024);
    assert!(bomb.len() < LIMITS.body_bytes_max / 2);
    let zipped = |status| reply(status, "content-encoding: gzip\r\n", &bomb);
    let error = server.serve(|_| zipped("200 OK"), send()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::TooLarge, "counted after decompression: {error}");

    // A refusal counts by its status, however much it says.
    let refusal = server.serve(|_| zipped("503 Service Unavailable"), send()).await.unwrap();
    assert_eq!((refusal.status().as_u16(), refusal.body().len()), (503, 64 * 1024));
}

#[tokio::test(start_paused = true)]
async fn the_router_in_process_keeps_the_same_limits() {
    use axum::routing::get as route;
    let router = axum::Router::new()
        .route("/large", route(|| async { vec![b' '; 2 * 1024 * 1024] }))
        .route("/slow", route(|| tokio::time::sleep(Duration::from_secs(3600))))
        .route("/dropped", route(|| async { [("x-sim-dropped", "1")] }))
        .route("/fine", route(|| async { "fine" }));
    let transport = std::rc::Rc::new(RouterTransport::new(router));
    let send = |path: &str| {
        let request = Request::get(format!("https://graph.example{path}")).body(Bytes::new()).unwrap();
        transport.send(request, LIMITS)
    };
    assert_eq!(send("/large").await.unwrap_err().kind, TransportErrorKind::TooLarge);
    assert_eq!(send("/slow").await.unwrap_err().kind, TransportErrorKind::Lost);
    assert_eq!(send("/dropped").await.unwrap_err().kind, TransportErrorKind::Lost);
    assert_eq!(send("/fine").await.unwrap().body(), "fine");
}
