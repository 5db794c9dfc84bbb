//! What does a monitoring system hear of a process that runs for months?

mod gauges;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::Exit;
use crate::engine::{Event, Standing};
use crate::model::{Outcome, TenantName, Timestamp};
use gauges::{Gauges, Labels};

/// Before every name.
const PREFIX: &str = "crosstie";
/// Upper bounds of the histogram of cycles, in seconds. A quiet cycle takes a second or two, one of a busy morning minutes,
/// a first sync hours: 20,000 accounts at two writes each are half an hour of Graph's quota.
const CYCLE_SECONDS: [f64; 10] = [1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0];
/// Exit codes that a cycle can end with: their counters are there from the start, so that the first failure is a rise.
const EXITS: [Exit; 4] = [Exit::Done, Exit::Failed, Exit::Refused, Exit::Incomplete];

/// What time it is, on whichever thread.
pub(super) type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// All metrics of this process; clones are the same ones. Label values come from the configuration and from lists in this
/// program, and never from a directory.
#[derive(Clone)]
pub(super) struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    gauges: Arc<Gauges>,
    changes: Family<Labels, Counter>,
    throttled: Family<Labels, Counter>,
    cycles: Family<Labels, Counter>,
    cycle_seconds: Histogram,
    /// Throttled answers to reads that were counted already.
    reads_seen: Mutex<BTreeMap<TenantName, u64>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Nothing has happened yet, and nothing is known of the store.
    pub(super) fn new(now: Now) -> Self {
        let gauges = Arc::new(Gauges::new(now));
        let (changes, throttled, cycles) = (Family::default(), Family::default(), Family::default());
        let cycle_seconds = Histogram::new(CYCLE_SECONDS);
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register("build", "This program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register(
            "changes",
            "Entries of the change log: changes that were tried, and what came of them",
            Family::clone(&changes),
        );
        registry.register("throttled_answers", "Answers by which a tenant told us to wait", Family::clone(&throttled));
        registry.register(
            "cycles",
            "Cycles that have ended, by the exit code that they led to",
            Family::clone(&cycles),
        );
        let help = "How long cycles took, with the lanes that they drained";
        registry.register_with_unit("cycle_duration", help, Unit::Seconds, cycle_seconds.clone());
        registry.register_collector(Box::new(Arc::clone(&gauges)));
        for exit in EXITS {
            drop(cycles.get_or_create(&of_exit(exit)));
        }
        let reads_seen = Mutex::default();
        Self { inner: Arc::new(Inner { registry, gauges, changes, throttled, cycles, cycle_seconds, reads_seen }) }
    }

    /// Counts what happens in a cycle.
    pub(super) fn hear(&self, event: &Event<'_>) {
        match event {
            Event::Written { ask, outcome } => {
                let labels = vec![
                    ("route", ask.route().to_string()),
                    ("action", ask.action.as_str().to_owned()),
                    ("outcome", word(outcome).to_owned()),
                ];
                self.inner.changes.get_or_create(&labels).inc();
            }
            Event::Throttled { tenant } => drop(self.inner.throttled.get_or_create(&throttled(tenant, "write")).inc()),
            _ => {}
        }
    }

    /// So many answers to reads of this tenant told us to wait, since its connection was made.
    pub(super) fn reads_throttled(&self, tenant: &TenantName, all: u64) {
        let mut seen = self.inner.reads_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.insert(tenant.clone(), all).unwrap_or(0);
        // A connection that was made anew counts from nothing.
        let more = if all < before { all } else { all - before };
        self.inner.throttled.get_or_create(&throttled(tenant, "read")).inc_by(more);
    }

    /// A cycle has ended.
    pub(super) fn cycle_ended(&self, seconds: f64, exit: Exit) {
        self.inner.cycle_seconds.observe(seconds);
        self.inner.cycles.get_or_create(&of_exit(exit)).inc();
        if exit != Exit::Failed {
            self.inner.gauges.succeeded();
        }
    }

    /// How things stand by the store, at this instant.
    pub(super) fn refresh(&self, standing: &Standing, now: Timestamp) {
        for tenant in &standing.report.tenants {
            for operation in ["read", "write"] {
                drop(self.inner.throttled.get_or_create(&throttled(&tenant.tenant, operation)));
            }
        }
        self.inner.gauges.refresh(standing, now);
    }

    /// How many alerts wait for each webhook.
    pub(super) fn outbox(&self, waiting: impl IntoIterator<Item = (String, u64)>) {
        self.inner.gauges.outbox(waiting.into_iter().collect());
    }

    /// The main loop goes round.
    pub(super) fn beat(&self) {
        self.inner.gauges.beat();
    }

    /// Seconds since it last went round.
    pub(super) fn silent_seconds(&self) -> u64 {
        self.inner.gauges.silent_millis() / 1_000
    }

    /// All of them, as OpenMetrics text.
    ///
    /// # Errors
    /// None that the encoder could have with text.
    pub(super) fn render(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.inner.registry)?;
        Ok(page)
    }
}

fn of_exit(exit: Exit) -> Labels {
    vec![("exit_code", exit.code().to_string())]
}

fn throttled(tenant: &TenantName, operation: &str) -> Labels {
    vec![("tenant", tenant.to_string()), ("operation", operation.to_owned())]
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown(_) => "unknown",
    }
}
