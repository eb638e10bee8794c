use synapse_sdk::prelude::*;

#[action = "train"]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
