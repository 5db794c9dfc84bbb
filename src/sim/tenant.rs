//! What is a tenant's state, and how does it change?
//!
//! Every change of a user goes through [`Tenant::change`]: it keeps the address index right, and gives the change its
//! number when replicas show it. Numbers only grow, one a change, so a delta round is a walk over an ordered map.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::fault::Faults;
use super::group::{Groups, holds_role};
use super::meters::TenantMeters;
use super::property::{Catalogue, Key};
use super::refusal::Refusal;
use super::settings::Settings;
use super::user::{Datum, Face, State, User};
use crate::model::Timestamp;

/// What makes a tenant, apart from its people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSpec {
    /// The tenant's GUID.
    pub id: String,
    /// What it calls itself.
    #[serde(default)]
    pub display_name: String,
    /// The domain it was born with; guests' user principal names end with it.
    pub initial_domain: String,
    /// Verified domains beside it, the default one first.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Names of directory extensions: `extension_<app id without dashes>_<name>`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extensions: Vec<String>,
    /// Addresses of contacts: a guest with such an address gets no mail.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contacts: BTreeSet<String>,
    /// The last change number; written by `save`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub change: u32,
    /// Apps that may ask for tokens.
    #[serde(default, rename = "app")]
    pub apps: Vec<App>,
    /// How it behaves.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settings: Settings,
}

/// Files say only what differs from the defaults.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An app registration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// Its secret; `""` = has none.
    pub secret: String,
    /// App roles that an admin consented to: `User.ReadWrite.All`.
    pub roles: Vec<String>,
    /// Blocked from asking for tokens.
    #[serde(skip_serializing_if = "is_default")]
    pub disabled: bool,
    /// The base64url SHA-256 of a certificate. Its signature is not verified, its claims are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// A certificate, PEM: assertions are verified with it, signature and all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
    /// It is a managed identity: its machine gets tokens without a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_identity: Option<Managed>,
    /// An assertion of another issuer that stands in for a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated: Option<Federated>,
}

/// What a federated assertion must claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Federated {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// The issuer's certificate, PEM: signatures are verified with it. Without one they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
}

/// Whose managed identity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Managed {
    /// The machine's own: it is asked for without a name.
    System,
    /// One that was assigned to the machine: it is asked for by its client id.
    User,
}

/// 30 days in deletedItems, then purged.
const BIN_SECONDS: u64 = 30 * 24 * 3600;

/// One directory.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) spec: TenantSpec,
    pub(super) catalogue: Catalogue,
    pub(super) users: Vec<User>,
    pub(super) groups: Groups,
    pub(super) faults: Faults,
    pub(super) rng: ChaCha8Rng,
    /// Links issued under an earlier generation are expired.
    pub(super) generation: u32,
    pub(super) meters: TenantMeters,
    /// Users that are neither deleted nor gone: the size of the tenant.
    pub(super) live: usize,
    by_id: BTreeMap<Uuid, u32>,
    by_address: BTreeSet<(Box<str>, u32)>,
    /// The published changes: number → user. Each user stands in it once, at its last change.
    changes: BTreeMap<u32, u32>,
    waiting: BTreeSet<(Timestamp, u32)>,
    bin: BTreeSet<(Timestamp, u32)>,
    hidden: BTreeMap<u32, Timestamp>,
}

impl Tenant {
    pub(super) fn new(name: &str, spec: TenantSpec, seed: u64) -> Self {
        let mut catalogue = Catalogue::default();
        for extension in &spec.extensions {
            catalogue.register(extension);
        }
        Tenant {
            name: name.to_owned(),
            spec,
            catalogue,
            users: Vec::new(),
            groups: Groups::new(),
            faults: Faults::default(),
            rng: seeded(seed, name),
            generation: 0,
            meters: TenantMeters::default(),
            live: 0,
            by_id: BTreeMap::new(),
            by_address: BTreeSet::new(),
            changes: BTreeMap::new(),
            waiting: BTreeSet::new(),
            bin: BTreeSet::new(),
            hidden: BTreeMap::new(),
        }
    }

    /// Brings the tenant to this instant: publishes what lag is over for, purges what lay long enough, and lets other
    /// apps have written what they have.
    pub(super) fn settle(&mut self, now: Timestamp) {
        self.settle_foreign(now);
        while let Some(&(due, slot)) = self.waiting.first()
            && due <= now
        {
            self.waiting.pop_first();
            self.publish(slot);
        }
        while let Some(&(deleted, slot)) = self.bin.first()
            && deleted.plus_seconds(BIN_SECONDS) <= now
        {
            self.purge(slot, now);
        }
    }

    // ---- looking up ----

