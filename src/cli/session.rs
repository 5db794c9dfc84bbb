//! What does a verb need before it can begin: configuration, store, connections, signals?

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::chronicle::{self, tell};
use super::clock::SystemClock;
use super::connection::Connection;
use super::identity;
use super::keys;
use super::machine;
use super::output::{complain, in_the_log, say};
use super::progress::Progress;
use super::{Exit, Global};
use crate::config::{self, Config, Credential, SecretError, Tenant};
use crate::engine::{AHEAD_AFTER, Budgets, Cycle, EngineError, Focus};
use crate::graph::{Certificate, GraphClient, GraphError, HttpTransport, ManagedIdentity, Proof, RequestIds};
use crate::model::{RouteName, TenantName};
use crate::ports::Clock;
use crate::store::{HEARTBEAT_SECONDS, Mode, Store, StoreError, TenantSetup};

/// A connection that can only read.
pub(super) type Reader = GraphClient<HttpTransport, SystemClock>;
/// A connection that can write too, where the tenant is one to be written to.
pub(super) type Writer = Connection;

/// Reads the configuration; findings go to stderr.
pub(super) fn configuration(global: &Global) -> Result<Config, Exit> {
    match config::load(&global.config) {
        Ok(loaded) => {
            if !loaded.warnings.is_empty() && !global.quiet {
                if in_the_log() {
                    chronicle::warned(&loaded.warnings);
                } else {
                    say(format_args!("{}", loaded.warnings.render(true).trim_end()));
                }
            }
            Ok(loaded.config)
        }
        Err(report) => {
            if in_the_log() {
                let why = chronicle::brief(&report);
                tell!(error, why, "the configuration is not sound");
            } else {
                say(format_args!("{}", report.render(true).trim_end()));
            }
            Err(Exit::Usage)
        }
    }
}

/// Reads the configuration and runs a verb that talks to tenants.
pub(super) fn online(global: &Global, verb: impl AsyncFnOnce(&Config) -> Result<Exit, Exit>) -> Exit {
    let ended = || -> Result<Exit, Exit> {
        let config = configuration(global)?;
        runtime()?.block_on(verb(&config))
    };
    ended().unwrap_or_else(|exit| exit)
}

/// Opens the store that the configuration names, and makes its tenants and routes known.
pub(super) fn store(config: &Config, mode: Mode) -> Result<Store, Exit> {
    let opened = || -> Result<Store, StoreError> {
        let store = Store::open(&config.store, mode)?;
        match mode {
            Mode::Look => store.get_to_know(&setups(config), &routes(config))?,
            Mode::Write | Mode::Copy => store.set_up(&setups(config), &routes(config))?,
        }
        Ok(store)
    };
    opened().map_err(failed)
}

/// Makes the tenants and routes of a new configuration known to an open store. Where that fails, it is as before.
pub(super) fn set_up(config: &Config, store: &Store) -> Result<(), StoreError> {
    store.set_up(&setups(config), &routes(config))
}

/// Opens it for a short word beside whoever writes it; `None` where there is none yet.
pub(super) fn store_beside(config: &Config) -> Result<Option<Store>, Exit> {
    let opened = || -> Result<Option<Store>, StoreError> {
        let store = Store::open_beside(&config.store)?;
        store.map(|store| store.get_to_know(&setups(config), &routes(config)).map(|()| store)).transpose()
    };
    opened().map_err(failed)
}

/// Opens it to be written by `verb`, and says who writes; a person may declare somebody on another machine gone.
pub(super) fn store_to_write(config: &Config, verb: &str, takes_over: bool, clock: &impl Clock) -> Result<Store, Exit> {
    let opened = || -> Result<Store, StoreError> {
        let store = Store::open_as(&config.store, &identity::writer(verb, takes_over), clock.now())?;
        store.set_up(&setups(config), &routes(config))?;
        Ok(store)
    };
    let store = opened().map_err(failed)?;
    if let Some(taken_over) = store.taken_over() {
        complain(format_args!("{taken_over}; what it had committed is there, and this run goes on from it"));
    }
    Ok(store)
}

/// Does `work`, and gives signs of life in the store meanwhile. Where somebody else has taken it over, the work ends where
/// it stands: what it asked for last counts as unanswered, and whoever writes now looks it up.
pub(super) async fn alive<T>(
    store: &Store,
    clock: &impl Clock,
    work: impl Future<Output = T>,
) -> Result<T, StoreError> {
    let beats = async {
        loop {
            clock.sleep_until(clock.now().plus_seconds(HEARTBEAT_SECONDS)).await;
            // Whatever else fails is met by the work itself, or is gone at the next beat.
            if let Err(error @ StoreError::TakenOver { .. }) = store.heartbeat(clock.now()) {
                break error;
            }
        }
    };
    match futures_util::future::select(std::pin::pin!(work), std::pin::pin!(beats)).await {
        futures_util::future::Either::Left((done, _)) => Ok(done),
        futures_util::future::Either::Right((error, _)) => Err(error),
    }
}

