use synapse_sdk::prelude::*;

#[params]
fn train_params() -> u32 {
    5
}

fn main() {
    let _ = train_params();
}
