//! What does every test here stand on? A folder with a configuration, the program, and simulated tenants as a process.

mod http;
mod laws;
mod server;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use http::{Request, ask, try_ask};
pub use laws::{People, assert_bystanders, assert_log_matches, assert_mesh, in_scope, native};
pub use server::{Reply, Server};

pub const TENANTS: [&str; 3] = ["north", "south", "west"];
/// No verb of these tests takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(170);

/// How a process ended.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
    #[track_caller]
    pub fn says(self, part: &str) -> Self {
        assert!(self.err.contains(part), "no `{part}` in stderr:\n{}", self.err);
        self
    }
    /// The objects of a `jsonl` output.
    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
    }
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

/// A process under way; killed when it goes out of scope.
pub struct Running {
    child: Child,
    files: Option<(tempfile::NamedTempFile, tempfile::NamedTempFile)>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let files = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
        command.stdin(Stdio::null()).stdout(files.0.reopen().unwrap()).stderr(files.1.reopen().unwrap());
        Self { child: command.spawn().unwrap(), files: Some(files) }
    }
    pub fn id(&self) -> u32 {
        self.child.id()
    }
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
    /// SIGKILL, and gone for sure.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
    #[track_caller]
    pub fn end(self) -> Done {
        self.end_within(PATIENCE)
    }
    #[track_caller]
    pub fn end_within(mut self, patience: Duration) -> Done {
        let until = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "still running after {patience:?}:\n{}", self.said());
            pause(4);
        };
        let (out, err) = self.files.take().unwrap();
        let read = |f: &Path| String::from_utf8_lossy(&std::fs::read(f).unwrap()).into_owned();
        Done { code: status.code(), out: read(out.path()), err: read(err.path()) }
    }
    /// What it has said on stderr so far.
    pub fn said(&self) -> String {
        self.files.as_ref().map(|(_, err)| std::fs::read_to_string(err.path()).unwrap()).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Waits for something that has to come.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        pause(3);
    }
}

/// The program, with nothing of the surroundings' settings.
pub fn crosstie() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("crosstie"));
    command.env_remove("CROSSTIE_CONFIG").env("RUST_BACKTRACE", "0");
    command
}

/// Simulated tenants in a process of their own.
pub struct Sim {
    process: Child,
    pub root: String,
}

