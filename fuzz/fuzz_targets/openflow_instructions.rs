//! No input breaks a law of `fuzz_checks::openflow_instructions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::openflow_instructions(data));
