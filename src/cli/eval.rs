//! What does one expression give?

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};

use super::clock::SystemClock;
use super::output::{complain, say};
use super::{Exit, Output};
use crate::config::Report;
use crate::model::{Attribute, Attributes, Value};
use crate::ports::Clock;
use crate::rules::{self, Diagnostic, Expression, Inputs};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The expression, as in a rule set: 'Join(" ", [givenName], [surname])'.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,
    /// A user as JSON, as Microsoft Graph returns it; `-` reads stdin, as does an expression that asks for attributes when
    /// something is piped in. With neither, the user has no attributes.
    #[arg(long, value_name = "FILE")]
    user: Option<PathBuf>,
}

/// One user is a few KiB; what is longer is another file.
const USER_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Exit {
    let source = &arguments.expression;
    let show = |finding: Diagnostic| {
        say(format_args!("{}", Report::of("EXPR", source, vec![finding]).render(true).trim_end()))
    };
    let expression = match Expression::parse(source) {
        Ok(expression) => expression,
        Err(error) => {
            let finding = Diagnostic::error("expression", error.message).at(error.span);
            show(Diagnostic { hint: error.hint, ..finding });
            return Exit::Usage;
        }
    };
    // Asked about a person, and nobody named: then the person comes through the pipe, where there is one.
    let piped = !expression.attributes().is_empty() && !io::stdin().is_terminal();
    let user = match arguments.user.as_deref().or(piped.then_some(Path::new("-"))).map_or(Ok(Attributes::new()), read) {
        Ok(user) => user,
        Err(message) => {
            complain(format_args!("{message}"));
            return Exit::Usage;
        }
    };
    // Nothing is planned here: an evaluation for a person to look at may use the real time.
    let now = SystemClock::start().now();
    let result = match expression.evaluate(Inputs::new(&user, now)) {
        Ok(rules::Output::Value(value)) => json!(value),
        Ok(rules::Output::IgnoreAttribute) => json!({"$ignore": "attribute"}),
        Ok(rules::Output::IgnoreObject) => json!({"$ignore": "object"}),
        Err(error) => {
            show(Diagnostic::error("evaluation", error.message).at(error.span));
            return Exit::Failed;
        }
    };
    out.line(format_args!("{result}"));
    Exit::Done
}

fn read(path: &Path) -> Result<Attributes, String> {
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
        return Ok(Attributes::new());
    }
    match serde_json::from_str(&text) {
        Ok(Json::Object(fields)) => Ok(flat(&fields)),
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
        Json::Number(n) => Some(n.as_i64().map_or_else(|| Value::Text(n.to_string()), Value::Integer)),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Array(items) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>().map(Value::List)
        }
        Json::Null | Json::Object(_) => None,
    }
}
