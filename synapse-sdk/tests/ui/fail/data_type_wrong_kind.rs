use synapse_sdk::prelude::*;

#[derive(DataType)]
#[data_type(parent = 1)]
struct ParentNumber;

#[derive(DataType)]
#[data_type(format = yolo)]
struct FormatBare;

#[derive(DataType)]
#[data_type("pictures")]
struct NoKey;

#[derive(DataType)]
#[data_type(colour = "red")]
struct FarKey;

#[derive(DataType)]
struct Größe;

fn main() {}
