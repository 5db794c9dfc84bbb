//! Which properties has a user, and what may be done to each?
//!
//! Sources: the v1.0 metadata of the user type, and "Update user" with the property notes of the SDKs for lengths and
//! for what is read-only.

use std::collections::BTreeSet;
use std::sync::Arc;

/// What a property's JSON looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Text,
    Texts,
    Object,
    Objects,
}

/// In the set that is answered when nothing is selected.
pub(super) const DEFAULT: u8 = 1;
/// A PATCH that names it is refused.
pub(super) const READ_ONLY: u8 = 2;
/// Null is refused.
pub(super) const KEPT: u8 = 4;
/// Refused to an app where the user holds a directory role.
pub(super) const SENSITIVE: u8 = 8;
/// Lives outside the directory store: a delta round that selects it is refused.
pub(super) const UNTRACKED: u8 = 16;
/// Only a signed-in person may write it.
pub(super) const NOT_BY_APPS: u8 = 32;
/// Few distinct values: the texts are shared between users.
pub(super) const POOLED: u8 = 64;

/// One property of the user type.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// The longest text, in characters; 0 where no limit is documented.
    pub(super) length_max: usize,
    marks: u8,
}

impl Property {
    pub(super) fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }
}

const fn p(name: &'static str, shape: Shape, length_max: usize, marks: u8) -> Property {
    Property { name, shape, length_max, marks }
}

use Shape::{Bool, Object, Objects, Text, Texts};

/// Sorted by name (a test holds it so), because names are found by bisection. `id` is no property here: it is the key.
pub(super) static PROPERTIES: &[Property] = &[
    p("aboutMe", Text, 0, UNTRACKED | NOT_BY_APPS),
    p("accountEnabled", Bool, 0, KEPT | SENSITIVE),
    p("ageGroup", Text, 0, POOLED),
    p("assignedLicenses", Objects, 0, READ_ONLY),
    p("assignedPlans", Objects, 0, READ_ONLY),
    p("birthday", Text, 0, UNTRACKED | NOT_BY_APPS),
    p("businessPhones", Texts, 64, DEFAULT | SENSITIVE),
    p("city", Text, 128, POOLED),
    p("companyName", Text, 64, POOLED),
    p("consentProvidedForMinor", Text, 0, POOLED),
    p("country", Text, 128, POOLED),
    p("createdDateTime", Text, 0, READ_ONLY | POOLED),
    p("creationType", Text, 0, READ_ONLY | POOLED),
    p("deletedDateTime", Text, 0, READ_ONLY),
    p("department", Text, 64, POOLED),
    p("displayName", Text, 256, DEFAULT | KEPT),
    p("employeeHireDate", Text, 0, NOT_BY_APPS),
    p("employeeId", Text, 16, 0),
    p("employeeLeaveDateTime", Text, 0, 0),
    p("employeeOrgData", Object, 0, 0),
    p("employeeType", Text, 0, POOLED),
    p("externalUserState", Text, 0, READ_ONLY | POOLED),
    p("externalUserStateChangeDateTime", Text, 0, READ_ONLY),
    p("faxNumber", Text, 64, 0),
    p("givenName", Text, 64, DEFAULT | POOLED),
    p("hireDate", Text, 0, UNTRACKED | NOT_BY_APPS),
    p("identities", Objects, 0, NOT_BY_APPS),
    p("imAddresses", Texts, 0, READ_ONLY),
    p("interests", Texts, 0, UNTRACKED | NOT_BY_APPS),
    p("jobTitle", Text, 128, DEFAULT | POOLED),
    p("lastPasswordChangeDateTime", Text, 0, READ_ONLY),
    p("legalAgeGroupClassification", Text, 0, READ_ONLY),
    p("licenseAssignmentStates", Objects, 0, READ_ONLY),
    p("mail", Text, 0, DEFAULT | KEPT),
    p("mailNickname", Text, 64, 0),
    p("mailboxSettings", Object, 0, UNTRACKED),
    p("mobilePhone", Text, 64, DEFAULT | SENSITIVE),
    p("mySite", Text, 0, UNTRACKED | NOT_BY_APPS),
    p("officeLocation", Text, 128, DEFAULT | POOLED),
    p("onPremisesDistinguishedName", Text, 0, READ_ONLY),
    p("onPremisesDomainName", Text, 0, READ_ONLY | POOLED),
    p("onPremisesExtensionAttributes", Object, 1024, 0),
    p("onPremisesImmutableId", Text, 0, SENSITIVE),
    p("onPremisesLastSyncDateTime", Text, 0, READ_ONLY),
    p("onPremisesSamAccountName", Text, 0, READ_ONLY),
    p("onPremisesSecurityIdentifier", Text, 0, READ_ONLY),
    p("onPremisesSyncEnabled", Bool, 0, READ_ONLY),
    p("onPremisesUserPrincipalName", Text, 0, READ_ONLY),
    p("otherMails", Texts, 250, SENSITIVE),
    p("passwordPolicies", Text, 0, POOLED),
    p("passwordProfile", Object, 0, SENSITIVE),
    p("pastProjects", Texts, 0, UNTRACKED | NOT_BY_APPS),
    p("postalCode", Text, 40, POOLED),
    p("preferredDataLocation", Text, 0, POOLED),
    p("preferredLanguage", Text, 0, DEFAULT | POOLED),
    p("preferredName", Text, 0, UNTRACKED | NOT_BY_APPS),
    p("proxyAddresses", Texts, 0, READ_ONLY),
    p("responsibilities", Texts, 0, UNTRACKED | NOT_BY_APPS),
    p("schools", Texts, 0, UNTRACKED | NOT_BY_APPS),
    p("securityIdentifier", Text, 0, READ_ONLY),
    p("showInAddressList", Bool, 0, 0),
    p("signInActivity", Object, 0, UNTRACKED | READ_ONLY),
    p("signInSessionsValidFromDateTime", Text, 0, READ_ONLY),
    p("skills", Texts, 0, UNTRACKED | NOT_BY_APPS),
    p("state", Text, 128, POOLED),
    p("streetAddress", Text, 1024, POOLED),
    p("surname", Text, 64, DEFAULT | POOLED),
    p("usageLocation", Text, 2, KEPT | POOLED),
    p("userPrincipalName", Text, 0, DEFAULT | KEPT | SENSITIVE),
    p("userType", Text, 0, KEPT | POOLED),
];

