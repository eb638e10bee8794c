//! What a Ray cluster sends on a stream of gRPC.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_ray::fuzzing::messages(bytes));
