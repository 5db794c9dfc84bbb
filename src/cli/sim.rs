//! How does one serve simulated tenants?

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use super::output::complain;
use super::{Exit, Output};
use crate::model::Timestamp;
use crate::sim::{Limit, LimitName, World, generate_school, serve};

/// Connections that still wait for a slow answer get so long after the signal.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where the tenants lie, one folder each.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where to listen; a loopback address, port 0 for a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8400")]
    listen: String,
    /// What chance and new ids are drawn from.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Users on a delta page, in every tenant.
    #[arg(long, value_name = "N")]
    page_size: Option<usize>,
    /// One limit, in every tenant: app-writes=300/15 is 300 in 15 seconds, app-writes=off none. May be given again.
    #[arg(long = "limit", value_name = "NAME=COUNT/SECONDS", value_parser = limit)]
    limits: Vec<(LimitName, Limit)>,
    /// Write the tenants back to DIR when stopped.
    #[arg(long)]
    save_on_exit: bool,
    /// Write made-up tenants into DIR and exit.
    #[arg(long, value_name = "KIND", conflicts_with_all = ["listen", "page_size", "limits", "save_on_exit"])]
    generate: Option<Made>,
    /// How many people to make up, over all tenants.
    #[arg(long, value_name = "N", requires = "generate", default_value_t = 180)]
    people: usize,
}

/// What can be made up.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Made {
    /// The School of Fine Arts: tenants north, south and west.
    School,
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Exit {
    if let Some(Made::School) = arguments.generate {
        return match generate_school(&arguments.dir, arguments.people, arguments.seed) {
            Ok(()) => Exit::Done,
            Err(error) => {
                complain(format_args!("cannot write the school: {error}"));
                Exit::Failed
            }
        };
    }
    let Some(address) = loopback(&arguments.listen) else {
        complain(format_args!(
            "--listen {}: no loopback address\nhint: simulated tenants have no guard; use 127.0.0.1:PORT or [::1]:PORT",
            arguments.listen
        ));
        return Exit::Usage;
    };
    let runtime = match super::session::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(go(arguments, address, out)) {
        Ok(()) => Exit::Done,
        Err(problem) => {
            complain(format_args!("{problem}"));
            Exit::Failed
        }
    }
}

/// `NAME=COUNT/SECONDS`.
fn limit(text: &str) -> Result<(LimitName, Limit), String> {
    let (name, limit) = text.split_once('=').ok_or("write it as app-writes=300/15")?;
    Ok((name.parse()?, limit.parse()?))
}

/// The first address of the text, where it is on loopback.
fn loopback(text: &str) -> Option<SocketAddr> {
    text.to_socket_addrs().ok()?.next().filter(|a| a.ip().is_loopback())
}

async fn go(arguments: &Arguments, address: SocketAddr, out: &mut Output) -> Result<(), String> {
    let world = World::load(&arguments.dir, Arc::new(system_time), arguments.seed).map_err(|e| {
        format!("cannot load the tenants: {e}\nhint: crosstie sim --generate school --dir DIR makes some")
    })?;
    if let Some(page_size) = arguments.page_size {
        for tenant in world.tenants() {
            world.tenant(&tenant).settings(|s| s.page_size = page_size).map_err(|e| e.to_string())?;
        }
    }
    arguments.limits.iter().for_each(|(name, limit)| world.limit(*name, *limit));
    let world = Arc::new(world);
    // Handlers first: a signal that comes right after the first line must find them.
    let (stop, stopped) = tokio::sync::watch::channel(());
    let mut interrupt = signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut terminate = signal(tokio::signal::unix::SignalKind::terminate())?;
    let listener =
        tokio::net::TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}"))?;
    let real = listener.local_addr().map_err(|e| format!("cannot listen on {address}: {e}"))?;
    out.line(format_args!("listening on http://{real}"));
    out.flush();
    let mut until = stopped.clone();
    let served = serve(listener, Arc::clone(&world), async move {
        let _ = until.changed().await;
    });
    let signalled = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let _ = stop.send(());
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = served => result.map_err(|e| format!("cannot serve: {e}"))?,
        () = signalled => {}
    }
    if arguments.save_on_exit {
        world.save(&arguments.dir).map_err(|e| format!("cannot save the tenants: {e}"))?;
    }
    Ok(())
}

fn signal(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, String> {
    tokio::signal::unix::signal(kind).map_err(|e| format!("cannot listen for signals: {e}"))
}

/// The simulated tenants' clock, outside of tests.
pub(super) fn system_time() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the simulator's own door to the world's time")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
