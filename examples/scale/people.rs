//! Who is in the tenants that are measured?
//!
//! `north` is everybody's home. `south` holds an account of each of them, as it should be. `void` holds nobody but its
//! director: whoever plans into it plans everybody anew.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

/// What the folder of a population says when it is whole: the number changes with what is written below.
const WRITTEN: &str = "people of the third kind\n";

pub const TENANTS: [&str; 3] = ["north", "south", "void"];
pub const SECRET: &str = "no-secret";

pub fn tenant_id(tenant: &str) -> String {
    let place = TENANTS.iter().position(|t| *t == tenant).unwrap_or_default() + 1;
    format!("6f1c0d3e-0000-4000-8000-{place:012}")
}
pub fn client_id(tenant: &str) -> String {
    tenant_id(tenant).replace("6f1c0d3e", "0b9b0d64")
}

/// Object ids as scattered as real ones, so that no index profits from an order that directories do not have.
fn guid(kind: u64, n: usize) -> String {
    let mut mixed = (n as u64).wrapping_add(kind << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 31;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    // The number itself stands in it: no two are the same.
    format!("{:08x}-{:04x}-4000-8{kind:03x}-{n:012x}", mixed >> 32, mixed & 0xffff)
}
pub fn home_id(n: usize) -> String {
    guid(1, n)
}
pub fn account_id(n: usize) -> String {
    guid(2, n)
}

const TITLES: [&str; 5] = ["Tutor", "Lecturer", "Senior Lecturer", "Head of Studio", "Librarian"];
const DEPARTMENTS: [&str; 7] = ["Painting", "Sculpture", "Ceramics", "Dance", "Library", "Stage Design", "Admissions"];
const CITIES: [(&str, &str); 3] = [("Leeds", "United Kingdom"), ("Lisbon", "Portugal"), ("Dublin", "Ireland")];

/// What home and account have in common, as the mapping makes it.
fn common(n: usize) -> Value {
    let (city, country) = CITIES[n % CITIES.len()];
    json!({
        "displayName": format!("Person Number {n}"),
        "givenName": format!("Person {}", n % 5_000),
        "surname": format!("Number {n}"),
        "mail": format!("person{n:07}@north.example"),
        "accountEnabled": true,
        "userType": "Member",
        "jobTitle": TITLES[n % TITLES.len()],
        "companyName": "School of Fine Arts",
        "employeeId": format!("N{n:07}"),
        "employeeType": (["Teacher", "Staff"][n % 2]),
        "city": city,
        "country": country,
        "postalCode": format!("LS{} {}AB", n % 30, n % 10),
        "streetAddress": format!("{} Kiln Street", n % 200),
        "officeLocation": format!("Atelier {:03}", n % 900),
        "mobilePhone": format!("+44 7{n:09}"),
        "preferredLanguage": "en-GB",
    })
}

pub fn person(n: usize) -> Value {
    let mut person = common(n);
    person["id"] = json!(home_id(n));
    person["userPrincipalName"] = person["mail"].clone();
    person["department"] = json!(DEPARTMENTS[n % DEPARTMENTS.len()]);
    person
}

fn account(n: usize) -> Value {
    let mut account = common(n);
    let mail = format!("person{n:07}@north.example");
    account["id"] = json!(account_id(n));
    account["userPrincipalName"] = json!(format!("person{n:07}_north.example#EXT#@south.onmicrosoft.example"));
    account["department"] = json!(format!("North - {}", DEPARTMENTS[n % DEPARTMENTS.len()]));
    account["creationType"] = json!("Invitation");
    account["externalUserState"] = json!("Accepted");
    account["otherMails"] = json!([mail]);
    account
}

fn director() -> Value {
    json!({ "id": guid(3, 0), "displayName": "Director", "userPrincipalName": "director@void.example",
            "mail": "director@void.example", "accountEnabled": true, "userType": "Member" })
}

/// Everybody, as a pattern of their `employeeType`; and nobody.
pub const ALL: &str = "^(Teacher|Staff)$";
pub const NOBODY: &str = "^Nobody$";

/// The mapping by which `account` follows from `person`, for these people. `more`: what stands beside it.
pub fn rules(who: &str, more: &str) -> String {
    let plain = [
        "displayName",
        "givenName",
        "surname",
        "jobTitle",
        "companyName",
        "employeeId",
        "employeeType",
        "city",
        "country",
        "postalCode",
        "streetAddress",
        "officeLocation",
        "mobilePhone",
        "preferredLanguage",
    ];
    let lines: String = plain.map(|a| format!("{a} = '[{a}]'\n")).concat();
    format!(
        "account = \"member\"\n[[scope]]\nall = [\n  {{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }},\n  \
         {{ attribute = \"employeeType\", operator = \"REGEX MATCH\", value = \"{who}\" }},\n]\n[attributes]\n\
         {lines}department = 'Join(\" - \", \"North\", [department])'\n[guard]\nupdates = {{ percent = 100 }}\n{more}"
    )
}

/// Writes the tenants, where they are not there already from an earlier run.
pub fn write(folder: &Path, people: usize) {
    let whole = folder.join("whole");
    if fs::read_to_string(&whole).is_ok_and(|text| text == WRITTEN) {
        return;
    }
    for tenant in TENANTS {
        fs::create_dir_all(folder.join(tenant)).unwrap();
        fs::write(folder.join(tenant).join("tenant.toml"), spec(tenant)).unwrap();
        let mut out = BufWriter::with_capacity(1 << 20, File::create(folder.join(tenant).join("users.jsonl")).unwrap());
        match tenant {
            "north" => (0..people).for_each(|n| writeln!(out, "{}", person(n)).unwrap()),
            "south" => (0..people).for_each(|n| writeln!(out, "{}", account(n)).unwrap()),
            _ => writeln!(out, "{}", director()).unwrap(),
        }
        out.flush().unwrap();
    }
    fs::write(whole, WRITTEN).unwrap();
}

fn spec(tenant: &str) -> String {
    format!(
        "id = \"{}\"\ndisplay_name = \"{tenant}\"\ninitial_domain = \"{tenant}.onmicrosoft.example\"\ndomains = \
         [\"{tenant}.example\"]\n[[app]]\nclient_id = \"{}\"\nsecret = \"{SECRET}\"\nroles = [\"User.ReadWrite.All\", \
         \"User.Invite.All\", \"GroupMember.Read.All\", \"Directory.Read.All\", \"Policy.Read.All\", \
         \"Organization.Read.All\"]\n",
        tenant_id(tenant),
        client_id(tenant)
    )
}
