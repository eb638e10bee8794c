use synapse_sdk::prelude::*;

#[action(name = "train", exclusive, name = "test")]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
