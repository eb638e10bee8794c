//! A bundle: the archive, its manifest, its entries. Whatever the bytes, they are
//! refused, or every name leads into the bundle and every entry that is read has
//! its digest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_host::bundle::Bundle;

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = Bundle::of_bytes(bytes) else { return };
    let mut total = 0;
    for file in &bundle.manifest().files {
        assert!(!file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."));
        total += file.bytes;
        if let Ok(Ok(read)) = bundle.read(file) {
            assert_eq!(read.len() as u64, file.bytes);
        }
    }
    // Nothing is larger unpacked than it was.
    assert!(total <= bytes.len() as u64);
    let _ = bundle.manifest().description();
    let _ = bundle.library_here();
});
