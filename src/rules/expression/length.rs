//! How long can the result of an expression become, at the most?

use super::tree::{Kind, Node};
use super::{Dialect, Expression};
use crate::model::Attribute;
use crate::rules::properties::length;

/// `False`, the longer of the two words for a Boolean.
const BOOLEAN_LENGTH: usize = 5;

/// 8-4-4-4-12 digits and the dashes between.
const GUID_LENGTH: usize = 36;

impl Expression {
    /// The longest text that it can give, in UTF-16 code units; `None` where that is not known.
    ///
    /// `attribute_length` says how long an attribute's value can be. What `Left`, `Right` and `Mid` cut is taken to be as
    /// long as it has characters: a letter that counts twice is too rare to warn of, and is seen when a plan is made.
    pub fn length_max(&self, attribute_length: &dyn Fn(&Attribute) -> Option<usize>) -> Option<usize> {
        Known { dialect: self.dialect, attribute_length }.longest(&self.root)
    }
}

/// What lengths follow from.
struct Known<'a> {
    dialect: Dialect,
    attribute_length: &'a dyn Fn(&Attribute) -> Option<usize>,
}

impl Known<'_> {
    /// Depth is bounded by the parser.
    fn longest(&self, node: &Node) -> Option<usize> {
        match &node.kind {
            Kind::Attribute(attribute) => (self.attribute_length)(attribute),
            Kind::Text(text) => Some(length(text)),
            Kind::Integer(n) => Some(n.to_string().len()),
            Kind::Bool(_) | Kind::Compare(..) => Some(BOOLEAN_LENGTH),
            Kind::Call(function, arguments) => self.called(function.name, arguments),
            // None of them gives a text at all.
            Kind::Pattern(_) | Kind::Word(_) | Kind::Empty | Kind::IgnoreAttribute | Kind::IgnoreObject => Some(0),
        }
    }

    fn called(&self, name: &str, arguments: &[Node]) -> Option<usize> {
        let one = |i: usize| arguments.get(i).map_or(Some(0), |node| self.longest(node));
        match name {
            "Append" => Some(one(0)?.saturating_add(one(1)?)),
            "Coalesce" | "SelectUniqueValue" => self.most(arguments.iter()),
            "ConvertToBase64" => one(0).map(|n| n.saturating_mul(2).div_ceil(3).saturating_mul(4)),
            "Error" => Some(0),
            "Guid" => Some(GUID_LENGTH),
            "IIF" => self.most(arguments.iter().skip(1)),
            "IsNull" | "IsNullOrEmpty" | "IsPresent" | "IsString" | "IsBitSet" | "Not" | "And" | "Or" | "CBool" => {
                Some(BOOLEAN_LENGTH)
            }
            // Entra Connect joins the values of one attribute, and nobody knows how many there are.
            "Join" if self.dialect == Dialect::Connect => None,
            "Join" => {
                let sources = arguments.get(1..).unwrap_or_default();
                let separators = one(0)?.saturating_mul(sources.len().saturating_sub(1));
                sources.iter().try_fold(separators, |sum, node| Some(sum.saturating_add(self.longest(node)?)))
            }
            // Three bytes at the most for a UTF-16 unit, two digits for a byte.
            "ConvertToUTF8Hex" => one(0).map(|n| n.saturating_mul(6)),
            // One piece of what is cut or counted.
            "Item" | "Split" | "RemoveDuplicates" => one(0),
            "Replace" => self.replaced(arguments),
            "Left" | "Right" => cut(one(0), count(arguments.get(1))),
            "Mid" => {
                let skipped = count(arguments.get(1)).map_or(0, |start| start.saturating_sub(1));
                cut(one(0).map(|all| all.saturating_sub(skipped)), count(arguments.get(2)))
            }
            "PadLeft" | "PadRight" | "LeftPad" | "RightPad" => Some(one(0)?.max(count(arguments.get(1))?)),
            // The default, and every second argument behind it; in Entra Connect, the values behind conditions.
            "Switch" => self.most(arguments.iter().skip(1).step_by(2)),
            "ToLower" | "ToUpper" | "LCase" | "UCase" | "LowerCase" | "UpperCase" | "PCase" | "ProperCase" => one(0),
            "Trim" | "LTrim" | "RTrim" | "StripSpaces" | "Word" => one(0),
            "CStr" | "CRef" | "IgnoreFlowIfNullOrEmpty" | "Redact" => one(0),
            _ => None,
        }
    }

    /// Plain replacement alone can be told: what a pattern takes away is not known. Entra Connect's has three arguments.
    fn replaced(&self, arguments: &[Node]) -> Option<usize> {
        let given = |i: usize| arguments.get(i).filter(|node| !node.is_empty());
        let (source, old, new) = (given(0)?, given(1)?, given(4)?);
        let Kind::Text(old) = &old.kind else { return None };
        let (all, new, old) = (self.longest(source)?, self.longest(new)?, length(old).max(1));
        Some(all.max((all / old).saturating_mul(new).saturating_add(all % old)))
    }

    /// The longest of several.
    fn most<'n>(&self, mut nodes: impl Iterator<Item = &'n Node>) -> Option<usize> {
        nodes.try_fold(0, |most, node| self.longest(node).map(|length| length.max(most)))
    }
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
            ("Redact(PCase(StripSpaces([department])))", Some(64)),
            ("PadLeft([employeeType], 8, \"0\")", None),
            ("PadLeft(Left([mail], 4), 8, \"0\")", Some(8)),
            ("ConvertToBase64(\"abcd\")", Some(12)),
            ("Guid()", Some(36)),
            ("SelectUniqueValue([department], Append([department], \"1\"))", Some(65)),
            ("Replace([department], \"a\", , , \"bb\", , )", Some(128)),
            ("Replace([department], \"abc\", , , \"de\", , )", Some(64)),
            ("Replace([department], \"abc\", , , \"defg\", , )", Some(21 * 4 + 1)),
            ("Replace([department], , \"a\", , \"\", , )", None),
            ("Item(Split([city], \",\"), 1)", Some(128)),
            ("ConvertToUTF8Hex(Left([city], 10))", Some(60)),
        ];
        for (source, wanted) in cases {
            let expression = Expression::parse(source).unwrap_or_else(|e| panic!("{source}: {e}"));
            assert_eq!(expression.length_max(&known), wanted, "{source}");
        }
        let connect =
            |source| Expression::parse_in(Dialect::Connect, source).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert_eq!(connect("Join([department], \"; \")").length_max(&known), None);
        assert_eq!(connect("Switch([city] = \"x\", [department], True, \"none\")").length_max(&known), Some(64));
        assert_eq!(connect("[department] & \" - North\"").length_max(&known), Some(72));
    }
}
