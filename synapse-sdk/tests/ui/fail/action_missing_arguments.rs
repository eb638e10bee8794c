use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn no_context(params: TrainParams) -> Result<u32> {
    Ok(params.epochs)
}

#[action]
fn no_params(ctx: &Context) -> Result<()> {
    ctx.check_cancelled()
}

#[action]
fn nothing() -> Result<()> {
    Ok(())
}

fn main() {
    // Whatever names the action stays quiet.
    let _ = LocalExecutor::new().execute::<no_context>(json!({ "epochs": 1 }));
}
