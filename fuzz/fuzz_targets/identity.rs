//! An identity, and the config within it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_host::config;
use synapse_sdk::abi::identity::{Identity, MAX_CONFIG, MAX_JSON};

fuzz_target!(|bytes: &[u8]| {
    match Identity::parse(bytes) {
        Ok(identity) => {
            assert!(bytes.len() >= 32 && identity.config.len() <= 3 * MAX_CONFIG);
            assert!(identity.facts.actions.len() <= MAX_JSON);
            let _ = config::parse(&identity.config);
        }
        Err(bad) => assert!(!bad.to_string().is_empty()),
    }
});
