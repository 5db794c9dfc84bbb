//! What do all histories come to? One report as JSON, and the table for people.

use serde_json::json;

use crate::fault::{CLASSES, Counts, ELSEWHERE};
use crate::play::{Broken, Outcome};

/// Sums over many histories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) seeds: u64,
    pub(crate) steps: u64,
    pub(crate) cycles: u64,
    pub(crate) virtual_hours: f64,
    pub(crate) writes: u64,
    pub(crate) kills: u64,
    pub(crate) requests: u64,
    pub(crate) fullest: u64,
    pub(crate) struck: Counts,
    pub(crate) broken: Vec<(u64, Broken)>,
}

impl Totals {
    pub(crate) fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        self.cycles += outcome.cycles;
        self.virtual_hours += outcome.virtual_millis as f64 / 3_600_000.0;
        self.writes += outcome.writes;
        self.kills += outcome.kills;
        self.requests += outcome.requests;
        self.fullest = self.fullest.max(outcome.fullest);
        self.struck.extend(&outcome.struck);
        if let Some(broken) = outcome.broken {
            self.broken.push((seed, broken));
            self.broken.sort_by_key(|(seed, _)| *seed);
        }
    }

    pub(crate) fn json(&self) -> String {
        let classes: serde_json::Map<_, _> = CLASSES
            .iter()
            .map(|(class, _)| (format!("F{class}"), json!(self.struck.0.get(class).copied().unwrap_or(0))))
            .collect();
        let broken = |(seed, b): &(u64, Broken)| json!({ "seed": seed, "law": b.law, "step": b.step, "what": b.what });
        let report = json!({
            "seeds": self.seeds, "steps": self.steps, "cycles": self.cycles,
            "virtual_hours": self.virtual_hours.round(), "writes_judged": self.writes, "kills": self.kills,
            "requests": self.requests, "fullest_window_writes": self.fullest,
            "faults": classes, "broken": self.broken.iter().map(broken).collect::<Vec<_>>(),
        });
        serde_json::to_string_pretty(&report).unwrap() + "\n"
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| figure | count |\n|---|---:|\n");
        let rows = [
            ("seeds", self.seeds),
            ("operations", self.steps),
            ("cycles", self.cycles),
            ("virtual hours", self.virtual_hours.round() as u64),
            ("requests", self.requests),
            ("writes judged", self.writes),
            ("kills", self.kills),
            ("most writes of an app into a tenant in any 150 s", self.fullest),
            ("laws broken", self.broken.len() as u64),
        ];
        rows.iter().for_each(|(name, n)| text += &format!("| {name} | {n} |\n"));
        text += "\n| class | fault | struck |\n|---|---|---:|\n";
        for (class, name) in CLASSES {
            let held = ELSEWHERE.iter().find(|(c, _)| *c == class);
            let count = self.struck.0.get(&class).copied().unwrap_or(0);
            let count = held.map_or_else(|| count.to_string(), |(_, place)| format!("held by {place}"));
            text += &format!("| F{class} | {name} | {count} |\n");
        }
        text
    }
}
