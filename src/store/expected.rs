//! Of whom does a tenant probably tell next?
//!
//! People lie in the file in the order in which they were first told of, and most tenants tell everybody in that order again.
//! So whoever lies behind the one who was told of last is fetched before anybody asks, without the index, in which each of them
//! has a page of its own. In another order nothing is fetched ahead.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::rows::{self, Stored};
use super::{StoreError, codec};

/// Fetched at a time, at the most: some 100 KB.
const FETCHED_MAX: i64 = 128;

/// Those who come next, if the order is the same.
pub(super) struct Expected {
    tenant: i64,
    next: VecDeque<(Vec<u8>, Stored)>,
    /// Where the one lies who was told of last.
    last: i64,
    /// So many are fetched at a time: twice as many each time that all of them came, until the first one does not.
    fetched: i64,
}

impl Expected {
    pub(super) fn of(tenant: i64) -> Self {
        Self { tenant, next: VecDeque::new(), last: 0, fetched: 0 }
    }

    /// What is known of whom the tenant tells now. Nothing else than what it tells may change a row meanwhile.
    pub(super) fn stored(&mut self, c: &Connection, object: &[u8]) -> Result<Option<Stored>, StoreError> {
        if let Some((_, stored)) = self.next.pop_front_if(|(next, _)| next == object) {
            self.last = stored.place;
            if self.next.is_empty() {
                self.fetched = (self.fetched * 2).min(FETCHED_MAX);
                self.fetch(c)?;
            }
            return Ok(Some(stored));
        }
        self.next.clear();
        let Some(stored) = rows::stored(c, self.tenant, object)? else { return Ok(None) };
        let follows = stored.place == self.last + 1;
        self.last = stored.place;
        if follows {
            self.fetched = 1;
            self.fetch(c)?;
        }
        Ok(Some(stored))
    }

    fn fetch(&mut self, c: &Connection) -> Result<(), StoreError> {
        let sql = "SELECT rowid, presence, attributes, round, confirmed, suspect, learned_at, tenant, object \
                   FROM observations NOT INDEXED WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid";
        let mut statement = c.prepare_cached(sql)?;
        let mut found = statement.query(params![self.last, self.last.saturating_add(self.fetched)])?;
        while let Some(row) = found.next()? {
            if row.get::<_, i64>(7)? == self.tenant {
                self.next.push_back((codec::bytes(row, 8)?.to_vec(), Stored::of(row)?));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::store::{Store, TenantSetup};

    const PEOPLE: u8 = 40;

    /// People of two tenants, in the file by turns of so many.
    fn store(turn: u8) -> Store {
        let store = Store::in_memory().unwrap();
        let setup = |name: &str| TenantSetup { name: name.into(), directory: name.to_owned(), keyed: BTreeSet::new() };
        store.set_up(&[setup("north"), setup("south")], &[]).unwrap();
        for first in (0..PEOPLE).step_by(turn.into()) {
            for tenant in [1, 2] {
                for person in first..(first + turn).min(PEOPLE) {
                    // In another order than their ids.
                    let object = [person.wrapping_mul(101), tenant];
                    let sql = "INSERT INTO observations (tenant, object, presence, external, attributes, round, confirmed, \
                               suspect, learned_at) VALUES (?1, ?2, 0, 0, ?3, 1, 1, 0, 0)";
                    store.connection.execute(sql, params![tenant, object, format!("{tenant} {person}")]).unwrap();
                }
            }
        }
        store
    }

    proptest! {
        /// Whatever is told in whatever order, twice or not there: what is fetched ahead is what a look-up finds.
        #[test]
        fn what_is_expected_is_what_is_there(turn in 1u8..12, told in prop::collection::vec((0..PEOPLE + 3, 1u8..9), 0..12)) {
            let store = store(turn);
            let mut expected = Expected::of(1);
            for person in told.into_iter().flat_map(|(first, many)| first..first + many) {
                let object = [person.wrapping_mul(101), 1];
                let place = |stored: Option<Stored>| stored.map(|stored| stored.place);
                let there = place(rows::stored(&store.connection, 1, &object).unwrap());
                prop_assert_eq!(there.is_some(), person < PEOPLE);
                prop_assert_eq!(place(expected.stored(&store.connection, &object).unwrap()), there);
            }
        }
    }

    #[test]
    fn in_the_order_of_the_file_they_are_fetched_ahead_and_in_another_one_by_one() {
        let store = store(PEOPLE);
        let fetched = |people: &mut dyn Iterator<Item = u8>| {
            let mut expected = Expected::of(1);
            let told = people.map(|person| {
                expected.stored(&store.connection, &[person.wrapping_mul(101), 1]).unwrap().unwrap();
                expected.next.len()
            });
            told.max()
        };
        assert_eq!((fetched(&mut (0..PEOPLE)), fetched(&mut (0..PEOPLE).rev())), (Some(16), Some(0)));
    }
}
