use synapse_sdk::prelude::*;

struct TrainParams {
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {
    let _ = LocalExecutor::new().execute::<train>(json!({ "epochs": 1 }));
}