    pub(super) fn slot(&self, id: Uuid) -> Option<u32> {
        self.by_id.get(&id).copied()
    }
    pub(super) fn user(&self, slot: u32) -> Option<&User> {
        self.users.get(slot as usize)
    }
    /// Live users that hold the address (lower case).
    pub(super) fn with_address(&self, address: &str) -> Vec<u32> {
        let (from, to) = ((Box::from(address), 0), (Box::from(address), u32::MAX));
        self.by_address.range(from..=to).map(|(_, slot)| *slot).collect()
    }
    /// Live users one of whose addresses begins so (lower case).
    pub(super) fn with_address_prefix(&self, prefix: &str) -> BTreeSet<u32> {
        let from: (Box<str>, u32) = (Box::from(prefix), 0);
        self.by_address.range(from..).take_while(|(a, _)| a.starts_with(prefix)).map(|(_, slot)| *slot).collect()
    }
    /// A user by id, live, whatever its addresses; or by user principal name.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        let slot = match Uuid::parse_str(key) {
            Ok(id) => self.slot(id)?,
            Err(_) => {
                let wanted = key.to_lowercase();
                let upn = *super::property::UPN;
                let is = |slot: &u32| self.user(*slot).is_some_and(|u| u.face.text(upn).to_lowercase() == wanted);
                self.with_address(&wanted).into_iter().find(is)?
            }
        };
        self.user(slot).filter(|u| u.face.state == State::Live).map(|_| slot)
    }
    /// The same for a request: an account that replicas do not show yet is not there.
    pub(super) fn reach(&self, key: &str, now: Timestamp) -> Result<u32, Refusal> {
        let slot = self.find(key).ok_or_else(|| Refusal::not_found(key))?;
        if self.is_hidden(slot, now) { Err(Refusal::not_found(key)) } else { Ok(slot) }
    }
    /// Too new for replicas to find?
    pub(super) fn is_hidden(&self, slot: u32, now: Timestamp) -> bool {
        self.hidden.get(&slot).is_some_and(|until| now < *until)
    }
    pub(super) fn is_live(&self, id: Uuid) -> bool {
        self.slot(id).and_then(|slot| self.user(slot)).is_some_and(|u| u.face.state == State::Live)
    }
    pub(super) fn holds_role(&self, slot: u32) -> bool {
        self.user(slot).is_some_and(|u| holds_role(&self.groups, u.id))
    }
    pub(super) fn is_own_domain(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        self.spec.domains.iter().chain([&self.spec.initial_domain]).any(|d| d.eq_ignore_ascii_case(domain))
    }
    /// Users in deletedItems, the oldest first.
    pub(super) fn deleted(&self) -> impl Iterator<Item = &User> {
        self.bin.iter().filter_map(|(_, slot)| self.user(*slot))
    }
    pub(super) fn last_change(&self) -> u32 {
        self.spec.change
    }
    /// Published changes after `number`, in order.
    pub(super) fn changes_after(&self, number: u32) -> impl Iterator<Item = (u32, u32)> {
        self.changes.range(number.saturating_add(1)..).map(|(number, slot)| (*number, *slot))
    }
    /// The number before the last `n` changes up to `number`.
    pub(super) fn before_last(&self, number: u32, n: usize) -> u32 {
        match n {
            // The number itself may stand in the map no more: its user has moved on.
            0 => number,
            _ => self.changes.range(..=number).rev().nth(n).map_or(0, |(earlier, _)| *earlier),
        }
    }

    // ---- changing ----

    /// An id that nothing in this tenant has.
    pub(super) fn new_id(&mut self) -> Uuid {
        loop {
            let id = random_id(&mut self.rng);
            if !self.by_id.contains_key(&id) && !self.groups.contains_key(&id) {
                return id;
            }
        }
    }
    pub(super) fn draw(&mut self) -> f64 {
        draw(&mut self.rng)
    }

    /// Changes what is true of a user; replicas show it after their lag. False from `change` = nothing changed.
    pub(super) fn change(&mut self, slot: u32, now: Timestamp, change: impl FnOnce(&mut Face) -> bool) -> bool {
        let Some(user) = self.users.get(slot as usize) else { return false };
        let before = user.face.clone();
        let mut after = before.clone();
        if !change(&mut after) {
            return false;
        }
        self.index(slot, &before, &after);
        let lag = self.draw_lag();
        let Some(user) = self.users.get_mut(slot as usize) else { return false };
        user.face = after;
        if lag > 0 && user.shadow.is_none() {
            user.shadow = Some(Box::new(Some(before)));
            self.waiting.insert((now.plus_millis(lag), slot));
        } else if user.shadow.is_none() {
            self.publish(slot);
        }
        true
    }

    /// A new user. The caller has checked everything.
    pub(super) fn insert(&mut self, id: Uuid, face: Face, now: Timestamp) -> u32 {
        let lag = self.draw_lag();
        let slot = self.push(id, face);
        if lag > 0 {
            self.users[slot as usize].shadow = Some(Box::new(None));
            self.waiting.insert((now.plus_millis(lag), slot));
        } else {
            self.publish(slot);
        }
        slot
    }
    fn push(&mut self, id: Uuid, face: Face) -> u32 {
        // Slots are numbered in 32 bits: four billion users would not fit into memory either.
        let slot = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        self.index(slot, &Face { state: State::Gone, ..Face::new() }, &face);
        self.by_id.insert(id, slot);
        self.users.push(User { id, changed: 0, face, shadow: None });
        slot
    }
    /// A user from a file, with the number of its last change where the file knows it.
    pub(super) fn load(&mut self, id: Uuid, face: Face, changed: Option<u32>) {
        let slot = self.push(id, face);
        match changed {
            Some(number) if number > 0 && !self.changes.contains_key(&number) => {
                self.spec.change = self.spec.change.max(number);
                self.publish_as(slot, number);
            }
            _ => self.publish(slot),
        }
    }
    pub(super) fn hide(&mut self, slot: u32, until: Timestamp) {
        self.hidden.insert(slot, until);
    }

    /// To deletedItems.
    pub(super) fn delete(&mut self, slot: u32, now: Timestamp) -> bool {
        let deleted = self.change(slot, now, |face| {
            let live = face.state == State::Live;
            face.state = State::Deleted(now);
            live
        });
        if deleted {
            self.tell_reports_again(slot, now);
        }
        deleted
    }
    /// Out of deletedItems: a new object to every reader.
    pub(super) fn restore(&mut self, slot: u32, now: Timestamp) -> bool {
        let restored = self.change(slot, now, |face| {
            let deleted = matches!(face.state, State::Deleted(_));
            face.state = State::Live;
            face.born = super::user::PENDING;
            deleted
        });
        if restored {
            self.tell_reports_again(slot, now);
        }
        restored
    }
    /// Whoever has this manager has it no more, or again, and readers are told so: what is documented of the members of a
    /// group whom a deletion takes out and a restore brings back, taken for true of managers.
    fn tell_reports_again(&mut self, manager: u32, now: Timestamp) {
        let Some(id) = self.user(manager).map(|u| u.id) else { return };
        let reports = self.users.iter().zip(0..).filter(|(u, _)| {
            u.face.state == State::Live && u.face.manager.as_ref().is_some_and(|link| link.now == Some(id))
        });
        for slot in reports.map(|(_, slot)| slot).collect::<Vec<u32>>() {
            self.change(slot, now, |face| {
                let link = face.manager.as_mut();
                link.map(|link| link.changed = super::user::PENDING).is_some()
            });
        }
    }
    /// For good, from wherever it is.
    pub(super) fn purge(&mut self, slot: u32, now: Timestamp) -> bool {
        let Some(id) = self.user(slot).map(|u| u.id) else { return false };
        for group in self.groups.values_mut() {
            group.members.remove(&id);
        }
        let live = self.is_live(id);
        let purged = self.change(slot, now, |face| {
            let there = face.state != State::Gone;
            *face = Face { state: State::Gone, ..Face::new() };
            there
        });
        if live {
            self.tell_reports_again(slot, now);
        }
        purged
    }

    fn index(&mut self, slot: u32, before: &Face, after: &Face) {
        if let State::Deleted(at) = before.state {
            self.bin.remove(&(at, slot));
        }
        if let State::Deleted(at) = after.state {
            self.bin.insert((at, slot));
        }
        if before.state == State::Live {
            self.live -= 1;
            for address in before.addresses() {
                self.by_address.remove(&(address.into_boxed_str(), slot));
            }
        }
        if after.state == State::Live {
            self.live += 1;
            for address in after.addresses() {
                self.by_address.insert((address.into_boxed_str(), slot));
            }
        }
    }
    fn publish(&mut self, slot: u32) {
        self.spec.change += 1;
        self.publish_as(slot, self.spec.change);
    }
    fn publish_as(&mut self, slot: u32, number: u32) {
        let Some(user) = self.users.get_mut(slot as usize) else { return };
        self.changes.remove(&user.changed);
        user.changed = number;
        user.shadow = None;
        user.face.stamp(number);
        self.changes.insert(number, slot);
    }
    fn draw_lag(&mut self) -> u64 {
        let lag = &self.spec.settings.lag;
        let (min, max) = (lag.min_millis, lag.max_millis);
        if max == 0 { 0 } else { min.min(max) + self.rng.next_u64() % (max.saturating_sub(min) + 1) }
    }

    /// Reads a property value of the right shape.
    pub(super) fn datum(&mut self, key: Key, value: &Value) -> Result<Datum, Refusal> {
        match Datum::read(value, key, &mut self.catalogue) {
            Some(datum) => Ok(datum),
            None => Err(Refusal::invalid(self.catalogue.name(key))),
        }
    }
}

/// Each tenant draws from a stream of its own, so that what one does never shifts another's luck.
pub(super) fn seeded(seed: u64, name: &str) -> ChaCha8Rng {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(name.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// Evenly in 0 … 1.
pub(super) fn draw(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

pub(super) fn random_id(rng: &mut ChaCha8Rng) -> Uuid {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