/// A property's place: in [`PROPERTIES`], or behind them among the tenant's directory extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u16);

fn key(name: &str) -> Key {
    let place = PROPERTIES.binary_search_by(|p| p.name.cmp(name)).unwrap_or(usize::from(u16::MAX));
    Key(u16::try_from(place).unwrap_or(u16::MAX))
}

macro_rules! keys {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(pub(super) static $name: std::sync::LazyLock<Key> = std::sync::LazyLock::new(|| key($text));)*
    };
}
keys! {
    MAIL = "mail", UPN = "userPrincipalName", OTHER_MAILS = "otherMails", PROXY_ADDRESSES = "proxyAddresses",
}

/// The properties that one tenant's users can have: Graph's own, and its directory extensions.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    extensions: Vec<String>,
    pool: BTreeSet<Arc<str>>,
}

impl Catalogue {
    /// The key of a name, exactly as Graph spells it.
    pub(super) fn find(&self, name: &str) -> Option<Key> {
        let place = match PROPERTIES.binary_search_by(|p| p.name.cmp(name)) {
            Ok(place) => place,
            Err(_) => PROPERTIES.len() + self.extensions.iter().position(|e| e == name)?,
        };
        u16::try_from(place).ok().map(Key)
    }
    /// The same, ignoring case as Graph does in `$select` and `$filter`.
    pub(super) fn find_loosely(&self, name: &str) -> Option<Key> {
        self.find(name).or_else(|| {
            let place = PROPERTIES.iter().position(|p| p.name.eq_ignore_ascii_case(name))?;
            u16::try_from(place).ok().map(Key)
        })
    }
    pub(super) fn name(&self, key: Key) -> &str {
        let place = usize::from(key.0);
        match PROPERTIES.get(place) {
            Some(property) => property.name,
            None => self.extensions.get(place - PROPERTIES.len()).map_or("", String::as_str),
        }
    }
    /// Graph's own property; `None` for a directory extension.
    pub(super) fn property(&self, key: Key) -> Option<&'static Property> {
        PROPERTIES.get(usize::from(key.0))
    }
    /// Registers a directory extension (`extension_<app id without dashes>_<name>`).
    pub(super) fn register(&mut self, name: &str) {
        if self.find(name).is_none() {
            self.extensions.push(name.to_owned());
        }
    }
    pub(super) fn extensions(&self) -> &[String] {
        &self.extensions
    }
    /// The text, shared with equal ones where the property has few distinct values.
    pub(super) fn text(&mut self, key: Key, text: &str) -> Arc<str> {
        if !self.property(key).is_some_and(|p| p.is(POOLED)) {
            return Arc::from(text);
        }
        if let Some(known) = self.pool.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.pool.insert(Arc::clone(&new));
        new
    }
    /// The properties answered when nothing is selected.
    pub(super) fn defaults() -> impl Iterator<Item = Key> {
        (0u16..).zip(PROPERTIES).filter(|(_, p)| p.is(DEFAULT)).map(|(place, _)| Key(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_bisected() {
        assert!(PROPERTIES.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(Catalogue::default().name(*UPN), "userPrincipalName");
        // The eleven of the documentation, without the id.
        assert_eq!(Catalogue::defaults().count(), 10);
    }
}
