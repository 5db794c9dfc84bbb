//! How are texts cut, joined and changed?

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use super::super::Shape;
use super::super::evaluate::{Given, TEXT_BYTES_MAX};
use super::super::tree::{Kind, Node};
use super::{ANY, Argument, CALL, Evaluated, Fault, Function, Takes, integer_of, number, signs_of, some, text_of};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::eager("Append", "Append(source, suffix)", &[Takes::Text, Takes::Text], Shape::Text, append),
    Function::eager("Join", "Join(separator, source1, source2, …)", &[Takes::Text, Takes::Any], Shape::Text, join)
        .to(ANY)
        .with_empties(),
    Function::eager("Left", "Left(source, count)", &[Takes::Text, Takes::Number], Shape::Text, left),
    Function::eager("Right", "Right(source, count)", &[Takes::Text, Takes::Number], Shape::Text, right),
    Function::eager(
        "Mid",
        "Mid(source, start, length)",
        &[Takes::Text, Takes::Number, Takes::Number],
        Shape::Text,
        mid,
    )
    .from(2)
    .checked(starts_at_one),
    Function::eager("Word", "Word(source, number, delimiters)", WORD, Shape::Text, word),
    Function::eager("ToLower", "ToLower(source, culture)", &[Takes::Text, Takes::Culture], Shape::Text, to_lower)
        .from(1)
        .checked(is_culture),
    Function::eager("ToUpper", "ToUpper(source, culture)", &[Takes::Text, Takes::Culture], Shape::Text, to_upper)
        .from(1)
        .checked(is_culture),
    Function::eager("PCase", "PCase(source, wordSeparators)", &[Takes::Text, Takes::Text], Shape::Text, pcase).from(1),
    Function::eager("NormalizeDiacritics", "NormalizeDiacritics(source)", &[Takes::Text], Shape::Text, plain_letters),
    Function::eager("StripSpaces", "StripSpaces(source)", &[Takes::Text], Shape::Text, strip_spaces),
    Function::eager("Trim", "Trim(source)", &[Takes::Text], Shape::Text, trim),
    Function::eager("Len", "Len(source)", &[Takes::Text], Shape::Number, len),
    Function::eager("PadLeft", "PadLeft(source, length, padding)", PAD, Shape::Text, pad_left).from(2),
    Function::eager("PadRight", "PadRight(source, length, padding)", PAD, Shape::Text, pad_right).from(2),
    Function::eager("InStr", "InStr(source, find, start, compareType)", IN_STR, Shape::Number, in_str)
        .from(2)
        .with_empties(),
    Function::eager("Contains", "Contains(source, find)", &[Takes::Any, Takes::Text], Shape::Number, contains),
];

const WORD: &[Takes] = &[Takes::Text, Takes::Number, Takes::Text];
const PAD: &[Takes] = &[Takes::Text, Takes::Number, Takes::Text];
const IN_STR: &[Takes] = &[Takes::Text, Takes::Text, Takes::Number, Takes::Word(&["vbBinaryCompare", "vbTextCompare"])];

/// A text under construction that stops before it outgrows the bound.
#[derive(Default)]
pub(super) struct Builder(pub(super) String);

impl Builder {
    pub(super) fn push(&mut self, piece: &str) -> Result<(), Fault> {
        if self.0.len() + piece.len() > TEXT_BYTES_MAX {
            return Err(("the result is too long".to_owned(), CALL));
        }
        self.0.push_str(piece);
        Ok(())
    }
}

