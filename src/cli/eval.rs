//! What does one expression give?

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use clap::Args;
use serde_json::{Value as Json, json};

use super::clock::SystemClock;
use super::output::{complain, say};
use super::{Exit, Global, Output, session};
use crate::config::Report;
use crate::model::{Attribute, Attributes, Selection, TenantName, Timestamp, Value};
use crate::ports::Clock;
use crate::rules::{self, Diagnostic, Dialect, Expression, Inputs, properties};
use crate::store::Mode;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The expression, as in a rule set: 'Join(" ", [givenName], [surname])'.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,
    /// Whose values: a file with a user as JSON, as Microsoft Graph returns it; `-` for stdin, as does an expression that
    /// asks for attributes when something is piped in; or the user principal name or object id of somebody whom the store
    /// knows. With neither, the user has no attributes.
    #[arg(long, value_name = "FILE|USER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Where that somebody is at home; without it, the first tenant that knows the name.
    #[arg(long, value_name = "TENANT", requires = "user")]
    tenant: Option<String>,
    /// What Now() gives: an instant (2026-11-27T09:00:00Z) or a day (2026-11-27).
    #[arg(long, value_name = "T", value_parser = instant)]
    now: Option<Timestamp>,
    /// Show on stderr what each part gave.
    #[arg(long)]
    trace: bool,
    /// In which of Microsoft's dialects it is written.
    #[arg(long, value_name = "DIALECT", default_value = "provisioning", value_parser = dialect)]
    dialect: Dialect,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write it like 2026-11-27T09:00:00Z or 2026-11-27".to_owned())
}

fn dialect(text: &str) -> Result<Dialect, String> {
    let found = Dialect::NAMED.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, dialect)| dialect).ok_or_else(|| "there are provisioning, connect and mim".to_owned())
}

/// One user is a few KiB; what is longer is another file.
const USER_BYTES_MAX: u64 = 1024 * 1024;

/// Characters of a part that a trace shows.
const PART_SHOWN: usize = 70;

/// Whose values an expression reads.
#[derive(Default)]
struct Subject {
    id: String,
    attributes: Attributes,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let source = &arguments.expression;
    let show = |finding: Diagnostic| {
        say(format_args!("{}", Report::of("EXPR", source, vec![finding]).render(true).trim_end()))
    };
    let expression = match Expression::parse_in(arguments.dialect, source) {
        Ok(expression) => expression,
        Err(error) => {
            let finding = Diagnostic::error("expression", error.message).at(error.span);
            show(Diagnostic { hint: error.hint, ..finding });
            return Exit::Usage;
        }
    };
    let subject = match subject(global, arguments, &expression) {
        Ok(subject) => subject,
        Err(exit) => return exit,
    };
    unknown_names(&expression, &subject);
    // Nothing is planned here: an evaluation for a person to look at may use the real time.
    let now = arguments.now.unwrap_or_else(|| SystemClock::start().now());
    let inputs = Inputs { seed: [&subject.id, ""], ..Inputs::new(&subject.attributes, now) };
    let (result, steps) = expression.trace(inputs);
    if arguments.trace {
        for attribute in expression.attributes() {
            let value = subject.attributes.get(&attribute);
            say(format_args!("[{attribute}] is {}", json!(value)));
        }
        for step in &steps {
            let indent = "  ".repeat(step.depth);
            let part: String = step.part.chars().take(PART_SHOWN).collect();
            let more = if step.part.chars().nth(PART_SHOWN).is_some() { "…" } else { "" };
            let given = step.result.as_ref().map_or_else(|fault| format!("failed: {fault}"), |o| shown(o).to_string());
            say(format_args!("{indent}{part}{more} gave {given}"));
        }
    }
    match result {
        Ok(output) => {
            out.line(format_args!("{}", shown(&output)));
            Exit::Done
        }
        Err(error) => {
            show(Diagnostic::error("evaluation", error.message).at(error.span));
            Exit::Failed
        }
    }
}

/// An attribute without a value may be one that nobody has.
fn unknown_names(expression: &Expression, subject: &Subject) {
    for attribute in expression.attributes().iter().filter(|a| !subject.attributes.contains_key(*a)) {
        if matches!(properties::look_up(attribute.as_str()), properties::Known::No) {
            let hint = properties::suggestion(attribute.as_str()).map(|hint| format!("\nhint: {hint}"));
            say(format_args!("no user property `{attribute}` is known{}", hint.unwrap_or_default()));
        }
    }
}

fn shown(output: &rules::Output) -> Json {
    match output {
        rules::Output::Value(value) => json!(value),
        rules::Output::IgnoreAttribute => json!({ "$ignore": "attribute" }),
        rules::Output::IgnoreObject => json!({ "$ignore": "object" }),
    }
}

