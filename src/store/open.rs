//! How is the file opened, made, copied and locked?

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, backup::Backup};

use super::writer::{Claim, Writer, lock};
use super::{Store, StoreError, claims, shelf};
use crate::model::{FileMode, Timestamp};

/// `PRAGMA user_version` of the schema below. One more for every change of it, with the upgrade in [`upgrade`].
const VERSION: i64 = 6;
/// "XTIE" in ASCII: tells our files from any other SQLite database.
const APPLICATION_ID: i64 = 0x5854_4945;
/// Page cache. People lie in the order in which they came and keys are made in order, so that little is touched at random; of a
/// million people four times as much would hold a twelfth. With it a full resync stays below 48 MB (`docs/performance.md`, B9), and
/// what a plan of a million takes more than one of ten thousand, which fills no cache, below 16 (B2).
const CACHE_KIBIBYTES: i64 = 14_336;
/// Page cache while everybody is sorted. SQLite sorts as much at a time as the cache may hold, beside it: the two together shall take
/// no more than the cache alone does at other times.
const CACHE_KIBIBYTES_IN_SORTING: i64 = 4_096;
/// Another process may hold the file for one short transaction; longer than this is a fault.
const BUSY_MILLIS: u32 = 5_000;
/// SQLite's name for a private temporary database: kept in memory as long as it fits, deleted on close.
const PASSING: &str = "";
/// Pages copied at a time for a dry run.
const COPY_PAGES: i32 = 4_096;
const SCHEMA: &str = include_str!("schema.sql");
/// The step that leads to each version from the one before it.
const UPGRADES: [(i64, &str); 5] = [
    (2, include_str!("upgrade_2.sql")),
    (3, include_str!("upgrade_3.sql")),
    (4, include_str!("upgrade_4.sql")),
    (5, include_str!("upgrade_5.sql")),
    (6, include_str!("upgrade_6.sql")),
];
/// Pages of the write-ahead log that are carried into the file in one go. A page that a reading writes again before then is
/// carried once: with SQLite's 1,000 it is after each page of users.
const CHECKPOINT_PAGES: i64 = 16_384;

/// What for?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To write: made where it is missing, upgraded, locked against a second writer.
    Write,
    /// For a dry run: a copy in a nameless temporary file, changed at will; the store stays byte-identical.
    Copy,
    /// To look only. A file that is missing is an empty store.
    Look,
}

impl Store {
    /// Opens the store at `path`. Who opens it to write does not say who that is: see [`Store::open_as`].
    ///
    /// # Errors
    /// Locked, newer, damaged or foreign files, each with what to do; nothing is changed then.
    pub fn open(path: &Path, mode: Mode) -> Result<Self, StoreError> {
        match mode {
            Mode::Write => Self::open_to_write(path, None),
            Mode::Copy if !path.exists() => Self::passing(path),
            Mode::Look if !path.exists() => Self::in_memory(),
            Mode::Copy => Self::open_copy(path),
            Mode::Look => {
                let connection = open_quietly(path)?;
                if is_blank(&connection) {
                    return Self::in_memory();
                }
                check(path, &connection)?;
                // What only looks cannot upgrade the file: an older one is looked at in a copy.
                if version(&connection)? < VERSION {
                    return Self::open_copy(path);
                }
                Ok(Self::holding(connection, None, Some(path)))
            }
        }
    }

    /// Opens the store at `path` to write, and says in it who does. [`Store::taken_over`] tells whether the last writer
    /// had not ended in order.
    ///
    /// # Errors
    /// As [`Store::open`]; where another process writes it, which.
    pub fn open_as(path: &Path, writer: &Writer, now: Timestamp) -> Result<Self, StoreError> {
        Self::open_to_write(path, Some((writer, now)))
    }

    /// Opens the store at `path` beside whoever writes it, for one short transaction: SQLite lets one in after the other, and
    /// a running schedule reads what it finds with its next cycle. `None` where there is no store yet.
    ///
    /// # Errors
    /// As [`Store::open`]; a file that an older crosstie made is not upgraded here.
    pub fn open_beside(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        let quiet = open_quietly(path)?;
        if is_blank(&quiet) {
            return Ok(None);
        }
        check(path, &quiet)?;
        if version(&quiet)? < VERSION {
            return Err(StoreError::Older { path: path.display().to_string() });
        }
        drop(quiet);
        let connection = Connection::open_with_flags(path, access(OpenFlags::SQLITE_OPEN_READ_WRITE))
            .map_err(|source| StoreError::Sqlite { path: path.display().to_string(), source })?;
        settings(&connection).map_err(|e| named(path, e))?;
        Ok(Some(Self::holding(connection, None, Some(path))))
    }

