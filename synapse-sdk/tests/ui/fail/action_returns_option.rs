use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Option<u32> {
    params.epochs.checked_sub(1)
}

fn main() {}