pub(super) fn append(arguments: &[Argument<'_>]) -> Evaluated {
    let mut result = Builder::default();
    for i in 0..arguments.len() {
        result.push(&text_of(arguments, i)?)?;
    }
    some(result.0)
}

/// Empty sources are skipped, lists give their items one by one.
fn join(arguments: &[Argument<'_>]) -> Evaluated {
    joined(&text_of(arguments, 0)?, arguments.get(1..).unwrap_or_default())
}

pub(super) fn joined(separator: &str, sources: &[Argument<'_>]) -> Evaluated {
    let mut result = Builder::default();
    let mut first = true;
    let mut add = |piece: &str| -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        if !first {
            result.push(separator)?;
        }
        first = false;
        result.push(piece)
    };
    for source in sources {
        match &source.value {
            Some(Given::List(items)) => items.iter().try_for_each(|item| add(item))?,
            _ => add(&source.text().map_err(|message| (message, CALL))?)?,
        }
    }
    some(result.0)
}

/// A negative count means: all of it.
fn count_of(arguments: &[Argument<'_>], i: usize) -> Result<usize, Fault> {
    Ok(usize::try_from(integer_of(arguments, i)?).unwrap_or(usize::MAX))
}
fn left(arguments: &[Argument<'_>]) -> Evaluated {
    let count = count_of(arguments, 1)?;
    some(text_of(arguments, 0)?.chars().take(count).collect::<String>())
}
fn right(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, count) = (text_of(arguments, 0)?, count_of(arguments, 1)?);
    let skipped = text.chars().count().saturating_sub(count);
    some(text.chars().skip(skipped).collect::<String>())
}

fn starts_at_one(arguments: &[Node]) -> Result<(), Fault> {
    match arguments.get(1).map(|a| &a.kind) {
        Some(Kind::Integer(n)) if *n < 1 => Err(("Mid counts from 1".to_owned(), 1)),
        _ => Ok(()),
    }
}
/// Without a length, to the end.
fn mid(arguments: &[Argument<'_>]) -> Evaluated {
    let start = integer_of(arguments, 1)?;
    let Some(skipped) = start.checked_sub(1).and_then(|n| usize::try_from(n).ok()) else {
        return Err(("counts from 1".to_owned(), 1));
    };
    let length = if arguments.len() > 2 { count_of(arguments, 2)? } else { usize::MAX };
    some(text_of(arguments, 0)?.chars().skip(skipped).take(length).collect::<String>())
}

/// Words count from 1. Any of the delimiters ends one, two in a row hold an empty one between them.
fn word(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, number, delimiters) = (text_of(arguments, 0)?, integer_of(arguments, 1)?, signs_of(arguments, 2)?);
    let at = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
    let word = at.and_then(|at| text.split(|c| delimiters.contains(c)).nth(at));
    some(word.unwrap_or_default())
}

/// A language, and a script or region: `en`, `en-GB`, `zh-Hans-CN`.
fn is_culture(arguments: &[Node]) -> Result<(), Fault> {
    match arguments.get(1).map(|a| &a.kind) {
        None | Some(Kind::Empty) => Ok(()),
        Some(Kind::Text(culture)) => {
            let mut parts = culture.split('-');
            let language = parts.next().unwrap_or_default();
            let sound = (2..=3).contains(&language.len())
                && language.bytes().all(|b| b.is_ascii_alphabetic())
                && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
            if sound || culture.is_empty() {
                return Ok(());
            }
            Err((format!("`{culture}` is no culture: write it like \"en\" or \"tr-TR\""), 1))
        }
        Some(_) => Err(("the culture must be a text in quotes".to_owned(), 1)),
    }
}

/// Turkish and Azeri know an `i` without its dot and an `I` with one; no other culture of .NET changes letters otherwise.
fn is_dotted(arguments: &[Argument<'_>]) -> Result<bool, Fault> {
    let culture = text_of(arguments, 1)?;
    let language = culture.split('-').next().unwrap_or_default();
    Ok(language.eq_ignore_ascii_case("tr") || language.eq_ignore_ascii_case("az"))
}

/// One letter for one letter, as .NET does it: `ß` stays, although its capital form has two letters.
pub(super) fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    if lower.len() == 1 { lower.next().unwrap_or(c) } else { c }
}
pub(super) fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    if upper.len() == 1 { upper.next().unwrap_or(c) } else { c }
}
pub(super) fn to_lower(arguments: &[Argument<'_>]) -> Evaluated {
    let dotted = is_dotted(arguments)?;
    let one = |c: char| match c {
        'I' if dotted => 'ı',
        'İ' if dotted => 'i',
        c => lower(c),
    };
    some(text_of(arguments, 0)?.chars().map(one).collect::<String>())
}
pub(super) fn to_upper(arguments: &[Argument<'_>]) -> Evaluated {
    let dotted = is_dotted(arguments)?;
    let one = |c: char| match c {
        'i' if dotted => 'İ',
        c => upper(c),
    };
    some(text_of(arguments, 0)?.chars().map(one).collect::<String>())
}

/// What ends a word where no separators are named: blanks, controls, punctuation and symbols.
static SEPARATORS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{Z}\p{C}\p{P}\p{S}]$").ok());

fn separates(c: char) -> bool {
    let mut buffer = [0; 4];
    match (c, &*SEPARATORS) {
        ('a'..='z' | 'A'..='Z' | '0'..='9', _) => false,
        (c, Some(separators)) => separators.is_match(c.encode_utf8(&mut buffer)),
        (c, None) => !c.is_alphanumeric(),
    }
}

pub(super) fn pcase(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, own) = (text_of(arguments, 0)?, signs_of(arguments, 1)?);
    let ends_word = |c: char| if own.is_empty() { separates(c) } else { own.contains(c) };
    let mut begins = true;
    let one = |c: char| {
        let changed = if begins { upper(c) } else { lower(c) };
        begins = ends_word(c);
        changed
    };
    some(text.chars().map(one).collect::<String>())
}

/// Marks that are written onto letters of any script of Europe; other scripts need theirs to be read.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Letters that Unicode does not take apart, as the vendor's table replaces them.
fn whole_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'æ' => "ae",
        'Æ' => "AE",
        'ø' | 'œ' => "oe",
        'Ø' | 'Œ' => "OE",
        'ß' => "ss",
        'ẞ' => "SS",
        'ł' => "l",
        'Ł' => "L",
        'ı' => "i",
        _ => return None,
    })
}

