use synapse_sdk::prelude::*;

#[action]
fn train(_params: TrainParams, _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
