//! How fast could anybody be? Floors, measured beside us. Of reading: the bytes alone, what one thread needs at the least to
//! know and map everybody, and what it needs to keep everybody as they came, durably and to be found by their id. Of writing:
//! what it needs to keep what was asked and answered.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use rusqlite::{OpenFlags, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::tenants::Connection;

/// What our rules ask for, as crosstie asks for it: the floors read the same pages.
pub const SELECT: &str = "accountEnabled,city,companyName,country,creationType,department,displayName,employeeId,employeeType,\
     externalUserState,givenName,jobTitle,mail,mobilePhone,officeLocation,postalCode,preferredLanguage,streetAddress,\
     surname,userPrincipalName,userType";

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(rename = "@odata.nextLink", borrow)]
    next: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Vec<User<'a>>,
}

#[derive(Deserialize, Hash)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    #[serde(borrow)]
    id: &'a str,
    #[serde(borrow)]
    display_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    given_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    surname: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_principal_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mail: Option<Cow<'a, str>>,
    account_enabled: Option<bool>,
    #[serde(borrow)]
    user_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    job_title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    department: Option<Cow<'a, str>>,
    #[serde(borrow)]
    company_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    employee_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    employee_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    city: Option<Cow<'a, str>>,
    #[serde(borrow)]
    country: Option<Cow<'a, str>>,
    #[serde(borrow)]
    postal_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    street_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    office_location: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mobile_phone: Option<Cow<'a, str>>,
    #[serde(borrow)]
    preferred_language: Option<Cow<'a, str>>,
}

/// Where the page leads on to; found without reading the page.
fn next_link(page: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\"@odata.nextLink\":\"";
    let edge = page.len().min(8_192);
    // It stands before the users, or behind them.
    let find = |part: &[u8]| {
        let at = part.windows(NAME.len()).position(|w| w == NAME)? + NAME.len();
        let end = part[at..].iter().position(|b| *b == b'"')?;
        String::from_utf8(part[at..at + end].to_vec()).ok()
    };
    find(&page[..edge]).or_else(|| find(&page[page.len() - edge..]))
}

fn walk(root: &str, mut page: impl FnMut(&[u8]) -> Option<String>) {
    let mut connection = Connection::open(root);
    let token = connection.token("north");
    let mut path = format!("/v1.0/users/delta?$select={SELECT}");
    loop {
        let body = connection.ask("GET", &path, &[("Authorization", &token)], "");
        match page(&body) {
            Some(link) => link.strip_prefix(root).expect("a link into the simulator").clone_into(&mut path),
            None => return,
        }
    }
}

/// The bytes alone; answers how many there were.
pub fn raw(root: &str) -> usize {
    let mut bytes = 0;
    walk(root, |page| {
        bytes += page.len();
        next_link(page)
    });
    bytes
}

/// Typed and borrowed, mapped, hashed; answers how many people there were.
pub fn typed(root: &str) -> usize {
    let (mut people, mut hash) = (0, DefaultHasher::new());
    walk(root, |body| {
        let page: Page<'_> = serde_json::from_slice(body).expect("a page");
        people += page.value.len();
        for mut user in page.value {
            let department = user.department.as_deref().unwrap_or_default();
            let in_scope = user.account_enabled == Some(true) && user.employee_type.is_some();
            user.department = in_scope.then(|| Cow::Owned(format!("North - {department}")));
            user.hash(&mut hash);
        }
        page.next.map(Cow::into_owned)
    });
    assert_ne!(hash.finish(), 0, "what nobody looks at may be left out by the compiler");
    people
}

#[derive(Deserialize)]
struct Unread<'a> {
    #[serde(rename = "@odata.nextLink", borrow)]
    next: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: &'a str,
}

/// An empty file with these tables, as durable, with as large a cache and log as crosstie has.
fn floor(folder: &Path, tables: &str) -> rusqlite::Connection {
    let file = folder.join("floor.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("floor.db{suffix}")));
    }
    let store = rusqlite::Connection::open(&file).expect("a file");
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -14336; \
                    PRAGMA wal_autocheckpoint = 16384;";
    store.execute_batch(&format!("{settings} {tables}")).expect("tables");
    store
}

