//! No input breaks a law of `fuzz_checks::ovsdb_update`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::ovsdb_update(data));
