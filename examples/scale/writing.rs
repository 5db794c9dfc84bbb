//! How fast is written where no quota holds us up, and what do the hours of virtual time say?

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::benches::{BY_MAIL, Bench, say};
use super::figures::{Row, Target};
use super::peers::WRITER;
use super::place::Place;
use super::process::{measured, stopped_when};
use super::tenants::{PAGE, Tenants};
use super::virtual_time::Told;

impl Bench {
    /// B5: everybody is provisioned with two writes, as fast as it goes; and the same writes by a peer, in turn with us.
    pub fn unlimited(&self) -> Vec<Row> {
        let (mut ours, mut theirs, mut floor) = (Vec::new(), Vec::new(), Vec::new());
        let (mut seen, mut their_seen, mut stored) = Default::default();
        for _ in 0..self.repeat {
            let tenants = self.serve();
            let place = self.empty(&tenants);
            ours.push(place.run(&["sync"]).expect(0));
            (seen, stored) = (tenants.seen(), place.stored());
            let written = self.all_provisioned(&tenants);
            let [store, folder] = [place.folder.join("crosstie.db"), place.folder].map(|p| p.display().to_string());
            let kept = self.part(&["recorded", &store, &folder]);
            assert_eq!(kept.said().trim(), (2 * self.people).to_string(), "the floor keeps what we keep");
            floor.push(kept);
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
        let floor = self.row("B5", "limit: the same writes kept, none made", floor);
        if theirs.is_empty() {
            return vec![floor, row];
        }
        let mut peer = self.row("B5", &format!("peer: {WRITER}, provision everybody"), theirs);
        peer.seen = their_seen;
        row.target = Target::AsFastAs(WRITER, peer.seconds());
        vec![floor, row, peer]
    }

    /// What was written, whatever ids the accounts were given and in whatever order: two writes for each, one account for each.
    /// What a quota refused was not written.
    pub fn all_provisioned(&self, tenants: &Tenants) -> Vec<String> {
        let ledger: Vec<Value> = tenants.ledger().into_iter().filter(|e| e["status"] != 429).collect();
        let applied = |kind: &str| ledger.iter().filter(|e| e["kind"] == kind && e["applied"] == true).count();
        let each = self.people;
        assert_eq!((ledger.len(), applied("invite"), applied("patch")), (2 * each, each, each), "two writes for each");
        let accounts: BTreeSet<String> = tenants.addresses("void").into_iter().collect();
        assert_eq!(accounts.len(), each + 1, "one account for each, and the director");
        let mut written: Vec<String> = ledger.iter().map(|e| format!("{} {}", e["kind"], e["body"])).collect();
        written.sort();
        written
    }

    pub fn empty(&self, tenants: &Tenants) -> Place {
        let place = Place::new(self.dir.join("writing"), &self.crosstie, &tenants.root, "void", self.profiled);
        place.rules(BY_MAIL);
        place
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
