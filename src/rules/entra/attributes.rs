//! Which lines of `[attributes]`, and which `[[match]]` tables, say what the rows of the schema say?

use std::collections::BTreeMap;

use super::read::{AttributeMapping, Flows, Object};
use super::source::{self, Flow, Made};
use super::write::{inline, quoted};
use super::{Answer, Part, Row, names, sound};
use crate::model::{Attribute, Value};
use crate::rules::properties::fitted;
use crate::rules::{AccountKind, Apply};

/// Everything that comes of the rows.
#[derive(Debug)]
pub(super) struct Mapped {
    /// One for each row, in the schema's order.
    pub(super) attributes: Vec<Row>,
    /// By the priority that the schema gives.
    pub(super) matches: Vec<Row>,
    /// What the rows and the operations say of leavers.
    pub(super) leavers: Vec<Row>,
    /// What accounts are made as, and why.
    pub(super) account: (AccountKind, &'static str),
    /// Are accounts deleted when people leave?
    pub(super) deletes: bool,
    /// Are accounts blocked when people are?
    pub(super) blocks: bool,
    /// Is there a row for the service's own key?
    pub(super) has_service_key: bool,
}

/// The service's own names.
const KEY: &str = "alternativeSecurityIds";
const SOFT_DELETED: &str = "IsSoftDeleted";

fn is(row: &AttributeMapping, name: &str) -> bool {
    target(row).eq_ignore_ascii_case(name)
}
fn target(row: &AttributeMapping) -> &str {
    row.target_attribute_name.as_deref().map(str::trim).unwrap_or_default()
}
/// Blanks and case say nothing in the few sources that are looked for.
fn is_made_from(row: &AttributeMapping, text: &str) -> bool {
    let source = source::text(row).unwrap_or_default();
    source.split_whitespace().collect::<String>().eq_ignore_ascii_case(text)
}
fn is_the_service_key(row: &AttributeMapping) -> bool {
    is(row, KEY) && is_made_from(row, "AltSecIdFromNetId([netId])")
}

impl Mapped {
    pub(super) fn of(rows: &[Object<AttributeMapping>], flows: Flows) -> Self {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for name in rows.iter().filter_map(|row| names::known(target(row))) {
            *times.entry(name).or_insert(0) += 1;
        }
        let twice = |row: &AttributeMapping| {
            names::known(target(row)).and_then(|name| times.get(&name)).is_some_and(|times| *times > 1)
        };
        let mut account = None;
        let attributes: Vec<Row> = rows.iter().map(|row| attribute(row, flows, twice(row), &mut account)).collect();
        let matches = matches(rows, twice);
        let (leavers, deletes, blocks) = leavers(rows, flows);
        let mut mapped = Self {
            attributes,
            matches,
            leavers,
            account: account.unwrap_or((AccountKind::Guest, "unless userType below says otherwise")),
            deletes,
            blocks,
            has_service_key: rows.iter().any(|row| is_the_service_key(row)),
        };
        if account.is_none() && !rows.iter().any(|row| is(row, Attribute::USER_TYPE)) {
            let row = Row::new(Part::Attribute, Attribute::USER_TYPE, "no row", Answer::Partly);
            let why = "the schema does not say what accounts are made as; a guest has the lesser rights";
            mapped.attributes.push(row.why(why));
        }
        mapped
    }
    /// In the order in which they are listed.
    pub(super) fn into_rows(self) -> impl Iterator<Item = Row> {
        self.attributes.into_iter().chain(self.matches).chain(self.leavers)
    }
}

type Account = Option<(AccountKind, &'static str)>;

fn attribute(mapping: &AttributeMapping, flows: Flows, twice: bool, account: &mut Account) -> Row {
    let name = if target(mapping).is_empty() { "?" } else { target(mapping) };
    let row = |answer| Row::new(Part::Attribute, name, source::words(mapping), answer);
    if let Some((answer, why)) = by_itself(mapping) {
        return row(answer).why(why);
    }
    let lost = |why: String| row(Answer::NotTranslated).why(why);
    if target(mapping).is_empty() {
        return lost("the row names no target attribute".to_owned());
    }
    if twice {
        return lost("two rows write it, and the schema does not say which of them counts".to_owned());
    }
    let parts = || {
        Ok::<_, String>((names::writable(name)?, Flow::of(mapping, flows)?, source::made(mapping.source.as_deref())?))
    };
    let (name, flow, made) = match parts() {
        Ok(parts) => parts,
        Err(why) => return lost(why),
    };
    match (name.as_str(), flow, &made) {
        (Attribute::ACCOUNT_ENABLED, _, _) => enabled(row, flow, &made),
        (Attribute::USER_TYPE, Flow::Always | Flow::Creation, Made::Constant(text)) => match kind(text) {
            Some(kind) => user_type(row, flow, kind, account),
            None => lost(format!("`{}` is neither Guest nor Member", text.chars().take(40).collect::<String>())),
        },
        _ => plain(row, &name, flow, made, mapping.default_value.as_deref().filter(|d| !d.is_empty())),
    }
}

/// Rows that crosstie needs no line for, and rows that would change what it does by itself.
fn by_itself(mapping: &AttributeMapping) -> Option<(Answer, &'static str)> {
    const OTHERWISE: &str = "it is the service's own attribute, and here it is made from something else";
    let (own, why, otherwise) = if is(mapping, KEY) {
        let why = "crosstie remembers by itself which account is whose";
        (is_the_service_key(mapping), why, OTHERWISE)
    } else if is(mapping, SOFT_DELETED) {
        let why = "crosstie sees who leaves by itself; [leavers] says what happens then";
        (is_made_from(mapping, "[IsSoftDeleted]"), why, OTHERWISE)
    } else if is(mapping, Attribute::USER_PRINCIPAL_NAME) {
        let why = "the target makes the name of an external account by itself";
        (is_made_from(mapping, "[userPrincipalName]"), why, why)
    } else {
        return None;
    };
    Some(if own { (Answer::BuiltIn, why) } else { (Answer::NotTranslated, otherwise) })
}

/// Who is blocked at home is blocked by the rule for leavers, and unblocked only by whoever did it.
fn enabled(row: impl Fn(Answer) -> Row, flow: Flow, made: &Made) -> Row {
    let direct = matches!(made, Made::Expression(e) if e.as_attribute().is_some_and(|a| a.as_str() == Attribute::ACCOUNT_ENABLED));
    match (direct, flow) {
        (true, Flow::Always) => row(Answer::BuiltIn).why("crosstie blocks the account of whoever is blocked at home"),
        (true, Flow::Creation | Flow::Empty) => row(Answer::BuiltIn).why("nobody who is blocked is given an account"),
        (false, _) => row(Answer::NotTranslated).why(
            "crosstie blocks whom the home blocks and unblocks nobody whom others blocked; write a line for \
             accountEnabled if that is not enough",
        ),
    }
}

fn kind(text: &str) -> Option<AccountKind> {
    [AccountKind::Guest, AccountKind::Member].into_iter().find(|k| k.user_type().eq_ignore_ascii_case(text))
}

fn user_type(row: impl Fn(Answer) -> Row, flow: Flow, kind: AccountKind, account: &mut Account) -> Row {
    let word = kind.user_type().to_ascii_lowercase();
    let made_as = format!("account = {}", quoted(&word));
    if flow == Flow::Always {
        *account = Some((kind, "and joined accounts become it, see userType below"));
        let line = format!("userType = {{ constant = {} }}", quoted(kind.user_type()));
        return row(Answer::Translated).written(line).why(format!("and {made_as}"));
    }
    *account = Some((kind, "accounts that stand already keep theirs"));
    Row { part: Part::Account, ..row(Answer::Translated) }.written(made_as)
}

/// A line of `[attributes]`. What is empty at home is left alone: the service does not write null, not even where a
/// manager was removed.
fn plain(row: impl Fn(Answer) -> Row, name: &str, flow: Flow, made: Made, default: Option<&str>) -> Row {
    let (mut apply, mut lost) = (flow.apply(), (flow == Flow::Empty).then(|| LATER.to_owned()));
    let source = match (made, default) {
        (Made::Constant(text), _) => constant(name, &text),
        (Made::Expression(expression), None) => Ok(("expression", quoted(expression.source()))),
        // The service gives the default only to accounts that it makes.
        (Made::Expression(expression), Some(default)) if apply == Apply::Create => {
            let default = default.replace('\\', "\\\\").replace('"', "\\\"");
            Ok(("expression", quoted(&format!("Coalesce({}, \"{default}\")", expression.source()))))
        }
        (Made::Expression(expression), Some(default)) => {
            let default: String = default.chars().take(40).collect();
            lost = Some(format!(
                "the default \"{default}\" is left out: the service gives it only to accounts that it makes, and to others \
                 what they have at home; to give it to everybody, write Coalesce(…, \"…\")"
            ));
            Ok(("expression", quoted(expression.source())))
        }
        (Made::Nothing, Some(default)) => {
            if flow == Flow::Always {
                (apply, lost) = (Apply::Create, Some(LATER.to_owned()));
            }
            constant(name, default)
        }
        (Made::Nothing, None) => Err("the row has neither a source nor a default".to_owned()),
    };
    let line = source.map(|(key, value)| line(name, key, value, apply));
    match line.and_then(|line| sound(&format!("[attributes]\n{line}\n")).map(|()| line)) {
        Ok(line) => match lost {
            None => row(Answer::Translated).written(line),
            Some(why) => row(Answer::Partly).written(line).why(why),
        },
        Err(why) => row(Answer::NotTranslated).why(why),
    }
}

const LATER: &str = "written only when the account is made: a rule does not fill what is empty later";

fn line(name: &str, key: &'static str, value: String, apply: Apply) -> String {
    // Nothing but a text needs to be told from an expression.
    if key == "constant" && apply == Apply::Always && !value.starts_with(['"', '\'']) {
        return format!("{name} = {value}");
    }
    let mut fields = vec![(key, value)];
    if key == "expression" {
        fields.push(("when_empty", quoted("keep")));
    }
    if apply == Apply::Create {
        fields.push(("apply", quoted("create")));
    }
    format!("{name} = {}", inline(&fields))
}

/// The constant in the type of its attribute, as TOML.
fn constant(name: &str, text: &str) -> Result<(&'static str, String), String> {
    if text.is_empty() {
        return Err("the constant is empty, and an empty value writes nothing".to_owned());
    }
    let value = match fitted(&Attribute::new(name), Value::from(text))? {
        Value::Bool(b) => b.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Text(text) => quoted(&text),
        Value::List(items) => format!("[{}]", items.iter().map(|i| quoted(i)).collect::<Vec<_>>().join(", ")),
    };
    Ok(("constant", value))
}

/// `[[match]]` tables, in the order of `matchingPriority`.
fn matches(rows: &[Object<AttributeMapping>], twice: impl Fn(&AttributeMapping) -> bool) -> Vec<Row> {
    let priority = |row: &AttributeMapping| row.matching_priority.filter(|p| *p > 0);
    let mut matching: Vec<_> = rows.iter().filter_map(|row| Some((priority(row)?, row))).collect();
    matching.sort_by_key(|(priority, _)| *priority);
    let rung = |(priority, mapping): (i64, &Object<AttributeMapping>)| {
        let from = format!("matchingPriority {priority}");
        let row = |answer| Row::new(Part::Match, target(mapping), from.clone(), answer);
        if is_the_service_key(mapping) {
            let why = "in its stead: no app can read the service's own key, and an external account has the address that \
                       was invited";
            return row(Answer::BuiltIn).written(table("mail", &mail(rows))).why(why);
        }
        if is(mapping, Attribute::USER_PRINCIPAL_NAME) {
            let why = "the target makes the name of an external account by itself: no source equals it";
            return row(Answer::NotTranslated).why(why);
        }
        if twice(mapping) {
            return row(Answer::NotTranslated)
                .why("two rows write it, and the schema does not say which of them counts");
        }
        let rung = names::graph(target(mapping)).and_then(|name| match source::made(mapping.source.as_deref())? {
            Made::Expression(expression) => Ok(table(&name, expression.source())),
            Made::Constant(_) | Made::Nothing => Err("everybody would match the same account".to_owned()),
        });
        match rung.and_then(|table| sound(&format!("[[match]]\n{table}\n")).map(|()| table)) {
            Ok(table) => row(Answer::Translated).written(table),
            Err(why) => row(Answer::NotTranslated).why(why),
        }
    };
    matching.into_iter().map(rung).collect()
}

fn table(target: &str, source: &str) -> String {
    format!("target = {}\nsource = {}", quoted(target), quoted(source))
}

/// What the target's `mail` is made from: where it is mapped, accounts carry the mapped address.
fn mail(rows: &[Object<AttributeMapping>]) -> String {
    let mut mapped = rows.iter().filter(|row| is(row, Attribute::MAIL));
    let made = match (mapped.next(), mapped.next()) {
        (Some(row), None) => source::made(row.source.as_deref()).ok(),
        _ => None,
    };
    match made {
        Some(Made::Expression(expression)) => expression.source().to_owned(),
        Some(Made::Constant(_) | Made::Nothing) | None => format!("[{}]", Attribute::MAIL),
    }
}

/// Rows on leavers; whether accounts are deleted, and whether they are blocked.
fn leavers(rows: &[Object<AttributeMapping>], flows: Flows) -> (Vec<Row>, bool, bool) {
    let row = |name: &str, from: &str, answer| Row::new(Part::Leavers, name, from, answer);
    let seen = rows.iter().any(|row| is(row, SOFT_DELETED) && is_made_from(row, "[IsSoftDeleted]"));
    let deletes = flows.delete && seen;
    let gone = match (flows.delete, seen) {
        (true, true) => row("deleted, out_of_scope", "Delete, [IsSoftDeleted]", Answer::Translated),
        (false, _) => row("deleted, out_of_scope", "without Delete", Answer::Partly)
            .why("accounts of people who leave are kept; whether the service keeps all of them is not documented"),
        (true, false) => row("deleted, out_of_scope", "without [IsSoftDeleted]", Answer::Partly)
            .why("accounts of people who leave are kept; the service may delete those of people deleted for good"),
    };
    let word = if deletes { "delete" } else { "keep" };
    let gone = gone.written(format!("deleted = \"{word}\", out_of_scope = \"{word}\""));

    let blocked = rows.iter().find(|row| is(row, Attribute::ACCOUNT_ENABLED));
    let flow = blocked.and_then(|row| Flow::of(row, flows).ok().filter(|_| is_made_from(row, "[accountEnabled]")));
    let blocks = !matches!(flow, Some(Flow::Creation | Flow::Empty));
    let block = match (blocked, flow) {
        (Some(_), Some(Flow::Always)) => row("disabled", "[accountEnabled]", Answer::Translated),
        (Some(_), Some(Flow::Creation | Flow::Empty)) => {
            row("disabled", "[accountEnabled], when the account is made", Answer::Translated)
        }
        (Some(_), None) => row("disabled", "accountEnabled", Answer::Partly).why(BLOCKS),
        (None, _) => row("disabled", "no row for accountEnabled", Answer::Partly).why(BLOCKS),
    };
    let word = if blocks { "disable" } else { "keep" };
    (vec![gone, block.written(format!("disabled = \"{word}\""))], deletes, blocks)
}

const BLOCKS: &str = "crosstie blocks the accounts of people who are blocked at home; \"keep\" leaves them alone";
