use synapse_sdk::prelude::*;

#[derive(DataType)]
#[data_type(parent = YoloDataset)]
struct Panoramas;

fn main() {}
