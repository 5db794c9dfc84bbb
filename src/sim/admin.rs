//! What can a tenant's own admin do, past all permissions and limits?
//!
//! Nothing here is metered or stands in the ledger: these are the other hands in the directory.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fault::Fault;
use super::group::Group;
use super::meters::ForeignCounts;
use super::property::Key;
use super::settings::Settings;
use super::tenant::Tenant;
use super::user::{Datum, Face, ManagerLink, PENDING, State, User};
use super::world::{SimError, World};
use crate::model::Timestamp;

/// One tenant of a world, for edits.
#[derive(Clone, Debug)]
pub struct Directory<'a> {
    pub(super) world: &'a World,
    pub(super) name: String,
}

fn no(problem: impl Into<String>) -> SimError {
    SimError::Edit(problem.into())
}

impl Directory<'_> {
    fn with<R>(&self, edit: impl FnOnce(&mut Tenant, Timestamp) -> Result<R, SimError>) -> Result<R, SimError> {
        let now = self.world.now();
        let mut state = self.world.lock();
        let tenant = state.tenants.get_mut(&self.name).ok_or_else(|| no(format!("no tenant '{}'", self.name)))?;
        tenant.settle(now);
        edit(tenant, now)
    }
    fn with_user<R>(
        &self,
        key: &str,
        edit: impl FnOnce(&mut Tenant, u32, Timestamp) -> Result<R, SimError>,
    ) -> Result<R, SimError> {
        self.with(|tenant, now| {
            let slot = tenant.any(key).ok_or_else(|| no(format!("no user '{key}'")))?;
            edit(tenant, slot, now)
        })
    }

    /// Makes a user of Graph-shaped JSON (`manager` is an id); gives its id.
    pub fn add_user(&self, user: &Value) -> Result<String, SimError> {
        self.with(|tenant, now| {
            let id = match user.get("id").and_then(Value::as_str) {
                Some(text) => Uuid::parse_str(text).map_err(|e| no(format!("id '{text}': {e}")))?,
                None => tenant.new_id(),
            };
            if tenant.slot(id).is_some() {
                return Err(no(format!("user {id} is there already")));
            }
            let face = tenant.face(user, now)?;
            tenant.insert(id, face, now);
            Ok(id.to_string())
        })
    }
    /// Sets what the JSON mentions; null clears, `manager` is an id.
    pub fn edit_user(&self, key: &str, edits: &Value) -> Result<(), SimError> {
        self.with_user(key, |tenant, slot, now| {
            let writes = tenant.writes(edits)?;
            let manager = manager_of(edits)?;
            tenant.change(slot, now, |face| {
                let mut changed = false;
                for (key, datum) in writes {
                    changed |= face.set(key, datum);
                }
                if let Some(manager) = manager {
                    changed |= face.set_manager(manager);
                }
                changed
            });
            Ok(())
        })
    }
    /// To deletedItems.
    pub fn soft_delete(&self, key: &str) -> Result<(), SimError> {
        self.with_user(key, |tenant, slot, now| tenant.delete(slot, now).then_some(()).ok_or_else(|| no("not live")))
    }
    /// Gone for good, from wherever it is.
    pub fn hard_delete(&self, key: &str) -> Result<(), SimError> {
        self.with_user(key, |tenant, slot, now| tenant.purge(slot, now).then_some(()).ok_or_else(|| no("gone already")))
    }
    /// Back from deletedItems.
    pub fn restore(&self, key: &str) -> Result<(), SimError> {
        self.with_user(key, |tenant, slot, now| {
            tenant.restore(slot, now).then_some(()).ok_or_else(|| no("not deleted"))
        })
    }
    /// The guest signs in for the first time.
    pub fn redeem(&self, key: &str) -> Result<(), SimError> {
        let at = super::show::whole_seconds(self.world.now());
        self.edit_user(key, &json!({ "externalUserState": "Accepted", "externalUserStateChangeDateTime": at }))
    }
    /// Sets or clears the manager.
    pub fn set_manager(&self, key: &str, manager: Option<&str>) -> Result<(), SimError> {
        self.edit_user(key, &json!({ "manager": manager }))
    }

    /// One user with everything that it has, `manager` and `deletedDateTime` included; `None` where it is not, or gone.
    pub fn user(&self, key: &str) -> Option<Value> {
        self.with(|tenant, _| Ok(tenant.any(key).and_then(|slot| tenant.user(slot)).and_then(|u| tenant.export(u))))
            .ok()
            .flatten()
    }
    /// All live users, in the order in which they were made.
    pub fn users(&self) -> Vec<Value> {
        self.collect(|face| face.state == State::Live)
    }
    /// Live users from the `skip`th on, `top` at most.
    pub fn users_page(&self, skip: usize, top: usize) -> Vec<Value> {
        let page = |tenant: &mut Tenant, _| {
            let live = tenant.users.iter().filter(|u| u.face.state == State::Live);
            Ok(live.skip(skip).take(top).filter_map(|u| tenant.export(u)).collect())
        };
        self.with(page).unwrap_or_default()
    }
    /// All users in deletedItems.
    pub fn deleted_users(&self) -> Vec<Value> {
        self.collect(|face| matches!(face.state, State::Deleted(_)))
    }
    fn collect(&self, wanted: impl Fn(&Face) -> bool) -> Vec<Value> {
        let all = |tenant: &mut Tenant, _| {
            Ok(tenant.users.iter().filter(|u| wanted(&u.face)).filter_map(|u| tenant.export(u)).collect())
        };
        self.with(all).unwrap_or_default()
    }
    /// Live users that hold the address.
    pub fn find_by_address(&self, address: &str) -> Vec<Value> {
        let found = |tenant: &mut Tenant, _| {
            let slots = tenant.with_address(&address.to_lowercase());
            Ok(slots.into_iter().filter_map(|slot| tenant.export(tenant.user(slot)?)).collect())
        };
        self.with(found).unwrap_or_default()
    }

    /// Makes or replaces a group or role. An id of zeros is replaced by a new one; gives the id.
    pub fn put_group(&self, mut group: Group) -> Result<String, SimError> {
        self.with(|tenant, _| {
            if group.id.is_nil() {
                group.id = tenant.new_id();
            }
            let id = group.id;
            tenant.groups.insert(id, group);
            Ok(id.to_string())
        })
    }
    /// Takes a group away.
    pub fn remove_group(&self, id: &str) -> Result<(), SimError> {
        let id = read_id(id)?;
        self.with(|tenant, _| {
            for group in tenant.groups.values_mut() {
                group.members.remove(&id);
            }
            tenant.groups.remove(&id).map(|_| ()).ok_or_else(|| no(format!("no group {id}")))
        })
    }
    /// Puts a user or group into a group or role, or takes it out.
    pub fn set_member(&self, group: &str, member: &str, is_member: bool) -> Result<(), SimError> {
        let (group, member) = (read_id(group)?, read_id(member)?);
        self.with(|tenant, _| {
            let group = tenant.groups.get_mut(&group).ok_or_else(|| no(format!("no group {group}")))?;
            if is_member {
                group.members.insert(member)
            } else {
                group.members.remove(&member)
            };
            Ok(())
        })
    }
    /// All groups and roles.
    pub fn groups(&self) -> Vec<Group> {
        self.with(|tenant, _| Ok(tenant.groups.values().cloned().collect())).unwrap_or_default()
    }
    /// A contact owns this address from now on, or no more.
    pub fn set_contact(&self, address: &str, is_contact: bool) -> Result<(), SimError> {
        self.with(|tenant, _| {
            let contacts = &mut tenant.spec.contacts;
            let address = address.to_lowercase();
            if is_contact {
                contacts.insert(address)
            } else {
                contacts.remove(&address)
            };
            Ok(())
        })
    }

    /// Changes the tenant's settings. The closure runs under the lock of the world: it must not ask the world itself.
    pub fn settings(&self, change: impl FnOnce(&mut Settings)) -> Result<Settings, SimError> {
        self.with(|tenant, _| {
            change(&mut tenant.spec.settings);
            Ok(tenant.spec.settings.clone())
        })
    }
    /// Adds a fault; gives its number.
    pub fn fault(&self, fault: Fault) -> Result<u64, SimError> {
        self.with(|tenant, _| Ok(tenant.faults.add(fault)))
    }
    /// The faults that still stand.
    pub fn faults(&self) -> Vec<Fault> {
        self.with(|tenant, _| Ok(tenant.faults.all().to_vec())).unwrap_or_default()
    }
    /// Clears one fault, or all.
    pub fn clear_faults(&self, id: Option<u64>) -> Result<(), SimError> {
        self.with(|tenant, _| {
            tenant.faults.clear(id);
            Ok(())
        })
    }
    /// Another app writes `writes` times, now; tells how many were refused. It uses up the tenant's share only.
    pub fn foreign_writes(&self, writes: u64) -> Result<u64, SimError> {
        self.with(|tenant, now| Ok(tenant.foreign_writes(writes, now)))
    }
    /// What other apps have written so far, at once or steadily.
    pub fn foreign_counts(&self) -> Result<ForeignCounts, SimError> {
        self.with(|tenant, _| Ok(tenant.foreign_counts()))
    }
    /// Every delta link that was given so far is expired.
    pub fn expire_links(&self) -> Result<(), SimError> {
        self.with(|tenant, _| {
            tenant.generation += 1;
            Ok(())
        })
    }
    /// Makes a directory extension known.
    pub fn add_extension(&self, name: &str) -> Result<(), SimError> {
        self.with(|tenant, _| {
            tenant.catalogue.register(name);
            Ok(())
        })
    }
}

