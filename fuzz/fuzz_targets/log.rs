//! `cargo +nightly fuzz run log`: see `tests/fuzz/targets/`.
#![no_main]

#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::named("log").map(|target| (target.run)(data));
});
