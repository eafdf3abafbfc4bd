//! No input breaks a law of `fuzz_checks::ovsdb_values`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::ovsdb_values(data));
