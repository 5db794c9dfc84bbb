//! What do the sibling dialects call otherwise, or mean otherwise?
//!
//! Entra Connect and Identity Manager write the same things with other names and, now and then, other arguments. Everything
//! that is not here means the same in all three.

use super::super::Dialect;
use super::super::Shape;
use super::super::evaluate::{Evaluation, Given, Stop};
use super::super::tree::Node;
use super::convert::{from_base64, from_hex};
use super::date::format_date;
use super::replace::replaced;
use super::text::{joined, pad_left, pad_right, pcase, to_lower, to_upper};
use super::{ANY, Argument, Evaluated, Fault, Function, Takes, integer_of, number, some, text_of, truth};

/// The functions that only this dialect has, or has in its own way.
pub(super) fn of(dialect: Dialect) -> &'static [Function] {
    match dialect {
        Dialect::Provisioning => &[],
        Dialect::Connect => CONNECT,
        Dialect::IdentityManager => MANAGER,
    }
}

const PAD: &[Takes] = &[Takes::Text, Takes::Number, Takes::Text];

static CONNECT: &[Function] = &[
    Function::eager("Join", "Join(attribute, delimiter)", &[Takes::Any, Takes::Text], Shape::Text, join).from(1),
    Function::lazy("Switch", "Switch(condition1, value1, condition2, value2, …)", SWITCH, Shape::Any, switch)
        .to(ANY)
        .with_empties()
        .checked(in_pairs),
    Function::eager("Replace", "Replace(source, old, new)", REPLACE, Shape::Text, replace),
    Function::eager("FormatDateTime", "FormatDateTime(value, format)", FORMAT, Shape::Text, format_date),
    Function::eager("ConvertFromBase64", "ConvertFromBase64(source, encoding)", BASE64, Shape::Text, from_base64)
        .from(1),
    Function::eager("ConvertFromUTF8Hex", "ConvertFromUTF8Hex(source)", &[Takes::Text], Shape::Text, from_hex),
    Function::eager("CRef", "CRef(value)", &[Takes::Text], Shape::Text, as_it_is),
    Function::eager("DNComponent", "DNComponent(dn, number)", DN, Shape::Text, component),
    Function::eager("DNComponentRev", "DNComponentRev(dn, number, options)", DN_REV, Shape::Text, component_from_end)
        .from(2),
    Function::eager("InStrRev", "InStrRev(source, find)", &[Takes::Text, Takes::Text], Shape::Number, in_str_rev),
    Function::eager("IsBitSet", "IsBitSet(value, flag)", &[Takes::Number, Takes::Number], Shape::Bool, is_bit_set),
    Function::eager("LCase", "LCase(source)", &[Takes::Text], Shape::Text, to_lower),
    Function::eager("UCase", "UCase(source)", &[Takes::Text], Shape::Text, to_upper),
    Function::eager("LTrim", "LTrim(source)", &[Takes::Text], Shape::Text, trim_start),
    Function::eager("RTrim", "RTrim(source)", &[Takes::Text], Shape::Text, trim_end),
];

static MANAGER: &[Function] = &[
    Function::eager("LowerCase", "LowerCase(source)", &[Takes::Text], Shape::Text, to_lower),
    Function::eager("UpperCase", "UpperCase(source)", &[Takes::Text], Shape::Text, to_upper),
    Function::eager("ProperCase", "ProperCase(source)", &[Takes::Text], Shape::Text, pcase),
    Function::eager("LeftPad", "LeftPad(source, length, padding)", PAD, Shape::Text, pad_left).from(2),
    Function::eager("RightPad", "RightPad(source, length, padding)", PAD, Shape::Text, pad_right).from(2),
    Function::eager("LTrim", "LTrim(source)", &[Takes::Text], Shape::Text, trim_start),
    Function::eager("RTrim", "RTrim(source)", &[Takes::Text], Shape::Text, trim_end),
];

