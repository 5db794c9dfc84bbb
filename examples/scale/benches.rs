//! What is done to the program, benchmark by benchmark?

use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use super::figures::{Row, Target};
use super::peers::Peers;
use super::people;
use super::place::Place;
use super::process::{Cost, measured};
use super::tenants::{Seen, Tenants};

/// Lines of a guard that lets nobody be provisioned, and how accounts are found that are there already.
const NOTHING: &str = "provisions = { max = 0 }\n";
pub const BY_MAIL: &str = "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n";
/// The targets are set for so many.
const MILLION: f64 = 1e6;

#[derive(Clone)]
pub struct Bench {
    pub people: usize,
    pub repeat: usize,
    pub dir: PathBuf,
    pub crosstie: PathBuf,
    pub profiled: bool,
    pub peers: Option<Rc<Peers>>,
}

impl Bench {
    pub fn run(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
        std::fs::create_dir_all(&self.dir).unwrap();
        let mut rows = Vec::new();
        if ["B1", "B2", "B3", "B9"].iter().any(|b| wanted(b)) {
            let tenants = self.serve();
            if wanted("B1") || wanted("B2") {
                rows.extend(self.cold(&tenants, wanted));
            }
            if wanted("B2") || wanted("B3") || wanted("B9") {
                rows.extend(self.linked(&tenants, wanted));
            }
            if let Some(peers) = &self.peers {
                rows.extend(self.peers(peers, &tenants, wanted));
            }
            say(&format!("the simulator held at most {}", high_water(tenants.id())));
        }
        if wanted("B10") {
            rows.extend(self.log());
        }
        if wanted("B5") {
            rows.extend(self.unlimited());
        }
        if wanted("B7") {
            rows.push(self.killed());
            rows.extend(self.peers.iter().flat_map(|peers| self.peers_killed(peers)));
        }
        if wanted("FIRST") {
            rows.push(self.first_write());
        }
        if wanted("B4") {
            rows.extend(self.peers.iter().flat_map(|peers| self.in_real_time(peers)));
        }
        for bench in ["B4", "B6", "B8", "SCHOOL"].into_iter().filter(|b| wanted(b)) {
            rows.extend(self.in_virtual_time(bench));
        }
        rows
    }

    /// Tenants of so many people, fresh from their files.
    pub fn serve(&self) -> Tenants {
        Tenants::serve(&self.crosstie, &self.populated())
    }

    /// The same with all limits of real tenants, but for these.
    pub fn serve_limited(&self, limits: &[String]) -> Tenants {
        Tenants::limited(&self.crosstie, &self.populated(), limits)
    }

    fn populated(&self) -> PathBuf {
        let folder = self.dir.join("tenants");
        self.part(&["people", &folder.display().to_string(), &self.people.to_string()]);
        say("serving the tenants");
        folder
    }

    /// A share of a target that is set for a million.
    fn scaled(&self, seconds: f64) -> Target {
        Target::Seconds(seconds * self.people as f64 / MILLION)
    }

    pub fn part(&self, arguments: &[&str]) -> Cost {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("part").args(arguments);
        measured(command, &self.dir).expect(0)
    }

    pub fn row(&self, bench: &'static str, case: &str, costs: Vec<Cost>) -> Row {
        let row = Row::new(bench, case, self.people, costs);
        say(&format!("{bench} {case}: {:.3} s, {:.1} MB", row.seconds(), row.rss() as f64 / 1e6));
        row
    }

    pub fn often(&self, mut work: impl FnMut(usize) -> Cost) -> Vec<Cost> {
        (0..self.repeat).map(&mut work).collect()
    }

    /// Everybody is new: the floors, a cold reading, and a dry run of all provisions.
    fn cold(&self, tenants: &Tenants, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
        let place = Place::new(self.dir.join("cold"), &self.crosstie, &tenants.root, "void", self.profiled);
        place.rules(&format!("{NOTHING}{BY_MAIL}"));
        let mut rows = Vec::new();
        // The guard lets nothing through: what is measured ends before the first write.
        let mut seen = Seen::default();
        let mut cold = || {
            place.forget_store();
            let before = tenants.seen();
            let cost = place.run(&["sync"]).expect(3);
            seen = tenants.seen() - before;
            cost
        };
        if !wanted("B1") {
            cold();
            return self.all_new(&place);
        }
        let (mut raw, mut typed, mut ours, mut read) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut stored = Vec::new();
        for _ in 0..self.repeat {
            raw.push(self.part(&["raw", &tenants.root]));
            typed.push(self.part(&["typed", &tenants.root]));
            stored.push(self.part(&["stored", &tenants.root, &place.folder.display().to_string()]));
            place.rules_for(people::NOBODY, "");
            place.forget_store();
            read.push(place.run(&["sync"]).expect(0));
            place.rules(&format!("{NOTHING}{BY_MAIL}"));
            ours.push(cold());
        }
        let floor = self.row("B1", "limit: raw bytes", raw);
        let typed = self.row("B1", "limit: typed, mapped, hashed", typed);
        let stored = self.row("B1", "limit: kept as it came, with its ids", stored);
        let mut read = self.row("B1", "cold read + store, nobody in scope", read);
        let mut ours = self.row("B1", "cold read + map + store", ours);
        (read.target, ours.target) = (Target::Rate(typed.rate() * 0.5), Target::Rate(typed.rate() * 0.5));
        (ours.seen, ours.stored) = (seen, place.stored());
        rows.extend([floor, typed, stored, read, ours]);
        if wanted("B2") {
            rows.extend(self.all_new(&place));
        }
        rows
    }