    /// An empty store that no file backs.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        settings(&connection)?;
        create(&connection)?;
        Ok(Self::holding(connection, None, None))
    }

    fn holding(connection: Connection, claim: Option<Claim>, path: Option<&Path>) -> Self {
        connection.set_prepared_statement_cache_capacity(128);
        let (tenants, routes) = (RefCell::new(BTreeMap::new()), RefCell::new(BTreeMap::new()));
        Self { connection, tenants, routes, part_failed: Cell::new(false), claim, folder: path.map(shelf::folder) }
    }

    fn open_to_write(path: &Path, who: Option<(&Writer, Timestamp)>) -> Result<Self, StoreError> {
        let mut claim = lock(path)?;
        if let Some((writer, now)) = who
            && path.exists()
        {
            // Before the file is opened to write: closing it again would take the log from under a writer elsewhere.
            let quiet = open_quietly(path)?;
            if !is_blank(&quiet) {
                check(path, &quiet)?;
                claim.look_around(&quiet, writer, now).map_err(|e| named(path, e))?;
            }
        }
        // Made by us first, so that it is never readable by others, not even for a moment.
        private(path, OpenOptions::new().read(true).append(true).create(true))?;
        let connection = Connection::open_with_flags(path, access(OpenFlags::SQLITE_OPEN_READ_WRITE))
            .map_err(|source| StoreError::Sqlite { path: path.display().to_string(), source })?;
        let mut prepared = || -> Result<(), StoreError> {
            let empty: bool = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |r| r.get(0))?;
            if !empty {
                check(path, &connection)?;
            }
            connection.pragma_update(None, "journal_mode", "wal")?;
            settings(&connection)?;
            if empty { create(&connection) } else { upgrade(&connection) }?;
            claim.sign_on(&connection, who)
        };
        prepared().map_err(|e| named(path, e))?;
        Ok(Self::holding(connection, Some(claim), Some(path)))
    }

    /// An empty store that is gone when it is closed, for a first dry run: it may come to know a million people.
    fn passing(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(PASSING).map_err(|e| named(path, e.into()))?;
        settings(&connection)?;
        create(&connection)?;
        Ok(Self::holding(connection, None, Some(path)))
    }

    fn open_copy(path: &Path) -> Result<Self, StoreError> {
        let from = open_quietly(path)?;
        if is_blank(&from) {
            return Self::passing(path);
        }
        check(path, &from)?;
        let mut connection = Connection::open(PASSING).map_err(|e| named(path, e.into()))?;
        let mut copied = || -> Result<(), StoreError> {
            // One moment of the file: a copy that sees others write begins anew, and beside a busy writer never ends.
            let moment = from.unchecked_transaction()?;
            moment.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            let backup = Backup::new(&from, &mut connection)?;
            backup.run_to_completion(COPY_PAGES, std::time::Duration::ZERO, None)?;
            Ok(())
        };
        copied().map_err(|e| named(path, e))?;
        settings(&connection)?;
        upgrade(&connection)?;
        Ok(Self::holding(connection, None, Some(path)))
    }
}

