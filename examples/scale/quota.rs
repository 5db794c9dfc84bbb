//! How near does one come to a quota's bound in real time, and how often is one refused? Ours, and what an administrator would
//! write: one request after the other, each again when the tenant has said so.

use super::benches::{BY_MAIL, Bench, say};
use super::figures::{Row, Target};
use super::peers::{HTTPX, JAVASCRIPT, Peers};
use super::place::Place;
use super::process::Cost;
use super::tenants::Tenants;

/// Graph's 20 writes a second, in windows of a tenth of its length: nobody waits for hours.
const WRITES: usize = 300;
const WINDOW_SECONDS: usize = 15;
/// The last window is half used: of whole ones we need one more, for the few writes of each that we keep back.
const PEOPLE: usize = 825;
/// Two writes a guest: the invitation, and what it cannot carry.
const EACH: usize = 2;
/// Whole windows of writes at once: nobody can undercut that.
const BOUND_SECONDS: usize = (EACH * PEOPLE - 1) / WRITES * WINDOW_SECONDS;

impl Bench {
    /// B4 in real time: each of us once in turn, because waiting takes always the same time.
    pub fn in_real_time(&self, peers: &Peers) -> Vec<Row> {
        let bench = Bench { people: PEOPLE, dir: self.dir.join("quota"), ..self.clone() };
        std::fs::create_dir_all(&bench.dir).unwrap();
        let (ours, written) = bench.under_quota("in real time, 300 writes in 15 s", |tenants| {
            let limits = format!("writes = {WRITES}\nwindow_seconds = {WINDOW_SECONDS}\n");
            let folder = bench.dir.join("writing");
            let place = Place::limited(folder, &bench.crosstie, &tenants.root, "void", bench.profiled, &limits);
            place.rules(BY_MAIL).run(&["sync"]).expect(0)
        });
        let mut rows = vec![ours];
        for (name, script) in [HTTPX, JAVASCRIPT] {
            let run = |tenants: &Tenants| peers.run(script, &["invite"], tenants, "void", &bench.dir);
            let (row, theirs) = bench.under_quota(&format!("peer: {name}, one write after the other"), run);
            assert!(theirs == written, "{name} writes something else than we do");
            rows.push(row);
        }
        rows
    }

    /// Everybody is provisioned into tenants that keep the quota; and what was written.
    fn under_quota(&self, case: &str, run: impl FnOnce(&Tenants) -> Cost) -> (Row, Vec<String>) {
        let tenants = self.serve_limited(&[format!("app-writes={WRITES}/{WINDOW_SECONDS}")]);
        let cost = run(&tenants);
        let written = self.all_provisioned(&tenants);
        let refused = tenants.ledger().iter().filter(|e| e["status"] == 429).count();
        let mut row = self.row("B4", case, vec![cost]);
        let of_bound = row.seconds() / BOUND_SECONDS as f64;
        (row.target, row.seen) = (Target::Told(of_bound), tenants.seen());
        row.said = format!("{of_bound:.3} of the bound of {BOUND_SECONDS} s, {refused} times 429");
        say(&row.said);
        (row, written)
    }
}
