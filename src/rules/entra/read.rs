//! What stands in an exported schema? Its shape, as far as a rule set can be made of it.
//!
//! Names are Graph's own, or those that PowerShell's cmdlets make of them (`SynchronizationRules`). What a rule set has
//! no use for (directories, metadata, parsed parameters of functions) is passed over.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::ImportError;

/// An object. The derived code alone would also take a list, for the fields in their order.
#[derive(Debug)]
pub(super) struct Object<T>(T);

impl<T> Deref for Object<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields))
    }
}

/// `synchronizationSchema`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(alias = "SynchronizationRules")]
    pub(super) synchronization_rules: Option<Vec<Object<Rule>>>,
    /// A job has one, a schema has none: what was exported was the step before.
    #[serde(alias = "TemplateId")]
    template_id: Option<Value>,
    /// The list of jobs.
    value: Option<Value>,
}

/// `synchronizationRule`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(alias = "ObjectMappings")]
    pub(super) object_mappings: Option<Vec<Object<ObjectMapping>>>,
    #[serde(alias = "ContainerFilter")]
    pub(super) container_filter: Option<Value>,
    #[serde(alias = "GroupFilter")]
    pub(super) group_filter: Option<Value>,
}

/// `objectMapping`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectMapping {
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(alias = "Enabled")]
    pub(super) enabled: Option<bool>,
    #[serde(alias = "FlowTypes")]
    pub(super) flow_types: Option<String>,
    #[serde(alias = "SourceObjectName")]
    pub(super) source_object_name: Option<String>,
    #[serde(alias = "TargetObjectName")]
    pub(super) target_object_name: Option<String>,
    #[serde(alias = "Scope")]
    pub(super) scope: Option<Object<Filter>>,
    #[serde(alias = "AttributeMappings")]
    pub(super) attribute_mappings: Option<Vec<Object<AttributeMapping>>>,
}

/// `attributeMapping`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttributeMapping {
    #[serde(alias = "TargetAttributeName")]
    pub(super) target_attribute_name: Option<String>,
    #[serde(alias = "Source")]
    pub(super) source: Option<Object<Source>>,
    #[serde(alias = "DefaultValue")]
    pub(super) default_value: Option<String>,
    #[serde(alias = "FlowType")]
    pub(super) flow_type: Option<String>,
    #[serde(alias = "FlowBehavior")]
    pub(super) flow_behavior: Option<String>,
    #[serde(alias = "MatchingPriority")]
    pub(super) matching_priority: Option<i64>,
}

/// `attributeMappingSource`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(alias = "Expression")]
    pub(super) expression: Option<String>,
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(rename = "type", alias = "Type")]
    pub(super) kind: Option<String>,
}

/// `filter`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(alias = "Groups")]
    pub(super) groups: Option<Vec<Object<Group>>>,
    #[serde(alias = "InputFilterGroups")]
    pub(super) input_filter_groups: Option<Vec<Object<Group>>>,
    #[serde(alias = "CategoryFilterGroups")]
    pub(super) category_filter_groups: Option<Vec<Object<Group>>>,
}

/// `filterGroup`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(alias = "Clauses")]
    pub(super) clauses: Option<Vec<Object<Clause>>>,
}

/// `filterClause`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clause {
    #[serde(alias = "OperatorName")]
    pub(super) operator_name: Option<String>,
    #[serde(alias = "SourceOperandName")]
    pub(super) source_operand_name: Option<String>,
    #[serde(alias = "TargetOperand")]
    pub(super) target_operand: Option<Object<Operand>>,
}

/// `filterOperand`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operand {
    #[serde(alias = "Values")]
    pub(super) values: Option<Vec<String>>,
}

/// `objectFlowTypes`: which operations the service may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flows {
    pub(super) add: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

/// Rows of one mapping. A user has fewer than 80 properties that can be written, and an object holds at most 100
/// directory extensions.
const ROWS_MAX: usize = 1_000;

/// Clauses over all filters of one mapping. The portal's editor holds a few dozen at most.
const CLAUSES_MAX: usize = 1_000;

