//! What does the store say? Read past the engine, from the file.

use std::collections::BTreeMap;
use std::path::Path;

use crosstie::store::{Ask, LogEntry};
use rusqlite::{Connection, OpenFlags};

/// A link as it lies in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tie {
    pub(crate) account: Option<String>,
    pub(crate) joined: bool,
    pub(crate) disabled_by_us: bool,
}

/// Links by home tenant, home id and target tenant.
pub(crate) type Ties = BTreeMap<(String, String, String), Tie>;

/// Everything that the laws ask of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) ties: Ties,
    /// Open questions, by request id.
    pub(crate) asked: BTreeMap<String, Ask>,
    pub(crate) log: Vec<LogEntry>,
    /// Delta links of readings that ran to their end, by tenant.
    pub(crate) watermarks: BTreeMap<String, String>,
    /// Attributes of observations by tenant and object; `None` of who is not present.
    pub(crate) observed: BTreeMap<(String, String), Option<serde_json::Value>>,
}

fn id(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), |u| u.to_string())
}

/// Reads the file; `known` are the entries that were read before.
pub(crate) fn read(path: &Path, known: &[LogEntry]) -> rusqlite::Result<Remembered> {
    if !path.exists() {
        return Ok(Remembered::default());
    }
    let c = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    c.pragma_update(None, "query_only", true)?;
    let tables: i64 = c.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'log'", [], |r| r.get(0))?;
    let mut found = Remembered::default();
    if tables == 0 {
        return Ok(found);
    }
    let sql = "SELECT h.name, l.home, t.name, l.account, l.origin, l.disabled_by_us FROM links l \
               JOIN routes r ON r.id = l.route JOIN tenants h ON h.id = r.home JOIN tenants t ON t.id = r.target";
    let mut statement = c.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = (row.get(0)?, id(&row.get::<_, Vec<u8>>(1)?), row.get(2)?);
        let account = row.get::<_, Option<Vec<u8>>>(3)?.map(|a| id(&a));
        found.ties.insert(key, Tie { account, joined: row.get(4)?, disabled_by_us: row.get(5)? });
    }
    let mut statement = c.prepare("SELECT body FROM asked")?;
    for body in statement.query_map([], |r| r.get::<_, String>(0))? {
        let ask: Ask = serde_json::from_str(&body?).unwrap();
        found.asked.insert(ask.request_id.clone(), ask);
    }
    let last = known.last().map_or(0, |e| e.seq);
    let mut statement = c.prepare("SELECT body, hash FROM log WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = statement.query([i64::try_from(last).unwrap()])?;
    while let Some(row) = rows.next()? {
        let mut entry: LogEntry = serde_json::from_str(&row.get::<_, String>(0)?).unwrap();
        entry.hash = row.get(1)?;
        found.log.push(entry);
    }
    let mut statement = c.prepare("SELECT name, link FROM tenants WHERE link IS NOT NULL")?;
    for row in statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))? {
        let (name, link) = row?;
        found.watermarks.insert(name, link);
    }
    // What is noted so that nobody need be counted is what counting says.
    let sql = "SELECT t.id, m.value, (SELECT count(*) FROM observations o WHERE o.tenant = t.id AND o.presence = 0 \
               AND o.external = 0) FROM tenants t JOIN meta m ON m.name = 'present ' || t.id";
    let mut statement = c.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (tenant, noted, counted): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        assert_eq!(noted, counted.to_string(), "people of tenant {tenant}");
    }
    let sql = "SELECT t.name, o.object, o.presence, o.attributes FROM observations o JOIN tenants t ON t.id = o.tenant";
    let mut statement = c.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = (row.get(0)?, id(&row.get::<_, Vec<u8>>(1)?));
        let present = row.get::<_, i64>(2)? == 0;
        let attributes = serde_json::from_str(&row.get::<_, String>(3)?).unwrap();
        found.observed.insert(key, present.then_some(attributes));
    }
    Ok(found)
}
