//! Which rule set says what another product was told to do?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::json;

use super::init::write_new;
use super::output::{Format, complain, say};
use super::{Exit, Global, Output, render};
use crate::config::{self, Report};
use crate::rules::entra::{self, Answer, Import, ImportError, Row};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// The schema of a cross-tenant synchronization, as Microsoft Graph returns it.
    EntraSchema(EntraSchema),
}

#[derive(Args, Debug)]
struct EntraSchema {
    /// The schema as JSON; `-` reads stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The rule set's name: it is written to NAME.toml among the rule sets, and never over one that is there.
    #[arg(long, value_name = "NAME", default_value = "entra-imported")]
    name: String,
    /// Write the rule set to this file instead; `-` writes it to stdout, and the list to stderr.
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    out: Option<PathBuf>,
    /// A home group that is assigned to the configuration, by its object id; can be given several times. The schema does
    /// not say which are.
    #[arg(long = "group", value_name = "ID")]
    groups: Vec<String>,
    /// How the list of what became of each row is written.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

/// Sources in the list are cut here; the JSON document and the rule set's comments have them whole.
const SOURCE_SHOWN: usize = 60;

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let What::EntraSchema(arguments) = &arguments.what;
    entra_schema(global, arguments, out).unwrap_or_else(|exit| exit)
}

fn entra_schema(global: &Global, arguments: &EntraSchema, out: &mut Output) -> Result<Exit, Exit> {
    let path = destination(global, arguments)?;
    if let Some(path) = path.as_deref().filter(|p| p.exists()) {
        return Err(there_already(path));
    }
    let text = read(&arguments.file).map_err(|message| {
        complain(format_args!("{message}"));
        Exit::Usage
    })?;
    let import = entra::translate(&text, &arguments.groups).map_err(|error| refused(&arguments.file, &error))?;
    if let Some(path) = &path {
        match write_new(path, &import.rules) {
            Ok(true) => {}
            Ok(false) => return Err(there_already(path)),
            Err(error) => {
                complain(format_args!("cannot write {}: {error}", path.display()));
                return Err(Exit::Failed);
            }
        }
    }
    match (arguments.format, &path) {
        (Format::Json, _) => out.line(format_args!("{:#}", document(&import, path.as_deref()))),
        (Format::Text, Some(path)) => {
            list(&import, &mut |line| out.line(format_args!("{line}")));
            out.line(format_args!("wrote {}", path.display()));
        }
        (Format::Text, None) => {
            out.put(format_args!("{}", import.rules));
            list(&import, &mut |line| say(format_args!("{line}")));
        }
    }
    Ok(if import.is_whole() { Exit::Done } else { Exit::Incomplete })
}

/// Where the rule set goes; `None` is standard output.
fn destination(global: &Global, arguments: &EntraSchema) -> Result<Option<PathBuf>, Exit> {
    match &arguments.out {
        Some(path) if path == Path::new("-") => return Ok(None),
        Some(path) => return Ok(Some(path.clone())),
        None => {}
    }
    if let Some(fault) = config::name_fault(&arguments.name) {
        let hint = "the file's name without `.toml`: letters, digits, `-`, `_` and `.`";
        complain(format_args!("--name: {}\nhint: {hint}", render::inert(&fault)));
        return Err(Exit::Usage);
    }
    let folder = config::rules_dir(&global.config).map_err(|report| {
        say(format_args!("{}", report.render(true).trim_end()));
        complain(format_args!("where the rule sets stand cannot be told\nhint: `crosstie check`, or --out FILE"));
        Exit::Usage
    })?;
    Ok(Some(folder.join(format!("{}.toml", arguments.name))))
}

fn there_already(path: &Path) -> Exit {
    let hint = "name another rule set with --name, or remove this one";
    complain(format_args!("{} is there already; nothing was written\nhint: {hint}", path.display()));
    Exit::Usage
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn read(path: &Path) -> Result<String, String> {
    let shown = shown(path);
    let mut bytes = Vec::new();
    // One byte more than allowed, to see that there is more.
    let most = entra::SCHEMA_BYTES_MAX + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) >= most {
        return Err(format!("{shown} is larger than 2 MiB\nhint: is it the right file?"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8\nhint: save it as UTF-8"))
}

/// Nothing was written, and this is why.
fn refused(file: &Path, error: &ImportError) -> Exit {
    if let ImportError::Unsound { rules, findings } = error {
        say(format_args!("{}", Report::of("imported.toml", rules, findings.clone()).render(true).trim_end()));
        complain(format_args!("{error}; nothing was written"));
        return Exit::Failed;
    }
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    complain(format_args!("{}: {}; nothing was written{hint}", shown(file), render::inert(&error.to_string())));
    Exit::Usage
}

fn counts(import: &Import) -> BTreeMap<Answer, usize> {
    let mut counts: BTreeMap<Answer, usize> = Answer::ALL.into_iter().map(|answer| (answer, 0)).collect();
    import.rows.iter().for_each(|row| *counts.entry(row.answer).or_insert(0) += 1);
    counts
}

fn document(import: &Import, path: Option<&Path>) -> serde_json::Value {
    json!({
        "file": path.map(|p| p.display().to_string()),
        "rules": import.rules,
        "rows": import.rows,
        "notes": import.notes,
        "counts": counts(import),
    })
}

/// Row by row, then how many of each.
fn list(import: &Import, each: &mut dyn FnMut(String)) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["answer", "row", "from", "written, or why"]);
    for row in &import.rows {
        table.add_row([row.answer.words().to_owned(), cut(&row.name), cut(&row.from), told(row)]);
    }
    table.lines().for_each(|line| each(line.trim_end().to_owned()));
    let counts = counts(import).into_iter().filter(|(_, n)| *n > 0);
    let counts: Vec<String> = counts.map(|(answer, n)| format!("{n} {}", answer.words())).collect();
    each(format!("{} rows: {}", import.rows.len(), counts.join(", ")));
    import.notes.iter().for_each(|note| each(format!("note: {note}")));
}

fn cut(text: &str) -> String {
    let text = render::inert(text);
    if text.chars().count() <= SOURCE_SHOWN {
        return text;
    }
    text.chars().take(SOURCE_SHOWN).chain(['…']).collect()
}

fn told(row: &Row) -> String {
    let written = row.written.as_deref().map(|text| text.replace('\n', ", "));
    let text = match (written, row.why.as_deref()) {
        // What stands in the file is the whole answer, or nothing that the reader has to look at.
        (Some(written), Some(why)) if row.answer == Answer::Translated => format!("{written}; {why}"),
        (Some(written), None) => written,
        (_, why) => why.unwrap_or_default().to_owned(),
    };
    render::inert(&text)
}
