//! How does a run go that a person began, from its row in the store to the end of it?

use std::collections::BTreeMap;

use tracing::Instrument;

use super::alerts::{self, Ended};
use super::clock::SystemClock;
use super::post::Outgoing;
use super::progress::Progress;
use super::session::{self, Reader};
use super::{Exit, Global, chronicle, identity, outcome};
use crate::config::Config;
use crate::engine::{AHEAD_AFTER, Cycle, EngineError, Focus, Report, longest_window_millis};
use crate::graph::RequestIds;
use crate::model::{RunId, TenantName, Trigger};
use crate::notify::Bell;
use crate::ports::Clock;

/// What the run is for.
pub(super) struct Errand {
    /// The verb, as the store says who writes.
    pub(super) verb: &'static str,
    pub(super) trigger: Trigger,
    pub(super) focus: Focus,
    /// Another machine that wrote this store is gone for good.
    pub(super) take_over: bool,
    /// It is about everybody on every route: what it does not mention is over.
    pub(super) whole: bool,
}

/// What is told of a run: the report, the exit code, and why it ended early where it did.
pub(super) type Told = (Report, Exit, Option<String>);

/// Runs `work` as one run. `doors` turns connections that read into those that the work takes; `told` is given what came of it,
/// and whether somebody asked it to stop.
pub(super) async fn one_run<D, T>(
    global: &Global,
    config: &Config,
    errand: Errand,
    doors: impl FnOnce(BTreeMap<TenantName, Reader>) -> BTreeMap<TenantName, D>,
    work: impl AsyncFnOnce(&Cycle<'_, D, SystemClock>, RunId) -> Result<T, EngineError>,
    told: impl FnOnce(Result<T, EngineError>, RunId, bool) -> Told,
) -> Result<Exit, Exit> {
    let clock = SystemClock::start();
    let Errand { verb, trigger, focus, take_over, whole } = errand;
    let readers = session::connect(config, clock)?;
    let outgoing = Outgoing::open(config)?;
    let store = session::store_to_write(config, verb, take_over, &clock)?;
    session::remember_units(config, &store, &readers).map_err(session::failed)?;
    let directories = doors(readers);
    let (progress, ids) = (Progress::new(global), RequestIds::random().map_err(session::failed)?);
    let bell = Bell::default();
    store.forget_spent(clock.now(), longest_window_millis(config)).map_err(session::failed)?;
    let started_at = clock.now();
    let begun = store.begin_run_in(&identity::circumstances(config), trigger, started_at);
    let run = begun.map_err(session::failed)?;
    session::until_stopped(async |stop| {
        let cycle = Cycle {
            config,
            store: &store,
            clock: &clock,
            directories: &directories,
            focus,
            ahead_after: AHEAD_AFTER,
            request_ids: &|| ids.next_id(),
            watch: &|event| {
                progress.hear(&event);
                alerts::hear(config, &store, &bell, clock.now(), &event);
            },
            stop: stop.clone(),
        };
        let work = async {
            let result = session::alive(&store, &clock, work(&cycle, run)).instrument(chronicle::span(run)).await;
            progress.clear();
            // Where the store is somebody else's by now, nothing more is written to it, not even that this run is over.
            let result = result.map_err(session::failed)?;
            let (report, exit, reason) = told(result, run, *stop.borrow());
            let (ended_at, report) = (clock.now(), &report);
            let source = config.notify.source.as_str();
            let ended = Ended { source, run, trigger, started_at, ended_at, exit, reason, report, whole };
            outcome::end(config, &store, &clock, &outgoing, &ended).await
        };
        outgoing.beside(&store, &clock, &bell, stop.clone(), work).await
    })
    .await
}
