//! What does each operation do to the world, to what stands between, and to the process?

use crosstie::config;
use crosstie::engine::Focus;
use crosstie::sim::{Effect, Fault, Kind as On_, Limit};
use crosstie::store::{Mode, Store, StoreError, Verified};
use serde_json::{Value, json};

use crate::between::Armed;
use crate::operation::{Away, Body, Expiry, Field, Forgery, Guest, Lie, Meddle, On, Op, Policy};
use crate::play::{Kind, Play, TIGHT, Waiting};
use crate::shape::Shape;

/// Texts that have done harm somewhere: formulas, markup, line ends, escapes, quotes, other directions, many bytes.
const HOSTILE: [&str; 10] = [
    "=cmd|' /C calc'!A1",
    "@SUM(1+1)*cmd",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "one\r\ntwo",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{202e}desrever",
    "'; DROP TABLE links; --",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "  spaces  ",
];
/// From this number on, values are hostile ones.
pub(crate) const HOSTILE_FROM: u16 = 1_000;
/// Wishes of a throttled answer.
const AFTER: [&str; 8] = ["1", "2.5", "0", "", "-3", "1000000000", "Wed, 25 Nov 2026 00:00:00 GMT", "soon"];
/// Configurations that no process may start with, as what is put for a line of a good one.
const BAD: [(&str, &str); 8] = [
    ("[store]", "[stores]"),
    ("rules = \"staff\"", "rules = \"nobody-wrote-it\""),
    ("client_secret = {", "client_secret = \"inline\" #{"),
    ("kind = ", "knd = "),
    ("id = \"6f1c0d3e", "id = \"not-an-id-"),
    ("graph = \"http://localhost", "graph = \"http://graph.example"),
    ("cron = \"*/5", "cron = \"61"),
    ("\"south\"", "\"south\", \"south\""),
];
/// Rules that may not be loaded.
const BAD_RULES: [&str; 4] = [
    "account = \"member\"\n[attributes]\npasswordProfile = '\"x\"'\n",
    "account = \"member\"\n[attributes]\ndisplayName = '[displayName'\n",
    "account = \"owner\"\n[attributes]\ndisplayName = '[displayName]'\n",
    "account = \"member\"\n[[scope]]\nall = [{ attribute = \"jobTitle\", operator = \"REGEX MATCH\", value = \"(a\" }]\n",
];

pub(crate) fn value(n: u16) -> String {
    match n.checked_sub(HOSTILE_FROM) {
        Some(hostile) => HOSTILE[usize::from(hostile) % HOSTILE.len()].to_owned(),
        None => format!("value {n}"),
    }
}

fn on(on: On) -> Option<On_> {
    match on {
        On::Token => Some(On_::Token),
        On::Delta => Some(On_::Delta),
        On::Get => Some(On_::Get),
        On::List => Some(On_::List),
        On::Batch => Some(On_::Batch),
        On::Invite => Some(On_::Invite),
        On::Patch => Some(On_::Patch),
        On::Manager => Some(On_::Manager),
        On::Delete => Some(On_::Delete),
        On::Restore => Some(On_::Restore),
        On::Any => None,
    }
}

