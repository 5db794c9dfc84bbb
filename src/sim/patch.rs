//! What may an app write on a user?
//!
//! A PATCH is all or nothing: everything is checked before anything is changed.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::property::{KEPT, Key, MAIL, NOT_BY_APPS, PROXY_ADDRESSES, READ_ONLY, SENSITIVE, Shape, UNTRACKED, UPN};
use super::refusal::Refusal;
use super::tenant::Tenant;
use super::user::{Datum, State, bare_address};
use crate::model::Timestamp;

/// Values in `otherMails`; documented.
const OTHER_MAILS_MAX: usize = 250;
/// `businessPhones` is a collection of at most one; documented.
const BUSINESS_PHONES_MAX: usize = 1;
/// What a tenant may still write on a user that is mastered on premises.
const FREE_ON_PREMISES: [&str; 3] = ["usageLocation", "accountEnabled", "userType"];

impl Tenant {
    /// Checks every field, then sets them all. True where anything changed.
    pub(super) fn patch(&mut self, slot: u32, body: &Map<String, Value>, now: Timestamp) -> Result<bool, Refusal> {
        if body.is_empty() {
            return Err(Refusal::bad(
                "Specified HTTP method is not allowed for the request target: the body is empty.",
            ));
        }
        let holds_role = self.holds_role(slot);
        let mut writes = Vec::with_capacity(body.len());
        for (name, value) in body.iter().filter(|(name, _)| !name.starts_with("@odata.")) {
            let key = self.key(name)?;
            if holds_role && self.catalogue.property(key).is_some_and(|p| p.is(SENSITIVE)) {
                return Err(Refusal::denied());
            }
            self.check_field(slot, key, name, value)?;
            let value = self.merged(slot, name, value);
            writes.push((key, self.datum(key, &value)?));
        }
        self.check_addresses(slot, &writes)?;
        Ok(self.change(slot, now, |face| {
            let mut changed = false;
            for (key, datum) in writes {
                if key == *MAIL
                    && let Datum::Text(mail) = &datum
                {
                    changed |= face.set(*PROXY_ADDRESSES, with_primary(face.texts(*PROXY_ADDRESSES), mail));
                }
                changed |= face.set(key, datum);
            }
            changed
        }))
    }

    fn check_field(&self, slot: u32, key: Key, name: &str, value: &Value) -> Result<(), Refusal> {
        let Some(property) = self.catalogue.property(key) else { return Ok(()) };
        if property.is(READ_ONLY) {
            return Err(Refusal::bad(format!("Property '{name}' is read-only and cannot be set.")));
        }
        if property.is(NOT_BY_APPS | UNTRACKED) {
            return Err(Refusal::denied());
        }
        if value.is_null() && property.is(KEPT) {
            return Err(Refusal::invalid(name));
        }
        self.check_on_premises(slot, name)?;
        check_shape(name, value, property.shape)?;
        let too_long = |text: &Value| {
            let length = text.as_str().map_or(0, |t| t.chars().count());
            property.length_max > 0 && length > property.length_max
        };
        let texts: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(members) => members.values().collect(),
            other => vec![other],
        };
        if texts.into_iter().any(too_long) {
            return Err(Refusal::bad(format!(
                "Invalid value specified for property '{name}' of resource 'User': it is longer than {} characters.",
                property.length_max
            )));
        }
        check_value(name, value)
    }

    fn check_on_premises(&self, slot: u32, name: &str) -> Result<(), Refusal> {
        let synced = self.catalogue.find("onPremisesSyncEnabled").and_then(|key| self.user(slot)?.face.get(key));
        if synced == Some(&Datum::Bool(true)) && !FREE_ON_PREMISES.contains(&name) {
            return Err(Refusal::bad(
                "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects \
                 currently undergoing migration.",
            ));
        }
        Ok(())
    }

    /// Members of `onPremisesExtensionAttributes` that the body leaves out stay; every other complex property is
    /// replaced whole.
    fn merged(&self, slot: u32, name: &str, value: &Value) -> Value {
        let (true, Some(new)) = (name == "onPremisesExtensionAttributes", value.as_object()) else {
            return value.clone();
        };
        let known = self.catalogue.find(name).and_then(|key| self.user(slot)?.face.get(key));
        let mut all = match known {
            Some(Datum::Json(known)) => known.as_object().cloned().unwrap_or_default(),
            _ => Map::new(),
        };
        all.extend(new.clone());
        all.retain(|_, v| !v.is_null());
        Value::Object(all)
    }

    /// Names and addresses that must be one user's alone.
    fn check_addresses(&self, slot: u32, writes: &[(Key, Datum)]) -> Result<(), Refusal> {
        for (key, datum) in writes {
            let Datum::Text(text) = datum else { continue };
            let lower = text.to_lowercase();
            let others = || self.with_address(&lower).into_iter().filter(|other| *other != slot);
            if *key == *UPN {
                if !self.is_own_domain(text) {
                    return Err(Refusal::bad(
                        "The domain portion of the userPrincipalName property is invalid. You must use one of the \
                         verified domain names in your organization.",
                    ));
                }
                if others().any(|o| self.user(o).is_some_and(|u| u.face.text(*UPN).to_lowercase() == lower)) {
                    return Err(Refusal::conflict("userPrincipalName"));
                }
            }
            if *key == *MAIL {
                let owns = |proxies: &[Arc<str>]| proxies.iter().any(|p| bare_address(p) == lower);
                let taken = others().any(|o| self.user(o).is_some_and(|u| owns(u.face.texts(*PROXY_ADDRESSES))));
                if taken || self.spec.contacts.contains(&lower) {
                    return Err(Refusal::conflict("proxyAddresses"));
                }
            }
        }
        Ok(())
    }

    /// Sets or clears the manager; the id must be of a live user, and not the user's own.
    pub(super) fn set_manager(&mut self, slot: u32, manager: Option<Uuid>, now: Timestamp) -> Result<bool, Refusal> {
        if let Some(id) = manager {
            if !self.is_live(id) {
                return Err(Refusal::not_found(&id.to_string()));
            }
            if self.user(slot).is_some_and(|u| u.id == id) {
                return Err(Refusal::bad("Invalid reference: a user cannot be their own manager."));
            }
        }
        Ok(self.change(slot, now, |face| face.set_manager(manager)))
    }

    /// To deletedItems, as an app may.
    pub(super) fn delete_as_app(&mut self, slot: u32, now: Timestamp) -> Result<(), Refusal> {
        if self.holds_role(slot) {
            return Err(Refusal::denied());
        }
        self.delete(slot, now);
        Ok(())
    }

    /// Out of deletedItems, as an app may.
    pub(super) fn restore_as_app(&mut self, id: &str, now: Timestamp) -> Result<u32, Refusal> {
        let slot = Uuid::parse_str(id).ok().and_then(|id| self.slot(id)).ok_or_else(|| Refusal::not_found(id))?;
        let user = self.user(slot).ok_or_else(|| Refusal::not_found(id))?;
        if !matches!(user.face.state, State::Deleted(_)) {
            return Err(Refusal::not_found(id));
        }
        let principal = user.face.text(*UPN).to_lowercase();
        if !principal.is_empty() && self.find(&principal).is_some() {
            return Err(Refusal::conflict("userPrincipalName"));
        }
        if self.holds_role(slot) {
            return Err(Refusal::denied());
        }
        self.restore(slot, now);
        Ok(slot)
    }
}

