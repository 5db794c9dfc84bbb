//! Do the rule sets make of people what their tests say?

use std::path::Path;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::check::{count, findings, show};
use super::output::Format;
use super::{DEFAULT_CONFIG, Exit, Global, Output};
use crate::config::{self, Report, RuleTests, Suite};
use crate::model::{Ownership, RouteName};
use crate::plan::{Difference, PlannedRoute, differences, rehearse};
use crate::rules::TestCase;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Runs the test cases in sync-rules/NAME.test.toml, offline and without any secret.
    Test(TestArguments),
}

#[derive(Args, Debug)]
struct TestArguments {
    /// Only the tests of these rule sets.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How the result is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

/// How one case ended.
struct Ran<'a> {
    suite: &'a Suite,
    case: &'a TestCase,
    /// None: it passed.
    differences: Vec<Difference>,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let Verb::Test(arguments) = &arguments.verb;
    let is_named = global.config != Path::new(DEFAULT_CONFIG);
    let read = config::rule_tests(&global.config, is_named, &arguments.names);
    let report = match &read {
        Ok(tests) => &tests.warnings,
        Err(report) => report,
    };
    let ran: Vec<Ran<'_>> = read.iter().flat_map(|tests| &tests.suites).flat_map(suite).collect();
    let failed = ran.iter().filter(|r| !r.differences.is_empty()).count();
    match arguments.format {
        Format::Json => out.line(format_args!("{}", document(read.as_ref().ok(), report, &ran, failed))),
        Format::Text => {
            show(report);
            if let Ok(tests) = &read {
                tell(tests, &ran, failed, out);
            }
        }
    }
    match (&read, failed) {
        (Err(_), _) => Exit::Usage,
        (Ok(_), 0) => Exit::Done,
        (Ok(_), _) => Exit::Failed,
    }
}

fn suite(suite: &Suite) -> Vec<Ran<'_>> {
    // A route of its own: the rule set is tested, and not where it is used.
    let name = RouteName { home: "home".into(), target: "target".into() };
    let route = PlannedRoute { name, rules: vec![Arc::new(suite.rules.clone())], ownership: Ownership::default() };
    let run = |case| Ran { suite, case, differences: differences(&case.expect, &suite.rules, &rehearse(&route, case)) };
    suite.cases.iter().map(run).collect()
}

fn tell(tests: &RuleTests, ran: &[Ran<'_>], failed: usize, out: &mut Output) {
    let (green, red) = (colour(AnsiColor::Green), colour(AnsiColor::Red));
    for suite in &tests.suites {
        let name = &suite.rules.name;
        out.line(format_args!("running {} of {name}", count(suite.cases.len(), "test")));
        for Ran { case, differences, .. } in ran.iter().filter(|r| r.suite.file == suite.file) {
            let end =
                if differences.is_empty() { format!("{green}ok{green:#}") } else { format!("{red}FAILED{red:#}") };
            out.line(format_args!("test {name}: {} ... {end}", case.name));
        }
        out.line(format_args!(""));
    }
    if failed > 0 {
        out.line(format_args!("failures (- expected, + what the rules make):\n"));
    }
    for Ran { suite, case, differences } in ran.iter().filter(|r| !r.differences.is_empty()) {
        let (file, line) = (suite.file.display(), case.line);
        out.line(format_args!("{file}:{line} {}: {}", suite.rules.name, case.name));
        for Difference { of, expected, found } in differences {
            out.line(format_args!("  {red}- {of}: {expected}{red:#}"));
            out.line(format_args!("  {green}+ {of}: {found}{green:#}"));
        }
        out.line(format_args!(""));
    }
    for file in &tests.missing {
        out.line(format_args!("untested: there is no {}", file.display()));
    }
    out.line(format_args!("{} passed, {failed} failed", ran.len() - failed));
}

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

fn document(tests: Option<&RuleTests>, report: &Report, ran: &[Ran<'_>], failed: usize) -> Value {
    let case = |Ran { suite, case, differences }: &Ran<'_>| {
        let difference = |d: &Difference| json!({ "of": d.of, "expected": d.expected, "found": d.found });
        json!({
            "rules": suite.rules.name,
            "name": case.name,
            "file": suite.file.display().to_string(),
            "line": case.line,
            "passed": differences.is_empty(),
            "differences": differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    let missing: Vec<String> =
        tests.iter().flat_map(|tests| &tests.missing).map(|file| file.display().to_string()).collect();
    json!({
        "passed": ran.len() - failed,
        "failed": failed,
        "tests": ran.iter().map(case).collect::<Vec<_>>(),
        "missing": missing,
        "findings": findings(report),
    })
}