fn read_id(text: &str) -> Result<Uuid, SimError> {
    Uuid::parse_str(text).map_err(|e| no(format!("'{text}' is no id: {e}")))
}

/// `manager` of an edit: absent, null, or an id.
fn manager_of(edits: &Value) -> Result<Option<Option<Uuid>>, SimError> {
    match edits.get("manager") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(id)) => Ok(Some(Some(read_id(id)?))),
        Some(_) => Err(no("manager is an id or null")),
    }
}

impl Tenant {
    /// A user in whatever state, by id; or a live one by user principal name.
    pub(super) fn any(&self, key: &str) -> Option<u32> {
        match Uuid::parse_str(key) {
            Ok(id) => self.slot(id),
            Err(_) => self.find(key),
        }
    }

    /// The properties of Graph-shaped JSON, without `id`, `manager` and what begins with `_`.
    pub(super) fn writes(&mut self, user: &Value) -> Result<Vec<(Key, Datum)>, SimError> {
        let members = user.as_object().ok_or_else(|| no("a user is a JSON object"))?;
        let mut writes = Vec::with_capacity(members.len());
        for (name, value) in members {
            if matches!(name.as_str(), "id" | "manager" | "deletedDateTime") || name.starts_with('_') {
                continue;
            }
            if name.starts_with("extension_") {
                self.catalogue.register(name);
            }
            let key = self.catalogue.find(name).ok_or_else(|| no(format!("no property '{name}'")))?;
            let datum = Datum::read(value, key, &mut self.catalogue)
                .ok_or_else(|| no(format!("'{name}' does not take this value: {value}")))?;
            writes.push((key, datum));
        }
        Ok(writes)
    }

