//! Is what was configured sound?

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::output::{Format, say};
use super::{Exit, Global, Output};
use crate::config::{self, Config, Located, Report, Webhook};
use crate::model::TenantName;
use crate::rules::RuleSet;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How the result is written to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

pub(super) fn run(global: &Global, arguments: &Arguments, out: &mut Output) -> Exit {
    let (config, report) = match config::load(&global.config) {
        Ok(loaded) => (Some(loaded.config), loaded.warnings),
        Err(report) => (None, report),
    };
    match arguments.format {
        Format::Json => out.line(format_args!("{}", document(config.as_ref(), &report))),
        Format::Text => {
            show(&report);
            if let Some(config) = &config {
                summary(config, out);
            }
        }
    }
    if config.is_some() { Exit::Done } else { Exit::Usage }
}

/// Findings on stderr, and how many there are.
pub(super) fn show(report: &Report) {
    if report.is_empty() {
        return;
    }
    say(format_args!("{}", report.render(true).trim_end()));
    let (errors, warnings) = report.counts();
    say(format_args!("\n{}, {}", count(errors, "error"), count(warnings, "warning")));
}

pub(super) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// Every rule set that some route uses, by name.
fn rule_sets(config: &Config) -> BTreeMap<&str, &RuleSet> {
    config.routes.iter().flat_map(|r| &r.rules).map(|rules| (rules.name.as_str(), rules.as_ref())).collect()
}

fn summary(config: &Config, out: &mut Output) {
    let sets = rule_sets(config);
    let mut counts =
        vec![count(config.tenants.len(), "tenant"), count(config.routes.len(), "route"), count(sets.len(), "rule set")];
    let webhooks = &config.notify.webhooks;
    if !webhooks.is_empty() {
        counts.push(count(webhooks.len(), "webhook"));
    }
    out.line(format_args!("{} is sound: {}", config.path.display(), counts.join(", ")));
    for tenant in config.tenants.values() {
        out.line(format_args!(
            "  tenant {}  {} at {}{}",
            tenant.name,
            tenant.id,
            tenant.graph.as_str().trim_end_matches('/'),
            owned(config, &tenant.name)
        ));
    }
    for route in &config.routes {
        let names: Vec<&str> = route.rules.iter().map(|rules| rules.name.as_str()).collect();
        let own = route.schedule.as_ref().map(|s| format!("  at {} ({})", s.cron, s.time_zone));
        out.line(format_args!("  route  {}  {}{}", route.name, names.join(", "), own.unwrap_or_default()));
    }
    for (name, rules) in sets {
        let attributes = count(rules.attributes.len(), "attribute");
        let scope = if rules.scope.is_empty() {
            "every native user".to_owned()
        } else {
            count(rules.scope.len(), "scope table")
        };
        let account = rules.account.user_type().to_ascii_lowercase();
        out.line(format_args!("  rules  {name}  {account}, {scope}, {attributes}  {}", rules.description));
    }
    for (name, hook) in webhooks {
        let events: Vec<&str> = hook.events.iter().map(|event| event.as_str()).collect();
        out.line(format_args!("  webhook {name}  {}  {}", hook.origin(), events.join(", ")));
    }
}

/// What is said of the ownership of a target's accounts; the same on each of its routes.
fn owned(config: &Config, tenant: &TenantName) -> String {
    let Some(route) = config.routes.iter().find(|route| route.name.target == *tenant) else { return String::new() };
    let (stamping, protected) = (&route.ownership.stamping, route.ownership.protected.len());
    let stamp = stamping.as_ref().map(|stamping| format!("  stamp {}", stamping.attribute)).unwrap_or_default();
    if protected == 0 { stamp } else { format!("{stamp}  {} protected", count(protected, "account")) }
}

/// Findings as JSON, with their places.
pub(super) fn findings(report: &Report) -> Vec<Value> {
    let finding = |l: &Located<'_>| {
        json!({
            "severity": if l.finding.is_error() { "error" } else { "warning" },
            "id": l.finding.id,
            "file": l.file.display().to_string(),
            "line": l.line,
            "column": l.column,
            "message": l.finding.message,
            "hint": l.finding.hint,
        })
    };
    report.findings().iter().map(finding).collect()
}

fn document(config: Option<&Config>, report: &Report) -> Value {
    let mut document = json!({ "sound": config.is_some(), "findings": findings(report) });
    if let (Some(config), Some(fields)) = (config, document.as_object_mut()) {
        let tenants: Vec<Value> = config.tenants.values().map(|t| json!({"name": t.name, "id": t.id})).collect();
        let routes: Vec<Value> = config
            .routes
            .iter()
            .map(|r| {
                let rules: Vec<&str> = r.rules.iter().map(|rules| rules.name.as_str()).collect();
                let schedule = config.schedule_of(r);
                let schedule = json!({"cron": schedule.cron, "time_zone": schedule.time_zone});
                json!({"route": r.name.to_string(), "rules": rules, "schedule": schedule})
            })
            .collect();
        let sets: Vec<Value> = rule_sets(config)
            .values()
            .map(
                |rules| json!({"name": rules.name, "description": rules.description, "fingerprint": rules.fingerprint}),
            )
            .collect();
        let webhook = |(name, hook): (&String, &Webhook)| {
            let events: Vec<&str> = hook.events.iter().map(|event| event.as_str()).collect();
            json!({"name": name, "origin": hook.origin(), "events": events})
        };
        let webhooks: Vec<Value> = config.notify.webhooks.iter().map(webhook).collect();
        fields.insert("webhooks".to_owned(), json!(webhooks));
        fields.insert("tenants".to_owned(), json!(tenants));
        fields.insert("routes".to_owned(), json!(routes));
        fields.insert("rules".to_owned(), json!(sets));
    }
    document
}
