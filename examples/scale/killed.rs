//! What does a process that was killed repeat, and whom does it leave half made? Ours, and what an administrator would write.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

use super::benches::Bench;
use super::figures::{Row, Target};
use super::peers::{GRAPH_RS, HTTPX, Peers, WRITER};
use super::process::stopped_when;
use super::tenants::Tenants;

/// How often the process is killed.
const KILLS: usize = 50;
/// Directories do not show at once what was written.
const LATE_SECONDS: u64 = 30;
const WRITING: &str = "killed 50 times while it writes";
const HALFWAY_LATE: &str = "killed halfway, and the target tells 30 s late";

/// What the tenants' own ledger says after all of it.
struct Left {
    /// Writes that were carried out once more, the same in every word.
    repeated: usize,
    duplicates: usize,
    /// Accounts that were invited and never filled in.
    half_made: usize,
}

fn applied(tenants: &Tenants) -> Vec<Value> {
    tenants.ledger().into_iter().filter(|e| e["applied"] == true).collect()
}

impl Left {
    fn of(tenants: &Tenants) -> Self {
        let written = applied(tenants);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for entry in &written {
            *times.entry(format!("{} {} {}", entry["method"], entry["path"], entry["body"])).or_default() += 1;
        }
        let objects = |kind: &str| -> BTreeSet<&str> {
            written.iter().filter(|e| e["kind"] == kind).filter_map(|e| e["object"].as_str()).collect()
        };
        let accounts = tenants.addresses("void");
        Self {
            repeated: times.values().map(|times| times - 1).sum(),
            duplicates: accounts.len() - accounts.iter().collect::<BTreeSet<_>>().len(),
            half_made: objects("invite").difference(&objects("patch")).count(),
        }
    }
    /// `made`: writes that were carried out before the last run began.
    fn said(&self, made: usize) -> String {
        let Self { repeated, duplicates, half_made } = self;
        format!("{repeated} of {made} writes repeated, {duplicates} duplicates, {half_made} left without attributes")
    }
}

impl Bench {
    /// B7: killed again and again, and run once more.
    pub fn killed(&self) -> Row {
        let (tenants, mut rng) = (self.serve(), ChaCha8Rng::seed_from_u64(7));
        let place = self.empty(&tenants);
        for kills in 0..KILLS {
            let mut child = place.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // Into the start, into the reading, into the writing.
            std::thread::sleep(Duration::from_millis(u64::from(rng.next_u32() % 400)));
            assert!(child.try_wait().unwrap().is_none(), "done after {kills} kills of {KILLS}: it takes more people");
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let made = applied(&tenants).len();
        let cost = place.run(&["sync"]).expect(0);
        place.run(&["plan"]).expect(0);
        let left = Left::of(&tenants);
        assert_eq!((left.duplicates, left.half_made), (0, 0), "one whole account for each");
        assert_eq!(tenants.addresses("void").len(), self.people + 1, "one account for each, and the director");
        let mut row = self.row("B7", &format!("killed {KILLS} times, then run once more"), vec![cost]);
        // One a kill at the most, although more are under way.
        row.target = Target::Value(left.repeated as f64, KILLS as f64);
        row.said = left.said(made);
        (row.seen, row.stored) = (tenants.seen(), place.stored());
        row
    }

    /// The same of peers. Who begins from the start again would never end if it were killed so often: that one is killed halfway.
    /// And, of whoever reads the target to know what is left, the same where the target tells late of what was written.
    pub fn peers_killed(&self, peers: &Peers) -> Vec<Row> {
        let (httpx, script) = HTTPX;
        let peers_of = [
            (GRAPH_RS, "provision", 1, 0, format!("{WRITER}, from the start again, killed halfway")),
            (script, "invite", KILLS, 0, format!("{httpx}, invites who is missing, {WRITING}")),
            (script, "repair", KILLS, 0, format!("{httpx}, fills in who differs too, {WRITING}")),
            (script, "repair", 1, LATE_SECONDS, format!("{httpx}, fills in who differs too, {HALFWAY_LATE}")),
        ];
        let outcome = |(script, word, kills, late, case): (&str, &str, usize, u64, String)| {
            let tenants = self.serve_late(late);
            let made = self.struck(&tenants, kills, &|| peers.called(script, &[word], &tenants, "void"));
            let cost = peers.run(script, &[word], &tenants, "void", &self.dir);
            let left = Left::of(&tenants);
            let mut row = self.row("B7", &format!("peer: {case}"), vec![cost]);
            (row.target, row.said, row.seen) = (Target::Told(left.repeated as f64), left.said(made), tenants.seen());
            row
        };
        let mut rows = vec![self.killed_writing(KILLS, 0, WRITING), self.killed_writing(1, LATE_SECONDS, HALFWAY_LATE)];
        rows.extend(peers_of.into_iter().map(outcome));
        rows
    }

    /// We, killed as the peers are.
    fn killed_writing(&self, kills: usize, late: u64, case: &str) -> Row {
        let tenants = self.serve_late(late);
        let place = self.empty(&tenants);
        let made = self.struck(&tenants, kills, &|| place.command(&["sync"]));
        let cost = place.run(&["sync"]).expect(0);
        let left = Left::of(&tenants);
        assert_eq!((left.duplicates, left.half_made), (0, 0), "one whole account for each");
        let mut row = self.row("B7", case, vec![cost]);
        row.target = Target::Value(left.repeated as f64, kills as f64);
        (row.said, row.seen, row.stored) = (left.said(made), tenants.seen(), place.stored());
        row
    }

    /// The target's delta rounds show each change so many seconds late.
    fn serve_late(&self, seconds: u64) -> Tenants {
        let tenants = self.serve();
        let millis = seconds * 1_000;
        let lag = json!({ "lag": { "min_millis": millis, "max_millis": millis } });
        tenants.control("PATCH", "tenants/void/settings", &lag);
        tenants
    }

    /// Killed at even distances in its writing; how many writes were carried out by then.
    fn struck(&self, tenants: &Tenants, kills: usize, command: &dyn Fn() -> Command) -> usize {
        for kill in 1..=kills {
            let enough = (2 * self.people * kill / (kills + 1)) as u64;
            stopped_when(command(), &self.dir, || tenants.seen().writes >= enough);
        }
        applied(tenants).len()
    }
}
