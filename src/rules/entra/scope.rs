//! Whom does the schema take, and which `[[scope]]` tables take the same?
//!
//! A filter that narrows the scope is never just left out: a group of clauses goes as a whole, and a filter over all
//! groups that cannot be kept leaves a scope that takes nobody.

use super::read::{Clause, Filter, Group, Object, Rule, says_something};
use super::write::{inline, quoted};
use super::{Answer, Part, Row, names, sound};

/// The tables, and whether they may be used as they are.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// Alternatives, as in the schema. None: everybody.
    pub(super) tables: Vec<Table>,
    /// What had to be left out, with the reason.
    pub(super) lost: Vec<(String, String)>,
    /// A filter that narrows all of them was left out: they would take too many.
    pub(super) too_wide: bool,
    /// The schema has filters at all.
    pub(super) filtered: bool,
}

/// One `[[scope]]`.
#[derive(Debug)]
pub(super) struct Table {
    /// The filter's name.
    pub(super) name: String,
    /// Clauses as inline tables.
    pub(super) clauses: Vec<String>,
}

impl Scopes {
    /// Was so much lost that nobody may be taken?
    pub(super) fn takes_nobody(&self) -> bool {
        self.too_wide || self.filtered && self.tables.is_empty()
    }
}

/// The service takes the home's own members: no invited users (a law of crosstie, too), and no guests that are at home
/// there, which crosstie would take.
pub(super) const MEMBERS: &str = r#"{ attribute = "userType", operator = "EQUALS", value = "Member" }"#;

/// Every user has a name to sign in with.
pub(super) const NOBODY: &str = r#"{ attribute = "userPrincipalName", operator = "IS NULL" }"#;

/// What became of a clause.
enum Kept {
    /// An inline table.
    Clause(String),
    /// It holds for everybody whom crosstie ever takes.
    Always,
}

pub(super) fn translate(rule: &Rule, filter: Option<&Filter>, rows: &mut Vec<Row>) -> Scopes {
    let none = Filter::default();
    let filter = filter.unwrap_or(&none);
    let groups = filter.groups.as_deref().unwrap_or_default();
    let mut scopes = Scopes { filtered: !groups.is_empty(), ..Scopes::default() };
    let members = Row::new(Part::Scope, "internal members", "always so", Answer::Translated);
    rows.push(members.written(MEMBERS).why("the service takes internal members only"));
    for group in groups {
        let row = Row::new(Part::Scope, title(group), words(group), Answer::Translated);
        match clauses(group) {
            Ok(clauses) if clauses.is_empty() => {
                rows.push(Row { answer: Answer::BuiltIn, ..row }.why(EXTERNAL));
                scopes.tables.push(Table { name: title(group), clauses });
            }
            Ok(clauses) => {
                rows.push(row.written(format!("all = [{}]", clauses.join(", "))));
                scopes.tables.push(Table { name: title(group), clauses });
            }
            Err(why) => {
                scopes.lost.push((format!("{}: {}", title(group), words(group)), why.clone()));
                rows.push(Row { answer: Answer::NotTranslated, ..row }.why(why));
            }
        }
    }
    let sets =
        [("inputFilterGroups", &filter.input_filter_groups), ("categoryFilterGroups", &filter.category_filter_groups)];
    for (set, groups) in sets {
        narrowing(set, groups.as_deref().unwrap_or_default(), &mut scopes, rows);
    }
    for (name, value) in [("containerFilter", &rule.container_filter), ("groupFilter", &rule.group_filter)] {
        if says_something(value.as_ref()) {
            let from = value.as_ref().map(ToString::to_string).unwrap_or_default();
            let why = "it narrows the whole rule, and no part of a rule set does that";
            too_wide(Row::new(Part::Scope, name, from, Answer::NotTranslated).why(why), &mut scopes, rows);
        }
    }
    scopes
}

const EXTERNAL: &str = "crosstie never takes a user that is itself external at home";

/// A set of groups beside the scope: whoever is in none of them is not synchronized, and stays as he is. A rule set
/// knows only a scope whose leavers leave.
fn narrowing(set: &str, groups: &[Object<Group>], scopes: &mut Scopes, rows: &mut Vec<Row>) {
    let everybody = groups.iter().any(|g| clauses(g).is_ok_and(|clauses| clauses.is_empty()));
    for group in groups {
        let row = Row::new(Part::Scope, format!("{set}: {}", title(group)), words(group), Answer::BuiltIn);
        if everybody {
            rows.push(row.why(EXTERNAL));
        } else {
            let why = "whoever falls out of it keeps the account as it is, and a rule set has no such filter";
            too_wide(Row { answer: Answer::NotTranslated, ..row }.why(why), scopes, rows);
        }
    }
}

fn too_wide(row: Row, scopes: &mut Scopes, rows: &mut Vec<Row>) {
    scopes.too_wide = true;
    scopes.lost.push((format!("{}: {}", row.name, row.from), row.why.clone().unwrap_or_default()));
    rows.push(row);
}

