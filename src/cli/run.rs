//! How is a schedule kept for months?

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use clap::Args;
use futures_util::future::{Either, select};
use tokio::sync::watch;
use tracing::Instrument;

use super::alerts::{self, Ended};
use super::chronicle::{self, tell};
use super::clock::SystemClock;
use super::listen::{self, Listener, Shared};
use super::metrics::Metrics;
use super::post::Outgoing;
use super::service::Service;
use super::session::{Order, Signals};
use super::{Exit, Global, Output, identity, outcome, output, session};
use crate::config::{self, Config, delayed};
use crate::engine::{
    AHEAD_AFTER, Cycle, EngineError, Event, Focus, Report, longest_window_millis, pause_seconds, standing,
};
use crate::graph::RequestIds;
use crate::model::{RouteName, TenantName, Timestamp, Trigger};
use crate::notify::Bell;
use crate::ports::Clock;
use crate::store::{Store, StoreError};

/// Signs of life come at least so often, whatever the service manager asks for.
const PULSE_MILLIS: u64 = 1_000;
/// How often the metrics are told how things stand: as often as they are usually fetched.
const REFRESH_SECONDS: u64 = 15;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// One cycle on all routes now, whatever the schedule says; the exit code is that of `sync`.
    #[arg(long)]
    once: bool,
    /// Serve /healthz, /readyz and /metrics here, for example 127.0.0.1:9464. Any address but loopback needs a token: see
    /// [listen] in the documentation of the configuration.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Whoever wrote the store on another machine is gone for good: take its place.
    #[arg(long)]
    take_over: bool,
}

pub(super) fn run(global: &Global, arguments: &Arguments, _out: &mut Output) -> Exit {
    let kept = || -> Result<Exit, Exit> {
        let config = session::configuration(global)?;
        session::runtime()?.block_on(keep(global, arguments, config))
    };
    kept().unwrap_or_else(|exit| exit)
}

/// What stays the same when the configuration changes.
struct Keeper<'a> {
    arguments: &'a Arguments,
    store: &'a Store,
    clock: SystemClock,
    ids: &'a RequestIds,
    service: Service,
    metrics: Metrics,
    shared: Arc<Shared>,
    /// How often in a row the store kept a cycle from beginning, and until when it is left alone for that.
    store_faults: Cell<u32>,
    not_before: Cell<Timestamp>,
}

/// A configuration with all that is made from it.
struct Ready {
    config: Config,
    directories: BTreeMap<TenantName, session::Writer>,
    outgoing: Outgoing,
}

impl Ready {
    fn new(config: Config, clock: SystemClock) -> Result<Self, Exit> {
        let directories = session::writers(&config, session::connect(&config, clock)?);
        Ok(Self { outgoing: Outgoing::open(&config)?, config, directories })
    }
}

async fn keep(global: &Global, arguments: &Arguments, config: Config) -> Result<Exit, Exit> {
    let clock = SystemClock::start();
    let mut ready = Ready::new(config, clock)?;
    let listen = listen::wanted(&ready.config, arguments.listen.as_deref())?;
    let store = session::store_to_write(&ready.config, "run", arguments.take_over, &clock)?;
    output::say_it_in_the_log();
    session::remember_units(&ready.config, &store, &ready.directories).map_err(session::failed)?;
    let ids = RequestIds::random().map_err(session::failed)?;
    let mut signals = Signals::new(true)?;
    let metrics = Metrics::new(Arc::new(move || clock.now()));
    let shared = Arc::new(Shared::new(metrics.clone()));
    let service = Service::start();
    let (store_faults, not_before) = (Cell::new(0), Cell::new(Timestamp(0)));
    let keeper =
        Keeper { arguments, store: &store, clock, ids: &ids, service, metrics, shared, store_faults, not_before };
    tell!(info, routes = ready.config.routes.len(), store = %ready.config.store.display(), "keeping the schedule");
    let _listener = match listen {
        Some((address, token)) => {
            let shared = Arc::clone(&keeper.shared);
            let (listener, address) = Listener::start(address, token, shared).map_err(session::failed)?;
            tell!(info, %address, "listening for /healthz, /readyz and /metrics");
            Some(listener)
        }
        None => None,
    };
    let (_, idle) = watch::channel(false);
    if keeper.cycle_of(&ready, Focus::default(), idle, &|_| {}).pick_up().map_err(session::failed)? {
        tell!(warn, "the last run never ended: its process was killed; going on at once");
    }
    loop {
        let new = match keeper.until_told(global, &ready, &mut signals).await? {
            Told::Over(exit) => return Ok(exit),
            Told::Anew(new) => *new,
        };
        match keeper.take_over(&new) {
            Ok(()) => {
                ready = new;
                tell!(info, routes = ready.config.routes.len(), "the new configuration is in force");
            }
            Err(error) => {
                let why = error.to_string();
                tell!(error, why, "the store does not take the new configuration; {KEPT}");
            }
        }
    }
}

