//! No input breaks a law of `fuzz_checks::ofsim_trace`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::ofsim_trace(data));
