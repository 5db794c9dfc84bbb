//! How fast is written where no quota holds us up, what does a killed process repeat, and what do the hours of virtual time say?

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;

use super::benches::{BY_MAIL, Bench, say};
use super::figures::{Row, Target};
use super::peers::WRITER;
use super::place::Place;
use super::process::{measured, stopped_when};
use super::tenants::{PAGE, Tenants};
use super::virtual_time::Told;

/// How often the process is killed.
const KILLS: usize = 50;

impl Bench {
    /// B5: everybody is provisioned with two writes, as fast as it goes; and the same writes by a peer, in turn with us.
    pub fn unlimited(&self) -> Vec<Row> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut seen, mut their_seen, mut stored) = Default::default();
        for _ in 0..self.repeat {
            let tenants = self.serve();
            let place = self.empty(&tenants);
            ours.push(place.run(&["sync"]).expect(0));
            (seen, stored) = (tenants.seen(), place.stored());
            let written = self.all_provisioned(&tenants);
            drop(tenants);
            if let Some(peers) = &self.peers {
                let tenants = self.serve();
                theirs.push(peers.provision(&tenants, &self.dir));
                their_seen = tenants.seen();
                assert!(self.all_provisioned(&tenants) == written, "the peer writes something else than we do");
            }
        }
        let mut row = self.row("B5", "provision everybody, quota off", ours);
        (row.seen, row.stored) = (seen, stored);
        if theirs.is_empty() {
            return vec![row];
        }
        let mut peer = self.row("B5", &format!("peer: {WRITER}, provision everybody"), theirs);
        peer.seen = their_seen;
        row.target = Target::AsFastAs(WRITER, peer.seconds());
        vec![row, peer]
    }

    /// What was written, whatever ids the accounts were given and in whatever order: two writes for each, one account for each.
    fn all_provisioned(&self, tenants: &Tenants) -> Vec<String> {
        let ledger = tenants.ledger();
        let applied = |kind: &str| ledger.iter().filter(|e| e["kind"] == kind && e["applied"] == true).count();
        let each = self.people;
        assert_eq!((ledger.len(), applied("invite"), applied("patch")), (2 * each, each, each), "two writes for each");
        let accounts: BTreeSet<String> = tenants.addresses("void").into_iter().collect();
        assert_eq!(accounts.len(), each + 1, "one account for each, and the director");
        let mut written: Vec<String> = ledger.iter().map(|e| format!("{} {}", e["kind"], e["body"])).collect();
        written.sort();
        written
    }

    fn empty(&self, tenants: &Tenants) -> Place {
        let place = Place::new(self.dir.join("writing"), &self.crosstie, &tenants.root, "void", self.profiled);
        place.rules(BY_MAIL);
        place
    }

    /// B7: killed again and again, and run once more.
    pub fn killed(&self) -> Row {
        let (tenants, mut rng) = (self.serve(), ChaCha8Rng::seed_from_u64(7));
        let place = self.empty(&tenants);
        let mut kills = 0;
        while kills < KILLS {
            let mut child = place.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // Into the start, into the reading, into the writing.
            std::thread::sleep(Duration::from_millis(u64::from(rng.next_u32() % 400)));
            assert!(child.try_wait().unwrap().is_none(), "done after {kills} kills of {KILLS}: it takes more people");
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        let cost = place.run(&["sync"]).expect(0);
        place.run(&["plan"]).expect(0);
        let mut applied: BTreeMap<String, usize> = BTreeMap::new();
        for entry in tenants.ledger().iter().filter(|e| e["applied"] == Value::Bool(true)) {
            *applied.entry(format!("{} {} {}", entry["method"], entry["path"], entry["body"])).or_default() += 1;
        }
        let repeated: usize = applied.values().map(|times| times - 1).sum();
        let accounts = tenants.addresses("void");
        let duplicates = accounts.len() - accounts.iter().collect::<BTreeSet<_>>().len();
        assert_eq!((duplicates, accounts.len()), (0, self.people + 1), "one account for each, and the director");
        let mut row = self.row("B7", &format!("killed {kills} times, then run once more"), vec![cost]);
        // One write is under way at a time, so a kill repeats one at the most.
        row.target = Target::Value(repeated as f64, kills as f64);
        row.said = format!("{repeated} writes repeated, {duplicates} duplicates");
        (row.seen, row.stored) = (tenants.seen(), place.stored());
        row
    }

    /// FIRST: how soon is the first of so many people invited, and how much of the home is read by then?
    pub fn first_write(&self) -> Row {
        let tenants = self.serve();
        let place = self.empty(&tenants);
        let count = |stats: &Value, tenant: &str, kind: &str| stats[tenant][kind].as_u64().unwrap_or(0);
        let mut stats = Value::Null;
        let cost = stopped_when(place.command(&["sync"]), &place.folder, || {
            stats = tenants.control("GET", "stats", &Value::Null);
            count(&stats, "void", "invite") > 0
        });
        let (read, all) =
            (count(&stats, "north", "delta"), self.people.div_ceil(PAGE.parse::<usize>().unwrap()) as u64);
        assert!((1..all).contains(&read), "the first write came when {read} of {all} pages were read");
        let mut row = self.row("FIRST", "first write of a first sync", vec![cost]);
        row.said = format!("after {read} of {all} pages");
        say(&row.said);
        row
    }

    /// B4, B6, B8: told by a process of their own.
    pub fn in_virtual_time(&self, bench: &'static str) -> Vec<Row> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["part", "virtual", bench, &self.people.to_string()]);
        let cost = measured(command, &self.dir).expect(0);
        let told = cost.said();
        let row = |line: &str| {
            let told: Told = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let mut row = Row::new(bench, &told.case, self.people, vec![cost.clone()]);
            row.target = Target::Value(told.value, told.most);
            row.virtual_seconds = Some(told.seconds);
            row.said = format!("{:.0} s, {:.4}; {}", told.seconds, told.value, told.said);
            say(&format!("{bench} {}: {}", told.case, row.said));
            row
        };
        told.lines().map(row).collect()
    }
}
