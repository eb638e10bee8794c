use synapse_sdk::prelude::*;

struct Pictures;

#[derive(DataType)]
#[data_type(parent = Pictures)]
struct LabelledPictures;

fn main() {}
