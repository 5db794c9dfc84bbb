//! What do we remember? Observations, links and what was done: never pending work. All SQL lives in this room.

mod bulkheads;
mod cases;
mod claims;
mod codec;
mod earlier;
mod erasures;
mod expected;
mod filter;
mod forget;
#[cfg(test)]
mod full_disk;
mod keys;
mod links;
mod log;
mod mentions;
mod observations;
mod open;
mod outbox;
mod person;
mod readings;
mod rows;
mod rules;
mod run_facts;
mod runs;
mod shelf;
mod status;
mod throttles;
mod transactions;
mod unsettled;
mod verify;
mod writer;
mod writes;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Attribute, RouteName, TenantName};
use crate::plan::Unkept;

pub use bulkheads::{Breaker, Door, Quarantine, Refused, RoutePart};
pub use erasures::{Erased, Event, Item, Place, Signer, TakenOut, Tombstone, Words};
pub use filter::Filter;
pub use forget::{Stays, Traces};
pub use links::LinkChange;
pub use log::{EditEntry, LogEntry, Party};
pub use observations::LAG_ALLOWANCE_SECONDS;
pub use open::Mode;
pub use outbox::{HookStatus, NewAlert, RunEnd, WaitingAlert};
pub use person::State;
pub use readings::{Progress, Reading, Round};
pub use rules::Remembered;
pub use run_facts::{Approved, Circumstances, RunFacts};
pub use runs::RunRow;
pub use status::{InLane, RouteStatus, StatusReport, TenantStatus, Unsettled, WriterStatus};
pub use throttles::Throttled;
pub use unsettled::{Among, Pending, Word};
pub use verify::Verified;
pub use writer::{Gone, HEARTBEAT_SECONDS, SignedOn, TakenOver, Writer};
pub use writes::{Ask, AskKind, Record};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused: full disk, I/O error, busy, …
    #[error("{path}: {source}{}", way_out(source))]
    Sqlite {
        /// The file.
        path: String,
        /// SQLite's word.
        #[source]
        source: rusqlite::Error,
    },
    /// SQLite refused a statement.
    #[error("the store: {}{}", .0, way_out(.0))]
    Statement(#[from] rusqlite::Error),
    /// SQLite has taken back a transaction before its end.
    #[error(
        "the store: nothing could be kept\nhint: is the disk full or failing? what is not recorded is looked up by the next run"
    )]
    TakenBack,
    /// What does not fit into memory could not be put beside the store.
    #[error(transparent)]
    Plan(#[from] Unkept),
    /// Code of ours did what it must not.
    #[error("the store: an internal error: {0}\nhint: please report it")]
    Misused(&'static str),
    /// The file cannot be opened or made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// Another process writes this store.
    #[error(
        "{path} is in use by another crosstie ({holder})\nhint: wait for it to end, or stop it; a lock left by a dead process frees itself"
    )]
    Locked {
        /// The file.
        path: String,
        /// Who, as it said itself.
        holder: String,
    },
    /// A process on another machine writes this store, or did until a short while ago.
    #[error(
        "{path} is in use by a crosstie on another machine ({holder}), last sign of life {silent_seconds} s ago\nhint: stop it there. If that machine is gone for good, its place is free {minutes} minutes after its last sign of life, or at once for `crosstie sync --take-over`"
    )]
    LockedElsewhere {
        /// The file.
        path: String,
        /// Who, as the store says.
        holder: String,
        /// For how long it gave no sign of life.
        silent_seconds: u64,
        /// After how many minutes without one its place is free.
        minutes: u64,
    },
    /// Somebody else took this process for dead, and writes now.
    #[error(
        "{path} was taken over by another crosstie ({holder}), because this one gave no sign of life for too long\nhint: nothing more was written from here; see that only one of them is started"
    )]
    TakenOver {
        /// The file.
        path: String,
        /// Who writes now.
        holder: String,
    },
    /// A newer crosstie made this file.
    #[error(
        "{path} has schema version {found}, newer than {known} that this crosstie knows\nhint: use the newer crosstie; an older one never writes a newer store"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An older crosstie made this file, and nothing was opened that upgrades it.
    #[error("{path} was made by an older crosstie\nhint: the next sync upgrades it; nothing was changed")]
    Older {
        /// The file.
        path: String,
    },
    /// The file that was opened is not there any more.
    #[error(
        "{path} was deleted or replaced while it was written; what was written since is lost with it\nhint: nothing more is written; restore the store from a backup before the next start"
    )]
    Gone {
        /// The file.
        path: String,
    },
    /// The file is no store of ours.
    #[error("{path} is not a crosstie store: {what}\nhint: check [store] path; nothing was changed")]
    NotAStore {
        /// The file.
        path: String,
        /// What gave it away.
        what: String,
    },
    /// The file's contents contradict themselves.
    #[error(
        "the store is damaged: {0}\nhint: restore it from a backup; `crosstie log verify` says whether the change log is whole"
    )]
    Damaged(String),
    /// A tenant's name now stands for another directory.
    #[error(
        "tenant {tenant:?} was directory {was} in this store and is {now} in the configuration\nhint: give the other directory another name, or use another store"
    )]
    OtherDirectory {
        /// The name.
        tenant: String,
        /// What the store says.
        was: String,
        /// What the configuration says.
        now: String,
    },
    /// The configuration does not define it.
    #[error("the store was not set up for {0}")]
    Unknown(String),
}

