//! Why is this person in or out, matched or held, and what happens next?

use clap::Args;

use super::output::{Format, complain};
use super::{Exit, Global, Output, explained, render, session};
use crate::config::Config;
use crate::engine::{Explained, Focus};
use crate::rules;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Object id or user principal name of a home user, or of an account that crosstie keeps for one.
    #[arg(value_name = "USER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    user: String,
    /// Only this route, written HOME->TARGET.
    #[arg(long, value_name = "H->T")]
    route: Option<String>,
    /// Read nothing: explain from what the store remembers.
    #[arg(long)]
    offline: bool,
    /// How it is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    session::online(global, async |config| explain(global, config, arguments, out).await)
}

async fn explain(global: &Global, config: &Config, arguments: &Arguments, out: &mut Output) -> Result<Exit, Exit> {
    let route = session::route(config, arguments.route.as_deref())?;
    let focus = Focus { route, offline: arguments.offline, ..Focus::default() };
    // Ids are kept in small letters, and pasted in either.
    let pasted = arguments.user.trim();
    let user = if rules::is_guid(pasted) { pasted.to_ascii_lowercase() } else { pasted.to_owned() };
    let told = session::looking(global, config, focus, async |cycle| cycle.explain_user(&user).await).await?;
    match arguments.format {
        Format::Text => explained::text(&told, out),
        Format::Json => {
            let document = serde_json::to_string_pretty(&told).map_err(session::failed)?;
            out.line(format_args!("{}", render::inert_json(&document)));
        }
    }
    // What is told comes before what is wrong with it, also where both streams lead to one terminal.
    out.flush();
    for tenant in &told.tenants {
        if let Some(fault) = &tenant.fault {
            complain(format_args!("told from what is remembered, because {}", render::inert_lines(fault)));
        }
    }
    Ok(exit(&told))
}

fn exit(told: &Explained) -> Exit {
    let held = if told.is_held() || !told.complete { Exit::Incomplete } else { Exit::Done };
    let refused = if told.is_refused() { Exit::Refused } else { Exit::Done };
    held.and(refused)
}
