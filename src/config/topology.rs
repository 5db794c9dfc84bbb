//! Which ordered pairs of tenants become routes, and with which rule sets?

use std::ops::Range;
use std::sync::Arc;

use super::load::RuleSets;
use super::tenant::Tenants;
use super::{Route, Schedule, schedule};
use crate::model::{Ownership, RouteName, TenantName};
use crate::rules::Diagnostic;
use crate::rules::diagnostic::did_you_mean;
use crate::rules::table::{Section, Word};

/// More tenants than anybody's mesh has; a mesh grows with the square, and each route is planned in every cycle.
const ROUTES_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Mesh,
    Hub,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
    Both,
}

/// Reads `[topology]` and every `[[route]]`: first the topology's routes, each replaced in its place where a `[[route]]`
/// names its pair, then the other routes in the order of the file. One that only has other times keeps the topology's rules.
///
/// Two rule sets can only meet on one account where they share a route: another home has other users, and so other
/// accounts. Within a route the first rule set whose scope takes a user has that user, so what is left to refuse is a
/// pair with two `[[route]]` tables, and a rule set named twice in one list.
pub(super) fn read(
    root: &Section<'_>,
    tenants: &Tenants,
    schedule: &Schedule,
    sets: &mut RuleSets,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Route> {
    let before = findings.len();
    let mut routes = match root.section("topology", "[topology]", findings) {
        Some(section) => topology(&section, tenants, sets, findings),
        None => Vec::new(),
    };
    let faulty = findings.iter().skip(before).any(Diagnostic::is_error);
    let mut own: Vec<(RouteName, Range<usize>)> = Vec::new();
    for section in root.sections("route", "[[route]]", findings) {
        let pair = pair(&section, tenants, findings);
        let own_schedule = schedule::of_route(&section, schedule, findings);
        let replaced = pair.as_ref().and_then(|(name, _)| routes.iter().find(|r| r.name == *name));
        let keeps_rules = section.field("schedule").is_some() && section.field("rules").is_none();
        let rules = match replaced {
            Some(replaced) if keeps_rules => replaced.rules.clone(),
            // A faulty pair, or a faulty topology, is told already: nobody knows which rules would be kept.
            None if keeps_rules && (pair.is_none() || faulty) => Vec::new(),
            _ => rules(&section, sets, findings),
        };
        let Some((name, place)) = pair else { continue };
        let route = Route { name, rules, schedule: own_schedule, ownership: Ownership::default() };
        if own.iter().any(|(name, _)| *name == route.name) {
            let message = format!("the route {} is written twice", route.name);
            let hint = "keep one; `rules` takes a list where several rule sets are meant";
            findings.push(Diagnostic::error("duplicate-route", message).at(place).hint(hint));
            continue;
        }
        own.push((route.name.clone(), place));
        match routes.iter_mut().find(|r| r.name == route.name) {
            Some(replaced) => *replaced = route,
            None => routes.push(route),
        }
    }
    let quiet = !findings.iter().skip(before).any(Diagnostic::is_error);
    if routes.is_empty() && quiet && root.field("topology").is_none() {
        let finding = Diagnostic::error("no-route", "there is no route: nothing would ever be synchronised");
        findings.push(finding.hint("add [topology], or a [[route]] with home, target and rules"));
    }
    idle(&routes, tenants, quiet, findings);
    routes
}

/// Warns of tenants that no route touches.
fn idle(routes: &[Route], tenants: &Tenants, quiet: bool, findings: &mut Vec<Diagnostic>) {
    if !quiet || routes.is_empty() {
        return;
    }
    for (name, (_, span)) in tenants {
        if !routes.iter().any(|r| r.name.home == *name || r.name.target == *name) {
            let finding = Diagnostic::warning("idle-tenant", format!("no route leads from or to `{name}`"));
            findings.push(finding.at(span.clone()).hint("add it to the topology, or remove the table"));
        }
    }
}

fn topology(
    section: &Section<'_>,
    tenants: &Tenants,
    sets: &mut RuleSets,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Route> {
    if section.field("kind").is_none() {
        findings.push(section.missing("kind").hint("write `kind = \"mesh\"` or `kind = \"hub\"`"));
        return Vec::new();
    }
    let kinds = [("mesh", Shape::Mesh), ("hub", Shape::Hub)];
    let Some(kind) = section.choice("kind", &kinds, findings) else { return Vec::new() };
    let pairs = match kind {
        Shape::Mesh => mesh(section, tenants, findings),
        Shape::Hub => hub(section, tenants, findings),
    };
    let rules = rules(section, sets, findings);
    if pairs.len() > ROUTES_MAX {
        let message = format!("this topology has {} routes, and {ROUTES_MAX} is the most", pairs.len());
        findings.push(Diagnostic::error("too-many-routes", message).at(section.span.clone()).hint("use a hub"));
        return Vec::new();
    }
    let route = |name| Route { name, rules: rules.clone(), schedule: None, ownership: Ownership::default() };
    pairs.into_iter().map(route).collect()
}

/// Every ordered pair.
fn mesh(section: &Section<'_>, tenants: &Tenants, findings: &mut Vec<Diagnostic>) -> Vec<RouteName> {
    section.only(&["kind", "tenants", "rules"], findings);
    let members = names(section, "tenants", tenants, findings);
    if let Some(field) = section.field("tenants").filter(|_| members.as_ref().is_some_and(|m| m.len() < 2)) {
        let finding = Diagnostic::error("too-few-tenants", "a mesh has at least two tenants");
        findings.push(finding.at(field.span).hint("add another tenant to the list"));
    }
    let members = members.unwrap_or_default();
    let pairs = members.iter().flat_map(|home| members.iter().map(move |target| (home, target)));
    pairs.filter(|(h, t)| h != t).map(|(h, t)| RouteName { home: h.clone(), target: t.clone() }).collect()
}

/// Spokes to the hub, the hub to the spokes, or both.
fn hub(section: &Section<'_>, tenants: &Tenants, findings: &mut Vec<Diagnostic>) -> Vec<RouteName> {
    section.only(&["kind", "hub", "spokes", "direction", "rules"], findings);
    let directions = [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];
    let direction = section.choice("direction", &directions, findings).unwrap_or(Direction::In);
    let hub = section.required("hub", findings).and_then(|word| named(&word, tenants, findings));
    let spokes = names(section, "spokes", tenants, findings);
    let (Some(hub), Some(spokes), Some(field)) = (hub, spokes, section.field("spokes")) else { return Vec::new() };
    if spokes.is_empty() {
        let finding = Diagnostic::error("too-few-tenants", "a hub has at least one spoke").at(field.span.clone());
        findings.push(finding.hint("add a tenant to `spokes`"));
    }
    if spokes.contains(&hub) {
        let finding = Diagnostic::error("self-pair", format!("`{hub}` is the hub, and no spoke of itself"));
        findings.push(finding.at(field.span.clone()).hint("remove it from `spokes`"));
        return Vec::new();
    }
    let inward = || spokes.iter().map(|s| RouteName { home: s.clone(), target: hub.clone() });
    let outward = || spokes.iter().map(|s| RouteName { home: hub.clone(), target: s.clone() });
    match direction {
        Direction::In => inward().collect(),
        Direction::Out => outward().collect(),
        Direction::Both => inward().chain(outward()).collect(),
    }
}

/// The tenants of a list, each defined and named once.
fn names(
    section: &Section<'_>,
    key: &str,
    tenants: &Tenants,
    findings: &mut Vec<Diagnostic>,
) -> Option<Vec<TenantName>> {
    let Some(field) = section.field(key) else {
        findings.push(section.missing(key));
        return None;
    };
    let mut names: Vec<TenantName> = Vec::new();
    let mut sound = true;
    for word in field.words(false, findings)? {
        match named(&word, tenants, findings) {
            Some(name) if names.contains(&name) => {
                let finding = Diagnostic::error("duplicate-tenant", format!("`{name}` is named twice"));
                findings.push(finding.at(word.span).hint("keep one of the two"));
            }
            Some(name) => names.push(name),
            None => sound = false,
        }
    }
    sound.then_some(names)
}

/// The tenant of that name, which must be defined.
fn named(word: &Word<'_>, tenants: &Tenants, findings: &mut Vec<Diagnostic>) -> Option<TenantName> {
    let name = TenantName::new(word.text);
    if tenants.contains_key(&name) {
        return Some(name);
    }
    let hint = did_you_mean(word.text, tenants.keys().map(TenantName::as_str))
        .unwrap_or_else(|| format!("add a table [tenants.{}]", word.text));
    let finding = Diagnostic::error("unknown-tenant", format!("there is no tenant `{}`", word.text));
    findings.push(finding.at(word.span.clone()).hint(hint));
    None
}

/// The pair of tenants that a `[[route]]` is about, and where that is said.
fn pair(section: &Section<'_>, tenants: &Tenants, findings: &mut Vec<Diagnostic>) -> Option<(RouteName, Range<usize>)> {
    section.only(&["home", "target", "rules", "schedule"], findings);
    let home = section.required("home", findings);
    let target = section.required("target", findings);
    let (home, target) = (home?, target?);
    let (from, to) = (named(&home, tenants, findings), named(&target, tenants, findings));
    let name = RouteName { home: from?, target: to? };
    if name.home == name.target {
        let message = format!("`{}` is home and target at once", name.home);
        let finding = Diagnostic::error("self-pair", message).at(target.span);
        findings.push(finding.hint("a route leads from one tenant to another"));
        return None;
    }
    Some((name, home.span))
}

/// The rule sets that `rules` names, in its order.
fn rules(
    section: &Section<'_>,
    sets: &mut RuleSets,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Arc<crate::rules::RuleSet>> {
    let Some(field) = section.field("rules") else {
        let finding = section.missing("rules");
        findings.push(finding.hint("write `rules = \"staff\"` for sync-rules/staff.toml"));
        return Vec::new();
    };
    let words = field.words(true, findings).unwrap_or_default();
    if words.is_empty() && field.value.is_array() {
        let finding = Diagnostic::error("empty", "`rules` names no rule set").at(field.span);
        findings.push(finding.hint("write `rules = \"staff\"` for sync-rules/staff.toml"));
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for word in &words {
        if seen.contains(&word.text) {
            let message = format!("the rule set `{}` is named twice", word.text);
            let hint = "the first one takes every user that the second could: keep one";
            findings.push(Diagnostic::error("duplicate-rules", message).at(word.span.clone()).hint(hint));
            continue;
        }
        seen.push(word.text);
        found.extend(sets.get(word, findings));
    }
    found
}
