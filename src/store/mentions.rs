//! Of whom has a full round told nothing new, and of whom has it not told at all?
//!
//! Most of what a full round tells is known, and a row written anew for each of them would write most of the file anew. So
//! their ids are kept page by page, and compared with everybody's once the round has ended.

use rusqlite::{Connection, params};

use super::StoreError;
use super::codec::{self, signed};
use super::readings::Round;
use super::rows;

/// Ids that are compared at a time, in bytes: 50,000 GUIDs, which take 1 MB in memory. All of them are passed over once for
/// each such part: with parts of half the size a full resync of a million people took a tenth longer, with larger ones it
/// comes near the memory that it may take (`docs/performance.md`, B9).
const PART_BYTES: u64 = 1 << 20;
/// Parts are divided by the first byte of the id.
const PARTS_MAX: u64 = 256;

/// Of these, a page has told what was known. Each id with its length before it.
pub(super) fn put_down(c: &Connection, tenant: i64, objects: &[Vec<u8>]) -> Result<(), StoreError> {
    if objects.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::new();
    for object in objects {
        let length = u32::try_from(object.len()).map_err(|e| StoreError::Damaged(format!("an object id: {e}")))?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(object);
    }
    c.prepare_cached("INSERT INTO mentions (tenant, objects) VALUES (?1, ?2)")?.execute(params![tenant, bytes])?;
    Ok(())
}

/// Another round begins, or this one has ended.
pub(super) fn clear(c: &Connection, tenant: i64) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM mentions WHERE tenant = ?1")?.execute([tenant])?;
    Ok(())
}

/// Nobody's id stays behind in a round that was cut short: it begins anew.
pub(super) fn forget(c: &Connection) -> Result<(), StoreError> {
    c.execute("UPDATE tenants SET next_link = NULL WHERE id IN (SELECT tenant FROM mentions)", [])?;
    c.execute("DELETE FROM mentions", [])?;
    Ok(())
}

/// Whom a full round that has come to its end did not mention has to be looked at: absence is no proof.
pub(super) fn doubt_the_others(c: &Connection, tenant: i64, round: &Round) -> Result<(), StoreError> {
    doubt_in_parts(c, tenant, round, PART_BYTES)
}

fn doubt_in_parts(c: &Connection, tenant: i64, round: &Round, part_bytes: u64) -> Result<(), StoreError> {
    let sql = "SELECT coalesce(sum(length(objects)), 0) FROM mentions WHERE tenant = ?1";
    let bytes: i64 = c.query_row(sql, [tenant], |r| r.get(0))?;
    if bytes == 0 {
        // A first reading, or one in which everything is new: each row says whether it was written in this round.
        let order = rows::in_which_order(c, tenant)?;
        let sql = format!(
            "UPDATE observations {order} SET suspect = 1, round = 0 WHERE tenant = ?1 AND round < ?2 AND presence <> 2"
        );
        c.execute(&sql, params![tenant, signed(round.number)])?;
        return Ok(());
    }
    let parts = (bytes.unsigned_abs() / part_bytes + 1).min(PARTS_MAX);
    for part in 0..parts {
        let edge = |part: u64| u8::try_from(part * PARTS_MAX / parts).ok();
        doubt_in_part(c, tenant, round, (edge(part).unwrap_or_default(), edge(part + 1)))?;
    }
    clear(c, tenant)
}

/// From this first byte of an id on, and up to that one.
type Part = (u8, Option<u8>);

/// Ids that pages have told of, in order. Nearly all of them are GUIDs, and these lie beside each other.
#[derive(Default)]
struct Told {
    guids: Vec<[u8; 16]>,
    others: Vec<Vec<u8>>,
}

impl Told {
    fn put_in(&mut self, object: &[u8]) {
        match object.try_into() {
            Ok(guid) => self.guids.push(guid),
            Err(_) => self.others.push(object.to_vec()),
        }
    }
}

