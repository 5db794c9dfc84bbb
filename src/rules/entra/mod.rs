//! Which rule set says what an exported cross-tenant synchronization says, and what of it can a rule set not say?
//!
//! Nothing is guessed: what cannot be said as it was meant is left out, with the reason. Nothing that is left out makes
//! the rule set take more people, or delete more accounts, than the schema would.

mod attributes;
mod names;
mod read;
mod scope;
mod source;
mod write;

use serde::Serialize;

use super::parse::is_guid;
use super::{Diagnostic, RuleSet};
use attributes::Mapped;
use read::{Flows, ObjectMapping};

/// The longest schema that is read. The directories' lists of attributes are most of it, and take some hundred KiB.
pub const SCHEMA_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The longest rule set that is made: `crosstie check` reads no longer one.
const RULES_BYTES_MAX: usize = 1024 * 1024;

/// A rule set, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The text of a file of `sync-rules/`.
    pub rules: String,
    /// In the order of the schema: what it says, row by row, and what became of it.
    pub rows: Vec<Row>,
    /// What no schema says, and the rule set has to.
    pub notes: Vec<String>,
}

/// One thing that the schema says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is about.
    pub part: Part,
    /// Its name: the target attribute, the scoping filter, the object mapping.
    pub name: String,
    /// How the schema says it.
    pub from: String,
    /// What became of it.
    pub answer: Answer,
    /// What stands for it in the rule set.
    pub written: Option<String>,
    /// What was lost and why, or what does it instead.
    pub why: Option<String>,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Which objects are mapped.
    Object,
    /// Who is taken.
    Scope,
    /// How an account that stands already is found.
    Match,
    /// What accounts are made as.
    Account,
    /// What a target attribute is made from.
    Attribute,
    /// What happens when people leave.
    Leavers,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The rule set says the same.
    Translated,
    /// crosstie does it by itself.
    BuiltIn,
    /// Switched off in the schema: there is nothing to translate.
    SwitchedOff,
    /// The rule set says less.
    Partly,
    /// The rule set does not say it.
    NotTranslated,
}

impl Answer {
    /// All of them.
    pub const ALL: [Answer; 5] =
        [Answer::Translated, Answer::BuiltIn, Answer::SwitchedOff, Answer::Partly, Answer::NotTranslated];

    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Answer::Translated => "translated",
            Answer::BuiltIn => "built in",
            Answer::SwitchedOff => "switched off",
            Answer::Partly => "partly",
            Answer::NotTranslated => "not translated",
        }
    }
    /// Was something lost?
    pub fn is_loss(self) -> bool {
        matches!(self, Answer::Partly | Answer::NotTranslated)
    }
}

impl Import {
    /// Does the rule set say everything that the schema says?
    pub fn is_whole(&self) -> bool {
        !self.rows.iter().any(|row| row.answer.is_loss())
    }
}

impl Row {
    fn new(part: Part, name: impl Into<String>, from: impl Into<String>, answer: Answer) -> Self {
        Self { part, name: name.into(), from: from.into(), answer, written: None, why: None }
    }
    fn written(self, text: impl Into<String>) -> Self {
        Self { written: Some(text.into()), ..self }
    }
    fn why(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }
}

/// Why no rule set can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not JSON at all.
    #[error("this is no JSON, at {line}:{column}: {message}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the reader said.
        message: String,
    },
    /// JSON, but a part of it is not what a schema has there.
    #[error("this is no synchronization schema, at {line}:{column}: {message}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the reader said.
        message: String,
    },
    /// An object without rules.
    #[error("there is no schema in it: `synchronizationRules` is missing")]
    NoRules,
    /// A job, or the list of jobs.
    #[error("this is a synchronization job, and not its schema: `synchronizationRules` is missing")]
    Job,
    /// Rules for other objects only.
    #[error("it maps no users: there is no object mapping from User to User{}", among(.there))]
    NoUsers {
        /// What is mapped instead.
        there: Vec<String>,
    },
    /// Nobody is synchronized.
    #[error("the mapping of users is switched off (`enabled` is false): nobody is synchronized by it")]
    SwitchedOff,
    /// Which one?
    #[error("it maps users more than once: {}", .names.join(", "))]
    Several {
        /// The mappings' names.
        names: Vec<String>,
    },
    /// Nothing is synchronized.
    #[error("the mapping of users has no `attributeMappings`")]
    NoRows,
    /// Beyond a limit.
    #[error("the mapping of users has more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Words that nobody knows.
    #[error("`flowTypes` is \"{text}\", and its words are Add, Update and Delete")]
    FlowTypes {
        /// As written.
        text: String,
    },
    /// A rule set always provisions.
    #[error("the mapping of users makes no accounts: its `flowTypes` is \"{text}\", without Add")]
    MakesNobody {
        /// As written.
        text: String,
    },
    /// Not an object id.
    #[error("`{text}` is no group: a group is named by its object id")]
    Group {
        /// As written.
        text: String,
    },
    /// The rule set would be too long to be read again.
    #[error("the rule set would be longer than 1 MiB")]
    TooLong,
    /// Our own fault.
    #[error("the rule set that was made is not sound; this is a fault of crosstie")]
    Unsound {
        /// What was made.
        rules: String,
        /// What is wrong with it.
        findings: Vec<Diagnostic>,
    },
}