    fn all_new(&self, place: &Place) -> Vec<Row> {
        place.rules(BY_MAIL);
        let costs = self.often(|_| place.run(&["plan", "--offline"]).expect(2));
        let mut row = self.row("B2", "dry run, all new", costs);
        (row.target, row.stored) = (self.scaled(6.0), place.stored());
        vec![row]
    }

    /// Everybody has an account.
    fn linked(&self, tenants: &Tenants, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
        let place = Place::new(self.dir.join("linked"), &self.crosstie, &tenants.root, "south", self.profiled);
        // Without a match nobody is joined in this first reading, and nobody invited whose address is somebody's: all are
        // held, and the links follow.
        place.rules(NOTHING).prepare(&["sync"]).expect(4);
        place.rules(BY_MAIL);
        self.part(&["links", &place.folder.display().to_string(), &self.people.to_string()]);
        let mut rows = Vec::new();
        if wanted("B2") {
            rows.push(self.anew(tenants));
            let costs = self.often(|_| place.run(&["plan", "--offline"]).expect(0));
            let mut row = self.row("B2", "dry run, all equal, everybody considered", costs);
            (row.target, row.stored) = (self.scaled(6.0), place.stored());
            rows.push(row);
        }
        rows.push(self.row("B2", "sync that settles everybody", vec![place.run(&["sync"]).expect(0)]));
        if wanted("B2") {
            rows.extend(self.few_changes(tenants, &place));
        }
        if wanted("B3") {
            rows.extend(self.idle(tenants, &place));
        }
        if wanted("B9") {
            rows.push(self.resync(tenants, &place));
        }
        rows
    }

    /// What a script does that holds nothing: both tenants are read from the start, and everybody is compared.
    fn anew(&self, tenants: &Tenants) -> Row {
        let place = Place::new(self.dir.join("nothing"), &self.crosstie, &tenants.root, "south", self.profiled);
        place.rules(BY_MAIL);
        self.row("B2", "dry run from nothing, both tenants read", self.often(|_| place.run(&["plan"]).expect(2)))
    }

    fn few_changes(&self, tenants: &Tenants, place: &Place) -> Vec<Row> {
        let mut rows = Vec::new();
        let costs = self.often(|_| place.run(&["plan"]).expect(0));
        let mut row = self.row("B2", "dry run, all equal", costs);
        (row.target, row.stored) = (self.scaled(6.0), place.stored());
        rows.push(row);
        let changes = self.people / 100;
        tenants.change(self.people, changes, "Reader");
        let costs = self.often(|_| place.run(&["plan"]).expect(2));
        let mut row = self.row("B2", "dry run, 1 % changed", costs);
        (row.target, row.stored) = (self.scaled(6.0), place.stored());
        rows.push(row);
        let before = tenants.seen();
        let mut row = self.row("B2", "sync of 1 % changed", vec![place.run(&["sync"]).expect(0)]);
        (row.seen, row.items) = (tenants.seen() - before, changes);
        assert_eq!(row.seen.writes, changes as u64, "one write for each who has changed");
        rows.push(row);
        rows
    }

    fn idle(&self, tenants: &Tenants, place: &Place) -> Vec<Row> {
        let mut rows = Vec::new();
        // The next cycle after a sync is told once more of what that one wrote: it is none in which nothing happens.
        place.prepare(&["sync"]).expect(0);
        for changes in [0, 1, 100] {
            let mut seen = Seen::default();
            let costs = self.often(|time| {
                tenants.change(self.people, changes, &format!("Reader {changes} {time}"));
                let before = tenants.seen();
                let cost = place.run(&["sync"]).expect(0);
                seen = tenants.seen() - before;
                assert_eq!(seen.writes, changes as u64, "one write for each who has changed");
                cost
            });
            let mut row = self.row("B3", &format!("cycle, {changes} changes"), costs);
            (row.seen, row.stored, row.items) = (seen, place.stored(), changes);
            if changes == 0 {
                (row.target, row.rss_max) = (Target::Seconds(0.05), Some(25_000_000));
            }
            rows.push(row);
        }
        let mut row = self.row("B3", "status", self.often(|_| place.run(&["status"]).expect(0)));
        row.target = Target::Seconds(0.05);
        rows.push(row);
        rows
    }

    fn resync(&self, tenants: &Tenants, place: &Place) -> Row {
        let mut seen = Seen::default();
        let costs = self.often(|_| {
            tenants.forget_links();
            let before = tenants.seen();
            let cost = place.run(&["sync"]).expect(0);
            seen = tenants.seen() - before;
            assert_eq!(seen.writes, 0, "nothing has changed");
            cost
        });
        let mut row = self.row("B9", "full resync of both tenants after 410", costs);
        (row.target, row.rss_max) = (self.scaled(8.0), Some(48_000_000));
        (row.seen, row.stored) = (seen, place.stored());
        row
    }

    fn log(&self) -> Vec<Row> {
        let place = Place::new(self.dir.join("log"), &self.crosstie, "http://127.0.0.1:9", "south", self.profiled);
        place.rules("");
        say("writing the change log");
        self.part(&["log", &place.folder.display().to_string(), &self.people.to_string()]);
        let case = |case: &str, arguments: &[&str]| {
            let costs = self.often(|_| place.run(arguments).expect(0));
            let mut row = self.row("B10", case, costs);
            (row.target, row.stored) = (Target::Rate(500_000.0), place.stored());
            row
        };
        let verify = case("log verify", &["log", "verify"]);
        let mut export = case("log export, jsonl", &["log", "--format", "jsonl"]);
        export.target = Target::None;
        vec![verify, export]
    }
}

pub fn say(what: &str) {
    eprintln!("  {what}");
}

fn high_water(process: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_once(':').map(|(_, v)| v.trim().to_owned()).unwrap_or_default()
}
