//! An exported synchronization schema: does it become a sound rule set, or a refusal with a way out, and nothing else?

use crosstie::rules::RuleSet;
use crosstie::rules::entra::{ImportError, translate};

pub const WORDS: &[&str] = &[
    "{\"synchronizationRules\":[{\"objectMappings\":[{\"sourceObjectName\":\"User\",\"targetObjectName\":\"User\",",
    "\"attributeMappings\":[",
    "{\"targetAttributeName\":\"city\",\"source\":{\"expression\":\"[city]\",\"type\":\"Function\"}}",
    "\"targetAttributeName\":\"displayName\"",
    "\"defaultValue\":\"x\"",
    "\"flowType\":\"Always\"",
    "\"flowBehavior\":\"FlowWhenChanged\"",
    "\"matchingPriority\":1",
    "\"flowTypes\":\"Add, Update, Delete\"",
    "\"enabled\":false",
    "\"scope\":{\"groups\":[{\"name\":\"g\",\"clauses\":[{\"sourceOperandName\":\"department\",",
    "\"operatorName\":\"EQUALS\"",
    "\"operatorName\":\"REGEX MATCH\"",
    "\"targetOperand\":{\"values\":[\"",
    "Switch([a], \\\"\\\", \\\"b\\\", \\\"c\\\")",
    "IIF(",
    "\\n",
    "\\u202e",
    "\\u0000",
    "\\ud800",
    "'''",
    "\\\"\\\"\\\"",
    "null",
    "]}",
    "}",
    ",",
];

pub fn import(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let made = translate(text, &[]);
    assert_eq!(made, translate(text, &[]), "the same schema, translated twice");
    let made = match made {
        Ok(made) => made,
        Err(ImportError::Unsound { rules, findings }) => panic!("{findings:?} in\n{rules}"),
        Err(error) => {
            assert!(error.hint().is_some() && !error.to_string().is_empty());
            return false;
        }
    };
    let (set, _) = RuleSet::parse("imported", &made.rules).expect("a rule set that was made is sound");
    assert!(!made.rows.is_empty());
    assert_eq!(made.is_whole(), !made.rows.iter().any(|row| row.answer.is_loss()));
    // Nothing that a name in the schema says can end a comment or a line, or turn the direction of writing.
    let wild =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}');
    assert!(!made.rules.contains(wild), "{:?}", made.rules);
    assert!(made.rules.len() <= 10_000 + text.len() * 40, "{} bytes made of {}", made.rules.len(), text.len());
    // Nothing that is lost is lost in silence.
    for row in made.rows.iter().filter(|row| row.answer.is_loss()) {
        assert!(row.why.as_ref().is_some_and(|why| !why.is_empty()), "{row:?}");
    }
    assert!(set.matches.len() <= made.rows.len());
    true
}
