//! What does Microsoft Graph call an attribute that a provisioning schema names?

use crate::rules::properties::{Access, Known, PROPERTIES, Property, look_up, suggestion};

/// Names of the provisioning service that Graph calls otherwise. From the attribute lists of its documentation, which go
/// back to Azure AD Graph; the names that on-premises directories use never stand in such a schema, and are no business
/// of this table.
const PORTAL: &[(&str, &str)] = &[
    ("dirSyncEnabled", "onPremisesSyncEnabled"),
    ("facsimileTelephoneNumber", "faxNumber"),
    ("immutableId", "onPremisesImmutableId"),
    ("mobile", "mobilePhone"),
    // The two differ for external users only, and those are never exported.
    ("originalUserPrincipalName", "userPrincipalName"),
    ("physicalDeliveryOfficeName", "officeLocation"),
    ("telephoneNumber", "businessPhones"),
];

/// Names that mean something to the service and are no property of a user, with the reason.
const SERVICE: &[(&str, &str)] = &[
    ("alternativeSecurityIds", "Microsoft Graph does not show it"),
    ("appRoleAssignments", "roles in an application are no attributes of a person"),
    ("isSoftDeleted", "it is the service's word for people who leave, and here [leavers] says what happens to them"),
    ("netId", "Microsoft Graph does not show it"),
    ("objectId", "it is the id that a link ties, and no attribute"),
];

/// Messages quote names, but not whole files.
const SHOWN: usize = 80;

/// Graph's name, where there is one. The service's own names are the same in any case; those of directory extensions are
/// not.
pub(super) fn known(name: &str) -> Option<String> {
    let same = |theirs: &str| theirs.eq_ignore_ascii_case(name);
    if let Some((_, graph)) = PORTAL.iter().find(|(theirs, _)| same(theirs)) {
        return Some((*graph).to_owned());
    }
    if let Some(property) = PROPERTIES.iter().find(|p| same(p.name)) {
        return Some(property.name.to_owned());
    }
    // Anything else in it could not be told from the grammar around it.
    let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (matches!(look_up(name), Known::Extension) && legal).then(|| name.to_owned())
}

/// Graph's name, or why there is none.
pub(super) fn graph(name: &str) -> Result<String, String> {
    if let Some(known) = known(name) {
        return Ok(known);
    }
    if let Some((theirs, why)) = SERVICE.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name)) {
        return Err(format!("`{theirs}` cannot be used in a rule: {why}"));
    }
    let shown: String = name.chars().take(SHOWN).collect();
    Err(match look_up(name) {
        Known::Extension => format!("`{shown}` is no name of a directory extension"),
        Known::OutOfReach(why) => format!("`{shown}` cannot be used in a rule: {why}"),
        Known::NotTracked => format!("`{shown}` cannot be used in a rule: delta queries do not track it"),
        Known::Property(_) | Known::No => {
            let hint = suggestion(name).map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("no user property is known by the name `{shown}`{hint}")
        }
    })
}

/// Graph's name of an attribute that can be written, or why it cannot be.
pub(super) fn writable(name: &str) -> Result<String, String> {
    let graph = graph(name)?;
    match look_up(&graph) {
        Known::Property(Property { access: Access::ReadOnly(why), .. }) => {
            Err(format!("`{graph}` cannot be written: {why}"))
        }
        Known::Property(Property { access: Access::NotByApps, .. }) => {
            Err(format!("`{graph}` cannot be written: only a signed-in person may"))
        }
        _ => Ok(graph),
    }
}

#[cfg(test)]
mod tests {
    use super::{PORTAL, graph, writable};
    use crate::rules::properties::{Known, look_up};

    #[test]
    fn every_name_leads_to_a_property() {
        for (theirs, ours) in PORTAL {
            assert!(matches!(look_up(ours), Known::Property(_)), "{ours}");
            assert!(matches!(look_up(theirs), Known::No), "{theirs} is Graph's own");
        }
        assert_eq!(graph("DisplayName").as_deref(), Ok("displayName"));
        assert_eq!(graph("ExtensionAttribute3").as_deref(), Ok("extensionAttribute3"));
        let extension = "extension_0123456789abcdef0123456789abcdef_cost";
        assert_eq!(graph(extension).as_deref(), Ok(extension));
        assert!(graph(&format!("{extension} = true\n")).is_err());
        assert!(graph("EXTENSION_0123456789abcdef0123456789abcdef_cost").is_err());
        assert!(writable("proxyAddresses").is_err_and(|why| why.contains("cannot be written")));
        assert!(graph("displayNme").is_err_and(|why| why.contains("displayName")));
    }
}