fn setups(config: &Config) -> Vec<TenantSetup> {
    let setup = |t: &Tenant| {
        let keyed = config.key_attributes(&t.name);
        TenantSetup { name: t.name.clone(), directory: t.id.clone(), keyed }
    };
    config.tenants.values().map(setup).collect()
}

fn routes(config: &Config) -> Vec<RouteName> {
    config.routes.iter().map(|r| r.name.clone()).collect()
}

/// Says what went wrong; exit 1.
pub(super) fn failed(error: impl std::fmt::Display) -> Exit {
    complain(format_args!("{error}"));
    Exit::Failed
}

/// The route of that name, or a usage error that lists those there are.
pub(super) fn route(config: &Config, text: Option<&str>) -> Result<Option<RouteName>, Exit> {
    let Some(text) = text else { return Ok(None) };
    match RouteName::parse(text).filter(|name| config.route(name).is_some()) {
        Some(name) => Ok(Some(name)),
        None => {
            let names: Vec<String> = config.routes.iter().map(|r| r.name.to_string()).collect();
            complain(format_args!("there is no route {text:?}\nhint: the routes are {}", names.join(", ")));
            Err(Exit::Usage)
        }
    }
}

/// Tenants of these names, or a usage error.
pub(super) fn tenants(config: &Config, names: &[String]) -> Result<BTreeSet<TenantName>, Exit> {
    let known = |name: &String| {
        let tenant = TenantName::from(name.as_str());
        config.tenants.contains_key(&tenant).then_some(tenant).ok_or_else(|| {
            let all: Vec<&str> = config.tenants.keys().map(TenantName::as_str).collect();
            complain(format_args!("there is no tenant {name:?}\nhint: the tenants are {}", all.join(", ")));
            Exit::Usage
        })
    };
    names.iter().map(known).collect()
}

/// Secrets that are not to be had now.
pub(super) fn missing(config: &Config) -> Vec<String> {
    let tenants = config.missing_secrets().into_iter().map(|(tenant, error)| format!("tenant {tenant}: {error}"));
    let webhooks = config.missing_webhook_secrets().into_iter().map(|(hook, error)| format!("webhook {hook}: {error}"));
    // One that is there and is no key fails as late as a missing one would: after everything was written.
    tenants.chain(webhooks).chain(keys::of_the_log(config).err()).collect()
}

/// One connection for each tenant. A credential that is not to be had is a configuration error: nothing was sent yet.
pub(super) fn connect(config: &Config, clock: SystemClock) -> Result<BTreeMap<TenantName, Reader>, Exit> {
    let missing = missing(config);
    if !missing.is_empty() {
        missing.iter().for_each(|what| complain(format_args!("{what}")));
        return Err(Exit::Usage);
    }
    let transport = HttpTransport::new().map_err(failed)?;
    let connect = |t: &Tenant| -> Result<(TenantName, Reader), Exit> {
        let proof = proof(t).map_err(|why| {
            complain(format_args!("tenant {}: {why}", t.name));
            Exit::Usage
        })?;
        Ok((t.name.clone(), reader(t, proof, &transport, clock).map_err(failed)?))
    };
    config.tenants.values().map(connect).collect()
}

/// How the app proves itself to a tenant; or why it cannot, in words.
pub(super) fn proof(tenant: &Tenant) -> Result<Proof, String> {
    let words = |error: SecretError| error.to_string();
    Ok(match &tenant.credential {
        Credential::Secret(source) => Proof::Secret(source.read().map_err(words)?),
        Credential::FederatedToken(path) => Proof::AssertionFile(path.clone()),
        Credential::Certificate(source) => {
            let pem = config::read_file(&source.pem).map_err(words)?;
            let password = source.password.as_ref().map(config::SecretSource::read).transpose().map_err(words)?;
            let certificate = Certificate::read(pem.expose_secret(), password.as_ref(), source.algorithm);
            let unusable = |error| format!("the certificate in {}: {error}", source.pem.display());
            Proof::Certificate(Arc::new(certificate.map_err(unusable)?))
        }
        Credential::ManagedIdentity { client_id } => {
            Proof::Managed(ManagedIdentity::of(client_id.clone(), &config::environment)?)
        }
    })
}

/// A connection to one tenant.
pub(super) fn reader(
    tenant: &Tenant,
    proof: Proof,
    transport: &HttpTransport,
    clock: SystemClock,
) -> Result<Reader, GraphError> {
    GraphClient::new(tenant, proof, transport.clone(), clock, RequestIds::random()?)
}

