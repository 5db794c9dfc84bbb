//! Do expressions and patterns keep to their documentation in the details, at the limits and in what they refuse?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{Attribute, Attributes, Timestamp, Value};
use crosstie::rules::diagnostic::nearest;
use crosstie::rules::properties::is_sensitive;
use crosstie::rules::{Diagnostic, Dialect, Expression, Inputs, Operator, Output, RuleSet, Shape, TestCase};

const ENTRA: Dialect = Dialect::Provisioning;
const CONNECT: Dialect = Dialect::Connect;

fn user() -> Attributes {
    let json = serde_json::json!({
        "accountEnabled": true, "mail": "ada@north.example", "text": "x", "blank": "", "on": "TRUE", "two": "2",
        "tags": ["red", "green"], "one": ["red"],
        "back": "a\u{8}b", "dn": "CN=Doe\\, Joe, OU=Staff,DC=north,DC=example", "path": "CN=a\\\\b,OU=x",
    });
    let map: BTreeMap<String, Value> = serde_json::from_value(json).expect("a user");
    map.into_iter().map(|(name, value)| (Attribute::new(name), value)).collect()
}

/// What it gives: `-` for no value, `! …` where it has none for this user.
fn given(dialect: Dialect, source: &str) -> String {
    let expression = Expression::parse_in(dialect, source).unwrap_or_else(|e| panic!("{source}: {e}, {:?}", e.hint));
    match expression.evaluate(Inputs::new(&user(), Timestamp(0))) {
        Ok(Output::Value(Some(value))) => value.to_string(),
        Ok(Output::Value(None)) => "-".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("! {error}"),
    }
}

/// Message, the part of the source that it is about, and the way out.
fn refused(dialect: Dialect, source: &str) -> (String, String, String) {
    let error = Expression::parse_in(dialect, source).err().unwrap_or_else(|| panic!("{source} is accepted"));
    let place = source.get(error.span.clone()).expect("a place in the source").to_owned();
    (error.message, place, error.hint.unwrap_or_default())
}

