//! How is the file opened, made, copied and locked?

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{Store, StoreError, claims};

/// `PRAGMA user_version` of the schema below. One more for every change of it, with the upgrade in [`upgrade`].
const VERSION: i64 = 3;
/// "XTIE" in ASCII: tells our files from any other SQLite database.
const APPLICATION_ID: i64 = 0x5854_4945;
/// Page cache: random inserts by GUID stay quick up to some million rows (64 MiB, measured in dependencies notes).
const CACHE_KIBIBYTES: i64 = 65_536;
/// Another process may hold the file for one short transaction; longer than this is a fault.
const BUSY_MILLIS: u32 = 5_000;
/// Pages copied at a time for a dry run.
const COPY_PAGES: i32 = 4_096;
const SCHEMA: &str = include_str!("schema.sql");
/// The step that leads to each version from the one before it.
const UPGRADES: [(i64, &str); 2] = [(2, include_str!("upgrade_2.sql")), (3, include_str!("upgrade_3.sql"))];

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
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// Locked, newer, damaged or foreign files, each with what to do; nothing is changed then.
    pub fn open(path: &Path, mode: Mode) -> Result<Self, StoreError> {
        match mode {
            Mode::Write => Self::open_to_write(path),
            Mode::Copy | Mode::Look if !path.exists() => Self::in_memory(),
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
                Ok(Self::holding(connection, None))
            }
        }
    }

    /// An empty store that no file backs.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        settings(&connection)?;
        create(&connection)?;
        Ok(Self::holding(connection, None))
    }

    fn holding(connection: Connection, lock: Option<File>) -> Self {
        connection.set_prepared_statement_cache_capacity(128);
        let (tenants, routes) = (RefCell::new(BTreeMap::new()), RefCell::new(BTreeMap::new()));
        Self { connection, tenants, routes, _lock: lock }
    }

    fn open_to_write(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        // Made by us first, so that it is never readable by others, not even for a moment.
        private(path, OpenOptions::new().read(true).append(true).create(true))?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(|source| StoreError::Sqlite { path: path.display().to_string(), source })?;
        let prepared = || -> Result<(), StoreError> {
            let empty: bool = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |r| r.get(0))?;
            if !empty {
                check(path, &connection)?;
            }
            connection.pragma_update(None, "journal_mode", "wal")?;
            settings(&connection)?;
            if empty { create(&connection) } else { upgrade(&connection) }
        };
        prepared().map_err(|e| named(path, e))?;
        Ok(Self::holding(connection, Some(lock)))
    }

    fn open_copy(path: &Path) -> Result<Self, StoreError> {
        let from = open_quietly(path)?;
        if is_blank(&from) {
            return Self::in_memory();
        }
        check(path, &from)?;
        // "" is SQLite's name for a private temporary database: kept in memory as long as it fits, deleted on close.
        let mut connection = Connection::open("").map_err(|e| named(path, e.into()))?;
        let mut copied = || -> Result<(), StoreError> {
            let backup = Backup::new(&from, &mut connection)?;
            backup.run_to_completion(COPY_PAGES, std::time::Duration::ZERO, None)?;
            Ok(())
        };
        copied().map_err(|e| named(path, e))?;
        settings(&connection)?;
        upgrade(&connection)?;
        Ok(Self::holding(connection, None))
    }
}

/// Opens without leaving a trace: with no write-ahead log beside it, nobody has the file open to write (the last writer
/// that closes it removes the log), and it can be read as an immutable one: no `-shm`, no recovery, not a byte changed.
fn open_quietly(path: &Path) -> Result<Connection, StoreError> {
    let busy = beside(path, "-wal").exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let mut url = url::Url::parse("file:///").map_err(|e| StoreError::Damaged(e.to_string()))?;
    let full = std::path::absolute(path).map_err(|e| file_error(path, e))?;
    // A path may hold what a URL would take for an escape.
    url.set_path(&full.to_string_lossy().replace('%', "%25"));
    if !busy {
        url.set_query(Some("immutable=1"));
    }
    let connection = Connection::open_with_flags(url.as_str(), flags)
        .map_err(|source| StoreError::Sqlite { path: path.display().to_string(), source })?;
    connection.busy_timeout(std::time::Duration::from_millis(u64::from(BUSY_MILLIS)))?;
    Ok(connection)
}

fn settings(c: &Connection) -> Result<(), StoreError> {
    c.pragma_update(None, "synchronous", "full")?;
    c.pragma_update(None, "foreign_keys", true)?;
    c.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    c.pragma_update(None, "temp_store", "file")?;
    c.pragma_update(None, "trusted_schema", false)?;
    c.busy_timeout(std::time::Duration::from_millis(u64::from(BUSY_MILLIS)))?;
    claims::set_up(c)
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

fn file_error(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File { path: path.display().to_string(), source }
}

/// Opens or makes a file that only its owner can read.
fn private(path: &Path, options: &mut OpenOptions) -> Result<File, StoreError> {
    let file = options.mode(0o600).open(path).map_err(|e| file_error(path, e))?;
    // One that others could read before is closed to them now.
    let open_to_others = file.metadata().map_err(|e| file_error(path, e))?.permissions().mode() & 0o077 != 0;
    if open_to_others {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|e| file_error(path, e))?;
    }
    Ok(file)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// One writer: the operating system frees the lock when its holder dies, so it can never be stale.
fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = beside(path, "-lock");
    let mut file = private(&lock_path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = (&mut file).take(200).read_to_string(&mut holder);
            return Err(StoreError::Locked { path: path.display().to_string(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(file_error(&lock_path, source)),
    }
    file.set_len(0).map_err(|e| file_error(&lock_path, e))?;
    writeln!(file, "process {}", std::process::id()).map_err(|e| file_error(&lock_path, e))?;
    Ok(file)
}
