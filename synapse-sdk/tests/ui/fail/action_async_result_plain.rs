use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

struct Trained;

#[action]
async fn train(_params: TrainParams, _ctx: &Context) -> Result<Trained> {
    Ok(Trained)
}

fn main() {}
