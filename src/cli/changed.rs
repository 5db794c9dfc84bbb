//! How do edits of the rules look to a person, with whom they touch?

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::{Output, render};
use crate::engine::{RulesChanged, Touched};
use crate::plan::Part;

/// The block before the totals; nothing where no rule was edited.
pub(super) fn text(changed: &[RulesChanged], show: usize, out: &mut Output) {
    if changed.is_empty() {
        return;
    }
    let bold = Style::new().bold();
    out.line(format_args!("{bold}rules changed since the last sync{bold:#}"));
    for route in changed {
        match &route.uncounted {
            Some(why) => {
                out.line(format_args!("  {}: nobody can be counted, because {}", route.route, render::inert(why)))
            }
            None => out.line(format_args!("  {}: {}", route.route, touched(route.people))),
        }
        for edit in route.edits.iter().take(show) {
            line(edit, route.uncounted.is_none(), out);
        }
        if let Some(more) = route.edits.len().checked_sub(show).filter(|n| *n > 0) {
            out.line(format_args!("    … and {more} more (--show {} shows all)", route.edits.len()));
        }
    }
    out.line(format_args!(""));
}

fn line(edit: &Touched, counted: bool, out: &mut Output) {
    let difference = &edit.difference;
    let (sign, colour) = match difference.verb() {
        "added" => ("+", AnsiColor::Green),
        "removed" => ("-", AnsiColor::Red),
        _ => ("~", AnsiColor::Yellow),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let (set, part) = (&difference.rules, &difference.part);
    let whom = match part {
        _ if !counted => String::new(),
        Part::Guard(_) => ": judges plans, touches nobody".to_owned(),
        _ => format!(": {}{}", touched(edit.people), moves(edit)),
    };
    out.line(format_args!("    {style}{sign}{style:#} {set}: {part} {}{whom}", difference.verb()));
    if let (Some(before), Some(after)) = (&difference.before, &difference.after) {
        out.line(format_args!("        {} -> {}", render::inert(before), render::inert(after)));
    }
}

fn touched(people: u64) -> String {
    match people {
        0 => "touches nobody".to_owned(),
        1 => "touches 1 person".to_owned(),
        n => format!("touches {n} people"),
    }
}

/// Who comes in, and who leaves.
fn moves(edit: &Touched) -> String {
    let mut words = Vec::new();
    if edit.come_in > 0 {
        words.push(format!("{} come in", edit.come_in));
    }
    if edit.leave > 0 {
        words.push(format!("{} leave", edit.leave));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// `rules_changed` of the summary.
pub(super) fn document(changed: &[RulesChanged]) -> Value {
    let count = |route: &RulesChanged, n: u64| if route.uncounted.is_none() { json!(n) } else { Value::Null };
    let edit = |route: &RulesChanged, edit: &Touched| {
        json!({
            "rules": edit.difference.rules,
            "rule": edit.difference.part.to_string(),
            "edit": edit.difference.verb(),
            "before": edit.difference.before,
            "after": edit.difference.after,
            "people": count(route, edit.people),
            "come_in": count(route, edit.come_in),
            "leave": count(route, edit.leave),
        })
    };
    let of_route = |route: &RulesChanged| {
        json!({
            "route": route.route.to_string(),
            "people": count(route, route.people),
            "uncounted": route.uncounted,
            "edits": route.edits.iter().map(|e| edit(route, e)).collect::<Vec<_>>(),
        })
    };
    changed.iter().map(of_route).collect()
}
