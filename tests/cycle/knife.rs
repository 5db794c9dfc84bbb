//! How does a test make a process die, or its store fail, exactly where it wants? With SQLite's own hooks, and with what
//! makes real stores fail: another program that holds the file, and a disk without room.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crosstie::engine::{EngineError, Report};
use crosstie::store::Store;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::bench::{Bench, Death};

/// What happens to a process, and where. Counts begin with 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strike {
    /// It dies: right before (odd) or right after (even) an exchange with a tenant.
    Exchange(u32),
    /// It dies: right before (odd) or right after (even) a commit. What is not committed is rolled back by SQLite, so that
    /// a death anywhere between two commits leaves the same file.
    Commit(u32),
    /// A statement of the store is interrupted: some did their work before, and say that they failed all the same.
    Statement(u32, Lasting),
    /// A commit fails, and what it would have kept is rolled back.
    Refusal(u32, Lasting),
    /// Another program holds the file to write from this statement on.
    Locked(u32, Lasting),
    /// The disk has room for one page less than so many, counted from the beginning of the process.
    Room(u32),
}

/// How long does a fault last?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// It hits one statement.
    Once,
    /// It hits every statement from then on.
    ForEver,
}

/// What became of a struck process.
#[derive(Debug)]
pub(crate) struct Struck {
    /// The strike came before the process got to its end.
    pub(crate) hit: bool,
    /// How it ended; `None` where it died.
    pub(crate) ended: Option<Result<Report, EngineError>>,
}

/// Struck yet?
#[derive(Clone, Default)]
struct Hit(Arc<AtomicBool>);

impl Hit {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Another program that may hold the file.
type Holder = Arc<Mutex<Option<Connection>>>;

impl Bench {
    /// One process that is struck: opens everything, runs one cycle, closes everything, as far as it gets.
    pub(crate) async fn struck_sync(&self, strike: Strike) -> Struck {
        let (death, hit, holder) = (self.transport.death.clone(), Hit::default(), Holder::default());
        let ended = match strike {
            Strike::Exchange(halves) => {
                let ended = self.killed_sync(halves).await.map(Ok);
                if ended.is_none() {
                    hit.set();
                }
                ended
            }
            Strike::Commit(halves) => self.mortal_sync(|store| dies(store, halves, death, hit.clone())).await,
            Strike::Statement(nth, lasting) => {
                self.mortal_sync(|store| is_interrupted(store, nth, lasting, hit.clone())).await
            }
            Strike::Refusal(nth, lasting) => {
                self.mortal_sync(|store| is_refused(store, nth, lasting, hit.clone())).await
            }
            Strike::Locked(nth, lasting) => {
                let other = Connection::open(self.file("crosstie.db")).unwrap();
                other.busy_timeout(Duration::ZERO).unwrap();
                *holder.lock().unwrap() = Some(other);
                self.mortal_sync(|store| is_locked(store, nth, lasting, Arc::clone(&holder), hit.clone())).await
            }
            Strike::Room(pages) => self.mortal_sync(|store| has_room(store, pages)).await,
        };
        // A disk is full only for whoever wanted more room.
        if let (Strike::Room(_), Some(Err(_))) = (strike, &ended) {
            hit.set();
        }
        drop(holder.lock().unwrap().take());
        Struck { hit: hit.is_set(), ended }
    }
}

/// From its death on nothing of it is committed, and nothing leaves it: what stands is what stood then.
fn dies(store: &mut Store, halves: u32, death: Death, hit: Hit) {
    let mut commits = 0;
    let hook = move || {
        if death.is_here() {
            return true;
        }
        commits += 1;
        let (before, after) = (2 * commits - 1 == halves, 2 * commits == halves);
        if before || after {
            hit.set();
            death.strike();
        }
        before
    };
    store.sqlite().commit_hook(Some(hook)).unwrap();
}

fn is_refused(store: &mut Store, nth: u32, lasting: Lasting, hit: Hit) {
    let mut commits = 0;
    let hook = move || {
        commits += 1;
        let refused = commits == nth || (commits > nth && lasting == Lasting::ForEver);
        if refused {
            hit.set();
        }
        refused
    };
    store.sqlite().commit_hook(Some(hook)).unwrap();
}

/// Tells each statement's number as it begins.
fn counted(store: &mut Store, mut each: impl FnMut(u32) + Send + 'static) {
    let mut statements = 0;
    let trace = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(..) = event {
            statements += 1;
            each(statements);
        }
    };
    store.sqlite().trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(trace)).unwrap();
}

fn is_interrupted(store: &mut Store, nth: u32, lasting: Lasting, hit: Hit) {
    let now = Arc::new(AtomicU32::new(0));
    let told = Arc::clone(&now);
    counted(store, move |n| told.store(n, Ordering::Relaxed));
    let handler = move || {
        let now = now.load(Ordering::Relaxed);
        let struck = match lasting {
            Lasting::Once => now == nth && !hit.is_set(),
            Lasting::ForEver => now >= nth,
        };
        if struck {
            hit.set();
        }
        struck
    };
    // Asked after every step of SQLite's machine, and so at least once in every statement.
    store.sqlite().progress_handler(1, Some(handler)).unwrap();
}

fn is_locked(store: &mut Store, nth: u32, lasting: Lasting, holder: Holder, hit: Hit) {
    // Nobody waits five seconds for a lock that does not go away.
    store.sqlite().busy_timeout(Duration::ZERO).unwrap();
    let mut held = false;
    counted(store, move |n| {
        let holder = holder.lock().unwrap();
        let Some(other) = holder.as_ref() else { return };
        if n < nth {
            return;
        }
        hit.set();
        match lasting {
            Lasting::Once if n > nth => {
                if std::mem::take(&mut held) {
                    other.execute_batch("ROLLBACK").unwrap();
                }
            }
            // Where the process itself is writing just now the other one does not get in.
            _ => held = held || other.execute_batch("BEGIN IMMEDIATE").is_ok(),
        }
    });
}

fn has_room(store: &mut Store, pages: u32) {
    let c = store.sqlite();
    let taken: u32 = c.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    c.pragma_update_and_check(None, "max_page_count", taken + pages - 1, |_| Ok(())).unwrap();
}
