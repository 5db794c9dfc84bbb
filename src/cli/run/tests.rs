//! Does a schedule pause for a store that fails, and end when it is told to?

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::timeout;

use super::*;

/// A configuration whose tenants answer nothing, and its store.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sync-rules")).unwrap();
        std::fs::write(folder.path().join("sync-rules/staff.toml"), include_str!("../../../sync-rules/staff.toml"))
            .unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret").unwrap();
        let mut text = String::from("[store]\npath = \"crosstie.db\"\n[schedule]\ncron = \"0 * * * *\"\n");
        for (n, tenant) in [(1, "north"), (2, "south")] {
            text += &format!(
                "[tenants.{tenant}]\nid = \"6f1c0d3e-0000-4000-8000-{n:012}\"\nclient_id = \
                 \"0b9b0d64-0000-4000-8000-{n:012}\"\nclient_secret = {{ file = \"secret\" }}\nauthority = \
                 \"http://127.0.0.1:9\"\ngraph = \"http://127.0.0.1:9\"\n"
            );
        }
        text += "[topology]\nkind = \"mesh\"\ntenants = [\"north\", \"south\"]\nrules = \"staff\"\n";
        std::fs::write(folder.path().join("crosstie.toml"), text).unwrap();
        Self(folder)
    }
    fn ready(&self, clock: SystemClock) -> Ready {
        let config =
            config::load(&self.0.path().join("crosstie.toml")).unwrap_or_else(|r| panic!("{}", r.render(false)));
        Ready::new(config.config, clock).unwrap()
    }
    /// The store in somebody else's hands.
    fn sql(&self, sql: &str) {
        Connection::open(self.0.path().join("crosstie.db")).unwrap().execute_batch(sql).unwrap();
    }
}

const ARGUMENTS: Arguments = Arguments { once: false, listen: None, take_over: false };

fn keeper<'a>(store: &'a Store, ids: &'a RequestIds, clock: SystemClock) -> Keeper<'a> {
    let metrics = Metrics::new(Arc::new(move || clock.now()));
    Keeper {
        arguments: &ARGUMENTS,
        store,
        clock,
        ids,
        service: Service::start(),
        shared: Arc::new(Shared::new(metrics.clone())),
        metrics,
        store_faults: Cell::new(0),
        not_before: Cell::new(Timestamp(0)),
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_taken_over_ends_and_writes_nothing_more() {
    let (folder, clock) = (Folder::new(), SystemClock::start());
    let (ready, ids) = (folder.ready(clock), RequestIds::seeded(1));
    let store = session::store_to_write(&ready.config, "run", false, &clock).unwrap();
    let keeper = keeper(&store, &ids, clock);
    let (_keep, stop) = watch::channel(false);
    let mut work = pin!(keeper.work(&ready, stop));
    assert!(timeout(Duration::from_secs(3_000), &mut work).await.is_err(), "it keeps its schedule");
    let before = store.last_runs(1).unwrap()[0].id;
    folder.sql("UPDATE meta SET value = json_set(value, '$.host', 'vm8') WHERE name = 'writer'");
    let begun = clock.now();
    assert_eq!(timeout(Duration::from_secs(7_200), &mut work).await.unwrap(), Err(Exit::Failed));
    assert!(clock.now().seconds_since(begun) <= crate::store::HEARTBEAT_SECONDS);
    assert_eq!(store.last_runs(1).unwrap()[0].id, before, "a run was begun in somebody else's store");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_tried_after_growing_pauses_and_keeps_nobody_from_stopping() {
    let (folder, clock) = (Folder::new(), SystemClock::start());
    let (ready, ids) = (folder.ready(clock), RequestIds::seeded(1));
    let store = session::store_to_write(&ready.config, "run", false, &clock).unwrap();
    let keeper = keeper(&store, &ids, clock);
    let full = "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'no room'); END;";
    folder.sql(full);
    let (asking, stop) = watch::channel(false);
    let mut work = pin!(keeper.work(&ready, stop));
    assert!(timeout(Duration::from_secs(100), &mut work).await.is_err(), "the process stays");
    // At 0, 1, 3, 7, 15, 31, 61 and 91 seconds.
    assert_eq!(keeper.store_faults.get(), 8);
    folder.sql("DROP TRIGGER full;");
    assert!(timeout(Duration::from_secs(31), &mut work).await.is_err());
    assert_eq!((store.last_runs(9).unwrap().len(), keeper.store_faults.get()), (1, 0));
    folder.sql(full);
    assert!(timeout(Duration::from_secs(3_700), &mut work).await.is_err());
    assert!(keeper.store_faults.get() > 1, "the next tick met the fault");
    let asked = clock.now();
    asking.send(true).unwrap();
    assert_eq!(work.await, Ok(Exit::Done));
    assert_eq!(clock.now(), asked, "a pause was waited for");
}
