use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(ge = 1, ge = 2, default = 3, default = 4)]
    epochs: u32,
}

fn main() {
    let _ = TrainParams { epochs: 1 }.epochs;
}
