//! A plugin's file: ELF, its needs, its identity. Whatever the bytes, they are
//! read or refused with reasons.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_host::check::PluginFile;
use synapse_host::config;

fuzz_target!(|bytes: &[u8]| {
    let file = PluginFile::of_bytes(bytes);
    for reason in &file.reasons {
        assert!(!reason.to_string().is_empty() && !reason.fix().is_empty());
    }
    // Nothing is kept silent: what was not read has a reason.
    assert!(file.identity.is_some() || !file.reasons.is_empty());
    if let Some(identity) = file.identity {
        let _ = config::parse(&identity.config);
    }
});
