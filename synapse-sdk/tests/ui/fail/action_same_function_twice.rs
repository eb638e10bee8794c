use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
