//! No input breaks a law of `fuzz_checks::config_text`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::config_text(data));