impl Sim {
    pub fn start(tenants: &Path, more: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", tenants, more)
    }
    pub fn start_at(address: &str, tenants: &Path, more: &[&str]) -> Self {
        let mut command = crosstie();
        command.arg("sim").arg("--dir").arg(tenants).args(["--listen", address]).args(more);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let root = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("said {line:?}")).to_owned();
        Self { process, root }
    }
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = ask(&self.root, method, &format!("/_sim/{path}"), &text);
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap_or(Value::Null)
    }
    pub fn get(&self, path: &str) -> Value {
        self.control("GET", path, &Value::Null)
    }
    /// Every write that the tenants saw.
    pub fn ledger(&self) -> Vec<Value> {
        self.ledger_since(0)
    }
    pub fn ledger_since(&self, seq: u64) -> Vec<Value> {
        let answer = ask(&self.root, "GET", &format!("/_sim/ledger?since={seq}"), "");
        answer.body.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
    /// The last write's number.
    pub fn seq(&self) -> u64 {
        self.ledger().last().map_or(0, |e| e["seq"].as_u64().unwrap())
    }
    pub fn users(&self, tenant: &str) -> Vec<Value> {
        self.get(&format!("tenants/{tenant}/users?top=1000000")).as_array().unwrap().clone()
    }
    pub fn everybody(&self) -> BTreeMap<String, Vec<Value>> {
        TENANTS.iter().map(|t| ((*t).to_owned(), self.users(t))).collect()
    }
    pub fn add(&self, tenant: &str, user: &Value) -> String {
        let made = self.control("POST", &format!("tenants/{tenant}/users"), user);
        made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }
    pub fn edit(&self, tenant: &str, user: &str, edits: &Value) {
        self.control("PATCH", &format!("tenants/{tenant}/users/{user}"), edits);
    }
    pub fn delete(&self, tenant: &str, user: &str) {
        self.control("DELETE", &format!("tenants/{tenant}/users/{user}"), &Value::Null);
    }
    pub fn restore(&self, tenant: &str, user: &str) {
        self.control("POST", &format!("tenants/{tenant}/users/{user}/restore"), &Value::Null);
    }
    pub fn settings(&self, tenant: &str, settings: &Value) {
        self.control("PATCH", &format!("tenants/{tenant}/settings"), settings);
    }
    pub fn fault(&self, tenant: &str, fault: &Value) {
        self.control("POST", &format!("tenants/{tenant}/faults"), fault);
    }
    pub fn clear_faults(&self) {
        TENANTS.iter().for_each(|t| drop(self.control("DELETE", &format!("tenants/{t}/faults"), &Value::Null)));
    }
    /// External accounts of the tenant that hold the address.
    pub fn accounts(&self, tenant: &str, mail: &str) -> Vec<Value> {
        self.users(tenant).into_iter().filter(|u| !native(u) && u["mail"] == mail).collect()
    }
    #[track_caller]
    pub fn account(&self, tenant: &str, mail: &str) -> Value {
        let mut accounts = self.accounts(tenant, mail);
        assert_eq!(accounts.len(), 1, "accounts of {mail} in {tenant}: {accounts:#?}");
        accounts.remove(0)
    }
    /// The tenant's own people whom the shipped rule set takes.
    pub fn staff(&self, tenant: &str) -> Vec<Value> {
        self.users(tenant).into_iter().filter(in_scope).collect()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with a configuration, as an admin has one.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    /// A mesh of three under the shipped rule set, and the made-up school behind it.
    pub fn school(people: usize) -> (Self, Sim) {
        Self::school_with(people, &[])
    }
    pub fn school_with(people: usize, sim: &[&str]) -> (Self, Sim) {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let mut make = crosstie();
        make.args(["sim", "--generate", "school", "--people", &people.to_string(), "--dir"]).arg(place.tenants());
        assert!(make.status().unwrap().success());
        let sim = Sim::start(&place.tenants(), sim);
        place.write("sync-rules/staff.toml", include_str!("../../../sync-rules/staff.toml"));
        TENANTS.iter().for_each(|t| place.secret(t, &format!("{t}-secret\n")));
        place.configure(&[&sim.root; 3]);
        (place, sim)
    }
    /// Where each tenant's two roots lie.
    pub fn configure(&self, roots: &[&str; 3]) {
        let mut text = String::from("[store]\npath = \"state/crosstie.db\"\n");
        for ((n, tenant), root) in (1..).zip(TENANTS).zip(roots) {
            text += &format!(
                "[tenants.{tenant}]\nid = \"6f1c0d3e-0000-4000-8000-{n:012}\"\nclient_id = \
                 \"0b9b0d64-0000-4000-8000-{n:012}\"\nclient_secret = {{ file = \"secrets/{tenant}\" }}\nauthority = \
                 \"{root}\"\ngraph = \"{root}\"\n"
            );
        }
        text += "[topology]\nkind = \"mesh\"\ntenants = [\"north\", \"south\", \"west\"]\nrules = \"staff\"\n";
        self.write("crosstie.toml", &text);
        std::fs::create_dir_all(self.path("state")).unwrap();
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub fn tenants(&self) -> PathBuf {
        self.path("tenants")
    }
    pub fn db(&self) -> PathBuf {
        self.path("state/crosstie.db")
    }
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    pub fn secret(&self, tenant: &str, secret: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let name = format!("secrets/{tenant}");
        self.write(&name, secret);
        std::fs::set_permissions(self.path(&name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    /// Edits the rule set; what is replaced must be there.
    #[track_caller]
    pub fn edit_rules(&self, from: &str, to: &str) {
        let path = self.path("sync-rules/staff.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "no `{from}` in the rules");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = crosstie();
        command.arg("--config").arg(self.path("crosstie.toml")).args(arguments).current_dir(self.folder.path());
        command
    }
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.start(arguments).end()
    }
    /// A sync that does everything that is due, after which nothing is.
    #[track_caller]
    pub fn settle(&self) {
        self.run(&["sync"]).code(0);
        self.run(&["plan"]).code(0);
    }
    /// The same where somebody is held and stays so.
    #[track_caller]
    pub fn settle_with_holds(&self) {
        self.run(&["sync"]).code(4);
        self.run(&["plan"]).code(4);
    }
    /// The plan's digest.
    pub fn digest(&self) -> String {
        let summary = self.run(&["plan", "--format", "jsonl"]).lines().pop().unwrap();
        summary["digest"].as_str().unwrap().to_owned()
    }
    /// Every file below the store's folder with its bytes.
    pub fn state(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.path("state"))
    }
    pub fn log(&self) -> Vec<Value> {
        self.run(&["log", "--format", "jsonl"]).code(0).lines()
    }
}

/// Every file of a folder with its bytes.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut File::open(&path).unwrap(), &mut bytes).unwrap();
            all.insert(path, bytes);
        }
    }
    all
}

pub fn text<'a>(user: &'a Value, name: &str) -> &'a str {
    user[name].as_str().unwrap_or_else(|| panic!("no {name} in {user}"))
}

/// A teacher whom the shipped rule set takes.
pub fn teacher(tenant: &str, name: &str) -> Value {
    let mail = format!("{name}@{tenant}.fine-arts.example");
    json!({ "displayName": name, "givenName": name, "surname": "Newcomer", "userType": "Member", "mail": mail,
            "userPrincipalName": mail, "mailNickname": name, "accountEnabled": true, "employeeType": "Teacher",
            "department": "Dance", "jobTitle": "Lecturer", "usageLocation": "GB" })
}

/// A teacher who is nobody's manager: when that one leaves, nobody else's account has to change.
pub fn someone_without_reports(sim: &Sim, tenant: &str) -> Value {
    let people = sim.users(tenant);
    let leads = |u: &Value| people.iter().any(|s| s["manager"] == u["id"]);
    sim.staff(tenant).into_iter().find(|u| u["employeeType"] == "Teacher" && !leads(u)).unwrap()
}

pub fn status(code: u16) -> Value {
    json!({ "effect": { "do": "status", "status": code } })
}
