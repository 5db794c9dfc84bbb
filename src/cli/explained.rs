//! How does an explanation look to a person?

use anstyle::{AnsiColor, Style};

use super::Output;
use super::render::{duration, inert, value};
use crate::engine::{Explained, InPlan, RouteExplained};
use crate::model::{NamedGroup, Value};
use crate::plan::explain::{
    AccountSeen, AccountStory, AttributeSeen, CandidateSeen, ClauseSeen, Fate, Given, GroupSeen, Outcome, RuleSetSeen,
    RungSeen, TableSeen,
};
use crate::store::LogEntry;

/// What fits beside a second window on most screens.
const COLUMNS: usize = 100;
/// Longer values are cut in the text; `--format json` has them whole.
const VALUE_CHARACTERS_MAX: usize = 300;

/// The whole explanation.
pub(super) fn text(told: &Explained, out: &mut Output) {
    let mut page = Page { out };
    for account in &told.followed {
        page.line(
            0,
            &format!(
                "{} in {} is the account of {} on {}",
                account.account,
                account.tenant,
                who(&account.home.user_principal_name, account.home.id.as_str()),
                account.route
            ),
        );
    }
    let read: Vec<String> =
        told.tenants.iter().map(|t| format!("{} {}", t.tenant, t.read_at.as_deref().unwrap_or("never"))).collect();
    let how = if told.offline { "from what is remembered; last read:" } else { "read:" };
    page.line(0, &format!("{how} {}", read.join(", ")));
    told.routes.iter().for_each(|route| page.route(route));
}

/// Lines of at most [`COLUMNS`], made inert.
struct Page<'a> {
    out: &'a mut Output,
}