fn among(there: &[String]) -> String {
    if there.is_empty() { String::new() } else { format!(", only {}", there.join(", ")) }
}

impl ImportError {
    /// The way out.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            ImportError::NotJson { .. } | ImportError::Shape { .. } | ImportError::NoRules | ImportError::Job => {
                "export it with GET /servicePrincipals/{id}/synchronization/jobs/{jobId}/schema"
            }
            ImportError::NoUsers { .. } => "export the schema of the job whose template is Azure2Azure",
            ImportError::SwitchedOff => "set `enabled` to true in the file to translate it all the same",
            ImportError::Several { .. } => "leave one of them in the file, and import each on its own",
            ImportError::NoRows => "export the whole schema",
            ImportError::TooMany { .. } | ImportError::TooLong => "is it the right file?",
            ImportError::FlowTypes { .. } => "correct it in the file",
            ImportError::MakesNobody { .. } => {
                "a rule set always provisions whom it takes; one that only joins does not exist"
            }
            ImportError::Group { .. } => "copy the group's Object ID from the home tenant: 8-4-4-4-12 digits",
            ImportError::Unsound { .. } => return None,
        })
    }
}

/// Makes a rule set of an exported schema. `groups` are home groups that are assigned to the configuration: the schema
/// does not say which.
pub fn translate(text: &str, groups: &[String]) -> Result<Import, ImportError> {
    if let Some(other) = groups.iter().find(|group| !is_guid(group)) {
        return Err(ImportError::Group { text: other.clone() });
    }
    let rules = read::schema(text)?;
    let (rule, mapping) = read::users(&rules)?;
    let flows = mapping.flows()?;
    let mut rows = vec![object(mapping, flows)];
    let others = rules.iter().flat_map(|r| r.object_mappings.iter().flatten());
    rows.extend(others.map(|m| &**m).filter(|m| !std::ptr::eq(*m, mapping)).map(other));
    let scopes = scope::translate(rule, mapping.scope.as_deref(), &mut rows);
    let mapped = Mapped::of(mapping.attribute_mappings.as_deref().unwrap_or_default(), flows);
    let titles = (rule.name.as_deref().unwrap_or_default(), mapping.title());
    let rules = write::rules(titles, &scopes, &mapped, groups);
    let notes = notes(groups, &mapped);
    rows.extend(mapped.into_rows());
    if rules.len() > RULES_BYTES_MAX {
        return Err(ImportError::TooLong);
    }
    match RuleSet::parse("imported", &rules) {
        Ok(_) => Ok(Import { rules, rows, notes }),
        Err(findings) => Err(ImportError::Unsound { rules, findings }),
    }
}

fn object(mapping: &ObjectMapping, flows: Flows) -> Row {
    let from = format!("{}, {}", mapping.objects(), mapping.flow_types.as_deref().unwrap_or("Add, Update, Delete"));
    let row = Row::new(Part::Object, mapping.title(), from, Answer::Translated);
    if flows.update {
        row
    } else {
        row.why("without Update: every attribute is written once, when the account is made")
    }
}

fn other(mapping: &ObjectMapping) -> Row {
    let answer = if mapping.is_on() { Answer::NotTranslated } else { Answer::SwitchedOff };
    let row = Row::new(Part::Object, mapping.title(), mapping.objects(), answer);
    if mapping.is_on() { row.why("crosstie makes accounts of users, and nothing else") } else { row }
}

fn notes(groups: &[String], mapped: &Mapped) -> Vec<String> {
    let mut notes = Vec::new();
    if groups.is_empty() {
        let note = "who is assigned to the configuration does not stand in its schema: if it synchronizes assigned users \
                    only, import again with --group and the object id of each assigned group";
        notes.push(note.to_owned());
    }
    if !mapped.has_service_key {
        let note = "there is no row for alternativeSecurityIds: is this the schema of a cross-tenant synchronization?";
        notes.push(note.to_owned());
    }
    notes
}

/// Does a part of a rule set say something sound? What the parser refuses, the schema meant otherwise.
fn sound(part: &str) -> Result<(), String> {
    let Err(findings) = RuleSet::parse("part", part) else { return Ok(()) };
    let error = findings.into_iter().find(Diagnostic::is_error);
    Err(error.map_or_else(String::new, |e| e.message))
}
