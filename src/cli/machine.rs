//! Does the machine give us what we need to begin: open files, and a thread?

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

/// Standard streams, event queues and signals take about ten, the database, its log, its index and its lock four, and each
/// tenant some connections. Systems give 1,024 or more; below this nothing but surprises would come.
const OPEN_FILES_MIN: u64 = 64;
/// The one helper thread looks up host names. It stays, so that it need not be made when there may be none to be had.
const THREAD_STAYS: Duration = Duration::from_secs(u32::MAX as u64);

/// One thread: SQLite calls are short and inline, and everything else waits for the network. Fails where the machine has
/// too little to give, before anything is read or written.
#[expect(clippy::disallowed_methods, reason = "the helper thread is the runtime's own, and does nothing here")]
pub(super) fn runtime() -> Result<Runtime, String> {
    let files = open_files();
    if files < OPEN_FILES_MIN {
        return Err(format!(
            "only {files} files may be open at once, and {OPEN_FILES_MIN} are needed; nothing was read or written\nhint: \
             raise the limit (`ulimit -n 1024`, or LimitNOFILE= of the service)"
        ));
    }
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        format!(
            "the machine refuses {what}: {error}; nothing was read or written\nhint: look at its limits on processes, \
             memory and open files"
        )
    };
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_keep_alive(THREAD_STAYS).build();
    let runtime = runtime.map_err(|error| refused("an event queue", &error))?;
    // Asked for here, because where the runtime asks in vain it gives up loudly.
    let thread = std::thread::Builder::new().spawn(|| ()).map_err(|error| refused("a thread", &error))?;
    let _ = thread.join();
    let helper = runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await });
    helper.map_err(|error| refused("a thread", &error))?;
    Ok(runtime)
}

/// How many files we may have open, after we have asked for all that we may ask for.
fn open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Some systems name a higher maximum than they allow: what stands then is what we have.
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.unwrap_or(u64::MAX)
}