impl Play<'_> {
    fn name(&self, t: u8) -> &'static str {
        self.tenants()[usize::from(t) % self.tenants().len()]
    }
    fn number(&self, t: u8) -> usize {
        usize::from(t) % self.tenants().len()
    }
    fn id(&self, t: u8, p: u8) -> Option<String> {
        let t = u8::try_from(self.number(t)).unwrap();
        self.people.get(&(t, p)).cloned()
    }
    fn count(&mut self, class: u8) {
        self.out.struck.add(class, 1);
    }
    fn edit(&mut self, t: u8, p: u8, edits: &Value) -> bool {
        let Some(id) = self.id(t, p) else { return false };
        self.bench.tenant(self.name(t)).edit_user(&id, edits).is_ok()
    }
    fn fault(&mut self, t: u8, class: u8, mut fault: Fault, times: u8) {
        let times = u32::from(times.max(1));
        fault.times = Some(times);
        let id = self.bench.tenant(self.name(t)).fault(fault).unwrap();
        self.waiting.insert((self.number(t), id), Waiting { class, left: times });
    }
    fn last(&mut self, t: u8, class: u8, stands: bool) {
        let key = (self.number(t), class);
        if stands {
            self.lasting.insert(key, ());
        } else {
            self.lasting.remove(&key);
        }
    }

    pub(crate) async fn act(&mut self, op: &Op) {
        if op.is_engine() || matches!(op, Op::Plan {}) {
            return self.run(op).await;
        }
        match *op {
            Op::Wait { minutes } => self.bench.wait(u64::from(minutes) * 60).await,
            Op::Clock { seconds } => {
                self.count(20);
                self.set_clock(seconds);
            }
            Op::Rules { shape } => {
                self.shape = Shape::of(shape);
                let now = self.now();
                self.shapes.push((now, self.shape));
                self.bench.write_rules("staff", &self.shape.text());
                self.count(28);
                if self.shape.scope == Some(&["Nobody"]) {
                    self.count(13);
                }
            }
            Op::BadConfig { n } => self.bad_config(n),
            Op::SecondWriter {} => self.second_writer(),
            Op::OtherHost {} => self.other_host(),
            Op::Backup {} => self.backup = std::fs::read(self.bench.file("crosstie.db")).ok(),
            Op::Rollback {} => self.roll_back(self.backup.clone()),
            Op::Forget {} => self.roll_back(None),
            Op::Damage { n } => self.damage(n),
            Op::Forge { how } => self.forge(how),
            Op::Calm {} => self.calm(),
            _ => {
                self.at_home(op);
                self.in_target(op);
                self.disturb(op);
            }
        }
    }

    async fn run(&mut self, op: &Op) {
        match *op {
            Op::Cycle {} => drop(self.cycle(Focus::default(), None, Kind::default()).await),
            Op::Full {} => drop(self.cycle(Focus { full: true, ..Focus::default() }, None, Kind::default()).await),
            Op::Plan {} => drop(self.bench.plan().await),
            Op::Planned {} => {
                let drafted = self.bench.plan().await;
                let changes = drafted.plan.routes.iter().flat_map(|r| r.changes.all().unwrap());
                let whose = changes.map(|c| (c.route.to_string(), c.home.id.to_string())).collect();
                let whole = drafted.skipped.is_empty() && drafted.readings.complete();
                self.cycle(Focus::default(), None, Kind { planned: whole.then_some(whose), ..Kind::default() }).await;
            }
            Op::Approve {} => {
                let report = self.cycle(Focus::default(), None, Kind::default()).await;
                if let Some(report) = report.filter(|r| !r.drafted.refusals.is_empty()) {
                    self.approve(&report).await;
                }
            }
            Op::Crash { after } => {
                let work = async |bench: &crate::bench::Bench| {
                    bench.killed(u32::from(after.max(1)), bench.try_sync(Focus::default(), None)).await
                };
                match self.engine(work, Kind::default()).await {
                    None => {
                        self.out.kills += 1;
                        self.count(1);
                    }
                    Some(ended) => drop(self.note(Ok(ended))),
                }
            }
            Op::Stop { millis } => {
                let work = async |bench: &crate::bench::Bench| bench.try_stopped_sync(u64::from(millis)).await;
                let ended = self.engine(work, Kind::default()).await;
                if self.note(Ok(ended)).is_some_and(|r| r.stopped) {
                    self.count(2);
                }
            }
            Op::Serve { minutes } => {
                let seconds = u64::from(minutes) * 60;
                let work = async |bench: &crate::bench::Bench| bench.serve_through(|d| d, bench.wait(seconds)).await;
                let ((), served) = self.engine(work, Kind { single: false, ..Kind::default() }).await;
                if let Some(why) = served.broken_off.first() {
                    self.fail("I22", format!("a run of the schedule broke off: {why}"));
                }
                self.count(2);
            }
            Op::ServeKilled { seconds } => {
                let work = async |bench: &crate::bench::Bench| {
                    let process = std::pin::pin!(bench.serve_through(|d| d, std::future::pending::<()>()));
                    let death = std::pin::pin!(bench.wait(u64::from(seconds)));
                    drop(futures_util::future::select(process, death).await);
                };
                self.engine(work, Kind { single: false, ..Kind::default() }).await;
                self.out.kills += 1;
                self.count(1);
            }
            _ => {}
        }
    }

    fn at_home(&mut self, op: &Op) {
        match *op {
            Op::Add { t, p } => self.add(t, p),
            Op::Edit { t, p, what, value: n } => {
                let done = self.edit(t, p, &json!({ what.text(): value(n) }));
                self.out.struck.add(25, u64::from(done && n >= HOSTILE_FROM));
            }
            Op::Clear { t, p, what } if what != Field::DisplayName => {
                self.edit(t, p, &json!({ what.text(): null }));
            }
            Op::Leave { t, p } => drop(self.edit(t, p, &json!({ "employeeType": "Student" }))),
            Op::Return { t, p } => drop(self.edit(t, p, &json!({ "employeeType": "Staff" }))),
            Op::Block { t, p } | Op::Unblock { t, p } => {
                let enabled = matches!(op, Op::Unblock { .. });
                if self.edit(t, p, &json!({ "accountEnabled": enabled })) {
                    self.count(15);
                }
            }
            Op::SoftDelete { t, p } | Op::HardDelete { t, p } | Op::Restore { t, p } => {
                let Some(id) = self.id(t, p) else { return };
                let directory = self.bench.tenant(self.name(t));
                let done = match op {
                    Op::SoftDelete { .. } => directory.soft_delete(&id),
                    Op::HardDelete { .. } => directory.hard_delete(&id),
                    _ => directory.restore(&id),
                };
                if done.is_ok() {
                    self.count(15);
                }
            }
            Op::Manage { t, p, q } => {
                let boss = self.id(t, q).filter(|_| q != p);
                self.edit(t, p, &json!({ "manager": boss }));
            }
            Op::Rename { t, p, n } => {
                let mail = format!("P{p}-{n}@{}.example", self.name(t));
                if self.edit(t, p, &json!({ "mail": mail, "userPrincipalName": mail })) {
                    self.count(15);
                }
            }
            Op::SameMail { t, p, q } if p != q => {
                let other = self.id(t, q).and_then(|id| self.user(self.number(t), &id));
                if let Some(mail) = other.map(|u| u["mail"].clone()).filter(|m| !m.is_null())
                    && self.edit(t, p, &json!({ "mail": mail }))
                {
                    self.count(14);
                }
            }
            Op::Visitor { t, n } => {
                let mail = format!("visitor{n}@elsewhere.example");
                let upn = format!("visitor{n}_elsewhere.example#EXT#@{}.onmicrosoft.com", self.name(t));
                let user = json!({ "displayName": "Visitor", "mail": mail, "userPrincipalName": upn, "userType": "Guest",
                                   "creationType": "Invitation", "externalUserState": "Accepted",
                                   "employeeType": "Staff", "accountEnabled": true });
                if self.bench.tenant(self.name(t)).find_by_address(&mail).is_empty() {
                    drop(self.bench.tenant(self.name(t)).add_user(&user));
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, t: u8, p: u8) {
        let (number, name) = (self.number(t), self.name(t));
        let key = (u8::try_from(number).unwrap(), p);
        let known = self.people.get(&key).and_then(|id| self.user(number, id));
        if known.is_some_and(|u| u.get("deletedDateTime").is_none()) {
            return;
        }
        if self.people.contains_key(&key) {
            self.count(15);
        }
        let more =
            json!({ "streetAddress": format!("canary-of-{name}"), "displayName": format!("Person {p} of {name}") });
        let directory = self.bench.tenant(name);
        if directory.find_by_address(&format!("p{p}@{name}.example")).is_empty() {
            let id = self.bench.person(name, &format!("p{p}"), "Staff", &more);
            self.people.insert(key, id);
        }
    }

    /// Id of the account of this person in that target, as the store or the address says.
    fn account(&self, of: u8, t: u8, p: u8) -> Option<String> {
        let id = self.id(t, p)?;
        let key = (self.name(t).to_owned(), id, self.name(of).to_owned());
        self.remember().ties.get(&key).and_then(|tie| tie.account.clone())
    }

    fn in_target(&mut self, op: &Op) {
        match *op {
            Op::GuestBefore { of, t, p, kind } if self.number(of) != self.number(t) => self.guest(of, t, p, kind),
            Op::Tamper { of, t, p, what, value: n } => {
                if let Some(account) = self.account(of, t, p)
                    && self.bench.tenant(self.name(of)).edit_user(&account, &json!({ what.text(): value(n) })).is_ok()
                {
                    self.count(16);
                }
            }
            Op::Admin { of, t, p, does } => {
                let Some(account) = self.account(of, t, p) else { return };
                let directory = self.bench.tenant(self.name(of));
                let done = match does {
                    Meddle::Block => directory.edit_user(&account, &json!({ "accountEnabled": false })),
                    Meddle::Unblock => directory.edit_user(&account, &json!({ "accountEnabled": true })),
                    Meddle::Delete => directory.soft_delete(&account),
                    Meddle::Purge => directory.hard_delete(&account),
                    Meddle::Restore => directory.restore(&account),
                    Meddle::City => directory.edit_user(&account, &json!({ "city": "Bath" })),
                    Meddle::Mail => {
                        directory.edit_user(&account, &json!({ "mail": format!("moved{p}@elsewhere.example") }))
                    }
                    Meddle::Role => {
                        let role = json!({ "id": "2b1c0000-0000-4000-8000-00000000000a",
                                           "displayName": "Helpdesk Administrator", "role": true, "members": [account] });
                        directory.put_group(serde_json::from_value(role).unwrap()).map(|_| ())
                    }
                };
                if done.is_ok() {
                    self.count(16);
                }
            }
            _ => {}
        }
    }

    /// An account that nobody asked us for: the person's own state, a little off.
    fn guest(&mut self, of: u8, t: u8, p: u8, kind: Guest) {
        let Some(home) = self.id(t, p).and_then(|id| self.user(self.number(t), &id)) else { return };
        let (target, mail) = (self.name(of), home["mail"].as_str().unwrap_or_default().to_lowercase());
        for n in 0..if kind == Guest::Two { 2 } else { 1 } {
            let taken = self.bench.tenant(target).find_by_address(&mail);
            if !taken.is_empty() && n == 0 {
                return;
            }
            let upn = format!("{}_{n}#EXT#@{target}.onmicrosoft.com", mail.replace('@', "_"));
            let mut user = json!({ "displayName": home["displayName"], "jobTitle": "Guest", "mail": mail,
                "department": home["department"], "userPrincipalName": upn, "userType": "Guest",
                "creationType": "Invitation", "externalUserState": "Accepted", "accountEnabled": kind != Guest::Blocked });
            if kind == Guest::Pending {
                user["externalUserState"] = json!("PendingAcceptance");
            }
            if kind == Guest::Native {
                user = json!({ "displayName": "Native", "userPrincipalName": format!("native{p}@{target}.example"),
                               "mail": mail, "userType": "Member", "accountEnabled": true, "employeeType": "Contractor" });
            }
            user["createdDateTime"] = json!(self.now().rfc3339());
            drop(self.bench.tenant(target).add_user(&user));
        }
        if matches!(kind, Guest::Two | Guest::Native) {
            self.count(14);
        }
    }

    fn disturb(&mut self, op: &Op) {
        match *op {
            Op::Pages { t, twice, replay, empty, reorder } => {
                self.bench.settings(self.name(t), |s| {
                    s.delta.duplicate_chance = f64::from(twice.min(100)) / 100.0;
                    s.delta.replay = usize::from(replay);
                    s.delta.empty_page_chance = f64::from(empty.min(100)) / 100.0;
                    s.delta.reorder = reorder;
                });
                self.last(t, 9, twice > 0 || replay > 0 || empty > 0 || reorder);
            }
            Op::Lag { t, seconds, reads } => {
                self.murky(self.number(t));
                self.bench.settings(self.name(t), |s| {
                    s.lag.max_millis = u64::from(seconds) * 1_000;
                    s.lag.reads = reads;
                });
                self.last(t, 17, seconds > 0);
            }
            Op::Unseen { t, seconds } => {
                self.murky(self.number(t));
                self.bench.settings(self.name(t), |s| s.lag.created_millis = u64::from(seconds) * 1_000);
                self.last(t, 17, seconds > 0);
            }
            Op::Silent { t, on } => {
                self.murky(self.number(t));
                self.bench.settings(self.name(t), |s| s.invitations.silent = on);
                self.last(t, 17, on);
            }
            Op::Invitations { t, policy } => {
                self.bench.settings(self.name(t), |s| {
                    s.invitations.allow_from = if policy == Policy::Nobody { "none" } else { "everyone" }.to_owned();
                    s.invitations.blocked_domains =
                        if policy == Policy::Blocked { vec!["*".to_owned()] } else { Vec::new() };
                });
                self.last(t, 12, policy != Policy::Everyone);
            }
            Op::Throttle { t, on: kind, times, after } => {
                let after = AFTER[usize::from(after) % AFTER.len()];
                let effect = if after.is_empty() { Effect::status(429) } else { Effect::throttled(429, after) };
                self.fault(t, 3, Fault { kind: on(kind), ..Fault::always(effect) }, times);
            }
            Op::Refuse { t, on: kind, status, times, body, applied } => {
                let class = match status {
                    401 => 11,
                    403 => 12,
                    _ => 4,
                };
                // A tenant that says in its own words that it is not available has done nothing.
                let may_have = status >= 500 && (status != 503 || matches!(body, Body::Html | Body::Empty));
                let effect = refusal(status, body, applied && may_have);
                self.fault(t, class, Fault { kind: on(kind), ..Fault::always(effect) }, times);
            }
            Op::Lose { t, on: kind, times, applied } => {
                self.fault(t, 5, Fault { kind: on(kind), ..Fault::always(Effect::Drop { applied }) }, times);
            }
            Op::Hang { t, on: kind, times, applied } => {
                self.fault(t, 6, Fault { kind: on(kind), ..Fault::always(Effect::Hang { applied }) }, times);
            }
            Op::Slow { t, on: kind, times, millis } => {
                let effect = Effect::Delay { millis: u64::from(millis) };
                self.fault(t, 6, Fault { kind: on(kind), ..Fault::always(effect) }, times);
            }
            Op::Down { t, times } => self.fault(t, 4, Fault::always(Effect::status(503)), times),
            Op::Cut { t, on: kind, times } => {
                self.fault(t, 7, Fault { kind: on(kind), ..Fault::always(Effect::Malformed) }, times);
            }
            _ => self.mislead(op),
        }
    }

    fn mislead(&mut self, op: &Op) {
        match *op {
            Op::Loop { t } => self.fault(t, 9, Fault::next(1, On_::Delta, Effect::Loop), 1),
            Op::LeadAway { t, to } => {
                let own = format!("localhost:{}", 8401 + self.number(t));
                let root = match to {
                    Away::Host => "http://evil.example".to_owned(),
                    Away::Suffix => format!("http://{own}.evil.example"),
                    Away::User => format!("http://{own}@evil.example"),
                    Away::Scheme => format!("ftp://{own}"),
                    Away::Port => "http://localhost:9999".to_owned(),
                };
                self.fault(t, 10, Fault::next(1, On_::Delta, Effect::ForeignLink { root }), 1);
            }
            Op::Expire { t, shape } => self.expire(t, shape),
            Op::VoidTokens {} => {
                self.bench.world.void_tokens();
                self.count(11);
            }
            Op::Lies { t, lie, skip } => {
                if lie == Lie::EmptyHome || lie == Lie::TwiceKeys {
                    self.murky(self.number(t));
                }
                let tenant = self.number(t);
                self.between.0.borrow_mut().lies.push_back(Armed { tenant, lie, skip });
            }
            Op::OtherApp { t, writes } => {
                drop(self.bench.tenant(self.name(t)).foreign_writes(u64::from(writes)));
                self.count(19);
            }
            Op::Limit { t, writes, seconds } => {
                let limit = Limit::new(usize::from(writes.max(2)), u64::from(seconds.max(1)));
                self.bench.settings(self.name(t), |s| s.limits.app_writes = limit);
                self.last(t, 19, true);
            }
            _ => {}
        }
    }

    fn expire(&mut self, t: u8, shape: Expiry) {
        let name = self.name(t);
        match shape {
            Expiry::Gone | Expiry::Bad => {
                let status = if shape == Expiry::Gone { 410 } else { 400 };
                self.bench.settings(name, |s| s.delta.expired_status = status);
                self.bench.tenant(name).expire_links().unwrap();
                self.count(8);
            }
            Expiry::Resync => self.fault(t, 8, Fault::next(1, On_::Delta, Effect::Resync), 1),
            Expiry::NotFound => {
                let mut effect = Effect::status(404);
                if let Effect::Status { code, .. } = &mut effect {
                    *code = Some("syncStateNotFound".to_owned());
                }
                self.fault(t, 8, Fault::next(1, On_::Delta, effect), 1);
            }
            Expiry::Age => {
                self.bench.settings(name, |s| s.delta.token_days = 0);
                self.last(t, 8, true);
            }
        }
    }

    fn bad_config(&mut self, n: u8) {
        let (file, rules) = (self.bench.file("crosstie.toml"), self.bench.file("sync-rules/staff.toml"));
        let (good, good_rules) = (std::fs::read_to_string(&file).unwrap(), std::fs::read_to_string(&rules).unwrap());
        let n = usize::from(n) % (BAD.len() + BAD_RULES.len());
        match BAD.get(n) {
            Some((from, to)) => std::fs::write(&file, good.replacen(from, to, 1)).unwrap(),
            None => std::fs::write(&rules, BAD_RULES[n - BAD.len()]).unwrap(),
        }
        let requests = self.between.0.borrow().requests;
        if config::load(&file).is_ok() {
            self.fail("I15", format!("bad configuration {n} was taken"));
        }
        if requests != self.between.0.borrow().requests {
            self.fail("I12", "a bad configuration sent something");
        }
        std::fs::write(&file, good).unwrap();
        std::fs::write(&rules, good_rules).unwrap();
        self.count(26);
    }

    fn second_writer(&mut self) {
        let path = self.bench.file("crosstie.db");
        let first = Store::open(&path, Mode::Write).unwrap();
        if !matches!(Store::open(&path, Mode::Write), Err(StoreError::Locked { .. })) {
            self.fail("I20", "a second writer was let in");
        }
        drop(first);
        self.count(23);
    }

    /// Somebody on another machine said that it writes, a minute ago, and not since.
    fn other_host(&mut self) {
        let path = self.bench.file("crosstie.db");
        if !path.exists() {
            return;
        }
        let writer = |host: &str| crosstie::store::Writer {
            user: "ops".to_owned(),
            host: host.to_owned(),
            pid: 7,
            boot: Some(host.to_owned()),
            verb: "run".to_owned(),
            takes_over: false,
        };
        let now = self.now();
        let there = Store::open_as(&path, &writer("there"), now).unwrap();
        // Its lock is not seen from here, its row is.
        let row = serde_json::to_string(&there.writer().unwrap().unwrap()).unwrap();
        drop(there);
        let c = rusqlite::Connection::open(&path).unwrap();
        c.execute("INSERT INTO meta (name, value) VALUES ('writer', ?1)", [&row]).unwrap();
        let here = Store::open_as(&path, &writer("here"), now.plus_seconds(60));
        if !matches!(here, Err(StoreError::LockedElsewhere { .. })) {
            self.fail("I20", "a writer was let in beside one on another machine");
        }
        c.execute("DELETE FROM meta WHERE name = 'writer'", []).unwrap();
        self.count(23);
    }

    /// The store is an older one from now on, or none.
    fn roll_back(&mut self, to: Option<Vec<u8>>) {
        let path = self.bench.file("crosstie.db");
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", path.display())));
        }
        if let Some(bytes) = to {
            std::fs::write(&path, bytes).unwrap();
        }
        self.memory.log.clear();
        let is = self.remember();
        self.memory.forget(&is, &self.bench.world.ledger());
        self.loosen();
        self.count(22);
    }

    /// A copy of the file is damaged: no process may go on with it as if nothing were.
    fn damage(&mut self, n: u8) {
        let Ok(mut bytes) = std::fs::read(self.bench.file("crosstie.db")) else { return };
        let copy = self.bench.file("damaged.db");
        let page = 4_096.min(bytes.len());
        match n % 3 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes[..16.min(page)].fill(0),
            _ => bytes[100.min(page)..page].fill(0xaa),
        }
        if bytes.len() < 200 {
            return;
        }
        std::fs::write(&copy, bytes).unwrap();
        let opened = Store::open(&copy, Mode::Write);
        let whole = opened.as_ref().is_ok_and(|s| s.verify_log().is_ok_and(|v| matches!(v, Verified::Whole { .. })));
        drop(opened);
        if whole && !n.is_multiple_of(3) {
            self.fail("I6", format!("a damaged store (kind {}) was taken for a good one", n % 3));
        }
        for suffix in ["", "-wal", "-shm", "-lock"] {
            drop(std::fs::remove_file(format!("{}{suffix}", copy.display())));
        }
        self.count(21);
    }

    /// A copy of the log is forged: the verification must say so.
    fn forge(&mut self, how: Forgery) {
        let head = self.memory.log.last().map(|e| e.seq).filter(|n| *n >= 3);
        let Some(last) = head else { return };
        let (path, copy) = (self.bench.file("crosstie.db"), self.bench.file("forged.db"));
        std::fs::copy(path, &copy).unwrap();
        let c = rusqlite::Connection::open(&copy).unwrap();
        let middle = last.div_ceil(2);
        let sql = match how {
            Forgery::Edited => {
                format!(
                    "UPDATE log SET body = replace(body, '\"outcome\":\"', '\"outcome\":\"un') WHERE seq = {middle}"
                )
            }
            Forgery::Deleted => format!("DELETE FROM log WHERE seq = {middle}"),
            Forgery::Swapped => format!(
                "UPDATE log SET (body, hash) = (SELECT body, hash FROM log WHERE seq = {0}) WHERE seq = {middle}",
                middle + 1
            ),
            Forgery::Cut => format!("DELETE FROM log WHERE seq > {middle}"),
        };
        c.execute_batch(&sql).unwrap();
        drop(c);
        let store = Store::open(&copy, Mode::Look).unwrap();
        if matches!(store.verify_log().unwrap(), Verified::Whole { .. }) {
            self.fail("I6", format!("a log that was {how} was taken for whole"));
        }
        drop(store);
        for suffix in ["", "-wal", "-shm", "-lock"] {
            drop(std::fs::remove_file(format!("{}{suffix}", copy.display())));
        }
        self.count(27);
    }

    /// Everything behaves from now on.
    pub(crate) fn calm(&mut self) {
        for name in self.tenants() {
            self.bench.tenant(name).clear_faults(None).unwrap();
            let page_size = 3;
            let mut settings = crosstie::sim::Settings { page_size, ..crosstie::sim::Settings::default() };
            if self.history.tight {
                settings.limits.app_writes = Limit::new(usize::from(TIGHT.0), u64::from(TIGHT.1));
            }
            self.bench.settings(name, |s| *s = crosstie::sim::Settings { tokens: s.tokens, ..settings });
        }
        for (tenant, _) in self.lasting.keys().copied().collect::<Vec<_>>() {
            if !self.murky_until.contains_key(&tenant) {
                continue;
            }
            self.murky(tenant);
        }
        self.waiting.clear();
        self.lasting.clear();
        self.between.0.borrow_mut().lies.clear();
    }
}

fn refusal(status: u16, body: Body, applied: bool) -> Effect {
    let mut effect = Effect::status(status);
    if let Effect::Status { body: text, content_type, message, applied: is, .. } = &mut effect {
        *is = applied;
        match body {
            Body::Envelope => {}
            Body::Html => *text = Some("<html><body>Bad gateway</body></html>".to_owned()),
            Body::Empty => {
                (*text, *content_type) = (Some(String::new()), Some("text/plain".to_owned()));
            }
            Body::Claims => *message = Some("Continuous access evaluation resulted in challenge".to_owned()),
        }
    }
    effect
}