impl Page<'_> {
    /// One line; what does not fit goes on below, further in.
    fn line(&mut self, indent: usize, text: &str) {
        self.marked(indent, "", Style::new(), text);
    }

    fn marked(&mut self, indent: usize, mark: &str, style: Style, text: &str) {
        let text = inert(text);
        let room = COLUMNS.saturating_sub(indent + mark.chars().count());
        let mut lines = broken(&text, room, room.saturating_sub(4)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.out.line(format_args!("{:indent$}{style}{mark}{style:#}{first}", ""));
        let indent = indent + mark.chars().count() + 4;
        lines.for_each(|line| self.out.line(format_args!("{:indent$}{line}", "")));
    }

    fn head(&mut self, text: &str) {
        let bold = Style::new().bold();
        self.out.line(format_args!("  {bold}{text}{bold:#}"));
    }

    fn route(&mut self, told: &RouteExplained) {
        let seen = &told.explanation;
        let bold = Style::new().bold();
        self.out.line(format_args!(""));
        let home = &seen.home;
        let person = who(&home.person.user_principal_name, home.person.id.as_str());
        self.marked(0, &format!("{} ", seen.route), bold, &format!("{person}: {}", seen.verdict));
        self.line(2, &seen.because);
        self.marked(2, "=> ", bold, &outcome(told).replace('\n', "; "));
        if let Some(note) = told.plan.note {
            self.line(5, note);
        }
        self.home(told);
        self.head("scope");
        seen.scope.iter().for_each(|set| self.rule_set(set, seen.scope.iter().any(|s| s.has)));
        self.head("account");
        self.account(&seen.account);
        if !seen.attributes.is_empty() {
            self.head("attributes");
            seen.attributes.iter().for_each(|attribute| self.attribute(attribute));
        }
        self.last(told);
    }

    fn home(&mut self, told: &RouteExplained) {
        let home = &told.explanation.home;
        let blocked = if home.blocked { ", blocked" } else { "" };
        let evidence: Vec<String> = home.evidence.iter().map(|(a, v)| format!("{a} {}", short(v.as_ref()))).collect();
        self.head("home user");
        let (id, evidence) = (&home.person.id, evidence.join(", "));
        self.line(4, &format!("{id}, {}, {}{blocked} ({evidence})", home.presence, home.standing));
    }

    fn rule_set(&mut self, set: &RuleSetSeen, somebody_has: bool) {
        let word = match (set.has, set.takes, set.takes_unblocked) {
            (true, true, _) => "takes the user",
            (true, false, _) => "takes the user, if not blocked at home",
            (false, true, _) if somebody_has => "would take the user too; another rule set comes first",
            (false, true, _) => "would take the user",
            (false, false, Some(true)) => "would take the user, if not blocked at home",
            (false, false, _) => "does not take the user",
        };
        let all = if set.tables.is_empty() { " (no [[scope]]: everybody who is native)" } else { "" };
        self.line(4, &format!("rule set {} {word}{all}", set.rules));
        for (n, table) in set.tables.iter().enumerate() {
            self.table(n + 1, table);
        }
    }

    fn table(&mut self, n: usize, table: &TableSeen) {
        self.answer(6, table.takes, table.takes_unblocked, &format!("[[scope]] {n}"));
        table.clauses.iter().for_each(|clause| self.clause(clause));
        table.groups.iter().for_each(|group| self.group(group));
    }

    fn answer(&mut self, indent: usize, holds: bool, unblocked: Option<bool>, text: &str) {
        let (mark, colour) = if holds { ("yes ", AnsiColor::Green) } else { ("no  ", AnsiColor::Red) };
        let but = match unblocked {
            Some(other) if other != holds && other => " (yes, if not blocked at home)",
            Some(other) if other != holds => " (no, if not blocked at home)",
            _ => "",
        };
        self.marked(indent, mark, Style::new().fg_color(Some(colour.into())), &format!("{text}{but}"));
    }

    fn clause(&mut self, clause: &ClauseSeen) {
        let compared = clause.value.as_ref().map(|v| format!(" {}", short(Some(v)))).unwrap_or_default();
        let note = clause.note.map(|note| format!(" ({note})")).unwrap_or_default();
        let seen = short(clause.seen.as_ref());
        let text = format!("{} {}{compared}, seen {seen}{note}", clause.attribute, clause.operator);
        self.answer(8, clause.holds, clause.holds_unblocked, &text);
    }

    fn group(&mut self, group: &GroupSeen) {
        let text = match (&group.path, &group.note) {
            (_, Some(note)) if !group.member => format!("a member of group {} ({note})", group.id),
            _ if !group.member => format!("a member of group {}", group.id),
            (Some(path), _) => format!("a member of group {}: the user -> {}", group.id, way(path)),
            (None, Some(note)) => format!("a member of group {}, directly or through others; {note}", group.id),
            (None, None) => format!("a member of group {}, directly or through others", group.id),
        };
        self.answer(8, group.member, None, &text);
    }

    fn account(&mut self, story: &AccountStory) {
        self.line(4, &story.says);
        if let Some(account) = &story.account {
            self.line(4, &named(account));
        }
        if let Some(link) = &story.link {
            let origin = link.origin.map_or("asked for".to_owned(), |o| format!("{o:?}").to_lowercase());
            let mut facts = vec![format!("{origin} {}, rules {}", link.since, link.rules)];
            facts.extend(link.asked.as_ref().map(|a| format!("{} was invited {}", a.address, a.at)));
            facts.extend((!link.initialised && link.asked.is_none()).then(|| "still being provisioned".to_owned()));
            facts.extend(link.disabled_by_us.then(|| "blocked by crosstie".to_owned()));
            facts.extend(link.leaving_since.as_ref().map(|at| format!("leaving since {at}")));
            self.line(4, &format!("link: {}", facts.join("; ")));
        }
        let Some(ladder) = &story.ladder else { return };
        for (n, rung) in ladder.rungs.iter().enumerate() {
            let source = rung.source.as_deref().unwrap_or_default();
            self.rung(&format!("[[match]] {} {} = {source}", n + 1, rung.target), rung);
        }
        self.rung("the address to invite", &ladder.address);
    }

    fn rung(&mut self, name: &str, rung: &RungSeen) {
        let value = rung.value.as_ref().map(|v| format!(", looking for \"{}\"", cut(v))).unwrap_or_default();
        self.line(4, &format!("{name}{value}: {}", rung.says));
        for candidate in &rung.candidates {
            self.candidate(candidate);
        }
    }

    fn candidate(&mut self, candidate: &CandidateSeen) {
        let holder = candidate
            .taken_by
            .as_ref()
            .map(|h| format!(" ({} on {})", who(&h.home.user_principal_name, h.home.id.as_str()), h.route));
        let text = format!("{}: {}{}", named(&candidate.account), candidate.says, holder.unwrap_or_default());
        self.marked(6, "- ", Style::new(), &text);
    }

    fn attribute(&mut self, seen: &AttributeSeen) {
        let colour = if seen.written { Style::new().fg_color(Some(AnsiColor::Yellow.into())) } else { Style::new() };
        let mark = if seen.written { "~ " } else { "  " };
        let there = match seen.fate {
            Fate::Same | Fate::Empty => String::new(),
            _ => seen.account.as_ref().map(|v| format!("; there: {}", short(Some(v)))).unwrap_or_default(),
        };
        let mut source = seen.source.clone();
        if seen.apply != "always" && seen.kind != "account" {
            source += &format!(" (apply {})", seen.apply);
        }
        if seen.when_empty != "clear" && seen.kind != "account" {
            source += &format!(" (when_empty {})", seen.when_empty);
        }
        let result = given(&seen.result);
        self.marked(4, mark, colour, &format!("{} = {source} gives {result}; {}{there}", seen.target, seen.says));
        // Whoever copies one attribute has read it.
        let copies = seen.inputs.keys().any(|a| seen.source.trim() == format!("[{a}]")) && seen.reference.is_none();
        let read: Vec<String> = seen.inputs.iter().map(|(a, v)| format!("{a} {}", short(v.as_ref()))).collect();
        if !copies && !read.is_empty() {
            self.line(8, &format!("reads {}", read.join(", ")));
        }
        // The outermost is the expression itself, and the one that is evaluated last stands last.
        for step in seen.steps.iter().filter(|s| s.depth > 0) {
            self.line(6 + 2 * step.depth, &format!("{} = {}", step.part, given(&step.result)));
        }
        if let Some(reference) = &seen.reference {
            let whom = who(reference.user_principal_name.as_deref().unwrap_or_default(), &reference.home);
            let leads = match reference.resolved {
                "account" => "has an account there",
                "nobody" => "has no account there so far",
                _ => "has an account that is on its way or in deletedItems",
            };
            self.line(8, &format!("{whom} {leads}"));
        }
    }

    fn last(&mut self, told: &RouteExplained) {
        self.head("what happened last");
        match &told.unsettled {
            None => {}
            Some(state) if state.state.is_empty() => {
                self.line(4, "news of the user or the account came in after the last cycle")
            }
            Some(state) => self.line(4, &format!("left {} by the last cycle: {}", state.state, state.detail)),
        }
        told.log.iter().for_each(|entry| self.entry(entry));
        if told.log.is_empty() {
            self.line(4, "the change log has nothing about this user on this route");
        }
    }

    fn entry(&mut self, entry: &LogEntry) {
        let attributes: Vec<&str> = entry.edits.keys().map(crate::model::Attribute::as_str).collect();
        let what = if attributes.is_empty() { String::new() } else { format!(": {}", attributes.join(", ")) };
        let error = entry.error.as_ref().map(|e| format!(": {} ({})", e.message, e.code)).unwrap_or_default();
        let text = format!(
            "{} #{} run {} {} ({}) {}{error}{what}",
            entry.at, entry.seq, entry.run, entry.action, entry.why, entry.outcome
        );
        self.line(4, &text);
    }
}