/// From a file, from a pipe, from what the store remembers, or nobody.
fn subject(global: &Global, arguments: &Arguments, expression: &Expression) -> Result<Subject, Exit> {
    let usage = |message: String| {
        complain(format_args!("{message}"));
        Exit::Usage
    };
    match arguments.user.as_deref() {
        Some(name) if arguments.tenant.is_some() || is_person(name) => remembered(global, arguments, name, expression),
        Some(file) => read(Path::new(file)).map_err(usage),
        // Asked about a person, and nobody named: then the person comes through the pipe, where there is one.
        None if !expression.attributes().is_empty() && !io::stdin().is_terminal() => {
            read(Path::new("-")).map_err(usage)
        }
        None => Ok(Subject::default()),
    }
}

/// A sign-in name or an object id, unless a file is called so.
fn is_person(name: &str) -> bool {
    (name.contains('@') || rules::is_guid(name)) && !Path::new(name).exists()
}

/// What was never read of a tenant is not the same as what nobody has there: without it there is no answer.
fn remembered(global: &Global, arguments: &Arguments, name: &str, expression: &Expression) -> Result<Subject, Exit> {
    let config = session::configuration(global)?;
    let store = session::store(&config, Mode::Look)?;
    let asked = |tenant: &&TenantName| arguments.tenant.as_deref().is_none_or(|only| only == tenant.as_str());
    let tenants: Vec<&TenantName> = config.tenants.keys().filter(asked).collect();
    if tenants.is_empty() {
        let known: Vec<&str> = config.tenants.keys().map(TenantName::as_str).collect();
        let only = arguments.tenant.as_deref().unwrap_or_default();
        complain(format_args!("there is no tenant {only:?}\nhint: there are {}", known.join(", ")));
        return Err(Exit::Usage);
    }
    for tenant in &tenants {
        if let Some(object) = store.find_user(tenant, name).map_err(session::failed)?
            && let Some(observed) = store.observed(tenant, &object).map_err(session::failed)?
        {
            let unread =
                store.reading(tenant).map_err(session::failed)?.selection.lacks(&Selection(expression.attributes()));
            if !unread.is_empty() {
                let names: Vec<&str> = unread.iter().map(Attribute::as_str).collect();
                let hint =
                    "hint: only what rules ask for is read; `--user FILE` takes a user with all attributes from a file";
                return Err(session::failed(format_args!("{tenant} was never asked for {}\n{hint}", names.join(", "))));
            }
            return Ok(Subject { id: object.to_string(), attributes: observed.attributes });
        }
    }
    let names: Vec<&str> = tenants.iter().map(|t| t.as_str()).collect();
    let hint = "hint: the store knows who was read: `crosstie sync` reads, and `--user FILE` takes a user from a file";
    Err(session::failed(format_args!("nobody is remembered as {name:?} in {}\n{hint}", names.join(", "))))
}

fn read(path: &Path) -> Result<Subject, String> {
    let shown = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(USER_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(USER_BYTES_MAX + 1).read_to_string(&mut text))
    };
    let length = read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if u64::try_from(length).unwrap_or(u64::MAX) > USER_BYTES_MAX {
        return Err(format!("{shown} is larger than 1 MiB"));
    }
    if path == Path::new("-") && text.trim().is_empty() {
        return Ok(Subject::default());
    }
    match serde_json::from_str(&text) {
        Ok(Json::Object(fields)) => {
            let id = fields.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
            Ok(Subject { id, attributes: flat(&fields) })
        }
        Ok(_) => Err(format!("{shown} holds no JSON object\nhint: write a user as {{\"givenName\": \"Ada\"}}")),
        Err(error) => Err(format!("{shown} is no JSON: {error}")),
    }
}

/// The user in the names of rules: members of complex properties become flat, null is absent, and what no expression
/// can read (lists of objects, annotations) is left out.
fn flat(fields: &serde_json::Map<String, Json>) -> Attributes {
    let mut user = Attributes::new();
    for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with('@')) {
        match value {
            Json::Object(members) if name == Attribute::MANAGER => {
                user.extend(members.get("id").and_then(plain).map(|id| (Attribute::new(name.as_str()), id)));
            }
            Json::Object(members) => {
                let prefix = if name == "onPremisesExtensionAttributes" { String::new() } else { format!("{name}.") };
                let member = |(own, value): (&String, &Json)| {
                    plain(value).map(|value| (Attribute::new(format!("{prefix}{own}")), value))
                };
                user.extend(members.iter().filter_map(member));
            }
            _ => user.extend(plain(value).map(|value| (Attribute::new(name.as_str()), value))),
        }
    }
    user
}

fn plain(value: &Json) -> Option<Value> {
    match value {
        Json::Bool(b) => Some(Value::Bool(*b)),
        Json::Number(n) => Some(n.as_i64().map_or_else(|| Value::from(n.to_string()), Value::Integer)),
        Json::String(text) => Some(Value::from(text.as_str())),
        Json::Array(items) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>().map(Value::from)
        }
        Json::Null | Json::Object(_) => None,
    }
}
