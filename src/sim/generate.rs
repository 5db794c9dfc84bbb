//! What does a made-up school look like?
//!
//! The School of Fine Arts: three regional tenants. Of its people 92 in 100 are students, 5 teachers, 3 staff. Beside
//! them each tenant gets a few of everything that makes synchronising hard. Same seed and number → the same bytes: luck
//! comes from a seeded stream, instants are fixed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fixture::write_file;
use super::group::Group;
use super::names::{DEPARTMENTS, ORIGINS, Origin, STAFF_PLACES, TEACHER_TITLES};
use super::settings::Settings;
use super::tenant::{App, TenantSpec, draw, random_id, seeded};
use super::world::SimError;

/// Name, place, country of use, and share of the people, of each region.
const REGIONS: [(&str, &str, &str); 3] =
    [("north", "Leeds", "GB"), ("south", "Lisbon", "PT"), ("west", "Dublin", "IE")];
/// The app that crosstie is in each tenant: what it needs, and no more.
const ROLES: [&str; 6] = [
    "User.ReadWrite.All",
    "User.Invite.All",
    "GroupMember.Read.All",
    "Directory.Read.All",
    "Policy.Read.All",
    "Organization.Read.All",
];
/// When everybody was made; before any clock that a simulation starts with.
const CREATED: &str = "2026-09-01T08:00:00Z";
/// When the deleted one was deleted: late enough that nothing has purged it by the end of 2026.
const DELETED: &str = "2026-11-20T08:00:00Z";
/// Fewer people than this leave no room for the special ones.
pub const PEOPLE_MIN: usize = 30;

/// A person of a tenant, as far as others must know it.
struct Known {
    id: Uuid,
    name: String,
    mail: String,
}

/// Writes the School of Fine Arts into `dir`: `people` home users over its three tenants, evenly, the odd ones to the
/// first; guests of other tenants come on top.
pub fn school(dir: &Path, people: usize, seed: u64) -> Result<(), SimError> {
    if people < PEOPLE_MIN {
        return Err(SimError::Edit(format!("a school needs at least {PEOPLE_MIN} people")));
    }
    // All teachers first: each tenant's guests are teachers of the others.
    let mut makers: Vec<Maker> = Vec::new();
    for (place, (name, city, country)) in REGIONS.into_iter().enumerate() {
        let count = people / REGIONS.len() + usize::from(place < people % REGIONS.len());
        makers.push(Maker::new(name, city, country, count, seed));
    }
    for maker in &mut makers {
        maker.make_workers();
    }
    let all_teachers: Vec<Vec<(String, String)>> =
        makers.iter().map(|m| m.teachers.iter().map(|t| (t.name.clone(), t.mail.clone())).collect()).collect();
    for (place, maker) in makers.iter_mut().enumerate() {
        let others: Vec<(String, String)> = (1..REGIONS.len())
            .flat_map(|step| all_teachers[(place + step) % REGIONS.len()].iter().take(4).cloned())
            .collect();
        let folder = dir.join(maker.name);
        std::fs::create_dir_all(&folder).map_err(|source| SimError::File { path: folder.clone(), source })?;
        maker.write(&folder, place, &others)?;
    }
    Ok(())
}

struct Maker {
    name: &'static str,
    city: &'static str,
    country: &'static str,
    count: usize,
    rng: ChaCha8Rng,
    /// How many have this name already.
    taken: BTreeMap<String, u32>,
    /// Teachers and staff, written before the students.
    workers: Vec<Map<String, Value>>,
    teachers: Vec<Known>,
    staff: Vec<Known>,
    number: usize,
}