const SWITCH: &[Takes] = &[Takes::Any, Takes::Any];
const REPLACE: &[Takes] = &[Takes::Text, Takes::Text, Takes::Text];
const FORMAT: &[Takes] = &[Takes::Date, Takes::Text];
const BASE64: &[Takes] = &[Takes::Text, Takes::Word(&["UTF8", "Unicode"])];
const DN: &[Takes] = &[Takes::Text, Takes::Number];
const DN_REV: &[Takes] = &[Takes::Text, Takes::Number, Takes::Text];

/// The separator comes last here; a comma where it is left out.
fn join(arguments: &[Argument<'_>]) -> Evaluated {
    let separator = if arguments.len() > 1 { text_of(arguments, 1)? } else { ",".into() };
    joined(&separator, arguments.get(..1).unwrap_or_default())
}

fn in_pairs(arguments: &[Node]) -> Result<(), Fault> {
    match arguments.len() % 2 {
        0 => Ok(()),
        _ => Err(("the last condition of this Switch has no value".to_owned(), arguments.len() - 1)),
    }
}
/// The value of the first condition that holds; none where none does.
fn switch<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Result<Option<Given<'v>>, Stop> {
    for pair in nodes.chunks_exact(2) {
        let [condition, value] = pair else { continue };
        if super::choice::truth(evaluation, condition)? {
            return evaluation.value(value);
        }
    }
    Ok(None)
}

/// Here a text may name a line end: `\r\n`.
fn replace(arguments: &[Argument<'_>]) -> Evaluated {
    let ends = |text: &str| text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t");
    replaced(&text_of(arguments, 0)?, &ends(&text_of(arguments, 1)?), &ends(&text_of(arguments, 2)?))
}
fn as_it_is(arguments: &[Argument<'_>]) -> Evaluated {
    some(text_of(arguments, 0)?)
}

/// The parts of a distinguished name, each with its kind: `cn=Joe` is `("cn", "Joe")`. A comma behind a backslash is text.
fn parts(name: &str) -> Vec<(String, String)> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for c in name.chars().chain([',']) {
        match c {
            ',' if !escaped => parts.push(std::mem::take(&mut part)),
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            c => part.push(c),
        }
        escaped = false;
    }
    let pair = |part: String| {
        let (kind, value) = part.split_once('=')?;
        Some((kind.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    parts.into_iter().filter_map(pair).collect()
}
fn nth(parts: impl Iterator<Item = (String, String)>, number: i64) -> Evaluated {
    let at = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
    let Some(at) = at else { return Err(("counts from 1".to_owned(), 1)) };
    let mut parts = parts.skip(at);
    parts.next().map_or(Ok(None), |(_, value)| some(value))
}
fn component(arguments: &[Argument<'_>]) -> Evaluated {
    nth(parts(&text_of(arguments, 0)?).into_iter(), integer_of(arguments, 1)?)
}
/// From the end; a third argument names a kind that is left out, usually `"DC"`.
fn component_from_end(arguments: &[Argument<'_>]) -> Evaluated {
    let left_out = text_of(arguments, 2)?.to_ascii_lowercase();
    let parts = parts(&text_of(arguments, 0)?).into_iter().rev().filter(|(kind, _)| *kind != left_out);
    nth(parts, integer_of(arguments, 1)?)
}

fn in_str_rev(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, find) = (text_of(arguments, 0)?, text_of(arguments, 1)?);
    let at = text.rfind(find.as_ref()).and_then(|at| text.get(..at));
    number(at.map_or(0, |before| before.chars().count() + 1))
}
fn is_bit_set(arguments: &[Argument<'_>]) -> Evaluated {
    truth(integer_of(arguments, 0)? & integer_of(arguments, 1)? != 0)
}
fn trim_start(arguments: &[Argument<'_>]) -> Evaluated {
    some(text_of(arguments, 0)?.trim_start())
}
fn trim_end(arguments: &[Argument<'_>]) -> Evaluated {
    some(text_of(arguments, 0)?.trim_end())
}
