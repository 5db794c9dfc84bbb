//! Which properties has a user, and what is documented of each?
//!
//! Sources, all Microsoft's: "user resource type" and "Update user" of Graph v1.0 with the property notes of the SDKs
//! (types, lengths, null, read-only, what an app alone may not write), "Working with users in Microsoft Graph" (what
//! delta queries do not track, sensitive actions), and "User profile attributes" of Azure AD B2C for the length of
//! `officeLocation`. Lengths of `faxNumber`, `businessPhones`, `mail`, `employeeType`, `preferredLanguage`,
//! `preferredDataLocation` and of the members of `employeeOrgData` stand in none of them, and are unknown here.

use super::{Access, Kind, Property};

const BY_DIRECTORY: &str = "the directory sets it";
const BY_INVITATION: &str = "the invitation sets it";
const BY_HOME: &str = "it mirrors an on-premises directory";
const BY_OWN_TENANT: &str = "it decides what a minor may do; its own tenant sets it";

/// Documented in both spellings, old and new.
const AGE_GROUPS: &[&str] = &["minor", "notAdult", "adult", "Minor", "NotAdult", "Adult"];
const CONSENTS: &[&str] = &["granted", "denied", "notRequired", "Granted", "Denied", "NotRequired"];
const LEGAL_AGE_GROUPS: &[&str] = &[
    "minorWithOutParentalConsent",
    "minorWithParentalConsent",
    "minorNoParentalConsentRequired",
    "notAdult",
    "adult",
    "MinorWithOutParentalConsent",
    "MinorWithParentalConsent",
    "MinorNoParentalConsentRequired",
    "NotAdult",
    "Adult",
];

const fn property(name: &'static str, kind: Kind) -> Property {
    Property {
        name,
        kind,
        access: Access::Writable,
        length_max: None,
        items_max: None,
        values: &[],
        sensitive: false,
        key: false,
    }
}
const fn text(name: &'static str) -> Property {
    property(name, Kind::Text)
}
const fn list(name: &'static str) -> Property {
    property(name, Kind::List)
}
const fn read(name: &'static str, kind: Kind, why: &'static str) -> Property {
    Property { access: Access::ReadOnly(why), ..property(name, kind) }
}
/// One of the fifteen: "each is at most 1024 characters".
const fn extension(name: &'static str) -> Property {
    text(name).length(1024).key()
}

impl Property {
    const fn length(self, length_max: usize) -> Self {
        Self { length_max: Some(length_max), ..self }
    }
    const fn items(self, items_max: usize) -> Self {
        Self { items_max: Some(items_max), ..self }
    }
    const fn one_of(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }
    const fn not_clearable(self) -> Self {
        Self { access: Access::NotClearable, ..self }
    }
    const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }
    const fn key(self) -> Self {
        Self { key: true, ..self }
    }
}

/// In the order of the alphabet.
pub const PROPERTIES: &[Property] = &[
    // Mapped or not, crosstie enables only what it disabled: a law of the planner.
    property("accountEnabled", Kind::Bool).not_clearable().sensitive(),
    read("ageGroup", Kind::Text, BY_OWN_TENANT).one_of(AGE_GROUPS),
    list("businessPhones").items(1).sensitive(),
    text("city").length(128),
    text("companyName").length(64),
    read("consentProvidedForMinor", Kind::Text, BY_OWN_TENANT).one_of(CONSENTS),
    text("country").length(128),
    read("createdDateTime", Kind::Text, BY_DIRECTORY),
    read("creationType", Kind::Text, BY_INVITATION).one_of(&[
        "Invitation",
        "LocalAccount",
        "EmailVerified",
        "SelfServiceSignUp",
    ]),
    read("deletedDateTime", Kind::Text, BY_DIRECTORY),
    text("department").length(64),
    text("displayName").length(256).not_clearable(),
    Property { access: Access::NotByApps, ..text("employeeHireDate") },
    text("employeeId").length(16).key(),
    text("employeeOrgData.costCenter"),
    text("employeeOrgData.division"),
    text("employeeType"),
    extension("extensionAttribute1"),
    extension("extensionAttribute10"),
    extension("extensionAttribute11"),
    extension("extensionAttribute12"),
    extension("extensionAttribute13"),
    extension("extensionAttribute14"),
    extension("extensionAttribute15"),
    extension("extensionAttribute2"),
    extension("extensionAttribute3"),
    extension("extensionAttribute4"),
    extension("extensionAttribute5"),
    extension("extensionAttribute6"),
    extension("extensionAttribute7"),
    extension("extensionAttribute8"),
    extension("extensionAttribute9"),
    read("externalUserState", Kind::Text, BY_INVITATION).one_of(&["PendingAcceptance", "Accepted"]),
    read("externalUserStateChangeDateTime", Kind::Text, BY_INVITATION),
    text("faxNumber"),
    text("givenName").length(64),
    read("imAddresses", Kind::List, BY_DIRECTORY).key(),
    read("isResourceAccount", Kind::Bool, BY_DIRECTORY),
    text("jobTitle").length(128),
    read("lastPasswordChangeDateTime", Kind::Text, BY_DIRECTORY),
    read("legalAgeGroupClassification", Kind::Text, BY_DIRECTORY).one_of(LEGAL_AGE_GROUPS),
    text("mail").not_clearable().key(),
    text("mailNickname").length(64).not_clearable().key(),
    property("manager", Kind::Reference),
    text("mobilePhone").length(64).sensitive(),
    text("officeLocation").length(128),
    read("onPremisesDistinguishedName", Kind::Text, BY_HOME).key(),
    read("onPremisesDomainName", Kind::Text, BY_HOME),
    read("onPremisesImmutableId", Kind::Text, "it ties an account to an on-premises directory").sensitive().key(),
    read("onPremisesLastSyncDateTime", Kind::Text, BY_HOME),
    read("onPremisesSamAccountName", Kind::Text, BY_HOME).key(),
    read("onPremisesSecurityIdentifier", Kind::Text, BY_HOME).key(),
    read("onPremisesSyncEnabled", Kind::Bool, BY_HOME),
    read("onPremisesUserPrincipalName", Kind::Text, BY_HOME).key(),
    list("otherMails").length(250).items(250).sensitive().key(),
    text("postalCode").length(40),
    text("preferredDataLocation"),
    text("preferredLanguage"),
    read("proxyAddresses", Kind::List, "Graph offers it for reading only; mail and otherMails feed it").key(),
    read("securityIdentifier", Kind::Text, BY_DIRECTORY).key(),
    property("showInAddressList", Kind::Bool),
    read("signInSessionsValidFromDateTime", Kind::Text, BY_DIRECTORY),
    text("state").length(128),
    text("streetAddress").length(1024),
    text("surname").length(64),
    // ISO 3166, two letters.
    text("usageLocation").length(2).not_clearable(),
    Property {
        access: Access::ReadOnly("the target makes the name of an external account itself"),
        ..text("userPrincipalName").sensitive().key()
    },
    text("userType").one_of(&["Guest", "Member"]).not_clearable(),
];

