use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    name: &str,
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
    Ok(params.epochs + params.name.len() as u32)
}

fn main() {}
