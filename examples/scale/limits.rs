//! How fast could anybody read? Three floors, measured beside us: the bytes alone, what one thread needs at the least to
//! know and map everybody, and what it needs to keep everybody as they came, durably and to be found by their id.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use rusqlite::params;
use serde::Deserialize;
use serde_json::value::RawValue;
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

/// Kept in a file as they came, with an index of their ids and one commit a page, as durably, with as large a cache and log as
/// crosstie has; nothing is known of anybody but the id. Answers how many people there were.
pub fn stored(root: &str, folder: &Path) -> usize {
    let file = folder.join("floor.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("floor.db{suffix}")));
    }
    let mut store = rusqlite::Connection::open(&file).expect("a file");
    store
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 16384;
             CREATE TABLE people (object BLOB PRIMARY KEY NOT NULL, told TEXT NOT NULL) STRICT;",
        )
        .expect("a table");
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
