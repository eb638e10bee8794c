use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train(params: TrainParams) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {
    // Whatever names the action stays quiet.
    let _ = LocalExecutor::new().execute::<train>(json!({ "epochs": 1 }));
}
