//! Which properties does a user have, of which type, and which of them may a rule write?
//!
//! From the vendor's user resource: what delta queries track, and what an app may update on an external account.

use crate::model::{Attribute, Value};

use super::diagnostic::nearest;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, dates included.
    Text,
    /// `true` or `false`.
    Bool,
    /// Several texts.
    List,
    /// Another user.
    Reference,
}

/// May a rule write it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Yes.
    Writable,
    /// Yes, but Graph takes no null for it.
    NotClearable,
    /// No, and this is why, or what does it instead.
    ReadOnly(&'static str),
}

/// One property of a user.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Graph's name, or ours for a member of a complex property.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// May a rule write it?
    pub access: Access,
}

const fn text(name: &'static str) -> Property {
    Property { name, kind: Kind::Text, access: Access::Writable }
}
const fn read(name: &'static str, kind: Kind, why: &'static str) -> Property {
    Property { name, kind, access: Access::ReadOnly(why) }
}

const BY_DIRECTORY: &str = "the directory sets it";
const BY_INVITATION: &str = "the invitation sets it";
const BY_HOME: &str = "it mirrors an on-premises directory";

/// In the order of the alphabet.
pub const PROPERTIES: &[Property] = &[
    // Mapped or not, crosstie enables only what it disabled: a law of the planner.
    Property { name: "accountEnabled", kind: Kind::Bool, access: Access::NotClearable },
    read("ageGroup", Kind::Text, "it decides what a minor may do; its own tenant sets it"),
    Property { name: "businessPhones", kind: Kind::List, access: Access::Writable },
    text("city"),
    text("companyName"),
    read("consentProvidedForMinor", Kind::Text, "it decides what a minor may do; its own tenant sets it"),
    text("country"),
    read("createdDateTime", Kind::Text, BY_DIRECTORY),
    read("creationType", Kind::Text, BY_INVITATION),
    text("department"),
    Property { name: "displayName", kind: Kind::Text, access: Access::NotClearable },
    read("employeeHireDate", Kind::Text, "an app alone may not update it"),
    text("employeeId"),
    text("employeeOrgData.costCenter"),
    text("employeeOrgData.division"),
    text("employeeType"),
    text("extensionAttribute1"),
    text("extensionAttribute10"),
    text("extensionAttribute11"),
    text("extensionAttribute12"),
    text("extensionAttribute13"),
    text("extensionAttribute14"),
    text("extensionAttribute15"),
    text("extensionAttribute2"),
    text("extensionAttribute3"),
    text("extensionAttribute4"),
    text("extensionAttribute5"),
    text("extensionAttribute6"),
    text("extensionAttribute7"),
    text("extensionAttribute8"),
    text("extensionAttribute9"),
    read("externalUserState", Kind::Text, BY_INVITATION),
    read("externalUserStateChangeDateTime", Kind::Text, BY_INVITATION),
    text("faxNumber"),
    text("givenName"),
    read("isResourceAccount", Kind::Bool, BY_DIRECTORY),
    text("jobTitle"),
    read("legalAgeGroupClassification", Kind::Text, BY_DIRECTORY),
    Property { name: "mail", kind: Kind::Text, access: Access::NotClearable },
    Property { name: "mailNickname", kind: Kind::Text, access: Access::NotClearable },
    Property { name: "manager", kind: Kind::Reference, access: Access::Writable },
    text("mobilePhone"),
    text("officeLocation"),
    read("onPremisesDistinguishedName", Kind::Text, BY_HOME),
    read("onPremisesDomainName", Kind::Text, BY_HOME),
    read("onPremisesImmutableId", Kind::Text, "it ties an account to an on-premises directory"),
    read("onPremisesLastSyncDateTime", Kind::Text, BY_HOME),
    read("onPremisesSamAccountName", Kind::Text, BY_HOME),
    read("onPremisesSecurityIdentifier", Kind::Text, BY_HOME),
    read("onPremisesSyncEnabled", Kind::Bool, BY_HOME),
    read("onPremisesUserPrincipalName", Kind::Text, BY_HOME),
    Property { name: "otherMails", kind: Kind::List, access: Access::Writable },
    text("postalCode"),
    text("preferredDataLocation"),
    text("preferredLanguage"),
    read("proxyAddresses", Kind::List, "Graph offers it for reading only; mail and otherMails feed it"),
    Property { name: "showInAddressList", kind: Kind::Bool, access: Access::Writable },
    text("state"),
    text("streetAddress"),
    text("surname"),
    Property { name: "usageLocation", kind: Kind::Text, access: Access::NotClearable },
    read("userPrincipalName", Kind::Text, "the target makes the name of an external account itself"),
    Property { name: "userType", kind: Kind::Text, access: Access::NotClearable },
];

