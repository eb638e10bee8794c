//! What a Ray cluster answers about Ray Serve, and what is put back of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_ray::fuzzing::serve(bytes));
