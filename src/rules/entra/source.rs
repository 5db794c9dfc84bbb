//! What is a target attribute made from, and when is it written?

use super::names;
use super::read::{AttributeMapping, Flows, Source};
use crate::rules::{Apply, Expression};

/// From what.
#[derive(Debug)]
pub(super) enum Made {
    /// An expression, with the names that Graph has.
    Expression(Expression),
    /// A text.
    Constant(String),
    /// No source at all: the service leaves the attribute alone, and fills it where it is empty.
    Nothing,
}

/// Reads the source of a row, or says why no rule can say it.
pub(super) fn made(source: Option<&Source>) -> Result<Made, String> {
    let Some(source) = source else { return Ok(Made::Nothing) };
    let there = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let (expression, name) = (there(&source.expression), there(&source.name));
    let kind = source.kind.as_deref().unwrap_or("Function");
    let text = match (kind.to_ascii_lowercase().as_str(), expression, name) {
        ("constant", None, Some(name)) => return Ok(Made::Constant(name)),
        // A constant is written as an expression; one without its quotes is told by the name beside it.
        ("constant", Some(text), Some(name)) if text == name && !text.starts_with('"') => {
            return Ok(Made::Constant(name));
        }
        ("attribute", None, Some(name)) => format!("[{name}]"),
        ("constant" | "attribute" | "function", Some(text), _) => text,
        ("constant" | "attribute" | "function", None, _) => return Err("the source has no expression".to_owned()),
        _ => return Err(format!("there is no kind of source `{}`", kind.chars().take(40).collect::<String>())),
    };
    let expression = Expression::parse(&text).map_err(|e| format!("the expression cannot be used: {}", e.message))?;
    if let Some(text) = expression.as_constant() {
        return Ok(Made::Constant(text.to_owned()));
    }
    for attribute in expression.attributes() {
        names::graph(attribute.as_str())?;
    }
    let renamed = expression.renamed(names::known);
    renamed.map(Made::Expression).map_err(|e| e.message)
}

/// The source alone.
pub(super) fn text(row: &AttributeMapping) -> Option<String> {
    let source = row.source.as_ref()?;
    let is_attribute = source.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("attribute"));
    let named = || source.name.as_ref().map(|name| if is_attribute { format!("[{name}]") } else { name.clone() });
    source.expression.clone().or_else(named)
}

/// The row as the schema has it: from what, or else what, and when.
pub(super) fn words(row: &AttributeMapping) -> String {
    let source = text(row);
    let default = row.default_value.as_ref().filter(|d| !d.is_empty()).map(|d| format!("default \"{d}\""));
    let flow = row.flow_type.clone().filter(|f| !f.eq_ignore_ascii_case("always"));
    [source, default, flow].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// When a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Whenever the service writes the user.
    Always,
    /// When it makes the account.
    Creation,
    /// Only where the target has no value.
    Empty,
}

impl Flow {
    /// Reads `flowType` and `flowBehavior`. Without Update nothing is written later.
    ///
    /// Both behaviours are "always": the service looks at the home only, and brings the *whole* user to what the home says
    /// as soon as anything of it changes there. `on-change` would leave a local edit until just that attribute changes.
    pub(super) fn of(row: &AttributeMapping, flows: Flows) -> Result<Flow, String> {
        let behavior = row.flow_behavior.as_deref().unwrap_or("FlowWhenChanged").to_ascii_lowercase();
        if !matches!(behavior.as_str(), "flowwhenchanged" | "flowalways") {
            return Err("its `flowBehavior` is neither FlowWhenChanged nor FlowAlways".to_owned());
        }
        let flow = match row.flow_type.as_deref().unwrap_or("Always").to_ascii_lowercase().as_str() {
            "always" => Flow::Always,
            "objectaddonly" => Flow::Creation,
            "attributeaddonly" => Flow::Empty,
            "valueaddonly" | "multivalueaddonly" => {
                return Err(
                    "it only adds values to those that the target has, and a rule writes whole values".to_owned()
                );
            }
            _ => return Err("its `flowType` is none that Microsoft documents".to_owned()),
        };
        Ok(if flows.update { flow } else { Flow::Creation })
    }
    /// Never more often than the service would.
    pub(super) fn apply(self) -> Apply {
        match self {
            Flow::Always => Apply::Always,
            Flow::Creation | Flow::Empty => Apply::Create,
        }
    }
}