fn way_out(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(DiskFull | SystemIoFailure) => {
            "\nhint: is the disk full or failing? what is not recorded is looked up by the next run, which goes on"
        }
        Some(ReadOnly | CannotOpen) => "\nhint: may this user write the store's file and its folder?",
        Some(DatabaseBusy) => "\nhint: another program holds the file; try again",
        Some(DatabaseCorrupt | NotADatabase) => "\nhint: the file is damaged or no store; restore it from a backup",
        _ => "",
    }
}

/// A tenant as the store has to know it.
#[derive(Clone, Debug)]
pub struct TenantSetup {
    /// Its name.
    pub name: TenantName,
    /// Its GUID.
    pub directory: String,
    /// Attributes by which its accounts are found, `mail` included. None: they are not looked for at all.
    pub keyed: BTreeSet<Attribute>,
}

#[derive(Clone, Debug)]
struct TenantRow {
    id: i64,
    keyed: BTreeSet<Attribute>,
    /// Routes that have this tenant as home.
    routes_out: Vec<i64>,
}

/// Stands for a tenant or route that the file has never seen; row ids begin at 1.
const UNSEEN: i64 = 0;

fn same_directory(tenant: &TenantSetup, was: &str) -> Result<(), StoreError> {
    if was.eq_ignore_ascii_case(&tenant.directory) {
        return Ok(());
    }
    let (name, now) = (tenant.name.to_string(), tenant.directory.clone());
    Err(StoreError::OtherDirectory { tenant: name, was: was.to_owned(), now })
}

/// The store: one SQLite file, or a copy of one in memory for a dry run.
pub struct Store {
    connection: Connection,
    tenants: RefCell<BTreeMap<TenantName, Rc<TenantRow>>>,
    routes: RefCell<BTreeMap<RouteName, i64>>,
    /// Of the transaction under way.
    part_failed: Cell<bool>,
    /// Held as long as the store is open to be written.
    claim: Option<writer::Claim>,
    /// In which the file lies, where there is one.
    folder: Option<PathBuf>,
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(claim) = &self.claim {
            claim.sign_off(&self.connection);
        }
    }
}

impl Store {
    /// Makes the tenants and routes of the configuration known, and rebuilds what depends on them. Those of an earlier
    /// configuration count no more; where it fails, they stay.
    ///
    /// # Errors
    /// [`StoreError::OtherDirectory`] where a name has moved to another directory; SQLite's errors.
    pub fn set_up(&self, tenants: &[TenantSetup], routes: &[RouteName]) -> Result<(), StoreError> {
        let former = (self.tenants.take(), self.routes.take());
        let done = self.transaction(|c| {
            for tenant in tenants {
                self.set_up_tenant(c, tenant)?;
            }
            routes.iter().try_for_each(|route| self.set_up_route(c, route))?;
            self.remember_the_rest(c)
        });
        if done.is_err() {
            self.tenants.replace(former.0);
            self.routes.replace(former.1);
        }
        done
    }

    fn set_up_route(&self, c: &Connection, route: &RouteName) -> Result<(), StoreError> {
        let row = params![self.tenant(&route.home)?.id, self.tenant(&route.target)?.id];
        c.execute("INSERT OR IGNORE INTO routes (home, target) VALUES (?1, ?2)", row)?;
        let id = c.query_row("SELECT id FROM routes WHERE home = ?1 AND target = ?2", row, |r| r.get::<_, i64>(0))?;
        self.routes.borrow_mut().insert(route.clone(), id);
        if let Some(row) = self.tenants.borrow_mut().get_mut(&route.home)
            && !row.routes_out.contains(&id)
        {
            Rc::make_mut(row).routes_out.push(id);
        }
        Ok(())
    }

