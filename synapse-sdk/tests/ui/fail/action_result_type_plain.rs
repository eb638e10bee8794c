use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

struct Trained {
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<Trained> {
    Ok(Trained { epochs: params.epochs })
}

fn main() {}
