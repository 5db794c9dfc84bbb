//! A rule set and its tests, as somebody typed them: is what is sound the same whenever it is read, and every fault placed?

use crosstie::rules::{Diagnostic, Expression, RuleSet, Source, TestCase};

pub const WORDS: &[&str] = &[
    "description = \"x\"\n",
    "account = \"guest\"\n",
    "account = \"member\"\n",
    "[[scope]]\n",
    "all = [",
    "{ attribute = \"department\", equals = \"Staff\" },",
    "{ attribute = \"mail\", ",
    "is_present = true",
    "matches = \"(a+)+$\"",
    "matches = \"",
    "groups = [\"11111111-2222-3333-4444-555555555555\"]\n",
    "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n",
    "[attributes]\n",
    "displayName = \"[displayName]\"\n",
    "jobTitle = { from = \"[jobTitle]\", apply = \"create\", when_empty = \"keep\" }\n",
    "department = 'Join(\" \", [givenName], [surname])'\n",
    "manager = \"[manager]\"\n",
    "userType = \"Member\"\n",
    "passwordProfile = \"x\"\n",
    "[leavers]\n",
    "deleted = \"delete\"\n",
    "grace_days = 7\n",
    "[guard]\n",
    "deletes = { max = 5, percent = 10 }\n",
    "[[case]]\nname = \"x\"\n",
    "user = { department = \"Staff\" }\n",
    "expect = \"in scope\"\n",
    "now = \"2026-01-01T00:00:00Z\"\n",
    "'''",
    "\"\"\"",
    "\\u0000",
    "\\u202e",
    "\u{feff}",
    "#",
    "=",
    "]",
    "}",
];

pub const EXPRESSION_WORDS: &[&str] = &[
    "Switch(",
    "IIF(",
    "Join(\",\", ",
    "Replace(",
    "Mid(",
    "[a]",
    "[b]",
    "[accountEnabled]",
    "\"x\"",
    "\"\\\"",
    "(",
    ")",
    ", ",
    "&",
    "-1",
    "9223372036854775807",
    "Now()",
    "DateAdd(\"yyyy\", ",
    "FormatDateTime(",
    "SelectUniqueValue(",
    "NormalizeDiacritics(",
    "(a+)+$",
    "\0",
];

pub fn rules(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    cases(text);
    let set = match RuleSet::parse("staff", text) {
        Ok((set, warnings)) => {
            assert!(!warnings.iter().any(Diagnostic::is_error), "sound, and yet: {warnings:?}");
            placed(text, &warnings);
            set
        }
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error), "refused without a reason: {findings:?}");
            placed(text, &findings);
            return false;
        }
    };
    assert_eq!(set.text, text);
    // Comments decide nothing.
    for again in [text.to_owned(), format!("{text}\n# said beside\n")] {
        let (other, _) = RuleSet::parse("other", &again).expect("what is sound stays so");
        assert_eq!(other.fingerprint, set.fingerprint);
    }
    for attribute in set.attributes.keys() {
        const NEVER: [&str; 6] =
            ["id", "passwordProfile", "userPrincipalName", "identities", "assignedLicenses", "externalUserState"];
        assert!(!NEVER.contains(&attribute.as_str()), "{attribute} may be written by no rule");
    }
    let made = set.attributes.values().filter_map(|m| match &m.source {
        Source::Expression(expression) => Some(expression),
        Source::Constant(_) | Source::Reference(_) => None,
    });
    for expression in made.chain(set.matches.iter().map(|m| &m.source)) {
        prints_and_parses(expression);
    }
    true
}

fn prints_and_parses(expression: &Expression) {
    let printed = expression.to_string();
    let dialects = crosstie::rules::Dialect::NAMED;
    let again = dialects.into_iter().filter_map(|(_, d)| Expression::parse_in(d, &printed).ok());
    assert!(again.into_iter().any(|e| e.to_string() == printed), "{printed}");
}

/// The same text as a file of rule tests.
fn cases(text: &str) {
    match TestCase::parse_all(text) {
        Ok((cases, warnings)) => {
            assert!(!cases.is_empty() && !warnings.iter().any(Diagnostic::is_error));
            placed(text, &warnings);
        }
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error));
            placed(text, &findings);
        }
    }
}

/// Each finding lies within the text, on whole characters, and says something short.
pub fn placed(text: &str, findings: &[Diagnostic]) {
    for finding in findings {
        assert!(!finding.message.trim().is_empty() && finding.message.len() <= 2_000 + text.len(), "{finding:?}");
        if let Some(span) = &finding.span {
            assert!(text.get(span.clone()).is_some(), "{finding:?} lies outside of {text:?}");
        }
    }
}
