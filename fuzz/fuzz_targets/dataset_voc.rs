//! An XML file of Pascal VOC.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_datasets::Format;

fuzz_target!(|bytes: &[u8]| synapse_fuzz::dataset(
    Format::Voc,
    "Annotations/a.xml",
    &[("JPEGImages/a.bmp", synapse_fuzz::PICTURE)],
    bytes
));
