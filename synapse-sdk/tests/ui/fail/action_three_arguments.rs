use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train(params: TrainParams, rate: f64, _ctx: &Context) -> Result<f64> {
    Ok(f64::from(params.epochs) * rate)
}

fn main() {}
