use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(alias = "rounds")]
    epochs: u32,
    #[param(rename = "epochs")]
    count: u32,
    #[param(alias = "rounds", alias = "n", alias = "n")]
    size: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
    Ok(params.epochs + params.count + params.size)
}

fn main() {}
