//! Which values does an expression compare attributes with?

use std::ops::Range;

use super::tree::{Comparison, Kind, Node};
use super::{Dialect, Expression};
use crate::model::Attribute;

/// An attribute that is compared with a value that is written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The attribute.
    pub attribute: Attribute,
    /// The value.
    pub value: String,
    /// Where the value stands in the source (bytes).
    pub span: Range<usize>,
}

impl Expression {
    /// Every `[attribute] = "value"` and `<>`, either way round, and every key of a `Switch` over an attribute. What is
    /// compared with `""` is asked whether it is there, and is left out.
    pub fn comparisons(&self) -> Vec<Compared> {
        let mut found = Vec::new();
        collect(self.dialect, &self.root, &mut found);
        found
    }
}

/// Depth is bounded by the parser.
fn collect(dialect: Dialect, node: &Node, found: &mut Vec<Compared>) {
    match &node.kind {
        Kind::Compare(comparison, left, right) => {
            if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
                found.extend(compared(left, right).or_else(|| compared(right, left)));
            }
            collect(dialect, left, found);
            collect(dialect, right, found);
        }
        Kind::Call(function, arguments) => {
            // Entra Connect's has conditions in the place of keys.
            if let ("Switch", [source, _default, pairs @ ..]) = (function.name, arguments.as_slice())
                && dialect != Dialect::Connect
            {
                found.extend(pairs.iter().step_by(2).filter_map(|key| compared(source, key)));
            }
            arguments.iter().for_each(|a| collect(dialect, a, found));
        }
        _ => {}
    }
}

fn compared(one: &Node, other: &Node) -> Option<Compared> {
    let (Kind::Attribute(attribute), Kind::Text(value)) = (&one.kind, &other.kind) else { return None };
    let there = !value.is_empty();
    there.then(|| Compared { attribute: attribute.clone(), value: value.clone(), span: other.span.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_found_wherever_they_stand() {
        let source =
            r#"IIF("Guest" = [userType], Switch([ageGroup], "", "minor", [city] <> "Rome", "", "x"), [a] > "5")"#;
        let found = Expression::parse(source).expect("parsed").comparisons();
        let shown: Vec<_> =
            found.iter().map(|c| (c.attribute.as_str(), c.value.as_str(), &source[c.span.clone()])).collect();
        assert_eq!(
            shown,
            [("userType", "Guest", "\"Guest\""), ("ageGroup", "minor", "\"minor\""), ("city", "Rome", "\"Rome\"")]
        );
    }
}
