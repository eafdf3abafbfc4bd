//! No input breaks a law of `fuzz_checks::ovsdb_reply`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::ovsdb_reply(data));
