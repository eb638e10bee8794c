use synapse_sdk::prelude::*;

struct GreetParams {
    name: String,
}

fn main() {
    let _ = GreetParams::from_json("{}");
}
