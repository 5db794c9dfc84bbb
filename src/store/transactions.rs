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
        self.committed(TransactionBehavior::Immediate, |_| work())
    }

    /// Runs `work` in one transaction. Within another one it is part of that, which fails with it: to take back a part, SQLite
    /// would open a file, and there may be none to be had.
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
        if self.connection.is_autocommit() {
            return self.committed(TransactionBehavior::Deferred, work);
        }
        let done = work(&self.connection);
        if done.is_err() {
            self.part_failed.set(true);
        }
        done
    }

    fn committed<T, E: From<StoreError>>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.part_failed.set(false);
        let transaction = Transaction::new_unchecked(&self.connection, behavior).map_err(StoreError::from)?;
        let done = work(&transaction)?;
        // Whoever passed over the error of a part has the whole taken back. SQLite may have done that already, where a statement
        // found the disk full: what came after it was then committed by itself, and the whole is not to be taken for kept.
        if self.part_failed.get() || transaction.is_autocommit() {
            return Err(StoreError::TakenBack.into());
        }
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }
}
