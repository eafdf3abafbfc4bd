//! No input breaks a law of `fuzz_checks::openflow_match`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::openflow_match(data));
