use synapse_sdk::prelude::*;

struct Optimiser {
    rate: f64,
}

#[params]
struct TrainParams {
    epochs: u32,
    optimiser: Optimiser,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    Ok(f64::from(params.epochs) * params.optimiser.rate)
}

fn main() {}
