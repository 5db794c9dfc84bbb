//! Does any text break the reader of rule sets, of their tests, or the import of a schema?
//!
//! cargo +nightly fuzz run rule_set -- -max_total_time=600
#![no_main]

use crosstie::rules::{RuleSet, TestCase, entra};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(findings) = RuleSet::parse("x", text) {
        assert!(findings.iter().any(|f| f.is_error()));
        for span in findings.into_iter().filter_map(|f| f.span) {
            assert!(span.start <= span.end && span.end <= text.len());
        }
    }
    let _ = TestCase::parse_all(text);
    let _ = entra::translate(text, &[]);
});
