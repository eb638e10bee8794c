use synapse_sdk::prelude::*;

#[derive(DataType)]
#[data_type(parent = YoloDataset2)]
struct Panoramas;

fn main() {}
