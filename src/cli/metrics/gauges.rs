//! What is so at the moment, when somebody asks? Ages grow while nothing happens, so they are told from instants.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;

use super::Now;
use crate::engine::{BudgetLeft, Lane, Standing, failures_allowed};
use crate::model::Timestamp;
use crate::store::{Door, RoutePart, RouteStatus, TenantStatus};

/// Names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// What was known when it was last looked.
#[derive(Clone, Default)]
struct Known {
    standing: Option<Arc<(Standing, Timestamp)>>,
    succeeded_at: Option<Timestamp>,
    outbox: BTreeMap<String, u64>,
}

/// Everything that can fall as well as rise.
pub(super) struct Gauges {
    now: Now,
    began: Timestamp,
    /// Milliseconds since 1970 when the main loop last went round.
    beat: AtomicU64,
    known: Mutex<Known>,
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl Gauges {
    pub(super) fn new(now: Now) -> Self {
        let began = now();
        Self { now, began, beat: AtomicU64::new(began.0), known: Mutex::default() }
    }

    /// Held for as long as it takes to take or set a few values: whoever asks for a page never holds up the main loop.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn succeeded(&self) {
        self.known().succeeded_at = Some((self.now)());
    }

    pub(super) fn refresh(&self, standing: &Standing, now: Timestamp) {
        let standing = Arc::new((standing.clone(), now));
        let mut known = self.known();
        known.succeeded_at = known.succeeded_at.max(standing.0.succeeded_at);
        known.standing = Some(standing);
    }

    pub(super) fn outbox(&self, waiting: BTreeMap<String, u64>) {
        self.known().outbox = waiting;
    }

    pub(super) fn beat(&self) {
        self.beat.store((self.now)().0, Ordering::Relaxed);
    }

    pub(super) fn silent_millis(&self) -> u64 {
        (self.now)().millis_since(Timestamp(self.beat.load(Ordering::Relaxed)))
    }

    fn seconds_since(&self, at: Timestamp) -> f64 {
        seconds((self.now)().millis_since(at))
    }

    fn of_tenants(&self, standing: &Standing, page: &mut Page<'_>) -> fmt::Result {
        let tenants = || standing.report.tenants.iter();
        let tenant = |t: &TenantStatus| ("tenant", t.tenant.to_string());
        page.seconds(
            "watermark_age",
            "Since the last reading of the tenant that ran to its end; where there was none, since this process began.",
            tenants().map(|t| (vec![tenant(t)], self.seconds_since(t.read.unwrap_or(self.began)))),
        )?;
        page.gauge(
            "unanswered_writes",
            "Writes into the tenant whose answer is not known.",
            tenants().map(|t| (vec![tenant(t)], t.unanswered)),
        )?;
        let doors = tenants().flat_map(|t| [Door::Reading, Door::Writing].map(|door| (t, door)));
        let open = |t: &TenantStatus, door: Door| {
            t.breakers.get(&door).is_some_and(|breaker| breaker.failures >= failures_allowed(door))
        };
        page.gauge(
            "breaker_open",
            "1: nothing but faults came from the tenant at this door, and it is left alone but for a probe now and then.",
            doors.map(|(t, door)| (vec![tenant(t), ("door", door.as_str().to_owned())], u64::from(open(t, door)))),
        )?;
        let budget = |b: &BudgetLeft| {
            let window = (b.window.millis / 1_000).to_string();
            vec![("tenant", b.tenant.to_string()), ("budget", b.budget.to_owned()), ("window_seconds", window)]
        };
        page.gauge(
            "budget_left",
            "What is left in a window of the tenant's budget: writes, invitations, or resource units.",
            standing.budgets.iter().map(|b| (budget(b), u64::from(b.left))),
        )?;
        page.gauge(
            "budget_limit",
            "What the same window holds.",
            standing.budgets.iter().map(|b| (budget(b), u64::from(b.window.writes_max))),
        )
    }

