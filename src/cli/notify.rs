//! Does a webhook hear us, and which alerts wait?

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::check::count;
use super::clock::SystemClock;
use super::output::{Format, complain};
use super::post::Outgoing;
use super::{Exit, Global, Output, render, session};
use crate::config::{Config, Webhook};
use crate::model::Timestamp;
use crate::notify::{Event, Occasion};
use crate::ports::Clock;
use crate::rules::diagnostic::did_you_mean;
use crate::store::{Mode, Store, StoreError, WaitingAlert};

/// Alerts of one webhook that the text shows; the JSON has all.
const SHOWN_MAX: usize = 20;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: NotifyVerb,
    /// Only this webhook.
    #[arg(long, global = true, value_name = "NAME")]
    webhook: Option<String>,
}

#[derive(Subcommand, Debug)]
enum NotifyVerb {
    /// Sends one event of type io.crosstie.test now, and says what the receiver answered.
    Test,
    /// Shows which alerts no receiver has taken yet.
    List {
        /// How it is written to stdout.
        #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
        format: Format,
    },
    /// Forgets what waits for the webhook that --webhook names, configured or not.
    Drop,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let mut done = || -> Result<Exit, Exit> {
        let config = session::configuration(global)?;
        let only = arguments.webhook.as_deref();
        match arguments.verb {
            NotifyVerb::Test => session::runtime()?.block_on(test(&config, only, out)),
            NotifyVerb::List { format } => {
                let store = session::store(&config, Mode::Look)?;
                let now = SystemClock::start().now();
                list(&config, &store, only, format, now, out).map_err(session::failed)?;
                Ok(Exit::Done)
            }
            NotifyVerb::Drop => drop_waiting(&config, only, out),
        }
    };
    done().unwrap_or_else(|exit| exit)
}

async fn test(config: &Config, only: Option<&str>, out: &mut Output) -> Result<Exit, Exit> {
    let hooks = chosen(config, only)?;
    let (outgoing, clock) = (Outgoing::to(&hooks)?, SystemClock::start());
    let at = clock.now();
    let once = at.0.to_string();
    let occasion = Occasion { source: &config.notify.source, subject: "test", once: &once, at };
    let mut exit = Exit::Done;
    for (name, answer) in outgoing.try_out(&clock, &Event::test(&occasion)).await {
        let origin = config.notify.webhooks.get(&name).map(Webhook::origin).unwrap_or_default();
        match answer {
            Ok(status) => out.line(format_args!("{name}: {origin} answered {status}")),
            Err(why) => {
                // In the order in which it came about, also where both streams lead to one terminal.
                out.flush();
                complain(format_args!("{name}: {origin}: {}", render::inert(&why)));
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn chosen<'a>(config: &'a Config, only: Option<&str>) -> Result<Vec<&'a Webhook>, Exit> {
    let hooks = &config.notify.webhooks;
    let Some(name) = only else {
        if hooks.is_empty() {
            complain(format_args!(
                "no webhook is configured\nhint: add a table [notify.webhooks.NAME] with `url` and `secret`"
            ));
            return Err(Exit::Usage);
        }
        return Ok(hooks.values().collect());
    };
    if let Some(hook) = hooks.get(name) {
        return Ok(vec![hook]);
    }
    let names = || hooks.keys().map(String::as_str);
    let there = || match hooks.is_empty() {
        true => "none is configured".to_owned(),
        false => format!("the webhooks are {}", names().collect::<Vec<_>>().join(", ")),
    };
    let hint = did_you_mean(name, names()).unwrap_or_else(there);
    complain(format_args!("there is no webhook {name:?}\nhint: {hint}"));
    Err(Exit::Usage)
}

fn list(
    config: &Config,
    store: &Store,
    only: Option<&str>,
    format: Format,
    now: Timestamp,
    out: &mut Output,
) -> Result<(), StoreError> {
    let mut waiting = Vec::new();
    store.waiting_alerts(only, |alert| waiting.push(alert))?;
    let known = |alert: &WaitingAlert| config.notify.webhooks.contains_key(&alert.hook);
    if format == Format::Json {
        let rows: Vec<Value> = waiting.iter().map(|alert| document(alert, known(alert))).collect();
        out.line(format_args!("{}", render::inert_json(&format!("{:#}", json!({ "waiting": rows })))));
        return Ok(());
    }
    if waiting.is_empty() {
        out.line(format_args!("no alert is still to be sent"));
        return Ok(());
    }
    for queue in waiting.chunk_by(|a, b| a.hook == b.hook) {
        let (Some(first), n) = (queue.first(), queue.len()) else { continue };
        let configured = if known(first) { "" } else { " is not configured" };
        let (name, alerts) = (render::inert(&first.hook), count(n, "alert"));
        out.line(format_args!("webhook {name}{configured}: {alerts} still to be sent"));
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["type", "subject", "waits", "tries", "next", "last answer"]);
        for alert in queue.iter().take(SHOWN_MAX) {
            table.add_row(row(alert, now));
        }
        out.line(format_args!("{table}"));
        if n > SHOWN_MAX {
            out.line(format_args!("  … and {} more", n - SHOWN_MAX));
        }
    }
    Ok(())
}

fn row(alert: &WaitingAlert, now: Timestamp) -> [String; 6] {
    let event = event(alert);
    let text = |name: &str| render::inert(event[name].as_str().unwrap_or_default());
    let next = match alert.next_at.seconds_since(now) {
        0 => "with the next run".to_owned(),
        seconds => format!("in {}", render::duration(seconds)),
    };
    [
        text("type"),
        text("subject"),
        render::duration(now.seconds_since(alert.created_at)),
        alert.tries.to_string(),
        next,
        render::inert(&alert.error),
    ]
}

fn event(alert: &WaitingAlert) -> Value {
    serde_json::from_str(&alert.body).unwrap_or(Value::Null)
}

fn document(alert: &WaitingAlert, configured: bool) -> Value {
    json!({
        "webhook": alert.hook,
        "configured": configured,
        "since": alert.created_at.rfc3339(),
        "tries": alert.tries,
        "next_at": alert.next_at.rfc3339(),
        "error": alert.error,
        "event": event(alert),
    })
}

fn drop_waiting(config: &Config, only: Option<&str>, out: &mut Output) -> Result<Exit, Exit> {
    let Some(name) = only else {
        complain(format_args!("which webhook's alerts are to be forgotten?\nhint: name it with --webhook"));
        return Err(Exit::Usage);
    };
    let store = session::store(config, Mode::Write)?;
    let n = store.drop_alerts(name).map_err(session::failed)?;
    let alerts = count(usize::try_from(n).unwrap_or(usize::MAX), "alert");
    out.line(format_args!("webhook {}: {alerts} forgotten", render::inert(name)));
    Ok(Exit::Done)
}