/// Why one configuration is worked with no longer.
enum Told {
    /// The process is to end.
    Over(Exit),
    /// There is another one.
    Anew(Box<Ready>),
}

/// What becomes of a new configuration that is of no use.
const KEPT: &str = "the old configuration stays in force";

/// The configuration as it is now, where it is sound; where not, the old one stays in force.
fn reload(global: &Global, old: &Config, clock: SystemClock) -> Option<Ready> {
    let new = match config::load(&global.config) {
        Ok(loaded) => {
            if !loaded.warnings.is_empty() {
                chronicle::warned(&loaded.warnings);
            }
            loaded.config
        }
        Err(report) => {
            let why = chronicle::brief(&report);
            tell!(error, why, "the new configuration is not sound; {KEPT}");
            return None;
        }
    };
    if new.store != old.store {
        let (old, new) = (old.store.display(), new.store.display());
        tell!(error, %old, %new, "the store cannot be moved by a reload, only by a restart; {KEPT}");
        return None;
    }
    let missing = session::missing(&new);
    if !missing.is_empty() {
        let why = missing.join("; ");
        tell!(error, why, "the new configuration cannot be used; {KEPT}");
        return None;
    }
    if new.listen != old.listen {
        tell!(warn, "[listen] has changed: that holds from the next restart on, not from a reload");
    }
    let ready = Ready::new(new, clock).ok();
    if ready.is_none() {
        tell!(error, "the new configuration cannot be used, for the reason told before; {KEPT}");
    }
    ready
}