/// Properties that delta queries do not track: crosstie would never see them change.
pub(super) const NOT_TRACKED: &[&str] = &[
    "aboutMe",
    "birthday",
    "cloudLicensing",
    "customSecurityAttributes",
    "deviceEnrollmentLimit",
    "hireDate",
    "interests",
    "licenseAssignmentStates",
    "mailboxSettings",
    "mySite",
    "pastProjects",
    "preferredName",
    "print",
    "responsibilities",
    "schools",
    "signInActivity",
    "skills",
];

/// Properties that only a signed-in person may write, whatever permission an app has.
pub(super) const NOT_BY_APPS: &[&str] = &[
    "aboutMe",
    "birthday",
    "employeeHireDate",
    "interests",
    "mySite",
    "pastProjects",
    "responsibilities",
    "schools",
    "skills",
];

const LICENCES: &str = "licences are no attributes of a person";
const PASSWORDS: &str = "a password never leaves its tenant";
const NO_VALUE: &str = "it is no text, no Boolean and no list of texts";

/// Properties that exist and that a rule can neither read nor write, with the reason.
pub(super) const OUT_OF_REACH: &[(&str, &str)] = &[
    ("id", "`id` is what a link ties; it is no attribute"),
    ("assignedLicenses", LICENCES),
    ("assignedPlans", LICENCES),
    ("provisionedPlans", LICENCES),
    ("passwordProfile", PASSWORDS),
    ("passwordPolicies", PASSWORDS),
    ("identities", "how an account signs in is its own tenant's business"),
    ("authorizationInfo", "how an account signs in is its own tenant's business"),
    ("employeeLeaveDateTime", "reading it takes a permission of its own, which crosstie does not ask for"),
    ("onPremisesProvisioningErrors", NO_VALUE),
    ("serviceProvisioningErrors", NO_VALUE),
    ("photo", NO_VALUE),
    ("sponsors", "of references to other users, crosstie knows `manager` only"),
    ("directReports", "it follows from `manager`"),
    ("memberOf", "groups are not kept in step; a scope can ask for membership: groups = [\"…\"]"),
    (
        "onPremisesExtensionAttributes",
        "its members have names of their own: extensionAttribute1 to extensionAttribute15",
    ),
    ("employeeOrgData", "its members have names of their own: employeeOrgData.division, employeeOrgData.costCenter"),
];

/// Names that the portal, Active Directory or a person uses, and what Graph calls the same thing. Compared ignoring case.
pub(super) const OTHER_NAMES: &[(&str, &str)] = &[
    ("alternateEmailAddress", "otherMails"),
    ("c", "country"),
    ("co", "country"),
    ("company", "companyName"),
    ("costCenter", "employeeOrgData.costCenter"),
    ("division", "employeeOrgData.division"),
    ("email", "mail"),
    ("emailAddress", "mail"),
    ("employeeNumber", "employeeId"),
    ("facsimileTelephoneNumber", "faxNumber"),
    ("fax", "faxNumber"),
    ("firstName", "givenName"),
    ("immutableId", "onPremisesImmutableId"),
    ("l", "city"),
    ("lastName", "surname"),
    ("mobile", "mobilePhone"),
    ("objectId", "id"),
    ("office", "officeLocation"),
    ("phone", "businessPhones"),
    ("physicalDeliveryOfficeName", "officeLocation"),
    ("sn", "surname"),
    ("st", "state"),
    ("street", "streetAddress"),
    ("telephoneNumber", "businessPhones"),
    ("title", "jobTitle"),
    ("upn", "userPrincipalName"),
    ("userState", "externalUserState"),
    ("zip", "postalCode"),
    ("zipCode", "postalCode"),
];
