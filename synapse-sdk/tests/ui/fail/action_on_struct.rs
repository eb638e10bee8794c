use synapse_sdk::prelude::*;

#[action(name = "train")]
struct Train {
    epochs: u32,
}

fn main() {
    let _ = Train { epochs: 1 };
}
