//! A COCO file: read as far as it goes, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_datasets::Format;

fuzz_target!(|bytes: &[u8]| synapse_fuzz::dataset(Format::Coco, "annotations.json", &[], bytes));
