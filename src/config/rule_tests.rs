//! Which rule sets have tests, and are the tests sound? No tenant and no secret is needed to ask.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::load::{RULES_DIR, name_fault, read_text};
use super::report::Report;
use crate::rules::diagnostic::did_you_mean;
use crate::rules::table::{Section, document};
use crate::rules::{Diagnostic, RuleSet, TestCase};

/// A rule set with its tests.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The rule set, checked.
    pub rules: RuleSet,
    /// The file of the tests.
    pub file: PathBuf,
    /// In the order of the file.
    pub cases: Vec<TestCase>,
}

/// All tests that were asked for.
#[derive(Clone, Debug)]
pub struct RuleTests {
    /// By name.
    pub suites: Vec<Suite>,
    /// Files that would hold tests of rule sets that have none.
    pub missing: Vec<PathBuf>,
    /// Warnings only.
    pub warnings: Report,
}

/// Reads the rule sets of those names, or all of them, with their tests.
///
/// Of the configuration only `rules_dir` is read, so that rules can be tested where no tenant is set up; where there is no
/// configuration at all, and none `is_named`, rule sets stand beside where it would be.
pub fn rule_tests(config: &Path, is_named: bool, names: &[String]) -> Result<RuleTests, Report> {
    let mut reading = Reading { folder: rules_folder(config, is_named)?, report: Report::default() };
    let (there, tested) = reading.names()?;
    let asked: BTreeSet<String> = if names.is_empty() { tested.clone() } else { names.iter().cloned().collect() };
    if tested.is_empty() {
        let finding = Diagnostic::error("no-tests", "there are no tests of rules here");
        let hint = "tests of NAME.toml stand beside it in NAME.test.toml; `crosstie init` writes an example";
        reading.complain(finding.hint(hint));
    }
    let mut suites = Vec::new();
    for name in asked {
        match (there.contains(&name), tested.contains(&name)) {
            (true, true) => suites.extend(reading.suite(&name)),
            (true, false) if tested.is_empty() => {}
            (true, false) => {
                let finding = Diagnostic::error("no-tests", format!("the rule set `{name}` has no tests"));
                reading.complain(finding.hint(format!("write them into {name}.test.toml")));
            }
            (false, _) => {
                let finding = Diagnostic::error("rules-file", format!("there is no rule set `{name}` to test"));
                let hint = did_you_mean(&name, there.iter().map(String::as_str));
                let hint = hint.unwrap_or_else(|| "tests stand beside their rule set and share its name".to_owned());
                reading.complain(finding.hint(hint));
            }
        }
    }
    if reading.report.is_error() {
        return Err(reading.report);
    }
    let untested = there.difference(&tested).filter(|_| names.is_empty());
    let missing = untested.map(|name| reading.folder.join(format!("{name}.test.toml"))).collect();
    Ok(RuleTests { suites, missing, warnings: reading.report })
}

/// Where rule sets stand.
fn rules_folder(config: &Path, is_named: bool) -> Result<PathBuf, Report> {
    let beside = config.parent().unwrap_or(Path::new(""));
    if !is_named && !config.exists() {
        return Ok(beside.join(RULES_DIR));
    }
    let text = read_text(config).map_err(|fault| Report::of(config, "", vec![unreadable(fault)]))?;
    let mut findings = Vec::new();
    let folder = document(&text, &mut findings).and_then(|table| {
        let root = Section::root(&table, "crosstie.toml");
        root.word("rules_dir", &mut findings).map(|word| beside.join(word.text))
    });
    if findings.is_empty() {
        Ok(folder.unwrap_or(beside.join(RULES_DIR)))
    } else {
        Err(Report::of(config, &text, findings))
    }
}

fn unreadable((message, hint): (String, Option<String>)) -> Diagnostic {
    Diagnostic { hint, ..Diagnostic::error("unreadable", message) }
}

struct Reading {
    folder: PathBuf,
    report: Report,
}

impl Reading {
    /// A complaint about the folder as a whole.
    fn complain(&mut self, finding: Diagnostic) {
        self.report.add(self.folder.clone(), "", vec![finding]);
    }

    /// Names of the rule sets that there are, and names that have tests.
    fn names(&self) -> Result<(BTreeSet<String>, BTreeSet<String>), Report> {
        let no = |error: std::io::Error| {
            let finding = Diagnostic::error("unreadable", format!("cannot read {}: {error}", self.folder.display()));
            let hint = "rule sets stand in sync-rules beside crosstie.toml, or where its `rules_dir` says";
            Report::of(&self.folder, "", vec![finding.hint(hint)])
        };
        let (mut there, mut tested) = (BTreeSet::new(), BTreeSet::new());
        for entry in std::fs::read_dir(&self.folder).map_err(no)? {
            let file = entry.map_err(no)?.file_name();
            let Some(name) = file.to_str().and_then(|name| name.strip_suffix(".toml")) else { continue };
            match name.strip_suffix(".test") {
                Some(name) => drop(tested.insert(name.to_owned())),
                None if name_fault(name).is_none() => drop(there.insert(name.to_owned())),
                None => {}
            }
        }
        Ok((there, tested))
    }

    fn suite(&mut self, name: &str) -> Option<Suite> {
        let rules = self.read(&self.folder.join(format!("{name}.toml")), |text| RuleSet::parse(name, text));
        let file = self.folder.join(format!("{name}.test.toml"));
        let cases = self.read(&file, TestCase::parse_all);
        Some(Suite { rules: rules?, file, cases: cases? })
    }

    fn read<T>(
        &mut self,
        path: &Path,
        parse: impl FnOnce(&str) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>>,
    ) -> Option<T> {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(fault) => {
                self.report.add(path.to_owned(), "", vec![unreadable(fault)]);
                return None;
            }
        };
        let (read, findings) = match parse(&text) {
            Ok((read, warnings)) => (Some(read), warnings),
            Err(findings) => (None, findings),
        };
        self.report.add(path.to_owned(), &text, findings);
        read
    }
}
