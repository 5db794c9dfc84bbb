//! How does one kind of value become another?

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::Shape;
use super::{Argument, Evaluated, Function, Takes, integer_of, number, some, text_of, truth};
use crate::model::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::eager("BitAnd", "BitAnd(value1, value2)", &[Takes::Number, Takes::Number], Shape::Number, bit_and),
    Function::eager("CBool", "CBool(expression)", &[Takes::Condition], Shape::Bool, to_bool),
    Function::eager("CStr", "CStr(value)", &[Takes::Any], Shape::Text, to_text),
    Function::eager("ConvertToBase64", "ConvertToBase64(source)", &[Takes::Text], Shape::Text, to_base64),
    Function::eager("ConvertToUTF8Hex", "ConvertToUTF8Hex(source)", &[Takes::Text], Shape::Text, to_hex),
];

fn bit_and(arguments: &[Argument<'_>]) -> Evaluated {
    number(integer_of(arguments, 0)? & integer_of(arguments, 1)?)
}
fn to_bool(arguments: &[Argument<'_>]) -> Evaluated {
    truth(arguments.first().map_or(Ok(false), Argument::truth).map_err(|message| (message, 0))?)
}
/// No value stays none.
fn to_text(arguments: &[Argument<'_>]) -> Evaluated {
    match arguments.first().and_then(|a| a.value.as_ref()) {
        None => Ok(None),
        Some(_) => some(text_of(arguments, 0)?),
    }
}
/// Of the UTF-16 bytes, as .NET's `Encoding.Unicode` has them.
fn to_base64(arguments: &[Argument<'_>]) -> Evaluated {
    let bytes: Vec<u8> = text_of(arguments, 0)?.encode_utf16().flat_map(u16::to_le_bytes).collect();
    some(STANDARD.encode(bytes))
}
fn to_hex(arguments: &[Argument<'_>]) -> Evaluated {
    let mut hex = String::new();
    for byte in text_of(arguments, 0)?.bytes() {
        let _ = write!(hex, "{byte:02X}");
    }
    some(hex)
}

/// Back from [`to_base64`], or from base 64 of UTF-8 where that is said.
pub(super) fn from_base64(arguments: &[Argument<'_>]) -> Evaluated {
    let text = text_of(arguments, 0)?;
    let bytes = STANDARD.decode(text.trim()).map_err(|_| ("this is no base 64".to_owned(), 0))?;
    if text_of(arguments, 1)? == "UTF8" {
        return String::from_utf8(bytes).map(|text| Some(Value::from(text))).map_err(|_| not_text());
    }
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(not_text());
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16(&units).map(|text| Some(Value::from(text))).map_err(|_| not_text())
}
/// Back from [`to_hex`].
pub(super) fn from_hex(arguments: &[Argument<'_>]) -> Evaluated {
    let text = text_of(arguments, 0)?;
    let wrong = || ("this is no text in hexadecimal UTF-8".to_owned(), 0);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let bytes = bytes.filter(|_| rest.is_empty()).ok_or_else(wrong)?;
    String::from_utf8(bytes).map(|text| Some(Value::from(text))).map_err(|_| wrong())
}
fn not_text() -> super::Fault {
    ("these bytes are no text".to_owned(), 0)
}
