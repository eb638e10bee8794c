use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(default, ge = 1)]
    epochs: u32,
    #[param(default, length(min = 1))]
    name: String,
    #[param(default, items(min = 2))]
    layers: Vec<u32>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    Ok(params.epochs as usize + params.name.len() + params.layers.len())
}

fn main() {}
