//! How does what is known of a user lie in the file?

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::codec::{self, signed, unsigned};
use super::observations::LAG_ALLOWANCE_SECONDS;
use crate::model::{Attribute, DeltaItem, News, ObjectId, Observed, Presence, Standing, Timestamp, Value};

/// To look somebody up takes as long as to pass over so many.
const OTHERS_MAX: i64 = 4;

/// Is what is known of a user to be believed? As the file says it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    None = 0,
    /// Has to be looked at one by one.
    Suspect = 1,
    /// A look has shown it, when it was learned: a reading that says otherwise soon after may only be late.
    LookedAt = 2,
}

/// All that the file says of a user.
pub(super) struct Row {
    pub(super) observed: Observed,
    pub(super) round: i64,
    pub(super) confirmed: bool,
    pub(super) doubt: Doubt,
    pub(super) learned_at: Timestamp,
}

impl Row {
    /// A look was so short before that a reading which tells otherwise may not have caught up with it.
    pub(super) fn looked_at_lately(&self, now: Timestamp) -> bool {
        self.doubt == Doubt::LookedAt && now.seconds_since(self.learned_at) < LAG_ALLOWANCE_SECONDS
    }
}

/// A row as it lies in the file.
pub(super) struct Stored {
    /// Where it lies among all others: in the order in which they came.
    pub(super) place: i64,
    presence: i64,
    attributes: String,
    round: i64,
    confirmed: bool,
    doubt: i64,
    learned_at: i64,
}

impl Stored {
    /// A row of which these columns come first: rowid, presence, attributes, round, confirmed, suspect, learned_at.
    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            place: row.get(0)?,
            presence: row.get(1)?,
            attributes: row.get(2)?,
            round: row.get(3)?,
            confirmed: row.get(4)?,
            doubt: row.get(5)?,
            learned_at: row.get(6)?,
        })
    }

    /// Does a full round say of the user exactly what is known? Most of what such a round tells is, and need not be read.
    pub(super) fn is_told_again(&self, item: &DeltaItem) -> bool {
        let News::Seen(edits) = &item.news else { return false };
        let stands = self.presence == codec::presence(Presence::Present) && self.doubt != Doubt::LookedAt as i64;
        stands && codec::sets_exactly(edits, &self.attributes)
    }

    /// Would nothing but the round be written, and can the row do without? Where it says that the last full round did not
    /// mention the user, it cannot.
    pub(super) fn is_beyond_doubt(&self) -> bool {
        self.doubt == Doubt::None as i64 && self.confirmed && self.round > 0
    }

    pub(super) fn read(self, object: &ObjectId) -> Result<Row, StoreError> {
        let observed = Observed {
            object: object.clone(),
            presence: codec::read_presence(self.presence)?,
            attributes: codec::read_attributes(&self.attributes)?,
        };
        let doubt = match self.doubt {
            0 => Doubt::None,
            2 => Doubt::LookedAt,
            _ => Doubt::Suspect,
        };
        let learned_at = Timestamp(unsigned(self.learned_at));
        Ok(Row { observed, round: self.round, confirmed: self.confirmed, doubt, learned_at })
    }
}

/// What is known of one user.
pub(super) fn stored(c: &Connection, tenant: i64, object: &[u8]) -> Result<Option<Stored>, StoreError> {
    let sql = "SELECT rowid, presence, attributes, round, confirmed, suspect, learned_at FROM observations \
               WHERE tenant = ?1 AND object = ?2";
    Ok(c.prepare_cached(sql)?.query_row(params![tenant, object], Stored::of).optional()?)
}

/// Said of `observations` where everybody of a tenant is passed over. By the index they come in the order of their ids, and each
/// lies on another page of the file; so the file is gone through as it lies, unless most of what is in it is others'.
pub(super) fn in_which_order(c: &Connection, tenant: i64) -> Result<&'static str, StoreError> {
    let all: i64 = c.query_row("SELECT coalesce(max(rowid), 0) FROM observations", [], |r| r.get(0))?;
    let own: i64 = c.query_row("SELECT count(*) FROM observations WHERE tenant = ?1", [tenant], |r| r.get(0))?;
    Ok(if all / OTHERS_MAX <= own { "NOT INDEXED" } else { "" })
}

/// What is known already gives way.
pub(super) const REPLACING: &str = "ON CONFLICT DO UPDATE SET presence = ?3, external = ?4, attributes = ?5, manager = ?6, round = ?7, \
                         confirmed = ?8, suspect = ?9, learned_at = ?10";

/// Answers whether anything was written.
pub(super) fn write(
    c: &Connection,
    tenant: i64,
    object: &[u8],
    row: &Row,
    on_conflict: &str,
) -> Result<bool, StoreError> {
    let o = &row.observed;
    let manager = o.attributes.get(Attribute::MANAGER).and_then(Value::as_text).map(|m| codec::object(&m.into()));
    let sql = format!(
        "INSERT INTO observations \
         (tenant, object, presence, external, attributes, manager, round, confirmed, suspect, learned_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) {on_conflict}"
    );
    let written = c.prepare_cached(&sql)?.execute(params![
        tenant,
        object,
        codec::presence(o.presence),
        o.standing() == Standing::External,
        codec::attributes(&o.attributes)?,
        manager,
        row.round,
        row.confirmed,
        row.doubt as i64,
        signed(row.learned_at.0),
    ])?;
    Ok(written > 0)
}
