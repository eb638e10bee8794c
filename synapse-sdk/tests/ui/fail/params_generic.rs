use synapse_sdk::prelude::*;

#[params]
struct TrainParams<T> {
    rate: T,
}

#[action]
fn train(params: TrainParams<f64>, _ctx: &Context) -> Result<f64> {
    Ok(params.rate)
}

fn main() {}