/// Reads the text; a byte-order mark before it is no fault.
pub(super) fn schema(text: &str) -> Result<Vec<Object<Rule>>, ImportError> {
    let Object(schema): Object<Schema> =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let message = error.to_string();
            // The crate's message ends in the place, which has fields of its own here.
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            match error.classify() {
                serde_json::error::Category::Data => ImportError::Shape { line, column, message },
                _ => ImportError::NotJson { line, column, message },
            }
        })?;
    match schema.synchronization_rules {
        Some(rules) => Ok(rules),
        None if schema.template_id.is_some() || schema.value.is_some() => Err(ImportError::Job),
        None => Err(ImportError::NoRules),
    }
}

/// The mapping that makes users of users, with its rule.
pub(super) fn users(rules: &[Object<Rule>]) -> Result<(&Rule, &ObjectMapping), ImportError> {
    let all = rules.iter().flat_map(|r| r.object_mappings.iter().flatten().map(move |m| (&**r, &**m)));
    let of_users: Vec<_> = all.clone().filter(|(_, m)| m.is_of_users()).collect();
    let on: Vec<_> = of_users.iter().filter(|(_, m)| m.is_on()).collect();
    let (rule, mapping) = match on.as_slice() {
        [one] => **one,
        [] if of_users.is_empty() => {
            return Err(ImportError::NoUsers { there: all.map(|(_, m)| m.objects()).collect() });
        }
        [] => return Err(ImportError::SwitchedOff),
        several => return Err(ImportError::Several { names: several.iter().map(|(_, m)| m.title()).collect() }),
    };
    let rows = mapping.attribute_mappings.as_ref().map_or(0, Vec::len);
    let clauses =
        mapping.scope.iter().flat_map(|filter| filter.all()).flat_map(|g| &g.clauses).map(Vec::len).sum::<usize>();
    match (rows, clauses) {
        (0, _) => Err(ImportError::NoRows),
        (rows, _) if rows > ROWS_MAX => Err(ImportError::TooMany { what: "rows", max: ROWS_MAX }),
        (_, clauses) if clauses > CLAUSES_MAX => Err(ImportError::TooMany { what: "clauses", max: CLAUSES_MAX }),
        _ => Ok((rule, mapping)),
    }
}

impl ObjectMapping {
    fn is_of_users(&self) -> bool {
        let user = |name: &Option<String>| name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case("user"));
        user(&self.source_object_name) && user(&self.target_object_name)
    }
    /// On, unless the schema says otherwise.
    pub(super) fn is_on(&self) -> bool {
        self.enabled != Some(false)
    }
    /// `User -> User`.
    pub(super) fn objects(&self) -> String {
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
        format!("{} -> {}", name(&self.source_object_name), name(&self.target_object_name))
    }
    /// Its name, or what it maps.
    pub(super) fn title(&self) -> String {
        self.name.clone().filter(|n| !n.trim().is_empty()).unwrap_or_else(|| self.objects())
    }
    /// Add, update and delete where nothing is said, as documented.
    pub(super) fn flows(&self) -> Result<Flows, ImportError> {
        let Some(text) = &self.flow_types else { return Ok(Flows { add: true, update: true, delete: true }) };
        let mut flows = Flows { add: false, update: false, delete: false };
        for word in text.split(',').map(str::trim) {
            match word.to_ascii_lowercase().as_str() {
                "add" => flows.add = true,
                "update" => flows.update = true,
                "delete" => flows.delete = true,
                "none" | "" => {}
                _ => return Err(ImportError::FlowTypes { text: text.clone() }),
            }
        }
        if flows.add { Ok(flows) } else { Err(ImportError::MakesNobody { text: text.clone() }) }
    }
}

impl Filter {
    /// Groups of all three sets.
    fn all(&self) -> impl Iterator<Item = &Object<Group>> {
        [&self.groups, &self.input_filter_groups, &self.category_filter_groups].into_iter().flatten().flatten()
    }
}

/// Does it hold any value at all? A filter that is there and empty filters nothing.
pub(super) fn says_something(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => items.iter().any(|item| says_something(Some(item))),
        Some(Value::Object(fields)) => {
            fields.iter().any(|(name, value)| !name.starts_with('@') && says_something(Some(value)))
        }
        Some(Value::Bool(_) | Value::Number(_)) => true,
    }
}