#[test]
fn functions_give_what_their_documentation_says() {
    for (dialect, source, wanted) in [
        // Spare commas go where nothing may stand there; where something may, nothing stands there.
        (ENTRA, r#"IIF([accountEnabled], , "b")"#, "-"),
        (ENTRA, r#"IIF(Not([accountEnabled]), "a", )"#, "-"),
        (ENTRA, r#"IIF([accountEnabled], "a", "b", )"#, "a"),
        (ENTRA, r#"Coalesce("", )"#, "-"),
        // Conditions: no value is false, 0 is false, words in any case.
        (ENTRA, r#"IIF("False", "a", "b")"#, "b"),
        (ENTRA, r#"IIF([on], "a", "b")"#, "a"),
        (ENTRA, r#"IIF([two], "a", "b")"#, "a"),
        (ENTRA, r#"IIF("0", "a", "b")"#, "b"),
        (ENTRA, r#"IIF(2, "a", "b")"#, "a"),
        (ENTRA, r#"IIF(0, "a", "b")"#, "b"),
        (ENTRA, r#"IIF([nobody], "a", "b")"#, "b"),
        // A Boolean compares with the words, and is neither greater nor less than anything.
        (ENTRA, r#"IIF([accountEnabled] <> "TRUE", "a", "b")"#, "b"),
        (ENTRA, r#"IIF([accountEnabled] <> "false", "a", "b")"#, "a"),
        (ENTRA, r#"IIF([accountEnabled] = "", "a", "b")"#, "b"),
        (ENTRA, r#"IIF(Len([mail]) = "17", "a", "b")"#, "a"),
        (ENTRA, r#"IIF(Len([mail]) = "", "a", "b")"#, "b"),
        (ENTRA, r#"IIF([text] = Now(), "a", "b")"#, "b"),
        // Keys of a Switch are exact, unless a Boolean is asked.
        (ENTRA, r#"Switch("ABC", "other", "abc", "small")"#, "other"),
        (ENTRA, r#"Switch([accountEnabled], "other", "TRUE", "yes")"#, "yes"),
        (ENTRA, r#"Count([blank])"#, "0"),
        (ENTRA, r#"Count([text])"#, "1"),
        (ENTRA, r#"Count([tags])"#, "2"),
        // Turkish and Azeri letters alone are others.
        (ENTRA, r#"ToLower("Iİ", "tr-TR")"#, "ıi"),
        (ENTRA, r#"ToLower("I", "AZ")"#, "ı"),
        (ENTRA, r#"ToLower("I", "en-GB")"#, "i"),
        (ENTRA, r#"ToUpper("i", "az-Latn-AZ")"#, "İ"),
        (ENTRA, r#"ToUpper("i", "en")"#, "I"),
        (ENTRA, r#"ToUpper("i", "")"#, "I"),
        (ENTRA, r#"ToLower("İ")"#, "İ"),
        (ENTRA, r#"NormalizeDiacritics("ẞßŁé")"#, "SSssLe"),
        (ENTRA, r#"PCase("ada-mary lovelace's")"#, "Ada-Mary Lovelace'S"),
        (ENTRA, r#"InStr("abcb", "b", , )"#, "2"),
        (ENTRA, r#"InStr("abcb", "b", 3)"#, "4"),
        (ENTRA, r#"InStr("abcb", "B", , vbTextCompare)"#, "2"),
        // Connect's own.
        (CONNECT, "Join([tags])", "red,green"),
        (CONNECT, r#"Join([tags], "; ")"#, "red; green"),
        (CONNECT, r#"DNComponent([dn], 1)"#, "Doe, Joe"),
        (CONNECT, r#"DNComponent([dn], 2)"#, "Staff"),
        (CONNECT, r#"DNComponent([path], 1)"#, "a\\b"),
        (CONNECT, r#"DNComponentRev([dn], 1, "DC")"#, "Staff"),
        (CONNECT, "IsBitSet(514, 2)", "true"),
        (CONNECT, "IsBitSet(512, 2)", "false"),
        (CONNECT, r#"IIF(True, "a", "b")"#, "a"),
        // Replacement texts of .NET; a group that is not there stands for itself.
        (ENTRA, r#"Replace("ab", , "(a)(?<n>b)", , "$2$1", , )"#, "ba"),
        (ENTRA, r#"Replace("ab", , "(a)(?<n>b)", , "${n}$10$7", , )"#, "ba0$7"),
        (ENTRA, r#"Replace("ab", , "a", , "$$$&$", , )"#, "$a$b"),
        (ENTRA, r#"Replace("ab", , "(a)(b)", "2", "x", , )"#, "ax"),
        // .NET's escapes and classes.
        (ENTRA, r#"Replace("a-b]c", , "[]-]", , "", , )"#, "abc"),
        (ENTRA, r#"Replace("a[b&c~d", , "[[&~]", , "", , )"#, "abcd"),
        (ENTRA, r#"Replace("a--b+c", , "[+--]", , "", , )"#, "abc"),
        (ENTRA, r#"Replace("ab", , "b\Z", , "", , )"#, "a"),
        (ENTRA, r#"Replace("a<b>", , "\<|\>", , "", , )"#, "ab"),
        (ENTRA, r#"Replace("a1b", , "[\d]", , "", , )"#, "ab"),
        (ENTRA, r#"Replace("ab", , "(?#no more)b", , "", , )"#, "a"),
        (ENTRA, r#"Replace("ab", , "(?<n>b)", "n", "x", , )"#, "ax"),
        (ENTRA, r#"Replace("ab", , "(?'n'b)", "n", "x", , )"#, "ax"),
        (ENTRA, r#"Replace([back], , "[\b]", , "", , )"#, "ab"),
        (ENTRA, r#"Replace("ab cab", , "\bab", , "x", , )"#, "x cab"),
        (ENTRA, r#"Replace("ab", , "(?<n>b)", , "$n", , )"#, "a$n"),
        // Every empty match counts, one character on.
        (ENTRA, r#"Replace("äb", , "x*", , "-", , )"#, "-ä-b-"),
        // Dates.
        (ENTRA, r#"DateDiff("d", "2026-01-31", DateAdd("m", 1, "2026-01-31"))"#, "28"),
        (ENTRA, r#"DateAdd("d", -1, "2026-03-01")"#, "2/28/2026 12:00:00 AM"),
        (ENTRA, r#"DateAdd("m", -1, "2026-03-31")"#, "2/28/2026 12:00:00 AM"),
        (ENTRA, r#"DateAdd("d", 0, "2026-03-01")"#, "3/1/2026 12:00:00 AM"),
        (ENTRA, "DateFromNum(129699324000000000)", "1/1/2012 11:00:00 PM"),
    ] {
        assert_eq!(given(dialect, source), wanted, "{source}");
    }
}

#[test]
fn what_can_never_be_meant_is_refused_with_a_place_and_a_way_out() {
    for (dialect, source, message, place, hint) in [
        (ENTRA, r#"Append("a", )"#, "argument 2 of Append is missing", r#"Append("a", )"#, "Append(source, suffix)"),
        (ENTRA, r#"Append("a")"#, "Append takes at least 2 arguments, here it has 1", "Append", ""),
        (ENTRA, r#"Trim("a", "b")"#, "Trim takes at most 1 argument, here it has 2", "Trim", ""),
        (ENTRA, r#"Left([mail], "x")"#, "`x` is no whole number", r#""x""#, "Left(source, count)"),
        (ENTRA, r#"Left([mail], Now())"#, "this is a date", "Now()", ""),
        (ENTRA, r#"Left([mail], [accountEnabled])"#, "this is true or false", "[accountEnabled]", ""),
        (ENTRA, r#"DateAdd("d", 1, Len([mail]))"#, "a date is needed, and this is a number", "Len([mail])", ""),
        (ENTRA, r#"DateAdd("d", 1, 5)"#, "`5` is no date", "5", ""),
        (ENTRA, r#"DateAdd(Len([mail]), 1, Now())"#, "an interval is needed", "Len([mail])", ""),
        (ENTRA, r#"DateAdd("q", 1, Now())"#, "`q` is no interval", r#""q""#, ""),
        (ENTRA, r#"IIF(Now(), "a", "b")"#, "a condition is needed, and this is a date", "Now()", ""),
        (ENTRA, r#"PadLeft("a", -1, "b")"#, "a length is not negative", "-1", "PadLeft("),
        (ENTRA, r#"PadLeft("a", 65537, "b")"#, "the result is too long", "65537", ""),
        (CONNECT, "DNComponent(True, 0)", "counts from 1", "0", ""),
        (CONNECT, "Left([mail], True)", "`True` is no whole number", "True", ""),
        (ENTRA, "Mid([mail], 0, 1)", "counts from 1", "0", ""),
        (ENTRA, r#"Split([mail], "")"#, "a delimiter that is not empty", r#""""#, ""),
        (ENTRA, r#"Replace([mail], "", , , "x", , )"#, "an oldValue that is not empty", r#""""#, ""),
        (ENTRA, r#"[accountEnabled] > [mail]"#, "neither greater nor less", "[accountEnabled] > [mail]", "= or <>"),
        (ENTRA, r#"[accountEnabled] = 1"#, "never equal", "[accountEnabled] = 1", ""),
        (ENTRA, r#"[accountEnabled] = "yes""#, "never equal", "", "\"true\" or \"false\""),
        (ENTRA, r#""yes" = [accountEnabled]"#, "never equal", "", "\"true\" or \"false\""),
        (ENTRA, r#"Len([mail]) = "long""#, "never equal", "", "compare with a number"),
        (ENTRA, r#"[mail] > Now()"#, "dates are texts", "", "DateDiff"),
        (
            ENTRA,
            r#"IIF(SelectUniqueValue("a", "b") = "a", "x", "y")"#,
            "stands alone at the top",
            r#"SelectUniqueValue("a", "b")"#,
            "",
        ),
        (
            ENTRA,
            r#"SelectUniqueValue("a", SelectUniqueValue("b", "c"))"#,
            "stands alone",
            "SelectUniqueValue(\"b\", \"c\")",
            "",
        ),
        (ENTRA, r#"Switch([mail], "d", "key")"#, "the last key of this Switch has no value", r#""key""#, ""),
        (ENTRA, r#"Switch([mail], "d", "k", "v", "key")"#, "the last key of this Switch has no value", r#""key""#, ""),
        (CONNECT, r#"Switch([mail] = "a", "1", [text])"#, "the last condition of this Switch", "[text]", ""),
        (ENTRA, r#"ToLower([mail], "e")"#, "no culture", r#""e""#, ""),
        (ENTRA, r#"ToLower([mail], "e1")"#, "no culture", r#""e1""#, ""),
        (ENTRA, r#"ToLower([mail], "en-G")"#, "no culture", r#""en-G""#, ""),
        (ENTRA, r#"ToLower([mail], "en-G!")"#, "no culture", r#""en-G!""#, ""),
        (ENTRA, "RandomString(2, 1, 1, 1, 0)", "more than the length", "2", ""),
        (ENTRA, "RandomString(10, 0, -1, 0, 0)", "a least number is from 0", "-1", ""),
        (
            ENTRA,
            "IsNothing([mail])",
            "IsNothing is not supported, because it is not documented",
            "IsNothing",
            "IsNullOrEmpty(…)",
        ),
        (CONNECT, r#"ConvertFromBase64("/w==")"#, "these bytes are no text", "", ""),
        (ENTRA, "DefaultDomain()", "any number of targets", "DefaultDomain", "in quotes"),
        // Words.
        (ENTRA, "IgnoreAttributeFlo", "neither a text", "IgnoreAttributeFlo", "`IgnoreAttributeFlow`?"),
        (ENTRA, "ToLowr", "neither a text", "ToLowr", "`ToLower(…)`?"),
        (ENTRA, "True", "neither a text", "True", ""),
        (ENTRA, r#"[a]="x" and [b]="y""#, "cannot follow", "and", "And(a, b)"),
        (ENTRA, r#"[a]="x" OR [b]="y""#, "cannot follow", "OR", "Or(a, b)"),
        (ENTRA, r#"[a] Is "x""#, "cannot follow", "Is", "comparisons are"),
        (ENTRA, r#"[a] not "x""#, "cannot follow", "not", "<>"),
        (ENTRA, r#"Trim("a"))"#, "cannot follow", ")", "one `)` too many"),
        (ENTRA, r#""a" "b""#, "cannot follow", r#""b""#, "separated by commas"),
        (ENTRA, r#"[a] b"#, "cannot follow", "b", "separated by commas"),
        (ENTRA, "“a”", "has no place here", "“", "straight double quotes"),
        (ENTRA, "!IsNull([a])", "has no place here", "!", "Not(…)"),
        (ENTRA, r#"Append("a"; "b")"#, "has no place here", ";", "commas"),
        (ENTRA, r#""a" + "b""#, "has no place here", "+", "Append(a, b)"),
        (ENTRA, "]", "has no place here", "]", "[name]"),
        (ENTRA, r#""a" && "b""#, "`&&` has no place here", "&&", "And(a, b)"),
        (ENTRA, r#""a" & "b""#, "`&` has no place here", "&", "Append(a, b)"),
        (ENTRA, "[a b]", "no attribute name", "[a b]", "letters, digits"),
        (ENTRA, "[]", "no attribute name", "[]", "letters, digits"),
        // Patterns that linear time has no answer to.
        (ENTRA, r#"Replace([a], , "(a)\1", , "", , )"#, "a back-reference", r#""(a)\1""#, ""),
        (ENTRA, r#"Replace([a], , "[a-[b]]", , "", , )"#, "a class taken from a class", "", ""),
        (ENTRA, r#"Replace([a], , "(?=a)", , "", , )"#, "looking ahead", "", ""),
        (ENTRA, r#"Replace([a], , "(?<!a)", , "", , )"#, "looking behind", "", ""),
        (ENTRA, r#"Replace([a], , "(?<a-b>x)", , "", , )"#, "a balancing group", "", ""),
        (ENTRA, r#"Replace([a], , "(?#no end", , "", , )"#, "this comment has no end", "", ""),
        (ENTRA, r#"Replace([a], , "(a)", "2", "x", , )"#, "the pattern has no group `2`", r#""2""#, ""),
    ] {
        let (said, at, way_out) = refused(dialect, source);
        assert!(said.contains(message), "{source}: {said}");
        assert!(place.is_empty() || at == place, "{source}: {said} at {at}");
        assert!(way_out.contains(hint), "{source}: {said}; {way_out}");
    }
}

/// A hint is there or is not: an empty one is none.
#[test]
fn no_hint_is_empty() {
    for (source, hinted) in [("Append(\"a\",", false), ("{", false), ("[a", true), ("\"a\" \"b\"", true)] {
        let error = Expression::parse(source).expect_err("it is refused");
        assert_eq!(error.hint.as_deref().map(str::is_empty), hinted.then_some(false), "{source}: {error}");
    }
}

#[test]
fn what_an_expression_gives_is_known_where_all_its_branches_agree() {
    for (source, shape) in [
        (r#"IIF([accountEnabled], "a", "b")"#, Shape::Text),
        (r#"IIF([accountEnabled], "a", )"#, Shape::Text),
        (r#"IIF([accountEnabled], "a", Len([mail]))"#, Shape::Any),
        (r#"Coalesce([accountEnabled], "a")"#, Shape::Any),
        ("Coalesce([mail], [text])", Shape::Any),
        (r#"Coalesce([mail], "a")"#, Shape::Text),
        ("Redact([accountEnabled])", Shape::Bool),
        ("IgnoreFlowIfNullOrEmpty([accountEnabled])", Shape::Bool),
    ] {
        assert_eq!(Expression::parse(source).expect("an expression").shape(), shape, "{source}");
    }
}

#[test]
fn attributes_are_found_on_both_sides_of_a_comparison() {
    let source = r#"IIF([a] = [b], Trim([c]), [b])"#;
    let expression = Expression::parse(source).expect("an expression");
    let names: Vec<String> = expression.attributes().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "b", "c"]);
    for (name, at) in [("a", Some("[a]")), ("b", Some("[b]")), ("c", Some("[c]")), ("d", None)] {
        assert_eq!(expression.span_of(name).and_then(|span| source.get(span)), at);
    }
    assert_eq!(expression.span_of("b"), Some(10..13), "the first one");
    let renamed = expression.renamed(|name| (name != "c").then(|| format!("{name}{name}"))).expect("an expression");
    assert_eq!(renamed.source(), "IIF([aa] = [bb], Trim([c]), [bb])");
    assert!(format!("{expression:?}").contains("([a] = [b])"), "{expression:?}");
}

#[test]
fn a_trace_says_within_how_many_calls_each_part_stands() {
    let expression = Expression::parse(r#"Join("", Trim(Trim("a")), Trim("b"))"#).expect("an expression");
    let (_, steps) = expression.trace(Inputs::new(&user(), Timestamp(0)));
    let depths: Vec<(usize, &str)> = steps.iter().map(|s| (s.depth, s.part.as_str())).collect();
    let whole = r#"Join("", Trim(Trim("a")), Trim("b"))"#;
    assert_eq!(depths, [(2, r#"Trim("a")"#), (1, r#"Trim(Trim("a"))"#), (1, r#"Trim("b")"#), (0, whole)]);
}

#[test]
fn a_dialect_names_each_of_its_functions_once() {
    for (dialect, own, others) in [(ENTRA, "SelectUniqueValue", "DNComponent"), (CONNECT, "DNComponent", "LowerCase")] {
        let names = dialect.functions();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.contains(&own) && names.contains(&"Switch") && !names.contains(&others), "{names:?}");
    }
}

#[test]
fn limits_hold_at_their_edges() {
    let text = |letters: usize| format!("\"{}\"", "a".repeat(letters));
    assert!(Expression::parse(&text(9_998)).is_ok(), "10,000 characters");
    assert!(Expression::parse(&text(9_999)).is_err(), "10,001 characters");
    for (open, close) in [("Trim(", ")"), ("(", ")")] {
        let nested = |depth: usize| format!("{}\"a\"{}", open.repeat(depth), close.repeat(depth));
        assert!(Expression::parse(&nested(64)).is_ok(), "64 within each other");
        for depth in [65, 66] {
            assert!(Expression::parse(&nested(depth)).is_err(), "{depth} within each other");
        }
        let beside = format!("Join(\"\", {})", vec![nested(1); 70].join(", "));
        assert!(Expression::parse(&beside).is_ok(), "70 beside each other");
    }
}

#[test]
fn no_part_gives_more_than_64_kibibytes() {
    const MOST: usize = 64 * 1024;
    let with = |source: &str, value: Value| {
        let user: Attributes = [(Attribute::new("long"), value)].into_iter().collect();
        Expression::parse(source).expect("an expression").evaluate(Inputs::new(&user, Timestamp(0))).map(drop)
    };
    let text = |bytes: usize| Value::from("a".repeat(bytes));
    for (source, before) in [("[long]", 0), (r#"Append([long], "b")"#, 1), (r#"PadLeft([long], 65536, "b")"#, 0)] {
        assert_eq!(with(source, text(MOST - before)), Ok(()), "{source}");
    }
    for (source, before) in [("[long]", 0), (r#"Append([long], "b")"#, 1)] {
        let error = with(source, text(MOST - before + 1)).expect_err(source);
        assert_eq!(error.message.split(": ").last(), Some("the result is too long"), "{source}");
    }
    assert_eq!(with("Append([long], [long])", text(300)), Ok(()));
    // What lists carry is counted with one byte for each item.
    assert_eq!(with("[long]", Value::from(vec!["a".repeat(MOST - 1)])), Ok(()));
    assert!(with("[long]", Value::from(vec!["a".repeat(MOST)])).is_err());
    assert!(with("[long]", Value::from(vec![String::new(); MOST + 1])).is_err());
}

fn drawn(source: &str, seed: &str) -> String {
    let expression = Expression::parse(source).expect("an expression");
    let nobody = Attributes::new();
    let inputs = Inputs { seed: [seed, "mail"], ..Inputs::new(&nobody, Timestamp(0)) };
    match expression.evaluate(inputs) {
        Ok(Output::Value(Some(Value::Text(text)))) => text.into(),
        other => panic!("{source}: {other:?}"),
    }
}

/// Another draw would be another name for everybody: these never change.
#[test]
fn what_was_drawn_for_a_person_is_drawn_for_ever() {
    for (source, seed, wanted) in [
        ("Guid()", "ada", "a533b6e7-1d58-487a-b4f1-22376e09e28f"),
        ("RandomString(24, 2, 2, 2, 2)", "ada", ")|_[Z9dp@nn?[PXwZ*ei1KLx"),
        ("RandomString(24, 2, 2, 2, 2)", "joe", r"'M.gN@S_kSiIQ`/?51I5[\js"),
        (r#"RandomString(12, 0, 0, 0, 0, "abc")"#, "ada", "poojq19I1Dxw"),
    ] {
        assert_eq!(drawn(source, seed), wanted, "{source}");
    }
    let twice = drawn("Append(Guid(), Guid())", "ada");
    assert_ne!(twice.get(..36), twice.get(36..), "each draw is another one");
}

#[test]
fn a_random_text_has_what_was_asked_for_in_any_order() {
    let special = |c: &char| !c.is_ascii_alphanumeric();
    let (mut most, mut first) = (0, BTreeSet::new());
    for seed in 0..40 {
        let seed = format!("person {seed}");
        let plain = drawn("RandomString(40, 0, 0, 0, 0)", &seed);
        assert_eq!((plain.len(), plain.chars().filter(special).count()), (40, 0), "{plain}");
        let mixed = drawn("RandomString(40, 0, 1, 0, 0)", &seed);
        most = most.max(mixed.chars().filter(special).count());
        let pair = drawn("RandomString(2, 1, 0, 0, 1)", &seed);
        first.insert(pair.starts_with(|c: char| c.is_ascii_digit()));
        let full = drawn("RandomString(4, 1, 1, 1, 1)", &seed);
        assert_eq!(full.chars().filter(special).count(), 1, "{full}");
        let spared = drawn(r#"RandomString(40, 0, 0, 0, 0, "0123456789")"#, &seed);
        assert!(!spared.contains(|c: char| c.is_ascii_digit()), "{spared}");
    }
    assert!(most > 1, "where one special character is asked for, there may be more");
    assert_eq!(first.len(), 2, "the digit comes first or last");
}

#[test]
fn a_random_text_that_cannot_be_says_which_argument_forbids_it() {
    for (source, message, place) in [
        (r#"RandomString(9, 1, 0, 0, 0, "0123456789")"#, "every such character is avoided", "1"),
        ("RandomString(Len([mail]), 9, 9, 0, 0)", "more than the length", "Len([mail])"),
        (r#"RandomString(9, Len("") , -1, 0, 0)"#, "a least number is from 0", "-1"),
    ] {
        let expression = Expression::parse(source).expect("an expression");
        let error = expression.evaluate(Inputs::new(&user(), Timestamp(0))).expect_err("no text");
        assert!(error.message.contains(message), "{source}: {error}");
        assert_eq!(source.get(error.span), Some(place), "{source}");
    }
}

#[test]
fn a_clause_says_what_is_wrong_with_its_value() {
    let list = || Value::from(vec!["a".to_owned()]);
    for (name, value, message) in [
        ("Includes", Value::from(String::new()), "holds for nobody"),
        ("EQUALS", Value::Bool(true), "there are IS TRUE and IS FALSE"),
        ("NOT EQUALS", list(), "`&` and `!&` take a list"),
        ("Greater_Than", Value::from("5".to_owned()), "compares whole numbers, and the value is a text"),
        ("Greater_Than_OR_EQUALS", Value::Bool(true), "compares whole numbers, and the value is a Boolean"),
        ("Includes", Value::Integer(5), "needs a text, and the value is a whole number"),
        ("ENDS_WITH", list(), "needs a text, and the value is a list"),
        ("&", Value::Bool(true), "& needs members"),
        ("IS NULL", Value::Integer(5), "takes no value"),
    ] {
        let said = Operator::new(name, Some(value)).expect("an operator").expect_err("a wrong value");
        assert!(said.contains(message), "{name}: {said}");
    }
}

/// Everything that is said of a rule file, as `id: message; hint` with the place.
fn said(text: &str) -> Vec<(String, String)> {
    let findings = RuleSet::parse("x", text).map_or_else(|findings| findings, |(_, warnings)| warnings);
    let place = |d: &Diagnostic| d.span.clone().and_then(|span| text.get(span)).unwrap_or_default().to_owned();
    let all = |d: &Diagnostic| format!("{}: {}; {}", d.id, d.message, d.hint.as_deref().unwrap_or_default());
    findings.iter().filter(|d| d.id != "no-display-name").map(|d| (all(d), place(d))).collect()
}

#[test]
fn a_rule_file_is_told_what_cannot_be_and_how_it_is_written() {
    let attribute = |line: &str| format!("[attributes]\n{line}\n");
    let clause = |line: &str| format!("[[scope]]\nall = [{{ {line} }}]\n");
    for (text, wanted, hint) in [
        (attribute("usageLocation = '[country]'"), "may-be-too-long: ", "a code of two letters"),
        (attribute("usageLocation = '[userType]'"), "this can give 6 characters", "a code of two letters"),
        (
            attribute("usageLocation = 'IIF(IsPresent([city]), [country], Error(\"no\"))'"),
            "can give 128 characters",
            "",
        ),
        (attribute("city = '[streetAddress]'"), "may-be-too-long: ", "cut it: `Left(…, 128)`"),
        (attribute("mail = { constant = 'a@north.example' }"), "invited-address: ", "[mail]"),
        (attribute("mail = '[city]'"), "[city] need not be", "[mail]"),
        (attribute("mail = 'SelectUniqueValue([mail], [city])'"), "expression-type: `mail` is where", ""),
        (attribute("showInAddressList = 'SelectUniqueValue([mail], [city])'"), "is no text", ""),
        (attribute("showInAddressList = 'Now()'"), "this is a date", ""),
        (attribute("showInAddressList = 'Split([mail], \"@\")'"), "this is a list", ""),
        (attribute("showInAddressList = 'Len([mail])'"), "this is a number", ""),
        (attribute("city = '[otherMails]'"), "other-kind: `city` holds one value", "Item(…, 1)"),
        (attribute("otherMails = [1]"), "the list `otherMails` must hold texts only", ""),
        (attribute("usageLocation = { constant = 'UK' }"), "is GB", "usageLocation = …"),
        (attribute("usageLocation = { constant = 'gb' }"), "two capital letters", ""),
        (attribute("usageLocation = { constant = 'GBR' }"), "two capital letters", ""),
        (attribute("showInAddressList = { constant = 'perhaps' }"), "constant-type", "showInAddressList = true"),
        (attribute("otherMails = 5"), "a list of texts is needed", "otherMails = […]"),
        (format!("account = 'member'\n{}", attribute("userType = { constant = 'Guest' }")), "account-type: ", "guest"),
        (attribute("extension_0b9b0d64000040008000000000000001_ = '[city]'"), "unknown-attribute", ""),
        (attribute("extension_0b9b0d6400004000800000000000000_badge = '[city]'"), "unknown-attribute", ""),
        (attribute("extension_0b9b0d6400004000800000000000000x_badge = '[city]'"), "unknown-attribute", ""),
        (clause("attribute = 'userType', operator = 'NOT REGEX MATCH', value = '^X$'"), "holds for every value", ""),
        (clause("attribute = 'userType', operator = 'REGEX MATCH', value = '^X$'"), "holds for no value", ""),
        (clause("attribute = 'manager', operator = 'IS NULL'"), "refers to another user", "membership"),
        (clause("attribute = 'otherMails', operator = 'EQUALS', value = 'a'"), "is a list, and EQUALS", "membership"),
        (clause("attribute = 'accountEnabled', operator = 'EQUALS', value = 'x'"), "is a Boolean", "IS TRUE"),
        (clause("attribute = 'city', operator = 'IS TRUE'"), "is a text: use EQUALS", "EQUALS"),
        (clause("attribute = 'city', operator = 'Greater_Than', value = 'x'"), "whole numbers", "value = 100 }"),
        (clause("attribute = 'city', operator = 'IS NULL', value = 'x'"), "takes no value", "operator = \"IS NULL\" }"),
        (
            clause("attribute = 'city', operator = 'REGEX MATCH', value = 5"),
            "needs a text",
            "value = \"^(Teacher|Staff)$\"",
        ),
        (clause("attribute = 'city', operator = 'ENDS_WITH', value = 5"), "needs a text", "value = \"@north.example\""),
        (clause("attribute = 'city', operator = '&', value = ''"), "holds for nobody", "value = \"Teacher; Staff\""),
        (clause("attribute = 'city', operator = 'Includes', value = 5"), "needs a text", "value = \"Sales\""),
        ("account = 5\n".to_owned(), "must be", "write `account = \"…\"`"),
        ("leavers = 5\n".to_owned(), "must be", "write `leavers = { … }`"),
        ("[leavers]\ngrace_days = 'x'\n".to_owned(), "must be a whole number", "write `grace_days = 10`"),
        ("[leavers]\ndeleted = 'keep'\nout_of_scope = 'keep'\ngrace_days = 1\n".to_owned(), "idle-grace", "delete"),
        ("[[match]]\ntarget = 'userPrincipalName'\nsource = '[mail]'\n".to_owned(), "match-never", "proxyAddresses"),
        ("[[match]]\ntarget = 'city'\nsource = '[city]'\n".to_owned(), "weak-match", "employeeId"),
    ] {
        let said = said(&text);
        let found = |(line, _): &(String, String)| {
            line.split_once("; ").is_some_and(|_| line.contains(wanted) && line.contains(hint))
        };
        assert!(said.iter().any(found), "{text}: {said:#?}");
    }
}

#[test]
fn a_rule_file_is_told_nothing_where_nothing_is_wrong() {
    let letters = "ä".repeat(128);
    for text in [
        "[attributes]\nmail = '[mail]'\n",
        "[attributes]\ncity = '[businessPhones]'\n",
        "[attributes]\ncity = []\n",
        "[attributes]\nusageLocation = 'Left([country], \"2\")'\n",
        "[attributes]\nusageLocation = { constant = 'GB' }\n",
        "account = 'guest'\n[attributes]\nuserType = { constant = 'Guest' }\n",
        "[leavers]\ndeleted = 'keep'\nout_of_scope = 'keep'\ngrace_days = 0\n",
        "[[scope]]\nall = [{ attribute = 'userType', operator = 'NOT REGEX MATCH', value = '^Guest$' }]\n",
        "[[scope]]\nall = [{ attribute = 'otherMails', operator = 'IS NULL' }]\n",
        "[[scope]]\nall = [{ attribute = 'accountEnabled', operator = 'IS NOT NULL' }]\n",
        "[[scope]]\nall = [{ attribute = 'city', operator = 'IS NULL' }]\n",
        &format!("[attributes]\ncity = {{ constant = '{letters}' }}\n"),
        &format!("[[scope]]\nall = [{{ attribute = 'city', operator = 'EQUALS', value = '{letters}' }}]\n"),
    ] {
        assert_eq!(said(text), [], "{text}");
    }
    let upn = said("[[match]]\ntarget = 'userPrincipalName'\nsource = '[city]'\n");
    assert!(upn.iter().all(|(line, _)| !line.starts_with("match-never")), "{upn:?}");
}

/// Between whatever quotes and behind whatever escapes.
#[test]
fn a_fault_in_an_expression_is_found_behind_escapes() {
    for (line, place) in [
        (r#"city = "Join(\"\b\t\n\f\r\u00e9\U0001F600\\\\\", Nope())""#, "Nope"),
        (r#"city = "Join(\"\e\x41\", Nope())""#, "Nope"),
        ("city = \"\"\"\nJoin(\"-\", \\\n   Nope())\"\"\"", "Nope"),
        ("city = '[a] b'", "b"),
        ("city = ''", ""),
    ] {
        let text = format!("[attributes]\n{line}\n");
        assert_eq!(said(&text).first().map(|(_, at)| at.as_str()), Some(place), "{line}: {:?}", said(&text));
    }
}

#[test]
fn a_slip_of_the_pen_is_a_third_of_the_letters_at_most() {
    let (long, short) = ("a".repeat(64), "a".repeat(60));
    for (word, wanted) in [
        ("", None),
        ("xitu", None),
        ("cyti", None),
        ("icyt", None),
        ("ctiy", Some("city")),
        ("cit", Some("city")),
        ("cityy", Some("city")),
        ("CITY", Some("city")),
        ("cixy", Some("city")),
        ("departmqqq", Some("department")),
        ("departqqqq", None),
        ("edpartmnet", Some("department")),
        (&long, Some(short.as_str())),
        (&"a".repeat(65), None),
    ] {
        assert_eq!(nearest(word, ["department", "city", &short]), wanted, "{word}");
    }
}

#[test]
fn dates_are_read_as_their_format_says() {
    for (text, format, out, wanted) in [
        ("2026-01-02 11 PM", "yyyy-MM-dd h tt", "HH", "23"),
        ("2026-01-02 11 PM", "yyyy-MM-dd H tt", "HH", "23"),
        ("2026-01-02 13 PM", "yyyy-MM-dd H tt", "HH", "!"),
        ("2026-01-02 12 AM", "yyyy-MM-dd H tt", "HH", "00"),
        ("2026-01-02", "yyyy-MM-ddK", "dd HH", "02 00"),
        ("2026-01-02 10:00+01:00", "yyyy-MM-dd HH:mmK", "HH:mm", "09:00"),
        ("2026-01-02 10:00Z", "yyyy-MM-dd HH:mmK", "HH:mm", "10:00"),
        ("2026 AD", "yyyy g", "yyyy", "2026"),
        ("2026 A.D.", "yyyy gg", "yyyy", "2026"),
        ("2026-01-02 10:00:00.5", "yyyy-MM-dd HH:mm:ss.FFF", "fff", "500"),
        ("2026-01-02 10:00:00.", "yyyy-MM-dd HH:mm:ss.FFF", "fff", "000"),
        ("2026-01-02 10:00:00.", "yyyy-MM-dd HH:mm:ss.fff", "fff", "!"),
        ("2026-01-02 10:00 -8", "yyyy-MM-dd HH:mm z", "HH:mm", "18:00"),
        ("2026-01-02 10:00 -8", "yyyy-MM-dd HH:mm zz", "HH:mm", "!"),
        ("2026-01-02 10:00 +05:30", "yyyy-MM-dd HH:mm zzz", "HH:mm", "04:30"),
        ("2026-01-02 10:00 +05:60", "yyyy-MM-dd HH:mm zzz", "HH:mm", "!"),
        ("2026-01-02 10:00 +14:00", "yyyy-MM-dd HH:mm zzz", "HH:mm", "20:00"),
        ("2026-01-02 10:00 +14:01", "yyyy-MM-dd HH:mm zzz", "HH:mm", "!"),
    ] {
        let said = given(ENTRA, &format!("FormatDateTime(\"{text}\", [nobody], \"{format}\", \"{out}\")"));
        assert_eq!(if said.starts_with('!') { "!" } else { said.as_str() }, wanted, "{text} by {format}: {said}");
    }
    // No date is longer than 64 characters.
    for (digits, read) in [(44, true), (45, false)] {
        let source = format!("CDate(Append(\"2026-01-02T10:00:00.{}\", [nobody]))", "0".repeat(digits));
        assert_eq!(!given(ENTRA, &source).starts_with('!'), read, "{digits} digits");
    }
    // Styles are or-ed together: one that allows blanks is enough.
    for (styles, allowed) in [("AllowWhiteSpaces, AdjustToUniversal", true), ("AdjustToUniversal", false), ("", true)] {
        let source = format!(r#"FormatDateTime(Append(" 2026", [nobody]), "{styles}", "yyyy", "yyyy")"#);
        assert_eq!(!given(ENTRA, &source).starts_with('!'), allowed, "{styles}");
    }
}

/// What decides otherwise has another fingerprint, also where the letters in a row are the same.
#[test]
fn a_fingerprint_tells_apart_what_differs() {
    let files = [
        "[attributes]\ncity = ['a', 'bc']\n",
        "[attributes]\notherMails = ['a', 'bc']\n",
        "[attributes]\notherMails = ['ab', 'c']\n",
        "[attributes]\ncity = { constant = 'a' }\n",
        "[attributes]\ncity = { constant = 'b' }\n",
        "[attributes]\ncity = 5\n",
        "[attributes]\nshowInAddressList = true\n",
        "[attributes]\nshowInAddressList = false\n",
        "[[scope]]\nall = [{ attribute = 'city', operator = '&', value = ['a', 'bc'] }]\n",
        "[[scope]]\nall = [{ attribute = 'city', operator = '&', value = ['ab', 'c'] }]\n",
        "[[scope]]\nall = [{ attribute = 'city', operator = 'EQUALS', value = 'a' }]\n",
        "[[scope]]\nall = [{ attribute = 'city', operator = 'EQUALS', value = 'b' }]\n",
    ];
    let prints: BTreeSet<String> =
        files.iter().filter_map(|text| RuleSet::parse("x", text).ok()).map(|(rules, _)| rules.fingerprint).collect();
    assert_eq!(prints.len(), files.len() - 1, "all but the first are rule files, and all differ");
}

#[test]
fn members_that_need_more_rights_are_known() {
    let sensitive = |name: &str| is_sensitive(&Attribute::new(name));
    assert!(sensitive("businessPhones") && sensitive("otherMails"));
    assert!(!sensitive("city") && !sensitive("unheardOf"));
}

/// Each look for a pattern costs as much as the text that is left.
#[test]
fn a_pattern_that_matches_everywhere_is_paid_for() {
    let replaced = |letters: usize| {
        let user: Attributes = [(Attribute::new("long"), Value::from("a".repeat(letters)))].into_iter().collect();
        let expression = Expression::parse(r#"Replace([long], , "a", , "b", , )"#).expect("an expression");
        expression.evaluate(Inputs::new(&user, Timestamp(0))).is_ok()
    };
    assert!(replaced(2_000), "two million steps");
    assert!(!replaced(4_000), "eight million steps");
}

#[test]
fn a_name_of_another_language_leads_to_ours() {
    for (source, hint) in [
        ("Substring([mail], 1, 2)", "did you mean `Mid`?"),
        ("Lenght([mail])", "did you mean `Len`?"),
        ("Concat([mail], [text])", "did you mean `Join`?"),
        ("ToLowr([mail])", "did you mean `ToLower`?"),
    ] {
        assert_eq!(refused(ENTRA, source).2, hint, "{source}");
    }
}

#[test]
fn a_rule_test_knows_its_line_and_its_persons_values() {
    let text = "# a comment\n\n[[case]]\nname = 'a'\nuser = {}\nexpect = { scope = 'in' }\n\n[[case]]\nname = 'b'\n\
                user = { manager = { id = '2b1c0000-0000-4000-8000-000000000001' } }\nexpect = { scope = 'in' }\n";
    let (cases, warnings) = TestCase::parse_all(text).expect("rule tests");
    assert_eq!(warnings, []);
    assert_eq!(cases.iter().map(|case| case.line).collect::<Vec<_>>(), [3, 8]);
    assert!(cases[1].user.contains_key("manager"), "{:?}", cases[1].user);
    let text = "[[case]]\nname = 'a'\nuser = { city = { id = 'x' } }\nexpect = { scope = 'in' }\n";
    assert!(TestCase::parse_all(text).is_err(), "only a manager is a table");
}
