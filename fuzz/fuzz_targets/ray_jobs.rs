//! What a Ray cluster answers about jobs, nodes and itself over HTTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_ray::fuzzing::jobs(bytes));
