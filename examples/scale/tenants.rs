//! How are the simulated tenants served, edited and counted?

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::read_message;
use super::people;

/// Every window that the simulator keeps: benchmarks of our own speed run without any.
const LIMITS: [&str; 7] = [
    "app-writes",
    "app-writes-hour",
    "tenant-writes",
    "everywhere-writes",
    "invitations",
    "app-units",
    "everywhere-units",
];
/// As many as real tenants send at most.
pub const PAGE: &str = "999";

/// Simulated tenants in a process of their own, ended when this goes out of scope.
pub struct Tenants {
    process: Child,
    pub root: String,
}

/// What they have been asked so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub requests: u64,
    pub writes: u64,
    pub bytes: u64,
}

impl std::ops::Sub for Seen {
    type Output = Seen;
    fn sub(self, before: Seen) -> Seen {
        Seen {
            requests: self.requests - before.requests,
            writes: self.writes - before.writes,
            bytes: self.bytes - before.bytes,
        }
    }
}

impl Tenants {
    /// Without any limit.
    pub fn serve(crosstie: &Path, folder: &Path) -> Self {
        Self::limited(crosstie, folder, &LIMITS.map(|name| format!("{name}=off")))
    }
    /// With all limits of real tenants, but for these.
    pub fn limited(crosstie: &Path, folder: &Path, limits: &[String]) -> Self {
        let mut command = Command::new(crosstie);
        command.arg("sim").arg("--dir").arg(folder).args(["--listen", "127.0.0.1:0", "--page-size", PAGE]);
        for limit in limits {
            command.args(["--limit", limit]);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
        let root = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("the simulator said {line:?}"));
        Self { root: root.to_owned(), process }
    }
    pub fn id(&self) -> u32 {
        self.process.id()
    }
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut connection = Connection::open(&self.root);
        let body = connection.ask(method, &format!("/_sim/{path}"), &[], &text);
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }
    pub fn seen(&self) -> Seen {
        let stats = self.control("GET", "stats", &Value::Null);
        let kinds = || stats.as_object().into_iter().flatten().filter_map(|(_, kinds)| kinds.as_object()).flatten();
        let is_write = |kind: &str| ["invite", "patch", "manager", "delete", "restore"].contains(&kind);
        let sum = |all: &mut dyn Iterator<Item = (&String, &Value)>| all.filter_map(|(_, n)| n.as_u64()).sum();
        let bytes = self.control("GET", "traffic", &Value::Null);
        Seen {
            requests: sum(&mut kinds()),
            writes: sum(&mut kinds().filter(|(kind, _)| is_write(kind))),
            bytes: bytes["sent"].as_u64().unwrap_or_default(),
        }
    }
    /// The tenant's own admin gives so many people, evenly picked, a title that nobody has had yet.
    pub fn change(&self, people: usize, changes: usize, title: &str) {
        let mut connection = Connection::open(&self.root);
        for change in 0..changes {
            let n = change * people / changes;
            let path = format!("/_sim/tenants/north/users/{}", people::home_id(n));
            connection.ask("PATCH", &path, &[], &json!({ "jobTitle": title }).to_string());
        }
    }
    /// Every write that was seen.
    pub fn ledger(&self) -> Vec<Value> {
        let body = Connection::open(&self.root).ask("GET", "/_sim/ledger", &[], "");
        String::from_utf8(body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
    /// The mail address of each user of the tenant.
    pub fn addresses(&self, tenant: &str) -> Vec<String> {
        let users = self.control("GET", &format!("tenants/{tenant}/users?top=100000000"), &Value::Null);
        users.as_array().unwrap().iter().map(|u| u["mail"].as_str().unwrap_or_default().to_owned()).collect()
    }
    pub fn forget_links(&self) {
        for tenant in people::TENANTS {
            self.control("POST", &format!("tenants/{tenant}/expire-links"), &Value::Null);
        }
    }
}

impl Drop for Tenants {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One kept connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub fn open(root: &str) -> Self {
        let host = root.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).unwrap_or_else(|e| panic!("{root}: {e}"));
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
        Self { stream: BufReader::with_capacity(1 << 18, stream), host }
    }
    /// The body of the answer, which has to be a good one.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.host, body.len());
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        head += "\r\n";
        head += body;
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (first, _, answer) = read_message(&mut self.stream).unwrap();
        assert!(first.contains(" 20"), "{method} {path}: {first}\n{}", String::from_utf8_lossy(&answer));
        answer
    }
    /// A bearer token of the tenant, as a header.
    pub fn token(&mut self, tenant: &str) -> String {
        let (id, client) = (people::tenant_id(tenant), people::client_id(tenant));
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
            people::SECRET
        );
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let body = self.ask("POST", &format!("/{id}/oauth2/v2.0/token"), &[kind], &form);
        let body: Value = serde_json::from_slice(&body).unwrap();
        format!("Bearer {}", body["access_token"].as_str().unwrap())
    }
}