fn title(group: &Group) -> String {
    group.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "a filter without a name".to_owned())
}

/// As a person would say it.
fn words(group: &Group) -> String {
    let clause = |c: &Object<Clause>| {
        let operand = c.source_operand_name.as_deref().unwrap_or("?");
        let operator = c.operator_name.as_deref().unwrap_or("?");
        let values: Vec<String> = values(c).iter().map(|v| format!("\"{v}\"")).collect();
        format!("{operand} {operator} {}", values.join(", ")).trim_end().to_owned()
    };
    let clauses: Vec<String> = group.clauses.iter().flatten().map(clause).collect();
    if clauses.is_empty() { "no clause".to_owned() } else { clauses.join(" AND ") }
}

fn values(clause: &Clause) -> Vec<&str> {
    let values = clause.target_operand.as_ref().and_then(|o| o.values.as_ref());
    values.into_iter().flatten().map(String::as_str).collect()
}

/// All clauses of a group but those that always hold; an error where any of them cannot be kept.
fn clauses(group: &Group) -> Result<Vec<String>, String> {
    let clauses = group.clauses.as_deref().unwrap_or_default();
    if clauses.is_empty() {
        return Err("a filter without a clause: whom the service takes by it is not documented".to_owned());
    }
    let mut kept = Vec::new();
    for clause in clauses {
        match translated(clause)? {
            Kept::Clause(clause) => kept.push(clause),
            Kept::Always => {}
        }
    }
    Ok(kept)
}

fn translated(clause: &Clause) -> Result<Kept, String> {
    let operand = clause.source_operand_name.as_deref().map(str::trim).filter(|o| !o.is_empty());
    let operand = operand.ok_or("a clause names no attribute (`sourceOperandName`)")?;
    let written = clause.operator_name.as_deref().unwrap_or_default();
    let (operator, arity) = operator(written).ok_or_else(|| unknown(written))?;
    let values = values(clause);
    // What the service's own template calls "Filter external users".
    if operand.eq_ignore_ascii_case("alternativeSecurityIds") && operator == "EQUALS" && values == ["None"] {
        return Ok(Kept::Always);
    }
    let attribute = names::graph(operand)?;
    let value = match (arity, values.as_slice()) {
        (Arity::Unary, values) if values.iter().all(|v| v.is_empty()) => None,
        (Arity::Unary, _) => return Err(format!("{operator} takes no value, and here it has one")),
        (Arity::Binary, [value]) => Some(quoted(value)),
        (Arity::Number, [value]) => {
            let number: Result<i64, _> = value.trim().parse();
            Some(number.map_err(|_| format!("{operator} compares whole numbers, and the value is none"))?.to_string())
        }
        (_, []) => return Err(format!("{operator} needs a value, and here it has none")),
        (_, _) => {
            return Err(format!("{operator} with several values: what the service makes of them is not documented"));
        }
    };
    let mut fields = vec![("attribute", quoted(&attribute)), ("operator", quoted(operator))];
    fields.extend(value.map(|value| ("value", value)));
    let clause = inline(&fields);
    sound(&format!("[[scope]]\nall = [{clause}]\n"))?;
    Ok(Kept::Clause(clause))
}

fn unknown(written: &str) -> String {
    let bare = bare(written);
    if bare == "ISMEMBEROF" || bare == "MEMBEROF" {
        return "membership is no clause; a scope table has `groups` for it".to_owned();
    }
    format!("there is no operator `{}`", written.chars().take(40).collect::<String>())
}

#[derive(Clone, Copy)]
enum Arity {
    Unary,
    Binary,
    Number,
}

/// Our name of an operator. The portal, its documentation and Graph write the same ones with blanks, underscores or
/// neither (`IS NOT NULL`, `ENDS_WITH`, `GREATER_THAN`).
fn operator(written: &str) -> Option<(&'static str, Arity)> {
    Some(match bare(written).as_str() {
        "EQUALS" => ("EQUALS", Arity::Binary),
        "NOTEQUALS" => ("NOT EQUALS", Arity::Binary),
        "ISTRUE" => ("IS TRUE", Arity::Unary),
        "ISFALSE" => ("IS FALSE", Arity::Unary),
        "ISNULL" => ("IS NULL", Arity::Unary),
        "ISNOTNULL" => ("IS NOT NULL", Arity::Unary),
        "REGEXMATCH" => ("REGEX MATCH", Arity::Binary),
        "NOTREGEXMATCH" => ("NOT REGEX MATCH", Arity::Binary),
        "GREATERTHAN" => ("Greater_Than", Arity::Number),
        "GREATERTHANOREQUALS" => ("Greater_Than_OR_EQUALS", Arity::Number),
        "INCLUDES" => ("Includes", Arity::Binary),
        "ENDSWITH" => ("ENDS_WITH", Arity::Binary),
        "&" => ("&", Arity::Binary),
        "!&" => ("!&", Arity::Binary),
        _ => return None,
    })
}

fn bare(written: &str) -> String {
    written.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).map(|c| c.to_ascii_uppercase()).collect()
}
