//! How do data reach stdout, and words stderr?

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::EnvFilter;

use super::log_lines::Lines;
use super::{Exit, Global, LogFormat};

/// The stream that data go to. Writing never panics: a reader that went away ends the output quietly, any other fault
/// turns the exit code into failure.
pub(super) struct Output {
    stream: Box<dyn Write>,
    fault: Option<io::Error>,
}

impl Output {
    /// Standard output; colours are dropped where it is no terminal or `NO_COLOR` is set.
    pub(super) fn stdout() -> Self {
        Self { stream: Box::new(io::BufWriter::new(anstream::stdout())), fault: None }
    }
    /// Writes without a line end.
    pub(super) fn put(&mut self, text: fmt::Arguments<'_>) {
        if self.fault.is_none()
            && let Err(error) = self.stream.write_fmt(text)
        {
            self.fault = Some(error);
        }
    }
    /// Writes one line.
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) {
        self.put(format_args!("{text}\n"));
    }
    /// Brings out what is buffered.
    pub(super) fn flush(&mut self) {
        if self.fault.is_none()
            && let Err(error) = self.stream.flush()
        {
            self.fault = Some(error);
        }
    }
    /// True once nobody reads any more: long outputs may stop.
    pub(super) fn is_closed(&self) -> bool {
        self.fault.is_some()
    }
    /// Brings out what is buffered, and the exit code that follows.
    pub(super) fn finish(mut self, exit: Exit) -> Exit {
        self.flush();
        match self.fault {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                complain(format_args!("cannot write to standard output: {error}"));
                exit.and(Exit::Failed)
            }
            _ => exit,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fault.is_none()
            && let Err(error) = self.stream.write_all(bytes)
        {
            self.fault = Some(error);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Output::flush(self);
        Ok(())
    }
}

/// How a report is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// What is said on stderr goes into the log, too: nobody sits in front of it, or machines read it. As there is one stderr,
/// there is one of this.
static INTO_THE_LOG: AtomicBool = AtomicBool::new(false);

/// From now on whatever is said is a line of the log: a schedule is kept, and what it says is read later, among lines.
pub(super) fn say_it_in_the_log() {
    INTO_THE_LOG.store(true, Ordering::Relaxed);
}

/// Nobody is spoken to: see [`say_it_in_the_log`].
pub(super) fn in_the_log() -> bool {
    INTO_THE_LOG.load(Ordering::Relaxed)
}

/// Says on stderr what went wrong. The text reads alone and ends with a `hint:` line where there is a way out.
pub(super) fn complain(text: fmt::Arguments<'_>) {
    if in_the_log() {
        let text = text.to_string();
        match text.split_once("\nhint: ") {
            Some((what, hint)) => tracing::error!(target: "crosstie::run", hint, "{what}"),
            None => tracing::error!(target: "crosstie::run", "{text}"),
        }
        return;
    }
    let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    let _ = writeln!(anstream::stderr().lock(), "{red}error{red:#}: {text}");
}

/// Says something on stderr as it is.
pub(super) fn say(text: fmt::Arguments<'_>) {
    if in_the_log() {
        tracing::warn!(target: "crosstie::run", "{text}");
        return;
    }
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Progress bars are for people who watch.
pub(super) fn shows_progress(global: &Global) -> bool {
    !global.quiet && global.log_format == LogFormat::Text && io::stderr().is_terminal()
}

/// Log lines go to stderr, one an event.
pub(super) fn start_logging(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        // What a schedule tells of each of its cycles, and nothing more.
        (false, 0) => "warn,crosstie::run=info",
        (false, 1) => "crosstie=info,warn",
        (false, 2) => "crosstie=debug,info",
        (false, _) => "trace",
    };
    let json = global.log_format == LogFormat::Json;
    let coloured = !json && anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    if json {
        say_it_in_the_log();
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(Lines { coloured, json })
        .with_target(false)
        .with_ansi(coloured);
    // A second subscriber in one process can only be a test's: the first one stays.
    let _ = match global.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
