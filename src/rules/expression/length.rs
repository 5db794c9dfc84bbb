//! How long can the result of an expression become, at the most?

use super::Expression;
use super::tree::{Kind, Node};
use crate::model::Attribute;
use crate::rules::properties::length;

/// `False`, the longer of the two words for a Boolean.
const BOOLEAN_LENGTH: usize = 5;

impl Expression {
    /// The longest text that it can give, in UTF-16 code units; `None` where that is not known.
    ///
    /// `attribute_length` says how long an attribute's value can be. What `Left`, `Right` and `Mid` cut is taken to be as
    /// long as it has characters: a letter that counts twice is too rare to warn of, and is seen when a plan is made.
    pub fn length_max(&self, attribute_length: &dyn Fn(&Attribute) -> Option<usize>) -> Option<usize> {
        longest(&self.root, attribute_length)
    }
}

/// Depth is bounded by the parser.
fn longest(node: &Node, known: &dyn Fn(&Attribute) -> Option<usize>) -> Option<usize> {
    match &node.kind {
        Kind::Attribute(attribute) => known(attribute),
        Kind::Text(text) => Some(length(text)),
        Kind::Integer(n) => Some(n.to_string().len()),
        Kind::Compare(..) => Some(BOOLEAN_LENGTH),
        Kind::Call(function, arguments) => called(function.name, arguments, known),
        // Neither gives a text at all.
        Kind::Empty | Kind::IgnoreAttribute | Kind::IgnoreObject => Some(0),
    }
}

fn called(name: &str, arguments: &[Node], known: &dyn Fn(&Attribute) -> Option<usize>) -> Option<usize> {
    let one = |i: usize| arguments.get(i).map_or(Some(0), |node| longest(node, known));
    match name {
        "Append" => Some(one(0)?.saturating_add(one(1)?)),
        "Coalesce" => most(arguments.iter(), known),
        "IIF" => most(arguments.iter().skip(1), known),
        "IsNull" | "IsNullOrEmpty" | "IsPresent" | "Not" | "And" | "Or" => Some(BOOLEAN_LENGTH),
        "Join" => {
            let sources = arguments.get(1..).unwrap_or_default();
            let separators = one(0)?.saturating_mul(sources.len().saturating_sub(1));
            sources.iter().try_fold(separators, |sum, node| Some(sum.saturating_add(longest(node, known)?)))
        }
        "Left" | "Right" => cut(one(0), count(arguments.get(1))),
        "Mid" => {
            let skipped = count(arguments.get(1)).map_or(0, |start| start.saturating_sub(1));
            cut(one(0).map(|all| all.saturating_sub(skipped)), count(arguments.get(2)))
        }
        // The default, and every second argument behind it.
        "Switch" => most(arguments.iter().skip(1).step_by(2), known),
        "ToLower" | "ToUpper" | "Trim" => one(0),
        _ => None,
    }
}

/// The longest of several.
fn most<'n>(mut nodes: impl Iterator<Item = &'n Node>, known: &dyn Fn(&Attribute) -> Option<usize>) -> Option<usize> {
    nodes.try_fold(0, |most, node| longest(node, known).map(|length| length.max(most)))
}

/// The lesser of what there is and what is taken of it.
fn cut(all: Option<usize>, taken: Option<usize>) -> Option<usize> {
    match (all, taken) {
        (Some(all), Some(taken)) => Some(all.min(taken)),
        (all, taken) => all.or(taken),
    }
}

/// A number that is written out; a negative one means all.
fn count(node: Option<&Node>) -> Option<usize> {
    match &node?.kind {
        Kind::Integer(n) => usize::try_from(*n).ok(),
        Kind::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_result_is_found_where_every_part_is_known() {
        let known = |attribute: &Attribute| match attribute.as_str() {
            "department" => Some(64),
            "city" => Some(128),
            _ => None,
        };
        let cases = [
            ("[department]", Some(64)),
            ("[mail]", None),
            ("\"North\"", Some(5)),
            ("\"😀\"", Some(2)),
            ("-12", Some(3)),
            ("Append([department], \" - North\")", Some(72)),
            ("Join(\" - \", \"North\", [department])", Some(72)),
            ("Join(\", \", [department], [city], \"x\")", Some(64 + 128 + 1 + 4)),
            ("Join(\", \", [department], [mail])", None),
            ("Left([mail], 20)", Some(20)),
            ("Left([department], 100)", Some(64)),
            ("Left([department], -1)", Some(64)),
            ("Left([mail], -1)", None),
            ("Right([city], [employeeId])", Some(128)),
            ("Mid([city], 101, 64)", Some(28)),
            ("Mid([mail], 2, 64)", Some(64)),
            ("Mid([mail], 2, -1)", None),
            ("IIF([mail] = \"a\", [department], \"a longer text than that\")", Some(64)),
            ("IIF([mail] = \"a\", [mail], \"b\")", None),
            ("Switch([mail], [department], [mail], \"x\", \"y\", [city])", Some(128)),
            ("Coalesce([department], [city])", Some(128)),
            ("IIF([city] = \"\", IgnoreAttributeFlow, [city])", Some(128)),
            ("ToUpper(Trim([department]))", Some(64)),
            ("IsPresent([mail])", Some(5)),
            ("[mail] = \"x\"", Some(5)),
            ("Replace([department], \"a\", , , \"bb\", , )", None),
        ];
        for (source, wanted) in cases {
            let expression = Expression::parse(source).unwrap_or_else(|e| panic!("{source}: {e}"));
            assert_eq!(expression.length_max(&known), wanted, "{source}");
        }
    }
}
