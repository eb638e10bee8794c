//! A batch of events, as a worker that died may have left it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synapse_host::fuzzing::events(bytes));
