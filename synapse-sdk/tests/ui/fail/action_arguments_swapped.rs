use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train(_ctx: &Context, params: TrainParams) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {}
