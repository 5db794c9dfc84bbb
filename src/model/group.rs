//! What is a group called?

use serde::Serialize;

/// A group of a tenant, as a membership names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedGroup {
    /// Its object id.
    pub id: String,
    /// Its name; the id again where the tenant does not tell it.
    pub display_name: String,
}
