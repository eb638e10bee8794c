//! An encrypted connection, whose bytes are damaged on their way.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_host::fuzzing::seal(bytes));