/// Those in one part.
fn told(c: &Connection, tenant: i64, (from, to): Part) -> Result<Told, StoreError> {
    let mut statement = c.prepare_cached("SELECT objects FROM mentions WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant])?;
    let mut told = Told::default();
    while let Some(row) = rows.next()? {
        let mut rest = codec::bytes(row, 0)?;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = u32::from_le_bytes(*length) as usize;
            let cut = after.split_at_checked(length);
            let (object, after) =
                cut.ok_or_else(|| StoreError::Damaged("the ids of a page are cut short".to_owned()))?;
            let first = object.first().copied().unwrap_or_default();
            if first >= from && to.is_none_or(|to| first < to) {
                told.put_in(object);
            }
            rest = after;
        }
        if !rest.is_empty() {
            return Err(StoreError::Damaged("the ids of a page are cut short".to_owned()));
        }
    }
    told.guids.sort_unstable();
    told.others.sort_unstable();
    Ok(told)
}

/// Is the id among these? It is asked for in order.
fn is_among<I: AsRef<[u8]>>(told: &mut &[I], object: &[u8]) -> bool {
    while let Some((one, rest)) = told.split_first()
        && one.as_ref() < object
    {
        *told = rest;
    }
    told.first().is_some_and(|one| one.as_ref() == object)
}

fn doubt_in_part(c: &Connection, tenant: i64, round: &Round, part: Part) -> Result<(), StoreError> {
    let told = told(c, tenant, part)?;
    let (mut guids, mut others) = (told.guids.as_slice(), told.others.as_slice());
    // Over the index alone, which the update leaves as it is: `round` is looked up only for those who are not among the told.
    let sql = "SELECT object FROM observations WHERE tenant = ?1 AND object >= ?2 ORDER BY object";
    let doubt = "UPDATE observations SET suspect = 1, round = 0 \
                 WHERE tenant = ?1 AND object = ?2 AND round < ?3 AND presence <> 2";
    let (mut everybody, mut doubt) = (c.prepare_cached(sql)?, c.prepare_cached(doubt)?);
    let (from, to) = part;
    let mut rows = everybody.query(params![tenant, [from].as_slice()])?;
    while let Some(row) = rows.next()? {
        let object = codec::bytes(row, 0)?;
        if to.is_some_and(|to| object >= [to].as_slice()) {
            break;
        }
        let is_told = is_among(&mut guids, object) || is_among(&mut others, object);
        if !is_told {
            doubt.execute(params![tenant, object, signed(round.number)])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{ObjectId, Selection, Timestamp};
    use crate::store::{Store, TenantSetup, codec};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whatever the ids are, and into however many parts they fall.
        #[test]
        fn whoever_was_not_told_of_is_in_doubt_and_nobody_else(
            people in prop::collection::btree_map(prop_oneof!["[0-9a-f]{8}-0000-4000-8000-000000000000", "\\PC{0,20}"], any::<[bool; 2]>(), 0..60),
            part_bytes in prop_oneof![Just(1u64), 8u64..400, Just(PART_BYTES)],
        ) {
            let store = Store::in_memory().unwrap();
            let setup = |name: &str| TenantSetup { name: name.into(), directory: name.to_owned(), keyed: BTreeSet::new() };
            store.set_up(&[setup("north"), setup("south")], &[]).unwrap();
            let c = &store.connection;
            let (mut told, mut expected) = (Vec::new(), BTreeSet::new());
            for (id, [is_told, is_written]) in &people {
                let object = codec::object(&ObjectId::from(id.as_str()));
                for tenant in [1, 2] {
                    let sql = "INSERT INTO observations (tenant, object, presence, external, attributes, round, confirmed, \
                               suspect, learned_at) VALUES (?1, ?2, 0, 0, '{}', ?3, 1, 0, 0)";
                    c.execute(sql, params![tenant, object, if *is_written { 2 } else { 1 }]).unwrap();
                }
                if *is_told {
                    told.push(object);
                } else if !*is_written {
                    expected.insert(object);
                }
            }
            for page in told.chunks(3) {
                put_down(c, 1, page).unwrap();
            }
            let round = Round { full: true, number: 2, selection: Selection::default(), began: Timestamp(0) };
            doubt_in_parts(c, 1, &round, part_bytes).unwrap();
            let rows = |sql: &str| -> BTreeSet<Vec<u8>> {
                c.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
            };
            prop_assert_eq!(rows("SELECT object FROM observations WHERE suspect = 1 AND round = 0 AND tenant = 1"), expected);
            prop_assert!(rows("SELECT object FROM observations WHERE suspect = 1 AND tenant = 2").is_empty());
            prop_assert!(rows("SELECT objects FROM mentions").is_empty());
        }
    }
}