    /// A user of Graph-shaped JSON. A null is a value that was cleared once.
    pub(super) fn face(&mut self, user: &Value, now: Timestamp) -> Result<Face, SimError> {
        let mut face = Face::new();
        for (key, value) in self.writes(user)? {
            face.entries.push(super::user::Entry { value, changed: PENDING, key });
        }
        face.entries.sort_unstable_by_key(|e| e.key);
        face.entries.shrink_to_fit();
        if let Some(Some(id)) = manager_of(user)? {
            face.manager = Some(Box::new(ManagerLink { now: Some(id), before: None, changed: PENDING }));
        }
        match user.get("deletedDateTime") {
            None | Some(Value::Null) => {}
            Some(at) => {
                let at = at.as_str().and_then(Timestamp::parse).ok_or_else(|| no("deletedDateTime is no instant"))?;
                face.state = State::Deleted(at.min(now));
            }
        }
        if user.get("_gone") == Some(&Value::Bool(true)) {
            face.state = State::Gone;
        }
        Ok(face)
    }

    /// A user with everything that it has; `None` of a purged one.
    pub(super) fn export(&self, user: &User) -> Option<Value> {
        if user.face.state == State::Gone {
            return None;
        }
        let mut all = Map::new();
        all.insert("id".to_owned(), json!(user.id.to_string()));
        for entry in &user.face.entries {
            all.insert(self.catalogue.name(entry.key).to_owned(), entry.value.json());
        }
        if let Some(manager) = user.face.manager() {
            all.insert("manager".to_owned(), json!(manager.to_string()));
        }
        if let State::Deleted(at) = user.face.state {
            all.insert("deletedDateTime".to_owned(), json!(at.rfc3339()));
        }
        Some(Value::Object(all))
    }
}
