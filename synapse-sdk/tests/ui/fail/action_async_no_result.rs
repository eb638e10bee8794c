use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
async fn train(params: TrainParams, _ctx: &Context) -> u32 {
    params.epochs
}

fn main() {}
