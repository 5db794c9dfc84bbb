//! Under which names does Graph keep the attributes that we select?

use std::collections::BTreeMap;

use crate::model::{Attribute, Selection};

/// The complex property that Graph keeps `extensionAttribute1` … `15` in.
pub(super) const EXTENSION_ATTRIBUTES: &str = "onPremisesExtensionAttributes";

/// Where one attribute lives.
pub(super) enum Place<'a> {
    /// A property of the user.
    Plain(&'a str),
    /// A member of a complex property.
    Member(&'a str, &'a str),
}

/// The model is flat; Graph is not.
pub(super) fn place(attribute: &Attribute) -> Place<'_> {
    let name = attribute.as_str();
    let number = name.strip_prefix("extensionAttribute").and_then(|n| n.parse::<u8>().ok());
    if number.is_some_and(|n| (1..=15).contains(&n)) {
        return Place::Member(EXTENSION_ATTRIBUTES, name);
    }
    match name.split_once('.') {
        Some((property, member)) => Place::Member(property, member),
        None => Place::Plain(name),
    }
}

/// A property of the answer that was selected.
pub(super) enum Field {
    Plain(Attribute),
    Members(BTreeMap<String, Attribute>),
}

/// What is read out of a user, by Graph's names.
pub struct Plan {
    pub(super) fields: BTreeMap<String, Field>,
    pub(super) manager: Option<Attribute>,
    /// How many attributes there are.
    pub(super) size: usize,
}

impl Plan {
    /// The plan for a selection.
    pub fn new(selection: &Selection) -> Self {
        let mut plan = Plan { fields: BTreeMap::new(), manager: None, size: selection.0.len() };
        for attribute in &selection.0 {
            if attribute.is_reference() {
                plan.manager = Some(attribute.clone());
                continue;
            }
            match place(attribute) {
                // Always sent, and never an attribute.
                Place::Plain("id") => {}
                Place::Plain(name) => {
                    plan.fields.entry(name.to_owned()).or_insert_with(|| Field::Plain(attribute.clone()));
                }
                Place::Member(property, member) => {
                    let field = plan.fields.entry(property.to_owned());
                    let field = field.or_insert_with(|| Field::Members(BTreeMap::new()));
                    if let Field::Plain(_) = field {
                        *field = Field::Members(BTreeMap::new());
                    }
                    if let Field::Members(members) = field {
                        members.insert(member.to_owned(), attribute.clone());
                    }
                }
            }
        }
        plan
    }

    /// `$select` for properties: `id` first, then in the order of their names.
    pub fn select(&self) -> String {
        let mut select = String::from("id");
        for name in self.fields.keys() {
            select.push(',');
            select.push_str(name);
        }
        select
    }

    /// `$select` for a delta round, where `manager` is a name like the others.
    pub fn select_delta(&self) -> String {
        let mut select = self.select();
        if let Some(manager) = &self.manager {
            select.push(',');
            select.push_str(manager.as_str());
        }
        select
    }

    /// Is the manager asked for?
    pub fn asks_manager(&self) -> bool {
        self.manager.is_some()
    }

    /// Every attribute that a full answer mentions.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.fields.values().flat_map(|field| {
            let (one, many) = match field {
                Field::Plain(attribute) => (Some(attribute), None),
                Field::Members(members) => (None, Some(members.values())),
            };
            one.into_iter().chain(many.into_iter().flatten())
        })
    }
}