impl Maker {
    fn new(name: &'static str, city: &'static str, country: &'static str, count: usize, seed: u64) -> Self {
        Maker {
            name,
            city,
            country,
            count,
            rng: seeded(seed, &format!("school {name}")),
            taken: BTreeMap::new(),
            workers: Vec::new(),
            teachers: Vec::new(),
            staff: Vec::new(),
            number: 0,
        }
    }
    fn domain(&self) -> String {
        format!("{}.fine-arts.example", self.name)
    }
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let place = usize::try_from(self.rng.next_u64() % from.len() as u64).unwrap_or(0);
        &from[place]
    }
    fn chance(&mut self, of: f64) -> bool {
        draw(&mut self.rng) < of
    }
    fn origin(&mut self) -> &'static Origin {
        let mut left = self.rng.next_u64() % ORIGINS.iter().map(|o| o.share).sum::<u64>();
        for origin in ORIGINS {
            if left < origin.share {
                return origin;
            }
            left -= origin.share;
        }
        &ORIGINS[0]
    }

    /// What everybody has. Whose name is taken gets a number into the address.
    fn person(&mut self, employee_type: &str) -> (Known, Map<String, Value>) {
        let origin = self.origin();
        let (given, given_latin) = *self.pick(origin.given);
        let (surname, surname_latin) = *self.pick(origin.surname);
        let plain = |t: &str| t.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>();
        let stem = format!("{}.{}", plain(given_latin), plain(surname_latin)).to_lowercase();
        let holders = self.taken.entry(stem.clone()).or_default();
        *holders += 1;
        let nickname = if *holders == 1 { stem } else { format!("{stem}{holders}") };
        self.number += 1;
        let mail = format!("{nickname}@{}", self.domain());
        let id = random_id(&mut self.rng);
        let name = format!("{given} {surname}");
        let enabled = !self.chance(0.04);
        let initial = self.name[..1].to_uppercase();
        let user = json!({
            "id": id.to_string(),
            "displayName": name,
            "givenName": given,
            "surname": surname,
            "userPrincipalName": mail,
            "mail": mail,
            "mailNickname": nickname,
            "accountEnabled": enabled,
            "userType": "Member",
            "employeeType": employee_type,
            "employeeId": format!("{initial}{:07}", self.number),
            "usageLocation": self.country,
            "preferredLanguage": origin.language,
            "companyName": "School of Fine Arts",
            "city": self.city,
            "createdDateTime": CREATED,
        });
        let user = user.as_object().cloned().unwrap_or_default();
        (Known { id, name, mail }, user)
    }

    fn make_workers(&mut self) {
        let teachers = (self.count * 5 / 100).max(6);
        let staff = (self.count * 3 / 100).max(5);
        for place in 0..staff {
            let (department, title) = *self.pick(STAFF_PLACES);
            let title = if place == 0 { "Director" } else { title };
            let (known, mut user) = self.person("Staff");
            user.insert("department".into(), json!(department));
            user.insert("jobTitle".into(), json!(title));
            self.equip(&mut user, &known.mail);
            // The first one leads the school; everybody else reports to somebody above: no circles.
            if let Some(boss) = self.someone_above(self.staff.len(), true) {
                user.insert("manager".into(), json!(boss));
            }
            self.staff.push(known);
            self.workers.push(user);
        }
        for _ in 0..teachers {
            let department = *self.pick(DEPARTMENTS);
            let title = *self.pick(TEACHER_TITLES);
            let (known, mut user) = self.person("Teacher");
            user.insert("department".into(), json!(department));
            user.insert("jobTitle".into(), json!(title));
            self.equip(&mut user, &known.mail);
            if let Some(boss) = self.someone_above(self.teachers.len(), false) {
                user.insert("manager".into(), json!(boss));
            }
            self.teachers.push(known);
            self.workers.push(user);
        }
    }

    /// Phones, an office, aliases: what students do not have.
    fn equip(&mut self, user: &mut Map<String, Value>, mail: &str) {
        let (room, line) = (self.rng.next_u32() % 400 + 1, self.rng.next_u32() % 10_000);
        user.insert("officeLocation".into(), json!(format!("{} {room:03}", self.pick(&["Atelier", "Main", "Annex"]))));
        user.insert("businessPhones".into(), json!([format!("+44 20 7946 {line:04}")]));
        if self.chance(0.5) {
            let line = self.rng.next_u32() % 1_000;
            user.insert("mobilePhone".into(), json!(format!("+44 7700 900{line:03}")));
        }
        user.insert("proxyAddresses".into(), json!([format!("SMTP:{mail}")]));
        user.insert("employeeOrgData".into(), json!({ "division": "Fine Arts", "costCenter": format!("C{room:03}") }));
        user.insert("onPremisesExtensionAttributes".into(), json!({ "extensionAttribute1": self.name }));
    }

    /// The id of one who was made earlier. Teachers report to the director or to an earlier teacher.
    fn someone_above(&mut self, made: usize, staff: bool) -> Option<String> {
        if made == 0 {
            return if staff { None } else { self.staff.first().map(|d| d.id.to_string()) };
        }
        let place = usize::try_from(self.rng.next_u64() % made.min(8) as u64).unwrap_or(0);
        let list = if staff { &self.staff } else { &self.teachers };
        list.get(place).map(|k| k.id.to_string())
    }

    fn write(&mut self, folder: &Path, place: usize, others: &[(String, String)]) -> Result<(), SimError> {
        let spec = self.spec(place);
        write_file(&folder.join("tenant.toml"), |out| {
            let text = toml::to_string(&spec).map_err(std::io::Error::other)?;
            write!(out, "# Made by: crosstie sim --generate school. The secret is plainly no secret.\n{text}")
        })?;
        let groups = self.groups();
        write_file(&folder.join("groups.jsonl"), |out| {
            groups.iter().try_for_each(|g| {
                let text = serde_json::to_string(g).map_err(std::io::Error::other)?;
                writeln!(out, "{text}")
            })
        })?;
        write_file(&folder.join("users.jsonl"), |out| {
            for worker in std::mem::take(&mut self.workers) {
                writeln!(out, "{}", Value::Object(worker))?;
            }
            let students = self.count.saturating_sub(self.teachers.len() + self.staff.len() + 1);
            for _ in 0..students {
                let user = self.student();
                writeln!(out, "{}", Value::Object(user))?;
            }
            let (_, mut gone) = self.person("Teacher");
            gone.insert("deletedDateTime".into(), json!(DELETED));
            writeln!(out, "{}", Value::Object(gone))?;
            self.guests(others).into_iter().try_for_each(|guest| writeln!(out, "{guest}"))
        })
    }

    fn student(&mut self) -> Map<String, Value> {
        let department = *self.pick(DEPARTMENTS);
        let (_, mut user) = self.person("Student");
        user.insert("department".into(), json!(department));
        user.insert("jobTitle".into(), json!("Student"));
        user
    }

    fn spec(&self, place: usize) -> TenantSpec {
        let number = place + 1;
        let capital = format!("{}{}", self.name[..1].to_uppercase(), &self.name[1..]);
        TenantSpec {
            id: format!("6f1c0d3e-0000-4000-8000-{number:012}"),
            display_name: format!("School of Fine Arts {capital}"),
            initial_domain: format!("{}finearts.onmicrosoft.com", self.name),
            domains: vec![self.domain()],
            extensions: Vec::new(),
            contacts: BTreeSet::new(),
            change: 0,
            apps: vec![App {
                client_id: format!("0b9b0d64-0000-4000-8000-{number:012}"),
                secret: format!("{}-secret", self.name),
                roles: ROLES.map(str::to_owned).into(),
                ..App::default()
            }],
            settings: Settings::default(),
        }
    }

    /// A group of staff, and in it a group of some teachers; and the role that puts the director out of an app's reach.
    fn groups(&mut self) -> Vec<Group> {
        let ids = |people: &[Known]| people.iter().map(|k| k.id).collect::<BTreeSet<Uuid>>();
        let nested = random_id(&mut self.rng);
        let heads = ids(&self.teachers[..3.min(self.teachers.len())]);
        let mut all = ids(&self.staff);
        all.insert(nested);
        let director = ids(&self.staff[..1.min(self.staff.len())]);
        let group = |id, name: &str, role, members| Group {
            id,
            display_name: name.to_owned(),
            description: None,
            role,
            takes_roles: false,
            members,
        };
        vec![
            group(random_id(&mut self.rng), "Staff and heads of department", false, all),
            group(nested, "Heads of department", false, heads),
            group(random_id(&mut self.rng), "User Administrator", true, director),
        ]
    }

    /// Teachers of other tenants that stand here already, a namesake of one of them, and somebody from quite elsewhere.
    fn guests(&mut self, others: &[(String, String)]) -> Vec<Value> {
        let mut all = Vec::new();
        for (place, (name, mail)) in others.iter().enumerate().take(6) {
            let accepted = place % 2 == 0;
            all.push(self.guest(name, mail, accepted, mail));
        }
        if let Some((name, mail)) = others.last() {
            all.push(self.guest(name, mail, true, mail));
            // Somebody of the same name under another address: a name is no match.
            let other = mail.replace('@', "@alumni.");
            all.push(self.guest(name, &other, true, &other));
        }
        let partner = format!("jo.partner@{}", "gallery.example");
        all.push(self.guest("Jo Partner", &partner, true, &partner));
        all
    }

    fn guest(&mut self, name: &str, mail: &str, accepted: bool, invited_as: &str) -> Value {
        let nickname = format!("{}#EXT#", invited_as.replace('@', "_"));
        let principal = format!("{nickname}@{}finearts.onmicrosoft.com", self.name);
        let mut identities = vec![json!({ "signInType": "userPrincipalName",
            "issuer": format!("{}finearts.onmicrosoft.com", self.name), "issuerAssignedId": principal })];
        if accepted {
            identities
                .push(json!({ "signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null }));
        }
        json!({
            "id": random_id(&mut self.rng).to_string(),
            "displayName": name,
            "userPrincipalName": principal,
            "mail": mail,
            "mailNickname": nickname,
            "otherMails": [mail],
            "proxyAddresses": [format!("SMTP:{invited_as}")],
            "accountEnabled": true,
            "userType": "Guest",
            "creationType": "Invitation",
            "externalUserState": if accepted { "Accepted" } else { "PendingAcceptance" },
            "externalUserStateChangeDateTime": CREATED,
            "identities": identities,
            "createdDateTime": CREATED,
        })
    }
}
