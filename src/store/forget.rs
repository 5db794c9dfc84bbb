//! What is forgotten with a person, beside what the change log says of them?

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};
use serde_json::Value as Json;

use super::{Filter, Store, StoreError};
use super::{codec, mentions};
use crate::model::{Attribute, ObjectId, Presence, TenantName, Value};

/// What stands in the place of a text that names somebody who was erased.
const ERASED: &str = "(erased)";

/// Where a person is, and what they are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// The home user and the accounts, each with its tenant's name.
    pub seats: BTreeSet<(String, ObjectId)>,
    /// Object ids, sign-in names and addresses.
    pub names: BTreeSet<String>,
}

/// Why something is still remembered of a user or account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Its tenant has it.
    There,
    /// Its tenant can restore it.
    Restorable,
    /// A link leads to or from it.
    Linked,
}

impl Stays {
    /// In words, after "it".
    pub fn as_str(self) -> &'static str {
        match self {
            Stays::There => "is there",
            Stays::Restorable => "is deleted, and its tenant can still restore it",
            Stays::Linked => "is tied to an account or a home user",
        }
    }
}

/// Nobody has any of these any more: gone for good in their tenant, and no link leads to or from them.
const NOBODYS: &str = "presence = 2 \
    AND NOT EXISTS (SELECT 1 FROM links WHERE target = o.tenant AND account = o.object) \
    AND NOT EXISTS (SELECT 1 FROM links JOIN routes ON routes.id = links.route \
                    WHERE routes.home = o.tenant AND links.home = o.object)";

impl Store {
    /// Where these people are by the change log and by what is remembered of the tenants, and what they are or were called;
    /// `called` is what somebody calls them now. Asked before anything is erased.
    ///
    /// # Errors
    /// SQLite's.
    pub fn traces(&self, people: &BTreeSet<(String, ObjectId)>, called: &str) -> Result<Traces, StoreError> {
        let mut traces = Traces { seats: people.clone(), names: BTreeSet::from([called.to_owned()]) };
        let filter = Filter { people: Some(people.clone()), ..Filter::default() };
        self.log(&filter, |entry| {
            traces.names.extend(entry.home.user_principal_name);
            traces.seats.extend(entry.account.map(|account| (account.tenant, account.id)));
            true
        })?;
        let tenants: Vec<TenantName> = self.tenants.borrow().keys().cloned().collect();
        for tenant in &tenants {
            traces.seats.extend(self.find_user(tenant, called)?.map(|object| (tenant.to_string(), object)));
        }
        let linked = traces.seats.iter().map(|(tenant, home)| self.accounts_of(tenant, home));
        let linked = linked.collect::<Result<Vec<_>, _>>()?;
        traces.seats.extend(linked.into_iter().flatten());
        for (tenant, object) in &traces.seats {
            traces.names.insert(object.to_string());
            let Some(tenant) = tenants.iter().find(|known| known.as_str() == tenant) else { continue };
            let Some(known) = self.observed(tenant, object)? else { continue };
            let name = |attribute: &str| known.attributes.get(attribute).and_then(Value::as_text).map(str::to_owned);
            traces.names.extend([Attribute::USER_PRINCIPAL_NAME, Attribute::MAIL].into_iter().filter_map(name));
        }
        traces.names.retain(|name| !name.trim().is_empty());
        Ok(traces)
    }

    /// Accounts that links lead to from this home user.
    fn accounts_of(&self, tenant: &str, home: &ObjectId) -> Result<Vec<(String, ObjectId)>, StoreError> {
        let sql = "SELECT target.name, account FROM links JOIN routes ON routes.id = route \
                   JOIN tenants AS target ON target.id = links.target JOIN tenants AS home ON home.id = routes.home \
                   WHERE home.name = ?1 AND links.home = ?2 AND account IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![tenant, codec::object(home)])?;
        let mut accounts = Vec::new();
        while let Some(row) = rows.next()? {
            accounts.push((row.get(0)?, codec::object_id(&row.get::<_, Vec<u8>>(1)?)?));
        }
        Ok(accounts)
    }

    /// Forgets everybody who is gone for good from their tenant and is tied to nobody: nothing can come of what is remembered
    /// of them. Answers how many there were.
    ///
    /// # Errors
    /// SQLite's; nobody is forgotten then.
    pub fn forget_the_gone(&self) -> Result<u64, StoreError> {
        self.transaction(|c| {
            mentions::forget(c)?;
            for of_them in [
                "DELETE FROM keys WHERE (tenant, object) IN",
                "DELETE FROM memberships WHERE (tenant, object) IN",
                "DELETE FROM unsettled WHERE ((SELECT home FROM routes WHERE id = route), home) IN",
            ] {
                c.execute(&format!("{of_them} (SELECT tenant, object FROM observations AS o WHERE {NOBODYS})"), [])?;
            }
            Ok(c.execute(&format!("DELETE FROM observations AS o WHERE {NOBODYS}"), [])? as u64)
        })
    }

