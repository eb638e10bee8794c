//! What a worker sends, or whatever came instead.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_host::fuzzing::frames(bytes));
