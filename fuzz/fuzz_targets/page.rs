//! `cargo +nightly fuzz run page`: see `tests/fuzz/targets/`.
#![no_main]

#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::named("page").map(|target| (target.run)(data));
});
