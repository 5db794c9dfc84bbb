//! Which server does a test need that no simulator is? One that answers by hand, or stands between.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{Request, read_message, try_ask};

/// What comes back.
pub enum Reply {
    /// A whole answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: String },
    /// A head, then bytes without end as fast as they go.
    Endless,
    /// A head, then a byte now and then.
    Trickle,
    /// What another server says.
    Forward(String),
}

impl Reply {
    pub fn json(body: impl ToString) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Reply::Answer { status: 200, headers, body: body.to_string() }
    }
}

/// Listens on a free port until it goes out of scope, and remembers what it was asked.
pub struct Server {
    pub root: String,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let (seen, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (handler, seen_by, ended) = (Arc::new(handler), Arc::clone(&seen), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (handler, seen, ended) = (Arc::clone(&handler), Arc::clone(&seen_by), Arc::clone(&ended));
                std::thread::spawn(move || drop(answer(&stream, handler.as_ref(), &seen, &ended)));
            }
        });
        Self { root, seen, over }
    }
    /// Everything that was asked, in order. A connection without a request counts as an empty one.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.root.trim_start_matches("http://"));
    }
}

fn answer(
    stream: &TcpStream,
    handler: &(impl Fn(&Request) -> Reply + ?Sized),
    seen: &Mutex<Vec<Request>>,
    over: &AtomicBool,
) -> std::io::Result<()> {
    let read = read_message(&mut BufReader::new(stream));
    let mut request = Request::default();
    if let Ok((first, headers, body)) = &read {
        let mut words = first.split(' ').map(str::to_owned);
        request.method = words.next().unwrap_or_default();
        request.path = words.next().unwrap_or_default();
        request.headers.clone_from(headers);
        request.body = String::from_utf8_lossy(body).into_owned();
    }
    seen.lock().unwrap().push(request.clone());
    read?;
    let mut out = stream;
    match handler(&request) {
        Reply::Answer { status, headers, body } => whole(out, status, &headers, &body),
        Reply::Forward(root) => {
            let answer = try_ask(&root, &request)?;
            whole(out, answer.status, &answer.headers, &answer.body)
        }
        Reply::Endless => {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"value\":[")?;
            let block = vec![b' '; 1 << 20];
            while !over.load(Ordering::SeqCst) {
                out.write_all(&block)?;
            }
            Ok(())
        }
        Reply::Trickle => {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"value\":[")?;
            while !over.load(Ordering::SeqCst) {
                out.write_all(b" ")?;
                std::thread::sleep(Duration::from_millis(200));
            }
            Ok(())
        }
    }
}

fn whole(mut out: &TcpStream, status: u16, headers: &[(String, String)], body: &str) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        if !["connection", "content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str()) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    out.write_all(format!("{head}\r\n{body}").as_bytes())
}
