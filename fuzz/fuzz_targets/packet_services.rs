//! No input breaks a law of `fuzz_checks::packet_services`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::packet_services(data));