/// Kept in a file as they came, with an index of their ids and one commit a page; nothing is known of anybody but
/// the id. Answers how many people there were.
pub fn stored(root: &str, folder: &Path) -> usize {
    let mut store = floor(folder, "CREATE TABLE people (object BLOB PRIMARY KEY NOT NULL, told TEXT NOT NULL) STRICT;");
    let mut people = 0;
    walk(root, |body| {
        let page: Unread<'_> = serde_json::from_slice(body).expect("a page");
        let transaction = store.transaction().expect("a transaction");
        let mut insert = transaction.prepare_cached("INSERT INTO people VALUES (?1, ?2)").expect("a statement");
        for user in &page.value {
            let Named { id } = serde_json::from_str(user.get()).expect("a user");
            let object = Uuid::try_parse(id).expect("a GUID").into_bytes();
            insert.execute(params![object, user.get()]).expect("a row");
        }
        people += page.value.len();
        drop(insert);
        transaction.commit().expect("kept");
        page.next.map(Cow::into_owned)
    });
    people
}

/// A write, as the change log of a store tells of it.
struct Told {
    entry: String,
    home: String,
    account: String,
    edits: String,
}

/// Half of the 24 that are under way at once: crosstie keeps the answers to some ten, and the questions of the next, with one commit,
/// and a floor shall not have more of them.
const WRITES_A_COMMIT: usize = 12;

/// The writes of which this store's change log tells, kept once more, by SQLite alone: each question before it leaves, and with
/// its answer an entry that names the hash of the one before, the link and the account. Answers how many there were.
pub fn recorded(store: &Path, folder: &Path) -> usize {
    let theirs = rusqlite::Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store");
    let sql = "SELECT body, body ->> '$.home.id', body ->> '$.account.id', body ->> '$.edits' FROM log ORDER BY seq";
    let mut statement = theirs.prepare(sql).expect("a log");
    let told =
        |r: &rusqlite::Row<'_>| Ok(Told { entry: r.get(0)?, home: r.get(1)?, account: r.get(2)?, edits: r.get(3)? });
    let all: Vec<Told> = statement.query_map([], told).expect("entries").collect::<Result<_, _>>().expect("an entry");
    let mut ours = floor(
        folder,
        "CREATE TABLE asked (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
         CREATE TABLE log (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
         CREATE TABLE links (home BLOB PRIMARY KEY NOT NULL, account BLOB NOT NULL) STRICT;
         CREATE UNIQUE INDEX links_by_account ON links (account);
         CREATE TABLE accounts (object BLOB PRIMARY KEY NOT NULL, told TEXT NOT NULL) STRICT;",
    );
    let guid = |text: &str| Uuid::try_parse(text).expect("a GUID").into_bytes();
    let (mut answered, mut hash): (&[Told], String) = (&[], String::new());
    for some in all.chunks(WRITES_A_COMMIT).chain([[].as_slice()]) {
        let commit = ours.transaction().expect("a transaction");
        let keep =
            |sql: &str, row: &[&dyn rusqlite::ToSql]| commit.prepare_cached(sql).and_then(|mut s| s.execute(row));
        for Told { entry, home, account, edits } in answered {
            let (home, account) = (guid(home), guid(account));
            hash = format!("{:x}", Sha256::new().chain_update(&hash).chain_update(entry).finalize());
            keep("DELETE FROM asked WHERE id = (SELECT min(id) FROM asked)", &[]).expect("answered");
            keep("INSERT INTO log (body, hash) VALUES (?1, ?2)", &[entry, &hash]).expect("an entry");
            keep("INSERT OR REPLACE INTO links VALUES (?1, ?2)", &[&home, &account]).expect("a link");
            keep("INSERT OR REPLACE INTO accounts VALUES (?1, ?2)", &[&account, edits]).expect("an account");
        }
        for asked in some {
            keep("INSERT INTO asked (body) VALUES (?1)", &[&asked.entry]).expect("a question");
        }
        commit.commit().expect("kept");
        answered = some;
    }
    let left: i64 = ours.query_row("SELECT count(*) FROM asked", [], |r| r.get(0)).expect("a count");
    assert_eq!(left, 0, "every question is answered");
    all.len()
}
