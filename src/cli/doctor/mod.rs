//! Would it work, if it were run now? Every tenant and every route is asked, and nothing is written.
//!
//! | file | answers |
//! |---|---|
//! | `ask` | what do the tenants say? |
//! | `needs` | which permissions does this configuration take, and which are too much? |
//! | `tenant`, `route` | what does it mean? From values to values |
//! | `show` | how is it told? |

mod ask;
mod needs;
mod route;
mod show;
mod tenant;
#[cfg(test)]
mod tests;

use clap::Args;

use super::output::Format;
use super::{Exit, Global, Output, session};
use crate::config::Config;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How the result is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It will work, or could not be found out; somebody should look.
    Warning,
    /// It will not work.
    Failed,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// What was looked at; scripts go by it.
    pub(super) name: &'static str,
    /// How it came out.
    pub(super) verdict: Verdict,
    /// What was found.
    pub(super) found: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Check { name, verdict: Verdict::Ok, found: found.into(), hint: None }
    }
    fn warning(name: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Check { name, verdict: Verdict::Warning, found: found.into(), hint: Some(hint.into()) }
    }
    fn failed(name: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Check { name, verdict: Verdict::Failed, found: found.into(), hint: Some(hint.into()) }
    }
}

/// What was found, by tenant and by route, in the order of their names and of the file.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) tenants: Vec<(String, Vec<Check>)>,
    pub(super) routes: Vec<(String, Vec<Check>)>,
}

impl Report {
    fn count(&self, verdict: Verdict) -> usize {
        let checks = self.tenants.iter().chain(&self.routes).flat_map(|(_, checks)| checks);
        checks.filter(|check| check.verdict == verdict).count()
    }
    fn exit(&self) -> Exit {
        if self.count(Verdict::Failed) > 0 { Exit::Incomplete } else { Exit::Done }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    session::online(global, async |config| {
        let report = examine(config).await?;
        match arguments.format {
            Format::Json => show::json(&report, out),
            Format::Text => show::text(&report, out),
        }
        Ok(report.exit())
    })
}

async fn examine(config: &Config) -> Result<Report, Exit> {
    let heard = ask::tenants(config).await?;
    let mut report = Report::default();
    for (name, heard) in &heard {
        let Some(tenant) = config.tenants.get(name) else { continue };
        let part = needs::Part::of(config, name);
        report.tenants.push((name.to_string(), tenant::checks(tenant, part, heard)));
    }
    for (route, heard) in ask::routes(config, &heard).await {
        report.routes.push((route.to_string(), route::checks(&heard)));
    }
    Ok(report)
}