fn plain_letters(arguments: &[Argument<'_>]) -> Evaluated {
    let text = text_of(arguments, 0)?;
    if text.is_ascii() {
        return some(text);
    }
    let mut plain = Builder::default();
    for c in text.nfd().filter(|c| !is_accent(*c)) {
        plain.push(whole_letter(c).unwrap_or(c.encode_utf8(&mut [0; 4])))?;
    }
    some(plain.0.nfc().collect::<String>())
}

/// U+0020 alone, as the vendor's examples do.
fn strip_spaces(arguments: &[Argument<'_>]) -> Evaluated {
    some(text_of(arguments, 0)?.replace(' ', ""))
}
fn trim(arguments: &[Argument<'_>]) -> Evaluated {
    some(text_of(arguments, 0)?.trim())
}
fn len(arguments: &[Argument<'_>]) -> Evaluated {
    number(text_of(arguments, 0)?.chars().count())
}

pub(super) fn pad_left(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, padding) = padding(arguments)?;
    some(padding + &text)
}
pub(super) fn pad_right(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, padding) = padding(arguments)?;
    some(text + &padding)
}
/// The text, and what brings it to its length: blanks, or the characters of a text over and over.
fn padding(arguments: &[Argument<'_>]) -> Result<(String, String), Fault> {
    let (text, length, with) = (text_of(arguments, 0)?, integer_of(arguments, 1)?, text_of(arguments, 2)?);
    let length = usize::try_from(length).map_err(|_| ("a length is not negative".to_owned(), 1))?;
    if length > TEXT_BYTES_MAX {
        return Err(("the result is too long".to_owned(), 1));
    }
    let with = if with.is_empty() { " " } else { &with };
    let missing = length.saturating_sub(text.chars().count());
    let padding: String = with.chars().cycle().take(missing).collect();
    Ok((text.into_owned(), padding))
}

/// Where the text is found, counted from 1; 0 where it is not.
fn in_str(arguments: &[Argument<'_>]) -> Evaluated {
    let (text, find) = (text_of(arguments, 0)?, text_of(arguments, 1)?);
    let start = match arguments.get(2) {
        Some(start) if !start.is_empty() => integer_of(arguments, 2)?,
        _ => 1,
    };
    let Some(skipped) = start.checked_sub(1).and_then(|n| usize::try_from(n).ok()) else {
        return Err(("counts from 1".to_owned(), 2));
    };
    let either_case = text_of(arguments, 3)? == "vbTextCompare";
    let letters = |text: &str| -> String {
        if either_case { text.chars().map(|c| lower(upper(c))).collect() } else { text.to_owned() }
    };
    let (text, find) = (letters(&text), letters(&find));
    let Some((from, _)) = text.char_indices().nth(skipped) else { return number(0) };
    let searched = text.get(from..).unwrap_or_default();
    let before = |at: usize| searched.get(..at).unwrap_or_default().chars().count();
    number(searched.find(&find).map_or(0, |at| skipped + before(at) + 1))
}

/// Which item has the text somewhere in it, counted from 1; 0 where none has. As a condition: does any?
fn contains(arguments: &[Argument<'_>]) -> Evaluated {
    let (items, find) = (super::items_of(arguments, 0)?, text_of(arguments, 1)?);
    let found = items.iter().position(|item| item.contains(find.as_ref()));
    number(found.map_or(0, |at| at + 1))
}
