//! A library to be stamped, and the stamp of one. Whatever the bytes, what is
//! stamped is read back and is as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_host::check::PluginFile;
use synapse_host::stamp::{Stamp, stamp};

fuzz_target!(|bytes: &[u8]| {
    let _ = Stamp::parse(bytes);
    let manifest = serde_json::from_str(r#"{"sdk":"1","actions":[],"data_types":[]}"#).expect("a manifest");
    let Ok(stamped) = stamp(bytes, &manifest) else { return };
    let Some(section) = PluginFile::of_bytes(&stamped.bytes).stamp else { return };
    let Ok(read) = Stamp::parse(&section) else { return };
    assert_eq!(read.manifest, manifest);
    assert!(read.holds(stamped.bytes.as_slice()).expect("memory can be read"));
    let again = stamp(&stamped.bytes, &manifest).expect("it was stamped before");
    assert_eq!(again.bytes, stamped.bytes);
});
