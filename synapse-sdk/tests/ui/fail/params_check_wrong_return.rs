use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(check = is_odd)]
    epochs: u32,
    #[param(check = |rate| *rate > 0.0)]
    rate: f64,
}

fn is_odd(number: &u32) -> bool {
    number % 2 == 1
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    Ok(f64::from(params.epochs) + params.rate)
}

fn main() {}
