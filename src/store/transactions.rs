//! What is kept as a whole or not at all?

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Store, StoreError};

impl Store {
    /// Runs `work`, with every transaction in it, as one that is committed at its end: the disk is waited for once. What it
    /// has asked is committed once this comes back, and not before.
    ///
    /// # Errors
    /// Those of `work`, which then changed nothing, and SQLite's.
    pub fn in_one_commit<T, E: From<StoreError>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if !self.connection.is_autocommit() {
            return Err(StoreError::Misused("a commit within another one").into());
        }
        // It reads first and writes later: nobody else shall write in between.
        committed(&self.connection, TransactionBehavior::Immediate, |_| work())
    }

    /// Runs `work` in one transaction; within another one as a part of that one, which can fail by itself.
    ///
    /// # Errors
    /// Those of `work`, which then changed nothing, and SQLite's.
    pub fn together<T, E: From<StoreError>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.as_one(|_| work())
    }

    /// The same for this room.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.as_one(work)
    }

    fn as_one<T, E: From<StoreError>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let c = &self.connection;
        if c.is_autocommit() {
            return committed(c, TransactionBehavior::Deferred, work);
        }
        let part = Part::begin(c)?;
        let done = work(c)?;
        part.keep()?;
        Ok(done)
    }
}

fn committed<T, E: From<StoreError>>(
    c: &Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = Transaction::new_unchecked(c, behavior).map_err(StoreError::from)?;
    let done = work(&transaction)?;
    must_be_open(c)?;
    transaction.commit().map_err(StoreError::from)?;
    Ok(done)
}

/// A statement that finds the disk full, or the file out of order, may take back the whole transaction. Whoever did not say so
/// must not go on as if something were kept.
fn must_be_open(c: &Connection) -> Result<(), StoreError> {
    if c.is_autocommit() { Err(StoreError::TakenBack) } else { Ok(()) }
}

/// A part of a transaction. Unless it is kept, what was done in it is taken back, and nothing else.
struct Part<'c> {
    c: &'c Connection,
    kept: bool,
}

impl<'c> Part<'c> {
    fn begin(c: &'c Connection) -> Result<Self, StoreError> {
        run(c, "SAVEPOINT part")?;
        Ok(Self { c, kept: false })
    }
    fn keep(mut self) -> Result<(), StoreError> {
        must_be_open(self.c)?;
        run(self.c, "RELEASE part")?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Part<'_> {
    /// Also of work that panics.
    fn drop(&mut self) {
        if self.kept || self.c.is_autocommit() {
            return;
        }
        if let Err(error) = run(self.c, "ROLLBACK TO part").and_then(|()| run(self.c, "RELEASE part")) {
            // The whole is not committed then: that one fails, too.
            tracing::error!(error = error.to_string(), "a part of a transaction could not be taken back");
        }
    }
}

fn run(c: &Connection, sql: &str) -> Result<(), StoreError> {
    c.prepare_cached(sql)?.execute([])?;
    Ok(())
}
