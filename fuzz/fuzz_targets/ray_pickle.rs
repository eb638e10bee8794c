//! What a Ray cluster answers, as Python pickled it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_ray::fuzzing::pickle(bytes));