    fn of_lanes(&self, standing: &Standing, page: &mut Page<'_>) -> fmt::Result {
        let mut targets: BTreeMap<&str, Vec<&RouteStatus>> = BTreeMap::new();
        for route in &standing.report.routes {
            targets.entry(route.name.target.as_str()).or_default().push(route);
        }
        let lanes = || targets.iter().flat_map(|(target, routes)| Lane::ALL.map(|lane| (*target, routes, lane)));
        let labels = |target: &str, lane: Lane| vec![("target", target.to_owned()), ("lane", lane.name().to_owned())];
        let in_lane = |routes: &[&RouteStatus], lane: Lane| {
            let here: Vec<_> = routes.iter().filter_map(|route| route.lanes.get(lane.name())).cloned().collect();
            (here.iter().map(|l| l.changes).sum::<u64>(), here.iter().map(|l| l.writes).sum::<u64>(), here)
        };
        page.gauge(
            "lane_depth",
            "Changes that wait in a lane of the target.",
            lanes().map(|(target, routes, lane)| (labels(target, lane), in_lane(routes, lane).0)),
        )?;
        page.gauge(
            "lane_writes",
            "Object writes that these changes take.",
            lanes().map(|(target, routes, lane)| (labels(target, lane), in_lane(routes, lane).1)),
        )?;
        let oldest = |routes: &[&RouteStatus]| in_lane(routes, Lane::Leavers).2.iter().filter_map(|l| l.since).min();
        page.seconds(
            "oldest_leaver_age",
            "How long the oldest leaver has waited for its write into the target; 0 where none waits.",
            targets.iter().map(|(target, routes)| {
                let age = oldest(routes).map_or(0.0, |since| self.seconds_since(since));
                (vec![("target", (*target).to_owned())], age)
            }),
        )
    }

    fn of_routes(standing: &Standing, page: &mut Page<'_>) -> fmt::Result {
        let mut each = |name, help, value: fn(&RouteStatus) -> u64| {
            let routes = standing.report.routes.iter();
            page.gauge(name, help, routes.map(|r| (vec![("route", r.route.clone())], value(r))))
        };
        each("links", "People of the route with an account.", |r| r.links)?;
        each("pending_changes", "Changes of the route that wait to be made.", |r| r.pending)?;
        each("held_people", "People of the route for whom a person has to decide.", |r| r.held)?;
        each("failed_people", "People of the route whose change failed, and is tried again later.", |r| r.failed)?;
        each("refused", "1: the guard lets nothing of the route through.", |r| u64::from(r.refused.is_some()))?;
        let parts = standing.report.routes.iter();
        let parts = parts.flat_map(|r| [RoutePart::Leavers, RoutePart::Others].map(|part| (r, part)));
        page.gauge(
            "quarantined",
            "1: the same refusal met one person after the other, and this part of the route is stopped.",
            parts.map(|(r, part)| {
                let labels = vec![("route", r.route.clone()), ("part", part.as_str().to_owned())];
                (labels, u64::from(r.quarantined.contains_key(&part)))
            }),
        )
    }

    fn of_log(standing: &Standing, page: &mut Page<'_>) -> fmt::Result {
        let Some((entries, hash)) = &standing.head else { return Ok(()) };
        page.gauge("log_entries", "The number of the change log's last entry.", [(Vec::new(), *entries)])?;
        let info = Info::new(vec![("hash", hash.clone())]);
        let help = "The hash of the change log's last entry.";
        info.encode(page.0.encode_descriptor("log_head", help, None, info.metric_type())?)
    }
}

impl Collector for Gauges {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let none: Labels = Vec::new();
        let silent = [(none.clone(), seconds(self.silent_millis()))];
        page.seconds("heartbeat_age", "Since the main loop last went round.", silent)?;
        let known = self.known().clone();
        if let Some(at) = known.succeeded_at {
            let help = "When the last cycle ended that ran to its end (exit code 0, 3 or 4).";
            page.seconds("last_successful_cycle_timestamp", help, [(none.clone(), seconds(at.0))])?;
        }
        let waiting = known.outbox.iter().map(|(hook, n)| (vec![("webhook", hook.clone())], *n));
        page.gauge("outbox_alerts", "Alerts that the webhook has not confirmed yet.", waiting)?;
        let Some((standing, at)) = known.standing.as_deref() else { return Ok(()) };
        let age = [(none, self.seconds_since(*at))];
        page.seconds("snapshot_age", "How old the numbers are that come from the store.", age)?;
        self.of_tenants(standing, &mut page)?;
        self.of_lanes(standing, &mut page)?;
        Self::of_routes(standing, &mut page)?;
        Self::of_log(standing, &mut page)
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// The page that is being written.
struct Page<'p>(DescriptorEncoder<'p>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        self.family(name, help, None, samples)
    }
    fn seconds(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels, f64)>) -> fmt::Result {
        self.family(name, help, Some(&Unit::Seconds), samples)
    }
    fn family<N: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (Labels, N)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, <ConstGauge<N> as TypedMetric>::TYPE)?;
        for (labels, value) in samples {
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