fn check_shape(name: &str, value: &Value, shape: Shape) -> Result<(), Refusal> {
    let fits = match value {
        Value::Null => true,
        Value::Bool(_) => shape == Shape::Bool,
        // Empty texts: what the directory does is documented nowhere; refusing finds out who sends them.
        Value::String(text) => shape == Shape::Text && !text.is_empty(),
        Value::Array(_) => matches!(shape, Shape::Texts | Shape::Objects),
        Value::Object(_) => shape == Shape::Object,
        Value::Number(_) => false,
    };
    if fits { Ok(()) } else { Err(Refusal::invalid(name)) }
}

fn check_value(name: &str, value: &Value) -> Result<(), Refusal> {
    let items = value.as_array().map_or(0, Vec::len);
    let text = value.as_str();
    let fits = match name {
        "otherMails" => items <= OTHER_MAILS_MAX,
        "businessPhones" => items <= BUSINESS_PHONES_MAX,
        "usageLocation" => text.is_none_or(|t| t.len() == 2 && t.bytes().all(|b| b.is_ascii_uppercase())),
        "userType" => text.is_none_or(|t| t == "Guest" || t == "Member"),
        "onPremisesImmutableId" => text.is_none_or(|t| !t.contains(['$', '_'])),
        "mail" | "userPrincipalName" => text.is_none_or(|t| t.contains('@')),
        "onPremisesExtensionAttributes" => value.as_object().is_none_or(|members| {
            members.keys().all(|k| {
                let number = k.strip_prefix("extensionAttribute").and_then(|n| n.parse::<u8>().ok());
                number.is_some_and(|n| (1..=15).contains(&n))
            })
        }),
        "employeeOrgData" => {
            value.as_object().is_none_or(|members| members.keys().all(|k| k == "division" || k == "costCenter"))
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(Refusal::invalid(name)) }
}

/// The new mail is the primary address; the one before stays as a secondary one.
fn with_primary(proxies: &[Arc<str>], mail: &str) -> Datum {
    let wanted = mail.to_lowercase();
    let mut all: Vec<Arc<str>> = vec![Arc::from(format!("SMTP:{mail}"))];
    for proxy in proxies.iter().filter(|p| bare_address(p) != wanted) {
        match proxy.strip_prefix("SMTP:") {
            Some(rest) => all.push(Arc::from(format!("smtp:{rest}"))),
            None => all.push(Arc::clone(proxy)),
        }
    }
    Datum::Texts(all.into())
}
