//! By which values is an account found?

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::{StoreError, TenantRow, codec, open, rows};
use crate::model::{Attribute, Observed, Presence, Value, folded};

/// The key under which a guest's invited address is found: what stands before `#EXT#` in its sign-in name.
const INVITED_ADDRESS: &str = "#ext";

/// The keys under which a deleted account's address is found: as mail, and in its sign-in name.
const DELETED: [&str; 2] = ["#deleted", "#deleted#ext"];

/// The folded values by which an account is found.
fn keys(observed: &Observed, keyed: &BTreeSet<Attribute>) -> BTreeSet<(String, String)> {
    let mut keys = BTreeSet::new();
    if keyed.is_empty() {
        return keys;
    }
    let mut add = |attribute: &str, text: &str| {
        let value = folded(text);
        if !value.is_empty() {
            keys.insert((attribute.to_owned(), value));
        }
    };
    let name = observed.user_principal_name().to_lowercase();
    let invited = name.split_once("#ext#").map(|(address, _)| address);
    match observed.presence {
        Presence::Present => {}
        Presence::SoftDeleted => {
            let mail = observed.attributes.get(Attribute::MAIL).and_then(Value::as_text);
            for (key, address) in DELETED.into_iter().zip([mail, invited]) {
                address.into_iter().for_each(|address| add(key, address));
            }
            return keys;
        }
        Presence::Gone => return keys,
    }
    for attribute in keyed {
        match observed.attributes.get(attribute) {
            Some(Value::Text(text)) => add(attribute.as_str(), text),
            Some(Value::List(items)) => items.iter().for_each(|item| add(attribute.as_str(), item)),
            Some(Value::Bool(_) | Value::Integer(_)) | None => {}
        }
    }
    invited.into_iter().for_each(|address| add(INVITED_ADDRESS, address));
    keys
}

/// The key of an address among invited sign-in names: `ada@north.example` becomes `ada_north.example`.
pub(super) fn of_address(address: &str) -> [(&'static str, String); 2] {
    let address = folded(address);
    let name = address.replace('@', "_");
    [(Attribute::MAIL, address), (INVITED_ADDRESS, name)]
}

/// The same of accounts that are deleted.
pub(super) fn of_deleted(address: &str) -> [(&'static str, String); 2] {
    let [(_, address), (_, name)] = of_address(address);
    let [mail, invited] = DELETED;
    [(mail, address), (invited, name)]
}

pub(super) fn change(
    c: &Connection,
    tenant: &TenantRow,
    object: &[u8],
    before: Option<&Observed>,
    after: &Observed,
) -> Result<(), StoreError> {
    let old = before.map(|b| keys(b, &tenant.keyed)).unwrap_or_default();
    let new = keys(after, &tenant.keyed);
    for (attribute, value) in old.difference(&new) {
        let sql = "DELETE FROM keys WHERE tenant = ?1 AND attribute = ?2 AND value = ?3 AND object = ?4";
        c.prepare_cached(sql)?.execute(params![tenant.id, attribute, value, object])?;
    }
    for (attribute, value) in new.difference(&old) {
        let sql = "INSERT OR IGNORE INTO keys (tenant, attribute, value, object) VALUES (?1, ?2, ?3, ?4)";
        c.prepare_cached(sql)?.execute(params![tenant.id, attribute, value, object])?;
    }
    Ok(())
}

/// Every key of the tenant is made anew, in the order of the index: the rules ask for other attributes than before, or the first
/// reading has ended.
pub(super) fn rebuild(c: &Connection, tenant: i64, keyed: &BTreeSet<Attribute>) -> Result<(), StoreError> {
    c.execute("DELETE FROM keys WHERE tenant = ?1", [tenant])?;
    if keyed.is_empty() {
        return Ok(());
    }
    c.execute_batch("CREATE TEMP TABLE new_keys (attribute TEXT, value TEXT, object BLOB)")?;
    let mut insert = c.prepare("INSERT INTO new_keys (attribute, value, object) VALUES (?1, ?2, ?3)")?;
    let order = rows::in_which_order(c, tenant)?;
    let everybody = format!("SELECT object, presence, attributes FROM observations {order} WHERE tenant = ?1");
    let mut statement = c.prepare(&everybody)?;
    let mut rows = statement.query([tenant])?;
    while let Some(r) = rows.next()? {
        let (object, attributes): (Vec<u8>, _) = (r.get(0)?, codec::read_attributes(codec::text(r, 2)?)?);
        let presence = codec::read_presence(r.get(1)?)?;
        let observed = Observed { object: codec::object_id(&object)?, presence, attributes };
        for (attribute, value) in keys(&observed, keyed) {
            insert.execute(params![attribute, value, object])?;
        }
    }
    let sql = "INSERT INTO keys (tenant, attribute, value, object) \
               SELECT ?1, attribute, value, object FROM new_keys ORDER BY attribute, value, object";
    open::sorted(c, sql, tenant)?;
    drop(rows);
    drop((insert, statement));
    Ok(c.execute_batch("DROP TABLE new_keys")?)
}
