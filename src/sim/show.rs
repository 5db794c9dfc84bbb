//! How does a user look in a read that is no delta round?
//!
//! Here every selected property is told, null where it has no value. A delta round leaves never-set ones out.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::property::{Catalogue, Key};
use super::refusal::Refusal;
use super::tenant::Tenant;
use super::user::{Face, State, User, shown};

/// What a read asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Selected {
    pub(super) keys: Vec<Key>,
    pub(super) manager: bool,
    /// Told whether selected or not.
    pub(super) expand_manager: Option<Vec<Key>>,
}

impl Selected {
    /// What is answered when nothing is selected.
    pub(super) fn default_set() -> Self {
        Selected { keys: Catalogue::defaults().collect(), ..Selected::default() }
    }
}

/// `$select=a,b` as keys; the offending name where one is unknown.
pub(super) fn read_select(catalogue: &Catalogue, text: &str) -> Result<Selected, String> {
    let mut selected = Selected::default();
    for name in text.split(',').map(str::trim).filter(|n| !n.is_empty()) {
        match name.to_ascii_lowercase().as_str() {
            "id" => {}
            "manager" => selected.manager = true,
            _ => selected.keys.push(catalogue.find_loosely(name).ok_or_else(|| name.to_owned())?),
        }
    }
    selected.keys.sort_unstable();
    selected.keys.dedup();
    Ok(selected)
}

impl Tenant {
    /// The query options of a read of users.
    pub(super) fn selected(&self, select: Option<&str>, expand: Option<&str>) -> Result<Selected, Refusal> {
        let unknown = |name: String| {
            Refusal::bad(format!("Could not find a property named '{name}' on type 'microsoft.graph.user'."))
        };
        let mut selected = match select {
            Some(text) => read_select(&self.catalogue, text).map_err(unknown)?,
            None => Selected::default_set(),
        };
        if let Some(text) = expand {
            let text = text.trim();
            let inner = match text.strip_prefix("manager") {
                Some("") => None,
                Some(rest) => match rest.strip_prefix("($select=").and_then(|r| r.strip_suffix(')')) {
                    Some(inner) => Some(inner),
                    None => return Err(Refusal::bad(format!("The expand '{text}' is not simulated."))),
                },
                None => return Err(Refusal::bad(format!("The expand '{text}' is not simulated."))),
            };
            let keys = match inner {
                Some(inner) => read_select(&self.catalogue, inner).map_err(unknown)?.keys,
                None => Selected::default_set().keys,
            };
            selected.expand_manager = Some(keys);
        }
        Ok(selected)
    }

    /// The state that reads show: the true one, or a lagging replica's.
    pub(super) fn read_face<'a>(&self, user: &'a User) -> Option<&'a Face> {
        if self.spec.settings.lag.reads { user.seen() } else { Some(&user.face) }
    }

    pub(super) fn show(&self, user: &User, face: &Face, selected: &Selected) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("id".to_owned(), json!(user.id.to_string()));
        for key in &selected.keys {
            let name = self.catalogue.name(*key);
            let value = match (name, face.state) {
                ("deletedDateTime", State::Deleted(at)) => json!(whole_seconds(at)),
                _ => shown(name, face.get(*key), self.catalogue.property(*key).map(|p| p.shape)),
            };
            all.insert(name.to_owned(), value);
        }
        if let Some(keys) = &selected.expand_manager
            && let Some(manager) = self.manager_of(face)
        {
            let inner = Selected { keys: keys.clone(), ..Selected::default() };
            let mut shown = self.show(manager, &manager.face, &inner);
            shown.insert("@odata.type".to_owned(), json!("#microsoft.graph.user"));
            all.insert("manager".to_owned(), Value::Object(shown));
        }
        all
    }

    /// The manager, where that is a live user.
    pub(super) fn manager_of(&self, face: &Face) -> Option<&User> {
        self.live(face.manager()?)
    }
    pub(super) fn live(&self, id: Uuid) -> Option<&User> {
        self.user(self.slot(id)?).filter(|u| u.face.state == State::Live)
    }
}

/// `2026-11-22T04:35:12Z`, as most of Graph's instants read.
pub(super) fn whole_seconds(at: crate::model::Timestamp) -> String {
    crate::model::Timestamp(at.0 / 1000 * 1000).rfc3339().replace(".000Z", "Z")
}