impl Keeper<'_> {
    /// Signs of life, from the loop that does the work: where it stalls, none come. And now and then, how things stand.
    async fn pulse(&self, ready: &Ready) {
        let period = self.service.watchdog_period().and_then(|p| u64::try_from(p.as_millis()).ok());
        let period = period.map_or(PULSE_MILLIS, |period| period.min(PULSE_MILLIS));
        let mut refreshed = None;
        loop {
            self.service.alive();
            self.shared.beat();
            let now = self.clock.now();
            if refreshed.is_none_or(|at| now.seconds_since(at) >= REFRESH_SECONDS) {
                refreshed = Some(now);
                self.refresh(ready);
            }
            self.clock.sleep_until(now.plus_millis(period)).await;
        }
    }

    /// How things stand, for the metrics. A store that cannot be read now is met by the cycles, which say so.
    fn refresh(&self, ready: &Ready) {
        if let Ok(standing) = standing(&ready.config, self.store, self.clock.now()) {
            self.metrics.refresh(&standing, self.clock.now());
        }
        if let Ok(outbox) = self.store.outbox_status() {
            self.metrics.outbox(outbox.into_iter().map(|hook| (hook.webhook, hook.waiting)));
        }
        for (name, directory) in &ready.directories {
            self.metrics.reads_throttled(name, directory.reader().throttled_reads());
        }
    }

    /// What `/readyz` says after a cycle.
    fn tell_ready(&self, report: &Report, broke_off: Option<&String>) {
        let unread = report.drafted.readings.unread.keys();
        let mut reasons: Vec<String> = unread.map(|t| format!("{t} was not read to its end")).collect();
        reasons.extend(broke_off.map(|_| "the last cycle ended early".to_owned()));
        self.shared.ready(if reasons.is_empty() { Ok(()) } else { Err(reasons) });
    }

    /// Keeps the schedule of one configuration until a signal ends that.
    async fn until_told(&self, global: &Global, ready: &Ready, signals: &mut Signals) -> Result<Told, Exit> {
        let service = &self.service;
        service.ready(&format!("keeping the schedule of {} routes", ready.config.routes.len()));
        let (stop, stopped) = watch::channel(false);
        let mut work = pin!(self.work(ready, stopped));
        let mut pulse = pin!(self.pulse(ready));
        let new = loop {
            tokio::select! {
                // An order that came while the last one was carried out goes before new work.
                biased;
                order = signals.next() => match order {
                    Order::Stop => break None,
                    Order::Reload => {
                        service.reloading();
                        if let Some(new) = reload(global, &ready.config, self.clock) {
                            break Some(Box::new(new));
                        }
                        service.ready("the new configuration is not sound: keeping the old one");
                    }
                },
                ended = &mut work => return ended.map(Told::Over),
                () = &mut pulse => {}
            }
        };
        let why = if new.is_some() { "a new configuration" } else { "a signal" };
        tell!(info, why, "stopping after the writes that are under way");
        if new.is_none() {
            service.stopping("finishing the writes that are under way");
        }
        // Nobody listens any more only when the work is over.
        let _ = stop.send(true);
        let exit = work.await?;
        Ok(match new {
            Some(new) => Told::Anew(new),
            None => {
                tell!(info, "stopped");
                // One cycle was asked for; of a schedule nothing is left undone.
                Told::Over(if self.arguments.once { exit } else { Exit::Done })
            }
        })
    }

    /// The store and the connections are made ready for a configuration that comes in place of another.
    fn take_over(&self, new: &Ready) -> Result<(), StoreError> {
        session::remember_units(&new.config, self.store, &new.directories)?;
        session::set_up(&new.config, self.store)
    }

    /// Disks that are full are emptied by people, and whoever holds the file lets go of it soon: it is tried again after a
    /// pause that grows.
    fn store_failed(&self, error: &EngineError) {
        let faults = self.store_faults.get().saturating_add(1);
        self.store_faults.set(faults);
        let seconds = pause_seconds(faults);
        self.not_before.set(self.clock.now().plus_seconds(seconds));
        let why = error.to_string();
        if self.arguments.once {
            tell!(error, why, "the cycle could not begin");
        } else {
            tell!(error, why, seconds, "the next cycle cannot begin; trying again soon");
        }
    }

    /// Keeps the schedule until it is stopped.
    async fn work(&self, ready: &Ready, stop: watch::Receiver<bool>) -> Result<Exit, Exit> {
        let bell = Bell::default();
        let work = self.cycles(ready, &bell, stop.clone());
        let alive = session::alive(self.store, &self.clock, work);
        ready.outgoing.beside(self.store, &self.clock, &bell, stop, alive).await.map_err(session::failed)?
    }

    async fn cycles(&self, ready: &Ready, bell: &Bell, stop: watch::Receiver<bool>) -> Result<Exit, Exit> {
        loop {
            let due = if self.arguments.once {
                Some(ready.config.routes.iter().map(|r| r.name.clone()).collect())
            } else {
                self.wait(ready, stop.clone()).await?
            };
            let Some(due) = due else {
                if *stop.borrow() {
                    return Ok(Exit::Done);
                }
                continue;
            };
            // A store that is not ours any more ends the process: nothing that it does could be remembered.
            let beat = self.store.heartbeat(self.clock.now());
            if let Err(error @ (StoreError::TakenOver { .. } | StoreError::Gone { .. })) = beat {
                return Err(session::failed(error));
            }
            let (exit, stopped) = self.cycle(ready, bell, stop.clone(), due).await;
            if stopped || self.arguments.once {
                return Ok(if stopped { exit.and(Exit::Failed) } else { exit });
            }
        }
    }

    /// Waits until a schedule comes due. `None`: asked to stop, or the store could not be asked.
    async fn wait(&self, ready: &Ready, stop: watch::Receiver<bool>) -> Result<Option<BTreeSet<RouteName>>, Exit> {
        let tick = self.cycle_of(ready, Focus::default(), stop.clone(), &|_| {}).next_tick();
        let (at, routes) = match tick {
            Ok(Some(tick)) => {
                let draw = uuid::Uuid::parse_str(&self.ids.next_id()).map_or(0, |id| id.as_u64_pair().1);
                let at = delayed(tick.at, ready.config.jitter_seconds, draw);
                (at.max(self.not_before.get()), Some(tick.routes))
            }
            Ok(None) => {
                return Err(session::failed("no schedule ever comes due again\nhint: crosstie check says which"));
            }
            Err(error) => {
                self.store_failed(&error);
                (self.not_before.get(), None)
            }
        };
        if at > self.clock.now() {
            tracing::debug!(at = %at.rfc3339(), "waiting for the next cycle");
        }
        let stopped = self.pause_until(at, stop).await;
        Ok(routes.filter(|_| !stopped))
    }

    /// Waits until `at`, or until somebody asks to stop. Answers whether somebody did.
    async fn pause_until(&self, at: Timestamp, mut stop: watch::Receiver<bool>) -> bool {
        let stopped = pin!(async {
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        matches!(select(pin!(self.clock.sleep_until(at)), stopped).await, Either::Right(_))
    }

    fn cycle_of<'c>(
        &'c self,
        ready: &'c Ready,
        focus: Focus,
        stop: watch::Receiver<bool>,
        watch: &'c dyn Fn(Event<'_>),
    ) -> Cycle<'c, session::Writer, SystemClock> {
        Cycle {
            config: &ready.config,
            store: self.store,
            clock: &self.clock,
            directories: &ready.directories,
            focus,
            ahead_after: AHEAD_AFTER,
            request_ids: &|| String::new(),
            watch,
            stop,
        }
    }

    /// How far a long cycle has come. A store that does not take it is met by the cycle's next write.
    fn progress(&self, ready: &Ready, bell: &Bell, started_at: Timestamp, report: &Report) {
        let Some(run) = report.run else { return };
        let (source, ended_at) = (ready.config.notify.source.as_str(), self.clock.now());
        let (trigger, exit, reason, whole) = (Trigger::Schedule, outcome::exit(report), None, false);
        let so_far = Ended { source, run, trigger, started_at, ended_at, exit, reason, report, whole };
        if outcome::progress(&ready.config, self.store, &ready.outgoing, &so_far).is_ok() {
            bell.ring();
        }
    }

    /// One cycle, from its row in the store to the end of it.
    async fn cycle(
        &self,
        ready: &Ready,
        bell: &Bell,
        stop: watch::Receiver<bool>,
        due: BTreeSet<RouteName>,
    ) -> (Exit, bool) {
        let (config, store, started_at) = (&ready.config, self.store, self.clock.now());
        let hear = |event: Event<'_>| {
            alerts::hear(config, store, bell, self.clock.now(), &event);
            self.metrics.hear(&event);
            match event {
                Event::Notice(notice) => chronicle::heard(notice),
                Event::Anew { tenant, attributes } => chronicle::read_anew(tenant, attributes),
                Event::Progress(report) => self.progress(ready, bell, started_at, report),
                _ => {}
            }
        };
        let request_ids = || self.ids.next_id();
        let whole = due.len() == config.routes.len();
        let cycle = self.cycle_of(ready, Focus { due: Some(due.clone()), ..Focus::default() }, stop, &hear);
        let cycle = Cycle { request_ids: &request_ids, ..cycle };
        let begun = store
            .forget_spent(started_at, longest_window_millis(config))
            .and_then(|()| store.begin_run_in(&identity::circumstances(config), Trigger::Schedule, started_at))
            .map_err(EngineError::from)
            .and_then(|run| cycle.ticked(&due).map(|()| run));
        let run = match begun {
            Ok(run) => run,
            Err(error) => {
                self.store_failed(&error);
                return (Exit::Failed, false);
            }
        };
        self.store_faults.set(0);
        async {
            tell!(info, routes = due.len(), "a cycle begins");
            let (report, exit, reason) = match cycle.keep(run).await {
                Ok(report) => {
                    let exit = outcome::exit(&report);
                    (report, exit, None)
                }
                Err(error) => {
                    chronicle::broke_off(&error);
                    (Report { run: Some(run), ..Report::default() }, Exit::Failed, Some(error.to_string()))
                }
            };
            let (trigger, ended_at, source) = (Trigger::Schedule, self.clock.now(), config.notify.source.as_str());
            if reason.is_none() {
                chronicle::ended(&report, exit, ended_at.seconds_since(started_at));
            }
            let stopped = report.stopped;
            if !stopped {
                self.tell_ready(&report, reason.as_ref());
            }
            let report = &report;
            let ended = Ended { source, run, trigger, started_at, ended_at, exit, reason, report, whole };
            // Where that fails it was said, and the next cycle tries its luck with the store.
            let exit = outcome::end(config, store, &self.clock, &ready.outgoing, &ended).await.unwrap_or(Exit::Failed);
            bell.ring();
            self.metrics.cycle_ended(ended_at.millis_since(started_at) as f64 / 1_000.0, exit);
            self.refresh(ready);
            (exit, stopped)
        }
        .instrument(chronicle::span(run))
        .await
    }
}

#[cfg(test)]
mod tests;
