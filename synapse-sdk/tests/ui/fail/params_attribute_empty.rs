use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param]
    epochs: u32,
    #[param = "Rate"]
    rate: f64,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    Ok(f64::from(params.epochs) + params.rate)
}

fn main() {}
