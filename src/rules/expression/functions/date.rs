//! How are dates read, moved and compared? They are texts all the way, as in the vendor's dialect.

use super::super::Shape;
use super::super::evaluate::{Evaluation, Given, Stop};
use super::super::tree::{Kind, Node};
use super::{Argument, Evaluated, Fault, Function, Takes, integer_of, number, short, some, text_of};
use crate::rules::dates::{self, Date, Format, Interval, RETURNED};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::lazy("Now", "Now()", &[], Shape::Date, now),
    Function::eager("CDate", "CDate(expression)", &[Takes::Date], Shape::Date, to_date),
    Function::eager(
        "DateAdd",
        "DateAdd(interval, value, dateTime)",
        &[Takes::Interval, Takes::Number, Takes::Date],
        Shape::Date,
        date_add,
    ),
    Function::eager(
        "DateDiff",
        "DateDiff(interval, date1, date2)",
        &[Takes::Interval, Takes::Date, Takes::Date],
        Shape::Number,
        date_diff,
    ),
    Function::eager("DateFromNum", "DateFromNum(value)", &[Takes::Number], Shape::Date, from_number),
    Function::eager("NumFromDate", "NumFromDate(value)", &[Takes::Date], Shape::Number, to_number),
    Function::eager(
        "FormatDateTime",
        "FormatDateTime(source, dateTimeStyles, inputFormat, outputFormat)",
        &[Takes::Text],
        Shape::Text,
        format,
    )
    .from(3)
    .to(4)
    .with_empties()
    .checked(formats_are_sound),
];

/// What is said of a text that is no date.
pub(in super::super) fn no_date(text: &str) -> String {
    let forms = "dates are written like 2026-11-27, 2026-11-27T09:00:00+01:00 or 11/27/2026 9:00:00 AM";
    if text.trim().is_empty() {
        return format!("a date is needed, and none is here; {forms}");
    }
    format!("`{}` is no date; {forms}", short(text))
}

pub(super) fn date_of(arguments: &[Argument<'_>], i: usize) -> Result<Date, Fault> {
    let text = text_of(arguments, i)?;
    dates::read(&text).ok_or_else(|| (no_date(&text), i))
}
fn returned(date: Date) -> Evaluated {
    some(Format::new(RETURNED).map_err(|message| (message, 0))?.written(date))
}

fn now<'v>(evaluation: &mut Evaluation<'v>, _: &'v [Node]) -> Result<Option<Given<'v>>, Stop> {
    let millis = i64::try_from(evaluation.inputs.now.0).ok();
    let date = millis.and_then(chrono::DateTime::from_timestamp_millis);
    let text = date.and_then(|date| Some(Format::new(RETURNED).ok()?.written(date)));
    Ok(text.map(|text| Given::Text(text.into())))
}
fn to_date(arguments: &[Argument<'_>]) -> Evaluated {
    returned(date_of(arguments, 0)?)
}

fn interval_of(arguments: &[Argument<'_>]) -> Result<Interval, Fault> {
    Interval::new(&text_of(arguments, 0)?).map_err(|message| (message, 0))
}
fn date_add(arguments: &[Argument<'_>]) -> Evaluated {
    let (interval, count, date) = (interval_of(arguments)?, integer_of(arguments, 1)?, date_of(arguments, 2)?);
    match dates::add(date, interval, count) {
        Some(later) => returned(later),
        None => Err(("the result is outside the years 1 to 9999".to_owned(), 1)),
    }
}
fn date_diff(arguments: &[Argument<'_>]) -> Evaluated {
    number(dates::difference(date_of(arguments, 1)?, date_of(arguments, 2)?, interval_of(arguments)?))
}

fn from_number(arguments: &[Argument<'_>]) -> Evaluated {
    match dates::from_ticks(integer_of(arguments, 0)?) {
        Some(date) => returned(date),
        None => Err(("this number is outside the years 1 to 9999".to_owned(), 0)),
    }
}
/// As text: the number is for a directory's attribute, not for counting.
fn to_number(arguments: &[Argument<'_>]) -> Evaluated {
    some(dates::to_ticks(date_of(arguments, 0)?).to_string())
}

/// The names of .NET's `DateTimeStyles`. Everything is UTC here, so only those about blanks make a difference.
const STYLES: [(&str, bool); 10] = [
    ("None", false),
    ("AllowLeadingWhite", true),
    ("AllowTrailingWhite", true),
    ("AllowInnerWhite", false),
    ("AllowWhiteSpaces", true),
    ("NoCurrentDateDefault", false),
    ("AdjustToUniversal", false),
    ("AssumeLocal", false),
    ("AssumeUniversal", false),
    ("RoundtripKind", false),
];

/// Are blanks around the date allowed? They are where no style is named.
fn allows_blanks(styles: &str) -> Result<bool, String> {
    let mut allowed = styles.trim().is_empty();
    for style in styles.split([',', '|']).map(str::trim).filter(|s| !s.is_empty()) {
        let name = style.strip_prefix("DateTimeStyles.").unwrap_or(style);
        match STYLES.iter().find(|(known, _)| *known == name) {
            Some((_, blanks)) => allowed |= blanks,
            None => return Err(format!("`{}` is none of .NET's DateTimeStyles", short(name))),
        }
    }
    Ok(allowed)
}

/// Source, styles, input format and output format; without the styles where there are three.
fn places(given: usize) -> (Option<usize>, usize, usize) {
    if given > 3 { (Some(1), 2, 3) } else { (None, 1, 2) }
}

/// Formats in quotes are looked at before any user is.
fn formats_are_sound(arguments: &[Node]) -> Result<(), Fault> {
    let (styles, from, to) = places(arguments.len());
    let quoted = |i: usize| match arguments.get(i).map(|a| &a.kind) {
        Some(Kind::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    for i in [from, to] {
        if arguments.get(i).is_some_and(Node::is_empty) {
            return Err(("a date format is missing".to_owned(), i));
        }
        let Some(text) = quoted(i) else { continue };
        let format = Format::new(text).map_err(|message| (message, i))?;
        if i == from {
            format.readable().map_err(|message| (message, i))?;
        }
    }
    match styles.and_then(|i| Some((quoted(i)?, i))) {
        Some((text, i)) => allows_blanks(text).map(drop).map_err(|message| (message, i)),
        None => Ok(()),
    }
}

/// A source without a value gives none.
fn format(arguments: &[Argument<'_>]) -> Evaluated {
    let source = text_of(arguments, 0)?;
    if source.trim().is_empty() {
        return some("");
    }
    let (styles, from, to) = places(arguments.len());
    let blanks = match styles {
        Some(i) => allows_blanks(&text_of(arguments, i)?).map_err(|message| (message, i))?,
        None => true,
    };
    let shape = text_of(arguments, from)?;
    let input = Format::new(&shape).map_err(|message| (message, from))?;
    input.readable().map_err(|message| (message, from))?;
    let output = Format::new(&text_of(arguments, to)?).map_err(|message| (message, to))?;
    match input.read(&source, blanks) {
        Some(date) => some(output.written(date)),
        None => Err((format!("`{}` is no date of the form `{shape}`", short(&source)), 0)),
    }
}

/// Two arguments, as Entra Connect has it: a date as text, and the format that it shall have.
pub(super) fn format_date(arguments: &[Argument<'_>]) -> Evaluated {
    let date = date_of(arguments, 0)?;
    some(Format::new(&text_of(arguments, 1)?).map_err(|message| (message, 1))?.written(date))
}
