//! No input breaks a law of `fuzz_checks::openflow_flow_text`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::openflow_flow_text(data));
