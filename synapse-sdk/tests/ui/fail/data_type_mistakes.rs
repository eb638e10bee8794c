use synapse_sdk::prelude::*;

#[derive(DataType)]
#[data_type(parnet = Dataset)]
struct UnknownKey;

#[derive(DataType)]
#[data_type(parent = "dataset")]
struct ParentAsText;

#[derive(DataType)]
#[data_type(id = "my dataset")]
struct BadId;

#[derive(DataType)]
#[data_type(format = "a", format = "b")]
struct Twice;

#[derive(DataType)]
struct Generic<T>(T);

fn main() {
    let _ = (UnknownKey::FACTS, ParentAsText::FACTS, BadId::FACTS, Twice::FACTS);
}
