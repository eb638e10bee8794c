use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train<'a>(params: TrainParams, _ctx: &'a Context) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {}