    /// Why something is still remembered of this user or account; `None`: nothing is.
    ///
    /// # Errors
    /// SQLite's.
    pub fn stays(&self, tenant: &str, object: &ObjectId) -> Result<Option<Stays>, StoreError> {
        // Of a tenant that the configuration does not name any more something may be there as well.
        let sql =
            "SELECT presence FROM observations JOIN tenants ON tenants.id = tenant WHERE name = ?1 AND object = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let presence: Option<i64> =
            statement.query_row(params![tenant, codec::object(object)], |r| r.get(0)).optional()?;
        let presence = presence.map(codec::read_presence).transpose()?;
        Ok(presence.map(|presence| match presence {
            Presence::Present => Stays::There,
            Presence::SoftDeleted => Stays::Restorable,
            Presence::Gone => Stays::Linked,
        }))
    }

    /// Takes these names out of the alerts that wait: each text in them that has one of the names reads `(erased)`. The alerts
    /// themselves go out. Answers in how many a text was taken out.
    ///
    /// # Errors
    /// SQLite's; none is changed then.
    pub fn erase_in_alerts(&self, names: &BTreeSet<String>) -> Result<usize, StoreError> {
        let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        self.transaction(|c| {
            let mut statement = c.prepare("SELECT id, body FROM outbox")?;
            let rows = statement.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)))?;
            let mut changed = 0;
            for row in rows.collect::<Result<Vec<_>, _>>()? {
                let (id, body) = row;
                let Ok(mut document) = serde_json::from_str::<Json>(&body) else { continue };
                if scrub(&mut document, &names) {
                    let body = document.to_string();
                    c.prepare_cached("UPDATE outbox SET body = ?2 WHERE id = ?1")?.execute(params![id, body])?;
                    changed += 1;
                }
            }
            Ok(changed)
        })
    }
}

/// Was any text taken out?
fn scrub(document: &mut Json, names: &[String]) -> bool {
    match document {
        Json::String(text) => {
            let lower = text.to_lowercase();
            let named = names.iter().any(|name| mentions(&lower, name));
            if named {
                ERASED.clone_into(text);
            }
            named
        }
        // Each of them is looked at, also behind one that was found.
        Json::Array(items) => items.iter_mut().filter_map(|item| scrub(item, names).then_some(())).count() > 0,
        Json::Object(fields) => fields.values_mut().filter_map(|field| scrub(field, names).then_some(())).count() > 0,
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Does the name stand in the text, and not only as the end or the beginning of another one?
fn mentions(text: &str, name: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || "._-#@".contains(c);
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let mut after = text.get(at + name.len()..).unwrap_or_default().chars();
        // A full stop ends a sentence, unless the name goes on behind it.
        let after = match after.next() {
            Some('.') => after.next().filter(|c| c.is_alphanumeric()),
            other => other,
        };
        !before.is_some_and(continues) && !after.is_some_and(continues)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{mentions, scrub};

    #[test]
    fn a_name_is_found_as_a_whole_and_nothing_of_others_is() {
        let name = "bo@north.example";
        for text in ["bo@north.example", "(bo@north.example)", "to bo@north.example.", "a, bo@north.example: held"] {
            assert!(mentions(text, name), "{text}");
        }
        for text in ["jimbo@north.example", "jim.bo@north.example", "bo@north.example.org", "bo@north.examples", ""] {
            assert!(!mentions(text, name), "{text}");
        }
    }

    #[test]
    fn every_text_that_names_one_is_taken_out_however_deep() {
        let names = ["bo@north.example".to_owned(), "4d18".to_owned()];
        let mut document = json!({
            "type": "held", "n": 2,
            "people": [{ "id": "4D18", "name": "Bo@North.example" }, { "id": "5e", "name": "al@north.example" }],
            "first": { "why": "bo@north.example is held" },
        });
        assert!(scrub(&mut document, &names));
        let expected = json!({
            "type": "held", "n": 2,
            "people": [{ "id": "(erased)", "name": "(erased)" }, { "id": "5e", "name": "al@north.example" }],
            "first": { "why": "(erased)" },
        });
        assert_eq!(document, expected);
        assert!(!scrub(&mut document, &names), "once is enough");
    }
}