    /// Tenants and routes that the configuration does not name (any more). Their links and open questions are still ours;
    /// but nobody is marked for such a route, so that everybody is considered anew when it comes back.
    fn remember_the_rest(&self, c: &Connection) -> Result<(), StoreError> {
        let mut tenants = c.prepare("SELECT id, name FROM tenants")?;
        let mut rows = tenants.query([])?;
        while let Some(row) = rows.next()? {
            let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
            let rest = TenantRow { id, keyed: BTreeSet::new(), routes_out: Vec::new() };
            self.tenants.borrow_mut().entry(name.as_str().into()).or_insert_with(|| Rc::new(rest));
        }
        let sql = "SELECT r.id, h.name, t.name FROM routes r JOIN tenants h ON h.id = r.home JOIN tenants t ON t.id = r.target";
        let mut routes = c.prepare(sql)?;
        let read = |r: &rusqlite::Row<'_>| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?, r.get::<_, String>(2)?));
        let rows = routes.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
        for (id, home, target) in rows {
            let name = RouteName { home: home.as_str().into(), target: target.as_str().into() };
            if !self.routes.borrow().contains_key(&name) {
                c.execute("UPDATE routes SET fingerprint = '' WHERE id = ?1", [id])?;
                self.routes.borrow_mut().insert(name, id);
            }
        }
        Ok(())
    }

    /// Makes known what the store already holds of the configuration, and changes nothing. Tenants and routes that it has
    /// never seen are empty ones.
    ///
    /// # Errors
    /// As [`Store::set_up`].
    pub fn get_to_know(&self, tenants: &[TenantSetup], routes: &[RouteName]) -> Result<(), StoreError> {
        for tenant in tenants {
            let sql = "SELECT id, directory FROM tenants WHERE name = ?1";
            let read = |r: &rusqlite::Row<'_>| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?));
            let found = self.connection.query_row(sql, [tenant.name.as_str()], read).optional()?;
            let (id, was) = found.unwrap_or((UNSEEN, tenant.directory.clone()));
            same_directory(tenant, &was)?;
            let row = TenantRow { id, keyed: tenant.keyed.clone(), routes_out: Vec::new() };
            self.tenants.borrow_mut().insert(tenant.name.clone(), Rc::new(row));
        }
        for route in routes {
            let (home, target) = (self.tenant(&route.home)?.id, self.tenant(&route.target)?.id);
            let sql = "SELECT id FROM routes WHERE home = ?1 AND target = ?2";
            let id = self.connection.query_row(sql, params![home, target], |r| r.get(0)).optional()?;
            self.routes.borrow_mut().insert(route.clone(), id.unwrap_or(UNSEEN));
        }
        Ok(())
    }

    fn set_up_tenant(&self, c: &Connection, tenant: &TenantSetup) -> Result<(), StoreError> {
        let name = tenant.name.as_str();
        c.execute("INSERT OR IGNORE INTO tenants (name, directory) VALUES (?1, ?2)", params![name, tenant.directory])?;
        let (id, directory, keyed) =
            c.query_row("SELECT id, directory, keyed FROM tenants WHERE name = ?1", [name], |r| {
                Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?, r.get::<_, String>(2)?))
            })?;
        same_directory(tenant, &directory)?;
        let row = TenantRow { id, keyed: tenant.keyed.clone(), routes_out: Vec::new() };
        self.tenants.borrow_mut().insert(tenant.name.clone(), Rc::new(row));
        let names: Vec<&str> = tenant.keyed.iter().map(Attribute::as_str).collect();
        let names = names.join(",");
        if names != keyed {
            keys::rebuild(c, id, &tenant.keyed)?;
            c.execute("UPDATE tenants SET keyed = ?2 WHERE id = ?1", params![id, names])?;
        }
        Ok(())
    }

    /// SQLite's own connection. For tests alone, which hang their hooks on it to make the store fail or a process die where
    /// they want it; whoever writes SQL does it in this room.
    #[doc(hidden)]
    pub fn sqlite(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn tenant(&self, name: &TenantName) -> Result<Rc<TenantRow>, StoreError> {
        self.tenants.borrow().get(name).cloned().ok_or_else(|| StoreError::Unknown(format!("tenant {name}")))
    }

    fn route(&self, name: &RouteName) -> Result<i64, StoreError> {
        self.routes.borrow().get(name).copied().ok_or_else(|| StoreError::Unknown(format!("route {name}")))
    }

    fn meta(c: &Connection, name: &str) -> Result<Option<String>, StoreError> {
        Ok(c.query_row("SELECT value FROM meta WHERE name = ?1", [name], |r| r.get(0)).optional()?)
    }

    fn set_meta(c: &Connection, name: &str, value: &str) -> Result<(), StoreError> {
        c.prepare_cached("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")?
            .execute([name, value])?;
        Ok(())
    }
}
