//! How is a rule set written, with a comment for everything that it does not say?

use std::fmt::Write as _;

use super::attributes::Mapped;
use super::scope::{MEMBERS, NOBODY, Scopes, Table};
use super::{Answer, Part, Row};

/// A text as TOML: as it is between single quotes where it has something to escape and can stand there, which is what
/// most expressions need.
pub(super) fn quoted(text: &str) -> String {
    let bare = !text.chars().any(|c| c == '\'' || hides(c));
    if bare && text.contains(['"', '\\']) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // All that hide are below U+10000.
            c if hides(c) => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that a reader does not see, or that change what is seen around them.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `{ a = 1, b = "x" }`; the values are TOML already.
pub(super) fn inline(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", fields.join(", "))
}

/// One line of a comment, whatever stands in it.
fn calm(text: &str) -> String {
    let mut calm = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) {
            let _ = write!(calm, "\\u{{{:x}}}", u32::from(c));
        } else {
            calm.push(c);
        }
    }
    calm
}

const HEAD: &str = "\
# What each of these lines stands for, and what differs from Microsoft's service: docs/import.md.
# Next: read every NOT TRANSLATED and PARTLY below, name this rule set in crosstie.toml, `crosstie check`, `crosstie plan`.
";

const LEAVERS: &str = "\
# What happens to the accounts of people who leave: delete | disable | keep.
";

const EMPTY: &str = "\
# when_empty = \"keep\": what is empty at home is left alone in the target, since the service writes no empty values. Take
# it out, and crosstie clears in the target what is cleared at home.
";

/// The file.
pub(super) fn rules(titles: (&str, String), scopes: &Scopes, mapped: &Mapped, groups: &[String]) -> String {
    let (rule, mapping) = titles;
    let mut text = format!(
        "# Made by `crosstie import entra-schema` of a cross-tenant synchronization: {}.\n{HEAD}\n",
        calm(&[rule, &mapping].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", "))
    );
    let _ = writeln!(text, "description = {}", quoted(&format!("Imported: {mapping}")));
    let (kind, why) = mapped.account;
    let _ = writeln!(text, "account = {}  # {why}", quoted(&kind.user_type().to_ascii_lowercase()));
    scope(&mut text, scopes, groups);
    matches(&mut text, mapped);
    let _ = write!(text, "\n{EMPTY}[attributes]\n");
    mapped.attributes.iter().for_each(|row| line(&mut text, row));
    leavers(&mut text, mapped);
    text
}

fn scope(text: &mut String, scopes: &Scopes, groups: &[String]) {
    text.push_str("\n# Who is taken. Tables [[scope]] are alternatives; within one, every clause of `all` holds.\n");
    for (what, why) in &scopes.lost {
        lost(text, Answer::NotTranslated, what, why);
    }
    if scopes.takes_nobody() {
        text.push_str(
            "# Nobody is taken, because what is left out above would take too many. Write what it should be.\n",
        );
        let _ = write!(text, "[[scope]]\nall = [{NOBODY}]\n");
    }
    if groups.is_empty() {
        text.push_str(
            "# Who is assigned to the configuration does not stand in its schema. If it synchronizes assigned users only, add\n\
             # groups = [\"object id\", …] to each table.\n",
        );
    }
    let everybody = [Table { name: String::new(), clauses: Vec::new() }];
    let tables = if scopes.tables.is_empty() && !scopes.filtered { &everybody[..] } else { &scopes.tables };
    // Where nobody may be taken, the tables stand there to be used by whoever has thought about it.
    let off = if scopes.takes_nobody() { "# " } else { "" };
    for table in tables {
        let name = if table.name.is_empty() { String::new() } else { format!("  # {}", calm(&table.name)) };
        let _ = write!(text, "{off}[[scope]]{name}\n{off}all = [\n");
        for clause in &table.clauses {
            let _ = writeln!(text, "{off}  {clause},");
        }
        let _ = write!(text, "{off}  {MEMBERS},  # the service takes internal members only\n{off}]\n");
        if !groups.is_empty() {
            let groups: Vec<String> = groups.iter().map(|g| quoted(g)).collect();
            let _ = writeln!(text, "{off}groups = [{}]  # assigned to the configuration", groups.join(", "));
        }
    }
}

fn matches(text: &mut String, mapped: &Mapped) {
    text.push_str("\n# How an account that stands already is found.\n");
    if mapped.matches.is_empty() {
        text.push_str("# The schema matches by nothing: no account is joined.\n");
    }
    let mut said: Vec<&str> = Vec::new();
    for row in &mapped.matches {
        match &row.written {
            // Two rows may come to the same: the service's own key, and the address that stands for it.
            Some(table) if said.contains(&table.as_str()) => {}
            Some(table) if row.answer == Answer::BuiltIn => {
                let _ = writeln!(text, "[[match]]  # instead of {}\n{table}", calm(&row.name));
            }
            Some(table) => drop(writeln!(text, "[[match]]\n{table}")),
            None => {
                lost(text, row.answer, &format!("{}: {}", row.name, row.from), row.why.as_deref().unwrap_or_default())
            }
        }
        said.extend(row.written.as_deref());
    }
}

fn line(text: &mut String, row: &Row) {
    if row.answer.is_loss() {
        lost(text, row.answer, &format!("{}: {}", row.name, row.from), row.why.as_deref().unwrap_or_default());
    }
    if let Some(line) = row.written.as_ref().filter(|_| row.part == Part::Attribute) {
        let _ = writeln!(text, "{line}");
    }
}

fn leavers(text: &mut String, mapped: &Mapped) {
    let _ = write!(text, "\n{LEAVERS}");
    for row in mapped.leavers.iter().filter(|row| row.answer.is_loss()) {
        lost(text, row.answer, &format!("{}: {}", row.name, row.from), row.why.as_deref().unwrap_or_default());
    }
    let gone = if mapped.deletes { "delete" } else { "keep" };
    let blocked = if mapped.blocks { "disable" } else { "keep" };
    let _ = write!(text, "[leavers]\ndeleted = \"{gone}\"\nout_of_scope = \"{gone}\"\ndisabled = \"{blocked}\"\n");
}

fn lost(text: &mut String, answer: Answer, what: &str, why: &str) {
    let _ = write!(text, "# {}  {}\n#   {}\n", answer.words().to_uppercase(), calm(what), calm(why));
}
