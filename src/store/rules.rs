//! Which rules did the last sync of each route work with?

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use crate::model::RouteName;

/// One rule set, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its name.
    pub name: String,
    /// The text of its file.
    pub text: String,
}

impl Store {
    /// The rule sets that the last sync of the route worked with, in their order; none where there was no sync yet.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remembered_rules(&self, route: &RouteName) -> Result<Vec<Remembered>, StoreError> {
        let sql = "SELECT r.name, t.text FROM route_rules r JOIN rule_texts t ON t.id = r.rule_text \
                   WHERE r.route = ?1 ORDER BY r.place";
        let mut statement = self.connection.prepare_cached(sql)?;
        let read = |r: &rusqlite::Row<'_>| Ok(Remembered { name: r.get(0)?, text: r.get(1)? });
        Ok(statement.query_map([self.route(route)?], read)?.collect::<Result<_, _>>()?)
    }

    /// Are these, name by name and letter by letter, the rule sets that the last sync of the route worked with? Answered
    /// without reading a text: a mesh of many tenants asks for thousands of routes.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remembers_rules(&self, route: &RouteName, rules: &[(&str, &str)]) -> Result<bool, StoreError> {
        let sql = "SELECT r.name, t.hash FROM route_rules r JOIN rule_texts t ON t.id = r.rule_text \
                   WHERE r.route = ?1 ORDER BY r.place";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([self.route(route)?], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let known: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
        Ok(known.iter().map(|(name, hash)| (name.as_str(), hash.clone())).eq(rules.iter().map(|(n, t)| (*n, hash(t)))))
    }

    /// From now on these are the rule sets that the last sync of the route worked with.
    ///
    /// # Errors
    /// SQLite's; the former ones stay then.
    pub fn remember_rules(&self, route: &RouteName, rules: &[(&str, &str)]) -> Result<(), StoreError> {
        if self.remembers_rules(route, rules)? {
            return Ok(());
        }
        let id = self.route(route)?;
        self.transaction(|c| {
            c.execute("DELETE FROM route_rules WHERE route = ?1", [id])?;
            for (place, (name, text)) in (0_i64..).zip(rules) {
                let sql = "INSERT INTO route_rules (route, place, name, rule_text) VALUES (?1, ?2, ?3, ?4)";
                c.execute(sql, params![id, place, name, keep(c, text)?])?;
            }
            let unused = "DELETE FROM rule_texts WHERE id NOT IN (SELECT rule_text FROM route_rules)";
            c.execute(unused, [])?;
            Ok(())
        })
    }
}

/// The text's row, made where there is none.
fn keep(c: &Connection, text: &str) -> Result<i64, StoreError> {
    let hash = hash(text);
    let known = c.query_row("SELECT id FROM rule_texts WHERE hash = ?1", [&hash], |r| r.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    c.execute("INSERT INTO rule_texts (hash, text) VALUES (?1, ?2)", params![hash, text])?;
    Ok(c.last_insert_rowid())
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
