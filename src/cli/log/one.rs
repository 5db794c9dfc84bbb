//! What does one entry of the change log say, with everything that stands behind it?

use serde_json::json;

use super::{lines, runs};
use crate::cli::output::{Format, complain};
use crate::cli::{Exit, Output, render, session};
use crate::store::{Item, LogEntry, RunFacts, Store};

pub(super) fn show(store: &Store, seq: u64, format: Format, out: &mut Output) -> Result<Exit, Exit> {
    let Some(item) = store.log_item(seq).map_err(session::failed)? else {
        let last = store.log_head().map_err(session::failed)?.map_or(0, |(last, _)| last);
        complain(format_args!("the change log has no entry {seq}; the last one is {last}"));
        return Err(Exit::Usage);
    };
    let Item::Write(entry) = &item else {
        match format {
            Format::Text => lines::item_text(&item, out),
            Format::Json => out.line(format_args!("{}", lines::json(&item).map_err(session::failed)?)),
        }
        return Ok(Exit::Done);
    };
    let facts = match &entry.facts {
        Some(hash) => store.run_facts(hash).map_err(session::failed)?,
        None => None,
    };
    match format {
        Format::Text => text(entry, facts.as_ref(), out),
        Format::Json => {
            let document = json!({ "entry": entry, "facts": facts });
            let document = serde_json::to_string_pretty(&document).map_err(session::failed)?;
            out.line(format_args!("{}", render::inert_json(&document)));
        }
    }
    Ok(Exit::Done)
}

fn text(entry: &LogEntry, facts: Option<&RunFacts>, out: &mut Output) {
    lines::text(entry, out);
    let home = &entry.home;
    out.line(format_args!("  person   {} in {}", render::inert(home.id.as_str()), render::inert(&home.tenant)));
    if let Some(account) = &entry.account {
        let (id, tenant) = (render::inert(account.id.as_str()), render::inert(&account.tenant));
        out.line(format_args!("  account  {id} in {tenant}"));
    }
    out.line(format_args!("  rules    {}", render::inert(&entry.rules)));
    if !entry.request_id.is_empty() {
        out.line(format_args!("  request  {}", render::inert(&entry.request_id)));
    }
    out.line(format_args!("  previous {}", entry.previous));
    out.line(format_args!("  hash     {}", entry.hash));
    match (facts, &entry.facts) {
        (Some(facts), Some(hash)) => {
            out.line(format_args!("  facts    {hash}"));
            runs::text(facts, "  ", out);
        }
        (None, Some(hash)) => out.line(format_args!("  facts    {hash}: missing, or not what they were")),
        _ => out.line(format_args!("  an older crosstie wrote it, which put down nothing of its runs")),
    }
}
