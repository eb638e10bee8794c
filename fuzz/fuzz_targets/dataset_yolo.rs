//! A label file of YOLO: each line is read or told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_datasets::Format;

fuzz_target!(|bytes: &[u8]| synapse_fuzz::dataset(
    Format::Yolo,
    "labels/a.txt",
    &[("images/a.bmp", synapse_fuzz::PICTURE), ("classes.txt", b"a\nb\n")],
    bytes
));
