use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(default = 0.5)]
    epochs: u32,
    #[param(default = "fast")]
    speed: u32,
}

fn main() {
    let TrainParams { epochs, speed } = TrainParams { epochs: 1, speed: 2 };
    let _ = epochs + speed;
}
