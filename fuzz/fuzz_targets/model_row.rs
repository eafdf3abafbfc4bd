//! No input breaks a law of `fuzz_checks::model_row`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::model_row(data));
