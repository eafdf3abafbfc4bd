//! No input breaks a law of `fuzz_checks::packet_messages`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::packet_messages(data));
