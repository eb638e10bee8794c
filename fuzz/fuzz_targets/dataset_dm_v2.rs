//! A document of DM v2.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_datasets::Format;

fuzz_target!(|bytes: &[u8]| synapse_fuzz::dataset(
    Format::DmV2,
    "json/a.json",
    &[("original_files/a.bmp", synapse_fuzz::PICTURE)],
    bytes
));
