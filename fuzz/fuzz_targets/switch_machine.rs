//! No input breaks a law of `fuzz_checks::switch_machine`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::switch_machine(data));
