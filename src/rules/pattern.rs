//! What does a pattern of .NET's dialect mean in linear time?
//!
//! Patterns are written in .NET's dialect and matched by the `regex` crate, whose time grows with the text and never
//! explodes. Where both read a pattern differently it is rewritten; what cannot be matched in linear time is refused.

use regex::{Captures, Regex, RegexBuilder};

/// The longest pattern. A compiled pattern is bounded as well; this bounds the work of compiling.
const PATTERN_CHARACTERS_MAX: usize = 2_000;

/// Memory that one compiled pattern may take. Patterns of the vendor's guides need a few KiB; matching is linear in the
/// text whatever the pattern is.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// Groups within groups. The vendor's guides have 2; the crate's own limit is 250, and each level costs stack.
const NESTED_MAX: u32 = 50;

/// A pattern that is ready to be matched.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl Pattern {
    /// Reads and compiles a pattern; the error says in words what is wrong with it.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.chars().count() > PATTERN_CHARACTERS_MAX {
            return Err(format!("a pattern has at most {PATTERN_CHARACTERS_MAX} characters"));
        }
        let translated = Translation::of(source)?;
        let built = RegexBuilder::new(&translated)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .nest_limit(NESTED_MAX)
            .build();
        match built {
            Ok(regex) => Ok(Self { source: source.to_owned(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => Err("this pattern is too large once compiled".to_owned()),
            // The last line of the crate's message names the fault; the lines before draw the pattern again.
            Err(other) => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default().trim();
                Err(format!("this is no pattern: {}", last.strip_prefix("error: ").unwrap_or(last)))
            }
        }
    }
    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.source
    }
    /// Is it found somewhere in the text?
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
    /// Has it a group of that name or number?
    pub(super) fn has_group(&self, group: &str) -> bool {
        let number = || group.parse::<usize>().is_ok_and(|n| n < self.regex.captures_len());
        self.regex.capture_names().flatten().any(|name| name == group) || number()
    }
    /// The next match that begins at byte `at` or later. What stands before `at` still counts for `^` and `\b`.
    pub(super) fn captures_at<'t>(&self, text: &'t str, at: usize) -> Option<Captures<'t>> {
        self.regex.captures_at(text, at)
    }
    /// .NET's replacement text: `$1`, `${name}`, `$&`, `$$`; a `$` that leads to no group stands for itself.
    pub(super) fn expanded(&self, template: &str, captures: &Captures<'_>) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (value, used) = self.substitute(after, captures);
            out.push_str(value);
            rest = after.get(used..).unwrap_or_default();
        }
        out.push_str(rest);
        out
    }
    /// What stands for a `$`, and how many bytes of the text after it that takes.
    fn substitute<'t>(&self, after: &str, captures: &Captures<'t>) -> (&'t str, usize) {
        let taken = |name: &str| self.has_group(name).then(|| group(captures, name).map_or("", |m| m.as_str()));
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let found = match after.chars().next() {
            Some('$') => Some(("$", 1)),
            Some('&') => taken("0").map(|value| (value, 1)),
            Some('{') => after
                .split_once('}')
                .and_then(|(name, _)| Some((taken(name.strip_prefix('{').unwrap_or(name))?, name.len() + 1))),
            // As many digits as lead to a group: `$10` is group 1 and a 0 where there are fewer than ten.
            _ => (1..=digits.min(GROUP_DIGITS_MAX))
                .rev()
                .find_map(|n| Some((taken(after.get(..n).unwrap_or_default())?, n))),
        };
        found.unwrap_or(("$", 0))
    }
}

/// A group's number in a replacement text: no pattern of the allowed length has a thousand groups that matter.
const GROUP_DIGITS_MAX: usize = 3;

/// What a group matched, by name or number.
pub(super) fn group<'t>(captures: &Captures<'t>, group: &str) -> Option<regex::Match<'t>> {
    captures.name(group).or_else(|| captures.get(group.parse().ok()?))
}

/// A pattern on its way from one dialect to the other.
struct Translation<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
}

impl<'a> Translation<'a> {
    fn of(source: &'a str) -> Result<String, String> {
        let mut translation = Self { rest: source.chars().peekable(), out: String::with_capacity(source.len()) };
        while let Some(c) = translation.rest.next() {
            match c {
                '\\' => translation.escape(false)?,
                '[' => translation.class()?,
                '(' => translation.group()?,
                c => translation.out.push(c),
            }
        }
        Ok(translation.out)
    }

    /// What follows a backslash. .NET takes any sign that means nothing else as itself.
    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(c) = self.rest.next() else { return Err("this pattern ends in a single backslash".to_owned()) };
        match c {
            '1'..='9' if !in_class => return Err(refused("a back-reference", "write the text out")),
            'k' => return Err(refused("a back-reference", "write the text out")),
            'G' => return Err(refused("`\\G`", "`^` anchors the pattern at the beginning")),
            'e' => self.out.push_str(r"\x1B"),
            'b' if in_class => self.out.push_str(r"\x08"),
            // .NET's `\Z` and `$` also hold before a line end that ends the text; that would take a look ahead.
            'Z' if !in_class => self.out.push_str(r"\z"),
            '0' => self.out.push_str(r"\x00"),
            c if c.is_ascii_alphanumeric() => self.out.extend(['\\', c]),
            '<' | '>' => self.out.push(c),
            c => self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        Ok(())
    }

    /// A class up to its bracket. Inside, .NET knows neither `&&` nor `~~` nor nested classes, but `-[…]` at the end.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        // A bracket that comes first is a member.
        if self.rest.next_if_eq(&']').is_some() {
            self.out.push_str(r"\]");
        }
        while let Some(c) = self.rest.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '-' if self.rest.peek() == Some(&'[') => {
                    let hint = "list the characters that are meant";
                    return Err(refused("a class taken from a class, `-[…]`,", hint));
                }
                '-' if self.rest.peek() == Some(&'-') || self.rest.peek() == Some(&']') => self.out.push_str(r"\-"),
                '[' | '&' | '~' => self.out.extend(['\\', c]),
                c => self.out.push(c),
            }
        }
        Err("this pattern has a `[` without its `]`".to_owned())
    }

    /// What follows an opening bracket.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        let look = "linear time is a promise: write what comes before or after into the pattern, and use a group";
        match self.rest.next() {
            Some('=' | '!') => Err(refused("looking ahead", look)),
            Some('<') if matches!(self.rest.peek(), Some('=' | '!')) => Err(refused("looking behind", look)),
            Some('<') => self.name('>'),
            Some('\'') => self.name('\''),
            Some('>') => Err(refused("an atomic group", "write `(?:…)`")),
            Some('(') => Err(refused("a condition", "write both cases as alternatives: `a|b`")),
            Some('#') => {
                self.out.pop();
                self.rest.by_ref().find(|c| *c == ')').map(drop).ok_or_else(|| "this comment has no end".to_owned())
            }
            Some(c) => {
                self.out.extend(['?', c]);
                Ok(())
            }
            None => Err("this pattern ends within a group".to_owned()),
        }
    }

    fn name(&mut self, end: char) -> Result<(), String> {
        let mut name = String::new();
        for c in self.rest.by_ref() {
            match c {
                c if c == end => {
                    self.out.push_str("?<");
                    self.out.push_str(&name);
                    self.out.push('>');
                    return Ok(());
                }
                '-' => return Err(refused("a balancing group", "nested brackets cannot be counted")),
                c => name.push(c),
            }
        }
        Err("this group's name has no end".to_owned())
    }
}

fn refused(what: &str, way_out: &str) -> String {
    format!("{what} is not supported in patterns; {way_out}")
}
