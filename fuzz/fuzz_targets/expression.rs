//! Does any text, in any dialect, over any user, break the parser or the evaluator of expressions?
//!
//! `cargo +nightly fuzz run expression -- -max_total_time=600 -dict=fuzz/expression.dict`
#![no_main]

#[path = "../../tests/expression_laws/mod.rs"]
mod expression_laws;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    expression_laws::tried_out(data);
});
