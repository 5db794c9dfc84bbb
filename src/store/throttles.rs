//! Of which budget did a tenant refuse a write, until when does it want a pause, and what do others leave of it?

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::model::Timestamp;
use crate::quota::Learned;

/// A budget of which a write was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttled {
    /// Nothing is charged to it before.
    pub paused_until: Timestamp,
    /// What others are taken to leave of its first window.
    pub learned: Learned,
}

/// In `meta`: what is known of a budget of which a write was refused.
fn name(budget: &str) -> String {
    format!("throttled {budget}")
}

impl Store {
    /// What the last refusal of this budget has taught; `None` where it was never refused.
    ///
    /// # Errors
    /// SQLite's.
    pub fn throttled(&self, budget: &str) -> Result<Option<Throttled>, StoreError> {
        let text = Self::meta(&self.connection, &name(budget))?;
        // What another version has learned may be learned again.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// A write of this budget was refused.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remember_throttled(&self, budget: &str, throttled: &Throttled) -> Result<(), StoreError> {
        let text = serde_json::to_string(throttled).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Self::set_meta(&self.connection, &name(budget), &text)
    }
}
