//! What holds of every expression and every user, whoever makes them up: the property tests and the fuzzer.

use crosstie::model::{Attributes, Timestamp, Value};
use crosstie::rules::{Dialect, Expression, Inputs, Output};

/// In every dialect that takes it: the canonical form means the same, a trace tells the same, and the same inputs give the
/// same result again. Answers whether any dialect took it.
pub(crate) fn lives_through(source: &str, user: &Attributes) -> bool {
    let mut taken = false;
    for (_, dialect) in Dialect::NAMED {
        let Ok(expression) = Expression::parse_in(dialect, source) else { continue };
        taken = true;
        let inputs = Inputs {
            seed: ["a person", "an attribute"],
            is_taken: &|value| value.len() % 2 == 0,
            ..Inputs::new(user, NOW)
        };
        let result = expression.evaluate(inputs);
        assert_eq!(expression.evaluate(inputs), result, "{source}");
        let (traced, steps) = expression.trace(inputs);
        assert_eq!(traced, result, "{source}");
        if let (Some(last), Ok(output)) = (steps.last(), &result) {
            assert!(last.depth > 0 || last.result.as_ref() == Ok(output), "{source}: {last:?}");
        }
        let canonical = expression.to_string();
        let again = Expression::parse_in(dialect, &canonical).unwrap_or_else(|e| panic!("{canonical}: {e}"));
        assert_eq!(again.to_string(), canonical);
        assert_eq!(again.attributes(), expression.attributes());
        assert_eq!(again.shape(), expression.shape());
        match (&result, again.evaluate(inputs)) {
            (Err(a), Err(b)) => assert_eq!(a.message, b.message),
            (a, b) => assert_eq!(*a, b),
        }
        if let Err(fault) = &result {
            assert!(source.get(fault.span.clone()).is_some(), "{source}: {fault:?}");
        }
        if let Ok(Output::Value(Some(Value::Text(text)))) = &result {
            assert!(text.len() <= 64 * 1024);
        }
    }
    taken
}

/// 2026-11-27T09:00:00Z.
const NOW: Timestamp = Timestamp(1_795_770_000_000);

/// A source, and behind zero bytes the values of `[a]` and `[b]`: a JSON value, or else a text. Answers whether any dialect
/// took it.
pub(crate) fn tried_out(data: &[u8]) -> bool {
    let mut parts = data.split(|byte| *byte == 0).map(std::str::from_utf8);
    let Some(Ok(source)) = parts.next() else { return false };
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let values = parts.map_while(Result::ok).map(value);
    let user: Attributes = ["a", "b", "accountEnabled"].into_iter().map(Into::into).zip(values).collect();
    lives_through(source, &user)
}