/// What follows in the whole plan, in one sentence.
fn outcome(told: &RouteExplained) -> String {
    let (plan, decision) = (&told.plan, &told.explanation.decision);
    let due = matches!(decision.outcome, Outcome::Change(_));
    match (&plan.held, &plan.not_planned) {
        (Some(reason), None) => format!("held: {reason}"),
        (None, Some(why)) if due => format!("would be: {}; but it is not planned: {why}", decision.says),
        (_, Some(why)) => format!("{}; the route is not planned: {why}", decision.says),
        (None, None) if !plan.refused.is_empty() => {
            let limits = plan.refused.join("; ");
            format!(
                "would be: {}; but the guard refuses the route, and nothing of it is written: {limits}",
                decision.says
            )
        }
        (None, None) => format!("{}{}", decision.says, waits(plan)),
    }
}

fn waits(plan: &InPlan) -> String {
    let (Some(lane), Some(before)) = (plan.lane, plan.before_it) else { return String::new() };
    let before = match before {
        0 => "first of all".to_owned(),
        1 => "behind 1 change".to_owned(),
        n => format!("behind {n} changes"),
    };
    let takes = plan.eta_seconds.map(|s| format!(", at least {}", duration(s))).unwrap_or_default();
    let writes = if plan.writes == 1 { "1 write".to_owned() } else { format!("{} writes", plan.writes) };
    format!("; waits in lane {lane} {before}; {writes}{takes}")
}

/// A sign-in name, or the id of somebody who has none.
fn who(name: &str, id: &str) -> String {
    if name.is_empty() { id.to_owned() } else { name.to_owned() }
}

fn named(account: &AccountSeen) -> String {
    let kind = account.user_type.as_deref().unwrap_or("no userType");
    let blocked = if account.blocked { ", blocked" } else { "" };
    let AccountSeen { id, user_principal_name, standing, presence, .. } = account;
    format!("{id} {user_principal_name} ({kind}, {standing}, {presence}{blocked})")
}

fn way(path: &[NamedGroup]) -> String {
    let names: Vec<String> = path.iter().map(|g| format!("{} ({})", g.display_name, g.id)).collect();
    names.join(" -> ")
}

fn given(given: &Given) -> String {
    match given {
        Given::Value(value) => short(value.as_ref()),
        Given::Ignored { ignore } => format!("(left out of the flow: {ignore})"),
        Given::Fault { error } => format!("(no value: {error})"),
    }
}

/// A value in quotes, cut where it is long.
fn short(what: Option<&Value>) -> String {
    cut(&value(what))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Breaks a text at blanks; a word that is too long stays whole.
fn broken(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let (more, room) =
            (word.chars().count() + usize::from(length > 0), if lines.len() == 1 { first } else { rest });
        match lines.last_mut() {
            Some(line) if length == 0 || length + more <= room => {
                if length > 0 {
                    line.push(' ');
                }
                line.push_str(word);
                length += more;
            }
            _ => {
                length = word.chars().count();
                lines.push(word.to_owned());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn lines_are_broken_at_blanks_and_nothing_is_lost() {
        assert_eq!(broken("one two three", 7, 5), ["one two", "three"]);
        assert_eq!(broken("one incomprehensible word", 7, 5), ["one", "incomprehensible", "word"]);
        assert_eq!(broken("", 7, 5), [""]);
        let text = "a  text with   blanks of its own";
        assert_eq!(broken(text, 9, 7).join(" "), text);
    }
}
