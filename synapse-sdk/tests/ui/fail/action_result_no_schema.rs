use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

struct Trained;

#[action(result = Trained)]
fn train(params: TrainParams, _ctx: &Context) -> Result<Value> {
    Ok(json!({ "epochs": params.epochs }))
}

fn main() {}
