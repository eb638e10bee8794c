use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _rate: f64) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {}
