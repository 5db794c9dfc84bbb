//! What does a person type, and which verb answers? One file a verb.

mod adopt;
mod alerts;
mod approve;
mod changed;
mod check;
mod chronicle;
mod clock;
mod connection;
mod demo;
mod doctor;
mod eval;
mod exit;
mod explain;
mod explained;
mod heads;
mod identity;
mod import;
mod init;
mod keys;
mod listen;
mod log;
mod log_csv;
mod log_lines;
mod machine;
mod metrics;
mod notify;
mod one_run;
mod outcome;
mod output;
mod plan;
mod plan_file;
mod post;
mod progress;
mod render;
mod retry;
mod rules;
mod run;
mod service;
mod session;
mod sim;
mod status;
mod sync;
mod undo;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use exit::Exit;
pub use log_csv::CsvRows;
use output::Output;
pub use service::Service;

/// Keeps people's accounts in step across Microsoft Entra tenants.
#[derive(Parser, Debug)]
#[command(name = "crosstie", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// The configuration where none is named.
const DEFAULT_CONFIG: &str = "crosstie.toml";

/// Options that every verb takes.
#[derive(Args, Debug, Clone)]
struct Global {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", env = "CROSSTIE_CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// How log lines are written to stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
    /// More detail on stderr: -v says each page and write, -vv each request.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Errors only on stderr, no progress bars.
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// The whole story in one command: three simulated tenants, a first sync, a joiner, a mover, a leaver, an outage.
    Demo(demo::Arguments),
    /// Serves simulated tenants (Graph and token endpoints) until stopped.
    Sim(sim::Arguments),
    /// Writes a commented crosstie.toml and a first rule set; never overwrites.
    Init(init::Arguments),
    /// Reads config and rules, offline: every error at once, with file, line and column.
    Check(check::Arguments),
    /// Asks every tenant whether it would work: credentials, permissions, settings; writes nothing.
    Doctor(doctor::Arguments),
    /// The dry run: reads, plans, prints; writes to no tenant and not to the store.
    Plan(plan::Arguments),
    /// Why one person is in or out, matched or held, what each expression gave, and what waits; writes nothing.
    Explain(explain::Arguments),
    /// Looks at a plan file and signs it; also makes the key to sign with.
    Approve(approve::Arguments),
    /// One cycle: read, plan, guard, write.
    Sync(sync::Arguments),
    /// Takes back what one run did, as far as things are still as it left them.
    Undo(undo::Arguments),
    /// Links accounts again that say whose they are, after a store was lost; or one that a person names. Writes to no tenant.
    Adopt(adopt::Arguments),
    /// Scheduled cycles until stopped: SIGTERM and Ctrl-C finish the writes under way, SIGHUP reloads the configuration.
    Run(run::Arguments),
    /// Tries failed people, quarantined routes and resting tenants again with the next cycle, instead of waiting.
    Retry(retry::Arguments),
    /// How things stand: watermarks, links, what waits, what is held, the last runs.
    Status(status::Arguments),
    /// Reads or verifies the change log.
    Log(log::Arguments),
    /// Tries webhooks, and shows which alerts wait for them.
    Notify(notify::Arguments),
    /// Evaluates one expression on a JSON user and prints the JSON result.
    Eval(eval::Arguments),
    /// Tests rule sets on people.
    Rules(rules::Arguments),
    /// Makes a rule set of what another product exported, and says row by row what became of it.
    Import(import::Arguments),
}

/// Reads the arguments, runs the verb, and says how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Asking for help or the version is no mistake; everything else is a usage error.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    output::start_logging(&cli.global);
    let mut out = Output::stdout();
    let exit = run(&cli, &mut out);
    out.finish(exit).into()
}

fn run(cli: &Cli, out: &mut Output) -> Exit {
    let global = &cli.global;
    match &cli.verb {
        Verb::Demo(arguments) => demo::run(global, arguments, out),
        Verb::Sim(arguments) => sim::run(arguments, out),
        Verb::Init(arguments) => init::run(global, arguments, out),
        Verb::Check(arguments) => check::run(global, arguments, out),
        Verb::Doctor(arguments) => doctor::run(global, arguments, out),
        Verb::Plan(arguments) => plan::run(global, arguments, out),
        Verb::Explain(arguments) => explain::run(global, arguments, out),
        Verb::Approve(arguments) => approve::run(arguments, out),
        Verb::Undo(arguments) => undo::run(global, arguments, out),
        Verb::Adopt(arguments) => adopt::run(global, arguments, out),
        Verb::Sync(arguments) => sync::run(global, arguments, out),
        Verb::Run(arguments) => run::run(global, arguments, out),
        Verb::Retry(arguments) => retry::run(global, arguments, out),
        Verb::Status(arguments) => status::run(global, arguments, out),
        Verb::Log(arguments) => log::run(global, arguments, out),
        Verb::Notify(arguments) => notify::run(global, arguments, out),
        Verb::Eval(arguments) => eval::run(global, arguments, out),
        Verb::Rules(arguments) => rules::run(global, arguments, out),
        Verb::Import(arguments) => import::run(global, arguments, out),
    }
}
