use synapse_sdk::prelude::*;

#[params]
struct TrainParams<'a> {
    name: &'a str,
}

fn main() {
    let _ = TrainParams { name: "net" }.name;
}