/// Properties that exist and that a rule can neither read nor write, with the reason.
const OUT_OF_REACH: &[(&str, &str)] = &[
    ("id", "`id` is what a link ties; it is no attribute"),
    ("aboutMe", NOT_TRACKED),
    ("birthday", NOT_TRACKED),
    ("hireDate", NOT_TRACKED),
    ("interests", NOT_TRACKED),
    ("mailboxSettings", NOT_TRACKED),
    ("mySite", NOT_TRACKED),
    ("pastProjects", NOT_TRACKED),
    ("preferredName", NOT_TRACKED),
    ("responsibilities", NOT_TRACKED),
    ("schools", NOT_TRACKED),
    ("signInActivity", NOT_TRACKED),
    ("skills", NOT_TRACKED),
    ("assignedLicenses", "licences are no attributes of a person"),
    ("passwordProfile", "a password never leaves its tenant"),
    ("passwordPolicies", "a password never leaves its tenant"),
    ("identities", "how an account signs in is its own tenant's business"),
    ("customSecurityAttributes", NOT_TRACKED),
    (
        "onPremisesExtensionAttributes",
        "its members have names of their own: extensionAttribute1 to extensionAttribute15",
    ),
    ("employeeOrgData", "its members have names of their own: employeeOrgData.division, employeeOrgData.costCenter"),
];
const NOT_TRACKED: &str = "delta queries do not track it";

/// Names of the portal's attribute mappings that Graph calls otherwise.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("telephoneNumber", "businessPhones"),
    ("mobile", "mobilePhone"),
    ("physicalDeliveryOfficeName", "officeLocation"),
    ("facsimileTelephoneNumber", "faxNumber"),
    ("c", "country"),
    ("l", "city"),
    ("sn", "surname"),
    ("title", "jobTitle"),
    ("company", "companyName"),
];

/// What is known of a name.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// A property.
    Property(&'static Property),
    /// A directory extension, `extension_{app}_{name}`: type and access are its tenant's business.
    Extension,
    /// It exists, and no rule can use it.
    OutOfReach(&'static str),
    /// Not in our list: a slip of the pen, or newer than the list.
    No,
}

/// What is known of this name? Names are case-sensitive.
pub fn look_up(name: &str) -> Known {
    if let Some(property) = PROPERTIES.iter().find(|p| p.name == name) {
        return Known::Property(property);
    }
    if let Some((_, why)) = OUT_OF_REACH.iter().find(|(n, _)| *n == name) {
        return Known::OutOfReach(why);
    }
    // The app's id without dashes: 32 hexadecimal digits.
    let extension = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_'));
    match extension {
        Some((app, own)) if app.len() == 32 && app.bytes().all(|b| b.is_ascii_hexdigit()) && !own.is_empty() => {
            Known::Extension
        }
        _ => Known::No,
    }
}

/// A hint for a name that is not in the list.
pub fn suggestion(name: &str) -> Option<String> {
    let other = OTHER_NAMES.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
    let near = || nearest(name, PROPERTIES.iter().map(|p| p.name));
    match other {
        Some((_, graph)) => Some(format!("Graph calls it `{graph}`")),
        None => near().map(|n| format!("did you mean `{n}`?")),
    }
}

/// Does Graph take null for it? True also of what is not in the list.
pub fn is_clearable(attribute: &Attribute) -> bool {
    !matches!(look_up(attribute.as_str()), Known::Property(Property { access: Access::NotClearable, .. }))
}

/// The value in the type that the attribute has in Graph: `"True"` for a Boolean, one text for a list of one.
///
/// What is not in the list passes as it is. An error says in words what does not fit.
pub fn fitted(attribute: &Attribute, value: Value) -> Result<Value, String> {
    let Known::Property(property) = look_up(attribute.as_str()) else { return Ok(value) };
    match (property.kind, value) {
        (Kind::Bool, Value::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        (Kind::Bool, Value::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        (Kind::Bool, value @ Value::Bool(_)) => Ok(value),
        // "" is how an expression says "none", whatever the type.
        (_, Value::Text(text)) if text.is_empty() => Ok(Value::Text(text)),
        (Kind::Bool, other) => Err(format!("`{other}` is neither true nor false")),
        (Kind::Text, Value::Bool(b)) => Ok(Value::Text(if b { "True" } else { "False" }.to_owned())),
        (Kind::Text, Value::Integer(n)) => Ok(Value::Text(n.to_string())),
        (Kind::Text, Value::List(items)) => match <[String; 1]>::try_from(items) {
            Ok([one]) => Ok(Value::Text(one)),
            Err(items) if items.is_empty() => Ok(Value::Text(String::new())),
            Err(items) => Err(format!("{} values, where one fits", items.len())),
        },
        (Kind::List, Value::Text(text)) => Ok(Value::List(vec![text])),
        (Kind::List, Value::Bool(_) | Value::Integer(_)) => Err("a list of texts is needed".to_owned()),
        (Kind::Text | Kind::List | Kind::Reference, value) => Ok(value),
    }
}