/// A restart forgets nothing of what reading has cost.
pub(super) fn remember_units(
    config: &Config,
    store: &Store,
    directories: &BTreeMap<TenantName, impl Borrow<Reader>>,
) -> Result<(), StoreError> {
    for (name, directory) in directories {
        if let Some(tenant) = config.tenants.get(name) {
            let spent = store.spent(&Budgets::of(config, tenant).units.name)?;
            directory.borrow().remember_units(&spent);
        }
    }
    Ok(())
}

/// The same connections, those to targets able to write.
pub(super) fn writers(config: &Config, readers: BTreeMap<TenantName, Reader>) -> BTreeMap<TenantName, Writer> {
    let connection = |(name, reader)| {
        let connection = Connection::new(config, &name, reader);
        (name, connection)
    };
    readers.into_iter().map(connection).collect()
}

/// What verbs that talk to tenants run on.
pub(super) fn runtime() -> Result<Runtime, Exit> {
    machine::runtime().map_err(failed)
}

/// What somebody wants of a process that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Ctrl-C or SIGTERM: stop after the writes that are under way.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals that a process is sent. None is lost between two looks.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// `reloads`: SIGHUP is an order too; otherwise it ends the process as it always does.
    pub(super) fn new(reloads: bool) -> Result<Self, Exit> {
        let listen = |kind| signal(kind).map_err(failed);
        let hangup = if reloads { Some(listen(SignalKind::hangup())?) } else { None };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())?, hangup })
    }
    pub(super) async fn next(&mut self) -> Order {
        let hangup = async {
            match &mut self.hangup {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            () = hangup => Order::Reload,
        }
    }
}

/// Runs `work` to its end; Ctrl-C and SIGTERM ask it to stop after the writes that are under way.
pub(super) async fn until_stopped<T>(
    work: impl AsyncFnOnce(watch::Receiver<bool>) -> Result<T, Exit>,
) -> Result<T, Exit> {
    let mut signals = Signals::new(false)?;
    let (stop, stopped) = watch::channel(false);
    let mut work = std::pin::pin!(work(stopped));
    match futures_util::future::select(&mut work, std::pin::pin!(signals.next())).await {
        futures_util::future::Either::Left((done, _)) => done,
        futures_util::future::Either::Right(_) => {
            say(format_args!("stopping after the writes that are under way"));
            // Nobody listens any more only when the work is over.
            let _ = stop.send(true);
            work.await
        }
    }
}

/// A cycle that can only look: with connections that read (none where it reads nothing), and a copy of the store.
pub(super) async fn looking<T>(
    global: &Global,
    config: &Config,
    focus: Focus,
    work: impl AsyncFnOnce(&Cycle<'_, Reader, SystemClock>) -> Result<T, EngineError>,
) -> Result<T, Exit> {
    let clock = SystemClock::start();
    let directories = if focus.offline { BTreeMap::new() } else { connect(config, clock)? };
    let store = store(config, Mode::Copy)?;
    let (progress, ids) = (Progress::new(global), RequestIds::random().map_err(failed)?);
    let (found, stopped) = until_stopped(async |stop| {
        let cycle = Cycle {
            config,
            store: &store,
            clock: &clock,
            directories: &directories,
            focus,
            ahead_after: AHEAD_AFTER,
            request_ids: &|| ids.next_id(),
            watch: &|event| progress.hear(&event),
            stop: stop.clone(),
        };
        let found = work(&cycle).await;
        Ok((found, *stop.borrow()))
    })
    .await?;
    progress.clear();
    if stopped {
        return Err(failed("stopped before everything was read; nothing was written"));
    }
    found.map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{HEARTBEAT_SECONDS, Store, StoreError, SystemClock, alive, identity};
    use crate::model::Timestamp;
    use crate::ports::Clock;

    #[tokio::test(start_paused = true)]
    async fn long_work_is_seen_to_be_alive_and_ends_where_the_store_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("crosstie.db"), SystemClock::start());
        let store = Store::open_as(&path, &identity::writer("sync", false), clock.now()).unwrap();
        let seen = || Timestamp::parse(&store.writer().unwrap().unwrap().seen).unwrap();
        let (begun, beat) = (seen(), HEARTBEAT_SECONDS);
        let work = async {
            tokio::time::sleep(Duration::from_secs(10 * beat + 1)).await;
            seen().seconds_since(begun)
        };
        assert_eq!(alive(&store, &clock, work).await.unwrap(), 10 * beat);
        assert_eq!(store.writer().unwrap().unwrap().since, begun.rfc3339());

        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute("UPDATE meta SET value = json_set(value, '$.host', 'vm8') WHERE name = 'writer'", []).unwrap();
        let ended = alive(&store, &clock, std::future::pending::<()>()).await;
        assert!(matches!(&ended, Err(StoreError::TakenOver { holder, .. }) if holder.contains("@vm8")), "{ended:?}");
    }
}
