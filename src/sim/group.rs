//! Who belongs to which group or role?

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// A group, or a directory role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Its id.
    #[serde(with = "id_text")]
    pub id: Uuid,
    /// Its name.
    pub display_name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A directory role: its holders are out of an app's reach for sensitive writes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub role: bool,
    /// Directory roles can be given to it: its members are out of an app's reach like their holders.
    #[serde(default, rename = "isAssignableToRole", skip_serializing_if = "std::ops::Not::not")]
    pub takes_roles: bool,
    /// Users and groups.
    #[serde(default, with = "ids_text")]
    pub members: BTreeSet<Uuid>,
}

/// The uuid crate is built without its serde feature: ids go in and out as text.
mod id_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::parse_str(&text).map_err(D::Error::custom)
    }
}

mod ids_text {
    use std::collections::BTreeSet;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(ids: &BTreeSet<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ids.iter().map(Uuid::to_string))
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Uuid>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|t| Uuid::parse_str(t).map_err(D::Error::custom)).collect()
    }
}

impl Group {
    pub(super) fn odata_type(&self) -> &'static str {
        if self.role { "#microsoft.graph.directoryRole" } else { "#microsoft.graph.group" }
    }
    /// As answers show it; with its type where it stands among other objects.
    pub(super) fn json(&self, typed: bool) -> Value {
        let mut shown = json!({
            "id": self.id.to_string(),
            "displayName": self.display_name,
            "description": self.description,
        });
        if !self.role {
            shown["securityEnabled"] = json!(true);
            shown["mailEnabled"] = json!(false);
            shown["groupTypes"] = json!([]);
            // Most real groups say null of it, not false.
            shown["isAssignableToRole"] = if self.takes_roles { json!(true) } else { Value::Null };
        }
        if typed {
            shown["@odata.type"] = json!(self.odata_type());
        }
        shown
    }
}

/// All groups and roles of a tenant.
pub(super) type Groups = BTreeMap<Uuid, Group>;

/// The groups that `member` is in, and with `transitive` the groups that those are in. Ends in the face of circles.
pub(super) fn groups_of(groups: &Groups, member: Uuid, transitive: bool) -> BTreeSet<Uuid> {
    let mut found = BTreeSet::new();
    let mut open = vec![member];
    while let Some(one) = open.pop() {
        for group in groups.values().filter(|g| g.members.contains(&one)) {
            if found.insert(group.id) && transitive {
                open.push(group.id);
            }
        }
    }
    found
}

/// The members of a group, and with `transitive` the members of the groups in it.
pub(super) fn members_of(groups: &Groups, group: Uuid, transitive: bool) -> BTreeSet<Uuid> {
    let mut found = BTreeSet::new();
    let mut open = vec![group];
    while let Some(one) = open.pop() {
        for member in groups.get(&one).into_iter().flat_map(|g| &g.members) {
            if found.insert(*member) && transitive && groups.contains_key(member) {
                open.push(*member);
            }
        }
    }
    found
}

/// Does the user hold a directory role, or is in a group that can be given one, directly or through groups?
pub(super) fn holds_role(groups: &Groups, user: Uuid) -> bool {
    groups_of(groups, user, true).iter().any(|g| groups.get(g).is_some_and(|g| g.role || g.takes_roles))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: u128, role: bool, members: &[u128]) -> (Uuid, Group) {
        let members = members.iter().copied().map(Uuid::from_u128).collect();
        let id = Uuid::from_u128(id);
        (id, Group { id, display_name: String::new(), description: None, role, takes_roles: false, members })
    }

    #[test]
    fn membership_follows_nesting_and_survives_circles() {
        let groups: Groups = [group(1, false, &[2, 10]), group(2, false, &[1, 11]), group(3, true, &[2])].into();
        let id = Uuid::from_u128;
        assert_eq!(groups_of(&groups, id(11), false), [id(2)].into());
        assert_eq!(groups_of(&groups, id(11), true), [id(1), id(2), id(3)].into());
        assert_eq!(members_of(&groups, id(1), false), [id(2), id(10)].into());
        assert!(members_of(&groups, id(1), true).contains(&id(11)));
        assert!(holds_role(&groups, id(10)));
        assert!(!holds_role(&groups, id(99)));
    }
}
