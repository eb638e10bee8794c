use synapse_sdk::prelude::*;

#[params]
struct TrainParams(u32, f64);

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    Ok(f64::from(params.0) * params.1)
}

fn main() {}