/// Without SQLite's own locks around every call, a tenth of the time that a walk over the log takes: a connection is used by
/// one thread, which its type sees to.
fn access(how: OpenFlags) -> OpenFlags {
    how | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Opens to read, without leaving a trace, beside whoever writes or begins to.
///
/// With a write-ahead log beside it, somebody has the file open to write (the last one that closes it removes the log), or
/// died: it is opened read-only, and nothing is tidied up. Without one nobody has, but may at any moment; a read-only
/// connection cannot remove the log that it needs for itself, so this one may write, and is told not to.
fn open_quietly(path: &Path) -> Result<Connection, StoreError> {
    let named = |source| StoreError::Sqlite { path: path.display().to_string(), source };
    let busy = ["-wal", "-journal"].into_iter().any(|suffix| beside(path, suffix).exists());
    let access = if busy { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let connection = Connection::open_with_flags(path, self::access(access)).map_err(named)?;
    connection.busy_timeout(std::time::Duration::from_millis(u64::from(BUSY_MILLIS))).map_err(named)?;
    if !busy {
        connection.pragma_update(None, "query_only", true).map_err(named)?;
    }
    let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    match readable.map_err(|e| e.sqlite_error_code()) {
        Err(Some(ErrorCode::ReadOnly)) if busy => {
            // Somebody died in the middle of a change that was not in a write-ahead log, and to take it back is to write. Our
            // only one of that kind is the first of a new file: then there is nothing in it yet, whichever way one reads it.
            let untouched = open_untouchable(path)?;
            Ok(if is_blank(&untouched) { untouched } else { connection })
        }
        Err(Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) if !busy => open_untouchable(path),
        // Whatever else is wrong is said by whoever reads it first.
        _ => Ok(connection),
    }
}

/// In a folder that we cannot write there can be no log: the file is read as one that nobody changes.
fn open_untouchable(path: &Path) -> Result<Connection, StoreError> {
    let flags = access(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI);
    let mut url = url::Url::parse("file:///").map_err(|e| StoreError::Damaged(e.to_string()))?;
    let full = std::path::absolute(path).map_err(|e| file_error(path, e))?;
    // A path may hold what a URL would take for an escape.
    url.set_path(&full.to_string_lossy().replace('%', "%25"));
    url.set_query(Some("immutable=1"));
    Connection::open_with_flags(url.as_str(), flags)
        .map_err(|source| StoreError::Sqlite { path: path.display().to_string(), source })
}

fn settings(c: &Connection) -> Result<(), StoreError> {
    c.pragma_update(None, "synchronous", "full")?;
    c.pragma_update(None, "foreign_keys", true)?;
    c.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    c.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    c.pragma_update(None, "temp_store", "file")?;
    c.pragma_update(None, "trusted_schema", false)?;
    // Without it a statement whose plan may hang on a bound value (there are partial indexes) is prepared anew each time.
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    c.busy_timeout(std::time::Duration::from_millis(u64::from(BUSY_MILLIS)))?;
    claims::set_up(c)
}

/// Runs a statement that sorts what is known of everybody of a tenant or a route: its one parameter.
pub(super) fn sorted(c: &Connection, sql: &str, of_whom: i64) -> Result<(), StoreError> {
    c.pragma_update(None, "cache_size", -CACHE_KIBIBYTES_IN_SORTING)?;
    let done = c.execute(sql, [of_whom]);
    c.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    done?;
    Ok(())
}

fn create(c: &Connection) -> Result<(), StoreError> {
    let transaction = c.unchecked_transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Brings an older file up to [`VERSION`], a step at a time, each in its own transaction.
fn upgrade(c: &Connection) -> Result<(), StoreError> {
    for (to, step) in UPGRADES {
        if version(c)? == to - 1 {
            let transaction = c.unchecked_transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", to)?;
            transaction.commit()?;
        }
    }
    match version(c)? {
        VERSION => Ok(()),
        older => Err(StoreError::Damaged(format!("there is no schema version {older}"))),
    }
}

fn version(c: &Connection) -> Result<i64, StoreError> {
    Ok(c.pragma_query_value(None, "user_version", |r| r.get(0))?)
}

/// Made, and killed before the schema stood: as good as missing. The next writer goes on from it.
fn is_blank(c: &Connection) -> bool {
    let sql = "SELECT (SELECT count(*) FROM sqlite_schema) = 0 AND application_id = 0 FROM pragma_application_id";
    c.query_row(sql, [], |r| r.get(0)).unwrap_or(false)
}

/// Is it ours, and of a version that we know?
fn check(path: &Path, c: &Connection) -> Result<(), StoreError> {
    let path = || path.display().to_string();
    let pragma = |name: &str| c.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
    let application =
        pragma("application_id").map_err(|e| StoreError::NotAStore { path: path(), what: e.to_string() })?;
    if application != APPLICATION_ID {
        let what = format!("its application id is {application:#x}");
        return Err(StoreError::NotAStore { path: path(), what });
    }
    match pragma("user_version")? {
        found if found > VERSION => Err(StoreError::Newer { path: path(), found, known: VERSION }),
        _ => Ok(()),
    }
}

fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Statement(source) => StoreError::Sqlite { path: path.display().to_string(), source },
        other => other,
    }
}

pub(super) fn file_error(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), source }
}

/// Opens or makes a file that only its owner can read.
pub(super) fn private(path: &Path, options: &mut OpenOptions) -> Result<File, StoreError> {
    let file = options.mode(FileMode::PRIVATE.0).open(path).map_err(|e| file_error(path, e))?;
    // One that others could read before is closed to them now.
    let known = file.metadata().map_err(|e| file_error(path, e))?;
    if FileMode(known.permissions().mode()).is_open_to_others() {
        file.set_permissions(Permissions::from_mode(FileMode::PRIVATE.0)).map_err(|e| file_error(path, e))?;
    }
    Ok(file)
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
