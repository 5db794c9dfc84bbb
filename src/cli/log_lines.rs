//! What makes every event one line of the log, and no line too long, whatever a tenant calls its people?

use std::io::{self, Write};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of one line: what journald and the usual collectors take without cutting it in pieces (48 KiB, 16 KiB and more),
/// and many times what an event of ours has to say.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of one text in a JSON line that would be longer than [`LINE_BYTES_MAX`].
const TEXT_BYTES_MAX: usize = 1_024;

/// What the formatter sets: plain, bold, dim, italic, and a colour for each level. Whatever else stands in a line came in with a
/// value, and could hide what follows.
const STYLES: [&str; 9] = [
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[2m",
    "\u{1b}[3m",
    "\u{1b}[31m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[34m",
    "\u{1b}[35m",
];

/// Stands between the formatter, which hands over each event in one piece, and stderr.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    /// The formatter sets colours, and leaves those alone that stand in values.
    pub(super) coloured: bool,
    /// Each line is a JSON object, and stays one.
    pub(super) json: bool,
}

impl MakeWriter<'_> for Lines {
    type Writer = Line<io::Stderr>;
    fn make_writer(&self) -> Self::Writer {
        Line { lines: *self, to: io::stderr() }
    }
}

/// Takes one event.
pub(super) struct Line<W> {
    lines: Lines,
    to: W,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        self.to.write_all(self.lines.one(text.trim_end_matches('\n')).as_bytes())?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Lines {
    fn one(self, event: &str) -> String {
        let mut line = if self.json { short_json(event) } else { visible(event, self.coloured) };
        if !self.json && line.len() > LINE_BYTES_MAX {
            line.truncate(line.floor_char_boundary(LINE_BYTES_MAX));
            line.push_str(if self.coloured { "…\u{1b}[0m" } else { "…" });
        }
        line.push('\n');
        line
    }
}

/// What moves the cursor, ends a line or turns the direction of writing is shown instead of done.
fn visible(text: &str, coloured: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let turns = matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let styles = coloured && STYLES.iter().any(|style| text.get(at..).is_some_and(|rest| rest.starts_with(style)));
        if (c.is_control() && !styles) || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn short_json(event: &str) -> String {
    if event.len() <= LINE_BYTES_MAX {
        return event.to_owned();
    }
    match serde_json::from_str::<Value>(event) {
        Ok(mut object) => {
            shorten(&mut object);
            object.to_string()
        }
        // The formatter makes nothing else.
        Err(_) => event.to_owned(),
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
            text.push('…');
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What becomes of two events, the first of which says this everywhere.
    fn logged(lines: Lines, said: &str) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let writer = move || Line { lines, to: to.clone() };
        let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(lines.coloured);
        let log = || {
            let span = tracing::error_span!("run", id = 7, said);
            let _in_it = span.enter();
            tracing::error!(user = %said, text = said, debug = ?said, "{said}");
            tracing::error!("next");
        };
        if lines.json {
            tracing::subscriber::with_default(builder.json().finish(), log);
        } else {
            tracing::subscriber::with_default(builder.finish(), log);
        }
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const LOUD: &str = "one\ntwo\r\u{1b}[2J\u{1b}[8m\u{1b}]0;title\u{7} \u{9b}31m \u{202e} \u{2028} ü";

    #[test]
    fn an_event_is_one_line_and_hostile_names_do_nothing() {
        for coloured in [false, true] {
            let text = logged(Lines { coloured, json: false }, LOUD);
            assert_eq!(text.lines().count(), 2, "{text:?}");
            for loud in ["\u{1b}[2J", "\u{1b}[8m", "\u{1b}]", "\u{7}", "\r", "\u{9b}", "\u{202e}", "\u{2028}"] {
                assert!(!text.contains(loud), "{loud:?} in {text:?}");
            }
            assert!(text.contains("two") && text.contains('ü'), "{text:?}");
            assert_eq!(text.contains("\u{1b}[31mERROR\u{1b}[0m"), coloured, "{text:?}");
        }
        let json = logged(Lines { coloured: false, json: true }, LOUD);
        let objects: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 2);
        assert_eq!((&objects[0]["fields"]["user"], &objects[0]["span"]["id"]), (&LOUD.into(), &7.into()));
    }

    #[test]
    fn no_line_is_too_long_and_none_is_cut_that_need_not_be() {
        let long = "ü".repeat(10_000);
        for (coloured, json) in [(false, false), (true, false), (false, true)] {
            let text = logged(Lines { coloured, json }, &long);
            assert_eq!(text.lines().count(), 2);
            assert!(text.lines().all(|line| line.len() <= LINE_BYTES_MAX + 8), "{json}");
            let first = text.lines().next().unwrap();
            assert!(first.contains("…"), "{first:.100}");
            if json {
                let object: Value = serde_json::from_str(first).unwrap();
                assert_eq!(object["span"]["id"], 7);
                assert_eq!(object["fields"]["user"].as_str().unwrap().chars().count(), 513);
            }
        }
        let fits = "ü".repeat(400);
        assert!(!logged(Lines { coloured: false, json: false }, &fits).contains('…'));
        assert!(!logged(Lines { coloured: false, json: true }, &fits).contains('…'));
    }
}
