//! The data.yaml of a YOLO dataset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_datasets::Format;

fuzz_target!(|bytes: &[u8]| synapse_fuzz::dataset(
    Format::Yolo,
    "data.yaml",
    &[("images/a.bmp", synapse_fuzz::PICTURE), ("labels/a.txt", b"0 0.5 0.5 0.2 0.2\n")],
    bytes
));
